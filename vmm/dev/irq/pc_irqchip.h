/*
 * The PC's interrupt wiring. GSI n is input n of the 8259As (n < 16) and pin n of the I/O APIC, except that GSI 0,
 * the PIT, is on pin 2 (the interrupt source override the firmware tables give); devices that share a GSI drive the
 * OR of their lines, as the PCI bus does. The 8259As' INTR is LINT0 of the first local APIC. In short: lines to
 * 8259As and I/O APIC, messages to the local APICs that match. Pure. Behind vmm/base/irqchip.h for devices.
 */
#pragma once

#include "vmm/base/irqchip.h"
#include "vmm/dev/irq/vioapic.h"
#include "vmm/dev/irq/vlapic.h"
#include "vmm/dev/irq/vpic.h"
#include "vmm/dev/vdev.h"

#define PC_IRQCHIP_STATE(T, F, A, S)                                                                       \
	F(T, u32, next_lowest) /* where the next lowest-priority interrupt goes first, up to nr; atomic */ \
	F(T, u16, isa)         /* bit n: a device drives ISA line n */                                     \
	F(T, u16, pirq)        /* bit n: PCI interrupts routed there do */
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
	/* The 8259As' INTR changed: the vCPU whose LINT0 takes it has to look. */
	void (*pic_changed)(void *arg);
	void *arg;
};

void pc_irqchip_init(struct pc_irqchip *c, struct vlapic **lapics, u32 nr, u8 ioapic_id,
                     void (*pic_changed)(void *arg), void *arg);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int pc_irqchip_attach(struct pc_irqchip *c, struct io_bus *pio, struct io_bus *mmio);
void pc_irqchip_reset(struct pc_irqchip *c);
/*
 * Delivers a message on the bus. from: the sending APIC (running on its own CPU), or NULL for I/O APIC and MSIs.
 * true: somebody accepted it. Any CPU, no lock needed.
 */
bool pc_irqchip_send(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m);
/*
 * The same in pieces: delivers to the first of the APICs from number `first` on that the message is for. The number to go
 * on with; c->nr: there are no more. *accepted becomes true when that one accepted it.
 */
u32 pc_irqchip_send_next(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m, u32 first,
                         bool *accepted);

/* As pc_irqchip_init. */
struct pc_irqchip_cfg {
	struct vlapic **lapics;
	u32 nr;
	u8 ioapic_id;
	void (*pic_changed)(void *arg);
	void *arg;
};
/*
 * The chip, with 8259As and I/O APIC, belongs to the core and is no row of a board's table: what devices are plugged
 * into (env->irq) is made of it. But it is reset, saved and restored by the same loops, as the local APICs are,
 * before the devices that drive its lines. cfg: pc_irqchip_cfg.
 */
extern const struct vdev_ops pc_irqchip_ops;
