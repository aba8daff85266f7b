/* PCI bus 0: configuration mechanism #1, configuration space, INTx. */
#include "vmm/dev/pci/vpci.h"

#include "lib/string.h"
#include "vmm/dev/pci/vpci_priv.h"

#define ADDR_ENABLE BIT(31)

#define HEADER_MULTIFUNCTION 0x80

u32 vpci_gsi(u32 slot, u32 pin)
{
	return VPCI_GSI_BASE + ((slot + pin) & 3);
}

u32 vpci_state_get(const struct vpci_dev_state *s, u32 off, u32 size)
{
	u32 v = 0;

	for (u32 i = 0; i < size; i++)
		v |= (u32)s->cfg[(off + i) & 0xff] << (8 * i);
	return v;
}

u32 vpci_cfg_get(const struct vpci_dev *dev, u32 off, u32 size)
{
	return vpci_state_get(&dev->s, off, size);
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

/* Which PIRQ d's pin is wired to: a chip set's slot 1 has INTA on the first, without one that is slot 0. */
static u32 pirq_of(const struct vpci *pci, const struct vpci_dev *d)
{
	return (d->slot + d->s.cfg[PCI_INT_PIN] - (pci->router ? 2u : 1u)) & 3;
}

/* Bit n: somebody asks for PIRQ n. */
static u8 pirqs_wanted(const struct vpci *pci)
{
	u8 level = 0;

	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		if (d->s.cfg[PCI_INT_PIN] && intx_active(d))
			level |= BIT(pirq_of(pci, d));
	}
	return level;
}

u32 vpci_pirq_irq(const struct vpci *pci, u32 pirq)
{
	u8 route = pci->router->s.cfg[VPCI_PIRQ_ROUTE + pirq], irq = route & 0xf;

	return (route & VPCI_PIRQ_OFF) || !(VPCI_PIRQ_IRQS >> irq & 1) ? VPCI_NO_IRQ : irq;
}

/* Bit n: a PIRQ of level is routed to ISA IRQ n. */
static u16 irqs_wanted(const struct vpci *pci, u8 level)
{
	u16 irqs = 0;

	for (u32 n = 0; n < 4; n++) {
		u32 irq = level & BIT(n) ? vpci_pirq_irq(pci, n) : VPCI_NO_IRQ;

		if (irq != VPCI_NO_IRQ)
			irqs |= (u16)BIT(irq);
	}
	return irqs;
}

static void drive_routed(struct vpci *pci, u16 irqs, u16 changed)
{
	pci->irq_level = irqs;
	for (u32 n = 0; changed; n++, changed >>= 1) {
		if (changed & 1)
			irqchip_set_pirq(pci->irq, n, irqs >> n & 1);
	}
}

static void drive(struct vpci *pci, u8 level, u8 changed)
{
	pci->pirq_level = level;
	for (u32 n = 0; n < 4; n++) {
		if (changed & BIT(n))
			irqchip_set_line(pci->irq, VPCI_GSI_BASE + n, level & BIT(n));
	}
	for (u32 n = 0; n < 2; n++) {
		if (changed & (0x5u << n))
			irqchip_set_line(pci->irq, VPCI_ISA_IRQ + n, level & (0x5u << n));
	}
}

void vpci_update_intx(struct vpci *pci)
{
	u8 level = pirqs_wanted(pci);

	if (pci->router) {
		u16 irqs = irqs_wanted(pci, level);

		drive_routed(pci, irqs, irqs ^ pci->irq_level);
	} else {
		drive(pci, level, level ^ pci->pirq_level);
	}
}

void vpci_intx_restored(struct vpci *pci)
{
	u8 level = pirqs_wanted(pci);
	u16 irqs;

	if (pci->router) {
		irqs = irqs_wanted(pci, level);
		drive_routed(pci, irqs, irqs);
	} else {
		drive(pci, level, level);
	}
}

void vpci_set_router(struct vpci *pci, const struct vpci_dev *router)
{
	if (pci->router)
		drive_routed(pci, 0, pci->irq_level);
	else
		drive(pci, 0, pci->pirq_level);
	pci->router = router;
	vpci_update_intx(pci);
}

void vpci_intx_set(struct vpci_dev *dev, bool asserted)
{
	if (dev->s.intx == asserted)
		return;
	dev->s.intx = asserted;
	vpci_cfg_set(dev, PCI_STATUS, 2,
	             (vpci_cfg_get(dev, PCI_STATUS, 2) & ~(u32)PCI_STATUS_INTX) | (asserted ? PCI_STATUS_INTX : 0));
	if (dev->pci)
		vpci_update_intx(dev->pci);
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
	dev->omask[PCI_STATUS] = PCI_STATUS_INTX;
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

/* Tells guests, by function 0, to look for more in the slot. */
static void set_multifunction(struct vpci *pci, u32 slot)
{
	struct vpci_dev **f = &pci->devs[slot * VPCI_FNS];
	u8 bit = 0;

	if (!f[0])
		return;
	if (f[0]->multifunction)
		bit = HEADER_MULTIFUNCTION;
	for (u32 fn = 1; fn < VPCI_FNS; fn++)
		bit |= f[fn] ? HEADER_MULTIFUNCTION : 0;
	f[0]->s.cfg[PCI_HEADER_TYPE] = (f[0]->s.cfg[PCI_HEADER_TYPE] & (u8)~HEADER_MULTIFUNCTION) | bit;
	f[0]->reset_cfg[PCI_HEADER_TYPE] = (f[0]->reset_cfg[PCI_HEADER_TYPE] & (u8)~HEADER_MULTIFUNCTION) | bit;
}

int vpci_attach(struct vpci *pci, struct vpci_dev *dev, u32 slot, u32 fn)
{
	struct vpci_dev **link = &pci->first;

	if (slot >= VPCI_SLOTS || fn >= VPCI_FNS || (fn && !pci->devs[slot * VPCI_FNS]))
		return ERR_RANGE;
	if (pci->devs[slot * VPCI_FNS + fn] || dev->pci)
		return ERR_EXIST;
	pci->devs[slot * VPCI_FNS + fn] = dev;
	dev->pci = pci;
	dev->slot = (u8)slot;
	dev->fn = (u8)fn;
	memcpy(dev->reset_cfg, dev->s.cfg, sizeof(dev->reset_cfg));
	while (*link && (u32)((*link)->slot * VPCI_FNS + (*link)->fn) < slot * VPCI_FNS + fn)
		link = &(*link)->next;
	dev->next = *link;
	*link = dev;
	set_multifunction(pci, slot);
	return OK;
}

void vpci_detach(struct vpci_dev *dev)
{
	struct vpci *pci = dev->pci;
	struct vpci_dev **link = &pci->first;

	for (u32 i = 0; i < VPCI_BAR_ROOM; i++)
		vpci_bar_unmap(dev, i);
	while (*link != dev)
		link = &(*link)->next;
	*link = dev->next;
	pci->devs[dev->slot * VPCI_FNS + dev->fn] = NULL;
	dev->pci = NULL;
	set_multifunction(pci, dev->slot);
	vpci_bars_freed(pci);
	vpci_update_intx(pci);
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
	if (d->own_ports || touches(off, size, PCI_COMMAND, 2) || touches(off, size, PCI_BAR0, 4 * VPCI_BARS) ||
	    touches(off, size, PCI_ROM, 4))
		vpci_update_bars(d);
	vpci_msi_cfg_written(d, off, size);
	vpci_update_intx(pci);
	if (d->cfg_written)
		d->cfg_written(d, off, size, now);
}

/* CF8h-CFBh. Only a dword access reaches CONFIG_ADDRESS; others are ordinary I/O, of which we know the reset port. */
static void addr_io(void *dev, struct io_access *io)
{
	struct vpci *pci = dev;

	if (io->offset == 0 && io->size == 4) {
		if (io->write)
			pci->s.addr = (u32)io->value & VPCI_ADDR_BITS;
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
