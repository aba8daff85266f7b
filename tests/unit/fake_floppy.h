/* Test helper: a medium whose requests come back at once, or when they are let. */
#pragma once

#include "lib/assert.h"
#include "lib/string.h"
#include "vmm/backend/blk.h"

struct fake_floppy {
	struct blk_info info;
	u8 *data; /* info.sectors * BLK_SECTOR bytes */
	struct blk_front front;
	struct blk_req *waits;
	bool hold, busy, forgets; /* forgets: what is written is gone */
	u8 status;
	u32 reads, writes, cancels;
};

static inline const struct blk_info *fake_floppy_info(const void *ctx)
{
	return &((const struct fake_floppy *)ctx)->info;
}

static inline void fake_floppy_connect(void *ctx, const struct blk_front *front)
{
	((struct fake_floppy *)ctx)->front = front ? *front : (struct blk_front){ 0 };
}

static inline void fake_floppy_finish(struct fake_floppy *m, u8 status)
{
	struct blk_req *req = m->waits;
	u8 *at;

	assert(req);
	at = m->data + req->sector * BLK_SECTOR;
	m->waits = NULL;
	if (status == BLK_OK && req->op == BLK_READ)
		memcpy(req->seg->mem, at, BLK_SECTOR);
	else if (status == BLK_OK && !m->forgets)
		memcpy(at, req->seg->mem, BLK_SECTOR);
	m->reads += req->op == BLK_READ;
	m->writes += req->op == BLK_WRITE;
	req->done(req, status);
}

static inline int fake_floppy_submit(void *ctx, struct blk_req *req)
{
	struct fake_floppy *m = ctx;

	assert(blk_req_ok(req) && req->count == 1 && blk_req_inside(req, m->info.sectors) && !m->waits);
	assert(req->op == BLK_READ || (req->op == BLK_WRITE && !m->info.read_only));
	if (m->busy)
		return ERR_BUSY;
	m->waits = req;
	if (!m->hold)
		fake_floppy_finish(m, m->status);
	return OK;
}

static inline void fake_floppy_cancel(void *ctx, struct blk_req *req)
{
	struct fake_floppy *m = ctx;

	assert(m->waits == req);
	m->cancels++;
}

static inline bool fake_floppy_quiesce(void *ctx)
{
	return !((struct fake_floppy *)ctx)->waits;
}

static inline struct blk fake_floppy_blk(struct fake_floppy *m)
{
	static const struct blk_ops ops = { .info = fake_floppy_info,
		                            .connect = fake_floppy_connect,
		                            .submit = fake_floppy_submit,
		                            .cancel = fake_floppy_cancel,
		                            .quiesce = fake_floppy_quiesce };

	return (struct blk){ &ops, m };
}

/* Fresh, with sectors that tell their number. */
static inline void fake_floppy_init(struct fake_floppy *m, u8 *data, u32 sectors)
{
	memset(m, 0, sizeof(*m));
	m->info = (struct blk_info){ .sectors = sectors, .logical = BLK_SECTOR, .physical = BLK_SECTOR };
	m->data = data;
	for (u32 i = 0; i < sectors; i++, data += BLK_SECTOR) {
		memset(data, (int)(i + i / 256 * 3), BLK_SECTOR);
		for (u32 k = 0; k < 32; k++)
			data[k * 3] ^= (u8)(k + 1);
	}
}
