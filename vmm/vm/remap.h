/*
 * What is mapped otherwise while a VM runs: shadow RAM by the host bridge's PAM registers, and memory of devices.
 *
 * A change is noted at once, with the VM's lock, and gets into the extended page tables in pieces (vm_remap_step()),
 * before the vCPU that caused it goes on. Until then, and where it cannot be mapped at all, accesses exit and are
 * emulated, to the same effect.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/guest_shadow.h"
#include "vmm/base/io_bus.h"

struct vm;

#define VM_REMAP_SLOTS  8u
#define VM_REMAP_TABLES 2u /* tables that they take: a directory each for the last two GiB below 4 GiB */

/* Memory of a device, as it is to be or as it is in the EPT. len 0: nowhere. */
struct vm_remap_range {
	u64 gpa, len;
	u64 hpa;
	bool read_only;
};

struct vm_remap {
	struct guest_shadow shadow; /* as the registers say */
	u16 stale;                  /* bit n: segment n is not yet so in the EPT */
	u32 quarter;                /* of the segment under way: 16 KiB of it are done at a time */
	u64 shadow_hpa;             /* of the RAM there, which is contiguous */
	struct io_region rom_region;
	struct vm_remap_range want[VM_REMAP_SLOTS], is[VM_REMAP_SLOTS];
	bool flush; /* TLBs may have what is no more */
};

/* After the VM's RAM is mapped, on a PC: its ROM, if it has firmware. OK or an error; vm_remap_undo(). */
__must_check int vm_remap_create(struct vm *vm);
/* Only the VM's own frames are in the EPT afterwards. No vCPU may use it any more. */
void vm_remap_undo(struct vm *vm);

/* A segment is open for reads, for writes. Of a VM without firmware all are, always. With the VM's lock. */
void vm_remap_shadow(struct vm *vm, u32 seg, bool read, bool write);
/*
 * Memory of len bytes, whole pages, of the hypervisor or vm_devmem_alloc()'s, is at gpa from now on and no longer where the same slot was; len
 * 0: it is nowhere. Mapped below 1 MiB in the VGA window, and from the end of RAM up to 4 GiB in pieces of 2 MiB, if
 * gpa, mem and len are multiples; elsewhere not, as by RAM or ROM that is there. With the VM's lock.
 */
void vm_remap_device(struct vm *vm, u32 slot, u64 gpa, const void *mem, u64 len, bool read_only);

/* Whether there is something to be done. */
bool vm_remap_due(const struct vm *vm);
/* The next piece of it, at most 64 entries of the EPT. With the VM's lock. false: there was none. */
bool vm_remap_step(struct vm *vm);
