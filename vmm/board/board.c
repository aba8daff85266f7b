/* Wiring of a VM's devices. */
#include "vmm/board/board.h"

#include "arch/x86/percpu.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/exit/exit.h"
#include "vmm/firmware/tables.h"
#include "vmm/life/guests.h"
#include "vmm/operator/console.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/run/run.h"
#include "vmm/vm/vm.h"

#define WATCHDOG_SLOT  2
#define LINES_A_SECOND 100 /* of a guest in the log: about what a serial line takes */
#define PCI_IO_BASE    0xc000
#define PCI_IO_END     0x10000

/* ---- the local APICs' way to their vCPU ---- */

/* ---- callbacks of the devices ---- */

static void on_sleep(void *arg, u8 slp_typ)
{
	struct vm *vm = arg;

	if (slp_typ == FW_S5_SLP_TYP)
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
		.irq = &vm->dev.irq.chip,
		.ram_bytes = vm->config.memory,
		.cpus = (u16)vm->nr_vcpus,
	};

	if (cfg.testdev) {
		vm->dev.iomem = hv_zalloc(VDEBUG_IOMEM_LEN);
		if (!vm->dev.iomem)
			return ERR_NOMEM;
		cfg.iomem = vm->dev.iomem;
	}
	return vdebug_init(&vm->dev.debug, &cfg, &vm->pio, &vm->mmio);
}

/* The PCI bus and what is on it. */
static int create_pci(struct vm *vm, struct timerq *tq)
{
	struct devices *d = &vm->dev;
	int err = vpci_init(&d->pci, &vm->pio, &vm->mmio, &d->irq.chip);

	vpci_host_bridge_init(&d->host_bridge, VPCI_HOST_BRIDGE_VENDOR, VPCI_HOST_BRIDGE_DEVICE);
	if (!err)
		err = vpci_attach(&d->pci, &d->host_bridge, 0, 0);
	if (err || vm->config.watchdog != VM_WATCHDOG_I6300ESB)
		return err;
	err = vi6300esb_init(&d->watchdog, tq, on_watchdog, vm);
	if (!err)
		err = vpci_attach(&d->pci, &d->watchdog.pci, WATCHDOG_SLOT, 0);
	return err;
}

int devices_create(struct vm *vm)
{
	struct devices *d = &vm->dev;
	struct timerq *tq = &vm->vcpus[0]->timers;
	const struct irqchip *chip = &d->irq.chip;
	int err = create_lapics(vm);

	if (err)
		return err;
	pc_irqchip_init(&d->irq, d->lapics, vm->nr_vcpus, (u8)vm->nr_vcpus, pic_changed, vm);
	vpit_init(&d->pit, chip, tq);
	vrtc_init(&d->rtc, chip, tq);
	vpm_init(&d->pm, chip, tq, on_sleep, vm);
	vreset_init(&d->reset, on_reset, vm);
	err = pc_irqchip_attach(&d->irq, &vm->pio, &vm->mmio);
	if (!err)
		err = vpit_attach(&d->pit, &vm->pio);
	if (!err)
		err = vrtc_attach(&d->rtc, &vm->pio);
	if (!err)
		err = vpm_attach(&d->pm, &vm->pio);
	if (!err)
		err = vreset_attach(&d->reset, &vm->pio);
	if (!err)
		err = create_pci(vm, tq);
	if (!err)
		err = create_uarts(vm, tq);
	if (!err)
		err = create_debug(vm);
	if (!err)
		vpci_set_cf9(&d->pci, vreset_cf9, &d->reset);
	return err;
}

void devices_destroy(struct vm *vm)
{
	hv_zfree(vm->dev.lapics, vm->nr_vcpus * sizeof(*vm->dev.lapics));
	hv_zfree(vm->dev.iomem, VDEBUG_IOMEM_LEN);
}

void devices_reset(struct vm *vm, u64 now)
{
	struct devices *d = &vm->dev;

	for (u32 i = 0; i < vm->nr_vcpus; i++)
		vlapic_reset(&vm->vcpus[i]->lapic, now);
	pc_irqchip_reset(&d->irq);
	vpit_reset(&d->pit, now);
	vrtc_reset(&d->rtc, now);
	vrtc_set_time(&d->rtc, walltime_now(), now);
	vpm_reset(&d->pm, now);
	vreset_reset(&d->reset);
	vpci_reset(&d->pci);
	if (vm->config.watchdog == VM_WATCHDOG_I6300ESB)
		vi6300esb_reset(&d->watchdog);
	/* There is no firmware to do it. The windows are those of the DSDT. */
	if (vpci_assign(&d->pci, GUEST_PCI_MMIO_BASE, GUEST_PCI_MMIO_END, PCI_IO_BASE, PCI_IO_END) != OK)
		log_warn("guest %s: PCI BARs do not fit\n", vm->config.name);
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->config.com[i] != VM_SERIAL_NONE)
			vuart_reset(&d->com[i], now);
	vdebug_reset(&d->debug);
	forget_input(vm);
}
