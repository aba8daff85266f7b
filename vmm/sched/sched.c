/* The processor's side: pick, put, block. */
#include "vmm/sched/sched.h"

#include "lib/assert.h"
#include "lib/atomic.h"
#include "vmm/sched/priv.h"

#define SCAN_CPUS 32 /* others a busy processor looks at when it picks; an idle one looks at all */

void sched_init(struct sched *s, struct sched_cpu *cpus, u32 nr_cpus)
{
	assert(nr_cpus && nr_cpus <= SCHED_MAX_CPUS);
	*s = (struct sched){ .nr_cpus = nr_cpus, .cpus = cpus };
	for (u32 i = 0; i < nr_cpus; i++)
		cpus[i] = (struct sched_cpu){ .index = i, .wait_rank = SCHED_NONE, .cur_rank = SCHED_NONE };
}

/* Time does not go back on a processor. */
static u64 seen(struct sched_cpu *c, u64 now)
{
	if (v_diff(now, c->now) > 0)
		c->now = now;
	return c->now;
}

/* The n-th processor that c looks at: all others in turn; busy ones of a large machine start elsewhere every time. */
static struct sched_cpu *other(const struct sched *s, const struct sched_cpu *c, u32 n)
{
	return &s->cpus[(c->index + 1 + (c->scan + n) % (s->nr_cpus - 1)) % s->nr_cpus];
}

static u32 nr_others(const struct sched *s, bool busy)
{
	return busy ? MIN(s->nr_cpus - 1, (u32)SCAN_CPUS) : s->nr_cpus - 1;
}

/* ---- taking from others ---- */

/* The processor with the best waiting entity that beats own; those in tried are left out. */
static struct sched_cpu *find_victim(struct sched *s, struct sched_cpu *c, const struct sched_entity *own,
                                     const struct sched_cpumask *tried)
{
	struct sched_cpu *best = NULL;
	u32 best_rank = own ? own->rank : SCHED_NONE;
	u64 best_key = own ? own->key : 0;
	u64 margin =
	        own ? own->rank == SCHED_WEIGHT ? sched_group_cost(own->group, SCHED_MARGIN_NS) : SCHED_WAKE_NS : 0;

	for (u32 i = 0; i < nr_others(s, own); i++) {
		struct sched_cpu *d = other(s, c, i);
		u32 rank = peek(d->wait_rank);
		u64 key = peek(d->wait_key) + MIN(margin, peek(d->wait_margin));

		if (rank == SCHED_NONE || rank > best_rank || sched_mask_test(tried, d->index))
			continue;
		if (rank < best_rank || v_diff(key, best_key) < 0) {
			best = d;
			best_rank = rank;
			best_key = key;
		}
	}
	return best;
}

/* c is locked; it may be unlocked for a while. */
static void lock_second(struct sched_cpu *c, struct sched_cpu *d)
{
	if (d->index < c->index) {
		spin_unlock(&c->lock);
		spin_lock(&d->lock);
		spin_lock(&c->lock);
	} else {
		spin_lock(&d->lock);
	}
}

/* Takes an entity from another processor's queue where that is due. */
static void pull(struct sched *s, struct sched_cpu *c, u64 now)
{
	struct sched_cpumask tried = { 0 };
	bool done = false;

	for (u32 tries = 0; !done; tries++) {
		const struct sched_entity *own = sched_queue_best(c);
		struct sched_cpu *d;

		if (own && tries == 2)
			break;
		d = find_victim(s, c, own, &tried);
		if (!d)
			break;
		sched_mask_set(&tried, d->index);
		lock_second(c, d);
		done = sched_steal(c, d, sched_queue_best(c), now);
		spin_unlock(&d->lock);
	}
}

/* An idle processor that may run something of what waits here; it is to be kicked. */
static u32 find_helper(struct sched *s, struct sched_cpu *c)
{
	for (u32 i = 0; sched_queue_movable(c) && i < s->nr_cpus - 1; i++) {
		struct sched_cpu *d = other(s, c, i);
		u32 yes = 1;

		if (peek(d->idle) && sched_queue_find(c, d->index, NULL) && atomic_cas(&d->idle, &yes, 0))
			return d->index;
	}
	return SCHED_NO_CPU;
}

/* ---- picking ---- */

/* *most: ns of its turn at most, for it takes what is due to it before those that come first. */
static struct sched_entity *best_here(struct sched_cpu *c, u64 *most)
{
	struct sched_entity *e = sched_queue_best(c), *b = c->buddy;

	c->buddy = NULL;
	*most = SCHED_NEVER;
	if (e->rank == SCHED_RESERVED && c->rest >= SCHED_REST_NS) {
		struct sched_entity *other = sched_queue_unreserved(c);

		if (other) {
			*most = c->rest;
			return other;
		}
	}
	if (b && b->rank == e->rank &&
	    v_diff(b->vruntime, e->vruntime) <= (s64)sched_group_cost(b->group, SCHED_MARGIN_NS))
		return b;
	return e;
}

/*
 * Who runs all the time and still has not got its share (its weight asks for more than a processor, or its cap for
 * less) falls behind without end; that is forgotten but for SCHED_BEHIND_NS of those it competes with. *wait: others
 * wait.
 */
static void forget_lag(struct sched *s, struct sched_cpu *c, struct sched_entity *e, bool *wait)
{
	u64 floor = 0;
	bool any = sched_queue_floor(c, &floor);

	*wait = c->nr_waiting;
	for (u32 i = 0; i < nr_others(s, true); i++) {
		const struct sched_cpu *d = other(s, c, i);
		u64 f;

		*wait |= peek(d->nr_waiting) != 0;
		if (!peek(d->has_floor) || !sched_mask_test(&e->allowed, d->index))
			continue;
		f = peek(d->wait_floor);
		floor = !any || v_diff(f, floor) < 0 ? f : floor;
		any = true;
	}
	if (any && v_diff(e->vruntime, floor) < 0)
		e->vruntime = floor;
	if (e->rank == SCHED_WEIGHT)
		e->key = e->vruntime;
}

static void start(struct sched_cpu *c, struct sched_entity *e, u64 grant, u64 now)
{
	e->state = SCHED_RUNNING;
	e->in_advance = e->rank == SCHED_RESERVED;
	if (v_diff(now, e->since) > 0)
		e->wait_ns += now - e->since;
	e->since = now;
	e->clock = sched_group_clock(e->group, now);
	e->wake_pending = e->woken = false;
	e->until = now + grant;
	if (c->timers.root)
		e->until = MIN(e->until, container_of(c->timers.root, struct sched_entity, timer)->at);
	c->current = e;
	sched_queue_publish(c);
}

/* Takes the best that has budget out of the queues, or NULL. c is locked, and unlocked for moments. */
static struct sched_entity *take_best(struct sched *s, struct sched_cpu *c, u64 now, u64 *grant)
{
	bool declared = false;

	for (;;) {
		struct sched_entity *e;
		bool wait;
		u64 at, most;

		if (!sched_queue_best(c)) {
			/* First say so, then look at the others: a waker does it the other way round. */
			publish(c->idle, 1);
			declared = true;
		}
		pull(s, c, now);
		e = sched_queue_best(c);
		if (!e && declared)
			return NULL;
		if (!e) /* somebody took it while c was unlocked */
			continue;
		e = best_here(c, &most);
		sched_queue_take(c, e); /* published in start(), or when it is throttled */
		forget_lag(s, c, e, &wait);
		*grant = e->rank == SCHED_LATENCY ? SCHED_LATENCY_NS : wait ? SCHED_SLICE_NS : SCHED_ALONE_NS;
		*grant = sched_group_grant(e->group, e, MIN(*grant, most), now, &at);
		if (*grant)
			return e;
		sched_queue_throttle(c, e, at);
	}
}

struct sched_entity *sched_pick(struct sched *s, u32 cpu, u64 now, u64 *until, u32 *kick)
{
	struct sched_cpu *c = &s->cpus[cpu];
	struct sched_entity *e;
	u64 grant;

	*kick = SCHED_NO_CPU;
	spin_lock(&c->lock);
	assert(!c->current);
	now = seen(c, now);
	publish(c->resched, 0);
	publish(c->idle, 0);
	c->scan = s->nr_cpus > SCAN_CPUS ? c->scan + SCAN_CPUS : 0;
	sched_queue_timers(c, now);
	e = take_best(s, c, now, &grant);
	if (e) {
		publish(c->idle, 0);
		start(c, e, grant, now);
		*until = e->until;
		*kick = find_helper(s, c);
	} else {
		c->idled = now;
		*until = c->timers.root ? container_of(c->timers.root, struct sched_entity, timer)->at : SCHED_NEVER;
	}
	spin_unlock(&c->lock);
	return e;
}

/* ---- the running entity ---- */

/* Reserved time earns the others their part of the processor; what they run they have had. */
static void account_rest(struct sched_cpu *c, bool reserved, u64 used)
{
	u64 earned = MIN(used, SCHED_PERIOD_NS) * (SCHED_FULL_CPU - SCHED_RESERVABLE) / SCHED_RESERVABLE;

	if (reserved)
		c->rest = MIN(c->rest + earned, 2 * SCHED_REST_NS);
	else
		c->rest -= MIN(c->rest, used);
}

void sched_cpu_charge(struct sched_cpu *c, u64 now, bool over)
{
	struct sched_entity *e = c->current;
	u64 used = 0, clock = sched_group_clock(e->group, now);

	if (v_diff(now, e->since) > 0) {
		used = now - e->since;
		e->since = now;
	}
	e->run_ns += used;
	c->busy_ns += used;
	account_rest(c, e->rank == SCHED_RESERVED, used);
	e->vruntime += clock - e->clock;
	e->clock = clock;
	if (e->rank == SCHED_WEIGHT)
		e->key = e->vruntime;
	sched_group_account(e->group, e, used, over);
}

bool sched_cpu_beaten(struct sched_cpu *c, const struct sched_entity *e, u64 now)
{
	const struct sched_entity *cur = c->current;
	u64 key;

	if (!cur || e->rank != cur->rank)
		return !cur || e->rank < cur->rank;
	if (e->rank != SCHED_WEIGHT)
		return v_diff(e->key + SCHED_WAKE_NS, cur->key) < 0;
	key = cur->vruntime + (sched_group_clock(cur->group, now) - cur->clock);
	return v_diff(e->key + sched_group_cost(e->group, SCHED_WAKE_NS), key) < 0;
}

u32 sched_put(struct sched *s, u32 cpu, u64 now)
{
	struct sched_cpu *c = &s->cpus[cpu];
	struct sched_entity *e = c->current;
	bool move = false;

	spin_lock(&c->lock);
	assert(e && e->state == SCHED_RUNNING);
	now = seen(c, now);
	sched_cpu_charge(c, now, true);
	sched_queue_leave(c);
	move = !sched_mask_test(&e->allowed, cpu);
	if (e->suspended || move) {
		e->state = SCHED_BLOCKED;
		e->wake_pending = e->suspended;
		sched_group_active(e->group, -1, now);
	} else {
		sched_queue_add(c, e, now);
	}
	spin_unlock(&c->lock);
	return move ? sched_wake(s, e, now) : SCHED_NO_CPU;
}

bool sched_block(struct sched *s, u32 cpu, u64 now)
{
	struct sched_cpu *c = &s->cpus[cpu];
	struct sched_entity *e = c->current;
	bool block;

	spin_lock(&c->lock);
	assert(e && e->state == SCHED_RUNNING);
	now = seen(c, now);
	block = !e->wake_pending || e->suspended;
	if (block) {
		sched_cpu_charge(c, now, true);
		sched_queue_leave(c);
		e->state = SCHED_BLOCKED;
		sched_group_active(e->group, -1, now);
	} else {
		e->wake_pending = false;
	}
	spin_unlock(&c->lock);
	return block;
}

void sched_charge(struct sched *s, u32 cpu, u64 now)
{
	struct sched_cpu *c = &s->cpus[cpu];

	spin_lock(&c->lock);
	if (c->current)
		sched_cpu_charge(c, seen(c, now), false);
	spin_unlock(&c->lock);
}

void sched_skip(struct sched *s, u32 cpu, u64 now)
{
	struct sched_cpu *c = &s->cpus[cpu];
	struct sched_entity *e = c->current;

	if (!e)
		return;
	spin_lock(&c->lock);
	now = seen(c, now);
	if (v_diff(now, e->since) > 0) {
		e->wait_ns += now - e->since;
		e->since = now;
	}
	e->clock = sched_group_clock(e->group, now);
	spin_unlock(&c->lock);
}

bool sched_preempt_check(struct sched *s, u32 cpu, u64 now)
{
	struct sched_cpu *c = &s->cpus[cpu];

	return c->current && (peek(c->resched) || v_diff(now, c->current->until) >= 0);
}

u64 sched_next_event(struct sched *s, u32 cpu)
{
	struct sched_cpu *c = &s->cpus[cpu];
	u64 at = SCHED_NEVER;

	spin_lock(&c->lock);
	if (c->timers.root)
		at = container_of(c->timers.root, struct sched_entity, timer)->at;
	spin_unlock(&c->lock);
	return at;
}
