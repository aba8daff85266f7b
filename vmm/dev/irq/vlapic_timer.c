/* The local APIC's timer. SDM vol. 3 "APIC Timer". One count is divider * clock_ns ns. */
#include "vmm/dev/irq/vlapic_priv.h"

#define NS_PER_S 1000000000ull

#define COUNTS(lvt) (LVT_TIMER_MODE(lvt) <= MODE_PERIODIC)

static u32 divider(u32 reg)
{
	u32 code = (reg & 3) | (reg >> 1 & 4);

	return code == 7 ? 1 : 2u << code;
}

/* ns of one count. */
static u64 count_ns(const struct vlapic *l)
{
	return (u64)divider(vlapic_rd(l, APIC_TIMER_DIV)) * l->clock_ns;
}

u64 vlapic_timer_period(const struct vlapic *l, u32 init, u32 div)
{
	return (u64)init * divider(div) * l->clock_ns;
}

static u64 period(const struct vlapic *l)
{
	return vlapic_timer_period(l, vlapic_rd(l, APIC_TIMER_INIT), vlapic_rd(l, APIC_TIMER_DIV));
}

u32 vlapic_clock_ns(u64 tsc_hz)
{
	return tsc_hz && tsc_hz < NS_PER_S ? (u32)((NS_PER_S + tsc_hz - 1) / tsc_hz) : 1;
}

void vlapic_timer_stop(struct vlapic *l)
{
	l->s.running = false;
	timer_cancel(&l->timer);
}

/*
 * ns until the running count, of period p and in the mode of lvt, is at 0 next; of a one-shot that has expired 0. The
 * queue may not have come to the expiry yet, and interrupts of a short period may have been left out.
 */
static u64 left_ns(const struct vlapic *l, u32 lvt, u64 p, u64 now)
{
	u64 left = l->s.period_start + p - now;

	if ((s64)left > 0)
		return likely(left <= p) ? left : (left - 1) % p + 1;
	return LVT_TIMER_MODE(lvt) == MODE_PERIODIC ? p - -left % p : 0;
}

u32 vlapic_timer_current(const struct vlapic *l, u64 now)
{
	u64 p = period(l), unit = count_ns(l);

	if (!l->s.running || !p)
		return 0;
	return (u32)((left_ns(l, vlapic_rd(l, APIC_LVT_TIMER), p, now) + unit - 1) / unit);
}

/*
 * The running count of period p next interrupts at end. The timer is always set for period_start + p, so that nothing
 * more needs to be saved.
 */
static void count_until(struct vlapic *l, u64 p, u64 end)
{
	l->s.period_start = end - p;
	timer_set(&l->timer, end);
}

/* The timer, programmed as lvt says, has expired. */
static void expire(struct vlapic *l, u32 lvt, u64 now)
{
	u64 p = period(l);

	if (!(lvt & LVT_MASKED) && vlapic_sw_enabled(l))
		vlapic_post_self(l, LVT_VECTOR(lvt), false);
	if (LVT_TIMER_MODE(lvt) == MODE_DEADLINE) {
		l->s.deadline = 0;
	} else if (LVT_TIMER_MODE(lvt) == MODE_PERIODIC && p) {
		/* One interrupt stands for all periods missed, and for those too short;
		 * the phase is kept: no drift. */
		u64 left = left_ns(l, lvt, p, now);

		if (p < VLAPIC_MIN_PERIOD_NS && left < VLAPIC_MIN_PERIOD_NS)
			left += (VLAPIC_MIN_PERIOD_NS - left + p - 1) / p * p;
		count_until(l, p, now + left);
	} else {
		l->s.running = false;
	}
}

void vlapic_timer_fire(void *arg, u64 now)
{
	struct vlapic *l = arg;

	expire(l, vlapic_rd(l, APIC_LVT_TIMER), now);
}

/* Before the timer is programmed anew: an expiry the timer queue has not come to yet. */
static void catch_up(struct vlapic *l, u32 lvt, u64 now)
{
	if (l->timer.deadline > now)
		return;
	timer_cancel(&l->timer);
	expire(l, lvt, now);
}

void vlapic_timer_init_count(struct vlapic *l, u64 now)
{
	u64 p;

	if (!COUNTS(vlapic_rd(l, APIC_LVT_TIMER))) {
		*vlapic_reg(l, APIC_TIMER_INIT) = 0; /* the write is ignored */
		return;
	}
	p = period(l);
	l->s.running = p != 0;
	l->s.period_start = now;
	timer_set(&l->timer, p ? now + p : TIMER_OFF);
}

void vlapic_timer_divider(struct vlapic *l, u32 old_div, u64 now)
{
	u32 new_div = vlapic_rd(l, APIC_TIMER_DIV);
	u64 left, p;

	if (!l->s.running || divider(old_div) == divider(new_div))
		return;
	/* The count goes on from where it is at the new speed. */
	*vlapic_reg(l, APIC_TIMER_DIV) = old_div;
	catch_up(l, vlapic_rd(l, APIC_LVT_TIMER), now);
	left = vlapic_timer_current(l, now);
	*vlapic_reg(l, APIC_TIMER_DIV) = new_div;
	if (!l->s.running)
		return;
	p = period(l);
	count_until(l, p, now + MIN(left * count_ns(l), p));
}

void vlapic_timer_lvt(struct vlapic *l, u32 old_lvt, u64 now)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_TIMER);
	u64 p = period(l);

	if (LVT_TIMER_MODE(lvt) == LVT_TIMER_MODE(old_lvt))
		return;
	/* Into or out of TSC-deadline mode disarms the timer. */
	if (!COUNTS(lvt) || !COUNTS(old_lvt)) {
		vlapic_timer_stop(l);
		*vlapic_reg(l, APIC_TIMER_INIT) = 0;
		l->s.deadline = 0;
		return;
	}
	/* Between one-shot and periodic the count goes on. */
	catch_up(l, old_lvt, now);
	if (!l->s.running || !p)
		return;
	count_until(l, p, now + left_ns(l, old_lvt, p, now));
}

u64 vlapic_get_deadline(const struct vlapic *l)
{
	return LVT_TIMER_MODE(vlapic_rd(l, APIC_LVT_TIMER)) == MODE_DEADLINE ? l->s.deadline : 0;
}

void vlapic_set_deadline(struct vlapic *l, u64 tsc, u64 now)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_TIMER);

	if (LVT_TIMER_MODE(lvt) != MODE_DEADLINE || !vlapic_enabled(l))
		return;
	l->s.deadline = tsc;
	if (!tsc) {
		timer_cancel(&l->timer);
	} else if (tsc <= l->ops->tsc_now(l->ctx, now)) {
		timer_cancel(&l->timer);
		expire(l, lvt, now);
	} else {
		timer_set(&l->timer, l->ops->tsc_to_ns(l->ctx, tsc));
	}
}

void vlapic_tsc_changed(struct vlapic *l, u64 now)
{
	if (l->s.deadline)
		vlapic_set_deadline(l, l->s.deadline, now);
}

void vlapic_timer_restored(struct vlapic *l)
{
	timer_cancel(&l->timer);
	if (l->s.deadline)
		timer_set(&l->timer, l->ops->tsc_to_ns(l->ctx, l->s.deadline));
	else if (l->s.running)
		timer_set(&l->timer, l->s.period_start + period(l));
}
