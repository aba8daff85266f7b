/* The scheduler's promises, on simulated machines: shares, caps, reservations, latency. Prints what was measured. */
#include "sched_sim.h"

static struct sim m;

/* Shares in percent of one processor. tolerance: percent of a processor. */
static void report(const char *what, u32 n, const double *want, double tolerance)
{
	double worst = 0;

	printf("%s\n  %-6s %8s %8s %8s\n", what, "guest", "weight", "ideal %", "got %");
	for (u32 i = 0; i < n; i++) {
		double got = sim_share(&m, &m.g[i]), off = got > want[i] ? got - want[i] : want[i] - got;

		printf("  %-6u %8u %8.2f %8.2f\n", i, m.g[i].params.weight, want[i], got);
		worst = MAX(worst, off);
	}
	printf("  largest difference: %.2f %% of a CPU\n", worst);
	fflush(stdout); /* Check's processes do not when a test fails */
	ck_assert_double_le(worst, tolerance);
}

static void hogs(u32 n, const u32 *weights, u32 vcpus)
{
	for (u32 i = 0; i < n; i++) {
		struct sched_group *g = sim_group(&m, (struct sched_params){ .weight = weights[i] });

		for (u32 k = 0; k < vcpus; k++)
			sim_vcpu(&m, g, SCHED_NEVER, 0, 0);
	}
}

static void ideal(u32 n, const u32 *weights, u32 vcpus, u32 cpus, double *want)
{
	double w[SIM_GROUPS], limit[SIM_GROUPS];

	for (u32 i = 0; i < n; i++) {
		w[i] = weights[i];
		limit[i] = 100.0 * vcpus;
	}
	sim_ideal(n, w, limit, cpus, want);
}

static void fairness(const char *what, u32 n, const u32 *weights, u32 vcpus, u32 cpus)
{
	double want[SIM_GROUPS];
	char line[96];

	sim_init(&m, cpus);
	hogs(n, weights, vcpus);
	ideal(n, weights, vcpus, cpus, want);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	snprintf(line, sizeof(line), "%s, %u CPUs, 1 s", what, cpus);
	report(line, n, want, 1.0);
	sim_run(&m, 4 * SIM_S);
	snprintf(line, sizeof(line), "%s, %u CPUs, 5 s", what, cpus);
	report(line, n, want, 0.2);
}

static const u32 mix[10] = { 100, 100, 100, 100, 200, 200, 200, 400, 400, 400 };
static const u32 small_mix[10] = { 1, 1, 1, 1, 2, 2, 2, 4, 4, 4 };
static const u32 heavy_mix[10] = { 2500, 2500, 2500, 2500, 5000, 5000, 5000, 10000, 10000, 10000 };

START_TEST(shares)
{
	fairness("ten hogs 1:2:4", 10, mix, 1, 2);
	fairness("ten hogs 1:2:4", 10, mix, 1, 4);
	fairness("ten hogs 1:2:4", 10, mix, 1, 3);
	fairness("ten hogs, light", 10, small_mix, 1, 2);
	fairness("ten hogs, light", 10, small_mix, 1, 4);
	fairness("ten hogs, heavy", 10, heavy_mix, 1, 2);
	fairness("ten hogs, heavy", 10, heavy_mix, 1, 4);
}
END_TEST

/* A guest that asks for more than a processor can give to one vCPU leaves the rest to the others by their weights. */
START_TEST(infeasible)
{
	static const u32 w[5] = { 9000, 100, 100, 200, 300 };
	static const u32 two[6] = { 5000, 4000, 100, 100, 100, 200 };

	fairness("one too heavy", 5, w, 1, 2);
	fairness("two too heavy", 6, two, 1, 4);
	fairness("two too heavy", 6, two, 1, 3);
}
END_TEST

START_TEST(siblings)
{
	static const u32 w[4] = { 100, 100, 200, 400 };

	fairness("2 vCPUs each", 4, w, 2, 2);
	fairness("4 vCPUs each", 4, w, 4, 4);
	/* One vCPU against eight of the same weight. */
	sim_init(&m, 2);
	for (u32 i = 0; i < 9; i++)
		sim_vcpu(&m, i < 2 ? sim_group(&m, (struct sched_params){ 0 }) : &m.g[1], SCHED_NEVER, 0, 0);
	sim_group(&m, (struct sched_params){ 0 });
	sim_vcpu(&m, &m.g[2], SCHED_NEVER, 0, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("1, 8 and 1 vCPUs, 2 CPUs", 3, (double[]){ 66.67, 66.67, 66.67 }, 1.0);
}
END_TEST

START_TEST(caps)
{
	double w[10], limit[10], want[10];
	u32 nr = 10;

	for (u32 cpus = 1; cpus <= 4; cpus *= 2) {
		sim_init(&m, cpus);
		for (u32 i = 0; i < nr; i++) {
			w[i] = i ? 100 : 1000;
			limit[i] = i ? 100 : 25;
			sim_vcpu(&m,
			         sim_group(&m, (struct sched_params){ .weight = (u32)w[i],
			                                              .cap = i ? 0 : 25 * SCHED_PERCENT }),
			         SCHED_NEVER, 0, 0);
		}
		sim_ideal(nr, w, limit, cpus, want);
		sim_run(&m, 100 * SIM_MS);
		sim_mark(&m);
		sim_run(&m, SIM_S);
		report("a heavy guest capped at 25 %, nine hogs", nr, want, cpus > 1 ? 1.0 : 1.0);
		ck_assert_double_le(sim_share(&m, &m.g[0]), 25.25);
	}
	/* Alone on the machine, and four vCPUs under one cap. */
	sim_init(&m, 4);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .cap = 25 * SCHED_PERCENT }), SCHED_NEVER, 0, 0);
	sim_group(&m, (struct sched_params){ .cap = 150 * SCHED_PERCENT });
	for (u32 i = 0; i < 4; i++)
		sim_vcpu(&m, &m.g[1], SCHED_NEVER, 0, 0);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .cap = 80 * SCHED_PERCENT }), SCHED_NEVER, 0, 0);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .cap = 1 * SCHED_PERCENT }), 70 * SIM_US, 10 * SIM_US, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("caps of 25, 150, 80 and 1 %, nobody else", 4, (double[]){ 25, 150, 80, 1 }, 1.0);
}
END_TEST

/* Reserved: 50 % of weight 1 on one vCPU, 120 % on three; against heavy hogs and storms of wakers. */
static void reserve(u32 cpus, bool storm)
{
	sim_init(&m, cpus);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 1, .reservation = 50 * SCHED_PERCENT }),
	         SCHED_NEVER, 0, 0);
	sim_group(&m, (struct sched_params){ .weight = 1, .reservation = 120 * SCHED_PERCENT });
	for (u32 i = 0; i < 3; i++)
		sim_vcpu(&m, &m.g[1], SCHED_NEVER, 0, 0);
	for (u32 i = 0; i < 6; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 10000, .latency = storm && i < 3 }),
		         storm ? 60 * SIM_US : SCHED_NEVER, 40 * SIM_US, 0);
	for (u32 i = 0; i < 4; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 10000 }), SCHED_NEVER, 0, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report(storm ? "reserved 50 and 120 %, against storms" : "reserved 50 and 120 %, against hogs", 2,
	       (double[]){ 50, 120 }, 1.5);
	ck_assert_double_ge(sim_share(&m, &m.g[0]), 49.5);
	ck_assert_double_ge(sim_share(&m, &m.g[1]), 118.8);
}

START_TEST(reservations)
{
	reserve(2, false);
	reserve(4, false);
	reserve(2, true);
	reserve(4, true);
}
END_TEST

/*
 * Of every processor a part stays with those that have nothing reserved, however much others have: a guest whose one
 * busy vCPU has the budget of several, or whose vCPUs fill the processors in turns. Each processor has a guest pinned
 * to it.
 */
static void beside_reserved(u32 cpus, u32 vcpus, u32 busy, u32 reservation, struct sched_params pinned, u64 burst)
{
	double least = 100;

	sim_init(&m, cpus);
	sim_group(&m, (struct sched_params){ .weight = 100, .reservation = reservation * SCHED_PERCENT });
	for (u32 i = 0; i < vcpus; i++)
		sim_vcpu(&m, &m.g[0], i < busy ? SCHED_NEVER : 10 * SIM_US, 50 * SIM_MS, 0);
	for (u32 i = 0; i < cpus; i++)
		sim_vcpu(&m, sim_group(&m, pinned), burst, 100 * SIM_US, BIT(i));
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	for (u32 i = 1; i <= cpus; i++)
		least = MIN(least, sim_share(&m, &m.g[i]));
	printf("%u of %u vCPUs busy, %u %% reserved, on %u CPUs: %.2f %%; the least of those pinned: %.2f %%\n", busy,
	       vcpus, reservation, cpus, sim_share(&m, &m.g[0]), least);
	fflush(stdout);
	ck_assert_double_ge(least, 4.5);
	ck_assert_double_ge(sim_share(&m, &m.g[0]), 0.99 * MIN(reservation, 95 * MIN(busy, cpus)));
}

START_TEST(reserved_leave_the_rest)
{
	struct sched_params plain = { .weight = 100 }, quick = { .weight = 100, .latency = true };

	beside_reserved(1, 1, 1, 95, plain, SCHED_NEVER);
	beside_reserved(2, 1, 1, 100, plain, SCHED_NEVER);
	beside_reserved(2, 1, 1, 190, plain, SCHED_NEVER);
	beside_reserved(4, 4, 1, 380, plain, SCHED_NEVER);
	beside_reserved(2, 2, 2, 190, plain, SCHED_NEVER);
	beside_reserved(2, 3, 3, 190, plain, SCHED_NEVER);
	beside_reserved(4, 6, 5, 380, plain, SCHED_NEVER);
	beside_reserved(2, 3, 3, 190, quick, SCHED_NEVER);
	beside_reserved(2, 2, 2, 190, quick, 400 * SIM_US);
}
END_TEST

/* Sleeping just before its turn is over, or waking all the time,
 * gives nobody more than its share, and costs nobody. */
START_TEST(dodgers)
{
	for (u32 cpus = 1; cpus <= 4; cpus *= 2) {
		u64 fair = 100 * cpus / 8;

		sim_init(&m, cpus);
		for (u32 i = 0; i < 8; i++)
			sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }),
			         (u64[]){ SCHED_NEVER, 2900 * SIM_US, 30 * SIM_US, 990 * SIM_US }[i & 3],
			         (u64[]){ 0, 10 * SIM_US, 1 * SIM_US, 10 * SIM_US }[i & 3], 0);
		sim_run(&m, 100 * SIM_MS);
		sim_mark(&m);
		sim_run(&m, SIM_S);
		report("hogs, tick dodgers, storms of wake-ups, all of the same weight", 8,
		       (double[]){ [0 ... 7] = 100.0 * cpus / 8 }, 1.0 + (double)fair * 0.04);
	}
}
END_TEST

/* Ten thousand wake-ups a second of guests that need little: they get it, soon, and the hogs the rest. */
START_TEST(sleepers)
{
	sim_init(&m, 2);
	for (u32 i = 0; i < 4; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .latency = true }), 10 * SIM_US, 90 * SIM_US + i,
		         0);
	for (u32 i = 0; i < 4; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), SCHED_NEVER, 0, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	for (u32 i = 0; i < 8; i++)
		printf("  %u: %.2f %%, worst latency %.3f ms\n", i, sim_share(&m, &m.g[i]),
		       (double)m.v[i].worst_latency / 1e6);
	fflush(stdout);
	for (u32 i = 0; i < 4; i++) {
		ck_assert_double_ge(sim_share(&m, &m.g[i]), 9.0);
		ck_assert_uint_le(m.v[i].worst_latency, 100 * SIM_US);
	}
	for (u32 i = 4; i < 8; i++)
		ck_assert_double_ge(sim_share(&m, &m.g[i]), (200 - 40) / 4.0 - 1);
}
END_TEST

/* Without the class a waker of the same weight waits a turn at most;
 * a heavy load of the class does not keep its rank. */
START_TEST(latency)
{
	sim_init(&m, 1);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), 500 * SIM_US, 40 * SIM_MS, 0);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .latency = true }), 500 * SIM_US, 40 * SIM_MS, 0);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .latency = true }), 900 * SIM_US, 10 * SIM_US, 0);
	for (u32 i = 0; i < 5; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), SCHED_NEVER, 0, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	for (u32 i = 0; i < 8; i++)
		printf("  %u: %.2f %%, worst latency %.3f ms\n", i, sim_share(&m, &m.g[i]),
		       (double)m.v[i].worst_latency / 1e6);
	fflush(stdout);
	ck_assert_uint_le(m.v[0].worst_latency, 9 * SIM_MS);
	ck_assert_uint_le(m.v[1].worst_latency, 1100 * SIM_US);
	for (u32 i = 2; i < 8; i++)
		ck_assert(sim_share(&m, &m.g[i]) > 14 && sim_share(&m, &m.g[i]) < 18.5);
}
END_TEST

/*
 * A guest of the class that needs little, beside ones that sleep long and then run: what it ran while they slept it took
 * from nobody, so their first turns do not come before its.
 */
static u64 beside_wakers(u32 cpus, u32 weight, u64 burst, u64 sleep)
{
	sim_init(&m, cpus);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = weight, .latency = true }), 40 * SIM_US,
	         2700 * SIM_US, 0);
	for (u32 i = 0; i < 3 * cpus; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), burst, sleep + i * 31 * SIM_MS, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, 5 * SIM_S);
	printf("weight %u of class low on %u CPUs, %u that run %lu and sleep %lu ms: worst latency %lu us\n", weight,
	       cpus, 3 * cpus, (unsigned long)(burst / SIM_MS), (unsigned long)(sleep / SIM_MS),
	       (unsigned long)(m.v[0].worst_latency / SIM_US));
	fflush(stdout);
	ck_assert_uint_ge(m.v[0].wakes, 1500);
	return m.v[0].worst_latency;
}

START_TEST(wakers)
{
	u64 worst = 0;

	for (u32 cpus = 1; cpus <= 2; cpus++)
		for (u32 weight = 100; weight <= 10000; weight *= 10) {
			worst = MAX(worst, beside_wakers(cpus, weight, 80 * SIM_MS, 500 * SIM_MS)); /* mostly idle */
			worst = MAX(worst, beside_wakers(cpus, weight, 400 * SIM_MS, 500 * SIM_MS));
			worst = MAX(worst, beside_wakers(cpus, weight, 4 * SIM_MS, 50 * SIM_MS));
		}
	ck_assert_uint_le(worst, 100 * SIM_US);
}
END_TEST

/* The same rule gives one that wants much no more than its share of the time in which others run, too. */
START_TEST(wakers_share)
{
	sim_init(&m, 1);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .latency = true }), 900 * SIM_US, 10 * SIM_US, 0);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), 50 * SIM_MS, 100 * SIM_MS, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, 10 * SIM_S);
	/* The other's 50 ms take 100, but for what a sleeper is ahead, 6 ms; then there are 100 without it. */
	report("a heavy load of class low beside one that sleeps half of its time", 2, (double[]){ 73.6, 25.8 }, 1.0);
}
END_TEST

START_TEST(pinning)
{
	sim_init(&m, 4);
	/* CPU 0 is one guest's own; three are pinned to CPU 1; four run on the others. */
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 1 }), SCHED_NEVER, 0, 1);
	for (u32 i = 0; i < 3; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 100 * (i + 1) }), SCHED_NEVER, 0, 2);
	for (u32 i = 0; i < 4; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 1000 }), SCHED_NEVER, 0, 0xc);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("one exclusive, three pinned 1:2:3, four on two", 8,
	       (double[]){ 100, 16.67, 33.33, 50, 50, 50, 50, 50 }, 1.0);
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(m.v[i].e.migrations, 0);
}
END_TEST

/* Processors whose virtual times differ by far, and one guest that may run on both. */
START_TEST(islands)
{
	sim_init(&m, 2);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 100 }), SCHED_NEVER, 0, 1);
	for (u32 i = 0; i < 8; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 100 }), SCHED_NEVER, 0, 2);
	sim_run(&m, 5 * SIM_S);
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 100 }), SCHED_NEVER, 0, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("one here, eight there, one on both", 10, (double[]){ 50, [1 ... 8] = 12.5, 50 }, 1.0);
}
END_TEST

static void set(u32 g, struct sched_params p)
{
	struct sched_cpumask kick;

	ck_assert_int_eq(sched_group_set(&m.s, &m.g[g], &p, m.now, &kick), OK);
	sim_kick_all(&m, &kick);
}

START_TEST(live_changes)
{
	double want[4];
	u32 w[4] = { 100, 100, 100, 100 };

	sim_init(&m, 2);
	hogs(4, w, 1);
	sim_run(&m, SIM_S);
	for (u32 round = 0; round < 6; round++) {
		w[0] = (u32[]){ 1, 300, 10000, 100, 10000, 1 }[round];
		set(0, (struct sched_params){ .weight = w[0] });
		sim_run(&m, 100 * SIM_MS);
		sim_mark(&m);
		sim_run(&m, SIM_S);
		ideal(4, w, 1, 2, want);
		report("weight changed 0.1 s before", 4, want, 1.0);
	}
	set(0, (struct sched_params){ .weight = 100, .cap = 10 * SCHED_PERCENT });
	sim_run(&m, 50 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("capped at 10 %", 4, (double[]){ 10, 63.33, 63.33, 63.33 }, 1.0);
	set(0, (struct sched_params){ .weight = 1, .reservation = 90 * SCHED_PERCENT });
	sim_run(&m, 50 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("reserved 90 %", 4, (double[]){ 90, 36.67, 36.67, 36.67 }, 1.0);
}
END_TEST

/* A processor's idle turns need no events, and its load spreads at once. */
START_TEST(idle_costs_nothing)
{
	u64 picks;

	sim_init(&m, 4);
	for (u32 i = 0; i < 32; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), 50 * SIM_US, 500 * SIM_MS, 0);
	sim_run(&m, SIM_S);
	picks = m.c[0].picks + m.c[1].picks + m.c[2].picks + m.c[3].picks;
	sim_run(&m, 10 * SIM_S);
	picks = m.c[0].picks + m.c[1].picks + m.c[2].picks + m.c[3].picks - picks;
	printf("32 idle guests, 640 wake-ups: %lu looks\n", (unsigned long)picks);
	ck_assert_uint_le(picks, 640 * 4);
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(sched_next_event(&m.s, i), SCHED_NEVER);
}
END_TEST

/* Lock holder preemption: vCPU 0 works, the others spin for it and yield; with hogs around. */
static double holder_share(u64 spin)
{
	sim_init(&m, 2);
	sim_group(&m, (struct sched_params){ 0 });
	for (u32 i = 0; i < 4; i++)
		sim_vcpu(&m, &m.g[0], SCHED_NEVER, 0, 0)->spin = i ? spin : 0;
	for (u32 i = 0; i < 2; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ 0 }), SCHED_NEVER, 0, 0);
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	ck_assert_double_le(sim_share(&m, &m.g[0]), 68);
	ck_assert_double_ge(sim_share(&m, &m.g[1]), 65);
	return sim_share_of(&m, &m.v[0]);
}

START_TEST(spinners)
{
	double without = holder_share(0), with = holder_share(20 * SIM_US);

	printf("a lock holder among three spinners: %.1f %% of a CPU, %.1f %% with yields\n", without, with);
	ck_assert_double_ge(with, without * 1.5);
}
END_TEST

/*
 * What a processor does for others in a guest's turns is at nobody's expense: not that guest's, which is due all of
 * its share of the rest, and not the others' either, whose share it does not take in exchange.
 */
START_TEST(housekeeping)
{
	sim_init(&m, 1);
	m.house_ns = 700 * SIM_US;
	for (u32 i = 0; i < 3; i++)
		sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 100 }), SCHED_NEVER, 0, 0)->house =
		        i ? 0 : 1 * SIM_MS;
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	/* Each x, and 0.7 x of housekeeping: 3.7 x are all. */
	report("three hogs, housekeeping of 0.7 ms for every ms of the first", 3, (double[]){ [0 ... 2] = 100 / 3.7 },
	       1.0);
	/* A cap is of what it runs itself. */
	sim_init(&m, 1);
	m.house_ns = 700 * SIM_US;
	sim_vcpu(&m, sim_group(&m, (struct sched_params){ .weight = 100, .cap = 30 * SCHED_PERCENT }), SCHED_NEVER, 0,
	         0)
	        ->house = 1 * SIM_MS;
	sim_run(&m, 100 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("a cap of 30 % with housekeeping in its turns", 1, (double[]){ 30 }, 1.0);
}
END_TEST

/* Many processors: more than a busy one looks at in one go would be 32; here 16, all balanced from one. */
START_TEST(many)
{
	double want[SIM_GROUPS];
	u32 w[40];

	for (u32 i = 0; i < 40; i++)
		w[i] = 100 + i * 10;
	sim_init(&m, 16);
	hogs(40, w, 1);
	ideal(40, w, 1, 16, want);
	sim_run(&m, 200 * SIM_MS);
	sim_mark(&m);
	sim_run(&m, SIM_S);
	report("forty hogs, 16 CPUs", 40, want, 1.0);
}
END_TEST

SUITE_MAIN("sched_sim", shares, infeasible, siblings, caps, reservations, reserved_leave_the_rest, dodgers, sleepers,
           latency, wakers, wakers_share, pinning, islands, live_changes, idle_costs_nothing, spinners, housekeeping,
           many)
