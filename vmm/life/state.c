/* The state of a paused guest by names, for `info GUEST state`: what a snapshot would hold,
 * and whether it could be restored. */
#include "vmm/life/state.h"

#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/board/board.h"
#include "vmm/cpu/state.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/dev/vdev.h"
#include "vmm/vm/vm.h"

#define NOT_VALID "cannot-be-restored" /* in place of a field, with the reason */

/* Where it goes to. */
struct teller {
	const struct vm *vm;
	const char *only; /* this device; NULL: all */
	bool found;
	u64 pause_tsc; /* when it was paused */
	u64 now;       /* VM time that the guest stands still at, ns */
	char device[STATE_NAME_MAX];
	life_state_emit *emit;
	void *arg;
};

/* Begins a device. false: it is not asked for. */
static bool begin(struct teller *t, const char *name, u32 n, bool numbered)
{
	fmt_snprintf(t->device, sizeof(t->device), numbered ? "%s%u" : "%s", name, n);
	if (t->only && strcmp(t->only, t->device))
		return false;
	t->found = true;
	return true;
}

static void tell_field(void *arg, const char *field, const char *values)
{
	struct teller *t = arg;

	t->emit(t->arg, field ? t->device : NULL, field, values);
}

/* Nothing to tell, but this may have taken long. */
static void point(struct teller *t)
{
	t->emit(t->arg, NULL, NULL, NULL);
}

static void tell(struct teller *t, const struct state_desc *desc, const void *state)
{
	state_show(desc, state, tell_field, t);
}

static void refused(struct teller *t, const struct state_check *c)
{
	char text[160];

	fmt_snprintf(text, sizeof(text), "%s: %#lx: %s", c->field, (unsigned long)c->value, c->reason);
	tell_field(t, NOT_VALID, text);
}

static void tell_clock(struct teller *t, const struct vm *vm)
{
	const struct vclock_state clock = { .vm_time = t->now,
		                            .wall_base = vm->wall_base,
		                            .guest_hz = vm->clock.guest_hz };

	if (begin(t, "clock", 0, false))
		tell(t, &vclock_state_desc, &clock);
}

static void tell_device(struct teller *t, const struct vdev_ops *ops, void *dev)
{
	const void *part[VDEV_PARTS];
	struct state_check c = { .now = t->now };

	for (u32 i = 0; i < VDEV_PARTS; i++) {
		part[i] = vdev_part(ops, dev, i);
		if (part[i])
			tell(t, ops->state[i].desc, part[i]);
	}
	point(t);
	if (!ops->valid(dev, part, &c))
		refused(t, &c);
	point(t);
}

/* It was paused when this began, and has been since. */
static bool still(const struct teller *t)
{
	return vm_state(t->vm) == VM_RUNNING && vm_paused(t->vm) && atomic_load(&t->vm->pause_tsc) == t->pause_tsc;
}

/*
 * It was paused within an operation that takes many pieces (a task switch, a string, a message to many): what is done
 * of it is in no register yet. It is at rest once that is finished, which is after it was resumed.
 */
static bool half_done(const struct vcpu *v)
{
	return v->more || v->ipi_way.left;
}

/* Without a pause, and by itself: emit() may come back on another CPU, whose this_cpu() is not known yet here. */
static __attribute__((noinline)) int take_vcpu(struct vcpu *v, struct vcpu_saved *saved)
{
	struct vcpu *loaded = this_cpu()->current;

	if (half_done(v) || !vcpu_try_load(v))
		return ERR_BUSY;
	vcpu_state_get(v, v->vm->pause_tsc, saved);
	if (v != loaded)
		vcpu_put(v);
	/* What runs here goes on; what only was here still another CPU may have taken meanwhile. */
	if (loaded && loaded != v && atomic_load(&loaded->on_cpu) == this_cpu())
		vcpu_load(loaded);
	return OK;
}

static int tell_vcpu(struct teller *t, struct vcpu *v, struct vcpu_saved *saved)
{
	struct state_check c = { .now = t->now };

	if (begin(t, "cpu", v->id, true)) {
		point(t);
		if (take_vcpu(v, saved) != OK)
			return ERR_BUSY;
		point(t);
		tell(t, &gstate_desc, &saved->cpu);
		tell(t, &gstate_xsave_desc, &saved->fpu);
		tell(t, &vmsr_state_desc, &saved->msr);
		tell(t, &pv_desc, &saved->pv);
		point(t);
		if (!vcpu_state_valid(v, saved, &c))
			refused(t, &c);
		point(t);
	}
	if (begin(t, "lapic", v->id, true))
		tell_device(t, &vlapic_ops, &v->lapic);
	return OK;
}

/* It stands still, and nobody holds its registers. */
static int check_still(struct vm *vm)
{
	if (vm_state(vm) != VM_RUNNING || !vm_paused(vm))
		return ERR_BUSY;
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		if (atomic_load(&vm->vcpus[i]->on_cpu) || !vcpu_try_evict(vm->vcpus[i]))
			return ERR_BUSY;
	return OK;
}

int life_state_show(struct vm *vm, const char *device, life_state_emit *emit, void *arg)
{
	struct teller t = { .vm = vm, .only = device, .emit = emit, .arg = arg };
	struct vcpu_saved saved; /* of the stack that the command has: others may come between */
	const struct vdev *rows;
	u32 nr;
	int err;

	err = check_still(vm);
	if (err)
		return err;
	t.pause_tsc = atomic_load(&vm->pause_tsc);
	t.now = vclock_ns(&vm->clock, t.pause_tsc - vm->tsc_start);
	tell_clock(&t, vm);
	for (u32 i = 0; i < vm->nr_vcpus && !err; i++)
		err = still(&t) ? tell_vcpu(&t, vm->vcpus[i], &saved) : ERR_BUSY;
	if (err)
		return err;
	if (begin(&t, "irqchip", 0, false))
		tell_device(&t, &pc_irqchip_ops, &vm->irq);
	rows = board_devices(vm, &nr);
	for (u32 i = 0; i < nr && still(&t); i++)
		if (begin(&t, rows[i].tag, 0, false))
			tell_device(&t, rows[i].ops, rows[i].dev);
	if (!still(&t))
		return ERR_BUSY;
	return t.found ? OK : ERR_NOENT;
}
