/* What happened to guests, kept until the operator's side tells it. With any lock held. */
#pragma once

#include "vmm/mon/event.h"

struct vm;

/* Something happened to a VM. The housekeeping is called for it. */
void life_event(const struct vm *vm, enum mon_event_kind kind, const char *reason);
/* The oldest one not told yet; false: there is none. */
bool life_next_event(struct mon_event *ev);
/* Whether there is one. Without a lock. */
bool life_any_event(void);
/* How many found no room since the last call. */
u64 life_events_lost(void);
