/* VMs go on and off. From any CPU. */
#pragma once

#include "vmm/vm/vm.h"

/*
 * Starts it, as soon as it is off if it is on now; no more when the machine ends. The work (clearing the memory,
 * loading the images) is done piece by piece in vCPU 0's turns, and so is charged to the guest. life_hooks.started or
 * life_hooks.start_failed tells how it went. vm_start_not() takes it back.
 */
void vm_start_when_off(struct vm *vm);
/* The same, and if it is on now it is stopped for that, as by a reset. */
void vm_restart(struct vm *vm, const char *why);
void vm_start_not(struct vm *vm);
/* Its last vCPU is out. true: it starts again, as was asked for. */
__must_check bool vm_start_again(struct vm *vm);
/* Its end has been told: it is off now, or starts when that was asked for meanwhile. */
void vm_go_off(struct vm *vm);
/* Its start failed, and the stop is claimed: it is off now, or starts again,
 * which is true, when that was asked for. */
__must_check bool vm_start_gone(struct vm *vm);
/* Ends it by force, if it is on. */
void vm_force_stop(struct vm *vm, enum vm_stop how, const char *why);

/*
 * Stops all VMs for good; what then happens to the machine. There may be many: vm_end_some() tells them, a few at a
 * time, on the bootstrap processor; true: there are more.
 */
enum vm_end { VM_END_NOT, VM_END_POWEROFF, VM_END_HALT };
void vm_end_all(enum vm_end how);
__must_check bool vm_end_some(void);
enum vm_end vm_ending(void);
bool vm_any_on(void);
/* Some VM's vCPUs are on their way out, or its end is being told. */
bool vm_any_leaving(void);
