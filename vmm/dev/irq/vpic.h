/* Two cascaded 8259A interrupt controllers with ELCR, as on a PC. Pure. Intel 8259A data sheet; 82371SB (ELCR). */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/state/fields.h"

/* One 8259A. */
#define VPIC_CHIP(T, F, A, S)                                       \
	F(T, u8, irr)                                               \
	F(T, u8, isr)                                               \
	F(T, u8, imr)                                               \
	F(T, u8, level)    /* lines as driven */                    \
	F(T, u8, elcr)     /* 1: level triggered */                 \
	F(T, u8, base)     /* ICW2: vector of input 0 */            \
	F(T, u8, lowest)   /* input with the lowest priority */     \
	F(T, u8, init)     /* next ICW expected: 0 none, 2, 3, 4 */ \
	F(T, bool, icw4)   /* ICW1 announced an ICW4 */             \
	F(T, bool, single) /* ICW1: no cascade, so no ICW3 */       \
	F(T, bool, aeoi)                                            \
	F(T, bool, rotate_aeoi)                                     \
	F(T, bool, smm)                                             \
	F(T, bool, sfnm)                                            \
	F(T, bool, poll)                                            \
	F(T, bool, read_isr)
STATE_STRUCT(vpic_chip, VPIC_CHIP);

#define VPIC_STATE(T, F, A, S)                       \
	S(T, vpic_chip, chip, 2) /* master, slave */ \
	F(T, bool, intr)         /* INTR as last reported */
STATE_STRUCT(vpic_state, VPIC_STATE);

struct vpic {
	struct vpic_state s;
	void (*intr)(void *arg, bool asserted); /* INTR changed */
	void (*written)(void *arg, u64 now);    /* a register was; NULL: nobody wants to know */
	void *arg;
	struct io_region regions[3];
};

void vpic_init(struct vpic *p, void (*intr)(void *arg, bool asserted), void *arg);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int vpic_attach(struct vpic *p, struct io_bus *pio);
void vpic_detach(struct vpic *p, struct io_bus *pio);
/* As firmware leaves the pair: vectors 08h and 70h, all inputs masked, edge triggered and low. */
void vpic_reset(struct vpic *p);
/* Whether a state can be that of a pair. */
bool vpic_valid(const struct vpic_state *s, struct state_check *c);
/* After s was restored: reports INTR. */
void vpic_restored(struct vpic *p);
/* Input 0-15 (2 is the cascade: ignored). */
void vpic_set_irq(struct vpic *p, u32 irq, bool level);
/* Input 0-15 is masked and asks already. */
static inline bool vpic_is_deaf(const struct vpic *p, u32 irq)
{
	const struct vpic_chip *c = &p->s.chip[irq >> 3];

	return c->imr & c->irr & 1u << (irq & 7);
}
static inline bool vpic_pending(const struct vpic *p)
{
	return p->s.intr;
}
/* INTA cycle: the vector; a spurious one (input 7) when the request has gone. */
u8 vpic_ack(struct vpic *p);
