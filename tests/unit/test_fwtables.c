/* Firmware tables: every checksum, every link from the RSDP down, and what the configuration changes. */
#define _GNU_SOURCE /* memmem */
#include "quick_check.h"

#include "guest_ram.h"
#include "suite.h"
#include "vmm/firmware/priv.h"
#include "vmm/firmware/tables.h"

#define MIB (1ull << 20)

static struct guest_ram g;

static const u8 *at(u64 gpa)
{
	return g.mem.base + gpa;
}

static u8 sum(u64 gpa, u64 len)
{
	u8 s = 0;

	for (u64 i = 0; i < len; i++)
		s += at(gpa)[i];
	return s;
}

static struct fw_config config(u32 cpus)
{
	return (struct fw_config){
		.nr_cpus = cpus,
		.map = &g.map,
		.com_mask = 1,
		.rtc = true,
		.name = "web",
		.uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
		          0xff },
	};
}

/* The table with this signature, through the XSDT; checks that the RSDT lists the same ones. */
static u64 find(u64 rsdp, const char *sig)
{
	u64 rsdt = guest_ram_get(&g, rsdp + 16, 4), xsdt = guest_ram_get(&g, rsdp + 24, 8), found = 0;
	u32 n = (guest_ram_get(&g, xsdt + 4, 4) - 36) / 8;

	ck_assert_mem_eq(at(rsdt), "RSDT", 4);
	ck_assert_mem_eq(at(xsdt), "XSDT", 4);
	ck_assert_uint_eq(sum(rsdt, guest_ram_get(&g, rsdt + 4, 4)), 0);
	ck_assert_uint_eq(sum(xsdt, guest_ram_get(&g, xsdt + 4, 4)), 0);
	ck_assert_uint_eq((guest_ram_get(&g, rsdt + 4, 4) - 36) / 4, n);
	for (u32 i = 0; i < n; i++) {
		u64 t = guest_ram_get(&g, xsdt + 36 + 8 * i, 8);

		ck_assert_uint_eq(t, guest_ram_get(&g, rsdt + 36 + 4 * i, 4));
		ck_assert_uint_eq(sum(t, guest_ram_get(&g, t + 4, 4)), 0);
		ck_assert(t >= GUEST_FW_BASE && t < GUEST_FW_END);
		if (memcmp(at(t), sig, 4) == 0)
			found = t;
	}
	ck_assert_uint_ne(found, 0);
	return found;
}

static u64 build(const struct fw_config *cfg)
{
	char why[100] = "";
	gpa_t rsdp = GPA(0);

	ck_assert_msg(fwtables_build(cfg, &g.mem, &rsdp, why, sizeof(why)) == OK, "%s", why);
	return rsdp.v;
}

START_TEST(acpi_roots)
{
	struct fw_config cfg;
	u64 rsdp, fadt, dsdt, facs;

	guest_ram_init(&g, 16 * MIB);
	cfg = config(2);
	rsdp = build(&cfg);
	ck_assert(IS_ALIGNED(rsdp, 16) && rsdp >= 0xe0000 && rsdp < 0x100000);
	ck_assert_mem_eq(at(rsdp), "RSD PTR ", 8);
	ck_assert_uint_eq(at(rsdp)[15], 2);
	ck_assert_uint_eq(sum(rsdp, 20), 0);
	ck_assert_uint_eq(sum(rsdp, 36), 0);

	fadt = find(rsdp, "FACP");
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 4, 4), 276);
	ck_assert_uint_eq(at(fadt)[8], 6);
	dsdt = guest_ram_get(&g, fadt + 40, 4);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 140, 8), dsdt);
	ck_assert_mem_eq(at(dsdt), "DSDT", 4);
	ck_assert_uint_eq(guest_ram_get(&g, dsdt + 4, 4), dsdt_aml_len);
	ck_assert_uint_eq(sum(dsdt, dsdt_aml_len), 0);
	facs = guest_ram_get(&g, fadt + 36, 4);
	ck_assert(IS_ALIGNED(facs, 64));
	ck_assert_mem_eq(at(facs), "FACS", 4);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 132, 8), facs);
	/* fixed hardware: 32-bit fields and generic addresses agree */
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 46, 2), 9);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 48, 4), 0xb2);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 56, 4), 0x600);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 152, 8), 0x600);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 64, 4), 0x604);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 176, 8), 0x604);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 76, 4), 0x608);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 212, 8), 0x608);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 80, 4), 0x620);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 224, 8), 0x620);
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 120, 8), 0xcf9);
	ck_assert_uint_eq(at(fadt)[128], 6);
	/* no 8042, no VGA, an RTC */
	ck_assert_uint_eq(guest_ram_get(&g, fadt + 109, 2) & 0x26, 0x04);
	guest_ram_free(&g);
}
END_TEST

/* \_S5 in the DSDT is what the VM ends on, and what programs without an AML interpreter write. */
START_TEST(soft_off)
{
	static const u8 s5[] = { 0x08, '_', 'S', '5', '_', 0x12 };
	const u8 *p = memmem(dsdt_aml, dsdt_aml_len, s5, sizeof(s5));
	u32 typ;

	ck_assert_ptr_nonnull(p);
	p += sizeof(s5);
	p += 1 + (*p >> 6); /* PkgLength */
	ck_assert_uint_ge(*p++, 2);
	typ = *p == 0x0a ? p[1] : *p; /* BytePrefix, or ZeroOp, OneOp */
	ck_assert_uint_eq(typ, GUEST_S5_SLP_TYP);
	ck_assert_uint_eq(typ << 10 | 0x2000, 0x2000);
}
END_TEST

START_TEST(optional_devices)
{
	static const u8 name[] = { 0x08, 'B', 'H', 'C', 'F', 0x0c };
	static const struct {
		u32 com;
		bool kbc, vga, rtc;
		u32 bhcf, boot;
	} t[] = {
		{ 0x0, false, false, false, 0x00, 0x24 },
		{ 0x3, false, true, true, 0x23, 0x00 },
		{ 0xff, true, true, true, 0x3f, 0x02 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct fw_config cfg;
		u64 fadt, dsdt;
		u32 hits = 0;

		guest_ram_init(&g, 16 * MIB);
		cfg = config(1);
		cfg.com_mask = t[i].com;
		cfg.kbc = t[i].kbc;
		cfg.vga = t[i].vga;
		cfg.rtc = t[i].rtc;
		fadt = find(build(&cfg), "FACP");
		dsdt = guest_ram_get(&g, fadt + 40, 4);
		ck_assert_uint_eq(sum(dsdt, dsdt_aml_len), 0);
		for (u32 k = 36; k + 10 <= dsdt_aml_len; k++) {
			if (memcmp(at(dsdt + k), name, sizeof(name)))
				continue;
			ck_assert_uint_eq(guest_ram_get(&g, dsdt + k + 6, 4), t[i].bhcf);
			hits++;
		}
		ck_assert_uint_eq(hits, 1);
		ck_assert_uint_eq(guest_ram_get(&g, fadt + 109, 2) & 0x26, t[i].boot);
		ck_assert_uint_eq(at(fadt)[108], t[i].rtc ? 0x32 : 0);
		/* BIOS data area */
		ck_assert_uint_eq(guest_ram_get(&g, 0x400, 2), t[i].com & 1 ? 0x3f8 : 0);
		ck_assert_uint_eq(guest_ram_get(&g, 0x402, 2), t[i].com & 2 ? 0x2f8 : 0);
		ck_assert_uint_eq(guest_ram_get(&g, 0x40e, 2), 0x9fc0);
		ck_assert_uint_eq(guest_ram_get(&g, 0x413, 2), 639);
		ck_assert_uint_eq(at(0x9fc00)[0], 1);
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(madt)
{
	static u32 ids[FW_MAX_CPUS];
	static const u32 counts[] = { 1, 2, 8, 255, 256 };

	for (u32 i = 0; i < ARRAY_SIZE(counts) * 2; i++) {
		struct fw_config cfg;
		u32 cpus = counts[i / 2], seen = 0, isos = 0, ioapics = 0, nmis = 0, len;
		bool sparse = i & 1;
		u64 t;

		guest_ram_init(&g, 16 * MIB);
		cfg = config(cpus);
		cfg.ioapic_id = 5;
		for (u32 k = 0; k < cpus; k++)
			ids[k] = k * 3;
		cfg.apic_ids = sparse ? ids : NULL;
		t = find(build(&cfg), "APIC");
		len = guest_ram_get(&g, t + 4, 4);
		ck_assert_uint_eq(guest_ram_get(&g, t + 36, 4), 0xfee00000);
		ck_assert_uint_eq(guest_ram_get(&g, t + 40, 4), 1);
		for (u32 k = 44; k < len; k += at(t)[k + 1]) {
			const u8 *e = at(t + k);
			u32 want = sparse ? seen * 3 : seen;

			ck_assert_uint_ge(e[1], 6);
			switch (e[0]) {
			case 0:
				ck_assert_uint_eq(e[2], seen);
				ck_assert_uint_eq(e[3], want);
				ck_assert_uint_eq(e[4], 1);
				seen++;
				break;
			case 9:
				ck_assert_uint_ge(want, 255);
				ck_assert_uint_eq(guest_ram_get(&g, t + k + 4, 4), want);
				ck_assert_uint_eq(guest_ram_get(&g, t + k + 12, 4), seen);
				seen++;
				break;
			case 1:
				ck_assert_uint_eq(e[2], 5);
				ck_assert_uint_eq(guest_ram_get(&g, t + k + 4, 4), 0xfec00000);
				ck_assert_uint_eq(guest_ram_get(&g, t + k + 8, 4), 0);
				ioapics++;
				break;
			case 2:
				if (e[3] == 0)
					ck_assert_uint_eq(guest_ram_get(&g, t + k + 4, 4), 2);
				else
					ck_assert_uint_eq(guest_ram_get(&g, t + k + 8, 2), 0xd);
				isos++;
				break;
			case 4:
			case 10: nmis++; break;
			default: ck_abort_msg("entry type %u", e[0]);
			}
		}
		ck_assert_uint_eq(seen, cpus);
		ck_assert_uint_eq(isos, 2);
		ck_assert_uint_eq(ioapics, 1);
		ck_assert_uint_eq(nmis, (sparse ? (cpus - 1) * 3 : cpus - 1) >= 255 ? 2 : 1);
		guest_ram_free(&g);
	}
}
END_TEST

/* Walks the SMBIOS structures; *mapped counts type 19. Returns their number. */
static u32 walk_smbios(u64 table, u32 len, u32 *mapped)
{
	static const u8 order[] = { 0, 1, 3, 4, 16, 17, 19, 19, 32, 127 };
	u32 n = 0, off = 0, k = 0;
	bool end = false;

	*mapped = 0;
	while (off < len) {
		const u8 *s = at(table + off);

		ck_assert(!end);
		if (s[0] != order[k] && order[k] == 19)
			k++; /* no memory above 4 GiB */
		ck_assert_uint_eq(s[0], order[k++]);
		*mapped += s[0] == 19;
		end = s[0] == 127;
		off += s[1];
		while (at(table + off)[0] || at(table + off)[1])
			off++;
		off += 2;
		n++;
	}
	ck_assert(end);
	ck_assert_uint_eq(off, len);
	return n;
}

START_TEST(smbios)
{
	static const u64 sizes[] = { 16 * MIB, 3ull << 30, 5ull << 30, 6ull << 40 };
	static const u8 uuid[16] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
		                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct guest_map map = { .memory = sizes[i], .low_end = MIN(sizes[i], GUEST_PCI_HOLE) };
		struct fw_config cfg;
		u64 sm3 = 0, sm = 0, table;
		u32 mapped, n, len;

		if (sizes[i] > GUEST_PCI_HOLE)
			map.high_end = sizes[i] + SIZE_1G;
		guest_ram_init(&g, 16 * MIB);
		cfg = config(4);
		cfg.map = &map;
		build(&cfg);
		for (u64 a = 0xf0000; a < 0x100000; a += 16) {
			if (!memcmp(at(a), "_SM3_", 5) && !sm3)
				sm3 = a;
			if (!memcmp(at(a), "_SM_", 4) && !sm)
				sm = a;
		}
		ck_assert(sm3 && sm);
		ck_assert_uint_eq(sum(sm3, at(sm3)[6]), 0);
		ck_assert_uint_eq(sum(sm, at(sm)[5]), 0);
		ck_assert_uint_eq(sum(sm + 16, 15), 0);
		table = guest_ram_get(&g, sm3 + 16, 8);
		len = guest_ram_get(&g, sm3 + 12, 4);
		ck_assert_uint_eq(guest_ram_get(&g, sm + 24, 4), table);
		ck_assert_uint_eq(guest_ram_get(&g, sm + 22, 2), len);
		n = walk_smbios(table, len, &mapped);
		ck_assert_uint_eq(guest_ram_get(&g, sm + 28, 2), n);
		ck_assert_uint_eq(mapped, map.high_end ? 2 : 1);
		ck_assert_ptr_nonnull(memmem(at(table), len, "Bulkhead", 9));
		ck_assert_ptr_nonnull(memmem(at(table), len, "web", 4));
		ck_assert_ptr_nonnull(memmem(at(table), len, uuid, 16));
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(refusals)
{
	static char name[70000];
	struct fw_config cfg;
	char why[100];
	gpa_t rsdp;

	guest_ram_init(&g, 16 * MIB);
	cfg = config(0);
	ck_assert_int_eq(fwtables_build(&cfg, &g.mem, &rsdp, why, sizeof(why)), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(why, "CPUs"));
	cfg.nr_cpus = FW_MAX_CPUS + 1;
	ck_assert_int_eq(fwtables_build(&cfg, &g.mem, &rsdp, NULL, 0), ERR_INVAL);
	cfg.nr_cpus = 1;
	memset(name, 'n', sizeof(name) - 1);
	cfg.name = name;
	ck_assert_int_eq(fwtables_build(&cfg, &g.mem, &rsdp, why, sizeof(why)), ERR_NOSPC);
	cfg.name = NULL;
	ck_assert_int_eq(fwtables_build(&cfg, &g.mem, &rsdp, why, sizeof(why)), OK);
	g.mem.ranges[0].len = GUEST_VGA_BASE;
	ck_assert_int_eq(fwtables_build(&cfg, &g.mem, &rsdp, why, sizeof(why)), ERR_FAULT);
	guest_ram_free(&g);
}
END_TEST

/* However many processors there are, a step writes little: but for the DSDT, which is copied as it is. */
START_TEST(bounded_steps)
{
	const u64 len = GUEST_FW_END - GUEST_FW_BASE;
	u8 *was = malloc(len);
	u32 ids[FW_MAX_CPUS], steps = 0;
	struct fw_config cfg;
	bool more = true;

	guest_ram_init(&g, 16 * MIB);
	cfg = config(FW_MAX_CPUS);
	cfg.apic_ids = ids;
	for (u32 i = 0; i < FW_MAX_CPUS; i++)
		ids[i] = i * 3;
	memset(g.mem.base + GUEST_FW_BASE, 0, len); /* as a start does */
	for (struct fw_build b = { 0 }; more; steps++) {
		char why[100] = "";
		u32 changed = 0;
		bool dsdt = !b.dsdt;
		gpa_t rsdp;
		int err;

		memcpy(was, at(GUEST_FW_BASE), len);
		more = fwtables_step(&b, &cfg, &g.mem, &rsdp, &err, why, sizeof(why));
		ck_assert_msg(err == OK, "%s", why);
		for (u64 i = 0; i < len; i++)
			changed += was[i] != at(GUEST_FW_BASE)[i];
		dsdt &= b.dsdt != 0;
		ck_assert_msg(dsdt || changed <= 480, "step %u writes %u bytes", steps, changed);
	}
	ck_assert_uint_gt(steps, 20);
	guest_ram_free(&g);
	free(was);
}
END_TEST

/* Whatever the area's size, nothing is written beyond it (the allocation is exact: the sanitizer watches). */
START_TEST(small_areas)
{
	struct guest_map map = { .memory = 5ull << 30, .low_end = GUEST_PCI_HOLE, .high_end = 6ull << 30 };
	struct fw_config cfg = { .nr_cpus = 1, .map = &map };
	u32 fits = 0;

	for (u32 len = 0; len < 600; len++) {
		struct fw_area a = {
			.base = malloc(len ? len : 1), .start = 0xf0000, .at = 0xf0000, .end = 0xf0000 + len
		};

		struct fw_smbios s = { 0 };

		while (fw_smbios_step(&s, &cfg, &a))
			;
		fits += !a.full;
		ck_assert_uint_le(a.at, a.end);
		free(a.base);
	}
	ck_assert_uint_gt(fits, 0);
	ck_assert_uint_lt(fits, 600);
}
END_TEST

SUITE_MAIN("fwtables", acpi_roots, soft_off, optional_devices, madt, smbios, bounded_steps, refusals, small_areas)
