/* Wiring of a VM's devices. */
#include "vmm/board/board.h"

#include "arch/x86/percpu.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/vm/vm.h"

#define WATCHDOG_SLOT 2
#define PCI_IO_BASE   0xc000
#define PCI_IO_END    0x10000

/* ---- callbacks of the devices ---- */

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

/* ---- creation ---- */

static int create_debug(struct vm *vm)
{
	struct vdebug_config cfg = {
		.exit_port = vm->config.debug_exit,
		.testdev = vm->config.testdev,
		.debugcon = vm->config.debug_console,
		.exit = on_debug_exit,
		.putc = debug_putc,
		.arg = vm,
		.irq = &vm->irq.chip,
		.ram_bytes = vm->config.memory,
		.cpus = (u16)vm->nr_vcpus,
	};

	if (cfg.testdev) {
		vm->board->iomem = hv_zalloc(VDEBUG_IOMEM_LEN);
		if (!vm->board->iomem)
			return ERR_NOMEM;
		cfg.iomem = vm->board->iomem;
	}
	return vdebug_init(&vm->board->debug, &cfg, &vm->pio, &vm->mmio);
}

/* The PCI bus and what is on it. */
static int create_pci(struct vm *vm, struct timerq *tq)
{
	struct board *b = vm->board;
	int err = vpci_init(&b->pci, &vm->pio, &vm->mmio, &vm->irq.chip);

	vpci_host_bridge_init(&b->host_bridge, VPCI_HOST_BRIDGE_VENDOR, VPCI_HOST_BRIDGE_DEVICE);
	if (!err)
		err = vpci_attach(&b->pci, &b->host_bridge, 0, 0);
	if (err || vm->config.watchdog != VM_WATCHDOG_I6300ESB)
		return err;
	err = vi6300esb_init(&b->watchdog, tq, on_watchdog, vm);
	if (!err)
		err = vpci_attach(&b->pci, &b->watchdog.pci, WATCHDOG_SLOT, 0);
	return err;
}

int board_create(struct vm *vm)
{
	struct timerq *tq = &vm->vcpus[0]->timers;
	const struct irqchip *chip = &vm->irq.chip;
	struct board *b = hv_zalloc(sizeof(*b));
	int err;

	if (!b)
		return ERR_NOMEM;
	vm->board = b;
	vpit_init(&b->pit, chip, tq);
	vrtc_init(&b->rtc, chip, tq);
	vpm_init(&b->pm, chip, tq, on_sleep, vm);
	vreset_init(&b->reset, on_reset, vm);
	err = vpit_attach(&b->pit, &vm->pio);
	if (!err)
		err = vrtc_attach(&b->rtc, &vm->pio);
	if (!err)
		err = vpm_attach(&b->pm, &vm->pio);
	if (!err)
		err = vreset_attach(&b->reset, &vm->pio);
	if (!err)
		err = create_pci(vm, tq);
	if (!err)
		err = serial_create(vm);
	if (!err)
		err = create_debug(vm);
	if (!err)
		vpci_set_cf9(&b->pci, vreset_cf9, &b->reset);
	return err;
}

void board_destroy(struct vm *vm)
{
	struct board *b = vm->board;

	if (!b)
		return;
	hv_zfree(b->iomem, VDEBUG_IOMEM_LEN);
	hv_zfree(b, sizeof(*b));
	vm->board = NULL;
}

void board_reset(struct vm *vm, u64 now)
{
	struct board *b = vm->board;

	vpit_reset(&b->pit, now);
	vrtc_reset(&b->rtc, now);
	vrtc_set_time(&b->rtc, walltime_now(), now);
	vpm_reset(&b->pm, now);
	vreset_reset(&b->reset);
	vpci_reset(&b->pci);
	if (vm->config.watchdog == VM_WATCHDOG_I6300ESB)
		vi6300esb_reset(&b->watchdog);
	/* There is no firmware to do it. The windows are those of the DSDT. */
	if (vpci_assign(&b->pci, GUEST_PCI_MMIO_BASE, GUEST_PCI_MMIO_END, PCI_IO_BASE, PCI_IO_END) != OK)
		log_warn("guest %s: PCI BARs do not fit\n", vm->config.name);
	serial_reset(vm, now);
	vdebug_reset(&b->debug);
}

void board_power_button(struct vm *vm)
{
	vpm_power_button(&vm->board->pm, vm_now(vm));
}
