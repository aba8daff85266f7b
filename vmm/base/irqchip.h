/* What a device knows of interrupts: it sets the level of a line, or sends an MSI. Nothing else. */
#pragma once

#include "lib/types.h"

struct irqchip_ops {
	/* gsi: global system interrupt (ISA IRQ n is GSI n, the PIT's IRQ 0 as well); level as the device drives it,
	 * true = asserted. */
	void (*set_line)(void *ctx, u32 gsi, bool asserted);
	/* An MSI write: address 0xFEExxxxx and data (SDM vol. 3, "Message Signalled Interrupts"). */
	void (*send_msi)(void *ctx, u64 addr, u32 data);
};

struct irqchip {
	const struct irqchip_ops *ops;
	void *ctx;
};

static inline void irqchip_set_line(const struct irqchip *c, u32 gsi, bool asserted)
{
	c->ops->set_line(c->ctx, gsi, asserted);
}

static inline void irqchip_send_msi(const struct irqchip *c, u64 addr, u32 data)
{
	c->ops->send_msi(c->ctx, addr, data);
}
