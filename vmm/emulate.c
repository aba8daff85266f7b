/*
 * The emulator's view of the loaded vCPU. Memory goes through the guest's page tables, to RAM by the VM's window and
 * to devices by the MMIO bus; everything else shares the exit handlers' code.
 */
#include "vmm/emulate.h"

#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "mm/gwalk.h"
#include "vmm/emul/emul.h"
#include "vmm/exit.h"
#include "vmm/vm.h"

static struct vcpu *vc(struct emul_ctxt *c)
{
	return c->owner;
}

static void load_segment(struct emul_seg *s, u32 i)
{
	s->sel = (u16)vmcs_read((enum vmcs_field)(VMCS_GUEST_ES_SEL + 2 * i));
	s->base = vmcs_read((enum vmcs_field)(VMCS_GUEST_ES_BASE + 2 * i));
	s->limit = vmcs_read32((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + 2 * i));
	s->attr = vmcs_read32((enum vmcs_field)(VMCS_GUEST_ES_AR + 2 * i));
}

static void op_load(struct emul_ctxt *c, u32 what)
{
	struct crs_state s;

	if (what & EMUL_B_RSP)
		c->gpr[EMUL_RSP] = vmcs_read(VMCS_GUEST_RSP);
	if (what & EMUL_B_RFLAGS)
		c->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	if (what & EMUL_B_CPL)
		c->cpl = SEG_AR_DPL(vmcs_read32(VMCS_GUEST_SS_AR));
	if (what & EMUL_B_CR) {
		cr_state(vc(c), &s);
		c->cr0 = s.cr0;
		c->cr4 = s.cr4;
		c->efer = s.efer;
	}
	if (what & EMUL_B_GDTR) {
		c->gdtr.base = vmcs_read(VMCS_GUEST_GDTR_BASE);
		c->gdtr.limit = (u16)vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	}
	if (what & EMUL_B_IDTR) {
		c->idtr.base = vmcs_read(VMCS_GUEST_IDTR_BASE);
		c->idtr.limit = (u16)vmcs_read(VMCS_GUEST_IDTR_LIMIT);
	}
	for (u32 i = 0; i < EMUL_NR_SEG; i++)
		if (what & EMUL_B_SEG(i))
			load_segment(&c->seg[i], i);
}

void emulate_walk_state(struct vcpu *v, struct gwalk_state *s)
{
	struct crs_state crs;

	cr_state(v, &crs);
	*s = (struct gwalk_state){
		.cr0 = crs.cr0,
		.cr3 = crs.cr3,
		.cr4 = crs.cr4,
		.efer = crs.efer,
		.rflags = vmcs_read(VMCS_GUEST_RFLAGS),
		.cpl = SEG_AR_DPL(vmcs_read32(VMCS_GUEST_SS_AR)),
		.phys_bits = v->crs.phys_bits,
		.page_1g = cpuid_has(v->cpuid, CPUID_FEAT_PDPE1GB),
		.mem = &v->vm->mem,
	};
	if (crs.cr4 & CR4_PKE)
		s->pkru = fpu_read_pkru();
	if ((crs.cr0 & CR0_PG) && (crs.cr4 & CR4_PAE) && !(crs.efer & EFER_LMA)) {
		s->have_pdptes = true;
		for (u32 i = 0; i < 4; i++)
			s->pdpte[i] = vmcs_read((enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i));
	}
}

/* The walk state is read from the VMCS once per emulated instruction. */
static const struct gwalk_state *walk_state(struct emul_ctxt *c)
{
	struct emulation *e = vc(c)->emulation;

	if (!e->walk_valid) {
		emulate_walk_state(vc(c), &e->walk);
		e->walk_valid = true;
	}
	e->walk.cpl = c->have & EMUL_B_CPL ? c->cpl : e->walk.cpl;
	return &e->walk;
}

static int walk_failed(struct emul_ctxt *c, enum gwalk_status st, const struct gwalk_result *r)
{
	switch (st) {
	case GWALK_FAULT: return emul_raise_pf(c, r->cr2, r->error_code);
	case GWALK_NONCANON: return emul_raise_err(c, 13, 0);
	case GWALK_RETRY: return EMUL_RETRY;
	default: vm_kill(vc(c), "paging structure at gpa %#lx is not in RAM", r->gpa.v); return EMUL_STOP;
	}
}

static int translate(struct emul_ctxt *c, u64 lin, u32 access, struct gwalk_result *r)
{
	enum gwalk_status st;

	if (c->hint_valid && ALIGN_DOWN(lin, PAGE_SIZE) == ALIGN_DOWN(c->hint_lin, PAGE_SIZE) &&
	    !(access & GWALK_EXEC) && (!(access & GWALK_WRITE) || vc(c)->emulation->hint_write)) {
		r->gpa = GPA(ALIGN_DOWN(c->hint_gpa, PAGE_SIZE) + (lin & (PAGE_SIZE - 1)));
		r->left = PAGE_SIZE - (lin & (PAGE_SIZE - 1));
		return EMUL_OK;
	}
	st = gwalk(walk_state(c), GVA(lin), access | GWALK_SET_AD, r);
	if (st != GWALK_OK)
		return walk_failed(c, st, r);
	r->left = MIN(r->left, PAGE_SIZE - (lin & (PAGE_SIZE - 1)));
	return EMUL_OK;
}

static u32 access_bits(u32 flags, bool write)
{
	return (write || (flags & (EMUL_ACC_WRITE | EMUL_ACC_RMW)) ? GWALK_WRITE : 0) |
	       (flags & EMUL_ACC_SYS ? GWALK_IMPLICIT : 0);
}

void vm_mmio(struct vcpu *v, u64 gpa, u8 size, bool write, u64 *val)
{
	u64 now = vm_now(v->vm);

	if (vlapic_mmio_claims(&v->lapic, gpa)) {
		struct io_access io = { .offset = gpa & (PAGE_SIZE - 1),
			                .value = write ? *val : ~0ull,
			                .now = now,
			                .size = size,
			                .write = write };

		vlapic_mmio(&v->lapic, &io);
		if (write)
			vcpu_request_self(v, VCPU_REQ_EVENT);
		else
			*val = io.value;
		return;
	}
	io_bus_access(&v->vm->mmio, gpa, size, write, val, now);
}

/* A device access of any length: cut into naturally sized pieces. */
static void mmio_bytes(struct emul_ctxt *c, u64 gpa, u8 *buf, u32 len, bool write)
{
	while (len) {
		u8 size = len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
		u64 val = 0;

		if (write)
			memcpy(&val, buf, size);
		vm_mmio(vc(c), gpa, size, write, &val);
		if (!write)
			memcpy(buf, &val, size);
		buf += size;
		gpa += size;
		len -= size;
	}
}

static void move_piece(struct emul_ctxt *c, gpa_t gpa, u8 *buf, u32 len, bool write)
{
	void *p = gmem_ptr(&vc(c)->vm->mem, gpa, len);

	if (!p)
		mmio_bytes(c, gpa.v, buf, len, write);
	else if (write)
		memcpy(p, buf, len);
	else
		memcpy(buf, p, len);
}

/* Moves len (at most 32) bytes; both pages are translated before the first byte moves. */
static int move(struct emul_ctxt *c, u64 lin, u8 *buf, u32 len, bool write, u32 access)
{
	struct gwalk_result a, b;
	u32 first;
	int r = translate(c, lin, access, &a);

	if (r)
		return r;
	first = (u32)MIN(a.left, len);
	if (first < len) {
		r = translate(c, lin + first, access, &b);
		if (r)
			return r;
	}
	move_piece(c, a.gpa, buf, first, write);
	if (first < len)
		move_piece(c, b.gpa, buf + first, len - first, write);
	return vc(c)->vm->stop ? EMUL_STOP : EMUL_OK;
}

static int op_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len)
{
	struct gwalk_result r;
	int st = translate(c, lin, GWALK_EXEC, &r);

	if (st)
		return st;
	if (len > r.left)
		return move(c, lin, buf, len, false, GWALK_EXEC);
	if (gmem_read(&vc(c)->vm->mem, r.gpa, buf, len)) {
		vm_kill(vc(c), "instruction fetch from device memory at gpa %#lx", r.gpa.v);
		return EMUL_STOP;
	}
	return EMUL_OK;
}

static int op_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	int r = move(c, lin, buf, len, false, access_bits(flags, false));

	if (!r && !(flags & EMUL_ACC_SYS))
		vcpu_check_breakpoints(vc(c), CRS_ACCESS_READ, lin, len);
	return r;
}

static int op_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	int r = move(c, lin, (u8 *)(u64)buf, len, true, access_bits(flags, true));

	if (!r && !(flags & EMUL_ACC_SYS))
		vcpu_check_breakpoints(vc(c), CRS_ACCESS_WRITE, lin, len);
	return r;
}

static int op_check(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	struct gwalk_result r;
	int st = translate(c, lin, access_bits(flags, false), &r);

	if (!st && len > r.left)
		st = translate(c, lin + r.left, access_bits(flags, false), &r);
	return st;
}

static void *op_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags)
{
	struct gwalk_result r;

	if (c->hint_valid && ALIGN_DOWN(lin, PAGE_SIZE) == ALIGN_DOWN(c->hint_lin, PAGE_SIZE))
		return NULL;
	/* Element by element, each is looked at. */
	if (vmcs_read(VMCS_GUEST_DR7) & DR7_ENABLED)
		return NULL;
	if (gwalk(walk_state(c), GVA(lin), access_bits(flags, false) | GWALK_SET_AD, &r) != GWALK_OK)
		return NULL;
	return gmem_ptr(&vc(c)->vm->mem, r.gpa, len);
}

static bool cas(void *p, const void *oldv, const void *newv, u32 len)
{
	u64 o = 0, n = 0;
	bool ok;

	memcpy(&o, oldv, MIN(len, 8));
	memcpy(&n, newv, MIN(len, 8));
	switch (len) {
	case 1: return __atomic_compare_exchange_n((u8 *)p, (u8 *)&o, (u8)n, false, 5, 5);
	case 2: return __atomic_compare_exchange_n((u16 *)p, (u16 *)&o, (u16)n, false, 5, 5);
	case 4: return __atomic_compare_exchange_n((u32 *)p, (u32 *)&o, (u32)n, false, 5, 5);
	case 8: return __atomic_compare_exchange_n((u64 *)p, &o, n, false, 5, 5);
	default: {
		const u64 *ov = oldv, *nv = newv;
		u64 lo = ov[0], hi = ov[1];

		__asm__ volatile("lock cmpxchg16b %1\n\tsete %0"
		                 : "=q"(ok), "+m"(*(unsigned __int128 *)p), "+a"(lo), "+d"(hi)
		                 : "b"(nv[0]), "c"(nv[1])
		                 : "cc", "memory");
		return ok;
	}
	}
}

static int op_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags)
{
	struct gwalk_result r;
	void *p;
	int st = translate(c, lin, access_bits(flags, true), &r);

	if (st)
		return st;
	p = len <= r.left ? gmem_ptr(&vc(c)->vm->mem, r.gpa, len) : NULL;
	if (!p || (len == 16 && (r.gpa.v & 15)))
		return op_write(c, lin, newv, len, flags);
	if (!cas(p, oldv, newv, len))
		return EMUL_RETRY;
	vcpu_check_breakpoints(vc(c), CRS_ACCESS_WRITE, lin, len);
	return EMUL_OK;
}

static int op_pio_in(struct emul_ctxt *c, u16 port, u8 size, u32 count, void *buf)
{
	u8 *p = buf;

	for (u32 i = 0; i < count; i++, p += size) {
		u64 val = 0;

		io_bus_access(&vc(c)->vm->pio, port, size, false, &val, vm_now(vc(c)->vm));
		memcpy(p, &val, size);
	}
	vcpu_check_breakpoints(vc(c), CRS_ACCESS_IO, port, size);
	return EMUL_OK;
}

static int op_pio_out(struct emul_ctxt *c, u16 port, u8 size, u32 count, const void *buf)
{
	const u8 *p = buf;

	for (u32 i = 0; i < count; i++, p += size) {
		u64 val = 0;

		memcpy(&val, p, size);
		io_bus_access(&vc(c)->vm->pio, port, size, true, &val, vm_now(vc(c)->vm));
	}
	vcpu_check_breakpoints(vc(c), CRS_ACCESS_IO, port, size);
	return EMUL_OK;
}

static int op_read_cr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	*val = cr_read(vc(c), nr);
	return EMUL_OK;
}

static int op_write_cr(struct emul_ctxt *c, u8 nr, u64 val)
{
	vc(c)->emulation->walk_valid = false;
	if (nr == 2) {
		cpu_write_cr2(val);
		return EMUL_OK;
	}
	c->have &= ~EMUL_B_CR;
	return cr_write(vc(c), nr, val) ? EMUL_OK : emul_raise_err(c, 13, 0);
}

static int op_read_dr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	switch (nr) {
	case 0: *val = cpu_read_dr0(); break;
	case 1: *val = cpu_read_dr1(); break;
	case 2: *val = cpu_read_dr2(); break;
	case 3: *val = cpu_read_dr3(); break;
	case 6: *val = cpu_read_dr6(); break;
	default: *val = vmcs_read(VMCS_GUEST_DR7); break;
	}
	return EMUL_OK;
}

static int op_write_dr(struct emul_ctxt *c, u8 nr, u64 val)
{
	u32 dr = nr;

	emul_need(c, EMUL_B_CR);
	if (crs_dr_write(c->cr4, &dr, &val) != CRS_OK)
		return emul_raise_err(c, 13, 0);
	switch (dr) {
	case 0: cpu_write_dr0(val); break;
	case 1: cpu_write_dr1(val); break;
	case 2: cpu_write_dr2(val); break;
	case 3: cpu_write_dr3(val); break;
	case 6: cpu_write_dr6(val); break;
	default: vmcs_write(VMCS_GUEST_DR7, val); break;
	}
	return EMUL_OK;
}

static int op_rdmsr(struct emul_ctxt *c, u32 index, u64 *val)
{
	return msr_access(vc(c), index, val, false) ? EMUL_OK : emul_raise_err(c, 13, 0);
}

static int op_wrmsr(struct emul_ctxt *c, u32 index, u64 val)
{
	return msr_access(vc(c), index, &val, true) ? EMUL_OK : emul_raise_err(c, 13, 0);
}

static int op_cpuid(struct emul_ctxt *c, u32 leaf, u32 sub, u32 out[4])
{
	struct cpuid_leaf l;

	vcpu_cpuid(vc(c), leaf, sub, &l);
	out[0] = l.eax;
	out[1] = l.ebx;
	out[2] = l.ecx;
	out[3] = l.edx;
	return EMUL_OK;
}

static int op_rdtsc(struct emul_ctxt *c, u64 *tsc, u32 *aux)
{
	*tsc = vcpu_msr_ops.tsc(vc(c));
	if (aux)
		*aux = vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP) ? (u32)cpu_rdmsr(MSR_TSC_AUX) : 0;
	return EMUL_OK;
}

static int op_rdpmc(struct emul_ctxt *c, u32 index, u64 *val)
{
	return emul_raise_err(c, 13, 0);
}

static int op_xcr(struct emul_ctxt *c, u32 index, u64 *val, bool write)
{
	if (!write && index == 0) {
		*val = cpu_xgetbv(0);
		return EMUL_OK;
	}
	if (!write || crs_xcr_write(&vc(c)->crs, index, *val) != CRS_OK)
		return emul_raise_err(c, 13, 0);
	cpu_xsetbv(0, *val);
	return EMUL_OK;
}

static int op_misc(struct emul_ctxt *c, enum emul_misc what, u64 arg)
{
	if (what == EMUL_MISC_HLT)
		vc(c)->emulation->hlt = true;
	else if (what == EMUL_MISC_INVLPG)
		vcpu_flush_tlb(vc(c));
	return EMUL_OK;
}

static int op_get_xmm(struct emul_ctxt *c, u8 nr, u64 val[2])
{
	fpu_get_xmm(nr, val);
	return EMUL_OK;
}

static int op_set_xmm(struct emul_ctxt *c, u8 nr, const u64 val[2])
{
	fpu_set_xmm(nr, val);
	return EMUL_OK;
}

static int op_get_ymm(struct emul_ctxt *c, u8 nr, u64 val[4])
{
	fpu_get_ymm(nr, val);
	return EMUL_OK;
}

static int op_set_ymm(struct emul_ctxt *c, u8 nr, const u64 val[4])
{
	fpu_set_ymm(nr, val);
	return EMUL_OK;
}

/* A pending x87 exception must not be taken by the hypervisor: it is the guest's #MF. */
static int mmx_ready(struct emul_ctxt *c)
{
	return fpu_exception_pending() ? emul_raise(c, 16) : EMUL_OK;
}

static int op_get_mm(struct emul_ctxt *c, u8 nr, u64 *val)
{
	int r = mmx_ready(c);

	if (!r)
		*val = fpu_get_mm(nr);
	return r;
}

static int op_set_mm(struct emul_ctxt *c, u8 nr, u64 val)
{
	int r = mmx_ready(c);

	if (!r)
		fpu_set_mm(nr, val);
	return r;
}

static int op_fpu(struct emul_ctxt *c, enum emul_fpu what, u32 *val)
{
	bool waits = what == EMUL_FPU_WAIT || what == EMUL_FPU_EMMS || what == EMUL_FPU_SET_CW;

	if (waits && fpu_exception_pending())
		return emul_raise(c, 16);
	switch (what) {
	case EMUL_FPU_INIT: fpu_init(); break;
	case EMUL_FPU_CLEX: fpu_clex(); break;
	case EMUL_FPU_WAIT: break;
	case EMUL_FPU_EMMS: fpu_emms(); break;
	case EMUL_FPU_GET_CW: *val = fpu_get_cw(); break;
	case EMUL_FPU_SET_CW: fpu_set_cw((u16)*val); break;
	case EMUL_FPU_GET_SW: *val = fpu_get_sw(); break;
	case EMUL_FPU_GET_CSR: *val = fpu_get_csr(); break;
	case EMUL_FPU_SET_CSR: fpu_set_csr(*val); break;
	}
	return EMUL_OK;
}

static const struct emul_ops ops = {
	.load = op_load,
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.map = op_map,
	.check = op_check,
	.pio_in = op_pio_in,
	.pio_out = op_pio_out,
	.read_cr = op_read_cr,
	.write_cr = op_write_cr,
	.read_dr = op_read_dr,
	.write_dr = op_write_dr,
	.rdmsr = op_rdmsr,
	.wrmsr = op_wrmsr,
	.cpuid = op_cpuid,
	.rdtsc = op_rdtsc,
	.rdpmc = op_rdpmc,
	.xcr = op_xcr,
	.misc = op_misc,
	.get_xmm = op_get_xmm,
	.set_xmm = op_set_xmm,
	.get_ymm = op_get_ymm,
	.set_ymm = op_set_ymm,
	.get_mm = op_get_mm,
	.set_mm = op_set_mm,
	.fpu = op_fpu,
};

static void write_back(struct vcpu *v, struct emul_ctxt *c)
{
	u32 d = c->dirty;

	if (d & EMUL_B_RSP)
		vmcs_write(VMCS_GUEST_RSP, c->gpr[EMUL_RSP]);
	if (d & EMUL_B_RFLAGS)
		vmcs_write(VMCS_GUEST_RFLAGS, c->rflags);
	if (d & EMUL_B_GDTR) {
		vmcs_write(VMCS_GUEST_GDTR_BASE, c->gdtr.base);
		vmcs_write(VMCS_GUEST_GDTR_LIMIT, c->gdtr.limit);
	}
	if (d & EMUL_B_IDTR) {
		vmcs_write(VMCS_GUEST_IDTR_BASE, c->idtr.base);
		vmcs_write(VMCS_GUEST_IDTR_LIMIT, c->idtr.limit);
	}
	/* Segments change least of all. */
	for (u32 i = 0; i < EMUL_NR_SEG && d >= EMUL_B_SEG(0); i++) {
		if (!(d & EMUL_B_SEG(i)))
			continue;
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SEL + 2 * i), c->seg[i].sel);
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + 2 * i), c->seg[i].base);
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + 2 * i), c->seg[i].limit);
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_AR + 2 * i), c->seg[i].attr);
	}
}

static void inject_fault(struct vcpu *v, const struct emul_ctxt *c)
{
	const struct emul_exception *x = &c->exception;

	if (x->kind != EMUL_EXC_HW) {
		vcpu_raise_soft(v, x->vector, x->kind, x->insn_len);
		return;
	}
	if (x->vector == 14)
		cpu_write_cr2(x->cr2);
	vcpu_raise(v, x->vector, x->has_error, x->error);
}

static enum exit_action finish(struct vcpu *v, struct emul_ctxt *c, int result)
{
	switch (result) {
	case EMUL_OK:
		write_back(v, c);
		vmcs_write(VMCS_GUEST_RIP, c->rip);
		vcpu_retired(v, c->sti_shadow, c->ss_shadow, c->iret_done);
		return v->emulation->hlt ? EXIT_BLOCK : EXIT_RESUME;
	case EMUL_FAULT:
		write_back(v, c);
		inject_fault(v, c);
		return EXIT_RESUME;
	case EMUL_RETRY: write_back(v, c); return EXIT_RESUME;
	case EMUL_STOP: return EXIT_KILL;
	default:
		if (v->emulation->forced) {
			vcpu_ud(v);
			return EXIT_RESUME;
		}
		vm_kill(v,
		        "cannot emulate the instruction at rip %#lx: %02x %02x %02x %02x %02x %02x %02x %02x "
		        "%02x %02x %02x %02x %02x %02x %02x (%u bytes fetched)",
		        c->rip, c->insn[0], c->insn[1], c->insn[2], c->insn[3], c->insn[4], c->insn[5], c->insn[6],
		        c->insn[7], c->insn[8], c->insn[9], c->insn[10], c->insn[11], c->insn[12], c->insn[13],
		        c->insn[14], c->insn_len);
		return EXIT_KILL;
	}
}

static struct emul_ctxt *begin(struct vcpu *v)
{
	struct emul_ctxt *c = &v->emulation->c;

	v->emulation->walk_valid = false;
	v->emulation->hlt = false;
	v->emulation->forced = false;
	emul_init(c, &ops, v, v->regs.gpr);
	c->rip = v->rip;
	c->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	c->have = EMUL_B_RFLAGS;
	c->mode = emul_mode_of(vmcs_read(VMCS_GUEST_CR0), vmcs_read(VMCS_GUEST_EFER), c->rflags,
	                       vmcs_read32(VMCS_GUEST_CS_AR));
	return c;
}

enum exit_action emulate_insn(struct vcpu *v, bool have_hint, u64 linear, u64 gpa)
{
	struct emul_ctxt *c = begin(v);

	c->hint_valid = have_hint;
	c->hint_lin = linear;
	c->hint_gpa = gpa;
	return finish(v, c, emul_run(c));
}

enum exit_action emulate_forced(struct vcpu *v, u32 skip)
{
	struct emul_ctxt *c = begin(v);

	c->rip += skip;
	if (c->mode != EMUL_LONG64)
		c->rip = (u32)c->rip;
	v->rip = c->rip;
	vmcs_write(VMCS_GUEST_RIP, c->rip);
	v->emulation->forced = true;
	return finish(v, c, emul_run(c));
}

enum exit_action emulate_apic_insn(struct vcpu *v, u64 gpa)
{
	struct emul_ctxt *c = begin(v);

	c->hint_offset = true;
	c->hint_gpa = gpa;
	return finish(v, c, emul_run(c));
}

enum exit_action emulate_string_io(struct vcpu *v)
{
	struct emul_ctxt *c = begin(v);

	/* Decoded from memory: the exit's own description lacks the segment on CPUs without INS/OUTS information. */
	return finish(v, c, emul_run(c));
}
