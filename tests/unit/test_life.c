/* Life-cycle decisions: every policy, back-off and quarantine, order of start, standby guests, commands. */
#include "quick_check.h"
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "vmm/life/life.h"

#define S  1000000000ull
#define NR 6

static struct life_guest g[NR];
static struct life l;
static struct life_action act;

static void setup(u32 nr)
{
	memset(g, 0, sizeof(g));
	for (u32 i = 0; i < nr; i++)
		g[i].policy = (struct life_policy){ .on_reset = VM_ACTION_RESTART,
			                            .limit = 3,
			                            .window = 60 * S,
			                            .backoff = S,
			                            .backoff_max = 3 * S,
			                            .autostart = true,
			                            .standby_for = LIFE_NOBODY };
}

static void boot(u32 nr)
{
	life_init(&l, g, nr);
	life_boot(&l);
}

/* The next action is this one. */
static void next(u64 now, enum life_do what, u32 i, u32 from)
{
	bool any = life_next(&l, now, &act);

	ck_assert_msg(any && act.what == what && act.guest == i && act.from == from,
	              "want %u of %u from %d, got %u of %u from %d", what, i, (int)from, any ? act.what : 0,
	              act.guest, (int)act.from);
}
static void nothing(u64 now)
{
	ck_assert(!life_next(&l, now, &act));
}
/* Guest i is started now, and runs. */
static void starts(u64 now, u32 i)
{
	next(now, LIFE_DO_START, i, LIFE_NOBODY);
	ck_assert_int_eq(g[i].state, LIFE_STARTING);
	life_started(&l, i, now);
	ck_assert_int_eq(g[i].state, LIFE_RUNNING);
}

START_TEST(policies)
{
	static const struct {
		enum life_end how;
		enum vm_action action;
		enum life_verdict verdict;
		enum life_state state;
		enum life_why why;
	} t[] = {
		{ LIFE_END_POWEROFF, VM_ACTION_STOP, LIFE_STAYS, LIFE_STOPPED, LIFE_WHY_POWEROFF },
		{ LIFE_END_POWEROFF, VM_ACTION_RESTART, LIFE_RESTARTS, LIFE_STOPPED, LIFE_WHY_POWEROFF },
		{ LIFE_END_POWEROFF, VM_ACTION_RESTART_BACKOFF, LIFE_RESTARTS, LIFE_STOPPED, LIFE_WHY_POWEROFF },
		{ LIFE_END_POWEROFF, VM_ACTION_HALT_MACHINE, LIFE_HALTS, LIFE_STOPPED, LIFE_WHY_POWEROFF },
		{ LIFE_END_RESET, VM_ACTION_STOP, LIFE_STAYS, LIFE_STOPPED, LIFE_WHY_RESET },
		{ LIFE_END_RESET, VM_ACTION_RESTART, LIFE_RESTARTS, LIFE_STOPPED, LIFE_WHY_RESET },
		{ LIFE_END_RESET, VM_ACTION_HALT_MACHINE, LIFE_HALTS, LIFE_STOPPED, LIFE_WHY_RESET },
		{ LIFE_END_CRASH, VM_ACTION_STOP, LIFE_STAYS, LIFE_CRASHED, LIFE_WHY_CRASH },
		{ LIFE_END_CRASH, VM_ACTION_RESTART, LIFE_RESTARTS, LIFE_CRASHED, LIFE_WHY_CRASH },
		{ LIFE_END_WATCHDOG, VM_ACTION_RESTART_BACKOFF, LIFE_RESTARTS, LIFE_CRASHED, LIFE_WHY_WATCHDOG },
		{ LIFE_END_WATCHDOG, VM_ACTION_HALT_MACHINE, LIFE_HALTS, LIFE_CRASHED, LIFE_WHY_WATCHDOG },
		{ LIFE_END_DEBUG_EXIT, VM_ACTION_RESTART, LIFE_STAYS, LIFE_STOPPED, LIFE_WHY_DEBUG_EXIT },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup(1);
		g[0].policy.on_poweroff = g[0].policy.on_reset = g[0].policy.on_crash = VM_ACTION_STOP;
		if (t[i].how == LIFE_END_POWEROFF)
			g[0].policy.on_poweroff = t[i].action;
		else if (t[i].how == LIFE_END_RESET)
			g[0].policy.on_reset = t[i].action;
		else
			g[0].policy.on_crash = t[i].action;
		boot(1);
		starts(5, 0);
		nothing(5);
		ck_assert_int_eq(life_ended(&l, 0, t[i].how, 10), t[i].verdict);
		ck_assert_int_eq(g[0].state, t[i].state);
		ck_assert_int_eq(g[0].why, t[i].why);
		if (t[i].verdict == LIFE_HALTS)
			next(10, LIFE_DO_HALT, 0, LIFE_NOBODY);
		if (t[i].verdict != LIFE_RESTARTS) {
			ck_assert_uint_eq(life_deadline(&l), LIFE_NEVER);
			nothing(1000 * S);
			continue;
		}
		ck_assert_uint_eq(life_deadline(&l), t[i].action == VM_ACTION_RESTART ? 10 : 10 + S);
		if (life_deadline(&l) > 10)
			nothing(life_deadline(&l) - 1);
		starts(life_deadline(&l), 0);
		nothing(LIFE_NEVER);
		ck_assert_uint_eq(g[0].restarts, 1);
	}
}
END_TEST

/* Crashes at now, and is restarted after delay. Returns when. */
static u64 crashes(u64 now, u64 delay)
{
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, now), LIFE_RESTARTS);
	ck_assert_uint_eq(life_deadline(&l), now + delay);
	starts(now + delay, 0);
	return now + delay;
}

START_TEST(back_off_and_quarantine)
{
	u64 now = 100;

	setup(1);
	g[0].policy.on_crash = VM_ACTION_RESTART_BACKOFF;
	boot(1);
	starts(now, 0);
	now = crashes(now + 5, S);
	now = crashes(now + 59 * S, 2 * S);
	now = crashes(now, 3 * S); /* 4 would be above the maximum */
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, now + 60 * S - 1), LIFE_QUARANTINED);
	ck_assert(g[0].state == LIFE_CRASHED && g[0].why == LIFE_WHY_LIMIT);
	nothing(now + 1000000 * S);
	life_started(&l, 0, now);
	(void)life_ready(&l, 0, now);
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, now), LIFE_STAYS);
	ck_assert_int_eq(g[0].why, LIFE_WHY_LIMIT);
	/* An operator's start begins anew. */
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	starts(now, 0);
	now = crashes(now, S);
	now = crashes(now, 2 * S);
	/* A window without trouble does as well. */
	now = crashes(now + 60 * S, S);
	now = crashes(now, 2 * S);
	now = crashes(now, 3 * S);
	/* Time in pause is not time without trouble. */
	ck_assert_int_eq(life_op_pause(&l, 0, now + S), OK);
	next(now, LIFE_DO_PAUSE, 0, LIFE_NOBODY);
	ck_assert_int_eq(life_op_resume(&l, 0, now + 500 * S), OK);
	next(now, LIFE_DO_RESUME, 0, LIFE_NOBODY);
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, now + 558 * S), LIFE_QUARANTINED);
}
END_TEST

/* Delays that do not fit 64 bits, and times near their end. */
START_TEST(extreme_times)
{
	setup(1);
	g[0].policy.on_crash = VM_ACTION_RESTART_BACKOFF;
	g[0].policy.limit = 1000;
	g[0].policy.backoff = 3;
	g[0].policy.backoff_max = LIFE_NEVER;
	g[0].policy.window = LIFE_NEVER;
	boot(1);
	starts(0, 0);
	for (u32 i = 0; i < 1000; i++) {
		ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, 7), LIFE_RESTARTS);
		ck_assert_uint_eq(life_deadline(&l), i < 63 ? 7 + (3ull << i) : LIFE_NEVER - 1);
		starts(LIFE_NEVER - 1, 0);
	}
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, 7), LIFE_QUARANTINED);
}
END_TEST

START_TEST(order_of_start)
{
	static const u32 after_1_2[] = { 1, 2 }, after_2[] = { 2 };

	setup(4);
	g[0].policy.after = after_1_2;
	g[0].policy.nr_after = 2;
	g[0].policy.after_ready = true;
	g[1].policy.after = after_2;
	g[1].policy.nr_after = 1;
	g[3].policy.autostart = false;
	boot(4);
	starts(0, 2);
	starts(0, 1);
	nothing(0);
	ck_assert(g[0].state == LIFE_DEFINED && g[0].waiting);
	ck_assert(life_ready(&l, 1, 1));
	/* Said again, it is no news: nobody is to be woken for it. */
	ck_assert(!life_ready(&l, 1, 1));
	nothing(1);
	/* That it has been ready once is enough. */
	life_ended(&l, 1, LIFE_END_POWEROFF, 2);
	(void)life_ready(&l, 2, 3);
	starts(3, 0);
	nothing(3);
	ck_assert(g[3].state == LIFE_DEFINED);
	ck_assert_int_eq(life_op_start(&l, 3), OK);
	starts(4, 3);
	/* A command does not wait; one takes back what waits. */
	boot(4);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	ck_assert_int_eq(life_op_stop(&l, 1), OK);
	starts(0, 0);
	starts(0, 2);
	nothing(0);
	ck_assert_int_eq(life_op_stop(&l, 1), ERR_INVAL);
	/* What cannot be loaded holds up those that wait for it. */
	boot(4);
	next(0, LIFE_DO_START, 2, LIFE_NOBODY);
	life_start_failed(&l, 2, 0);
	ck_assert(g[2].state == LIFE_CRASHED && g[2].why == LIFE_WHY_LOAD);
	nothing(0);
	ck_assert(g[1].waiting);
}
END_TEST

START_TEST(warm_standby)
{
	setup(4);
	/* 1: cold, 2: warm, 3: warm for the warm one */
	g[1].policy.standby_for = g[2].policy.standby_for = 0;
	g[3].policy.standby_for = 2;
	g[2].policy.warm = g[3].policy.warm = true;
	boot(4);
	starts(0, 0);
	starts(0, 2);
	starts(0, 3);
	nothing(0);
	ck_assert(g[1].state == LIFE_DEFINED && g[1].why == LIFE_WHY_STANDBY);
	ck_assert(life_ready(&l, 2, S));
	next(S, LIFE_DO_PAUSE, 2, LIFE_NOBODY);
	ck_assert(g[2].state == LIFE_PAUSED && g[2].parked);
	/* The primary goes: the parked one is fitter than the cold one. */
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, 2 * S), LIFE_STAYS);
	next(2 * S, LIFE_DO_RESUME, 2, 0);
	nothing(2 * S);
	ck_assert(g[2].state == LIFE_RUNNING && g[2].serving && g[2].role == 0);
	ck_assert(!life_ready(&l, 2, 3 * S)); /* it is not parked again */
	nothing(3 * S);
	/* The next one is still booting: it goes on, and is not parked. */
	life_ended(&l, 2, LIFE_END_WATCHDOG, 4 * S);
	next(4 * S, LIFE_DO_TAKE_OVER, 3, 2);
	(void)life_ready(&l, 3, 5 * S);
	nothing(5 * S);
	ck_assert_int_eq(g[3].state, LIFE_RUNNING);
	/* It has no standby guest, nor has the second one left: up to the first one's. */
	life_ended(&l, 3, LIFE_END_CRASH, 6 * S);
	next(6 * S, LIFE_DO_START, 1, 3);
	ck_assert_uint_eq(g[1].role, 0);
	life_started(&l, 1, 6 * S);
	life_ended(&l, 1, LIFE_END_CRASH, 7 * S);
	nothing(LIFE_NEVER - 1);
}
END_TEST

START_TEST(standby_beyond_policy)
{
	setup(2);
	g[0].policy.on_crash = VM_ACTION_RESTART_BACKOFF;
	g[0].policy.limit = 1;
	g[1].policy.standby_for = 0;
	boot(2);
	starts(0, 0);
	crashes(0, S);
	/* Only what is beyond the restart policy makes it stand in; a power-off never does. */
	ck_assert_int_eq(g[1].state, LIFE_DEFINED);
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_CRASH, 2 * S), LIFE_QUARANTINED);
	next(2 * S, LIFE_DO_START, 1, 0);
	life_start_failed(&l, 1, 2 * S);
	nothing(3 * S);
	boot(2);
	starts(0, 0);
	life_ended(&l, 0, LIFE_END_POWEROFF, S);
	nothing(100 * S);
	/* A primary that cannot be loaded, and a standby guest that an operator takes back. */
	boot(2);
	next(0, LIFE_DO_START, 0, LIFE_NOBODY);
	life_start_failed(&l, 0, S);
	next(S, LIFE_DO_START, 1, 0);
	life_started(&l, 1, S);
	ck_assert_int_eq(life_op_stop(&l, 1), OK);
	next(S, LIFE_DO_STOP, 1, LIFE_NOBODY);
	ck_assert(g[1].state == LIFE_DEFINED && !g[1].serving && g[1].role == LIFE_NOBODY);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	starts(S, 0);
	g[0].policy.on_crash = VM_ACTION_STOP;
	life_ended(&l, 0, LIFE_END_CRASH, S);
	next(S, LIFE_DO_START, 1, 0);
}
END_TEST

/* A warm standby guest that crashes before its turn follows its own policy, and nobody stands in for it. */
START_TEST(standby_before_its_turn)
{
	setup(3);
	g[1].policy.standby_for = 0;
	g[1].policy.warm = true;
	g[1].policy.on_crash = VM_ACTION_RESTART;
	g[2].policy.standby_for = 1;
	boot(3);
	starts(0, 0);
	starts(0, 1);
	(void)life_ready(&l, 1, 0);
	next(0, LIFE_DO_PAUSE, 1, LIFE_NOBODY);
	life_ended(&l, 1, LIFE_END_CRASH, S);
	starts(S, 1);
	(void)life_ready(&l, 1, S);
	next(S, LIFE_DO_PAUSE, 1, LIFE_NOBODY);
	g[1].policy.on_crash = VM_ACTION_STOP;
	life_ended(&l, 1, LIFE_END_CRASH, S);
	nothing(100 * S);
	/* Let go by an operator it counts as serving. */
	ck_assert_int_eq(life_op_start(&l, 1), OK);
	starts(S, 1);
	(void)life_ready(&l, 1, S);
	next(S, LIFE_DO_PAUSE, 1, LIFE_NOBODY);
	ck_assert_int_eq(life_op_resume(&l, 1, S), OK);
	next(S, LIFE_DO_RESUME, 1, LIFE_NOBODY);
	life_ended(&l, 1, LIFE_END_CRASH, S);
	next(S, LIFE_DO_START, 2, 1);
}
END_TEST

/* Its primary, started again, has its place back; the stand-in that runs on can take it once more. */
START_TEST(primary_again)
{
	setup(3);
	g[1].policy.standby_for = 0;
	g[2].policy.standby_for = 1;
	boot(3);
	next(0, LIFE_DO_START, 0, LIFE_NOBODY);
	ck_assert(act.own);
	life_started(&l, 0, 0);
	life_ended(&l, 0, LIFE_END_CRASH, S);
	next(S, LIFE_DO_START, 1, 0);
	ck_assert(!act.own);
	life_started(&l, 1, S);
	/* The stand-in's restarts by its policy do not give anything back. */
	life_ended(&l, 1, LIFE_END_RESET, S);
	next(S, LIFE_DO_START, 1, LIFE_NOBODY);
	ck_assert(!act.own);
	life_started(&l, 1, S);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	next(S, LIFE_DO_START, 0, LIFE_NOBODY);
	ck_assert(act.own && g[1].role == LIFE_NOBODY && g[1].state == LIFE_RUNNING);
	life_started(&l, 0, S);
	life_ended(&l, 0, LIFE_END_CRASH, 2 * S);
	next(2 * S, LIFE_DO_TAKE_OVER, 1, 0);
	ck_assert_uint_eq(g[1].role, 0);
	/* Back before the take-over was carried out. */
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	starts(2 * S, 0);
	life_ended(&l, 0, LIFE_END_CRASH, 2 * S);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	starts(2 * S, 0);
	nothing(2 * S);
	life_ended(&l, 0, LIFE_END_CRASH, 3 * S);
	next(3 * S, LIFE_DO_TAKE_OVER, 1, 0);
	/* One in the middle of a chain is started: the last one keeps the first one's place. */
	life_ended(&l, 1, LIFE_END_CRASH, 3 * S);
	next(3 * S, LIFE_DO_START, 2, 1);
	life_started(&l, 2, 3 * S);
	ck_assert_int_eq(life_op_start(&l, 1), OK);
	next(3 * S, LIFE_DO_START, 1, LIFE_NOBODY);
	ck_assert(act.own && g[2].role == 0);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	ck_assert_uint_eq(g[2].role, LIFE_NOBODY);
}
END_TEST

/* Configurations that the parser refuses: every guest still stands in once at most. */
START_TEST(standby_circle)
{
	u32 starts_seen = 0;

	setup(3);
	for (u32 i = 0; i < 3; i++)
		g[i].policy.standby_for = (i + 1) % 3;
	boot(3);
	nothing(0);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	for (u32 i = 0; i < 100 && life_next(&l, i, &act); i++) {
		starts_seen += act.what == LIFE_DO_START;
		life_started(&l, act.guest, i);
		life_ended(&l, act.guest, LIFE_END_CRASH, i);
	}
	ck_assert_uint_eq(starts_seen, 3);
}
END_TEST

START_TEST(commands)
{
	setup(1);
	boot(1);
	ck_assert_int_eq(life_op_start(&l, 1), ERR_INVAL);
	ck_assert_int_eq(life_op_pause(&l, 0, 0), ERR_INVAL);
	ck_assert_int_eq(life_op_resume(&l, 0, 0), ERR_INVAL);
	ck_assert_int_eq(life_op_reset(&l, 0), ERR_INVAL);
	starts(0, 0);
	ck_assert_int_eq(life_op_start(&l, 0), ERR_INVAL);
	ck_assert_int_eq(life_op_pause(&l, 0, 0), OK);
	ck_assert_int_eq(life_op_resume(&l, 0, 0), ERR_BUSY);
	ck_assert_int_eq(life_op_stop(&l, 0), ERR_BUSY);
	next(0, LIFE_DO_PAUSE, 0, LIFE_NOBODY);
	ck_assert(g[0].state == LIFE_PAUSED && g[0].why == LIFE_WHY_OPERATOR);
	ck_assert_int_eq(life_op_reset(&l, 0), OK);
	next(0, LIFE_DO_RESTART, 0, LIFE_NOBODY);
	life_started(&l, 0, 0);
	ck_assert_int_eq(life_op_stop(&l, 0), OK);
	next(0, LIFE_DO_STOP, 0, LIFE_NOBODY);
	ck_assert(g[0].state == LIFE_STOPPED && g[0].why == LIFE_WHY_OPERATOR);
	ck_assert_int_eq(life_op_stop(&l, 0), ERR_INVAL);
	/* A restart that is due is taken back. */
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	starts(0, 0);
	life_ended(&l, 0, LIFE_END_RESET, S);
	ck_assert_int_eq(life_op_stop(&l, 0), OK);
	nothing(10 * S);
	ck_assert_int_eq(g[0].state, LIFE_STOPPED);
}
END_TEST

/* A start that takes long can be ended, and begun anew; what is reported of it then is of no interest any more. */
START_TEST(commands_while_starting)
{
	setup(2);
	g[1].policy.standby_for = 0;
	boot(2);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	ck_assert_int_eq(life_op_stop(&l, 0), ERR_BUSY);
	next(0, LIFE_DO_START, 0, LIFE_NOBODY);
	ck_assert_int_eq(life_op_pause(&l, 0, 0), ERR_INVAL);
	ck_assert_int_eq(life_op_stop(&l, 0), OK);
	next(0, LIFE_DO_STOP, 0, LIFE_NOBODY);
	life_started(&l, 0, 0);
	life_start_failed(&l, 0, 0);
	ck_assert(g[0].state == LIFE_STOPPED && g[0].why == LIFE_WHY_OPERATOR);
	ck_assert_int_eq(life_ended(&l, 0, LIFE_END_POWEROFF, 0), LIFE_STAYS);
	nothing(S);
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	life_started(&l, 0, 0); /* of the time before */
	ck_assert_int_eq(g[0].state, LIFE_STARTING);
	next(0, LIFE_DO_START, 0, LIFE_NOBODY);
	ck_assert_int_eq(life_op_reset(&l, 0), OK);
	life_start_failed(&l, 0, 0);
	life_started(&l, 0, 0);
	ck_assert_int_eq(g[0].state, LIFE_STARTING);
	next(0, LIFE_DO_RESTART, 0, LIFE_NOBODY);
	life_started(&l, 0, 0);
	ck_assert_int_eq(g[0].state, LIFE_RUNNING);
	/* A stand-in that still boots, too: it waits for its turn again. */
	life_ended(&l, 0, LIFE_END_CRASH, S);
	next(S, LIFE_DO_START, 1, 0);
	ck_assert_int_eq(life_op_stop(&l, 1), OK);
	next(S, LIFE_DO_STOP, 1, LIFE_NOBODY);
	ck_assert(g[1].state == LIFE_DEFINED && !g[1].serving);
}
END_TEST

static const char *name(u32 i)
{
	static const char *const names[] = { "web", "db", "spare", "late", "more", "last" };

	return names[i];
}
static void says(u32 i, u64 now, const char *detail, const char *want)
{
	char text[80];

	life_reason(&l, i, now, detail, name, text, sizeof(text));
	ck_assert_str_eq(text, want);
}

START_TEST(reasons)
{
	static const u32 after_0[] = { 0 };

	setup(4);
	g[0].policy.on_crash = VM_ACTION_RESTART_BACKOFF;
	g[0].policy.limit = 1;
	g[1].policy.standby_for = g[2].policy.standby_for = 0;
	g[2].policy.warm = true;
	g[3].policy.after = after_0;
	g[3].policy.nr_after = 1;
	g[3].policy.after_ready = true;
	boot(4);
	says(0, 0, "", "at boot");
	says(1, 0, "", "standby for web");
	next(0, LIFE_DO_START, 0, LIFE_NOBODY);
	says(0, 0, "", "at boot");
	life_started(&l, 0, 0);
	says(0, 0, "", "");
	says(3, 0, "", "waits for web to be ready");
	g[3].policy.after_ready = false;
	g[0].was_started = false;
	says(3, 0, "", "waits for web");
	ck_assert_int_eq(life_op_stop(&l, 3), OK);
	says(3, 0, "", "by command");
	starts(0, 2);
	(void)life_ready(&l, 2, 0);
	next(0, LIFE_DO_PAUSE, 2, LIFE_NOBODY);
	says(2, 0, "", "standby for web");
	ck_assert_int_eq(life_op_pause(&l, 0, 0), OK);
	next(0, LIFE_DO_PAUSE, 0, LIFE_NOBODY);
	says(0, 0, "ACPI S5", "by command");
	life_ended(&l, 0, LIFE_END_CRASH, S);
	says(0, S + S / 5, "watchdog expired", "restarts in 0.8 s: crash: watchdog expired");
	/* What was to be restarted is taken back: the crash is not the reason any more. */
	ck_assert_int_eq(life_op_stop(&l, 0), OK);
	says(0, S, "watchdog expired", "by command");
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	next(S, LIFE_DO_START, 0, LIFE_NOBODY);
	says(0, S, "", "by command");
	life_started(&l, 0, S);
	life_ended(&l, 0, LIFE_END_CRASH, S);
	next(2 * S, LIFE_DO_START, 0, LIFE_NOBODY);
	says(0, 2 * S, "bad", "restart: crash");
	life_start_failed(&l, 0, 2 * S);
	says(0, 2 * S, "out of memory", "cannot be loaded: out of memory");
	next(2 * S, LIFE_DO_RESUME, 2, 0);
	says(2, 2 * S, "", "stands in for web");
	ck_assert_int_eq(life_op_start(&l, 0), OK);
	starts(2 * S, 0);
	life_ended(&l, 0, LIFE_END_POWEROFF, 2 * S);
	says(0, 2 * S, "", "powered off");
	setup(1);
	g[0].policy.autostart = false;
	boot(1);
	says(0, 0, "", "not started at boot");
}
END_TEST

START_TEST(policy_of_a_configuration)
{
	struct vm_config vm = { .on_crash = VM_ACTION_RESTART_BACKOFF,
		                .restart_limit = 2,
		                .restart_window = 3,
		                .backoff = 4,
		                .backoff_max = 5,
		                .after_state = VM_AFTER_READY,
		                .standby = VM_STANDBY_WARM };
	struct life_policy p = { .standby_for = 7 };

	life_policy_set(&p, &vm);
	ck_assert(p.on_crash == VM_ACTION_RESTART_BACKOFF && p.limit == 2 && p.window == 3 && p.backoff == 4 &&
	          p.backoff_max == 5 && p.after_ready && !p.warm && !p.autostart && p.standby_for == 7);
	vm.standby_for.nr = 1;
	life_policy_set(&p, &vm);
	ck_assert(p.warm);
	ck_assert_str_eq(life_state_str(LIFE_CRASHED), "crashed");
	ck_assert_str_eq(life_state_str((enum life_state)6), "?");
	ck_assert_str_eq(life_why_str(LIFE_WHY_STANDBY), "standby");
	ck_assert_str_eq(life_why_str((enum life_why)10), "?");
}
END_TEST

START_TEST(ready_text)
{
	static const char *const texts[] = { "a", "aab", "abab", "aaa", "abcabd" };
	struct life_match m;
	u32 seed = 1;

	life_match_init(&m, "login:");
	ck_assert(!life_match_feed(&m, (const u8 *)"lologin", 7));
	ck_assert(life_match_feed(&m, (const u8 *)":", 1));
	ck_assert(!life_match_feed(&m, (const u8 *)":", 1));
	life_match_init(&m, NULL);
	ck_assert(!life_match_feed(&m, (const u8 *)"", 1));
	/* Against strstr, byte by byte. */
	for (u32 i = 0; i < 2000; i++) {
		const char *text = texts[i % ARRAY_SIZE(texts)];
		char all[64] = "";

		life_match_init(&m, text);
		for (u32 k = 0; k < 60; k++) {
			size_t len = strlen(text);
			bool want;

			seed = seed * 1103515245 + 12345;
			all[k] = (char)('a' + (seed >> 16 & 0x7fff) % 4 % 3);
			want = k + 1 >= len && !strncmp(all + k + 1 - len, text, len);
			ck_assert_int_eq(life_match_feed(&m, (const u8 *)all + k, 1), want);
		}
	}
}
END_TEST

SUITE_MAIN("life", policies, back_off_and_quarantine, extreme_times, order_of_start, warm_standby,
           standby_beyond_policy, standby_before_its_turn, primary_again, commands_while_starting, reasons,
           standby_circle, commands, policy_of_a_configuration, ready_text)
