/*
 * Extended page tables: guest-physical to host-physical. Source: Intel SDM vol. 3, "The Extended Page Table
 * Mechanism".
 *
 * A thin format over mm/ptree.h; its rules on live changes hold. After a change, when ept_needs_flush() says so, the
 * caller executes INVEPT on every CPU that may have run the VM, then calls ept_flushed(), which frees replaced
 * tables.
 */
#pragma once

#include "mm/ptree.h"

/* Permissions. W without R is refused everywhere, X alone needs ept_caps.exec_only. */
#define EPT_R   1u
#define EPT_W   2u
#define EPT_X   4u
#define EPT_RW  (EPT_R | EPT_W)
#define EPT_RWX (EPT_R | EPT_W | EPT_X)

enum ept_memtype {
	EPT_MT_UC = 0,
	EPT_MT_WC = 1,
	EPT_MT_WT = 4,
	EPT_MT_WP = 5,
	EPT_MT_WB = 6,
	EPT_MT_IGNORE_PAT = 8, /* ORed: the guest's PAT is ignored */
	/*
	 * The rule, by what lies behind a page. RAM: the hypervisor's window on it is write-back, and one page must not
	 * be cached in one view and uncached in the other; so no guest has a say. A device's window: uncached, and the
	 * guest's PAT may make it write-combining, nothing else.
	 */
	EPT_MT_RAM = EPT_MT_WB | EPT_MT_IGNORE_PAT,
	EPT_MT_DEVICE = EPT_MT_UC,
};

struct ept_caps {
	bool page_2m, page_1g;
	bool ad; /* accessed/dirty flags are switched on in the EPTP */
	bool exec_only;
	u8 phys_bits; /* host MAXPHYADDR; 0 means 52 */
};

struct ept {
	struct ptree t;
	struct ept_caps caps;
};

/* Allocates an empty table. OK or ERR_NOMEM. alloc must live on; caps is copied. */
__must_check int ept_init(struct ept *e, const struct ept_caps *caps, const struct pt_alloc *alloc);
void ept_destroy(struct ept *e);

/*
 * Maps [gpa, gpa+len) to [hpa, ...). Sizes in bytes, page aligned. Uses the largest pages; with replace, what was
 * there goes (larger pages are split); without, overlap is ERR_EXIST. ERR_INVAL: alignment, len 0, perms or type that
 * would be a misconfiguration; ERR_NOTSUP: execute-only without the capability; ERR_RANGE: gpa beyond 48 bits or hpa
 * beyond phys_bits; ERR_NOMEM. After an error nothing has changed.
 */
__must_check int ept_map(struct ept *e, gpa_t gpa, hpa_t hpa, u64 len, u32 perms, enum ept_memtype type,
                         bool replace);
/* Unmaps whatever is mapped in the range. Errors as ept_map. */
__must_check int ept_unmap(struct ept *e, gpa_t gpa, u64 len);
/* Sets the permissions of whatever is mapped in the range. perms 0 would unmap: ERR_INVAL. Errors as ept_map. */
__must_check int ept_protect(struct ept *e, gpa_t gpa, u64 len, u32 perms);
/*
 * Maps the 2 MiB around gpa, all of which a large page maps, with pages of 4 KiB and these permissions; the memory
 * type stays. Errors as ept_map; ERR_NOENT: there is no large page.
 */
__must_check int ept_shatter(struct ept *e, gpa_t gpa, u32 perms);
/* Re-merges to larger pages; drops empty tables. Returns the number of tables saved. With A/D flags in use the VM
 * must not run meanwhile (a dirty flag set during the merge could be lost). */
u64 ept_merge(struct ept *e, gpa_t gpa, u64 len);

/* Drops the lowest table on the way to gpa if nothing is mapped in it. false: it had to stay, or there is none. */
bool ept_prune(struct ept *e, gpa_t gpa);

struct ept_leaf {
	gpa_t gpa; /* start of the page */
	hpa_t hpa; /* of that start */
	u64 size;
	u32 perms;
	enum ept_memtype type; /* with EPT_MT_IGNORE_PAT */
	bool accessed, dirty;  /* meaningful with caps.ad */
};

/* The page that maps gpa (any byte). OK or ERR_NOENT. */
__must_check int ept_lookup(const struct ept *e, gpa_t gpa, struct ept_leaf *leaf);
/* Host address of one byte. OK or ERR_NOENT. */
__must_check int ept_translate(const struct ept *e, gpa_t gpa, hpa_t *hpa);
/* fn for every page that intersects the range, ascending; stops at and returns fn's first non-zero result. */
__must_check int ept_walk(const struct ept *e, gpa_t gpa, u64 len, int (*fn)(void *arg, const struct ept_leaf *leaf),
                          void *arg);

/* EPT pointer: WB tables, 4 levels, A/D flags when caps.ad. */
u64 ept_eptp(const struct ept *e);

static inline bool ept_needs_flush(const struct ept *e)
{
	return e->t.stale;
}
/* Tables wait for a flush to be freed. */
static inline bool ept_holds_tables(const struct ept *e)
{
	return e->t.dead;
}
/* All CPUs have done their INVEPT. */
void ept_flushed(struct ept *e);
/* The same, one of the tables that wait at a time. true: there are more; a change meanwhile wants another INVEPT first. */
bool ept_flushed_some(struct ept *e);
