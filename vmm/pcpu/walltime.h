/* Time of day of the host. */
#pragma once

#include "lib/types.h"

#define WALLTIME_UNKNOWN 946684800ull /* 2000-01-01: where time begins without an RTC */

/* Reads the host's RTC once; TSC frequency must be known. OK; ERR_NOENT, ERR_INVAL: it tells no time. */
__must_check int walltime_init(void);
/* Seconds since 1970-01-01 00:00 UTC, from the RTC's reading and the TSC since. */
u64 walltime_now(void);
/* ns since then at the moment of a host TSC value, not before walltime_init(). */
u64 walltime_ns(u64 tsc);
