#include "mm/pool.h"
#include "lib/string.h"

#define BOTTOM   0x100000ull
#define PLAIN_TO (64 * SIZE_1G) /* 1/64 of the RAM up to here */

u64 pool_want(u64 ram, bool small_code)
{
	u64 want = MIN(MAX(ram / 64, POOL_MIN), PLAIN_TO / 64), beyond = ram > PLAIN_TO ? ram - PLAIN_TO : 0;

	want += beyond / PAGE_SIZE / 8;               /* a bit for each frame */
	want += beyond / SIZE_1G * 2 * PAGE_SIZE;     /* EPT and window, in pages of 2 MiB */
	if (small_code)                               /* a table for each 2 MiB; those above them */
		want += beyond / SIZE_2M * PAGE_SIZE; /* are counted already */
	return ALIGN_UP(want, SIZE_2M);
}

/* The longest piece of RAM within [lo, hi) in whole 2-MiB pages that no part of the plan has. */
static struct frames_range longest(const struct e820_map *map, const struct pool_plan *p, u64 lo, u64 hi)
{
	struct frames_range best = { 0 };

	for (u32 i = 0; i < map->nr; i++) {
		const struct e820_entry *e = &map->e[i];
		u64 first = ALIGN_UP(MAX(e->base, lo), SIZE_2M), end = ALIGN_DOWN(MIN(e->base + e->len, hi), SIZE_2M);

		if (e->type != E820_RAM)
			continue;
		/* Parts are taken from the end of a piece. */
		for (u32 k = 0; k < p->nr; k++)
			if (p->part[k].base >= first && p->part[k].base < end)
				end = p->part[k].base;
		if (end > first && end - first > best.len)
			best = (struct frames_range){ first, end - first };
	}
	return best;
}

static void add(struct pool_plan *p, const struct frames_range *from)
{
	u64 len = MIN(from->len, p->want - p->got);
	struct frames_range r = { from->base + from->len - len, len };
	u32 at = p->nr++;

	for (; at && p->part[at - 1].base > r.base; at--)
		p->part[at] = p->part[at - 1];
	p->part[at] = r;
	p->got += len;
}

int pool_plan(const struct e820_map *map, bool small_code, struct pool_plan *p)
{
	struct frames_range r;

	memset(p, 0, sizeof(*p));
	p->want = pool_want(e820_total(map, E820_RAM), small_code);
	r = longest(map, p, BOTTOM, POOL_LOW);
	p->low_run = r.len;
	if (r.len < POOL_MIN)
		return ERR_NOMEM;
	add(p, &r);
	while (p->got < p->want && p->nr < POOL_PARTS) {
		r = longest(map, p, POOL_LOW, ~0ull);
		if (!r.len)
			break;
		add(p, &r);
	}
	return OK;
}
