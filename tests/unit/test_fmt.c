/* Formatting beside the C library's, and number parsing. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/fmt.h"
#include "suite.h"

/* Same text and same length as libc's. */
#define SAME(...)                                                               \
	do {                                                                    \
		char got[256], want[256];                                       \
		int n = fmt_snprintf(got, sizeof(got), __VA_ARGS__);            \
		ck_assert_int_eq(n, snprintf(want, sizeof(want), __VA_ARGS__)); \
		ck_assert_str_eq(got, want);                                    \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#pragma GCC diagnostic ignored "-Wformat-extra-args"

START_TEST(signed_numbers)
{
	static const int v[] = { 0, 1, -1, 42, -42, INT_MAX, INT_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		SAME("%d|%i|%5d|%-5d|%05d|%+d|% d", v[i], v[i], v[i], v[i], v[i], v[i], v[i]);
		SAME("%.3d|%8.3d|%-8.3d|%08.3d|%.0d", v[i], v[i], v[i], v[i], v[i]);
		SAME("%hd|%hhd|%ld|%lld", v[i], v[i], v[i] * (1l << 20), v[i] * (1ll << 20));
	}
	SAME("%ld %ld", LONG_MAX, LONG_MIN);
	SAME("%*d|%-*d|%*d|%.*d", 6, 42, 6, 42, -6, 42, 4, 42);
}
END_TEST

START_TEST(unsigned_numbers)
{
	static const unsigned int v[] = { 0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x12345, UINT_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		SAME("%u|%x|%X|%#x|%#X|%08x|%#10x|%#010x|%-#10x|", v[i], v[i], v[i], v[i], v[i], v[i], v[i], v[i],
		     v[i]);
		SAME("%hx|%hhx|%lx|%llx|%zx|%zu", v[i], v[i], (unsigned long)v[i] << 32,
		     (unsigned long long)v[i] << 31, (size_t)v[i], (size_t)v[i]);
		SAME("%.5x|%10.5x|%010.5x|%.0u", v[i], v[i], v[i], v[i]);
	}
	SAME("%lu %#lx", ULONG_MAX, ULONG_MAX);
	SAME("%p", (void *)0xffff800000001000ul);
	SAME("%20p|", (void *)0x1234ul);
}
END_TEST

START_TEST(text)
{
	SAME("%s|%10s|%-10s|%.2s|%10.2s|%.0s", "hello", "hello", "hello", "hello", "hello", "hello");
	SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
	SAME("100%%");
	SAME("%s", "");
}
END_TEST

START_TEST(odd_cases)
{
	char buf[16];

	ck_assert_int_eq(fmt_snprintf(buf, sizeof(buf), "%s", (char *)NULL), 6);
	ck_assert_str_eq(buf, "(null)");
	ck_assert_int_eq(fmt_snprintf(buf, sizeof(buf), "a%qb%"), 4);
	ck_assert_str_eq(buf, "a%qb");
	/* cut and terminated; the length is that of the whole text */
	ck_assert_int_eq(fmt_snprintf(buf, 4, "%s", "abcdef"), 6);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(fmt_snprintf(buf, 1, "%d", 12345), 5);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(fmt_snprintf(NULL, 0, "%d", 12345), 5);
	/* a hostile width is bounded, not followed */
	ck_assert_int_eq(fmt_snprintf(buf, sizeof(buf), "%*d", INT_MAX, 1), 4096);
	ck_assert_int_eq(fmt_snprintf(buf, sizeof(buf), "%*d", INT_MIN, 1), 4096);
	ck_assert_int_eq(fmt_snprintf(buf, sizeof(buf), "%999999999999d", 1), 4096);
}
END_TEST

START_TEST(parse)
{
	static const struct {
		const char *s;
		bool suffix;
		int r;
		u64 v;
	} t[] = {
		{ "0", false, OK, 0 },
		{ "123", false, OK, 123 },
		{ "0x7f", false, OK, 0x7f },
		{ "0XfF", false, OK, 0xff },
		{ "4K", true, OK, 4096 },
		{ "4k", true, OK, 4096 },
		{ "3M", true, OK, 3ull << 20 },
		{ "3m", true, OK, 3ull << 20 },
		{ "0x10G", true, OK, 16ull << 30 },
		{ "1g", true, OK, 1ull << 30 },
		{ "4K", false, ERR_INVAL, 0 },
		{ "4KB", true, ERR_INVAL, 0 },
		{ "4T", true, ERR_INVAL, 0 },
		{ "", true, ERR_INVAL, 0 },
		{ "0x", true, ERR_INVAL, 0 },
		{ "K", true, ERR_INVAL, 0 },
		{ "-1", true, ERR_INVAL, 0 },
		{ " 1", true, ERR_INVAL, 0 },
		{ "1 ", true, ERR_INVAL, 0 },
		{ "12a", false, ERR_INVAL, 0 },
		{ "18446744073709551615", false, OK, ~0ull },
		{ "18446744073709551616", false, ERR_RANGE, 0 },
		{ "0xffffffffffffffff", false, OK, ~0ull },
		{ "0x10000000000000000", false, ERR_RANGE, 0 },
		{ "17179869183G", true, OK, 17179869183ull << 30 },
		{ "17179869184G", true, ERR_RANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		u64 v = 77;

		ck_assert_msg(fmt_parse_u64(t[i].s, t[i].suffix, &v) == t[i].r, "%s", t[i].s);
		ck_assert_uint_eq(v, t[i].r ? 77 : t[i].v);
	}
}
END_TEST

SUITE_MAIN("fmt", signed_numbers, unsigned_numbers, text, odd_cases, parse)
