#include "vmm/mon/out.h"

#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/utf8.h"

#define LABEL_WIDTH 14 /* of a record by itself */
#define POINT_BYTES 32 /* of a string, between two points */
#define ESCAPE_COST 8  /* bytes that a character counts as which is not written as it is */

void out_init(struct out *o, enum out_format format, void (*write)(void *ctx, const char *text, size_t len),
              void *ctx)
{
	memset(o, 0, sizeof(*o));
	o->format = format;
	o->write = write;
	o->ctx = ctx;
}

void out_flush(struct out *o)
{
	if (o->len)
		o->write(o->ctx, o->buf, o->len);
	o->len = 0;
}

void out_raw(struct out *o, const char *text, size_t len)
{
	while (len) {
		size_t n = MIN(len, sizeof(o->buf) - o->len);

		memcpy(o->buf + o->len, text, n);
		o->len += (u32)n;
		text += n;
		len -= n;
		if (o->len == sizeof(o->buf))
			out_flush(o);
	}
}

static void put(struct out *o, const char *s)
{
	out_raw(o, s, strlen(s));
}

static void point(struct out *o)
{
	if (o->point)
		o->point(o->ctx);
}

static void spaces(struct out *o, u32 n)
{
	for (; n; n--)
		out_raw(o, " ", 1);
}

/* Characters that turn text around (bidirectional controls) could make a line read as what it is not. */
static bool deceives(u32 cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x2028 || cp == 0x2029;
}

static bool is_control(u32 cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

/* JSON has it as it is. */
static bool plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* Not by fmt_snprintf(): a guest's output may be nothing else. */
static void put_escaped(struct out *o, u32 cp)
{
	static const char digits[] = "0123456789abcdef";
	const char esc[6] = {
		'\\', 'u', digits[cp >> 12 & 0xf], digits[cp >> 8 & 0xf], digits[cp >> 4 & 0xf], digits[cp & 0xf]
	};

	out_raw(o, esc, sizeof(esc));
}

void out_json_str(struct out *o, const char *s, size_t len)
{
	char esc[2];
	u32 cp, n, cost = 0;

	point(o);
	put(o, "\"");
	for (; len; s += n, len -= n) {
		if (cost >= POINT_BYTES) {
			cost = 0;
			point(o);
		}
		for (n = 0; n < MIN(len, (size_t)POINT_BYTES) && plain(s[n]); n++) /* mostly that is all */
			;
		if (n) {
			out_raw(o, s, n);
			cost += n;
			continue;
		}
		cost += ESCAPE_COST;
		n = utf8_decode(s, len, &cp);
		if (!n) {
			put(o, "\\ufffd");
			n = 1;
		} else if (cp == '"' || cp == '\\') {
			esc[0] = '\\';
			esc[1] = (char)cp;
			out_raw(o, esc, 2);
		} else if (cp == '\n') {
			put(o, "\\n");
		} else if (is_control(cp) || deceives(cp)) {
			put_escaped(o, cp);
		} else {
			out_raw(o, s, n);
		}
	}
	put(o, "\"");
}

/* One character as text; returns the columns it takes, as far as that can be told here. */
static u32 text_char(struct out *o, const char *s, u32 n, u32 cp)
{
	char esc[12];

	if (!n) {
		put(o, "?");
		return 1;
	}
	if (is_control(cp) || deceives(cp)) {
		int k = fmt_snprintf(esc, sizeof(esc), cp < 0x100 ? "\\x%02x" : "\\u%04x", cp);

		out_raw(o, esc, (size_t)k);
		return (u32)k;
	}
	out_raw(o, s, n);
	return 1;
}

/* Whether all eight are from ' ' to '~'. */
static bool plain8(const char *s)
{
	const u64 ones = 0x0101010101010101;
	u64 v;

	memcpy(&v, s, 8);
	return !((v | (v - ones * ' ') | (v + ones)) & ones << 7);
}

static u32 text_str(struct out *o, const char *s, size_t len)
{
	u32 cols = 0, cp = 0, n = 0;

	while (len - n >= 8 && plain8(s + n)) /* mostly that is all */
		n += 8;
	while (n < len && s[n] >= ' ' && s[n] <= '~')
		n++;
	out_raw(o, s, n);
	cols = n;
	for (s += n, len -= n; len; s += MAX(n, 1), len -= MAX(n, 1)) {
		if (len % POINT_BYTES == 0)
			point(o);
		n = utf8_decode(s, len, &cp);
		cols += text_char(o, s, n, cp);
	}
	return cols;
}

static void comma(struct out *o)
{
	if (o->comma)
		put(o, ",");
	o->comma = true;
}

static void json_key(struct out *o, const char *key)
{
	comma(o);
	out_json_str(o, key, strlen(key));
	put(o, ":");
}

void out_open(struct out *o)
{
	if (o->format == OUT_JSON)
		put(o, "{");
	o->comma = false;
}

void out_close(struct out *o)
{
	if (o->format == OUT_JSON)
		put(o, "}");
	o->comma = true;
	out_flush(o);
}

void out_rec(struct out *o, const struct out_col *cols, u32 nr)
{
	assert(!o->cols);
	o->cols = cols;
	o->nr_cols = nr;
	o->col = 0;
	o->in_table = false;
}

void out_rec_end(struct out *o)
{
	assert(o->col == o->nr_cols);
	o->cols = NULL;
}

static void table(struct out *o, const char *key, const struct out_col *cols, u32 nr)
{
	assert(!o->cols);
	o->cols = cols;
	o->nr_cols = nr;
	o->in_table = true;
	o->per_line = 0;
	if (o->format == OUT_JSON) {
		json_key(o, key);
		put(o, "[");
		o->comma = false;
	}
}

void out_blocks(struct out *o, const char *key, const struct out_col *cols, u32 nr, u32 per_line)
{
	table(o, key, cols, nr);
	o->per_line = per_line;
}

void out_table(struct out *o, const char *key, const struct out_col *cols, u32 nr)
{
	table(o, key, cols, nr);
	if (o->format == OUT_JSON)
		return;
	for (u32 i = 0; i < nr; i++) {
		u32 len = (u32)strlen(cols[i].label),
		    width = (u32)(cols[i].width < 0 ? -cols[i].width : cols[i].width);
		u32 pad = width > len ? width - len : 0;

		point(o);
		if (i)
			put(o, "  ");
		if (cols[i].width < 0)
			spaces(o, pad);
		put(o, cols[i].label);
		if (cols[i].width > 0 && i + 1 < nr)
			spaces(o, pad);
	}
	put(o, "\n");
}

void out_row(struct out *o)
{
	assert(o->cols && o->in_table);
	o->col = 0;
	o->pad = 0;
	if (o->format == OUT_JSON) {
		comma(o);
		put(o, "{");
		o->comma = false;
	}
}

void out_row_end(struct out *o)
{
	assert(o->col == o->nr_cols);
	if (o->format == OUT_JSON) {
		put(o, "}");
		o->comma = true;
	} else {
		put(o, "\n");
	}
}

void out_table_end(struct out *o)
{
	assert(o->in_table);
	o->cols = NULL;
	o->in_table = false;
	if (o->format == OUT_JSON)
		put(o, "]");
	o->comma = true;
}

void out_lines(struct out *o, const char *key)
{
	assert(!o->cols);
	if (o->format == OUT_JSON) {
		json_key(o, key);
		put(o, "[");
		o->comma = false;
	}
}

void out_line(struct out *o, const char *text, size_t len)
{
	point(o);
	if (o->format == OUT_JSON) {
		comma(o);
		out_json_str(o, text, len);
		return;
	}
	text_str(o, text, len);
	put(o, "\n");
}

void out_lines_end(struct out *o)
{
	if (o->format == OUT_JSON)
		put(o, "]");
	o->comma = true;
}

/* Begins the next cell. Returns its column. */
static const struct out_col *cell(struct out *o)
{
	const struct out_col *c;

	point(o);
	assert(o->cols && o->col < o->nr_cols);
	c = &o->cols[o->col++];
	if (o->format == OUT_JSON) {
		json_key(o, c->key);
		point(o);
	} else if (o->in_table) {
		bool wrap = o->per_line && (o->col - 1) % o->per_line == 0;

		if (o->col > 1 && wrap)
			put(o, "\n");
		spaces(o, wrap ? 0 : o->pad);
		if (o->col > 1 && !wrap)
			put(o, "  ");
		o->pad = 0;
		if (o->per_line) {
			put(o, c->label);
			put(o, " ");
		}
	} else {
		put(o, c->label);
		put(o, ":");
		spaces(o, (u32)MAX(LABEL_WIDTH - 1 - (int)strlen(c->label), 1));
	}
	return c;
}

static void cell_end(struct out *o, const struct out_col *c, u32 columns)
{
	if (o->format == OUT_JSON)
		return;
	if (!o->in_table)
		put(o, "\n");
	else if (c->width > 0 && (u32)c->width > columns)
		o->pad = (u32)c->width - columns;
}

/* Bytes with the largest unit that divides them or leaves at least 10. */
static int size_text(char *buf, size_t size, u64 v)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	u32 i = 0;

	while (i + 1 < ARRAY_SIZE(unit) && v >= 1024 && (!(v & 1023) || v >= 10240)) {
		v >>= 10;
		i++;
	}
	return fmt_snprintf(buf, size, "%llu %s", (unsigned long long)v, unit[i]);
}

static int num_text(char *buf, size_t size, enum out_format format, enum out_type type, u64 v)
{
	unsigned long long n = v;

	switch (type) {
	case OUT_HEX: return fmt_snprintf(buf, size, format == OUT_JSON ? "\"0x%llx\"" : "%016llx", n);
	case OUT_BOOL:
		if (format == OUT_JSON)
			return fmt_snprintf(buf, size, "%s", v ? "true" : "false");
		return fmt_snprintf(buf, size, "%s", v ? "yes" : "no");
	case OUT_CENTI: return fmt_snprintf(buf, size, "%llu.%02llu", n / 100, n % 100);
	case OUT_SIZE:
		if (format == OUT_TEXT)
			return size_text(buf, size, v);
		break;
	case OUT_TIME:
		if (format == OUT_TEXT)
			return fmt_snprintf(buf, size, "%llu.%03llu s", n / 1000000000, n / 1000000 % 1000);
		break;
	default: break;
	}
	return fmt_snprintf(buf, size, "%llu", n);
}

void out_u64(struct out *o, u64 v)
{
	const struct out_col *c = cell(o);
	char buf[32];
	u32 len = (u32)num_text(buf, sizeof(buf), o->format, c->type, v);

	assert(c->type != OUT_STR && c->type != OUT_PAIRS);
	if (o->format == OUT_TEXT && o->in_table && c->width < 0 && len < (u32)-c->width)
		spaces(o, (u32)-c->width - len);
	out_raw(o, buf, len);
	cell_end(o, c, len);
}

void out_str(struct out *o, const char *s)
{
	const struct out_col *c = cell(o);
	size_t len = strlen(s);
	u32 columns = 0;

	assert(c->type == OUT_STR);
	if (o->format == OUT_JSON) {
		out_json_str(o, s, len);
	} else {
		if (o->in_table && c->width < 0 && len < (size_t)-c->width)
			spaces(o, (u32)-c->width - (u32)len);
		columns = text_str(o, s, len);
	}
	cell_end(o, c, columns);
}

void out_pairs(struct out *o)
{
	const struct out_col *c = cell(o);

	assert(c->type == OUT_PAIRS);
	if (o->format == OUT_JSON)
		put(o, "{");
	o->comma = false;
}

void out_pair(struct out *o, const char *name, u64 v, bool in_text)
{
	char buf[24];
	int n;

	point(o);
	n = fmt_snprintf(buf, sizeof(buf), "%llu", (unsigned long long)v);
	if (o->format == OUT_JSON) {
		json_key(o, name);
	} else if (in_text) {
		put(o, o->comma ? ", " : "");
		o->comma = true;
		text_str(o, name, strlen(name));
		put(o, " ");
	} else {
		return;
	}
	out_raw(o, buf, (size_t)n);
}

void out_pairs_end(struct out *o)
{
	if (o->format == OUT_JSON)
		put(o, "}");
	else if (!o->in_table)
		put(o, "\n");
	o->comma = true;
}
