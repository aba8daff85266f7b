/* Tables behind vmm/policy/cpuid.c: what passes, what is forced, what depends on what. */
#pragma once

#include "vmm/policy/cpuid.h"

/* One feature word: where it lives, host bits that pass, bits set whatever the host has (they are emulated). */
struct cpuid_policy {
	u32 leaf;
	u8 sub;
	u8 reg; /* 0 EAX, 1 EBX, 2 ECX, 3 EDX */
	u32 pass, force;
};
extern const struct cpuid_policy cpuid_policy[CPUID_NR_WORDS];

/* Clears, again and again until nothing changes, what lacks something it needs. */
void cpuid_resolve(struct cpuid_mask *f);

static inline bool cpuid_mask_has(const struct cpuid_mask *m, u32 feat)
{
	return m->w[feat / 32] >> feat % 32 & 1;
}
static inline void cpuid_mask_clear(struct cpuid_mask *m, u32 feat)
{
	m->w[feat / 32] &= ~(1u << feat % 32);
}
