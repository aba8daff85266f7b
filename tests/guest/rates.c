/*
 * How fast the PC's timers are against the TSC, within 0.1 %: 8254 (modes 2, 3 and 0), PM timer, HPET, local APIC timer,
 * by their counters; and how many interrupts they give in a span of time, 8254, RTC, HPET and APIC timer, none too many,
 * while the guest exits all the time. "beside": another guest computes on the same processor; then an interrupt may
 * stand for those that came due while this one did not run (docs/devices.md). Wants platform = "pc".
 */
#include "tests/guest/rt/rt.h"

#define VEC     0x61
#define HPET    0xfed00000ull
#define PM_PORT 0x608
#define NARROW  3000u /* ticks that a look at a clock may take, or it is taken again */
#define SPAN    12000000ull
#define COUNTED 4000000ull
#define PPM     1000000ull
#define PERMIL  (PPM / 1000)

static u64 hz;      /* of the TSC, by the HPET */
static u64 apic_hz; /* what its timer was found to count */
static bool beside;

/* ---- counters ---- */

static u64 read_pm(void)
{
	return inl(PM_PORT);
}

static u64 read_hpet(void)
{
	return MMIO64(HPET + 0xf0);
}

static u64 read_apic(void)
{
	return ~apic_read(APIC_TMCCT); /* counts down */
}

static u64 read_pit(void)
{
	u32 low;

	outb(0x43, 0);
	low = inb(0x40);
	return ~(u64)(low | (u32)inb(0x40) << 8);
}

/* The counter and the TSC at one time, as nearly as that goes: the narrowest of some looks, or the first good one. */
static u64 look(u64 (*counter)(void), u64 *tsc)
{
	u64 best = ~0ull, v = 0;

	for (u32 i = 0; i < 8 && best >= NARROW; i++) {
		u64 before = rdtsc(), now = counter(), took = rdtsc() - before;

		if (took >= best)
			continue;
		best = took;
		v = now;
		*tsc = before + took / 2;
	}
	return v;
}

static u64 off_by(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* Counts a second, over about span ticks of the TSC; hz1: those of the TSC. bits: of the counter. */
static u64 rate(u64 (*counter)(void), u32 bits, u64 hz1, u64 *ticks, u64 *counts)
{
	u64 mask = bits == 64 ? ~0ull : (1ull << bits) - 1, t0, t, was = look(counter, &t0), sum = 0;

	do {
		u64 now = look(counter, &t);

		sum += (now - was) & mask;
		was = now;
	} while (t - t0 < SPAN);
	*ticks = t - t0;
	*counts = sum;
	return sum * hz1 / (t - t0);
}

static void counter_is(const char *what, u64 (*counter)(void), u32 bits, u64 want)
{
	u64 ticks, counts, got = rate(counter, bits, hz, &ticks, &counts);

	report(off_by(got, want) * PPM <= want * PERMIL, "%s: %llu Hz of %llu, off by %llu ppm", what,
	       (unsigned long long)got, (unsigned long long)want,
	       (unsigned long long)(off_by(got, want) * PPM / want));
}

static void pit(u32 mode, u32 count)
{
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)count);
	outb(0x40, (u8)(count >> 8));
}

/* Mode 0 by channel 2, whose output can be polled: the shortest of five, as another guest may run at the end. */
static void one_shot(void)
{
	u64 best = ~0ull, want = hz * 23864 / 1193182; /* 20 ms */

	for (u32 i = 0; i < 5; i++) {
		u64 t;

		outb(0x61, (inb(0x61) & ~2) | 1);
		outb(0x43, 0xb0);
		outb(0x42, 23864 & 0xff);
		t = rdtsc();
		outb(0x42, 23864 >> 8);
		while (!(inb(0x61) & 0x20))
			;
		best = MIN(best, rdtsc() - t);
	}
	/* A poll is an exit, and there is one more before the count is loaded. */
	report(best >= want - want / 1000 && best <= want + want / 1000 + 1500, "8254, mode 0: %llu ticks of %llu",
	       (unsigned long long)best, (unsigned long long)want);
}

static void counters(void)
{
	u64 ticks, counts, apic;

	pit(2, 0);
	counter_is("8254, mode 2", read_pit, 16, 1193182);
	pit(3, 0);
	counter_is("8254, mode 3, by twos", read_pit, 16, 2 * 1193182);
	/* Without firmware nobody has said where it is. */
	outl(0xcf8, 0x80000b40);
	outl(0xcfc, PM_PORT - 8 + 1);
	outl(0xcf8, 0x80000b80);
	outb(0xcfc, 1);
	counter_is("PM timer", read_pm, 32, 3579545);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x10000 | VEC);
	apic_write(APIC_TMICT, 0xffffffff);
	apic = rate(read_apic, 32, hz, &ticks, &counts);
	counter_is("APIC timer, again", read_apic, 32, apic);
	apic_hz = apic;
	apic_write(APIC_TMICT, 0);
}

/* ---- interrupts ---- */

static volatile u64 taken, first, last;
static bool of_rtc;

static void on_tick(struct frame *f)
{
	last = rdtsc();
	if (!taken++)
		first = last;
	if (of_rtc)
		(void)inb(0x71);
	apic_eoi();
}

/* The guest's own load: exits of each kind. */
static void exits_until(u64 end)
{
	while (rdtsc() < end) {
		(void)cpuid(0, 0);
		(void)inb(0x61);
		(void)read_hpet();
	}
}

/* freq_num / freq_den a second. */
static void count_them(const char *what, u64 freq_num, u64 freq_den)
{
	u64 period = hz * freq_den / freq_num, due, n;

	taken = 0;
	sti();
	exits_until(rdtsc() + COUNTED);
	cli();
	n = taken ? taken - 1 : 0; /* periods between first and last */
	due = taken ? ((last - first) + period / 2) / period : 0;
	report(n && n <= due + 1 && (beside || n + 1 >= due), "%s: %llu of %llu came", what, (unsigned long long)n,
	       (unsigned long long)due);
	report(taken && due * period >= COUNTED - (beside ? COUNTED / 2 : 4 * period), "%s: to the end", what);
}

static void route(u32 pin, bool on)
{
	ioapic_set_rte(pin, on ? (u64)apic_id() << 56 | VEC : 0x10000);
}

static void of_hpet(void)
{
	u64 worst = 0;

	MMIO64(HPET + 0x100) = 20ull << 9 | BIT(6) | BIT(3) | BIT(2); /* GSI 20, edge, periodic, value set */
	MMIO64(HPET + 0x108) = read_hpet() + 100000;
	MMIO64(HPET + 0x108) = 100000;
	route(20, true);
	count_them("HPET, 1 ms", 1000, 1);
	/* What the last period has left is taken; the comparator is one that the counter has passed. */
	MMIO64(HPET + 0x100) = 20ull << 9;
	MMIO64(HPET + 0x108) = read_hpet() - 1;
	sti_nop_cli();
	MMIO64(HPET + 0x100) = 20ull << 9 | BIT(2);
	for (u32 i = 0; i < 20; i++) {
		u64 at = rdtsc();

		taken = 0;
		MMIO64(HPET + 0x108) = read_hpet() + 50000; /* 500 us */
		sti();
		while (!taken && rdtsc() - at < hz / 10)
			cpu_pause();
		cli();
		if (taken != 1 || last < at || last - at < hz / 2000)
			report(beside && taken <= 1, "HPET, one shot: %llu came, after %llu ticks",
			       (unsigned long long)taken, (unsigned long long)(last - at));
		worst = MAX(worst, last - at - hz / 2000);
	}
	report(beside || worst < hz / 2000, "HPET, one shot: not early, late by %llu ticks at worst",
	       (unsigned long long)worst);
	MMIO64(HPET + 0x100) = 0;
	route(20, false);
}

static void interrupts(void)
{
	rt_set_handler(VEC, on_tick);
	route(2, true);
	pit(2, 1193);
	count_them("8254, mode 2, 1 kHz", 1193182, 1193);
	pit(3, 2386);
	count_them("8254, mode 3, 500 Hz", 1193182, 2386);
	route(2, false);
	pit(0, 0);
	outb(0x70, 0x0a);
	outb(0x71, 0x26);
	outb(0x70, 0x0b);
	outb(0x71, 0x42);
	outb(0x70, 0x0c);
	(void)inb(0x71);
	of_rtc = true;
	route(8, true);
	count_them("RTC, 1024 Hz", 1024, 1);
	of_rtc = false;
	route(8, false);
	outb(0x70, 0x0b);
	outb(0x71, 0x02);
	of_hpet();
	apic_write(APIC_LVTT, 0x20000 | VEC);
	apic_write(APIC_TMICT, (u32)(apic_hz / 1000));
	count_them("APIC timer, 1 ms", 1000, 1);
	apic_write(APIC_LVTT, 0x10000);
}

void main(const char *cmdline)
{
	u64 ticks, counts;

	(void)cmdline;
	if (!rt_hv()) {
		report_skip("bare machine");
		return;
	}
	beside = rt_option("beside");
	cli();
	apic_init();
	pic_init();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	MMIO64(HPET + 0x10) = 1;
	(void)rate(read_hpet, 64, 1, &ticks, &counts);
	hz = ticks * 100000000 / counts;
	report(hz > 1000000, "TSC: %llu Hz by the HPET", (unsigned long long)hz);
	counters();
	one_shot();
	interrupts();
}
