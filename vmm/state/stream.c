/* The stream of states: refusals and writing. Recursion here is as deep as groups nest: STATE_DEPTH. */
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/state/priv.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data are copied as they lie in memory");

/* ---- refusals ---- */

/* With '?' for what is not printable. */
static void copy_text(char *dst, size_t size, const char *src)
{
	size_t i = 0;

	for (; i < size - 1 && src[i]; i++)
		dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
	dst[i] = 0;
}

int state_refusal_set(struct state_refusal *r, const char *tag, const char *field, u64 value, const char *reason)
{
	copy_text(r->tag, sizeof(r->tag), tag);
	copy_text(r->field, sizeof(r->field), field);
	r->value = value;
	r->reason = reason;
	return ERR_INVAL;
}

int state_refusal_text(const struct state_refusal *r, char *buf, size_t size)
{
	if (!r->field[0])
		return fmt_snprintf(buf, size, "%s: %s", r->tag, r->reason);
	return fmt_snprintf(buf, size, "%s: %s: %llu: %s", r->tag, r->field, (unsigned long long)r->value, r->reason);
}

/* ---- writing ---- */

static void put(struct state_writer *w, const void *p, size_t len)
{
	if (w->len <= w->cap && len <= w->cap - w->len)
		memcpy(w->buf + w->len, p, len);
	w->len += len;
}

static void put_int(struct state_writer *w, u64 v, size_t len)
{
	put(w, &v, len);
}

static void put_name(struct state_writer *w, const char *name)
{
	size_t len = strlen(name);

	assert(len && len < STATE_NAME_MAX);
	put_int(w, len, 1);
	put(w, name, len);
}

static void put_schema(struct state_writer *w, const struct state_desc *desc, u32 depth)
{
	assert(depth < STATE_DEPTH && desc->nr && desc->nr <= STATE_FIELDS_MAX);
	put_int(w, desc->nr, 1);
	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];

		put_name(w, f->name);
		put_int(w, f->type, 1);
		put_int(w, f->array, 1);
		put_int(w, f->count, 4);
		if (f->type == STATE_GROUP)
			put_schema(w, f->group, depth + 1);
	}
}

static void put_data(struct state_writer *w, const struct state_desc *desc, const u8 *state)
{
	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];

		if (f->type != STATE_GROUP)
			put(w, state + f->offset, (size_t)f->count * f->size);
		for (u32 n = 0; n < f->count && f->type == STATE_GROUP; n++)
			put_data(w, f->group, state + f->offset + (size_t)n * f->size);
	}
}

void state_write_begin(struct state_writer *w, u8 *buf, size_t cap)
{
	*w = (struct state_writer){ .buf = buf, .cap = cap };
	put(w, STATE_MAGIC, 8);
	put_int(w, STATE_FORMAT, 4);
	put_int(w, 0, 4);
}

void state_write(struct state_writer *w, const char *tag, const struct state_desc *desc, const void *state)
{
	size_t start = w->len;
	u32 len;

	put_int(w, KIND_RECORD, 4);
	put_int(w, 0, 4);
	put_name(w, tag);
	put_name(w, desc->name);
	put_int(w, desc->version, 2);
	put_schema(w, desc, 0);
	put_data(w, desc, state);
	put_int(w, 0, ALIGN_UP(w->len, WORD) - w->len);
	w->nr++;
	len = (u32)(w->len - start);
	if (w->len <= w->cap)
		memcpy(w->buf + start + 4, &len, 4);
}

int state_write_end(struct state_writer *w)
{
	u64 sum = w->len <= w->cap ? state_sum(w->buf, w->len) : 0;

	put_int(w, KIND_END, 4);
	put_int(w, END_LEN, 4);
	put_int(w, w->nr, 4);
	put_int(w, 0, 4);
	put_int(w, sum, 8);
	return w->len <= w->cap ? OK : ERR_NOSPC;
}
