/*
 * Memory-type range registers: kept and checked, without effect on EPT memory types. (SDM vol. 3, "Memory Type Range
 * Registers (MTRRs)".)
 */
#include "vmm/policy/msr_priv.h"

#include "lib/string.h"

#define MTRR_DEF_TYPE_VALID 0xcffull
#define MTRR_ENABLE         BIT(11)
#define MTRR_FIXED_ENABLE   BIT(10)
#define MTRR_MASK_VALID     BIT(11)
#define MTRR_TYPES          0x73u /* UC WC WT WP WB */
#define TYPE_WB             6

bool msr_types_valid(u64 val, u32 types)
{
	for (u32 i = 0; i < 64; i += 8) {
		u64 t = val >> i & 0xff;

		if (t > 7 || !(types >> t & 1))
			return false;
	}
	return true;
}

static u64 *mtrr_slot(struct vmsr *m, u32 idx)
{
	u32 n = idx - 0x200;

	if (n < 2 * VMSR_MTRR_VAR)
		return n & 1 ? &m->s.mtrr_mask[n / 2] : &m->s.mtrr_base[n / 2];
	if (idx == 0x250)
		return &m->s.mtrr_fixed[0];
	if (idx == 0x258 || idx == 0x259)
		return &m->s.mtrr_fixed[1 + (idx - 0x258)];
	if (idx >= 0x268 && idx <= 0x26f)
		return &m->s.mtrr_fixed[3 + (idx - 0x268)];
	return &m->s.mtrr_def_type;
}

enum msr_result msr_rd_mtrr(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d;
	*val = *mtrr_slot(m, idx);
	return MSR_OK;
}

bool msr_mtrr_var_ok(const struct vmsr *m, u64 val, bool mask)
{
	if (val & msr_phys_reserved(m) || val & (mask ? 0x7ffull : 0xf00ull))
		return false;
	return mask || msr_types_valid(val & 0xff, MTRR_TYPES);
}

enum msr_result msr_wr_mtrr_var(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d;
	if (!msr_mtrr_var_ok(m, val, idx & 1))
		return MSR_GP;
	*mtrr_slot(m, idx) = val;
	return MSR_OK;
}

bool msr_mtrr_fixed_ok(u64 val)
{
	return msr_types_valid(val, MTRR_TYPES);
}

enum msr_result msr_wr_mtrr_fixed(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d;
	if (!msr_mtrr_fixed_ok(val))
		return MSR_GP;
	*mtrr_slot(m, idx) = val;
	return MSR_OK;
}

bool msr_mtrr_def_ok(u64 val)
{
	return !(val & ~MTRR_DEF_TYPE_VALID) && msr_types_valid(val & 0xff, MTRR_TYPES);
}

enum msr_result msr_wr_mtrr_def(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d;
	if (!msr_mtrr_def_ok(val))
		return MSR_GP;
	*mtrr_slot(m, idx) = val;
	return MSR_OK;
}

/* Uncached power-of-two blocks that cover [base, 4 GiB), as many as the registers hold. */
static void cover_hole(struct vmsr *m, u64 base)
{
	u64 addr_mask = BIT(m->caps.phys_bits) - 1;

	for (u32 i = 0; i < VMSR_MTRR_VAR && base && base < BIT(32); i++) {
		u64 size = base & -base;

		m->s.mtrr_base[i] = base; /* type 0: uncached */
		m->s.mtrr_mask[i] = (~(size - 1) & addr_mask) | MTRR_MASK_VALID;
		base += size;
	}
}

void vmsr_firmware_mtrrs(struct vmsr *m, u64 low_top)
{
	const u64 wb = 0x0606060606060606ull, wp = 0x0505050505050505ull;

	memset(m->s.mtrr_base, 0, sizeof(m->s.mtrr_base));
	memset(m->s.mtrr_mask, 0, sizeof(m->s.mtrr_mask));
	m->s.mtrr_fixed[0] = wb; /* 0-7FFFF */
	m->s.mtrr_fixed[1] = wb; /* 80000-9FFFF */
	m->s.mtrr_fixed[2] = 0;  /* A0000-BFFFF */
	for (u32 i = 3; i < VMSR_NR_FIXED; i++)
		m->s.mtrr_fixed[i] = wp; /* C0000-FFFFF */
	/* More pieces than registers only when low_top is odd: then what is nearest to 4 GiB stays write-back. */
	cover_hole(m, ALIGN_UP(low_top, 16ull << 20));
	m->s.mtrr_def_type = MTRR_ENABLE | MTRR_FIXED_ENABLE | TYPE_WB;
}
