/* Control registers, MSRs, CPUID and paravirtual interfaces of the loaded vCPU: the rules are vmm/policy's. */
#pragma once

#include "arch/x86/cpu.h"
#include "vmm/cpu/vcpu.h"

/* CR access from an exit or from the emulator: true when done, false when an exception (#GP) was the answer. */
__must_check bool cr_write(struct vcpu *v, u32 nr, u64 val);
u64 cr_read(struct vcpu *v, u32 nr);
void cr_state(struct vcpu *v, struct crs_state *s);
/* Forces guest-visible CR0/CR4 (reset, task switch): no checks. */
void cr_force(struct vcpu *v, u64 cr0, u64 cr4);

/* It runs 64-bit code. */
static inline bool vcpu_is_64bit(const struct vcpu *v)
{
	return (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) && (vmcs_read32(VMCS_GUEST_CS_AR) & SEG_AR_L);
}

/* MSR access as RDMSR/WRMSR do it; false: #GP. */
__must_check bool msr_access(struct vcpu *v, u32 index, u64 *val, bool write);
extern const struct vmsr_ops vcpu_msr_ops;

/* CPUID as the guest sees it now. */
void vcpu_cpuid(struct vcpu *v, u32 leaf, u32 sub, struct cpuid_leaf *out);

/* The vCPU's paravirtual MSRs (vmm/policy/pv.h); false: #GP. */
__must_check bool vcpu_pv_msr(struct vcpu *v, u32 index, u64 *val, bool write);
/* The vCPU's TSC was moved. */
void vcpu_pv_clock_changed(struct vcpu *v);
/* It comes to its CPU, having been ready without running for steal_ns; it leaves it. Loaded, both times. */
void vcpu_pv_in(struct vcpu *v, u64 steal_ns);
void vcpu_pv_out(struct vcpu *v);
