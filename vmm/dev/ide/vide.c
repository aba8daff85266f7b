/* IDE: registers of the channels, resets, the PCI function, the row. */
#include "vmm/dev/ide/vide.h"

#include "lib/atomic.h"
#include "vmm/dev/ide/vide_priv.h"

#define IDETIM_IDE  0x80 /* of the second byte */
#define FLOATING    0x7f /* a channel without a drive: only D7 is pulled down */
#define REG_COMMAND 7    /* status, when read */
#define REG_SELECT  6

#define CMD_DEVICE_RESET 0x08

/* ---- interrupts ---- */

void vide_update_irq(struct vide_channel *c)
{
	bool line = vide_drive(c, vide_selected(c))->irq && !(c->s->control & DC_NIEN);

	irqchip_set_line(c->ide->irq, c->nr ? 15 : 14, line);
}

void vide_raise(struct vide_channel *c, u32 unit)
{
	vide_drive(c, unit)->irq = true;
	c->s->bm_status |= BM_INTERRUPT;
	vide_update_irq(c);
}

static void lower(struct vide_channel *c)
{
	struct vide_drive_state *d = vide_drive(c, vide_selected(c));

	if (!d->irq)
		return;
	d->irq = false;
	vide_update_irq(c);
}

void vide_kick(struct vide_channel *c)
{
	if (c->ide->cfg.kick)
		c->ide->cfg.kick(c->ide->cfg.arg);
}

/* ---- resets ---- */

void vide_signature(struct vide_channel *c, u32 unit)
{
	struct vide_drive_state *d = vide_drive(c, unit);
	bool cd = vide_kind(c, unit) == VIDE_CD;

	d->task[VIDE_COUNT] = d->task[VIDE_LOW] = 1;
	d->task[VIDE_MID] = cd ? 0x14 : 0;
	d->task[VIDE_HIGH] = cd ? 0xeb : 0;
	memset(d->hob, 0, sizeof(d->hob));
	d->error = 1; /* passed */
	d->status = cd ? 0 : ST_GOOD;
	d->irq = false;
}

void vide_drive_reset(struct vide_channel *c, u32 unit)
{
	struct vide_drive_state *d = vide_drive(c, unit);
	const struct blk_info *info = blk_info(vide_blk(c, unit));

	d->multiple = 0;
	d->mode = 0x0c; /* PIO 4 */
	d->heads = info->heads && info->heads <= 16 ? (u8)info->heads : 16;
	d->track = info->track && info->track <= 63 ? (u8)info->track : 63;
	d->standby = false;
	d->cache = true;
}

/* The request that is under way is of no use any more. Whether it is still to come back. */
bool vide_drop_request(struct vide_channel *c)
{
	c->waits = false;
	c->stale = true;
	if (c->asked && !atomic_load(&c->done))
		blk_cancel(c->asked, &c->req);
	if (c->asked && atomic_load(&c->done)) {
		c->asked = NULL;
		atomic_store(&c->done, 0);
	}
	return c->asked != NULL;
}

bool vide_stop(struct vide_channel *c)
{
	c->s->phase = VIDE_IDLE;
	c->s->dma = c->s->fua = false;
	c->s->pos = c->s->end = c->s->fill = 0;
	c->s->left = 0;
	return vide_drop_request(c);
}

/* Software reset: while SRST is set, and a request that nobody needs is under way, the drives are busy. */
static void soft_reset(struct vide_channel *c)
{
	bool busy = vide_stop(c);

	c->s->select = 0;
	for (u32 u = 0; u < 2; u++) {
		vide_signature(c, u);
		vide_drive(c, u)->multiple = 0;
	}
	if (busy || (c->s->control & DC_SRST))
		c->s->phase = VIDE_RESET;
	vide_update_irq(c);
}

static void write_control(struct vide_channel *c, u8 val)
{
	u8 old = c->s->control;

	c->s->control = val & (DC_NIEN | DC_SRST | DC_HOB);
	if ((val & DC_SRST) && !(old & DC_SRST))
		soft_reset(c);
	else if (!(val & DC_SRST) && c->s->phase == VIDE_RESET && !c->asked)
		c->s->phase = VIDE_IDLE;
	vide_update_irq(c);
}

/* ---- registers ---- */

static u8 status(const struct vide_channel *c)
{
	u32 unit = vide_selected(c);
	u8 st = c->s->drive[unit].status;

	if (vide_kind(c, unit) == VIDE_NONE)
		return vide_kind(c, !unit) == VIDE_NONE || unit == 0 ? FLOATING : 0;
	if (c->s->phase == VIDE_RESET)
		return ST_BSY;
	if (c->s->phase == VIDE_IDLE || c->s->unit != unit)
		return st;
	if (c->s->phase == VIDE_MEDIUM || c->s->phase == VIDE_DMA)
		return (u8)(st | ST_BSY);
	return (u8)(st | ST_DRQ);
}

static u8 read_register(struct vide_channel *c, u32 reg)
{
	u32 unit = vide_selected(c);
	struct vide_drive_state *d;

	if (vide_kind(c, 0) == VIDE_NONE && (vide_kind(c, 1) == VIDE_NONE || unit == 0))
		return FLOATING;
	if (reg == REG_COMMAND) {
		u8 st = status(c);

		lower(c);
		return st;
	}
	/* Alone, drive 0 answers for drive 1. */
	d = vide_drive(c, vide_kind(c, unit) == VIDE_NONE ? !unit : unit);
	if (c->s->phase == VIDE_RESET)
		return ST_BSY;
	if (reg == REG_SELECT)
		return c->s->select | 0xa0;
	if (reg == 1)
		return d->error;
	return c->s->control & DC_HOB ? d->hob[reg - 1] : d->task[reg - 1];
}

static void write_command(struct vide_channel *c, u8 val)
{
	u32 unit = vide_selected(c);

	if (vide_busy(c) && !(val == CMD_DEVICE_RESET && c->s->phase != VIDE_RESET && vide_kind(c, unit) == VIDE_CD))
		return;
	lower(c);
	vide_command(c, val);
}

static void write_register(struct vide_channel *c, u32 reg, u8 val)
{
	c->s->control &= (u8)~DC_HOB;
	if (reg == REG_COMMAND) {
		write_command(c, val);
		return;
	}
	if (vide_busy(c))
		return;
	if (reg == REG_SELECT) {
		c->s->select = val;
		vide_update_irq(c);
		return;
	}
	for (u32 u = 0; u < 2; u++) {
		struct vide_drive_state *d = vide_drive(c, u);

		d->hob[reg - 1] = d->task[reg - 1];
		d->task[reg - 1] = val;
	}
}

/* Whether the channel's ports are its own: else nobody is there. */
static bool decoded(const struct vide_channel *c)
{
	const struct vpci_dev *pci = &c->ide->pci;

	return (pci->s.cfg[PCI_COMMAND] & PCI_CMD_IO) && (pci->s.cfg[VIDE_IDETIM + 2 * c->nr + 1] & IDETIM_IDE);
}

void vide_command_io(void *dev, struct io_access *io)
{
	struct vide_channel *c = dev;
	u32 reg = (u32)io->offset;

	if (!decoded(c))
		return;
	if (reg == 0) {
		vide_data(c, MIN(io->size, 4), io->write, &io->value, 1);
		return;
	}
	if (!io->write)
		io->value = 0;
	/* Wider than a byte: the registers one after the other, as the bridge cuts it. */
	for (u32 i = 0; i < io->size; i++) {
		if (io->write)
			write_register(c, reg + i, (u8)(io->value >> 8 * i));
		else
			io->value |= (u64)read_register(c, reg + i) << 8 * i;
	}
}

/* A string of the data port: what is left of a block, at once. */
u32 vide_string_io(void *dev, u64 offset, u8 size, bool write, void *buf, u32 count)
{
	struct vide_channel *c = dev;

	return !offset && size > 1 && decoded(c) ? vide_data(c, size, write, buf, count) : 0;
}

void vide_control_io(void *dev, struct io_access *io)
{
	struct vide_channel *c = dev;

	if (!decoded(c))
		return;
	if (io->write)
		write_control(c, (u8)io->value);
	else
		io->value = status(c);
}

/* ---- in a turn of the VM ---- */

static bool reset_over(const struct vide_channel *c)
{
	return c->s->phase == VIDE_RESET && !c->asked && !(c->s->control & DC_SRST);
}

bool vide_wants_work(const struct vide_channel *c)
{
	return atomic_load(&c->done) || (c->waits && !c->asked) || reset_over(c) || vide_dma_ready(c);
}

static void channel_work(struct vide_channel *c)
{
	if (atomic_load(&c->done)) {
		c->asked = NULL;
		atomic_store(&c->done, 0);
		if (c->s->phase == VIDE_MEDIUM && !c->stale)
			vide_medium_done(c);
	} else if (c->waits && !c->asked) {
		c->waits = false;
		vide_submit(c);
	} else if (vide_dma_ready(c)) {
		vide_dma_piece(c);
	}
	if (reset_over(c))
		c->s->phase = VIDE_IDLE;
}

bool vide_has_work(const struct vide *d, u32 channel)
{
	return vide_wants_work(&d->ch[channel]);
}

bool vide_work(struct vide *d, u32 channel)
{
	channel_work(&d->ch[channel]);
	return vide_wants_work(&d->ch[channel]);
}
