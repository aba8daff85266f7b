/* The vCPU's registers for the emulator: read when it needs them, written when the instruction is done. */
#include "vmm/cpu/regs.h"
#include "vmm/exit/insn_priv.h"
#include "vmm/vm/vm.h"

static void load_segment(struct emul_seg *s, u32 i)
{
	struct vmcs_seg seg = vmcs_seg_get((enum seg_nr)i);

	*s = (struct emul_seg){ .sel = seg.sel, .base = seg.base, .limit = seg.limit, .attr = seg.ar };
}

void emulate_load(struct emul_ctxt *c, u32 what)
{
	struct crs_state s;

	if (what & EMUL_B_RSP)
		c->gpr[EMUL_RSP] = vmcs_read(VMCS_GUEST_RSP);
	if (what & EMUL_B_RFLAGS)
		c->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	if (what & EMUL_B_CPL)
		c->cpl = SEG_AR_DPL(vmcs_read32(VMCS_GUEST_SS_AR));
	if (what & EMUL_B_CR) {
		cr_state(vc(c), &s);
		c->cr0 = s.cr0;
		c->cr4 = s.cr4;
		c->efer = s.efer;
	}
	if (what & EMUL_B_GDTR) {
		c->gdtr.base = vmcs_read(VMCS_GUEST_GDTR_BASE);
		c->gdtr.limit = (u16)vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	}
	if (what & EMUL_B_IDTR) {
		c->idtr.base = vmcs_read(VMCS_GUEST_IDTR_BASE);
		c->idtr.limit = (u16)vmcs_read(VMCS_GUEST_IDTR_LIMIT);
	}
	for (u32 i = 0; i < EMUL_NR_SEG && what >= EMUL_B_SEG(i); i++)
		if (what & EMUL_B_SEG(i))
			load_segment(&c->seg[i], i);
}

void emulate_write_back(struct vcpu *v, struct emul_ctxt *c)
{
	u32 d = c->dirty;

	if (d & EMUL_B_RSP)
		vmcs_write(VMCS_GUEST_RSP, c->gpr[EMUL_RSP]);
	if (d & EMUL_B_RFLAGS)
		vmcs_write(VMCS_GUEST_RFLAGS, c->rflags);
	if (d & EMUL_B_GDTR) {
		vmcs_write(VMCS_GUEST_GDTR_BASE, c->gdtr.base);
		vmcs_write(VMCS_GUEST_GDTR_LIMIT, c->gdtr.limit);
	}
	if (d & EMUL_B_IDTR) {
		vmcs_write(VMCS_GUEST_IDTR_BASE, c->idtr.base);
		vmcs_write(VMCS_GUEST_IDTR_LIMIT, c->idtr.limit);
	}
	/* Segments change least of all. */
	for (u32 i = 0; i < EMUL_NR_SEG && d >= EMUL_B_SEG(0); i++)
		if (d & EMUL_B_SEG(i))
			vmcs_seg_set((enum seg_nr)i, (struct vmcs_seg){ .sel = c->seg[i].sel,
			                                                .limit = c->seg[i].limit,
			                                                .ar = c->seg[i].attr,
			                                                .base = c->seg[i].base });
}
