/* VGA: the picture, from a frozen screen. */
#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

#define FRAME_NS      14285714u /* 70 pictures a second; blinking follows them */
#define CURSOR_FRAMES 8u        /* on, and off */
#define BLINK_FRAMES  16u

#define AR10_LINE_GRAPHICS 0x04
#define AR10_BLINK         0x08
#define AR10_SPLIT_PAN     0x20
#define AR10_COLOUR_SELECT 0x80

/* ---- the shape of the picture ---- */

static u32 shown_lines(const struct vvga_state *s)
{
	u32 over = s->crtc[CR_OVERFLOW];

	return (s->crtc[CR_VDISP] | (over & 0x02) << 7 | (over & 0x40) << 3) + 1;
}

static bool is_off(const struct vvga_state *s)
{
	return !(s->attr_index & AR_PAS) || (s->seq[SR_CLOCKING] & SR1_OFF) ||
	       (!vvga_vbe_on(s) && !(s->crtc[CR_MODE] & 0x80));
}

void vvga_picture(const struct vvga_state *s, struct vvga_picture *p)
{
	u32 per = (s->crtc[CR_MAX_SCAN] & 0x1f) + 1u, chars = s->crtc[CR_HDISP] + 1u;
	bool graphics = s->gc[GR_MISC] & GR6_GRAPHICS;

	*p = (struct vvga_picture){ .kind = FB_GRAPHICS, .repeat = 1, .char_width = 8, .char_height = 1 };
	if (vvga_vbe_on(s)) {
		p->width = s->vbe[VBE_XRES];
		p->height = s->vbe[VBE_YRES];
	} else {
		p->repeat = s->crtc[CR_MAX_SCAN] & 0x80 ? 2 : 1;
		if (!graphics) {
			p->kind = FB_TEXT;
			p->char_width = s->seq[SR_CLOCKING] & SR1_8DOT ? 8 : 9;
			p->char_height = per;
			p->cols = chars;
			p->rows = shown_lines(s) / p->repeat / per;
		} else if ((s->crtc[CR_MODE] & 3) == 3) {
			/* A line that is shown again is one of the picture. */
			p->repeat *= per;
		}
		p->width = chars * p->char_width;
		if (graphics && (s->gc[GR_MODE] & GR5_SHIFT256))
			p->width /= 2;
		p->height = MAX(shown_lines(s) / p->repeat, 1u);
	}
	if (is_off(s))
		p->kind = FB_BLANK;
	if (p->kind != FB_TEXT)
		p->cols = p->rows = 0;
}

/* Pixels to the left. Nine dots wide, 8 means none. */
static u32 panning(const struct vvga_state *s)
{
	u32 pan = s->attr[AR_PANNING] & 0xf;

	if (s->gc[GR_MODE] & GR5_SHIFT256)
		return (pan & 7) / 2;
	if (s->seq[SR_CLOCKING] & SR1_8DOT || (s->gc[GR_MISC] & GR6_GRAPHICS))
		return pan & 7;
	return pan >= 8 ? 0 : pan + 1;
}

struct vvga_line vvga_line(const struct vvga_state *s, u32 n)
{
	u32 per = (s->crtc[CR_MAX_SCAN] & 0x1f) + 1u, over = s->crtc[CR_OVERFLOW];
	u32 split = s->crtc[CR_LINE_COMPARE] | (over & 0x10) << 4 | (s->crtc[CR_MAX_SCAN] & 0x40u) << 3;
	u32 start = (u32)s->crtc[CR_START_HIGH] << 8 | s->crtc[CR_START_LOW], lines;
	struct vvga_line line = { .pan = panning(s) };

	if (n > split) {
		/* Below the split: the beginning of memory. */
		n -= split + 1;
		start = 0;
		lines = 0;
		if (s->attr[AR_MODE] & AR10_SPLIT_PAN)
			line.pan = 0;
	} else {
		start += s->crtc[CR_PRESET_ROW] >> 5 & 3;
		lines = s->crtc[CR_PRESET_ROW] & 0x1f;
	}
	lines += s->crtc[CR_MAX_SCAN] & 0x80 ? n / 2 : n;
	line.scan = lines % per;
	line.ma = start + lines / per * s->crtc[CR_OFFSET] * 2u;
	return line;
}

u32 vvga_count_addr(const struct vvga_state *s, u32 ma, u32 scan)
{
	u32 mode = s->crtc[CR_MODE], a = ma & 0xffff;

	if (s->crtc[CR_UNDERLINE] & 0x40)
		a = (a << 2 | (a >> 14 & 3)) & 0xffff; /* double words */
	else if (!(mode & 0x40))
		a = (a << 1 | (a >> (mode & 0x20 ? 15 : 13) & 1)) & 0xffff; /* words */
	if (!(mode & 1))
		a = (a & ~0x2000u) | (scan & 1) << 13;
	if (!(mode & 2))
		a = (a & ~0x4000u) | (scan & 2) << 13;
	return a;
}

u32 vvga_shot_planes(const struct vvga_shot *shot, u32 a)
{
	u32 part = a / (VVGA_PLANE / VVGA_SHOT_PARTS);
	struct vvga_pairs p = vvga_pairs(part < VVGA_SHOT_PARTS ? shot->chained[part] : 0, a);

	if (p.p01 + 2 > shot->len || p.p23 + 2 > shot->len)
		return 0;
	return *(const u16 *)(shot->mem + p.p01) | (u32) * (const u16 *)(shot->mem + p.p23) << 16;
}

/* ---- colours, as 00BBGGRR ---- */

static u32 dac_colour(const struct vvga_state *s, u32 i)
{
	const u8 *c = &s->dac[(i & s->dac_mask) * 3];
	u32 r = c[0], g = c[1], b = c[2];

	if (!(s->vbe[VBE_ENABLE] & VBE_8BIT_DAC)) {
		r = (r & 0x3f) << 2 | (r >> 4 & 3);
		g = (g & 0x3f) << 2 | (g >> 4 & 3);
		b = (b & 0x3f) << 2 | (b >> 4 & 3);
	}
	return r | g << 8 | b << 16;
}

/* Colours of four bits, through the attribute controller, as far as they were asked for. */
struct palette {
	u32 known; /* bit n: colour n is there */
	u32 colour[16];
};

static u32 colour(const struct vvga_state *s, struct palette *p, u32 i)
{
	u32 select = s->attr[AR_COLOUR], c;

	if (p->known & 1u << i)
		return p->colour[i];
	c = s->attr[i & s->attr[AR_PLANES]] | (select & 0x0c) << 4;
	if (s->attr[AR_MODE] & AR10_COLOUR_SELECT)
		c = (c & 0xcf) | (select & 3) << 4;
	p->known |= 1u << i;
	p->colour[i] = dac_colour(s, c);
	return p->colour[i];
}

static u32 true_colour(u32 bpp, const u8 *p)
{
	u32 v = p[0] | (u32)p[1] << 8, r, g, b;

	if (bpp > 16)
		return p[2] | (u32)p[1] << 8 | (u32)p[0] << 16;
	r = bpp == 15 ? v >> 10 & 0x1f : v >> 11;
	g = bpp == 15 ? (v >> 5 & 0x1f) << 3 | (v >> 7 & 7) : (v >> 5 & 0x3f) << 2 | (v >> 9 & 3);
	b = v & 0x1f;
	return (r << 3 | r >> 2) | g << 8 | (b << 3 | b >> 2) << 16;
}

/* ---- eight or nine pixels ---- */

/* Four bits of each pixel of a byte of the planes, the leftmost first. */
static void from_planes(u32 planes, u8 px[8])
{
	for (u32 i = 0; i < 8; i++) {
		u32 v = planes >> (7 - i);

		px[i] = (u8)((v & 1) | (v >> 7 & 2) | (v >> 14 & 4) | (v >> 21 & 8));
	}
}

/* Two bits of a pixel from planes 0 and 1, one after the other, and two from 2 and 3. */
static void from_pairs(u32 planes, u8 px[8])
{
	for (u32 i = 0; i < 8; i++) {
		u32 v = planes >> (i < 4 ? 0 : 8) >> (6 - 2 * (i & 3));

		px[i] = (u8)((v & 3) | (v >> 14 & 0xc));
	}
}

static u32 font_at(u32 select)
{
	return (select & 3) << 14 | (select & 4) << 11;
}

void vvga_text_row(const struct vvga_shot *shot, struct vvga_text_row *t)
{
	const struct vvga_state *s = &shot->s;
	u32 fonts = s->seq[SR_FONT], start = s->crtc[CR_CURSOR_START], frame = (u32)(shot->now / FRAME_NS);

	t->fonts[0] = font_at((fonts & 3) | (fonts & 0x10) >> 2);
	t->fonts[1] = font_at((fonts >> 2 & 3) | (fonts & 0x20) >> 3);
	t->blink_off = frame & BLINK_FRAMES;
	t->cursor = ~0u;
	if (!(start & 0x20) && t->line.scan >= (start & 0x1f) && t->line.scan <= (s->crtc[CR_CURSOR_END] & 0x1fu) &&
	    !(frame & CURSOR_FRAMES))
		t->cursor = (u32)s->crtc[CR_CURSOR_HIGH] << 8 | s->crtc[CR_CURSOR_LOW];
}

void vvga_text_cell(const struct vvga_shot *shot, const struct vvga_text_row *t, u32 col, u8 px[9])
{
	const struct vvga_state *s = &shot->s;
	u32 ma = t->line.ma + col, cell = vvga_shot_planes(shot, vvga_count_addr(s, ma, t->line.scan));
	u32 code = cell & 0xff, attr = cell >> 8 & 0xff, fg = attr & 0xf, bg = attr >> 4;
	u32 at = t->fonts[attr >> 3 & 1] + code * 32 + t->line.scan;
	u32 bits = vvga_shot_planes(shot, at & 0xffff) >> 16 & 0xff;

	if (s->attr[AR_MODE] & AR10_BLINK) {
		bg &= 7;
		if ((attr & 0x80) && t->blink_off)
			fg = bg;
	}
	if ((attr & 7) == 1 && t->line.scan == (s->crtc[CR_UNDERLINE] & 0x1fu))
		bits = 0xff;
	bits <<= 1;
	if ((s->attr[AR_MODE] & AR10_LINE_GRAPHICS) && (code & 0xe0) == 0xc0)
		bits |= bits >> 1 & 1;
	if ((ma & 0xffff) == t->cursor)
		bits = 0x1ff;
	for (u32 i = 0; i < 9; i++)
		px[i] = (u8)(bits & 0x100 >> i ? fg : bg);
}

/* ---- rows ---- */

static void put(u8 *rgb, u32 colour)
{
	rgb[0] = (u8)colour;
	rgb[1] = (u8)(colour >> 8);
	rgb[2] = (u8)(colour >> 16);
}

static void text_pixels(const struct vvga_shot *shot, const struct vvga_picture *p, u32 x, u32 y, u32 n, u8 *rgb)
{
	struct vvga_text_row t = { .line = vvga_line(&shot->s, y * p->repeat) };
	struct palette palette;
	u32 at = x + t.line.pan, col = ~0u;
	u8 px[9];

	palette.known = 0;
	vvga_text_row(shot, &t);
	for (u32 i = 0; i < n; i++, at++) {
		if (at / p->char_width != col) {
			col = at / p->char_width;
			vvga_text_cell(shot, &t, col, px);
		}
		put(rgb + 3 * i, colour(&shot->s, &palette, px[at % p->char_width]));
	}
}

static void planar_pixels(const struct vvga_shot *shot, const struct vvga_picture *p, u32 x, u32 y, u32 n, u8 *rgb)
{
	const struct vvga_state *s = &shot->s;
	bool vbe = vvga_vbe_on(s);
	struct vvga_line line = vvga_line(s, y * p->repeat);
	struct palette palette;
	u32 at = x + line.pan, col = ~0u, planes, from = 0;
	u8 px[8];

	palette.known = 0;
	if (vbe) {
		at = x + s->vbe[VBE_X_OFFSET];
		from = (s->vbe[VBE_Y_OFFSET] + y) * vvga_vbe_line(s);
	}
	for (u32 i = 0; i < n; i++, at++) {
		if (at / 8 != col) {
			col = at / 8;
			planes = vvga_shot_planes(shot,
			                          vbe ? from + col : vvga_count_addr(s, line.ma + col, line.scan));
			if (!vbe && (s->gc[GR_MODE] & GR5_SHIFT4))
				from_pairs(planes, px);
			else
				from_planes(planes, px);
		}
		put(rgb + 3 * i, colour(s, &palette, px[at % 8]));
	}
}

static void chunky_pixels(const struct vvga_shot *shot, const struct vvga_picture *p, u32 x, u32 y, u32 n, u8 *rgb)
{
	const struct vvga_state *s = &shot->s;
	struct vvga_line line = vvga_line(s, y * p->repeat);
	u32 at = x + line.pan, col = ~0u, planes = 0;

	for (u32 i = 0; i < n; i++, at++) {
		if (at / 4 != col) {
			col = at / 4;
			planes = vvga_shot_planes(shot, vvga_count_addr(s, line.ma + col, line.scan));
		}
		put(rgb + 3 * i, dac_colour(s, planes >> 8 * (at & 3) & 0xff));
	}
}

static void linear_pixels(const struct vvga_shot *shot, u32 x, u32 y, u32 n, u8 *rgb)
{
	const struct vvga_state *s = &shot->s;
	u32 bpp = s->vbe[VBE_BPP], bytes = (bpp + 7) / 8;
	u32 at = y * shot->pitch + x * bytes;

	for (u32 i = 0; i < n && at + bytes <= shot->len; i++, at += bytes) {
		const u8 *p = shot->mem + at;

		put(rgb + 3 * i, bpp == 8 ? dac_colour(s, *p) : true_colour(bpp, p));
	}
}

void vvga_pixels(const void *arg, u32 x, u32 y, u32 n, u8 *rgb)
{
	const struct vvga_shot *shot = arg;
	struct vvga_picture p;

	vvga_picture(&shot->s, &p);
	n = MIN(n, FB_PIXEL_MAX);
	memset(rgb, 0, 3 * n);
	if (p.kind == FB_BLANK || x >= p.width || y >= p.height)
		return;
	n = MIN(n, p.width - x);
	if (vvga_vbe_linear(&shot->s))
		linear_pixels(shot, x, y, n, rgb);
	else if (p.kind == FB_TEXT)
		text_pixels(shot, &p, x, y, n, rgb);
	else if (!vvga_vbe_on(&shot->s) && (shot->s.gc[GR_MODE] & GR5_SHIFT256))
		chunky_pixels(shot, &p, x, y, n, rgb);
	else
		planar_pixels(shot, &p, x, y, n, rgb);
}
