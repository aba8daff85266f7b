/*
 * The monitor's commands: one table for the console and the control channel. A command checks everything it was given
 * before it emits anything, so that an error is an error and nothing else.
 */
#pragma once

#include "vmm/mon/mon.h"
#include "vmm/mon/out.h"

#define CMD_MAX_ARGS 3

enum cmd_arg_type {
	ARG_NONE,
	ARG_GUEST, /* a name, or an id */
	ARG_PROP,  /* of `set` */
	ARG_TEXT,
	ARG_DRIVE, /* of a guest, by its name */
	ARG_LINE,  /* text: on a line of words all that is left of it */
	ARG_NUM,   /* 0 to max */
	ARG_CMD,   /* a command's name */
	ARG_WORD,  /* one of words; its index is r->word */
};

struct cmd_arg {
	const char *name; /* in JSON; upper case in the synopsis */
	enum cmd_arg_type type;
	bool optional;
	u32 max;
	const char *const *words; /* of ARG_WORD, NULL-terminated */
};

#define CMD_MUTATES 1 /* changes something: needs rights to mutate */
#define CMD_MACHINE 2 /* is about the whole machine: needs the reach of all guests */
#define CMD_CONTROL 4 /* for the control channel only */
#define CMD_ANYONE  8 /* needs no rights */

struct cmd_run;
struct cmd {
	const char *name;
	const char *alias; /* NULL: none */
	const char *help;  /* one line */
	u32 flags;         /* CMD_* */
	struct cmd_arg args[CMD_MAX_ARGS];
	int (*run)(struct cmd_run *r); /* OK, or an error with r->err filled */
};

struct cmd_error {
	const char *code; /* static; docs/control.md lists them */
	char message[200];
};

/* What is left for the caller to do after a command succeeded. */
enum cmd_effect {
	CMD_DONE,
	CMD_ATTACH, /* to the console of r->guest */
	CMD_DETACH, /* from it */
	CMD_INPUT,  /* r->text is typed there */
	CMD_REPEAT, /* run it again every r->repeat_ns until a key is pressed */
};

/* A run of a command. The caller fills the first part. */
struct cmd_run {
	struct mon *mon;
	struct mon_scratch *scratch;
	const struct mon_rights *rights;
	struct out *out;
	enum mon_slot slot;
	bool control; /* the control channel */
	u32 self;     /* and the guest that has it; or MON_NO_GUEST */
	u64 now_ns;

	struct cmd_error err;
	enum cmd_effect effect;
	u64 repeat_ns;

	/* Arguments, checked. */
	const struct cmd *cmd;
	struct mon_guest_info guest;
	bool has_guest, has_num;
	enum mon_prop prop;
	u32 num;                /* the last of the numbers */
	u32 nums[CMD_MAX_ARGS]; /* those given, by position; else 0 */
	u32 word;               /* 0: the first, or not given */
	const char *text;       /* NULL: not given */
	const char *drive;      /* likewise */
	const struct cmd *about;
};

/* An argument as given: by name, or (name NULL) by position. Strings must live as long as the run. */
struct cmd_given {
	const char *name, *value;
};

/* Command number i of the table (without those for the control channel, unless control); NULL behind the last. */
const struct cmd *cmd_at(u32 i, bool control);
/* By name or alias; NULL: none. */
const struct cmd *cmd_find(const char *name, bool control);

/* Runs the command of that name. OK with r->effect, or an error with r->err.
 * Output is what lies in r->out by then. */
__must_check int cmd_execute(struct cmd_run *r, const char *name, const struct cmd_given *given, u32 nr);
/* The same from a line of words, which is cut up in place. An empty line is OK and does nothing. */
__must_check int cmd_execute_line(struct cmd_run *r, char *line);

/* Fills r->err from an error of an operation; why may be NULL. Returns err. */
int cmd_fail(struct cmd_run *r, int err, const struct mon_why *why);
int cmd_error(struct cmd_run *r, int err, const char *code, const char *fmt, ...) __printf(4, 5);

/*
 * Candidates for the word being typed as word number index (0: the command) of line, whose words before are complete:
 * emit is called with each that may stand there. The caller picks those that begin like the word.
 */
void cmd_complete(const struct mon *mon, const struct mon_rights *rights, const char *line, u32 index,
                  void (*emit)(void *ctx, const char *word), void *ctx);

/* The candidate closest to word so far: for "did you mean". */
struct cmd_suggest {
	const struct mon *mon;
	const char *word;
	u32 distance;
	char best[MON_NAME_MAX]; /* "" when nothing is close */
};
void cmd_suggest_init(struct cmd_suggest *s, const struct mon *mon, const char *word);
void cmd_suggest_try(struct cmd_suggest *s, const char *candidate);

/* What `info` and `metrics` tell of a guest alike, and the cells for it. */
#define CMD_SIZE_COLS                                                                                  \
	{ "vcpus", "vcpus", OUT_NUM, 0 }, { "memory_bytes", "memory", OUT_SIZE, 0 },                   \
	        { "hypervisor_bytes", "hypervisor", OUT_SIZE, 0 }, { "weight", "weight", OUT_NUM, 0 }, \
	        { "cap_percent", "cap %", OUT_NUM, 0 },                                                \
	{                                                                                              \
		"reservation_percent", "reservation %", OUT_NUM, 0                                     \
	}
#define CMD_TIME_COLS                                                              \
	{ "uptime_ns", "up", OUT_TIME, 0 }, { "cpu_ns", "cpu time", OUT_TIME, 0 }, \
	{                                                                          \
		"steal_ns", "steal time", OUT_TIME, 0                              \
	}
void cmd_put_size(struct out *o, const struct mon_guest_info *g);
void cmd_put_times(struct out *o, const struct mon_guest_info *g);

/* Columns that a table's names take, at least 16. */
s8 cmd_name_width(struct cmd_run *r);
/* r->guest's exits by reason in r->scratch->counts, zeros when it is gone. */
void cmd_load_counts(struct cmd_run *r);
/* The table of r->guest's exits by reason, for `exits` and `dump`. */
void cmd_show_reasons(struct cmd_run *r);

/* Handlers, in cmd_guest.c, cmd_stat.c, cmd_debug.c, cmd_metrics.c and cmd_screen.c. */
int cmd_list(struct cmd_run *r);
int cmd_info(struct cmd_run *r);
int cmd_console(struct cmd_run *r);
int cmd_detach(struct cmd_run *r);
int cmd_input(struct cmd_run *r);
int cmd_sendkey(struct cmd_run *r);
int cmd_eject(struct cmd_run *r);
int cmd_insert(struct cmd_run *r);
int cmd_ready(struct cmd_run *r);
int cmd_start(struct cmd_run *r);
int cmd_shutdown(struct cmd_run *r);
int cmd_reset(struct cmd_run *r);
int cmd_destroy(struct cmd_run *r);
int cmd_pause(struct cmd_run *r);
int cmd_resume(struct cmd_run *r);
int cmd_set(struct cmd_run *r);
int cmd_top(struct cmd_run *r);
int cmd_exits(struct cmd_run *r);
int cmd_regs(struct cmd_run *r);
int cmd_dump(struct cmd_run *r);
int cmd_trace(struct cmd_run *r);
int cmd_previous(struct cmd_run *r);
int cmd_log(struct cmd_run *r);
int cmd_metrics(struct cmd_run *r);
int cmd_screen(struct cmd_run *r);
int cmd_screenshot(struct cmd_run *r);
int cmd_version(struct cmd_run *r);
int cmd_describe(struct cmd_run *r);
int cmd_help(struct cmd_run *r);
int cmd_poweroff(struct cmd_run *r);
