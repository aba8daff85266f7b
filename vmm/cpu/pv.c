/* Paravirtual interfaces of the loaded vCPU: vmm/policy/pv.c's rules wired to it. */
#include "vmm/cpu/regs.h"
#include "vmm/vm/vm.h"

static void env_init(const struct vcpu *v, struct pv_env *e)
{
	const struct vm *vm = v->vm;

	*e = (struct pv_env){
		.mem = &vm->mem,
		.scale = vm->pv_scale,
		.tsc_base = vclock_scale(&vm->clock, vm->tsc_start) + v->tsc_offset,
		.wall_base = vm->wall_base,
	};
}

bool vcpu_pv_msr(struct vcpu *v, u32 index, u64 *val, bool write)
{
	struct pv_env e;

	if (!write)
		return pv_msr_read(&v->pv, index, val);
	env_init(v, &e);
	return pv_msr_write(&v->pv, &e, index, *val);
}

void vcpu_pv_clock_changed(struct vcpu *v)
{
	struct pv_env e;

	env_init(v, &e);
	pv_clock_update(&v->pv, &e);
}

void vcpu_pv_in(struct vcpu *v, u64 steal_ns)
{
	struct pv_env e;

	env_init(v, &e);
	if (pv_sched_in(&v->pv, &e, steal_ns))
		vcpu_flush_tlb(v);
}

void vcpu_pv_out(struct vcpu *v)
{
	pv_sched_out(&v->pv, &v->vm->mem);
}
