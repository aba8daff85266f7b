/* Which of several opinions on the TSC's frequency is believed. Pure. */
#pragma once

#include "lib/types.h"

/* A frequency outside is a misreading, not a processor: 10 MHz (emulators count instructions) to 20 GHz. */
#define TSC_MIN_HZ 10000000ull
#define TSC_MAX_HZ 20000000000ull

/* Hz; 0: there is none. */
struct tsc_readings {
	u64 pm_timer; /* measured against the ACPI PM timer */
	u64 crystal;  /* CPUID 15h */
	u64 pit;      /* measured against PIT channel 2 */
	u64 brand;    /* CPUID 16h */
};

bool tsc_plausible(u64 hz);
/*
 * The first that is plausible of PM timer, 15h, PIT, 16h; where 15h agrees with the PM timer within 2 %, 15h, which is
 * exact. Under an emulator the leaves name the modelled chip's clock. Never 0: 1 GHz when there is nothing. *source
 * gets a word for the log.
 */
u64 tsc_pick(const struct tsc_readings *r, const char **source);
