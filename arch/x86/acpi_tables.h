/*
 * ACPI tables as bytes: finding, validating, parsing. Pure; memory is reached through a callback. A damaged table is
 * skipped with a warning naming its signature, address and the reason; it is never fatal here.
 * Sources: ACPI Specification, "ACPI Software Programming Model"; PCI Firmware Specification, "MCFG Table
 * Description"; Intel VT-d Architecture Specification, "BIOS Considerations".
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define ACPI_MAX_TABLES 128

/* Physical memory: pointer to len bytes at pa, NULL when not readable.
 * Pointers must stay valid while the tables are used. */
struct acpi_mem {
	const void *(*map)(void *ctx, u64 pa, u64 len);
	void *ctx;
};

struct acpi_header { /* System Description Table Header */
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	u32 creator_id;
	u32 creator_revision;
} __packed;

struct acpi_table {
	char sig[5]; /* terminated */
	u64 pa;
	u32 len; /* bytes, header included; that many are readable at data */
	const u8 *data;
};

struct acpi {
	struct acpi_mem mem;
	char oem_id[7];
	u8 rsdp_revision;
	bool xsdt;  /* walked the XSDT, else the RSDT */
	u32 nr;     /* good tables */
	u32 nr_bad; /* tables skipped */
	struct acpi_table tables[ACPI_MAX_TABLES];
};

/* A Root System Description Pointer's address in the BIOS areas (EBDA, E0000h-FFFFFh). OK or ERR_NOENT. */
__must_check int acpi_find_rsdp(const struct acpi_mem *mem, u64 *pa);

/*
 * Validates an RSDP of len bytes (20 for ACPI 1.0, 36 or more later): signature, both checksums. OK with the root
 * table addresses (0 when absent); ERR_TRUNC, ERR_INVAL, ERR_CHECKSUM.
 */
__must_check int acpi_check_rsdp(const void *rsdp, size_t len, u8 *revision, u64 *rsdt, u64 *xsdt);

/*
 * Walks XSDT (or RSDT when that is missing or damaged) and lists every good table, and the DSDT the FADT names. OK;
 * else the reason why there are no tables at all (ERR_NOENT, ERR_CHECKSUM …; also logged).
 */
__must_check int acpi_open(struct acpi *a, const struct acpi_mem *mem, const void *rsdp, size_t rsdp_len);

/* nth (from 0) good table with the signature; NULL when there is none. */
const struct acpi_table *acpi_find(const struct acpi *a, const char *sig, u32 nth);

/* Validates one table at pa: readable, length sane, checksum, signature
 * (when sig is not NULL). Logs what is wrong. */
__must_check int acpi_check_table(const struct acpi_mem *mem, u64 pa, const char *sig, struct acpi_table *t);

/* ---- MADT ("Multiple APIC Description Table") ---- */

#define ACPI_CPU_ENABLED        BIT(0)
#define ACPI_CPU_ONLINE_CAPABLE BIT(1)
#define ACPI_MADT_PCAT_COMPAT   BIT(0)
#define ACPI_NMI_ALL_CPUS       0xffffffffu

struct acpi_cpu {
	u32 apic_id;
	u32 uid;     /* ACPI processor id/uid */
	u32 flags;   /* ACPI_CPU_* */
	bool x2apic; /* from an x2APIC entry */
};

struct acpi_ioapic {
	u8 id;
	u32 addr;
	u32 gsi_base;
};

struct acpi_iso { /* Interrupt Source Override of the ISA bus */
	u8 irq;
	u32 gsi;
	u16 flags; /* MPS INTI flags: polarity bits 1:0, trigger bits 3:2 */
};

struct acpi_nmi {
	bool local; /* true: LINT pin of uid's local APIC; false: I/O APIC source gsi */
	u32 uid;    /* ACPI_NMI_ALL_CPUS for all */
	u8 lint;
	u32 gsi;
	u16 flags;
};

/*
 * The caller sets the arrays and their caps (NULL and 0 for the first pass); the parser stores up to cap of each kind
 * and counts all in nr_*. A CPU listed twice (LAPIC and x2APIC entry) is stored once, so the second pass' nr_cpus may
 * be lower.
 */
struct acpi_madt {
	u64 lapic_addr; /* with the address override entry applied */
	u32 flags;
	struct acpi_cpu *cpus;
	u32 cap_cpus, nr_cpus;
	struct acpi_ioapic *ioapics;
	u32 cap_ioapics, nr_ioapics;
	struct acpi_iso *isos;
	u32 cap_isos, nr_isos;
	struct acpi_nmi *nmis;
	u32 cap_nmis, nr_nmis;
	u32 nr_bad; /* entries with a wrong length, skipped */
};

/* OK; ERR_TRUNC when the table is shorter than its fixed part or an entry's length is below 2 or past the end (what
 * was read is kept). */
__must_check int acpi_parse_madt(const struct acpi_table *t, struct acpi_madt *m);

/* ---- FADT ("Fixed ACPI Description Table") ---- */

enum acpi_space { ACPI_SPACE_MEM = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

struct acpi_gas { /* Generic Address Structure; addr 0 = not there */
	u8 space;
	u8 width;  /* bits */
	u8 offset; /* bits */
	u8 access; /* 0 undefined, 1 byte, 2 word, 3 dword, 4 qword */
	u64 addr;
};

#define ACPI_BOOT_8042 0x2 /* IAPC_BOOT_ARCH: a keyboard controller at ports 60h and 64h */

struct acpi_fadt {
	u8 revision;
	u16 sci_int;
	u32 smi_cmd; /* port; 0 = no SMM, ACPI always on */
	u8 acpi_enable, acpi_disable;
	u32 flags;
	u16 boot_arch; /* IAPC_BOOT_ARCH, ACPI_BOOT_*; 0 when the table is older */
	u64 dsdt, facs;
	struct acpi_gas pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm_tmr;
	u8 pm1_evt_len, pm1_cnt_len;
	bool pm_tmr_32bit; /* TMR_VAL_EXT */
	bool reset_supported;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u8 century; /* CMOS index of the RTC's century, 0 = none */
	bool hw_reduced;
};

/* OK, ERR_TRUNC, or ERR_INVAL (lengths that contradict the specification). */
__must_check int acpi_parse_fadt(const struct acpi_table *t, struct acpi_fadt *f);

/* ---- \_S5 ---- */

struct acpi_s5 {
	u8 slp_typ_a, slp_typ_b;
};

/* Scans a definition block's AML (header not included) for Name(_S5_, Package{...}). OK or ERR_NOENT. */
__must_check int acpi_scan_s5(const u8 *aml, size_t len, struct acpi_s5 *s5);

/* The same over the DSDT and all SSDTs. */
__must_check int acpi_find_s5(const struct acpi *a, struct acpi_s5 *s5);

/* ---- MCFG ---- */

struct acpi_mcfg {
	u64 base; /* of bus 0 of the segment's window */
	u16 segment;
	u8 bus_start, bus_end;
};

/* Stores up to cap entries, counts all good ones in *nr. OK, ERR_TRUNC. */
__must_check int acpi_parse_mcfg(const struct acpi_table *t, struct acpi_mcfg *out, u32 cap, u32 *nr);

/* ---- SPCR ---- */

struct acpi_spcr { /* a UART like the 16550 */
	bool io;   /* addr is a port, else a physical address */
	u64 addr;
	u8 stride; /* bytes from one register to the next, 1 to 16 */
	u8 width;  /* of an access, bytes: 1, 2 or 4 */
	bool pci;  /* it is a PCI device */
	s32 irq;   /* ISA interrupt or GSI; negative: none */
	u32 baud;  /* 0: as it is set */
};

/* OK; ERR_TRUNC; ERR_NOTSUP for another kind of port, or one that is elsewhere; ERR_RANGE for an address beyond the
 * space. Source: Microsoft, "Serial Port Console Redirection Table". */
__must_check int acpi_parse_spcr(const struct acpi_table *t, struct acpi_spcr *s);

/* ---- DMAR ---- */

struct acpi_dmar_scope {
	u8 type; /* 1 PCI endpoint, 2 PCI sub-hierarchy, 3 I/O APIC, 4 HPET, 5 ACPI namespace device */
	u8 enum_id;
	u8 bus; /* start bus */
	u8 nr_path;
	const u8 *path; /* nr_path pairs of device, function */
};

struct acpi_drhd {
	bool include_all;
	u16 segment;
	u64 base;
	const u8 *scopes; /* raw, for acpi_dmar_next_scope */
	u32 scopes_len;
};

struct acpi_rmrr {
	u16 segment;
	u64 base, limit; /* limit: last byte */
	const u8 *scopes;
	u32 scopes_len;
};

struct acpi_dmar {
	u8 host_addr_width; /* bits */
	bool intr_remap, x2apic_opt_out;
	struct acpi_drhd *drhds;
	u32 cap_drhds, nr_drhds;
	struct acpi_rmrr *rmrrs;
	u32 cap_rmrrs, nr_rmrrs;
	u32 nr_bad;
};

/* Two passes as for the MADT. OK, ERR_TRUNC. */
__must_check int acpi_parse_dmar(const struct acpi_table *t, struct acpi_dmar *d);

/* Steps through device scopes: *off starts at 0. false at the end or at a malformed one. */
bool acpi_dmar_next_scope(const u8 *scopes, u32 len, u32 *off, struct acpi_dmar_scope *s);
