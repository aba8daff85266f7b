/* TSC <-> ns. */
#include "vmm/base/vclock.h"

void vclock_init(struct vclock *c, u64 tsc_hz)
{
	c->tsc_hz = c->guest_hz = tsc_hz;
	c->ratio = 0;
	/* 2^32 fixed point: an error below 2^-32 ns per tick, under 8 s in a century at 10 GHz. */
	c->mult = (u64)(((unsigned __int128)1000000000 << 32) / tsc_hz);
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
