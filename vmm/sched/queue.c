/* What waits on one processor. The processor's lock is held throughout. */
#include "lib/assert.h"
#include "lib/atomic.h"
#include "vmm/sched/priv.h"

bool sched_entity_before(const struct sched_entity *a, const struct sched_entity *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return v_diff(a->key, b->key) < 0;
}

static bool run_before(const struct sched_node *a, const struct sched_node *b)
{
	return sched_entity_before(container_of(a, struct sched_entity, run),
	                           container_of(b, struct sched_entity, run));
}

static bool timer_before(const struct sched_node *a, const struct sched_node *b)
{
	return v_diff(container_of(a, struct sched_entity, timer)->at,
	              container_of(b, struct sched_entity, timer)->at) < 0;
}

static struct sched_heap *queue_of(struct sched_cpu *c, const struct sched_entity *e)
{
	return e->rank == SCHED_WEIGHT ? &c->weighted[e->pinned] : &c->urgent[e->pinned];
}

struct sched_entity *sched_queue_movable(const struct sched_cpu *c)
{
	return entity_of_run(c->urgent[0].root ? c->urgent[0].root : c->weighted[0].root);
}

struct sched_entity *sched_queue_best(const struct sched_cpu *c)
{
	struct sched_entity *m = sched_queue_movable(c);
	struct sched_entity *p = entity_of_run(c->urgent[1].root ? c->urgent[1].root : c->weighted[1].root);

	if (!m || !p)
		return m ? m : p;
	return sched_entity_before(p, m) ? p : m;
}

/* Rank comes first in a heap: the branches below one without reserved time need no look. */
static struct sched_entity *unreserved_in(const struct sched_heap *h)
{
	struct sched_entity *best = NULL;
	struct sched_node *n = h->root;

	while (n) {
		struct sched_entity *e = entity_of_run(n);
		bool reserved = e->rank == SCHED_RESERVED;

		if (!reserved && (!best || sched_entity_before(e, best)))
			best = e;
		n = sched_heap_walk(n, !reserved);
	}
	return best;
}

struct sched_entity *sched_queue_unreserved(const struct sched_cpu *c)
{
	struct sched_entity *best = NULL;

	for (u32 i = 0; i < 4; i++) {
		const struct sched_heap *h = i < 2 ? &c->urgent[i] : &c->weighted[i - 2];
		struct sched_entity *e = unreserved_in(h);

		if (e && (!best || sched_entity_before(e, best)))
			best = e;
	}
	return best;
}

/* ---- virtual time of the processor ---- */

/*
 * Others may rightfully be this far behind e: by its last turn and what moves are not worth, counted at e's rate; and
 * by what it ran in advance of its share on reserved time.
 */
static u64 floor_of(const struct sched_entity *e)
{
	u64 ns = SCHED_BEHIND_NS + (peek(e->group->reservation.quota) ? SCHED_AHEAD_NS : 0);

	return e->vruntime - sched_group_cost(e->group, ns);
}

static void lower(const struct sched_entity *e, bool *any, u64 *vmin, u64 *floor)
{
	u64 f;

	if (!e || e->in_advance)
		return;
	f = floor_of(e);
	*vmin = !*any || v_diff(e->vruntime, *vmin) < 0 ? e->vruntime : *vmin;
	*floor = !*any || v_diff(f, *floor) < 0 ? f : *floor;
	*any = true;
}

bool sched_queue_floor(const struct sched_cpu *c, u64 *floor)
{
	bool any = false;
	u64 vmin;

	for (u32 i = 0; i < 2; i++)
		lower(entity_of_run(c->weighted[i].root), &any, &vmin, floor);
	return any;
}

/* leaving: the running entity counts one last time. */
static void bring_up(struct sched_cpu *c, bool leaving)
{
	struct sched_entity *m = sched_queue_movable(c), *cur = c->current;
	bool any = false, waiting;
	u64 vmin = 0, floor = 0;

	lower(entity_of_run(c->weighted[0].root), &any, &vmin, &floor);
	lower(entity_of_run(c->weighted[1].root), &any, &vmin, &floor);
	if (any)
		publish(c->wait_floor, floor);
	publish(c->has_floor, any);
	waiting = any;
	lower(cur, &any, &vmin, &floor);
	if (leaving)
		cur = c->current = NULL;
	publish(c->has_ref, leaving ? waiting : any);
	if (any && v_diff(vmin, c->vmin) > 0)
		publish(c->vmin, vmin);
	if (any && v_diff(floor, c->floor) > 0)
		c->floor = floor;

	if (m) {
		u64 ns = m->rank == SCHED_WEIGHT ? SCHED_MARGIN_NS : SCHED_WAKE_NS;

		publish(c->wait_key, m->key);
		publish(c->wait_margin, m->rank == SCHED_WEIGHT ? sched_group_cost(m->group, ns) : ns);
	}
	publish(c->wait_rank, m ? m->rank : SCHED_NONE);
	if (cur)
		publish(c->cur_key, cur->key);
	publish(c->cur_rank, cur ? cur->rank : SCHED_NONE);
}

void sched_queue_publish(struct sched_cpu *c)
{
	bring_up(c, false);
}

void sched_queue_leave(struct sched_cpu *c)
{
	bring_up(c, true);
}

void sched_queue_place(struct sched_cpu *c, struct sched_entity *e)
{
	u64 most;

	if (!c->has_ref && !e->in_advance) { /* nobody to compare with */
		publish(c->vmin, e->vruntime);
		c->floor = floor_of(e);
		return;
	}
	most = c->vmin + sched_group_cost(e->group, SCHED_AHEAD_NS);
	if (c->has_ref && v_diff(e->vruntime, c->floor) < 0)
		e->vruntime = c->floor;
	else if (v_diff(e->vruntime, most) > 0)
		e->vruntime = most;
}

/* The weighted waiting on c and the running but e, which is not queued: false, there are none that count. */
static bool others_here(const struct sched_cpu *c, const struct sched_entity *e, u64 *vmin, u64 *floor)
{
	bool any = false;

	for (u32 i = 0; i < 2; i++)
		lower(entity_of_run(c->weighted[i].root), &any, vmin, floor);
	lower(c->current == e ? NULL : c->current, &any, vmin, floor);
	return any;
}

void sched_queue_reweigh(struct sched *s, struct sched_cpu *c, struct sched_entity *e)
{
	u64 base = 0, floor = 0, most;
	bool any = others_here(c, e, &base, &floor);

	/* e alone may have carried these along, at its old weight. */
	if (any) {
		publish(c->vmin, base);
		c->floor = floor;
	}
	for (u32 i = 0; i < s->nr_cpus; i++) {
		const struct sched_cpu *d = &s->cpus[i];
		u64 v;

		if (d == c || !sched_mask_test(&e->allowed, i) || !peek(d->has_ref))
			continue;
		v = peek(d->vmin);
		base = !any || v_diff(v, base) < 0 ? v : base;
		any = true;
	}
	most = base + sched_group_cost(e->group, SCHED_AHEAD_NS);
	if (any && v_diff(e->vruntime, most) > 0)
		e->vruntime = most;
	if (e->rank == SCHED_WEIGHT)
		e->key = e->vruntime;
}

/* ---- queues ---- */

static void set_timer(struct sched_cpu *c, struct sched_entity *e, u64 at)
{
	e->at = at;
	e->timed = true;
	sched_heap_insert(&c->timers, &e->timer, timer_before);
}

static bool only_here(const struct sched_entity *e)
{
	u64 others = 0;

	for (u32 i = 0; i < ARRAY_SIZE(e->allowed.w); i++)
		others |= i == e->cpu / 64 ? e->allowed.w[i] & ~BIT(e->cpu % 64) : e->allowed.w[i];
	return !others;
}

void sched_queue_add(struct sched_cpu *c, struct sched_entity *e, u64 now)
{
	u64 refill;

	assert(e->cpu == c->index && !e->timed);
	sched_queue_place(c, e);
	e->rank = (u8)sched_group_rank(e->group, e, v_diff(e->vruntime, c->vmin), now, &e->key, &refill);
	e->pinned = only_here(e);
	e->state = SCHED_QUEUED;
	sched_heap_insert(queue_of(c, e), &e->run, run_before);
	if (refill != SCHED_NEVER)
		set_timer(c, e, refill);
	publish(c->nr_waiting, c->nr_waiting + 1);
	sched_queue_publish(c);
}

void sched_queue_take(struct sched_cpu *c, struct sched_entity *e)
{
	assert(e->cpu == c->index);
	if (e->timed) {
		e->timed = false;
		sched_heap_remove(&c->timers, &e->timer, timer_before);
	}
	if (e->state == SCHED_QUEUED) {
		sched_heap_remove(queue_of(c, e), &e->run, run_before);
		publish(c->nr_waiting, c->nr_waiting - 1);
		if (c->buddy == e)
			c->buddy = NULL;
	}
}

void sched_queue_del(struct sched_cpu *c, struct sched_entity *e)
{
	bool waited = e->state == SCHED_QUEUED;

	sched_queue_take(c, e);
	if (waited)
		sched_queue_publish(c);
}

void sched_queue_throttle(struct sched_cpu *c, struct sched_entity *e, u64 at)
{
	e->state = SCHED_THROTTLED;
	set_timer(c, e, at);
	sched_queue_publish(c);
}

void sched_queue_timers(struct sched_cpu *c, u64 now)
{
	while (c->timers.root) {
		struct sched_entity *e = container_of(c->timers.root, struct sched_entity, timer);

		if (v_diff(e->at, now) > 0)
			break;
		sched_queue_del(c, e);
		sched_queue_add(c, e, now);
	}
}

/* ---- from one to another ---- */

#define LOOK_AT 32 /* entities, for one that may run elsewhere; an idle processor looks at all */

/* e is better than the other processor's best by so much that moving it pays:
 * one has lost or the other gained as much. */
static bool worth(const struct sched_entity *e, const struct sched_entity *than)
{
	u64 margin = SCHED_WAKE_NS;

	if (!than)
		return true;
	if (e->rank != than->rank)
		return e->rank < than->rank;
	if (e->rank == SCHED_WEIGHT)
		margin = MIN(sched_group_cost(e->group, SCHED_MARGIN_NS),
		             sched_group_cost(than->group, SCHED_MARGIN_NS));
	return v_diff(e->key + margin, than->key) < 0;
}

/* The best of a heap that may run on processor cpu and is worth it, or NULL. */
static struct sched_entity *find_in(const struct sched_heap *h, u32 cpu, const struct sched_entity *than)
{
	struct sched_entity *best = NULL;
	struct sched_node *n = h->root;

	for (u32 looked = 0; n && (!than || looked < LOOK_AT); looked++) {
		struct sched_entity *e = entity_of_run(n);
		bool skip = best ? !sched_entity_before(e, best) : !worth(e, than);

		if (!skip && sched_mask_test(&e->allowed, cpu)) {
			best = e;
			skip = true; /* its children are behind it */
		}
		n = sched_heap_walk(n, skip);
	}
	return best;
}

struct sched_entity *sched_queue_find(const struct sched_cpu *c, u32 cpu, const struct sched_entity *than)
{
	struct sched_entity *e = find_in(&c->urgent[0], cpu, than);

	return e ? e : find_in(&c->weighted[0], cpu, than);
}

bool sched_steal(struct sched_cpu *to, struct sched_cpu *from, const struct sched_entity *than, u64 now)
{
	struct sched_entity *e = sched_queue_find(from, to->index, than);

	if (!e)
		return false;
	sched_queue_del(from, e);
	atomic_store(&e->cpu, to->index);
	e->migrations++;
	sched_queue_add(to, e, now);
	return true;
}
