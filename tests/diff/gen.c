/* Prefixes, opcode, ModRM, SIB, displacement and immediate of a random instruction
 * (SDM vol. 2, "Instruction Format"). */
#include <string.h>

#include "tests/diff/gen.h"

struct test t;
u64 rng_state;

/* Values near the edges of every width come often. */
u64 rnd_value(void)
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

static void emit(u64 v, u32 n)
{
	for (u32 i = 0; i < n; i++)
		t.bytes[t.len++] = (u8)(v >> (8 * i));
}

/* What 64-bit mode ignores, flat segments otherwise: but nothing is written through CS. */
static void gen_override(void)
{
	static const u8 overrides[] = { 0x26, 0x2e, 0x36, 0x3e };

	emit(overrides[rn(ARRAY_SIZE(overrides))], 1);
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
	if (fl & D_VEX && !rn(16))
		gen_override();
	if (f->prefix && !(fl & D_VEX))
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

/* SDM vol. 2, "Vector Extension (VEX) Prefix". Outside 64-bit mode R and X must be clear and B is ignored. */
static void gen_vex(void)
{
	const struct form *f = t.f;
	u32 pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;
	u32 vvvv = !(f->flags & D_VV) && rn(64) ? 15 : rn(16), last;

	if (!rn(128)) { /* #UD */
		static const u8 wrong[] = { 0x66, 0xf2, 0xf3, 0x40 };

		emit(wrong[rn(t.m32 ? 3 : 4)], 1);
	}
	last = vvvv << 3 | (u32)t.vex_l << 2 | pp;
	if (f->esc == 1 && !(t.rex & 3) && rn(2)) {
		emit(0xc5, 1);
		emit((t.rex & 4 ? 0 : 0x80) | last | (t.m32 ? 0x40 : 0), 1); /* else LDS */
		return;
	}
	emit(0xc4, 1);
	emit(((~t.rex & 7u) << 5 ^ (t.m32 ? rn(2) << 5 : 0)) | f->esc, 1);
	emit((f->flags & D_W0 && rn(32) ? 0 : rn(2)) << 7 | last, 1);
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

static bool gen_vex_l(const struct form *f)
{
	if (f->flags & D_L0)
		return f->flags & D_LUD && !rn(64);
	return f->flags & D_L1 || rn(2);
}

/* Everything between the legacy prefixes and the opcode. */
static void gen_escape(void)
{
	if (t.f->flags & D_VEX) {
		gen_vex();
		return;
	}
	if (t.rex)
		emit(t.rex, 1);
	if (t.f->esc)
		emit(0x0f, 1);
	if (t.f->esc == 2)
		emit(0x38, 1);
}

bool gen_encoding(const struct form *f, bool m32, u64 slot)
{
	u32 ext;
	bool want_mem;

	t.f = f;
	t.m32 = m32;
	t.len = 0;
	t.slot = slot;
	t.is_mem = false;
	t.base = t.index = 0xff;
	t.vex_l = f->flags & D_VEX && gen_vex_l(f);
	t.target = SCRATCH + 1024 + rn(2048);
	if (f->flags & D_ALIGN && rn(64))
		t.target &= t.vex_l && rn(64) ? ~31ull : ~15ull;
	gen_prefixes();
	want_mem = !(f->flags & (D_NORM | D_REG)) && (f->flags & D_MEM || rn(2));
	if (f->flags & D_REGUD && !rn(64))
		want_mem = false;
	if ((f->flags & D_LOCK) && want_mem && !rn(4)) {
		memmove(t.bytes + 1, t.bytes, t.len++);
		t.bytes[0] = 0xf0;
	} else if (!rn(256)) { /* and where it is not allowed: #UD */
		memmove(t.bytes + 1, t.bytes, t.len++);
		t.bytes[0] = 0xf0;
	}
	gen_escape();
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
