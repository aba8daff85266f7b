/* What the files that check a processor's state share. */
#pragma once

#include "vmm/policy/gstate.h"

#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_VM BIT(17)

#define DEBUGCTL_BTF BIT(1)

static inline bool gstate_ia32e(const struct gstate *s)
{
	return s->efer & EFER_LMA;
}
static inline bool gstate_v86(const struct gstate *s)
{
	return s->rflags & RFLAGS_VM;
}
static inline bool gstate_pae(const struct gstate *s)
{
	return s->cr0 & CR0_PG && s->cr4 & CR4_PAE && !gstate_ia32e(s);
}

/* gstate_seg.c: "Checks on Guest Segment Registers", "Checks on Guest Descriptor-Table Registers". */
__must_check bool gstate_segments_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c);
/* gstate_entry.c: all of "Checks on the Guest State Area" that does not look at the event to inject. */
__must_check bool gstate_area_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c);
