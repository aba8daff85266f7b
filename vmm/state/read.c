/* The stream of states: reading. Recursion here is as deep as groups nest: STATE_DEPTH. */
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/state/priv.h"

/* ---- the stream ---- */

static int check_end(const u8 *p, size_t at, size_t len, u32 nr, struct state_refusal *refusal)
{
	if (len - at < END_LEN)
		return state_refusal_set(refusal, "stream", "length", len, "ends within its end");
	if (get32(p + at + 4) != END_LEN || get32(p + at + 12))
		return state_refusal_set(refusal, "stream", "end", get32(p + at + 4), "is no end of a stream");
	if (len - at != END_LEN)
		return state_refusal_set(refusal, "stream", "length", len, "goes on behind its end");
	if (get32(p + at + 8) != nr)
		return state_refusal_set(refusal, "stream", "records", get32(p + at + 8),
		                         "is not how many records there are");
	if (get64(p + at + 16) != state_sum(p, at))
		return state_refusal_set(refusal, "stream", "sum", get64(p + at + 16),
		                         "is not the sum of the stream");
	return OK;
}

int state_read_begin(struct state_reader *s, const void *buf, size_t len, struct state_refusal *refusal)
{
	const u8 *p = buf;
	size_t at = HEADER_LEN;
	u32 nr = 0;

	if (len < HEADER_LEN || memcmp(p, STATE_MAGIC, 8) != 0)
		return state_refusal_set(refusal, "stream", "", 0, "is no stream of states");
	if (get32(p + 8) > STATE_FORMAT)
		return state_refusal_set(refusal, "stream", "format", get32(p + 8), "is newer than this hypervisor");
	if (get32(p + 8) != STATE_FORMAT || get32(p + 12))
		return state_refusal_set(refusal, "stream", "format", get32(p + 8), "is not known");
	for (; len - at >= WORD; nr++) {
		u32 kind = get32(p + at), step = get32(p + at + 4);

		if (kind == KIND_END) {
			*s = (struct state_reader){ .buf = p, .end = at, .at = HEADER_LEN };
			return check_end(p, at, len, nr, refusal);
		}
		if (kind != KIND_RECORD)
			return state_refusal_set(refusal, "stream", "record", kind, "is of no known kind");
		if (step < WORD || !IS_ALIGNED(step, WORD) || step > len - at)
			return state_refusal_set(refusal, "stream", "record", step, "has an impossible length");
		at += step;
	}
	return state_refusal_set(refusal, "stream", "length", len, "ends without an end");
}

/* ---- a record ---- */

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

struct cursor {
	const u8 *p;
	size_t left;
	bool short_of; /* more was asked for than there is: zeros were given */
};

static void take(struct cursor *c, void *dst, size_t len)
{
	if (len > c->left) {
		c->short_of = true;
		c->left = 0;
		memset(dst, 0, len);
		return;
	}
	memcpy(dst, c->p, len);
	c->p += len;
	c->left -= len;
}

static u32 take_int(struct cursor *c, size_t len)
{
	u32 v = 0;

	take(c, &v, len);
	return v;
}

/* Whether there was a name. It is made printable in any case. */
static bool take_name(struct cursor *c, char name[STATE_NAME_MAX])
{
	u32 len = take_int(c, 1);
	bool good = len && len < STATE_NAME_MAX;

	memset(name, 0, STATE_NAME_MAX);
	if (!good)
		return false;
	take(c, name, len);
	for (u32 i = 0; i < len; i++) {
		good = good && name_char(name[i]);
		if (!name_char(name[i]))
			name[i] = '?';
	}
	return good;
}

int state_read(struct state_reader *s, struct state_record *rec, struct state_refusal *refusal)
{
	struct cursor c;
	u32 len;

	if (s->at == s->end)
		return 0;
	len = get32(s->buf + s->at + 4);
	c = (struct cursor){ s->buf + s->at + WORD, len - WORD, false };
	if (!take_name(&c, rec->tag))
		return state_refusal_set(refusal, "stream", "tag", s->at, "is no name (at this byte)");
	if (!take_name(&c, rec->name))
		return state_refusal_set(refusal, rec->tag, "struct", s->at, "has no name (at this byte)");
	rec->version = (u16)take_int(&c, 2);
	if (c.short_of)
		return state_refusal_set(refusal, rec->tag, "length", len, "ends before its fields");
	rec->body = c.p;
	rec->len = c.left;
	s->at += len;
	return 1;
}

/* Where a decoder is, for refusals. */
struct decoder {
	struct cursor c;
	const char *tag;
	char path[STATE_PATH_MAX];
	struct state_refusal *refusal;
};

static int refuse_field(struct decoder *d, size_t parent, const char *name, u64 value, const char *reason)
{
	fmt_snprintf(d->path + parent, sizeof(d->path) - parent, "%s%s", parent ? "." : "", name);
	return state_refusal_set(d->refusal, d->tag, d->path, value, reason);
}

static bool has_field(const struct state_desc *desc, const char *name)
{
	for (u32 i = 0; i < desc->nr; i++)
		if (!strcmp(desc->fields[i].name, name))
			return true;
	return false;
}

static int check_field(struct decoder *d, size_t parent, const struct state_desc *desc, u32 i)
{
	const struct state_field *f = &desc->fields[i];
	char name[STATE_NAME_MAX];
	bool named = take_name(&d->c, name);
	u32 type = take_int(&d->c, 1), array = take_int(&d->c, 1), count = take_int(&d->c, 4);

	if (d->c.short_of)
		return refuse_field(d, parent, f->name, i, "is where the record ends (number of the field)");
	if (!named)
		return refuse_field(d, parent, name, i, "is no name (number of the field)");
	if (strcmp(name, f->name) != 0)
		return refuse_field(d, parent, name, i,
		                    has_field(desc, name) ? "is out of place or there twice (number of the field)"
		                                          : "is unknown (number of the field)");
	if (type != f->type)
		return refuse_field(d, parent, name, type, "is not its type");
	if (array != f->array)
		return refuse_field(d, parent, name, array, "tells wrongly whether it is an array");
	if (count != f->count)
		return refuse_field(d, parent, name, count, "is not how many there are");
	return OK;
}

static int check_schema(struct decoder *d, size_t parent, const struct state_desc *desc, u32 depth)
{
	u32 nr = take_int(&d->c, 1);
	int err = OK;

	assert(depth < STATE_DEPTH);
	for (u32 i = 0; i < MIN(nr, (u32)desc->nr) && err == OK; i++) {
		const struct state_field *f = &desc->fields[i];

		err = check_field(d, parent, desc, i);
		if (err == OK && f->type == STATE_GROUP) {
			fmt_snprintf(d->path + parent, sizeof(d->path) - parent, "%s%s", parent ? "." : "", f->name);
			err = check_schema(d, strlen(d->path), f->group, depth + 1);
		}
	}
	if (err == OK && nr < desc->nr)
		return refuse_field(d, parent, desc->fields[nr].name, nr, "is missing (number of fields)");
	if (err == OK && nr > desc->nr)
		return refuse_field(d, parent, "fields", nr, "are more than are known");
	return err;
}

static int take_bools(struct decoder *d, size_t parent, const struct state_field *f, bool *out)
{
	for (u32 n = 0; n < f->count; n++) {
		u32 v = take_int(&d->c, 1);

		if (v > 1)
			return refuse_field(d, parent, f->name, v, "is neither 0 nor 1");
		out[n] = v;
	}
	return OK;
}

/* The data's length was checked. */
static int take_data(struct decoder *d, size_t parent, const struct state_desc *desc, u8 *state)
{
	int err = OK;

	for (u32 i = 0; i < desc->nr && err == OK; i++) {
		const struct state_field *f = &desc->fields[i];

		if (f->type == STATE_BOOL)
			err = take_bools(d, parent, f, (bool *)(state + f->offset));
		else if (f->type != STATE_GROUP)
			take(&d->c, state + f->offset, (size_t)f->count * f->size);
		for (u32 n = 0; n < f->count && f->type == STATE_GROUP && err == OK; n++) {
			fmt_snprintf(d->path + parent, sizeof(d->path) - parent, "%s%s[%u]", parent ? "." : "",
			             f->name, n);
			err = take_data(d, strlen(d->path), f->group, state + f->offset + (size_t)n * f->size);
		}
	}
	return err;
}

static size_t data_len(const struct state_desc *desc)
{
	size_t len = 0;

	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];

		len += f->count * (f->type == STATE_GROUP ? data_len(f->group) : f->size);
	}
	return len;
}

int state_decode(const struct state_record *rec, const struct state_desc *desc, void *state,
                 struct state_refusal *refusal)
{
	struct decoder d = { { rec->body, rec->len, false }, rec->tag, "", refusal };
	int err;

	if (strcmp(rec->name, desc->name) != 0)
		return state_refusal_set(refusal, rec->tag, rec->name, rec->version, "is not its struct (version)");
	if (rec->version > desc->version)
		return state_refusal_set(refusal, rec->tag, "version", rec->version, "is newer than this hypervisor");
	if (rec->version < desc->version)
		return state_refusal_set(refusal, rec->tag, "version", rec->version, "is too old");
	err = check_schema(&d, 0, desc, 0);
	if (err)
		return err;
	if (d.c.left < data_len(desc) || d.c.left - data_len(desc) >= WORD)
		return state_refusal_set(refusal, rec->tag, "length", d.c.left, "is not what its fields need");
	memset(state, 0, desc->size);
	err = take_data(&d, 0, desc, state);
	while (err == OK && d.c.left)
		if (take_int(&d.c, 1))
			return state_refusal_set(refusal, rec->tag, "padding", d.c.left, "is not zero");
	return err;
}
