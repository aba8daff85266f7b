/* The hypervisor's command line. */
#include <string.h>

#include "boot/cmdline.h"
#include "suite.h"

START_TEST(words)
{
	const char *line = "  /boot/bulkhead quiet\tlog=debug a=\"x y\"=z b= =v\n";
	static const char *const keys[] = { "/boot/bulkhead", "quiet", "log", "a", "b", "" };
	static const char *const values[] = { NULL, NULL, "debug", "\"x y\"=z", "", "v" };
	struct cmdline_word w;
	size_t n = 0;

	while (cmdline_next(&line, &w)) {
		ck_assert_uint_lt(n, ARRAY_SIZE(keys));
		ck_assert(cmdline_is(&w, keys[n]));
		if (values[n]) {
			ck_assert_uint_eq(w.value_len, strlen(values[n]));
			ck_assert_mem_eq(w.value, values[n], w.value_len);
		} else {
			ck_assert_ptr_null(w.value);
		}
		n++;
	}
	ck_assert_uint_eq(n, ARRAY_SIZE(keys));
	ck_assert(!cmdline_next(&line, &w));
}
END_TEST

START_TEST(values)
{
	const char *line =
	        "console=uart,0x3f8 log=info console=vga log=\"de bug\" n=4K bad=4X big=0x1ffffffffffffffff";
	char buf[16];
	u64 v = 5;

	ck_assert_int_eq(cmdline_get_nth(line, "console", 0, buf, sizeof(buf)), OK);
	ck_assert_str_eq(buf, "uart,0x3f8");
	ck_assert_int_eq(cmdline_get_nth(line, "console", 1, buf, sizeof(buf)), OK);
	ck_assert_str_eq(buf, "vga");
	ck_assert_int_eq(cmdline_get_nth(line, "console", 2, buf, sizeof(buf)), ERR_NOENT);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(cmdline_get_nth(line, "console", 0, buf, 4), ERR_NOSPC);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(cmdline_get_nth(line, "console", 0, buf, 0), ERR_NOSPC);
	ck_assert_int_eq(cmdline_get(line, "log", buf, sizeof(buf)), OK);
	ck_assert_str_eq(buf, "de bug");
	ck_assert_int_eq(cmdline_get(line, "lo", buf, sizeof(buf)), ERR_NOENT);
	ck_assert_int_eq(cmdline_get_u64(line, "n", &v), OK);
	ck_assert_uint_eq(v, 4096);
	ck_assert_int_eq(cmdline_get_u64(line, "bad", &v), ERR_INVAL);
	ck_assert_int_eq(cmdline_get_u64(line, "big", &v), ERR_RANGE);
	ck_assert_int_eq(cmdline_get_u64(line, "none", &v), ERR_NOENT);
	ck_assert_int_eq(cmdline_get_u64("x=000000000000000000000000000000000001", "x", &v), ERR_RANGE);
	ck_assert_uint_eq(v, 4096);
}
END_TEST

START_TEST(flags)
{
	static const struct {
		const char *line;
		bool dflt, want;
	} t[] = {
		{ "vpid", false, true },
		{ "novpid", true, false },
		{ "vpid=off", true, false },
		{ "vpid=0", true, false },
		{ "vpid=no", true, false },
		{ "vpid=false", true, false },
		{ "vpid=on", false, true },
		{ "vpid=1", false, true },
		{ "vpid=yes", false, true },
		{ "vpid=true", false, true },
		{ "vpid=maybe", true, true },
		{ "vpid=maybe", false, false },
		{ "", true, true },
		{ "", false, false },
		{ "vpidx nvpid xvpid", false, false },
		{ "vpid novpid", false, false },
		{ "novpid vpid", false, true },
		{ "vpid=waytoolong", true, true },
		{ "novpid=1", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_msg(cmdline_flag(t[i].line, "vpid", t[i].dflt) == t[i].want, "%s", t[i].line);
}
END_TEST

SUITE_MAIN("cmdline", words, values, flags)
