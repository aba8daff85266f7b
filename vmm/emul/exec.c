/* The driver: operands in, handler, operands out; and undo, so that a fault leaves no trace. */
#include "vmm/emul/insn.h"

void emul_init(struct emul_ctxt *c, const struct emul_ops *ops, void *owner, u64 *gpr)
{
	c->ops = ops;
	c->owner = owner;
	c->gpr = gpr;
	c->rip = 0;
	c->mode = EMUL_REAL;
	c->have = 0;
	c->rflags = c->cr0 = c->cr4 = c->efer = 0;
	c->cpl = 0;
	c->hint_valid = c->hint_offset = false;
	c->insn_len = 0;
	c->dirty = c->undo = 0;
	c->sti_shadow = c->ss_shadow = c->iret_done = false;
	c->exception.vector = 0;
	c->d.op = NULL;
}

enum emul_mode emul_mode_of(u64 cr0, u64 efer, u64 rflags, u32 cs_attr)
{
	if (!(cr0 & CR0_PE))
		return EMUL_REAL;
	if (rflags & FL_VM)
		return EMUL_VM86;
	if ((efer & EFER_LMA) && (cs_attr & EMUL_ATTR_L))
		return EMUL_LONG64;
	return cs_attr & EMUL_ATTR_DB ? EMUL_PROT32 : EMUL_PROT16;
}

static int raise(struct emul_ctxt *c, u8 vector, bool has_error, u32 error)
{
	c->exception = (struct emul_exception){
		.vector = vector, .kind = EMUL_EXC_HW, .has_error = has_error, .error = error
	};
	return EMUL_FAULT;
}

int emul_raise(struct emul_ctxt *c, u8 vector)
{
	return raise(c, vector, false, 0);
}

int emul_raise_err(struct emul_ctxt *c, u8 vector, u32 error)
{
	/* Real mode pushes no error codes. */
	return raise(c, vector, c->mode != EMUL_REAL, c->mode != EMUL_REAL ? error : 0);
}

int emul_raise_pf(struct emul_ctxt *c, u64 lin, u32 error)
{
	raise(c, VEC_PF, true, error);
	c->exception.cr2 = lin;
	return EMUL_FAULT;
}

void emul_set_gpr(struct emul_ctxt *c, u32 r, u64 val)
{
	u32 bit = EMUL_B_GPR(r);

	if (!(c->undo & bit)) {
		c->old_gpr[r] = emul_gpr(c, r);
		c->undo |= bit;
	}
	c->gpr[r] = val;
}

u64 emul_reg_read(struct emul_ctxt *c, u32 r, u32 size)
{
	if (size == 1 && !c->d.rex && r >= 4 && r < 8)
		return (c->gpr[r - 4] >> 8) & 0xff;
	return emul_gpr(c, r) & size_mask(size);
}

void emul_reg_merge(struct emul_ctxt *c, u32 r, u32 size, u64 val)
{
	u64 m = size_mask(size);

	emul_set_gpr(c, r, size >= 4 ? val & m : (emul_gpr(c, r) & ~m) | (val & m));
}

void emul_reg_write(struct emul_ctxt *c, u32 r, u32 size, u64 val)
{
	if (size == 1 && !c->d.rex && r >= 4 && r < 8)
		emul_set_gpr(c, r - 4, (c->gpr[r - 4] & ~0xff00ull) | (val & 0xff) << 8);
	else
		emul_reg_merge(c, r, size, val);
}

u64 emul_flags(struct emul_ctxt *c)
{
	emul_need(c, EMUL_B_RFLAGS);
	return c->rflags;
}

void emul_set_flags(struct emul_ctxt *c, u64 mask, u64 val)
{
	u64 old = emul_flags(c), new = (old & ~mask) | (val & mask);

	if (new == old)
		return;
	if (!(c->undo & EMUL_B_RFLAGS)) {
		c->old_rflags = old;
		c->undo |= EMUL_B_RFLAGS;
	}
	c->rflags = new;
}

struct emul_seg *emul_seg(struct emul_ctxt *c, u32 s)
{
	emul_need(c, EMUL_B_SEG(s));
	return &c->seg[s];
}

void emul_set_seg(struct emul_ctxt *c, u32 s, const struct emul_seg *val)
{
	if (!(c->undo & EMUL_B_SEG(s))) {
		c->old_seg[s] = *emul_seg(c, s);
		c->undo |= EMUL_B_SEG(s);
	}
	c->seg[s] = *val;
}

void emul_set_cpl(struct emul_ctxt *c, u8 cpl)
{
	if (emul_cpl(c) == cpl)
		return;
	if (!(c->undo & EMUL_B_CPL)) {
		c->old_cpl = c->cpl;
		c->undo |= EMUL_B_CPL;
	}
	c->cpl = cpl;
}

void emul_undo(struct emul_ctxt *c)
{
	u32 u = c->undo;

	for (u32 r = 0; u & 0xffff; r++)
		if (u & EMUL_B_GPR(r)) {
			c->gpr[r] = c->old_gpr[r];
			u &= ~EMUL_B_GPR(r);
		}
	for (u32 s = 0; s < EMUL_NR_SEG && u >= EMUL_B_SEG(0); s++)
		if (u & EMUL_B_SEG(s))
			c->seg[s] = c->old_seg[s];
	if (u & EMUL_B_RFLAGS)
		c->rflags = c->old_rflags;
	if (u & EMUL_B_CPL)
		c->cpl = c->old_cpl;
	if (u & EMUL_B_GDTR)
		c->gdtr = c->old_gdtr;
	if (u & EMUL_B_IDTR)
		c->idtr = c->old_idtr;
	c->undo = 0;
	c->sti_shadow = c->ss_shadow = c->iret_done = false;
}

int emul_jump(struct emul_ctxt *c, u64 val, u32 size)
{
	if (is_long(c)) {
		if (!emul_canonical(c, val))
			return emul_raise_err(c, VEC_GP, 0);
	} else {
		val &= size_mask(MIN(size, 4u));
		if (val > emul_seg(c, EMUL_CS)->limit)
			return emul_raise_err(c, VEC_GP, 0);
	}
	c->d.next_rip = val;
	return EMUL_OK;
}

/* --- operands --- */

/* Bit strings: the register's bits above the operand width move the memory operand (SDM vol. 1, "Bit Strings"). */
static s64 bit_offset(struct emul_ctxt *c, u32 size)
{
	s64 bit;

	if (!(c->d.op->flags & F_BITSTR) || c->d.op->src != OP_G)
		return 0;
	bit = (s64)sign_extend(emul_gpr(c, c->d.reg), size);
	return (bit >> (size == 8 ? 6 : size == 4 ? 5 : 4)) * (s64)size;
}

static u32 src_size(const struct emul_ctxt *c, u32 size)
{
	u32 f = c->d.op->flags;

	return f & F_SRC8 ? 1 : f & F_SRC16 ? 2 : size;
}

static int load_src(struct emul_ctxt *c, u32 size)
{
	struct emul_insn *d = &c->d;

	size = src_size(c, size);
	switch (d->op->src) {
	case OP_E:
		if (d->is_mem)
			return emul_modrm_read(c, 0, size, &d->src);
		d->src = emul_reg_read(c, d->rm, size);
		break;
	case OP_G: d->src = emul_reg_read(c, d->reg, size); break;
	case OP_AX: d->src = emul_reg_read(c, EMUL_RAX, size); break;
	case OP_O: d->src = emul_reg_read(c, d->rm, size); break;
	case OP_I: d->src = d->imm; break;
	case OP_ONE: d->src = 1; break;
	case OP_CL: d->src = c->gpr[EMUL_RCX] & 0xff; break;
	default: break;
	}
	return EMUL_OK;
}

static int load_dst(struct emul_ctxt *c, u32 size, u32 acc)
{
	struct emul_insn *d = &c->d;
	u32 f = d->op->flags;
	int rc;

	if (d->op->dst == OP_E && d->is_mem) {
		rc = emul_linear(c, d->seg, emul_ea_add(c, bit_offset(c, size)), size, f & F_WR, &d->ea_lin);
		if (rc == EMUL_OK && (f & F_RD)) {
			d->dst = 0;
			rc = emul_lin_read(c, d->ea_lin, &d->dst, size, acc | (f & F_WR ? EMUL_ACC_RMW : 0));
		}
		return rc;
	}
	if (!(f & F_RD))
		return EMUL_OK;
	switch (d->op->dst) {
	case OP_E: d->dst = emul_reg_read(c, d->rm, size); break;
	case OP_G: d->dst = emul_reg_read(c, d->reg, size); break;
	case OP_AX: d->dst = emul_reg_read(c, EMUL_RAX, size); break;
	case OP_O: d->dst = emul_reg_read(c, d->rm, size); break;
	default: break;
	}
	return EMUL_OK;
}

static int store_dst(struct emul_ctxt *c, u32 size, u32 acc, u64 old)
{
	struct emul_insn *d = &c->d;

	switch (d->op->dst) {
	case OP_E:
		if (!d->is_mem) {
			emul_reg_write(c, d->rm, size, d->dst);
			break;
		}
		/* A wrapping operand cannot be handed over whole: nobody locks one of those. */
		if ((acc & EMUL_ACC_LOCKED) && c->ops->cmpxchg && !emul_wraps(c, d->ea_lin, size))
			return c->ops->cmpxchg(c, d->ea_lin, &old, &d->dst, size, acc);
		return emul_lin_write(c, d->ea_lin, &d->dst, size, acc);
	case OP_G: emul_reg_write(c, d->reg, size, d->dst); break;
	case OP_AX: emul_reg_write(c, EMUL_RAX, size, d->dst); break;
	case OP_O: emul_reg_write(c, d->rm, size, d->dst); break;
	default: break;
	}
	return EMUL_OK;
}

static int run_generic(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 f = d->op->flags, size = opnd_size(c), acc = 0;
	int rc = load_src(c, size);
	u64 old;

	d->keep_dst = false;
	if (rc != EMUL_OK)
		return rc;
	if (d->lock || (f & F_LOCKIMP))
		acc = EMUL_ACC_LOCKED;
	rc = load_dst(c, size, acc);
	if (rc != EMUL_OK)
		return rc;
	old = d->dst;
	rc = d->op->u.fn(c);
	if (rc == EMUL_OK && (f & F_WR) && !d->keep_dst)
		rc = store_dst(c, size, acc, old);
	return rc;
}

/* What is checked before any operand is touched. */
static int check_legal(struct emul_ctxt *c)
{
	const struct emul_insn *d = &c->d;
	u32 f = d->op->flags;

	if (unlikely(!d->op->u.fn) || (d->lock && (!(f & F_LOCK) || !d->is_mem)))
		return emul_raise(c, VEC_UD);
	if (unlikely(f & (F_NO64 | F_PROT | F_MEM | F_REG | F_CRDR))) {
		if (((f & F_NO64) && is_long(c)) || ((f & F_PROT) && !is_prot(c)) || ((f & F_MEM) && !d->is_mem) ||
		    ((f & F_REG) && d->is_mem) || ((f & F_CRDR) && !emul_crdr_exists(d)))
			return emul_raise(c, VEC_UD);
	}
	if ((f & F_PRIV) && (c->mode == EMUL_VM86 || (c->mode != EMUL_REAL && emul_cpl(c))))
		return emul_raise_err(c, VEC_GP, 0);
	return EMUL_OK;
}

int emul_exec(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	int rc = check_legal(c);

	d->next_rip = c->rip + d->len;
	if (c->mode != EMUL_LONG64)
		d->next_rip &= 0xffffffff;
	if (rc == EMUL_OK)
		rc = d->op->flags & F_SIMPLE ? d->op->u.fn(c) : run_generic(c);
	if (likely(rc == EMUL_OK)) {
		c->rip = d->next_rip;
		c->dirty |= c->undo;
	} else if (unlikely(c->undo)) {
		emul_undo(c);
	}
	c->undo = 0;
	return rc;
}

int emul_run(struct emul_ctxt *c)
{
	int rc;

	if (likely(c->mode == EMUL_LONG64)) {
		rc = c->insn_len ? EMUL_OK : emul_fetch(c, 1);
		if (unlikely(rc != EMUL_OK))
			return rc;
		if (likely(c->insn_len == EMUL_MAX_INSN)) {
			rc = emul_fast_mov(c);
			if (rc != EMUL_FAST_NO)
				return rc;
		}
	}
	rc = emul_decode(c);
	return likely(rc == EMUL_OK) ? emul_exec(c) : rc;
}
