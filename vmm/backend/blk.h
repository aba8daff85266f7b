/*
 * Block back-ends: what a disk or a CD drive is connected to. The front-end (an IDE drive) knows this contract, never
 * who is behind it: a boot module in memory, later a slice of a real disk.
 *
 * A request is handed over by submit() and comes back by its done(), exactly once: never from within submit(), maybe
 * from within cancel(), maybe on another CPU. done() only notes the result and asks for a turn of its VM: devices and
 * rings change in that turn. submit(), cancel() and quiesce() come with the VM's lock held, or while no vCPU runs;
 * nothing here ever blocks. Until done() the request, its segments and the memory they name are the back-end's.
 *
 * A segment is memory of the hypervisor, or guest RAM by the window of the requesting VM: no CPU has that mapped but the
 * one that is in a turn of the VM. A back-end that touches bytes does so in such a turn (work() of its own), in pieces
 * of at most BLK_PIECE; one that hands addresses to hardware translates them in submit().
 *
 * Everything is counted in sectors of 512 bytes, whatever the back-end's own are.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define BLK_SECTOR 512
#define BLK_PIECE  16384 /* bytes copied at once */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES, BLK_NR_OPS };

enum blk_status {
	BLK_OK,
	BLK_MEDIUM,    /* the medium cannot be read or written there; read-only; beyond its end */
	BLK_TIMEOUT,   /* no answer */
	BLK_GONE,      /* there is no medium, or no device, any more */
	BLK_NO_ROOM,   /* a write, and all memory of the overlay is in use */
	BLK_CANCELLED, /* by cancel() or quiesce(), before all of it was done */
};

struct blk_seg {
	void *mem;
	u32 len; /* bytes */
};

struct blk_req {
	u8 op;    /* enum blk_op */
	bool fua; /* of a write: done() means that it is on the medium */
	u64 sector;
	u32 count;                 /* sectors; 0 of a flush */
	const struct blk_seg *seg; /* of reads and writes: count * BLK_SECTOR bytes in all */
	u32 nr_segs;
	void (*done)(struct blk_req *req, enum blk_status status);
	void *arg; /* the front-end's */
	/* The back-end's, until done(). */
	struct blk_req *next;
	u64 at;      /* bytes done */
	u32 seg_at;  /* segment, */
	u32 seg_off; /* and byte in it, that is next */
};

/* What a medium is. Changes only together with a call of blk_front.changed. */
struct blk_info {
	u64 sectors;                 /* 0: no medium */
	u32 logical, physical;       /* sector sizes, bytes: powers of two from BLK_SECTOR on */
	u32 cylinders, heads, track; /* geometry, a hint; 0: none */
	bool read_only;
	bool discard;      /* BLK_DISCARD gives room back; the sectors then read as zeros */
	char identity[21]; /* serial number; "": the front-end makes one up */
};

/* What is wrong with an image, for the one message about it. */
struct blk_flaw {
	u64 offset;         /* in the image, bytes */
	const char *reason; /* lives for ever */
};

/* What a back-end calls. Any CPU; like done(), these only note and ask for a turn. */
struct blk_front {
	void (*changed)(void *arg); /* capacity or medium: look at info() again. NULL: nobody cares */
	void (*room)(void *arg);    /* submit() refused with ERR_BUSY, and would take a request now. NULL likewise */
	void *arg;
};

struct blk_ops {
	const struct blk_info *(*info)(const void *ctx);
	/* Who is told. front, which is copied, may be NULL: nobody any more. */
	void (*connect)(void *ctx, const struct blk_front *front);
	/*
	 * OK: done() will come. ERR_BUSY: the queue is full, room() will be called. ERR_INVAL: no such request (an op
	 * or sectors that cannot be, segments that do not add up). Other than OK, nothing of the request was taken.
	 */
	int (*submit)(void *ctx, struct blk_req *req);
	/* Asks that req, which was taken, ends soon: done() comes with BLK_CANCELLED, or with what became of it. */
	void (*cancel)(void *ctx, struct blk_req *req);
	/* Cancels all. Whether none is left under way; else, once more later. */
	bool (*quiesce)(void *ctx);
};

/* A back-end; ops NULL: there is none, as with a drive that has no medium. */
struct blk {
	const struct blk_ops *ops;
	void *ctx;
};

static inline const struct blk_info *blk_info(const struct blk *b)
{
	static const struct blk_info none = { .logical = BLK_SECTOR, .physical = BLK_SECTOR };

	return b->ops ? b->ops->info(b->ctx) : &none;
}
static inline void blk_connect(const struct blk *b, const struct blk_front *front)
{
	if (b->ops)
		b->ops->connect(b->ctx, front);
}
static inline __must_check int blk_submit(const struct blk *b, struct blk_req *req)
{
	return b->ops ? b->ops->submit(b->ctx, req) : ERR_NOENT;
}
static inline void blk_cancel(const struct blk *b, struct blk_req *req)
{
	if (b->ops)
		b->ops->cancel(b->ctx, req);
}
static inline bool blk_quiesce(const struct blk *b)
{
	return !b->ops || b->ops->quiesce(b->ctx);
}

/* Whether req can be: for submit(). Beyond the medium's end it can, that is an error of the medium (later). */
static inline bool blk_req_ok(const struct blk_req *req)
{
	u64 bytes = 0;

	if (req->op >= BLK_NR_OPS || !req->done || (req->op != BLK_FLUSH && !req->count))
		return false;
	if (req->op != BLK_READ && req->op != BLK_WRITE)
		return true;
	for (u32 i = 0; i < req->nr_segs; i++)
		bytes += req->seg[i].len;
	return bytes == (u64)req->count * BLK_SECTOR;
}
/* Whether its sectors are there. */
static inline bool blk_req_inside(const struct blk_req *req, u64 sectors)
{
	return req->sector <= sectors && req->count <= sectors - req->sector;
}
