#include "arch/x86/tsc_pick.h"

bool tsc_plausible(u64 hz)
{
	return hz >= TSC_MIN_HZ && hz <= TSC_MAX_HZ;
}

static bool within_2_percent(u64 a, u64 b)
{
	return a <= b + b / 50 && a >= b - b / 50;
}

u64 tsc_pick(const struct tsc_readings *r, const char **source)
{
	bool exact = tsc_plausible(r->crystal);

	if (tsc_plausible(r->pm_timer) && !(exact && within_2_percent(r->crystal, r->pm_timer))) {
		*source = "ACPI PM timer";
		return r->pm_timer;
	}
	if (exact) {
		*source = "CPUID 15h";
		return r->crystal;
	}
	if (tsc_plausible(r->pit)) {
		*source = "PIT";
		return r->pit;
	}
	if (tsc_plausible(r->brand)) {
		*source = "CPUID 16h";
		return r->brand;
	}
	*source = "nothing (assumed)";
	return 1000000000;
}
