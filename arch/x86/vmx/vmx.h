/* The VT-x engine: VMX root operation per CPU, VMCS life, entry and exit, invalidations. */
#pragma once

#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmcs.h"
#include "lib/types.h"

/* General registers in the encoding's order; the stub's layout. RSP's slot is only valid where the owner syncs it. */
enum { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_R8 };

struct vmx_regs {
	u64 gpr[16];
	u64 launched; /* 0: the next entry is a VMLAUNCH; set by the stub, cleared when the VMCS is cleared */
};
_Static_assert(offsetof(struct vmx_regs, launched) == 128, "vmx_entry.asm");

extern struct vmx_caps vmx_caps; /* after vmx_detect() */

/*
 * On the bootstrap processor: reads the capability MSRs and solves. OK; else ERR_NOTSUP or ERR_PERM with *err telling
 * what is missing and what to do about it.
 */
__must_check int vmx_detect(const struct vmx_want *want, struct caps_err *err);
/* On every CPU: enters VMX root operation. vmxon_page: 4 KiB, zeroed. OK or ERR_NOTSUP/ERR_PERM with *err. */
__must_check int vmx_enable(void *vmxon_page, u64 vmxon_pa, struct caps_err *err);
/* Leaves VMX root operation (before reset or power-off). */
void vmx_disable(void);

/* VMCS regions, by physical address. The first word of a fresh one must be vmx_caps.revision. */
void vmx_vmclear(u64 pa);
void vmx_vmptrld(u64 pa);

/* Flush what is cached from an EPT, or for a VPID. On this CPU. */
void vmx_invept(u64 eptp);
void vmx_invvpid(u16 vpid);

/*
 * Runs the guest of the current VMCS until dispatch(regs) returns non-zero after an exit, and returns that; -1 when
 * VM entry itself failed (VMfail: see VM_INSTRUCTION_ERROR). Writes HOST_RSP and HOST_RIP is vmx_exit_entry.
 */
int vmx_run(struct vmx_regs *regs, int (*dispatch)(struct vmx_regs *regs));
extern const char vmx_exit_entry[];

/*
 * Prints the next readable field of the current VMCS, from *field on, which is 0 at first, at a log level. A piece of the
 * work: false when all are printed.
 */
bool vmcs_dump_step(int level, u32 *field);
