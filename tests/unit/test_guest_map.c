/* The guest-physical map: sizes around the hole, ranges and e820 agree. */
#include "quick_check.h"

#include "guest_ram.h"
#include "suite.h"

START_TEST(sizes)
{
	static const struct {
		u64 memory;
		int err;
		u64 low, high;
		u32 nr_e820;
	} t[] = {
		{ 0, ERR_RANGE, 0, 0, 0 },
		{ GUEST_MEMORY_MIN - PAGE_SIZE, ERR_RANGE, 0, 0, 0 },
		{ GUEST_MEMORY_MIN, OK, 0x101000, 0, 4 },
		{ GUEST_MEMORY_MIN + 1, ERR_INVAL, 0, 0, 0 },
		{ 512ull << 20, OK, 512ull << 20, 0, 4 },
		{ 0xc0000000, OK, 0xc0000000, 0, 4 },
		{ 0xc0001000, OK, 0xc0000000, 0x100001000, 5 },
		{ 16ull << 30, OK, 0xc0000000, 0x100000000 + (13ull << 30), 5 },
		{ GUEST_MEMORY_MAX, OK, 0xc0000000, BIT(40), 5 },
		{ GUEST_MEMORY_MAX + PAGE_SIZE, ERR_RANGE, 0, 0, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct guest_map m;

		ck_assert_int_eq(guest_map_build(&m, t[i].memory), t[i].err);
		if (t[i].err)
			continue;
		ck_assert_uint_eq(m.low_end, t[i].low);
		ck_assert_uint_eq(m.high_end, t[i].high);
		ck_assert_uint_eq(m.nr_e820, t[i].nr_e820);
	}
}
END_TEST

START_TEST(ranges_and_e820)
{
	struct guest_map m;
	struct guest_mem mem;
	u64 ram = 0;

	ck_assert_int_eq(guest_map_build(&m, 5ull << 30), OK);
	guest_map_ranges(&m, &mem, (u8 *)1);
	ck_assert_uint_eq(mem.nr_ranges, 2);
	for (u32 i = 0; i < mem.nr_ranges; i++) {
		ck_assert(IS_ALIGNED(mem.ranges[i].gpa, PAGE_SIZE) && IS_ALIGNED(mem.ranges[i].len, PAGE_SIZE));
		ram += mem.ranges[i].len;
	}
	ck_assert_uint_eq(ram, 5ull << 30);
	for (u32 i = 0; i < m.nr_e820; i++) {
		/* Everything the guest is told of is backed. */
		ck_assert_ptr_nonnull(gmem_ptr(&mem, GPA(m.e820[i].base), m.e820[i].len));
		if (i)
			ck_assert_uint_ge(m.e820[i].base, m.e820[i - 1].base + m.e820[i - 1].len);
	}
	ck_assert(guest_map_is_ram(&m, 0, GUEST_EBDA_BASE));
	ck_assert(!guest_map_is_ram(&m, 0, GUEST_EBDA_BASE + 1));
	ck_assert(!guest_map_is_ram(&m, 0xa0000, 1));
	ck_assert(!guest_map_is_ram(&m, 0xf0000, 1));
	ck_assert(guest_map_is_ram(&m, 0x100000, 0xbff00000));
	ck_assert(!guest_map_is_ram(&m, 0xbfffffff, 2));
	ck_assert(!guest_map_is_ram(&m, 0xc0000000, 0));
	ck_assert(guest_map_is_ram(&m, 0x100000000, 2ull << 30));
	ck_assert(!guest_map_is_ram(&m, 0x100000000, ~0ull));
}
END_TEST

/* Where a VGA has its memory there is some, whatever the guest's size; the guest is not told of it. */
START_TEST(vga_window)
{
	static const u64 sizes_of[] = { GUEST_MEMORY_MIN, 16ull << 20, 3ull << 30, 5ull << 30 };

	for (u32 i = 0; i < ARRAY_SIZE(sizes_of); i++) {
		struct guest_map m;
		struct guest_mem mem;

		ck_assert_int_eq(guest_map_build(&m, sizes_of[i]), OK);
		guest_map_ranges(&m, &mem, (u8 *)1);
		ck_assert_ptr_nonnull(gmem_ptr(&mem, GPA(0xa0000), 0x20000));
		for (u32 k = 0; k < m.nr_e820; k++)
			ck_assert(m.e820[k].base >= 0xc0000 || m.e820[k].base + m.e820[k].len <= 0xa0000);
		ck_assert(!guest_map_is_ram(&m, 0xb8000, 1));
	}
}
END_TEST

/* There, a PC has its VGA's memory and no RAM; all else is the same. */
START_TEST(vga_window_of_a_pc)
{
	static const u64 sizes_of[] = { GUEST_MEMORY_MIN, 16ull << 20, 3ull << 30, 5ull << 30 };

	for (u32 i = 0; i < ARRAY_SIZE(sizes_of); i++) {
		struct guest_map m, minimal;
		struct guest_mem mem;

		ck_assert_int_eq(guest_map_build(&minimal, sizes_of[i]), OK);
		ck_assert_int_eq(guest_map_build_pc(&m, sizes_of[i]), OK);
		guest_map_ranges(&m, &mem, (u8 *)1);
		ck_assert_ptr_null(gmem_ptr(&mem, GPA(0xa0000), 1));
		ck_assert_ptr_null(gmem_ptr(&mem, GPA(0xbffff), 1));
		ck_assert_ptr_nonnull(gmem_ptr(&mem, GPA(0), 0xa0000));
		ck_assert_ptr_nonnull(gmem_ptr(&mem, GPA(0xc0000), m.low_end - 0xc0000));
		ck_assert_ptr_null(gmem_ptr(&mem, GPA(m.low_end), 1));
		ck_assert_uint_eq(m.low_end, minimal.low_end);
		ck_assert_uint_eq(m.high_end, minimal.high_end);
		ck_assert_uint_eq(m.nr_e820, minimal.nr_e820);
	}
	ck_assert_int_eq(guest_map_build_pc(&(struct guest_map){ 0 }, 0), ERR_RANGE);
}
END_TEST

SUITE_MAIN("guest_map", sizes, ranges_and_e820, vga_window, vga_window_of_a_pc)
