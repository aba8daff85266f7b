/* What is asked of a vCPU or of the bootstrap processor, from any CPU. */
#include "vmm/cpu/request.h"

#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/kick.h"
#include "vmm/vm/vm.h"

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

/*
 * To wake one takes long (2 k ticks), and one message can be for all: in a turn of a sibling that has woken one since its
 * last exit, the others are left to vcpu_wake_due().
 */
static bool wake_later(struct vcpu *v)
{
	struct pcpu *p = this_cpu();
	struct vcpu *by = p->current;

	if (!by || by == v || by->vm != v->vm || atomic_load(&by->on_cpu) != p)
		return false;
	if (by->woke_at != p->exit_count) {
		by->woke_at = p->exit_count;
		return false;
	}
	if (!(atomic_fetch_or(&v->vm->wake_later[v->id / 64], BIT(v->id % 64)) & BIT(v->id % 64)))
		atomic_fetch_add(&v->vm->wakes_due, 1);
	by->rearm = true; /* back to the run loop */
	return true;
}

void vcpu_request(struct vcpu *v, u32 bits)
{
	if (!request(v, bits) && !wake_later(v))
		vcpu_wake(v);
}

void vcpu_request_awake(struct vcpu *v, u32 bits)
{
	(void)request(v, bits);
}

void vcpu_wake_due(struct vm *vm)
{
	for (u32 w = 0; w < ARRAY_SIZE(vm->wake_later); w++) {
		u64 due = atomic_load(&vm->wake_later[w]), bit = due & -due;

		if (!due)
			continue;
		/* Another one of them may have been faster. */
		if (atomic_fetch_and(&vm->wake_later[w], ~bit) & bit) {
			atomic_fetch_sub(&vm->wakes_due, 1);
			vcpu_wake(vm->vcpus[w * 64 + (u32)__builtin_ctzll(bit)]);
		}
		return;
	}
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
