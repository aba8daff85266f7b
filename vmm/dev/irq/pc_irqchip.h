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

struct pc_irqchip {
	struct vpic pic;
	struct vioapic ioapic;
	struct vlapic **lapics; /* nr of them; the array may be filled after init */
	u32 nr;
	u32 next_lowest;     /* where the next lowest-priority interrupt goes first */
	struct irqchip chip; /* what devices get */
	/* The 8259As' INTR changed: the vCPU whose LINT0 takes it has to look. */
	void (*pic_changed)(void *arg);
	void *arg;
};

void pc_irqchip_init(struct pc_irqchip *c, struct vlapic **lapics, u32 nr, u8 ioapic_id,
                     void (*pic_changed)(void *arg), void *arg);
__must_check int pc_irqchip_attach(struct pc_irqchip *c, struct io_bus *pio, struct io_bus *mmio);
void pc_irqchip_reset(struct pc_irqchip *c);
/*
 * Delivers a message on the bus. from: the sending APIC (running on its own CPU), or NULL for I/O APIC and MSIs.
 * true: somebody accepted it. Any CPU, no lock needed.
 */
bool pc_irqchip_send(struct pc_irqchip *c, struct vlapic *from, const struct apic_msg *m);
