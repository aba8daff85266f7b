/* VM exits: the dispatch table and what its handlers share. */
#pragma once

#include "vmm/cpu/vcpu.h"

/*
 * The dispatcher the entry stub calls after every exit: 0 to resume the guest at once, 1 to go back to the run loop
 * (a request is pending, the vCPU blocks or the VM stops).
 */
int exit_dispatch(struct vmx_regs *regs);

/* Handlers that live in files of their own. Each gets the loaded vCPU whose exit it is. */
enum exit_action exit_cr_access(struct vcpu *v);
enum exit_action exit_xsetbv(struct vcpu *v);
enum exit_action exit_io(struct vcpu *v);
enum exit_action exit_ept_violation(struct vcpu *v);
enum exit_action exit_apic_access(struct vcpu *v);
enum exit_action exit_task_switch(struct vcpu *v);
enum exit_action exit_vmcall(struct vcpu *v);
/* #UD with the forced-emulation prefix allowed. */
enum exit_action exit_ud(struct vcpu *v);

/* CR access from an exit or from the emulator: true when done, false when an exception (#GP) was the answer. */
__must_check bool cr_write(struct vcpu *v, u32 nr, u64 val);
u64 cr_read(struct vcpu *v, u32 nr);
void cr_state(struct vcpu *v, struct crs_state *s);
/* Forces guest-visible CR0/CR4 (reset, task switch): no checks. */
void cr_force(struct vcpu *v, u64 cr0, u64 cr4);

/* The vCPU's paravirtual MSRs (vmm/policy/pv.h); false: #GP. */
__must_check bool vcpu_pv_msr(struct vcpu *v, u32 index, u64 *val, bool write);
/* The vCPU's TSC was moved. */
void vcpu_pv_clock_changed(struct vcpu *v);
/* It comes to its CPU, having been ready without running for steal_ns; it leaves it. Loaded, both times. */
void vcpu_pv_in(struct vcpu *v, u64 steal_ns);
void vcpu_pv_out(struct vcpu *v);

/* MSR access as RDMSR/WRMSR do it; false: #GP. */
__must_check bool msr_access(struct vcpu *v, u32 index, u64 *val, bool write);
extern const struct vmsr_ops vcpu_msr_ops;

/* CPUID as the guest sees it now. */
void vcpu_cpuid(struct vcpu *v, u32 leaf, u32 sub, struct cpuid_leaf *out);

/* One MMIO access to a device (not RAM). size 1..8. */
void vm_mmio(struct vcpu *v, u64 gpa, u8 size, bool write, u64 *val);

/* Exit reasons whose exit may have interrupted the delivery of an event: it is saved for re-injection. */
void exit_save_vectoring(struct vcpu *v);
