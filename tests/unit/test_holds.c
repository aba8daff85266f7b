/* Who holds what: taken over, along a chain of standby guests, and given back. */
#include "quick_check.h"

#include "suite.h"
#include "vmm/life/holds.h"

#define NR   4
#define COM1 1u
#define COM2 2u

static struct holds h[NR];

static void com1_is(u32 a, u32 b, u32 c, u32 d)
{
	ck_assert_uint_eq(h[0].of[0], a);
	ck_assert_uint_eq(h[1].of[0], b);
	ck_assert_uint_eq(h[2].of[0], c);
	ck_assert_uint_eq(h[3].of[0], d);
}

START_TEST(taken_and_given_back)
{
	holds_init(h, NR);
	com1_is(0, 1, 2, 3);
	holds_take(h, 1, 0, COM1 | VM_TAKE_CONTROL);
	com1_is(HOLDS_NOTHING, 0, 2, 3);
	ck_assert_uint_eq(h[1].of[CONFIG_NR_COM], 0);
	ck_assert_uint_eq(h[0].of[CONFIG_NR_COM], HOLDS_NOTHING);
	ck_assert(h[1].of[1] == 1 && h[0].of[1] == 0);
	/* Started again, the primary has its own, and so has the other. */
	holds_restore(h, NR, 0);
	com1_is(0, 1, 2, 3);
	ck_assert(h[0].of[CONFIG_NR_COM] == 0 && h[1].of[CONFIG_NR_COM] == 1);
	/* And again, as often as need be. */
	holds_take(h, 1, 0, COM1);
	com1_is(HOLDS_NOTHING, 0, 2, 3);
	/* The stand-in is started for itself: the primary's are the primary's. */
	holds_restore(h, NR, 1);
	com1_is(0, 1, 2, 3);
}
END_TEST

START_TEST(along_a_chain)
{
	holds_init(h, NR);
	holds_take(h, 1, 0, COM1);
	holds_take(h, 2, 1, COM1 | COM2);
	com1_is(HOLDS_NOTHING, HOLDS_NOTHING, 0, 3);
	ck_assert(h[2].of[1] == 1 && h[1].of[1] == HOLDS_NOTHING);
	/* The one in the middle is back: what it only had for a while stays where it is. */
	holds_restore(h, NR, 1);
	com1_is(HOLDS_NOTHING, 1, 0, 3);
	ck_assert(h[2].of[1] == 2 && h[1].of[1] == 1);
	holds_take(h, 3, 1, COM1);
	com1_is(HOLDS_NOTHING, HOLDS_NOTHING, 0, 1);
	holds_restore(h, NR, 0);
	com1_is(0, HOLDS_NOTHING, 2, 1);
	/* Nothing to be had. */
	holds_take(h, 2, 1, COM1);
	com1_is(0, HOLDS_NOTHING, 2, 1);
	holds_take(h, 2, 2, COM1);
	com1_is(0, HOLDS_NOTHING, 2, 1);
}
END_TEST

/* Whatever happens: nothing is held twice, and only what is taken away is nobody's. */
START_TEST(any_order)
{
	u32 seed = 7;

	holds_init(h, NR);
	for (u32 n = 0; n < 20000; n++) {
		u32 seen[HOLDS_NR] = { 0 }, a, b;

		seed = seed * 1103515245 + 12345;
		a = seed >> 16 & 3;
		b = seed >> 18 & 3;
		if (seed >> 20 & 1)
			holds_take(h, a, b, seed >> 21 & 31);
		else
			holds_restore(h, NR, a);
		for (u32 g = 0; g < NR; g++)
			for (u32 i = 0; i < HOLDS_NR; i++) {
				ck_assert(h[g].of[i] == HOLDS_NOTHING || !(seen[i] >> h[g].of[i] & 1));
				if (h[g].of[i] != HOLDS_NOTHING)
					seen[i] |= 1u << h[g].of[i];
			}
		for (u32 i = 0; i < HOLDS_NR && !(seed >> 20 & 1); i++)
			ck_assert(h[a].of[i] == a);
	}
}
END_TEST

SUITE_MAIN("holds", taken_and_given_back, along_a_chain, any_order)
