/* The VGA text console: what is on the screen, where the cursor is. */
#include <string.h>

#include "arch/x86/io.h"
#include "suite.h"

static u8 crtc[256], crtc_index;
static unsigned int outs;

static void fake_outb(u16 port, u8 v)
{
	ck_assert(port == 0x3d4 || port == 0x3d5);
	outs++;
	if (port == 0x3d4)
		crtc_index = v;
	else
		crtc[crtc_index] = v;
}

#define outb fake_outb
#include "drivers/console/vga_text.c"

static u16 screen[VGA_TEXT_ROWS * VGA_TEXT_COLS];
static struct vga_text vga;

static u16 before[VGA_TEXT_ROWS * VGA_TEXT_COLS];

/* How many cells of the display changed in memory since the last look. */
static unsigned int changes(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(screen); i++)
		n += screen[i] != before[i];
	memcpy(before, screen, sizeof(before));
	return n;
}

/* Into memory; the display stays as it is. */
static void write_only(const char *s)
{
	unsigned int was = outs;

	(void)changes();
	ck_assert_uint_eq(vga.con.room(&vga.con), SCREEN_ROOM);
	vga.con.write(&vga.con, s, strlen(s));
	ck_assert_uint_eq(changes(), 0);
	ck_assert_uint_eq(outs, was);
}

/* Draws it all, in pieces. */
static void write(const char *s)
{
	bool more;

	write_only(s);
	do {
		more = vga.con.show(&vga.con);
		ck_assert_uint_le(changes(), VGA_TEXT_PIECE);
	} while (more);
}

/* Row as text, without trailing blanks. */
static const char *row(u32 r)
{
	static char text[VGA_TEXT_COLS + 1];
	int n = VGA_TEXT_COLS;

	for (u32 c = 0; c < VGA_TEXT_COLS; c++) {
		ck_assert_uint_eq(screen[r * VGA_TEXT_COLS + c] >> 8, 7);
		text[c] = (char)screen[r * VGA_TEXT_COLS + c];
	}
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	return text;
}

static u32 cursor(void)
{
	return (u32)crtc[0x0e] << 8 | crtc[0x0f];
}

START_TEST(writes)
{
	memset(screen, 0x55, sizeof(screen));
	crtc[0x0d] = 80;
	vga_text_init(&vga, screen);
	ck_assert_ptr_null(vga.con.getc);
	ck_assert_uint_eq(crtc[0x0d], 0);
	ck_assert_uint_eq(cursor(), 0);
	for (u32 r = 0; r < VGA_TEXT_ROWS; r++)
		ck_assert_str_eq(row(r), "");
	write("hello\nworld\rW\tx\by\x80\x01");
	ck_assert_str_eq(row(0), "hello");
	ck_assert_str_eq(row(1), "World   y?");
	ck_assert_uint_eq(cursor(), 80 + 10);
	write("\r\b\b");
	ck_assert_uint_eq(cursor(), 80);
}
END_TEST

START_TEST(control_sequences)
{
	vga_text_init(&vga, screen);
	write("bulkhead> lst\x1b[K\x1b[2D");
	ck_assert_uint_eq(cursor(), 11);
	write("\rbulkhead> list\x1b[K");
	ck_assert_str_eq(row(0), "bulkhead> list");
	write("\r\x1b[K\x1b[7mtop\x1b[0m\x1b[?25l");
	ck_assert_str_eq(row(0), "top");
	ck_assert_uint_ge(cursor(), VGA_TEXT_ROWS * VGA_TEXT_COLS); /* hidden */
	write("\x1b[?25h\x1b[H\x1b[2J");
	ck_assert_str_eq(row(0), "");
	ck_assert_uint_eq(cursor(), 0);
}
END_TEST

START_TEST(wraps_and_scrolls)
{
	char line[100];

	vga_text_init(&vga, screen);
	memset(line, 'a', 80);
	strcpy(line + 80, "\nb");
	write(line); /* a full line and its newline use one row, not two */
	ck_assert_uint_eq(strlen(row(0)), 80);
	ck_assert_str_eq(row(1), "b");
	memset(line, 'c', 85);
	line[85] = '\0';
	write("\n");
	write(line);
	ck_assert_str_eq(row(3), "ccccc");
	write("\r\n");
	for (int i = 4; i < 40; i++) {
		char s[] = { 'l', 'i', 'n', 'e', ' ', (char)('0' + i / 10), (char)('0' + i % 10), '\n', 0 };

		write(s);
	}
	ck_assert_str_eq(row(0), "line 16");
	ck_assert_str_eq(row(23), "line 39");
	ck_assert_str_eq(row(24), "");
	ck_assert_uint_eq(cursor(), 24 * 80);
}
END_TEST

/* The display is never read: what somebody else wrote there stays, where the text has not changed. */
START_TEST(never_read)
{
	vga_text_init(&vga, screen);
	write("abc\ndef");
	screen[1] = 0x1234;
	write("\x1b[Hxb\n\n");
	ck_assert_uint_eq(screen[0], 0x0778);
	ck_assert_uint_eq(screen[1], 0x1234);
}
END_TEST

START_TEST(many_lines)
{
	unsigned int pieces = 0;

	vga_text_init(&vga, screen);
	for (int i = 0; i < 1000; i++)
		write_only(i % 2 ? "one line of text\n" : "another, longer line of text\n");
	outs = 0;
	while (vga.con.show(&vga.con)) {
		ck_assert_uint_le(changes(), VGA_TEXT_PIECE);
		pieces++;
	}
	ck_assert_uint_le(pieces, 24 * 5 + 2); /* a word each */
	ck_assert_uint_eq(outs, 4);            /* the cursor, once */
	ck_assert_str_eq(row(22), "another, longer line of text");
	ck_assert_str_eq(row(23), "one line of text");
	ck_assert_uint_eq(cursor(), 24 * 80);
}
END_TEST

SUITE_MAIN("vga_text", writes, control_sequences, wraps_and_scrolls, never_read, many_lines)
