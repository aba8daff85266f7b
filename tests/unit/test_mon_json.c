/* The monitor's JSON parser: what is taken, what is refused and where, decoding, walking. */
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "vmm/mon/json.h"

#define CAP 16

static struct json_doc doc;
static struct json_tok toks[CAP];
static struct json_err err;

static int parse(const char *text)
{
	return json_parse(&doc, text, strlen(text), toks, CAP, false, &err);
}

START_TEST(values)
{
	static const struct {
		const char *text;
		enum json_type type;
		s64 num;
	} good[] = {
		{ "null", JSON_NULL, 0 },
		{ " true ", JSON_BOOL, 1 },
		{ "false", JSON_BOOL, 0 },
		{ "0", JSON_NUMBER, 0 },
		{ "-0", JSON_NUMBER, 0 },
		{ "9223372036854775807", JSON_NUMBER, INT64_MAX },
		{ "-9223372036854775808", JSON_NUMBER, INT64_MIN },
		{ "\t\r\n42\n", JSON_NUMBER, 42 },
		{ "\"\"", JSON_STRING, 0 },
		{ "[]", JSON_ARRAY, 0 },
		{ "{ }", JSON_OBJECT, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_msg(parse(good[i].text) == OK, "%s: %s", good[i].text, err.what);
		ck_assert_int_eq(toks[0].type, good[i].type);
		ck_assert_int_eq(toks[0].num, good[i].num);
		ck_assert_uint_eq(toks[0].next, 1);
		ck_assert_uint_eq(doc.nr, 1);
	}
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		const char *text;
		u32 pos;
		const char *what;
	} bad[] = {
		{ "", 0, "text ends before the value does" },
		{ "  ", 2, "text ends before the value does" },
		{ "nul", 0, "a value is expected here" },
		{ "True", 0, "a value is expected here" },
		{ "nullx", 4, "more text behind the value" },
		{ "1 2", 2, "more text behind the value" },
		{ "01", 0, "number with a leading zero" },
		{ "-", 1, "malformed number" },
		{ "+1", 0, "a value is expected here" },
		{ "1.5", 1, "numbers must be whole" },
		{ "1e3", 1, "numbers must be whole" },
		{ "9223372036854775808", 0, "number does not fit 64 bits" },
		{ "-9223372036854775809", 0, "number does not fit 64 bits" },
		{ "99999999999999999999999", 0, "number does not fit 64 bits" },
		{ "\"abc", 4, "string without an end" },
		{ "\"a\nb\"", 2, "malformed character in a string" },
		{ "\"\\x\"", 1, "malformed character in a string" },
		{ "\"\\", 1, "malformed character in a string" },
		{ "\"\\u12g4\"", 1, "malformed character in a string" },
		{ "\"\\u0000\"", 1, "malformed character in a string" },
		{ "\"\\ud800\"", 1, "malformed character in a string" },
		{ "\"\\ud800\\u0041\"", 1, "malformed character in a string" },
		{ "\"\\udc00\"", 1, "malformed character in a string" },
		{ "\"\xc0\x80\"", 1, "malformed character in a string" },     /* overlong */
		{ "\"\xed\xa0\x80\"", 1, "malformed character in a string" }, /* surrogate */
		{ "\"\xf4\x90\x80\x80\"", 1, "malformed character in a string" },
		{ "\"\xe2\x82\"", 1, "malformed character in a string" },
		{ "\"\x80\"", 1, "malformed character in a string" },
		{ "[1,]", 3, "a value is expected here" },
		{ "[,1]", 1, "a value is expected here" },
		{ "[1 2]", 3, "',' or ']' is expected here" },
		{ "[1}", 2, "',' or ']' is expected here" },
		{ "[", 1, "text ends before the value does" },
		{ "{\"a\"}", 4, "':' is expected here" },
		{ "{\"a\":}", 5, "a value is expected here" },
		{ "{\"a\":1,}", 7, "a key in quotes is expected here" },
		{ "{a:1}", 1, "a key in quotes is expected here" },
		{ "{1:1}", 1, "a key in quotes is expected here" },
		{ "{\"a\":1 \"b\":2}", 7, "',' or '}' is expected here" },
		{ "{\"a\":1,\"b\":[{}],\"a\":2}", 16, "key appears twice" },
		{ "{\"ab\":1,\"\\u0061b\":2}", 8, "key appears twice" },
		{ "[[[[[[[[[]]]]]]]]]", 8, "nested too deeply" },
		{ "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", 37, "too many values" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(parse(bad[i].text) == ERR_INVAL, "taken: %s", bad[i].text);
		ck_assert_str_eq(err.what, bad[i].what);
		ck_assert_msg(err.pos == bad[i].pos, "%s: at %u", bad[i].text, err.pos);
	}
	ck_assert_int_eq(parse("[[[[[[[[]]]]]]]]"), OK);
	ck_assert_int_eq(json_parse(&doc, "\"a\0\"", 4, toks, CAP, false, &err), ERR_INVAL);
}
END_TEST

START_TEST(decimals)
{
	static const char *const good[] = { "1.5", "-0.25", "1e3", "1E-3", "12.50e+10" };
	static const char *const bad[] = { "1.", "1.e3", "1e", "1e+", ".5", "1.5.2" };
	char buf[16];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(json_parse(&doc, good[i], strlen(good[i]), toks, CAP, true, &err), OK);
		ck_assert_int_eq(json_str(&doc, toks, buf, sizeof(buf)), OK);
		ck_assert_str_eq(buf, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(json_parse(&doc, bad[i], strlen(bad[i]), toks, CAP, true, &err), ERR_INVAL);
}
END_TEST

START_TEST(decoding)
{
	char buf[40];

	ck_assert_int_eq(parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83d\\ude00z\xc3\xa4\""), OK);
	ck_assert_int_eq(json_str(&doc, toks, buf, sizeof(buf)), OK);
	ck_assert_str_eq(buf, "a\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\xc3\xa4");
	ck_assert(json_str_is(&doc, toks, buf));
	ck_assert(!json_str_is(&doc, toks, "a\""));
	buf[strlen(buf) - 1] = '\0'; /* cut inside a character */
	ck_assert(!json_str_is(&doc, toks, buf));
	ck_assert_int_eq(parse("\"12345\""), OK);
	ck_assert_int_eq(json_str(&doc, toks, buf, 5), ERR_NOSPC);
	ck_assert_int_eq(json_str(&doc, toks, buf, 0), ERR_NOSPC);
	ck_assert_int_eq(json_str(&doc, toks, buf, 6), OK);
	ck_assert_int_eq(parse("[\n1]"), OK);
	ck_assert_int_eq(json_str(&doc, toks, buf, sizeof(buf)), ERR_INVAL);
}
END_TEST

START_TEST(walking)
{
	const struct json_tok *k, *v;
	u32 n = 0;

	ck_assert_int_eq(parse("{\"a\":[1,[2,3],{\"x\":4}],\"b\":{},\"c\":-5}"), OK);
	ck_assert_uint_eq(toks[0].count, 3);
	for (k = json_first(&doc, toks); k; k = json_next(&doc, toks, k)) {
		ck_assert(k->is_key);
		n++;
	}
	ck_assert_uint_eq(n, 3);
	v = json_get(&doc, toks, "a");
	ck_assert_uint_eq(v->count, 3);
	n = 0;
	for (k = json_first(&doc, v); k; k = json_next(&doc, v, k))
		n++;
	ck_assert_uint_eq(n, 3);
	v = json_get(&doc, toks, "b");
	ck_assert_ptr_null(json_first(&doc, v));
	ck_assert_int_eq(json_get(&doc, toks, "c")->num, -5);
	ck_assert_ptr_null(json_get(&doc, toks, "x"));
	ck_assert_ptr_null(json_get(&doc, json_get(&doc, toks, "c"), "x"));
	ck_assert_ptr_null(json_get(&doc, NULL, "x"));
	ck_assert_ptr_null(json_first(&doc, json_get(&doc, toks, "c")));
}
END_TEST

static u32 points;

static void point(void *arg)
{
	points++;
}

/*
 * The worst lines that a channel takes: as many keys as there are tokens for, as long as fits, alike but for the last
 * character. Every byte is decoded once.
 */
START_TEST(keys_nearly_alike)
{
	static const struct json_pace pace = { point, NULL };
	static struct json_tok many[64];
	static char line[4097];
	u32 keys = 31, len = 0, each = 4096 / keys - 12;

	for (u32 escaped = 0; escaped < 2; escaped++) {
		len = 0;
		for (u32 k = 0; k < keys; k++) {
			len += (u32)sprintf(line + len, "%s\"", k ? "," : "{");
			for (u32 i = 0; i < each / (escaped ? 6 : 1); i++)
				len += (u32)sprintf(line + len, escaped ? "\\u0061" : "a");
			len += (u32)sprintf(line + len, "%02u\":1", k);
		}
		len += (u32)sprintf(line + len, "}");
		ck_assert_uint_le(len, 4096);
		points = 0;
		ck_assert_int_eq(json_parse_paced(&doc, line, len, many, ARRAY_SIZE(many), false, &pace, &err), OK);
		ck_assert_uint_eq(many[0].count, keys);
		ck_assert_msg(doc.looked <= len, "%u bytes looked at, of %u", doc.looked, len);
		ck_assert_uint_ge(points, doc.looked / 32); /* and it can pause all along */
		ck_assert_uint_le(points, 2 * len / 16);
		printf("%u bytes, %u keys%s: %u looked at, %u points\n", len, keys, escaped ? " escaped" : "",
		       doc.looked, points);
	}
}
END_TEST

/* The sequence of Thue and Morse and its complement: a polynomial of either has the same value, modulo 2^64. */
#define ALIKE 1024u

static u32 put_alike(char *text, u32 invert)
{
	for (u32 i = 0; i < ALIKE; i++)
		text[i] = "ab"[(u32)__builtin_parity(i) ^ invert];
	return ALIKE;
}

/* Keys made to hash alike are different keys, but no more of them is compared than the text is long. */
START_TEST(keys_made_alike)
{
	static struct json_tok many[80];
	static char text[200000];
	u32 len = 0;

	for (u32 k = 0; k < 32; k++) {
		len += (u32)sprintf(text + len, "%s\"", k ? "," : "{");
		for (u32 i = 0; i < 5; i++)
			len += put_alike(text + len, k >> (4 - i) & 1);
		len += (u32)sprintf(text + len, "\":1");
		if (k == 3) { /* a few are taken for what they are */
			text[len] = '}';
			ck_assert_int_eq(json_parse(&doc, text, len + 1, many, ARRAY_SIZE(many), false, &err), OK);
			ck_assert_uint_eq(many[1].hash, many[3].hash);
			ck_assert_uint_eq(many[0].count, 4);
		}
	}
	text[len++] = '}';
	ck_assert_int_eq(json_parse(&doc, text, len, many, ARRAY_SIZE(many), false, &err), ERR_INVAL);
	ck_assert_str_eq(err.what, "keys are made to look alike");
	ck_assert_msg(doc.looked <= 2 * len + 5 * ALIKE, "%u bytes looked at, of %u", doc.looked, len);
}
END_TEST

SUITE_MAIN("mon_json", values, refusals, decimals, decoding, walking, keys_nearly_alike, keys_made_alike)
