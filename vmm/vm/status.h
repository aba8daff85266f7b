/*
 * The life of a VM in one word: what it is, why it ends, what is asked of it meanwhile. Pure. Whatever changes
 * together is changed by one compare-and-swap, so that nobody sees half of it and no order of stores has to be kept.
 * The transitions are the only way to change it, and each says what it did.
 *
 *	DEFINED --begin--> STARTING --started--> RUNNING        begin counts the run and clears what the last one left
 *	                      |                     |
 *	                      +---- claim, stop ----+           the first who claims tells why
 *	                                 |
 *	                 leave, of every vCPU; the last one: again, or off (STOPPED, CRASHED)
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"

enum vm_state { VM_DEFINED, VM_STARTING, VM_RUNNING, VM_STOPPED, VM_CRASHED };

/* Why a VM that is on has to stop. */
enum vm_stop { VM_STOP_NONE, VM_STOP_POWEROFF, VM_STOP_RESET, VM_STOP_CRASH, VM_STOP_DEBUG_EXIT, VM_STOP_DESTROY };

/* The word's parts. */
#define VM_ST_STATE   0x7ull /* enum vm_state */
#define VM_ST_STOP    0x38ull
#define VM_ST_CLAIMED BIT(6)                /* somebody is about to say why it stops, or has said it */
#define VM_ST_AGAIN   BIT(7)                /* to be started as soon as it is off */
#define VM_ST_PAUSED  BIT(8)                /* no vCPU enters the guest; its time stands still */
#define VM_ST_RESUME  BIT(9)                /* paused, and to be resumed as soon as its vCPUs are out */
#define VM_ST_BUTTON  BIT(10)               /* the power button was pressed */
#define VM_ST_LAST    BIT(11)               /* the machine ends: it starts no more */
#define VM_ST_OUT     0xffff0000ull         /* vCPUs that have left the guest since stop was set */
#define VM_ST_RUN     0xffffffff00000000ull /* counts its starts */

struct vm_status {
	u64 word; /* atomic */
};

static inline u64 vm_status(const struct vm_status *s)
{
	return atomic_load(&s->word);
}
static inline enum vm_state vm_st_state(u64 w)
{
	return (enum vm_state)(w & VM_ST_STATE);
}
static inline enum vm_stop vm_st_stop(u64 w)
{
	return (enum vm_stop)((w & VM_ST_STOP) >> 3);
}
static inline u32 vm_st_run(u64 w)
{
	return (u32)(w >> 32);
}
/* Starting or running, or on its way out. */
static inline bool vm_st_on(u64 w)
{
	return vm_st_state(w) == VM_STARTING || vm_st_state(w) == VM_RUNNING;
}

/* What a transition did. VM_TR_NO: nothing, it does not apply. */
enum vm_tr {
	VM_TR_NO,
	VM_TR_DONE,
	VM_TR_BEGUN, /* it is STARTING, a new run: what a start needs is to be done */
	VM_TR_LATER, /* it is on: it starts when it is off */
	VM_TR_CLAIM, /* the same, and the caller has claimed the stop: it is to tell why, then vm_tr_stop() */
	VM_TR_KEPT,  /* it was paused already, and would have been resumed: it stays paused */
};

/* Each is atomic, from any CPU, with any lock held. */

/* Asked to start: BEGUN, LATER or NO (the machine ends). Taken back by vm_tr_want_not(). */
enum vm_tr vm_tr_want(struct vm_status *s);
/* Asked to start afresh: BEGUN, CLAIM, LATER (it stops already) or NO. */
enum vm_tr vm_tr_want_afresh(struct vm_status *s);
void vm_tr_want_not(struct vm_status *s);
/* STARTING to RUNNING: DONE. */
enum vm_tr vm_tr_started(struct vm_status *s);
/* The right to say why it stops: DONE for one caller in each run; it tells, then calls vm_tr_stop(). */
enum vm_tr vm_tr_claim(struct vm_status *s);
/* The claimed stop takes effect. LATER: it is paused, and will be resumed, for its vCPUs have to run to leave. */
enum vm_tr vm_tr_stop(struct vm_status *s, enum vm_stop why);
/* A vCPU has left the guest of that run. DONE: it was the last of nr. */
enum vm_tr vm_tr_leave(struct vm_status *s, u32 run, u32 nr);
/* All vCPUs are out. BEGUN if it was asked to start when off, else NO. */
enum vm_tr vm_tr_again(struct vm_status *s);
/* The same, but else it is off: DONE. */
enum vm_tr vm_tr_off(struct vm_status *s);
/* Its start failed, and the stop is claimed: BEGUN if it was asked to start when off, else it is CRASHED: DONE. */
enum vm_tr vm_tr_failed(struct vm_status *s);
/* DONE: it is paused now; KEPT; LATER: it was paused already; NO: it is not on, or stops. */
enum vm_tr vm_tr_pause(struct vm_status *s);
/* Paused no more: DONE, or NO: it was not. */
enum vm_tr vm_tr_resume(struct vm_status *s);
/* It could not be resumed yet. */
void vm_tr_resume_later(struct vm_status *s);
/* The power button: DONE when the guest runs. */
enum vm_tr vm_tr_press(struct vm_status *s);
/* DONE: it was pressed. */
enum vm_tr vm_tr_take_button(struct vm_status *s);
/* From now on it starts no more. */
void vm_tr_last(struct vm_status *s);

/* ---- for the test ---- */

/* A transition as a function of the word: what becomes of it, and what that is called. */
typedef enum vm_tr vm_step(u64 *w, u64 arg);
struct vm_step_row {
	const char *name;
	vm_step *step;
};
extern const struct vm_step_row vm_steps[];
extern const u32 vm_nr_steps;
