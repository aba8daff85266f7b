/* Which XSAVE components are offered, and what the check of the compacted format finds in areas right and wrong. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/policy/xsave.h"

#define COMPACTED BIT(63)

/* Skylake server: components 0 to 9, all user states unaligned. */
static const struct cpuid_leaf skylake[CPUID_NR_XSAVE] = {
	[0] = { 0x2ff, 0xa88, 0xa88, 0 }, [1] = { 0xf, 0xa08, 0x100, 0 }, [2] = { 0x100, 0x240, 0, 0 },
	[3] = { 0x40, 0x3c0, 0, 0 },      [4] = { 0x40, 0x400, 0, 0 },    [5] = { 0x40, 0x440, 0, 0 },
	[6] = { 0x200, 0x480, 0, 0 },     [7] = { 0x400, 0x680, 0, 0 },   [8] = { 0x80, 0, 1, 0 },
	[9] = { 8, 0xa80, 0, 0 },
};
static struct cpuid_leaf d[CPUID_NR_XSAVE];
static u8 standard[XSAVE_AREA_MAX], out[XSAVE_AREA_MAX];

static void reset(void)
{
	memcpy(d, skylake, sizeof(d));
}

START_TEST(offered)
{
	static const struct {
		u64 host, engine, without_size, offered, sizeless;
	} rows[] = {
		{ 0x2ff, ~0ull, 0, 0x2e7, 0 },        /* MPX has no policy */
		{ 0x602ff, ~0ull, 0, 0x2e7, 0 },      /* nor has AMX */
		{ 0x2ff, 0x7, 0, 0x7, 0 },            /* what the engine does not switch */
		{ 0x3, ~0ull, 0, 0x3, 0 },            /* no AVX */
		{ 0x203, ~0ull, 0, 0x203, 0 },        /* PKRU does not need it */
		{ 0xe3, ~0ull, 0, 0x3, 0 },           /* AVX-512 does */
		{ 0xa7, ~0ull, 0, 0x7, 0 },           /* and all its parts */
		{ 0x1, ~0ull, 0, 0, 0 },              /* SSE is the least */
		{ 0, ~0ull, 0, 0, 0 },                /* no XSAVE */
		{ 0x2ff, 0, 0, 0, 0 },                /* no XSAVE for guests */
		{ 0x2e7, ~0ull, 0x200, 0xe7, 0x200 }, /* PKRU has no size */
		{ 0x2e7, ~0ull, 0x40, 0x207, 0x40 },  /* ZMM_Hi256 has none: no AVX-512 */
		{ 0x2e7, ~0ull, 0x4, 0x203, 0x4 },    /* nor AVX */
		{ 0xe7, ~0ull, 0x200, 0xe7, 0 },      /* what is not there needs none */
		{ 0x2e7, 0xe7, 0x200, 0xe7, 0 },      /* nor what is not switched */
		{ 0x2e7, ~0ull, 0x2e4, 0x3, 0x2e4 },
	};

	for (u32 r = 0; r < ARRAY_SIZE(rows); r++) {
		reset();
		d[0].eax = (u32)rows[r].host;
		for (u32 i = 2; i < CPUID_NR_XSAVE; i++)
			if (rows[r].without_size >> i & 1)
				d[i].eax = 0;
		ck_assert_msg(xsave_offered(d, rows[r].engine) == rows[r].offered &&
		                      xsave_sizeless(d, rows[r].engine) == rows[r].sizeless,
		              "row %u: %lx, %lx", r, xsave_offered(d, rows[r].engine),
		              xsave_sizeless(d, rows[r].engine));
	}
}
END_TEST

START_TEST(compacted_layout)
{
	reset();
	ck_assert_uint_eq(xsave_compact_size(d, 0x3), 576);
	ck_assert_uint_eq(xsave_compact_size(d, 0x7), 832);
	ck_assert_uint_eq(xsave_compact_size(d, 0x2e7), 2440);
	ck_assert_uint_eq(xsave_compact_offset(d, 0x2e7, 2), 576);
	ck_assert_uint_eq(xsave_compact_offset(d, 0x2e7, 5), 832);
	ck_assert_uint_eq(xsave_compact_offset(d, 0x2e7, 9), 2432);
	ck_assert_uint_eq(xsave_compact_offset(d, 0x203, 9), 576);
	/* An aligned one behind the eight bytes of PKRU. */
	d[11] = (struct cpuid_leaf){ 16, 0, 3, 0 };
	ck_assert_uint_eq(xsave_compact_offset(d, 0xa07, 11), 896);
	ck_assert_uint_eq(xsave_compact_size(d, 0xa07), 912);
}
END_TEST

/* What a processor does: copies the components from the standard format, shift bytes too low; then the header. */
static void save(u64 mask, u32 shift)
{
	u64 xcomp = COMPACTED | mask, xstate = mask & ~3ull;

	memset(out, 0, sizeof(out));
	for (u32 i = 2; i < CPUID_NR_XSAVE; i++)
		if (mask >> i & 1)
			memcpy(out + xsave_compact_offset(d, mask, i) - shift, standard + d[i].ebx, d[i].eax);
	memcpy(out + 512, &xstate, 8);
	memcpy(out + 520, &xcomp, 8);
}

START_TEST(right_area)
{
	static const u64 masks[] = { 0x3, 0x7, 0x203, 0x207, 0xe7, 0x2e7 };
	struct xsave_fault f;
	u64 word;

	reset();
	for (u32 i = 0; i < ARRAY_SIZE(masks); i++) {
		xsave_pattern(standard, d, masks[i]);
		memcpy(&word, standard + 512, 8);
		ck_assert_uint_eq(word, masks[i]);
		ck_assert_uint_eq(*(const u16 *)standard, 0x37f);
		ck_assert_uint_eq(*(const u32 *)(standard + 24), 0x1f80);
		ck_assert(xsave_check_restored(standard, d, masks[i], &f));
		save(masks[i], 0);
		ck_assert(xsave_check_saved(out, d, masks[i], &f));
		out[512] |= 3; /* x87 and SSE need not be in their initial state */
		ck_assert(xsave_check_saved(out, d, masks[i], &f));
	}
	/* What registers need not hold is not asked for: 16 bits of a mask register, 32 of PKRU. */
	ck_assert_uint_eq(standard[d[5].ebx + 2], 0);
	ck_assert_uint_eq(standard[d[9].ebx + 4], 0);
}
END_TEST

static const char *said(const struct xsave_fault *f, bool supervisor)
{
	static char text[100];

	xsave_fault_text(f, supervisor, text, sizeof(text));
	return text;
}

START_TEST(wrong_place)
{
	struct xsave_fault f;

	reset();
	xsave_pattern(standard, d, 0x2e7);
	/* Bochs 2.7: over the header. */
	save(0x2e7, 160);
	ck_assert(!xsave_check_saved(out, d, 0x2e7, &f));
	ck_assert(f.kind == XSAVE_PLACE && f.nr == 2 && f.at == 416 && f.want == 576);
	ck_assert_str_eq(said(&f, false), "XSAVEC puts state component 2 at byte 416 instead of 576");
	/* Standard format: right up to where MPX left a gap. */
	memset(out, 0, sizeof(out));
	for (u32 i = 2; i < 10; i++)
		memcpy(out + d[i].ebx, standard + d[i].ebx, d[i].eax);
	ck_assert(!xsave_check_saved(out, d, 0x2e7, &f));
	ck_assert_str_eq(said(&f, true), "XSAVES puts state component 5 at byte 1088 instead of 832");
	/* One byte, the last of each component. */
	for (u32 i = 2; i < 10; i++) {
		u32 last = i == 9 ? 3 : i == 5 ? 57 : d[i].eax - 1;

		if (!(0x2e7 >> i & 1))
			continue;
		save(0x2e7, 0);
		out[xsave_compact_offset(d, 0x2e7, i) + last] ^= 1;
		ck_assert_msg(!xsave_check_saved(out, d, 0x2e7, &f) && f.nr == i, "component %u", i);
	}
	save(0x2e7, 0);
	memset(out + 576, 0, 256);
	ck_assert(!xsave_check_saved(out, d, 0x2e7, &f));
	ck_assert_str_eq(said(&f, false), "XSAVEC does not put state component 2 at byte 576");
}
END_TEST

START_TEST(wrong_header)
{
	static const struct {
		u32 at;
		u8 flip;
	} bits[] = { { 512, 4 }, { 513, 2 },    { 512, 8 }, { 520, 1 },
		     { 520, 8 }, { 527, 0x80 }, { 528, 1 }, { 575, 0x80 } };
	struct xsave_fault f;

	reset();
	xsave_pattern(standard, d, 0x2e7);
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		save(0x2e7, 0);
		out[bits[i].at] ^= bits[i].flip;
		ck_assert_msg(!xsave_check_saved(out, d, 0x2e7, &f) && f.kind == XSAVE_HEADER_WRONG, "byte %u",
		              bits[i].at);
	}
	save(0x7, 0);
	out[527] = 0;
	ck_assert(!xsave_check_saved(out, d, 0x7, &f));
	ck_assert_str_eq(said(&f, false), "XSAVEC writes a wrong header (XSTATE_BV 0x4, XCOMP_BV 0x7)");
}
END_TEST

START_TEST(wrong_restore)
{
	struct xsave_fault f;

	reset();
	xsave_pattern(standard, d, 0x2e7);
	standard[d[6].ebx + 17] ^= 0x40;
	ck_assert(!xsave_check_restored(standard, d, 0x2e7, &f));
	ck_assert(f.kind == XSAVE_RESTORE && f.nr == 6);
	ck_assert_str_eq(said(&f, false), "XRSTOR does not restore state component 6 where XSAVEC puts it");
	ck_assert_str_eq(said(&f, true), "XRSTORS does not restore state component 6 where XSAVES puts it");
	ck_assert(xsave_check_restored(standard, d, 0x7, &f));
	ck_assert_str_eq(said(&f, false), "XSAVEC is right");
}
END_TEST

/* Nothing that CPUID may say leads out of the areas. */
START_TEST(odd_leaves)
{
	static const u32 odd[] = { 1, 0xfff, 0x1000, 0x1001, 0x7fffffff, 0xffffffff };
	struct xsave_fault f;

	for (u32 i = 0; i < ARRAY_SIZE(odd); i++)
		for (u32 j = 0; j < ARRAY_SIZE(odd); j++) {
			reset();
			d[2] = (struct cpuid_leaf){ odd[i], odd[j], 2, 0 };
			xsave_pattern(standard, d, 0x2e7);
			(void)!xsave_check_saved(standard, d, 0x2e7, &f);
			(void)!xsave_check_restored(standard, d, 0x2e7, &f);
		}
}
END_TEST

SUITE_MAIN("xsave", offered, compacted_layout, right_area, wrong_place, wrong_header, wrong_restore, odd_leaves)
