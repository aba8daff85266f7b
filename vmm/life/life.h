/*
 * The life-cycle of guests: when they are started, what follows when they end, who stands in for whom. Decisions
 * only; the caller does the work and reports what happened. Pure.
 *
 * After every call that may change something call life_next() until it returns false, do each action, and report
 * starts with life_started() or life_start_failed(). At life_deadline() call life_next() again.
 *
 * Restarts in a row are counted until a guest has run for its window without ending: so never more than `limit`
 * restarts fall into a window. One more makes it quarantined: LIFE_CRASHED, until an operator starts it.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/config/config.h"

#define LIFE_NOBODY (~0u)
#define LIFE_NEVER  (~0ull)

enum life_state {
	LIFE_DEFINED,  /* not started so far, or a standby guest that waits for its turn */
	LIFE_STARTING, /* being started */
	LIFE_RUNNING,
	LIFE_PAUSED,
	LIFE_STOPPED, /* ended by itself or by an operator */
	LIFE_CRASHED, /* ended by force, or quarantined */
};

/* How a guest ended. */
enum life_end { LIFE_END_POWEROFF, LIFE_END_RESET, LIFE_END_CRASH, LIFE_END_WATCHDOG, LIFE_END_DEBUG_EXIT };

/* Why it is in its state. */
enum life_why {
	LIFE_WHY_BOOT,     /* as the configuration says */
	LIFE_WHY_OPERATOR, /* a command */
	LIFE_WHY_POWEROFF,
	LIFE_WHY_RESET,
	LIFE_WHY_CRASH,
	LIFE_WHY_WATCHDOG,
	LIFE_WHY_DEBUG_EXIT,
	LIFE_WHY_LOAD,    /* it could not be started */
	LIFE_WHY_LIMIT,   /* too many restarts: quarantined */
	LIFE_WHY_STANDBY, /* it stands in, or waits to */
};

/* What the configuration says; life_policy_set. */
struct life_policy {
	enum vm_action on_poweroff, on_reset, on_crash;
	u32 limit;                        /* restarts in a row with VM_ACTION_RESTART_BACKOFF */
	u64 window, backoff, backoff_max; /* ns */
	bool autostart;
	bool after_ready; /* wait until they are ready, not only started */
	bool warm;        /* with standby_for: booted and paused, not cold */
	u32 standby_for;  /* index, or LIFE_NOBODY */
	const u32 *after; /* indices of the guests to wait for; the caller's memory */
	u32 nr_after;
};

enum life_do {
	LIFE_DO_NOTHING,
	LIFE_DO_START,     /* load afresh and run; report it */
	LIFE_DO_RESTART,   /* the same for a guest that is on, or being started:
	                    * end it first, and report that no more */
	LIFE_DO_STOP,      /* end it by force; a start under way is not reported any more */
	LIFE_DO_PAUSE,     /* its vCPUs stop where they are */
	LIFE_DO_RESUME,    /* they go on */
	LIFE_DO_TAKE_OVER, /* nothing but what `from` says: it runs already */
	LIFE_DO_HALT,      /* halt the machine; guest: on whose account */
};

struct life_action {
	enum life_do what;
	u32 guest;
	u32 from; /* START, RESUME, TAKE_OVER: first move the named resources of this guest to it; or LIFE_NOBODY */
	bool own; /* START, RESTART: it stands in for nobody: before that, its named resources go back to it */
};

/* One guest; all but policy is life_init's and private, except for reading. */
struct life_guest {
	struct life_policy policy;
	enum life_state state;
	enum life_why why;
	bool waiting;     /* to be started when those it is `after` have been */
	bool was_started; /* once, at least */
	bool was_ready;
	bool parked;    /* a warm standby guest, paused until its turn */
	bool serving;   /* a standby guest that has taken over, or was told to run */
	bool relieved;  /* it runs on, but the guest it stood in for was started again: it can take over once more */
	bool leaves;    /* within life_op_start */
	u32 role;       /* the guest it stands in for, or LIFE_NOBODY */
	u32 in_row;     /* restarts since it last ran for a window */
	u64 restarts;   /* all of them */
	u64 since;      /* ns: running since; pauses are taken out */
	u64 paused_at;  /* ns, with LIFE_PAUSED */
	u64 restart_at; /* ns, or LIFE_NEVER */
	enum life_do todo;
	u32 todo_from;
};

struct life {
	struct life_guest *g;
	u32 nr;
	bool halt;     /* to be handed out */
	u32 halted_by; /* guest */
};

/* What follows the end of a guest; for messages. */
enum life_verdict { LIFE_STAYS, LIFE_RESTARTS /* at restart_at */, LIFE_QUARANTINED, LIFE_HALTS };

/* From a guest's configuration, all but the references: standby_for and after stay as they are. */
void life_policy_set(struct life_policy *p, const struct vm_config *vm);
/* g: nr guests with their policies filled in; lives as long as l. */
void life_init(struct life *l, struct life_guest *g, u32 nr);
/* Everything that the configuration starts by itself. */
void life_boot(struct life *l);

/* The next thing to do at time now (ns). false: nothing. */
bool life_next(struct life *l, u64 now, struct life_action *a);
/* When life_next() has to be asked again if nothing happens, ns, or LIFE_NEVER. */
u64 life_deadline(const struct life *l);

/* Reports. Those that do not fit the guest's state are ignored. */
void life_started(struct life *l, u32 i, u64 now);
void life_start_failed(struct life *l, u32 i, u64 now);
/* true: that is news, somebody may have waited for it. */
bool life_ready(struct life *l, u32 i, u64 now);
enum life_verdict life_ended(struct life *l, u32 i, enum life_end how, u64 now);

/* An operator's commands. OK; ERR_INVAL (not in this state); ERR_BUSY (an action is not handed out yet). */
__must_check int life_op_start(struct life *l, u32 i);
__must_check int life_op_stop(struct life *l, u32 i);
__must_check int life_op_pause(struct life *l, u32 i, u64 now);
__must_check int life_op_resume(struct life *l, u32 i, u64 now);
__must_check int life_op_reset(struct life *l, u32 i);

const char *life_state_str(enum life_state s);
const char *life_why_str(enum life_why w);
/* The name of guest i. */
typedef const char *life_name_fn(u32 i);
/* What is to be said about guest i's state, perhaps nothing. detail: how it ended last. */
void life_reason(const struct life *l, u32 i, u64 now, const char *detail, life_name_fn *name, char *buf,
                 size_t size);

/* Finds a guest's ready-text in its output, however that comes in pieces. */
struct life_match {
	const char *text; /* NULL or at most CONFIG_READY_MAX characters */
	u8 at;            /* characters seen so far */
	u8 back[CONFIG_READY_MAX];
};
void life_match_init(struct life_match *m, const char *text);
/* true when the text's last character is among these bytes. */
bool life_match_feed(struct life_match *m, const u8 *buf, size_t len);
