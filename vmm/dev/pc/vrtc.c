/*
 * MC146818A real-time clock. The registers hold the date as of s.second_at; sync() advances them before anything
 * looks at them, so that timers are needed only while an interrupt is wanted.
 */
#include "vmm/dev/pc/vrtc.h"

#include "lib/assert.h"
#include "lib/string.h"

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D };

#define A_UIP     0x80
#define A_STOPPED 0x60 /* both bits: divider held in reset */
#define A_RATE    0x0f
#define A_RESET   0x26 /* 32.768 kHz, 1024 Hz */

#define B_SET    0x80
#define B_UIE    0x10
#define B_BINARY 0x04
#define B_24H    0x02

/* Flags in C sit where their enables sit in B. */
#define C_IRQ      0x80
#define C_PERIODIC 0x40
#define C_ALARM    0x20
#define C_UPDATE   0x10
#define C_FLAGS    0x70

#define D_VRT        0x80 /* the battery is good */
#define ALARM_ANY    0xc0 /* both bits: matches any value */
#define PM           0x80
#define SECOND       1000000000ull
#define UIP_NS       2228000ull /* 244 us ahead of the update cycle and its 1984 us; it ends with the second */
#define DAY_SECONDS  86400u
#define TICK_NS(n)   ((n)*1953125 / 64) /* 1e9 / 32768 */
#define NS_TICK(ns)  ((ns)*64 / 1953125)
#define NEVER        (~0ull)
#define INVALID      255u
#define UNIX_WEEKDAY 4 /* 1970-01-01 was a Thursday; Sunday is 0 */
#define DAYS_TO_1970 719468

/* ---- calendar (proleptic Gregorian); March is the first month of the computation's year ---- */

struct date {
	u32 year, month, day; /* month, day from 1 */
};

static s64 days_from_date(struct date d)
{
	u32 y = d.year + 400 - (d.month <= 2), era = y / 400, in_era = y % 400;
	u32 in_year = (153 * (d.month > 2 ? d.month - 3 : d.month + 9) + 2) / 5 + d.day - 1;

	return ((s64)era - 1) * 146097 + (s64)(in_era * 365 + in_era / 4 - in_era / 100 + in_year) - DAYS_TO_1970;
}

/* days since 1970, of a year from 0 on */
static struct date date_from_days(s64 days)
{
	u64 z = (u64)(days + DAYS_TO_1970 + 146097), era = z / 146097;
	u32 in_era = (u32)(z % 146097);
	u32 y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	u32 in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;
	struct date d;

	d.day = in_year - (153 * m + 2) / 5 + 1;
	d.month = m < 10 ? m + 3 : m - 9;
	d.year = (u32)((era - 1) * 400) + y + (d.month <= 2);
	return d;
}

static u32 month_days(u32 year, u32 month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 ? 28u + leap : 30 + ((month + (month > 7)) & 1);
}

/* ---- register formats ---- */

static u32 decode(const struct vrtc *r, u8 v)
{
	return r->s.reg[B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static u8 encode(const struct vrtc *r, u32 v)
{
	return (u8)(r->s.reg[B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static u32 decode_hour(const struct vrtc *r, u8 v)
{
	u32 h;

	if (r->s.reg[B] & B_24H)
		return decode(r, v);
	h = decode(r, v & (u8)~PM);
	if (h < 1 || h > 12)
		return INVALID;
	return h % 12 + (v & PM ? 12 : 0);
}

static u8 encode_hour(const struct vrtc *r, u32 h)
{
	if (r->s.reg[B] & B_24H)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? PM : 0);
}

/* The registers' time: what a guest may have put there is brought into range. */
static void get_time(const struct vrtc *r, s64 *days, u32 *second)
{
	const u8 *reg = r->s.reg;
	u32 h = decode_hour(r, reg[HOURS]);
	struct date d = { .year = decode(r, reg[VRTC_CENTURY]) * 100 + decode(r, reg[YEAR]),
		          .month = decode(r, reg[MONTH]),
		          .day = decode(r, reg[DAY]) };

	d.month = MIN(MAX(d.month, 1u), 12u);
	d.day = MIN(MAX(d.day, 1u), month_days(d.year, d.month));
	*days = days_from_date(d);
	*second = MIN(h, 23u) * 3600 + MIN(decode(r, reg[MINUTES]), 59u) * 60 + MIN(decode(r, reg[SECONDS]), 59u);
}

static void put_time(struct vrtc *r, s64 days, u32 second)
{
	struct date d = date_from_days(days);
	u8 *reg = r->s.reg;

	reg[SECONDS] = encode(r, second % 60);
	reg[MINUTES] = encode(r, second / 60 % 60);
	reg[HOURS] = encode_hour(r, second / 3600);
	reg[DAY] = encode(r, d.day);
	reg[MONTH] = encode(r, d.month);
	reg[YEAR] = encode(r, d.year % 100);
	reg[VRTC_CENTURY] = encode(r, d.year / 100 % 100);
}

/* ---- passing time ---- */

static bool alarm_any(u8 reg)
{
	return (reg & ALARM_ANY) == ALARM_ANY;
}

/*
 * Seconds (1 to a day) until the alarm matches, or NEVER. The first moment from the next second on: within its minute,
 * else in a later minute of its hour, else in a later hour, or in the same one of the next day.
 */
static u64 alarm_in(const struct vrtc *r, u32 second)
{
	const u8 *reg = r->s.reg;
	u32 h = decode_hour(r, reg[HOURS_ALARM]), m = decode(r, reg[MINUTES_ALARM]),
	    s = decode(r, reg[SECONDS_ALARM]);
	bool any_h = alarm_any(reg[HOURS_ALARM]), any_m = alarm_any(reg[MINUTES_ALARM]),
	     any_s = alarm_any(reg[SECONDS_ALARM]);
	u32 from = second + 1, hour = from / 3600, minute = from / 60 % 60, day = hour / 24 * 24;

	if ((!any_h && h >= 24) || (!any_m && m >= 60) || (!any_s && s >= 60))
		return NEVER;
	hour -= day;
	if ((any_h || h == hour) && (any_m || m == minute) && (any_s || s >= from % 60)) {
		m = minute;
		h = hour;
		s = any_s ? from % 60 : s;
	} else if ((any_h || h == hour) && (any_m ? minute < 59 : m > minute)) {
		m = any_m ? minute + 1 : m;
		h = hour;
		s = any_s ? 0 : s;
	} else {
		h = any_h ? hour + 1 : h > hour ? h : h + 24;
		m = any_m ? 0 : m;
		s = any_s ? 0 : s;
	}
	return ((day + h) * 60 + m) * 60 + s - second;
}

static bool divider_runs(const struct vrtc *r)
{
	return (r->s.reg[A] & A_STOPPED) != A_STOPPED;
}

static bool updates(const struct vrtc *r)
{
	return divider_runs(r) && !(r->s.reg[B] & B_SET);
}

static void advance(struct vrtc *r, u64 seconds)
{
	s64 days;
	u32 second;

	get_time(r, &days, &second);
	r->s.reg[C] |= C_UPDATE;
	if (alarm_in(r, second) <= seconds)
		r->s.reg[C] |= C_ALARM;
	seconds += second;
	if (seconds >= DAY_SECONDS) {
		u64 more = seconds / DAY_SECONDS;
		u32 weekday = r->s.reg[WEEKDAY];

		days += (s64)more;
		r->s.reg[WEEKDAY] = (u8)(((weekday ? weekday - 1 : 0) + more) % 7 + 1);
	}
	put_time(r, days, (u32)(seconds % DAY_SECONDS));
}

/* Clocks of the divider's 32768 Hz between periodic events, 0: none. */
static u32 periodic_ticks(const struct vrtc *r)
{
	u32 rate = r->s.reg[A] & A_RATE;

	if (!rate || !divider_runs(r))
		return 0;
	return 1u << (rate <= 2 ? rate + 6 : rate - 1); /* rates 1 and 2 are 256 and 128 Hz again */
}

/* In phase with the seconds, of which every rate is a whole fraction. Needs second_at to be up to date. */
static void next_periodic(struct vrtc *r, u64 now)
{
	u64 period = periodic_ticks(r), since = now - r->s.second_at, n;

	r->s.periodic_at = TIMER_OFF;
	if (!period)
		return;
	n = NS_TICK(since) / period + 1;
	/* Rounding up, so that the tick has come when the time has. */
	r->s.periodic_at = r->s.second_at + TICK_NS(n * period) + (n * period * 1953125 % 64 != 0);
}

/* Brings registers and flags up to now. */
static void sync(struct vrtc *r, u64 now)
{
	u64 since = now - r->s.second_at;

	if (!divider_runs(r) || (s64)since < 0)
		return;
	if (since >= SECOND) {
		r->s.second_at += since / SECOND * SECOND;
		if (updates(r))
			advance(r, since / SECOND);
	}
	if (r->s.periodic_at <= now) {
		r->s.reg[C] |= C_PERIODIC;
		next_periodic(r, now);
	}
}

/* The next moment at which an enabled interrupt comes about whose flag is not set yet. */
static u64 next_event(const struct vrtc *r)
{
	u8 wanted = r->s.reg[B] & ~r->s.reg[C] & C_FLAGS;
	u64 next = wanted & C_PERIODIC ? r->s.periodic_at : TIMER_OFF;

	if (!updates(r))
		return next;
	if (wanted & C_UPDATE)
		next = MIN(next, r->s.second_at + SECOND);
	if (wanted & C_ALARM) {
		s64 days;
		u32 second;
		u64 in;

		get_time(r, &days, &second);
		in = alarm_in(r, second);
		if (in != NEVER)
			next = MIN(next, r->s.second_at + in * SECOND);
	}
	return next;
}

/* Interrupt line and timer according to the flags; to be called with the registers up to date. */
static void update(struct vrtc *r)
{
	bool line = r->s.reg[C] & r->s.reg[B] & C_FLAGS;

	r->s.reg[C] = (r->s.reg[C] & C_FLAGS) | (line ? C_IRQ : 0);
	if (line != r->s.line) {
		r->s.line = line;
		irqchip_set_line(r->irq, VRTC_GSI, line);
	}
	timer_set(&r->timer, next_event(r));
}

static void timer_fired(void *arg, u64 now)
{
	sync(arg, now);
	update(arg);
}

/* ---- ports ---- */

static u8 read_data(struct vrtc *r, u64 now)
{
	u8 val = r->s.reg[r->s.index];

	if (r->s.index == A && updates(r) && now - r->s.second_at >= SECOND - UIP_NS)
		return val | A_UIP;
	if (r->s.index == C)
		r->s.reg[C] = 0;
	return val;
}

static void write_a(struct vrtc *r, u8 val, u64 now)
{
	bool ran = divider_runs(r);

	r->s.reg[A] = val & (u8)~A_UIP;
	/* "When the divider reset is removed the first update cycle begins one-half second later." */
	if (!ran && divider_runs(r))
		r->s.second_at = now - SECOND / 2;
	next_periodic(r, now);
}

static void write_data(struct vrtc *r, u8 val, u64 now)
{
	switch (r->s.index) {
	case A: write_a(r, val, now); break;
	case B: r->s.reg[B] = val & B_SET ? val & (u8)~B_UIE : val; break; /* SET takes UIE along */
	case C:
	case D: break; /* read-only */
	default: r->s.reg[r->s.index] = val; break;
	}
}

/* Wider accesses are bytes one after the other. */
static void rtc_io(void *dev, struct io_access *io)
{
	struct vrtc *r = dev;
	u64 val = 0;

	sync(r, io->now);
	for (u32 i = 0; i < io->size; i++) {
		u8 byte = (u8)(io->value >> i * 8);

		if (io->offset + i == 0 && io->write)
			r->s.index = byte & (VRTC_SIZE - 1); /* bit 7 masks NMIs: there are none */
		else if (io->offset + i == 0)
			val |= 0xff;
		else if (io->write)
			write_data(r, byte, io->now);
		else
			val |= (u64)read_data(r, io->now) << i * 8;
	}
	if (!io->write)
		io->value = val;
	update(r);
}

/* ---- for the owner ---- */

void vrtc_init(struct vrtc *r, const struct irqchip *irq, struct timerq *tq)
{
	memset(r, 0, sizeof(*r));
	r->irq = irq;
	timer_init(&r->timer, tq, timer_fired, r);
	r->region = (struct io_region){ .base = VRTC_PORT, .len = 2, .fn = rtc_io, .dev = r, .name = "rtc-cmos" };
	r->s.reg[A] = A_RESET;
	r->s.reg[B] = B_24H;
	r->s.reg[D] = D_VRT;
	r->s.periodic_at = TIMER_OFF;
	vrtc_set_time(r, 946684800, 0);
}

int vrtc_attach(struct vrtc *r, struct io_bus *pio)
{
	r->pio = pio;
	return io_bus_add(pio, &r->region);
}

void vrtc_reset(struct vrtc *r, u64 now)
{
	s64 days;
	u32 second;

	sync(r, now);
	get_time(r, &days, &second);
	/* The reset pin leaves format and SET alone, but guests expect what firmware makes of them. */
	r->s.reg[B] = B_24H;
	r->s.reg[C] = 0;
	r->s.index = 0;
	put_time(r, days, second);
	write_a(r, A_RESET, now);
	update(r);
	if (r->has_cmos)
		vcmos_fill(r->s.reg, &r->cmos);
}

void vrtc_restored(struct vrtc *r, u64 now)
{
	if (r->s.line)
		irqchip_set_line(r->irq, VRTC_GSI, true);
	timer_set(&r->timer, next_event(r));
}

void vrtc_set_time(struct vrtc *r, u64 unix_seconds, u64 now)
{
	u64 days = unix_seconds / DAY_SECONDS;

	sync(r, now);
	put_time(r, (s64)days, (u32)(unix_seconds % DAY_SECONDS));
	r->s.reg[WEEKDAY] = (u8)((days + UNIX_WEEKDAY) % 7 + 1);
	r->s.second_at = now;
	next_periodic(r, now);
	update(r);
}

void vrtc_set_nvram(struct vrtc *r, u8 index, u8 val)
{
	assert(index >= VRTC_NVRAM && index < VRTC_SIZE);
	r->s.reg[index] = val;
}

u8 vrtc_shutdown(const struct vrtc *r)
{
	return r->s.reg[VCMOS_SHUTDOWN];
}

/* ---- as a device of the board ---- */

STATE_DESC(vrtc_state, VRTC_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vrtc_cfg *c = cfg;
	struct vrtc *r = dev;

	vrtc_init(r, env->irq, env->timers);
	r->has_cmos = c && c->cmos;
	if (r->has_cmos)
		r->cmos = *c->cmos;
	return vrtc_attach(r, env->pio);
}

static void detach(void *dev)
{
	struct vrtc *r = dev;

	timer_cancel(&r->timer);
	io_bus_remove(r->pio, &r->region);
}

static void reset(void *dev, u64 now)
{
	vrtc_reset(dev, now);
}

/* What periodic_at must be when it has not come yet: it follows from the rate and the divider's phase. */
static bool valid_periodic(const struct vrtc_state *s, u64 now)
{
	struct vrtc r = { .s = *s };

	if (!periodic_ticks(&r))
		return s->periodic_at == TIMER_OFF;
	if (s->periodic_at <= now)
		return true;
	r.s.second_at += (now - s->second_at) / SECOND * SECOND;
	next_periodic(&r, now);
	return r.s.periodic_at == s->periodic_at;
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vrtc_state *s = part[0];
	const u8 *reg = s->reg;

	if (s->index >= VRTC_SIZE)
		return state_refuse(c, "index", s->index, "is beyond the registers");
	if (reg[A] & A_UIP)
		return state_refuse(c, "reg[10]", reg[A], "has UIP, which is not kept");
	if ((reg[B] & (B_SET | B_UIE)) == (B_SET | B_UIE))
		return state_refuse(c, "reg[11]", reg[B], "has UIE together with SET");
	if (reg[C] != ((reg[C] & C_FLAGS) | (reg[C] & reg[B] & C_FLAGS ? C_IRQ : 0)))
		return state_refuse(c, "reg[12]", reg[C], "has not the IRQF of its flags, or bits that it lacks");
	if (reg[D] != D_VRT)
		return state_refuse(c, "reg[13]", reg[D], "is not what the read-only register holds");
	if (s->line != !!(reg[C] & C_IRQ))
		return state_refuse(c, "line", s->line, "is not what IRQF says");
	/* A divider that was let go within the first half second is ahead of VM time 0, no more. */
	if (c->now - s->second_at > c->now + SECOND / 2)
		return state_refuse(c, "second_at", s->second_at, "is in the future, or before time began");
	if (!valid_periodic(s, c->now))
		return state_refuse(c, "periodic_at", s->periodic_at, "is not when the periodic event comes");
	return true;
}

static void restored(void *dev, u64 now)
{
	vrtc_restored(dev, now);
}

VDEV_OPS(vrtc, "rtc", VDEV_STATE(vrtc, s, vrtc_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
