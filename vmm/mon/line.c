#include "vmm/mon/line.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define CTRL(c) ((c) - 'A' + 1)
#define ESC     0x1b
#define DEL     0x7f

/* Longest escape sequence waited for: a longer one is no key. */
#define ESC_MAX 16

static void put(struct line *l, const char *s)
{
	l->write(l->ctx, s, strlen(s));
}

static void beep(struct line *l)
{
	put(l, "\a");
}

/* Draws the line anew and leaves the cursor where it belongs. */
static void refresh(struct line *l)
{
	u32 prompt = (u32)strlen(l->prompt);
	u32 room = l->columns > prompt + 2 ? l->columns - prompt - 1 : 1;
	u32 from = l->pos >= room ? l->pos - room + 1 : 0;
	u32 show = MIN(l->len - from, room);
	char move[16];

	put(l, "\r");
	put(l, l->prompt);
	l->write(l->ctx, l->text + from, show);
	put(l, "\x1b[K");
	if (show > l->pos - from) {
		fmt_snprintf(move, sizeof(move), "\x1b[%uD", show - (l->pos - from));
		put(l, move);
	}
	l->shown = true;
}

void line_init(struct line *l, const char *prompt, u32 columns,
               void (*write)(void *ctx, const char *text, size_t len), void *ctx)
{
	memset(l, 0, sizeof(*l));
	l->prompt = prompt;
	l->columns = columns;
	l->write = write;
	l->ctx = ctx;
}

void line_begin(struct line *l)
{
	l->len = l->pos = 0;
	l->text[0] = '\0';
	l->back = 0;
	l->esc = LINE_ESC_NONE;
	l->tab_again = false;
	refresh(l);
}

void line_hide(struct line *l)
{
	if (l->shown)
		put(l, "\r\x1b[K");
	l->shown = false;
}

void line_show(struct line *l)
{
	if (!l->shown)
		refresh(l);
}

/* ---- editing ---- */

static void insert(struct line *l, const char *s, u32 n)
{
	if (n > LINE_MAX_TEXT - l->len) {
		beep(l);
		return;
	}
	memmove(l->text + l->pos + n, l->text + l->pos, l->len - l->pos + 1);
	memcpy(l->text + l->pos, s, n);
	l->len += n;
	l->pos += n;
	refresh(l);
}

/* Removes the characters from first up to last. */
static void cut(struct line *l, u32 first, u32 last)
{
	if (first == last) {
		beep(l);
		return;
	}
	memmove(l->text + first, l->text + last, l->len - last + 1);
	l->len -= last - first;
	l->pos = first;
	refresh(l);
}

static void move_to(struct line *l, u32 pos)
{
	if (pos == l->pos)
		return;
	l->pos = pos;
	refresh(l);
}

static void cut_word(struct line *l)
{
	u32 i = l->pos;

	while (i && l->text[i - 1] == ' ')
		i--;
	while (i && l->text[i - 1] != ' ')
		i--;
	cut(l, i, l->pos);
}

/* ---- history ---- */

static void keep(struct line *l)
{
	const char *last = l->history[(l->nr_history + LINE_HISTORY - 1) % LINE_HISTORY];

	if (!l->len || (l->nr_history && !strcmp(last, l->text)))
		return;
	memcpy(l->history[l->nr_history % LINE_HISTORY], l->text, l->len + 1);
	l->nr_history++;
	if (l->nr_history == 2 * LINE_HISTORY) /* the same place in the ring, and it never overflows */
		l->nr_history = LINE_HISTORY;
}

static void go_history(struct line *l, bool older)
{
	u32 kept = MIN(l->nr_history, (u32)LINE_HISTORY);
	const char *text = l->draft;

	if (older ? l->back == kept : l->back == 0) {
		beep(l);
		return;
	}
	if (!l->back)
		memcpy(l->draft, l->text, l->len + 1);
	l->back += older ? 1 : UINT32_MAX;
	if (l->back)
		text = l->history[(l->nr_history - l->back) % LINE_HISTORY];
	l->len = l->pos = (u32)strlen(text);
	memcpy(l->text, text, l->len + 1);
	refresh(l);
}

/* ---- completion ---- */

struct candidates {
	struct line *line;
	const char *prefix;
	u32 prefix_len;
	u32 count;
	char common[LINE_MAX_TEXT + 1]; /* what all have at their beginnings */
	u32 column;
};

static bool fits(const struct candidates *c, const char *word)
{
	return !strncmp(word, c->prefix, c->prefix_len);
}

static void collect(void *ctx, const char *word)
{
	struct candidates *c = ctx;
	u32 n = 0;

	if (!fits(c, word))
		return;
	if (!c->count++) {
		fmt_snprintf(c->common, sizeof(c->common), "%s", word);
		return;
	}
	while (c->common[n] && c->common[n] == word[n])
		n++;
	c->common[n] = '\0';
}

static void show_candidate(void *ctx, const char *word)
{
	struct candidates *c = ctx;
	u32 n = (u32)strnlen(word, LINE_MAX_TEXT);

	if (!fits(c, word))
		return;
	if (c->column && c->column + n + 2 > c->line->columns) {
		put(c->line, "\r\n");
		c->column = 0;
	}
	if (c->column)
		put(c->line, "  ");
	put(c->line, word);
	c->column += n + (c->column ? 2 : 0);
}

static void complete(struct line *l, bool list)
{
	struct candidates c = { .line = l };
	u32 start = l->pos, common;

	while (start && l->text[start - 1] != ' ')
		start--;
	c.prefix = l->text + start;
	c.prefix_len = l->pos - start;
	l->complete(l->ctx, l->text, start, l->pos, collect, &c);
	common = (u32)strlen(c.common);
	if (c.count && common > c.prefix_len) {
		insert(l, c.common + c.prefix_len, common - c.prefix_len);
		if (c.count == 1 && l->text[l->pos] != ' ')
			insert(l, " ", 1);
		return;
	}
	if (c.count == 1 && l->pos == l->len) {
		insert(l, " ", 1);
		return;
	}
	l->tab_again = c.count > 1;
	if (!list || c.count < 2) {
		beep(l);
		return;
	}
	put(l, "\r\n");
	l->complete(l->ctx, l->text, start, l->pos, show_candidate, &c);
	put(l, "\r\n");
	refresh(l);
}

/* ---- keys ---- */

static enum line_result finish(struct line *l, enum line_result result)
{
	move_to(l, l->len);
	put(l, result == LINE_CANCEL ? "^C\r\n" : "\r\n");
	l->shown = false;
	if (result == LINE_DONE)
		keep(l);
	return result;
}

static enum line_result control_key(struct line *l, u8 byte, bool again)
{
	switch (byte) {
	case '\r': l->last_cr = true; return finish(l, LINE_DONE);
	case '\n': return finish(l, LINE_DONE);
	case CTRL('C'): return finish(l, LINE_CANCEL);
	case CTRL('A'): move_to(l, 0); break;
	case CTRL('E'): move_to(l, l->len); break;
	case CTRL('B'): move_to(l, l->pos ? l->pos - 1 : 0); break;
	case CTRL('F'): move_to(l, MIN(l->pos + 1, l->len)); break;
	case CTRL('D'): cut(l, l->pos, MIN(l->pos + 1, l->len)); break;
	case '\b':
	case DEL: cut(l, l->pos ? l->pos - 1 : 0, l->pos); break;
	case CTRL('K'): cut(l, l->pos, l->len); break;
	case CTRL('U'): cut(l, 0, l->pos); break;
	case CTRL('W'): cut_word(l); break;
	case CTRL('P'): go_history(l, true); break;
	case CTRL('N'): go_history(l, false); break;
	case CTRL('L'):
		put(l, "\x1b[H\x1b[2J");
		refresh(l);
		break;
	case '\t':
		if (l->complete)
			complete(l, again);
		break;
	case ESC:
		l->esc = LINE_ESC_START;
		l->esc_num = l->esc_len = 0;
		break;
	default: beep(l);
	}
	return LINE_MORE;
}

/* The end of ESC [ or ESC O sequences, as VT100, VT220, xterm, the Linux console and rxvt send them. */
static void escape_key(struct line *l, u8 byte)
{
	switch (byte) {
	case 'A': go_history(l, true); break;
	case 'B': go_history(l, false); break;
	case 'C': move_to(l, MIN(l->pos + 1, l->len)); break;
	case 'D': move_to(l, l->pos ? l->pos - 1 : 0); break;
	case 'H': move_to(l, 0); break;
	case 'F': move_to(l, l->len); break;
	case '~':
		if (l->esc_num == 1 || l->esc_num == 7)
			move_to(l, 0);
		else if (l->esc_num == 4 || l->esc_num == 8)
			move_to(l, l->len);
		else if (l->esc_num == 3)
			cut(l, l->pos, MIN(l->pos + 1, l->len));
		break;
	default: break;
	}
}

static void escape(struct line *l, u8 byte)
{
	enum line_esc was = l->esc;

	l->esc = LINE_ESC_NONE;
	if (was == LINE_ESC_START) {
		if (byte == '[')
			l->esc = LINE_ESC_CSI;
		else if (byte == 'O')
			l->esc = LINE_ESC_SS3;
		else if (byte == ESC)
			l->esc = LINE_ESC_START;
		return;
	}
	if (++l->esc_len > ESC_MAX)
		return;
	if (was == LINE_ESC_CSI && byte >= 0x20 && byte < 0x40) { /* parameters and intermediates: ECMA-48, 5.4 */
		if (byte >= '0' && byte <= '9')
			l->esc_num = MIN(l->esc_num * 10 + (byte - '0'), 1000u);
		l->esc = LINE_ESC_CSI;
		return;
	}
	escape_key(l, byte);
}

enum line_result line_key(struct line *l, u8 byte)
{
	bool again = l->tab_again, was_cr = l->last_cr;
	char c = (char)byte;

	l->tab_again = false;
	l->last_cr = false;
	if (was_cr && byte == '\n')
		return LINE_MORE;
	line_show(l);
	/* Control characters end a sequence that was cut, so that Enter and Ctrl-C always work. */
	if (l->esc != LINE_ESC_NONE && (byte >= 0x20 || byte == ESC)) {
		escape(l, byte);
		return LINE_MORE;
	}
	l->esc = LINE_ESC_NONE;
	if (byte < 0x20 || byte == DEL)
		return control_key(l, byte, again);
	if (byte < 0x7f)
		insert(l, &c, 1);
	else
		beep(l);
	return LINE_MORE;
}
