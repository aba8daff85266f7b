/* What is asked of a vCPU or of the bootstrap processor, from any CPU. */
#include "vmm/cpu/request.h"

#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/kick.h"

u32 housekeep_wanted;
static u32 nr_stalled;

void housekeep_soon(void)
{
	if (atomic_exchange(&housekeep_wanted, 1))
		return;
	pcpu_kick(0);
	/* Back to the loop when this exit is done: nobody else kicks this CPU as long as housekeep_wanted is set. */
	if (!this_cpu()->index && this_cpu()->current)
		this_cpu()->current->rearm = true;
}

void vcpu_wake(struct vcpu *v)
{
	pcpu_kick(sched_wake(&pcpu_sched, &v->sched, clock_now()));
}

static inline bool request(struct vcpu *v, u32 bits)
{
	struct pcpu *on;

	atomic_fetch_or(&v->request, bits);
	on = atomic_load(&v->on_cpu);
	if (on && on != this_cpu())
		pcpu_kick(on->index);
	return on;
}

void vcpu_request(struct vcpu *v, u32 bits)
{
	if (!request(v, bits))
		vcpu_wake(v);
}

void vcpu_request_awake(struct vcpu *v, u32 bits)
{
	(void)request(v, bits);
}

void vcpu_unstall(struct vcpu *v)
{
	if (atomic_exchange(&v->stalled, 0))
		atomic_fetch_sub(&nr_stalled, 1);
}

void vcpu_stall(struct vcpu *v)
{
	atomic_fetch_add(&nr_stalled, 1);
	atomic_store(&v->stalled, 1);
	v->rearm = true; /* back to the run loop */
}

bool vcpu_any_stalled(void)
{
	return atomic_load(&nr_stalled);
}
