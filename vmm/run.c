/* The run loop. Interrupts are off in root mode; they are taken as VM exits or, while idle, in cpu_sti_hlt_cli(). */
#include "vmm/run.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "arch/x86/tsc.h"
#include "lib/log.h"
#include "vmm/events.h"
#include "vmm/exit.h"

#define RESYNC_EXITS    32 /* exits after which the preemption timer is set anew: it stands still in root mode */
#define SLICE_NS        10000000ull /* turn of a vCPU when others wait */
#define IDLE_MAX_NS     1000000000ull
#define TIMER_FIELD_MAX 0xffffffffull

static struct spinlock runq_lock;
static void (*poll_fn)(void);

void run_add(struct vcpu *v, struct pcpu *cpu)
{
	spin_lock(&runq_lock);
	v->cpu = cpu;
	if (!v->runq_on) {
		v->runq_next = cpu->runq;
		cpu->runq = v;
		v->runq_on = true;
	}
	spin_unlock(&runq_lock);
	if (cpu != this_cpu())
		lapic_send_ipi(cpu->apic_id, VEC_KICK);
}

void run_set_poll(void (*poll)(void))
{
	poll_fn = poll;
}

static bool others_wait(const struct vcpu *v)
{
	for (struct vcpu *o = v->cpu->runq; o; o = o->runq_next)
		if (o != v && o->vm->state == VM_RUNNING && o->state == VCPU_RUNNABLE)
			return true;
	return false;
}

/* ns of VM time until v needs its CPU back: next timer, or the end of its turn. */
static u64 next_deadline(struct vcpu *v, u64 now)
{
	u64 deadline = timerq_next(&v->timers);

	if (others_wait(v))
		deadline = MIN(deadline, now + SLICE_NS);
	return deadline;
}

static void arm_preemption_timer(struct vcpu *v)
{
	u64 tsc = cpu_rdtsc(), now = vm_now(v->vm), deadline = next_deadline(v, now), at;

	if (!(v->pin & PIN_PREEMPTION_TIMER)) {
		lapic_timer_oneshot(deadline == TIMER_OFF ? 0 : deadline > now ? deadline - now : 1);
		v->resync = ~0u; /* an absolute deadline does not drift */
		return;
	}
	v->resync = RESYNC_EXITS;
	if (deadline == TIMER_OFF) {
		vmcs_write(VMCS_PREEMPTION_TIMER, TIMER_FIELD_MAX);
		return;
	}
	at = vclock_tsc_ceil(&v->vm->clock, deadline) + v->vm->tsc_start;
	at = at > tsc ? (at - tsc + (1ull << vmx_caps.preemption_shift) - 1) >> vmx_caps.preemption_shift : 0;
	vmcs_write(VMCS_PREEMPTION_TIMER, MIN(at, TIMER_FIELD_MAX));
	if (!(v->exit & EXIT_SAVE_PREEMPTION_TIMER))
		v->resync = 1;
}

static void handle_init_sipi(struct vcpu *v)
{
	if (v->init_pending) {
		v->init_pending = false;
		vcpu_reset(v, true);
		vlapic_init_signal(&v->lapic, vm_now(v->vm));
		v->state = v->id ? VCPU_WAIT_SIPI : VCPU_RUNNABLE;
	}
	if (v->sipi_pending && v->state == VCPU_WAIT_SIPI) {
		vmcs_write(VMCS_GUEST_CS_SEL, (u64)v->sipi_vector << 8);
		vmcs_write(VMCS_GUEST_CS_BASE, (u64)v->sipi_vector << 12);
		vmcs_write(VMCS_GUEST_RIP, 0);
		v->state = VCPU_RUNNABLE;
	}
	v->sipi_pending = false;
}

static bool prepare_locked(struct vcpu *v)
{
	u32 req = __atomic_exchange_n(&v->request, 0, __ATOMIC_SEQ_CST);

	if (v->vm->stop)
		return false;
	if (v->init_pending || v->sipi_pending)
		handle_init_sipi(v);
	if (req & VCPU_REQ_APIC)
		vcpu_apic_mode(v);
	if (req & VCPU_REQ_INVEPT)
		vmx_invept(v->eptp);
	if (timerq_next(&v->timers) <= vm_now(v->vm))
		timerq_run(&v->timers, vm_now(v->vm));
	if (v->state == VCPU_HALTED && events_can_wake(v))
		v->state = VCPU_RUNNABLE;
	if (v->state != VCPU_RUNNABLE)
		return false;
	/* Timers may have raised interrupts: one look at the events covers all that came so far. */
	__atomic_fetch_and(&v->request, ~(VCPU_REQ_EVENT | VCPU_REQ_TIMER | VCPU_REQ_YIELD), __ATOMIC_SEQ_CST);
	events_prepare(v);
	if (v->vm->stop)
		return false;
	if (v->resync == 0 || (req & VCPU_REQ_TIMER) || timerq_next(&v->timers) != v->armed_for) {
		v->armed_for = timerq_next(&v->timers);
		arm_preemption_timer(v);
	}
	return true;
}

/* Everything that may have changed since the last entry. false: do not enter. */
static bool prepare(struct vcpu *v)
{
	bool enter;

	vm_lock(v->vm);
	enter = prepare_locked(v);
	vm_unlock(v->vm);
	return enter;
}

static void entry_failed(struct vcpu *v)
{
	vm_kill(v, "VM entry failed, VM-instruction error %u", vmcs_read32(VMCS_INSTRUCTION_ERROR));
	vmcs_dump(LOG_ERR);
}

static void run_vcpu(struct vcpu *v)
{
	vcpu_load(v);
	while (prepare(v)) {
		if (unlikely(!v->first_entry_tsc)) {
			v->first_entry_tsc = cpu_rdtsc();
			vm_first_entry(v);
		}
		if (vmx_run(&v->regs, exit_dispatch) < 0)
			entry_failed(v);
		if (poll_fn && this_cpu()->index == 0)
			poll_fn();
		if (this_cpu()->nmi_pending) {
			this_cpu()->nmi_pending = false;
			log_warn("CPU %u: host NMI\n", this_cpu()->index);
		}
		if ((v->request & VCPU_REQ_YIELD) && others_wait(v))
			break;
	}
}

static bool stop_if_asked(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (vm->state != VM_RUNNING || !vm->stop)
		return false;
	/* The other vCPUs must be out of the guest first. */
	if (!v->stopped) {
		v->stopped = true;
		if (this_cpu()->current == v)
			vcpu_put(v);
		vmx_vmclear(v->vmcs_pa);
		v->vmcs_cpu = NULL;
		__atomic_fetch_add(&vm->nr_stopped, 1, __ATOMIC_SEQ_CST);
	}
	if (v->id == 0 && __atomic_load_n(&vm->nr_stopped, __ATOMIC_SEQ_CST) == vm->nr_vcpus)
		vm_handle_stop(vm);
	return true;
}

/* ns until the earliest timer of this CPU's vCPUs. */
static u64 idle_time(struct pcpu *p)
{
	u64 best = IDLE_MAX_NS;

	for (struct vcpu *v = p->runq; v; v = v->runq_next) {
		u64 now, deadline = timerq_next(&v->timers);

		if (v->vm->state != VM_RUNNING || deadline == TIMER_OFF)
			continue;
		now = vm_now(v->vm);
		best = MIN(best, deadline > now ? deadline - now : 1);
	}
	return best;
}

static bool work_pending(struct pcpu *p)
{
	for (struct vcpu *v = p->runq; v; v = v->runq_next)
		if (v->vm->state == VM_RUNNING &&
		    (v->vm->stop || v->state == VCPU_RUNNABLE || __atomic_load_n(&v->request, __ATOMIC_SEQ_CST)))
			return true;
	return __atomic_load_n(&p->kick, __ATOMIC_SEQ_CST);
}

static void idle(struct pcpu *p)
{
	u64 ns = idle_time(p);

	if (work_pending(p))
		return;
	lapic_timer_oneshot(ns);
	cpu_sti_hlt_cli();
	lapic_timer_oneshot(0);
	for (struct vcpu *v = p->runq; v; v = v->runq_next)
		v->resync = 0;
}

static bool any_running(void)
{
	for (struct vm *vm = vm_list; vm; vm = vm->next)
		if (vm->state == VM_RUNNING)
			return true;
	return false;
}

__noreturn void run_loop(void (*on_all_stopped)(void))
{
	struct pcpu *p = this_cpu();

	for (;;) {
		bool ran = false;

		__atomic_store_n(&p->kick, 0, __ATOMIC_SEQ_CST);
		for (struct vcpu *v = p->runq; v; v = v->runq_next) {
			if (v->vm->state != VM_RUNNING)
				continue;
			if (stop_if_asked(v)) {
				ran = true;
				continue;
			}
			if (v->state == VCPU_RUNNABLE || v->request || timerq_next(&v->timers) <= vm_now(v->vm)) {
				run_vcpu(v);
				ran = true;
			}
		}
		if (poll_fn && p->index == 0)
			poll_fn();
		if (p->index == 0 && on_all_stopped && !any_running())
			on_all_stopped();
		if (!ran)
			idle(p);
	}
}
