/* TSC <-> ns. */
#include "vmm/base/vclock.h"

#define NS_PER_S 1000000000ull

void vclock_init(struct vclock *c, u64 tsc_hz)
{
	c->tsc_hz = c->guest_hz = tsc_hz;
	c->ratio = 0;
	/* 2^32 fixed point: an error below 2^-32 ns per tick, under 8 s in a century at 10 GHz. */
	c->mult = (u64)(((unsigned __int128)NS_PER_S << 32) / tsc_hz);
	if (!c->mult)
		c->mult = 1;
}

u64 vclock_tsc_ceil(const struct vclock *c, u64 ns)
{
	/* Smallest t with floor(t * mult / 2^32) >= ns, that is t * mult >= ns * 2^32. */
	unsigned __int128 want = ((unsigned __int128)ns << 32) + c->mult - 1;

	if ((u64)(want >> 64) >= c->mult)
		return ~0ull; /* beyond what a TSC can count */
	return (u64)(want / c->mult);
}

int vclock_set_guest(struct vclock *c, u64 guest_hz)
{
	unsigned __int128 ratio = ((unsigned __int128)guest_hz << VCLOCK_RATIO_SHIFT) / c->tsc_hz;

	if (!ratio || ratio >> 64)
		return ERR_RANGE;
	c->guest_hz = guest_hz;
	c->ratio = guest_hz == c->tsc_hz ? 0 : (u64)ratio;
	return OK;
}

u64 vclock_unscale_ceil(const struct vclock *c, u64 scaled)
{
	/* Smallest t with floor(t * ratio / 2^48) >= scaled. */
	unsigned __int128 want = ((unsigned __int128)scaled << VCLOCK_RATIO_SHIFT), t;

	if (!c->ratio)
		return scaled;
	t = (want + c->ratio - 1) / c->ratio;
	return t >> 64 ? ~0ull : (u64)t;
}

/* ---- state ---- */

STATE_DESC(vclock_state, VCLOCK_STATE, 1);

#define TIME_MAX BIT(62)                    /* 146 years, ns: sums of a few of them are still times */
#define WALL_MAX (0xffffffffull * NS_PER_S) /* pvclock's wall clock counts seconds in 32 bits */

int vclock_adopt(struct vclock *c, u64 guest_hz, bool scaling)
{
	u64 off = guest_hz > c->tsc_hz ? guest_hz - c->tsc_hz : c->tsc_hz - guest_hz;

	if (guest_hz < VCLOCK_HZ_MIN || guest_hz > VCLOCK_HZ_MAX)
		return ERR_RANGE;
	if (scaling)
		return vclock_set_guest(c, guest_hz);
	if (off > c->tsc_hz / 1000000 * VCLOCK_SAME_PPM)
		return ERR_RANGE;
	c->guest_hz = guest_hz;
	c->ratio = 0;
	return OK;
}

bool vclock_state_valid(const struct vclock_state *s, const struct vclock *c, bool scaling, struct state_check *k)
{
	struct vclock there = *c;

	if (s->vm_time > TIME_MAX || vclock_tsc_ceil(c, s->vm_time) > BIT(63))
		return state_refuse(k, "vm_time", s->vm_time, "is more than a century");
	if (s->wall_base > WALL_MAX)
		return state_refuse(k, "wall_base", s->wall_base, "is beyond the year 2106");
	if (s->guest_hz < VCLOCK_HZ_MIN || s->guest_hz > VCLOCK_HZ_MAX)
		return state_refuse(k, "guest_hz", s->guest_hz, "is below 1 MHz or above 100 GHz");
	if (vclock_adopt(&there, s->guest_hz, scaling) != OK)
		return state_refuse(k, "guest_hz", s->guest_hz, "is a frequency that this host's TSC cannot have");
	return true;
}
