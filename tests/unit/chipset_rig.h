/* Test helper: a PCI bus on the rig's ports and lines, for the functions of the PC's chip set. */
#pragma once

#include "fake_irq.h"
#include "lib/assert.h"
#include "vmm/base/timer.h"
#include "vmm/dev/pci/vpci.h"

struct chipset_rig {
	struct fake_irq irq;
	struct io_region *pio_store[16], *mmio_store[4];
	struct io_bus pio, mmio;
	struct timerq tq;
	struct vpci pci;
	struct vdev_env env;
	u64 now;
};

static inline void chipset_init(struct chipset_rig *r)
{
	memset(r, 0, sizeof(*r));
	fake_irq_init(&r->irq);
	io_bus_init(&r->pio, r->pio_store, ARRAY_SIZE(r->pio_store), 0xffff);
	io_bus_init(&r->mmio, r->mmio_store, ARRAY_SIZE(r->mmio_store), ~0ull);
	timerq_init(&r->tq, NULL);
	r->env = (struct vdev_env){
		.pio = &r->pio, .mmio = &r->mmio, .irq = &r->irq.chip, .timers = &r->tq, .pci = &r->pci
	};
	assert(vpci_ops.attach(&r->pci, &r->env, NULL) == OK);
}

/* A port nobody has reads all-ones. */
static inline u32 chipset_in(struct chipset_rig *r, u32 port, u8 size)
{
	u64 v = 0;

	io_bus_access(&r->pio, port, size, false, &v, r->now);
	return (u32)v;
}

static inline void chipset_out(struct chipset_rig *r, u32 port, u8 size, u32 value)
{
	u64 v = value;

	io_bus_access(&r->pio, port, size, true, &v, r->now);
}

/* The function at slot.fn, by the guest's ports. */
static inline u32 chipset_rd(struct chipset_rig *r, u32 slot, u32 fn, u32 off, u8 size)
{
	chipset_out(r, VPCI_ADDR_PORT, 4, 0x80000000u | slot << 11 | fn << 8 | (off & 0xfc));
	return chipset_in(r, VPCI_DATA_PORT + (off & 3), size);
}

static inline void chipset_wr(struct chipset_rig *r, u32 slot, u32 fn, u32 off, u8 size, u32 value)
{
	chipset_out(r, VPCI_ADDR_PORT, 4, 0x80000000u | slot << 11 | fn << 8 | (off & 0xfc));
	chipset_out(r, VPCI_DATA_PORT + (off & 3), size, value);
}

/* Every byte of the function's space beside the header: what sticks of all ones. For the tables of the data sheets. */
static inline u8 chipset_writable(struct chipset_rig *r, u32 slot, u32 fn, u32 off)
{
	u8 old = (u8)chipset_rd(r, slot, fn, off, 1), ones, zeros;

	chipset_wr(r, slot, fn, off, 1, 0xff);
	ones = (u8)chipset_rd(r, slot, fn, off, 1);
	chipset_wr(r, slot, fn, off, 1, 0);
	zeros = (u8)chipset_rd(r, slot, fn, off, 1);
	chipset_wr(r, slot, fn, off, 1, old);
	return ones & (u8)~zeros;
}
