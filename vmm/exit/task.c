/* Task-switch exits: VMX does not switch tasks itself. SDM vol. 3 "Treatment of Task Switches". */
#include "arch/x86/cpu.h"
#include "arch/x86/exc.h"
#include "lib/string.h"
#include "mm/gwalk.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn.h"
#include "vmm/policy/taskswitch.h"
#include "vmm/vm/vm.h"

struct task {
	struct vcpu *v;
	struct gwalk_state walk;
};

static int walk_fault(enum gwalk_status st, const struct gwalk_result *r, struct ts_fault *f)
{
	*f = (struct ts_fault){ .vector = VEC_PF, .has_error = true, .error = r->error_code, .cr2 = r->cr2 };
	if (st != GWALK_FAULT) /* structures outside RAM: as if not present */
		f->error = 0;
	return ERR_FAULT;
}

static int task_read(void *ctx, u32 addr, void *buf, u32 len, struct ts_fault *f)
{
	struct task *t = ctx;
	struct gwalk_result r;
	enum gwalk_status st = gwalk_read(&t->walk, GVA(addr), buf, len, GWALK_IMPLICIT, &r);

	return st == GWALK_OK ? OK : walk_fault(st, &r, f);
}

static int task_write(void *ctx, u32 addr, const void *buf, u32 len, struct ts_fault *f)
{
	struct task *t = ctx;
	struct gwalk_result r;
	enum gwalk_status st = gwalk_write(&t->walk, GVA(addr), buf, len, GWALK_IMPLICIT, &r);

	return st == GWALK_OK ? OK : walk_fault(st, &r, f);
}

static int task_probe(void *ctx, u32 addr, u32 len, struct ts_fault *f)
{
	struct task *t = ctx;
	struct gwalk_result r;
	enum gwalk_status st = gwalk(&t->walk, GVA(addr), GWALK_WRITE | GWALK_IMPLICIT | GWALK_SET_AD, &r);

	if (st == GWALK_OK && r.left < len)
		st = gwalk(&t->walk, GVA(addr + r.left), GWALK_WRITE | GWALK_IMPLICIT | GWALK_SET_AD, &r);
	return st == GWALK_OK ? OK : walk_fault(st, &r, f);
}

static int task_load_cr3(void *ctx, u64 cr3, struct ts_fault *f)
{
	struct task *t = ctx;

	if (!cr_write(t->v, 3, cr3)) {
		*f = (struct ts_fault){ .vector = VEC_GP, .has_error = true };
		return ERR_FAULT;
	}
	emulate_walk_state(t->v, &t->walk);
	return OK;
}

static int task_push(void *ctx, u32 addr, const void *buf, u32 len, u8 cpl, struct ts_fault *f)
{
	struct task *t = ctx;
	struct gwalk_state s = t->walk;
	struct gwalk_result r;
	enum gwalk_status st;

	s.cpl = cpl;
	st = gwalk_write(&s, GVA(addr), buf, len, 0, &r);
	return st == GWALK_OK ? OK : walk_fault(st, &r, f);
}

static void read_regs(struct vcpu *v, struct ts_regs *regs)
{
	for (u32 i = 0; i < 8; i++)
		regs->gpr[i] = (u32)vcpu_gpr(v, i);
	regs->eip = (u32)v->rip;
	regs->eflags = (u32)vmcs_read(VMCS_GUEST_RFLAGS);
	regs->cr0 = cr_read(v, 0);
	regs->cr3 = cr_read(v, 3);
	regs->dr7 = vmcs_read(VMCS_GUEST_DR7);
	regs->gdtr_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	regs->gdtr_limit = vmcs_read32(VMCS_GUEST_GDTR_LIMIT);
	for (u32 i = 0; i < TS_SEGS; i++) {
		struct vmcs_seg s = vmcs_seg_get((enum seg_nr)i);

		regs->seg[i].sel = s.sel;
		regs->seg[i].ar = s.ar;
		regs->seg[i].limit = s.limit;
		regs->seg[i].base = s.base;
	}
}

static void write_regs(struct vcpu *v, const struct ts_regs *regs)
{
	for (u32 i = 0; i < 8; i++)
		vcpu_set_gpr(v, i, regs->gpr[i]);
	vmcs_write(VMCS_GUEST_RIP, regs->eip);
	vmcs_write(VMCS_GUEST_RFLAGS, regs->eflags);
	cr_force(v, regs->cr0, cr_read(v, 4));
	vmcs_write(VMCS_GUEST_DR7, regs->dr7);
	for (u32 i = 0; i < TS_SEGS; i++)
		vmcs_seg_set((enum seg_nr)i, (struct vmcs_seg){ .sel = regs->seg[i].sel,
		                                                .limit = regs->seg[i].limit,
		                                                .ar = regs->seg[i].ar,
		                                                .base = regs->seg[i].base });
}

static void deliver(struct vcpu *v, const struct ts_fault *f)
{
	if (f->vector == VEC_PF)
		cpu_write_cr2(f->cr2);
	vcpu_raise(v, f->vector, f->has_error, f->error);
}

/* What the interrupted delivery says of a switch through a task gate in the IDT. */
static void gate_event(struct vcpu *v, struct ts_request *q)
{
	u32 info = vmcs_read32(VMCS_IDT_VECTORING_INFO), type = info & INTR_INFO_TYPE_MASK;
	bool soft = type == INTR_INFO_SW_INTERRUPT || type == INTR_INFO_SW_EXCEPTION || type == INTR_INFO_PRIV_SW_EXC;

	if (!(info & INTR_INFO_VALID))
		return;
	/* Should the switch fault, that makes a double fault, or a triple one: the loop of faults has an end. */
	if (type == INTR_INFO_HW_EXCEPTION)
		v->inj.vectoring = (struct inject_event){ .info = info };
	q->has_error = info & INTR_INFO_ERROR_CODE;
	if (q->has_error)
		q->error = vmcs_read32(VMCS_IDT_VECTORING_ERROR);
	q->external = !soft;
	if (soft)
		q->next_eip = (u32)(v->rip + vmcs_read32(VMCS_EXIT_INSN_LEN));
}

enum exit_action exit_task_switch(struct vcpu *v)
{
	static const struct ts_ops ops = { .read = task_read,
		                           .write = task_write,
		                           .probe = task_probe,
		                           .load_cr3 = task_load_cr3,
		                           .push = task_push };
	u64 qual = vmcs_read(VMCS_EXIT_QUALIFICATION);
	struct ts_request q = { .selector = TASK_QUAL_SELECTOR(qual),
		                .source = (enum ts_source)TASK_QUAL_SOURCE(qual) };
	struct task t = { .v = v };
	struct ts_result res;
	struct ts_regs regs;
	enum ts_status st;
	u32 blocking;

	read_regs(v, &regs);
	emulate_walk_state(v, &t.walk);
	q.next_eip = regs.eip;
	if (q.source == TS_GATE)
		gate_event(v, &q);
	else
		q.next_eip += vmcs_read32(VMCS_EXIT_INSN_LEN);
	st = taskswitch_run(&q, &regs, &ops, &t, &res);
	switch (st) {
	case TS_ABORT:
		vm_kill(v, "task switch to selector %#x: tables changed meanwhile", q.selector);
		return EXIT_KILL;
	case TS_FAULT_OLD: deliver(v, &res.fault); return EXIT_RESUME;
	default: break;
	}
	write_regs(v, &regs);
	blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
	/* An NMI taken through a task gate blocks NMIs; IRET lifts it. */
	if (q.source == TS_IRET)
		blocking &= ~INTERRUPTIBILITY_NMI;
	else if (q.source == TS_GATE && (vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTR_INFO_TYPE_MASK) == INTR_INFO_NMI)
		blocking |= INTERRUPTIBILITY_NMI;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocking);
	if (st == TS_FAULT_NEW) {
		deliver(v, &res.fault);
		return EXIT_RESUME;
	}
	v->inj.vectoring.info = 0; /* delivered */
	if (res.debug_trap) {
		cpu_write_dr6(cpu_read_dr6() | BIT(15));
		vcpu_raise(v, VEC_DB, false, 0);
	}
	return EXIT_RESUME;
}
