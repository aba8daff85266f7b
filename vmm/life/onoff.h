/* VMs go on and off. From any CPU. */
#pragma once

#include "vmm/vm/vm.h"

/*
 * Starts a VM whose last vCPU has left the guest, or that has never run. The work (clearing the memory, loading the
 * images) is done piece by piece in vCPU 0's turns, and so is charged to the guest. life_hooks.started or
 * life_hooks.start_failed tells how it went.
 */
void vm_start(struct vm *vm);
/* Starts it, as soon as it is off if it is on now; no more when the machine ends. Takes that back. */
void vm_start_when_off(struct vm *vm);
/* The same, and if it is on now it is stopped for that, as by a reset. */
void vm_restart(struct vm *vm, const char *why);
void vm_start_not(struct vm *vm);
/* Its last vCPU is out. true: it starts again, as was asked for; else it is off now, when off is set. */
bool vm_start_again(struct vm *vm, bool off);
/* Its start failed: it is off now, or starts again, which is true, when that was asked for meanwhile. */
__must_check bool vm_start_gone(struct vm *vm);
/* Ends it by force. */
void vm_force_stop(struct vm *vm, enum vm_stop how, const char *why);
/* Starting or running, or on its way out. */
bool vm_is_on(const struct vm *vm);

/* Stops all VMs for good; what then happens to the machine. */
enum vm_end { VM_END_NOT, VM_END_POWEROFF, VM_END_HALT };
void vm_end_all(enum vm_end how);
enum vm_end vm_ending(void);
bool vm_any_on(void);
/* Some VM's vCPUs are on their way out, or its end is being told. */
bool vm_any_leaving(void);
