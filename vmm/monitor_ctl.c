/* The control channels (vmm/mon/ctl.h): over guests' serial ports, and the events they tell. */
#include "vmm/monitor_ctl.h"

#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/monitor.h"
#include "vmm/monitor_ops.h"
#include "vmm/run.h"
#include "vmm/vm.h"

#define CTL_BUFFER (64u << 10)
#define EVENTS     32

/* ---- control channels ---- */

void monitor_control_output(struct vm *vm, const u8 *buf, size_t len)
{
	struct monitor_vm *m = vm->monitor;
	size_t taken;

	if (!m || !m->ctl)
		return;
	spin_lock(&monitor_lock);
	if (!m->ctl) { /* taken over just now */
		spin_unlock(&monitor_lock);
		return;
	}
	taken = m->nr_pending ? 0 : ctl_input(m->ctl, (const char *)buf, len, run_now());
	/* What it does not take now, it takes when answers were read: a guest that never reads loses its own
	 * requests. */
	len = MIN(len - taken, sizeof(m->pending) - m->nr_pending);
	memcpy(m->pending + m->nr_pending, buf + taken, len);
	m->nr_pending += (u32)len;
	__atomic_store_n(&m->ctl_more, true, __ATOMIC_SEQ_CST);
	spin_unlock(&monitor_lock);
}

/* Retries what was not taken, then answers and events as far as the guest's UART has room. */
void monitor_control_pull(struct vm *vm)
{
	struct monitor_vm *m = vm->monitor;
	u8 buf[16];
	size_t n, room;
	bool more;

	if (!m || !m->ctl)
		return;
	spin_lock(&monitor_lock);
	/* First: what a console says from now on comes with another one. */
	__atomic_store_n(&m->ctl_more, false, __ATOMIC_SEQ_CST);
	if (!m->ctl) { /* taken over just now */
		spin_unlock(&monitor_lock);
		return;
	}
	if (m->nr_pending) {
		u32 taken = (u32)ctl_input(m->ctl, (const char *)m->pending, m->nr_pending, run_now());

		memmove(m->pending, m->pending + taken, m->nr_pending - taken);
		m->nr_pending -= taken;
	}
	more = ctl_poll(m->ctl, run_now()) || m->nr_pending;
	while ((room = devices_control_space(vm)) != 0) {
		n = ctl_output(m->ctl, buf, MIN(room, sizeof(buf)));
		if (!n)
			break;
		devices_control_input(vm, buf, n);
	}
	if (more || !room)
		__atomic_store_n(&m->ctl_more, true, __ATOMIC_SEQ_CST);
	spin_unlock(&monitor_lock);
}

bool monitor_control_waits(const struct vm *vm)
{
	return vm->monitor && __atomic_load_n(&vm->monitor->ctl_more, __ATOMIC_RELAXED);
}

int monitor_add_control(struct vm *vm, const struct mon_rights *rights)
{
	struct monitor_vm *m = vm->monitor;
	struct ctl *c = hv_zalloc(sizeof(*c));
	u8 *buf = hv_zalloc(CTL_BUFFER);

	if (!c || !buf) {
		hv_zfree(c, sizeof(*c));
		hv_zfree(buf, CTL_BUFFER);
		return ERR_NOMEM;
	}
	ctl_init(c, &monitor_mon, rights, buf, CTL_BUFFER);
	m->ctl = c;
	return OK;
}

void monitor_move_control(struct vm *from, struct vm *to)
{
	spin_lock(&monitor_lock);
	to->monitor->ctl = from->monitor->ctl;
	from->monitor->ctl = NULL;
	if (to->monitor->ctl)
		ctl_reset(to->monitor->ctl);
	spin_unlock(&monitor_lock);
}

/* Control channels that vm's console is attached to have something to say. A look without the lock is good enough:
 * who attaches just now reads what is there. */
void control_tell_output(const struct vm *vm)
{
	for (struct vm *to = vm_list; to; to = to->next) {
		const struct ctl *c = to->monitor ? __atomic_load_n(&to->monitor->ctl, __ATOMIC_RELAXED) : NULL;

		for (u32 i = 0; c && i < CTL_CONSOLES; i++) {
			if (!c->consoles[i].used || c->consoles[i].guest != vm->id)
				continue;
			if (!__atomic_exchange_n(&to->monitor->ctl_more, true, __ATOMIC_SEQ_CST))
				vcpu_request(to->vcpus[0], VCPU_REQ_EVENT);
		}
	}
}

/* ---- events ---- */

/* Posted with any lock held, told by monitor_poll. */
static struct {
	struct spinlock lock;
	struct mon_event ev[EVENTS];
	u32 first, nr;
	u64 lost;
} events;

void monitor_event(const struct vm *vm, enum mon_event_kind kind, const char *reason)
{
	struct mon_event *ev;

	spin_lock(&events.lock);
	if (events.nr == EVENTS) {
		events.lost++;
	} else {
		ev = &events.ev[(events.first + events.nr++) % EVENTS];
		*ev = (struct mon_event){ .kind = kind, .guest = vm->id, .time_ns = run_now() };
		fmt_snprintf(ev->name, sizeof(ev->name), "%s", vm->config.name);
		fmt_snprintf(ev->reason, sizeof(ev->reason), "%s", reason);
	}
	spin_unlock(&events.lock);
	run_poll_soon();
}

static bool next_event(struct mon_event *ev)
{
	bool any;

	spin_lock(&events.lock);
	any = events.nr;
	if (any) {
		*ev = events.ev[events.first];
		events.first = (events.first + 1) % EVENTS;
		events.nr--;
	}
	spin_unlock(&events.lock);
	return any;
}

void control_tell_events(void)
{
	struct mon_event ev;
	u64 lost;

	spin_lock(&events.lock);
	lost = events.lost;
	events.lost = 0;
	spin_unlock(&events.lock);
	if (lost)
		log_warn("monitor: %lu events were lost\n", lost);
	while (next_event(&ev)) {
		for (struct vm *vm = vm_list; vm; vm = vm->next) {
			if (!vm->monitor || !vm->monitor->ctl)
				continue;
			ctl_event(vm->monitor->ctl, &ev);
			__atomic_store_n(&vm->monitor->ctl_more, true, __ATOMIC_SEQ_CST);
			vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT);
		}
	}
}
