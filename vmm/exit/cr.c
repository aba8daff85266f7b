/* Control registers, XSETBV and MSRs of the loaded vCPU. Rules are vmm/policy/crs.c's and vmm/policy/msr.c's; this is
 * the wiring.
 */
#include "arch/x86/cpu.h"
#include "mm/gwalk.h"
#include "vmm/exit/exit.h"
#include "vmm/vm/vm.h"

static const struct crs_fixed *fixed(void)
{
	static struct crs_fixed f;

	f = (struct crs_fixed){ vmx_caps.guest_cr0_must1, vmx_caps.guest_cr0_may1, vmx_caps.guest_cr4_must1,
		                vmx_caps.guest_cr4_may1 };
	return &f;
}

void cr_state(struct vcpu *v, struct crs_state *s)
{
	*s = (struct crs_state){
		.cr0 = crs_visible(vmcs_read(VMCS_GUEST_CR0), vmcs_read(VMCS_CR0_READ_SHADOW), crs_cr0_mask()),
		.cr3 = vmcs_read(VMCS_GUEST_CR3),
		.cr4 = crs_visible(vmcs_read(VMCS_GUEST_CR4), vmcs_read(VMCS_CR4_READ_SHADOW), crs_cr4_mask(&v->crs)),
		.efer = vmcs_read(VMCS_GUEST_EFER),
		.cs_l = vmcs_read32(VMCS_GUEST_CS_AR) & SEG_AR_L,
		.tss16 = (SEG_AR_TYPE(vmcs_read32(VMCS_GUEST_TR_AR)) & 8) == 0,
	};
}

void cr_force(struct vcpu *v, u64 cr0, u64 cr4)
{
	vmcs_write(VMCS_GUEST_CR0, crs_cr0_real(fixed(), cr0));
	vmcs_write(VMCS_CR0_READ_SHADOW, cr0);
	vmcs_write(VMCS_GUEST_CR4, crs_cr4_real(fixed(), cr4));
	vmcs_write(VMCS_CR4_READ_SHADOW, cr4);
}

/* PAE paging: the processor takes the PDPTEs from the VMCS at entry; after an emulated CR write they are ours to
 * load. */
static bool load_pdptes(struct vcpu *v, u64 cr3)
{
	struct gwalk_state s = { .phys_bits = v->crs.phys_bits, .mem = &v->vm->mem };
	u64 pdpte[4];

	if (gwalk_load_pdptes(&s, cr3, pdpte) != GWALK_OK)
		return false;
	for (u32 i = 0; i < 4; i++)
		vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i), pdpte[i]);
	return true;
}

static bool apply(struct vcpu *v, u32 nr, const struct crs_out *out, u64 cr3)
{
	if ((out->todo & CRS_DO_PDPTES) && !load_pdptes(v, cr3))
		return false;
	switch (nr) {
	case 0:
		vmcs_write(VMCS_GUEST_CR0, crs_cr0_real(fixed(), out->value));
		vmcs_write(VMCS_CR0_READ_SHADOW, out->value);
		break;
	case 3: vmcs_write(VMCS_GUEST_CR3, out->value); break;
	case 4:
		vmcs_write(VMCS_GUEST_CR4, crs_cr4_real(fixed(), out->value));
		vmcs_write(VMCS_CR4_READ_SHADOW, out->value);
		break;
	}
	if (out->todo & CRS_DO_EFER) {
		vmcs_write(VMCS_GUEST_EFER, out->efer);
		v->entry = (v->entry & ~ENTRY_IA32E_GUEST) | (out->efer & EFER_LMA ? ENTRY_IA32E_GUEST : 0);
		vmcs_write(VMCS_ENTRY_CONTROLS, v->entry);
	}
	if (out->todo & CRS_DO_FLUSH)
		vcpu_flush_tlb(v);
	return true;
}

bool cr_write(struct vcpu *v, u32 nr, u64 val)
{
	struct crs_state s;
	struct crs_out out = { 0 };
	enum crs_result r;

	if (nr == 8) {
		if (crs_cr8_write(val) != CRS_OK)
			return false;
		vlapic_set_cr8(&v->lapic, (u8)val);
		return true;
	}
	/* With unrestricted guest the processor keeps LMA and this control in step; take over what it did. */
	v->entry = vmcs_read32(VMCS_ENTRY_CONTROLS);
	cr_state(v, &s);
	switch (nr) {
	case 0: r = crs_cr0_write(&v->crs, &s, val, &out); break;
	case 3: r = crs_cr3_write(&v->crs, &s, val, &out); break;
	case 4: r = crs_cr4_write(&v->crs, &s, val, &out); break;
	default: return false;
	}
	return r == CRS_OK && apply(v, nr, &out, nr == 3 ? out.value : s.cr3);
}

u64 cr_read(struct vcpu *v, u32 nr)
{
	struct crs_state s;

	if (nr == 8)
		return vlapic_cr8(&v->lapic);
	if (nr == 2)
		return cpu_read_cr2();
	cr_state(v, &s);
	return nr == 0 ? s.cr0 : nr == 3 ? s.cr3 : s.cr4;
}

enum exit_action exit_cr_access(struct vcpu *v)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u32 nr = CR_QUAL_NUMBER(q);
	u64 val;
	bool ok;

	switch (CR_QUAL_ACCESS(q)) {
	case CR_QUAL_MOV_TO:
		val = vcpu_gpr(v, CR_QUAL_GPR(q));
		if (!(vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) || !(vmcs_read32(VMCS_GUEST_CS_AR) & SEG_AR_L))
			val = (u32)val;
		ok = cr_write(v, nr, val);
		break;
	case CR_QUAL_MOV_FROM:
		vcpu_set_gpr(v, CR_QUAL_GPR(q), cr_read(v, nr));
		ok = true;
		break;
	case CR_QUAL_CLTS: ok = cr_write(v, 0, cr_read(v, 0) & ~CR0_TS); break;
	default: ok = cr_write(v, 0, crs_lmsw(cr_read(v, 0), CR_QUAL_LMSW_DATA(q))); break;
	}
	if (ok)
		return EXIT_ADVANCE;
	vcpu_gp(v);
	return EXIT_RESUME;
}

enum exit_action exit_xsetbv(struct vcpu *v)
{
	u64 val = (u64)(u32)v->regs.gpr[GPR_RDX] << 32 | (u32)v->regs.gpr[GPR_RAX];

	if (crs_xcr_write(&v->crs, (u32)v->regs.gpr[GPR_RCX], val) != CRS_OK) {
		vcpu_gp(v);
		return EXIT_RESUME;
	}
	cpu_xsetbv(0, val);
	return EXIT_ADVANCE;
}

/* ---- MSRs held by the processor or the VMCS ---- */

static u64 reg_get(void *ctx, enum vmsr_reg reg)
{
	struct vcpu *v = ctx;

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
	(void)v;
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
