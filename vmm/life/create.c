/* Creation of a VM from its configuration, and its end. */
#include "vmm/life/create.h"

#include "arch/x86/percpu.h"
#include "arch/x86/tsc.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/board.h"
#include "vmm/cpu/lapic.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/life/start.h"
#include "vmm/load/load.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/kick.h"
#include "vmm/vm/memory.h"

#define UEFI_VARS "uefi-vars" /* name of a boot module */

/* ---- images ---- */

static int find_image(const struct vm *vm, vm_find_image *find, const char *name, struct vm_image *img)
{
	int err = find(name, img);

	if (err == ERR_NOENT)
		log_err("guest %s: module \"%s\" is not there; add a module2 line with that name to the GRUB entry\n",
		        vm->config.name, name);
	else if (err)
		log_err("guest %s: module \"%s\" cannot be mapped: no memory for page tables\n", vm->config.name,
		        name);
	return err;
}

static int find_kernel(struct vm *vm, vm_find_image *find)
{
	const struct vm_config *c = &vm->config;
	int err = find_image(vm, find, c->kernel, &vm->kernel);

	if (err)
		return err;
	if (!vm->kernel.len) {
		log_err("guest %s: its kernel, the module \"%s\", is empty (0 bytes)\n", c->name, c->kernel);
		return ERR_INVAL;
	}
	if ((c->protocol == VM_PROTOCOL_PVH ||
	     (c->protocol == VM_PROTOCOL_AUTO && load_detect(vm->kernel.data, vm->kernel.len) == LOAD_ELF_PVH)) &&
	    strlen(c->cmdline) > LOAD_PVH_CMDLINE)
		log_warn("guest %s: its command line has %zu characters; Linux started through PVH cuts it to %u\n",
		         c->name, strlen(c->cmdline), LOAD_PVH_CMDLINE);
	return OK;
}

/* What UEFI's flash begins with, if there is such a module; else it is erased. */
static int find_vars(struct vm *vm, vm_find_image *find)
{
	int err = find(UEFI_VARS, &vm->vars);

	if (err == ERR_NOENT)
		return OK;
	if (err || (vm->vars.len && vm->vars.len % PAGE_SIZE == 0 && vm->vars.len <= VM_VARS_MAX))
		return err;
	log_err("guest %s: the module \"%s\" has %lu bytes: no multiple of 4 KiB up to %u KiB\n", vm->config.name,
	        UEFI_VARS, vm->vars.len, VM_VARS_MAX >> 10);
	return ERR_INVAL;
}

static int find_firmware(struct vm *vm, vm_find_image *find)
{
	const struct vm_config *c = &vm->config;
	int err = find_image(vm, find, c->firmware_image, &vm->rom);

	if (err)
		return err;
	if (vm->rom.len < GUEST_ROM_MIN || vm->rom.len % GUEST_ROM_GRAIN || vm->rom.len > GUEST_ROM_MAX) {
		log_err("guest %s: its firmware, the module \"%s\", has %lu bytes: no multiple of 4 KiB from 64 KiB "
		        "to %u MiB\n",
		        c->name, c->firmware_image, vm->rom.len, GUEST_ROM_MAX >> 20);
		return ERR_INVAL;
	}
	/* It is mapped where it lies. GRUB puts modules on pages of their own. */
	if ((u64)vm->rom.data % PAGE_SIZE) {
		log_err("guest %s: its firmware, the module \"%s\", was not loaded to whole pages\n", c->name,
		        c->firmware_image);
		return ERR_INVAL;
	}
	return c->firmware == VM_FIRMWARE_UEFI ? find_vars(vm, find) : OK;
}

/*
 * A VGA without its BIOS shows nothing of what is told to the one of a PC (INT 10h), but what drives the VGA itself
 * needs none: without the module the guest comes up all the same.
 */
static int find_vga_rom(struct vm *vm, vm_find_image *find)
{
	int err = find(GUEST_VGA_ROM, &vm->vga_rom);

	if (err == ERR_NOENT) {
		log_warn("guest %s: module \"%s\" is not there: its screen has no BIOS\n", vm->config.name,
		         GUEST_VGA_ROM);
		return OK;
	}
	if (!err && (!vm->vga_rom.len || vm->vga_rom.len > GUEST_VGA_ROM_MAX)) {
		log_err("guest %s: the BIOS of its screen, the module \"%s\", has %lu bytes: not 1 to %u\n",
		        vm->config.name, GUEST_VGA_ROM, vm->vga_rom.len, GUEST_VGA_ROM_MAX);
		return ERR_INVAL;
	}
	return err;
}

/* Without it firmware has the kernel and no way to start it. */
static int find_linux_rom(struct vm *vm, vm_find_image *find)
{
	int err = find_image(vm, find, GUEST_LINUX_ROM, &vm->linux_rom);

	if (!err && (!vm->linux_rom.len || vm->linux_rom.len > GUEST_LINUX_ROM_MAX)) {
		log_err("guest %s: what starts its kernel, the module \"%s\", has %lu bytes: not 1 to %u\n",
		        vm->config.name, GUEST_LINUX_ROM, vm->linux_rom.len, GUEST_LINUX_ROM_MAX);
		return ERR_INVAL;
	}
	return err;
}

/* Who wants to boot from a network brings it. */
static int find_nic_rom(struct vm *vm, vm_find_image *find)
{
	int err = find(GUEST_NIC_ROM, &vm->nic_rom);

	if (err == ERR_NOENT)
		return OK;
	if (!err && (!vm->nic_rom.len || vm->nic_rom.len > GUEST_NIC_ROM_MAX)) {
		log_err("guest %s: the ROM of its network cards, the module \"%s\", has %lu bytes: not 1 to %u\n",
		        vm->config.name, GUEST_NIC_ROM, vm->nic_rom.len, GUEST_NIC_ROM_MAX);
		return ERR_INVAL;
	}
	return err;
}

static int find_images(struct vm *vm, vm_find_image *find)
{
	int err = vm->config.kernel ? find_kernel(vm, find) : OK;

	if (!err && vm->config.firmware)
		err = find_firmware(vm, find);
	if (!err && vm->config.firmware == VM_FIRMWARE_BIOS)
		err = find_vga_rom(vm, find);
	if (!err && vm->config.firmware == VM_FIRMWARE_BIOS && vm->config.kernel)
		err = find_linux_rom(vm, find);
	if (!err && vm->config.nr_nics)
		err = find_nic_rom(vm, find);
	if (!err && vm->config.initrd)
		err = find_image(vm, find, vm->config.initrd, &vm->initrd);
	for (u32 i = 0; i < vm->config.nr_drives && !err; i++)
		if (vm->config.drives[i].source)
			err = find_image(vm, find, vm->config.drives[i].source, &vm->drives[i]);
	for (u32 i = 0; i < vm->config.nr_modules && !err; i++) {
		const char *s = config_module(&vm->config, i);
		char name[64];

		if (i >= ARRAY_SIZE(vm->modules) || !config_module_name(s, name, sizeof(name))) {
			log_err("guest %s: too many modules, or too long a name: \"%s\"\n", vm->config.name, s);
			return ERR_RANGE;
		}
		err = find_image(vm, find, name, &vm->modules[i]);
		vm->modules[i].string = s;
		vm->nr_modules = i + 1;
	}
	return err;
}

/* ---- creation ---- */

static int create_vcpus(struct vm *vm, const struct cpuset *cpus)
{
	struct sched_cpumask allowed = { 0 };

	for (u32 i = 0; i < nr_pcpus; i++)
		if (pcpus[i]->vmx_on && cpuset_has(cpus, i))
			sched_mask_set(&allowed, i);
	vm->vcpus = hv_zalloc(vm->nr_vcpus * sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return ERR_NOMEM;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		int err = vcpu_create(vm, i, &vm->vcpus[i]);

		if (err)
			return err;
		err = sched_entity_init(&pcpu_sched, &vm->vcpus[i]->sched, &vm->sched, &allowed, clock_now());
		if (err)
			return err;
	}
	return OK;
}

static int create_clock(struct vm *vm)
{
	u64 hz = vm->config.tsc_hz;

	vclock_init(&vm->clock, tsc_hz());
	if (hz && hz != tsc_hz()) {
		if (!vmx_caps_has(&vmx_caps, VMX_FEAT_TSC_SCALING) || vclock_set_guest(&vm->clock, hz)) {
			log_err("guest %s: tsc-frequency: this CPU cannot scale its TSC's %lu Hz to %lu\n",
			        vm->config.name, tsc_hz(), hz);
			return ERR_NOTSUP;
		}
	}
	pv_scale_init(&vm->pv_scale, vm->clock.guest_hz);
	return OK;
}

int vm_create(u32 id, const struct vm_config *config, const struct cpuset *cpus, vm_find_image *find, struct vm **out)
{
	const struct sched_params share = {
		.weight = config->weight,
		.cap = config->cap * SCHED_PERCENT,
		.reservation = config->reservation * SCHED_PERCENT,
		.latency = config->latency == VM_LATENCY_LOW,
	};
	struct vm *vm = hv_zalloc(sizeof(*vm)), **tail = &vm_list;
	int err;

	*out = NULL;
	if (!vm)
		return ERR_NOMEM;
	vm->config = *config;
	vm->id = id;
	vm->nr_vcpus = config->vcpus;
	io_bus_init(&vm->pio, vm->pio_storage, VM_PIO_REGIONS, 0xffff);
	io_bus_init(&vm->mmio, vm->mmio_storage, VM_MMIO_REGIONS, ~0ull);
	err = create_clock(vm);
	if (!err)
		err = find_images(vm, find);
	if (!err)
		err = vm_memory_create(vm);
	if (!err)
		err = sched_group_init(&pcpu_sched, &vm->sched, &share, clock_now());
	if (!err)
		err = create_vcpus(vm, cpus);
	if (!err)
		err = lapics_create(vm);
	if (!err)
		err = board_create(vm);
	if (!err)
		err = vm_start_create(vm);
	if (err) {
		log_err("guest %s: cannot be created: %s (guest memory free: %lu MiB, hypervisor's: %lu KiB)\n",
		        config->name, err_str(err), guest_frames_free_bytes() >> 20, hv_pool_free_bytes() >> 10);
		vm_destroy(vm);
		return err;
	}
	while (*tail)
		tail = &(*tail)->next;
	*tail = vm;
	*out = vm;
	return OK;
}

/* It never ran: there is nothing to wait for. */
static void leave_scheduler(struct vcpu *v)
{
	u32 kick;
	int err;

	if (!v || !v->sched.group)
		return;
	err = sched_remove(&pcpu_sched, &v->sched, clock_now(), &kick);
	assert(err == OK);
}

void vm_destroy(struct vm *vm)
{
	for (struct vm **p = &vm_list; *p; p = &(*p)->next)
		if (*p == vm) {
			*p = vm->next;
			break;
		}
	/* As vm_create(), backwards: devices have timers on vCPU 0's queue, and lines to the local APICs. */
	vm_start_destroy(vm);
	board_destroy(vm);
	lapics_destroy(vm);
	for (u32 i = 0; vm->vcpus && i < vm->nr_vcpus; i++) {
		leave_scheduler(vm->vcpus[i]);
		vcpu_destroy(vm->vcpus[i]);
	}
	sched_group_remove(&pcpu_sched, &vm->sched);
	hv_zfree(vm->vcpus, vm->nr_vcpus * sizeof(*vm->vcpus));
	vm_memory_destroy(vm);
	hv_zfree(vm, sizeof(*vm));
}
