/*
 * The hypervisor's own memory: its pool of frames, its page tables and where things are in its address space.
 *
 *   ffff8000'00000000  direct map: only what the hypervisor owns (its pool, boot modules, firmware tables)
 *   ffffc000'00000000  window of the VM whose address space is loaded: guest-physical 0 is here
 *   ffffe000'00000000  device memory, uncached or write-combining
 *   ffffff00'00000000  per-CPU stacks with guard pages
 *   ffffffff'80000000  the image, W^X
 *
 * Guest RAM is in no mapping but the window of its own VM.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/e820.h"
#include "mm/hostpt.h"
#include "mm/pool.h"

#define DIRECT_BASE 0xffff800000000000ull
#define WINDOW_BASE 0xffffc00000000000ull
#define IOMAP_BASE  0xffffe00000000000ull
#define STACKS_BASE 0xffffff0000000000ull
#define IMAGE_BASE  0xffffffff80000000ull

/* Physical addresses that the direct map and the one of devices reach. */
#define DIRECT_SIZE (WINDOW_BASE - DIRECT_BASE)
#define IOMAP_SIZE  (STACKS_BASE - IOMAP_BASE)

#define WINDOW_SLOT_FIRST 384u
#define WINDOW_SLOTS      64u

static inline void *phys_to_virt(hpa_t pa)
{
	return (void *)(DIRECT_BASE + pa.v);
}

/* Of a pointer into the direct map. */
static inline hpa_t virt_to_phys(const void *p)
{
	return HPA((u64)p - DIRECT_BASE);
}

/*
 * Takes the pool out of map (sanitized; modules, boot information and image already reserved), hands the rest of its
 * RAM to the guest pool, builds the final page tables and loads them. delta: load address minus linked address.
 * small_code: as vm_memory_init() will be told, whose tables the pool has to hold. RAM above DIRECT_SIZE is left out.
 * OK; ERR_NOMEM when the machine has too little memory: the plan tells what there is.
 */
__must_check int hvmem_init(struct e820_map *map, u64 delta, bool small_code);
const struct pool_plan *hvmem_plan(void);
/* Loads the final CR3 on an application processor. */
u64 hvmem_cr3(void);

/* nr contiguous zeroed pages of the pool, or NULL. Locked: any CPU. */
__must_check void *hv_alloc_pages(u64 nr);
/* The same, not zeroed: as the machine's memory is, for what the run before may have left there. */
__must_check void *hv_alloc_pages_as_is(u64 nr);
void hv_free_pages(void *p, u64 nr);
/* At least size zeroed bytes, page aligned. */
static inline void *hv_zalloc(u64 size)
{
	return hv_alloc_pages(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}
static inline void hv_zfree(void *p, u64 size)
{
	hv_free_pages(p, ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

/* Pointer to [pa, pa+len), mapped read-only write-back on demand; NULL when tables run out, or above DIRECT_SIZE. */
const void *hv_map_phys(u64 pa, u64 len);
/* The same, writable and uncached; NULL above IOMAP_SIZE. */
void *hv_map_mmio(u64 pa, u64 len);
/*
 * The same, write-combining, also where the MTRRs say uncached: for a screen's memory, which is only written, in any
 * order. What is written reaches it at the latest at the next locked instruction, interrupt or I/O instruction. What
 * is mapped already stays as it is.
 */
void *hv_map_wc(u64 pa, u64 len);
/* Writable pointer to the AP start page (below 1 MiB). */
void *hv_map_low(u64 pa);

/* A stack of pages (bytes = size) with an unmapped page on each side; returns its top, or 0. */
u64 hv_alloc_stack(u64 size);

/* Guest RAM: frames, naturally aligned. limit as in frames_alloc. Locked. */
__must_check int guest_frames_alloc(u64 nr, u64 align, hpa_t *pa);
void guest_frames_free(hpa_t pa, u64 nr);
u64 guest_frames_free_bytes(void);
u64 hv_pool_free_bytes(void);
u64 hv_pool_total_bytes(void);

extern const struct pt_alloc hv_pt_alloc;
extern struct hostpt kernel_pt;
