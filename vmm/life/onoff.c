/* VMs go on and off: starts, also those that wait until the VM is off; forced ends; the end of all. */
#include "vmm/life/onoff.h"

#include "arch/x86/cpu.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/request.h"
#include "vmm/life/start.h"

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

bool vm_start_again(struct vm *vm, bool off)
{
	bool again;

	spin_lock(&off_lock);
	again = vm->start_pending && !vm_ending();
	if (again) {
		vm->start_pending = false;
		vm->restarts += !off;
		vm_start(vm);
	} else if (off) {
		atomic_store(&vm->state, vm->stop == VM_STOP_CRASH ? VM_CRASHED : VM_STOPPED);
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
		atomic_store(&vm->state, VM_CRASHED);
	}
	spin_unlock(&off_lock);
	return again;
}

void vm_end_all(enum vm_end how)
{
	spin_lock(&off_lock);
	atomic_store(&ending, how);
	spin_unlock(&off_lock);
	/* No VM starts any more. */
	for (struct vm *vm = vm_list; vm; vm = vm->next)
		vm_force_stop(vm, VM_STOP_DESTROY, "the machine ends");
	housekeep_soon();
}

enum vm_end vm_ending(void)
{
	return atomic_load(&ending);
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

void vm_start(struct vm *vm)
{
	/*
	 * Other CPUs may just be looking at its vCPUs, with state and stop of the time before. They read run, stop
	 * and state in this order: none of them enters the guest, or leaves it twice.
	 */
	vm->nr_stopped = 0;
	vm->start_tsc = cpu_rdtsc();
	vm_start_afresh(vm);
	atomic_store(&vm->button, false);
	atomic_store(&vm->state, VM_STARTING);
	atomic_store(&vm->stop, VM_STOP_NONE);
	atomic_store(&vm->run, vm->run + 1);
	atomic_store(&vm->stopping, false);
	vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT); /* its turns do the work */
}

bool vm_is_on(const struct vm *vm)
{
	return vm->state == VM_STARTING || vm->state == VM_RUNNING;
}

void vm_force_stop(struct vm *vm, enum vm_stop how, const char *why)
{
	if (vm_is_on(vm))
		vm_request_stop(vm, how, 0, why);
}
