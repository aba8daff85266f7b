/* Virtual I/O APIC. */
#include "vmm/dev/irq/vioapic.h"

#include "lib/string.h"

#define RTE_VECTOR(r)  ((u8)(r))
#define RTE_MODE(r)    ((u8)((r) >> 8 & 7))
#define RTE_LOGICAL    BIT(11)
#define RTE_PENDING    BIT(12) /* delivery status: a message of it is under way */
#define RTE_REMOTE_IRR BIT(14)
#define RTE_LEVEL      BIT(15)
#define RTE_MASKED     BIT(16)
#define RTE_WRITABLE   (0xff0000000001ffffull & ~(RTE_PENDING | RTE_REMOTE_IRR))
#define VERSION        0x20u
#define ID_BITS        0xfu

STATE_DESC(vioapic_state, VIOAPIC_STATE, 2);

/* NMI, SMI, INIT and ExtINT are edges, whatever the trigger mode says. */
static bool is_level(u64 rte)
{
	return (rte & RTE_LEVEL) && RTE_MODE(rte) <= APIC_MODE_LOWEST;
}

static void deliver(struct vioapic *a, u32 pin)
{
	u64 *r = &a->s.rte[pin];
	struct apic_msg m = {
		.dest = (u32)(*r >> 56),
		.logical = *r & RTE_LOGICAL,
		.mode = RTE_MODE(*r),
		.vector = RTE_VECTOR(*r),
		.level = is_level(*r),
		.assert_ = true,
	};
	u32 sent;

	/* ExtINT through the I/O APIC would need an INTA cycle to the 8259A: it comes by LINT0 instead. */
	if (m.mode == APIC_MODE_EXTINT)
		return;
	sent = a->send(a->ctx, pin, &m);
	if ((sent & VIOAPIC_ACCEPTED) && m.level)
		*r |= RTE_REMOTE_IRR;
	if (sent & VIOAPIC_UNDER_WAY)
		*r |= RTE_PENDING;
}

/* A level that asks and is not being serviced yet. */
static void service_level(struct vioapic *a, u32 pin)
{
	u64 r = a->s.rte[pin];

	if (!is_level(r) || (r & (RTE_MASKED | RTE_REMOTE_IRR)) || !(a->s.lines >> pin & 1))
		return;
	if (r & RTE_PENDING)
		a->s.again |= 1u << pin;
	else
		deliver(a, pin);
}

/*
 * Whoever accepted it will end it, be it that another one has already. A level that asked meanwhile is sent again; one that
 * nobody accepts is not, or it would go round for ever.
 */
void vioapic_sent(struct vioapic *a, u32 pin, u32 what)
{
	u64 *r = &a->s.rte[pin];
	u32 bit = 1u << pin;
	bool again = a->s.again & bit;

	if ((what & VIOAPIC_ACCEPTED) && is_level(*r))
		*r |= RTE_REMOTE_IRR;
	if (what & VIOAPIC_UNDER_WAY)
		return;
	*r &= ~RTE_PENDING;
	a->s.again &= ~bit;
	if (again)
		service_level(a, pin);
}

u32 vioapic_under_way(const struct vioapic_state *s)
{
	u32 pins = 0;

	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++)
		pins |= s->rte[pin] & RTE_PENDING ? 1u << pin : 0;
	return pins;
}

/* Polarity is not applied: our lines are abstract, and guests set it as the firmware tables tell them. */
void vioapic_set_pin(struct vioapic *a, u32 pin, bool level)
{
	bool rising;
	u32 bit;

	if (pin >= VIOAPIC_PINS)
		return;
	bit = 1u << pin;
	rising = level && !(a->s.lines & bit);
	a->s.lines = level ? a->s.lines | bit : a->s.lines & ~bit;
	if (is_level(a->s.rte[pin]))
		service_level(a, pin);
	else if (rising && !(a->s.rte[pin] & RTE_MASKED)) /* masked: the edge is lost, as on the real chip */
		deliver(a, pin);
}

void vioapic_eoi(struct vioapic *a, u8 vector)
{
	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++) {
		u64 *r = &a->s.rte[pin];

		if (!(*r & RTE_REMOTE_IRR) || RTE_VECTOR(*r) != vector)
			continue;
		*r &= ~RTE_REMOTE_IRR;
		service_level(a, pin);
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
		a->s.id = val >> 24 & ID_BITS;
	if (i < 0x10 || i >= 0x10 + 2 * VIOAPIC_PINS)
		return;
	i -= 0x10;
	r = &a->s.rte[i / 2];
	shift = (i & 1) * 32;
	mask = RTE_WRITABLE & 0xffffffffull << shift;
	*r = (*r & ~mask) | ((u64)val << shift & mask);
	/* Remote IRR has no meaning for edges: switching to edge clears it (the documented way to drop it). */
	if (!is_level(*r))
		*r &= ~RTE_REMOTE_IRR;
	service_level(a, i / 2);
}

/* IOREGSEL at 0, IOWIN at 10h, EOI at 40h: 32-bit registers. Narrower reads and selections are answered, too. */
static void mmio(void *dev, struct io_access *io)
{
	struct vioapic *a = dev;
	u32 reg = (u32)io->offset & ~0xfu, at = (u32)io->offset & 0xf;

	if (!io->write) {
		u32 val = reg == 0x00 ? a->s.sel : reg == 0x10 ? read_reg(a) : 0;

		io->value = at < 4 ? val >> at * 8 : 0;
		return;
	}
	if (at)
		return;
	if (reg == 0x00) {
		a->s.sel = (u8)io->value;
	} else if (reg == 0x10 && io->size >= 4) {
		write_reg(a, (u32)io->value);
		if (a->written)
			a->written(a->ctx, io->now);
	} else if (reg == 0x40) {
		vioapic_eoi(a, (u8)io->value);
	}
}

u8 vioapic_free_id(const u32 *apic_ids, u32 nr)
{
	u64 taken[4] = { 0 };

	for (u32 i = 0; i < nr; i++)
		if (apic_ids[i] <= 0xff)
			taken[apic_ids[i] / 64] |= BIT(apic_ids[i] % 64);
	for (u32 id = 0; id < 0xff; id++) /* FFh is all of them */
		if (!(taken[id / 64] & BIT(id % 64)))
			return (u8)id;
	return 0;
}

void vioapic_init(struct vioapic *a, u8 id, u32 (*send)(void *ctx, u32 pin, const struct apic_msg *msg), void *ctx)
{
	memset(a, 0, sizeof(*a));
	a->send = send;
	a->ctx = ctx;
	a->id = a->s.id = id;
	a->region = (struct io_region){ .base = VIOAPIC_BASE, .len = 0x1000, .fn = mmio, .dev = a, .name = "ioapic" };
}

int vioapic_attach(struct vioapic *a, struct io_bus *bus)
{
	return io_bus_add(bus, &a->region);
}

void vioapic_detach(struct vioapic *a, struct io_bus *bus)
{
	io_bus_remove(bus, &a->region);
}

void vioapic_reset(struct vioapic *a)
{
	memset(&a->s, 0, sizeof(a->s));
	a->s.id = a->id; /* as firmware leaves it and its tables tell, whatever a guest made of it */
	for (u32 i = 0; i < VIOAPIC_PINS; i++)
		a->s.rte[i] = RTE_MASKED;
}

bool vioapic_valid(const struct vioapic *a, const struct vioapic_state *s, struct state_check *c)
{
	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++) {
		u64 r = s->rte[pin];

		if (r & ~(RTE_WRITABLE | RTE_REMOTE_IRR | RTE_PENDING))
			return state_refuse(c, "rte", r, "has bits that the entry lacks");
		if ((r & RTE_REMOTE_IRR) && !is_level(r))
			return state_refuse(c, "rte", r, "has remote IRR though it is for edges");
	}
	if (s->lines >> VIOAPIC_PINS)
		return state_refuse(c, "lines", s->lines, "has more pins than there are");
	if (s->again & ~vioapic_under_way(s))
		return state_refuse(c, "again", s->again, "has pins of which no message is under way");
	if (s->id > ID_BITS && s->id != a->id)
		return state_refuse(c, "id", s->id, "has bits that the register lacks");
	return true;
}
