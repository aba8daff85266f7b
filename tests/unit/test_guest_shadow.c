/* Firmware and shadow RAM: what is read and written where, for each segment and every setting of its two bits. */
#include "quick_check.h"
#include <string.h>

#include "suite.h"
#include "vmm/base/guest_shadow.h"

#define MIB 0x100000ull

static u8 rom[256 << 10];
static struct guest_shadow s;

static void with_rom(u32 len)
{
	for (u32 i = 0; i < sizeof(rom); i++)
		rom[i] = (u8)(i >> 8 ^ i * 7);
	s = (struct guest_shadow){ .rom = rom, .rom_len = len };
}

/* Twelve of 16 KiB and one of 64 KiB, and no byte is in none or two. */
START_TEST(segments)
{
	u64 at = GUEST_SHADOW_BASE;

	for (u32 i = 0; i < GUEST_SHADOW_SEGS; i++) {
		ck_assert_uint_eq(guest_shadow_seg_base(i), at);
		ck_assert_uint_eq(guest_shadow_seg_len(i), i < 12 ? 16 << 10 : 64 << 10);
		ck_assert_uint_eq(guest_shadow_seg(at), i);
		at += guest_shadow_seg_len(i);
		ck_assert_uint_eq(guest_shadow_seg(at - 1), i);
	}
	ck_assert_uint_eq(at, MIB);
	ck_assert(!guest_shadow_covers(GUEST_SHADOW_BASE - 1) && guest_shadow_covers(GUEST_SHADOW_BASE));
	ck_assert(guest_shadow_covers(MIB - 1) && !guest_shadow_covers(MIB));
}
END_TEST

/* The reset vector, and the end seen again below 1 MiB. */
START_TEST(where_the_rom_is)
{
	with_rom(256 << 10);
	ck_assert_ptr_eq(guest_shadow_rom(&s, 0xfffffff0, 16), rom + sizeof(rom) - 16);
	ck_assert_ptr_null(guest_shadow_rom(&s, 0xfffffff0, 17));
	ck_assert_ptr_eq(guest_shadow_rom(&s, 0xffff0, 16), rom + sizeof(rom) - 16);
	ck_assert_ptr_null(guest_shadow_rom(&s, 0xffff0, 17));
	ck_assert_ptr_eq(guest_shadow_rom(&s, 0xfffc0000, sizeof(rom)), rom);
	ck_assert_ptr_null(guest_shadow_rom(&s, 0xfffbffff, 1));
	ck_assert_ptr_eq(guest_shadow_rom(&s, 0xe0000, 1), rom + (128 << 10));
	ck_assert_ptr_null(guest_shadow_rom(&s, 0xdffff, 1));
	ck_assert_ptr_null(guest_shadow_rom(&s, 0x100000, 1));
	ck_assert_ptr_null(guest_shadow_rom(&s, 0x100000000, 1));
	ck_assert_ptr_null(guest_shadow_rom(&s, ~0ull, 1));
	with_rom(64 << 10);
	ck_assert_ptr_eq(guest_shadow_rom(&s, 0xf0000, 0x10000), rom);
	ck_assert_ptr_null(guest_shadow_rom(&s, 0xeffff, 1));
	s = (struct guest_shadow){ 0 };
	ck_assert_ptr_null(guest_shadow_rom(&s, 0xfffffff0, 1));
}
END_TEST

/* Each segment, each setting: reads from RAM, ROM or the bus; writes to RAM or nowhere. */
START_TEST(every_setting)
{
	for (u32 seg = 0; seg < GUEST_SHADOW_SEGS; seg++) {
		for (u32 bits = 0; bits < 4; bits++) {
			u64 gpa = guest_shadow_seg_base(seg) + 0x123;
			u8 ram[4] = { 1, 2, 3, 4 }, in[4] = { 9, 9, 9, 9 }, out[4] = { 5, 6, 7, 8 };
			enum guest_shadow_from want = bits & 1   ? SHADOW_FROM_RAM
			                              : seg >= 8 ? SHADOW_FROM_ROM
			                                         : SHADOW_FROM_BUS;
			bool writable, there;

			with_rom(256 << 10);
			s.read = (u16)((bits & 1) << seg);
			s.write = (u16)((bits >> 1) << seg);
			ck_assert_int_eq(guest_shadow_from(&s, seg, &writable), want);
			ck_assert_int_eq(writable, bits >> 1);
			ck_assert_int_eq(guest_shadow_hides(&s, gpa), bits != 3);
			there = guest_shadow_access(&s, gpa, ram, in, 4, false);
			ck_assert_int_eq(there, want != SHADOW_FROM_BUS);
			if (want == SHADOW_FROM_RAM)
				ck_assert_mem_eq(in, ram, 4);
			else if (want == SHADOW_FROM_ROM)
				ck_assert_mem_eq(in, rom + sizeof(rom) - (MIB - gpa), 4);
			else
				ck_assert_int_eq(in[0], 9);
			ck_assert(guest_shadow_access(&s, gpa, ram, out, 4, true));
			ck_assert_int_eq(ram[0], bits & 2 ? 5 : 1);
			ck_assert_int_eq(ram[3], bits & 2 ? 8 : 4);
		}
	}
}
END_TEST

START_TEST(all_open_is_plain_ram)
{
	s = (struct guest_shadow){ 0 };
	ck_assert(guest_shadow_hides(&s, GUEST_SHADOW_BASE));
	guest_shadow_open(&s);
	for (u64 gpa = 0; gpa < 2 * MIB; gpa += 0x1000)
		ck_assert(!guest_shadow_hides(&s, gpa));
	ck_assert(!guest_shadow_hides(&s, ~0ull));
}
END_TEST

SUITE_MAIN("guest_shadow", segments, where_the_rom_is, every_setting, all_open_is_plain_ram)
