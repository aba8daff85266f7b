/* The hypervisor's own page tables: entry bits as the CPU reads them,
 * page sizes, sharing of root slots, VM windows. */
#include "quick_check.h"

#include "fake_pt.h"
#include "mm/hostpt.h"
#include "suite.h"

static struct fake_pt pages;

#define K      0x1000ull
#define M      SIZE_2M
#define G      SIZE_1G
#define KERNEL 0xffffffff80000000ull
#define DIRECT 0xffff800000000000ull

/* The entry that maps va, as the CPU walks; *level 1..3; 0 when unmapped. */
static u64 raw(const struct hostpt *pt, u64 va, u32 *level)
{
	const u64 *table = fake_pt_virt(&pages, HPA(hostpt_cr3(pt)));

	for (*level = 4;; --*level) {
		u64 entry = table[va >> (12 + 9 * (*level - 1)) & 511];

		if (!(entry & 1))
			return 0;
		if (*level == 1 || (*level < 4 && entry & 0x80))
			return entry;
		/* Tables: present, writable, supervisor, executable. */
		ck_assert_uint_eq(entry & ~0x000ffffffffff000ull & ~0x20ull, 3);
		table = fake_pt_virt(&pages, HPA(entry & 0x000ffffffffff000ull));
	}
}

START_TEST(entry_bits)
{
	static const struct {
		u64 va, pa, len, max_page;
		u32 flags;
		u64 entry; /* A and D included */
		u32 level;
	} rows[] = {
		{ KERNEL, 0x100000, K, 0, HOSTPT_X | HOSTPT_GLOBAL, 0x100161, 1 },
		{ KERNEL + K, 0x101000, K, 0, HOSTPT_GLOBAL, 0x8000000000101161ull, 1 },
		{ KERNEL + M, 0x200000, M, 0, HOSTPT_W, 0x80000000002000e3ull, 2 },
		{ KERNEL + 2 * M, 0x400000, M, K, HOSTPT_W, 0x8000000000400063ull, 1 },
		{ DIRECT, 0, G, 0, HOSTPT_W, 0x80000000000000e3ull, 3 },
		{ DIRECT + G, G, G, M, HOSTPT_W, 0x80000000400000e3ull, 2 },
		{ 0x1000, 0xfee00000, K, 0, HOSTPT_W | HOSTPT_UC, 0x80000000fee0007bull, 1 },
		{ 0x2000, 0xfed00000, K, 0, HOSTPT_W | HOSTPT_UCM, 0x80000000fed00073ull, 1 },
		{ 0x3000, 0xfed01000, K, 0, HOSTPT_W | HOSTPT_WT, 0x80000000fed0106bull, 1 },
		/* PAT entry 5: PAT bit is 7 in a PTE, 12 in a PDE. */
		{ 0x4000, 0xe0000000, K, 0, HOSTPT_W | HOSTPT_WC, 0x80000000e00000ebull, 1 },
		{ 4 * M, 0xe0000000, M, 0, HOSTPT_W | HOSTPT_WC, 0x80000000e00010ebull, 2 },
		{ 0x7ffffffff000ull, 0x5000, K, 0, 0, 0x8000000000005061ull, 1 },
	};
	struct hostpt pt;

	fake_pt_init(&pages);
	ck_assert_int_eq(hostpt_init(&pt, &pages.alloc, SIZE_1G), OK);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 level, flags;
		u64 size;
		hpa_t pa;

		ck_assert_int_eq(
		        hostpt_map(&pt, rows[i].va, HPA(rows[i].pa), rows[i].len, rows[i].flags, rows[i].max_page),
		        OK);
		ck_assert_msg(raw(&pt, rows[i].va, &level) == rows[i].entry, "row %u", i);
		ck_assert_uint_eq(level, rows[i].level);
		ck_assert_int_eq(hostpt_lookup(&pt, rows[i].va + 0x123, &pa, &flags, &size), OK);
		ck_assert_uint_eq(pa.v, rows[i].pa + 0x123);
		ck_assert_uint_eq(flags, rows[i].flags);
		ck_assert_uint_eq(size, ptree_size(level));
	}
	ck_assert(!hostpt_needs_flush(&pt));
	/* A split keeps the cache attribute in its new place. */
	{
		u32 level;

		ck_assert_int_eq(hostpt_unmap(&pt, 4 * M, K), OK);
		ck_assert_uint_eq(raw(&pt, 4 * M, &level), 0);
		ck_assert_uint_eq(raw(&pt, 4 * M + K, &level), 0x80000000e00010ebull);
		ck_assert_uint_eq(level, 1);
		ck_assert(hostpt_needs_flush(&pt));
		hostpt_flushed(&pt);
		ck_assert(!hostpt_needs_flush(&pt));
	}
	hostpt_destroy(&pt);
	ck_assert_uint_eq(pages.in_use, 0);
}
END_TEST

START_TEST(protect)
{
	struct hostpt pt;
	u32 level;
	hpa_t pa;

	fake_pt_init(&pages);
	ck_assert_int_eq(hostpt_init(&pt, &pages.alloc, SIZE_2M), OK);
	ck_assert_int_eq(hostpt_map(&pt, KERNEL, HPA(0), 2 * M, HOSTPT_W | HOSTPT_GLOBAL, 0), OK);
	ck_assert_int_eq(hostpt_protect(&pt, KERNEL + M - K, 2 * K, HOSTPT_X), OK);
	ck_assert_uint_eq(raw(&pt, KERNEL + M - K, &level), 0x1ff061);
	ck_assert_uint_eq(raw(&pt, KERNEL + M, &level), 0x200061);
	ck_assert_uint_eq(raw(&pt, KERNEL + M + K, &level), 0x8000000000201163ull);
	ck_assert_uint_eq(level, 1);
	ck_assert_int_eq(hostpt_protect(&pt, KERNEL, K, HOSTPT_W | HOSTPT_X), ERR_INVAL);
	ck_assert_int_eq(hostpt_protect(&pt, 1ull << 47, K, HOSTPT_W), ERR_RANGE);
	ck_assert_int_eq(hostpt_lookup(&pt, KERNEL + 2 * M, &pa, NULL, NULL), ERR_NOENT);
	ck_assert_int_eq(hostpt_lookup(&pt, 1ull << 47, &pa, NULL, NULL), ERR_NOENT);
	ck_assert_int_eq(hostpt_lookup(&pt, KERNEL, &pa, NULL, NULL), OK);
	hostpt_destroy(&pt);
}
END_TEST

START_TEST(refusals)
{
	struct hostpt pt;

	fake_pt_init(&pages);
	ck_assert_int_eq(hostpt_init(&pt, &pages.alloc, K), OK);
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA(0), K, HOSTPT_W | HOSTPT_X, 0), ERR_INVAL);
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA(0), K, 0x80, 0), ERR_INVAL);
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA(0), 5, 0, 0), ERR_INVAL);
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA(7), K, 0, 0), ERR_INVAL);
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA(1ull << 52), K, 0, 0), ERR_RANGE);
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA((1ull << 52) - K), 2 * K, 0, 0), ERR_RANGE);
	ck_assert_int_eq(hostpt_map(&pt, 1ull << 47, HPA(0), K, 0, 0), ERR_RANGE);
	ck_assert_int_eq(hostpt_map(&pt, (1ull << 47) - K, HPA(0), 2 * K, 0, 0), ERR_RANGE);
	ck_assert_int_eq(hostpt_map(&pt, ~0ull - K + 1, HPA(0), 2 * K, 0, 0), ERR_RANGE);
	ck_assert_int_eq(hostpt_map(&pt, ~0ull - K + 1, HPA(0), K, 0, 0), OK);
	ck_assert_int_eq(hostpt_map(&pt, ~0ull - K + 1, HPA(0), K, 0, 0), ERR_EXIST);
	ck_assert_int_eq(hostpt_unmap(&pt, 1ull << 50, K), ERR_RANGE);
	pages.limit = pages.in_use;
	ck_assert_int_eq(hostpt_map(&pt, 0, HPA(0), K, 0, 0), ERR_NOMEM);
	ck_assert_int_eq(hostpt_populate(&pt, 3, 1), ERR_NOMEM);
	hostpt_destroy(&pt);
	ck_assert_uint_eq(pages.in_use, 0);
}
END_TEST

START_TEST(shared_slots)
{
	struct hostpt kernel, vm;
	u32 level, slot = hostpt_slot(DIRECT);
	hpa_t pa;

	fake_pt_init(&pages);
	ck_assert_int_eq(hostpt_init(&kernel, &pages.alloc, SIZE_1G), OK);
	ck_assert_int_eq(hostpt_init(&vm, &pages.alloc, SIZE_1G), OK);
	ck_assert_int_eq(hostpt_share(&vm, &kernel, slot, 1), ERR_NOENT);
	ck_assert_int_eq(hostpt_map(&kernel, KERNEL, HPA(M), M, HOSTPT_X, 0), OK);
	ck_assert_int_eq(hostpt_populate(&kernel, slot, 2), OK);
	ck_assert_int_eq(hostpt_populate(&kernel, 511, 1), OK);
	ck_assert_int_eq(hostpt_share(&vm, &kernel, slot, 2), OK);
	ck_assert_int_eq(hostpt_share(&vm, &kernel, 511, 1), OK);
	ck_assert_int_eq(hostpt_share(&vm, &kernel, 511, 1), ERR_EXIST);
	ck_assert_int_eq(hostpt_populate(&vm, 511, 1), ERR_PERM);
	/* What the kernel maps later is seen through both. */
	ck_assert_int_eq(hostpt_map(&kernel, DIRECT, HPA(0), 4 * G, HOSTPT_W, 0), OK);
	ck_assert_int_eq(hostpt_lookup(&vm, DIRECT + 3 * G, &pa, NULL, NULL), OK);
	ck_assert_uint_eq(pa.v, 3 * G);
	ck_assert_uint_ne(raw(&vm, KERNEL, &level), 0);
	/* The VM's own things are its own, and it may not touch the kernel's. */
	ck_assert_int_eq(hostpt_map(&vm, 0x10000000000ull, HPA(G), M, HOSTPT_W, 0), OK);
	ck_assert_int_eq(hostpt_lookup(&kernel, 0x10000000000ull, &pa, NULL, NULL), ERR_NOENT);
	ck_assert_int_eq(hostpt_map(&vm, DIRECT + 5 * G, HPA(G), M, HOSTPT_W, 0), ERR_PERM);
	ck_assert_int_eq(hostpt_unmap(&vm, DIRECT, 512 * G), ERR_PERM);
	ck_assert_int_eq(hostpt_protect(&vm, KERNEL, K, 0), ERR_PERM);
	/* A pinned slot keeps its table when everything in it goes, so that the VM's root stays good. */
	ck_assert_int_eq(hostpt_unmap(&kernel, DIRECT, 512 * G), OK);
	hostpt_flushed(&kernel);
	ck_assert_int_eq(hostpt_lookup(&vm, DIRECT, &pa, NULL, NULL), ERR_NOENT);
	ck_assert_uint_eq(ptree_merge(&kernel.t, 0, 1ull << 48), 0);
	ck_assert_uint_eq(ptree_merge(&vm.t, 0, 1ull << 48), 0);
	ck_assert_int_eq(hostpt_map(&kernel, DIRECT + G, HPA(0), G, HOSTPT_W, 0), OK);
	ck_assert_int_eq(hostpt_lookup(&vm, DIRECT + G, &pa, NULL, NULL), OK);
	hostpt_destroy(&vm);
	ck_assert_int_eq(hostpt_lookup(&kernel, DIRECT + G, &pa, NULL, NULL), OK);
	hostpt_destroy(&kernel);
	ck_assert_uint_eq(pages.in_use, 0);
}
END_TEST

#define WINDOW 0x200000000000ull

static void map_ram(struct ept *e, u64 gpa, u64 hpa, u64 len, u32 perms)
{
	ck_assert_int_eq(ept_map(e, GPA(gpa), HPA(hpa), len, perms, EPT_MT_RAM, false), OK);
}

START_TEST(window)
{
	struct ept_caps caps = { .page_2m = true, .page_1g = true };
	struct ept e;
	struct hostpt pt;
	u32 used, flags;
	u64 size;
	hpa_t pa;

	fake_pt_init(&pages);
	ck_assert_int_eq(ept_init(&e, &caps, &pages.alloc), OK);
	ck_assert_int_eq(hostpt_init(&pt, &pages.alloc, SIZE_1G), OK);
	map_ram(&e, 0, 0x123000, 0xa0000, EPT_RWX);
	map_ram(&e, 0xf0000, 0x300000, 0x10000, EPT_R | EPT_X); /* ROM: not in the window */
	map_ram(&e, 0x100000, 64 * G + 0x100000, M - 0x100000, EPT_RWX);
	map_ram(&e, M, 64 * G + M, G - M, EPT_RWX);
	/* A device: uncached for the guest, so not in the write-back window. */
	ck_assert_int_eq(ept_map(&e, GPA(3 * G), HPA(0xfe000000), M, EPT_RW, EPT_MT_DEVICE, false), OK);
	map_ram(&e, 4 * G, 100 * G, 2 * G, EPT_RWX);
	map_ram(&e, 600 * G, 200 * G, M, EPT_RWX); /* another root slot */

	/* Out of memory at every point leaves nothing. */
	used = pages.in_use;
	for (u32 spare = 0; spare < 5; spare++) {
		pages.limit = pages.in_use + spare;
		ck_assert_int_eq(hostpt_map_window(&pt, WINDOW, &e, GPA(0), 700 * G), ERR_NOMEM);
		pages.limit = FAKE_PT_PAGES;
		for (u64 a = 0; a < 6 * G; a += 16 * M)
			ck_assert_int_eq(hostpt_lookup(&pt, WINDOW + a, &pa, NULL, NULL), ERR_NOENT);
		(void)ptree_merge(&pt.t, 0, 1ull << 47);
		hostpt_flushed(&pt);
		ck_assert_uint_eq(pages.in_use, used);
	}
	ck_assert_int_eq(hostpt_map_window(&pt, WINDOW, &e, GPA(0), 700 * G), OK);
	for (u64 a = 0; a < 7 * G; a += 0x77000) {
		struct ept_leaf l;
		int rc = ept_lookup(&e, GPA(a), &l);

		if (rc == OK && (!(l.perms & EPT_W) || l.type == EPT_MT_DEVICE))
			rc = ERR_NOENT;
		ck_assert_int_eq(hostpt_lookup(&pt, WINDOW + a, &pa, &flags, &size), rc);
		if (rc != OK)
			continue;
		ck_assert_uint_eq(pa.v, l.hpa.v + (a - l.gpa.v));
		ck_assert_uint_eq(size, l.size);
		ck_assert_uint_eq(flags, HOSTPT_W);
	}
	/* A second time is refused and destroys nothing. */
	ck_assert_int_eq(hostpt_map_window(&pt, WINDOW, &e, GPA(0), 8 * G), ERR_EXIST);
	ck_assert_int_eq(hostpt_lookup(&pt, WINDOW, &pa, NULL, NULL), OK);
	ck_assert_int_eq(hostpt_map_window(&pt, WINDOW, &e, GPA(0), 5), ERR_INVAL);
	/* Part of a large page. */
	ck_assert_int_eq(hostpt_map_window(&pt, 2 * WINDOW - G, &e, GPA(5 * G + M), M), OK);
	ck_assert_int_eq(hostpt_lookup(&pt, 2 * WINDOW - G + 5 * G + M, &pa, NULL, &size), OK);
	ck_assert_uint_eq(pa.v, 101 * G + M);
	ck_assert_uint_eq(size, M);
	hostpt_destroy(&pt);
	ept_destroy(&e);
	ck_assert_uint_eq(pages.in_use, 0);
}
END_TEST

SUITE_MAIN("hostpt", entry_bits, protect, refusals, shared_slots, window)
