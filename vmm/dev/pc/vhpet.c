/* High precision event timer. */
#include "vmm/dev/pc/vhpet.h"

#include "lib/string.h"
#include "vmm/dev/pc/vhpet_priv.h"

#define REG_CAPS    0x000
#define REG_CONFIG  0x010
#define REG_STATUS  0x020
#define REG_COUNTER 0x0f0
#define REG_TIMERS  0x100 /* 20h each: configuration, comparator, FSB route */

/* 8086h, revision 1, three comparators, 64 bits, LegacyReplacement; the period in fs. */
#define CAPS (0x8086a201ull | (u64)VHPET_TICK_NS * 1000000 << 32)

/* When the counter, which is at tick, will be what the comparator is: a whole round away when it is that now. */
static u64 next_match(const struct vhpet_state *s, const struct vhpet_timer *t, u64 tick)
{
	u64 away = (t->cmp - (s->base + tick)) & mask_of(t);

	if (!away)
		away = t->config & T_32 ? 1ull << 32 : FAR;
	return !runs(s) || away >= FAR ? NEVER : tick + away;
}

/* ---- interrupts ---- */

static u32 gsi_of(const struct vhpet_state *s, u32 i)
{
	if (i < 2 && is_legacy(s))
		return i ? VHPET_GSI_RTC : VHPET_GSI_PIT;
	return T_ROUTE_OF(s->timer[i].config);
}

/* Lines that are high: comparators that share one are wired together. */
static u32 wanted_lines(const struct vhpet_state *s)
{
	u32 lines = 0;

	for (u32 i = 0; i < VHPET_TIMERS; i++)
		lines |= s->timer[i].level ? BIT(gsi_of(s, i)) : 0;
	return lines;
}

static void drive(struct vhpet *h)
{
	u32 lines = wanted_lines(&h->s), changed = lines ^ h->lines;

	h->lines = lines;
	for (u32 gsi = 0; changed; gsi++, changed >>= 1)
		if (changed & 1)
			irqchip_set_line(h->cfg.irq, gsi, lines >> gsi & 1);
}

static void interrupt(struct vhpet *h, u32 i)
{
	struct vhpet_timer *t = &h->s.timer[i];

	if (t->config & T_LEVEL) {
		h->s.status |= (u8)BIT(i);
	} else {
		/* High from one edge to the next: a low between them is not worth a timer. */
		t->level = false;
		drive(h);
	}
	t->level = true;
}

/* Matches that have come; one interrupt however many there were. */
static void sync_timer(struct vhpet *h, u32 i, u64 now)
{
	struct vhpet_timer *t = &h->s.timer[i];
	u64 tick = ticks(&h->s, now);
	bool due = t->tell_at <= now;

	if (t->match <= tick) {
		if (is_periodic(t)) {
			u64 by = ((tick - t->match) / t->period + 1) * t->period;

			t->cmp = (t->cmp + by) & mask_of(t);
			t->match = by < FAR ? t->match + by : NEVER;
		} else {
			t->match = next_match(&h->s, t, tick);
		}
	}
	if (!due)
		return;
	interrupt(h, i);
	t->tell_at = next_tell(&h->s, t, now + VHPET_MIN_PERIOD);
}

static void sync(struct vhpet *h, u64 now)
{
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		sync_timer(h, i, now);
}

static u64 next_event(const struct vhpet_state *s)
{
	u64 next = TIMER_OFF;

	for (u32 i = 0; i < VHPET_TIMERS; i++)
		next = MIN(next, s->timer[i].tell_at);
	return next;
}

/* After sync() and a change. */
static void update(struct vhpet *h)
{
	for (u32 i = 0; i < VHPET_TIMERS; i++) {
		struct vhpet_timer *t = &h->s.timer[i];

		if (t->config & T_LEVEL)
			t->level = may_interrupt(&h->s, t) && (h->s.status & BIT(i));
		else
			t->level &= may_interrupt(&h->s, t);
	}
	drive(h);
	timer_set(&h->timer, next_event(&h->s));
}

static void timer_fired(void *arg, u64 now)
{
	sync(arg, now);
	update(arg);
}

/* ---- registers ---- */

/* A comparator's value or the counter's has changed. */
static void program(struct vhpet *h, u32 i, u64 now)
{
	struct vhpet_timer *t = &h->s.timer[i];

	t->match = next_match(&h->s, t, ticks(&h->s, now));
	t->tell_at = next_tell(&h->s, t, 0);
}

static void set_counter(struct vhpet *h, u64 value, u64 now)
{
	h->s.base = value;
	h->s.since = now;
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		program(h, i, now);
}

static void write_config(struct vhpet *h, u8 val, u64 now)
{
	struct vhpet_state *s = &h->s;
	bool was = is_legacy(s);
	u64 counter = s->base + ticks(s, now);

	val &= CFG_ENABLE | CFG_LEGACY;
	if ((val ^ s->config) & CFG_ENABLE) {
		s->config = val;
		set_counter(h, counter, now);
	}
	s->config = val;
	if (is_legacy(s) == was)
		return;
	for (u32 i = 0; i < VHPET_TIMERS; i++) /* what is left of an edge is none on another line */
		s->timer[i].level &= !!(s->timer[i].config & T_LEVEL);
	/* Comparators leave one line before 8254 and RTC are let to it, or take it when they have left. */
	if (was)
		update(h);
	h->cfg.replace(h->cfg.arg, !was, now);
}

static void write_timer_config(struct vhpet *h, u32 i, u64 val, u64 now)
{
	struct vhpet_timer *t = &h->s.timer[i];
	u64 writable = T_LEVEL | T_ENABLE | T_32 | T_ROUTE | (i ? 0 : T_PERIODIC | T_SET);
	bool edge = !(t->config & T_LEVEL);

	val &= writable;
	if (!(val & T_PERIODIC))
		val &= ~(u64)T_SET;
	if (!(VHPET_ROUTES >> T_ROUTE_OF(val) & 1)) /* no such route: the old one stays */
		val = (val & ~(u64)T_ROUTE) | (t->config & T_ROUTE);
	if (edge != !(val & T_LEVEL) || T_ROUTE_OF(val) != T_ROUTE_OF(t->config)) {
		t->level = false;
		h->s.status &= (u8)~BIT(i);
		drive(h);
	}
	t->config = val;
	t->cmp &= mask_of(t);
	t->period &= mask_of(t);
	program(h, i, now);
}

/* half: 0 all, 1 the lower 32 bits, 2 the upper ones. */
static u64 merge(u64 old, u64 val, u32 half)
{
	if (half == 1)
		return (old & ~0xffffffffull) | (u32)val;
	return half ? (u32)old | val << 32 : val;
}

static void write_cmp(struct vhpet *h, u32 i, u64 val, u32 half, u64 now)
{
	struct vhpet_timer *t = &h->s.timer[i];
	bool sets = !(t->config & T_PERIODIC) || (t->config & T_SET);

	if (t->config & T_PERIODIC)
		t->period = merge(t->period, val, half) & mask_of(t);
	if (sets)
		t->cmp = merge(t->cmp, val, half) & mask_of(t);
	t->config &= ~(u64)T_SET;
	if (sets)
		program(h, i, now);
	else if (t->tell_at != TIMER_OFF && t->tell_at != tick_ns(&h->s, t->match))
		t->tell_at = next_tell(&h->s, t, now + VHPET_MIN_PERIOD); /* was one of short periods */
}

static u64 read_timer(const struct vhpet_state *s, u32 i, u32 reg)
{
	const struct vhpet_timer *t = &s->timer[i];

	switch (reg) {
	case 0x00: return (u64)VHPET_ROUTES << 32 | t->config | T_CAP_64 | (i ? 0 : T_CAP_PERIOD);
	case 0x08: return t->cmp;
	default: return 0;
	}
}

static u64 read_reg(const struct vhpet_state *s, u32 reg, u64 now)
{
	u32 i = (reg - REG_TIMERS) / 0x20;

	if (reg >= REG_TIMERS)
		return i < VHPET_TIMERS ? read_timer(s, i, reg & 0x1f) : 0;
	switch (reg) {
	case REG_CAPS: return CAPS;
	case REG_CONFIG: return s->config;
	case REG_STATUS: return s->status;
	case REG_COUNTER: return s->base + ticks(s, now);
	default: return 0;
	}
}

static void write_reg(struct vhpet *h, u32 reg, u64 val, u32 half, u64 now)
{
	struct vhpet_state *s = &h->s;
	u32 i = (reg - REG_TIMERS) / 0x20;

	if (reg >= REG_TIMERS && i < VHPET_TIMERS) {
		if ((reg & 0x1f) == 0x08)
			write_cmp(h, i, val, half, now);
		else if ((reg & 0x1f) == 0 && half != 2)
			write_timer_config(h, i, val, now);
	} else if (reg == REG_COUNTER) {
		set_counter(h, merge(s->base + ticks(s, now), val, half), now);
	} else if (half != 2 && reg == REG_CONFIG) {
		write_config(h, (u8)val, now);
	} else if (half != 2 && reg == REG_STATUS) {
		s->status &= (u8)~val; /* of edge-triggered ones nothing is there */
	}
}

/* Registers are for whole halves or wholes; what is none reads as ones and is not written. */
static void hpet_io(void *dev, struct io_access *io)
{
	struct vhpet *h = dev;
	u32 reg = (u32)io->offset & ~7u, half = io->size == 8 ? 0 : io->offset & 4 ? 2 : 1;

	if (io->size < 4 ? io->write : io->offset % io->size != 0)
		return;
	sync(h, io->now);
	if (io->write)
		write_reg(h, reg, io->value, half, io->now);
	else
		io->value = read_reg(&h->s, reg, io->now) >> (io->offset & 7) * 8;
	if (!io->write && io->size < 8)
		io->value &= BIT(io->size * 8) - 1;
	update(h);
}

/* ---- as a device of the board ---- */

STATE_DESC(vhpet_timer, VHPET_TIMER, 1);
STATE_DESC(vhpet_state, VHPET_STATE, 1);

static void reset(void *dev, u64 now)
{
	struct vhpet *h = dev;
	bool was = is_legacy(&h->s);

	memset(&h->s, 0, sizeof(h->s));
	h->s.since = now;
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		h->s.timer[i] = (struct vhpet_timer){
			.config = 20u << 9, .cmp = ~0ull, .match = NEVER, .tell_at = TIMER_OFF
		};
	update(h);
	if (was)
		h->cfg.replace(h->cfg.arg, false, now);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vhpet *h = dev;

	h->cfg = *(const struct vhpet_cfg *)cfg;
	h->mmio = env->mmio;
	timer_init(&h->timer, env->timers, timer_fired, h);
	h->region =
	        (struct io_region){ .base = VHPET_BASE, .len = VHPET_LEN, .fn = hpet_io, .dev = h, .name = "hpet" };
	reset(h, 0);
	return io_bus_add(h->mmio, &h->region);
}

static void detach(void *dev)
{
	struct vhpet *h = dev;

	timer_cancel(&h->timer);
	io_bus_remove(h->mmio, &h->region);
}

static void restored(void *dev, u64 now)
{
	struct vhpet *h = dev;

	h->cfg.replace(h->cfg.arg, is_legacy(&h->s), now);
	h->lines = wanted_lines(&h->s);
	for (u32 gsi = 0; gsi < 32; gsi++)
		if (h->lines >> gsi & 1)
			irqchip_set_line(h->cfg.irq, gsi, true);
	timer_set(&h->timer, next_event(&h->s));
}

VDEV_OPS(vhpet, "hpet", VDEV_STATE(vhpet, s, vhpet_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = vhpet_valid, .restored = restored);
