/* MSR policy: the table is at the end of the file, the few behaviours before it. */
#include "vmm/policy/msr_priv.h"

#include "lib/assert.h"
#include "lib/string.h"

/* IA32_MISC_ENABLE (SDM vol. 4, "Architectural MSRs") */
#define MISC_FAST_STRINGS BIT(0)
#define MISC_BTS_UNAVAIL  BIT(11)
#define MISC_PEBS_UNAVAIL BIT(12)
/* Fast strings, TM1, perfmon, BTS, PEBS, EIST, MONITOR, limit CPUID, xTPR, XD disable, turbo disable */
#define MISC_WRITABLE                                                                                               \
	(MISC_FAST_STRINGS | BIT(3) | BIT(7) | MISC_BTS_UNAVAIL | MISC_PEBS_UNAVAIL | BIT(16) | BIT(18) | BIT(22) | \
	 BIT(23) | BIT(34) | BIT(38))

#define PAT_RESET    0x0007040600070406ull
#define DEBUGCTL_LBR BIT(0)
#define DEBUGCTL_BTF BIT(1)
#define PAT_TYPES    0xf3u /* UC WC WT WP WB UC- */

/* Reads arg. */
static enum msr_result rd_const(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)m, (void)idx;
	*val = d->arg;
	return MSR_OK;
}

static enum msr_result wr_ignore(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)m, (void)d, (void)idx, (void)val;
	return MSR_OK;
}

/* Registers held by hardware: arg is the register. */
static enum msr_result rd_reg(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)idx;
	*val = m->ops->get(m->ctx, (enum vmsr_reg)d->arg);
	return MSR_OK;
}

static enum msr_result wr_reg(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)idx;
	m->ops->set(m->ctx, (enum vmsr_reg)d->arg, val);
	return MSR_OK;
}

/* SYSENTER_CS keeps 32 bits, without a check of the others; FMASK and TSC_AUX refuse them. */
static enum msr_result wr_reg_trunc32(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	return wr_reg(m, d, idx, (u32)val);
}

static enum msr_result wr_reg_32(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	return val >> 32 ? MSR_GP : wr_reg(m, d, idx, val);
}

static enum msr_result wr_reg_canonical(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	u32 bits = m->caps.cr4 & CR4_LA57 ? 57 : 48;

	return crs_canonical(val, bits) ? wr_reg(m, d, idx, val) : MSR_GP;
}

static enum msr_result wr_pat(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	return msr_types_valid(val, PAT_TYPES) ? wr_reg(m, d, idx, val) : MSR_GP;
}

/* Last-branch records are not kept: asking for them is dropped, as on a processor whose LBR stack is empty. */
static enum msr_result wr_debugctl(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	if (val & ~(DEBUGCTL_LBR | DEBUGCTL_BTF))
		return MSR_GP;
	return wr_reg(m, d, idx, val & DEBUGCTL_BTF);
}

static enum msr_result wr_xss(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	return crs_xss_write(&m->caps, val) == CRS_OK ? wr_reg(m, d, idx, val) : MSR_GP;
}

static enum msr_result wr_efer(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	struct crs_state s = { 0 };
	u64 efer;

	m->ops->crs(m->ctx, &s);
	s.efer = m->ops->get(m->ctx, VMSR_EFER);
	if (crs_efer_write(&m->caps, &s, val, &efer) != CRS_OK)
		return MSR_GP;
	return wr_reg(m, d, idx, efer);
}

/* The TSC and its adjustment move together (SDM vol. 3, "IA32_TSC_ADJUST MSR"). */
static enum msr_result rd_tsc(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d, (void)idx;
	*val = m->ops->tsc(m->ctx);
	return MSR_OK;
}

static void move_tsc(struct vmsr *m, u64 delta)
{
	m->s.tsc_adjust += delta;
	m->ops->tsc_move(m->ctx, delta);
}

static enum msr_result wr_tsc(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d, (void)idx;
	move_tsc(m, val - m->ops->tsc(m->ctx));
	return MSR_OK;
}

static enum msr_result rd_tsc_adjust(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d, (void)idx;
	*val = m->s.tsc_adjust;
	return MSR_OK;
}

static enum msr_result wr_tsc_adjust(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d, (void)idx;
	if (val != m->s.tsc_adjust)
		move_tsc(m, val - m->s.tsc_adjust);
	return MSR_OK;
}

static enum msr_result rd_apic_base(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d, (void)idx;
	*val = m->ops->apic_base_read(m->ctx);
	return MSR_OK;
}

static enum msr_result wr_apic_base(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d, (void)idx;
	/* Reserved: 7:0, 9 and above the physical address width; the mode transitions are the APIC's business. */
	if (val & (0x2ff | msr_phys_reserved(m)))
		return MSR_GP;
	return m->ops->apic_base_write(m->ctx, val) ? MSR_OK : MSR_GP;
}

static enum msr_result rd_tsc_deadline(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d, (void)idx;
	*val = m->ops->tsc_deadline_read(m->ctx);
	return MSR_OK;
}

static enum msr_result wr_tsc_deadline(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d, (void)idx;
	m->ops->tsc_deadline_write(m->ctx, val);
	return MSR_OK;
}

static enum msr_result rd_x2apic(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	u64 v = 0;

	if (!m->ops->x2apic_read(m->ctx, idx - d->first, &v))
		return MSR_GP;
	*val = v;
	return MSR_OK;
}

static enum msr_result wr_x2apic(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	return m->ops->x2apic_write(m->ctx, idx - d->first, val) ? MSR_OK : MSR_GP;
}

static enum msr_result rd_pv(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	u64 v = 0;

	(void)d;
	if (!m->ops->pv_read(m->ctx, idx, &v))
		return MSR_GP;
	*val = v;
	return MSR_OK;
}

static enum msr_result wr_pv(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d;
	return m->ops->pv_write(m->ctx, idx, val) ? MSR_OK : MSR_GP;
}

static enum msr_result rd_misc_enable(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d, (void)idx;
	*val = m->s.misc_enable;
	return MSR_OK;
}

/*
 * Nothing hangs on these bits (what they switch is hidden, or harmless when it stays on), so that all of them are
 * kept as written: firmware, boot loaders and test programs set and read back many.
 */
bool msr_misc_enable_ok(u64 val)
{
	return !(val & ~MISC_WRITABLE);
}

static enum msr_result wr_misc_enable(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d, (void)idx;
	if (!msr_misc_enable_ok(val))
		return MSR_GP;
	m->s.misc_enable = val;
	return MSR_OK;
}

static enum msr_result rd_bios_sign(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d, (void)idx;
	*val = m->s.bios_sign_id;
	return MSR_OK;
}

/* Software writes 0, executes CPUID and reads: the upper half is the microcode revision, and stays. */
static enum msr_result wr_bios_sign(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)m, (void)d, (void)idx, (void)val;
	return MSR_OK;
}

/* Ratio of the TSC to a 100 MHz bus: bits 15:8 both in PLATFORM_INFO and in PERF_STATUS. */
static enum msr_result rd_ratio(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	u64 ratio = (m->tsc_hz + 50000000) / 100000000;

	(void)d, (void)idx;
	*val = MAX(MIN(ratio, 0xffull), 1ull) << 8;
	return MSR_OK;
}

static enum msr_result rd_core_thread_count(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	u32 smt = m->cpuid->topo[0].ebx, in_pkg = m->cpuid->topo[1].ebx;

	(void)d, (void)idx;
	*val = (u64)(in_pkg / MAX(smt, 1u) & 0xffff) << 16 | (in_pkg & 0xffff);
	return MSR_OK;
}

/* Known, never offered: the guest's probe gets its #GP without a log line. */
#define HIDDEN(a, b, n)                                                 \
	{                                                               \
		.first = (a), .last = (b), .name = (n), .feat = NO_FEAT \
	}

/* Ascending and disjoint (a unit test looks). */
/* clang-format off */
static const struct msr_def defs[] = {
	{ 0x000, 0x001, "P5_MC", rd_const, wr_ignore, 0, NO_FEAT },
	{ 0x010, 0x010, "TSC", rd_tsc, wr_tsc, 0, CPUID_FEAT_TSC },
	{ 0x011, 0x012, "KVM_WALL_CLOCK/SYSTEM_TIME", rd_pv, wr_pv, 0, CPUID_FEAT_PV_CLOCK_OLD },
	{ 0x017, 0x017, "PLATFORM_ID", rd_const, NULL, 0, NO_FEAT },
	{ 0x01b, 0x01b, "APIC_BASE", rd_apic_base, wr_apic_base, 0, CPUID_FEAT_APIC },
	{ 0x02a, 0x02a, "EBL_CR_POWERON", rd_const, wr_ignore, 0, NO_FEAT },
	HIDDEN(0x033, 0x033, "TEST_CTRL"),
	{ 0x034, 0x034, "SMI_COUNT", rd_const, NULL, 0, NO_FEAT },
	{ 0x035, 0x035, "CORE_THREAD_COUNT", rd_core_thread_count, NULL, 0, NO_FEAT },
	{ 0x03a, 0x03a, "FEATURE_CONTROL", rd_const, NULL, 1 /* locked, no VMX, no SGX */, NO_FEAT },
	{ 0x03b, 0x03b, "TSC_ADJUST", rd_tsc_adjust, wr_tsc_adjust, 0, CPUID_FEAT_TSC_ADJUST },
	HIDDEN(0x048, 0x049, "SPEC_CTRL/PRED_CMD"),
	HIDDEN(0x04e, 0x04f, "PPIN"),
	{ 0x079, 0x079, "BIOS_UPDT_TRIG", NULL, wr_ignore, 0, NO_FEAT },
	{ 0x08b, 0x08b, "BIOS_SIGN_ID", rd_bios_sign, wr_bios_sign, 0, NO_FEAT },
	HIDDEN(0x0c1, 0x0c8, "PMC"),
	{ 0x0ce, 0x0ce, "PLATFORM_INFO", rd_ratio, NULL, 0, NO_FEAT },
	HIDDEN(0x0cf, 0x0cf, "CORE_CAPABILITIES"),
	HIDDEN(0x0e1, 0x0e2, "UMWAIT/PKG_CST_CONFIG"),
	HIDDEN(0x0e7, 0x0e8, "MPERF/APERF"),
	{ 0x0fe, 0x0fe, "MTRRCAP", rd_const, NULL, MTRRCAP, CPUID_FEAT_MTRR },
	HIDDEN(0x10a, 0x10b, "ARCH_CAPABILITIES/FLUSH_CMD"),
	HIDDEN(0x10f, 0x10f, "TSX_FORCE_ABORT"),
	HIDDEN(0x122, 0x123, "TSX_CTRL/MCU_OPT_CTRL"),
	HIDDEN(0x140, 0x140, "MISC_FEATURES_ENABLES"),
	{ 0x174, 0x174, "SYSENTER_CS", rd_reg, wr_reg_trunc32, VMSR_SYSENTER_CS, CPUID_FEAT_SEP },
	{ 0x175, 0x175, "SYSENTER_ESP", rd_reg, wr_reg_canonical, VMSR_SYSENTER_ESP, CPUID_FEAT_SEP },
	{ 0x176, 0x176, "SYSENTER_EIP", rd_reg, wr_reg_canonical, VMSR_SYSENTER_EIP, CPUID_FEAT_SEP },
	{ 0x179, 0x179, "MCG_CAP", rd_const, NULL, VMSR_MC_BANKS | MCG_CTL_P, CPUID_FEAT_MCA },
	{ 0x17a, 0x17b, "MCG_STATUS/CTL", msr_rd_mcg, msr_wr_mcg, 0, CPUID_FEAT_MCA },
	HIDDEN(0x186, 0x18d, "PERFEVTSEL"),
	{ 0x198, 0x198, "PERF_STATUS", rd_ratio, NULL, 0, NO_FEAT },
	HIDDEN(0x199, 0x19c, "PERF_CTL/THERM"),
	{ 0x1a0, 0x1a0, "MISC_ENABLE", rd_misc_enable, wr_misc_enable, 0, NO_FEAT },
	HIDDEN(0x1a2, 0x1b2, "TEMPERATURE_TARGET ... PACKAGE_THERM"),
	HIDDEN(0x1c8, 0x1c8, "LBR_SELECT"),
	{ 0x1c9, 0x1c9, "LASTBRANCH_TOS", rd_const, NULL, 0, NO_FEAT },
	{ 0x1d9, 0x1d9, "DEBUGCTL", rd_reg, wr_debugctl, VMSR_DEBUGCTL, NO_FEAT },
	{ 0x1db, 0x1de, "LASTBRANCH/LASTINT", rd_const, NULL, 0, NO_FEAT },
	{ 0x200, 0x20f, "MTRR_PHYS", msr_rd_mtrr, msr_wr_mtrr_var, 0, CPUID_FEAT_MTRR },
	{ 0x250, 0x250, "MTRR_FIX64K", msr_rd_mtrr, msr_wr_mtrr_fixed, 0, CPUID_FEAT_MTRR },
	{ 0x258, 0x259, "MTRR_FIX16K", msr_rd_mtrr, msr_wr_mtrr_fixed, 0, CPUID_FEAT_MTRR },
	{ 0x268, 0x26f, "MTRR_FIX4K", msr_rd_mtrr, msr_wr_mtrr_fixed, 0, CPUID_FEAT_MTRR },
	{ 0x277, 0x277, "PAT", rd_reg, wr_pat, VMSR_PAT, CPUID_FEAT_PAT },
	{ 0x2ff, 0x2ff, "MTRR_DEF_TYPE", msr_rd_mtrr, msr_wr_mtrr_def, 0, CPUID_FEAT_MTRR },
	HIDDEN(0x309, 0x30c, "FIXED_CTR"),
	HIDDEN(0x345, 0x345, "PERF_CAPABILITIES"),
	HIDDEN(0x38d, 0x390, "FIXED_CTR_CTRL ... PERF_GLOBAL"),
	HIDDEN(0x3f1, 0x3f7, "PEBS"),
	{ 0x400, 0x400 + 4 * VMSR_MC_BANKS - 1, "MC", msr_rd_mc_bank, msr_wr_mc_bank, 0, CPUID_FEAT_MCA },
	HIDDEN(0x400 + 4 * VMSR_MC_BANKS, 0x47f, "MC (no such bank)"),
	HIDDEN(0x480, 0x493, "VMX"),
	HIDDEN(0x4c1, 0x4c8, "A_PMC"),
	HIDDEN(0x570, 0x587, "RTIT"),
	HIDDEN(0x606, 0x641, "RAPL"),
	{ 0x6e0, 0x6e0, "TSC_DEADLINE", rd_tsc_deadline, wr_tsc_deadline, 0, CPUID_FEAT_TSC_DEADLINE },
	{ MSR_X2APIC_FIRST, MSR_X2APIC_LAST, "x2APIC", rd_x2apic, wr_x2apic, 0, CPUID_FEAT_X2APIC },
	HIDDEN(0xd90, 0xd90, "BNDCFGS"),
	{ 0xda0, 0xda0, "XSS", rd_reg, wr_xss, VMSR_XSS, CPUID_FEAT_XSAVES },
	{ 0x4b564d00, 0x4b564d01, "KVM_WALL_CLOCK/SYSTEM_TIME_NEW", rd_pv, wr_pv, 0, CPUID_FEAT_PV_CLOCK },
	HIDDEN(0x4b564d02, 0x4b564d02, "KVM_ASYNC_PF_EN"),
	{ 0x4b564d03, 0x4b564d03, "KVM_STEAL_TIME", rd_pv, wr_pv, 0, CPUID_FEAT_PV_STEAL_TIME },
	{ 0x4b564d04, 0x4b564d04, "KVM_EOI_EN", rd_pv, wr_pv, 0, CPUID_FEAT_PV_EOI },
	HIDDEN(0x4b564d05, 0x4b564d08, "KVM_POLL_CONTROL ... MIGRATION_CONTROL"),
	{ 0xc0000080, 0xc0000080, "EFER", rd_reg, wr_efer, VMSR_EFER, NO_FEAT },
	{ 0xc0000081, 0xc0000081, "STAR", rd_reg, wr_reg, VMSR_STAR, CPUID_FEAT_LM },
	{ 0xc0000082, 0xc0000082, "LSTAR", rd_reg, wr_reg_canonical, VMSR_LSTAR, CPUID_FEAT_LM },
	{ 0xc0000083, 0xc0000083, "CSTAR", rd_reg, wr_reg_canonical, VMSR_CSTAR, CPUID_FEAT_LM },
	{ 0xc0000084, 0xc0000084, "FMASK", rd_reg, wr_reg_32, VMSR_FMASK, CPUID_FEAT_LM },
	{ 0xc0000100, 0xc0000100, "FS_BASE", rd_reg, wr_reg_canonical, VMSR_FS_BASE, CPUID_FEAT_LM },
	{ 0xc0000101, 0xc0000101, "GS_BASE", rd_reg, wr_reg_canonical, VMSR_GS_BASE, CPUID_FEAT_LM },
	{ 0xc0000102, 0xc0000102, "KERNEL_GS_BASE", rd_reg, wr_reg_canonical, VMSR_KERNEL_GS_BASE, CPUID_FEAT_LM },
	{ 0xc0000103, 0xc0000103, "TSC_AUX", rd_reg, wr_reg_32, VMSR_TSC_AUX, CPUID_FEAT_RDTSCP },
};
/* clang-format on */

static const struct msr_def *find(u32 idx)
{
	u32 lo = 0, hi = ARRAY_SIZE(defs);

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (idx > defs[mid].last)
			lo = mid + 1;
		else if (idx < defs[mid].first)
			hi = mid;
		else
			return &defs[mid];
	}
	return NULL;
}

/* The same for a guest's access, mostly the row of the last one.
 * *offered: the guest's CPUID has what it belongs to. */
static const struct msr_def *find_again(struct vmsr *m, u32 idx, bool *offered)
{
	const struct msr_def *d = &defs[m->last_row];

	*offered = true;
	if (likely(idx - d->first <= d->last - d->first))
		return d;
	d = find(idx);
	*offered = d && (d->feat == NO_FEAT || cpuid_has(m->cpuid, d->feat));
	if (*offered)
		m->last_row = (u32)(d - defs);
	return d;
}

enum msr_result msr_read(struct vmsr *m, u32 idx, u64 *val)
{
	bool offered;
	const struct msr_def *d = find_again(m, idx, &offered);

	if (!d)
		return MSR_UNKNOWN;
	if (!d->read || !offered)
		return MSR_GP;
	return d->read(m, d, idx, val);
}

enum msr_result msr_write(struct vmsr *m, u32 idx, u64 val)
{
	bool offered;
	const struct msr_def *d = find_again(m, idx, &offered);

	if (!d)
		return MSR_UNKNOWN;
	if (!d->write || !offered)
		return MSR_GP;
	return d->write(m, d, idx, val);
}

bool msr_range(u64 n, u32 *first, u32 *last)
{
	if (n >= ARRAY_SIZE(defs))
		return false;
	*first = defs[n].first;
	*last = defs[n].last;
	return true;
}

const char *msr_name(u32 idx)
{
	const struct msr_def *d = find(idx);

	return d ? d->name : "?";
}

u64 vmsr_reset_value(enum vmsr_reg reg)
{
	return reg == VMSR_PAT ? PAT_RESET : 0;
}

void vmsr_reset(struct vmsr *m)
{
	u64 sign = m->s.bios_sign_id;

	memset(&m->s, 0, sizeof(m->s));
	m->s.misc_enable = MISC_FAST_STRINGS | MISC_BTS_UNAVAIL | MISC_PEBS_UNAVAIL;
	/* Any microcode revision but 0: some guests take 0 for "failed to load". */
	m->s.bios_sign_id = sign ? sign : BIT(32);
}

void vmsr_init(struct vmsr *m, const struct cpuid_table *cpuid, u64 tsc_hz, const struct vmsr_ops *ops, void *ctx)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->ctx = ctx;
	m->cpuid = cpuid;
	m->tsc_hz = tsc_hz;
	assert(defs[m->last_row].feat == NO_FEAT);
	crs_caps_init(&m->caps, cpuid);
	vmsr_reset(m);
}
