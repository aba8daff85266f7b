/*
 * What is mapped otherwise while a VM runs: shadow RAM by the host bridge's PAM registers, and memory of devices.
 *
 * A change is noted at once, with the VM's lock, and gets into the extended page tables in pieces (vm_remap_step()),
 * before the vCPU that caused it goes on. Until then, and where it cannot be mapped at all, accesses exit and are
 * emulated, to the same effect. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/ept.h"
#include "vmm/base/guest_map.h"
#include "vmm/base/guest_shadow.h"
#include "vmm/base/io_bus.h"

#define VM_REMAP_SLOTS 8u
#define VM_REMAP_SMALL 6u /* the slot that may have a table of small pages of its own */
#define VM_REMAP_TABLES \
	4u /* tables that they take: a directory each for the last two GiB below 4 GiB, that
                              table, and the one that it was, until TLBs are flushed */

/* Memory of a device, as it is to be or as it is in the EPT. len 0: nowhere. */
struct vm_remap_range {
	u64 gpa, len;
	u64 hpa;
	bool read_only;
};

struct vm_remap {
	struct ept *ept; /* NULL: it is no PC's, and nothing is ever to be done */
	u64 ram_end;     /* of the RAM below 4 GiB */
	u64 rom_hpa;
	struct guest_shadow shadow; /* as the registers say */
	u16 stale;                  /* bit n: segment n is not yet so in the EPT */
	u32 quarter;                /* of the last segment: 16 KiB of it are done at a time */
	u64 shadow_hpa;             /* of the RAM there, which is contiguous */
	struct io_region rom_region;
	struct vm_remap_range want[VM_REMAP_SLOTS], is[VM_REMAP_SLOTS];
	u64 prune;  /* in the 2 MiB of which VM_REMAP_SMALL's table is empty now, and goes; 0: none */
	bool flush; /* TLBs may have what is no more */
};

/* Of a VM that is no PC: all is RAM. */
static inline void vm_remap_none(struct vm_remap *r)
{
	guest_shadow_open(&r->shadow);
}
/*
 * Of a PC whose RAM is mapped in ept, the shadow RAM in one piece. rom: of rom_len bytes, a multiple of
 * GUEST_ROM_GRAIN, at rom_hpa; NULL: it has no firmware, and all is RAM. r is zeroed. OK or an error of ept_map();
 * r->rom_region is for the bus, if there is a ROM. Ends with vm_remap_undo().
 */
__must_check int vm_remap_create(struct vm_remap *r, struct ept *ept, const struct guest_map *map, const void *rom,
                                 u64 rom_len, u64 rom_hpa);
/* Only the VM's own frames are in the EPT afterwards. No vCPU may use it any more. */
void vm_remap_undo(struct vm_remap *r);

/* A segment is open for reads, for writes. Of a VM without firmware all are, always. With the VM's lock. */
void vm_remap_shadow(struct vm_remap *r, u32 seg, bool read, bool write);
/*
 * Device memory of len bytes, whole pages, is at gpa from now on and no longer where the same slot was; len 0: it is
 * nowhere. Mapped in the VGA window and in the 2 MiB where the ROM begins; and from the end of RAM, but not below 2
 * GiB, up to 4 GiB in pages of 2 MiB, if gpa, hpa and len are multiples, len is at most 128 MiB and no GiB begins
 * inside; there VM_REMAP_SMALL's may be any pages up to where the APICs are, within 2 MiB. Elsewhere it is not, nor where
 * RAM, ROM, the APIC or another device's is. With the VM's lock.
 */
void vm_remap_device(struct vm_remap *r, u32 slot, u64 gpa, u64 hpa, u64 len, bool read_only);

/* Whether there is something to be done. */
bool vm_remap_due(const struct vm_remap *r);
/*
 * The next piece of it, at most 6 entries of the EPT, and a table emptied before. With the VM's lock. false: there was
 * none.
 */
bool vm_remap_step(struct vm_remap *r);
