/*
 * CPUID feature policy (SDM vol. 2, "CPUID-CPU Identification"): a bit passes only when an unmodified guest can use
 * what it announces without the hypervisor doing anything, or when the hypervisor emulates it.
 */
#include "vmm/policy/cpuid_features.h"
#include "lib/string.h"

/* clang-format off */
const struct cpuid_policy cpuid_policy[CPUID_NR_WORDS] = {
	/* hidden: dtes64, monitor, ds_cpl, vmx, smx, est, tm2, cid, sdbg, xtpr, pdcm, dca */
	[CPUID_W_1_ECX] = { 0x1, 0, 2, 0x76da3203, 0x81200000 },
	/* hidden: pn, dts, acpi, tm, pbe */
	[CPUID_W_1_EDX] = { 0x1, 0, 3, 0x0f8aa97f, 0x00015280 },
	[CPUID_W_6_EAX] = { 0x6, 0, 0, 0x00000000, 0x00000004 },
	/* hidden: sgx, hle, rtm, cqm, mpx, rdt_a, intel_pt */
	[CPUID_W_7_EBX] = { 0x7, 0, 1, 0xfdbf27e9, 0x00000002 },
	/* hidden: waitpkg, shstk, tme, kl, bus_lock_detect, enqcmd, sgx_lc, pks */
	[CPUID_W_7_ECX] = { 0x7, 0, 2, 0x1a415f4f, 0x00000000 },
	/* hidden: uintr, srbds_ctrl, rtm_always_abort, hybrid_cpu, tsxldtrk, pconfig, arch_lbr, ibt, amx_bf16,
	 * amx_tile, amx_int8, spec_ctrl, intel_stibp, flush_l1d,
	 * arch_capabilities, core_capabilities, spec_ctrl_ssbd */
	[CPUID_W_7_EDX] = { 0x7, 0, 3, 0x0080451c, 0x00000000 },
	/* hidden: lam */
	[CPUID_W_7_1_EAX] = { 0x7, 1, 0, 0x00001c30, 0x00000000 },
	/* hidden: xfd */
	[CPUID_W_D_1_EAX] = { 0xd, 1, 0, 0x0000000f, 0x00000000 },
	[CPUID_W_81_ECX] = { 0x80000001, 0, 2, 0x00000121, 0x00000000 },
	[CPUID_W_81_EDX] = { 0x80000001, 0, 3, 0x2c100800, 0x00000000 },
	[CPUID_W_87_EDX] = { 0x80000007, 0, 3, 0x00000100, 0x00000000 },
	[CPUID_W_88_EBX] = { 0x80000008, 0, 1, 0x00000200, 0x00000000 },
};

/* Spelled as in Linux's /proc/cpuinfo where that has a name. Only what a guest may have at all. */
static const struct {
	const char *name;
	u32 feat;
} names[] = {
	{ "pni", CPUID_FEAT(CPUID_W_1_ECX, 0) },
	{ "pclmulqdq", CPUID_FEAT(CPUID_W_1_ECX, 1) },
	{ "ssse3", CPUID_FEAT(CPUID_W_1_ECX, 9) },
	{ "fma", CPUID_FEAT(CPUID_W_1_ECX, 12) },
	{ "cx16", CPUID_FEAT(CPUID_W_1_ECX, 13) },
	{ "pcid", CPUID_FEAT(CPUID_W_1_ECX, 17) },
	{ "sse4_1", CPUID_FEAT(CPUID_W_1_ECX, 19) },
	{ "sse4_2", CPUID_FEAT(CPUID_W_1_ECX, 20) },
	{ "x2apic", CPUID_FEAT(CPUID_W_1_ECX, 21) },
	{ "movbe", CPUID_FEAT(CPUID_W_1_ECX, 22) },
	{ "popcnt", CPUID_FEAT(CPUID_W_1_ECX, 23) },
	{ "tsc_deadline_timer", CPUID_FEAT(CPUID_W_1_ECX, 24) },
	{ "aes", CPUID_FEAT(CPUID_W_1_ECX, 25) },
	{ "xsave", CPUID_FEAT(CPUID_W_1_ECX, 26) },
	{ "avx", CPUID_FEAT(CPUID_W_1_ECX, 28) },
	{ "f16c", CPUID_FEAT(CPUID_W_1_ECX, 29) },
	{ "rdrand", CPUID_FEAT(CPUID_W_1_ECX, 30) },
	{ "hypervisor", CPUID_FEAT(CPUID_W_1_ECX, 31) },
	{ "fpu", CPUID_FEAT(CPUID_W_1_EDX, 0) },
	{ "vme", CPUID_FEAT(CPUID_W_1_EDX, 1) },
	{ "de", CPUID_FEAT(CPUID_W_1_EDX, 2) },
	{ "pse", CPUID_FEAT(CPUID_W_1_EDX, 3) },
	{ "tsc", CPUID_FEAT(CPUID_W_1_EDX, 4) },
	{ "msr", CPUID_FEAT(CPUID_W_1_EDX, 5) },
	{ "pae", CPUID_FEAT(CPUID_W_1_EDX, 6) },
	{ "mce", CPUID_FEAT(CPUID_W_1_EDX, 7) },
	{ "cx8", CPUID_FEAT(CPUID_W_1_EDX, 8) },
	{ "apic", CPUID_FEAT(CPUID_W_1_EDX, 9) },
	{ "sep", CPUID_FEAT(CPUID_W_1_EDX, 11) },
	{ "mtrr", CPUID_FEAT(CPUID_W_1_EDX, 12) },
	{ "pge", CPUID_FEAT(CPUID_W_1_EDX, 13) },
	{ "mca", CPUID_FEAT(CPUID_W_1_EDX, 14) },
	{ "cmov", CPUID_FEAT(CPUID_W_1_EDX, 15) },
	{ "pat", CPUID_FEAT(CPUID_W_1_EDX, 16) },
	{ "pse36", CPUID_FEAT(CPUID_W_1_EDX, 17) },
	{ "clflush", CPUID_FEAT(CPUID_W_1_EDX, 19) },
	{ "mmx", CPUID_FEAT(CPUID_W_1_EDX, 23) },
	{ "fxsr", CPUID_FEAT(CPUID_W_1_EDX, 24) },
	{ "sse", CPUID_FEAT(CPUID_W_1_EDX, 25) },
	{ "sse2", CPUID_FEAT(CPUID_W_1_EDX, 26) },
	{ "ss", CPUID_FEAT(CPUID_W_1_EDX, 27) },
	{ "arat", CPUID_FEAT(CPUID_W_6_EAX, 2) },
	{ "fsgsbase", CPUID_FEAT(CPUID_W_7_EBX, 0) },
	{ "tsc_adjust", CPUID_FEAT(CPUID_W_7_EBX, 1) },
	{ "bmi1", CPUID_FEAT(CPUID_W_7_EBX, 3) },
	{ "avx2", CPUID_FEAT(CPUID_W_7_EBX, 5) },
	{ "fdp_excptn_only", CPUID_FEAT(CPUID_W_7_EBX, 6) },
	{ "smep", CPUID_FEAT(CPUID_W_7_EBX, 7) },
	{ "bmi2", CPUID_FEAT(CPUID_W_7_EBX, 8) },
	{ "erms", CPUID_FEAT(CPUID_W_7_EBX, 9) },
	{ "invpcid", CPUID_FEAT(CPUID_W_7_EBX, 10) },
	{ "zero_fcs_fds", CPUID_FEAT(CPUID_W_7_EBX, 13) },
	{ "avx512f", CPUID_FEAT(CPUID_W_7_EBX, 16) },
	{ "avx512dq", CPUID_FEAT(CPUID_W_7_EBX, 17) },
	{ "rdseed", CPUID_FEAT(CPUID_W_7_EBX, 18) },
	{ "adx", CPUID_FEAT(CPUID_W_7_EBX, 19) },
	{ "smap", CPUID_FEAT(CPUID_W_7_EBX, 20) },
	{ "avx512ifma", CPUID_FEAT(CPUID_W_7_EBX, 21) },
	{ "clflushopt", CPUID_FEAT(CPUID_W_7_EBX, 23) },
	{ "clwb", CPUID_FEAT(CPUID_W_7_EBX, 24) },
	{ "avx512pf", CPUID_FEAT(CPUID_W_7_EBX, 26) },
	{ "avx512er", CPUID_FEAT(CPUID_W_7_EBX, 27) },
	{ "avx512cd", CPUID_FEAT(CPUID_W_7_EBX, 28) },
	{ "sha_ni", CPUID_FEAT(CPUID_W_7_EBX, 29) },
	{ "avx512bw", CPUID_FEAT(CPUID_W_7_EBX, 30) },
	{ "avx512vl", CPUID_FEAT(CPUID_W_7_EBX, 31) },
	{ "prefetchwt1", CPUID_FEAT(CPUID_W_7_ECX, 0) },
	{ "avx512vbmi", CPUID_FEAT(CPUID_W_7_ECX, 1) },
	{ "umip", CPUID_FEAT(CPUID_W_7_ECX, 2) },
	{ "pku", CPUID_FEAT(CPUID_W_7_ECX, 3) },
	{ "avx512_vbmi2", CPUID_FEAT(CPUID_W_7_ECX, 6) },
	{ "gfni", CPUID_FEAT(CPUID_W_7_ECX, 8) },
	{ "vaes", CPUID_FEAT(CPUID_W_7_ECX, 9) },
	{ "vpclmulqdq", CPUID_FEAT(CPUID_W_7_ECX, 10) },
	{ "avx512_vnni", CPUID_FEAT(CPUID_W_7_ECX, 11) },
	{ "avx512_bitalg", CPUID_FEAT(CPUID_W_7_ECX, 12) },
	{ "avx512_vpopcntdq", CPUID_FEAT(CPUID_W_7_ECX, 14) },
	{ "la57", CPUID_FEAT(CPUID_W_7_ECX, 16) },
	{ "rdpid", CPUID_FEAT(CPUID_W_7_ECX, 22) },
	{ "cldemote", CPUID_FEAT(CPUID_W_7_ECX, 25) },
	{ "movdiri", CPUID_FEAT(CPUID_W_7_ECX, 27) },
	{ "movdir64b", CPUID_FEAT(CPUID_W_7_ECX, 28) },
	{ "avx512_4vnniw", CPUID_FEAT(CPUID_W_7_EDX, 2) },
	{ "avx512_4fmaps", CPUID_FEAT(CPUID_W_7_EDX, 3) },
	{ "fsrm", CPUID_FEAT(CPUID_W_7_EDX, 4) },
	{ "avx512_vp2intersect", CPUID_FEAT(CPUID_W_7_EDX, 8) },
	{ "md_clear", CPUID_FEAT(CPUID_W_7_EDX, 10) },
	{ "serialize", CPUID_FEAT(CPUID_W_7_EDX, 14) },
	{ "avx512_fp16", CPUID_FEAT(CPUID_W_7_EDX, 23) },
	{ "avx_vnni", CPUID_FEAT(CPUID_W_7_1_EAX, 4) },
	{ "avx512_bf16", CPUID_FEAT(CPUID_W_7_1_EAX, 5) },
	{ "fzrm", CPUID_FEAT(CPUID_W_7_1_EAX, 10) },
	{ "fsrs", CPUID_FEAT(CPUID_W_7_1_EAX, 11) },
	{ "fsrc", CPUID_FEAT(CPUID_W_7_1_EAX, 12) },
	{ "xsaveopt", CPUID_FEAT(CPUID_W_D_1_EAX, 0) },
	{ "xsavec", CPUID_FEAT(CPUID_W_D_1_EAX, 1) },
	{ "xgetbv1", CPUID_FEAT(CPUID_W_D_1_EAX, 2) },
	{ "xsaves", CPUID_FEAT(CPUID_W_D_1_EAX, 3) },
	{ "lahf_lm", CPUID_FEAT(CPUID_W_81_ECX, 0) },
	{ "abm", CPUID_FEAT(CPUID_W_81_ECX, 5) },
	{ "3dnowprefetch", CPUID_FEAT(CPUID_W_81_ECX, 8) },
	{ "syscall", CPUID_FEAT(CPUID_W_81_EDX, 11) },
	{ "nx", CPUID_FEAT(CPUID_W_81_EDX, 20) },
	{ "pdpe1gb", CPUID_FEAT(CPUID_W_81_EDX, 26) },
	{ "rdtscp", CPUID_FEAT(CPUID_W_81_EDX, 27) },
	{ "lm", CPUID_FEAT(CPUID_W_81_EDX, 29) },
	{ "invtsc", CPUID_FEAT(CPUID_W_87_EDX, 8) },
	{ "wbnoinvd", CPUID_FEAT(CPUID_W_88_EBX, 9) },
};

/* { feature, what it needs } */
static const u16 needs[][2] = {
	{ CPUID_FEAT(CPUID_W_D_1_EAX, 0), CPUID_FEAT(CPUID_W_1_ECX, 26) }, /* xsaveopt: xsave */
	{ CPUID_FEAT(CPUID_W_D_1_EAX, 1), CPUID_FEAT(CPUID_W_1_ECX, 26) }, /* xsavec: xsave */
	{ CPUID_FEAT(CPUID_W_D_1_EAX, 2), CPUID_FEAT(CPUID_W_1_ECX, 26) }, /* xgetbv1: xsave */
	{ CPUID_FEAT(CPUID_W_D_1_EAX, 3), CPUID_FEAT(CPUID_W_D_1_EAX, 1) }, /* xsaves: xsavec */
	{ CPUID_FEAT(CPUID_W_1_ECX, 28), CPUID_FEAT(CPUID_W_1_ECX, 26) }, /* avx: xsave */
	{ CPUID_FEAT(CPUID_W_7_ECX, 3), CPUID_FEAT(CPUID_W_1_ECX, 26) }, /* pku: xsave */
	{ CPUID_FEAT(CPUID_W_1_ECX, 12), CPUID_FEAT(CPUID_W_1_ECX, 28) }, /* fma: avx */
	{ CPUID_FEAT(CPUID_W_1_ECX, 29), CPUID_FEAT(CPUID_W_1_ECX, 28) }, /* f16c: avx */
	{ CPUID_FEAT(CPUID_W_7_EBX, 5), CPUID_FEAT(CPUID_W_1_ECX, 28) }, /* avx2: avx */
	{ CPUID_FEAT(CPUID_W_7_ECX, 9), CPUID_FEAT(CPUID_W_1_ECX, 28) }, /* vaes: avx */
	{ CPUID_FEAT(CPUID_W_7_ECX, 10), CPUID_FEAT(CPUID_W_1_ECX, 28) }, /* vpclmulqdq: avx */
	{ CPUID_FEAT(CPUID_W_7_1_EAX, 4), CPUID_FEAT(CPUID_W_7_EBX, 5) }, /* avx_vnni: avx2 */
	{ CPUID_FEAT(CPUID_W_7_EBX, 16), CPUID_FEAT(CPUID_W_7_EBX, 5) }, /* avx512f: avx2 */
	{ CPUID_FEAT(CPUID_W_7_EBX, 17), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512dq: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EBX, 21), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512ifma: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EBX, 26), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512pf: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EBX, 27), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512er: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EBX, 28), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512cd: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EBX, 30), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512bw: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EBX, 31), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512vl: avx512f */
	{ CPUID_FEAT(CPUID_W_7_ECX, 1), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512vbmi: avx512f */
	{ CPUID_FEAT(CPUID_W_7_ECX, 6), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_vbmi2: avx512f */
	{ CPUID_FEAT(CPUID_W_7_ECX, 11), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_vnni: avx512f */
	{ CPUID_FEAT(CPUID_W_7_ECX, 12), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_bitalg: avx512f */
	{ CPUID_FEAT(CPUID_W_7_ECX, 14), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_vpopcntdq: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EDX, 2), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_4vnniw: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EDX, 3), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_4fmaps: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EDX, 8), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_vp2intersect: avx512f */
	{ CPUID_FEAT(CPUID_W_7_EDX, 23), CPUID_FEAT(CPUID_W_7_EBX, 30) }, /* avx512_fp16: avx512bw */
	{ CPUID_FEAT(CPUID_W_7_1_EAX, 5), CPUID_FEAT(CPUID_W_7_EBX, 16) }, /* avx512_bf16: avx512f */
	{ CPUID_FEAT(CPUID_W_1_EDX, 24), CPUID_FEAT(CPUID_W_1_EDX, 0) }, /* fxsr: fpu */
	{ CPUID_FEAT(CPUID_W_1_EDX, 23), CPUID_FEAT(CPUID_W_1_EDX, 0) }, /* mmx: fpu */
	{ CPUID_FEAT(CPUID_W_1_EDX, 25), CPUID_FEAT(CPUID_W_1_EDX, 24) }, /* sse: fxsr */
	{ CPUID_FEAT(CPUID_W_1_EDX, 26), CPUID_FEAT(CPUID_W_1_EDX, 25) }, /* sse2: sse */
	{ CPUID_FEAT(CPUID_W_1_ECX, 0), CPUID_FEAT(CPUID_W_1_EDX, 26) }, /* pni: sse2 */
	{ CPUID_FEAT(CPUID_W_1_ECX, 9), CPUID_FEAT(CPUID_W_1_ECX, 0) }, /* ssse3: pni */
	{ CPUID_FEAT(CPUID_W_1_ECX, 19), CPUID_FEAT(CPUID_W_1_ECX, 9) }, /* sse4_1: ssse3 */
	{ CPUID_FEAT(CPUID_W_1_ECX, 20), CPUID_FEAT(CPUID_W_1_ECX, 19) }, /* sse4_2: sse4_1 */
	{ CPUID_FEAT(CPUID_W_1_ECX, 25), CPUID_FEAT(CPUID_W_1_EDX, 26) }, /* aes: sse2 */
	{ CPUID_FEAT(CPUID_W_1_ECX, 1), CPUID_FEAT(CPUID_W_1_EDX, 26) }, /* pclmulqdq: sse2 */
	{ CPUID_FEAT(CPUID_W_7_EBX, 29), CPUID_FEAT(CPUID_W_1_EDX, 26) }, /* sha_ni: sse2 */
	{ CPUID_FEAT(CPUID_W_7_ECX, 8), CPUID_FEAT(CPUID_W_1_EDX, 26) }, /* gfni: sse2 */
	{ CPUID_FEAT(CPUID_W_1_ECX, 28), CPUID_FEAT(CPUID_W_1_ECX, 20) }, /* avx: sse4_2 */
	{ CPUID_FEAT(CPUID_W_1_ECX, 26), CPUID_FEAT(CPUID_W_1_EDX, 24) }, /* xsave: fxsr */
	{ CPUID_FEAT(CPUID_W_1_ECX, 21), CPUID_FEAT(CPUID_W_1_EDX, 9) }, /* x2apic: apic */
	{ CPUID_FEAT(CPUID_W_1_ECX, 24), CPUID_FEAT(CPUID_W_1_EDX, 9) }, /* tsc_deadline_timer: apic */
	{ CPUID_FEAT(CPUID_W_1_ECX, 24), CPUID_FEAT(CPUID_W_1_EDX, 4) }, /* tsc_deadline_timer: tsc */
	{ CPUID_FEAT(CPUID_W_7_EBX, 1), CPUID_FEAT(CPUID_W_1_EDX, 4) }, /* tsc_adjust: tsc */
	{ CPUID_FEAT(CPUID_W_87_EDX, 8), CPUID_FEAT(CPUID_W_1_EDX, 4) }, /* invtsc: tsc */
	{ CPUID_FEAT(CPUID_W_81_EDX, 27), CPUID_FEAT(CPUID_W_1_EDX, 4) }, /* rdtscp: tsc */
	{ CPUID_FEAT(CPUID_W_1_EDX, 14), CPUID_FEAT(CPUID_W_1_EDX, 7) }, /* mca: mce */
	{ CPUID_FEAT(CPUID_W_6_EAX, 2), CPUID_FEAT(CPUID_W_1_EDX, 9) }, /* arat: apic */
	{ CPUID_FEAT(CPUID_W_81_EDX, 20), CPUID_FEAT(CPUID_W_1_EDX, 6) }, /* nx: pae */
	{ CPUID_FEAT(CPUID_W_81_EDX, 29), CPUID_FEAT(CPUID_W_1_EDX, 6) }, /* lm: pae */
	{ CPUID_FEAT(CPUID_W_81_EDX, 29), CPUID_FEAT(CPUID_W_1_EDX, 26) }, /* lm: sse2 */
	{ CPUID_FEAT(CPUID_W_81_EDX, 29), CPUID_FEAT(CPUID_W_81_EDX, 20) }, /* lm: nx */
	{ CPUID_FEAT(CPUID_W_81_EDX, 29), CPUID_FEAT(CPUID_W_1_EDX, 8) }, /* lm: cx8 */
	{ CPUID_FEAT(CPUID_W_81_EDX, 29), CPUID_FEAT(CPUID_W_1_EDX, 15) }, /* lm: cmov */
	{ CPUID_FEAT(CPUID_W_81_EDX, 11), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* syscall: lm */
	{ CPUID_FEAT(CPUID_W_1_ECX, 17), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* pcid: lm */
	{ CPUID_FEAT(CPUID_W_7_ECX, 16), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* la57: lm */
	{ CPUID_FEAT(CPUID_W_81_EDX, 26), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* pdpe1gb: lm */
	{ CPUID_FEAT(CPUID_W_1_ECX, 13), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* cx16: lm */
	{ CPUID_FEAT(CPUID_W_81_ECX, 0), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* lahf_lm: lm */
	{ CPUID_FEAT(CPUID_W_7_EBX, 0), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* fsgsbase: lm */
	{ CPUID_FEAT(CPUID_W_7_ECX, 3), CPUID_FEAT(CPUID_W_81_EDX, 29) }, /* pku: lm */
	{ CPUID_FEAT(CPUID_W_1_EDX, 17), CPUID_FEAT(CPUID_W_1_EDX, 3) }, /* pse36: pse */
};
/* clang-format on */

int cpuid_feature_find(const char *name, size_t len)
{
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i].name) == len && !memcmp(names[i].name, name, len))
			return (int)names[i].feat;
	return -1;
}

const char *cpuid_feature_name(u32 i)
{
	return i < ARRAY_SIZE(names) ? names[i].name : NULL;
}

void cpuid_resolve(struct cpuid_mask *f)
{
	bool changed;

	/* Each round but the last clears a bit: bounded by the number of features. */
	do {
		changed = false;
		for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
			if (!cpuid_mask_has(f, needs[i][0]) || cpuid_mask_has(f, needs[i][1]))
				continue;
			cpuid_mask_clear(f, needs[i][0]);
			changed = true;
		}
	} while (changed);
}
