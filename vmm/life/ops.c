/* Life-cycle decisions: an operator's commands. */
#include "vmm/life/life.h"
#include "vmm/life/priv.h"

/*
 * Guest i is started by command: whoever stood in for it, and for that one in its turn, does so no more. Only when it
 * had a role itself, which it gives up, they go on in that.
 */
static void relieve(struct life *l, u32 i, u32 had)
{
	for (u32 s = 0; s < l->nr && had != LIFE_NOBODY; s++)
		if (l->g[s].role == i)
			l->g[s].role = had;
	for (u32 s = 0; s < l->nr; s++) {
		struct life_guest *g = &l->g[s];
		u32 role = g->role;

		for (u32 step = 0; role < l->nr && role != i && step < l->nr; step++)
			role = l->g[role].role;
		g->leaves = role == i && s != i;
	}
	for (u32 s = 0; s < l->nr; s++) {
		struct life_guest *g = &l->g[s];

		if (!g->leaves)
			continue;
		g->leaves = false;
		g->role = LIFE_NOBODY;
		g->relieved = true;
		g->todo_from = LIFE_NOBODY;
		if (g->todo == LIFE_DO_TAKE_OVER)
			g->todo = LIFE_DO_NOTHING;
	}
}

static int check_state(const struct life *l, u32 i, u32 allowed)
{
	if (i >= l->nr || !(allowed >> l->g[i].state & 1))
		return ERR_INVAL;
	return l->g[i].todo == LIFE_DO_NOTHING ? OK : ERR_BUSY;
}

int life_op_start(struct life *l, u32 i)
{
	int r = check_state(l, i, 1u << LIFE_DEFINED | 1u << LIFE_STOPPED | 1u << LIFE_CRASHED);
	struct life_guest *g;
	u32 had;

	if (r != OK)
		return r;
	g = &l->g[i];
	life_begin_start(g, LIFE_DO_START, LIFE_NOBODY);
	g->why = LIFE_WHY_OPERATOR;
	g->in_row = 0;
	/* A warm standby guest is booted to be parked again; a cold one is meant to run. */
	g->serving = life_is_standby(g) && !g->policy.warm;
	g->relieved = false;
	had = g->role;
	g->role = LIFE_NOBODY;
	relieve(l, i, had);
	return OK;
}

int life_op_stop(struct life *l, u32 i)
{
	u32 ended = 1u << LIFE_DEFINED | 1u << LIFE_STOPPED | 1u << LIFE_CRASHED;
	int r = check_state(l, i, ended | 1u << LIFE_STARTING | 1u << LIFE_RUNNING | 1u << LIFE_PAUSED);
	struct life_guest *g;

	if (r != OK)
		return r;
	g = &l->g[i];
	if (!(ended >> g->state & 1)) {
		g->state = LIFE_STOPPED;
		g->todo = LIFE_DO_STOP;
	} else if (!g->waiting && g->restart_at == LIFE_NEVER) {
		return ERR_INVAL;
	}
	g->why = LIFE_WHY_OPERATOR;
	g->waiting = false;
	g->restart_at = LIFE_NEVER;
	g->parked = false;
	g->role = LIFE_NOBODY;
	/* A cold standby guest waits for its turn again. */
	if (life_is_standby(g) && !g->policy.warm) {
		g->state = LIFE_DEFINED;
		g->why = LIFE_WHY_STANDBY;
	}
	g->serving = false;
	g->relieved = false;
	return OK;
}

int life_op_pause(struct life *l, u32 i, u64 now)
{
	int r = check_state(l, i, 1u << LIFE_RUNNING);

	if (r != OK)
		return r;
	l->g[i].state = LIFE_PAUSED;
	l->g[i].why = LIFE_WHY_OPERATOR;
	l->g[i].paused_at = now;
	l->g[i].todo = LIFE_DO_PAUSE;
	return OK;
}

int life_op_resume(struct life *l, u32 i, u64 now)
{
	int r = check_state(l, i, 1u << LIFE_PAUSED);
	struct life_guest *g;

	if (r != OK)
		return r;
	g = &l->g[i];
	g->state = LIFE_RUNNING;
	g->why = LIFE_WHY_OPERATOR;
	g->since += now > g->paused_at ? now - g->paused_at : 0;
	g->todo = LIFE_DO_RESUME;
	/* Let go before its turn, a warm standby guest is not held again. */
	g->serving |= g->parked;
	g->parked = false;
	return OK;
}

int life_op_reset(struct life *l, u32 i)
{
	int r = check_state(l, i, 1u << LIFE_STARTING | 1u << LIFE_RUNNING | 1u << LIFE_PAUSED);

	if (r != OK)
		return r;
	life_begin_start(&l->g[i], LIFE_DO_RESTART, LIFE_NOBODY);
	l->g[i].why = LIFE_WHY_OPERATOR;
	return OK;
}
