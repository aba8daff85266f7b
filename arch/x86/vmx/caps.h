/*
 * The VMX capability solver: from the raw capability MSRs to the control words every VMCS starts from.
 *
 * Pure: the machine layer reads the MSRs (vmx_cap_msrs, one struct per CPU; all CPUs must solve alike), this file
 * decides. What Bulkhead cannot do without is named in an error that says what to do about it; what it can work
 * around is a *feature*, a bit in vmx_caps.features, that can also be switched off by name on the command line.
 * Sources: Intel SDM vol. 3, "VM-Execution Control Fields" and appendix "VMX Capability Reporting Facility".
 */
#pragma once

#include "arch/x86/vmx/vmx_bits.h"
#include "lib/err.h"
#include "lib/types.h"

/* Raw MSR values. An MSR that the CPU does not have (see the comments) stays 0; the solver never uses it then. */
struct vmx_cap_msrs {
	u64 basic;                                      /* 480h */
	u64 pin, proc, exit, entry;                     /* 481h..484h */
	u64 misc;                                       /* 485h */
	u64 cr0_fixed0, cr0_fixed1;                     /* 486h, 487h */
	u64 cr4_fixed0, cr4_fixed1;                     /* 488h, 489h */
	u64 proc2;                                      /* 48Bh: when proc allows PROC_SECONDARY_CONTROLS */
	u64 ept_vpid;                                   /* 48Ch: when proc2 allows EPT or VPID */
	u64 true_pin, true_proc, true_exit, true_entry; /* 48Dh..490h: when basic has VMX_BASIC_TRUE_CONTROLS */
	u64 vmfunc;                                     /* 491h: when proc2 allows VMFUNC */
	u64 proc3;                                      /* 492h: when proc allows PROC_TERTIARY_CONTROLS */
	u64 exit2;                                      /* 493h: when exit allows EXIT_SECONDARY_CONTROLS */
};

/*
 * The optional features: X(enumerator, command-line name). Each is one bit of vmx_caps.features (VMX_F_<enumerator>).
 *
 * "base" features are already in the control words of struct vmx_caps when present; the ones marked "on demand" are
 * only allowed: the engine sets their control when a VM, an APIC mode or a debugging session asks for it.
 */
#define VMX_FEATURES(X)                                                                                              \
	X(VPID, "vpid")                     /* base; needs an INVVPID that covers a whole VPID */                    \
	X(INVVPID_ADDR, "invvpid-addr")     /* INVVPID individual address */                                         \
	X(INVVPID_SINGLE, "invvpid-single") /* INVVPID single context */                                             \
	X(INVVPID_ALL, "invvpid-all")       /* INVVPID all contexts */                                               \
	X(INVVPID_NONGLOBAL, "invvpid-nonglobal")                                                                    \
	X(INVEPT_SINGLE, "invept-single")       /* INVEPT single context */                                          \
	X(INVEPT_ALL, "invept-all")             /* INVEPT all contexts; at least one of the two types must remain */ \
	X(EPT_AD, "ept-ad")                     /* accessed/dirty flags: bit 6 of the EPTP, on demand */             \
	X(EPT_2M, "ept-2m")                     /* 2 MiB EPT pages */                                                \
	X(EPT_1G, "ept-1g")                     /* 1 GiB EPT pages */                                                \
	X(EPT_EXEC_ONLY, "ept-exec-only")       /* execute-only EPT pages */                                         \
	X(PREEMPTION_TIMER, "preemption-timer") /* base */                                                           \
	X(PREEMPTION_SAVE, "preemption-timer-save") /* EXIT_SAVE_PREEMPTION_TIMER; on demand */                      \
	X(TPR_SHADOW, "tpr-shadow")                 /* base; without it CR8 accesses exit */                         \
	X(APIC_ACCESS, "apic-access")               /* on demand: vmx_caps_apic_proc2() */                           \
	X(X2APIC_VIRT, "x2apic-virt")               /* on demand: vmx_caps_apic_proc2() */                           \
	X(APIC_REG_VIRT, "apic-register-virt")      /* on demand: vmx_caps_apic_proc2() */                           \
	X(VID, "virtual-interrupt-delivery")        /* on demand: vmx_caps_apic_proc2() */                           \
	X(POSTED_INTR, "posted-interrupts")         /* on demand: PIN_POSTED_INTERRUPTS */                           \
	X(PML, "pml")                               /* on demand: PROC2_ENABLE_PML */                                \
	X(TSC_SCALING, "tsc-scaling")               /* on demand: PROC2_TSC_SCALING */                               \
	X(RDTSCP, "rdtscp")                         /* base: guest may use RDTSCP and RDPID */                       \
	X(INVPCID, "invpcid")                       /* base: guest may use INVPCID */                                \
	X(XSAVES, "xsaves")                         /* base: guest may use XSAVES/XRSTORS */                         \
	X(USER_WAIT, "user-wait")                   /* base: guest may use UMWAIT, UMONITOR, TPAUSE */               \
	X(PLE, "pause-loop")                    /* on demand: PROC2_PAUSE_LOOP_EXITING with PLE_GAP, PLE_WINDOW */   \
	X(DESCRIPTOR_EXIT, "descriptor-exit")   /* on demand */                                                      \
	X(WBINVD_EXIT, "wbinvd-exit")           /* base */                                                           \
	X(MTF, "monitor-trap-flag")             /* on demand */                                                      \
	X(MBEC, "mode-based-exec")              /* on demand */                                                      \
	X(VMCS_SHADOWING, "vmcs-shadowing")     /* on demand */                                                      \
	X(PERF_GLOBAL_CTRL, "perf-global-ctrl") /* on demand: load on entry and on exit */                           \
	X(INOUTS_INFO, "inouts-info")           /* exit instruction information describes INS/OUTS */                \
	X(ACTIVITY_HLT, "activity-hlt")         /* the guest may be entered in HLT */                                \
	X(ACTIVITY_WAIT_SIPI, "activity-wait-sipi") /* the guest may be entered waiting for SIPI */

enum vmx_feature {
#define VMX_X(id, name) VMX_FEAT_##id,
	VMX_FEATURES(VMX_X)
#undef VMX_X
	        VMX_FEATURE_COUNT
};

#define VMX_X(id, name) static const u64 VMX_F_##id __attribute__((unused)) = 1ull << VMX_FEAT_##id;
VMX_FEATURES(VMX_X)
#undef VMX_X

/* What the command line wants: features (bit mask of VMX_F_*) to do without. */
struct vmx_want {
	u64 disable;
};

struct vmx_caps {
	/* Base control words: required controls, base features, default-1 bits. Valid for VM entry as they are. */
	u32 pin, proc, proc2, exit, entry;
	/* Per word: bits the engine may set on top (allowed-1, after the disable mask),
	 * and bits it must never clear. */
	u32 pin_allowed, proc_allowed, proc2_allowed, exit_allowed, entry_allowed;
	u32 pin_forced, proc_forced, proc2_forced, exit_forced, entry_forced;
	u64 features; /* VMX_F_* */

	/* Host CR0/CR4: value = (cr | must1) & may1. */
	u64 host_cr0_must1, host_cr0_may1, host_cr4_must1, host_cr4_may1;
	/* The same for the guest, with unrestricted guest's freedom of PE and PG. */
	u64 guest_cr0_must1, guest_cr0_may1, guest_cr4_must1, guest_cr4_may1;

	u64 eptp_flags;       /* low bits of an EPTP: WB, 4 levels, A/D (when the feature is there) */
	u32 revision;         /* VMCS and VMXON region's first word */
	u32 vmcs_size;        /* bytes, at most 4096 */
	u32 preemption_shift; /* the preemption timer ticks each 2^shift TSC ticks */
	u32 cr3_targets;
	u32 max_msrs;         /* recommended bound of the MSR load/store lists */
	bool any_error_code;  /* VMX_BASIC_ANY_ERRCODE */
	bool zero_len_inject; /* software events may be injected with instruction length 0 */
	u64 ept_vpid, misc;   /* raw, for the log */
};

struct caps_err {
	char what[64];    /* "no EPT" */
	char advice[160]; /* what the user can do about it */
};

/*
 * Virtual interrupts may reach a guest that has interrupts off: Bochs (2.7) delivers one that waits as soon as an
 * interrupt of the machine's own comes. Every real processor with virtual-interrupt delivery has posted interrupts,
 * and Bochs has not.
 */
static inline bool vmx_caps_vid_hasty(const struct vmx_caps *c)
{
	return (c->features & (VMX_F_VID | VMX_F_POSTED_INTR)) == VMX_F_VID;
}

/*
 * Solves. want may be NULL (everything on). On success out is complete and OK is returned; otherwise ERR_NOTSUP (the
 * CPU lacks something required) or ERR_INVAL (the disable mask takes away something required), with *err filled in.
 */
__must_check int vmx_caps_solve(const struct vmx_cap_msrs *msrs, const struct vmx_want *want, struct vmx_caps *out,
                                struct caps_err *err);

static inline bool vmx_caps_has(const struct vmx_caps *c, enum vmx_feature f)
{
	return c->features >> f & 1;
}

/* Virtual APIC modes as the secondary controls see them. */
enum vmx_apic_mode { VMX_APIC_OFF, VMX_APIC_XAPIC, VMX_APIC_X2APIC };

/*
 * The APIC-virtualization bits of the secondary controls for a mode, from the features there: APIC-access or x2APIC
 * virtualization (never both), register virtualization, virtual-interrupt delivery. 0 when nothing can be used.
 */
u32 vmx_caps_apic_proc2(const struct vmx_caps *c, enum vmx_apic_mode mode);

/* All APIC-virtualization bits of the secondary controls: clear these, then OR vmx_caps_apic_proc2(). */
#define VMX_APIC_PROC2_MASK                                                                    \
	(PROC2_VIRTUALIZE_APIC_ACCESSES | PROC2_VIRTUALIZE_X2APIC | PROC2_APIC_REGISTER_VIRT | \
	 PROC2_VIRTUAL_INTERRUPT_DELIVERY)

/*
 * Mask of a feature or group name: a name of VMX_FEATURES, or "apicv" (all APIC virtualization but the TPR shadow),
 * "large-pages", "invvpid", "preemption". OK or ERR_NOENT.
 */
__must_check int vmx_feature_parse(const char *name, u64 *mask);

/* Adds every name of a comma-separated list ("vpid,ept-1g") to *disable. ERR_NOENT at the first unknown name, which
 * is copied to bad (size bytes, terminated) unless bad is NULL. */
__must_check int vmx_features_parse_list(const char *list, u64 *disable, char *bad, size_t size);

/* Command-line name of a feature. */
const char *vmx_feature_name(enum vmx_feature f);

/* Whether cr is a value VM entry accepts (guest side; EFER and PG/PE relations are the caller's). */
static inline bool vmx_caps_guest_cr0_ok(const struct vmx_caps *c, u64 cr0)
{
	return (cr0 & c->guest_cr0_must1) == c->guest_cr0_must1 && !(cr0 & ~c->guest_cr0_may1);
}

static inline bool vmx_caps_guest_cr4_ok(const struct vmx_caps *c, u64 cr4)
{
	return (cr4 & c->guest_cr4_must1) == c->guest_cr4_must1 && !(cr4 & ~c->guest_cr4_may1);
}
