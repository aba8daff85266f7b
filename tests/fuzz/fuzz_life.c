/*
 * Life-cycle: any sequence of ends, reports, commands and passing time over guests with any policies, standby guests
 * and start order (circles too). What must hold is checked against a record of its own.
 */
#include "lib/assert.h"
#include "lib/string.h"
#include "rigfuzz.h"
#include "vmm/life/life.h"

#define NR 6

static struct life_guest g[NR];
static struct life l;
static u32 after[NR][2];
static u64 now;

/* What was seen of each guest since an operator last had a hand in it. */
static struct record {
	u64 restarts[64]; /* when those with back-off were, since the last start by hand */
	u32 nr;
	bool activated; /* it took over */
	bool counted;   /* the restart that is due is one with back-off */
	bool running;   /* as the one who does the actions sees it */
	bool starting;
} rec[NR];

static void policies(struct rigfuzz *f)
{
	memset(g, 0, sizeof(g));
	for (u32 i = 0; i < NR; i++) {
		struct life_policy *p = &g[i].policy;
		u8 a = rigfuzz_u8(f), b = rigfuzz_u8(f), c = rigfuzz_u8(f);

		p->on_crash = (enum vm_action)(a & 3);
		p->on_reset = (enum vm_action)(a >> 2 & 3);
		p->on_poweroff = (enum vm_action)(a >> 4 & 3);
		p->autostart = a & 0x40;
		p->after_ready = a & 0x80;
		p->limit = 1 + (b & 3);
		p->window = 1ull << (b >> 2 & 15);
		p->backoff = 1 + (b >> 6);
		p->backoff_max = 1 + (c & 31);
		p->standby_for = (c >> 5) < NR ? c >> 5 : LIFE_NOBODY;
		p->warm = p->standby_for != LIFE_NOBODY && (b & 4);
		after[i][0] = rigfuzz_u8(f) % NR;
		after[i][1] = rigfuzz_u8(f) % NR;
		p->after = after[i];
		p->nr_after = c & 2 ? (c & 1) + 1 : 0;
	}
}

static void check_restart(u32 i)
{
	struct record *r = &rec[i];
	const struct life_policy *p = &g[i].policy;

	/* Among limit + 1 restarts in a row there is a window without trouble. */
	if (r->nr >= p->limit && r->nr - p->limit < ARRAY_SIZE(r->restarts))
		assert(now - r->restarts[(r->nr - p->limit) % ARRAY_SIZE(r->restarts)] >= p->window);
	r->restarts[r->nr++ % ARRAY_SIZE(r->restarts)] = now;
}

/* A start is done, well or not. */
static void report(u32 i, bool good)
{
	rec[i].starting = false;
	rec[i].running = good;
	if (good)
		life_started(&l, i, now);
	else
		life_start_failed(&l, i, now);
}

/* One action, done well or not, or begun. */
static void perform(struct rigfuzz *f, const struct life_action *a, const u64 *before)
{
	struct record *r = &rec[a->guest];
	u8 how;

	assert(a->guest < NR && (a->from < NR || a->from == LIFE_NOBODY));
	assert(!a->own || g[a->guest].role == LIFE_NOBODY);
	if (a->from != LIFE_NOBODY) {
		assert(!r->activated && a->from != a->guest && g[a->guest].serving && !a->own);
		r->activated = true;
	}
	switch (a->what) {
	case LIFE_DO_START:
		assert(!r->running && !r->starting && g[a->guest].state == LIFE_STARTING);
		if (g[a->guest].restarts != before[a->guest] && r->counted)
			check_restart(a->guest);
		/* fall through */
	case LIFE_DO_RESTART:
		r->running = false;
		r->starting = true;
		how = rigfuzz_u8(f);
		if (how & 3)
			report(a->guest, how & 0x1c);
		break;
	case LIFE_DO_STOP:
		assert(r->running || r->starting);
		r->running = r->starting = false;
		break;
	case LIFE_DO_HALT: break;
	case LIFE_DO_TAKE_OVER: assert(r->running || r->starting); break;
	default: assert(r->running); break;
	}
}

/* Everything there is to do; it must come to an end. */
static void drain(struct rigfuzz *f)
{
	for (u32 n = 0;; n++) {
		struct life_action a;
		u64 before[NR];

		for (u32 i = 0; i < NR; i++)
			before[i] = g[i].restarts;
		if (!life_next(&l, now, &a))
			break;
		assert(n < 8 * NR);
		perform(f, &a, before);
	}
	assert(life_deadline(&l) > now);
}

static void by_hand(u32 i)
{
	rec[i] = (struct record){ .running = rec[i].running, .starting = rec[i].starting };
}

static void command(u8 op, u32 i)
{
	enum life_state was = g[i].state;
	int r;

	switch (op) {
	case 0:
		r = life_op_start(&l, i);
		assert(r == OK ? g[i].state == LIFE_STARTING : g[i].state == was);
		break;
	case 1: r = life_op_stop(&l, i); break;
	case 2: r = life_op_pause(&l, i, now); break;
	case 3: r = life_op_resume(&l, i, now); break;
	default: r = life_op_reset(&l, i); break;
	}
	assert(r == OK || r == ERR_INVAL || r == ERR_BUSY);
	if (r == OK && op <= 1)
		by_hand(i);
	for (u32 s = 0; s < NR; s++) /* the one they stood in for is back */
		if (g[s].relieved)
			rec[s].activated = false;
}

static enum vm_action action(u32 i, enum life_end how)
{
	const struct life_policy *p = &g[i].policy;

	return how == LIFE_END_POWEROFF ? p->on_poweroff : how == LIFE_END_RESET ? p->on_reset : p->on_crash;
}

static void ended(struct rigfuzz *f, u32 i)
{
	enum life_end how = (enum life_end)(rigfuzz_u8(f) % 5);
	enum life_verdict v;

	if (!rec[i].running)
		return;
	rec[i].running = false;
	v = life_ended(&l, i, how, now);
	rec[i].counted = v == LIFE_RESTARTS && action(i, how) == VM_ACTION_RESTART_BACKOFF;
	assert((v == LIFE_RESTARTS) == (g[i].restart_at != LIFE_NEVER));
	assert((v == LIFE_QUARANTINED) == (g[i].why == LIFE_WHY_LIMIT));
	if (v == LIFE_RESTARTS && g[i].restart_at > now)
		assert(g[i].restart_at - now <= g[i].policy.backoff_max);
}

static void check(void)
{
	for (u32 i = 0; i < NR; i++) {
		bool live = g[i].state == LIFE_RUNNING || g[i].state == LIFE_PAUSED;

		assert(g[i].in_row <= g[i].policy.limit);
		assert(live == rec[i].running && !(live && rec[i].starting));
		assert((g[i].state == LIFE_STARTING) == rec[i].starting);
		assert(!g[i].parked || g[i].state == LIFE_PAUSED);
		assert(g[i].why != LIFE_WHY_LIMIT || (g[i].state == LIFE_CRASHED && g[i].restart_at == LIFE_NEVER));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct rigfuzz f = { data, size };

	now = 0;
	memset(rec, 0, sizeof(rec));
	policies(&f);
	life_init(&l, g, NR);
	life_boot(&l);
	while (rigfuzz_more(&f)) {
		u8 op = rigfuzz_u8(&f);
		u32 i = op >> 4;

		drain(&f);
		check();
		i %= NR;
		switch (op & 15) {
		case 0:
		case 1:
		case 2:
		case 3:
		case 4: command(op & 15, i); break;
		case 5:
		case 6: (void)life_ready(&l, i, now); break;
		case 7: now += rigfuzz_u8(&f); break;
		case 8:
			if (life_deadline(&l) != LIFE_NEVER)
				now = life_deadline(&l);
			break;
		/* Reports out of turn */
		case 9:
			if (!rec[i].starting)
				life_started(&l, i, now);
			break;
		case 10:
			if (rec[i].starting)
				report(i, rigfuzz_u8(&f) & 3);
			break;
		default: ended(&f, i); break;
		}
	}
	return 0;
}
