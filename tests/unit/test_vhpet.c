/* HPET: counter, comparators, routes, LegacyReplacement with the gate that it needs. IA-PC HPET 1.0a. */
#include "dev_rig.h"
#include "suite.h"
#include "vmm/base/irq_gate.h"
#include "vmm/dev/pc/vhpet.h"
#include "vmm/dev/pc/vpit.h"

#define MS         1000000ull
#define ROUTE(gsi) ((gsi) << 9)

static struct rig rig;
static struct vhpet h;
static struct vpit pit;
static struct irq_gate gate;
static struct io_bus mmio;
static struct io_region *store[2];

static void replace(void *arg, bool hpet, u64 now)
{
	irq_gate_close(arg, hpet, now);
}

static void start(void)
{
	static const u32 gsis[] = { VHPET_GSI_PIT, VHPET_GSI_RTC };
	struct vdev_env env = { .pio = &rig.pio, .mmio = &mmio, .irq = &gate.chip, .timers = &rig.tq };
	struct vhpet_cfg cfg = { .irq = &rig.chip, .replace = replace, .arg = &gate };

	rig_init(&rig);
	io_bus_init(&mmio, store, ARRAY_SIZE(store), ~0ull);
	irq_gate_init(&gate, &rig.chip, gsis);
	memset(&h, 0, sizeof(h));
	ck_assert_int_eq(vhpet_ops.attach(&h, &env, &cfg), OK);
	vpit_init(&pit, &gate.chip, &rig.tq);
	ck_assert_int_eq(vpit_attach(&pit, &rig.pio), OK);
	rig_run_to(&rig, 1000 * MS);
	vhpet_ops.reset(&h, rig.now);
}

static u64 get(u32 reg, u8 size)
{
	u64 v = 0;

	ck_assert(io_bus_access(&mmio, VHPET_BASE + reg, size, false, &v, rig.now));
	return v;
}

static void put(u32 reg, u8 size, u64 v)
{
	ck_assert(io_bus_access(&mmio, VHPET_BASE + reg, size, true, &v, rig.now));
}

static void wait(u64 ns)
{
	rig_run_to(&rig, rig.now + ns);
}

START_TEST(registers)
{
	start();
	ck_assert_uint_eq(get(0x000, 8), 0x009896808086a201); /* 10 ns; 64 bits, three comparators */
	ck_assert_uint_eq(get(0x004, 4), 10000000);
	ck_assert_uint_eq(get(0x010, 8), 0);
	ck_assert_uint_eq(get(0x0f0, 8), 0);
	for (u32 i = 0; i < 3; i++) {
		ck_assert_uint_eq(get(0x100 + i * 0x20, 8), 0x00f0000000000020ull | ROUTE(20) | (i ? 0 : 0x10));
		ck_assert_uint_eq(get(0x108 + i * 0x20, 8), ~0ull);
		ck_assert_uint_eq(get(0x110 + i * 0x20, 8), 0); /* no FSB route */
	}
	ck_assert_uint_eq(get(0x160, 8), 0); /* no fourth comparator */
	ck_assert_uint_eq(get(0x3f8, 8), 0);
	/* What cannot be written stays; what is no whole half does nothing. */
	put(0x000, 8, 0);
	put(0x010, 1, 1);
	put(0x012, 4, ~0ull);
	put(0x014, 8, ~0ull);
	ck_assert_uint_eq(get(0x000, 4), 0x8086a201);
	ck_assert_uint_eq(get(0x010, 8), 0);
	ck_assert_uint_eq(get(0x003, 1), 0x80);
	ck_assert_uint_eq(get(0x002, 2), 0x8086);
	ck_assert_uint_eq(get(0x002, 4), 0xffffffff);
	put(0x010, 8, ~0ull);
	ck_assert_uint_eq(get(0x010, 8), 3);
	put(0x120, 8, ~0ull);
	ck_assert_uint_eq(get(0x120, 8), 0x00f0000000000126ull | ROUTE(20)); /* there is no GSI 31, nor a period */
	put(0x100, 8, ~0ull);
	ck_assert_uint_eq(get(0x100, 8), 0x00f000000000017eull | ROUTE(20));
	put(0x140, 4, ROUTE(23));
	put(0x144, 4, 0xffffffff);
	ck_assert_uint_eq(get(0x140, 4), 0x20 | ROUTE(23));
}
END_TEST

START_TEST(counter)
{
	start();
	wait(MS);
	ck_assert_uint_eq(get(0x0f0, 8), 0);
	put(0x010, 4, 1);
	wait(MS);
	ck_assert_uint_eq(get(0x0f0, 8), 100000);
	put(0x010, 4, 0);
	wait(MS);
	ck_assert_uint_eq(get(0x0f0, 8), 100000); /* halted it stays */
	put(0x0f0, 4, 0xfffffff0);
	put(0x0f4, 4, 7);
	ck_assert_uint_eq(get(0x0f0, 8), 0x7fffffff0);
	put(0x010, 4, 1);
	wait(320);
	ck_assert_uint_eq(get(0x0f0, 8), 0x800000010);
	ck_assert_uint_eq(get(0x0f4, 4), 8);
	put(0x0f0, 8, ~0ull);
	wait(20);
	ck_assert_uint_eq(get(0x0f0, 8), 1);
}
END_TEST

START_TEST(one_shot)
{
	start();
	put(0x120, 4, 0x04 | ROUTE(21));
	put(0x128, 8, 50000);
	wait(10 * MS);
	ck_assert_uint_eq(rig.rises[21], 0); /* halted */
	put(0x010, 4, 1);
	wait(500000 - 1);
	ck_assert_uint_eq(rig.rises[21], 0);
	wait(1);
	ck_assert_uint_eq(rig.rises[21], 1);
	ck_assert_uint_eq(get(0x020, 4), 0); /* edges have no status */
	rig_run_to(&rig, 3600000 * MS);
	ck_assert_uint_eq(rig.rises[21], 1);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	/* One that lies behind does not come; one of 32 bits does when they have gone round. */
	put(0x128, 8, 1);
	wait(MS);
	ck_assert_uint_eq(rig.rises[21], 1);
	put(0x120, 4, 0x104 | ROUTE(21));
	put(0x010, 4, 0);
	put(0x0f0, 8, 0x500000000);
	put(0x128, 4, 0xffffffff);
	put(0x010, 4, 1);
	wait(0xfffffffeull * 10 + 9);
	ck_assert_uint_eq(rig.rises[21], 1);
	wait(1);
	ck_assert_uint_eq(rig.rises[21], 2);
	ck_assert_uint_eq(get(0x0f0, 8), 0x5ffffffff);
	wait(0xffffffffull * 10);
	ck_assert_uint_eq(rig.rises[21], 2);
	wait(10);
	ck_assert_uint_eq(rig.rises[21], 3);
	/* Disabled it tells nothing. */
	put(0x120, 4, 0x100 | ROUTE(21));
	ck_assert(!rig.level[21]);
	wait(100000 * MS);
	ck_assert_uint_eq(rig.rises[21], 3);
}
END_TEST

/* As Linux' hpet_set_periodic() does. */
static void set_periodic(u32 ticks)
{
	u32 cfg = (u32)get(0x100, 4) | 0x4c | 0x100;

	put(0x100, 4, cfg);
	put(0x108, 4, get(0x0f0, 4) + ticks);
	wait(1000);
	put(0x108, 4, ticks);
}

START_TEST(periodic)
{
	start();
	put(0x010, 4, 1);
	wait(12345670);
	set_periodic(100000); /* 1 ms */
	ck_assert_uint_eq(get(0x100, 4) & 0x40, 0);
	rig.rises[20] = 0;
	wait(1000 * MS);
	ck_assert_uint_eq(rig.rises[20], 1000);
	ck_assert_uint_eq((rig.rise_at[20] - 1000 * MS) % MS, 345670);
	ck_assert_uint_eq(get(0x108, 4) % 100000, 34567); /* it runs ahead of the counter */
	ck_assert_uint_le(get(0x108, 4) - get(0x0f0, 4), 100000);
	/* Another period from the next match on. */
	put(0x108, 4, 200000);
	rig.rises[20] = 0;
	wait(1000 * MS);
	ck_assert_uint_ge(rig.rises[20], 500);
	ck_assert_uint_le(rig.rises[20], 501);
	/* Nobody looks for an hour: one interrupt, in phase afterwards. */
	rig.rises[20] = 0;
	rig_jump_to(&rig, rig.now + 3600000 * MS);
	ck_assert_uint_eq(rig.rises[20], 1);
	wait(1000 * MS);
	ck_assert_uint_ge(rig.rises[20], 500);
	ck_assert_uint_le(rig.rises[20], 502);
	ck_assert_uint_eq((rig.rise_at[20] - 1000 * MS) % MS, 345670);
}
END_TEST

/* However short the period, 5000 interrupts a second at most; the comparator goes on as it should. */
START_TEST(short_periods)
{
	static const u32 periods[] = { 1, 7, 1000, 19999, 20000 };

	for (u32 i = 0; i < ARRAY_SIZE(periods); i++) {
		u64 phase;

		start();
		put(0x010, 4, 1);
		put(0x100, 4, 0x4c | ROUTE(22));
		put(0x108, 8, 12345);
		put(0x108, 8, periods[i]);
		phase = 12345 % periods[i];
		wait(1000 * MS);
		ck_assert_uint_le(rig.rises[22], 5001);
		ck_assert_uint_ge(rig.rises[22], periods[i] == 19999 ? 2499u : 4900u);
		ck_assert_uint_eq(get(0x108, 8) % periods[i], phase);
		ck_assert_uint_le(get(0x108, 8) - get(0x0f0, 8), periods[i]);
		ck_assert_uint_eq((rig.rise_at[22] - 1000 * MS) / 10 % periods[i], phase);
	}
}
END_TEST

START_TEST(level_triggered)
{
	start();
	put(0x010, 4, 1);
	put(0x120, 4, 0x06 | ROUTE(20));
	put(0x140, 4, 0x06 | ROUTE(20));
	put(0x128, 8, 1000);
	put(0x148, 8, 2000);
	wait(10000);
	ck_assert(rig.level[20]);
	ck_assert_uint_eq(get(0x020, 4), 2);
	wait(10000);
	ck_assert_uint_eq(get(0x020, 4), 6);
	put(0x020, 4, 1); /* not this one's */
	ck_assert(rig.level[20]);
	put(0x020, 4, 2);
	ck_assert(rig.level[20]); /* the other one holds it */
	put(0x020, 4, 4);
	ck_assert(!rig.level[20]);
	ck_assert_uint_eq(rig.rises[20], 1);
	/* Halted, or disabled, the line falls; the status waits. */
	put(0x128, 8, get(0x0f0, 8) + 10);
	wait(100);
	ck_assert(rig.level[20]);
	put(0x010, 4, 0);
	ck_assert(!rig.level[20]);
	ck_assert_uint_eq(get(0x020, 4), 2);
	put(0x010, 4, 1);
	ck_assert(rig.level[20]);
	put(0x120, 4, 0x02 | ROUTE(20));
	ck_assert(!rig.level[20]);
	put(0x120, 4, 0x06 | ROUTE(21)); /* another line: it starts afresh there */
	ck_assert(!rig.level[20] && !rig.level[21]);
	ck_assert_uint_eq(get(0x020, 4), 0);
}
END_TEST

START_TEST(legacy_replacement)
{
	u32 calls;

	start();
	rig_out(&rig, 0x43, 0x34); /* the 8254 at 1000 Hz */
	rig_out(&rig, 0x40, 1193 & 0xff);
	rig_out(&rig, 0x40, 1193 >> 8);
	wait(100 * MS);
	ck_assert_uint_ge(rig.rises[0], 99);
	put(0x100, 4, 0x4c | ROUTE(20));
	put(0x120, 4, 0x04 | ROUTE(20));
	put(0x010, 4, 2); /* halted: the 8254 still has it */
	rig.rises[0] = 0;
	wait(100 * MS);
	ck_assert_uint_ge(rig.rises[0], 99);
	put(0x010, 4, 3);
	ck_assert(!rig.level[0]);
	rig.rises[0] = rig.rises[8] = 0;
	put(0x108, 8, get(0x0f0, 8) + 1000000); /* 10 ms */
	put(0x108, 8, 1000000);
	put(0x128, 8, get(0x0f0, 8) + 500000);
	wait(100 * MS);
	ck_assert_uint_eq(rig.rises[0], 10);
	ck_assert_uint_eq(rig.rises[8], 1);
	ck_assert_uint_eq(rig.rises[20], 0);
	/* The RTC's line is closed as well; other lines pass. */
	calls = rig.calls[8];
	irqchip_set_line(&gate.chip, 8, true);
	ck_assert_uint_eq(rig.calls[8], calls);
	irqchip_set_line(&gate.chip, 9, true);
	ck_assert(rig.level[9]);
	/* Given back: the RTC's line is as it left it, and the 8254 goes on in phase. */
	put(0x010, 4, 1);
	ck_assert(rig.level[8]);
	rig.rises[0] = 0;
	wait(100 * MS);
	ck_assert_uint_ge(rig.rises[0], 98);
	ck_assert_uint_le(rig.rises[0], 102);
	put(0x010, 4, 3);
	vhpet_ops.reset(&h, rig.now);
	rig.rises[0] = 0;
	wait(100 * MS);
	ck_assert_uint_ge(rig.rises[0], 98);
	ck_assert_uint_eq(get(0x010, 8), 0);
}
END_TEST

/* While the HPET has its line, the 8254 costs nothing: it is deaf, and sets no timer. */
START_TEST(closed_lines_are_deaf)
{
	start();
	rig_out(&rig, 0x43, 0x34);
	rig_out(&rig, 0x40, 1193 & 0xff);
	rig_out(&rig, 0x40, 1193 >> 8);
	wait(10 * MS);
	put(0x010, 4, 3);
	wait(10 * MS);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	put(0x010, 4, 0);
	ck_assert_uint_ne(timerq_next(&rig.tq), TIMER_OFF);
}
END_TEST

START_TEST(restored)
{
	struct vhpet_state s;

	start();
	put(0x010, 4, 3);
	put(0x120, 4, 0x06 | ROUTE(20));
	put(0x128, 8, 10);
	put(0x100, 4, 0x4c);
	put(0x108, 8, 100000);
	wait(1000);
	ck_assert(rig.level[8]);
	s = h.s;
	start();
	h.s = s;
	vhpet_ops.restored(&h, rig.now);
	ck_assert(rig.level[8] && gate.closed);
	wait(MS);
	ck_assert_uint_eq(rig.rises[0], 1);
	ck_assert_uint_eq(get(0x020, 4), 2);
	put(0x020, 4, 2);
	ck_assert(!rig.level[8]);
}
END_TEST

SUITE_MAIN("vhpet", registers, counter, one_shot, periodic, short_periods, level_triggered, legacy_replacement,
           closed_lines_are_deaf, restored)
