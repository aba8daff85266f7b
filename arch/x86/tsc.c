/* TSC calibration. SDM vol. 3 "Determining the Processor Base Frequency", vol. 2 CPUID leaves 15H and 16H. */
#include "arch/x86/tsc.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"

#define PM_HZ    3579545ull
#define PM_TRIES 5
#define PIT_HZ   1193182ull

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
	} while (passed < PM_HZ / 10 && guard < (passed ? 100000000 : 1000000));
	if (passed < PM_HZ / 10)
		return 0;
	passed = (pm_sample(port, &t1) - start) & 0xffffff;
	return (t1 - t0) * PM_HZ / passed;
}

static u64 from_pit(void)
{
	u32 count = PIT_HZ / 50;
	u64 t0, guard = 0;

	outb(0x61, (inb(0x61) & ~3) | 1); /* gate on, speaker off */
	outb(0x43, 0xb0);                 /* channel 2, mode 0 */
	outb(0x42, count & 0xff);
	outb(0x42, count >> 8);
	t0 = cpu_rdtsc();
	while (!(inb(0x61) & 0x20))
		if (++guard > 100000000)
			return 0;
	return (cpu_rdtsc() - t0) * PIT_HZ / count;
}

static bool within_2_percent(u64 a, u64 b)
{
	return a <= b + b / 50 && a >= b - b / 50;
}

/*
 * Under an emulator the CPUID leaves name the modelled chip's clock, not the TSC's real one: what they say is
 * believed only when the PM timer or the PIT agrees, or when neither runs.
 */
u64 tsc_calibrate(u16 pm_port, const char **source)
{
	u64 exact = from_crystal(), measured = pm_port ? from_pm_timer(pm_port) : 0;

	*source = "ACPI PM timer";
	if (!measured) {
		measured = from_pit();
		*source = "PIT";
	}
	hz = measured;
	if (exact && (!measured || within_2_percent(exact, measured))) {
		hz = exact;
		*source = "CPUID 15h";
	}
	if (!hz) {
		hz = from_brand();
		*source = "CPUID 16h";
	}
	if (!hz) {
		hz = 1000000000;
		*source = "nothing (assumed)";
	}
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
