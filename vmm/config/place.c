/* From what guests ask for to sets of processors. */
#include "vmm/config/place.h"

#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/config/internal.h"
#include "vmm/sched/sched.h"

struct solver {
	const struct machine *m;
	struct place *list;
	u32 nr;
	struct config_errs *errs;
	bool failed;
	struct cpuset owned;  /* cores of exclusive guests, whole */
	struct cpuset pinned; /* of all pins by number */
	u32 load[CPUSET_MAX]; /* guests bound to each CPU */
};

static struct where at(struct solver *s, struct place *p, const char *prop)
{
	struct where w;

	cfg_where(&w, s->errs, "/guests/", p->name);
	w.prop = prop;
	p->failed = true;
	s->failed = true;
	return w;
}

static bool pinned(const struct place *p)
{
	return !cpuset_empty(&p->pin);
}

static void take(struct solver *s, struct place *p, const struct cpuset *set)
{
	struct cpuset whole;

	p->cpus = *set;
	for (u32 i = 0; i < s->m->nr_cpus; i++)
		s->load[i] += cpuset_has(set, i);
	if (!p->exclusive)
		return;
	machine_cores_of(s->m, set, &whole);
	cpuset_join(&s->owned, &whole);
}

/* Pins by number: those of one guest must not touch the exclusive cores of another. */
static void take_pins(struct solver *s)
{
	for (u32 i = 0; i < s->nr; i++) {
		struct place *p = &s->list[i];

		if (!pinned(p))
			continue;
		for (u32 c = s->m->nr_cpus; c < CPUSET_MAX; c++) {
			if (cpuset_has(&p->pin, c)) {
				struct where w = at(s, p, "pin");

				cfg_fail(&w, "there is no CPU %u: the machine has %u", c, s->m->nr_cpus);
				break;
			}
		}
		for (u32 k = 0; p->exclusive && k < s->nr; k++) {
			if (k != i && place_conflict(s->m, &p->pin, true, &s->list[k].pin, false)) {
				struct where w = at(s, &s->list[k], "pin");

				cfg_fail(&w, "%s has some of these CPUs' cores for itself", p->name);
			}
		}
		take(s, p, &p->pin);
		cpuset_join(&s->pinned, &p->pin);
	}
}

static bool together(const struct machine *m, u32 a, u32 b, enum vm_sharing sharing)
{
	if (sharing == VM_SHARE_ANY)
		return true;
	return m->cpu[a].package == m->cpu[b].package &&
	       (sharing == VM_SHARE_PACKAGE || m->cpu[a].core == m->cpu[b].core);
}

/*
 * Takes count CPUs of group, the least loaded first, and with one all of its core before others are looked at, so
 * that exclusive guests leave few threads unused. Returns the sum of their loads.
 */
static u32 pick(const struct solver *s, struct cpuset group, u32 count, bool exclusive, struct cpuset *out)
{
	u32 sum = 0, last = CPUSET_MAX;

	*out = (struct cpuset){ 0 };
	while (count--) {
		u32 best = CPUSET_MAX;

		for (u32 i = 0; i < s->m->nr_cpus; i++) {
			if (!cpuset_has(&group, i))
				continue;
			if (exclusive && last < CPUSET_MAX && together(s->m, last, i, VM_SHARE_CORE)) {
				best = i;
				break;
			}
			if (best == CPUSET_MAX || s->load[i] < s->load[best])
				best = i;
		}
		if (best == CPUSET_MAX)
			break; /* the caller has counted: never */
		cpuset_add(out, best);
		group.w[best / 64] &= ~BIT(best % 64);
		sum += s->load[best];
		last = best;
	}
	return sum;
}

/* The best group of CPUs that are together as p asks:
 * for exclusive ones the smallest, for others the least loaded. */
static bool choose(const struct solver *s, const struct place *p, const struct cpuset *allowed, struct cpuset *out)
{
	u32 best = ~0u;

	for (u32 lead = 0; lead < s->m->nr_cpus; lead++) {
		struct cpuset group = { 0 }, set;
		bool first = true;
		u32 score;

		for (u32 i = 0; i < s->m->nr_cpus; i++) {
			if (!cpuset_has(allowed, i) || !together(s->m, lead, i, p->cores.sharing))
				continue;
			first &= i >= lead;
			cpuset_add(&group, i);
		}
		/* Every group once: by its first member. */
		if (!first || !cpuset_has(&group, lead) || cpuset_count(&group) < p->cores.count)
			continue;
		score = pick(s, group, p->cores.count, p->exclusive, &set);
		if (p->exclusive)
			score = cpuset_count(&group);
		if (score < best) {
			best = score;
			*out = set;
		}
	}
	return best != ~0u;
}

static void take_selector(struct solver *s, struct place *p)
{
	struct cpuset allowed = { 0 }, taken = s->owned, set;
	struct where w;

	/* Exclusive cores must have no thread that a pin has given away. */
	if (p->exclusive)
		cpuset_join(&taken, &s->pinned);
	machine_cores_of(s->m, &taken, &taken);
	for (u32 i = 0; i < s->m->nr_cpus; i++)
		if (!cpuset_has(&taken, i))
			cpuset_add(&allowed, i);
	if (choose(s, p, &allowed, &set)) {
		take(s, p, &set);
		return;
	}
	w = at(s, p, "cores");
	cfg_fail(&w, "no %u CPUs%s are %sleft", p->cores.count,
	         p->cores.sharing == VM_SHARE_CORE      ? " sharing a core"
	         : p->cores.sharing == VM_SHARE_PACKAGE ? " sharing a package"
	                                                : "",
	         p->exclusive ? "free of other guests and " : "");
}

/* Selectors: the exclusive ones first, and of these the largest first. */
static void take_selectors(struct solver *s)
{
	for (u32 count = s->m->nr_cpus + 1; count; count--)
		for (u32 i = 0; i < s->nr; i++)
			if (s->list[i].exclusive && !pinned(&s->list[i]) && s->list[i].cores.count &&
			    MIN(s->list[i].cores.count, s->m->nr_cpus + 1) == count)
				take_selector(s, &s->list[i]);
	for (u32 i = 0; i < s->nr; i++)
		if (!s->list[i].exclusive && !pinned(&s->list[i]) && s->list[i].cores.count)
			take_selector(s, &s->list[i]);
}

static void take_rest(struct solver *s)
{
	struct cpuset left = { 0 };

	for (u32 i = 0; i < s->m->nr_cpus; i++)
		if (!cpuset_has(&s->owned, i))
			cpuset_add(&left, i);
	for (u32 i = 0; i < s->nr; i++) {
		struct place *p = &s->list[i];

		if (pinned(p) || p->cores.count)
			continue;
		p->cpus = left;
		if (cpuset_empty(&left) && !p->skipped) {
			struct where w = at(s, p, NULL);

			cfg_fail(&w, "no CPU is left for it: others have all of them for themselves");
		}
	}
}

/* What of this many processors may be reserved, in percent of one. */
static u64 reservable(u32 cpus)
{
	return (u64)cpus * SCHED_RESERVABLE / SCHED_PERCENT;
}

static void refuse(struct solver *s, struct place *p, const struct cpuset *set, u64 taken)
{
	u64 all = reservable(cpuset_count(set));
	struct where w = at(s, p, "reservation");
	char text[48];

	cpuset_format(set, text, sizeof(text));
	cfg_fail(&w,
	         "asks for %u %% of a CPU; of CPUs %.40s %llu %% can be reserved (%u %% of each), %llu %% are left",
	         p->reservation, text, (unsigned long long)all, SCHED_RESERVABLE / SCHED_PERCENT,
	         (unsigned long long)(all > taken ? all - taken : 0));
}

/*
 * Admission by the scheduler's rule (sched_admit()), in the order in which guests are created, so that what is
 * accepted here is accepted there: what guests reserve that can run on these processors only must fit there. Looked
 * at for the whole machine and for the processors of every guest that reserves; exact where sets are disjoint or
 * nested.
 */
static void admit(struct solver *s)
{
	struct cpuset all = { 0 };
	u64 total = 0;

	for (u32 i = 0; i < s->m->nr_cpus; i++)
		cpuset_add(&all, i);
	for (u32 i = 0; i < s->nr; i++) {
		struct place *p = &s->list[i];
		const struct cpuset *full = total + p->reservation > reservable(s->m->nr_cpus) ? &all : NULL;
		u64 taken = total;

		if (!p->reservation || cpuset_empty(&p->cpus))
			continue;
		/* Its own processors last: they tell most. */
		for (u32 k = 0; k <= i; k++) {
			const struct place *q = &s->list[k];

			if ((q->admitted || k == i) && cpuset_within(&p->cpus, &q->cpus) &&
			    q->taken + p->reservation > reservable(cpuset_count(&q->cpus))) {
				full = &q->cpus;
				taken = q->taken;
			}
		}
		if (full) {
			refuse(s, p, full, taken);
			continue;
		}
		p->admitted = true;
		total += p->reservation;
		for (u32 k = 0; k < s->nr; k++)
			if (cpuset_within(&p->cpus, &s->list[k].cpus))
				s->list[k].taken += p->reservation;
	}
}

static int solve(const struct machine *m, struct place *list, u32 nr, struct config_errs *errs)
{
	struct solver s = { .m = m, .list = list, .nr = nr, .errs = errs };

	for (u32 i = 0; i < nr; i++) {
		list[i].failed = false;
		list[i].cpus = (struct cpuset){ 0 };
		list[i].admitted = false;
		list[i].taken = 0;
	}
	take_pins(&s);
	take_selectors(&s);
	take_rest(&s);
	admit(&s);
	return s.failed ? ERR_INVAL : OK;
}

/* Marks who is left out next: all that do not fit and may be, or the last that may be. false: there is none. */
static bool leave_out(struct place *list, u32 nr)
{
	struct place *last = NULL;
	bool any = false;

	for (u32 i = 0; i < nr; i++) {
		struct place *p = &list[i];

		if (!p->may_skip || p->skipped)
			continue;
		last = p;
		if (p->failed)
			any = p->skipped = true;
	}
	if (!any && last)
		any = last->skipped = true;
	return any;
}

/* What one that is left out asks for does not count. */
static void forget_skipped(struct place *list, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		struct place *p = &list[i];

		if (!p->skipped)
			continue;
		p->reservation = 0;
		p->exclusive = false;
		p->pin = (struct cpuset){ 0 };
		p->cores = (struct vm_cores){ .count = 0 };
	}
}

int place_solve(const struct machine *m, struct place *list, u32 nr, struct config_errs *errs)
{
	for (;;) {
		forget_skipped(list, nr);
		if (solve(m, list, nr, errs) == OK)
			return OK;
		if (!leave_out(list, nr))
			return ERR_INVAL;
	}
}

int config_place(const void *blob, const struct machine *m, struct place *list, u32 nr, struct config_errs *errs)
{
	for (u32 i = 0; i < nr; i++) {
		struct vm_config vm;
		int r = config_guest_parse(blob, i, NULL, &vm, errs);

		if (r != OK)
			return r;
		list[i] = (struct place){
			.may_skip = vm.on_error == VM_ERROR_SKIP,
			.skipped = list[i].skipped,
			.reservation = vm.reservation,
			.pin = vm.pin,
			.cores = vm.cores,
			.exclusive = vm.exclusive,
		};
		fmt_snprintf(list[i].name, sizeof(list[i].name), "%s", vm.name);
	}
	return place_solve(m, list, nr, errs);
}

bool place_conflict(const struct machine *m, const struct cpuset *a, bool a_exclusive, const struct cpuset *b,
                    bool b_exclusive)
{
	struct cpuset whole, rest = *b;

	if (!a_exclusive && !b_exclusive)
		return false;
	machine_cores_of(m, a, &whole);
	cpuset_remove(&rest, &whole);
	return memcmp(&rest, b, sizeof(rest)) != 0;
}
