/* IDE: the discs in CD-ROM drives: what is on them; how they come and go. MMC-3. */
#include "vmm/dev/ide/vide_priv.h"

#define CD_SECTOR  2048
#define PER_SECTOR (CD_SECTOR / BLK_SECTOR)
#define LEAD_IN    150 /* sectors from 00:00:00 to sector 0 */
#define LEAD_OUT   0xaa

/* Sectors of 2048 bytes. */
static u32 capacity(const struct packet *p)
{
	return (u32)MIN(vide_sectors(p->c, p->c->s->unit) / PER_SECTOR, 0xffffffffull);
}

/* ---- the disc ---- */

void vide_cd_read_capacity(struct packet *p)
{
	vide_put32(p->c->s->buf, capacity(p) - 1);
	vide_put32(p->c->s->buf + 4, CD_SECTOR);
	vide_packet_answer(p, 8, 8);
}

/* An address as minute, second, frame, or as it is. */
static void put_address(u8 *b, u32 sector, bool msf)
{
	vide_put32(b, sector);
	if (!msf)
		return;
	sector += LEAD_IN;
	b[0] = 0;
	b[1] = (u8)MIN(sector / (75 * 60), 255u);
	b[2] = (u8)(sector / 75 % 60);
	b[3] = (u8)(sector % 75);
}

/* Formats 0 (one data track and the lead-out) and 1 (one session). */
static u32 toc(struct packet *p, u8 *b, u32 format, bool msf, u8 first)
{
	u32 n = 4;

	b[2] = b[3] = 1;
	for (u32 i = 0; i < (format ? 1u : 2u); i++) {
		u8 track = i ? LEAD_OUT : 1;

		if (!format && track < first)
			continue;
		b[n + 1] = 0x14; /* data, copying not allowed: as all CD-ROMs say */
		b[n + 2] = track;
		put_address(b + n + 4, i ? capacity(p) : 0, msf);
		n += 8;
	}
	return n;
}

/* Format 2: what the lead-in has; first track, last track, lead-out, the track. */
static u32 raw_toc(struct packet *p, u8 *b, bool msf)
{
	static const u8 points[] = { 0xa0, 0xa1, 0xa2, 1 };

	b[2] = b[3] = 1;
	for (u32 i = 0; i < 4; i++) {
		u8 *e = b + 4 + 11 * i, at[4];

		e[0] = 1; /* session */
		e[1] = 0x14;
		e[3] = points[i];
		put_address(at, i == 2 ? capacity(p) : 0, true);
		if (i >= 2)
			memcpy(e + 8, at + 1, 3);
		else
			e[8] = 1;
	}
	return 4 + 11 * 4;
}

void vide_cd_read_toc(struct packet *p)
{
	u8 *b = p->c->s->buf, format = p->cmd[2] & 15, first = p->cmd[6];
	bool msf = p->cmd[1] & 2;
	u32 n;

	if (!format)
		format = p->cmd[9] >> 6; /* where SFF-8020i had it */
	memset(b, 0, 64);
	if (format > 2 || (!format && first > 1 && first != LEAD_OUT)) {
		vide_packet_refuse(p, ILLEGAL, ASC_BAD_FIELD, 0);
		return;
	}
	n = format == 2 ? raw_toc(p, b, msf) : toc(p, b, format, msf, first);
	vide_put16(b, n - 2);
	vide_packet_answer(p, n, vide_be16(p->cmd + 7));
}

void vide_cd_read_disc_information(struct packet *p)
{
	u8 *b = p->c->s->buf;

	memset(b, 0, 34);
	b[1] = 32;
	b[2] = 0x0e; /* complete, last session complete */
	b[3] = b[4] = b[5] = b[6] = 1;
	b[7] = 0x20; /* may be used freely */
	memset(b + 16, 0xff, 8);
	vide_packet_answer(p, 34, vide_be16(p->cmd + 7));
}

static void read_sectors(struct packet *p, u32 lba, u32 n)
{
	if (lba > capacity(p) || n > capacity(p) - lba) {
		vide_packet_refuse(p, ILLEGAL, ASC_BEYOND, 0);
		return;
	}
	if (!n) {
		vide_packet_well(p);
		return;
	}
	p->d->sense = p->d->asc = p->d->ascq = 0;
	vide_start(p->c, VIDE_READ, (u64)lba * PER_SECTOR, (u64)n * PER_SECTOR, vide_packet_block(p->d));
}

void vide_cd_read_10(struct packet *p)
{
	read_sectors(p, vide_be32(p->cmd + 2), vide_be16(p->cmd + 7));
}

void vide_cd_read_12(struct packet *p)
{
	read_sectors(p, vide_be32(p->cmd + 2), vide_be32(p->cmd + 6));
}

/* READ CD: the user's data, or (nothing is asked for) a seek. */
void vide_cd_read_cd(struct packet *p)
{
	u32 n = vide_be16(p->cmd + 7) | (u32)p->cmd[6] << 16, what = p->cmd[9] & 0xf8;

	if (what == 0x10 && !(p->cmd[10] & 7))
		read_sectors(p, vide_be32(p->cmd + 2), n);
	else if (!what)
		read_sectors(p, vide_be32(p->cmd + 2), 0);
	else
		vide_packet_refuse(p, ILLEGAL, ASC_BAD_FIELD, 0);
}

void vide_cd_seek(struct packet *p)
{
	read_sectors(p, vide_be32(p->cmd + 2), 0);
}

/* ---- for the monitor ---- */

static struct vide_channel *cd_drive(struct vide *d, u32 drive)
{
	return drive < VIDE_DRIVES && d->drive[drive].kind == VIDE_CD ? &d->ch[drive / 2] : NULL;
}

/* A command of the drive's is under way. */
static bool commanded(const struct vide_channel *c, u32 unit)
{
	return c->s->phase != VIDE_IDLE && c->s->phase != VIDE_RESET && c->s->unit == unit;
}

/* It ends without its medium: a guest that leaves it unended would hold that for good. */
static void end_command(struct vide_channel *c)
{
	(void)vide_stop(c);
	vide_packet_end(c, NOT_READY, ASC_NO_MEDIUM, 2);
}

bool vide_locked(const struct vide *d, u32 drive)
{
	return drive < VIDE_DRIVES && d->s.ch[drive / 2].drive[drive % 2].locked;
}

int vide_eject(struct vide *d, u32 drive, bool force)
{
	struct vide_channel *c = cd_drive(d, drive);
	struct vide_drive_state *s;

	if (!c)
		return ERR_NOENT;
	s = vide_drive(c, drive % 2);
	if (s->locked && !force) {
		s->event = VIDE_EV_EJECT;
		return ERR_BUSY;
	}
	if (commanded(c, drive % 2)) {
		if (!force)
			return ERR_BUSY;
		end_command(c);
	}
	if (c->asked)
		return ERR_BUSY;
	blk_connect(&d->drive[drive].blk, NULL);
	d->drive[drive].blk = (struct blk){ 0 };
	s->open = true;
	s->locked = false;
	s->event = VIDE_EV_REMOVED;
	return OK;
}

int vide_insert(struct vide *d, u32 drive, const struct blk *medium)
{
	struct vide_channel *c = cd_drive(d, drive);
	struct blk_front front = { .room = d->cfg.kick, .arg = d->cfg.arg };
	struct vide_drive_state *s;

	if (!c)
		return ERR_NOENT;
	s = vide_drive(c, drive % 2);
	if (d->drive[drive].blk.ops || c->asked)
		return ERR_BUSY;
	d->drive[drive].blk = *medium;
	blk_connect(medium, &front);
	s->open = false;
	s->attention = ASC_CHANGED;
	s->event = VIDE_EV_NEW;
	return OK;
}
