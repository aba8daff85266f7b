/*
 * Memory of a VM's devices that is of the guest's account: frames of the guest pool as its RAM, not the hypervisor's.
 * Video memory, overlays of disks, flash. Like the VM's RAM it is reached through the VM's window, so only in a turn of
 * the VM: an address here is good while the VM's address space is loaded.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vm;

#define VM_DEVMEM_AREAS 24u

struct vm_devmem {
	u64 bytes; /* of all areas */
	u32 nr;
	bool begun; /* areas hold what they are to begin with */
	struct {
		u64 at, bytes; /* from VM_DEVMEM_BASE on */
		bool clear;
		const void *first; /* NULL: nothing is put there; first_len bytes */
		u64 first_len;
	} area[VM_DEVMEM_AREAS];
};

enum vm_devmem_flags {
	VM_DEVMEM_WHOLE =
	        1 << 0, /* contiguous, so that vm_remap_device() can map it; powers of two are aligned to it */
	VM_DEVMEM_CLEAR = 1 << 1, /* all zeros at each start of the guest; else whatever the machine's memory holds */
};

/* While vm is created. bytes: whole pages. OK and *p; ERR_NOMEM; ERR_NOSPC: too many areas. */
__must_check int vm_devmem_alloc(struct vm *vm, u64 bytes, u32 flags, void **p);
/*
 * The last area allocated begins, at the first start of the guest, as these bytes, which must stay, with FFh behind
 * them; later starts leave it alone. len: at most its size.
 */
void vm_devmem_begin(struct vm *vm, const void *first, u64 len);
/* Gives all of it back, before the VM's page tables. No vCPU may use it any more. */
void vm_devmem_destroy(struct vm *vm);
/* Where p, in one of the areas, is. */
hpa_t vm_devmem_hpa(const struct vm *vm, const void *p);
/* Whether p is in the window's part for devices. */
bool vm_devmem_has(const void *p);
/*
 * The piece, of at most len bytes, behind the first pos bytes of what is prepared for a start: made clear, or what it
 * begins with, and how long it was; 0: there is none. With the VM's address space.
 */
u64 vm_devmem_prepare(struct vm *vm, u64 pos, u64 len);
