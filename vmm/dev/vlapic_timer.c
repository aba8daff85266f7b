/* The local APIC's timer. SDM vol. 3 "APIC Timer". The input clock is 1 GHz: one count is divider ns. */
#include "vmm/dev/vlapic_priv.h"

#define LVT_MASK_BIT  0x10000u
#define MODE(lvt)     ((lvt) >> 17 & 3)
#define MODE_ONESHOT  0
#define MODE_PERIODIC 1
#define MODE_DEADLINE 2

static u32 divider(u32 reg)
{
	u32 code = (reg & 3) | (reg >> 1 & 4);

	return code == 7 ? 1 : 2u << code;
}

static u64 period(const struct vlapic *l)
{
	return (u64)vlapic_rd(l, APIC_TIMER_INIT) * divider(vlapic_rd(l, APIC_TIMER_DIV));
}

void vlapic_timer_stop(struct vlapic *l)
{
	l->s.running = false;
	timer_cancel(&l->timer);
}

u32 vlapic_timer_current(const struct vlapic *l, u64 now)
{
	u64 p = period(l), gone = now - l->s.period_start;

	if (!l->s.running || !p)
		return 0;
	if (gone >= p) {
		if (MODE(vlapic_rd(l, APIC_LVT_TIMER)) != MODE_PERIODIC)
			return 0;
		gone %= p;
	}
	return (u32)((p - gone + divider(vlapic_rd(l, APIC_TIMER_DIV)) - 1) / divider(vlapic_rd(l, APIC_TIMER_DIV)));
}

static void interrupt(struct vlapic *l)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_TIMER);

	if (!(lvt & LVT_MASK_BIT) && vlapic_sw_enabled(l))
		vlapic_post(l, (u8)lvt, false);
}

void vlapic_timer_fire(void *arg, u64 now)
{
	struct vlapic *l = arg;
	u32 mode = MODE(vlapic_rd(l, APIC_LVT_TIMER));
	u64 p = period(l);

	interrupt(l);
	if (mode == MODE_DEADLINE) {
		l->s.deadline = 0;
	} else if (mode == MODE_PERIODIC && p) {
		/* Periods missed are skipped: one interrupt stands for all of them, the phase is kept. */
		l->s.period_start += (now - l->s.period_start) / p * p;
		timer_set(&l->timer, l->s.period_start + p);
	} else {
		l->s.running = false;
	}
}

void vlapic_timer_init_count(struct vlapic *l, u64 now)
{
	u64 p = period(l);

	if (MODE(vlapic_rd(l, APIC_LVT_TIMER)) == MODE_DEADLINE)
		return;
	l->s.running = p != 0;
	l->s.period_start = now;
	timer_set(&l->timer, p ? now + p : TIMER_OFF);
}

void vlapic_timer_divider(struct vlapic *l, u32 old_div, u64 now)
{
	u32 new_div = vlapic_rd(l, APIC_TIMER_DIV), left;

	if (!l->s.running || divider(old_div) == divider(new_div))
		return;
	/* The count goes on from where it is at the new speed. */
	*vlapic_reg(l, APIC_TIMER_DIV) = old_div;
	left = vlapic_timer_current(l, now);
	*vlapic_reg(l, APIC_TIMER_DIV) = new_div;
	l->s.period_start = now - (period(l) - (u64)left * divider(new_div));
	timer_set(&l->timer, now + (u64)left * divider(new_div));
}

void vlapic_timer_lvt(struct vlapic *l, u32 old_lvt, u64 now)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_TIMER);

	if (MODE(lvt) == MODE(old_lvt))
		return;
	/* Into or out of TSC-deadline mode disarms the timer. */
	if (MODE(lvt) == MODE_DEADLINE || MODE(old_lvt) == MODE_DEADLINE) {
		vlapic_timer_stop(l);
		*vlapic_reg(l, APIC_TIMER_INIT) = 0;
		l->s.deadline = 0;
	}
}

u64 vlapic_get_deadline(const struct vlapic *l)
{
	return MODE(vlapic_rd(l, APIC_LVT_TIMER)) == MODE_DEADLINE ? l->s.deadline : 0;
}

void vlapic_set_deadline(struct vlapic *l, u64 tsc, u64 now)
{
	if (MODE(vlapic_rd(l, APIC_LVT_TIMER)) != MODE_DEADLINE || !vlapic_enabled(l))
		return;
	l->s.deadline = tsc;
	if (!tsc) {
		timer_cancel(&l->timer);
	} else if (tsc <= l->ops->tsc_now(l->ctx, now)) {
		timer_cancel(&l->timer);
		vlapic_timer_fire(l, now);
	} else {
		timer_set(&l->timer, l->ops->tsc_to_ns(l->ctx, tsc));
	}
}

void vlapic_tsc_changed(struct vlapic *l, u64 now)
{
	if (l->s.deadline)
		vlapic_set_deadline(l, l->s.deadline, now);
}

void vlapic_restored(struct vlapic *l, u64 now)
{
	u64 p = period(l);

	if (l->s.deadline)
		timer_set(&l->timer, l->ops->tsc_to_ns(l->ctx, l->s.deadline));
	else if (l->s.running && p)
		timer_set(&l->timer, l->s.period_start + p);
	l->posted = 1;
}
