/* What a PC tells its firmware: fw_cfg's items, from the guest's configuration and images. */
#include "vmm/board/firmware.h"

#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/firmware/bootorder.h"
#include "vmm/firmware/direct.h"
#include "vmm/firmware/files.h"
#include "vmm/vm/vm.h"

/* The PIIX4's power management function. */
#define PM_SLOT      1
#define PM_FN        3
#define PM_BASE      0x40
#define PM_BASE_BITS 0xffc0u
#define PM_MISC      0x80
#define PM_MISC_IO   0x01 /* its ports are there */

#define WORDS          16
#define LINUX_ROM_FILE "genroms/linuxboot_dma.bin"
#define MENU_WAIT_MS   5000

struct board_firmware {
	struct vm *vm;
	struct fw_files files;
	struct fw_direct direct;
	struct vfwcfg_item items[VFWCFG_ITEMS];
	u32 nr;
	u64 words[WORDS]; /* items that are numbers, little-endian as all here */
	u32 nr_words;
	char bootorder[(FW_BOOT_MAX + 1) * FW_BOOT_LINE];
};

/* ---- items ---- */

static void add(struct board_firmware *f, struct vfwcfg_item item)
{
	if (f->nr < ARRAY_SIZE(f->items))
		f->items[f->nr++] = item;
}

static void add_number(struct board_firmware *f, u16 key, u32 size, u64 value)
{
	if (f->nr_words == ARRAY_SIZE(f->words))
		return;
	f->words[f->nr_words] = value;
	add(f, (struct vfwcfg_item){ .key = key, .len = size, .data = &f->words[f->nr_words++] });
}

static void add_file(struct board_firmware *f, const char *name, const void *data, u64 len, bool built)
{
	add(f, (struct vfwcfg_item){ .file = name, .len = (u32)MIN(len, ~0u), .data = data, .built = built });
}

/* ---- what it is about the machine ---- */

static bool has(const struct board *b, const char *tag)
{
	for (u32 i = 0; i < b->nr_rows; i++)
		if (!strcmp(b->rows[i].tag, tag))
			return true;
	return false;
}

static u32 apic_id_of(const struct vm *vm, u32 cpu)
{
	return vm->vcpus[cpu]->cpuid->apic_id;
}

static int build_files(struct board_firmware *f)
{
	struct vm *vm = f->vm;
	const struct board *b = vm->board;
	u32 ids[FW_MAX_CPUS];
	struct fw_pc_config c = {
		.base = { .nr_cpus = vm->nr_vcpus,
		          .apic_ids = ids,
		          .ioapic_id = vm->irq.ioapic.id,
		          .cpu_signature = vm->vcpus[0]->cpuid->basic[1].eax,
		          .cpu_features = vm->vcpus[0]->cpuid->basic[1].edx,
		          .map = &vm->map,
		          .rtc = true,
		          .kbc = has(b, "8042"),
		          .vga = has(b, "vga"),
		          .name = vm->config.name },
		.hpet = has(b, "hpet"),
		.lpt = has(b, "lpt"),
		.fdc = has(b, "floppy"),
		.acpi1 = vm->config.firmware == VM_FIRMWARE_BIOS,
	};

	for (u32 i = 0; i < vm->nr_vcpus && i < FW_MAX_CPUS; i++)
		ids[i] = apic_id_of(vm, i);
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		c.base.com_mask |= vm->config.com[i] != VM_SERIAL_NONE ? 1u << i : 0;
	return fw_files_build(&f->files, &c);
}

/* A file of the tables was selected: the power management ports are where firmware has put them by now. */
static void on_built(void *arg)
{
	struct board_firmware *f = arg;
	struct vpci *pci = &f->vm->board->pci;
	u32 base = vpci_cfg_read(pci, PM_SLOT, PM_FN, PM_BASE, 4, 0);
	u32 misc = vpci_cfg_read(pci, PM_SLOT, PM_FN, PM_MISC, 1, 0);

	/* A function that is not there reads as all ones. */
	fw_files_set_pm(&f->files, base != ~0u && (misc & PM_MISC_IO) ? (u16)(base & PM_BASE_BITS) : 0);
}

static void add_machine(struct board_firmware *f)
{
	/* S0 and S5 are there, S3 and S4 are not (bit 7); the others' low bits are their SLP_TYP. */
	static const u8 system_states[6] = { 0x80, 0, 0, 0x01, 0x02, 0x80 };
	const struct vm *vm = f->vm;
	const struct fw_files *files = &f->files;
	u32 apic_limit = 0;

	for (u32 i = 0; i < vm->nr_vcpus; i++)
		apic_limit = MAX(apic_limit, apic_id_of(vm, i) + 1);
	add_number(f, VFWCFG_RAM_SIZE, 8, vm->config.memory);
	add_number(f, VFWCFG_NOGRAPHIC, 2, !has(vm->board, "vga"));
	add_number(f, VFWCFG_NB_CPUS, 2, vm->nr_vcpus);
	add_number(f, VFWCFG_MAX_CPUS, 2, apic_limit);
	add_number(f, VFWCFG_IRQ0_OVERRIDE, 1, 1);
	add_file(f, "etc/system-states", system_states, sizeof(system_states), false);
	add_file(f, FW_FILE_E820, files->e820, files->e820_len, false);
	add_file(f, FW_FILE_SMBIOS, files->smbios, files->smbios_len, false);
	add_file(f, FW_FILE_ANCHOR, files->anchor, files->anchor_len, false);
	add_file(f, FW_FILE_TABLES, files->tables, files->tables_len, true);
	add_file(f, FW_FILE_RSDP, files->rsdp, files->rsdp_len, true);
	add_file(f, FW_FILE_LOADER, files->loader, files->loader_len, true);
}

/* ---- a kernel that firmware is to start ---- */

static int add_kernel(struct board_firmware *f)
{
	const struct vm *vm = f->vm;
	const struct fw_direct_in in = { vm->kernel.data, vm->kernel.len, vm->initrd.len, vm->map.low_end };
	const struct fw_direct *d = &f->direct;
	const char *why = "", *cmdline = vm->config.cmdline;
	int err;

	/* A PC without firmware: the kernel is loaded, whatever its protocol is. */
	if (!vm->kernel.data || !vm->config.firmware)
		return OK;
	err = fw_direct_prepare(&f->direct, &in, &why);
	if (err) {
		log_err("guest %s: its kernel, the module \"%s\", cannot be started by firmware: %s\n",
		        vm->config.name, vm->config.kernel, why);
		return err;
	}
	add_number(f, VFWCFG_SETUP_ADDR, 4, FW_DIRECT_SETUP_ADDR);
	add_number(f, VFWCFG_SETUP_SIZE, 4, d->setup_len);
	add(f, (struct vfwcfg_item){ .key = VFWCFG_SETUP_DATA, .len = d->setup_len, .data = d->setup });
	add_number(f, VFWCFG_KERNEL_ADDR, 4, FW_DIRECT_KERNEL_ADDR);
	add_number(f, VFWCFG_KERNEL_SIZE, 4, d->kernel_len);
	add(f, (struct vfwcfg_item){ .key = VFWCFG_KERNEL_DATA, .len = d->kernel_len, .data = d->kernel });
	add_number(f, VFWCFG_CMDLINE_ADDR, 4, FW_DIRECT_CMDLINE_ADDR);
	add_number(f, VFWCFG_CMDLINE_SIZE, 4, strlen(cmdline) + 1);
	add(f, (struct vfwcfg_item){ .key = VFWCFG_CMDLINE_DATA, .len = (u32)strlen(cmdline) + 1, .data = cmdline });
	if (!d->initrd_len)
		return OK;
	add_number(f, VFWCFG_INITRD_ADDR, 4, d->initrd_addr);
	add_number(f, VFWCFG_INITRD_SIZE, 4, d->initrd_len);
	add(f, (struct vfwcfg_item){ .key = VFWCFG_INITRD_DATA, .len = d->initrd_len, .data = vm->initrd.data });
	return OK;
}

/* ---- what it boots from ---- */

static int add_boot(struct board_firmware *f)
{
	/* When nothing boots firmware waits for an operator, not for better luck. */
	static const u8 fail_wait[4] = { 0xff, 0xff, 0xff, 0xff };
	static const u8 menu_wait[2] = { MENU_WAIT_MS & 0xff, MENU_WAIT_MS >> 8 };
	const struct vm *vm = f->vm;
	const struct vm_config *c = &vm->config;
	static const enum fw_boot_kind kind_of[] = {
		[VM_DRIVE_DISK] = FW_BOOT_DISK, [VM_DRIVE_CD] = FW_BOOT_CD, [VM_DRIVE_FLOPPY] = FW_BOOT_FLOPPY
	};
	const char *rom = vm->linux_rom.data ? LINUX_ROM_FILE : NULL;
	struct fw_boot from[CONFIG_MAX_DRIVES + CONFIG_MAX_NICS];
	u32 nr = 0;
	size_t len;
	int err;

	_Static_assert(ARRAY_SIZE(from) <= FW_BOOT_MAX, "bootorder has room for all");
	_Static_assert((int)FW_BOOT_FLOPPY == VCMOS_BOOT_FLOPPY && (int)FW_BOOT_DISK == VCMOS_BOOT_DISK &&
	                       (int)FW_BOOT_CD == VCMOS_BOOT_CD && (int)FW_BOOT_NIC == VCMOS_BOOT_NET,
	               "one numbering");
	for (u32 i = 0; i < c->nr_drives; i++)
		from[nr++] = (struct fw_boot){ .kind = kind_of[c->drives[i].kind],
			                       .place = c->drives[i].place,
			                       .order = c->drives[i].boot_order };
	for (u32 i = 0; i < c->nr_nics; i++)
		from[nr++] = (struct fw_boot){ .kind = FW_BOOT_NIC,
			                       .place = CONFIG_NIC_SLOT + c->nics[i].nr,
			                       .order = c->nics[i].boot_order };
	err = fw_bootorder(f->bootorder, sizeof(f->bootorder), rom, from, nr, &len);
	if (err)
		return err;
	/* For firmware that knows no files. */
	fw_boot_kinds(from, nr, vm->board->cmos.boot);
	if (rom)
		add_file(f, rom, vm->linux_rom.data, vm->linux_rom.len, false);
	if (len)
		add_file(f, "bootorder", f->bootorder, len, false);
	add_number(f, VFWCFG_BOOT_MENU, 2, c->boot_menu);
	if (c->boot_menu)
		add_file(f, "etc/boot-menu-wait", menu_wait, sizeof(menu_wait), false);
	add_file(f, "etc/boot-fail-wait", fail_wait, sizeof(fail_wait), false);
	return OK;
}

int firmware_config(struct vm *vm, u32 n, union board_cfg *cfg)
{
	struct board_firmware *f = hv_zalloc(sizeof(*f));
	int err;

	if (!f)
		return ERR_NOMEM;
	vm->board->firmware = f;
	f->vm = vm;
	err = build_files(f);
	if (err) {
		log_err("guest %s: firmware tables: %s\n", vm->config.name, err_str(err));
		return err;
	}
	add_machine(f);
	cfg->fwcfg = (struct vfwcfg_cfg){ .items = f->items, .build = on_built, .arg = f };
	err = add_boot(f);
	if (!err)
		err = add_kernel(f);
	cfg->fwcfg.nr = f->nr;
	return err;
}

void firmware_destroy(struct board *b)
{
	hv_zfree(b->firmware, sizeof(*b->firmware));
}
