/*
 * VGA: the picture of every kind of mode. A guest draws a pattern by the mode's documented addressing, through the
 * window, mapped or not; each pixel of the frozen screen has the colour of the pattern there.
 */
#include <stdio.h>

#include "vga_rig.h"

static struct vvga_shot *shot;
static struct fb_shape shape;

static void freeze(void)
{
	size_t len = vvga_fb_ops.size(&vga.v);

	free(shot);
	shot = malloc(len);
	ck_assert_int_eq(vvga_fb_ops.freeze(&vga.v, shot, len - 1, vga.now), ERR_NOSPC);
	ck_assert_int_eq(vvga_fb_ops.freeze(&vga.v, shot, len, vga.now), OK);
	while (vvga_fb_ops.copy(&vga.v, shot))
		;
	vvga_fb_ops.shape(shot, &shape);
}

/* Colours of the DAC, all different, of 6 bits. */
static void load_dac(void)
{
	vga_out(0x3c8, 1, 0);
	for (u32 i = 0; i < 256; i++) {
		vga_out(0x3c9, 1, i & 63);
		vga_out(0x3c9, 1, i >> 2);
		vga_out(0x3c9, 1, 63 - (i & 63));
	}
}

static u32 six(u32 v)
{
	return v * 4 + v / 16;
}

/* Of entry i, as 00RRGGBB. */
static u32 dac(u32 i)
{
	return six(i & 63) << 16 | six(i >> 2) << 8 | six(63 - (i & 63));
}

static u32 pixel(u32 x, u32 y)
{
	u8 rgb[3];

	vvga_fb_ops.pixels(shot, x, y, 1, rgb);
	return (u32)rgb[0] << 16 | (u32)rgb[1] << 8 | rgb[2];
}

/* Every pixel, in pieces that begin anywhere. */
static void check(u32 width, u32 height, u32 (*want)(u32 x, u32 y))
{
	ck_assert_msg(shape.width == width && shape.height == height, "%ux%u", shape.width, shape.height);
	for (u32 y = 0; y < height; y++) {
		for (u32 x = 0, n; x < width; x += n) {
			u8 rgb[3 * FB_PIXEL_MAX];
			u32 same;

			n = MIN(1 + (x * 7 + y) % FB_PIXEL_MAX, width - x);
			vvga_fb_ops.pixels(shot, x, y, n, rgb);
			for (u32 i = 0; i < n; i++) {
				const u8 *p = rgb + 3 * i;
				u32 got = (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];

				ck_assert_msg(got == want(x + i, y), "(%u, %u): %06x, not %06x", x + i, y, got,
				              want(x + i, y));
			}
			/* What is said to be as above is. */
			same = vvga_fb_ops.same(shot, x, y, n);
			ck_assert_uint_le(same, n);
			for (u32 i = 0; i < same; i++)
				ck_assert_msg(y && want(x + i, y) == want(x + i, y - 1), "(%u, %u) is not as above",
				              x + i, y);
		}
	}
}

static void start(const struct vga_mode *mode)
{
	vga_start(VVGA_VRAM_MAX);
	vga.maps = true;
	load_dac();
	if (mode)
		vga_set_mode(mode);
}

static void poke(u32 at, u8 val)
{
	u64 gpa = VVGA_WINDOW + at;

	if (gpa - vga.map[VVGA_MAP_WINDOW].gpa < vga.map[VVGA_MAP_WINDOW].len)
		vga.vram[vga.map[VVGA_MAP_WINDOW].offset + gpa - vga.map[VVGA_MAP_WINDOW].gpa] = val;
	else
		vga_write(gpa, 1, val);
}

/* ---- the pattern, and what each mode makes of it ---- */

static u32 pattern(u32 x, u32 y)
{
	return x * 3 + y * 5 + (x * y >> 4);
}

static const struct vga_mode *mode;
static u32 want_16(u32 x, u32 y)
{
	return dac(mode->attr[pattern(x, y) & 15]);
}
static u32 want_4(u32 x, u32 y)
{
	return dac(mode->attr[pattern(x, y) & 3]);
}
static u32 want_2(u32 x, u32 y)
{
	return dac(mode->attr[pattern(x, y) & 1]);
}
static u32 want_256(u32 x, u32 y)
{
	return dac(pattern(x, y) & 255);
}

/* Write mode 2: a pixel's colour by its bit mask. */
static void draw_planar(u32 width, u32 height)
{
	vga_gc(5, 2);
	for (u32 y = 0; y < height; y++) {
		for (u32 x = 0; x < width; x++) {
			u32 at = y * (width / 8) + x / 8;

			vga_gc(8, 0x80 >> (x & 7));
			vga_read(VVGA_WINDOW + at, 1);
			poke(at, (u8)(pattern(x, y) & 15));
		}
	}
	vga_gc(5, 0);
	vga_gc(8, 0xff);
}

START_TEST(planar)
{
	static const struct {
		const struct vga_mode *mode;
		u32 width, height;
	} modes[] = { { &vga_mode_d, 320, 200 }, { &vga_mode_10, 640, 350 }, { &vga_mode_12, 640, 480 } };

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		mode = modes[i].mode;
		start(mode);
		draw_planar(modes[i].width, modes[i].height);
		freeze();
		ck_assert_uint_eq(shape.kind, FB_GRAPHICS);
		check(modes[i].width, modes[i].height, want_16);
	}
}
END_TEST

START_TEST(mode_13)
{
	start(&vga_mode_13);
	for (u32 y = 0; y < 200; y++)
		for (u32 x = 0; x < 320; x++)
			poke(y * 320 + x, (u8)pattern(x, y));
	ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].len, 65536);
	freeze();
	check(320, 200, want_256);
	vga_out(0x3c6, 1, 0x0f);
	freeze();
	ck_assert_uint_eq(pixel(17, 31), dac(pattern(17, 31) & 15));
}
END_TEST

/* Unchained, 320x240 and 320x400: pixel x is in plane x & 3. */
static void draw_mode_x(u32 height)
{
	vga_seq(4, 6);
	vga_crtc(0x14, 0);
	vga_crtc(0x17, 0xe3);
	for (u32 y = 0; y < height; y++) {
		for (u32 x = 0; x < 320; x++) {
			vga_seq(2, 1u << (x & 3));
			poke(y * 80 + x / 4, (u8)pattern(x, y));
		}
	}
}

START_TEST(mode_x)
{
	start(&vga_mode_13);
	vga_out(0x3c2, 1, 0xe3);
	vga_crtc(0x06, 0x0d);
	vga_crtc(0x07, 0x3e);
	vga_crtc(0x10, 0xea);
	vga_crtc(0x12, 0xdf);
	draw_mode_x(240);
	freeze();
	check(320, 240, want_256);
	start(&vga_mode_13);
	vga_crtc(9, 0x40);
	draw_mode_x(400);
	freeze();
	check(320, 400, want_256);
}
END_TEST

/* CGA: odd rows are 8 KiB behind even ones. */
START_TEST(cga)
{
	mode = &vga_mode_4;
	start(mode);
	for (u32 y = 0; y < 200; y++) {
		for (u32 x = 0; x < 320; x += 4) {
			u32 byte = 0;

			for (u32 i = 0; i < 4; i++)
				byte = byte << 2 | (pattern(x + i, y) & 3);
			poke(0x18000 + (y & 1) * 0x2000 + y / 2 * 80 + x / 4, (u8)byte);
		}
	}
	freeze();
	check(320, 200, want_4);
	mode = &vga_mode_6;
	start(mode);
	for (u32 y = 0; y < 200; y++) {
		for (u32 x = 0; x < 640; x += 8) {
			u32 byte = 0;

			for (u32 i = 0; i < 8; i++)
				byte = byte << 1 | (pattern(x + i, y) & 1);
			poke(0x18000 + (y & 1) * 0x2000 + y / 2 * 80 + x / 8, (u8)byte);
		}
	}
	freeze();
	check(640, 200, want_2);
}
END_TEST

/* ---- text ---- */

/* Glyphs that tell code and line. */
static u8 glyph(u32 code, u32 line)
{
	return (u8)(code * 29 + line * 83);
}

static void load_font(u32 at, u32 invert)
{
	vga_seq(2, 4);
	vga_seq(4, 6);
	vga_gc(6, 4);
	vga_gc(5, 0);
	for (u32 code = 0; code < 256; code++)
		for (u32 line = 0; line < 16; line++)
			vga_write(VVGA_WINDOW + at + code * 32 + line, 1, glyph(code, line) ^ invert);
	vga_seq(2, 3);
	vga_seq(4, 2);
	vga_gc(6, 0xe);
	vga_gc(5, 0x10);
}

static u8 cell_code(u32 col, u32 row)
{
	return (u8)(col * 11 + row * 7 + 1);
}
static u8 cell_attr(u32 col, u32 row)
{
	return (u8)(col + row * 16);
}

static void draw_text(u32 cols, u32 rows)
{
	for (u32 i = 0; i < cols * rows; i++) {
		poke(0x18000 + 2 * i, cell_code(i % cols, i / cols));
		poke(0x18000 + 2 * i + 1, cell_attr(i % cols, i / cols));
	}
}

static u32 text_height = 16;
static bool text_blinks;
static u32 want_text(u32 x, u32 y)
{
	u32 col = x / 9, row = y / text_height, code = cell_code(col, row), attr = cell_attr(col, row);
	u32 bits = glyph(code, y % text_height), dot = x % 9;
	bool ink = dot < 8 ? bits >> (7 - dot) & 1 : code >= 0xc0 && code <= 0xdf && (bits & 1);
	u32 bg = attr >> 4 & 7, fg = attr & 15;

	if ((attr & 0x80) && text_blinks)
		fg = bg;
	return dac(vga_mode_3.attr[ink ? fg : bg]);
}

START_TEST(text)
{
	start(&vga_mode_3);
	vga_crtc(0x0a, 0x20);
	load_font(0, 0);
	draw_text(80, 25);
	ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].gpa, 0xb8000);
	freeze();
	ck_assert(shape.kind == FB_TEXT && shape.cols == 80 && shape.rows == 25 && !shape.cursor);
	text_blinks = false;
	check(720, 400, want_text);
	vga.now = 16 * 14285714ull + 1;
	freeze();
	text_blinks = true;
	check(720, 400, want_text);
	text_blinks = false;
	/* 40 columns, and 80x50 by characters of 8 lines. */
	start(&vga_mode_1);
	vga_crtc(0x0a, 0x20);
	load_font(0, 0);
	draw_text(40, 25);
	freeze();
	ck_assert_uint_eq(shape.cols, 40);
	check(360, 400, want_text);
	start(&vga_mode_3);
	vga_crtc(0x0a, 0x20);
	vga_crtc(0x09, 0x47);
	load_font(0, 0);
	draw_text(80, 50);
	freeze();
	ck_assert_uint_eq(shape.rows, 50);
	text_height = 8;
	check(720, 400, want_text);
	text_height = 16;
}
END_TEST

START_TEST(cursor)
{
	start(&vga_mode_3);
	load_font(0, 0);
	draw_text(80, 25);
	vga_crtc(0x0c, 0);
	vga_crtc(0x0d, 80); /* the screen begins with the second row */
	vga_crtc(0x0e, (6 * 80 + 7) >> 8);
	vga_crtc(0x0f, (6 * 80 + 7) & 255);
	freeze();
	ck_assert(shape.cursor && shape.cursor_row == 5 && shape.cursor_col == 7);
	for (u32 x = 0; x < 9; x++) {
		ck_assert_uint_eq(pixel(63 + x, 80 + 13), dac(vga_mode_3.attr[cell_attr(7, 6) & 15]));
		ck_assert_uint_eq(pixel(63 + x, 80 + 12), want_text(63 + x, 96 + 12));
		ck_assert_uint_eq(pixel(63 + x, 80 + 15), want_text(63 + x, 96 + 15));
	}
	vga.now = 8 * 14285714ull + 1;
	freeze();
	for (u32 x = 0; x < 9; x++)
		ck_assert_uint_eq(pixel(63 + x, 80 + 13), want_text(63 + x, 96 + 13));
	ck_assert(shape.cursor);
}
END_TEST

/* The second font by attribute bit 3; the bit that makes it one of colour still does. */
START_TEST(fonts)
{
	start(&vga_mode_3);
	vga_crtc(0x0a, 0x20);
	load_font(0, 0);
	load_font(0x6000, 0xff);
	vga_seq(3, 0x24); /* map A: 5, at 6000h; B: 0 */
	draw_text(80, 25);
	freeze();
	for (u32 x = 0; x < 720; x++) {
		u32 attr = cell_attr(x / 9, 0), want = want_text(x, 3);

		if ((attr & 8) && x % 9 < 8)
			want = dac(vga_mode_3.attr[glyph(cell_code(x / 9, 0), 3) >> (7 - x % 9) & 1 ? attr >> 4 & 7
			                                                                            : attr & 15]);
		else if (attr & 8)
			continue; /* the ninth column: line graphics are inverted as well */
		ck_assert_uint_eq(pixel(x, 3), want);
	}
}
END_TEST

/* Smooth scrolling: start, panning, preset row; and the split, below which memory's beginning is. */
START_TEST(scrolling)
{
	mode = &vga_mode_12;
	start(mode);
	draw_planar(640, 480);
	vga_crtc(0x0d, 80 * 2 + 1);
	vga_attr(0x33, 3);
	freeze();
	ck_assert_uint_eq(pixel(100, 50), want_16(100 + 8 + 3, 52));
	vga_crtc(0x18, 0x2c); /* line 300: bits 8 and 9 are in other registers */
	vga_crtc(0x07, 0x3e);
	vga_crtc(0x09, 0);
	freeze();
	ck_assert_uint_eq(pixel(100, 300), want_16(100 + 8 + 3, 302));
	ck_assert_uint_eq(pixel(100, 301), want_16(103, 0));
	vga_attr(0x30, 0x21);
	freeze();
	ck_assert_uint_eq(pixel(100, 305), want_16(100, 4));
	start(&vga_mode_3);
	vga_crtc(0x0a, 0x20);
	load_font(0, 0);
	draw_text(80, 25);
	vga_crtc(8, 5);
	vga_attr(0x33, 2);
	freeze();
	ck_assert_uint_eq(pixel(200, 20), want_text(203, 25));
}
END_TEST

/* Text as text: code page 437 as UTF-8. */
START_TEST(utf8)
{
	static const u8 codes[] = { 'A', 0, 1, 0x1f, 0x7f, 0x80, 0x9b, 0xb3, 0xdb, 0xe1, 0xfe, 0xff, '~' };
	static const char want[] = "A \u263a\u25bc\u2302\u00c7\u00a2\u2502\u2588\u00df\u25a0 ~ ";
	char buf[FB_TEXT_MAX * FB_UTF8_MAX];
	size_t n;

	start(&vga_mode_3);
	for (u32 i = 0; i < sizeof(codes); i++)
		poke(0x18000 + (3 * 80 + 66 + i) * 2, codes[i]);
	freeze();
	n = vvga_fb_ops.text(shot, 66, 3, 14, buf);
	ck_assert(n == sizeof(want) - 1 && !memcmp(buf, want, n));
	ck_assert_uint_eq(vvga_fb_ops.text(shot, 70, 3, 1000, buf), n - 8 + 6);
	ck_assert_uint_eq(vvga_fb_ops.text(shot, 0, 25, 8, buf), 8);
	ck_assert(!memcmp(buf, "        ", 8));
}
END_TEST

/* ---- VBE ---- */

static u32 vbe_bpp, vbe_dx, vbe_dy;
static u32 want_vbe(u32 x, u32 y)
{
	u32 v = pattern(x + vbe_dx, y + vbe_dy) * 0x9e3779b1u, r, g, b;

	switch (vbe_bpp) {
	case 4: return dac(vga_mode_12.attr[pattern(x + vbe_dx, y + vbe_dy) & 15]);
	case 8: return dac(v & 255);
	case 15:
	case 16:
		r = vbe_bpp == 15 ? v >> 10 & 31 : v >> 11 & 31;
		g = vbe_bpp == 15 ? v >> 5 & 31 : v >> 5 & 63;
		b = v & 31;
		g = vbe_bpp == 15 ? g * 8 + g / 4 : six(g);
		return (r * 8 + r / 4) << 16 | g << 8 | (b * 8 + b / 4);
	default: return v & 0xffffff;
	}
}

START_TEST(vbe)
{
	static const u8 depths[] = { 8, 15, 16, 24, 32 };

	for (u32 i = 0; i < ARRAY_SIZE(depths); i++) {
		u32 bytes = (depths[i] + 7u) / 8;

		start(&vga_mode_13);
		vbe_bpp = depths[i];
		vga_vbe_mode(200, 160, vbe_bpp, VBE_LFB);
		vga_vbe(VBE_VIRT_WIDTH, 240);
		vga_vbe(VBE_X_OFFSET, vbe_dx = 13);
		vga_vbe(VBE_Y_OFFSET, vbe_dy = 9);
		for (u32 y = 0; y < 180; y++) {
			for (u32 x = 0; x < 240; x++) {
				u32 v = pattern(x, y) * 0x9e3779b1u;

				for (u32 k = 0; k < bytes; k++)
					vga_write(VGA_LFB + (y * 240 + x) * bytes + k, 1, v >> 8 * k & 0xff);
			}
		}
		freeze();
		check(200, 160, want_vbe);
	}
	/* The largest, and that all of it is copied. */
	start(&vga_mode_13);
	vbe_bpp = 32;
	vbe_dx = vbe_dy = 0;
	vga_vbe_mode(1920, 1200, 32, VBE_LFB | VBE_NOCLEAR);
	for (u32 y = 0; y < 1200; y++)
		for (u32 x = 0; x < 1920; x++)
			((u32 *)vga.vram)[y * 1920 + x] = pattern(x, y) * 0x9e3779b1u;
	freeze();
	check(1920, 1200, want_vbe);
}
END_TEST

/* 4 bits: planes, longer than 64 KiB, through banks. */
START_TEST(vbe_planar)
{
	start(&vga_mode_12);
	vbe_bpp = 4;
	vbe_dx = vbe_dy = 0;
	vga_vbe_mode(1024, 768, 4, 0);
	vga_gc(5, 2);
	for (u32 y = 0; y < 768; y++) {
		for (u32 x = 0; x < 1024; x++) {
			u32 at = y * 128 + x / 8;

			if (!(at & 0xffff) && !(x & 7))
				vga_vbe(VBE_BANK, at >> 16);
			vga_gc(8, 0x80 >> (x & 7));
			vga_read(VVGA_WINDOW + (at & 0xffff), 1);
			vga_write(VVGA_WINDOW + (at & 0xffff), 1, pattern(x, y) & 15);
		}
	}
	freeze();
	check(1024, 768, want_vbe);
}
END_TEST

/* ---- frozen, and off ---- */

/* What is drawn after it was frozen is not in it; a mode's clearing is, before it is done. */
START_TEST(frozen)
{
	start(&vga_mode_13);
	for (u32 i = 0; i < 64000; i++)
		poke(i, (u8)pattern(i % 320, i / 320));
	freeze();
	ck_assert_uint_eq(shape.generation, 1);
	for (u32 i = 0; i < 64000; i++)
		poke(i, 0);
	vga_set_mode(&vga_mode_3);
	check(320, 200, want_256);
	freeze();
	ck_assert(shape.generation == 2 && shape.kind == FB_TEXT);
	memset(vga.vram, 0xff, VVGA_VRAM_MAX);
	vga_vbe_mode(640, 480, 32, 0);
	freeze();
	ck_assert(pixel(0, 0) == 0 && pixel(639, 479) == 0);
}
END_TEST

/* The layout turns while it is being copied: every piece is read as it lay. */
START_TEST(frozen_while_turning)
{
	size_t len;
	u32 trap = 0;

	mode = &vga_mode_12;
	start(mode);
	draw_planar(640, 480);
	for (u32 turn = 0; turn < 2; turn++) {
		len = vvga_fb_ops.size(&vga.v);
		shot = realloc(shot, len);
		ck_assert_int_eq(vvga_fb_ops.freeze(&vga.v, shot, len, 0), OK);
		vga_seq(4, turn ? 2 : 0xe);
		vga_seq(2, turn ? 3 : 15);
		vga_gc(5, turn ? 0x10 : 0x40);
		do {
			for (u32 i = 0; i < 11; i++, trap++)
				vga_read(VVGA_WINDOW + 5, 1);
		} while (vvga_fb_ops.copy(&vga.v, shot));
		vvga_fb_ops.shape(shot, &shape);
		check(640, 480, want_16);
		vga_seq(4, 6);
		vga_seq(2, 15);
		vga_gc(5, 0);
		vga_gc(6, turn ? 5 : 0xf);
	}
	ck_assert_uint_gt(trap, 256);
}
END_TEST

/* Rows that are alike are found to be, in pieces; one that differs, where it does. */
START_TEST(as_above)
{
	start(&vga_mode_13);
	vga_vbe_mode(640, 480, 32, VBE_LFB);
	vga_write(VGA_LFB + (100 * 640 + 300) * 4, 4, 1);
	freeze();
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 0, 0, 640), 0);
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 0, 1, 640), 64);
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 610, 1, 640), 30);
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 290, 100, 640), 10);
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 300, 101, 640), 0);
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 0, 480, 640), 0);
	start(&vga_mode_12);
	for (u32 i = 0; i < 4 * VVGA_PLANE; i++)
		vga.vram[i] = 0;
	freeze();
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 3, 7, 640), 61);
	start(&vga_mode_3);
	vga_crtc(0x0a, 0x20);
	load_font(0, 0);
	for (u32 i = 0; i < 80 * 25; i++)
		((u16 *)vga.vram)[i] = 0x0741;
	freeze();
	/* A font of other lines each; from one row to the next the last line differs from the first. */
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 0, 0, 720), 0);
	for (u32 y = 1; y < 400; y++)
		for (u32 x = 0; x < 720; x += 9)
			ck_assert(vvga_fb_ops.same(shot, x, y, 9) == 0 || pixel(x, y) == pixel(x, y - 1));
	for (u32 i = 0; i < 80 * 25; i++)
		((u16 *)vga.vram)[i] = 0x0041;
	freeze();
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 0, 16, 720), 36);
}
END_TEST

START_TEST(blank)
{
	start(&vga_mode_13);
	poke(0, 9);
	freeze();
	ck_assert(shape.kind == FB_GRAPHICS && pixel(0, 0));
	vga_in(0x3da, 1);
	vga_out(0x3c0, 1, 0);
	freeze();
	ck_assert(shape.kind == FB_BLANK && !pixel(0, 0) && shape.width == 320);
	ck_assert_uint_eq(vvga_fb_ops.same(shot, 20, 1, 320), 300);
	vga_out(0x3c0, 1, 0x20);
	vga_in(0x3da, 1);
	vga_out(0x3c0, 1, 0x20);
	vga_seq(1, 0x21);
	freeze();
	ck_assert_uint_eq(shape.kind, FB_BLANK);
	/* From reset on, too. */
	vvga_ops.reset(&vga.v, 0);
	freeze();
	ck_assert_uint_eq(shape.kind, FB_BLANK);
}
END_TEST

SUITE_MAIN("vvga_draw", planar, mode_13, mode_x, cga, text, cursor, fonts, scrolling, utf8, vbe, vbe_planar, frozen,
           frozen_while_turning, as_above, blank)
