/*
 * State components of XSAVE: which of them guests may have, and where they are (SDM vol. 1, "Managing State Using the
 * XSAVE Feature Set"). d is leaf 0Dh of the processor, CPUID_NR_XSAVE sub-leaves, zero where it has none.
 */
#pragma once

#include "vmm/policy/cpuid.h"

/* The legacy region with the header (SDM vol. 1, "XSAVE Area"). */
#define XSAVE_EXTENDED 576u

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
