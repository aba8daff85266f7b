/*
 * The line editor: every key, keys in pieces, history, completion, the ends of its buffers; and what a terminal shows
 * in the end, by a model of one.
 */
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "vmm/mon/line.h"

#define COLUMNS 40

static struct line l;
static char raw[20000]; /* all that was written since the last typed() */
static size_t raw_len;
static char screen[COLUMNS + 1]; /* the terminal's current row */
static u32 cursor, beeps, rows;

static void term_csi(const char *p, char final)
{
	u32 n = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (u32)(*p - '0');
	if (final == 'K')
		memset(screen + cursor, ' ', COLUMNS - cursor);
	else if (final == 'D')
		cursor -= n;
	else if (final == 'J')
		memset(screen, ' ', COLUMNS);
	else if (final == 'H')
		cursor = 0;
	else
		ck_abort_msg("sequence ending in %c", final);
	ck_assert_uint_lt(cursor, COLUMNS);
}

static void term(void *ctx, const char *s, size_t n)
{
	ck_assert_uint_lt(raw_len + n, sizeof(raw));
	memcpy(raw + raw_len, s, n);
	raw_len += n;
	raw[raw_len] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\r') {
			cursor = 0;
		} else if (s[i] == '\n') {
			memset(screen, ' ', COLUMNS);
			rows++;
		} else if (s[i] == '\a') {
			beeps++;
		} else if (s[i] == '\x1b') {
			size_t start = i + 2;

			ck_assert_int_eq(s[i + 1], '[');
			for (i = start; s[i] < '@'; i++)
				ck_assert_uint_lt(i, n);
			term_csi(s + start, s[i]);
		} else {
			ck_assert_msg(cursor < COLUMNS, "the line wrapped");
			screen[cursor++] = s[i];
		}
	}
}

static void complete(void *ctx, const char *text, u32 word, u32 pos, void (*emit)(void *e, const char *w), void *e)
{
	static const char *const first[] = { "list", "log", "pause", "poweroff", NULL }, *const second[] = { "web",
		                                                                                             "web-2",
		                                                                                             NULL };
	const char *const *words = word ? second : first;

	for (; *words; words++)
		emit(e, *words);
}

static void setup(void)
{
	memset(screen, ' ', COLUMNS);
	screen[COLUMNS] = '\0';
	raw_len = cursor = beeps = rows = 0;
	line_init(&l, "> ", COLUMNS, term, NULL);
	l.complete = complete;
	line_begin(&l);
}

static enum line_result type_n(const char *keys, size_t n)
{
	enum line_result r = LINE_MORE;

	raw_len = 0;
	beeps = 0;
	for (size_t i = 0; i < n; i++)
		r = line_key(&l, (u8)keys[i]);
	return r;
}

/* Types, and looks at the text, the place of the cursor in it, and that the screen shows just that. */
static void typed(const char *keys, const char *text, u32 pos)
{
	char want[COLUMNS + 1];

	ck_assert_int_eq(type_n(keys, strlen(keys)), LINE_MORE);
	ck_assert_str_eq(l.text, text);
	ck_assert_uint_eq(l.len, strlen(text));
	ck_assert_uint_eq(l.pos, pos);
	if (strlen(text) < COLUMNS - 3) {
		snprintf(want, sizeof(want), "> %-*s", COLUMNS - 2, text);
		ck_assert_str_eq(screen, want);
		ck_assert_uint_eq(cursor, 2 + pos);
	}
}

static void entered(const char *keys, const char *text)
{
	ck_assert_int_eq(type_n(keys, strlen(keys)), LINE_DONE);
	ck_assert_str_eq(l.text, text);
	line_begin(&l);
}

START_TEST(editing)
{
	setup();
	typed("abc", "abc", 3);
	typed("\x02", "abc", 2); /* Ctrl-B */
	typed("X", "abXc", 3);
	typed("\x01Y", "YabXc", 1);  /* Ctrl-A */
	typed("\x05Z", "YabXcZ", 6); /* Ctrl-E */
	typed("\x7f", "YabXc", 5);
	typed("\b", "YabX", 4);
	typed("\x1b[D\x1b[D", "YabX", 2);
	typed("\x1b[C", "YabX", 3);
	typed("\x1b[3~", "Yab", 3);   /* Delete */
	typed("\x1b[H\x04", "ab", 0); /* Home, Ctrl-D */
	typed("\x1b[F\x06", "ab", 2); /* End, Ctrl-F at the end */
	ck_assert_uint_eq(beeps, 0);
	typed("\x1b[1~1", "1ab", 1);
	typed("\x1b[4~2", "1ab2", 4);
	typed("\x1bOH\x1bOC\x1bOF\x1bOD", "1ab2", 3); /* application keys */
	typed("\x0b", "1ab", 3);                      /* Ctrl-K */
	typed(" word  ", "1ab word  ", 10);
	typed("\x17", "1ab ", 4);      /* Ctrl-W */
	typed("xy\x1b[D\x15", "y", 0); /* Ctrl-U */
	typed("\x0c", "y", 0);         /* Ctrl-L */
	ck_assert_str_eq(raw, "\x1b[H\x1b[2J\r> y\x1b[K\x1b[1D");
}
END_TEST

START_TEST(nothing_to_do_beeps)
{
	static const char *const keys[] = { "\x7f",   "\x04",   "\x0b", "\x15", "\x17", "\x1b[3~",
		                            "\x1b[A", "\x1b[B", "\x07", "\xc3", "\x1f" };

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		typed(keys[i], "", 0);
		ck_assert_msg(beeps == 1, "key %u: %u beeps", i, beeps);
	}
}
END_TEST

START_TEST(sequences)
{
	setup();
	typed("abc", "abc", 3);
	typed("\x1b", "abc", 3); /* in pieces */
	typed("[", "abc", 3);
	typed("D", "abc", 2);
	typed("\x1b[1;5D", "abc", 1);              /* with modifiers */
	typed("\x1b[15~\x1b[Z\x1b[>5q", "abc", 1); /* unknown ones are swallowed */
	typed("\x1bx", "abc", 1);                  /* Alt-x */
	typed("\x1b\x1b[C", "abc", 2);
	typed("\x1b[9999999999999999D", "abc", 2); /* too long for a key, then text */
	typed("\x1b[\x01", "abc", 0);              /* a control ends it and counts */
	ck_assert_int_eq(type_n("\x1b[\r", 3), LINE_DONE);
}
END_TEST

START_TEST(ends)
{
	setup();
	entered("a\r", "a");
	typed("\n", "", 0); /* the other half */
	ck_assert_int_eq(type_n("b\n", 2), LINE_DONE);
	line_begin(&l);
	ck_assert_int_eq(type_n("\n", 1), LINE_DONE);
	line_begin(&l);
	entered("\r", "");
	entered("\r", "");
	typed("xyz", "xyz", 3);
	ck_assert_int_eq(type_n("\x03", 1), LINE_CANCEL);
	ck_assert_str_eq(raw, "^C\r\n");
	line_begin(&l);
	typed("\x10", "b", 1); /* not in the history */
}
END_TEST

START_TEST(history)
{
	char text[20];

	setup();
	entered("one\r", "one");
	entered("two\r", "two");
	entered("two\r", "two"); /* once */
	entered("\r", "");
	typed("draft", "draft", 5);
	typed("\x1b[A", "two", 3);
	typed("\x10", "one", 3);
	typed("\x10", "one", 3);
	ck_assert_uint_eq(beeps, 1);
	typed("\x1b[B", "two", 3);
	typed("!", "two!", 4); /* changes the line, not the history */
	typed("\x0e", "draft", 5);
	typed("\x0e", "draft", 5);
	ck_assert_uint_eq(beeps, 1);
	typed("\x10", "two", 3);
	entered("\r", "two");
	for (int i = 0; i < 100; i++) { /* the oldest go */
		snprintf(text, sizeof(text), "cmd%d\r", i);
		ck_assert_int_eq(type_n(text, strlen(text)), LINE_DONE);
		line_begin(&l);
		text[strlen(text) - 1] = '\0';
		typed("\x10", text, (u32)strlen(text));
		typed("\x0e", "", 0);
	}
	for (int i = 0; i < LINE_HISTORY; i++) {
		snprintf(text, sizeof(text), "cmd%d", 99 - i);
		typed("\x10", text, (u32)strlen(text));
	}
	typed("\x10", text, (u32)strlen(text));
	ck_assert_uint_eq(beeps, 1);
}
END_TEST

START_TEST(completion)
{
	setup();
	typed("li\t", "list ", 5);
	typed("\x15p\t", "p", 1); /* two fit */
	ck_assert_uint_eq(beeps, 1);
	typed("\t", "p", 1);
	ck_assert_ptr_nonnull(strstr(raw, "\r\npause  poweroff\r\n"));
	typed("o\t", "poweroff ", 9);
	typed("\x15pause w\t", "pause web", 9);
	typed("\t", "pause web", 9);
	ck_assert_uint_eq(beeps, 1);
	typed("x\t", "pause webx", 10);
	ck_assert_uint_eq(beeps, 1);
	typed("\x7f-\t", "pause web-2 ", 12);
	typed("\x15lix\x02\t", "list x", 5); /* what stands behind the cursor stays */
	typed("\x15\x0bxx\t\t", "xx", 2);
	ck_assert_uint_eq(beeps, 2);
	ck_assert_uint_eq(l.back, 0);
	typed("\x15", "", 0);
	typed("\t", "", 0); /* any command: the list needs a second Tab */
	ck_assert_uint_eq(beeps, 1);
	typed("a\x7f\t", "", 0);
	ck_assert_ptr_null(strstr(raw, "pause"));
	typed("\t", "", 0);
	ck_assert_ptr_nonnull(strstr(raw, "list  log  pause  poweroff"));
}
END_TEST

/* Lines longer than the screen scroll sideways and never wrap; longer than the buffer they beep. */
START_TEST(long_lines)
{
	char text[LINE_MAX_TEXT + 20];

	setup();
	for (u32 i = 0; i < LINE_MAX_TEXT; i++) {
		char c = (char)('a' + i % 26);

		ck_assert_int_eq(line_key(&l, (u8)c), LINE_MORE);
		text[i] = c;
		ck_assert_uint_lt(cursor, COLUMNS);
		ck_assert_int_eq(screen[cursor - 1], c);
	}
	text[LINE_MAX_TEXT] = '\0';
	ck_assert_uint_eq(beeps, 0);
	typed("X", text, LINE_MAX_TEXT);
	ck_assert_uint_eq(beeps, 1);
	typed("\x01", text, 0);
	ck_assert(!strncmp(screen, "> abcdefghij", 12));
	ck_assert_uint_eq(cursor, 2);
	for (u32 i = 0; i < LINE_MAX_TEXT; i++) {
		ck_assert_int_eq(type_n("\x06", 1), LINE_MORE);
		ck_assert_uint_lt(cursor, COLUMNS);
		ck_assert_int_eq(screen[cursor - 1], text[i]);
	}
	typed("\x15", "", 0);
	/* a completion that does not fit is not made */
	memset(text, 'y', sizeof(text));
	strcpy(text + LINE_MAX_TEXT - 5, " web-");
	typed(text, text, LINE_MAX_TEXT);
	typed("\t", text, LINE_MAX_TEXT);
	ck_assert_uint_eq(beeps, 2); /* neither "2" nor the blank */
}
END_TEST

/* Something else is written meanwhile: the line is taken away and comes back as it was. */
START_TEST(hidden)
{
	setup();
	typed("abc\x1b[D", "abc", 2);
	line_hide(&l);
	ck_assert_int_eq(screen[0], ' ');
	ck_assert_uint_eq(cursor, 0);
	raw_len = 0;
	line_hide(&l);
	ck_assert_uint_eq(raw_len, 0);
	term(NULL, "log\r\n", 5);
	line_show(&l);
	ck_assert(!strncmp(screen, "> abc ", 6));
	ck_assert_uint_eq(cursor, 4);
	raw_len = 0;
	line_show(&l);
	ck_assert_uint_eq(raw_len, 0);
	line_hide(&l);
	typed("x", "abxc", 3);
}
END_TEST

SUITE_MAIN("mon_line", editing, nothing_to_do_beeps, sequences, ends, history, completion, long_lines, hidden)
