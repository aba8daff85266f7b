/* TSC calibration. SDM vol. 3 "Determining the Processor Base Frequency", vol. 2 CPUID leaves 15H and 16H. */
#include "arch/x86/tsc.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"
#include "arch/x86/tsc_pick.h"

#define PM_HZ    3579545ull
#define PM_TRIES 5
#define PIT_HZ   1193182ull

/*
 * Bounds by reads of a port, since the TSC's own speed is not known yet: one takes from 0.1 us (a port in the chip) to
 * 2 us. The waits are of 100 ms, and of 20 ms for the PIT; the timer that stands still is told earlier.
 */
#define PM_READS  2000000u
#define PM_STILL  200000u
#define PIT_READS 400000u

static u64 hz = 1000000000;

/* Exact, where the processor tells its crystal. */
static u64 from_crystal(void)
{
	struct cpuid_regs r = { 0 };

	if (cpu_cpuid(0, 0).eax >= 0x15)
		r = cpu_cpuid(0x15, 0);
	return r.eax && r.ebx && r.ecx ? (u64)r.ecx * r.ebx / r.eax : 0;
}

/* The frequency on the box: off by some 0.3 % on Xeons whose crystal leaf 15H does not tell. */
static u64 from_brand(void)
{
	return cpu_cpuid(0, 0).eax >= 0x16 ? (cpu_cpuid(0x16, 0).eax & 0xffff) * 1000000ull : 0;
}

/* PM timer and TSC at one moment: of some tries the one that took the least time, so that no SMI fell in it. */
static u32 pm_sample(u16 port, u64 *tsc)
{
	u64 best = ~0ull;
	u32 pm = 0;

	for (u32 i = 0; i < PM_TRIES; i++) {
		u64 t0 = cpu_rdtsc(), t1;
		u32 now = inl(port) & 0xffffff;

		t1 = cpu_rdtsc();
		if (t1 - t0 >= best)
			continue;
		best = t1 - t0;
		*tsc = t0 + (t1 - t0) / 2;
		pm = now;
	}
	return pm;
}

/* TSC ticks in about 100 ms of the PM timer (24 bits wide at least); 0 when the timer stands still. */
static u64 from_pm_timer(u16 port)
{
	u64 t0 = 0, t1 = 0, guard = 0;
	u32 start = pm_sample(port, &t0), passed;

	do {
		passed = ((inl(port) & 0xffffff) - start) & 0xffffff;
		guard++;
	} while (passed < PM_HZ / 10 && guard < (passed ? PM_READS : PM_STILL));
	if (passed < PM_HZ / 10)
		return 0;
	passed = (pm_sample(port, &t1) - start) & 0xffffff;
	return (t1 - t0) * PM_HZ / passed;
}

static u64 from_pit(void)
{
	u32 count = PIT_HZ / 50, guard = 0;
	u64 t0;

	outb(0x61, (inb(0x61) & ~3) | 1); /* gate on, speaker off */
	outb(0x43, 0xb0);                 /* channel 2, mode 0 */
	outb(0x42, count & 0xff);
	outb(0x42, count >> 8);
	t0 = cpu_rdtsc();
	/* Just now, 20 ms before the end, it must be low: where nothing answers, all bits are set. */
	if (inb(0x61) & 0x20)
		return 0;
	while (!(inb(0x61) & 0x20))
		if (++guard > PIT_READS)
			return 0; /* gated: it does not count */
	return (cpu_rdtsc() - t0) * PIT_HZ / count;
}

u64 tsc_calibrate(u16 pm_port, const char **source)
{
	struct tsc_readings r = { .crystal = from_crystal(), .brand = from_brand() };

	if (pm_port)
		r.pm_timer = from_pm_timer(pm_port);
	if (!tsc_plausible(r.pm_timer) && !tsc_plausible(r.crystal))
		r.pit = from_pit();
	hz = tsc_pick(&r, source);
	return hz;
}

void tsc_delay_us(u64 us)
{
	u64 t0 = cpu_rdtsc();

	while (cpu_rdtsc() - t0 < us * (hz / 1000000))
		cpu_pause();
}

u64 tsc_hz(void)
{
	return hz;
}
