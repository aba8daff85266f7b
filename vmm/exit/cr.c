/* Exits of control-register accesses and XSETBV; the rules are vmm/policy/crs.c's. */
#include "arch/x86/cpu.h"
#include "vmm/cpu/regs.h"
#include "vmm/exit/exit.h"

enum exit_action exit_cr_access(struct vcpu *v)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u32 nr = CR_QUAL_NUMBER(q);
	u64 val;
	bool ok;

	switch (CR_QUAL_ACCESS(q)) {
	case CR_QUAL_MOV_TO:
		val = vcpu_gpr(v, CR_QUAL_GPR(q));
		if (!vcpu_is_64bit(v))
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
