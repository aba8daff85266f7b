/* What vhpet.c and vhpet_state.c share: registers, and what follows from them. */
#pragma once

#include "vmm/dev/pc/vhpet.h"

#define CFG_ENABLE 0x01
#define CFG_LEGACY 0x02

#define T_LEVEL            0x0002
#define T_ENABLE           0x0004
#define T_PERIODIC         0x0008
#define T_CAP_PERIOD       0x0010
#define T_CAP_64           0x0020
#define T_SET              0x0040 /* the next write to the comparator sets it, too */
#define T_32               0x0100
#define T_ROUTE            0x3e00
#define T_ROUTE_OF(config) ((u32)((config) >> 9 & 31))

#define NEVER (~0ull)
#define FAR   (1ull << 60) /* ticks: 365 years */

/* ---- the counter ---- */

static inline bool runs(const struct vhpet_state *s)
{
	return s->config & CFG_ENABLE;
}

static inline bool is_legacy(const struct vhpet_state *s)
{
	return (s->config & (CFG_ENABLE | CFG_LEGACY)) == (CFG_ENABLE | CFG_LEGACY);
}

/* Ticks since the counter was set or let run. */
static inline u64 ticks(const struct vhpet_state *s, u64 now)
{
	return runs(s) ? (now - s->since) / VHPET_TICK_NS : 0;
}

/* ns of a tick. */
static inline u64 tick_ns(const struct vhpet_state *s, u64 tick)
{
	return s->since + tick * VHPET_TICK_NS;
}

static inline u64 mask_of(const struct vhpet_timer *t)
{
	return t->config & T_32 ? 0xffffffff : ~0ull;
}

static inline bool is_periodic(const struct vhpet_timer *t)
{
	return (t->config & T_PERIODIC) && t->period;
}

static inline bool may_interrupt(const struct vhpet_state *s, const struct vhpet_timer *t)
{
	return runs(s) && (t->config & T_ENABLE);
}

/*
 * The next interrupt, of the match or, of a short period, of a later one that is not too soon.
 */
static inline u64 next_tell(const struct vhpet_state *s, const struct vhpet_timer *t, u64 earliest)
{
	u64 at, period = t->period * VHPET_TICK_NS;

	if (!may_interrupt(s, t) || t->match == NEVER)
		return TIMER_OFF;
	at = tick_ns(s, t->match);
	if (is_periodic(t) && t->period < FAR && at < earliest)
		at += (earliest - at + period - 1) / period * period;
	return at;
}

/* vdev_ops.valid. */
bool vhpet_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c);
