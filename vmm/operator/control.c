/* The control channels (vmm/mon/ctl.h): over guests' serial ports and one
 * of the machine's, and the events they tell. */
#include "vmm/operator/control.h"

#include "arch/x86/cpu.h"
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

#define LOST_LOGGED  4 /* messages that some were lost, in a minute */
#define LOST_IN_TIME 60000000000ull

static u32 out_size; /* of each channel's buffer */

void control_expect(u32 guests, u32 vcpus)
{
	out_size = ctl_out_size(guests, vcpus);
}

/* ---- over guests' serial ports ---- */

static void control_out(void *ctx, const u8 *buf, size_t len)
{
	struct monitor_vm *m = ((struct vm *)ctx)->monitor;
	size_t taken;

	if (!m->ctl)
		return;
	spin_lock(&monitor_lock);
	if (!m->ctl) { /* taken over just now */
		spin_unlock(&monitor_lock);
		return;
	}
	taken = m->nr_pending ? 0 : ctl_input(m->ctl, (const char *)buf, len, clock_now());
	/* What it does not take now, it takes when answers were read:
	 * a guest that never reads loses its own requests. */
	len = MIN(len - taken, sizeof(m->pending) - m->nr_pending);
	memcpy(m->pending + m->nr_pending, buf + taken, len);
	m->nr_pending += (u32)len;
	atomic_store(&m->ctl_more, true);
	spin_unlock(&monitor_lock);
}

/* Retries what was not taken, then answers and events as far as the guest's UART has room. */
static void control_room(void *ctx)
{
	struct vm *vm = ctx;
	struct monitor_vm *m = vm->monitor;
	u8 buf[16];
	size_t n, room;
	bool more;

	if (!m->ctl)
		return;
	spin_lock(&monitor_lock);
	/* First: what a console says from now on comes with another one. */
	atomic_store(&m->ctl_more, false);
	if (!m->ctl) { /* taken over just now */
		spin_unlock(&monitor_lock);
		return;
	}
	if (m->nr_pending) {
		u32 taken = (u32)ctl_input(m->ctl, (const char *)m->pending, m->nr_pending, clock_now());

		memmove(m->pending, m->pending + taken, m->nr_pending - taken);
		m->nr_pending -= taken;
	}
	more = ctl_poll(m->ctl, clock_now()) || m->nr_pending;
	while ((room = serial_control_space(vm)) != 0) {
		n = ctl_output(m->ctl, buf, MIN(room, sizeof(buf)));
		if (!n)
			break;
		serial_control_input(vm, buf, n);
	}
	if (more || !room)
		atomic_store(&m->ctl_more, true);
	spin_unlock(&monitor_lock);
}

static bool control_waits(const void *ctx)
{
	return atomic_load_relaxed(&((const struct vm *)ctx)->monitor->ctl_more);
}

/* The guest starts afresh: what it had begun to ask is forgotten. */
static void control_restart(void *ctx)
{
	struct monitor_vm *m = ((struct vm *)ctx)->monitor;

	spin_lock(&monitor_lock);
	m->nr_pending = 0;
	if (m->ctl)
		ctl_forget_line(m->ctl);
	spin_unlock(&monitor_lock);
}

void control_add_vm(struct vm *vm)
{
	static const struct chr_ops ops = {
		.out = control_out, .waits = control_waits, .room = control_room, .reset = control_restart
	};

	serial_set_end(vm, SERIAL_CONTROL, &(struct chr){ &ops, vm });
}

int monitor_add_control(struct vm *vm, const struct mon_rights *rights)
{
	struct monitor_vm *m = vm->monitor;
	struct ctl *c = hv_zalloc(sizeof(*c));
	u8 *buf = hv_zalloc(out_size);

	if (!c || !buf) {
		hv_zfree(c, sizeof(*c));
		hv_zfree(buf, out_size);
		return ERR_NOMEM;
	}
	ctl_init(c, &monitor_mon, rights, buf, out_size);
	c->self = vm->id;
	m->own = m->ctl = c;
	return OK;
}

void control_connect(struct vm *vm, const struct vm *of)
{
	struct monitor_vm *m = vm->monitor;
	struct ctl *c = of ? of->monitor->own : NULL;

	spin_lock(&monitor_lock);
	if (m->ctl != c) {
		m->ctl = c;
		m->nr_pending = 0;
		if (c) {
			ctl_reset(c);
			c->self = vm->id;
		}
	}
	spin_unlock(&monitor_lock);
}

/* ---- over a serial port of the machine ---- */

static struct ctl_port *port;
static bool port_told;          /* it has something to do or to say; atomic */
static u64 port_at = TIMER_OFF; /* it goes on then, clock_now() ns; for the bootstrap processor alone */

int monitor_add_control_port(struct console *con)
{
	struct ctl_port *p = hv_zalloc(sizeof(*p));
	u8 *buf = hv_zalloc(out_size);

	if (!p || !buf) {
		hv_zfree(p, sizeof(*p));
		hv_zfree(buf, out_size);
		return ERR_NOMEM;
	}
	ctl_port_init(p, &monitor_mon, con, buf, out_size);
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

void control_run(u64 now)
{
	u32 wait;

	/* It has its pace, and is left alone when there is nothing. */
	if (!port || (port_at == TIMER_OFF ? !atomic_load(&port_told) : port_at > now))
		return;
	atomic_store(&port_told, false); /* first: what is said from now on is told again */
	wait = ctl_port_run(port, now);
	port_at = wait ? now + wait : TIMER_OFF;
}

/* A guest may cause events as fast as it can ask for something: that costs the bootstrap processor no more than this. */
#define EVENTS_NS 1000000

static u64 events_at; /* told then, and not before, clock_now() ns; for the bootstrap processor alone */

u64 control_deadline(void)
{
	return life_any_event() ? MIN(port_at, events_at) : port_at;
}

void control_finish(u64 until)
{
	while (port && clock_now() < until && ctl_port_run(port, clock_now()))
		cpu_pause();
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

	if (p && shows(&p->ctl, vm) && !atomic_exchange(&port_told, true))
		housekeep_soon();
	vm_for_each (to) {
		const struct ctl *c = to->monitor ? atomic_load_relaxed(&to->monitor->ctl) : NULL;

		if (c && shows(c, vm) && !atomic_exchange(&to->monitor->ctl_more, true))
			vcpu_request(to->vcpus[0], VCPU_REQ_INPUT);
	}
}

/* ---- events ---- */

void control_tell_events(bool all)
{
	static struct log_limit lost_limit;
	struct mon_event ev;
	u32 suppressed;
	u64 lost, now = clock_now();

	if (!life_any_event() || (!all && now < events_at))
		return;
	events_at = now + EVENTS_NS;
	lost = life_events_lost();

	if (lost && log_limit_ok(&lost_limit, clock_now(), LOST_LOGGED, LOST_IN_TIME, &suppressed))
		log_warn("monitor: %lu events were lost\n", lost);
	while (life_next_event(&ev)) {
		if (port) {
			ctl_event(&port->ctl, &ev);
			atomic_store(&port_told, true);
		}
		vm_for_each (vm) {
			if (!vm->monitor || !vm->monitor->ctl)
				continue;
			ctl_event(vm->monitor->ctl, &ev);
			atomic_store(&vm->monitor->ctl_more, true);
			vcpu_request(vm->vcpus[0], VCPU_REQ_INPUT);
		}
	}
}
