/* The PC's ISA bridge: registers as the PIIX3 data sheet (290550) has them, PCI interrupts by its routing. */
#include "chipset_rig.h"
#include "suite.h"
#include "vmm/dev/pci/vpiix3.h"

#define OFF    0x80
#define USABLE 0xdef8u /* IRQs 3 to 7, 9 to 12, 14, 15 */

static struct chipset_rig rig;
static struct vpiix3 isa;
static struct vpci_dev f[8]; /* INTA to INTD of slots 1 and 2 */

static u32 rd(u32 off, u8 size)
{
	return chipset_rd(&rig, 1, 0, off, size);
}

static void wr(u32 off, u8 size, u32 v)
{
	chipset_wr(&rig, 1, 0, off, size, v);
}

static u32 lines(void)
{
	return fake_irq_lines(&rig.irq);
}

static void setup(void)
{
	static const struct vpiix3_cfg cfg = { .at = { 1, 0 } };

	chipset_init(&rig);
	ck_assert_int_eq(vpiix3_ops.attach(&isa, &rig.env, &cfg), OK);
	for (u32 i = 0; i < 8; i++) {
		vpci_dev_init(&f[i], "f", 0x1af4, (u16)(0x1000 + i), 0x080000, 0, (u8)(i % 4 + 1));
		ck_assert_int_eq(vpci_attach(&rig.pci, &f[i], 1 + i / 4, i % 4 + (i < 4)), OK);
	}
	vpiix3_ops.reset(&isa, 0);
}

START_TEST(identity)
{
	setup();
	ck_assert_uint_eq(rd(0x00, 4), 0x70008086);
	ck_assert_uint_eq(rd(0x04, 4), 0x02000007);
	ck_assert_uint_eq(rd(0x08, 4), 0x06010000);
	ck_assert_uint_eq(rd(0x0c, 4), 0x00800000); /* of several functions */
	ck_assert_uint_eq(rd(0x3c, 4), 0);
	wr(0x04, 2, 0);
	ck_assert_uint_eq(rd(0x04, 2), 0x0007);
	wr(0x04, 2, 0xffff);
	ck_assert_uint_eq(rd(0x04, 2), 0x000f);
	for (u32 off = 0x0c; off < 0x40; off++)
		ck_assert_uint_eq(chipset_writable(&rig, 1, 0, off), 0);
}
END_TEST

START_TEST(power_on_values)
{
	static const u8 values[][2] = {
		{ 0x4c, 0x4d }, { 0x4e, 0x03 }, { 0x60, 0x80 }, { 0x61, 0x80 }, { 0x62, 0x80 },
		{ 0x63, 0x80 }, { 0x69, 0x02 }, { 0x70, 0x80 }, { 0x76, 0x0c }, { 0x77, 0x0c },
		{ 0x78, 0x02 }, { 0xa0, 0x08 }, { 0xa8, 0x0f },
	};

	setup();
	for (u32 round = 0; round < 2; round++) {
		u32 k = 0;

		for (u32 off = 0x40; off < 0x100; off++) {
			bool listed = k < ARRAY_SIZE(values) && values[k][0] == off;

			ck_assert_uint_eq(rd(off, 1), listed ? values[k][1] : 0);
			k += listed;
		}
		ck_assert_uint_eq(k, ARRAY_SIZE(values));
		for (u32 off = 0x40; off < 0x100; off += 4)
			wr(off, 4, 0x5a5a5a5a);
		ck_assert_uint_eq(rd(0x60, 4), 0x0a0a0a0a);
		vpiix3_ops.reset(&isa, 0);
	}
}
END_TEST

/* Slot 1's INTA is PIRQ A, slot 2's is PIRQ B; each value of each register. */
START_TEST(routing)
{
	setup();
	for (u32 i = 0; i < 8; i++) {
		u32 pirq = (i % 4 + i / 4) & 3;

		vpci_intx_set(&f[i], true);
		ck_assert_uint_eq(lines(), 0); /* off after a reset: no ISA IRQ, and no other GSI either */
		for (u32 v = 0; v < 256; v++) {
			bool on = !(v & OFF) && (USABLE >> (v & 15) & 1);

			for (u32 reg = 0; reg < 4; reg++) {
				wr(0x60 + reg, 1, v);
				ck_assert_uint_eq(lines(), reg == pirq && on ? 1u << (v & 15) : 0);
				ck_assert_uint_eq(vpci_pirq_irq(&rig.pci, reg), on ? v & 15 : VPCI_NO_IRQ);
				wr(0x60 + reg, 1, OFF);
			}
		}
		vpci_intx_set(&f[i], false);
	}
}
END_TEST

/* As firmware has them: A and B on 10, C and D on 11; moved while they are high. */
START_TEST(moving)
{
	setup();
	wr(0x60, 4, 0x0b0b0a0a);
	vpci_intx_set(&f[0], true);
	ck_assert_uint_eq(lines(), 1u << 10);
	vpci_intx_set(&f[1], true);
	rig.irq.changes = 0;
	vpci_intx_set(&f[0], false); /* B still is */
	ck_assert_uint_eq(lines(), 1u << 10);
	ck_assert_uint_eq(rig.irq.changes, 0);
	wr(0x61, 1, 5);
	ck_assert_uint_eq(lines(), 1u << 5);
	ck_assert_uint_eq(rig.irq.changes, 2);
	wr(0x60, 1, 5); /* low */
	wr(0x63, 1, 0x15);
	ck_assert_uint_eq(lines(), 1u << 5);
	/* Two at once change places: neither is lost. */
	vpci_intx_set(&f[3], true);
	wr(0x60, 4, 0x0a0b0c0d);
	ck_assert_uint_eq(lines(), 1u << 12 | 1u << 10);
	wr(0x60, 4, 0x0c0b0a0d);
	ck_assert_uint_eq(lines(), 1u << 12 | 1u << 10);
	wr(0x61, 1, OFF | 10);
	ck_assert_uint_eq(lines(), 1u << 12);
	wr(0x61, 1, 9);
	ck_assert_uint_eq(lines(), 1u << 12 | 1u << 9);
	/* A function's own switch, and one that goes. */
	chipset_wr(&rig, 1, 2, 4, 2, PCI_CMD_INTX_DISABLE);
	ck_assert_uint_eq(lines(), 1u << 12);
	vpci_detach(&f[3]);
	ck_assert_uint_eq(lines(), 0);
	/* Reset of the bridge alone takes the routes away, not the requests. */
	chipset_wr(&rig, 1, 2, 4, 2, 0);
	ck_assert_uint_eq(lines(), 1u << 9);
	vpiix3_ops.reset(&isa, 0);
	ck_assert_uint_eq(lines(), 0);
	wr(0x61, 1, 14);
	ck_assert_uint_eq(lines(), 1u << 14);
	/* Without it the bus is what it was before. */
	for (u32 i = 0; i < 3; i++)
		vpci_detach(&f[i]);
	vpiix3_ops.detach(&isa);
	ck_assert_uint_eq(lines(), 0);
	vpci_intx_set(&f[4], true);
	ck_assert_uint_eq(lines(), 1u << 18 | 1u << 10);
}
END_TEST

/* Wherever the routes and the requests were, what is restored is what is driven. */
START_TEST(restoring)
{
	struct vpci_dev_state s, fs;
	const void *part[VDEV_PARTS] = { &s };
	struct state_check c = { .field = "" };

	setup();
	wr(0x60, 4, 0x0b0b0a0a);
	vpci_intx_set(&f[2], true);
	s = isa.pci.s;
	fs = f[2].s;
	ck_assert(vpiix3_ops.valid(&isa, part, &c));
	vpci_intx_set(&f[2], false);
	vpiix3_ops.reset(&isa, 0);
	ck_assert_uint_eq(lines(), 0);
	isa.pci.s = s;
	f[2].s = fs;
	vpci_ops.restored(&rig.pci, 0);
	vpiix3_ops.restored(&isa, 0);
	vpci_dev_restored(&f[2]);
	ck_assert_uint_eq(lines(), 1u << 11);
	wr(0x62, 1, 4);
	ck_assert_uint_eq(lines(), 1u << 4);
	vpci_intx_set(&f[2], false);
	ck_assert_uint_eq(lines(), 0);
	s.cfg[0x60] |= 0x40;
	ck_assert(!vpiix3_ops.valid(&isa, part, &c));
	ck_assert_str_eq(c.field, "cfg");
}
END_TEST

SUITE_MAIN("vpiix3", identity, power_on_values, routing, moving, restoring)
