/* IDE: CD-ROM drives. PACKET commands of MMC-3, SPC-2 and SFF-8020i; media come and go. */
#include "lib/atomic.h"
#include "vmm/dev/ide/vide_priv.h"

#define PROFILE_CDROM 8

/* ---- how commands end ---- */

void vide_packet_end(struct vide_channel *c, u8 key, u8 asc, u8 ascq)
{
	struct vide_drive_state *d = vide_drive(c, c->s->unit);

	d->sense = key;
	d->asc = asc;
	d->ascq = ascq;
	d->task[VIDE_COUNT] = IR_IN | IR_COMMAND;
	vide_finish(c, key ? ST_DRDY | ST_ERR : ST_GOOD, key ? (u8)(key << 4 | ER_ABRT) : 0);
}

void vide_packet_answer(struct packet *p, u32 len, u32 room)
{
	len = MIN(len, room);
	p->d->sense = p->d->asc = p->d->ascq = 0;
	if (len)
		vide_answer(p->c, len, vide_packet_block(p->d));
	else
		vide_packet_well(p);
}

/* ---- what and who ---- */

static void inquiry(struct packet *p)
{
	u8 *b = p->c->s->buf;

	memset(b, 0, 36);
	b[0] = 5;    /* CD-ROM */
	b[1] = 0x80; /* removable */
	b[3] = 0x21; /* ATAPI, answer in this format */
	b[4] = 31;
	memcpy(b + 8, "BULKHEADCD-ROM          1.0 ", 28);
	if (p->cmd[1] & 3 || p->cmd[2])
		vide_packet_refuse(p, ILLEGAL, ASC_BAD_FIELD, 0);
	else
		vide_packet_answer(p, 36, vide_be16(p->cmd + 3));
}

static void request_sense(struct packet *p)
{
	u8 *b = p->c->s->buf;

	if (p->d->attention && !p->d->sense) {
		p->d->sense = ATTENTION;
		p->d->asc = p->d->attention;
		p->d->attention = 0;
	}
	memset(b, 0, 18);
	b[0] = 0x70;
	b[2] = p->d->sense;
	b[7] = 10;
	b[12] = p->d->asc;
	b[13] = p->d->ascq;
	vide_packet_answer(p, 18, p->cmd[4]);
}

/* Pages 01h (error recovery), 0Eh (audio, as 2Ah says there is none), 2Ah (capabilities). */
static void mode_sense(struct packet *p)
{
	u8 *b = p->c->s->buf, page = p->cmd[2] & 0x3f;
	u32 n = 8;

	if (p->cmd[2] >> 6 == 3) {
		vide_packet_refuse(p, ILLEGAL, 0x39, 0); /* nothing can be saved */
		return;
	}
	memset(b, 0, 64);
	b[2] = vide_has_medium(p) ? 0x01 : p->d->open ? 0x71 : 0x70; /* 120 mm data, tray open, no disc */
	if (page == 0x01 || page == 0x3f) {
		b[n] = 0x01;
		b[n + 1] = 6;
		b[n + 3] = 5; /* retries */
		n += 8;
	}
	if (page == 0x2a || page == 0x3f) {
		u8 *m = b + n;

		m[0] = 0x2a;
		m[1] = 20;
		m[2] = 0x03;                                /* reads CD-R and CD-RW */
		m[4] = 0x70;                                /* mode 2 form 1 and 2, several sessions */
		m[6] = (u8)(0x29 | (p->d->locked ? 2 : 0)); /* tray, locks, ejects */
		vide_put16(m + 8, 706);                     /* speed, kB/s: four times */
		vide_put16(m + 12, 64);
		vide_put16(m + 14, 706);
		n += 22;
	}
	vide_put16(b, n - 2);
	if (n == 8)
		vide_packet_refuse(p, ILLEGAL, ASC_BAD_FIELD, 0);
	else
		vide_packet_answer(p, n, vide_be16(p->cmd + 7));
}

/* Features: profile list, core, morphing, removable medium, random readable, CD read. */
static void get_configuration(struct packet *p)
{
	static const u8 features[] = {
		0x00, 0x00, 0x03, 4,    0x00, PROFILE_CDROM,
		0x01, 0, /* current when there is a medium */
		0x00, 0x01, 0x03, 8,    0,    0,
		0,    2,    0,    0,    0,    0, /* ATAPI */
		0x00, 0x02, 0x03, 4,    0,    0,
		0,    0, /* events are asked for */
		0x00, 0x03, 0x03, 4,    0x29, 0,
		0,    0, /* tray, ejects, locks */
		0x00, 0x10, 0x01, 8,    0,    0,
		0x08, 0x00, 0x00, 0x10, 0,    0, /* 2048 bytes, 16 sectors */
		0x00, 0x1e, 0x09, 4,    0,    0,
		0,    0,
	};
	u8 *b = p->c->s->buf, how = p->cmd[1] & 3;
	u32 n = 8, start = vide_be16(p->cmd + 2);

	memset(b, 0, 8);
	for (u32 i = 0; i < sizeof(features); i += 4u + features[i + 3]) {
		const u8 *f = features + i;
		u32 code = vide_be16(f), len = 4u + f[3];
		bool current = (f[2] & 1) && ((f[2] & 2) || vide_has_medium(p));

		if (how == 2 ? code != start : code < start || (how == 1 && !current))
			continue;
		memcpy(b + n, f, len);
		if (!current)
			b[n + 2] &= 0xfe;
		if (code == 0)
			b[n + 6] = vide_has_medium(p);
		n += len;
	}
	vide_put32(b, n - 4);
	b[7] = vide_has_medium(p) ? PROFILE_CDROM : 0;
	if (how == 3)
		vide_packet_refuse(p, ILLEGAL, ASC_BAD_FIELD, 0);
	else
		vide_packet_answer(p, n, vide_be16(p->cmd + 7));
}

/* ---- the tray ---- */

static void get_event(struct packet *p)
{
	u8 *b = p->c->s->buf;
	u32 room = vide_be16(p->cmd + 7);

	if (!(p->cmd[1] & 1)) { /* only when asked for */
		vide_packet_refuse(p, ILLEGAL, ASC_BAD_FIELD, 0);
		return;
	}
	memset(b, 0, 8);
	b[3] = 0x10; /* media events are there */
	if (!(p->cmd[4] & 0x10)) {
		b[1] = 2;
		b[2] = 0x80; /* no event of those */
		vide_packet_answer(p, 4, room);
		return;
	}
	b[1] = 6;
	b[2] = 4;
	b[4] = p->d->event;
	b[5] = (u8)((p->d->open ? 1 : 0) | (vide_has_medium(p) ? 2 : 0));
	if (room > 4)
		p->d->event = VIDE_EV_NONE;
	vide_packet_answer(p, 8, room);
}

static void mechanism_status(struct packet *p)
{
	memset(p->c->s->buf, 0, 8);
	p->c->s->buf[1] = p->d->open ? 0x10 : 0;
	vide_packet_answer(p, 8, vide_be16(p->cmd + 8));
}

static void lock(struct packet *p)
{
	p->d->locked = p->cmd[4] & 1;
	vide_packet_well(p);
}

static void move_tray(struct packet *p, bool open)
{
	const struct vide_cfg *cfg = &p->c->ide->cfg;

	if (p->d->open != open) {
		p->d->open = open;
		p->d->event = open ? VIDE_EV_REMOVED : vide_has_medium(p) ? VIDE_EV_NEW : VIDE_EV_NONE;
		if (vide_has_medium(p))
			p->d->attention = ASC_CHANGED;
		if (cfg->tray)
			cfg->tray(cfg->arg, p->c->nr * 2 + p->c->s->unit, open);
	}
	vide_packet_well(p);
}

static void start_stop(struct packet *p)
{
	u8 what = p->cmd[4] & 3;

	if (p->cmd[4] & 0xf0 || !(what & 2))
		vide_packet_well(p); /* power conditions, spinning up and down */
	else if (!(what & 1) && p->d->locked)
		vide_packet_refuse(p, ILLEGAL, ASC_LOCKED, 2);
	else
		move_tray(p, !(what & 1));
}

/* ---- the table ---- */

#define NEEDS_MEDIUM   1
#define TELLS_NO_ALARM 2 /* a unit attention is left for the next command */

static const struct {
	u8 op, flags;
	void (*fn)(struct packet *p);
} commands[] = {
	{ 0x00, NEEDS_MEDIUM, vide_packet_well },
	{ 0x03, TELLS_NO_ALARM, request_sense },
	{ 0x12, TELLS_NO_ALARM, inquiry },
	{ 0x1b, 0, start_stop },
	{ 0x1e, 0, lock },
	{ 0x25, NEEDS_MEDIUM, vide_cd_read_capacity },
	{ 0x28, NEEDS_MEDIUM, vide_cd_read_10 },
	{ 0x2b, NEEDS_MEDIUM, vide_cd_seek },
	{ 0x43, NEEDS_MEDIUM, vide_cd_read_toc },
	{ 0x46, TELLS_NO_ALARM, get_configuration },
	{ 0x4a, TELLS_NO_ALARM, get_event },
	{ 0x51, NEEDS_MEDIUM, vide_cd_read_disc_information },
	{ 0x5a, 0, mode_sense },
	{ 0xa8, NEEDS_MEDIUM, vide_cd_read_12 },
	{ 0xbb, 0, vide_packet_well }, /* SET CD SPEED */
	{ 0xbd, 0, mechanism_status },
	{ 0xbe, NEEDS_MEDIUM, vide_cd_read_cd },
};

void vide_packet(struct vide_channel *c)
{
	struct packet p = { .c = c, .d = vide_drive(c, c->s->unit) };

	memcpy(p.cmd, c->s->buf, sizeof(p.cmd));
	c->s->phase = VIDE_IDLE;
	c->s->pos = c->s->end = c->s->fill = 0;
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++) {
		u8 flags = commands[i].flags;

		if (commands[i].op != p.cmd[0])
			continue;
		if (p.d->attention && !(flags & TELLS_NO_ALARM)) {
			u8 asc = p.d->attention;

			p.d->attention = 0;
			vide_packet_refuse(&p, ATTENTION, asc, 0);
		} else if ((flags & NEEDS_MEDIUM) && !vide_has_medium(&p)) {
			vide_packet_refuse(&p, NOT_READY, ASC_NO_MEDIUM, p.d->open ? 2 : 1);
		} else {
			commands[i].fn(&p);
		}
		return;
	}
	vide_packet_refuse(&p, ILLEGAL, ASC_BAD_COMMAND, 0);
}

enum ata_outcome vide_packet_begin(struct vide_channel *c)
{
	struct vide_drive_state *d = vide_drive(c, vide_selected(c));

	if (d->task[VIDE_FEATURE] & 2) /* overlapped */
		return ATA_ABORT;
	c->s->unit = (u8)vide_selected(c);
	c->s->dma = d->task[VIDE_FEATURE] & 1;
	c->s->phase = VIDE_PACKET;
	c->s->action = VIDE_DATA;
	c->s->pos = 0;
	c->s->left = 0;
	c->s->end = c->s->fill = sizeof(((struct packet *)0)->cmd);
	d->task[VIDE_COUNT] = IR_COMMAND;
	d->status = ST_GOOD;
	d->error = 0;
	return ATA_STARTED;
}
