/* Groups: the virtual clock, which makes siblings share one weight, the budgets, and admission. */
#include "lib/assert.h"
#include "vmm/sched/priv.h"

/*
 * The clock goes at active / weight, so what a member is charged for a stretch of running is exact however often its
 * siblings sleep and wake and whenever the weight changes meanwhile. Time that goes back stands still.
 */
static void advance(struct sched_group *g, u64 now)
{
	u64 scaled;

	if (v_diff(now, g->clock_at) <= 0)
		return;
	scaled = (now - g->clock_at) * g->active;
	/* Hours without a look: the product with V_PER_NS must not overflow. */
	scaled = MIN(scaled, ~0ull / V_PER_NS / 2) * V_PER_NS + g->clock_rem;
	g->clock += scaled / g->params.weight;
	g->clock_rem = scaled % g->params.weight;
	g->clock_at = now;
}

void sched_group_active(struct sched_group *g, int delta, u64 now)
{
	spin_lock(&g->lock);
	advance(g, now);
	publish(g->active, g->active + (u32)delta);
	spin_unlock(&g->lock);
}

u64 sched_group_clock(struct sched_group *g, u64 now)
{
	u64 clock;

	spin_lock(&g->lock);
	advance(g, now);
	clock = g->clock;
	spin_unlock(&g->lock);
	return clock;
}

u64 sched_group_cost(struct sched_group *g, u64 ns)
{
	u32 active = peek(g->active);

	return ns * V_PER_NS * MAX(active, 1u) / peek(g->params.weight);
}

/* Twice the quota at most: what could not be used in a period because others ran may be made up for in the next. */
static void bound(struct sched_budget *b)
{
	b->left = MIN(b->left, (s64)(2 * b->quota));
}

static void refill(struct sched_budget *b, u64 now)
{
	u64 periods;

	if (!b->quota || v_diff(now, b->next) < 0)
		return;
	periods = (now - b->next) / SCHED_PERIOD_NS + 1;
	b->next += periods * SCHED_PERIOD_NS;
	b->left += (s64)(MIN(periods, 1000000u) * b->quota);
	bound(b);
}

static void budget_set(struct sched_budget *b, u32 share, u64 now)
{
	u64 quota = SCHED_PERIOD_NS / SCHED_FULL_CPU * share;

	if (!b->quota || !quota)
		*b = (struct sched_budget){ .left = (s64)quota, .next = now + SCHED_PERIOD_NS };
	b->quota = quota;
	bound(b);
}

/* When the budget is above 0 again. */
static u64 budget_when(const struct sched_budget *b)
{
	return b->next + (u64)-b->left / b->quota * SCHED_PERIOD_NS;
}

u32 sched_group_rank(struct sched_group *g, const struct sched_entity *e, s64 ahead, u64 now, u64 *key,
                     u64 *refill_at)
{
	bool latency, reserved = false;

	*refill_at = SCHED_NEVER;
	spin_lock(&g->lock);
	latency = g->params.latency && e->woken;
	if (g->reservation.quota) {
		refill(&g->reservation, now);
		reserved = g->reservation.left > 0;
		*key = latency ? now : g->reservation.next;
		if (!reserved)
			*refill_at = budget_when(&g->reservation);
	}
	spin_unlock(&g->lock);
	if (reserved)
		return SCHED_RESERVED;
	/* Whoever came in while it ran is that far behind it, which is a sleeper's bonus and no share of this one's. */
	if (latency && ahead <= (s64)sched_group_cost(g, SCHED_BEHIND_NS + SCHED_LATENCY_NS)) {
		*key = now;
		return SCHED_LATENCY;
	}
	*key = e->vruntime;
	return SCHED_WEIGHT;
}

static u64 take(struct sched_budget *b, u64 ns)
{
	u64 got = MIN(ns, MAX((u64)b->left, SCHED_MIN_GRANT_NS));

	b->left -= (s64)got;
	return got;
}

u64 sched_group_grant(struct sched_group *g, struct sched_entity *e, u64 ns, u64 now, u64 *until)
{
	e->cap_grant = e->rsv_grant = 0;
	spin_lock(&g->lock);
	if (g->cap.quota) {
		refill(&g->cap, now);
		if (g->cap.left <= 0) {
			*until = budget_when(&g->cap);
			spin_unlock(&g->lock);
			return 0;
		}
		ns = e->cap_grant = take(&g->cap, ns);
	}
	if (g->reservation.quota && e->rank == SCHED_RESERVED && g->reservation.left > 0) {
		e->rsv_grant = take(&g->reservation, ns);
		if (g->cap.quota)
			g->cap.left += (s64)(e->cap_grant - e->rsv_grant);
		ns = e->rsv_grant;
		e->cap_grant = e->cap_grant ? ns : 0;
	}
	spin_unlock(&g->lock);
	return ns;
}

/* The grant was taken in advance: what is used beyond it is taken now, what is left at the end given back. */
static void settle(struct sched_budget *b, u64 *grant, u64 used, bool over)
{
	u64 paid = MIN(used, *grant);

	*grant -= paid;
	if (!b->quota)
		return;
	b->left -= (s64)(used - paid);
	if (over) {
		b->left += (s64)*grant;
		*grant = 0;
		bound(b);
	}
}

void sched_group_account(struct sched_group *g, struct sched_entity *e, u64 used, bool over)
{
	spin_lock(&g->lock);
	g->run_ns += used;
	settle(&g->cap, &e->cap_grant, used, over);
	if (e->rank == SCHED_RESERVED)
		settle(&g->reservation, &e->rsv_grant, used, over);
	spin_unlock(&g->lock);
}

/* ---- parameters ---- */

static int check(const struct sched_params *p, u32 members)
{
	if (!p->weight || p->weight > SCHED_WEIGHT_MAX || p->cap > sched_most_used(members) ||
	    p->reservation > sched_most_reserved(members) || (p->cap && p->reservation > p->cap))
		return ERR_RANGE;
	return OK;
}

static void mask_or(struct sched_cpumask *m, const struct sched_cpumask *o)
{
	for (u32 i = 0; i < ARRAY_SIZE(m->w); i++)
		m->w[i] |= o->w[i];
}

static bool mask_within(const struct sched_cpumask *m, const struct sched_cpumask *of)
{
	for (u32 i = 0; i < ARRAY_SIZE(m->w); i++)
		if (m->w[i] & ~of->w[i])
			return false;
	return true;
}

static u32 mask_count(const struct sched_cpumask *m)
{
	u32 n = 0;

	/* No __builtin_popcountll: a library call without the instruction. */
	for (u32 i = 0; i < ARRAY_SIZE(m->w); i++)
		for (u64 w = m->w[i]; w; w &= w - 1)
			n++;
	return n;
}

/* The processors g's members may use; all of them when it has none. */
static struct sched_cpumask group_mask(struct sched *s, struct sched_group *g, const struct sched_change *ch)
{
	struct sched_cpumask m = { 0 };
	const struct sched_entity *moved = NULL;
	bool any = false;

	if (ch && ch->group == g) {
		m = *ch->allowed;
		moved = ch->one;
		any = true;
		if (!moved)
			return m;
	}
	spin_lock(&g->members_lock);
	for (struct sched_entity *e = g->members; e; e = e->sibling)
		if (e != moved) {
			mask_or(&m, &e->allowed);
			any = true;
		}
	spin_unlock(&g->members_lock);
	for (u32 i = 0; !any && i < s->nr_cpus; i++)
		sched_mask_set(&m, i);
	return m;
}

/*
 * For every set of processors that some group is confined to: what those confined to it have reserved must fit. This
 * is necessary for a schedule to exist, and sufficient when the sets are disjoint or nested.
 */
int sched_admit(struct sched *s, struct sched_group *g, u32 reservation, const struct sched_change *ch)
{
	struct sched_cpumask mine = group_mask(s, g, ch);

	if (!reservation)
		return OK;
	for (struct sched_group *a = s->groups; a; a = a->next) {
		struct sched_cpumask set = group_mask(s, a, ch);
		u64 sum = 0;

		/* Sets that g is not confined to are not its fault, if they are too small since others left them. */
		if (!(a == g ? reservation : a->params.reservation) || !mask_within(&mine, &set))
			continue;
		for (struct sched_group *b = s->groups; b; b = b->next) {
			u32 r = b == g ? reservation : b->params.reservation;
			struct sched_cpumask m;

			if (!r)
				continue;
			m = group_mask(s, b, ch);
			sum += mask_within(&m, &set) ? r : 0;
		}
		if (sum > (u64)mask_count(&set) * SCHED_RESERVABLE)
			return ERR_NOSPC;
	}
	return OK;
}

static void set_params(struct sched_group *g, const struct sched_params *p, u64 now)
{
	spin_lock(&g->lock);
	advance(g, now);
	publish(g->params.weight, p->weight);
	g->params = *p;
	g->clock_rem = 0;
	budget_set(&g->cap, p->cap, now);
	budget_set(&g->reservation, p->reservation, now);
	spin_unlock(&g->lock);
}

int sched_group_init(struct sched *s, struct sched_group *g, const struct sched_params *p, u64 now)
{
	int err = check(p, SCHED_MAX_CPUS);

	if (err != OK)
		return err;
	*g = (struct sched_group){ .clock_at = now, .params.weight = p->weight };
	spin_lock(&s->lock);
	g->next = s->groups;
	s->groups = g;
	err = sched_admit(s, g, p->reservation, NULL);
	if (err == OK)
		set_params(g, p, now);
	else
		s->groups = g->next;
	spin_unlock(&s->lock);
	return err;
}

void sched_group_remove(struct sched *s, struct sched_group *g)
{
	assert(!g->members);
	spin_lock(&s->lock);
	for (struct sched_group **p = &s->groups; *p; p = &(*p)->next)
		if (*p == g) {
			*p = g->next;
			break;
		}
	spin_unlock(&s->lock);
}

/* The new parameters decide anew where e waits; when it runs, its turn ends. */
static void reconsider(struct sched *s, struct sched_entity *e, bool weight, u64 now, struct sched_cpumask *kick)
{
	struct sched_cpu *c = sched_lock_entity(s, e);
	bool waits = e->state == SCHED_QUEUED || e->state == SCHED_THROTTLED;

	if (!peek(e->group->reservation.quota))
		e->in_advance = false; /* with one, it is bounded anew at every refill */
	if (e->state == SCHED_RUNNING)
		sched_cpu_charge(c, now, false);
	if (waits)
		sched_queue_del(c, e);
	if (weight)
		sched_queue_reweigh(s, c, e);
	if (waits)
		sched_queue_add(c, e, now);
	else
		sched_queue_publish(c);
	if (e->state != SCHED_BLOCKED) {
		publish(c->resched, 1);
		publish(c->idle, 0);
		sched_mask_set(kick, c->index);
	}
	spin_unlock(&c->lock);
}

int sched_group_set(struct sched *s, struct sched_group *g, const struct sched_params *p, u64 now,
                    struct sched_cpumask *kick)
{
	u32 members = peek(g->nr_members);
	int err = check(p, members ? members : SCHED_MAX_CPUS);

	*kick = (struct sched_cpumask){ 0 };
	if (err != OK)
		return err;
	spin_lock(&s->lock);
	if (p->reservation > g->params.reservation)
		err = sched_admit(s, g, p->reservation, NULL);
	if (err == OK) {
		bool weight = p->weight != g->params.weight;

		set_params(g, p, now);
		spin_lock(&g->members_lock);
		for (struct sched_entity *e = g->members; e; e = e->sibling)
			reconsider(s, e, weight, now, kick);
		spin_unlock(&g->members_lock);
	}
	spin_unlock(&s->lock);
	return err;
}
