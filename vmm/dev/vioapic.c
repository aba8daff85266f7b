/* Virtual I/O APIC. */
#include "vmm/dev/vioapic.h"

#include "lib/string.h"

#define RTE_VECTOR(r)  ((u8)(r))
#define RTE_MODE(r)    ((u8)((r) >> 8 & 7))
#define RTE_LOGICAL    BIT(11)
#define RTE_PENDING    BIT(12)
#define RTE_LOW        BIT(13)
#define RTE_REMOTE_IRR BIT(14)
#define RTE_LEVEL      BIT(15)
#define RTE_MASKED     BIT(16)
#define RTE_RO         (RTE_PENDING | RTE_REMOTE_IRR)
#define RTE_WRITABLE   0xff0000000001afffull
#define VERSION        0x20u

static void deliver(struct vioapic *a, u32 pin)
{
	u64 *r = &a->s.rte[pin];
	struct apic_msg m = {
		.dest = (u32)(*r >> 56),
		.logical = *r & RTE_LOGICAL,
		.mode = RTE_MODE(*r),
		.vector = RTE_VECTOR(*r),
		.level = *r & RTE_LEVEL,
		.assert_ = true,
	};

	/* ExtINT through the I/O APIC would need an INTA cycle to the 8259A: it comes by LINT0 instead. */
	if (m.mode == APIC_MODE_EXTINT)
		return;
	if (*r & RTE_LEVEL)
		*r |= RTE_REMOTE_IRR;
	a->send(a->ctx, &m);
}

static void service(struct vioapic *a, u32 pin)
{
	u64 r = a->s.rte[pin];

	if (r & RTE_MASKED)
		return;
	if (r & RTE_LEVEL) {
		if ((a->s.lines >> pin & 1) && !(r & RTE_REMOTE_IRR))
			deliver(a, pin);
	} else if (a->s.irr >> pin & 1) {
		a->s.irr &= ~(1u << pin);
		deliver(a, pin);
	}
}

/*
 * level: true = asserted, as the device means it. The polarity bit is not applied: our lines are abstract, and guests
 * set it as the firmware tables tell them.
 */
void vioapic_set_pin(struct vioapic *a, u32 pin, bool level)
{
	u32 bit;

	if (pin >= VIOAPIC_PINS)
		return;
	bit = 1u << pin;
	/* An edge on a masked pin is lost, as on the real chip. */
	if (level && !(a->s.lines & bit) && !(a->s.rte[pin] & (RTE_MASKED | RTE_LEVEL)))
		a->s.irr |= bit;
	a->s.lines = level ? a->s.lines | bit : a->s.lines & ~bit;
	service(a, pin);
}

void vioapic_eoi(struct vioapic *a, u8 vector)
{
	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++) {
		u64 *r = &a->s.rte[pin];

		if (!(*r & RTE_REMOTE_IRR) || RTE_VECTOR(*r) != vector)
			continue;
		*r &= ~RTE_REMOTE_IRR;
		service(a, pin);
	}
}

static u32 read_reg(const struct vioapic *a)
{
	u32 i = a->s.sel;

	switch (i) {
	case 0:
	case 2: return (u32)a->s.id << 24;
	case 1: return (VIOAPIC_PINS - 1) << 16 | VERSION;
	default: break;
	}
	if (i < 0x10 || i >= 0x10 + 2 * VIOAPIC_PINS)
		return 0;
	i -= 0x10;
	return (u32)(a->s.rte[i / 2] >> (i & 1) * 32);
}

static void write_reg(struct vioapic *a, u32 val)
{
	u32 i = a->s.sel, shift;
	u64 *r, mask;

	if (i == 0)
		a->s.id = val >> 24 & 0xf;
	if (i < 0x10 || i >= 0x10 + 2 * VIOAPIC_PINS)
		return;
	i -= 0x10;
	r = &a->s.rte[i / 2];
	shift = (i & 1) * 32;
	mask = RTE_WRITABLE & 0xffffffffull << shift;
	*r = (*r & ~mask) | ((u64)val << shift & mask);
	/* Remote IRR has no meaning for edges: switching to edge clears it (the documented way to drop it). */
	if (!(*r & RTE_LEVEL))
		*r &= ~RTE_REMOTE_IRR;
	service(a, i / 2);
}

static void mmio(void *dev, struct io_access *io)
{
	struct vioapic *a = dev;
	u32 reg = (u32)io->offset & 0xf0;

	if (!io->write) {
		io->value = io->offset & 0xf ? 0 : reg == 0x00 ? a->s.sel : reg == 0x10 ? read_reg(a) : 0;
		return;
	}
	if (io->offset & 0xf)
		return;
	if (reg == 0x00)
		a->s.sel = (u8)io->value;
	else if (reg == 0x10)
		write_reg(a, (u32)io->value);
	else if (reg == 0x40)
		vioapic_eoi(a, (u8)io->value);
}

void vioapic_init(struct vioapic *a, u8 id, void (*send)(void *ctx, const struct apic_msg *msg), void *ctx)
{
	memset(a, 0, sizeof(*a));
	a->send = send;
	a->ctx = ctx;
	a->s.id = id;
	a->region = (struct io_region){ .base = VIOAPIC_BASE, .len = 0x1000, .fn = mmio, .dev = a, .name = "ioapic" };
}

int vioapic_attach(struct vioapic *a, struct io_bus *bus)
{
	return io_bus_add(bus, &a->region);
}

void vioapic_reset(struct vioapic *a)
{
	u8 id = a->s.id;

	memset(&a->s, 0, sizeof(a->s));
	a->s.id = id;
	for (u32 i = 0; i < VIOAPIC_PINS; i++)
		a->s.rte[i] = RTE_MASKED;
}
