#include "drivers/console/screen.h"

#include "lib/string.h"

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define DEL 0x7f

#define PARAM_MAX 9999
#define TAB_STOP  8

void screen_init(struct screen *s, u32 cols, u32 rows, u8 *cells,
                 void (*draw)(struct screen *s, u32 row, u32 col, u8 c))
{
	memset(s, 0, sizeof(*s));
	s->cols = cols;
	s->rows = s->bottom = rows;
	s->cells = cells;
	s->draw = draw;
	memset(cells, ' ', (size_t)cols * rows);
}

/* ---- cells ---- */

static u8 *cell(struct screen *s, u32 row, u32 col)
{
	return s->cells + (size_t)row * s->cols + col;
}

static void set(struct screen *s, u32 row, u32 col, u8 c)
{
	u8 *p = cell(s, row, col);

	if (*p == c)
		return;
	*p = c;
	s->draw(s, row, col, c);
}

/* Columns from up to, not including, to. */
static void erase(struct screen *s, u32 row, u32 from, u32 to)
{
	for (u32 c = from; c < to; c++)
		set(s, row, c, ' ');
}

static void erase_rows(struct screen *s, u32 from, u32 to)
{
	for (u32 r = from; r < to; r++)
		erase(s, r, 0, s->cols);
}

static void copy_row(struct screen *s, u32 to, u32 from)
{
	for (u32 c = 0; c < s->cols; c++)
		set(s, to, c, *cell(s, from, c));
}

/* The rows from top up to bottom go up, or down, by n. */
static void scroll_up(struct screen *s, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	for (u32 r = top; r + n < bottom; r++)
		copy_row(s, r, r + n);
	erase_rows(s, bottom - n, bottom);
}

static void scroll_down(struct screen *s, u32 top, u32 bottom, u32 n)
{
	n = MIN(n, bottom - top);
	for (u32 r = bottom; r > top + n; r--)
		copy_row(s, r - 1, r - 1 - n);
	erase_rows(s, top, top + n);
}

/* The rest of the cursor's line goes right (ICH), or left (DCH). */
static void insert_chars(struct screen *s, u32 n)
{
	n = MIN(n, s->cols - s->col);
	for (u32 c = s->cols; c > s->col + n; c--)
		set(s, s->row, c - 1, *cell(s, s->row, c - 1 - n));
	erase(s, s->row, s->col, s->col + n);
}

static void delete_chars(struct screen *s, u32 n)
{
	n = MIN(n, s->cols - s->col);
	for (u32 c = s->col; c + n < s->cols; c++)
		set(s, s->row, c, *cell(s, s->row, c + n));
	erase(s, s->row, s->cols - n, s->cols);
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
	if (s->state == SCREEN_STRING || s->state == SCREEN_STRING_ESC) {
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
	} else if (c != DEL) {
		put_char(s, c);
	}
}

void screen_write(struct screen *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_byte(s, (u8)text[i]);
}
