/*
 * The guest page walk: linear to guest-physical address, as the CPU in the guest's mode would do it.
 * Source: Intel SDM vol. 3, "Paging" (32-bit, PAE, 4-level, 5-level paging; access rights; page-fault error code).
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"

/* Where paging structures are read and their accessed/dirty flags set. size is 4 or 8 bytes, gpa is aligned to it. */
struct gwalk_ops {
	void *ctx;
	/* OK, or ERR_FAULT when gpa is not RAM. */
	int (*read)(void *ctx, gpa_t gpa, u64 *entry, u32 size);
	/* Atomically replaces old by new: OK, ERR_BUSY when the entry is no longer old, ERR_FAULT. */
	int (*cmpxchg)(void *ctx, gpa_t gpa, u64 old, u64 new_value, u32 size);
};

/* The state that decides; the caller fills all of it. */
struct gwalk_state {
	u64 cr0, cr3, cr4, efer;
	u64 rflags;     /* AC matters (SMAP) */
	u32 pkru, pkrs; /* matter with CR4.PKE, CR4.PKS */
	u8 cpl;
	u8 phys_bits;     /* the guest's MAXPHYADDR; 0 means 52 */
	bool page_1g;     /* the guest's CPUID offers 1 GiB pages */
	bool have_pdptes; /* PAE: use pdpte[] (the VMCS fields) instead of reading the four entries at CR3 */
	u64 pdpte[4];
	u64 a20; /* the bit of address line 20, which is closed: it is 0 in every physical address; 0: that is open */
	/* Paging structures come from mem (fast) or, when mem is NULL, from ops. */
	const struct guest_mem *mem;
	const struct gwalk_ops *ops;
};

/* The access: any combination; plain data read is 0. */
#define GWALK_READ     0x00u
#define GWALK_WRITE    0x01u
#define GWALK_EXEC     0x02u /* instruction fetch; excludes WRITE */
#define GWALK_IMPLICIT 0x04u /* supervisor access whatever the CPL (descriptor tables, TSS); AC does not help it */
#define GWALK_SET_AD   0x08u /* set accessed (and dirty for a write) flags as the CPU would */
#define GWALK_PROBE    0x10u /* translation only: no permission checks (monitor, dumps) */

enum gwalk_status {
	GWALK_OK,
	GWALK_FAULT,     /* #PF: error_code and cr2 are set */
	GWALK_NONCANON,  /* linear address not canonical: the instruction's #GP or #SS */
	GWALK_BAD_TABLE, /* a paging structure lies outside RAM, at gpa */
	GWALK_RETRY,     /* the guest keeps changing the entries meanwhile: resume it, it will come again */
};

struct gwalk_result {
	gpa_t gpa;
	u64 page_size; /* bytes; with paging off 1 GiB */
	u64 left;      /* bytes from gpa to the end of the page */
	u32 error_code;
	u64 cr2;
};

/* Page-fault error code. */
#define PF_PRESENT 0x01u
#define PF_WRITE   0x02u
#define PF_USER    0x04u
#define PF_RSVD    0x08u
#define PF_FETCH   0x10u
#define PF_PK      0x20u

/* Translates one linear address. Bounded: at most five levels, a few retries when the guest races with us. */
enum gwalk_status gwalk(const struct gwalk_state *s, gva_t gva, u32 access, struct gwalk_result *r);

/*
 * Copies len bytes (at most 4096, so at most two pages) between guest linear memory and buf; RAM only. All pages are
 * translated before the first byte moves. GWALK_BAD_TABLE also stands for "not RAM" with r->gpa the first such
 * address. s->mem must be set. The write sets A/D flags; the read sets A.
 */
enum gwalk_status gwalk_read(const struct gwalk_state *s, gva_t gva, void *buf, u32 len, u32 access,
                             struct gwalk_result *r);
enum gwalk_status gwalk_write(const struct gwalk_state *s, gva_t gva, const void *buf, u32 len, u32 access,
                              struct gwalk_result *r);

/* For MOV to CR3/CR0/CR4 that load PAE PDPTEs: reads the four entries at cr3 and checks their reserved bits.
 * GWALK_OK, GWALK_FAULT (reserved bit: the instruction's #GP) or GWALK_BAD_TABLE. */
enum gwalk_status gwalk_load_pdptes(const struct gwalk_state *s, u64 cr3, u64 pdpte[4]);
