/* What loop.c, turn.c and housekeep.c share. */
#pragma once

#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "vmm/base/timer.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/pcpu/clock.h"
#include "vmm/run/run.h"

#define POLL_LATER_NS 200000 /* consoles and channels wait at most, for those who were woken */

/* What the loop keeps for each CPU. */
struct run_cpu {
	struct timerq sleepers; /* blocked vCPUs by the time of their next timer (clock_now()) */
	struct spinlock sleepers_lock;
	u64 since;      /* clock_now() when it came to its loop */
	u64 idle_ticks; /* TSC ticks in HLT since then */
	u64 poll_by;    /* clock_now() until which the poll may be put off; 0: it is not */
	u64 calm_until; /* clock_now() until which the turn under way, which has just begun, goes before the poll */
	bool woke;      /* a vCPU was woken here since the turn under way, or the look for the next one, began */
};

extern struct run_cpu *run_cpus;

static inline struct run_cpu *run_cpu_of(const struct pcpu *p)
{
	return &run_cpus[p->index];
}

/* ---- housekeep.c ---- */

/* The bootstrap processor is to call the function of run_set_poll(). */
static inline bool run_poll_due(const struct pcpu *p)
{
	return !p->index && atomic_load(&housekeep_wanted);
}
void run_housekeep_slow(struct pcpu *p, bool in_turn, u64 now);
/*
 * What a processor does for all: sleepers whose time has come are woken, and the bootstrap processor polls. Within a
 * turn it is no part of it: whoever runs there has nothing to do with the guest that floods a console. Who causes it
 * cannot make it much: a sleeper is woken once for every time that it has run, at its expense, and output takes a
 * tenth of the processor's time at most (run_mux()).
 */
static inline void run_housekeep(struct pcpu *p, bool in_turn)
{
	u64 now = clock_now();

	if (unlikely(timerq_next(&run_cpu_of(p)->sleepers) <= now || run_poll_due(p)))
		run_housekeep_slow(p, in_turn, now);
}
/* Wakes v at a time of clock_now(); TIMER_OFF: does not. The sleepers' queue of this CPU;
 * any CPU takes it out again. */
void run_set_wake_timer(struct vcpu *v, u64 at);
void run_cancel_wake_timer(struct vcpu *v);

/* ---- turn.c ---- */

/* What v does in its turn, which has begun. */
void run_take_turn(struct vcpu *v);
/* It is over. Once v is blocked or queued again, another CPU may run it: nothing of it is touched afterwards. */
void run_end_turn(struct pcpu *p, struct vcpu *v);
