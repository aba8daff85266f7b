/* The devices of a PC: THE TABLE, and what each of them is wired to. A new device is a model, a field of struct
 * board, a row. */
#include "arch/x86/percpu.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/firmware.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/lapic.h"
#include "vmm/vm/vm.h"

/* Which of the VM's places for devices' memory are whose (vdev.h). */
enum { LFB_MEMORY, VGA_WINDOW_MEMORY };

/* Slots 0 to 2 of the PC are the chip set's and the VGA's, those after them the guest's disks' and NICs'. */
#define VGA_SLOT         2
#define WATCHDOG_SLOT    2
#define WATCHDOG_SLOT_PC 31
#define UEFI_VARS_LEN    (528u << 10) /* bytes of flash that OVMF's images of 4 MiB leave for variables */

/* ---- what devices call ---- */

static void on_sleep(void *arg, u8 slp_typ)
{
	struct vm *vm = arg;

	if (slp_typ == GUEST_S5_SLP_TYP)
		vm_request_stop(vm, VM_STOP_POWEROFF, 0, "ACPI S5");
	else
		vcpu_log(vm->vcpus[0], LOG_WARN, "sleep type %u is not offered, ignored\n", slp_typ);
}

static void on_reset(void *arg, const char *how)
{
	vm_request_stop(arg, VM_STOP_RESET, 0, how);
}

/*
 * The chip set gives the processors an INIT, after which firmware looks at the shutdown byte in CMOS memory: 0 is a
 * restart, for which it resets everything. That is done here at once: it does not depend on what is left of firmware,
 * and counts as the restart it is.
 */
static bool soft_reset(struct vm *vm)
{
	if (!vrtc_shutdown(&vm->board->rtc))
		return false;
	vreset_set_a20(&vm->board->reset, true); /* a processor's shutdown does not come by vreset.c */
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		vcpu_signal_init(vm->vcpus[i]);
	return true;
}

static void on_soft_reset(void *arg, const char *how)
{
	if (!soft_reset(arg))
		on_reset(arg, how);
}

static void on_debug_exit(void *arg, u32 code)
{
	vm_request_stop(arg, VM_STOP_DEBUG_EXIT, code, "port F4h");
}

static void on_watchdog(void *arg)
{
	/* Its timer runs on vCPU 0; an access that comes before a late one may be another's. */
	vm_kill(this_cpu()->current, "watchdog expired");
}

static void debug_putc(void *arg, char c)
{
	const struct vm *vm = arg;

	chr_out(&vm->board->chr[SERIAL_CONSOLE], (const u8 *)&c, 1);
}

static void firmware_putc(void *arg, char c)
{
	const struct vm *vm = arg;

	serial_firmware_log(&vm->board->firmware_log, (u8)c);
}

/* ---- configurations ---- */

static int rtc(struct vm *vm, u32 n, union board_cfg *cfg)
{
	const struct guest_map *map = &vm->map;

	cfg->rtc = (struct vrtc_cfg){ .cmos = NULL };
	if (board_is_minimal(&vm->config, n))
		return OK;
	vm->board->cmos = (struct vcmos_cfg){
		.low = map->low_end,
		.high = map->high_end ? map->high_end - GUEST_PCI_HOLE_END : 0,
		.cpus = vm->nr_vcpus,
		.mouse = true, /* at the 8042 */
	};
	cfg->rtc.cmos = &vm->board->cmos;
	return OK;
}

static int pm(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->pm = (struct vpm_cfg){ .sleep = on_sleep, .arg = vm, .piix4 = board_is_pc(&vm->config, n) };
	return OK;
}

static int reset(struct vm *vm, u32 n, union board_cfg *cfg)
{
	bool pc = board_is_pc(&vm->config, n);

	cfg->reset = (struct vreset_cfg){ .reset = on_reset,
		                          .soft_reset = pc ? on_soft_reset : NULL,
		                          .a20 = pc ? board_a20 : NULL,
		                          .arg = vm,
		                          .other_kbc = pc };
	vm->soft_reset = pc ? soft_reset : NULL;
	return OK;
}

/* ---- the 8042, whose A20 gate is port 92h's ---- */

static void set_a20(void *arg, bool open)
{
	struct vm *vm = arg;

	vreset_set_a20(&vm->board->reset, open);
}

static bool get_a20(void *arg)
{
	const struct vm *vm = arg;

	return vreset_a20(&vm->board->reset);
}

/* Its reset line. */
static void on_kbc_reset(void *arg, const char *how)
{
	struct vm *vm = arg;

	vreset_pulse(&vm->board->reset, how);
}

static int kbc(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->kbc = (struct v8042_cfg){ .reset = on_kbc_reset, .set_a20 = set_a20, .a20 = get_a20, .arg = vm };
	return OK;
}

/* ---- the HPET, which may take IRQ 0 and 8 ---- */

static void replace_legacy(void *arg, bool hpet, u64 now)
{
	struct vm *vm = arg;

	irq_gate_close(&vm->board->gate, hpet, now);
}

static int hpet(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->hpet = (struct vhpet_cfg){ .irq = &vm->irq.chip, .replace = replace_legacy, .arg = vm };
	return OK;
}

static int host_bridge(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->host_bridge =
	        (struct vpci_host_bridge_cfg){ .vendor = VPCI_HOST_BRIDGE_VENDOR, .device = VPCI_HOST_BRIDGE_DEVICE };
	return OK;
}

static int i440fx(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->i440fx = (struct vi440fx_cfg){ .at = { 0, 0 }, .pam = board_pam, .arg = vm };
	return OK;
}

static int piix3(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->piix3 = (struct vpiix3_cfg){ .at = { PIIX_SLOT, 0 } };
	return OK;
}

static int piix4pm(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->piix4pm = (struct vpiix4pm_cfg){ .at = { PIIX_SLOT, 3 }, .vpm = &vm->board->pm };
	return OK;
}

static int watchdog(struct vm *vm, u32 n, union board_cfg *cfg)
{
	u8 slot = board_is_pc(&vm->config, n) ? WATCHDOG_SLOT_PC : WATCHDOG_SLOT;

	cfg->watchdog = (struct vi6300esb_cfg){ .at.slot = slot, .expired = on_watchdog, .arg = vm };
	return OK;
}

static bool watchdog_wanted(const struct vm_config *c, u32 n)
{
	return c->watchdog == VM_WATCHDOG_I6300ESB;
}

/* Where its memory is in the guest's. */
static bool vga_map(void *arg, enum vvga_map which, u64 gpa, u32 offset, u32 len)
{
	struct board *b = ((struct vm *)arg)->board;
	const struct vdev_memory *m = b->env.memory;
	u32 slot = which == VVGA_MAP_LFB ? LFB_MEMORY : VGA_WINDOW_MEMORY;

	if (len)
		m->map(m->ctx, slot, gpa, b->vga.cfg.vram + offset, len / PAGE_SIZE, false);
	else
		m->unmap(m->ctx, slot);
	return true;
}

static int vga(struct vm *vm, u32 n, union board_cfg *cfg)
{
	void *vram;
	int err = vm_devmem_alloc(vm, CONFIG_VIDEO_MEMORY, VM_DEVMEM_WHOLE | VM_DEVMEM_CLEAR, &vram);

	if (!err)
		err = vm_devmem_alloc(vm, CONFIG_SCREEN_MEMORY, 0, &vm->board->screen);
	if (err)
		return err;
	_Static_assert(CONFIG_VIDEO_MEMORY == VVGA_VRAM_MAX, "what the blob's check counts");
	_Static_assert(CONFIG_SCREEN_MEMORY >= VVGA_SHOT_MAX, "likewise");
	cfg->vga = (struct vvga_cfg){ .at.slot = VGA_SLOT,
		                      .vram = vram,
		                      .vram_len = VVGA_VRAM_MAX,
		                      .rom = vm->vga_rom.data,
		                      .rom_len = (u32)vm->vga_rom.len,
		                      .map = vga_map,
		                      .arg = vm };
	return OK;
}

static bool com_wanted(const struct vm_config *c, u32 n)
{
	return c->com[n] != VM_SERIAL_NONE;
}

static bool flash_wanted(const struct vm_config *c, u32 n)
{
	return c->firmware == VM_FIRMWARE_UEFI;
}

/* Right below the firmware. It lives as long as the VM: what is written to it outlives the guest's restarts. */
static int flash(struct vm *vm, u32 n, union board_cfg *cfg)
{
	u32 len = vm->vars.len ? (u32)vm->vars.len : UEFI_VARS_LEN;
	void *bytes;
	int err = vm_devmem_alloc(vm, len, VM_DEVMEM_WHOLE, &bytes);

	if (err)
		return err;
	_Static_assert(CONFIG_FLASH_MEMORY >= VM_VARS_MAX && CONFIG_FLASH_MEMORY >= UEFI_VARS_LEN,
	               "what the blob's check counts");
	vm_devmem_begin(vm, vm->vars.len ? vm->vars.data : "", vm->vars.len);
	cfg->flash = (struct vflash_cfg){
		.base = GUEST_ROM_END - vm->rom.len - len, .bytes = bytes, .size = len, .slot = MEMORY_SLOT_FLASH
	};
	return OK;
}

static int debug(struct vm *vm, u32 n, union board_cfg *cfg)
{
	const struct vm_config *c = &vm->config;

	if (c->testdev) {
		vm->board->iomem = hv_zalloc(VDEBUG_IOMEM_LEN);
		if (!vm->board->iomem)
			return ERR_NOMEM;
	}
	vm->board->firmware_log.vm = vm;
	cfg->debug = (struct vdebug_config){
		.exit_port = c->debug_exit,
		.testdev = c->testdev,
		.debugcon = c->debug_console,
		.no_fwcfg = board_is_pc(c, n),
		.exit = on_debug_exit,
		.putc = debug_putc,
		.firmware = c->firmware ? firmware_putc : NULL,
		.arg = vm,
		.iomem = vm->board->iomem,
		.ram_bytes = c->memory,
		.cpus = (u16)vm->nr_vcpus,
	};
	return OK;
}

/* ---- the table ---- */

#define ROW(device, field, tag_, ...)                                                                   \
	{                                                                                               \
		.ops = &device##_ops, .offset = offsetof(struct board, field), .tag = tag_, __VA_ARGS__ \
	}
#define NIC(n_)                                                                               \
	ROW(ve1000, nic[n_], "nic" #n_, .n = n_, .pointer = true, .wanted = board_nic_wanted, \
	    .config = board_nic_config)
#define COM(n_) ROW(vuart, com[n_], "uart" #n_, .n = n_, .wanted = com_wanted, .config = serial_config)

/* In this order they are attached, reset and saved; functions behind their bus. */
const struct board_row board_pc[] = {
	ROW(vhpet, hpet, "hpet", .wanted = board_is_pc, .config = hpet),
	ROW(vpit, pit, "pit"),
	ROW(vrtc, rtc, "rtc", .config = rtc),
	ROW(vpm, pm, "pm", .config = pm),
	ROW(vreset, reset, "reset", .config = reset),
	ROW(vdma, dma, "dma", .wanted = board_is_pc),
	ROW(vfdc, floppy, "floppy", .wanted = board_is_pc, .config = board_floppy_config),
	ROW(v8042, kbc, "8042", .wanted = board_is_pc, .config = kbc),
	ROW(vcrtc, crtc, "crtc", .wanted = board_is_minimal),
	ROW(vpci, pci, "pci"),
	ROW(vpci_host_bridge, host_bridge, "host-bridge", .wanted = board_is_minimal, .config = host_bridge),
	ROW(vi440fx, i440fx, "i440fx", .wanted = board_is_pc, .config = i440fx),
	ROW(vpiix3, piix3, "piix3", .wanted = board_is_pc, .config = piix3),
	ROW(vpiix4pm, piix4pm, "piix4-pm", .wanted = board_is_pc, .config = piix4pm),
	ROW(vi6300esb, watchdog, "i6300esb", .wanted = watchdog_wanted, .config = watchdog),
	ROW(vvga, vga, "vga", .wanted = board_is_pc, .config = vga),
	ROW(vide, ide, "ide", .wanted = board_is_pc, .config = board_ide_config),
	NIC(0),
	NIC(1),
	NIC(2),
	NIC(3),
	COM(0),
	COM(1),
	COM(2),
	COM(3),
	ROW(vlpt, lpt, "lpt", .wanted = board_is_pc),
	ROW(vdebug, debug, "debug", .config = debug),
	/* The last one: it tells firmware which of the others there are. */
	ROW(vfwcfg, fwcfg, "fwcfg", .wanted = board_is_pc, .config = firmware_config),
	ROW(vflash, flash, "flash", .wanted = flash_wanted, .config = flash),
};
_Static_assert(ARRAY_SIZE(board_pc) <= BOARD_ROWS, "struct board has a place for each row");
const u32 board_pc_rows = ARRAY_SIZE(board_pc);
