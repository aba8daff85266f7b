/* screen and screenshot on the control channel: every pixel decoded again, answers that end, generations, refusals. */
#include <stdarg.h>
#include <stdio.h>

#include "fake_mon.h"
#include "suite.h"
#include "vmm/mon/ctl.h"

static struct fake_mon fake;
static struct ctl c;
static u8 buf[65536];
static TEST_STACK(stack);
static char text[200000];
static struct json_tok toks[4000];
static struct json_doc doc;
static const struct mon_rights all = MON_RIGHTS_ALL;

/* The answer's result, or its error's code. */
static const struct json_tok *ask(const char *fmt, ...)
{
	char line[256];
	struct json_err err;
	size_t n = 0;
	va_list ap;
	bool more;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ck_assert_uint_eq(ctl_input(&c, line, strlen(line)), strlen(line));
	do {
		more = ctl_poll(&c, 5);
		n += ctl_output(&c, (u8 *)text + n, sizeof(text) - 1 - n);
	} while (more);
	ck_assert(n && n <= 49152 && text[n - 1] == '\n');
	ck_assert_msg(json_parse(&doc, text, n - 1, toks, ARRAY_SIZE(toks), true, &err) == OK, "%s at %u", err.what,
	              err.pos);
	return json_get(&doc, toks, "result");
}

static void refused(const char *code, const char *message)
{
	const struct json_tok *e = json_get(&doc, toks, "error");

	ck_assert_ptr_nonnull(e);
	ck_assert_msg(json_str_is(&doc, json_get(&doc, e, "code"), code), "%s", text);
	ck_assert_msg(strstr(text, message) != NULL, "%s", text);
}

static u32 num(const struct json_tok *r, const char *key)
{
	const struct json_tok *t = json_get(&doc, r, key);

	ck_assert(t && t->type == JSON_NUMBER);
	return (u32)t->num;
}

static void setup(void)
{
	fake_init(&fake);
	ctl_init(&c, &fake.mon, &all, buf, sizeof(buf), TEST_STACK_TOP(stack));
	c.scratch.rows = fake.rows;
	c.scratch.nr_rows = ARRAY_SIZE(fake.rows);
}

static u32 digit(char ch)
{
	const char *all_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	           *p = strchr(all_digits, ch);

	ck_assert(p && ch);
	return (u32)(p - all_digits);
}

static size_t base64(const struct json_tok *list, u8 *to)
{
	size_t n = 0;

	for (const struct json_tok *t = json_first(&doc, list); t; t = json_next(&doc, list, t)) {
		const char *s = text + t->start;

		ck_assert_uint_eq(t->len % 4, 0);
		for (u32 i = 0; i < t->len; i += 4) {
			u32 pad = (s[i + 2] == '=') + (s[i + 3] == '=');
			u32 v = digit(s[i]) << 18 | digit(s[i + 1]) << 12 | (pad > 1 ? 0 : digit(s[i + 2]) << 6) |
			        (pad ? 0 : digit(s[i + 3]));

			for (u32 k = 0; k < 3 - pad; k++)
				to[n++] = (u8)(v >> (16 - 8 * k));
			ck_assert(!pad || i + 4 == t->len);
		}
	}
	return n;
}

static u32 colour(const u8 *rgb)
{
	return rgb[0] | (u32)rgb[1] << 8 | (u32)rgb[2] << 16;
}

static u32 moved(u32 before, int r, int g, int b)
{
	const u8 rgb[3] = { (u8)((before & 0xff) + (u32)r), (u8)((before >> 8) + (u32)g),
		            (u8)((before >> 16) + (u32)b) };

	return colour(rgb);
}

/* Undoes the codes. Returns how many pixels there were. */
static u32 decode(const u8 *p, size_t n, u32 width, u32 *px)
{
	u32 cache[64] = { 0 }, before = 0, nr = 0;
	const u8 *end = p + n;

	while (p < end) {
		u32 code = *p++, run = 0;
		int g = (int)(code & 63) - 32;
		bool above = false;

		if (code < 0x40) {
			before = cache[code];
		} else if (code < 0x80) {
			before = moved(before, (int)(code >> 4 & 3) - 2, (int)(code >> 2 & 3) - 2,
			               (int)(code & 3) - 2);
		} else if (code < 0xc0) {
			before = moved(before, g + (*p >> 4) - 8, g, g + (*p & 15) - 8);
			p++;
		} else if (code == 0xfe) {
			before = colour(p);
			p += 3;
		} else if (code == 0xff) {
			run = p[0] | (p[1] & 0x7fu) << 8;
			above = p[1] & 0x80;
			p += 2;
		} else {
			run = (code & 31) + 1;
			above = code & 32;
		}
		ck_assert(p <= end);
		if (code >= 0x40 && !run)
			cache[((before & 0xff) * 3 + (before >> 8 & 0xff) * 5 + (before >> 16) * 7) % 64] = before;
		if (!run)
			px[nr++] = before;
		for (; run; run--, nr++) {
			ck_assert(!above || nr >= width);
			px[nr] = above ? px[nr - width] : before;
		}
		before = px[nr - 1];
	}
	return nr;
}

static u32 whole(u32 width, u32 height)
{
	static u8 bytes[65536];
	static u32 px[1920 * 60];
	u32 row = 0, generation = 0, answers = 0;

	while (row < height) {
		const struct json_tok *r =
		        ask("{\"cmd\":\"screenshot\",\"args\":[\"web\",%u,%u]}\n", generation, row);
		u32 rows;

		ck_assert_msg(r != NULL, "%s", text);
		rows = num(r, "rows");
		generation = num(r, "generation");
		ck_assert(generation && rows && num(r, "row") == row && num(r, "width") == width &&
		          num(r, "height") == height);
		ck_assert_uint_eq(decode(bytes, base64(json_get(&doc, r, "data"), bytes), width, px), rows * width);
		for (u32 i = 0; i < rows * width; i++)
			ck_assert_uint_eq(px[i], fake_pixel(i % width, row + i / width) & 0xffffff);
		row += rows;
		answers++;
	}
	ck_assert_uint_eq(fake.screen_generation, 0); /* given back */
	return answers;
}

START_TEST(pixels)
{
	u32 answers;

	setup();
	ck_assert_uint_eq(whole(100, 50), 1);
	fake.screen_wide = true;
	answers = whole(1920, 60);
	ck_assert(answers > 1 && answers < 30);
	for (fake_pattern = 1; fake_pattern < FAKE_NR_PATTERNS; fake_pattern++) {
		u32 nr = whole(1920, 60);

		ck_assert(fake_pattern < FAKE_LETTERS || nr <= (fake_pattern == FAKE_LETTERS ? 5 : 1));
		printf("screenshot: pattern %u in %u answers\n", fake_pattern, nr);
	}
	fake_pattern = FAKE_GRADIENT;
	printf("screenshot: 1920x60 in %u answers\n", answers);
}
END_TEST

/* Another asker has frozen a screen since, in the first row or later: nothing is told, and its row is left alone. */
START_TEST(lost)
{
	for (u32 after = 1; after < 80; after++) {
		setup();
		fake.screen_lost = after;
		ask("{\"cmd\":\"screenshot\",\"args\":[\"web\"]}\n");
		refused("not-found", "web: generation 1 of its screen is not kept");
		for (u32 i = 0; i < sizeof(fake.screen_row); i++)
			ck_assert_uint_eq(((u8 *)fake.screen_row)[i], 0x5a);
		ck_assert_uint_eq(fake.screen_generation, 2); /* the other one's */
	}
}
END_TEST

START_TEST(as_text)
{
	const struct json_tok *r;

	setup();
	r = ask("{\"cmd\":\"screen\",\"args\":[\"db\"]}\n");
	ck_assert(num(r, "columns") == 20 && num(r, "rows") == 4 && num(r, "cursor_column") == 3);
	ck_assert(strstr(text,
	                 "\"lines\":[\"A:\\\\>dir\",\"\",\" \\\"\xe2\x96\x88\\\" 17\",\"exactly20characters!\"]"));
	ck_assert_uint_eq(fake.screen_generation, 0);
}
END_TEST

START_TEST(refusals)
{
	static const u32 ids[] = { 7 };
	const struct mon_rights one = { .reach = MON_REACH_LIST, .guests = ids, .nr = 1 };

	setup();
	ask("{\"cmd\":\"screen\",\"args\":[\"web\"]}\n");
	refused("not-supported", "web shows no text (graphics, 100x50): take a screenshot");
	ask("{\"cmd\":\"screen\",\"args\":[\"batch-1\"]}\n");
	refused("not-supported", "batch-1 has no screen");
	ask("{\"cmd\":\"screenshot\",\"args\":[\"web\",5]}\n");
	refused("not-found", "web: generation 5 of its screen is not kept");
	ask("{\"cmd\":\"screenshot\",\"args\":{\"guest\":\"web\",\"row\":50}}\n");
	refused("bad-value", "web: its screen has 50 rows");
	fake.screen_busy = true;
	ask("{\"cmd\":\"screenshot\",\"args\":[\"web\"]}\n");
	refused("busy", "web: ");
	/* Looking needs no right to change things, but one to see the guest. */
	setup();
	c.rights = one;
	ck_assert_ptr_nonnull(ask("{\"cmd\":\"screenshot\",\"args\":[\"db\"]}\n"));
	ask("{\"cmd\":\"screenshot\",\"args\":[\"web\"]}\n");
	refused("not-permitted", "web");
}
END_TEST

SUITE_MAIN("mon_screen", pixels, lost, as_text, refusals)
