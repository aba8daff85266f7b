/*
 * Test helper: a PC's EPT as vmm/vm/memory.c makes it, its ROM, and a model that says what every address has to be
 * mapped to. For test_remap.c and fuzz_remap.c.
 */
#pragma once

#include "fake_pt.h"
#include "lib/assert.h"
#include "mm/ept.h"
#include "vmm/vm/remap.h"

#define REMAP_RAM     (8ull << 20)
#define REMAP_RAM_HPA 0x40000000ull
#define REMAP_ROM_HPA 0x50000000ull
#define REMAP_ROM_LEN (256u << 10)
#define REMAP_DEV_HPA 0x60000000ull

struct remap_world {
	struct fake_pt pages;
	struct ept e;
	struct guest_map map;
	u8 *rom; /* NULL: no firmware */
	struct vm_remap r;
	u32 steps; /* that the last change took */
};

static inline void remap_world_init(struct remap_world *w, bool firmware)
{
	static u8 rom[REMAP_ROM_LEN];
	static const struct ept_caps caps = { .page_2m = true, .page_1g = true, .ad = true };
	struct guest_mem mem;

	memset(w, 0, sizeof(*w));
	fake_pt_init(&w->pages);
	assert(ept_init(&w->e, &caps, &w->pages.alloc) == OK);
	assert(guest_map_build_pc(&w->map, REMAP_RAM) == OK);
	guest_map_ranges(&w->map, &mem, NULL);
	for (u32 i = 0; i < mem.nr_ranges; i++)
		assert(ept_map(&w->e, GPA(mem.ranges[i].gpa), HPA(REMAP_RAM_HPA + mem.ranges[i].gpa),
		               mem.ranges[i].len, EPT_RWX, EPT_MT_RAM, false) == OK);
	w->rom = firmware ? rom : NULL;
	assert(vm_remap_create(&w->r, &w->e, &w->map, w->rom, firmware ? REMAP_ROM_LEN : 0, REMAP_ROM_HPA) == OK);
	w->pages.limit = w->pages.in_use + VM_REMAP_TABLES;
}

static inline void remap_world_free(struct remap_world *w)
{
	ept_destroy(&w->e);
	assert(!w->pages.in_use);
}

/* Every change so far gets into the EPT; a piece stores no more than 6 entries, and makes no more than two tables. */
static inline void remap_world_settle(struct remap_world *w)
{
	for (w->steps = 0;; w->steps++) {
		u32 before = w->pages.writes;
		bool due = vm_remap_due(&w->r), done = vm_remap_step(&w->r);

		assert(due == done);
		if (!done)
			break;
		assert(w->pages.writes - before <= 6 + 2 * (512 + 1) && w->steps < 300);
	}
	/* As the vCPUs do when they have flushed. */
	if (w->r.flush)
		ept_flushed(&w->e);
}

/* What gpa is to be mapped to; 0: nowhere. */
static inline u64 remap_world_want(const struct remap_world *w, u64 gpa, u32 *perms)
{
	const struct guest_shadow *s = &w->r.shadow;
	bool writable = true;

	for (u32 i = 0; i < VM_REMAP_SLOTS; i++) {
		const struct vm_remap_range *d = &w->r.is[i];

		if (gpa - d->gpa < d->len) {
			*perms = d->read_only ? EPT_R | EPT_X : EPT_RWX;
			return d->hpa + (gpa - d->gpa);
		}
	}
	*perms = EPT_R | EPT_X;
	if (w->rom && gpa >= GUEST_ROM_END - REMAP_ROM_LEN && gpa < GUEST_ROM_END)
		return REMAP_ROM_HPA + REMAP_ROM_LEN - (GUEST_ROM_END - gpa);
	if (guest_shadow_covers(gpa)) {
		enum guest_shadow_from from = guest_shadow_from(s, guest_shadow_seg(gpa), &writable);

		if (from == SHADOW_FROM_BUS)
			return 0;
		if (from == SHADOW_FROM_ROM)
			return REMAP_ROM_HPA + REMAP_ROM_LEN - (0x100000 - gpa);
	}
	if (gpa >= REMAP_RAM || (gpa >= GUEST_VGA_BASE && gpa < GUEST_ROM_BASE))
		return 0;
	if (writable)
		*perms = EPT_RWX;
	return REMAP_RAM_HPA + gpa;
}

/* One address of the EPT against the model. */
static inline void remap_world_check(const struct remap_world *w, u64 gpa)
{
	struct ept_leaf leaf;
	u32 perms;
	u64 want = remap_world_want(w, gpa, &perms);
	int err = ept_lookup(&w->e, GPA(gpa), &leaf);

	assert(err == (want ? OK : ERR_NOENT));
	if (!want)
		return;
	assert(leaf.hpa.v + (gpa - leaf.gpa.v) == want);
	assert(leaf.perms == perms && leaf.type == EPT_MT_RAM);
}

/* The first 2 MiB page by page, and the edges of all else. */
static inline void remap_world_check_all(const struct remap_world *w)
{
	static const u64 edges[] = { SIZE_2M,    REMAP_RAM - 1, REMAP_RAM,  0x80000000, 0xbfffffff, 0xc0000000,
		                     0xfee00000, 0xfffbffff,    0xfffc0000, 0xffffffff, 0x100000000 };

	for (u64 gpa = 0; gpa < SIZE_2M; gpa += PAGE_SIZE)
		remap_world_check(w, gpa);
	for (u32 i = 0; i < ARRAY_SIZE(edges); i++)
		remap_world_check(w, edges[i]);
	for (u32 i = 0; i < VM_REMAP_SLOTS; i++) {
		const struct vm_remap_range *d = &w->r.is[i];

		if (!d->len)
			continue;
		remap_world_check(w, d->gpa);
		remap_world_check(w, d->gpa + d->len - 1);
		remap_world_check(w, d->gpa + d->len);
		remap_world_check(w, d->gpa - 1);
	}
}
