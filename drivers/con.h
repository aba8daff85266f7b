/* A console the hypervisor owns: text out, characters in, or both. */
#pragma once

#include "lib/types.h"

struct console {
	const char *name;
	/*
	 * Takes len bytes of text and ECMA-48 control sequences; '\n' moves to the start of the next line. Never blocks for
	 * ever; no more than a few 10 us for what room() allows. NULL for input-only consoles.
	 */
	void (*write)(struct console *con, const char *text, size_t len);
	/*
	 * Brings a piece, of no more than a few 10 us, of what was written to the eye, and says whether there is more. What is
	 * written meanwhile waits for nothing: one redraw shows it all. NULL: write() has done so.
	 */
	bool (*show)(struct console *con);
	bool raw; /* not text but bytes: '\n' is written as it is */
	/* Bytes, whatever they are, that can be written now without waiting. NULL: any number. */
	u32 (*room)(struct console *con);
	u32 wait_ns; /* after which there is room again, as much as there can be */
	/* Next input byte (0-255), or -1 when there is none. NULL for output-only consoles. */
	int (*getc)(struct console *con);
	/* getc() is to be called after so many ns at the latest, because no interrupt may tell of input; 0: one does. It
	 * changes. The others are con_poll.h's. */
	u32 poll_ns;
	u32 poll_fast_ns, poll_quiet;
};
