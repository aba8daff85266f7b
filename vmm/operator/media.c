/* Media of guests' drives, put in from the boot modules. With the monitor's lock held. */
#include "arch/x86/cpu.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/board/board.h"
#include "vmm/operator/console.h"
#include "vmm/operator/ops.h"
#include "vmm/vm/vm.h"

#define TRIES 10000u /* for the VM's lock */

static monitor_module_fn *modules; /* boot's, before the first guest */

void monitor_set_modules(monitor_module_fn *module)
{
	modules = module;
}

/* As the configuration does: the whole name, or what is behind its last slash. NULL: there is none. */
static const char *find_module(const char *wanted, struct vm_image *image)
{
	const char *name;

	for (u32 i = 0; modules && (name = modules(i, image)); i++) {
		if (!strcmp(name, wanted))
			return name;
		mon_point(&monitor_mon);
	}
	for (u32 i = 0; modules && (name = modules(i, image)); i++) {
		const char *last = strrchr(name, '/');

		if (last && !strcmp(last + 1, wanted))
			return name;
		mon_point(&monitor_mon);
	}
	return NULL;
}

/* Whoever has a VM's lock may wait for the monitor's, which we have: it is not waited for. NULL: no coming by it. */
static struct vm *lock_vm(u32 guest)
{
	for (u32 i = 0; i < TRIES; i++) {
		struct vm *vm = vm_by_id(guest);

		if (!vm || spin_trylock(&vm->lock))
			return vm;
		cpu_pause();
		mon_point(&monitor_mon);
	}
	return NULL;
}

/* OK, and *drive; or why not. */
static int find_drive(const struct vm *vm, const char *name, u32 *drive, struct mon_why *why)
{
	int n = board_drive(vm, name);

	*drive = (u32)n;
	if (n == ERR_NOENT)
		fmt_snprintf(why->text, sizeof(why->text), "it has no drive \"%.20s\"", name);
	else if (n == ERR_NOTSUP)
		fmt_snprintf(why->text, sizeof(why->text), "%.20s is a disk, whose medium stays", name);
	return n < 0 ? n : OK;
}

int monitor_eject(void *ctx, u32 guest, const char *name, bool force, struct mon_why *why)
{
	struct vm *vm = lock_vm(guest);
	u32 drive;
	int err;

	if (!vm)
		return ERR_BUSY;
	err = find_drive(vm, name, &drive, why);
	if (!err)
		err = board_eject(vm, drive, force);
	if (err == ERR_PERM)
		fmt_snprintf(why->text, sizeof(why->text), "the guest has locked %s: it was told; or \"force\"",
		             name);
	else if (err == ERR_BUSY)
		fmt_snprintf(why->text, sizeof(why->text), "the guest reads from %s just now; try again", name);
	vm_unlock(vm);
	return err == ERR_PERM ? ERR_BUSY : err;
}

int monitor_insert(void *ctx, u32 guest, const char *name, const char *module, struct mon_why *why)
{
	struct vm_image image = { 0 };
	struct blk_flaw flaw;
	struct vm *vm;
	u32 drive;
	int err;

	module = find_module(module, &image);
	mon_fresh(&monitor_mon);
	vm = lock_vm(guest);
	if (!vm)
		return ERR_BUSY;
	err = find_drive(vm, name, &drive, why);
	if (!err && !module) {
		fmt_snprintf(why->text, sizeof(why->text), "there is no such boot module");
		err = ERR_NOENT;
	} else if (!err && !image.data) {
		err = ERR_NOMEM;
	}
	if (!err)
		err = board_insert(vm, drive, module, &image, &flaw);
	if (err == ERR_BUSY && *board_medium(vm, drive))
		fmt_snprintf(why->text, sizeof(why->text), "there is a medium in %s: eject it first", name);
	else if (err == ERR_BUSY)
		fmt_snprintf(why->text, sizeof(why->text), "the guest uses %s just now; try again", name);
	if (err == ERR_INVAL)
		fmt_snprintf(why->text, sizeof(why->text), "at offset %#lx %s", flaw.offset, flaw.reason);
	vm_unlock(vm);
	return err == ERR_TRUNC ? OK : err;
}
