/*
 * XSAVE state: where XSAVE, XSAVEOPT, XSAVEC and XSAVES put each component, their headers, and what XRSTOR and XRSTORS
 * bring back, against registers loaded and read by other instructions (SDM vol. 1, "Managing State Using the XSAVE
 * Feature Set"). With "switch": several vCPUs with different XCR0 keep their registers across each other's turns.
 */
#include "tests/guest/rt/smp.h"

#define AREA      4096u
#define EXTENDED  576u
#define FILLER    0xa5
#define X87_SSE   3ull
#define AVX       4ull
#define AVX512    0xe0ull
#define PKRU      0x200ull
#define COMPACTED BIT(63)
#define ROUNDS    40u
#define WAIT      4000000000ull
#define CR4_PKE   BIT(22)

struct regs {
	u8 vec[32][64]; /* XMM, YMM and ZMM */
	u64 k[8];
	u8 st[8][16];
	u32 pkru;
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct regs, k) == 2048 && offsetof(struct regs, st) == 2112, "as in xsave_asm.asm");

void load_xmm(const struct regs *r);
void load_ymm(const struct regs *r);
void load_zmm(const struct regs *r);
void load_k(const struct regs *r);
void load_x87(const struct regs *r);
void store_xmm(struct regs *r);
void store_ymm(struct regs *r);
void store_zmm(struct regs *r);
void store_k(struct regs *r);
void store_x87(struct regs *r);

/* A component: n pieces of len bytes, step bytes apart in struct regs, area_step in the save area. */
struct component {
	u32 nr;
	const char *name;
	u32 at, step, n, len, area_step;
	u32 legacy; /* in the legacy region; 0: CPUID says where */
};
static const struct component components[] = {
	{ 0, "x87", offsetof(struct regs, st), 16, 8, 10, 16, 32 },
	{ 1, "SSE", 0, 64, 16, 16, 16, 160 },
	{ 2, "AVX", 16, 64, 16, 16, 16, 0 },
	{ 5, "opmask", offsetof(struct regs, k), 8, 8, 2, 8, 0 },
	{ 6, "ZMM_Hi256", 32, 64, 16, 32, 32, 0 },
	{ 7, "Hi16_ZMM", offsetof(struct regs, vec[16]), 64, 16, 64, 64, 0 },
	{ 9, "PKRU", offsetof(struct regs, pkru), 4, 1, 4, 4, 0 },
};
/* The next one of mask behind c, the first for NULL; NULL: no more. */
static const struct component *next(u64 mask, const struct component *c)
{
	for (c = c ? c + 1 : components; c < components + ARRAY_SIZE(components); c++)
		if (mask >> c->nr & 1)
			return c;
	return NULL;
}

static u64 valid; /* components offered */
static bool have_xsave;
static u8 area[AREA] __attribute__((aligned(64)));

/* ---- registers ---- */

static void xsetbv0(u64 v)
{
	if (have_xsave)
		asm volatile("xsetbv" : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}

static u64 xgetbv0(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

static void enable(void)
{
	u64 cr4 = read_cr4() | CR4_OSFXSR;

	write_cr0((read_cr0() & ~(BIT(2) | BIT(3))) | BIT(1)); /* EM, TS, MP */
	if (have_xsave)
		cr4 |= CR4_OSXSAVE;
	if (valid & PKRU)
		cr4 |= CR4_PKE;
	write_cr4(cr4);
	xsetbv0(valid);
}

/* Contents of their own for each seed; numbers for the x87, no denial of key 0 in PKRU. */
static void fill(struct regs *r, u32 seed)
{
	u8 *p = (u8 *)r;

	for (u32 i = 0; i < sizeof(*r); i++)
		p[i] = (u8)(seed * 89 + i * 7 + (i >> 6) * 13 + (i >> 8) + 1);
	for (u32 i = 0; i < 8; i++) {
		r->k[i] &= 0xffff;
		r->st[i][7] |= 0x80;
		r->st[i][8] = (u8)(seed + i);
		r->st[i][9] = 0x3f;
	}
	r->pkru &= ~3u;
}

static void load_all(const struct regs *r)
{
	if (valid & AVX512)
		load_zmm(r), load_k(r);
	else if (valid & AVX)
		load_ymm(r);
	else
		load_xmm(r);
	if (valid & PKRU)
		asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(r->pkru), "c"(0), "d"(0)); /* WRPKRU */
	load_x87(r);
}

static void store_all(struct regs *r)
{
	u32 edx;

	memset(r, 0, sizeof(*r));
	if (valid & AVX512)
		store_zmm(r), store_k(r);
	else if (valid & AVX)
		store_ymm(r);
	else
		store_xmm(r);
	if (valid & PKRU)
		asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(r->pkru), "=d"(edx) : "c"(0)); /* RDPKRU */
	store_x87(r);
}

static bool same(const struct component *c, const struct regs *a, const struct regs *b)
{
	for (u32 i = 0; i < c->n; i++)
		if (memcmp((const u8 *)a + c->at + i * c->step, (const u8 *)b + c->at + i * c->step, c->len))
			return false;
	return true;
}

/* ---- save areas ---- */

enum save { XSAVE, XSAVEOPT, XSAVEC, XSAVES, NR_SAVES };
static const struct {
	const char *name, *restore;
	u32 bit; /* of CPUID(0Dh,1).EAX */
	bool compact;
} saves[NR_SAVES] = {
	[XSAVE] = { "XSAVE", "XRSTOR", 31, false },
	[XSAVEOPT] = { "XSAVEOPT", "XRSTOR", 0, false },
	[XSAVEC] = { "XSAVEC", "XRSTOR", 1, true },
	[XSAVES] = { "XSAVES", "XRSTORS", 3, true },
};

static u32 save(enum save how, u64 mask)
{
	u32 lo = (u32)mask, hi = (u32)(mask >> 32);

	memset(area, FILLER, sizeof(area));
	memset(area + 512, 0, 64);
	switch (how) {
	case XSAVE: return TRY("xsave64 (%0)", : : "r"(area), "a"(lo), "d"(hi) : "memory");
	case XSAVEOPT: return TRY("xsaveopt64 (%0)", : : "r"(area), "a"(lo), "d"(hi) : "memory");
	case XSAVEC: return TRY("xsavec64 (%0)", : : "r"(area), "a"(lo), "d"(hi) : "memory");
	default: return TRY("xsaves64 (%0)", : : "r"(area), "a"(lo), "d"(hi) : "memory");
	}
}

static u32 restore(enum save how, u64 mask)
{
	u32 lo = (u32)mask, hi = (u32)(mask >> 32);

	if (how == XSAVES)
		return TRY("xrstors64 (%0)", : : "r"(area), "a"(lo), "d"(hi) : "memory");
	return TRY("xrstor64 (%0)", : : "r"(area), "a"(lo), "d"(hi) : "memory");
}

/* Where the component belongs in an area of the components of mask. */
static u32 place(enum save how, u64 mask, const struct component *c)
{
	u32 at = EXTENDED;

	if (c->legacy)
		return c->legacy;
	if (!saves[how].compact)
		return cpuid(0xd, c->nr).b;
	for (u32 i = 2; i <= c->nr; i++) {
		struct regs4 l = cpuid(0xd, i);

		if (!(mask >> i & 1))
			continue;
		if (l.c & 2)
			at = (at + 63) & ~63u;
		if (i < c->nr)
			at += l.a;
	}
	return at;
}

/* The first n pieces of the component are there when it begins at `at`. */
static bool pieces(const struct component *c, u32 n, u32 at, const struct regs *r)
{
	for (u32 i = 0; i < n; i++)
		if (memcmp(area + at + i * c->area_step, (const u8 *)r + c->at + i * c->step, c->len))
			return false;
	return true;
}

/* Where its first two pieces are, if anywhere; AREA: nowhere. What follows may have been written over. */
static u32 look_for(const struct component *c, const struct regs *r)
{
	u32 n = MIN(c->n, 2u);

	for (u32 at = 0; at + n * c->area_step <= AREA; at += 2)
		if (pieces(c, n, at, r))
			return at;
	return AREA;
}

static void check_header(enum save how, u64 mask)
{
	const u64 *header = (const u64 *)(area + 512);
	u64 rest = 0;

	for (u32 i = 2; i < 8; i++)
		rest |= header[i];
	report(header[0] == mask && header[1] == (saves[how].compact ? COMPACTED | mask : 0) && !rest,
	       "%s of 0x%lx: XSTATE_BV 0x%lx, XCOMP_BV 0x%lx, rest %s", saves[how].name, mask, header[0], header[1],
	       rest ? "not 0" : "0");
}

/* Only the components are written. Bytes 416 to 463 are reserved, so not looked at. */
static void check_rest(enum save how, u64 mask)
{
	u32 wrong = 0;

	for (u32 at = 464; at < AREA; at++) {
		bool owned = at >= 512 && at < EXTENDED;

		for (const struct component *c = NULL; (c = next(mask & ~X87_SSE, c)) != NULL;)
			owned |= at - place(how, mask, c) < cpuid(0xd, c->nr).a;
		wrong += !owned && area[at] != FILLER;
	}
	report_eq(wrong, 0, "%s of 0x%lx: bytes changed outside of its components", saves[how].name, mask);
}

/* All components are in use; those of mask are saved, found in their places, and come back alone. */
static void save_and_restore(enum save how, u64 mask)
{
	static struct regs first, second, now;
	const char *name = saves[how].name;
	u32 v;

	fill(&first, 1);
	fill(&second, 2);
	load_all(&first);
	v = save(how, mask);
	report_eq(v, EXC_NONE, "%s of 0x%lx", name, mask);
	for (const struct component *c = NULL; (c = next(mask, c)) != NULL;) {
		u32 at = place(how, mask, c);

		report(pieces(c, c->n, at, &first), "%s of 0x%lx: %s at %u (it begins at %u)", name, mask, c->name,
		       at, look_for(c, &first));
	}
	check_header(how, mask);
	check_rest(how, mask);
	load_all(&second);
	v = restore(how, mask);
	report_eq(v, EXC_NONE, "%s after %s of 0x%lx", saves[how].restore, name, mask);
	store_all(&now);
	for (const struct component *c = NULL; (c = next(valid, c)) != NULL;)
		report(same(c, &now, mask >> c->nr & 1 ? &first : &second), "%s after %s of 0x%lx: %s %s",
		       saves[how].restore, name, mask, c->name, mask >> c->nr & 1 ? "comes back" : "stays");
	/* A bit that is clear in XSTATE_BV is for the initial state. */
	load_all(&second);
	memset(area + 512, 0, 8);
	v = restore(how, mask & ~BIT(0));
	memset(&first, 0, sizeof(first));
	store_all(&now);
	for (const struct component *c = NULL; (c = next(valid & ~BIT(0), c)) != NULL;) {
		bool right = v == EXC_NONE && same(c, &now, mask >> c->nr & 1 ? &first : &second);

		if (mask >> c->nr & 1)
			report(right, "%s of none of 0x%lx: %s is initial", saves[how].restore, mask, c->name);
		else /* Bochs clears ZMM_Hi256 with the upper half of YMM */
			report_soft(right, "%s of none of 0x%lx: %s is as it was", saves[how].restore, mask, c->name);
	}
}

static void formats(void)
{
	u32 have = cpuid(0xd, 1).a | BIT(31);

	for (enum save how = 0; how < NR_SAVES; how++) {
		if (!(have >> saves[how].bit & 1)) {
			report_skip("%s: not offered", saves[how].name);
			continue;
		}
		save_and_restore(how, valid);
		for (const struct component *c = NULL; (c = next(valid & ~X87_SSE, c)) != NULL;)
			save_and_restore(how, X87_SSE | BIT(c->nr));
	}
}

/* ---- across vCPU switches ---- */

static u64 own_xcr0[RT_MAX_CPUS];
static volatile u32 turn, wrong_xcr0[RT_MAX_CPUS], wrong[RT_MAX_CPUS][10];
static u32 players;

/*
 * All components are loaded; then XCR0 is this vCPU's own, and the others have their turns. What XCR0 does not have is
 * out of reach meanwhile, but not lost.
 */
static void player(void *arg)
{
	static struct regs mine[RT_MAX_CPUS], now[RT_MAX_CPUS];
	u32 cpu = rt_cpu();

	enable();
	for (u32 round = 0; round < ROUNDS; round++) {
		while (turn % players != cpu)
			asm volatile("pause");
		if (round) {
			wrong_xcr0[cpu] += have_xsave && xgetbv0() != own_xcr0[cpu];
			xsetbv0(valid);
			store_all(&now[cpu]);
			for (const struct component *c = NULL; (c = next(valid, c)) != NULL;)
				wrong[cpu][c->nr] += !same(c, &now[cpu], &mine[cpu]);
		}
		fill(&mine[cpu], cpu * 64 + round);
		load_all(&mine[cpu]);
		xsetbv0(own_xcr0[cpu]);
		__atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST);
	}
}

static void switches(void)
{
	u64 masks[] = { valid, X87_SSE, 1, valid & (X87_SSE | AVX), valid & ~AVX512 };
	u32 ids[RT_MAX_CPUS];

	players = rt_smp_start(rt_madt_cpus(ids, RT_MAX_CPUS), WAIT);
	for (u32 i = 0; i < players; i++)
		own_xcr0[i] = masks[i % ARRAY_SIZE(masks)];
	for (u32 i = 1; i < players; i++)
		rt_on_cpu(i, player, NULL);
	player(NULL);
	for (u32 i = 1; i < players; i++)
		report(rt_wait_cpu(i, WAIT), "vCPU %u is done", i);
	for (u32 i = 0; i < players; i++) {
		report(!wrong_xcr0[i], "vCPU %u: XCR0 0x%lx kept in %u of %u rounds", i, own_xcr0[i],
		       ROUNDS - 1 - wrong_xcr0[i], ROUNDS - 1);
		for (const struct component *c = NULL; (c = next(valid, c)) != NULL;)
			report(!wrong[i][c->nr], "vCPU %u, XCR0 0x%lx: %s kept in %u of %u rounds", i, own_xcr0[i],
			       c->name, ROUNDS - 1 - wrong[i][c->nr], ROUNDS - 1);
	}
}

void main(const char *cmdline)
{
	struct regs4 r;

	(void)cmdline;
	have_xsave = cpuid(1, 0).c & BIT(26);
	valid = X87_SSE;
	if (have_xsave) {
		r = cpuid(0xd, 0);
		valid = (r.a | (u64)r.d << 32) & (X87_SSE | AVX | AVX512 | PKRU);
	}
	rt_printf("XCR0 0x%lx, save instructions 0x%x\n", valid, have_xsave ? cpuid(0xd, 1).a : 0);
	enable();
	for (const struct component *c = NULL; (c = next(valid & ~X87_SSE, c)) != NULL;)
		report(cpuid(0xd, c->nr).a >= c->n * c->area_step, "%s has a size: %u", c->name, cpuid(0xd, c->nr).a);
	if (rt_option("switch"))
		switches();
	else if (have_xsave)
		formats();
	else
		report_skip("no XSAVE");
}
