/* VGA: freezing a generation of the screen for who looks. */
#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

#define BLOCKS (4 * VVGA_PLANE)
#define PART   (VVGA_PLANE / VVGA_SHOT_PARTS)
_Static_assert(2 * PART <= FB_COPY_MAX, "a part of both blocks is a piece");

#define COPY_LINES 32u /* in a piece, at most */

/* Of video memory, what is shown: of lines, or the planes from their beginning on. */
static void shown(const struct vvga_state *s, u32 *base, u32 *len, u32 *pitch)
{
	u32 line = vvga_vbe_line(s), bytes = (s->vbe[VBE_BPP] + 7u) / 8;

	*base = *pitch = 0;
	*len = BLOCKS;
	if (vvga_vbe_linear(s)) {
		*base = s->vbe[VBE_Y_OFFSET] * line + s->vbe[VBE_X_OFFSET] * bytes;
		*pitch = s->vbe[VBE_XRES] * bytes;
		*len = s->vbe[VBE_YRES] * *pitch;
	} else if (vvga_vbe_on(s)) {
		*len = MAX(4 * (s->vbe[VBE_Y_OFFSET] + s->vbe[VBE_YRES]) * line, BLOCKS);
	}
}

static size_t shot_size(void *ctx)
{
	const struct vvga *v = ctx;
	u32 base, len, pitch;

	shown(&v->s, &base, &len, &pitch);
	return sizeof(struct vvga_shot) + len;
}

static int freeze(void *ctx, void *arg, size_t size, u64 now)
{
	struct vvga *v = ctx;
	struct vvga_shot *shot = arg;
	struct state_check c;
	u32 base, len, pitch;

	if (size < sizeof(*shot))
		return ERR_NOSPC;
	/* What is frozen is looked at, not what may change at once: nothing of the copy leads out of memory. */
	shot->s = v->s;
	shown(&shot->s, &base, &len, &pitch);
	if (!vvga_vbe_valid(v, &shot->s, &c) || size < sizeof(*shot) + len)
		return ERR_NOSPC;
	shot->base = base;
	shot->len = len;
	shot->pitch = pitch;
	shot->now = now;
	shot->generation = ++v->generation;
	shot->copied = 0;
	memset(shot->chained, 0, sizeof(shot->chained));
	return OK;
}

/* Some lines on from where the copy has come to. Returns how many bytes. */
static u32 copy_lines(const struct vvga *v, struct vvga_shot *shot)
{
	u32 line = vvga_vbe_line(&shot->s), at = shot->copied;
	u32 end = at + MIN(FB_COPY_MAX, shot->len - at);

	for (u32 i = 0, n; i < COPY_LINES && at < end; i++, at += n) {
		u32 off = at % shot->pitch;

		n = MIN(shot->pitch - off, end - at);
		vvga_copy(v, shot->base + at / shot->pitch * line + off, shot->mem + at, n);
	}
	return at - shot->copied;
}

static bool copy(void *ctx, void *arg)
{
	const struct vvga *v = ctx;
	struct vvga_shot *shot = arg;
	u32 at = shot->copied, n = MIN(FB_COPY_MAX, shot->len - at);

	if (vvga_vbe_linear(&shot->s)) {
		n = copy_lines(v, shot);
	} else if (at < 2 * VVGA_PLANE) {
		/* Both blocks' parts together: the layout turns between the pieces. */
		u32 part = at / 2;

		shot->chained[part / PART] = v->s.chained;
		vvga_copy(v, part, shot->mem + part, PART);
		vvga_copy(v, VVGA_PLANE + part, shot->mem + VVGA_PLANE + part, PART);
		n = 2 * PART;
	} else {
		vvga_copy(v, shot->base + at, shot->mem + at, n);
	}
	shot->copied += n;
	return shot->copied < shot->len;
}

static void shape(const void *arg, struct fb_shape *out)
{
	const struct vvga_shot *shot = arg;
	const struct vvga_state *s = &shot->s;
	struct vvga_picture p;
	u32 at, row;

	vvga_picture(s, &p);
	*out = (struct fb_shape){ .kind = p.kind,
		                  .width = p.width,
		                  .height = p.height,
		                  .cols = p.cols,
		                  .rows = p.rows,
		                  .generation = shot->generation };
	if (p.kind != FB_TEXT || (s->crtc[CR_CURSOR_START] & 0x20) || !s->crtc[CR_OFFSET])
		return;
	at = ((u32)s->crtc[CR_CURSOR_HIGH] << 8 | s->crtc[CR_CURSOR_LOW]) -
	     ((u32)s->crtc[CR_START_HIGH] << 8 | s->crtc[CR_START_LOW]);
	row = at / (s->crtc[CR_OFFSET] * 2u);
	at %= s->crtc[CR_OFFSET] * 2u;
	if (row >= p.rows || at >= p.cols)
		return;
	out->cursor = true;
	out->cursor_row = row;
	out->cursor_col = at;
}

const struct fb_ops vvga_fb_ops = {
	.size = shot_size,
	.freeze = freeze,
	.copy = copy,
	.shape = shape,
	.pixels = vvga_pixels,
	.same = vvga_same,
	.text = vvga_text,
};
