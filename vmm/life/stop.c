/* End of a VM: why, what the guest is told, what follows. */
#include "arch/x86/cpu.h"
#include "arch/x86/tsc.h"
#include "lib/fmt.h"
#include "vmm/exit/exit.h"
#include "vmm/life/guests.h"
#include "vmm/run/run.h"
#include "vmm/vm/vm.h"

#define STOPS_LOGGED  8 /* in a minute */
#define STOPS_IN_TIME 60000000000ull

/* What takes several lines is not mixed up with another CPU's. Inside a VM's lock; the log's are inside this one. */
static struct spinlock report_lock;

void vm_request_stop(struct vm *vm, enum vm_stop stop, u32 code, const char *why)
{
	u32 suppressed;

	/* The guest and an operator may want it at once: the first one's reason counts. */
	if (vm->stop || __atomic_exchange_n(&vm->stopping, true, __ATOMIC_SEQ_CST))
		return;
	vm->quiet = !log_limit_ok(&vm->stop_limit, run_now(), STOPS_LOGGED, STOPS_IN_TIME, &suppressed);
	if (!vm->quiet && suppressed)
		log_warn("guest %s: (%u stops not shown)\n", vm->config.name, suppressed);
	fmt_snprintf(vm->why, sizeof(vm->why), "%s", why);
	vm->exit_code = code;
	vm->stop_tsc = cpu_rdtsc();
	__atomic_store_n(&vm->stop, stop, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		vcpu_request(vm->vcpus[i], VCPU_REQ_STOP);
	/* Its vCPUs have to run to leave. vm_pause() looks at these two the other way round. */
	if (__atomic_load_n(&vm->paused, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&vm->resume_pending, true, __ATOMIC_SEQ_CST);
		run_poll_soon();
	}
}

void vm_kill(struct vcpu *v, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (v->vm->stop)
		return;
	va_start(ap, fmt);
	fmt_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	vm_request_stop(v->vm, VM_STOP_CRASH, 0, why);
	if (v->vm->quiet)
		return;
	spin_lock(&report_lock);
	log_err("guest %s: vCPU %u crashed: %s\n", v->vm->config.name, v->id, why);
	vcpu_dump(v);
	spin_unlock(&report_lock);
}

void vm_triple_fault(struct vcpu *v, const char *how)
{
	if (v->vm->stop)
		return;
	vm_request_stop(v->vm, VM_STOP_RESET, 0, how);
	if (v->vm->quiet)
		return;
	spin_lock(&report_lock);
	log_warn("guest %s: vCPU %u: %s\n", v->vm->config.name, v->id, how);
	vcpu_dump(v);
	spin_unlock(&report_lock);
}

static bool no_summary;

void vm_show_summaries(bool on)
{
	no_summary = !on;
}

void vm_summary(struct vm *vm)
{
	u64 ticks = cpu_rdtsc() - vm->start_tsc, ran = 0, waited = 0;

	if (no_summary)
		return;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		ran += vm->vcpus[i]->sched.run_ns;
		waited += vm->vcpus[i]->sched.wait_ns;
	}
	spin_lock(&report_lock);
	log_info("guest %s: summary: %lu ticks (%lu ms), %u restarts\n", vm->config.name, ticks,
	         (u64)((unsigned __int128)ticks * 1000 / tsc_hz()), vm->restarts);
	log_info("  ran %lu ms, waited for a processor %lu ms\n", ran / 1000000, waited / 1000000);
	for (u32 r = 0; r < EXIT_REASON_COUNT; r++) {
		u64 n = 0;

		for (u32 i = 0; i < vm->nr_vcpus; i++)
			n += vm->vcpus[i]->exits[r];
		if (n)
			log_info("  %-24s %10lu exits\n", exit_reason_name(r), n);
	}
#ifdef CONFIG_VMCS_COUNT
	log_info("  vmcs: %lu reads, %lu writes\n", vmcs_reads, vmcs_writes);
#endif
	spin_unlock(&report_lock);
}

static const char *stop_word(enum vm_stop s)
{
	switch (s) {
	case VM_STOP_POWEROFF: return "powered off";
	case VM_STOP_RESET: return "reset";
	case VM_STOP_DEBUG_EXIT: return "ended by the debug exit port";
	case VM_STOP_DESTROY: return "destroyed";
	default: return "crashed";
	}
}

static enum life_end end_of(const struct vm *vm)
{
	switch (vm->stop) {
	case VM_STOP_POWEROFF: return LIFE_END_POWEROFF;
	case VM_STOP_RESET: return LIFE_END_RESET;
	case VM_STOP_DEBUG_EXIT: return LIFE_END_DEBUG_EXIT;
	case VM_STOP_DESTROY: return LIFE_END_POWEROFF; /* of no importance: it was ended by command */
	default: return LIFE_END_CRASH;
	}
}

static enum vm_end ending;
/* Of ending, vm->start_pending, and a VM's steps from on to off and from off to starting. Scheduler and log locks
 * inside. */
static struct spinlock off_lock;

void vm_start_when_off(struct vm *vm)
{
	spin_lock(&off_lock);
	if (!vm_ending()) {
		vm->start_pending = vm_is_on(vm);
		if (!vm->start_pending)
			vm_start(vm);
	}
	spin_unlock(&off_lock);
}

void vm_restart(struct vm *vm, const char *why)
{
	spin_lock(&off_lock);
	if (!vm_ending()) {
		vm->start_pending = vm_is_on(vm);
		/* With the lock: this run is stopped, not one that has begun since. */
		if (vm->start_pending)
			vm_request_stop(vm, VM_STOP_RESET, 0, why);
		else
			vm_start(vm);
	}
	spin_unlock(&off_lock);
}

void vm_start_not(struct vm *vm)
{
	spin_lock(&off_lock);
	vm->start_pending = false;
	spin_unlock(&off_lock);
}

/* Its last vCPU is out. true: it starts again, as was asked for; else it is off now, when off is set. */
static bool start_again(struct vm *vm, bool off)
{
	bool again;

	spin_lock(&off_lock);
	again = vm->start_pending && !vm_ending();
	if (again) {
		vm->start_pending = false;
		vm->restarts += !off;
		vm_start(vm);
	} else if (off) {
		__atomic_store_n(&vm->state, vm->stop == VM_STOP_CRASH ? VM_CRASHED : VM_STOPPED, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&off_lock);
	if (again && !off && !vm->quiet)
		log_info("guest %s: restarting (restart %u)\n", vm->config.name, vm->restarts);
	return again;
}

bool vm_start_gone(struct vm *vm)
{
	bool again;

	spin_lock(&off_lock);
	again = vm->start_pending && !vm_ending();
	if (again) {
		vm->start_pending = false;
		vm_start(vm);
	} else {
		__atomic_store_n(&vm->state, VM_CRASHED, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&off_lock);
	return again;
}

/* What comes of its end; its policy's restart is announced, and counted, here. */
static void tell_end(struct vm *vm, enum vm_stop stop)
{
	enum life_verdict next = guests_ended(vm, end_of(vm));

	if (next == LIFE_RESTARTS && !vm_ending()) {
		vm->restarts++;
		if (!vm->quiet)
			log_info("guest %s: restarting (restart %u)\n", vm->config.name, vm->restarts);
		return;
	}
	if (next == LIFE_QUARANTINED)
		log_err("guest %s: too many restarts in a row: it stays down until it is started by command\n",
		        vm->config.name);
	if (vm->quiet)
		log_info("guest %s: %s: %s\n", vm->config.name, stop_word(stop), vm->why);
	vm_summary(vm);
}

void vm_handle_stop(struct vm *vm)
{
	enum vm_stop stop = vm->stop;

	if (!vm->quiet)
		log_info("guest %s: %s: %s\n", vm->config.name, stop_word(stop), vm->why);
	if (stop == VM_STOP_DEBUG_EXIT)
		log_info("guest %s: exit code %u\n", vm->config.name, vm->exit_code);
	if (start_again(vm, false))
		return;
	/* It is off when all has been told: the machine may end then. What the policy starts meanwhile waits for it.
	 */
	tell_end(vm, stop);
	(void)start_again(vm, true);
	run_poll_soon();
}

void vm_end_all(enum vm_end how)
{
	spin_lock(&off_lock);
	__atomic_store_n(&ending, how, __ATOMIC_SEQ_CST);
	spin_unlock(&off_lock);
	/* No VM starts any more. */
	for (struct vm *vm = vm_list; vm; vm = vm->next)
		vm_force_stop(vm, VM_STOP_DESTROY, "the machine ends");
	run_poll_soon();
}

enum vm_end vm_ending(void)
{
	return __atomic_load_n(&ending, __ATOMIC_SEQ_CST);
}

bool vm_any_leaving(void)
{
	for (const struct vm *vm = vm_list; vm; vm = vm->next)
		if (vm_is_on(vm) && vm->stop)
			return true;
	return false;
}

bool vm_any_on(void)
{
	for (const struct vm *vm = vm_list; vm; vm = vm->next)
		if (vm_is_on(vm))
			return true;
	return false;
}
