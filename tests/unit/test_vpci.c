/* PCI: configuration mechanism #1, sizing and moving BARs, INTx sharing, MSI, MSI-X, reset and restore. */
#include "quick_check.h"

#include "fake_irq.h"
#include "pci_reset.h"
#include "suite.h"
#include "vmm/dev/pci/vpci.h"

static struct io_region *pio_store[32], *mmio_store[32];
static struct io_bus pio, mmio;
static struct fake_irq irq;
static struct vpci pci;
static struct vpci_dev host, isa, a, b;
static u64 last_off, last_val;
static u32 hits;

static void bar_io(void *dev, struct io_access *io)
{
	hits++;
	last_off = io->offset;
	if (io->write)
		last_val = io->value;
	else
		io->value = (uintptr_t)dev;
}

static void setup(void)
{
	fake_irq_init(&irq);
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), BIT(40) - 1);
	ck_assert_int_eq(vpci_init(&pci, &pio, &mmio, &irq.chip), OK);
	vpci_host_bridge_init(&host, VPCI_HOST_BRIDGE_VENDOR, VPCI_HOST_BRIDGE_DEVICE);
	ck_assert_int_eq(vpci_attach(&pci, &host, 0, 0), OK);
	vpci_isa_bridge_init(&isa);
	ck_assert_int_eq(vpci_attach(&pci, &isa, 1, 0), OK);
	vpci_dev_init(&a, "a", 0x1af4, 0x1041, 0x020000, 1, 1);
	ck_assert_int_eq(vpci_bar_init(&a, 0, VPCI_BAR_IO, 64, false, bar_io, (void *)0xa0), OK);
	ck_assert_int_eq(vpci_bar_init(&a, 1, VPCI_BAR_MEM32, 4096, false, bar_io, (void *)0xa1), OK);
	ck_assert_int_eq(vpci_bar_init(&a, 4, VPCI_BAR_MEM64, 65536, true, bar_io, (void *)0xa4), OK);
	vpci_dev_init(&b, "b", 0x1af4, 0x1042, 0x010000, 1, 1);
	ck_assert_int_eq(vpci_bar_init(&b, 0, VPCI_BAR_MEM32, 4096, false, bar_io, (void *)0xb0), OK);
}

static void attach_ab(void)
{
	ck_assert_int_eq(vpci_attach(&pci, &a, 3, 0), OK);
	ck_assert_int_eq(vpci_attach(&pci, &b, 7, 0), OK);
}

static void out(u32 port, u8 size, u64 v)
{
	io_bus_access(&pio, port, size, true, &v, 0);
}

static u32 in(u32 port, u8 size)
{
	u64 v = 0;

	io_bus_access(&pio, port, size, false, &v, 0);
	return (u32)v;
}

static u32 cfg_addr(u32 slot, u32 fn, u32 off)
{
	return 0x80000000u | slot << 11 | fn << 8 | (off & 0xfc);
}

static u32 rd(u32 slot, u32 off, u8 size)
{
	out(0xcf8, 4, cfg_addr(slot, 0, off));
	return in(0xcfc + (off & 3), size);
}

static void wr(u32 slot, u32 off, u8 size, u32 v)
{
	out(0xcf8, 4, cfg_addr(slot, 0, off));
	out(0xcfc + (off & 3), size, v);
}

static u64 mem(u64 gpa, u8 size)
{
	u64 v = 0;

	return io_bus_access(&mmio, gpa, size, false, &v, 0) ? v : ~0ull;
}

static void memw(u64 gpa, u8 size, u64 v)
{
	io_bus_access(&mmio, gpa, size, true, &v, 0);
}

static void reset_port(void *dev, struct io_access *io)
{
	ck_assert_uint_eq(io->offset, 0);
	ck_assert_uint_eq(io->size, 1);
	if (io->write)
		*(u64 *)dev = io->value;
	else
		io->value = 0x5a;
}

START_TEST(mechanism_1)
{
	u64 cf9 = 0;

	setup();
	attach_ab();
	/* CONFIG_ADDRESS takes dwords only and keeps its reserved bits clear */
	out(0xcf8, 4, 0xffffffff);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80fffffc);
	out(0xcf8, 1, 0x12);
	out(0xcfa, 2, 0x1234);
	out(0xcf9, 1, 6);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80fffffc);
	ck_assert_uint_eq(in(0xcf8, 1), 0xff);
	ck_assert_uint_eq(in(0xcf9, 1), 0xff);
	vpci_set_cf9(&pci, reset_port, &cf9);
	out(0xcf9, 1, 6);
	ck_assert_uint_eq(cf9, 6);
	ck_assert_uint_eq(in(0xcf9, 1), 0x5a);
	out(0xcf9, 2, 0xff);
	ck_assert_uint_eq(cf9, 6);
	/* the bridges; bytes, words, dwords at any place in the data window */
	ck_assert_uint_eq(rd(0, 0, 4), 0x00081b36);
	ck_assert_uint_eq(rd(0, 2, 2), 0x0008);
	ck_assert_uint_eq(rd(0, 1, 1), 0x1b);
	ck_assert_uint_eq(rd(0, 1, 2), 0x081b);
	ck_assert_uint_eq(rd(0, 8, 4), 0x06000000);
	ck_assert_uint_eq(rd(1, 8, 4), 0x06010000);
	ck_assert_uint_eq(rd(3, 8, 4), 0x02000001);
	ck_assert_uint_eq(rd(3, 0x3d, 1), 1);
	/* absent functions, other buses, window closed */
	ck_assert_uint_eq(rd(2, 0, 4), 0xffffffff);
	ck_assert_uint_eq(rd(2, 0, 2), 0xffff);
	ck_assert_uint_eq(rd(2, 0, 1), 0xff);
	wr(2, 4, 2, 7);
	out(0xcf8, 4, cfg_addr(0, 1, 0));
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 4, cfg_addr(0, 0, 0) | 1 << 16);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 4, 0);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcfc, 4, 0);
	/* the header is read-only where it should be */
	wr(3, 0, 4, 0);
	wr(3, 8, 4, 0);
	wr(3, 0x3c, 4, 0xffffffff);
	ck_assert_uint_eq(rd(3, 0, 4), 0x10411af4);
	ck_assert_uint_eq(rd(3, 8, 4), 0x02000001);
	ck_assert_uint_eq(rd(3, 0x3c, 4), 0x000001ff);
	wr(3, 4, 2, 0xffff);
	ck_assert_uint_eq(rd(3, 4, 2), 0x0547);
	/* out of range */
	ck_assert_uint_eq(vpci_cfg_read(&pci, 32, 0, 0, 4, 0), 0xffffffff);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 0, 8, 0, 4, 0), 0xffffffff);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 0, 0, 256, 1, 0), 0xff);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 0, 0, 3, 2, 0), 0xffff);
	vpci_cfg_write(&pci, 3, 0, 3, 4, 0, 0);
}
END_TEST

START_TEST(bars)
{
	setup();
	attach_ab();
	/* sizing */
	wr(3, 0x10, 4, 0xffffffff);
	wr(3, 0x14, 4, 0xffffffff);
	wr(3, 0x18, 4, 0xffffffff);
	wr(3, 0x20, 4, 0xffffffff);
	wr(3, 0x24, 4, 0xffffffff);
	ck_assert_uint_eq(rd(3, 0x10, 4), 0xffffffc1);
	ck_assert_uint_eq(rd(3, 0x14, 4), 0xfffff000);
	ck_assert_uint_eq(rd(3, 0x18, 4), 0);
	ck_assert_uint_eq(rd(3, 0x20, 4), 0xffff000c);
	ck_assert_uint_eq(rd(3, 0x24, 4), 0xffffffff);
	/* placing, then enabling: nothing decodes before */
	wr(3, 0x10, 4, 0xc001);
	wr(3, 0x14, 4, 0xe0000000);
	wr(3, 0x20, 4, 0x00100000);
	wr(3, 0x24, 4, 0x00000012);
	ck_assert_uint_eq(in(0xc000, 1), 0xff);
	ck_assert_uint_eq(mem(0xe0000000, 4), ~0ull);
	wr(3, 4, 2, PCI_CMD_IO);
	ck_assert_uint_eq(in(0xc004, 1), 0xa0);
	ck_assert_uint_eq(last_off, 4);
	ck_assert_uint_eq(mem(0xe0000000, 4), ~0ull);
	wr(3, 4, 2, PCI_CMD_MEM);
	ck_assert_uint_eq(in(0xc004, 1), 0xff);
	ck_assert_uint_eq(mem(0xe0000008, 4), 0xa1);
	ck_assert_uint_eq(mem(0x1200100010ull, 4), 0xa4);
	ck_assert_uint_eq(vpci_bar_addr(&a, 4), 0x1200100000ull);
	ck_assert_uint_eq(vpci_bar_addr(&a, 0), ~0ull);
	ck_assert_uint_eq(vpci_bar_addr(&a, 9), ~0ull);
	/* moving while enabled, byte by byte */
	wr(3, 0x17, 1, 0xe1);
	ck_assert_uint_eq(mem(0xe0000000, 4), ~0ull);
	ck_assert_uint_eq(mem(0xe1000000, 4), 0xa1);
	/* address 0 and addresses beyond the bus are nowhere */
	wr(3, 0x14, 4, 0);
	ck_assert_uint_eq(vpci_bar_addr(&a, 1), ~0ull);
	wr(3, 0x24, 4, 0xffffffff);
	ck_assert_uint_eq(vpci_bar_addr(&a, 4), ~0ull);
	ck_assert_uint_eq(rd(3, 0x24, 4), 0xffffffff);
	wr(3, 0x10, 4, 0xfffffff1);
	wr(3, 4, 2, PCI_CMD_IO);
	ck_assert_uint_eq(vpci_bar_addr(&a, 0), ~0ull);
	wr(3, 4, 2, 0);
	ck_assert_uint_eq(pio.nr, 2);
	ck_assert_uint_eq(mmio.nr, 0);
}
END_TEST

START_TEST(colliding_bars)
{
	setup();
	attach_ab();
	wr(3, 0x14, 4, 0xe0000000);
	wr(3, 4, 2, PCI_CMD_MEM);
	wr(7, 0x10, 4, 0xe0000000);
	wr(7, 4, 2, PCI_CMD_MEM);
	/* who was there first keeps it; the other follows as soon as it can */
	ck_assert_uint_eq(mem(0xe0000000, 4), 0xa1);
	ck_assert_uint_eq(vpci_bar_addr(&b, 0), ~0ull);
	wr(3, 0x14, 4, 0xe0001000);
	ck_assert_uint_eq(mem(0xe0000000, 4), 0xb0);
	ck_assert_uint_eq(mem(0xe0001000, 4), 0xa1);
}
END_TEST

START_TEST(description_errors)
{
	static struct vpci_dev d;

	setup();
	vpci_dev_init(&d, "d", 1, 2, 0, 0, 0);
	ck_assert_int_eq(vpci_bar_init(&d, 6, VPCI_BAR_IO, 16, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 5, VPCI_BAR_MEM64, 4096, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_NONE, 16, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_IO, 2, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_IO, 512, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_MEM32, 8, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_MEM32, 3000, false, bar_io, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_MEM32, 4096, false, NULL, NULL), ERR_INVAL);
	ck_assert_int_eq(vpci_bar_init(&d, 1, VPCI_BAR_MEM64, 4096, false, bar_io, NULL), OK);
	ck_assert_int_eq(vpci_bar_init(&d, 1, VPCI_BAR_MEM32, 4096, false, bar_io, NULL), ERR_EXIST);
	ck_assert_int_eq(vpci_bar_init(&d, 2, VPCI_BAR_MEM32, 4096, false, bar_io, NULL), ERR_EXIST);
	ck_assert_int_eq(vpci_bar_init(&d, 0, VPCI_BAR_MEM64, 4096, false, bar_io, NULL), ERR_EXIST);
	ck_assert_int_eq(vpci_attach(&pci, &d, 32, 0), ERR_RANGE);
	ck_assert_int_eq(vpci_attach(&pci, &d, 5, 8), ERR_RANGE);
	ck_assert_int_eq(vpci_attach(&pci, &d, 5, 1), ERR_RANGE);
	ck_assert_int_eq(vpci_attach(&pci, &d, 1, 0), ERR_EXIST);
	ck_assert_int_eq(vpci_attach(&pci, &d, 1, 2), OK);
	ck_assert_int_eq(vpci_attach(&pci, &d, 4, 0), ERR_EXIST);
	ck_assert_uint_eq(rd(1, 0x0e, 1), 0x80);
	out(0xcf8, 4, cfg_addr(1, 2, 0));
	ck_assert_uint_eq(in(0xcfc, 4), 0x00020001);
	/* the ports are taken */
	ck_assert_int_eq(vpci_init(&pci, &pio, &mmio, &irq.chip), ERR_EXIST);
	/* the data port is taken: the address port is given back */
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	d.bars[1].region.base = 0xcff;
	d.bars[1].region.len = 1;
	ck_assert_int_eq(io_bus_add(&pio, &d.bars[1].region), OK);
	ck_assert_int_eq(vpci_init(&pci, &pio, &mmio, &irq.chip), ERR_EXIST);
	ck_assert_uint_eq(pio.nr, 1);
}
END_TEST

START_TEST(capabilities)
{
	static struct vpci_dev d;
	u32 n = 0;

	setup();
	vpci_dev_init(&d, "d", 1, 2, 0, 0, 0);
	vpci_set_subsys(&d, 0x1af4, 0x1100);
	ck_assert_uint_eq(vpci_cfg_get(&d, 0x2c, 4), 0x11001af4);
	ck_assert_uint_eq(vpci_cfg_get(&d, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	ck_assert_int_eq(vpci_cap_add(&d, 9, 1), ERR_INVAL);
	ck_assert_int_eq(vpci_cap_add(&d, 9, 18), 0x40);
	ck_assert_int_eq(vpci_cap_add(&d, 9, 16), 0x54);
	ck_assert_int_eq(vpci_msi_add(&d, 3), ERR_INVAL);
	ck_assert_int_eq(vpci_msi_add(&d, 0), ERR_INVAL);
	ck_assert_int_eq(vpci_msi_add(&d, 4), OK);
	ck_assert_int_eq(vpci_msi_add(&d, 4), ERR_EXIST);
	ck_assert_int_eq(vpci_msix_add(&d, 65, 0), ERR_INVAL);
	ck_assert_int_eq(vpci_msix_add(&d, 8, 7), ERR_INVAL);
	ck_assert_int_eq(vpci_msix_add(&d, 8, 2), OK);
	ck_assert_int_eq(vpci_msix_add(&d, 8, 3), ERR_EXIST);
	ck_assert_uint_eq(vpci_cfg_get(&d, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	for (u32 c = vpci_cfg_get(&d, PCI_CAP_PTR, 1); c; c = vpci_cfg_get(&d, c + 1, 1)) {
		static const u8 ids[] = { 9, 9, 5, 17 };

		ck_assert_uint_lt(n, 4);
		ck_assert_uint_eq(vpci_cfg_get(&d, c, 1), ids[n++]);
	}
	ck_assert_uint_eq(n, 4);
	/* until it is full */
	while (vpci_cap_add(&d, 9, 32) > 0)
		n++;
	ck_assert_int_eq(vpci_cap_add(&d, 9, 32), ERR_NOSPC);
	vpci_dev_init(&d, "d", 1, 2, 0, 0, 0);
	ck_assert_int_eq(vpci_cap_add(&d, 9, 180), 0x40);
	ck_assert_int_eq(vpci_msi_add(&d, 1), ERR_NOSPC);
	ck_assert_int_eq(vpci_msix_add(&d, 1, 0), ERR_NOSPC);
}
END_TEST

START_TEST(intx)
{
	setup();
	attach_ab();
	ck_assert_uint_eq(vpci_gsi(3, 0), 19);
	ck_assert_uint_eq(vpci_gsi(3, 1), 16);
	/* slots 3 and 7 share PIRQ 3: GSI 19 and ISA IRQ 11 */
	vpci_intx_set(&a, true);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 11);
	ck_assert_uint_eq(rd(3, 6, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
	vpci_intx_set(&b, true);
	vpci_intx_set(&a, false);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 11);
	ck_assert_uint_eq(rd(3, 6, 2) & PCI_STATUS_INTX, 0);
	/* the disable bit takes the line away, the status bit stays */
	wr(7, 4, 2, PCI_CMD_INTX_DISABLE);
	ck_assert_uint_eq(fake_irq_lines(&irq), 0);
	ck_assert_uint_eq(rd(7, 6, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
	wr(7, 4, 2, 0);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 11);
	irq.changes = 0;
	vpci_intx_set(&b, true);
	ck_assert_uint_eq(irq.changes, 0);
	/* PIRQ 1 and 3 share the ISA line */
	a.s.cfg[PCI_INT_PIN] = 3;
	vpci_intx_set(&a, true);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 17 | 1u << 19 | 1u << 11);
	vpci_intx_set(&b, false);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 17 | 1u << 11);
	/* restore drives what the state says, reset nothing */
	irq.level[17] = false;
	vpci_restored(&pci);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 17 | 1u << 11);
	pci_reset_all(&pci);
	ck_assert_uint_eq(fake_irq_lines(&irq), 0);
}
END_TEST

START_TEST(msi)
{
	u32 cap;

	setup();
	ck_assert_int_eq(vpci_msi_add(&a, 4), OK);
	attach_ab();
	cap = a.msi_cap;
	vpci_msi_send(&a, 0); /* not enabled: nothing */
	ck_assert_uint_eq(irq.nr_msi, 0);
	ck_assert_uint_eq(rd(3, cap + 2, 2), 0x0184);
	wr(3, cap + 4, 4, 0xfee01003);
	wr(3, cap + 8, 4, 0);
	wr(3, cap + 12, 2, 0x4053);
	wr(3, cap + 2, 2, 0xffff);
	ck_assert_uint_eq(rd(3, cap + 2, 2), 0x01f5);
	wr(3, cap + 2, 2, 0x0021); /* four vectors */
	ck_assert(vpci_msi_enabled(&a));
	vpci_msi_send(&a, 2);
	ck_assert_uint_eq(irq.msi_addr, 0xfee01000);
	ck_assert_uint_eq(irq.msi_data, 0x4052);
	/* two vectors only: the number wraps */
	wr(3, cap + 2, 2, 0x0011);
	vpci_msi_send(&a, 3);
	ck_assert_uint_eq(irq.msi_data, 0x4053);
	/* more than there are: as many as there are */
	wr(3, cap + 2, 2, 0x0071);
	vpci_msi_send(&a, 1);
	ck_assert_uint_eq(irq.msi_data, 0x4051);
	ck_assert_uint_eq(irq.nr_msi, 3);
	/* masked: pending until unmasked */
	wr(3, cap + 16, 4, 0xffffffff);
	ck_assert_uint_eq(rd(3, cap + 16, 4), 0xf);
	vpci_msi_send(&a, 3);
	vpci_msi_send(&a, 0);
	vpci_msi_send(&a, 0);
	ck_assert_uint_eq(irq.nr_msi, 3);
	ck_assert_uint_eq(rd(3, cap + 20, 4), 0x9);
	wr(3, cap + 16, 4, 0x8);
	ck_assert_uint_eq(irq.nr_msi, 4);
	ck_assert_uint_eq(irq.msi_data, 0x4050);
	ck_assert_uint_eq(rd(3, cap + 20, 4), 0x8);
	wr(3, cap + 16, 4, 0);
	ck_assert_uint_eq(irq.nr_msi, 5);
	ck_assert_uint_eq(rd(3, cap + 20, 4), 0);
	/* INTx is silent while MSI is on */
	vpci_intx_set(&a, true);
	ck_assert_uint_eq(fake_irq_lines(&irq), 0);
	wr(3, cap + 2, 2, 0);
	ck_assert_uint_eq(fake_irq_lines(&irq), 1u << 19 | 1u << 11);
	vpci_msi_send(&a, VPCI_MSIX_MAX);
	ck_assert_uint_eq(irq.nr_msi, 5);
}
END_TEST

START_TEST(msix)
{
	u64 t = 0xe0000000;
	u32 cap;

	setup();
	ck_assert_int_eq(vpci_msix_add(&a, 3, 2), OK);
	attach_ab();
	cap = a.msix_cap;
	ck_assert_uint_eq(rd(3, cap + 2, 2), 2);
	ck_assert_uint_eq(rd(3, cap + 4, 4), 2);
	ck_assert_uint_eq(rd(3, cap + 8, 4), 0x802);
	wr(3, 0x18, 4, t);
	wr(3, 4, 2, PCI_CMD_MEM | PCI_CMD_MASTER);
	/* power-on: all masked */
	for (u32 v = 0; v < 3; v++)
		ck_assert_uint_eq(mem(t + 16 * v + 12, 4), 1);
	memw(t + 16, 4, 0xfee02003);
	memw(t + 20, 4, 0);
	memw(t + 24, 8, 0x0000000000000031);
	ck_assert_uint_eq(mem(t + 16, 8), 0xfee02000);
	ck_assert_uint_eq(mem(t + 24, 8), 0x31);
	/* odd sizes and places do nothing */
	memw(t + 24, 1, 0xff);
	memw(t + 26, 4, 0xffff);
	ck_assert_uint_eq(mem(t + 24, 4), 0x31);
	ck_assert_uint_eq(mem(t + 24, 2), 0xffff);
	memw(t + 48, 4, 0x1234);
	ck_assert_uint_eq(mem(t + 48, 4), 0);
	wr(3, cap + 2, 2, 0xffff);
	ck_assert_uint_eq(rd(3, cap + 2, 2), 0xc002);
	/* function mask, then vector mask */
	vpci_msi_send(&a, 1);
	vpci_msi_send(&a, 2);
	vpci_msi_send(&a, 3); /* there is no such vector */
	ck_assert_uint_eq(irq.nr_msi, 0);
	ck_assert_uint_eq(mem(t + 0x800, 8), 6);
	ck_assert_uint_eq(mem(t + 0x804, 4), 0);
	ck_assert_uint_eq(mem(t + 0x808, 4), 0);
	wr(3, cap + 2, 2, 0x8000);
	ck_assert_uint_eq(irq.nr_msi, 1);
	ck_assert_uint_eq(irq.msi_addr, 0xfee02000);
	ck_assert_uint_eq(irq.msi_data, 0x31);
	ck_assert_uint_eq(mem(t + 0x800, 8), 4);
	memw(t + 40, 8, 0x32);
	ck_assert_uint_eq(irq.nr_msi, 2);
	ck_assert_uint_eq(irq.msi_data, 0x32);
	ck_assert_uint_eq(mem(t + 0x800, 8), 0);
	vpci_msi_send(&a, 1);
	ck_assert_uint_eq(irq.nr_msi, 3);
	pci_reset_all(&pci);
	ck_assert(!vpci_msi_enabled(&a));
	ck_assert_uint_eq(a.s.msix[1].ctrl, 1);
	ck_assert_uint_eq(mmio.nr, 0);
}
END_TEST

static struct vpci_dev third;

/* Somebody else's place: who was refused it gets it when it becomes free, by slot, and is asked only then. */
START_TEST(refused)
{
	setup();
	attach_ab();
	vpci_dev_init(&third, "c", 0x1af4, 0x1043, 0x010000, 1, 1);
	ck_assert_int_eq(vpci_bar_init(&third, 0, VPCI_BAR_MEM32, 4096, false, bar_io, (void *)0xc0), OK);
	ck_assert_int_eq(vpci_attach(&pci, &third, 9, 0), OK);
	wr(9, 0x10, 4, 0xc0000000);
	wr(9, 4, 2, PCI_CMD_MEM);
	for (u32 slot = 3; slot <= 7; slot += 4) {
		wr(slot, slot == 3 ? 0x14 : 0x10, 4, 0xc0000000);
		wr(slot, 4, 2, PCI_CMD_MEM);
		ck_assert_uint_eq(mem(0xc0000000, 4), 0xc0);
	}
	ck_assert_uint_eq(a.refused, 2);
	ck_assert_uint_eq(b.refused, 1);
	ck_assert_uint_eq(third.refused, 0);
	wr(9, 0x10, 4, 0xc0001000);
	ck_assert_uint_eq(mem(0xc0000000, 4), 0xa1);
	ck_assert_uint_eq(mem(0xc0001000, 4), 0xc0);
	ck_assert_uint_eq(a.refused, 0);
	ck_assert_uint_eq(a.s.decoded, 2);
	ck_assert_uint_eq(b.refused, 1);
	/* Restored, it is refused still; by a reset it wants nothing any more. */
	vpci_restored(&pci);
	ck_assert_uint_eq(b.refused, 1);
	vpci_dev_reset(&a);
	ck_assert_uint_eq(mem(0xc0000000, 4), 0xb0);
	wr(9, 0x10, 4, 0xc0000000);
	ck_assert_uint_eq(third.refused, 1);
	ck_assert_uint_eq(vpci_bar_addr(&third, 0), ~0ull);
	vpci_detach(&b);
	ck_assert_uint_eq(mem(0xc0000000, 4), 0xc0);
	ck_assert_uint_eq(third.refused, 0);
	vpci_dev_reset(&third);
	ck_assert_uint_eq(third.s.decoded, 0);
	ck_assert_uint_eq(mmio.nr, 0);
}
END_TEST

START_TEST(assign_and_reset)
{
	struct vpci_dev_state saved;

	setup();
	attach_ab();
	ck_assert_int_eq(vpci_assign(&pci, 0xc0000800, 0xd0000000, 0xc010, 0xd000), OK);
	ck_assert_uint_eq(vpci_bar_addr(&a, 0), 0xc040);
	ck_assert_uint_eq(vpci_bar_addr(&a, 1), 0xc0001000);
	ck_assert_uint_eq(vpci_bar_addr(&a, 4), 0xc0010000);
	ck_assert_uint_eq(vpci_bar_addr(&b, 0), 0xc0020000);
	ck_assert_uint_eq(rd(3, 0x3c, 1), 11);
	ck_assert_uint_eq(rd(3, 4, 2), PCI_CMD_IO | PCI_CMD_MEM);
	ck_assert_uint_eq(mem(0xc0020000, 4), 0xb0);
	/* a copy of s and vpci_restored put everything back */
	saved = b.s;
	pci_reset_all(&pci);
	ck_assert_uint_eq(vpci_bar_addr(&b, 0), ~0ull);
	ck_assert_uint_eq(rd(7, 0x10, 4), 0);
	ck_assert_uint_eq(in(0xcf8, 4), cfg_addr(7, 0, 0x10));
	b.s = saved;
	vpci_restored(&pci);
	ck_assert_uint_eq(vpci_bar_addr(&b, 0), 0xc0020000);
	pci_reset_all(&pci);
	ck_assert_int_eq(vpci_assign(&pci, 0xc0000000, 0xc0011000, 0xc000, 0xd000), ERR_NOSPC);
	ck_assert_int_eq(vpci_assign(&pci, 0xc0000000, 0xd0000000, 0xc000, 0xc020), ERR_NOSPC);
}
END_TEST

static u32 hook_off, hook_size;

static void on_write(struct vpci_dev *dev, u32 off, u32 size, u64 now)
{
	hook_off = off;
	hook_size = size;
}

static void on_read(struct vpci_dev *dev, u32 off, u32 size, u64 now)
{
	dev->s.cfg[0x40] = (u8)now;
}

START_TEST(hooks_and_w1c)
{
	setup();
	a.cfg_written = on_write;
	a.cfg_reading = on_read;
	ck_assert_int_eq(vpci_cap_add(&a, 9, 8), 0x40);
	a.w1cmask[0x44] = 0x0f;
	attach_ab();
	a.s.cfg[0x44] = 0xff;
	vpci_cfg_write(&pci, 3, 0, 0x44, 4, 0x3c, 0);
	ck_assert_uint_eq(a.s.cfg[0x44], 0xf3);
	ck_assert_uint_eq(hook_off, 0x44);
	ck_assert_uint_eq(hook_size, 4);
	ck_assert_uint_eq(vpci_cfg_read(&pci, 3, 0, 0x40, 1, 0x77), 0x77);
}
END_TEST

SUITE_MAIN("vpci", mechanism_1, bars, colliding_bars, description_errors, capabilities, intx, msi, msix, refused,
           assign_and_reset, hooks_and_w1c)
