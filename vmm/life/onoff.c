/* VMs go on and off: starts, also those that wait until the VM is off; forced ends; the end of all. */
#include "vmm/life/onoff.h"

#include "arch/x86/cpu.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/request.h"
#include "vmm/pcpu/clock.h"

#define END_NS 8000 /* of one piece of vm_end_some(), but for a VM's share */

static enum vm_end ending; /* atomic */
static bool end_afresh;    /* atomic */
static struct vm *to_end;  /* who is told next; the bootstrap processor's */

/* Its status says STARTING since just now. */
static void begun(struct vm *vm)
{
	vm->start_tsc = cpu_rdtsc();
	vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT); /* its turns do the work */
}

void vm_start_when_off(struct vm *vm)
{
	if (vm_tr_want(&vm->status) == VM_TR_BEGUN)
		begun(vm);
}

void vm_restart(struct vm *vm, const char *why)
{
	switch (vm_tr_want_afresh(&vm->status)) {
	case VM_TR_BEGUN: begun(vm); break;
	case VM_TR_CLAIM: vm_stop_claimed(vm, VM_STOP_RESET, 0, why); break;
	default: break;
	}
}

void vm_start_not(struct vm *vm)
{
	vm_tr_want_not(&vm->status);
}

bool vm_start_again(struct vm *vm)
{
	if (vm_tr_again(&vm->status) != VM_TR_BEGUN)
		return false;
	vm->restarts++;
	if (!vm->quiet)
		log_info("guest %s: restarting (restart %u)\n", vm->config.name, vm->restarts);
	begun(vm);
	return true;
}

void vm_go_off(struct vm *vm)
{
	if (vm_tr_off(&vm->status) == VM_TR_BEGUN)
		begun(vm);
}

bool vm_start_gone(struct vm *vm)
{
	if (vm_tr_failed(&vm->status) != VM_TR_BEGUN)
		return false;
	begun(vm);
	return true;
}

void vm_force_stop(struct vm *vm, enum vm_stop how, const char *why)
{
	vm_request_stop(vm, how, 0, why);
}

void vm_end_all(enum vm_end how)
{
	atomic_store(&ending, how);
	atomic_store(&end_afresh, true);
	housekeep_soon();
}

bool vm_end_some(void)
{
	u64 until = clock_now() + END_NS;

	if (atomic_exchange(&end_afresh, false))
		to_end = vm_list;
	for (; to_end && clock_now() < until; to_end = to_end->next) {
		vm_tr_last(&to_end->status);
		vm_force_stop(to_end, VM_STOP_DESTROY, "the machine ends");
	}
	return to_end;
}

enum vm_end vm_ending(void)
{
	return atomic_load(&ending);
}

bool vm_any_leaving(void)
{
	vm_for_each (vm)
		if (vm_is_on(vm) && vm_stop(vm))
			return true;
	return false;
}

bool vm_any_on(void)
{
	vm_for_each (vm)
		if (vm_is_on(vm))
			return true;
	return false;
}
