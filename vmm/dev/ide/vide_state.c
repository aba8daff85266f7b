/* IDE: the row: its place on the buses, reset, states and whether they can be. */
#include "vmm/dev/ide/vide.h"

#include "lib/atomic.h"
#include "vmm/dev/ide/vide_priv.h"

#define CLASS_IDE 0x010180 /* both channels at the legacy ports, bus master */
#define SIDETIM   0x44
#define BAR_BM    4

#define SECTORS_MAX BIT(48)

STATE_DESC(vide_drive_state, VIDE_DRIVE_STATE, 1);
STATE_DESC(vide_channel_state, VIDE_CHANNEL_STATE, 1);
STATE_DESC(vide_state, VIDE_STATE, 1);

/* ---- states from outside ---- */

static bool drive_valid(const struct vide_channel *c, u32 unit, const struct vide_drive_state *d,
                        struct state_check *check)
{
	bool cd = vide_kind(c, unit) == VIDE_CD;

	if (d->status & (ST_BSY | ST_DRQ | 0x06))
		return state_refuse(check, "status", d->status, "has bits that are the phase's or none");
	if (d->multiple > 16 || (d->multiple & (d->multiple - 1)))
		return state_refuse(check, "multiple", d->multiple, "is no power of two up to 16");
	if (!d->heads || d->heads > 16 || !d->track)
		return state_refuse(check, "heads", d->heads, "and track are no geometry");
	if (d->sense > 15)
		return state_refuse(check, "sense", d->sense, "is no sense key");
	if (d->attention && (!cd || (d->attention != 0x28 && d->attention != 0x29)))
		return state_refuse(check, "attention", d->attention, "is none that this drive tells");
	if (d->event >= VIDE_NR_EVENTS)
		return state_refuse(check, "event", d->event, "is no event of a tray");
	if ((d->open || d->locked) && !cd)
		return state_refuse(check, "open", d->open, "is a tray's, and this drive has none");
	if (d->irq && vide_kind(c, unit) == VIDE_NONE)
		return state_refuse(check, "irq", d->irq, "is asked for by a drive that is not there");
	return true;
}

/* Places in the buffer, and that there is something to do in each phase. */
static bool transfer_valid(const struct vide_channel *c, const struct vide_channel_state *s,
                           struct state_check *check)
{
	u32 n = (u32)MIN(s->left, (u64)VIDE_CHUNK) * BLK_SECTOR;
	bool out = s->action == VIDE_WRITE, dma = s->phase == VIDE_DMA;

	if (s->pos > s->fill || s->end > s->fill || s->fill > VIDE_BUF)
		return state_refuse(check, "fill", s->fill, "and pos and end are no places in the buffer");
	if (s->phase == VIDE_IDLE || s->phase == VIDE_RESET)
		return true;
	if (vide_kind(c, s->unit) == VIDE_NONE)
		return state_refuse(check, "unit", s->unit, "is a drive that is not there");
	if (s->phase == VIDE_PACKET ? s->end != 12 || s->pos >= 12
	                            : !dma && s->phase != VIDE_MEDIUM && s->pos >= s->end)
		return state_refuse(check, "pos", s->pos, "is not before the end of the block");
	if (s->phase == VIDE_PACKET)
		return vide_kind(c, s->unit) == VIDE_CD || state_refuse(check, "phase", s->phase, "is a CD drive's");
	if (dma ? !s->dma || s->pos >= s->fill : s->phase != VIDE_MEDIUM && s->dma)
		return state_refuse(check, "dma", s->dma, "does not fit the phase");
	if (out && vide_kind(c, s->unit) != VIDE_DISK)
		return state_refuse(check, "action", s->action, "is a disk's");
	if (s->phase == VIDE_MEDIUM) {
		if (s->action == VIDE_DATA || !s->left == (s->action != VIDE_FLUSH))
			return state_refuse(check, "action", s->action,
			                    "and what is left are no request of the medium");
		return true;
	}
	if (s->action == VIDE_FLUSH || (s->phase == VIDE_OUT && !out) || (s->phase == VIDE_IN && out))
		return state_refuse(check, "action", s->action, "does not fit the phase");
	if (out && s->fill != n)
		return state_refuse(check, "fill", s->fill, "is not what is to be written");
	return true;
}

static bool master_valid(const struct vide_channel_state *s, struct state_check *check)
{
	if (s->bm_command & ~(BM_START | BM_TO_MEMORY))
		return state_refuse(check, "bm_command", s->bm_command, "has bits that the register lacks");
	if (s->bm_status & ~(BM_CAPABLE | BM_ACTIVE | BM_ERROR | BM_INTERRUPT))
		return state_refuse(check, "bm_status", s->bm_status, "has bits that the register lacks");
	if ((s->bm_status & BM_ACTIVE) && !(s->bm_command & BM_START))
		return state_refuse(check, "bm_status", s->bm_status, "is active though it was not started");
	if ((s->prd & 3) || (s->prd_next & 3))
		return state_refuse(check, "prd", s->prd, "or the next descriptor is not aligned");
	if (s->prd_left > 0x10000)
		return state_refuse(check, "prd_left", s->prd_left, "is not what a descriptor can leave");
	return true;
}

static bool channel_valid(const struct vide_channel *c, const struct vide_channel_state *s, struct state_check *check)
{
	for (u32 u = 0; u < 2; u++)
		if (!drive_valid(c, u, &s->drive[u], check))
			return false;
	if (s->control & ~(DC_NIEN | DC_SRST | DC_HOB))
		return state_refuse(check, "control", s->control, "has bits that the register lacks");
	if (s->phase >= VIDE_NR_PHASES || s->action >= VIDE_NR_ACTIONS || s->unit > 1)
		return state_refuse(check, "phase", s->phase, "or action or unit is none");
	if (!!(s->control & DC_SRST) && s->phase != VIDE_RESET)
		return state_refuse(check, "phase", s->phase, "goes on though the drives are held in reset");
	if (s->sector > SECTORS_MAX || s->left > SECTORS_MAX)
		return state_refuse(check, "sector", s->sector, "or what is left is beyond all disks");
	if (s->block < 2 || s->block > 0x10000 || (s->block & 1))
		return state_refuse(check, "block", s->block, "is no length of a block");
	return transfer_valid(c, s, check) && master_valid(s, check);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *check)
{
	const struct vide *d = dev;
	const struct vide_state *s = part[0];

	for (u32 i = 0; i < VIDE_CHANNELS; i++)
		if (!channel_valid(&d->ch[i], &s->ch[i], check))
			return false;
	return vpci_dev_valid(&d->pci, part[1], check);
}

/* ---- as a device ---- */

static void cfg_written(struct vpci_dev *pci, u32 off, u32 size, u64 now)
{
	struct vide *d = container_of(pci, struct vide, pci);

	for (u32 i = 0; i < VIDE_CHANNELS; i++)
		if (vide_dma_ready(&d->ch[i]))
			vide_kick(&d->ch[i]);
}

static void setup_channel(struct vide *d, u32 nr)
{
	struct vide_channel *c = &d->ch[nr];

	c->ide = d;
	c->s = &d->s.ch[nr];
	c->nr = nr;
	c->command_region = (struct io_region){
		.base = nr ? 0x170 : 0x1f0, .len = 8, .fn = vide_command_io, .dev = c, .name = nr ? "ide1" : "ide0"
	};
	c->control_region = (struct io_region){ .base = nr ? 0x376 : 0x3f6,
		                                .len = 1,
		                                .fn = vide_control_io,
		                                .dev = c,
		                                .name = nr ? "ide1-control" : "ide0-control" };
}

static void reset(void *dev, u64 now)
{
	struct vide *d = dev;

	vpci_dev_reset(&d->pci);
	for (u32 i = 0; i < VIDE_CHANNELS; i++) {
		struct vide_channel *c = &d->ch[i];
		bool late = vide_stop(c);

		memset(c->s, 0, offsetof(struct vide_channel_state, buf));
		c->s->block = BLK_SECTOR;
		c->s->phase = late ? VIDE_RESET : VIDE_IDLE;
		for (u32 u = 0; u < 2; u++) {
			vide_signature(c, u);
			vide_drive_reset(c, u);
			vide_drive(c, u)->attention = vide_kind(c, u) == VIDE_CD ? 0x29 : 0;
		}
		vide_update_irq(c);
	}
}

static void plug_out(struct vide *d, u32 channels)
{
	for (u32 i = 0; i < channels; i++) {
		io_bus_remove(d->pci.pci->pio, &d->ch[i].command_region);
		io_bus_remove(d->pci.pci->pio, &d->ch[i].control_region);
	}
	vpci_detach(&d->pci);
}

static int plug_in(struct vide *d, struct io_bus *pio)
{
	for (u32 i = 0; i < VIDE_CHANNELS; i++) {
		int err = io_bus_add(pio, &d->ch[i].command_region);

		if (!err) {
			err = io_bus_add(pio, &d->ch[i].control_region);
			if (err)
				io_bus_remove(pio, &d->ch[i].command_region);
		}
		if (err) {
			plug_out(d, i);
			return err;
		}
		d->ch[i].string = (struct io_string){ .region = &d->ch[i].command_region, .fn = vide_string_io };
		io_bus_add_string(pio, &d->ch[i].string);
	}
	return OK;
}

static void connect(struct vide *d)
{
	for (u32 i = 0; i < VIDE_DRIVES; i++) {
		struct blk_front front = { .room = d->cfg.kick, .arg = d->cfg.arg };

		blk_connect(&d->drive[i].blk, &front);
	}
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vide *d = dev;
	int err;

	d->cfg = *(const struct vide_cfg *)cfg;
	if (d->cfg.drive)
		memcpy(d->drive, d->cfg.drive, sizeof(d->drive));
	d->irq = env->irq;
	d->mem = env->mem;
	vpci_dev_init(&d->pci, "ide", VIDE_VENDOR, VIDE_DEVICE, CLASS_IDE, 0, 0);
	err = vpci_bar_init(&d->pci, BAR_BM, VPCI_BAR_IO, 16, false, vide_bm_io, d);
	if (err)
		return err;
	vpci_set_subsys(&d->pci, 0x1af4, 0x1100);
	memset(d->pci.wmask + VIDE_IDETIM, 0xff, SIDETIM + 1 - VIDE_IDETIM);
	/* Virtual machines decode from reset on: OVMF relies on it. */
	vpci_cfg_set(&d->pci, VIDE_IDETIM, 4, VIDE_DECODES);
	d->pci.cfg_written = cfg_written;
	err = vpci_attach(env->pci, &d->pci, d->cfg.at.slot, d->cfg.at.fn);
	if (err)
		return err;
	for (u32 i = 0; i < VIDE_CHANNELS; i++)
		setup_channel(d, i);
	err = plug_in(d, env->pio);
	if (err)
		return err;
	connect(d);
	reset(d, 0);
	return OK;
}

static void detach(void *dev)
{
	struct vide *d = dev;

	for (u32 i = 0; i < VIDE_CHANNELS; i++)
		vide_stop(&d->ch[i]);
	for (u32 i = 0; i < VIDE_DRIVES; i++)
		blk_connect(&d->drive[i].blk, NULL);
	plug_out(d, VIDE_CHANNELS);
}

static bool idle(void *dev)
{
	const struct vide *d = dev;

	for (u32 i = 0; i < VIDE_CHANNELS; i++)
		if (d->ch[i].asked || vide_busy(&d->ch[i]))
			return false;
	return true;
}

static void restored(void *dev, u64 now)
{
	struct vide *d = dev;

	vpci_dev_restored(&d->pci);
	for (u32 i = 0; i < VIDE_CHANNELS; i++) {
		struct vide_channel *c = &d->ch[i];

		vide_update_irq(c);
		/* What the state asks for is asked for again, at the latest when a request of before is back. */
		vide_drop_request(c);
		if (c->s->phase == VIDE_MEDIUM)
			vide_submit(c);
		if (vide_wants_work(c))
			vide_kick(c);
	}
}

VDEV_OPS(vide, "ide", VDEV_STATE(vide, s, vide_state), .state[1] = VDEV_STATE(vide, pci.s, vpci_dev_state),
         .attach = attach, .detach = detach, .reset = reset, .valid = valid, .restored = restored, .idle = idle);
