/* MSRs of the loaded vCPU: vmm/policy/msr.c's policy wired to the VMCS and the processor. */
#include "arch/x86/cpu.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/vm/vm.h"

static u64 reg_get(void *ctx, enum vmsr_reg reg)
{
	switch (reg) {
	case VMSR_FS_BASE: return vmcs_read(VMCS_GUEST_FS_BASE);
	case VMSR_GS_BASE: return vmcs_read(VMCS_GUEST_GS_BASE);
	case VMSR_KERNEL_GS_BASE: return cpu_rdmsr(MSR_KERNEL_GS_BASE);
	case VMSR_SYSENTER_CS: return vmcs_read(VMCS_GUEST_SYSENTER_CS);
	case VMSR_SYSENTER_ESP: return vmcs_read(VMCS_GUEST_SYSENTER_ESP);
	case VMSR_SYSENTER_EIP: return vmcs_read(VMCS_GUEST_SYSENTER_EIP);
	case VMSR_STAR: return cpu_rdmsr(MSR_STAR);
	case VMSR_LSTAR: return cpu_rdmsr(MSR_LSTAR);
	case VMSR_CSTAR: return cpu_rdmsr(MSR_CSTAR);
	case VMSR_FMASK: return cpu_rdmsr(MSR_FMASK);
	case VMSR_TSC_AUX: return vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP) ? cpu_rdmsr(MSR_TSC_AUX) : 0;
	case VMSR_EFER: return vmcs_read(VMCS_GUEST_EFER);
	case VMSR_PAT: return vmcs_read(VMCS_GUEST_PAT);
	case VMSR_DEBUGCTL: return vmcs_read(VMCS_GUEST_DEBUGCTL);
	default: return 0;
	}
}

static void reg_set(void *ctx, enum vmsr_reg reg, u64 val)
{
	switch (reg) {
	case VMSR_FS_BASE: vmcs_write(VMCS_GUEST_FS_BASE, val); break;
	case VMSR_GS_BASE: vmcs_write(VMCS_GUEST_GS_BASE, val); break;
	case VMSR_KERNEL_GS_BASE: cpu_wrmsr(MSR_KERNEL_GS_BASE, val); break;
	case VMSR_SYSENTER_CS: vmcs_write(VMCS_GUEST_SYSENTER_CS, val); break;
	case VMSR_SYSENTER_ESP: vmcs_write(VMCS_GUEST_SYSENTER_ESP, val); break;
	case VMSR_SYSENTER_EIP: vmcs_write(VMCS_GUEST_SYSENTER_EIP, val); break;
	case VMSR_STAR: cpu_wrmsr(MSR_STAR, val); break;
	case VMSR_LSTAR: cpu_wrmsr(MSR_LSTAR, val); break;
	case VMSR_CSTAR: cpu_wrmsr(MSR_CSTAR, val); break;
	case VMSR_FMASK: cpu_wrmsr(MSR_FMASK, val); break;
	case VMSR_TSC_AUX:
		if (vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP))
			cpu_wrmsr(MSR_TSC_AUX, val);
		break;
	case VMSR_EFER: vmcs_write(VMCS_GUEST_EFER, val); break;
	case VMSR_PAT: vmcs_write(VMCS_GUEST_PAT, val); break;
	case VMSR_DEBUGCTL: vmcs_write(VMCS_GUEST_DEBUGCTL, val); break;
	default: break;
	}
}

static void reg_crs(void *ctx, struct crs_state *s)
{
	cr_state(ctx, s);
}

static u64 guest_tsc(void *ctx)
{
	struct vcpu *v = ctx;

	return vclock_scale(&v->vm->clock, cpu_rdtsc()) + v->tsc_offset;
}

static void guest_tsc_move(void *ctx, u64 delta)
{
	struct vcpu *v = ctx;

	v->tsc_offset += delta;
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
	vlapic_tsc_changed(&v->lapic, vm_now(v->vm));
	vcpu_pv_clock_changed(v);
}

static u64 apic_base_read(void *ctx)
{
	return vlapic_get_base(&((struct vcpu *)ctx)->lapic);
}

static bool apic_base_write(void *ctx, u64 val)
{
	struct vcpu *v = ctx;

	if (vlapic_set_base(&v->lapic, val, vm_now(v->vm)))
		return false;
	vcpu_request_self(v, VCPU_REQ_APIC | VCPU_REQ_EVENT);
	return true;
}

static bool x2apic_read(void *ctx, u32 reg, u64 *val)
{
	struct vcpu *v = ctx;

	return !vlapic_msr_read(&v->lapic, MSR_X2APIC + reg, val, vm_now(v->vm));
}

static bool x2apic_write(void *ctx, u32 reg, u64 val)
{
	struct vcpu *v = ctx;

	vcpu_request_self(v, VCPU_REQ_EVENT);
	return !vlapic_msr_write(&v->lapic, MSR_X2APIC + reg, val, vm_now(v->vm));
}

static bool pv_read(void *ctx, u32 idx, u64 *val)
{
	return vcpu_pv_msr(ctx, idx, val, false);
}

static bool pv_write(void *ctx, u32 idx, u64 val)
{
	return vcpu_pv_msr(ctx, idx, &val, true);
}

static u64 deadline_read(void *ctx)
{
	return vlapic_get_deadline(&((struct vcpu *)ctx)->lapic);
}

static void deadline_write(void *ctx, u64 val)
{
	struct vcpu *v = ctx;

	vlapic_set_deadline(&v->lapic, val, vm_now(v->vm));
}

const struct vmsr_ops vcpu_msr_ops = {
	.get = reg_get,
	.set = reg_set,
	.crs = reg_crs,
	.tsc = guest_tsc,
	.tsc_move = guest_tsc_move,
	.apic_base_read = apic_base_read,
	.apic_base_write = apic_base_write,
	.x2apic_read = x2apic_read,
	.x2apic_write = x2apic_write,
	.pv_read = pv_read,
	.pv_write = pv_write,
	.tsc_deadline_read = deadline_read,
	.tsc_deadline_write = deadline_write,
};

bool msr_access(struct vcpu *v, u32 index, u64 *val, bool write)
{
	enum msr_result r = write ? msr_write(&v->msr, index, *val) : msr_read(&v->msr, index, val);

	if (r == MSR_UNKNOWN)
		vcpu_log(v, LOG_DEBUG, "%s of unknown MSR %#x: #GP\n", write ? "WRMSR" : "RDMSR", index);
	return r == MSR_OK;
}
