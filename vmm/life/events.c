/* What happened to guests, kept until the operator's side tells it. */
#include "vmm/life/events.h"

#include "arch/x86/lock.h"
#include "lib/fmt.h"
#include "vmm/cpu/request.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

#define EVENTS 32

/* Posted with any lock held, told by the operator's side. */
static struct {
	struct spinlock lock;
	struct mon_event ev[EVENTS];
	u32 first, nr;
	u64 lost;
} events;

void life_event(const struct vm *vm, enum mon_event_kind kind, const char *reason)
{
	struct mon_event *ev;

	spin_lock(&events.lock);
	if (events.nr == EVENTS) {
		events.lost++;
	} else {
		ev = &events.ev[(events.first + events.nr++) % EVENTS];
		*ev = (struct mon_event){ .kind = kind, .guest = vm->id, .time_ns = clock_now() };
		fmt_snprintf(ev->name, sizeof(ev->name), "%s", vm->config.name);
		fmt_snprintf(ev->reason, sizeof(ev->reason), "%s", reason);
	}
	spin_unlock(&events.lock);
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
		events.nr--;
	}
	spin_unlock(&events.lock);
	return any;
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
