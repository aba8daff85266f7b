/*
 * EPT against a reference model of its own, with a hardware-like walker that shares no code with mm/: every
 * intermediate state of every operation, every point at which memory can run out, and what a CPU with stale caches
 * would see.
 */
#include "quick_check.h"

#include "fake_pt.h"
#include "mm/ept.h"
#include "suite.h"

static struct fake_pt pages;
static struct ept e;

static const struct ept_caps all_caps = { .page_2m = true, .page_1g = true, .ad = true, .exec_only = true };

static void start(const struct ept_caps *caps)
{
	fake_pt_init(&pages);
	ck_assert_int_eq(ept_init(&e, caps, &pages.alloc), OK);
}

static void finish(void)
{
	pages.on_write = NULL;
	ept_destroy(&e);
	ck_assert_uint_eq(pages.in_use, 0);
}

/* ---- a walker in the CPU's way --------------------------------------------------------------------------------- */

struct hit {
	bool mapped;
	u64 hpa; /* of the address itself */
	u32 perms, type, level;
	const u64 *slot;
};

/* Decodes one entry as the CPU would when it is a leaf at this level; fails the test for a misconfiguration. */
static struct hit decode(u64 entry, u32 level, u64 gpa, const u64 *slot)
{
	struct hit h = { .level = level, .slot = slot };
	u64 size = level == 3 ? SIZE_1G : level == 2 ? SIZE_2M : PAGE_SIZE;
	u32 type = entry >> 3 & 7;

	if (!(entry & 7))
		return h;
	ck_assert_msg((entry & 3) != 2, "W without R");
	ck_assert_msg(type == 0 || type == 1 || type == 4 || type == 5 || type == 6, "memory type %u", type);
	ck_assert_msg(!(entry & 0x000ffffffffff000ull & (size - 1)), "large-page address bits");
	h.mapped = true;
	h.perms = entry & 7;
	h.type = (entry >> 3 & 7) | (entry & 0x40 ? 8 : 0);
	h.hpa = (entry & 0x000ffffffffff000ull) + (gpa & (size - 1));
	return h;
}

static struct hit hw_walk(u64 gpa)
{
	const u64 *table = e.t.root;

	for (u32 level = 4;; level--) {
		const u64 *slot = &table[gpa >> (12 + 9 * (level - 1)) & 511];
		u64 entry = *(const volatile u64 *)slot;

		if (!(entry & 7))
			return (struct hit){ .slot = slot, .level = level };
		if (level == 1 || entry & 0x80) {
			ck_assert_uint_lt(level, 4);
			return decode(entry, level, gpa, slot);
		}
		ck_assert_msg(!(entry & 0x78), "reserved bits of a table entry");
		table = fake_pt_virt(&pages, HPA(entry & 0x000ffffffffff000ull));
	}
}

/* ---- the model: cells between breakpoints ---------------------------------------------------------------------- */

#define K 0x1000ull
#define M SIZE_2M
#define G SIZE_1G
static const u64 edge[] = { 0,
	                    K,
	                    2 * K,
	                    M - K,
	                    M,
	                    M + K,
	                    2 * M - K,
	                    2 * M,
	                    4 * M,
	                    G - M,
	                    G - K,
	                    G,
	                    G + K,
	                    G + M - K,
	                    G + M,
	                    G + 2 * M,
	                    2 * G - M,
	                    2 * G - K,
	                    2 * G,
	                    2 * G + 9 * M,
	                    3 * G,
	                    512 * G - K,
	                    512 * G,
	                    512 * G + K,
	                    512 * G + M,
	                    513 * G,
	                    (1ull << 48) - G,
	                    (1ull << 48) - K,
	                    1ull << 48 };
#define CELLS (ARRAY_SIZE(edge) - 1)

struct cell {
	bool mapped;
	u64 delta; /* hpa - gpa */
	u32 perms, type;
};
static struct cell before[CELLS], after[CELLS];
/* Leaf slots as a CPU may have cached them before the operation, and what they said. */
static struct hit cached[CELLS][3];

static u64 probe_at(u32 c, u32 k)
{
	u64 lo = edge[c], hi = edge[c + 1];

	return k == 0 ? lo : k == 1 ? hi - 1 : lo + ALIGN_DOWN((hi - lo) / 2, K) + 0x123;
}

static bool says(const struct hit *h, const struct cell *c, u64 gpa)
{
	if (!h->mapped || !c->mapped)
		return h->mapped == c->mapped;
	return h->hpa == gpa + c->delta && h->perms == c->perms && h->type == c->type;
}

/* At every store: each address translates as before or as after, nothing else. */
static void check_between(void *arg)
{
	(void)arg;
	for (u32 c = 0; c < CELLS; c++) {
		for (u32 k = 0; k < 3; k++) {
			u64 gpa = probe_at(c, k);
			struct hit h = hw_walk(gpa);

			ck_assert_msg(says(&h, &before[c], gpa) || says(&h, &after[c], gpa), "gpa %llx: neither",
			              (unsigned long long)gpa);
		}
	}
}

static void check_is(const struct cell *model)
{
	for (u32 c = 0; c < CELLS; c++) {
		for (u32 k = 0; k < 3; k++) {
			u64 gpa = probe_at(c, k);
			struct hit h = hw_walk(gpa);
			struct ept_leaf l;
			hpa_t hpa;

			ck_assert_msg(says(&h, &model[c], gpa), "gpa %llx: not what it should be",
			              (unsigned long long)gpa);
			ck_assert_int_eq(ept_lookup(&e, GPA(gpa), &l), model[c].mapped ? OK : ERR_NOENT);
			ck_assert_int_eq(ept_translate(&e, GPA(gpa), &hpa), model[c].mapped ? OK : ERR_NOENT);
			if (model[c].mapped) {
				ck_assert_uint_eq(hpa.v, gpa + model[c].delta);
				ck_assert_uint_eq(l.hpa.v + (gpa - l.gpa.v), hpa.v);
				ck_assert_uint_eq(l.perms, model[c].perms);
				ck_assert_uint_eq(l.type, model[c].type);
			}
		}
	}
}

static void remember(void)
{
	for (u32 c = 0; c < CELLS; c++) {
		for (u32 k = 0; k < 3; k++)
			cached[c][k] = hw_walk(probe_at(c, k));
	}
}

/* A CPU that still holds pointers to old tables sees the old state or the new one, until the flush. */
static void check_cached(void)
{
	for (u32 c = 0; c < CELLS; c++) {
		for (u32 k = 0; k < 3; k++) {
			struct hit *old = &cached[c][k], now;
			u64 gpa = probe_at(c, k);

			if (!old->mapped)
				continue;
			now = hw_walk(gpa);
			if (!says(&now, &before[c], gpa))
				ck_assert_msg(ept_needs_flush(&e), "gpa %llx changed, no flush asked for",
				              (unsigned long long)gpa);
			if (now.slot == old->slot)
				continue;
			/* The old slot became a table entry, or is in a table that is no longer linked. */
			if (old->level > 1 && !(*old->slot & 0x80))
				continue;
			now = decode(*old->slot, old->level, gpa, old->slot);
			ck_assert(says(&now, &before[c], gpa) || says(&now, &after[c], gpa));
		}
	}
}

static u32 rnd_state = 12345;
static u32 rnd(u32 n)
{
	rnd_state = rnd_state * 1664525 + 1013904223;
	return (rnd_state >> 8) % n;
}

struct change {
	u32 kind; /* 0 map, 1 map replace, 2 unmap, 3 protect, 4 merge */
	u32 first, last;
	u64 delta;
	u32 perms, type;
};

static struct change random_change(void)
{
	static const u64 deltas[] = { 0, 0, 0, K, M, G, 5 * G };
	static const u32 types[] = { EPT_MT_WB, EPT_MT_WB, EPT_MT_UC, EPT_MT_WB | EPT_MT_IGNORE_PAT };
	static const u32 perms[] = { EPT_R, EPT_RW, EPT_RWX, EPT_RWX, EPT_R | EPT_X, EPT_X };
	struct change ch = { .kind = rnd(5) };

	ch.first = rnd(CELLS);
	ch.last = ch.first + rnd(MIN(6u, (u32)CELLS - ch.first));
	ch.delta = deltas[rnd(ARRAY_SIZE(deltas))];
	ch.perms = perms[rnd(ARRAY_SIZE(perms))];
	ch.type = types[rnd(ARRAY_SIZE(types))];
	/* Two large misaligned cells would take hundreds of thousands of tables. */
	for (u32 c = ch.first; c <= ch.last; c++) {
		if (edge[c + 1] - edge[c] > 4 * G) {
			ch.kind = 2;
			break;
		}
	}
	if (ch.kind <= 1 && !IS_ALIGNED(ch.delta, G) && edge[ch.last + 1] - edge[ch.first] > 4 * M &&
	    (ch.delta == K || edge[ch.last + 1] - edge[ch.first] > G))
		ch.delta = 0;
	return ch;
}

/* Sets after[] and returns what the operation must return when there is memory. */
static int model(const struct change *ch)
{
	memcpy(after, before, sizeof(after));
	for (u32 c = ch->first; c <= ch->last; c++) {
		if (ch->kind == 0 && before[c].mapped) {
			memcpy(after, before, sizeof(after));
			return ERR_EXIST;
		}
		if (ch->kind <= 1)
			after[c] = (struct cell){ true, ch->delta, ch->perms, ch->type };
		else if (ch->kind == 2)
			after[c] = (struct cell){ 0 };
		else if (ch->kind == 3 && after[c].mapped)
			after[c].perms = ch->perms;
	}
	return OK;
}

static int perform(const struct change *ch)
{
	gpa_t gpa = GPA(edge[ch->first]);
	u64 len = edge[ch->last + 1] - edge[ch->first];

	switch (ch->kind) {
	case 0:
	case 1: return ept_map(&e, gpa, HPA(gpa.v + ch->delta), len, ch->perms, ch->type, ch->kind == 1);
	case 2: return ept_unmap(&e, gpa, len);
	case 3: return ept_protect(&e, gpa, len, ch->perms);
	default: ept_merge(&e, gpa, len); return OK;
	}
}

/* One operation with everything watched; the memory runs out after `spare` more pages. */
static int watched(const struct change *ch, u32 spare)
{
	u32 used = pages.in_use, writes = pages.writes;
	int want = model(ch), rc;
	u64 tables = e.t.tables;

	remember();
	pages.limit = pages.in_use + spare;
	/* Looking at all probes at each of the 512 stores of every fresh table is slow: sample those. */
	rc = perform(ch);
	pages.limit = FAKE_PT_PAGES;
	if (rc == ERR_NOMEM || want != OK) {
		ck_assert(rc == ERR_NOMEM || rc == want);
		ck_assert_uint_eq(pages.in_use, used);
		ck_assert_uint_eq(pages.writes, writes);
		ck_assert_uint_eq(e.t.tables, tables);
		memcpy(after, before, sizeof(after));
	} else {
		ck_assert_int_eq(rc, OK);
	}
	check_is(after);
	check_cached();
	memcpy(before, after, sizeof(before));
	return rc;
}

static u32 write_nr;
static void sampled_check(void *arg)
{
	/* All stores but those that fill fresh tables: the filler writes 512 in a row. */
	if (write_nr++ % 127 == 0)
		check_between(arg);
}

static void random_run(const struct ept_caps *caps, u32 rounds)
{
	start(caps);
	memset(before, 0, sizeof(before));
	for (u32 n = 0; n < rounds; n++) {
		struct change ch = random_change();
		int rc = ERR_NOMEM;

		if (ch.kind <= 1 && !caps->page_1g && edge[ch.last + 1] - edge[ch.first] > 2 * G)
			ch.kind = 2;
		if (!caps->exec_only && ch.perms == EPT_X)
			ch.perms = EPT_R;
		pages.on_write = sampled_check;
		/* Out of memory at every point, then for real. */
		for (u32 spare = 0; rc == ERR_NOMEM; spare = spare < 4 ? spare + 1 : FAKE_PT_PAGES - pages.in_use)
			rc = watched(&ch, spare);
		if (rnd(2)) {
			ept_flushed(&e);
			check_is(before);
			ck_assert_uint_eq(pages.in_use, e.t.tables);
		}
	}
	finish();
}

START_TEST(random_all)
{
	random_run(&all_caps, 200);
}
END_TEST

START_TEST(random_2m)
{
	struct ept_caps caps = { .page_2m = true };

	random_run(&caps, 60);
}
END_TEST

/* Small scenes with every single store looked at. */
static void scene(const struct change *ch, u32 n)
{
	start(&all_caps);
	memset(before, 0, sizeof(before));
	pages.on_write = check_between;
	for (u32 i = 0; i < n; i++)
		ck_assert_int_eq(watched(&ch[i], FAKE_PT_PAGES - pages.in_use), OK);
	finish();
}

static u32 cell_at(u64 addr)
{
	for (u32 c = 0; c <= CELLS; c++) {
		if (edge[c] == addr)
			return c;
	}
	ck_abort_msg("no such edge");
	return 0;
}

static struct change change(u32 kind, u64 lo, u64 hi, u64 delta, u32 perms)
{
	return (struct change){ kind, cell_at(lo), cell_at(hi) - 1, delta, perms, EPT_MT_WB };
}

START_TEST(split_and_merge_1g)
{
	struct change ch[] = {
		change(0, 0, 2 * G, 4 * G, EPT_RWX), change(3, M, M + K, 0, EPT_R),   change(2, G - K, G, 0, 0),
		change(1, G - K, G, 4 * G, EPT_RWX), change(3, M, M + K, 0, EPT_RWX), change(4, 0, 2 * G, 0, 0),
		change(2, 0, 3 * G, 0, 0),
	};

	scene(ch, ARRAY_SIZE(ch));
}
END_TEST

START_TEST(replace_table_by_leaf)
{
	struct change ch[] = {
		change(0, K, 2 * K, 7 * K, EPT_RW),     change(0, M, M + K, 0, EPT_R),
		change(1, 0, G, 8 * G, EPT_RWX),        change(1, M - K, M + K, K, EPT_RW),
		change(1, 0, G, 16 * G, EPT_R | EPT_X), change(2, M, 2 * M, 0, 0),
	};

	scene(ch, ARRAY_SIZE(ch));
}
END_TEST

START_TEST(page_sizes)
{
	struct ept_leaf l;

	start(&all_caps);
	/* 4 KiB steps up to 2 MiB, 2 MiB steps up to 1 GiB, then 1 GiB, and back down. */
	ck_assert_int_eq(
	        ept_map(&e, GPA(G - M - K), HPA(5 * G - M - K), 2 * G + 2 * M + 2 * K, EPT_RWX, EPT_MT_WB, false),
	        OK);
	static const struct {
		u64 gpa, size;
	} rows[] = { { G - M - 1, K }, { G - M, M },         { G - 1, M },     { G, G },    { 3 * G - 1, G },
		     { 3 * G, M },     { 3 * G + M - 1, M }, { 3 * G + M, K }, { 2 * G, G } };
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(ept_lookup(&e, GPA(rows[i].gpa), &l), OK);
		ck_assert_msg(l.size == rows[i].size, "%llx", (unsigned long long)rows[i].gpa);
		ck_assert_uint_eq(l.gpa.v, ALIGN_DOWN(rows[i].gpa, rows[i].size));
	}
	ck_assert(!ept_needs_flush(&e));
	finish();

	/* The host address decides as well. */
	start(&all_caps);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(M), G, EPT_RWX, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_lookup(&e, GPA(0), &l), OK);
	ck_assert_uint_eq(l.size, M);
	ck_assert_int_eq(ept_map(&e, GPA(G), HPA(G + K), M, EPT_RWX, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_lookup(&e, GPA(G), &l), OK);
	ck_assert_uint_eq(l.size, K);
	ck_assert_uint_eq(e.t.tables, 5);
	finish();

	/* Without large pages. */
	{
		struct ept_caps small = { 0 };

		start(&small);
		ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), 2 * M, EPT_RW, EPT_MT_WB, false), OK);
		ck_assert_int_eq(ept_lookup(&e, GPA(M), &l), OK);
		ck_assert_uint_eq(l.size, K);
		ck_assert_uint_eq(e.t.tables, 5);
		ck_assert_uint_eq(ept_merge(&e, GPA(0), G), 0);
		finish();
	}
}
END_TEST

/* Only the 2 MiB around the address change: 4-KiB pages of the same memory with the new rights. */
START_TEST(shatter)
{
	struct ept_leaf l;

	start(&all_caps);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(8 * G), 2 * G, EPT_RW, EPT_MT_WT | EPT_MT_IGNORE_PAT, false), OK);
	pages.limit = pages.in_use + 1;
	ck_assert_int_eq(ept_shatter(&e, GPA(G + 3 * M + 5), EPT_RWX), ERR_NOMEM);
	ck_assert_int_eq(ept_lookup(&e, GPA(G), &l), OK);
	ck_assert(l.size == G && l.perms == EPT_RW);
	pages.limit = pages.in_use + 2;
	ck_assert_int_eq(ept_shatter(&e, GPA(G + 3 * M + 5), EPT_RWX), OK);
	for (u64 a = 0; a < 2 * G; a += l.size) {
		bool in = a >= G + 3 * M && a < G + 4 * M;

		ck_assert_int_eq(ept_lookup(&e, GPA(a), &l), OK);
		ck_assert_uint_eq(l.gpa.v, a);
		ck_assert_uint_eq(l.hpa.v, 8 * G + a);
		ck_assert_uint_eq(l.size, in ? K : a < G ? G : M);
		ck_assert_uint_eq(l.perms, in ? EPT_RWX : EPT_RW);
		ck_assert_uint_eq(l.type, EPT_MT_WT | EPT_MT_IGNORE_PAT);
	}
	ck_assert_int_eq(ept_shatter(&e, GPA(G + 4 * M - 1), EPT_RWX), ERR_NOENT);
	ck_assert_int_eq(ept_shatter(&e, GPA(2 * G), EPT_RWX), ERR_NOENT);
	ck_assert_int_eq(ept_shatter(&e, GPA(0), EPT_W), ERR_INVAL);
	pages.limit = FAKE_PT_PAGES;
	finish();
}
END_TEST

START_TEST(merge_levels)
{
	struct ept_leaf l;

	start(&all_caps);
	for (u64 a = 0; a < G; a += M)
		ck_assert_int_eq(ept_map(&e, GPA(a), HPA(G + a), M, EPT_RW, EPT_MT_WB, false), OK);
	/* One of them in small pages, dirty in one place. */
	ck_assert_int_eq(ept_protect(&e, GPA(M), K, EPT_R), OK);
	ck_assert_int_eq(ept_protect(&e, GPA(M), K, EPT_RW), OK);
	*(u64 *)hw_walk(M + 5 * K).slot |= 0x300;
	ck_assert_int_eq(ept_lookup(&e, GPA(M + 5 * K), &l), OK);
	ck_assert(l.accessed && l.dirty);
	ck_assert_uint_eq(l.size, K);
	ept_flushed(&e);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), M), 0);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), 0), 0);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), G), 2);
	ck_assert(ept_needs_flush(&e));
	ck_assert_int_eq(ept_lookup(&e, GPA(M + 5 * K), &l), OK);
	ck_assert_uint_eq(l.size, G);
	ck_assert(l.accessed && l.dirty);
	ept_flushed(&e);
	ck_assert(!ept_needs_flush(&e));
	ck_assert_uint_eq(pages.in_use, 2);
	/* A split keeps the flags for all parts. */
	ck_assert_int_eq(ept_unmap(&e, GPA(0), K), OK);
	ck_assert_int_eq(ept_lookup(&e, GPA(M), &l), OK);
	ck_assert(l.dirty && l.size == M);
	/* Empty tables go. */
	ck_assert_int_eq(ept_unmap(&e, GPA(0), G - K), OK);
	ck_assert_int_eq(ept_unmap(&e, GPA(G - K), K), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), 512 * G), 3);
	ept_flushed(&e);
	ck_assert_uint_eq(pages.in_use, 1);
	finish();
}
END_TEST

/* One page that wanders, as the APIC's does: its tables go with it, RAM's stay as they are. */
START_TEST(prune)
{
	static const u64 places[] = { 0xfee00000, 0xfee01000, 4 * G, 5 * G + M, 1ull << 40, (1ull << 47) + 3 * M };
	u32 used;

	start(&all_caps);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(G), 2 * M, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_shatter(&e, GPA(0), EPT_RWX), OK);
	ept_flushed(&e);
	used = pages.in_use;
	pages.limit = used + 3;
	for (u32 i = 0; i < 4 * ARRAY_SIZE(places); i++) {
		u64 at = places[i % ARRAY_SIZE(places)];
		u32 tables = 0;

		ck_assert_int_eq(ept_map(&e, GPA(at), HPA(7 * K), K, EPT_RW, EPT_MT_WB, false), OK);
		ck_assert(!ept_prune(&e, GPA(at))); /* not empty */
		ck_assert_int_eq(ept_unmap(&e, GPA(at), K), OK);
		ck_assert(!ept_holds_tables(&e));
		while (ept_prune(&e, GPA(at)))
			tables++;
		ck_assert_uint_eq(tables, at < 512 * G ? 2 : 3);
		ck_assert(ept_holds_tables(&e) && ept_needs_flush(&e));
		/* One by one. */
		for (; tables; tables--) {
			ck_assert_uint_eq(pages.in_use, used + tables);
			ck_assert(ept_needs_flush(&e));
			ck_assert_int_eq(ept_flushed_some(&e), tables > 1);
		}
		ck_assert(!ept_holds_tables(&e) && !ept_needs_flush(&e));
		ck_assert_uint_eq(pages.in_use, used);
	}
	ck_assert(!ept_prune(&e, GPA(0)));
	ck_assert(!ept_prune(&e, GPA(1ull << 50)));
	pages.limit = FAKE_PT_PAGES;
	finish();
}
END_TEST

START_TEST(no_merge_when_different)
{
	start(&all_caps);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), M, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_map(&e, GPA(3 * K), HPA(9 * K), K, EPT_RW, EPT_MT_WB, true), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), G), 0);
	ck_assert_int_eq(ept_map(&e, GPA(3 * K), HPA(3 * K), K, EPT_RW, EPT_MT_UC, true), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), G), 0);
	ck_assert_int_eq(ept_unmap(&e, GPA(3 * K), K), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), G), 0);
	ck_assert_int_eq(ept_map(&e, GPA(3 * K), HPA(3 * K), K, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), M), 1);
	finish();
	/* First page unmapped, later ones there; contiguous but not aligned in host memory. */
	start(&all_caps);
	ck_assert_int_eq(ept_map(&e, GPA(K), HPA(K), M - K, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), M), 0);
	ck_assert_int_eq(ept_map(&e, GPA(M), HPA(M + K), M, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), G), 0);
	finish();
}
END_TEST

START_TEST(refusals)
{
	struct ept_caps caps = { .page_2m = true, .phys_bits = 36 };

	start(&caps);
	ck_assert_int_eq(ept_map(&e, GPA(1), HPA(0), K, EPT_R, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(1), K, EPT_R, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), 0, EPT_R, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), 17, EPT_R, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, 0, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, 8, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, EPT_W, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, EPT_W | EPT_X, EPT_MT_WB, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, EPT_X, EPT_MT_WB, false), ERR_NOTSUP);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, EPT_R, 2, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, EPT_R, 7, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), K, EPT_R, 16, false), ERR_INVAL);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(1ull << 36), K, EPT_R, EPT_MT_WB, false), ERR_RANGE);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA((1ull << 36) - K), 2 * K, EPT_R, EPT_MT_WB, false), ERR_RANGE);
	ck_assert_int_eq(ept_map(&e, GPA(1ull << 48), HPA(0), K, EPT_R, EPT_MT_WB, false), ERR_RANGE);
	ck_assert_int_eq(ept_map(&e, GPA((1ull << 48) - K), HPA(0), 2 * K, EPT_R, EPT_MT_WB, false), ERR_RANGE);
	ck_assert_int_eq(ept_map(&e, GPA(~0ull & ~(K - 1)), HPA(0), K, EPT_R, EPT_MT_WB, false), ERR_RANGE);
	ck_assert_int_eq(ept_unmap(&e, GPA(1), K), ERR_INVAL);
	ck_assert_int_eq(ept_unmap(&e, GPA(1ull << 48), K), ERR_RANGE);
	ck_assert_int_eq(ept_protect(&e, GPA(0), K, EPT_X), ERR_NOTSUP);
	ck_assert_int_eq(ept_protect(&e, GPA(0), K, 0), ERR_INVAL);
	ck_assert_int_eq(ept_protect(&e, GPA(0), 5, EPT_R), ERR_INVAL);
	ck_assert_uint_eq(ept_merge(&e, GPA(0), 5), 0);
	ck_assert_uint_eq(e.t.tables, 1);
	/* Overlaps, at every level and hidden behind an empty table. */
	ck_assert_int_eq(ept_map(&e, GPA(M), HPA(M), M, EPT_R, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_map(&e, GPA(M + 5 * K), HPA(0), K, EPT_R, EPT_MT_WB, false), ERR_EXIST);
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(0), G, EPT_R, EPT_MT_WB, false), ERR_EXIST);
	ck_assert_int_eq(ept_map(&e, GPA(4 * M), HPA(0), K, EPT_R, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_map(&e, GPA(4 * M), HPA(0), M, EPT_R, EPT_MT_WB, false), ERR_EXIST);
	ck_assert_int_eq(ept_unmap(&e, GPA(4 * M), K), OK);
	ck_assert_int_eq(ept_map(&e, GPA(4 * M), HPA(0), M, EPT_R, EPT_MT_WB, false), OK);
	finish();
	fake_pt_init(&pages);
	pages.limit = 0;
	ck_assert_int_eq(ept_init(&e, &caps, &pages.alloc), ERR_NOMEM);
	ept_destroy(&e);
}
END_TEST

struct seen {
	u32 n;
	u64 gpa[8];
	int stop_at;
};

static int see(void *arg, const struct ept_leaf *l)
{
	struct seen *s = arg;

	s->gpa[s->n++] = l->gpa.v;
	return s->stop_at == (int)s->n ? ERR_BUSY : OK;
}

START_TEST(walking)
{
	struct seen s = { 0 };
	hpa_t hpa;
	struct ept_leaf l;

	start(&all_caps);
	ck_assert_int_eq(ept_map(&e, GPA(G - K), HPA(G - K), G + K, EPT_RWX, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_map(&e, GPA(600 * G), HPA(M), M, EPT_R, EPT_MT_UC, false), OK);
	ck_assert_int_eq(ept_walk(&e, GPA(0), 1ull << 48, see, &s), OK);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.gpa[0], G - K);
	ck_assert_uint_eq(s.gpa[1], G);
	ck_assert_uint_eq(s.gpa[2], 600 * G);
	s = (struct seen){ .stop_at = 2 };
	ck_assert_int_eq(ept_walk(&e, GPA(0), 1ull << 48, see, &s), ERR_BUSY);
	ck_assert_uint_eq(s.n, 2);
	s = (struct seen){ 0 };
	ck_assert_int_eq(ept_walk(&e, GPA(G + 5), 1, see, &s), OK);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_int_eq(ept_walk(&e, GPA(0), 0, see, &s), OK);
	ck_assert_int_eq(ept_walk(&e, GPA(1ull << 48), 1, see, &s), ERR_RANGE);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_int_eq(ept_translate(&e, GPA(600 * G + 0x1234), &hpa), OK);
	ck_assert_uint_eq(hpa.v, M + 0x1234);
	ck_assert_int_eq(ept_translate(&e, GPA(1ull << 48), &hpa), ERR_NOENT);
	ck_assert_int_eq(ept_lookup(&e, GPA(700 * G), &l), ERR_NOENT);
	/* WB, four levels, A/D. */
	ck_assert_uint_eq(ept_eptp(&e), e.t.root_hpa.v | 0x5e);
	finish();
}
END_TEST

/*
 * What a page's use makes of its memory type. SDM vol. 3 "Memory Type Used for Translated Guest-Physical Addresses":
 * bits 5:3 are the type (6 WB, 0 UC), bit 6 keeps the guest's PAT out of it.
 */
START_TEST(memory_types)
{
	static const u64 at[] = { 0, M, G };
	static const u64 len[] = { K, M, G };

	start(&all_caps);
	for (u32 i = 0; i < 3; i++) {
		ck_assert_int_eq(ept_map(&e, GPA(at[i]), HPA(G), len[i], EPT_RWX, EPT_MT_RAM, false), OK);
		ck_assert_uint_eq(*hw_walk(at[i]).slot & 0x7f, 0x77);
	}
	ck_assert_int_eq(ept_shatter(&e, GPA(G), EPT_RWX), OK);
	ck_assert_uint_eq(*hw_walk(G).slot & 0x7f, 0x77);
	ck_assert_uint_eq(*hw_walk(G + M).slot & 0x7f, 0x77);
	ck_assert_int_eq(ept_map(&e, GPA(2 * G), HPA(0xfee00000), K, EPT_RW, EPT_MT_DEVICE, false), OK);
	ck_assert_uint_eq(*hw_walk(2 * G).slot & 0x7f, 0x03);
	finish();
}
END_TEST

/* Many dead tables at once, also without the recording store, and destroyed before any flush. */
START_TEST(dead_tables)
{
	start(&all_caps);
	pages.alloc.set_entry = NULL;
	for (u32 i = 0; i < 40; i++)
		ck_assert_int_eq(ept_map(&e, GPA(i * G + K), HPA(i * G + K), K, EPT_RW, EPT_MT_WB, false), OK);
	for (u32 i = 0; i < 40; i++)
		ck_assert_int_eq(ept_unmap(&e, GPA(i * G), G), OK);
	ck_assert_uint_eq(pages.in_use, 82);
	ept_flushed(&e);
	ck_assert_uint_eq(pages.in_use, 2);
	ck_assert_int_eq(ept_map(&e, GPA(K), HPA(0), K, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_unmap(&e, GPA(0), G), OK);
	finish();
}
END_TEST

static void *alloc_zeroed(void *ctx, hpa_t *hpa)
{
	u64 *p = fake_pt_alloc(ctx, hpa);

	if (p)
		memset(p + 1, 0, PAGE_SIZE - 8); /* the first entry's place held the list of free pages */
	return p;
}

/* Tables that come cleared but for their first entry are not cleared again, and that entry is. */
START_TEST(zeroed_tables)
{
	struct ept_leaf l;

	fake_pt_init(&pages);
	pages.alloc.alloc_page = alloc_zeroed;
	pages.alloc.set_entry = NULL;
	pages.alloc.zeroed = true;
	ck_assert_int_eq(ept_init(&e, &all_caps, &pages.alloc), OK);
	ck_assert_int_eq(ept_map(&e, GPA(SIZE_1G + 5 * PAGE_SIZE), HPA(0x1000), PAGE_SIZE, EPT_RW, EPT_MT_WB, false),
	                 OK);
	ck_assert_int_eq(ept_lookup(&e, GPA(SIZE_1G + 5 * PAGE_SIZE), &l), OK);
	ck_assert_uint_eq(l.hpa.v, 0x1000);
	for (u32 i = 0; i < 512; i++) {
		if (i != 5)
			ck_assert_int_ne(ept_lookup(&e, GPA(SIZE_1G + i * PAGE_SIZE), &l), OK);
		if (i)
			ck_assert_int_ne(ept_lookup(&e, GPA(SIZE_1G + i * SIZE_2M), &l), OK);
	}
	ck_assert_int_ne(ept_lookup(&e, GPA(0), &l), OK);
	/* The leaf of a large page is spread over all of its table, too. */
	ck_assert_int_eq(ept_map(&e, GPA(0), HPA(SIZE_2M), SIZE_2M, EPT_RW, EPT_MT_WB, false), OK);
	ck_assert_int_eq(ept_unmap(&e, GPA(PAGE_SIZE), PAGE_SIZE), OK);
	ck_assert_int_eq(ept_lookup(&e, GPA(0), &l), OK);
	ck_assert_uint_eq(l.hpa.v, SIZE_2M);
	ck_assert_int_ne(ept_lookup(&e, GPA(PAGE_SIZE), &l), OK);
	finish();
}
END_TEST

SUITE_MAIN("ept", random_all, random_2m, split_and_merge_1g, replace_table_by_leaf, page_sizes, shatter, merge_levels,
           prune, no_merge_when_different, refusals, walking, memory_types, zeroed_tables, dead_tables)
