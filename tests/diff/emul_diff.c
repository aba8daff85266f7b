/*
 * Differential test: random instructions, executed by the host CPU and by our emulator on equal copies of registers
 * and memory; registers, vector registers in full, defined flags, memory, the way out and exceptions must agree.
 *
 *	emul_diff [INSTRUCTIONS [SEED]]      (default 10000000, 1)
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/diff/gen.h"
#include "tests/diff/native.h"
#include "vmm/emul/emul.h"

#define CODE     0x20000000ull
#define SLOT_LEN 128u
#define NR_SLOTS 512u
#define RUNS     8 /* operand sets for one encoding */

#define ARITH 0x8d5u

static u8 *native_mem = (u8 *)SCRATCH;
static u8 emu_mem[SCRATCH_LEN] __aligned(16);
static u8 *code_mem = (u8 *)CODE;

static u64 gpr_in[16];
static u64 flags_in;

static void place_code(void)
{
	u8 *p = code_mem + (t.slot - CODE);
	s32 rel;

	memcpy(p, t.bytes, t.len);
	p[t.len] = 0xe9;
	rel = (s32)((uintptr_t)(t.m32 ? native32_back0 : native_back0) - (t.slot + t.len + 5));
	memcpy(p + t.len + 1, &rel, 4);
	p[TARGET_OFF] = 0xe9;
	rel = (s32)((uintptr_t)(t.m32 ? native32_back1 : native_back1) - (t.slot + TARGET_OFF + 5));
	memcpy(p + TARGET_OFF + 1, &rel, 4);
}

/* --- one set of operands --- */

static u64 mask_of(u32 size)
{
	return size >= 8 ? ~0ull : BIT(8 * size) - 1;
}

/* Gives the address registers values that lead to t.target; upper halves stay random with 32-bit addresses. */
static void set_address(void)
{
	u64 lin = t.target - (t.gs ? GS_BASE : 0), m = mask_of(t.adsz), v;

	if (!t.is_mem || t.f->hook == H_LEA)
		return;
	if (t.base == 0xff) {
		if (t.index != 0xff)
			gpr_in[t.index] = (rnd() & ~m) | 0x10;
		return;
	}
	if (t.base == t.index) {
		v = 0x1234; /* gen_mem's displacement fits it, if there was one */
		if (t.disp == (s8)t.disp)
			v = (lin - (u64)t.disp) / (1 + (1ull << t.scale));
	} else {
		v = lin - (u64)t.disp;
		if (t.index != 0xff)
			v -= gpr_in[t.index] << t.scale;
	}
	gpr_in[t.base] = (v & m) | (rnd() & ~m);
}

static u64 ea_of(void)
{
	u64 ea = (u64)t.disp;

	if (t.base != 0xff)
		ea += gpr_in[t.base];
	if (t.index != 0xff)
		ea += gpr_in[t.index] << t.scale;
	return (ea & mask_of(t.adsz)) + (t.gs ? GS_BASE : 0);
}

static void put_mem(u64 lin, u64 v, u32 n)
{
	if (lin - SCRATCH + n > SCRATCH_LEN)
		return;
	memcpy(native_mem + (lin - SCRATCH), &v, n);
	memcpy(emu_mem + (lin - SCRATCH), &v, n);
}

static u64 get_mem(u64 lin, u32 n)
{
	u64 v = 0;

	if (lin - SCRATCH + n <= SCRATCH_LEN)
		memcpy(&v, emu_mem + (lin - SCRATCH), n);
	return v;
}

static u64 merge(u64 old, u64 v, u32 size)
{
	return (old & ~mask_of(size)) | (v & mask_of(size));
}

static void setup_string(void)
{
	u64 gs = t.gs ? GS_BASE : 0;

	gpr_in[6] = merge(gpr_in[6], SCRATCH + 1536 + rn(1024) - gs, t.adsz);
	gpr_in[7] = merge(gpr_in[7], SCRATCH + 1536 + rn(1024), t.adsz);
	if (!rn(3)) { /* equal data now and then, so that comparisons go on */
		u64 s = gpr_in[6] & mask_of(t.adsz), d = gpr_in[7] & mask_of(t.adsz);

		for (u32 i = 0; i < 4; i++)
			put_mem(d + i * t.opsz, get_mem(s + gs + i * t.opsz, t.opsz), t.opsz);
		gpr_in[0] = get_mem(d, 8);
	}
	if (t.rep) {
		u64 n = rn(4) ? rn(6) : rn(60);

		/* With 32-bit addresses and a zero count, what happens to upper halves differs between processors. */
		if (t.adsz == 4 && !t.m32 && !n)
			n = 1;
		gpr_in[1] = merge(gpr_in[1], n, t.adsz);
	}
}

static void setup_div(void)
{
	u32 s = t.opsz;

	/* Mostly small high halves, so that quotients fit; an address register is left alone. */
	if (rn(8) && !(t.is_mem && ((t.base & 0xfd) == 0 || (t.index & 0xfd) == 0))) {
		u64 hi = rn(2) ? 0 : (u64)rn(16) - 8;

		if (s == 1)
			gpr_in[0] = merge(gpr_in[0], (hi << 8) | (rnd() & 0xff), 2);
		else
			gpr_in[2] = merge(gpr_in[2], hi, s);
	}
}

static void setup_cmpxchg(void)
{
	bool hi8 = t.opsz == 1 && !t.rex && t.rm >= 4 && t.rm < 8;
	u64 v;

	if (rn(2) || hi8)
		return;
	v = t.is_mem ? get_mem(t.target, t.opsz) : gpr_in[t.rm];
	if (t.base != 0 && t.index != 0 && t.reg != 0)
		gpr_in[0] = merge(gpr_in[0], v, t.opsz);
}

static void setup_cmpxchg8b(void)
{
	u32 half = t.opsz == 8 ? 8 : 4;
	u64 lin;

	if (rn(2))
		return;
	lin = ea_of();
	if (t.base == 0xff)
		lin = t.target;
	put_mem(lin, gpr_in[0], half);
	put_mem(lin + half, gpr_in[2], half);
}

static void setup_control(void)
{
	u32 size = t.m32 ? 4 : 8;
	u64 target = t.slot + TARGET_OFF;

	if (t.f->hook == H_RET) {
		put_mem(gpr_in[4], target, size);
	} else if (t.is_mem) {
		put_mem(ea_of(), target, size);
		if (t.base == 0xff)
			put_mem(t.target, target, size);
	} else {
		gpr_in[t.rm] = target;
	}
}

/* What comes nearest to that RSP among those with which a program can be interrupted here. */
static u64 possible_rsp(u64 rsp)
{
	if (native_host.any_rsp)
		return rsp;
	return native_host.kernel_rsp ? (u64)((s64)(rsp << 16) >> 16) : rsp & (BIT(47) - 1);
}

static void setup_operands(void)
{
	enum hook h = t.f->hook;
	u64 stack = SCRATCH + 1024 + (rn(2048) & ~1u);

	for (u32 i = 0; i < 16; i++)
		gpr_in[i] = rnd_value();
	flags_in = (rnd() & (ARITH | 0x400)) | 0x202;
	if (h == H_SHIFT_CL || h == H_SHXD_CL)
		gpr_in[1] = merge(gpr_in[1], rnd() & (rn(8) ? 0x3f : 0xff), 1);
	if (h >= H_STACK && h <= H_LEAVE)
		gpr_in[4] = stack;
	if (h == H_CALL32 || h == H_CALLREG || h == H_RET)
		gpr_in[4] = stack;
	if (h == H_ENTER || h == H_LEAVE)
		gpr_in[5] = SCRATCH + 1024 + (rn(2048) & ~1u);
	if (h == H_BITSTR && t.is_mem)
		gpr_in[t.reg] = merge(gpr_in[t.reg], (u64)((s64)rn(4000) - 2000), t.opsz);
	if ((h == H_BSCAN || h == H_BITSTR) && !t.is_mem && !rn(8))
		gpr_in[t.rm] = 0;
	set_address();
	if (t.f->flags & D_AC && !rn(16) && native_host.alignment)
		flags_in |= 0x40000;
	/* An address that is not canonical now and then, #GP or #SS: as most numbers are not. */
	if (t.f->flags & (D_SIMD | D_ALIGN) && t.is_mem && t.base != 0xff && t.adsz == 8 && !rn(256))
		gpr_in[t.base] = rnd();
	gpr_in[4] = possible_rsp(gpr_in[4]);
	if ((t.f->op & 0xfc) == 0xe0 && t.f->hook == H_JCC8 && !t.f->esc && rn(2)) /* LOOP: small counts */
		gpr_in[1] = merge(gpr_in[1], rn(3), t.adsz);
	switch (h) {
	case H_STRING: setup_string(); break;
	case H_DIV: setup_div(); break;
	case H_CMPXCHG: setup_cmpxchg(); break;
	case H_CMPXCHG8B: setup_cmpxchg8b(); break;
	case H_XLAT:
		gpr_in[3] = merge(gpr_in[3], SCRATCH + 1024 + rn(2048) - (gpr_in[0] & 0xff) - (t.gs ? GS_BASE : 0),
		                  t.adsz);
		break;
	case H_POPF: put_mem(gpr_in[4], (rnd() & ~0x40100ull) | 2, 8); break;
	case H_RET:
	case H_JMPREG:
	case H_CALLREG: setup_control(); break;
	default: break;
	}
	if (t.m32)
		for (u32 i = 0; i < 16; i++)
			gpr_in[i] = (u32)gpr_in[i];
}

/* --- the emulator's side --- */

static enum native_vectors vectors(void)
{
	u32 fl = t.f->flags;

	return fl & D_VEX ? NATIVE_AVX : fl & D_SIMD ? NATIVE_SSE : NATIVE_NO_VECTORS;
}

static u64 emu_xmm[16][2], emu_mm[8], emu_ymm[16][4];

static int op_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len)
{
	memcpy(buf, code_mem + (lin - CODE), len);
	return EMUL_OK;
}

static u8 *emu_ptr(u64 lin, u32 len)
{
	return lin - SCRATCH <= SCRATCH_LEN - len ? emu_mem + (lin - SCRATCH) : NULL;
}

static int op_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	u8 *p = emu_ptr(lin, len);

	if (!p)
		return emul_raise_pf(c, lin, 4);
	memcpy(buf, p, len);
	return EMUL_OK;
}

static int op_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	u8 *p = emu_ptr(lin, len);

	if (!p)
		return emul_raise_pf(c, lin, 6);
	memcpy(p, buf, len);
	return EMUL_OK;
}

static int op_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags)
{
	u8 *p = emu_ptr(lin, len);

	if (!p)
		return emul_raise_pf(c, lin, 6);
	if (memcmp(p, oldv, len))
		return EMUL_RETRY;
	memcpy(p, newv, len);
	return EMUL_OK;
}

static void *op_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	return emu_ptr(lin, len);
}

static int op_get_xmm(struct emul_ctxt *c, u8 nr, u64 val[2])
{
	memcpy(val, emu_xmm[nr], 16);
	return EMUL_OK;
}

static int op_set_xmm(struct emul_ctxt *c, u8 nr, const u64 val[2])
{
	memcpy(emu_xmm[nr], val, 16);
	return EMUL_OK;
}

static int op_get_ymm(struct emul_ctxt *c, u8 nr, u64 val[4])
{
	memcpy(val, emu_ymm[nr], 32);
	return EMUL_OK;
}

static int op_set_ymm(struct emul_ctxt *c, u8 nr, const u64 val[4])
{
	memcpy(emu_ymm[nr], val, 32);
	return EMUL_OK;
}

static int op_xcr(struct emul_ctxt *c, u32 index, u64 *val, bool write)
{
	if (index || write)
		return EMUL_UNSUPPORTED;
	*val = 7;
	return EMUL_OK;
}

static int op_get_mm(struct emul_ctxt *c, u8 nr, u64 *val)
{
	*val = emu_mm[nr];
	return EMUL_OK;
}

static int op_set_mm(struct emul_ctxt *c, u8 nr, u64 val)
{
	emu_mm[nr] = val;
	return EMUL_OK;
}

static const struct emul_ops ops = {
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.map = op_map,
	.get_xmm = op_get_xmm,
	.set_xmm = op_set_xmm,
	.get_ymm = op_get_ymm,
	.set_ymm = op_set_ymm,
	.xcr = op_xcr,
	.get_mm = op_get_mm,
	.set_mm = op_set_mm,
};

/* Linux's user segments. */
static void fill_segments(struct emul_ctxt *c)
{
	for (u32 s = 0; s < EMUL_NR_SEG; s++)
		c->seg[s] = (struct emul_seg){ .limit = 0xffffffff, .attr = 0xc0f3, .sel = 0x2b };
	c->seg[EMUL_CS] =
	        (struct emul_seg){ .limit = 0xffffffff, .attr = t.m32 ? 0xc0fb : 0xa0fb, .sel = t.m32 ? 0x23 : 0x33 };
	c->seg[EMUL_GS].base = GS_BASE;
	c->seg[EMUL_FS].sel = c->seg[EMUL_GS].sel = 0;
	if (!t.m32) {
		u16 ds;

		__asm__ volatile("mov %%ds, %0" : "=r"(ds));
		c->seg[EMUL_DS].sel = ds;
	}
}

static u64 emu_gpr[16];
static struct emul_ctxt ec;

static int run_emulator(void)
{
	int rc;
	u32 rounds = 0;

	memcpy(emu_gpr, gpr_in, sizeof(emu_gpr));
	emul_init(&ec, &ops, NULL, emu_gpr);
	ec.rip = t.slot;
	ec.mode = t.m32 ? EMUL_PROT32 : EMUL_LONG64;
	ec.rflags = flags_in;
	ec.cr0 = 0x80050033;
	ec.cr4 = 0x406b0;
	ec.efer = 0xd01;
	ec.cpl = 3;
	fill_segments(&ec);
	ec.have = EMUL_HAVE_ALL;
	do
		rc = emul_run(&ec);
	while (rc == EMUL_RETRY && ++rounds < 64);
	return rc;
}

/* --- comparison --- */

static u32 undefined_flags(void)
{
	u32 undef = t.f->undef, count = 1, bits = 8 * t.opsz, kind = (u32)t.f->ext;

	switch (t.f->hook) {
	case H_SHIFT_IMM: count = (u32)t.imm & (t.opsz == 8 ? 63 : 31); break;
	case H_SHIFT_CL: count = (u32)gpr_in[1] & (t.opsz == 8 ? 63 : 31); break;
	case H_SHIFT_1: break;
	case H_SHXD_CL:
	case H_SHXD_IMM:
		count = (u32)(t.f->hook == H_SHXD_CL ? gpr_in[1] : t.imm) & (t.opsz == 8 ? 63 : 31);
		if (count)
			undef |= 0x10 | (count > 1 ? 0x800 : 0);
		return undef;
	default: return undef;
	}
	if (!count)
		return undef;
	if (kind >= 4) {
		undef |= 0x10;
		if (count >= bits && kind != 7)
			undef |= 1;
	}
	return undef | (count > 1 ? 0x800 : 0);
}

/* Shifts beyond a 16-bit operand's width have no defined result. */
static bool result_undefined(void)
{
	u32 count;

	if (t.f->hook != H_SHXD_CL && t.f->hook != H_SHXD_IMM)
		return false;
	count = (u32)(t.f->hook == H_SHXD_CL ? gpr_in[1] : t.imm) & (t.opsz == 8 ? 63 : 31);
	return count > 8u * t.opsz;
}

static u64 nr_diffs, nr_run, nr_rsp, nr_short, counts[512], faults[512], skipped[512];

static void report(const char *what, u64 got, u64 want)
{
	if (nr_diffs >= 20)
		return;
	printf("DIFF %-14s %s-bit [", t.f->name, t.m32 ? "32" : "64");
	for (u32 i = 0; i < t.len; i++)
		printf("%s%02x", i ? " " : "", t.bytes[i]);
	printf("] %s: emulator %llx, CPU %llx\n", what, (unsigned long long)got, (unsigned long long)want);
	printf("  in: flags %llx", (unsigned long long)flags_in);
	for (u32 i = 0; i < 16; i++)
		printf(" r%u=%llx", i, (unsigned long long)gpr_in[i]);
	printf("\n");
}

static bool compare_regs(void)
{
	for (u32 i = 0; i < (t.m32 ? 8u : 16u); i++) {
		u64 want = t.m32 ? (u32)native_st.gpr[i] : native_st.gpr[i];

		if (emu_gpr[i] != want) {
			char name[8];

			snprintf(name, sizeof(name), "r%u", i);
			report(name, emu_gpr[i], want);
			return false;
		}
	}
	return true;
}

static bool compare_ymm(void)
{
	for (u32 i = 0; i < 16; i++)
		for (u32 j = 0; j < 4; j++)
			if (emu_ymm[i][j] != native_st.ymm[i][j]) {
				char name[16];

				snprintf(name, sizeof(name), "ymm%u[%u]", i, j);
				report(name, emu_ymm[i][j], native_st.ymm[i][j]);
				return false;
			}
	return true;
}

static bool compare_vectors(void)
{
	switch (vectors()) {
	case NATIVE_NO_VECTORS: return true;
	case NATIVE_AVX: return compare_ymm();
	case NATIVE_SSE: break;
	}
	if (!memcmp(emu_xmm, native_st.xmm, sizeof(emu_xmm)) && !memcmp(emu_mm, native_st.mm, sizeof(emu_mm)))
		return true;
	report("vector registers", 0, 0);
	return false;
}

/* Linux's signal for an exception. */
static int signal_of(u8 vector)
{
	switch (vector) {
	case 0: return SIGFPE;
	case 1:
	case 3: return SIGTRAP;
	case 6: return SIGILL;
	case 12:
	case 17: return SIGBUS;
	default: return SIGSEGV;
	}
}

static bool compare_exceptions(void)
{
	if (native_host.tells_vector && native_st.vector != ec.exception.vector) {
		report("vector", ec.exception.vector, native_st.vector);
		return false;
	}
	if (native_st.signal != signal_of(ec.exception.vector)) {
		report("signal", (u64)signal_of(ec.exception.vector), (u64)native_st.signal);
		return false;
	}
	return true;
}

/*
 * SDM vol. 2, "PUSH": with 32-bit operands a segment register is pushed with zeros above it, or by a move of 16 bits
 * that leaves what was there, as recent processors do. The emulator has chosen the zeros. before: what was there.
 */
static void allow_short_push(u64 place, u64 before)
{
	u8 *native = native_mem + (place - SCRATCH), *emu = emu_mem + (place - SCRATCH);
	u64 after = 0, zeros = 0;

	memcpy(&after, native, 2);
	memcpy(&zeros, emu, 2);
	if (zeros == 0 && after == before) {
		memset(native, 0, 2);
		nr_short++;
	}
}

#define FLAG_NT     0x4000
#define NT_LOST_MAX 16 /* of millions of instructions */

static u32 nr_nt_lost;

/*
 * The instruction set NT, and it is gone: where an interrupt comes before the flags are read, this host's kernel may come
 * back without it. That is rare; an emulator that sets NT wrongly does it each time.
 */
static bool host_lost_nt(u64 differ)
{
	return differ == FLAG_NT && !(native_st.flags & FLAG_NT) && nr_nt_lost++ < NT_LOST_MAX;
}

static bool compare(int rc)
{
	u64 fmask = (ARITH | 0x400 | FLAG_NT | 0x200000) & ~(u64)undefined_flags();
	u64 exit = rc == EMUL_FAULT ? 2 : rc != EMUL_OK ? 100 + (u64)rc : ec.rip == t.slot + TARGET_OFF ? 1 : 0;

	if (exit == 0 && ec.rip != t.slot + t.len)
		exit = 50;
	if (exit != native_st.exit) {
		report("way out", exit, native_st.exit);
		if (native_st.exit == 2)
			printf("  CPU vector %llu\n", (unsigned long long)native_st.vector);
		if (exit == 2)
			printf("  emulator vector %u\n", ec.exception.vector);
		return false;
	}
	if (exit == 2) {
		if (!compare_exceptions())
			return false;
		fmask |= ARITH; /* nothing is undefined then */
	}
	if (!compare_regs())
		return false;
	if ((ec.rflags ^ native_st.flags) & fmask && !host_lost_nt((ec.rflags ^ native_st.flags) & fmask)) {
		report("flags", ec.rflags & fmask, native_st.flags & fmask);
		return false;
	}
	if (!compare_vectors())
		return false;
	if (memcmp(emu_mem, native_mem, SCRATCH_LEN)) {
		u32 i = 0;

		while (emu_mem[i] == native_mem[i])
			i++;
		report("memory", emu_mem[i], native_mem[i]);
		return false;
	}
	return true;
}

static void setup_vectors(void)
{
	native_st.vectors = vectors();
	if (native_st.vectors == NATIVE_AVX) {
		for (u32 i = 0; i < 64; i++)
			emu_ymm[i / 4][i % 4] = rnd();
		memcpy(native_st.ymm, emu_ymm, sizeof(emu_ymm));
	} else if (native_st.vectors == NATIVE_SSE) {
		for (u32 i = 0; i < 16; i++)
			emu_xmm[i][0] = rnd(), emu_xmm[i][1] = rnd();
		for (u32 i = 0; i < 8; i++)
			emu_mm[i] = rnd();
		memcpy(native_st.xmm, emu_xmm, sizeof(emu_xmm));
		memcpy(native_st.mm, emu_mm, sizeof(emu_mm));
	}
}

static void run_one(void)
{
	u32 f = (u32)(t.f - forms);
	bool short_push;
	u64 above;
	int rc;

	setup_operands();
	if (result_undefined())
		return;
	memcpy(native_st.gpr, gpr_in, sizeof(gpr_in));
	native_st.flags = flags_in;
	native_st.entry = t.slot;
	native_st.exit = 0;
	setup_vectors();
	short_push = t.f->flags & D_SREG && native_host.short_sreg_push;
	above = get_mem(gpr_in[4] - 2, 2);
	rc = run_emulator();
	/* An operand outside the scratch page would hit whatever this process has there. */
	if (rc == EMUL_FAULT && ec.exception.vector == 14) {
		skipped[f]++;
		memcpy(emu_mem, native_mem, SCRATCH_LEN);
		return;
	}
	/* Nor may RSP be there what this host's kernel does not return with. */
	if (emu_gpr[4] != possible_rsp(emu_gpr[4])) {
		nr_rsp++;
		memcpy(emu_mem, native_mem, SCRATCH_LEN);
		return;
	}
	if (t.m32)
		native_run32();
	else
		native_run64();
	if (short_push && rc == EMUL_OK)
		allow_short_push(gpr_in[4] - 2, above);
	counts[f]++;
	nr_run++;
	if (rc == EMUL_FAULT)
		faults[f]++;
	if (!compare(rc)) {
		nr_diffs++;
		memcpy(emu_mem, native_mem, SCRATCH_LEN);
	}
}

/* --- main --- */

static char cpu_flags[8192];

static bool cpu_has(const char *name)
{
	char pat[64];

	if (!name)
		return true;
	snprintf(pat, sizeof(pat), " %s ", name);
	return strstr(cpu_flags, pat) != NULL;
}

static void read_cpu_flags(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "flags", 5)) {
			line[strcspn(line, "\n")] = ' ';
			snprintf(cpu_flags, sizeof(cpu_flags), "%s", line);
			break;
		}
	if (f)
		fclose(f);
}

static u32 list_usable(u32 *usable)
{
	u32 n = 0;

	for (u32 i = 0; i < nr_forms; i++)
		if (cpu_has(forms[i].cpu) && (native_host.code32 || !(forms[i].flags & D_ONLY32)))
			usable[n++] = i;
		else
			printf("not run here: %s\n", forms[i].name);
	return n;
}

static bool pick_mode32(const struct form *f)
{
	if (f->flags & D_ONLY32)
		return true;
	return native_host.code32 && !(f->flags & (D_ONLY64 | D_NO32)) && rn(4) == 0;
}

/* What the differences do not speak of. */
static void print_limits(u32 forms_missing)
{
	if (nr_short)
		printf("; 32-bit pushes of segment registers write 16 bits here, as they may: %llu",
		       (unsigned long long)nr_short);
	if (forms_missing)
		printf("; not run on this host: %u forms", forms_missing);
	if (!native_host.code32)
		printf("; no 32-bit code on this host");
	if (!native_host.any_rsp)
		printf("; RSP only %s on this host, %llu left out",
		       native_host.kernel_rsp ? "canonical" : "below 2^47", (unsigned long long)nr_rsp);
	if (!native_host.tells_vector)
		printf("; exceptions compared by signal only, as this host tells no vectors");
	if (!native_host.alignment)
		printf("; no alignment checking on this host");
	if (nr_nt_lost)
		printf("; NT lost by interrupts %u times", nr_nt_lost);
}

int main(int argc, char **argv)
{
	u64 want = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000, done = 0, round = 0;
	u32 usable[512], n, slot = 0, used = 0;

	rng_state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull | 1;
	if (mmap((void *)SCRATCH, SCRATCH_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	         0) == MAP_FAILED ||
	    mmap((void *)CODE, NR_SLOTS * SLOT_LEN, PROT_READ | PROT_WRITE | PROT_EXEC,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	read_cpu_flags();
	native_init(GS_BASE);
	n = list_usable(usable);
	for (; done < want; round++) {
		const struct form *f = &forms[usable[round % n]];

		if (!(round % 4096)) /* fresh memory now and then */
			for (u32 i = 0; i < SCRATCH_LEN; i += 8)
				put_mem(SCRATCH + i, rnd_value(), 8);
		if (!gen_encoding(f, pick_mode32(f), CODE + (slot++ % NR_SLOTS) * SLOT_LEN))
			continue;
		place_code();
		for (u32 i = 0; i < RUNS; i++)
			run_one();
		done = nr_run;
	}
	done = 0;
	for (u32 i = 0; i < nr_forms; i++) {
		if (!counts[i])
			continue;
		printf("%-18s %9llu  faults %llu  skipped %llu\n", forms[i].name, (unsigned long long)counts[i],
		       (unsigned long long)faults[i], (unsigned long long)skipped[i]);
		done += counts[i];
		used++;
	}
	printf("%llu instructions, %u forms, %llu differences", (unsigned long long)done, used,
	       (unsigned long long)nr_diffs);
	print_limits(nr_forms - n);
	printf("\n");
	return nr_diffs ? 1 : 0;
}
