/* 8254 interval timer: the chip. vpit_chan.c has the counters. */
#include "vmm/dev/pc/vpit.h"

#include "lib/string.h"
#include "vmm/dev/pc/vpit_chan.h"

#define NS_PER_S 1000000000u

/* Control word: counter, access, mode, BCD. */
#define CW_ACCESS(cw)  ((cw) >> 4 & 3)
#define ACCESS_LATCH   0
#define CW_RESET       0x30 /* two bytes, mode 0 */
#define CW_READ_BACK   3    /* in the counter field */
#define RB_NO_COUNT    0x20
#define RB_NO_STATUS   0x10
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

/* Of a short period: whether edge, which is not counter 0's next one, is one of those that are told. */
static bool is_later_edge(const struct vpit_chan *c, u64 next, u64 edge)
{
	u32 period = vpit_chan_period(c);

	return period && period < VPIT_MIN_PERIOD && edge > next && edge - next < VPIT_MIN_PERIOD + period &&
	       (edge - next) % period == 0;
}

/* The edge to be told after one at clock t: the next one that is not too soon. */
static u64 edge_after(const struct vpit_chan *c, u64 t)
{
	u64 edge = vpit_chan_next_edge(c, t), period = vpit_chan_period(c);

	if (period && period < VPIT_MIN_PERIOD && edge - t < VPIT_MIN_PERIOD)
		edge += (VPIT_MIN_PERIOD - (edge - t) + period - 1) / period * period;
	return edge;
}

/* Before anything changes: an edge that is due (one, however many were missed). */
static void deliver(struct vpit *p, u64 t)
{
	struct vpit_chan *c = &p->s.chan[0];
	bool due = p->s.edge <= t;

	if (due)
		rising_edge(p);
	vpit_chan_settle(c, t);
	if (due)
		p->s.edge = edge_after(c, t);
}

/* None while nobody hears it: hear_again() follows. */
static void set_timer(struct vpit *p)
{
	bool off = p->s.edge == TIMER_OFF || (p->s.line && irqchip_is_deaf(p->irq, VPIT_GSI, &p->watch));

	timer_set(&p->timer, off ? TIMER_OFF : clock_to_ns(p->s.edge));
}

/* After a change. */
static void arm(struct vpit *p, u64 t)
{
	u64 next = vpit_chan_next_edge(&p->s.chan[0], t);

	if (!is_later_edge(&p->s.chan[0], next, p->s.edge))
		p->s.edge = next;
	set_timer(p);
}

/* What came meanwhile changed nothing, and does not now. */
static void hear_again(void *arg, u64 now)
{
	struct vpit *p = arg;
	u64 t = ns_to_clock(now);

	vpit_chan_settle(&p->s.chan[0], t);
	arm(p, t);
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
			vpit_chan_latch(&p->s.chan[i], t);
		if (!(val & RB_NO_STATUS))
			vpit_chan_latch_status(&p->s.chan[i], t);
	}
}

/* Channel 0's line after a control word or count, which may end a low; was: OUT before. */
static void drive_line(struct vpit *p, bool was, u64 t)
{
	const struct vpit_chan *c = &p->s.chan[0];

	if (vpit_chan_out(c, t)) {
		if (!was)
			rising_edge(p);
	} else if (vpit_chan_mode(c) == 0) {
		set_line(p, false);
	}
}

static void write_port(struct vpit *p, u32 port, u8 val, u64 t)
{
	bool was = vpit_chan_out(&p->s.chan[0], t);
	u32 which = port;

	if (port == VPIT_CHANNELS) {
		which = val >> 6;
		if (which == CW_READ_BACK) {
			read_back(p, val, t);
			return;
		}
		vpit_chan_settle(&p->s.chan[which], t);
		if (CW_ACCESS(val) == ACCESS_LATCH) {
			vpit_chan_latch(&p->s.chan[which], t);
			return;
		}
		vpit_chan_control(&p->s.chan[which], val, t);
	} else {
		vpit_chan_write(&p->s.chan[which], val, t);
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
			val |= (u64)(port < VPIT_CHANNELS ? vpit_chan_read(&p->s.chan[port], t) : 0xff) << i * 8;
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
		vpit_chan_gate(&p->s.chan[2], p->s.port61 & PORT61_GATE2, t);
		return;
	}
	vpit_chan_settle(&p->s.chan[2], t);
	io->value = p->s.port61 | (t / REFRESH_CLOCKS & 1 ? PORT61_REFRESH : 0) |
	            (vpit_chan_out(&p->s.chan[2], t) ? PORT61_OUT2 : 0);
}

void vpit_init(struct vpit *p, const struct irqchip *irq, struct timerq *tq)
{
	memset(p, 0, sizeof(*p));
	p->irq = irq;
	timer_init(&p->timer, tq, timer_fired, p);
	p->watch = (struct irq_watch){ .fn = hear_again, .arg = p };
	p->region = (struct io_region){ .base = VPIT_PORT, .len = 4, .fn = pit_io, .dev = p, .name = "pit-8254" };
	p->region61 = (struct io_region){
		.base = VPIT_PORT_61H, .len = 1, .fn = port61_io, .dev = p, .name = "system-control-b"
	};
	vpit_reset(p, 0);
}

int vpit_attach(struct vpit *p, struct io_bus *pio)
{
	int err = io_bus_add(pio, &p->region);

	p->pio = pio;
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

		c->cw = CW_RESET;
		c->n = c->cr = vpit_chan_modulus(c);
		c->gate = i != 2; /* 0 and 1 are wired high */
	}
	set_line(p, false);
	arm(p, ns_to_clock(now));
}

void vpit_restored(struct vpit *p, u64 now)
{
	if (p->s.line)
		irqchip_set_line(p->irq, VPIT_GSI, true);
	set_timer(p);
}

/* ---- as a device of the board ---- */

STATE_DESC(vpit_chan, VPIT_CHAN, 1);
STATE_DESC(vpit_state, VPIT_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	vpit_init(dev, env->irq, env->timers);
	return vpit_attach(dev, env->pio);
}

static void detach(void *dev)
{
	struct vpit *p = dev;

	timer_cancel(&p->timer);
	io_bus_remove(p->pio, &p->region);
	io_bus_remove(p->pio, &p->region61);
}

static void reset(void *dev, u64 now)
{
	vpit_reset(dev, now);
}

/* An edge that has not come yet follows from the counter; one that is due may be late by any time. */
static bool valid_edge(const struct vpit_state *s, u64 t)
{
	struct vpit_chan c = s->chan[0];
	u64 next;

	vpit_chan_settle(&c, t);
	next = vpit_chan_next_edge(&c, t);
	return s->edge <= t || s->edge == next || is_later_edge(&c, next, s->edge);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vpit_state *s = part[0];
	u64 t = ns_to_clock(c->now);

	for (u32 i = 0; i < VPIT_CHANNELS; i++)
		if (!vpit_chan_valid(&s->chan[i], i, t, c))
			return false;
	if (s->port61 & ~PORT61_STORED)
		return state_refuse(c, "port61", s->port61, "has bits that are not stored");
	if (!s->chan[0].gate || !s->chan[1].gate)
		return state_refuse(c, s->chan[0].gate ? "chan[1].gate" : "chan[0].gate", 0, "is wired high");
	if (s->chan[2].gate != (s->port61 & PORT61_GATE2))
		return state_refuse(c, "chan[2].gate", s->chan[2].gate, "is not what port 61h says");
	if (!valid_edge(s, t))
		return state_refuse(c, "edge", s->edge, "is not when counter 0's output rises");
	return true;
}

static void restored(void *dev, u64 now)
{
	vpit_restored(dev, now);
}

VDEV_OPS(vpit, "pit", VDEV_STATE(vpit, s, vpit_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
