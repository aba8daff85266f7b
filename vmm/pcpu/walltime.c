/* The host's RTC. MC146818 data sheet, "Time, Calendar and Alarm Locations". */
#include "vmm/pcpu/walltime.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"
#include "arch/x86/tsc.h"
#include "vmm/pcpu/rtc_time.h"

#define UPDATE_MS 20

static u64 base_seconds, base_tsc;

static u8 cmos(u8 i)
{
	outb(0x70, i);
	return inb(0x71);
}

/* An update takes 2.2 ms at most: whose bit stays longer is no clock. */
static bool wait_update(void)
{
	u64 t0 = cpu_rdtsc();

	while (cmos(0x0a) & 0x80)
		if (cpu_rdtsc() - t0 > tsc_hz() / 1000 * UPDATE_MS)
			return false;
	return true;
}

/* Until two readings agree and no update was under way, a few times. */
static int read_rtc(u64 *seconds)
{
	static const u8 index[RTC_REGS] = { 0, 2, 4, 7, 8, 9 };
	u8 r[RTC_REGS], again[RTC_REGS];
	u32 tries = 0;

	do {
		if (!wait_update())
			return ERR_NOENT;
		for (u32 i = 0; i < RTC_REGS; i++)
			r[i] = cmos(index[i]);
		for (u32 i = 0; i < RTC_REGS; i++)
			again[i] = cmos(index[i]);
	} while (__builtin_memcmp(r, again, RTC_REGS) && ++tries < 5);
	return rtc_seconds(r, cmos(0x0b), seconds);
}

int walltime_init(void)
{
	int err = read_rtc(&base_seconds);

	if (err)
		base_seconds = WALLTIME_UNKNOWN;
	base_tsc = cpu_rdtsc();
	return err;
}

u64 walltime_now(void)
{
	return base_seconds + (cpu_rdtsc() - base_tsc) / tsc_hz();
}

u64 walltime_ns(u64 tsc)
{
	return base_seconds * 1000000000 + (u64)((unsigned __int128)(tsc - base_tsc) * 1000000000 / tsc_hz());
}
