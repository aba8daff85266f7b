/* PIIX3 ISA bridge. */
#include "vmm/dev/pci/vpiix3.h"

#include "lib/string.h"

#define CLASS_ISA_BRIDGE 0x060100
#define REVISION         0x00
#define CMD_SPECIAL      0x08 /* special cycles are looked at */
#define PIRQ_BITS        (VPCI_PIRQ_OFF | 0x0f)

/* Power-on values and writable bits beside the header: the data sheet's chapter, by register. */
static const struct {
	u8 reg, value, writable;
} registers[] = {
	{ 0x4c, 0x4d, 0x7f },                            /* IORT: I/O recovery */
	{ 0x4e, 0x03, 0xff },      { 0x4f, 0x00, 0x01 }, /* XBCS: X-bus chip selects */
	{ 0x60, 0x80, PIRQ_BITS },                       /* PIRQRCA to PIRQRCD */
	{ 0x61, 0x80, PIRQ_BITS }, { 0x62, 0x80, PIRQ_BITS }, { 0x63, 0x80, PIRQ_BITS },
	{ 0x69, 0x02, 0xfe },                            /* TOM: top of memory */
	{ 0x6a, 0x00, 0x50 },                            /* MSTAT */
	{ 0x70, 0x80, 0xef },                            /* MBIRQ0: motherboard device's interrupt */
	{ 0x76, 0x0c, 0x8f },      { 0x77, 0x0c, 0x8f }, /* MBDMA */
	{ 0x78, 0x02, 0xff },      { 0x79, 0x00, 0xff }, /* PCSC: programmable chip select */
	{ 0x80, 0x00, 0x7f },                            /* APICBASE */
	{ 0x82, 0x00, 0x0f },                            /* DLC: deterministic latency */
	{ 0xa0, 0x08, 0x1f },                            /* SMICNTL */
	{ 0xa2, 0x00, 0xff },      { 0xa3, 0x00, 0x01 }, /* SMIEN */
	{ 0xa4, 0x00, 0xfb },      { 0xa5, 0x00, 0xff },      { 0xa7, 0x00, 0xe0 }, /* SEE: system events */
	{ 0xa8, 0x0f, 0xff },                                                       /* FTMR: fast-off timer */
	{ 0xac, 0x00, 0xff },                                                       /* CTLTMR: STPCLK# low */
	{ 0xae, 0x00, 0xff },                                                       /* CTHTMR: STPCLK# high */
};

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vpiix3 *d = dev;
	const struct vpiix3_cfg *g = cfg;
	int err;

	memset(d, 0, sizeof(*d));
	vpci_dev_init(&d->pci, "piix3-isa", VPIIX3_VENDOR, VPIIX3_DEVICE, CLASS_ISA_BRIDGE, REVISION, 0);
	vpci_cfg_set(&d->pci, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MEM | PCI_CMD_MASTER);
	vpci_cfg_set(&d->pci, PCI_STATUS, 2, 0x0200); /* medium DEVSEL# */
	/* Ports, memory and bus master are always on; it has neither cache line, latency nor interrupt. */
	d->pci.wmask[PCI_COMMAND] = CMD_SPECIAL;
	d->pci.wmask[PCI_COMMAND + 1] = 0;
	d->pci.wmask[PCI_CACHE_LINE] = 0;
	d->pci.wmask[PCI_LATENCY] = 0;
	d->pci.wmask[PCI_INT_LINE] = 0;
	for (u32 i = 0; i < ARRAY_SIZE(registers); i++) {
		d->pci.s.cfg[registers[i].reg] = registers[i].value;
		d->pci.wmask[registers[i].reg] = registers[i].writable;
	}
	d->pci.multifunction = true;
	err = vpci_attach(env->pci, &d->pci, g->at.slot, 0);
	if (err)
		return err;
	vpci_set_router(env->pci, &d->pci);
	return OK;
}

static void detach(void *dev)
{
	struct vpiix3 *d = dev;

	vpci_set_router(d->pci.pci, NULL);
	vpci_detach(&d->pci);
}

static void reset(void *dev, u64 now)
{
	struct vpiix3 *d = dev;

	vpci_dev_reset(&d->pci);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vpiix3 *d = dev;

	return vpci_dev_valid(&d->pci, part[0], c);
}

static void restored(void *dev, u64 now)
{
	struct vpiix3 *d = dev;

	vpci_dev_restored(&d->pci);
}

VDEV_OPS(vpiix3, "piix3", VDEV_STATE(vpiix3, pci.s, vpci_dev_state), .attach = attach, .detach = detach,
         .reset = reset, .valid = valid, .restored = restored);
