/* The event-injection decision. */
#include "vmm/policy/inject.h"

#include "arch/x86/exc.h"
#include "arch/x86/vmx/vmx_bits.h"

enum exc_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum exc_class class_of(u8 vector)
{
	switch (vector) {
	case VEC_DE:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
	case VEC_CP: return CONTRIBUTORY;
	case VEC_PF:
	case VEC_VE: return PAGE_FAULT;
	default: return BENIGN;
	}
}

bool inject_has_error(u8 vector)
{
	switch (vector) {
	case VEC_DF:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
	case VEC_PF:
	case VEC_AC:
	case VEC_CP: return true;
	default: return false;
	}
}

/* ---- states ---- */

STATE_DESC(inject_event, INJECT_EVENT_STATE, 1);

#define INFO_RESERVED 0x7ffff000u /* bit 12 is an exit's information */
/* #DE #DB, #BR to #DF, #TS to #PF, #MF to #XM: #BP and #OF are software's, the others come from what no guest has. */
#define HW_VECTORS 0xf7de3u

static const char *exception_wrong(const struct inject_event *e, bool protected_mode)
{
	u32 vector = INTR_INFO_VECTOR(e->info);
	bool error = e->info & INTR_INFO_ERROR_CODE;

	if (vector > 31 || !(HW_VECTORS >> vector & 1))
		return "is no vector of a hardware exception";
	if (error != (protected_mode && inject_has_error((u8)vector)))
		return error ? "has an error code that this exception does not push" : "lacks its error code";
	if (error && e->error >> 15)
		return "has reserved bits in its error code";
	return NULL;
}

const char *inject_event_wrong(const struct inject_event *e, bool protected_mode)
{
	u32 type = e->info & INTR_INFO_TYPE_MASK, vector = INTR_INFO_VECTOR(e->info);

	if (!(e->info & INTR_INFO_VALID))
		return e->info ? "lacks the valid bit" : NULL;
	if (e->info & INFO_RESERVED)
		return "has reserved bits";
	if (type == INTR_INFO_HW_EXCEPTION)
		return exception_wrong(e, protected_mode);
	if (e->info & INTR_INFO_ERROR_CODE)
		return "has an error code, and is no exception";
	switch (type) {
	case INTR_INFO_EXTERNAL: return NULL;
	case INTR_INFO_NMI: return vector == 2 ? NULL : "is an NMI of another vector than 2";
	case INTR_INFO_SW_INTERRUPT: break;
	case INTR_INFO_PRIV_SW_EXC:
		if (vector != 1)
			return "is an INT1 of another vector";
		break;
	case INTR_INFO_SW_EXCEPTION:
		if (vector != 3 && vector != 4)
			return "is neither INT3 nor INTO";
		break;
	default: return "is of a reserved type";
	}
	return e->insn_len && e->insn_len <= 15 ? NULL : "comes from an instruction of an impossible length";
}

/* ---- which event ---- */

enum inject_merge inject_combine(u32 first, u8 second)
{
	enum exc_class a, b = class_of(second);

	if (!(first & INTR_INFO_VALID) || (first & INTR_INFO_TYPE_MASK) != INTR_INFO_HW_EXCEPTION)
		return INJECT_SECOND;
	if (INTR_INFO_VECTOR(first) == VEC_DF)
		return b == BENIGN ? INJECT_SECOND : INJECT_TRIPLE_FAULT;
	a = class_of(INTR_INFO_VECTOR(first));
	if ((a == CONTRIBUTORY && b == CONTRIBUTORY) || (a == PAGE_FAULT && b != BENIGN))
		return INJECT_DOUBLE_FAULT;
	return INJECT_SECOND;
}

#define DEBUGCTL_BTF BIT(1)
#define RFLAGS_TF    BIT(8)

#define SHADOW (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

static bool intr_blocked(const struct inject_in *in)
{
	return !in->rflags_if || (in->interruptibility & SHADOW) || in->activity == ACTIVITY_SHUTDOWN;
}

/* Some processors refuse an NMI under STI blocking, too ("Checks on Guest Non-Register State"): none gets one. */
static bool nmi_blocked(const struct inject_in *in)
{
	if (in->interruptibility & SHADOW)
		return true;
	return in->virtual_nmis ? in->interruptibility & INTERRUPTIBILITY_NMI
	                        : in->soft_nmi_blocked && intr_blocked(in);
}

static void take(struct inject_plan *p, const struct inject_event *e)
{
	/* NMI unblocking (bit 12) is an exit's information: reserved at entry. */
	p->event = *e;
	p->event.info &= ~INTR_INFO_NMI_UNBLOCKED;
	if ((e->info & INTR_INFO_TYPE_MASK) == INTR_INFO_NMI)
		p->interruptibility &= ~INTERRUPTIBILITY_NMI; /* entry sets it again; with it set, entry would fail */
}

static void choose(const struct inject_in *in, struct inject_plan *p)
{
	static const struct inject_event nmi = { .info = INTR_INFO_VALID | INTR_INFO_NMI | 2 };

	if (in->vectoring.info & INTR_INFO_VALID) {
		p->take_vectoring = true;
		take(p, &in->vectoring);
	} else if (in->exception.info & INTR_INFO_VALID) {
		p->take_exception = true;
		take(p, &in->exception);
	} else if (in->trap) {
		return;
	} else if (in->nmi && !nmi_blocked(in)) {
		p->take_nmi = true;
		take(p, &nmi);
	} else if (in->interrupt != INJECT_NONE && !intr_blocked(in)) {
		p->take_interrupt = true;
		p->event.info = INTR_INFO_VALID | INTR_INFO_EXTERNAL | (u8)in->interrupt;
	}
}

void inject_choose(const struct inject_in *in, struct inject_plan *p)
{
	*p = (struct inject_plan){
		.interruptibility = in->interruptibility,
		.activity = in->activity,
		.soft_nmi_blocked = !in->virtual_nmis && in->soft_nmi_blocked && intr_blocked(in),
	};
	if (in->activity == ACTIVITY_WAIT_SIPI)
		return; /* everything is blocked and kept */
	choose(in, p);
	if (p->event.info) {
		p->activity = ACTIVITY_ACTIVE;
		/* The event is the next thing that happens: shadows end, and entry may not find them set. */
		p->interruptibility &= ~SHADOW;
		if (!in->virtual_nmis && (p->event.info & INTR_INFO_TYPE_MASK) == INTR_INFO_NMI)
			p->soft_nmi_blocked = true;
	}
	/* STI's shadow does not hold the NMI window's exit back:
	 * it would come again and again, before any instruction. */
	if (in->nmi && !p->take_nmi) {
		p->nmi_window = in->virtual_nmis && !(p->interruptibility & INTERRUPTIBILITY_STI);
		p->interrupt_window = !p->nmi_window;
	}
	if (in->interrupt != INJECT_NONE && !p->take_interrupt)
		p->interrupt_window = true;
}

u64 inject_advance_debug(u64 pending, u64 rflags, u64 debugctl)
{
	bool step = (rflags & RFLAGS_TF) && !(debugctl & DEBUGCTL_BTF);

	return step ? pending | PENDING_DEBUG_BS : pending & ~PENDING_DEBUG_BS;
}
