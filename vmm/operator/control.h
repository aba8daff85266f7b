/* Between the monitor's files: vmm/operator/console.c has the consoles and the turn, vmm/operator/control.c the
 * control channels.
 */
#pragma once

#include "arch/x86/lock.h"
#include "vmm/mon/mon.h"

struct vm;

/* Around the mux and the control channels: whoever runs the monitor's commands. Its place among the locks: monitor.c.
 */
extern struct spinlock monitor_lock;
extern struct mon monitor_mon;

/* vm has printed something: control channels that its console is attached to will tell. With any lock held. */
void control_tell_output(const struct vm *vm);
/* Takes what the control port has received. On the bootstrap processor. Returns whether there was any. */
bool control_receive(void);
/* Serves the control port, if it has anything to do, at its pace. On the bootstrap processor; monitor_lock is held.
 */
void control_run(u64 now);
/* When that must be called at the latest, run_now() ns; TIMER_OFF: no need. */
u64 control_deadline(void);
/* Sends what is left, until then at the most; nothing is served afterwards. As control_run. */
void control_finish(u64 until);
/* Gives the events posted so far to the control channels. monitor_lock is held. */
void control_tell_events(void);
