/* The clock that all CPUs share: ns since boot, from the TSC. Schedulers, sleepers and the log's readers use it. */
#pragma once

#include "arch/x86/cpu.h"
#include "vmm/base/vclock.h"

struct clock {
	struct vclock ticks; /* ticks since base -> ns */
	u64 base;            /* TSC */
	u64 piece;           /* ticks that one piece of work may take: 40 us, with its beginning and end below 50 */
	u64 bound;           /* and these 50 us: an exit that takes longer is marked in the exit ring */
};
extern struct clock pcpu_clock; /* constant after clock_init() */

/* Once the TSC's frequency is known. base: the TSC that is 0 ns. */
void clock_init(u64 base);

/* ns of a host TSC, and the host TSC of a time in ns (the first that is not before it). */
static inline u64 clock_ns(u64 tsc)
{
	return vclock_ns(&pcpu_clock.ticks, tsc - pcpu_clock.base);
}
u64 clock_tsc(u64 ns);

static inline u64 clock_now(void)
{
	return clock_ns(cpu_rdtsc());
}

/* ns that a number of ticks take. */
static inline u64 clock_span_ns(u64 ticks)
{
	return vclock_ns(&pcpu_clock.ticks, ticks);
}
