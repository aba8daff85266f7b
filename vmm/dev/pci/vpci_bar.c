/* BARs of virtual PCI functions: where guests put them, and on the I/O buses. */
#include "vmm/dev/pci/vpci_priv.h"

#define BAR_IO    0x1u
#define BAR_MEM64 0x4u
#define BAR_PREF  0x8u
#define ROM_ON    0x1u
#define ROM_MIN   2048u

static u64 ports_wanted(const struct vpci_bar *b, const struct vpci_dev_state *s)
{
	u64 base = vpci_state_get(s, b->base_reg, 2) & ~(b->size - 1);
	bool on = (s->cfg[b->enable_reg] & 1) && (!b->command || (s->cfg[PCI_COMMAND] & PCI_CMD_IO));

	return on && base ? base : VPCI_NOWHERE;
}

u64 vpci_bar_wanted(const struct vpci_dev *d, const struct vpci_dev_state *s, u32 i)
{
	u32 cmd = vpci_state_get(s, PCI_COMMAND, 2), low = vpci_state_get(s, vpci_bar_reg(i), 4);
	u64 base = low & ~0xfull;

	switch (d->bars[i].kind) {
	case VPCI_BAR_IO: base = low & ~3ull; return (cmd & PCI_CMD_IO) && base ? base : VPCI_NOWHERE;
	case VPCI_BAR_MEM64: base |= (u64)vpci_state_get(s, PCI_BAR0 + 4 * i + 4, 4) << 32; /* fall through */
	case VPCI_BAR_MEM32: return (cmd & PCI_CMD_MEM) && base ? base : VPCI_NOWHERE;
	case VPCI_BAR_ROM:
		base = low & ~(u64)(ROM_MIN - 1);
		return (cmd & PCI_CMD_MEM) && (low & ROM_ON) && base ? base : VPCI_NOWHERE;
	case VPCI_BAR_PORTS: return ports_wanted(&d->bars[i], s);
	default: return VPCI_NOWHERE;
	}
}

struct io_bus *vpci_bar_bus(const struct vpci_dev *d, u32 i)
{
	enum vpci_bar_kind kind = d->bars[i].kind;

	return kind == VPCI_BAR_IO || kind == VPCI_BAR_PORTS ? d->pci->pio : d->pci->mmio;
}

/* A ROM has come to base, or, VPCI_NOWHERE, has gone. */
static void map_rom(struct vpci_dev *d, u64 base)
{
	const struct vpci_bar *b = &d->bars[VPCI_ROM];
	const struct vdev_memory *m = d->pci->memory;

	if (!m || !b->nr_pages)
		return;
	if (base != VPCI_NOWHERE)
		m->map(m->ctx, VDEV_MEMORY_ROM, base, b->pages, b->nr_pages, true);
	else if (d->pci->rom_of == d)
		m->unmap(m->ctx, VDEV_MEMORY_ROM);
	else
		return;
	d->pci->rom_of = base != VPCI_NOWHERE ? d : NULL;
}

bool vpci_bar_map(struct vpci_dev *d, u32 i, u64 base)
{
	struct vpci_bar *b = &d->bars[i];

	b->region.base = base;
	b->mapped = io_bus_add(vpci_bar_bus(d, i), &b->region) == OK;
	if (b->mapped && i == VPCI_ROM)
		map_rom(d, base);
	if (b->mapped && d->bar_moved)
		d->bar_moved(d, i, base);
	return b->mapped;
}

void vpci_bar_unmap(struct vpci_dev *d, u32 i)
{
	if (!d->bars[i].mapped)
		return;
	io_bus_remove(vpci_bar_bus(d, i), &d->bars[i].region);
	d->bars[i].mapped = false;
	if (i == VPCI_ROM)
		map_rom(d, VPCI_NOWHERE);
	if (d->bar_moved)
		d->bar_moved(d, i, VPCI_NOWHERE);
}

/* Takes away what is no longer where the guest wants it. true: there was something. */
static bool take_away(struct vpci_dev *d)
{
	bool any = false;

	for (u32 i = 0; i < VPCI_BAR_ROOM; i++) {
		if (d->bars[i].mapped && vpci_bar_wanted(d, &d->s, i) != d->bars[i].region.base) {
			vpci_bar_unmap(d, i);
			any = true;
		}
	}
	return any;
}

/* Puts what the guest wants. */
static void put(struct vpci_dev *d)
{
	d->s.decoded = d->refused = 0;
	for (u32 i = 0; i < VPCI_BAR_ROOM; i++) {
		const struct vpci_bar *b = &d->bars[i];
		u64 want;

		if (b->kind == VPCI_BAR_NONE) /* most of them, in each write to a function */
			continue;
		want = b->mapped ? b->region.base : vpci_bar_wanted(d, &d->s, i);
		if (b->mapped || (want != VPCI_NOWHERE && vpci_bar_map(d, i, want)))
			d->s.decoded |= (u8)BIT(i);
		else if (want != VPCI_NOWHERE)
			d->refused |= (u8)BIT(i);
	}
}

/*
 * A place that is taken stays with the one who has it; whenever one becomes free, all try again who were refused, by
 * slot and function, so that swapping two BARs works in any order. Nobody else has anything to look for.
 */
void vpci_update_bars(struct vpci_dev *dev)
{
	if (!take_away(dev)) {
		put(dev);
		return;
	}
	for (struct vpci_dev *d = dev->pci->first; d; d = d->next)
		if (d == dev || d->refused)
			put(d);
}

void vpci_bars_freed(struct vpci *pci)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next)
		if (d->refused)
			put(d);
}

void vpci_bars_restored(struct vpci_dev *d)
{
	d->refused = 0;
	for (u32 i = 0; i < VPCI_BAR_ROOM; i++) {
		u64 base = vpci_bar_wanted(d, &d->s, i);

		if (d->bars[i].mapped || base == VPCI_NOWHERE)
			continue;
		if (!(d->s.decoded >> i & 1) || !vpci_bar_map(d, i, base))
			d->refused |= (u8)BIT(i);
	}
}

u64 vpci_bar_addr(const struct vpci_dev *dev, u32 index)
{
	return index < VPCI_BAR_ROOM && dev->bars[index].mapped ? dev->bars[index].region.base : VPCI_NOWHERE;
}

int vpci_bar_init(struct vpci_dev *dev, u32 index, enum vpci_bar_kind kind, u64 size, bool prefetch, io_fn fn,
                  void *arg)
{
	u64 min = kind == VPCI_BAR_IO ? 4 : 16;
	u64 max = kind == VPCI_BAR_IO ? 256 : kind == VPCI_BAR_MEM64 ? BIT(39) : BIT(31);
	u64 mask = ~(size - 1);
	u32 reg = PCI_BAR0 + 4 * index, low = 0;

	if (index >= VPCI_BARS || kind == VPCI_BAR_NONE || kind == VPCI_BAR_ROM || kind == VPCI_BAR_PORTS || !fn ||
	    size < min || size > max || (size & (size - 1)) || (kind == VPCI_BAR_MEM64 && index + 1 >= VPCI_BARS))
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

int vpci_rom_init(struct vpci_dev *dev, u64 size, io_fn fn, void *arg)
{
	u32 mask = ~((u32)size - 1) | ROM_ON;

	if (!fn || size < ROM_MIN || size > BIT(24) || (size & (size - 1)))
		return ERR_INVAL;
	if (dev->bars[VPCI_ROM].kind != VPCI_BAR_NONE)
		return ERR_EXIST;
	dev->bars[VPCI_ROM] = (struct vpci_bar){
		.kind = VPCI_BAR_ROM,
		.size = size,
		.region = { .len = size, .fn = fn, .dev = arg, .name = dev->name },
	};
	for (u32 i = 0; i < 4; i++)
		dev->wmask[PCI_ROM + i] = (u8)(mask >> (8 * i));
	dev->wmask[PCI_COMMAND] |= PCI_CMD_MEM;
	return OK;
}

void vpci_rom_pages(struct vpci_dev *dev, const void *pages, u32 nr)
{
	dev->bars[VPCI_ROM].pages = pages;
	dev->bars[VPCI_ROM].nr_pages = nr;
}

int vpci_ports_init(struct vpci_dev *dev, u32 index, const struct vpci_ports *ports, io_fn fn, void *arg)
{
	u32 size = ports->size, mask = 0xffffu & ~(size - 1);

	if (index >= VPCI_BARS || !fn || size < 4 || size > 256 || (size & (size - 1)) || ports->base_reg < 0x40)
		return ERR_INVAL;
	if (dev->bars[index].kind != VPCI_BAR_NONE || dev->wmask[PCI_BAR0 + 4 * index + 3])
		return ERR_EXIST;
	dev->bars[index] = (struct vpci_bar){
		.kind = VPCI_BAR_PORTS,
		.size = size,
		.region = { .len = size, .fn = fn, .dev = arg, .name = ports->name },
		.base_reg = ports->base_reg,
		.enable_reg = ports->enable_reg,
		.command = ports->command,
	};
	dev->own_ports = true;
	vpci_cfg_set(dev, ports->base_reg, 2, 1);
	dev->wmask[ports->base_reg] = (u8)mask;
	dev->wmask[ports->base_reg + 1] = (u8)(mask >> 8);
	return OK;
}

int vpci_assign(struct vpci *pci, u64 mem_base, u64 mem_end, u32 io_base, u32 io_end)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next) {
		u32 cmd = vpci_cfg_get(d, PCI_COMMAND, 2);

		for (u32 i = 0; i < VPCI_BAR_ROOM; i++) {
			struct vpci_bar *b = &d->bars[i];
			bool io = b->kind == VPCI_BAR_IO;
			u64 at, reg = vpci_bar_reg(i);

			if (b->kind == VPCI_BAR_NONE || b->kind == VPCI_BAR_PORTS)
				continue;
			at = ALIGN_UP(io ? (u64)io_base : mem_base, b->size);
			if (at > (io ? (u64)io_end : mem_end) || b->size > (io ? (u64)io_end : mem_end) - at)
				return ERR_NOSPC;
			if (io)
				io_base = (u32)(at + b->size);
			else
				mem_base = at + b->size;
			vpci_cfg_set(d, (u32)reg, 4, (u32)at | (vpci_cfg_get(d, (u32)reg, 4) & (io ? 0x3u : 0xfu)));
			if (b->kind == VPCI_BAR_MEM64)
				vpci_cfg_set(d, (u32)reg + 4, 4, (u32)(at >> 32));
			cmd |= io ? PCI_CMD_IO : PCI_CMD_MEM;
		}
		vpci_cfg_set(d, PCI_COMMAND, 2, cmd);
		/* What a chip set routes where, its firmware says. */
		if (d->s.cfg[PCI_INT_PIN] && !pci->router)
			d->s.cfg[PCI_INT_LINE] = (u8)(VPCI_ISA_IRQ + ((d->slot + d->s.cfg[PCI_INT_PIN] - 1u) & 1));
	}
	for (struct vpci_dev *d = pci->first; d; d = d->next)
		vpci_update_bars(d);
	return OK;
}
