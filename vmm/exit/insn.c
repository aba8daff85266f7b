/*
 * Runs the emulator on the loaded vCPU: what it needs is read when it needs it, what it changed is written when the
 * instruction is done.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/exc.h"
#include "arch/x86/percpu.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn_priv.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

static void inject_fault(struct vcpu *v, const struct emul_ctxt *c)
{
	const struct emul_exception *x = &c->exception;

	if (x->kind != EMUL_EXC_HW) {
		vcpu_raise_soft(v, x->vector, x->kind, x->insn_len);
		return;
	}
	if (x->vector == VEC_PF)
		cpu_write_cr2(x->cr2);
	vcpu_raise(v, x->vector, x->has_error, x->error);
}

/* Bytes by hand: fifteen conversions take as long as all else of the exit four times over. */
static void log_unsupported(struct vcpu *v, const struct emul_ctxt *c)
{
	static const char digits[] = "0123456789abcdef";
	char text[EMUL_MAX_INSN * 2 + 1];
	u32 n = MIN(c->insn_len, (u32)EMUL_MAX_INSN);

	for (u32 i = 0; i < n; i++) {
		text[2 * i] = digits[c->insn[i] >> 4];
		text[2 * i + 1] = digits[c->insn[i] & 15];
	}
	text[2 * n] = '\0';
	vcpu_log(v, LOG_WARN, "cannot emulate the instruction at rip %#lx, bytes %s: #UD\n", c->rip, text);
}

static enum exit_action conclude(struct vcpu *v, struct emul_ctxt *c, int result)
{
	switch (result) {
	case EMUL_OK:
		emulate_write_back(v, c);
		vmcs_write(VMCS_GUEST_RIP, c->rip);
		vcpu_retired(v, c->sti_shadow, c->ss_shadow, c->iret_done);
		return v->emulation->hlt ? EXIT_BLOCK : EXIT_RESUME;
	case EMUL_FAULT:
		emulate_write_back(v, c);
		inject_fault(v, c);
		return EXIT_RESUME;
	case EMUL_RETRY:
		emulate_write_back(v, c);
		v->more = v->emulation->waiting ? VCPU_MORE_INSN : VCPU_MORE_NONE;
		return v->more ? EXIT_MORE : EXIT_RESUME;
	case EMUL_STOP: return EXIT_KILL;
	default:
		/* Any program with device memory in its reach can do this: it is told, and its VM goes on. */
		if (!v->emulation->forced && !v->emulation->unsupported) {
			/* A line of the log takes as long as it took to get here. */
			v->emulation->unsupported = true;
			v->more = VCPU_MORE_INSN;
			return EXIT_MORE;
		}
		if (!v->emulation->forced)
			log_unsupported(v, c);
		vcpu_ud(v);
		return EXIT_RESUME;
	}
}

static enum exit_action finish(struct vcpu *v, struct emul_ctxt *c, int result)
{
	enum exit_action act = conclude(v, c, result);

	exit_look_back(this_cpu());
	vm_lock(v->vm);
	return act;
}

/*
 * A go at the instruction: a string gives way when the time of a piece is over, and so does whatever is about to begin
 * another access to a device when there is just enough left for that.
 */
static void begin_go(struct emulation *e, bool first)
{
	u64 now = cpu_rdtsc();

	e->until = now + pcpu_clock.piece / 16 * 13;
	e->wait = now + pcpu_clock.piece / 16 * 9;
	e->step_tsc = 0;
	/* What the first one has fetched, decoded and looked up is kept. */
	e->got_on = first;
	e->waiting = false;
}

bool emulate_waits(struct emul_ctxt *c)
{
	struct emulation *e = vc(c)->emulation;

	/* A plain MOV is but one access, and not decoded. */
	if (!c->d.op || !e->got_on || e->done.full || cpu_rdtsc() < e->wait)
		return false;
	e->waiting = true;
	return true;
}

enum emulate_access emulate_access(struct emul_ctxt *c, enum emul_done_kind kind, u64 where, void *buf, u32 len)
{
	struct emulation *e = vc(c)->emulation;

	if (emul_done_take(&e->done, kind, where, buf, len))
		return ACCESS_DONE;
	return emulate_waits(c) ? ACCESS_WAIT : ACCESS_DO;
}

void emulate_accessed(struct emul_ctxt *c, enum emul_done_kind kind, u64 where, const void *buf, u32 len)
{
	struct emulation *e = vc(c)->emulation;

	e->got_on = true;
	emul_done_add(&e->done, kind, where, buf, len);
}

static struct emul_ctxt *begin(struct vcpu *v)
{
	struct emul_ctxt *c = &v->emulation->c;

	/* Exits that may reach devices have the VM's lock: only the devices need it, and decoding takes longer. */
	vm_unlock(v->vm);
	v->emulation->walk_valid = false;
	v->emulation->nr_pages = 0;
	v->emulation->step_ticks = 0;
	v->emulation->hlt = false;
	v->emulation->forced = false;
	v->emulation->unsupported = false;
	emul_done_clear(&v->emulation->done);
	begin_go(v->emulation, true);
	emul_init(c, &emulate_ops, v, v->regs.gpr);
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

enum exit_action emulate_string_io(struct vcpu *v, u64 qual)
{
	struct emul_ctxt *c = begin(v);
	u32 info;

	/* Some processors do not tell address size and segment. */
	if (!vmx_caps_has(&vmx_caps, VMX_FEAT_INOUTS_INFO))
		return finish(v, c, emul_run(c));
	info = vmcs_read32(VMCS_EXIT_INSN_INFO);
	return finish(v, c,
	              emul_string_io(c, qual & IO_QUAL_IN, (u8)IO_QUAL_SIZE(qual),
	                             (u8)(2u << INSN_INFO_ADDR_SIZE(info)),
	                             qual & IO_QUAL_IN ? EMUL_ES : (u8)INSN_INFO_SEG(info), qual & IO_QUAL_REP,
	                             (u8)vmcs_read32(VMCS_EXIT_INSN_LEN)));
}

void exit_go_on(struct vcpu *v)
{
	struct emul_ctxt *c = &v->emulation->c;

	if (v->more == VCPU_MORE_TASK) {
		exit_task_go_on(v);
		return;
	}
	v->more = VCPU_MORE_NONE;
	begin_go(v->emulation, false);
	emul_done_again(&v->emulation->done);
	c->dirty = 0;
	if (conclude(v, c, v->emulation->unsupported ? EMUL_UNSUPPORTED : emul_exec(c)) == EXIT_BLOCK)
		exit_block(v);
}
