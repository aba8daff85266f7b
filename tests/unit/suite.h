/* The main program every unit test has: one suite, a list of tests, Check's totals and the exit status. */
#pragma once

#include <stdlib.h>

#include "quick_check.h"

#define SUITE_MAIN(name, ...)                                                           \
	int main(void)                                                                  \
	{                                                                               \
		const TTest *const suite_tests[] = { __VA_ARGS__ };                     \
		Suite *suite = suite_create(name);                                      \
		TCase *tc = tcase_create(name);                                         \
		SRunner *runner;                                                        \
		int failed;                                                             \
                                                                                        \
		for (size_t t = 0; t < sizeof(suite_tests) / sizeof(*suite_tests); t++) \
			tcase_add_test(tc, suite_tests[t]);                             \
		suite_add_tcase(suite, tc);                                             \
		runner = srunner_create(suite);                                         \
		srunner_run_all(runner, CK_ENV);                                        \
		failed = srunner_ntests_failed(runner);                                 \
		srunner_free(runner);                                                   \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                            \
	}
