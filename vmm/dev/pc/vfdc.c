/* Floppy controller: ports, resets, time. */
#include "vmm/dev/pc/vfdc.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "vmm/dev/pc/vcmos.h"
#include "vmm/dev/pc/vfdc_priv.h"

enum { REG_DOR = 2, REG_TDR, REG_MSR, REG_FIFO };

#define MSR_RQM  0x80
#define MSR_IN   0x40 /* towards the guest */
#define MSR_NDMA 0x20
#define MSR_BUSY 0x10

#define DSR_RESET 0x80
#define DSR_KEPT  0x7f

#define SIZE_1_44M (1440u << 10)
#define SIZE_2_88M (2880u << 10)

/* ---- media ---- */

struct vfdc_geometry vfdc_geometry(u64 sectors)
{
	static const struct {
		u16 sectors;
		struct vfdc_geometry g;
	} known[] = {
		{ 320, { 40, 1, 8, 2, 1 } },   { 360, { 40, 1, 9, 2, 1 } },   { 640, { 40, 2, 8, 2, 1 } },
		{ 720, { 40, 2, 9, 2, 1 } },   { 1440, { 80, 2, 9, 2, 3 } },  { 2400, { 80, 2, 15, 0, 2 } },
		{ 2880, { 80, 2, 18, 0, 4 } }, { 3360, { 80, 2, 21, 0, 4 } }, { 3444, { 82, 2, 21, 0, 4 } },
		{ 5760, { 80, 2, 36, 3, 5 } },
	};

	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].sectors == sectors)
			return known[i].g;
	return (struct vfdc_geometry){ 0 };
}

u8 vfdc_drive_type(u64 sectors)
{
	u8 type = vfdc_geometry(sectors).cmos;

	/* 3.5 inches: nobody has drives for 720K alone, and what comes next may be of 1.44M. */
	return !type || type == VCMOS_720K ? VCMOS_1_44M : type;
}

/* Sectors that its FAT file system says there are; 0: there is none. */
static u32 fat_sectors(const u8 *boot)
{
	u32 few = boot[0x13] | (u32)boot[0x14] << 8;

	if ((boot[0x0b] | (u32)boot[0x0c] << 8) != BLK_SECTOR)
		return 0;
	return few ? few : boot[0x20] | (u32)boot[0x21] << 8 | (u32)boot[0x22] << 16 | (u32)boot[0x23] << 24;
}

/* Images for dd are often shorter than the floppy that they are for. */
static u64 floppy_of(const u8 *image, u64 size)
{
	if (size < BLK_SECTOR || size > SIZE_2_88M || image[0x1fe] != 0x55 || image[0x1ff] != 0xaa ||
	    fat_sectors(image) > size / BLK_SECTOR)
		return 0;
	return size <= SIZE_1_44M ? SIZE_1_44M : SIZE_2_88M;
}

int vfdc_check(const void *image, u64 size, u64 *medium, struct blk_flaw *flaw)
{
	*medium = size;
	if (size % BLK_SECTOR == 0 && vfdc_geometry(size / BLK_SECTOR).heads)
		return OK;
	flaw->offset = size;
	*medium = floppy_of(image, size);
	if (*medium) {
		flaw->reason = "the image ends here, zeros are taken for the rest of the floppy";
		return ERR_TRUNC;
	}
	flaw->reason =
	        "the image ends where no floppy does: they have 160, 180, 320, 360, 720, 1200, 1440, 1680, 1722 "
	        "or 2880 KiB";
	return ERR_INVAL;
}

struct vfdc_geometry fdc_medium(const struct vfdc *f, u32 unit)
{
	if (unit >= VFDC_DRIVES || !f->cfg.present[unit])
		return (struct vfdc_geometry){ 0 };
	return vfdc_geometry(blk_info(&f->cfg.blk[unit])->sectors);
}

/* Any CPU, any lock: noted alone. */
static void medium_changed(void *arg)
{
	struct vfdc_news *n = arg;

	atomic_store(&n->fdc->news[n->drive], 1);
}

static void connect_front(struct vfdc *f, u32 drive)
{
	f->front[drive] = (struct vfdc_news){ f, drive };
	blk_connect(&f->cfg.blk[drive], &(struct blk_front){ .changed = medium_changed, .arg = &f->front[drive] });
}

static void take_news(struct vfdc *f)
{
	for (u32 i = 0; i < VFDC_DRIVES; i++)
		if (atomic_load(&f->news[i])) {
			atomic_store(&f->news[i], 0);
			f->s.changed[i] = true;
		}
}

/* ---- time and interrupt ---- */

static u64 next_event(const struct vfdc_state *s)
{
	u64 next = s->due_at;

	for (u32 i = 0; i < 4; i++)
		next = MIN(next, s->seek_at[i]);
	return next;
}

static bool wants_irq(const struct vfdc_state *s)
{
	return s->irq && (s->dor & DOR_GATE);
}

static void update(struct vfdc *f)
{
	bool line = wants_irq(&f->s);

	if (line != f->line) {
		f->line = line;
		irqchip_set_line(f->irq, VFDC_GSI, line);
	}
	timer_set(&f->timer, next_event(&f->s));
}

static void sync(struct vfdc *f, u64 now)
{
	take_news(f);
	fdc_seeks(f, now);
	if (f->s.due_at <= now)
		fdc_go_on(f, now);
}

static void timer_fired(void *arg, u64 now)
{
	sync(arg, now);
	update(arg);
}

/* ---- resets ---- */

/* The reset pin of DOR, or DSR's bit: what a guest set by LOCK stays. */
static void soft_reset(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;

	fdc_drop(f);
	s->phase = VFDC_COMMAND;
	s->cmd_len = 0;
	s->irq = s->filled = s->asking = false;
	s->due_at = TIMER_OFF;
	s->pos = 0;
	s->sought = s->failed = s->polled = 0;
	for (u32 i = 0; i < 4; i++) {
		s->seek_at[i] = TIMER_OFF;
		s->pcn[i] = 0;
	}
	if (s->lock)
		return;
	s->config = CONFIG_RESET;
	s->pretrk = 0;
}

static void reset_over(struct vfdc *f)
{
	if (f->s.config & CONFIG_NO_POLL)
		return;
	f->s.polled = 0x0f;
	f->s.irq = true;
}

static void write_dor(struct vfdc *f, u8 val)
{
	u8 old = f->s.dor;

	f->s.dor = val;
	if ((old & DOR_RUN) && !(val & DOR_RUN))
		soft_reset(f);
	if (!(old & DOR_RUN) && (val & DOR_RUN))
		reset_over(f);
}

static void write_dsr(struct vfdc *f, u8 val)
{
	f->s.dsr = val & DSR_KEPT;
	if (!(val & DSR_RESET) || !(f->s.dor & DOR_RUN))
		return;
	soft_reset(f);
	reset_over(f);
}

/* ---- ports ---- */

static u8 main_status(const struct vfdc_state *s)
{
	static const u8 of_phase[VFDC_NR_PHASES] = { [VFDC_COMMAND] = MSR_RQM,
		                                     [VFDC_DELAY] = MSR_BUSY,
		                                     [VFDC_MEDIUM] = MSR_BUSY,
		                                     [VFDC_TAKE] = MSR_RQM | MSR_NDMA | MSR_BUSY,
		                                     [VFDC_GIVE] = MSR_RQM | MSR_IN | MSR_NDMA | MSR_BUSY,
		                                     [VFDC_RESULT] = MSR_RQM | MSR_IN | MSR_BUSY };
	u8 msr = of_phase[s->phase];

	if (!(s->dor & DOR_RUN))
		return 0;
	if (s->phase == VFDC_COMMAND && s->cmd_len)
		msr |= MSR_BUSY;
	for (u32 i = 0; i < 4; i++)
		msr |= s->seek_at[i] != TIMER_OFF ? (u8)BIT(i) : 0;
	return msr;
}

static void write_fifo(struct vfdc *f, u8 val, u64 now)
{
	struct vfdc_state *s = &f->s;

	if (!(s->dor & DOR_RUN))
		return;
	if (s->phase == VFDC_TAKE)
		fdc_take(f, val, now);
	if (s->phase != VFDC_COMMAND)
		return;
	s->cmd[s->cmd_len++] = val;
	if (s->cmd_len == fdc_cmd_bytes(s->cmd[0]))
		fdc_execute(f, now);
}

static u8 read_fifo(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	u8 val;

	if (s->phase == VFDC_GIVE)
		return fdc_give(f, now);
	if (s->phase != VFDC_RESULT)
		return 0xff;
	val = s->result[s->result_at++];
	s->irq = false;
	if (s->result_at == s->result_len) {
		s->irq = s->cmd[0] == CMD_SENSE && !s->polled && s->sought; /* another seek's */
		s->phase = VFDC_COMMAND;
		s->cmd_len = 0;
	}
	return val;
}

static void regs_io(void *dev, struct io_access *io)
{
	struct vfdc *f = dev;
	u64 val = 0;

	sync(f, io->now);
	for (u32 i = 0; i < io->size; i++) {
		u32 reg = (u32)io->offset + i;
		u8 byte = (u8)(io->value >> i * 8), got = 0xff; /* no status registers A and B on an AT */

		if (io->write && reg == REG_DOR)
			write_dor(f, byte);
		else if (io->write && reg == REG_TDR)
			f->s.tdr = byte & 3;
		else if (io->write && reg == REG_MSR)
			write_dsr(f, byte);
		else if (io->write && reg == REG_FIFO)
			write_fifo(f, byte, io->now);
		else if (reg == REG_DOR)
			got = f->s.dor;
		else if (reg == REG_TDR)
			got = f->s.tdr | 0xfc;
		else if (reg == REG_MSR)
			got = main_status(&f->s);
		else if (reg == REG_FIFO)
			got = read_fifo(f, io->now);
		val |= (u64)got << i * 8;
	}
	if (!io->write)
		io->value = val;
	update(f);
}

/* DIR: the change line of the drive that is selected, if its motor is on; CCR: the data rate. */
static void dir_io(void *dev, struct io_access *io)
{
	struct vfdc *f = dev;
	u32 unit = f->s.dor & DOR_DRIVE;

	sync(f, io->now);
	if (io->write)
		f->s.dsr = (u8)((f->s.dsr & ~3u) | (io->value & 3));
	else
		io->value =
		        unit < VFDC_DRIVES && f->cfg.present[unit] && (f->s.dor >> unit & 0x10) && f->s.changed[unit]
		                ? 0x80
		                : 0;
	update(f);
}

/* ---- for the monitor ---- */

int vfdc_eject(struct vfdc *f, u32 drive)
{
	struct blk *blk;

	if (drive >= VFDC_DRIVES || !f->cfg.present[drive])
		return ERR_NOENT;
	blk = &f->cfg.blk[drive];
	if (f->asked == blk) {
		fdc_drop(f);
		if (!atomic_load(&f->done))
			return ERR_BUSY;
	}
	if (blk->ops)
		f->s.changed[drive] = true;
	blk_connect(blk, NULL);
	*blk = (struct blk){ 0 };
	return OK;
}

int vfdc_insert(struct vfdc *f, u32 drive, const struct blk *medium)
{
	if (drive >= VFDC_DRIVES || !f->cfg.present[drive])
		return ERR_NOENT;
	if (f->cfg.blk[drive].ops)
		return ERR_BUSY;
	f->cfg.blk[drive] = *medium;
	connect_front(f, drive);
	f->s.changed[drive] = true;
	return OK;
}

/* ---- as a device of the board ---- */

STATE_DESC(vfdc_state, VFDC_STATE, 1);

static void reset(void *dev, u64 now)
{
	struct vfdc *f = dev;

	memset(&f->s, 0, sizeof(f->s));
	soft_reset(f);
	f->s.dsr = 2;
	for (u32 i = 0; i < VFDC_DRIVES; i++)
		f->s.changed[i] = f->cfg.present[i];
	update(f);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vfdc *f = dev;
	int err;

	f->cfg = *(const struct vfdc_cfg *)cfg;
	f->irq = env->irq;
	f->pio = env->pio;
	timer_init(&f->timer, env->timers, timer_fired, f);
	f->regs = (struct io_region){ .base = VFDC_PORT, .len = 6, .fn = regs_io, .dev = f, .name = "floppy" };
	f->dir = (struct io_region){ .base = VFDC_DIR, .len = 1, .fn = dir_io, .dev = f, .name = "floppy-change" };
	err = io_bus_add(f->pio, &f->regs);
	if (err)
		return err;
	err = io_bus_add(f->pio, &f->dir);
	if (err) {
		io_bus_remove(f->pio, &f->regs);
		return err;
	}
	for (u32 i = 0; i < VFDC_DRIVES; i++)
		connect_front(f, i);
	reset(f, 0);
	return OK;
}

/* No request is under way any more: idle(). */
static void detach(void *dev)
{
	struct vfdc *f = dev;

	timer_cancel(&f->timer);
	for (u32 i = 0; i < VFDC_DRIVES; i++)
		blk_connect(&f->cfg.blk[i], NULL);
	io_bus_remove(f->pio, &f->regs);
	io_bus_remove(f->pio, &f->dir);
}

static bool idle(void *dev)
{
	const struct vfdc *f = dev;

	return !f->asked || atomic_load(&f->done);
}

/* A request that was under way is made again. */
static void restored(void *dev, u64 now)
{
	struct vfdc *f = dev;

	fdc_drop(f);
	fdc_ask_again(f);
	f->line = wants_irq(&f->s);
	if (f->line)
		irqchip_set_line(f->irq, VFDC_GSI, true);
	timer_set(&f->timer, next_event(&f->s));
}

VDEV_OPS(vfdc, "floppy", VDEV_STATE(vfdc, s, vfdc_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = fdc_valid, .restored = restored, .idle = idle);
