/* State components of XSAVE. */
#include "vmm/policy/xsave.h"
#include "lib/fmt.h"
#include "lib/string.h"

/* XCR0 components with a policy; MPX (3, 4) and AMX (17, 18) are not offered. */
#define X87_SSE 0x3ull
#define AVX     0x4ull
#define AVX512  0xe0ull
#define OPMASK  5u
#define PKRU    9u
#define POLICY  (X87_SSE | AVX | AVX512 | BIT(PKRU))

#define COMPACTED BIT(63) /* of XCOMP_BV */
#define MARK      16u     /* so many bytes tell one pattern from another */

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

/* ---- the check ---- */

/* Bytes that every register of the component holds: mask registers may have 16 bits, PKRU has 32. */
static bool holds(u32 nr, u32 i)
{
	return !((nr == OPMASK && i % 8 >= 2) || (nr == PKRU && i >= 4));
}

static u8 pattern_byte(u32 nr, u32 i)
{
	return holds(nr, i) ? (u8)(nr * 61 + i * (2 * nr + 7) + (i >> 6) * 3 + 5) : 0;
}

/* The first n bytes of component nr's pattern are there. */
static bool pattern_at(const u8 *p, u32 nr, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (p[i] != pattern_byte(nr, i))
			return false;
	return true;
}

static u64 header_word(const u8 *area, u32 i)
{
	u64 v;

	memcpy(&v, area + XSAVE_HEADER + 8 * i, sizeof(v));
	return v;
}

/* The next component of mask from nr on; CPUID_NR_XSAVE: none. */
static u32 next(u64 mask, u32 nr)
{
	while (nr < CPUID_NR_XSAVE && !(mask >> nr & 1))
		nr++;
	return nr;
}

static bool fits(u32 at, u32 len)
{
	return at <= XSAVE_AREA_MAX && len <= XSAVE_AREA_MAX - at;
}

void xsave_pattern(u8 *area, const struct cpuid_leaf *d, u64 mask)
{
	const u16 fcw = 0x37f;
	const u32 mxcsr = 0x1f80;

	memset(area, 0, XSAVE_AREA_MAX);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy(area + 24, &mxcsr, sizeof(mxcsr));
	memcpy(area + XSAVE_HEADER, &mask, sizeof(mask));
	for (u32 nr = next(mask, 2); nr < CPUID_NR_XSAVE; nr = next(mask, nr + 1))
		for (u32 i = 0; fits(d[nr].ebx, d[nr].eax) && i < d[nr].eax; i++)
			area[d[nr].ebx + i] = pattern_byte(nr, i);
}

/* Where else the component begins; 0: nowhere. */
static u32 search(const u8 *area, u32 nr, u32 len)
{
	len = MIN(len, MARK);
	for (u32 at = 0; fits(at, len); at += 4)
		if (pattern_at(area + at, nr, len))
			return at;
	return 0;
}

bool xsave_check_saved(const u8 *area, const struct cpuid_leaf *d, u64 mask, struct xsave_fault *f)
{
	u64 extended = mask & ~X87_SSE, rest = 0;

	*f = (struct xsave_fault){ .xstate_bv = header_word(area, 0), .xcomp_bv = header_word(area, 1) };
	for (u32 nr = next(mask, 2); nr < CPUID_NR_XSAVE; nr = next(mask, nr + 1)) {
		f->nr = nr;
		f->want = xsave_compact_offset(d, mask, nr);
		if (fits(f->want, d[nr].eax) && pattern_at(area + f->want, nr, d[nr].eax))
			continue;
		f->kind = XSAVE_PLACE;
		f->at = search(area, nr, d[nr].eax);
		return false;
	}
	for (u32 i = 2; i < 8; i++)
		rest |= header_word(area, i);
	/* Nothing is said of x87 and SSE: their state may be the initial one. */
	if ((f->xstate_bv & ~X87_SSE) == extended && f->xcomp_bv == (COMPACTED | mask) && !rest)
		return true;
	f->kind = XSAVE_HEADER_WRONG;
	return false;
}

bool xsave_check_restored(const u8 *area, const struct cpuid_leaf *d, u64 mask, struct xsave_fault *f)
{
	*f = (struct xsave_fault){ .kind = XSAVE_RIGHT };
	for (u32 nr = next(mask, 2); nr < CPUID_NR_XSAVE; nr = next(mask, nr + 1)) {
		f->nr = nr;
		if (fits(d[nr].ebx, d[nr].eax) && pattern_at(area + d[nr].ebx, nr, d[nr].eax))
			continue;
		f->kind = XSAVE_RESTORE;
		return false;
	}
	return true;
}

void xsave_fault_text(const struct xsave_fault *f, bool supervisor, char *buf, size_t size)
{
	const char *save = supervisor ? "XSAVES" : "XSAVEC";

	switch (f->kind) {
	case XSAVE_PLACE:
		if (f->at)
			fmt_snprintf(buf, size, "%s puts state component %u at byte %u instead of %u", save, f->nr,
			             f->at, f->want);
		else
			fmt_snprintf(buf, size, "%s does not put state component %u at byte %u", save, f->nr,
			             f->want);
		break;
	case XSAVE_HEADER_WRONG:
		fmt_snprintf(buf, size, "%s writes a wrong header (XSTATE_BV %#lx, XCOMP_BV %#lx)", save,
		             f->xstate_bv, f->xcomp_bv);
		break;
	case XSAVE_RESTORE:
		fmt_snprintf(buf, size, "%s does not restore state component %u where %s puts it",
		             supervisor ? "XRSTORS" : "XRSTOR", f->nr, save);
		break;
	case XSAVE_RIGHT:
	default: fmt_snprintf(buf, size, "%s is right", save);
	}
}
