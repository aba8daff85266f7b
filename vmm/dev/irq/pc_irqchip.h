/*
 * The PC's interrupt wiring. GSI n is input n of the 8259As (n < 16) and pin n of the I/O APIC, except that GSI 0,
 * the PIT, is on pin 2 (the interrupt source override the firmware tables give); devices that share a GSI drive the
 * OR of their lines, as the PCI bus does. The 8259As' INTR is LINT0 of the first local APIC. In short: lines to
 * 8259As and I/O APIC, messages to the local APICs that match. Pure. Behind vmm/base/irqchip.h for devices.
 */
#pragma once

#include "lib/atomic.h"
#include "vmm/base/irqchip.h"
#include "vmm/dev/irq/vioapic.h"
#include "vmm/dev/irq/vlapic.h"
#include "vmm/dev/irq/vpic.h"
#include "vmm/dev/vdev.h"

#define IRQ_WAITING_MAX 32
#define IRQ_NO_PIN      0xff

/* A message that has been sent and goes to more than the APICs that have it: the first one goes on first. */
#define IRQ_WAITING(T, F, A, S)                                           \
	F(T, u32, dest)                                                   \
	F(T, u16, at)   /* the APIC to go on with, by its number */       \
	F(T, u16, left) /* APICs from there on that have not been seen */ \
	F(T, u8, pin)   /* of the I/O APIC; IRQ_NO_PIN: an MSI */         \
	F(T, u8, mode)                                                    \
	F(T, u8, vector)                                                  \
	F(T, bool, logical)                                               \
	F(T, bool, level)
STATE_STRUCT(irq_waiting, IRQ_WAITING);

#define PC_IRQCHIP_STATE(T, F, A, S)                                                                       \
	F(T, u32, next_lowest) /* where the next lowest-priority interrupt goes first, up to nr; atomic */ \
	F(T, u16, isa)         /* bit n: a device drives ISA line n */                                     \
	F(T, u16, pirq)        /* bit n: PCI interrupts routed there do */                                 \
	F(T, u32, nr_waiting)  /* atomic: looked at without the lock */                                    \
	S(T, irq_waiting, waiting, IRQ_WAITING_MAX)                                                        \
	F(T, u32, nr_eois) /* atomic, likewise */                                                          \
	A(T, u64, eois, 4) /* bit n: the I/O APIC is still to be told of the end of vector n */
STATE_STRUCT(pc_irqchip_state, PC_IRQCHIP_STATE);

struct pc_irqchip {
	struct pc_irqchip_state s;
	struct vpic pic;
	struct vioapic ioapic;
	struct vlapic **lapics; /* nr of them; the array may be filled after init */
	u32 nr;
	struct irqchip chip;       /* what devices get */
	struct irq_watch *deaf;    /* who was told that GSI 0 hears nothing: the PIT's; told of an end once */
	struct io_bus *pio, *mmio; /* set by pc_irqchip_attach */
	/* No state: within a piece that may send one message only, and whether it has: others wait from the beginning. */
	bool one, gone;
	/* The 8259As' INTR changed: the vCPU whose LINT0 takes it has to look. */
	void (*pic_changed)(void *arg);
	/* Something waits: pc_irqchip_go_on() has to be called until none does. NULL: all are sent at once, however many
	 * APICs there are. */
	void (*waits)(void *arg);
	void *arg;
};

void pc_irqchip_init(struct pc_irqchip *c, struct vlapic **lapics, u32 nr, u8 ioapic_id,
                     void (*pic_changed)(void *arg), void *arg);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int pc_irqchip_attach(struct pc_irqchip *c, struct io_bus *pio, struct io_bus *mmio);
void pc_irqchip_reset(struct pc_irqchip *c);
/*
 * Delivers a message on the bus. from: the sending APIC (running on its own CPU), or NULL. true: somebody accepted it.
 * Any CPU, no lock needed.
 */
bool pc_irqchip_send(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m);
/* How far a message is that is sent in pieces. */
struct irq_way {
	u32 at;   /* the APIC to go on with, by its number */
	u32 left; /* APICs from there on that have not been seen; 0: it is sent */
};
/* The same in pieces, each of which delivers to one APIC at most and looks at a few: the first one, and the others, as
 * long as w->left is not 0. */
bool pc_irqchip_send_some(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m, struct irq_way *w);
bool pc_irqchip_send_more(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m, struct irq_way *w);
/* An EOI broadcast: the I/O APIC is told in a piece of its own. With the VM's lock. */
void pc_irqchip_eoi_later(struct pc_irqchip *c, u8 vector);
/*
 * EOIs, and messages of the I/O APIC and of devices, that wait to be gone on with: one piece. As set_line, with the VM's
 * lock.
 */
static inline bool pc_irqchip_waits(const struct pc_irqchip *c)
{
	return atomic_load_relaxed(&c->s.nr_waiting) || atomic_load_relaxed(&c->s.nr_eois);
}
void pc_irqchip_go_on(struct pc_irqchip *c);

/* As pc_irqchip_init. */
struct pc_irqchip_cfg {
	struct vlapic **lapics;
	u32 nr;
	u8 ioapic_id;
	void (*pic_changed)(void *arg);
	void (*waits)(void *arg);
	void *arg;
};
/*
 * The chip, with 8259As and I/O APIC, belongs to the core and is no row of a board's table: what devices are plugged
 * into (env->irq) is made of it. But it is reset, saved and restored by the same loops, as the local APICs are,
 * before the devices that drive its lines. cfg: pc_irqchip_cfg.
 */
extern const struct vdev_ops pc_irqchip_ops;
