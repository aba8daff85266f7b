/*
 * Test helper: what a device is plugged into. A port bus, a timer queue that runs as time passes, and an irqchip
 * that counts rising edges.
 */
#pragma once

#include "lib/assert.h"
#include "lib/string.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"

#define RIG_LINES 24

struct rig {
	struct irqchip chip;
	bool level[RIG_LINES];
	u32 calls[RIG_LINES]; /* set_line */
	u32 rises[RIG_LINES];
	u64 rise_at[RIG_LINES]; /* ns, the last one */
	struct io_region *store[8];
	struct io_bus pio;
	struct timerq tq;
	u64 now; /* ns */
};

static inline void rig_set_line(void *ctx, u32 gsi, bool asserted)
{
	struct rig *r = ctx;

	assert(gsi < RIG_LINES);
	if (asserted && !r->level[gsi]) {
		r->rises[gsi]++;
		r->rise_at[gsi] = r->now;
	}
	r->level[gsi] = asserted;
	r->calls[gsi]++;
}

static inline void rig_init(struct rig *r)
{
	static const struct irqchip_ops ops = { .set_line = rig_set_line };

	memset(r, 0, sizeof(*r));
	r->chip = (struct irqchip){ .ops = &ops, .ctx = r };
	io_bus_init(&r->pio, r->store, ARRAY_SIZE(r->store), 0xffff);
	timerq_init(&r->tq, NULL);
}

static inline void rig_out(struct rig *r, u32 port, u8 val)
{
	u64 v = val;

	assert(io_bus_access(&r->pio, port, 1, true, &v, r->now));
}

static inline u8 rig_in(struct rig *r, u32 port)
{
	u64 v = 0;

	assert(io_bus_access(&r->pio, port, 1, false, &v, r->now));
	return (u8)v;
}

/* Lets time pass, with every timer run at its deadline. */
static inline void rig_run_to(struct rig *r, u64 ns)
{
	while (timerq_next(&r->tq) <= ns) {
		r->now = MAX(r->now, timerq_next(&r->tq));
		timerq_run(&r->tq, r->now);
	}
	r->now = ns;
}

/* Lets time pass with nobody looking: the timers run once, late. */
static inline void rig_jump_to(struct rig *r, u64 ns)
{
	r->now = ns;
	timerq_run(&r->tq, ns);
}
