/*
 * Periodic sources as fast as they go: whatever the guest asks of them, it keeps at least half its speed, with
 * interrupts off, masked, and taken. Under a hypervisor only: a bare machine does as it is told.
 */
#include "tests/guest/rt/rt.h"

#define SPAN 3000000ull /* ticks */
#define VEC  0x61

static volatile u32 taken;
static u64 undisturbed;

static void on_tick(struct frame *f)
{
	taken++;
	apic_eoi();
}

/* The index stays at register C, whose read lets the next one come. */
static void on_rtc(struct frame *f)
{
	taken++;
	(void)inb(0x71);
	apic_eoi();
}

static u64 work(void)
{
	u64 end = rdtsc() + SPAN, n = 0;

	while (rdtsc() < end)
		n++;
	return n;
}

static void keeps_speed(const char *what)
{
	u64 n = work();

	report(n * 2 >= undisturbed, "%s: %u of 100 of its speed", what, (u32)(n * 100 / undisturbed));
}

static void pit(u32 mode, u32 count)
{
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)count);
	outb(0x40, (u8)(count >> 8));
}

static u32 pit_count(void)
{
	u32 low;

	outb(0x43, 0);
	low = inb(0x40);
	return low | (u32)inb(0x40) << 8;
}

static void pit_fast(u32 mode, u32 count)
{
	u32 different = 0, last = 0, bad = 0;

	rt_printf("PIT, mode %u, count %u\n", mode, count);
	outb(0x21, 0xff);
	ioapic_set_rte(2, 0x10000);
	pit(mode, count);
	keeps_speed("masked everywhere");
	for (u32 i = 0; i < 200; i++) {
		u32 now = pit_count();

		different += now != last;
		bad += now < 1 || now > count;
		last = now;
	}
	report(!bad && different > (count > 2 ? 20u : 0u), "the counter runs meanwhile (%u different values, %u bad)",
	       different, bad);
	outb(0x21, 0xfe);
	keeps_speed("unmasked at the 8259A, interrupts off");
	outb(0x21, 0xff);
	taken = 0;
	ioapic_set_rte(2, (u64)apic_id() << 56 | VEC);
	sti();
	keeps_speed("taken");
	cli();
	report(taken > 100, "%u were taken", taken);
	ioapic_set_rte(2, 0x10000);
	rt_delay(100000);
	sti_nop_cli();
	taken = 0;
	sti();
	rt_delay(1000000);
	cli();
	report_eq(taken, 0, "masked again: none");
	ioapic_set_rte(2, (u64)apic_id() << 56 | VEC);
	sti();
	report(rt_wait_change(&taken, 0, 1000000), "unmasked again: they come");
	cli();
	ioapic_set_rte(2, 0x10000);
	pit(0, 0);
}

static void rtc_fast(void)
{
	rt_set_handler(VEC, on_rtc);
	outb(0x70, 0x0a);
	outb(0x71, 0x23); /* 8192 Hz */
	outb(0x70, 0x0b);
	outb(0x71, 0x42);
	keeps_speed("RTC at 8192 Hz, masked");
	taken = 0;
	ioapic_set_rte(8, (u64)apic_id() << 56 | VEC);
	outb(0x70, 0x0c);
	(void)inb(0x71);
	keeps_speed("RTC at 8192 Hz, interrupts off");
	sti();
	/* Each one waits for the guest's read of C, which exits as well: its speed is its own affair. */
	rt_printf("RTC at 8192 Hz, taken: %u of 100 of its speed\n", (u32)(work() * 100 / undisturbed));
	cli();
	report(taken > 100, "%u were taken", taken);
	outb(0x70, 0x0b);
	outb(0x71, 0x02);
	ioapic_set_rte(8, 0x10000);
	rt_set_handler(VEC, on_tick);
}

static void apic_fast(void)
{
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x30000 | VEC);
	apic_write(APIC_TMICT, 20);
	keeps_speed("APIC timer, masked");
	apic_write(APIC_LVTT, 0x20000 | VEC);
	keeps_speed("APIC timer, interrupts off");
	taken = 0;
	sti();
	keeps_speed("APIC timer, taken");
	cli();
	report(taken > 100, "%u were taken", taken);
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, 0x10000);
}

void main(const char *cmdline)
{
	(void)cmdline;
	if (!rt_hv()) {
		report_skip("bare machine");
		return;
	}
	cli();
	apic_init();
	apic_to_x2(); /* an EOI that costs little: it is the sources that are looked at */
	rt_set_handler(VEC, on_tick);
	pic_init();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	undisturbed = work();
	pit_fast(2, 20);
	pit_fast(3, 20);
	pit_fast(2, 2);
	rtc_fast();
	apic_fast();
}
