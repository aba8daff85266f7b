/* End of a VM: what is told, what follows. */
#include "vmm/life/stop.h"

#include "arch/x86/cpu.h"
#include "arch/x86/tsc.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/stretch.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/life/hooks.h"
#include "vmm/life/onoff.h"

static bool no_summary;
/* What takes several lines is not mixed up with another CPU's. Inside a VM's lock; the log's are inside this one. */
static struct spinlock report_lock;

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
	log_info("  hypervisor memory free: %lu bytes, at its start %lu\n", hv_pool_free_bytes(), vm->pool_start);
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
	stretch_report();
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
	switch (vm_stop(vm)) {
	case VM_STOP_POWEROFF: return LIFE_END_POWEROFF;
	case VM_STOP_RESET: return LIFE_END_RESET;
	case VM_STOP_DEBUG_EXIT: return LIFE_END_DEBUG_EXIT;
	case VM_STOP_DESTROY: return LIFE_END_POWEROFF; /* of no importance: it was ended by command */
	default: return LIFE_END_CRASH;
	}
}

/* What comes of its end; its policy's restart is announced, and counted, here. */
static void tell_end(struct vm *vm, enum vm_stop stop)
{
	enum life_verdict next = life_hooks.ended(vm, end_of(vm));

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
	enum vm_stop stop = vm_stop(vm);

	if (!vm->quiet)
		log_info("guest %s: %s: %s\n", vm->config.name, stop_word(stop), vm->why);
	if (stop == VM_STOP_DEBUG_EXIT)
		log_info("guest %s: exit code %u\n", vm->config.name, vm->exit_code);
	if (vm_start_again(vm))
		return;
	/* It is off when all has been told: the machine may end then.
	 * What the policy starts meanwhile waits for it. */
	tell_end(vm, stop);
	vm_go_off(vm);
	housekeep_soon();
}
