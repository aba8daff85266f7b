/* The timer queue: order, cancelling and re-arming, also from inside callbacks, against a plain array. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/base/timer.h"

#define N 8

static struct timerq q;
static struct timer timers[N];
static u32 changes;
static u32 nr_fired, fired[64];
static u64 fired_at;
static void (*action)(u32 n, u64 now); /* what a callback does besides */

static void on_change(struct timerq *tq)
{
	ck_assert(tq == &q);
	changes++;
}

static void fire(void *arg, u64 now)
{
	u32 n = (u32)((struct timer *)arg - timers);

	ck_assert(timers[n].deadline == TIMER_OFF); /* off the queue already */
	ck_assert_uint_lt(nr_fired, ARRAY_SIZE(fired));
	fired[nr_fired++] = n;
	fired_at = now;
	if (action)
		action(n, now);
}

static void start(void)
{
	timerq_init(&q, on_change);
	for (u32 i = 0; i < N; i++)
		timer_init(&timers[i], &q, fire, &timers[i]);
	changes = nr_fired = 0;
	action = NULL;
}

static void expect(u32 n, const u32 *want)
{
	ck_assert_uint_eq(nr_fired, n);
	for (u32 i = 0; i < n; i++)
		ck_assert_uint_eq(fired[i], want[i]);
	nr_fired = 0;
}
#define EXPECT(...) expect(sizeof((u32[]){ __VA_ARGS__ }) / 4, (const u32[]){ __VA_ARGS__ })

START_TEST(order)
{
	start();
	ck_assert_uint_eq(timerq_next(&q), TIMER_OFF);
	ck_assert_uint_eq(timerq_run(&q, ~0ull), 0);
	ck_assert_uint_eq(changes, 0);
	timer_set(&timers[0], 300);
	timer_set(&timers[1], 100);
	timer_set(&timers[2], 200);
	timer_set(&timers[3], 200);
	ck_assert_uint_eq(timerq_next(&q), 100);
	ck_assert_uint_eq(timerq_run(&q, 99), 0);
	ck_assert_uint_eq(timerq_run(&q, 200), 3);
	ck_assert_uint_eq(fired_at, 200);
	EXPECT(1, 2, 3); /* of the same deadline: the one armed first */
	ck_assert_uint_eq(timerq_next(&q), 300);
	ck_assert_uint_eq(timerq_run(&q, 200), 0);
	ck_assert_uint_eq(timerq_run(&q, ~0ull), 1);
	ck_assert_uint_eq(timerq_next(&q), TIMER_OFF);
}
END_TEST

START_TEST(changes_are_told)
{
	start();
	timer_set(&timers[0], 300);
	ck_assert_uint_eq(changes, 1);
	timer_set(&timers[1], 400);
	ck_assert_uint_eq(changes, 1);
	timer_set(&timers[2], 100);
	ck_assert_uint_eq(changes, 2);
	timer_set(&timers[2], 100);
	ck_assert_uint_eq(changes, 2);
	timer_cancel(&timers[2]);
	ck_assert_uint_eq(changes, 3);
	timer_cancel(&timers[2]);
	timer_cancel(&timers[1]);
	ck_assert_uint_eq(changes, 3);
	timer_set(&timers[0], TIMER_OFF);
	ck_assert_uint_eq(changes, 4);
	timer_set(&timers[0], 10);
	ck_assert_uint_eq(timerq_run(&q, 10), 1);
	ck_assert_uint_eq(changes, 6);
	/* Without a hook. */
	timerq_init(&q, NULL);
	timer_set(&timers[0], 5);
	ck_assert_uint_eq(timerq_run(&q, 5), 1);
	ck_assert_uint_eq(changes, 6);
}
END_TEST

static void rearm_in_the_past(u32 n, u64 now)
{
	timer_set(&timers[n], now - 1);
}

START_TEST(one_round_only)
{
	start();
	action = rearm_in_the_past;
	timer_set(&timers[0], 10);
	timer_set(&timers[1], 20);
	ck_assert_uint_eq(timerq_run(&q, 1000), 2);
	EXPECT(0, 1);
	ck_assert_uint_eq(timerq_next(&q), 999);
	ck_assert_uint_eq(timerq_run(&q, 1000), 2);
	EXPECT(0, 1);
}
END_TEST

static void cancel_next(u32 n, u64 now)
{
	if (n == 0) {
		timer_cancel(&timers[1]);
		timer_set(&timers[2], 500);
		timer_set(&timers[3], 50); /* due at once, but set anew: next round */
	}
}

START_TEST(callbacks_touch_due_ones)
{
	start();
	action = cancel_next;
	for (u32 i = 0; i < 5; i++)
		timer_set(&timers[i], 10 + i);
	ck_assert_uint_eq(timerq_run(&q, 100), 2);
	EXPECT(0, 4);
	ck_assert_uint_eq(timerq_next(&q), 50);
	ck_assert_uint_eq(timerq_run(&q, 100), 1);
	EXPECT(3);
	ck_assert_uint_eq(timerq_next(&q), 500);
	ck_assert_uint_eq(timers[1].deadline, TIMER_OFF);
}
END_TEST

START_TEST(against_a_model)
{
	u64 model[N], now = 0, seed = 1;

	start();
	for (u32 i = 0; i < N; i++)
		model[i] = TIMER_OFF;
	for (u32 round = 0; round < 20000; round++) {
		u64 r, next = TIMER_OFF;
		u32 due = 0;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		r = seed >> 33;
		if (r % 4 == 0) {
			now += r / 4 % 40;
			for (u32 i = 0; i < N; i++)
				due += model[i] <= now;
			nr_fired = 0;
			ck_assert_uint_eq(timerq_run(&q, now), due);
			for (u32 i = 0; i < nr_fired; i++) {
				ck_assert_uint_le(model[fired[i]], now);
				ck_assert(i == 0 || model[fired[i - 1]] <= model[fired[i]]);
			}
			for (u32 i = 0; i < nr_fired; i++)
				model[fired[i]] = TIMER_OFF;
		} else {
			u32 n = (u32)(r / 4 % N);

			model[n] = r % 4 == 1 ? TIMER_OFF : now + r / 32 % 64;
			timer_set(&timers[n], model[n]);
		}
		for (u32 i = 0; i < N; i++) {
			ck_assert_uint_eq(timers[i].deadline, model[i]);
			next = MIN(next, model[i]);
		}
		ck_assert_uint_eq(timerq_next(&q), next);
	}
}
END_TEST

SUITE_MAIN("timer", order, changes_are_told, one_round_only, callbacks_touch_due_ones, against_a_model)
