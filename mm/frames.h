/*
 * Physical frame allocator: one bit per 4-KiB frame over a list of RAM regions. Pure; the caller locks. Two instances
 * are in use: the hypervisor's own pool and the pool guest RAM comes from. A frame is never handed out twice, and a
 * free of what was not allocated is an error, not damage.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct frames_range {
	u64 base; /* bytes, page aligned */
	u64 len;  /* bytes, page aligned, not 0 */
};

/* One region: the bitmap's bit 0 is frame `first`
 * (aligned down from the region's start so that chunks lie on words). */
struct frames_region {
	u64 *bits;   /* 1 = in use, or outside the region */
	u64 first;   /* frame number of bit 0 */
	u64 start;   /* first frame of the region, as a bit number */
	u64 end;     /* one past its last, as a bit number */
	u64 free;    /* frames free */
	u64 next;    /* next-fit hint, bit number: where the last small allocation ended */
	u64 low_bit; /* no free bit lies below this one */
};

struct frames {
	struct frames_region *regions; /* in the storage, ascending */
	u32 nr_regions;
	u64 total; /* frames */
	u64 free;  /* frames */
};

#define FRAMES_NO_LIMIT (~0ull)

/* Bytes of storage (8-byte aligned) frames_init needs for these ranges; 0 when they are malformed. */
u64 frames_storage_size(const struct frames_range *ranges, u32 nr);

/*
 * Sets up an allocator, all frames free. ranges: ascending, disjoint, page aligned; storage: as computed above,
 * 8-byte aligned, owned by the allocator from now on and not itself in the ranges. OK; ERR_INVAL for malformed
 * ranges; ERR_NOSPC when storage is too small.
 */
__must_check int frames_init(struct frames *f, const struct frames_range *ranges, u32 nr, void *storage,
                             u64 storage_len);

/*
 * Allocates nr contiguous frames whose address is a multiple of align bytes (power of two, >= 4096), which lie wholly
 * below limit (bytes; FRAMES_NO_LIMIT for anywhere). hint: address to try first and upwards from (0 = none: next
 * fit); it is a wish, not a limit. OK and *pa; ERR_NOMEM; ERR_INVAL for nr 0 or a bad align. Contents are not
 * cleared.
 */
__must_check int frames_alloc(struct frames *f, u64 nr, u64 align, u64 limit, u64 hint, hpa_t *pa);

/* One naturally aligned chunk of size 4 KiB, 2 MiB or 1 GiB anywhere. Errors as frames_alloc. */
__must_check int frames_alloc_4k(struct frames *f, hpa_t *pa);
__must_check int frames_alloc_2m(struct frames *f, hpa_t *pa);
__must_check int frames_alloc_1g(struct frames *f, hpa_t *pa);

/*
 * Takes given frames out of the pool. OK; ERR_BUSY when one of them is in use (nothing changed); ERR_RANGE when not
 * all are in one region; ERR_INVAL for nr 0 or an unaligned address.
 */
__must_check int frames_reserve(struct frames *f, hpa_t pa, u64 nr);

/*
 * Frees nr frames at pa (any sub-range of what was allocated). OK; ERR_INVAL when one of them is free already (double
 * free; nothing changed), or for nr 0 or an unaligned address; ERR_RANGE when not all are in one region.
 */
__must_check int frames_free(struct frames *f, hpa_t pa, u64 nr);

/* true when the frame holding pa belongs to the pool and is allocated. */
bool frames_in_use(const struct frames *f, hpa_t pa);

/* Length in frames of the longest free run that starts at a multiple of align bytes: for "no memory" messages. */
u64 frames_longest_run(const struct frames *f, u64 align);
