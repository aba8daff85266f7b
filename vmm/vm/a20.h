/*
 * Address line 20, closed: bit 20 of every address that a processor puts out is 0, so that odd megabytes are seen where
 * even ones are. A second root of extended page tables says so, and the VM's vCPUs are on it while the gate is closed.
 * Pure. IBM PC AT Technical Reference, "Address line A20"; Intel SDM vol. 3, "A20M# Pin".
 *
 * The tables below that root are made of the VM's own ones, piece by piece, when a vCPU comes to a page that they lack:
 * who never closes the gate never pays, and a guest of any size has the same few tables. Where they do not suffice, or
 * where the VM's own tables have lost something, all is forgotten and begins anew.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/ept.h"

#define VM_A20_BIT    (1ull << 20)
#define VM_A20_TABLES 16u /* root, 2 directories, 13 times 2 MiB; or as many directories more as memory is spread */

struct vm_a20 {
	const struct ept *open; /* the VM's own; NULL: it is no PC's, and the gate is always open */
	struct ept closed;
	struct pt_alloc alloc; /* of the tables, each of which is taken once until all is forgotten */
	u8 *pages;
	hpa_t hpa;
	u32 used;     /* of the tables; the first is the root */
	u32 roots;    /* entries of the root, from the first, that may be set */
	u32 dirty;    /* forgotten ones that are still to be cleared */
	bool forgot;  /* TLBs may know what is no more: nothing is mapped until they are flushed */
	bool any;     /* something was mapped at some time */
	u64 bit;      /* VM_A20_BIT: the gate is closed; 0: open. With the VM's lock */
	u32 nr_asked; /* vCPUs that know of that; vmm/cpu/ */
};

/* pages: VM_A20_TABLES of them, cleared, at hpa; they and open live on. a is zeroed. OK or an error of ept_init(). */
__must_check int vm_a20_create(struct vm_a20 *a, const struct ept *open, void *pages, hpa_t hpa);

/* Whether something has changed. */
bool vm_a20_set(struct vm_a20 *a, bool closed);
/* What a processor's access to gpa goes to. */
static inline u64 vm_a20_mask(const struct vm_a20 *a, u64 gpa)
{
	return gpa & ~a->bit;
}
/* The EPT that a vCPU is to be on. */
const struct ept *vm_a20_root(const struct vm_a20 *a, const struct ept *open);

enum vm_a20_found {
	VM_A20_MAPPED, /* the access will succeed now */
	VM_A20_BUSY,   /* it comes again until the TLBs have been flushed */
	VM_A20_FULL,   /* the same, and vm_a20_forget() is to be called */
	VM_A20_NONE,   /* there is nothing that allows it, with the gate open neither */
};
/*
 * While the gate is closed, an access (EPT_R, EPT_W, EPT_X) to gpa, bit 20 as the processor has it, was refused. Maps
 * 64 KiB around it if one page of 2 MiB or more of the VM's own has them, else 4 KiB. With the VM's lock.
 */
enum vm_a20_found vm_a20_map(struct vm_a20 *a, u64 gpa, u32 access);

/* The VM's own tables have changed, or there was no room: all goes, and every TLB is to be flushed. With its lock. */
void vm_a20_forget(struct vm_a20 *a);
/* No TLB has any of it. A piece of making room, of a table; true: there are more. With the VM's lock. */
bool vm_a20_flushed(struct vm_a20 *a);
