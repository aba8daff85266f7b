/* The loop every CPU ends in: pick a vCPU, bring its events up to date, enter, dispatch, idle. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

/*
 * Once nr_pcpus and the TSC's frequency are known, before any VM is created. boot_tsc: the TSC that clock_now()
 * counts from. OK or ERR_NOMEM.
 */
__must_check int run_init(u64 boot_tsc);
/* Of a CPU since it came to its loop: turns of guests (their exits included), and all else but HLT. ns. */
void run_cpu_times(u32 cpu, u64 *guests_ns, u64 *root_ns);
/* Never returns. */
__noreturn void run_loop(void);
/*
 * The housekeeping (consoles, life-cycles), called by the bootstrap processor between turns and after slow exits,
 * once housekeep_soon() was called or its time has come. Returns when it wants to be called at the latest,
 * clock_now() ns, or TIMER_OFF. Before the first CPU is in its loop.
 */
void run_set_poll(u64 (*fn)(void));
