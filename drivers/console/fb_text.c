/* Text on a linear framebuffer. */
#include "drivers/console/fb_text.h"
#include "lib/mmio.h"
#include "lib/string.h"

#define FG_RGB 0xc8c8c8
#define BG_RGB 0x000000

#define PIECE_CELLS 8 /* characters drawn at a time, at most: what is to be done for each one counts, too */

static u32 channel(u32 v8, u8 pos, u8 size)
{
	return (size >= 8 ? v8 << (size - 8) : v8 >> (8 - size)) << pos;
}

/* Pixel value of a 24-bit RGB colour. */
static u32 pixel_of(const struct fb_geometry *g, u32 rgb)
{
	return channel(rgb >> 16 & 0xff, g->red_pos, g->red_size) |
	       channel(rgb >> 8 & 0xff, g->green_pos, g->green_size) | channel(rgb & 0xff, g->blue_pos, g->blue_size);
}

static u32 bytes_per_pixel(const struct fb_geometry *g)
{
	return (g->bpp + 7) / 8;
}

static void make_quads(struct fb_text *f)
{
	u32 bytes = bytes_per_pixel(&f->g);

	for (u32 q = 0; q < ARRAY_SIZE(f->quad); q++)
		for (u32 i = 0; i < 4 * bytes; i++) {
			u32 v = q & (8u >> i / bytes) ? f->fg : f->bg;

			f->quad[q][i / 8] |= (u64)(v >> i % bytes * 8 & 0xff) << i % 8 * 8;
		}
}

/*
 * n pixels, up to eight, the first one in bit 7 of bits. Few and wide stores, from left to right: that is what
 * write-combining makes bursts of.
 */
static inline __attribute__((always_inline)) void put_pixels(const struct fb_text *f, volatile u8 *p, u32 bits, u32 n,
                                                             u32 bytes)
{
	for (; n >= 4; n -= 4, bits <<= 4, p += 4 * bytes) {
		const u64 *quad = f->quad[bits >> 4 & 15];

		mmio_write64(p, quad[0]);
		if (bytes == 4)
			mmio_write64(p + 8, quad[1]);
		else if (bytes == 3)
			mmio_write32(p + 8, (u32)quad[1]);
	}
	for (; n; n--, bits <<= 1, p += bytes) {
		u32 v = bits & 0x80 ? f->fg : f->bg;

		mmio_write16(p, (u16)v);
		if (bytes == 4)
			mmio_write16(p + 2, (u16)(v >> 16));
		else if (bytes == 3)
			mmio_write8(p + 2, (u8)(v >> 16));
	}
}

static void clear(const struct fb_text *f)
{
	u32 bytes = bytes_per_pixel(&f->g);

	for (u32 y = 0; y < f->g.height; y++) {
		volatile u8 *p = (volatile u8 *)f->g.pixels + (u64)y * f->g.pitch;

		for (u32 x = 0; x < f->g.width; x += 8)
			put_pixels(f, p + (u64)x * bytes, 0, MIN(f->g.width - x, 8u), bytes);
	}
}

static const u8 *glyph_of(const struct fb_font *font, u8 c)
{
	u32 i = (u32)c - font->first;

	if (c < font->first || i >= font->nr)
		i = '?' >= font->first && '?' - font->first < font->nr ? '?' - font->first : 0;
	return font->glyphs + (u64)i * font->height * ((font->width + 7) / 8);
}

static volatile u8 *cell_pixels(const struct fb_text *f, u32 row, u32 col, u32 y)
{
	return (volatile u8 *)f->g.pixels + ((u64)row * f->font->height + y) * f->g.pitch +
	       (u64)col * f->font->width * bytes_per_pixel(&f->g);
}

/* Line by line over all the characters: what lies side by side in memory is written in one go. */
static inline __attribute__((always_inline)) void draw_glyphs(const struct fb_text *f, volatile u8 *line,
                                                              const u8 **glyph, u32 n, u32 bytes)
{
	u32 width = f->font->width;

	for (u32 y = 0; y < f->font->height; y++, line += f->g.pitch) {
		volatile u8 *p = line;

		for (u32 i = 0; i < n; i++)
			for (u32 x = 0; x < width; x += 8) {
				u32 some = MIN(width - x, 8u);

				if (some == 8) /* the compiler may unroll it */
					put_pixels(f, p, *glyph[i]++, 8, bytes);
				else
					put_pixels(f, p, *glyph[i]++, some, bytes);
				p += some * bytes;
			}
	}
}

static void draw(struct screen *s, u32 row, u32 col, const u8 *text, u32 n)
{
	const struct fb_text *f = container_of(s, struct fb_text, screen);
	volatile u8 *p = cell_pixels(f, row, col, 0);
	const u8 *glyph[PIECE_CELLS];

	for (u32 i = 0; i < n; i++)
		glyph[i] = glyph_of(f->font, text[i]);
	switch (bytes_per_pixel(&f->g)) {
	case 2: draw_glyphs(f, p, glyph, n, 2); break;
	case 3: draw_glyphs(f, p, glyph, n, 3); break;
	default: draw_glyphs(f, p, glyph, n, 4);
	}
}

/* A bar at the bottom of the cell. */
static void draw_cursor(struct screen *s, u32 row, u32 col, u8 c, bool on)
{
	const struct fb_text *f = container_of(s, struct fb_text, screen);
	u32 height = f->font->height, bytes = bytes_per_pixel(&f->g);

	if (!on) {
		draw(s, row, col, &c, 1);
		return;
	}
	for (u32 y = height - MAX(height / 8, 1u); y < height; y++)
		for (u32 x = 0; x < f->font->width; x += 8)
			put_pixels(f, cell_pixels(f, row, col, y) + x * bytes, 0xff, MIN(f->font->width - x, 8u),
			           bytes);
}

static void fb_write(struct console *con, const char *text, size_t len)
{
	struct fb_text *f = container_of(con, struct fb_text, con);

	screen_write(&f->screen, text, len);
}

static bool fb_show(struct console *con)
{
	struct fb_text *f = container_of(con, struct fb_text, con);

	return screen_draw(&f->screen);
}

static u32 fb_room(struct console *con)
{
	return SCREEN_ROOM;
}

static bool channel_ok(u8 pos, u8 size, u32 bpp)
{
	return size >= 1 && size <= 16 && (u32)pos + size <= bpp;
}

static int check_geometry(const struct fb_geometry *g, const struct fb_font *font)
{
	u32 bits = bytes_per_pixel(g) * 8;

	if (g->bpp != 15 && g->bpp != 16 && g->bpp != 24 && g->bpp != 32)
		return ERR_NOTSUP;
	if (!channel_ok(g->red_pos, g->red_size, bits) || !channel_ok(g->green_pos, g->green_size, bits) ||
	    !channel_ok(g->blue_pos, g->blue_size, bits))
		return ERR_INVAL;
	if (!font->width || font->width > 32 || !font->height || !font->nr)
		return ERR_INVAL;
	if (g->width < font->width || g->height < font->height || (u64)g->width * (bits / 8) > g->pitch)
		return ERR_INVAL;
	/* Pixels are written whole. */
	if (bits != 24 && (g->pitch % (bits / 8) || (uintptr_t)g->pixels % (bits / 8)))
		return ERR_INVAL;
	return OK;
}

int fb_text_init(struct fb_text *f, const struct fb_geometry *g, const struct fb_font *font, u8 *memory)
{
	static const struct screen_ops ops = { .draw = draw, .cursor = draw_cursor };
	int r = check_geometry(g, font);

	memset(f, 0, sizeof(*f));
	if (r)
		return r;
	f->con = (struct console){ .name = "fb", .write = fb_write, .show = fb_show, .room = fb_room };
	f->g = *g;
	f->font = font;
	f->fg = pixel_of(g, FG_RGB);
	f->bg = pixel_of(g, BG_RGB);
	make_quads(f);
	screen_init(&f->screen, MIN(g->width / font->width, (u32)FB_TEXT_MAX_COLS),
	            MIN(g->height / font->height, (u32)FB_TEXT_MAX_ROWS),
	            MIN(MAX(FB_TEXT_PIECE / (font->width * font->height), 1u), (u32)PIECE_CELLS), memory, &ops);
	clear(f);
	while (screen_draw(&f->screen))
		;
	return OK;
}
