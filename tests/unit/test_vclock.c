/* TSC to ns and back. */
#include "suite.h"
#include "vmm/base/vclock.h"

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
	vclock_init(&c, 50000000); /* 20 ns a tick */
	ck_assert_uint_eq(vclock_ns_sat(&c, BIT(59)), BIT(59) * 20);
	ck_assert_uint_eq(vclock_ns_sat(&c, BIT(60)), ~0ull);
	ck_assert_uint_eq(vclock_ns_sat(&c, ~0ull), ~0ull);
}
END_TEST

START_TEST(guest_frequency)
{
	static const u64 guests[] = { 1000000, 46000000, 1999999999, 2000000001, 3579545000, 100000000000 };
	struct vclock c;
	u64 seed = 11;

	vclock_init(&c, 2000000000);
	ck_assert_uint_eq(c.guest_hz, 2000000000);
	ck_assert_uint_eq(vclock_scale(&c, ~0ull), ~0ull);
	ck_assert_uint_eq(vclock_unscale_ceil(&c, 12345), 12345);
	for (u32 g = 0; g < ARRAY_SIZE(guests); g++) {
		ck_assert_int_eq(vclock_set_guest(&c, guests[g]), OK);
		/* An hour, within a part in 10^9: the ratio has 48 fraction bits. */
		ck_assert_uint_le(3600 * guests[g] - vclock_scale(&c, 3600 * 2000000000ull),
		                  3600 * guests[g] / 1000000000 + 1);
		for (u32 i = 0; i < 2000; i++) {
			u64 want, t;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			want = seed >> (i % 40 + 20);
			t = vclock_unscale_ceil(&c, want);
			ck_assert_uint_ge(vclock_scale(&c, t), want);
			ck_assert(t == 0 || vclock_scale(&c, t - 1) < want);
		}
	}
	ck_assert_int_eq(vclock_set_guest(&c, 2000000000), OK);
	ck_assert_uint_eq(c.ratio, 0);
	/* Slower than the host: not every value is reached in 64 bits. */
	ck_assert_int_eq(vclock_set_guest(&c, 1000000), OK);
	ck_assert_uint_eq(vclock_unscale_ceil(&c, ~0ull), ~0ull);
	vclock_init(&c, 1000000);
	ck_assert_int_eq(vclock_set_guest(&c, 65536000000ull), ERR_RANGE);
	vclock_init(&c, ~0ull);
	ck_assert_int_eq(vclock_set_guest(&c, 1), ERR_RANGE);
}
END_TEST

SUITE_MAIN("vclock", whole_seconds, a_century, inverse, monotonic, out_of_reach, guest_frequency)
