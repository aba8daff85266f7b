/* Any host and any guest configuration: the table never shows what policy hides, and is consistent in itself. */
#include <string.h>

#include "lib/assert.h"
#include "vmm/policy/cpuid.h"
#include "vmm/policy/cpuid_features.h"
#include "vmm/policy/crs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

/* Host leaves are bytes of the input at a place that depends on the leaf; limits are made plausible. */
static void host_cpuid(void *ctx, u32 leaf, u32 sub, struct cpuid_leaf *out)
{
	const struct input *in = ctx;
	size_t off = in->size ? (leaf * 16 + sub * 4 + (leaf >> 28) * 64) % in->size : 0;

	memset(out, 0, sizeof(*out));
	memcpy(out, in->data + off, MIN(sizeof(*out), in->size - off));
	if (leaf == 0)
		out->eax &= 0x3f;
	if (leaf == 0x80000000)
		out->eax = 0x80000000 | (out->eax & 0xf);
}

static void check_words(const struct cpuid_table *t)
{
	struct cpuid_mask f, g;

	for (u32 w = 0; w < CPUID_NR_WORDS; w++) {
		u32 known = cpuid_policy[w].pass | cpuid_policy[w].force;

		f.w[w] = 0;
		for (u32 b = 0; b < 32; b++)
			f.w[w] |= (u32)cpuid_has(t, w * 32 + b) << b;
		if (w == CPUID_W_1_EDX)
			known |= 1u << 28; /* HTT */
		assert(!(f.w[w] & ~known));
	}
	g = f;
	cpuid_resolve(&g);
	assert(!memcmp(&f, &g, sizeof(f)));
}

static void check_lookup(const struct cpuid_table *t, const struct input *in)
{
	struct cpuid_dyn dyn = { .cr4 = ~0ull, .xcr0 = t->xcr0, .apic_enabled = true };
	struct cpuid_leaf l, top;

	cpuid_lookup(t, t->max_basic, 3, NULL, &top);
	for (u32 leaf = 0; leaf < 0x40; leaf++) {
		cpuid_lookup(t, leaf, 3, &dyn, &l);
		if (leaf > t->max_basic)
			assert(!memcmp(&l, &top, sizeof(l)));
	}
	for (size_t i = 0; i + 8 <= in->size && i < 64; i += 8) {
		u32 q[2];

		memcpy(q, in->data + i, 8);
		cpuid_lookup(t, q[0], q[1], &dyn, &l);
		cpuid_lookup(t, q[0] & 0xc000001f, q[1] & 0x3f, NULL, &l);
	}
	cpuid_lookup(t, 1, 0, &dyn, &l);
	assert(!(l.ecx >> 5 & 1) && !(l.ecx >> 3 & 1)); /* VMX, MONITOR */
	assert(l.ebx >> 24 == (t->apic_id & 0xff));
	cpuid_lookup(t, 0xd, 0, &dyn, &l);
	assert(!t->xcr0 || (l.ebx == l.ecx && l.ecx >= 576));
	/* Linux multiplies these in 32 bits. */
	cpuid_lookup(t, 0x15, 0, NULL, &l);
	assert((u64)(l.ecx / 1000) * l.ebx <= 0xffffffff);
	cpuid_lookup(t, 0x80000008, 0, NULL, &l);
	assert((l.eax & 0xff) >= 32 && (l.eax & 0xff) <= 52);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cpuid_table t;
	struct cpuid_guest_cfg cfg;
	struct input in = { data, size };
	struct cpuid_host host = { host_cpuid, &in };
	struct crs_caps caps;
	u64 raw[12] = { 0 };

	memcpy(raw, data, MIN(size, sizeof(raw)));
	cfg = (struct cpuid_guest_cfg){
		.vcpu = raw[0] & 0x1ff,
		.nr_vcpus = raw[0] >> 16 & 0x1ff,
		.topo = { raw[1] & 7, raw[1] >> 8 & 0xff, raw[1] >> 16 & 7 },
		.signature = raw[1] >> 32 & 1 ? HV_SIGNATURE_NONE : HV_SIGNATURE_KVM,
		.tsc_hz = raw[2],
		.apic_hz = raw[3],
		.caps = { .rdtscp = raw[4] & 1,
		          .invpcid = raw[4] & 2,
		          .xsavec = !(raw[4] & 64),
		          .xsaves = raw[4] & 4,
		          .la57 = raw[4] & 8,
		          .x2apic = raw[4] & 16,
		          .tsc_deadline = raw[4] & 32,
		          .xcr0 = raw[5],
		          .xss = raw[6],
		          .phys_bits = raw[4] >> 8 & 0xff },
	};
	memcpy(&cfg.disable, &raw[7], MIN(sizeof(cfg.disable), 5 * sizeof(u64)));
	if (cpuid_build(&t, &host, &cfg) != OK)
		return 0;
	check_words(&t);
	check_lookup(&t, &in);
	for (u32 i = 1; i < cfg.nr_vcpus; i++)
		assert(cpuid_apic_id(&cfg, i) > cpuid_apic_id(&cfg, i - 1));
	crs_caps_init(&caps, &t);
	assert(!(caps.cr4 & (CR4_VMXE | CR4_SMXE)));
	assert(!t.xcr0 || crs_xcr_write(&caps, 0, t.xcr0) == CRS_OK);
	return 0;
}
