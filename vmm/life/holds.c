#include "vmm/life/holds.h"

void holds_init(struct holds *h, u32 nr)
{
	for (u32 g = 0; g < nr; g++)
		for (u32 i = 0; i < HOLDS_NR; i++)
			h[g].of[i] = g;
}

void holds_take(struct holds *h, u32 to, u32 from, u32 mask)
{
	for (u32 i = 0; i < HOLDS_NR; i++) {
		if (!(mask >> i & 1) || to == from || h[from].of[i] == HOLDS_NOTHING)
			continue;
		h[to].of[i] = h[from].of[i];
		h[from].of[i] = HOLDS_NOTHING;
	}
}

static bool held(const struct holds *h, u32 nr, u32 owner, u32 i)
{
	for (u32 g = 0; g < nr; g++)
		if (h[g].of[i] == owner)
			return true;
	return false;
}

/* Whoever has nothing, and whose own nobody has, gets that. */
static void settle(struct holds *h, u32 nr, u32 i)
{
	for (u32 g = 0; g < nr; g++)
		if (h[g].of[i] == HOLDS_NOTHING && !held(h, nr, g, i))
			h[g].of[i] = g;
}

void holds_restore(struct holds *h, u32 nr, u32 guest)
{
	for (u32 i = 0; i < HOLDS_NR; i++) {
		if (h[guest].of[i] == guest)
			continue;
		for (u32 g = 0; g < nr; g++)
			if (h[g].of[i] == guest)
				h[g].of[i] = HOLDS_NOTHING;
		h[guest].of[i] = guest;
		settle(h, nr, i);
	}
}
