/* ACPI tables for a guest started without firmware; and all that makes the firmware area. */
#include "vmm/firmware/tables.h"

#include "lib/fmt.h"
#include "vmm/firmware/priv.h"

#define FADT_LEN 276 /* revision 6 */

/* ACPI's half of the firmware area; the others' entry points must lie in F0000h-FFFFFh. */
#define ACPI_END 0xf0000ull

static u64 build_dsdt(const struct fw_config *cfg, struct fw_area *a)
{
	u32 value = (cfg->com_mask & 0xf) | (cfg->kbc ? 0x10 : 0) | (cfg->rtc ? 0x20 : 0);
	u64 gpa;
	u8 *t = fw_alloc(a, dsdt_aml_len, 16, &gpa);

	if (!t)
		return 0;
	memcpy(t, dsdt_aml, dsdt_aml_len);
	fw_dsdt_configure(t, dsdt_aml_len, value);
	return gpa;
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
	fw_put_gas(t, 148, 32, 2, FW_PM1A_EVT_PORT);
	fw_put_gas(t, 172, 16, 2, FW_PM1A_CNT_PORT);
	fw_put_gas(t, 208, 32, 3, FW_PM_TMR_PORT);
	fw_put_gas(t, 220, 32, 1, FW_GPE0_PORT);
}

/* "Fixed ACPI Description Table". */
static u64 build_fadt(const struct fw_config *cfg, struct fw_area *a, u64 facs, u64 dsdt)
{
	u64 gpa;
	u8 *t = fw_table(a, "FACP", 6, FADT_LEN, &gpa);
	u32 boot = FW_BOOT_LEGACY | FW_BOOT_NO_ASPM;

	if (!t)
		return 0;
	boot |= cfg->kbc ? FW_BOOT_8042 : 0;
	boot |= cfg->vga ? 0 : FW_BOOT_NO_VGA;
	boot |= cfg->rtc ? 0 : FW_BOOT_NO_CMOS_RTC;
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
	         FW_FADT_WBINVD | FW_FADT_PROC_C1 | FW_FADT_SLP_BUTTON | FW_FADT_FIX_RTC | FW_FADT_TMR_VAL_EXT |
	                 FW_FADT_RESET_REG);
	fw_put_gas(t, 116, 8, 1, FW_RESET_PORT);
	t[128] = FW_RESET_VALUE;
	fw_put64(t, 132, facs);
	fw_put64(t, 140, dsdt);
	memcpy(t + 268, "BULKHEAD", 8); /* hypervisor vendor identity */
	fw_seal(t, FADT_LEN);
	return gpa;
}

/* The two root tables list FADT and MADT; the RSDP at the start of the area points to them. */
static void build_roots(struct fw_area *a, u8 *rsdp, u64 fadt, u64 madt)
{
	const u64 tables[] = { fadt, madt };
	u64 rsdt, xsdt;

	fw_roots(a, tables, ARRAY_SIZE(tables), &rsdt, &xsdt);
	if (!a->full)
		fw_rsdp(rsdp, rsdt, xsdt);
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
	b->root_ptr = fw_alloc(&b->acpi, FW_RSDP2_LEN, 16, &b->root);
	b->facs = fw_facs(&b->acpi);
	return OK;
}

bool fwtables_step(struct fw_build *b, const struct fw_config *cfg, const struct guest_mem *mem, gpa_t *rsdp,
                   int *err, char *why, size_t why_size)
{
	bool more = false; /* of this table */

	*err = OK;
	switch (b->next) {
	case FW_START: *err = start(b, cfg, mem, why, why_size); break;
	case FW_DSDT: b->dsdt = build_dsdt(cfg, &b->acpi); break;
	case FW_FADT: b->fadt = build_fadt(cfg, &b->acpi, b->facs, b->dsdt); break;
	case FW_MADT: more = fw_madt_step(&b->madt, cfg, &b->acpi, 5, (const u8[]){ FW_SCI_GSI }, 1); break;
	case FW_ROOTS: build_roots(&b->acpi, b->root_ptr, b->fadt, b->madt.gpa); break;
	case FW_MPTABLE: more = fw_mptable_step(&b->mp, cfg, &b->rom); break;
	case FW_SMBIOS: more = fw_smbios_step(&b->smbios, cfg, &b->rom); break;
	default:
		if (b->acpi.full || b->rom.full)
			*err = refuse(why, why_size, ERR_NOSPC, "they do not fit below 1 MiB");
		*rsdp = GPA(b->root);
		return false;
	}
	b->next += !more;
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
