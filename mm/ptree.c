/* The four-level radix tree. See ptree.h for the rule that every change keeps. */
#include "mm/ptree.h"

#include "lib/assert.h"
#include "lib/string.h"

#define ENTRIES    512u
#define ADDR_LIMIT (1ull << 48)

enum op_kind { OP_MAP, OP_UNMAP, OP_PROTECT };

/* One change under way. */
struct op {
	enum op_kind kind;
	u64 start, end;
	u64 hpa, attrs; /* OP_MAP */
	u32 max_level;
	bool replace;
	u64 clear, set; /* OP_PROTECT */
};

static void set_entry(struct ptree *t, u64 *entry, u64 value)
{
	if (t->alloc->set_entry)
		t->alloc->set_entry(t->alloc->ctx, entry, value);
	else
		*(volatile u64 *)entry = value;
}

static u64 *table_of(const struct ptree *t, u64 entry)
{
	return t->alloc->to_virt(t->alloc->ctx, HPA(entry & PTREE_MASK));
}

static bool is_present(const struct ptree *t, u64 entry)
{
	return entry & t->fmt->present;
}

static bool is_leaf(const struct ptree *t, u64 entry, u32 level)
{
	return is_present(t, entry) && (level == 1 || (level < PTREE_LEVELS && entry & t->fmt->large));
}

static bool is_table(const struct ptree *t, u64 entry, u32 level)
{
	return is_present(t, entry) && !is_leaf(t, entry, level);
}

static bool slot_in(const u64 bitmap[8], u32 slot)
{
	return bitmap[slot / 64] >> (slot % 64) & 1;
}

/* ------------------------------------------------------------------------------------------------------------------
 * Pages
 */

static u64 *new_page(struct ptree *t, hpa_t *hpa)
{
	u64 *p = t->alloc->alloc_page(t->alloc->ctx, hpa);

	if (p)
		assert(IS_ALIGNED(hpa->v, PAGE_SIZE) && hpa->v && !(hpa->v & ~PTREE_MASK));
	return p;
}

static void release_reserve(struct ptree *t)
{
	while (t->reserve) {
		hpa_t hpa = HPA(t->reserve);
		u64 *p = t->alloc->to_virt(t->alloc->ctx, hpa);

		t->reserve = p[0];
		t->alloc->free_page(t->alloc->ctx, hpa, p);
	}
}

static int fill_reserve(struct ptree *t, u64 pages)
{
	assert(!t->reserve);
	for (; pages; pages--) {
		hpa_t hpa;
		u64 *p = new_page(t, &hpa);

		if (!p) {
			release_reserve(t);
			return ERR_NOMEM;
		}
		p[0] = t->reserve;
		t->reserve = hpa.v;
	}
	return OK;
}

static u64 *take_reserve(struct ptree *t, hpa_t *hpa)
{
	u64 *p;

	assert(t->reserve);
	*hpa = HPA(t->reserve);
	p = t->alloc->to_virt(t->alloc->ctx, *hpa);
	t->reserve = p[0];
	t->tables++;
	return p;
}

/*
 * A replaced table may still be in a CPU's paging-structure cache, so its translations must stay as they are until
 * the flush. The list of the dead is therefore threaded through bits 56:52, which both formats ignore: five bits of
 * the next table's frame number in each of entries 0..7, the table's own level in entry 8.
 */
#define LINK_SHIFT 52
#define LINK_MASK  0x1full

static void put_link(struct ptree *t, u64 *table, u32 i, u64 bits)
{
	set_entry(t, &table[i], (table[i] & ~(LINK_MASK << LINK_SHIFT)) | (bits & LINK_MASK) << LINK_SHIFT);
}

static void bury(struct ptree *t, u64 entry, u32 level)
{
	u64 *table = table_of(t, entry);

	for (u32 i = 0; i < 8; i++)
		put_link(t, table, i, t->dead >> (PAGE_SHIFT + 5 * i));
	put_link(t, table, 8, level);
	t->dead = entry & PTREE_MASK;
}

/* Whether table[i] to table[i + 7] are 0: most of a table is, and an entry's meaning takes longer to find. */
static bool eight_zero(const u64 *table, u32 i)
{
	const u64 *e = &table[i];

	return !(e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]);
}

/* Frees a table and all below it; level is the table's own. At most PTREE_LEVELS deep. */
static void free_tree(struct ptree *t, hpa_t hpa, u64 *table, u32 level)
{
	for (u32 i = 0; level > 1 && i < ENTRIES; i++) {
		if (i % 8 == 0 && eight_zero(table, i)) {
			i += 7;
			continue;
		}
		if (!is_table(t, table[i], level))
			continue;
		if (level == PTREE_LEVELS && slot_in(t->borrowed, i))
			continue;
		free_tree(t, HPA(table[i] & PTREE_MASK), table_of(t, table[i]), level - 1);
	}
	t->tables--;
	t->alloc->free_page(t->alloc->ctx, hpa, table);
}

bool ptree_flushed_some(struct ptree *t)
{
	if (t->dead) {
		hpa_t hpa = HPA(t->dead);
		u64 *table = t->alloc->to_virt(t->alloc->ctx, hpa);
		u64 next = 0;

		for (u32 i = 0; i < 8; i++)
			next |= (table[i] >> LINK_SHIFT & LINK_MASK) << (PAGE_SHIFT + 5 * i);
		t->dead = next;
		free_tree(t, hpa, table, (u32)(table[8] >> LINK_SHIFT & LINK_MASK));
	}
	t->stale = t->dead;
	return t->stale;
}

void ptree_flushed(struct ptree *t)
{
	while (ptree_flushed_some(t))
		;
}

int ptree_init(struct ptree *t, const struct ptree_fmt *fmt, const struct pt_alloc *alloc, u32 max_level)
{
	assert(max_level >= 1 && max_level < PTREE_LEVELS);
	memset(t, 0, sizeof(*t));
	t->fmt = fmt;
	t->alloc = alloc;
	t->max_level = max_level;
	t->root = new_page(t, &t->root_hpa);
	if (!t->root)
		return ERR_NOMEM;
	t->tables = 1;
	for (u32 i = 0; i < ENTRIES; i++)
		set_entry(t, &t->root[i], 0);
	return OK;
}

void ptree_destroy(struct ptree *t)
{
	if (!t->root)
		return;
	ptree_flushed(t);
	free_tree(t, t->root_hpa, t->root, PTREE_LEVELS);
	assert(t->tables == 0);
	t->root = NULL;
}

/* ------------------------------------------------------------------------------------------------------------------
 * Changes: plan (count the tables needed, find errors), reserve, apply (cannot fail)
 */

/* The part of entry i of a table at base that the operation covers. */
struct part {
	u64 lo, hi;
	bool full; /* the whole entry */
};

static struct part part_of(const struct op *op, u64 base, u32 i, u32 level)
{
	u64 size = ptree_size(level), lo = base + i * size;
	struct part p = { MAX(lo, op->start), MIN(lo + size, op->end), false };

	p.full = p.lo == lo && p.hi == lo + size;
	return p;
}

static void index_range(const struct op *op, u64 base, u32 level, u32 *first, u32 *last)
{
	u64 size = ptree_size(level), end = MIN(op->end, base + ENTRIES * size);

	*first = op->start > base ? (u32)((op->start - base) / size) : 0;
	*last = (u32)((end - 1 - base) / size);
}

static bool can_be_leaf(const struct op *op, const struct part *p, u32 level)
{
	return p->full && level <= op->max_level && IS_ALIGNED(op->hpa + (p->lo - op->start), ptree_size(level));
}

/* Dropping a whole table at once; a pinned root slot keeps its table. */
static bool can_drop(const struct ptree *t, const struct part *p, u32 level, u32 i)
{
	return p->full && !(level == PTREE_LEVELS && slot_in(t->pinned, i));
}

static bool has_leaf(const struct ptree *t, const u64 *table, u32 level)
{
	for (u32 i = 0; i < ENTRIES; i++) {
		if (is_leaf(t, table[i], level))
			return true;
		if (is_table(t, table[i], level) && has_leaf(t, table_of(t, table[i]), level - 1))
			return true;
	}
	return false;
}

static u64 changed_leaf(const struct ptree *t, const struct op *op, u64 entry, u32 level)
{
	hpa_t hpa;
	u64 attrs;

	t->fmt->unleaf(entry, level, &hpa, &attrs);
	return t->fmt->leaf(hpa, (attrs & ~op->clear) | op->set, level);
}

/* Tables that building a fresh table at this level (all empty, or a split leaf) takes below itself. */
static u64 plan_fresh(const struct op *op, u64 base, u32 level)
{
	u64 pages = 0;
	u32 first, last;

	if (level == 1)
		return 0;
	index_range(op, base, level, &first, &last);
	for (u32 i = first; i <= last; i++) {
		struct part p = part_of(op, base, i, level);
		bool done = op->kind == OP_MAP ? can_be_leaf(op, &p, level) : p.full;

		if (!done)
			pages += 1 + plan_fresh(op, base + i * ptree_size(level), level - 1);
	}
	return pages;
}

/* Adds the tables needed to *pages. OK, ERR_EXIST or ERR_PERM. */
static int plan(const struct ptree *t, const struct op *op, const u64 *table, u64 base, u32 level, u64 *pages)
{
	u32 first, last;

	index_range(op, base, level, &first, &last);
	for (u32 i = first; i <= last; i++) {
		struct part p = part_of(op, base, i, level);
		bool leaf = is_leaf(t, table[i], level), sub = is_table(t, table[i], level);
		u64 at = base + i * ptree_size(level);
		int rc;

		if (level == PTREE_LEVELS && slot_in(t->borrowed, i))
			return ERR_PERM;
		if (op->kind == OP_MAP) {
			if (leaf && !op->replace)
				return ERR_EXIST;
			if (can_be_leaf(op, &p, level)) {
				if (sub && !op->replace && has_leaf(t, table_of(t, table[i]), level - 1))
					return ERR_EXIST;
				continue;
			}
		} else {
			if (!leaf && !sub)
				continue;
			if (leaf && p.full)
				continue;
			if (op->kind == OP_UNMAP && can_drop(t, &p, level, i))
				continue;
			if (op->kind == OP_PROTECT && leaf && changed_leaf(t, op, table[i], level) == table[i])
				continue;
		}
		if (sub) {
			rc = plan(t, op, table_of(t, table[i]), at, level - 1, pages);
			if (rc != OK)
				return rc;
		} else {
			*pages += 1 + plan_fresh(op, at, level - 1);
		}
	}
	return OK;
}

static void store(struct ptree *t, u64 *entry, u64 value, u32 level, bool live)
{
	u64 old = *entry;

	if (old == value)
		return;
	set_entry(t, entry, value);
	if (live && is_present(t, old))
		t->stale = true;
	if (is_table(t, old, level))
		bury(t, old, level - 1);
}

/* Nobody sees the table yet. */
static void fill(u64 *table, u64 value, u64 step)
{
	for (u32 i = 0; i < ENTRIES; i += 4, value += 4 * step) {
		table[i] = value;
		table[i + 1] = value + step;
		table[i + 2] = value + 2 * step;
		table[i + 3] = value + 3 * step;
	}
}

/* A table with the same meaning as entry (empty or a leaf of the level above it). */
static u64 *expand(struct ptree *t, u64 entry, u32 level, hpa_t *table_hpa)
{
	u64 *table = take_reserve(t, table_hpa);
	u64 attrs = 0, value = 0, step = 0;
	hpa_t hpa = HPA(0);

	if (is_present(t, entry)) {
		t->fmt->unleaf(entry, level + 1, &hpa, &attrs);
		value = t->fmt->leaf(hpa, attrs, level);
		step = ptree_size(level); /* an address is in its entry as it is */
	}
	if (t->alloc->set_entry)
		for (u32 i = 0; i < ENTRIES; i++)
			set_entry(t, &table[i], value + i * step);
	else if (!value && t->alloc->zeroed)
		table[0] = 0;
	else if (!value)
		memset(table, 0, PAGE_SIZE);
	else
		fill(table, value, step);
	return table;
}

/* live: the table is linked into the tree. Mirrors plan(); cannot fail. */
static void apply(struct ptree *t, const struct op *op, u64 *table, u64 base, u32 level, bool live)
{
	u32 first, last;

	index_range(op, base, level, &first, &last);
	for (u32 i = first; i <= last; i++) {
		struct part p = part_of(op, base, i, level);
		bool leaf = is_leaf(t, table[i], level), sub = is_table(t, table[i], level);
		u64 at = base + i * ptree_size(level);
		hpa_t child_hpa;
		u64 *child;

		if (op->kind == OP_MAP && can_be_leaf(op, &p, level)) {
			hpa_t hpa = HPA(op->hpa + (p.lo - op->start));

			store(t, &table[i], t->fmt->leaf(hpa, op->attrs, level), level, live);
			continue;
		}
		if (op->kind != OP_MAP) {
			if (!leaf && !sub)
				continue;
			if (op->kind == OP_UNMAP && can_drop(t, &p, level, i)) {
				store(t, &table[i], 0, level, live);
				continue;
			}
			if (op->kind == OP_PROTECT && leaf) {
				u64 value = changed_leaf(t, op, table[i], level);

				if (p.full)
					store(t, &table[i], value, level, live);
				if (p.full || value == table[i])
					continue;
			}
		}
		if (sub) {
			apply(t, op, table_of(t, table[i]), at, level - 1, live);
			continue;
		}
		child = expand(t, table[i], level - 1, &child_hpa);
		apply(t, op, child, at, level - 1, false);
		store(t, &table[i], child_hpa.v | t->fmt->table, level, live);
	}
}

static int run(struct ptree *t, const struct op *op)
{
	u64 pages = 0;
	int rc = plan(t, op, t->root, 0, PTREE_LEVELS, &pages);

	if (rc != OK)
		return rc;
	rc = fill_reserve(t, pages);
	if (rc != OK)
		return rc;
	apply(t, op, t->root, 0, PTREE_LEVELS, true);
	assert(!t->reserve);
	return OK;
}

static int check_range(u64 addr, u64 len)
{
	if (!len || !IS_ALIGNED(addr, PAGE_SIZE) || !IS_ALIGNED(len, PAGE_SIZE))
		return ERR_INVAL;
	if (addr >= ADDR_LIMIT || len > ADDR_LIMIT - addr)
		return ERR_RANGE;
	return OK;
}

int ptree_map(struct ptree *t, u64 addr, hpa_t hpa, u64 len, u64 attrs, u32 max_level, bool replace)
{
	struct op op = { .kind = OP_MAP, .start = addr, .end = addr + len, .hpa = hpa.v, .attrs = attrs };
	int rc = check_range(addr, len);

	if (rc != OK)
		return rc;
	if (!IS_ALIGNED(hpa.v, PAGE_SIZE))
		return ERR_INVAL;
	if (hpa.v > PTREE_MASK || len - PAGE_SIZE > PTREE_MASK - hpa.v)
		return ERR_RANGE;
	op.max_level = MIN(max_level, t->max_level);
	op.replace = replace;
	return run(t, &op);
}

int ptree_unmap(struct ptree *t, u64 addr, u64 len)
{
	struct op op = { .kind = OP_UNMAP, .start = addr, .end = addr + len };
	int rc = check_range(addr, len);

	return rc == OK ? run(t, &op) : rc;
}

int ptree_protect(struct ptree *t, u64 addr, u64 len, u64 clear, u64 set)
{
	struct op op = { .kind = OP_PROTECT, .start = addr, .end = addr + len, .clear = clear, .set = set };
	int rc = check_range(addr, len);

	return rc == OK ? run(t, &op) : rc;
}

int ptree_shatter(struct ptree *t, u64 addr, u64 clear, u64 set)
{
	u64 *table = t->root, *child, *entry, attrs;
	u32 level = PTREE_LEVELS;
	hpa_t hpa, child_hpa;
	int rc;

	if (addr >= ADDR_LIMIT)
		return ERR_RANGE;
	for (;; level--) {
		entry = &table[addr / ptree_size(level) % ENTRIES];
		if (!is_present(t, *entry))
			return ERR_NOENT;
		if (is_leaf(t, *entry, level))
			break;
		table = table_of(t, *entry);
	}
	if (level == 1)
		return ERR_NOENT;
	rc = fill_reserve(t, level - 1);
	if (rc != OK)
		return rc;
	/* A table means what the leaf above it did before it is linked there; the last one has the new attrs. */
	for (u64 *link = entry, whole = *entry; level > 1; level--) {
		if (level == 2) {
			t->fmt->unleaf(whole, level, &hpa, &attrs);
			whole = t->fmt->leaf(hpa, (attrs & ~clear) | set, level);
		}
		child = expand(t, whole, level - 1, &child_hpa);
		store(t, link, child_hpa.v | t->fmt->table, level, link == entry);
		link = &child[addr / ptree_size(level - 1) % ENTRIES];
		whole = *link;
	}
	return OK;
}

/* ------------------------------------------------------------------------------------------------------------------
 * Merge
 */

/* What entry (a table at level-1, below an entry of this level) can become: true with 0 or a leaf in *value. */
static bool collapse(const struct ptree *t, const u64 *child, u32 level, u64 *value)
{
	u64 size = ptree_size(level - 1), attrs0 = 0, sticky = 0;
	hpa_t hpa0 = HPA(0);
	bool empty = !is_present(t, child[0]);

	if (!empty) {
		if (level > t->max_level || !is_leaf(t, child[0], level - 1))
			return false;
		t->fmt->unleaf(child[0], level - 1, &hpa0, &attrs0);
		if (!IS_ALIGNED(hpa0.v, ptree_size(level)))
			return false;
	}
	for (u32 i = 0; i < ENTRIES; i++) {
		hpa_t hpa;
		u64 attrs;

		if (empty && is_present(t, child[i]))
			return false;
		if (empty)
			continue;
		if (!is_leaf(t, child[i], level - 1))
			return false;
		t->fmt->unleaf(child[i], level - 1, &hpa, &attrs);
		if (hpa.v != hpa0.v + i * size || ((attrs ^ attrs0) & ~t->fmt->sticky))
			return false;
		sticky |= attrs & t->fmt->sticky;
	}
	*value = empty ? 0 : t->fmt->leaf(hpa0, attrs0 | sticky, level);
	return true;
}

static u64 merge(struct ptree *t, const struct op *op, u64 *table, u64 base, u32 level)
{
	u64 merged = 0, value;
	u32 first, last;

	index_range(op, base, level, &first, &last);
	for (u32 i = first; i <= last; i++) {
		struct part p = part_of(op, base, i, level);

		if (!is_table(t, table[i], level))
			continue;
		if (level == PTREE_LEVELS && slot_in(t->borrowed, i))
			continue;
		if (level > 2)
			merged += merge(t, op, table_of(t, table[i]), base + i * ptree_size(level), level - 1);
		if (can_drop(t, &p, level, i) && collapse(t, table_of(t, table[i]), level, &value)) {
			store(t, &table[i], value, level, true);
			merged++;
		}
	}
	return merged;
}

u64 ptree_merge(struct ptree *t, u64 addr, u64 len)
{
	struct op op = { .start = addr, .end = addr + len };

	if (check_range(addr, len) != OK)
		return 0;
	return merge(t, &op, t->root, 0, PTREE_LEVELS);
}

static bool is_empty(const struct ptree *t, const u64 *table)
{
	u64 any;

	for (u32 i = 0; i < ENTRIES; i += 8) {
		const u64 *e = &table[i];

		any = e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7];
		if (is_present(t, any))
			return false;
	}
	return true;
}

/* The lowest table on the way to addr is taken out if it is empty. */
static bool prune(struct ptree *t, u64 *table, u64 addr, u32 level)
{
	u32 i = (u32)(addr / ptree_size(level) % ENTRIES);
	u64 *child;

	if (level == PTREE_LEVELS && (slot_in(t->borrowed, i) || slot_in(t->pinned, i)))
		return false;
	child = table_of(t, table[i]);
	if (level > 2 && is_table(t, child[addr / ptree_size(level - 1) % ENTRIES], level - 1))
		return prune(t, child, addr, level - 1);
	if (!is_empty(t, child))
		return false;
	store(t, &table[i], 0, level, true);
	return true;
}

bool ptree_prune(struct ptree *t, u64 addr)
{
	if (addr >= ADDR_LIMIT || !is_table(t, t->root[addr / ptree_size(PTREE_LEVELS)], PTREE_LEVELS))
		return false;
	return prune(t, t->root, addr, PTREE_LEVELS);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Looking
 */

int ptree_lookup(const struct ptree *t, u64 addr, struct ptree_leaf *leaf)
{
	const u64 *table = t->root;

	if (addr >= ADDR_LIMIT)
		return ERR_NOENT;
	for (u32 level = PTREE_LEVELS; level; level--) {
		u64 size = ptree_size(level), entry = table[addr / size % ENTRIES];

		if (!is_present(t, entry))
			return ERR_NOENT;
		if (is_leaf(t, entry, level)) {
			leaf->addr = ALIGN_DOWN(addr, size);
			leaf->size = size;
			t->fmt->unleaf(entry, level, &leaf->hpa, &leaf->attrs);
			return OK;
		}
		table = table_of(t, entry);
	}
	return ERR_NOENT;
}

static int walk(const struct ptree *t, const struct op *op, const u64 *table, u64 base, u32 level,
                int (*fn)(void *arg, const struct ptree_leaf *leaf), void *arg)
{
	u32 first, last;
	int rc = OK;

	index_range(op, base, level, &first, &last);
	for (u32 i = first; i <= last && rc == OK; i++) {
		struct ptree_leaf leaf = { .addr = base + i * ptree_size(level), .size = ptree_size(level) };

		if (is_leaf(t, table[i], level)) {
			t->fmt->unleaf(table[i], level, &leaf.hpa, &leaf.attrs);
			rc = fn(arg, &leaf);
		} else if (is_present(t, table[i])) {
			rc = walk(t, op, table_of(t, table[i]), leaf.addr, level - 1, fn, arg);
		}
	}
	return rc;
}

int ptree_walk(const struct ptree *t, u64 addr, u64 len, int (*fn)(void *arg, const struct ptree_leaf *leaf),
               void *arg)
{
	struct op op = { .start = addr, .end = addr + len };

	if (!len)
		return OK;
	if (addr >= ADDR_LIMIT || len > ADDR_LIMIT - addr)
		return ERR_RANGE;
	return walk(t, &op, t->root, 0, PTREE_LEVELS, fn, arg);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Shared root slots
 */

int ptree_pin(struct ptree *t, u32 slot)
{
	hpa_t hpa;
	u64 *table;
	int rc;

	assert(slot < ENTRIES);
	if (slot_in(t->borrowed, slot))
		return ERR_PERM;
	if (!is_present(t, t->root[slot])) {
		rc = fill_reserve(t, 1);
		if (rc != OK)
			return rc;
		table = expand(t, 0, PTREE_LEVELS - 1, &hpa);
		assert(table);
		store(t, &t->root[slot], hpa.v | t->fmt->table, PTREE_LEVELS, true);
	}
	t->pinned[slot / 64] |= BIT(slot % 64);
	return OK;
}

int ptree_borrow(struct ptree *dst, const struct ptree *src, u32 slot)
{
	assert(slot < ENTRIES);
	if (!slot_in(src->pinned, slot))
		return ERR_NOENT;
	if (is_present(dst, dst->root[slot]))
		return ERR_EXIST;
	set_entry(dst, &dst->root[slot], src->root[slot]);
	dst->borrowed[slot / 64] |= BIT(slot % 64);
	return OK;
}
