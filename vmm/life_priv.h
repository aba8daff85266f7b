/* Between the files of the life-cycle's decisions. */
#pragma once

#include "vmm/life.h"

static inline bool life_is_standby(const struct life_guest *g)
{
	return g->policy.standby_for != LIFE_NOBODY;
}

/* It is to be started: what (START or RESTART), after having taken over from `from`. */
void life_begin_start(struct life_guest *g, enum life_do what, u32 from);
