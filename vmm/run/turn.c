/* A turn of one vCPU: it runs until that is over, or starts, or leaves its guest. */
#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "vmm/board/board.h"
#include "vmm/board/input.h"
#include "vmm/board/serial.h"
#include "vmm/cpu/events.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/lapic.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/stretch.h"
#include "vmm/exit/exit.h"
#include "vmm/life/start.h"
#include "vmm/life/stop.h"
#include "vmm/pcpu/kick.h"
#include "vmm/run/priv.h"
#include "vmm/vm/vm.h"

/* Host TSC of v's next guest timer; ~0: none. */
static u64 guest_timer_tsc(const struct vcpu *v)
{
	u64 deadline = timerq_next(&v->timers), tsc;

	if (deadline == TIMER_OFF)
		return ~0ull;
	tsc = vclock_tsc_ceil(&v->vm->clock, deadline) + v->vm->tsc_start;
	return tsc < v->vm->tsc_start ? ~0ull : tsc;
}

static u64 next_tsc(const struct vcpu *v)
{
	struct run_cpu *rc = run_cpu_of(this_cpu());
	u64 sleeper = timerq_next(&rc->sleepers), at = guest_timer_tsc(v), wake;

	at = MIN(at, v->turn_end);
	if (sleeper == TIMER_OFF)
		return at;
	wake = clock_tsc(sleeper);
	return MIN(at, wake);
}

/* Where there is no preemption timer. This one does not drift. */
static void set_host_timer(struct vcpu *v, u64 tsc)
{
	lapic_timer_oneshot(v->due_tsc > tsc ? clock_span_ns(v->due_tsc - tsc) + 1 : 1);
	v->drift = 0;
	v->drift_max = ~0ull;
}

static void arm_preemption_timer(struct vcpu *v)
{
	u64 tsc = cpu_rdtsc();

	v->rearm = false;
	/* What was prepared just now has to be entered, but others may wait to be woken, or interrupts to be sent. */
	v->due_tsc = unlikely(atomic_load(&v->vm->wakes_due) || pc_irqchip_waits(&v->vm->irq)) ? 0 : next_tsc(v);
	if (v->pin & PIN_PREEMPTION_TIMER)
		vcpu_set_preemption_timer(v, tsc);
	else
		set_host_timer(v, tsc);
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

#define REQ_EPT (VCPU_REQ_APIC | VCPU_REQ_INVEPT | VCPU_REQ_REMAP)
/* What is left by a piece of prepare(), to be gone on with at once. */
#define REQ_MORE (REQ_EPT | VCPU_REQ_INIT)

/* A piece of what changes the EPT. false: there are more, in turns to come. */
static bool change_ept(struct vcpu *v, u32 req)
{
	if (req & VCPU_REQ_INVEPT) {
		if (vcpu_ept_flush(v))
			req &= ~VCPU_REQ_INVEPT;
	} else if (req & VCPU_REQ_APIC) {
		if (vcpu_apic_mode(v))
			req &= ~VCPU_REQ_APIC;
	} else if (vcpu_remap(v)) {
		req &= ~VCPU_REQ_REMAP;
	}
	if (!(req & REQ_EPT) && !(atomic_load(&v->request) & VCPU_REQ_INVEPT))
		return true;
	atomic_fetch_or(&v->request, req);
	return false;
}

/* What is rarely asked for: one look at req tells. false: do not enter. */
static bool do_requests(struct vcpu *v, u32 req)
{
	if (v->id == 0 && input_waits(v->vm))
		input_take(v->vm);
	return !(req & REQ_EPT) || change_ept(v, req);
}

static bool prepare_locked(struct vcpu *v)
{
	u32 req = atomic_exchange(&v->request, 0);

	if (vm_stop(v->vm))
		return false;
	if (v->init_pending || v->sipi_pending) {
		bool init = v->init_pending;

		handle_init_sipi(v);
		if (init) { /* which is a piece of its own */
			atomic_fetch_or(&v->request, req | VCPU_REQ_INIT);
			return false;
		}
	}
	if (serial_input_waits(v->vm))
		serial_take_input(v->vm);
	if (v->id == 0 && unlikely(vm_status(&v->vm->status) & VM_ST_BUTTON) &&
	    vm_tr_take_button(&v->vm->status) == VM_TR_DONE)
		board_power_button(v->vm);
	if (unlikely(req & (REQ_EPT | VCPU_REQ_INPUT)) && !do_requests(v, req))
		return false;
	if (timerq_next(&v->timers) <= vm_now(v->vm))
		timerq_run(&v->timers, vm_now(v->vm));
	if (v->state == VCPU_HALTED && events_can_wake(v))
		v->state = VCPU_RUNNABLE;
	if (v->state != VCPU_RUNNABLE)
		return false;
	/* Timers may have raised interrupts: one look at the events covers all that came so far. */
	atomic_fetch_and(&v->request, ~(VCPU_REQ_EVENT | VCPU_REQ_TIMER | VCPU_REQ_YIELD));
	events_prepare(v);
	if (vm_stop(v->vm))
		return false;
	if (v->rearm || (req & VCPU_REQ_TIMER) || timerq_next(&v->timers) != v->armed_for) {
		v->armed_for = timerq_next(&v->timers);
		arm_preemption_timer(v);
	} else if (v->pin & PIN_PREEMPTION_TIMER) { /* which stood still since the exit */
		vcpu_set_preemption_timer(v, cpu_rdtsc());
	}
	return true;
}

/* Everything that may have changed since the last entry. false: do not enter. */
static bool prepare(struct vcpu *v)
{
	bool enter;

	if (unlikely(atomic_load(&v->stalled)))
		return false;
	vm_lock(v->vm);
	enter = prepare_locked(v);
	vm_unlock(v->vm);
	return enter;
}

static void entry_failed(struct vcpu *v)
{
	vm_kill(v, "VM entry failed, VM-instruction error %u", vmcs_read32(VMCS_INSTRUCTION_ERROR));
	vcpu_dump_vmcs(v);
}

static void told_takeover(struct vm *vm)
{
	log_info("guest %s: goes on %lu ticks after the other one ended\n", vm->config.name,
	         cpu_rdtsc() - vm->takeover_tsc);
	vm->takeover_tsc = 0;
}

static void first_entry(struct vcpu *v)
{
	if (!v->vm->quiet)
		log_info("guest %s: first instruction at tick %lu (its own TSC: %lu)\n", v->vm->config.name,
		         v->first_entry_tsc, v->first_entry_tsc + v->tsc_offset);
}

/* A piece of what goes to many vCPUs: of v's own message, or of one that a device has sent. */
static void send_more(struct vcpu *v)
{
	vm_lock(v->vm);
	if (v->ipi_way.left)
		lapic_send_more(v);
	else
		lapic_irqs_go_on(v->vm);
	vm_unlock(v->vm);
}

static bool turn_over(const struct vcpu *v)
{
	return cpu_rdtsc() >= v->turn_end || sched_preempt_check(&pcpu_sched, this_cpu()->index, clock_now());
}

#define DISK_PIECES 16 /* then the guest may run, however much its disks still have to do */

/* Between two pieces of what v has to do before it enters its guest: what the CPU does for all. */
static void look_around(struct vcpu *v, u32 piece)
{
	struct pcpu *p = this_cpu();

	stretch_end(piece);
	cpu_sti_nop_cli(); /* as when a guest starts */
	run_housekeep(p, true);
	if (unlikely(p->current != v))
		vcpu_load(v);
}

/*
 * What the ends of the VM's serial ports and its disks have to do, at its expense: an answer on its control channel may
 * take many turns. false: this one is over before it is done.
 */
static bool work(struct vcpu *v)
{
	for (u32 disks = 0; atomic_load(&v->vm->work.any);) {
		if (atomic_load(&v->vm->work.ends))
			serial_work(v->vm);
		else if (disks++ < DISK_PIECES)
			board_disk_work(v->vm);
		else
			break;
		look_around(v, STRETCH_POLL);
		if (vm_stop(v->vm) || turn_over(v))
			return false;
	}
	return true;
}

/* What comes next in a turn. */
enum next { NEXT_ENTER, NEXT_LOOK /* whether it is over */, NEXT_LEAVE };

/*
 * A piece of what v has to do before it enters its guest, for others or itself, if there is any; with a look around behind
 * it: a sleeper whose time has come waits for one of them.
 */
static enum next before_entry(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u32 piece = STRETCH_ENTRY;

	if (unlikely(v->ipi_way.left || pc_irqchip_waits(&vm->irq))) {
		if (vm_stop(vm))
			return NEXT_LEAVE;
		send_more(v);
		piece = v->exit_reason;
	} else if (unlikely(v->more)) {
		if (vm_stop(vm))
			return NEXT_LEAVE;
		exit_go_on(v);
		piece = v->exit_reason;
	} else if (unlikely(atomic_load(&vm->wakes_due))) {
		vcpu_wake_due(vm);
	} else if (unlikely(atomic_load_relaxed(&vm->work.any)) && !work(v)) {
		return NEXT_LEAVE;
	} else if (unlikely(!v->first_entry_tsc) && !v->id) {
		v->first_entry_tsc = cpu_rdtsc(); /* but for the line that tells it, and what comes between */
		first_entry(v);
	} else if (prepare(v)) {
		return NEXT_ENTER;
	} else if (!(atomic_load(&v->request) & REQ_MORE) || vm_stop(vm) || atomic_load(&v->stalled)) {
		return NEXT_LEAVE;
	}
	look_around(v, piece);
	return NEXT_LOOK;
}

/* Whether v, which spins, gives the rest of its turn to another one. */
static bool yields(struct vcpu *v)
{
	u32 cpu = SCHED_NO_CPU;

	if (likely(!(v->request & VCPU_REQ_YIELD)))
		return false;
	atomic_fetch_and(&v->request, ~VCPU_REQ_YIELD);
	if (!sched_yield_to(&pcpu_sched, this_cpu()->index, v->yield_to ? &v->yield_to->sched : NULL, clock_now(),
	                    &cpu))
		return false;
	pcpu_kick(cpu);
	return true;
}

/* Into the guest, until an exit that the run loop has to look at. */
static enum next enter(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (unlikely(!v->first_entry_tsc))
		v->first_entry_tsc = cpu_rdtsc();
	if (unlikely(v->vm->takeover_tsc))
		told_takeover(v->vm);
	stretch_end(STRETCH_ENTRY);
	if (vmx_run(&v->regs, exit_dispatch) < 0)
		entry_failed(v);
	if (p->nmi_pending) {
		p->nmi_pending = false;
		log_warn("CPU %u: host NMI\n", p->index);
	}
	if (yields(v) || unlikely(vm_stop(v->vm))) /* what follows from a stop comes before the console */
		return NEXT_LEAVE;
	exit_look_back(p);
	run_housekeep(p, true);
	stretch_end(v->exit_reason);
	if (unlikely(p->current != v)) /* the monitor may have looked at another vCPU */
		vcpu_load(v);
	return NEXT_LOOK;
}

/* Runs v until its turn is over, it has nothing to do, or its VM stops. */
static void run_vcpu(struct vcpu *v)
{
	enum next next;

	vcpu_load(v);
	v->rearm = true;
	vcpu_pv_in(v, v->sched.wait_ns - v->steal_told);
	v->steal_told = v->sched.wait_ns;
	do {
		next = before_entry(v);
		if (next == NEXT_ENTER)
			next = enter(v);
	} while (next != NEXT_LEAVE && !turn_over(v));
	vcpu_pv_out(v);
}

/* Something for v to do, now. May be asked while another CPU runs it: the answer is then of no importance. */
static bool has_work(const struct vcpu *v)
{
	const struct vm *vm = v->vm;
	u64 st = vm_status(&vm->status);

	if (vm_st_state(st) == VM_STARTING && !vm_st_stop(st))
		return v->id == 0;
	if (!vm_st_on(st))
		return false;
	if (vm_st_stop(st))
		return v->left != vm_st_run(st) || v->tells;
	if (atomic_load(&v->stalled))
		return false;
	if (!v->id && atomic_load(&vm->work.any))
		return true;
	return v->state == VCPU_RUNNABLE || v->more || atomic_load(&v->request) || atomic_load(&vm->wakes_due) ||
	       pc_irqchip_waits(&vm->irq) || timerq_next(&v->timers) <= vm_now(vm);
}

/* Between two pieces of a guest's end: whoever is due is woken. false: the turn is over. */
static bool goes_on(const struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	stretch_end(STRETCH_STOP);
	run_housekeep(p, true);
	return cpu_rdtsc() < v->turn_end && !sched_preempt_check(&pcpu_sched, p->index, clock_now());
}

/* What is told of the end, and what follows: a line at a time, as long as the turn lasts. */
static void tell_stop(struct vcpu *v)
{
	stretch_for(STRETCH_STOP);
	do {
		v->tells = vm_stop_step(v->vm);
	} while (goes_on(v) && v->tells);
}

/* The VM stops: when its last vCPU is out of the guest, its policy applies. */
static void leave_guest(struct vcpu *v, u32 run)
{
	struct vm *vm = v->vm;

	if (v->left == run)
		return;
	stretch_for(STRETCH_STOP);
	/* The exit that ended it is a piece, what others are told of it is another. */
	if (this_cpu()->current == v) {
		vcpu_put(v);
		if (!goes_on(v))
			return;
	}
	v->left = run;
	if (vm_tr_leave(&vm->status, run, vm->nr_vcpus) != VM_TR_DONE) {
		vm_wake_next(vm); /* of two that leave at once, the later one sees that the other has left */
		return;
	}
	vm_stop_begin(vm);
	tell_stop(v);
}

static void start_guest(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (v->id)
		return;
	while (vm_state(v->vm) == VM_STARTING && !vm_stop(v->vm) && cpu_rdtsc() < v->turn_end) {
		vm_start_step(v->vm);
		stretch_end(STRETCH_START);
		cpu_sti_nop_cli(); /* a key must be read before the next 16 have come */
		run_housekeep(p, true);
		if (sched_preempt_check(&pcpu_sched, p->index, clock_now()))
			break;
	}
}

/* What the log gets of a crash: a line at a time, as long as the turn lasts. */
static void dump_vcpu(struct vcpu *v)
{
	do {
		vcpu_load(v);
		vcpu_dump_step(v);
	} while (goes_on(v) && v->dump.next);
}

void run_take_turn(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u64 st = vm_status(&vm->status);

	if (vm_st_stop(st) && unlikely(v->dump.next)) {
		dump_vcpu(v);
	} else if (unlikely(v->tells)) {
		tell_stop(v);
	} else if (vm_st_stop(st)) {
		leave_guest(v, vm_st_run(st));
	} else if (vm_st_state(st) == VM_STARTING) {
		start_guest(v);
	} else if (vm_st_state(st) == VM_RUNNING) {
		run_vcpu(v);
		if (vm_stop(vm) && !v->dump.next)
			leave_guest(v, vm_st_run(st));
	}
}

void run_end_turn(struct pcpu *p, struct vcpu *v)
{
	u64 tsc;

	if (vm_paused(v->vm)) {
		vm_time_seen(v->vm);
		/* For those who look at its registers. */
		if (p->current == v)
			vcpu_put(v);
	}
	if (!has_work(v)) {
		tsc = vm_state(v->vm) == VM_RUNNING && !vm_stop(v->vm) && !v->stalled ? guest_timer_tsc(v) : ~0ull;
		if (tsc != ~0ull)
			run_set_wake_timer(v, clock_ns(tsc) + 1);
		atomic_store(&v->on_cpu, NULL);
		if (sched_block(&pcpu_sched, p->index, clock_now())) {
			stretch_end_turn();
			/* What was posted after the look above, but before it was blocked. */
			if (has_work(v))
				vcpu_wake(v);
			return;
		}
	}
	atomic_store(&v->on_cpu, NULL);
	pcpu_kick(sched_put(&pcpu_sched, p->index, clock_now()));
	stretch_end_turn();
}
