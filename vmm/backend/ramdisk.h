/*
 * A medium in memory: the image of a boot module, which is never written, and (optional) an overlay that takes what
 * the guest writes, page by page (copy on write). Pure. The overlay is a fixed number of pages of the guest's account;
 * when they are in use, writes that need one more fail with BLK_NO_ROOM. A page that is discarded or overwritten with
 * zeros needs none: it is given back, and reads as zeros.
 *
 * Bytes move in ramdisk_work() only: in a turn of the requesting VM, with its lock, a piece of at most BLK_PIECE.
 */
#pragma once

#include "vmm/backend/blk.h"

#define RAMDISK_PAGE  4096
#define RAMDISK_QUEUE 16 /* requests taken at once */

/* Map entries: 0 the image's page, RAMDISK_ZERO, else 1 + number of the overlay's page. */
#define RAMDISK_ZERO 0xffffffffu

struct ramdisk_cfg {
	const void *image;
	u64 size;     /* bytes, not 0; behind its end, up to a whole sector, are zeros */
	u64 have;     /* bytes of the image that there are, zeros follow; 0: all */
	bool cd;      /* sectors of 2048 bytes */
	u32 *map;     /* ramdisk_map_len(size) entries, contents do not matter; NULL: no overlay, read-only */
	void *pages;  /* the overlay: nr_pages * RAMDISK_PAGE bytes, contents do not matter */
	u32 nr_pages; /* less than RAMDISK_ZERO - 1 */
	bool read_only;
	const char *serial; /* NULL: none */
	/*
	 * The overlay has no page left for a write to this sector: told once, and again when it had room meanwhile.
	 * For a message that names guest and disk. NULL: nobody is told.
	 */
	void (*full)(void *arg, u64 sector);
	/* There is work for ramdisk_work(): it is wanted in a turn of the VM. Any lock may be held. NULL: polled. */
	void (*kick)(void *arg);
	void *arg;
};

struct ramdisk {
	struct ramdisk_cfg cfg;
	struct blk_info info;
	struct blk_front front;
	struct blk_req *head, **tail; /* in order of submission */
	u32 nr;
	u64 cleared;  /* entries of the map that mean something: the others are cleared before the first request */
	bool refused; /* submit() has refused one: room() is owed */
	bool full;    /* full() was told */
	u32 used;     /* pages that have ever been used: those behind it are free */
	u32 free;     /* 1 + number of the first page given back, whose first bytes name the next; 0: none */
	u32 nr_free;  /* given back, on that list */
	u32 copied;   /* bytes of pages that were copied for the piece under way */
	u64 read, written; /* bytes, since ramdisk_init() */
};

/*
 * Looks at an image: OK; ERR_INVAL: it is refused; ERR_TRUNC: it is taken, but its last sector is incomplete and reads
 * as if zeros followed. *flaw says where and why, unless OK.
 */
__must_check int ramdisk_check(const void *image, u64 size, bool cd, struct blk_flaw *flaw);

/* Entries of a map for an image of that size. */
static inline u64 ramdisk_map_len(u64 size)
{
	return (size + RAMDISK_PAGE - 1) / RAMDISK_PAGE;
}

/* cfg is copied; what it points to lives as long as rd. OK or ERR_INVAL. */
__must_check int ramdisk_init(struct ramdisk *rd, const struct ramdisk_cfg *cfg);
/* All as it was at first: what was written is forgotten. No request is under way. */
void ramdisk_forget(struct ramdisk *rd);
/* A piece of what was asked for. Whether there is more. */
bool ramdisk_work(struct ramdisk *rd);
/* Pages of the overlay in use. */
static inline u32 ramdisk_pages_used(const struct ramdisk *rd)
{
	return rd->used - rd->nr_free;
}

extern const struct blk_ops ramdisk_ops; /* ctx: the struct ramdisk */
