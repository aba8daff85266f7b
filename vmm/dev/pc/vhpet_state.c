/* HPET: what its state can be. */
#include "vmm/dev/pc/vhpet_priv.h"

static bool valid_level(const struct vhpet_state *s, u32 i, struct state_check *c)
{
	const struct vhpet_timer *t = &s->timer[i];

	if (t->level && (!may_interrupt(s, t) || ((t->config & T_LEVEL) && !(s->status & BIT(i)))))
		return state_refuse(c, "timer.level", 1, "is not what its interrupt makes of it");
	if ((s->status & BIT(i)) && !(t->config & T_LEVEL))
		return state_refuse(c, "status", s->status, "is of a comparator that is edge-triggered");
	if (!t->level && (s->status & BIT(i)) && may_interrupt(s, t))
		return state_refuse(c, "timer.level", 0, "is not what its interrupt makes of it");
	return true;
}

static bool valid_times(const struct vhpet_state *s, u32 i, u64 now, struct state_check *c)
{
	struct vhpet_timer t = s->timer[i];
	u64 tick = ticks(s, now), at;

	if (t.match != NEVER && (!runs(s) || (t.match > tick && t.match - tick > FAR)))
		return state_refuse(c, "timer.match", t.match, "is not when the counter comes there");
	if (t.match != NEVER && ((s->base + t.match - t.cmp) & mask_of(&t)))
		return state_refuse(c, "timer.match", t.match, "is not when the counter is what the comparator is");
	if (t.tell_at != TIMER_OFF && (!may_interrupt(s, &t) || t.match == NEVER))
		return state_refuse(c, "timer.tell_at", t.tell_at, "is of no interrupt");
	at = next_tell(s, &t, 0);
	if (at != TIMER_OFF && t.tell_at > now && t.tell_at != at &&
	    (!is_periodic(&t) || t.tell_at < at ||
	     t.tell_at - at > VHPET_MIN_PERIOD + MIN(t.period, FAR) * VHPET_TICK_NS))
		return state_refuse(c, "timer.tell_at", t.tell_at, "is not when it interrupts");
	return true;
}

static bool valid_timer(const struct vhpet_state *s, u32 i, u64 now, struct state_check *c)
{
	struct vhpet_timer t = s->timer[i];

	if (t.config & ~(u64)(T_LEVEL | T_ENABLE | T_32 | T_ROUTE | (i ? 0 : T_PERIODIC | T_SET)))
		return state_refuse(c, "timer.config", t.config, "has bits that the register lacks");
	if ((t.config & (T_SET | T_PERIODIC)) == T_SET)
		return state_refuse(c, "timer.config", t.config, "sets what is not periodic");
	if (!(VHPET_ROUTES >> T_ROUTE_OF(t.config) & 1))
		return state_refuse(c, "timer.config", t.config, "is routed to where there is no line");
	if ((t.cmp | t.period) & ~mask_of(&t))
		return state_refuse(c, "timer.cmp", t.cmp, "has more bits than the comparator, or its period has");
	return valid_level(s, i, c) && valid_times(s, i, now, c);
}

bool vhpet_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vhpet_state *s = part[0];

	if (s->config & ~(CFG_ENABLE | CFG_LEGACY))
		return state_refuse(c, "config", s->config, "has bits that the register lacks");
	if (s->status & ~((1u << VHPET_TIMERS) - 1))
		return state_refuse(c, "status", s->status, "has bits that are no comparator's");
	if (s->since > c->now)
		return state_refuse(c, "since", s->since, "is in the future");
	for (u32 i = 0; i < VHPET_TIMERS; i++)
		if (!valid_timer(s, i, c->now, c))
			return false;
	return true;
}
