/*
 * The scheduler: which vCPU runs on which processor, and for how long. Pure: it decides and accounts; kicking
 * processors and switching vCPUs is the caller's. Times are ns of one clock that all processors read; small backward
 * steps are tolerated.
 *
 * Every entity (vCPU) has a virtual run time, which advances by wall time * runnable siblings / weight of its group
 * (guest); the smallest runs first. The virtual time is one for the whole machine, so comparing the queues' heads
 * gives global proportional shares; a processor takes an entity from another one's queue when that is behind its own
 * by more than a margin, or when it has nothing to run. Above the entities that run by weight (SCHED_WEIGHT) are
 * those with reserved time left in this period (SCHED_RESERVED, earliest deadline first), and freshly woken ones of
 * the latency class that have not used up their share (SCHED_LATENCY). But of each processor SCHED_RESERVABLE is the
 * most that goes to reserved time while others wait there, whoever has reserved how much and wherever it runs.
 *
 * Locks, in the order they are taken: sched.lock and sched_group.members_lock (both only for changes and yields),
 * sched_cpu.lock (two of them by ascending index), sched_group.lock. Nothing here calls out with one held.
 */
#pragma once

#include "arch/x86/lock.h"
#include "lib/err.h"
#include "lib/types.h"

#define SCHED_MAX_CPUS       256u
#define SCHED_NO_CPU         (~0u)
#define SCHED_NEVER          (~0ull)
#define SCHED_WEIGHT_DEFAULT 256u
#define SCHED_WEIGHT_MAX     10000u
#define SCHED_PERCENT        100u /* caps and reservations are in 1/100 percent of one processor */
#define SCHED_FULL_CPU       (100u * SCHED_PERCENT)
#define SCHED_RESERVABLE     9500u /* of every processor; the rest keeps the others alive */

#define SCHED_SLICE_NS     3000000ull  /* turn when others wait */
#define SCHED_ALONE_NS     10000000ull /* turn when nobody waits anywhere */
#define SCHED_LATENCY_NS   1000000ull  /* turn of a freshly woken entity of the latency class */
#define SCHED_MARGIN_NS    2000000ull  /* an entity this much service behind moves to another processor */
#define SCHED_WAKE_NS      1000000ull  /* ... and this much behind the running one preempts it when it wakes */
#define SCHED_BEHIND_NS    6000000ull  /* lag that is remembered at most: what the above can add up to */
#define SCHED_AHEAD_NS     20000000ull /* service in advance that is remembered at most */
#define SCHED_PERIOD_NS    10000000ull /* of caps and reservations */
#define SCHED_MIN_GRANT_NS 50000ull    /* shortest turn; what exceeds the budget is debt */
#define SCHED_REST_NS      500000ull   /* this much of the rest beside the reserved makes a turn */

enum sched_state { SCHED_BLOCKED, SCHED_QUEUED, SCHED_THROTTLED, SCHED_RUNNING };
enum sched_rank { SCHED_RESERVED, SCHED_LATENCY, SCHED_WEIGHT, SCHED_NONE };

struct sched_cpumask {
	u64 w[SCHED_MAX_CPUS / 64];
};

/* Leftist heap, intrusive (heap.c). */
struct sched_node {
	struct sched_node *left, *right, *up;
	u32 rank; /* nodes on the way right from here */
};
struct sched_heap {
	struct sched_node *root;
};

struct sched_budget { /* of a group per SCHED_PERIOD_NS; sched_group.lock */
	u64 quota;    /* ns, 0: none */
	s64 left;     /* ns; below 0: overrun, paid off first */
	u64 next;     /* when quota is added again */
};

/* What a guest is given; zero-initialised fields of it but weight mean "none". */
struct sched_params {
	u32 weight;      /* 1..SCHED_WEIGHT_MAX */
	u32 cap;         /* 1/100 percent of one processor for the whole guest, 0: no cap */
	u32 reservation; /* likewise, guaranteed */
	bool latency;    /* runs at once when woken, as long as it is within its share */
};

struct sched_group {
	struct sched_params params; /* lock; weight is also read without it */
	struct spinlock lock;
	u32 active;    /* members not blocked */
	u64 clock;     /* virtual time an entity running since ever would have; lock */
	u64 clock_at;  /* ns the clock was brought to */
	u64 clock_rem; /* of the division by the weight */
	struct sched_budget cap, reservation;
	u64 run_ns; /* total of all members, lock */
	struct spinlock members_lock;
	struct sched_entity *members; /* members_lock */
	u32 nr_members;
	struct sched_group *next; /* all groups; sched.lock */
};

struct sched_entity {
	struct sched_group *group;
	struct sched_entity *sibling; /* group->members */
	u32 cpu;                      /* where it runs, waits, or ran last. Its lock guards all of the below;
	                               * changed with both locks held */
	u8 state;                     /* enum sched_state */
	u8 rank;                      /* enum sched_rank, while queued or running */
	bool pinned;                  /* in the queue of those that cannot move */
	bool timed;                   /* in sched_cpu.timers */
	bool woken;                   /* has not run since it was woken */
	bool wake_pending;            /* woken while running or suspended */
	bool suspended;
	bool in_advance; /* ran on reserved time last: where it is says nothing about what others are due */
	struct sched_cpumask allowed;
	struct sched_node run, timer;
	u64 key;       /* place within the rank: deadline, time of waking; SCHED_WEIGHT: vruntime */
	u64 at;        /* when the timer is due */
	u64 vruntime;  /* wraps; only differences count */
	u64 clock;     /* the group's when it was last charged */
	u64 since;     /* ns: running, waiting or blocked since */
	u64 until;     /* running: end of its turn */
	u64 cap_grant; /* taken from the budgets for this turn */
	u64 rsv_grant;
	u64 run_ns, wait_ns; /* totals; waiting includes being throttled (steal time) */
	u64 migrations;
};

struct sched_cpu {
	struct spinlock lock;
	u32 index;
	struct sched_heap urgent[2];   /* waiting above SCHED_WEIGHT: those that may move, those pinned here */
	struct sched_heap weighted[2]; /* likewise, waiting by weight */
	struct sched_heap timers;      /* throttled, or reserved time used up */
	struct sched_entity *current;
	struct sched_entity *buddy; /* waiting here, a sibling gave up its turn for it */
	u64 now;                    /* latest time seen */
	u64 floor;                  /* who comes in gets at least this */
	u64 busy_ns;
	u64 idled; /* ns: found nothing to run the last time */
	u64 rest;  /* ns due to those without reserved time, for what ran here on such; 2 * SCHED_REST_NS at most */
	u32 scan;  /* where the next look at the others begins */
	/* Published: read by others without the lock. */
	u32 nr_waiting;
	u32 idle;    /* found nothing to run and was not kicked since */
	u32 resched; /* look again */
	u32 has_floor;
	u32 has_ref;   /* there are any, running or waiting, whose vruntime counts */
	u32 wait_rank; /* best of the movable waiting; SCHED_NONE: there are none */
	u32 cur_rank;  /* SCHED_NONE: nothing runs */
	u64 wait_key, wait_margin, wait_floor, cur_key;
	u64 vmin; /* of the running and the waiting; while there are any, goes back only when a weight changes */
} __aligned(64);

struct sched {
	u32 nr_cpus;
	struct sched_cpu *cpus;
	struct spinlock lock;
	struct sched_group *groups;
};

static inline bool sched_mask_test(const struct sched_cpumask *m, u32 cpu)
{
	return m->w[cpu / 64] >> (cpu % 64) & 1;
}
static inline void sched_mask_set(struct sched_cpumask *m, u32 cpu)
{
	m->w[cpu / 64] |= BIT(cpu % 64);
}

/* The most that so many vCPUs can use, and that can be reserved for them: each runs on one processor at a time. */
static inline u32 sched_most_used(u32 vcpus)
{
	return vcpus * SCHED_FULL_CPU;
}
static inline u32 sched_most_reserved(u32 vcpus)
{
	return vcpus * SCHED_RESERVABLE;
}

/* cpus: nr_cpus (1..SCHED_MAX_CPUS) elements, stays the scheduler's. */
void sched_init(struct sched *s, struct sched_cpu *cpus, u32 nr_cpus);

/*
 * A group with no members. ERR_RANGE: a parameter is out of range, or the reservation exceeds the cap; ERR_NOSPC: the
 * machine has not that much left to reserve (checked against the processors the members may use).
 */
__must_check int sched_group_init(struct sched *s, struct sched_group *g, const struct sched_params *p, u64 now);
/*
 * Changes a group; effective at once on all processors set in *kick. Errors as above: nothing is changed; ERR_RANGE
 * also for a cap or a reservation that exceeds what its members can use (sched_most_*()).
 */
__must_check int sched_group_set(struct sched *s, struct sched_group *g, const struct sched_params *p, u64 now,
                                 struct sched_cpumask *kick);
/*
 * All its members may run on these processors only, from now on: those elsewhere move. allowed: as
 * sched_entity_init(). Errors as above, for the whole group: then nothing has changed. *kick: processors to kick.
 */
__must_check int sched_group_set_allowed(struct sched *s, struct sched_group *g, const struct sched_cpumask *allowed,
                                         u64 now, struct sched_cpumask *kick);
/* Must have no members. */
void sched_group_remove(struct sched *s, struct sched_group *g);

/* A blocked entity. allowed: at least one processor of the machine, or NULL for all;
 * else ERR_RANGE. ERR_NOSPC as above. */
__must_check int sched_entity_init(struct sched *s, struct sched_entity *e, struct sched_group *g,
                                   const struct sched_cpumask *allowed, u64 now);
/*
 * Keeps it from running until sched_resume(); remembers whether it wants to. OK: it does not run; ERR_BUSY: it still
 * runs on processor *kick, which must be kicked (it gives way there: sched_put()); ask again later.
 */
__must_check int sched_suspend(struct sched *s, struct sched_entity *e, u64 now, u32 *kick);
/* Returns the processor to kick or SCHED_NO_CPU. */
u32 sched_resume(struct sched *s, struct sched_entity *e, u64 now);
/* Takes it out for good; suspends it first. ERR_BUSY as sched_suspend(). No one else may use it any more. */
__must_check int sched_remove(struct sched *s, struct sched_entity *e, u64 now, u32 *kick);

/*
 * There is something to do for e. From any processor, at any time, with any lock that is never taken inside the
 * scheduler. Returns the processor to kick (which may be the caller's own) or SCHED_NO_CPU.
 */
u32 sched_wake(struct sched *s, struct sched_entity *e, u64 now);

/* The rest is for the processor itself: cpu is the caller's. */

/*
 * The entity to run (NULL: none, wait for a kick or sched_next_event()) and the time to look again; nothing may be
 * running. *kick: an idle processor that can take what waits here, or SCHED_NO_CPU.
 */
struct sched_entity *sched_pick(struct sched *s, u32 cpu, u64 now, u64 *until, u32 *kick);
/* The running entity gives way but wants to go on. Returns a processor to kick
 * (it may have to move) or SCHED_NO_CPU. */
u32 sched_put(struct sched *s, u32 cpu, u64 now);
/*
 * The running entity has nothing to do. false: it was woken meanwhile and still runs: look at its events again. The
 * caller looks for events *after* the waker posted them and before calling this: no wake-up is lost.
 */
bool sched_block(struct sched *s, u32 cpu, u64 now);
/* Accounts up to now without giving way (for statistics). */
void sched_charge(struct sched *s, u32 cpu, u64 now);
/*
 * The processor did something else since the last sched_charge(), now it goes on with the running entity: the time is
 * neither used nor due. To the entity it is waiting; its turn ends when it would have.
 */
void sched_skip(struct sched *s, u32 cpu, u64 now);
/* The running entity should be put: its turn is over or something better came. Takes no lock. */
bool sched_preempt_check(struct sched *s, u32 cpu, u64 now);
/*
 * The running entity spins for a sibling: to, or when that does not wait (NULL: not known) the one that waits
 * longest, changes place with it, here if it may run here, whichever processor it waits on. false: none waits. true:
 * put and pick next, *kick as usual.
 */
bool sched_yield_to(struct sched *s, u32 cpu, struct sched_entity *to, u64 now, u32 *kick);
/* An idle processor must look again at this time (ns) even if nobody kicks it; SCHED_NEVER: need not. */
u64 sched_next_event(struct sched *s, u32 cpu);
