/*
 * States of every device that can be a row of the board's table: complete descriptions; and from random reachable
 * states, what is saved and restored elsewhere is saved again as the same stream and goes on as the original does.
 */
#include <stdio.h>

#include "state_subjects.h"
#include "suite.h"

#define HISTORIES 300  /* of each device */
#define BEFORE    400  /* operations up to the save, at most */
#define AFTER     1000 /* on both, after it */

/* ---- descriptions ---- */

static u32 count_fields(const struct state_desc *d)
{
	u32 nr = 0;

	for (u32 i = 0; i < d->nr; i++)
		nr += d->fields[i].type == STATE_GROUP ? count_fields(d->fields[i].group) : 1;
	return nr;
}

static u32 fields_listed(void)
{
	u32 nr = 0;

	for (u32 i = 0; i < state_subject_count(); i++) {
		const struct vdev_part *state = state_subject_at(i)->ops->state;

		for (u32 part = 0; part < VDEV_PARTS && state_subject_first(i) && state[part].desc; part++)
			nr += count_fields(state[part].desc);
	}
	return nr;
}

/* Every byte is a field's, or padding that the next one needs, or of a sparse description's hardware. */
static void check_desc(const struct state_desc *d, u32 depth)
{
	u32 at = 0, align = 1;

	ck_assert(depth < STATE_DEPTH && d->nr && d->nr <= STATE_FIELDS_MAX && d->version);
	ck_assert(strlen(d->name) > 0 && strlen(d->name) < STATE_NAME_MAX);
	for (u32 i = 0; i < d->nr; i++) {
		const struct state_field *f = &d->fields[i];
		static const u16 size_of[STATE_NR_TYPES] = { 1, 2, 4, 8, sizeof(bool), 0 };
		u32 own = 8;

		ck_assert(strlen(f->name) > 0 && strlen(f->name) < STATE_NAME_MAX && f->count);
		for (u32 k = 0; k < i; k++)
			ck_assert_str_ne(f->name, d->fields[k].name);
		if (f->type == STATE_GROUP) {
			check_desc(f->group, depth + 1);
			ck_assert_uint_eq(f->size, f->group->size);
		} else {
			ck_assert_uint_lt(f->type, STATE_GROUP);
			ck_assert_uint_eq(f->size, size_of[f->type]);
			own = f->size;
		}
		ck_assert(f->offset >= at && (d->sparse || f->offset - at < own) && (f->array || f->count == 1));
		align = MAX(align, own);
		at = f->offset + f->count * f->size;
		ck_assert_uint_le(at, d->size);
	}
	ck_assert(d->sparse || d->size - at < align);
}

START_TEST(rows)
{
	for (u32 i = 0; i < state_subject_count(); i++) {
		const struct state_subject *s = state_subject_at(i);
		const struct vdev_ops *ops = s->ops;

		ck_assert_msg(ops->name && ops->attach && ops->reset && ops->valid && ops->restored,
		              "%s: its row lacks something", s->name);
		ck_assert_msg(ops->state[0].desc != NULL, "%s: no description", s->name);
		for (u32 part = 0; part < VDEV_PARTS && ops->state[part].desc; part++) {
			check_desc(ops->state[part].desc, 0);
			ck_assert_uint_lt(ops->state[part].offset, s->dev_size);
			for (u32 k = 0; k < part; k++)
				ck_assert_str_ne(ops->state[part].desc->name, ops->state[k].desc->name);
		}
	}
}
END_TEST

/* ---- round trips ---- */

struct saved {
	u8 *buf;
	size_t len;
};

static struct saved save(const struct state_world *w)
{
	struct vdev row = { w->ops, w->dev, "subject" };
	struct saved s = { 0 };

	ck_assert_int_eq(vdev_save_all(&row, 1, NULL, 0, &s.len), ERR_NOSPC);
	s.buf = malloc(s.len);
	ck_assert_int_eq(vdev_save_all(&row, 1, s.buf, s.len, &s.len), OK);
	return s;
}

static void restore(const struct state_world *w, const struct saved *s)
{
	struct vdev row = { w->ops, w->dev, "subject" };
	void *scratch = malloc(vdev_scratch_size(&row, 1));
	struct state_refusal refusal = { 0 };
	char text[200] = "";
	int err = vdev_restore_all(&row, 1, s->buf, s->len, scratch, w->now, &refusal);

	if (err)
		state_refusal_text(&refusal, text, sizeof(text));
	free(scratch);
	ck_assert_msg(err == OK, "%s: refused: %s", w->subject->name, text);
}

static void same_state(const struct state_world *a, const struct state_world *b, const char *when, u64 seed)
{
	struct saved x = save(a), y = save(b);

	ck_assert_msg(x.len == y.len && !memcmp(x.buf, y.buf, x.len), "%s, history %llu: states differ %s",
	              a->subject->name, (unsigned long long)seed, when);
	free(x.buf);
	free(y.buf);
}

static void step(struct state_world *w, struct state_dice *d)
{
	w->subject->step(w, d);
	if (w->subject->invariants)
		w->subject->invariants(w);
}

/* The same operations on both: what they say is the same. */
static void go_on(struct state_world *a, struct state_world *b, u64 seed)
{
	struct state_dice da = { .seed = seed }, db = da;

	a->seen = b->seen = a->said = b->said = 0;
	for (u32 i = 0; i < AFTER; i++) {
		step(a, &da);
		step(b, &db);
		ck_assert_msg(a->seen == b->seen && a->said == b->said && da.seed == db.seed && a->now == b->now,
		              "%s, history %llu: behaviour differs at operation %u", a->subject->name,
		              (unsigned long long)seed, i);
		ck_assert_uint_eq(timerq_next(&a->tq), timerq_next(&b->tq));
	}
	ck_assert(!memcmp(a->level, b->level, sizeof(a->level)) && !memcmp(a->ram, b->ram, WORLD_RAM));
}

static void history(const struct state_subject *subject, u64 seed)
{
	struct state_dice d = { .seed = seed };
	u32 before = d_u32(&d) % (BEFORE + 1);
	struct state_world *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	struct saved s;

	world_init(a, subject, d_u8(&d) & 1 ? d_span(&d) : 0);
	for (u32 i = 0; i < before; i++)
		step(a, &d);
	if (d_u8(&d) % 4 == 0) /* timers are late */
		a->now = MIN(a->now + d_span(&d), WORLD_END_OF_TIME);
	s = save(a);
	world_init(b, subject, a->now);
	memcpy(b->ram, a->ram, WORLD_RAM);
	restore(b, &s);
	free(s.buf);
	same_state(a, b, "after the restore", seed);
	ck_assert(!memcmp(a->level, b->level, sizeof(a->level)));
	ck_assert_uint_eq(timerq_next(&a->tq), timerq_next(&b->tq));
	go_on(a, b, seed + 1000000);
	same_state(a, b, "at the end", seed);
	world_free(a);
	world_free(b);
	free(a);
	free(b);
}

START_TEST(round_trips)
{
	const struct state_subject *subject = state_subject_at((u32)_i);

	for (u64 seed = 1; seed <= HISTORIES; seed++)
		history(subject, seed);
}
END_TEST

/* Nothing of a device that was detached is left: its world can be freed, and another one plugged in. */
START_TEST(detached)
{
	for (u32 i = 0; i < state_subject_count(); i++) {
		struct state_world *w = malloc(sizeof(*w));
		struct state_dice d = { .seed = i + 1 };

		world_init(w, state_subject_at(i), 0);
		for (u32 n = 0; n < 200; n++)
			step(w, &d);
		if (w->ops->detach) {
			w->ops->detach(w->dev);
			if (w->subject->detach)
				w->subject->detach(w);
			ck_assert_uint_eq(timerq_next(&w->tq), TIMER_OFF);
			memset(w->dev, 0, w->subject->dev_size);
			memset(w->extra, 0, w->subject->extra_size);
			ck_assert_int_eq(w->subject->attach(w), OK);
		}
		world_free(w);
		free(w);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state");
	TCase *tc = tcase_create("state");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, rows);
	tcase_add_loop_test(tc, round_trips, 0, (int)state_subject_count());
	tcase_add_test(tc, detached);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	printf("state: rows covered %u, states tried %u, fields listed %u\n", state_row_count(),
	       state_subject_count() * HISTORIES, fields_listed());
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
