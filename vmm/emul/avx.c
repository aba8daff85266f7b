/* AVX moves: 128 and 256 bits, what compilers and copy routines use on device memory.
 * SDM vol. 2, chapters of each. */
#include "vmm/emul/insn.h"

#define XCR0_AVX_STATE 6u

enum { P_NONE, P_66, P_F3, P_F2 };

/* What becomes of the bytes in memory, or where they come from. */
enum how {
	PLAIN, /* the register's lowest bytes; the rest of it is cleared */
	LOW,
	HIGH,      /* a quadword of the register; when loaded, the other one is VEX.vvvv's */
	DUPLICATE, /* see emul_duplicate() */
	BROADCAST, /* repeated in the whole register */
	MASKED,    /* the elements of `len` bytes whose highest bit in VEX.vvvv is set */
};

/* One form of a move. */
struct form {
	u8 len;                   /* bytes moved, of an element with MASKED; 0: no such form here */
	bool store, aligned, mem; /* register to r/m; #GP unless aligned to len; a register form is #UD */
	bool no256, no128, w0;    /* #UD with VEX.L, without it, with VEX.W */
	bool only_mem;            /* a register form is another instruction */
	enum how how;
};

static struct form quadword_form(u8 op, u32 p, u8 len)
{
	bool load = !(op & 1);

	if (p < P_F3) /* VMOVLPS, VMOVHPS, VMOVLPD, VMOVHPD */
		return (struct form){ .len = 8,
			              .store = !load,
			              .mem = !load,
			              .only_mem = load,
			              .no256 = true,
			              .how = op & 4 ? HIGH : LOW };
	if (!load || op == (p == P_F2 ? 0x16 : 0))
		return (struct form){ 0 };
	/* VMOVSLDUP, VMOVSHDUP; VMOVDDUP of 128 bits reads 64 */
	return (struct form){ .len = p == P_F2 && len == 16 ? 8 : len, .how = DUPLICATE };
}

static struct form quadword_or_less(const struct emul_insn *d, u32 p)
{
	if (d->opcode != 0xd6 && p == P_66)
		return (struct form){
			.len = d->rex & 8 ? 8 : 4, .store = d->opcode == 0x7e, .only_mem = true, .no256 = true
		};
	if (d->opcode == 0x6e || p != (d->opcode == 0x7e ? P_F3 : P_66))
		return (struct form){ 0 };
	return (struct form){ .len = 8, .store = d->opcode == 0xd6, .no256 = true };
}

/* 0F 38, all with 66. */
static struct form form_of_map2(const struct emul_insn *d, u8 len)
{
	switch (d->opcode) {
	case 0x18: /* VBROADCASTSS, VPBROADCASTD */
	case 0x58: return (struct form){ .len = 4, .w0 = true, .only_mem = true, .how = BROADCAST };
	case 0x19: /* VBROADCASTSD, VPBROADCASTQ */
	case 0x59:
		return (struct form){
			.len = 8, .w0 = true, .no128 = d->opcode == 0x19, .only_mem = true, .how = BROADCAST
		};
	case 0x1a: /* VBROADCASTF128, VBROADCASTI128 */
	case 0x5a: return (struct form){ .len = 16, .w0 = true, .no128 = true, .mem = true, .how = BROADCAST };
	case 0x78: /* VPBROADCASTB, VPBROADCASTW */
	case 0x79: return (struct form){ .len = d->opcode - 0x77, .w0 = true, .only_mem = true, .how = BROADCAST };
	case 0x2a: /* VMOVNTDQA */ return (struct form){ .len = len, .aligned = true, .mem = true };
	case 0x2c: /* VMASKMOVPS, VMASKMOVPD */
	case 0x2d:
	case 0x2e:
	case 0x2f:
		return (struct form){
			.len = d->opcode & 1 ? 8 : 4, .store = d->opcode & 2, .w0 = true, .mem = true, .how = MASKED
		};
	case 0x8c: /* VPMASKMOVD, VPMASKMOVQ */
	case 0x8e:
		return (struct form){
			.len = d->vex & EMUL_VEX_W ? 8 : 4, .store = d->opcode & 2, .mem = true, .how = MASKED
		};
	default: return (struct form){ 0 };
	}
}

static struct form form_of(const struct emul_insn *d)
{
	u32 p = d->vex & 3;
	u8 op = d->opcode, len = d->vex & EMUL_VEX_256 ? 32 : 16;

	if (d->map == 2 && p == P_66)
		return form_of_map2(d, len);
	if (d->map != 1)
		return (struct form){ 0 };
	switch (op) {
	case 0x10: /* VMOVUPS, VMOVUPD, VMOVSS, VMOVSD; the last two take three registers */
	case 0x11:
		return (struct form){ .len = p == P_F3   ? 4
			                     : p == P_F2 ? 8
			                                 : len,
			              .store = op & 1,
			              .only_mem = p >= P_F3 };
	case 0x12:
	case 0x13:
	case 0x16:
	case 0x17: return quadword_form(op, p, len);
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
	case 0x6e: /* VMOVD, VMOVQ, from and to r/m; VMOVQ between registers and memory */
	case 0x7e:
	case 0xd6: return quadword_or_less(d, p);
	case 0xe7: /* VMOVNTDQ */
		if (p != P_66)
			break;
		return (struct form){ .len = len, .store = true, .aligned = true, .mem = true };
	case 0xf0: /* VLDDQU */
		if (p != P_F2)
			break;
		return (struct form){ .len = len, .mem = true };
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
	if (m->how == DUPLICATE)
		emul_duplicate(c, v, d->vex & EMUL_VEX_256 ? 4 : 2);
	return c->ops->set_ymm(c, m->store ? d->rm : d->reg, v);
}

/* VEX.vvvv as a register. */
static u8 second(const struct emul_ctxt *c)
{
	return c->d.vex_reg & (is_long(c) ? 15 : 7);
}

/* v: the bytes that were loaded, and zeros. */
static int set_loaded(struct emul_ctxt *c, const struct form *m, u64 v[4])
{
	u32 bytes = c->d.vex & EMUL_VEX_256 ? 32 : 16;
	u64 other[4];
	int rc = EMUL_OK;

	switch (m->how) {
	case LOW:
	case HIGH:
		rc = c->ops->get_ymm(c, second(c), other);
		other[m->how == HIGH] = v[0];
		v[0] = other[0];
		v[1] = other[1];
		break;
	case DUPLICATE: emul_duplicate(c, v, bytes / 8); break;
	case BROADCAST:
		for (u32 i = m->len; i < bytes; i++)
			((u8 *)v)[i] = ((u8 *)v)[i - m->len];
		break;
	default: break;
	}
	return rc == EMUL_OK ? c->ops->set_ymm(c, c->d.reg, v) : rc;
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
	return m->store ? emul_lin_write(c, lin, v + (m->how == HIGH), m->len, 0) : set_loaded(c, m, v);
}

/*
 * The linear address of `len` bytes from `at` on of the operand: by its first and last byte, for alignment is not
 * checked (SDM vol. 2, "Type 6 Class Exception Conditions").
 */
static int masked_linear(struct emul_ctxt *c, u32 at, u32 len, bool store, u64 *lin)
{
	const struct emul_insn *d = &c->d;
	int rc = emul_linear(c, d->seg, emul_ea_add(c, at + len - 1), 1, store, lin);

	return rc == EMUL_OK ? emul_linear(c, d->seg, emul_ea_add(c, at), 1, store, lin) : rc;
}

enum masked { CHECK, LOAD, STORE };

/* Elements that are neighbours at once. What is masked out is not touched. */
static int each_run(struct emul_ctxt *c, const struct form *m, const u8 *mask, u8 *data, enum masked what)
{
	u32 size = m->len, bytes = c->d.vex & EMUL_VEX_256 ? 32 : 16;
	int rc = EMUL_OK;
	u64 lin;

	for (u32 i = 0, end; i < bytes && rc == EMUL_OK; i = end) {
		bool set = mask[i + size - 1] & 0x80;

		for (end = i + size; end < bytes && set == !!(mask[end + size - 1] & 0x80);)
			end += size;
		if (!set)
			continue;
		rc = masked_linear(c, i, end - i, m->store, &lin);
		if (rc != EMUL_OK)
			break;
		if (what == LOAD)
			rc = emul_lin_read(c, lin, data + i, end - i, 0);
		else if (what == STORE)
			rc = emul_lin_write(c, lin, data + i, end - i, 0);
		else if (c->ops->check && !emul_wraps(c, lin, end - i))
			rc = c->ops->check(c, lin, end - i, m->store ? EMUL_ACC_WRITE : 0);
	}
	return rc;
}

/* All is checked before any of it moves. */
static int move_masked(struct emul_ctxt *c, const struct form *m)
{
	u64 mask[4], v[4] = { 0 };
	int rc = c->ops->get_ymm(c, second(c), mask);

	if (rc == EMUL_OK && m->store)
		rc = c->ops->get_ymm(c, c->d.reg, v);
	if (rc == EMUL_OK)
		rc = each_run(c, m, (const u8 *)mask, (u8 *)v, CHECK);
	if (rc == EMUL_OK)
		rc = each_run(c, m, (const u8 *)mask, (u8 *)v, m->store ? STORE : LOAD);
	return rc == EMUL_OK && !m->store ? c->ops->set_ymm(c, c->d.reg, v) : rc;
}

/* Whether the form is #UD as it is encoded. */
static bool is_bad(const struct emul_insn *d, const struct form *m)
{
	bool two = m->how == MASKED || ((m->how == LOW || m->how == HIGH) && !m->store);

	return (d->vex_reg && !two) || (m->mem && !d->is_mem) || (m->w0 && d->vex & EMUL_VEX_W) ||
	       (d->vex & EMUL_VEX_256 ? m->no256 : m->no128);
}

int emul_op_vex_mov(struct emul_ctxt *c)
{
	const struct emul_insn *d = &c->d;
	struct form m = form_of(d);
	int rc;

	if (!m.len || (m.only_mem && !d->is_mem))
		return EMUL_UNSUPPORTED;
	rc = ready(c, is_bad(d, &m));
	if (rc != EMUL_OK)
		return rc;
	if (m.how == MASKED)
		return move_masked(c, &m);
	return d->is_mem ? move_mem(c, &m) : move_reg(c, &m);
}
