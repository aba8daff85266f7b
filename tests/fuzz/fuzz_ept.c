/*
 * EPT operations from the input, five bytes each, against a model of cells between fixed edges; memory runs out when
 * the input says so. After every operation: the model holds, nothing leaks, an error changes nothing.
 */
#include "../unit/fake_pt.h"
#include "mm/ept.h"

#define K 0x1000ull
static const u64 edge[] = { 0,
	                    K,
	                    2 * K,
	                    SIZE_2M - K,
	                    SIZE_2M,
	                    SIZE_2M + K,
	                    2 * SIZE_2M,
	                    3 * SIZE_2M,
	                    SIZE_1G - SIZE_2M,
	                    SIZE_1G - K,
	                    SIZE_1G,
	                    SIZE_1G + K,
	                    2 * SIZE_1G,
	                    3 * SIZE_1G,
	                    512 * SIZE_1G - K,
	                    512 * SIZE_1G,
	                    512 * SIZE_1G + K };
#define CELLS (ARRAY_SIZE(edge) - 1)

struct cell {
	bool mapped;
	u64 delta;
	u32 perms, type;
};

static struct fake_pt pages;
static struct ept e;
static struct cell cell[CELLS], before[CELLS];

static void check(const struct cell *c, u64 gpa)
{
	struct ept_leaf l;
	hpa_t hpa;
	int rc = ept_lookup(&e, GPA(gpa), &l);

	assert(rc == (c->mapped ? OK : ERR_NOENT));
	if (rc != OK)
		return;
	assert(ept_translate(&e, GPA(gpa), &hpa) == OK);
	assert(hpa.v == gpa + c->delta && l.perms == c->perms && l.type == c->type);
	assert(IS_ALIGNED(l.gpa.v, l.size) && IS_ALIGNED(l.hpa.v, l.size) && gpa - l.gpa.v < l.size);
}

static void check_all(void)
{
	for (u32 i = 0; i < CELLS; i++) {
		check(&cell[i], edge[i]);
		check(&cell[i], edge[i + 1] - 1);
		check(&cell[i], (edge[i] + edge[i + 1]) / 2);
	}
}

static void step(const u8 *in, bool exec_only)
{
	static const u64 deltas[] = { 0, SIZE_1G, SIZE_2M, K };
	static const u32 types[] = { EPT_MT_WB, EPT_MT_UC, EPT_MT_WC, EPT_MT_WB | EPT_MT_IGNORE_PAT };
	u32 kind = in[0] % 6, first = in[1] % CELLS, n = 1 + in[2] % (CELLS - first), perms = in[3] & 7;
	u64 lo = edge[first], len = edge[first + n] - lo, delta = deltas[in[3] >> 3 & 3];
	u32 type = types[in[3] >> 5 & 3], used = pages.in_use;
	bool perms_ok = perms && !((perms & 3) == 2) && (perms != 4 || exec_only);
	int rc = OK;

	if (len > SIZE_1G)
		delta = ALIGN_DOWN(delta, SIZE_1G);
	if (len > 4 * SIZE_1G && kind != 5)
		kind = 2;
	memcpy(before, cell, sizeof(cell));
	pages.limit = in[4] & 0x80 ? used + (in[4] & 7) : FAKE_PT_PAGES;
	if (kind <= 1)
		rc = ept_map(&e, GPA(lo), HPA(lo + delta), len, perms, (enum ept_memtype)type, kind == 1);
	else if (kind == 2)
		rc = ept_unmap(&e, GPA(lo), len);
	else if (kind == 3)
		rc = ept_protect(&e, GPA(lo), len, perms);
	else if (kind == 4)
		(void)(in[4] & 0x40 ? ept_prune(&e, GPA(lo)) : ept_merge(&e, GPA(lo), len));
	else
		ept_flushed(&e);
	if (rc != OK) {
		assert(pages.in_use == used);
		assert(rc != ERR_INVAL || !perms_ok);
		assert(rc == ERR_INVAL || rc == ERR_NOTSUP || rc == ERR_NOMEM || (rc == ERR_EXIST && kind == 0));
		assert(rc != ERR_NOMEM || pages.limit != FAKE_PT_PAGES);
		return;
	}
	assert(perms_ok || (kind != 0 && kind != 1 && kind != 3));
	for (u32 i = first; i < first + n; i++) {
		assert(kind != 0 || !before[i].mapped);
		if (kind <= 1)
			cell[i] = (struct cell){ true, delta, perms, type };
		else if (kind == 2)
			cell[i].mapped = false;
		else if (kind == 3 && cell[i].mapped)
			cell[i].perms = perms;
		if (before[i].mapped && memcmp(&before[i], &cell[i], sizeof(cell[i])) != 0)
			assert(ept_needs_flush(&e));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct ept_caps caps = { 0 };

	if (size < 1)
		return 0;
	/* Always: without large pages a gigabyte is 512 tables. */
	caps.page_2m = true;
	caps.page_1g = data[0] & 2;
	caps.exec_only = data[0] & 4;
	fake_pt_init(&pages);
	pages.alloc.set_entry = NULL;
	memset(cell, 0, sizeof(cell));
	assert(ept_init(&e, &caps, &pages.alloc) == OK);
	for (size_t i = 1, n = 0; i + 5 <= size && n < 64; i += 5, n++) {
		step(data + i, caps.exec_only);
		check_all();
	}
	ept_flushed(&e);
	assert(pages.in_use == e.t.tables);
	ept_destroy(&e);
	assert(pages.in_use == 0);
	return 0;
}
