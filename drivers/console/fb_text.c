/* Text on a linear framebuffer. */
#include "drivers/console/fb_text.h"
#include "lib/string.h"

#define FG_RGB 0xc8c8c8
#define BG_RGB 0x000000

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

static void put_pixel(volatile u8 *p, u32 bytes, u32 v)
{
	switch (bytes) {
	case 4: *(volatile u32 *)p = v; break;
	case 2: *(volatile u16 *)p = (u16)v; break;
	default:
		p[0] = (u8)v;
		p[1] = (u8)(v >> 8);
		p[2] = (u8)(v >> 16);
	}
}

static u32 bytes_per_pixel(const struct fb_geometry *g)
{
	return (g->bpp + 7) / 8;
}

static void fill_row(struct fb_text *f, u32 y, u32 v)
{
	u32 bytes = bytes_per_pixel(&f->g);
	volatile u8 *p = (volatile u8 *)f->g.pixels + (u64)y * f->g.pitch;

	for (u32 x = 0; x < f->g.width; x++)
		put_pixel(p + (u64)x * bytes, bytes, v);
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

static void draw(struct screen *s, u32 row, u32 col, u8 c)
{
	struct fb_text *f = container_of(s, struct fb_text, screen);
	const struct fb_font *font = f->font;
	u32 bytes = bytes_per_pixel(&f->g), stride = (font->width + 7) / 8;
	const u8 *glyph = glyph_of(font, c);

	for (u32 y = 0; y < font->height; y++) {
		volatile u8 *p = cell_pixels(f, row, col, y);

		for (u32 x = 0; x < font->width; x++) {
			bool on = glyph[y * stride + x / 8] & (0x80 >> (x % 8));

			put_pixel(p + (u64)x * bytes, bytes, on ? f->fg : f->bg);
		}
	}
}

/* A bar at the bottom of the cell. */
static void draw_cursor(const struct fb_text *f)
{
	u32 bytes = bytes_per_pixel(&f->g), height = f->font->height;

	for (u32 y = height - MAX(height / 8, 1u); y < height; y++)
		for (u32 x = 0; x < f->font->width; x++)
			put_pixel(cell_pixels(f, f->cursor_row, f->cursor_col, y) + (u64)x * bytes, bytes, f->fg);
}

static void show_cursor(struct fb_text *f)
{
	f->cursor_row = f->screen.row;
	f->cursor_col = screen_cursor_col(&f->screen);
	f->cursor = !f->screen.hidden;
	if (f->cursor)
		draw_cursor(f);
}

static void fb_write(struct console *con, const char *text, size_t len)
{
	struct fb_text *f = container_of(con, struct fb_text, con);

	if (f->cursor)
		draw(&f->screen, f->cursor_row, f->cursor_col,
		     f->screen.cells[f->cursor_row * f->screen.cols + f->cursor_col]);
	screen_write(&f->screen, text, len);
	show_cursor(f);
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

int fb_text_init(struct fb_text *f, const struct fb_geometry *g, const struct fb_font *font, u8 *shadow)
{
	int r = check_geometry(g, font);

	memset(f, 0, sizeof(*f));
	if (r)
		return r;
	f->con = (struct console){ .name = "fb", .write = fb_write };
	f->g = *g;
	f->font = font;
	f->fg = pixel_of(g, FG_RGB);
	f->bg = pixel_of(g, BG_RGB);
	screen_init(&f->screen, MIN(g->width / font->width, (u32)FB_TEXT_MAX_COLS),
	            MIN(g->height / font->height, (u32)FB_TEXT_MAX_ROWS), shadow, draw);
	for (u32 y = 0; y < g->height; y++)
		fill_row(f, y, f->bg);
	show_cursor(f);
	return OK;
}
