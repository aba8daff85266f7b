/* Whom the TSC's frequency is believed. */
#include "arch/x86/tsc_pick.h"
#include "suite.h"

#define GHZ 1000000000ull

START_TEST(picks)
{
	static const struct {
		struct tsc_readings r; /* PM timer, 15h, PIT, 16h */
		u64 hz;
		const char *source;
	} rows[] = {
		{ { 3 * GHZ, 0, 2 * GHZ, GHZ }, 3 * GHZ, "ACPI PM timer" },
		{ { 3 * GHZ, 3 * GHZ + GHZ / 20, 0, 0 }, 3 * GHZ + GHZ / 20, "CPUID 15h" },
		{ { 50000000, 4 * GHZ, 0, 4 * GHZ }, 50000000, "ACPI PM timer" }, /* an emulator */
		{ { 0, 2 * GHZ, 3 * GHZ, GHZ }, 2 * GHZ, "CPUID 15h" },
		{ { 0, 0, 3 * GHZ, GHZ }, 3 * GHZ, "PIT" },
		{ { 0, 0, 0, 2 * GHZ }, 2 * GHZ, "CPUID 16h" },
		{ { 0, 0, 0, 0 }, GHZ, "nothing (assumed)" },
		/* Misreadings: port 61h reads FFh, so that the PIT's time is over at once; a PM timer that jumps. */
		{ { 0, 2 * GHZ, 60000, GHZ }, 2 * GHZ, "CPUID 15h" },
		{ { 0, 0, 60000, 2 * GHZ }, 2 * GHZ, "CPUID 16h" },
		{ { 1000, 2 * GHZ, 0, 0 }, 2 * GHZ, "CPUID 15h" },
		{ { 50 * GHZ, 0, 2 * GHZ, 0 }, 2 * GHZ, "PIT" },
		{ { 0, 1, 2, 3 }, GHZ, "nothing (assumed)" },
		{ { ~0ull, ~0ull, ~0ull, ~0ull }, GHZ, "nothing (assumed)" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *source = NULL;

		ck_assert_uint_eq(tsc_pick(&rows[i].r, &source), rows[i].hz);
		ck_assert_str_eq(source, rows[i].source);
	}
}
END_TEST

SUITE_MAIN("tsc_pick", picks)
