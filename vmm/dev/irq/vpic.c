/* 8259A pair. */
#include "vmm/dev/irq/vpic.h"

#include "lib/string.h"

#define CASCADE 2

STATE_DESC(vpic_chip, VPIC_CHIP, 1);
STATE_DESC(vpic_state, VPIC_STATE, 1);

/* ELCR: the inputs of the system timer, keyboard, cascade, RTC and coprocessor are always edge triggered. */
static const u8 elcr_writable[2] = { 0xf8, 0xde };

/* Priority of an input: 0 is highest. */
static u32 prio(const struct vpic_chip *c, u32 input)
{
	return (input - c->lowest - 1) & 7;
}

/* Highest-priority bit of mask: its priority, or 8. */
static u32 best(const struct vpic_chip *c, u8 mask)
{
	u32 p = 8;

	for (u32 i = 0; i < 8; i++)
		if ((mask >> i & 1) && prio(c, i) < p)
			p = prio(c, i);
	return p;
}

static u32 input_of(const struct vpic_chip *c, u32 p)
{
	return (p + c->lowest + 1) & 7;
}

/* The input to be served now, or 8. */
static u32 request(const struct vpic_chip *c, bool master)
{
	u32 p = best(c, c->irr & (u8)~c->imr), in_service;
	u8 isr = c->isr;

	if (p == 8)
		return 8;
	/* Special mask mode: in-service bits that are masked do not hold lower priorities back. */
	if (c->smm)
		isr &= (u8)~c->imr;
	in_service = best(c, isr);
	/* Special fully nested: the slave may interrupt while its own earlier request is in service. */
	if (p == in_service && master && c->sfnm && input_of(c, p) == CASCADE)
		return CASCADE;
	return p < in_service ? input_of(c, p) : 8;
}

static void set_line(struct vpic_chip *c, u32 i, bool level)
{
	u8 bit = (u8)(1u << i);

	if (c->elcr & bit)
		c->irr = level ? c->irr | bit : c->irr & (u8)~bit;
	else if (level && !(c->level & bit))
		c->irr |= bit;
	else if (!level)
		c->irr &= (u8)~bit; /* an edge request must stay high until acknowledged */
	c->level = level ? c->level | bit : c->level & (u8)~bit;
}

static void update(struct vpic *p)
{
	struct vpic_chip *m = &p->s.chip[0], *sl = &p->s.chip[1];
	bool intr;

	if (request(sl, false) != 8) {
		m->irr |= 1u << CASCADE;
		m->level |= 1u << CASCADE;
	} else {
		m->irr &= (u8) ~(1u << CASCADE);
		m->level &= (u8) ~(1u << CASCADE);
	}
	intr = request(m, true) != 8;
	if (intr == p->s.intr)
		return;
	p->s.intr = intr;
	p->intr(p->arg, intr);
}

void vpic_set_irq(struct vpic *p, u32 irq, bool level)
{
	if (irq > 15 || irq == CASCADE)
		return;
	set_line(&p->s.chip[irq >> 3], irq & 7, level);
	update(p);
}

static void acknowledge(struct vpic_chip *c, u32 i)
{
	u8 bit = (u8)(1u << i);

	if (!(c->elcr & bit))
		c->irr &= (u8)~bit;
	if (!c->aeoi)
		c->isr |= bit;
	else if (c->rotate_aeoi)
		c->lowest = (u8)i;
}

u8 vpic_ack(struct vpic *p)
{
	struct vpic_chip *m = &p->s.chip[0], *sl = &p->s.chip[1];
	u32 i = request(m, true), j;
	u8 vector;

	if (i == 8)
		return (u8)(m->base + 7); /* spurious: no in-service bit */
	if (i != CASCADE) {
		acknowledge(m, i);
		vector = (u8)(m->base + i);
	} else {
		acknowledge(m, i);
		j = request(sl, false);
		if (j == 8) {
			vector = (u8)(sl->base + 7);
		} else {
			acknowledge(sl, j);
			vector = (u8)(sl->base + j);
		}
	}
	update(p);
	return vector;
}

/* ---- command words ---- */

static void eoi(struct vpic_chip *c, u8 val)
{
	u32 level = val & 7, p;
	bool specific = val & 0x40, rotate = val & 0x80;

	if (!(val & 0x20)) { /* without EOI: rotation commands */
		if (specific && rotate)
			c->lowest = (u8)level;
		else if (!specific)
			c->rotate_aeoi = rotate;
		return;
	}
	if (!specific) {
		p = best(c, c->smm ? c->isr & (u8)~c->imr : c->isr);
		if (p == 8)
			return;
		level = input_of(c, p);
	}
	c->isr &= (u8) ~(1u << level);
	if (rotate)
		c->lowest = (u8)level;
}

static void icw1(struct vpic_chip *c, u8 val)
{
	u8 elcr = c->elcr, level = c->level;

	memset(c, 0, sizeof(*c));
	c->elcr = elcr;
	c->level = level;
	c->irr = level & elcr;
	c->lowest = 7;
	c->init = 2;
	c->icw4 = val & 0x01;
	c->single = val & 0x02;
}

static void write_command(struct vpic_chip *c, u8 val)
{
	if (val & 0x10) {
		icw1(c, val);
	} else if (val & 0x08) {
		if (val & 0x02)
			c->read_isr = val & 0x01;
		if (val & 0x40)
			c->smm = val & 0x20;
		c->poll = val & 0x04;
	} else {
		eoi(c, val);
	}
}

static void write_data(struct vpic_chip *c, u8 val)
{
	switch (c->init) {
	case 2:
		c->base = val & 0xf8;
		c->init = !c->single ? 3 : c->icw4 ? 4 : 0;
		break;
	case 3: c->init = c->icw4 ? 4 : 0; break; /* the cascade is wired at input 2 */
	case 4:
		c->aeoi = val & 0x02;
		c->sfnm = val & 0x10;
		c->init = 0;
		break;
	default: c->imr = val; break;
	}
}

static u8 poll(struct vpic *p, u32 n)
{
	struct vpic_chip *c = &p->s.chip[n];
	u32 i = request(c, n == 0);

	c->poll = false;
	if (i == 8)
		return 7;
	acknowledge(c, i);
	return (u8)(0x80 | i);
}

static void access(struct vpic *p, u32 n, struct io_access *io)
{
	struct vpic_chip *c = &p->s.chip[n];

	if (io->size != 1) {
		/* A wider access reaches both ports one after the other. */
		for (u32 i = 0; i < io->size && i < 2; i++) {
			struct io_access b = { .offset = i,
				               .value = io->value >> i * 8 & 0xff,
				               .now = io->now,
				               .size = 1,
				               .write = io->write };

			access(p, n, &b);
			if (!io->write)
				io->value = (io->value & ~(0xffull << i * 8)) | (b.value & 0xff) << i * 8;
		}
		return;
	}
	if (io->write) {
		if (io->offset)
			write_data(c, (u8)io->value);
		else
			write_command(c, (u8)io->value);
	} else if (c->poll) {
		io->value = poll(p, n);
	} else {
		io->value = io->offset ? c->imr : c->read_isr ? c->isr : c->irr;
		return;
	}
	update(p);
}

static void tell_written(const struct vpic *p, const struct io_access *io)
{
	if (io->write && p->written)
		p->written(p->arg, io->now);
}

static void master_io(void *dev, struct io_access *io)
{
	access(dev, 0, io);
	tell_written(dev, io);
}

static void slave_io(void *dev, struct io_access *io)
{
	access(dev, 1, io);
	tell_written(dev, io);
}

static void elcr_io(void *dev, struct io_access *io)
{
	struct vpic *p = dev;

	for (u32 i = 0; i < io->size; i++) {
		u32 n = (u32)io->offset + i;
		struct vpic_chip *c = &p->s.chip[n];

		if (io->write) {
			c->elcr = (u8)(io->value >> i * 8) & elcr_writable[n];
			c->irr = (c->irr & (u8)~c->elcr) | (c->level & c->elcr);
		} else {
			io->value = (io->value & ~(0xffull << i * 8)) | (u64)c->elcr << i * 8;
		}
	}
	if (io->write)
		update(p);
}

void vpic_init(struct vpic *p, void (*intr)(void *arg, bool asserted), void *arg)
{
	memset(p, 0, sizeof(*p));
	p->intr = intr;
	p->arg = arg;
	p->regions[0] = (struct io_region){ .base = 0x20, .len = 2, .fn = master_io, .dev = p, .name = "pic-master" };
	p->regions[1] = (struct io_region){ .base = 0xa0, .len = 2, .fn = slave_io, .dev = p, .name = "pic-slave" };
	p->regions[2] = (struct io_region){ .base = 0x4d0, .len = 2, .fn = elcr_io, .dev = p, .name = "pic-elcr" };
}

int vpic_attach(struct vpic *p, struct io_bus *pio)
{
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(p->regions); i++) {
		err = io_bus_add(pio, &p->regions[i]);
		if (!err)
			continue;
		while (i--)
			io_bus_remove(pio, &p->regions[i]);
		return err;
	}
	return OK;
}

void vpic_detach(struct vpic *p, struct io_bus *pio)
{
	for (u32 i = ARRAY_SIZE(p->regions); i--;)
		io_bus_remove(pio, &p->regions[i]);
}

void vpic_reset(struct vpic *p)
{
	bool intr = p->s.intr;

	memset(&p->s, 0, sizeof(p->s));
	p->s.intr = intr; /* update() takes it down */
	p->s.chip[0].lowest = p->s.chip[1].lowest = 7;
	p->s.chip[0].base = 0x08;
	p->s.chip[1].base = 0x70;
	p->s.chip[0].imr = p->s.chip[1].imr = 0xff;
	update(p);
}

/* ---- restoring ---- */

#define FIELD(n, name) ((n) ? "chip[1]." name : "chip[0]." name)

static bool chip_valid(const struct vpic_chip *chip, u32 n, struct state_check *c)
{
	if (chip->lowest > 7)
		return state_refuse(c, FIELD(n, "lowest"), chip->lowest, "is no input");
	if (chip->base & 7)
		return state_refuse(c, FIELD(n, "base"), chip->base, "has bits that an input's number is put in");
	if (chip->init == 1 || chip->init > 4)
		return state_refuse(c, FIELD(n, "init"), chip->init, "is no ICW to come");
	if ((chip->init == 3 && chip->single) || (chip->init == 4 && !chip->icw4))
		return state_refuse(c, FIELD(n, "init"), chip->init, "is an ICW that ICW1 has not announced");
	if (chip->elcr & ~elcr_writable[n])
		return state_refuse(c, FIELD(n, "elcr"), chip->elcr, "has inputs that are always edge triggered");
	if ((chip->irr ^ chip->level) & chip->elcr)
		return state_refuse(c, FIELD(n, "irr"), chip->irr,
		                    "differs from the lines of level triggered inputs");
	if (chip->irr & ~chip->level)
		return state_refuse(c, FIELD(n, "irr"), chip->irr, "has requests whose line is down");
	return true;
}

bool vpic_valid(const struct vpic_state *s, struct state_check *c)
{
	const struct vpic_chip *m = &s->chip[0], *sl = &s->chip[1];

	if (!chip_valid(m, 0, c) || !chip_valid(sl, 1, c))
		return false;
	/* What update() leaves behind. Of the cascade IRR and the line were equal above, if one is set. */
	if ((m->irr >> CASCADE & 1) != (request(sl, false) != 8))
		return state_refuse(c, "chip[0].irr", m->irr, "does not have the slave's request");
	if ((m->irr ^ m->level) & 1u << CASCADE)
		return state_refuse(c, "chip[0].level", m->level, "does not have the slave's request");
	if (s->intr != (request(m, true) != 8))
		return state_refuse(c, "intr", s->intr, "is not what the requests make of it");
	return true;
}

void vpic_restored(struct vpic *p)
{
	p->intr(p->arg, p->s.intr);
}
