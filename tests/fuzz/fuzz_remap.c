/*
 * Shadow RAM and memory of devices, moved about in any order and between pieces: the EPT is as the model says, and with
 * A20 closed as with it open.
 */
#include <stdint.h>

#include "../unit/remap_world.h"
#include "vmm/vm/a20.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static u8 a20_pages[VM_A20_TABLES * PAGE_SIZE] __aligned(4096);

static int check_a20(void *arg, const struct ept_leaf *l)
{
	const struct remap_world *w = arg;
	struct ept_leaf own;

	assert(ept_lookup(&w->e, GPA(l->gpa.v & ~VM_A20_BIT), &own) == OK);
	assert(l->hpa.v == own.hpa.v + ((l->gpa.v & ~VM_A20_BIT) - own.gpa.v) && l->perms == own.perms);
	return OK;
}

/* All is done, and TLBs are flushed where that is due: with A20 closed there is nothing but what there is with it open. */
static void settle(struct remap_world *w, struct vm_a20 *a)
{
	remap_world_settle(w);
	remap_world_check_all(w);
	if (w->r.flush) {
		w->r.flush = false;
		vm_a20_forget(a);
	}
	while (vm_a20_flushed(a))
		;
	assert(ept_walk(&a->closed, GPA(0), BIT(48) - PAGE_SIZE, check_a20, w) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Where a device may want to be: addresses and sizes that suit, and such as do not. */
	static const u64 places[] = { 0xa0000,    0xb0000,     0xb8000,    0xbf000,    0xc0000,
		                      0x80000000, 0x80200000,  0xbfe00000, 0xc0000000, 0xfd000000,
		                      0xffc00000, 0x100000000, 0xfff00000, 0x200000,   0xffe00000,
		                      0xfff3c000, 0xfebf0000,  0xfea00000, 0xfeb40800, 0xc01f8000 };
	static const u64 sizes_of[] = { 0, 0x1000, 0x8000, 0x10000, 0x20000, 0x84000, SIZE_2M, 4 << 20, 128 << 20 };
	static struct remap_world world;
	struct remap_world *w = &world;
	struct vm_a20 a20 = { .bit = VM_A20_BIT };

	remap_world_init(w, size && (data[0] & 1));
	memset(a20_pages, 0, sizeof(a20_pages));
	assert(vm_a20_create(&a20, &w->e, a20_pages, HPA(REMAP_RAM_HPA * 4)) == OK);
	for (size_t i = 1; i + 4 <= size && i < 100; i += 4) {
		const uint8_t *d = data + i;

		switch (d[0] & 3) {
		case 0: vm_remap_shadow(&w->r, d[1] % GUEST_SHADOW_SEGS, d[2] & 1, d[2] & 2); break;
		case 1:
			vm_remap_device(&w->r, d[1] % VM_REMAP_SLOTS, places[d[2] % ARRAY_SIZE(places)],
			                REMAP_DEV_HPA + (d[0] & 4 ? d[1] * PAGE_SIZE : 0),
			                sizes_of[d[3] % ARRAY_SIZE(sizes_of)], d[3] & 0x80);
			break;
		case 2:
			(void)vm_remap_step(&w->r);
			if (vm_a20_map(&a20, places[d[2] % ARRAY_SIZE(places)] ^ (u64)(d[1] & 0x1f) << 16,
			               d[3] & EPT_RWX) == VM_A20_FULL)
				w->r.flush = true;
			break;
		default: settle(w, &a20);
		}
	}
	settle(w, &a20);
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
