/* The CPUID policy over a Skylake server processor. */
#include "quick_check.h"
#include <stdlib.h>

#include "fake_cpu.h"
#include "vmm/policy/cpuid_features.h"

static struct cpuid_table t;
static const struct cpuid_host skylake = { fake_cpuid, NULL };

static struct cpuid_leaf get(u32 leaf, u32 sub)
{
	struct cpuid_leaf l;

	cpuid_lookup(&t, leaf, sub, NULL, &l);
	return l;
}

static void build(const struct cpuid_guest_cfg *cfg)
{
	ck_assert_int_eq(cpuid_build(&t, &skylake, cfg), OK);
}

static void ck_leaf(u32 leaf, u32 sub, u32 a, u32 b, u32 c, u32 d)
{
	struct cpuid_leaf l = get(leaf, sub);

	ck_assert_msg(l.eax == a && l.ebx == b && l.ecx == c && l.edx == d,
	              "leaf %x.%x: %08x %08x %08x %08x, expected %08x %08x %08x %08x", leaf, sub, l.eax, l.ebx, l.ecx,
	              l.edx, a, b, c, d);
}

START_TEST(feature_words)
{
	struct cpuid_guest_cfg cfg = fake_guest();

	build(&cfg);
	ck_leaf(0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69);
	/* Kept, forced and hidden bits of the words that matter most. */
	ck_assert_uint_eq(get(1, 0).eax, 0x00050654);
	ck_assert_uint_eq(get(1, 0).ecx, 0xf7fa3203);
	ck_assert_uint_eq(get(1, 0).edx, 0x0f8bfbff);
	ck_assert_uint_eq(get(6, 0).eax, 4);
	ck_assert_uint_eq(get(7, 0).eax, 0);
	ck_assert_uint_eq(get(7, 0).ebx, 0xd19f27eb);
	ck_assert_uint_eq(get(7, 0).ecx, 0x8);
	ck_assert_uint_eq(get(7, 0).edx, 0x400);
	ck_assert_uint_eq(get(0x80000001, 0).ecx, 0x121);
	ck_assert_uint_eq(get(0x80000001, 0).edx, 0x2c100800);
	ck_assert_uint_eq(get(0x80000007, 0).edx, 0x100);
}
END_TEST

START_TEST(hidden_features)
{
	static const u32 hidden[] = {
		CPUID_FEAT_MONITOR,
		CPUID_FEAT_VMX,
		CPUID_FEAT_PDCM,
		CPUID_FEAT_RTM,
		CPUID_FEAT_SPEC_CTRL,
		CPUID_FEAT_ARCH_CAPS,
		CPUID_FEAT_BUS_LOCK,
		CPUID_FEAT(CPUID_W_1_ECX, 2),
		CPUID_FEAT(CPUID_W_1_ECX, 6),
		CPUID_FEAT(CPUID_W_1_EDX, 21),
		CPUID_FEAT(CPUID_W_1_EDX, 29),
		CPUID_FEAT(CPUID_W_7_EBX, 2),
		CPUID_FEAT(CPUID_W_7_EBX, 4),
		CPUID_FEAT(CPUID_W_7_EBX, 14),
		CPUID_FEAT(CPUID_W_7_EBX, 25),
		CPUID_FEAT(CPUID_W_7_ECX, 5),
		CPUID_FEAT(CPUID_W_7_ECX, 7),
		CPUID_FEAT(CPUID_W_7_EDX, 20),
	};
	static const u32 empty[] = { 3, 5, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x11, 0x12, 0x13, 0x14, 0x80000005 };
	struct cpuid_guest_cfg cfg = fake_guest();

	build(&cfg);
	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++)
		ck_assert_msg(!cpuid_has(&t, hidden[i]), "feature %u", hidden[i]);
	for (u32 i = 0; i < ARRAY_SIZE(empty); i++)
		ck_leaf(empty[i], 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(engine_conditions)
{
	static const u32 feats[] = { CPUID_FEAT_RDTSCP, CPUID_FEAT_RDPID,        CPUID_FEAT_INVPCID,
		                     CPUID_FEAT_XSAVES, CPUID_FEAT_TSC_DEADLINE, CPUID_FEAT_X2APIC,
		                     CPUID_FEAT_LA57,   CPUID_FEAT_XSAVE,        CPUID_FEAT_AVX,
		                     CPUID_FEAT_XSAVEC, CPUID_FEAT_PKU,          CPUID_FEAT_AVX512F };
	struct cpuid_guest_cfg cfg = fake_guest();

	memset(&cfg.caps, 0, sizeof(cfg.caps));
	build(&cfg);
	for (u32 i = 0; i < ARRAY_SIZE(feats); i++)
		ck_assert_msg(!cpuid_has(&t, feats[i]), "feature %u", feats[i]);
	ck_assert(cpuid_has(&t, CPUID_FEAT_PCID));
	ck_leaf(0xd, 0, 0, 0, 0, 0);
	ck_leaf(0xd, 1, 0, 0, 0, 0);
	ck_assert_uint_eq(t.xcr0, 0);
	/* Emulated features are there although the host's policy word is empty. */
	ck_assert(cpuid_has(&t, CPUID_FEAT_MTRR) && cpuid_has(&t, CPUID_FEAT_TSC_ADJUST));
}
END_TEST

START_TEST(disable_pulls_dependents)
{
	struct cpuid_guest_cfg cfg = fake_guest();
	int avx = cpuid_feature_find("avx", 3);

	ck_assert_int_eq(avx, CPUID_FEAT_AVX);
	cfg.disable.w[avx / 32] |= 1u << avx % 32;
	build(&cfg);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_AVX));
	ck_assert(!cpuid_has(&t, CPUID_FEAT(CPUID_W_1_ECX, 12))); /* fma */
	ck_assert(!cpuid_has(&t, CPUID_FEAT(CPUID_W_7_EBX, 5)));  /* avx2 */
	ck_assert(!cpuid_has(&t, CPUID_FEAT_AVX512F));
	ck_assert(cpuid_has(&t, CPUID_FEAT_XSAVE));
	ck_assert_uint_eq(t.xcr0, 0x203);
	ck_assert_uint_eq(get(0xd, 0).ecx, 0xa88); /* PKRU stays where it was */

	cfg = fake_guest();
	cfg.disable.w[CPUID_W_1_EDX] |= 1u << 9; /* apic */
	build(&cfg);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_X2APIC) && !cpuid_has(&t, CPUID_FEAT_TSC_DEADLINE));

	cfg = fake_guest();
	ck_assert_int_eq(cpuid_feature_find("xsavec", 6), CPUID_FEAT_XSAVEC);
	cfg.disable.w[CPUID_W_D_1_EAX] |= 1u << 1;
	build(&cfg);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_XSAVEC) && !cpuid_has(&t, CPUID_FEAT_XSAVES));
	ck_assert_uint_eq(get(0xd, 1).eax, 5); /* XSAVEOPT and XGETBV with ECX = 1 stay */
	ck_assert(cpuid_has(&t, CPUID_FEAT_XSAVE) && cpuid_has(&t, CPUID_FEAT_AVX));
	ck_assert_uint_eq(t.xcr0, 0x2e7);

	cfg = fake_guest();
	cfg.disable.w[CPUID_W_1_ECX] |= 1u << 31; /* hypervisor */
	build(&cfg);
	ck_assert(!t.hv);
}
END_TEST

START_TEST(feature_names)
{
	u32 n = 0;

	for (const char *name; (name = cpuid_feature_name(n)); n++) {
		int feat = cpuid_feature_find(name, strlen(name));

		ck_assert_msg(feat >= 0 && feat < CPUID_NR_WORDS * 32, "%s", name);
		/* A name only makes sense for what can be there. */
		ck_assert_msg((cpuid_policy[feat / 32].pass | cpuid_policy[feat / 32].force) >> feat % 32 & 1, "%s",
		              name);
		for (u32 i = 0; i < n; i++)
			ck_assert_str_ne(name, cpuid_feature_name(i));
	}
	ck_assert_uint_gt(n, 80);
	ck_assert_int_eq(cpuid_feature_find("avx", 2), -1);
	ck_assert_int_eq(cpuid_feature_find("vmx", 3), -1);
	ck_assert_int_eq(cpuid_feature_find("", 0), -1);
}
END_TEST

START_TEST(dynamic_bits)
{
	struct cpuid_guest_cfg cfg = fake_guest();
	struct cpuid_dyn dyn = { .apic_enabled = true };
	struct cpuid_leaf l;

	build(&cfg);
	cpuid_lookup(&t, 1, 0, &dyn, &l);
	ck_assert(!(l.ecx >> 27 & 1) && l.edx >> 9 & 1);
	dyn = (struct cpuid_dyn){ .cr4 = BIT(18) | BIT(22) };
	cpuid_lookup(&t, 1, 0, &dyn, &l);
	ck_assert(l.ecx >> 27 & 1 && !(l.edx >> 9 & 1));
	cpuid_lookup(&t, 7, 0, &dyn, &l);
	ck_assert(l.ecx >> 4 & 1);
	cpuid_lookup(&t, 7, 2, &dyn, &l);
	ck_assert(!l.eax && !l.ebx && !l.ecx && !l.edx);
	ck_assert(cpuid_is_dynamic(1) && cpuid_is_dynamic(7) && cpuid_is_dynamic(0xd) && !cpuid_is_dynamic(0));
}
END_TEST

START_TEST(xsave_sizes)
{
	static const struct {
		u64 xcr0;
		u32 standard, compact;
	} sizes[] = {
		{ 0x1, 576, 576 },     { 0x3, 576, 576 },      { 0x7, 832, 832 },
		{ 0xe7, 0xa80, 2432 }, { 0x2e7, 0xa88, 2440 }, { 0x207, 0xa88, 840 },
	};
	struct cpuid_guest_cfg cfg = fake_guest();

	build(&cfg);
	ck_assert_uint_eq(t.xcr0, 0x2e7); /* no MPX */
	ck_assert_uint_eq(t.xss, 0);
	ck_leaf(0xd, 2, 0x100, 0x240, 0, 0);
	ck_leaf(0xd, 3, 0, 0, 0, 0);
	ck_leaf(0xd, 8, 0, 0, 0, 0);
	ck_leaf(0xd, 9, 8, 0xa80, 0, 0);
	ck_leaf(0xd, 63, 0, 0, 0, 0);
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct cpuid_dyn dyn = { .xcr0 = sizes[i].xcr0 };
		struct cpuid_leaf l;

		cpuid_lookup(&t, 0xd, 0, &dyn, &l);
		ck_assert_uint_eq(l.eax, 0x2e7);
		ck_assert_uint_eq(l.ebx, sizes[i].standard);
		ck_assert_uint_eq(l.ecx, 0xa88);
		cpuid_lookup(&t, 0xd, 1, &dyn, &l);
		ck_assert_uint_eq(l.eax, 0xf);
		ck_assert_uint_eq(l.ebx, sizes[i].compact);
		ck_assert_uint_eq(l.ecx, 0);
	}
	/* Without XSAVES the compacted size still counts XCR0; without XSAVEC there is none. */
	cfg.caps.xsaves = false;
	build(&cfg);
	ck_assert_uint_eq(get(0xd, 1).eax, 7);
	ck_assert_uint_eq(get(0xd, 1).ebx, 576);
	cfg.disable.w[CPUID_W_D_1_EAX] = 2;
	build(&cfg);
	ck_assert_uint_eq(get(0xd, 1).eax, 5);
	ck_assert_uint_eq(get(0xd, 1).ebx, 0);
	/* A compacted format that is wrong hides both, whatever else the engine has. */
	cfg = fake_guest();
	cfg.caps.xsavec = false;
	build(&cfg);
	ck_leaf(0xd, 1, 5, 0, 0, 0);
	ck_assert_uint_eq(t.xcr0, 0x2e7);
}
END_TEST

/* A component that CPUID gives no size is not offered, and what stands for it neither. */
START_TEST(xsave_without_size)
{
	static struct fake_cpu_row rows[ARRAY_SIZE(fake_skylake)];
	struct fake_cpu cpu = { rows, ARRAY_SIZE(rows), 0 };
	struct cpuid_host host = { fake_cpuid, &cpu };
	struct cpuid_guest_cfg cfg = fake_guest();

	memcpy(rows, fake_skylake, sizeof(rows));
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].leaf == 0xd && rows[i].sub == 9)
			rows[i].l = (struct cpuid_leaf){ 0 };
	ck_assert_int_eq(cpuid_build(&t, &host, &cfg), OK);
	ck_assert_uint_eq(t.xcr0, 0xe7);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_PKU) && cpuid_has(&t, CPUID_FEAT_AVX512F));
	ck_leaf(0xd, 0, 0xe7, 576, 0xa80, 0);
	ck_leaf(0xd, 9, 0, 0, 0, 0);
}
END_TEST

START_TEST(xsave_alignment)
{
	static const struct fake_cpu_row rows[] = {
		{ 0, 0, { 0x1f, 0, 0, 0 } },           { 1, 0, { 0, 0, ~0u, ~0u } },
		{ 7, 0, { 5, ~0u, ~0u, ~0u } },        { 7, 1, { ~0u, ~0u, ~0u, ~0u } },
		{ 0xd, 0, { 0x207, 0, 0, 0 } },        { 0xd, 1, { 0x1f, 0, 0x1900, 0 } },
		{ 0xd, 2, { 0x100, 0x240, 0, 0 } },    { 0xd, 9, { 8, 0xa80, 0, 0 } },
		{ 0xd, 11, { 16, 0, 3, 0 } },          { 0x80000000, 0, { 0x80000008, 0, 0, 0 } },
		{ 0x80000001, 0, { 0, 0, ~0u, ~0u } }, { 0x80000008, 0, { 0x3934, 0, 0, 0 } },
	};
	struct fake_cpu cpu = { rows, ARRAY_SIZE(rows), 0 };
	struct cpuid_host host = { fake_cpuid, &cpu };
	struct cpuid_guest_cfg cfg = fake_guest();

	cfg.caps.xss = 0x800;
	cfg.caps.la57 = true;
	cfg.caps.phys_bits = 48;
	ck_assert_int_eq(cpuid_build(&t, &host, &cfg), OK);
	/* 576 + 256, PKRU at 832, and the supervisor component at the next multiple of 64. */
	ck_assert_uint_eq(cpuid_xsave_size_compact(&t, 0xa07), 896 + 16);
	ck_assert_uint_eq(t.xss, 0x800);
	ck_leaf(0xd, 11, 16, 0, 3, 0);
	ck_leaf(0xd, 1, 0xf, 576, 0x800, 0);
	ck_assert_uint_eq(get(7, 0).eax, 1);
	ck_leaf(7, 1, 0x1c10, 0, 0, 0); /* no AVX-512: AVX512_BF16 is gone as well */
	ck_assert_uint_eq(get(0x80000008, 0).eax, 0x3930);
	ck_assert_uint_eq(get(0, 0).eax, 0x1f);
	ck_assert_uint_eq(get(0x1f, 0).ecx, 0x100);
}
END_TEST

START_TEST(topology)
{
	struct cpuid_guest_cfg cfg = fake_guest();

	/* 2 sockets, 3 cores, 2 threads: 4-bit IDs with gaps. */
	cfg.nr_vcpus = 12;
	cfg.topo = (struct cpuid_topology){ 2, 3, 2 };
	cfg.vcpu = 7; /* socket 1, core 0, thread 1 */
	build(&cfg);
	ck_assert_uint_eq(cpuid_apic_id(&cfg, 7), 9);
	ck_assert_uint_eq(cpuid_apic_id(&cfg, 5), 5);
	ck_assert_uint_eq(cpuid_apic_id(&cfg, 11), 13);
	ck_assert_uint_eq(t.apic_id, 9);
	ck_leaf(0xb, 0, 1, 2, 0x100, 9);
	ck_leaf(0xb, 1, 3, 6, 0x201, 9);
	ck_leaf(0xb, 2, 0, 0, 2, 9);
	ck_leaf(0xb, 0x102, 0, 0, 2, 9);
	ck_assert_uint_eq(get(1, 0).ebx, 0x09080800);
	ck_assert(cpuid_has(&t, CPUID_FEAT_HTT));
	/* L1 shared by the 2 threads of a core, L3 by 8 IDs of the package; 4 core IDs. */
	ck_assert_uint_eq(get(4, 0).eax, 0x0c004121);
	ck_assert_uint_eq(get(4, 2).eax, 0x0c004143);
	ck_assert_uint_eq(get(4, 3).eax, 0x0c01c163);
	ck_leaf(4, 4, 0, 0, 0, 0);
	ck_leaf(4, 100, 0, 0, 0, 0);

	cfg.topo = (struct cpuid_topology){ 0 };
	build(&cfg);
	ck_assert_uint_eq(t.apic_id, 7);
	ck_leaf(0xb, 0, 0, 1, 0x100, 7);
	ck_leaf(0xb, 1, 4, 12, 0x201, 7);
	cfg.nr_vcpus = 1;
	cfg.vcpu = 0;
	build(&cfg);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_HTT));
	ck_assert_uint_eq(get(1, 0).ebx, 0x00010800);
}
END_TEST

START_TEST(bad_configurations)
{
	struct cpuid_guest_cfg cfg = fake_guest();

	cfg.tsc_hz = 0;
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
	cfg = fake_guest();
	cfg.nr_vcpus = 0;
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
	cfg.nr_vcpus = 4;
	cfg.vcpu = 4;
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
	cfg.vcpu = 0;
	cfg.topo = (struct cpuid_topology){ 1, 3, 1 };
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
	cfg.topo = (struct cpuid_topology){ 0x10000, 0x10000, 0x10000 };
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
	cfg.topo = (struct cpuid_topology){ 3, 0, 1 };
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
	cfg.topo = (struct cpuid_topology){ 0 };
	cfg.nr_vcpus = 1u << 17;
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), ERR_INVAL);
}
END_TEST

/* As Linux's native_calibrate_tsc computes it, in 32 bits. */
static u32 linux_tsc_khz(void)
{
	struct cpuid_leaf l = get(0x15, 0);
	u32 crystal_khz = l.ecx / 1000;

	ck_assert(l.eax && l.ebx && crystal_khz);
	return crystal_khz * l.ebx / l.eax;
}

START_TEST(timing)
{
	static const u64 hz[] = { 50000000,   1000000000, 2100000000, 2394363000, 2899999000,
		                  3699850000, 4294967296, 5200000000, 1000000,    999999937 };
	struct cpuid_guest_cfg cfg = fake_guest();

	for (u32 i = 0; i < ARRAY_SIZE(hz); i++) {
		u64 khz;

		cfg.tsc_hz = hz[i];
		build(&cfg);
		khz = linux_tsc_khz();
		/* Within one part in a million, and the kHz Linux rounds to. */
		ck_assert_msg(khz * 1000 <= hz[i] + hz[i] / 1000000 + 1000 &&
		                      khz * 1000 + hz[i] / 1000000 + 1000 >= hz[i],
		              "%llu Hz gives %llu kHz", (unsigned long long)hz[i], (unsigned long long)khz);
		ck_assert_uint_eq(get(0x15, 0).ecx, 1000000000);
		ck_assert_uint_eq(get(0x16, 0).eax, (hz[i] + 500000) / 1000000);
	}
	ck_leaf(0x16, 0, 1000, 1000, 100, 0);
	cfg.apic_hz = 100000000;
	cfg.tsc_hz = 2394363000;
	build(&cfg);
	ck_assert_uint_le(llabs((long long)linux_tsc_khz() - 2394363), 1);
	ck_leaf(CPUID_HV_TIMING, 0, 2394363, 100000, 0, 0);
	/* A rate no fraction can tell: the leaf is empty, the guest calibrates. */
	cfg.apic_hz = 0;
	cfg.tsc_hz = 1ull << 60;
	build(&cfg);
	ck_leaf(0x15, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(hypervisor_leaves)
{
	struct cpuid_guest_cfg cfg = fake_guest();
	struct cpuid_leaf top;

	build(&cfg);
	ck_leaf(0x40000000, 0, 0x40000010, 0x4b4d564b, 0x564b4d56, 0x4d);
	ck_leaf(0x40000001, 0, 2, 0, 0, 0);
	ck_leaf(0x40000002, 0, 0, 0, 0, 0);
	ck_leaf(0x40000010, 0, 2100000, 1000000, 0, 0);
	top = get(0x16, 0);
	ck_leaf(0x40000011, 0, top.eax, top.ebx, top.ecx, top.edx);
	ck_assert(cpuid_has(&t, CPUID_FEAT_HYPERVISOR));
	cfg.pv = 1u << 5 | 1u << 24;
	build(&cfg);
	ck_leaf(0x40000001, 0, 0x01000020, 0, 0, 0);
	ck_assert(cpuid_has(&t, CPUID_FEAT_PV_STEAL_TIME) && !cpuid_has(&t, CPUID_FEAT_PV_EOI));
	cfg.signature = HV_SIGNATURE_NONE;
	build(&cfg);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_PV_STEAL_TIME));
	ck_leaf(0x40000001, 0, top.eax, top.ebx, top.ecx, top.edx);
	ck_leaf(0x40000000, 0, top.eax, top.ebx, top.ecx, top.edx);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_HYPERVISOR));
}
END_TEST

START_TEST(out_of_range)
{
	static const u32 leaves[] = { 0x17,       0x1f,       0x20,       0x100,      0x3fffffff, 0x40000100,
		                      0x7fffffff, 0x80000009, 0x8fffffff, 0xc0000000, 0xffffffff };
	struct cpuid_guest_cfg cfg = fake_guest();
	struct cpuid_leaf top;

	build(&cfg);
	top = get(0x16, 0);
	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++)
		ck_leaf(leaves[i], i, top.eax, top.ebx, top.ecx, top.edx);
	ck_leaf(0x80000000, 0, 0x80000008, 0, 0, 0);
	ck_leaf(0x80000008, 0, 0x302e, 0, 0, 0);
	ck_leaf(0x80000002, 5, 0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e);
}
END_TEST

START_TEST(old_host)
{
	/* Highest leaf 0xB, no extended leaf 8, none of the new features. */
	static const struct fake_cpu_row rows[] = {
		{ 0, 0, { 0xb, 0x756e6547, 0x6c65746e, 0x49656e69 } },
		{ 1, 0, { 0x20652, 0x800, 0x0498e3fd, 0xbfebfbff } },
		{ 0x80000000, 0, { 0x80000001, 0, 0, 0 } },
		{ 0x80000001, 0, { 0, 0, 1, 0x28100800 } },
		{ 0xd, 0, { ~0u, ~0u, ~0u, ~0u } }, /* beyond its limit: must not be read */
	};
	struct fake_cpu cpu = { rows, ARRAY_SIZE(rows), 0 };
	struct cpuid_host host = { fake_cpuid, &cpu };
	struct cpuid_guest_cfg cfg = fake_guest();

	ck_assert_int_eq(cpuid_build(&t, &host, &cfg), OK);
	ck_assert_uint_eq(get(0, 0).eax, 0x16);
	ck_assert_uint_eq(get(7, 0).ebx, 2);
	ck_assert_uint_eq(get(0x80000008, 0).eax, 0x3024);
	ck_assert_uint_eq(get(0x80000007, 0).edx, 0);
	ck_assert(!cpuid_has(&t, CPUID_FEAT_XSAVE));
	ck_assert(cpuid_has(&t, CPUID_FEAT_TSC_DEADLINE));
	ck_assert_uint_eq(linux_tsc_khz(), 2100000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cpuid");
	TCase *tc = tcase_create("cpuid");
	SRunner *r;
	int failed;

	tcase_add_test(tc, feature_words);
	tcase_add_test(tc, hidden_features);
	tcase_add_test(tc, engine_conditions);
	tcase_add_test(tc, disable_pulls_dependents);
	tcase_add_test(tc, feature_names);
	tcase_add_test(tc, dynamic_bits);
	tcase_add_test(tc, xsave_sizes);
	tcase_add_test(tc, xsave_without_size);
	tcase_add_test(tc, xsave_alignment);
	tcase_add_test(tc, topology);
	tcase_add_test(tc, bad_configurations);
	tcase_add_test(tc, timing);
	tcase_add_test(tc, hypervisor_leaves);
	tcase_add_test(tc, out_of_range);
	tcase_add_test(tc, old_host);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
