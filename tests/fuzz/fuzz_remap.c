/* Shadow RAM and memory of devices, moved about in any order and between pieces: the EPT is as the model says. */
#include <stdint.h>

#include "../unit/remap_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Where a device may want to be: addresses and sizes that suit, and such as do not. */
	static const u64 places[] = { 0xa0000,    0xb0000,    0xb8000,    0xbf000,    0xc0000,    0x80000000,
		                      0x80200000, 0xbfe00000, 0xc0000000, 0xfd000000, 0xffc00000, 0x100000000,
		                      0xfff00000, 0x200000,   0xffe00000, 0xfff3c000 };
	static const u64 sizes_of[] = { 0, 0x1000, 0x8000, 0x10000, 0x20000, 0x84000, SIZE_2M, 4 << 20, 128 << 20 };
	static struct remap_world world;
	struct remap_world *w = &world;

	remap_world_init(w, size && (data[0] & 1));
	for (size_t i = 1; i + 4 <= size && i < 100; i += 4) {
		const uint8_t *d = data + i;

		switch (d[0] & 3) {
		case 0: vm_remap_shadow(&w->r, d[1] % GUEST_SHADOW_SEGS, d[2] & 1, d[2] & 2); break;
		case 1:
			vm_remap_device(&w->r, d[1] % VM_REMAP_SLOTS, places[d[2] % ARRAY_SIZE(places)],
			                REMAP_DEV_HPA + (d[0] & 4 ? d[1] * PAGE_SIZE : 0),
			                sizes_of[d[3] % ARRAY_SIZE(sizes_of)], d[3] & 0x80);
			break;
		case 2: (void)vm_remap_step(&w->r); break;
		default: remap_world_settle(w); remap_world_check_all(w);
		}
	}
	remap_world_settle(w);
	remap_world_check_all(w);
	vm_remap_undo(&w->r);
	for (u64 gpa = GUEST_VGA_BASE; gpa < SIZE_2M; gpa += PAGE_SIZE) {
		struct ept_leaf leaf;
		int err = ept_lookup(&w->e, GPA(gpa), &leaf);

		assert(err == (gpa < GUEST_ROM_BASE ? ERR_NOENT : OK));
		assert(err || leaf.hpa.v == REMAP_RAM_HPA + gpa);
	}
	remap_world_free(w);
	return 0;
}
