/* VM exits: the dispatch table and what its handlers share. */
#pragma once

#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/pcpu/clock.h"

/* What a handler asks of the dispatcher. */
enum exit_action {
	EXIT_RESUME,  /* enter again as it is */
	EXIT_ADVANCE, /* the instruction is done: step over it, then enter again */
	EXIT_BLOCK,   /* stepped over already or not; nothing to run until an event (HLT) */
	EXIT_KILL,    /* vm_kill() was called */
	EXIT_MORE,    /* back to the run loop, which goes on with it: exit_go_on() */
};

/*
 * The dispatcher the entry stub calls after every exit: 0 to resume the guest at once, 1 to go back to the run loop
 * (a request is pending, the vCPU blocks or the VM stops).
 */
int exit_dispatch(struct vmx_regs *regs);

/* v, loaded here, has nothing to run until an event: a HLT. */
void exit_block(struct vcpu *v);

/* The next go at an instruction of v, loaded and in its turn, while v->more: at most a piece of work (50 us). */
void exit_go_on(struct vcpu *v);

/*
 * Whether the last exit of p, this processor, took longer than it should up to now: its record will tell then. Asked
 * where work is slow by nature, after emulated instructions and in the run loop: the fast exits have no time for it.
 */
void exit_took_long(struct pcpu *p, u64 ticks);
static inline void exit_look_back(struct pcpu *p)
{
	u64 ticks = cpu_rdtsc() - p->exits[(p->exit_count - 1) & (EXIT_RING_ENTRIES - 1)].tsc;

	if (unlikely(ticks > pcpu_clock.bound))
		exit_took_long(p, ticks);
}

/* Handlers that live in files of their own. Each gets the loaded vCPU whose exit it is. */
enum exit_action exit_cr_access(struct vcpu *v);
enum exit_action exit_xsetbv(struct vcpu *v);
enum exit_action exit_io(struct vcpu *v);
enum exit_action exit_ept_violation(struct vcpu *v);
enum exit_action exit_apic_access(struct vcpu *v);
enum exit_action exit_task_switch(struct vcpu *v);
void exit_task_go_on(struct vcpu *v); /* exit_go_on() of such an exit */
enum exit_action exit_vmcall(struct vcpu *v);
/* #UD with the forced-emulation prefix allowed. */
enum exit_action exit_ud(struct vcpu *v);
