/* TSC calibration. SDM vol. 3 "Determining the Processor Base Frequency", vol. 2 CPUID leaves 15H and 16H. */
#include "arch/x86/tsc.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"

#define PM_HZ  3579545ull
#define PIT_HZ 1193182ull

static u64 hz = 1000000000;

static u64 from_cpuid(const char **source)
{
	u32 max = cpu_cpuid(0, 0).eax;

	if (max >= 0x15) {
		struct cpuid_regs r = cpu_cpuid(0x15, 0);

		if (r.eax && r.ebx && r.ecx) {
			*source = "CPUID 15h";
			return (u64)r.ecx * r.ebx / r.eax;
		}
	}
	if (max >= 0x16) {
		u32 mhz = cpu_cpuid(0x16, 0).eax & 0xffff;

		if (mhz) {
			*source = "CPUID 16h";
			return mhz * 1000000ull;
		}
	}
	return 0;
}

/* Counts TSC ticks over about 20 ms of the PM timer (24 bits wide at least); 0 when the timer stands still. */
static u64 from_pm_timer(u16 port)
{
	u32 want = PM_HZ / 50, start, now;
	u64 t0, t1, guard = 0;

	start = inl(port) & 0xffffff;
	do
		now = inl(port) & 0xffffff;
	while (now == start && ++guard < 1000000);
	if (now == start)
		return 0;
	start = now;
	t0 = cpu_rdtsc();
	do {
		now = inl(port) & 0xffffff;
		t1 = cpu_rdtsc();
	} while (((now - start) & 0xffffff) < want && ++guard < 100000000);
	if (((now - start) & 0xffffff) < want)
		return 0;
	return (t1 - t0) * PM_HZ / ((now - start) & 0xffffff);
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

u64 tsc_calibrate(u16 pm_port, const char **source)
{
	u64 v = from_cpuid(source);

	/*
	 * Under an emulator the CPUID leaves name the modelled chip's clock, not the TSC's real one: believe them
	 * only when the PM timer or the PIT agrees within 2 %.
	 */
	u64 m = pm_port ? from_pm_timer(pm_port) : 0;
	const char *ms = "ACPI PM timer";

	if (!m) {
		m = from_pit();
		ms = "PIT";
	}
	if (m && (!v || v > m + m / 50 || v < m - m / 50)) {
		v = m;
		*source = ms;
	}
	if (!v) {
		v = 1000000000;
		*source = "nothing (assumed)";
	}
	hz = v;
	return v;
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
