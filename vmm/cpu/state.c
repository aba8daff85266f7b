/* A loaded vCPU's state is gathered and put back. What is listed where: vmm/policy/gstate.h. */
#include "vmm/cpu/state.h"

#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "lib/string.h"
#include "vmm/cpu/priv.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/vm/vm.h"

_Static_assert((u32)VCPU_RUNNABLE == GSTATE_RUNNABLE && (u32)VCPU_HALTED == GSTATE_HALTED &&
                       (u32)VCPU_WAIT_SIPI == GSTATE_WAIT_SIPI,
               "gstate.run is an enum vcpu_state");

/* ---- what is copied as it is ---- */

struct place {
	u32 id;     /* VMCS field, general register, enum vmsr_reg */
	u16 offset; /* in struct gstate */
	u16 size;
};

static const struct place vmcs_places[] = {
#define PLACE(T, F, type, name, field) { VMCS_##field, offsetof(struct gstate, name), sizeof(type) },
	GSTATE_VMCS(PLACE, , )
#undef PLACE
};

static const struct place gpr_places[] = {
#define PLACE(T, F, name, nr) { (nr), offsetof(struct gstate, name), sizeof(u64) },
	GSTATE_GPRS(PLACE, , )
#undef PLACE
};

static const struct place msr_places[] = {
#define PLACE(T, F, name, reg) { VMSR_##reg, offsetof(struct gstate, name), sizeof(u64) },
	GSTATE_MSRS(PLACE, , )
#undef PLACE
};

/* Each is as wide as its field. */
#define FIELD_BYTES(f) ((f) >> 13 == VMCS_WIDTH_16 ? 2u : (f) >> 13 == VMCS_WIDTH_32 ? 4u : 8u)
#define PLACE(T, F, type, name, field) \
	_Static_assert(sizeof(type) == FIELD_BYTES(VMCS_##field), "width of VMCS field: " #field);
GSTATE_VMCS(PLACE, , )
#undef PLACE

static u64 place_get(const struct gstate *s, const struct place *p)
{
	u64 val = 0;

	memcpy(&val, (const u8 *)s + p->offset, p->size);
	return val;
}

static void place_set(struct gstate *s, const struct place *p, u64 val)
{
	memcpy((u8 *)s + p->offset, &val, p->size);
}

/* ---- limits ---- */

static void limits(const struct vcpu *v, struct gstate_limits *l)
{
	u32 bits = cpu_cpuid(0x80000008, 0).eax >> 8 & 0xff;

	*l = (struct gstate_limits){
		.cpuid = v->cpuid,
		.crs = &v->crs,
		.linear_bits = bits == 57 ? 57 : 48,
		.bsp = v->id == 0,
	};
}

bool vcpu_state_valid(const struct vcpu *v, const struct vcpu_saved *s, struct state_check *c)
{
	struct gstate_limits l;

	limits(v, &l);
	return gstate_valid(&s->cpu, &l, c) && gstate_xsave_valid(&s->fpu, &l, c) &&
	       vmsr_valid(&v->msr, &s->msr, c) && pv_valid(&s->pv, v->pv.features, c);
}

/* ---- get ---- */

/* The area is the vCPU's, where vcpu_put() would save, too: while it is loaded, what is in it is of no use. */
static void save_fpu(struct vcpu *v, struct vcpu_saved *s)
{
	u64 all = vcpu_host.xcr0, now = XCR0_X87;
	struct gstate_limits l;

	if (all) {
		now = cpu_xgetbv(0);
		cpu_xsetbv(0, all);
	}
	fpu_save(v->xsave, all, all != 0);
	if (all)
		cpu_xsetbv(0, now);
	s->cpu.xcr0 = now;
	limits(v, &l);
	gstate_xsave_take(&s->fpu, &l, v->xsave, all != 0);
}

static void get_events(const struct vcpu *v, struct gstate *s)
{
	s->vectoring[0] = v->inj.vectoring;
	s->exception[0] = v->inj.exception;
	s->nmis = (u8)v->nmis;
	s->kept_interrupt = (u16)v->kept_interrupt;
	s->init_pending = v->init_pending;
	s->sipi_pending = v->sipi_pending;
	s->sipi_vector = v->sipi_vector;
}

void vcpu_state_get(struct vcpu *v, u64 tsc, struct vcpu_saved *s)
{
	struct gstate *g = &s->cpu;
	struct crs_state crs;

	memset(g, 0, sizeof(*g));
	g->run = (u8)v->state;
	for (u32 i = 0; i < ARRAY_SIZE(gpr_places); i++)
		place_set(g, &gpr_places[i], v->regs.gpr[gpr_places[i].id]);
	for (u32 i = 0; i < ARRAY_SIZE(vmcs_places); i++)
		place_set(g, &vmcs_places[i], vmcs_read((enum vmcs_field)vmcs_places[i].id));
	for (u32 i = 0; i < ARRAY_SIZE(msr_places); i++)
		place_set(g, &msr_places[i], vcpu_msr_ops.get(v, (enum vmsr_reg)msr_places[i].id));
	cr_state(v, &crs);
	g->cr0 = crs.cr0;
	g->cr2 = cpu_read_cr2();
	g->cr4 = crs.cr4;
	g->dr[0] = cpu_read_dr0();
	g->dr[1] = cpu_read_dr1();
	g->dr[2] = cpu_read_dr2();
	g->dr[3] = cpu_read_dr3();
	g->dr6 = cpu_read_dr6();
	g->guest_tsc = vclock_scale(&v->vm->clock, tsc) + v->tsc_offset;
	g->steal_untold = v->sched.wait_ns - v->steal_told;
	get_events(v, g);
	gstate_tidy(g);
	save_fpu(v, s);
	s->msr = v->msr.s;
	s->pv = v->pv;
}

/* ---- put ---- */

static void restore_fpu(struct vcpu *v, const struct vcpu_saved *s)
{
	u64 all = vcpu_host.xcr0;
	struct gstate_limits l;

	limits(v, &l);
	gstate_xsave_give(&s->fpu, &l, v->xsave);
	if (all)
		cpu_xsetbv(0, all);
	fpu_restore(v->xsave, all, all != 0);
	if (all)
		cpu_xsetbv(0, s->cpu.xcr0);
}

static void put_events(struct vcpu *v, const struct gstate *s)
{
	v->inj.vectoring = s->vectoring[0];
	v->inj.exception = s->exception[0];
	v->vectoring_valid = s->vectoring[0].info & INTR_INFO_VALID;
	v->nmis = s->nmis;
	v->kept_interrupt = s->kept_interrupt;
	v->trap = s->pending_debug & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BP);
	v->init_pending = s->init_pending;
	v->sipi_pending = s->sipi_pending;
	v->sipi_vector = s->sipi_vector;
}

static void put_registers(struct vcpu *v, const struct gstate *s)
{
	for (u32 i = 0; i < ARRAY_SIZE(gpr_places); i++)
		v->regs.gpr[gpr_places[i].id] = place_get(s, &gpr_places[i]);
	for (u32 i = 0; i < ARRAY_SIZE(vmcs_places); i++)
		vmcs_write((enum vmcs_field)vmcs_places[i].id, place_get(s, &vmcs_places[i]));
	for (u32 i = 0; i < ARRAY_SIZE(msr_places); i++)
		vcpu_msr_ops.set(v, (enum vmsr_reg)msr_places[i].id, place_get(s, &msr_places[i]));
	/* Registers and read shadows; what the processor keeps in step with EFER.LMA. */
	cr_force(v, s->cr0, s->cr4);
	v->entry = (v->entry & ~ENTRY_IA32E_GUEST) | (s->efer & EFER_LMA ? ENTRY_IA32E_GUEST : 0);
	vmcs_write(VMCS_ENTRY_CONTROLS, v->entry);
	cpu_write_cr2(s->cr2);
	cpu_write_dr0(s->dr[0]);
	cpu_write_dr1(s->dr[1]);
	cpu_write_dr2(s->dr[2]);
	cpu_write_dr3(s->dr[3]);
	cpu_write_dr6(s->dr6);
}

void vcpu_state_put(struct vcpu *v, u64 tsc, const struct vcpu_saved *s)
{
	/* Controls, masks and everything that no state is kept of: as for a fresh one. */
	vcpu_reset(v, false);
	put_registers(v, &s->cpu);
	restore_fpu(v, s);
	v->msr.s = s->msr;
	v->pv = s->pv;
	put_events(v, &s->cpu);
	v->state = (enum vcpu_state)s->cpu.run;
	v->steal_told = v->sched.wait_ns - s->cpu.steal_untold;
	v->tsc_offset = s->cpu.guest_tsc - vclock_scale(&v->vm->clock, tsc);
	v->tsc_moved = false;
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
	/* After the reset's own: other page tables. */
	vcpu_flush_tlb(v);
	v->rearm = true;
	v->apic_step = 0;
	v->ipi_way.left = 0;
	v->more = VCPU_MORE_NONE;
	v->call.next = 0;
	vcpu_request_self(v, VCPU_REQ_APIC | VCPU_REQ_INVEPT | VCPU_REQ_REMAP | VCPU_REQ_EVENT | VCPU_REQ_TIMER);
}
