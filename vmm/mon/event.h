/* What happens to guests, as control channels tell it. */
#pragma once

#include "lib/types.h"

#define MON_NAME_MAX   64  /* bytes of a guest's name, with the NUL */
#define MON_REASON_MAX 160 /* and of the reason of its state */

/* What happened to a guest, for channels to tell (ctl_event); an operator reads the log. */
enum mon_event_kind {
	MON_EV_STARTED,
	MON_EV_STOPPED,
	MON_EV_CRASHED,
	MON_EV_RESTARTED,
	MON_EV_PAUSED,
	MON_EV_RESUMED,
	MON_EV_CHANGED,  /* its share, by `set` */
	MON_EV_TAKEOVER, /* a standby takes its place */
	MON_NR_EVENTS,
};
struct mon_event {
	enum mon_event_kind kind;
	u32 guest;
	char name[MON_NAME_MAX];
	char reason[MON_REASON_MAX];
	u64 time_ns;
};
