/* IDE: data on its way between a medium, the channel's buffer and the guest. */
#include "lib/atomic.h"
#include "vmm/dev/ide/vide_priv.h"

/* ---- the ends of commands ---- */

void vide_finish(struct vide_channel *c, u8 status, u8 error)
{
	struct vide_drive_state *d = vide_drive(c, c->s->unit);

	c->s->phase = VIDE_IDLE;
	c->s->left = 0;
	c->s->pos = c->s->end = c->s->fill = 0;
	d->status = status;
	d->error = error;
	vide_raise(c, c->s->unit);
}

static void finish_well(struct vide_channel *c)
{
	if (vide_kind(c, c->s->unit) == VIDE_CD)
		vide_packet_end(c, 0, 0, 0);
	else
		vide_finish(c, ST_GOOD, 0);
}

/* The medium could not: where is in the registers. */
static void finish_badly(struct vide_channel *c, u8 result)
{
	struct vide_drive_state *d = vide_drive(c, c->s->unit);
	u64 at = c->s->sector;

	if (vide_kind(c, c->s->unit) == VIDE_CD) {
		bool gone = result == BLK_GONE;

		vide_packet_end(c, gone ? 2 : 3, gone ? 0x3a : 0x11, 0);
		return;
	}
	for (u32 i = 0; i < 3; i++) {
		d->task[VIDE_LOW + i] = (u8)(at >> 8 * i);
		d->hob[VIDE_LOW + i] = (u8)(at >> (24 + 8 * i));
	}
	switch (result) {
	case BLK_MEDIUM: vide_finish(c, ST_GOOD | ST_ERR, ER_UNC); break;
	case BLK_NO_ROOM: vide_finish(c, ST_GOOD | ST_ERR | ST_DF, ER_ABRT); break;
	default: vide_finish(c, ST_GOOD | ST_ERR, ER_ABRT); break;
	}
}

/* ---- requests ---- */

static void done(struct blk_req *req, enum blk_status status)
{
	struct vide_channel *c = req->arg;

	c->result = (u8)status;
	atomic_store(&c->done, 1);
	vide_kick(c);
}

static u32 chunk(const struct vide_channel *c)
{
	return (u32)MIN(c->s->left, (u64)VIDE_CHUNK);
}

void vide_submit(struct vide_channel *c)
{
	static const u8 op[VIDE_NR_ACTIONS] = {
		[VIDE_READ] = BLK_READ, [VIDE_WRITE] = BLK_WRITE, [VIDE_FLUSH] = BLK_FLUSH
	};
	const struct vide_drive_state *d = vide_drive(c, c->s->unit);
	u32 n = c->s->action == VIDE_FLUSH ? 0 : chunk(c);
	int err;

	c->s->phase = VIDE_MEDIUM;
	if (c->asked) { /* the channel's last one is on its way back */
		c->waits = true;
		return;
	}
	c->seg = (struct blk_seg){ c->s->buf, n * BLK_SECTOR };
	c->req = (struct blk_req){ .op = op[c->s->action],
		                   .fua = c->s->action == VIDE_WRITE && (c->s->fua || !d->cache),
		                   .sector = c->s->sector,
		                   .count = n,
		                   .seg = &c->seg,
		                   .nr_segs = n ? 1 : 0,
		                   .done = done,
		                   .arg = c };
	c->asked = vide_blk(c, c->s->unit);
	c->stale = false;
	err = blk_submit(c->asked, &c->req);
	if (!err)
		return;
	if (err == ERR_BUSY) {
		c->asked = NULL;
		c->waits = true;
		return;
	}
	done(&c->req, BLK_GONE);
}

/* ---- blocks between the buffer and the guest ---- */

/* The guest (or the bus master) has what was read, from here on to fill. */
static void next_in(struct vide_channel *c)
{
	struct vide_drive_state *d = vide_drive(c, c->s->unit);

	if (c->s->dma) {
		c->s->phase = VIDE_DMA;
		if (vide_dma_ready(c))
			vide_kick(c);
		return;
	}
	c->s->phase = VIDE_IN;
	c->s->end = MIN(c->s->pos + c->s->block, c->s->fill);
	d->status = vide_kind(c, c->s->unit) == VIDE_CD ? ST_DRDY : ST_GOOD;
	if (vide_kind(c, c->s->unit) == VIDE_CD) {
		u32 n = c->s->end - c->s->pos;

		d->task[VIDE_COUNT] = IR_IN;
		d->task[VIDE_MID] = (u8)n;
		d->task[VIDE_HIGH] = (u8)(n >> 8);
	}
	vide_raise(c, c->s->unit);
}

/* Room for what is to be written. first: the guest need not be told. */
static void next_out(struct vide_channel *c, bool first)
{
	c->s->fill = chunk(c) * BLK_SECTOR;
	if (c->s->dma) {
		c->s->phase = VIDE_DMA;
		if (vide_dma_ready(c))
			vide_kick(c);
		return;
	}
	c->s->phase = VIDE_OUT;
	c->s->end = MIN(c->s->pos + c->s->block, c->s->fill);
	if (!first)
		vide_raise(c, c->s->unit);
}

void vide_start(struct vide_channel *c, u8 action, u64 sector, u64 left, u32 block)
{
	c->s->unit = (u8)vide_selected(c);
	c->s->action = action;
	c->s->sector = sector;
	c->s->left = left;
	c->s->block = block;
	c->s->pos = c->s->end = c->s->fill = 0;
	vide_drive(c, c->s->unit)->status = ST_GOOD;
	vide_drive(c, c->s->unit)->error = 0;
	if (action == VIDE_WRITE)
		next_out(c, true);
	else
		vide_submit(c);
}

void vide_start_flush(struct vide_channel *c)
{
	vide_start(c, VIDE_FLUSH, 0, 0, BLK_SECTOR);
}

void vide_answer(struct vide_channel *c, u32 len, u32 block)
{
	c->s->unit = (u8)vide_selected(c);
	c->s->action = VIDE_DATA;
	c->s->left = 0;
	c->s->pos = 0;
	c->s->fill = len;
	c->s->block = block;
	vide_drive(c, c->s->unit)->error = 0;
	next_in(c);
}

/* All of the buffer is with the guest, or has come from it. */
static void buffer_over(struct vide_channel *c)
{
	bool cd = vide_kind(c, c->s->unit) == VIDE_CD;

	c->s->pos = c->s->end = 0;
	if (c->s->action == VIDE_WRITE || c->s->left) {
		vide_submit(c);
		return;
	}
	c->s->fill = 0;
	c->s->phase = VIDE_IDLE;
	/* A disk says nothing after the last block that was read by PIO. */
	if (cd || c->s->dma)
		finish_well(c);
	else
		vide_drive(c, c->s->unit)->status = ST_GOOD;
}

void vide_dma_done(struct vide_channel *c)
{
	buffer_over(c);
}

void vide_medium_done(struct vide_channel *c)
{
	u32 n = c->s->action == VIDE_FLUSH ? 0 : chunk(c);

	if (c->result != BLK_OK) {
		finish_badly(c, c->result);
		return;
	}
	c->s->sector += n;
	c->s->left -= n;
	c->s->pos = c->s->end = c->s->fill = 0;
	if (c->s->action == VIDE_READ) {
		c->s->fill = n * BLK_SECTOR;
		next_in(c);
	} else if (c->s->left) {
		next_out(c, false);
	} else {
		finish_well(c);
	}
}

static void block_over(struct vide_channel *c)
{
	if (c->s->phase == VIDE_PACKET)
		vide_packet(c);
	else if (c->s->pos == c->s->fill)
		buffer_over(c);
	else if (c->s->phase == VIDE_IN)
		next_in(c);
	else
		next_out(c, false);
}

u32 vide_data(struct vide_channel *c, u8 size, bool write, void *buf, u32 count)
{
	struct vide_channel_state *s = c->s;
	u32 room = s->end - s->pos, n;

	if (s->unit != vide_selected(c) ||
	    (write ? s->phase != VIDE_OUT && s->phase != VIDE_PACKET : s->phase != VIDE_IN))
		return 0;
	count = MIN(count, (room + size - 1) / size);
	n = MIN(count * size, room);
	if (write) {
		memcpy(s->buf + s->pos, buf, n);
	} else {
		memcpy(buf, s->buf + s->pos, n);
		memset((u8 *)buf + n, 0, count * size - n); /* an odd end */
	}
	s->pos += n;
	if (s->pos == s->end)
		block_over(c);
	return count;
}
