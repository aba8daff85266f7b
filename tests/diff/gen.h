/* Random encodings of the forms: what the differential test runs. */
#pragma once

#include "tests/diff/forms.h"

#define SCRATCH     0x10000000ull
#define SCRATCH_LEN 4096u
#define TARGET_OFF  64u /* where the jumps of a slot go */
#define GS_BASE     0x345678ull

extern u64 rng_state; /* not 0; set by main() */

static inline u64 rnd(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dull;
}

static inline u32 rn(u32 n)
{
	return (u32)((rnd() >> 33) % n);
}

u64 rnd_value(void); /* values near the edges of every width come often */

/* One instruction. */
struct test {
	const struct form *f;
	bool m32;
	u8 bytes[16];
	u8 len;
	u8 opsz; /* operand size in bytes */
	u8 adsz; /* 4 or 8 */
	bool is_mem, gs;
	u8 base, index, scale, reg, rm;
	s64 disp;
	u64 target; /* linear address the memory operand is to have */
	u64 imm;
	u64 slot;
	u8 rep, rex; /* rex: R, X and B of a VEX prefix as well */
	bool vex_l;  /* VEX.256 */
};

extern struct test t;

/* Fills t with a random encoding of form f for address slot; false when the choice has to be thrown away. */
bool gen_encoding(const struct form *f, bool m32, u64 slot);
