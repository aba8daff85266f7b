/*
 * Guest output made harmless for the operator's terminal. What a guest prints may colour text and move the cursor
 * on its screen; it may not make the terminal type (answerback, status and device reports), change what it is (reset,
 * character sets, window operations, titles, media copy), send strings to it (OSC, DCS, APC, PM, SOS), stop the line
 * (XON/XOFF), or leave anything behind when the operator detaches. Whole sequences pass or none of it does, so none
 * is ever cut.
 *
 * Sources: ECMA-48 (control functions), DEC VT220 Programmer Reference, xterm's ctlseqs.
 */
#pragma once

#include "lib/types.h"

#define VT_SEQ_MAX    40   /* bytes of a control sequence; a longer one is dropped */
#define VT_PARAM_MAX  9999 /* largest parameter: some terminals count to it */
#define VT_PARAMS_MAX 16
#define VT_STRING_MAX 4096 /* bytes of a string that are swallowed; what follows is text */

enum vt_state {
	VT_GROUND,
	VT_UTF8,       /* within a character */
	VT_ESC,        /* behind ESC */
	VT_ESC_INTER,  /* ESC and an intermediate: one more byte, never passed */
	VT_CSI,        /* behind ESC [ */
	VT_CSI_DROP,   /* the same, already known not to pass */
	VT_STRING,     /* within OSC, DCS, APC, PM or SOS */
	VT_STRING_ESC, /* and an ESC: the end of it, if a backslash follows */
};

/* No pointers: may be saved as it is. */
struct vt_filter {
	enum vt_state state;
	u8 seq[VT_SEQ_MAX];
	u32 len;        /* bytes in seq */
	u32 count;      /* bytes of the string swallowed, or of the sequence dropped */
	bool ascii;     /* the terminal does not know UTF-8: other characters show as '?' */
	bool alternate; /* the alternate screen is on */
	u64 dropped;    /* sequences and characters that did not pass */
};

void vt_init(struct vt_filter *f, bool ascii);
/*
 * Filters n bytes to out, at most n + VT_SEQ_MAX of them (what an earlier call held back may come first). Returns the
 * bytes written.
 */
size_t vt_filter(struct vt_filter *f, const u8 *in, size_t n, u8 *out);
/* The sequence that undoes whatever passed, and puts the cursor on a fresh line at the bottom;
 * cuts what is held back. */
#define VT_RESET_MAX 96
size_t vt_reset(struct vt_filter *f, u8 *out);

/*
 * Scroll-back: the last size bytes that a guest printed, as it printed them. Bytes are numbered from 0 for ever;
 * every reader keeps its own position. Whoever shares one between CPUs guards it.
 */
struct vt_ring {
	u8 *buf;
	u32 size;
	u64 head; /* bytes ever written */
};

void vt_ring_init(struct vt_ring *r, u8 *buf, u32 size);
void vt_ring_write(struct vt_ring *r, const u8 *data, size_t n);
/*
 * Copies from byte *pos on, and advances it. A position that was overwritten moves to the oldest byte kept, one
 * beyond the end to the end. Returns the bytes copied; 0: at the end.
 */
size_t vt_ring_read(const struct vt_ring *r, u64 *pos, u8 *buf, size_t n);
