/*
 * The operator's control channel over a serial port of the machine: vmm/mon/ctl.h on a console of drivers/con.h that
 * is raw, has input, and tells its room. Never waits for it. Pure.
 */
#pragma once

#include "drivers/con.h"
#include "vmm/mon/ctl.h"

#define CTL_PORT_INPUT 256 /* bytes kept; what comes on top of them the UART holds, or loses */

struct ctl_port {
	struct ctl ctl;
	struct console *con;
	u8 in[CTL_PORT_INPUT]; /* received, not taken yet */
	u32 nr_in;
};

/* A channel with all rights on con, which is raw and whose getc and room are not NULL. buf, size and stack: as ctl_init. */
void ctl_port_init(struct ctl_port *p, struct mon *mon, struct console *con, u8 *buf, u32 size, u64 stack);
/* Takes bytes from the port as far as there is room for them. Returns whether there were any. */
bool ctl_port_receive(struct ctl_port *p);
/*
 * Runs a piece of a request, and sends as much of answers and events as the port takes. To be called when something
 * was received, when an event was given to the channel or a console has new output, and when it asked for it. Returns
 * after how many ns it wants to be called again, 1: it has work to go on with; 0: not before something happens.
 */
u32 ctl_port_run(struct ctl_port *p, u64 now_ns);
