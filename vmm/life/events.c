/* What happened to guests, kept until the operator's side tells it. */
#include "vmm/life/events.h"

#include "arch/x86/lock.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "vmm/cpu/request.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

#define EVENTS 32

/* Posted with any lock held, told by the operator's side. */
static struct {
	struct spinlock lock;
	struct mon_event ev[EVENTS];
	u32 first, nr; /* nr: atomic */
	u64 lost;
} events;

/* That vm's share was changed is told already: whoever is told looks at what it is then. events.lock is held. */
static bool waits(const struct vm *vm, enum mon_event_kind kind)
{
	for (u32 i = 0; i < events.nr && kind == MON_EV_CHANGED; i++) {
		const struct mon_event *ev = &events.ev[(events.first + i) % EVENTS];

		if (ev->kind == kind && ev->guest == vm->id)
			return true;
	}
	return false;
}

void life_event(const struct vm *vm, enum mon_event_kind kind, const char *reason)
{
	struct mon_event *ev;
	bool first;

	spin_lock(&events.lock);
	first = !events.nr;
	if (events.nr == EVENTS && !waits(vm, kind))
		events.lost++;
	if (events.nr < EVENTS && !waits(vm, kind)) {
		ev = &events.ev[(events.first + events.nr) % EVENTS];
		*ev = (struct mon_event){ .kind = kind, .guest = vm->id, .time_ns = clock_now() };
		fmt_snprintf(ev->name, sizeof(ev->name), "%s", vm->config.name);
		fmt_snprintf(ev->reason, sizeof(ev->reason), "%s", reason);
		atomic_store_relaxed(&events.nr, events.nr + 1);
	}
	spin_unlock(&events.lock);
	if (first) /* else it has been asked already */
		housekeep_soon();
}

bool life_next_event(struct mon_event *ev)
{
	bool any;

	spin_lock(&events.lock);
	any = events.nr;
	if (any) {
		*ev = events.ev[events.first];
		events.first = (events.first + 1) % EVENTS;
		atomic_store_relaxed(&events.nr, events.nr - 1);
	}
	spin_unlock(&events.lock);
	return any;
}

bool life_any_event(void)
{
	return atomic_load_relaxed(&events.nr);
}

u64 life_events_lost(void)
{
	u64 lost;

	spin_lock(&events.lock);
	lost = events.lost;
	events.lost = 0;
	spin_unlock(&events.lock);
	return lost;
}
