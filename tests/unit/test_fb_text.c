/* Framebuffer text: pixels at every depth, scrolling without reading the framebuffer, bad geometries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mmio.h"
#include "suite.h"

/* Stores to the framebuffer, and their bytes. */
static unsigned int stores;
static size_t stored;

#define COUNTED(bits)                                                \
	static void counted_write##bits(volatile void *p, u##bits v) \
	{                                                            \
		mmio_write##bits(p, v);                              \
		stores++;                                            \
		stored += (bits) / 8;                                \
	}
COUNTED(8)
COUNTED(16)
COUNTED(32)
COUNTED(64)
#define mmio_write8  counted_write8
#define mmio_write16 counted_write16
#define mmio_write32 counted_write32
#define mmio_write64 counted_write64
#include "drivers/console/fb_text.c"

/* 5x2 pixels: '!' is 0x28 = ..#.#, then its inverse; '?' all on; ' ' all off; '"' upper row on. */
static const u8 glyphs[('?' - ' ' + 1) * 2] = {
	[0] = 0x00,
	[1] = 0x00,
	[2] = 0x28,
	[3] = 0xd0,
	[4] = 0xf8,
	[5] = 0x00,
	['?' * 2 - 64] = 0xf8,
	['?' * 2 - 63] = 0xf8,
};
static const struct fb_font font = { .width = 5, .height = 2, .first = ' ', .nr = '?' - ' ' + 1, .glyphs = glyphs };

static struct fb_text fb;
static u8 memory[FB_TEXT_MEMORY_MAX];
static u8 *pixels;

static struct fb_geometry geometry(u32 bpp, u32 width, u32 height)
{
	struct fb_geometry g = { .width = width, .height = height, .bpp = bpp, .pitch = width * ((bpp + 7) / 8) + 8 };

	if (bpp == 16) {
		g.red_pos = 11, g.red_size = 5, g.green_pos = 5, g.green_size = 6, g.blue_pos = 0, g.blue_size = 5;
	} else if (bpp == 15) {
		g.red_pos = 10, g.red_size = 5, g.green_pos = 5, g.green_size = 5, g.blue_pos = 0, g.blue_size = 5;
	} else {
		g.red_pos = 16, g.green_pos = 8, g.blue_pos = 0;
		g.red_size = g.green_size = g.blue_size = 8;
	}
	free(pixels);
	pixels = malloc((size_t)g.pitch * height); /* exact, for ASan */
	memset(pixels, 0x77, (size_t)g.pitch * height);
	g.pixels = pixels;
	return g;
}

static u32 pixel(u32 x, u32 y)
{
	u32 bytes = (fb.g.bpp + 7) / 8, v = 0;

	memcpy(&v, pixels + y * fb.g.pitch + x * bytes, bytes);
	return v;
}

/* Every byte that may be written, and nothing may be drawn by it. */
static void write_only(const char *s)
{
	unsigned int before = stores;

	for (size_t len = strlen(s), n; len; s += n, len -= n) {
		n = MIN(len, (size_t)fb.con.room(&fb.con));
		ck_assert_uint_gt(n, 0);
		fb.con.write(&fb.con, s, n);
	}
	ck_assert_uint_eq(stores, before);
}

/* Draws it all. Returns the most that was stored in one piece, in bytes. */
static size_t show(void)
{
	size_t most = 0;
	bool more;

	do {
		size_t before = stored;

		more = fb.con.show(&fb.con);
		most = MAX(most, stored - before);
	} while (more);
	return most;
}

static void write(const char *s)
{
	write_only(s);
	show();
}

/* The text from row, col on. */
static void text_is(u32 row, u32 col, const char *want)
{
	for (; *want; want++, col++)
		ck_assert_uint_eq(screen_char(&fb.screen, row, col), (u8)*want);
}

START_TEST(draws_at_every_depth)
{
	static const struct {
		u32 bpp, fg;
	} t[] = { { 32, 0xc8c8c8 }, { 24, 0xc8c8c8 }, { 16, 0xce59 }, { 15, 0x6739 } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct fb_geometry g = geometry(t[i].bpp, 23, 9);

		ck_assert_int_eq(fb_text_init(&fb, &g, &font, memory), OK);
		ck_assert_uint_eq(fb.screen.cols, 4);
		ck_assert_uint_eq(fb.screen.rows, 4);
		ck_assert_ptr_null(fb.con.getc);
		write(" !\n!");
		for (u32 y = 0; y < 9; y++) {
			for (u32 x = 0; x < 23; x++) {
				bool cell = (y < 2 && x >= 5 && x < 10) || (y >= 2 && y < 4 && x < 5);
				u8 bits = y % 2 ? 0xd0 : 0x28;
				bool cursor = y == 3 && x >= 5 && x < 10;
				bool on = cursor || (cell && (bits & (0x80 >> (x % 5))));

				ck_assert_uint_eq(pixel(x, y), on ? t[i].fg : 0);
			}
			/* nothing behind the line's end is touched */
			ck_assert_uint_eq(pixels[y * g.pitch + g.pitch - 1], 0x77);
		}
	}
}
END_TEST

START_TEST(wide_channels)
{
	struct fb_geometry g = geometry(32, 10, 4);

	g.red_pos = 20, g.green_pos = 10;
	g.red_size = g.green_size = g.blue_size = 10;
	ck_assert_int_eq(fb_text_init(&fb, &g, &font, memory), OK);
	ck_assert_uint_eq(fb.fg, 0x320u << 20 | 0x320u << 10 | 0x320u);
}
END_TEST

START_TEST(scrolls_by_its_shadow)
{
	struct fb_geometry g = geometry(32, 40, 6);

	ck_assert_int_eq(fb_text_init(&fb, &g, &font, memory), OK);
	write("!!\n\"\n??\n! ! ! ! !"); /* the last line wraps at 8 columns */
	text_is(0, 0, "??      ");
	text_is(1, 0, "! ! ! ! ");
	text_is(2, 0, "!       ");
	ck_assert_uint_ne(pixel(0, 0), 0);
	ck_assert_uint_ne(pixel(9, 1), 0);
	ck_assert_uint_eq(pixel(10, 0), 0);
	/* what the framebuffer holds is never looked at: spoilt pixels of unchanged cells stay */
	memset(pixels, 0xee, (size_t)g.pitch * 6);
	write("\n\n\n");
	ck_assert_uint_eq(pixel(0, 0), 0);
	ck_assert_uint_eq(pixel(39, 0), 0xeeeeeeee);
	write("\x07\x80~\b\b\b\b\r\t!");
	text_is(2, 0, "?~     !");
}
END_TEST

START_TEST(tabs_and_returns)
{
	struct fb_geometry g = geometry(16, 100, 8);

	ck_assert_int_eq(fb_text_init(&fb, &g, &font, memory), OK);
	write("!\t!\b?\r\"");
	text_is(0, 0, "\"       ?           ");
	ck_assert_uint_eq(fb.screen.col, 1);
	write("\r\b");
	ck_assert_uint_eq(fb.screen.col, 0);
	write("12345678901234567\tx");
	ck_assert_uint_eq(fb.screen.row, 0);
	text_is(0, 16, "7  x");
}
END_TEST

/* Pixels lit in a cell's lower row, and in its upper one: those of the cursor's bar. */
static u32 lit(u32 row, u32 col, u32 y)
{
	u32 n = 0;

	for (u32 x = 0; x < font.width; x++)
		n += pixel(col * font.width + x, row * font.height + y) != 0;
	return n;
}

START_TEST(cursor)
{
	struct fb_geometry g = geometry(32, 20, 6);

	ck_assert_int_eq(fb_text_init(&fb, &g, &font, memory), OK);
	ck_assert_uint_eq(lit(0, 0, 1), 5);
	ck_assert_uint_eq(lit(0, 0, 0), 0);
	write("!\"");
	ck_assert_uint_eq(lit(0, 0, 1), 3);
	ck_assert_uint_eq(lit(0, 1, 1), 0);
	ck_assert_uint_eq(lit(0, 2, 1), 5);
	write("\x1b[D"); /* over a character, and off it again */
	ck_assert_uint_eq(lit(0, 1, 0), 5);
	ck_assert_uint_eq(lit(0, 1, 1), 5);
	ck_assert_uint_eq(lit(0, 2, 1), 0);
	write("\x1b[?25l");
	ck_assert_uint_eq(lit(0, 1, 0), 5);
	ck_assert_uint_eq(lit(0, 1, 1), 0);
	write("\x1b[?25h\x1b[D\x1b[K");
	text_is(0, 0, "    ");
	ck_assert_uint_eq(lit(0, 0, 0), 0);
	ck_assert_uint_eq(lit(0, 0, 1), 5);
	write("\n\n\n\n!!!!"); /* behind the last column it stays on it */
	ck_assert_uint_eq(lit(2, 3, 1), 5);
	ck_assert_uint_eq(lit(2, 2, 1), 3);
}
END_TEST

START_TEST(glyphs_outside_the_font)
{
	static const u8 one[] = { 0xff };
	struct fb_font tiny = { .width = 8, .height = 1, .first = 'A', .nr = 1, .glyphs = one };
	struct fb_geometry g = geometry(32, 16, 1);

	ck_assert_int_eq(fb_text_init(&fb, &g, &tiny, memory), OK);
	write("z");
	ck_assert_uint_ne(pixel(0, 0), 0); /* drawn with the first glyph there is */
}
END_TEST

START_TEST(bad_geometries)
{
	struct fb_geometry ok = geometry(32, 40, 10), g;
	struct fb_font f;

#define BAD(code, change)                                                  \
	do {                                                               \
		g = ok;                                                    \
		f = font;                                                  \
		change;                                                    \
		ck_assert_int_eq(fb_text_init(&fb, &g, &f, memory), code); \
	} while (0)
	BAD(OK, (void)0);
	BAD(ERR_NOTSUP, g.bpp = 8);
	BAD(ERR_NOTSUP, g.bpp = 0);
	BAD(ERR_NOTSUP, g.bpp = 64);
	BAD(ERR_INVAL, g.red_size = 0);
	BAD(ERR_INVAL, g.green_size = 17);
	BAD(ERR_INVAL, g.blue_pos = 25);
	BAD(ERR_INVAL, g.pitch = 159);
	BAD(ERR_INVAL, g.pitch = 162);
	BAD(ERR_INVAL, g.width = 4);
	BAD(ERR_INVAL, g.height = 1);
	BAD(ERR_INVAL, g.width = 0x80000000);
	BAD(ERR_INVAL, g.pixels = pixels + 2);
	BAD(ERR_INVAL, f.width = 0);
	BAD(ERR_INVAL, f.width = 33);
	BAD(ERR_INVAL, f.height = 0);
	BAD(ERR_INVAL, f.nr = 0);
}
END_TEST

START_TEST(large_screens_are_capped)
{
	struct fb_geometry g = geometry(16, 2000, 400);

	ck_assert_int_eq(fb_text_init(&fb, &g, &font, memory), OK);
	ck_assert_uint_eq(fb.screen.cols, FB_TEXT_MAX_COLS);
	ck_assert_uint_eq(fb.screen.rows, FB_TEXT_MAX_ROWS);
	for (int i = 0; i < 200; i++)
		write_only("????\n");
	show();
	ck_assert_uint_eq(fb.screen.row, FB_TEXT_MAX_ROWS - 1);
}
END_TEST

/* Every glyph differs from the others; the blank is blank. */
static struct fb_font font_of(u32 width, u32 height)
{
	static u8 g[256 * 64 * 4];
	u32 bytes = height * ((width + 7) / 8);

	for (u32 i = 0; i < 256 * bytes; i++)
		g[i] = i / bytes == ' ' ? 0 : (u8)(i / bytes * 37 + i % bytes * 11);
	return (struct fb_font){ .width = width, .height = height, .first = 0, .nr = 256, .glyphs = g };
}

START_TEST(fonts)
{
	static const u32 widths[] = { 1, 3, 4, 6, 8, 11, 12, 16, 19, 32 }, depths[] = { 15, 16, 24, 32 };

	for (size_t i = 0; i < ARRAY_SIZE(widths) * ARRAY_SIZE(depths); i++) {
		u32 width = widths[i / 4], stride = (width + 7) / 8;
		struct fb_font f = font_of(width, 5);
		struct fb_geometry g = geometry(depths[i % 4], width * 7 + 3, 11);

		ck_assert_int_eq(fb_text_init(&fb, &g, &f, memory), OK);
		write("\x1b[?25lAbCdEfG\nhIj");
		for (u32 y = 0; y < 10; y++)
			for (u32 x = 0; x < width * 7; x++) {
				const u8 *glyph = f.glyphs + screen_char(&fb.screen, y / 5, x / width) * 5u * stride;
				bool on = glyph[y % 5 * stride + x % width / 8] & (0x80 >> x % width % 8);

				ck_assert_msg(pixel(x, y) == (on ? fb.fg : fb.bg), "font %u depth %u x %u y %u",
				              width, depths[i % 4], x, y);
			}
		for (u32 y = 0; y < 11; y++) /* right of the last column, and behind the line's end */
			ck_assert(pixel(width * 7 + 2, y) == 0 && pixels[(y + 1) * g.pitch - 1] == 0x77);
	}
}
END_TEST

/* A log's lines; each differs from the one before in some 30 characters. */
static void a_line(u32 n, void (*to)(const char *s))
{
	char line[80];

	snprintf(line, sizeof(line), "[%5u.%06u] guest%u: line %u of a log as it comes, %x\n", n, n * 7919, n % 7, n,
	         n * 0x9e3779b1);
	to(line);
}

/*
 * 1920x1080 at 32 bits, full of lines: what a hundred more cost that are drawn one by one, and at once. A cell is 16
 * lines of four stores; the cursor is taken away, which draws its cell, and shown, 2 lines of four.
 */
START_TEST(stores_for_lines)
{
	struct fb_font f = font_of(8, 16);
	struct fb_geometry g = geometry(32, 1920, 1080);
	unsigned int each, once;

	ck_assert_int_eq(fb_text_init(&fb, &g, &f, memory), OK);
	for (u32 i = 0; i < 100; i++)
		a_line(i, write_only);
	show();
	stores = 0;
	for (u32 i = 100; i < 200; i++)
		a_line(i, write);
	each = stores;
	stores = 0;
	for (u32 i = 200; i < 300; i++)
		a_line(i, write_only);
	ck_assert_uint_eq(stores, 0);
	show();
	once = stores;
	printf("1920x1080: %u stores for a line drawn at once, %u when a hundred are\n", each / 100, once / 100);
	ck_assert_uint_le(each / 100, 67 * 30 * 64 + 72); /* what differs, and nothing else */
	ck_assert_uint_le(once, 67 * 60 * 64 + 72);
	stores = 0;
	write("x");
	ck_assert_uint_eq(stores, 64 + 64 + 8); /* the cursor's cell, the character, the cursor */
}
END_TEST

/* No piece stores more than FB_TEXT_PIECE pixels, or one character of a large font. */
START_TEST(pieces)
{
	static const struct {
		u32 width, height;
	} t[] = { { 1, 1 }, { 5, 3 }, { 8, 8 }, { 8, 16 }, { 16, 32 }, { 32, 64 } };
	static const u32 depths[] = { 16, 24, 32 };

	for (size_t i = 0; i < ARRAY_SIZE(t) * ARRAY_SIZE(depths); i++) {
		u32 w = t[i / 3].width, h = t[i / 3].height;
		struct fb_font f = font_of(w, h);
		struct fb_geometry g = geometry(depths[i % 3], 640, 480);

		ck_assert_int_eq(fb_text_init(&fb, &g, &f, memory), OK);
		for (u32 n = 0; n < 200; n++)
			a_line(n, write_only);
		ck_assert_uint_le(show(), MAX((u32)FB_TEXT_PIECE, w * h) * (depths[i % 3] / 8));
	}
}
END_TEST

SUITE_MAIN("fb_text", draws_at_every_depth, wide_channels, scrolls_by_its_shadow, tabs_and_returns, cursor,
           glyphs_outside_the_font, bad_geometries, large_screens_are_capped, fonts, stores_for_lines, pieces)
