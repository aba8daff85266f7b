/* The scheduler's functions one by one: heap, parameters, admission, waking, moving, stopping, budgets, clock. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/sched/priv.h"

#define CPUS 4
#define MS   1000000ull

static struct sched s;
static struct sched_cpu cpus[CPUS];
static struct sched_group g[5];
static struct sched_entity e[8];
static u64 until;
static u32 kick;

static struct sched_cpumask mask(u64 bits)
{
	return (struct sched_cpumask){ { bits } };
}

/* Groups of one member each, blocked. */
static void start(u32 nr_cpus, u32 nr)
{
	sched_init(&s, cpus, nr_cpus);
	for (u32 i = 0; i < nr; i++) {
		ck_assert_int_eq(sched_group_init(&s, &g[i], &(struct sched_params){ .weight = 256 }, 0), OK);
		ck_assert_int_eq(sched_entity_init(&s, &e[i], &g[i], NULL, 0), OK);
	}
}

static void set(u32 n, struct sched_params p, u64 now, int want)
{
	struct sched_cpumask m;

	ck_assert_int_eq(sched_group_set(&s, &g[n], &p, now, &m), want);
}

static struct sched_cpumask kicked;

static void allow(u32 n, const struct sched_cpumask *m, u64 now, int want)
{
	ck_assert_int_eq(sched_group_set_allowed(&s, &g[n], m, now, &kicked), want);
}

static struct sched_entity *pick(u32 cpu, u64 now)
{
	return sched_pick(&s, cpu, now, &until, &kick);
}

static u32 compared;

static bool before(const struct sched_node *a, const struct sched_node *b)
{
	compared++;
	return container_of(a, struct sched_entity, run)->key < container_of(b, struct sched_entity, run)->key;
}

START_TEST(heap)
{
	static struct sched_entity x[200];
	struct sched_heap h = { 0 };
	u32 n = 0, seed = 1;

	for (u32 i = 0; i < ARRAY_SIZE(x); i++) {
		seed = seed * 1103515245 + 12345;
		x[i].key = seed >> 16 & 0xff;
		sched_heap_insert(&h, &x[i].run, before);
	}
	for (u32 i = 0; i < ARRAY_SIZE(x); i += 3) /* anywhere in it */
		sched_heap_remove(&h, &x[i].run, before);
	for (struct sched_node *p = h.root; p; p = sched_heap_walk(p, false))
		n++;
	ck_assert_uint_eq(n, 133);
	for (u64 last = 0; h.root; n--) {
		struct sched_entity *first = entity_of_run(h.root);

		ck_assert_uint_ge(first->key, last);
		last = first->key;
		sched_heap_remove(&h, &first->run, before);
	}
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* However they come and go: none of it takes long. */
START_TEST(heap_bounded)
{
	static struct sched_entity x[4096];
	u32 seed = 1, most = 0;

	for (u32 how = 0; how < 4; how++) {
		struct sched_heap h = { 0 };

		for (u32 i = 0; i < ARRAY_SIZE(x); i++) {
			seed = seed * 1103515245 + 12345;
			x[i].key = how == 0 ? i : how == 1 ? ARRAY_SIZE(x) - i : how == 2 ? 7 : seed >> 16;
			compared = 0;
			sched_heap_insert(&h, &x[i].run, before);
			most = MAX(most, compared);
		}
		for (u32 i = 0; i < ARRAY_SIZE(x); i++) {
			struct sched_node *n = h.root;
			u64 key = entity_of_run(n)->key;

			seed = seed * 1103515245 + 12345;
			for (u32 k = seed >> 16 & 15; k && sched_heap_walk(n, false); k--)
				n = sched_heap_walk(n, false);
			compared = 0;
			sched_heap_remove(&h, n, before);
			most = MAX(most, compared);
			ck_assert(!h.root || entity_of_run(h.root)->key >= key);
		}
		ck_assert_ptr_null(h.root);
	}
	/* Two paths of log2(4097) nodes. */
	ck_assert_uint_le(most, 26);
}
END_TEST

START_TEST(parameters)
{
	struct sched_cpumask none = mask(0), beyond = mask(0x10);

	start(4, 1);
	set(0, (struct sched_params){ .weight = 0 }, 0, ERR_RANGE);
	set(0, (struct sched_params){ .weight = 10001 }, 0, ERR_RANGE);
	set(0, (struct sched_params){ .weight = 1, .cap = 1000, .reservation = 1001 }, 0, ERR_RANGE);
	/* No more than one vCPU can use, and 95 % of that reserved. */
	set(0, (struct sched_params){ .weight = 1, .cap = SCHED_FULL_CPU + 1 }, 0, ERR_RANGE);
	set(0, (struct sched_params){ .weight = 1, .reservation = SCHED_RESERVABLE + 1 }, 0, ERR_RANGE);
	ck_assert_uint_eq(g[0].params.weight, 256);
	set(0, (struct sched_params){ .weight = 10000, .cap = 1000, .reservation = 1000 }, 0, OK);
	ck_assert_int_eq(sched_group_init(&s, &g[1], &(struct sched_params){ 0 }, 0), ERR_RANGE);
	ck_assert_int_eq(sched_entity_init(&s, &e[1], &g[0], &none, 0), ERR_RANGE);
	ck_assert_int_eq(sched_entity_init(&s, &e[1], &g[0], &beyond, 0), ERR_RANGE);
	allow(0, &beyond, 0, ERR_RANGE);
	ck_assert_uint_eq(e[0].allowed.w[0], 15);
	ck_assert_uint_eq(g[0].nr_members, 1);
}
END_TEST

START_TEST(admission)
{
	struct sched_cpumask one = mask(1), two = mask(3);

	start(4, 3);
	for (u32 i = 4; i < 7; i++)
		ck_assert_int_eq(sched_entity_init(&s, &e[i], &g[0], NULL, 0), OK);
	set(0, (struct sched_params){ .weight = 1, .reservation = 38000 }, 0, OK);
	set(1, (struct sched_params){ .weight = 1, .reservation = 1 }, 0, ERR_NOSPC);
	set(0, (struct sched_params){ .weight = 1, .reservation = 9500 }, 0, OK);
	allow(0, &one, 0, OK);
	/* CPU 0 is full; two more CPUs' worth fits elsewhere, but not what is confined to CPU 0. */
	set(1, (struct sched_params){ .weight = 1, .reservation = 9500 }, 0, OK);
	allow(1, &one, 0, ERR_NOSPC);
	allow(1, &two, 0, OK);
	allow(2, &two, 0, OK);
	set(2, (struct sched_params){ .weight = 1, .reservation = 100 }, 0, ERR_NOSPC);
	set(1, (struct sched_params){ .weight = 1, .reservation = 9400 }, 0, OK);
	set(2, (struct sched_params){ .weight = 1, .reservation = 100 }, 0, OK);
	ck_assert_int_eq(sched_group_init(&s, &g[3], &(struct sched_params){ .weight = 1, .reservation = 20000 }, 0),
	                 ERR_NOSPC);
	ck_assert_int_eq(sched_group_init(&s, &g[3], &(struct sched_params){ .weight = 1, .reservation = 19000 }, 0),
	                 OK);
	ck_assert_int_eq(sched_entity_init(&s, &e[3], &g[3], &two, 0), ERR_NOSPC);
	sched_group_remove(&s, &g[3]);
	sched_group_remove(&s, &g[3]); /* not there: nothing */
	ck_assert_ptr_eq(s.groups, &g[2]);
}
END_TEST

START_TEST(waking)
{
	start(2, 3);
	ck_assert_ptr_null(pick(0, 0));
	ck_assert_ptr_null(pick(1, 0));
	ck_assert_uint_eq(until, SCHED_NEVER);
	ck_assert_uint_eq(sched_wake(&s, &e[0], 10), 0);            /* the last CPU, idle */
	ck_assert_uint_eq(sched_wake(&s, &e[0], 10), SCHED_NO_CPU); /* waits already */
	ck_assert_uint_eq(sched_wake(&s, &e[1], 10), 1);            /* CPU 0 is spoken for */
	ck_assert_ptr_eq(pick(0, 20), &e[0]);
	ck_assert_uint_eq(until, 20 + SCHED_SLICE_NS);
	ck_assert_ptr_eq(pick(1, 20), &e[1]);
	ck_assert_uint_eq(e[1].wait_ns, 10);
	/* Both are busy, and not ahead enough to be preempted. */
	ck_assert_uint_eq(sched_wake(&s, &e[2], 30), SCHED_NO_CPU);
	ck_assert(!sched_preempt_check(&s, 0, 40) && !sched_preempt_check(&s, 1, 40));
	ck_assert_uint_eq(sched_put(&s, 0, 5 * MS), SCHED_NO_CPU);
	ck_assert_ptr_eq(pick(0, 5 * MS), &e[2]);
	ck_assert_uint_eq(until, 5 * MS + SCHED_SLICE_NS);
	ck_assert_uint_eq(e[0].run_ns, 5 * MS - 20);
	/* One that slept long enough preempts. */
	ck_assert(sched_block(&s, 1, 6 * MS));
	ck_assert_ptr_eq(pick(1, 6 * MS), &e[0]);
	ck_assert_uint_eq(sched_wake(&s, &e[1], 12 * MS), 1);
	ck_assert(sched_preempt_check(&s, 1, 12 * MS));
}
END_TEST

/* A wake-up between the last look for events and sched_block() is not lost. */
START_TEST(no_lost_wake)
{
	start(1, 1);
	sched_wake(&s, &e[0], 0);
	sched_wake(&s, &e[0], 0);
	ck_assert_ptr_eq(pick(0, 0), &e[0]);
	ck_assert_uint_eq(sched_wake(&s, &e[0], 5), SCHED_NO_CPU);
	ck_assert(!sched_block(&s, 0, 10));
	ck_assert_uint_eq(e[0].state, SCHED_RUNNING);
	ck_assert(sched_block(&s, 0, 20));
	ck_assert_uint_eq(e[0].run_ns, 20);
	ck_assert_uint_eq(cpus[0].busy_ns, 20);
	ck_assert_ptr_null(pick(0, 20));
	ck_assert_uint_eq(sched_wake(&s, &e[0], 30), 0);
}
END_TEST

START_TEST(suspending)
{
	start(2, 2);
	/* Blocked: nothing happens but that wake-ups wait. */
	ck_assert_int_eq(sched_suspend(&s, &e[0], 0, &kick), OK);
	ck_assert_uint_eq(sched_wake(&s, &e[0], 1), SCHED_NO_CPU);
	ck_assert_ptr_null(pick(0, 1));
	ck_assert_ptr_null(pick(1, 1));
	ck_assert_uint_eq(sched_resume(&s, &e[0], 2), 0);
	ck_assert_ptr_eq(pick(0, 2), &e[0]);
	/* Running: gives way at the next put, and is runnable afterwards. */
	ck_assert_int_eq(sched_suspend(&s, &e[0], 3, &kick), ERR_BUSY);
	ck_assert_uint_eq(kick, 0);
	ck_assert(sched_preempt_check(&s, 0, 3));
	sched_put(&s, 0, 4);
	ck_assert_int_eq(sched_suspend(&s, &e[0], 5, &kick), OK);
	ck_assert_ptr_null(pick(0, 5));
	ck_assert_uint_eq(sched_resume(&s, &e[0], 6), 0);
	/* Waiting: leaves at once. */
	ck_assert_uint_eq(g[0].active, 1);
	ck_assert_int_eq(sched_suspend(&s, &e[0], 7, &kick), OK);
	ck_assert_uint_eq(g[0].active, 0);
	ck_assert_uint_eq(cpus[0].nr_waiting, 0);
	ck_assert_int_eq(sched_remove(&s, &e[0], 8, &kick), OK);
	ck_assert_ptr_null(g[0].members);
	sched_group_remove(&s, &g[0]);
	/* Running elsewhere: busy until it is put. */
	sched_wake(&s, &e[1], 9);
	ck_assert_ptr_eq(pick(1, 10), &e[1]);
	ck_assert_int_eq(sched_remove(&s, &e[1], 10, &kick), ERR_BUSY);
	ck_assert_uint_eq(kick, 1);
	ck_assert(sched_block(&s, 1, 11)); /* even when woken meanwhile */
	ck_assert_int_eq(sched_remove(&s, &e[1], 12, &kick), OK);
}
END_TEST

START_TEST(moving)
{
	struct sched_cpumask two = mask(4), three = mask(8);

	start(4, 2);
	for (u32 i = 0; i < 4; i++)
		ck_assert_ptr_null(pick(i, 0));
	/* Waiting, then running, then blocked. */
	ck_assert_uint_eq(sched_wake(&s, &e[0], 1), 0);
	allow(0, &two, 2, OK);
	ck_assert_uint_eq(kicked.w[0], BIT(2));
	ck_assert_ptr_null(pick(0, 3));
	ck_assert_ptr_eq(pick(2, 3), &e[0]);
	allow(0, &three, 4, OK);
	ck_assert_uint_eq(kicked.w[0], BIT(2));
	ck_assert(sched_preempt_check(&s, 2, 5));
	ck_assert_uint_eq(sched_put(&s, 2, 5), 3);
	ck_assert_ptr_null(pick(2, 5));
	ck_assert_ptr_eq(pick(3, 6), &e[0]);
	ck_assert(sched_block(&s, 3, 7));
	allow(0, NULL, 8, OK);
	ck_assert_uint_eq(kicked.w[0], 0);
	ck_assert_uint_eq(e[0].migrations, 2);
}
END_TEST

/* All vCPUs of a guest move, or none: what does not fit is known before the first has moved. */
START_TEST(moving_together)
{
	struct sched_cpumask one = mask(1), two = mask(6);

	start(4, 1);
	for (u32 i = 1; i < 3; i++)
		ck_assert_int_eq(sched_entity_init(&s, &e[i], &g[0], NULL, 0), OK);
	set(0, (struct sched_params){ .weight = 1, .reservation = 15000 }, 0, OK);
	sched_wake(&s, &e[0], 1);
	sched_wake(&s, &e[1], 1);
	ck_assert_ptr_nonnull(pick(0, 1));
	ck_assert_ptr_nonnull(pick(3, 1));
	allow(0, &one, 2, ERR_NOSPC);
	ck_assert_uint_eq(kicked.w[0], 0);
	ck_assert(!sched_preempt_check(&s, 0, 2) && !sched_preempt_check(&s, 3, 2));
	for (u32 i = 0; i < 3; i++)
		ck_assert_uint_eq(e[i].allowed.w[0], 15);
	allow(0, &two, 3, OK);
	ck_assert_uint_eq(kicked.w[0], BIT(0) | BIT(3));
	for (u32 i = 0; i < 3; i++)
		ck_assert_uint_eq(e[i].allowed.w[0], 6);
	sched_put(&s, 0, 4);
	sched_put(&s, 3, 4);
	ck_assert(e[0].cpu - 1 < 2 && e[1].cpu - 1 < 2);
}
END_TEST

/* An idle processor takes what waits elsewhere; one with something to do only what is far enough behind. */
START_TEST(stealing)
{
	struct sched_cpumask zero = mask(1);

	start(2, 4);
	allow(2, &zero, 0, OK);
	ck_assert_ptr_null(pick(0, 0));
	for (u32 i = 0; i < 3; i++)
		sched_wake(&s, &e[i], 0);
	ck_assert_ptr_nonnull(pick(0, 0));
	ck_assert_ptr_null(cpus[1].current);
	ck_assert_ptr_nonnull(pick(1, 0));
	ck_assert_ptr_ne(cpus[1].current, &e[2]);
	ck_assert_uint_eq(cpus[0].nr_waiting, 1);
	/* CPU 1 becomes idle: what waits is pinned to CPU 0. */
	ck_assert(sched_block(&s, 1, 1 * MS));
	ck_assert_ptr_ne(cpus[0].current, &e[2]);
	ck_assert_ptr_null(pick(1, 1 * MS));
	ck_assert_uint_eq(cpus[0].nr_waiting, 1);
}
END_TEST

START_TEST(cap)
{
	start(1, 1);
	set(0, (struct sched_params){ .weight = 1, .cap = 25 * SCHED_PERCENT }, 0, OK);
	sched_wake(&s, &e[0], 0);
	ck_assert_ptr_eq(pick(0, 0), &e[0]);
	ck_assert_uint_eq(until, 5 * MS / 2);
	/* 3 ms late: paid off with the whole of the next period's and a part of that after it. */
	sched_put(&s, 0, 11 * MS / 2);
	ck_assert_ptr_null(pick(0, 11 * MS / 2));
	ck_assert_uint_eq(until, 20 * MS);
	ck_assert_uint_eq(sched_next_event(&s, 0), 20 * MS);
	ck_assert_uint_eq(e[0].state, SCHED_THROTTLED);
	ck_assert_ptr_null(pick(0, 15 * MS));
	ck_assert_ptr_eq(pick(0, 20 * MS), &e[0]);
	ck_assert_uint_eq(until, 22 * MS);
	ck_assert_uint_eq(e[0].wait_ns, 29 * MS / 2);
	sched_put(&s, 0, 22 * MS);
	ck_assert_ptr_null(pick(0, 22 * MS));
	/* No cap any more: at once. */
	set(0, (struct sched_params){ .weight = 1 }, 23 * MS, OK);
	ck_assert_ptr_eq(pick(0, 23 * MS), &e[0]);
	ck_assert_uint_eq(until, 23 * MS + SCHED_ALONE_NS);
	/* A cap while it runs: what it runs from then on counts. */
	set(0, (struct sched_params){ .weight = 1, .cap = 25 * SCHED_PERCENT }, 24 * MS, OK);
	ck_assert(sched_preempt_check(&s, 0, 24 * MS));
	sched_put(&s, 0, 24 * MS);
	ck_assert_ptr_eq(pick(0, 24 * MS), &e[0]);
	ck_assert_uint_le(until, 24 * MS + 5 * MS / 2);
}
END_TEST

START_TEST(reserved)
{
	start(1, 2);
	set(0, (struct sched_params){ .weight = 10000 }, 0, OK);
	sched_wake(&s, &e[0], 0);
	ck_assert_ptr_eq(pick(0, 0), &e[0]);
	set(1, (struct sched_params){ .weight = 1, .reservation = 10 * SCHED_PERCENT }, 0, OK);
	ck_assert_uint_eq(sched_wake(&s, &e[1], 1 * MS), 0);
	sched_put(&s, 0, 1 * MS);
	ck_assert_ptr_eq(pick(0, 1 * MS), &e[1]);
	ck_assert_uint_eq(e[1].rank, SCHED_RESERVED);
	ck_assert_uint_eq(until, 2 * MS);
	sched_put(&s, 0, 2 * MS);
	ck_assert_uint_eq(e[1].rank, SCHED_WEIGHT);
	ck_assert_ptr_eq(pick(0, 2 * MS), &e[0]);
	sched_put(&s, 0, 9 * MS);
	/* Not beyond the refill. */
	ck_assert_ptr_eq(pick(0, 9 * MS), &e[0]);
	ck_assert_uint_eq(until, 10 * MS);
	sched_put(&s, 0, 10 * MS);
	ck_assert_ptr_eq(pick(0, 10 * MS), &e[1]);
	ck_assert_uint_eq(until, 11 * MS);
}
END_TEST

static struct sched_entity *turn(u32 cpu, u64 now)
{
	if (cpus[cpu].current)
		sched_put(&s, cpu, now);
	return pick(cpu, now);
}

/*
 * What a guest ran while its weight was tiny put it far ahead, and its processor's virtual time with it; at a higher
 * weight that is forgotten. Two that cannot move keep the other processor's time where it was. how: when the weight
 * changes it waits, runs, or is blocked.
 */
static void weight_raised(int how)
{
	struct sched_cpumask second = mask(2);
	u64 now = 20 * MS, ran;

	start(2, 5);
	set(0, (struct sched_params){ .weight = 1 }, 0, OK);
	for (u32 i = 3; i < 5; i++) {
		allow(i, &second, 0, OK);
		sched_wake(&s, &e[i], 0);
	}
	sched_wake(&s, &e[0], 0);
	ck_assert_ptr_nonnull(turn(1, 0));
	for (u64 t = 0; t <= now; t += 5 * MS) /* alone */
		ck_assert_ptr_eq(turn(0, t), &e[0]);
	sched_wake(&s, &e[1], now);
	sched_wake(&s, &e[2], now);
	ck_assert_ptr_ne(turn(0, now), &e[0]);
	if (how) {
		while (turn(0, now) != &e[0]) /* until the others have had their share at 256:1 */
			now += 100 * MS;
		now += 5 * MS;
	}
	if (how == 2) {
		ck_assert(sched_block(&s, 0, now));
		ck_assert_ptr_nonnull(pick(0, now));
	}
	set(0, (struct sched_params){ .weight = 256 }, now, OK);
	if (how == 2)
		sched_wake(&s, &e[0], now);
	ran = e[0].run_ns;
	for (u32 i = 0; i < 90; i++) {
		now += MS;
		ck_assert_ptr_nonnull(turn(0, now));
		ck_assert_ptr_nonnull(turn(1, now));
	}
	ck_assert_uint_ge(e[0].run_ns - ran, 8 * MS); /* of its 30, as 20 may have been run in advance */
}

START_TEST(weights_change)
{
	weight_raised(0);
	weight_raised(1);
	weight_raised(2);
}
END_TEST

/* The clock charges for what siblings and weight were meanwhile, and does not go back. */
START_TEST(group_clock)
{
	u64 c0;

	start(1, 1);
	sched_wake(&s, &e[0], 0);
	c0 = sched_group_clock(&g[0], 0);
	ck_assert_uint_eq(sched_group_clock(&g[0], 1000) - c0, 4000);
	sched_group_active(&g[0], 1, 2000);
	ck_assert_uint_eq(sched_group_clock(&g[0], 3000) - c0, 16000);
	set(0, (struct sched_params){ .weight = 1024 }, 4000, OK);
	ck_assert_uint_eq(sched_group_clock(&g[0], 5000) - c0, 26000);
	ck_assert_uint_eq(sched_group_clock(&g[0], 4990) - c0, 26000);
	/* Weights that do not divide lose nothing. */
	set(0, (struct sched_params){ .weight = 10000 }, 5000, OK);
	for (u32 i = 1; i <= 10000; i++)
		sched_group_clock(&g[0], 5000 + i);
	ck_assert_uint_eq(sched_group_clock(&g[0], 15000) - c0, 26000 + 2048);
	sched_group_active(&g[0], -1, 15000);
}
END_TEST

START_TEST(time_steps_back)
{
	start(2, 2);
	sched_wake(&s, &e[0], 1000);
	sched_wake(&s, &e[1], 900);
	ck_assert_ptr_nonnull(pick(0, 950));
	ck_assert_ptr_nonnull(pick(1, 990));
	sched_charge(&s, 0, 940);
	ck_assert_uint_eq(cpus[0].current->run_ns, 0);
	sched_charge(&s, 0, 2000);
	ck_assert_uint_eq(cpus[0].current->run_ns, 1050);
	sched_put(&s, 0, 1990);
	ck_assert_uint_eq(cpus[0].busy_ns, 1050);
	ck_assert_uint_le(e[0].wait_ns + e[1].wait_ns, 200);
}
END_TEST

/* What a processor does for others in a turn is no part of it: nobody pays for it, nobody is owed it. */
START_TEST(skipped)
{
	u64 v;

	start(1, 2);
	set(0, (struct sched_params){ .weight = 256, .cap = 25 * SCHED_PERCENT, .reservation = 20 * SCHED_PERCENT },
	    0, OK);
	sched_skip(&s, 0, 0); /* nothing runs */
	sched_wake(&s, &e[0], 0);
	sched_wake(&s, &e[1], 0);
	ck_assert_ptr_eq(pick(0, 0), &e[0]);
	ck_assert_uint_eq(until, 2 * MS);
	v = e[0].vruntime;
	sched_charge(&s, 0, MS / 2);
	sched_skip(&s, 0, 3 * MS / 2);
	ck_assert(!sched_preempt_check(&s, 0, 3 * MS / 2));
	ck_assert(sched_preempt_check(&s, 0, 2 * MS)); /* as it would have */
	sched_put(&s, 0, 2 * MS);
	ck_assert_uint_eq(e[0].run_ns, 1 * MS);
	ck_assert_uint_eq(g[0].run_ns, 1 * MS);
	ck_assert_uint_eq(cpus[0].busy_ns, 1 * MS);
	ck_assert_uint_eq(e[0].wait_ns, 1 * MS);
	ck_assert_uint_eq(e[0].vruntime - v, sched_group_cost(&g[0], 1 * MS));
	ck_assert_int_eq(g[0].cap.left, 3 * (s64)MS / 2);
	ck_assert_int_eq(g[0].reservation.left, 1 * (s64)MS);
	/* The clock stands still or goes back a little: nothing. */
	ck_assert_ptr_eq(pick(0, 2 * MS), &e[0]);
	sched_charge(&s, 0, 2 * MS + 100);
	sched_skip(&s, 0, 2 * MS + 90);
	ck_assert_uint_eq(e[0].run_ns, 1 * MS + 100);
	ck_assert_uint_eq(e[0].wait_ns, 1 * MS);
}
END_TEST

START_TEST(yielding)
{
	struct sched_cpumask one = mask(2);
	u64 sum;

	start(2, 1);
	ck_assert_int_eq(sched_entity_init(&s, &e[1], &g[0], NULL, 0), OK);
	ck_assert_int_eq(sched_entity_init(&s, &e[2], &g[0], &one, 0), OK);
	sched_wake(&s, &e[0], 0);
	ck_assert_ptr_eq(pick(0, 0), &e[0]);
	ck_assert(!sched_yield_to(&s, 0, NULL, 100, &kick)); /* nobody waits */
	sched_wake(&s, &e[2], 100);
	ck_assert_ptr_eq(pick(1, 100), &e[2]);
	sched_wake(&s, &e[1], 200);
	sched_charge(&s, 0, 1 * MS);
	e[1].vruntime = e[1].key = e[0].vruntime + 1000; /* alone in its queue: order does not suffer */
	sum = e[0].vruntime + e[1].vruntime;
	ck_assert(sched_yield_to(&s, 0, NULL, 1 * MS, &kick));
	ck_assert_uint_eq(e[0].vruntime + e[1].vruntime, sum);
	ck_assert_uint_gt(e[0].vruntime, e[1].vruntime);
	ck_assert(sched_preempt_check(&s, 0, 1 * MS));
	sched_put(&s, 0, 1 * MS);
	ck_assert_ptr_eq(pick(0, 1 * MS), &e[1]);
	/* The pinned one waits on CPU 1: brought forward there. */
	sched_put(&s, 1, 9 * MS);
	ck_assert_ptr_eq(pick(1, 9 * MS), &e[0]);
	ck_assert(sched_yield_to(&s, 0, NULL, 9 * MS, &kick));
	ck_assert_ptr_eq(cpus[1].buddy, &e[2]);
}
END_TEST

/* The sibling that is named goes before those that wait longer, wherever it waits; only while it waits. */
START_TEST(yielding_to_one)
{
	start(2, 2);
	for (u32 i = 2; i < 6; i++)
		ck_assert_int_eq(sched_entity_init(&s, &e[i], &g[0], NULL, 0), OK);
	for (u32 i = 0; i < 5; i++)
		sched_wake(&s, &e[i], i * 100);
	ck_assert_ptr_eq(pick(0, 500), &e[0]);
	ck_assert_ptr_nonnull(pick(1, 500));
	ck_assert_ptr_ne(cpus[1].current, &e[4]);
	ck_assert(sched_yield_to(&s, 0, &e[4], 1 * MS, &kick));
	sched_put(&s, 0, 1 * MS);
	ck_assert_ptr_eq(pick(0, 1 * MS), &e[4]);
	/* Itself, another guest's, one that is blocked: whoever waits longest. */
	for (u32 i = 0; i < 3; i++) {
		struct sched_entity *to[] = { &e[4], &e[1], &e[5] }, *longest = NULL;

		for (u32 k = 0; k < 5; k++)
			if (e[k].group == &g[0] && e[k].state == SCHED_QUEUED &&
			    (!longest || e[k].since < longest->since))
				longest = &e[k];
		ck_assert(sched_yield_to(&s, 0, to[i], 2 * MS, &kick));
		ck_assert_ptr_eq(cpus[0].buddy, longest);
	}
}
END_TEST

/* All processors of the largest machine; a busy one looks at a part of the others at a time, an idle one at all. */
START_TEST(large)
{
	static struct sched_cpu many[SCHED_MAX_CPUS];
	static struct sched_entity x[SCHED_MAX_CPUS * 2];
	u32 running = 0;

	sched_init(&s, many, SCHED_MAX_CPUS);
	ck_assert_int_eq(sched_group_init(&s, &g[0], &(struct sched_params){ .weight = 1 }, 0), OK);
	for (u32 i = 0; i < ARRAY_SIZE(x); i++) {
		ck_assert_int_eq(sched_entity_init(&s, &x[i], &g[0], NULL, 0), OK);
		sched_wake(&s, &x[i], 0); /* nobody is idle yet: all on one */
	}
	for (u32 i = 0; i < SCHED_MAX_CPUS; i++)
		running += pick(SCHED_MAX_CPUS - 1 - i, 10) != NULL;
	ck_assert_uint_eq(running, SCHED_MAX_CPUS);
	for (u64 now = 10 * MS; now < 200 * MS; now += 4 * MS)
		for (u32 i = 0; i < SCHED_MAX_CPUS; i++) {
			sched_put(&s, i, now);
			ck_assert_ptr_nonnull(pick(i, now));
		}
	for (u32 i = 0; i < ARRAY_SIZE(x); i++)
		ck_assert_uint_gt(x[i].run_ns, 40 * MS);
}
END_TEST

SUITE_MAIN("sched", heap, heap_bounded, parameters, admission, waking, no_lost_wake, suspending, moving,
           moving_together, stealing, cap, reserved, weights_change, group_clock, time_steps_back, skipped, yielding,
           yielding_to_one, large)
