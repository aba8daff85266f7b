/*
 * What the monitor asks of the rest of the hypervisor: guests, scheduler, exit ring, log. The monitor (console and
 * control channel) knows nothing else of them.
 *
 * They are called from one place at a time: whoever calls into a mux or ctl holds what guards it. Commands run in
 * pieces (lib/task.h): wherever the work of one could grow, with its output, the guests, the CPUs or what is kept of
 * them, it calls mon_point(), and goes on later if its time is over. So do operations that go over many vCPUs or
 * guests; others return at once and do bounded work. What they fill is a snapshot. ctx is struct mon's.
 */
#pragma once

#include "lib/err.h"
#include "lib/task.h"
#include "lib/types.h"
#include "vmm/mon/event.h"
#include "vmm/mon/keys.h"

#define MON_MAX_CPUS  256
#define MON_NO_GUEST  (~0u)
#define MON_MAX_EXITS 96 /* reasons a guest can exit for: the basic exit reasons */

struct mon_cpus { /* a set of physical CPUs */
	u64 w[MON_MAX_CPUS / 64];
};

enum mon_state { MON_DEFINED, MON_STARTING, MON_RUNNING, MON_PAUSED, MON_STOPPED, MON_CRASHED, MON_NR_STATES };

struct mon_guest_info {
	u32 id; /* stays the same as long as the guest is defined */
	char name[MON_NAME_MAX];
	enum mon_state state;
	char reason[MON_REASON_MAX]; /* why it is in this state; "" when there is nothing to say */
	u32 vcpus;
	u64 memory;   /* bytes of RAM */
	u64 hv_bytes; /* of hypervisor memory it takes */
	u32 weight;
	u32 cap;         /* percent of a CPU; 0: none */
	u32 reservation; /* percent of a CPU; 0: none */
	struct mon_cpus pin;
	u64 uptime_ns; /* since its last start; 0 when it does not run */
	u64 cpu_ns;    /* its vCPUs ran, since it was defined */
	u64 steal_ns;  /* and waited for a CPU while runnable */
	u64 exits;     /* of all vCPUs, since it was defined */
	u32 restarts;
};

/* More about a guest, for `info`: whatever its configuration says. */
struct mon_detail {
	const char *key; /* lower case, in JSON; static */
	char value[200];
};

enum mon_action { MON_START, MON_SHUTDOWN, MON_RESET, MON_DESTROY, MON_PAUSE, MON_RESUME };
enum mon_prop { MON_WEIGHT, MON_CAP, MON_RESERVATION, MON_PIN, MON_NR_PROPS };

struct mon_value {
	u32 num;              /* of MON_WEIGHT; percent for MON_CAP and MON_RESERVATION */
	struct mon_cpus cpus; /* of MON_PIN; never empty */
	bool all;             /* of MON_PIN: "all": those of cpus that no other guest has for itself */
};

/* Why an operation failed, in words ("80 % are asked for, 35 % are free"). Left empty, the error code speaks. */
struct mon_why {
	char text[160];
};

struct mon_seg {
	u16 sel;
	u32 limit, access; /* access: as the VMCS holds it */
	u64 base;
};

struct mon_regs {
	u64 gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 */
	u64 rip, rflags, cr0, cr2, cr3, cr4, cr8, efer, xcr0, dr6, dr7;
	struct mon_seg seg[8]; /* ES CS SS DS FS GS LDTR TR */
	u64 gdt_base, idt_base;
	u32 gdt_limit, idt_limit;
	const char *activity; /* "running", "halted", "wait-for-sipi" ...; static */
};

/* Whose exit rings: of the run before there are some only when it was cut off and the machine kept its memory. */
enum mon_run { MON_RUN_THIS, MON_RUN_BEFORE };

struct mon_trace {   /* a record of an exit ring */
	u64 time_ns; /* of the machine's clock, from its start */
	u32 guest;   /* id */
	u32 vcpu;
	u32 reason; /* basic exit reason */
	u64 rip, info;
	u32 took_us; /* in root mode, when that was too long; else 0 */
};

struct mon_machine {
	const char *version, *cpu_model; /* static */
	u32 cpus;                        /* numbered from 0 */
	u64 tsc_hz, uptime_ns;
	u64 memory, hv_memory, free_memory; /* bytes: all, taken by the hypervisor, free for guests */
	u64 guest_memory;                   /* bytes that guests may have together */
};

struct mon_cpu {
	u32 apic_id, package, core, thread;
	u64 busy_ns, root_ns; /* ran guests, was in the hypervisor (without idling); since the start */
	u32 vcpus;            /* assigned to it now */
};

/* A guest's screen, frozen. */
enum mon_screen_kind { MON_SCREEN_BLANK, MON_SCREEN_TEXT, MON_SCREEN_GRAPHICS };
struct mon_screen {
	enum mon_screen_kind kind;
	u32 generation;    /* of all screens that were frozen; never 0 */
	u32 width, height; /* pixels */
	u32 *row;          /* memory for one of width pixels, of who has the screen */
	u32 cols, rows;    /* of a text screen */
	bool cursor;
	u32 cursor_col, cursor_row;
};
#define MON_SCREEN_COLS  256u /* at most */
#define MON_SCREEN_WIDTH 2304u
#define MON_SCREEN_CELLS 8u /* characters asked for at a time */
#define MON_SCREEN_UTF8  3u /* bytes of a character */

/* What `top` compared with: the caller keeps one per guest and slot, zeroed at first. */
struct mon_sample {
	u64 time_ns; /* 0: never taken */
	u64 cpu_ns, steal_ns, exits;
	u64 by_reason[MON_MAX_EXITS];
};
/* The operator's terminal, guests' control channels, the one on a serial port of the machine. */
enum mon_slot { MON_SLOT_CONSOLE, MON_SLOT_CONTROL, MON_SLOT_PORT, MON_NR_SLOTS };

/* A field of a guest's state; device NULL: none, but a place to pause. The texts are gone when it returns. */
typedef void mon_state_emit(void *arg, const char *device, const char *field, const char *values);

struct mon_ops {
	/* The guest at position index, in an order that does not change while a command runs.
	 * OK, or ERR_NOENT behind the last. */
	int (*guest_info)(void *ctx, u32 index, struct mon_guest_info *info);
	/* Its name, which lives as long as it does, and its id; NULL behind the last. Cheap, unlike all that guest_info tells. */
	const char *(*guest_name)(void *ctx, u32 index, u32 *id);
	/* Detail number index of a guest. OK or ERR_NOENT behind the last. May be NULL. */
	int (*guest_detail)(void *ctx, u32 guest, u32 index, struct mon_detail *detail);
	/*
	 * Asks for the action; it may take effect after the return. ERR_BUSY: not in the guest's present state;
	 * ERR_NOENT, ERR_NOMEM, ERR_NOTSUP (no ACPI button) or what else is wrong.
	 */
	int (*action)(void *ctx, u32 guest, enum mon_action action, struct mon_why *why);
	/* Live. ERR_RANGE: not a value for it; ERR_NOSPC: refused by the admission control of reservations. */
	int (*set)(void *ctx, u32 guest, enum mon_prop prop, const struct mon_value *value, struct mon_why *why);

	/* Counts of exits by basic reason, for nr <= MON_MAX_EXITS reasons,
	 * summed over the vCPUs. OK or ERR_NOENT. */
	int (*exits)(void *ctx, u32 guest, u64 *counts, u32 nr);
	/* Name of a basic reason; NULL when there is none. */
	const char *(*exit_name)(void *ctx, u32 reason);
	/* Slot for `top`; NULL: none is kept (rates are then those since the guest's definition). */
	struct mon_sample *(*sample)(void *ctx, u32 guest, enum mon_slot slot);

	/* ERR_NOENT: no such guest or vCPU; ERR_BUSY: it runs elsewhere
	 * and cannot be looked at unless it is paused. */
	int (*regs)(void *ctx, u32 guest, u32 vcpu, struct mon_regs *regs);

	/*
	 * The state of a paused guest: emit(arg, ...) for each field of its devices and vCPUs, or of one of them if
	 * device is not NULL. OK; ERR_NOENT: no such guest or device; ERR_BUSY: it is not paused, or has a vCPU that is
	 * on its way out, or was resumed meanwhile: then part of it was told. What cannot be restored has a field
	 * "cannot-be-restored" with the reason. May be NULL.
	 */
	int (*state)(void *ctx, u32 guest, const char *device, mon_state_emit *emit, void *arg);

	/* Exit ring of a CPU: records ever written; and record number seq of them: ERR_NOENT when it is overwritten.
	 * May be NULL. */
	u64 (*trace_head)(void *ctx, enum mon_run run, u32 cpu);
	int (*trace)(void *ctx, enum mon_run run, u32 cpu, u64 seq, struct mon_trace *rec);

	/*
	 * Reads the log from byte *pos of all ever written, which is moved to the oldest that is kept when it lies
	 * before, and to the end when it lies behind. Advances *pos; returns the bytes copied, 0 at the end. len may
	 * be 0.
	 */
	size_t (*log_read)(void *ctx, u64 *pos, char *buf, size_t len);
	/* The same of what a guest printed, from its scroll-back ring (vt_ring_read);
	 * 0 also when there is no such guest. */
	size_t (*console_read)(void *ctx, u32 guest, u64 *pos, u8 *buf, size_t len);
	/* Keys for a guest's console. Returns how many it took. */
	size_t (*console_input)(void *ctx, u32 guest, const u8 *buf, size_t len);

	/*
	 * Key events for a guest's keyboard: all or none. ERR_NOTSUP: it has none; ERR_BUSY: it does not run, or others
	 * are not typed yet. NULL: no guest has one.
	 */
	int (*send_keys)(void *ctx, u32 guest, const struct mon_key *keys, u32 nr, struct mon_why *why);

	/*
	 * Takes the medium out of a drive ("cd0", "floppy1"), and puts a boot module's in. ERR_NOENT: no such drive, or
	 * module; ERR_NOTSUP: a disk; ERR_BUSY: locked by the guest (which is told; unless force) or in use, there is one
	 * already; ERR_INVAL: no image for that drive. They may pause. NULL: no guest has drives.
	 */
	int (*eject)(void *ctx, u32 guest, const char *drive, bool force, struct mon_why *why);
	int (*insert)(void *ctx, u32 guest, const char *drive, const char *module, struct mon_why *why);

	/*
	 * A guest's screen, frozen for asker (any number that tells who asks apart): a new generation, which takes the
	 * place of the one before, or, with a number, that one as it is kept. It pauses. OK; ERR_NOTSUP: the guest has
	 * no screen; ERR_RANGE: that generation is not kept; ERR_BUSY: another asker is being served; ERR_NOENT,
	 * ERR_NOMEM. May be NULL: nobody has a screen.
	 */
	int (*screen)(void *ctx, u32 guest, u64 asker, u32 generation, struct mon_screen *screen);
	/* n pixels from (x, y) on as R, G, B. false: it is not kept any more, and its row of pixels is another's. */
	bool (*screen_pixels)(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n, u8 *rgb);
	/* How many of them, at first, are found to be as those above; 0 when it is not kept any more. */
	u32 (*screen_same)(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n);
	/* n <= MON_SCREEN_CELLS characters as UTF-8; their bytes. 0 when it is not kept any more. */
	size_t (*screen_text)(void *ctx, u64 asker, u32 generation, u32 col, u32 row, u32 n, char *text);
	/* It is not needed any more. */
	void (*screen_done)(void *ctx, u64 asker, u32 generation);

	/* A guest said of itself that it is ready. OK or ERR_NOENT. */
	int (*ready)(void *ctx, u32 guest);

	void (*machine)(void *ctx, struct mon_machine *machine);
	int (*cpu)(void *ctx, u32 cpu, struct mon_cpu *info); /* OK or ERR_NOENT */
	/* Stops every guest and switches the machine off, after this returned and output was drained. */
	int (*poweroff)(void *ctx, struct mon_why *why);

	/* The time of the piece that runs is over. NULL: it never is. */
	bool (*piece_over)(void *ctx);
};

struct mon {
	const struct mon_ops *ops;
	void *ctx;
	struct task *task; /* what runs just now; NULL: nothing that may pause */
};

/* Runs a piece of a task, whose commands ask this mon. Returns whether it has ended. */
bool mon_run(struct mon *mon, struct task *task);
/* A place where the running command may pause. */
void mon_point(const struct mon *mon);
/* The same, before what takes most of a piece by itself. */
void mon_fresh(const struct mon *mon);

/* A guest at one instant, for `metrics`. */
struct mon_counts {
	struct mon_guest_info info;
	u64 exits[MON_MAX_EXITS];
};

/* Of a running command: one for each channel, too large for a stack. */
struct mon_scratch {
	u64 trace_at[MON_MAX_CPUS], trace_end[MON_MAX_CPUS], trace_time[MON_MAX_CPUS];
	u64 counts[MON_MAX_EXITS], deltas[MON_MAX_EXITS];
	struct mon_regs regs;
	struct mon_keys keys;
	struct mon_counts *rows; /* of nr_rows guests; NULL: none, and no `metrics` */
	u32 nr_rows;
};

/* What a channel may do. */
enum mon_reach { MON_REACH_NONE, MON_REACH_LIST, MON_REACH_ALL };
struct mon_rights {
	enum mon_reach reach;
	const u32 *guests; /* ids, of MON_REACH_LIST */
	u32 nr;
	bool mutate; /* change things, not only look */
};
#define MON_RIGHTS_ALL ((struct mon_rights){ .reach = MON_REACH_ALL, .mutate = true })

/* Whether the channel may know of a guest. */
bool mon_may_see(const struct mon_rights *rights, u32 guest);
/* The name of the guest of that id; NULL: there is none. */
const char *mon_guest_name(const struct mon *mon, u32 id);
/* The guest of that id. OK or ERR_NOENT. */
__must_check int mon_guest_by_id(const struct mon *mon, u32 id, struct mon_guest_info *info);
const char *mon_state_str(enum mon_state state);
const char *mon_prop_str(enum mon_prop prop);
/* "started" ...: what follows "guest-" in an event's name. */
const char *mon_event_str(enum mon_event_kind kind);

/*
 * Where the last lines lines of the log begin, and of what a guest printed: all that is kept of it, or, with
 * MON_TAIL_SHORT, the last 24 lines, of 4 KiB at most. Nothing before from counts. *skipped: lines between from and
 * there; *end: the end now. NULL where they are not wanted.
 */
#define MON_TAIL_SHORT (~0u)
u64 mon_log_tail(const struct mon *mon, u64 from, u32 lines, u32 *skipped, u64 *end);
u64 mon_console_tail(const struct mon *mon, u32 guest, u32 lines);

/* "0-3,8" of a set, cut with "..." when it does not fit; "all" when it has all CPUs below nr. */
void mon_cpus_format(const struct mon_cpus *set, u32 nr, char *buf, size_t size);
/* A set from "0-3,8" or "all": CPUs below nr. OK, ERR_INVAL (malformed, empty) or ERR_RANGE (no such CPU). */
__must_check int mon_cpus_parse(const char *text, u32 nr, struct mon_cpus *set);
