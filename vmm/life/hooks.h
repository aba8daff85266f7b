/*
 * Who is told of what happens to VMs. Set once at boot, before the first VM starts; no member may be NULL then.
 */
#pragma once

#include "vmm/life/life.h"

struct vm;

struct life_hooks {
	/* Reports to the life-cycle's decisions (vmm/life/guests.c). */
	void (*started)(struct vm *vm);
	void (*start_failed)(struct vm *vm, u32 run); /* vm_run() of that start */
	enum life_verdict (*ended)(struct vm *vm, enum life_end how);
	/* The operator's side: a guest takes another one's place, or has its own back. */
	void (*move_console)(const struct vm *from, const struct vm *to);
	/* vm's control port is connected with the channel that the configuration gives `of`; NULL: with none. */
	void (*connect_control)(struct vm *vm, const struct vm *of);
};
extern struct life_hooks life_hooks;
