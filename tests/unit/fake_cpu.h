/* CPUID leaves of a Skylake server processor, for the tests and fuzzers of policies. */
#pragma once

#include "lib/string.h"
#include "vmm/policy/cpuid.h"

struct fake_cpu_row {
	u32 leaf, sub;
	struct cpuid_leaf l;
};

static const struct fake_cpu_row fake_skylake[] = {
	{ 0, 0, { 0x16, 0x756e6547, 0x6c65746e, 0x49656e69 } },
	{ 1, 0, { 0x00050654, 0x12200800, 0x7ffefbff, 0xbfebfbff } },
	{ 2, 0, { 0x76036301, 0x00f0b5ff, 0, 0x00c30000 } },
	{ 4, 0, { 0x1c004121, 0x01c0003f, 0x3f, 0 } },
	{ 4, 1, { 0x1c004122, 0x01c0003f, 0x3f, 0 } },
	{ 4, 2, { 0x1c004143, 0x03c0003f, 0x3ff, 0 } },
	{ 4, 3, { 0x1c03c163, 0x0280003f, 0x4fff, 4 } },
	{ 5, 0, { 0x40, 0x40, 3, 0x2020 } },
	{ 6, 0, { 0x77, 2, 9, 0 } },
	{ 7, 0, { 0, 0xd39ffffb, 0x18, 0x9c000400 } },
	{ 0xa, 0, { 0x07300404, 0, 0, 0x603 } },
	{ 0xb, 0, { 1, 2, 0x100, 0x12 } },
	{ 0xb, 1, { 5, 0x20, 0x201, 0x12 } },
	{ 0xd, 0, { 0x2ff, 0xa88, 0xa88, 0 } },
	{ 0xd, 1, { 0xf, 0xa08, 0x100, 0 } },
	{ 0xd, 2, { 0x100, 0x240, 0, 0 } },
	{ 0xd, 3, { 0x40, 0x3c0, 0, 0 } },
	{ 0xd, 4, { 0x40, 0x400, 0, 0 } },
	{ 0xd, 5, { 0x40, 0x440, 0, 0 } },
	{ 0xd, 6, { 0x200, 0x480, 0, 0 } },
	{ 0xd, 7, { 0x400, 0x680, 0, 0 } },
	{ 0xd, 8, { 0x80, 0, 1, 0 } },
	{ 0xd, 9, { 8, 0xa80, 0, 0 } },
	{ 0xf, 0, { 0, 0x4f, 0, 2 } },
	{ 0x10, 0, { 0, 0xa, 0, 0 } },
	{ 0x14, 0, { 1, 0xf, 7, 0 } },
	{ 0x15, 0, { 2, 168, 0, 0 } },
	{ 0x16, 0, { 2100, 3700, 100, 0 } },
	{ 0x80000000, 0, { 0x80000008, 0, 0, 0 } },
	{ 0x80000001, 0, { 0, 0, 0x121, 0x2c100800 } },
	{ 0x80000002, 0, { 0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e } },
	{ 0x80000006, 0, { 0, 0, 0x01006040, 0 } },
	{ 0x80000007, 0, { 0, 0, 0, 0x100 } },
	{ 0x80000008, 0, { 0x302e, 0, 0, 0 } },
};

/* Rows given in ctx as { rows, number }; NULL: the Skylake. What has no row is zero. */
struct fake_cpu {
	const struct fake_cpu_row *rows;
	u32 nr;
	u32 max_basic; /* instead of the table's; 0: the table's */
};

static inline void fake_cpuid(void *ctx, u32 leaf, u32 sub, struct cpuid_leaf *out)
{
	const struct fake_cpu *f = ctx;
	const struct fake_cpu_row *rows = f && f->rows ? f->rows : fake_skylake;
	u32 nr = f && f->rows ? f->nr : ARRAY_SIZE(fake_skylake);

	memset(out, 0, sizeof(*out));
	for (u32 i = 0; i < nr; i++)
		if (rows[i].leaf == leaf && rows[i].sub == sub)
			*out = rows[i].l;
	if (leaf == 0 && f && f->max_basic)
		out->eax = f->max_basic;
}

/* Everything the engine can do, one vCPU of 2.1 GHz. */
static inline struct cpuid_guest_cfg fake_guest(void)
{
	return (struct cpuid_guest_cfg){
		.nr_vcpus = 1,
		.pv = 2,
		.tsc_hz = 2100000000,
		.caps = { .rdtscp = true,
		          .invpcid = true,
		          .xsavec = true,
		          .xsaves = true,
		          .x2apic = true,
		          .tsc_deadline = true,
		          .xcr0 = ~0ull },
	};
}
