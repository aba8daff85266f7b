/* One counter of the 8254: modes, access, latches. */
#include "vmm/dev/pc/vpit_chan.h"

/* Control word: counter, access, mode, BCD. */
#define CW_ACCESS(cw) ((cw) >> 4 & 3)
#define ACCESS_LOW    1
#define ACCESS_HIGH   2
#define ACCESS_BOTH   3
#define CW_BCD        0x01
#define CW_ALL        0x3f
#define STATUS_OUT    0x80
#define STATUS_NULL   0x40

/* Modes 6 and 7 are 2 and 3. */
u32 vpit_chan_mode(const struct vpit_chan *c)
{
	u32 mode = c->cw >> 1 & 7;

	return mode > 5 ? mode - 4 : mode;
}

static bool is_periodic(const struct vpit_chan *c)
{
	return vpit_chan_mode(c) == 2 || vpit_chan_mode(c) == 3;
}

static bool is_triggered(const struct vpit_chan *c)
{
	return vpit_chan_mode(c) == 1 || vpit_chan_mode(c) == 5;
}

/* Values of the counting element. */
u32 vpit_chan_modulus(const struct vpit_chan *c)
{
	return c->cw & CW_BCD ? 10000 : 0x10000;
}

/* Clocks since the count was loaded; 0 when that is yet to come. */
static u64 elapsed(const struct vpit_chan *c, u64 t)
{
	u64 e = c->paused ? c->frozen : t - c->start;

	return (s64)e < 0 ? 0 : e;
}

/* A count of 1 is illegal in the periodic modes. */
static u32 period(const struct vpit_chan *c)
{
	return MAX(c->n, 2u);
}

/* Clocks of a mode 3 period with OUT high. */
static u32 high_half(u32 n)
{
	return (n + 1) / 2;
}

/* Lets a count that was waiting for the end of a period take effect. */
void vpit_chan_settle(struct vpit_chan *c, u64 t)
{
	if (!c->loaded || !c->pending || !is_periodic(c) || c->paused || (s64)(t - c->reload_at) < 0)
		return;
	c->n = c->cr;
	c->start = c->half ? c->reload_at - high_half(period(c)) : c->reload_at;
	c->pending = false;
}

/* The counting element, in binary. */
static u32 current(const struct vpit_chan *c, u64 t)
{
	u32 mod = vpit_chan_modulus(c), e;

	if (!c->loaded)
		return c->held;
	if (!is_periodic(c))
		return (c->n + mod - (u32)(elapsed(c, t) % mod)) % mod;
	e = (u32)(elapsed(c, t) % period(c));
	if (vpit_chan_mode(c) == 2)
		return (period(c) - e) % mod;
	/* Mode 3 counts by two, twice through an even number. */
	if (e >= high_half(period(c)))
		e -= high_half(period(c));
	return ((period(c) & ~1u) - 2 * e) % mod;
}

bool vpit_chan_out(const struct vpit_chan *c, u64 t)
{
	u64 e = elapsed(c, t);
	bool started = c->loaded && (s64)(t - c->start) >= 0;

	switch (vpit_chan_mode(c)) {
	case 0: return c->loaded && e >= c->n;
	case 1: return !started || e >= c->n;
	case 2: return !c->loaded || !c->gate || e % period(c) != period(c) - 1;
	case 3: return !c->loaded || !c->gate || e % period(c) < high_half(period(c));
	default: return !c->loaded || e != c->n;
	}
}

/* Clock of the next rising edge of OUT after t, TIMER_OFF: none. */
u64 vpit_chan_next_edge(const struct vpit_chan *c, u64 t)
{
	u64 edge;

	if (!c->loaded || c->paused)
		return TIMER_OFF;
	if (is_periodic(c)) {
		if (c->pending)
			return c->half ? c->reload_at + MAX(c->cr, 2u) / 2 : c->reload_at;
		if ((s64)(t - c->start) < 0)
			return c->start + period(c);
		return t + period(c) - (t - c->start) % period(c);
	}
	edge = c->start + c->n + (vpit_chan_mode(c) >= 4);
	return (s64)(edge - t) > 0 ? edge : TIMER_OFF;
}

u32 vpit_chan_period(const struct vpit_chan *c)
{
	return is_periodic(c) && c->loaded && !c->paused && !c->pending ? period(c) : 0;
}

static void load(struct vpit_chan *c, u64 t)
{
	c->n = c->cr;
	c->start = t + 1; /* the counting element takes it over with the next clock */
	c->frozen = ~0ull;
	c->loaded = true;
	c->pending = false;
}

void vpit_chan_control(struct vpit_chan *c, u8 cw, u64 t)
{
	c->held = current(c, t);
	c->cw = cw & CW_ALL;
	c->loaded = c->pending = c->paused = false;
	c->latched = c->status_latched = false;
	c->write_high = c->read_high = false;
}

static u32 from_bcd(u32 v)
{
	return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

static u16 to_bcd(u32 v)
{
	return (u16)((v / 1000 % 10) << 12 | (v / 100 % 10) << 8 | (v / 10 % 10) << 4 | v % 10);
}

/* Periodic modes: a new count waits for the end of the period; in mode 3 of the half period. */
static void defer_count(struct vpit_chan *c, u64 t)
{
	u32 at = (u32)(elapsed(c, t) % period(c));

	c->half = vpit_chan_mode(c) == 3 && at < high_half(period(c));
	/* Not looked at while the gate is low, for its rise loads the count. */
	c->reload_at = t - at + (c->half ? high_half(period(c)) : period(c));
	c->pending = true;
}

/* A whole count has been written. */
static void write_count(struct vpit_chan *c, u16 val, u64 t)
{
	u32 count = c->cw & CW_BCD ? from_bcd(val) % 10000 : val;

	c->cr = count ? count : vpit_chan_modulus(c);
	if (is_triggered(c)) {
		c->pending = true; /* until the gate rises */
	} else if (is_periodic(c) && c->loaded) {
		if (!c->paused && (s64)(t - c->start) < 0)
			c->n = c->cr; /* in time for the clock that loads */
		else if (!c->pending)
			defer_count(c, t);
	} else {
		c->paused = !c->gate;
		load(c, t);
	}
}

void vpit_chan_write(struct vpit_chan *c, u8 val, u64 t)
{
	vpit_chan_settle(c, t);
	switch (CW_ACCESS(c->cw)) {
	case ACCESS_LOW: write_count(c, val, t); return;
	case ACCESS_HIGH: write_count(c, (u16)(val << 8), t); return;
	default: break;
	}
	if (c->write_high) {
		c->write_high = false;
		write_count(c, (u16)(val << 8 | c->low), t);
		return;
	}
	c->low = val;
	c->write_high = true;
	if (vpit_chan_mode(c) == 0) { /* the first byte stops the count */
		c->held = current(c, t);
		c->loaded = false;
	}
}

static u16 read_format(const struct vpit_chan *c, u64 t)
{
	u32 val = current(c, t);

	return c->cw & CW_BCD ? to_bcd(val) : (u16)val;
}

u8 vpit_chan_read(struct vpit_chan *c, u64 t)
{
	u16 val;
	bool high;

	vpit_chan_settle(c, t);
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	val = c->latched ? c->latch : read_format(c, t);
	high = CW_ACCESS(c->cw) == ACCESS_HIGH || (CW_ACCESS(c->cw) == ACCESS_BOTH && c->read_high);
	if (CW_ACCESS(c->cw) == ACCESS_BOTH)
		c->read_high = !c->read_high;
	if (!c->read_high)
		c->latched = false;
	return (u8)(high ? val >> 8 : val);
}

void vpit_chan_latch(struct vpit_chan *c, u64 t)
{
	vpit_chan_settle(c, t);
	if (!c->latched)
		c->latch = read_format(c, t);
	c->latched = true;
}

void vpit_chan_latch_status(struct vpit_chan *c, u64 t)
{
	bool null;

	vpit_chan_settle(c, t);
	if (c->status_latched)
		return;
	null = !c->loaded || c->pending || (s64)(t - c->start) < 0;
	c->status = c->cw | (vpit_chan_out(c, t) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0);
	c->status_latched = true;
}

void vpit_chan_gate(struct vpit_chan *c, bool gate, u64 t)
{
	vpit_chan_settle(c, t);
	if (gate == c->gate)
		return;
	c->gate = gate;
	if (is_triggered(c)) {
		if (gate && (c->loaded || c->pending))
			load(c, t);
	} else if (!c->loaded) {
		return;
	} else if (!gate) {
		c->frozen = t - c->start;
		c->paused = true;
	} else {
		c->paused = false;
		if ((s64)c->frozen >= 0)
			c->start = t - c->frozen;
		else if ((s64)(t - c->start) > 0)
			c->start = t; /* it was loaded with the gate low */
		if (!is_periodic(c))
			return;
		/* Here the gate's rise is a trigger as well. */
		if (!c->pending)
			c->cr = c->n;
		load(c, t);
	}
}

/* ---- a state that came from outside ---- */

/* How far behind time 0 a period may have begun that is longer than the one before it. */
#define BEFORE_TIME VPIT_COUNT_MAX

/* Whether clock, modulo 2^64, lies between the beginning of time and `ahead` clocks from t on. */
static bool in_time(u64 clock, u64 t, u32 ahead)
{
	return clock + BEFORE_TIME <= t + BEFORE_TIME + ahead;
}

static bool in_count(u32 n)
{
	return n >= 1 && n <= VPIT_COUNT_MAX;
}

/* A field of counter i, for messages. */
#define FIELD(i, name) (((const char *const[]){ "chan[0]." name, "chan[1]." name, "chan[2]." name })[i])

static bool valid_flags(const struct vpit_chan *c, u32 i, struct state_check *check)
{
	bool periodic = is_periodic(c), triggered = is_triggered(c);

	if (c->pending && (periodic ? !c->loaded : !triggered))
		return state_refuse(check, FIELD(i, "pending"), c->pending, "has no count to follow");
	if (c->pending && periodic && c->half && vpit_chan_mode(c) != 3)
		return state_refuse(check, FIELD(i, "half"), c->half, "is of mode 3 alone");
	/* The first byte of a mode 0 count unloads the one before and leaves paused as it was; nothing else does. */
	if (c->loaded ? c->paused != (!triggered && !c->gate)
	              : c->paused && (vpit_chan_mode(c) != 0 || !c->write_high))
		return state_refuse(check, FIELD(i, "paused"), c->paused, "is not what mode and gate make of it");
	if ((c->write_high || c->read_high) && CW_ACCESS(c->cw) != ACCESS_BOTH)
		return state_refuse(check, c->write_high ? FIELD(i, "write_high") : FIELD(i, "read_high"), true,
		                    "needs two-byte access");
	return true;
}

bool vpit_chan_valid(const struct vpit_chan *c, u32 i, u64 t, struct state_check *check)
{
	if (c->cw & ~CW_ALL || !CW_ACCESS(c->cw))
		return state_refuse(check, FIELD(i, "cw"), c->cw, "is no control word");
	if (!in_count(c->n) || (c->loaded && c->n > vpit_chan_modulus(c)))
		return state_refuse(check, FIELD(i, "n"), c->n, "is no count");
	if (!in_count(c->cr) || ((c->loaded || c->pending) && c->cr > vpit_chan_modulus(c)))
		return state_refuse(check, FIELD(i, "cr"), c->cr, "is no count");
	if (c->held >= VPIT_COUNT_MAX)
		return state_refuse(check, FIELD(i, "held"), c->held, "is more than a counter holds");
	if (!in_time(c->start, t, 1))
		return state_refuse(check, FIELD(i, "start"), c->start, "is in the future, or before time began");
	if (c->frozen != ~0ull && c->frozen > t + BEFORE_TIME)
		return state_refuse(check, FIELD(i, "frozen"), c->frozen, "is longer than time has been");
	if (!in_time(c->reload_at, t, VPIT_COUNT_MAX))
		return state_refuse(check, FIELD(i, "reload_at"), c->reload_at, "is farther off than a period");
	return valid_flags(c, i, check);
}
