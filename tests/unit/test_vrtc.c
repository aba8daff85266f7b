/* MC146818A: date, formats, the three interrupts, CMOS memory. */
#include "quick_check.h"
#include <stdio.h>
#include <time.h>

#include "dev_rig.h"
#include "suite.h"
#include "vmm/dev/pc/vrtc.h"

#define S   1000000000ull
#define GSI 8

static struct rig rig;
static struct vrtc r;

static u8 get(u32 index)
{
	rig_out(&rig, 0x70, (u8)index);
	return rig_in(&rig, 0x71);
}

static void put(u32 index, u32 val)
{
	rig_out(&rig, 0x70, (u8)index);
	rig_out(&rig, 0x71, (u8)val);
}

static void setup(void)
{
	rig_init(&rig);
	vrtc_init(&r, &rig.chip, &rig.tq);
	ck_assert_int_eq(vrtc_attach(&r, &rig.pio), OK);
}

/* Without periodic events, whose flag would come along in C. */
static void setup_rate0(void)
{
	setup();
	put(0x0a, 0x20);
}

static u32 from_bcd(u32 v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* The date as a string, from BCD registers in 24-hour format. */
static const char *date(void)
{
	static char text[40];

	snprintf(text, sizeof(text), "%02x%02x-%02x-%02x %02x:%02x:%02x %x", get(0x32), get(9), get(8), get(7),
	         get(4), get(2), get(0), get(6));
	return text;
}

START_TEST(power_on)
{
	setup();
	ck_assert_str_eq(date(), "2000-01-01 00:00:00 7");
	ck_assert_uint_eq(get(0x0a), 0x26);
	ck_assert_uint_eq(get(0x0b), 0x02);
	ck_assert_uint_eq(get(0x0c), 0x00);
	ck_assert_uint_eq(get(0x0d), 0x80);
	ck_assert_uint_eq(rig_in(&rig, 0x70), 0xff); /* write-only */
	ck_assert_uint_eq(rig.calls[GSI], 0);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	ck_assert_int_eq(vrtc_attach(&r, &rig.pio), ERR_EXIST);
}
END_TEST

START_TEST(time_passes)
{
	setup();
	vrtc_set_time(&r, 951782399, 5 * S); /* 2000-02-28 23:59:59, a Monday */
	rig.now = 5 * S;
	ck_assert_str_eq(date(), "2000-02-28 23:59:59 2");
	rig.now = 6 * S - 1;
	ck_assert_str_eq(date(), "2000-02-28 23:59:59 2");
	rig.now = 6 * S;
	ck_assert_str_eq(date(), "2000-02-29 00:00:00 3");
	rig.now += 86400 * S;
	ck_assert_str_eq(date(), "2000-03-01 00:00:00 4");
	rig.now += 31ull * 86400 * S;
	ck_assert_str_eq(date(), "2000-04-01 00:00:00 7");
	rig.now += 100ull * 146097 / 400 * 86400 * S;
	ck_assert_str_eq(date(), "2100-04-01 00:00:00 5");
}
END_TEST

/* Any date from 1970 to 9999 as libc has it, set and then reached from another. */
START_TEST(calendar_agrees_with_libc)
{
	u64 seed = 1;

	for (u32 i = 0; i < 20000; i++) {
		time_t at;
		struct tm tm;
		u64 back;

		seed = seed * 6364136223846793005 + 1442695040888963407;
		at = (time_t)((seed >> 16) % 253402300800ull);
		back = MIN((u64)at, (seed >> 7) % 3000000000ull);
		gmtime_r(&at, &tm);
		setup();
		rig.now = 1000;
		put(0x0b, i & 1 ? 0x06 : 0x02);
		vrtc_set_time(&r, (u64)at - back, rig.now);
		rig.now += back * S;
#define FIELD(index) (i & 1 ? get(index) : from_bcd(get(index)))
		ck_assert_uint_eq(FIELD(0), (u32)tm.tm_sec);
		ck_assert_uint_eq(FIELD(2), (u32)tm.tm_min);
		ck_assert_uint_eq(FIELD(4), (u32)tm.tm_hour);
		ck_assert_uint_eq(FIELD(6), (u32)tm.tm_wday + 1);
		ck_assert_uint_eq(FIELD(7), (u32)tm.tm_mday);
		ck_assert_uint_eq(FIELD(8), (u32)tm.tm_mon + 1);
		ck_assert_uint_eq(FIELD(9) + 100 * FIELD(0x32), (u32)tm.tm_year + 1900);
	}
}
END_TEST

START_TEST(formats)
{
	static const struct {
		u8 b, hour, shown;
	} table[] = {
		{ 0x02, 0, 0x00 },  { 0x02, 9, 0x09 },  { 0x02, 13, 0x13 }, { 0x02, 23, 0x23 }, { 0x06, 13, 13 },
		{ 0x06, 23, 23 },   { 0x00, 0, 0x12 },  { 0x00, 1, 0x01 },  { 0x00, 11, 0x11 }, { 0x00, 12, 0x92 },
		{ 0x00, 13, 0x81 }, { 0x00, 23, 0x91 }, { 0x04, 0, 12 },    { 0x04, 12, 0x8c }, { 0x04, 23, 0x8b },
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		setup();
		put(0x0b, table[i].b);
		vrtc_set_time(&r, table[i].hour * 3600u, 0);
		ck_assert_uint_eq(get(4), table[i].shown);
		/* and is understood when time goes on */
		rig.now = 3600 * S;
		get(4);
		rig.now = 24 * 3600 * S;
		ck_assert_uint_eq(get(4), table[i].shown);
		ck_assert_uint_eq(get(7), 2);
	}
}
END_TEST

/* SET holds the updates; the phase of the seconds does not change by it. */
START_TEST(set_bit)
{
	setup_rate0();
	rig.now = 300000000;
	put(0x0b, 0x92);
	ck_assert_uint_eq(get(0x0b), 0x82); /* takes UIE along */
	put(0, 0x58);
	put(2, 0x59);
	put(4, 0x23);
	put(7, 0x31);
	put(8, 0x12);
	put(9, 0x23);
	put(6, 0x01);
	rig.now = 100 * S;
	ck_assert_str_eq(date(), "2023-12-31 23:59:58 1");
	ck_assert_uint_eq(get(0x0a), 0x20);
	ck_assert_uint_eq(get(0x0c), 0);
	rig.now = 100 * S + 300000000;
	put(0x0b, 0x02);
	ck_assert_str_eq(date(), "2023-12-31 23:59:58 1");
	rig.now = 101 * S;
	ck_assert_str_eq(date(), "2023-12-31 23:59:59 1");
	rig.now = 102 * S;
	ck_assert_str_eq(date(), "2024-01-01 00:00:00 2");
}
END_TEST

START_TEST(divider_reset)
{
	setup();
	put(0x0a, 0x76);
	ck_assert_uint_eq(get(0x0a), 0x76);
	rig.now = 50 * S + 123;
	ck_assert_str_eq(date(), "2000-01-01 00:00:00 7");
	put(0x0b, 0x72);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	put(0x0a, 0x20);
	/* the first update is half a second later */
	ck_assert_uint_eq(timerq_next(&rig.tq), 50 * S + 123 + S / 2);
	rig_run_to(&rig, 50 * S + 122 + S / 2);
	ck_assert_str_eq(date(), "2000-01-01 00:00:00 7");
	rig_run_to(&rig, 50 * S + 123 + S / 2);
	ck_assert_str_eq(date(), "2000-01-01 00:00:01 7");
}
END_TEST

START_TEST(update_in_progress)
{
	setup();
	for (u32 i = 1; i < 5; i++) {
		rig.now = i * S - 2228001;
		ck_assert_uint_eq(get(0x0a), 0x26);
		rig.now = i * S - 2228000;
		ck_assert_uint_eq(get(0x0a), 0xa6);
		rig.now = i * S - 1;
		ck_assert_uint_eq(get(0x0a), 0xa6);
		ck_assert_uint_eq(from_bcd(get(0)), i - 1);
		rig.now = i * S;
		ck_assert_uint_eq(get(0x0a), 0x26);
		ck_assert_uint_eq(from_bcd(get(0)), i);
	}
	put(0x0a, 0xff); /* the bit is read-only */
	ck_assert_uint_eq(get(0x0a), 0x7f);
}
END_TEST

START_TEST(update_interrupt)
{
	setup_rate0();
	rig.now = S / 4;
	put(0x0b, 0x12);
	rig_run_to(&rig, S - 1);
	ck_assert(!rig.level[GSI]);
	rig_run_to(&rig, S);
	ck_assert(rig.level[GSI]);
	/* nobody reads C: no more interrupts and no timers */
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	rig_run_to(&rig, 5 * S);
	ck_assert_uint_eq(rig.rises[GSI], 1);
	ck_assert_uint_eq(get(0x0c), 0x90);
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(get(0x0c), 0);
	for (u32 i = 6; i < 20; i++) {
		rig_run_to(&rig, i * S);
		ck_assert_uint_eq(rig.rises[GSI], i - 4);
		ck_assert_uint_eq(get(0x0c), 0x90);
	}
	/* disabled, the flag still comes; enabling then interrupts at once */
	put(0x0b, 0x02);
	rig.now = 21 * S;
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	put(0x0b, 0x12);
	ck_assert(rig.level[GSI]);
	put(0x0b, 0x02);
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(get(0x0c), 0x10);
	/* C and D are read-only */
	put(0x0c, 0xff);
	put(0x0d, 0);
	ck_assert_uint_eq(get(0x0c), 0);
	ck_assert_uint_eq(get(0x0d), 0x80);
}
END_TEST

START_TEST(periodic_interrupt)
{
	static const u32 hz[16] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2 };

	for (u32 rate = 0; rate < 16; rate++) {
		setup();
		put(0x0a, 0x20 | rate);
		put(0x0b, 0x42);
		while (timerq_next(&rig.tq) <= 3 * S) {
			rig.now = timerq_next(&rig.tq);
			timerq_run(&rig.tq, rig.now);
			ck_assert(rig.level[GSI]);
			/* exact to a ns, however many have been */
			ck_assert_uint_eq(rig.now, (rig.rises[GSI] * S + hz[rate] - 1) / hz[rate]);
			ck_assert_uint_eq(get(0x0c) & 0xc0, 0xc0);
			ck_assert(!rig.level[GSI]);
		}
		ck_assert_uint_eq(rig.rises[GSI], 3 * hz[rate]);
	}
	/* not read in time: one interrupt, then in phase again */
	setup();
	put(0x0a, 0x2f);
	put(0x0b, 0x42);
	rig_jump_to(&rig, 10 * S + 1);
	ck_assert_uint_eq(rig.rises[GSI], 1);
	ck_assert_uint_eq(get(0x0c), 0xd0);
	ck_assert_uint_eq(timerq_next(&rig.tq), 10 * S + S / 2);
	/* it does not mind SET */
	put(0x0b, 0xc2);
	rig_run_to(&rig, 11 * S);
	ck_assert_uint_eq(get(0x0c), 0xc0);
	/* polled */
	put(0x0b, 0x02);
	rig.now += S / 2 - 1;
	ck_assert_uint_eq(get(0x0c), 0);
	rig.now += 1;
	ck_assert_uint_eq(get(0x0c), 0x40);
}
END_TEST

static u32 alarm_second(u32 at, u32 hour, u32 minute, u32 second)
{
	return (hour >= 0xc0 || hour == at / 3600 % 24) && (minute >= 0xc0 || minute == at / 60 % 60) &&
	       (second >= 0xc0 || second == at % 60);
}

/* Any alarm from any time on, against a look at each second. */
START_TEST(all_alarms)
{
	static const u8 some[] = { 0, 1, 2, 22, 23, 24, 58, 59, 60, 0xbf, 0xc0, 0xff };

	for (u32 i = 0; i < ARRAY_SIZE(some) * ARRAY_SIZE(some) * ARRAY_SIZE(some); i++) {
		u8 h = some[i % ARRAY_SIZE(some)], m = some[i / ARRAY_SIZE(some) % ARRAY_SIZE(some)],
		   s = some[i / ARRAY_SIZE(some) / ARRAY_SIZE(some)];
		u32 from = (u32)((u64)i * 2654435761u % 86400), in = 1;

		if (i % 3 == 0) /* near its own time */
			from = (h % 24 * 3600 + m % 60 * 60 + s % 60 + 86400 - i % 2) % 86400;
		setup_rate0();
		put(5, h);
		put(3, m);
		put(1, s);
		put(0x0b, 0x26);
		vrtc_set_time(&r, from, 0);
		while (in <= 86400 && !alarm_second(from + in, h, m, s))
			in++;
		ck_assert_msg(timerq_next(&rig.tq) == (in <= 86400 ? in * S : TIMER_OFF),
		              "%u:%u:%u from %u: %llu, want %u", h, m, s, from, timerq_next(&rig.tq) / S, in);
	}
}
END_TEST

START_TEST(alarms)
{
	static const struct {
		u8 b, hour, minute, second;
		u32 from, in; /* seconds of the day; 0: never */
	} table[] = {
		{ 0x22, 0x12, 0x34, 0x56, 0, 45296 },     { 0x22, 0x12, 0x34, 0x56, 45295, 1 },
		{ 0x22, 0x12, 0x34, 0x56, 45296, 86400 }, { 0x22, 0x12, 0x34, 0x56, 45297, 86399 },
		{ 0x22, 0xff, 0xff, 0xff, 100, 1 },       { 0x22, 0xff, 0xff, 0x30, 100, 50 },
		{ 0x22, 0xc0, 0xff, 0x30, 30, 60 },       { 0x22, 0xff, 0x10, 0x00, 0, 600 },
		{ 0x22, 0xff, 0x10, 0x00, 601, 3599 },    { 0x22, 0xff, 0x00, 0x00, 86399, 1 },
		{ 0x22, 0x00, 0xff, 0xff, 86399, 1 },     { 0x22, 0x23, 0xff, 0xff, 0, 82800 },
		{ 0x22, 0x23, 0xff, 0x59, 86398, 1 },     { 0x22, 0x23, 0x59, 0x59, 86399, 86400 },
		{ 0x22, 0x24, 0x00, 0x00, 0, 0 },         { 0x22, 0xff, 0x60, 0x00, 0, 0 },
		{ 0x22, 0xff, 0xff, 0x99, 0, 0 },         { 0x26, 12, 34, 56, 0, 45296 },
		{ 0x24, 0x8c, 34, 56, 0, 45296 },         { 0x20, 0x92, 0x34, 0x56, 0, 45296 },
		{ 0x20, 0x12, 0x34, 0x56, 0, 2096 },      { 0x20, 0x13, 0x00, 0x00, 0, 0 },
		{ 0x20, 0x00, 0x00, 0x00, 0, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		setup_rate0();
		put(5, table[i].hour);
		put(3, table[i].minute);
		put(1, table[i].second);
		put(0x0b, table[i].b);
		vrtc_set_time(&r, table[i].from, 0);
		ck_assert_uint_eq(timerq_next(&rig.tq), table[i].in ? table[i].in * S : TIMER_OFF);
		rig_run_to(&rig, (table[i].in ? table[i].in : 200000) * S - 1);
		ck_assert(!rig.level[GSI]);
		rig_run_to(&rig, (table[i].in ? table[i].in : 200000) * S);
		ck_assert_uint_eq(rig.level[GSI], table[i].in != 0);
		ck_assert_uint_eq(get(0x0c), table[i].in ? 0xb0 : 0x10);
		/* found as well when nobody looks until long after, and not when it was not yet due */
		setup_rate0();
		put(5, table[i].hour);
		put(3, table[i].minute);
		put(1, table[i].second);
		put(0x0b, table[i].b & ~0x20u);
		vrtc_set_time(&r, table[i].from, 0);
		rig.now = table[i].in ? table[i].in * S - 1 : S;
		ck_assert_uint_eq(get(0x0c) & 0x20, 0);
		rig.now = 3 * 86400 * S;
		ck_assert_uint_eq(get(0x0c) & 0x20, table[i].in ? 0x20 : 0);
	}
	/* daily */
	setup_rate0();
	put(0x0b, 0x22);
	for (u32 day = 1; day < 10; day++) {
		rig_run_to(&rig, day * 86400 * S);
		ck_assert_uint_eq(rig.rises[GSI], day);
		ck_assert_uint_eq(rig.rise_at[GSI], day * 86400 * S);
		get(0x0c);
	}
}
END_TEST

/* Registers hold what the guest writes; nonsense becomes a date with the next update, and nothing breaks. */
START_TEST(nonsense_dates)
{
	setup();
	for (u32 i = 0; i <= 9; i++)
		put(i, 0xee);
	put(0x32, 0xff);
	for (u32 i = 0; i <= 9; i++)
		ck_assert_uint_eq(get(i), 0xee);
	rig.now = S;
	ck_assert_uint_eq(get(0), 0);
	ck_assert_uint_eq(get(2), 0);
	ck_assert_uint_eq(get(4), 0);
	ck_assert_uint_eq(get(7), 1);
	ck_assert_uint_eq(get(8), 1);
	put(8, 0);
	put(7, 0);
	put(6, 0);
	rig.now = 86401 * S;
	ck_assert_uint_eq(get(8), 1);
	ck_assert_uint_eq(get(7), 2);
	ck_assert_uint_eq(get(6), 2);
	put(8, 0x02);
	put(7, 0x31);
	put(9, 0x23);
	put(0x32, 0x20);
	rig.now = 86402 * S;
	ck_assert_uint_eq(get(7), 0x28);
	/* 12-hour format with an hour it does not have */
	put(0x0b, 0);
	put(4, 0x13);
	rig.now = 86403 * S;
	ck_assert_uint_eq(get(4), 0x91);
}
END_TEST

START_TEST(cmos_memory)
{
	setup();
	for (u32 i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			put(i, i * 3);
	vrtc_set_nvram(&r, 0x0e, 0x77);
	vrtc_set_nvram(&r, 0x7f, 0x66);
	vrtc_reset(&r, 5 * S);
	rig.now = 1000 * S;
	for (u32 i = 0x0f; i < 0x7f; i++)
		if (i != 0x32)
			ck_assert_uint_eq(get(i), (u8)(i * 3));
	ck_assert_uint_eq(get(0x0e), 0x77);
	ck_assert_uint_eq(get(0x7f), 0x66);
	/* bit 7 of the index is the NMI mask */
	ck_assert_uint_eq(get(0x80 | 0x7f), 0x66);
	ck_assert_uint_eq(get(0x32), 0x20);
}
END_TEST

START_TEST(reset_keeps_time)
{
	setup();
	put(0x0b, 0x74);
	vrtc_set_time(&r, 1700000000, 0); /* 2023-11-14 22:13:20 */
	rig_run_to(&rig, 2 * S);
	ck_assert(rig.level[GSI]);
	vrtc_reset(&r, 2 * S);
	ck_assert(!rig.level[GSI]);
	ck_assert_str_eq(date(), "2023-11-14 22:13:22 3");
	ck_assert_uint_eq(get(0x0b), 0x02);
	ck_assert_uint_eq(get(0x0c), 0);
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	rig.now = 3 * S;
	ck_assert_str_eq(date(), "2023-11-14 22:13:23 3");
}
END_TEST

START_TEST(save_and_restore)
{
	struct vrtc_state saved;

	setup();
	put(0x0b, 0x12);
	rig.now = S / 2;
	saved = r.s;
	setup();
	r.s = saved;
	vrtc_restored(&r, S / 2);
	ck_assert_uint_eq(timerq_next(&rig.tq), S);
	rig_run_to(&rig, S);
	ck_assert(rig.level[GSI]);
	saved = r.s;
	setup();
	r.s = saved;
	vrtc_restored(&r, 3 * S);
	ck_assert(rig.level[GSI]);
	rig.now = 3 * S;
	ck_assert_str_eq(date(), "2000-01-01 00:00:03 7");
}
END_TEST

START_TEST(wide_accesses)
{
	u64 v = 0x5540;

	setup();
	io_bus_access(&rig.pio, 0x70, 2, true, &v, 0); /* index and data at once */
	ck_assert_uint_eq(get(0x40), 0x55);
	io_bus_access(&rig.pio, 0x70, 2, false, &v, 0);
	ck_assert_uint_eq(v, 0x55ff);
}
END_TEST

SUITE_MAIN("vrtc", power_on, time_passes, calendar_agrees_with_libc, formats, set_bit, divider_reset,
           update_in_progress, update_interrupt, periodic_interrupt, all_alarms, alarms, nonsense_dates, cmos_memory,
           reset_keeps_time, save_and_restore, wide_accesses)
