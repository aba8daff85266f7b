/*
 * Virtual I/O APIC, 24 pins. Pure. 82093AA data sheet; "I/O Advanced Programmable Interrupt Controller" of the ICH
 * data sheets for the EOI register. Version 20h: the one with that register, which a guest needs when it suppresses
 * the local APICs' EOI broadcasts. The caller serialises all functions (one lock per VM).
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/dev/irq/vlapic.h"
#include "vmm/state/fields.h"

#define VIOAPIC_PINS 24
#define VIOAPIC_BASE 0xfec00000ull

#define VIOAPIC_STATE(T, F, A, S)                                                                  \
	A(T, u64, rte, VIOAPIC_PINS)                                                               \
	F(T, u32, lines) /* levels as driven; edges are passed on at once or, when masked, lost */ \
	F(T, u32, again) /* pins that asked while a message of theirs was under way */             \
	F(T, u8, sel)                                                                              \
	F(T, u8, id)
STATE_STRUCT(vioapic_state, VIOAPIC_STATE);

/* Some local APIC accepted it: a level interrupt nobody accepted gets no remote IRR. */
#define VIOAPIC_ACCEPTED BIT(0)
/* There may be more for whom it is: vioapic_sent() follows. Until then its pin's delivery status is "send pending". */
#define VIOAPIC_UNDER_WAY BIT(1)

struct vioapic {
	struct vioapic_state s;
	u8 id; /* after a reset */
	/* What became of it, VIOAPIC_ACCEPTED and VIOAPIC_UNDER_WAY. */
	u32 (*send)(void *ctx, u32 pin, const struct apic_msg *msg);
	void (*written)(void *ctx, u64 now); /* a redirection entry was; NULL: nobody wants to know */
	void *ctx;
	struct io_region region;
};

/*
 * The ID of an I/O APIC beside processors with nr APIC IDs: the lowest that none of them has, for both were on one bus
 * once and MP tables still want that. 0 where all 8-bit ones are taken.
 */
u8 vioapic_free_id(const u32 *apic_ids, u32 nr);
void vioapic_init(struct vioapic *a, u8 id, u32 (*send)(void *ctx, u32 pin, const struct apic_msg *msg), void *ctx);
__must_check int vioapic_attach(struct vioapic *a, struct io_bus *mmio);
void vioapic_detach(struct vioapic *a, struct io_bus *mmio);
void vioapic_reset(struct vioapic *a);
/* A message of that pin that was under way: as send answers. */
void vioapic_sent(struct vioapic *a, u32 pin, u32 what);
/* Bit n: pin n's delivery status says that a message is under way. */
u32 vioapic_under_way(const struct vioapic_state *s);
/*
 * Whether a state can be this one's. There is nothing to do after one was restored: lines, what is in service and what
 * is under way are in the state.
 */
bool vioapic_valid(const struct vioapic *a, const struct vioapic_state *s, struct state_check *c);
/* Pin 0-23 (others: ignored); level: true = asserted, whatever polarity the guest programs. */
void vioapic_set_pin(struct vioapic *a, u32 pin, bool level);
static inline bool vioapic_is_deaf(const struct vioapic *a, u32 pin)
{
	return a->s.rte[pin] & BIT(16); /* masked: edges are lost */
}
/* A local APIC's EOI broadcast of a level-triggered vector, or a write to the EOI register. */
void vioapic_eoi(struct vioapic *a, u8 vector);
