/* A gate on interrupt lines. */
#include "vmm/base/irq_gate.h"

#include "lib/string.h"

/* Which of the gate's lines it is; IRQ_GATE_LINES: none. */
static u32 find(const struct irq_gate *g, u32 gsi)
{
	u32 i = 0;

	while (i < IRQ_GATE_LINES && g->line[i].gsi != gsi)
		i++;
	return i;
}

static void set_line(void *ctx, u32 gsi, bool asserted)
{
	struct irq_gate *g = ctx;
	u32 i = find(g, gsi);

	if (i < IRQ_GATE_LINES) {
		g->line[i].level = asserted;
		if (g->closed)
			return;
	}
	irqchip_set_line(g->out, gsi, asserted);
}

static void send_msi(void *ctx, u64 addr, u32 data)
{
	struct irq_gate *g = ctx;

	irqchip_send_msi(g->out, addr, data);
}

/* Nobody hears what does not get through. */
static bool is_deaf(void *ctx, u32 gsi, struct irq_watch *watch)
{
	struct irq_gate *g = ctx;
	u32 i = find(g, gsi);

	if (i == IRQ_GATE_LINES || !g->closed)
		return irqchip_is_deaf(g->out, gsi, watch);
	g->line[i].watch = watch;
	return true;
}

void irq_gate_init(struct irq_gate *g, const struct irqchip *out, const u32 gsis[IRQ_GATE_LINES])
{
	static const struct irqchip_ops ops = { .set_line = set_line, .send_msi = send_msi, .is_deaf = is_deaf };

	memset(g, 0, sizeof(*g));
	g->chip = (struct irqchip){ .ops = &ops, .ctx = g };
	g->out = out;
	for (u32 i = 0; i < IRQ_GATE_LINES; i++)
		g->line[i].gsi = gsis[i];
}

void irq_gate_close(struct irq_gate *g, bool closed, u64 now)
{
	if (closed == g->closed)
		return;
	g->closed = closed;
	for (u32 i = 0; i < IRQ_GATE_LINES; i++) {
		struct irq_watch *watch = g->line[i].watch;

		if (g->line[i].level)
			irqchip_set_line(g->out, g->line[i].gsi, !closed);
		g->line[i].watch = NULL;
		if (!closed && watch)
			watch->fn(watch->arg, now);
	}
}
