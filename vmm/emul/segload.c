/* Descriptors and segment register loads (SDM vol. 3, "Protection"; vol. 2, "MOV", "LLDT", "LTR", "LAR" …). */
#include "vmm/emul/segload.h"
#include "vmm/emul/insn.h"

bool emul_lma(struct emul_ctxt *c)
{
	emul_need(c, EMUL_B_CR);
	return c->efer & EFER_LMA;
}

u32 desc_attr(u64 d)
{
	return (u32)(d >> 40) & 0xf0ff;
}

void desc_to_seg(u64 d, u16 sel, struct emul_seg *s)
{
	u32 limit = (u32)((d & 0xffff) | ((d >> 32) & 0xf0000));

	s->sel = sel;
	s->attr = desc_attr(d);
	s->base = ((d >> 16) & 0xffffff) | ((d >> 32) & 0xff000000);
	s->limit = s->attr & EMUL_ATTR_G ? limit << 12 | 0xfff : limit;
}

int emul_desc_read(struct emul_ctxt *c, u16 sel, u32 len, u8 vec, u64 *d, u64 *lin)
{
	u64 base, limit, off = sel & 0xfff8u;

	d[0] = 0;
	if (len == 16)
		d[1] = 0;
	if (sel & 4) {
		const struct emul_seg *ldt = emul_seg(c, EMUL_LDTR);

		if (ldt->attr & EMUL_ATTR_UNUSABLE)
			return emul_raise_err(c, vec, sel & 0xfffc);
		base = ldt->base;
		limit = ldt->limit;
	} else {
		emul_need(c, EMUL_B_GDTR);
		base = c->gdtr.base;
		limit = c->gdtr.limit;
	}
	if (off + len - 1 > limit)
		return emul_raise_err(c, vec, sel & 0xfffc);
	*lin = base + off;
	if (!emul_lma(c))
		*lin &= 0xffffffff;
	return emul_lin_read(c, *lin, d, len, EMUL_ACC_SYS);
}

/* Sets bits in the type byte of the descriptor at lin, as the processor does (accessed, busy). */
int emul_desc_mark(struct emul_ctxt *c, u64 lin, u64 d, u8 bits)
{
	u8 old = (u8)(d >> 40), new = old | bits;
	u32 acc = EMUL_ACC_SYS | EMUL_ACC_LOCKED;

	if (old == new)
		return EMUL_OK;
	if (c->ops->cmpxchg)
		return c->ops->cmpxchg(c, lin + 5, &old, &new, 1, acc);
	return emul_lin_write(c, lin + 5, &new, 1, acc);
}

/* Real and virtual-8086 mode: only selector and base change; a segment that was unusable becomes plain data. */
static void load_real(struct emul_ctxt *c, u32 s, u16 sel)
{
	struct emul_seg n = *emul_seg(c, s);

	n.sel = sel;
	n.base = (u32)sel << 4;
	if (n.attr & EMUL_ATTR_UNUSABLE) {
		n.attr = c->mode == EMUL_VM86 ? SEG_AR_VM86 : SEG_AR_DATA16;
		n.limit = 0xffff;
	}
	emul_set_seg(c, s, &n);
}

int emul_load_null(struct emul_ctxt *c, u32 s, u16 sel)
{
	struct emul_seg n = { .sel = sel, .attr = (u32)EMUL_ATTR_UNUSABLE };

	if (s == EMUL_SS)
		n.attr |= (u32)emul_cpl(c) << 5;
	emul_set_seg(c, s, &n);
	return EMUL_OK;
}

/* The checks on a stack segment for privilege level pl; vec is #GP, or #TS in a task or gate. */
int emul_load_ss(struct emul_ctxt *c, u16 sel, u8 pl, bool null_ok)
{
	struct emul_seg n;
	u64 d, lin;
	u32 a;
	int rc;

	if (!(sel & 0xfffc)) {
		if (!null_ok || (sel & 3) != pl)
			return emul_raise_err(c, VEC_GP, 0);
		n = (struct emul_seg){ .sel = sel, .attr = (u32)(EMUL_ATTR_UNUSABLE | (u64)pl << 5) };
		emul_set_seg(c, EMUL_SS, &n);
		return EMUL_OK;
	}
	rc = emul_desc_read(c, sel, 8, VEC_GP, &d, &lin);
	if (rc != EMUL_OK)
		return rc;
	a = desc_attr(d);
	if ((sel & 3) != pl || !(a & EMUL_ATTR_S) || (a & 0xa) != 2 || EMUL_ATTR_DPL(a) != pl)
		return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	if (!(a & EMUL_ATTR_P))
		return emul_raise_err(c, VEC_SS, sel & 0xfffc);
	rc = emul_desc_mark(c, lin, d, 1);
	if (rc == EMUL_OK) {
		desc_to_seg(d | BIT(40), sel, &n);
		emul_set_seg(c, EMUL_SS, &n);
	}
	return rc;
}

int emul_load_seg(struct emul_ctxt *c, u32 s, u16 sel)
{
	struct emul_seg n;
	u64 d, lin;
	u32 a, dpl;
	u8 cpl;
	int rc;

	if (!is_prot(c)) {
		load_real(c, s, sel);
		return EMUL_OK;
	}
	cpl = emul_cpl(c);
	if (s == EMUL_SS)
		return emul_load_ss(c, sel, cpl, is_long(c) && cpl != 3);
	if (!(sel & 0xfffc))
		return emul_load_null(c, s, sel);
	rc = emul_desc_read(c, sel, 8, VEC_GP, &d, &lin);
	if (rc != EMUL_OK)
		return rc;
	a = desc_attr(d);
	dpl = EMUL_ATTR_DPL(a);
	if (!(a & EMUL_ATTR_S) || (a & 0xa) == 8 /* execute-only */ ||
	    ((a & 0xc) != 0xc && (dpl < (sel & 3u) || dpl < cpl)))
		return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	if (!(a & EMUL_ATTR_P))
		return emul_raise_err(c, VEC_NP, sel & 0xfffc);
	rc = emul_desc_mark(c, lin, d, 1);
	if (rc == EMUL_OK) {
		desc_to_seg(d | BIT(40), sel, &n);
		emul_set_seg(c, s, &n);
	}
	return rc;
}

/* --- MOV to and from segment registers, LDS and friends --- */

int emul_op_mov_to_seg(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 v = 0;
	u32 s;
	int rc = EMUL_OK;

	s = d->reg & 7; /* REX.R is ignored */
	if (s == EMUL_CS || s > EMUL_GS)
		return emul_raise(c, VEC_UD);
	if (d->is_mem)
		rc = emul_modrm_read(c, 0, 2, &v);
	else
		v = emul_reg_read(c, d->rm, 2);
	if (rc == EMUL_OK)
		rc = emul_load_seg(c, s, (u16)v);
	if (rc == EMUL_OK && s == EMUL_SS)
		c->ss_shadow = true;
	return rc;
}

/* A selector into a register of the operand size, or 16 bits of memory. */
static int store_sel(struct emul_ctxt *c, u16 sel)
{
	struct emul_insn *d = &c->d;

	if (d->is_mem)
		return emul_modrm_write(c, 0, 2, sel);
	emul_reg_write(c, d->rm, d->op_size, sel);
	return EMUL_OK;
}

int emul_op_mov_from_seg(struct emul_ctxt *c)
{
	if ((c->d.reg & 7) > EMUL_GS)
		return emul_raise(c, VEC_UD);
	return store_sel(c, emul_seg(c, c->d.reg & 7)->sel);
}

int emul_op_load_far(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 s;
	u64 off, sel;
	int rc = emul_modrm_read(c, 0, d->op_size, &off);

	switch (d->opcode) {
	case 0xc4: s = EMUL_ES; break;
	case 0xc5: s = EMUL_DS; break;
	case 0xb2: s = EMUL_SS; break;
	case 0xb4: s = EMUL_FS; break;
	default: s = EMUL_GS; break;
	}
	if (rc == EMUL_OK)
		rc = emul_modrm_read(c, d->op_size, 2, &sel);
	if (rc == EMUL_OK)
		rc = emul_load_seg(c, s, (u16)sel);
	if (rc == EMUL_OK)
		emul_reg_write(c, d->reg, d->op_size, off);
	return rc;
}

/* --- LDTR and TR --- */

static int umip(struct emul_ctxt *c)
{
	emul_need(c, EMUL_B_CR);
	if ((c->cr4 & CR4_UMIP) && emul_cpl(c))
		return emul_raise_err(c, VEC_GP, 0);
	return EMUL_OK;
}

int emul_op_sldt(struct emul_ctxt *c)
{
	int rc = umip(c);

	return rc == EMUL_OK ? store_sel(c, emul_seg(c, EMUL_LDTR)->sel) : rc;
}

int emul_op_str(struct emul_ctxt *c)
{
	int rc = umip(c);

	return rc == EMUL_OK ? store_sel(c, emul_seg(c, EMUL_TR)->sel) : rc;
}

static int load_system(struct emul_ctxt *c, u32 s, u16 sel)
{
	bool lma = emul_lma(c), tss = s == EMUL_TR;
	struct emul_seg n;
	u64 d[2], lin;
	u32 type;
	int rc;

	if (sel & 4)
		return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	rc = emul_desc_read(c, sel, lma ? 16 : 8, VEC_GP, d, &lin);
	if (rc != EMUL_OK)
		return rc;
	type = desc_attr(d[0]) & (EMUL_ATTR_S | EMUL_ATTR_TYPE);
	if (tss ? type != 9 && (type != 1 || lma) : type != 2)
		return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	if (lma && ((d[1] >> 40) & 0x1f))
		return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	if (!(desc_attr(d[0]) & EMUL_ATTR_P))
		return emul_raise_err(c, VEC_NP, sel & 0xfffc);
	desc_to_seg(d[0], sel, &n);
	if (lma) {
		n.base |= d[1] << 32;
		if (!emul_canonical(c, n.base))
			return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	}
	if (tss) {
		rc = emul_desc_mark(c, lin, d[0], 2);
		if (rc != EMUL_OK)
			return rc;
		n.attr |= 2;
	}
	emul_set_seg(c, s, &n);
	return EMUL_OK;
}

int emul_op_lldt(struct emul_ctxt *c)
{
	u16 sel = (u16)c->d.src;

	return sel & 0xfffc ? load_system(c, EMUL_LDTR, sel) : emul_load_null(c, EMUL_LDTR, sel);
}

int emul_op_ltr(struct emul_ctxt *c)
{
	u16 sel = (u16)c->d.src;

	return sel & 0xfffc ? load_system(c, EMUL_TR, sel) : emul_raise_err(c, VEC_GP, 0);
}

/* --- LAR, LSL, VERR, VERW, ARPL: they report through ZF and never fault on a bad selector --- */

/* EMUL_OK with *ok telling whether the descriptor may be looked at. */
static int probe(struct emul_ctxt *c, u16 sel, u64 *d, bool *ok)
{
	u32 a, type;
	u64 lin;
	int rc;

	*ok = false;
	if (!(sel & 0xfffc))
		return EMUL_OK;
	c->exception.vector = 0;
	rc = emul_desc_read(c, sel, 8, VEC_GP, d, &lin);
	if (rc != EMUL_OK) /* beyond the table is no fault here; a page fault is */
		return rc == EMUL_FAULT && c->exception.vector == VEC_GP ? EMUL_OK : rc;
	a = desc_attr(*d);
	type = a & EMUL_ATTR_TYPE;
	*ok = (a & EMUL_ATTR_S && (type & 0xc) == 0xc) ||
	      (EMUL_ATTR_DPL(a) >= (sel & 3u) && EMUL_ATTR_DPL(a) >= emul_cpl(c));
	return EMUL_OK;
}

/* System descriptor types LAR (gates too) and LSL know. */
static bool type_known(struct emul_ctxt *c, u32 a, bool gates)
{
	u32 mask = emul_lma(c) ? 0xa04 : 0xa0e, gate_mask = emul_lma(c) ? 0x1000 : 0x1030;

	if (a & EMUL_ATTR_S)
		return true;
	return (mask | (gates ? gate_mask : 0)) >> (a & EMUL_ATTR_TYPE) & 1;
}

int emul_op_lar(struct emul_ctxt *c)
{
	u64 d;
	bool ok;
	int rc = probe(c, (u16)c->d.src, &d, &ok);

	if (rc != EMUL_OK)
		return rc;
	ok = ok && type_known(c, desc_attr(d), true);
	if (ok)
		emul_reg_write(c, c->d.reg, c->d.op_size, (d >> 32) & 0x00ffff00);
	emul_set_flags(c, FL_ZF, ok ? FL_ZF : 0);
	return EMUL_OK;
}

int emul_op_lsl(struct emul_ctxt *c)
{
	struct emul_seg s;
	u64 d;
	bool ok;
	int rc = probe(c, (u16)c->d.src, &d, &ok);

	if (rc != EMUL_OK)
		return rc;
	ok = ok && type_known(c, desc_attr(d), false);
	if (ok) {
		desc_to_seg(d, 0, &s);
		emul_reg_write(c, c->d.reg, c->d.op_size, s.limit);
	}
	emul_set_flags(c, FL_ZF, ok ? FL_ZF : 0);
	return EMUL_OK;
}

static int verify(struct emul_ctxt *c, bool write)
{
	u64 d = 0;
	bool ok;
	int rc = probe(c, (u16)c->d.src, &d, &ok);
	u32 type = desc_attr(d) & EMUL_ATTR_TYPE;

	if (rc != EMUL_OK)
		return rc;
	ok = ok && (desc_attr(d) & EMUL_ATTR_S) && (write ? (type & 0xa) == 2 : (type & 0xa) != 8);
	emul_set_flags(c, FL_ZF, ok ? FL_ZF : 0);
	return EMUL_OK;
}

int emul_op_verr(struct emul_ctxt *c)
{
	return verify(c, false);
}

int emul_op_verw(struct emul_ctxt *c)
{
	return verify(c, true);
}

static int movsxd(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 size = MIN(d->op_size, 4u);
	u64 v = 0;
	int rc = EMUL_OK;

	if (d->is_mem)
		rc = emul_modrm_read(c, 0, size, &v);
	else
		v = emul_reg_read(c, d->rm, size);
	if (rc == EMUL_OK)
		emul_reg_write(c, d->reg, d->op_size, sign_extend(v, size));
	return rc;
}

/* 63: MOVSXD in 64-bit mode, ARPL in the other protected modes. */
int emul_op_arpl(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 v = 0, rpl = emul_reg_read(c, d->reg, 2) & 3;
	int rc = EMUL_OK;

	if (is_long(c))
		return movsxd(c);
	if (!is_prot(c))
		return emul_raise(c, VEC_UD);
	if (d->is_mem)
		rc = emul_modrm_read(c, 0, 2, &v);
	else
		v = emul_reg_read(c, d->rm, 2);
	if (rc != EMUL_OK)
		return rc;
	emul_set_flags(c, FL_ZF, (v & 3) < rpl ? FL_ZF : 0);
	if ((v & 3) >= rpl)
		return EMUL_OK;
	v = (v & ~3ull) | rpl;
	if (d->is_mem)
		return emul_modrm_write(c, 0, 2, v);
	emul_reg_write(c, d->rm, 2, v);
	return EMUL_OK;
}
