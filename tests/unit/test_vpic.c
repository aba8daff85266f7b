/* 8259A pair: the sequences of the Intel 8259A data sheet, as a PC wires two of them. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/dev/irq/vpic.h"

#define M 0x20
#define S 0xa0

static struct vpic pic;
static struct io_bus bus;
static struct io_region *store[8];
static bool intr;
static u32 intr_changes;

static void on_intr(void *arg, bool asserted)
{
	ck_assert(arg == &pic);
	intr = asserted;
	intr_changes++;
}

static void out(u16 port, u8 val)
{
	u64 v = val;

	ck_assert(io_bus_access(&bus, port, 1, true, &v, 0));
}

static u8 in(u16 port)
{
	u64 v = 0;

	ck_assert(io_bus_access(&bus, port, 1, false, &v, 0));
	return (u8)v;
}

static u8 irr(u16 port)
{
	out(port, 0x0a);
	return in(port);
}

static u8 isr(u16 port)
{
	out(port, 0x0b);
	return in(port);
}

/* ICW1-4 as operating systems do: vectors 20h and 28h, all inputs open. */
static void start(u8 icw4_master, u8 icw4_slave)
{
	intr = false;
	intr_changes = 0;
	vpic_init(&pic, on_intr, &pic);
	vpic_reset(&pic);
	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	ck_assert_int_eq(vpic_attach(&pic, &bus), OK);
	out(M, 0x11);
	out(M + 1, 0x20);
	out(M + 1, 0x04);
	out(M + 1, icw4_master);
	out(S, 0x11);
	out(S + 1, 0x28);
	out(S + 1, 0x02);
	out(S + 1, icw4_slave);
}

static void pulse(u32 irq)
{
	vpic_set_irq(&pic, irq, false);
	vpic_set_irq(&pic, irq, true);
}

/* Acknowledges and expects this vector. */
static void expect(u8 vector)
{
	ck_assert(intr && vpic_pending(&pic));
	ck_assert_uint_eq(vpic_ack(&pic), vector);
}

START_TEST(after_reset)
{
	vpic_init(&pic, on_intr, &pic);
	vpic_reset(&pic);
	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	ck_assert_int_eq(vpic_attach(&pic, &bus), OK);
	ck_assert_uint_eq(in(M + 1), 0xff);
	ck_assert_uint_eq(in(S + 1), 0xff);
	pulse(0);
	ck_assert(!vpic_pending(&pic));
	out(M + 1, 0xfe);
	expect(0x08);
	out(M, 0x20);
	out(M + 1, 0xfb);
	out(S + 1, 0xfe);
	pulse(8);
	expect(0x70);
}
END_TEST

START_TEST(attach_is_all_or_nothing)
{
	struct io_region taken = { .base = 0x4d1, .len = 1, .fn = (io_fn)abort, .name = "x" };

	vpic_init(&pic, on_intr, &pic);
	io_bus_init(&bus, store, ARRAY_SIZE(store), 0xffff);
	ck_assert_int_eq(io_bus_add(&bus, &taken), OK);
	ck_assert_int_eq(vpic_attach(&pic, &bus), ERR_EXIST);
	ck_assert_uint_eq(bus.nr, 1);
}
END_TEST

START_TEST(one_request)
{
	start(1, 1);
	ck_assert(!vpic_pending(&pic));
	vpic_set_irq(&pic, 4, true);
	ck_assert_uint_eq(intr_changes, 1);
	ck_assert_uint_eq(irr(M), 0x10);
	expect(0x24);
	ck_assert(!intr);
	ck_assert_uint_eq(irr(M), 0);
	ck_assert_uint_eq(isr(M), 0x10);
	/* Still high: an edge is needed for another. */
	out(M, 0x20);
	ck_assert_uint_eq(isr(M), 0);
	ck_assert(!intr);
	vpic_set_irq(&pic, 4, true);
	ck_assert(!intr);
	pulse(4);
	expect(0x24);
}
END_TEST

START_TEST(nesting)
{
	start(1, 1);
	pulse(3);
	expect(0x23);
	pulse(5); /* lower: waits */
	ck_assert(!intr);
	pulse(1); /* higher: nests */
	expect(0x21);
	ck_assert_uint_eq(isr(M), 0x0a);
	out(M, 0x20); /* the highest in service */
	ck_assert_uint_eq(isr(M), 0x08);
	ck_assert(!intr);
	out(M, 0x63); /* specific EOI of 3 */
	expect(0x25);
	out(M, 0x64); /* specific EOI of another level changes nothing */
	ck_assert_uint_eq(isr(M), 0x20);
}
END_TEST

START_TEST(mask)
{
	start(1, 1);
	out(M + 1, 0x10);
	ck_assert_uint_eq(in(M + 1), 0x10);
	pulse(4);
	ck_assert(!intr);
	ck_assert_uint_eq(irr(M), 0x10); /* the request register does not know the mask */
	out(M + 1, 0);
	ck_assert(intr);
	out(M + 1, 0x10);
	ck_assert(!intr);
}
END_TEST

START_TEST(cascade)
{
	start(1, 1);
	pulse(12);
	ck_assert_uint_eq(irr(M), 0x04);
	ck_assert_uint_eq(irr(S), 0x10);
	expect(0x2c);
	ck_assert_uint_eq(isr(M), 0x04);
	ck_assert_uint_eq(isr(S), 0x10);
	/* A higher one of the slave is held back by the master's bit 2 until its EOI. */
	pulse(8);
	ck_assert(!intr);
	ck_assert_uint_eq(irr(M), 0x04);
	out(M, 0x20);
	expect(0x28);
	out(S, 0x20);
	out(S, 0x20);
	out(M, 0x20);
	ck_assert_uint_eq(isr(S), 0);
	ck_assert_uint_eq(isr(M), 0);
	/* IRQ 8-15 come between 1 and 3. */
	pulse(3);
	pulse(15);
	expect(0x2f);
	out(S, 0x20);
	out(M, 0x20);
	expect(0x23);
	/* Input 2 itself is not a line. */
	vpic_set_irq(&pic, 2, true);
	vpic_set_irq(&pic, 16, true);
	ck_assert_uint_eq(irr(M), 0);
}
END_TEST

START_TEST(special_fully_nested)
{
	start(0x11, 1);
	pulse(12);
	expect(0x2c);
	pulse(3); /* lower on the master: waits all the same */
	ck_assert(!intr);
	pulse(9); /* higher on the slave: nests */
	expect(0x29);
	pulse(14); /* lower on the slave: waits */
	ck_assert(!intr);
	out(S, 0x20);
	ck_assert_uint_eq(isr(S), 0x10);
	out(S, 0x20);
	ck_assert_uint_eq(isr(S), 0);
	expect(0x2e); /* before the master's EOI */
	out(S, 0x20);
	out(M, 0x20);
	expect(0x23);
}
END_TEST

START_TEST(special_mask)
{
	start(1, 1);
	pulse(3);
	expect(0x23);
	pulse(6);
	ck_assert(!intr);
	out(M + 1, 0x08);
	ck_assert(!intr);
	out(M, 0x68); /* ESMM, SMM */
	expect(0x26);
	/* Non-specific EOI does not touch in-service bits that are masked. */
	out(M, 0x20);
	ck_assert_uint_eq(isr(M), 0x08);
	out(M, 0x20);
	ck_assert_uint_eq(isr(M), 0x08);
	pulse(6);
	ck_assert(intr);
	out(M, 0x28); /* SMM without ESMM: no change */
	ck_assert(intr);
	out(M, 0x48); /* ESMM: off */
	ck_assert(!intr);
	out(M, 0x20);
	ck_assert_uint_eq(isr(M), 0);
	expect(0x26);
}
END_TEST

START_TEST(auto_eoi)
{
	start(3, 1);
	pulse(1);
	expect(0x21);
	ck_assert_uint_eq(isr(M), 0);
	pulse(5);
	expect(0x25);
	/* Rotating: the one served becomes the lowest. */
	out(M, 0x80);
	pulse(1);
	pulse(3);
	expect(0x21);
	pulse(1);
	expect(0x23);
	expect(0x21);
	out(M, 0x00); /* rotation off */
	pulse(3);
	pulse(5);
	expect(0x23); /* 1 is lowest: 2 3 4 5 6 7 0 1 */
	pulse(3);
	expect(0x23);
	expect(0x25);
}
END_TEST

START_TEST(rotation)
{
	start(1, 1);
	/* The data sheet's example: 4 and 6 in service, EOI with rotation; then 4 is lowest. */
	pulse(6);
	expect(0x26);
	pulse(4);
	expect(0x24);
	ck_assert_uint_eq(isr(M), 0x50);
	out(M, 0xa0);
	ck_assert_uint_eq(isr(M), 0x40);
	pulse(4); /* lowest now: held back by 6 */
	ck_assert(!intr);
	pulse(5); /* highest now */
	expect(0x25);
	out(M, 0x65);
	out(M, 0xe6); /* rotate on specific EOI of 6: 7 is highest */
	pulse(7);
	pulse(0);
	expect(0x27);
	out(M, 0x20);
	expect(0x20);
	out(M, 0x20);
	expect(0x24);
	out(M, 0x20);
	/* Set priority: 2 is lowest, 3 highest. */
	out(M, 0xc2);
	pulse(0);
	pulse(3);
	pulse(1);
	expect(0x23);
	out(M, 0x20);
	expect(0x20);
	out(M, 0x20);
	expect(0x21);
	out(M, 0xa0);
	out(M, 0xa0); /* nothing in service: no rotation */
	out(M, 0x40); /* no operation */
	pulse(1);
	pulse(2 + 8);
	expect(0x2a);
}
END_TEST

START_TEST(level_triggered)
{
	start(1, 1);
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	ck_assert_uint_eq(in(0x4d0), 0xf8); /* timer, keyboard and cascade stay edges */
	ck_assert_uint_eq(in(0x4d1), 0xde); /* RTC and coprocessor as well */
	vpic_set_irq(&pic, 5, true);
	expect(0x25);
	ck_assert_uint_eq(irr(M), 0x20);
	ck_assert(!intr);
	out(M, 0x20); /* still high: again */
	expect(0x25);
	vpic_set_irq(&pic, 5, false);
	out(M, 0x20);
	ck_assert(!intr);
	ck_assert_uint_eq(irr(M), 0);
	/* On the slave, through the cascade. */
	vpic_set_irq(&pic, 11, true);
	expect(0x2b);
	out(S, 0x20);
	out(M, 0x20);
	expect(0x2b);
	vpic_set_irq(&pic, 11, false);
	out(S, 0x20);
	out(M, 0x20);
	ck_assert(!intr);
	/* The mode changes under a line that is high. */
	out(0x4d0, 0);
	pulse(5);
	expect(0x25);
	out(M, 0x20);
	ck_assert(!intr);
	out(0x4d0, 0x20);
	ck_assert(intr);
	/* ICW1 forgets edges, levels remain. */
	vpic_set_irq(&pic, 4, true);
	out(M, 0x11);
	out(M + 1, 0x40);
	out(M + 1, 0x04);
	out(M + 1, 0x01);
	ck_assert_uint_eq(irr(M), 0x20);
	expect(0x45);
}
END_TEST

START_TEST(spurious)
{
	start(1, 1);
	pulse(3);
	ck_assert(intr);
	/* The line falls before the acknowledge cycle. */
	vpic_set_irq(&pic, 3, false);
	ck_assert(!intr);
	ck_assert_uint_eq(vpic_ack(&pic), 0x27);
	ck_assert_uint_eq(isr(M), 0);
	pulse(7);
	expect(0x27);
	ck_assert_uint_eq(isr(M), 0x80); /* a real one */
}
END_TEST

START_TEST(polling)
{
	start(1, 1);
	out(M, 0x0c);
	ck_assert_uint_eq(in(M), 0x07); /* no request */
	pulse(5);
	pulse(3);
	out(M, 0x0c);
	ck_assert_uint_eq(in(M), 0x83);
	ck_assert_uint_eq(isr(M), 0x08);
	ck_assert_uint_eq(irr(M), 0x20);
	ck_assert(!intr);
	out(M, 0x0c);
	ck_assert_uint_eq(in(M), 0x07); /* 5 is held back */
	out(M, 0x20);
	out(M, 0x0c);
	ck_assert_uint_eq(in(M + 1), 0x85); /* either port polls */
	ck_assert_uint_eq(in(M + 1), 0x00); /* once */
	out(M, 0x20);
	pulse(10);
	out(M, 0x0c);
	ck_assert_uint_eq(in(M), 0x82);
	out(S, 0x0c);
	ck_assert_uint_eq(in(S), 0x82);
	ck_assert_uint_eq(isr(S), 0x04);
	/* An OCW3 without P takes the poll back. */
	out(M, 0x0c);
	out(M, 0x0a);
	ck_assert_uint_eq(in(M), irr(M));
}
END_TEST

START_TEST(initialisation_words)
{
	start(1, 1);
	/* No ICW4: its functions are off, and the next data byte is the mask. */
	pulse(3);
	out(M + 1, 0x55);
	out(M, 0x10);
	ck_assert(!intr); /* edges forgotten */
	out(M + 1, 0x4f); /* low bits are no part of the vector */
	out(M + 1, 0x04);
	ck_assert_uint_eq(in(M + 1), 0);
	out(M + 1, 0x02);
	ck_assert_uint_eq(in(M + 1), 0x02);
	pulse(6);
	expect(0x4e);
	/* Single: no ICW3. */
	out(M, 0x13);
	out(M + 1, 0x50);
	out(M + 1, 0x03); /* ICW4: AEOI */
	pulse(6);
	expect(0x56);
	ck_assert_uint_eq(isr(M), 0);
	out(M, 0x12);
	out(M + 1, 0x58);
	out(M + 1, 0x01); /* OCW1 already */
	ck_assert_uint_eq(in(M + 1), 0x01);
	/* ICW1 in the middle starts again; it selects IRR and ends special mask and rotation. */
	out(M, 0xc3);
	out(M, 0x6b);
	out(M, 0x11);
	out(M + 1, 0x60);
	out(M, 0x11);
	out(M + 1, 0x68);
	out(M + 1, 0x04);
	out(M + 1, 0x01);
	pulse(0);
	pulse(4);
	ck_assert_uint_eq(in(M), 0x11);
	expect(0x68);
	out(M, 0x20);
	expect(0x6c);
}
END_TEST

START_TEST(wide_accesses)
{
	u64 v = 0xa30b;

	start(1, 1);
	ck_assert(io_bus_access(&bus, M, 2, true, &v, 0));
	pulse(2 + 8);
	pulse(4);
	ck_assert_uint_eq(vpic_ack(&pic), 0x2a);
	v = 0;
	ck_assert(io_bus_access(&bus, M, 2, false, &v, 0));
	ck_assert_uint_eq(v, 0xa304);
	v = 0xffff;
	io_bus_access(&bus, 0x4d0, 2, true, &v, 0);
	v = 0;
	io_bus_access(&bus, 0x4d0, 2, false, &v, 0);
	ck_assert_uint_eq(v, 0xdef8);
}
END_TEST

START_TEST(reset_and_restore)
{
	struct vpic_state saved;

	start(1, 1);
	pulse(3);
	ck_assert(intr);
	saved = pic.s;
	vpic_reset(&pic);
	ck_assert(!intr);
	pic.s = saved;
	vpic_restored(&pic);
	expect(0x23);
}
END_TEST

SUITE_MAIN("vpic", after_reset, attach_is_all_or_nothing, one_request, nesting, mask, cascade, special_fully_nested,
           special_mask, auto_eoi, rotation, level_triggered, spurious, polling, initialisation_words, wide_accesses,
           reset_and_restore)
