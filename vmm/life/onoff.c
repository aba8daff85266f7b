/* VMs go on and off: starts, also those that wait until the VM is off; forced ends; the end of all. */
#include "vmm/life/onoff.h"

#include "arch/x86/cpu.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/request.h"

static enum vm_end ending; /* atomic */

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
	vm_for_each (vm) {
		vm_tr_last(&vm->status);
		vm_force_stop(vm, VM_STOP_DESTROY, "the machine ends");
	}
	housekeep_soon();
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
