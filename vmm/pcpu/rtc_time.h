/* What the host's RTC tells, in seconds. Pure. MC146818 data sheet, "Time, Calendar and Alarm Locations". */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

enum rtc_reg { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_REGS };

/* r: the registers as read; b: status register B. OK and the seconds since 1970; ERR_INVAL: that is no date. */
__must_check int rtc_seconds(const u8 r[RTC_REGS], u8 b, u64 *seconds);
