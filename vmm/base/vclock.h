/*
 * Conversion between ticks of the host's TSC and ns of VM time, exact to the tick in both directions; and between
 * the host's TSC and a guest's of another frequency. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vclock {
	u64 tsc_hz;
	u64 mult; /* ns per tick, 2^32 fixed point, rounded down */
	u64 guest_hz;
	u64 ratio; /* guest ticks per host tick as the TSC multiplier field has it, 48 fraction bits; 0: the same */
};

#define VCLOCK_RATIO_SHIFT 48 /* SDM vol. 3 "Secondary Processor-Based VM-Execution Controls", "Use TSC scaling" */

/* tsc_hz must not be 0. The guest's frequency is the host's. */
void vclock_init(struct vclock *c, u64 tsc_hz);
/* ns of a tick count, rounded down; monotonic. */
static inline u64 vclock_ns(const struct vclock *c, u64 ticks)
{
	return (u64)((unsigned __int128)ticks * c->mult >> 32);
}
/* The same, all ones when it does not fit. */
static inline u64 vclock_ns_sat(const struct vclock *c, u64 ticks)
{
	unsigned __int128 ns = (unsigned __int128)ticks * c->mult >> 32;

	return ns >> 64 ? ~0ull : (u64)ns;
}
/* The first tick count whose vclock_ns() is at least ns. */
u64 vclock_tsc_ceil(const struct vclock *c, u64 ns);

/* Gives the guest a TSC of its own frequency. OK; ERR_RANGE when the multiplier cannot express the ratio. */
__must_check int vclock_set_guest(struct vclock *c, u64 guest_hz);
/* A host TSC value scaled as the processor does it, modulo 2^64; the TSC offset is added to this. */
static inline u64 vclock_scale(const struct vclock *c, u64 tsc)
{
	return c->ratio ? (u64)((unsigned __int128)tsc * c->ratio >> VCLOCK_RATIO_SHIFT) : tsc;
}
/* The first host TSC value that scales to at least scaled; all ones when there is none. */
u64 vclock_unscale_ceil(const struct vclock *c, u64 scaled);
