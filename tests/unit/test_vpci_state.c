/* PCI: what is saved of bus and functions, what is refused, restoring in any order, taking functions off. */
#include "fake_irq.h"
#include "suite.h"
#include "vmm/dev/pci/vpci.h"

#define MEM 0xc0000000ull

static struct io_region *pio_store[8], *mmio_store[8];
static struct io_bus pio, mmio;
static struct fake_irq irq;
static struct vdev_env env;
static struct vpci pci;
static struct vpci_dev host, a, b;

static void bar_io(void *dev, struct io_access *io)
{
	io->value = (uintptr_t)dev;
}

static void setup(void)
{
	static const struct vpci_host_bridge_cfg bridge = { { 0, 0 }, 0x1b36, 8 };

	fake_irq_init(&irq);
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), BIT(40) - 1);
	env = (struct vdev_env){ .pio = &pio, .mmio = &mmio, .irq = &irq.chip, .pci = &pci };
	ck_assert_int_eq(vpci_ops.attach(&pci, &env, NULL), OK);
	ck_assert_int_eq(vpci_host_bridge_ops.attach(&host, &env, &bridge), OK);
	vpci_dev_init(&a, "a", 0x1af4, 0x1041, 0x020000, 1, 1);
	ck_assert_int_eq(vpci_bar_init(&a, 0, VPCI_BAR_IO, 64, false, bar_io, (void *)0xa0), OK);
	ck_assert_int_eq(vpci_bar_init(&a, 1, VPCI_BAR_MEM32, 4096, false, bar_io, (void *)0xa1), OK);
	ck_assert_int_eq(vpci_bar_init(&a, 3, VPCI_BAR_MEM64, 4096, true, bar_io, (void *)0xa3), OK);
	ck_assert(vpci_msi_add(&a, 4) == OK && vpci_msix_add(&a, 7, 2) == OK);
	vpci_dev_init(&b, "b", 0x1af4, 0x1042, 0x010000, 1, 1);
	ck_assert_int_eq(vpci_bar_init(&b, 0, VPCI_BAR_MEM32, 4096, false, bar_io, (void *)0xb0), OK);
	ck_assert(vpci_attach(&pci, &a, 3, 0) == OK && vpci_attach(&pci, &b, 7, 0) == OK);
}

static void wr(u32 slot, u32 off, u32 v)
{
	vpci_cfg_write(&pci, slot, 0, off, 4, v, 0);
}

/* Who answers there: 0 nobody. */
static u64 at(u64 addr)
{
	u64 v = 0;

	return io_bus_access(&mmio, addr, 1, false, &v, 0) ? v : 0;
}

static const char *refusal(const struct vpci_dev *d, const struct vpci_dev_state *s)
{
	struct state_check c = { .field = "" };

	ck_assert_int_eq(vpci_dev_valid(d, s, &c), !c.field[0]);
	return c.field;
}

#define STATE(change, field)                              \
	do {                                              \
		s = a.s;                                  \
		change;                                   \
		ck_assert_str_eq(refusal(&a, &s), field); \
	} while (0)

static void put(struct vpci_dev_state *s, u32 off, u32 size, u32 v)
{
	memcpy(&s->cfg[off], &v, size);
}

START_TEST(registers)
{
	const void *part[VDEV_PARTS] = { &(struct vpci_state){ .addr = 0x80fffffc } };
	const void *bad[VDEV_PARTS] = { &(struct vpci_state){ .addr = 1 } };
	struct state_check c = { 0 };
	struct vpci_dev_state s;

	setup();
	ck_assert(vpci_ops.valid(&pci, part, &c) && !vpci_ops.valid(&pci, bad, &c));
	ck_assert_str_eq(c.field, "addr");
	STATE((void)0, "");
	for (u32 i = 0; i < 256; i++) {
		u8 fixed = (u8) ~(a.wmask[i] | a.w1cmask[i] | a.omask[i]);

		for (u32 bit = 0; bit < 8; bit++)
			if (fixed >> bit & 1)
				STATE(s.cfg[i] ^= (u8)(1u << bit), "cfg");
	}
	STATE(s.cfg[PCI_INT_LINE] = 0x77, "");
	STATE(s.intx = true, "intx");
	STATE(s.cfg[PCI_STATUS] |= PCI_STATUS_INTX, "intx");
	STATE((s.cfg[PCI_STATUS] |= PCI_STATUS_INTX, s.intx = true), "");
}
END_TEST

START_TEST(places)
{
	struct vpci_dev_state s;

	setup();
	wr(3, PCI_BAR0, 0xc000);
	wr(3, PCI_BAR0 + 4, (u32)MEM);
	wr(3, PCI_BAR0 + 12, (u32)MEM + 0x1000);
	wr(3, PCI_BAR0 + 16, 1);
	wr(3, PCI_COMMAND, PCI_CMD_IO | PCI_CMD_MEM);
	ck_assert_uint_eq(a.s.decoded, 0x0b);
	STATE((void)0, "");
	STATE(s.decoded = 0, "");        /* others are there */
	STATE(s.decoded = 4, "decoded"); /* at 0: nowhere */
	STATE(s.decoded = 0x10, "decoded");
	STATE(s.decoded = 0x80, "decoded");
	STATE(s.cfg[PCI_COMMAND] = PCI_CMD_IO, "decoded");
	STATE(put(&s, PCI_BAR0, 4, 0x10001), "decoded");
	STATE(put(&s, PCI_BAR0, 4, 0xffffffc1), "decoded");
	STATE(put(&s, PCI_BAR0 + 16, 4, 0xffffffff), "decoded");
	STATE(put(&s, PCI_BAR0 + 16, 4, 0x100), "decoded");
	STATE(put(&s, PCI_BAR0 + 16, 4, 0xff), "");
	STATE((put(&s, PCI_BAR0 + 12, 4, (u32)MEM | 0xc), put(&s, PCI_BAR0 + 16, 4, 0)), "decoded");
	STATE((put(&s, PCI_BAR0 + 12, 4, (u32)MEM | 0xc), put(&s, PCI_BAR0 + 16, 4, 0), s.decoded = 8), "");
}
END_TEST

START_TEST(messages)
{
	struct vpci_dev_state s;
	u32 msi, msix;

	setup();
	msi = a.msi_cap;
	msix = a.msix_cap;
	STATE(s.msix[6] = ((struct vpci_msix_entry){ 0xfee00000, 5, 0 }), "");
	STATE(s.msix[6].addr = 2, "msix.addr");
	STATE(s.msix[6].ctrl = 2, "msix.ctrl");
	STATE(s.msix[7].ctrl = 0, "msix");
	STATE(s.msix[7].data = 1, "msix");
	STATE(s.msix_pending = BIT(7), "msix");
	STATE((s.msix_pending = BIT(6), s.cfg[msix + 3] |= 0x80), "");
	STATE((s.msix_pending = BIT(6), s.msix[6].ctrl = 0, s.cfg[msix + 3] |= 0x80), "msix_pending");
	STATE((s.msix_pending = BIT(6), s.msix[6].ctrl = 0, s.cfg[msix + 3] |= 0xc0), "");
	STATE((s.msix_pending = BIT(6), s.msix[6].ctrl = 0), "");
	STATE(s.cfg[msi + 20] = 0x10, "cfg"); /* of 4 vectors */
	STATE(s.cfg[msi + 20] = 8, "");
	STATE((s.cfg[msi + 20] = 8, s.cfg[msi + 2] |= 0x21), "cfg");
	STATE((s.cfg[msi + 20] = s.cfg[msi + 16] = 8, s.cfg[msi + 2] |= 0x21), "");
	STATE((s.cfg[msi + 20] = s.cfg[msi + 16] = 8, s.cfg[msi + 2] |= 0x11), "cfg"); /* 2 allocated */
	STATE((s.cfg[msi + 20] = 8, s.cfg[msi + 2] |= 0x21, s.cfg[msix + 3] |= 0x80), "");
}
END_TEST

/* Of two BARs at one place the one that was there first has it: also after a restore, whatever the order. */
START_TEST(first_come)
{
	struct vpci_dev_state as, bs;

	for (u32 order = 0; order < 4; order++) {
		setup();
		wr(7, PCI_BAR0, (u32)MEM);
		wr(7, PCI_COMMAND, PCI_CMD_MEM);
		wr(3, PCI_BAR0 + 4, (u32)MEM);
		wr(3, PCI_BAR0 + 12, (u32)MEM + 0x1000);
		wr(3, PCI_COMMAND, PCI_CMD_MEM);
		ck_assert(at(MEM) == 0xb0 && a.s.decoded == 8 && b.s.decoded == 1);
		vpci_intx_set(&a, true);
		as = a.s;
		bs = b.s;
		/* Elsewhere each is where the other one belongs. */
		setup();
		wr(7, PCI_BAR0, (u32)MEM + 0x1000);
		wr(7, PCI_COMMAND, PCI_CMD_MEM);
		wr(3, PCI_BAR0 + 4, (u32)MEM);
		wr(3, PCI_COMMAND, PCI_CMD_MEM);
		a.s = as;
		b.s = bs;
		if (order & 2)
			vpci_ops.restored(&pci, 0);
		vpci_dev_restored(order & 1 ? &a : &b);
		vpci_dev_restored(order & 1 ? &b : &a);
		ck_assert(at(MEM) == 0xb0 && at(MEM + 0x1000) == 0xa3 && mmio.nr == 2);
		ck_assert(a.s.decoded == 8 && b.s.decoded == 1);
		ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 11);
		vpci_intx_set(&a, false);
		ck_assert(!fake_irq_lines(&irq));
		/* The one that waits gets it. */
		wr(7, PCI_COMMAND, 0);
		ck_assert(at(MEM) == 0xa1 && a.s.decoded == 0xa && b.s.decoded == 0);
	}
}
END_TEST

/* A state may want what is not a function's at all: it does not get it, until it is free. */
START_TEST(taken)
{
	struct io_region other = { MEM, 0x1000, bar_io, (void *)0x77, "other" };
	struct vpci_dev_state bs;

	setup();
	wr(7, PCI_BAR0, (u32)MEM);
	wr(7, PCI_COMMAND, PCI_CMD_MEM);
	bs = b.s;
	setup();
	ck_assert_int_eq(io_bus_add(&mmio, &other), OK);
	b.s = bs;
	ck_assert_str_eq(refusal(&b, &b.s), "");
	vpci_dev_restored(&b);
	ck_assert(at(MEM) == 0x77 && vpci_bar_addr(&b, 0) == ~0ull);
	wr(7, PCI_COMMAND, PCI_CMD_MEM);
	ck_assert(!b.s.decoded);
	io_bus_remove(&mmio, &other);
	wr(7, PCI_COMMAND, PCI_CMD_MEM);
	ck_assert(at(MEM) == 0xb0 && b.s.decoded == 1);
}
END_TEST

START_TEST(detaching)
{
	static struct vpci_dev f1;

	setup();
	vpci_dev_init(&f1, "f1", 0x1af4, 1, 0, 0, 2);
	ck_assert_int_eq(vpci_attach(&pci, &f1, 7, 1), OK);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 7, 0, PCI_HEADER_TYPE, 1, 0), 0x80);
	wr(7, PCI_BAR0, (u32)MEM);
	wr(7, PCI_COMMAND, PCI_CMD_MEM);
	wr(3, PCI_BAR0 + 4, (u32)MEM);
	wr(3, PCI_COMMAND, PCI_CMD_MEM);
	vpci_intx_set(&f1, true);
	vpci_intx_set(&b, true);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 16 | 1u << 11 | 1u << 10);
	/* Its line goes down; function 0 is alone again, also after a reset. */
	vpci_detach(&f1);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 11);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 7, 1, 0, 4, 0), ~0u);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 7, 0, PCI_HEADER_TYPE, 1, 0), 0);
	/* Its place is free for who waits for it. */
	vpci_detach(&b);
	ck_assert(at(MEM) == 0xa1 && !fake_irq_lines(&irq));
	vpci_host_bridge_ops.detach(&host);
	vpci_ops.detach(&pci);
	ck_assert(!pio.nr && !mmio.nr && !pci.first && !a.pci);
}
END_TEST

/* Where BARs of `a` went, as it is told. */
static struct {
	u32 index, calls;
	u64 base;
} moved;

static void on_moved(struct vpci_dev *dev, u32 index, u64 base)
{
	ck_assert_ptr_eq(dev, &a);
	moved.index = index;
	moved.base = base;
	moved.calls++;
}

/* The expansion ROM's register: its own enable bit and the memory bit, sized like a BAR, and who hears of it. */
START_TEST(rom)
{
	struct vpci_dev_state saved;

	setup();
	vpci_detach(&a);
	ck_assert_int_eq(vpci_rom_init(&a, 1024, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_rom_init(&a, 0x9000, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_rom_init(&a, 0x10000, NULL, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_rom_init(&a, 0x10000, bar_io, (void *)0x70), OK);
	ck_assert_int_eq(vpci_rom_init(&a, 0x10000, bar_io, NULL), ERR_EXIST);
	a.bar_moved = on_moved;
	ck_assert_int_eq(vpci_attach(&pci, &a, 3, 0), OK);
	wr(3, PCI_ROM, ~0u);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 3, 0, PCI_ROM, 4, 0), 0xffff0001);
	wr(3, PCI_ROM, (u32)MEM);
	wr(3, PCI_COMMAND, PCI_CMD_MEM);
	ck_assert(vpci_bar_addr(&a, VPCI_ROM) == VPCI_NOWHERE && !at(MEM));
	wr(3, PCI_ROM, (u32)MEM | 1);
	ck_assert(vpci_bar_addr(&a, VPCI_ROM) == MEM && at(MEM + 0xffff) == 0x70 && a.s.decoded == 0x40);
	ck_assert(moved.index == VPCI_ROM && moved.base == MEM && moved.calls == 1);
	saved = a.s;
	ck_assert_str_eq(refusal(&a, &saved), "");
	wr(3, PCI_COMMAND, 0);
	ck_assert(!at(MEM) && moved.base == VPCI_NOWHERE && moved.calls == 2);
	/* Restored it is there again, and told. */
	a.s = saved;
	vpci_dev_restored(&a);
	ck_assert(at(MEM) == 0x70 && moved.base == MEM && moved.calls == 3);
	saved.decoded |= 0x80;
	ck_assert_str_eq(refusal(&a, &saved), "decoded");
	vpci_dev_reset(&a);
	ck_assert(!at(MEM) && !vpci_cfg_read(&pci, 3, 0, PCI_ROM, 4, 0) && moved.base == VPCI_NOWHERE);
	/* Firmware's part for guests without any: a place, but not enabled. */
	ck_assert_int_eq(vpci_assign(&pci, MEM, MEM + 0x100000, 0xc000, 0xd000), OK);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 3, 0, PCI_ROM, 4, 0) & 0xffff, 0);
	ck_assert_uint_ge(vpci_cfg_read(&pci, 3, 0, PCI_ROM, 4, 0), (u32)MEM);
	ck_assert(vpci_bar_addr(&a, VPCI_ROM) == VPCI_NOWHERE);
}
END_TEST

SUITE_MAIN("vpci_state", registers, places, messages, first_come, taken, detaching, rom)
