/*
 * The control channel: JSON lines over a serial port. docs/control.md is its reference.
 *
 *	{"id":1,"cmd":"info","args":{"guest":"web"}} -> {"id":1,"ok":true,"result":{...}}
 *	                                               or {"id":1,"ok":false,"error":{"code":"...","message":"..."}}
 *	and at any time {"event":"guest-crashed",...}
 *
 * Input is only stored; all work is done by ctl_poll(), in pieces (mon_point()). Everything is called from one place at
 * a time, but for ctl_output(), which another one may call meanwhile. An answer is written as a whole or not at all;
 * requests wait until three quarters of the buffer are free, so that there is always room for an answer, and events and
 * console data until the same. Whatever does not fit the event queue is counted.
 */
#pragma once

#include "vmm/mon/json.h"
#include "vmm/mon/mon.h"
#include "vmm/mon/obuf.h"
#include "vmm/mon/vt.h"

#define CTL_LINE_MAX 4096  /* bytes of a request, without its end */
#define CTL_OUT_MIN  16384 /* least size of the buffer; see ctl_out_size() */
#define CTL_STACK    (32u << 10)
#define CTL_TOKENS   64
#define CTL_ID_MAX   64 /* bytes of an id */
#define CTL_EVENTS   32
#define CTL_CONSOLES 4 /* a channel can be attached to */

struct ctl_console {
	bool used;
	u32 guest;
	char name[MON_NAME_MAX];
	u64 pos; /* in its scroll-back */
	struct vt_filter filter;
};

struct ctl {
	struct mon *mon;
	struct mon_rights rights;
	enum mon_slot slot; /* whose `top` it shows: MON_SLOT_CONTROL, unless changed after ctl_init */
	u32 self;           /* the guest at the other end: MON_NO_GUEST, unless changed after ctl_init */
	struct obuf out;
	char in[CTL_LINE_MAX];
	u32 in_len;
	bool overlong; /* the rest of the line is skipped */
	bool waiting;  /* in is complete: it waits for room, or runs */
	bool text;     /* it is not blank so far */
	struct task task;
	bool more; /* what the task did last was not all */
	u64 now_ns;
	struct mon_scratch scratch; /* rows: the owner's, set after ctl_init */
	struct json_tok toks[CTL_TOKENS];
	char strings[CTL_LINE_MAX + 1]; /* decoded arguments */
	struct mon_event queue[CTL_EVENTS];
	u32 first, nr;
	u64 lost; /* events since the last report of losses */
	struct ctl_console consoles[CTL_CONSOLES];
	u32 turn; /* console that is read next */
};

/* Bytes of a buffer that holds any answer about so many guests, the largest of which has so many vCPUs. */
u32 ctl_out_size(u32 guests, u32 vcpus);
/*
 * buf, of size bytes, at least CTL_OUT_MIN, is for output; stack: the end of one of CTL_STACK bytes, for its work.
 * rights are copied, the list they point to is not.
 */
void ctl_init(struct ctl *c, struct mon *mon, const struct mon_rights *rights, u8 *buf, u32 size, u64 stack);
/* The other side is gone: forgets a line begun, what was not sent, and consoles attached. */
void ctl_reset(struct ctl *c);
/* The other side starts afresh: forgets a line begun. */
void ctl_forget_line(struct ctl *c);
/* Bytes received. Returns how many were taken: the rest must be given again later, when the line before is done. */
size_t ctl_input(struct ctl *c, const char *buf, size_t n);
/*
 * Runs a request that waits, sends events and console data: a piece of that. To be called when something was received,
 * when a console has new output, and after ctl_event. Returns whether there is more to do: now, or, unless
 * ctl_can_go_on(), once output was drained.
 */
bool ctl_poll(struct ctl *c, u64 now_ns);
bool ctl_can_go_on(const struct ctl *c);
/* A console is attached to. */
bool ctl_shows(const struct ctl *c);
/* Takes up to n bytes for the other side; returns how many. */
size_t ctl_output(struct ctl *c, u8 *buf, size_t n);
/* Something happened to a guest. Queued if the channel may know of it. */
void ctl_event(struct ctl *c, const struct mon_event *ev);
