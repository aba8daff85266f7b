/* States in memory: canonical form, and what they look like. */
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/state/stream.h"

#define ROW_ITEMS 16
#define ROW_CHARS (ROW_ITEMS * 20)

void state_copy(const struct state_desc *desc, void *dst, const void *src)
{
	memset(dst, 0, desc->size);
	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];
		u8 *to = (u8 *)dst + f->offset;
		const u8 *from = (const u8 *)src + f->offset;

		if (f->type != STATE_GROUP)
			memcpy(to, from, (size_t)f->count * f->size);
		for (u32 n = 0; n < f->count && f->type == STATE_GROUP; n++)
			state_copy(f->group, to + (size_t)n * f->size, from + (size_t)n * f->size);
	}
}

static u64 item(const struct state_field *f, const u8 *p)
{
	u64 v = 0;

	memcpy(&v, p, f->size);
	return v;
}

/* How many of n bytes are zero before the first that is not. Eight at a time: of an XSAVE area most of 4096 are. */
static size_t zero_bytes(const u8 *p, size_t n)
{
	size_t i = 0;
	u64 v = 0;

	for (; n - i >= sizeof(v) && !v; i += sizeof(v))
		memcpy(&v, p + i, sizeof(v));
	if (v)
		i -= sizeof(v);
	while (i < n && !p[i])
		i++;
	return i;
}

static bool zero_items(const struct state_field *f, const u8 *p, u32 nr)
{
	size_t n = (size_t)nr * f->size;

	return zero_bytes(p, n) == n;
}

static bool zero_state(const struct state_desc *desc, const u8 *state)
{
	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];
		const u8 *p = state + f->offset;

		if (f->type != STATE_GROUP && !zero_items(f, p, f->count))
			return false;
		for (u32 n = 0; n < f->count && f->type == STATE_GROUP; n++)
			if (!zero_state(f->group, p + (size_t)n * f->size))
				return false;
	}
	return true;
}

struct shower {
	void (*emit)(void *arg, const char *field, const char *values);
	void *arg;
	char path[STATE_PATH_MAX];
};

/* At most 18 characters. Not by fmt_snprintf(): a processor's XSAVE area alone has 2696 of them. */
static char *put_number(char *at, u64 v)
{
	u32 shift = 60;

	if (v < 10) {
		*at++ = (char)('0' + v);
		return at;
	}
	*at++ = '0';
	*at++ = 'x';
	while (!(v >> shift & 0xf))
		shift -= 4;
	for (u32 left = shift + 4; left; left -= 4)
		*at++ = "0123456789abcdef"[v >> (left - 4) & 0xf];
	return at;
}

static void show_row(struct shower *s, const struct state_field *f, const u8 *p, u32 nr)
{
	char text[ROW_CHARS], *at = text;

	for (u32 i = 0; i < nr; i++) {
		if (i)
			*at++ = ' ';
		at = put_number(at, item(f, p + (size_t)i * f->size));
	}
	*at = 0;
	s->emit(s->arg, s->path, text);
}

/* s->path: that of the field. */
static void show_items(struct shower *s, const struct state_field *f, const u8 *p)
{
	size_t len = strlen(s->path);

	if (f->count > 1 && zero_items(f, p, f->count)) {
		s->emit(s->arg, s->path, "0 ...");
		return;
	}
	if (f->count <= ROW_ITEMS) {
		show_row(s, f, p, f->count);
		return;
	}
	for (u32 i = 0; i < f->count; i += ROW_ITEMS) {
		u32 zeros = (u32)(zero_bytes(p + (size_t)i * f->size, (size_t)(f->count - i) * f->size) / f->size),
		    nr;

		i += ALIGN_DOWN(zeros, (u32)ROW_ITEMS);
		if (i + zeros % ROW_ITEMS >= f->count)
			break;
		nr = MIN(f->count - i, (u32)ROW_ITEMS);
		fmt_snprintf(s->path + len, sizeof(s->path) - len, "[%u]", i);
		show_row(s, f, p + (size_t)i * f->size, nr);
	}
}

/* Some was looked at, but nothing is told. */
static void point(struct shower *s)
{
	s->emit(s->arg, NULL, NULL);
}

/* How many elements of a group, from this one on, are the same; at most nr. */
static u32 count_same(struct shower *s, const struct state_field *f, const u8 *element, u32 nr)
{
	u32 n;

	for (n = 1; n < nr && !memcmp(element, element + (size_t)n * f->size, f->size); n++)
		point(s);
	return n;
}

/* s->path ends at parent. Recursion: as deep as groups nest. */
static void show_state(struct shower *s, size_t parent, const struct state_desc *desc, const u8 *state, u32 depth)
{
	assert(depth < STATE_DEPTH);
	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];
		const u8 *p = state + f->offset;
		size_t at;

		point(s);
		fmt_snprintf(s->path + parent, sizeof(s->path) - parent, "%s%s", parent ? "." : "", f->name);
		at = strlen(s->path);
		if (f->type != STATE_GROUP)
			show_items(s, f, p);
		for (u32 n = 0, same; n < f->count && f->type == STATE_GROUP; n += same) {
			const u8 *element = p + (size_t)n * f->size;

			same = count_same(s, f, element, f->count - n);
			if (f->count > 1 && zero_state(f->group, element))
				continue;
			fmt_snprintf(s->path + at, sizeof(s->path) - at, same > 1 ? "[%u-%u]" : "[%u]", n,
			             n + same - 1);
			show_state(s, strlen(s->path), f->group, element, depth + 1);
		}
	}
}

void state_show(const struct state_desc *desc, const void *state,
                void (*emit)(void *arg, const char *field, const char *values), void *arg)
{
	struct shower s = { emit, arg, "" };

	show_state(&s, 0, desc, state, 0);
}
