/* Control registers of the loaded vCPU: vmm/policy/crs.c's rules wired to the VMCS. */
#include "arch/x86/cpu.h"
#include "mm/gwalk.h"
#include "vmm/cpu/regs.h"
#include "vmm/vm/vm.h"

/* What VMX operation forces, of this machine's processors. */
static struct crs_fixed fixed(void)
{
	return (struct crs_fixed){ vmx_caps.guest_cr0_must1, vmx_caps.guest_cr0_may1, vmx_caps.guest_cr4_must1,
		                   vmx_caps.guest_cr4_may1 };
}

static void write_cr0(u64 cr0)
{
	struct crs_fixed f = fixed();

	vmcs_write(VMCS_GUEST_CR0, crs_cr0_real(&f, cr0));
	vmcs_write(VMCS_CR0_READ_SHADOW, cr0);
}

static void write_cr4(u64 cr4)
{
	struct crs_fixed f = fixed();

	vmcs_write(VMCS_GUEST_CR4, crs_cr4_real(&f, cr4));
	vmcs_write(VMCS_CR4_READ_SHADOW, cr4);
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
	write_cr0(cr0);
	write_cr4(cr4);
}

/* PAE paging: the processor takes the PDPTEs from the VMCS at entry;
 * after an emulated CR write they are ours to load. */
static bool load_pdptes(struct vcpu *v, u64 cr3)
{
	struct gwalk_state s = { .phys_bits = v->crs.phys_bits, .a20 = v->vm->a20.bit, .mem = &v->vm->mem };
	u64 pdpte[4];

	if (gwalk_load_pdptes(&s, cr3, pdpte) != GWALK_OK)
		return false;
	for (u32 i = 0; i < 4; i++)
		vmcs_write(vmcs_nth(VMCS_GUEST_PDPTE0, i), pdpte[i]);
	return true;
}

static bool apply(struct vcpu *v, u32 nr, const struct crs_out *out, u64 cr3)
{
	if ((out->todo & CRS_DO_PDPTES) && !load_pdptes(v, cr3))
		return false;
	switch (nr) {
	case 0: write_cr0(out->value); break;
	case 3: vmcs_write(VMCS_GUEST_CR3, out->value); break;
	case 4: write_cr4(out->value); break;
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
