/*
 * MSR policy: one const table says which MSRs a guest has and what they do; everything else gives #GP.
 * (SDM vol. 4, "Architectural MSRs"; vol. 3, "Memory Type Range Registers (MTRRs)", "Machine-Check MSRs".)
 */
#pragma once

#include "lib/types.h"
#include "vmm/policy/cpuid.h"
#include "vmm/policy/crs.h"
#include "vmm/state/fields.h"

#define MSR_IA32_TSC           0x10u
#define MSR_IA32_APIC_BASE     0x1bu
#define MSR_IA32_FEATURE_CTL   0x3au
#define MSR_IA32_TSC_ADJUST    0x3bu
#define MSR_IA32_SYSENTER_CS   0x174u
#define MSR_IA32_SYSENTER_ESP  0x175u
#define MSR_IA32_SYSENTER_EIP  0x176u
#define MSR_IA32_MISC_ENABLE   0x1a0u
#define MSR_IA32_DEBUGCTL      0x1d9u
#define MSR_IA32_PAT           0x277u
#define MSR_IA32_MTRR_DEF_TYPE 0x2ffu
#define MSR_IA32_TSC_DEADLINE  0x6e0u
#define MSR_X2APIC_FIRST       0x800u
#define MSR_X2APIC_LAST        0x8ffu
#define MSR_IA32_XSS           0xda0u
#define MSR_IA32_EFER          0xc0000080u
#define MSR_IA32_STAR          0xc0000081u
#define MSR_IA32_LSTAR         0xc0000082u
#define MSR_IA32_CSTAR         0xc0000083u
#define MSR_IA32_FMASK         0xc0000084u
#define MSR_IA32_FS_BASE       0xc0000100u
#define MSR_IA32_GS_BASE       0xc0000101u
#define MSR_IA32_KERNEL_GSBASE 0xc0000102u
#define MSR_IA32_TSC_AUX       0xc0000103u

/* OK; #GP as the architecture says; or #GP because the policy does not know the index (worth a log line). */
enum msr_result { MSR_OK, MSR_GP, MSR_UNKNOWN };

/* Registers the processor or the VMCS holds while the vCPU runs. */
enum vmsr_reg {
	VMSR_FS_BASE,
	VMSR_GS_BASE,
	VMSR_KERNEL_GS_BASE,
	VMSR_SYSENTER_CS,
	VMSR_SYSENTER_ESP,
	VMSR_SYSENTER_EIP,
	VMSR_STAR,
	VMSR_LSTAR,
	VMSR_CSTAR,
	VMSR_FMASK,
	VMSR_TSC_AUX,
	VMSR_EFER, /* set: the engine also updates what hangs on it */
	VMSR_PAT,
	VMSR_DEBUGCTL,
	VMSR_XSS,
	VMSR_NR
};

/* Supplied by the engine. Values given to set are valid already. */
struct vmsr_ops {
	u64 (*get)(void *ctx, enum vmsr_reg reg);
	void (*set)(void *ctx, enum vmsr_reg reg, u64 val);
	/* What the EFER rules look at: CR0.PG and CR4.PAE as the guest sees them. */
	void (*crs)(void *ctx, struct crs_state *s);
	u64 (*tsc)(void *ctx);                  /* the guest's TSC now */
	void (*tsc_move)(void *ctx, u64 delta); /* adds delta (modulo 2^64) to the TSC offset */
	/* The virtual APIC; false means #GP. x2APIC: reg is index - 0x800.
	 * #GP outside x2APIC mode is its business. */
	u64 (*apic_base_read)(void *ctx);
	bool (*apic_base_write)(void *ctx, u64 val);
	bool (*x2apic_read)(void *ctx, u32 reg, u64 *val);
	bool (*x2apic_write)(void *ctx, u32 reg, u64 val);
	/* vmm/policy/pv.h; false means #GP. Only what the guest's CPUID offers. */
	bool (*pv_read)(void *ctx, u32 idx, u64 *val);
	bool (*pv_write)(void *ctx, u32 idx, u64 val);
	u64 (*tsc_deadline_read)(void *ctx);
	void (*tsc_deadline_write)(void *ctx, u64 val);
};

#define VMSR_MTRR_VAR 8u
#define VMSR_MC_BANKS 10u
#define VMSR_NR_FIXED 11u

#define VMSR_MC_STATE(T, F, A, S) \
	F(T, u64, ctl)            \
	F(T, u64, status)         \
	F(T, u64, addr)           \
	F(T, u64, misc)
STATE_STRUCT(vmsr_mc, VMSR_MC_STATE);

/* Values kept in software. mtrr_fixed: 64K_00000, 16K_80000, 16K_A0000, 4K_C0000 ... 4K_F8000. */
#define VMSR_STATE(T, F, A, S)               \
	F(T, u64, mtrr_def_type)             \
	A(T, u64, mtrr_fixed, VMSR_NR_FIXED) \
	A(T, u64, mtrr_base, VMSR_MTRR_VAR)  \
	A(T, u64, mtrr_mask, VMSR_MTRR_VAR)  \
	F(T, u64, misc_enable)               \
	F(T, u64, tsc_adjust)                \
	F(T, u64, mcg_status)                \
	F(T, u64, mcg_ctl)                   \
	S(T, vmsr_mc, mc, VMSR_MC_BANKS)     \
	F(T, u64, bios_sign_id)
STATE_STRUCT(vmsr_state, VMSR_STATE);

struct vmsr {
	struct vmsr_state s;
	/* wiring, set by vmsr_init */
	const struct vmsr_ops *ops;
	void *ctx;
	const struct cpuid_table *cpuid;
	struct crs_caps caps;
	u64 tsc_hz;
	u32 last_row; /* of the policy's table, where the last access was that the guest's CPUID allows */
};

/* cpuid must outlive m. Leaves m in the power-up state. */
void vmsr_init(struct vmsr *m, const struct cpuid_table *cpuid, u64 tsc_hz, const struct vmsr_ops *ops, void *ctx);
/*
 * Power-up/reset values of what is kept in software (INIT changes none of them: do not call this then). bios_sign_id
 * is kept: the caller may have set it to the host's value, which tells guests the microcode revision (upper half).
 */
void vmsr_reset(struct vmsr *m);
/*
 * Reset value of a register of enum vmsr_reg (EFER 0, PAT 0x0007040600070406, ...): for the engine's vCPU reset.
 */
u64 vmsr_reset_value(enum vmsr_reg reg);
/*
 * MTRRs as firmware leaves them: on, write-back by default, A0000-BFFFF uncached, C0000-FFFFF write-protected, the
 * hole [low_top, 4 GiB) uncached. For guests started without firmware; the same on each vCPU.
 */
void vmsr_firmware_mtrrs(struct vmsr *m, u64 low_top);

/* Whether m's guest could have these values in its MSRs; else *c says why not. (msr_state.c) */
__must_check bool vmsr_valid(const struct vmsr *m, const struct vmsr_state *s, struct state_check *c);

/* RDMSR: *val is set only with MSR_OK. */
enum msr_result msr_read(struct vmsr *m, u32 idx, u64 *val);
/* WRMSR */
enum msr_result msr_write(struct vmsr *m, u32 idx, u64 val);
/* Short name of a known MSR for logs, or "?" */
const char *msr_name(u32 idx);
/* Row n of the table, from 0: the MSRs first to *last. false: there are not so many. */
bool msr_range(u64 n, u32 *first, u32 *last);

/* What may go past the hypervisor. */
struct msr_bitmap_cfg {
	bool tsc_aux;          /* TSC_AUX is switched with the vCPU and offered (RDTSCP) */
	bool pat;              /* the VM-entry/exit controls load and save PAT */
	bool efer_read;        /* real EFER equals the guest's (load IA32_EFER) */
	bool syscall;          /* STAR, LSTAR, CSTAR, FMASK, KERNEL_GS_BASE are switched with the vCPU */
	bool tsc_read;         /* RDMSR of IA32_TSC gives host TSC (scaled) + offset */
	bool x2apic_virt;      /* "virtualize x2APIC mode": TPR reads and writes */
	bool x2apic_reg_virt;  /* and "APIC-register virtualization": reads of the other registers */
	bool x2apic_intr_virt; /* and "virtual-interrupt delivery": EOI writes */
	bool x2apic_self_ipi;  /* and with that: SELF_IPI writes */
};
/*
 * Fills the 4-KiB MSR bitmap: set bits exit. (SDM vol. 3, "MSR-Bitmap Address".) The x2apic_* fields are for a vCPU
 * whose APIC is in x2APIC mode with that control on: without it the same bits would reach the host's APIC.
 */
void msr_build_bitmap(u8 bitmap[4096], const struct msr_bitmap_cfg *cfg);
