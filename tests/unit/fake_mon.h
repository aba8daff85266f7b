/* A machine of a few guests for the monitor to look at: what it asked for is recorded, what it is told is made up. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "test_stack.h"
#include "vmm/mon/mon.h"
#include "vmm/mon/vt.h"

#define FAKE_GUESTS 3
#define FAKE_CPUS   2
#define FAKE_RING   8 /* exit records a CPU keeps */

struct fake_guest {
	struct mon_guest_info info;
	struct vt_ring console;
	u8 console_buf[8192];
	u64 exits[MON_MAX_EXITS];
	struct mon_sample samples[MON_NR_SLOTS];
	char typed[512];
	u32 nr_typed, input_room; /* input_room: bytes it still takes */
	struct mon_key keys[MON_KEYS_MAX];
	u32 nr_keys;
	char medium[24]; /* in cd0, its only drive; "": none */
	bool locked;     /* and that one's tray */
	bool echo;       /* what is typed is printed */
};

struct fake_mon {
	struct mon mon;
	struct fake_guest guests[FAKE_GUESTS];
	u32 nr;
	struct vt_ring log;
	u8 log_buf[4096];
	u64 trace_heads[FAKE_CPUS], old_heads[FAKE_CPUS];
	int fail_next; /* error of the next action, set or poweroff */
	const char *fail_why;
	u32 actions, sets, readies;
	u32 screen_generation, screen_guest;
	u64 screen_asker;
	bool screen_busy, screen_wide;
	u32 screen_lost;                  /* after so many pieces of pixels another asker has it; 0: never */
	u32 screen_row[2][1920], screens; /* two may be served at once here */
	enum mon_action last_action;
	u32 last_guest;
	enum mon_prop last_prop;
	struct mon_value last_value;
	bool off;
	u32 resumed_at; /* the row of a state at which the guest runs again; 0: none */
	u64 now_ns;
	struct mon_counts rows[FAKE_GUESTS];
	u32 work, most_work; /* asked for since they could pause last; at most */
	u32 points;
	/* Called after each action. */
	void (*happened)(struct fake_mon *f, struct fake_guest *g, enum mon_event_kind kind);
	void *arg;
};

static inline struct fake_guest *fake_guest_of(struct fake_mon *f, u32 id)
{
	for (u32 i = 0; i < f->nr; i++)
		if (f->guests[i].info.id == id)
			return &f->guests[i];
	return NULL;
}

static int fake_guest_info(void *ctx, u32 index, struct mon_guest_info *info)
{
	struct fake_mon *f = ctx;

	f->work++;
	if (index >= f->nr)
		return ERR_NOENT;
	*info = f->guests[index].info;
	return OK;
}

static const char *fake_guest_name(void *ctx, u32 index, u32 *id)
{
	struct fake_mon *f = ctx;

	f->work++;
	if (index >= f->nr)
		return NULL;
	*id = f->guests[index].info.id;
	return f->guests[index].info.name;
}

static int fake_detail(void *ctx, u32 guest, u32 index, struct mon_detail *d)
{
	if (index)
		return ERR_NOENT;
	d->key = "kernel";
	snprintf(d->value, sizeof(d->value), "vmlinux-%u", guest);
	return OK;
}

static int fake_failure(struct fake_mon *f, struct mon_why *why)
{
	int err = f->fail_next;

	f->fail_next = OK;
	if (err != OK && f->fail_why)
		snprintf(why->text, sizeof(why->text), "%s", f->fail_why);
	return err;
}

static int fake_action(void *ctx, u32 guest, enum mon_action action, struct mon_why *why)
{
	static const struct {
		enum mon_state state;
		enum mon_event_kind kind;
	} after[] = {
		[MON_START] = { MON_RUNNING, MON_EV_STARTED },   [MON_SHUTDOWN] = { MON_STOPPED, MON_EV_STOPPED },
		[MON_RESET] = { MON_RUNNING, MON_EV_RESTARTED }, [MON_DESTROY] = { MON_STOPPED, MON_EV_STOPPED },
		[MON_PAUSE] = { MON_PAUSED, MON_EV_PAUSED },     [MON_RESUME] = { MON_RUNNING, MON_EV_RESUMED },
	};
	struct fake_mon *f = ctx;
	struct fake_guest *g = fake_guest_of(f, guest);
	int err = fake_failure(f, why);

	if (err != OK)
		return err;
	if (!g)
		return ERR_NOENT;
	if (action == MON_RESUME && g->info.state != MON_PAUSED)
		return ERR_BUSY;
	g->info.state = after[action].state;
	f->actions++;
	f->last_action = action;
	f->last_guest = guest;
	if (f->happened)
		f->happened(f, g, after[action].kind);
	return OK;
}

static int fake_set(void *ctx, u32 guest, enum mon_prop prop, const struct mon_value *value, struct mon_why *why)
{
	struct fake_mon *f = ctx;
	struct fake_guest *g = fake_guest_of(f, guest);
	int err = fake_failure(f, why);

	if (err != OK)
		return err;
	if (prop == MON_WEIGHT)
		g->info.weight = value->num;
	else if (prop == MON_CAP)
		g->info.cap = value->num;
	else if (prop == MON_RESERVATION)
		g->info.reservation = value->num;
	else
		g->info.pin = value->cpus;
	f->sets++;
	f->last_guest = guest;
	f->last_prop = prop;
	f->last_value = *value;
	return OK;
}

static int fake_exits(void *ctx, u32 guest, u64 *counts, u32 nr)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);

	if (!g)
		return ERR_NOENT;
	memcpy(counts, g->exits, nr * sizeof(*counts));
	return OK;
}

static const char *fake_exit_name(void *ctx, u32 reason)
{
	static const char *const names[] = { "EXCEPTION_NMI", "EXTERNAL_INTERRUPT", "TRIPLE_FAULT" };

	if (reason < 3)
		return names[reason];
	return reason == 10 ? "CPUID" : reason == 12 ? "HLT" : reason == 30 ? "IO_INSTRUCTION" : NULL;
}

static struct mon_sample *fake_sample(void *ctx, u32 guest, enum mon_slot slot)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);

	return g ? &g->samples[slot] : NULL;
}

static int fake_regs(void *ctx, u32 guest, u32 vcpu, struct mon_regs *r)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);

	if (!g || vcpu >= g->info.vcpus)
		return ERR_NOENT;
	if (g->info.state == MON_RUNNING)
		return ERR_BUSY;
	memset(r, 0, sizeof(*r));
	for (u32 i = 0; i < 16; i++)
		r->gpr[i] = 0x1111111111111111ull * i;
	r->rip = 0xffffffff81000000 + vcpu;
	r->seg[1] = (struct mon_seg){ .sel = 0x10, .limit = 0xffffffff, .access = 0xa09b };
	r->activity = "halted";
	return OK;
}

static int fake_state(void *ctx, u32 guest, const char *device, mon_state_emit *emit, void *arg)
{
	static const char *const rows[][3] = {
		{ "cpu0", "rip", "0xffffffff81000000" },
		{ "uart0", "ier", "5" },
		{ "uart0", "cannot-be-restored", "rx_head: 0x10: is beyond the FIFO" },
	};
	struct fake_guest *g = fake_guest_of(ctx, guest);
	struct fake_mon *f = ctx;
	bool found = false;

	if (!g)
		return ERR_NOENT;
	if (g->info.state != MON_PAUSED)
		return ERR_BUSY;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (device && strcmp(device, rows[i][0]))
			continue;
		if (f->resumed_at && !--f->resumed_at) {
			g->info.state = MON_RUNNING;
			return ERR_BUSY;
		}
		emit(arg, rows[i][0], rows[i][1], rows[i][2]);
		found = true;
	}
	return found ? OK : ERR_NOENT;
}

static u64 fake_trace_head(void *ctx, enum mon_run run, u32 cpu)
{
	struct fake_mon *f = ctx;

	return run == MON_RUN_BEFORE ? f->old_heads[cpu] : f->trace_heads[cpu];
}

/* Record seq of CPU c was at 10 * seq + c, of guest (seq % 2 ? 7 : 3). */
static int fake_trace(void *ctx, enum mon_run run, u32 cpu, u64 seq, struct mon_trace *rec)
{
	u64 head = fake_trace_head(ctx, run, cpu);

	((struct fake_mon *)ctx)->work++;
	if (seq >= head || head - seq > FAKE_RING)
		return ERR_NOENT;
	*rec = (struct mon_trace){ .time_ns = seq * 10 + cpu, .guest = seq % 2 ? 7 : 3, .reason = 12, .rip = seq };
	rec->took_us = seq == 98 ? 51 : 0;
	return OK;
}

static size_t fake_log_read(void *ctx, u64 *pos, char *buf, size_t len)
{
	return vt_ring_read(&((struct fake_mon *)ctx)->log, pos, (u8 *)buf, len);
}

static size_t fake_console_read(void *ctx, u32 guest, u64 *pos, u8 *buf, size_t len)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);

	return g ? vt_ring_read(&g->console, pos, buf, len) : 0;
}

static int fake_send_keys(void *ctx, u32 guest, const struct mon_key *keys, u32 nr, struct mon_why *why)
{
	struct fake_mon *f = ctx;
	struct fake_guest *g = fake_guest_of(f, guest);
	int err = f->fail_next;

	f->fail_next = 0;
	if (!g)
		return ERR_NOENT;
	if (err) {
		snprintf(why->text, sizeof(why->text), "%s", f->fail_why ? f->fail_why : "");
		return err;
	}
	memcpy(g->keys, keys, nr * sizeof(*keys));
	g->nr_keys = nr;
	return OK;
}

static size_t fake_console_input(void *ctx, u32 guest, const u8 *buf, size_t len)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);
	size_t n = g ? MIN(len, (size_t)g->input_room) : 0;

	if (!g)
		return 0;
	if (g->echo) {
		vt_ring_write(&g->console, buf, n);
		return n;
	}
	n = MIN(n, sizeof(g->typed) - g->nr_typed);
	memcpy(g->typed + g->nr_typed, buf, n);
	g->nr_typed += (u32)n;
	g->input_room -= (u32)n;
	return n;
}

static int fake_drive(const char *drive, struct mon_why *why)
{
	if (!strcmp(drive, "cd0"))
		return OK;
	snprintf(why->text, sizeof(why->text), "it has no drive \"%.20s\"", drive);
	return ERR_NOENT;
}

static int fake_eject(void *ctx, u32 guest, const char *drive, bool force, struct mon_why *why)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);
	int err = fake_drive(drive, why);

	if (err)
		return err;
	if (g->locked && !force) {
		snprintf(why->text, sizeof(why->text), "locked");
		return ERR_BUSY;
	}
	g->medium[0] = '\0';
	return OK;
}

static int fake_insert(void *ctx, u32 guest, const char *drive, const char *module, struct mon_why *why)
{
	struct fake_guest *g = fake_guest_of(ctx, guest);
	int err = fake_drive(drive, why);

	if (!err && g->medium[0])
		err = ERR_BUSY;
	if (!err)
		snprintf(g->medium, sizeof(g->medium), "%s", module);
	return err;
}

/*
 * Screens: db's is text, 20 columns of 4 rows; web's is 100 x 50 pixels of graphics, a gradient above and one colour
 * below; batch-1 has none. Those frozen are kept for one asker.
 */
static int fake_screen(void *ctx, u32 guest, u64 asker, u32 generation, struct mon_screen *s)
{
	struct fake_mon *f = ctx;

	f->work++;
	if (guest == 9)
		return ERR_NOTSUP;
	if (f->screen_busy)
		return ERR_BUSY;
	if (generation &&
	    (generation != f->screen_generation || f->screen_guest != guest || f->screen_asker != asker))
		return ERR_RANGE;
	if (!generation)
		f->screen_generation = 1;
	f->screen_guest = guest;
	f->screen_asker = asker;
	*s = (struct mon_screen){
		.kind = MON_SCREEN_GRAPHICS, .generation = f->screen_generation, .width = 100, .height = 50
	};
	if (guest == 7)
		*s = (struct mon_screen){ .kind = MON_SCREEN_TEXT,
			                  .generation = f->screen_generation,
			                  .width = 180,
			                  .height = 64,
			                  .cols = 20,
			                  .rows = 4,
			                  .cursor = true,
			                  .cursor_col = 3,
			                  .cursor_row = 2 };
	if (f->screen_wide && guest == 3) {
		s->width = 1920;
		s->height = 60;
	}
	s->row = f->screen_row[f->screens++ % 2];
	return OK;
}

/* What is drawn: below, or noise, something like letters, columns, and longer than any run. */
enum { FAKE_GRADIENT, FAKE_NOISE, FAKE_LETTERS, FAKE_COLUMNS, FAKE_EVEN, FAKE_NR_PATTERNS };
static u32 fake_pattern __attribute__((unused));

static u32 fake_pixel(u32 x, u32 y)
{
	u32 n = (x * 2654435761u ^ y * 2246822519u) * 3266489917u;

	switch (fake_pattern) {
	case FAKE_NOISE: return n >> 8;
	case FAKE_LETTERS: return x % 9 < 7 && (n & 0x300) && y % 16 > 3 ? 0xaaaaaa : 0xaa0000;
	case FAKE_COLUMNS: return x * 0x070301 & 0xffffff;
	case FAKE_EVEN: return 0x00aaff;
	default: break;
	}
	return y < 40 ? x | y << 8 | (x ^ y) << 16 : 0x0000aa;
}

static bool fake_screen_pixels(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n, u8 *rgb)
{
	struct fake_mon *f = ctx;

	f->work++;
	if (f->screen_lost && !--f->screen_lost) {
		f->screen_generation++;
		f->screen_asker = ~asker;
		memset(f->screen_row, 0x5a, sizeof(f->screen_row));
	}
	if (f->screen_generation != generation || f->screen_asker != asker)
		return false;
	for (u32 i = 0; i < n; i++) {
		u32 v = fake_pixel(x + i, y);

		rgb[3 * i] = (u8)v;
		rgb[3 * i + 1] = (u8)(v >> 8);
		rgb[3 * i + 2] = (u8)(v >> 16);
	}
	return true;
}

static u32 fake_screen_same(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n)
{
	struct fake_mon *f = ctx;
	u32 nr = 0;

	f->work++;
	if (f->screen_generation != generation || f->screen_asker != asker)
		return 0;
	while (nr < n && nr < 50 && fake_pixel(x + nr, y) == fake_pixel(x + nr, y - 1))
		nr++;
	return nr;
}

static size_t fake_screen_text(void *ctx, u64 asker, u32 generation, u32 col, u32 row, u32 n, char *text)
{
	static const char *const rows[] = { "A:\\>dir", "", " \"\342\226\210\" 17", "exactly20characters!" };
	const char *p = rows[row];
	size_t len = 0;

	((struct fake_mon *)ctx)->work++;
	for (u32 i = 0; i < col + n; i++) {
		u32 bytes = !*p ? 0 : (u8)*p < 0x80 ? 1 : 3;

		if (i >= col) {
			memcpy(text + len, bytes ? p : " ", bytes ? bytes : 1);
			len += bytes ? bytes : 1;
		}
		p += bytes;
	}
	return len;
}

static void fake_screen_done(void *ctx, u64 asker, u32 generation)
{
	struct fake_mon *f = ctx;

	if (f->screen_generation == generation)
		f->screen_generation = 0;
}

static int fake_ready(void *ctx, u32 guest)
{
	struct fake_mon *f = ctx;

	f->readies++;
	f->last_guest = guest;
	return fake_guest_of(f, guest) ? OK : ERR_NOENT;
}

static void fake_machine(void *ctx, struct mon_machine *m)
{
	*m = (struct mon_machine){ .version = "0.1",
		                   .cpu_model = "Fake \"CPU\"",
		                   .cpus = FAKE_CPUS,
		                   .tsc_hz = 2000000000,
		                   .uptime_ns = 5000000000,
		                   .memory = 4ull << 30,
		                   .guest_memory = 3ull << 30,
		                   .hv_memory = 32ull << 20,
		                   .free_memory = 1ull << 30 };
}

static int fake_cpu(void *ctx, u32 cpu, struct mon_cpu *c)
{
	if (cpu >= FAKE_CPUS)
		return ERR_NOENT;
	*c = (struct mon_cpu){
		.apic_id = cpu * 2, .core = cpu, .busy_ns = 1000000000, .root_ns = 5000000, .vcpus = 2
	};
	return OK;
}

/* Wherever a command may pause, it does. */
static bool fake_piece_over(void *ctx)
{
	struct fake_mon *f = ctx;

	f->points++;
	f->most_work = MAX(f->most_work, f->work);
	f->work = 0;
	return true;
}

static int fake_poweroff(void *ctx, struct mon_why *why)
{
	struct fake_mon *f = ctx;
	int err = fake_failure(f, why);

	if (err == OK)
		f->off = true;
	return err;
}

static const struct mon_ops fake_ops = {
	.guest_info = fake_guest_info,
	.guest_name = fake_guest_name,
	.piece_over = fake_piece_over,
	.guest_detail = fake_detail,
	.action = fake_action,
	.set = fake_set,
	.exits = fake_exits,
	.exit_name = fake_exit_name,
	.sample = fake_sample,
	.regs = fake_regs,
	.state = fake_state,
	.trace_head = fake_trace_head,
	.trace = fake_trace,
	.log_read = fake_log_read,
	.console_read = fake_console_read,
	.console_input = fake_console_input,
	.send_keys = fake_send_keys,
	.eject = fake_eject,
	.insert = fake_insert,
	.screen = fake_screen,
	.screen_pixels = fake_screen_pixels,
	.screen_same = fake_screen_same,
	.screen_text = fake_screen_text,
	.screen_done = fake_screen_done,
	.ready = fake_ready,
	.machine = fake_machine,
	.cpu = fake_cpu,
	.poweroff = fake_poweroff,
};

static inline void fake_print(struct fake_guest *g, const char *text)
{
	vt_ring_write(&g->console, (const u8 *)text, strlen(text));
}

static inline void fake_log(struct fake_mon *f, const char *text)
{
	vt_ring_write(&f->log, (const u8 *)text, strlen(text));
}

/* Guests web (id 3, running), db (id 7, paused, 2 vCPUs) and batch-1 (id 9, crashed). */
static inline void fake_init(struct fake_mon *f)
{
	static const char *const names[] = { "web", "db", "batch-1" };
	static const u32 ids[] = { 3, 7, 9 };
	static const enum mon_state states[] = { MON_RUNNING, MON_PAUSED, MON_CRASHED };

	memset(f, 0, sizeof(*f));
	f->mon.ops = &fake_ops;
	f->mon.ctx = f;
	f->nr = FAKE_GUESTS;
	vt_ring_init(&f->log, f->log_buf, sizeof(f->log_buf));
	for (u32 i = 0; i < f->nr; i++) {
		struct fake_guest *g = &f->guests[i];

		g->info = (struct mon_guest_info){ .id = ids[i],
			                           .state = states[i],
			                           .vcpus = i + 1,
			                           .memory = 256ull << 20,
			                           .hv_bytes = 500000,
			                           .weight = 100,
			                           .pin = { { 3 } },
			                           .cpu_ns = 1500000000ull * (i + 1),
			                           .exits = 1000 };
		snprintf(g->info.name, sizeof(g->info.name), "%s", names[i]);
		g->exits[12] = 700;
		g->exits[10] = 250;
		g->exits[70] = 50;
		g->input_room = sizeof(g->typed);
		vt_ring_init(&g->console, g->console_buf, sizeof(g->console_buf));
	}
	snprintf(f->guests[2].info.reason, sizeof(f->guests[2].info.reason), "triple fault at 0x1000");
}
