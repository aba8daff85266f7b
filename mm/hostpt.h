/*
 * The hypervisor's own 4-level page tables. Source: Intel SDM vol. 3, "4-Level Paging and 5-Level Paging".
 *
 * One tree is the kernel's; each VM's address space is another that borrows the kernel's root slots (hostpt_share)
 * and has the VM's RAM in a window of its own. Everything is supervisor only. Rules of mm/ptree.h hold: after a
 * change, when hostpt_needs_flush() says so, flush the TLBs of the CPUs concerned, then call hostpt_flushed().
 */
#pragma once

#include "mm/ept.h"
#include "mm/ptree.h"

/* Flags of a mapping. Present and supervisor are implied; read is always allowed. */
#define HOSTPT_W      0x1u
#define HOSTPT_X      0x2u /* executable: without it NX is set. W and X together are refused */
#define HOSTPT_GLOBAL 0x4u
/* Cache attribute: which PAT entry, as PAT_HOST of arch/x86/cpu.h has them: the power-on PAT (0 WB, 1 WT, 2 UC-, 3 UC,
 * 4..7 the same again) but for entry 5. */
#define HOSTPT_PAT(n) ((u32)(n) << 4)
#define HOSTPT_WB     HOSTPT_PAT(0)
#define HOSTPT_WT     HOSTPT_PAT(1)
#define HOSTPT_UCM    HOSTPT_PAT(2)
#define HOSTPT_UC     HOSTPT_PAT(3)
#define HOSTPT_WC     HOSTPT_PAT(5)

struct hostpt {
	struct ptree t;
};

/* Allocates the PML4. max_page: largest page the CPU has (4096, SIZE_2M or SIZE_1G). OK or ERR_NOMEM. */
__must_check int hostpt_init(struct hostpt *pt, const struct pt_alloc *alloc, u64 max_page);
/* Frees all tables but those of borrowed slots. */
void hostpt_destroy(struct hostpt *pt);

/*
 * Maps [va, va+len) to [pa, ...), page aligned, with pages no larger than max_page (0: no further limit). va is
 * canonical and the range does not cross the hole (ERR_RANGE). Overlap is ERR_EXIST. W with X is ERR_INVAL.
 * ERR_PERM in a borrowed slot, ERR_NOMEM; after an error nothing has changed.
 */
__must_check int hostpt_map(struct hostpt *pt, u64 va, hpa_t pa, u64 len, u32 flags, u64 max_page);
/* Unmaps whatever is mapped in the range (guard pages, windows). */
__must_check int hostpt_unmap(struct hostpt *pt, u64 va, u64 len);
/* Sets W, X, GLOBAL and the cache attribute of whatever is mapped in the range. */
__must_check int hostpt_protect(struct hostpt *pt, u64 va, u64 len, u32 flags);

/* Translation of one byte: OK or ERR_NOENT. flags and size may be NULL. */
__must_check int hostpt_lookup(const struct hostpt *pt, u64 va, hpa_t *pa, u32 *flags, u64 *size);

/* Makes sure that root slots [first, first+n) have a table, so that what is mapped there later is seen by all
 * sharers. OK or ERR_NOMEM. */
__must_check int hostpt_populate(struct hostpt *pt, u32 first, u32 n);
/* dst borrows src's root slots [first, first+n): ERR_EXIST when dst has something there already. */
__must_check int hostpt_share(struct hostpt *dst, const struct hostpt *src, u32 first, u32 n);

/* Root slot (PML4 index) of an address. */
static inline u32 hostpt_slot(u64 va)
{
	return (u32)(va >> 39 & 511);
}

/*
 * A VM's window: maps window_base + gpa for every page that the EPT maps readable, writable and write-back in
 * [gpa, gpa+len): write-back, writable, not executable, following the EPT's page sizes. On an error the window's range is unmapped
 * again.
 */
__must_check int hostpt_map_window(struct hostpt *pt, u64 window_base, const struct ept *e, gpa_t gpa, u64 len);

/* CR3 value: the PML4's address (PCID 0). */
static inline u64 hostpt_cr3(const struct hostpt *pt)
{
	return pt->t.root_hpa.v;
}

static inline bool hostpt_needs_flush(const struct hostpt *pt)
{
	return pt->t.stale;
}
void hostpt_flushed(struct hostpt *pt);
