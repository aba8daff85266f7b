/*
 * What the screen consoles show: bytes of text and of the ECMA-48 control functions that the monitor, and guests'
 * programs behind its filter (vmm/mon/vt.h), use become characters in cells. Attributes, colours and all else are
 * read over. Pure.
 *
 * What is written changes cells in memory only: a line that scrolls costs a rotation of the rows' numbers. What differs
 * from what the driver has drawn is drawn later, in pieces: once for however many lines came meanwhile.
 *
 * Known: BS, HT, LF (to the start of the next line, see con.h), CR; cursor movement (CUU CUD CUF CUB CNL CPL CHA HPA
 * HPR VPA VPR CUP HVP), saved and restored (DECSC DECRC SCOSC SCORC); ED, EL, ECH, ICH, DCH, IL, DL, SU, SD; IND,
 * NEL, RI; DECSTBM; the modes wrap (?7) and cursor shown (?25); the alternate screens (?47 ?1047 ?1049), which are
 * this one, erased. Sources: ECMA-48, 8.3; DEC VT220 Programmer Reference, chapter 4; xterm's ctlseqs.
 */
#pragma once

#include "lib/types.h"

#define SCREEN_PARAMS   8 /* of a sequence; more are read over */
#define SCREEN_MAX_COLS 256
#define SCREEN_MAX_ROWS 128
/* Bytes that screen_init() needs: a character of each cell, and what is drawn there. */
#define SCREEN_MEMORY(cols, rows) (2 * (size_t)(cols) * (rows))
/* Bytes that can be written at a time with work for a few 10 us at most, whatever they are. */
#define SCREEN_ROOM 8

enum screen_state {
	SCREEN_TEXT,
	SCREEN_ESC,
	SCREEN_ESC_INTER,  /* ESC and an intermediate byte: up to the final one */
	SCREEN_CSI,        /* behind ESC [ */
	SCREEN_STRING,     /* of OSC, DCS, APC, PM, SOS: up to BEL, ESC \ or LF */
	SCREEN_STRING_ESC, /* and an ESC */
};

struct screen;

struct screen_ops {
	/* Draws n printable characters of a row; row and col from 0. n is at most the piece of screen_init(). */
	void (*draw)(struct screen *s, u32 row, u32 col, const u8 *text, u32 n);
	/* Shows the cursor in a cell whose character is drawn, or takes it away again, which draws the character c. */
	void (*cursor)(struct screen *s, u32 row, u32 col, u8 c, bool on);
};

struct screen {
	/* Set by screen_init. */
	u32 cols, rows, piece;
	const struct screen_ops *ops;
	u8 *cells; /* lines of cols characters; which line a row shows is in line[] */
	u8 *shown; /* rows of cols characters: what is drawn */

	u8 line[SCREEN_MAX_ROWS];
	u16 len[SCREEN_MAX_ROWS];        /* of a line: from there on it is blank, whatever the cells hold */
	u16 shown_len[SCREEN_MAX_ROWS];  /* of a row: from there on blanks are drawn */
	u32 used;                        /* rows from here on are blank */
	u64 dirty[SCREEN_MAX_ROWS / 64]; /* rows that may differ from what is drawn */
	u32 at_row, at_col;              /* where drawing goes on */
	bool at_again;                   /* the row has changed since it was begun: it is dirty still */
	u32 cur_row, cur_col;            /* where the cursor is drawn */
	bool cur_on;                     /* it is */

	u32 row, col;    /* of the cursor; col == cols: the next character wraps */
	u32 top, bottom; /* rows that scroll, bottom not among them */
	u32 saved_row, saved_col;
	bool no_wrap, hidden; /* hidden: the cursor */
	enum screen_state state;
	u8 prefix; /* '?' ..., an intermediate byte; 0: none */
	u32 params[SCREEN_PARAMS];
	u32 param; /* the one being read; SCREEN_PARAMS: one too many */
};

/*
 * An empty screen of up to SCREEN_MAX_COLS * SCREEN_MAX_ROWS; the driver has erased what it shows. memory:
 * SCREEN_MEMORY(cols, rows) bytes. piece: cells that draw() draws at a time.
 */
void screen_init(struct screen *s, u32 cols, u32 rows, u32 piece, u8 *memory, const struct screen_ops *ops);
/* Changes the cells; draws nothing. */
void screen_write(struct screen *s, const char *text, size_t len);
/* One piece of what is not drawn yet: draw() or cursor() once at most, and a look at one row. false: all is drawn. */
bool screen_draw(struct screen *s);
/* Column where the cursor is shown. */
u32 screen_cursor_col(const struct screen *s);
/* A character of it, drawn or not. */
u8 screen_char(const struct screen *s, u32 row, u32 col);
