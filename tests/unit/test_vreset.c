/* Reset ports and the 8042 without a keyboard, as guests use them. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/dev/pc/vreset.h"

#define DATA VRESET_KBC_DATA
#define CMD  VRESET_KBC_CMD

static struct vreset rst;
static struct io_bus bus;
static struct io_region *store[4];
static u32 resets;
static const char *how;

static void on_reset(void *arg, const char *text)
{
	ck_assert(arg == &rst);
	how = text;
	resets++;
}

static void start(void)
{
	resets = 0;
	how = "";
	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	vreset_init(&rst, on_reset, &rst);
	ck_assert_int_eq(vreset_attach(&rst, &bus), OK);
}

static u8 in(u32 port)
{
	u64 v = 0;

	ck_assert(io_bus_access(&bus, port, 1, false, &v, 0));
	return (u8)v;
}

static void out(u32 port, u8 val)
{
	u64 v = val;

	ck_assert(io_bus_access(&bus, port, 1, true, &v, 0));
}

static u8 cf9(bool write, u8 val)
{
	struct io_access io = { .offset = 1, .value = write ? val : ~0ull, .size = 1, .write = write };

	vreset_cf9(&rst, &io);
	return (u8)io.value;
}

/* A controller command that answers. */
static u8 ask(u8 cmd)
{
	out(CMD, cmd);
	ck_assert(in(CMD)&1);
	return in(DATA);
}

START_TEST(attach_is_all_or_nothing)
{
	struct io_region taken = { .base = CMD, .len = 1, .fn = (io_fn)abort, .name = "x" };

	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	vreset_init(&rst, on_reset, &rst);
	ck_assert_int_eq(io_bus_add(&bus, &taken), OK);
	ck_assert_int_eq(vreset_attach(&rst, &bus), ERR_EXIST);
	ck_assert_uint_eq(bus.nr, 1);
}
END_TEST

START_TEST(reset_control)
{
	start();
	ck_assert_uint_eq(cf9(false, 0), 0);
	cf9(true, 0x02);
	ck_assert_uint_eq(resets, 0);
	ck_assert_uint_eq(cf9(false, 0), 0x02);
	cf9(true, 0x06);
	ck_assert_uint_eq(resets, 1);
	ck_assert_str_eq(how, "hard reset through port CF9h");
	cf9(true, 0x06); /* no edge */
	ck_assert_uint_eq(resets, 1);
	cf9(true, 0x00);
	cf9(true, 0x04);
	ck_assert_uint_eq(resets, 2);
	ck_assert_str_eq(how, "soft reset through port CF9h");
	/* The values of the FADT's reset register, at once. */
	vreset_reset(&rst);
	cf9(true, 0x06);
	ck_assert_uint_eq(resets, 3);
	vreset_reset(&rst);
	cf9(true, 0x0f);
	ck_assert_uint_eq(resets, 4);
	ck_assert_uint_eq(cf9(false, 0), 0x0e); /* bit 0 and the upper ones are reserved */
}
END_TEST

START_TEST(port_92)
{
	start();
	ck_assert_uint_eq(in(0x92), 0x02); /* A20 is open */
	out(0x92, 0x00);
	ck_assert_uint_eq(in(0x92), 0x00);
	out(0x92, 0xfe);
	ck_assert_uint_eq(in(0x92), 0x02);
	ck_assert_uint_eq(resets, 0);
	out(0x92, 0x03);
	ck_assert_uint_eq(resets, 1);
	out(0x92, 0x03);
	ck_assert_uint_eq(resets, 1);
}
END_TEST

START_TEST(kbc_pulse)
{
	start();
	for (u32 cmd = 0xf0; cmd <= 0xff; cmd++) {
		resets = 0;
		out(CMD, (u8)cmd);
		ck_assert_uint_eq(resets, cmd & 1 ? 0 : 1);
	}
	resets = 0;
	out(CMD, 0xd1);
	out(DATA, 0xdf);
	ck_assert_uint_eq(resets, 0);
	ck_assert_uint_eq(ask(0xd0), 0xdf);
	out(CMD, 0xd1);
	out(DATA, 0xfe);
	ck_assert_uint_eq(resets, 1);
}
END_TEST

/* What Linux' i8042 driver does when told to probe the ports. */
START_TEST(kbc_probe)
{
	u8 ctl;

	start();
	for (u32 i = 0; in(CMD)&1; i++) { /* flush */
		ck_assert_uint_lt(i, 16);
		in(DATA);
	}
	ck_assert_uint_eq(ask(0xaa), 0x55);
	ck_assert(in(CMD)&0x04); /* system flag */
	ctl = ask(0x20);
	ck_assert_uint_eq(ask(0x20), ctl);
	ck_assert(ctl & 0x10);
	out(CMD, 0x60);
	out(DATA, 0x65);
	ck_assert_uint_eq(ask(0x20), 0x65);
	/* The auxiliary loop's answer does not come from an auxiliary device; the interface test fails. */
	out(CMD, 0xd3);
	out(DATA, 0x5a);
	ck_assert_uint_eq(in(CMD)&0x21, 0x01);
	ck_assert_uint_eq(in(DATA), 0x5a);
	ck_assert_uint_eq(ask(0xa9), 0x01);
	ck_assert_uint_eq(ask(0xab), 0x00);
	/* A keyboard command gets no answer. */
	out(DATA, 0xf2);
	ck_assert_uint_eq(in(CMD)&1, 0);
	out(CMD, 0xd4);
	out(DATA, 0xf2);
	ck_assert_uint_eq(in(CMD)&1, 0);
	ck_assert_uint_eq(resets, 0);
}
END_TEST

START_TEST(kbc_registers)
{
	start();
	ck_assert_uint_eq(in(CMD)&0x0b, 0); /* nothing to read, not busy, last write was data */
	out(CMD, 0xad);
	ck_assert_uint_eq(in(CMD)&0x08, 0x08);
	ck_assert_uint_eq(ask(0x20), 0x14);
	out(CMD, 0xae);
	out(CMD, 0xa7);
	ck_assert_uint_eq(ask(0x20), 0x24);
	out(CMD, 0xa8);
	ck_assert_uint_eq(ask(0x20), 0x04);
	ck_assert_uint_eq(ask(0xc0), 0x80);
	ck_assert_uint_eq(ask(0xd0), 0xdf);
	out(CMD, 0xdd);
	ck_assert_uint_eq(ask(0xd0), 0xdd);
	out(CMD, 0xdf);
	ck_assert_uint_eq(ask(0xd0), 0xdf);
	out(CMD, 0xd2);
	out(DATA, 0x1c);
	ck_assert_uint_eq(in(CMD)&0x09, 0x01);
	ck_assert_uint_eq(in(DATA), 0x1c);
	ck_assert_uint_eq(in(CMD)&1, 0);
	ck_assert_uint_eq(in(DATA), 0x1c); /* the last byte again */
	/* A new command drops one that waits for its byte. */
	out(CMD, 0x60);
	out(CMD, 0xae);
	out(DATA, 0x77);
	ck_assert_uint_eq(ask(0x20), 0x04);
	out(CMD, 0x3f); /* no such command */
	ck_assert_uint_eq(in(CMD)&1, 0);
	/* Clearing the system flag in the command byte shows in the status. */
	out(CMD, 0x60);
	out(DATA, 0x00);
	ck_assert_uint_eq(in(CMD)&0x04, 0);
	vreset_reset(&rst);
	ck_assert_uint_eq(in(CMD), 0x14);
}
END_TEST

/* ---- on the PC: soft and hard, A20 ---- */

static u32 softs, a20_calls;
static bool a20_open;

static void on_soft(void *arg, const char *text)
{
	ck_assert(arg == &rst);
	how = text;
	softs++;
}

static void on_a20(void *arg, bool open)
{
	ck_assert(arg == &rst);
	a20_open = open;
	a20_calls++;
}

static struct vdev_env env;

static void start_pc(bool other_kbc)
{
	struct vreset_cfg cfg = {
		.reset = on_reset, .soft_reset = on_soft, .a20 = on_a20, .arg = &rst, .other_kbc = other_kbc
	};

	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	env = (struct vdev_env){ .pio = &bus };
	ck_assert_int_eq(vreset_ops.attach(&rst, &env, &cfg), OK);
	a20_open = false;
	vreset_ops.reset(&rst, 0);
	ck_assert(a20_open);
	resets = softs = a20_calls = 0;
}

START_TEST(soft_and_hard)
{
	start_pc(false);
	cf9(true, 0x04);
	ck_assert(softs == 1 && resets == 0);
	ck_assert_str_eq(how, "soft reset through port CF9h");
	cf9(true, 0x0e); /* no edge */
	ck_assert(softs == 1 && resets == 0);
	cf9(true, 0);
	cf9(true, 0x06);
	ck_assert(softs == 1 && resets == 1);
	cf9(true, 0);
	cf9(true, 0x0e);
	ck_assert(softs == 1 && resets == 2);
	out(0x92, 0x03);
	ck_assert(softs == 2 && resets == 2);
	out(0x92, 0x03);
	out(0x92, 0x02);
	out(0x92, 0x03);
	ck_assert(softs == 3 && resets == 2);
	out(CMD, 0xfe);
	ck_assert(softs == 4 && resets == 2);
	out(CMD, 0xd1);
	out(DATA, 0xde);
	ck_assert(softs == 5 && resets == 2);
	vreset_pulse(&rst, "elsewhere");
	ck_assert_str_eq(how, "elsewhere");
	ck_assert(softs == 6 && resets == 2 && a20_calls == 0);
}
END_TEST

/* A soft reset is the processors' alone: what the ports hold stays, but A20 is opened, for the reset vector needs it. */
START_TEST(soft_resets_leave_it)
{
	struct vreset_state before;

	start_pc(false);
	out(0x92, 0x00);
	cf9(true, 0x02);
	before = rst.s;
	out(CMD, 0xfe);
	before.kbc_last_cmd = true;
	before.port92 |= 2;
	before.kbc_outport |= 2;
	ck_assert(!memcmp(&before, &rst.s, sizeof(before)));
	ck_assert(a20_open && softs == 1 && cf9(false, 0) == 0x02);
	vreset_ops.reset(&rst, 0);
	ck_assert(a20_open && in(0x92) == 0x02 && cf9(false, 0) == 0);
}
END_TEST

/* One gate, by whichever way; told once for each change. */
START_TEST(one_gate)
{
	static const struct {
		u8 way; /* 0: port 92h, 1: output port, 2: DDh and DFh, 3: the other 8042's */
		bool open;
	} steps[] = {
		{ 0, false }, { 0, false }, { 1, true }, { 0, false }, { 2, true },  { 2, false }, { 0, true },
		{ 1, false }, { 1, false }, { 3, true }, { 3, true },  { 2, false }, { 3, false }, { 1, true }
	};
	bool was = true;

	start_pc(false);
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		bool open = steps[i].open;
		u32 calls = a20_calls;

		switch (steps[i].way) {
		case 0: out(0x92, open ? 2 : 0); break;
		case 1:
			out(CMD, 0xd1);
			out(DATA, open ? 0xdf : 0xdd);
			break;
		case 2: out(CMD, open ? 0xdf : 0xdd); break;
		default: vreset_set_a20(&rst, open); break;
		}
		ck_assert_uint_eq(a20_calls - calls, open != was);
		ck_assert(a20_open == open && vreset_a20(&rst) == open);
		ck_assert_uint_eq(in(0x92), open ? 2 : 0);
		ck_assert_uint_eq(ask(0xd0) & 2, open ? 2 : 0);
		was = open;
	}
	ck_assert(softs == 0 && resets == 0);
}
END_TEST

START_TEST(another_8042)
{
	u64 v = 0;

	start_pc(true);
	ck_assert_uint_eq(bus.nr, 1);
	ck_assert(!io_bus_access(&bus, CMD, 1, false, &v, 0));
	vreset_set_a20(&rst, false);
	ck_assert(in(0x92) == 0 && !a20_open);
	vreset_ops.detach(&rst);
	ck_assert_uint_eq(bus.nr, 0);
}
END_TEST

START_TEST(states_of_the_gate)
{
	struct vreset_state s;
	const void *part[VDEV_PARTS] = { &s };
	struct state_check c = { .field = "" };

	start_pc(false);
	out(0x92, 0);
	s = rst.s;
	ck_assert(vreset_ops.valid(&rst, part, &c));
	vreset_ops.reset(&rst, 0);
	rst.s = s;
	a20_calls = 0;
	vreset_ops.restored(&rst, 0);
	ck_assert(!a20_open && a20_calls == 1);
	s.kbc_outport |= 2;
	ck_assert(!vreset_ops.valid(&rst, part, &c));
	ck_assert_str_eq(c.field, "kbc_outport");
	/* Without a gate the two are what they were told. */
	rst.a20 = NULL;
	ck_assert(vreset_ops.valid(&rst, part, &c));
}
END_TEST

SUITE_MAIN("vreset", attach_is_all_or_nothing, reset_control, port_92, kbc_pulse, kbc_probe, kbc_registers,
           soft_and_hard, soft_resets_leave_it, one_gate, another_8042, states_of_the_gate)
