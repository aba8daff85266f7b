/*
 * Text on a linear framebuffer. Pure: it writes to a pixel pointer. The framebuffer is never read (that is slow): a
 * shadow of the text says what to draw, and scrolling redraws only the cells that change.
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
	volatile void *pixels;    /* mapped framebuffer, pitch * height bytes */
	u32 pitch, width, height; /* bytes, pixels, pixels */
	u32 bpp;                  /* 16, 24 or 32 (15 is taken as 16) */
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size; /* bits */
};

#define FB_TEXT_MAX_COLS 256
#define FB_TEXT_MAX_ROWS 128

struct fb_text {
	struct console con;
	struct fb_geometry g;
	const struct fb_font *font;
	struct screen screen;       /* its cells are the shadow */
	u32 fg, bg;                 /* pixel values */
	u32 cursor_row, cursor_col; /* where it is drawn */
	bool cursor;                /* it is */
};

/* Bytes of shadow memory fb_text_init needs at most. */
#define FB_TEXT_SHADOW_MAX (FB_TEXT_MAX_COLS * FB_TEXT_MAX_ROWS)

/*
 * Clears the screen and takes it. shadow: FB_TEXT_SHADOW_MAX bytes. OK; ERR_NOTSUP for a depth we cannot draw;
 * ERR_INVAL for a geometry that contradicts itself or a screen smaller than one character.
 */
__must_check int fb_text_init(struct fb_text *f, const struct fb_geometry *g, const struct fb_font *font, u8 *shadow);
