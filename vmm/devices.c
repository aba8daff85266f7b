/* Wiring of a VM's devices. */
#include "vmm/devices.h"

#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/console.h"
#include "vmm/exit.h"
#include "vmm/fwtables.h"
#include "vmm/vm.h"
#include "vmm/walltime.h"

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

static void tx_console(void *arg, const u8 *buf, size_t len)
{
	console_guest_output((struct vm *)arg, buf, len);
}

static void tx_null(void *arg, const u8 *buf, size_t len) {}

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
		log_info("%s: %s\n", vm->config.name, text);
		*used = 0;
	}
}

#define TX_LOG(n)                                                   \
	static void tx_log##n(void *arg, const u8 *buf, size_t len) \
	{                                                           \
		log_line(arg, n, buf, len);                         \
	}
TX_LOG(0)
TX_LOG(1)
TX_LOG(2)
TX_LOG(3)

static void debug_putc(void *arg, char c)
{
	console_guest_output((struct vm *)arg, (const u8 *)&c, 1);
}

/* ---- creation ---- */

static int create_uarts(struct vm *vm, struct timerq *tq)
{
	static const struct {
		u16 base;
		u8 gsi;
		void (*log)(void *arg, const u8 *buf, size_t len);
	} com[CONFIG_NR_COM] = {
		{ 0x3f8, 4, tx_log0 }, { 0x2f8, 3, tx_log1 }, { 0x3e8, 4, tx_log2 }, { 0x2e8, 3, tx_log3 }
	};
	int err = OK;

	for (u32 i = 0; i < CONFIG_NR_COM && !err; i++) {
		enum vm_serial kind = vm->config.com[i];

		if (kind == VM_SERIAL_NONE)
			continue;
		vuart_init(&vm->dev.com[i], com[i].base, com[i].gsi, &vm->dev.irq.chip, tq,
		           kind == VM_SERIAL_CONSOLE ? tx_console
		           : kind == VM_SERIAL_LOG   ? com[i].log
		                                     : tx_null,
		           vm);
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
		vm->dev.lapics[i] = &v->lapic;
	}
	return OK;
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
	vpci_host_bridge_init(&d->host_bridge, VPCI_HOST_BRIDGE_VENDOR, VPCI_HOST_BRIDGE_DEVICE);
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
		err = vpci_init(&d->pci, &vm->pio, &vm->mmio, chip);
	if (!err)
		err = vpci_attach(&d->pci, &d->host_bridge, 0, 0);
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
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->config.com[i] != VM_SERIAL_NONE)
			vuart_reset(&d->com[i], now);
	vdebug_reset(&d->debug);
}

static struct vuart *console_uart(struct vm *vm)
{
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->config.com[i] == VM_SERIAL_CONSOLE)
			return &vm->dev.com[i];
	return NULL;
}

size_t devices_console_input(struct vm *vm, const u8 *buf, size_t len)
{
	u32 head = vm->input.head, tail = __atomic_load_n(&vm->input.tail, __ATOMIC_ACQUIRE);
	size_t n = 0;

	if (!console_uart(vm))
		return len; /* nobody reads: dropped */
	while (n < len && head - tail < VM_INPUT_SIZE)
		vm->input.buf[head++ % VM_INPUT_SIZE] = buf[n++];
	__atomic_store_n(&vm->input.head, head, __ATOMIC_RELEASE);
	if (n)
		vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT);
	return n;
}

bool devices_console_drain(struct vm *vm)
{
	u32 head = __atomic_load_n(&vm->input.head, __ATOMIC_ACQUIRE), tail = vm->input.tail;
	struct vuart *u;

	if (likely(head == tail))
		return false;
	u = console_uart(vm);
	while (u && tail != head && vuart_rx(u, &vm->input.buf[tail % VM_INPUT_SIZE], 1, vm_now(vm)))
		tail++;
	__atomic_store_n(&vm->input.tail, tail, __ATOMIC_RELEASE);
	return tail != head;
}
