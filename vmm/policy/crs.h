/*
 * Rules of the control and debug registers: what a write by the guest does. Pure functions of the old state.
 * (SDM vol. 3, "Control Registers", "Extended Control Registers", "Debug Registers"; vol. 2, "MOV-Move to/from
 * Control Registers".)
 */
#pragma once

#include "lib/types.h"
#include "vmm/policy/cpuid.h"

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME        BIT(0)
#define CR4_PVI        BIT(1)
#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_PCE        BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_SMXE       BIT(14)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE        BIT(22)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define XCR0_X87      BIT(0)
#define XCR0_SSE      BIT(1)
#define XCR0_AVX      BIT(2)
#define XCR0_BNDREGS  BIT(3)
#define XCR0_BNDCSR   BIT(4)
#define XCR0_OPMASK   BIT(5)
#define XCR0_ZMM_HI   BIT(6)
#define XCR0_HI16_ZMM BIT(7)
#define XCR0_PKRU     BIT(9)

#define DR6_INIT    0xffff0ff0ull
#define DR7_INIT    0x400ull
#define DR7_GD      BIT(13)
#define DR7_ENABLED 0xffull /* L0, G0 to L3, G3 */

enum crs_result { CRS_OK, CRS_GP, CRS_UD };

/* What the guest's CPU has; derived once from its CPUID table. */
struct crs_caps {
	u64 cr4;  /* bits that may be set */
	u64 efer; /* bits that may be set */
	u64 xcr0, xss;
	u8 phys_bits;
};
void crs_caps_init(struct crs_caps *caps, const struct cpuid_table *cpuid);

/* Guest-visible values: CR0 and CR4 through their masks and shadows (crs_visible). */
struct crs_state {
	u64 cr0, cr3, cr4, efer;
	bool cs_l;  /* CS.L of the current code segment */
	bool tss16; /* TR holds a 16-bit TSS */
};

/* What the engine must do after a write besides storing the value. */
#define CRS_DO_EFER   BIT(0) /* EFER changed (LMA): write it and the entry control "IA-32e mode guest" */
#define CRS_DO_PDPTES BIT(1) /* PAE paging: load the four PDPTEs from CR3 first; #GP when one is malformed */
#define CRS_DO_FLUSH  BIT(2) /* invalidate this vCPU's linear and combined mappings (INVVPID) */

struct crs_out {
	u64 value; /* the new guest-visible value */
	u64 efer;  /* the new EFER (crs_cr0_write) */
	u32 todo;  /* CRS_DO_* */
};

/* MOV to CR0 (LMSW and CLTS: build the value with crs_lmsw / clear TS first). */
enum crs_result crs_cr0_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, struct crs_out *out);
/* The CR0 value LMSW with this source operand asks for: bits 3:0 only, PE cannot be cleared. */
u64 crs_lmsw(u64 cr0, u16 src);
/* MOV to CR3; value loses the no-flush bit 63. FLUSH is asked for unless bit 63 with CR4.PCIDE says not to. */
enum crs_result crs_cr3_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, struct crs_out *out);
/* MOV to CR4. */
enum crs_result crs_cr4_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, struct crs_out *out);
/* MOV to CR8: #GP when bits 63:4 are set. */
enum crs_result crs_cr8_write(u64 val);
/* WRMSR to IA32_EFER; LMA is kept as it is. */
enum crs_result crs_efer_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, u64 *efer);
/* XSETBV: index is ECX, val EDX:EAX (CPL and CR4.OSXSAVE are checked by the processor before the exit). */
enum crs_result crs_xcr_write(const struct crs_caps *caps, u32 index, u64 val);
/* WRMSR to IA32_XSS. */
enum crs_result crs_xss_write(const struct crs_caps *caps, u64 val);
/* Whether a PDPTE may be loaded (PAE paging): not present, or no reserved bit set. */
bool crs_pdpte_valid(const struct crs_caps *caps, u64 pdpte);
/* Whether a whole guest state is one that VM entry and the architecture allow (snapshots, loaders). */
bool crs_state_valid(const struct crs_caps *caps, const struct crs_state *s);

/*
 * MOV to DR0-DR7: *dr (0-7) is turned into the register meant (4 and 5 are 6 and 7 without CR4.DE, else #UD) and *val
 * into the value it then holds. General detect (DR7.GD) is the caller's.
 */
enum crs_result crs_dr_write(u64 cr4, u32 *dr, u64 *val);
/* MOV from DR4/5: which register, or #UD. */
enum crs_result crs_dr_read(u64 cr4, u32 *dr);

/* From the MSRs IA32_VMX_CR0_FIXED0 ... CR4_FIXED1. */
struct crs_fixed {
	u64 cr0_0, cr0_1, cr4_0, cr4_1;
};

/*
 * Guest/host masks: bits that exit when changed. The others the guest writes straight into the register.
 * Unrestricted guest and EPT are assumed.
 */
u64 crs_cr0_mask(void);
u64 crs_cr4_mask(const struct crs_caps *caps);
/* The register's real value in the VMCS for a guest-visible one; the read shadow is the guest-visible value. */
u64 crs_cr0_real(const struct crs_fixed *f, u64 visible);
u64 crs_cr4_real(const struct crs_fixed *f, u64 visible);
/* What the guest reads: bits of the mask from the shadow, others from the register. */
static inline u64 crs_visible(u64 real, u64 shadow, u64 mask)
{
	return (real & ~mask) | (shadow & mask);
}

/* Whether a linear address is canonical for this width (48 or 57). */
static inline bool crs_canonical(u64 addr, u32 bits)
{
	return (u64)((s64)(addr << (64 - bits)) >> (64 - bits)) == addr;
}

/* What an access does, as DR7's R/W fields count. */
enum crs_access { CRS_ACCESS_WRITE = 1, CRS_ACCESS_IO = 2, CRS_ACCESS_READ = 3 };
/*
 * Which enabled breakpoints (bits 0-3, as in DR6) an access to len bytes at a linear address or port hits. de:
 * CR4.DE, without which there are no I/O breakpoints. SDM vol. 3 "Breakpoint Field Recognition".
 */
u32 crs_breakpoints(u64 dr7, const u64 dr[4], bool de, enum crs_access what, u64 addr, u32 len);
