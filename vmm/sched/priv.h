/* What the scheduler's files share. */
#pragma once

#include "lib/atomic.h"
#include "vmm/sched/sched.h"

#define V_PER_NS 1024ull /* virtual time per ns of a lone entity of weight 1 */

#define publish(p, v) atomic_store(&(p), (v))
#define peek(p)       atomic_load(&(p))

/* ---- heap ---- */
typedef bool sched_before_fn(const struct sched_node *a, const struct sched_node *b);
void sched_heap_insert(struct sched_heap *h, struct sched_node *n, sched_before_fn *before);
void sched_heap_remove(struct sched_heap *h, struct sched_node *n, sched_before_fn *before);
/* Node after n in a walk over all nodes that comes to a parent before its children. skip: not to n's children. */
struct sched_node *sched_heap_walk(const struct sched_node *n, bool skip);

/* ---- groups: each takes group->lock ---- */
/* Members not blocked change by delta (+1, -1, 0). */
void sched_group_active(struct sched_group *g, int delta, u64 now);
/* Virtual time now. */
u64 sched_group_clock(struct sched_group *g, u64 now);
/* Virtual time that ns of running cost a member at present. */
u64 sched_group_cost(struct sched_group *g, u64 ns);
/*
 * The rank e would wait with. ahead: virtual time it is ahead of those it competes with. *key: see sched_entity.key;
 * *refill: SCHED_WEIGHT only: when there is reserved time again, SCHED_NEVER: has no reservation.
 */
u32 sched_group_rank(struct sched_group *g, const struct sched_entity *e, s64 ahead, u64 now, u64 *key, u64 *refill);
/* Takes time for a turn of up to ns; returns what it got, 0: throttled until *until. */
u64 sched_group_grant(struct sched_group *g, struct sched_entity *e, u64 ns, u64 now, u64 *until);
/* used ns of the turn are accounted, the rest is given back when the turn is over. */
void sched_group_account(struct sched_group *g, struct sched_entity *e, u64 used, bool over);

/* ---- queues: the processor's lock is held ---- */
static inline struct sched_entity *entity_of_run(const struct sched_node *n)
{
	return n ? container_of(n, struct sched_entity, run) : NULL;
}
static inline s64 v_diff(u64 a, u64 b)
{
	return (s64)(a - b);
}
bool sched_entity_before(const struct sched_entity *a, const struct sched_entity *b);
/* The first of all that wait on c; the first that may move. */
struct sched_entity *sched_queue_best(const struct sched_cpu *c);
struct sched_entity *sched_queue_movable(const struct sched_cpu *c);
/* The first that waits on c without reserved time, or NULL. */
struct sched_entity *sched_queue_unreserved(const struct sched_cpu *c);
/* The best waiting on c that may run on processor cpu and beats than (NULL: anything) by the margin, or NULL. */
struct sched_entity *sched_queue_find(const struct sched_cpu *c, u32 cpu, const struct sched_entity *than);
/* e, not in a queue, waits on c. */
void sched_queue_add(struct sched_cpu *c, struct sched_entity *e, u64 now);
/* A queued or throttled entity leaves c's queue or timers; its state is the caller's business. */
void sched_queue_del(struct sched_cpu *c, struct sched_entity *e);
/* The same, but what is published stays as it was. */
void sched_queue_take(struct sched_cpu *c, struct sched_entity *e);
/* The least virtual time that is due to the weighted waiting on c; false: none waits. */
bool sched_queue_floor(const struct sched_cpu *c, u64 *floor);
void sched_queue_throttle(struct sched_cpu *c, struct sched_entity *e, u64 at);
/* Entities whose timer is due wait again. */
void sched_queue_timers(struct sched_cpu *c, u64 now);
/* Bounds the virtual time of an entity that comes to c; e is neither queued nor running there. */
void sched_queue_place(struct sched_cpu *c, struct sched_entity *e);
/*
 * The weight of e, whose processor c is, has changed; e is not queued. How far ahead it is, and took c along where it
 * was alone, was right at its old weight: at the new one it may be SCHED_AHEAD_NS ahead of those it can meet.
 */
void sched_queue_reweigh(struct sched *s, struct sched_cpu *c, struct sched_entity *e);
/* Brings vmin, floor and what is published up to date. */
void sched_queue_publish(struct sched_cpu *c);
/* The running entity, charged, leaves; what is published is brought up to date. */
void sched_queue_leave(struct sched_cpu *c);

/* ---- the running entity ---- */
/* Charges c's current up to now. over: its turn ends. */
void sched_cpu_charge(struct sched_cpu *c, u64 now, bool over);
/* e (queued, on some processor) should run instead of what runs on c. */
bool sched_cpu_beaten(struct sched_cpu *c, const struct sched_entity *e, u64 now);

/* ---- locks ---- */
/* The processor e belongs to, locked. */
struct sched_cpu *sched_lock_entity(struct sched *s, const struct sched_entity *e);
void sched_lock_two(struct sched_cpu *a, struct sched_cpu *b);
void sched_unlock_two(struct sched_cpu *a, struct sched_cpu *b);
/* Takes e off the queue or timers it is in: it is blocked then. */
void sched_take_off(struct sched_cpu *c, struct sched_entity *e, u64 now);
/* Moves the best entity waiting on from that may run on to (both locked)
 * and beats than (NULL: anything) by the margin. */
bool sched_steal(struct sched_cpu *to, struct sched_cpu *from, const struct sched_entity *than, u64 now);
/* A change of the processors that members of a group may use, to be looked at before it is made. */
struct sched_change {
	const struct sched_group *group;
	const struct sched_entity *one; /* it alone, also when it is no member yet; NULL: all members */
	const struct sched_cpumask *allowed;
};
/* Room for g with this reservation, after the change (NULL: none); sched.lock held. OK or ERR_NOSPC. */
int sched_admit(struct sched *s, struct sched_group *g, u32 reservation, const struct sched_change *ch);
