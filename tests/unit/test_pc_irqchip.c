/* I/O APIC and the PC's interrupt wiring: 82093AA data sheet, SDM vol. 3 "Determining IPI Destination", MSIs. */
#include <stdio.h>

#include "fake_lapic.h"
#include "suite.h"
#include "vmm/policy/cpuid.h"

#define LEVEL  BIT(15)
#define RIRR   BIT(14)
#define MASKED BIT(16)

static struct fake_bus b;
static struct io_bus pio, mmio;
static struct io_region *pio_storage[8], *mmio_storage[4];

static void setup(void)
{
	fake_bus_init(&b);
	fake_enable(&b);
	io_bus_init(&pio, pio_storage, ARRAY_SIZE(pio_storage), 0xffff);
	io_bus_init(&mmio, mmio_storage, ARRAY_SIZE(mmio_storage), ~0ull);
	ck_assert_int_eq(pc_irqchip_attach(&b.irq, &pio, &mmio), OK);
}

static void io_wr(u32 off, u32 val)
{
	u64 v = val;

	io_bus_access(&mmio, VIOAPIC_BASE + off, 4, true, &v, 0);
}

static u32 io_rd(u32 off)
{
	u64 v = 0;

	io_bus_access(&mmio, VIOAPIC_BASE + off, 4, false, &v, 0);
	return (u32)v;
}

static void reg_wr(u32 reg, u32 val)
{
	io_wr(0, reg);
	io_wr(0x10, val);
}

static u32 reg_rd(u32 reg)
{
	io_wr(0, reg);
	return io_rd(0x10);
}

/* High half first, as drivers do; masked meanwhile, for a level may already be asking. */
static void rte_new(u32 pin, u64 val)
{
	reg_wr(0x10 + 2 * pin, 0x10000);
	reg_wr(0x11 + 2 * pin, (u32)(val >> 32));
	reg_wr(0x10 + 2 * pin, (u32)val);
}

static void rte_wr(u32 pin, u64 val)
{
	reg_wr(0x11 + 2 * pin, (u32)(val >> 32));
	reg_wr(0x10 + 2 * pin, (u32)val);
}

static u64 rte_rd(u32 pin)
{
	return reg_rd(0x10 + 2 * pin) | (u64)reg_rd(0x11 + 2 * pin) << 32;
}

static void line(u32 gsi, bool on)
{
	irqchip_set_line(&b.irq.chip, gsi, on);
}

static void eoi(u32 cpu, u8 vector)
{
	struct vlapic *l = &b.cpu[cpu].l;

	vlapic_sync(l);
	ck_assert_int_eq(vlapic_pending_vector(l), vector);
	vlapic_accept(l, vector);
	vlapic_eoi(l);
}

START_TEST(ioapic_registers)
{
	u64 v = 0;

	setup();
	ck_assert_uint_eq(reg_rd(0), FAKE_LAPICS << 24);
	ck_assert_uint_eq(reg_rd(1), 0x00170020);
	reg_wr(1, 0xffffffff);
	ck_assert_uint_eq(reg_rd(1), 0x00170020);
	reg_wr(0, 0xffffffff);
	ck_assert_uint_eq(reg_rd(0), 0x0f000000);
	ck_assert_uint_eq(reg_rd(2), 0x0f000000); /* arbitration ID follows */
	for (u32 pin = 0; pin < 24; pin++) {
		ck_assert_uint_eq(rte_rd(pin), MASKED);
		rte_wr(pin, ~0ull);
		ck_assert_uint_eq(rte_rd(pin), 0xff0000000001afffull);
		rte_wr(pin, 0x10000 + pin);
	}
	ck_assert_uint_eq(rte_rd(23), 0x10017);
	ck_assert_uint_eq(reg_rd(0x40), 0);
	ck_assert_uint_eq(reg_rd(0xff), 0);
	reg_wr(0x40, 0x1234);
	ck_assert_uint_eq(io_rd(0), 0x40);
	ck_assert_uint_eq(io_rd(0x40), 0);
	ck_assert_uint_eq(io_rd(0x100), 0); /* no aliases */
	io_wr(0x100, 1);
	ck_assert_uint_eq(io_rd(0), 0x40);
	/* Narrow: the selector takes a byte, the window reads but does not take less than 32 bits. */
	v = 1;
	io_bus_access(&mmio, VIOAPIC_BASE, 1, true, &v, 0);
	io_bus_access(&mmio, VIOAPIC_BASE + 0x12, 1, false, &v, 0);
	ck_assert_uint_eq(v, 0x17);
	io_bus_access(&mmio, VIOAPIC_BASE + 0x18, 4, false, &v, 0);
	ck_assert_uint_eq(v, 0);
	io_wr(0, 0x10);
	v = 0;
	io_bus_access(&mmio, VIOAPIC_BASE + 0x10, 1, true, &v, 0);
	v = 0;
	io_bus_access(&mmio, VIOAPIC_BASE + 0x11, 1, true, &v, 0);
	ck_assert_uint_eq(reg_rd(0x10), 0x10000);
	pc_irqchip_reset(&b.irq);
	ck_assert_uint_eq(rte_rd(5), MASKED);
	ck_assert_uint_eq(io_rd(0x10) & 0, 0);
}
END_TEST

START_TEST(edge)
{
	setup();
	line(4, true); /* masked: lost */
	rte_wr(4, 0x44);
	ck_assert_uint_eq(fake_got(&b, 0x44), 0);
	line(4, true); /* no edge */
	ck_assert_uint_eq(fake_got(&b, 0x44), 0);
	line(4, false);
	ck_assert_uint_eq(fake_got(&b, 0x44), 0);
	line(4, true);
	ck_assert_uint_eq(fake_got(&b, 0x44), 1);
	ck_assert_uint_eq(rte_rd(4), 0x44);
	line(4, false);
	line(4, true);
	eoi(0, 0x44);
	ck_assert_uint_eq(b.cpu[0].eois, 0);
	line(24, true); /* there is no such pin */
	line(0xffffffff, true);
}
END_TEST

START_TEST(level)
{
	setup();
	rte_wr(10, LEVEL | 0x61 | 1ull << 56);
	line(10, true);
	ck_assert_uint_eq(rte_rd(10), LEVEL | RIRR | 0x61 | 1ull << 56);
	line(10, false);
	line(10, true); /* no second message before the EOI */
	ck_assert(vlapic_has_posted(&b.cpu[1].l));
	eoi(1, 0x61);
	ck_assert(b.cpu[1].eois == 1);
	ck_assert_uint_eq(rte_rd(10) & RIRR, RIRR); /* still asserted: again */
	line(10, false);
	eoi(1, 0x61);
	ck_assert_uint_eq(rte_rd(10) & RIRR, 0);
	ck_assert(!fake_irr(&b.cpu[1].l, 0x61));
	/* Remote IRR is read-only; writing the entry neither sets nor clears it. */
	line(10, true);
	rte_wr(10, LEVEL | 0x61 | 1ull << 56);
	ck_assert_uint_eq(rte_rd(10) & RIRR, RIRR);
	/* Masked while in service: the EOI ends it, unmasking asks again. */
	rte_wr(10, MASKED | LEVEL | 0x61 | 1ull << 56);
	eoi(1, 0x61);
	ck_assert_uint_eq(rte_rd(10), MASKED | LEVEL | 0x61 | 1ull << 56);
	ck_assert(!fake_irr(&b.cpu[1].l, 0x61));
	rte_wr(10, LEVEL | 0x61 | 1ull << 56);
	ck_assert(fake_irr(&b.cpu[1].l, 0x61));
	/* The way to get rid of a stuck remote IRR: edge and back. */
	rte_wr(10, MASKED | 0x61 | 1ull << 56);
	ck_assert_uint_eq(rte_rd(10) & RIRR, 0);
	/* EOIs of other vectors do not matter. */
	rte_wr(10, LEVEL | 0x61 | 1ull << 56);
	vioapic_eoi(&b.irq.ioapic, 0x62);
	ck_assert_uint_eq(rte_rd(10) & RIRR, RIRR);
}
END_TEST

START_TEST(shared_vector_and_eoi_register)
{
	setup();
	fake_wr(&b.cpu[0].l, APIC_SVR, 0x11ff, 0); /* broadcasts suppressed */
	rte_wr(10, LEVEL | 0x61);
	rte_wr(11, LEVEL | 0x61);
	line(10, true);
	line(11, true);
	line(10, false);
	line(11, false);
	eoi(0, 0x61);
	ck_assert_uint_eq(b.cpu[0].eois, 0);
	ck_assert((rte_rd(10) & RIRR) && (rte_rd(11) & RIRR));
	io_wr(0x40, 0x61);
	ck_assert(!(rte_rd(10) & RIRR) && !(rte_rd(11) & RIRR));
}
END_TEST

START_TEST(not_accepted)
{
	setup();
	/* Nobody there, an illegal vector, or software-disabled: no remote IRR, so that it is not stuck. */
	rte_new(10, LEVEL | 0x61 | 9ull << 56);
	line(10, true);
	ck_assert_uint_eq(rte_rd(10) & RIRR, 0);
	rte_new(10, LEVEL | 0x05);
	ck_assert_uint_eq(rte_rd(10) & RIRR, 0);
	fake_wr(&b.cpu[0].l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(&b.cpu[0].l, APIC_ESR, 0), ESR_RECEIVE_ILLEGAL);
	fake_wr(&b.cpu[0].l, APIC_SVR, 0xff, 0);
	rte_new(10, LEVEL | 0x61);
	ck_assert_uint_eq(rte_rd(10) & RIRR, 0);
	fake_wr(&b.cpu[0].l, APIC_SVR, 0x1ff, 0);
	line(10, true);
	ck_assert_uint_eq(rte_rd(10) & RIRR, RIRR);
}
END_TEST

START_TEST(other_delivery_modes)
{
	setup();
	rte_wr(5, LEVEL | APIC_MODE_NMI << 8); /* always an edge */
	line(5, true);
	line(5, true);
	ck_assert(vlapic_take_nmi(&b.cpu[0].l) && !vlapic_take_nmi(&b.cpu[0].l));
	ck_assert_uint_eq(rte_rd(5) & RIRR, 0);
	line(5, false);
	rte_wr(5, APIC_MODE_INIT << 8 | 1ull << 56);
	line(5, true);
	ck_assert_uint_eq(b.cpu[1].inits, 1);
	line(5, false);
	rte_wr(5, APIC_MODE_EXTINT << 8 | 0x33);
	line(5, true);
	line(5, false);
	rte_wr(5, APIC_MODE_SMI << 8);
	line(5, true);
	ck_assert_uint_eq(vlapic_intr_status(&b.cpu[0].l), 0);
}
END_TEST

/* GSI 0 is the PIT: 8259A input 0 and pin 2; pin 0 and GSI 2 are nothing. */
START_TEST(wiring)
{
	setup();
	for (u32 pin = 0; pin < 24; pin++)
		rte_wr(pin, 0x30 + pin);
	for (u32 gsi = 0; gsi < 24; gsi++) {
		u32 pin = gsi ? gsi : 2;

		line(gsi, true);
		if (gsi != 2)
			ck_assert_uint_eq(fake_got(&b, (u8)(0x30 + pin)), 1);
		for (u32 other = 0; other < 24; other++)
			ck_assert_uint_eq(fake_got(&b, (u8)(0x30 + other)), 0);
		line(gsi, false);
	}
}
END_TEST

/* A device and PCI on one ISA line: it is high while either wants it, on 8259As and I/O APIC alike. */
START_TEST(isa_and_pci)
{
	setup();
	for (u32 n = 0; n < 16; n++) {
		u32 pin = n ? n : 2;

		for (u32 i = 0; i < 16; i++) {
			/* Every step from every one of the four states to another. */
			static const u8 walk[16] = { 0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 1, 0, 3, 2, 0 };
			bool on = walk[i];

			irqchip_set_line(&b.irq.chip, n, walk[i] & 1);
			irqchip_set_pirq(&b.irq.chip, n, walk[i] & 2);
			ck_assert(b.irq.s.isa == (walk[i] & 1) << n && b.irq.s.pirq == (walk[i] >> 1) << n);
			if (n == 2)
				on = false; /* the cascade is no line, and pin 2 is the PIT's */
			ck_assert_uint_eq(b.irq.ioapic.s.lines, on ? 1u << pin : 0);
			ck_assert_uint_eq(b.irq.pic.s.chip[n >> 3].level, on ? 1u << (n & 7) : 0);
		}
	}
	irqchip_set_pirq(&b.irq.chip, 16, true); /* no ISA line */
	ck_assert(!b.irq.s.pirq && !b.irq.ioapic.s.lines);
	irqchip_set_line(&b.irq.chip, 9, true);
	irqchip_set_pirq(&b.irq.chip, 10, true);
	pc_irqchip_reset(&b.irq);
	ck_assert(!b.irq.s.isa && !b.irq.s.pirq && !b.irq.ioapic.s.lines);
}
END_TEST

START_TEST(pic_to_lint0)
{
	static const u8 init[][2] = { { 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 4 }, { 0x21, 1 },    { 0xa0, 0x11 },
		                      { 0xa1, 0x28 }, { 0xa1, 2 },    { 0xa1, 1 }, { 0x21, 0xfa }, { 0xa1, 0xff } };

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(init); i++) {
		u64 v = init[i][1];

		io_bus_access(&pio, init[i][0], 1, true, &v, 0);
	}
	line(0, true);
	ck_assert(b.pic_changes == 1 && vpic_pending(&b.irq.pic) && b.cpu[0].l.s.lint[0]);
	ck_assert(vlapic_accepts_pic(&b.cpu[0].l));
	ck_assert_uint_eq(vpic_ack(&b.irq.pic), 0x20);
	ck_assert(!vpic_pending(&b.irq.pic) && !b.cpu[0].l.s.lint[0]);
	line(0, false);
	/* LINT0 as a fixed interrupt: the 8259A's output becomes one of the local APIC's. */
	fake_wr(&b.cpu[0].l, APIC_LVT_LINT0, 0x77, 0);
	ck_assert(!vlapic_accepts_pic(&b.cpu[0].l));
	vpic_reset(&b.irq.pic);
	for (u32 i = 0; i < ARRAY_SIZE(init); i++) {
		u64 v = init[i][1];

		io_bus_access(&pio, init[i][0], 1, true, &v, 0);
	}
	line(0, true);
	ck_assert(fake_irr(&b.cpu[0].l, 0x77));
}
END_TEST

static u32 send_to(const struct apic_msg *m)
{
	pc_irqchip_send(&b.irq, NULL, m);
	return fake_got(&b, m->vector);
}

START_TEST(logical_xapic)
{
	static const struct {
		u32 dfr;
		u8 ldr[FAKE_LAPICS], dest, targets;
	} t[] = {
		/* flat: one bit each */
		{ 0xffffffff, { 1, 2, 4, 8 }, 0x01, 1 },
		{ 0xffffffff, { 1, 2, 4, 8 }, 0x0a, 10 },
		{ 0xffffffff, { 1, 2, 4, 8 }, 0xf0, 0 },
		{ 0xffffffff, { 1, 2, 4, 8 }, 0x00, 0 },
		{ 0xffffffff, { 0, 0, 0, 0 }, 0xff, 15 },
		{ 0xffffffff, { 3, 2, 0x80, 0x81 }, 0x80, 12 },
		/* cluster: high nibble the cluster, low one bits */
		{ 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x11, 1 },
		{ 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x13, 3 },
		{ 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x2f, 12 },
		{ 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x31, 0 },
		{ 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x10, 0 },
		{ 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0xff, 15 },
		/* a model that does not exist matches nothing */
		{ 0x5fffffff, { 1, 2, 4, 8 }, 0x01, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup();
		for (u32 c = 0; c < FAKE_LAPICS; c++) {
			fake_wr(&b.cpu[c].l, APIC_DFR, t[i].dfr, 0);
			fake_wr(&b.cpu[c].l, APIC_LDR, (u32)t[i].ldr[c] << 24, 0);
		}
		ck_assert_msg(send_to(&(struct apic_msg){ .dest = t[i].dest, .logical = true, .vector = 0x50 }) ==
		                      t[i].targets,
		              "row %u", i);
	}
	/* A 32-bit logical destination never means an xAPIC. */
	setup();
	fake_wr(&b.cpu[0].l, APIC_LDR, 0x01000000, 0);
	ck_assert_uint_eq(
	        send_to(&(struct apic_msg){ .dest = 0x101, .x2apic = true, .logical = true, .vector = 0x50 }), 0);
}
END_TEST

START_TEST(logical_x2apic)
{
	static const struct {
		u32 dest;
		bool x2;
		u8 targets;
	} t[] = {
		{ 0x00020010, true, 1 }, { 0x000200f0, true, 15 }, { 0x0002ffff, true, 15 },
		{ 0x0003ffff, true, 0 }, { 0x00020000, true, 0 },  { 0xffffffff, true, 15 },
		{ 0x00000010, true, 0 }, { 0xff, false, 15 },      { 0x00000010, false, 0 },
	};

	fake_bus_init_ids(&b, 0x24); /* cluster 2, bits 4-7 */
	fake_enable(&b);
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		fake_x2apic(&b.cpu[c].l);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_msg(send_to(&(struct apic_msg){
		                      .dest = t[i].dest, .x2apic = t[i].x2, .logical = true, .vector = 0x50 }) ==
		                      t[i].targets,
		              "row %u", i);
	/* Devices' 8-bit destinations reach cluster 0. */
	setup();
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		fake_x2apic(&b.cpu[c].l);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 0x06, .logical = true, .vector = 0x50 }), 6);
}
END_TEST

START_TEST(physical)
{
	setup();
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = c, .vector = 0x50 }), 1u << c);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 4, .vector = 0x50 }), 0);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 0xff, .vector = 0x50 }), 15);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 0xff, .x2apic = true, .vector = 0x50 }), 0);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 0xffffffff, .x2apic = true, .vector = 0x50 }), 15);
	ck_assert_int_eq(vlapic_set_base(&b.cpu[2].l, 0xfee00000, 0), OK);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 2, .vector = 0x50 }), 0);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .shorthand = 2, .vector = 0x50 }), 11);
	/* IDs that are not the vCPUs' numbers. */
	fake_bus_init_ids(&b, 0x40);
	fake_enable(&b);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 0x42, .vector = 0x50 }), 4);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 2, .vector = 0x50 }), 0);
}
END_TEST

START_TEST(lowest_priority)
{
	u32 seen = 0;

	setup();
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		fake_wr(&b.cpu[c].l, APIC_LDR, 0x01000000u << c, 0);
	for (u32 i = 0; i < 4; i++) {
		u32 got = send_to(&(struct apic_msg){ .dest = 0xf, .logical = true, .mode = 1, .vector = 0x50 });

		ck_assert_int_eq(__builtin_popcount(got), 1);
		seen |= got;
	}
	ck_assert_uint_eq(seen, 15);             /* everyone has his turn */
	fake_wr(&b.cpu[1].l, APIC_SVR, 0xff, 0); /* software-disabled ones are left out */
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(
		        send_to(&(struct apic_msg){ .dest = 6, .logical = true, .mode = 1, .vector = 0x50 }), 4);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 2, .logical = true, .mode = 1, .vector = 0x50 }), 0);
	ck_assert_uint_eq(send_to(&(struct apic_msg){ .dest = 3, .mode = 1, .vector = 0x50 }), 8);
}
END_TEST

START_TEST(icr)
{
	static const struct {
		u32 high, low;
		u8 targets;
	} t[] = {
		{ 0x02000000, 0x00004050, 4 },  /* physical */
		{ 0x00000000, 0x00004050, 1 },  /* to itself by ID */
		{ 0xff000000, 0x00004050, 15 }, /* broadcast */
		{ 0x06000000, 0x00004850, 6 },  /* logical flat */
		{ 0x06000000, 0x00044050, 1 },  /* self */
		{ 0x00000000, 0x00084050, 15 }, /* all */
		{ 0x00000000, 0x000c4050, 14 }, /* others */
		{ 0x01000000, 0x0000c050, 2 },  /* "level" means nothing */
		{ 0x01000000, 0x00000050, 2 },  /* nor does a missing assert bit */
	};

	setup();
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		fake_wr(&b.cpu[c].l, APIC_LDR, 0x01000000u << c, 0);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		fake_wr(&b.cpu[0].l, APIC_ICR2, t[i].high, 0);
		fake_wr(&b.cpu[0].l, APIC_ICR, t[i].low, 0);
		ck_assert_uint_eq(fake_rd(&b.cpu[0].l, APIC_ICR, 0), t[i].low);
		ck_assert_uint_eq(fake_rd(&b.cpu[0].l, APIC_ICR2, 0), t[i].high);
		ck_assert_msg(fake_got(&b, 0x50) == t[i].targets, "row %u", i);
	}
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		ck_assert(!vlapic_test_bit(&b.cpu[c].l, APIC_TMR, 0x50));
	fake_x2apic(&b.cpu[0].l);
	ck_assert_int_eq(vlapic_msr_write(&b.cpu[0].l, 0x830, 0x0000000300004050ull, 0), OK);
	ck_assert_uint_eq(fake_got(&b, 0x50), 8);
}
END_TEST

/* SDM vol. 3, "Valid Combinations for the ... Local xAPIC ICR": of the shorthands that name the sender, only Fixed. */
START_TEST(icr_invalid_combinations)
{
	static const u8 modes[] = { APIC_MODE_LOWEST, APIC_MODE_SMI,     APIC_MODE_NMI,
		                    APIC_MODE_INIT,   APIC_MODE_STARTUP, APIC_MODE_EXTINT };

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++)
		for (u32 shorthand = 1; shorthand <= 2; shorthand++)
			fake_wr(&b.cpu[0].l, APIC_ICR, shorthand << 18 | 0x4000u | (u32)modes[i] << 8 | 0x50, 0);
	ck_assert_uint_eq(b.cpu[0].sends, 0);
	ck_assert_uint_eq(fake_got(&b, 0x50), 0);
	for (u32 c = 0; c < FAKE_LAPICS; c++) {
		ck_assert(!b.cpu[c].inits && b.cpu[c].sipi == FAKE_NO_SIPI);
		ck_assert(!vlapic_take_nmi(&b.cpu[c].l));
	}
	/* All but the sender: NMI, INIT and STARTUP are for them. */
	fake_wr(&b.cpu[0].l, APIC_ICR, 0xc4400, 0);
	ck_assert(!vlapic_take_nmi(&b.cpu[0].l) && vlapic_take_nmi(&b.cpu[1].l));
}
END_TEST

START_TEST(icr_start_up)
{
	struct vlapic *l = &b.cpu[0].l;

	setup();
	fake_wr(l, APIC_ICR, 0x000c4500, 0); /* INIT to all others */
	ck_assert(!b.cpu[0].inits && b.cpu[1].inits == 1 && b.cpu[2].inits == 1 && b.cpu[3].inits == 1);
	fake_wr(l, APIC_ICR, 0x000c8500, 0); /* level de-assert: nothing */
	ck_assert_uint_eq(b.cpu[1].inits, 1);
	fake_wr(l, APIC_ICR2, 0x01000000, 0);
	fake_wr(l, APIC_ICR, 0x00000608, 0); /* vectors below 16 are fine here */
	ck_assert(b.cpu[1].sipi == 8 && b.cpu[2].sipi == FAKE_NO_SIPI);
	fake_wr(l, APIC_ICR, 0x00000402, 0);
	ck_assert(vlapic_take_nmi(&b.cpu[1].l));
	fake_wr(l, APIC_ICR2, 0, 0);
	fake_wr(l, APIC_ICR, 0x00000400, 0); /* NMI to itself, by name */
	ck_assert(vlapic_take_nmi(l));
	fake_wr(l, APIC_ICR2, 0x01000000, 0);
	fake_wr(l, APIC_ICR, 0x00000200, 0); /* SMI: nothing */
	fake_wr(l, APIC_ICR, 0x00000700, 0);
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), 0);
	fake_wr(l, APIC_ICR, 0x00000105, 0); /* lowest priority with an illegal vector */
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), ESR_SEND_ILLEGAL);
}
END_TEST

START_TEST(msi)
{
	static const struct {
		u64 addr;
		u32 data;
		u8 targets;
		bool level;
	} t[] = {
		{ 0xfee00000, 0x0050, 1, false },  { 0xfee03000, 0x0050, 8, false },
		{ 0xfeeff000, 0x0050, 15, false }, { 0xfee06004, 0x0050, 6, false }, /* logical */
		{ 0xfee03008, 0x0050, 8, false },                                    /* redirection hint, physical */
		{ 0xfee02000, 0xc050, 4, true },                                     /* level, assert */
		{ 0xfee02000, 0x8050, 0, false },                                    /* level, de-assert */
		{ 0xfee09000, 0x0050, 0, false },                                    /* nobody */
		{ 0xfed00000, 0x0050, 0, false },                                    /* not the range */
		{ 0x1fee00000, 0x0050, 0, false },                                   /* nor this */
	};

	setup();
	for (u32 c = 0; c < FAKE_LAPICS; c++)
		fake_wr(&b.cpu[c].l, APIC_LDR, 0x01000000u << c, 0);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		irqchip_send_msi(&b.irq.chip, t[i].addr, t[i].data);
		ck_assert_msg(fake_got(&b, 0x50) == t[i].targets, "row %u", i);
		if (t[i].targets == 4)
			ck_assert(vlapic_test_bit(&b.cpu[2].l, APIC_TMR, 0x50) == t[i].level);
	}
	/* The hint with a logical destination: one of them. */
	irqchip_send_msi(&b.irq.chip, 0xfee0f00c, 0x0050);
	ck_assert_int_eq(__builtin_popcount(fake_got(&b, 0x50)), 1);
	irqchip_send_msi(&b.irq.chip, 0xfee01000, APIC_MODE_NMI << 8);
	ck_assert(vlapic_take_nmi(&b.cpu[1].l));
}
END_TEST

START_TEST(attach_errors)
{
	setup();
	ck_assert_int_eq(pc_irqchip_attach(&b.irq, &pio, &mmio), ERR_EXIST);
	io_bus_init(&pio, pio_storage, ARRAY_SIZE(pio_storage), 0xffff);
	ck_assert_int_eq(pc_irqchip_attach(&b.irq, &pio, &mmio), ERR_EXIST);
}
END_TEST

/* Of every topology of up to 64 processors: the I/O APIC's ID is none of theirs, of 4 bits whenever that can be. */
START_TEST(ioapic_id)
{
	u32 ids[257], topologies = 0, collided = 0;

	for (u32 s = 1; s <= 64; s++)
		for (u32 c = 1; s * c <= 64; c++)
			for (u32 t = 1; s * c * t <= 64; t++) {
				struct cpuid_guest_cfg cfg = { .nr_vcpus = s * c * t, .topo = { s, c, t } };
				u32 low = 0, hits = 0, naive = 0;
				u8 id;

				for (u32 i = 0; i < cfg.nr_vcpus; i++) {
					ids[i] = cpuid_apic_id(&cfg, i);
					low += ids[i] < 16;
					naive += ids[i] == cfg.nr_vcpus;
				}
				id = vioapic_free_id(ids, cfg.nr_vcpus);
				for (u32 i = 0; i < cfg.nr_vcpus; i++)
					hits += ids[i] == id;
				ck_assert_msg(!hits && (id < 16 || low == 16), "%u %u %u: %u", s, c, t, id);
				topologies++;
				collided += !!naive;
			}
	printf("topologies %u, where the number of vCPUs was one's ID %u\n", topologies, collided);
	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = i;
	ck_assert_uint_eq(vioapic_free_id(ids, 254), 254);
	ck_assert_uint_eq(vioapic_free_id(ids, 255), 0); /* none left that is one processor's */
	ck_assert_uint_eq(vioapic_free_id(ids, 257), 0);
	ck_assert_uint_eq(vioapic_free_id(ids + 1, 200), 0);
}
END_TEST

SUITE_MAIN("pc_irqchip", ioapic_registers, ioapic_id, edge, level, shared_vector_and_eoi_register, not_accepted,
           other_delivery_modes, wiring, isa_and_pci, pic_to_lint0, logical_xapic, logical_x2apic, physical,
           lowest_priority, icr, icr_invalid_combinations, icr_start_up, msi, attach_errors)
