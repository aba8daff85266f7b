/* The loop every CPU ends in: pick a vCPU, bring its events up to date, enter, dispatch, idle. */
#pragma once

#include "vmm/vm.h"

/* Puts a vCPU on its CPU's run queue (before or while that CPU loops). */
void run_add(struct vcpu *v, struct pcpu *cpu);
/* Never returns. on_all_stopped is called on the bootstrap processor when no VM runs any more. */
__noreturn void run_loop(void (*on_all_stopped)(void));
/* Called by the bootstrap processor at each turn of the loop: consoles. */
void run_set_poll(void (*poll)(void));
