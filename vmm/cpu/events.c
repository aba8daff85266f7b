/* The thin writer around vmm/policy/inject.c. SDM vol. 3 "Event Injection", "Guest Non-Register State". */
#include "vmm/cpu/events.h"

#include "arch/x86/cpu.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/priv.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/emul/emul.h"
#include "vmm/vm/vm.h"

void vcpu_events_reset(struct vcpu *v)
{
	memset(&v->inj, 0, sizeof(v->inj));
	v->vectoring_valid = false;
	v->nmis = 0;
	v->kept_interrupt = 0;
	v->trap = false;
}

static bool protected_mode(void)
{
	return vmcs_read(VMCS_GUEST_CR0) & CR0_PE;
}

void vcpu_raise(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	struct inject_event *x = &v->inj.exception;

	vcpu_request_self(v, VCPU_REQ_EVENT);
	switch (inject_combine(v->inj.vectoring.info, vector)) {
	case INJECT_TRIPLE_FAULT: vm_triple_fault(v, "triple fault (an exception during #DF)"); return;
	case INJECT_DOUBLE_FAULT:
		vector = VEC_DF;
		has_error = true;
		error = 0;
		break;
	case INJECT_SECOND: break;
	}
	/* What was being delivered: an exception gives way to the new one, an interrupt or NMI is not lost. */
	if (v->inj.vectoring.info & INTR_INFO_VALID) {
		u32 type = v->inj.vectoring.info & INTR_INFO_TYPE_MASK;

		if (type == INTR_INFO_NMI)
			v->nmis = MIN(v->nmis + 1, 2u);
		else if (type == INTR_INFO_EXTERNAL)
			v->kept_interrupt = INTR_INFO_VECTOR(v->inj.vectoring.info) | 0x100u;
		v->inj.vectoring.info = 0;
		v->vectoring_valid = false;
	}
	/* Real mode pushes no error codes. */
	has_error = has_error && protected_mode();
	*x = (struct inject_event){
		.info = INTR_INFO_VALID | INTR_INFO_HW_EXCEPTION | vector | (has_error ? INTR_INFO_ERROR_CODE : 0),
		.error = error,
	};
	/* The fault's handler may resume the instruction: RF as the processor would push it. */
	if (vector != VEC_DB)
		vmcs_write(VMCS_GUEST_RFLAGS, vmcs_read(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
}

void vcpu_raise_soft(struct vcpu *v, u8 vector, u32 kind, u8 insn_len)
{
	u32 type = kind == EMUL_EXC_SOFT_INT    ? INTR_INFO_SW_INTERRUPT
	           : kind == EMUL_EXC_PRIV_SOFT ? INTR_INFO_PRIV_SW_EXC
	                                        : INTR_INFO_SW_EXCEPTION;

	vcpu_request_self(v, VCPU_REQ_EVENT);
	v->inj.exception = (struct inject_event){ .info = INTR_INFO_VALID | type | vector, .insn_len = insn_len };
}

void events_save_vectoring(struct vcpu *v)
{
	u32 info = vmcs_read32(VMCS_IDT_VECTORING_INFO);

	v->vectoring_valid = info & INTR_INFO_VALID;
	if (likely(!v->vectoring_valid))
		return;
	v->inj.vectoring = (struct inject_event){ .info = info };
	if (info & INTR_INFO_ERROR_CODE)
		v->inj.vectoring.error = vmcs_read32(VMCS_IDT_VECTORING_ERROR);
	if (INTR_INFO_TYPE(info) >= 4)
		v->inj.vectoring.insn_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
	vcpu_request_self(v, VCPU_REQ_EVENT);
}

static void set_pending_debug(struct vcpu *v, u64 val)
{
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, val);
	v->trap = val & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BP);
}

/* A trap that we left pending and that no entry has delivered yet. */
static bool trap_pending(struct vcpu *v)
{
	if (unlikely(v->trap))
		v->trap = vmcs_read(VMCS_GUEST_PENDING_DEBUG) & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BP);
	return v->trap;
}

void vcpu_advance(struct vcpu *v)
{
	u64 rip = v->rip + vmcs_read32(VMCS_EXIT_INSN_LEN);

	/* A 32-bit guest wraps at 4 GiB; only there can bit 31 fall while bit 32 rises. */
	if (unlikely(((rip ^ v->rip) >> 31) == 3) && !vcpu_is_64bit(v))
		rip = (u32)rip;
	vmcs_write(VMCS_GUEST_RIP, rip);
	vcpu_retired(v, false, false, false);
}

void vcpu_retired(struct vcpu *v, bool sti_shadow, bool ss_shadow, bool iret)
{
	u32 old = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
	u32 now = old & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
	u64 rflags;

	if (unlikely(sti_shadow))
		now |= INTERRUPTIBILITY_STI;
	if (unlikely(ss_shadow))
		now |= INTERRUPTIBILITY_MOV_SS;
	if (unlikely(iret))
		now &= ~INTERRUPTIBILITY_NMI;
	if (unlikely(now != old))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, now);
	rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	/* A single-stepped instruction ends in a trap, also when it was us who executed it. */
	if (unlikely(rflags & (RFLAGS_TF | RFLAGS_RF))) {
		if (rflags & RFLAGS_RF)
			vmcs_write(VMCS_GUEST_RFLAGS, rflags & ~RFLAGS_RF);
		if (rflags & RFLAGS_TF)
			set_pending_debug(v, inject_advance_debug(vmcs_read(VMCS_GUEST_PENDING_DEBUG), rflags,
			                                          vmcs_read(VMCS_GUEST_DEBUGCTL)));
	}
}

void vcpu_check_breakpoints(struct vcpu *v, enum crs_access what, u64 addr, u32 len)
{
	u64 dr7 = vmcs_read(VMCS_GUEST_DR7);
	u32 hits;

	if (likely(!(dr7 & DR7_ENABLED)))
		return;
	hits = crs_breakpoints(dr7, (u64[]){ cpu_read_dr0(), cpu_read_dr1(), cpu_read_dr2(), cpu_read_dr3() },
	                       vmcs_read(VMCS_GUEST_CR4) & CR4_DE, what, addr, len);
	if (hits)
		set_pending_debug(v, vmcs_read(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_ENABLED_BP | hits);
}

/* With virtual-interrupt delivery: RVI and SVI, and which vectors' EOIs must come here. Written when they change. */
static void update_vid(struct vcpu *v)
{
	u16 status = vlapic_intr_status(&v->lapic);
	u32 *w = v->eoi_exits;

	if (status != v->intr_status || vmcs_read(VMCS_GUEST_INTR_STATUS) != status)
		vmcs_write(VMCS_GUEST_INTR_STATUS, status);
	v->intr_status = status;
	if (likely(!vlapic_eoi_exits_changed(&v->lapic, w)))
		return;
	for (u32 i = 0; i < 4; i++)
		vmcs_write(vmcs_nth(VMCS_EOI_EXIT_BITMAP0, i), w[2 * i] | (u64)w[2 * i + 1] << 32);
}

static bool vid(const struct vcpu *v)
{
	return v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY;
}

/* An interrupt waits that the processor might deliver too early. After update_vid(). */
static bool vid_hasty(const struct vcpu *v)
{
	return vcpu_host.hasty_vid && (v->intr_status & 0xff);
}

/*
 * Where the processor would deliver too early (vmx_caps_vid_hasty()), an interrupt that must wait is kept from it: while
 * interrupt-window exiting is on it delivers none. It is left what goes in at this entry, when nothing waits behind
 * that: an EOI would let it in, with interrupts off. Not caught is what waits for an EOI or a lower TPR in a guest that
 * has interrupts on now, and off when that comes. After update_vid().
 */
static bool keep_from_vid(struct vcpu *v)
{
	if (likely(!vid_hasty(v)))
		return false;
	return !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) ||
	       (vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) ||
	       (vlapic_several_wait(&v->lapic) && vlapic_pending_vector(&v->lapic) >= 0);
}

static void update_tpr_threshold(struct vcpu *v)
{
	u32 t;

	if (!(v->proc & PROC_TPR_SHADOW) || vid(v))
		return;
	t = vlapic_tpr_threshold(&v->lapic);
	if (t == v->tpr_threshold)
		return;
	v->tpr_threshold = t;
	vmcs_write(VMCS_TPR_THRESHOLD, t);
}

/* Before each entry after which IRR or ISR differ: what waits in IRR has to see the EOI, and the offer ends. */
static void offer_pv_eoi(struct vcpu *v)
{
	if (v->pv.eoi)
		pv_eoi_offer(&v->pv, &v->vm->mem, !vid(v) && vlapic_eoi_is_simple(&v->lapic));
}

/*
 * What the interrupt controllers offer now: the PIC through ExtINT first, then the local APIC's own, unless the
 * processor delivers those (by_cpu).
 */
static int offered_interrupt(struct vcpu *v, bool by_cpu)
{
	if (vpic_pending(&v->vm->irq.pic) && v->id == 0 && vlapic_accepts_pic(&v->lapic))
		return 0;
	return by_cpu ? INJECT_NONE : vlapic_pending_vector(&v->lapic);
}

static int take_interrupt(struct vcpu *v)
{
	int vector;

	if (vpic_pending(&v->vm->irq.pic) && v->id == 0 && vlapic_accepts_pic(&v->lapic))
		return vpic_ack(&v->vm->irq.pic);
	vector = vlapic_pending_vector(&v->lapic);
	vlapic_accept(&v->lapic, (u8)vector);
	return vector;
}

/*
 * NMIs that have come. While one is handled, one more is kept; before it, the one to be delivered and one behind it.
 * SDM vol. 3 "Handling Multiple NMIs".
 */
static void take_nmis(struct vcpu *v, u32 interruptibility)
{
	bool handled;

	if (likely(!v->nmis && !vlapic_nmi_waits(&v->lapic)))
		return;
	handled = (interruptibility & INTERRUPTIBILITY_NMI) ||
	          (v->inj.vectoring.info & (INTR_INFO_VALID | INTR_INFO_TYPE_MASK)) ==
	                  (INTR_INFO_VALID | INTR_INFO_NMI);
	while (vlapic_take_nmi(&v->lapic))
		v->nmis++;
	v->nmis = MIN(v->nmis, handled ? 1u : 2u);
}

static void write_event(const struct inject_event *e)
{
	vmcs_write(VMCS_ENTRY_INTR_INFO, e->info);
	if (e->info & INTR_INFO_ERROR_CODE)
		vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, e->error);
	if (INTR_INFO_TYPE(e->info) >= 4)
		vmcs_write(VMCS_ENTRY_INSN_LEN, e->insn_len);
}

void events_prepare(struct vcpu *v)
{
	struct inject_in *in = &v->inj;
	struct inject_plan plan;
	bool kept = v->kept_interrupt, by_cpu = vid(v), hold = false;
	u32 old;

	vlapic_sync(&v->lapic);
	if (by_cpu) {
		update_vid(v);
		hold = keep_from_vid(v);
		by_cpu = !hold;
	}
	old = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
	take_nmis(v, old);
	in->interruptibility = old;
	in->rflags_if = vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF;
	in->virtual_nmis = true; /* required */
	in->trap = trap_pending(v);
	in->nmi = v->nmis;
	in->interrupt = kept ? (u8)v->kept_interrupt : offered_interrupt(v, by_cpu);
	inject_choose(in, &plan);
	/* What goes in may end with interrupts off. */
	hold |= by_cpu && plan.event.info && vid_hasty(v);
	if (plan.take_interrupt && !kept) {
		plan.event.info = (plan.event.info & ~0xffu) | (u8)take_interrupt(v);
		if (unlikely(hold))
			update_vid(v);
	}
	if (plan.take_vectoring)
		in->vectoring.info = 0;
	if (plan.take_exception)
		in->exception.info = 0;
	if (plan.take_nmi)
		v->nmis--;
	if (plan.take_interrupt)
		v->kept_interrupt = 0;
	v->vectoring_valid = false;
	if (plan.event.info)
		write_event(&plan.event);
	if (plan.interruptibility != old)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, plan.interruptibility);
	/* More may be waiting behind what was injected. */
	if (plan.take_nmi && v->nmis) {
		plan.nmi_window = in->virtual_nmis;
		plan.interrupt_window |= !in->virtual_nmis;
	}
	if (hold || (plan.take_interrupt && offered_interrupt(v, by_cpu) != INJECT_NONE))
		plan.interrupt_window = true;
	vcpu_set_proc(v, plan.interrupt_window ? PROC_INTERRUPT_WINDOW_EXITING : 0, PROC_INTERRUPT_WINDOW_EXITING);
	vcpu_set_proc(v, plan.nmi_window ? PROC_NMI_WINDOW_EXITING : 0, PROC_NMI_WINDOW_EXITING);
	update_tpr_threshold(v);
	offer_pv_eoi(v);
}

/* Something other than the local APIC has, or may have, an event for the guest. */
static bool other_events(const struct vcpu *v)
{
	return v->vectoring_valid || v->nmis || v->kept_interrupt || vlapic_nmi_waits(&v->lapic) || vm_stop(v->vm) ||
	       ((v->inj.exception.info | v->inj.vectoring.info) & INTR_INFO_VALID) ||
	       (v->proc & (PROC_INTERRUPT_WINDOW_EXITING | PROC_NMI_WINDOW_EXITING)) || vpic_pending(&v->vm->irq.pic);
}

static bool sync_apic(struct vcpu *v)
{
	u32 only = VCPU_REQ_EVENT;

	/* What is posted from now on sets the bit again; what was before is seen below. */
	if (!atomic_cas(&v->request, &only, 0))
		return false;
	if (other_events(v)) {
		vcpu_request_self(v, VCPU_REQ_EVENT);
		return false;
	}
	vlapic_sync(&v->lapic);
	if (vid(v)) {
		update_vid(v);
		if (likely(!keep_from_vid(v)))
			return true;
		vcpu_request_self(v, VCPU_REQ_EVENT);
		return false;
	}
	if (vlapic_pending_vector(&v->lapic) >= 0) {
		vcpu_request_self(v, VCPU_REQ_EVENT);
		return false;
	}
	update_tpr_threshold(v);
	offer_pv_eoi(v);
	return true;
}

bool events_sync_apic(struct vcpu *v)
{
	bool done;

	vm_lock(v->vm);
	done = sync_apic(v);
	vm_unlock(v->vm);
	return done;
}

bool events_can_wake(struct vcpu *v)
{
	bool rflags_if = vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF;
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);

	vlapic_sync(&v->lapic);
	take_nmis(v, blocking);
	/* HLT in an NMI's handler: the next one waits for its IRET. */
	if ((v->nmis && !(blocking & INTERRUPTIBILITY_NMI)) || (v->inj.exception.info & INTR_INFO_VALID) ||
	    (v->inj.vectoring.info & INTR_INFO_VALID))
		return true;
	if (pv_take_unhalt(&v->pv))
		return true;
	if (!rflags_if)
		return false;
	return (vpic_pending(&v->vm->irq.pic) && v->id == 0 && vlapic_accepts_pic(&v->lapic)) ||
	       vlapic_pending_vector(&v->lapic) >= 0;
}
