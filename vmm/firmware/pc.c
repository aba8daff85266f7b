/* ACPI tables, SMBIOS and memory map of a PC for its firmware to place. */
#include "vmm/firmware/files.h"

#include "lib/bytes.h"
#include "vmm/firmware/loader.h"
#include "vmm/firmware/priv.h"

#define FADT_LEN 244 /* revision 3, of ACPI 2.0: what old systems know and new ones take */
#define HPET_LEN 56

#define HAS_KBC  BIT(4)
#define HAS_RTC  BIT(5)
#define HAS_FDC  BIT(6)
#define HAS_LPT  BIT(7)
#define HAS_HPET BIT(8)

/* The host bridge's window in dsdt_pc.asl, a "DWORD Address Space Descriptor": minimum, maximum, translation, length. */
#define WINDOW_END 0xfec00000u
static const u8 window_mark[16] = { 0, 0, 0, 0x80, 0xff, 0xff, 0xbf, 0xfe, 0, 0, 0, 0, 0, 0, 0xc0, 0x7e };

struct offsets {
	u64 facs, dsdt, fadt, tables[3], rsdt, xsdt;
	u32 nr; /* of tables: FADT, MADT, HPET */
};

static void open_window(u8 *t, u32 len, u64 low_end)
{
	for (u32 i = FW_HEADER_LEN; i + sizeof(window_mark) <= len; i++) {
		if (memcmp(t + i, window_mark, sizeof(window_mark)) == 0) {
			fw_put32(t, i, (u32)low_end);
			fw_put32(t, i + 12, WINDOW_END - (u32)low_end);
			break;
		}
	}
}

static u64 build_dsdt(const struct fw_pc_config *cfg, struct fw_area *a)
{
	const struct fw_config *b = &cfg->base;
	u64 at;
	u8 *t = fw_alloc(a, dsdt_pc_aml_len, 16, &at);
	u32 has = b->com_mask & 0xf;

	if (!t)
		return 0;
	has |= (b->kbc ? HAS_KBC : 0) | (b->rtc ? HAS_RTC : 0) | (cfg->fdc ? HAS_FDC : 0);
	has |= (cfg->lpt ? HAS_LPT : 0) | (cfg->hpet ? HAS_HPET : 0);
	memcpy(t, dsdt_pc_aml, dsdt_pc_aml_len);
	fw_dsdt_configure(t, dsdt_pc_aml_len, has);
	open_window(t, dsdt_pc_aml_len, b->map->low_end);
	return at;
}

/* "Fixed ACPI Description Table", but for the power management ports. */
static u64 build_fadt(const struct fw_pc_config *cfg, struct fw_area *a, const struct offsets *o)
{
	const struct fw_config *b = &cfg->base;
	u64 at;
	u8 *t = fw_table(a, "FACP", 3, FADT_LEN, &at);

	if (!t)
		return 0;
	fw_put32(t, 36, (u32)o->facs);
	fw_put32(t, 40, (u32)o->dsdt);
	t[44] = 1; /* INT_MODEL of ACPI 1.0: multiple APICs */
	fw_put16(t, 46, FW_SCI_GSI);
	fw_put32(t, 48, FW_SMI_CMD_PORT);
	t[52] = FW_ACPI_ENABLE;
	t[53] = FW_ACPI_DISABLE;
	fw_put32(t, 80, FW_PC_GPE0_PORT);
	t[88] = 4;                  /* PM1_EVT_LEN */
	t[89] = 2;                  /* PM1_CNT_LEN */
	t[91] = 4;                  /* PM_TMR_LEN */
	t[92] = 4;                  /* GPE0_BLK_LEN */
	fw_put16(t, 96, 0xfff);     /* P_LVL2_LAT: no C2 */
	fw_put16(t, 98, 0xfff);     /* P_LVL3_LAT: no C3 */
	t[108] = b->rtc ? 0x32 : 0; /* CENTURY */
	fw_put16(t, 109,
	         (u16)(FW_BOOT_LEGACY | (b->kbc ? FW_BOOT_8042 : 0) | (b->vga ? 0 : FW_BOOT_NO_VGA) |
	               (b->rtc ? 0 : FW_BOOT_NO_CMOS_RTC)));
	/* The timer counts 24 bits as far as anyone has to know. */
	fw_put32(t, 112, FW_FADT_WBINVD | FW_FADT_PROC_C1 | FW_FADT_SLP_BUTTON | FW_FADT_FIX_RTC | FW_FADT_RESET_REG);
	fw_put_gas(t, 116, 8, 1, FW_RESET_PORT);
	t[128] = FW_RESET_VALUE;
	fw_put64(t, 140, o->dsdt);
	fw_put_gas(t, 220, 32, 1, FW_PC_GPE0_PORT);
	return at;
}

void fw_files_set_pm(struct fw_files *f, u16 base)
{
	u8 *t = f->tables + f->fadt;

	if (!base)
		base = FW_PC_PM_DEFAULT;
	fw_put32(t, 56, base);
	fw_put32(t, 64, base + 4u);
	fw_put32(t, 76, base + 8u);
	fw_put_gas(t, 148, 32, 2, base);
	fw_put_gas(t, 172, 16, 2, base + 4u);
	fw_put_gas(t, 208, 32, 3, base + 8u);
}

/* IA-PC HPET Specification 1.0a, "The HPET Description Table". */
static u64 build_hpet(struct fw_area *a)
{
	u64 at;
	u8 *t = fw_table(a, "HPET", 1, HPET_LEN, &at);

	if (!t)
		return 0;
	fw_put32(t, 36, FW_PC_HPET_ID);
	t[41] = 64; /* in memory (type 0), bits */
	fw_put64(t, 44, FW_PC_HPET_BASE);
	fw_put16(t, 53, 100); /* ticks of the shortest period that loses nothing */
	return at;
}

static int build_tables(struct fw_files *f, const struct fw_pc_config *cfg, struct offsets *o)
{
	/* What PIRQs may be routed to, and the SCI. */
	static const u8 level[] = { 5, FW_SCI_GSI, 10, 11 };
	struct fw_area a = { .base = f->tables, .end = sizeof(f->tables) };
	struct fw_madt madt = { 0 };
	bool x2apic = false;

	for (u32 i = 0; i < cfg->base.nr_cpus; i++)
		x2apic |= (cfg->base.apic_ids ? cfg->base.apic_ids[i] : i) >= 255;
	o->facs = fw_facs(&a);
	o->dsdt = build_dsdt(cfg, &a);
	o->fadt = o->tables[o->nr++] = build_fadt(cfg, &a, o);
	while (fw_madt_step(&madt, &cfg->base, &a, x2apic ? 4 : 1, level, ARRAY_SIZE(level)))
		;
	o->tables[o->nr++] = madt.gpa;
	if (cfg->hpet)
		o->tables[o->nr++] = build_hpet(&a);
	fw_roots(&a, o->tables, o->nr, &o->rsdt, cfg->acpi1 ? NULL : &o->xsdt);
	if (a.full)
		return ERR_NOSPC;
	f->tables_len = (u32)a.at;
	f->fadt = (u32)o->fadt;
	fw_files_set_pm(f, 0);
	fw_rsdp(f->rsdp, o->rsdt, o->xsdt);
	f->rsdp_len = cfg->acpi1 ? FW_RSDP1_LEN : FW_RSDP2_LEN;
	return OK;
}

static u32 table_len(const struct fw_files *f, u64 table)
{
	return get32(f->tables + table + 4);
}

/* Every pointer in a table comes before its checksum. */
static int build_loader(struct fw_files *f, const struct offsets *o)
{
	struct fw_loader l = { .base = f->loader, .max = FW_LOADER_MAX };
	const struct fw_loader_file tables = { FW_FILE_TABLES, f->tables }, rsdp = { FW_FILE_RSDP, f->rsdp };

	fw_loader_allocate(&l, &rsdp, 16, FW_ZONE_FSEG);
	fw_loader_allocate(&l, &tables, 64, FW_ZONE_HIGH);
	fw_loader_pointer(&l, &tables, (u32)o->fadt + 36, 4, &tables);
	fw_loader_pointer(&l, &tables, (u32)o->fadt + 40, 4, &tables);
	fw_loader_pointer(&l, &tables, (u32)o->fadt + 140, 8, &tables);
	for (u32 i = 0; i < o->nr; i++)
		fw_loader_pointer(&l, &tables, (u32)o->rsdt + FW_HEADER_LEN + 4 * i, 4, &tables);
	for (u32 i = 0; i < o->nr && o->xsdt; i++)
		fw_loader_pointer(&l, &tables, (u32)o->xsdt + FW_HEADER_LEN + 8 * i, 8, &tables);
	fw_loader_pointer(&l, &rsdp, 16, 4, &tables);
	if (o->xsdt)
		fw_loader_pointer(&l, &rsdp, 24, 8, &tables);
	fw_loader_sum(&l, &tables, (u32)o->dsdt + 9, (u32)o->dsdt, table_len(f, o->dsdt));
	for (u32 i = 0; i < o->nr; i++)
		fw_loader_sum(&l, &tables, (u32)o->tables[i] + 9, (u32)o->tables[i], table_len(f, o->tables[i]));
	fw_loader_sum(&l, &tables, (u32)o->rsdt + 9, (u32)o->rsdt, table_len(f, o->rsdt));
	if (o->xsdt)
		fw_loader_sum(&l, &tables, (u32)o->xsdt + 9, (u32)o->xsdt, table_len(f, o->xsdt));
	fw_loader_sum(&l, &rsdp, 8, 0, FW_RSDP1_LEN);
	if (o->xsdt)
		fw_loader_sum(&l, &rsdp, 32, 0, FW_RSDP2_LEN);
	f->loader_len = l.nr * FW_LOADER_COMMAND;
	return l.nr > l.max ? ERR_NOSPC : OK;
}

static void put_e820(struct fw_files *f, u64 base, u64 end)
{
	u8 *e = f->e820 + f->e820_len;

	fw_put64(e, 0, base);
	fw_put64(e, 8, end - base);
	fw_put32(e, 16, GUEST_E820_RAM);
	f->e820_len += 20;
}

int fw_files_build(struct fw_files *f, const struct fw_pc_config *cfg)
{
	const struct guest_map *map = cfg->base.map;
	struct fw_area smbios = { .base = f->smbios, .end = sizeof(f->smbios) };
	struct fw_smbios structures = { 0 };
	struct offsets o = { 0 };
	int err;

	if (!cfg->base.nr_cpus || cfg->base.nr_cpus > FW_MAX_CPUS)
		return ERR_INVAL;
	err = build_tables(f, cfg, &o);
	if (!err)
		err = build_loader(f, &o);
	if (err)
		return err;
	while (fw_smbios_files_step(&structures, &cfg->base, &smbios, f->anchor))
		;
	if (smbios.full)
		return ERR_NOSPC;
	f->smbios_len = (u32)smbios.at;
	f->anchor_len = FW_SMBIOS_ANCHOR;
	/* What lies in the first MiB is firmware's to say. */
	put_e820(f, 0, map->low_end);
	if (map->high_end)
		put_e820(f, GUEST_PCI_HOLE_END, map->high_end);
	return OK;
}
