/* VGA: where a row of the picture is as the one above it, found with less work than drawing both. */
#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

#define TEXT_COLS   4u /* looked at in a piece */
#define PLANAR_COLS 8u
#define CHUNKY_COLS 8u
#define LINEAR      64u /* pixels */

static bool same_cell(const struct vvga_shot *shot, const struct vvga_text_row t[2], u32 col)
{
	const struct vvga_state *s = &shot->s;
	u32 cell, attr, at;
	u8 px[2][9];

	if (t[0].line.ma == t[1].line.ma && t[0].cursor == ~0u && t[1].cursor == ~0u) {
		cell = vvga_shot_planes(shot, vvga_count_addr(s, t[0].line.ma + col, t[0].line.scan));
		attr = cell >> 8 & 0xff;
		at = t[0].fonts[attr >> 3 & 1] + (cell & 0xff) * 32;
		/* An underline would be in one of them. */
		if ((attr & 7) != 1 && (s->crtc[CR_MODE] & 3) == 3)
			return !((vvga_shot_planes(shot, (at + t[0].line.scan) & 0xffff) ^
			          vvga_shot_planes(shot, (at + t[1].line.scan) & 0xffff)) &
			         0xff0000);
	}
	vvga_text_cell(shot, &t[0], col, px[0]);
	vvga_text_cell(shot, &t[1], col, px[1]);
	return !memcmp(px[0], px[1], 9);
}

static u32 same_linear(const struct vvga_shot *shot, u32 x, u32 y, u32 n)
{
	const struct vvga_state *s = &shot->s;
	u32 line = shot->pitch, bytes = (s->vbe[VBE_BPP] + 7u) / 8, at = y * line + x * bytes, i = 0, len;

	n = MIN(n, LINEAR);
	len = n * bytes;
	if (at + len > shot->len)
		return 0;
	for (; i + 8 <= len; i += 8) {
		u64 a, b;

		memcpy(&a, shot->mem + at + i, 8);
		memcpy(&b, shot->mem + at - line + i, 8);
		if (a != b)
			return i / bytes;
	}
	for (; i < len; i++)
		if (shot->mem[at + i] != shot->mem[at - line + i])
			return i / bytes;
	return n;
}

/* What a column of 8 or, chunky, 4 pixels comes from. */
static u32 column(const struct vvga_shot *shot, const struct vvga_line *line, u32 y, u32 col)
{
	const struct vvga_state *s = &shot->s;

	if (vvga_vbe_on(s))
		return vvga_shot_planes(shot, (s->vbe[VBE_Y_OFFSET] + y) * vvga_vbe_line(s) + col);
	return vvga_shot_planes(shot, vvga_count_addr(s, line->ma + col, line->scan));
}

static u32 same_graphics(const struct vvga_shot *shot, const struct vvga_line line[2], u32 x, u32 y, u32 n)
{
	bool vbe = vvga_vbe_on(&shot->s), chunky = !vbe && (shot->s.gc[GR_MODE] & GR5_SHIFT256);
	u32 width = chunky ? 4 : 8, at = x + (vbe ? shot->s.vbe[VBE_X_OFFSET] : line[0].pan);
	u32 col = at / width, end = col + (chunky ? CHUNKY_COLS : PLANAR_COLS);

	while (col < end && col * width < at + n &&
	       column(shot, &line[0], y, col) == column(shot, &line[1], y - 1, col))
		col++;
	return col * width > at ? MIN(n, col * width - at) : 0;
}

u32 vvga_same(const void *arg, u32 x, u32 y, u32 n)
{
	const struct vvga_shot *shot = arg;
	struct vvga_text_row t[2];
	struct vvga_line line[2];
	struct vvga_picture p;
	u32 at, col;

	vvga_picture(&shot->s, &p);
	if (!y || y >= p.height || x >= p.width)
		return 0;
	n = MIN(n, p.width - x);
	if (p.kind == FB_BLANK)
		return n;
	if (vvga_vbe_linear(&shot->s))
		return same_linear(shot, x, y, n);
	line[0] = vvga_line(&shot->s, y * p.repeat);
	line[1] = vvga_line(&shot->s, (y - 1) * p.repeat);
	if (line[0].pan != line[1].pan)
		return 0;
	if (p.kind != FB_TEXT)
		return same_graphics(shot, line, x, y, n);
	for (u32 i = 0; i < 2; i++) {
		t[i].line = line[i];
		vvga_text_row(shot, &t[i]);
	}
	at = x + line[0].pan;
	for (col = at / p.char_width; col < at / p.char_width + TEXT_COLS && col * p.char_width < at + n; col++)
		if (!same_cell(shot, t, col))
			break;
	return col * p.char_width > at ? MIN(n, col * p.char_width - at) : 0;
}
