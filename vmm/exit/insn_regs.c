/* The emulator's ports and registers but the general ones: what the exit handlers do, asked for by an instruction. */
#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn_priv.h"
#include "vmm/vm/vm.h"

static int op_pio_in(struct emul_ctxt *c, u16 port, u8 size, u32 count, void *buf)
{
	u8 *p = buf;

	for (u32 i = 0; i < count; i++, p += size) {
		u64 val = 0;
		enum emulate_access how = emulate_access(c, EMUL_DONE_IN, port, p, size);

		if (how == ACCESS_WAIT)
			return EMUL_RETRY;
		if (how == ACCESS_DONE)
			continue;
		vm_lock(vc(c)->vm);
		io_bus_access(&vc(c)->vm->pio, port, size, false, &val, vm_now(vc(c)->vm));
		vm_unlock(vc(c)->vm);
		memcpy(p, &val, size);
		emulate_accessed(c, EMUL_DONE_IN, port, p, size);
	}
	vcpu_check_breakpoints(vc(c), CRS_ACCESS_IO, port, size);
	return EMUL_OK;
}

static int op_pio_out(struct emul_ctxt *c, u16 port, u8 size, u32 count, const void *buf)
{
	const u8 *p = buf;

	for (u32 i = 0; i < count; i++, p += size) {
		u64 val = 0;
		enum emulate_access how = emulate_access(c, EMUL_DONE_OUT, port, NULL, size);

		if (how == ACCESS_WAIT)
			return EMUL_RETRY;
		if (how == ACCESS_DONE)
			continue;
		memcpy(&val, p, size);
		vm_lock(vc(c)->vm);
		io_bus_access(&vc(c)->vm->pio, port, size, true, &val, vm_now(vc(c)->vm));
		vm_unlock(vc(c)->vm);
		emulate_accessed(c, EMUL_DONE_OUT, port, NULL, size);
	}
	vcpu_check_breakpoints(vc(c), CRS_ACCESS_IO, port, size);
	return EMUL_OK;
}

static u32 op_pio_string(struct emul_ctxt *c, u16 port, u8 size, bool in, u32 count, void *buf)
{
	struct vm *vm = vc(c)->vm;
	u32 n;

	vm_lock(vm);
	n = io_bus_string(&vm->pio, port, size, !in, buf, count);
	vm_unlock(vm);
	return n;
}

/* CR8 is the local APIC's. */
static int op_read_cr(struct emul_ctxt *c, u8 nr, u64 *val)
{
	vm_lock(vc(c)->vm);
	*val = cr_read(vc(c), nr);
	vm_unlock(vc(c)->vm);
	return EMUL_OK;
}

static int op_write_cr(struct emul_ctxt *c, u8 nr, u64 val)
{
	bool ok;

	vc(c)->emulation->walk_valid = false;
	if (nr == 2) {
		cpu_write_cr2(val);
		return EMUL_OK;
	}
	c->have &= ~EMUL_B_CR;
	vm_lock(vc(c)->vm);
	ok = cr_write(vc(c), nr, val);
	vm_unlock(vc(c)->vm);
	return ok ? EMUL_OK : emul_raise_err(c, 13, 0);
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

/* Timers and the local APIC are among them. */
static int op_msr(struct emul_ctxt *c, u32 index, u64 *val, bool write)
{
	bool ok;

	vm_lock(vc(c)->vm);
	ok = msr_access(vc(c), index, val, write);
	vm_unlock(vc(c)->vm);
	return ok ? EMUL_OK : emul_raise_err(c, 13, 0);
}

static int op_rdmsr(struct emul_ctxt *c, u32 index, u64 *val)
{
	return op_msr(c, index, val, false);
}

static int op_wrmsr(struct emul_ctxt *c, u32 index, u64 val)
{
	return op_msr(c, index, &val, true);
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
	if (!cpuid_has(vc(c)->cpuid, aux ? CPUID_FEAT_RDTSCP : CPUID_FEAT_TSC))
		return emul_raise(c, 6);
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

/* Exceptions that keep a store from its operand when they are not masked: all but precision. */
#define X87_STOPS 0x1fu

/* Places in FNSTENV's area. */
#define ENV_IP  12
#define ENV_CS  16
#define ENV_OP  18
#define ENV_EA  20
#define ENV_SEG 24

/* Run here, on the guest's registers; its pointers to instruction and operand are then ours, and must not stay. */
static int op_x87(struct emul_ctxt *c, struct emul_x87 *x)
{
	u16 fop = (u16)((x->op >> 3) << 8 | (x->rm & 0xc0) | (x->op & 7) << 3 | (x->rm & 7));
	u8 env[FPU_X87_ENV_BYTES];
	u32 ip = (u32)x->ip, ea;

	if (fpu_exception_pending())
		return emul_raise(c, 16);
	fpu_x87_get(vc(c)->emulation->x87);
	fpu_x87_mem(x->op, x->data);
	if (x->store && (fpu_get_sw() & ~fpu_get_cw() & X87_STOPS))
		x->len = 0;
	fpu_x87_env(env);
	memcpy(&ea, env + ENV_EA, 4);
	memcpy(env + ENV_IP, &ip, 4);
	memcpy(env + ENV_CS, &x->cs, 2);
	memcpy(env + ENV_OP, &fop, 2);
	/* Some processors change FDP for unmasked exceptions only. */
	if (ea == (u32)(u64)x->data) {
		ea = (u32)x->ea;
		memcpy(env + ENV_EA, &ea, 4);
		memcpy(env + ENV_SEG, &x->seg, 2);
	}
	fpu_x87_set_env(env);
	return EMUL_OK;
}

static void op_x87_undo(struct emul_ctxt *c)
{
	fpu_x87_set(vc(c)->emulation->x87);
}

static bool op_time_is_up(struct emul_ctxt *c)
{
	struct emulation *e = vc(c)->emulation;
	u64 now = cpu_rdtsc();

	if (e->step_tsc) { /* an iteration is over, and not to be gone through again */
		e->step_ticks = MAX(e->step_ticks, now - e->step_tsc);
		emul_done_clear(&e->done);
	}
	e->step_tsc = now;
	/* A message to many that it has sent goes first: there is room for one. */
	return now + e->step_ticks >= e->until || vc(c)->ipi_way.left || pc_irqchip_waits(&vc(c)->vm->irq);
}

const struct emul_ops emulate_ops = {
	.load = emulate_load,
	.fetch = emulate_fetch,
	.read = emulate_read,
	.write = emulate_write,
	.cmpxchg = emulate_cmpxchg,
	.map = emulate_map,
	.check = emulate_check,
	.pio_in = op_pio_in,
	.pio_out = op_pio_out,
	.pio_string = op_pio_string,
	.time_is_up = op_time_is_up,
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
	.x87 = op_x87,
	.x87_undo = op_x87_undo,
};
