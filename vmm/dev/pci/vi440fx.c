/* Intel 440FX host bridge. */
#include "vmm/dev/pci/vi440fx.h"

#include "lib/string.h"

#define CLASS_HOST_BRIDGE 0x060000
#define REVISION          0x02

#define PAM_LAST 0x5f
#define PAM_BITS (VI440FX_PAM_READ | VI440FX_PAM_WRITE)

#define SMRAM_OPEN   0x40 /* D_OPEN */
#define SMRAM_CLOSED 0x20 /* D_CLS */
#define SMRAM_LOCK   0x10 /* D_LCK: until a reset it, D_OPEN and SMRAME stay as they are */
#define SMRAM_ENABLE 0x08 /* SMRAME */
#define SMRAM_BITS   (SMRAM_OPEN | SMRAM_CLOSED | SMRAM_LOCK | SMRAM_ENABLE)

/* Power-on values and writable bits beside the header: "PMC Register Description", by register. */
static const struct {
	u8 reg, value, writable;
} registers[] = {
	{ 0x50, 0x00, 0x74 }, /* PMCCFG: ECC and parity, queue depth */
	{ 0x51, 0x00, 0xc0 }, /* WSC protocol, extra row select */
	{ 0x52, 0x00, 0xff }, /* DETURBO */
	{ 0x53, 0x80, 0xe3 }, /* DBC */
	{ 0x54, 0x00, 0x82 }, /* AXC */
	{ 0x55, 0x00, 0xff },
	{ 0x56, 0x00, 0x03 }, /* DRT */
	{ 0x57, 0x01, 0x37 }, /* DRAMC */
	{ 0x58, 0x10, 0x7f }, /* DRAMT */
	{ 0x59, 0x00, 0xf0 }, /* PAM0 to PAM6; each segment's highest bit is reserved */
	{ 0x5a, 0x00, 0x77 },
	{ 0x5b, 0x00, 0x77 },
	{ 0x5c, 0x00, 0x77 },
	{ 0x5d, 0x00, 0x77 },
	{ 0x5e, 0x00, 0x77 },
	{ 0x5f, 0x00, 0x77 },
	{ 0x60, 0x01, 0xff }, /* DRB0 to DRB7 */
	{ 0x61, 0x01, 0xff },
	{ 0x62, 0x01, 0xff },
	{ 0x63, 0x01, 0xff },
	{ 0x64, 0x01, 0xff },
	{ 0x65, 0x01, 0xff },
	{ 0x66, 0x01, 0xff },
	{ 0x67, 0x01, 0xff },
	{ 0x68, 0x00, 0xc0 },                /* FDHC */
	{ 0x70, 0x20, 0xf8 },                /* MTT */
	{ 0x71, 0x10, 0xf8 },                /* CLT */
	{ VI440FX_SMRAM, 0x02, SMRAM_BITS }, /* the segment, A0000h, is fixed */
	{ 0x90, 0x00, 0xf3 },                /* ERRCMD */
};

/* A segment's four bits. */
static u32 attributes(const struct vi440fx *d, u32 segment)
{
	if (segment == VI440FX_SEGMENTS - 1)
		return d->pci.s.cfg[VI440FX_PAM] >> 4;
	return d->pci.s.cfg[VI440FX_PAM + 1 + segment / 2] >> segment % 2 * 4 & 0xf;
}

bool vi440fx_pam_read(const struct vi440fx *d, u32 segment)
{
	return attributes(d, segment) & VI440FX_PAM_READ;
}

bool vi440fx_pam_write(const struct vi440fx *d, u32 segment)
{
	return attributes(d, segment) & VI440FX_PAM_WRITE;
}

static void tell_pam(struct vi440fx *d, bool all)
{
	for (u32 i = 0; i < VI440FX_SEGMENTS; i++) {
		u8 now = attributes(d, i) & PAM_BITS;

		if (!all && d->told[i] == now)
			continue;
		d->told[i] = now;
		if (d->pam)
			d->pam(d->arg, i, now & VI440FX_PAM_READ, now & VI440FX_PAM_WRITE);
	}
}

/* What can be written of SMRAM: "when D_LCK is set, D_OPEN is set to 0, and D_LCK, D_OPEN and SMRAME are read-only". */
static void allow_smram(struct vi440fx *d)
{
	u8 *smram = &d->pci.s.cfg[VI440FX_SMRAM];

	if (*smram & SMRAM_LOCK) {
		*smram &= (u8)~SMRAM_OPEN;
		d->pci.wmask[VI440FX_SMRAM] = SMRAM_CLOSED;
	} else {
		d->pci.wmask[VI440FX_SMRAM] = SMRAM_BITS;
	}
}

static void cfg_written(struct vpci_dev *pci, u32 off, u32 size, u64 now)
{
	struct vi440fx *d = container_of(pci, struct vi440fx, pci);

	if (off <= PAM_LAST && off + size > VI440FX_PAM)
		tell_pam(d, false);
	if (off <= VI440FX_SMRAM && off + size > VI440FX_SMRAM)
		allow_smram(d);
}

/* ---- as a device ---- */

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vi440fx *d = dev;
	const struct vi440fx_cfg *g = cfg;

	memset(d, 0, sizeof(*d));
	d->pam = g->pam;
	d->arg = g->arg;
	vpci_dev_init(&d->pci, "i440fx", VI440FX_VENDOR, VI440FX_DEVICE, CLASS_HOST_BRIDGE, REVISION, 0);
	/* The data sheet's chip has no subsystem. Firmware knows by this one that it is in a virtual machine. */
	vpci_set_subsys(&d->pci, 0x1af4, 0x1100);
	vpci_cfg_set(&d->pci, PCI_COMMAND, 2, PCI_CMD_MEM | PCI_CMD_MASTER);
	vpci_cfg_set(&d->pci, PCI_STATUS, 2, 0x0280); /* medium DEVSEL#, fast back-to-back */
	/* Memory and bus master are always on; the cache line size is not implemented, nor is an interrupt line. */
	d->pci.wmask[PCI_COMMAND] = 0x40;
	d->pci.wmask[PCI_CACHE_LINE] = 0;
	d->pci.wmask[PCI_LATENCY] = 0xf8;
	d->pci.wmask[PCI_INT_LINE] = 0;
	for (u32 i = 0; i < ARRAY_SIZE(registers); i++) {
		d->pci.s.cfg[registers[i].reg] = registers[i].value;
		d->pci.wmask[registers[i].reg] = registers[i].writable;
	}
	d->pci.omask[VI440FX_SMRAM] = SMRAM_BITS; /* locked, it keeps what it has */
	d->pci.cfg_written = cfg_written;
	return vpci_attach(env->pci, &d->pci, g->at.slot, g->at.fn);
}

static void detach(void *dev)
{
	struct vi440fx *d = dev;

	vpci_detach(&d->pci);
}

static void reset(void *dev, u64 now)
{
	struct vi440fx *d = dev;

	vpci_dev_reset(&d->pci);
	allow_smram(d);
	tell_pam(d, true);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vi440fx *d = dev;
	const struct vpci_dev_state *s = part[0];
	u8 smram = s->cfg[VI440FX_SMRAM];

	if (!vpci_dev_valid(&d->pci, s, c))
		return false;
	if ((smram & SMRAM_LOCK) && (smram & SMRAM_OPEN))
		return state_refuse(c, "cfg[114]", smram, "is SMRAM both locked and open");
	return true;
}

static void restored(void *dev, u64 now)
{
	struct vi440fx *d = dev;

	allow_smram(d);
	vpci_dev_restored(&d->pci);
	tell_pam(d, true);
}

VDEV_OPS(vi440fx, "i440fx", VDEV_STATE(vi440fx, pci.s, vpci_dev_state), .attach = attach, .detach = detach,
         .reset = reset, .valid = valid, .restored = restored);
