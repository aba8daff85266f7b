/* Task-switch exits: VMX does not switch tasks itself. SDM vol. 3 "Treatment of Task Switches". */
#include "arch/x86/cpu.h"
#include "arch/x86/exc.h"
#include "lib/string.h"
#include "mm/gwalk.h"
#include "vmm/cpu/emulation.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn.h"
#include "vmm/vm/vm.h"

/*
 * A switch reaches some thirty places through the guest's page tables, whose walks are most of it. It is done in pieces,
 * with the rest of the hypervisor's work between them (exit_go_on()), and looks a page up but once: what was found to be
 * writable before the first write stays so, as in a processor's TLB, whatever other vCPUs do to the tables meanwhile.
 */

static struct emulation_task *task_of(void *ctx)
{
	return &((struct vcpu *)ctx)->emulation->task;
}

static int walk_fault(enum gwalk_status st, u32 addr, const struct gwalk_result *r, struct ts_fault *f)
{
	*f = (struct ts_fault){ .vector = VEC_PF, .has_error = true, .error = r->error_code, .cr2 = r->cr2 };
	if (st != GWALK_FAULT) { /* structures outside RAM: as if not present */
		f->error = 0;
		f->cr2 = addr;
	}
	return ERR_FAULT;
}

/* To *at the host pointer to len bytes, all in the page of addr. */
static int locate(struct emulation_task *t, u32 addr, u32 len, bool write, u8 **at, struct ts_fault *f)
{
	u32 access = GWALK_IMPLICIT | GWALK_SET_AD | (write ? GWALK_WRITE : 0), lin = ALIGN_DOWN(addr, PAGE_SIZE);
	u32 known = MIN(t->nr_pages, (u32)EMULATION_TASK_PAGES);
	struct gwalk_result r = { 0 };
	enum gwalk_status st = GWALK_OK;

	for (u32 i = 0; i < known; i++) {
		const struct emulation_task_page *p = &t->page[i];

		if (p->lin == lin && (p->write || !write)) {
			r.gpa = GPA(p->gpa + (addr - lin));
			*at = gmem_ptr(t->walk.mem, r.gpa, len);
			return OK; /* it was in RAM when it was kept */
		}
	}
	st = gwalk(&t->walk, GVA(addr), access, &r);
	*at = st == GWALK_OK ? gmem_ptr(t->walk.mem, r.gpa, len) : NULL;
	if (!*at)
		return walk_fault(st == GWALK_OK ? GWALK_BAD_TABLE : st, addr, &r, f);
	t->page[t->nr_pages++ % EMULATION_TASK_PAGES] =
	        (struct emulation_task_page){ .lin = lin, .write = write, .gpa = r.gpa.v - (addr - lin) };
	return OK;
}

/* Both pages of an access before the first byte moves. */
static int span(struct emulation_task *t, u32 addr, u32 len, bool write, u8 *at[2], u32 *first, struct ts_fault *f)
{
	int err;

	*first = MIN(len, (u32)PAGE_SIZE - (addr & (u32)(PAGE_SIZE - 1)));
	at[1] = NULL;
	err = locate(t, addr, *first, write, &at[0], f);
	if (!err && *first < len)
		err = locate(t, addr + *first, len - *first, write, &at[1], f);
	return err;
}

static int task_read(void *ctx, u32 addr, void *buf, u32 len, struct ts_fault *f)
{
	u8 *at[2];
	u32 first;
	int err = span(task_of(ctx), addr, len, false, at, &first, f);

	if (err)
		return err;
	memcpy(buf, at[0], first);
	if (first < len)
		memcpy((u8 *)buf + first, at[1], len - first);
	return OK;
}

static int task_write(void *ctx, u32 addr, const void *buf, u32 len, struct ts_fault *f)
{
	u8 *at[2];
	u32 first;
	int err = span(task_of(ctx), addr, len, true, at, &first, f);

	if (err)
		return err;
	memcpy(at[0], buf, first);
	if (first < len)
		memcpy(at[1], (const u8 *)buf + first, len - first);
	return OK;
}

static int task_probe(void *ctx, u32 addr, u32 len, struct ts_fault *f)
{
	u8 *at[2];
	u32 first;

	return span(task_of(ctx), addr, len, true, at, &first, f);
}

static int task_load_cr3(void *ctx, u64 cr3, struct ts_fault *f)
{
	struct vcpu *v = ctx;
	struct emulation_task *t = &v->emulation->task;

	if (!cr_write(v, 3, cr3)) {
		*f = (struct ts_fault){ .vector = VEC_GP, .has_error = true };
		return ERR_FAULT;
	}
	emulate_walk_state(v, &t->walk);
	t->nr_pages = 0;
	return OK;
}

static int task_push(void *ctx, u32 addr, const void *buf, u32 len, u8 cpl, struct ts_fault *f)
{
	struct gwalk_state s = task_of(ctx)->walk;
	struct gwalk_result r = { 0 };
	enum gwalk_status st;

	s.cpl = cpl;
	st = gwalk_write(&s, GVA(addr), buf, len, 0, &r);
	return st == GWALK_OK ? OK : walk_fault(st, addr, &r, f);
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

/* The new task's registers, and what of the exit does not stay. */
static void arrive(struct vcpu *v, const struct emulation_task *t)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);

	write_regs(v, &t->sw.n);
	/* An NMI taken through a task gate blocks NMIs; IRET lifts it. */
	if (t->sw.q.source == TS_IRET)
		blocking &= ~INTERRUPTIBILITY_NMI;
	else if (t->nmi)
		blocking |= INTERRUPTIBILITY_NMI;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocking);
}

static enum exit_action conclude(struct vcpu *v, const struct emulation_task *t)
{
	const struct ts_result *r = &t->sw.r;

	switch (t->status) {
	case TS_ABORT:
		vm_kill(v, "task switch to selector %#x: tables changed meanwhile", t->sw.q.selector);
		return EXIT_KILL;
	case TS_FAULT_OLD: deliver(v, &r->fault); return EXIT_RESUME;
	default: break;
	}
	arrive(v, t);
	if (t->status == TS_FAULT_NEW) {
		deliver(v, &r->fault);
		return EXIT_RESUME;
	}
	v->inj.vectoring.info = 0; /* delivered */
	if (r->debug_trap) {
		cpu_write_dr6(cpu_read_dr6() | BIT(15));
		vcpu_raise(v, VEC_DB, false, 0);
	}
	return EXIT_RESUME;
}

/* A piece: what can be begun until then, and the end of it. */
static enum exit_action go(struct vcpu *v, u64 until)
{
	static const struct ts_ops ops = { .read = task_read,
		                           .write = task_write,
		                           .probe = task_probe,
		                           .load_cr3 = task_load_cr3,
		                           .push = task_push };
	struct emulation_task *t = &v->emulation->task;

	v->more = VCPU_MORE_NONE;
	do {
		if (t->status != TS_MORE)
			return conclude(v, t);
		t->status = taskswitch_step(&t->sw, &ops, v);
	} while (cpu_rdtsc() < until);
	v->more = VCPU_MORE_TASK;
	return EXIT_MORE;
}

static u64 piece(u64 since)
{
	return since + pcpu_clock.piece / 2;
}

enum exit_action exit_task_switch(struct vcpu *v)
{
	u64 qual = vmcs_read(VMCS_EXIT_QUALIFICATION), until = piece(cpu_rdtsc());
	struct ts_request q = { .selector = TASK_QUAL_SELECTOR(qual),
		                .source = (enum ts_source)TASK_QUAL_SOURCE(qual) };
	struct emulation_task *t = &v->emulation->task;

	read_regs(v, &t->sw.old);
	emulate_walk_state(v, &t->walk);
	t->nr_pages = 0;
	t->nmi = false;
	t->status = TS_MORE;
	q.next_eip = t->sw.old.eip;
	if (q.source == TS_GATE) {
		gate_event(v, &q);
		t->nmi = (vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTR_INFO_TYPE_MASK) == INTR_INFO_NMI;
	} else {
		q.next_eip += vmcs_read32(VMCS_EXIT_INSN_LEN);
	}
	taskswitch_begin(&t->sw, &q);
	return go(v, until);
}

void exit_task_go_on(struct vcpu *v)
{
	(void)go(v, piece(cpu_rdtsc()));
}
