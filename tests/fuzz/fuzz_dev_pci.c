/* PCI: any sequence of configuration, BAR and interrupt activity. BARs on the buses and lines stay consistent. */
#include "../unit/fake_irq.h"
#include "../unit/pci_reset.h"
#include "lib/assert.h"
#include "vmm/dev/pci/vpci.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct fake_irq irq;
static struct io_region *pio_store[16], *mmio_store[16];
static struct io_bus pio, mmio;
static struct vpci pci;
static struct vpci_dev host, isa, devs[3];

static void bar_io(void *dev, struct io_access *io)
{
	assert(io->offset + io->size <= *(u64 *)dev);
}

static void setup(void)
{
	static u64 sizes[3] = { 64, 4096, 65536 };

	fake_irq_init(&irq);
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), BIT(40) - 1);
	assert(vpci_init(&pci, &pio, &mmio, &irq.chip) == OK);
	vpci_host_bridge_init(&host, VPCI_HOST_BRIDGE_VENDOR, VPCI_HOST_BRIDGE_DEVICE);
	assert(vpci_attach(&pci, &host, 0, 0) == OK);
	vpci_isa_bridge_init(&isa);
	assert(vpci_attach(&pci, &isa, 1, 0) == OK);
	for (u32 i = 0; i < 3; i++) {
		struct vpci_dev *d = &devs[i];

		vpci_dev_init(d, "fuzz", 0x1af4, (u16)(0x1040 + i), 0xff0000, 1, (u8)(1 + i));
		assert(vpci_bar_init(d, 0, VPCI_BAR_IO, sizes[0], false, bar_io, &sizes[0]) == OK);
		assert(vpci_bar_init(d, 1, VPCI_BAR_MEM32, sizes[1], false, bar_io, &sizes[1]) == OK);
		assert(vpci_bar_init(d, 4, VPCI_BAR_MEM64, sizes[2], true, bar_io, &sizes[2]) == OK);
		if (i != 1)
			assert(vpci_msi_add(d, 1u << (2 * i)) == OK);
		if (i != 0)
			assert(vpci_msix_add(d, 7 * i, 2) == OK);
		assert(vpci_attach(&pci, d, 2, i) == OK);
	}
}

/* Where BAR k of d is wanted, unless it is nowhere. */
static bool wanted(const struct vpci_dev *d, u32 k, u64 *base)
{
	const struct vpci_bar *b = &d->bars[k];
	bool io = b->kind == VPCI_BAR_IO;

	if (b->kind == VPCI_BAR_NONE || !(vpci_cfg_get(d, PCI_COMMAND, 2) & (io ? PCI_CMD_IO : PCI_CMD_MEM)))
		return false;
	*base = vpci_cfg_get(d, PCI_BAR0 + 4 * k, 4) & ~(io ? 3u : 0xfu);
	if (b->kind == VPCI_BAR_MEM64)
		*base |= (u64)vpci_cfg_get(d, PCI_BAR0 + 4 * k + 4, 4) << 32;
	return *base;
}

/* Only somebody else in its place, or the end of the bus, keeps a BAR from where it is wanted. */
static void check_unmapped(const struct vpci_dev *d, u32 k)
{
	const struct vpci_bar *b = &d->bars[k];
	const struct io_bus *bus = b->kind == VPCI_BAR_IO ? &pio : &mmio;
	bool taken = false;
	u64 base;

	assert(!(d->s.decoded >> k & 1));
	if (!wanted(d, k, &base) || base + b->size - 1 > bus->limit || base + b->size < base)
		return;
	for (u32 i = 0; i < bus->nr; i++)
		taken |=
		        bus->regions[i]->base < base + b->size && base < bus->regions[i]->base + bus->regions[i]->len;
	assert(taken);
}

static void check(void)
{
	u32 mapped = 0, lines = 0;

	for (u32 i = 0; i < 3; i++) {
		struct vpci_dev *d = &devs[i];
		u32 cmd = vpci_cfg_get(d, PCI_COMMAND, 2);

		assert(vpci_cfg_get(d, PCI_VENDOR, 4) == (0x1af4u | (0x1040 + i) << 16));
		for (u32 k = 0; k < VPCI_BARS; k++) {
			struct vpci_bar *b = &d->bars[k];

			if (!b->mapped) {
				check_unmapped(d, k);
				continue;
			}
			mapped++;
			assert(cmd & (b->kind == VPCI_BAR_IO ? PCI_CMD_IO : PCI_CMD_MEM));
			assert((u32)b->region.base ==
			       (vpci_cfg_get(d, PCI_BAR0 + 4 * k, 4) & ~0xfu & (u32) - (s64)b->size));
		}
		if (d->s.intx && !(cmd & PCI_CMD_INTX_DISABLE) && !vpci_msi_enabled(d))
			lines |= 1u << ((d->slot + i) & 3);
	}
	assert(mapped == pio.nr - 2 + mmio.nr);
	assert(fake_irq_lines(&irq) == (lines << 16 | (lines & 5 ? 1u << 10 : 0) | (lines & 10 ? 1u << 11 : 0)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	setup();
	for (size_t i = 0; i + 8 <= size; i += 8) {
		u8 op = data[i], len = (u8)(1u << (op >> 4 & 3));
		struct vpci_dev *d = &devs[data[i + 1] % 3];
		u32 raw;
		u64 v;

		memcpy(&raw, data + i + 4, 4);
		v = raw;
		switch (op & 0xf) {
		case 0: io_bus_access(&pio, 0xcf8 + (data[i + 1] & 7), MIN(len, 4), op & 0x80, &v, 0); break;
		case 1: v = vpci_cfg_read(&pci, data[i + 1] >> 3, data[i + 1] & 7, data[i + 2], len, 0); break;
		case 2: vpci_cfg_write(&pci, 2, data[i + 1] & 7, data[i + 2], len, raw, 0); break;
		case 3: vpci_cfg_write(&pci, data[i + 1] >> 3, data[i + 1] & 7, data[i + 2], len, raw, 0); break;
		case 4:
			if (d->bars[2].mapped)
				io_bus_access(&mmio,
				              d->bars[2].region.base + (data[i + 2] | (data[i + 3] & 0xf) << 8), len,
				              op & 0x80, &v, 0);
			break;
		case 5: io_bus_access(&mmio, v, len, op & 0x80, &v, 0); break;
		case 6: vpci_intx_set(d, data[i + 2] & 1); break;
		case 7: vpci_msi_send(d, data[i + 2]); break;
		case 8: pci_reset_all(&pci); break;
		case 9: vpci_restored(&pci); break;
		case 10: (void)!vpci_assign(&pci, 0xc0000000, 0xd0000000, 0xc000, 0xd000); break;
		default: break;
		}
		check();
	}
	return 0;
}
