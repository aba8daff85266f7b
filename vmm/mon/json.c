#include "vmm/mon/json.h"

#include "lib/string.h"
#include "vmm/mon/utf8.h"

#define PACE_BYTES 16

struct parser {
	struct json_doc *doc;
	u32 cap;
	u32 pos;
	const struct json_pace *pace;
	u32 steps;    /* since the last point, in bytes */
	u32 compared; /* bytes of keys that hash alike and differ */
	bool decimals;
	struct json_err *err;
	u32 stack[JSON_DEPTH]; /* open arrays and objects */
	u32 depth;
};

static int fail(struct parser *p, u32 pos, const char *what)
{
	p->err->pos = pos;
	p->err->what = what;
	return ERR_INVAL;
}

/* So many bytes were looked at. */
static void did(struct parser *p, u32 bytes)
{
	p->steps += bytes;
	if (p->steps < PACE_BYTES || !p->pace)
		return;
	p->steps = 0;
	p->pace->point(p->pace->arg);
}

static int peek(const struct parser *p)
{
	return p->pos < p->doc->len ? (u8)p->doc->text[p->pos] : -1;
}

static void skip_space(struct parser *p)
{
	int c = peek(p);

	while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		p->pos++;
		did(p, 1);
		c = peek(p);
	}
}

static bool digit(int c)
{
	return c >= '0' && c <= '9';
}

static int add(struct parser *p, enum json_type type, u32 start, struct json_tok **out)
{
	if (p->doc->nr == p->cap)
		return fail(p, p->pos, "too many values");
	*out = &p->doc->toks[p->doc->nr++];
	**out = (struct json_tok){ .type = type, .start = start, .next = p->doc->nr };
	return OK;
}

static int hex4(const char *s, size_t n, u32 *v)
{
	*v = 0;
	if (n < 4)
		return ERR_INVAL;
	for (u32 i = 0; i < 4; i++) {
		u8 c = (u8)s[i], low = c | 0x20;

		if (digit(c))
			*v = *v << 4 | (u32)(c - '0');
		else if (low >= 'a' && low <= 'f')
			*v = *v << 4 | (u32)(low - 'a' + 10);
		else
			return ERR_INVAL;
	}
	return OK;
}

/*
 * One character of a string's inside, escaped or not, in *cp. Returns its length in the text, 0 when it is malformed.
 * A surrogate pair is one character (RFC 8259, section 7).
 */
static u32 string_char(const char *s, size_t n, u32 *cp)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *k;
	u32 low;

	if (s[0] >= 0x20 && s[0] != '\\') { /* as nearly always; char is signed: none above 7Fh */
		*cp = (u8)s[0];
		return 1;
	}
	if (s[0] != '\\')
		return (u8)s[0] < 0x20 ? 0 : utf8_decode(s, n, cp);
	if (n < 2 || !s[1])
		return 0;
	if (s[1] != 'u') {
		k = strchr(from, s[1]);
		if (!k)
			return 0;
		*cp = (u8)to[k - from];
		return 2;
	}
	if (hex4(s + 2, n - 2, cp) != OK || *cp == 0)
		return 0;
	if (*cp < 0xd800 || *cp >= 0xe000)
		return 6;
	if (*cp >= 0xdc00 || n < 12 || s[6] != '\\' || s[7] != 'u' || hex4(s + 8, n - 8, &low) != OK ||
	    low < 0xdc00 || low >= 0xe000)
		return 0;
	*cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
	return 12;
}

/* Of characters, not bytes: how they are written makes no difference. */
#define HASH_FIRST  0xcbf29ce484222325ull
#define HASH_FACTOR 0x9e3779b97f4a7c15ull

static int parse_string(struct parser *p)
{
	u64 hash = HASH_FIRST;
	struct json_tok *t;
	u32 cp, n;

	if (add(p, JSON_STRING, p->pos + 1, &t) != OK)
		return ERR_INVAL;
	for (p->pos++; peek(p) != '"'; p->pos += n) {
		if (peek(p) < 0)
			return fail(p, p->pos, "string without an end");
		n = string_char(p->doc->text + p->pos, p->doc->len - p->pos, &cp);
		if (!n)
			return fail(p, p->pos, "malformed character in a string");
		hash = hash * HASH_FACTOR + cp;
		p->doc->looked += n;
		did(p, n);
	}
	t->hash = hash;
	t->len = p->pos - t->start;
	p->pos++;
	return OK;
}

static int parse_whole(struct parser *p, struct json_tok *t)
{
	bool minus = peek(p) == '-';

	p->pos += minus;
	if (!digit(peek(p)))
		return fail(p, p->pos, "malformed number");
	if (peek(p) == '0' && p->pos + 1 < p->doc->len && digit((u8)p->doc->text[p->pos + 1]))
		return fail(p, p->pos, "number with a leading zero");
	for (; digit(peek(p)); p->pos++) {
		s64 d = peek(p) - '0';

		if (__builtin_mul_overflow(t->num, (s64)10, &t->num) ||
		    __builtin_add_overflow(t->num, minus ? -d : d, &t->num))
			return fail(p, t->start, "number does not fit 64 bits");
	}
	return OK;
}

static int digits(struct parser *p)
{
	if (!digit(peek(p)))
		return fail(p, p->pos, "malformed number");
	while (digit(peek(p)))
		p->pos++;
	return OK;
}

static int parse_number(struct parser *p)
{
	struct json_tok *t;
	bool fraction;

	if (add(p, JSON_NUMBER, p->pos, &t) != OK || parse_whole(p, t) != OK)
		return ERR_INVAL;
	fraction = peek(p) == '.' || peek(p) == 'e' || peek(p) == 'E';
	if (fraction && !p->decimals)
		return fail(p, p->pos, "numbers must be whole");
	if (peek(p) == '.') {
		p->pos++;
		if (digits(p) != OK)
			return ERR_INVAL;
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->pos++;
		if (peek(p) == '+' || peek(p) == '-')
			p->pos++;
		if (digits(p) != OK)
			return ERR_INVAL;
	}
	t->len = p->pos - t->start;
	return OK;
}

static int parse_word(struct parser *p)
{
	static const struct {
		const char *word;
		enum json_type type;
		s64 num;
	} words[] = { { "null", JSON_NULL, 0 }, { "true", JSON_BOOL, 1 }, { "false", JSON_BOOL, 0 } };
	struct json_tok *t;

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		u32 n = (u32)strlen(words[i].word);

		if (p->doc->len - p->pos < n || memcmp(p->doc->text + p->pos, words[i].word, n) != 0)
			continue;
		if (add(p, words[i].type, p->pos, &t) != OK)
			return ERR_INVAL;
		t->len = n;
		t->num = words[i].num;
		p->pos += n;
		return OK;
	}
	return fail(p, p->pos, peek(p) < 0 ? "text ends before the value does" : "a value is expected here");
}

static int open_container(struct parser *p, enum json_type type)
{
	struct json_tok *t;

	if (p->depth == JSON_DEPTH)
		return fail(p, p->pos, "nested too deeply");
	if (add(p, type, p->pos, &t) != OK)
		return ERR_INVAL;
	p->stack[p->depth++] = p->doc->nr - 1;
	p->pos++;
	return OK;
}

static int parse_value(struct parser *p)
{
	int c = peek(p);

	if (c == '{')
		return open_container(p, JSON_OBJECT);
	if (c == '[')
		return open_container(p, JSON_ARRAY);
	if (c == '"')
		return parse_string(p);
	if (c == '-' || digit(c))
		return parse_number(p);
	return parse_word(p);
}

/* Whether two keys are the same once decoded. */
static bool same_key(struct parser *p, const struct json_tok *a, const struct json_tok *b)
{
	u32 i = 0, k = 0, x = 0, y = 0, n;

	if (a->hash != b->hash)
		return false;
	while (i < a->len && k < b->len && x == y) {
		n = string_char(p->doc->text + a->start + i, a->len - i, &x);
		i += n;
		k += string_char(p->doc->text + b->start + k, b->len - k, &y);
		p->compared += n;
		p->doc->looked += n;
		did(p, n);
	}
	return x == y && i == a->len && k == b->len;
}

/*
 * Whether the object has a key like this one already. By their hashes: keys that hash alike by chance there are not,
 * and for those that were made to the comparisons together are no longer than the text.
 */
static int check_key(struct parser *p, const struct json_tok *obj, const struct json_tok *key, u32 start)
{
	const struct json_tok *toks = p->doc->toks;

	for (const struct json_tok *t = obj + 1; t < key; t = &toks[(t + 1)->next]) {
		if (same_key(p, t, key))
			return fail(p, start, "key appears twice");
		if (p->compared > p->doc->len)
			return fail(p, start, "keys are made to look alike");
		did(p, 1);
	}
	return OK;
}

static int parse_key(struct parser *p, struct json_tok *obj)
{
	struct json_doc *doc = p->doc;
	u32 start = p->pos, key = doc->nr;

	if (peek(p) != '"')
		return fail(p, p->pos, "a key in quotes is expected here");
	if (parse_string(p) != OK)
		return ERR_INVAL;
	doc->toks[key].is_key = true;
	if (check_key(p, obj, &doc->toks[key], start) != OK)
		return ERR_INVAL;
	skip_space(p);
	if (peek(p) != ':')
		return fail(p, p->pos, "':' is expected here");
	p->pos++;
	skip_space(p);
	return OK;
}

static void close_container(struct parser *p, struct json_tok *t)
{
	p->pos++;
	t->len = p->pos - t->start;
	t->next = p->doc->nr;
	p->depth--;
}

/* What follows inside the innermost container: its end, or one more child's beginning. */
static int parse_inside(struct parser *p)
{
	struct json_tok *t = &p->doc->toks[p->stack[p->depth - 1]];
	int end = t->type == JSON_OBJECT ? '}' : ']';

	skip_space(p);
	if (peek(p) == end) {
		close_container(p, t);
		return OK;
	}
	if (t->count) {
		if (peek(p) != ',')
			return fail(p, p->pos,
			            end == '}' ? "',' or '}' is expected here" : "',' or ']' is expected here");
		p->pos++;
		skip_space(p);
	}
	t->count++;
	if (t->type == JSON_OBJECT && parse_key(p, t) != OK)
		return ERR_INVAL;
	return parse_value(p);
}

int json_parse_paced(struct json_doc *doc, const char *text, size_t len, struct json_tok *toks, u32 cap,
                     bool decimals, const struct json_pace *pace, struct json_err *e)
{
	struct parser p = { .doc = doc, .cap = cap, .decimals = decimals, .pace = pace, .err = e };

	*doc = (struct json_doc){ .text = text, .len = (u32)len, .toks = toks };
	*e = (struct json_err){ 0 };
	if (len > UINT32_MAX)
		return fail(&p, 0, "too long");
	skip_space(&p);
	if (parse_value(&p) != OK)
		return ERR_INVAL;
	for (; p.depth; did(&p, 1))
		if (parse_inside(&p) != OK)
			return ERR_INVAL;
	skip_space(&p);
	if (peek(&p) >= 0)
		return fail(&p, p.pos, "more text behind the value");
	return OK;
}

const struct json_tok *json_first(const struct json_doc *doc, const struct json_tok *parent)
{
	u32 i = (u32)(parent - doc->toks) + 1;

	if (parent->type != JSON_ARRAY && parent->type != JSON_OBJECT)
		return NULL;
	return i < parent->next ? &doc->toks[i] : NULL;
}

const struct json_tok *json_next(const struct json_doc *doc, const struct json_tok *parent,
                                 const struct json_tok *child)
{
	u32 i = child->is_key ? (child + 1)->next : child->next;

	return i < parent->next ? &doc->toks[i] : NULL;
}

const struct json_tok *json_get(const struct json_doc *doc, const struct json_tok *obj, const char *key)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	for (const struct json_tok *k = json_first(doc, obj); k; k = json_next(doc, obj, k))
		if (json_str_is(doc, k, key))
			return k + 1;
	return NULL;
}

int json_str_paced(const struct json_doc *doc, const struct json_tok *tok, char *buf, size_t size,
                   const struct json_pace *pace, size_t *len)
{
	u32 i = 0, cp = 0, last = 0;
	size_t n = 0;

	if (tok->type == JSON_ARRAY || tok->type == JSON_OBJECT)
		return ERR_INVAL;
	while (i < tok->len) {
		char c[4];
		u32 k;

		i += string_char(doc->text + tok->start + i, tok->len - i, &cp);
		k = utf8_encode(cp, c);
		if (n + k >= size)
			return ERR_NOSPC;
		for (u32 x = 0; x < k; x++)
			buf[n++] = c[x];
		if (pace && i - last >= PACE_BYTES) {
			last = i;
			pace->point(pace->arg);
		}
	}
	if (n >= size)
		return ERR_NOSPC;
	buf[n] = '\0';
	if (len)
		*len = n;
	return OK;
}

bool json_str_is(const struct json_doc *doc, const struct json_tok *tok, const char *s)
{
	u32 i = 0, cp = 0, want = 0;
	size_t left = strlen(s);

	if (tok->type != JSON_STRING)
		return false;
	while (i < tok->len) {
		u32 k = utf8_decode(s, left, &want);

		i += string_char(doc->text + tok->start + i, tok->len - i, &cp);
		if (!k || cp != want)
			return false;
		s += k;
		left -= k;
	}
	return !left;
}
