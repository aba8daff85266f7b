/* PCI bus 0: configuration mechanism #1, configuration space, BARs, INTx. */
#include "vmm/dev/pci/vpci.h"

#include "lib/string.h"
#include "vmm/dev/pci/vpci_priv.h"

#define ADDR_ENABLE BIT(31)
#define ADDR_BITS   0x80fffffcu
#define ISA_IRQ     10 /* PIRQ 0 and 2; 1 and 3 are on the next one */
#define BAR_IO      0x1u
#define BAR_MEM64   0x4u
#define BAR_PREF    0x8u

u32 vpci_gsi(u32 slot, u32 pin)
{
	return VPCI_GSI_BASE + ((slot + pin) & 3);
}

u32 vpci_cfg_get(const struct vpci_dev *dev, u32 off, u32 size)
{
	u32 v = 0;

	for (u32 i = 0; i < size; i++)
		v |= (u32)dev->s.cfg[(off + i) & 0xff] << (8 * i);
	return v;
}

void vpci_cfg_set(struct vpci_dev *dev, u32 off, u32 size, u32 value)
{
	for (u32 i = 0; i < size; i++)
		dev->s.cfg[(off + i) & 0xff] = (u8)(value >> (8 * i));
}

static bool touches(u32 off, u32 size, u32 reg, u32 len)
{
	return off < reg + len && reg < off + size;
}

/* ---- INTx ---- */

static bool intx_active(const struct vpci_dev *d)
{
	return d->s.intx && !(vpci_cfg_get(d, PCI_COMMAND, 2) & PCI_CMD_INTX_DISABLE) && !vpci_msi_enabled(d);
}

void vpci_update_intx(struct vpci *pci, bool force)
{
	u8 level = 0, changed;

	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		if (d->s.cfg[PCI_INT_PIN] && intx_active(d))
			level |= BIT((d->slot + d->s.cfg[PCI_INT_PIN] - 1u) & 3);
	}
	changed = force ? 0xf : level ^ pci->pirq_level;
	pci->pirq_level = level;
	for (u32 n = 0; n < 4; n++) {
		if (changed & BIT(n))
			irqchip_set_line(pci->irq, VPCI_GSI_BASE + n, level & BIT(n));
	}
	for (u32 n = 0; n < 2; n++) {
		if (changed & (0x5u << n))
			irqchip_set_line(pci->irq, ISA_IRQ + n, level & (0x5u << n));
	}
}

void vpci_intx_set(struct vpci_dev *dev, bool asserted)
{
	if (dev->s.intx == asserted)
		return;
	dev->s.intx = asserted;
	vpci_cfg_set(dev, PCI_STATUS, 2,
	             (vpci_cfg_get(dev, PCI_STATUS, 2) & ~(u32)PCI_STATUS_INTX) | (asserted ? PCI_STATUS_INTX : 0));
	if (dev->pci)
		vpci_update_intx(dev->pci, false);
}

/* ---- BARs ---- */

/* Where the guest has put BAR i and enabled its decoding; ~0: nowhere. */
static u64 bar_wanted(const struct vpci_dev *d, u32 i)
{
	u32 cmd = vpci_cfg_get(d, PCI_COMMAND, 2), low = vpci_cfg_get(d, PCI_BAR0 + 4 * i, 4);
	u64 base = low & ~0xfull;

	switch (d->bars[i].kind) {
	case VPCI_BAR_IO: base = low & ~3ull; return (cmd & PCI_CMD_IO) && base ? base : ~0ull;
	case VPCI_BAR_MEM64: base |= (u64)vpci_cfg_get(d, PCI_BAR0 + 4 * i + 4, 4) << 32; /* fall through */
	case VPCI_BAR_MEM32: return (cmd & PCI_CMD_MEM) && base ? base : ~0ull;
	default: return ~0ull;
	}
}

static struct io_bus *bar_bus(const struct vpci_dev *d, u32 i)
{
	return d->bars[i].kind == VPCI_BAR_IO ? d->pci->pio : d->pci->mmio;
}

/*
 * Takes away what is no longer where the guest wants it, then puts what it wants. A place that is taken stays with
 * the one who has it; every later change tries again, so that swapping two BARs works in any order.
 */
static void update_bars(struct vpci *pci)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		for (u32 i = 0; i < VPCI_BARS; i++) {
			struct vpci_bar *b = &d->bars[i];

			if (b->mapped && bar_wanted(d, i) != b->region.base) {
				io_bus_remove(bar_bus(d, i), &b->region);
				b->mapped = false;
			}
		}
	}
	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		for (u32 i = 0; i < VPCI_BARS; i++) {
			struct vpci_bar *b = &d->bars[i];
			u64 want = bar_wanted(d, i);

			if (b->mapped || want == ~0ull)
				continue;
			b->region.base = want;
			b->mapped = io_bus_add(bar_bus(d, i), &b->region) == OK;
		}
	}
}

u64 vpci_bar_addr(const struct vpci_dev *dev, u32 index)
{
	return index < VPCI_BARS && dev->bars[index].mapped ? dev->bars[index].region.base : ~0ull;
}

int vpci_bar_init(struct vpci_dev *dev, u32 index, enum vpci_bar_kind kind, u64 size, bool prefetch, io_fn fn,
                  void *arg)
{
	u64 min = kind == VPCI_BAR_IO ? 4 : 16;
	u64 max = kind == VPCI_BAR_IO ? 256 : kind == VPCI_BAR_MEM64 ? BIT(39) : BIT(31);
	u64 mask = ~(size - 1);
	u32 reg = PCI_BAR0 + 4 * index, low = 0;

	if (index >= VPCI_BARS || kind == VPCI_BAR_NONE || !fn || size < min || size > max || (size & (size - 1)) ||
	    (kind == VPCI_BAR_MEM64 && index + 1 >= VPCI_BARS))
		return ERR_INVAL;
	if (dev->bars[index].kind != VPCI_BAR_NONE || vpci_cfg_get(dev, reg, 4) || dev->wmask[reg + 3] ||
	    (kind == VPCI_BAR_MEM64 && dev->bars[index + 1].kind != VPCI_BAR_NONE))
		return ERR_EXIST;
	dev->bars[index] = (struct vpci_bar){
		.kind = kind,
		.prefetch = prefetch,
		.size = size,
		.region = { .len = size, .fn = fn, .dev = arg, .name = dev->name },
	};
	if (kind == VPCI_BAR_IO)
		low = BAR_IO;
	else
		low = (kind == VPCI_BAR_MEM64 ? BAR_MEM64 : 0) | (prefetch ? BAR_PREF : 0);
	vpci_cfg_set(dev, reg, 4, low);
	for (u32 i = 0; i < (kind == VPCI_BAR_MEM64 ? 8u : 4u); i++)
		dev->wmask[reg + i] = (u8)(mask >> (8 * i));
	dev->wmask[PCI_COMMAND] |= kind == VPCI_BAR_IO ? PCI_CMD_IO : PCI_CMD_MEM;
	return OK;
}

/* ---- devices ---- */

void vpci_dev_init(struct vpci_dev *dev, const char *name, u16 vendor, u16 device, u32 class_code, u8 revision,
                   u8 int_pin)
{
	memset(dev, 0, sizeof(*dev));
	dev->name = name;
	dev->cap_end = 0x40;
	vpci_cfg_set(dev, PCI_VENDOR, 2, vendor);
	vpci_cfg_set(dev, PCI_DEVICE, 2, device);
	vpci_cfg_set(dev, PCI_REVISION, 1, revision);
	vpci_cfg_set(dev, PCI_PROG_IF, 3, class_code);
	vpci_cfg_set(dev, PCI_INT_PIN, 1, int_pin);
	dev->wmask[PCI_COMMAND] = PCI_CMD_MASTER | 0x40; /* and parity error response */
	dev->wmask[PCI_COMMAND + 1] = 0x01 | (int_pin ? PCI_CMD_INTX_DISABLE >> 8 : 0);
	dev->wmask[PCI_CACHE_LINE] = 0xff;
	dev->wmask[PCI_LATENCY] = 0xff;
	dev->wmask[PCI_INT_LINE] = 0xff;
	vpci_msi_reset(dev);
}

void vpci_set_subsys(struct vpci_dev *dev, u16 vendor, u16 device)
{
	vpci_cfg_set(dev, PCI_SUBSYS_VENDOR, 2, vendor);
	vpci_cfg_set(dev, PCI_SUBSYS_DEVICE, 2, device);
}

int vpci_cap_add(struct vpci_dev *dev, u8 id, u8 len)
{
	u32 at = ALIGN_UP((u32)dev->cap_end, 4u);

	if (len < 2)
		return ERR_INVAL;
	if (at + len > 0xfc)
		return ERR_NOSPC;
	dev->cap_end = (u8)(at + len);
	vpci_cfg_set(dev, dev->cap_last ? dev->cap_last + 1u : PCI_CAP_PTR, 1, at);
	dev->cap_last = (u8)at;
	vpci_cfg_set(dev, at, 1, id);
	vpci_cfg_set(dev, PCI_STATUS, 2, vpci_cfg_get(dev, PCI_STATUS, 2) | PCI_STATUS_CAP_LIST);
	return (int)at;
}

int vpci_attach(struct vpci *pci, struct vpci_dev *dev, u32 slot, u32 fn)
{
	struct vpci_dev **link = &pci->first;

	if (slot >= VPCI_SLOTS || fn >= VPCI_FNS || (fn && !pci->devs[slot * VPCI_FNS]))
		return ERR_RANGE;
	if (pci->devs[slot * VPCI_FNS + fn] || dev->pci)
		return ERR_EXIST;
	if (fn) {
		pci->devs[slot * VPCI_FNS]->s.cfg[PCI_HEADER_TYPE] |= 0x80;
		pci->devs[slot * VPCI_FNS]->reset_cfg[PCI_HEADER_TYPE] |= 0x80;
	}
	pci->devs[slot * VPCI_FNS + fn] = dev;
	dev->pci = pci;
	dev->slot = (u8)slot;
	dev->fn = (u8)fn;
	memcpy(dev->reset_cfg, dev->s.cfg, sizeof(dev->reset_cfg));
	while (*link && (u32)((*link)->slot * VPCI_FNS + (*link)->fn) < slot * VPCI_FNS + fn)
		link = &(*link)->next;
	dev->next = *link;
	*link = dev;
	return OK;
}

/* ---- configuration accesses ---- */

static struct vpci_dev *find_dev(struct vpci *pci, u32 slot, u32 fn)
{
	return slot < VPCI_SLOTS && fn < VPCI_FNS ? pci->devs[slot * VPCI_FNS + fn] : NULL;
}

static bool access_ok(u32 off, u32 size)
{
	return (size == 1 || size == 2 || size == 4) && off < 256 && (off & 3) + size <= 4;
}

u32 vpci_cfg_read(struct vpci *pci, u32 slot, u32 fn, u32 off, u32 size, u64 now)
{
	struct vpci_dev *d = find_dev(pci, slot, fn);

	if (!d || !access_ok(off, size))
		return size >= 4 ? ~0u : (1u << (8 * size)) - 1;
	if (d->cfg_reading)
		d->cfg_reading(d, off, size, now);
	return vpci_cfg_get(d, off, size);
}

void vpci_cfg_write(struct vpci *pci, u32 slot, u32 fn, u32 off, u32 size, u32 value, u64 now)
{
	struct vpci_dev *d = find_dev(pci, slot, fn);

	if (!d || !access_ok(off, size))
		return;
	for (u32 i = 0; i < size; i++) {
		u8 v = (u8)(value >> (8 * i)), *c = &d->s.cfg[off + i];

		*c = (u8)((*c & ~d->wmask[off + i]) | (v & d->wmask[off + i]));
		*c &= (u8) ~(v & d->w1cmask[off + i]);
	}
	if (touches(off, size, PCI_COMMAND, 2) || touches(off, size, PCI_BAR0, 4 * VPCI_BARS))
		update_bars(pci);
	vpci_msi_cfg_written(d, off, size);
	vpci_update_intx(pci, false);
	if (d->cfg_written)
		d->cfg_written(d, off, size, now);
}

/* CF8h-CFBh. Only a dword access reaches CONFIG_ADDRESS; others are ordinary I/O, of which we know the reset port. */
static void addr_io(void *dev, struct io_access *io)
{
	struct vpci *pci = dev;

	if (io->offset == 0 && io->size == 4) {
		if (io->write)
			pci->s.addr = (u32)io->value & ADDR_BITS;
		else
			io->value = pci->s.addr;
	} else if (io->offset == 1 && io->size == 1 && pci->cf9_fn) {
		io->offset = 0;
		pci->cf9_fn(pci->cf9_dev, io);
	}
}

/* CFCh-CFFh: the bytes of the selected dword. */
static void data_io(void *dev, struct io_access *io)
{
	struct vpci *pci = dev;
	u32 bus = pci->s.addr >> 16 & 0xff, slot = pci->s.addr >> 11 & 0x1f, fn = pci->s.addr >> 8 & 7;
	u32 off = (pci->s.addr & 0xfc) + (u32)io->offset;

	if (!(pci->s.addr & ADDR_ENABLE) || bus)
		return;
	if (io->write)
		vpci_cfg_write(pci, slot, fn, off, io->size, (u32)io->value, io->now);
	else
		io->value = vpci_cfg_read(pci, slot, fn, off, io->size, io->now);
}

int vpci_init(struct vpci *pci, struct io_bus *pio, struct io_bus *mmio, const struct irqchip *irq)
{
	int r;

	memset(pci, 0, sizeof(*pci));
	pci->pio = pio;
	pci->mmio = mmio;
	pci->irq = irq;
	pci->addr_region = (struct io_region){ VPCI_ADDR_PORT, 4, addr_io, pci, "pci-address" };
	pci->data_region = (struct io_region){ VPCI_DATA_PORT, 4, data_io, pci, "pci-data" };
	r = io_bus_add(pio, &pci->addr_region);
	if (r != OK)
		return r;
	r = io_bus_add(pio, &pci->data_region);
	if (r != OK)
		io_bus_remove(pio, &pci->addr_region);
	return r;
}

void vpci_set_cf9(struct vpci *pci, io_fn fn, void *dev)
{
	pci->cf9_fn = fn;
	pci->cf9_dev = dev;
}

/* ---- firmware's part, reset, restore ---- */

int vpci_assign(struct vpci *pci, u64 mem_base, u64 mem_end, u32 io_base, u32 io_end)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		u32 cmd = vpci_cfg_get(d, PCI_COMMAND, 2);

		for (u32 i = 0; i < VPCI_BARS; i++) {
			struct vpci_bar *b = &d->bars[i];
			bool io = b->kind == VPCI_BAR_IO;
			u64 at, reg = PCI_BAR0 + 4 * i;

			if (b->kind == VPCI_BAR_NONE)
				continue;
			at = ALIGN_UP(io ? (u64)io_base : mem_base, b->size);
			if (at > (io ? (u64)io_end : mem_end) || b->size > (io ? (u64)io_end : mem_end) - at)
				return ERR_NOSPC;
			if (io)
				io_base = (u32)(at + b->size);
			else
				mem_base = at + b->size;
			vpci_cfg_set(d, (u32)reg, 4, (u32)at | (vpci_cfg_get(d, (u32)reg, 4) & (io ? 0x3 : 0xf)));
			if (b->kind == VPCI_BAR_MEM64)
				vpci_cfg_set(d, (u32)reg + 4, 4, (u32)(at >> 32));
			cmd |= io ? PCI_CMD_IO : PCI_CMD_MEM;
		}
		vpci_cfg_set(d, PCI_COMMAND, 2, cmd);
		if (d->s.cfg[PCI_INT_PIN])
			d->s.cfg[PCI_INT_LINE] = (u8)(ISA_IRQ + ((d->slot + d->s.cfg[PCI_INT_PIN] - 1u) & 1));
	}
	update_bars(pci);
	return OK;
}

void vpci_restored(struct vpci *pci)
{
	update_bars(pci);
	vpci_update_intx(pci, true);
}

void vpci_reset(struct vpci *pci)
{
	pci->s.addr = 0;
	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		memcpy(d->s.cfg, d->reset_cfg, sizeof(d->s.cfg));
		d->s.intx = false;
		vpci_msi_reset(d);
	}
	vpci_restored(pci);
}

void vpci_host_bridge_init(struct vpci_dev *dev, u16 vendor, u16 device)
{
	vpci_dev_init(dev, "pci-host-bridge", vendor, device, 0x060000, 0, 0);
}

void vpci_isa_bridge_init(struct vpci_dev *dev)
{
	/* The ISA function of the PIIX4, which operating systems know without quirks. */
	vpci_dev_init(dev, "pci-isa-bridge", 0x8086, 0x7110, 0x060100, 0, 0);
	vpci_cfg_set(dev, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MEM | PCI_CMD_MASTER);
}
