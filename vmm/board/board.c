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

static void lapic_send(void *ctx, struct vlapic *from, const struct apic_msg *m)
{
	struct vcpu *v = ctx;

	pc_irqchip_send(&v->vm->dev.irq, from, m);
}

static void lapic_eoi(void *ctx, u8 vector)
{
	struct vcpu *v = ctx;

	vioapic_eoi(&v->vm->dev.irq.ioapic, vector);
}

static void lapic_kick(void *ctx)
{
	vcpu_request(ctx, VCPU_REQ_EVENT);
}

static void lapic_init_ipi(void *ctx)
{
	struct vcpu *v = ctx;

	v->sipi_pending = false; /* one that came before found no processor waiting for it */
	v->init_pending = true;
	vcpu_request(v, VCPU_REQ_EVENT);
}

static void lapic_sipi(void *ctx, u8 vector)
{
	struct vcpu *v = ctx;

	v->sipi_vector = vector;
	v->sipi_pending = true;
	vcpu_request(v, VCPU_REQ_EVENT);
}

static u64 lapic_tsc_now(void *ctx, u64 now)
{
	struct vcpu *v = ctx;

	return vcpu_msr_ops.tsc(v);
}

static u64 lapic_tsc_to_ns(void *ctx, u64 tsc)
{
	struct vcpu *v = ctx;
	u64 host = vclock_unscale_ceil(&v->vm->clock, tsc - v->tsc_offset) - v->vm->tsc_start;

	/* A deadline in the far past or beyond the clock's reach: the comparison with tsc_now has dealt with the
	 * past. */
	if ((s64)host < 0)
		return TIMER_OFF - 1;
	return MIN(vclock_ns_sat(&v->vm->clock, host), TIMER_OFF - 2) + 1;
}

static const struct vlapic_ops lapic_ops = {
	.send = lapic_send,
	.eoi = lapic_eoi,
	.kick = lapic_kick,
	.init = lapic_init_ipi,
	.sipi = lapic_sipi,
	.tsc_now = lapic_tsc_now,
	.tsc_to_ns = lapic_tsc_to_ns,
};

/* ---- callbacks of the devices ---- */

static void pic_changed(void *arg)
{
	struct vm *vm = arg;

	vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT);
}

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

static void log_text(struct vm *vm, const char *text)
{
	u32 suppressed;

	if (!log_limit_ok(&vm->text_limit, run_now(), LINES_A_SECOND, 1000000000, &suppressed))
		return;
	if (suppressed)
		log_info("%s: (%u lines not shown)\n", vm->config.name, suppressed);
	log_info("%s: %s\n", vm->config.name, text);
}

static void log_line(struct vm *vm, u32 n, const u8 *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char *text = vm->dev.log_line[n].text;
		u32 *used = &vm->dev.log_line[n].len;

		if (buf[i] >= ' ' && buf[i] < 0x7f)
			text[(*used)++] = (char)buf[i];
		if (buf[i] != '\n' && *used < sizeof(vm->dev.log_line[n].text) - 1)
			continue;
		text[*used] = 0;
		*used = 0;
		log_text(vm, text);
	}
}

/* What a serial port is connected to may change while the guest runs: a standby guest takes its primary's. */
static void tx(void *arg, const u8 *buf, size_t len)
{
	struct com_port *port = arg;
	struct vm *vm = port->vm;

	guests_output(vm, buf, len);
	switch (vm->serial[port->n]) {
	case VM_SERIAL_CONSOLE: monitor_guest_output(vm, buf, len); break;
	case VM_SERIAL_CONTROL: monitor_control_output(vm, buf, len); break;
	case VM_SERIAL_LOG:
		monitor_guest_output(vm, buf, len);
		log_line(vm, port->n, buf, len);
		break;
	default: break;
	}
}

static void debug_putc(void *arg, char c)
{
	monitor_guest_output(arg, (const u8 *)&c, 1);
}

/* ---- creation ---- */

static int create_uarts(struct vm *vm, struct timerq *tq)
{
	static const struct {
		u16 base;
		u8 gsi;
	} com[CONFIG_NR_COM] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };
	int err = OK;

	for (u32 i = 0; i < CONFIG_NR_COM && !err; i++) {
		vm->serial[i] = vm->config.com[i];
		vm->dev.port[i] = (struct com_port){ vm, i };
		if (vm->config.com[i] == VM_SERIAL_NONE)
			continue;
		vuart_init(&vm->dev.com[i], com[i].base, com[i].gsi, &vm->dev.irq.chip, tq, tx, &vm->dev.port[i]);
		err = vuart_attach(&vm->dev.com[i], &vm->pio);
	}
	return err;
}

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

static int create_lapics(struct vm *vm)
{
	vm->dev.lapics = hv_zalloc(vm->nr_vcpus * sizeof(*vm->dev.lapics));
	if (!vm->dev.lapics)
		return ERR_NOMEM;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpus[i];

		vlapic_init(&v->lapic, v->lapic_page, v->cpuid->apic_id, i == 0, &lapic_ops, v, &v->timers);
		vlapic_set_clock(&v->lapic, vlapic_clock_ns(vm->clock.tsc_hz));
		vm->dev.lapics[i] = &v->lapic;
	}
	return OK;
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

/* What was typed for, and what was begun by, the guest as it ran before. */
static void forget_input(struct vm *vm)
{
	spin_lock(&vm->keys.lock);
	__atomic_store_n(&vm->keys.nr, 0, __ATOMIC_RELAXED);
	spin_unlock(&vm->keys.lock);
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		vm->dev.log_line[i].len = 0;
	monitor_control_restart(vm);
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

size_t devices_queue_input(struct vm *vm, const u8 *buf, size_t len)
{
	size_t n;

	spin_lock(&vm->keys.lock);
	n = MIN(len, sizeof(vm->keys.buf) - vm->keys.nr);
	memcpy(vm->keys.buf + vm->keys.nr, buf, n);
	__atomic_store_n(&vm->keys.nr, vm->keys.nr + (u32)n, __ATOMIC_RELAXED);
	spin_unlock(&vm->keys.lock);
	if (n)
		vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT);
	return n;
}

static struct vuart *uart_of(struct vm *vm, enum vm_serial kind)
{
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->serial[i] == kind)
			return &vm->dev.com[i];
	return NULL;
}

static void take_keys(struct vm *vm)
{
	struct vuart *u = uart_of(vm, VM_SERIAL_CONSOLE);
	size_t n;

	spin_lock(&vm->keys.lock);
	/* Nobody reads: dropped. */
	n = u ? vuart_rx(u, vm->keys.buf, vm->keys.nr, vm_now(vm)) : vm->keys.nr;
	memmove(vm->keys.buf, vm->keys.buf + n, vm->keys.nr - n);
	__atomic_store_n(&vm->keys.nr, vm->keys.nr - (u32)n, __ATOMIC_RELAXED);
	spin_unlock(&vm->keys.lock);
}

void devices_take_input(struct vm *vm)
{
	if (__atomic_load_n(&vm->keys.nr, __ATOMIC_RELAXED))
		take_keys(vm);
	if (monitor_control_waits(vm))
		monitor_control_pull(vm);
}

bool devices_input_waits(const struct vm *vm)
{
	return __atomic_load_n(&vm->keys.nr, __ATOMIC_RELAXED) || monitor_control_waits(vm);
}

size_t devices_control_space(struct vm *vm)
{
	const struct vuart *u = uart_of(vm, VM_SERIAL_CONTROL);

	return u ? vuart_rx_space(u) : 0;
}

void devices_control_input(struct vm *vm, const u8 *buf, size_t len)
{
	struct vuart *u = uart_of(vm, VM_SERIAL_CONTROL); /* NULL: taken over just now */
	size_t n = u ? vuart_rx(u, buf, len, vm_now(vm)) : 0;

	if (n < len)
		log_debug("guest %s: control UART lost %lu bytes\n", vm->config.name, len - n);
}
