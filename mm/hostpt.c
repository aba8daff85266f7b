/* The hypervisor's own page tables: the entry format over mm/ptree.c. See hostpt.h. */
#include "mm/hostpt.h"

#include "lib/assert.h"

/* SDM vol. 3, "4-Level Paging and 5-Level Paging", formats of the entries. */
#define ENTRY_P       BIT(0)
#define ENTRY_W       BIT(1)
#define ENTRY_PWT     BIT(3)
#define ENTRY_PCD     BIT(4)
#define ENTRY_A       BIT(5)
#define ENTRY_D       BIT(6)
#define ENTRY_PS      BIT(7)
#define ENTRY_PAT_4K  BIT(7)
#define ENTRY_G       BIT(8)
#define ENTRY_PAT_BIG BIT(12)
#define ENTRY_NX      BIT(63)
/* Attribute word: an entry's own bits, with the PAT bit where ignored bit 9 of an entry is. */
#define ATTR_PAT      BIT(9)
#define ATTR_PLAIN    (ENTRY_P | ENTRY_W | ENTRY_PWT | ENTRY_PCD | ENTRY_A | ENTRY_D | ENTRY_G | ENTRY_NX)
#define ATTR_CHANGING (ENTRY_W | ENTRY_PWT | ENTRY_PCD | ENTRY_G | ENTRY_NX | ATTR_PAT)

static u64 leaf(hpa_t hpa, u64 attrs, u32 level)
{
	u64 pat = level > 1 ? ENTRY_PAT_BIG : ENTRY_PAT_4K;

	return hpa.v | (attrs & ATTR_PLAIN) | (level > 1 ? ENTRY_PS : 0) | (attrs & ATTR_PAT ? pat : 0);
}

static void unleaf(u64 entry, u32 level, hpa_t *hpa, u64 *attrs)
{
	u64 pat = level > 1 ? ENTRY_PAT_BIG : ENTRY_PAT_4K;

	*attrs = (entry & ATTR_PLAIN) | (entry & pat ? ATTR_PAT : 0);
	*hpa = HPA(entry & PTREE_MASK & ~(ptree_size(level) - 1));
}

static const struct ptree_fmt host_fmt = {
	.leaf = leaf,
	.unleaf = unleaf,
	.present = ENTRY_P,
	.table = ENTRY_P | ENTRY_W, /* rights are the leaves' business; supervisor only */
	.large = ENTRY_PS,
	.sticky = ENTRY_A | ENTRY_D,
};

/* A and D are set from the start: the hypervisor does not look at them, and the CPU then need not write them. */
static u64 attrs_of(u32 flags)
{
	u64 a = ENTRY_P | ENTRY_A | ENTRY_D;

	if (flags & HOSTPT_W)
		a |= ENTRY_W;
	if (!(flags & HOSTPT_X))
		a |= ENTRY_NX;
	if (flags & HOSTPT_GLOBAL)
		a |= ENTRY_G;
	if (flags & HOSTPT_PAT(1))
		a |= ENTRY_PWT;
	if (flags & HOSTPT_PAT(2))
		a |= ENTRY_PCD;
	if (flags & HOSTPT_PAT(4))
		a |= ATTR_PAT;
	return a;
}

static u32 flags_of(u64 a)
{
	return (a & ENTRY_W ? HOSTPT_W : 0) | (a & ENTRY_NX ? 0 : HOSTPT_X) | (a & ENTRY_G ? HOSTPT_GLOBAL : 0) |
	       (a & ENTRY_PWT ? HOSTPT_PAT(1) : 0) | (a & ENTRY_PCD ? HOSTPT_PAT(2) : 0) |
	       (a & ATTR_PAT ? HOSTPT_PAT(4) : 0);
}

static u32 level_of(u64 max_page)
{
	return max_page >= SIZE_1G ? 3 : max_page >= SIZE_2M ? 2 : 1;
}

int hostpt_init(struct hostpt *pt, const struct pt_alloc *alloc, u64 max_page)
{
	return ptree_init(&pt->t, &host_fmt, alloc, level_of(max_page));
}

void hostpt_destroy(struct hostpt *pt)
{
	ptree_destroy(&pt->t);
}

/* Canonical address range to the tree's 48-bit one. */
static int fold(u64 va, u64 len, u64 *addr)
{
	u64 top = va >> 47;

	if (top != 0 && top != 0x1ffff)
		return ERR_RANGE;
	*addr = va & (BIT(48) - 1);
	if (len > BIT(47) - (va & (BIT(47) - 1)))
		return ERR_RANGE;
	return OK;
}

static bool flags_ok(u32 flags)
{
	const u32 all = HOSTPT_W | HOSTPT_X | HOSTPT_GLOBAL | HOSTPT_PAT(7);

	return !(flags & ~all) && (flags & (HOSTPT_W | HOSTPT_X)) != (HOSTPT_W | HOSTPT_X);
}

int hostpt_map(struct hostpt *pt, u64 va, hpa_t pa, u64 len, u32 flags, u64 max_page)
{
	u64 addr;
	int rc = fold(va, len, &addr);

	if (rc != OK)
		return rc;
	if (!flags_ok(flags))
		return ERR_INVAL;
	return ptree_map(&pt->t, addr, pa, len, attrs_of(flags), level_of(max_page ? max_page : SIZE_1G), false);
}

int hostpt_unmap(struct hostpt *pt, u64 va, u64 len)
{
	u64 addr;
	int rc = fold(va, len, &addr);

	return rc == OK ? ptree_unmap(&pt->t, addr, len) : rc;
}

int hostpt_protect(struct hostpt *pt, u64 va, u64 len, u32 flags)
{
	u64 addr;
	int rc = fold(va, len, &addr);

	if (rc != OK)
		return rc;
	if (!flags_ok(flags))
		return ERR_INVAL;
	return ptree_protect(&pt->t, addr, len, ATTR_CHANGING, attrs_of(flags) & ATTR_CHANGING);
}

int hostpt_lookup(const struct hostpt *pt, u64 va, hpa_t *pa, u32 *flags, u64 *size)
{
	struct ptree_leaf l;
	u64 addr;

	if (fold(va, 1, &addr) != OK || ptree_lookup(&pt->t, addr, &l) != OK)
		return ERR_NOENT;
	*pa = HPA(l.hpa.v + (addr - l.addr));
	if (flags)
		*flags = flags_of(l.attrs);
	if (size)
		*size = l.size;
	return OK;
}

int hostpt_populate(struct hostpt *pt, u32 first, u32 n)
{
	for (u32 slot = first; slot < first + n; slot++) {
		int rc = ptree_pin(&pt->t, slot);

		if (rc != OK)
			return rc;
	}
	return OK;
}

int hostpt_share(struct hostpt *dst, const struct hostpt *src, u32 first, u32 n)
{
	for (u32 slot = first; slot < first + n; slot++) {
		int rc = ptree_borrow(&dst->t, &src->t, slot);

		if (rc != OK)
			return rc;
	}
	return OK;
}

struct window {
	struct hostpt *pt;
	u64 base;
	u64 gpa, end;
	u64 done; /* everything below this gpa has been mapped */
};

/* Write-back memory: what the guest sees in another type (a device's window) must not be cached here. */
static bool in_window(const struct ept_leaf *l)
{
	return (l->perms & EPT_RW) == EPT_RW && (l->type & ~EPT_MT_IGNORE_PAT) == EPT_MT_WB;
}

static int map_leaf(void *arg, const struct ept_leaf *l)
{
	struct window *w = arg;
	u64 lo = MAX(l->gpa.v, w->gpa), hi = MIN(l->gpa.v + l->size, w->end);
	int rc;

	if (!in_window(l))
		return OK;
	rc = hostpt_map(w->pt, w->base + lo, HPA(l->hpa.v + (lo - l->gpa.v)), hi - lo, HOSTPT_W | HOSTPT_WB, l->size);
	if (rc == OK)
		w->done = hi;
	return rc;
}

/* Unmaps exactly what map_leaf mapped: whole leaves, so that no memory is needed. */
static int unmap_leaf(void *arg, const struct ept_leaf *l)
{
	const struct window *w = arg;
	u64 lo = MAX(l->gpa.v, w->gpa), hi = MIN(l->gpa.v + l->size, w->end);
	int rc;

	if (lo >= w->done || !in_window(l))
		return OK;
	rc = hostpt_unmap(w->pt, w->base + lo, hi - lo);
	assert(rc == OK);
	return OK;
}

int hostpt_map_window(struct hostpt *pt, u64 window_base, const struct ept *e, gpa_t gpa, u64 len)
{
	struct window w = { pt, window_base, gpa.v, gpa.v + len, 0 };
	int rc, undo;

	if (!len || !IS_ALIGNED(gpa.v, PAGE_SIZE) || !IS_ALIGNED(len, PAGE_SIZE))
		return ERR_INVAL;
	rc = ept_walk(e, gpa, len, map_leaf, &w);
	if (rc != OK && w.done) {
		undo = ept_walk(e, gpa, len, unmap_leaf, &w);
		assert(undo == OK);
	}
	return rc;
}

void hostpt_flushed(struct hostpt *pt)
{
	ptree_flushed(&pt->t);
}
