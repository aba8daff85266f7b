/*
 * A machine for the scheduler, simulated event by event in ns: processors that pick, run and are kicked, vCPUs that
 * run for a burst and sleep. Deterministic.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "vmm/sched/sched.h"

#define SIM_CPUS    16
#define SIM_VCPUS   256
#define SIM_GROUPS  64
#define SIM_KICK_NS 1000 /* from the sender's kick to the receiver's look */
#define SIM_S       1000000000ull
#define SIM_MS      1000000ull
#define SIM_US      1000ull

struct sim_vcpu {
	struct sched_entity e;
	u64 burst, sleep;    /* ns of running and of sleeping in turn; burst SCHED_NEVER: runs always */
	u64 spin;            /* ns of running after which it yields to a sibling; 0: does not */
	u64 house;           /* ns of running after which its processor does something for others; 0: does not */
	u64 left, spin_left; /* of the burst */
	u64 house_left;
	u64 wake_at; /* asleep until; SCHED_NEVER: awake */
	u64 woken_at, worst_latency, wakes;
	u64 mark; /* run_ns at the beginning of the measurement */
};

struct sim_cpu {
	struct sim_vcpu *cur;
	u64 until, started, kick_at;
	u64 picks;
	u64 house_until; /* it does something for others in the current's turn; 0: does not */
};

struct sim {
	struct sched s;
	struct sched_cpu cpus[SIM_CPUS];
	struct sim_cpu c[SIM_CPUS];
	struct sched_group g[SIM_GROUPS];
	struct sim_vcpu v[SIM_VCPUS];
	u32 nr_groups, nr_vcpus;
	u64 now, mark;
	u64 house_ns; /* how long that takes */
};

static inline void sim_init(struct sim *m, u32 nr_cpus)
{
	memset(m, 0, sizeof(*m));
	m->now = 12345;
	sched_init(&m->s, m->cpus, nr_cpus);
	for (u32 i = 0; i < nr_cpus; i++)
		m->c[i] = (struct sim_cpu){ .until = m->now, .kick_at = SCHED_NEVER };
}

static inline struct sched_group *sim_group(struct sim *m, struct sched_params p)
{
	struct sched_group *g = &m->g[m->nr_groups++];

	p.weight = p.weight ? p.weight : SCHED_WEIGHT_DEFAULT;
	ck_assert_int_eq(sched_group_init(&m->s, g, &p, m->now), OK);
	return g;
}

static inline void sim_kick(struct sim *m, u32 cpu)
{
	if (cpu != SCHED_NO_CPU && m->now + SIM_KICK_NS < m->c[cpu].kick_at)
		m->c[cpu].kick_at = m->now + SIM_KICK_NS;
}

static inline void sim_kick_all(struct sim *m, const struct sched_cpumask *mask)
{
	for (u32 i = 0; i < m->s.nr_cpus; i++)
		if (sched_mask_test(mask, i))
			sim_kick(m, i);
}

/* Asleep at first; wakes at once, at a slightly different time each. cpus: bits, 0: all. */
static inline struct sim_vcpu *sim_vcpu(struct sim *m, struct sched_group *g, u64 burst, u64 sleep, u64 cpus)
{
	struct sim_vcpu *v = &m->v[m->nr_vcpus++];
	struct sched_cpumask mask = { { cpus } };

	v->burst = v->left = burst;
	v->sleep = sleep;
	v->wake_at = m->now + m->nr_vcpus * 7 * SIM_US;
	ck_assert_int_eq(sched_entity_init(&m->s, &v->e, g, cpus ? &mask : NULL, m->now), OK);
	return v;
}

static inline void sim_wake(struct sim *m, struct sim_vcpu *v)
{
	v->wake_at = SCHED_NEVER;
	v->left = v->burst;
	v->spin_left = v->spin;
	v->woken_at = m->now;
	v->wakes++;
	sim_kick(m, sched_wake(&m->s, &v->e, m->now));
}

static inline void sim_ran(struct sim *m, struct sim_cpu *c)
{
	u64 ran = m->now - c->started;

	c->started = m->now;
	if (c->cur->left != SCHED_NEVER)
		c->cur->left -= ran;
	c->cur->spin_left -= MIN(c->cur->spin_left, ran);
	c->cur->house_left -= MIN(c->cur->house_left, ran);
}

/* What the processor does for others in v's turn begins or ends. true: v does not go on yet. */
static inline bool sim_housekeeping(struct sim *m, u32 i, struct sim_vcpu *v)
{
	struct sim_cpu *c = &m->c[i];

	if (c->house_until) {
		c->house_until = 0;
		c->started = m->now;
		v->house_left = v->house;
		sched_skip(&m->s, i, m->now);
		return false;
	}
	sim_ran(m, c);
	if (!v->house || v->house_left || !v->left)
		return false;
	sched_charge(&m->s, i, m->now);
	c->house_until = m->now + m->house_ns;
	return true;
}

static inline void sim_cpu_event(struct sim *m, u32 i)
{
	struct sim_cpu *c = &m->c[i];
	struct sim_vcpu *v = c->cur;
	u32 kick;

	if (c->kick_at <= m->now)
		c->kick_at = SCHED_NEVER;
	if (v && sim_housekeeping(m, i, v))
		return;
	if (v) {
		if (!v->left) {
			ck_assert(sched_block(&m->s, i, m->now));
			v->wake_at = m->now + v->sleep;
			c->cur = NULL;
		} else {
			if (v->spin && !v->spin_left) {
				v->spin_left = v->spin;
				sched_yield_to(&m->s, i, NULL, m->now, &kick);
				sim_kick(m, kick);
			}
			if (sched_preempt_check(&m->s, i, m->now)) {
				sim_kick(m, sched_put(&m->s, i, m->now));
				c->cur = NULL;
			}
		}
	}
	if (!c->cur) {
		struct sched_entity *e = sched_pick(&m->s, i, m->now, &c->until, &kick);

		sim_kick(m, kick);
		c->picks++;
		c->started = m->now;
		c->cur = e ? container_of(e, struct sim_vcpu, e) : NULL;
		if (e && c->cur->woken_at) {
			c->cur->worst_latency = MAX(c->cur->worst_latency, m->now - c->cur->woken_at);
			c->cur->woken_at = 0;
		}
		if (e)
			ck_assert_uint_gt(c->until, m->now);
		ck_assert(!e || sched_mask_test(&e->allowed, i));
	}
}

static inline u64 sim_cpu_next(const struct sim_cpu *c)
{
	u64 t = MIN(c->until, c->kick_at);

	if (c->house_until)
		return c->house_until;
	if (c->cur && c->cur->house)
		t = MIN(t, c->started + MAX(c->cur->house_left, 1u));
	if (c->cur && c->cur->left != SCHED_NEVER)
		t = MIN(t, c->started + c->cur->left);
	if (c->cur && c->cur->spin)
		t = MIN(t, c->started + MAX(c->cur->spin_left, 1u));
	return t;
}

static inline void sim_run(struct sim *m, u64 ns)
{
	u64 end = m->now + ns;

	for (;;) {
		u64 t = end;

		for (u32 i = 0; i < m->nr_vcpus; i++)
			t = MIN(t, m->v[i].wake_at);
		for (u32 i = 0; i < m->s.nr_cpus; i++)
			t = MIN(t, sim_cpu_next(&m->c[i]));
		m->now = MAX(t, m->now);
		if (m->now >= end)
			break;
		for (u32 i = 0; i < m->nr_vcpus; i++)
			if (m->v[i].wake_at <= m->now)
				sim_wake(m, &m->v[i]);
		for (u32 i = 0; i < m->s.nr_cpus; i++)
			if (sim_cpu_next(&m->c[i]) <= m->now)
				sim_cpu_event(m, i);
	}
	m->now = end;
	for (u32 i = 0; i < m->s.nr_cpus; i++)
		sched_charge(&m->s, i, m->now);
}

/* A measurement begins. */
static inline void sim_mark(struct sim *m)
{
	m->mark = m->now;
	for (u32 i = 0; i < m->nr_vcpus; i++) {
		m->v[i].mark = m->v[i].e.run_ns;
		m->v[i].worst_latency = 0;
	}
}

/* Percent of one processor that group g (v: one vCPU) had since sim_mark(). */
static inline double sim_share_of(const struct sim *m, const struct sim_vcpu *v)
{
	return 100.0 * (double)(v->e.run_ns - v->mark) / (double)(m->now - m->mark);
}

static inline double sim_share(const struct sim *m, const struct sched_group *g)
{
	double sum = 0;

	for (u32 i = 0; i < m->nr_vcpus; i++)
		if (m->v[i].e.group == g)
			sum += sim_share_of(m, &m->v[i]);
	return sum;
}

/* What n groups of hogs should get, in percent: water-filling of cpus by weight, none more than its limit. */
static inline void sim_ideal(u32 n, const double *weight, const double *limit, double cpus, double *out)
{
	bool full[SIM_GROUPS] = { false };
	double left = cpus * 100;

	for (bool more = true; more;) {
		double sum = 0;

		more = false;
		for (u32 i = 0; i < n; i++)
			sum += full[i] ? 0 : weight[i];
		for (u32 i = 0; i < n; i++)
			out[i] = full[i] ? out[i] : left * weight[i] / sum;
		for (u32 i = 0; i < n && !more; i++)
			if (!full[i] && out[i] > limit[i]) {
				full[i] = more = true;
				out[i] = limit[i];
				left -= limit[i];
			}
	}
}
