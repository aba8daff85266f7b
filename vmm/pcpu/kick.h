/* The machine's scheduler, and the way to make a CPU look around. */
#pragma once

#include "vmm/sched/sched.h"

extern struct sched pcpu_sched; /* set up by run_init() */

/* Makes a CPU come back to its loop and look around: nothing to do for SCHED_NO_CPU. From any CPU, with any lock. */
void pcpu_kick(u32 index);
