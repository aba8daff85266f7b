/* The ACPI PM timer: where the FADT says, monotonic, 3.579545 MHz against TSC and PIT. */
#include "tests/guest/rt/rt.h"

static u16 port;
static u32 mask;

static u32 pm(void)
{
	return inl(port) & mask;
}

void main(const char *cmdline)
{
	u32 a, b, back = 0, stuck = 0;
	u64 t0, t1, t2, hz1, hz2;

	port = rt_hv() ? 0x608 : 0xb008;
	mask = rt_hv() ? 0xffffffff : 0xffffff; /* PIIX4's has 24 bits */
	if (rt_option("24bit"))
		mask = 0xffffff;
	a = pm();
	for (u32 i = 0; i < 20000; i++) {
		b = pm();
		if (((b - a) & mask) > mask / 2)
			back++;
		if (b == a)
			stuck++;
		a = b;
	}
	report_eq(back, 0, "never goes back in 20000 reads");
	report(stuck < 20000, "it moves");
	/* two stretches of the same number of PM ticks take the same number of TSC ticks, within 1% */
	a = pm();
	t0 = rdtsc();
	while (((pm() - a) & mask) < 35795)
		;
	t1 = rdtsc();
	while (((pm() - a) & mask) < 2 * 35795)
		;
	t2 = rdtsc();
	hz1 = (t1 - t0) * 100;
	hz2 = (t2 - t1) * 100;
	report(hz1 * 100 / hz2 >= 99 && hz1 * 100 / hz2 <= 101, "steady: TSC %llu, %llu Hz by the PM timer",
	       (unsigned long long)hz1, (unsigned long long)hz2);
	/* PIT counter 2 counts 11932 (10 ms): the PM timer goes 35795 the while */
	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 11932 & 0xff);
	outb(0x42, 11932 >> 8);
	a = pm();
	while (!(inb(0x61) & 0x20))
		;
	b = (pm() - a) & mask;
	report(b >= 35795 - 360 && b <= 35795 + 360, "10 ms of the PIT are %u PM ticks (35795 within 1%%)", b);
	/* CPUID 15h, when it tells the TSC's frequency */
	if (cpuid(0, 0).a >= 0x15) {
		struct regs4 r = cpuid(0x15, 0);

		if (r.a && r.b && r.c) {
			u64 hz = (u64)r.c * r.b / r.a;

			report(hz / 100 * 98 < hz1 && hz1 < hz / 100 * 102, "CPUID 15h says %llu Hz",
			       (unsigned long long)hz);
		}
	}
	report_hv((inw(port) | (u32)inw(port + 2) << 16) != 0xffffffff, "16-bit reads");
	outl(port, 0); /* read-only */
	report(pm() != 0 || pm() != 0, "a write changes nothing");
}
