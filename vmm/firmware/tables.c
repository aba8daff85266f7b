/* ACPI tables for a guest started without firmware; and all that makes the firmware area. */
#include "vmm/firmware/tables.h"

#include "lib/fmt.h"
#include "vmm/firmware/priv.h"

#define OEM_ID       "BULKHD"
#define OEM_TABLE_ID "BULKHEAD"
#define CREATOR_ID   "BHHV"
#define HEADER_LEN   36

#define RSDP_LEN 36
#define FACS_LEN 64
#define FADT_LEN 276 /* revision 6 */

/* ACPI's half of the firmware area; the others' entry points must lie in F0000h-FFFFFh. */
#define ACPI_END 0xf0000ull

/* The integer in vmm/firmware/dsdt.asl that says which optional devices exist: NameOp, name, DWordPrefix, value. */
static const u8 dsdt_mark[] = { 0x08, 'B', 'H', 'C', 'F', 0x0c, 0xde, 0xc0, 0xfe, 0x5a };

/* MADT interrupt controller structures ("Multiple APIC Description Table"). */
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_ISO = 2, MADT_LAPIC_NMI = 4, MADT_X2APIC = 9, MADT_X2APIC_NMI = 10 };

/* FADT fixed feature flags. */
#define FADT_WBINVD      BIT(0)
#define FADT_PROC_C1     BIT(2)
#define FADT_SLP_BUTTON  BIT(5) /* no fixed-hardware sleep button */
#define FADT_FIX_RTC     BIT(6) /* no RTC wake status in fixed hardware */
#define FADT_TMR_VAL_EXT BIT(8)
#define FADT_RESET_REG   BIT(10)
/* FADT IA-PC boot architecture flags. */
#define BOOT_LEGACY      BIT(0)
#define BOOT_8042        BIT(1)
#define BOOT_NO_VGA      BIT(2)
#define BOOT_NO_ASPM     BIT(4)
#define BOOT_NO_CMOS_RTC BIT(5)

/* A system description table of len bytes with its header; the checksum comes later, by seal(). */
static u8 *table(struct fw_area *a, const char *sig, u8 rev, u32 len, u64 *gpa)
{
	u8 *t = fw_alloc(a, len, 16, gpa);

	if (!t)
		return NULL;
	memcpy(t, sig, 4);
	fw_put32(t, 4, len);
	t[8] = rev;
	memcpy(t + 10, OEM_ID, 6);
	memcpy(t + 16, OEM_TABLE_ID, 8);
	fw_put32(t, 24, 1);
	memcpy(t + 28, CREATOR_ID, 4);
	fw_put32(t, 32, 1);
	return t;
}

static void seal(u8 *t, u32 len)
{
	t[9] = 0;
	t[9] = fw_checksum(t, len);
}

static u64 build_facs(struct fw_area *a)
{
	u64 gpa;
	u8 *t = fw_alloc(a, FACS_LEN, 64, &gpa);

	if (t) {
		memcpy(t, "FACS", 4);
		fw_put32(t, 4, FACS_LEN);
		t[32] = 2; /* version */
	}
	return gpa;
}

static u64 build_dsdt(const struct fw_config *cfg, struct fw_area *a)
{
	u32 value = (cfg->com_mask & 0xf) | (cfg->kbc ? 0x10 : 0) | (cfg->rtc ? 0x20 : 0);
	u64 gpa;
	u8 *t = fw_alloc(a, dsdt_aml_len, 16, &gpa);

	if (!t)
		return 0;
	memcpy(t, dsdt_aml, dsdt_aml_len);
	for (u32 i = HEADER_LEN; i + sizeof(dsdt_mark) <= dsdt_aml_len; i++) {
		if (memcmp(t + i, dsdt_mark, sizeof(dsdt_mark)) == 0) {
			u8 *at = t + i + sizeof(dsdt_mark) - 4;

			/* It is sealed already: what changes is taken over, for all of it takes its time. */
			t[9] -= fw_checksum(at, 4);
			fw_put32(at, 0, value);
			t[9] += fw_checksum(at, 4);
			break;
		}
	}
	return gpa;
}

/* Generic Address Structure of a register block in port space; access: 1 byte, 2 word, 3 dword. */
static void put_gas(u8 *t, u32 off, u8 bits, u8 access, u64 port)
{
	t[off] = 1; /* system I/O */
	t[off + 1] = bits;
	t[off + 3] = access;
	fw_put64(t, off + 4, port);
}

static void fadt_blocks(u8 *t)
{
	fw_put32(t, 56, FW_PM1A_EVT_PORT);
	fw_put32(t, 64, FW_PM1A_CNT_PORT);
	fw_put32(t, 76, FW_PM_TMR_PORT);
	fw_put32(t, 80, FW_GPE0_PORT);
	t[88] = 4; /* PM1_EVT_LEN */
	t[89] = 2; /* PM1_CNT_LEN */
	t[91] = 4; /* PM_TMR_LEN */
	t[92] = 4; /* GPE0_BLK_LEN */
	put_gas(t, 148, 32, 2, FW_PM1A_EVT_PORT);
	put_gas(t, 172, 16, 2, FW_PM1A_CNT_PORT);
	put_gas(t, 208, 32, 3, FW_PM_TMR_PORT);
	put_gas(t, 220, 32, 1, FW_GPE0_PORT);
}

/* "Fixed ACPI Description Table". */
static u64 build_fadt(const struct fw_config *cfg, struct fw_area *a, u64 facs, u64 dsdt)
{
	u64 gpa;
	u8 *t = table(a, "FACP", 6, FADT_LEN, &gpa);
	u32 boot = BOOT_LEGACY | BOOT_NO_ASPM;

	if (!t)
		return 0;
	boot |= cfg->kbc ? BOOT_8042 : 0;
	boot |= cfg->vga ? 0 : BOOT_NO_VGA;
	boot |= cfg->rtc ? 0 : BOOT_NO_CMOS_RTC;
	fw_put32(t, 36, (u32)facs);
	fw_put32(t, 40, (u32)dsdt);
	fw_put16(t, 46, FW_SCI_GSI);
	fw_put32(t, 48, FW_SMI_CMD_PORT);
	t[52] = FW_ACPI_ENABLE;
	t[53] = FW_ACPI_DISABLE;
	fadt_blocks(t);
	fw_put16(t, 96, 0xfff);       /* P_LVL2_LAT: no C2 */
	fw_put16(t, 98, 0xfff);       /* P_LVL3_LAT: no C3 */
	t[108] = cfg->rtc ? 0x32 : 0; /* CENTURY */
	fw_put16(t, 109, (u16)boot);
	fw_put32(t, 112,
	         FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT | FADT_RESET_REG);
	put_gas(t, 116, 8, 1, FW_RESET_PORT);
	t[128] = FW_RESET_VALUE;
	fw_put64(t, 132, facs);
	fw_put64(t, 140, dsdt);
	memcpy(t + 268, "BULKHEAD", 8); /* hypervisor vendor identity */
	seal(t, FADT_LEN);
	return gpa;
}

static u8 *madt_iso(u8 *p, u8 irq, u32 gsi, u16 flags)
{
	p[0] = MADT_ISO;
	p[1] = 10;
	p[3] = irq;
	fw_put32(p, 4, gsi);
	fw_put16(p, 8, flags);
	return p + 10;
}

static u8 *madt_cpu(u8 *p, u32 uid, u32 apic_id)
{
	if (apic_id < 255) {
		p[0] = MADT_LAPIC;
		p[1] = 8;
		p[2] = (u8)uid;
		p[3] = (u8)apic_id;
		fw_put32(p, 4, 1);
		return p + 8;
	}
	p[0] = MADT_X2APIC;
	p[1] = 16;
	fw_put32(p, 4, apic_id);
	fw_put32(p, 8, 1);
	fw_put32(p, 12, uid);
	return p + 16;
}

/* "Multiple APIC Description Table". */
static u64 build_madt(const struct fw_config *cfg, struct fw_area *a)
{
	const u16 level_high = 0xd; /* "MPS INTI Flags": active high, level */
	u32 len = 44 + 12 + 2 * 10 + 6, x2apics = 0;
	u64 gpa;
	u8 *t, *p;

	for (u32 i = 0; i < cfg->nr_cpus; i++)
		x2apics += (cfg->apic_ids ? cfg->apic_ids[i] : i) >= 255;
	len += (cfg->nr_cpus - x2apics) * 8 + x2apics * 16 + (x2apics ? 12 : 0);
	t = table(a, "APIC", 5, len, &gpa);
	if (!t)
		return 0;
	fw_put32(t, 36, GUEST_LAPIC_BASE);
	fw_put32(t, 40, 1); /* PCAT_COMPAT: there are 8259s */
	p = t + 44;
	for (u32 i = 0; i < cfg->nr_cpus; i++)
		p = madt_cpu(p, i, cfg->apic_ids ? cfg->apic_ids[i] : i);
	p[0] = MADT_IOAPIC;
	p[1] = 12;
	p[2] = (u8)cfg->ioapic_id;
	fw_put32(p, 4, GUEST_IOAPIC_BASE);
	p = madt_iso(p + 12, 0, 2, 0);
	p = madt_iso(p, FW_SCI_GSI, FW_SCI_GSI, level_high);
	p[0] = MADT_LAPIC_NMI;
	p[1] = 6;
	p[2] = 0xff; /* all processors */
	p[5] = 1;    /* LINT1 */
	p += 6;
	if (x2apics) {
		p[0] = MADT_X2APIC_NMI;
		p[1] = 12;
		fw_put32(p, 4, 0xffffffff);
		p[8] = 1;
	}
	seal(t, len);
	return gpa;
}

/* The two root tables list FADT and MADT; the RSDP at the start of the area points to them. */
static void build_roots(struct fw_area *a, u8 *rsdp, u64 fadt, u64 madt)
{
	u64 rsdt, xsdt;
	u8 *r = table(a, "RSDT", 1, HEADER_LEN + 8, &rsdt);
	u8 *x = table(a, "XSDT", 1, HEADER_LEN + 16, &xsdt);

	if (!r || !x)
		return;
	fw_put32(r, HEADER_LEN, (u32)fadt);
	fw_put32(r, HEADER_LEN + 4, (u32)madt);
	seal(r, HEADER_LEN + 8);
	fw_put64(x, HEADER_LEN, fadt);
	fw_put64(x, HEADER_LEN + 8, madt);
	seal(x, HEADER_LEN + 16);

	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, OEM_ID, 6);
	rsdp[15] = 2;
	fw_put32(rsdp, 16, (u32)rsdt);
	fw_put32(rsdp, 20, RSDP_LEN);
	fw_put64(rsdp, 24, xsdt);
	rsdp[8] = fw_checksum(rsdp, 20);
	rsdp[32] = fw_checksum(rsdp, RSDP_LEN);
}

static int refuse(char *why, size_t why_size, int err, const char *text)
{
	if (why && why_size)
		fmt_snprintf(why, why_size, "firmware tables: %s", text);
	return err;
}

enum { FW_START, FW_DSDT, FW_FADT, FW_MADT, FW_ROOTS, FW_MPTABLE, FW_SMBIOS };

static int start(struct fw_build *b, const struct fw_config *cfg, const struct guest_mem *mem, char *why,
                 size_t why_size)
{
	u8 *low = gmem_ptr(mem, GPA(0), GUEST_VGA_BASE);

	if (!cfg->nr_cpus || cfg->nr_cpus > FW_MAX_CPUS)
		return refuse(why, why_size, ERR_INVAL, "number of CPUs is not 1 to 256");
	b->acpi = (struct fw_area){ .start = GUEST_FW_BASE, .at = GUEST_FW_BASE, .end = ACPI_END };
	b->rom = (struct fw_area){ .start = ACPI_END, .at = ACPI_END, .end = FW_RESET_CODE };
	b->acpi.base = gmem_ptr(mem, GPA(b->acpi.start), b->acpi.end - b->acpi.start);
	b->rom.base = gmem_ptr(mem, GPA(b->rom.start), GUEST_FW_END - b->rom.start);
	if (!low || !b->acpi.base || !b->rom.base)
		return refuse(why, why_size, ERR_FAULT, "no RAM below 1 MiB");
	fw_bda_build(cfg, low);
	fw_reset_entry_build(b->rom.base + (FW_RESET_CODE - b->rom.start));
	b->root_ptr = fw_alloc(&b->acpi, RSDP_LEN, 16, &b->root);
	b->facs = build_facs(&b->acpi);
	return OK;
}

bool fwtables_step(struct fw_build *b, const struct fw_config *cfg, const struct guest_mem *mem, gpa_t *rsdp,
                   int *err, char *why, size_t why_size)
{
	*err = OK;
	switch (b->next++) {
	case FW_START: *err = start(b, cfg, mem, why, why_size); break;
	case FW_DSDT: b->dsdt = build_dsdt(cfg, &b->acpi); break;
	case FW_FADT: b->fadt = build_fadt(cfg, &b->acpi, b->facs, b->dsdt); break;
	case FW_MADT: b->madt = build_madt(cfg, &b->acpi); break;
	case FW_ROOTS: build_roots(&b->acpi, b->root_ptr, b->fadt, b->madt); break;
	case FW_MPTABLE:
		fw_mptable_build(&b->mp, cfg, &b->rom, b->mp_part);
		if (++b->mp_part < FW_MPTABLE_PARTS)
			b->next = FW_MPTABLE;
		break;
	case FW_SMBIOS: fw_smbios_build(cfg, &b->rom); break;
	default:
		if (b->acpi.full || b->rom.full)
			*err = refuse(why, why_size, ERR_NOSPC, "they do not fit below 1 MiB");
		*rsdp = GPA(b->root);
		return false;
	}
	return *err == OK;
}

int fwtables_build(const struct fw_config *cfg, const struct guest_mem *mem, gpa_t *rsdp, char *why, size_t why_size)
{
	struct fw_build b = { 0 };
	int err;

	while (fwtables_step(&b, cfg, mem, rsdp, &err, why, why_size))
		;
	return err;
}
