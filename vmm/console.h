/* The operator's console: hypervisor log and one guest's console share the physical serial line. */
#pragma once

#include "drivers/con.h"
#include "lib/types.h"

struct vm;

/* Adds a console: log and guest output go to all of them, input is taken from those that have any. */
void console_add(struct console *con);
/* Bytes of a guest's console UART. */
void console_guest_output(struct vm *vm, const u8 *buf, size_t len);
/* Moves pending input to the guest that has the console. Called by the run loop of the bootstrap processor. */
void console_poll(void);
