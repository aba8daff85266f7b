/*
 * A gate on some lines: what a device drives is let through or not, and remembered meanwhile. Pure. On a PC the HPET's
 * legacy replacement takes IRQ 0 and 8 from the 8254 and the RTC so (IA-PC HPET 1.0a, "LegacyReplacement Route").
 */
#pragma once

#include "lib/types.h"
#include "vmm/base/irqchip.h"

#define IRQ_GATE_LINES 2

struct irq_gate {
	struct irqchip chip; /* what devices get in place of out */
	const struct irqchip *out;
	bool closed;
	struct {
		u32 gsi;
		bool level;              /* as the device drives it */
		struct irq_watch *watch; /* of a device that was told nobody hears it */
	} line[IRQ_GATE_LINES];
};

/* Open. gsis: the lines that can be closed; all others pass. out lives as long as the gate. */
void irq_gate_init(struct irq_gate *g, const struct irqchip *out, const u32 gsis[IRQ_GATE_LINES]);
/* Closed, the lines are low; opened, they are as their devices drive them. now: VM time, ns. */
void irq_gate_close(struct irq_gate *g, bool closed, u64 now);
