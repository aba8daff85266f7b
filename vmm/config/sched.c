/* Properties of a guest that say how much of the machine's processors it gets, and which. */
#include "vmm/sched/sched.h"
#include "lib/string.h"
#include "vmm/config/internal.h"

static const char *const latency_words[] = { "normal", "low", NULL };

const char *config_latency_str(enum vm_latency l)
{
	return (u32)l < ARRAY_SIZE(latency_words) - 1 ? latency_words[l] : "?";
}

void cfg_vm_weight(struct where *w, const struct value *v, const struct target *t)
{
	u32 n;

	if (!cfg_u32(w, v, &n))
		return;
	if (n < 1 || n > CONFIG_MAX_WEIGHT)
		cfg_fail(w, "must be 1 to %u", CONFIG_MAX_WEIGHT);
	else
		t->vm->weight = n;
}

/* Bounds that depend on the number of vCPUs are cfg_check_sched's. */
static void percent(struct where *w, const struct value *v, u32 *out)
{
	u32 n;

	if (!cfg_u32(w, v, &n))
		return;
	if (n > 100 * CONFIG_MAX_VCPUS)
		cfg_fail(w, "must be percent of one CPU, at most 100 for each vCPU");
	else
		*out = n;
}
void cfg_vm_cap(struct where *w, const struct value *v, const struct target *t)
{
	percent(w, v, &t->vm->cap);
}
void cfg_vm_reservation(struct where *w, const struct value *v, const struct target *t)
{
	percent(w, v, &t->vm->reservation);
}

void cfg_vm_pin(struct where *w, const struct value *v, const struct target *t)
{
	const char *s = cfg_name(w, v);
	struct cpuset set;
	int r;

	if (!s)
		return;
	r = cpuset_parse(s, &set);
	if (r == ERR_RANGE)
		cfg_fail(w, "\"%.40s\": CPU numbers go from 0 to %u, ranges upwards", s, CPUSET_MAX - 1);
	else if (r != OK)
		cfg_fail(w, "\"%.40s\" is no list of CPUs like \"0-3,6\"", s);
	if (r != OK)
		return;
	t->vm->pin = set;
	for (u32 i = t->lim ? t->lim->nr_cpus : 0; i && i < CPUSET_MAX; i++) {
		if (cpuset_has(&set, i)) {
			cfg_fail(w, "there is no CPU %u: the machine has %u", i, t->lim->nr_cpus);
			return;
		}
	}
}

/* Moves *s behind word when it begins with it. */
static bool eat(const char **s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*s, word, n))
		return false;
	*s += n;
	return true;
}

static bool parse_cores(const char *s, struct vm_cores *c, bool *exclusive)
{
	*c = (struct vm_cores){ 0 };
	*exclusive = eat(&s, "exclusive ");
	if (!eat(&s, "any ") || *s < '1' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		c->count = MIN(c->count * 10 + (u32)(*s - '0'), CPUSET_MAX + 1);
	if (eat(&s, " sharing a package"))
		c->sharing = VM_SHARE_PACKAGE;
	else if (eat(&s, " sharing a core"))
		c->sharing = VM_SHARE_CORE;
	return !*s && c->count <= CPUSET_MAX;
}

void cfg_vm_cores(struct where *w, const struct value *v, const struct target *t)
{
	const char *s = cfg_name(w, v);
	struct vm_cores c;
	bool exclusive;

	if (!s)
		return;
	if (!parse_cores(s, &c, &exclusive)) {
		cfg_fail(w, "\"%.40s\" is not of the form \"[exclusive] any N [sharing a core|package]\"", s);
		return;
	}
	if (t->lim && t->lim->nr_cpus && c.count > t->lim->nr_cpus)
		cfg_fail(w, "the machine has %u CPUs", t->lim->nr_cpus);
	t->vm->cores = c;
	t->vm->exclusive |= exclusive;
}

void cfg_vm_exclusive(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->exclusive |= cfg_flag(w, v);
}

void cfg_vm_latency(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, latency_words, &i))
		t->vm->latency = (enum vm_latency)i;
}

void cfg_check_sched(struct where *w, const struct vm_config *vm, const struct config_limits *lim)
{
	u32 pinned = vm->cores.count;

	if (!cpuset_empty(&vm->pin)) {
		if (vm->cores.count)
			cfg_fail(w, "pin and cores exclude one another");
		pinned = cpuset_count(&vm->pin);
	}
	if (vm->exclusive && !pinned)
		cfg_fail(w, "exclusive-cores needs pin or cores");
	if (vm->cap * SCHED_PERCENT > sched_most_used(vm->vcpus))
		cfg_fail(w, "cap <%u> is more than its %u vcpus can use", vm->cap, vm->vcpus);
	if (vm->reservation * SCHED_PERCENT > sched_most_reserved(vm->vcpus))
		cfg_fail(w, "reservation <%u> is more than can be reserved for its %u vcpus: %u %% for each",
		         vm->reservation, vm->vcpus, SCHED_RESERVABLE / SCHED_PERCENT);
	else if (pinned && vm->reservation * SCHED_PERCENT > sched_most_reserved(pinned))
		cfg_fail(w,
		         "reservation <%u> is more than can be reserved of the %u CPUs it is bound to: %u %% of each",
		         vm->reservation, pinned, SCHED_RESERVABLE / SCHED_PERCENT);
	if (vm->cap && vm->reservation > vm->cap)
		cfg_fail(w, "reservation <%u> is above cap <%u>", vm->reservation, vm->cap);
}
