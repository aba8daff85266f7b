/*
 * The guest's DSDT: what cannot be probed on the virtual PC. Compiled by iasl at build time; tables.c patches the
 * integer BHCF before the guest sees it:
 *
 *   bits 0-3  COM1..COM4 present     bit 4  8042     bit 5  RTC
 */
DefinitionBlock ("", "DSDT", 2, "BULKHD", "BULKHEAD", 1)
{
	/* A DWORD constant, so that its place in the AML has a fixed size. */
	Name (BHCF, 0x5AFEC0DE)

	/* SLP_TYPa of soft off: GUEST_S5_SLP_TYP, which ends the VM. 0 is what programs take that read no ACPI. */
	Name (\_S5, Package () { 0, 0, 0, 0 })

	/* 0: the OS uses the 8259s, 1: the IOAPIC. */
	Name (PICM, 0)
	Method (\_PIC, 1)
	{
		PICM = Arg0
	}

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_BBN, 0)

			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0000, 0x0CF7, 0, 0x0CF8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0D00, 0xFFFF, 0, 0xF300)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
					0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xC0000000, 0xFEBEFFFF, 0, 0x3EBF0000)
			})

			/* Pin p of slot s is PIRQ (s + p) & 3. */
			Method (_PRT, 0)
			{
				If (PICM)
				{
					Return (PRTA)
				}
				Return (PRTP)
			}

			/* GSI 16 + PIRQ. Tables, not a loop: the OS evaluates _PRT once for every device. */
			Name (PRTA, Package ()
			{
				Package () { 0x0001FFFF, 0, 0, 17 }, Package () { 0x0001FFFF, 1, 0, 18 },
				Package () { 0x0001FFFF, 2, 0, 19 }, Package () { 0x0001FFFF, 3, 0, 16 },
				Package () { 0x0002FFFF, 0, 0, 18 }, Package () { 0x0002FFFF, 1, 0, 19 },
				Package () { 0x0002FFFF, 2, 0, 16 }, Package () { 0x0002FFFF, 3, 0, 17 },
				Package () { 0x0003FFFF, 0, 0, 19 }, Package () { 0x0003FFFF, 1, 0, 16 },
				Package () { 0x0003FFFF, 2, 0, 17 }, Package () { 0x0003FFFF, 3, 0, 18 },
				Package () { 0x0004FFFF, 0, 0, 16 }, Package () { 0x0004FFFF, 1, 0, 17 },
				Package () { 0x0004FFFF, 2, 0, 18 }, Package () { 0x0004FFFF, 3, 0, 19 },
				Package () { 0x0005FFFF, 0, 0, 17 }, Package () { 0x0005FFFF, 1, 0, 18 },
				Package () { 0x0005FFFF, 2, 0, 19 }, Package () { 0x0005FFFF, 3, 0, 16 },
				Package () { 0x0006FFFF, 0, 0, 18 }, Package () { 0x0006FFFF, 1, 0, 19 },
				Package () { 0x0006FFFF, 2, 0, 16 }, Package () { 0x0006FFFF, 3, 0, 17 },
				Package () { 0x0007FFFF, 0, 0, 19 }, Package () { 0x0007FFFF, 1, 0, 16 },
				Package () { 0x0007FFFF, 2, 0, 17 }, Package () { 0x0007FFFF, 3, 0, 18 },
				Package () { 0x0008FFFF, 0, 0, 16 }, Package () { 0x0008FFFF, 1, 0, 17 },
				Package () { 0x0008FFFF, 2, 0, 18 }, Package () { 0x0008FFFF, 3, 0, 19 },
				Package () { 0x0009FFFF, 0, 0, 17 }, Package () { 0x0009FFFF, 1, 0, 18 },
				Package () { 0x0009FFFF, 2, 0, 19 }, Package () { 0x0009FFFF, 3, 0, 16 },
				Package () { 0x000AFFFF, 0, 0, 18 }, Package () { 0x000AFFFF, 1, 0, 19 },
				Package () { 0x000AFFFF, 2, 0, 16 }, Package () { 0x000AFFFF, 3, 0, 17 },
				Package () { 0x000BFFFF, 0, 0, 19 }, Package () { 0x000BFFFF, 1, 0, 16 },
				Package () { 0x000BFFFF, 2, 0, 17 }, Package () { 0x000BFFFF, 3, 0, 18 },
				Package () { 0x000CFFFF, 0, 0, 16 }, Package () { 0x000CFFFF, 1, 0, 17 },
				Package () { 0x000CFFFF, 2, 0, 18 }, Package () { 0x000CFFFF, 3, 0, 19 },
				Package () { 0x000DFFFF, 0, 0, 17 }, Package () { 0x000DFFFF, 1, 0, 18 },
				Package () { 0x000DFFFF, 2, 0, 19 }, Package () { 0x000DFFFF, 3, 0, 16 },
				Package () { 0x000EFFFF, 0, 0, 18 }, Package () { 0x000EFFFF, 1, 0, 19 },
				Package () { 0x000EFFFF, 2, 0, 16 }, Package () { 0x000EFFFF, 3, 0, 17 },
				Package () { 0x000FFFFF, 0, 0, 19 }, Package () { 0x000FFFFF, 1, 0, 16 },
				Package () { 0x000FFFFF, 2, 0, 17 }, Package () { 0x000FFFFF, 3, 0, 18 },
				Package () { 0x0010FFFF, 0, 0, 16 }, Package () { 0x0010FFFF, 1, 0, 17 },
				Package () { 0x0010FFFF, 2, 0, 18 }, Package () { 0x0010FFFF, 3, 0, 19 },
				Package () { 0x0011FFFF, 0, 0, 17 }, Package () { 0x0011FFFF, 1, 0, 18 },
				Package () { 0x0011FFFF, 2, 0, 19 }, Package () { 0x0011FFFF, 3, 0, 16 },
				Package () { 0x0012FFFF, 0, 0, 18 }, Package () { 0x0012FFFF, 1, 0, 19 },
				Package () { 0x0012FFFF, 2, 0, 16 }, Package () { 0x0012FFFF, 3, 0, 17 },
				Package () { 0x0013FFFF, 0, 0, 19 }, Package () { 0x0013FFFF, 1, 0, 16 },
				Package () { 0x0013FFFF, 2, 0, 17 }, Package () { 0x0013FFFF, 3, 0, 18 },
				Package () { 0x0014FFFF, 0, 0, 16 }, Package () { 0x0014FFFF, 1, 0, 17 },
				Package () { 0x0014FFFF, 2, 0, 18 }, Package () { 0x0014FFFF, 3, 0, 19 },
				Package () { 0x0015FFFF, 0, 0, 17 }, Package () { 0x0015FFFF, 1, 0, 18 },
				Package () { 0x0015FFFF, 2, 0, 19 }, Package () { 0x0015FFFF, 3, 0, 16 },
				Package () { 0x0016FFFF, 0, 0, 18 }, Package () { 0x0016FFFF, 1, 0, 19 },
				Package () { 0x0016FFFF, 2, 0, 16 }, Package () { 0x0016FFFF, 3, 0, 17 },
				Package () { 0x0017FFFF, 0, 0, 19 }, Package () { 0x0017FFFF, 1, 0, 16 },
				Package () { 0x0017FFFF, 2, 0, 17 }, Package () { 0x0017FFFF, 3, 0, 18 },
				Package () { 0x0018FFFF, 0, 0, 16 }, Package () { 0x0018FFFF, 1, 0, 17 },
				Package () { 0x0018FFFF, 2, 0, 18 }, Package () { 0x0018FFFF, 3, 0, 19 },
				Package () { 0x0019FFFF, 0, 0, 17 }, Package () { 0x0019FFFF, 1, 0, 18 },
				Package () { 0x0019FFFF, 2, 0, 19 }, Package () { 0x0019FFFF, 3, 0, 16 },
				Package () { 0x001AFFFF, 0, 0, 18 }, Package () { 0x001AFFFF, 1, 0, 19 },
				Package () { 0x001AFFFF, 2, 0, 16 }, Package () { 0x001AFFFF, 3, 0, 17 },
				Package () { 0x001BFFFF, 0, 0, 19 }, Package () { 0x001BFFFF, 1, 0, 16 },
				Package () { 0x001BFFFF, 2, 0, 17 }, Package () { 0x001BFFFF, 3, 0, 18 },
				Package () { 0x001CFFFF, 0, 0, 16 }, Package () { 0x001CFFFF, 1, 0, 17 },
				Package () { 0x001CFFFF, 2, 0, 18 }, Package () { 0x001CFFFF, 3, 0, 19 },
				Package () { 0x001DFFFF, 0, 0, 17 }, Package () { 0x001DFFFF, 1, 0, 18 },
				Package () { 0x001DFFFF, 2, 0, 19 }, Package () { 0x001DFFFF, 3, 0, 16 },
				Package () { 0x001EFFFF, 0, 0, 18 }, Package () { 0x001EFFFF, 1, 0, 19 },
				Package () { 0x001EFFFF, 2, 0, 16 }, Package () { 0x001EFFFF, 3, 0, 17 },
				Package () { 0x001FFFFF, 0, 0, 19 }, Package () { 0x001FFFFF, 1, 0, 16 },
				Package () { 0x001FFFFF, 2, 0, 17 }, Package () { 0x001FFFFF, 3, 0, 18 }
			})

			/* ISA IRQ 10 for PIRQ 0 and 2, 11 for 1 and 3. */
			Name (PRTP, Package ()
			{
				Package () { 0x0001FFFF, 0, 0, 11 }, Package () { 0x0001FFFF, 1, 0, 10 },
				Package () { 0x0001FFFF, 2, 0, 11 }, Package () { 0x0001FFFF, 3, 0, 10 },
				Package () { 0x0002FFFF, 0, 0, 10 }, Package () { 0x0002FFFF, 1, 0, 11 },
				Package () { 0x0002FFFF, 2, 0, 10 }, Package () { 0x0002FFFF, 3, 0, 11 },
				Package () { 0x0003FFFF, 0, 0, 11 }, Package () { 0x0003FFFF, 1, 0, 10 },
				Package () { 0x0003FFFF, 2, 0, 11 }, Package () { 0x0003FFFF, 3, 0, 10 },
				Package () { 0x0004FFFF, 0, 0, 10 }, Package () { 0x0004FFFF, 1, 0, 11 },
				Package () { 0x0004FFFF, 2, 0, 10 }, Package () { 0x0004FFFF, 3, 0, 11 },
				Package () { 0x0005FFFF, 0, 0, 11 }, Package () { 0x0005FFFF, 1, 0, 10 },
				Package () { 0x0005FFFF, 2, 0, 11 }, Package () { 0x0005FFFF, 3, 0, 10 },
				Package () { 0x0006FFFF, 0, 0, 10 }, Package () { 0x0006FFFF, 1, 0, 11 },
				Package () { 0x0006FFFF, 2, 0, 10 }, Package () { 0x0006FFFF, 3, 0, 11 },
				Package () { 0x0007FFFF, 0, 0, 11 }, Package () { 0x0007FFFF, 1, 0, 10 },
				Package () { 0x0007FFFF, 2, 0, 11 }, Package () { 0x0007FFFF, 3, 0, 10 },
				Package () { 0x0008FFFF, 0, 0, 10 }, Package () { 0x0008FFFF, 1, 0, 11 },
				Package () { 0x0008FFFF, 2, 0, 10 }, Package () { 0x0008FFFF, 3, 0, 11 },
				Package () { 0x0009FFFF, 0, 0, 11 }, Package () { 0x0009FFFF, 1, 0, 10 },
				Package () { 0x0009FFFF, 2, 0, 11 }, Package () { 0x0009FFFF, 3, 0, 10 },
				Package () { 0x000AFFFF, 0, 0, 10 }, Package () { 0x000AFFFF, 1, 0, 11 },
				Package () { 0x000AFFFF, 2, 0, 10 }, Package () { 0x000AFFFF, 3, 0, 11 },
				Package () { 0x000BFFFF, 0, 0, 11 }, Package () { 0x000BFFFF, 1, 0, 10 },
				Package () { 0x000BFFFF, 2, 0, 11 }, Package () { 0x000BFFFF, 3, 0, 10 },
				Package () { 0x000CFFFF, 0, 0, 10 }, Package () { 0x000CFFFF, 1, 0, 11 },
				Package () { 0x000CFFFF, 2, 0, 10 }, Package () { 0x000CFFFF, 3, 0, 11 },
				Package () { 0x000DFFFF, 0, 0, 11 }, Package () { 0x000DFFFF, 1, 0, 10 },
				Package () { 0x000DFFFF, 2, 0, 11 }, Package () { 0x000DFFFF, 3, 0, 10 },
				Package () { 0x000EFFFF, 0, 0, 10 }, Package () { 0x000EFFFF, 1, 0, 11 },
				Package () { 0x000EFFFF, 2, 0, 10 }, Package () { 0x000EFFFF, 3, 0, 11 },
				Package () { 0x000FFFFF, 0, 0, 11 }, Package () { 0x000FFFFF, 1, 0, 10 },
				Package () { 0x000FFFFF, 2, 0, 11 }, Package () { 0x000FFFFF, 3, 0, 10 },
				Package () { 0x0010FFFF, 0, 0, 10 }, Package () { 0x0010FFFF, 1, 0, 11 },
				Package () { 0x0010FFFF, 2, 0, 10 }, Package () { 0x0010FFFF, 3, 0, 11 },
				Package () { 0x0011FFFF, 0, 0, 11 }, Package () { 0x0011FFFF, 1, 0, 10 },
				Package () { 0x0011FFFF, 2, 0, 11 }, Package () { 0x0011FFFF, 3, 0, 10 },
				Package () { 0x0012FFFF, 0, 0, 10 }, Package () { 0x0012FFFF, 1, 0, 11 },
				Package () { 0x0012FFFF, 2, 0, 10 }, Package () { 0x0012FFFF, 3, 0, 11 },
				Package () { 0x0013FFFF, 0, 0, 11 }, Package () { 0x0013FFFF, 1, 0, 10 },
				Package () { 0x0013FFFF, 2, 0, 11 }, Package () { 0x0013FFFF, 3, 0, 10 },
				Package () { 0x0014FFFF, 0, 0, 10 }, Package () { 0x0014FFFF, 1, 0, 11 },
				Package () { 0x0014FFFF, 2, 0, 10 }, Package () { 0x0014FFFF, 3, 0, 11 },
				Package () { 0x0015FFFF, 0, 0, 11 }, Package () { 0x0015FFFF, 1, 0, 10 },
				Package () { 0x0015FFFF, 2, 0, 11 }, Package () { 0x0015FFFF, 3, 0, 10 },
				Package () { 0x0016FFFF, 0, 0, 10 }, Package () { 0x0016FFFF, 1, 0, 11 },
				Package () { 0x0016FFFF, 2, 0, 10 }, Package () { 0x0016FFFF, 3, 0, 11 },
				Package () { 0x0017FFFF, 0, 0, 11 }, Package () { 0x0017FFFF, 1, 0, 10 },
				Package () { 0x0017FFFF, 2, 0, 11 }, Package () { 0x0017FFFF, 3, 0, 10 },
				Package () { 0x0018FFFF, 0, 0, 10 }, Package () { 0x0018FFFF, 1, 0, 11 },
				Package () { 0x0018FFFF, 2, 0, 10 }, Package () { 0x0018FFFF, 3, 0, 11 },
				Package () { 0x0019FFFF, 0, 0, 11 }, Package () { 0x0019FFFF, 1, 0, 10 },
				Package () { 0x0019FFFF, 2, 0, 11 }, Package () { 0x0019FFFF, 3, 0, 10 },
				Package () { 0x001AFFFF, 0, 0, 10 }, Package () { 0x001AFFFF, 1, 0, 11 },
				Package () { 0x001AFFFF, 2, 0, 10 }, Package () { 0x001AFFFF, 3, 0, 11 },
				Package () { 0x001BFFFF, 0, 0, 11 }, Package () { 0x001BFFFF, 1, 0, 10 },
				Package () { 0x001BFFFF, 2, 0, 11 }, Package () { 0x001BFFFF, 3, 0, 10 },
				Package () { 0x001CFFFF, 0, 0, 10 }, Package () { 0x001CFFFF, 1, 0, 11 },
				Package () { 0x001CFFFF, 2, 0, 10 }, Package () { 0x001CFFFF, 3, 0, 11 },
				Package () { 0x001DFFFF, 0, 0, 11 }, Package () { 0x001DFFFF, 1, 0, 10 },
				Package () { 0x001DFFFF, 2, 0, 11 }, Package () { 0x001DFFFF, 3, 0, 10 },
				Package () { 0x001EFFFF, 0, 0, 10 }, Package () { 0x001EFFFF, 1, 0, 11 },
				Package () { 0x001EFFFF, 2, 0, 10 }, Package () { 0x001EFFFF, 3, 0, 11 },
				Package () { 0x001FFFFF, 0, 0, 11 }, Package () { 0x001FFFFF, 1, 0, 10 },
				Package () { 0x001FFFFF, 2, 0, 11 }, Package () { 0x001FFFFF, 3, 0, 10 }
			})

			/* Ports of the chipset that no other device claims. */
			Device (MBRD)
			{
				Name (_HID, EisaId ("PNP0C02"))
				Name (_UID, 1)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0061, 0x0061, 1, 1)
					IO (Decode16, 0x00B2, 0x00B2, 1, 2)
					IO (Decode16, 0x04D0, 0x04D0, 1, 2)
					IO (Decode16, 0x0600, 0x0600, 1, 0x24)
				})
			}

			Device (PIC)
			{
				Name (_HID, EisaId ("PNP0000"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0020, 0x0020, 1, 2)
					IO (Decode16, 0x00A0, 0x00A0, 1, 2)
					IRQNoFlags () { 2 }
				})
			}

			Device (TIMR)
			{
				Name (_HID, EisaId ("PNP0100"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0040, 0x0040, 1, 4)
					IRQNoFlags () { 0 }
				})
			}

			Device (RTC)
			{
				Name (_HID, EisaId ("PNP0B00"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0070, 0x0070, 1, 2)
					IRQNoFlags () { 8 }
				})
				Method (_STA, 0)
				{
					Return (PRES (5))
				}
			}

			Device (KBD)
			{
				Name (_HID, EisaId ("PNP0303"))
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x0060, 0x0060, 1, 1)
					IO (Decode16, 0x0064, 0x0064, 1, 1)
					IRQNoFlags () { 1 }
				})
				Method (_STA, 0)
				{
					Return (PRES (4))
				}
			}

			Device (MOU)
			{
				Name (_HID, EisaId ("PNP0F13"))
				Name (_CRS, ResourceTemplate ()
				{
					IRQNoFlags () { 12 }
				})
				Method (_STA, 0)
				{
					Return (PRES (4))
				}
			}

			Device (COM1)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, 1)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x03F8, 0x03F8, 1, 8)
					IRQNoFlags () { 4 }
				})
				Method (_STA, 0)
				{
					Return (PRES (0))
				}
			}

			Device (COM2)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, 2)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x02F8, 0x02F8, 1, 8)
					IRQNoFlags () { 3 }
				})
				Method (_STA, 0)
				{
					Return (PRES (1))
				}
			}

			Device (COM3)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, 3)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x03E8, 0x03E8, 1, 8)
					IRQNoFlags () { 4 }
				})
				Method (_STA, 0)
				{
					Return (PRES (2))
				}
			}

			Device (COM4)
			{
				Name (_HID, EisaId ("PNP0501"))
				Name (_UID, 4)
				Name (_CRS, ResourceTemplate ()
				{
					IO (Decode16, 0x02E8, 0x02E8, 1, 8)
					IRQNoFlags () { 3 }
				})
				Method (_STA, 0)
				{
					Return (PRES (3))
				}
			}

			/* _STA of an optional device: bit Arg0 of BHCF says whether it is there. */
			Method (PRES, 1)
			{
				If ((BHCF >> Arg0) & 1)
				{
					Return (0x0F)
				}
				Return (0)
			}
		}
	}
}
