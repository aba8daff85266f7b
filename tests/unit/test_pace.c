/* Pasted text on its way to a guest's console: requests and pauses, counted. */
#include "quick_check.h"
#include <stdio.h>

#include "suite.h"
#include "tools/pace.h"

#define PASTED 65536u

struct run {
	u32 requests, pauses;
	size_t sent; /* in all, what came back among it */
};

/* A guest that takes `each` bytes of a request, but nothing of every idle-th one (0: always some). */
static struct run paste(size_t each, u32 idle)
{
	struct pace p = PACE_INIT;
	struct run r = { 0 };

	for (size_t left = PASTED; left;) {
		size_t n = left < p.window ? left : p.window, taken = n < each ? n : each;

		ck_assert_uint_ge(p.window, PACE_MIN);
		ck_assert_uint_le(p.window, PACE_MAX);
		r.requests++;
		r.sent += n;
		if (idle && r.requests % idle == 0)
			taken = 0;
		r.pauses += !pace_answer(&p, taken);
		left -= taken;
	}
	return r;
}

/* 64 KiB flow: no pause while the guest takes some, and little is sent twice. */
START_TEST(flows)
{
	static const size_t each[] = { 1, 7, 16, 64, 200, 640, 4096 };

	for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++) {
		size_t most = each[i] < PACE_MAX ? each[i] : PACE_MAX;
		struct run r = paste(each[i], 0);

		ck_assert_uint_eq(r.pauses, 0);
		ck_assert_uint_le(r.requests, PASTED / most + 8);
		if (each[i] >= PACE_MIN)
			ck_assert_uint_le(r.sent, 2 * PASTED + PACE_MAX);
		printf("pace: a guest that takes %zu bytes: 64 KiB in %u requests, %u pauses\n", each[i], r.requests,
		       r.pauses);
	}
}
END_TEST

/* One that takes nothing is waited for, once for each time. */
START_TEST(waits)
{
	struct run r = paste(64, 4);

	ck_assert_uint_eq(r.pauses, r.requests / 4);
	ck_assert_uint_gt(r.pauses, 0);
}
END_TEST

SUITE_MAIN("pace", flows, waits)
