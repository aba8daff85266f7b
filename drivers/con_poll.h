/*
 * Input that no interrupt may ever tell of: it is looked for, from the start on, until an interrupt came that something
 * was there for. Often only while there is input, so that a machine whose interrupts work, and on which nobody types,
 * spends next to nothing on it.
 */
#pragma once

#include "drivers/con.h"

#define CON_POLL_IDLE_NS 20000000u /* 50 times a second: a key at a time is seen soon enough */
#define CON_POLL_FAST_NS 1000000u  /* and no more than 1000 times, however fast a line is */
#define CON_POLL_QUIET   2000      /* looks in vain, after which it is idle again: two seconds and more */

/* From now on con->poll_ns says how often to look. fill_ns: the time in which its buffer is full. */
static inline void con_poll_begin(struct console *con, u32 fill_ns)
{
	con->poll_fast_ns = fill_ns / 4 * 3 > CON_POLL_FAST_NS ? fill_ns / 4 * 3 : CON_POLL_FAST_NS;
	if (con->poll_fast_ns > CON_POLL_IDLE_NS)
		con->poll_fast_ns = CON_POLL_IDLE_NS;
	con->poll_ns = CON_POLL_IDLE_NS;
	con->poll_quiet = 0;
}

/* getc() has found a byte, or none. */
static inline void con_poll_looked(struct console *con, bool found)
{
	if (!con->poll_ns)
		return;
	if (found) {
		con->poll_ns = con->poll_fast_ns;
		con->poll_quiet = 0;
	} else if (con->poll_ns == con->poll_fast_ns && ++con->poll_quiet >= CON_POLL_QUIET) {
		con->poll_ns = CON_POLL_IDLE_NS;
	}
}

/* An interrupt came that was its: there is no need to look any more. From interrupt handlers, too. */
static inline void con_poll_end(struct console *con)
{
	con->poll_ns = 0;
}
