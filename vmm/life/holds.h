/*
 * Who holds which guest's named resources: serial ports and the control channel, as the configuration gives them to
 * each guest and standby guests take them over. Each is held by one guest at most. Pure.
 */
#pragma once

#include "lib/types.h"
#include "vmm/config/config.h"

#define HOLDS_NR      (CONFIG_NR_COM + 1) /* the bits of take_over: the ports, the control channel */
#define HOLDS_NOTHING (~0u)               /* it was taken away */

/* of[i]: the guest whose resource i this one has in the place of its own, itself, or HOLDS_NOTHING. */
struct holds {
	u32 of[HOLDS_NR];
};

/* At first each of the nr guests has its own. */
void holds_init(struct holds *h, u32 nr);
/* What `from` has of the resources in mask (bits as in take_over) goes to `to`, in the place of what that had. */
void holds_take(struct holds *h, u32 to, u32 from, u32 mask);
/* The guest gets its own back, wherever that is, and gives back what it has of others. */
void holds_restore(struct holds *h, u32 nr, u32 guest);
