#include "lib/task.h"

#include "lib/assert.h"

void task_init(struct task *t, u64 top)
{
	assert(top && !(top & 15));
	*t = (struct task){ .top = top };
}

void task_start(struct task *t, void (*fn)(void *arg), void *arg)
{
	assert(!t->busy);
	t->fn = fn;
	t->arg = arg;
	t->sp = 0;
	t->busy = true;
}

/* On the task's stack. */
static void begin(void *arg)
{
	struct task *t = arg;

	t->fn(t->arg);
	t->busy = false;
	task_switch(&t->sp, t->back);
	panic("a task that has ended goes on");
}

bool task_run(struct task *t)
{
	assert(t->busy);
	if (t->sp)
		task_switch(&t->back, t->sp);
	else
		task_enter(&t->back, t->top, begin, t);
	return !t->busy;
}

void task_pause(struct task *t)
{
	task_switch(&t->sp, t->back);
}

void task_drop(struct task *t)
{
	t->busy = false;
}
