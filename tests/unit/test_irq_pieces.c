/*
 * Messages to many local APICs, in pieces: each delivers to one at most and looks at a few; nobody is left out, nothing
 * comes twice; what the I/O APIC says meanwhile.
 */
#include "lib/string.h"
#include "suite.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/dev/irq/vlapic_priv.h"

#define NR      80
#define LOOKS   32 /* as in pc_irqchip_send.c */
#define ALL     0xff00000000000000ull
#define LEVEL   BIT(15)
#define RIRR    BIT(14)
#define PENDING BIT(12)

static struct {
	struct vlapic l[NR], *ptr[NR];
	u8 page[NR][PAGE_SIZE] __aligned(8);
	struct timerq tq[NR];
	struct pc_irqchip c;
	u32 waits;
} w;

static void nothing(void *ctx) {}
static void no_vector(void *ctx, u8 vector) {}
static void on_eoi(void *ctx, u8 vector)
{
	vioapic_eoi(&w.c.ioapic, vector);
}
static void on_waits(void *arg)
{
	w.waits++;
}

static const struct vlapic_ops ops = { .eoi = on_eoi, .kick = nothing, .init = nothing, .sipi = no_vector };

static void set_up(void)
{
	memset(&w, 0, sizeof(w));
	for (u32 i = 0; i < NR; i++) {
		timerq_init(&w.tq[i], NULL);
		vlapic_init(&w.l[i], w.page[i], i, i == 0, &ops, NULL, &w.tq[i]);
		vlapic_reset(&w.l[i], 0);
		*vlapic_reg(&w.l[i], APIC_SVR) = 0x1ff;
		w.ptr[i] = &w.l[i];
	}
	pc_irqchip_init(&w.c, w.ptr, NR, 200, nothing, NULL);
	pc_irqchip_reset(&w.c);
	w.c.waits = on_waits;
}

/* How many APICs got vector since they were asked last. */
static u32 got(u8 vector)
{
	u32 n = 0;

	for (u32 i = 0; i < NR; i++) {
		vlapic_sync(&w.l[i]);
		n += vlapic_test_bit(&w.l[i], APIC_IRR, vector);
		vlapic_clear_bit(&w.l[i], APIC_IRR, vector);
	}
	return n;
}

static void rte(u32 pin, u64 val)
{
	w.c.ioapic.s.rte[pin] = val;
}

static void edge(u32 gsi)
{
	irqchip_set_line(&w.c.chip, gsi, true);
	irqchip_set_line(&w.c.chip, gsi, false);
}

static void msi(u8 dest, u8 vector, bool logical, u8 mode)
{
	irqchip_send_msi(&w.c.chip, 0xfee00000 | (u64)dest << 12 | (logical ? 4 : 0), vector | (u32)mode << 8);
}

/* Pieces until nothing waits; each reaches one with vector at most. Those who got it. */
static u32 finish(u8 vector, u32 *pieces)
{
	u32 all = 0;

	for (*pieces = 0; pc_irqchip_waits(&w.c); ++*pieces) {
		u32 n;

		ck_assert_uint_lt(*pieces, 3000);
		pc_irqchip_go_on(&w.c);
		n = got(vector);
		ck_assert_uint_le(n, 1);
		all += n;
	}
	pc_irqchip_go_on(&w.c); /* nothing is left to be done */
	return all;
}

START_TEST(to_all)
{
	u32 pieces;

	set_up();
	rte(4, ALL | 0x50);
	edge(4);
	ck_assert_uint_eq(got(0x50), 1);
	ck_assert_uint_eq(w.waits, 1);
	ck_assert(w.c.ioapic.s.rte[4] & PENDING);
	ck_assert_uint_eq(finish(0x50, &pieces), NR - 1);
	ck_assert_uint_eq(w.c.ioapic.s.rte[4], ALL | 0x50);
	ck_assert_uint_ge(pieces, NR - 1);

	msi(0xff, 0x51, false, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x51), 1);
	ck_assert_uint_eq(finish(0x51, &pieces), NR - 1);
	/* Nobody to go on for it: at once. */
	w.c.waits = NULL;
	msi(0xff, 0x52, false, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x52), NR);
	ck_assert(!pc_irqchip_waits(&w.c));
}
END_TEST

/* One target is reached at once, wherever it is; one that has to be looked for by a piece that ends. */
START_TEST(to_one)
{
	u32 pieces;

	set_up();
	msi(NR - 1, 0x50, false, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x50), 1);
	*vlapic_reg(&w.l[LOOKS - 1], APIC_LDR) = 0x40000000;
	msi(0x40, 0x51, true, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x51), 1);
	ck_assert_uint_eq(finish(0x51, &pieces), 0);
	ck_assert_uint_eq(pieces, (NR - 1) / LOOKS);
	*vlapic_reg(&w.l[NR - 1], APIC_LDR) = 0x80000000;
	msi(0x80, 0x52, true, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x52), 0);
	ck_assert_uint_eq(finish(0x52, &pieces), 1);
	ck_assert_uint_eq(pieces, (NR - 1) / LOOKS);
	/* Among few none is left to be looked at: a message of one target is never kept. */
	w.c.nr = LOOKS;
	msi(0x40, 0x53, true, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x53), 1);
	ck_assert(!pc_irqchip_waits(&w.c));
}
END_TEST

START_TEST(lowest_priority)
{
	u32 pieces;

	set_up();
	for (u32 i = 0; i < NR; i++)
		*vlapic_reg(&w.l[i], APIC_SVR) = i % 40 == 39 ? 0x1ff : 0xff;
	for (u32 i = 0; i < 4; i++) {
		msi(0xff, 0x60, false, APIC_MODE_LOWEST);
		ck_assert_uint_eq(got(0x60), 0); /* 39 are passed over */
		ck_assert_uint_eq(finish(0x60, &pieces), 1);
		ck_assert_uint_eq(pieces, 1);
		ck_assert_uint_eq(w.c.s.next_lowest, i & 1 ? 0 : 40);
	}
}
END_TEST

START_TEST(level)
{
	u32 pieces;

	set_up();
	rte(20, ALL | LEVEL | 0x61);
	irqchip_set_line(&w.c.chip, 20, true);
	ck_assert((w.c.ioapic.s.rte[20] & (RIRR | PENDING)) == (RIRR | PENDING));
	/* The first one has dealt with it before the others know: nothing new comes of the level until they do. */
	vlapic_sync(&w.l[0]);
	vlapic_accept(&w.l[0], 0x61);
	vlapic_eoi(&w.l[0]);
	ck_assert((w.c.ioapic.s.rte[20] & (RIRR | PENDING)) == PENDING);
	ck_assert_uint_eq(w.c.s.nr_waiting, 1);
	while (w.c.s.waiting[0].left > 1)
		pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0x61), NR - 2);
	/* They accepted it, but have dealt with it, too; the line is still asserted. */
	vioapic_eoi(&w.c.ioapic, 0x61);
	pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0x61), 1);
	/* That one's remote IRR: its EOI comes, then all is sent once more. */
	ck_assert((w.c.ioapic.s.rte[20] & (RIRR | PENDING)) == RIRR);
	vioapic_eoi(&w.c.ioapic, 0x61);
	ck_assert_uint_eq(got(0x61), 1);
	irqchip_set_line(&w.c.chip, 20, false);
	ck_assert_uint_eq(finish(0x61, &pieces), NR - 1);
	vioapic_eoi(&w.c.ioapic, 0x61);
	ck_assert_uint_eq(w.c.ioapic.s.rte[20], ALL | LEVEL | 0x61);

	/* Nobody takes it: no remote IRR, and it does not go round for ever. */
	for (u32 i = 0; i < NR; i++)
		*vlapic_reg(&w.l[i], APIC_SVR) = 0xff;
	irqchip_set_line(&w.c.chip, 20, true);
	while (pc_irqchip_waits(&w.c) && w.c.s.waiting[0].left > 1)
		pc_irqchip_go_on(&w.c);
	*vlapic_reg(&w.l[NR - 1], APIC_SVR) = 0x1ff;
	ck_assert(pc_irqchip_waits(&w.c) && !(w.c.ioapic.s.rte[20] & RIRR));
	pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0x61), 1);
	ck_assert(w.c.ioapic.s.rte[20] & RIRR);
}
END_TEST

/* EOIs that the I/O APIC is told of later: each in a piece, before messages. */
START_TEST(eois)
{
	set_up();
	for (u32 pin = 16; pin < 20; pin++) {
		rte(pin, LEVEL | (pin < 18 ? 0x61 : 0xf2));
		irqchip_set_line(&w.c.chip, pin, true);
	}
	ck_assert_uint_eq(got(0x61) + got(0xf2), 2);
	ck_assert(!pc_irqchip_waits(&w.c));
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	pc_irqchip_eoi_later(&w.c, 0xf2);
	pc_irqchip_eoi_later(&w.c, 0x61);
	pc_irqchip_eoi_later(&w.c, 0x61);
	ck_assert_uint_eq(w.waits, 4);
	ck_assert_uint_eq(w.c.s.nr_eois, 2);
	ck_assert_uint_eq(got(0x61) + got(0xf2), 0);
	irqchip_set_line(&w.c.chip, 17, false);
	pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0x61), 1);
	ck_assert_uint_eq(got(0xf2), 0);
	ck_assert((w.c.ioapic.s.rte[16] & RIRR) && !(w.c.ioapic.s.rte[17] & RIRR));
	pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0xf2), 1);
	ck_assert_uint_eq(w.c.s.nr_eois, 0);
	ck_assert_uint_eq(w.c.s.waiting[0].left, NR - 1);
	while (pc_irqchip_waits(&w.c))
		pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0x50), NR);
	/* Nobody to go on: at once. */
	w.c.waits = NULL;
	pc_irqchip_eoi_later(&w.c, 0x61);
	ck_assert_uint_eq(got(0x61), 1);
}
END_TEST

/* What is sent again while it is under way reaches everybody after that; and is one message. */
START_TEST(again)
{
	u32 pieces;

	set_up();
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	for (u32 i = 0; i < 39; i++)
		pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(got(0x50), 40);
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	ck_assert_uint_eq(w.c.s.nr_waiting, 1);
	ck_assert_uint_eq(finish(0x50, &pieces), NR);
	/* The same of a pin is another one. */
	rte(4, ALL | 0x50);
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	edge(4);
	edge(4);
	ck_assert_uint_eq(w.c.s.nr_waiting, 2);
	/* An entry that was changed meanwhile, too; its pin is done when both are. */
	rte(4, w.c.ioapic.s.rte[4] ^ 0x10 ^ 0x60);
	edge(4);
	ck_assert_uint_eq(w.c.s.nr_waiting, 3);
	while (w.c.s.nr_waiting > 1)
		pc_irqchip_go_on(&w.c);
	ck_assert(w.c.ioapic.s.rte[4] & PENDING);
	while (pc_irqchip_waits(&w.c))
		pc_irqchip_go_on(&w.c);
	ck_assert(!(w.c.ioapic.s.rte[4] & PENDING));
	ck_assert_uint_eq(got(0x50), NR);
	ck_assert_uint_eq(got(0x20), NR);
}
END_TEST

START_TEST(order)
{
	u32 pieces;

	set_up();
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	msi(70, 0x51, false, APIC_MODE_FIXED);
	ck_assert_uint_eq(got(0x51), 1); /* another vector: it need not wait */
	/* The same one: not before those of the first; it is edge, then level. */
	irqchip_send_msi(&w.c.chip, 0xfee00000 | 70u << 12, 0xc050);
	ck_assert_uint_eq(w.c.s.nr_waiting, 2);
	while (w.c.s.nr_waiting > 1)
		pc_irqchip_go_on(&w.c);
	vlapic_sync(&w.l[70]);
	ck_assert(!vlapic_test_bit(&w.l[70], APIC_TMR, 0x50));
	ck_assert_uint_eq(got(0x50), NR);
	ck_assert_uint_eq(finish(0x50, &pieces), 1);
	ck_assert(vlapic_test_bit(&w.l[70], APIC_TMR, 0x50));
}
END_TEST

/* An EOI of a vector that all pins have: one message begins in its piece, those of the others wait, none is lost. */
START_TEST(eoi_of_all_pins)
{
	u32 pieces;

	set_up();
	for (u32 pin = 3; pin < VIOAPIC_PINS; pin++) {
		rte(pin, ALL | LEVEL | RIRR | 0x61);
		irqchip_set_line(&w.c.chip, pin, true);
	}
	ck_assert_uint_eq(got(0x61), 0);
	pc_irqchip_eoi_later(&w.c, 0x61);
	pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(w.c.s.nr_waiting, VIOAPIC_PINS - 3);
	ck_assert_uint_eq(w.c.s.waiting[0].left, NR - 1);
	for (u32 i = 1; i < w.c.s.nr_waiting; i++)
		ck_assert_uint_eq(w.c.s.waiting[i].left, NR);
	ck_assert_uint_eq(got(0x61), 1);
	ck_assert_uint_eq(finish(0x61, &pieces), (VIOAPIC_PINS - 3) * NR - 1);
	for (u32 pin = 3; pin < VIOAPIC_PINS; pin++)
		ck_assert((w.c.ioapic.s.rte[pin] & (RIRR | PENDING)) == RIRR);
	/* The next message of a device is sent at once again. */
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	ck_assert_uint_eq(w.c.s.waiting[0].left, NR - 1);
}
END_TEST

/* More than can wait: the last one is sent at once, none is lost. */
START_TEST(full)
{
	set_up();
	for (u32 i = 0; i <= IRQ_WAITING_MAX; i++)
		msi(0xff, (u8)(0x40 + i), false, APIC_MODE_FIXED);
	ck_assert_uint_eq(w.c.s.nr_waiting, IRQ_WAITING_MAX);
	ck_assert_uint_eq(got(0x40 + IRQ_WAITING_MAX), NR);
	while (pc_irqchip_waits(&w.c))
		pc_irqchip_go_on(&w.c);
	for (u32 i = 0; i < IRQ_WAITING_MAX; i++)
		ck_assert_uint_eq(got((u8)(0x40 + i)), NR);
	msi(0xff, 0x50, false, APIC_MODE_FIXED);
	pc_irqchip_reset(&w.c);
	ck_assert(!pc_irqchip_waits(&w.c));
}
END_TEST

/* What an APIC sends: each of the others once, the sender not. */
START_TEST(from_an_apic)
{
	struct apic_msg m = { .mode = APIC_MODE_FIXED, .vector = 0x70, .assert_ = true, .shorthand = 3 };
	struct irq_way way;
	u32 pieces = 0;

	set_up();
	ck_assert(pc_irqchip_send_some(&w.c, &w.l[5], &m, &way));
	ck_assert_uint_eq(got(0x70), 1);
	for (; way.left; pieces++) {
		(void)pc_irqchip_send_more(&w.c, &w.l[5], &m, &way);
		ck_assert_uint_le(got(0x70), 1);
	}
	ck_assert_uint_ge(pieces, NR - 2);
	ck_assert(pc_irqchip_send(&w.c, &w.l[5], &m));
	vlapic_sync(&w.l[5]);
	ck_assert(!vlapic_test_bit(&w.l[5], APIC_IRR, 0x70));
	ck_assert_uint_eq(got(0x70), NR - 1);
	/* Lowest priority, none of whom takes it: in pieces as well. */
	m = (struct apic_msg){ .dest = 0xff, .mode = APIC_MODE_LOWEST, .vector = 0x71, .assert_ = true };
	for (u32 i = 0; i < NR; i++)
		*vlapic_reg(&w.l[i], APIC_SVR) = 0xff;
	ck_assert(!pc_irqchip_send_some(&w.c, &w.l[5], &m, &way));
	ck_assert_uint_eq(way.left, NR - LOOKS);
}
END_TEST

static const char *refusal(const struct pc_irqchip *c)
{
	const void *part[VDEV_PARTS] = { &c->s, &c->pic.s, &c->ioapic.s };
	struct state_check check = { .field = "" };

	ck_assert_int_eq(pc_irqchip_ops.valid(&w.c, part, &check), !check.field[0]);
	return check.field;
}

#define STATE(change, field)                             \
	do {                                             \
		static struct pc_irqchip copy;           \
		copy = w.c;                              \
		change;                                  \
		ck_assert_str_eq(refusal(&copy), field); \
	} while (0)

START_TEST(states)
{
	set_up();
	rte(4, ALL | 0x50);
	edge(4);
	msi(0xff, 0x51, false, APIC_MODE_NMI);
	STATE((void)0, "");
	STATE(copy.s.nr_waiting = IRQ_WAITING_MAX + 1, "nr_waiting");
	STATE(copy.s.nr_waiting = 1, "waiting");
	STATE(copy.s.nr_eois = 1, "nr_eois");
	STATE(copy.s.eois[3] = 5, "nr_eois");
	STATE((copy.s.eois[3] = 5, copy.s.nr_eois = 2), "");
	STATE(copy.s.nr_waiting = 3, "left");
	STATE(copy.s.waiting[0].pin = 24, "pin");
	STATE(copy.s.waiting[0].pin = 5, "rte");
	STATE(copy.s.waiting[0].dest = 0x100, "dest");
	STATE(copy.s.waiting[0].mode = APIC_MODE_EXTINT, "mode");
	STATE((copy.s.waiting[0].mode = APIC_MODE_NMI, copy.s.waiting[0].level = true), "mode");
	STATE(copy.s.waiting[1].mode = 8, "mode");
	STATE(copy.s.waiting[1].at = NR, "at");
	STATE(copy.s.waiting[1].left = 0, "left");
	STATE(copy.s.waiting[1].left = NR + 1, "left");
	STATE(copy.ioapic.s.rte[4] &= ~PENDING, "rte");
	STATE(copy.ioapic.s.rte[6] |= PENDING, "rte");
}
END_TEST

/* A level that nobody takes, be it for its vector or for those it is for, is tried once: then the vCPUs may run. */
START_TEST(nobody)
{
	static const u64 entries[] = { ALL | LEVEL | 5, 0xc8ull << 56 | LEVEL | 0x61 };

	for (u32 n = 0; n < ARRAY_SIZE(entries); n++) {
		set_up();
		rte(20, entries[n]);
		irqchip_set_line(&w.c.chip, 20, true);
		ck_assert(w.c.ioapic.s.rte[20] & PENDING);
		for (u32 pieces = 0; pieces <= NR; pieces++)
			pc_irqchip_go_on(&w.c);
		ck_assert(!pc_irqchip_waits(&w.c));
		ck_assert_uint_eq(w.c.ioapic.s.rte[20], entries[n]);
		/* Asked for once more meanwhile, it is tried once more. */
		irqchip_set_line(&w.c.chip, 20, false);
		irqchip_set_line(&w.c.chip, 20, true);
		irqchip_set_line(&w.c.chip, 20, false);
		irqchip_set_line(&w.c.chip, 20, true);
		ck_assert_uint_eq(w.c.ioapic.s.again, BIT(20));
		for (u32 pieces = 0; pieces <= 2 * NR; pieces++)
			pc_irqchip_go_on(&w.c);
		ck_assert(!pc_irqchip_waits(&w.c) && !w.c.ioapic.s.again);
	}
}
END_TEST

/* An edge that is under way is no level, whatever its pin was made meanwhile: no EOI would ever take its remote IRR. */
START_TEST(made_level)
{
	set_up();
	rte(20, ALL | 0x61);
	edge(20);
	ck_assert(w.c.ioapic.s.rte[20] & PENDING);
	rte(20, ALL | LEVEL | PENDING | 0x61);
	for (u32 pieces = 0; pieces <= NR; pieces++)
		pc_irqchip_go_on(&w.c);
	ck_assert_uint_eq(w.c.ioapic.s.rte[20], ALL | LEVEL | 0x61);
}
END_TEST

SUITE_MAIN("irq_pieces", to_all, to_one, lowest_priority, level, nobody, made_level, eois, eoi_of_all_pins, again,
           order, full, from_an_apic, states)
