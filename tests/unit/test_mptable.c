/* MP tables as Intel's MultiProcessor Specification 1.4 has them, chapter 4, and as the guest's ACPI tables say. */
#include "quick_check.h"

#include "guest_ram.h"
#include "suite.h"
#include "vmm/firmware/tables.h"

#define MIB       (1ull << 20)
#define SIGNATURE 0x000506e3u
#define FEATURES  0x178bfbffu
#define IO_ID     7

static struct guest_ram g;
static u32 ids[FW_MAX_CPUS];

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

/* Builds all tables; returns the address of the only floating pointer where the specification lets one be searched. */
static u64 build(u32 cpus, const u32 *apic_ids)
{
	struct fw_config cfg = { .nr_cpus = cpus,
		                 .apic_ids = apic_ids,
		                 .ioapic_id = IO_ID,
		                 .cpu_signature = SIGNATURE,
		                 .cpu_features = FEATURES,
		                 .map = &g.map };
	gpa_t rsdp;
	u64 found = 0;

	guest_ram_init(&g, 16 * MIB);
	ck_assert_int_eq(fwtables_build(&cfg, &g.mem, &rsdp, NULL, 0), OK);
	for (u64 a = 0xf0000; a < 0x100000; a += 16)
		if (!memcmp(at(a), "_MP_", 4)) {
			ck_assert_uint_eq(found, 0);
			found = a;
		}
	ck_assert_uint_ne(found, 0);
	return found;
}

/* The configuration table, its header checked. */
static u64 table(u32 cpus, const u32 *apic_ids)
{
	u64 f = build(cpus, apic_ids), t = guest_ram_get(&g, f + 4, 4);
	u32 len = guest_ram_get(&g, t + 4, 2);

	ck_assert_uint_eq(at(f)[8], 1); /* of 16 bytes */
	ck_assert_uint_eq(at(f)[9], 4); /* revision 1.4 */
	ck_assert_uint_eq(sum(f, 16), 0);
	for (u32 i = 11; i < 16; i++) /* no default configuration, no IMCR, nothing reserved */
		ck_assert_uint_eq(at(f)[i], 0);
	ck_assert_mem_eq(at(t), "PCMP", 4);
	ck_assert(t >= 0xf0000 && t + len <= 0xfffe0);
	ck_assert_uint_eq(at(t)[6], 4);
	ck_assert_uint_eq(sum(t, len), 0);
	ck_assert_uint_eq(guest_ram_get(&g, t + 28, 4), 0); /* no OEM table */
	ck_assert_uint_eq(guest_ram_get(&g, t + 36, 4), 0xfee00000);
	ck_assert_uint_eq(guest_ram_get(&g, t + 40, 4), 0); /* no extended table */
	return t;
}

/* The next entry of a type, from *pos on (0: the first); NULL: none. */
static const u8 *next(u64 t, u8 type, u32 *pos)
{
	u32 end = guest_ram_get(&g, t + 4, 2), off = *pos ? *pos : 44;

	while (off < end) {
		const u8 *e = at(t + off);

		off += e[0] == 0 ? 20 : 8;
		if (e[0] == type) {
			*pos = off;
			return e;
		}
	}
	return NULL;
}

START_TEST(entries)
{
	static const u32 counts[] = { 1, 2, 8, 255, 256 };

	for (u32 i = 0; i < ARRAY_SIZE(counts) * 2; i++) {
		u32 cpus = counts[i / 2], off = 44, nr = 0, seen = 0, want = 0;
		u8 last = 0;
		u64 t;

		for (u32 k = 0; k < cpus; k++) {
			ids[k] = i & 1 ? k * 3 : k;
			want += ids[k] < 255;
		}
		t = table(cpus, i & 1 ? ids : NULL);
		while (off < guest_ram_get(&g, t + 4, 2)) {
			const u8 *e = at(t + off);

			ck_assert(e[0] <= 4 && e[0] >= last); /* in ascending order */
			last = e[0];
			if (e[0] == 0) {
				ck_assert_uint_eq(e[1], ids[seen]);
				ck_assert_uint_eq(e[2], 0x14);
				ck_assert_uint_eq(e[3], seen ? 1 : 3); /* enabled; the first boots */
				ck_assert_uint_eq(guest_ram_get(&g, t + off + 4, 4), SIGNATURE);
				ck_assert_uint_eq(guest_ram_get(&g, t + off + 8, 4), FEATURES);
				ck_assert_uint_eq(guest_ram_get(&g, t + off + 12, 8), 0);
				seen++;
			}
			off += e[0] == 0 ? 20 : 8;
			nr++;
		}
		ck_assert_uint_eq(off, guest_ram_get(&g, t + 4, 2));
		ck_assert_uint_eq(nr, guest_ram_get(&g, t + 34, 2));
		ck_assert_uint_eq(seen, want);
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(buses_and_ioapic)
{
	u64 t = table(2, NULL);
	u32 pos = 0;
	const u8 *e;

	ck_assert_ptr_nonnull(e = next(t, 1, &pos));
	ck_assert_mem_eq(e, "\1\0PCI   ", 8);
	ck_assert_ptr_nonnull(e = next(t, 1, &pos));
	ck_assert_mem_eq(e, "\1\1ISA   ", 8);
	ck_assert_ptr_null(next(t, 1, &pos));
	pos = 0;
	ck_assert_ptr_nonnull(e = next(t, 2, &pos));
	ck_assert_mem_eq(e, "\2\7\x20\1\0\0\xc0\xfe", 8);
	ck_assert_ptr_null(next(t, 2, &pos));
	guest_ram_free(&g);
}
END_TEST

/* AML's way to write a small number, at *p. */
static u32 aml_number(const u8 **p)
{
	u8 op = *(*p)++;

	return op == 0x0a ? *(*p)++ : op;
}

/* The GSI that the DSDT's _PRT has for a slot's pin when the I/O APIC is used: {slot << 16 | FFFFh, pin, 0, GSI}. */
static u32 dsdt_gsi(u32 slot, u32 pin)
{
	for (u32 i = 36; i + 12 < dsdt_aml_len; i++) {
		const u8 *p = dsdt_aml + i + 5;
		u32 gsi;

		if (dsdt_aml[i] != 0x0c || dsdt_aml[i + 1] != 0xff || dsdt_aml[i + 2] != 0xff ||
		    dsdt_aml[i + 3] != slot)
			continue;
		if (aml_number(&p) != pin || aml_number(&p) != 0)
			continue;
		gsi = aml_number(&p);
		if (gsi >= 16)
			return gsi;
	}
	return 0;
}

/* Each ISA IRQ but the cascade, each pin of each PCI slot, just once. */
START_TEST(io_interrupts)
{
	u64 t = table(3, NULL);
	u32 pos = 0, isa = 0, pci = 0;
	const u8 *e;

	while ((e = next(t, 3, &pos))) {
		ck_assert_uint_eq(e[1], 0); /* INT */
		ck_assert_uint_eq(e[6], IO_ID);
		if (e[4] == 1) {
			ck_assert(e[5] < 16 && e[5] != 2 && !(isa & BIT(e[5])));
			isa |= (u32)BIT(e[5]);
			ck_assert_uint_eq(e[7], e[5] ? e[5] : 2);
			/* what the MADT overrides, too: the SCI is active high, level */
			ck_assert_uint_eq(e[2] | e[3] << 8, e[5] == 9 ? 0xd : 0);
		} else {
			ck_assert_uint_eq(e[4], 0);
			ck_assert_uint_eq(e[2] | e[3] << 8, 0); /* PCI's own: level, low */
			ck_assert_uint_ne(dsdt_gsi(e[5] >> 2, e[5] & 3), 0);
			ck_assert_uint_eq(e[7], dsdt_gsi(e[5] >> 2, e[5] & 3));
			pci++;
		}
	}
	ck_assert_uint_eq(isa, 0xfffb);
	ck_assert_uint_eq(pci, 31 * 4);
	guest_ram_free(&g);
}
END_TEST

START_TEST(local_interrupts)
{
	u32 pos = 0;
	const u8 *e;
	u64 t;

	ids[0] = 5;
	ids[1] = 9;
	t = table(2, ids);
	ck_assert_ptr_nonnull(e = next(t, 4, &pos));
	ck_assert_mem_eq(e, "\4\3\0\0\1\0\5\0", 8); /* ExtINT, LINT0 of the boot processor */
	ck_assert_ptr_nonnull(e = next(t, 4, &pos));
	ck_assert_mem_eq(e, "\4\1\0\0\1\0\xff\1", 8); /* NMI, LINT1 of all */
	ck_assert_ptr_null(next(t, 4, &pos));
	guest_ram_free(&g);
}
END_TEST

SUITE_MAIN("mptable", entries, buses_and_ioapic, io_interrupts, local_interrupts)
