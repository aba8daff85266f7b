/* Pixels of a screenshot. See pixels.h. */
#include "vmm/mon/pixels.h"

#include "lib/string.h"

enum {
	CODE_CACHED = 0x00, /* and where */
	CODE_NEAR = 0x40,   /* and three differences of two bits */
	CODE_GREEN = 0x80,  /* and green's difference; red's and blue's to that follow */
	CODE_BEFORE = 0xc0, /* and how many */
	CODE_ABOVE = 0xe0,
	CODE_COLOUR = 0xfe, /* three bytes follow */
	CODE_LONG = 0xff,   /* two bytes follow: how many, bit 15: as above */
};
#define SHORT_BEFORE 32u
#define SHORT_ABOVE  30u
#define LONG_ABOVE   0x8000u
#define LONG_MOST    0x7fffu

void pixels_begin(struct pixels *p, struct out *out, u32 *above, u32 width)
{
	memset(p, 0, sizeof(*p));
	p->out = out;
	p->above = above;
	p->width = width;
	p->first = true;
}

/* ---- bytes ---- */

static void put_base64(struct pixels *p)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[PIXELS_LINE / 3 * 4 + 4];
	u32 n = 0;

	for (u32 i = 0; i < p->len; i += 3) {
		u32 left = p->len - i;
		u32 v = (u32)p->line[i] << 16 | (left > 1 ? (u32)p->line[i + 1] << 8 : 0) |
		        (left > 2 ? p->line[i + 2] : 0);

		text[n++] = digits[v >> 18];
		text[n++] = digits[v >> 12 & 63];
		text[n++] = left > 1 ? digits[v >> 6 & 63] : '=';
		text[n++] = left > 2 ? digits[v & 63] : '=';
	}
	if (n)
		out_line(p->out, text, n);
	p->sent += n;
	p->len = 0;
}

static void put_byte(struct pixels *p, u32 byte)
{
	p->line[p->len++] = (u8)byte;
	if (p->len == PIXELS_LINE)
		put_base64(p);
}

/* ---- codes ---- */

static void put_held(struct pixels *p)
{
	u32 n = p->held;

	p->held = 0;
	if (!n)
		return;
	if (n <= (p->as_before ? SHORT_BEFORE : SHORT_ABOVE)) {
		put_byte(p, (p->as_before ? CODE_BEFORE : CODE_ABOVE) + n - 1);
		return;
	}
	n |= p->as_before ? 0 : LONG_ABOVE;
	put_byte(p, CODE_LONG);
	put_byte(p, n & 0xff);
	put_byte(p, n >> 8);
}

static u32 place(u32 pixel)
{
	return ((pixel & 0xff) * 3 + (pixel >> 8 & 0xff) * 5 + (pixel >> 16) * 7) % PIXELS_CACHE;
}

/* The difference of a part of two colours, modulo 256, as -128 to 127. */
static s32 part(u32 pixel, u32 before, u32 shift)
{
	return (s8)((pixel >> shift) - (before >> shift));
}

static void put_colour(struct pixels *p, u32 pixel)
{
	s32 r = part(pixel, p->before, 0), g = part(pixel, p->before, 8), b = part(pixel, p->before, 16);
	u32 at = place(pixel);

	if (p->cache[at] == pixel) {
		put_byte(p, CODE_CACHED + at);
		return;
	}
	p->cache[at] = pixel;
	if (r >= -2 && r <= 1 && g >= -2 && g <= 1 && b >= -2 && b <= 1) {
		put_byte(p, CODE_NEAR | (u32)(r + 2) << 4 | (u32)(g + 2) << 2 | (u32)(b + 2));
	} else if (g >= -32 && g <= 31 && r - g >= -8 && r - g <= 7 && b - g >= -8 && b - g <= 7) {
		put_byte(p, CODE_GREEN | (u32)(g + 32));
		put_byte(p, (u32)(r - g + 8) << 4 | (u32)(b - g + 8));
	} else {
		put_byte(p, CODE_COLOUR);
		put_byte(p, pixel & 0xff);
		put_byte(p, pixel >> 8 & 0xff);
		put_byte(p, pixel >> 16);
	}
}

static void move_on(struct pixels *p, u32 n)
{
	p->x += n;
	if (p->x < p->width)
		return;
	p->x = 0;
	p->first = false;
}

static void add(struct pixels *p, u32 pixel)
{
	bool before = pixel == p->before, above = !p->first && pixel == p->above[p->x];

	if (p->held) {
		before = before && p->as_before;
		above = above && p->as_above;
		if ((!before && !above) || p->held == LONG_MOST) {
			put_held(p);
			before = pixel == p->before;
			above = !p->first && pixel == p->above[p->x];
		}
	}
	if (before || above) {
		p->held++;
		p->as_before = before;
		p->as_above = above;
	} else {
		put_colour(p, pixel);
	}
	p->before = pixel;
	p->above[p->x] = pixel;
	move_on(p, 1);
}

void pixels_add(struct pixels *p, const u8 *rgb, u32 n)
{
	for (; n; n--, rgb += 3)
		add(p, rgb[0] | (u32)rgb[1] << 8 | (u32)rgb[2] << 16);
}

void pixels_above(struct pixels *p, u32 n)
{
	if (p->held && (!p->as_above || p->held + n > LONG_MOST))
		put_held(p);
	p->held += n;
	p->as_before = false;
	p->as_above = true;
	p->before = p->above[p->x + n - 1];
	move_on(p, n);
}

void pixels_end(struct pixels *p)
{
	put_held(p);
	put_base64(p);
}
