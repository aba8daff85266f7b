/* Life-cycle decisions. */
#include "vmm/life/life.h"

#include "lib/string.h"
#include "vmm/life/priv.h"

void life_policy_set(struct life_policy *p, const struct vm_config *vm)
{
	p->on_poweroff = vm->on_poweroff;
	p->on_reset = vm->on_reset;
	p->on_crash = vm->on_crash;
	p->limit = vm->restart_limit;
	p->window = vm->restart_window;
	p->backoff = vm->backoff;
	p->backoff_max = vm->backoff_max;
	p->autostart = vm->autostart;
	p->after_ready = vm->after_state == VM_AFTER_READY;
	p->warm = vm->standby_for.nr && vm->standby == VM_STANDBY_WARM;
}

void life_init(struct life *l, struct life_guest *g, u32 nr)
{
	*l = (struct life){ .g = g, .nr = nr, .halted_by = LIFE_NOBODY };
	for (u32 i = 0; i < nr; i++) {
		struct life_policy policy = g[i].policy;

		g[i] = (struct life_guest){
			.policy = policy, .role = LIFE_NOBODY, .restart_at = LIFE_NEVER, .todo_from = LIFE_NOBODY
		};
		if (life_is_standby(&g[i]))
			g[i].why = LIFE_WHY_STANDBY;
	}
}

void life_boot(struct life *l)
{
	for (u32 i = 0; i < l->nr; i++) {
		struct life_guest *g = &l->g[i];

		if (g->state == LIFE_DEFINED && g->policy.autostart && (!life_is_standby(g) || g->policy.warm))
			g->waiting = true;
	}
}

/* ---- starting ---- */

void life_begin_start(struct life_guest *g, enum life_do what, u32 from)
{
	g->state = LIFE_STARTING;
	g->waiting = false;
	g->parked = false;
	g->restart_at = LIFE_NEVER;
	g->todo = what;
	g->todo_from = from;
}

static bool up(const struct life_guest *g, bool ready)
{
	return ready ? g->was_ready : g->was_started;
}

bool life_reached(const struct life *l, u32 i, bool ready)
{
	if (i >= l->nr || up(&l->g[i], ready))
		return true;
	for (u32 s = 0; s < l->nr; s++)
		if (l->g[s].role == i && up(&l->g[s], ready))
			return true;
	return false;
}

static bool may_start(const struct life *l, const struct life_guest *g)
{
	for (u32 k = 0; k < g->policy.nr_after; k++)
		if (!life_reached(l, g->policy.after[k], g->policy.after_ready))
			return false;
	return true;
}

bool life_next(struct life *l, u64 now, struct life_action *a)
{
	if (l->halt) {
		l->halt = false;
		*a = (struct life_action){ LIFE_DO_HALT, l->halted_by, LIFE_NOBODY, false };
		return true;
	}
	for (u32 i = 0; i < l->nr; i++) {
		struct life_guest *g = &l->g[i];

		if (g->restart_at != LIFE_NEVER && g->restart_at <= now) {
			life_begin_start(g, LIFE_DO_START, LIFE_NOBODY);
			g->restarts++;
		} else if (g->waiting && may_start(l, g)) {
			life_begin_start(g, LIFE_DO_START, LIFE_NOBODY);
		}
		if (g->todo == LIFE_DO_NOTHING)
			continue;
		*a = (struct life_action){ g->todo, i, g->todo_from, g->role == LIFE_NOBODY };
		g->todo = LIFE_DO_NOTHING;
		g->todo_from = LIFE_NOBODY;
		return true;
	}
	return false;
}

u64 life_deadline(const struct life *l)
{
	u64 at = LIFE_NEVER;

	for (u32 i = 0; i < l->nr; i++)
		at = MIN(at, l->g[i].restart_at);
	return at;
}

/* ---- standby guests ---- */

/* How well guest s can stand in at once: 0 not at all. */
static u32 fitness(const struct life_guest *s)
{
	if (!life_is_standby(s) || (s->serving && !s->relieved) || s->restart_at != LIFE_NEVER)
		return 0;
	switch (s->state) {
	case LIFE_PAUSED: return s->parked && s->todo == LIFE_DO_NOTHING ? 4 : 0;
	case LIFE_RUNNING: return s->todo == LIFE_DO_NOTHING ? 3 : 0;
	case LIFE_STARTING: return s->todo == LIFE_DO_NOTHING || s->todo == LIFE_DO_START ? 2 : 0;
	case LIFE_DEFINED: return s->todo == LIFE_DO_NOTHING;
	default: return 0;
	}
}

static void stand_in(struct life *l, u32 s, u32 role, u32 from, u64 now)
{
	struct life_guest *g = &l->g[s];

	g->serving = true;
	g->relieved = false;
	g->role = role;
	g->why = LIFE_WHY_STANDBY;
	switch (g->state) {
	case LIFE_PAUSED:
		g->state = LIFE_RUNNING;
		g->parked = false;
		g->since = now;
		g->todo = LIFE_DO_RESUME;
		g->todo_from = from;
		break;
	case LIFE_DEFINED: life_begin_start(g, LIFE_DO_START, from); break;
	default: /* still booting: it just goes on */
		if (g->todo == LIFE_DO_NOTHING)
			g->todo = LIFE_DO_TAKE_OVER;
		g->todo_from = from;
		break;
	}
}

/*
 * Guest i is gone for good. The fittest standby guest of it takes its place; when it was standing in itself and has
 * none of its own, one of whom it stood in for.
 */
static void fail_over(struct life *l, u32 i, u64 now)
{
	u32 role = i;

	if (life_is_standby(&l->g[i]) && !l->g[i].serving)
		return;
	/* Each step goes up by one guest; the bound is for configurations that go in a circle. */
	for (u32 step = 0; role < l->nr && step <= l->nr; step++) {
		u32 best = LIFE_NOBODY, best_fit = 0;

		for (u32 s = 0; s < l->nr; s++) {
			u32 fit = s != i && l->g[s].policy.standby_for == role ? fitness(&l->g[s]) : 0;

			if (fit > best_fit) {
				best = s;
				best_fit = fit;
			}
		}
		if (best != LIFE_NOBODY) {
			stand_in(l, best, role, i, now);
			return;
		}
		role = l->g[role].role;
	}
}

/* ---- reports ---- */

static struct life_guest *guest(struct life *l, u32 i)
{
	return i < l->nr ? &l->g[i] : NULL;
}

/* A report is of the start before, when the action for the next one is not handed out yet. */
static bool being_started(const struct life_guest *g)
{
	return g->state == LIFE_STARTING && g->todo != LIFE_DO_START && g->todo != LIFE_DO_RESTART;
}

void life_started(struct life *l, u32 i, u64 now)
{
	struct life_guest *g = guest(l, i);

	if (!g || !being_started(g))
		return;
	g->state = LIFE_RUNNING;
	g->was_started = true;
	g->since = now;
}

void life_start_failed(struct life *l, u32 i, u64 now)
{
	struct life_guest *g = guest(l, i);

	if (!g || !being_started(g))
		return;
	g->state = LIFE_CRASHED;
	g->why = LIFE_WHY_LOAD;
	g->todo = LIFE_DO_NOTHING;
	fail_over(l, i, now);
}

bool life_ready(struct life *l, u32 i, u64 now)
{
	struct life_guest *g = guest(l, i);
	bool news;

	if (!g || g->state != LIFE_RUNNING)
		return false;
	news = !g->was_ready;
	g->was_ready = true;
	if (!g->policy.warm || g->serving || g->todo != LIFE_DO_NOTHING)
		return news;
	g->state = LIFE_PAUSED;
	g->parked = true;
	g->why = LIFE_WHY_STANDBY;
	g->paused_at = now;
	g->todo = LIFE_DO_PAUSE;
	return true;
}

static enum vm_action action_for(const struct life_policy *p, enum life_end how)
{
	switch (how) {
	case LIFE_END_POWEROFF: return p->on_poweroff;
	case LIFE_END_RESET: return p->on_reset;
	case LIFE_END_DEBUG_EXIT: return VM_ACTION_STOP;
	default: return p->on_crash;
	}
}

/* Counts a restart and says when it may be. false: it would be one too many. */
static bool back_off(struct life_guest *g, u64 now)
{
	u64 delay = g->policy.backoff;

	if (g->in_row >= g->policy.limit)
		return false;
	for (u32 k = 0; k < g->in_row && delay < g->policy.backoff_max; k++)
		if (__builtin_add_overflow(delay, delay, &delay))
			delay = ~0ull;
	delay = MIN(delay, g->policy.backoff_max);
	g->in_row++;
	if (__builtin_add_overflow(now, delay, &g->restart_at))
		g->restart_at = LIFE_NEVER - 1;
	return true;
}

enum life_verdict life_ended(struct life *l, u32 i, enum life_end how, u64 now)
{
	static const enum life_why whys[] = { LIFE_WHY_POWEROFF, LIFE_WHY_RESET, LIFE_WHY_CRASH, LIFE_WHY_WATCHDOG,
		                              LIFE_WHY_DEBUG_EXIT };
	bool crash = how == LIFE_END_CRASH || how == LIFE_END_WATCHDOG;
	struct life_guest *g = guest(l, i);

	if (!g || (g->state != LIFE_RUNNING && g->state != LIFE_PAUSED))
		return LIFE_STAYS;
	if (now > g->since && now - g->since >= g->policy.window)
		g->in_row = 0;
	g->state = crash ? LIFE_CRASHED : LIFE_STOPPED;
	g->why = (u32)how < ARRAY_SIZE(whys) ? whys[how] : LIFE_WHY_CRASH;
	g->parked = false;
	g->todo = LIFE_DO_NOTHING;
	g->todo_from = LIFE_NOBODY;
	switch (action_for(&g->policy, how)) {
	case VM_ACTION_RESTART: g->restart_at = now; return LIFE_RESTARTS;
	case VM_ACTION_RESTART_BACKOFF:
		if (back_off(g, now))
			return LIFE_RESTARTS;
		g->state = LIFE_CRASHED;
		g->why = LIFE_WHY_LIMIT;
		fail_over(l, i, now);
		return LIFE_QUARANTINED;
	case VM_ACTION_HALT_MACHINE:
		l->halt = true;
		l->halted_by = i;
		return LIFE_HALTS;
	default:
		if (crash)
			fail_over(l, i, now);
		return LIFE_STAYS;
	}
}
