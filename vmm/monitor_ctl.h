/* Between the monitor's files: vmm/monitor.c has the consoles and the turn, vmm/monitor_ctl.c the control channels.
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
/* Gives the events posted so far to the control channels. monitor_lock is held. */
void control_tell_events(void);
