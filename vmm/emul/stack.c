/* Stack instructions and near control transfers. */
#include "vmm/emul/insn.h"

int emul_op_push(struct emul_ctxt *c)
{
	return emul_push(c, c->d.src, c->d.op_size);
}

int emul_op_pop(struct emul_ctxt *c)
{
	return emul_pop(c, &c->d.dst, c->d.op_size);
}

/* The address of the destination is formed after rSP went up (SDM vol. 2, "POP"). */
int emul_op_pop_ev(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 v;
	int rc = emul_pop(c, &v, d->op_size);

	if (rc != EMUL_OK)
		return rc;
	if (d->is_mem)
		return emul_modrm_write(c, 0, d->op_size, v);
	emul_reg_write(c, d->rm, d->op_size, v);
	return EMUL_OK;
}

int emul_op_push_seg(struct emul_ctxt *c)
{
	return emul_push(c, emul_seg(c, (c->d.opcode >> 3) & 7)->sel, c->d.op_size);
}

int emul_op_pop_seg(struct emul_ctxt *c)
{
	u32 s = (c->d.opcode >> 3) & 7;
	u64 v;
	int rc = emul_pop(c, &v, c->d.op_size);

	if (rc == EMUL_OK)
		rc = emul_load_seg(c, s, (u16)v);
	if (rc == EMUL_OK && s == EMUL_SS)
		c->ss_shadow = true;
	return rc;
}

/* One access for the eight registers, so that a fault leaves nothing half done; only where SP wraps inside, eight. */
int emul_op_pusha(struct emul_ctxt *c)
{
	u32 size = c->d.op_size, ss = emul_stack_size(c), len = 8 * size;
	u64 old = emul_gpr(c, EMUL_RSP), sp = (old - len) & size_mask(ss), lin;
	u8 buf[32];
	int rc;

	if (sp + len > size_mask(ss)) {
		for (u32 r = 0; r < 8; r++) {
			rc = emul_push(c, r == EMUL_RSP ? old : c->gpr[r], size);
			if (rc != EMUL_OK)
				return rc;
		}
		return EMUL_OK;
	}
	for (u32 r = 0; r < 8; r++)
		memcpy(buf + (7 - r) * size, &c->gpr[r], size);
	rc = emul_linear(c, EMUL_SS, sp, len, true, &lin);
	if (rc == EMUL_OK)
		rc = emul_lin_write(c, lin, buf, len, 0);
	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RSP, ss, sp);
	return rc;
}

int emul_op_popa(struct emul_ctxt *c)
{
	u64 v;

	for (u32 r = 8; r-- > 0;) {
		int rc = emul_pop(c, &v, c->d.op_size);

		if (rc != EMUL_OK)
			return rc;
		if (r != EMUL_RSP)
			emul_reg_merge(c, r, c->d.op_size, v);
	}
	return EMUL_OK;
}

static u32 iopl(struct emul_ctxt *c)
{
	return (u32)(emul_flags(c) & FL_IOPL) >> 12;
}

int emul_op_pushf(struct emul_ctxt *c)
{
	if (c->mode == EMUL_VM86 && iopl(c) < 3)
		return emul_raise_err(c, VEC_GP, 0);
	return emul_push(c, (emul_flags(c) & ~(FL_VM | FL_RF)) | FL_ONE, c->d.op_size);
}

/* SDM vol. 2, "POPF/POPFD/POPFQ": what may change depends on CPL and IOPL. */
int emul_op_popf(struct emul_ctxt *c)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT, v;
	u32 cpl = c->mode == EMUL_REAL ? 0 : c->mode == EMUL_VM86 ? 3 : emul_cpl(c);
	int rc;

	if (c->mode == EMUL_VM86 && iopl(c) < 3)
		return emul_raise_err(c, VEC_GP, 0);
	rc = emul_pop(c, &v, c->d.op_size);
	if (rc != EMUL_OK)
		return rc;
	if (cpl == 0)
		mask |= FL_IOPL;
	if (cpl <= iopl(c))
		mask |= FL_IF;
	if (c->d.op_size >= 4) {
		mask |= FL_AC | FL_ID | FL_RF;
		v &= ~FL_RF;
	}
	emul_set_flags(c, mask, v);
	return EMUL_OK;
}

/* SDM vol. 2, "ENTER". */
int emul_op_enter(struct emul_ctxt *c)
{
	u32 size = c->d.op_size, ss = emul_stack_size(c), level = c->d.imm2 & 31;
	u64 frame, bp = c->gpr[EMUL_RBP], v;
	int rc = emul_push(c, bp, size);

	if (rc != EMUL_OK)
		return rc;
	frame = c->gpr[EMUL_RSP];
	for (u32 i = 1; i < level; i++) {
		bp = (bp - size) & size_mask(ss);
		rc = emul_mem_read(c, EMUL_SS, bp, size, &v);
		if (rc == EMUL_OK)
			rc = emul_push(c, v, size);
		if (rc != EMUL_OK)
			return rc;
	}
	if (level) {
		rc = emul_push(c, frame, size);
		if (rc != EMUL_OK)
			return rc;
	}
	emul_reg_merge(c, EMUL_RBP, ss, frame);
	emul_reg_merge(c, EMUL_RSP, ss, c->gpr[EMUL_RSP] - c->d.imm);
	return EMUL_OK;
}

int emul_op_leave(struct emul_ctxt *c)
{
	u64 v;
	int rc;

	emul_reg_merge(c, EMUL_RSP, emul_stack_size(c), c->gpr[EMUL_RBP]);
	rc = emul_pop(c, &v, c->d.op_size);
	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RBP, c->d.op_size, v);
	return rc;
}

/* --- near transfers: the target is checked before anything is pushed --- */

static int call_to(struct emul_ctxt *c, u64 target)
{
	u64 ret = c->d.next_rip;
	int rc = emul_jump(c, target, c->d.op_size);

	return rc == EMUL_OK ? emul_push(c, ret, c->d.op_size) : rc;
}

int emul_op_call(struct emul_ctxt *c)
{
	return call_to(c, c->d.next_rip + c->d.imm);
}

int emul_op_call_ev(struct emul_ctxt *c)
{
	return call_to(c, c->d.src);
}

int emul_op_jmp(struct emul_ctxt *c)
{
	return emul_jump(c, c->d.next_rip + c->d.imm, c->d.op_size);
}

int emul_op_jmp_ev(struct emul_ctxt *c)
{
	return emul_jump(c, c->d.src, c->d.op_size);
}

int emul_op_jcc(struct emul_ctxt *c)
{
	return alu_cond(emul_flags(c), c->d.opcode) ? emul_op_jmp(c) : EMUL_OK;
}

/* LOOPNE (E0), LOOPE (E1), LOOP (E2), JrCXZ (E3); the address size selects the counter. */
int emul_op_loop(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u64 m = size_mask(d->ad_size), n = c->gpr[EMUL_RCX] & m;
	bool take;

	if (d->opcode == 0xe3) {
		take = !n;
	} else {
		n = (n - 1) & m;
		emul_reg_merge(c, EMUL_RCX, d->ad_size, n);
		take = n && (d->opcode == 0xe2 || !(emul_flags(c) & FL_ZF) == (d->opcode == 0xe0));
	}
	return take ? emul_op_jmp(c) : EMUL_OK;
}

int emul_op_ret_imm(struct emul_ctxt *c)
{
	u64 v;
	int rc = emul_pop(c, &v, c->d.op_size);

	if (rc == EMUL_OK)
		rc = emul_jump(c, v, c->d.op_size);
	if (rc == EMUL_OK && c->d.imm)
		emul_reg_merge(c, EMUL_RSP, emul_stack_size(c), c->gpr[EMUL_RSP] + c->d.imm);
	return rc;
}

int emul_op_ret(struct emul_ctxt *c)
{
	return emul_op_ret_imm(c);
}

int emul_op_bound(struct emul_ctxt *c)
{
	u32 size = c->d.op_size;
	s64 idx = (s64)sign_extend(emul_reg_read(c, c->d.reg, size), size);
	u64 lo, hi;
	int rc = emul_modrm_read(c, 0, size, &lo);

	if (rc == EMUL_OK)
		rc = emul_modrm_read(c, (s64)size, size, &hi);
	if (rc != EMUL_OK)
		return rc;
	if (idx < (s64)sign_extend(lo, size) || idx > (s64)sign_extend(hi, size))
		return emul_raise(c, VEC_BR);
	return EMUL_OK;
}
