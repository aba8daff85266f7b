/*
 * CPUID policy: what a vCPU sees, built once per vCPU from the host's leaves, the capabilities of the VMX engine and
 * the guest's configuration; looked up by direct index on each exit.
 * (SDM vol. 2, "CPUID-CPU Identification".)
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct cpuid_leaf {
	u32 eax, ebx, ecx, edx;
};

/* Where host leaves come from: the machine layer executes CPUID, tests answer from a table. */
struct cpuid_host {
	void (*cpuid)(void *ctx, u32 leaf, u32 sub, struct cpuid_leaf *out);
	void *ctx;
};

/* The feature words that policy, dependencies and the blob's cpu-disable act upon. */
enum cpuid_word {
	CPUID_W_1_ECX,
	CPUID_W_1_EDX,
	CPUID_W_6_EAX,
	CPUID_W_7_EBX,
	CPUID_W_7_ECX,
	CPUID_W_7_EDX,
	CPUID_W_7_1_EAX,
	CPUID_W_D_1_EAX,
	CPUID_W_81_ECX, /* leaf 0x80000001 */
	CPUID_W_81_EDX,
	CPUID_W_87_EDX, /* leaf 0x80000007 */
	CPUID_W_88_EBX, /* leaf 0x80000008 */
	CPUID_NR_WORDS,
	CPUID_W_PV = CPUID_NR_WORDS /* leaf 0x40000001 EAX: not the host's, no part of a cpuid_mask */
};

/* A feature is named by its word and bit, in one number. */
#define CPUID_FEAT(word, bit) ((word)*32u + (bit))

#define CPUID_FEAT_SSE3          CPUID_FEAT(CPUID_W_1_ECX, 0)
#define CPUID_FEAT_MONITOR       CPUID_FEAT(CPUID_W_1_ECX, 3)
#define CPUID_FEAT_VMX           CPUID_FEAT(CPUID_W_1_ECX, 5)
#define CPUID_FEAT_CX16          CPUID_FEAT(CPUID_W_1_ECX, 13)
#define CPUID_FEAT_PDCM          CPUID_FEAT(CPUID_W_1_ECX, 15)
#define CPUID_FEAT_PCID          CPUID_FEAT(CPUID_W_1_ECX, 17)
#define CPUID_FEAT_X2APIC        CPUID_FEAT(CPUID_W_1_ECX, 21)
#define CPUID_FEAT_TSC_DEADLINE  CPUID_FEAT(CPUID_W_1_ECX, 24)
#define CPUID_FEAT_XSAVE         CPUID_FEAT(CPUID_W_1_ECX, 26)
#define CPUID_FEAT_OSXSAVE       CPUID_FEAT(CPUID_W_1_ECX, 27)
#define CPUID_FEAT_AVX           CPUID_FEAT(CPUID_W_1_ECX, 28)
#define CPUID_FEAT_HYPERVISOR    CPUID_FEAT(CPUID_W_1_ECX, 31)
#define CPUID_FEAT_FPU           CPUID_FEAT(CPUID_W_1_EDX, 0)
#define CPUID_FEAT_VME           CPUID_FEAT(CPUID_W_1_EDX, 1)
#define CPUID_FEAT_DE            CPUID_FEAT(CPUID_W_1_EDX, 2)
#define CPUID_FEAT_PSE           CPUID_FEAT(CPUID_W_1_EDX, 3)
#define CPUID_FEAT_TSC           CPUID_FEAT(CPUID_W_1_EDX, 4)
#define CPUID_FEAT_MSR           CPUID_FEAT(CPUID_W_1_EDX, 5)
#define CPUID_FEAT_PAE           CPUID_FEAT(CPUID_W_1_EDX, 6)
#define CPUID_FEAT_MCE           CPUID_FEAT(CPUID_W_1_EDX, 7)
#define CPUID_FEAT_APIC          CPUID_FEAT(CPUID_W_1_EDX, 9)
#define CPUID_FEAT_SEP           CPUID_FEAT(CPUID_W_1_EDX, 11)
#define CPUID_FEAT_MTRR          CPUID_FEAT(CPUID_W_1_EDX, 12)
#define CPUID_FEAT_PGE           CPUID_FEAT(CPUID_W_1_EDX, 13)
#define CPUID_FEAT_MCA           CPUID_FEAT(CPUID_W_1_EDX, 14)
#define CPUID_FEAT_PAT           CPUID_FEAT(CPUID_W_1_EDX, 16)
#define CPUID_FEAT_FXSR          CPUID_FEAT(CPUID_W_1_EDX, 24)
#define CPUID_FEAT_SSE           CPUID_FEAT(CPUID_W_1_EDX, 25)
#define CPUID_FEAT_SSE2          CPUID_FEAT(CPUID_W_1_EDX, 26)
#define CPUID_FEAT_HTT           CPUID_FEAT(CPUID_W_1_EDX, 28)
#define CPUID_FEAT_ARAT          CPUID_FEAT(CPUID_W_6_EAX, 2)
#define CPUID_FEAT_FSGSBASE      CPUID_FEAT(CPUID_W_7_EBX, 0)
#define CPUID_FEAT_TSC_ADJUST    CPUID_FEAT(CPUID_W_7_EBX, 1)
#define CPUID_FEAT_SMEP          CPUID_FEAT(CPUID_W_7_EBX, 7)
#define CPUID_FEAT_INVPCID       CPUID_FEAT(CPUID_W_7_EBX, 10)
#define CPUID_FEAT_RTM           CPUID_FEAT(CPUID_W_7_EBX, 11)
#define CPUID_FEAT_AVX512F       CPUID_FEAT(CPUID_W_7_EBX, 16)
#define CPUID_FEAT_SMAP          CPUID_FEAT(CPUID_W_7_EBX, 20)
#define CPUID_FEAT_UMIP          CPUID_FEAT(CPUID_W_7_ECX, 2)
#define CPUID_FEAT_PKU           CPUID_FEAT(CPUID_W_7_ECX, 3)
#define CPUID_FEAT_OSPKE         CPUID_FEAT(CPUID_W_7_ECX, 4)
#define CPUID_FEAT_LA57          CPUID_FEAT(CPUID_W_7_ECX, 16)
#define CPUID_FEAT_RDPID         CPUID_FEAT(CPUID_W_7_ECX, 22)
#define CPUID_FEAT_BUS_LOCK      CPUID_FEAT(CPUID_W_7_ECX, 24)
#define CPUID_FEAT_SPEC_CTRL     CPUID_FEAT(CPUID_W_7_EDX, 26)
#define CPUID_FEAT_ARCH_CAPS     CPUID_FEAT(CPUID_W_7_EDX, 29)
#define CPUID_FEAT_XSAVEC        CPUID_FEAT(CPUID_W_D_1_EAX, 1)
#define CPUID_FEAT_XSAVES        CPUID_FEAT(CPUID_W_D_1_EAX, 3)
#define CPUID_FEAT_SYSCALL       CPUID_FEAT(CPUID_W_81_EDX, 11)
#define CPUID_FEAT_NX            CPUID_FEAT(CPUID_W_81_EDX, 20)
#define CPUID_FEAT_PDPE1GB       CPUID_FEAT(CPUID_W_81_EDX, 26)
#define CPUID_FEAT_RDTSCP        CPUID_FEAT(CPUID_W_81_EDX, 27)
#define CPUID_FEAT_LM            CPUID_FEAT(CPUID_W_81_EDX, 29)
#define CPUID_FEAT_INVARIANT_TSC CPUID_FEAT(CPUID_W_87_EDX, 8)
#define CPUID_FEAT_PV_CLOCK_OLD  CPUID_FEAT(CPUID_W_PV, 0)
#define CPUID_FEAT_PV_CLOCK      CPUID_FEAT(CPUID_W_PV, 3)
#define CPUID_FEAT_PV_STEAL_TIME CPUID_FEAT(CPUID_W_PV, 5)
#define CPUID_FEAT_PV_EOI        CPUID_FEAT(CPUID_W_PV, 6)

/* One bit per feature. */
struct cpuid_mask {
	u32 w[CPUID_NR_WORDS];
};

/* The feature of this name as Linux's /proc/cpuinfo spells it ("avx2", "pcid" ...), or -1. */
int cpuid_feature_find(const char *name, size_t len);
/* Name of the i-th feature known by name, or NULL when there are no more (for help texts). */
const char *cpuid_feature_name(u32 i);

/* What the engine makes work in a guest; from the VMX capability solver. */
struct cpuid_caps {
	bool rdtscp;       /* "enable RDTSCP": RDTSCP, RDPID, TSC_AUX */
	bool invpcid;      /* "enable INVPCID" */
	bool xsavec;       /* the processor's compacted XSAVE format is right */
	bool xsaves;       /* "enable XSAVES/XRSTORS", and they are right, too */
	bool la57;         /* the EPT walk is deep enough for 5-level guests and the engine offers them */
	bool x2apic;       /* the virtual APIC has x2APIC mode */
	bool tsc_deadline; /* the virtual APIC's timer has TSC-deadline mode */
	u64 xcr0;          /* XCR0 bits the engine switches; 0: no XSAVE for guests */
	u64 xss;           /* IA32_XSS bits the engine switches (0 for now) */
	u32 phys_bits;     /* most guest-physical address bits the EPT can map; 0: no limit but the host's */
};

/* Logical processors of a guest; 0 in a field: 1 socket, vcpus cores, 1 thread. */
struct cpuid_topology {
	u32 sockets, cores, threads; /* cores per socket, threads per core */
};

enum hv_signature { HV_SIGNATURE_KVM, HV_SIGNATURE_NONE };

struct cpuid_guest_cfg {
	u32 vcpu;     /* 0-based number of this vCPU */
	u32 nr_vcpus; /* at least 1 */
	struct cpuid_topology topo;
	enum hv_signature signature;
	u32 pv;      /* PV_* (vmm/policy/pv.h) for leaf 0x40000001 */
	u64 tsc_hz;  /* of the guest's TSC */
	u64 apic_hz; /* input clock of the virtual APIC timer before its divider (Hz); 0: 1 GHz */
	struct cpuid_caps caps;
	struct cpuid_mask disable; /* features the blob switches off (those that depend on them go with them) */
};

/* Hypervisor leaves offered with HV_SIGNATURE_KVM */
#define CPUID_HV_BASE     0x40000000u
#define CPUID_HV_FEATURES 0x40000001u
#define CPUID_HV_TIMING   0x40000010u /* EAX: TSC kHz, EBX: APIC timer clock kHz */
#define CPUID_HV_MAX      CPUID_HV_TIMING

#define CPUID_NR_BASIC 0x20u
#define CPUID_NR_EXT   9u
#define CPUID_NR_XSAVE 20u /* leaf 0xD sub-leaves: x87 (0) ... AMX tile data (18) */

/* One vCPU's answers. Plain data: no pointers. */
struct cpuid_table {
	u32 max_basic;
	bool hv;       /* hypervisor leaves present */
	u64 xcr0, xss; /* bits the guest may set */
	u32 apic_id;
	struct cpuid_leaf basic[CPUID_NR_BASIC]; /* sub-leaf 0 */
	struct cpuid_leaf ext[CPUID_NR_EXT];     /* 0x80000000 ... */
	struct cpuid_leaf hvleaf[3];             /* base, features, timing */
	struct cpuid_leaf cache[8];              /* leaf 4 */
	struct cpuid_leaf leaf7_1;
	struct cpuid_leaf topo[3];               /* leaf 0xB and 0x1F: SMT, core, end */
	struct cpuid_leaf xsave[CPUID_NR_XSAVE]; /* leaf 0xD */
};

/* Guest state some leaves depend on: those for which cpuid_is_dynamic() says so. */
struct cpuid_dyn {
	u64 cr4;           /* as the guest sees it */
	u64 xcr0, xss;     /* current values */
	bool apic_enabled; /* IA32_APIC_BASE.EN */
};

/* APIC ID of vCPU n: its thread, core and socket numbers side by side (equals n unless a count is no power of 2). */
u32 cpuid_apic_id(const struct cpuid_guest_cfg *cfg, u32 vcpu);

/* Fills *t. OK, or ERR_INVAL when the topology does not multiply to nr_vcpus or tsc_hz is 0. */
__must_check int cpuid_build(struct cpuid_table *t, const struct cpuid_host *host, const struct cpuid_guest_cfg *cfg);

/* Whether lookup of this leaf reads *dyn. For others dyn may be NULL: spare the VMREADs. */
static inline bool cpuid_is_dynamic(u32 leaf)
{
	return leaf == 1 || leaf == 7 || leaf == 0xd;
}

/* The answer to CPUID with EAX = leaf and ECX = sub. */
void cpuid_lookup(const struct cpuid_table *t, u32 leaf, u32 sub, const struct cpuid_dyn *dyn,
                  struct cpuid_leaf *out);

/* Leaves that depend on a sub-leaf or on the guest's state (a bit each, below 32). */
#define CPUID_SPECIAL_LEAVES (1u << 1 | 1u << 4 | 1u << 7 | 1u << 0xb | 1u << 0xd | 1u << 0x1f)

/* The hot path: the answer's place in the table for the leaves that never change, NULL for all others. */
static inline const struct cpuid_leaf *cpuid_static_leaf(const struct cpuid_table *t, u32 leaf)
{
	if (leaf <= t->max_basic)
		return CPUID_SPECIAL_LEAVES >> leaf & 1 ? NULL : &t->basic[leaf];
	return leaf - 0x80000000u < CPUID_NR_EXT ? &t->ext[leaf - 0x80000000u] : NULL;
}

/* Whether the guest has this CPUID_FEAT_*. */
bool cpuid_has(const struct cpuid_table *t, u32 feat);

/* Bytes of XSAVE area in standard format for the components in mask; compacted format for xsave_size_compact. */
u32 cpuid_xsave_size(const struct cpuid_table *t, u64 mask);
u32 cpuid_xsave_size_compact(const struct cpuid_table *t, u64 mask);
