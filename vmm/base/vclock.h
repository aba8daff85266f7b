/*
 * Conversion between ticks of the host's TSC and ns of VM time, exact to the tick in both directions; and between
 * the host's TSC and a guest's of another frequency. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/state/fields.h"

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

/*
 * A VM's time as a state: the moment it stands still at. Nothing in it is the host's. VM time goes on from vm_time;
 * what each vCPU's TSC was at that moment is the vCPU's (struct gstate), so that no TSC jumps and none differs from
 * another by more or less than before. From these follow, on whatever host, with whatever TSC: the TSC's ratio
 * (vclock_adopt()), VM time 0 (vclock_start()), TSC offsets and pvclock's pair and scale. The wall clock stood still
 * with the guest: what has passed meanwhile is nothing that it has lived through.
 */
#define VCLOCK_STATE(T, F, A, S)                                       \
	F(T, u64, vm_time)   /* ns since VM time 0 */                  \
	F(T, u64, wall_base) /* ns from 1970-01-01 UTC to VM time 0 */ \
	F(T, u64, guest_hz)  /* of the TSC, as the guest was told */
STATE_STRUCT(vclock_state, VCLOCK_STATE);

#define VCLOCK_HZ_MIN 1000000ull
#define VCLOCK_HZ_MAX 100000000000ull
/* Two measurements of one TSC may differ by this much: it counts as the same frequency. */
#define VCLOCK_SAME_PPM 250

/*
 * Whether a VM can go on from there on a host with this clock; else *k says why not. scaling: the processor scales
 * the TSC.
 */
__must_check bool vclock_state_valid(const struct vclock_state *s, const struct vclock *c, bool scaling,
                                     struct state_check *k);
/*
 * Gives the guest a TSC of the frequency that it was told on another host, or before that host's frequency was
 * measured anew: scaled, or without scaling the host's own if it is nearly that. OK, or ERR_RANGE.
 */
__must_check int vclock_adopt(struct vclock *c, u64 guest_hz, bool scaling);
/*
 * The host's TSC at VM time 0, modulo 2^64, of a VM whose time is vm_time when the TSC is tsc. VM time does not go
 * back: at tsc it is vm_time or, rounded up to a tick, a little more. The VM may be older than the host.
 */
static inline u64 vclock_start(const struct vclock *c, u64 tsc, u64 vm_time)
{
	return tsc - vclock_tsc_ceil(c, vm_time);
}
