/*
 * The four-level radix tree that EPT (mm/ept.h) and the host's own page tables (mm/hostpt.h) have in common: mapping
 * with the largest pages, splitting, merging, out-of-memory without traces. What an entry looks like is the format's.
 *
 * Rule that everything here keeps: the tree is live while it is changed (another CPU may walk it at any moment), so a
 * table is complete before it is linked, every change of a live entry is one 64-bit store, and a table taken out of
 * the tree is not freed before the owner has flushed the TLBs (ptree_flushed). Not locked: the owner serialises
 * changes.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

/* Where table pages come from. All functions get ctx. */
struct pt_alloc {
	void *ctx;
	/* One 4 KiB aligned page, contents arbitrary unless zeroed; fills *hpa (not 0); NULL when there is none. */
	void *(*alloc_page)(void *ctx, hpa_t *hpa);
	/* Pages come cleared, but for the first 8 bytes: who maps something need not take the time for it. */
	bool zeroed;
	void (*free_page)(void *ctx, hpa_t hpa, void *virt);
	/* The pointer alloc_page gave for this address. */
	void *(*to_virt)(void *ctx, hpa_t hpa);
	/* Stores one entry, single-copy atomic; NULL means a plain volatile store. Tests record the history here. */
	void (*set_entry)(void *ctx, u64 *entry, u64 value);
};

/* Levels: 1 = page table (4 KiB leaves), 2 = 2 MiB, 3 = 1 GiB, 4 = root (no leaves). */
#define PTREE_LEVELS 4
#define PTREE_MASK   0x000ffffffffff000ull /* address bits of an entry */

static inline u64 ptree_size(u32 level)
{
	return 1ull << (12 + 9 * (level - 1));
}

/* Entry format. attrs is the format's own level-independent attribute word (never overlapping PTREE_MASK). */
struct ptree_fmt {
	u64 (*leaf)(hpa_t hpa, u64 attrs, u32 level);
	void (*unleaf)(u64 entry, u32 level, hpa_t *hpa, u64 *attrs);
	u64 present; /* an entry with none of these bits is empty */
	u64 table;   /* bits of an entry that refers to a table */
	u64 large;   /* page-size bit, at levels 2 and 3 */
	u64 sticky;  /* attrs the CPU sets (accessed, dirty): ignored when comparing, ORed when merging */
};

struct ptree {
	const struct ptree_fmt *fmt;
	const struct pt_alloc *alloc;
	u64 *root;
	hpa_t root_hpa;
	u32 max_level;   /* largest leaf: 1, 2 or 3 */
	bool stale;      /* TLBs may hold what the tables no longer say */
	u64 tables;      /* table pages in the tree, the root included */
	u64 dead;        /* hpa of the first replaced table waiting for a flush; 0 = none */
	u64 reserve;     /* hpa of the first page set aside for the operation under way; 0 = none */
	u64 borrowed[8]; /* bitmap of root slots that belong to another tree */
	u64 pinned[8];   /* bitmap of root slots whose table others may borrow: never dropped */
};

/* Allocates the root. OK or ERR_NOMEM. fmt and alloc must live on. */
__must_check int ptree_init(struct ptree *t, const struct ptree_fmt *fmt, const struct pt_alloc *alloc,
                            u32 max_level);

/* Frees every table (not what the leaves point to). No CPU may use the tree any more. */
void ptree_destroy(struct ptree *t);

/*
 * Maps [addr, addr+len) to [hpa, …) with the largest leaves that alignment and min(max_level, t->max_level) allow.
 * Without replace, any overlap with something mapped is ERR_EXIST. ERR_INVAL: not page aligned or len 0;
 * ERR_RANGE: beyond the 48-bit space; ERR_PERM: in a borrowed root slot; ERR_NOMEM. On any error nothing has changed.
 */
__must_check int ptree_map(struct ptree *t, u64 addr, hpa_t hpa, u64 len, u64 attrs, u32 max_level, bool replace);

/* Unmaps what is mapped in the range, splitting leaves that reach out of it. Errors as ptree_map. */
__must_check int ptree_unmap(struct ptree *t, u64 addr, u64 len);

/* attrs = (attrs & ~clear) | set for what is mapped in the range; splits as needed. Errors as ptree_map. */
__must_check int ptree_protect(struct ptree *t, u64 addr, u64 len, u64 clear, u64 set);

/*
 * Maps the 2 MiB around addr, all of which a larger leaf maps, with pages of 4 KiB whose attrs are (attrs & ~clear) |
 * set. OK, ERR_NOENT (there is no larger leaf), ERR_RANGE, ERR_NOMEM. A table's entries are written once, at once.
 */
__must_check int ptree_shatter(struct ptree *t, u64 addr, u64 clear, u64 set);

/*
 * Replaces tables in the range by one leaf where all 512 entries are contiguous and alike, and drops empty tables.
 * Cannot fail; returns how many tables went. Only whole tables inside the range are considered.
 */
u64 ptree_merge(struct ptree *t, u64 addr, u64 len);

/*
 * Drops the lowest table on the way to addr if nothing is mapped in it any more; leaves merge nothing. false: there is
 * none, or something is. One table a call: a look through it is work enough for one piece.
 */
bool ptree_prune(struct ptree *t, u64 addr);

struct ptree_leaf {
	u64 addr;  /* start of the leaf */
	hpa_t hpa; /* where that start is mapped */
	u64 size;  /* 4 KiB, 2 MiB or 1 GiB */
	u64 attrs;
};

/* The leaf that maps addr. OK or ERR_NOENT. */
__must_check int ptree_lookup(const struct ptree *t, u64 addr, struct ptree_leaf *leaf);

/* Calls fn for every leaf that intersects the range, ascending (leaves are not clipped). Stops at fn's first non-zero
 * result and returns it; OK at the end. */
__must_check int ptree_walk(const struct ptree *t, u64 addr, u64 len,
                            int (*fn)(void *arg, const struct ptree_leaf *leaf), void *arg);

/* Gives root slot an (empty) table of its own that is never dropped, so that others may borrow it. OK, ERR_NOMEM,
 * ERR_PERM when the slot is borrowed. */
__must_check int ptree_pin(struct ptree *t, u32 slot);
/* dst uses src's table of a pinned slot: ERR_NOENT when it is not pinned, ERR_EXIST when dst has something there. */
__must_check int ptree_borrow(struct ptree *dst, const struct ptree *src, u32 slot);

/* The owner has flushed all TLBs and paging-structure caches: frees the tables that waited for it. */
void ptree_flushed(struct ptree *t);
/* The same for one of them. true: there are more; a change meanwhile wants another flush first. */
bool ptree_flushed_some(struct ptree *t);
