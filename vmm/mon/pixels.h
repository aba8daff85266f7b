/* Pixels of a screenshot, compressed and as lines of base64: docs/control.md, "Screens", has the codes. Pure. */
#pragma once

#include "vmm/mon/out.h"

#define PIXELS_CACHE 64u
#define PIXELS_LINE  96u /* bytes of a line, before base64 */

struct pixels {
	struct out *out;
	u32 *above; /* width pixels: from here on those of this row, behind it the last row's */
	u32 width, x;
	bool first;     /* row: there is none above */
	u32 before;     /* the last pixel; all are 00BBGGRR */
	u32 held;       /* pixels not sent yet, all as the one before if as_before, as those above if as_above */
	bool as_before; /* held: at least one of the two */
	bool as_above;
	u32 cache[PIXELS_CACHE];
	u8 line[PIXELS_LINE];
	u32 len, sent; /* sent: characters of base64 */
};

/* above: memory for a row of width pixels, whatever is in it. A struct on its own: everything begins anew. */
void pixels_begin(struct pixels *p, struct out *out, u32 *above, u32 width);
/* n more, R, G, B each; row follows row. At most 60 ticks or so a pixel. */
void pixels_add(struct pixels *p, const u8 *rgb, u32 n);
/* n more of this row, each as the one above it; not of the first row. */
void pixels_above(struct pixels *p, u32 n);
/* What is held back is sent. */
void pixels_end(struct pixels *p);
