/* 8254: modes against a clock-by-clock reference, access, latches, interrupts, port 61h. */
#include "quick_check.h"

#include "dev_rig.h"
#include "pit_ref.h"
#include "suite.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/dev/pc/vpit.h"

static struct rig rig;
static struct vpit p;

/* The first ns of clock c. */
static u64 ns(u64 c)
{
	return (u64)(((unsigned __int128)c * 1000000000 + 1193181) / 1193182);
}

static void out(u32 port, u32 val)
{
	rig_out(&rig, port, (u8)val);
}

static u32 in(u32 port)
{
	return rig_in(&rig, port);
}

static void no_pic_change(void *arg) {}

static void setup(void)
{
	rig_init(&rig);
	vpit_init(&p, &rig.chip, &rig.tq);
	ck_assert_int_eq(vpit_attach(&p, &rig.pio), OK);
}

/* Control word for low-then-high access, then the count. */
static void program(u32 chan, u32 mode, u32 count)
{
	out(0x43, chan << 6 | 0x30 | mode << 1);
	out(0x40 + chan, count & 0xff);
	out(0x40 + chan, count >> 8);
}

static u32 latched(u32 chan)
{
	u32 low;

	out(0x43, chan << 6);
	low = in(0x40 + chan);
	return low | in(0x40 + chan) << 8;
}

static u32 status(u32 chan)
{
	out(0x43, 0xe0 | 2u << chan);
	return in(0x40 + chan);
}

START_TEST(power_on)
{
	struct io_region other = { .base = 0x61, .len = 1 };

	setup();
	ck_assert_uint_eq(rig.calls[0], 0);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	ck_assert_uint_eq(in(0x43), 0xff);
	for (u32 i = 0; i < 3; i++)
		ck_assert_uint_eq(status(i), 0x70);
	ck_assert_uint_eq(in(0x61) & 0x2f, 0);
	ck_assert_int_eq(vpit_attach(&p, &rig.pio), ERR_EXIST);
	/* half attached is not attached */
	io_bus_init(&rig.pio, rig.store, ARRAY_SIZE(rig.store), 0xffff);
	other.fn = p.region.fn;
	ck_assert_int_eq(io_bus_add(&rig.pio, &other), OK);
	ck_assert_int_eq(vpit_attach(&p, &rig.pio), ERR_EXIST);
	ck_assert_uint_eq(rig.pio.nr, 1);
}
END_TEST

START_TEST(access_modes)
{
	setup();
	/* low byte only: the high one is 0 */
	out(0x43, 0x94);
	out(0x42, 0x50);
	ck_assert_uint_eq(p.s.chan[2].cr, 0x50);
	rig.now = ns(100);
	ck_assert_uint_eq(in(0x42), 0x50);
	ck_assert_uint_eq(in(0x42), 0x50);
	/* high byte only */
	out(0x43, 0xa4);
	out(0x42, 0x12);
	ck_assert_uint_eq(p.s.chan[2].cr, 0x1200);
	rig.now = ns(200);
	ck_assert_uint_eq(in(0x42), 0x12);
	/* both */
	program(2, 2, 0x3456);
	rig.now = ns(300);
	ck_assert_uint_eq(in(0x42), 0x56);
	ck_assert_uint_eq(in(0x42), 0x34);
	ck_assert_uint_eq(in(0x42), 0x56);
	/* a control word resets the byte order */
	out(0x43, 0xb4);
	out(0x42, 0x11);
	out(0x43, 0xb4);
	out(0x42, 0x22);
	out(0x42, 0x33);
	ck_assert_uint_eq(p.s.chan[2].cr, 0x3322);
	ck_assert_uint_eq(in(0x42), 0x22);
}
END_TEST

START_TEST(latches)
{
	u64 start;

	setup();
	program(0, 2, 1000);
	start = 1; /* written at clock 0, loaded by the next */
	rig_run_to(&rig, ns(start + 10));
	out(0x43, 0x00);
	rig_run_to(&rig, ns(start + 20));
	out(0x43, 0x00); /* ignored until the first is read */
	rig_run_to(&rig, ns(start + 30));
	ck_assert_uint_eq(in(0x40), 990 & 0xff);
	ck_assert_uint_eq(in(0x40), 990 >> 8);
	ck_assert_uint_eq(in(0x40), 970 & 0xff); /* not latched any more */
	ck_assert_uint_eq(in(0x40), 970 >> 8);
	/* read-back of count and status of several: status comes first */
	program(2, 3, 500);
	out(0x61, 1);
	rig_run_to(&rig, ns(start + 40));
	out(0x43, 0xca);
	rig_run_to(&rig, ns(start + 50));
	out(0x43, 0xca); /* again ignored */
	ck_assert_uint_eq(in(0x40), 0xb4);
	ck_assert_uint_eq(in(0x40), 960 & 0xff);
	ck_assert_uint_eq(in(0x40), 960 >> 8);
	ck_assert_uint_eq(in(0x42), 0xb6);
	/* the gate rose at clock 31: loaded at 32, nine more clocks, by two */
	ck_assert_uint_eq(in(0x42), (500 - 18) & 0xff);
	ck_assert_uint_eq(in(0x42), (500 - 18) >> 8);
	ck_assert_uint_eq(in(0x40) | in(0x40) << 8, 950);
	/* a latch in between two bytes: the flip-flop goes on */
	in(0x40);
	out(0x43, 0x00);
	ck_assert_uint_eq(in(0x40), 950 >> 8);
}
END_TEST

START_TEST(null_count)
{
	setup();
	out(0x43, 0x34);
	ck_assert_uint_eq(status(0), 0xf4); /* OUT high, nothing loaded */
	out(0x40, 100);
	ck_assert_uint_eq(status(0), 0xf4);
	out(0x40, 0);
	ck_assert_uint_eq(status(0), 0xf4); /* with the next clock */
	rig_run_to(&rig, ns(1));
	ck_assert_uint_eq(status(0), 0xb4);
	out(0x40, 50);
	out(0x40, 0);
	ck_assert_uint_eq(status(0), 0xf4);
	rig_run_to(&rig, ns(100));
	ck_assert_uint_eq(status(0), 0x74); /* last clock of the period: OUT low */
	rig_run_to(&rig, ns(101));
	ck_assert_uint_eq(status(0), 0xb4);
	ck_assert_uint_eq(latched(0), 50);
	/* modes 6 and 7 are 2 and 3, and read back as written */
	out(0x43, 0x3c);
	ck_assert_uint_eq(status(0), 0xfc);
}
END_TEST

START_TEST(bcd)
{
	setup();
	out(0x61, 1);
	out(0x43, 0xb1);
	out(0x42, 0x34);
	out(0x42, 0x12);
	rig.now = ns(1);
	ck_assert_uint_eq(latched(2), 0x1234);
	rig.now = ns(1 + 235);
	ck_assert_uint_eq(latched(2), 0x0999);
	rig.now = ns(1 + 1235);
	ck_assert_uint_eq(latched(2), 0x9999); /* wraps after 0 */
	ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
	out(0x43, 0xb5);
	out(0x42, 0);
	out(0x42, 0);
	ck_assert_uint_eq(p.s.chan[2].cr, 10000);
	rig.now = ns(5000);
	out(0x42, 0xff); /* digits that are none */
	out(0x42, 0xff);
	ck_assert_uint_le(p.s.chan[2].cr, 10000);
}
END_TEST

/* Rising edges of GSI 0 by mode: first one, in clocks after the count was written, and the distance of the others. */
START_TEST(interrupts)
{
	static const struct {
		u32 mode, count, first, next;
	} table[] = { { 0, 1000, 1001, 0 },       { 0, 1, 2, 0 },          { 0, 0, 65537, 0 },
		      { 2, 1000, 1001, 1000 },    { 2, 240, 241, 240 },    { 2, 0, 65537, 65536 },
		      { 3, 1000, 1001, 1000 },    { 3, 1001, 1002, 1001 }, { 3, 0, 65537, 65536 },
		      { 3, 11932, 11933, 11932 }, { 4, 1000, 1002, 0 },    { 7, 277, 278, 277 },
		      { 6, 277, 278, 277 } };

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		u32 rises;

		setup();
		rig_run_to(&rig, ns(5000));
		program(0, table[i].mode, table[i].count);
		/* OUT goes high with the control word in all modes but 0 */
		ck_assert_uint_eq(rig.level[0], table[i].mode != 0);
		rises = rig.rises[0];
		rig_run_to(&rig, ns(5000 + table[i].first) - 1);
		ck_assert_uint_eq(rig.rises[0], rises);
		rig_run_to(&rig, ns(5000 + table[i].first));
		ck_assert_uint_eq(rig.rises[0], rises + 1);
		ck_assert(rig.level[0]);
		rig_run_to(&rig, ns(5000 + table[i].first + 100 * table[i].next));
		ck_assert_uint_eq(rig.rises[0], rises + 1 + (table[i].next ? 100 : 0));
		if (!table[i].next)
			ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	}
	/* mode 1 and 5 need a trigger, which channel 0 never gets */
	for (u32 mode = 1; mode <= 5; mode += 4) {
		setup();
		program(0, mode, 100);
		rig_run_to(&rig, ns(1000000));
		ck_assert_uint_eq(rig.rises[0], 1);
	}
}
END_TEST

/* A short period: fewer interrupts, in phase; the first one comes when it should, and counters read as ever. */
START_TEST(short_periods)
{
	for (u32 mode = 2; mode <= 3; mode++)
		for (u32 count = 1; count < VPIT_MIN_PERIOD; count++) {
			u32 period = count < 2 ? 2 : count, rises;
			u64 last;

			setup();
			rig_run_to(&rig, ns(5000));
			program(0, mode, count);
			rises = rig.rises[0];
			rig_run_to(&rig, ns(5001 + period));
			ck_assert_uint_eq(rig.rises[0], rises + 1);
			last = rig.rise_at[0];
			for (u32 i = 0; i < 50; i++) {
				u64 at = timerq_next(&rig.tq);
				u64 clocks = (u64)((unsigned __int128)(at - last) * VPIT_HZ / 1000000000);

				ck_assert_uint_ge(at - last, 200000);
				ck_assert_uint_lt(at - last, 200000 + 300 * 1000);
				ck_assert_uint_le(clocks, VPIT_MIN_PERIOD + period + 1);
				/* Accesses on the way put nothing off. */
				rig_run_to(&rig, last + (at - last) / 2);
				latched(0);
				out(0x43, 0xb0);
				ck_assert_uint_eq(timerq_next(&rig.tq), at);
				rig_run_to(&rig, at);
				ck_assert_uint_eq(rig.rise_at[0], at);
				ck_assert_uint_eq(
				        ((u64)((unsigned __int128)at * VPIT_HZ / 1000000000) - 5001) % period, 0);
				if (mode == 2)
					ck_assert_uint_eq(latched(0), period);
				last = at;
			}
			ck_assert_uint_eq(rig.rises[0], rises + 51);
		}
}
END_TEST

/* Masked everywhere no timer runs; the request that the 8259A keeps is there, and edges come again when heard. */
START_TEST(masked)
{
	static struct vlapic *none[1];
	static struct pc_irqchip c;
	static struct io_region *store[8], *mmio_store[2];
	static struct io_bus pio, mmio;
	u64 v;

	setup();
	io_bus_init(&pio, store, ARRAY_SIZE(store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), ~0ull);
	pc_irqchip_init(&c, none, 0, 0, no_pic_change, NULL);
	ck_assert_int_eq(pc_irqchip_attach(&c, &pio, &mmio), OK);
	pc_irqchip_reset(&c);
	p.irq = &c.chip;
	program(0, 2, 20);
	ck_assert_uint_eq(c.pic.s.chip[0].irr & 1, 1); /* OUT went high with the control word */
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	rig.now = ns(1005);
	ck_assert_uint_eq(latched(0), 20 - (1005 - 1) % 20);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	/* Another input's mask means nothing; its own does. */
	v = 0xfd;
	io_bus_access(&pio, 0x21, 1, true, &v, ns(2000));
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	v = 0xfe;
	io_bus_access(&pio, 0x21, 1, true, &v, ns(2000));
	ck_assert_uint_eq(timerq_next(&rig.tq), ns(2001));
	rig.now = ns(2000);
	rig_run_to(&rig, ns(2001));
	ck_assert_uint_eq(timerq_next(&rig.tq), ns(2241));
	v = 0xff;
	io_bus_access(&pio, 0x21, 1, true, &v, ns(2010));
	rig_run_to(&rig, ns(2300)); /* found masked when it is due */
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	/* The I/O APIC's entry alone. */
	v = 0x14;
	io_bus_access(&mmio, VIOAPIC_BASE, 4, true, &v, ns(3000));
	v = 0x50;
	io_bus_access(&mmio, VIOAPIC_BASE + 0x10, 4, true, &v, ns(3000));
	ck_assert_uint_eq(timerq_next(&rig.tq), ns(3001));
	v = 0x10050;
	io_bus_access(&mmio, VIOAPIC_BASE + 0x10, 4, true, &v, ns(3000));
	rig_run_to(&rig, ns(3300));
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	/* A command word that forgets the request: one edge brings it back. */
	v = 0x11;
	io_bus_access(&pio, 0x20, 1, true, &v, ns(4000));
	ck_assert_uint_ne(timerq_next(&rig.tq), TIMER_OFF);
}
END_TEST

START_TEST(no_drift)
{
	setup();
	program(0, 2, 11932); /* 100 Hz, almost */
	rig_run_to(&rig, 3600ull * 1000000000);
	ck_assert_uint_eq(rig.rises[0] - 1, 3600ull * 1193182 / 11932);
	ck_assert_uint_eq(rig.rise_at[0], ns(1 + (u64)(rig.rises[0] - 1) * 11932));
}
END_TEST

START_TEST(missed_periods)
{
	setup();
	program(0, 2, 1000);
	rig_jump_to(&rig, ns(1 + 12345678));
	ck_assert_uint_eq(rig.rises[0], 2);
	ck_assert_uint_eq(timerq_next(&rig.tq), ns(1 + 12346000)); /* in phase */
	/* late by access instead of by timer: the same */
	rig.now = ns(1 + 20000500);
	program(0, 0, 10);
	ck_assert_uint_eq(rig.rises[0], 3);
	ck_assert(!rig.level[0]);
	ck_assert_uint_eq(timerq_next(&rig.tq), ns(20000512));
}
END_TEST

START_TEST(reload_waits)
{
	setup();
	program(0, 2, 1000);
	rig_run_to(&rig, ns(1 + 2300));
	out(0x40, 150);
	out(0x40, 0);
	out(0x40, 250); /* the last one counts */
	out(0x40, 0);
	rig_run_to(&rig, ns(1 + 2999));
	ck_assert_uint_eq(rig.rises[0], 3);
	ck_assert_uint_eq(latched(0), 1);
	rig_run_to(&rig, ns(1 + 3000));
	ck_assert_uint_eq(rig.rises[0], 4);
	rig_run_to(&rig, ns(1 + 3250));
	ck_assert_uint_eq(rig.rises[0], 5);
	ck_assert_uint_eq(latched(0), 250);
	/* mode 3: at the end of the half period */
	setup();
	program(0, 3, 1000);
	rig_run_to(&rig, ns(1 + 1100));
	out(0x40, 251);
	out(0x40, 0);
	rig_run_to(&rig, ns(1 + 1625 - 1));
	ck_assert_uint_eq(rig.rises[0], 2);
	rig_run_to(&rig, ns(1 + 1625)); /* 500 low clocks would have ended at 2000; the new 125 end here */
	ck_assert_uint_eq(rig.rises[0], 3);
	rig_run_to(&rig, ns(1 + 1876));
	ck_assert_uint_eq(rig.rises[0], 4);
}
END_TEST

/* How Linux calibrates the TSC: the speaker's counter, gated by hand, polled through port 61h. */
START_TEST(port_61h)
{
	setup();
	out(0x61, (in(0x61) & ~2u) | 1);
	program(2, 0, 59659); /* 50 ms */
	rig.now = ns(59659);
	ck_assert_uint_eq(in(0x61) & 0x2f, 0x01);
	rig.now = ns(59660);
	ck_assert_uint_eq(in(0x61) & 0x2f, 0x21);
	/* without the gate nothing counts */
	out(0x61, 0);
	program(2, 0, 100);
	rig.now += ns(1000);
	ck_assert_uint_eq(in(0x61) & 0x2f, 0);
	ck_assert_uint_eq(latched(2), 100);
	out(0x61, 0xff);
	rig.now += ns(101) + 1;
	ck_assert_uint_eq(in(0x61) & 0xef, 0x2f);
	/* the refresh bit toggles every 18 clocks */
	for (u32 i = 0; i < 100; i++) {
		u32 before;

		rig.now = ns(18 * (70000 + i)) - 1;
		before = in(0x61) & 0x10;
		rig.now++;
		ck_assert_uint_ne(in(0x61) & 0x10, before);
	}
	ck_assert_uint_eq(rig.calls[0], 0);
}
END_TEST

static u32 seed;

static u32 rnd(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static u32 to_binary(u32 v, bool is_bcd)
{
	return is_bcd ? (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15) : v;
}

/* One random run: control words, counts and gate changes on channel 2, compared after every clock. */
static void compare(u32 mode, bool is_bcd)
{
	struct pit_ref ref = { 0 };
	u64 t = 1000;

	setup();
	rig.now = ns(t);
	out(0x61, 1);
	ref.gate = true;
	out(0x43, 0xb0 | mode << 1 | is_bcd);
	pit_ref_control(&ref, mode > 5 ? mode - 4 : mode, is_bcd);
	for (u32 step = 0; step < 3000; step++) {
		u32 what = rnd(60);

		if (what == 0 || step == 0) {
			u32 count = rnd(4) ? rnd(9) + 1 : is_bcd ? 0x1234 : rnd(65536);

			out(0x42, count & 0xff);
			pit_ref_first_byte(&ref);
			if (rnd(2)) {
				rig.now = ns(++t);
				pit_ref_clock(&ref);
			}
			out(0x42, count >> 8);
			pit_ref_write(&ref, to_binary(count, is_bcd));
		} else if (what < 4) {
			out(0x61, !ref.gate);
			pit_ref_gate(&ref, !ref.gate);
		}
		rig.now = ns(++t);
		pit_ref_clock(&ref);
		if (rnd(3) == 0)
			continue;
		ck_assert_msg(!(in(0x61) & 0x20) == !ref.out, "mode %u step %u: OUT", mode, step);
		if (ref.counting)
			ck_assert_msg(to_binary(latched(2), is_bcd) == ref.ce % ref.mod,
			              "mode %u step %u: count %u not %u", mode, step, latched(2), ref.ce);
		ck_assert_msg(!(status(2) & 0x40) == !ref.null, "mode %u step %u: null", mode, step);
	}
}

START_TEST(against_reference)
{
	for (seed = 1; seed < 40; seed++) {
		u32 keep = seed;

		for (u32 mode = 0; mode < 8; mode++) {
			compare(mode, false);
			compare(mode, true);
		}
		seed = keep;
	}
}
END_TEST

/* Channel 0's interrupts are OUT's rising edges. */
START_TEST(edges_against_reference)
{
	for (seed = 100; seed < 140; seed++) {
		u32 keep = seed, mode = seed % 6;
		struct pit_ref ref = { .gate = true };

		setup();
		out(0x43, 0x30 | mode << 1);
		pit_ref_control(&ref, mode, false);
		for (u32 step = 0; step < 400; step++) {
			if (step % 8 == 0) {
				u32 count = rnd(30) + (mode == 2 || mode == 3 ? VPIT_MIN_PERIOD : 3);

				out(0x40, count & 0xff);
				pit_ref_first_byte(&ref);
				out(0x40, count >> 8);
				pit_ref_write(&ref, count);
			}
			for (u32 n = rnd(mode == 2 || mode == 3 ? 120 : 20) + 1; n; n--) {
				rig_run_to(&rig,
				           ns(rig.now ? (u64)((unsigned __int128)rig.now * 1193182 / 1000000000) + 1
				                      : 1));
				pit_ref_clock(&ref);
				ck_assert_uint_eq(rig.rises[0], ref.rises);
			}
		}
		seed = keep;
	}
}
END_TEST

START_TEST(wide_accesses)
{
	u64 v = 0x1234;

	setup();
	out(0x43, 0x14);
	out(0x43, 0x54);
	io_bus_access(&rig.pio, 0x40, 2, true, &v, 0); /* counters 0 and 1 */
	ck_assert_uint_eq(p.s.chan[0].cr, 0x34);
	ck_assert_uint_eq(p.s.chan[1].cr, 0x12);
	io_bus_access(&rig.pio, 0x40, 4, false, &v, ns(1));
	ck_assert_uint_eq(v, 0xff001234);
}
END_TEST

START_TEST(save_and_restore)
{
	struct vpit_state saved;
	u64 next;

	setup();
	program(0, 2, 1000);
	rig_run_to(&rig, ns(2500));
	saved = p.s;
	next = timerq_next(&rig.tq);
	setup();
	p.s = saved;
	vpit_restored(&p, ns(2500));
	ck_assert(rig.level[0]);
	ck_assert_uint_eq(timerq_next(&rig.tq), next);
	ck_assert_uint_eq(rig.rises[0], 1);
	vpit_reset(&p, ns(2600));
	ck_assert(!rig.level[0]);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
}
END_TEST

/* Deadlines that ns cannot express are none. */
START_TEST(end_of_time)
{
	setup();
	rig.now = ~0ull - 100;
	program(0, 2, 0);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	program(0, 3, 10);
	ck_assert_uint_le(latched(0), 10);
}
END_TEST

SUITE_MAIN("vpit", power_on, access_modes, latches, null_count, bcd, interrupts, short_periods, masked, no_drift,
           missed_periods, reload_waits, port_61h, against_reference, edges_against_reference, wide_accesses,
           save_and_restore, end_of_time)
