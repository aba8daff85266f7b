/* Between the monitor's files: vmm/operator/console.c has the consoles and the turn,
 * vmm/operator/control.c the control channels. */
#pragma once

#include "arch/x86/lock.h"
#include "vmm/mon/mon.h"

struct vm;

/* Before the first VM: monitor_expect(). */
void control_expect(u32 guests, u32 vcpus);
/* Connects vm's control port with control channels. */
void control_add_vm(struct vm *vm);
/* vm's control UART gets the channel that `of` was created with (its own, if that is vm); NULL: none. */
void control_connect(struct vm *vm, const struct vm *of);
/* vm has printed something: control channels that its console is attached to will tell. With any lock held. */
void control_tell_output(const struct vm *vm);
/* Takes what the control port has received. On the bootstrap processor. Returns whether there was any. */
bool control_receive(void);
/* The control port has something to do, now and at its pace. On the bootstrap processor; monitor_lock is held. */
bool control_due(u64 now);
/* A piece of that. */
void control_run(void);
/* When that must be called at the latest, clock_now() ns; TIMER_OFF: no need. */
u64 control_deadline(void);
/* Sends what is left, until then at the most; nothing is served afterwards. As control_run. */
void control_finish(u64 until);
/*
 * Gives the events posted so far to the control channels, at their pace or (all) at once. monitor_lock is held. false:
 * there was nothing to do.
 */
bool control_tell_events(bool all);
