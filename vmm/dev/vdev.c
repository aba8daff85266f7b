/* What is done to all devices of a board alike. */
#include "vmm/dev/vdev.h"

#include "lib/string.h"

int vdev_attach_all(const struct vdev *rows, u32 nr, const struct vdev_env *env, const void *const *cfg, u32 *failed)
{
	for (u32 i = 0; i < nr; i++) {
		int err = rows[i].ops->attach(rows[i].dev, env, cfg[i]);

		if (!err)
			continue;
		if (failed)
			*failed = i;
		vdev_detach_all(rows, i);
		return err;
	}
	return OK;
}

void vdev_detach_all(const struct vdev *rows, u32 nr)
{
	while (nr--)
		if (rows[nr].ops->detach)
			rows[nr].ops->detach(rows[nr].dev);
}

void vdev_reset_all(const struct vdev *rows, u32 nr, u64 now)
{
	for (u32 i = 0; i < nr; i++)
		rows[i].ops->reset(rows[i].dev, now);
}

const struct vdev *vdev_busy(const struct vdev *rows, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (rows[i].ops->idle && !rows[i].ops->idle(rows[i].dev))
			return &rows[i];
	return NULL;
}

int vdev_save_all(const struct vdev *rows, u32 nr, void *buf, size_t cap, size_t *len)
{
	struct state_writer w;
	int err;

	state_write_begin(&w, buf, cap);
	for (u32 i = 0; i < nr; i++) {
		for (u32 part = 0; part < VDEV_PARTS; part++) {
			const void *state = vdev_part(rows[i].ops, rows[i].dev, part);

			if (state)
				state_write(&w, rows[i].tag, rows[i].ops->state[part].desc, state);
		}
	}
	err = state_write_end(&w);
	*len = w.len;
	return err;
}

/* ---- restoring: scratch holds what is decoded, found by a table at its beginning ---- */

struct restore {
	const struct vdev *rows;
	u32 nr;
	void *(*part)[VDEV_PARTS]; /* of each row; NULL: not decoded yet */
	u8 *free;
	struct state_refusal *refusal;
};

size_t vdev_scratch_size(const struct vdev *rows, u32 nr)
{
	size_t size = nr * sizeof(void *[VDEV_PARTS]);

	for (u32 i = 0; i < nr; i++)
		for (u32 part = 0; part < VDEV_PARTS; part++)
			if (vdev_part(rows[i].ops, rows[i].dev, part))
				size += ALIGN_UP((size_t)rows[i].ops->state[part].desc->size, 8);
	return size;
}

/* The part of the row that a struct of this name describes, or VDEV_PARTS. */
static u32 find_part(const struct vdev *row, const char *name)
{
	for (u32 part = 0; part < VDEV_PARTS; part++)
		if (vdev_part(row->ops, row->dev, part) && !strcmp(row->ops->state[part].desc->name, name))
			return part;
	return VDEV_PARTS;
}

static int decode_record(struct restore *r, const struct state_record *rec)
{
	const struct state_desc *desc;
	u32 i = 0, part;
	int err;

	while (i < r->nr && strcmp(r->rows[i].tag, rec->tag) != 0)
		i++;
	if (i == r->nr)
		return state_refusal_set(r->refusal, rec->tag, "", 0, "is no device of this guest");
	part = find_part(&r->rows[i], rec->name);
	if (part == VDEV_PARTS)
		return state_refusal_set(r->refusal, rec->tag, rec->name, rec->version,
		                         "is no part of this device (version)");
	if (r->part[i][part])
		return state_refusal_set(r->refusal, rec->tag, rec->name, rec->version, "is there twice (version)");
	desc = r->rows[i].ops->state[part].desc;
	err = state_decode(rec, desc, r->free, r->refusal);
	if (err)
		return err;
	r->part[i][part] = r->free;
	r->free += ALIGN_UP((size_t)desc->size, 8);
	return OK;
}

static int decode_all(struct restore *r, const void *stream, size_t len)
{
	struct state_reader reader;
	struct state_record rec;
	int err = state_read_begin(&reader, stream, len, r->refusal);

	while (err == OK) {
		err = state_read(&reader, &rec, r->refusal);
		if (err <= 0)
			break;
		err = decode_record(r, &rec);
	}
	for (u32 i = 0; i < r->nr && err == OK; i++)
		for (u32 part = 0; part < VDEV_PARTS && err == OK; part++)
			if (!r->part[i][part] && vdev_part(r->rows[i].ops, r->rows[i].dev, part))
				err = state_refusal_set(r->refusal, r->rows[i].tag,
				                        r->rows[i].ops->state[part].desc->name, 0,
				                        "is missing (records)");
	return err;
}

static int check_all(const struct restore *r, u64 now)
{
	for (u32 i = 0; i < r->nr; i++) {
		struct state_check c = { .now = now, .field = "", .reason = "cannot be" };

		if (!r->rows[i].ops->valid(r->rows[i].dev, (const void *const *)r->part[i], &c))
			return state_refusal_set(r->refusal, r->rows[i].tag, c.field, c.value, c.reason);
	}
	return OK;
}

int vdev_restore_all(const struct vdev *rows, u32 nr, const void *stream, size_t len, void *scratch, u64 now,
                     struct state_refusal *refusal)
{
	struct restore r = { .rows = rows, .nr = nr, .part = scratch, .refusal = refusal };
	int err;

	memset(scratch, 0, nr * sizeof(*r.part));
	r.free = (u8 *)scratch + nr * sizeof(*r.part);
	err = decode_all(&r, stream, len);
	if (err == OK)
		err = check_all(&r, now);
	if (err)
		return err;
	for (u32 i = 0; i < nr; i++)
		for (u32 part = 0; part < VDEV_PARTS; part++)
			if (r.part[i][part])
				memcpy(vdev_part(rows[i].ops, rows[i].dev, part), r.part[i][part],
				       rows[i].ops->state[part].desc->size);
	for (u32 i = 0; i < nr; i++)
		rows[i].ops->restored(rows[i].dev, now);
	return OK;
}
