/*
 * Virtual firmware for guests started without: ACPI (RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT), MP tables, SMBIOS
 * 3.0/2.8 entry points with their structures and the entry after a reset, in [GUEST_FW_BASE, GUEST_FW_END); the BIOS
 * data area. Pure.
 * Sources: ACPI 6.4, "ACPI Software Programming Model"; Intel MultiProcessor Specification 1.4; DMTF DSP0134 (SMBIOS)
 * 3.0.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"
#include "vmm/base/guest_map.h"

#define FW_MAX_CPUS 256

/* Fixed hardware that the tables describe (vmm/dev/pc/vpm.h, vreset.h, vioapic.h implement it). */
#define FW_PM1A_EVT_PORT 0x600 /* 4 bytes: PM1_STS, PM1_EN */
#define FW_PM1A_CNT_PORT 0x604 /* 2 bytes */
#define FW_PM_TMR_PORT   0x608 /* 4 bytes, 32-bit counter */
#define FW_GPE0_PORT     0x620 /* 4 bytes: 2 status, 2 enable */
#define FW_SMI_CMD_PORT  0xb2
#define FW_ACPI_ENABLE   0xf1
#define FW_ACPI_DISABLE  0xf0
#define FW_RESET_PORT    0xcf9
#define FW_RESET_VALUE   0x06
#define FW_SCI_GSI       9
#define FW_PCI_GSI_BASE  16 /* INTA..INTD of slot 0 -> GSI 16..19, rotated by slot */

struct fw_config {
	u32 nr_cpus;         /* 1..FW_MAX_CPUS; each becomes a LAPIC or x2APIC entry */
	const u32 *apic_ids; /* nr_cpus of them; NULL: 0, 1, 2 ... */
	u32 ioapic_id;
	u32 cpu_signature, cpu_features; /* CPUID leaf 1, EAX and EDX */
	const struct guest_map *map;     /* for SMBIOS' memory structures */
	u32 com_mask;     /* bit n: a UART at the customary port of COMn+1 (3F8h/4, 2F8h/3, 3E8h/4, 2E8h/3) */
	bool kbc;         /* 8042 with keyboard and mouse */
	bool vga;         /* a VGA-compatible display exists */
	bool rtc;         /* RTC/CMOS at 70h */
	const char *name; /* VM name: SMBIOS system serial number; NULL: none */
	u8 uuid[16];      /* SMBIOS system UUID, in the order RFC 4122 prints it; all zero: not present */
};

/* The compiled vmm/firmware/dsdt.asl (generated at build time). */
extern const u8 dsdt_aml[];
extern const u32 dsdt_aml_len;

/* Part of the firmware area as a cursor that fills it. */
struct fw_area {
	u8 *base;       /* host address of start */
	u64 start, end; /* guest-physical bounds */
	u64 at;         /* next free byte */
	bool full;      /* something did not fit: nothing more is given out */
};

/* The MP tables on their way. */
struct fw_mptable {
	u8 *floating, *base; /* the pointer; the header */
	u8 *next;            /* entry */
	u8 *summed;          /* the entries up to there are in sum */
	u64 base_gpa;
	u32 part, cpu; /* the next ones */
	u32 nr, len;
	u8 sum;
};

/* The MADT on its way. */
struct fw_madt {
	u8 *table, *next; /* entry */
	u64 gpa;
	u32 len, x2apics;
	u32 cpu; /* the next one */
	u8 sum;  /* of what lies before next */
};

/* SMBIOS on its way. */
struct fw_smbios {
	struct fw_area *a;
	u8 *sm3, *sm; /* entry points */
	u64 first;    /* guest-physical address of the structures */
	u32 part;     /* the next one */
	bool whole;   /* all structures are there */
	u32 nr;       /* structures so far */
	u32 largest;  /* bytes of the largest one, strings included */
};

/* Tables on their way into guest RAM; all 0 at the beginning. */
struct fw_build {
	u32 next; /* table */
	struct fw_area acpi, rom;
	u64 root, facs, dsdt, fadt; /* guest-physical addresses */
	u8 *root_ptr;
	struct fw_madt madt;
	struct fw_mptable mp;
	struct fw_smbios smbios;
};

/*
 * The next piece of fwtables_build(), of bounded work. true: go on; false: that is all, or *err is not OK. The rest
 * as there, the same in each call.
 */
bool fwtables_step(struct fw_build *b, const struct fw_config *cfg, const struct guest_mem *mem, gpa_t *rsdp,
                   int *err, char *why, size_t why_size);

/*
 * Writes all of it to guest RAM. *rsdp gets the RSDP's address. OK; ERR_INVAL (nr_cpus), ERR_NOSPC (they do not fit the area), ERR_FAULT (no RAM there), with a
 * sentence in why (why_size bytes; may be NULL).
 */
__must_check int fwtables_build(const struct fw_config *cfg, const struct guest_mem *mem, gpa_t *rsdp, char *why,
                                size_t why_size);
