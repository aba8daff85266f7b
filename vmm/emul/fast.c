/*
 * A short way for the instructions drivers touch device registers with: MOV and MOVZX between a register or immediate
 * and memory, in 64-bit mode, without segment override, wholly fetched at once, naturally aligned. It computes the
 * same as the tables (the differential test runs through here), in a third of the time; whatever is unusual goes
 * there.
 */
#include "vmm/emul/insn.h"

struct fast {
	u8 op;      /* the opcode; 0F B6 and B7 as B6 and B7 */
	u8 reg;     /* with REX.R */
	u8 size;    /* of the memory operand, bytes */
	u8 op_size; /* of the register */
	u8 len;
	u8 base, index, scale;
	s64 disp;
	u64 imm;
};

static u64 load_le(const u8 *p, u32 n)
{
	u64 v;

	memcpy(&v, p, 8); /* the instruction buffer has room behind */
	return v & size_mask(n);
}

/* ModRM's memory operand at *p, which is moved behind it. */
static void fast_modrm(struct fast *m, const u8 **pp, u8 rex)
{
	const u8 *p = *pp;
	u8 mod = *p >> 6, rm = *p & 7;
	u32 n = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	m->reg = (u8)(((*p++ >> 3) & 7) | (rex & 4) << 1);
	m->index = EMUL_NO_REG;
	m->scale = 0;
	m->base = rm | (u8)((rex & 1) << 3);
	if (rm == 4) {
		u8 sib = *p++;

		m->scale = sib >> 6;
		m->index = (u8)(((sib >> 3) & 7) | (rex & 2) << 2);
		if (m->index == 4)
			m->index = EMUL_NO_REG;
		m->base = (u8)((sib & 7) | (rex & 1) << 3);
		if ((sib & 7) == 5 && mod == 0) {
			m->base = EMUL_NO_REG;
			n = 4;
		}
	} else if (rm == 5 && mod == 0) {
		m->base = EMUL_REG_RIP;
		n = 4;
	}
	m->disp = n ? (s64)sign_extend(load_le(p, n), n) : 0;
	*pp = p + n;
}

/* true when the bytes are one of ours. They are at least EMUL_MAX_INSN. */
static bool fast_decode(const struct emul_ctxt *c, struct fast *m, u8 *rex)
{
	const u8 *p = c->insn;
	u32 imm;

	m->op_size = 4;
	*rex = 0;
	if (*p == 0x66) {
		m->op_size = 2;
		p++;
	}
	if ((*p & 0xf0) == 0x40) {
		*rex = *p++;
		if (*rex & 8)
			m->op_size = 8;
	}
	m->op = *p++;
	m->size = m->op_size;
	switch (m->op) {
	case 0x88:
	case 0x8a:
	case 0xc6: m->size = m->op_size = 1; break;
	case 0x89:
	case 0x8b:
	case 0xc7: break;
	case 0x0f:
		m->op = *p++;
		if ((m->op & 0xfe) != 0xb6)
			return false;
		m->size = m->op == 0xb6 ? 1 : 2;
		break;
	default: return false;
	}
	if (*p >= 0xc0 || ((m->op & 0xfe) == 0xc6 && *p & 0x38))
		return false; /* registers; undefined */
	fast_modrm(m, &p, *rex);
	if ((m->op & 0xfe) == 0xc6) {
		imm = MIN(m->size, (u8)4);
		m->imm = sign_extend(load_le(p, imm), imm);
		p += imm;
	}
	m->len = (u8)(p - c->insn);
	return m->len <= EMUL_MAX_INSN;
}

int emul_fast_mov(struct emul_ctxt *c)
{
	struct fast m;
	u64 lin, v = 0;
	u8 rex;
	int rc;

	if (!fast_decode(c, &m, &rex))
		return EMUL_FAST_NO;
	lin = (u64)m.disp;
	if (m.base == EMUL_REG_RIP)
		lin += c->rip + m.len;
	else if (m.base != EMUL_NO_REG)
		lin += emul_gpr(c, m.base);
	if (m.index != EMUL_NO_REG)
		lin += c->gpr[m.index] << m.scale;
	if (lin & (m.size - 1u) || lin + BIT(47) >= BIT(48))
		return EMUL_FAST_NO;
	if (c->hint_offset && (lin & 0xfff) == (c->hint_gpa & 0xfff)) {
		c->hint_lin = lin;
		c->hint_valid = true;
	}
	c->d.rex = rex;
	c->d.len = m.len;
	switch (m.op) {
	case 0x88:
	case 0x89:
		v = emul_reg_read(c, m.reg, m.size);
		rc = c->ops->write(c, lin, &v, m.size, 0);
		break;
	case 0xc6:
	case 0xc7: rc = c->ops->write(c, lin, &m.imm, m.size, 0); break;
	default:
		rc = c->ops->read(c, lin, &v, m.size, 0);
		if (rc == EMUL_OK) {
			emul_reg_write(c, m.reg, m.op_size, v);
			c->dirty |= c->undo;
			c->undo = 0;
		}
		break;
	}
	if (rc == EMUL_OK)
		c->rip += m.len;
	return rc;
}
