/* Check, with assertions that cost next to nothing when they hold. */
#pragma once

#include <check.h>
#include <stdbool.h>

/*
 * Check's own tells the parent process of every assertion that holds, with system calls: where millions are made,
 * that is most of a test's time. Told is the first time at each place, so that the last place reached is still known,
 * about, when a test dies or hangs.
 */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                                            \
	({                                                                                                  \
		static bool ck_told;                                                                        \
		if (!(expr))                                                                                \
			_ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", __VA_ARGS__); \
		if (!ck_told)                                                                               \
			mark_point();                                                                       \
		ck_told = true;                                                                             \
	})
