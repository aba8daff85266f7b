/* Structured output: the same calls as a table and as JSON; strings that would deceive. */
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "vmm/mon/json.h"
#include "vmm/mon/obuf.h"
#include "vmm/mon/out.h"

static char text[4096];
static size_t len;

static void capture(void *ctx, const char *s, size_t n)
{
	ck_assert_uint_lt(len + n, sizeof(text));
	memcpy(text + len, s, n);
	len += n;
	text[len] = '\0';
}

static const struct out_col cols[] = {
	{ "name", "NAME", OUT_STR, 6 },       { "id", "ID", OUT_NUM, -4 },     { "mask", "MASK", OUT_HEX, 16 },
	{ "mem_bytes", "MEM", OUT_SIZE, -8 }, { "up_ns", "UP", OUT_TIME, -8 }, { "cpu", "CPU%", OUT_CENTI, -6 },
	{ "on", "ON", OUT_BOOL, 3 },          { "by", "BY", OUT_PAIRS, 1 },
};

static void cells(struct out *o, const char *name)
{
	out_str(o, name);
	out_u64(o, 12);
	out_u64(o, UINT64_MAX);
	out_u64(o, 256ull << 20);
	out_u64(o, 1234567890);
	out_u64(o, 1205);
	out_u64(o, 1);
	out_pairs(o);
	out_pair(o, "HLT", 3, true);
	out_pair(o, "IO", 2, true);
	out_pair(o, "MSR", 1, false);
	out_pairs_end(o);
}

static void all(enum out_format format)
{
	struct out o;

	len = 0;
	out_init(&o, format, capture, NULL);
	out_open(&o);
	out_rec(&o, cols, 2);
	out_str(&o, "a");
	out_u64(&o, 1);
	out_rec_end(&o);
	out_table(&o, "rows", cols, ARRAY_SIZE(cols));
	out_row(&o);
	cells(&o, "x");
	out_row_end(&o);
	out_row(&o);
	cells(&o, "longer-than");
	out_row_end(&o);
	out_table_end(&o);
	out_lines(&o, "lines");
	out_line(&o, "one", 3);
	out_line(&o, "two", 3);
	out_lines_end(&o);
	out_close(&o);
}

START_TEST(as_text)
{
	all(OUT_TEXT);
	ck_assert_str_eq(text, "NAME:         a\n"
	                       "ID:           1\n"
	                       "NAME      ID  MASK                   MEM        UP    CPU%  ON   BY\n"
	                       "x         12  ffffffffffffffff   256 MiB   1.234 s   12.05  yes  HLT 3, IO 2\n"
	                       "longer-than    12  ffffffffffffffff   256 MiB   1.234 s   12.05  yes  HLT 3, IO 2\n"
	                       "one\ntwo\n");
}
END_TEST

START_TEST(as_json)
{
#define ROW(name)                                                                                    \
	"{\"name\":\"" name                                                                          \
	"\",\"id\":12,\"mask\":\"0xffffffffffffffff\",\"mem_bytes\":268435456,\"up_ns\":1234567890," \
	"\"cpu\":12.05,\"on\":true,\"by\":{\"HLT\":3,\"IO\":2,\"MSR\":1}}"
	struct json_doc doc;
	struct json_tok toks[64];
	struct json_err err;

	all(OUT_JSON);
	ck_assert_str_eq(text,
	                 "{\"name\":\"a\",\"id\":1,\"rows\":[" ROW("x") "," ROW("longer-than") "],\"lines\":[\"one\","
	                                                                                       "\"two\"]}");
	ck_assert_int_eq(json_parse(&doc, text, len, toks, 64, true, &err), OK);
}
END_TEST

START_TEST(empty)
{
	struct out o;

	len = 0;
	out_init(&o, OUT_JSON, capture, NULL);
	out_open(&o);
	out_table(&o, "rows", cols, ARRAY_SIZE(cols));
	out_table_end(&o);
	out_lines(&o, "lines");
	out_lines_end(&o);
	out_close(&o);
	ck_assert_str_eq(text, "{\"rows\":[],\"lines\":[]}");
}
END_TEST

static void blocks(enum out_format format)
{
	static const struct out_col three[] = { { "a", "aa", OUT_HEX, 16 },
		                                { "b", "bb", OUT_STR, 4 },
		                                { "c", "cc", OUT_NUM, 2 } };
	struct out o;

	len = 0;
	out_init(&o, format, capture, NULL);
	out_open(&o);
	out_blocks(&o, "r", three, 3, 2);
	for (u32 i = 0; i < 2; i++) {
		out_row(&o);
		out_u64(&o, i);
		out_str(&o, "x");
		out_u64(&o, 5);
		out_row_end(&o);
	}
	out_table_end(&o);
	out_close(&o);
}

START_TEST(wide_records)
{
	blocks(OUT_TEXT);
	ck_assert_str_eq(text, "aa 0000000000000000  bb x\ncc 5\naa 0000000000000001  bb x\ncc 5\n");
	blocks(OUT_JSON);
	ck_assert_str_eq(text, "{\"r\":[{\"a\":\"0x0\",\"b\":\"x\",\"c\":5},{\"a\":\"0x1\",\"b\":\"x\",\"c\":5}]}");
}
END_TEST

/* Strings of guests: controls, broken UTF-8, characters that reverse the order of text. */
START_TEST(hostile_strings)
{
	static const char bad[] = "a\x1b[2J\"\\\n\x7f\xff\xc3\xa4\xe2\x80\xae\xc2\x9b\xe2\x82";
	struct out o;

	len = 0;
	out_init(&o, OUT_TEXT, capture, NULL);
	out_line(&o, bad, sizeof(bad) - 1);
	out_flush(&o);
	ck_assert_str_eq(text, "a\\x1b[2J\"\\\\x0a\\x7f?\xc3\xa4\\u202e\\x9b??\n");
	len = 0;
	out_init(&o, OUT_JSON, capture, NULL);
	out_line(&o, bad, sizeof(bad) - 1);
	out_flush(&o);
	ck_assert_str_eq(text, "\"a\\u001b[2J\\\"\\\\\\n\\u007f\\ufffd\xc3\xa4\\u202e\\u009b\\ufffd\\ufffd\"");
}
END_TEST

/* Text is looked at eight bytes at a time: what is to be escaped is found at every place, whatever is beside it. */
START_TEST(one_bad_byte)
{
	static const struct {
		char byte;
		const char *shown;
	} t[] = { { 0x1f, "\\x1f" },   { 0x7f, "\\x7f" }, { 0, "\\x00" },
		  { (char)0xff, "?" }, { ' ', " " },      { '~', "~" } };
	static const char fill[] = { ' ', '~', 'a' };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		for (u32 at = 0; at < 20; at++) {
			char line[20], want[40];
			struct out o;

			memset(line, fill[at % 3], sizeof(line));
			line[at] = t[i].byte;
			snprintf(want, sizeof(want), "%.*s%s%.*s", (int)at, line, t[i].shown, (int)(19 - at),
			         line + at + 1);
			len = 0;
			out_init(&o, OUT_TEXT, capture, NULL);
			out_line(&o, line, sizeof(line));
			out_flush(&o);
			ck_assert_msg(!strncmp(text, want, strlen(want)), "%u at %u: %s", i, at, text);
		}
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		u64 v;
		const char *want;
	} list[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1500, "1500 B" },
		{ 10240, "10 KiB" },
		{ 10300, "10 KiB" },
		{ 48ull << 20, "48 MiB" },
		{ 3ull << 30, "3 GiB" },
		{ 5ull << 40, "5 TiB" },
		{ UINT64_MAX, "16777215 TiB" },
	};
	static const struct out_col col = { "v_bytes", "v", OUT_SIZE, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		char want[40];
		struct out o;

		len = 0;
		out_init(&o, OUT_TEXT, capture, NULL);
		out_rec(&o, &col, 1);
		out_u64(&o, list[i].v);
		out_rec_end(&o);
		out_flush(&o);
		snprintf(want, sizeof(want), "v:            %s\n", list[i].want);
		ck_assert_str_eq(text, want);
	}
}
END_TEST

static u32 points;
static size_t since; /* what was written up to the last point */
static size_t longest;

static void at_point(void *ctx)
{
	const struct out *o = ctx;

	points++;
	longest = MAX(longest, len + o->len - since);
	since = len + o->len;
}

/* A string of characters that are escaped costs as many times more: it may be interrupted as often. */
START_TEST(points_in_strings)
{
	static const char unit[] = "a\x1b";
	char s[256];
	struct out o;

	for (size_t i = 0; i < sizeof(s); i++)
		s[i] = unit[i % 2];
	len = since = longest = points = 0;
	out_init(&o, OUT_JSON, capture, &o);
	o.point = at_point;
	out_json_str(&o, s, sizeof(s));
	at_point(&o);
	out_flush(&o);
	ck_assert_uint_eq(len, 2 + sizeof(s) / 2 * 7);
	ck_assert_uint_ge(points, sizeof(s) / 8);
	ck_assert_uint_le(longest, 4 * 7 + 1);
}
END_TEST

START_TEST(queue)
{
	u8 store[10], got[16];
	struct obuf o;
	u64 mark;

	obuf_init(&o, store, sizeof(store));
	for (int round = 0; round < 30; round++) { /* around the buffer's end, many times */
		obuf_write(&o, "abcdefg", 7);
		ck_assert_uint_eq(obuf_used(&o), 7);
		ck_assert_uint_eq(obuf_room(&o), 3);
		ck_assert_uint_eq(obuf_read(&o, got, 3), 3);
		ck_assert_mem_eq(got, "abc", 3);
		ck_assert_uint_eq(obuf_read(&o, got, sizeof(got)), 4);
		ck_assert_mem_eq(got, "defg", 4);
		ck_assert_uint_eq(obuf_read(&o, got, sizeof(got)), 0);
	}
	obuf_write(&o, "12345", 5);
	mark = obuf_mark(&o);
	obuf_write(&o, "678", 3);
	obuf_write(&o, "9ab", 3);
	ck_assert(o.overflow);
	obuf_write(&o, "c", 1); /* nothing follows what did not fit */
	ck_assert_uint_eq(obuf_used(&o), 8);
	obuf_rollback(&o, mark);
	ck_assert(!o.overflow);
	ck_assert_uint_eq(obuf_read(&o, got, sizeof(got)), 5);
	ck_assert_mem_eq(got, "12345", 5);
	obuf_write(&o, "0123456789", 10);
	ck_assert_uint_eq(obuf_room(&o), 0);
	ck_assert(!o.overflow);
}
END_TEST

SUITE_MAIN("mon_out", as_text, as_json, empty, wide_records, hostile_strings, one_bad_byte, sizes, points_in_strings,
           queue)
