/* Subjects of the tests of states: IDE, with media that are made up and take their time. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/ide/vide.h"

enum { NOTE_IDE_WRITE = 0x300, NOTE_IDE_FLUSH, NOTE_IDE_TRAY, NOTE_IDE_COMPLAINT };

#define SUBJECT_IDE_SLOT 5
#define SUBJECT_IDE_BM   0xc000u

/* A medium: what is read follows from the sector, what is written is told. One request a channel. */
struct subject_medium {
	struct state_world *w;
	struct blk_info info;
	struct blk_req *req;
};

struct subject_ide_world {
	struct vpci pci;
	struct subject_medium medium[3];
};

static inline const struct blk_info *subject_medium_info(const void *ctx)
{
	return &((const struct subject_medium *)ctx)->info;
}
static inline void subject_medium_connect(void *ctx, const struct blk_front *front) {}
static inline int subject_medium_submit(void *ctx, struct blk_req *req)
{
	struct subject_medium *m = ctx;

	assert(blk_req_ok(req) && !m->req);
	m->req = req;
	return OK;
}
static inline void subject_medium_cancel(void *ctx, struct blk_req *req)
{
	struct subject_medium *m = ctx;

	if (m->req != req)
		return;
	m->req = NULL;
	req->done(req, BLK_CANCELLED);
}
static inline bool subject_medium_quiesce(void *ctx)
{
	struct subject_medium *m = ctx;

	if (m->req)
		subject_medium_cancel(m, m->req);
	return true;
}

static const struct blk_ops subject_medium_ops = { .info = subject_medium_info,
	                                           .connect = subject_medium_connect,
	                                           .submit = subject_medium_submit,
	                                           .cancel = subject_medium_cancel,
	                                           .quiesce = subject_medium_quiesce };

static inline void subject_medium_work(struct subject_medium *m)
{
	struct blk_req *r = m->req;
	enum blk_status status = BLK_OK;
	u8 *p;

	if (!r)
		return;
	m->req = NULL;
	if (r->op != BLK_FLUSH && !blk_req_inside(r, m->info.sectors))
		status = BLK_MEDIUM;
	else if (r->op != BLK_READ && r->sector % 64 == 63)
		status = BLK_NO_ROOM;
	else if (r->op == BLK_READ && r->sector % 128 == 127)
		status = BLK_TIMEOUT;
	p = r->nr_segs ? r->seg[0].mem : NULL;
	for (u32 i = 0; status == BLK_OK && i < r->count; i++, p += BLK_SECTOR) {
		if (r->op == BLK_READ)
			memset(p + i, (u8)((r->sector + i) * 7), BLK_SECTOR - i);
		else
			world_note(m->w, NOTE_IDE_WRITE, (r->sector + i) << 16 | (u32)r->fua << 8 | p[i * 32]);
	}
	if (r->op == BLK_FLUSH)
		world_note(m->w, NOTE_IDE_FLUSH, 0);
	r->done(r, status);
}

static inline void subject_ide_kick(void *arg) {}
static inline void subject_ide_tray(void *arg, u32 drive, bool open)
{
	world_note(arg, NOTE_IDE_TRAY, drive << 1 | open);
}
static inline void subject_ide_complain(void *arg, u32 channel, const char *what, u64 value)
{
	world_note(arg, NOTE_IDE_COMPLAINT, value << 1 | channel);
}

static inline int subject_ide_attach(struct state_world *w)
{
	struct subject_ide_world *x = w->extra;
	struct vide_drive_cfg drive[VIDE_DRIVES] = { { 0 } };
	struct vide_cfg cfg = { .at = { SUBJECT_IDE_SLOT, 0 },
		                .drive = drive,
		                .kick = subject_ide_kick,
		                .tray = subject_ide_tray,
		                .complain = subject_ide_complain,
		                .arg = w };
	int err = vpci_ops.attach(&x->pci, &w->env, NULL);

	w->env.pci = &x->pci;
	for (u32 i = 0; i < 3; i++) {
		bool cd = i == 1;

		x->medium[i] = (struct subject_medium){ .w = w,
			                                .info = { .sectors = cd ? 400 : 5000,
			                                          .logical = cd ? 2048 : 512,
			                                          .physical = cd ? 2048 : 512,
			                                          .read_only = cd } };
		drive[i ? i + 1 : 0] = (struct vide_drive_cfg){ cd ? VIDE_CD : VIDE_DISK,
			                                        { &subject_medium_ops, &x->medium[i] },
			                                        NULL };
	}
	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_ide_detach(struct state_world *w)
{
	vpci_ops.detach(w->env.pci);
}

static inline void subject_ide_enable(struct state_world *w)
{
	struct vpci *pci = w->env.pci;

	vpci_cfg_write(pci, SUBJECT_IDE_SLOT, 0, 0x40, 4, 0x80008000, w->now);
	vpci_cfg_write(pci, SUBJECT_IDE_SLOT, 0, 0x20, 4, SUBJECT_IDE_BM, w->now);
	vpci_cfg_write(pci, SUBJECT_IDE_SLOT, 0, PCI_COMMAND, 2, 5, w->now);
}

/* A command with plausible registers. */
static inline void subject_ide_command(struct state_world *w, struct state_dice *d)
{
	static const u8 commands[] = { 0x20, 0x30, 0xc8, 0xca, 0x24, 0x35, 0xc4, 0xc5, 0xc6, 0xec, 0xa1, 0xe7,
		                       0xef, 0x91, 0xf8, 0x90, 0x08, 0x40, 0xa0, 0xa0, 0xa0, 0xa0, 0xe5, 0xe2 };
	static const u8 packets[] = { 0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x28, 0x2b, 0x43,
		                      0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe, 0xff, 0x28, 0x28 };
	u8 how = d_u8(d), cmd = commands[d_below(d, ARRAY_SIZE(commands))];
	u32 base = how & 1 ? 0x170 : 0x1f0;

	world_out(w, base + 6, (u8)(0xa0 | (how & 0x50)));
	world_out(w, base + 1, cmd == 0xef ? 3 : how >> 7);
	world_out(w, base + 2, d_u8(d) & 31);
	world_out(w, base + 3, d_u8(d));
	world_out(w, base + 4, d_u8(d) & 15);
	world_out(w, base + 5, how & 8 ? 0 : 8);
	world_out(w, base + 7, cmd);
	if (cmd != 0xa0)
		return;
	world_io(w, &w->pio, base, 2, true, packets[d_below(d, ARRAY_SIZE(packets))] | (d_u8(d) & 3) << 8);
	world_io(w, &w->pio, base, 2, true, 0);
	world_io(w, &w->pio, base, 2, true, (u32)(d_u8(d) & 0x7f) << 8);
	world_io(w, &w->pio, base, 2, true, 0);
	world_io(w, &w->pio, base, 2, true, d_u8(d));
	world_io(w, &w->pio, base, 2, true, d_u8(d));
}

/* Many words through a data port. */
static inline void subject_ide_data(struct state_world *w, struct state_dice *d)
{
	u8 how = d_u8(d);

	for (u32 i = 0; i < how >> 1; i++)
		world_io(w, &w->pio, how & 1 ? 0x170 : 0x1f0, how & 2 ? 4 : 2, i & how & 1, i);
}

static inline void subject_ide_master(struct state_world *w, struct state_dice *d)
{
	u8 how = d_u8(d);
	u32 bm = SUBJECT_IDE_BM + (how & 1) * 8, table = (how >> 4) * 0x100u;

	for (u32 i = 0; i < 8; i++) {
		u32 prd[2] = { d_u8(d) * 64u + (how & 2 ? 0xf0000000u * (how >> 7) : 0), d_u8(d) * 32u };

		if (i == 7 || d_u8(d) % 8 == 0)
			prd[1] |= 0x80000000u;
		memcpy(w->ram + table + 8 * i, prd, 8);
	}
	world_io(w, &w->pio, bm, 1, true, 0);
	world_io(w, &w->pio, bm + 4, 4, true, table);
	world_io(w, &w->pio, bm, 1, true, how & 4 ? 1 : 9);
}

static inline void subject_ide_work(struct state_world *w)
{
	struct subject_ide_world *x = w->extra;

	for (u32 i = 0; i < 3; i++)
		subject_medium_work(&x->medium[i]);
	vide_work(w->dev, 0);
	vide_work(w->dev, 1);
}

static inline void subject_ide_step(struct state_world *w, struct state_dice *d)
{
	static const u32 ports[] = { 0x1f0, 0x170, SUBJECT_IDE_BM, 0x3f6 };
	u8 op = d_u8(d);

	switch (op & 15) {
	case 0: world_access(w, d, &w->pio, ports[op >> 4 & 3], 8); break;
	case 1: world_access(w, d, &w->pio, op & 16 ? 0x3f6 : 0x376, 1); break;
	case 2: world_access(w, d, &w->pio, SUBJECT_IDE_BM, 16); break;
	case 3:
	case 4: subject_ide_command(w, d); break;
	case 5:
	case 6: subject_ide_data(w, d); break;
	case 7: subject_ide_master(w, d); break;
	case 8: world_in(w, op & 16 ? 0x1f7 : 0x177); break;
	case 9:
		if (op == 0xf9)
			w->ops->reset(w->dev, w->now);
		else if (op == 0xe9)
			vpci_cfg_write(w->env.pci, SUBJECT_IDE_SLOT, 0, d_u8(d) & 0xfc, 4, d_u32(d), w->now);
		break;
	case 10: subject_ide_enable(w); break;
	case 11: world_pass(w, d_span(d)); break;
	default: subject_ide_work(w); break;
	}
}

static inline void subject_ide_invariants(struct state_world *w)
{
	struct vide *ide = w->dev;
	struct state_check c = { .now = w->now };
	const void *part[VDEV_PARTS] = { &ide->s, &ide->pci.s };

	assert(vide_ops.valid(ide, part, &c));
	for (u32 i = 0; i < VIDE_CHANNELS; i++) {
		const struct vide_channel_state *s = &ide->s.ch[i];

		assert(w->level[14 + i] == (s->drive[s->select >> 4 & 1].irq && !(s->control & 2)));
		assert((ide->ch[i].asked != NULL) == (s->phase == VIDE_MEDIUM));
	}
	/* A request comes back at once when it is cancelled: nothing else is waited for. */
	assert(vide_ops.idle(ide) == ((ide->s.ch[0].phase < VIDE_MEDIUM) && (ide->s.ch[1].phase < VIDE_MEDIUM)));
}

static const struct state_subject state_subjects_ide[] = {
	{ "ide", &vide_ops, sizeof(struct vide), sizeof(struct subject_ide_world), subject_ide_attach,
	  subject_ide_step, subject_ide_invariants, subject_ide_detach },
};
