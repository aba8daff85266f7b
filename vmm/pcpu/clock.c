/* The clock that all CPUs share. */
#include "vmm/pcpu/clock.h"

#include "arch/x86/tsc.h"

struct clock pcpu_clock;

void clock_init(u64 base)
{
	pcpu_clock.base = base;
	vclock_init(&pcpu_clock.ticks, tsc_hz());
	pcpu_clock.piece = tsc_hz() / 25000;
	pcpu_clock.bound = tsc_hz() / 20000;
}

u64 clock_tsc(u64 ns)
{
	return vclock_tsc_ceil(&pcpu_clock.ticks, ns) + pcpu_clock.base;
}
