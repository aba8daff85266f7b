/*
 * Text on a linear framebuffer. Pure: it writes to a pixel pointer. The framebuffer is never read (that is slow): a
 * screen of cells says what differs from what is drawn.
 */
#pragma once

#include "drivers/con.h"
#include "drivers/console/screen.h"
#include "lib/err.h"

/* A fixed-width bitmap font: glyph i is for character first + i;
 * rows of (width + 7) / 8 bytes, leftmost pixel in bit 7. */
struct fb_font {
	u32 width, height; /* pixels; width <= 32 */
	u32 first, nr;
	const u8 *glyphs;
};

/* The font the build generates from a PSF file (build/gen/font.c, by tools/psf2c.py). */
extern const struct fb_font fb_font_default;

struct fb_geometry {
	volatile void *pixels;    /* mapped framebuffer, pitch * height bytes; best write-combining */
	u32 pitch, width, height; /* bytes, pixels, pixels */
	u32 bpp;                  /* 16, 24 or 32 (15 is taken as 16) */
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size; /* bits */
};

#define FB_TEXT_MAX_COLS SCREEN_MAX_COLS
#define FB_TEXT_MAX_ROWS SCREEN_MAX_ROWS
/* Pixels drawn at a time, at least a character: with 30 MB/s, which the slowest of servers' displays take, 50 us. */
#define FB_TEXT_PIECE 384

struct fb_text {
	struct console con;
	struct fb_geometry g;
	const struct fb_font *font;
	struct screen screen;
	u32 fg, bg;      /* pixel values */
	u64 quad[16][2]; /* of four pixels, the first one in bit 3: their bytes */
};

/* Bytes of memory fb_text_init needs at most. */
#define FB_TEXT_MEMORY_MAX SCREEN_MEMORY(FB_TEXT_MAX_COLS, FB_TEXT_MAX_ROWS)

/*
 * Clears the screen and takes it. memory: FB_TEXT_MEMORY_MAX bytes. OK; ERR_NOTSUP for a depth we cannot draw;
 * ERR_INVAL for a geometry that contradicts itself or a screen smaller than one character.
 */
__must_check int fb_text_init(struct fb_text *f, const struct fb_geometry *g, const struct fb_font *font, u8 *memory);
