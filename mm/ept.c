/* Extended page tables: the entry format over mm/ptree.c. See ept.h. */
#include "mm/ept.h"

#include "lib/assert.h"

/* SDM vol. 3, "The Extended Page Table Mechanism", tables of the EPT entry formats. */
#define ENTRY_RWX      0x7ull
#define ENTRY_MT(t)    ((u64)(t) << 3) /* bits 5:3 */
#define ENTRY_IPAT     BIT(6)
#define ENTRY_LARGE    BIT(7)
#define ENTRY_ACCESSED BIT(8)
#define ENTRY_DIRTY    BIT(9)
#define ENTRY_ATTRS    (ENTRY_RWX | ENTRY_MT(7) | ENTRY_IPAT | ENTRY_ACCESSED | ENTRY_DIRTY)

static u64 leaf(hpa_t hpa, u64 attrs, u32 level)
{
	return hpa.v | attrs | (level > 1 ? ENTRY_LARGE : 0);
}

static void unleaf(u64 entry, u32 level, hpa_t *hpa, u64 *attrs)
{
	(void)level;
	*hpa = HPA(entry & PTREE_MASK);
	*attrs = entry & ENTRY_ATTRS;
}

static const struct ptree_fmt ept_fmt = {
	.leaf = leaf,
	.unleaf = unleaf,
	.present = ENTRY_RWX,
	.table = ENTRY_RWX,
	.large = ENTRY_LARGE,
	.sticky = ENTRY_ACCESSED | ENTRY_DIRTY,
};

int ept_init(struct ept *e, const struct ept_caps *caps, const struct pt_alloc *alloc)
{
	u32 max_level = caps->page_1g ? 3 : caps->page_2m ? 2 : 1;

	e->caps = *caps;
	if (!e->caps.phys_bits || e->caps.phys_bits > 52)
		e->caps.phys_bits = 52;
	return ptree_init(&e->t, &ept_fmt, alloc, max_level);
}

void ept_destroy(struct ept *e)
{
	ptree_destroy(&e->t);
}

static int check_perms(const struct ept *e, u32 perms)
{
	if (!perms || perms & ~EPT_RWX)
		return ERR_INVAL;
	if (perms & EPT_W && !(perms & EPT_R))
		return ERR_INVAL;
	if (perms == EPT_X && !e->caps.exec_only)
		return ERR_NOTSUP;
	return OK;
}

static bool memtype_ok(u32 type)
{
	const u32 valid = 1u << EPT_MT_UC | 1u << EPT_MT_WC | 1u << EPT_MT_WT | 1u << EPT_MT_WP | 1u << EPT_MT_WB;

	return type <= (7u | EPT_MT_IGNORE_PAT) && valid >> (type & 7) & 1;
}

int ept_map(struct ept *e, gpa_t gpa, hpa_t hpa, u64 len, u32 perms, enum ept_memtype type, bool replace)
{
	u64 attrs = perms | ENTRY_MT(type & 7) | ((u32)type & EPT_MT_IGNORE_PAT ? ENTRY_IPAT : 0);
	int rc = check_perms(e, perms);

	if (rc != OK)
		return rc;
	if (!memtype_ok(type))
		return ERR_INVAL;
	if (hpa.v >> e->caps.phys_bits || len > (1ull << e->caps.phys_bits) - hpa.v)
		return ERR_RANGE;
	return ptree_map(&e->t, gpa.v, hpa, len, attrs, PTREE_LEVELS - 1, replace);
}

int ept_unmap(struct ept *e, gpa_t gpa, u64 len)
{
	return ptree_unmap(&e->t, gpa.v, len);
}

int ept_protect(struct ept *e, gpa_t gpa, u64 len, u32 perms)
{
	int rc = check_perms(e, perms);

	return rc == OK ? ptree_protect(&e->t, gpa.v, len, ENTRY_RWX, perms) : rc;
}

int ept_shatter(struct ept *e, gpa_t gpa, u32 perms)
{
	int rc = check_perms(e, perms);

	return rc == OK ? ptree_shatter(&e->t, gpa.v, ENTRY_RWX, perms) : rc;
}

u64 ept_merge(struct ept *e, gpa_t gpa, u64 len)
{
	return ptree_merge(&e->t, gpa.v, len);
}

bool ept_prune(struct ept *e, gpa_t gpa)
{
	return ptree_prune(&e->t, gpa.v);
}

static struct ept_leaf decode(const struct ptree_leaf *l)
{
	struct ept_leaf out = { .gpa = GPA(l->addr), .hpa = l->hpa, .size = l->size };

	out.perms = (u32)(l->attrs & ENTRY_RWX);
	out.type = (enum ept_memtype)((l->attrs >> 3 & 7) | (l->attrs & ENTRY_IPAT ? EPT_MT_IGNORE_PAT : 0));
	out.accessed = l->attrs & ENTRY_ACCESSED;
	out.dirty = l->attrs & ENTRY_DIRTY;
	return out;
}

int ept_lookup(const struct ept *e, gpa_t gpa, struct ept_leaf *out)
{
	struct ptree_leaf l;
	int rc = ptree_lookup(&e->t, gpa.v, &l);

	if (rc == OK)
		*out = decode(&l);
	return rc;
}

int ept_translate(const struct ept *e, gpa_t gpa, hpa_t *hpa)
{
	struct ptree_leaf l;
	int rc = ptree_lookup(&e->t, gpa.v, &l);

	if (rc == OK)
		*hpa = HPA(l.hpa.v + (gpa.v - l.addr));
	return rc;
}

struct walk_arg {
	int (*fn)(void *arg, const struct ept_leaf *leaf);
	void *arg;
};

static int walk_one(void *arg, const struct ptree_leaf *l)
{
	const struct walk_arg *w = arg;
	struct ept_leaf out = decode(l);

	return w->fn(w->arg, &out);
}

int ept_walk(const struct ept *e, gpa_t gpa, u64 len, int (*fn)(void *arg, const struct ept_leaf *leaf), void *arg)
{
	struct walk_arg w = { fn, arg };

	return ptree_walk(&e->t, gpa.v, len, walk_one, &w);
}

u64 ept_eptp(const struct ept *e)
{
	return e->t.root_hpa.v | (PTREE_LEVELS - 1) << 3 | EPT_MT_WB | (e->caps.ad ? BIT(6) : 0);
}

bool ept_flushed_some(struct ept *e)
{
	return ptree_flushed_some(&e->t);
}

void ept_flushed(struct ept *e)
{
	ptree_flushed(&e->t);
}
