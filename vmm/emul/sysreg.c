/* Control, debug and model-specific registers, descriptor tables, and the groups 0F 01 and 0F AE. */
#include "vmm/emul/insn.h"

#define MSR_KERNEL_GS_BASE 0xc0000102

/* CPL as the mode has it: real mode is 0, virtual-8086 mode 3. */
static u32 mode_cpl(struct emul_ctxt *c)
{
	return c->mode == EMUL_REAL ? 0 : c->mode == EMUL_VM86 ? 3 : emul_cpl(c);
}

/* --- control and debug registers --- */

bool emul_crdr_exists(const struct emul_insn *d)
{
	if (d->opcode & 1)
		return d->reg < 8;
	return d->reg == 0 || (d->reg >= 2 && d->reg <= 4) || d->reg == 8;
}

static int read_cr(struct emul_ctxt *c, u8 nr, u64 *v)
{
	if (c->ops->read_cr)
		return c->ops->read_cr(c, nr, v);
	emul_need(c, EMUL_B_CR);
	*v = nr == 0 ? c->cr0 : c->cr4;
	return nr == 0 || nr == 4 ? EMUL_OK : EMUL_UNSUPPORTED;
}

static int write_cr(struct emul_ctxt *c, u8 nr, u64 v)
{
	return c->ops->write_cr ? c->ops->write_cr(c, nr, v) : EMUL_UNSUPPORTED;
}

int emul_op_mov_from_cr(struct emul_ctxt *c)
{
	u64 v = 0;
	int rc = read_cr(c, c->d.reg, &v);

	if (rc == EMUL_OK)
		emul_reg_write(c, c->d.rm, c->d.op_size, v);
	return rc;
}

int emul_op_mov_to_cr(struct emul_ctxt *c)
{
	return write_cr(c, c->d.reg, emul_reg_read(c, c->d.rm, c->d.op_size));
}

/* DR4 and DR5 are DR6 and DR7, unless CR4.DE makes them undefined. */
static int dr_number(struct emul_ctxt *c, u8 *nr)
{
	*nr = c->d.reg;
	if (*nr == 4 || *nr == 5) {
		emul_need(c, EMUL_B_CR);
		*nr = c->cr4 & CR4_DE ? 0xff : *nr + 2;
	}
	return *nr == 0xff ? emul_raise(c, VEC_UD) : EMUL_OK;
}

int emul_op_mov_from_dr(struct emul_ctxt *c)
{
	u64 v = 0;
	u8 nr;
	int rc = dr_number(c, &nr);

	if (rc == EMUL_OK)
		rc = c->ops->read_dr ? c->ops->read_dr(c, nr, &v) : EMUL_UNSUPPORTED;
	if (rc == EMUL_OK)
		emul_reg_write(c, c->d.rm, c->d.op_size, v);
	return rc;
}

int emul_op_mov_to_dr(struct emul_ctxt *c)
{
	u64 v = emul_reg_read(c, c->d.rm, c->d.op_size);
	u8 nr;
	int rc = dr_number(c, &nr);

	if (rc == EMUL_OK && nr >= 6 && v >> 32)
		rc = emul_raise_err(c, VEC_GP, 0);
	if (rc == EMUL_OK)
		rc = c->ops->write_dr ? c->ops->write_dr(c, nr, v) : EMUL_UNSUPPORTED;
	return rc;
}

int emul_op_clts(struct emul_ctxt *c)
{
	u64 v;
	int rc = read_cr(c, 0, &v);

	return rc == EMUL_OK ? write_cr(c, 0, v & ~CR0_TS) : rc;
}

/* --- MSRs, counters, CPUID --- */

static void set_edx_eax(struct emul_ctxt *c, u64 v)
{
	emul_set_gpr(c, EMUL_RAX, (u32)v);
	emul_set_gpr(c, EMUL_RDX, v >> 32);
}

static u64 edx_eax(struct emul_ctxt *c)
{
	return (u32)c->gpr[EMUL_RAX] | c->gpr[EMUL_RDX] << 32;
}

int emul_op_rdmsr(struct emul_ctxt *c)
{
	u64 v = 0;
	int rc = c->ops->rdmsr ? c->ops->rdmsr(c, (u32)c->gpr[EMUL_RCX], &v) : EMUL_UNSUPPORTED;

	if (rc == EMUL_OK)
		set_edx_eax(c, v);
	return rc;
}

int emul_op_wrmsr(struct emul_ctxt *c)
{
	return c->ops->wrmsr ? c->ops->wrmsr(c, (u32)c->gpr[EMUL_RCX], edx_eax(c)) : EMUL_UNSUPPORTED;
}

static int rdtsc(struct emul_ctxt *c, u32 *aux)
{
	u64 v = 0;
	int rc;

	emul_need(c, EMUL_B_CR);
	if ((c->cr4 & CR4_TSD) && mode_cpl(c))
		return emul_raise_err(c, VEC_GP, 0);
	rc = c->ops->rdtsc ? c->ops->rdtsc(c, &v, aux) : EMUL_UNSUPPORTED;
	if (rc == EMUL_OK)
		set_edx_eax(c, v);
	return rc;
}

int emul_op_rdtsc(struct emul_ctxt *c)
{
	u32 aux;

	return rdtsc(c, &aux);
}

int emul_op_rdpmc(struct emul_ctxt *c)
{
	u64 v = 0;
	int rc;

	emul_need(c, EMUL_B_CR);
	if (!(c->cr4 & CR4_PCE) && mode_cpl(c))
		return emul_raise_err(c, VEC_GP, 0);
	rc = c->ops->rdpmc ? c->ops->rdpmc(c, (u32)c->gpr[EMUL_RCX], &v) : EMUL_UNSUPPORTED;
	if (rc == EMUL_OK)
		set_edx_eax(c, v);
	return rc;
}

int emul_op_cpuid(struct emul_ctxt *c)
{
	u32 out[4];
	int rc = EMUL_UNSUPPORTED;

	if (c->ops->cpuid)
		rc = c->ops->cpuid(c, (u32)c->gpr[EMUL_RAX], (u32)c->gpr[EMUL_RCX], out);
	if (rc != EMUL_OK)
		return rc;
	emul_set_gpr(c, EMUL_RAX, out[0]);
	emul_set_gpr(c, EMUL_RBX, out[1]);
	emul_set_gpr(c, EMUL_RCX, out[2]);
	emul_set_gpr(c, EMUL_RDX, out[3]);
	return EMUL_OK;
}

/* --- group 7: descriptor tables, machine status word, and the rest of 0F 01 --- */

static int priv(struct emul_ctxt *c)
{
	return mode_cpl(c) ? emul_raise_err(c, VEC_GP, 0) : EMUL_OK;
}

static int umip(struct emul_ctxt *c)
{
	emul_need(c, EMUL_B_CR);
	return (c->cr4 & CR4_UMIP) && mode_cpl(c) ? emul_raise_err(c, VEC_GP, 0) : EMUL_OK;
}

static int store_table(struct emul_ctxt *c, const struct emul_dtr *t)
{
	u32 len = is_long(c) ? 10 : 6;
	u8 buf[10];
	u64 lin;
	int rc = umip(c);

	if (rc == EMUL_OK)
		rc = emul_linear(c, c->d.seg, emul_ea(c), len, true, &lin);
	/* Two accesses: the limit's word, the base behind it. */
	if (rc == EMUL_OK && (emul_misaligned(c, lin, 2) || emul_misaligned(c, lin + 2, len - 2)))
		rc = emul_raise_err(c, VEC_AC, 0);
	if (rc != EMUL_OK)
		return rc;
	memcpy(buf, &t->limit, 2);
	memcpy(buf + 2, &t->base, 8);
	return emul_lin_write(c, lin, buf, len, 0);
}

/* A 16-bit operand size loads 24 bits of base. */
static int load_table(struct emul_ctxt *c, struct emul_dtr *t)
{
	u32 len = is_long(c) ? 10 : 6;
	u8 buf[10] = { 0 };
	u64 lin;
	int rc = priv(c);

	if (rc == EMUL_OK)
		rc = emul_linear(c, c->d.seg, emul_ea(c), len, false, &lin);
	if (rc == EMUL_OK)
		rc = emul_lin_read(c, lin, buf, len, 0);
	if (rc != EMUL_OK)
		return rc;
	memcpy(&t->limit, buf, 2);
	memcpy(&t->base, buf + 2, 8);
	if (!is_long(c) && c->d.op_size == 2)
		t->base &= 0xffffff;
	return emul_canonical(c, t->base) ? EMUL_OK : emul_raise_err(c, VEC_GP, 0);
}

static int lgdt(struct emul_ctxt *c)
{
	struct emul_dtr t;
	int rc = load_table(c, &t);

	if (rc != EMUL_OK)
		return rc;
	emul_need(c, EMUL_B_GDTR);
	c->old_gdtr = c->gdtr;
	c->undo |= EMUL_B_GDTR;
	c->gdtr = t;
	return EMUL_OK;
}

static int lidt(struct emul_ctxt *c)
{
	struct emul_dtr t;
	int rc = load_table(c, &t);

	if (rc != EMUL_OK)
		return rc;
	emul_need(c, EMUL_B_IDTR);
	c->old_idtr = c->idtr;
	c->undo |= EMUL_B_IDTR;
	c->idtr = t;
	return EMUL_OK;
}

static int smsw(struct emul_ctxt *c)
{
	u64 v;
	int rc = umip(c);

	if (rc == EMUL_OK)
		rc = read_cr(c, 0, &v);
	if (rc != EMUL_OK)
		return rc;
	if (c->d.is_mem)
		return emul_modrm_write(c, 0, 2, v & 0xffff);
	emul_reg_write(c, c->d.rm, c->d.op_size, v);
	return EMUL_OK;
}

/* LMSW changes PE, MP, EM and TS, and cannot clear PE. */
static int lmsw(struct emul_ctxt *c)
{
	u64 cr0, v = 0;
	int rc = priv(c);

	if (rc == EMUL_OK) {
		if (c->d.is_mem)
			rc = emul_modrm_read(c, 0, 2, &v);
		else
			v = emul_reg_read(c, c->d.rm, 2);
	}
	if (rc == EMUL_OK)
		rc = read_cr(c, 0, &cr0);
	return rc == EMUL_OK ? write_cr(c, 0, (cr0 & ~0xeull) | (v & 0xf)) : rc;
}

static int swapgs(struct emul_ctxt *c)
{
	struct emul_seg gs;
	u64 v = 0;
	int rc;

	if (!is_long(c))
		return emul_raise(c, VEC_UD);
	rc = priv(c);
	if (rc != EMUL_OK)
		return rc;
	if (!c->ops->rdmsr || !c->ops->wrmsr)
		return EMUL_UNSUPPORTED;
	rc = c->ops->rdmsr(c, MSR_KERNEL_GS_BASE, &v);
	gs = *emul_seg(c, EMUL_GS);
	if (rc == EMUL_OK)
		rc = c->ops->wrmsr(c, MSR_KERNEL_GS_BASE, gs.base);
	if (rc != EMUL_OK)
		return rc;
	gs.base = v;
	emul_set_seg(c, EMUL_GS, &gs);
	return EMUL_OK;
}

static int xcr(struct emul_ctxt *c, bool write)
{
	u64 v = edx_eax(c);
	int rc;

	emul_need(c, EMUL_B_CR);
	if (!(c->cr4 & CR4_OSXSAVE))
		return emul_raise(c, VEC_UD);
	if (write && mode_cpl(c))
		return emul_raise_err(c, VEC_GP, 0);
	rc = c->ops->xcr ? c->ops->xcr(c, (u32)c->gpr[EMUL_RCX], &v, write) : EMUL_UNSUPPORTED;
	if (rc == EMUL_OK && !write)
		set_edx_eax(c, v);
	return rc;
}

/* Register forms; VMX, SMX, SVM and TSX ones do not exist here. */
static int grp7_reg(struct emul_ctxt *c, u8 modrm)
{
	u32 aux = 0;
	int rc;

	switch (modrm) {
	case 0xca:
	case 0xcb: /* CLAC, STAC */
		if (mode_cpl(c) || c->mode == EMUL_VM86)
			return emul_raise(c, VEC_UD);
		emul_set_flags(c, FL_AC, modrm == 0xcb ? FL_AC : 0);
		return EMUL_OK;
	case 0xd0: return xcr(c, false);
	case 0xd1: return xcr(c, true);
	case 0xf8: return swapgs(c);
	case 0xf9: /* RDTSCP */
		rc = rdtsc(c, &aux);
		if (rc == EMUL_OK)
			emul_set_gpr(c, EMUL_RCX, aux);
		return rc;
	default: return emul_raise(c, VEC_UD);
	}
}

/* No segment or canonical check: the address only names a translation. */
static int invlpg(struct emul_ctxt *c)
{
	u64 lin = emul_ea(c);

	if (!is_long(c) || c->d.seg >= EMUL_FS)
		lin += emul_seg(c, c->d.seg)->base;
	if (!is_long(c))
		lin &= 0xffffffff;
	return c->ops->misc ? c->ops->misc(c, EMUL_MISC_INVLPG, lin) : EMUL_UNSUPPORTED;
}

int emul_op_grp7(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 op = d->reg & 7;
	int rc;

	if (op == 4)
		return smsw(c);
	if (op == 6)
		return lmsw(c);
	if (!d->is_mem)
		return grp7_reg(c, (u8)(0xc0 | op << 3 | (d->rm & 7)));
	switch (op) {
	case 0: emul_need(c, EMUL_B_GDTR); return store_table(c, &c->gdtr);
	case 1: emul_need(c, EMUL_B_IDTR); return store_table(c, &c->idtr);
	case 2: return lgdt(c);
	case 3: return lidt(c);
	case 7: rc = priv(c); return rc == EMUL_OK ? invlpg(c) : rc;
	default: return emul_raise(c, VEC_UD);
	}
}

/* --- group 15: fences, CLFLUSH, MXCSR, FS/GS base --- */

static int fsgsbase(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 s = d->reg & 1 ? EMUL_GS : EMUL_FS;
	struct emul_seg seg;

	emul_need(c, EMUL_B_CR);
	if (!is_long(c) || !(c->cr4 & CR4_FSGSBASE) || (d->reg & 7) > 3)
		return emul_raise(c, VEC_UD);
	seg = *emul_seg(c, s);
	if ((d->reg & 7) < 2) {
		emul_reg_write(c, d->rm, d->op_size, seg.base);
		return EMUL_OK;
	}
	seg.base = emul_reg_read(c, d->rm, d->op_size);
	if (!emul_canonical(c, seg.base))
		return emul_raise_err(c, VEC_GP, 0);
	emul_set_seg(c, s, &seg);
	return EMUL_OK;
}

static int mxcsr(struct emul_ctxt *c, bool store)
{
	u32 v = 0;
	u64 m = 0;
	int rc;

	emul_need(c, EMUL_B_CR);
	if (!(c->cr4 & CR4_OSFXSR) || (c->cr0 & CR0_EM))
		return emul_raise(c, VEC_UD);
	if (c->cr0 & CR0_TS)
		return emul_raise(c, VEC_NM);
	if (!c->ops->fpu)
		return EMUL_UNSUPPORTED;
	if (store) {
		rc = c->ops->fpu(c, EMUL_FPU_GET_CSR, &v);
		return rc == EMUL_OK ? emul_modrm_write(c, 0, 4, v) : rc;
	}
	rc = emul_modrm_read(c, 0, 4, &m);
	v = (u32)m;
	if (rc == EMUL_OK && v & 0xffff0000)
		rc = emul_raise_err(c, VEC_GP, 0);
	return rc == EMUL_OK ? c->ops->fpu(c, EMUL_FPU_SET_CSR, &v) : rc;
}

int emul_op_grp15(struct emul_ctxt *c)
{
	struct emul_insn *d = &c->d;
	u32 op = d->reg & 7;
	u64 lin;
	int rc;

	if (!d->is_mem) {
		if (d->rep == 0xf3)
			return fsgsbase(c);
		return op >= 5 && !d->rep ? EMUL_OK : emul_raise(c, VEC_UD); /* LFENCE, MFENCE, SFENCE */
	}
	if (op == 2 || op == 3)
		return d->rep ? EMUL_UNSUPPORTED : mxcsr(c, op == 3);
	if (d->rep || (op == 6 && !d->opsz) || op < 6)
		return EMUL_UNSUPPORTED; /* FXSAVE and XSAVE families */
	/* CLFLUSH, CLFLUSHOPT, CLWB: checked as a byte load. */
	rc = emul_linear(c, d->seg, emul_ea(c), 1, false, &lin);
	if (rc == EMUL_OK && c->ops->check)
		rc = c->ops->check(c, lin, 1, 0);
	if (rc == EMUL_OK && c->ops->misc)
		rc = c->ops->misc(c, EMUL_MISC_CLFLUSH, lin);
	return rc;
}
