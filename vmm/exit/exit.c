/* The exit dispatch table, and the handlers short enough to live beside it. SDM vol. 3 "VMX Basic Exit Reasons". */
#include "vmm/exit/exit.h"

#include "arch/x86/cpu.h"
#include "arch/x86/exc.h"
#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "lib/string.h"
#include "vmm/cpu/events.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/stretch.h"
#include "vmm/emul/emul.h"
#include "vmm/exit/insn.h"
#include "vmm/exit/vmcs_count.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

struct exit_entry {
	enum exit_action (*fn)(struct vcpu *v);
	u32 flags;
};

#define VECTORING BIT(0) /* may come in the middle of an event's delivery: look at the IDT-vectoring information */
#define DEVICE    BIT(1) /* reaches devices, buses or timers: under the VM's lock */

static __attribute__((noinline)) enum exit_action cpuid_slow(struct vcpu *v)
{
	u64 *g = v->regs.gpr;
	struct cpuid_leaf l;

	vcpu_cpuid(v, (u32)g[GPR_RAX], (u32)g[GPR_RCX], &l);
	g[GPR_RAX] = l.eax;
	g[GPR_RBX] = l.ebx;
	g[GPR_RCX] = l.ecx;
	g[GPR_RDX] = l.edx;
	return EXIT_ADVANCE;
}

static enum exit_action on_cpuid(struct vcpu *v)
{
	u64 *g = v->regs.gpr;
	const struct cpuid_leaf *l = cpuid_static_leaf(v->cpuid, (u32)g[GPR_RAX]);

	if (unlikely(!l))
		return cpuid_slow(v);
	g[GPR_RAX] = l->eax;
	g[GPR_RBX] = l->ebx;
	g[GPR_RCX] = l->ecx;
	g[GPR_RDX] = l->edx;
	return EXIT_ADVANCE;
}

static enum exit_action on_rdmsr(struct vcpu *v)
{
	u64 *g = v->regs.gpr, val;

	if (!msr_access(v, (u32)g[GPR_RCX], &val, false)) {
		vcpu_gp(v);
		return EXIT_RESUME;
	}
	g[GPR_RAX] = (u32)val;
	g[GPR_RDX] = val >> 32;
	return EXIT_ADVANCE;
}

static enum exit_action on_wrmsr(struct vcpu *v)
{
	const u64 *g = v->regs.gpr;
	u64 val = g[GPR_RDX] << 32 | (u32)g[GPR_RAX];

	if (!msr_access(v, (u32)g[GPR_RCX], &val, true)) {
		vcpu_gp(v);
		return EXIT_RESUME;
	}
	return EXIT_ADVANCE;
}

/*
 * #DB exits so that a guest whose #DB handler cannot be reached without another #DB does not keep the processor. The
 * exit leaves to us what delivery does to the debug registers (SDM vol. 3, "Debug Exceptions").
 */
static enum exit_action on_debug_exception(struct vcpu *v, u32 info)
{
	u64 qual = vmcs_read(VMCS_EXIT_QUALIFICATION);

	if ((info & INTR_INFO_TYPE_MASK) == INTR_INFO_PRIV_SW_EXC) { /* INT1: DR6 stays */
		vcpu_raise_soft(v, VEC_DB, EMUL_EXC_PRIV_SOFT, (u8)vmcs_read32(VMCS_EXIT_INSN_LEN));
	} else {
		/* RTM and BLD are active low. */
		cpu_write_dr6(((cpu_read_dr6() & ~0xfull) | (qual & (DB_QUAL_B | DB_QUAL_BD | DB_QUAL_BS))) &
		              ~(qual & (DB_QUAL_BLD | DB_QUAL_RTM)));
		vcpu_raise(v, VEC_DB, false, 0);
	}
	vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	return EXIT_RESUME;
}

static enum exit_action on_exception_or_nmi(struct vcpu *v)
{
	u32 info = vmcs_read32(VMCS_EXIT_INTR_INFO);

	if (INTR_INFO_TYPE(info) << 8 == INTR_INFO_NMI) {
		/* Through the handler, whose IRET unblocks the next one. */
		__asm__ volatile("int $2" ::: "memory");
		vcpu_request_self(v, VCPU_REQ_TIMER);
		return EXIT_RESUME;
	}
	/* An IRET that faulted had ended the blocking already: it will run again. */
	if ((info & INTR_INFO_NMI_UNBLOCKED) && !v->vectoring_valid)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
	switch (INTR_INFO_VECTOR(info)) {
	case VEC_DB: return on_debug_exception(v, info);
	case VEC_UD: return exit_ud(v);
	case VEC_AC: vcpu_raise(v, VEC_AC, true, vmcs_read32(VMCS_EXIT_INTR_ERROR)); return EXIT_RESUME;
	case VEC_MC:
		/* Let the host's own handler report it: it decides for the whole machine. */
		__asm__ volatile("int $18");
		return EXIT_RESUME;
	default: vm_kill(v, "unexpected exception exit, vector %u", INTR_INFO_VECTOR(info)); return EXIT_KILL;
	}
}

static enum exit_action on_external_interrupt(struct vcpu *v)
{
	u32 info = vmcs_read32(VMCS_EXIT_INTR_INFO);

	if (info & INTR_INFO_VALID)
		irq_dispatch(INTR_INFO_VECTOR(info));
	/* A host timer, a kick, console input: the run loop looks at all of them. */
	vcpu_request_self(v, VCPU_REQ_TIMER);
	return EXIT_RESUME;
}

static enum exit_action on_triple_fault(struct vcpu *v)
{
	vm_triple_fault(v, "triple fault");
	return EXIT_KILL;
}

static enum exit_action on_interrupt_window(struct vcpu *v)
{
	vcpu_set_proc(v, 0, PROC_INTERRUPT_WINDOW_EXITING);
	vcpu_request_self(v, VCPU_REQ_EVENT);
	return EXIT_RESUME;
}

static enum exit_action on_nmi_window(struct vcpu *v)
{
	vcpu_set_proc(v, 0, PROC_NMI_WINDOW_EXITING);
	vcpu_request_self(v, VCPU_REQ_EVENT);
	return EXIT_RESUME;
}

static enum exit_action on_hlt(struct vcpu *v)
{
	vcpu_advance(v);
	return EXIT_BLOCK;
}

static enum exit_action on_advance(struct vcpu *v)
{
	return EXIT_ADVANCE;
}

static enum exit_action on_gp(struct vcpu *v)
{
	vcpu_gp(v);
	return EXIT_RESUME;
}

static enum exit_action on_ud(struct vcpu *v)
{
	vcpu_ud(v);
	return EXIT_RESUME;
}

#ifdef CONFIG_STRETCH
static bool is_handled(u32 reason);
static int exit_unexpected(struct vcpu *v, u32 reason);
#endif

static enum exit_action on_vmcall(struct vcpu *v)
{
#ifdef CONFIG_VMCS_COUNT
	if (v->regs.gpr[GPR_RAX] == VMCS_COUNT_CALL) {
		v->regs.gpr[GPR_RAX] = vmcs_reads;
		v->regs.gpr[GPR_RDX] = vmcs_writes;
		return EXIT_ADVANCE;
	}
#endif
#ifdef CONFIG_STRETCH
	if (v->regs.gpr[GPR_RAX] == STRETCH_CALL) {
		if (v->regs.gpr[GPR_RBX] == STRETCH_CRASH) {
			(void)exit_unexpected(v, v->exit_reason);
			return EXIT_KILL;
		}
		v->regs.gpr[GPR_RAX] = stretch_call(v, is_handled);
		return EXIT_ADVANCE;
	}
#endif
	return exit_vmcall(v);
}

static enum exit_action on_pause(struct vcpu *v)
{
	v->yield_to = NULL;
	vcpu_request_self(v, VCPU_REQ_YIELD);
	return EXIT_ADVANCE;
}

static enum exit_action on_preemption_timer(struct vcpu *v)
{
	vcpu_request_self(v, VCPU_REQ_TIMER);
	return EXIT_RESUME;
}

static enum exit_action on_tpr_below_threshold(struct vcpu *v)
{
	vcpu_request_self(v, VCPU_REQ_EVENT);
	return EXIT_RESUME;
}

static enum exit_action on_eoi(struct vcpu *v)
{
	vlapic_eoi_virtualized(&v->lapic, (u8)vmcs_read(VMCS_EXIT_QUALIFICATION));
	vcpu_request_self(v, VCPU_REQ_EVENT);
	return EXIT_RESUME;
}

static enum exit_action on_apic_write(struct vcpu *v)
{
	vlapic_write_effect(&v->lapic, (u32)vmcs_read(VMCS_EXIT_QUALIFICATION) & 0xff0, vm_now(v->vm));
	vcpu_request_self(v, VCPU_REQ_EVENT);
	return EXIT_RESUME;
}

static enum exit_action on_ept_misconfig(struct vcpu *v)
{
	vm_kill(v, "EPT misconfiguration at gpa %#lx", vmcs_read(VMCS_GUEST_PHYSICAL_ADDR));
	return EXIT_KILL;
}

static enum exit_action on_init(struct vcpu *v)
{
	return EXIT_RESUME;
}

static const struct exit_entry table[EXIT_REASON_COUNT] = {
	[EXIT_REASON_EXCEPTION_NMI] = { on_exception_or_nmi, VECTORING | DEVICE },
	[EXIT_REASON_EXTERNAL_INTERRUPT] = { on_external_interrupt, VECTORING },
	[EXIT_REASON_TRIPLE_FAULT] = { on_triple_fault },
	[EXIT_REASON_INIT] = { on_init },
	[EXIT_REASON_INTERRUPT_WINDOW] = { on_interrupt_window },
	[EXIT_REASON_NMI_WINDOW] = { on_nmi_window },
	[EXIT_REASON_TASK_SWITCH] = { exit_task_switch },
	[EXIT_REASON_CPUID] = { on_cpuid },
	[EXIT_REASON_HLT] = { on_hlt },
	[EXIT_REASON_INVD] = { on_advance },
	[EXIT_REASON_RDPMC] = { on_gp },
	[EXIT_REASON_RDTSC] = { on_ud }, /* only of guests that have none */
	[EXIT_REASON_RDTSCP] = { on_ud },
	[EXIT_REASON_RSM] = { on_ud },
	[EXIT_REASON_GETSEC] = { on_ud },
	[EXIT_REASON_VMCALL] = { on_vmcall },
	[EXIT_REASON_VMCLEAR] = { on_ud },
	[EXIT_REASON_VMLAUNCH] = { on_ud },
	[EXIT_REASON_VMPTRLD] = { on_ud },
	[EXIT_REASON_VMPTRST] = { on_ud },
	[EXIT_REASON_VMREAD] = { on_ud },
	[EXIT_REASON_VMRESUME] = { on_ud },
	[EXIT_REASON_VMWRITE] = { on_ud },
	[EXIT_REASON_VMXOFF] = { on_ud },
	[EXIT_REASON_VMXON] = { on_ud },
	[EXIT_REASON_INVEPT] = { on_ud },
	[EXIT_REASON_INVVPID] = { on_ud },
	[EXIT_REASON_VMFUNC] = { on_ud },
	[EXIT_REASON_CR_ACCESS] = { exit_cr_access, DEVICE },
	[EXIT_REASON_IO] = { exit_io, DEVICE },
	[EXIT_REASON_RDMSR] = { on_rdmsr, DEVICE },
	[EXIT_REASON_WRMSR] = { on_wrmsr, DEVICE },
	[EXIT_REASON_MWAIT] = { on_ud },
	[EXIT_REASON_MONITOR] = { on_ud },
	[EXIT_REASON_PAUSE] = { on_pause },
	[EXIT_REASON_TPR_BELOW_THRESHOLD] = { on_tpr_below_threshold },
	[EXIT_REASON_APIC_ACCESS] = { exit_apic_access, VECTORING | DEVICE },
	[EXIT_REASON_VIRTUALIZED_EOI] = { on_eoi, DEVICE },
	[EXIT_REASON_EPT_VIOLATION] = { exit_ept_violation, VECTORING | DEVICE },
	[EXIT_REASON_EPT_MISCONFIG] = { on_ept_misconfig, VECTORING },
	[EXIT_REASON_PREEMPTION_TIMER] = { on_preemption_timer },
	[EXIT_REASON_WBINVD] = { on_advance },
	[EXIT_REASON_ENCLS] = { on_ud },
	[EXIT_REASON_XSETBV] = { exit_xsetbv, DEVICE },
	[EXIT_REASON_APIC_WRITE] = { on_apic_write, DEVICE },
	[EXIT_REASON_SEAMCALL] = { on_ud }, /* these two need no control: on TDX processors always */
	[EXIT_REASON_TDCALL] = { on_ud },
};

#ifdef CONFIG_STRETCH
static bool is_handled(u32 reason)
{
	return table[reason].fn;
}
#endif

/* No handler, VM-entry failure after an exit, or a reason beyond the table:
 * this VM stops, with everything we know. */
static int exit_unexpected(struct vcpu *v, u32 reason)
{
	v->exit_reason = reason;
	vm_kill(v, "%s, reason %#x (%s), qualification %#lx",
	        reason & EXIT_REASON_ENTRY_FAILURE ? "VM entry failed on invalid guest state" : "unexpected VM exit",
	        reason, exit_reason_name(EXIT_REASON_BASIC(reason)), vmcs_read(VMCS_EXIT_QUALIFICATION));
	vcpu_dump_vmcs(v);
	return 1;
}

static inline u64 record(struct vcpu *v, u32 reason)
{
	struct pcpu *p = this_cpu();
	u64 n = p->exit_count++;
	struct exit_record *r = &p->exits[n & (EXIT_RING_ENTRIES - 1)];

	r->tsc = cpu_rdtsc();
	r->rip = v->rip;
	r->reason = reason;
	r->who = v->who;
	exit_record_seal(r, n);
	return r->tsc;
}

void exit_took_long(struct pcpu *p, u64 ticks)
{
	u64 n = p->exit_count - 1;
	struct exit_record *r = &p->exits[n & (EXIT_RING_ENTRIES - 1)];

	r->reason = EXIT_REASON_BASIC(r->reason) | (u32)MIN(clock_span_ns(ticks) / 1000, (u64)EXIT_LONG_MAX)
	                                                   << EXIT_LONG_SHIFT;
	exit_record_seal(r, n);
}

/* vcpu_advance() for the hot path: the common case inline. */
static inline void advance(struct vcpu *v)
{
	u64 rip = v->rip + vmcs_read32(VMCS_EXIT_INSN_LEN);

	if (unlikely(((rip ^ v->rip) >> 31) == 3)) {
		vcpu_advance(v);
		return;
	}
	vmcs_write(VMCS_GUEST_RIP, rip);
	if (unlikely((vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) |
	             (vmcs_read(VMCS_GUEST_RFLAGS) & (RFLAGS_TF | RFLAGS_RF))))
		vcpu_retired(v, false, false, false);
}

/*
 * Whether somebody waits for this CPU, or the guest for its timer, once the exit that began then is handled. The
 * preemption timer stands still in root mode; what that makes is made up for before it is much, as a guest may go on
 * without exits.
 */
static inline bool is_due(struct vcpu *v, u64 since)
{
	u64 now = cpu_rdtsc();

	v->drift += now - since;
	if (unlikely(v->drift > v->drift_max))
		vcpu_set_preemption_timer(v, now);
	if (now >= v->due_tsc)
		v->rearm = true;
	return v->rearm;
}

void exit_block(struct vcpu *v)
{
	/* A single-stepped HLT ends at once: its trap is pending. */
	if (vmcs_read(VMCS_GUEST_PENDING_DEBUG))
		return;
	v->state = VCPU_HALTED;
	/* What came before may end it: to be looked at, also when its turn ends now. */
	vcpu_request_self(v, VCPU_REQ_EVENT);
}

static inline int dispatch(struct vmx_regs *regs)
{
	struct vcpu *v = vcpu_of(regs);
	u32 reason = vmcs_read32(VMCS_EXIT_REASON);
	const struct exit_entry *e;
	enum exit_action act;
	u64 since;

	v->rip = vmcs_read(VMCS_GUEST_RIP);
	v->exit_reason = reason;
	since = record(v, reason);
	/* An EOI by paravirtual means: no broadcast, and nothing that it lets through (events_prepare()). */
	if (unlikely(v->pv.eoi_set) && pv_eoi_taken(&v->pv, &v->vm->mem))
		vlapic_eoi(&v->lapic);
	if (unlikely(reason >= EXIT_REASON_COUNT))
		return exit_unexpected(v, reason);
	e = &table[reason];
	v->exits[reason]++;
	if (unlikely(!e->fn))
		return exit_unexpected(v, reason);
	if (e->flags & VECTORING)
		events_save_vectoring(v);
	if (e->flags & DEVICE)
		vm_lock(v->vm);
	act = e->fn(v);
	if (e->flags & DEVICE)
		vm_unlock(v->vm);
	if (act == EXIT_ADVANCE) {
		advance(v);
	} else if (unlikely(act != EXIT_RESUME)) {
		if (act == EXIT_BLOCK)
			exit_block(v);
		return 1;
	}
	if (unlikely(v->request) && !events_sync_apic(v))
		return 1;
	return is_due(v, since);
}

int exit_dispatch(struct vmx_regs *regs)
{
	int back;

	stretch_begin();
	back = dispatch(regs);
	if (back)
		stretch_for(vcpu_of(regs)->exit_reason);
	else
		stretch_end(vcpu_of(regs)->exit_reason);
	return back;
}
