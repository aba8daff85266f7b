/* Test helper: a guest's RAM as an ordinary allocation, with its map. */
#pragma once

#include <stdlib.h>

#include "mm/guest_mem.h"
#include "vmm/base/guest_map.h"

struct guest_ram {
	struct guest_map map;
	struct guest_mem mem;
};

/* bytes <= 3 GiB, so that all of it is below the PCI hole. Filled with a pattern, so that missing zeroing shows. */
static inline void guest_ram_init(struct guest_ram *g, u64 bytes)
{
	u8 *base = malloc(bytes);

	if (!base || guest_map_build(&g->map, bytes) != OK)
		abort();
	memset(base, 0xa5, bytes);
	guest_map_ranges(&g->map, &g->mem, base);
}

static inline void guest_ram_free(struct guest_ram *g)
{
	free(g->mem.base);
}

static inline u64 guest_ram_get(const struct guest_ram *g, u64 gpa, u32 size)
{
	u64 v = 0;

	if (gmem_read(&g->mem, GPA(gpa), &v, size) != OK)
		abort();
	return v;
}

static inline const char *guest_ram_text(const struct guest_ram *g, u64 gpa)
{
	return (const char *)g->mem.base + gpa;
}

/* Little-endian stores into an image under construction. */
static inline void put_le(u8 *p, u64 off, u32 size, u64 v)
{
	memcpy(p + off, &v, size);
}
