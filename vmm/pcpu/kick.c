/* The machine's scheduler, and kicks. */
#include "vmm/pcpu/kick.h"

#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"

struct sched pcpu_sched;

void pcpu_kick(u32 index)
{
	struct pcpu *p;

	if (index == SCHED_NO_CPU)
		return;
	p = pcpus[index];
	__atomic_store_n(&p->kick, 1, __ATOMIC_SEQ_CST);
	if (p != this_cpu())
		lapic_send_ipi(p->apic_id, VEC_KICK);
}
