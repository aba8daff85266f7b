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

/* A VM goes on where it was, on hosts of all rates, however short they have been on. */
START_TEST(time_goes_on)
{
	static const u64 times[] = { 0, 1, 999999999, 86400ull * 365 * 1000000000, BIT(61) };
	static const u64 tscs[] = { 0, 12345678, BIT(60) };

	for (u32 r = 2; r < ARRAY_SIZE(rates) - 1; r++) {
		struct vclock c;

		vclock_init(&c, rates[r]);
		for (u32 t = 0; t < ARRAY_SIZE(times); t++) {
			if (vclock_tsc_ceil(&c, times[t]) > BIT(63))
				continue;
			for (u32 i = 0; i < ARRAY_SIZE(tscs); i++) {
				u64 start = vclock_start(&c, tscs[i], times[t]);
				u64 now = vclock_ns(&c, tscs[i] - start);

				ck_assert_uint_ge(now, times[t]);
				/* A tick late at most. */
				ck_assert_uint_le(now - times[t], 1000000000 / rates[r] + 1);
			}
		}
	}
}
END_TEST

START_TEST(frequency_is_kept)
{
	struct vclock c;

	vclock_init(&c, 2100000000);
	ck_assert_int_eq(vclock_adopt(&c, 2400000000, true), OK);
	ck_assert_uint_eq(c.guest_hz, 2400000000);
	ck_assert_uint_ne(c.ratio, 0);
	/* The same TSC measured another time: told is what was told, run is what there is. */
	ck_assert_int_eq(vclock_adopt(&c, 2100500000, false), OK);
	ck_assert_uint_eq(c.guest_hz, 2100500000);
	ck_assert_uint_eq(c.ratio, 0);
	ck_assert_int_eq(vclock_adopt(&c, 2099500000, false), OK);
	ck_assert_int_eq(vclock_adopt(&c, 2100600000, false), ERR_RANGE);
	ck_assert_int_eq(vclock_adopt(&c, 2099400000, false), ERR_RANGE);
	ck_assert_int_eq(vclock_adopt(&c, 0, true), ERR_RANGE);
	ck_assert_int_eq(vclock_adopt(&c, VCLOCK_HZ_MAX + 1, true), ERR_RANGE);
	ck_assert_uint_eq(c.guest_hz, 2099500000); /* unchanged by what was refused */
}
END_TEST

START_TEST(states)
{
	static const struct vclock_state good = { 3600000000000, 1700000000000000000, 2100000000 };
	static const struct {
		struct vclock_state s;
		bool scaling;
		const char *refused;
	} bad[] = {
		{ { BIT(62) + 1, 0, 2100000000 }, true, "vm_time" },
		{ { ~0ull, 0, 2100000000 }, true, "vm_time" },
		{ { 0, 4294967296000000000, 2100000000 }, true, "wall_base" },
		{ { 0, ~0ull, 2100000000 }, true, "wall_base" },
		{ { 0, 0, 0 }, true, "guest_hz" },
		{ { 0, 0, 999999 }, true, "guest_hz" },
		{ { 0, 0, ~0ull }, true, "guest_hz" },
		{ { 0, 0, 2400000000 }, false, "guest_hz" },
	};
	struct state_check k = { 0 };
	struct vclock c;

	vclock_init(&c, 2100000000);
	ck_assert(vclock_state_valid(&good, &c, false, &k));
	ck_assert_ptr_null(k.field);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert(!vclock_state_valid(&bad[i].s, &c, bad[i].scaling, &k));
		ck_assert_str_eq(k.field, bad[i].refused);
		ck_assert_ptr_nonnull(k.reason);
	}
	ck_assert_uint_eq(c.ratio, 0);
	/* A century of ticks that such a host could not count. */
	vclock_init(&c, 5000000000);
	ck_assert(!vclock_state_valid(&(struct vclock_state){ BIT(62), 0, 5000000000 }, &c, false, &k));
	ck_assert_str_eq(k.field, "vm_time");
}
END_TEST

SUITE_MAIN("vclock", whole_seconds, a_century, inverse, monotonic, out_of_reach, guest_frequency, time_goes_on,
           frequency_is_kept, states)
