/*
 * Far transfers: JMP, CALL, RET, IRET, and the fast system calls (SDM vol. 2, those pages). Task switches, call gates
 * and returns to virtual-8086 mode are not emulated.
 */
#include "vmm/emul/segload.h"

#define MSR_STAR         0xc0000081
#define MSR_LSTAR        0xc0000082
#define MSR_FMASK        0xc0000084
#define MSR_SYSENTER_CS  0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define EFER_SCE         BIT(0)

/* Real and virtual-8086 mode. */
static int cs_load_real(struct emul_ctxt *c, u16 sel, u64 off)
{
	struct emul_seg n = *emul_seg(c, EMUL_CS);

	if (off > n.limit)
		return emul_raise_err(c, VEC_GP, 0);
	n.sel = sel;
	n.base = (u32)sel << 4;
	emul_set_seg(c, EMUL_CS, &n);
	c->d.next_rip = off;
	return EMUL_OK;
}

/* off must be valid in the code segment n: canonical for a 64-bit one, else inside its limit. */
static int cs_check_offset(struct emul_ctxt *c, const struct emul_seg *n, u64 *off)
{
	bool bad;

	if (emul_lma(c) && (n->attr & EMUL_ATTR_L)) {
		bad = !emul_canonical(c, *off);
	} else {
		*off &= 0xffffffff;
		bad = *off > n->limit;
	}
	return bad ? emul_raise_err(c, VEC_GP, 0) : EMUL_OK;
}

/* Reads and checks a code descriptor for a direct transfer (is_ret false) or a return to its RPL. */
static int cs_read(struct emul_ctxt *c, u16 sel, bool is_ret, u64 *d, u64 *lin)
{
	u32 a, dpl, rpl = sel & 3;
	bool ok, conforming;
	int rc;

	if (!(sel & 0xfffc))
		return emul_raise_err(c, VEC_GP, 0);
	rc = emul_desc_read(c, sel, 8, VEC_GP, d, lin);
	if (rc != EMUL_OK)
		return rc;
	a = desc_attr(*d);
	dpl = EMUL_ATTR_DPL(a);
	if (!(a & EMUL_ATTR_S) && !is_ret) {
		u32 gates = emul_lma(c) ? 0x1000 : 0x1a32; /* call gates, task gates, TSSs */

		return gates >> (a & EMUL_ATTR_TYPE) & 1 ? EMUL_UNSUPPORTED : emul_raise_err(c, VEC_GP, sel & 0xfffc);
	}
	conforming = a & 4;
	if (is_ret)
		ok = rpl >= emul_cpl(c) && (conforming ? dpl <= rpl : dpl == rpl);
	else
		ok = conforming ? dpl <= emul_cpl(c) : rpl <= emul_cpl(c) && dpl == emul_cpl(c);
	if (!(a & EMUL_ATTR_S) || !(a & 8) || !ok ||
	    (emul_lma(c) && (a & (EMUL_ATTR_L | EMUL_ATTR_DB)) == (EMUL_ATTR_L | EMUL_ATTR_DB)))
		return emul_raise_err(c, VEC_GP, sel & 0xfffc);
	if (!(a & EMUL_ATTR_P))
		return emul_raise_err(c, VEC_NP, sel & 0xfffc);
	return EMUL_OK;
}

/* JMP and CALL; the old CS and RIP are pushed in between for CALL, so that every check comes first. */
static int far_transfer(struct emul_ctxt *c, u16 sel, u64 off, bool call)
{
	u32 size = c->d.op_size;
	u64 ret = c->d.next_rip, d = 0, lin = 0;
	u16 old = 0;
	struct emul_seg n = { 0 };
	int rc = EMUL_OK;

	if (call)
		old = emul_seg(c, EMUL_CS)->sel;
	if (is_prot(c)) {
		rc = cs_read(c, sel, false, &d, &lin);
		if (rc != EMUL_OK)
			return rc;
		desc_to_seg(d | BIT(40), (u16)((sel & 0xfffc) | emul_cpl(c)), &n);
		rc = cs_check_offset(c, &n, &off);
	} else if (off > emul_seg(c, EMUL_CS)->limit) {
		rc = emul_raise_err(c, VEC_GP, 0);
	}
	if (rc == EMUL_OK && call) {
		rc = emul_push(c, old, size);
		if (rc == EMUL_OK)
			rc = emul_push(c, ret, size);
	}
	if (rc != EMUL_OK)
		return rc;
	if (!is_prot(c))
		return cs_load_real(c, sel, off);
	rc = emul_desc_mark(c, lin, d, 1);
	if (rc != EMUL_OK)
		return rc;
	emul_set_seg(c, EMUL_CS, &n);
	c->d.next_rip = off;
	return EMUL_OK;
}

int emul_op_jmp_far(struct emul_ctxt *c)
{
	return far_transfer(c, c->d.imm2, c->d.imm, false);
}

int emul_op_call_far(struct emul_ctxt *c)
{
	return far_transfer(c, c->d.imm2, c->d.imm, true);
}

static int far_ev(struct emul_ctxt *c, bool call)
{
	u64 off, sel;
	int rc = emul_modrm_read(c, 0, c->d.op_size, &off);

	if (rc == EMUL_OK)
		rc = emul_modrm_read(c, c->d.op_size, 2, &sel);
	return rc == EMUL_OK ? far_transfer(c, (u16)sel, off, call) : rc;
}

int emul_op_jmp_far_ev(struct emul_ctxt *c)
{
	return far_ev(c, false);
}

int emul_op_call_far_ev(struct emul_ctxt *c)
{
	return far_ev(c, true);
}

/* After a return to an outer level, data segments of a more privileged one are taken away. */
static int drop_segments(struct emul_ctxt *c, u8 cpl)
{
	static const u8 segs[] = { EMUL_ES, EMUL_DS, EMUL_FS, EMUL_GS };

	for (u32 i = 0; i < ARRAY_SIZE(segs); i++) {
		const struct emul_seg *s = emul_seg(c, segs[i]);

		if (!(s->attr & EMUL_ATTR_UNUSABLE) && EMUL_ATTR_DPL(s->attr) < cpl && (s->attr & 0xc) != 0xc)
			emul_load_null(c, segs[i], 0);
	}
	return EMUL_OK;
}

/*
 * The common end of RET and IRET in protected mode: CS:off is the target; SS:rSP is popped on a return to an outer
 * level and by every IRET in 64-bit mode. extra: bytes RET imm16 releases on each stack.
 */
static int far_return(struct emul_ctxt *c, u16 sel, u64 off, u64 extra, bool pop_ss)
{
	u8 old_cpl = emul_cpl(c), rpl = sel & 3;
	u64 d, lin, sp = 0, ss = 0;
	struct emul_seg n;
	int rc = cs_read(c, sel, true, &d, &lin);

	if (rc != EMUL_OK)
		return rc;
	desc_to_seg(d | BIT(40), sel, &n);
	if (extra)
		emul_reg_merge(c, EMUL_RSP, emul_stack_size(c), c->gpr[EMUL_RSP] + extra);
	pop_ss |= rpl > old_cpl;
	if (pop_ss) {
		rc = emul_pop(c, &sp, c->d.op_size);
		if (rc == EMUL_OK)
			rc = emul_pop(c, &ss, c->d.op_size);
		if (rc == EMUL_OK)
			rc = emul_load_ss(c, (u16)ss, rpl, emul_lma(c) && (n.attr & EMUL_ATTR_L) && rpl != 3);
		if (rc != EMUL_OK)
			return rc;
	}
	rc = cs_check_offset(c, &n, &off);
	if (rc == EMUL_OK)
		rc = emul_desc_mark(c, lin, d, 1);
	if (rc != EMUL_OK)
		return rc;
	emul_set_seg(c, EMUL_CS, &n);
	if (pop_ss) {
		bool to64 = emul_lma(c) && (n.attr & EMUL_ATTR_L);
		u32 width = to64 ? 8 : emul_seg(c, EMUL_SS)->attr & EMUL_ATTR_DB ? 4 : 2;

		emul_reg_merge(c, EMUL_RSP, width, sp + extra);
	}
	c->d.next_rip = off;
	emul_set_cpl(c, rpl);
	return rpl > old_cpl ? drop_segments(c, rpl) : EMUL_OK;
}

int emul_op_ret_far_imm(struct emul_ctxt *c)
{
	u64 off, sel;
	int rc = emul_pop(c, &off, c->d.op_size);

	if (rc == EMUL_OK)
		rc = emul_pop(c, &sel, c->d.op_size);
	if (rc != EMUL_OK)
		return rc;
	if (is_prot(c))
		return far_return(c, (u16)sel, off, c->d.imm, false);
	rc = cs_load_real(c, (u16)sel, off);
	if (rc == EMUL_OK)
		emul_reg_merge(c, EMUL_RSP, emul_stack_size(c), c->gpr[EMUL_RSP] + c->d.imm);
	return rc;
}

int emul_op_ret_far(struct emul_ctxt *c)
{
	return emul_op_ret_far_imm(c);
}

static int iret_real(struct emul_ctxt *c, u16 sel, u64 off, u64 fl)
{
	u64 mask = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_NT | FL_IOPL;
	int rc;

	if (c->d.op_size >= 4)
		mask |= FL_RF | FL_AC | FL_ID;
	if (c->mode == EMUL_VM86)
		mask &= ~FL_IOPL;
	rc = cs_load_real(c, sel, off);
	if (rc == EMUL_OK) {
		emul_set_flags(c, mask, fl);
		c->iret_done = true;
	}
	return rc;
}

int emul_op_iret(struct emul_ctxt *c)
{
	u64 off, sel, fl, mask = FL_ARITH | FL_TF | FL_DF | FL_NT;
	u32 size = c->d.op_size, iopl = (u32)(emul_flags(c) & FL_IOPL) >> 12;
	u8 cpl = emul_cpl(c);
	int rc;

	if (c->mode == EMUL_VM86 && iopl < 3)
		return emul_raise_err(c, VEC_GP, 0);
	if (is_prot(c) && (c->rflags & FL_NT))
		return emul_lma(c) ? emul_raise_err(c, VEC_GP, 0) : EMUL_UNSUPPORTED;
	rc = emul_pop(c, &off, size);
	if (rc == EMUL_OK)
		rc = emul_pop(c, &sel, size);
	if (rc == EMUL_OK)
		rc = emul_pop(c, &fl, size);
	if (rc != EMUL_OK)
		return rc;
	if (!is_prot(c))
		return iret_real(c, (u16)sel, off, fl);
	if (size >= 4) {
		if ((fl & FL_VM) && cpl == 0 && !emul_lma(c))
			return EMUL_UNSUPPORTED;
		mask |= FL_RF | FL_AC | FL_ID;
	}
	if (cpl <= iopl)
		mask |= FL_IF;
	if (cpl == 0)
		mask |= FL_IOPL | (size >= 4 ? FL_VIF | FL_VIP : 0);
	rc = far_return(c, (u16)sel, off, 0, is_long(c));
	if (rc == EMUL_OK) {
		emul_set_flags(c, mask, fl);
		c->iret_done = true;
	}
	return rc;
}

/* --- SYSCALL, SYSRET, SYSENTER, SYSEXIT: flat segments made from MSRs --- */

static void set_flat(struct emul_ctxt *c, u16 sel, u32 ss_sel, u8 cpl, bool code64)
{
	u32 dpl = (u32)cpl << 5;
	struct emul_seg cs = { .sel = (u16)(sel | cpl), .limit = 0xffffffff };
	struct emul_seg ss = { .sel = (u16)(ss_sel | cpl), .limit = 0xffffffff, .attr = SEG_AR_DATA32 | dpl };

	cs.attr = (code64 ? SEG_AR_CODE64 : SEG_AR_CODE32) | dpl;
	emul_set_seg(c, EMUL_CS, &cs);
	emul_set_seg(c, EMUL_SS, &ss);
	emul_set_cpl(c, cpl);
}

static int msrs(struct emul_ctxt *c, const u32 *index, u64 *val, u32 n)
{
	if (!c->ops->rdmsr)
		return EMUL_UNSUPPORTED;
	for (u32 i = 0; i < n; i++) {
		int rc = c->ops->rdmsr(c, index[i], &val[i]);

		if (rc != EMUL_OK)
			return rc;
	}
	return EMUL_OK;
}

int emul_op_syscall(struct emul_ctxt *c)
{
	static const u32 idx[] = { MSR_STAR, MSR_LSTAR, MSR_FMASK };
	u64 v[3];
	int rc;

	emul_need(c, EMUL_B_CR);
	if (!is_long(c) || !(c->efer & EFER_SCE))
		return emul_raise(c, VEC_UD);
	rc = msrs(c, idx, v, 3);
	if (rc != EMUL_OK)
		return rc;
	emul_set_gpr(c, EMUL_RCX, c->d.next_rip);
	emul_set_gpr(c, 11, emul_flags(c));
	emul_set_flags(c, v[2] | FL_RF, 0);
	set_flat(c, (u16)(v[0] >> 32) & 0xfffc, ((u32)(v[0] >> 32) & 0xfffc) + 8, 0, true);
	c->d.next_rip = v[1];
	return EMUL_OK;
}

int emul_op_sysret(struct emul_ctxt *c)
{
	static const u32 idx[] = { MSR_STAR };
	u64 v, rip = c->gpr[EMUL_RCX];
	bool to64 = c->d.op_size == 8;
	int rc;

	emul_need(c, EMUL_B_CR);
	if (!is_long(c) || !(c->efer & EFER_SCE))
		return emul_raise(c, VEC_UD);
	if (emul_cpl(c) || (to64 && !emul_canonical(c, rip)))
		return emul_raise_err(c, VEC_GP, 0);
	rc = msrs(c, idx, &v, 1);
	if (rc != EMUL_OK)
		return rc;
	emul_set_flags(c, ~0ull, (c->gpr[11] & 0x3c7fd7) | FL_ONE);
	set_flat(c, (u16)((v >> 48) + (to64 ? 16 : 0)), (u32)(v >> 48) + 8, 3, to64);
	c->d.next_rip = to64 ? rip : (u32)rip;
	return EMUL_OK;
}

int emul_op_sysenter(struct emul_ctxt *c)
{
	static const u32 idx[] = { MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP };
	u64 v[3];
	bool lma;
	int rc;

	if (c->mode == EMUL_REAL)
		return emul_raise_err(c, VEC_GP, 0);
	rc = msrs(c, idx, v, 3);
	if (rc != EMUL_OK)
		return rc;
	if (!(v[0] & 0xfffc))
		return emul_raise_err(c, VEC_GP, 0);
	lma = emul_lma(c);
	emul_set_flags(c, FL_VM | FL_IF | FL_RF, 0);
	set_flat(c, (u16)v[0] & 0xfffc, ((u32)v[0] & 0xfffc) + 8, 0, lma);
	emul_set_gpr(c, EMUL_RSP, lma ? v[1] : (u32)v[1]);
	c->d.next_rip = lma ? v[2] : (u32)v[2];
	return EMUL_OK;
}

int emul_op_sysexit(struct emul_ctxt *c)
{
	static const u32 idx[] = { MSR_SYSENTER_CS };
	u64 v, rip = c->gpr[EMUL_RDX], rsp = c->gpr[EMUL_RCX];
	bool to64 = c->d.op_size == 8;
	int rc;

	if (!is_prot(c) || emul_cpl(c))
		return emul_raise_err(c, VEC_GP, 0);
	rc = msrs(c, idx, &v, 1);
	if (rc != EMUL_OK)
		return rc;
	if (!(v & 0xfffc) || (to64 && !(emul_canonical(c, rip) && emul_canonical(c, rsp))))
		return emul_raise_err(c, VEC_GP, 0);
	set_flat(c, (u16)((v & 0xfffc) + (to64 ? 32 : 16)), ((u32)v & 0xfffc) + (to64 ? 40 : 24), 3, to64);
	emul_set_gpr(c, EMUL_RSP, to64 ? rsp : (u32)rsp);
	c->d.next_rip = to64 ? rip : (u32)rip;
	return EMUL_OK;
}
