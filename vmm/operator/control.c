/* The control channels (vmm/mon/ctl.h): over guests' serial ports and one
 * of the machine's, and the events they tell. */
#include "vmm/operator/control.h"

#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/serial.h"
#include "vmm/cpu/request.h"
#include "vmm/life/events.h"
#include "vmm/operator/console.h"
#include "vmm/operator/ops.h"
#include "vmm/operator/port.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

#define TAKEN        64u /* bytes at a time that a channel takes */
#define LOST_LOGGED  4   /* messages that some were lost, in a minute */
#define LOST_IN_TIME 60000000000ull

static u32 out_size;  /* of each channel's buffer */
static u32 nr_guests; /* that there will be */
static u32 watchers;  /* channels that a console is attached to; atomic */

void control_expect(u32 guests, u32 vcpus)
{
	out_size = ctl_out_size(guests, vcpus);
	nr_guests = guests;
}

/* What every channel needs beside itself. The stack last: it stays. */
struct channel {
	u8 *buf;
	struct mon_counts *rows;
	u64 stack;
};

static int alloc_channel(struct channel *c)
{
	c->buf = hv_zalloc(out_size);
	c->rows = hv_zalloc(MAX(nr_guests, 1u) * sizeof(*c->rows));
	c->stack = c->buf && c->rows ? hv_alloc_stack(CTL_STACK) : 0;
	if (c->stack)
		return OK;
	hv_zfree(c->buf, out_size);
	hv_zfree(c->rows, MAX(nr_guests, 1u) * sizeof(*c->rows));
	return ERR_NOMEM;
}

static void give_rows(struct ctl *c, const struct channel *from)
{
	c->scratch.rows = from->rows;
	c->scratch.nr_rows = nr_guests;
}

/* Keeps count. monitor_lock is held. */
static void count_watchers(const struct ctl *c, bool *counted)
{
	bool shows = c && ctl_shows(c);

	if (shows == *counted)
		return;
	*counted = shows;
	if (shows)
		atomic_fetch_add(&watchers, 1);
	else
		atomic_fetch_sub(&watchers, 1);
}

/* ---- over guests' serial ports ---- */

/* The channel of vm has work, for a turn of it. */
static void wake(struct vm *vm)
{
	if (!atomic_exchange(&vm->work.ends, 1))
		vcpu_request(vm->vcpus[0], VCPU_REQ_INPUT);
}

/* Puts what finds a place behind what is pending. */
static void put_pending(struct monitor_vm *m, const u8 *buf, size_t len)
{
	u32 size = sizeof(m->pending), at = (m->pending_at + m->nr_pending) % size, first;

	len = MIN(len, size - m->nr_pending);
	first = MIN((u32)len, size - at);
	memcpy(m->pending + at, buf, first);
	memcpy(m->pending, buf + first, len - first);
	m->nr_pending += (u32)len;
}

/* The guest sends. What finds no place is lost: that of one which never reads its answers. */
static void control_out(void *ctx, const u8 *buf, size_t len)
{
	struct vm *vm = ctx;
	struct monitor_vm *m = vm->monitor;
	struct vcpu *v = this_cpu()->current;
	bool due = false;

	if (!m->ctl)
		return;
	spin_lock(&m->ctl_lock);
	put_pending(m, buf, len);
	/* A line as a whole, or many bytes of one, are worth a piece. */
	due = m->nr_pending >= sizeof(m->pending) / 2 || memchr(buf, '\n', len);
	spin_unlock(&m->ctl_lock);
	if (!due)
		return;
	atomic_store(&vm->work.ends, 1);
	if (v && v->vm == vm)
		vcpu_request_self(v, VCPU_REQ_INPUT); /* at once, before it goes on */
	else
		wake(vm);
}

/* Gives the channel what it takes of what was sent, in this piece. Returns how much that was. */
static u32 take_pending(struct monitor_vm *m, struct ctl *c)
{
	u32 n, all = 0;

	do {
		spin_lock(&m->ctl_lock);
		n = MIN(m->nr_pending, (u32)sizeof(m->pending) - m->pending_at);
		n = (u32)ctl_input(c, (const char *)m->pending + m->pending_at, MIN(n, TAKEN));
		m->nr_pending -= n;
		m->pending_at = (m->pending_at + n) % (u32)sizeof(m->pending);
		spin_unlock(&m->ctl_lock);
		all += n;
	} while (n && !monitor_piece_over());
	return all;
}

/* A piece of what the channel has to do. In a turn of its guest, which goes on only when that is done. */
static void control_work(void *ctx)
{
	struct vm *vm = ctx;
	struct monitor_vm *m = vm->monitor;
	struct ctl *c;
	bool more;

	/* Another channel's piece is as short as this one's: no waiting, there may be better to do. */
	if (!m->ctl || !spin_trylock(&monitor_lock)) {
		atomic_store(&vm->work.ends, m->ctl != NULL);
		return;
	}
	/* First: what a console says, and what is sent, from now on comes with another one. */
	atomic_store(&vm->work.ends, 0);
	c = m->ctl;
	if (c) { /* else taken over just now */
		monitor_begin_piece();
		/* Each has a piece of its own. */
		more = take_pending(m, c) || ctl_poll(c, clock_now()) || m->nr_pending;
		count_watchers(c, &m->ctl_shows);
		if (obuf_ready(&c->out))
			atomic_store(&m->ctl_more, true);
		atomic_store(&m->ctl_full, more);
		/* control_room() looks the other way round. */
		if (more && ctl_can_go_on(c))
			atomic_store(&vm->work.ends, 1);
		monitor_end_piece(MONITOR_CHANNEL);
	}
	spin_unlock(&monitor_lock);
}

/* Answers and events, as far as the guest's UART has room. */
static void control_room(void *ctx)
{
	struct vm *vm = ctx;
	struct monitor_vm *m = vm->monitor;
	u8 buf[16];
	size_t n, room = 0;

	atomic_store(&m->ctl_more, false); /* first: the channel says more meanwhile */
	spin_lock(&m->ctl_lock);
	while (m->ctl && (room = serial_control_space(vm)) != 0) {
		n = ctl_output(m->ctl, buf, MIN(room, sizeof(buf)));
		if (!n)
			break;
		serial_control_input(vm, buf, n);
	}
	if (m->ctl && obuf_ready(&m->ctl->out))
		atomic_store(&m->ctl_more, true);
	if (m->ctl && atomic_load(&m->ctl_full) && ctl_can_go_on(m->ctl))
		atomic_store(&vm->work.ends, 1);
	spin_unlock(&m->ctl_lock);
}

static bool control_waits(const void *ctx)
{
	return atomic_load_relaxed(&((const struct vm *)ctx)->monitor->ctl_more);
}

/* The guest starts afresh: what it had begun to ask is forgotten. */
static void control_restart(void *ctx)
{
	struct monitor_vm *m = ((struct vm *)ctx)->monitor;

	spin_lock(&m->ctl_lock);
	m->pending_at = m->nr_pending = 0;
	if (m->ctl)
		ctl_forget_line(m->ctl);
	spin_unlock(&m->ctl_lock);
}

void control_add_vm(struct vm *vm)
{
	static const struct chr_ops ops = { .out = control_out,
		                            .waits = control_waits,
		                            .room = control_room,
		                            .work = control_work,
		                            .reset = control_restart };

	serial_set_end(vm, SERIAL_CONTROL, &(struct chr){ &ops, vm });
}

int monitor_add_control(struct vm *vm, const struct mon_rights *rights)
{
	struct monitor_vm *m = vm->monitor;
	struct ctl *c = hv_zalloc(sizeof(*c));
	struct channel with;

	if (!c || alloc_channel(&with) != OK) {
		hv_zfree(c, sizeof(*c));
		return ERR_NOMEM;
	}
	ctl_init(c, &monitor_mon, rights, with.buf, out_size, with.stack);
	give_rows(c, &with);
	c->self = vm->id;
	m->own = m->ctl = c;
	return OK;
}

/* monitor_lock is held. */
static void connect(struct vm *vm, struct ctl *c)
{
	struct monitor_vm *m = vm->monitor;

	spin_lock(&m->ctl_lock);
	m->ctl = c;
	m->pending_at = m->nr_pending = 0;
	spin_unlock(&m->ctl_lock);
	count_watchers(NULL, &m->ctl_shows);
}

void control_connect(struct vm *vm, const struct vm *of)
{
	struct ctl *c = of ? of->monitor->own : NULL;

	spin_lock(&monitor_lock);
	if (vm->monitor->ctl != c) {
		vm_for_each (other) /* which is about to be told so itself */
			if (c && other != vm && other->monitor && other->monitor->ctl == c)
				connect(other, NULL);
		if (c) {
			ctl_reset(c);
			c->self = vm->id;
		}
		connect(vm, c);
	}
	spin_unlock(&monitor_lock);
}

/* ---- over a serial port of the machine ---- */

static struct ctl_port *port;
static bool port_shows;         /* monitor_lock */
static bool port_told;          /* it has something to do or to say; atomic */
static u64 port_at = TIMER_OFF; /* it goes on then, clock_now() ns; for the bootstrap processor alone */

int monitor_add_control_port(struct console *con)
{
	struct ctl_port *p = hv_zalloc(sizeof(*p));
	struct channel with;

	if (!p || alloc_channel(&with) != OK) {
		hv_zfree(p, sizeof(*p));
		return ERR_NOMEM;
	}
	ctl_port_init(p, &monitor_mon, con, with.buf, out_size, with.stack);
	give_rows(&p->ctl, &with);
	monitor_watch(con);
	atomic_store_release(&port, p);
	return OK;
}

bool control_receive(void)
{
	if (!port || !ctl_port_receive(port))
		return false;
	atomic_store(&port_told, true);
	return true;
}

bool control_due(u64 now)
{
	/* It has its pace, and is left alone when there is nothing. */
	return port && (port_at == TIMER_OFF ? atomic_load(&port_told) : port_at <= now);
}

void control_run(void)
{
	u64 start = clock_now(), wait;

	atomic_store(&port_told, false); /* first: what is said from now on is told again */
	wait = ctl_port_run(port, start);
	count_watchers(&port->ctl, &port_shows);
	port_at = wait ? clock_now() + MAX(wait, monitor_rest(start)) : TIMER_OFF;
}

/* A guest may cause events as fast as it can ask for something: that costs the bootstrap processor no more than this. */
#define EVENTS_NS 1000000

static u64 events_at; /* told then, and not before, clock_now() ns; for the bootstrap processor alone */

/* The event that is told just now, and who comes next; NULL: none is. monitor_lock. */
static struct {
	struct mon_event ev;
	struct vm *to;
} telling;

u64 control_deadline(void)
{
	return life_any_event() || telling.to ? MIN(port_at, events_at) : port_at;
}

void control_finish(u64 until)
{
	/* At the line's pace: a UART that is looked at without a pause counts as stuck. */
	while (port && clock_now() < until) {
		u64 wait;

		monitor_begin_piece();
		wait = ctl_port_run(port, clock_now());
		if (!wait)
			break;
		for (wait += clock_now(); clock_now() < wait;)
			cpu_pause();
	}
	atomic_store_relaxed(&port, NULL);
	port_at = TIMER_OFF;
}

/* ---- what guests print ---- */

static bool shows(const struct ctl *c, const struct vm *vm)
{
	for (u32 i = 0; i < CTL_CONSOLES; i++)
		if (c->consoles[i].used && c->consoles[i].guest == vm->id)
			return true;
	return false;
}

/* A look without the lock is good enough: who attaches just now reads what is there. */
void control_tell_output(const struct vm *vm)
{
	const struct ctl_port *p = atomic_load_acquire(&port);

	if (!atomic_load_relaxed(&watchers)) /* as nearly always */
		return;
	if (p && shows(&p->ctl, vm) && !atomic_exchange(&port_told, true))
		housekeep_soon();
	vm_for_each (to) {
		const struct ctl *c = to->monitor ? atomic_load_relaxed(&to->monitor->ctl) : NULL;

		if (c && shows(c, vm))
			wake(to);
	}
}

/* ---- events ---- */

static bool next_event(void)
{
	if (!life_next_event(&telling.ev))
		return false;
	telling.to = vm_list;
	if (port) {
		ctl_event(&port->ctl, &telling.ev);
		atomic_store(&port_told, true);
	}
	return true;
}

bool control_tell_events(bool all)
{
	static struct log_limit lost_limit;
	u32 suppressed;
	u64 lost, now = clock_now();

	if ((!life_any_event() && !telling.to) || (!all && now < events_at))
		return false;
	lost = life_events_lost();
	if (lost && log_limit_ok(&lost_limit, now, LOST_LOGGED, LOST_IN_TIME, &suppressed))
		log_warn("monitor: %lu events were lost\n", lost);
	while (telling.to || next_event()) {
		struct vm *vm = telling.to;

		if (!all && monitor_piece_over())
			break;
		if (vm && vm->monitor && vm->monitor->ctl) {
			ctl_event(vm->monitor->ctl, &telling.ev);
			wake(vm);
		}
		telling.to = vm ? vm->next : NULL;
	}
	events_at = clock_now() + (telling.to ? monitor_rest(now) : EVENTS_NS);
	return true;
}
