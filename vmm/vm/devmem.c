/* Memory of a VM's devices, of the guest's account. */
#include "vmm/vm/devmem.h"

#include "lib/assert.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/vm/vm.h"

/* In the window, beyond any guest-physical address of RAM. */
#define VM_DEVMEM_BASE (WINDOW_BASE + BIT(44))
_Static_assert(GUEST_MEMORY_MAX < BIT(44), "RAM ends before");

static int map_chunk(struct vm *vm, u64 at, u64 len)
{
	u64 align = len & (len - 1) ? PAGE_SIZE : MIN(len, SIZE_1G);
	hpa_t pa;
	int err = guest_frames_alloc(len / PAGE_SIZE, align, &pa);

	if (err)
		return err;
	err = hostpt_map(&vm->pt, VM_DEVMEM_BASE + at, pa, len, HOSTPT_W | HOSTPT_WB, 0);
	if (err)
		guest_frames_free(pa, len / PAGE_SIZE);
	return err;
}

int vm_devmem_alloc(struct vm *vm, u64 bytes, u32 flags, void **p)
{
	static const u64 sizes[] = { SIZE_1G, SIZE_2M, PAGE_SIZE };
	struct vm_devmem *d = &vm->devmem;
	u64 at = ALIGN_UP(d->bytes, MIN(bytes, SIZE_1G) >= SIZE_2M ? SIZE_2M : PAGE_SIZE), end = at + bytes;

	if (d->nr == VM_DEVMEM_AREAS)
		return ERR_NOSPC;
	*p = (void *)(VM_DEVMEM_BASE + at);
	/* What is got before an error is part of the area: it goes with the VM. */
	d->area[d->nr].at = at;
	d->area[d->nr].clear = flags & VM_DEVMEM_CLEAR;
	d->nr++;
	d->bytes = at;
	while (d->bytes < end) {
		u64 left = end - d->bytes, len = left;
		int err = ERR_NOMEM;

		for (u32 i = 0; i < ARRAY_SIZE(sizes) && err; i++) {
			if (!(flags & VM_DEVMEM_WHOLE)) {
				len = sizes[i];
				if (left < len || !IS_ALIGNED(d->bytes, len))
					continue;
			}
			err = map_chunk(vm, d->bytes, len);
		}
		if (err)
			return err;
		d->bytes += len;
		d->area[d->nr - 1].bytes += len;
	}
	return OK;
}

hpa_t vm_devmem_hpa(const struct vm *vm, const void *p)
{
	hpa_t pa;
	int err = hostpt_lookup(&vm->pt, (u64)p, &pa, NULL, NULL);

	assert(err == OK);
	return pa;
}

bool vm_devmem_has(const void *p)
{
	return (u64)p - VM_DEVMEM_BASE < BIT(44);
}

void vm_devmem_destroy(struct vm *vm)
{
	struct vm_devmem *d = &vm->devmem;

	for (u32 i = 0; i < d->nr; i++)
		for (u64 off = 0, size; off < d->area[i].bytes; off += size) {
			hpa_t pa;
			int err = hostpt_lookup(&vm->pt, VM_DEVMEM_BASE + d->area[i].at + off, &pa, NULL, &size);

			assert(err == OK);
			guest_frames_free(pa, size / PAGE_SIZE);
		}
	d->nr = 0;
}

void vm_devmem_begin(struct vm *vm, const void *first, u64 len)
{
	struct vm_devmem *d = &vm->devmem;

	assert(d->nr && len <= d->area[d->nr - 1].bytes);
	d->area[d->nr - 1].first = first;
	d->area[d->nr - 1].first_len = len;
}

/* n bytes of an area from off on, as they are at a start. */
static void prepare(const struct vm_devmem *d, u32 i, u64 off, u64 n)
{
	u8 *to = (u8 *)VM_DEVMEM_BASE + d->area[i].at + off;
	u64 have = off < d->area[i].first_len ? MIN(d->area[i].first_len - off, n) : 0;

	if (have)
		memcpy(to, (const u8 *)d->area[i].first + off, have);
	memset(to + have, d->area[i].clear ? 0 : 0xff, n - have);
}

u64 vm_devmem_prepare(struct vm *vm, u64 pos, u64 len)
{
	struct vm_devmem *d = &vm->devmem;

	for (u32 i = 0; i < d->nr; i++) {
		if (!d->area[i].clear && (!d->area[i].first || d->begun))
			continue;
		if (pos < d->area[i].bytes) {
			u64 n = MIN(d->area[i].bytes - pos, len);

			prepare(d, i, pos, n);
			return n;
		}
		pos -= d->area[i].bytes;
	}
	d->begun = true;
	return 0;
}
