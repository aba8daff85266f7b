/* What can be changed of a guest while it runs: its share of the processors, and which of them. */
#include "arch/x86/percpu.h"
#include "lib/fmt.h"
#include "vmm/config/place.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/life/ctl.h"
#include "vmm/life/events.h"
#include "vmm/operator/ops.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/kick.h"
#include "vmm/vm/vm.h"

static void kick(const struct sched_cpumask *mask)
{
	for (u32 i = 0; i < nr_pcpus; i++)
		if (sched_mask_test(mask, i))
			pcpu_kick(i);
}

static void share_refused(const struct vm *vm, const struct sched_params *p, int err, struct mon_why *why)
{
	u32 n = vm->nr_vcpus;

	if (err == ERR_NOSPC)
		fmt_snprintf(why->text, sizeof(why->text), "the machine has not that much left to reserve");
	else if (p->cap > sched_most_used(n))
		fmt_snprintf(why->text, sizeof(why->text), "a cap of %u %% is more than its %u vCPUs can use",
		             p->cap / SCHED_PERCENT, n);
	else if (p->reservation > sched_most_reserved(n))
		fmt_snprintf(why->text, sizeof(why->text), "%u %% can be reserved for its %u vCPUs at most",
		             sched_most_reserved(n) / SCHED_PERCENT, n);
	else if (p->cap && p->reservation > p->cap)
		fmt_snprintf(why->text, sizeof(why->text), "a reservation of %u %% is above a cap of %u %%",
		             p->reservation / SCHED_PERCENT, p->cap / SCHED_PERCENT);
	else
		fmt_snprintf(why->text, sizeof(why->text), "out of range");
}

static int set_share(struct vm *vm, enum mon_prop prop, u32 num, struct mon_why *why)
{
	struct sched_params p = vm->sched.params;
	struct sched_cpumask mask;
	int err;

	switch (prop) {
	case MON_WEIGHT: p.weight = num; break;
	case MON_CAP: p.cap = num * SCHED_PERCENT; break;
	case MON_RESERVATION: p.reservation = num * SCHED_PERCENT; break;
	default: return ERR_NOTSUP;
	}
	err = sched_group_set(&pcpu_sched, &vm->sched, &p, clock_now(), &mask);
	if (err)
		share_refused(vm, &p, err, why);
	else
		kick(&mask);
	return err;
}

/* ---- processors ---- */

/* The processors vm may use: all its vCPUs the same. */
static struct cpuset cpus_of(const struct vm *vm)
{
	struct cpuset set = { 0 };

	for (u32 i = 0; i < nr_pcpus; i++)
		if (vm->nr_vcpus && sched_mask_test(&vm->vcpus[0]->sched.allowed, i))
			cpuset_add(&set, i);
	return set;
}

/* What the value means for vm: "all" leaves out the cores that other guests have for themselves. */
static struct cpuset meant(const struct vm *vm, const struct machine *m, const struct mon_value *value)
{
	struct cpuset set = { 0 };

	for (u32 i = 0; i < nr_pcpus; i++)
		if (pcpus[i]->vmx_on && value->cpus.w[i / 64] >> (i % 64) & 1)
			cpuset_add(&set, i);
	for (const struct vm *o = vm_list; o && value->all; o = o->next) {
		struct cpuset owned = cpus_of(o);

		if (o == vm || !o->config.exclusive)
			continue;
		machine_cores_of(m, &owned, &owned);
		cpuset_remove(&set, &owned);
	}
	return set;
}

/* exclusive-cores holds also for what is asked for now: vm's, and the others'. */
static int check_apart(const struct vm *vm, const struct machine *m, const struct cpuset *set, struct mon_why *why)
{
	vm_for_each (o) {
		struct cpuset theirs = cpus_of(o);

		mon_point(&monitor_mon);
		if (o == vm || !place_conflict(m, set, vm->config.exclusive, &theirs, o->config.exclusive))
			continue;
		if (o->config.exclusive)
			fmt_snprintf(why->text, sizeof(why->text), "%s has some of these CPUs' cores for itself",
			             o->config.name);
		else
			fmt_snprintf(why->text, sizeof(why->text),
			             "it has its cores for itself, and %s may run on some of these", o->config.name);
		return ERR_NOSPC;
	}
	return OK;
}

static u32 nr_pinned; /* times that one was; monitor_lock */

static int set_pin(struct vm *vm, const struct machine *m, const struct mon_value *value, struct mon_why *why)
{
	struct cpuset set = meant(vm, m, value);
	struct sched_cpumask mask = { 0 }, kicked;
	u32 seen;
	int err;

	do { /* what is checked, guest by guest, must hold when it is set: others may be set in between */
		seen = nr_pinned;
		err = check_apart(vm, m, &set, why);
		if (err)
			return err;
		mon_fresh(&monitor_mon);
	} while (seen != nr_pinned);
	nr_pinned++;
	for (u32 i = 0; i < nr_pcpus; i++)
		if (cpuset_has(&set, i))
			sched_mask_set(&mask, i);
	err = sched_group_set_allowed(&pcpu_sched, &vm->sched, &mask, clock_now(), &kicked);
	if (err == ERR_NOSPC)
		fmt_snprintf(why->text, sizeof(why->text), "its reservation does not fit there");
	else if (err)
		fmt_snprintf(why->text, sizeof(why->text), "no such CPU is running");
	else
		kick(&kicked);
	return err;
}

/* It is done: to say so takes longer. */
static void tell(struct vm *vm, enum mon_prop prop, const struct mon_value *value)
{
	char text[80];
	size_t n;

	mon_fresh(&monitor_mon);
	n = (size_t)fmt_snprintf(text, sizeof(text), "%s set to ", mon_prop_str(prop));
	mon_fresh(&monitor_mon);
	if (prop == MON_PIN) {
		struct cpuset set = cpus_of(vm);

		cpuset_format(&set, text + n, sizeof(text) - n);
	} else {
		fmt_snprintf(text + n, sizeof(text) - n, "%lu", (unsigned long)value->num);
	}
	mon_fresh(&monitor_mon);
	vm_log_text(vm, text);
	mon_fresh(&monitor_mon);
	life_event(vm, MON_EV_CHANGED, "");
}

int monitor_set(struct vm *vm, const struct machine *m, enum mon_prop prop, const struct mon_value *value,
                struct mon_why *why)
{
	int err = prop == MON_PIN ? set_pin(vm, m, value, why) : set_share(vm, prop, value->num, why);

	if (!err)
		tell(vm, prop, value);
	return err;
}
