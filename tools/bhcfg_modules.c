/* The boot modules of a configuration, looked at with the hypervisor's own code. */
#include <stdio.h>
#include <string.h>

#include "boot/boot_info.h"
#include "tools/bhcfg.h"
#include "vmm/load/load.h"

/* The boot modules, as Bulkhead will see them: those of the command line, or those that the guests name. */
static struct boot_info modules; /* all zeros is empty */

bool bhcfg_module_exists(void *ctx, const char *name)
{
	return boot_info_module(&modules, name) != NULL;
}

int bhcfg_add_module(const char *line)
{
	char err[160];

	if (boot_info_add_module(&modules, 0, 0, line, strlen(line), err, sizeof(err)) == OK)
		return 0;
	fprintf(stderr, "bhcfg: %s: %s\n", err, modules.advice);
	return 1;
}

/* Adds a module that a guest names, unless it is there. */
static int add_named(const char *name)
{
	return name && !boot_info_module(&modules, name) ? bhcfg_add_module(name) : 0;
}

/* Those of its firmware and its drives. */
static int add_platform(const struct vm_config *vm)
{
	int r = add_named(vm->firmware_image);

	if (!r && vm->firmware == VM_FIRMWARE_BIOS)
		r = add_named(GUEST_VGA_ROM);
	if (!r && vm->firmware == VM_FIRMWARE_BIOS && vm->kernel)
		r = add_named(GUEST_LINUX_ROM);
	if (!r && vm->nr_nics)
		r = add_named(GUEST_NIC_ROM);
	for (u32 i = 0; !r && i < vm->nr_drives; i++)
		r = add_named(vm->drives[i].source);
	return r;
}

int bhcfg_add_all_named(const void *blob)
{
	struct config_errs errs = { 0 };
	struct vm_config vm;
	int r = 0;

	for (u32 i = 0; !r && config_guest_parse(blob, i, NULL, &vm, &errs) == OK; i++) {
		r = add_platform(&vm);
		if (!r)
			r = add_named(vm.kernel);
		if (!r)
			r = add_named(vm.initrd);
		for (u32 k = 0; !r && k < vm.nr_modules; k++) {
			char name[64];

			if (config_module_name(config_module(&vm, k), name, sizeof(name)))
				r = add_named(name);
		}
	}
	return r;
}

/* Disks that cannot be written to, though nobody said so. A floppy or CD that cannot is nothing unusual. */
static void warn_of_drives(const char *file, const struct vm_config *vm)
{
	for (u32 i = 0; i < vm->nr_drives; i++) {
		const struct vm_drive *d = &vm->drives[i];

		if (d->kind == VM_DRIVE_DISK && !d->overlay && !d->said_read_only)
			fprintf(stderr,
			        "%s: warning: /guests/%s/disk%u: without overlay it cannot be written to (read-only "
			        "says that it is meant so)\n",
			        file, vm->name, d->nr);
	}
}

void bhcfg_warn(const char *file, const void *blob)
{
	struct config_errs errs = { 0 };
	struct vm_config vm;

	for (u32 i = 0; i < modules.nr_modules; i++)
		if (boot_info_namesake(&modules, i) != i)
			fprintf(stderr, "bhcfg: warning: two boot modules are named \"%s\": only the first is used\n",
			        modules.modules[i].name);
	for (u32 i = 0; config_guest_parse(blob, i, NULL, &vm, &errs) == OK; i++) {
		warn_of_drives(file, &vm);
		if ((vm.protocol == VM_PROTOCOL_PVH || vm.protocol == VM_PROTOCOL_AUTO) &&
		    strlen(vm.cmdline) > LOAD_PVH_CMDLINE)
			fprintf(stderr,
			        "%s: warning: /guests/%s: cmdline: %zu characters; Linux started through PVH cuts it "
			        "to %u\n",
			        file, vm.name, strlen(vm.cmdline), LOAD_PVH_CMDLINE);
	}
}
