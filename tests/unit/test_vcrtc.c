/* The registers of a display adapter that is not there, as kernels that print to the text screen use them. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/dev/pc/vcrtc.h"

static struct vcrtc crtc;
static struct io_bus bus;
static struct io_region *store[4];
static u64 now;

static void start(void)
{
	now = 0;
	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	vcrtc_init(&crtc);
	ck_assert_int_eq(vcrtc_attach(&crtc, &bus), OK);
}

static u64 in(u32 port, u8 size)
{
	u64 v = 0;

	(void)io_bus_access(&bus, port, size, false, &v, now);
	return v;
}

static void out(u32 port, u8 size, u64 v)
{
	(void)io_bus_access(&bus, port, size, true, &v, now);
}

static u8 reg(u8 index)
{
	out(0x3d4, 1, index);
	return (u8)in(0x3d5, 1);
}

START_TEST(attach_is_all_or_nothing)
{
	static const u16 ports[] = { 0x3d5, 0x3da };

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		struct io_region taken = { .base = ports[i], .len = 1, .fn = (io_fn)abort, .name = "x" };

		io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
		vcrtc_init(&crtc);
		ck_assert_int_eq(io_bus_add(&bus, &taken), OK);
		ck_assert_int_eq(vcrtc_attach(&crtc, &bus), ERR_EXIST);
		ck_assert_uint_eq(bus.nr, 1);
	}
}
END_TEST

/* At the start: text mode 3 of the VGA, the screen from the beginning of its memory, the cursor at its beginning. */
START_TEST(after_reset)
{
	start();
	ck_assert_uint_eq(in(0x3d4, 1), 0);
	ck_assert_uint_eq(reg(0x01), 79);                            /* end horizontal display: 80 columns */
	ck_assert_uint_eq(reg(0x12) | (reg(0x07) & 0x02) << 7, 399); /* vertical display end: 400 lines */
	ck_assert_uint_eq(reg(0x09) & 0x1f, 15);                     /* lines of a character */
	ck_assert_uint_eq(reg(0x13), 40);                            /* words of a row */
	for (u8 i = 0x0c; i <= 0x0f; i++)                            /* start address, cursor location */
		ck_assert_uint_eq(reg(i), 0);
	ck_assert_uint_eq(reg(0x0a) & 0x20, 0); /* the cursor is on */
	out(0x3d4, 2, 0x550e);
	vcrtc_reset(&crtc);
	ck_assert_uint_eq(in(0x3d4, 2), 0x5f00);
	ck_assert_uint_eq(reg(0x0e), 0);
}
END_TEST

START_TEST(keeps_what_is_written)
{
	start();
	for (u32 i = 0; i < 25; i++) {
		out(0x3d4, 1, i);
		out(0x3d5, 1, 0xa0 + i);
	}
	for (u32 i = 0; i < 25; i++)
		ck_assert_uint_eq(reg((u8)i), 0xa0 + i);
	/* index and data by one word, and how a driver moves the cursor with two of them */
	out(0x3d4, 2, 0x070e);
	out(0x3d4, 2, 0xcf0f);
	ck_assert_uint_eq(reg(0x0e) << 8 | reg(0x0f), 1999);
	ck_assert_uint_eq(in(0x3d4, 2), 0xcf0f);
	/* registers that a VGA lacks */
	for (u32 i = 25; i < 256; i += 7) {
		out(0x3d4, 2, 0x1100 | i);
		ck_assert_uint_eq(in(0x3d4, 1), i);
		ck_assert_uint_eq(in(0x3d5, 1), 0);
	}
	/* no monochrome adapter, and nothing beside it */
	ck_assert_uint_eq(in(0x3b4, 2), 0xffff);
	ck_assert_uint_eq(in(0x3d3, 1), 0xff);
	ck_assert_uint_eq(in(0x3d4, 4) >> 16, 0xffff);
}
END_TEST

/* Retraces come 70 times a second, are short, and nothing is displayed while they last. */
START_TEST(retraces)
{
	u32 starts = 0, in_retrace = 0, blank = 0, samples = 0;
	bool was = false;

	start();
	for (now = 0; now < 1000000000; now += 2000) {
		u8 v = (u8)in(0x3da, 1);

		ck_assert_uint_eq(v & ~0x09, 0);
		ck_assert(!(v & 8) || (v & 1));
		starts += (v & 8) && !was;
		was = v & 8;
		in_retrace += !!(v & 8);
		blank += v & 1;
		samples++;
	}
	ck_assert_uint_eq(starts, 70);
	ck_assert(in_retrace * 1000 / samples >= 3 && in_retrace * 1000 / samples <= 6);
	ck_assert(blank * 100 / samples >= 25 && blank * 100 / samples <= 33);
	out(0x3da, 1, 0xff);
	now = 0;
	ck_assert_uint_eq(in(0x3da, 1), 0);
}
END_TEST

SUITE_MAIN("vcrtc", attach_is_all_or_nothing, after_reset, keeps_what_is_written, retraces)
