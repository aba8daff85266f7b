/* The life-cycle of the guests, carried out. */
#include "vmm/life/guests.h"

#include "arch/x86/lock.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/board/serial.h"
#include "vmm/cpu/request.h"
#include "vmm/life/ctl.h"
#include "vmm/life/events.h"
#include "vmm/life/holds.h"
#include "vmm/life/hooks.h"
#include "vmm/life/onoff.h"
#include "vmm/pcpu/clock.h"

#define RETRY_NS 50000 /* a VM that is to be resumed has a vCPU on its way out */

struct life_hooks life_hooks;
static struct life life;
static struct life_match *matches; /* one a guest; with its VM's lock */
static struct holds *holds;        /* one a guest; the bootstrap processor's */
static u32 *stale;                 /* one a guest: the run whose start an action ended before it was done; lock */
static struct spinlock lock;       /* of life; innermost but for the log's */
static bool due;                   /* guests_run() has something to do, atomic */

/* ---- policies ---- */

static int references(const void *blob, const struct vm_config *c, struct life_policy *p)
{
	u32 *after;

	p->standby_for = LIFE_NOBODY;
	if (c->standby_for.nr && config_ref(blob, &c->standby_for, 0, &p->standby_for))
		p->standby_for = LIFE_NOBODY;
	if (!c->after.nr)
		return OK;
	after = hv_zalloc(c->after.nr * sizeof(*after));
	if (!after)
		return ERR_NOMEM;
	for (u32 i = 0; i < c->after.nr; i++)
		if (config_ref(blob, &c->after, i, &after[p->nr_after]) == OK)
			p->nr_after++;
	p->after = after;
	return OK;
}

int guests_init(const void *blob, u32 nr)
{
	struct life_guest *g = hv_zalloc(MAX(nr, 1) * sizeof(*g));
	struct config_errs errs = { 0 };
	int err = OK;

	matches = hv_zalloc(MAX(nr, 1) * sizeof(*matches));
	holds = hv_zalloc(MAX(nr, 1) * sizeof(*holds));
	stale = hv_zalloc(MAX(nr, 1) * sizeof(*stale));
	if (!g || !matches || !holds || !stale)
		return ERR_NOMEM;
	holds_init(holds, nr);
	for (u32 i = 0; i < nr && !err; i++) {
		struct vm_config c;

		err = config_guest_parse(blob, i, NULL, &c, &errs);
		if (err)
			break;
		life_policy_set(&g[i].policy, &c);
		life_match_init(&matches[i], c.ready_text);
		err = references(blob, &c, &g[i].policy);
	}
	life_init(&life, g, nr);
	return err;
}

/* ---- actions ---- */

/* Each VM's serial ports and control channel as holds says. */
static void connect_all(void)
{
	vm_for_each (vm) {
		const struct holds *h = &holds[vm->id];

		for (u32 i = 0; i < CONFIG_NR_COM; i++) {
			const struct vm *of = vm_by_id(h->of[i]);

			if (vm->config.com[i] != VM_SERIAL_NONE)
				serial_connect(vm, i, of ? of->config.com[i] : VM_SERIAL_NULL);
		}
		life_hooks.connect_control(vm, vm_by_id(h->of[CONFIG_NR_COM]));
	}
}

/* The guest starts, and not in another one's place: it has what the configuration gives it. */
static void restore(struct vm *vm)
{
	const struct vm *from = NULL;
	bool own = true;

	for (u32 i = 0; i < HOLDS_NR; i++)
		own &= holds[vm->id].of[i] == vm->id;
	if (own) /* as nearly always */
		return;
	vm_for_each (other)
		for (u32 i = 0; i < HOLDS_NR; i++)
			if (other != vm && holds[other->id].of[i] == vm->id)
				from = other;
	holds_restore(holds, life.nr, vm->id);
	connect_all();
	if (!from)
		return;
	log_info("guest %s: has its place back from %s\n", vm->config.name, from->config.name);
	life_hooks.move_console(from, vm);
}

/* The named resources of a guest that is gone for good pass to the one that stands in for it. */
static void take_over(struct vm *to, u32 from_id)
{
	struct vm *from = from_id == LIFE_NOBODY ? NULL : vm_by_id(from_id);

	if (!from)
		return;
	holds_take(holds, to->id, from_id, to->config.take_over);
	connect_all();
	life_hooks.move_console(from, to);
	log_info("guest %s: takes the place of %s\n", to->config.name, from->config.name);
	to->takeover_tsc = from->stop_tsc;
	life_event(to, MON_EV_TAKEOVER, from->config.name);
}

static void resume(struct vm *vm)
{
	int err = vm_resume(vm);
	u64 st = vm_status(&vm->status);

	/* One that stops, or has stopped by now, only has to get out of the pause. */
	if (err != OK || vm_st_state(st) != VM_RUNNING || vm_st_stop(st))
		return;
	vm_log_command(vm, "resumed");
	life_event(vm, MON_EV_RESUMED, "");
}

static void act(const struct life_action *a)
{
	struct vm *vm = vm_by_id(a->guest);

	if (!vm) { /* it could not be created */
		spin_lock(&lock);
		life_start_failed(&life, a->guest, clock_now());
		spin_unlock(&lock);
		return;
	}
	if (a->own)
		restore(vm);
	take_over(vm, a->from);
	switch (a->what) {
	case LIFE_DO_START: vm_start_when_off(vm); break;
	case LIFE_DO_RESTART: vm_restart(vm, "by the operator"); break;
	case LIFE_DO_STOP:
		vm_start_not(vm);
		vm_force_stop(vm, VM_STOP_DESTROY, "by the operator");
		break;
	case LIFE_DO_PAUSE:
		if (vm_pause(vm) != OK)
			break;
		vm_log_command(vm, "paused: %s", guests_why(vm));
		life_event(vm, MON_EV_PAUSED, guests_why(vm));
		break;
	case LIFE_DO_RESUME: resume(vm); break;
	case LIFE_DO_HALT:
		log_err("guest %s: its policy halts the machine\n", vm->config.name);
		vm_end_all(VM_END_HALT);
		break;
	default: break;
	}
}

static void wake_runner(void)
{
	atomic_store(&due, true);
	housekeep_soon();
}

/* lock is held. The next action. The VM's start that it ends is reported no more, however far that is. */
static bool next_action(struct life_action *a)
{
	struct vm *vm;

	if (!life_next(&life, clock_now(), a))
		return false;
	vm = vm_by_id(a->guest);
	if (vm && (a->what == LIFE_DO_STOP || a->what == LIFE_DO_RESTART))
		stale[vm->id] = vm_run(vm);
	return true;
}

bool guests_run(void)
{
	struct life_action a;
	bool any, acted = false, go = atomic_exchange(&due, false);

	vm_for_each (vm)
		if (vm_resumes(vm))
			resume(vm);
	if (!go && guests_deadline() > clock_now())
		return false;
	do {
		spin_lock(&lock);
		any = next_action(&a);
		spin_unlock(&lock);
		if (any)
			act(&a);
		acted |= any;
	} while (any);
	return acted;
}

u64 guests_deadline(void)
{
	u64 at;

	vm_for_each (vm)
		if (vm_resumes(vm))
			return clock_now() + RETRY_NS;
	spin_lock(&lock);
	at = life_deadline(&life);
	spin_unlock(&lock);
	return at;
}

/* ---- reports ---- */

static void started(struct vm *vm)
{
	bool counts;

	spin_lock(&lock);
	counts = vm_run(vm) != stale[vm->id];
	if (counts)
		life_started(&life, vm->id, clock_now());
	/* Else it says so, on its control channel or by its text. */
	if (counts && !vm->config.ready_text && !config_has_control_port(&vm->config))
		(void)life_ready(&life, vm->id, clock_now());
	life_match_init(&matches[vm->id], vm->config.ready_text);
	spin_unlock(&lock);
	if (!counts)
		return;
	/* One that restarts without end, which the log does not show either, must not drive others' events out. */
	if (!vm->quiet)
		life_event(vm, vm->restarts ? MON_EV_RESTARTED : MON_EV_STARTED, "");
	wake_runner();
}

static void start_failed(struct vm *vm, u32 run)
{
	char text[MON_REASON_MAX];
	bool counts;

	spin_lock(&lock);
	counts = run != stale[vm->id];
	if (counts)
		life_start_failed(&life, vm->id, clock_now());
	spin_unlock(&lock);
	if (!counts)
		return;
	fmt_snprintf(text, sizeof(text), "%s: %s", life_why_str(LIFE_WHY_LOAD), vm->why);
	life_event(vm, MON_EV_CRASHED, text);
	wake_runner();
}

static enum life_verdict ended(struct vm *vm, enum life_end how)
{
	enum life_verdict v;

	spin_lock(&lock);
	v = life_ended(&life, vm->id, how, clock_now());
	spin_unlock(&lock);
	if (!vm->quiet || v != LIFE_RESTARTS)
		life_event(vm, how == LIFE_END_CRASH || how == LIFE_END_WATCHDOG ? MON_EV_CRASHED : MON_EV_STOPPED,
		           vm->why);
	wake_runner();
	return v;
}

void guests_ready(struct vm *vm)
{
	bool news;

	spin_lock(&lock);
	news = life_ready(&life, vm->id, clock_now());
	spin_unlock(&lock);
	/* One that says it without end keeps only itself busy. */
	if (news)
		wake_runner();
}

/* What a VM's serial ports send: looked through for its ready-text. */
static void output(void *ctx, const u8 *buf, size_t len)
{
	struct vm *vm = ctx;

	if (vm->config.ready_text && life_match_feed(&matches[vm->id], buf, len))
		guests_ready(vm);
}

static void watch(struct vm *vm)
{
	static const struct chr_ops ops = { .out = output };

	serial_set_end(vm, SERIAL_WATCH, &(struct chr){ &ops, vm });
}

void guests_boot(void)
{
	life_hooks.started = started;
	life_hooks.start_failed = start_failed;
	life_hooks.ended = ended;
	vm_for_each (vm)
		watch(vm);
	spin_lock(&lock);
	life_boot(&life);
	spin_unlock(&lock);
	wake_runner();
}

/* ---- commands ---- */

static int command(int err)
{
	spin_unlock(&lock);
	if (!err)
		wake_runner();
	return err;
}

int guests_start(struct vm *vm)
{
	spin_lock(&lock);
	return command(life_op_start(&life, vm->id));
}

int guests_stop(struct vm *vm)
{
	spin_lock(&lock);
	return command(life_op_stop(&life, vm->id));
}

int guests_reset(struct vm *vm)
{
	spin_lock(&lock);
	return command(life_op_reset(&life, vm->id));
}

int guests_pause(struct vm *vm)
{
	spin_lock(&lock);
	return command(life_op_pause(&life, vm->id, clock_now()));
}

int guests_resume(struct vm *vm)
{
	spin_lock(&lock);
	return command(life_op_resume(&life, vm->id, clock_now()));
}

enum life_state guests_state(const struct vm *vm)
{
	return life.g[vm->id].state;
}

const char *guests_why(const struct vm *vm)
{
	return life_why_str(life.g[vm->id].why);
}

static const char *name_of(u32 id)
{
	const struct vm *vm = vm_by_id(id);

	return vm ? vm->config.name : "a guest that is not there";
}

void guests_reason(const struct vm *vm, char *buf, size_t size)
{
	spin_lock(&lock);
	life_reason(&life, vm->id, clock_now(), vm->why, name_of, buf, size);
	spin_unlock(&lock);
}

bool guests_any_alive(void)
{
	bool alive;

	spin_lock(&lock);
	alive = life.halt; /* its policy halts the machine: that is yet to be done */
	for (u32 i = 0; i < life.nr && !alive; i++) {
		const struct life_guest *g = &life.g[i];

		alive = g->state == LIFE_STARTING ||
		        ((g->state == LIFE_RUNNING || g->state == LIFE_PAUSED) && !g->parked) ||
		        g->restart_at != LIFE_NEVER || g->waiting || g->todo != LIFE_DO_NOTHING;
	}
	spin_unlock(&lock);
	return alive;
}
