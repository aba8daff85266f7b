/* err_str: every code has a text of its own. */
#include "quick_check.h"
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

START_TEST(texts_differ)
{
	for (int a = 0; a >= ERR_FAULT; a--) {
		ck_assert_str_ne(err_str(a), "unknown error");
		for (int b = 0; b > a; b--)
			ck_assert_str_ne(err_str(a), err_str(b));
	}
	ck_assert_str_eq(err_str(1), "unknown error");
	ck_assert_str_eq(err_str(-1000), "unknown error");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("err");
	TCase *tc = tcase_create("err");
	SRunner *r;
	int failed;

	tcase_add_test(tc, texts_differ);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
