/* What every loader promises, whatever the image: checked after each run. */
#pragma once

#include <stdlib.h>

#include "lib/assert.h"
#include "vmm/load/load.h"

#define FUZZ_RAM (8ull << 20)
#define HOLE_LEN (GUEST_ROM_BASE - GUEST_VGA_BASE) /* of what no image may be loaded to */

struct fuzz_guest {
	struct guest_map map;
	struct guest_mem mem;
};

/* RAM of exactly its size, so that the sanitizer sees every access beyond; the VGA window carries a pattern. */
static inline struct fuzz_guest *fuzz_guest(void)
{
	static struct fuzz_guest g;

	if (!g.mem.base) {
		u8 *ram = calloc(1, FUZZ_RAM);

		assert(ram && guest_map_build(&g.map, FUZZ_RAM) == OK);
		guest_map_ranges(&g.map, &g.mem, ram);
		memset(ram + GUEST_VGA_BASE, 0x5c, HOLE_LEN);
	}
	return &g;
}

/* in was given to a loader that answered r and out. */
static inline void load_check(const struct load_in *in, const struct load_out *out, int r)
{
	const u8 *hole = in->mem->base + GUEST_VGA_BASE;

	if (in->copies) {
		while (r == OK && load_copy_some(in->mem, in->copies, 5000))
			;
		*in->copies = (struct load_copies){ 0 };
	}
	for (u32 i = 0; i < HOLE_LEN; i += 509)
		assert(hole[i] == 0x5c);
	assert(hole[0] == 0x5c && hole[HOLE_LEN - 1] == 0x5c);
	if (r != OK) {
		assert(r < 0 && out->why[0]);
		return;
	}
	assert(out->load_base < out->load_end);
	assert(out->load_base >= LOAD_IMAGE_LOW && out->load_end <= in->map->low_end);
	assert(out->rip >= out->load_base && out->rip < out->load_end);
	assert(guest_map_is_ram(in->map, out->rip, 1));
	assert(out->modules_end <= in->map->low_end && out->modules_base <= out->modules_end);
	assert(!in->nr_modules || out->modules_base >= out->load_end);
	assert(out->mode == LOAD_MODE_LONG64 ? out->cr3 == LOAD_PML4_GPA + out->shift : out->cr3 == 0);
}
