/* The loop every CPU ends in: pick a vCPU, bring its events up to date, enter, dispatch, idle. */
#pragma once

#include "vmm/sched/sched.h"
#include "vmm/vm/vm.h"

/*
 * Once nr_pcpus and the TSC's frequency are known, before any VM is created. boot_tsc: the TSC that run_now() counts
 * from. OK or ERR_NOMEM.
 */
__must_check int run_init(u64 boot_tsc);
/* The machine's one scheduler. */
struct sched *run_sched(void);
/* ns since boot of the clock that all CPUs share: the scheduler's. Of a host TSC: run_ns(). */
u64 run_now(void);
u64 run_ns(u64 tsc);
/* Makes a CPU look around: nothing to do for SCHED_NO_CPU. */
void run_kick(u32 cpu);
/* Whether no CPU holds v's registers; else the one that does is asked to give them up. v must not be runnable. */
bool run_try_evict(struct vcpu *v);
/* v, which is about to be loaded here, leaves the CPU that still holds its registers. */
void run_evict(struct vcpu *v);
/* Of a CPU since it came to its loop: turns of guests (their exits included), and all else but HLT. ns. */
void run_cpu_times(u32 cpu, u64 *guests_ns, u64 *root_ns);
/* Never returns. */
__noreturn void run_loop(void);
/*
 * The housekeeping (consoles, life-cycles), called by the bootstrap processor between turns and after slow exits,
 * once run_poll_soon() was called or its time has come. Returns when it wants to be called at the latest, run_now()
 * ns, or TIMER_OFF.
 */
void run_set_poll(u64 (*poll)(void));
/* There is something for it to do. From any CPU, with any lock held, and from interrupt handlers. */
void run_poll_soon(void);
