/* Floppy controller: sectors between a drive's medium, the buffer and the guest. */
#include "lib/atomic.h"
#include "lib/string.h"
#include "vmm/dev/pc/vfdc_priv.h"

#define ID_BYTES 4 /* of FORMAT, for each sector */

enum { C, H, R };

static u8 kind_of(const struct vfdc_state *s)
{
	return s->cmd[0] & CMD_KIND;
}

/* ---- the end of a command ---- */

void fdc_end(struct vfdc *f, u8 st0, u8 st1, u8 st2)
{
	struct vfdc_state *s = &f->s;

	s->result[0] = (u8)(st0 | (s->cmd[1] & 7));
	s->result[1] = st1;
	s->result[2] = st2;
	memcpy(s->result + 3, s->chr, 3);
	s->result[6] = 2;
	fdc_result(f, 7, true);
}

static void fail(struct vfdc *f, u8 st1, u8 st2)
{
	fdc_end(f, ST0_ABNORMAL, st1, st2);
}

/* ---- requests ---- */

static void done(struct blk_req *req, enum blk_status status)
{
	struct vfdc *f = req->arg;

	f->status = (u8)status;
	atomic_store(&f->done, 1);
}

void fdc_drop(struct vfdc *f)
{
	if (!f->asked)
		return;
	f->stale = true;
	if (!atomic_load(&f->done))
		blk_cancel(f->asked, &f->req);
}

/* ---- one sector ---- */

/* Why the next sector cannot be: ST1, 0 if it can; *st2. */
static u8 refusal(struct vfdc *f, const struct vfdc_geometry *g, u8 *st2)
{
	struct vfdc_state *s = &f->s;
	u8 cyl = s->pcn[fdc_unit(s)];

	*st2 = 0;
	if (!g->heads || g->rate != (s->dsr & 3) || cyl >= g->cylinders)
		return ST1_NO_ADDRESS;
	if (fdc_is_write(s) && blk_info(&f->cfg.blk[fdc_unit(s)])->read_only)
		return ST1_PROTECTED;
	if (kind_of(s) == CMD_FORMAT)
		return s->cmd[2] != 2 ? ST1_NO_SECTOR : 0;
	if (s->chr[C] != cyl) {
		*st2 = ST2_WRONG_CYL;
		return ST1_NO_SECTOR;
	}
	if (s->cmd[5] != 2 || s->chr[H] >= g->heads || s->chr[R] < 1 || s->chr[R] > g->track)
		return ST1_NO_SECTOR;
	return 0;
}

/* Without DMA: the guest is told that bytes are wanted, or there. */
static void to_guest(struct vfdc *f, u8 phase)
{
	f->s.phase = phase;
	f->s.pos = 0;
	f->s.irq = true;
	f->s.due_at = TIMER_OFF;
}

static u32 dma(struct vfdc *f, u32 len, bool to_memory)
{
	if (!(f->s.dor & DOR_GATE))
		return 0;
	return vdma_transfer(f->cfg.dma, VFDC_DMA, f->s.buf, len, to_memory, &f->s.end);
}

/* FORMAT: buf has a sector's identity. What is written is the filler; a sector that there is not, is not. */
static void take_id(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;

	memcpy(s->chr, s->buf, 3);
	memset(s->buf, s->cmd[5], BLK_SECTOR);
}

/* Gets what is to be written. False: the guest's bytes are to come, or there are none. */
static bool fill(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;
	u32 len = kind_of(s) == CMD_FORMAT ? ID_BYTES : BLK_SECTOR;

	if (s->filled)
		return true;
	if (!fdc_by_dma(s)) {
		to_guest(f, VFDC_TAKE);
		return false;
	}
	memset(s->buf, 0, sizeof(s->buf));
	if (!dma(f, len, false)) {
		fail(f, ST1_OVERRUN, 0);
		return false;
	}
	s->filled = true;
	if (kind_of(s) == CMD_FORMAT)
		take_id(f);
	return true;
}

/* Of the medium; the sector is one that it has. */
static u64 lba_of(const struct vfdc_state *s, const struct vfdc_geometry *g, u8 head)
{
	return ((u64)s->pcn[fdc_unit(s)] * g->heads + head) * g->track + s->chr[R] - 1;
}

/* The side that is meant. */
static u8 head_of(const struct vfdc_state *s)
{
	return kind_of(s) == CMD_FORMAT ? s->cmd[1] >> 2 & 1 : s->chr[H];
}

/* FORMAT: whether there is a place for that sector. */
static bool has_place(const struct vfdc_state *s, const struct vfdc_geometry *g)
{
	return head_of(s) < g->heads && s->chr[R] >= 1 && s->chr[R] <= g->track;
}

/* OK or what the medium says: then there is none under way. */
static int ask(struct vfdc *f, u64 lba)
{
	const struct blk *blk = &f->cfg.blk[fdc_unit(&f->s)];
	int err;

	memcpy(f->copy, f->s.buf, BLK_SECTOR);
	f->seg = (struct blk_seg){ f->copy, BLK_SECTOR };
	f->req = (struct blk_req){ .op = fdc_is_write(&f->s) ? BLK_WRITE : BLK_READ,
		                   .sector = lba,
		                   .count = 1,
		                   .seg = &f->seg,
		                   .nr_segs = 1,
		                   .done = done,
		                   .arg = f };
	f->stale = false;
	atomic_store(&f->done, 0);
	f->asked = blk;
	err = blk_submit(blk, &f->req);
	if (err)
		f->asked = NULL;
	return err;
}

static void submit(struct vfdc *f, u64 lba)
{
	int err = ask(f, lba);

	f->s.asking = !err;
	if (err && err != ERR_BUSY)
		fail(f, ST1_NO_ADDRESS, 0);
}

void fdc_ask_again(struct vfdc *f)
{
	struct vfdc_state *s = &f->s;
	struct vfdc_geometry g = fdc_medium(f, fdc_unit(s));
	u8 st2;

	/* What cannot be any more is told when due_at comes; so is a request that is still to come back. */
	if (s->asking && !f->asked && !refusal(f, &g, &st2) && has_place(s, &g))
		(void)!ask(f, lba_of(s, &g, head_of(s)));
}

static void advance(struct vfdc *f, u64 now);

/* The next sector: its request is made, or why not is told. */
static void sector(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	struct vfdc_geometry g = fdc_medium(f, fdc_unit(s));
	u8 st2, st1;

	s->due_at = now + VFDC_POLL_NS;
	st1 = refusal(f, &g, &st2);
	if (st1) {
		fail(f, st1, st2);
		return;
	}
	if (kind_of(s) != CMD_FORMAT) /* the head that is selected */
		s->cmd[1] = (u8)((s->cmd[1] & ~ST0_HEAD) | (s->chr[H] & 1 ? ST0_HEAD : 0));
	if (kind_of(s) == CMD_VERIFY) {
		advance(f, now);
		return;
	}
	if (fdc_is_write(s) && !fill(f))
		return;
	if (!has_place(s, &g)) {
		advance(f, now);
		return;
	}
	submit(f, lba_of(s, &g, head_of(s)));
}

/* Where the sector after this one is; whether that is beyond the last one of the command. */
static bool next_sector(struct vfdc_state *s)
{
	bool both = s->cmd[0] & CMD_MT;

	if (s->chr[R] != s->cmd[6]) {
		s->chr[R]++;
		return false;
	}
	s->chr[R] = 1;
	if (both && !(s->chr[H] & 1)) {
		s->chr[H] |= 1;
		return false;
	}
	s->chr[C]++;
	if (both)
		s->chr[H] &= 0xfe;
	return true;
}

/* A sector is done with. */
static void advance(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	u8 kind = kind_of(s);
	bool counted = kind == CMD_FORMAT || (kind == CMD_VERIFY && (s->cmd[1] & 0x80)), last;

	s->filled = false;
	s->phase = VFDC_MEDIUM;
	s->due_at = now + VFDC_POLL_NS;
	last = kind != CMD_FORMAT && next_sector(s);
	if (counted && s->left)
		s->left--;
	if ((counted && !s->left) || s->end || kind == CMD_READ_DELETED)
		fdc_end(f, 0, 0, kind == CMD_READ_DELETED ? ST2_DELETED : 0);
	else if (last)
		fdc_end(f, kind == CMD_VERIFY ? 0 : ST0_ABNORMAL, kind == CMD_VERIFY ? 0 : ST1_END, 0);
}

/* A request has come back. */
static void complete(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;

	if (f->status != BLK_OK) {
		fail(f, f->status == BLK_GONE ? ST1_NO_ADDRESS : ST1_DATA, 0);
		return;
	}
	if (fdc_is_write(s)) {
		advance(f, now);
		return;
	}
	memcpy(s->buf, f->copy, BLK_SECTOR);
	if (!fdc_by_dma(s))
		to_guest(f, VFDC_GIVE);
	else if (!dma(f, BLK_SECTOR, true))
		fail(f, ST1_OVERRUN, 0);
	else
		advance(f, now);
}

/* ---- commands ---- */

void fdc_begin(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	u8 kind = kind_of(s);

	memcpy(s->chr, s->cmd + 2, 3);
	s->left = kind == CMD_FORMAT ? s->cmd[3] : s->cmd[8];
	if (kind == CMD_READ_TRACK)
		s->chr[R] = 1;
	s->end = s->filled = false;
	if (kind != CMD_FORMAT && (s->config & CONFIG_IMPLIED))
		s->pcn[fdc_unit(s)] = s->chr[C];
	s->phase = VFDC_MEDIUM;
	s->due_at = now + VFDC_POLL_NS;
}

/* The identity of the sector that passes just now. */
static void read_id(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	struct vfdc_geometry g = fdc_medium(f, fdc_unit(s));
	u8 head = s->cmd[1] >> 2 & 1, cyl = s->pcn[fdc_unit(s)];

	s->chr[C] = cyl;
	s->chr[H] = head;
	s->chr[R] = 1;
	if (!g.heads || g.rate != (s->dsr & 3) || cyl >= g.cylinders || head >= g.heads) {
		fail(f, ST1_NO_ADDRESS, 0);
		return;
	}
	s->chr[R] = (u8)(now / (200000000u / g.track) % g.track + 1); /* 300 turns a minute */
	fdc_end(f, 0, 0, 0);
}

void fdc_go_on(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;

	if (s->phase == VFDC_DELAY) {
		read_id(f, now);
		return;
	}
	if (f->asked && !atomic_load(&f->done)) {
		s->due_at = now + VFDC_POLL_NS;
		return;
	}
	s->asking = false;
	if (f->asked) {
		f->asked = NULL;
		if (!f->stale) {
			complete(f, now);
			if (s->phase != VFDC_MEDIUM)
				return;
		}
	}
	sector(f, now);
}

/* ---- bytes without DMA ---- */

u8 fdc_give(struct vfdc *f, u64 now)
{
	struct vfdc_state *s = &f->s;
	u8 val = s->buf[s->pos++];

	s->irq = false;
	if (s->pos == BLK_SECTOR) {
		s->pos = 0;
		advance(f, now);
	}
	return val;
}

void fdc_take(struct vfdc *f, u8 val, u64 now)
{
	struct vfdc_state *s = &f->s;
	u32 len = kind_of(s) == CMD_FORMAT ? ID_BYTES : BLK_SECTOR;

	s->irq = false;
	s->buf[s->pos++] = val;
	if (s->pos < len)
		return;
	s->pos = 0;
	s->filled = true;
	if (kind_of(s) == CMD_FORMAT)
		take_id(f);
	s->phase = VFDC_MEDIUM;
	s->due_at = now + VFDC_POLL_NS;
}
