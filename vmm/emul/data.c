/* Data movement, integer arithmetic and bit instructions: handlers over d->dst and d->src. */
#include "vmm/emul/insn.h"

#define ALU_OP(name, expr)                       \
	int emul_op_##name(struct emul_ctxt *c)  \
	{                                        \
		u64 fl = emul_flags(c);          \
		u32 size = opnd_size(c);         \
		u64 a = c->d.dst, b = c->d.src;  \
                                                 \
		c->d.dst = (expr);               \
		emul_set_flags(c, FL_ARITH, fl); \
		(void)b;                         \
		return EMUL_OK;                  \
	}

ALU_OP(add, alu_add(a, b, 0, size, &fl))
ALU_OP(adc, alu_add(a, b, fl &FL_CF, size, &fl))
ALU_OP(sub, alu_sub(a, b, 0, size, &fl))
ALU_OP(sbb, alu_sub(a, b, fl &FL_CF, size, &fl))
ALU_OP(cmp, alu_sub(a, b, 0, size, &fl))
ALU_OP(or, alu_logic(a | b, size, &fl))
ALU_OP(and, alu_logic(a &b, size, &fl))
ALU_OP(xor, alu_logic(a ^ b, size, &fl))
ALU_OP(test, alu_logic(a &b, size, &fl))
ALU_OP(neg, alu_sub(0, a, 0, size, &fl))
ALU_OP(shift, alu_shift(c->d.reg & 7, a, (u32)b, size, &fl))

int emul_op_not(struct emul_ctxt *c)
{
	c->d.dst = ~c->d.dst;
	return EMUL_OK;
}

/* INC and DEC leave CF alone. */
int emul_op_inc(struct emul_ctxt *c)
{
	u64 fl = emul_flags(c);

	c->d.dst = alu_add(c->d.dst, 1, 0, opnd_size(c), &fl);
	emul_set_flags(c, FL_ARITH & ~FL_CF, fl);
	return EMUL_OK;
}

int emul_op_dec(struct emul_ctxt *c)
{
	u64 fl = emul_flags(c);

	c->d.dst = alu_sub(c->d.dst, 1, 0, opnd_size(c), &fl);
	emul_set_flags(c, FL_ARITH & ~FL_CF, fl);
	return EMUL_OK;
}

/* A4/AC take the count from the immediate, A5/AD from CL. */
static u32 shift_count(struct emul_ctxt *c)
{
	return c->d.opcode & 1 ? c->gpr[EMUL_RCX] & 0xff : (u32)c->d.imm;
}

int emul_op_shld(struct emul_ctxt *c)
{
	u64 fl = emul_flags(c);

	c->d.dst = alu_shld(c->d.dst, c->d.src, shift_count(c), c->d.op_size, &fl);
	emul_set_flags(c, FL_ARITH, fl);
	return EMUL_OK;
}

int emul_op_shrd(struct emul_ctxt *c)
{
	u64 fl = emul_flags(c);

	c->d.dst = alu_shrd(c->d.dst, c->d.src, shift_count(c), c->d.op_size, &fl);
	emul_set_flags(c, FL_ARITH, fl);
	return EMUL_OK;
}

static int imul(struct emul_ctxt *c, u64 a, u64 b)
{
	u64 fl = emul_flags(c), hi;

	alu_mul(a, b, c->d.op_size, true, &c->d.dst, &hi, &fl);
	emul_set_flags(c, FL_ARITH, fl);
	return EMUL_OK;
}

int emul_op_imul3(struct emul_ctxt *c)
{
	return imul(c, c->d.src, c->d.imm);
}

int emul_op_imul2(struct emul_ctxt *c)
{
	return imul(c, c->d.dst, c->d.src);
}

/* The double-width accumulator: AX for bytes, else rDX:rAX. */
static void set_wide(struct emul_ctxt *c, u32 size, u64 lo, u64 hi)
{
	if (size == 1) {
		emul_reg_merge(c, EMUL_RAX, 2, lo | hi << 8);
	} else {
		emul_reg_merge(c, EMUL_RAX, size, lo);
		emul_reg_merge(c, EMUL_RDX, size, hi);
	}
}

static int mul_wide(struct emul_ctxt *c, bool is_signed)
{
	u64 fl = emul_flags(c), lo, hi;
	u32 size = opnd_size(c);

	alu_mul(c->gpr[EMUL_RAX], c->d.src, size, is_signed, &lo, &hi, &fl);
	set_wide(c, size, lo, hi);
	emul_set_flags(c, FL_ARITH, fl);
	return EMUL_OK;
}

int emul_op_mul1(struct emul_ctxt *c)
{
	return mul_wide(c, false);
}

int emul_op_imul1(struct emul_ctxt *c)
{
	return mul_wide(c, true);
}

static int div_wide(struct emul_ctxt *c, bool is_signed)
{
	u32 size = opnd_size(c);
	u64 lo = c->gpr[EMUL_RAX], hi = size == 1 ? lo >> 8 : c->gpr[EMUL_RDX], quot, rem;

	if (!alu_div(hi, lo, c->d.src, size, is_signed, &quot, &rem))
		return emul_raise(c, VEC_DE);
	set_wide(c, size, quot, rem);
	return EMUL_OK;
}

int emul_op_div(struct emul_ctxt *c)
{
	return div_wide(c, false);
}

int emul_op_idiv(struct emul_ctxt *c)
{
	return div_wide(c, true);
}

/* --- bits --- */

static u64 bit_of(struct emul_ctxt *c)
{
	u64 bit = BIT(c->d.src & (8u * c->d.op_size - 1));

	emul_set_flags(c, FL_CF, c->d.dst & bit ? FL_CF : 0);
	return bit;
}

int emul_op_bt(struct emul_ctxt *c)
{
	bit_of(c);
	return EMUL_OK;
}

int emul_op_bts(struct emul_ctxt *c)
{
	c->d.dst |= bit_of(c);
	return EMUL_OK;
}

int emul_op_btr(struct emul_ctxt *c)
{
	c->d.dst &= ~bit_of(c);
	return EMUL_OK;
}

int emul_op_btc(struct emul_ctxt *c)
{
	c->d.dst ^= bit_of(c);
	return EMUL_OK;
}

/* BSF, BSR: a zero source leaves the destination alone. TZCNT, LZCNT with F3: they give the width. */
static int bit_scan(struct emul_ctxt *c, bool forward)
{
	struct emul_insn *d = &c->d;
	u32 bits = 8u * d->op_size, n;
	u64 src = d->src;

	n = !src ? bits : forward ? (u32)__builtin_ctzll(src) : 63 - (u32)__builtin_clzll(src);
	if (d->rep == 0xf3) {
		if (!forward && src)
			n = bits - 1 - n;
		emul_reg_write(c, d->reg, d->op_size, n);
		emul_set_flags(c, FL_CF | FL_ZF, (src ? 0 : FL_CF) | (n ? 0 : FL_ZF));
		return EMUL_OK;
	}
	if (src)
		emul_reg_write(c, d->reg, d->op_size, n);
	emul_set_flags(c, FL_ZF, src ? 0 : FL_ZF);
	return EMUL_OK;
}

int emul_op_bsf(struct emul_ctxt *c)
{
	return bit_scan(c, true);
}

int emul_op_bsr(struct emul_ctxt *c)
{
	return bit_scan(c, false);
}

int emul_op_popcnt(struct emul_ctxt *c)
{
	u64 v = c->d.src;
	u32 n = 0;

	if (c->d.rep != 0xf3)
		return emul_raise(c, VEC_UD); /* JMPE */
	for (; v; v &= v - 1)
		n++;
	c->d.dst = n;
	emul_set_flags(c, FL_ARITH, c->d.src ? 0 : FL_ZF);
	return EMUL_OK;
}

static u64 swap_bytes(u64 v, u32 size)
{
	return size == 8 ? __builtin_bswap64(v) : size == 4 ? __builtin_bswap32((u32)v) : __builtin_bswap16((u16)v);
}

/* A 16-bit BSWAP is undefined; processors clear the register's low half. */
int emul_op_bswap(struct emul_ctxt *c)
{
	c->d.dst = c->d.op_size == 2 ? 0 : swap_bytes(c->d.dst, c->d.op_size);
	return EMUL_OK;
}

/* CRC32C, one byte at a time, bit by bit (SDM vol. 2, "CRC32"). */
static int crc32c(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 size = d->opcode == 0xf0 ? 1 : d->op_size, crc = (u32)emul_gpr(c, d->reg);
	u64 v = 0;

	if (d->is_mem) {
		int rc = emul_modrm_read(c, 0, size, &v);

		if (rc != EMUL_OK)
			return rc;
	} else {
		v = emul_reg_read(c, d->rm, size);
	}
	for (u32 i = 0; i < size; i++) {
		crc ^= (v >> (8 * i)) & 0xff;
		for (u32 k = 0; k < 8; k++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	emul_set_gpr(c, d->reg, crc);
	return EMUL_OK;
}

int emul_op_movbe_load(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 v;
	int rc;

	if (d->rep == 0xf2)
		return crc32c(c);
	if (!d->is_mem || d->rep)
		return emul_raise(c, VEC_UD);
	rc = emul_modrm_read(c, 0, d->op_size, &v);
	if (rc == EMUL_OK)
		emul_reg_write(c, d->reg, d->op_size, swap_bytes(v, d->op_size));
	return rc;
}

int emul_op_movbe_store(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;

	if (d->rep == 0xf2)
		return crc32c(c);
	if (!d->is_mem || d->rep)
		return emul_raise(c, VEC_UD);
	return emul_modrm_write(c, 0, d->op_size, swap_bytes(emul_reg_read(c, d->reg, d->op_size), d->op_size));
}

/* --- moves --- */

int emul_op_mov(struct emul_ctxt *c)
{
	c->d.dst = c->d.src;
	return EMUL_OK;
}

int emul_op_movsx(struct emul_ctxt *c)
{
	c->d.dst = sign_extend(c->d.src, c->d.op->flags & F_SRC8 ? 1 : 2);
	return EMUL_OK;
}

/* SDM vol. 2, "MOVNTI": the operand is of 32 bits, or with REX.W of 64, in code of any size; 66, F2 and F3 are #UD. */
int emul_op_movnti(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 size = d->rex & 8 ? 8 : 4;

	if (d->opsz || d->rep)
		return emul_raise(c, VEC_UD);
	return emul_modrm_write(c, 0, size, emul_reg_read(c, d->reg, size));
}

int emul_op_lea(struct emul_ctxt *c)
{
	c->d.dst = emul_ea(c);
	return EMUL_OK;
}

/* 0x90+r; 90 itself is NOP, or PAUSE with F3, unless REX.B makes it XCHG R8, rAX. */
int emul_op_xchg_ax(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 a, b;

	if (d->rm == EMUL_RAX) {
		if (d->rep == 0xf3 && c->ops->misc)
			return c->ops->misc(c, EMUL_MISC_PAUSE, 0);
		return EMUL_OK;
	}
	a = emul_reg_read(c, EMUL_RAX, d->op_size);
	b = emul_reg_read(c, d->rm, d->op_size);
	emul_reg_write(c, EMUL_RAX, d->op_size, b);
	emul_reg_write(c, d->rm, d->op_size, a);
	return EMUL_OK;
}

int emul_op_xchg(struct emul_ctxt *c)
{
	u64 old = c->d.dst;

	c->d.dst = c->d.src;
	emul_reg_write(c, c->d.reg, opnd_size(c), old);
	return EMUL_OK;
}

int emul_op_xadd(struct emul_ctxt *c)
{
	u32 size = opnd_size(c);
	u64 old = c->d.dst, fl = emul_flags(c);

	c->d.dst = alu_add(old, c->d.src, 0, size, &fl);
	emul_set_flags(c, FL_ARITH, fl);
	emul_reg_write(c, c->d.reg, size, old);
	return EMUL_OK;
}

/* Memory is written in both cases; a register only when it was equal (or its upper half would be cleared). */
int emul_op_cmpxchg(struct emul_ctxt *c)
{
	u32 size = opnd_size(c);
	u64 old = c->d.dst, acc = emul_reg_read(c, EMUL_RAX, size), fl = emul_flags(c);

	alu_sub(acc, old, 0, size, &fl);
	emul_set_flags(c, FL_ARITH, fl);
	if (fl & FL_ZF)
		c->d.dst = c->d.src;
	else
		emul_reg_write(c, EMUL_RAX, size, old);
	c->d.keep_dst = !(fl & FL_ZF) && !c->d.is_mem;
	return EMUL_OK;
}

int emul_op_cmpxchg8b(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 half = d->rex & 8 ? 8 : 4, acc = EMUL_ACC_RMW | (d->lock ? EMUL_ACC_LOCKED : 0);
	u64 old[2] = { 0 }, new[2], mem[2] = { 0 }, ea, lin, m = size_mask(half);
	int rc = EMUL_OK;

	/* The group's other members are VMX instructions and RDRAND, RDSEED, RDPID, XSAVES: not offered. */
	if ((d->reg & 7) != 1 || !d->is_mem)
		return emul_raise(c, VEC_UD);
	ea = emul_ea(c);
	if (half == 8)
		rc = emul_aligned(c, d->seg, ea, 16);
	if (rc == EMUL_OK)
		rc = emul_linear(c, d->seg, ea, 2 * half, true, &lin);
	if (rc != EMUL_OK)
		return rc;
	rc = emul_lin_read(c, lin, mem, 2 * half, acc);
	if (rc != EMUL_OK)
		return rc;
	memcpy(old, mem, sizeof(old));
	if (half == 4) {
		old[1] = old[0] >> 32;
		old[0] = (u32)old[0];
	}
	if (old[0] == (c->gpr[EMUL_RAX] & m) && old[1] == (c->gpr[EMUL_RDX] & m)) {
		new[0] = c->gpr[EMUL_RBX] & m;
		new[1] = c->gpr[EMUL_RCX] & m;
		if (half == 4)
			new[0] |= new[1] << 32;
		emul_set_flags(c, FL_ZF, FL_ZF);
		if (d->lock && c->ops->cmpxchg && !emul_wraps(c, lin, 2 * half))
			return c->ops->cmpxchg(c, lin, mem, new, 2 * half, acc);
		return emul_lin_write(c, lin, new, 2 * half, acc);
	}
	emul_reg_merge(c, EMUL_RAX, half, old[0]);
	emul_reg_merge(c, EMUL_RDX, half, old[1]);
	emul_set_flags(c, FL_ZF, 0);
	return EMUL_OK;
}

static int moffs(struct emul_ctxt *c, bool store)
{
	struct emul_insn *d = &c->d;
	u32 size = opnd_size(c);
	u64 v;
	int rc;

	if (store)
		return emul_mem_write(c, d->seg, d->imm, size, emul_reg_read(c, EMUL_RAX, size));
	rc = emul_mem_read(c, d->seg, d->imm, size, &v);
	if (rc == EMUL_OK)
		emul_reg_write(c, EMUL_RAX, size, v);
	return rc;
}

int emul_op_moffs_load(struct emul_ctxt *c)
{
	return moffs(c, false);
}

int emul_op_moffs_store(struct emul_ctxt *c)
{
	return moffs(c, true);
}
