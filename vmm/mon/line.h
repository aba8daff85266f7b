/*
 * The line editor of the monitor's prompt, for a VT100-like terminal and bytes that arrive in any pieces. It keeps to
 * one line of the screen: a longer line scrolls sideways.
 *
 * Keys: printable ASCII; Backspace (08h, 7Fh), Delete (ESC [ 3 ~, Ctrl-D), Left/Right (Ctrl-B/F), Home/End
 * (Ctrl-A/E), Ctrl-K and Ctrl-U (cut to the end, to the beginning), Ctrl-W (cut a word), Up/Down (Ctrl-P/N) for the
 * history, Tab to complete, Ctrl-L to clear the screen, Ctrl-C to give the line up, Enter (CR, LF, CR LF). Everything
 * else is ignored, or beeps.
 */
#pragma once

#include "lib/types.h"

#define LINE_MAX_TEXT 200 /* characters */
#define LINE_HISTORY  16

enum line_result {
	LINE_MORE,
	LINE_DONE,   /* the line is in text; line_begin starts the next */
	LINE_CANCEL, /* Ctrl-C */
};

enum line_esc { LINE_ESC_NONE, LINE_ESC_START, LINE_ESC_CSI, LINE_ESC_SS3 };

struct line {
	/* Set by line_init. */
	const char *prompt;
	u32 columns; /* of the terminal */
	void (*write)(void *ctx, const char *text, size_t len);
	/* Candidates for the word before position pos of text, see cmd_complete. NULL: no completion. */
	void (*complete)(void *ctx, const char *text, u32 word, u32 pos, void (*emit)(void *e, const char *word),
	                 void *e);
	void *ctx;

	char text[LINE_MAX_TEXT + 1];
	u32 len, pos;
	enum line_esc esc;
	u32 esc_num, esc_len; /* the sequence's number, and bytes so far */
	bool last_cr;         /* an LF is the second half of an Enter */
	bool tab_again;       /* the last key was a Tab that completed nothing */
	bool shown;           /* the line is on the screen */

	char history[LINE_HISTORY][LINE_MAX_TEXT + 1];
	u32 nr_history; /* ever kept */
	u32 back;       /* steps gone back; 0: the line being written */
	char draft[LINE_MAX_TEXT + 1];
};

void line_init(struct line *l, const char *prompt, u32 columns,
               void (*write)(void *ctx, const char *text, size_t len), void *ctx);
/* An empty line, with the prompt. */
void line_begin(struct line *l);
/* A byte from the terminal. */
enum line_result line_key(struct line *l, u8 byte);
/* Takes the line off the screen, so that something else can be written; puts it back. */
void line_hide(struct line *l);
void line_show(struct line *l);
