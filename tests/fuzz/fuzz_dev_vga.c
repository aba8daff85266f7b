/*
 * VGA: any sequence of port, register and memory accesses of any size and order, then the screen is frozen and drawn.
 * Memory is just as large as the device was told, and so is what is frozen: nothing is read or written beyond.
 */
#include "../unit/state_subjects.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const struct state_subject *subject(void)
{
	for (u32 i = 0; i < state_subject_count(); i++)
		if (state_subject_at(i)->ops == &vvga_ops)
			return state_subject_at(i);
	return NULL;
}

/* What is said to be as above is. */
static void check_same(const void *shot, u32 x, u32 y)
{
	const struct fb_ops *fb = &vvga_fb_ops;
	u8 rgb[2][3 * FB_PIXEL_MAX];
	u32 nr = fb->same(shot, x, y, FB_PIXEL_MAX);

	assert(nr <= FB_PIXEL_MAX);
	if (!nr)
		return;
	fb->pixels(shot, x, y, nr, rgb[0]);
	fb->pixels(shot, x, y - 1, nr, rgb[1]);
	assert(!memcmp(rgb[0], rgb[1], 3 * nr));
}

static void draw(struct state_world *w, struct state_dice *d)
{
	const struct fb_ops *fb = &vvga_fb_ops;
	size_t len = fb->size(w->dev);
	void *shot = malloc(len);
	struct fb_shape shape;
	u8 rgb[3 * FB_PIXEL_MAX];
	char text[FB_TEXT_MAX * FB_UTF8_MAX];

	assert(shot && fb->freeze(w->dev, shot, len - 1, w->now) == ERR_NOSPC);
	assert(fb->freeze(w->dev, shot, len, w->now) == OK);
	while (fb->copy(w->dev, shot))
		;
	fb->shape(shot, &shape);
	assert(shape.width <= 2304 && shape.height <= 2048 && shape.cols <= 256 && shape.rows <= 2048);
	for (u32 i = 0; i < 24; i++) {
		u32 x = d_u32(d), y = d_u32(d), n = d_below(d, FB_PIXEL_MAX + 1);

		if (i & 3 && shape.width && shape.height) {
			x %= shape.width;
			y %= shape.height;
		}
		fb->pixels(shot, x, y, n, rgb);
		check_same(shot, x, y);
	}
	for (u32 i = 0; i < 8; i++) {
		u32 n = d_u8(d), row = d_below(d, shape.rows + 2);
		size_t len = fb->text(shot, d_u8(d), row, n, text);

		assert(len >= MIN(n, FB_TEXT_MAX) && len <= sizeof(text));
	}
	free(shot);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct state_world w;
	struct state_dice d = { data, size, 0 };

	world_init(&w, subject(), d_u8(&d) & 1 ? d_span(&d) : 0);
	for (u32 i = 0; d.left && i < 2000; i++) {
		if (data[i % size] == 0x77 && d_u8(&d) == 0x77)
			draw(&w, &d);
		w.subject->step(&w, &d);
		w.subject->invariants(&w);
	}
	d.seed = size + 1;
	draw(&w, &d);
	world_free(&w);
	return 0;
}
