/* IDE: commands of disks, and those that both kinds of drives have. ATA/ATAPI-6, clause 8. */
#include "vmm/dev/ide/vide_priv.h"

/* How a command that moves sectors is meant. */
#define RW_WRITE BIT(0)
#define RW_EXT   BIT(1) /* 48-bit addresses */
#define RW_MULT  BIT(2)
#define RW_DMA   BIT(3)
#define RW_FUA   BIT(4)

/* ---- addresses ---- */

static struct vide_drive_state *selected(const struct vide_channel *c)
{
	return vide_drive(c, vide_selected(c));
}

/* What the registers name: *sector and *count, as RW_EXT says. Whether that is on the disk. */
static bool address(const struct vide_channel *c, u32 how, u64 *sector, u64 *count)
{
	const struct vide_drive_state *d = selected(c);
	const u8 *t = d->task, *h = d->hob;
	u32 head = c->s->select & 15, low = t[VIDE_LOW], mid = (u32)t[VIDE_MID] | (u32)t[VIDE_HIGH] << 8;
	u64 sectors = vide_sectors(c, vide_selected(c));

	*count = t[VIDE_COUNT] ? t[VIDE_COUNT] : 256;
	if (how & RW_EXT) {
		*count = (u32)h[VIDE_COUNT] << 8 | t[VIDE_COUNT];
		*count = *count ? *count : 65536;
		*sector = low | mid << 8 | (u64)h[VIDE_LOW] << 24 | (u64)h[VIDE_MID] << 32 | (u64)h[VIDE_HIGH] << 40;
		if (!(c->s->select & DH_LBA))
			return false;
	} else if (c->s->select & DH_LBA) {
		*sector = low | mid << 8 | head << 24;
	} else {
		*sector = ((u64)mid * d->heads + head) * d->track + low - 1;
		if (!low || low > d->track || head >= d->heads)
			return false;
	}
	return *sector < sectors && *count <= sectors - *sector;
}

/* ---- moving sectors ---- */

static enum ata_outcome read_write(struct vide_channel *c, u32 how)
{
	const struct vide_drive_state *d = selected(c);
	u32 block = how & RW_MULT ? d->multiple * BLK_SECTOR : BLK_SECTOR;
	u64 sector, count;

	if (!block)
		return ATA_ABORT;
	if (!address(c, how, &sector, &count))
		return ATA_NO_ID;
	c->s->dma = how & RW_DMA;
	c->s->fua = how & RW_FUA;
	vide_start(c, how & RW_WRITE ? VIDE_WRITE : VIDE_READ, sector, count, block);
	return ATA_STARTED;
}

/* VERIFY reads nothing that anybody wants: sectors that are there can be read. */
static enum ata_outcome verify(struct vide_channel *c, u32 how)
{
	u64 sector, count;

	return address(c, how, &sector, &count) ? ATA_OK : ATA_NO_ID;
}

static enum ata_outcome seek(struct vide_channel *c, u32 how)
{
	u64 sector, count;

	return address(c, 0, &sector, &count) || sector < vide_sectors(c, vide_selected(c)) ? ATA_OK : ATA_NO_ID;
}

static enum ata_outcome flush(struct vide_channel *c, u32 how)
{
	c->s->dma = false;
	vide_start_flush(c);
	return ATA_STARTED;
}

/* ---- who it is ---- */

static enum ata_outcome identify(struct vide_channel *c, u32 how)
{
	vide_identify_disk(c);
	c->s->dma = false;
	vide_answer(c, 512, 512);
	return ATA_STARTED;
}

static enum ata_outcome identify_packet(struct vide_channel *c, u32 how)
{
	vide_identify_cd(c);
	c->s->dma = false;
	vide_answer(c, 512, 512);
	return ATA_STARTED;
}

/* A CD drive refuses this one by saying what it is. */
static enum ata_outcome not_a_disk(struct vide_channel *c, u32 how)
{
	vide_signature(c, vide_selected(c));
	return ATA_ABORT;
}

/* ---- settings ---- */

static bool mode_ok(u8 mode)
{
	u8 kind = mode & 0xf8, n = mode & 7;

	return (kind == 0x00 && n <= 1) || (kind == 0x08 && n <= 4) || (kind == 0x20 && n <= 2) ||
	       (kind == 0x40 && n <= 5);
}

static enum ata_outcome set_features(struct vide_channel *c, u32 how)
{
	struct vide_drive_state *d = selected(c);

	switch (d->task[VIDE_FEATURE]) {
	case 0x02:
	case 0x82: d->cache = d->task[VIDE_FEATURE] == 0x02; return ATA_OK;
	case 0x03:
		if (!mode_ok(d->task[VIDE_COUNT]))
			return ATA_ABORT;
		d->mode = d->task[VIDE_COUNT];
		return ATA_OK;
	case 0x55: /* read look-ahead off, on; defaults kept at a software reset, or not */
	case 0xaa:
	case 0x66:
	case 0xcc: return ATA_OK;
	default: return ATA_ABORT;
	}
}

static enum ata_outcome set_multiple(struct vide_channel *c, u32 how)
{
	struct vide_drive_state *d = selected(c);
	u8 n = d->task[VIDE_COUNT];

	if (n > VIDE_MULTIPLE || (n & (n - 1)))
		return ATA_ABORT;
	d->multiple = n;
	return ATA_OK;
}

static enum ata_outcome init_parameters(struct vide_channel *c, u32 how)
{
	struct vide_drive_state *d = selected(c);
	u8 track = d->task[VIDE_COUNT];

	if (!track)
		return ATA_ABORT;
	d->track = track;
	d->heads = (c->s->select & 15) + 1;
	return ATA_OK;
}

static enum ata_outcome power(struct vide_channel *c, u32 standby)
{
	selected(c)->standby = standby;
	return ATA_OK;
}

static enum ata_outcome check_power(struct vide_channel *c, u32 how)
{
	selected(c)->task[VIDE_COUNT] = selected(c)->standby ? 0x00 : 0xff;
	return ATA_OK;
}

static enum ata_outcome native_max(struct vide_channel *c, u32 how)
{
	struct vide_drive_state *d = selected(c);
	u64 last = vide_sectors(c, vide_selected(c)) - 1;

	if (!(how & RW_EXT)) {
		last = MIN(last, VIDE_LBA28 - 1);
		c->s->select = (c->s->select & 0xf0) | (u8)(last >> 24 & 15);
	}
	for (u32 i = 0; i < 3; i++) {
		d->task[VIDE_LOW + i] = (u8)(last >> 8 * i);
		d->hob[VIDE_LOW + i] = how & RW_EXT ? (u8)(last >> (24 + 8 * i)) : 0;
	}
	return ATA_OK;
}

static enum ata_outcome nothing(struct vide_channel *c, u32 how)
{
	return ATA_OK;
}

static enum ata_outcome device_reset(struct vide_channel *c, u32 how)
{
	u32 unit = vide_selected(c);

	if (c->s->unit == unit && c->s->phase != VIDE_IDLE && vide_stop(c))
		c->s->phase = VIDE_RESET;
	vide_signature(c, unit);
	vide_update_irq(c);
	return ATA_STARTED;
}

static enum ata_outcome packet(struct vide_channel *c, u32 how)
{
	return vide_packet_begin(c);
}

/* ---- the table ---- */

#define ON_DISK 1
#define ON_CD   2
#define ON_BOTH 3

struct command {
	u8 first, last, on;
	u8 how;
	enum ata_outcome (*fn)(struct vide_channel *c, u32 how);
};

static const struct command commands[] = {
	{ 0x08, 0x08, ON_CD, 0, device_reset },
	{ 0x10, 0x1f, ON_DISK, 0, nothing }, /* RECALIBRATE */
	{ 0x20, 0x21, ON_DISK, 0, read_write },
	{ 0x20, 0x21, ON_CD, 0, not_a_disk },
	{ 0x24, 0x24, ON_DISK, RW_EXT, read_write },
	{ 0x25, 0x25, ON_DISK, RW_EXT | RW_DMA, read_write },
	{ 0x27, 0x27, ON_DISK, RW_EXT, native_max },
	{ 0x29, 0x29, ON_DISK, RW_EXT | RW_MULT, read_write },
	{ 0x30, 0x31, ON_DISK, RW_WRITE, read_write },
	{ 0x34, 0x34, ON_DISK, RW_WRITE | RW_EXT, read_write },
	{ 0x35, 0x35, ON_DISK, RW_WRITE | RW_EXT | RW_DMA, read_write },
	{ 0x39, 0x39, ON_DISK, RW_WRITE | RW_EXT | RW_MULT, read_write },
	{ 0x3c, 0x3c, ON_DISK, RW_WRITE, read_write }, /* WRITE VERIFY */
	{ 0x3d, 0x3d, ON_DISK, RW_WRITE | RW_EXT | RW_DMA | RW_FUA, read_write },
	{ 0x40, 0x41, ON_DISK, 0, verify },
	{ 0x42, 0x42, ON_DISK, RW_EXT, verify },
	{ 0x70, 0x7f, ON_DISK, 0, seek },
	{ 0x91, 0x91, ON_DISK, 0, init_parameters },
	{ 0x94, 0x94, ON_BOTH, true, power }, /* the numbers of ATA-1 */
	{ 0x95, 0x95, ON_BOTH, false, power },
	{ 0x96, 0x96, ON_BOTH, true, power },
	{ 0x97, 0x97, ON_BOTH, false, power },
	{ 0x98, 0x98, ON_BOTH, 0, check_power },
	{ 0x99, 0x99, ON_BOTH, true, power },
	{ 0xa0, 0xa0, ON_CD, 0, packet },
	{ 0xa1, 0xa1, ON_CD, 0, identify_packet },
	{ 0xc4, 0xc4, ON_DISK, RW_MULT, read_write },
	{ 0xc5, 0xc5, ON_DISK, RW_WRITE | RW_MULT, read_write },
	{ 0xc6, 0xc6, ON_DISK, 0, set_multiple },
	{ 0xc8, 0xc9, ON_DISK, RW_DMA, read_write },
	{ 0xca, 0xcb, ON_DISK, RW_WRITE | RW_DMA, read_write },
	{ 0xce, 0xce, ON_DISK, RW_WRITE | RW_EXT | RW_MULT | RW_FUA, read_write },
	{ 0xe0, 0xe0, ON_BOTH, true, power },
	{ 0xe1, 0xe1, ON_BOTH, false, power },
	{ 0xe2, 0xe2, ON_BOTH, true, power },
	{ 0xe3, 0xe3, ON_BOTH, false, power },
	{ 0xe5, 0xe5, ON_BOTH, 0, check_power },
	{ 0xe6, 0xe6, ON_BOTH, true, power }, /* SLEEP: woken by any command, not by a reset alone */
	{ 0xe7, 0xe7, ON_DISK, 0, flush },
	{ 0xea, 0xea, ON_DISK, 0, flush },
	{ 0xec, 0xec, ON_DISK, 0, identify },
	{ 0xec, 0xec, ON_CD, 0, not_a_disk },
	{ 0xef, 0xef, ON_BOTH, 0, set_features },
	{ 0xf8, 0xf8, ON_DISK, 0, native_max },
};

static enum ata_outcome run(struct vide_channel *c, u8 command)
{
	u32 on = vide_kind(c, vide_selected(c)) == VIDE_CD ? ON_CD : ON_DISK;

	for (u32 i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *k = &commands[i];

		if (command >= k->first && command <= k->last && (k->on & on))
			return k->fn(c, k->how);
	}
	return ATA_ABORT;
}

/* EXECUTE DEVICE DIAGNOSTIC: both drives, whichever is selected, and drive 0 answers. */
static void diagnostic(struct vide_channel *c)
{
	c->s->select = 0;
	for (u32 u = 0; u < 2; u++)
		vide_signature(c, u);
	c->s->unit = 0;
	if (vide_kind(c, 0) != VIDE_NONE)
		vide_raise(c, 0);
}

void vide_command(struct vide_channel *c, u8 command)
{
	u32 unit = vide_selected(c);
	enum vide_kind kind = vide_kind(c, unit);
	enum ata_outcome out;

	if (kind == VIDE_NONE && command != 0x90)
		return;
	/* Another one while data was to be moved: that is given up. */
	if (c->s->phase != VIDE_IDLE && command != 0x08)
		(void)vide_stop(c);
	if (command == 0x90) {
		diagnostic(c);
		return;
	}
	out = run(c, command);
	if (out == ATA_STARTED)
		return;
	c->s->unit = (u8)unit;
	if (out == ATA_OK)
		vide_finish(c, ST_GOOD, 0);
	else
		vide_finish(c, ST_GOOD | ST_ERR, out == ATA_ABORT ? ER_ABRT : ER_IDNF);
}
