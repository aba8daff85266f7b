/*
 * States from outside, for every device. The input chooses a device, lets it live a little, and changes fields of its
 * state (or bytes of the stream). A fresh device refuses that, and nothing has changed; or it takes it, and then
 * whatever is done to the device its invariants hold, and its state stays one that would be taken.
 *
 * Bytes: device; operations before; what to change: bits 0-5 how many fields, bit 6 bytes of the stream instead, bit
 * 7 all fields; then what these need, and operations to the end.
 */
#include <stdio.h>

#include "../unit/state_subjects.h"
#include "vmm/state/priv.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define BEFORE_MAX 64
#define AFTER      64 /* operations at least */

static u64 nr_taken[64], nr_refused[64]; /* by subject */

/* For the log: how many states each device took and refused. */
static void tell(void)
{
	u64 taken = 0, refused = 0;

	for (u32 i = 0; i < state_subject_count(); i++) {
		fprintf(stderr, "%s: %llu taken, %llu refused\n", state_subject_at(i)->name,
		        (unsigned long long)nr_taken[i], (unsigned long long)nr_refused[i]);
		taken += nr_taken[i];
		refused += nr_refused[i];
	}
	fprintf(stderr, "state: rows covered %u, states taken %llu, refused %llu\n", state_row_count(),
	        (unsigned long long)taken, (unsigned long long)refused);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	atexit(tell);
	return 0;
}

/* ---- changes ---- */

/* Numbers that something turns on. */
static u64 d_value(struct state_dice *d, u64 old, u64 now)
{
	u8 how = d_u8(d);

	switch (how & 15) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return old + 1;
	case 3: return old - 1;
	case 4: return old ^ BIT(how >> 4);
	case 5: return old ^ BIT(d_u8(d) & 63);
	case 6: return now;
	case 7: return now + (how >> 4) - 8;
	case 8: return now + d_span(d);
	case 9: return now - d_span(d);
	case 10: return BIT(d_u8(d) & 63);
	case 11: return BIT(d_u8(d) & 63) - 1;
	case 12: return d_span(d);
	case 13: return d_u64(d);
	default: return d_u8(d);
	}
}

static void set_item(const struct state_field *f, u8 *p, u64 v)
{
	if (f->type == STATE_BOOL)
		v &= 1;
	memcpy(p, &v, f->size);
}

static u64 get_item(const struct state_field *f, const u8 *p)
{
	u64 v = 0;

	memcpy(&v, p, f->size);
	return v;
}

static void change_field(const struct state_desc *desc, u8 *state, struct state_dice *d, u64 now)
{
	for (;;) {
		const struct state_field *f = &desc->fields[d_below(d, desc->nr)];
		u8 *p = state + f->offset + (f->count > 1 ? d_below(d, f->count) : 0) * f->size;

		if (f->type != STATE_GROUP) {
			set_item(f, p, d_value(d, get_item(f, p), now));
			return;
		}
		desc = f->group;
		state = p;
	}
}

static void change_all(const struct state_desc *desc, u8 *state, struct state_dice *d, u64 now)
{
	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];

		for (u32 n = 0; n < MIN(f->count, 300u); n++) {
			u8 *p = state + f->offset + n * f->size;

			if (f->type == STATE_GROUP)
				change_all(f->group, p, d, now);
			else
				set_item(f, p, d_value(d, get_item(f, p), now));
		}
	}
}

/* ---- streams ---- */

struct stream {
	u8 *buf;
	size_t len;
};

static struct stream save(const struct state_world *w)
{
	struct vdev row = { w->ops, w->dev, "subject" };
	struct stream s;

	assert(vdev_save_all(&row, 1, NULL, 0, &s.len) == ERR_NOSPC);
	s.buf = malloc(s.len);
	assert(vdev_save_all(&row, 1, s.buf, s.len, &s.len) == OK);
	return s;
}

/* The stream of w's state, changed. */
static struct stream save_changed(const struct state_world *w, u8 how, struct state_dice *d)
{
	void *part[VDEV_PARTS] = { NULL };
	u32 nr_parts = 0, at[VDEV_PARTS];
	struct state_writer writer;
	struct stream s = { NULL, 0 };

	for (u32 i = 0; i < VDEV_PARTS; i++) {
		const void *state = vdev_part(w->ops, w->dev, i);

		if (!state)
			continue;
		part[i] = malloc(w->ops->state[i].desc->size);
		state_copy(w->ops->state[i].desc, part[i], state);
		at[nr_parts++] = i;
		if (how & 0x80)
			change_all(w->ops->state[i].desc, part[i], d, w->now);
	}
	for (u32 n = 0; n < (how & 0x3f) && !(how & 0xc0); n++) {
		u32 i = at[nr_parts > 1 ? d_below(d, nr_parts) : 0];

		change_field(w->ops->state[i].desc, part[i], d, w->now);
	}
	for (u32 pass = 0; pass < 2; pass++) {
		state_write_begin(&writer, s.buf, s.len);
		for (u32 n = 0; n < nr_parts; n++)
			state_write(&writer, "subject", w->ops->state[at[n]].desc, part[at[n]]);
		assert((state_write_end(&writer) == OK) == pass);
		s.len = writer.len;
		if (!pass)
			s.buf = malloc(s.len);
	}
	for (u32 n = 0; n < nr_parts; n++)
		free(part[at[n]]);
	return s;
}

static void change_bytes(struct stream *s, u32 nr, struct state_dice *d)
{
	u64 sum;

	while (nr--)
		s->buf[d_u32(d) % s->len] ^= d_u8(d);
	if (d_u8(d) & 1)
		s->len -= d_below(d, (u32)s->len);
	if (s->len < END_LEN || !IS_ALIGNED(s->len, 8))
		return;
	sum = state_sum(s->buf, s->len - END_LEN);
	memcpy(s->buf + s->len - 8, &sum, 8);
}

static bool restore(const struct state_world *w, const struct stream *s)
{
	struct vdev row = { w->ops, w->dev, "subject" };
	void *scratch = malloc(vdev_scratch_size(&row, 1));
	struct state_refusal refusal = { "", "", 0, NULL };
	char text[256];
	int err = vdev_restore_all(&row, 1, s->buf, s->len, scratch, w->now, &refusal);

	free(scratch);
	if (err == OK)
		return true;
	assert(err == ERR_INVAL && refusal.reason && refusal.tag[0]);
	assert(state_refusal_text(&refusal, text, sizeof(text)) < (int)sizeof(text));
	return false;
}

/* ---- invariants ---- */

static void check(const struct state_world *w)
{
	const void *part[VDEV_PARTS];
	struct state_check c = { .now = w->now };

	for (u32 i = 0; i < VDEV_PARTS; i++)
		part[i] = vdev_part(w->ops, w->dev, i);
	if (!w->ops->valid(w->dev, part, &c))
		panic("%s: became invalid: %s: %llu: %s", w->subject->name, c.field, (unsigned long long)c.value,
		      c.reason);
}

static void step(struct state_world *w, struct state_dice *d)
{
	w->subject->step(w, d);
	if (w->subject->invariants)
		w->subject->invariants(w);
	check(w);
}

/* What goes on behind the input's end depends on all of it. */
static u64 seed_of(const u8 *data, size_t size)
{
	u64 seed = 1;

	for (size_t i = 0; i < size; i++)
		seed = (seed ^ data[i]) * 0x100000001b3ull;
	return seed | 1;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct state_world w;
	struct state_dice d = { data, size, seed_of(data, size) };
	u32 n = d_u8(&d) % state_subject_count();
	const struct state_subject *subject = state_subject_at(n);
	struct stream fresh, s;
	u32 before;
	u64 now;
	u8 how;

	world_init(&w, subject, d_u8(&d) & 1 ? d_span(&d) : 0);
	before = d_u8(&d) % BEFORE_MAX;
	how = d_u8(&d);
	for (u32 i = 0; i < before; i++)
		step(&w, &d);
	s = save_changed(&w, how, &d);
	if (how & 0x40)
		change_bytes(&s, how & 0x3f, &d);
	now = w.now;
	world_free(&w);
	world_init(&w, subject, now);
	fresh = save(&w);
	if (restore(&w, &s)) {
		nr_taken[n]++;
		check(&w);
		world_run_timers(&w);
		for (u32 i = 0; i < AFTER || d.left; i++)
			step(&w, &d);
	} else {
		struct stream after = save(&w);

		nr_refused[n]++;
		assert(after.len == fresh.len && !memcmp(after.buf, fresh.buf, fresh.len));
		free(after.buf);
	}
	free(fresh.buf);
	free(s.buf);
	world_free(&w);
	return 0;
}
