/* VM exits: the dispatch table and what its handlers share. */
#pragma once

#include "vmm/cpu/vcpu.h"

/* What a handler asks of the dispatcher. */
enum exit_action {
	EXIT_RESUME,  /* enter again as it is */
	EXIT_ADVANCE, /* the instruction is done: step over it, then enter again */
	EXIT_BLOCK,   /* stepped over already or not; nothing to run until an event (HLT) */
	EXIT_KILL,    /* vm_kill() was called */
};

/*
 * The dispatcher the entry stub calls after every exit: 0 to resume the guest at once, 1 to go back to the run loop
 * (a request is pending, the vCPU blocks or the VM stops).
 */
int exit_dispatch(struct vmx_regs *regs);

/* Handlers that live in files of their own. Each gets the loaded vCPU whose exit it is. */
enum exit_action exit_cr_access(struct vcpu *v);
enum exit_action exit_xsetbv(struct vcpu *v);
enum exit_action exit_io(struct vcpu *v);
enum exit_action exit_ept_violation(struct vcpu *v);
enum exit_action exit_apic_access(struct vcpu *v);
enum exit_action exit_task_switch(struct vcpu *v);
enum exit_action exit_vmcall(struct vcpu *v);
/* #UD with the forced-emulation prefix allowed. */
enum exit_action exit_ud(struct vcpu *v);
