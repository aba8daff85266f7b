/* Between the files of the life-cycle's decisions. */
#pragma once

#include "vmm/life/life.h"

static inline bool life_is_standby(const struct life_guest *g)
{
	return g->policy.standby_for != LIFE_NOBODY;
}

/* Whether guest i, or one that stands in for it, has got as far as others wait for. */
bool life_reached(const struct life *l, u32 i, bool ready);
/* It is to be started: what (START or RESTART), after having taken over from `from`. */
void life_begin_start(struct life_guest *g, enum life_do what, u32 from);
