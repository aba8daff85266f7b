/* The local APIC's timer: all modes. The clock is 1 GHz, one count is divider ns; the guest's TSC runs at 2 GHz. */
#include "fake_lapic.h"
#include "suite.h"

#define VEC      0x40
#define ONESHOT  VEC
#define PERIODIC (0x20000 | VEC)
#define DEADLINE (0x40000 | VEC)
#define RESERVED (0x60000 | VEC)
#define MASKED   0x10000

static struct fake_bus b;
static struct vlapic *const l = &b.cpu[0].l;
static struct timerq *const q = &b.cpu[0].tq;

static void start(u32 lvt, u32 div, u32 count, u64 now)
{
	fake_bus_init(&b);
	fake_wr(l, APIC_TIMER_DIV, div, now);
	fake_wr(l, APIC_LVT_TIMER, lvt, now);
	fake_wr(l, APIC_TIMER_INIT, count, now);
}

/* Has the interrupt come? Takes it. */
static bool fired(u64 now)
{
	bool got;

	timerq_run(q, now);
	got = fake_irr(l, VEC);
	vlapic_clear_bit(l, APIC_IRR, VEC);
	return got;
}

START_TEST(divide_configuration)
{
	static const struct {
		u32 reg, by;
	} t[] = { { 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		start(ONESHOT, t[i].reg, 1000, 5000);
		ck_assert_uint_eq(timerq_next(q), 5000 + 1000 * t[i].by);
		ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 5000), 1000);
		ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 5000 + 400 * t[i].by), 600);
		ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 5000 + 400 * t[i].by - 1), t[i].by == 1 ? 601 : 601);
	}
}
END_TEST

/* A slow TSC: the APIC's clock is no faster. */
START_TEST(slow_clock)
{
	ck_assert_uint_eq(vlapic_clock_ns(3000000000), 1);
	ck_assert_uint_eq(vlapic_clock_ns(1000000000), 1);
	ck_assert_uint_eq(vlapic_clock_ns(999999999), 2);
	ck_assert_uint_eq(vlapic_clock_ns(49999680), 21);
	ck_assert_uint_eq(vlapic_clock_ns(0), 1);
	fake_bus_init(&b);
	vlapic_set_clock(l, 21);
	fake_wr(l, APIC_TIMER_DIV, 0, 0); /* by 2 */
	fake_wr(l, APIC_LVT_TIMER, ONESHOT, 0);
	fake_wr(l, APIC_TIMER_INIT, 1000, 7);
	ck_assert_uint_eq(timerq_next(q), 7 + 42000);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 7 + 42 * 400), 600);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 7 + 42 * 400 + 1), 600);
	fake_wr(l, APIC_TIMER_DIV, 11, 7 + 42 * 400); /* by 1: the rest in half the time */
	ck_assert_uint_eq(timerq_next(q), 7 + 42 * 400 + 21 * 600);
	fake_wr(l, APIC_TIMER_INIT, 0xffffffff, 0);
	ck_assert_uint_eq(timerq_next(q), 21 * 0xffffffffull);
}
END_TEST

START_TEST(one_shot)
{
	start(ONESHOT, 11, 1000000, 0);
	ck_assert(!fired(999999));
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 999999), 1);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 1000000), 0); /* also before the queue has run */
	ck_assert(fired(1000000));
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 1000001), 0);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_INIT, 1000001), 1000000);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	/* Writing the count starts it again, also in mid-count; 0 stops. */
	fake_wr(l, APIC_TIMER_INIT, 500, 2000000);
	fake_wr(l, APIC_TIMER_INIT, 800, 2000100);
	ck_assert_uint_eq(timerq_next(q), 2000900);
	fake_wr(l, APIC_TIMER_INIT, 0, 2000200);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 2000200), 0);
	fake_wr(l, APIC_TIMER_CUR, 77, 2000200); /* read-only */
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 2000200), 0);
	/* The longest count. */
	fake_wr(l, APIC_TIMER_DIV, 10, 3000000);
	fake_wr(l, APIC_TIMER_INIT, 0xffffffff, 3000000);
	ck_assert_uint_eq(timerq_next(q), 3000000 + 0xffffffffull * 128);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 3000000), 0xffffffff);
}
END_TEST

START_TEST(masked_or_illegal)
{
	start(ONESHOT | MASKED, 11, 100, 0);
	ck_assert(!fired(100));
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 100), 0);
	fake_wr(l, APIC_LVT_TIMER, ONESHOT, 200); /* an interrupt that was masked is lost */
	ck_assert(!fired(200));
	fake_wr(l, APIC_LVT_TIMER, 0x0f, 200);
	fake_wr(l, APIC_TIMER_INIT, 100, 200);
	timerq_run(q, 300);
	fake_wr(l, APIC_ESR, 0, 300);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 300), ESR_RECEIVE_ILLEGAL);
}
END_TEST

START_TEST(periodic)
{
	const u64 p = 1000000;

	start(PERIODIC, 11, (u32)p, 0);
	for (u64 n = 1; n <= 50; n++) {
		u64 late = n % 7 * 1000; /* the queue is run late: no drift */

		ck_assert(!fired(n * p - 1));
		ck_assert(fired(n * p + late));
		ck_assert_uint_eq(timerq_next(q), (n + 1) * p);
		ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, n * p + late), p - late);
	}
	/* Ten periods missed: one interrupt, then the old phase. */
	ck_assert(fired(60 * p + 10));
	ck_assert_uint_eq(timerq_next(q), 61 * p);
	ck_assert(!fired(60 * p + 20));
	/* The count wraps also before the queue has run. */
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 61 * p + 100), p - 100);
	/* However little is left of the period. */
	start(PERIODIC, 11, (u32)p, 0);
	ck_assert(fired(p + p - 10));
	ck_assert_uint_eq(timerq_next(q), 2 * p);
	start(PERIODIC, 11, (u32)p, 0);
	ck_assert(fired(60 * p + 10));
	/* Masked, it goes on silently. */
	fake_wr(l, APIC_LVT_TIMER, PERIODIC | MASKED, 60 * p + 30);
	ck_assert(!fired(61 * p));
	fake_wr(l, APIC_LVT_TIMER, PERIODIC, 61 * p);
	ck_assert(fired(62 * p));
}
END_TEST

START_TEST(no_storm)
{
	u64 now = 0;
	u32 runs = 0;

	start(PERIODIC, 11, 1, 0);
	for (now = 0; now < 1000000; now += 100)
		runs += timerq_run(q, now);
	ck_assert_uint_le(runs, 11);
	ck_assert_uint_ge(runs, 9);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, now), 1);
}
END_TEST

START_TEST(divider_change)
{
	start(ONESHOT, 11, 1000, 0);
	fake_wr(l, APIC_TIMER_DIV, 11, 300); /* the same */
	ck_assert_uint_eq(timerq_next(q), 1000);
	fake_wr(l, APIC_TIMER_DIV, 1, 400); /* 600 left, at a quarter of the speed */
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 400), 600);
	ck_assert_uint_eq(timerq_next(q), 400 + 2400);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 800), 500);
	ck_assert(fired(2800));
	fake_wr(l, APIC_TIMER_DIV, 0, 3000); /* nothing runs */
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	/* Expired, but the queue has not come to it: the interrupt is not lost. */
	start(ONESHOT, 11, 1000, 0);
	fake_wr(l, APIC_TIMER_DIV, 1, 1200);
	ck_assert(fired(1200));
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 1200), 0);
	start(PERIODIC, 11, 1000000, 0);
	fake_wr(l, APIC_TIMER_DIV, 0, 1200000);
	ck_assert(fired(1200000));
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 1200000), 800000);
	ck_assert_uint_eq(timerq_next(q), 1200000 + 1600000);
}
END_TEST

/* One-shot and periodic share the count: a change of mode does not touch it. */
START_TEST(mode_oneshot_periodic)
{
	const u64 p = 1000000;

	start(ONESHOT, 11, (u32)p, 0);
	fake_wr(l, APIC_LVT_TIMER, PERIODIC, p - 100);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, p - 100), 100);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, p + 100), p - 100);
	ck_assert(fired(p));
	ck_assert_uint_eq(timerq_next(q), 2 * p);
	fake_wr(l, APIC_LVT_TIMER, ONESHOT, 2 * p - 100);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 2 * p - 100), 100);
	ck_assert(fired(2 * p));
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	/* At 0, going to periodic leaves it there. */
	fake_wr(l, APIC_LVT_TIMER, PERIODIC, 2 * p + 5);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 2 * p + 5), 0);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	/* Expired but not run: as if it had been. */
	start(ONESHOT, 11, (u32)p, 0);
	fake_wr(l, APIC_LVT_TIMER, PERIODIC, p + 7);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, p + 7), 0);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	ck_assert(fired(p + 7));
	start(PERIODIC, 11, (u32)p, 0);
	fake_wr(l, APIC_LVT_TIMER, ONESHOT, 3 * p + 7);
	ck_assert(fired(3 * p + 7));
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 3 * p + 7), p - 7);
	ck_assert_uint_eq(timerq_next(q), 4 * p);
}
END_TEST

START_TEST(tsc_deadline)
{
	fake_bus_init(&b);
	b.cpu[0].tsc_offset = 100000;
	vlapic_set_deadline(l, 5000000, 0); /* another mode: ignored */
	ck_assert_uint_eq(vlapic_get_deadline(l), 0);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	fake_wr(l, APIC_LVT_TIMER, DEADLINE, 0);
	vlapic_set_deadline(l, 100000 + 2001, 0);
	ck_assert_uint_eq(vlapic_get_deadline(l), 102001);
	ck_assert_uint_eq(timerq_next(q), 1001); /* never early */
	ck_assert(!fired(1000));
	ck_assert(fired(1001));
	ck_assert_uint_eq(vlapic_get_deadline(l), 0);
	/* In the past, and now: at once. */
	vlapic_set_deadline(l, 1, 2000);
	ck_assert(fake_irr(l, VEC) && vlapic_get_deadline(l) == 0);
	ck_assert(fired(2000));
	vlapic_set_deadline(l, 100000 + 4000, 2000);
	ck_assert(fired(2000));
	/* 0 disarms; a later value replaces. */
	vlapic_set_deadline(l, 100000 + 10000, 2000);
	vlapic_set_deadline(l, 100000 + 20000, 2000);
	ck_assert(!fired(9999));
	vlapic_set_deadline(l, 0, 9999);
	ck_assert(!fired(20000));
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	/* Masked: expires silently. */
	fake_wr(l, APIC_LVT_TIMER, DEADLINE | MASKED, 20000);
	vlapic_set_deadline(l, 1, 20000);
	ck_assert(!fired(20000));
	ck_assert_uint_eq(vlapic_get_deadline(l), 0);
	/* Count registers mean nothing in this mode. */
	fake_wr(l, APIC_TIMER_INIT, 1000, 20000);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_INIT, 20000), 0);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 20000), 0);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
}
END_TEST

START_TEST(mode_deadline)
{
	/* Into the mode: the count is disarmed. */
	start(PERIODIC, 11, 1000, 0);
	fake_wr(l, APIC_LVT_TIMER, DEADLINE, 100);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_INIT, 100), 0);
	/* Out of it: the deadline is. */
	vlapic_set_deadline(l, 100000, 100);
	fake_wr(l, APIC_LVT_TIMER, DEADLINE | MASKED, 200); /* the same mode: stays armed */
	ck_assert_uint_eq(vlapic_get_deadline(l), 100000);
	fake_wr(l, APIC_LVT_TIMER, ONESHOT, 200);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	fake_wr(l, APIC_LVT_TIMER, DEADLINE, 200);
	ck_assert_uint_eq(vlapic_get_deadline(l), 0);
	/* The reserved mode does nothing at all. */
	vlapic_set_deadline(l, 100000, 200);
	fake_wr(l, APIC_LVT_TIMER, RESERVED, 200);
	fake_wr(l, APIC_TIMER_INIT, 1000, 200);
	vlapic_set_deadline(l, 1, 200);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	ck_assert(!fired(1000000));
	/* Software-disabling masks, and the deadline passes in silence. */
	fake_wr(l, APIC_LVT_TIMER, DEADLINE, 200);
	vlapic_set_deadline(l, 100000, 200);
	fake_wr(l, APIC_SVR, 0xff, 200);
	ck_assert(!fired(50000));
	ck_assert_uint_eq(vlapic_get_deadline(l), 0);
}
END_TEST

START_TEST(tsc_jump)
{
	fake_bus_init(&b);
	fake_wr(l, APIC_LVT_TIMER, DEADLINE, 0);
	vlapic_tsc_changed(l, 0);
	vlapic_set_deadline(l, 200000, 0);
	ck_assert_uint_eq(timerq_next(q), 100000);
	b.cpu[0].tsc_offset = 50000;
	vlapic_tsc_changed(l, 10);
	ck_assert_uint_eq(timerq_next(q), 75000);
	b.cpu[0].tsc_offset = 300000;
	vlapic_tsc_changed(l, 20);
	ck_assert(fired(20));
	ck_assert_uint_eq(vlapic_get_deadline(l), 0);
}
END_TEST

/* A copy of the state and the page is all that is needed. */
static void save_and_restore(u64 now)
{
	static u8 page[4096];
	struct vlapic_state s = l->s;

	memcpy(page, l->page, sizeof(page));
	fake_bus_init(&b);
	l->s = s;
	memcpy(l->page, page, sizeof(page));
	vlapic_restored(l, now);
}

START_TEST(restored)
{
	start(PERIODIC, 11, 1000000, 0);
	vlapic_post(l, 0x99, false);
	save_and_restore(300);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 300), 999700);
	ck_assert(fake_irr(l, 0x99));
	ck_assert(fired(1000000));
	ck_assert_uint_eq(timerq_next(q), 2000000);
	start(ONESHOT, 11, 100, 0);
	ck_assert(fired(100));
	save_and_restore(200);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
	start(DEADLINE, 11, 0, 0);
	vlapic_set_deadline(l, 5000, 0);
	save_and_restore(100);
	ck_assert_uint_eq(timerq_next(q), 2500);
	/* When interrupts are left out, the next one is not before its time; nor if the period becomes longer. */
	start(PERIODIC, 11, 30000, 0);
	ck_assert(fired(30010));
	ck_assert_uint_eq(timerq_next(q), 150000);
	save_and_restore(40000);
	ck_assert_uint_eq(timerq_next(q), 150000);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 40000), 20000);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 60000), 30000);
	fake_wr(l, APIC_LVT_TIMER, ONESHOT, 70000);
	ck_assert_uint_eq(timerq_next(q), 90000);
	ck_assert_uint_eq(fake_rd(l, APIC_TIMER_CUR, 70000), 20000);
	start(DEADLINE, 11, 0, 0);
	vlapic_set_deadline(l, 5000, 0);
	/* The mode before the next change is known, too. */
	*vlapic_reg(l, APIC_LVT_TIMER) = ONESHOT;
	vlapic_write_effect(l, APIC_LVT_TIMER, 100);
	ck_assert_uint_eq(timerq_next(q), TIMER_OFF);
}
END_TEST

SUITE_MAIN("vlapic_timer", divide_configuration, slow_clock, one_shot, masked_or_illegal, periodic, no_storm,
           divider_change, mode_oneshot_periodic, tsc_deadline, mode_deadline, tsc_jump, restored)
