/* What the files of the MSR policy share: msr.c has the table; each handler serves rows of it. */
#pragma once

#include "vmm/policy/msr.h"

#define NO_FEAT 0xffffu

/* A row of the policy: a range of MSRs that behave alike. A NULL read or write gives #GP. */
struct msr_def {
	u32 first, last;
	const char *name;
	enum msr_result (*read)(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val);
	enum msr_result (*write)(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val);
	u64 arg;  /* value read, bits that may be written, or enum vmsr_reg: as the handlers say */
	u16 feat; /* CPUID_FEAT_* without which the range gives #GP, or NO_FEAT */
};

#define MTRRCAP   (VMSR_MTRR_VAR | BIT(8) | BIT(10)) /* fixed ranges, write-combining */
#define MCG_CTL_P BIT(8)

/* Address bits that the guest's processor does not have. */
static inline u64 msr_phys_reserved(const struct vmsr *m)
{
	return ~(BIT(m->caps.phys_bits) - 1);
}

/* Every byte of val is one of types (a bit per memory type's number). */
bool msr_types_valid(u64 val, u32 types);

/*
 * What WRMSR takes of a register that is kept in software (struct vmsr_state), and vmsr_valid() of a state.
 * mask: of an MTRR_PHYSMASK.
 */
bool msr_misc_enable_ok(u64 val);
bool msr_mtrr_var_ok(const struct vmsr *m, u64 val, bool mask);
bool msr_mtrr_fixed_ok(u64 val);
bool msr_mtrr_def_ok(u64 val);
bool msr_mcg_status_ok(u64 val);
bool msr_mcg_ctl_ok(u64 val);
bool msr_mc_ctl_ok(u64 val);

/* msr_mtrr.c */
enum msr_result msr_rd_mtrr(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val);
enum msr_result msr_wr_mtrr_var(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val);
enum msr_result msr_wr_mtrr_fixed(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val);
enum msr_result msr_wr_mtrr_def(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val);

/* msr_mc.c */
enum msr_result msr_rd_mcg(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val);
enum msr_result msr_wr_mcg(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val);
enum msr_result msr_rd_mc_bank(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val);
enum msr_result msr_wr_mc_bank(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val);
