/* The transitions of a VM's life. */
#include "vmm/vm/status.h"

/* The number of the run, what stays of the word, and STARTING. */
static enum vm_tr begin(u64 *w)
{
	*w = (*w & (VM_ST_RUN | VM_ST_PAUSED | VM_ST_RESUME | VM_ST_LAST)) + BIT(32);
	*w |= VM_STARTING;
	return VM_TR_BEGUN;
}

static enum vm_tr want(u64 *w, u64 arg)
{
	if (*w & VM_ST_LAST)
		return VM_TR_NO;
	if (!vm_st_on(*w))
		return begin(w);
	*w |= VM_ST_AGAIN;
	return VM_TR_LATER;
}

static enum vm_tr claim(u64 *w, u64 arg)
{
	if (!vm_st_on(*w) || (*w & VM_ST_CLAIMED))
		return VM_TR_NO;
	*w |= VM_ST_CLAIMED;
	return VM_TR_DONE;
}

static enum vm_tr want_afresh(u64 *w, u64 arg)
{
	enum vm_tr r = want(w, arg);

	/* In one: it is this run that is stopped, not one that begins meanwhile. */
	return r == VM_TR_LATER && claim(w, arg) == VM_TR_DONE ? VM_TR_CLAIM : r;
}

static enum vm_tr want_not(u64 *w, u64 arg)
{
	*w &= ~VM_ST_AGAIN;
	return VM_TR_DONE;
}

static enum vm_tr started(u64 *w, u64 arg)
{
	if (vm_st_state(*w) != VM_STARTING)
		return VM_TR_NO;
	*w = (*w & ~VM_ST_STATE) | VM_RUNNING;
	return VM_TR_DONE;
}

static enum vm_tr stop(u64 *w, u64 why)
{
	if (!vm_st_on(*w) || !(*w & VM_ST_CLAIMED) || vm_st_stop(*w))
		return VM_TR_NO;
	*w |= why << 3;
	if (!(*w & VM_ST_PAUSED))
		return VM_TR_DONE;
	*w |= VM_ST_RESUME;
	return VM_TR_LATER;
}

/* arg: the run, and how many vCPUs there are. */
static enum vm_tr leave(u64 *w, u64 arg)
{
	if (!vm_st_on(*w) || !vm_st_stop(*w) || (*w ^ arg) & VM_ST_RUN)
		return VM_TR_NO;
	*w += BIT(16);
	return (*w & VM_ST_OUT) >> 16 == (u32)arg ? VM_TR_DONE : VM_TR_LATER;
}

static enum vm_tr again(u64 *w, u64 arg)
{
	return (*w & VM_ST_AGAIN) && !(*w & VM_ST_LAST) ? begin(w) : VM_TR_NO;
}

/* It is off: nothing of the run stays. */
static enum vm_tr end(u64 *w, enum vm_state how)
{
	if (again(w, 0) == VM_TR_BEGUN)
		return VM_TR_BEGUN;
	*w = (*w & (VM_ST_RUN | VM_ST_PAUSED | VM_ST_RESUME | VM_ST_LAST)) | how;
	return VM_TR_DONE;
}

static enum vm_tr off(u64 *w, u64 arg)
{
	if (!vm_st_on(*w) || !vm_st_stop(*w))
		return VM_TR_NO;
	return end(w, vm_st_stop(*w) == VM_STOP_CRASH ? VM_CRASHED : VM_STOPPED);
}

static enum vm_tr failed(u64 *w, u64 arg)
{
	if (vm_st_state(*w) != VM_STARTING || !(*w & VM_ST_CLAIMED) || vm_st_stop(*w))
		return VM_TR_NO;
	return end(w, VM_CRASHED);
}

static enum vm_tr pause(u64 *w, u64 arg)
{
	if (!vm_st_on(*w) || vm_st_stop(*w))
		return VM_TR_NO;
	if (!(*w & VM_ST_PAUSED)) {
		*w |= VM_ST_PAUSED;
		return VM_TR_DONE;
	}
	if (!(*w & VM_ST_RESUME))
		return VM_TR_LATER;
	*w &= ~VM_ST_RESUME;
	return VM_TR_KEPT;
}

static enum vm_tr resume(u64 *w, u64 arg)
{
	bool paused = *w & VM_ST_PAUSED;

	*w &= ~(VM_ST_PAUSED | VM_ST_RESUME);
	return paused ? VM_TR_DONE : VM_TR_NO;
}

static enum vm_tr resume_later(u64 *w, u64 arg)
{
	if (!(*w & VM_ST_PAUSED))
		return VM_TR_NO;
	*w |= VM_ST_RESUME;
	return VM_TR_DONE;
}

static enum vm_tr press(u64 *w, u64 arg)
{
	if (vm_st_state(*w) != VM_RUNNING || vm_st_stop(*w) || (*w & VM_ST_PAUSED))
		return VM_TR_NO;
	*w |= VM_ST_BUTTON;
	return VM_TR_DONE;
}

static enum vm_tr take_button(u64 *w, u64 arg)
{
	bool pressed = *w & VM_ST_BUTTON;

	*w &= ~VM_ST_BUTTON;
	return pressed ? VM_TR_DONE : VM_TR_NO;
}

static enum vm_tr last(u64 *w, u64 arg)
{
	*w |= VM_ST_LAST;
	return VM_TR_DONE;
}

const struct vm_step_row vm_steps[] = {
	{ "want", want },
	{ "want_afresh", want_afresh },
	{ "want_not", want_not },
	{ "started", started },
	{ "claim", claim },
	{ "stop", stop },
	{ "leave", leave },
	{ "again", again },
	{ "off", off },
	{ "failed", failed },
	{ "pause", pause },
	{ "resume", resume },
	{ "resume_later", resume_later },
	{ "press", press },
	{ "take_button", take_button },
	{ "last", last },
};
const u32 vm_nr_steps = ARRAY_SIZE(vm_steps);

static enum vm_tr apply(struct vm_status *s, vm_step *step, u64 arg)
{
	u64 old = atomic_load(&s->word), w;
	enum vm_tr r;

	do {
		w = old;
		r = step(&w, arg);
	} while (w != old && !atomic_cas(&s->word, &old, w));
	return r;
}

enum vm_tr vm_tr_want(struct vm_status *s)
{
	return apply(s, want, 0);
}

enum vm_tr vm_tr_want_afresh(struct vm_status *s)
{
	return apply(s, want_afresh, 0);
}

void vm_tr_want_not(struct vm_status *s)
{
	(void)apply(s, want_not, 0);
}

enum vm_tr vm_tr_started(struct vm_status *s)
{
	return apply(s, started, 0);
}

enum vm_tr vm_tr_claim(struct vm_status *s)
{
	return apply(s, claim, 0);
}

enum vm_tr vm_tr_stop(struct vm_status *s, enum vm_stop why)
{
	return apply(s, stop, why);
}

enum vm_tr vm_tr_leave(struct vm_status *s, u32 run, u32 nr)
{
	return apply(s, leave, (u64)run << 32 | nr);
}

enum vm_tr vm_tr_again(struct vm_status *s)
{
	return apply(s, again, 0);
}

enum vm_tr vm_tr_off(struct vm_status *s)
{
	return apply(s, off, 0);
}

enum vm_tr vm_tr_failed(struct vm_status *s)
{
	return apply(s, failed, 0);
}

enum vm_tr vm_tr_pause(struct vm_status *s)
{
	return apply(s, pause, 0);
}

enum vm_tr vm_tr_resume(struct vm_status *s)
{
	return apply(s, resume, 0);
}

void vm_tr_resume_later(struct vm_status *s)
{
	(void)apply(s, resume_later, 0);
}

enum vm_tr vm_tr_press(struct vm_status *s)
{
	return apply(s, press, 0);
}

enum vm_tr vm_tr_take_button(struct vm_status *s)
{
	return apply(s, take_button, 0);
}

void vm_tr_last(struct vm_status *s)
{
	(void)apply(s, last, 0);
}
