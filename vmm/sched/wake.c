/* What others do to an entity: wake it, move it, hold it. May run on any processor. */
#include "lib/assert.h"
#include "lib/atomic.h"
#include "vmm/sched/priv.h"

struct sched_cpu *sched_lock_entity(struct sched *s, const struct sched_entity *e)
{
	for (;;) {
		struct sched_cpu *c = &s->cpus[peek(e->cpu)];

		spin_lock(&c->lock);
		if (peek(e->cpu) == c->index)
			return c;
		spin_unlock(&c->lock);
	}
}

void sched_lock_two(struct sched_cpu *a, struct sched_cpu *b)
{
	spin_lock(&(a->index <= b->index ? a : b)->lock);
	if (a != b)
		spin_lock(&(a->index <= b->index ? b : a)->lock);
}

void sched_unlock_two(struct sched_cpu *a, struct sched_cpu *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

void sched_take_off(struct sched_cpu *c, struct sched_entity *e, u64 now)
{
	sched_queue_del(c, e);
	e->state = SCHED_BLOCKED;
	if (v_diff(now, e->since) > 0)
		e->wait_ns += now - e->since;
	e->since = now;
	sched_group_active(e->group, -1, now);
}

/* ---- waking ---- */

/* c runs something worse than what best runs: lower rank first, then the larger virtual time. */
static bool runs_worse(const struct sched_cpu *c, const struct sched_cpu *best)
{
	u32 a = peek(c->cur_rank), b = peek(best->cur_rank);

	if (a == SCHED_NONE || b == SCHED_NONE || a != b)
		return b != SCHED_NONE && (a == SCHED_NONE || a > b);
	return v_diff(peek(c->cur_key), peek(best->cur_key)) > 0;
}

/* Without locks, so only a proposal: last processor when idle, another idle one, the one that runs the worst. */
static struct sched_cpu *choose(struct sched *s, const struct sched_entity *e)
{
	struct sched_cpu *last = &s->cpus[peek(e->cpu)], *worst = NULL;

	for (u32 i = 0; i < s->nr_cpus; i++) {
		struct sched_cpu *c = &s->cpus[(last->index + i) % s->nr_cpus];

		if (!sched_mask_test(&e->allowed, c->index))
			continue;
		if (peek(c->idle))
			return c;
		if (!worst || runs_worse(c, worst))
			worst = c;
	}
	return worst ? worst : last;
}

/* An idle processor that e may use, after it was put into a busy one's queue:
 * that may have become idle just before. */
static u32 late_idle(struct sched *s, const struct sched_entity *e)
{
	for (u32 i = 0; i < s->nr_cpus; i++) {
		u32 yes = 1;

		if (sched_mask_test(&e->allowed, i) && peek(s->cpus[i].idle) && atomic_cas(&s->cpus[i].idle, &yes, 0))
			return i;
	}
	return SCHED_NO_CPU;
}

/*
 * Since e fell asleep its processor had nothing to run: what e had run in advance it took from nobody who wanted it
 * then. Of the latency class that is forgotten when it wakes, or whoever comes after a long sleep would be ahead of it
 * for a whole turn.
 */
static void forget_advance(const struct sched_cpu *c, const struct sched_cpu *t, struct sched_entity *e)
{
	if (peek(e->group->params.latency) && v_diff(c->idled, e->since) >= 0 && t->has_ref &&
	    v_diff(e->vruntime, t->vmin) > 0)
		e->vruntime = t->vmin;
}

/* Puts the blocked e into t's queue; both processors are locked. true: t must be kicked. */
static bool enqueue_woken(struct sched_cpu *c, struct sched_cpu *t, struct sched_entity *e, u64 now)
{
	bool kick = peek(t->idle);

	sched_group_active(e->group, 1, now);
	if (c->has_ref && v_diff(e->vruntime, c->floor) < 0)
		e->vruntime = c->floor;
	forget_advance(c, t, e);
	atomic_store(&e->cpu, t->index);
	e->migrations += c != t;
	e->woken = true;
	e->since = now;
	sched_queue_add(t, e, now);
	publish(t->idle, 0);
	if (t->current && sched_cpu_beaten(t, e, now)) {
		publish(t->resched, 1);
		kick = true;
	}
	return kick;
}

/* false: not to be woken, or remembered. e's processor is locked. */
static bool wakeable(struct sched_entity *e)
{
	if (e->suspended || e->state == SCHED_RUNNING)
		e->wake_pending = true;
	return !e->suspended && e->state == SCHED_BLOCKED;
}

u32 sched_wake(struct sched *s, struct sched_entity *e, u64 now)
{
	struct sched_cpu *c, *t;
	bool go, kick = false, again;

	do {
		c = sched_lock_entity(s, e);
		go = wakeable(e);
		spin_unlock(&c->lock);
		if (!go)
			return SCHED_NO_CPU;
		t = choose(s, e);
		sched_lock_two(c, t);
		again = peek(e->cpu) != c->index || !sched_mask_test(&e->allowed, t->index) || !wakeable(e);
		if (!again)
			kick = enqueue_woken(c, t, e, now);
		sched_unlock_two(c, t);
	} while (again);
	return kick ? t->index : late_idle(s, e);
}

/* ---- pause-loop exits ---- */

/* to if it is a sibling that waits, else the one that waits longest; a proposal, no processor is locked. */
static struct sched_entity *find_sibling(const struct sched_entity *me, struct sched_entity *to)
{
	struct sched_entity *best = NULL;

	if (to && to != me && to->group == me->group && peek(to->state) == SCHED_QUEUED)
		return to;
	for (struct sched_entity *e = me->group->members; e; e = e->sibling) {
		if (e == me || peek(e->state) != SCHED_QUEUED)
			continue;
		if (!best || v_diff(peek(e->since), peek(best->since)) < 0)
			best = e;
	}
	return best;
}

/* e runs on c, its sibling x waits on d; both are locked. Returns the processor to kick. */
static u32 change_places(struct sched_cpu *c, struct sched_cpu *d, struct sched_entity *x, u64 now)
{
	struct sched_entity *e = c->current;
	u32 kick = SCHED_NO_CPU;

	sched_cpu_charge(c, now, false);
	sched_queue_del(d, x);
	/* The same weight: what one gains the other loses. */
	if (v_diff(x->vruntime, e->vruntime) > 0) {
		u64 v = x->vruntime;

		x->vruntime = e->vruntime;
		e->vruntime = v;
		e->key = e->rank == SCHED_WEIGHT ? v : e->key;
	}
	if (sched_mask_test(&x->allowed, c->index)) {
		x->migrations += c != d;
		atomic_store(&x->cpu, c->index);
		sched_queue_add(c, x, now);
		c->buddy = x;
	} else {
		sched_queue_add(d, x, now);
		d->buddy = x;
		if (sched_cpu_beaten(d, x, now)) {
			publish(d->resched, 1);
			kick = d->index;
		}
	}
	sched_queue_publish(c);
	publish(c->resched, 1);
	return kick;
}

bool sched_yield_to(struct sched *s, u32 cpu, struct sched_entity *to, u64 now, u32 *kick)
{
	struct sched_cpu *c = &s->cpus[cpu];
	struct sched_entity *e = c->current, *x;
	bool found = false;

	*kick = SCHED_NO_CPU;
	assert(e);
	spin_lock(&e->group->members_lock);
	x = find_sibling(e, to);
	if (x) {
		struct sched_cpu *d = &s->cpus[peek(x->cpu)];

		sched_lock_two(c, d);
		found = peek(x->cpu) == d->index && x->state == SCHED_QUEUED;
		if (found)
			*kick = change_places(c, d, x, now);
		sched_unlock_two(c, d);
	}
	spin_unlock(&e->group->members_lock);
	return found;
}

/* ---- control ---- */

static int check_allowed(const struct sched *s, const struct sched_cpumask *allowed, struct sched_cpumask *out)
{
	bool any = false;

	*out = (struct sched_cpumask){ 0 };
	for (u32 i = 0; i < s->nr_cpus; i++)
		if (!allowed || sched_mask_test(allowed, i)) {
			sched_mask_set(out, i);
			any = true;
		}
	return any ? OK : ERR_RANGE;
}

static u32 first_cpu(const struct sched_cpumask *m)
{
	u32 i = 0;

	while (!sched_mask_test(m, i))
		i++;
	return i;
}

int sched_entity_init(struct sched *s, struct sched_entity *e, struct sched_group *g,
                      const struct sched_cpumask *allowed, u64 now)
{
	struct sched_cpumask m;
	int err = check_allowed(s, allowed, &m);

	if (err != OK)
		return err;
	*e = (struct sched_entity){ .group = g, .allowed = m, .cpu = first_cpu(&m), .since = now };
	spin_lock(&s->lock);
	err = sched_admit(s, g, g->params.reservation, &(struct sched_change){ g, e, &m });
	if (err == OK) {
		spin_lock(&g->members_lock);
		e->sibling = g->members;
		g->members = e;
		g->nr_members++;
		spin_unlock(&g->members_lock);
	}
	spin_unlock(&s->lock);
	return err;
}

/* e may use m from now on. Returns the processor to kick. */
static u32 confine(struct sched *s, struct sched_entity *e, const struct sched_cpumask *m, u64 now)
{
	struct sched_cpu *c = sched_lock_entity(s, e);
	bool waits = e->state == SCHED_QUEUED || e->state == SCHED_THROTTLED;
	u32 kick = SCHED_NO_CPU;

	if (waits)
		sched_take_off(c, e, now);
	e->allowed = *m;
	if (e->state == SCHED_RUNNING && !sched_mask_test(m, c->index)) {
		publish(c->resched, 1);
		kick = c->index;
	}
	spin_unlock(&c->lock);
	return waits ? sched_wake(s, e, now) : kick;
}

int sched_group_set_allowed(struct sched *s, struct sched_group *g, const struct sched_cpumask *allowed, u64 now,
                            struct sched_cpumask *kick)
{
	struct sched_cpumask m;
	int err = check_allowed(s, allowed, &m);

	*kick = (struct sched_cpumask){ 0 };
	if (err != OK)
		return err;
	spin_lock(&s->lock);
	err = sched_admit(s, g, g->params.reservation, &(struct sched_change){ .group = g, .allowed = &m });
	if (err == OK) {
		spin_lock(&g->members_lock);
		for (struct sched_entity *e = g->members; e; e = e->sibling) {
			u32 cpu = confine(s, e, &m, now);

			if (cpu != SCHED_NO_CPU)
				sched_mask_set(kick, cpu);
		}
		spin_unlock(&g->members_lock);
	}
	spin_unlock(&s->lock);
	return err;
}

int sched_suspend(struct sched *s, struct sched_entity *e, u64 now, u32 *kick)
{
	struct sched_cpu *c = sched_lock_entity(s, e);
	int err = OK;

	*kick = SCHED_NO_CPU;
	e->suspended = true;
	if (e->state == SCHED_RUNNING) {
		publish(c->resched, 1);
		*kick = c->index;
		err = ERR_BUSY;
	} else if (e->state != SCHED_BLOCKED) {
		sched_take_off(c, e, now);
		e->wake_pending = true;
	}
	spin_unlock(&c->lock);
	return err;
}

u32 sched_resume(struct sched *s, struct sched_entity *e, u64 now)
{
	struct sched_cpu *c = sched_lock_entity(s, e);
	bool wake = e->suspended && e->wake_pending && e->state == SCHED_BLOCKED;

	e->suspended = false;
	spin_unlock(&c->lock);
	return wake ? sched_wake(s, e, now) : SCHED_NO_CPU;
}

int sched_remove(struct sched *s, struct sched_entity *e, u64 now, u32 *kick)
{
	struct sched_group *g = e->group;
	int err = sched_suspend(s, e, now, kick);

	if (err != OK)
		return err;
	spin_lock(&g->members_lock);
	for (struct sched_entity **p = &g->members; *p; p = &(*p)->sibling)
		if (*p == e) {
			*p = e->sibling;
			g->nr_members--;
			break;
		}
	spin_unlock(&g->members_lock);
	return OK;
}
