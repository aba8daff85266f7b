/* Conversion between TSC ticks and ns of VM time, exact to the tick in both directions. Pure. */
#pragma once

#include "lib/types.h"

struct vclock {
	u64 tsc_hz;
	u64 mult; /* ns per tick, 2^32 fixed point, rounded down */
};

/* tsc_hz must not be 0. */
void vclock_init(struct vclock *c, u64 tsc_hz);
/* ns of a tick count, rounded down; monotonic. */
static inline u64 vclock_ns(const struct vclock *c, u64 ticks)
{
	return (u64)((unsigned __int128)ticks * c->mult >> 32);
}
/* The first tick count whose vclock_ns() is at least ns. */
u64 vclock_tsc_ceil(const struct vclock *c, u64 ns);
