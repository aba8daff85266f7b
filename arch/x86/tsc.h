/* TSC frequency and delays. */
#pragma once

#include "lib/types.h"

/*
 * TSC frequency in Hz, as tsc_pick() chooses: measured against the ACPI PM timer (pm_port != 0, an I/O port), CPUID
 * 15h, measured against PIT channel 2, CPUID 16h. Takes at most some seconds. Never 0. *source gets a word for the log.
 */
u64 tsc_calibrate(u16 pm_port, const char **source);
/* Busy-waits; tsc_calibrate() must have run. */
void tsc_delay_us(u64 us);
u64 tsc_hz(void);
