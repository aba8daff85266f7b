/* lib/string.c beside the C library's functions: the file is compiled here under other names. */
#include <string.h>

#include "suite.h"

#define memcpy  bh_memcpy
#define memmove bh_memmove
#define memset  bh_memset
#define memcmp  bh_memcmp
#define memchr  bh_memchr
#define strlen  bh_strlen
#define strnlen bh_strnlen
#define strcmp  bh_strcmp
#define strncmp bh_strncmp
#define strchr  bh_strchr
#define strrchr bh_strrchr
#define strstr  bh_strstr
#define strtoul bh_strtoul
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef strtoul

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

START_TEST(copies_and_fills)
{
	for (size_t n = 0; n < 70; n++) {
		char a[80], b[80], src[80];

		for (size_t i = 0; i < sizeof(src); i++)
			src[i] = (char)(i * 7 + n);
		memset(a, 0x11, sizeof(a));
		memset(b, 0x11, sizeof(b));
		ck_assert_ptr_eq(bh_memcpy(a + 3, src, n), a + 3);
		memcpy(b + 3, src, n);
		ck_assert_mem_eq(a, b, sizeof(a));
		ck_assert_ptr_eq(bh_memset(a + 5, 0x1ee, n), a + 5);
		memset(b + 5, 0xee, n);
		ck_assert_mem_eq(a, b, sizeof(a));
	}
}
END_TEST

START_TEST(moves_overlapping)
{
	for (size_t from = 0; from < 20; from++) {
		for (size_t to = 0; to < 20; to++) {
			for (size_t n = 0; n < 40; n++) {
				char a[64], b[64];

				for (size_t i = 0; i < sizeof(a); i++)
					a[i] = b[i] = (char)i;
				ck_assert_ptr_eq(bh_memmove(a + to, a + from, n), a + to);
				memmove(b + to, b + from, n);
				ck_assert_mem_eq(a, b, sizeof(a));
			}
		}
	}
}
END_TEST

START_TEST(compares)
{
	static const char *const s[] = { "", "a", "ab", "abc", "abd", "b", "\x80", "\xff", "ab\x80" };

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(s); j++) {
			ck_assert_int_eq(bh_strcmp(s[i], s[j]), sign(strcmp(s[i], s[j])));
			for (size_t n = 0; n < 5; n++)
				ck_assert_int_eq(bh_strncmp(s[i], s[j], n), sign(strncmp(s[i], s[j], n)));
		}
	}
	ck_assert_int_eq(bh_memcmp("a\0b", "a\0c", 3), -1);
	ck_assert_int_eq(bh_memcmp("a\0d", "a\0c", 3), 1);
	ck_assert_int_eq(bh_memcmp("\xff", "\x01", 1), 1);
	ck_assert_int_eq(bh_memcmp("x", "y", 0), 0);
}
END_TEST

START_TEST(searches)
{
	const char *t = "hello, hello world";

	ck_assert_uint_eq(bh_strlen(t), 18);
	ck_assert_uint_eq(bh_strnlen(t, 5), 5);
	ck_assert_uint_eq(bh_strnlen("ab", 5), 2);
	ck_assert_ptr_eq(bh_strchr(t, 'l'), t + 2);
	ck_assert_ptr_eq(bh_strchr(t, 0), t + 18);
	ck_assert_ptr_null(bh_strchr(t, 'z'));
	ck_assert_ptr_eq(bh_strrchr(t, 'l'), t + 16);
	ck_assert_ptr_eq(bh_strrchr(t, 0), t + 18);
	ck_assert_ptr_null(bh_strrchr(t, 'z'));
	ck_assert_ptr_eq(bh_memchr(t, 'w', 18), t + 13);
	ck_assert_ptr_null(bh_memchr(t, 'w', 13));
	/* Eight at a time: at every place of every length, among bytes that differ in one bit, or by one. */
	for (u32 len = 0; len < 40; len++) {
		u8 *b = malloc(len + 1); /* ASan sees what is read behind it */

		for (u32 c = 0; c < 256; c += 51) {
			memset(b, (int)(c ^ 1), len);
			ck_assert_ptr_null(bh_memchr(b, (int)c, len));
			memset(b, (int)(c + 1), len);
			ck_assert_ptr_null(bh_memchr(b, (int)c | 0x100, len));
			for (u32 at = len; at-- > 0;) {
				b[at] = (u8)c;
				ck_assert_ptr_eq(bh_memchr(b, (int)c, len), b + at);
			}
		}
		free(b);
	}
	ck_assert_ptr_eq(bh_strstr(t, "hello w"), t + 7);
	ck_assert_ptr_eq(bh_strstr(t, ""), t);
	ck_assert_ptr_eq(bh_strstr(t, "world"), t + 13);
	ck_assert_ptr_null(bh_strstr(t, "worlds"));
}
END_TEST

START_TEST(numbers)
{
	static const char *const s[] = { "0",
		                         "123",
		                         "  42x",
		                         "-1",
		                         "+7",
		                         "0x1f",
		                         "0X1F",
		                         "0x",
		                         "0xg",
		                         "010",
		                         "018",
		                         "",
		                         "zz",
		                         "\t\n9",
		                         "18446744073709551615",
		                         "18446744073709551616",
		                         "ffff",
		                         "7fffffffffffffffffff" };
	static const int bases[] = { 0, 8, 10, 16, 36 };

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
			char *e1, *e2;
			unsigned long v = bh_strtoul(s[i], &e1, bases[b]);

			ck_assert_uint_eq(v, strtoul(s[i], &e2, bases[b]));
			ck_assert_ptr_eq(e1, e2);
		}
	}
	ck_assert_uint_eq(bh_strtoul("12", NULL, 10), 12);
}
END_TEST

SUITE_MAIN("string", copies_and_fills, moves_overlapping, compares, searches, numbers)
