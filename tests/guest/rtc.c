/* MC146818 clock and CMOS: registers, time that advances, periodic, update and alarm interrupts on IRQ 8. */
#include "tests/guest/rt/rt.h"

#define VEC 0x72
static volatile u32 count;
static volatile u8 flags;

static u8 rd(u8 r)
{
	outb(0x70, r);
	return inb(0x71);
}
static void wr(u8 r, u8 v)
{
	outb(0x70, r);
	outb(0x71, v);
}
static void on_rtc(struct frame *f)
{
	count++;
	flags = rd(0xc);
	apic_eoi();
}
static u32 bin(u8 v)
{
	return rd(0xb) & 4 ? v : (u32)(v >> 4) * 10 + (v & 15);
}
static u8 enc(u32 v)
{
	return (u8)(rd(0xb) & 4 ? v : v / 10 << 4 | v % 10);
}

/* waits until the seconds change; false after too long */
static bool next_second(u64 max)
{
	u8 s = rd(0);
	u64 t = rdtsc();

	while (rd(0) == s)
		if (rdtsc() - t > max)
			return false;
	return true;
}

static u64 hz(void)
{
	u64 t;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 11932 & 0xff);
	outb(0x42, 11932 >> 8);
	t = rdtsc();
	while (!(inb(0x61) & 0x20))
		;
	return (rdtsc() - t) * 100;
}

void main(const char *cmdline)
{
	u64 f = hz(), t, two;
	u8 b, s;
	u32 y;

	cli();
	apic_init();
	rt_printf("TSC about %llu Hz\n", (unsigned long long)f);
	report(rd(0xd) & 0x80, "register D: valid RAM and time");
	report_eq(rd(0xa) & 0x70, 0x20, "register A: divider runs");
	wr(0x50, 0xa5);
	report_eq(rd(0x50), 0xa5, "NVRAM byte keeps its value");
	wr(0x50, 0x5a);
	report_eq(rd(0x50), 0x5a, "and another");
	y = bin(rd(9));
	report(bin(rd(0)) < 60 && bin(rd(2)) < 60 && bin(rd(8)) >= 1 && bin(rd(8)) <= 12 && bin(rd(7)) >= 1 &&
	               bin(rd(7)) <= 31 && y < 100,
	       "date: %02u-%02u-%02u %02u:%02u:%02u", y, bin(rd(8)), bin(rd(7)), bin(rd(4) & 0x7f), bin(rd(2)),
	       bin(rd(0)));
	report(bin(rd(0x32)) == 20 || bin(rd(0x32)) == 19, "century: %u", bin(rd(0x32)));
	b = rd(0xb);
	/* a second lasts a second */
	report(next_second(3 * f), "seconds advance");
	t = rdtsc();
	next_second(3 * f);
	two = rdtsc() - t;
	report(two > f / 100 * 95 && two < f / 100 * 105, "a second is %llu ticks", (unsigned long long)two);
	/* setting the time: 23:59:59 on 31 December rolls over */
	wr(0xb, b | 0x80);
	wr(0, enc(58));
	wr(2, enc(59));
	wr(4, enc(23));
	wr(7, enc(31));
	wr(8, enc(12));
	wr(9, enc(29));
	wr(0xb, (b | 2) & ~0x80);
	rt_printf("set: %02x-%02x-%02x %02x:%02x:%02x, B %02x\n", rd(9), rd(8), rd(7), rd(4), rd(2), rd(0), rd(0xb));
	report(next_second(3 * f) && next_second(3 * f), "two seconds later");
	/* Bochs shows 29-12-31 23:00:00 */
	report_hv(bin(rd(0)) == 0 && bin(rd(2)) == 0 && bin(rd(4)) == 0 && bin(rd(7)) == 1 && bin(rd(8)) == 1 &&
	                  bin(rd(9)) == 30,
	          "end of the year: %02u-%02u-%02u %02u:%02u:%02u", bin(rd(9)), bin(rd(8)), bin(rd(7)), bin(rd(4)),
	          bin(rd(2)), bin(rd(0)));
	/* SET stops the clock */
	wr(0xb, b | 0x80);
	s = rd(0);
	rt_delay(f + f / 2);
	report_eq(rd(0), s, "SET holds the time");
	wr(0xb, b);
	/* interrupts */
	rt_set_handler(VEC, on_rtc);
	ioapic_set_rte(8, (u64)apic_id() << 56 | VEC);
	(void)rd(0xc);
	wr(0xa, 0x26); /* 1024 Hz */
	wr(0xb, (b & 0x0f) | 0x40);
	sti();
	t = rdtsc();
	while (count < 20 && rdtsc() - t < f)
		cpu_pause();
	two = rdtsc() - t;
	cli();
	report(count >= 20 && (flags & 0xc0) == 0xc0, "periodic interrupts at 1024 Hz (%u)", count);
	report(two > f / 1024 * 17 && two < f / 1024 * 24, "20 of them take %llu ticks", (unsigned long long)two);
	wr(0xb, b & 0x0f);
	(void)rd(0xc);
	sti_nop_cli();
	count = 0;
	wr(0xb, (b & 0x0f) | 0x10);
	sti();
	rt_wait_change(&count, 0, 2 * f);
	cli();
	report(count == 1 && flags & 0x10, "update-ended interrupt (%u, flags 0x%x)", count, flags);
	wr(0xb, b & 0x0f);
	(void)rd(0xc);
	sti_nop_cli();
	count = 0;
	wr(1, 0xff); /* any second, minute, hour */
	wr(3, 0xff);
	wr(5, 0xff);
	wr(0xb, (b & 0x0f) | 0x20);
	sti();
	rt_wait_change(&count, 0, 2 * f);
	cli();
	report(count == 1 && flags & 0x20, "alarm interrupt (%u, flags 0x%x)", count, flags);
	wr(0xb, b & 0x0f);
	(void)rd(0xc);
	report_eq(rd(0xc), 0, "register C clears on read");
}
