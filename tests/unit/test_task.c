/* Work that pauses: two at a time, deep in calls, what registers and stacks hold; dropped and begun again. */
#include <string.h>

#include "lib/task.h"
#include "suite.h"
#include "test_stack.h"

static struct task a, b;
static TEST_STACK(stack_a);
static TEST_STACK(stack_b);
static char text[200];
static u32 len;

static void say(char c)
{
	text[len++] = c;
	text[len] = '\0';
}

struct what {
	struct task *t;
	char name;
	u32 rounds;
	u64 sum;
};

/* Values live across the pauses, in registers and on the stack. */
static u64 deep(struct what *w, u32 depth)
{
	volatile u64 local = depth * 3;
	u64 x = depth, y = depth + 1, z = depth + 2;

	if (depth)
		x += deep(w, depth - 1);
	say(w->name);
	task_pause(w->t);
	return x + y + z + local;
}

static void body(void *arg)
{
	struct what *w = arg;

	for (u32 i = 0; i < w->rounds; i++)
		w->sum += deep(w, i);
	say('.');
}

static u64 expected(u32 rounds)
{
	u64 sum = 0;

	for (u32 i = 0; i < rounds; i++)
		for (u32 d = 0; d <= i; d++)
			sum += 6 * d + 3;
	return sum;
}

static void setup(void)
{
	len = 0;
	task_init(&a, TEST_STACK_TOP(stack_a));
	task_init(&b, TEST_STACK_TOP(stack_b));
}

START_TEST(in_turns)
{
	struct what wa = { &a, 'a', 4, 0 }, wb = { &b, 'b', 3, 0 };
	u32 pieces = 0;

	setup();
	task_start(&a, body, &wa);
	task_start(&b, body, &wb);
	ck_assert_str_eq(text, ""); /* not before it is run */
	while (a.busy || b.busy) {
		if (a.busy)
			ck_assert_int_eq(task_run(&a), !a.busy);
		if (b.busy)
			ck_assert_int_eq(task_run(&b), !b.busy);
		pieces++;
	}
	ck_assert_str_eq(text, "abababababab"
	                       "a.aaa.");
	ck_assert_uint_eq(wa.sum, expected(4));
	ck_assert_uint_eq(wb.sum, expected(3));
	ck_assert_uint_eq(pieces, 11);
}
END_TEST

/* One task runs another. */
static void outer(void *arg)
{
	while (!task_run(&b))
		task_pause(&a);
	say('!');
}

START_TEST(nested)
{
	struct what wb = { &b, 'b', 2, 0 };

	setup();
	task_start(&b, body, &wb);
	task_start(&a, outer, NULL);
	while (!task_run(&a))
		say('-');
	ck_assert_str_eq(text, "b-b-b-.!");
	ck_assert_uint_eq(wb.sum, expected(2));
}
END_TEST

START_TEST(dropped)
{
	struct what wa = { &a, 'a', 4, 0 };

	setup();
	for (u32 i = 0; i < 5; i++) {
		task_start(&a, body, &wa);
		for (u32 k = 0; k < i; k++)
			ck_assert(!task_run(&a));
		task_drop(&a);
		test_stack_forget(stack_a);
		ck_assert(!a.busy);
	}
	len = 0;
	wa = (struct what){ &a, 'a', 1, 0 };
	task_start(&a, body, &wa);
	ck_assert(!task_run(&a));
	ck_assert(task_run(&a));
	ck_assert_str_eq(text, "a.");
	ck_assert_uint_eq(wa.sum, expected(1));
}
END_TEST

SUITE_MAIN("task", in_turns, nested, dropped)
