/* The machine's scheduler, and kicks. */
#include "vmm/pcpu/kick.h"

#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "lib/atomic.h"

struct sched pcpu_sched;

void pcpu_kick(u32 index)
{
	struct pcpu *p;

	if (index == SCHED_NO_CPU)
		return;
	p = pcpus[index];
	atomic_store(&p->kick, 1);
	if (p != this_cpu())
		lapic_send_ipi(p->apic_id, VEC_KICK);
}
