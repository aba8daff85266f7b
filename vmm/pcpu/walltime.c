/* The host's RTC. MC146818 data sheet, "Time, Calendar and Alarm Locations". */
#include "vmm/pcpu/walltime.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"
#include "arch/x86/tsc.h"

static u64 base_seconds, base_tsc;

static u8 cmos(u8 i)
{
	outb(0x70, i);
	return inb(0x71);
}

static u32 bcd(u8 v)
{
	return (u32)(v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static u64 days(u32 y, u32 m, u32 d)
{
	u32 era_y = m <= 2 ? y - 1 : y, mp = (m + 9) % 12;

	return era_y * 365ull + era_y / 4 - era_y / 100 + era_y / 400 + (153 * mp + 2) / 5 + d - 1 - 719468;
}

void walltime_init(void)
{
	u8 r[6], again[6], b;
	static const u8 index[6] = { 0, 2, 4, 7, 8, 9 };
	u32 v[6], tries = 0;

	/* Until two readings agree and no update was under way, for a bounded time. */
	do {
		for (u32 i = 0; i < 1000000 && (cmos(0x0a) & 0x80); i++)
			;
		for (u32 i = 0; i < 6; i++)
			r[i] = cmos(index[i]);
		for (u32 i = 0; i < 6; i++)
			again[i] = cmos(index[i]);
	} while (__builtin_memcmp(r, again, 6) && ++tries < 5);
	b = cmos(0x0b);
	for (u32 i = 0; i < 6; i++)
		v[i] = b & 4 ? (i == 2 ? r[i] & 0x7fu : r[i]) : bcd(i == 2 ? r[i] & 0x7f : r[i]);
	if (!(b & 2))
		v[2] = v[2] % 12 + (r[2] & 0x80 ? 12 : 0);
	base_seconds =
	        days(v[5] + (v[5] < 70 ? 2000 : 1900), v[4], v[3]) * 86400 + v[2] * 3600ull + v[1] * 60ull + v[0];
	base_tsc = cpu_rdtsc();
}

u64 walltime_now(void)
{
	return base_seconds + (cpu_rdtsc() - base_tsc) / tsc_hz();
}

u64 walltime_ns(u64 tsc)
{
	return base_seconds * 1000000000 + (u64)((unsigned __int128)(tsc - base_tsc) * 1000000000 / tsc_hz());
}
