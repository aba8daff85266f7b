/*
 * x87 instructions: those that only touch control state, and, run by the ops, all with an operand in memory that is a
 * number. Copies by FILD and FISTP, or FLD and FSTP, were the fastest to video memory once. SDM vol. 1, "x87 FPU
 * Instruction Set".
 */
#include "vmm/emul/insn.h"

static int x87(struct emul_ctxt *c, enum emul_fpu what, u32 *v)
{
	emul_need(c, EMUL_B_CR);
	if (c->cr0 & (CR0_EM | CR0_TS))
		return emul_raise(c, VEC_NM);
	return c->ops->fpu ? c->ops->fpu(c, what, v) : EMUL_UNSUPPORTED;
}

int emul_op_fwait(struct emul_ctxt *c)
{
	u32 v = 0;

	emul_need(c, EMUL_B_CR);
	if ((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		return emul_raise(c, VEC_NM);
	return c->ops->fpu ? c->ops->fpu(c, EMUL_FPU_WAIT, &v) : EMUL_UNSUPPORTED;
}

#define ST(bytes) (0x80 | (bytes))

/* Bytes of operands in memory, ST() where they are written; 0: control and state, which are others' or nobody's. */
static const u8 operand[8][8] = {
	{ 4, 4, 4, 4, 4, 4, 4, 4 },                       /* D8: arithmetic, m32 */
	{ 4, 0, ST(4), ST(4) },                           /* D9: FLD, FST, FSTP m32 */
	{ 4, 4, 4, 4, 4, 4, 4, 4 },                       /* DA: arithmetic, m32 integers */
	{ 4, ST(4), ST(4), ST(4), 0, 10, 0, ST(10) },     /* DB: FILD, FISTTP, FIST, FISTP m32; FLD, FSTP m80 */
	{ 8, 8, 8, 8, 8, 8, 8, 8 },                       /* DC: arithmetic, m64 */
	{ 8, ST(8), ST(8), ST(8) },                       /* DD: FLD, FISTTP, FST, FSTP m64 */
	{ 2, 2, 2, 2, 2, 2, 2, 2 },                       /* DE: arithmetic, m16 integers */
	{ 2, ST(2), ST(2), ST(2), 10, 8, ST(10), ST(8) }, /* DF: m16; FBLD, FILD, FBSTP, FISTP m64 */
};

/* What is read is read before the instruction, which runs once; what it wrote may be refused, and then it has not run. */
static int move(struct emul_ctxt *c, u8 form)
{
	struct emul_insn *d = &c->d;
	u64 ea = emul_ea(c), lin;
	struct emul_x87 x = { .op = (u8)((d->opcode & 7) << 3 | (d->reg & 7)),
		              .len = form & 0x7f,
		              .store = form & 0x80,
		              .rm = (u8)(d->mod << 6 | (d->rm & 7)),
		              .ip = c->rip,
		              .ea = ea,
		              .cs = emul_seg(c, EMUL_CS)->sel,
		              .seg = emul_seg(c, d->seg)->sel };
	u32 v = 0;
	int rc = c->ops->x87 && c->ops->x87_undo ? x87(c, EMUL_FPU_WAIT, &v) : EMUL_UNSUPPORTED;

	if (rc == EMUL_OK)
		rc = emul_linear(c, d->seg, ea, x.len, x.store, &lin);
	if (rc == EMUL_OK && !x.store)
		rc = emul_lin_read(c, lin, x.data, x.len, 0);
	if (rc == EMUL_OK)
		rc = c->ops->x87(c, &x);
	if (rc != EMUL_OK || !x.store || !x.len)
		return rc;
	rc = emul_lin_write(c, lin, x.data, x.len, 0);
	if (rc != EMUL_OK)
		c->ops->x87_undo(c);
	return rc;
}

static int fpu_mem(struct emul_ctxt *c, u32 key)
{
	u32 v = 0;
	u64 m = 0;
	int rc;

	switch (key) {
	case 0xd95: /* FLDCW */
		rc = x87(c, EMUL_FPU_GET_CW, &v);
		if (rc == EMUL_OK)
			rc = emul_modrm_read(c, 0, 2, &m);
		v = (u32)m;
		return rc == EMUL_OK ? c->ops->fpu(c, EMUL_FPU_SET_CW, &v) : rc;
	case 0xd97: /* FNSTCW */ rc = x87(c, EMUL_FPU_GET_CW, &v); break;
	case 0xdd7: /* FNSTSW */ rc = x87(c, EMUL_FPU_GET_SW, &v); break;
	default: return EMUL_UNSUPPORTED;
	}
	return rc == EMUL_OK ? emul_modrm_write(c, 0, 2, v & 0xffff) : rc;
}

int emul_op_fpu(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 v = 0;
	int rc;

	if (d->is_mem) {
		u8 form = operand[d->opcode & 7][d->reg & 7];

		return form ? move(c, form) : fpu_mem(c, (u32)d->opcode << 4 | (d->reg & 7));
	}
	switch ((u32)d->opcode << 8 | 0xc0 | (d->reg & 7u) << 3 | (d->rm & 7)) {
	case 0xd9d0: return x87(c, EMUL_FPU_WAIT, &v); /* FNOP */
	case 0xdbe2: return x87(c, EMUL_FPU_CLEX, &v);
	case 0xdbe3: return x87(c, EMUL_FPU_INIT, &v);
	case 0xdfe0: /* FNSTSW AX */
		rc = x87(c, EMUL_FPU_GET_SW, &v);
		if (rc == EMUL_OK)
			emul_reg_merge(c, EMUL_RAX, 2, v);
		return rc;
	default: return EMUL_UNSUPPORTED;
	}
}
