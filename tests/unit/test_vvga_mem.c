/*
 * VGA: the legacy window against a reference written differently: bit by bit, planes as four arrays. Random registers,
 * addresses, bytes; the same again through whatever the device would have mapped, as a guest would write it.
 */
#include <stdio.h>

#include "vga_reference.h"
#include "vga_rig.h"

/* ---- both ---- */

static u64 seed = 1;
static u32 below(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static void seq(u32 i, u32 v)
{
	ref.seq[i] = (u8)v;
	vga_seq(i, v);
}

static void gc(u32 i, u32 v)
{
	ref.gc[i] = (u8)v;
	vga_gc(i, v);
}

static void misc(u32 v)
{
	ref.misc = (u8)v;
	vga_out(0x3c2, 1, v);
}

/* A guest's access: to memory if that is mapped there. */
static u8 *mapped_at(u32 at)
{
	u64 gpa = VVGA_WINDOW + at;

	if (!vga.map[VVGA_MAP_WINDOW].len || gpa < vga.map[VVGA_MAP_WINDOW].gpa ||
	    gpa >= vga.map[VVGA_MAP_WINDOW].gpa + vga.map[VVGA_MAP_WINDOW].len)
		return NULL;
	return vga.vram + vga.map[VVGA_MAP_WINDOW].offset + (gpa - vga.map[VVGA_MAP_WINDOW].gpa);
}

static void write_both(u32 at, u8 val)
{
	u8 *p = mapped_at(at);

	if (p)
		*p = val;
	else
		vga_write(VVGA_WINDOW + at, 1, val);
	ref_write(at, val);
}

static void read_both(u32 at)
{
	u8 *p = mapped_at(at), want;

	/* Who reads mapped memory leaves the latches as they are (docs/devices.md). */
	if (p) {
		bool latch[4][8];

		memcpy(latch, ref.latch, sizeof(latch));
		want = ref_read(at);
		memcpy(ref.latch, latch, sizeof(latch));
		ck_assert_msg(*p == want, "%05x mapped: %02x, not %02x", at, *p, want);
		return;
	}
	want = ref_read(at);
	ck_assert_msg(vga_read(VVGA_WINDOW + at, 1) == want, "%05x: not %02x", at, want);
}

static void start(bool maps)
{
	vga_start(VVGA_VRAM_MIN);
	vga.maps = maps;
	memset(&ref, 0, sizeof(ref));
	misc(0x63);
	for (u32 i = 1; i < 5; i++)
		seq(i, 0);
	seq(2, 15);
	for (u32 i = 0; i < 9; i++)
		gc(i, 0);
	gc(8, 0xff);
}

/* All of the planes, read plane by plane. */
static void compare_planes(void)
{
	misc(0x63);
	seq(4, 6);
	gc(5, 0);
	gc(6, 5);
	for (u32 p = 0; p < 4; p++) {
		gc(4, p);
		for (u32 a = 0; a < 65536; a++)
			ck_assert_msg(vga_read(VVGA_WINDOW + a, 1) == ref.plane[p][a], "plane %u, %04x", p, a);
	}
}

static u32 any_misc(void)
{
	return below(8) ? 0x63 : 0x41 | below(4) << 1 | below(2) << 5;
}

static const struct ref_io io = { below, seq, gc, misc, any_misc };

/* Few addresses, so that one meets what another has left, all over the window. */
static u32 random_at(void)
{
	return (below(4) * 0x8000u + (below(2) ? below(24) : 0x7fe8 + below(24)) + below(2) * 0x4000u) & 0x1ffff;
}

START_TEST(against_reference)
{
	u32 accesses = 0, mapped = 0;

	for (u32 round = 0; round < 4; round++) {
		start(round & 1);
		seed = round + 1;
		for (u32 i = 0; i < 40000; i++) {
			u32 at = random_at();

			if (!below(round & 1 ? 150 : 6))
				ref_random_registers(&io);
			mapped += mapped_at(at) != NULL;
			if (below(2))
				write_both(at, (u8)below(256));
			else
				read_both(at);
			accesses++;
		}
		compare_planes();
	}
	ck_assert_uint_gt(mapped, 4000);
	printf("vga memory: %u accesses as the reference has them, %u of them mapped\n", accesses, mapped);
}
END_TEST

/* Every write mode, logic and mask with every pair of data and latch bits. */
START_TEST(write_modes)
{
	u32 cases = 0;

	start(false);
	seq(4, 6);
	gc(6, 5);
	for (u32 mode = 0; mode < 4; mode++) {
		for (u32 logic = 0; logic < 4; logic++) {
			for (u32 n = 0; n < 512; n++) {
				gc(5, mode);
				gc(3, logic << 3 | (n & 7));
				gc(8, n & 0x80 ? 0xff : below(256));
				gc(1, n & 0x40 ? below(16) : 0);
				gc(0, below(16));
				seq(2, n & 0x100 ? below(16) : 15);
				read_both(below(8));
				write_both(below(8), (u8)below(256));
				cases++;
			}
		}
	}
	compare_planes();
	ck_assert_uint_eq(cases, 8192);
}
END_TEST

/* Larger accesses are their bytes, lowest first; beyond what is decoded nothing answers. */
START_TEST(sizes)
{
	start(false);
	seq(4, 6);
	gc(6, 5);
	vga_write(VVGA_WINDOW + 0x100, 8, 0x8877665544332211ull);
	ck_assert(vga_read(VVGA_WINDOW + 0x103, 4) == 0x77665544 && vga_read(VVGA_WINDOW + 0x107, 1) == 0x88);
	ck_assert(vga.v.s.latch == 0x88888888);
	ck_assert_uint_eq(vga_read(VVGA_WINDOW + 0xfffe, 4), 0xffff0000);
	ck_assert_uint_eq(vga_read(VVGA_WINDOW + 0x18000, 2), 0xffff);
	gc(6, 0xd);
	ck_assert_uint_eq(vga_read(VVGA_WINDOW + 0x100, 8), ~0ull);
	vga_write(VVGA_WINDOW + 0x18100, 2, 0xabcd);
	ck_assert_uint_eq(vga_read(VVGA_WINDOW + 0x18100, 2), 0xabcd);
}
END_TEST

/*
 * Text and chain 4 become memory, after few accesses, each of which turns a bounded piece; switching to and fro in the
 * midst of it loses nothing.
 */
START_TEST(layouts)
{
	u32 traps;

	start(true);
	seq(4, 6);
	gc(6, 5);
	for (u32 p = 0; p < 4; p++) {
		seq(2, 1u << p);
		for (u32 a = 0; a < 65536; a++)
			write_both(a, (u8)(a * 5 + (a >> 8) + p * 64));
	}
	seq(2, 15);
	for (u32 turn = 0; turn < 6; turn++) {
		static const u32 stop[] = { 200, 77, 300, 50, 10, 200 };

		seq(4, turn & 1 ? 2 : 0xe);
		seq(2, turn & 1 ? 3 : 15);
		gc(5, turn & 1 ? 0x10 : 0x40);
		gc(6, turn & 1 ? 0xe : 5);
		for (traps = 0; traps < stop[turn] && !vga.map[VVGA_MAP_WINDOW].len; traps++)
			read_both(turn & 1 ? 0x18000 + below(0x8000) : below(65536));
		ck_assert_uint_le(traps, VVGA_GROUPS / 128 + 1);
		ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].len, turn == 0   ? 65536
		                                                : turn == 2 ? 65536
		                                                            : 0x8000 * (turn == 5));
		for (u32 i = 0; i < 20; i++)
			write_both(turn & 1 ? 0x18000 + below(0x8000) : below(65536), (u8)i);
	}
	ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].gpa, 0xb8000);
	/* A register that makes bytes go other ways ends it at once. */
	gc(8, 0x7f);
	ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].len, 0);
	compare_planes();
}
END_TEST

SUITE_MAIN("vvga_mem", against_reference, write_modes, sizes, layouts)
