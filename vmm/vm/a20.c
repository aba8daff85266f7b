/* Extended page tables of a machine whose address line 20 is closed. */
#include "vmm/vm/a20.h"

#include "lib/assert.h"
#include "lib/string.h"

#define PIECE     (64ull << 10) /* bytes mapped at once */
#define ROOT_BITS 39            /* of an address, below the root's index */

static void *take(void *ctx, hpa_t *hpa)
{
	struct vm_a20 *a = ctx;
	u64 at = a->used * PAGE_SIZE;

	if (a->used == VM_A20_TABLES)
		return NULL;
	a->used++;
	*hpa = HPA(a->hpa.v + at);
	return a->pages + at;
}

/* Of an operation that did not get all it needed: it comes back with all others. */
static void leave(void *ctx, hpa_t hpa, void *virt) {}

static void *virt_of(void *ctx, hpa_t hpa)
{
	const struct vm_a20 *a = ctx;

	return a->pages + (hpa.v - a->hpa.v);
}

static int begin(struct vm_a20 *a)
{
	a->used = 0;
	a->roots = 0;
	return ept_init(&a->closed, &a->open->caps, &a->alloc);
}

int vm_a20_create(struct vm_a20 *a, const struct ept *open, void *pages, hpa_t hpa)
{
	a->open = open;
	a->pages = pages;
	a->hpa = hpa;
	a->alloc = (struct pt_alloc){
		.ctx = a, .alloc_page = take, .free_page = leave, .to_virt = virt_of, .zeroed = true
	};
	return begin(a);
}

bool vm_a20_set(struct vm_a20 *a, bool closed)
{
	u64 bit = closed && a->open ? VM_A20_BIT : 0;

	if (bit == a->bit)
		return false;
	a->bit = bit;
	a->nr_asked = 0;
	return true;
}

const struct ept *vm_a20_root(const struct vm_a20 *a, const struct ept *open)
{
	return a->bit ? &a->closed : open;
}

enum vm_a20_found vm_a20_map(struct vm_a20 *a, u64 gpa, u32 access)
{
	u64 from = gpa & ~VM_A20_BIT, len = PAGE_SIZE, off;
	struct ept_leaf leaf;
	int err;

	if (ept_lookup(a->open, GPA(from), &leaf) != OK || (access & ~leaf.perms))
		return VM_A20_NONE;
	if (a->forgot)
		return VM_A20_BUSY;
	if (leaf.size > PIECE)
		len = PIECE;
	off = ALIGN_DOWN(from, len) - leaf.gpa.v;
	a->roots = MAX(a->roots, (u32)(gpa >> ROOT_BITS) + 1);
	err = ept_map(&a->closed, GPA(ALIGN_DOWN(gpa, len)), HPA(leaf.hpa.v + off), len, leaf.perms, leaf.type, true);
	a->any = true;
	return err ? VM_A20_FULL : VM_A20_MAPPED;
}

void vm_a20_forget(struct vm_a20 *a)
{
	u64 *root = (u64 *)a->pages;

	if (!a->open || a->forgot || a->used < 2)
		return;
	for (u32 i = 0; i < a->roots; i++)
		if (root[i])
			*(volatile u64 *)&root[i] = 0;
	a->dirty = a->used;
	a->forgot = true;
}

bool vm_a20_flushed(struct vm_a20 *a)
{
	int err;

	if (!a->forgot)
		return false;
	if (a->dirty) {
		memset(a->pages + --a->dirty * PAGE_SIZE, 0, PAGE_SIZE);
		return true;
	}
	err = begin(a);
	assert(err == OK); /* the root is there */
	a->forgot = false;
	return true;
}
