#include "vmm/pcpu/rtc_time.h"

#define B_BINARY 0x04
#define B_24     0x02
#define HOUR_PM  0x80

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static u64 days(u32 y, u32 m, u32 d)
{
	u32 era_y = m <= 2 ? y - 1 : y, mp = (m + 9) % 12;

	return era_y * 365ull + era_y / 4 - era_y / 100 + era_y / 400 + (153 * mp + 2) / 5 + d - 1 - 719468;
}

static bool number(u8 v, u8 b, u32 *n)
{
	*n = b & B_BINARY ? v : (u32)(v >> 4) * 10 + (v & 15);
	return b & B_BINARY || ((v >> 4) <= 9 && (v & 15) <= 9);
}

int rtc_seconds(const u8 r[RTC_REGS], u8 b, u64 *seconds)
{
	u32 v[RTC_REGS];

	for (u32 i = 0; i < RTC_REGS; i++)
		if (!number(i == RTC_HOUR && !(b & B_24) ? r[i] & ~HOUR_PM : r[i], b, &v[i]))
			return ERR_INVAL;
	if (v[RTC_SECOND] > 59 || v[RTC_MINUTE] > 59 || v[RTC_HOUR] > 23 || !v[RTC_DAY] || v[RTC_DAY] > 31 ||
	    !v[RTC_MONTH] || v[RTC_MONTH] > 12 || v[RTC_YEAR] > 99)
		return ERR_INVAL;
	if (!(b & B_24))
		v[RTC_HOUR] = v[RTC_HOUR] % 12 + (r[RTC_HOUR] & HOUR_PM ? 12 : 0);
	*seconds = days(v[RTC_YEAR] + (v[RTC_YEAR] < 70 ? 2000 : 1900), v[RTC_MONTH], v[RTC_DAY]) * 86400 +
	           v[RTC_HOUR] * 3600ull + v[RTC_MINUTE] * 60ull + v[RTC_SECOND];
	return OK;
}
