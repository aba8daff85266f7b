/* A VM's interrupt controllers: its vCPUs' local APICs, the 8259As and the I/O APIC, wired to the vCPUs. */
#include "vmm/cpu/lapic.h"

#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "mm/hvmem.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

/*
 * To many vCPUs a message goes one by one, for each may have to be woken: what is left after a while is sent in pieces of
 * its own, before the sender goes on.
 */
void lapic_send_more(struct vcpu *v)
{
	u64 until = cpu_rdtsc() + pcpu_clock.piece / 4;

	do
		(void)pc_irqchip_send_more(&v->vm->irq, &v->lapic, &v->ipi, &v->ipi_way);
	while (v->ipi_way.left && cpu_rdtsc() < until);
	if (v->ipi_way.left)
		v->rearm = true; /* back to the run loop */
}

void lapic_irqs_go_on(struct vm *vm)
{
	u64 until = cpu_rdtsc() + pcpu_clock.piece / 4;

	do
		pc_irqchip_go_on(&vm->irq);
	while (pc_irqchip_waits(&vm->irq) && cpu_rdtsc() < until);
}

static void lapic_send(void *ctx, struct vlapic *from, const struct apic_msg *m)
{
	struct vcpu *v = ctx;
	struct irq_way way;

	(void)pc_irqchip_send_some(&v->vm->irq, from, m, &way);
	if (likely(!way.left))
		return;
	v->ipi = *m;
	v->ipi_way = way;
	lapic_send_more(v);
}

static void lapic_eoi(void *ctx, u8 vector)
{
	struct vcpu *v = ctx;
	u32 reason = EXIT_REASON_BASIC(v->exit_reason);

	/* An emulated instruction has taken most of a piece to get here. */
	if (reason == EXIT_REASON_APIC_ACCESS || reason == EXIT_REASON_EPT_VIOLATION)
		pc_irqchip_eoi_later(&v->vm->irq, vector);
	else
		vioapic_eoi(&v->vm->irq.ioapic, vector);
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
	vcpu_request(v, VCPU_REQ_INIT);
}

void vcpu_signal_init(struct vcpu *v)
{
	lapic_init_ipi(v);
}

static void lapic_sipi(void *ctx, u8 vector)
{
	struct vcpu *v = ctx;

	v->sipi_vector = vector;
	v->sipi_pending = true;
	vcpu_request(v, VCPU_REQ_INIT);
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

	/* A deadline in the far past or beyond the clock's reach:
	 * the comparison with tsc_now has dealt with the past. */
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

static void pic_changed(void *arg)
{
	struct vm *vm = arg;

	vcpu_request(vm->vcpus[0], VCPU_REQ_EVENT);
}

/* The vCPU that is at it goes back to the run loop; one that was not yet entered comes by there. */
static void irqs_wait(void *arg)
{
	struct vcpu *v = this_cpu()->current;

	if (v && v->vm == arg)
		v->rearm = true;
}

static u32 hidden_from(const struct cpuid_table *cpuid)
{
	return (cpuid_has(cpuid, CPUID_FEAT_X2APIC) ? 0 : VLAPIC_NO_X2APIC) |
	       (cpuid_has(cpuid, CPUID_FEAT_TSC_DEADLINE) ? 0 : VLAPIC_NO_DEADLINE);
}

int lapics_create(struct vm *vm)
{
	u32 ids[CONFIG_MAX_VCPUS];

	vm->lapics = hv_zalloc(vm->nr_vcpus * sizeof(*vm->lapics));
	if (!vm->lapics)
		return ERR_NOMEM;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpus[i];

		vlapic_init(&v->lapic, v->lapic_page, v->cpuid->apic_id, i == 0, &lapic_ops, v, &v->timers);
		vlapic_set_clock(&v->lapic, vlapic_clock_ns(vm->clock.tsc_hz));
		vlapic_hide(&v->lapic, hidden_from(v->cpuid));
		vm->lapics[i] = &v->lapic;
		ids[i] = v->cpuid->apic_id;
	}
	pc_irqchip_init(&vm->irq, vm->lapics, vm->nr_vcpus, vioapic_free_id(ids, vm->nr_vcpus), pic_changed, vm);
	vm->irq.waits = irqs_wait;
	return pc_irqchip_attach(&vm->irq, &vm->pio, &vm->mmio);
}

void lapics_destroy(struct vm *vm)
{
	hv_zfree(vm->lapics, vm->nr_vcpus * sizeof(*vm->lapics));
}

void lapic_reset(struct vcpu *v, u64 now)
{
	vlapic_reset(&v->lapic, now);
}
