/* Test helper: a few local APICs on a bus, with a guest TSC of two ticks a nanosecond,
 * that count what they are told. */
#pragma once

#include "lib/string.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/dev/irq/vlapic_priv.h"

#define FAKE_LAPICS  4
#define FAKE_NO_SIPI 0x100u

struct fake_cpu {
	struct vlapic l;
	struct timerq tq;
	u8 page[4096] __aligned(4096);
	u32 kicks, inits, sends, eois;
	u32 sipi; /* vector of the last SIPI, or FAKE_NO_SIPI */
	u8 eoi_vector;
	struct apic_msg msg; /* the last one sent */
	u64 tsc_offset;
};

struct fake_bus {
	struct fake_cpu cpu[FAKE_LAPICS];
	struct vlapic *lapics[FAKE_LAPICS];
	struct pc_irqchip irq;
	u32 pic_changes;
};

static inline struct fake_bus *fake_bus_of(struct fake_cpu *c)
{
	return container_of(c - c->l.x2apic_id % FAKE_LAPICS, struct fake_bus, cpu);
}

static inline void fake_send(void *ctx, struct vlapic *from, const struct apic_msg *m)
{
	struct fake_cpu *c = ctx;

	c->sends++;
	c->msg = *m;
	pc_irqchip_send(&fake_bus_of(c)->irq, from, m);
}

static inline void fake_eoi(void *ctx, u8 vector)
{
	struct fake_cpu *c = ctx;

	c->eois++;
	c->eoi_vector = vector;
	vioapic_eoi(&fake_bus_of(c)->irq.ioapic, vector);
}

static inline void fake_kick(void *ctx)
{
	__atomic_fetch_add(&((struct fake_cpu *)ctx)->kicks, 1, __ATOMIC_RELAXED);
}

static inline void fake_init(void *ctx)
{
	((struct fake_cpu *)ctx)->inits++;
}

static inline void fake_sipi(void *ctx, u8 vector)
{
	((struct fake_cpu *)ctx)->sipi = vector;
}

static inline u64 fake_tsc_now(void *ctx, u64 now)
{
	return now * 2 + ((struct fake_cpu *)ctx)->tsc_offset;
}

static inline u64 fake_tsc_to_ns(void *ctx, u64 tsc)
{
	u64 ticks = tsc - ((struct fake_cpu *)ctx)->tsc_offset;

	return ticks / 2 + (ticks & 1);
}

static inline void fake_pic_changed(void *arg)
{
	((struct fake_bus *)arg)->pic_changes++;
}

/* IDs are base_id + n; n is the index. base_id must be a multiple of FAKE_LAPICS. */
static inline void fake_bus_init_ids(struct fake_bus *b, u32 base_id)
{
	static const struct vlapic_ops ops = { fake_send, fake_eoi,     fake_kick,     fake_init,
		                               fake_sipi, fake_tsc_now, fake_tsc_to_ns };

	memset(b, 0, sizeof(*b));
	for (u32 i = 0; i < FAKE_LAPICS; i++) {
		struct fake_cpu *c = &b->cpu[i];

		timerq_init(&c->tq, NULL);
		vlapic_init(&c->l, c->page, base_id + i, i == 0, &ops, c, &c->tq);
		vlapic_reset(&c->l, 0);
		c->sipi = FAKE_NO_SIPI;
		b->lapics[i] = &c->l;
	}
	pc_irqchip_init(&b->irq, b->lapics, FAKE_LAPICS, FAKE_LAPICS, fake_pic_changed, b);
	pc_irqchip_reset(&b->irq);
}

static inline void fake_bus_init(struct fake_bus *b)
{
	fake_bus_init_ids(b, 0);
}

static inline void fake_wr(struct vlapic *l, u32 off, u32 val, u64 now)
{
	struct io_access io = { .offset = off, .value = val, .now = now, .size = 4, .write = true };

	vlapic_mmio(l, &io);
}

static inline u32 fake_rd(struct vlapic *l, u32 off, u64 now)
{
	struct io_access io = { .offset = off, .value = ~0ull, .now = now, .size = 4 };

	vlapic_mmio(l, &io);
	return (u32)io.value;
}

/* Software-enables every APIC. */
static inline void fake_enable(struct fake_bus *b)
{
	for (u32 i = 0; i < FAKE_LAPICS; i++)
		fake_wr(&b->cpu[i].l, APIC_SVR, 0x1ff, 0);
}

static inline void fake_x2apic(struct vlapic *l)
{
	if (vlapic_set_base(l, vlapic_get_base(l) | VLAPIC_BASE_X2APIC, 0))
		l->ops->kick(l->ctx);
}

/* Is vector in IRR (after what was posted has arrived)? */
static inline bool fake_irr(struct vlapic *l, u8 vector)
{
	vlapic_sync(l);
	return vlapic_test_bit(l, APIC_IRR, vector);
}

/* The APICs that have vector in IRR as a mask; clears it. */
static inline u32 fake_got(struct fake_bus *b, u8 vector)
{
	u32 m = 0;

	for (u32 i = 0; i < FAKE_LAPICS; i++) {
		m |= fake_irr(&b->cpu[i].l, vector) ? 1u << i : 0;
		vlapic_clear_bit(&b->cpu[i].l, APIC_IRR, vector);
	}
	return m;
}
