/*
 * Which event to inject at the next VM entry: one pure decision. SDM vol. 3 "Event Injection", "VM-Entry Controls for
 * Event Injection", "Information for VM Exits That Occur During Event Delivery", "Interrupt 8-Double Fault
 * Exception".
 */
#pragma once

#include "lib/types.h"
#include "vmm/state/fields.h"

#define INJECT_NONE (-1)

/* An event in the format of the VM-entry interruption-information field; info without the valid bit is none. */
#define INJECT_EVENT_STATE(T, F, A, S)                            \
	F(T, u32, info)                                           \
	F(T, u32, error)    /* with the deliver-error-code bit */ \
	F(T, u32, insn_len) /* software interrupts and exceptions */
STATE_STRUCT(inject_event, INJECT_EVENT_STATE);

struct inject_in {
	struct inject_event vectoring; /* whose delivery the last exit interrupted */
	struct inject_event exception; /* raised by emulation */
	bool trap;                     /* a debug exception is pending, which the entry delivers */
	bool nmi;                      /* an NMI is pending */
	int interrupt;                 /* vector the APIC or the PIC offers, or INJECT_NONE */
	bool virtual_nmis;             /* control in use: NMI blocking is in the interruptibility state */
	bool vid; /* the processor delivers APIC interrupts by itself: interrupt is the PIC's only */
	bool rflags_if;
	u32 interruptibility;  /* guest interruptibility state */
	u32 activity;          /* ACTIVITY_*: nothing is injected while waiting for a SIPI, only NMIs in shutdown */
	bool soft_nmi_blocked; /* without virtual NMIs: the plan's value of last time */
};

struct inject_plan {
	struct inject_event event;                                     /* what to write; info 0: nothing */
	bool take_vectoring, take_exception, take_nmi, take_interrupt; /* which input was used up */
	bool interrupt_window; /* ask for an exit when IF and blocking allow */
	bool nmi_window;       /* only with virtual NMIs */
	u32 activity;          /* ACTIVE once an event is injected */
	/*
	 * Without virtual NMIs nobody tells when the guest's NMI handler returns. An NMI is taken to be in service
	 * until the guest can take interrupts again (its IRET restores IF); a waiting one asks for an interrupt
	 * window.
	 */
	bool soft_nmi_blocked;
	u32 interruptibility; /* to be written when it differs: blocking that the event itself lifts */
};

/*
 * Order: interrupted event, exception, pending trap, NMI, interrupt. At most one is injected, none beside a trap,
 * which an injected NMI or interrupt would discard (SDM vol. 3 "Delivery of Pending Debug Exceptions after VM
 * Entry"); for the rest windows are requested.
 */
void inject_choose(const struct inject_in *in, struct inject_plan *plan);

enum inject_merge { INJECT_SECOND, INJECT_DOUBLE_FAULT, INJECT_TRIPLE_FAULT };

/*
 * An exception (second) arises while first is delivered: what results. Serially handled exceptions leave the second
 * (first is dropped: the instruction or event will raise it again, an interrupt or NMI must be kept by the caller).
 */
enum inject_merge inject_combine(u32 first_info, u8 second_vector);

/* true when the hardware exception of this vector pushes an error code in protected mode. */
bool inject_has_error(u8 vector);

/*
 * What is wrong with an event as one to inject, or NULL; none is right. protected_mode: CR0.PE, without which
 * exceptions have no error codes. An event that this CPU could not have come upon is wrong, too. SDM vol. 3 "Checks
 * on VM Controls", "VM-Entry Control Fields", unrestricted guest.
 */
const char *inject_event_wrong(const struct inject_event *e, bool protected_mode);

/*
 * Pending debug exceptions after an instruction that we executed for the guest: the single-step trap. rflags as
 * before the instruction. The value is right under STI and MOV SS blocking, too: the processor itself holds the trap
 * back, and VM entry insists on BS there (SDM vol. 3 "Checks on Guest Non-Register State").
 */
u64 inject_advance_debug(u64 pending, u64 rflags, u64 debugctl);
