/*
 * The monitor's places in the hypervisor. While there is a mux, all that is printed goes through it, the log's lines
 * too: whoever logs or prints only leaves the text in its ring and tells the bootstrap processor, which writes as
 * much as the consoles take without waiting, at their pace. Before and after, the log is written as it comes. Locks,
 * in this order: a VM's, which guest output comes with; monitor_lock around the mux and the control channels, whose
 * commands therefore never take a VM's; a channel's (ctl_lock), a scroll-back's, the log's; out_lock around the
 * consoles.
 *
 * Whatever is done with monitor_lock is done in pieces of less than 50 us. On the bootstrap processor, at nobody's
 * expense, they take a tenth of its time at most; a guest's control channel is served in its own turns.
 */
#include "vmm/operator/console.h"

#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/serial.h"
#include "vmm/cpu/request.h"
#include "vmm/life/hooks.h"
#include "vmm/mon/mux.h"
#include "vmm/operator/control.h"
#include "vmm/operator/ops.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

#define MAX_CONSOLES 4
#define KEYS         64
#define KEY_ROUNDS   8           /* of as many, at a time: a broken port may have keys for ever */
#define KEYS_NS      1000000     /* after which keys that were not taken are tried again */
#define MUX_MIN      (32u << 10) /* least size of the console's buffer, which holds any answer */
#define GUEST_TEXT   160u        /* of an answer, for each guest that it lists */
#define VCPU_TEXT    2048u       /* for each vCPU that it shows */
#define SCROLL_BACK  (16u << 10)
#define COLUMNS      80
#define GATHER_NS    1000000           /* after output, in which more is gathered: a guest's comes byte by byte */
#define OUTPUT_CHUNK 16                /* as many keys at most come meanwhile: what the UART holds */
#define OUTPUT_STEP  4                 /* bytes between two looks at the time: each may scroll a screen */
#define BACKLOG_MAX  (SCROLL_BACK / 2) /* of the attached guest, beyond which it waits for the console */
#define REDRAW_NS    30000000 /* from a screen drawn to its next redraw: what comes meanwhile is drawn at once */
#define DRAW_NS      15000    /* drawn in one go, and the last piece; then others have four times as long */
#define RELEASE_MAX  4096     /* bytes of what waits that are still shown in a panic */
#define FINISH_NS    10000000000ull /* at the end all gets out that a slow console can take in this time */

static struct console *consoles[MAX_CONSOLES];
static struct log_sink sinks[MAX_CONSOLES];
static u32 nr_consoles;
static struct console *inputs[MAX_CONSOLES + 1]; /* those with input, and the control channel's */
static u32 nr_inputs;
static u64 looked_at; /* all of them were looked at, clock_now() ns */
static struct spinlock out_lock;
static struct mux mux;
static bool ready;              /* the mux has the console */
static bool released;           /* nothing but the log any more */
static u32 poked;               /* the bootstrap processor will look for new output */
static u64 more_at = TIMER_OFF; /* monitor_lock: the mux goes on then, and not before, clock_now() ns */
static u64 draw_at = TIMER_OFF; /* monitor_lock: screens are drawn then; TIMER_OFF: all is shown */
static u64 drawn_at;            /* monitor_lock: it was then */
static u8 keys[KEYS];
static u32 nr_keys;
static u32 to_do; /* monitor_lock: parts of monitor_poll()'s round that are still to come, a bit each */

/* ---- the consoles ---- */

/* out_lock is held, or nobody else runs any more. */
static void put_all(const char *text, size_t len)
{
	for (u32 i = 0; i < nr_consoles; i++)
		if (consoles[i]->write)
			consoles[i]->write(consoles[i], text, len);
}

/* A piece of each screen. out_lock is held, or nobody else runs any more. Returns whether there is more. */
static bool show_piece(void)
{
	bool more = false;

	for (u32 i = 0; i < nr_consoles; i++)
		more |= consoles[i]->show && consoles[i]->show(consoles[i]);
	return more;
}

static void show_all(void)
{
	while (show_piece())
		;
}

/*
 * monitor_lock is held, draw_at has come. Some of what the screens do not show yet; a fifth of the processor's time at
 * most.
 */
static void redraw(u64 now)
{
	u64 start = now;
	bool more;

	do {
		spin_lock(&out_lock);
		more = show_piece();
		spin_unlock(&out_lock);
		now = clock_now();
	} while (more && now < start + DRAW_NS);
	if (!more)
		drawn_at = now;
	atomic_store(&draw_at, more ? now + 4 * (now - start) : TIMER_OFF);
}

/* monitor_lock is held. */
static void put_text(char *text, size_t len)
{
	size_t n = 0;

	/* Consoles put a carriage return before each line feed themselves. */
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
			text[n++] = text[i];
	spin_lock(&out_lock);
	put_all(text, n);
	spin_unlock(&out_lock);
	if (draw_at == TIMER_OFF)
		atomic_store(&draw_at, drawn_at + REDRAW_NS);
}

static bool at_prompt(void)
{
	enum mux_mode m = atomic_load_relaxed(&mux.mode);

	return atomic_load_relaxed(&ready) && (m == MUX_PROMPT || m == MUX_REPEAT);
}

/* There is something for the mux to read. With any lock held. */
static void poke(void)
{
	if (!atomic_exchange(&poked, 1))
		housekeep_soon();
}

static void sink_write(void *ctx, const char *text, size_t len)
{
	struct console *con = ctx;

	if (released) { /* a lock's owner may never come back */
		con->write(con, text, len);
		show_all();
	} else if (atomic_load(&ready)) {
		poke();
	} else {
		spin_lock(&out_lock);
		con->write(con, text, len);
		show_all();
		spin_unlock(&out_lock);
	}
}

void monitor_add_console(struct console *con)
{
	if (nr_consoles == MAX_CONSOLES)
		return;
	consoles[nr_consoles] = con;
	sinks[nr_consoles] = (struct log_sink){ .write = sink_write, .ctx = con };
	nr_consoles++;
	if (con->getc)
		monitor_watch(con);
	if (con->write)
		log_add_sink(&sinks[nr_consoles - 1]);
}

void monitor_watch(struct console *con)
{
	if (nr_inputs < ARRAY_SIZE(inputs))
		inputs[nr_inputs++] = con;
}

/* When those that nobody tells of have to be looked at, clock_now() ns. */
static u64 poll_deadline(void)
{
	u32 ns = 0;

	for (u32 i = 0; i < nr_inputs; i++)
		if (inputs[i]->poll_ns && (!ns || inputs[i]->poll_ns < ns))
			ns = inputs[i]->poll_ns;
	return ns ? looked_at + ns : TIMER_OFF;
}

static bool read_keys(void)
{
	u32 before = nr_keys;

	for (u32 i = 0; i < nr_consoles; i++) {
		while (consoles[i]->getc && nr_keys < KEYS) {
			int c = consoles[i]->getc(consoles[i]);

			if (c < 0)
				break;
			keys[nr_keys++] = (u8)c;
		}
	}
	return nr_keys > before;
}

/* Until a whole round had nothing: ports that share an edge-triggered interrupt say no more while one of them holds
 * the line. On the bootstrap processor. */
static void read_ports(void)
{
	bool any;

	do {
		any = read_keys();
		any |= control_receive();
	} while (any);
}

/* Bytes that all consoles take at once; *wait: else ns until they take some. */
static u32 console_room(u64 *wait)
{
	u32 room = OUTPUT_CHUNK;

	*wait = 0;
	for (u32 i = 0; i < nr_consoles; i++) {
		u32 r = consoles[i]->room ? consoles[i]->room(consoles[i]) : OUTPUT_CHUNK;

		room = MIN(room, r);
		if (!r)
			*wait = MAX(*wait, (u64)consoles[i]->wait_ns);
	}
	return room;
}

/*
 * The time is up: of the piece, which is longer while there is only text to show, or, at the end of all, when it is
 * waited for the consoles, until.
 */
static bool time_up(u64 until, bool block)
{
	if (block)
		return clock_now() >= until;
	return mux.task.busy || mux.mode == MUX_REPEAT ? monitor_piece_over() : monitor_text_over();
}

/*
 * monitor_lock is held. Writes some of what the mux has, and what follows up to room bytes while the time is not up.
 */
static void put_some(u32 room, u64 until, bool block)
{
	char buf[OUTPUT_STEP];

	do {
		u32 n = (u32)mux_output(&mux, (u8 *)buf, MIN(room, (u32)sizeof(buf)));

		put_text(buf, n);
		room -= n;
	} while (room && obuf_used(&mux.out) && !time_up(until, block));
}

/*
 * monitor_lock is held. Writes what the mux has: until that is all, the time is up, or, unless it is to be waited for
 * (block), the consoles are full. Returns how long what is left should wait, ns; 0: there is none.
 */
static u64 drain(u64 until, bool block)
{
	u64 wait = 0;

	while (obuf_used(&mux.out)) {
		u32 room;

		spin_lock(&out_lock);
		room = console_room(&wait);
		spin_unlock(&out_lock);
		if (!room && !block)
			return wait;
		put_some(MAX(room, 1u), until, block);
		if (!this_cpu()->index)
			read_ports();
		/* Behind what is written: the mux alone may have taken the piece, each time. */
		if (obuf_used(&mux.out) && time_up(until, block))
			return 1;
	}
	return 0;
}

/* vm's console is shown, and more than limit bytes of it are not read yet. */
static bool behind(const struct vm *vm, u64 limit)
{
	return atomic_load(&ready) && !at_prompt() && atomic_load(&mux.guest) == vm->id && vm->monitor &&
	       vm->monitor->scroll.head - atomic_load(&mux.guest_pos) > limit;
}

/* The vCPU that printed waits as on a real serial line, but others run meanwhile. */
static void stall(const struct vm *vm)
{
	struct vcpu *v = this_cpu()->current;

	if (!v || v->vm != vm || v->stalled)
		return;
	vcpu_stall(v);
	/* unstall_all() looks the other way round. */
	if (!behind(vm, BACKLOG_MAX))
		vcpu_unstall(v);
}

static void unstall_all(void)
{
	if (!vcpu_any_stalled())
		return;
	vm_for_each (vm)
		for (u32 i = 0; i < vm->nr_vcpus && !behind(vm, BACKLOG_MAX / 2); i++)
			if (atomic_load(&vm->vcpus[i]->stalled)) {
				vcpu_unstall(vm->vcpus[i]);
				vcpu_request(vm->vcpus[i], VCPU_REQ_EVENT);
			}
}

/* monitor_lock is held. */
static void run_mux(u64 until, bool block)
{
	u64 wait, start = clock_now();
	bool more, some = false;

	atomic_store(&poked, 0); /* first: what is said from now on is told again */
	do {
		if (block)
			monitor_begin_piece();
		more = mux_poll(&mux, clock_now());
		some |= obuf_used(&mux.out) != 0;
		/* It has taken all the time for text: that is written in a piece to come, before more is read than fits. */
		if (!block && !mux.task.busy && mux.mode != MUX_REPEAT && monitor_text_over())
			wait = 1;
		else
			wait = drain(until, block);
		/* A line is much for a piece: none is begun where there is only time to write. */
	} while (more && !wait && !time_up(until, block) && (block || !monitor_piece_over()));
	unstall_all();
	if (more && !wait)
		wait = 1;
	/* A UART may be slow to take a byte: at most a fifth of the processor's time. */
	if (wait)
		wait = MAX(wait, monitor_rest(start));
	else if (some)
		wait = GATHER_NS;
	atomic_store(&more_at, wait ? clock_now() + wait : TIMER_OFF);
	if (wait)
		atomic_store(&poked, 1); /* nobody needs to tell: it looks then */
	if (wait && this_cpu()->index)
		housekeep_soon();
}

/* ---- keys ---- */

static void give_keys(void)
{
	u32 taken = 0, n;

	do {
		n = (u32)mux_input(&mux, keys + taken, nr_keys > taken, clock_now()); /* one may draw a line */
		taken += n;
	} while (n && !monitor_piece_over());
	memmove(keys, keys + taken, nr_keys - taken);
	nr_keys -= taken;
}

/* monitor_lock is held. What finds no room stays in the consoles, which do not interrupt for it again. */
static void take_keys(void)
{
	u32 rounds = 0;
	bool full;

	do {
		full = nr_keys == KEYS;
		if (nr_keys)
			give_keys();
		if (full)
			(void)read_keys();
	} while (full && nr_keys && ++rounds < KEY_ROUNDS && !monitor_piece_over());
}

/* ---- guests ---- */

static void guest_output(void *ctx, const u8 *buf, size_t len)
{
	struct vm *vm = ctx;
	struct monitor_vm *m = vm->monitor;

	spin_lock(&m->scroll_lock);
	vt_ring_write(&m->scroll, buf, len);
	spin_unlock(&m->scroll_lock);
	control_tell_output(vm);
	if (!ready || at_prompt() || atomic_load_relaxed(&mux.guest) != vm->id)
		return;
	poke();
	if (behind(vm, BACKLOG_MAX))
		stall(vm);
}

int monitor_add_vm(struct vm *vm)
{
	static const struct chr_ops ops = { .out = guest_output };
	struct monitor_vm *m = hv_zalloc(sizeof(*m));
	u8 *scroll = hv_zalloc(SCROLL_BACK);

	if (!m || !scroll) {
		hv_zfree(m, sizeof(*m));
		hv_zfree(scroll, SCROLL_BACK);
		return ERR_NOMEM;
	}
	vt_ring_init(&m->scroll, scroll, SCROLL_BACK);
	vm->monitor = m;
	serial_set_end(vm, SERIAL_CONSOLE, &(struct chr){ &ops, vm });
	control_add_vm(vm);
	return OK;
}

static void move_console(const struct vm *from, const struct vm *to)
{
	spin_lock(&monitor_lock);
	if (ready && mux.mode != MUX_PROMPT && mux.has_guest && mux.guest == from->id) {
		(void)mux_attach(&mux, to->id, MON_TAIL_SHORT);
		poke();
	}
	spin_unlock(&monitor_lock);
}

/* ---- everything ---- */

static bool do_screens(u64 now)
{
	if (draw_at > now)
		return false;
	redraw(now);
	return true;
}

static bool do_keys(u64 now)
{
	if (!nr_keys)
		return false;
	take_keys();
	return true;
}

static bool do_events(u64 now)
{
	return control_tell_events(false);
}

static bool do_port(u64 now)
{
	if (!control_due(now))
		return false;
	control_run();
	return true;
}

static bool do_mux(u64 now)
{
	if (more_at != TIMER_OFF && more_at > now)
		return false;
	run_mux(0, false);
	return true;
}

/*
 * A round is what there is to do of each part; a call is one of these, with a piece of its own: the processor looks for
 * others between them.
 */
void monitor_poll(void)
{
	static bool (*const parts[])(u64 now) = { do_screens, do_keys, do_events, do_port, do_mux };
	bool done = false;
	u64 now;

	if (!ready)
		return;
	now = clock_now();
	looked_at = now;
	read_ports();
	spin_lock(&monitor_lock);
	monitor_begin_piece();
	if (!to_do)
		to_do = BIT(ARRAY_SIZE(parts)) - 1;
	while (to_do && !done) {
		u32 i = (u32)__builtin_ctz(to_do);

		to_do &= to_do - 1;
		done = parts[i](now);
	}
	monitor_end_piece(MONITOR_CONSOLE);
	spin_unlock(&monitor_lock);
}

void monitor_release(void)
{
	u64 pos = mux.log_pos - mux.log_len, end = UINT64_MAX;
	char text[256];
	size_t n;

	_Static_assert(sizeof(text) >= VT_RESET_MAX, "the terminal's reset");
	released = true;
	if (!atomic_exchange(&ready, false))
		return;
	/* Not all of a long backlog: what comes now matters more. */
	while ((n = mux_output(&mux, (u8 *)text, sizeof(text))) != 0)
		if (obuf_used(&mux.out) < RELEASE_MAX)
			put_all(text, n);
	(void)log_ring_read_at(&end, text, 0); /* moves it to the end */
	pos = end - pos > RELEASE_MAX ? end - RELEASE_MAX : pos;
	put_all(text, mux_leave(&mux, (u8 *)text));
	while ((n = log_ring_read_at(&pos, text, sizeof(text))) != 0)
		put_all(text, n);
	show_all();
}

u64 monitor_deadline(void)
{
	u64 at = atomic_load_relaxed(&more_at); /* nothing is done before that */

	if (!ready)
		return TIMER_OFF;
	if (atomic_load_relaxed(&to_do))
		return clock_now();
	if (at == TIMER_OFF)
		at = mux_deadline(&mux);
	at = MIN(MIN(at, control_deadline()), atomic_load_relaxed(&draw_at));
	at = MIN(at, poll_deadline());
	return nr_keys ? MIN(at, clock_now() + KEYS_NS) : at;
}

void monitor_finish(void)
{
	spin_lock(&monitor_lock);
	if (ready) {
		monitor_tell_pieces();
		(void)control_tell_events(true);
		if (mux.mode == MUX_REPEAT) { /* which shows no log: any key ends it */
			u64 until = clock_now() + FINISH_NS / 4;

			do {
				monitor_begin_piece();
				(void)mux_poll(&mux, clock_now());
				(void)drain(until, true);
			} while (mux.task.busy && clock_now() < until);
			(void)mux_input(&mux, (const u8 *)"q", 1, clock_now());
		}
		run_mux(clock_now() + FINISH_NS, true);
		show_all();
		control_finish(clock_now() + FINISH_NS);
	}
	atomic_store(&ready, false);
	spin_unlock(&monitor_lock);
}

void monitor_expect(u32 guests, u32 vcpus)
{
	control_expect(guests, vcpus);
	life_hooks.move_console = move_console;
	life_hooks.connect_control = control_connect;
}

int monitor_init(bool ascii)
{
	u32 guests = 0, vcpus = 0, size;
	u64 stack;
	u8 *buf;

	for (const struct vm *vm = vm_list; vm; vm = vm->next, guests++)
		vcpus = MAX(vcpus, vm->nr_vcpus);
	size = MAX(MUX_MIN, guests * GUEST_TEXT + vcpus * VCPU_TEXT);
	buf = hv_zalloc(size);
	stack = hv_alloc_stack(MUX_STACK);
	if (!buf || !stack)
		return ERR_NOMEM;
	monitor_mon.ops = &monitor_ops;
	mux_init(&mux, &monitor_mon, buf, size, stack, COLUMNS, ascii, clock_now());
	for (struct vm *vm = vm_list; vm && !mux.has_guest; vm = vm->next)
		for (u32 i = 0; i < CONFIG_NR_COM && !mux.has_guest; i++)
			if (vm->config.com[i] == VM_SERIAL_CONSOLE)
				(void)mux_attach(&mux, vm->id, MON_TAIL_SHORT);
	atomic_store_release(&ready, true);
	return OK;
}
