/* End of a VM: what is told, what follows; a line at a time. */
#include "vmm/life/stop.h"

#include "arch/x86/cpu.h"
#include "arch/x86/tsc.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/stretch.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/life/hooks.h"
#include "vmm/life/onoff.h"

#define LOOK_AT 8u /* exit reasons in one piece */

static bool no_summary;
static struct vm *reporter; /* whose summary is told: its lines are not mixed up with another's; atomic */

void vm_show_summaries(bool on)
{
	no_summary = !on;
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
	switch (vm_stop(vm)) {
	case VM_STOP_POWEROFF: return LIFE_END_POWEROFF;
	case VM_STOP_RESET: return LIFE_END_RESET;
	case VM_STOP_DEBUG_EXIT: return LIFE_END_DEBUG_EXIT;
	case VM_STOP_DESTROY: return LIFE_END_POWEROFF; /* of no importance: it was ended by command */
	default: return LIFE_END_CRASH;
	}
}

/* What comes of its end; its policy's restart is announced, and counted, here. true: it restarts. */
static bool apply_policy(struct vm *vm)
{
	struct vm_stopping *s = &vm->stopping;

	s->verdict = life_hooks.ended(vm, end_of(vm));
	if (s->verdict != LIFE_RESTARTS || vm_ending())
		return false;
	vm->restarts++;
	if (!vm->quiet)
		log_info("guest %s: restarting (restart %u)\n", vm->config.name, vm->restarts);
	return true;
}

static void tell_verdict(struct vm *vm)
{
	if (vm->stopping.verdict == LIFE_QUARANTINED)
		log_err("guest %s: too many restarts in a row: it stays down until it is started by command\n",
		        vm->config.name);
	if (vm->quiet)
		log_info("guest %s: %s: %s\n", vm->config.name, stop_word(vm_stop(vm)), vm->why);
}

/* false: another VM's is told just now. */
static bool begin_summary(struct vm *vm)
{
	struct vm *none = NULL;
	u64 ticks = cpu_rdtsc() - vm->start_tsc;

	if (!atomic_cas(&reporter, &none, vm))
		return false;
	vm->stopping.reason = 0;
	log_info("guest %s: summary: %lu ticks (%lu ms), %u restarts\n", vm->config.name, ticks,
	         (u64)((unsigned __int128)ticks * 1000 / tsc_hz()), vm->restarts);
	return true;
}

static void tell_times(const struct vm *vm)
{
	u64 ran = 0, waited = 0;

	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		ran += vm->vcpus[i]->sched.run_ns;
		waited += vm->vcpus[i]->sched.wait_ns;
	}
	log_info("  ran %lu ms, waited for a processor %lu ms\n", ran / 1000000, waited / 1000000);
}

/* The next one there were any of, among a few. false: that were all. */
static bool tell_exits(struct vm *vm)
{
	u32 *r = &vm->stopping.reason, end = MIN(*r + LOOK_AT, (u32)EXIT_REASON_COUNT);
	u64 n = 0;

	for (; *r < end && !n; ++*r) {
		for (u32 i = 0; i < vm->nr_vcpus; i++)
			n += vm->vcpus[i]->exits[*r];
		if (n)
			log_info("  %-24s %10lu exits\n", exit_reason_name(*r), n);
	}
	return *r < EXIT_REASON_COUNT;
}

static void end_summary(void)
{
#ifdef CONFIG_VMCS_COUNT
	log_info("  vmcs: %lu reads, %lu writes\n", vmcs_reads, vmcs_writes);
#endif
	atomic_store(&reporter, NULL);
}

enum {
	STOP_WORD,
	STOP_CODE,
	STOP_POLICY,
	STOP_VERDICT,
	STOP_SUMMARY,
	STOP_TIMES,
	STOP_MEMORY,
	STOP_EXITS,
	STOP_STRETCHES,
	STOP_SUMMARY_END,
	STOP_OFF
};

void vm_stop_begin(struct vm *vm)
{
	vm->stopping = (struct vm_stopping){ .next = STOP_WORD };
}

bool vm_stop_step(struct vm *vm)
{
	struct vm_stopping *s = &vm->stopping;
	enum vm_stop stop = vm_stop(vm);

	switch (s->next++) {
	case STOP_WORD:
		if (!vm->quiet)
			log_info("guest %s: %s: %s\n", vm->config.name, stop_word(stop), vm->why);
		break;
	case STOP_CODE:
		if (stop == VM_STOP_DEBUG_EXIT)
			log_info("guest %s: exit code %u\n", vm->config.name, vm->exit_code);
		break;
	case STOP_POLICY:
		if (vm_start_again(vm))
			return false;
		if (apply_policy(vm))
			s->next = STOP_OFF;
		break;
	case STOP_VERDICT:
		tell_verdict(vm);
		s->next = no_summary ? STOP_OFF : STOP_SUMMARY;
		break;
	case STOP_SUMMARY: s->next = begin_summary(vm) ? STOP_TIMES : STOP_SUMMARY; break;
	case STOP_TIMES: tell_times(vm); break;
	case STOP_MEMORY:
		log_info("  hypervisor memory free: %lu bytes, at its start %lu\n", hv_pool_free_bytes(),
		         vm->pool_start);
		break;
	case STOP_EXITS:
		s->next = tell_exits(vm) ? STOP_EXITS : STOP_STRETCHES;
		if (s->next == STOP_STRETCHES)
			s->reason = 0;
		break;
	case STOP_STRETCHES: s->next = stretch_report(&s->reason) ? STOP_STRETCHES : STOP_SUMMARY_END; break;
	case STOP_SUMMARY_END: end_summary(); break;
	default:
		/* It is off when all has been told: the machine may end then.
		 * What the policy starts meanwhile waits for it. */
		vm_go_off(vm);
		housekeep_soon();
		return false;
	}
	return true;
}
