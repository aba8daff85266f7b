/* Which XSAVE components are offered, and where they are in compacted format. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/policy/xsave.h"

/* Skylake server: components 0 to 9, all user states unaligned. */
static const struct cpuid_leaf skylake[CPUID_NR_XSAVE] = {
	[0] = { 0x2ff, 0xa88, 0xa88, 0 }, [1] = { 0xf, 0xa08, 0x100, 0 }, [2] = { 0x100, 0x240, 0, 0 },
	[3] = { 0x40, 0x3c0, 0, 0 },      [4] = { 0x40, 0x400, 0, 0 },    [5] = { 0x40, 0x440, 0, 0 },
	[6] = { 0x200, 0x480, 0, 0 },     [7] = { 0x400, 0x680, 0, 0 },   [8] = { 0x80, 0, 1, 0 },
	[9] = { 8, 0xa80, 0, 0 },
};
static struct cpuid_leaf d[CPUID_NR_XSAVE];

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

SUITE_MAIN("xsave", offered, compacted_layout)
