/* AVX moves: 128 and 256 bits, what compilers and copy routines use on device memory.
 * SDM vol. 2, chapters of each. */
#include "vmm/emul/insn.h"

#define XCR0_AVX_STATE 6u

enum { P_NONE, P_66, P_F3, P_F2 };

/* One form of a move. */
struct form {
	u8 len;                   /* bytes moved; 0: no such form here */
	bool store, aligned, mem; /* register to r/m; #GP unless aligned to len; memory form only */
	bool no256;               /* #UD with VEX.L */
};

static struct form form_of(const struct emul_insn *d)
{
	u32 p = d->vex & 3;
	u8 op = d->opcode, len = d->vex & EMUL_VEX_256 ? 32 : 16;

	if (d->map == 2 && op == 0x2a && p == P_66) /* VMOVNTDQA */
		return (struct form){ .len = len, .aligned = true, .mem = true };
	if (d->map != 1)
		return (struct form){ 0 };
	switch (op) {
	case 0x10: /* VMOVUPS, VMOVUPD, VMOVSS, VMOVSD */
	case 0x11:
		return (struct form){ .len = p == P_F3 ? 4 : p == P_F2 ? 8 : len, .store = op & 1, .mem = p >= P_F3 };
	case 0x28: /* VMOVAPS, VMOVAPD */
	case 0x29:
	case 0x2b: /* VMOVNTPS, VMOVNTPD */
		if (p >= P_F3)
			break;
		return (struct form){ .len = len, .store = op & 1, .aligned = true, .mem = op == 0x2b };
	case 0x6f: /* VMOVDQA, VMOVDQU */
	case 0x7f:
		if (p == P_NONE || p == P_F2)
			break;
		return (struct form){ .len = len, .store = op == 0x7f, .aligned = p == P_66 };
	case 0x7e: /* VMOVQ */
	case 0xd6:
		if (p != (op == 0x7e ? P_F3 : P_66))
			break;
		return (struct form){ .len = 8, .store = op == 0xd6, .no256 = true };
	case 0xe7: /* VMOVNTDQ */
		if (p != P_66)
			break;
		return (struct form){ .len = len, .store = true, .aligned = true, .mem = true };
	default: break;
	}
	return (struct form){ 0 };
}

/* May the encoding (bad: it is none) be used at all? #UD comes before #NM:
 * SDM vol. 3, "Priority Among Concurrent Events". */
static int ready(struct emul_ctxt *c, bool bad)
{
	u64 xcr0 = 0;

	emul_need(c, EMUL_B_CR);
	if (!c->ops->get_ymm || !c->ops->set_ymm || !c->ops->xcr)
		return EMUL_UNSUPPORTED;
	if (bad || !(c->cr4 & CR4_OSXSAVE))
		return emul_raise(c, VEC_UD);
	if (c->ops->xcr(c, 0, &xcr0, false) != EMUL_OK || (xcr0 & XCR0_AVX_STATE) != XCR0_AVX_STATE)
		return emul_raise(c, VEC_UD);
	return c->cr0 & CR0_TS ? emul_raise(c, VEC_NM) : EMUL_OK;
}

static int move_reg(struct emul_ctxt *c, const struct form *m)
{
	const struct emul_insn *d = &c->d;
	u64 from[4], v[4] = { 0 };
	int rc = c->ops->get_ymm(c, m->store ? d->reg : d->rm, from);

	if (rc != EMUL_OK)
		return rc;
	memcpy(v, from, m->len);
	return c->ops->set_ymm(c, m->store ? d->rm : d->reg, v);
}

static int move_mem(struct emul_ctxt *c, const struct form *m)
{
	const struct emul_insn *d = &c->d;
	u64 v[4] = { 0 }, ea = emul_ea(c), lin;
	int rc = m->aligned ? emul_aligned(c, d->seg, ea, m->len) : EMUL_OK;

	if (rc == EMUL_OK)
		rc = emul_linear(c, d->seg, ea, m->len, m->store, &lin);
	if (rc != EMUL_OK)
		return rc;
	rc = m->store ? c->ops->get_ymm(c, d->reg, v) : emul_lin_read(c, lin, v, m->len, 0);
	if (rc != EMUL_OK)
		return rc;
	return m->store ? emul_lin_write(c, lin, v, m->len, 0) : c->ops->set_ymm(c, d->reg, v);
}

int emul_op_vex_mov(struct emul_ctxt *c)
{
	const struct emul_insn *d = &c->d;
	struct form m = form_of(d);
	int rc;

	if (!m.len || (m.mem && !d->is_mem && m.len < 16)) /* VMOVSS and VMOVSD between registers take three */
		return EMUL_UNSUPPORTED;
	rc = ready(c, d->vex_reg || (m.mem && !d->is_mem) || (m.no256 && d->vex & EMUL_VEX_256));
	if (rc != EMUL_OK)
		return rc;
	return d->is_mem ? move_mem(c, &m) : move_reg(c, &m);
}
