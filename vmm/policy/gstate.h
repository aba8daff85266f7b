/*
 * The state of a guest's processor as one struct, said once: what VM entry loads of it, what the processor holds
 * while it runs, and the events on their way. Pure. Its local APIC, software MSRs (struct vmsr_state) and
 * paravirtual interfaces (struct pv) are states of their own, the XSAVE area is the second struct here. SDM vol. 3,
 * "Guest-State Area".
 *
 * What can be is checked here, too: the rules of VM entry one by one, so that they also tell why an entry failed, and
 * what else the vCPU's code takes for granted.
 */
#pragma once

#include "vmm/policy/cpuid.h"
#include "vmm/policy/crs.h"
#include "vmm/policy/inject.h"
#include "vmm/state/fields.h"

/* ---- what is listed ---- */

/*
 * Of the VMCS, as they are there: V(T, F, type, name, field), field without VMCS_ (arch/x86/vmx/vmcs_fields.h).
 * DR7, DEBUGCTL and PAT are switched with entry and exit, RSP's place is here.
 */
#define GSTATE_SEG(V, T, F, seg, SEG)                  \
	V(T, F, u16, seg##_sel, GUEST_##SEG##_SEL)     \
	V(T, F, u64, seg##_base, GUEST_##SEG##_BASE)   \
	V(T, F, u32, seg##_limit, GUEST_##SEG##_LIMIT) \
	V(T, F, u32, seg##_ar, GUEST_##SEG##_AR) /* SEG_AR_*: as in the VMCS */
#define GSTATE_VMCS(V, T, F)                                                                    \
	V(T, F, u64, rip, GUEST_RIP)                                                            \
	V(T, F, u64, rsp, GUEST_RSP)                                                            \
	V(T, F, u64, rflags, GUEST_RFLAGS)                                                      \
	V(T, F, u64, cr3, GUEST_CR3)                                                            \
	V(T, F, u64, efer, GUEST_EFER) /* LMA: the entry control "IA-32e mode guest" follows */ \
	GSTATE_SEG(V, T, F, es, ES)                                                             \
	GSTATE_SEG(V, T, F, cs, CS)                                                             \
	GSTATE_SEG(V, T, F, ss, SS)                                                             \
	GSTATE_SEG(V, T, F, ds, DS)                                                             \
	GSTATE_SEG(V, T, F, fs, FS)                                                             \
	GSTATE_SEG(V, T, F, gs, GS)                                                             \
	GSTATE_SEG(V, T, F, ldtr, LDTR)                                                         \
	GSTATE_SEG(V, T, F, tr, TR)                                                             \
	V(T, F, u64, gdtr_base, GUEST_GDTR_BASE)                                                \
	V(T, F, u32, gdtr_limit, GUEST_GDTR_LIMIT)                                              \
	V(T, F, u64, idtr_base, GUEST_IDTR_BASE)                                                \
	V(T, F, u32, idtr_limit, GUEST_IDTR_LIMIT)                                              \
	V(T, F, u64, dr7, GUEST_DR7)                                                            \
	V(T, F, u64, debugctl, GUEST_DEBUGCTL)                                                  \
	V(T, F, u64, pat, GUEST_PAT)                                                            \
	V(T, F, u32, sysenter_cs, GUEST_SYSENTER_CS)                                            \
	V(T, F, u64, sysenter_esp, GUEST_SYSENTER_ESP)                                          \
	V(T, F, u64, sysenter_eip, GUEST_SYSENTER_EIP)                                          \
	V(T, F, u64, pdpte0, GUEST_PDPTE0) /* 0 without PAE paging */                           \
	V(T, F, u64, pdpte1, GUEST_PDPTE1)                                                      \
	V(T, F, u64, pdpte2, GUEST_PDPTE2)                                                      \
	V(T, F, u64, pdpte3, GUEST_PDPTE3)                                                      \
	V(T, F, u32, interruptibility, GUEST_INTERRUPTIBILITY)                                  \
	V(T, F, u32, activity, GUEST_ACTIVITY) /* active: HLT and wait-for-SIPI are run's */    \
	V(T, F, u64, pending_debug, GUEST_PENDING_DEBUG)

/* The other guest-state fields of the VMCS: L(field, why). */
#define GSTATE_VMCS_OTHERS(L)                                                          \
	L(GUEST_CR0, "cr0 is what the guest sees; the register and its shadow follow") \
	L(GUEST_CR4, "cr4 is what the guest sees; the register and its shadow follow") \
	L(GUEST_INTR_STATUS, "follows from the local APIC's page")                     \
	L(PML_INDEX, "the hypervisor's own: which pages were written")                 \
	L(LINK_PTR, "no VMCS shadowing: all ones")                                     \
	L(PREEMPTION_TIMER, "the hypervisor's own: set from the timers' deadlines")    \
	L(GUEST_SMBASE, "no system-management mode")                                   \
	L(GUEST_UINV, "user interrupts are not offered")                               \
	L(GUEST_PERF_GLOBAL_CTRL, "performance counters are not offered")              \
	L(GUEST_BNDCFGS, "MPX is not offered")                                         \
	L(GUEST_RTIT_CTL, "processor trace is not offered")                            \
	L(GUEST_LBR_CTL, "last-branch records are not offered")                        \
	L(GUEST_PKRS, "supervisor protection keys are not offered")                    \
	L(GUEST_FRED_CONFIG, "FRED is not offered")                                    \
	L(GUEST_FRED_RSP1, "FRED is not offered")                                      \
	L(GUEST_FRED_RSP2, "FRED is not offered")                                      \
	L(GUEST_FRED_RSP3, "FRED is not offered")                                      \
	L(GUEST_FRED_STKLVLS, "FRED is not offered")                                   \
	L(GUEST_FRED_SSP1, "FRED is not offered")                                      \
	L(GUEST_FRED_SSP2, "FRED is not offered")                                      \
	L(GUEST_FRED_SSP3, "FRED is not offered")                                      \
	L(GUEST_S_CET, "control-flow enforcement is not offered")                      \
	L(GUEST_SSP, "control-flow enforcement is not offered")                        \
	L(GUEST_INTR_SSP_TABLE, "control-flow enforcement is not offered")

/* General registers: G(T, F, name, number in the encoding's order); RSP is in the VMCS. */
#define GSTATE_GPRS(G, T, F) \
	G(T, F, rax, 0)      \
	G(T, F, rcx, 1)      \
	G(T, F, rdx, 2)      \
	G(T, F, rbx, 3)      \
	G(T, F, rbp, 5)      \
	G(T, F, rsi, 6)      \
	G(T, F, rdi, 7)      \
	G(T, F, r8, 8)       \
	G(T, F, r9, 9)       \
	G(T, F, r10, 10)     \
	G(T, F, r11, 11)     \
	G(T, F, r12, 12)     \
	G(T, F, r13, 13)     \
	G(T, F, r14, 14)     \
	G(T, F, r15, 15)

/* MSRs that the processor holds beside the VMCS: M(T, F, name, register), register without VMSR_ (msr.h). */
#define GSTATE_MSRS(M, T, F)                    \
	M(T, F, star, STAR)                     \
	M(T, F, lstar, LSTAR)                   \
	M(T, F, cstar, CSTAR)                   \
	M(T, F, fmask, FMASK)                   \
	M(T, F, kernel_gs_base, KERNEL_GS_BASE) \
	M(T, F, tsc_aux, TSC_AUX)               \
	M(T, F, xss, XSS)

#define GSTATE_FIELD_V(T, F, type, name, field) F(T, type, name)
#define GSTATE_FIELD_64(T, F, name, id)         F(T, u64, name)

/*
 * CR8 is the local APIC's TPR. xcr0 is 1 without XSAVE. guest_tsc: of the moment that the state is of (struct
 * vclock_state), modulo 2^64; IA32_TSC_ADJUST and the TSC's deadline are the software MSRs' and the local APIC's.
 * Every timer is its device's. What follows from the state is not in it: control fields, read shadows, the MSR
 * bitmap, what the vCPU has cached of its local APIC, requests.
 */
#define GSTATE(T, F, A, S)                                                                                    \
	F(T, u8, run) /* enum gstate_run */                                                                   \
	GSTATE_GPRS(GSTATE_FIELD_64, T, F)                                                                    \
	GSTATE_VMCS(GSTATE_FIELD_V, T, F)                                                                     \
	F(T, u64, cr0) /* as the guest sees it */                                                             \
	F(T, u64, cr2)                                                                                        \
	F(T, u64, cr4) /* as the guest sees it */                                                             \
	F(T, u64, xcr0)                                                                                       \
	A(T, u64, dr, 4)                                                                                      \
	F(T, u64, dr6)                                                                                        \
	GSTATE_MSRS(GSTATE_FIELD_64, T, F)                                                                    \
	F(T, u64, guest_tsc)                                                                                  \
	F(T, u64, steal_untold) /* ns that it waited for a CPU, of which its steal time does not know yet */  \
	S(T, inject_event, vectoring, 1) /* whose delivery was interrupted: it is delivered first */          \
	S(T, inject_event, exception, 1) /* raised by emulation */                                            \
	F(T, u8, nmis)                   /* to be delivered */                                                \
	F(T, u16, kept_interrupt)        /* vector | 100h: acknowledged, but its delivery faulted; 0: none */ \
	F(T, bool, init_pending)                                                                              \
	F(T, bool, sipi_pending)                                                                              \
	F(T, u8, sipi_vector)
STATE_STRUCT(gstate, GSTATE);

enum gstate_run { GSTATE_RUNNABLE, GSTATE_HALTED, GSTATE_WAIT_SIPI, GSTATE_NR_RUN };

/*
 * The XSAVE area in standard format, so that a component lies where the guest's CPUID says; components in their
 * initial state are not in XSTATE_BV and zero, and no more is in it than this guest may have in its XCR0. Without
 * XSAVE it is the area of FXSAVE, with an XSTATE_BV all the same. The size is fixed: 2696 bytes are all that is
 * offered (AVX-512, PKRU), and tile data would not fit.
 */
#define GSTATE_XSAVE_SIZE              4096
#define GSTATE_XSAVE_STATE(T, F, A, S) A(T, u8, area, GSTATE_XSAVE_SIZE)
STATE_STRUCT(gstate_xsave, GSTATE_XSAVE_STATE);

/* ---- what can be ---- */

/* What a state must keep within. */
struct gstate_limits {
	const struct cpuid_table *cpuid; /* the guest's */
	const struct crs_caps *crs;      /* made of it */
	u8 linear_bits;                  /* linear-address width of the processor it is for: 48 or 57 */
	bool bsp;                        /* vCPU 0, which never waits for a SIPI */
};

/*
 * Whether VM entry takes this state, with vectoring as the event to inject (else exception): the rules in the SDM's
 * order, the first that is broken in *c. For CR0 and CR4 as the guest sees them; the bits that VMX operation fixes
 * are crs_cr0_real()'s and crs_cr4_real()'s. Unrestricted guest, EPT and virtual NMIs are assumed.
 * SDM vol. 3 "Checking and Loading Guest State".
 */
__must_check bool gstate_entry_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c);
/*
 * Whether a vCPU can be restored to this state: all of that but what the injection of events arranges by itself, and
 * what is loaded outside of VM entry, which must not fault.
 */
__must_check bool gstate_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c);
/* Whether XRSTOR and FXRSTOR take it, and it has nothing that the guest does not have. */
__must_check bool gstate_xsave_valid(const struct gstate_xsave *x, const struct gstate_limits *l,
                                     struct state_check *c);

/* ---- canonical form ---- */

/* Of what was gathered: what means nothing in this state becomes 0 (PDPTEs, fields of events that are none). */
void gstate_tidy(struct gstate *s);
/*
 * Between the state and the area that the processor saves and restores: have_xsave as of fpu_save(). area: as many
 * bytes as the state has, of which those beyond the guest's components are not touched by the processor.
 */
void gstate_xsave_take(struct gstate_xsave *x, const struct gstate_limits *l, const u8 *area, bool have_xsave);
void gstate_xsave_give(const struct gstate_xsave *x, const struct gstate_limits *l, u8 *area);
