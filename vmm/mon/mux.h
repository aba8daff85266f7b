/*
 * The operator's terminal: the monitor's prompt, or one guest's console. Ctrl-] goes from one to the other; typed
 * twice while attached it is sent to the guest. The log's lines come between theirs. Output waits in a bounded buffer
 * until the terminal takes it; guests and log are read only when there is room, so neither a slow line nor a chatty
 * guest holds anything up.
 *
 * Everything is called from one place at a time. A command runs in pieces (mon_point()), one with each mux_poll(); until
 * it is done, keys are not taken. Time is the monitor's clock, ns.
 */
#pragma once

#include "vmm/mon/line.h"
#include "vmm/mon/mon.h"
#include "vmm/mon/obuf.h"
#include "vmm/mon/vt.h"

#define MUX_ESCAPE_KEY 0x1d       /* Ctrl-] */
#define MUX_ESCAPE_NS  400000000u /* how long a second one is waited for */
#define MUX_KEYS       64         /* kept for a guest that does not take them */
#define MUX_STACK      (32u << 10)
#define MUX_OUT_MIN    4096 /* least size of the buffer; 32 KiB holds any command's output of 100 guests */

enum mux_mode {
	MUX_PROMPT,
	MUX_ATTACHED,
	MUX_ESCAPED, /* attached, Ctrl-] was typed */
	MUX_REPEAT,  /* a command runs again and again until a key is pressed */
};

struct mux {
	struct mon *mon;
	struct mon_rights rights;
	struct obuf out;
	struct line line;
	enum mux_mode mode;
	u64 now_ns;
	bool cut;      /* of the running command's output something did not fit */
	bool mid_line; /* what was written last did not end a line */

	u32 guest; /* attached to, or last attached to */
	bool has_guest;
	char name[MON_NAME_MAX];
	struct vt_filter filter;
	u64 guest_pos; /* in its scroll-back */
	u32 no_line;   /* bytes of it since the log waits for the end of a line */
	u8 keys[MUX_KEYS];
	u32 nr_keys;

	u64 log_pos;
	char log_line[256];
	u32 log_len;

	u64 deadline; /* of MUX_ESCAPED, MUX_REPEAT */
	u64 repeat_ns;
	char repeat[LINE_MAX_TEXT + 1]; /* the line that runs, or runs again */

	struct task task; /* the running command */
	struct mon_scratch scratch;
};

/*
 * Begins at the prompt. buf, of size bytes, at least MUX_OUT_MIN, is for output; stack: the end of one of MUX_STACK
 * bytes, for commands; columns: width of the terminal; ascii: it does not know UTF-8. The log is shown from its present end on, everywhere but
 * under a command that repeats.
 */
void mux_init(struct mux *m, struct mon *mon, u8 *buf, u32 size, u64 stack, u32 columns, bool ascii, u64 now_ns);
/* Attaches to a guest, as the console command does; lines: as for mon_console_tail. OK or ERR_NOENT. */
int mux_attach(struct mux *m, u32 guest, u32 lines);
/* Bytes typed. Returns how many were taken: the rest must be given again later, after mux_poll() and when output was
 * drained. */
size_t mux_input(struct mux *m, const u8 *buf, size_t n, u64 now_ns);
/*
 * Reads the attached guest's output or new log lines, and does what is due. To be called when there is new output,
 * when output was drained and at mux_deadline. Returns whether there is more to be read once output was drained.
 */
bool mux_poll(struct mux *m, u64 now_ns);
/* When mux_poll must be called at the latest; UINT64_MAX: no need. */
u64 mux_deadline(const struct mux *m);
/* Takes up to n bytes for the terminal; returns how many. */
size_t mux_output(struct mux *m, u8 *buf, size_t n);
/*
 * Others write to the terminal from now on (a panic): what makes that legible, whatever a guest whose console is
 * shown has done to it. buf: VT_RESET_MAX bytes; returns how many are to be written, after what mux_output() still
 * has.
 */
size_t mux_leave(struct mux *m, u8 *buf);
