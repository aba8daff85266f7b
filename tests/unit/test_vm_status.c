/*
 * The word that is a VM's life: every transition in every state that can be reached, every pair of them by two CPUs
 * with one's compare-and-swap failing, and whole programs of operators, vCPUs and the housekeeping in every order.
 */
#include "quick_check.h"

#include <pthread.h>

#include "suite.h"
#include "vmm/vm/status.h"

#define NR_VCPUS  2u
#define MAX_WORDS 4096u

/* A transition and what it is called with; leave: of the run that the word has. */
struct move {
	const struct vm_step_row *row;
	u64 arg;
	bool of_run;
};

static struct move moves[40];
static u32 nr_moves;

static void list_moves(void)
{
	nr_moves = 0;
	for (u32 i = 0; i < vm_nr_steps; i++) {
		const struct vm_step_row *row = &vm_steps[i];

		if (!strcmp(row->name, "stop")) {
			for (u64 why = VM_STOP_POWEROFF; why <= VM_STOP_DESTROY; why++)
				moves[nr_moves++] = (struct move){ row, why, false };
		} else {
			moves[nr_moves++] = (struct move){ row, NR_VCPUS, !strcmp(row->name, "leave") };
		}
	}
	ck_assert_uint_ge(nr_moves, 20);
}

static enum vm_tr make(const struct move *m, u64 *w)
{
	return m->row->step(w, m->of_run ? (*w & VM_ST_RUN) | m->arg : m->arg);
}

/* Runs are alike: the first stands for all. */
static u64 same_run(u64 w)
{
	return (w & ~VM_ST_RUN) | (w & VM_ST_RUN ? BIT(32) : 0);
}

static u32 out(u64 w)
{
	return (u32)((w & VM_ST_OUT) >> 16);
}

static void check_word(u64 w)
{
	ck_assert_uint_le(vm_st_state(w), VM_CRASHED);
	ck_assert_uint_le(vm_st_stop(w), VM_STOP_DESTROY);
	if (!vm_st_on(w))
		ck_assert(!(w & (VM_ST_STOP | VM_ST_CLAIMED | VM_ST_AGAIN | VM_ST_BUTTON | VM_ST_OUT)));
	if (vm_st_stop(w))
		ck_assert(w & VM_ST_CLAIMED);
	if (!vm_st_stop(w))
		ck_assert_uint_eq(out(w), 0);
	if (w & VM_ST_RESUME)
		ck_assert(w & VM_ST_PAUSED);
	/* Its vCPUs have to run to leave. */
	if (vm_st_stop(w) && (w & VM_ST_PAUSED))
		ck_assert(w & VM_ST_RESUME);
	if (w & VM_ST_BUTTON)
		ck_assert_uint_eq(vm_st_state(w), VM_RUNNING);
	ck_assert(vm_st_run(w) || vm_st_state(w) == VM_DEFINED);
}

static u64 words[MAX_WORDS];
static u32 nr_words;

static void add_word(u64 w)
{
	for (u32 i = 0; i < nr_words; i++)
		if (words[i] == w)
			return;
	ck_assert_uint_lt(nr_words, MAX_WORDS);
	words[nr_words++] = w;
}

/* All that can be reached from DEFINED; no vCPU leaves twice. */
static void reach(void)
{
	nr_words = 0;
	list_moves();
	add_word(VM_DEFINED);
	for (u32 i = 0; i < nr_words; i++)
		for (u32 m = 0; m < nr_moves; m++) {
			u64 w = words[i];

			if (moves[m].of_run && out(w) >= NR_VCPUS)
				continue;
			(void)make(&moves[m], &w);
			check_word(w);
			add_word(same_run(w));
		}
}

START_TEST(reachable)
{
	reach();
	ck_assert_uint_gt(nr_words, 50);
	for (u32 i = 0; i < nr_words; i++)
		check_word(words[i]);
}
END_TEST

/* What each does is what its name says. */
START_TEST(meaning)
{
	reach();
	for (u32 i = 0; i < nr_words; i++)
		for (u32 m = 0; m < nr_moves; m++) {
			const char *name = moves[m].row->name;
			u64 was = words[i], w = was;
			enum vm_tr r;

			if (moves[m].of_run && out(w) >= NR_VCPUS)
				continue;
			r = make(&moves[m], &w);
			if (r == VM_TR_NO && strcmp(name, "resume") && strcmp(name, "take_button"))
				ck_assert_uint_eq(w, was);
			/* A new run begins, without anything of the last, or its number stays. */
			if (r == VM_TR_BEGUN) {
				ck_assert_uint_eq(vm_st_run(w), vm_st_run(was) + 1);
				ck_assert_uint_eq(vm_st_state(w), VM_STARTING);
				ck_assert(
				        !(w & (VM_ST_STOP | VM_ST_CLAIMED | VM_ST_AGAIN | VM_ST_OUT | VM_ST_BUTTON)));
				ck_assert(!(was & VM_ST_LAST));
			} else {
				ck_assert_uint_eq(vm_st_run(w), vm_st_run(was));
			}
			if (was & VM_ST_LAST)
				ck_assert(w & VM_ST_LAST);
			/* A reason that was told stays. */
			if (vm_st_stop(was) && r != VM_TR_BEGUN && vm_st_on(w))
				ck_assert_uint_eq(vm_st_stop(w), vm_st_stop(was));
			if (!strcmp(name, "claim") && r == VM_TR_DONE)
				ck_assert(!(was & VM_ST_CLAIMED));
			if (!strcmp(name, "pause") && vm_st_stop(was))
				ck_assert_int_eq(r, VM_TR_NO);
			if (!strcmp(name, "off") && r == VM_TR_DONE)
				ck_assert_uint_eq(vm_st_state(w),
				                  vm_st_stop(was) == VM_STOP_CRASH ? VM_CRASHED : VM_STOPPED);
		}
}
END_TEST

/*
 * Two CPUs, every pair of transitions in every state: one has loaded the word, the other makes its change, the first
 * one's compare-and-swap fails and it begins again. What both get, and what is left, is what one after the other
 * gives.
 */
START_TEST(pairs)
{
	u64 tried = 0;

	reach();
	for (u32 i = 0; i < nr_words; i++)
		for (u32 a = 0; a < nr_moves; a++)
			for (u32 b = 0; b < nr_moves; b++) {
				u64 w = words[i], loaded = w, mine = w, ab = w, ba = w;
				enum vm_tr ra, rb, ab_a, ab_b, ba_a, ba_b;

				if (moves[a].of_run + moves[b].of_run + out(w) > NR_VCPUS)
					continue;
				ab_a = make(&moves[a], &ab);
				ab_b = make(&moves[b], &ab);
				ba_b = make(&moves[b], &ba);
				ba_a = make(&moves[a], &ba);

				ra = make(&moves[a], &mine);
				rb = make(&moves[b], &w);
				/* apply(): a step that changes nothing is done with the word it saw. */
				if (mine != loaded) {
					if (w != loaded) {
						mine = w;
						ra = make(&moves[a], &mine);
					}
					w = mine;
				}
				ck_assert_msg((w == ab && ra == ab_a && rb == ab_b) ||
				                      (w == ba && ra == ba_a && rb == ba_b),
				              "%s and %s in %#lx", moves[a].row->name, moves[b].row->name,
				              (unsigned long)words[i]);
				check_word(w);
				tried++;
			}
	ck_assert_uint_gt(tried, 10000);
}
END_TEST

/* ---- programs ---- */

/* What the callers of the transitions do, a step at a time: vmm/life/onoff.c, vmm/cpu/kill.c, vmm/life/ctl.c. */
enum program { P_STOP, P_CRASH, P_START, P_RESTART, P_DESTROY, P_PAUSE, P_PAUSE_RESUME, P_BUTTON, P_END_ALL, P_NR };

struct world {
	u64 w;
	u8 program[2], pc[2]; /* pc 255: done */
	bool left[NR_VCPUS];  /* in this run */
	u8 telling;           /* the last vCPU is out and its end is being told */
	bool failing;         /* the start failed and claimed the stop */
};

#define DONE       255
#define MAX_WORLDS 60000u
static struct world worlds[MAX_WORLDS];
static u32 nr_worlds;

static enum vm_tr step(const char *name, u64 *w, u64 arg)
{
	for (u32 i = 0; i < vm_nr_steps; i++)
		if (!strcmp(vm_steps[i].name, name)) {
			enum vm_tr r = vm_steps[i].step(w, arg);

			check_word(*w);
			return r;
		}
	ck_abort_msg("no transition %s", name);
}

static void add_world(struct world x)
{
	x.w = same_run(x.w);
	for (u32 i = nr_worlds; i-- > 0;)
		if (!memcmp(&worlds[i], &x, sizeof(x)))
			return;
	ck_assert_uint_lt(nr_worlds, MAX_WORLDS);
	worlds[nr_worlds++] = x;
}

static void begun(struct world *x)
{
	memset(x->left, 0, sizeof(x->left));
}

static void ask_stop(struct world *x, u32 cpu, u64 why)
{
	if (x->pc[cpu] == 0) {
		x->pc[cpu] = step("claim", &x->w, 0) == VM_TR_DONE ? 1 : DONE;
	} else {
		ck_assert_int_ne(step("stop", &x->w, why), VM_TR_NO);
		x->pc[cpu] = DONE;
	}
}

/* The next step of a CPU's program. */
static void advance(struct world *x, u32 cpu)
{
	enum vm_tr r;

	switch (x->program[cpu]) {
	case P_STOP: ask_stop(x, cpu, VM_STOP_POWEROFF); return;
	case P_CRASH: ask_stop(x, cpu, VM_STOP_CRASH); return;
	case P_DESTROY:
		if (x->pc[cpu] == 0 && (x->w & VM_ST_AGAIN)) {
			(void)step("want_not", &x->w, 0);
			return;
		}
		ask_stop(x, cpu, VM_STOP_DESTROY);
		return;
	case P_START:
		r = step("want", &x->w, 0);
		if (r == VM_TR_BEGUN)
			begun(x);
		break;
	case P_RESTART:
		if (x->pc[cpu] == 1) {
			ck_assert_int_ne(step("stop", &x->w, VM_STOP_RESET), VM_TR_NO);
			break;
		}
		r = step("want_afresh", &x->w, 0);
		if (r == VM_TR_BEGUN)
			begun(x);
		if (r == VM_TR_CLAIM) {
			x->pc[cpu] = 1;
			return;
		}
		break;
	case P_PAUSE: (void)step("pause", &x->w, 0); break;
	case P_PAUSE_RESUME:
		if (x->pc[cpu]++ == 0) {
			(void)step("pause", &x->w, 0);
			return;
		}
		(void)step("resume_later", &x->w, 0);
		break;
	case P_BUTTON: (void)step("press", &x->w, 0); break;
	default:
		if (x->pc[cpu] == 0) {
			(void)step("last", &x->w, 0);
			x->pc[cpu] = 1;
			return;
		}
		if (x->pc[cpu] == 1) {
			x->pc[cpu] = step("claim", &x->w, 0) == VM_TR_DONE ? 2 : DONE;
			return;
		}
		ck_assert_int_ne(step("stop", &x->w, VM_STOP_DESTROY), VM_TR_NO);
	}
	x->pc[cpu] = DONE;
}

/* What vCPUs and the housekeeping can do; each adds a world. Returns whether there was anything. */
static bool others(struct world was)
{
	struct world x;
	bool any = false, free = !(was.w & VM_ST_PAUSED);

	if (was.w & VM_ST_RESUME) {
		x = was;
		(void)step("resume", &x.w, 0);
		add_world(x);
		any = true;
	}
	for (u32 i = 0; i < NR_VCPUS; i++) {
		x = was;
		if (!free || !vm_st_on(x.w) || !vm_st_stop(x.w) || x.left[i])
			continue;
		x.left[i] = true;
		if (step("leave", &x.w, (x.w & VM_ST_RUN) | NR_VCPUS) == VM_TR_DONE) {
			ck_assert(!x.telling);
			if (step("again", &x.w, 0) == VM_TR_BEGUN)
				begun(&x);
			else
				x.telling = true;
		}
		add_world(x);
		any = true;
	}
	if (was.telling) {
		x = was;
		x.telling = false;
		if (step("off", &x.w, 0) == VM_TR_BEGUN)
			begun(&x);
		else
			ck_assert(!vm_st_on(x.w));
		add_world(x);
		any = true;
	}
	if (was.failing) {
		x = was;
		x.failing = false;
		if (step("failed", &x.w, 0) == VM_TR_BEGUN)
			begun(&x);
		add_world(x);
		any = true;
	} else if (free && vm_st_state(was.w) == VM_STARTING && !vm_st_stop(was.w)) {
		x = was;
		(void)step("started", &x.w, 0);
		add_world(x);
		x = was;
		if (step("claim", &x.w, 0) == VM_TR_DONE) {
			x.failing = true;
			add_world(x);
		}
		any = true;
	}
	return any;
}

/* Nothing moves any more: the VM is off, runs, or is paused; nobody waits for anything. */
static void check_end(const struct world *x)
{
	ck_assert(!(x->w & (VM_ST_RESUME | VM_ST_CLAIMED)));
	ck_assert(!(x->w & VM_ST_AGAIN) || vm_st_on(x->w));
	ck_assert(!vm_st_stop(x->w));
	ck_assert(vm_st_state(x->w) != VM_STARTING || (x->w & VM_ST_PAUSED));
	if (x->w & VM_ST_LAST)
		ck_assert(!vm_st_on(x->w));
}

static void explore(struct world first)
{
	nr_worlds = 0;
	add_world(first);
	for (u32 i = 0; i < nr_worlds; i++) {
		bool any = others(worlds[i]);

		for (u32 cpu = 0; cpu < 2; cpu++) {
			struct world x = worlds[i];

			if (x.pc[cpu] == DONE)
				continue;
			advance(&x, cpu);
			add_world(x);
			any = true;
		}
		if (!any)
			check_end(&worlds[i]);
	}
}

START_TEST(programs)
{
	static const u64 first[] = { VM_DEFINED, BIT(32) | VM_STARTING, BIT(32) | VM_RUNNING,
		                     BIT(32) | VM_RUNNING | VM_ST_PAUSED, BIT(32) | VM_STOPPED };
	u64 total = 0;

	for (u32 f = 0; f < ARRAY_SIZE(first); f++)
		for (u32 a = 0; a < P_NR; a++)
			for (u32 b = a; b < P_NR; b++) {
				struct world x;

				memset(&x, 0, sizeof(x));
				x.w = first[f];
				x.program[0] = (u8)a;
				x.program[1] = (u8)b;
				explore(x);
				total += nr_worlds;
			}
	ck_assert_uint_gt(total, 5000);
}
END_TEST

/* ---- the real word, two threads ---- */

#define ROUNDS 1000000u

static pthread_barrier_t both; /* so that the threads do work at the same time, where there are two CPUs */

struct counts {
	struct vm_status *s;
	u32 seed;
	u64 begun, claimed, stopped, last_out;
};

static void *thread(void *arg)
{
	struct counts *c = arg;

	pthread_barrier_wait(&both);
	for (u32 i = 0; i < ROUNDS; i++) {
		enum vm_tr r = VM_TR_NO;
		u64 w = vm_status(c->s);

		c->seed = c->seed * 1664525 + 1013904223;
		switch (c->seed >> 24 & 7) {
		case 0: r = vm_tr_want(c->s); break;
		case 1:
			r = vm_tr_want_afresh(c->s);
			if (r == VM_TR_CLAIM) {
				c->claimed++;
				ck_assert_int_ne(vm_tr_stop(c->s, VM_STOP_RESET), VM_TR_NO);
				c->stopped++;
			}
			break;
		case 2: (void)vm_tr_started(c->s); break;
		case 3:
			if (vm_tr_claim(c->s) == VM_TR_DONE) {
				c->claimed++;
				ck_assert_int_ne(vm_tr_stop(c->s, VM_STOP_CRASH), VM_TR_NO);
				c->stopped++;
			}
			break;
		case 4: (void)vm_tr_pause(c->s); break;
		case 5: (void)vm_tr_resume(c->s); break;
		case 6: (void)vm_tr_press(c->s); break;
		default:
			/* One vCPU, so that the one who gets it out ends it. */
			if (vm_st_stop(w) && vm_tr_leave(c->s, vm_st_run(w), 1) == VM_TR_DONE) {
				c->last_out++;
				r = vm_tr_off(c->s);
				ck_assert_int_ne(r, VM_TR_NO);
			}
			break;
		}
		c->begun += r == VM_TR_BEGUN;
	}
	return NULL;
}

START_TEST(threads)
{
	struct vm_status s = { VM_DEFINED };
	struct counts c[2] = { { .s = &s, .seed = 1 }, { .s = &s, .seed = 77 } };
	pthread_t t[2];
	u64 begun, open;

	ck_assert_int_eq(pthread_barrier_init(&both, NULL, 2), 0);
	for (u32 i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, thread, &c[i]), 0);
	for (u32 i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	begun = c[0].begun + c[1].begun;
	check_word(s.word);
	ck_assert_uint_eq(vm_st_run(s.word), begun);
	/* Each run is claimed once, stopped once and left once, but for the last. */
	ck_assert_uint_eq(c[0].claimed + c[1].claimed, c[0].stopped + c[1].stopped);
	open = begun - (c[0].last_out + c[1].last_out);
	ck_assert_uint_le(open, 1);
	ck_assert_uint_eq(c[0].stopped + c[1].stopped, c[0].last_out + c[1].last_out + (vm_st_stop(s.word) ? 1 : 0));
	ck_assert_uint_gt(begun, 100);
}
END_TEST

SUITE_MAIN("vm_status", reachable, meaning, pairs, programs, threads)
