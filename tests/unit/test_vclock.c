/* TSC to ns and back. */
#include "suite.h"
#include "vmm/vclock.h"

static const u64 rates[] = { 1,          32768,      1000000,    46000000,   999999999,   1000000000,
	                     1000000001, 2194918400, 2400000000, 3579545000, 10000000000, ~0ull };

START_TEST(whole_seconds)
{
	struct vclock c;

	vclock_init(&c, 1000000000);
	ck_assert_uint_eq(c.tsc_hz, 1000000000);
	ck_assert_uint_eq(vclock_ns(&c, 0), 0);
	ck_assert_uint_eq(vclock_ns(&c, 123456789), 123456789);
	ck_assert_uint_eq(vclock_tsc_ceil(&c, 123456789), 123456789);
	vclock_init(&c, 2000000000);
	ck_assert_uint_eq(vclock_ns(&c, 5), 2);
	ck_assert_uint_eq(vclock_tsc_ceil(&c, 2), 4);
	vclock_init(&c, 46000000);
	/* A day: within a µs of the truth. */
	ck_assert_uint_le(86400000000000ull - vclock_ns(&c, 46000000ull * 86400), 1000);
}
END_TEST

START_TEST(a_century)
{
	struct vclock c;
	u64 ticks = 3000000000ull * 86400 * 36525, truth = 86400ull * 36525 * 1000000000;

	vclock_init(&c, 3000000000);
	ck_assert_uint_le(vclock_ns(&c, ticks), truth);
	ck_assert_uint_le(truth - vclock_ns(&c, ticks), 8000000000ull); /* 8 s: 2.5 parts in 10^9 */
}
END_TEST

START_TEST(inverse)
{
	u64 seed = 7;

	for (u32 r = 0; r < ARRAY_SIZE(rates); r++) {
		struct vclock c;

		vclock_init(&c, rates[r]);
		ck_assert_uint_ne(c.mult, 0);
		for (u32 i = 0; i < 2000; i++) {
			u64 ns, t;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			ns = seed >> (i % 60 + 4);
			t = vclock_tsc_ceil(&c, ns);
			if (t == ~0ull)
				continue;
			ck_assert_uint_ge(vclock_ns(&c, t), ns);
			ck_assert(t == 0 || vclock_ns(&c, t - 1) < ns);
		}
	}
}
END_TEST

START_TEST(monotonic)
{
	for (u32 r = 0; r < ARRAY_SIZE(rates); r++) {
		struct vclock c;
		u64 last = 0;

		vclock_init(&c, rates[r]);
		for (u64 t = 0; t < 5000; t++) {
			u64 ns = vclock_ns(&c, t);

			ck_assert_uint_ge(ns, last);
			last = ns;
		}
	}
}
END_TEST

START_TEST(out_of_reach)
{
	struct vclock c;

	vclock_init(&c, 10000000000ull); /* 10 ticks a ns */
	ck_assert_uint_eq(vclock_tsc_ceil(&c, ~0ull), ~0ull);
	ck_assert_uint_ne(vclock_tsc_ceil(&c, ~0ull / 11), ~0ull);
	vclock_init(&c, 1000000000);
	ck_assert_uint_eq(vclock_tsc_ceil(&c, ~0ull - 1), ~0ull - 1);
	vclock_init(&c, 1);
	ck_assert_uint_eq(vclock_tsc_ceil(&c, ~0ull), 18446744074ull);
}
END_TEST

SUITE_MAIN("vclock", whole_seconds, a_century, inverse, monotonic, out_of_reach)
