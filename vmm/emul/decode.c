/* Instruction decoding: prefixes, opcode tables, ModRM/SIB, displacement,
 * immediates (SDM vol. 2, "Instruction Format"). */
#include "vmm/emul/insn.h"

/*
 * Makes at least `want` bytes available from rip. Fetches as far as the page goes, so that a page the instruction
 * does not reach is never touched.
 */
int emul_fetch(struct emul_ctxt *c, u32 want)
{
	while (c->insn_len < want) {
		u32 n = EMUL_MAX_INSN - c->insn_len;
		u64 lin = c->rip + c->insn_len;
		int rc;

		if (want > EMUL_MAX_INSN)
			return emul_raise_err(c, VEC_GP, 0);
		if (is_long(c)) {
			if (!canonical(c, lin))
				return emul_raise_err(c, VEC_GP, 0);
		} else {
			const struct emul_seg *cs = emul_seg(c, EMUL_CS);

			if (lin > cs->limit)
				return emul_raise_err(c, VEC_GP, 0);
			n = (u32)MIN((u64)n, cs->limit - lin + 1);
			lin = (u32)(lin + cs->base);
		}
		n = (u32)MIN((u64)n, PAGE_SIZE - (lin & (PAGE_SIZE - 1)));
		rc = c->ops->fetch(c, lin, c->insn + c->insn_len, n);
		if (rc != EMUL_OK)
			return rc;
		c->insn_len += (u8)n;
	}
	return EMUL_OK;
}

static inline int next_byte(struct emul_ctxt *c, u8 *b)
{
	if (unlikely(c->d.len >= c->insn_len)) {
		int rc = emul_fetch(c, c->d.len + 1u);

		if (rc != EMUL_OK)
			return rc;
	}
	*b = c->insn[c->d.len++];
	return EMUL_OK;
}

/* Little-endian value of n bytes (1, 2, 4, 8), zero-extended. */
static int next_value(struct emul_ctxt *c, u32 n, u64 *val)
{
	u64 v;

	if (unlikely(c->d.len + n > c->insn_len)) {
		int rc = emul_fetch(c, c->d.len + n);

		if (rc != EMUL_OK)
			return rc;
	}
	memcpy(&v, c->insn + c->d.len, 8); /* the buffer is long enough for that at any offset */
	c->d.len += (u8)n;
	*val = v & size_mask(n);
	return EMUL_OK;
}

/* Takes one prefix other than REX into account. */
static void take_prefix(struct emul_ctxt *c, u8 b)
{
	struct emul_insn *d = &c->d;

	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e: /* 64-bit mode ignores these overrides */
		if (!is_long(c))
			d->seg_ovr = (b >> 3) & 3;
		break;
	case 0x64: d->seg_ovr = EMUL_FS; break;
	case 0x65: d->seg_ovr = EMUL_GS; break;
	case 0x66: d->opsz = true; break;
	case 0x67: d->ad_size = is_long(c) || c->mode != EMUL_PROT32 ? 4 : 2; break;
	case 0xf0: d->lock = true; break;
	default: d->rep = b; break;
	}
}

/* Consumes the prefixes; *b gets the first opcode byte. A REX that does not come last does not count. */
static inline int decode_prefixes(struct emul_ctxt *c, u8 *b)
{
	struct emul_insn *d = &c->d;
	int rc;

	d->ad_size = is_long(c) ? 8 : c->mode == EMUL_PROT32 ? 4 : 2;
	for (;;) {
		rc = next_byte(c, b);
		if (unlikely(rc != EMUL_OK))
			return rc;
		if ((*b & 0xf0) == 0x40 && is_long(c)) {
			d->rex = *b;
		} else if (emul_op1[*b].flags & F_PREFIX) {
			take_prefix(c, *b);
			d->rex = 0;
		} else {
			return EMUL_OK;
		}
	}
}

static void set_operand_size(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 f = d->op->flags;

	if (is_long(c)) {
		if (f & (F_F64 | F_CRDR))
			d->op_size = 8;
		else if (d->rex & 8)
			d->op_size = 8;
		else if (d->opsz)
			d->op_size = 2;
		else
			d->op_size = f & F_D64 ? 8 : 4;
	} else if (f & F_CRDR) {
		d->op_size = 4;
	} else {
		d->op_size = (c->mode == EMUL_PROT32) != d->opsz ? 4 : 2;
	}
}

/* SDM vol. 2, "16-Bit Addressing Forms with the ModR/M Byte". */
static int decode_mem16(struct emul_ctxt *c, u8 rm)
{
	static const u8 bases[8] = { EMUL_RBX, EMUL_RBX, EMUL_RBP, EMUL_RBP, EMUL_RSI, EMUL_RDI, EMUL_RBP, EMUL_RBX };
	static const u8 indexes[4] = { EMUL_RSI, EMUL_RDI, EMUL_RSI, EMUL_RDI };
	struct emul_insn *d = &c->d;
	u32 n = d->mod == 1 ? 1 : d->mod == 2 ? 2 : 0;
	u64 v = 0;
	int rc;

	d->base = bases[rm];
	if (rm < 4)
		d->index = indexes[rm];
	if (rm == 6 && d->mod == 0) {
		d->base = EMUL_NO_REG;
		n = 2;
	}
	if (d->base == EMUL_RBP)
		d->seg = EMUL_SS;
	if (!n)
		return EMUL_OK;
	rc = next_value(c, n, &v);
	d->disp = (s64)sign_extend(v, n);
	return rc;
}

/* SDM vol. 2, "32-Bit Addressing Forms with the ModR/M Byte" and "… with the SIB Byte". */
static int decode_mem32(struct emul_ctxt *c, u8 rm)
{
	struct emul_insn *d = &c->d;
	u32 n = d->mod == 1 ? 1 : d->mod == 2 ? 4 : 0;
	u8 rex_b = (u8)((d->rex & 1) << 3), sib;
	u64 v = 0;
	int rc;

	if (rm == 4) {
		rc = next_byte(c, &sib);
		if (rc != EMUL_OK)
			return rc;
		d->scale = sib >> 6;
		d->index = (u8)(((sib >> 3) & 7) | (d->rex & 2) << 2);
		if (d->index == 4)
			d->index = EMUL_NO_REG;
		rm = sib & 7;
		if (rm == 5 && d->mod == 0)
			n = 4;
		else
			d->base = rm | rex_b;
	} else if (rm == 5 && d->mod == 0) {
		n = 4;
		if (is_long(c))
			d->base = EMUL_REG_RIP;
	} else {
		d->base = rm | rex_b;
	}
	if (d->base == EMUL_RSP || d->base == EMUL_RBP)
		d->seg = EMUL_SS;
	if (!n)
		return EMUL_OK;
	rc = next_value(c, n, &v);
	d->disp = (s64)sign_extend(v, n);
	return rc;
}

static int decode_modrm(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u8 m, rm;
	int rc = next_byte(c, &m);

	if (rc != EMUL_OK)
		return rc;
	d->has_modrm = true;
	d->mod = m >> 6;
	d->reg = (u8)(((m >> 3) & 7) | (d->rex & 4) << 1);
	rm = m & 7;
	if (d->op->flags & F_GROUP)
		d->op = &d->op->u.group[d->reg & 7];
	d->rm = rm | (u8)((d->rex & 1) << 3);
	if (d->mod == 3 || (d->op->flags & F_CRDR))
		return EMUL_OK;
	d->is_mem = true;
	return d->ad_size == 2 ? decode_mem16(c, rm) : decode_mem32(c, rm);
}

static int decode_imm(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 kind = F_IMM_OF(d->op->flags), n;
	u64 v = 0;
	int rc;

	switch (kind) {
	case IMM_NONE: return EMUL_OK;
	case IMM_8:
	case IMM_8U: n = 1; break;
	case IMM_16:
	case IMM_ENTER: n = 2; break;
	case IMM_V: n = d->op_size; break;
	case IMM_MOFFS: n = d->ad_size; break;
	default: n = MIN(d->op_size, (u8)4); break; /* IMM_Z, IMM_FAR */
	}
	rc = next_value(c, n, &v);
	if (rc != EMUL_OK)
		return rc;
	d->imm = kind == IMM_8 || kind == IMM_Z ? sign_extend(v, n) : v;
	if (kind == IMM_FAR || kind == IMM_ENTER) {
		rc = next_value(c, kind == IMM_FAR ? 2 : 1, &v);
		d->imm2 = (u16)v;
	}
	return rc;
}

/* SDM vol. 2, "Vector Extension (VEX) Prefix". b: C4 or C5; *opcode gets the byte behind the prefix. */
static int decode_vex(struct emul_ctxt *c, u8 b, u8 *opcode)
{
	struct emul_insn *d = &c->d;
	u8 one, two = 0xe1; /* map 1; R, X and B not set */
	int rc;

	if (d->rex || d->opsz || d->rep || d->lock)
		return emul_raise(c, VEC_UD);
	rc = next_byte(c, &one);
	if (rc == EMUL_OK && b == 0xc4) {
		two = one;
		rc = next_byte(c, &one);
	} else if (rc == EMUL_OK) {
		two = (two & 0x7f) | (one & 0x80);
		one &= 0x7f;
	}
	if (rc == EMUL_OK)
		rc = next_byte(c, opcode);
	if (rc != EMUL_OK)
		return rc;
	if (is_long(c))
		d->rex = (u8)(0x40 | (~two >> 5 & 7) | (one & 0x80) >> 4);
	d->map = two & 0x1f;
	d->vex = (u8)(EMUL_VEX | (one & 4) << 4 | (one & 0x80) >> 2 | (one & 3));
	d->vex_reg = ~one >> 3 & 15;
	d->op = &emul_op_vex;
	return EMUL_OK;
}

static int decode_opcode(struct emul_ctxt *c, u8 b)
{
	struct emul_insn *d = &c->d;
	int rc = EMUL_OK;

	d->op = &emul_op1[b];
	if (b == 0x0f) {
		rc = next_byte(c, &b);
		if (rc != EMUL_OK)
			return rc;
		d->map = 1;
		d->op = &emul_op2[b];
		if (b == 0x38) {
			rc = next_byte(c, &b);
			if (rc != EMUL_OK)
				return rc;
			if ((b & 0xfe) == 0x80) /* INVEPT, INVVPID */
				return emul_raise(c, VEC_UD);
			if ((b & 0xfe) != 0xf0 && b != 0x2a)
				return EMUL_UNSUPPORTED;
			d->map = 2;
			d->op = b == 0x2a ? &emul_op_movntdqa : &emul_op3[b & 1];
		}
	} else if (b == 0xc4 || b == 0xc5 || b == 0x62) {
		/* VEX and EVEX: LES, LDS and BOUND outside 64-bit mode, with a memory operand. */
		u8 next;

		rc = next_byte(c, &next);
		if (rc != EMUL_OK)
			return rc;
		d->len--;
		if (is_long(c) || (next >= 0xc0 && is_prot(c))) {
			if (b == 0x62)
				return EMUL_UNSUPPORTED;
			rc = decode_vex(c, b, &b);
		}
	}
	d->opcode = b;
	return rc;
}

int emul_decode(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	int rc;
	u8 b;

	memset(d, 0, offsetof(struct emul_insn, dst));
	d->seg_ovr = d->base = d->index = EMUL_NO_REG;
	d->seg = EMUL_DS;
	rc = decode_prefixes(c, &b);
	if (rc == EMUL_OK)
		rc = decode_opcode(c, b);
	if (unlikely(rc != EMUL_OK))
		return rc;
	d->rm = (d->opcode & 7) | (u8)((d->rex & 1) << 3); /* registers encoded in the opcode */
	if (d->op->flags & F_M) {
		rc = decode_modrm(c);
		if (unlikely(rc != EMUL_OK))
			return rc;
	}
	if (d->seg_ovr != EMUL_NO_REG)
		d->seg = d->seg_ovr;
	set_operand_size(c);
	return F_IMM_OF(d->op->flags) ? decode_imm(c) : EMUL_OK;
}
