/* Text and control sequences on a screen of cells: what is drawn, nothing but what changed, when it is asked for. */
#include <stdlib.h>
#include <string.h>

#include "drivers/console/screen.h"
#include "suite.h"

#define ROWS 6
#define COLS 10

#define PIECE 4

static struct screen scr;
static u8 *memory, shown[ROWS][COLS];
static u32 drawn, draws, cursors;
static u32 cursor_row, cursor_col;
static bool cursor_on;

static void draw(struct screen *s, u32 row, u32 col, const u8 *text, u32 n)
{
	ck_assert_ptr_eq(s, &scr);
	ck_assert(n >= 1 && n <= s->piece && row < s->rows && col + n <= s->cols);
	ck_assert(!cursor_on);
	for (u32 i = 0; i < n; i++) {
		ck_assert_uint_ne(shown[row][col + i], text[i]);
		shown[row][col + i] = text[i];
	}
	drawn += n;
	draws++;
}

static void draw_cursor(struct screen *s, u32 row, u32 col, u8 c, bool on)
{
	ck_assert(row < s->rows && col < s->cols);
	ck_assert(on != cursor_on);
	ck_assert(on || (row == cursor_row && col == cursor_col));
	ck_assert_uint_eq(shown[row][col], c);
	cursor_on = on;
	cursor_row = row;
	cursor_col = col;
	cursors++;
}

static const struct screen_ops ops = { draw, draw_cursor };

/* Draws all there is; a piece draws one thing at most. */
static void show(void)
{
	bool more;

	do {
		u32 before = draws + cursors;

		more = screen_draw(&scr);
		ck_assert_uint_le(draws + cursors, before + 1);
	} while (more);
	for (u32 r = 0; r < scr.rows; r++)
		for (u32 c = 0; c < scr.cols; c++)
			ck_assert_uint_eq(shown[r][c], screen_char(&scr, r, c));
	ck_assert(cursor_on != scr.hidden);
	if (cursor_on)
		ck_assert(cursor_row == scr.row && cursor_col == screen_cursor_col(&scr));
	ck_assert(!screen_draw(&scr));
}

static void put(const char *s)
{
	screen_write(&scr, s, strlen(s));
}

/* A fresh screen with this on it. */
static void begin(const char *s)
{
	free(memory);
	memory = malloc(SCREEN_MEMORY(COLS, ROWS)); /* exact, for ASan */
	memset(shown, ' ', sizeof(shown));
	cursor_on = false;
	screen_init(&scr, COLS, ROWS, PIECE, memory, &ops);
	put(s);
}

/* The rows as text, without blanks at the end, parted by '|'; empty ones at the end left out. */
static const char *text(void)
{
	static char buf[ROWS * (COLS + 1) + 1];
	size_t n = 0;

	show();
	for (u32 r = 0; r < ROWS; r++) {
		u32 len = COLS;

		while (len && shown[r][len - 1] == ' ')
			len--;
		memcpy(buf + n, shown[r], len);
		n += len;
		buf[n++] = '|';
	}
	while (n && buf[n - 1] == '|')
		n--;
	buf[n] = '\0';
	return buf;
}

#define SHOWS(want) ck_assert_str_eq(text(), want)
#define AT(r, c)                                               \
	do {                                                   \
		ck_assert_uint_eq(scr.row, r);                 \
		ck_assert_uint_eq(screen_cursor_col(&scr), c); \
	} while (0)

START_TEST(plain_text)
{
	begin("ab\ncd\re\tf\bg\x7f\x80\x01\x07\x0e");
	SHOWS("ab|ed      g?");
	AT(1, 9);
	begin("0123456789");
	AT(0, 9);
	put("\nx"); /* a full line takes one row */
	SHOWS("0123456789|x");
	begin("0123456789ab");
	SHOWS("0123456789|ab");
	begin("0123456789\b*");
	SHOWS("01234567*9");
	begin("\t\t\tx");
	SHOWS("         x");
	begin("0123456789\tx");
	SHOWS("0123456789|        x");
	begin("\b\ba");
	SHOWS("a");
	begin("1\n2\n3\n4\n5\n6\n7\n8");
	SHOWS("3|4|5|6|7|8");
	AT(5, 1);
}
END_TEST

/* As vmm/mon/line.c draws: the line anew at each key. */
START_TEST(line_editor)
{
	begin("log\n\r> \x1b[K\r> lst\x1b[K\r> lst\x1b[K\x1b[2D");
	SHOWS("log|> lst");
	AT(1, 3);
	put("\r> list\x1b[K\x1b[2D");
	SHOWS("log|> list");
	AT(1, 4);
	show();
	drawn = 0;
	put("\r> lis\x1b[K\x1b[1D"); /* a character less */
	SHOWS("log|> lis");
	ck_assert_uint_eq(drawn, 1);
	put("\r\x1b[K* line\n\r> lis\x1b[K");
	SHOWS("log|* line|> lis");
	put("\x1b[H\x1b[2J\r> \x1b[K");
	SHOWS(">");
	AT(0, 2);
}
END_TEST

START_TEST(cursor)
{
	begin("\x1b[3;4Hx");
	SHOWS("||   x");
	put("\x1b[Aa\x1b[Bb\x1b[3Dc\x1b[2Cd");
	SHOWS("|    a|   c bd");
	begin("\x1b[99;99Ha\x1b[Hb\x1b[2;3fc\x1b[0;0Hd\x1b[6d\x1b[3Ge\x1b[1`f\x1b[2ag\x1b[2A\x1b[eh");
	SHOWS("d|  c|||    h|f eg     a");
	begin("\x1b[2Ba\x1b[Fb\x1b[2Ec\x1b[99Dd\x1b[99Ae\x1b[99B\x1b[99Cf");
	SHOWS(" e|b|a|d||         f");
}
END_TEST

START_TEST(erasing)
{
	const char *full = "aaaa\nbbbb\ncccc\x1b[2;3H";

	begin(full);
	put("\x1b[K");
	SHOWS("aaaa|bb|cccc");
	begin(full);
	put("\x1b[1K");
	SHOWS("aaaa|   b|cccc");
	begin(full);
	put("\x1b[2K");
	SHOWS("aaaa||cccc");
	begin(full);
	put("\x1b[J");
	SHOWS("aaaa|bb");
	begin(full);
	put("\x1b[1J");
	SHOWS("|   b|cccc");
	begin(full);
	put("\x1b[2J");
	SHOWS("");
	AT(1, 2);
	begin(full);
	put("\x1b[3J\x1b[7K\x1b[9J"); /* scroll-back, and nothing known */
	SHOWS("aaaa|bbbb|cccc");
	begin("0123456789\x1b[K"); /* the cursor is on the last column */
	SHOWS("012345678");
	begin("0123456789\x1b[5G\x1b[2X");
	SHOWS("0123  6789");
	put("\x1b[99X");
	SHOWS("0123");
}
END_TEST

START_TEST(inserting)
{
	begin("0123456789\x1b[4G\x1b[2@");
	SHOWS("012  34567");
	put("\x1b[3P");
	SHOWS("0124567");
	put("\x1b[99@");
	SHOWS("012");
	begin("0123\x1b[2G\x1b[99P");
	SHOWS("0");
	begin("a\nb\nc\nd\x1b[2H\x1b[L");
	SHOWS("a||b|c|d");
	put("\x1b[2M");
	SHOWS("a|c|d");
	put("\x1b[99L");
	SHOWS("a");
	begin("a\nb\nc\nd\ne\nf\x1b[2S");
	SHOWS("c|d|e|f");
	put("\x1b[T");
	SHOWS("|c|d|e|f");
	put("\x1b[99S");
	SHOWS("");
}
END_TEST

START_TEST(scroll_region)
{
	begin("a\nb\nc\nd\ne\nf\x1b[2;4r");
	AT(0, 0);
	put("\x1b[4H\n");
	SHOWS("a|c|d||e|f");
	put("x\x1b[2H\x1bM");
	SHOWS("a||c|d|e|f");
	put("\x1b[L\x1b[H\x1b[L\x1b[6H\x1b[M"); /* lines outside stay */
	SHOWS("a|||c|e|f");
	put("\n\n"); /* below the region nothing scrolls */
	AT(5, 0);
	put("\x1b[H\x1bM\x1b[4H\x1b[9A");
	AT(1, 0);
	put("\x1b[9B");
	AT(3, 0);
	put("\x1b[3;3r\x1b[9;2r\x1b[99;99r"); /* none of them */
	put("\x1b[4H\n");
	SHOWS("a||c||e|f");
	put("\x1b[r\x1b[6H\n");
	SHOWS("|c||e|f");
	begin("a\x1b[2;99r\x1b[6Hx\n"); /* longer than the screen */
	SHOWS("a||||x");
}
END_TEST

START_TEST(saved_and_alternate)
{
	begin("ab\x1b"
	      "7\x1b[5;5Hx\x1b"
	      "8c\x1b[s\x1b[H*\x1b[uy");
	SHOWS("*bcy||||    x");
	begin("shell\x1b[?1049h\x1b[2J\x1b[Hvi");
	SHOWS("vi");
	put("\x1b[?1049l$");
	SHOWS("     $");
	begin("\x1b[?25l");
	ck_assert(scr.hidden);
	put("\x1b[?25h\x1b[?7;25l0123456789abc");
	ck_assert(scr.hidden);
	SHOWS("012345678c");
	put("\x1b[?25;7hde");
	SHOWS("012345678c|de");
	put("\x1b"
	    "D1\x1b"
	    "E2");
	SHOWS("012345678c|de|  1|2");
}
END_TEST

START_TEST(read_over)
{
	begin("a\x1b[1;31;47mb\x1b[0mc\x1b[38:2::1:2:3md\x1b(B\x1b)0e\x1b=\x1b>\x1b#8f");
	SHOWS("abcdef");
	begin("a\x1b]0;title\x07"
	      "b\x1b]0;t\x1b\\c\x1bPq\x1b[Hx\x1b\\d\x1b_x\x18"
	      "e\x1b^x\x1ay\x1bXz");
	SHOWS("abcdey");
	put("\nf"); /* a string that never ends, ends here */
	SHOWS("abcdeyf");
	begin("\x1b[>0c\x1b[?6n\x1b[6n\x1b[c\x1b[5i\x1b[21t\x1b[!p\x1b[1 q\x1b[4h\x1b[?1000hx");
	SHOWS("x");
	begin("\x1b[1;2;3;4;5;6;7;8;9;10;11;12Hx\x1b[99999999999999999999999999Cy\x1b[;3Hz");
	SHOWS(" xz      y");
}
END_TEST

START_TEST(controls_within)
{
	begin("ab\x1b[\r1Cx"); /* CR is obeyed, the sequence goes on */
	SHOWS("ax");
	begin("ab\x1b[2\x18"
	      "Dx");
	SHOWS("abDx");
	begin("ab\x1b[2\x1b[Dx");
	SHOWS("ax");
	begin("ab\x1b\x1b[Dx");
	SHOWS("ax");
	begin("a\x1bZb\x1b\x80"
	      "c");
	SHOWS("abc");
}
END_TEST

START_TEST(one_cell)
{
	static u8 one[2];
	static const char *const all = "ab\x1b[A\x1b[B\x1b[C\x1b[D\x1b[L\x1b[M\x1b[@\x1b[P\x1b[S\x1b[T\x1bM\x1b"
	                               "D\t\b\n\x1b[J\x1b[1J\x1b[2;3rx\x1b[Kz";

	memset(shown, ' ', sizeof(shown));
	cursor_on = false;
	screen_init(&scr, 1, 1, 1, one, &ops);
	put(all);
	show();
	ck_assert_uint_eq(shown[0][0], 'z');
}
END_TEST

/* Whatever is written, nothing is drawn; and then no more than the screen has. */
START_TEST(one_redraw_for_many_lines)
{
	char line[] = "line 0000\n";

	begin("");
	show();
	drawn = draws = cursors = 0;
	for (u32 i = 0; i < 1000; i++) {
		for (u32 d = 0, v = i; d < 4; d++, v /= 10)
			line[8 - d] = (char)('0' + v % 10);
		put(line);
	}
	ck_assert_uint_eq(draws + cursors, 0);
	SHOWS("line 0995|line 0996|line 0997|line 0998|line 0999");
	ck_assert_uint_eq(drawn, 5 * 8); /* the blanks were there */
	ck_assert_uint_eq(draws, 10);    /* "line", and the number, each at most a piece */
	ck_assert_uint_eq(cursors, 2);
	drawn = 0;
	put("line 1000\n");
	SHOWS("line 0996|line 0997|line 0998|line 0999|line 1000");
	ck_assert_uint_eq(drawn, 4 * 1 + 4); /* the digits that differ */
}
END_TEST

/* A line that changes all the time keeps none of the others from being drawn. */
START_TEST(no_row_waits)
{
	char c[2] = "a";

	begin("\x1b[3;1Hmiddle\x1b[6;1Hbottom\x1b[1;1H");
	for (u32 i = 0; i < 60; i++) {
		c[0] = (char)('a' + i % 26);
		put("\x1b[1;1H");
		put(c);
		put("23456789");
		put(c);
		(void)screen_draw(&scr);
	}
	ck_assert_mem_eq(shown[2], "middle", 6);
	ck_assert_mem_eq(shown[5], "bottom", 6);
	put("\x1b[H.\x1b[K");
	SHOWS(".||middle|||bottom");
}
END_TEST

/* Shorter than before, and that while it was being drawn. */
START_TEST(changed_while_drawn)
{
	begin("0123456789\x1b[1;10H");
	(void)screen_draw(&scr);
	(void)screen_draw(&scr);
	ck_assert_mem_eq(shown[0], "01234567  ", COLS);
	put("\x1b[1;3H\x1b[K");
	SHOWS("01");
	put("abcdefgh");
	(void)screen_draw(&scr);
	(void)screen_draw(&scr);
	put("\n\n\n\n\n\n\x1b[H\x1b[2Jx");
	SHOWS("x");
}
END_TEST

/* The number of what is looked at is bounded on the largest screen there can be, too: rows past the 64th, the last one. */
START_TEST(largest)
{
	static u8 large[SCREEN_MEMORY(SCREEN_MAX_COLS, SCREEN_MAX_ROWS)];
	static u8 seen[SCREEN_MAX_ROWS];
	u32 pieces = 0;

	screen_init(&scr, SCREEN_MAX_COLS, SCREEN_MAX_ROWS, 8, large, &(const struct screen_ops){ NULL, NULL });
	for (u32 r = 0; r < SCREEN_MAX_ROWS; r++)
		ck_assert_uint_eq(seen[scr.line[r]]++, 0);
	put("\x1b[64;200Ha\x1b[65;256Hb\x1b[128;1Hc");
	ck_assert_uint_eq(screen_char(&scr, 63, 199), 'a');
	ck_assert_uint_eq(screen_char(&scr, 64, 255), 'b');
	put("\n");
	ck_assert_uint_eq(screen_char(&scr, 62, 199), 'a');
	ck_assert_uint_eq(screen_char(&scr, 126, 0), 'c');
	ck_assert_uint_eq(screen_char(&scr, 127, 0), ' ');
	put("\x1b[2J\x1b[H");
	scr.ops = &ops;
	scr.hidden = true;
	cursor_on = false;
	while (screen_draw(&scr)) /* nothing of it was drawn: a look at each row, and no more */
		ck_assert_uint_le(++pieces, SCREEN_MAX_ROWS);
}
END_TEST

SUITE_MAIN("screen", plain_text, line_editor, cursor, erasing, inserting, scroll_region, saved_and_alternate,
           read_over, controls_within, one_cell, one_redraw_for_many_lines, no_row_waits, changed_while_drawn,
           largest)
