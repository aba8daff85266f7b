/* Segmentation and memory operands: from seg:offset to the linear addresses the ops take. */
#include "vmm/emul/insn.h"

bool emul_canonical(struct emul_ctxt *c, u64 lin)
{
	u64 top = (u64)((s64)lin >> 47);

	if (top == 0 || top == ~0ull)
		return true;
	emul_need(c, EMUL_B_CR);
	if (!(c->cr4 & CR4_LA57))
		return false;
	top = (u64)((s64)lin >> 56);
	return top == 0 || top == ~0ull;
}

static int seg_fault(struct emul_ctxt *c, u32 seg)
{
	return emul_raise_err(c, seg == EMUL_SS ? VEC_SS : VEC_GP, 0);
}

/* SDM vol. 3, "Alignment Check Exception": user mode only, natural alignment. */
bool emul_misaligned(struct emul_ctxt *c, u64 lin, u32 len)
{
	if (!(lin & (len - 1)) || len > 8 || (len & (len - 1)) || emul_cpl(c) != 3)
		return false;
	emul_need(c, EMUL_B_CR);
	return (c->cr0 & CR0_AM) && (emul_flags(c) & FL_AC);
}

/* SDM vol. 3, "Limit Checking" and "Type Checking". */
static bool seg_allows(struct emul_ctxt *c, const struct emul_seg *s, u64 off, u32 len, bool write)
{
	u64 last = off + len - 1;
	u32 type = s->attr & EMUL_ATTR_TYPE;

	if (c->mode >= EMUL_PROT16) {
		if (s->attr & EMUL_ATTR_UNUSABLE)
			return false;
		if (type & 8 ? write || !(type & 2) : write && !(type & 2))
			return false;
	}
	if ((type & 0xc) == 4) /* expand-down data */
		return off > s->limit && last <= (s->attr & EMUL_ATTR_DB ? 0xffffffffu : 0xffffu);
	return last <= s->limit;
}

int emul_linear(struct emul_ctxt *c, u32 seg, u64 off, u32 len, bool write, u64 *lin)
{
	if (likely(c->mode == EMUL_LONG64)) {
		*lin = off;
		if (seg >= EMUL_FS && seg <= EMUL_GS)
			*lin += emul_seg(c, seg)->base;
		if (!canonical(c, *lin) || !canonical(c, *lin + len - 1))
			return seg_fault(c, seg);
	} else {
		const struct emul_seg *s = emul_seg(c, seg);

		off &= 0xffffffff;
		if (!seg_allows(c, s, off, len, write))
			return seg_fault(c, seg);
		*lin = (u32)(s->base + off);
	}
	if (unlikely(*lin & (len - 1)) && emul_misaligned(c, *lin, len))
		return emul_raise_err(c, VEC_AC, 0);
	return EMUL_OK;
}

int emul_aligned(struct emul_ctxt *c, u32 seg, u64 off, u32 len)
{
	u64 lin = off;

	if (!is_long(c) || seg >= EMUL_FS)
		lin += emul_seg(c, seg)->base;
	return lin & (len - 1) ? emul_raise_err(c, VEC_GP, 0) : EMUL_OK;
}

/* Bytes from lin to where the linear address space wraps (at 4 GiB outside 64-bit mode). */
static u32 before_wrap(const struct emul_ctxt *c, u64 lin)
{
	return (u32)((is_long(c) ? 0 : BIT(32)) - lin);
}

int emul_lin_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	u32 n;
	int rc;

	if (likely(!emul_wraps(c, lin, len)))
		return c->ops->read(c, lin, buf, len, flags);
	n = before_wrap(c, lin);
	rc = c->ops->read(c, lin, buf, n, flags);
	if (rc == EMUL_OK)
		rc = c->ops->read(c, 0, (u8 *)buf + n, len - n, flags);
	return rc;
}

int emul_lin_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	u32 n;
	int rc;

	if (likely(!emul_wraps(c, lin, len)))
		return c->ops->write(c, lin, buf, len, flags);
	n = before_wrap(c, lin);
	if (c->ops->check) {
		rc = c->ops->check(c, 0, len - n, flags | EMUL_ACC_WRITE);
		if (rc != EMUL_OK)
			return rc;
	}
	rc = c->ops->write(c, lin, buf, n, flags);
	if (rc == EMUL_OK)
		rc = c->ops->write(c, 0, (const u8 *)buf + n, len - n, flags);
	return rc;
}

int emul_mem_read(struct emul_ctxt *c, u32 seg, u64 off, u32 size, u64 *val)
{
	u64 lin;
	int rc = emul_linear(c, seg, off, size, false, &lin);

	*val = 0;
	return rc == EMUL_OK ? emul_lin_read(c, lin, val, size, 0) : rc;
}

int emul_mem_write(struct emul_ctxt *c, u32 seg, u64 off, u32 size, u64 val)
{
	u64 lin;
	int rc = emul_linear(c, seg, off, size, true, &lin);

	return rc == EMUL_OK ? emul_lin_write(c, lin, &val, size, 0) : rc;
}

u64 emul_ea_add(struct emul_ctxt *c, s64 delta)
{
	const struct emul_insn *d = &c->d;
	u64 ea = (u64)d->disp + (u64)delta;

	if (d->base == EMUL_REG_RIP)
		ea += c->rip + d->len;
	else if (d->base != EMUL_NO_REG)
		ea += emul_gpr(c, d->base);
	if (d->index != EMUL_NO_REG)
		ea += c->gpr[d->index] << d->scale;
	return ea & size_mask(d->ad_size);
}

u64 emul_ea(struct emul_ctxt *c)
{
	return emul_ea_add(c, 0);
}

int emul_modrm_read(struct emul_ctxt *c, s64 delta, u32 size, u64 *val)
{
	return emul_mem_read(c, c->d.seg, emul_ea_add(c, delta), size, val);
}

int emul_modrm_write(struct emul_ctxt *c, s64 delta, u32 size, u64 val)
{
	return emul_mem_write(c, c->d.seg, emul_ea_add(c, delta), size, val);
}

u32 emul_stack_size(struct emul_ctxt *c)
{
	if (is_long(c))
		return 8;
	return emul_seg(c, EMUL_SS)->attr & EMUL_ATTR_DB ? 4 : 2;
}

int emul_push(struct emul_ctxt *c, u64 val, u32 size)
{
	u32 ss = emul_stack_size(c);
	u64 sp = (emul_gpr(c, EMUL_RSP) - size) & size_mask(ss);
	int rc = emul_mem_write(c, EMUL_SS, sp, size, val);

	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RSP, ss, sp);
	return rc;
}

int emul_pop(struct emul_ctxt *c, u64 *val, u32 size)
{
	u32 ss = emul_stack_size(c);
	u64 sp = emul_gpr(c, EMUL_RSP) & size_mask(ss);
	int rc = emul_mem_read(c, EMUL_SS, sp, size, val);

	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RSP, ss, sp + size);
	return rc;
}
