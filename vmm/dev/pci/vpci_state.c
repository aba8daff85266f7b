/* PCI: reset and restoring of the bus and of functions; both as devices. */
#include "lib/string.h"
#include "vmm/dev/pci/vpci_priv.h"

STATE_DESC(vpci_msix_entry, VPCI_MSIX_ENTRY, 1);
STATE_DESC(vpci_dev_state, VPCI_DEV_STATE, 1);
STATE_DESC(vpci_state, VPCI_STATE, 1);

/* ---- functions ---- */

void vpci_dev_reset(struct vpci_dev *dev)
{
	memcpy(dev->s.cfg, dev->reset_cfg, sizeof(dev->s.cfg));
	dev->s.intx = false;
	vpci_msi_reset(dev);
	if (!dev->pci)
		return;
	vpci_update_bars(dev);
	vpci_update_intx(dev->pci);
}

/* Where BAR i is, it can be: it is wanted there, and its bus reaches as far. */
static bool bar_valid(const struct vpci_dev *d, const struct vpci_dev_state *s, u32 i, struct state_check *c)
{
	u64 base = vpci_bar_wanted(d, s, i), last = base + (d->bars[i].size - 1);

	if (base == VPCI_NOWHERE)
		return state_refuse(c, "decoded", s->decoded, "has a BAR that is not enabled");
	if (last < base || last > vpci_bar_bus(d, i)->limit)
		return state_refuse(c, "decoded", base, "has a BAR there, which is beyond its bus");
	for (u32 k = 0; k < i; k++) {
		u64 other = vpci_bar_wanted(d, s, k);

		if ((s->decoded & BIT(k)) && vpci_bar_bus(d, k) == vpci_bar_bus(d, i) && other <= last &&
		    base <= other + (d->bars[k].size - 1))
			return state_refuse(c, "decoded", base, "has two BARs there");
	}
	return true;
}

bool vpci_dev_valid(const struct vpci_dev *dev, const struct vpci_dev_state *s, struct state_check *c)
{
	for (u32 i = 0; i < sizeof(s->cfg); i++)
		if ((s->cfg[i] ^ dev->reset_cfg[i]) & ~(dev->wmask[i] | dev->w1cmask[i] | dev->omask[i]))
			return state_refuse(c, "cfg", i, "is the offset of a byte whose fixed bits are others");
	if (s->intx != !!(vpci_state_get(s, PCI_STATUS, 2) & PCI_STATUS_INTX))
		return state_refuse(c, "intx", s->intx, "is not the status register's");
	for (u32 i = 0; i < 8; i++) {
		if (!(s->decoded >> i & 1))
			continue;
		if (i >= VPCI_BAR_ROOM)
			return state_refuse(c, "decoded", s->decoded, "has BARs that no function has");
		if (!bar_valid(dev, s, i, c))
			return false;
	}
	return vpci_msi_valid(dev, s, c);
}

/*
 * All of them are tried again at each function: a place that was free when the state was saved may be taken by what a
 * function, of which this has not been told yet, had before.
 */
static void map_decoded(struct vpci *pci)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next)
		vpci_bars_restored(d);
}

static void unmap(struct vpci_dev *dev)
{
	for (u32 i = 0; i < VPCI_BAR_ROOM; i++)
		vpci_bar_unmap(dev, i);
}

void vpci_dev_restored(struct vpci_dev *dev)
{
	unmap(dev);
	map_decoded(dev->pci);
	vpci_intx_restored(dev->pci);
}

/* ---- the bus ---- */

void vpci_restored(struct vpci *pci)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next)
		unmap(d);
	map_decoded(pci);
	vpci_intx_restored(pci);
}

static int bus_attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vpci *pci = dev;
	int err = vpci_init(pci, env->pio, env->mmio, env->irq);

	pci->memory = env->memory;
	return err;
}

static void bus_detach(void *dev)
{
	struct vpci *pci = dev;

	while (pci->first)
		vpci_detach(pci->first);
	io_bus_remove(pci->pio, &pci->data_region);
	io_bus_remove(pci->pio, &pci->addr_region);
}

/* Of its own: functions are reset with their devices, each by itself. */
static void bus_reset(void *dev, u64 now)
{
	struct vpci *pci = dev;

	pci->s.addr = 0;
}

static bool bus_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vpci_state *s = part[0];

	return !(s->addr & ~VPCI_ADDR_BITS) || state_refuse(c, "addr", s->addr, "has bits that the register lacks");
}

static void bus_restored(void *dev, u64 now)
{
	vpci_restored(dev);
}

VDEV_OPS(vpci, "pci", VDEV_STATE(vpci, s, vpci_state), .attach = bus_attach, .detach = bus_detach, .reset = bus_reset,
         .valid = bus_valid, .restored = bus_restored);

/* ---- the host bridge, a function without anything ---- */

static int bridge_attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vpci_host_bridge_cfg *g = cfg;

	vpci_host_bridge_init(dev, g->vendor, g->device);
	return vpci_attach(env->pci, dev, g->at.slot, g->at.fn);
}

static void bridge_detach(void *dev)
{
	vpci_detach(dev);
}

static void bridge_reset(void *dev, u64 now)
{
	vpci_dev_reset(dev);
}

static bool bridge_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	return vpci_dev_valid(dev, part[0], c);
}

static void bridge_restored(void *dev, u64 now)
{
	vpci_dev_restored(dev);
}

const struct vdev_ops vpci_host_bridge_ops = {
	.name = "host-bridge",
	.state = { VDEV_STATE(vpci_dev, s, vpci_dev_state) },
	.attach = bridge_attach,
	.detach = bridge_detach,
	.reset = bridge_reset,
	.valid = bridge_valid,
	.restored = bridge_restored,
};
