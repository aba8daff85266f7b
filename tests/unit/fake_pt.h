/*
 * A page-table allocator for tests: limited, checks that only allocated pages are used and freed once, and calls back
 * at every store of an entry, so that a test can look at every intermediate state.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "lib/assert.h"
#include "mm/ptree.h"

#define FAKE_PT_PAGES 8192
#define FAKE_PT_BASE  0x7000000000ull

struct fake_pt {
	struct pt_alloc alloc;
	void *page[FAKE_PT_PAGES];
	u32 next;   /* where to look for a free slot */
	u32 in_use; /* pages handed out */
	u32 limit;  /* allocations fail at this many */
	u32 writes;
	void (*on_write)(void *arg);
	void *arg;
};

static inline void *fake_pt_alloc(void *ctx, hpa_t *hpa)
{
	struct fake_pt *f = ctx;

	if (f->in_use >= f->limit)
		return NULL;
	while (f->page[f->next])
		f->next = (f->next + 1) % FAKE_PT_PAGES;
	f->page[f->next] = aligned_alloc(4096, 4096);
	assert(f->page[f->next]);
	memset(f->page[f->next], 0xa5, 4096);
	*hpa = HPA(FAKE_PT_BASE + f->next * PAGE_SIZE);
	f->in_use++;
	return f->page[f->next];
}

static inline void *fake_pt_virt(void *ctx, hpa_t hpa)
{
	struct fake_pt *f = ctx;
	u64 i = (hpa.v - FAKE_PT_BASE) / PAGE_SIZE;

	assert(IS_ALIGNED(hpa.v, PAGE_SIZE) && hpa.v >= FAKE_PT_BASE && i < FAKE_PT_PAGES && f->page[i]);
	return f->page[i];
}

static inline void fake_pt_free(void *ctx, hpa_t hpa, void *virt)
{
	struct fake_pt *f = ctx;

	assert(fake_pt_virt(ctx, hpa) == virt);
	f->page[(hpa.v - FAKE_PT_BASE) / PAGE_SIZE] = NULL;
	f->in_use--;
	free(virt);
}

static inline void fake_pt_set(void *ctx, u64 *entry, u64 value)
{
	struct fake_pt *f = ctx;

	*entry = value;
	f->writes++;
	if (f->on_write)
		f->on_write(f->arg);
}

static inline void fake_pt_init(struct fake_pt *f)
{
	memset(f, 0, sizeof(*f));
	f->limit = FAKE_PT_PAGES;
	f->alloc = (struct pt_alloc){ .ctx = f,
		                      .alloc_page = fake_pt_alloc,
		                      .free_page = fake_pt_free,
		                      .to_virt = fake_pt_virt,
		                      .set_entry = fake_pt_set };
}
