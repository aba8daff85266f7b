/* What a device knows of interrupts: it sets the level of a line, or sends an MSI; a source of many edges may ask
 * whether they are of use. Nothing else. */
#pragma once

#include "lib/types.h"

struct irq_watch {
	void (*fn)(void *arg, u64 now);
	void *arg;
};

struct irqchip_ops {
	/* gsi: global system interrupt (ISA IRQ n is GSI n, the PIT's IRQ 0 as well); level as the device drives it,
	 * true = asserted. */
	void (*set_line)(void *ctx, u32 gsi, bool asserted);
	/*
	 * The PCI bus' share of an ISA line, where a chip set routes its INTx lines to these: the line is asserted
	 * while this is, or what set_line drives. irq: 0-15. NULL: set_line's.
	 */
	void (*set_pirq)(void *ctx, u32 irq, bool asserted);
	/* An MSI write: address 0xFEExxxxx and data (SDM vol. 3, "Message Signalled Interrupts"). */
	void (*send_msi)(void *ctx, u64 addr, u32 data);
	/*
	 * Whether one more rising edge of the line, which is high, would change nothing: it is masked, and has asked
	 * already where that is remembered. When that may have ended, watch->fn is called. One watch a line, which
	 * lives as long as the device. NULL: every edge counts.
	 */
	bool (*is_deaf)(void *ctx, u32 gsi, struct irq_watch *watch);
};

struct irqchip {
	const struct irqchip_ops *ops;
	void *ctx;
};

static inline void irqchip_set_line(const struct irqchip *c, u32 gsi, bool asserted)
{
	c->ops->set_line(c->ctx, gsi, asserted);
}

static inline void irqchip_set_pirq(const struct irqchip *c, u32 irq, bool asserted)
{
	(c->ops->set_pirq ? c->ops->set_pirq : c->ops->set_line)(c->ctx, irq, asserted);
}

static inline void irqchip_send_msi(const struct irqchip *c, u64 addr, u32 data)
{
	c->ops->send_msi(c->ctx, addr, data);
}

static inline bool irqchip_is_deaf(const struct irqchip *c, u32 gsi, struct irq_watch *watch)
{
	return c->ops->is_deaf && c->ops->is_deaf(c->ctx, gsi, watch);
}
