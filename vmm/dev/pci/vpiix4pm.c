/* PIIX4 power management function: where the ACPI registers are, and an empty SMBus. */
#include "vmm/dev/pci/vpiix4pm.h"

#include "lib/string.h"

#define CLASS_BRIDGE_OTHER 0x068000
#define REVISION           0x03
#define CMD_SPECIAL        0x08 /* special cycles are looked at */
#define DEVACTB_APMC_EN    0x02 /* of its highest byte */

enum { WINDOW_PM, WINDOW_SMB }; /* numbers of the function's BARs, that are none */

STATE_DESC(vpiix4pm_state, VPIIX4PM_STATE, 1);

/* ---- configuration registers ---- */

#define FIRST_KEPT \
	0x44 /* CNTA to DEVRESJ: timers, traps, general-purpose inputs. Kept as written, all zero at first */
#define LAST_KEPT 0x7f

static const struct {
	u8 reg, writable;
} registers[] = {
	{ VPIIX4PM_PMREGMISC, 0x01 },
	{ VPIIX4PM_SMBHSTCFG, 0x0f }, /* enable, interrupt select */
	{ 0xd3, 0xff },               /* SMBSLVC */
	{ 0xd4, 0xff },               /* SMBSHDW1, SMBSHDW2 */
	{ 0xd5, 0xff },
};

/* ---- power management registers behind vpm.c's ---- */

enum { PM_GPIREG = 0x30, PM_GPOREG = 0x34 };

static const u8 pm_values[VPIIX4PM_PM_SIZE] = {
	[PM_GPIREG] = 0xff, 0xff, 0x3f, 0x00, /* 22 inputs, pulled up */
	[PM_GPOREG] = 0xff, 0xbf, 0xff, 0x7f,
};
static const u8 pm_writable[VPIIX4PM_PM_SIZE] = {
	[0x0e] = 0x01,      0x0f,             /* GPEN */
	[0x10] = 0x1f,      0x3e, 0x02, 0x00, /* PCNTRL */
	[0x20] = 0x0f,      0x0f,             /* GLBEN */
	[0x28] = 0xff,      0xff, 0xff, 0x07, /* GLBCTL */
	[0x2c] = 0xff,      0xff, 0xff, 0x3f, /* DEVCTL */
	[PM_GPOREG] = 0xff, 0xff, 0xff, 0x7f,
};

static void pm_byte(struct vpiix4pm *d, struct io_access *io)
{
	u8 *reg = &d->s.pm[io->offset];

	if (io->offset < VPM_REGS)
		vpm_io(d->vpm, io);
	else if (io->write)
		*reg = (u8)((*reg & ~pm_writable[io->offset]) | (io->value & pm_writable[io->offset]));
	else
		io->value = *reg;
}

static void pm_io(void *dev, struct io_access *io)
{
	struct vpiix4pm *d = dev;
	u64 value = 0;

	if (io->offset + io->size <= VPM_REGS) {
		vpm_io(d->vpm, io);
		return;
	}
	for (u32 i = 0; i < io->size; i++) {
		struct io_access byte = {
			.offset = io->offset + i, .value = 0xff, .now = io->now, .size = 1, .write = io->write
		};

		if (io->write)
			byte.value = io->value >> i * 8 & 0xff;
		pm_byte(d, &byte);
		value |= (byte.value & 0xff) << i * 8;
	}
	if (!io->write)
		io->value = value;
}

/* ---- SMBus host ---- */

enum { SMB_HSTSTS, SMB_HSTCNT = 2, SMB_BLKDAT = 7 };

#define HSTSTS_DEV_ERR 0x04 /* nobody acknowledged */
#define HSTCNT_START   0x40 /* reads as zero */

/* HSTCMD, HSTADD, HSTDAT0, HSTDAT1; SLVCNT; SLVEVT. What nobody ever sends to the slave stays zero. */
static const u8 smb_writable[VPIIX4PM_SMB_SIZE] = {
	[SMB_HSTCNT] = 0x1f, 0xff, 0xff, 0xff, 0xff, [8] = 0x0f, [10] = 0xff, 0xff,
};

static u8 smb_read(struct vpiix4pm *d, u32 reg)
{
	if (reg == SMB_HSTCNT)
		d->s.block_at = 0; /* reading it begins the buffer anew */
	if (reg != SMB_BLKDAT)
		return d->s.smb[reg];
	d->s.block_at %= VPIIX4PM_BLOCK;
	return d->s.block[d->s.block_at++];
}

static void smb_write(struct vpiix4pm *d, u32 reg, u8 val)
{
	if (reg == SMB_HSTSTS) {
		d->s.smb[reg] &= (u8)~val;
	} else if (reg == SMB_BLKDAT) {
		d->s.block_at %= VPIIX4PM_BLOCK;
		d->s.block[d->s.block_at++] = val;
	} else {
		d->s.smb[reg] = val & smb_writable[reg];
		/* A transfer takes no time, for its address is not acknowledged. */
		if (reg == SMB_HSTCNT && (val & HSTCNT_START))
			d->s.smb[SMB_HSTSTS] |= HSTSTS_DEV_ERR;
	}
}

static void smb_io(void *dev, struct io_access *io)
{
	struct vpiix4pm *d = dev;
	u64 value = 0;

	for (u32 i = 0; i < io->size; i++) {
		if (io->write)
			smb_write(d, (u32)io->offset + i, (u8)(io->value >> i * 8));
		else
			value |= (u64)smb_read(d, (u32)io->offset + i) << i * 8;
	}
	if (!io->write)
		io->value = value;
}

u32 vpiix4pm_base(const struct vpiix4pm *d)
{
	u64 base = vpci_bar_addr(&d->pci, WINDOW_PM);

	return base == ~0ull ? 0 : (u32)base;
}

/* ---- as a device ---- */

static void power_on(struct vpiix4pm *d)
{
	memset(&d->s, 0, sizeof(d->s));
	memcpy(d->s.pm, pm_values, sizeof(d->s.pm));
}

static int init(struct vpiix4pm *d)
{
	int err;

	vpci_dev_init(&d->pci, "piix4-pm", VPIIX4PM_VENDOR, VPIIX4PM_DEVICE, CLASS_BRIDGE_OTHER, REVISION, 1);
	vpci_cfg_set(&d->pci, PCI_STATUS, 2, 0x0280); /* medium DEVSEL#, fast back-to-back */
	d->pci.wmask[PCI_COMMAND] = PCI_CMD_IO | CMD_SPECIAL;
	d->pci.wmask[PCI_COMMAND + 1] = 0;
	d->pci.wmask[PCI_CACHE_LINE] = 0;
	d->pci.wmask[PCI_LATENCY] = 0;
	memset(&d->pci.wmask[FIRST_KEPT], 0xff, LAST_KEPT + 1 - FIRST_KEPT);
	d->pci.s.cfg[VPIIX4PM_DEVACTB + 3] = DEVACTB_APMC_EN;
	for (u32 i = 0; i < ARRAY_SIZE(registers); i++)
		d->pci.wmask[registers[i].reg] = registers[i].writable;
	err = vpci_ports_init(&d->pci, WINDOW_PM,
	                      &(struct vpci_ports){ .size = VPIIX4PM_PM_SIZE,
	                                            .base_reg = VPIIX4PM_PMBA,
	                                            .enable_reg = VPIIX4PM_PMREGMISC,
	                                            .name = "piix4-pm" },
	                      pm_io, d);
	if (err)
		return err;
	return vpci_ports_init(&d->pci, WINDOW_SMB,
	                       &(struct vpci_ports){ .size = VPIIX4PM_SMB_SIZE,
	                                             .base_reg = VPIIX4PM_SMBBA,
	                                             .enable_reg = VPIIX4PM_SMBHSTCFG,
	                                             .command = true,
	                                             .name = "piix4-smbus" },
	                       smb_io, d);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vpiix4pm *d = dev;
	const struct vpiix4pm_cfg *g = cfg;
	int err;

	memset(d, 0, sizeof(*d));
	d->vpm = g->vpm;
	err = init(d);
	if (err)
		return err;
	power_on(d);
	return vpci_attach(env->pci, &d->pci, g->at.slot, g->at.fn);
}

static void detach(void *dev)
{
	struct vpiix4pm *d = dev;

	vpci_detach(&d->pci);
}

static void reset(void *dev, u64 now)
{
	struct vpiix4pm *d = dev;

	vpci_dev_reset(&d->pci);
	power_on(d);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vpiix4pm *d = dev;
	const struct vpiix4pm_state *s = part[0];

	for (u32 i = 0; i < VPIIX4PM_PM_SIZE; i++)
		if ((s->pm[i] ^ pm_values[i]) & ~pm_writable[i])
			return state_refuse(c, "pm", i, "is a register whose fixed bits are others");
	for (u32 i = 0; i < VPIIX4PM_SMB_SIZE; i++)
		if (s->smb[i] & ~(i == SMB_HSTSTS ? HSTSTS_DEV_ERR : smb_writable[i]))
			return state_refuse(c, "smb", i, "is a register with bits that it lacks");
	if (s->block_at > VPIIX4PM_BLOCK)
		return state_refuse(c, "block_at", s->block_at, "is beyond the buffer");
	return vpci_dev_valid(&d->pci, part[1], c);
}

static void restored(void *dev, u64 now)
{
	struct vpiix4pm *d = dev;

	vpci_dev_restored(&d->pci);
}

VDEV_OPS(vpiix4pm, "piix4-pm", VDEV_STATE(vpiix4pm, s, vpiix4pm_state),
         .state[1] = VDEV_STATE(vpiix4pm, pci.s, vpci_dev_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
