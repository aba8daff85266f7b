/* Port I/O, software interrupts, interrupt flag, HLT and cache control. */
#include "vmm/emul/insn.h"

static u32 iopl(struct emul_ctxt *c)
{
	return (u32)(emul_flags(c) & FL_IOPL) >> 12;
}

/* CPL as the mode has it: real mode is 0, virtual-8086 mode 3. */
static u32 mode_cpl(struct emul_ctxt *c)
{
	return c->mode == EMUL_REAL ? 0 : c->mode == EMUL_VM86 ? 3 : emul_cpl(c);
}

/* SDM vol. 1, "I/O Permission Bit Map". */
int emul_io_allowed(struct emul_ctxt *c, u16 port, u32 size)
{
	const struct emul_seg *tr;
	u16 map = 0, bits = 0;
	u32 off;
	int rc;

	if (c->mode == EMUL_REAL || (c->mode != EMUL_VM86 && emul_cpl(c) <= iopl(c)))
		return EMUL_OK;
	tr = emul_seg(c, EMUL_TR);
	if ((tr->attr & EMUL_ATTR_UNUSABLE) || (tr->attr & 0xd) != 9 || tr->limit < 103)
		return emul_raise_err(c, VEC_GP, 0);
	rc = emul_lin_read(c, tr->base + 102, &map, 2, EMUL_ACC_SYS);
	if (rc != EMUL_OK)
		return rc;
	off = map + port / 8u;
	if (off + 1 > tr->limit)
		return emul_raise_err(c, VEC_GP, 0);
	rc = emul_lin_read(c, tr->base + off, &bits, 2, EMUL_ACC_SYS);
	if (rc != EMUL_OK)
		return rc;
	return (bits >> (port & 7)) & ((1u << size) - 1) ? emul_raise_err(c, VEC_GP, 0) : EMUL_OK;
}

/* E4..E7 take the port from the immediate, EC..EF from DX. */
static u16 io_port(struct emul_ctxt *c)
{
	return c->d.opcode & 8 ? (u16)c->gpr[EMUL_RDX] : (u16)c->d.imm;
}

int emul_op_in(struct emul_ctxt *c)
{
	u32 size = MIN(opnd_size(c), 4u);
	u64 v = 0;
	int rc = emul_io_allowed(c, io_port(c), size);

	if (rc == EMUL_OK)
		rc = c->ops->pio_in ? c->ops->pio_in(c, io_port(c), (u8)size, 1, &v) : EMUL_UNSUPPORTED;
	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RAX, size, v);
	return rc;
}

int emul_op_out(struct emul_ctxt *c)
{
	u32 size = MIN(opnd_size(c), 4u);
	u64 v = c->gpr[EMUL_RAX] & size_mask(size);
	int rc = emul_io_allowed(c, io_port(c), size);

	if (rc == EMUL_OK)
		rc = c->ops->pio_out ? c->ops->pio_out(c, io_port(c), (u8)size, 1, &v) : EMUL_UNSUPPORTED;
	return rc;
}

/* --- software interrupts: delivery is the caller's, through event injection --- */

static int soft(struct emul_ctxt *c, u8 vector, enum emul_exc_kind kind)
{
	emul_raise(c, vector);
	c->exception.kind = kind;
	c->exception.insn_len = c->d.len;
	return EMUL_FAULT;
}

int emul_op_int3(struct emul_ctxt *c)
{
	return soft(c, VEC_BP, EMUL_EXC_SOFT_EXC);
}

int emul_op_int1(struct emul_ctxt *c)
{
	return soft(c, VEC_DB, EMUL_EXC_PRIV_SOFT);
}

int emul_op_int_n(struct emul_ctxt *c)
{
	if (c->mode == EMUL_VM86 && iopl(c) < 3)
		return emul_raise_err(c, VEC_GP, 0);
	return soft(c, (u8)c->d.imm, EMUL_EXC_SOFT_INT);
}

int emul_op_into(struct emul_ctxt *c)
{
	return emul_flags(c) & FL_OF ? soft(c, VEC_OF, EMUL_EXC_SOFT_EXC) : EMUL_OK;
}

int emul_op_ud(struct emul_ctxt *c)
{
	return emul_raise(c, VEC_UD);
}

int emul_op_unsupported(struct emul_ctxt *c)
{
	(void)c;
	return EMUL_UNSUPPORTED;
}

static int misc(struct emul_ctxt *c, enum emul_misc what, u64 arg)
{
	return c->ops->misc ? c->ops->misc(c, what, arg) : EMUL_UNSUPPORTED;
}

int emul_op_hlt(struct emul_ctxt *c)
{
	return misc(c, EMUL_MISC_HLT, 0);
}

int emul_op_invd(struct emul_ctxt *c)
{
	return misc(c, EMUL_MISC_INVD, 0);
}

int emul_op_wbinvd(struct emul_ctxt *c)
{
	return misc(c, EMUL_MISC_WBINVD, 0);
}

int emul_op_cli(struct emul_ctxt *c)
{
	if (mode_cpl(c) > iopl(c)) {
		emul_need(c, EMUL_B_CR);
		if (c->cr4 & (c->mode == EMUL_VM86 ? CR4_VME : CR4_PVI))
			return EMUL_UNSUPPORTED; /* virtual interrupts */
		return emul_raise_err(c, VEC_GP, 0);
	}
	emul_set_flags(c, FL_IF, 0);
	return EMUL_OK;
}

int emul_op_sti(struct emul_ctxt *c)
{
	if (mode_cpl(c) > iopl(c)) {
		emul_need(c, EMUL_B_CR);
		if (c->cr4 & (c->mode == EMUL_VM86 ? CR4_VME : CR4_PVI))
			return EMUL_UNSUPPORTED;
		return emul_raise_err(c, VEC_GP, 0);
	}
	c->sti_shadow = !(emul_flags(c) & FL_IF);
	emul_set_flags(c, FL_IF, FL_IF);
	return EMUL_OK;
}
