/* The VGA text console: what is on the screen, where the cursor is. */
#include <string.h>

#include "arch/x86/io.h"
#include "suite.h"

static u8 crtc[256], crtc_index;

static void fake_outb(u16 port, u8 v)
{
	ck_assert(port == 0x3d4 || port == 0x3d5);
	if (port == 0x3d4)
		crtc_index = v;
	else
		crtc[crtc_index] = v;
}

#define outb fake_outb
#include "drivers/console/vga_text.c"

static u16 screen[VGA_TEXT_ROWS * VGA_TEXT_COLS];
static struct vga_text vga;

static void write(const char *s)
{
	vga.con.write(&vga.con, s, strlen(s));
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

SUITE_MAIN("vga_text", writes, control_sequences, wraps_and_scrolls)
