/* CPUID of the loaded vCPU. */
#include "arch/x86/cpu.h"
#include "vmm/cpu/regs.h"

void vcpu_cpuid(struct vcpu *v, u32 leaf, u32 sub, struct cpuid_leaf *out)
{
	struct cpuid_dyn dyn;

	if (cpuid_is_dynamic(leaf)) {
		/* CR4 bits of interest are never masked, except those a guest cannot set. */
		dyn = (struct cpuid_dyn){
			.cr4 = vmcs_read(VMCS_GUEST_CR4),
			.xcr0 = v->cpuid->xcr0 ? cpu_xgetbv(0) : 0,
			.apic_enabled = vlapic_enabled(&v->lapic),
		};
		cpuid_lookup(v->cpuid, leaf, sub, &dyn, out);
		return;
	}
	cpuid_lookup(v->cpuid, leaf, sub, NULL, out);
}
