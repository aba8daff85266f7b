/* Flash: the Intel commands, what reads give in each mode, and when its array is in the guest's memory map. */
#include "quick_check.h"

#include "state_bad.h"
#include "state_subjects_pc.h"

#define BASE 0xffc00000ull
#define LEN  (528u << 10)

static struct io_region *store[4];
static struct io_bus mmio;
static struct vflash f;
static u8 bytes[LEN];
static struct {
	u32 maps, unmaps;
	bool mapped;
} seen;

static void on_map(void *ctx, u32 slot, u64 gpa, const void *pages, u64 nr, bool read_only)
{
	ck_assert_uint_eq(slot, 7);
	ck_assert_uint_eq(gpa, BASE);
	ck_assert_ptr_eq(pages, bytes);
	ck_assert_uint_eq(nr, LEN / PAGE_SIZE);
	ck_assert(read_only);
	seen.mapped = true;
	seen.maps++;
}

static void on_unmap(void *ctx, u32 slot)
{
	ck_assert_uint_eq(slot, 7);
	ck_assert(seen.mapped);
	seen.mapped = false;
	seen.unmaps++;
}

static const struct vdev_memory memory = { .map = on_map, .unmap = on_unmap };
static const struct vdev_env env = { .mmio = &mmio, .memory = &memory };
static const struct vflash_cfg cfg = { .base = BASE, .bytes = bytes, .size = LEN, .slot = 7 };

static void setup(void)
{
	memset(&f, 0, sizeof(f));
	memset(&seen, 0, sizeof(seen));
	for (u32 i = 0; i < LEN; i++)
		bytes[i] = (u8)(i >> 4 ^ i);
	io_bus_init(&mmio, store, ARRAY_SIZE(store), ~0ull);
	ck_assert_int_eq(vflash_ops.attach(&f, &env, &cfg), OK);
	vflash_ops.reset(&f, 0);
	ck_assert(seen.mapped && seen.maps == 1);
}

static void write8(u32 at, u8 val)
{
	u64 v = val;

	ck_assert(io_bus_access(&mmio, BASE + at, 1, true, &v, 0));
}

static u64 read(u32 at, u8 size)
{
	u64 v = 0;

	ck_assert(io_bus_access(&mmio, BASE + at, size, false, &v, 0));
	return v;
}

START_TEST(array)
{
	setup();
	ck_assert_uint_eq(read(0x123, 1), bytes[0x123]);
	ck_assert_uint_eq(read(LEN - 1, 1), bytes[LEN - 1]);
	ck_assert_uint_eq(read(0x10, 4), bytes[0x10] | bytes[0x11] << 8 | bytes[0x12] << 16 | (u32)bytes[0x13] << 24);
	write8(0, 0xff);
	write8(0, 0xab); /* no command */
	ck_assert(seen.mapped && !seen.unmaps);
}
END_TEST

/* How a UEFI driver tells flash from ROM and RAM. */
START_TEST(found_by_its_driver)
{
	setup();
	bytes[5] = 0x5a;
	write8(5, 0x50);
	ck_assert_uint_eq(read(5, 1), 0x5a);
	write8(5, 0x70);
	ck_assert_uint_eq(read(5, 1), 0);
	write8(5, 0xff);
	ck_assert_uint_eq(read(5, 1), 0x5a);
	ck_assert(seen.mapped && seen.unmaps == 1);
}
END_TEST

/* Bits are programmed from 1 to 0; a run of bytes leaves the map once. */
START_TEST(program)
{
	setup();
	bytes[0x100] = 0xf0;
	bytes[0x101] = 0xff;
	write8(0x100, 0x40);
	ck_assert(!seen.mapped);
	write8(0x100, 0x3c);
	ck_assert_uint_eq(read(0, 1), VFLASH_READY);
	write8(0x101, 0x10);
	write8(0x101, 0x12);
	ck_assert_uint_eq(bytes[0x100], 0x30);
	ck_assert_uint_eq(bytes[0x101], 0x12);
	ck_assert_uint_eq(seen.unmaps, 1);
	write8(0x101, 0xff);
	ck_assert_uint_eq(read(0x100, 2), 0x1230);
	ck_assert(seen.mapped);
}
END_TEST

START_TEST(erase)
{
	setup();
	write8(0x2345, 0x20);
	write8(0x2345, 0xd0);
	ck_assert_uint_eq(read(0, 1), VFLASH_READY);
	for (u32 i = 0x1ff0; i < 0x3010; i++)
		ck_assert_uint_eq(bytes[i], i >= 0x2000 && i < 0x3000 ? 0xff : (u8)(i >> 4 ^ i));
	write8(0x5000, 0x20);
	write8(0x5000, 0xff); /* not confirmed */
	ck_assert_uint_eq(read(0, 1), VFLASH_READY | VFLASH_SEQ_ERR);
	ck_assert_uint_eq(bytes[0x5000], (u8)(0x5000 >> 4 & 0xff));
	write8(0, 0x50);
	write8(0, 0x70);
	ck_assert_uint_eq(read(0, 1), 0);
	/* The last block. */
	write8(LEN - 1, 0x20);
	write8(LEN - 1, 0xd0);
	ck_assert_uint_eq(bytes[LEN - 1], 0xff);
}
END_TEST

START_TEST(locks_and_identity)
{
	setup();
	write8(0, 0x60);
	write8(0, 0x01);
	write8(0x10, 0x40);
	write8(0x10, 0x00);
	ck_assert_uint_eq(bytes[0x10], 0);
	write8(0, 0x90);
	ck_assert_uint_eq(read(0, 2), 0x1889);
	ck_assert_uint_eq(read(0x1002, 1), 0);
	write8(0, 0x98);
	ck_assert_uint_eq(read(0x10, 4), 'Q' | 'R' << 8 | 'Y' << 16 | 1 << 24);
	ck_assert_uint_eq(read(0x27, 1), 20); /* 1 MiB is the next power of two */
	ck_assert_uint_eq(read(0x2d, 2), LEN / VFLASH_BLOCK - 1);
	ck_assert_uint_eq(read(0x2f, 2) << 8, VFLASH_BLOCK);
	ck_assert_uint_eq(read(0x31, 3), 'P' | 'R' << 8 | 'I' << 16);
	ck_assert_uint_eq(read(0x40, 8), 0);
}
END_TEST

/* A reset ends whatever it was asked, and keeps the bytes. */
START_TEST(reset_keeps_the_bytes)
{
	setup();
	bytes[7] = 0x77;
	write8(7, 0x40);
	vflash_ops.reset(&f, 0);
	ck_assert(seen.mapped && f.s.mode == VFLASH_ARRAY && !f.s.command);
	write8(7, 0x00);
	ck_assert_uint_eq(bytes[7], 0x77);
	ck_assert_uint_eq(read(7, 1), 0x77);
}
END_TEST

START_TEST(refused_configurations)
{
	const struct vflash_cfg bad[] = {
		{ .base = BASE, .size = LEN },
		{ .base = BASE, .bytes = bytes },
		{ .base = BASE, .bytes = bytes, .size = VFLASH_BLOCK + 1 },
		{ .base = BASE + 1, .bytes = bytes, .size = VFLASH_BLOCK },
		{ .base = BASE, .bytes = bytes, .size = VFLASH_MAX + VFLASH_BLOCK },
	};

	io_bus_init(&mmio, store, ARRAY_SIZE(store), ~0ull);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(vflash_ops.attach(&f, &env, &bad[i]), ERR_INVAL);
}
END_TEST

START_TEST(states_that_cannot_be)
{
	static const struct state_bad bad[] = {
		{ "mode=1 command=0x40", "" },
		{ "mode=4", "mode: 4: is none" },
		{ "status=0x01", "status: 1: has bits that are never set" },
		{ "mode=1 command=0x10", "command: 16: has no second write" },
		{ "command=0x20", "command: 32: needs the status to be read" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(state_subjects_pc); i++)
		if (state_subjects_pc[i].ops == &vflash_ops)
			state_bad_check(&state_subjects_pc[i], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

SUITE_MAIN("vflash", array, found_by_its_driver, program, erase, locks_and_identity, reset_keeps_the_bytes,
           refused_configurations, states_that_cannot_be)
