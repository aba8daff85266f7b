/*
 * Work that pauses: a function on a stack of its own, run in pieces by whoever has the time. Between two pieces it
 * holds no lock, and may go on on another processor: what it knows of the one it runs on (this_cpu(), a vCPU loaded
 * there) ends with task_pause(). A task that is not wanted any more is dropped where it stands. No scheduling: who runs
 * it waits for the piece.
 */
#pragma once

#include "lib/types.h"

struct task {
	u64 top;   /* of its stack, a multiple of 16 */
	u64 sp;    /* where it goes on; 0: it begins */
	u64 back;  /* where whoever runs it goes on */
	bool busy; /* begun or to begin, and not at its end */
	void (*fn)(void *arg);
	void *arg;
};

/* top: the end of its stack. */
void task_init(struct task *t, u64 top);
/* fn(arg) runs with the next task_run(). Not while it is busy. */
void task_start(struct task *t, void (*fn)(void *arg), void *arg);
/* Runs a piece, to the next task_pause() or the end. Returns whether it has ended. */
bool task_run(struct task *t);
/* Within the task: the end of a piece. */
void task_pause(struct task *t);
/* It does not go on. */
void task_drop(struct task *t);

/*
 * arch/x86/task.asm: goes from one stack to another. Each keeps its stack protector's canary, which is the processor's
 * otherwise: a function that pauses may return on another one.
 */
void task_enter(u64 *save, u64 top, void (*fn)(void *arg), void *arg);
void task_switch(u64 *save, u64 sp);
