/*
 * The monitor's operations on VMs, exit rings and log. With the monitor's lock held; none takes a VM's. Those that go
 * over vCPUs or VMs may pause at each (mon_point()), and then find themselves on another CPU.
 */
#include "vmm/operator/ops.h"

#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "arch/x86/tsc.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/version.h"
#include "mm/hvmem.h"
#include "vmm/board/board.h"
#include "vmm/board/input.h"
#include "vmm/board/serial.h"
#include "vmm/config/machine.h"
#include "vmm/cpu/regs.h"
#include "vmm/life/ctl.h"
#include "vmm/life/guests.h"
#include "vmm/life/onoff.h"
#include "vmm/life/state.h"
#include "vmm/operator/console.h"
#include "vmm/pcpu/clock.h"
#include "vmm/run/run.h"
#include "vmm/vm/vm.h"

_Static_assert(MON_NAME_MAX == CONFIG_NAME_MAX + 1, "names go whole");

struct spinlock monitor_lock;
struct mon monitor_mon;
static const struct machine *topology; /* boot's, before the first guest */

/* ---- pieces ---- */

/*
 * With the step that is under way when it is over, the locks and the switch, a piece stays below 50 us.
 * What is not at a guest's expense rests nine times as long.
 */
#define PIECE_NS 8000
#define REST     9
/*
 * Text alone goes in steps of a few us, so its pieces may be longer. For a guest that prints each costs it a turn of
 * the preemption timer, and the rest is as much longer.
 */
#define TEXT_PIECES 2

static struct {         /* monitor_lock */
	u64 ticks;      /* that a piece has */
	u64 start, end; /* of the last one; TSC */
	u64 longest[MONITOR_NR_WHO];
} piece;

void monitor_begin_piece(void)
{
	if (!piece.ticks)
		piece.ticks = tsc_hz() / 1000000 * PIECE_NS / 1000;
	piece.start = cpu_rdtsc();
	piece.end = piece.start + piece.ticks;
}

void monitor_end_piece(enum monitor_who who)
{
	piece.longest[who] = MAX(piece.longest[who], cpu_rdtsc() - piece.start);
}

void monitor_tell_pieces(void)
{
	log_info(
	        "monitor: its longest piece of work took %lu ns for a guest's control channel, %lu ns for consoles\n",
	        clock_span_ns(piece.longest[MONITOR_CHANNEL]), clock_span_ns(piece.longest[MONITOR_CONSOLE]));
}

bool monitor_piece_over(void)
{
	return cpu_rdtsc() >= piece.end;
}

bool monitor_text_over(void)
{
	return cpu_rdtsc() >= piece.start + TEXT_PIECES * piece.ticks;
}

static bool piece_over(void *ctx)
{
	return monitor_piece_over();
}

u64 monitor_rest(u64 start)
{
	return REST * (clock_now() - start);
}

/* ---- what there is ---- */

static enum mon_state state_of(const struct vm *vm)
{
	static const enum mon_state states[] = {
		[LIFE_DEFINED] = MON_DEFINED, [LIFE_STARTING] = MON_STARTING, [LIFE_RUNNING] = MON_RUNNING,
		[LIFE_PAUSED] = MON_PAUSED,   [LIFE_STOPPED] = MON_STOPPED,   [LIFE_CRASHED] = MON_CRASHED,
	};

	return states[guests_state(vm)];
}

static u64 ticks_ns(u64 ticks)
{
	return (u64)((unsigned __int128)ticks * 1000000000 / tsc_hz());
}

static struct vm *vm_at(u32 index)
{
	struct vm *vm = vm_list;

	while (vm && index--)
		vm = vm->next;
	return vm;
}

static const char *guest_name(void *ctx, u32 index, u32 *id)
{
	const struct vm *vm = vm_at(index);

	*id = vm ? vm->id : MON_NO_GUEST;
	return vm ? vm->config.name : NULL;
}

static int guest_info(void *ctx, u32 index, struct mon_guest_info *info)
{
	struct vm *vm = vm_at(index);

	if (!vm)
		return ERR_NOENT;
	*info = (struct mon_guest_info){
		.id = vm->id,
		.state = state_of(vm),
		.vcpus = vm->nr_vcpus,
		.memory = vm->config.memory,
		.hv_bytes = vm->hv_bytes,
		.weight = vm->sched.params.weight,
		.cap = vm->sched.params.cap / SCHED_PERCENT,
		.reservation = vm->sched.params.reservation / SCHED_PERCENT,
		.restarts = vm->restarts,
	};
	memcpy(info->name, vm->config.name, strnlen(vm->config.name, sizeof(info->name) - 1)); /* the rest is zero */
	mon_point(&monitor_mon);
	guests_reason(vm, info->reason, sizeof(info->reason));
	if (vm_state(vm) == VM_RUNNING)
		info->uptime_ns = ticks_ns(cpu_rdtsc() - vm->start_tsc);
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		const struct vcpu *v = vm->vcpus[i];

		mon_point(&monitor_mon);
		info->cpu_ns += v->sched.run_ns;
		info->steal_ns += v->sched.wait_ns;
		for (u32 r = 0; r < EXIT_REASON_COUNT; r++)
			info->exits += v->exits[r];
		for (u32 w = 0; w < ARRAY_SIZE(info->pin.w); w++)
			info->pin.w[w] |= v->sched.allowed.w[w];
	}
	return OK;
}

static const char *protocol(const struct vm_config *c)
{
	return config_protocol_str(c->protocol);
}

static const char *kernel(const struct vm_config *c)
{
	return c->kernel ? c->kernel : c->firmware_image;
}

static const char *command_line(const struct vm_config *c)
{
	return c->cmdline;
}

static const char *on_poweroff(const struct vm_config *c)
{
	return config_action_str(c->on_poweroff);
}

static const char *on_reset(const struct vm_config *c)
{
	return config_action_str(c->on_reset);
}

static const char *on_crash(const struct vm_config *c)
{
	return config_action_str(c->on_crash);
}

static const char *watchdog(const struct vm_config *c)
{
	return config_watchdog_str(c->watchdog);
}

static const char *latency(const struct vm_config *c)
{
	return config_latency_str(c->latency);
}

/* What is in a drive. */
static void drive_detail(const struct vm *vm, u32 n, struct mon_detail *d)
{
	static const char *const keys[][4] = {
		[VM_DRIVE_DISK] = { "disk0", "disk1", "disk2", "disk3" },
		[VM_DRIVE_CD] = { "cd0", "cd1" },
		[VM_DRIVE_FLOPPY] = { "floppy0", "floppy1" },
	};
	const struct vm_drive *drive = &vm->config.drives[n];
	const char *medium = board_medium(vm, n);

	d->key = keys[drive->kind][drive->nr];
	fmt_snprintf(d->value, sizeof(d->value), "%s", medium[0] ? medium : "empty");
}

static int guest_detail(void *ctx, u32 guest, u32 index, struct mon_detail *d)
{
	static const struct {
		const char *key;
		const char *(*text)(const struct vm_config *c);
	} details[] = {
		{ "kernel", kernel },           { "protocol", protocol }, { "cmdline", command_line },
		{ "on-poweroff", on_poweroff }, { "on-reset", on_reset }, { "on-crash", on_crash },
		{ "watchdog", watchdog },       { "latency", latency },
	};
	const struct vm *vm = vm_by_id(guest);

	if (!vm || index >= ARRAY_SIZE(details) + vm->config.nr_drives)
		return ERR_NOENT;
	if (index >= ARRAY_SIZE(details)) {
		drive_detail(vm, index - ARRAY_SIZE(details), d);
		return OK;
	}
	d->key = details[index].key;
	fmt_snprintf(d->value, sizeof(d->value), "%s", details[index].text(&vm->config));
	return OK;
}

static int exits(void *ctx, u32 guest, u64 *counts, u32 nr)
{
	const struct vm *vm = vm_by_id(guest);

	if (!vm)
		return ERR_NOENT;
	memset(counts, 0, nr * sizeof(*counts));
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		mon_point(&monitor_mon);
		for (u32 r = 0; r < nr && r < EXIT_REASON_COUNT; r++)
			counts[r] += vm->vcpus[i]->exits[r];
	}
	return OK;
}

static const char *exit_name(void *ctx, u32 reason)
{
	const char *name = reason < EXIT_REASON_COUNT ? exit_reason_name(reason) : NULL;

	return name && strcmp(name, "reserved") ? name : NULL;
}

static struct mon_sample *sample(void *ctx, u32 guest, enum mon_slot slot)
{
	struct vm *vm = vm_by_id(guest);

	return vm ? &vm->monitor->samples[slot] : NULL;
}

/* ---- actions ---- */

static int why_not(struct mon_why *why, const struct vm *vm, enum mon_action what, int err)
{
	if (err == ERR_INVAL && what == MON_PAUSE && state_of(vm) == MON_STARTING)
		fmt_snprintf(why->text, sizeof(why->text), "%s is starting: pause it when it runs, or destroy it",
		             vm->config.name);
	else if (err == ERR_INVAL || err == ERR_NOENT)
		fmt_snprintf(why->text, sizeof(why->text), "%s is %s", vm->config.name, mon_state_str(state_of(vm)));
	else if (err == ERR_BUSY)
		fmt_snprintf(why->text, sizeof(why->text), "%s is still busy with the last command; try again",
		             vm->config.name);
	return ERR_BUSY;
}

static int action(void *ctx, u32 guest, enum mon_action what, struct mon_why *why)
{
	struct vm *vm = vm_by_id(guest);
	int err;

	if (!vm)
		return ERR_NOENT;
	switch (what) {
	case MON_START: err = guests_start(vm); break;
	case MON_SHUTDOWN: err = vm_power_button(vm); break;
	case MON_RESET: err = guests_reset(vm); break;
	case MON_DESTROY: err = guests_stop(vm); break;
	case MON_PAUSE: err = guests_pause(vm); break;
	case MON_RESUME: err = guests_resume(vm); break;
	default: return ERR_NOTSUP;
	}
	if (err)
		return why_not(why, vm, what, err);
	return OK;
}

static int set(void *ctx, u32 guest, enum mon_prop prop, const struct mon_value *value, struct mon_why *why)
{
	struct vm *vm = vm_by_id(guest);

	return vm ? monitor_set(vm, topology, prop, value, why) : ERR_NOENT;
}

/* ---- looking inside ---- */

static void read_regs(struct vcpu *v, struct mon_regs *r)
{
	memcpy(r->gpr, v->regs.gpr, sizeof(r->gpr));
	r->gpr[GPR_RSP] = vmcs_read(VMCS_GUEST_RSP);
	r->rip = vmcs_read(VMCS_GUEST_RIP);
	r->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	r->cr0 = cr_read(v, 0);
	r->cr2 = cpu_read_cr2();
	r->cr3 = vmcs_read(VMCS_GUEST_CR3);
	r->cr4 = cr_read(v, 4);
	r->cr8 = vlapic_cr8(&v->lapic);
	r->efer = vmcs_read(VMCS_GUEST_EFER);
	r->xcr0 = v->held.xcr0;
	r->dr6 = v->held.dr6;
	r->dr7 = vmcs_read(VMCS_GUEST_DR7);
	for (u32 i = 0; i < ARRAY_SIZE(r->seg); i++) {
		struct vmcs_seg s = vmcs_seg_get((enum seg_nr)i);

		r->seg[i] = (struct mon_seg){ .sel = s.sel, .limit = s.limit, .access = s.ar, .base = s.base };
	}
	r->gdt_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	r->gdt_limit = vmcs_read32(VMCS_GUEST_GDTR_LIMIT);
	r->idt_base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	r->idt_limit = vmcs_read32(VMCS_GUEST_IDTR_LIMIT);
	r->activity = v->state == VCPU_HALTED ? "halted" : v->state == VCPU_WAIT_SIPI ? "wait-for-sipi" : "running";
}

static int regs(void *ctx, u32 guest, u32 vcpu, struct mon_regs *r)
{
	struct vcpu *v, *loaded = this_cpu()->current;
	struct vm *vm = vm_by_id(guest);

	if (!vm || vcpu >= vm->nr_vcpus)
		return ERR_NOENT;
	v = vm->vcpus[vcpu];
	if (v != loaded && (!vm_paused(vm) || atomic_load(&v->on_cpu)))
		return ERR_BUSY;
	/* A CPU that holds them may be waiting for the lock we have: it must not be waited for. */
	if (!vcpu_try_evict(v) || !vcpu_try_load(v))
		return ERR_BUSY;
	read_regs(v, r);
	if (v == loaded)
		return OK;
	vcpu_put(v);
	/* What runs here goes on; what only was here still another CPU may have taken meanwhile. */
	if (loaded && atomic_load(&loaded->on_cpu) == this_cpu())
		vcpu_load(loaded);
	return OK;
}

static int state(void *ctx, u32 guest, const char *device, mon_state_emit *emit, void *arg)
{
	struct vm *vm = vm_by_id(guest);

	return vm ? life_state_show(vm, device, emit, arg) : ERR_NOENT;
}

static u64 trace_head(void *ctx, enum mon_run run, u32 cpu)
{
	if (cpu >= nr_pcpus)
		return 0;
	return run == MON_RUN_BEFORE ? pcpus[cpu]->nr_old_exits : atomic_load_acquire(&pcpus[cpu]->exit_count);
}

static int trace(void *ctx, enum mon_run run, u32 cpu, u64 seq, struct mon_trace *rec)
{
	const struct exit_record *e;
	u64 head = trace_head(ctx, run, cpu), since;

	/* One less than the ring holds: the oldest may be overwritten while it is read. */
	if (seq >= head || (run == MON_RUN_THIS && head - seq >= EXIT_RING_ENTRIES))
		return ERR_NOENT;
	if (run == MON_RUN_BEFORE)
		e = &pcpus[cpu]->old_exits[seq];
	else
		e = &pcpus[cpu]->exits[seq & (EXIT_RING_ENTRIES - 1)];
	since = e->tsc - pcpus[cpu]->old_start_tsc;
	*rec = (struct mon_trace){
		.time_ns = run == MON_RUN_BEFORE ? ticks_ns(since) : clock_ns(e->tsc),
		.guest = e->who >> 16,
		.vcpu = e->who & 0xffff,
		.reason = EXIT_REASON_BASIC(e->reason),
		.rip = e->rip,
		.took_us = exit_record_long_us(e),
	};
	return OK;
}

static size_t log_read(void *ctx, u64 *pos, char *buf, size_t len)
{
	return log_ring_read_at(pos, buf, len);
}

static size_t console_read(void *ctx, u32 guest, u64 *pos, u8 *buf, size_t len)
{
	struct vm *vm = vm_by_id(guest);
	size_t n;

	if (!vm)
		return 0;
	spin_lock(&vm->monitor->scroll_lock);
	n = vt_ring_read(&vm->monitor->scroll, pos, buf, len);
	spin_unlock(&vm->monitor->scroll_lock);
	return n;
}

static size_t console_input(void *ctx, u32 guest, const u8 *buf, size_t len)
{
	struct vm *vm = vm_by_id(guest);

	if (!vm || vm_state(vm) != VM_RUNNING)
		return len; /* nobody reads: dropped */
	return serial_queue_input(vm, buf, len);
}

_Static_assert(sizeof(struct mon_key) == sizeof(struct input_key) &&
                       offsetof(struct mon_key, code) == offsetof(struct input_key, key) &&
                       offsetof(struct mon_key, down) == offsetof(struct input_key, down) &&
                       MON_KEYS_MAX <= BOARD_KEYS_MAX,
               "the monitor's keys are the board's");

static int send_keys(void *ctx, u32 guest, const struct mon_key *keys, u32 nr, struct mon_why *why)
{
	struct vm *vm = vm_by_id(guest);
	int err;

	if (!vm)
		return ERR_NOENT;
	if (vm_state(vm) != VM_RUNNING)
		return why_not(why, vm, MON_SHUTDOWN, ERR_INVAL);
	err = input_queue_keys(vm, (const struct input_key *)keys, nr);
	if (err == ERR_NOTSUP)
		fmt_snprintf(why->text, sizeof(why->text), "a guest of platform minimal has no keyboard");
	else if (err == ERR_BUSY)
		fmt_snprintf(why->text, sizeof(why->text), "keys sent before are not all typed yet; try again");
	return err;
}

static int ready(void *ctx, u32 guest)
{
	struct vm *vm = vm_by_id(guest);

	if (!vm)
		return ERR_NOENT;
	guests_ready(vm);
	return OK;
}

/* ---- the machine ---- */

void monitor_set_machine(const struct machine *m)
{
	topology = m;
}

static void machine(void *ctx, struct mon_machine *m)
{
	static char model[49];

	if (!model[0] && cpu_cpuid(0x80000000, 0).eax >= 0x80000004) {
		for (u32 i = 0; i < 3; i++) {
			struct cpuid_regs r = cpu_cpuid(0x80000002 + i, 0);

			memcpy(model + i * 16, &r.eax, 4);
			memcpy(model + i * 16 + 4, &r.ebx, 4);
			memcpy(model + i * 16 + 8, &r.ecx, 4);
			memcpy(model + i * 16 + 12, &r.edx, 4);
		}
	}
	*m = (struct mon_machine){
		.version = BULKHEAD_VERSION,
		.cpu_model = model,
		.cpus = nr_pcpus,
		.tsc_hz = tsc_hz(),
		.uptime_ns = clock_now(),
		.hv_memory = hv_pool_total_bytes() - hv_pool_free_bytes(),
		.free_memory = guest_frames_free_bytes(),
		.guest_memory = topology ? topology->memory : 0,
	};
	m->memory = hv_pool_total_bytes() + m->free_memory;
	vm_for_each (vm)
		m->memory += vm->config.memory;
}

static int cpu(void *ctx, u32 n, struct mon_cpu *info)
{
	if (n >= nr_pcpus)
		return ERR_NOENT;
	*info = (struct mon_cpu){ .apic_id = pcpus[n]->apic_id };
	run_cpu_times(n, &info->busy_ns, &info->root_ns);
	if (topology && n < topology->nr_cpus) {
		info->package = topology->cpu[n].package;
		info->core = topology->cpu[n].core;
		info->thread = topology->cpu[n].thread;
	}
	vm_for_each (vm) {
		mon_point(&monitor_mon);
		for (u32 i = 0; i < vm->nr_vcpus; i++)
			info->vcpus += vm->vcpus[i]->sched.cpu == n;
	}
	return OK;
}

static int poweroff(void *ctx, struct mon_why *why)
{
	vm_end_all(VM_END_POWEROFF);
	return OK;
}

const struct mon_ops monitor_ops = {
	.guest_info = guest_info,
	.guest_name = guest_name,
	.guest_detail = guest_detail,
	.action = action,
	.set = set,
	.exits = exits,
	.exit_name = exit_name,
	.sample = sample,
	.regs = regs,
	.state = state,
	.trace_head = trace_head,
	.trace = trace,
	.log_read = log_read,
	.console_read = console_read,
	.console_input = console_input,
	.send_keys = send_keys,
	.eject = monitor_eject,
	.insert = monitor_insert,
	.screen = monitor_screen,
	.screen_pixels = monitor_screen_pixels,
	.screen_same = monitor_screen_same,
	.screen_text = monitor_screen_text,
	.screen_done = monitor_screen_done,
	.ready = ready,
	.machine = machine,
	.cpu = cpu,
	.poweroff = poweroff,
	.piece_over = piece_over,
};
