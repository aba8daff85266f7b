/* Flag, conversion, conditional and decimal instructions. */
#include "vmm/emul/insn.h"

int emul_op_setcc(struct emul_ctxt *c)
{
	c->d.dst = alu_cond(emul_flags(c), c->d.opcode);
	return EMUL_OK;
}

/* The source is read, and a 32-bit destination zero-extended, whatever the condition. */
int emul_op_cmov(struct emul_ctxt *c)
{
	if (alu_cond(emul_flags(c), c->d.opcode))
		c->d.dst = c->d.src;
	return EMUL_OK;
}

int emul_op_nop(struct emul_ctxt *c)
{
	(void)c;
	return EMUL_OK;
}

int emul_op_cbw(struct emul_ctxt *c)
{
	u32 size = c->d.op_size;

	emul_reg_merge(c, EMUL_RAX, size, sign_extend(c->gpr[EMUL_RAX], size / 2));
	return EMUL_OK;
}

int emul_op_cwd(struct emul_ctxt *c)
{
	u32 size = c->d.op_size;

	emul_reg_merge(c, EMUL_RDX, size, (u64)((s64)sign_extend(c->gpr[EMUL_RAX], size) >> 63));
	return EMUL_OK;
}

/* CMC, CLC, STC, CLD, STD. */
int emul_op_flagop(struct emul_ctxt *c)
{
	switch (c->d.opcode) {
	case 0xf5: emul_set_flags(c, FL_CF, ~emul_flags(c)); break;
	case 0xf8: emul_set_flags(c, FL_CF, 0); break;
	case 0xf9: emul_set_flags(c, FL_CF, FL_CF); break;
	case 0xfc: emul_set_flags(c, FL_DF, 0); break;
	default: emul_set_flags(c, FL_DF, FL_DF); break;
	}
	return EMUL_OK;
}

#define AH_FLAGS (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF)

int emul_op_lahf(struct emul_ctxt *c)
{
	u64 ah = (emul_flags(c) & AH_FLAGS) | FL_ONE;

	emul_set_gpr(c, EMUL_RAX, (c->gpr[EMUL_RAX] & ~0xff00ull) | ah << 8);
	return EMUL_OK;
}

int emul_op_sahf(struct emul_ctxt *c)
{
	emul_set_flags(c, AH_FLAGS, c->gpr[EMUL_RAX] >> 8);
	return EMUL_OK;
}

int emul_op_xlat(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 off = (c->gpr[EMUL_RBX] + (c->gpr[EMUL_RAX] & 0xff)) & size_mask(d->ad_size), v;
	int rc = emul_mem_read(c, d->seg, off, 1, &v);

	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RAX, 1, v);
	return rc;
}

/* D6, undocumented: AL = CF ? FF : 0. */
int emul_op_salc(struct emul_ctxt *c)
{
	emul_reg_merge(c, EMUL_RAX, 1, emul_flags(c) & FL_CF ? 0xff : 0);
	return EMUL_OK;
}

/* DAA (27) and DAS (2F). */
int emul_op_daa(struct emul_ctxt *c)
{
	bool sub = c->d.opcode == 0x2f;
	u64 fl = emul_flags(c), old_cf = fl & FL_CF, new = 0;
	u32 al = c->gpr[EMUL_RAX] & 0xff, old = al;

	if ((al & 15) > 9 || (fl & FL_AF)) {
		al = sub ? al - 6 : al + 6;
		new |= FL_AF | (old_cf || al > 0xff ? FL_CF : 0);
	}
	if (old > 0x99 || old_cf) {
		al = sub ? al - 0x60 : al + 0x60;
		new |= FL_CF;
	} else if (!sub) {
		new &= ~FL_CF;
	}
	al &= 0xff;
	emul_reg_merge(c, EMUL_RAX, 1, al);
	emul_set_flags(c, FL_ARITH, new | alu_szp(al, 1));
	return EMUL_OK;
}

/* AAA (37) and AAS (3F). */
int emul_op_aaa(struct emul_ctxt *c)
{
	bool sub = c->d.opcode == 0x3f;
	u64 fl = emul_flags(c), new = 0;
	u32 ax = c->gpr[EMUL_RAX] & 0xffff;

	if ((ax & 15) > 9 || (fl & FL_AF)) {
		ax = sub ? ax - 0x106 : ax + 0x106;
		new = FL_AF | FL_CF;
	}
	ax &= 0xff0f;
	emul_reg_merge(c, EMUL_RAX, 2, ax);
	/* OF, SF, ZF and PF are undefined: from AL, as after other arithmetic. */
	emul_set_flags(c, FL_ARITH, new | alu_szp(ax & 0xff, 1));
	return EMUL_OK;
}

int emul_op_aam(struct emul_ctxt *c)
{
	u32 base = (u32)c->d.imm, al = c->gpr[EMUL_RAX] & 0xff;

	if (!base)
		return emul_raise(c, VEC_DE);
	emul_reg_merge(c, EMUL_RAX, 2, (al / base) << 8 | al % base);
	emul_set_flags(c, FL_ARITH, alu_szp(al % base, 1));
	return EMUL_OK;
}

int emul_op_aad(struct emul_ctxt *c)
{
	u32 ax = c->gpr[EMUL_RAX] & 0xffff, al;

	al = ((ax & 0xff) + (ax >> 8) * (u32)c->d.imm) & 0xff;
	emul_reg_merge(c, EMUL_RAX, 2, al);
	emul_set_flags(c, FL_ARITH, alu_szp(al, 1));
	return EMUL_OK;
}
