/* CPUID as a guest sees it: built once per vCPU, looked up by direct index. */
#include "vmm/policy/cpuid.h"
#include "lib/string.h"
#include "vmm/policy/cpuid_features.h"
#include "vmm/policy/pv.h"
#include "vmm/policy/xsave.h"

#define EXT_BASE 0x80000000u

#define XCR0_X87_SSE 0x3ull
#define XCR0_AVX     0x4ull
#define XCR0_AVX512  0xe0ull
#define XCR0_PKRU    0x200ull

/* The host with its limits: leaves beyond them count as zero, not as the highest leaf. */
struct source {
	const struct cpuid_host *host;
	u32 max_basic, max_ext;
};

static void host_leaf(const struct source *src, u32 leaf, u32 sub, struct cpuid_leaf *out)
{
	memset(out, 0, sizeof(*out));
	if (leaf <= src->max_basic || (leaf >= EXT_BASE && leaf <= src->max_ext))
		src->host->cpuid(src->host->ctx, leaf, sub, out);
}

static u32 leaf_reg(const struct cpuid_leaf *l, u8 reg)
{
	const u32 r[] = { l->eax, l->ebx, l->ecx, l->edx };

	return r[reg & 3];
}

/* Number of bits that hold 0 ... n-1. */
static u32 bits_for(u32 n)
{
	return n <= 1 ? 0 : 32 - (u32)__builtin_clz(n - 1);
}

/* Fills in what the configuration left 0. */
static struct cpuid_topology topology(const struct cpuid_guest_cfg *cfg)
{
	struct cpuid_topology t = cfg->topo;

	t.sockets = t.sockets ? t.sockets : 1;
	t.threads = t.threads ? t.threads : 1;
	if (!t.cores)
		t.cores = (u32)(cfg->nr_vcpus / ((u64)t.sockets * t.threads));
	return t;
}

u32 cpuid_apic_id(const struct cpuid_guest_cfg *cfg, u32 vcpu)
{
	struct cpuid_topology t = topology(cfg);
	u32 smt = bits_for(t.threads), core = bits_for(t.cores ? t.cores : 1);
	u32 thread = vcpu % t.threads, rest = vcpu / t.threads;
	u32 cores = t.cores ? t.cores : 1;

	return (rest / cores) << (smt + core) | (rest % cores) << smt | thread;
}

/* Where a feature word lives in the table. */
static u32 *word_of(struct cpuid_table *t, enum cpuid_word w)
{
	switch (w) {
	case CPUID_W_1_ECX: return &t->basic[1].ecx;
	case CPUID_W_1_EDX: return &t->basic[1].edx;
	case CPUID_W_6_EAX: return &t->basic[6].eax;
	case CPUID_W_7_EBX: return &t->basic[7].ebx;
	case CPUID_W_7_ECX: return &t->basic[7].ecx;
	case CPUID_W_7_EDX: return &t->basic[7].edx;
	case CPUID_W_7_1_EAX: return &t->leaf7_1.eax;
	case CPUID_W_D_1_EAX: return &t->xsave[1].eax;
	case CPUID_W_81_ECX: return &t->ext[1].ecx;
	case CPUID_W_81_EDX: return &t->ext[1].edx;
	case CPUID_W_87_EDX: return &t->ext[7].edx;
	case CPUID_W_PV: return &t->hvleaf[1].eax;
	case CPUID_W_88_EBX:
	default: return &t->ext[8].ebx;
	}
}

bool cpuid_has(const struct cpuid_table *t, u32 feat)
{
	/* word_of does not write; the cast spares a second copy of its switch. */
	return *word_of((struct cpuid_table *)(uintptr_t)t, feat / 32) >> feat % 32 & 1;
}

/* The XCR0 bits host and engine both have. */
static u64 offered_xcr0(const struct source *src, const struct cpuid_caps *caps)
{
	struct cpuid_leaf d[CPUID_NR_XSAVE];

	for (u32 i = 0; i < CPUID_NR_XSAVE; i++)
		host_leaf(src, 0xd, i, &d[i]);
	return xsave_offered(d, caps->xcr0);
}

/* Features: host's that pass, plus emulated ones, minus what the engine, the blob or a missing need takes away. */
static void choose_features(struct cpuid_mask *f, const struct source *src, const struct cpuid_guest_cfg *cfg,
                            u64 xcr0)
{
	const struct cpuid_caps *caps = &cfg->caps;
	const struct {
		bool have;
		u32 feat;
	} conditions[] = {
		{ caps->rdtscp, CPUID_FEAT_RDTSCP },
		{ caps->rdtscp, CPUID_FEAT_RDPID },
		{ caps->invpcid, CPUID_FEAT_INVPCID },
		{ caps->xsavec, CPUID_FEAT_XSAVEC },
		{ caps->xsaves, CPUID_FEAT_XSAVES },
		{ caps->la57, CPUID_FEAT_LA57 },
		{ caps->x2apic, CPUID_FEAT_X2APIC },
		{ caps->tsc_deadline, CPUID_FEAT_TSC_DEADLINE },
		{ cfg->signature != HV_SIGNATURE_NONE, CPUID_FEAT_HYPERVISOR },
		{ xcr0 & XCR0_X87_SSE, CPUID_FEAT_XSAVE },
		{ xcr0 & XCR0_AVX, CPUID_FEAT_AVX },
		{ xcr0 & XCR0_AVX512, CPUID_FEAT_AVX512F },
		{ xcr0 & XCR0_PKRU, CPUID_FEAT_PKU },
	};

	for (u32 w = 0; w < CPUID_NR_WORDS; w++) {
		const struct cpuid_policy *p = &cpuid_policy[w];
		struct cpuid_leaf l;

		host_leaf(src, p->leaf, 0, &l);
		/* Sub-leaf 1 of leaf 7 is there only when sub-leaf 0 says so. */
		if (p->sub && (p->leaf != 7 || l.eax >= p->sub))
			host_leaf(src, p->leaf, p->sub, &l);
		else if (p->sub)
			memset(&l, 0, sizeof(l));
		f->w[w] = ((leaf_reg(&l, p->reg) & p->pass) | p->force) & ~cfg->disable.w[w];
	}
	for (u32 i = 0; i < ARRAY_SIZE(conditions); i++)
		if (!conditions[i].have)
			cpuid_mask_clear(f, conditions[i].feat);
	cpuid_resolve(f);
}

static void build_xsave(struct cpuid_table *t, const struct source *src, const struct cpuid_mask *f, u64 xcr0,
                        u64 xss)
{
	if (!cpuid_mask_has(f, CPUID_FEAT_XSAVE))
		return;
	if (!cpuid_mask_has(f, CPUID_FEAT_AVX))
		xcr0 &= ~XCR0_AVX;
	if (!cpuid_mask_has(f, CPUID_FEAT_AVX512F))
		xcr0 &= ~XCR0_AVX512;
	if (!cpuid_mask_has(f, CPUID_FEAT_PKU))
		xcr0 &= ~XCR0_PKRU;
	t->xcr0 = xcr0;
	t->xss = cpuid_mask_has(f, CPUID_FEAT_XSAVES) ? xss : 0;
	for (u32 i = 2; i < CPUID_NR_XSAVE; i++) {
		struct cpuid_leaf *l = &t->xsave[i];

		if (!((t->xcr0 | t->xss) >> i & 1))
			continue;
		host_leaf(src, 0xd, i, l);
		l->eax &= 0xffff; /* no component is that large: keeps the sums far from overflow */
		l->ebx &= 0xffff;
		l->ecx &= 3; /* supervisor, aligned; not XFD */
		l->edx = 0;
	}
	t->xsave[0].eax = (u32)t->xcr0;
	t->xsave[0].edx = (u32)(t->xcr0 >> 32);
	t->xsave[0].ecx = cpuid_xsave_size(t, t->xcr0);
	t->xsave[1].ecx = (u32)t->xss;
	t->xsave[1].edx = (u32)(t->xss >> 32);
}

u32 cpuid_xsave_size(const struct cpuid_table *t, u64 mask)
{
	u32 size = XSAVE_EXTENDED;

	mask &= t->xcr0;
	for (u32 i = 2; i < CPUID_NR_XSAVE; i++)
		if (mask >> i & 1)
			size = MAX(size, t->xsave[i].ebx + t->xsave[i].eax);
	return size;
}

u32 cpuid_xsave_size_compact(const struct cpuid_table *t, u64 mask)
{
	return xsave_compact_size(t->xsave, mask & (t->xcr0 | t->xss));
}

/* Leaves 1 (part), 4, 0xB and 0x1F: who shares what. */
static void build_topology(struct cpuid_table *t, const struct source *src, const struct cpuid_guest_cfg *cfg)
{
	struct cpuid_topology topo = topology(cfg);
	u32 smt = bits_for(topo.threads), pkg = smt + bits_for(topo.cores);
	u32 in_pkg = topo.threads * topo.cores;

	t->apic_id = cpuid_apic_id(cfg, cfg->vcpu);
	t->basic[1].ebx = (t->basic[1].ebx & 0xffff) | MIN(1u << pkg, 255u) << 16 | (t->apic_id & 0xff) << 24;
	if (in_pkg > 1)
		t->basic[1].edx |= 1u << CPUID_FEAT_HTT % 32;
	for (u32 i = 0; i < ARRAY_SIZE(t->cache); i++) {
		struct cpuid_leaf *c = &t->cache[i];
		u32 level;

		host_leaf(src, 4, i, c);
		if (!(c->eax & 0x1f)) {
			memset(c, 0, sizeof(*c));
			break;
		}
		/* First and second level belong to a core, the others to the package. */
		level = c->eax >> 5 & 7;
		c->eax = (c->eax & 0x3fff) | MIN((level <= 2 ? 1u << smt : 1u << pkg) - 1, 0xfffu) << 14 |
		         MIN((1u << (pkg - smt)) - 1, 0x3fu) << 26;
	}
	t->topo[0] = (struct cpuid_leaf){ smt, topo.threads, 0 | 1u << 8, t->apic_id };
	t->topo[1] = (struct cpuid_leaf){ pkg, in_pkg, 1 | 2u << 8, t->apic_id };
	t->topo[2] = (struct cpuid_leaf){ 0, 0, 0, t->apic_id };
}

/*
 * The best fraction num/den of a/b with num <= limit: a convergent of the continued fraction. Exact when the reduced
 * fraction fits.
 */
static void best_fraction(u64 a, u64 b, u64 limit, u32 *num, u32 *den)
{
	u64 n0 = 0, n1 = 1, d0 = 1, d1 = 0;

	while (b) {
		u64 q = a / b, r = a % b, n2, d2;

		if (__builtin_mul_overflow(q, n1, &n2) || __builtin_add_overflow(n2, n0, &n2) || n2 > limit ||
		    __builtin_mul_overflow(q, d1, &d2) || __builtin_add_overflow(d2, d0, &d2) || d2 > 0x7fffffff)
			break;
		n0 = n1, n1 = n2;
		d0 = d1, d1 = d2;
		a = b, b = r;
	}
	*num = (u32)n1;
	*den = (u32)d1;
}

/*
 * Leaves 0x15 and 0x16. The "crystal" is the clock of the virtual APIC timer, because Linux takes its frequency for
 * the APIC timer's. Linux computes crystal_khz * numerator in 32 bits: the numerator is kept small enough for that.
 */
static void build_timing(struct cpuid_table *t, const struct cpuid_guest_cfg *cfg)
{
	u64 apic_hz = cfg->apic_hz && cfg->apic_hz <= 0xffffffff ? cfg->apic_hz : 1000000000;
	u64 apic_khz = apic_hz < 1000 ? 1 : apic_hz / 1000;
	u32 num, den, mhz = (u32)MIN((cfg->tsc_hz + 500000) / 1000000, 0xffffull);

	best_fraction(cfg->tsc_hz, apic_hz, 0xffffffff / apic_khz, &num, &den);
	if (num && den)
		t->basic[0x15] = (struct cpuid_leaf){ den, num, (u32)apic_hz, 0 };
	mhz = MAX(mhz, 1u);
	t->basic[0x16] = (struct cpuid_leaf){ mhz, mhz, 100, 0 };
	t->hvleaf[2] = (struct cpuid_leaf){ (u32)MIN(cfg->tsc_hz / 1000, 0xffffffffull), (u32)apic_khz, 0, 0 };
}

/* Extended leaves; what the host lacks of them gets the values of the oldest 64-bit processors. */
static void build_extended(struct cpuid_table *t, const struct source *src, const struct cpuid_guest_cfg *cfg)
{
	struct cpuid_leaf l;
	u32 phys;

	for (u32 i = 2; i <= 4; i++)
		host_leaf(src, EXT_BASE + i, 0, &t->ext[i]); /* brand string */
	host_leaf(src, EXT_BASE + 6, 0, &l);
	t->ext[6].ecx = l.ecx; /* L2 cache */
	host_leaf(src, EXT_BASE + 8, 0, &l);
	phys = l.eax & 0xff;
	if (phys < 32 || phys > 52)
		phys = 36;
	if (cfg->caps.phys_bits && cfg->caps.phys_bits < phys)
		phys = MAX(cfg->caps.phys_bits, 32u);
	t->ext[8].eax = phys | (cpuid_has(t, CPUID_FEAT_LA57) ? 57u : 48u) << 8;
	t->ext[0].eax = EXT_BASE + CPUID_NR_EXT - 1;
}

int cpuid_build(struct cpuid_table *t, const struct cpuid_host *host, const struct cpuid_guest_cfg *cfg)
{
	struct cpuid_topology topo;
	struct source src = { .host = host };
	struct cpuid_leaf l0, l;
	struct cpuid_mask f;
	u64 xcr0;

	if (!cfg->nr_vcpus || cfg->vcpu >= cfg->nr_vcpus || !cfg->tsc_hz)
		return ERR_INVAL;
	topo = topology(cfg);
	/* Each factor on its own first: a product of three 32-bit numbers may wrap. */
	if (topo.sockets > cfg->nr_vcpus || topo.cores > cfg->nr_vcpus || topo.threads > cfg->nr_vcpus ||
	    (u64)topo.cores * topo.threads > cfg->nr_vcpus ||
	    (u64)topo.cores * topo.threads * topo.sockets != cfg->nr_vcpus)
		return ERR_INVAL;
	if (cfg->nr_vcpus > 1u << 16)
		return ERR_INVAL;

	memset(t, 0, sizeof(*t));
	host->cpuid(host->ctx, 0, 0, &l0);
	src.max_basic = l0.eax;
	host->cpuid(host->ctx, EXT_BASE, 0, &l);
	src.max_ext = l.eax & EXT_BASE ? l.eax : 0;

	xcr0 = offered_xcr0(&src, &cfg->caps);
	choose_features(&f, &src, cfg, xcr0);

	/* Leaves 15h and 16h are ours whatever the host has; 1Fh only repeats 0Bh, for guests of newer machines. */
	t->max_basic = src.max_basic >= 0x1f && src.max_basic < EXT_BASE ? 0x1f : 0x16;
	t->basic[0] = l0;
	t->basic[0].eax = t->max_basic;
	host_leaf(&src, 1, 0, &t->basic[1]);
	host_leaf(&src, 2, 0, &t->basic[2]);
	host_leaf(&src, 7, 0, &l);
	t->basic[7].eax = MIN(l.eax, 1u);
	for (u32 w = 0; w < CPUID_NR_WORDS; w++)
		*word_of(t, w) = f.w[w];
	build_topology(t, &src, cfg);
	build_xsave(t, &src, &f, xcr0, cfg->caps.xss);
	build_timing(t, cfg);
	build_extended(t, &src, cfg);

	t->hv = cpuid_has(t, CPUID_FEAT_HYPERVISOR);
	t->hvleaf[0] = (struct cpuid_leaf){ CPUID_HV_MAX, 0x4b4d564b, 0x564b4d56, 0x4d }; /* "KVMKVMKVM" */
	t->hvleaf[1].eax = t->hv ? cfg->pv : 0;
	if (!cpuid_has(t, CPUID_FEAT_TSC)) /* which these count on */
		t->hvleaf[1].eax &= ~(PV_CLOCKSOURCE | PV_CLOCKSOURCE2 | PV_CLOCK_STABLE);
	return OK;
}

static void lookup_xsave(const struct cpuid_table *t, u32 sub, const struct cpuid_dyn *dyn, struct cpuid_leaf *out)
{
	memset(out, 0, sizeof(*out));
	if (sub >= CPUID_NR_XSAVE)
		return;
	*out = t->xsave[sub];
	if (!t->xcr0)
		return;
	if (sub == 0)
		out->ebx = cpuid_xsave_size(t, dyn->xcr0);
	else if (sub == 1 && cpuid_has(t, CPUID_FEAT_XSAVES))
		out->ebx = cpuid_xsave_size_compact(t, dyn->xcr0 | dyn->xss);
	else if (sub == 1 && cpuid_has(t, CPUID_FEAT_XSAVEC))
		out->ebx = cpuid_xsave_size_compact(t, dyn->xcr0);
}

/* Basic leaves with sub-leaves or dynamic bits. */
static void lookup_special(const struct cpuid_table *t, u32 leaf, u32 sub, const struct cpuid_dyn *dyn,
                           struct cpuid_leaf *out)
{
	static const struct cpuid_dyn at_reset = { .xcr0 = 1, .apic_enabled = true };

	if (!dyn)
		dyn = &at_reset;
	*out = t->basic[leaf];
	switch (leaf) {
	case 1:
		if (dyn->cr4 & BIT(18))
			out->ecx |= 1u << CPUID_FEAT_OSXSAVE % 32;
		if (!dyn->apic_enabled)
			out->edx &= ~(1u << CPUID_FEAT_APIC % 32);
		break;
	case 4:
		memset(out, 0, sizeof(*out));
		if (sub < ARRAY_SIZE(t->cache))
			*out = t->cache[sub];
		break;
	case 7:
		if (sub == 0 && dyn->cr4 & BIT(22))
			out->ecx |= 1u << CPUID_FEAT_OSPKE % 32;
		else if (sub == 1)
			*out = t->leaf7_1;
		else if (sub)
			memset(out, 0, sizeof(*out));
		break;
	case 0xb:
	case 0x1f:
		*out = t->topo[MIN(sub, 2u)];
		if (sub >= 2)
			out->ecx = sub & 0xff;
		break;
	case 0xd: lookup_xsave(t, sub, dyn, out); break;
	}
}

static void lookup_basic(const struct cpuid_table *t, u32 leaf, u32 sub, const struct cpuid_dyn *dyn,
                         struct cpuid_leaf *out)
{
	if (CPUID_SPECIAL_LEAVES >> leaf & 1)
		lookup_special(t, leaf, sub, dyn, out);
	else
		*out = t->basic[leaf];
}

void cpuid_lookup(const struct cpuid_table *t, u32 leaf, u32 sub, const struct cpuid_dyn *dyn, struct cpuid_leaf *out)
{
	if (likely(leaf <= t->max_basic)) {
		lookup_basic(t, leaf, sub, dyn, out);
	} else if (leaf - EXT_BASE < CPUID_NR_EXT) {
		*out = t->ext[leaf - EXT_BASE];
	} else if (t->hv && leaf - CPUID_HV_BASE <= CPUID_HV_MAX - CPUID_HV_BASE) {
		memset(out, 0, sizeof(*out));
		if (leaf == CPUID_HV_TIMING)
			*out = t->hvleaf[2];
		else if (leaf <= CPUID_HV_FEATURES)
			*out = t->hvleaf[leaf - CPUID_HV_BASE];
	} else {
		/* "the data for the highest basic information leaf is returned" */
		lookup_basic(t, t->max_basic, sub, dyn, out);
	}
}
