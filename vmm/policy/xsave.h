/*
 * State components of XSAVE: which of them guests may have, and whether the processor's compacted format is as the SDM
 * has it (vol. 1, "Managing State Using the XSAVE Feature Set"). d is leaf 0Dh of the processor, CPUID_NR_XSAVE
 * sub-leaves, zero where it has none.
 */
#pragma once

#include "vmm/policy/cpuid.h"

/* The legacy region, and it with the header (SDM vol. 1, "XSAVE Area"). */
#define XSAVE_HEADER   512u
#define XSAVE_EXTENDED 576u
/* Most bytes that an area of the components offered takes, in either format. */
#define XSAVE_AREA_MAX 4096u

/*
 * The components among xcr0 (what the engine switches) that a guest may have: those with a policy, with a size in
 * CPUID, in combinations that XSETBV accepts. 0: no XSAVE.
 */
u64 xsave_offered(const struct cpuid_leaf *d, u64 xcr0);
/* Components the processor has and that xsave_offered leaves out for their size alone. */
u64 xsave_sizeless(const struct cpuid_leaf *d, u64 xcr0);
/* Bytes of an area in compacted format, as XSAVEC writes it with all of mask; where component nr of it begins. */
u32 xsave_compact_size(const struct cpuid_leaf *d, u64 mask);
u32 xsave_compact_offset(const struct cpuid_leaf *d, u64 mask, u32 nr);

/* ---- the check of a processor ---- */

enum xsave_fault_kind {
	XSAVE_RIGHT,
	XSAVE_PLACE, /* a component is not where it should be, but maybe elsewhere */
	XSAVE_HEADER_WRONG,
	XSAVE_RESTORE /* a component does not come back, or the instruction fails */
};

struct xsave_fault {
	enum xsave_fault_kind kind;
	u32 nr;                  /* component */
	u32 want, at;            /* XSAVE_PLACE: bytes; at is 0 when it is nowhere */
	u64 xstate_bv, xcomp_bv; /* XSAVE_HEADER_WRONG */
};

/*
 * Makes area, XSAVE_AREA_MAX bytes, one in standard format that XRSTOR takes, with a pattern of its own in each of the
 * extended components of mask (no other than xsave_offered gave).
 */
void xsave_pattern(u8 *area, const struct cpuid_leaf *d, u64 mask);
/* Whether area (XSAVE_AREA_MAX bytes, zeroed before) has what XSAVEC or XSAVES should have made of the pattern. */
bool xsave_check_saved(const u8 *area, const struct cpuid_leaf *d, u64 mask, struct xsave_fault *f);
/* Whether XSAVE finds the pattern in the registers again: area is in standard format. */
bool xsave_check_restored(const u8 *area, const struct cpuid_leaf *d, u64 mask, struct xsave_fault *f);
/* What is wrong, for the log: "XSAVEC puts state component 2 at byte 416 instead of 576". */
void xsave_fault_text(const struct xsave_fault *f, bool supervisor, char *buf, size_t size);
