/* A VM is told to stop: by its guest, by what its guest did, by an operator. From any CPU but where it says so. */
#pragma once

#include "vmm/cpu/vcpu.h"
#include "vmm/vm/vm.h"

/* The guest asked for power-off, reset or debug exit, or an operator did. The first one's reason counts. */
void vm_request_stop(struct vm *vm, enum vm_stop stop, u32 code, const char *why);
/*
 * It stops: wakes the first of its vCPUs that has not left the guest yet. Each that has left does that: to wake all of
 * them at once takes long.
 */
void vm_wake_next(struct vm *vm);
/* The same by who has claimed it (vm_tr_claim()). */
void vm_stop_claimed(struct vm *vm, enum vm_stop stop, u32 code, const char *why);
/* The guest did something that cannot go on: this VM alone stops, with a dump. From its vCPU's context. */
void vm_kill(struct vcpu *v, const char *fmt, ...) __printf(2, 3);
/* The vCPU has shut down: on a PC the chipset then resets the machine (its state goes to the log) or, where the guest
 * has prepared for it, the processors alone (vm->soft_reset). */
void vm_triple_fault(struct vcpu *v, const char *how);
