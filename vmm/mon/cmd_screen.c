/* screen, screenshot: what a guest's display adapter shows, as text and as pixels, from a frozen generation. */
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"
#include "vmm/mon/pixels.h"

#define PIXELS   8u               /* asked for at a time: a piece, with their encoding */
#define CELLS    MON_SCREEN_CELLS /* the same of characters */
#define DATA_MAX (30u << 10)      /* of an answer: when there is as much, it ends with the row */

/* Whose frozen screen it is. */
static u64 asker(const struct cmd_run *r)
{
	return (u64)r->slot << 32 | r->self;
}

static const char *kind_str(enum mon_screen_kind kind)
{
	static const char *const names[] = { "blank", "text", "graphics" };

	return names[kind];
}

static int not_kept(struct cmd_run *r, u32 generation)
{
	return cmd_error(r, ERR_RANGE, "not-found", "%s: generation %u of its screen is not kept", r->guest.name,
	                 generation);
}

/* The frozen screen; none, or with a number that is not kept, a new one unless it must be that. OK or filled error. */
static int take(struct cmd_run *r, u32 generation, struct mon_screen *s)
{
	const struct mon *mon = r->mon;
	int err = mon->ops->screen ? mon->ops->screen(mon->ctx, r->guest.id, asker(r), generation, s) : ERR_NOTSUP;

	if (err == ERR_NOTSUP)
		return cmd_error(r, err, "not-supported", "%s has no screen", r->guest.name);
	if (err == ERR_RANGE)
		return not_kept(r, generation);
	return err ? cmd_fail(r, err, NULL) : OK;
}

/* ---- text ---- */

static void put_line(struct cmd_run *r, const struct mon_screen *s, u32 row)
{
	char text[MON_SCREEN_COLS * MON_SCREEN_UTF8];
	const struct mon *mon = r->mon;
	size_t len = 0;

	for (u32 col = 0; col < s->cols && len + (size_t)CELLS * MON_SCREEN_UTF8 <= sizeof(text); col += CELLS) {
		u32 n = MIN(CELLS, s->cols - col);

		mon_point(mon);
		len += mon->ops->screen_text(mon->ctx, asker(r), s->generation, col, row, n, text + len);
	}
	while (len && text[len - 1] == ' ')
		len--;
	out_line(r->out, text, len);
}

int cmd_screen(struct cmd_run *r)
{
	static const struct out_col cols[] = {
		{ "kind", "kind", OUT_STR, 0 },
		{ "generation", "generation", OUT_NUM, 0 },
		{ "columns", "columns", OUT_NUM, 0 },
		{ "rows", "rows", OUT_NUM, 0 },
		{ "cursor", "cursor", OUT_BOOL, 0 },
		{ "cursor_column", "cursor column", OUT_NUM, 0 },
		{ "cursor_row", "cursor row", OUT_NUM, 0 },
	};
	struct mon_screen s;
	int err = take(r, 0, &s);

	if (err)
		return err;
	if (s.kind != MON_SCREEN_TEXT) {
		r->mon->ops->screen_done(r->mon->ctx, asker(r), s.generation);
		return cmd_error(r, ERR_NOTSUP, "not-supported", "%s shows no text (%s, %ux%u): take a screenshot",
		                 r->guest.name, kind_str(s.kind), s.width, s.height);
	}
	out_rec(r->out, cols, ARRAY_SIZE(cols));
	out_str(r->out, kind_str(s.kind));
	out_u64(r->out, s.generation);
	out_u64(r->out, s.cols);
	out_u64(r->out, s.rows);
	out_u64(r->out, s.cursor);
	out_u64(r->out, s.cursor_col);
	out_u64(r->out, s.cursor_row);
	out_rec_end(r->out);
	out_lines(r->out, "lines");
	for (u32 row = 0; row < s.rows; row++)
		put_line(r, &s, row);
	out_lines_end(r->out);
	r->mon->ops->screen_done(r->mon->ctx, asker(r), s.generation);
	return OK;
}

/* ---- pixels ---- */

/*
 * Rows from row on, until there is enough for an answer. Returns how many; 0: the screen was lost to another asker, and
 * with it the row of pixels, from which nothing is taken any more.
 */
static u32 put_rows(struct cmd_run *r, const struct mon_screen *s, u32 row)
{
	const struct mon *mon = r->mon;
	struct pixels p;
	u32 from = row, n;
	u8 rgb[3 * PIXELS];

	pixels_begin(&p, r->out, s->row, s->width);
	for (; row < s->height && p.sent < DATA_MAX; row++) {
		for (u32 x = 0; x < s->width; x += n) {
			mon_point(mon);
			n = row == from
			            ? 0
			            : mon->ops->screen_same(mon->ctx, asker(r), s->generation, x, row, s->width - x);
			if (n) {
				pixels_above(&p, n);
				continue;
			}
			n = MIN(PIXELS, s->width - x);
			if (!mon->ops->screen_pixels(mon->ctx, asker(r), s->generation, x, row, n, rgb))
				return 0;
			pixels_add(&p, rgb, n);
		}
	}
	pixels_end(&p);
	return row - from;
}

int cmd_screenshot(struct cmd_run *r)
{
	static const struct out_col head[] = {
		{ "generation", "generation", OUT_NUM, 0 },
		{ "width", "width", OUT_NUM, 0 },
		{ "height", "height", OUT_NUM, 0 },
		{ "row", "row", OUT_NUM, 0 },
	};
	static const struct out_col tail[] = { { "rows", "rows", OUT_NUM, 0 } };
	u32 generation = r->nums[1], row = r->nums[2], nr;
	struct mon_screen s;
	int err = take(r, generation, &s);

	if (err)
		return err;
	if (row >= s.height)
		return cmd_error(r, ERR_RANGE, "bad-value", "%s: its screen has %u rows", r->guest.name, s.height);
	out_rec(r->out, head, ARRAY_SIZE(head));
	out_u64(r->out, s.generation);
	out_u64(r->out, s.width);
	out_u64(r->out, s.height);
	out_u64(r->out, row);
	out_rec_end(r->out);
	out_lines(r->out, "data");
	nr = put_rows(r, &s, row);
	if (!nr)
		return not_kept(r, s.generation);
	out_lines_end(r->out);
	out_rec(r->out, tail, ARRAY_SIZE(tail));
	out_u64(r->out, nr);
	out_rec_end(r->out);
	if (row + nr == s.height)
		r->mon->ops->screen_done(r->mon->ctx, asker(r), s.generation);
	return OK;
}
