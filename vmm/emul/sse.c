/*
 * SSE and MMX moves. The registers themselves are in the CPU or in its save area; the ops fetch them.
 */
#include "vmm/emul/insn.h"

enum { P_NONE, P_66, P_F3, P_F2 };

static u32 simd_prefix(const struct emul_ctxt *c)
{
	return c->d.rep == 0xf3 ? P_F3 : c->d.rep == 0xf2 ? P_F2 : c->d.opsz ? P_66 : P_NONE;
}

/* May SSE (or MMX) be used at all? */
static int simd_ready(struct emul_ctxt *c, bool mmx)
{
	emul_need(c, EMUL_B_CR);
	if ((c->cr0 & CR0_EM) || (!mmx && !(c->cr4 & CR4_OSFXSR)))
		return emul_raise(c, VEC_UD);
	if (c->cr0 & CR0_TS)
		return emul_raise(c, VEC_NM);
	if (mmx ? !c->ops->get_mm || !c->ops->set_mm : !c->ops->get_xmm || !c->ops->set_xmm)
		return EMUL_UNSUPPORTED;
	return EMUL_OK;
}

/* One form of a vector move. */
struct move {
	u8 len;       /* bytes moved; 0: no such form here */
	bool store;   /* register to r/m */
	bool aligned; /* #GP unless 16-byte aligned */
	bool mmx;
	bool merge; /* a register-register move keeps the rest of the destination */
	bool high;  /* the high quadword of the register is meant */
	bool mem;   /* memory form only */
	bool dup;   /* see emul_duplicate() */
};

static const u8 scalar_len[] = { [P_NONE] = 16, [P_66] = 16, [P_F3] = 4, [P_F2] = 8 };

static struct move move_form(const struct emul_insn *d, u32 p)
{
	u8 op = d->opcode;

	switch (op) {
	case 0x10:
	case 0x11: return (struct move){ .len = scalar_len[p], .store = op & 1, .merge = p >= P_F3 };
	case 0x12:
	case 0x13:
	case 0x16:
	case 0x17: /* MOVLPS, MOVHPS and their PD twins, memory forms; MOVSLDUP, MOVSHDUP, MOVDDUP */
		if (p >= P_F3 && (op & 1 || op == (p == P_F2 ? 0x16 : 0)))
			break;
		if (p >= P_F3)
			return (struct move){ .len = p == P_F3 ? 16 : 8, .aligned = p == P_F3, .dup = true };
		return (struct move){ .len = 8, .store = op & 1, .high = op & 4, .merge = true, .mem = true };
	case 0x28:
	case 0x29:
	case 0x2b:
		if (p >= P_F3)
			break;
		return (struct move){ .len = 16, .store = op & 1, .aligned = true, .mem = op == 0x2b };
	case 0x6f:
	case 0x7f:
		if (p == P_F2)
			break;
		return (struct move){ .len = p ? 16 : 8, .store = op == 0x7f, .aligned = p == P_66, .mmx = !p };
	case 0xd6:
		if (p != P_66)
			break;
		return (struct move){ .len = 8, .store = true };
	case 0xe7:
		if (p >= P_F3)
			break;
		return (struct move){ .len = p ? 16 : 8, .store = true, .aligned = p, .mmx = !p, .mem = true };
	case 0x2a: /* MOVNTDQA, of 0F 38 */
		if (p != P_66)
			break;
		return (struct move){ .len = 16, .aligned = true, .mem = true };
	case 0xf0: /* LDDQU */
		if (p != P_F2)
			break;
		return (struct move){ .len = 16, .mem = true };
	case 0x7e:
		if (p == P_F3)
			return (struct move){ .len = 8 };
		break;
	default: break;
	}
	return (struct move){ 0 };
}

static int get_reg(struct emul_ctxt *c, bool mmx, u8 nr, u64 v[2])
{
	v[1] = 0;
	return mmx ? c->ops->get_mm(c, nr & 7, v) : c->ops->get_xmm(c, nr, v);
}

static int set_reg(struct emul_ctxt *c, bool mmx, u8 nr, const u64 v[2])
{
	return mmx ? c->ops->set_mm(c, nr & 7, v[0]) : c->ops->set_xmm(c, nr, v);
}

void emul_duplicate(const struct emul_ctxt *c, u64 *v, u32 nr)
{
	const struct emul_insn *d = &c->d;
	bool quad = d->vex ? (d->vex & 3) == P_F2 : d->rep == 0xf2;

	for (u32 i = 0; i < nr; i++) {
		u64 half = d->opcode == 0x16 ? v[i] >> 32 : (u32)v[i];

		v[i] = quad ? v[i & ~1u] : half << 32 | half;
	}
}

static int move_mem(struct emul_ctxt *c, const struct move *m)
{
	struct emul_insn *d = &c->d;
	u64 v[2], part[2] = { 0 }, ea = emul_ea(c), lin;
	int rc = m->aligned && m->len == 16 ? emul_aligned(c, d->seg, ea, 16) : EMUL_OK;

	if (rc == EMUL_OK)
		rc = emul_linear(c, d->seg, ea, m->len, m->store, &lin);
	if (rc != EMUL_OK)
		return rc;
	rc = get_reg(c, m->mmx, d->reg, v);
	if (rc != EMUL_OK)
		return rc;
	if (m->store)
		return emul_lin_write(c, lin, m->high ? &v[1] : v, m->len, 0);
	rc = emul_lin_read(c, lin, part, m->len, 0);
	if (rc != EMUL_OK)
		return rc;
	if (m->mem && m->merge) { /* half of the register */
		v[m->high] = part[0];
		return set_reg(c, m->mmx, d->reg, v);
	}
	if (m->dup)
		emul_duplicate(c, part, 2);
	return set_reg(c, m->mmx, d->reg, part);
}

static int move_reg(struct emul_ctxt *c, const struct move *m)
{
	struct emul_insn *d = &c->d;
	u8 to = m->store ? d->rm : d->reg, from = m->store ? d->reg : d->rm;
	u64 v[2], old[2];
	int rc = get_reg(c, m->mmx, from, v);

	if (rc == EMUL_OK && m->merge)
		rc = get_reg(c, m->mmx, to, old);
	if (rc != EMUL_OK)
		return rc;
	if (m->merge) {
		u64 mask = size_mask(m->len);

		v[0] = (old[0] & ~mask) | (v[0] & mask);
		v[1] = old[1];
	} else if (m->len == 8) {
		v[1] = 0;
	}
	if (m->dup)
		emul_duplicate(c, v, 2);
	return set_reg(c, m->mmx, to, v);
}

int emul_op_sse_mov(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	struct move m = move_form(d, simd_prefix(c));
	int rc;

	if (!m.len)
		return EMUL_UNSUPPORTED;
	if (m.mem && !d->is_mem && (d->opcode == 0x12 || d->opcode == 0x16) && !d->opsz) {
		/* MOVHLPS, MOVLHPS */
		u64 v[2], from[2];

		rc = simd_ready(c, false);
		if (rc == EMUL_OK)
			rc = get_reg(c, false, d->rm, from);
		if (rc == EMUL_OK)
			rc = get_reg(c, false, d->reg, v);
		if (rc != EMUL_OK)
			return rc;
		v[d->opcode == 0x16] = from[d->opcode == 0x12];
		return set_reg(c, false, d->reg, v);
	}
	if (m.mem && !d->is_mem)
		return emul_raise(c, VEC_UD);
	rc = simd_ready(c, m.mmx);
	if (rc != EMUL_OK)
		return rc;
	return d->is_mem ? move_mem(c, &m) : move_reg(c, &m);
}

/* MASKMOVQ, MASKMOVDQU: those bytes of reg go to DS:rDI whose bytes of r/m have bit 7 set; neighbours at once. */
int emul_op_maskmov(struct emul_ctxt *c)
{
	const struct emul_insn *d = &c->d;
	u32 p = simd_prefix(c), len = p == P_66 ? 16 : 8;
	u32 seg = d->seg_ovr == 0xff ? EMUL_DS : d->seg_ovr;
	u8 mask[16], data[16];
	u64 v[2], lin;
	int rc;

	if (p >= P_F3)
		return emul_raise(c, VEC_UD);
	rc = simd_ready(c, p == P_NONE);
	if (rc == EMUL_OK)
		rc = get_reg(c, p == P_NONE, d->rm, v);
	memcpy(mask, v, 16);
	if (rc == EMUL_OK)
		rc = get_reg(c, p == P_NONE, d->reg, v);
	memcpy(data, v, 16);
	for (u32 i = 0, end; i < len && rc == EMUL_OK; i = end) {
		for (end = i + 1; end < len && !((mask[end] ^ mask[i]) & 0x80);)
			end++;
		if (!(mask[i] & 0x80))
			continue;
		rc = emul_linear(c, seg, (emul_gpr(c, EMUL_RDI) + i) & size_mask(d->ad_size), end - i, true, &lin);
		if (rc == EMUL_OK)
			rc = emul_lin_write(c, lin, data + i, end - i, 0);
	}
	return rc;
}

/* 6E: MOVD/MOVQ from r/m; 7E: to r/m, or with F3 the quadword load. */
int emul_op_sse_movd(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 p = simd_prefix(c), size = d->rex & 8 ? 8 : 4;
	bool mmx = p == P_NONE;
	u64 v[2] = { 0 };
	int rc;

	if (p == P_F3 && d->opcode == 0x7e)
		return emul_op_sse_mov(c);
	if (p >= P_F3)
		return EMUL_UNSUPPORTED;
	rc = simd_ready(c, mmx);
	if (rc != EMUL_OK)
		return rc;
	if (d->opcode == 0x6e) {
		if (d->is_mem)
			rc = emul_modrm_read(c, 0, size, v);
		else
			v[0] = emul_reg_read(c, d->rm, size);
		return rc == EMUL_OK ? set_reg(c, mmx, d->reg, v) : rc;
	}
	rc = get_reg(c, mmx, d->reg, v);
	if (rc != EMUL_OK)
		return rc;
	if (d->is_mem)
		return emul_modrm_write(c, 0, size, v[0]);
	emul_reg_write(c, d->rm, size, v[0]);
	return EMUL_OK;
}

int emul_op_emms(struct emul_ctxt *c)
{
	int rc = simd_ready(c, true);
	u32 v = 0;

	if (rc == EMUL_OK)
		rc = c->ops->fpu ? c->ops->fpu(c, EMUL_FPU_EMMS, &v) : EMUL_UNSUPPORTED;
	return rc;
}
