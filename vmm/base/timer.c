/* Timer queue: a sorted list, for there are only a handful of timers per vCPU. */
#include "vmm/base/timer.h"

#include "lib/atomic.h"

void timerq_init(struct timerq *q, void (*changed)(struct timerq *q))
{
	q->head = NULL;
	q->earliest = TIMER_OFF;
	q->changed = changed;
}

void timer_init(struct timer *t, struct timerq *q, void (*fn)(void *arg, u64 now), void *arg)
{
	*t = (struct timer){ .deadline = TIMER_OFF, .fn = fn, .arg = arg, .q = q };
}

static void set_head(struct timerq *q, struct timer *t)
{
	q->head = t;
	atomic_store_relaxed(&q->earliest, t ? t->deadline : TIMER_OFF);
}

static void unlink_timer(struct timer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		set_head(t->q, t->next);
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	t->deadline = TIMER_OFF;
}

static void link_timer(struct timer *t, u64 deadline)
{
	struct timer *prev = NULL, *at = t->q->head;

	/* Behind those of the same deadline: first armed, first run. */
	for (; at && at->deadline <= deadline; at = at->next)
		prev = at;
	t->deadline = deadline;
	t->next = at;
	t->prev = prev;
	if (at)
		at->prev = t;
	if (prev)
		prev->next = t;
	else
		set_head(t->q, t);
}

void timer_set(struct timer *t, u64 deadline)
{
	u64 before = timerq_next(t->q);

	t->due = false;
	if (t->deadline != TIMER_OFF)
		unlink_timer(t);
	if (deadline != TIMER_OFF)
		link_timer(t, deadline);
	if (t->q->changed && timerq_next(t->q) != before)
		t->q->changed(t->q);
}

void timer_cancel(struct timer *t)
{
	timer_set(t, TIMER_OFF);
}

u32 timerq_run(struct timerq *q, u64 now)
{
	struct timer *due = NULL, **tail = &due, *t;
	u32 ran = 0;

	/* Take the due ones off first, so that one that re-arms itself in the past waits for the next call. */
	while (q->head && q->head->deadline <= now) {
		t = q->head;
		unlink_timer(t);
		/* Queued on the private list; a callback that cancels or sets it takes it off again by deadline. */
		t->due_next = NULL;
		t->due = true;
		*tail = t;
		tail = &t->due_next;
	}
	while (due) {
		t = due;
		due = t->due_next;
		if (!t->due || t->deadline != TIMER_OFF)
			continue; /* an earlier callback set it anew */
		t->due = false;
		ran++;
		t->fn(t->arg, now);
	}
	if (ran && q->changed)
		q->changed(q);
	return ran;
}
