#include "drivers/console/screen.h"

#include "lib/string.h"

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define DEL 0x7f

#define PARAM_MAX 9999
#define TAB_STOP  8

void screen_init(struct screen *s, u32 cols, u32 rows, u32 piece, u8 *memory, const struct screen_ops *ops)
{
	memset(s, 0, sizeof(*s));
	s->cols = cols;
	s->rows = s->bottom = rows;
	s->piece = piece;
	s->ops = ops;
	s->cells = memory;
	s->shown = memory + (size_t)cols * rows;
	memset(memory, ' ', SCREEN_MEMORY(cols, rows));
	for (u32 r = 0; r < rows; r++)
		s->line[r] = (u8)r;
}

/* ---- cells ---- */

/* Rows from up to, not including, to are to be looked at. */
static void touch(struct screen *s, u32 from, u32 to)
{
	s->at_again |= s->at_row >= from && s->at_row < to;
	for (u32 w = from / 64; w * 64 < to; w++) {
		u64 below = to - w * 64 >= 64 ? ~0ull : BIT(to - w * 64) - 1;

		s->dirty[w] |= below & (w == from / 64 ? ~0ull << from % 64 : ~0ull);
	}
}

static void touch_row(struct screen *s, u32 row)
{
	s->at_again |= s->at_row == row;
	s->dirty[row / 64] |= BIT(row % 64);
}

static u8 *line_of(const struct screen *s, u32 row)
{
	return s->cells + (size_t)s->line[row] * s->cols;
}

static u16 *len_of(struct screen *s, u32 row)
{
	return &s->len[s->line[row]];
}

u8 screen_char(const struct screen *s, u32 row, u32 col)
{
	return col < s->len[s->line[row]] ? line_of(s, row)[col] : ' ';
}

static void set(struct screen *s, u32 row, u32 col, u8 c)
{
	u8 *p = line_of(s, row) + col;
	u16 *len = len_of(s, row);

	if (col < *len ? *p == c : c == ' ')
		return;
	if (col >= *len) {
		if (col > *len) /* blanks that len stands for */
			memset(p - (col - *len), ' ', col - *len);
		*len = (u16)(col + 1);
		s->used = MAX(s->used, row + 1);
	}
	*p = c;
	touch_row(s, row);
}

/* Columns from up to, not including, to. */
static void erase(struct screen *s, u32 row, u32 from, u32 to)
{
	u16 *len = len_of(s, row);

	if (from >= *len)
		return;
	if (to >= *len)
		*len = (u16)from;
	else
		memset(line_of(s, row) + from, ' ', to - from);
	touch_row(s, row);
}

static void erase_rows(struct screen *s, u32 from, u32 to)
{
	u32 end = MIN(to, s->used);

	if (from >= end)
		return;
	for (u32 r = from; r < end; r++)
		*len_of(s, r) = 0;
	touch(s, from, end);
	if (to >= s->used)
		s->used = from;
}

/* The rows from top up to bottom go up by n, those that fall out come back below; n < bottom - top. */
static void rotate(struct screen *s, u32 top, u32 bottom, u32 n)
{
	u8 out[SCREEN_MAX_ROWS];

	if (n == 1) { /* each new line */
		u8 first = s->line[top];

		memmove(s->line + top, s->line + top + 1, bottom - top - 1);
		s->line[bottom - 1] = first;
		return;
	}
	memcpy(out, s->line + top, n);
	memmove(s->line + top, s->line + top + n, bottom - top - n);
	memcpy(s->line + bottom - n, out, n);
}

static void scroll_up(struct screen *s, u32 top, u32 bottom, u32 n)
{
	u32 end = MIN(bottom, s->used);

	if (top >= end)
		return;
	n = MIN(n, bottom - top);
	touch(s, top, end);
	for (u32 r = top; r < MIN(top + n, end); r++)
		*len_of(s, r) = 0;
	if (n < bottom - top)
		rotate(s, top, bottom, n);
	/* What was in use ends n rows higher, or below the rows that scroll. */
	if (s->used <= bottom)
		s->used = end > top + n ? end - n : top;
}

static void scroll_down(struct screen *s, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	if (top >= s->used)
		return;
	erase_rows(s, bottom - n, bottom);
	if (n < bottom - top)
		rotate(s, top, bottom, bottom - top - n);
	if (s->used > top && s->used < bottom)
		s->used = MIN(s->used + n, bottom);
	touch(s, top, MIN(bottom, s->used));
}

/* The rest of the cursor's line goes right (ICH), or left (DCH). */
static void insert_chars(struct screen *s, u32 n)
{
	u8 *p = line_of(s, s->row) + s->col;
	u16 *len = len_of(s, s->row);
	u32 rest;

	if (s->col >= *len)
		return;
	n = MIN(n, s->cols - s->col);
	rest = MIN(*len, s->cols - n) - s->col;
	memmove(p + n, p, rest);
	memset(p, ' ', n);
	*len = (u16)MIN(*len + n, s->cols);
	touch_row(s, s->row);
}

static void delete_chars(struct screen *s, u32 n)
{
	u8 *p = line_of(s, s->row) + s->col;
	u16 *len = len_of(s, s->row);

	if (s->col >= *len)
		return;
	n = MIN(n, *len - s->col);
	memmove(p, p + n, *len - s->col - n);
	*len = (u16)(*len - n);
	touch_row(s, s->row);
}

/* ---- drawing ---- */

/* The first column from from up to, not including, to where a and b differ; to: there is none. */
static u32 differ(const u8 *a, const u8 *b, u32 from, u32 to)
{
	for (; from + 8 <= to; from += 8) {
		u64 x, y;

		__builtin_memcpy(&x, a + from, 8);
		__builtin_memcpy(&y, b + from, 8);
		if (x != y)
			return from + (u32)__builtin_ctzll(x ^ y) / 8;
	}
	while (from < to && a[from] == b[from])
		from++;
	return from;
}

/* The next row to look at, after the one before; the screen has one. */
static u32 dirty_row(const struct screen *s)
{
	for (u32 w = s->at_row / 64, left = ~0u;; w = (w + 1) % ARRAY_SIZE(s->dirty), left = 0) {
		u64 rows = s->dirty[w] & (left ? ~0ull << s->at_row % 64 : ~0ull);

		if (rows)
			return w * 64 + (u32)__builtin_ctzll(rows);
	}
}

static void draw_row(struct screen *s)
{
	u32 row = dirty_row(s), len, end, from, n = 0;
	u8 *shown = s->shown + (size_t)row * s->cols;
	const u8 *want = line_of(s, row);

	if (!s->at_col)
		s->at_again = false;
	s->at_row = row;
	len = *len_of(s, row);
	end = MAX(len, s->shown_len[row]);
	if (end > len) /* blanks that len stands for, written out to be compared */
		memset(line_of(s, row) + len, ' ', end - len);
	from = differ(want, shown, s->at_col, end);
	for (; n < s->piece && from + n < end && want[from + n] != shown[from + n]; n++)
		shown[from + n] = want[from + n];
	s->shown_len[row] = (u16)MAX(s->shown_len[row], from + n);
	s->at_col = from + n;
	if (s->at_col >= end) {
		if (!s->at_again) {
			s->shown_len[row] = (u16)len;
			s->dirty[row / 64] &= ~BIT(row % 64);
		}
		/* Others first, also when this one changes all the time. */
		s->at_row = row + 1 < s->rows ? row + 1 : 0;
		s->at_col = 0;
	}
	if (n)
		s->ops->draw(s, row, from, shown + from, n);
}

bool screen_draw(struct screen *s)
{
	u32 row = s->row, col = screen_cursor_col(s);
	bool any = s->dirty[0] || s->dirty[1];

	_Static_assert(ARRAY_SIZE(s->dirty) == 2, "rows");
	if (s->cur_on && (any || s->hidden || s->cur_row != row || s->cur_col != col)) {
		s->cur_on = false;
		s->ops->cursor(s, s->cur_row, s->cur_col, s->shown[s->cur_row * s->cols + s->cur_col], false);
		return any || !s->hidden;
	}
	if (any) {
		draw_row(s);
		return s->dirty[0] || s->dirty[1] || !s->hidden;
	}
	if (!s->hidden && !s->cur_on) {
		s->cur_on = true;
		s->cur_row = row;
		s->cur_col = col;
		s->ops->cursor(s, row, col, s->shown[row * s->cols + col], true);
	}
	return false;
}

/* ---- the cursor ---- */

u32 screen_cursor_col(const struct screen *s)
{
	return MIN(s->col, s->cols - 1);
}

static void move(struct screen *s, u32 row, u32 col)
{
	s->row = MIN(row, s->rows - 1);
	s->col = MIN(col, s->cols - 1);
}

/* Within the rows that scroll, when it is there. */
static void move_up(struct screen *s, u32 n, u32 col)
{
	u32 first = s->row >= s->top ? s->top : 0;

	move(s, s->row - MIN(n, s->row - first), col);
}

static void move_down(struct screen *s, u32 n, u32 col)
{
	u32 end = s->row < s->bottom ? s->bottom : s->rows;

	move(s, MIN(s->row + n, end - 1), col);
}

static void index_down(struct screen *s)
{
	if (s->row + 1 == s->bottom)
		scroll_up(s, s->top, s->bottom, 1);
	else if (s->row + 1 < s->rows)
		s->row++;
}

static void index_up(struct screen *s)
{
	if (s->row == s->top)
		scroll_down(s, s->top, s->bottom, 1);
	else if (s->row)
		s->row--;
}

static void newline(struct screen *s)
{
	s->col = 0;
	index_down(s);
}

static void save(struct screen *s)
{
	s->saved_row = s->row;
	s->saved_col = s->col;
}

/* ---- control sequences ---- */

static void erase_display(struct screen *s, u32 what)
{
	if (what == 0) {
		erase(s, s->row, s->col, s->cols);
		erase_rows(s, s->row + 1, s->rows);
	} else if (what == 1) {
		erase_rows(s, 0, s->row);
		erase(s, s->row, 0, s->col + 1);
	} else if (what == 2) {
		erase_rows(s, 0, s->rows);
	}
}

static void erase_line(struct screen *s, u32 what)
{
	if (what <= 2)
		erase(s, s->row, what ? 0 : s->col, what == 1 ? s->col + 1 : s->cols);
}

static void set_region(struct screen *s)
{
	u32 top = s->params[0] ? s->params[0] - 1 : 0, bottom = s->params[1] ? MIN(s->params[1], s->rows) : s->rows;

	if (top + 1 >= bottom) /* two rows at least */
		return;
	s->top = top;
	s->bottom = bottom;
	move(s, 0, 0);
}

static void set_mode(struct screen *s, u32 mode, bool on)
{
	switch (mode) {
	case 7: s->no_wrap = !on; break;
	case 25: s->hidden = !on; break;
	case 47:
	case 1047:
	case 1049:
		if (on)
			save(s);
		erase_rows(s, 0, s->rows);
		if (!on)
			move(s, s->saved_row, s->saved_col);
		break;
	}
}

static void edit(struct screen *s, u8 final, u32 n)
{
	bool inside = s->row >= s->top && s->row < s->bottom;

	switch (final) {
	case '@': insert_chars(s, n); break;
	case 'P': delete_chars(s, n); break;
	case 'X': erase(s, s->row, s->col, MIN(s->col + n, s->cols)); break;
	case 'L':
		if (inside)
			scroll_down(s, s->row, s->bottom, n);
		break;
	case 'M':
		if (inside)
			scroll_up(s, s->row, s->bottom, n);
		break;
	case 'S': scroll_up(s, s->top, s->bottom, n); break;
	case 'T': scroll_down(s, s->top, s->bottom, n); break;
	case 'J': erase_display(s, s->params[0]); break;
	case 'K': erase_line(s, s->params[0]); break;
	}
}

static void sequence(struct screen *s, u8 final)
{
	u32 n = MAX(s->params[0], 1u);

	if (s->prefix == '?' && (final == 'h' || final == 'l'))
		for (u32 i = 0; i <= s->param && i < SCREEN_PARAMS; i++)
			set_mode(s, s->params[i], final == 'h');
	/* SGR says nothing about the cursor: what is to wrap still is. */
	if (s->prefix || final == 'm')
		return;
	s->col = screen_cursor_col(s);
	switch (final) {
	case 'A': move_up(s, n, s->col); break;
	case 'B':
	case 'e': move_down(s, n, s->col); break;
	case 'C':
	case 'a': move(s, s->row, s->col + n); break;
	case 'D': move(s, s->row, s->col - MIN(n, s->col)); break;
	case 'E': move_down(s, n, 0); break;
	case 'F': move_up(s, n, 0); break;
	case 'G':
	case '`': move(s, s->row, n - 1); break;
	case 'd': move(s, n - 1, s->col); break;
	case 'H':
	case 'f': move(s, n - 1, MAX(s->params[1], 1u) - 1); break;
	case 'r': set_region(s); break;
	case 's': save(s); break;
	case 'u': move(s, s->saved_row, s->saved_col); break;
	default: edit(s, final, n);
	}
}

static void in_csi(struct screen *s, u8 c)
{
	if (c >= 0x40 && c < DEL) {
		s->state = SCREEN_TEXT;
		sequence(s, c);
	} else if (c >= '0' && c <= '9') {
		if (s->param < SCREEN_PARAMS)
			s->params[s->param] = MIN(s->params[s->param] * 10 + (c - '0'), (u32)PARAM_MAX);
	} else if (c == ';') {
		s->param = MIN(s->param + 1, (u32)SCREEN_PARAMS);
	} else {
		s->prefix = c;
	}
}

static void in_esc(struct screen *s, u8 c)
{
	s->state = SCREEN_TEXT;
	switch (c) {
	case '[':
		s->state = SCREEN_CSI;
		s->prefix = 0;
		memset(s->params, 0, sizeof(s->params));
		s->param = 0;
		break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_': s->state = SCREEN_STRING; break;
	case '7': save(s); break;
	case '8': move(s, s->saved_row, s->saved_col); break;
	case 'D': index_down(s); break;
	case 'E': newline(s); break;
	case 'M': index_up(s); break;
	default:
		if (c >= 0x20 && c < 0x30)
			s->state = SCREEN_ESC_INTER;
	}
}

/* ---- bytes ---- */

static void put_char(struct screen *s, u8 c)
{
	if (s->col == s->cols) {
		if (s->no_wrap)
			s->col--;
		else
			newline(s);
	}
	set(s, s->row, s->col, c <= '~' ? c : '?');
	s->col++;
}

static void control(struct screen *s, u8 c)
{
	switch (c) {
	case '\n': newline(s); break;
	case '\r': s->col = 0; break;
	case '\b':
		s->col = screen_cursor_col(s);
		if (s->col)
			s->col--;
		break;
	case '\t':
		if (s->col == s->cols) /* as text would */
			newline(s);
		s->col = MIN((s->col / TAB_STOP + 1) * TAB_STOP, s->cols - 1);
		break;
	}
}

/* Bytes of a string are read over. A line's end ends it, too:
 * one that is never closed must not take all that follows. */
static void in_string(struct screen *s, u8 c)
{
	if (c == BEL || c == '\n' || c == CAN || c == SUB || (s->state == SCREEN_STRING_ESC && c == '\\'))
		s->state = SCREEN_TEXT;
	else
		s->state = c == ESC ? SCREEN_STRING_ESC : SCREEN_STRING;
}

static void put_byte(struct screen *s, u8 c)
{
	if (s->state == SCREEN_TEXT && c >= 0x20) { /* most of all there is */
		if (c != DEL)
			put_char(s, c);
	} else if (s->state == SCREEN_STRING || s->state == SCREEN_STRING_ESC) {
		in_string(s, c);
	} else if (c == ESC) {
		s->state = SCREEN_ESC;
	} else if (c == CAN || c == SUB) {
		s->state = SCREEN_TEXT;
	} else if (c < 0x20) { /* within a sequence, too: ECMA-48, 5.4; VT220, "Control characters" */
		control(s, c);
	} else if (s->state == SCREEN_CSI) {
		in_csi(s, c);
	} else if (s->state == SCREEN_ESC) {
		in_esc(s, c);
	} else if (s->state == SCREEN_ESC_INTER) {
		if (c >= 0x30)
			s->state = SCREEN_TEXT;
	}
}

void screen_write(struct screen *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_byte(s, (u8)text[i]);
}
