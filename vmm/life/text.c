/* Life-cycle: its states and reasons in words. */
#include "lib/fmt.h"
#include "vmm/life/life.h"
#include "vmm/life/priv.h"

static const char *const state_words[] = { "defined", "starting", "running", "paused", "stopped", "crashed" };
static const char *const why_words[] = {
	"at boot",    "by command",       "powered off",       "reset",   "crash", "watchdog",
	"debug exit", "cannot be loaded", "too many restarts", "standby",
};

const char *life_state_str(enum life_state s)
{
	return (u32)s < ARRAY_SIZE(state_words) ? state_words[s] : "?";
}
const char *life_why_str(enum life_why w)
{
	return (u32)w < ARRAY_SIZE(why_words) ? why_words[w] : "?";
}

struct text {
	const struct life *l;
	life_name_fn *name;
	char *buf;
	size_t size;
};

static void say_defined(const struct text *t, const struct life_guest *g)
{
	const struct life_policy *p = &g->policy;

	for (u32 k = 0; k < p->nr_after && g->waiting; k++)
		if (!life_reached(t->l, p->after[k], p->after_ready)) {
			fmt_snprintf(t->buf, t->size, "waits for %s%s", t->name(p->after[k]),
			             p->after_ready ? " to be ready" : "");
			return;
		}
	if (life_is_standby(g))
		fmt_snprintf(t->buf, t->size, "standby for %s", t->name(p->standby_for));
	else
		fmt_snprintf(t->buf, t->size, "%s",
		             g->waiting || g->why != LIFE_WHY_BOOT ? life_why_str(g->why) : "not started at boot");
}

static void say_alive(const struct text *t, const struct life_guest *g)
{
	const char *why = life_why_str(g->why);

	if (g->parked)
		fmt_snprintf(t->buf, t->size, "standby for %s", t->name(g->policy.standby_for));
	else if (g->state == LIFE_PAUSED)
		fmt_snprintf(t->buf, t->size, "%s", why);
	else if (g->role != LIFE_NOBODY)
		fmt_snprintf(t->buf, t->size, "stands in for %s", t->name(g->role));
	else if (g->state == LIFE_STARTING && g->why != LIFE_WHY_STANDBY)
		fmt_snprintf(t->buf, t->size, "%s%s",
		             g->why == LIFE_WHY_BOOT || g->why == LIFE_WHY_OPERATOR ? "" : "restart: ", why);
}

static void say_ended(const struct text *t, const struct life_guest *g, u64 now, const char *detail)
{
	const char *why = life_why_str(g->why);
	u64 ms = (g->restart_at > now ? g->restart_at - now : 0) / 1000000;

	/* A command is its own reason: what there is besides is that of an end before. */
	if (g->why == LIFE_WHY_OPERATOR)
		detail = "";
	if (g->restart_at == LIFE_NEVER)
		fmt_snprintf(t->buf, t->size, "%s%s%s", why, detail[0] ? ": " : "", detail);
	else
		fmt_snprintf(t->buf, t->size, "restarts in %lu.%lu s: %s%s%s", (unsigned long)(ms / 1000),
		             (unsigned long)(ms / 100 % 10), why, detail[0] ? ": " : "", detail);
}

void life_reason(const struct life *l, u32 i, u64 now, const char *detail, life_name_fn *name, char *buf, size_t size)
{
	const struct text t = { l, name, buf, size };
	const struct life_guest *g = &l->g[i];

	buf[0] = '\0';
	switch (g->state) {
	case LIFE_DEFINED: say_defined(&t, g); break;
	case LIFE_STOPPED:
	case LIFE_CRASHED: say_ended(&t, g, now, detail); break;
	default: say_alive(&t, g); break;
	}
}
