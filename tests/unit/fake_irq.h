/* Test helper: an irqchip that remembers line levels and the messages sent. */
#pragma once

#include "lib/string.h"
#include "vmm/base/irqchip.h"

#define FAKE_IRQ_LINES 32

struct fake_irq {
	struct irqchip chip;
	bool level[FAKE_IRQ_LINES];
	u32 changes; /* set_line calls */
	u32 nr_msi;
	u64 msi_addr; /* the last one */
	u32 msi_data;
	u32 msi_log[64]; /* data of the first ones */
};

static inline void fake_irq_set_line(void *ctx, u32 gsi, bool asserted)
{
	struct fake_irq *f = ctx;

	if (gsi < FAKE_IRQ_LINES)
		f->level[gsi] = asserted;
	f->changes++;
}

static inline void fake_irq_send_msi(void *ctx, u64 addr, u32 data)
{
	struct fake_irq *f = ctx;

	if (f->nr_msi < 64)
		f->msi_log[f->nr_msi] = data;
	f->nr_msi++;
	f->msi_addr = addr;
	f->msi_data = data;
}

static inline void fake_irq_init(struct fake_irq *f)
{
	static const struct irqchip_ops ops = { .set_line = fake_irq_set_line, .send_msi = fake_irq_send_msi };

	memset(f, 0, sizeof(*f));
	f->chip.ops = &ops;
	f->chip.ctx = f;
}

/* The lines that are asserted, as a bit mask. */
static inline u32 fake_irq_lines(const struct fake_irq *f)
{
	u32 m = 0;

	for (u32 i = 0; i < FAKE_IRQ_LINES; i++)
		m |= f->level[i] ? 1u << i : 0;
	return m;
}
