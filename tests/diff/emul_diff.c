/*
 * Differential test: random instructions, executed by the host CPU and by our emulator on equal copies of registers
 * and memory; registers, defined flags, memory, the way out and exceptions must agree.
 *
 *	emul_diff [INSTRUCTIONS [SEED]]      (default 10000000, 1)
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/diff/forms.h"
#include "tests/diff/native.h"
#include "vmm/emul/emul.h"

#define SCRATCH     0x10000000ull
#define SCRATCH_LEN 4096u
#define CODE        0x20000000ull
#define SLOT_LEN    128u
#define NR_SLOTS    512u
#define TARGET_OFF  64u /* where the jumps of a slot go */
#define RUNS        8   /* operand sets for one encoding */
#define GS_BASE     0x345678ull

#define ARITH 0x8d5u

static u8 *native_mem = (u8 *)SCRATCH;
static u8 emu_mem[SCRATCH_LEN] __aligned(16);
static u8 *code_mem = (u8 *)CODE;
static u64 rng_state;

static u64 rnd(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dull;
}

static u32 rn(u32 n)
{
	return (u32)((rnd() >> 33) % n);
}

/* Values near the edges of every width come often. */
static u64 rnd_value(void)
{
	static const u64 edges[] = { 0,
		                     1,
		                     2,
		                     0x7f,
		                     0x80,
		                     0xff,
		                     0x7fff,
		                     0x8000,
		                     0xffff,
		                     0x7fffffff,
		                     0x80000000,
		                     0xffffffff,
		                     0x7fffffffffffffff,
		                     0x8000000000000000,
		                     ~0ull,
		                     0x0f,
		                     0x99,
		                     0xf0 };
	u64 r = rnd();

	switch (r & 7) {
	case 0: return edges[(r >> 8) % ARRAY_SIZE(edges)];
	case 1: return edges[(r >> 8) % ARRAY_SIZE(edges)] + (r >> 60) - 8;
	case 2: return (r >> 32) & 0xff;
	case 3: return (u64)((s64)r >> (r >> 3 & 63));
	default: return rnd();
	}
}

/* --- one encoding --- */

struct test {
	const struct form *f;
	bool m32;
	u8 bytes[16];
	u8 len;
	u8 opsz; /* operand size in bytes */
	u8 adsz; /* 4 or 8 */
	bool is_mem, gs;
	u8 base, index, scale, reg, rm;
	s64 disp;
	u64 target; /* linear address the memory operand is to have */
	u64 imm;
	u64 slot;
	u8 rep, rex;
};

static struct test t;
static u64 gpr_in[16];
static u64 flags_in;

static void emit(u64 v, u32 n)
{
	for (u32 i = 0; i < n; i++)
		t.bytes[t.len++] = (u8)(v >> (8 * i));
}

static void gen_prefixes(void)
{
	const struct form *f = t.f;
	u32 r = (u32)rnd(), fl = f->flags;
	bool p66 = false, w = false, p67 = false;
	bool choose = !(fl & (D_BYTE | D_NOOPSZ));

	if (choose && !(fl & (D_NO16 | D_NOW)) && f->prefix != 0x66)
		p66 = (r & 3) == 0;
	if (!t.m32 && choose && !(fl & D_NO64) && !p66)
		w = (r & 8) != 0;
	if (fl & D_REXW)
		w = true;
	/* An address-size prefix, rarely; in 32-bit mode that would be 16-bit addresses: only LEA can have them. */
	if ((r & 0xf00) == 0)
		p67 = t.m32 ? f->hook == H_LEA : f->hook != H_JMPREG && f->hook != H_CALLREG;
	t.adsz = t.m32 ? (p67 ? 2 : 4) : p67 ? 4 : 8;
	t.opsz = fl & D_BYTE ? 1 : w ? 8 : p66 ? 2 : 4;
	if (p66)
		emit(0x66, 1);
	if (p67)
		emit(0x67, 1);
	t.gs = !t.m32 && (r & 0xf000) == 0 && f->hook != H_LEA && f->hook != H_JMPREG && f->hook != H_CALLREG;
	if (t.gs)
		emit(0x65, 1);
	if (f->prefix)
		emit(f->prefix, 1);
	t.rep = 0;
	if (fl & D_REP && (r & 0x10000)) {
		t.rep = r & 0x20000 ? 0xf2 : 0xf3;
		emit(t.rep, 1);
	}
	t.rex = 0;
	if (!t.m32 && (w || (r & 0xc0000)))
		t.rex = (u8)(0x40 | (w ? 8 : 0) | (r >> 24 & 7));
	if (fl & (D_NORM) && !(fl & D_OREG))
		t.rex &= 0xf8;
}

/* ModRM, SIB and displacement for a random addressing mode. */
static void gen_mem16(u32 ext)
{
	u32 mod = rn(3), rm = rn(8);

	emit(mod << 6 | ext << 3 | rm, 1);
	if (mod == 1)
		emit(rnd(), 1);
	else if (mod == 2 || rm == 6)
		emit(rnd(), 2);
}

static void gen_mem(u32 ext)
{
	u32 mod = rn(3), rm = rn(8), sib = rn(256);

	t.base = t.index = 0xff;
	t.scale = 0;
	t.disp = 0;
	emit(mod << 6 | (ext & 7) << 3 | rm, 1);
	if (rm == 4) {
		emit(sib, 1);
		t.scale = (u8)(sib >> 6);
		t.index = (u8)(((sib >> 3) & 7) | (t.rex & 2) << 2);
		if (t.index == 4)
			t.index = 0xff;
		if ((sib & 7) != 5 || mod)
			t.base = (u8)((sib & 7) | (t.rex & 1) << 3);
	} else if (rm != 5 || mod) {
		t.base = (u8)(rm | (t.rex & 1) << 3);
	}
	t.is_mem = true;
	if (mod == 1) {
		t.disp = (s8)rnd();
		emit((u64)t.disp, 1);
	} else if (mod == 2 || t.base == 0xff) {
		bool rip = !t.m32 && rm == 5 && mod == 0;

		t.disp = (s32)rnd() >> (rn(3) * 8);
		/* Without a base the displacement does the work; the immediate's length is known already. */
		if (t.base == 0xff) {
			u32 immlen = t.f->imm == IMM_Z ? MIN(t.opsz, 4) : t.f->imm;

			t.disp = (s64)(t.target - (t.gs ? GS_BASE : 0));
			if (rip)
				t.disp -= (s64)(t.slot + t.len + 4 + immlen);
			else if (t.index != 0xff)
				t.disp -= (s64)(0x10ull << t.scale);
			t.disp = (s32)t.disp;
		} else if (t.base == t.index) {
			t.disp = (s32)(t.target - (t.gs ? GS_BASE : 0) - 0x1234ull * (1 + (1ull << t.scale)));
		}
		emit((u64)t.disp, 4);
	}
}

static void gen_imm(void)
{
	const struct form *f = t.f;
	u32 n = f->imm == IMM_Z ? MIN(t.opsz, 4) : f->imm == IMM_V ? t.opsz : f->imm;

	t.imm = rnd_value();
	switch (f->hook) {
	case H_JCC8: t.imm = TARGET_OFF - (t.len + 1u); break;
	case H_JCC32:
	case H_CALL32: t.imm = TARGET_OFF - (t.len + 4u); break;
	case H_MOFFS:
		n = t.adsz;
		t.imm = t.target - (t.gs ? GS_BASE : 0);
		break;
	case H_ENTER: t.imm = (u64)rn(4) << 16 | rn(64); break;
	case H_RET: t.imm &= 0xff; break;
	case H_AAM:
		if (!rn(4))
			t.imm = 10;
		break;
	default: break;
	}
	emit(t.imm, n);
}

/* Fills t.bytes with a random encoding of form f; false when the choice has to be thrown away. */
static bool gen_encoding(const struct form *f, bool m32, u64 slot)
{
	u32 ext;
	bool want_mem;

	t.f = f;
	t.m32 = m32;
	t.len = 0;
	t.slot = slot;
	t.is_mem = false;
	t.base = t.index = 0xff;
	t.target = SCRATCH + 1024 + rn(2048);
	if (f->flags & D_ALIGN && rn(64))
		t.target &= ~15ull;
	gen_prefixes();
	want_mem = !(f->flags & (D_NORM | D_REG)) && (f->flags & D_MEM || rn(2));
	if ((f->flags & D_LOCK) && want_mem && !rn(4)) {
		memmove(t.bytes + 1, t.bytes, t.len++);
		t.bytes[0] = 0xf0;
	} else if (!rn(256)) { /* and where it is not allowed: #UD */
		memmove(t.bytes + 1, t.bytes, t.len++);
		t.bytes[0] = 0xf0;
	}
	if (t.rex)
		emit(t.rex, 1);
	if (f->esc)
		emit(0x0f, 1);
	if (f->esc == 2)
		emit(0x38, 1);
	ext = rn(8);
	t.reg = (u8)(ext | (t.rex & 4) << 1);
	t.rm = (u8)(ext | (t.rex & 1) << 3);
	emit(f->op | (f->flags & D_OREG ? ext : 0), 1);
	if (f->ext >= 0)
		ext = (u32)f->ext;
	if (!(f->flags & D_NORM)) {
		if (want_mem && t.adsz == 2) {
			gen_mem16(ext);
		} else if (want_mem) {
			gen_mem(ext);
		} else {
			u32 rm = rn(8);

			t.rm = (u8)(rm | (t.rex & 1) << 3);
			emit(0xc0 | ext << 3 | rm, 1);
		}
	}
	if (f->imm || f->hook == H_MOFFS)
		gen_imm();
	if (t.len > 15)
		return false;
	/* A bit offset must not be an address register, nor an operand what the hook sets up otherwise. */
	if (f->hook == H_BITSTR && t.is_mem && (t.reg == t.base || t.reg == t.index))
		return false;
	/* rSP as an address register must stay a stack pointer into the scratch page. */
	if ((f->hook == H_STACK || f->hook == H_CALLREG) && t.is_mem && t.base == 4 &&
	    (t.index != 0xff || t.disp != (s8)t.disp))
		return false;
	if (f->hook == H_CALLREG && !t.is_mem && t.rm == 4) /* would push onto its own code */
		return false;
	return true;
}

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

static u64 xmm_in[16][2], mm_in[8], emu_xmm[16][2], emu_mm[8];

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
	ec.cr4 = 0x6b0;
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

static u64 nr_diffs, nr_run, counts[512], faults[512], skipped[512];

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

static bool compare(int rc)
{
	u64 fmask = (ARITH | 0x400 | 0x4000 | 0x200000) & ~(u64)undefined_flags();
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
		if (native_st.vector != ec.exception.vector) {
			report("vector", ec.exception.vector, native_st.vector);
			return false;
		}
		fmask |= ARITH; /* nothing is undefined then */
	}
	if (!compare_regs())
		return false;
	if ((ec.rflags ^ native_st.flags) & fmask) {
		report("flags", ec.rflags & fmask, native_st.flags & fmask);
		return false;
	}
	if (t.f->flags & D_SIMD &&
	    (memcmp(emu_xmm, native_st.xmm, sizeof(emu_xmm)) || memcmp(emu_mm, native_st.mm, sizeof(emu_mm)))) {
		report("vector registers", 0, 0);
		return false;
	}
	if (memcmp(emu_mem, native_mem, SCRATCH_LEN)) {
		u32 i = 0;

		while (emu_mem[i] == native_mem[i])
			i++;
		report("memory", emu_mem[i], native_mem[i]);
		return false;
	}
	return true;
}

static void run_one(void)
{
	u32 f = (u32)(t.f - forms);
	int rc;

	setup_operands();
	if (result_undefined())
		return;
	memcpy(native_st.gpr, gpr_in, sizeof(gpr_in));
	native_st.flags = flags_in;
	native_st.entry = t.slot;
	native_st.exit = 0;
	native_st.use_simd = (t.f->flags & D_SIMD) != 0;
	if (native_st.use_simd) {
		for (u32 i = 0; i < 16; i++)
			xmm_in[i][0] = rnd(), xmm_in[i][1] = rnd();
		for (u32 i = 0; i < 8; i++)
			mm_in[i] = rnd();
		memcpy(native_st.xmm, xmm_in, sizeof(xmm_in));
		memcpy(native_st.mm, mm_in, sizeof(mm_in));
		memcpy(emu_xmm, xmm_in, sizeof(xmm_in));
		memcpy(emu_mm, mm_in, sizeof(mm_in));
	}
	rc = run_emulator();
	/* An operand outside the scratch page would hit whatever this process has there. */
	if (rc == EMUL_FAULT && ec.exception.vector == 14) {
		skipped[f]++;
		memcpy(emu_mem, native_mem, SCRATCH_LEN);
		return;
	}
	if (t.m32)
		native_run32();
	else
		native_run64();
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

static u32 list_usable(u32 *usable, bool have32)
{
	u32 n = 0;

	for (u32 i = 0; i < nr_forms; i++)
		if (cpu_has(forms[i].cpu) && (have32 || !(forms[i].flags & D_ONLY32)))
			usable[n++] = i;
		else
			printf("not run here: %s\n", forms[i].name);
	return n;
}

static bool pick_mode32(const struct form *f, bool have32)
{
	if (f->flags & D_ONLY32)
		return true;
	return have32 && !(f->flags & (D_ONLY64 | D_SIMD | D_NO32)) && rn(4) == 0;
}

int main(int argc, char **argv)
{
	u64 want = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000, done = 0, round = 0;
	u32 usable[512], n, slot = 0, used = 0;
	bool have32;

	rng_state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull | 1;
	if (mmap((void *)SCRATCH, SCRATCH_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
	         0) == MAP_FAILED ||
	    mmap((void *)CODE, NR_SLOTS * SLOT_LEN, PROT_READ | PROT_WRITE | PROT_EXEC,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	read_cpu_flags();
	have32 = native_init(GS_BASE);
	if (!have32)
		printf("32-bit code does not run here: its forms are left to the unit tests\n");
	n = list_usable(usable, have32);
	for (; done < want; round++) {
		const struct form *f = &forms[usable[round % n]];

		if (!(round % 4096)) /* fresh memory now and then */
			for (u32 i = 0; i < SCRATCH_LEN; i += 8)
				put_mem(SCRATCH + i, rnd_value(), 8);
		if (!gen_encoding(f, pick_mode32(f, have32), CODE + (slot++ % NR_SLOTS) * SLOT_LEN))
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
	printf("%llu instructions, %u forms, %llu differences\n", (unsigned long long)done, used,
	       (unsigned long long)nr_diffs);
	return nr_diffs ? 1 : 0;
}
