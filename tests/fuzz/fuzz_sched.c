/*
 * The scheduler on four processors under random operations in random order and with a clock that jitters. After every
 * step: each entity is in exactly one place, time adds up, what is published is true, nobody waits while a processor
 * it may use found nothing to do, caps hold, and nobody waits for ever.
 */
#include <string.h>

#include "lib/assert.h"
#include "vmm/sched/priv.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define CPUS     4u
#define GROUPS   4u
#define ENTITIES 12u
#define MS       1000000ull
#define LATE_NS  MS /* a processor comes this much after the end of a turn at most */
/* A whole period's refill, the one that may be saved, a debt's turn for every processor that runs one. */
#define CAP_SLACK(quota) (3 * (quota) + (CPUS + 1) * (SCHED_ALONE_NS + LATE_NS))

static struct {
	struct sched s;
	struct sched_cpu cpus[CPUS];
	struct sched_group g[GROUPS];
	struct sched_entity e[ENTITIES];
	bool there[ENTITIES];
	bool looked[CPUS]; /* idle, and not kicked since */
	u64 cap_since[GROUPS], cap_run[GROUPS];
	u64 now, idle_since[CPUS], until[CPUS];
} f;

static void kick(u32 cpu)
{
	assert(cpu == SCHED_NO_CPU || cpu < CPUS);
	if (cpu != SCHED_NO_CPU)
		f.looked[cpu] = false;
}

static void kick_mask(const struct sched_cpumask *m)
{
	for (u32 i = 0; i < CPUS; i++)
		if (sched_mask_test(m, i))
			kick(i);
	for (u32 i = CPUS; i < SCHED_MAX_CPUS; i++)
		assert(!sched_mask_test(m, i));
}

static u64 time_seen(u8 jitter)
{
	u64 back = (jitter & 7) * 3;

	return f.now > back ? f.now - back : f.now;
}

/* ---- invariants ---- */

static u32 count(const struct sched_heap *h, const struct sched_entity *e, bool timer)
{
	u32 n = 0;

	for (const struct sched_node *p = h->root; p; p = sched_heap_walk(p, false)) {
		const struct sched_entity *x = timer ? container_of(p, struct sched_entity, timer) : entity_of_run(p);

		u32 left = p->left ? p->left->rank : 0, right = p->right ? p->right->rank : 0;

		assert((!p->left || p->left->up == p) && (!p->right || p->right->up == p));
		assert(left >= right && p->rank == right + 1);
		n += !e || x == e;
	}
	return n;
}

static void check_entity(u32 i)
{
	const struct sched_entity *e = &f.e[i];
	u32 waits = 0, timed = 0, runs = 0;

	for (u32 c = 0; c < CPUS; c++) {
		const struct sched_cpu *p = &f.cpus[c];
		u32 here = 0;

		/* Elsewhere only if it is somewhere else than it says: the sums of check_cpu() would not be right. */
		if (e->cpu != c && p->current != e && p->buddy != e)
			continue;
		for (u32 k = 0; k < 2; k++)
			here += count(&p->urgent[k], e, false) + count(&p->weighted[k], e, false);
		assert(!here || e->cpu == c);
		waits += here;
		timed += count(&p->timers, e, true);
		runs += p->current == e;
		assert(p->buddy != e || (here && e->state == SCHED_QUEUED));
	}
	assert(waits == (e->state == SCHED_QUEUED));
	assert(runs == (e->state == SCHED_RUNNING));
	assert(timed == e->timed);
	assert(e->state != SCHED_THROTTLED || e->timed);
	assert(e->state != SCHED_BLOCKED || !e->timed);
	if (e->state == SCHED_QUEUED || e->state == SCHED_THROTTLED)
		assert(sched_mask_test(&e->allowed, e->cpu) && !e->suspended);
}

static void check_cpu(u32 i)
{
	const struct sched_cpu *c = &f.cpus[i];
	const struct sched_entity *m = sched_queue_movable(c);
	u32 waiting = 0, timers = count(&c->timers, NULL, true);

	for (u32 k = 0; k < 2; k++)
		waiting += count(&c->urgent[k], NULL, false) + count(&c->weighted[k], NULL, false);
	assert(c->nr_waiting == waiting);
	for (u32 e = 0; e < ENTITIES; e++) {
		waiting -= f.there[e] && f.e[e].state == SCHED_QUEUED && f.e[e].cpu == i;
		timers -= f.there[e] && f.e[e].timed && f.e[e].cpu == i;
	}
	assert(!waiting && !timers); /* none but those whose processor this is */
	waiting = c->nr_waiting;
	assert(c->wait_rank == (m ? m->rank : (u32)SCHED_NONE));
	assert(!m || c->wait_key == m->key);
	assert(c->cur_rank == (c->current ? c->current->rank : (u32)SCHED_NONE));
	assert(!c->idle || !c->current);
	if (f.looked[i]) {
		assert(c->idle && !waiting);
	}
}

static void check(void)
{
	u64 run = 0, busy = 0;

	for (u32 g = 0; g < GROUPS; g++) {
		u32 active = 0, members = 0;

		for (u32 e = 0; e < ENTITIES; e++)
			if (f.there[e] && f.e[e].group == &f.g[g]) {
				members++;
				active += f.e[e].state != SCHED_BLOCKED;
			}
		assert(f.g[g].active == active && f.g[g].nr_members == members);
		run += f.g[g].run_ns;
		if (f.g[g].cap.quota) {
			u64 ran = f.g[g].run_ns - f.cap_run[g],
			    may = (f.now - f.cap_since[g]) / SCHED_PERIOD_NS * f.g[g].cap.quota;

			assert(ran <= may + CAP_SLACK(f.g[g].cap.quota));
		}
	}
	for (u32 i = 0; i < ENTITIES; i++)
		if (f.there[i])
			check_entity(i);
	for (u32 i = 0; i < CPUS; i++) {
		check_cpu(i);
		busy += f.cpus[i].busy_ns;
	}
	assert(run == busy);
	assert(busy <= CPUS * f.now);
}

/* ---- operations ---- */

static void pick(u32 c, u8 jitter)
{
	u64 until = 0;
	u32 k;
	struct sched_entity *e = sched_pick(&f.s, c, time_seen(jitter), &until, &k);

	f.looked[c] = !e;
	f.until[c] = until;
	kick(k);
	if (e) {
		assert(e->state == SCHED_RUNNING && e->cpu == c && sched_mask_test(&e->allowed, c) && !e->suspended);
		assert(until > f.cpus[c].now && until <= f.cpus[c].now + SCHED_ALONE_NS);
	} else {
		assert(until == sched_next_event(&f.s, c));
	}
}

/* What the processor does at a kick or at the end of a turn. */
static void look(u32 c, u8 jitter)
{
	if (f.cpus[c].current)
		kick(sched_put(&f.s, c, time_seen(jitter)));
	pick(c, jitter);
}

/* Time passes as on a machine: turns end, processors that were kicked look. */
static void pass(u64 ns)
{
	u64 end = f.now + ns;

	while (f.now < end) {
		u64 t = end;

		for (u32 c = 0; c < CPUS; c++)
			if (!f.looked[c] && !f.cpus[c].current)
				look(c, 0);
		for (u32 c = 0; c < CPUS; c++)
			t = MIN(t, MAX(f.until[c], f.now + 1));
		f.now = t;
		for (u32 c = 0; c < CPUS; c++)
			if (f.until[c] <= f.now || (f.cpus[c].current && sched_preempt_check(&f.s, c, f.now)))
				look(c, 0);
	}
}

/* Time passes, and processors whose turn is over have not looked yet: as long as that can last. */
static void nobody_looks(u64 ns)
{
	u64 end = f.now + ns;

	for (u32 c = 0; c < CPUS; c++)
		if (f.cpus[c].current)
			end = MIN(end, f.until[c] + LATE_NS);
	f.now = MAX(f.now, end);
}

static struct sched_params params(u8 a, u8 b)
{
	static const u32 weights[] = { 1, 100, 256, 10000, 0, 20000, 2, 1000 };
	static const u32 caps[] = { 0, 0, 1, 25, 100, 150, 400, 30000 };
	static const u32 reserved[] = { 0, 0, 5, 25, 80, 150, 0, 200 };

	return (struct sched_params){ weights[a & 7], caps[a >> 3 & 7] * SCHED_PERCENT,
		                      reserved[b & 7] * SCHED_PERCENT, b & 8 };
}

static void change_group(u32 g, u8 a, u8 b)
{
	struct sched_params p = params(a, b), old = f.g[g].params;
	struct sched_cpumask m;
	int err = sched_group_set(&f.s, &f.g[g], &p, f.now, &m);

	assert(err == OK || err == ERR_RANGE || err == ERR_NOSPC);
	if (err != OK) {
		assert(!memcmp(&old, &f.g[g].params, sizeof(old)));
		return;
	}
	kick_mask(&m);
	f.cap_since[g] = f.now;
	f.cap_run[g] = f.g[g].run_ns;
}

static void add_or_remove(u32 i, u8 mask, u8 g)
{
	struct sched_cpumask m = { { mask & 15 } };
	u32 k;

	if (!f.there[i]) {
		int err = sched_entity_init(&f.s, &f.e[i], &f.g[g % GROUPS], mask & 16 ? NULL : &m, f.now);

		f.there[i] = err == OK;
		assert(err == OK || err == ERR_NOSPC || (err == ERR_RANGE && !m.w[0]));
	} else if (sched_remove(&f.s, &f.e[i], f.now, &k) == OK) {
		f.there[i] = false;
		memset(&f.e[i], 0x5a, sizeof(f.e[i]));
	} else {
		kick(k);
		assert(f.e[i].state == SCHED_RUNNING && sched_preempt_check(&f.s, f.e[i].cpu, f.now));
	}
}

/* All members move, or none does. */
static void move_group(struct sched_group *g, const struct sched_cpumask *m)
{
	struct sched_cpumask kicked, before[ENTITIES];
	int err;

	for (u32 i = 0; i < ENTITIES; i++)
		before[i] = f.e[i].allowed;
	err = sched_group_set_allowed(&f.s, g, m, f.now, &kicked);
	assert(err == OK || err == ERR_NOSPC || (err == ERR_RANGE && !m->w[0]));
	kick_mask(&kicked);
	for (u32 i = 0; i < ENTITIES; i++)
		if (f.there[i] && f.e[i].group == g)
			assert(f.e[i].allowed.w[0] == (err == OK ? m->w[0] : before[i].w[0]));
}

static void control(u32 i, u8 what, u8 mask)
{
	struct sched_cpumask m = { { mask & 15 } };
	u32 k = SCHED_NO_CPU;

	if (!f.there[i])
		return;
	if (what % 3 == 0)
		move_group(f.e[i].group, &m);
	else if (what % 3 == 1)
		assert((sched_suspend(&f.s, &f.e[i], f.now, &k) == OK) == (f.e[i].state == SCHED_BLOCKED));
	else
		k = sched_resume(&f.s, &f.e[i], f.now);
	kick(k);
}

static void step(const u8 *op)
{
	u32 c = op[1] % CPUS, i = op[1] % ENTITIES, k;

	switch (op[0] % 10) {
	case 0: nobody_looks((u64)op[1] << (op[2] % 18)); break;
	case 1: pass((u64)op[1] << (op[2] % 18)); break;
	case 2: look(c, op[2]); break;
	case 3:
		if (f.cpus[c].current && sched_block(&f.s, c, time_seen(op[2])))
			pick(c, op[2]);
		break;
	case 4:
	case 5:
		if (f.there[i])
			kick(sched_wake(&f.s, &f.e[i], time_seen(op[2])));
		break;
	case 6: change_group(op[1] % GROUPS, op[2], op[3]); break;
	case 7: add_or_remove(i, op[2], op[3]); break;
	case 8: control(i, op[3], op[2]); break;
	default:
		if (f.cpus[c].current &&
		    sched_yield_to(&f.s, c, f.there[op[3] % ENTITIES] ? &f.e[op[3] % ENTITIES] : NULL,
		                   time_seen(op[2]), &k)) {
			kick(k);
			assert(sched_preempt_check(&f.s, c, f.now));
			look(c, op[2]);
		} else {
			sched_charge(&f.s, c, time_seen(op[2]));
			if (op[3] & 1) { /* the processor does something else */
				f.now += MIN((u64)op[3] << 8, f.until[c] > f.now ? f.until[c] - f.now : 0);
				sched_skip(&f.s, c, time_seen(op[3]));
			}
		}
	}
}

/*
 * The end: everybody wants to run, nobody sleeps any more. With equal weights and no caps each gets a turn soon,
 * whatever happened before: what it ran in advance is forgotten but for SCHED_AHEAD_NS, made up for by the smallest
 * possible share.
 */
#define LONGEST_WAIT ((SCHED_AHEAD_NS + SCHED_BEHIND_NS + SCHED_SLICE_NS) * GROUPS * (ENTITIES - GROUPS + 1))
static void nobody_starves(void)
{
	u64 ran[ENTITIES];
	struct sched_params p = { .weight = SCHED_WEIGHT_DEFAULT };
	struct sched_cpumask m;

	for (u32 g = 0; g < GROUPS; g++) {
		assert(sched_group_set(&f.s, &f.g[g], &p, f.now, &m) == OK);
		kick_mask(&m);
	}
	for (u32 i = 0; i < ENTITIES; i++)
		if (f.there[i]) {
			kick(sched_resume(&f.s, &f.e[i], f.now));
			kick(sched_wake(&f.s, &f.e[i], f.now));
			assert(f.e[i].state != SCHED_BLOCKED);
		}
	for (u32 i = 0; i < ENTITIES; i++)
		ran[i] = f.e[i].run_ns;
	pass(LONGEST_WAIT);
	check();
	/* Helpers call each other within a turn at most, also when what they were called for was taken by another. */
	for (u32 c = 0; c < CPUS; c++)
		for (u32 i = 0; i < ENTITIES && f.looked[c]; i++)
			assert(!f.there[i] || f.e[i].state != SCHED_QUEUED || !sched_mask_test(&f.e[i].allowed, c) ||
			       f.e[i].since + SCHED_ALONE_NS > f.now);
	for (u32 c = 0; c < CPUS; c++)
		sched_charge(&f.s, c, f.now);
	for (u32 i = 0; i < ENTITIES; i++)
		assert(!f.there[i] || f.e[i].run_ns > ran[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	memset(&f, 0, sizeof(f));
	f.now = size && data[0] & 1 ? 1000 : 1ull << 40;
	sched_init(&f.s, f.cpus, CPUS);
	for (u32 g = 0; g < GROUPS; g++)
		assert(sched_group_init(&f.s, &f.g[g], &(struct sched_params){ .weight = 100 + g }, f.now) == OK);
	for (u32 c = 0; c < CPUS; c++)
		f.until[c] = f.now;
	for (u32 i = 0; i < ENTITIES / 2; i++)
		add_or_remove(i, 16, (u8)i);
	for (size_t at = 1; at + 4 <= size && at < 800; at += 4) {
		step(data + at);
		check();
	}
	if (size && data[0] % 32 == 0)
		nobody_starves(); /* takes a while */
	return 0;
}
