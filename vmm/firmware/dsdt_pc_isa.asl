/* Devices behind the PIIX3: a part of dsdt_pc.asl. */
Device (MBRD)
{
	Name (_HID, EisaId ("PNP0C02"))
	Name (_UID, 1)
	Name (_CRS, ResourceTemplate ()
	{
		IO (Decode16, 0x0092, 0x0092, 1, 1)
		IO (Decode16, 0x00B2, 0x00B2, 1, 2)
		IO (Decode16, 0x04D0, 0x04D0, 1, 2)
		IO (Decode16, 0xAFE0, 0xAFE0, 1, 4)
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

Device (SPKR)
{
	Name (_HID, EisaId ("PNP0800"))
	Name (_CRS, ResourceTemplate ()
	{
		IO (Decode16, 0x0061, 0x0061, 1, 1)
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

Device (DMAC)
{
	Name (_HID, EisaId ("PNP0200"))
	Name (_CRS, ResourceTemplate ()
	{
		IO (Decode16, 0x0000, 0x0000, 1, 16)
		IO (Decode16, 0x0081, 0x0081, 1, 15)
		IO (Decode16, 0x00C0, 0x00C0, 1, 32)
		DMA (Compatibility, NotBusMaster, Transfer8) { 4 }
	})
	Method (_STA, 0)
	{
		Return (PRES (6))
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

Device (FDC0)
{
	Name (_HID, EisaId ("PNP0700"))
	Name (_CRS, ResourceTemplate ()
	{
		IO (Decode16, 0x03F2, 0x03F2, 1, 4)
		IO (Decode16, 0x03F7, 0x03F7, 1, 1)
		IRQNoFlags () { 6 }
		DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
	})
	Method (_STA, 0)
	{
		Return (PRES (6))
	}
}

Device (LPT1)
{
	Name (_HID, EisaId ("PNP0400"))
	Name (_UID, 1)
	Name (_CRS, ResourceTemplate ()
	{
		IO (Decode16, 0x0378, 0x0378, 1, 8)
		IRQNoFlags () { 7 }
	})
	Method (_STA, 0)
	{
		Return (PRES (7))
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
