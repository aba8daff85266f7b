/* State components of XSAVE. */
#include "vmm/policy/xsave.h"

/* XCR0 components with a policy; MPX (3, 4) and AMX (17, 18) are not offered. */
#define X87_SSE 0x3ull
#define AVX     0x4ull
#define AVX512  0xe0ull
#define PKRU    9u
#define POLICY  (X87_SSE | AVX | AVX512 | BIT(PKRU))

/* ---- what is offered ---- */

/* The policy's components that processor and engine have. */
static u64 there(const struct cpuid_leaf *d, u64 xcr0)
{
	return ((u64)d[0].edx << 32 | d[0].eax) & xcr0 & POLICY;
}

u64 xsave_sizeless(const struct cpuid_leaf *d, u64 xcr0)
{
	u64 have = there(d, xcr0), none = 0;

	for (u32 i = 2; i < CPUID_NR_XSAVE; i++)
		if (have >> i & 1 && !(d[i].eax & 0xffff))
			none |= BIT(i);
	return none;
}

u64 xsave_offered(const struct cpuid_leaf *d, u64 xcr0)
{
	u64 x = there(d, xcr0) & ~xsave_sizeless(d, xcr0);

	if ((x & X87_SSE) != X87_SSE)
		return 0;
	if (!(x & AVX) || (x & AVX512) != AVX512)
		x &= ~AVX512;
	return x;
}

/* ---- the compacted format (SDM vol. 1, "Compacted Format of the Extended Region") ---- */

/* Where the first component at or above nr of mask begins; behind the last one when there is none. */
static u32 compact_start(const struct cpuid_leaf *d, u64 mask, u32 nr)
{
	u32 at = XSAVE_EXTENDED;

	for (u32 i = 2; i < CPUID_NR_XSAVE; i++) {
		if (!(mask >> i & 1))
			continue;
		if (d[i].ecx & 2)
			at = ALIGN_UP(at, 64u);
		if (i >= nr)
			return at;
		at += d[i].eax;
	}
	return at;
}

u32 xsave_compact_size(const struct cpuid_leaf *d, u64 mask)
{
	return compact_start(d, mask, CPUID_NR_XSAVE);
}

u32 xsave_compact_offset(const struct cpuid_leaf *d, u64 mask, u32 nr)
{
	return compact_start(d, mask, nr);
}
