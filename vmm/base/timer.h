/*
 * Timer queue: deadlines in ns of VM time, pure (time comes in as a parameter). Every vCPU has one; a VM's device
 * timers are on its vCPU 0's queue.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"

#define TIMER_OFF (~0ull)

struct timerq;

struct timer {
	u64 deadline; /* ns of VM time, TIMER_OFF when not queued */
	void (*fn)(void *arg,
	           u64 now); /* called once at or after the deadline, already dequeued: may set itself again */
	void *arg;
	struct timerq *q;
	struct timer *next, *prev;
	struct timer *due_next; /* used while timerq_run() works */
	bool due;               /* taken off by timerq_run(), not run yet */
};

struct timerq {
	struct timer *head; /* ascending deadlines */
	u64 earliest;       /* of head; read without the lock that guards the queue: head may be another's by then */
	/* Called when the earliest deadline changes (to re-arm hardware or kick a vCPU); may be NULL. */
	void (*changed)(struct timerq *q);
};

void timerq_init(struct timerq *q, void (*changed)(struct timerq *q));
void timer_init(struct timer *t, struct timerq *q, void (*fn)(void *arg, u64 now), void *arg);
/* (Re)arms t for deadline (ns); TIMER_OFF cancels. */
void timer_set(struct timer *t, u64 deadline);
void timer_cancel(struct timer *t);
/* The earliest deadline, or TIMER_OFF. Also without the lock that guards the queue. */
static inline u64 timerq_next(const struct timerq *q)
{
	return atomic_load_relaxed(&q->earliest);
}
/*
 * Runs the timers due at now, at most one round: a timer that re-arms itself in the past runs again at the next call,
 * so that the work is bounded. Returns how many ran.
 */
u32 timerq_run(struct timerq *q, u64 now);
