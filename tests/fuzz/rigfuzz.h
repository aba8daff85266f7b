/* For fuzzers with the rig of the unit tests: input taken byte by byte, accesses and passing time made of it. */
#pragma once

#include "../unit/dev_rig.h"
#include "lib/assert.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define RIGFUZZ_END_OF_TIME (1ull << 62) /* 146 years */

struct rigfuzz {
	const u8 *data;
	size_t left;
};

static inline bool rigfuzz_more(const struct rigfuzz *f)
{
	return f->left != 0;
}

/* The next byte; 0 behind the end. */
static inline u8 rigfuzz_u8(struct rigfuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->data++;
}

static inline u32 rigfuzz_u32(struct rigfuzz *f)
{
	u32 v = 0;

	for (u32 i = 0; i < 4; i++)
		v = v << 8 | rigfuzz_u8(f);
	return v;
}

/* A span of time from 0 ns to centuries: few bits anywhere. */
static inline u64 rigfuzz_span(struct rigfuzz *f)
{
	u8 shift = rigfuzz_u8(f) % 56;

	return (u64)rigfuzz_u8(f) << shift;
}

/* An access of any size among the len ports from base. Returns what was read. */
static inline u64 rigfuzz_access(struct rigfuzz *f, struct rig *r, u32 base, u32 len)
{
	u8 how = rigfuzz_u8(f), size = (u8)(1u << (how & 3));
	u64 v = 0;

	if (how & 4)
		v = rigfuzz_u32(f) * 0x100000001ull;
	io_bus_access(&r->pio, base + (how >> 3) % len, size, how & 4, &v, r->now);
	assert(size == 8 || v >> size * 8 == 0 || (how & 4));
	return v;
}

/*
 * Time goes on by span: timer by timer as far as a few steps go, then in one jump. However late they run, timers must
 * not leave a deadline in the past.
 */
static inline void rigfuzz_pass(struct rig *r, u64 span, u32 steps)
{
	u64 end = MIN(r->now + span, RIGFUZZ_END_OF_TIME);

	for (; steps && timerq_next(&r->tq) <= end; steps--) {
		u32 ran;

		r->now = MAX(r->now, timerq_next(&r->tq));
		ran = timerq_run(&r->tq, r->now);
		assert(ran);
		assert(timerq_next(&r->tq) > r->now);
	}
	rig_jump_to(r, end);
	assert(timerq_next(&r->tq) > r->now);
}
