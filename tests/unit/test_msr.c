/* The MSR policy: what reads, what writes, what refuses. */
#include "quick_check.h"
#include <stdlib.h>

#include "fake_vmsr.h"

#define NONCANONICAL 0xaaaaaaaaaaaaaaaaull
#define CANONICAL    0xffff888012345678ull

static struct cpuid_table cpuid;
static struct vmsr m;
static struct fake_vmsr hw;

static void init(const struct cpuid_guest_cfg *cfg)
{
	struct cpuid_host host = { fake_cpuid, NULL };

	memset(&hw, 0, sizeof(hw));
	ck_assert_int_eq(cpuid_build(&cpuid, &host, cfg), OK);
	vmsr_init(&m, &cpuid, cfg->tsc_hz, &fake_vmsr_ops, &hw);
	for (u32 r = 0; r < VMSR_NR; r++)
		hw.reg[r] = vmsr_reset_value((enum vmsr_reg)r);
}

static void setup(void)
{
	struct cpuid_guest_cfg cfg = fake_guest();

	init(&cfg);
}

static u64 rd(u32 idx)
{
	u64 v = 0xdeadbeef;

	ck_assert_msg(msr_read(&m, idx, &v) == MSR_OK, "RDMSR %x", idx);
	return v;
}

static const struct {
	u32 idx;
	u64 val;
	enum msr_result r;
	u64 back; /* what is read then, when r is OK */
} writes[] = {
	{ MSR_IA32_SYSENTER_CS, 0x1234, MSR_OK, 0x1234 },
	{ MSR_IA32_SYSENTER_CS, 0x100000010, MSR_OK, 0x10 },
	{ MSR_IA32_SYSENTER_ESP, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_SYSENTER_ESP, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_SYSENTER_EIP, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_SYSENTER_EIP, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_FS_BASE, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_FS_BASE, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_GS_BASE, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_GS_BASE, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_KERNEL_GSBASE, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_KERNEL_GSBASE, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_LSTAR, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_LSTAR, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_CSTAR, CANONICAL, MSR_OK, CANONICAL },
	{ MSR_IA32_CSTAR, NONCANONICAL, MSR_GP, 0 },
	{ MSR_IA32_STAR, NONCANONICAL, MSR_OK, NONCANONICAL },
	{ MSR_IA32_FMASK, 0xffffffff, MSR_OK, 0xffffffff },
	{ MSR_IA32_FMASK, BIT(32), MSR_GP, 0 },
	{ MSR_IA32_TSC_AUX, 0xffffffff, MSR_OK, 0xffffffff },
	{ MSR_IA32_TSC_AUX, BIT(32), MSR_GP, 0 },
	{ MSR_IA32_PAT, 0x07070707, MSR_OK, 0x07070707 },
	{ MSR_IA32_PAT, 0x0007010600070106, MSR_OK, 0x0007010600070106 },
	{ MSR_IA32_PAT, 0x02, MSR_GP, 0 },
	{ MSR_IA32_PAT, 0x0300000000000000, MSR_GP, 0 },
	{ MSR_IA32_PAT, 0x0800, MSR_GP, 0 },
	{ MSR_IA32_MISC_ENABLE, 0x400c51889, MSR_OK, 0x400c51889 },
	{ MSR_IA32_MISC_ENABLE, BIT(63), MSR_GP, 0 },
	{ MSR_IA32_EFER, EFER_SCE, MSR_OK, EFER_SCE },
	{ MSR_IA32_EFER, EFER_LME | EFER_LMA, MSR_OK, EFER_LME },
	{ MSR_IA32_EFER, BIT(1), MSR_GP, 0 },
	{ MSR_IA32_EFER, BIT(12), MSR_GP, 0 },
	{ MSR_IA32_DEBUGCTL, 3, MSR_OK, 2 },
	{ MSR_IA32_DEBUGCTL, 4, MSR_GP, 0 },
	{ MSR_IA32_XSS, 0, MSR_OK, 0 },
	{ MSR_IA32_XSS, 0x100, MSR_GP, 0 },
	{ MSR_IA32_APIC_BASE, 0xfee00d00, MSR_OK, 0xfee00d00 },
	{ MSR_IA32_APIC_BASE, 0xfee00400, MSR_GP, 0 },
	{ MSR_IA32_APIC_BASE, 0xfee00801, MSR_GP, 0 },
	{ MSR_IA32_APIC_BASE, 0xfee00a00, MSR_GP, 0 },
	{ MSR_IA32_APIC_BASE, BIT(46) | 0x900, MSR_GP, 0 },
	{ MSR_IA32_TSC_DEADLINE, 0x123456789a, MSR_OK, 0x123456789a },
	{ MSR_IA32_FEATURE_CTL, 5, MSR_GP, 0 },
	{ 0x8b, 0, MSR_OK, BIT(32) },
	{ 0x79, 0x1000, MSR_OK, 0 },
	{ 0x17, 0, MSR_GP, 0 },
	{ 0xce, 0, MSR_GP, 0 },
	{ 0xfe, 0, MSR_GP, 0 },
	/* MTRRs */
	{ 0x200, 0xc0000006, MSR_OK, 0xc0000006 },
	{ 0x200, 0xc0000002, MSR_GP, 0 },
	{ 0x200, 0xc0000007, MSR_GP, 0 },
	{ 0x200, 0xc0000106, MSR_GP, 0 },
	{ 0x20e, BIT(46), MSR_GP, 0 },
	{ 0x201, 0x3fffc0000800, MSR_OK, 0x3fffc0000800 },
	{ 0x201, 0x3fffc0000400, MSR_GP, 0 },
	{ 0x20f, BIT(46) | 0x800, MSR_GP, 0 },
	{ 0x250, 0x0605040100060606, MSR_OK, 0x0605040100060606 },
	{ 0x250, 0x0600000000070606, MSR_GP, 0 },
	{ 0x259, 0x02, MSR_GP, 0 },
	{ 0x26f, 0x0303030303030303, MSR_GP, 0 },
	{ MSR_IA32_MTRR_DEF_TYPE, 0xc06, MSR_OK, 0xc06 },
	{ MSR_IA32_MTRR_DEF_TYPE, 0xc07, MSR_GP, 0 },
	{ MSR_IA32_MTRR_DEF_TYPE, 0x1006, MSR_GP, 0 },
	/* Machine check */
	{ 0x17a, 7, MSR_OK, 7 },
	{ 0x17a, 0x10, MSR_GP, 0 },
	{ 0x17b, ~0ull, MSR_OK, ~0ull },
	{ 0x17b, 1, MSR_GP, 0 },
	{ 0x400, ~0ull, MSR_OK, ~0ull },
	{ 0x400, ~0ull << 1, MSR_OK, ~0ull << 1 },
	{ 0x404, 0, MSR_OK, 0 },
	{ 0x404, NONCANONICAL, MSR_GP, 0 },
	{ 0x401, 0, MSR_OK, 0 },
	{ 0x401, 1, MSR_GP, 0 },
	{ 0x426, ~0ull, MSR_OK, ~0ull },
	{ 0x427, ~0ull, MSR_OK, ~0ull },
	{ 0x428, 0, MSR_GP, 0 },
	{ 0x47c, 0, MSR_GP, 0 },
	/* Hidden ones, and those nobody knows */
	{ 0x48, 1, MSR_GP, 0 },
	{ 0x49, 1, MSR_GP, 0 },
	{ 0x122, 0, MSR_GP, 0 },
	{ 0x480, 0, MSR_GP, 0 },
	{ 0xc0010015, 0, MSR_UNKNOWN, 0 },
	{ 0x4b564d02, 0, MSR_GP, 0 },
	{ 0x4b564d09, 0, MSR_UNKNOWN, 0 },
	{ 0xffffffff, 0, MSR_UNKNOWN, 0 },
};

START_TEST(write_table)
{
	enum msr_result r = msr_write(&m, writes[_i].idx, writes[_i].val);

	ck_assert_msg(r == writes[_i].r, "WRMSR %x: %d", writes[_i].idx, r);
	if (r == MSR_OK && writes[_i].idx != 0x79)
		ck_assert_uint_eq(rd(writes[_i].idx), writes[_i].back);
	else
		ck_assert_uint_eq(hw.sets, 0);
}
END_TEST

START_TEST(values_at_reset)
{
	static const struct {
		u32 idx;
		u64 val;
	} v[] = {
		{ 0x00, 0 },
		{ 0x01, 0 },
		{ 0x17, 0 },
		{ 0x2a, 0 },
		{ 0x34, 0 },
		{ 0x3a, 1 },
		{ 0x3b, 0 },
		{ 0x8b, BIT(32) },
		{ 0xce, 0x1500 },
		{ 0xfe, 0x508 },
		{ 0x179, 0x10a },
		{ 0x198, 0x1500 },
		{ 0x1a0, 0x1801 },
		{ 0x1c9, 0 },
		{ 0x1db, 0 },
		{ 0x1de, 0 },
		{ 0x277, 0x0007040600070406 },
		{ 0x2ff, 0 },
		{ 0x400, 0 },
		{ MSR_IA32_EFER, 0 },
	};
	u64 x = 77;

	for (u32 i = 0; i < ARRAY_SIZE(v); i++)
		ck_assert_msg(rd(v[i].idx) == v[i].val, "RDMSR %x: %llx", v[i].idx, (unsigned long long)rd(v[i].idx));
	ck_assert_int_eq(msr_read(&m, 0x79, &x), MSR_GP);
	ck_assert_int_eq(msr_read(&m, 0x10a, &x), MSR_GP);
	ck_assert_int_eq(msr_read(&m, 0x1000, &x), MSR_UNKNOWN);
	ck_assert_uint_eq(x, 77);
}
END_TEST

START_TEST(tsc_and_adjust_move_together)
{
	hw.tsc = 1000;
	ck_assert_int_eq(msr_write(&m, MSR_IA32_TSC_ADJUST, 500), MSR_OK);
	ck_assert_uint_eq(rd(MSR_IA32_TSC), 1500);
	ck_assert_int_eq(msr_write(&m, MSR_IA32_TSC, 100), MSR_OK);
	ck_assert_uint_eq(rd(MSR_IA32_TSC), 100);
	ck_assert_uint_eq(rd(MSR_IA32_TSC_ADJUST), (u64)-900);
	ck_assert_int_eq(msr_write(&m, MSR_IA32_TSC_ADJUST, 0), MSR_OK);
	ck_assert_uint_eq(hw.tsc, 1000);
}
END_TEST

START_TEST(x2apic_is_the_apics_business)
{
	u64 v = 5;

	ck_assert_int_eq(msr_read(&m, 0x802, &v), MSR_GP);
	ck_assert_int_eq(msr_write(&m, 0x830, 1), MSR_GP);
	ck_assert_uint_eq(v, 5);
	hw.x2apic_on = true;
	ck_assert_int_eq(msr_write(&m, 0x8ff, 9), MSR_OK);
	ck_assert_uint_eq(hw.x2apic[0xff], 9);
	ck_assert_uint_eq(rd(0x8ff), 9);
}
END_TEST

START_TEST(features_gate)
{
	static const u32 gated[] = { MSR_IA32_TSC_ADJUST,
		                     MSR_IA32_SYSENTER_CS,
		                     MSR_IA32_PAT,
		                     0xfe,
		                     0x200,
		                     0x2ff,
		                     0x179,
		                     0x400,
		                     MSR_IA32_TSC_DEADLINE,
		                     0x802,
		                     0xda0,
		                     MSR_IA32_LSTAR,
		                     MSR_IA32_FS_BASE,
		                     MSR_IA32_TSC_AUX };
	struct cpuid_guest_cfg cfg = fake_guest();
	u64 v;

	memset(&cfg.disable, 0xff, sizeof(cfg.disable));
	init(&cfg);
	hw.x2apic_on = true;
	for (u32 i = 0; i < ARRAY_SIZE(gated); i++) {
		ck_assert_msg(msr_read(&m, gated[i], &v) == MSR_GP, "RDMSR %x", gated[i]);
		ck_assert_msg(msr_write(&m, gated[i], 0) == MSR_GP, "WRMSR %x", gated[i]);
	}
	ck_assert_int_eq(msr_write(&m, MSR_IA32_EFER, EFER_SCE), MSR_GP);
	ck_assert_int_eq(msr_write(&m, MSR_IA32_EFER, 0), MSR_OK);
}
END_TEST

/* Each paravirtual MSR is there with its feature, and with no other. */
START_TEST(pv_msrs)
{
	static const struct {
		u32 idx, feature;
	} pv[] = { { 0x11, 0 },       { 0x12, 0 },       { 0x4b564d00, 3 },
		   { 0x4b564d01, 3 }, { 0x4b564d03, 5 }, { 0x4b564d04, 6 } };
	struct cpuid_guest_cfg cfg = fake_guest();

	for (u32 f = 0; f < 32; f++) {
		cfg.pv = 1u << f;
		init(&cfg);
		for (u32 i = 0; i < ARRAY_SIZE(pv); i++) {
			enum msr_result want = pv[i].feature == f ? MSR_OK : MSR_GP;
			u64 v = 5;

			ck_assert_int_eq(msr_write(&m, pv[i].idx, 0x1001), want);
			ck_assert_int_eq(msr_read(&m, pv[i].idx, &v), want);
			ck_assert_uint_eq(v, want == MSR_OK ? 0x1001 : 5);
			ck_assert_int_eq(msr_write(&m, pv[i].idx, 2), MSR_GP);
		}
	}
	cfg.pv = ~0u;
	cfg.signature = HV_SIGNATURE_NONE;
	init(&cfg);
	for (u32 i = 0; i < ARRAY_SIZE(pv); i++)
		ck_assert_int_eq(msr_write(&m, pv[i].idx, 0), MSR_GP);
}
END_TEST

START_TEST(efer_rules)
{
	hw.crs = (struct crs_state){ .cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE };
	hw.reg[VMSR_EFER] = EFER_LME | EFER_LMA;
	ck_assert_int_eq(msr_write(&m, MSR_IA32_EFER, EFER_SCE), MSR_GP);
	ck_assert_int_eq(msr_write(&m, MSR_IA32_EFER, EFER_LME | EFER_SCE | EFER_NXE), MSR_OK);
	ck_assert_uint_eq(hw.reg[VMSR_EFER], 0xd01);
}
END_TEST

START_TEST(la57_widens_canonical)
{
	ck_assert_int_eq(msr_write(&m, MSR_IA32_LSTAR, 0x00ff000000000000), MSR_GP);
	m.caps.cr4 |= CR4_LA57;
	ck_assert_int_eq(msr_write(&m, MSR_IA32_LSTAR, 0x00ff000000000000), MSR_OK);
}
END_TEST

/* The memory type the MTRRs give an address above 1 MiB. */
static u32 mtrr_type(u64 addr)
{
	for (u32 i = 0; i < VMSR_MTRR_VAR; i++) {
		u64 mask = rd(0x201 + 2 * i);

		if (mask & 0x800 && (addr & mask & ~0xfffull) == (rd(0x200 + 2 * i) & mask & ~0xfffull))
			return rd(0x200 + 2 * i) & 0xff;
	}
	return rd(0x2ff) & 0xff;
}

START_TEST(firmware_mtrrs)
{
	static const u64 tops[] = { 128ull << 20, 256ull << 20, 3ull << 30, 0xe0000000, 1ull << 30, 0x7f800000 };

	for (u32 i = 0; i < ARRAY_SIZE(tops); i++) {
		u64 top = ALIGN_UP(tops[i], 16ull << 20);

		vmsr_firmware_mtrrs(&m, tops[i]);
		ck_assert_uint_eq(rd(0x2ff), 0xc06);
		ck_assert_uint_eq(mtrr_type(top - PAGE_SIZE), 6);
		ck_assert_uint_eq(mtrr_type(top), 0);
		ck_assert_uint_eq(mtrr_type(0xfee00000), 0);
		ck_assert_uint_eq(mtrr_type(BIT(32)), 6);
		/* What is stored could have been written: a guest that copies them to other CPUs must succeed. */
		for (u32 idx = 0x200; idx < 0x210; idx++)
			ck_assert_int_eq(msr_write(&m, idx, rd(idx)), MSR_OK);
	}
	ck_assert_uint_eq(rd(0x250), 0x0606060606060606);
	ck_assert_uint_eq(rd(0x258), 0x0606060606060606);
	ck_assert_uint_eq(rd(0x259), 0);
	ck_assert_uint_eq(rd(0x268), 0x0505050505050505);
	vmsr_firmware_mtrrs(&m, BIT(32));
	ck_assert_uint_eq(rd(0x201), 0);
}
END_TEST

START_TEST(topology_msr)
{
	struct cpuid_guest_cfg cfg = fake_guest();

	cfg.nr_vcpus = 8;
	cfg.topo = (struct cpuid_topology){ 1, 4, 2 };
	init(&cfg);
	ck_assert_uint_eq(rd(0x35), 0x40008);
}
END_TEST

START_TEST(reset_forgets_all_but_the_microcode)
{
	m.s.bios_sign_id = 0x0200006500000000;
	ck_assert_int_eq(msr_write(&m, MSR_IA32_TSC_ADJUST, 5), MSR_OK);
	ck_assert_int_eq(msr_write(&m, 0x402, 5), MSR_OK);
	vmsr_firmware_mtrrs(&m, 1 << 30);
	vmsr_reset(&m);
	ck_assert_uint_eq(rd(MSR_IA32_TSC_ADJUST), 0);
	ck_assert_uint_eq(rd(0x402), 0);
	ck_assert_uint_eq(rd(0x2ff), 0);
	ck_assert_uint_eq(rd(0x8b), 0x0200006500000000);
}
END_TEST

/* Row by row: ascending, disjoint, each with the name that its MSRs have. */
START_TEST(ranges)
{
	u32 first, last, n = 0;
	u64 above = 0;

	for (; msr_range(n, &first, &last); n++) {
		ck_assert_uint_le(above, first);
		ck_assert_uint_le(first, last);
		ck_assert_str_ne(msr_name(first), "?");
		ck_assert_str_eq(msr_name(first), msr_name(last));
		above = (u64)last + 1;
	}
	ck_assert_uint_gt(n, 60);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(msr_name(0x10), "TSC");
	ck_assert_str_eq(msr_name(0x833), "x2APIC");
	ck_assert_str_eq(msr_name(0x12345), "?");
}
END_TEST

/* The table is sorted, so every index of every range is found: each known MSR answers by its own name. */
START_TEST(table_is_searchable)
{
	u32 known = 0;
	u64 v;

	for (u32 idx = 0; idx < 0x1100; idx++) {
		bool named = msr_name(idx)[0] != '?';

		known += named;
		ck_assert_int_eq(msr_read(&m, idx, &v) == MSR_UNKNOWN, !named);
	}
	ck_assert_uint_gt(known, 400);
	for (u32 idx = 0xc0000080; idx <= 0xc0000084; idx++)
		ck_assert_str_ne(msr_name(idx), "?");
	for (u32 idx = 0xc0000100; idx <= 0xc0000103; idx++)
		ck_assert_str_ne(msr_name(idx), "?");
}
END_TEST

static bool exits(const u8 *b, u32 idx, bool write)
{
	u32 bit = idx & 0x1fff;

	return b[(write ? 2048 : 0) + (idx >= 0xc0000000 ? 1024 : 0) + bit / 8] >> bit % 8 & 1;
}

static u32 passing(const u8 *b)
{
	u32 n = 0;

	for (u32 i = 0; i < 4096; i++)
		n += 8 - (u32)__builtin_popcount(b[i]);
	return n;
}

/* The row of the last access is remembered: the answer does not depend on what was accessed before. */
START_TEST(any_order)
{
	static const u32 idx[] = { 0,     1,     2,     0x10,       0x17,       0x1a,       0x3a,
		                   0x3b,  0x3c,  0xfe,  0x174,      0x176,      0x177,      0x1a0,
		                   0x1ff, 0x200, 0x20f, 0x210,      0x277,      0x2ff,      0x400,
		                   0x427, 0x6e0, 0x7ff, 0x80000000, 0xc0000080, 0xc0000103, 0xffffffff };
	enum msr_result alone[ARRAY_SIZE(idx)];
	u64 val[ARRAY_SIZE(idx)], v;

	for (u32 i = 0; i < ARRAY_SIZE(idx); i++) {
		setup();
		alone[i] = msr_read(&m, idx[i], &val[i]);
	}
	for (u32 i = 0; i < ARRAY_SIZE(idx); i++) {
		for (u32 k = 0; k < ARRAY_SIZE(idx); k++) {
			(void)msr_read(&m, idx[i], &v);
			ck_assert_int_eq(msr_read(&m, idx[k], &v), alone[k]);
			ck_assert(alone[k] != MSR_OK || v == val[k]);
		}
	}
}
END_TEST

/* Each field that WRMSR would not have taken. */
START_TEST(states)
{
	struct state_check c = { 0 };
	struct vmsr_state s;

	vmsr_firmware_mtrrs(&m, 0x80000000);
	ck_assert(vmsr_valid(&m, &m.s, &c));
	ck_assert_ptr_null(c.field);
#define REFUSED(member, val, name)                    \
	do {                                          \
		s = m.s;                              \
		s.member = (val);                     \
		ck_assert(!vmsr_valid(&m, &s, &c));   \
		ck_assert_str_eq(c.field, name);      \
		ck_assert_uint_eq(c.value, s.member); \
		ck_assert_ptr_nonnull(c.reason);      \
	} while (0)
	REFUSED(mtrr_def_type, 0xc02, "mtrr_def_type");
	REFUSED(mtrr_def_type, 0x1c06, "mtrr_def_type");
	REFUSED(mtrr_fixed[10], 0x0606060606060603, "mtrr_fixed");
	REFUSED(mtrr_base[7], BIT(46), "mtrr_base");
	REFUSED(mtrr_base[0], 2, "mtrr_base");
	REFUSED(mtrr_base[0], 0x106, "mtrr_base");
	REFUSED(mtrr_mask[7], BIT(63), "mtrr_mask");
	REFUSED(mtrr_mask[0], 1, "mtrr_mask");
	REFUSED(misc_enable, BIT(1), "misc_enable");
	REFUSED(mcg_status, 0x10, "mcg_status");
	REFUSED(mcg_ctl, 1, "mcg_ctl");
	REFUSED(mc[9].ctl, 1, "mc.ctl");
	REFUSED(mc[0].status, BIT(63), "mc.status");
	REFUSED(bios_sign_id, 1, "bios_sign_id");
#undef REFUSED
	s = m.s;
	s.tsc_adjust = ~0ull;
	s.mc[3].ctl = ~BIT(0);
	s.mc[3].addr = s.mc[3].misc = 0x1234;
	ck_assert(vmsr_valid(&m, &s, &c));
	ck_assert_uint_eq(vmsr_state_desc.size, sizeof(struct vmsr_state));
}
END_TEST

START_TEST(bitmap)
{
	struct msr_bitmap_cfg cfg = { 0 };
	static u8 b[4096];

	msr_build_bitmap(b, &cfg);
	ck_assert_uint_eq(passing(b), 10);
	ck_assert(!exits(b, MSR_IA32_FS_BASE, false) && !exits(b, MSR_IA32_GS_BASE, true));
	ck_assert(!exits(b, MSR_IA32_SYSENTER_EIP, true));
	ck_assert(exits(b, MSR_IA32_KERNEL_GSBASE, true) && exits(b, MSR_IA32_EFER, false));
	ck_assert(exits(b, 0x808, false) && exits(b, 0x48, true) && exits(b, MSR_IA32_APIC_BASE, false));

	cfg = (struct msr_bitmap_cfg){
		.tsc_aux = true, .pat = true, .efer_read = true, .syscall = true, .tsc_read = true
	};
	msr_build_bitmap(b, &cfg);
	ck_assert_uint_eq(passing(b), 10 + 2 + 2 + 1 + 10 + 1);
	ck_assert(!exits(b, MSR_IA32_TSC_AUX, true) && !exits(b, MSR_IA32_PAT, true));
	ck_assert(!exits(b, MSR_IA32_EFER, false) && exits(b, MSR_IA32_EFER, true));
	ck_assert(!exits(b, MSR_IA32_TSC, false) && exits(b, MSR_IA32_TSC, true));
	ck_assert(!exits(b, MSR_IA32_LSTAR, true) && !exits(b, MSR_IA32_KERNEL_GSBASE, true));

	cfg = (struct msr_bitmap_cfg){ .x2apic_virt = true };
	msr_build_bitmap(b, &cfg);
	ck_assert_uint_eq(passing(b), 12);
	cfg.x2apic_reg_virt = cfg.x2apic_intr_virt = true;
	msr_build_bitmap(b, &cfg);
	ck_assert(!exits(b, 0x802, false) && !exits(b, 0x827, false) && exits(b, 0x802, true));
	ck_assert(exits(b, 0x830, false) && exits(b, 0x839, false) && exits(b, 0x80e, false));
	ck_assert(!exits(b, 0x80b, true) && exits(b, 0x80b, false) && exits(b, 0x83f, true));
	cfg.x2apic_self_ipi = true;
	msr_build_bitmap(b, &cfg);
	ck_assert(!exits(b, 0x80b, true) && !exits(b, 0x83f, true) && exits(b, 0x83f, false));
	/* The APIC bits need the control. */
	cfg.x2apic_virt = false;
	msr_build_bitmap(b, &cfg);
	ck_assert_uint_eq(passing(b), 10);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("msr");
	TCase *tc = tcase_create("msr");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, write_table, 0, ARRAY_SIZE(writes));
	tcase_add_test(tc, values_at_reset);
	tcase_add_test(tc, tsc_and_adjust_move_together);
	tcase_add_test(tc, x2apic_is_the_apics_business);
	tcase_add_test(tc, features_gate);
	tcase_add_test(tc, pv_msrs);
	tcase_add_test(tc, efer_rules);
	tcase_add_test(tc, la57_widens_canonical);
	tcase_add_test(tc, firmware_mtrrs);
	tcase_add_test(tc, topology_msr);
	tcase_add_test(tc, reset_forgets_all_but_the_microcode);
	tcase_add_test(tc, ranges);
	tcase_add_test(tc, names);
	tcase_add_test(tc, table_is_searchable);
	tcase_add_test(tc, any_order);
	tcase_add_test(tc, states);
	tcase_add_test(tc, bitmap);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
