/*
 * What the screen consoles show: bytes of text and of the ECMA-48 control functions that the monitor, and guests'
 * programs behind its filter (vmm/mon/vt.h), use become characters in cells. Attributes, colours and all else are
 * read over. Pure: a driver draws the cells that change.
 *
 * Known: BS, HT, LF (to the start of the next line, see con.h), CR; cursor movement (CUU CUD CUF CUB CNL CPL CHA HPA
 * HPR VPA VPR CUP HVP), saved and restored (DECSC DECRC SCOSC SCORC); ED, EL, ECH, ICH, DCH, IL, DL, SU, SD; IND,
 * NEL, RI; DECSTBM; the modes wrap (?7) and cursor shown (?25); the alternate screens (?47 ?1047 ?1049), which are
 * this one, erased. Sources: ECMA-48, 8.3; DEC VT220 Programmer Reference, chapter 4; xterm's ctlseqs.
 */
#pragma once

#include "lib/types.h"

#define SCREEN_PARAMS 8 /* of a sequence; more are read over */

enum screen_state {
	SCREEN_TEXT,
	SCREEN_ESC,
	SCREEN_ESC_INTER,  /* ESC and an intermediate byte: up to the final one */
	SCREEN_CSI,        /* behind ESC [ */
	SCREEN_STRING,     /* of OSC, DCS, APC, PM, SOS: up to BEL, ESC \ or LF */
	SCREEN_STRING_ESC, /* and an ESC */
};

struct screen {
	/* Set by screen_init. */
	u32 cols, rows;
	u8 *cells; /* cols * rows characters, the driver's */
	void (*draw)(struct screen *s, u32 row, u32 col, u8 c);

	u32 row, col;    /* of the cursor; col == cols: the next character wraps */
	u32 top, bottom; /* rows that scroll, bottom not among them */
	u32 saved_row, saved_col;
	bool no_wrap, hidden; /* hidden: the cursor */
	enum screen_state state;
	u8 prefix; /* '?' ..., an intermediate byte; 0: none */
	u32 params[SCREEN_PARAMS];
	u32 param; /* the one being read; SCREEN_PARAMS: one too many */
};

/* An empty screen. The driver has erased what it shows; draw shows one printable character, at row and col from 0. */
void screen_init(struct screen *s, u32 cols, u32 rows, u8 *cells,
                 void (*draw)(struct screen *s, u32 row, u32 col, u8 c));
void screen_write(struct screen *s, const char *text, size_t len);
/* Column where the cursor is shown. */
u32 screen_cursor_col(const struct screen *s);
