/*
 * The operator's side of the hypervisor: the physical console (monitor prompt or a guest's console, vmm/mon/mux.h),
 * the scroll-back of every guest, and control channels (vmm/mon/ctl.h) over guests' serial ports and one of the
 * machine's.
 */
#pragma once

#include "drivers/con.h"
#include "lib/types.h"
#include "vmm/mon/mon.h"

struct vm;
struct vm_image;
struct machine;

/* Adds a console: the log goes to all of them, keys are taken from those that have any.
 * From the start of bring-up. */
void monitor_add_console(struct console *con);
/* Has its poll_ns kept: input of it that no interrupt tells of. monitor_add_console() does so. */
void monitor_watch(struct console *con);
/* Where the processors lie, for `describe`; m must live on. */
void monitor_set_machine(const struct machine *m);
/* Boot module number index, for `insert`: its name, which lives on, and what is in it; NULL behind the last. Cheap. */
typedef const char *monitor_module_fn(u32 index, struct vm_image *image);
void monitor_set_modules(monitor_module_fn *module);
/* When guests exist: attaches the console to the first that has one. ascii: it shows no UTF-8. OK or ERR_NOMEM. */
__must_check int monitor_init(bool ascii);
/* The consoles are the log's alone from now on: an end, or a panic.
 * Prints what of the log was not shown yet. No locks. */
void monitor_release(void);
/* Moves keys and output. On the bootstrap processor, between turns and slow exits, when some may have arrived. */
void monitor_poll(void);
/* ns (clock_now()) at which it must be polled at the latest; TIMER_OFF: no need. */
u64 monitor_deadline(void);

/* Shows what is still waiting; from now on the log goes to the consoles as it comes. On the bootstrap processor. */
void monitor_finish(void);

/* Scroll-back and ends of the serial ports of a VM just created. OK or ERR_NOMEM. */
__must_check int monitor_add_vm(struct vm *vm);
/* Before the first VM is created: how many guests there will be, and the most vCPUs that one has. */
void monitor_expect(u32 guests, u32 vcpus);
/* Its control channel; rights' list must live on. OK or ERR_NOMEM. */
__must_check int monitor_add_control(struct vm *vm, const struct mon_rights *rights);
/* The operator's control channel on a serial port of the machine (vmm/operator/port.h); con must live on. Once, after
 * monitor_init, on the bootstrap processor. OK or ERR_NOMEM. */
__must_check int monitor_add_control_port(struct console *con);
