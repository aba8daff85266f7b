/* How fast typed text goes to a guest's console over a control channel (docs/control.md, `input`). Pure. */
#pragma once

#include "lib/types.h"

#define PACE_MIN 64  /* bytes: about what a guest's serial port takes at once */
#define PACE_MAX 640 /* bytes of input in a request: a line of it has room for six times that */

struct pace {
	size_t window; /* bytes worth sending in the next request */
};

#define PACE_INIT        \
	{                \
		PACE_MIN \
	}

/*
 * A guest took `taken` bytes of the last request. true: the next may go at once; false: it took nothing, and a pause
 * is due.
 */
bool pace_answer(struct pace *p, size_t taken);
