/* The PC's interrupt wiring. SDM vol. 3 "Interprocessor and Self-Interrupts", "Message Signalled Interrupts". */
#include "lib/string.h"
#include "vmm/dev/irq/pc_irqchip_priv.h"

STATE_DESC(pc_irqchip_state, PC_IRQCHIP_STATE, 4);

static u32 ioapic_send(void *ctx, u32 pin, const struct apic_msg *m)
{
	return pc_irqchip_post(ctx, (u8)pin, m);
}

#define PIT_PIN 2

static void drive_isa(struct pc_irqchip *c, u32 irq)
{
	bool asserted = (c->s.isa | c->s.pirq) >> irq & 1;

	vpic_set_irq(&c->pic, irq, asserted);
	/* The usual override: the PIT's IRQ 0 is on pin 2, and pin 0 (the 8259A's INTR) is not used. */
	if (irq == 0)
		vioapic_set_pin(&c->ioapic, PIT_PIN, asserted);
	else if (irq != 2)
		vioapic_set_pin(&c->ioapic, irq, asserted);
}

static u16 with_bit(u16 bits, u32 n, bool set)
{
	return (u16)((bits & ~BIT(n)) | (u16)set << n);
}

static void set_line(void *ctx, u32 gsi, bool asserted)
{
	struct pc_irqchip *c = ctx;

	if (gsi >= 16) {
		vioapic_set_pin(&c->ioapic, gsi, asserted);
		return;
	}
	c->s.isa = with_bit(c->s.isa, gsi, asserted);
	drive_isa(c, gsi);
}

static void set_pirq(void *ctx, u32 irq, bool asserted)
{
	struct pc_irqchip *c = ctx;

	if (irq >= 16)
		return;
	c->s.pirq = with_bit(c->s.pirq, irq, asserted);
	drive_isa(c, irq);
}

/* SDM vol. 3 "Message Address Register Format", "Message Data Register Format". */
static void send_msi(void *ctx, u64 addr, u32 data)
{
	struct apic_msg m = {
		.dest = (u32)(addr >> 12 & 0xff),
		.logical = addr & 4,
		.mode = data >> 8 & 7,
		.vector = (u8)data,
		.level = data & 0x8000,
		.assert_ = true,
	};

	if (addr >> 20 != 0xfee || (m.level && !(data & 0x4000)))
		return; /* not an interrupt message; de-assertion of a level */
	/* The redirection hint: to one of the processors named. */
	if ((addr & 8) && m.logical && m.mode == APIC_MODE_FIXED)
		m.mode = APIC_MODE_LOWEST;
	(void)pc_irqchip_post(ctx, IRQ_NO_PIN, &m);
}

static bool pit_is_deaf(const struct pc_irqchip *c)
{
	return vpic_is_deaf(&c->pic, 0) && vioapic_is_deaf(&c->ioapic, PIT_PIN);
}

/* Masks, requests or entries have changed: who waits for that looks again. */
static void written(void *ctx, u64 now)
{
	struct pc_irqchip *c = ctx;

	if (pit_is_deaf(c))
		return;
	c->pic.written = c->ioapic.written = NULL;
	c->deaf->fn(c->deaf->arg, now);
}

static bool is_deaf(void *ctx, u32 gsi, struct irq_watch *watch)
{
	struct pc_irqchip *c = ctx;

	if (gsi != 0 || !pit_is_deaf(c))
		return false;
	c->deaf = watch;
	c->pic.written = c->ioapic.written = written;
	return true;
}

static void pic_intr(void *arg, bool asserted)
{
	struct pc_irqchip *c = arg;

	if (c->nr)
		vlapic_lint(c->lapics[0], 0, asserted);
	if (asserted)
		c->pic_changed(c->arg);
}

void pc_irqchip_init(struct pc_irqchip *c, struct vlapic **lapics, u32 nr, u8 ioapic_id,
                     void (*pic_changed)(void *arg), void *arg)
{
	static const struct irqchip_ops ops = {
		.set_line = set_line, .set_pirq = set_pirq, .send_msi = send_msi, .is_deaf = is_deaf
	};

	memset(c, 0, sizeof(*c));
	c->lapics = lapics;
	c->nr = nr;
	c->pic_changed = pic_changed;
	c->arg = arg;
	c->chip = (struct irqchip){ .ops = &ops, .ctx = c };
	vpic_init(&c->pic, pic_intr, c);
	vioapic_init(&c->ioapic, ioapic_id, ioapic_send, c);
}

int pc_irqchip_attach(struct pc_irqchip *c, struct io_bus *pio, struct io_bus *mmio)
{
	int err = vpic_attach(&c->pic, pio);

	if (err)
		return err;
	err = vioapic_attach(&c->ioapic, mmio);
	if (err)
		vpic_detach(&c->pic, pio);
	c->pio = pio;
	c->mmio = mmio;
	return err;
}

void pc_irqchip_reset(struct pc_irqchip *c)
{
	vpic_reset(&c->pic);
	vioapic_reset(&c->ioapic);
	c->s = (struct pc_irqchip_state){ .next_lowest = 0 };
}

/* ---- as a device ---- */

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct pc_irqchip_cfg *g = cfg;
	struct pc_irqchip *c = dev;

	pc_irqchip_init(c, g->lapics, g->nr, g->ioapic_id, g->pic_changed, g->arg);
	c->waits = g->waits;
	return pc_irqchip_attach(c, env->pio, env->mmio);
}

static void detach(void *dev)
{
	struct pc_irqchip *c = dev;

	vioapic_detach(&c->ioapic, c->mmio);
	vpic_detach(&c->pic, c->pio);
}

static void reset(void *dev, u64 now)
{
	pc_irqchip_reset(dev);
}

/* Both chips' inputs are as they are driven: neither would hear again of a line that nothing changes any more. */
static bool lines_valid(const struct pc_irqchip_state *s, const struct vpic_state *pic,
                        const struct vioapic_state *ioapic, struct state_check *c)
{
	u32 lines = s->isa | s->pirq, pins = (lines & ~5u) | (lines & 1) << PIT_PIN;
	u32 inputs = pic->chip[0].level | (u32)pic->chip[1].level << 8;

	/* Input 2 is the cascade. */
	if ((inputs ^ lines) & ~4u)
		return state_refuse(c, "isa", lines, "and pirq are not the inputs of the 8259As");
	if ((ioapic->lines & 0xffff) != pins)
		return state_refuse(c, "isa", lines, "and pirq are not the inputs of the I/O APIC");
	return true;
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct pc_irqchip *chip = dev;
	const struct pc_irqchip_state *s = part[0];

	if (s->next_lowest > chip->nr)
		return state_refuse(c, "next_lowest", s->next_lowest, "is beyond the last local APIC");
	return vpic_valid(part[1], c) && vioapic_valid(&chip->ioapic, part[2], c) &&
	       lines_valid(s, part[1], part[2], c) && pc_irqchip_queue_valid(chip, s, vioapic_under_way(part[2]), c);
}

static void restored(void *dev, u64 now)
{
	struct pc_irqchip *c = dev;

	vpic_restored(&c->pic);
}

VDEV_OPS(pc_irqchip, "irqchip", VDEV_STATE(pc_irqchip, s, pc_irqchip_state),
         .state[1] = VDEV_STATE(pc_irqchip, pic.s, vpic_state),
         .state[2] = VDEV_STATE(pc_irqchip, ioapic.s, vioapic_state), .attach = attach, .detach = detach,
         .reset = reset, .valid = valid, .restored = restored);
