/* A vCPU's registers come to a CPU and leave it. Those that VM entry
 * and exit do not switch are loaded between turns. */
#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "lib/assert.h"
#include "lib/atomic.h"
#include "mm/hvmem.h"
#include "vmm/cpu/priv.h"
#include "vmm/pcpu/kick.h"
#include "vmm/vm/vm.h"

/* What one VM taught the branch predictor must not steer another (SDM vol. 4, IA32_PRED_CMD). */
static void predictor_barrier(void)
{
	if (vcpu_host.ibpb)
		(void)!cpu_wrmsr_safe(MSR_PRED_CMD, 1);
}

/* The registers are one CPU's at a time. */
static bool claim(struct vcpu *v, struct pcpu *p)
{
	struct pcpu *none = NULL;

	return atomic_cas(&v->loaded_on, &none, p);
}

/* It was paused: its time goes on later. */
static void tsc_offset(struct vcpu *v)
{
	if (!v->tsc_moved)
		return;
	v->tsc_moved = false;
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
}

static void load(struct vcpu *v, struct pcpu *p)
{
	u64 xcr0 = vcpu_host.xcr0;

	p->current = v;
	if (p->last_vm != v->vm->id + 1)
		predictor_barrier();
	p->last_vm = v->vm->id + 1;
	cpu_write_cr3(hostpt_cr3(&v->vm->pt));
	if (!v->vmcs_cpu)
		vmx_vmclear(v->vmcs_pa);
	vmx_vmptrld(v->vmcs_pa);
	if (v->vmcs_cpu != p) {
		vcpu_write_host_state(v);
		/* Invalidations it made while it ran elsewhere did not reach this CPU. */
		vcpu_flush_tlb(v);
		vcpu_invept(v->vm);
		v->vmcs_cpu = p;
	}
	tsc_offset(v);
	cpu_wrmsr(MSR_STAR, v->held.star);
	cpu_wrmsr(MSR_LSTAR, v->held.lstar);
	cpu_wrmsr(MSR_CSTAR, v->held.cstar);
	cpu_wrmsr(MSR_FMASK, v->held.fmask);
	cpu_wrmsr(MSR_KERNEL_GS_BASE, v->held.kernel_gs_base);
	if (vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP))
		cpu_wrmsr(MSR_TSC_AUX, v->held.tsc_aux);
	if (xcr0)
		cpu_xsetbv(0, xcr0);
	fpu_restore(v->xsave, xcr0, xcr0 != 0);
	if (xcr0)
		cpu_xsetbv(0, v->held.xcr0);
	cpu_write_dr0(v->held.dr[0]);
	cpu_write_dr1(v->held.dr[1]);
	cpu_write_dr2(v->held.dr[2]);
	cpu_write_dr3(v->held.dr[3]);
	cpu_write_dr6(v->held.dr6);
	cpu_write_cr2(v->held.cr2);
}

/* v, which is about to be loaded here, leaves the CPU that still holds its registers. */
static void evict(struct vcpu *v)
{
	struct pcpu *p;

	while ((p = atomic_load(&v->loaded_on)) != NULL) {
		assert(p != this_cpu() && !this_cpu()->current);
		atomic_store(&p->evict, 1);
		lapic_send_ipi(p->apic_id, VEC_KICK);
		while (atomic_load(&v->loaded_on) == p)
			cpu_pause();
	}
}

void vcpu_load(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (p->current == v) {
		tsc_offset(v);
		return;
	}
	if (p->current)
		vcpu_put(p->current);
	/* The monitor may be faster than we, on another CPU. */
	do
		evict(v);
	while (!claim(v, p));
	load(v, p);
}

bool vcpu_try_load(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (p->current == v)
		return true;
	if (!claim(v, p))
		return false;
	if (p->current)
		vcpu_put(p->current);
	load(v, p);
	return true;
}

void vcpu_put(struct vcpu *v)
{
	u64 xcr0 = vcpu_host.xcr0;

	v->held.star = cpu_rdmsr(MSR_STAR);
	v->held.lstar = cpu_rdmsr(MSR_LSTAR);
	v->held.cstar = cpu_rdmsr(MSR_CSTAR);
	v->held.fmask = cpu_rdmsr(MSR_FMASK);
	v->held.kernel_gs_base = cpu_rdmsr(MSR_KERNEL_GS_BASE);
	if (vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP))
		v->held.tsc_aux = cpu_rdmsr(MSR_TSC_AUX);
	if (xcr0) {
		v->held.xcr0 = cpu_xgetbv(0);
		cpu_xsetbv(0, xcr0);
	}
	fpu_save(v->xsave, xcr0, xcr0 != 0);
	v->held.dr[0] = cpu_read_dr0();
	v->held.dr[1] = cpu_read_dr1();
	v->held.dr[2] = cpu_read_dr2();
	v->held.dr[3] = cpu_read_dr3();
	v->held.dr6 = cpu_read_dr6();
	/* The next CPU to load it may be another one: the VMCS must not be active here then. */
	vmx_vmclear(v->vmcs_pa);
	v->regs.launched = 0;
	v->held.cr2 = cpu_read_cr2();
	this_cpu()->current = NULL;
	cpu_write_cr3(hvmem_cr3());
	atomic_store(&v->loaded_on, NULL);
}

/* Another CPU wants the vCPU whose registers are still here. */
void vcpu_give_up(struct pcpu *p)
{
	if (!atomic_exchange(&p->evict, 0))
		return;
	if (p->current)
		vcpu_put(p->current);
}

bool vcpu_try_evict(struct vcpu *v)
{
	struct pcpu *p = atomic_load(&v->loaded_on);

	if (!p || p == this_cpu())
		return true;
	atomic_store(&p->evict, 1);
	pcpu_kick(p->index);
	return false;
}
