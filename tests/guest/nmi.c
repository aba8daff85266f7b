/*
 * NMIs that a CPU sends itself arrive at once, one after the other: with a handler that does nothing, and with one that
 * a hypervisor sees (CPUID). INT3 behind each, whose IRET ends what blocking there may be wrongly. Small, so that it
 * tells on the bare machine, on KVM and in a hypervisor on that where NMIs are lost.
 */
#include "tests/guest/rt/rt.h"

#define ROUNDS 3u
#define WAIT   3000000ull

static volatile u32 nmis;
static bool exits;

static void on_nmi(struct frame *f)
{
	nmis++;
	if (exits)
		(void)cpuid(0, 0);
}

static void on_bp(struct frame *f) {}

static void rounds(const char *what)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		u64 start = rdtsc(), ticks;

		nmis = 0;
		apic_icr(apic_id(), 0x4400);
		rt_wait_change(&nmis, 0, WAIT);
		ticks = rdtsc() - start;
		report(nmis == 1, "%s, %u: it arrives (%u, after %llu ticks)", what, i, nmis,
		       (unsigned long long)ticks);
		asm volatile("int3");
		report_eq(nmis, 1, "and once");
	}
}

void main(const char *cmdline)
{
	apic_init();
	rt_set_handler(EXC_NMI, on_nmi);
	rt_set_handler(EXC_BP, on_bp);
	cli();
	rounds("empty handler");
	exits = true;
	rounds("CPUID in the handler");
}
