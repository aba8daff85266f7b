/* 8254 interval timer. */
#include "vmm/dev/pc/vpit.h"

#include "lib/string.h"

#define NS_PER_S 1000000000u

/* Control word: counter, access, mode, BCD. */
#define CW_ACCESS(cw)  ((cw) >> 4 & 3)
#define ACCESS_LATCH   0
#define ACCESS_LOW     1
#define ACCESS_HIGH    2
#define ACCESS_BOTH    3
#define CW_BCD         0x01
#define CW_READ_BACK   3 /* in the counter field */
#define RB_NO_COUNT    0x20
#define RB_NO_STATUS   0x10
#define STATUS_OUT     0x80
#define STATUS_NULL    0x40
#define PORT61_GATE2   0x01
#define PORT61_STORED  0x0f
#define PORT61_REFRESH 0x10
#define PORT61_OUT2    0x20
#define REFRESH_CLOCKS 18 /* 15 us */

static u64 ns_to_clock(u64 now)
{
	return (u64)((unsigned __int128)now * VPIT_HZ / NS_PER_S);
}

/* The first ns of a clock, so that ns_to_clock() of it is that clock. */
static u64 clock_to_ns(u64 clock)
{
	unsigned __int128 ns = ((unsigned __int128)clock * NS_PER_S + VPIT_HZ - 1) / VPIT_HZ;

	return ns < TIMER_OFF ? (u64)ns : TIMER_OFF;
}

/* ---- one counter; t: the clock ---- */

/* Modes 6 and 7 are 2 and 3. */
static u32 mode_of(const struct vpit_chan *c)
{
	u32 mode = c->cw >> 1 & 7;

	return mode > 5 ? mode - 4 : mode;
}

static bool is_periodic(const struct vpit_chan *c)
{
	return mode_of(c) == 2 || mode_of(c) == 3;
}

static bool is_triggered(const struct vpit_chan *c)
{
	return mode_of(c) == 1 || mode_of(c) == 5;
}

/* Values of the counting element. */
static u32 modulus(const struct vpit_chan *c)
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
static void settle(struct vpit_chan *c, u64 t)
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
	u32 mod = modulus(c), e;

	if (!c->loaded)
		return c->held;
	if (!is_periodic(c))
		return (c->n + mod - (u32)(elapsed(c, t) % mod)) % mod;
	e = (u32)(elapsed(c, t) % period(c));
	if (mode_of(c) == 2)
		return (period(c) - e) % mod;
	/* Mode 3 counts by two, twice through an even number. */
	if (e >= high_half(period(c)))
		e -= high_half(period(c));
	return ((period(c) & ~1u) - 2 * e) % mod;
}

static bool out(const struct vpit_chan *c, u64 t)
{
	u64 e = elapsed(c, t);
	bool started = c->loaded && (s64)(t - c->start) >= 0;

	switch (mode_of(c)) {
	case 0: return c->loaded && e >= c->n;
	case 1: return !started || e >= c->n;
	case 2: return !c->loaded || !c->gate || e % period(c) != period(c) - 1;
	case 3: return !c->loaded || !c->gate || e % period(c) < high_half(period(c));
	default: return !c->loaded || e != c->n;
	}
}

/* Clock of the next rising edge of OUT after t, TIMER_OFF: none. */
static u64 next_edge(const struct vpit_chan *c, u64 t)
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
	edge = c->start + c->n + (mode_of(c) >= 4);
	return (s64)(edge - t) > 0 ? edge : TIMER_OFF;
}

static void load(struct vpit_chan *c, u64 t)
{
	c->n = c->cr;
	c->start = t + 1; /* the counting element takes it over with the next clock */
	c->frozen = ~0ull;
	c->loaded = true;
	c->pending = false;
}

static void write_control(struct vpit_chan *c, u8 cw, u64 t)
{
	c->held = current(c, t);
	c->cw = cw & 0x3f;
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

	c->half = mode_of(c) == 3 && at < high_half(period(c));
	/* Not looked at while the gate is low, for its rise loads the count. */
	c->reload_at = t - at + (c->half ? high_half(period(c)) : period(c));
	c->pending = true;
}

/* A whole count has been written. */
static void write_count(struct vpit_chan *c, u16 val, u64 t)
{
	u32 count = c->cw & CW_BCD ? from_bcd(val) % 10000 : val;

	c->cr = count ? count : modulus(c);
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

static void write_counter(struct vpit_chan *c, u8 val, u64 t)
{
	settle(c, t);
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
	if (mode_of(c) == 0) { /* the first byte stops the count */
		c->held = current(c, t);
		c->loaded = false;
	}
}

static u16 read_format(const struct vpit_chan *c, u64 t)
{
	u32 val = current(c, t);

	return c->cw & CW_BCD ? to_bcd(val) : (u16)val;
}

static u8 read_counter(struct vpit_chan *c, u64 t)
{
	u16 val;
	bool high;

	settle(c, t);
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

static void latch_count(struct vpit_chan *c, u64 t)
{
	settle(c, t);
	if (!c->latched)
		c->latch = read_format(c, t);
	c->latched = true;
}

static void latch_status(struct vpit_chan *c, u64 t)
{
	bool null;

	settle(c, t);
	if (c->status_latched)
		return;
	null = !c->loaded || c->pending || (s64)(t - c->start) < 0;
	c->status = c->cw | (out(c, t) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0);
	c->status_latched = true;
}

static void set_gate(struct vpit_chan *c, bool gate, u64 t)
{
	settle(c, t);
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

/* ---- the chip ---- */

static void set_line(struct vpit *p, bool level)
{
	if (level == p->s.line)
		return;
	p->s.line = level;
	irqchip_set_line(p->irq, VPIT_GSI, level);
}

/*
 * OUT's short or symmetric lows are not worth a timer: the line stays high between rising edges in the periodic and
 * strobe modes, and falls just before it rises.
 */
static void rising_edge(struct vpit *p)
{
	set_line(p, false);
	set_line(p, true);
}

/* Before anything changes: an edge that is due (one, however many were missed). */
static void deliver(struct vpit *p, u64 t)
{
	struct vpit_chan *c = &p->s.chan[0];

	if (p->s.edge <= t)
		rising_edge(p);
	settle(c, t);
	p->s.edge = next_edge(c, t);
}

/* After a change. */
static void arm(struct vpit *p, u64 t)
{
	p->s.edge = next_edge(&p->s.chan[0], t);
	timer_set(&p->timer, p->s.edge == TIMER_OFF ? TIMER_OFF : clock_to_ns(p->s.edge));
}

static void timer_fired(void *arg, u64 now)
{
	struct vpit *p = arg;
	u64 t = ns_to_clock(now);

	deliver(p, t);
	arm(p, t);
}

static void read_back(struct vpit *p, u8 val, u64 t)
{
	for (u32 i = 0; i < VPIT_CHANNELS; i++) {
		if (!(val & 2u << i))
			continue;
		if (!(val & RB_NO_COUNT))
			latch_count(&p->s.chan[i], t);
		if (!(val & RB_NO_STATUS))
			latch_status(&p->s.chan[i], t);
	}
}

/* Channel 0's line after a control word or count, which may end a low; was: OUT before. */
static void drive_line(struct vpit *p, bool was, u64 t)
{
	const struct vpit_chan *c = &p->s.chan[0];

	if (out(c, t)) {
		if (!was)
			rising_edge(p);
	} else if (mode_of(c) == 0) {
		set_line(p, false);
	}
}

static void write_port(struct vpit *p, u32 port, u8 val, u64 t)
{
	bool was = out(&p->s.chan[0], t);
	u32 which = port;

	if (port == VPIT_CHANNELS) {
		which = val >> 6;
		if (which == CW_READ_BACK) {
			read_back(p, val, t);
			return;
		}
		settle(&p->s.chan[which], t);
		if (CW_ACCESS(val) == ACCESS_LATCH) {
			latch_count(&p->s.chan[which], t);
			return;
		}
		write_control(&p->s.chan[which], val, t);
	} else {
		write_counter(&p->s.chan[which], val, t);
	}
	if (which == 0)
		drive_line(p, was, t);
}

static void pit_io(void *dev, struct io_access *io)
{
	struct vpit *p = dev;
	u64 t = ns_to_clock(io->now), val = 0;

	if (io->write)
		deliver(p, t);
	for (u32 i = 0; i < io->size; i++) {
		u32 port = (u32)io->offset + i;

		if (io->write)
			write_port(p, port, (u8)(io->value >> i * 8), t);
		else /* the control word register cannot be read */
			val |= (u64)(port < VPIT_CHANNELS ? read_counter(&p->s.chan[port], t) : 0xff) << i * 8;
	}
	if (io->write)
		arm(p, t);
	else
		io->value = val;
}

static void port61_io(void *dev, struct io_access *io)
{
	struct vpit *p = dev;
	u64 t = ns_to_clock(io->now);

	if (io->write) {
		p->s.port61 = (u8)io->value & PORT61_STORED;
		set_gate(&p->s.chan[2], p->s.port61 & PORT61_GATE2, t);
		return;
	}
	settle(&p->s.chan[2], t);
	io->value = p->s.port61 | (t / REFRESH_CLOCKS & 1 ? PORT61_REFRESH : 0) |
	            (out(&p->s.chan[2], t) ? PORT61_OUT2 : 0);
}

void vpit_init(struct vpit *p, const struct irqchip *irq, struct timerq *tq)
{
	memset(p, 0, sizeof(*p));
	p->irq = irq;
	timer_init(&p->timer, tq, timer_fired, p);
	p->region = (struct io_region){ .base = VPIT_PORT, .len = 4, .fn = pit_io, .dev = p, .name = "pit-8254" };
	p->region61 = (struct io_region){
		.base = VPIT_PORT_61H, .len = 1, .fn = port61_io, .dev = p, .name = "system-control-b"
	};
	vpit_reset(p, 0);
}

int vpit_attach(struct vpit *p, struct io_bus *pio)
{
	int err = io_bus_add(pio, &p->region);

	if (err)
		return err;
	err = io_bus_add(pio, &p->region61);
	if (err)
		io_bus_remove(pio, &p->region);
	return err;
}

void vpit_reset(struct vpit *p, u64 now)
{
	bool line = p->s.line;

	memset(&p->s, 0, sizeof(p->s));
	p->s.line = line;
	for (u32 i = 0; i < VPIT_CHANNELS; i++) {
		struct vpit_chan *c = &p->s.chan[i];

		c->cw = ACCESS_BOTH << 4;
		c->n = c->cr = modulus(c);
		c->gate = i != 2; /* 0 and 1 are wired high */
	}
	set_line(p, false);
	arm(p, ns_to_clock(now));
}

void vpit_restored(struct vpit *p, u64 now)
{
	u64 t = ns_to_clock(now);

	irqchip_set_line(p->irq, VPIT_GSI, p->s.line);
	deliver(p, t);
	arm(p, t);
}
