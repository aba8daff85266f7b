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

static bool parked(const struct vcpu *v)
{
	return __atomic_load_n(&v->stopped, __ATOMIC_ACQUIRE);
}

/* Something to do for it: run, take a request (also: an interrupt that wakes it), serve a timer, stop. */
static bool wants_cpu(const struct vcpu *v)
{
	return !parked(v) && (v->state == VCPU_RUNNABLE || __atomic_load_n(&v->request, __ATOMIC_SEQ_CST) ||
	                      v->vm->stop || timerq_next(&v->timers) <= vm_now(v->vm));
}

static bool others_wait(const struct vcpu *v)
{
	for (struct vcpu *o = v->cpu->runq; o; o = o->runq_next)
		if (o != v && wants_cpu(o))
			return true;
	return false;
}

/* ns of v's VM time at which another vCPU of its CPU may have to take over: not before the end of v's turn. */
static u64 turn_end(const struct vcpu *v, u64 now)
{
	u64 first = TIMER_OFF;

	for (struct vcpu *o = v->cpu->runq; o; o = o->runq_next) {
		u64 timer, o_now;

		if (o == v || parked(o))
			continue;
		if (wants_cpu(o))
			return v->slice_end;
		timer = timerq_next(&o->timers);
		o_now = vm_now(o->vm);
		if (timer != TIMER_OFF)
			first = MIN(first, now + (timer > o_now ? timer - o_now : 0));
	}
	return first == TIMER_OFF ? TIMER_OFF : MAX(first, v->slice_end);
}

/* ns of VM time until v needs its CPU back: next timer, or the end of its turn. */
static u64 next_deadline(struct vcpu *v, u64 now)
{
	return MIN(timerq_next(&v->timers), turn_end(v, now));
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
		vcpu_ept_flush(v);
	if (timerq_next(&v->timers) <= vm_now(v->vm))
		timerq_run(&v->timers, vm_now(v->vm));
	/* What was typed and found no room is tried again soon. */
	if (v->id == 0 && devices_console_drain(v->vm))
		v->resync = MIN(v->resync, 1);
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
	if (!v->vm->quiet)
		vmcs_dump(LOG_ERR);
}

/*
 * The turn is over when its time is, however it was spent: by the clock and not by the preemption timer, which stands
 * still in root mode and never fires for a guest that only exits.
 */
static bool turn_over(const struct vcpu *v)
{
	return ((v->request & VCPU_REQ_YIELD) || vm_now(v->vm) >= v->slice_end) && others_wait(v);
}

static void run_vcpu(struct vcpu *v)
{
	vcpu_load(v);
	v->slice_end = vm_now(v->vm) + SLICE_NS;
	vcpu_pv_in(v, v->ready_at ? vm_now(v->vm) - v->ready_at : 0);
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
		if (turn_over(v))
			break;
	}
	v->ready_at = v->state == VCPU_RUNNABLE ? vm_now(v->vm) : 0;
	vcpu_pv_out(v);
}

/* Parks v when its VM is to stop. */
static void stop_if_asked(struct vcpu *v)
{
	if (parked(v) || !v->vm->stop)
		return;
	if (this_cpu()->current == v)
		vcpu_put(v);
	vmx_vmclear(v->vmcs_pa);
	v->vmcs_cpu = NULL;
	__atomic_store_n(&v->stopped, true, __ATOMIC_RELEASE);
	__atomic_fetch_add(&v->vm->nr_stopped, 1, __ATOMIC_SEQ_CST);
}

/* Once all vCPUs are parked, the CPU of the first one decides what becomes of the VM. true: look again soon. */
static bool finish_stop(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->id || !vm->stop || vm->state != VM_RUNNING)
		return false;
	if (__atomic_load_n(&vm->nr_stopped, __ATOMIC_SEQ_CST) == vm->nr_vcpus)
		vm_handle_stop(vm);
	return true;
}

/* ns until the earliest timer of this CPU's vCPUs. */
static u64 idle_time(struct pcpu *p)
{
	u64 best = IDLE_MAX_NS;

	for (struct vcpu *v = p->runq; v; v = v->runq_next) {
		u64 now, deadline = timerq_next(&v->timers);

		if (parked(v) || deadline == TIMER_OFF)
			continue;
		now = vm_now(v->vm);
		best = MIN(best, deadline > now ? deadline - now : 1);
	}
	return best;
}

static bool work_pending(struct pcpu *p)
{
	for (struct vcpu *v = p->runq; v; v = v->runq_next)
		if (wants_cpu(v))
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
			stop_if_asked(v);
			if (parked(v)) {
				ran |= finish_stop(v);
			} else if (wants_cpu(v)) {
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
