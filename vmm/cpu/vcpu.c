/* Creation of virtual CPUs; their control words and general registers. */
#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/cpu/emulation.h"
#include "vmm/cpu/priv.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

/* ---- control words ---- */

static void set_word(enum vmcs_field field, u32 *word, u32 set, u32 clear)
{
	u32 w = (*word & ~clear) | set;

	if (w == *word)
		return;
	*word = w;
	vmcs_write(field, w);
}

void vcpu_set_proc(struct vcpu *v, u32 set, u32 clear)
{
	set_word(VMCS_PROC_CONTROLS, &v->proc, set, clear);
}

void vcpu_set_proc2(struct vcpu *v, u32 set, u32 clear)
{
	set_word(VMCS_PROC2_CONTROLS, &v->proc2, set, clear);
}

void vcpu_set_pin(struct vcpu *v, u32 set, u32 clear)
{
	set_word(VMCS_PIN_CONTROLS, &v->pin, set, clear);
}

/* ---- creation ---- */

static void host_cpuid(void *ctx, u32 leaf, u32 sub, struct cpuid_leaf *out)
{
	struct cpuid_regs r = cpu_cpuid(leaf, sub);

	*out = (struct cpuid_leaf){ r.eax, r.ebx, r.ecx, r.edx };
}

static u32 offered_pv(const struct vm *vm)
{
	static const u32 bits[] = {
		PV_CLOCKSOURCE | PV_CLOCKSOURCE2 | PV_CLOCK_STABLE,
		PV_STEAL_TIME,
		PV_EOI,
		PV_UNHALT,
		PV_TLB_FLUSH,
		PV_SEND_IPI,
	};
	u32 mask = PV_NOP_IO_DELAY | PV_SCHED_YIELD;

	if (vm->config.signature == HV_SIGNATURE_NONE)
		return 0;
	/* In the order of enum vm_pv. */
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (vm->config.pv >> i & 1)
			mask |= bits[i];
	return pv_features(mask, vmx_caps.proc2_allowed & PROC2_VIRTUAL_INTERRUPT_DELIVERY);
}

static int build_cpuid(struct vcpu *v)
{
	const struct cpuid_host host = { .cpuid = host_cpuid };
	const struct vm *vm = v->vm;
	struct cpuid_guest_cfg cfg = {
		.vcpu = v->id,
		.nr_vcpus = vm->nr_vcpus,
		.topo = vm->config.topo,
		.signature = vm->config.signature,
		.pv = offered_pv(vm),
		.tsc_hz = vm->clock.guest_hz,
		.apic_hz = 1000000000 / vlapic_clock_ns(vm->clock.tsc_hz),
		.disable = vm->config.cpu_disable,
		.caps = {
			.rdtscp = vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP),
			.invpcid = vmx_caps_has(&vmx_caps, VMX_FEAT_INVPCID),
			.xsavec = vcpu_host.xsavec,
			.xsaves = vcpu_host.xsaves && vmx_caps_has(&vmx_caps, VMX_FEAT_XSAVES),
			.x2apic = true,
			.tsc_deadline = true,
			.xcr0 = vcpu_host.xcr0,
		},
	};

	return cpuid_build(v->cpuid, &host, &cfg);
}

void vcpu_msr_bitmap(struct vcpu *v)
{
	bool x2 = vlapic_is_x2apic(&v->lapic), vid = x2 && (v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY);
	struct msr_bitmap_cfg cfg = {
		.tsc_aux = cpuid_has(v->cpuid, CPUID_FEAT_RDTSCP),
		.pat = true,
		.efer_read = true,
		.syscall = true,
		.tsc_read = cpuid_has(v->cpuid, CPUID_FEAT_TSC),
		.x2apic_virt = x2 && (v->proc2 & PROC2_VIRTUALIZE_X2APIC),
		.x2apic_reg_virt = x2 && (v->proc2 & PROC2_APIC_REGISTER_VIRT),
		.x2apic_intr_virt = vid,
		.x2apic_self_ipi = vid && !vcpu_host.hasty_vid,
	};

	msr_build_bitmap(v->msr_bitmap, &cfg);
}

#define TIMER_FIELD_MAX 0xffffffffull

void vcpu_set_preemption_timer(struct vcpu *v, u64 now)
{
	u64 left = v->due_tsc > now ? v->due_tsc - now : 0;

	left = (left + (1ull << vmx_caps.preemption_shift) - 1) >> vmx_caps.preemption_shift;
	vmcs_write(VMCS_PREEMPTION_TIMER, MIN(left, TIMER_FIELD_MAX));
	v->drift = 0;
	/* Without the control that saves it, each entry starts it afresh. */
	v->drift_max = v->exit & EXIT_SAVE_PREEMPTION_TIMER ? pcpu_clock.piece : 0;
}

static void vcpu_timers_changed(struct timerq *q)
{
	vcpu_request(container_of(q, struct vcpu, timers), VCPU_REQ_TIMER);
}

/* VPIDs are never given back: VMs live as long as the machine. Without one, each entry and exit flushes. */
static u16 alloc_vpid(void)
{
	static u16 last;

	return vmx_caps_has(&vmx_caps, VMX_FEAT_VPID) && last < 0xffff ? ++last : 0;
}

int vcpu_create(struct vm *vm, u32 id, struct vcpu **out)
{
	struct vcpu *v = hv_zalloc(sizeof(*v));

	if (!v)
		return ERR_NOMEM;
	*out = v;
	v->vm = vm;
	v->id = id;
	v->who = vm->id << 16 | id;
	fmt_snprintf(v->dump.tag, sizeof(v->dump.tag), "%s.%u:", vm->config.name, id);
	v->vmcs = hv_alloc_pages(1);
	v->lapic_page = hv_alloc_pages(1);
	v->msr_bitmap = hv_alloc_pages(1);
	v->cpuid = hv_zalloc(sizeof(*v->cpuid));
	v->xsave = hv_zalloc(MAX(fpu_area_size(vcpu_host.xcr0), PAGE_SIZE));
	v->emulation = hv_zalloc(sizeof(*v->emulation));
	if (!v->vmcs || !v->lapic_page || !v->msr_bitmap || !v->cpuid || !v->xsave || !v->emulation)
		return ERR_NOMEM;
	if (build_cpuid(v))
		return ERR_INVAL;
	pv_init(&v->pv, v->cpuid->hvleaf[1].eax);
	*(u32 *)v->vmcs = vmx_caps.revision;
	v->vmcs_pa = virt_to_phys(v->vmcs).v;
	v->vpid = alloc_vpid();
	timerq_init(&v->timers, vcpu_timers_changed);
	vmsr_init(&v->msr, v->cpuid, vm->clock.guest_hz, &vcpu_msr_ops, v);
	crs_caps_init(&v->crs, v->cpuid);
	v->state = VCPU_WAIT_SIPI;
	fpu_area_init(v->xsave);
	v->held.xcr0 = XCR0_X87;
	v->held.dr6 = DR6_INIT;
	return OK;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	if (v->vmcs_pa)
		vmx_vmclear(v->vmcs_pa);
	hv_zfree(v->vmcs, PAGE_SIZE);
	hv_zfree(v->lapic_page, PAGE_SIZE);
	hv_zfree(v->msr_bitmap, PAGE_SIZE);
	hv_zfree(v->cpuid, sizeof(*v->cpuid));
	hv_zfree(v->xsave, MAX(fpu_area_size(vcpu_host.xcr0), PAGE_SIZE));
	hv_zfree(v->emulation, sizeof(*v->emulation));
	hv_zfree(v, sizeof(*v));
}

/* ---- registers ---- */

u64 vcpu_gpr(struct vcpu *v, u32 n)
{
	return n == GPR_RSP ? vmcs_read(VMCS_GUEST_RSP) : v->regs.gpr[n];
}

void vcpu_set_gpr(struct vcpu *v, u32 n, u64 val)
{
	if (n == GPR_RSP)
		vmcs_write(VMCS_GUEST_RSP, val);
	else
		v->regs.gpr[n] = val;
}
