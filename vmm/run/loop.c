/* The run loop. Interrupts are off in root mode; they are taken as VM exits or, while idle, in cpu_sti_hlt_cli(). */
#include "vmm/run/run.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "arch/x86/tsc.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/cpu/events.h"
#include "vmm/exit/exit.h"

#define RESYNC_EXITS    32 /* exits after which the preemption timer is set anew: it stands still in root mode */
#define TIMER_FIELD_MAX 0xffffffffull

/* What the loop keeps for each CPU. */
struct run_cpu {
	struct timerq sleepers; /* blocked vCPUs by the time of their next timer (run_now()) */
	struct spinlock sleepers_lock;
	u32 evict;      /* set by other CPUs: put the loaded vCPU away, it runs elsewhere */
	u64 since;      /* run_now() when it came to its loop */
	u64 idle_ticks; /* TSC ticks in HLT since then */
};

static struct sched sched;
static struct run_cpu *run_cpus;
static struct vclock clock; /* ticks since tsc_base -> run_now() */
static u64 tsc_base;
static u64 (*poll_fn)(void);
static u32 poll_wanted;
static struct timer poll_timer; /* on the bootstrap processor's sleepers */

u64 run_ns(u64 tsc)
{
	return vclock_ns(&clock, tsc - tsc_base);
}

/* The host TSC at a time of run_now(). */
static u64 tsc_at(u64 ns)
{
	return vclock_tsc_ceil(&clock, ns) + tsc_base;
}

u64 run_now(void)
{
	return run_ns(cpu_rdtsc());
}

static struct run_cpu *cpu_of(const struct pcpu *p)
{
	return &run_cpus[p->index];
}

int run_init(u64 boot_tsc)
{
	struct sched_cpu *cpus = hv_zalloc(nr_pcpus * sizeof(*cpus));

	run_cpus = hv_zalloc(nr_pcpus * sizeof(*run_cpus));
	if (!cpus || !run_cpus)
		return ERR_NOMEM;
	tsc_base = boot_tsc;
	vclock_init(&clock, tsc_hz());
	sched_init(&sched, cpus, nr_pcpus);
	for (u32 i = 0; i < nr_pcpus; i++)
		timerq_init(&run_cpus[i].sleepers, NULL);
	return OK;
}

struct sched *run_sched(void)
{
	return &sched;
}

void run_cpu_times(u32 cpu, u64 *guests_ns, u64 *root_ns)
{
	u64 since = __atomic_load_n(&run_cpus[cpu].since, __ATOMIC_RELAXED), up = since ? run_now() - since : 0;
	u64 idle = vclock_ns(&clock, __atomic_load_n(&run_cpus[cpu].idle_ticks, __ATOMIC_RELAXED));

	*guests_ns = __atomic_load_n(&sched.cpus[cpu].busy_ns, __ATOMIC_RELAXED);
	*root_ns = up > idle + *guests_ns ? up - idle - *guests_ns : 0;
}

static void on_poll_timer(void *arg, u64 now)
{
	__atomic_store_n(&poll_wanted, 1, __ATOMIC_SEQ_CST); /* poll() follows */
}

void run_set_poll(u64 (*poll)(void))
{
	timer_init(&poll_timer, &run_cpus[0].sleepers, on_poll_timer, NULL);
	__atomic_store_n(&poll_wanted, 1, __ATOMIC_SEQ_CST);
	poll_fn = poll;
}

/* ---- waking ---- */

void run_kick(u32 index)
{
	struct pcpu *p;

	if (index == SCHED_NO_CPU)
		return;
	p = pcpus[index];
	__atomic_store_n(&p->kick, 1, __ATOMIC_SEQ_CST);
	if (p != this_cpu())
		lapic_send_ipi(p->apic_id, VEC_KICK);
}

void run_poll_soon(void)
{
	if (__atomic_exchange_n(&poll_wanted, 1, __ATOMIC_SEQ_CST))
		return;
	run_kick(0);
	/* Back to the loop when this exit is done: nobody else kicks this CPU as long as poll_wanted is set. */
	if (!this_cpu()->index && this_cpu()->current)
		this_cpu()->current->resync = 0;
}

static void wake(struct vcpu *v)
{
	run_kick(sched_wake(&sched, &v->sched, run_now()));
}

void vcpu_request(struct vcpu *v, u32 bits)
{
	struct pcpu *on;

	__atomic_fetch_or(&v->request, bits, __ATOMIC_SEQ_CST);
	on = __atomic_load_n(&v->on_cpu, __ATOMIC_SEQ_CST);
	if (!on) {
		wake(v);
	} else if (on != this_cpu()) {
		run_kick(on->index);
	}
}

static void on_wake_timer(void *arg, u64 now)
{
	struct vcpu *v = arg;

	v->sleeps_on = NULL; /* nothing to cancel any more */
	wake(v);
}

/* The sleepers' queues belong to the CPU where the vCPU blocked; any CPU takes it out again. */
static void set_wake_timer(struct vcpu *v, u64 at)
{
	struct run_cpu *rc = cpu_of(this_cpu());

	if (at == TIMER_OFF)
		return;
	spin_lock(&rc->sleepers_lock);
	timer_init(&v->wake_timer, &rc->sleepers, on_wake_timer, v);
	timer_set(&v->wake_timer, at);
	v->sleeps_on = rc;
	spin_unlock(&rc->sleepers_lock);
}

static void cancel_wake_timer(struct vcpu *v)
{
	struct run_cpu *rc = v->sleeps_on;

	if (!rc)
		return;
	spin_lock(&rc->sleepers_lock);
	timer_cancel(&v->wake_timer);
	spin_unlock(&rc->sleepers_lock);
	v->sleeps_on = NULL;
}

static bool poll_due(const struct pcpu *p)
{
	return !p->index && poll_fn && __atomic_load_n(&poll_wanted, __ATOMIC_SEQ_CST);
}

static void wake_sleepers(struct run_cpu *rc, u64 now)
{
	spin_lock(&rc->sleepers_lock);
	timerq_run(&rc->sleepers, now);
	spin_unlock(&rc->sleepers_lock);
}

/* Consoles and control channels. */
static void poll(struct pcpu *p)
{
	struct run_cpu *rc = cpu_of(p);
	u64 at;

	__atomic_store_n(&poll_wanted, 0, __ATOMIC_SEQ_CST);
	at = poll_fn();
	if (at == poll_timer.deadline)
		return;
	spin_lock(&rc->sleepers_lock);
	timer_set(&poll_timer, at);
	spin_unlock(&rc->sleepers_lock);
	if (p->current)
		p->current->resync = 0; /* its preemption timer is to be set anew */
}

/*
 * What a processor does for all: sleepers whose time has come are woken, and the bootstrap processor polls. Within a
 * turn it is no part of it: whoever runs there has nothing to do with the guest that floods a console. Who causes it
 * cannot make it much: a sleeper is woken once for every time that it has run, at its expense, and output takes a
 * fifth of the processor's time at most (run_mux()).
 */
static void housekeep(struct pcpu *p, bool in_turn)
{
	struct run_cpu *rc = cpu_of(p);
	u64 now = run_now();

	if (likely(timerq_next(&rc->sleepers) > now && !poll_due(p)))
		return;
	if (in_turn)
		sched_charge(&sched, p->index, now);
	if (timerq_next(&rc->sleepers) <= now)
		wake_sleepers(rc, now);
	if (poll_due(p)) /* or since the timer just now */
		poll(p);
	if (in_turn)
		sched_skip(&sched, p->index, run_now());
}

/* ---- timers ---- */

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
	struct run_cpu *rc = cpu_of(this_cpu());
	u64 sleeper = timerq_next(&rc->sleepers), at = guest_timer_tsc(v), wake;

	at = MIN(at, v->turn_end);
	if (sleeper == TIMER_OFF)
		return at;
	wake = tsc_at(sleeper);
	return MIN(at, wake);
}

static void arm_preemption_timer(struct vcpu *v)
{
	u64 tsc = cpu_rdtsc(), at = next_tsc(v);

	if (!(v->pin & PIN_PREEMPTION_TIMER)) {
		lapic_timer_oneshot(at > tsc ? vclock_ns(&clock, at - tsc) + 1 : 1);
		/* An absolute deadline does not drift, but Bochs holds the interrupt back while the guest has IF=0.
		 */
		v->resync = RESYNC_EXITS;
		return;
	}
	v->resync = RESYNC_EXITS;
	at = at > tsc ? (at - tsc + (1ull << vmx_caps.preemption_shift) - 1) >> vmx_caps.preemption_shift : 0;
	vmcs_write(VMCS_PREEMPTION_TIMER, MIN(at, TIMER_FIELD_MAX));
	if (!(v->exit & EXIT_SAVE_PREEMPTION_TIMER))
		v->resync = 1;
}

/* ---- one vCPU ---- */

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
	if (devices_input_waits(v->vm))
		devices_take_input(v->vm);
	if (v->id == 0 && __atomic_exchange_n(&v->vm->button, false, __ATOMIC_SEQ_CST))
		vpm_power_button(&v->vm->dev.pm, vm_now(v->vm));
	if (req & VCPU_REQ_APIC)
		vcpu_apic_mode(v);
	if (req & VCPU_REQ_INVEPT)
		vcpu_ept_flush(v);
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

	if (unlikely(__atomic_load_n(&v->stalled, __ATOMIC_SEQ_CST)))
		return false;
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

/* Runs v until its turn is over, it has nothing to do, or its VM stops. */
static void run_vcpu(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	vcpu_load(v);
	v->resync = 0;
	vcpu_pv_in(v, v->sched.wait_ns - v->steal_told);
	v->steal_told = v->sched.wait_ns;
	do {
		if (!prepare(v))
			break;
		if (unlikely(!v->first_entry_tsc)) {
			v->first_entry_tsc = cpu_rdtsc();
			vm_first_entry(v);
		}
		if (unlikely(v->vm->takeover_tsc))
			vm_told_takeover(v->vm);
		if (vmx_run(&v->regs, exit_dispatch) < 0)
			entry_failed(v);
		if (p->nmi_pending) {
			p->nmi_pending = false;
			log_warn("CPU %u: host NMI\n", p->index);
		}
		if (v->request & VCPU_REQ_YIELD) {
			u32 cpu = SCHED_NO_CPU;

			__atomic_fetch_and(&v->request, ~VCPU_REQ_YIELD, __ATOMIC_SEQ_CST);
			if (sched_yield_to(&sched, p->index, v->yield_to ? &v->yield_to->sched : NULL, run_now(),
			                   &cpu)) {
				run_kick(cpu);
				break;
			}
		}
		if (unlikely(v->vm->stop)) /* what follows from it comes before the console */
			break;
		housekeep(p, true);
		/* The monitor may have looked at another vCPU. */
		if (unlikely(p->current != v))
			vcpu_load(v);
	} while (cpu_rdtsc() < v->turn_end && !sched_preempt_check(&sched, p->index, run_now()));
	vcpu_pv_out(v);
}

/* Something for v to do, now. May be asked while another CPU runs it: the answer is then of no importance. */
static bool has_work(const struct vcpu *v)
{
	const struct vm *vm = v->vm;
	u32 run = __atomic_load_n(&vm->run, __ATOMIC_SEQ_CST); /* first: vm_start() */
	enum vm_stop stop = __atomic_load_n(&vm->stop, __ATOMIC_SEQ_CST);
	enum vm_state state = __atomic_load_n(&vm->state, __ATOMIC_SEQ_CST);

	if (state == VM_STARTING && !stop)
		return v->id == 0;
	if (state != VM_RUNNING && state != VM_STARTING)
		return false;
	if (stop)
		return v->left != run;
	if (__atomic_load_n(&v->stalled, __ATOMIC_SEQ_CST))
		return false;
	return v->state == VCPU_RUNNABLE || __atomic_load_n(&v->request, __ATOMIC_SEQ_CST) ||
	       timerq_next(&v->timers) <= vm_now(vm);
}

/* The VM stops: when its last vCPU is out of the guest, its policy applies. */
static void leave_guest(struct vcpu *v, u32 run)
{
	struct vm *vm = v->vm;

	if (v->left == run)
		return;
	if (this_cpu()->current == v)
		vcpu_put(v);
	v->left = run;
	if (__atomic_add_fetch(&vm->nr_stopped, 1, __ATOMIC_SEQ_CST) == vm->nr_vcpus)
		vm_handle_stop(vm);
}

static void start_guest(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (v->id)
		return;
	while (v->vm->state == VM_STARTING && !v->vm->stop && cpu_rdtsc() < v->turn_end) {
		vm_start_step(v->vm);
		cpu_sti_nop_cli(); /* a key must be read before the next 16 have come */
		housekeep(p, true);
	}
}

/* What v does in its turn. */
static void take_turn(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u32 run = __atomic_load_n(&vm->run, __ATOMIC_SEQ_CST); /* first: vm_start() */
	enum vm_stop stop = __atomic_load_n(&vm->stop, __ATOMIC_SEQ_CST);
	enum vm_state state = __atomic_load_n(&vm->state, __ATOMIC_SEQ_CST);

	if (stop) {
		leave_guest(v, run);
	} else if (state == VM_STARTING) {
		start_guest(v);
	} else if (state == VM_RUNNING) {
		run_vcpu(v);
		if (__atomic_load_n(&vm->stop, __ATOMIC_SEQ_CST))
			leave_guest(v, run);
	}
}

/* v's turn is over. Once it is blocked or queued again, another CPU may run it: nothing of it is touched afterwards.
 */
static void end_turn(struct pcpu *p, struct vcpu *v)
{
	u64 tsc;

	if (__atomic_load_n(&v->vm->paused, __ATOMIC_SEQ_CST)) {
		vm_time_seen(v->vm);
		/* For those who look at its registers. */
		if (p->current == v)
			vcpu_put(v);
	}
	if (!has_work(v)) {
		tsc = v->vm->state == VM_RUNNING && !v->vm->stop && !v->stalled ? guest_timer_tsc(v) : ~0ull;
		if (tsc != ~0ull)
			set_wake_timer(v, run_ns(tsc) + 1);
		__atomic_store_n(&v->on_cpu, NULL, __ATOMIC_SEQ_CST);
		if (sched_block(&sched, p->index, run_now())) {
			/* What was posted after the look above, but before it was blocked. */
			if (has_work(v))
				wake(v);
			return;
		}
	}
	__atomic_store_n(&v->on_cpu, NULL, __ATOMIC_SEQ_CST);
	run_kick(sched_put(&sched, p->index, run_now()));
}

/* ---- one CPU ---- */

/* Another CPU wants the vCPU whose registers are still here. */
static void give_up_loaded(struct pcpu *p)
{
	struct run_cpu *rc = cpu_of(p);

	if (!__atomic_exchange_n(&rc->evict, 0, __ATOMIC_SEQ_CST))
		return;
	if (p->current)
		vcpu_put(p->current);
}

bool run_try_evict(struct vcpu *v)
{
	struct pcpu *p = __atomic_load_n(&v->loaded_on, __ATOMIC_SEQ_CST);

	if (!p || p == this_cpu())
		return true;
	__atomic_store_n(&cpu_of(p)->evict, 1, __ATOMIC_SEQ_CST);
	run_kick(p->index);
	return false;
}

void run_evict(struct vcpu *v)
{
	struct pcpu *p;

	while ((p = __atomic_load_n(&v->loaded_on, __ATOMIC_SEQ_CST)) != NULL) {
		assert(p != this_cpu() && !this_cpu()->current);
		__atomic_store_n(&cpu_of(p)->evict, 1, __ATOMIC_SEQ_CST);
		lapic_send_ipi(p->apic_id, VEC_KICK);
		while (__atomic_load_n(&v->loaded_on, __ATOMIC_SEQ_CST) == p)
			cpu_pause();
	}
}

/* until: the scheduler must look again then (sched_pick()). */
static void idle(struct pcpu *p, u64 until)
{
	struct run_cpu *rc = cpu_of(p);
	u64 at = timerq_next(&rc->sleepers), now = run_now(), tsc;

	at = MIN(at, until);
	if (__atomic_load_n(&p->kick, __ATOMIC_SEQ_CST) || __atomic_load_n(&rc->evict, __ATOMIC_SEQ_CST))
		return;
	lapic_timer_oneshot(at == TIMER_OFF ? 0 : at > now ? at - now : 1);
	tsc = cpu_rdtsc();
	cpu_sti_hlt_cli();
	tsc = cpu_rdtsc() - tsc;
	rc->idle_ticks += tsc;
	if (at != TIMER_OFF && now + vclock_ns(&clock, tsc) < at)
		lapic_timer_oneshot(0); /* it has not gone off */
}

__noreturn void run_loop(void)
{
	struct pcpu *p = this_cpu();
	struct run_cpu *rc = cpu_of(p);

	__atomic_store_n(&rc->since, run_now(), __ATOMIC_RELAXED);
	for (;;) {
		struct sched_entity *e;
		struct vcpu *v;
		u64 until;
		u32 cpu = SCHED_NO_CPU;

		__atomic_store_n(&p->kick, 0, __ATOMIC_SEQ_CST);
		cpu_sti_nop_cli(); /* Bochs keeps interrupts back while a guest has its own off */
		give_up_loaded(p);
		housekeep(p, false);
		e = sched_pick(&sched, p->index, run_now(), &until, &cpu);
		run_kick(cpu);
		if (!e) {
			idle(p, until);
			continue;
		}
		v = container_of(e, struct vcpu, sched);
		v->turn_end = tsc_at(until);
		__atomic_store_n(&v->on_cpu, p, __ATOMIC_SEQ_CST);
		cancel_wake_timer(v);
		take_turn(v);
		end_turn(p, v);
	}
}
