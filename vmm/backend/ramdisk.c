/* A medium in memory: a boot module's image under an overlay. */
#include "vmm/backend/ramdisk.h"

#include "lib/string.h"

#define CD_SECTOR       2048
#define ISO_DESCRIPTORS (16 * CD_SECTOR)          /* ECMA-119, 6.2.1: the volume descriptors begin at sector 16 */
#define PAGES_PIECE     24                        /* pages touched at once, */
#define CLEAR_PIECE     (BLK_PIECE / sizeof(u32)) /* map entries cleared */

/* ---- images ---- */

static int flawed(struct blk_flaw *flaw, int err, u64 offset, const char *reason)
{
	*flaw = (struct blk_flaw){ .offset = offset, .reason = reason };
	return err;
}

int ramdisk_check(const void *image, u64 size, bool cd, struct blk_flaw *flaw)
{
	const u8 *p = image;
	u32 sector = cd ? CD_SECTOR : BLK_SECTOR;

	if (size < sector)
		return flawed(flaw, ERR_INVAL, size, "the image ends before its first sector does");
	if (ramdisk_map_len(size) >= RAMDISK_ZERO)
		return flawed(flaw, ERR_INVAL, size, "the image is larger than 16 TiB");
	/* A CD need not be of ISO 9660, but what is shorter than its descriptors is no CD. */
	if (cd && size < ISO_DESCRIPTORS + CD_SECTOR)
		return flawed(flaw, ERR_INVAL, size, "the image ends before a CD's first volume descriptor");
	if (cd && memcmp(p + ISO_DESCRIPTORS + 1, "CD001", 5) && memcmp(p + ISO_DESCRIPTORS + 1, "BEA01", 5))
		return flawed(flaw, ERR_INVAL, ISO_DESCRIPTORS + 1,
		              "there is no volume descriptor of ISO 9660 or UDF");
	if (size % sector)
		return flawed(flaw, ERR_TRUNC, size - size % sector,
		              "the image ends within this sector, zeros are taken for the rest");
	return OK;
}

/* ---- pages ---- */

static u8 *overlay_page(const struct ramdisk *rd, u32 entry)
{
	return (u8 *)rd->cfg.pages + (u64)(entry - 1) * RAMDISK_PAGE;
}

/* Bytes of page n, from off on, as they are now. */
static void read_page(const struct ramdisk *rd, u64 n, u32 off, u8 *buf, u32 len)
{
	u32 entry = rd->cfg.map ? rd->cfg.map[n] : 0, have = 0;
	u64 at = n * RAMDISK_PAGE + off, end = rd->cfg.have ? rd->cfg.have : rd->cfg.size;

	if (entry && entry != RAMDISK_ZERO) {
		memcpy(buf, overlay_page(rd, entry) + off, len);
		return;
	}
	if (!entry && at < end) {
		have = (u32)MIN(end - at, (u64)len);
		memcpy(buf, (const u8 *)rd->cfg.image + at, have);
	}
	memset(buf + have, 0, len - have);
}

/* A page of the overlay, or 0. */
static u32 take_page(struct ramdisk *rd)
{
	u32 entry = rd->free;

	if (entry) {
		memcpy(&rd->free, overlay_page(rd, entry), sizeof(rd->free));
		rd->nr_free--;
	} else if (rd->used < rd->cfg.nr_pages) {
		entry = ++rd->used;
	}
	return entry;
}

static void zero_page(struct ramdisk *rd, u64 n)
{
	u32 entry = rd->cfg.map[n];

	rd->cfg.map[n] = RAMDISK_ZERO;
	if (!entry || entry == RAMDISK_ZERO)
		return;
	memcpy(overlay_page(rd, entry), &rd->free, sizeof(rd->free));
	rd->free = entry;
	rd->nr_free++;
	rd->full = false;
}

/* Page n in the overlay, for len bytes from off on to be overwritten. NULL: there is none left. */
static u8 *writable_page(struct ramdisk *rd, u64 n, u32 off, u32 len)
{
	u32 old = rd->cfg.map[n], entry;
	u8 *p;

	if (old && old != RAMDISK_ZERO)
		return overlay_page(rd, old);
	entry = take_page(rd);
	if (!entry) {
		if (!rd->full && rd->cfg.full)
			rd->cfg.full(rd->cfg.arg, (n * RAMDISK_PAGE + off) / BLK_SECTOR);
		rd->full = true;
		return NULL;
	}
	p = overlay_page(rd, entry);
	read_page(rd, n, 0, p, off);
	read_page(rd, n, off + len, p + off + len, RAMDISK_PAGE - off - len);
	rd->copied += RAMDISK_PAGE - len;
	rd->cfg.map[n] = entry;
	return p;
}

/* ---- requests ---- */

static bool writes(const struct blk_req *r)
{
	return r->op == BLK_WRITE || r->op == BLK_DISCARD || r->op == BLK_WRITE_ZEROES;
}

/* The next of a request's memory, at most max bytes of it. */
static u8 *next_memory(struct blk_req *r, u32 max, u32 *len)
{
	while (r->seg[r->seg_at].len == r->seg_off) {
		r->seg_at++;
		r->seg_off = 0;
	}
	*len = MIN(max, r->seg[r->seg_at].len - r->seg_off);
	return (u8 *)r->seg[r->seg_at].mem + r->seg_off;
}

/* Up to max bytes, within one page of the medium and one segment. Bytes moved; 0: no room. */
static u32 move(struct ramdisk *rd, struct blk_req *r, u32 max)
{
	u64 at = r->sector * BLK_SECTOR + r->at, n = at / RAMDISK_PAGE;
	u32 off = at % RAMDISK_PAGE, len;
	u8 *mem = next_memory(r, MIN(max, RAMDISK_PAGE - off), &len), *page;

	if (r->op == BLK_READ) {
		read_page(rd, n, off, mem, len);
		rd->read += len;
	} else {
		page = writable_page(rd, n, off, len);
		if (!page)
			return 0;
		memcpy(page + off, mem, len);
		rd->written += len;
	}
	r->seg_off += len;
	return len;
}

/* Zeros, up to the next page of the medium. Whole pages need no memory; a part of one is left when it is discarded. */
static u32 clear(struct ramdisk *rd, struct blk_req *r)
{
	u64 at = r->sector * BLK_SECTOR + r->at, n = at / RAMDISK_PAGE, left = (u64)r->count * BLK_SECTOR - r->at;
	u32 off = at % RAMDISK_PAGE, len = (u32)MIN(left, (u64)(RAMDISK_PAGE - off));
	bool last = at + len == rd->info.sectors * BLK_SECTOR; /* nothing is behind */
	u8 *page;

	if (!off && (len == RAMDISK_PAGE || last)) {
		zero_page(rd, n);
	} else if (r->op == BLK_WRITE_ZEROES && rd->cfg.map[n] != RAMDISK_ZERO) {
		page = writable_page(rd, n, off, len);
		if (!page)
			return 0;
		memset(page + off, 0, len);
	}
	return len;
}

/* Many small segments take longer than their bytes do. */
#define SEG_COST 1024

static enum blk_status piece(struct ramdisk *rd, struct blk_req *r, bool *over)
{
	u64 end = (u64)r->count * BLK_SECTOR;
	bool moves = r->op == BLK_READ || r->op == BLK_WRITE;
	u32 budget = BLK_PIECE, pages = PAGES_PIECE;

	*over = true;
	rd->copied = 0;
	if (r->op == BLK_FLUSH)
		return BLK_OK;
	if (!blk_req_inside(r, rd->info.sectors) || (writes(r) && rd->info.read_only))
		return BLK_MEDIUM;
	while (r->at < end && budget > rd->copied && pages--) {
		u32 len = moves ? move(rd, r, budget - rd->copied) : clear(rd, r);

		if (!len)
			return BLK_NO_ROOM;
		r->at += len;
		if (moves)
			budget -= MIN(budget, MAX(len, (u32)SEG_COST));
	}
	*over = r->at == end;
	return BLK_OK;
}

static void finish(struct ramdisk *rd, struct blk_req **link, enum blk_status status)
{
	struct blk_req *r = *link;

	*link = r->next;
	if (!*link)
		rd->tail = link;
	rd->nr--;
	r->done(r, status);
	if (rd->refused) {
		rd->refused = false;
		if (rd->front.room)
			rd->front.room(rd->front.arg);
	}
}

/* A piece of the map is made to name the image's pages. Whether there was one left. */
static bool clear_map(struct ramdisk *rd)
{
	u64 n = MIN(ramdisk_map_len(rd->cfg.size) - rd->cleared, CLEAR_PIECE);

	if (!rd->cfg.map || !n)
		return false;
	memset(rd->cfg.map + rd->cleared, 0, n * sizeof(*rd->cfg.map));
	rd->cleared += n;
	return true;
}

bool ramdisk_work(struct ramdisk *rd)
{
	enum blk_status status;
	bool over;

	if (!rd->head)
		return false;
	if (clear_map(rd))
		return true;
	status = piece(rd, rd->head, &over);
	if (over || status != BLK_OK)
		finish(rd, &rd->head, status);
	return rd->head != NULL;
}

/* ---- the contract ---- */

static const struct blk_info *info(const void *ctx)
{
	return &((const struct ramdisk *)ctx)->info;
}

static void connect(void *ctx, const struct blk_front *front)
{
	((struct ramdisk *)ctx)->front = front ? *front : (struct blk_front){ 0 };
}

static int submit(void *ctx, struct blk_req *req)
{
	struct ramdisk *rd = ctx;

	if (!blk_req_ok(req))
		return ERR_INVAL;
	if (rd->nr == RAMDISK_QUEUE) {
		rd->refused = true;
		return ERR_BUSY;
	}
	req->next = NULL;
	req->at = 0;
	req->seg_at = req->seg_off = 0;
	*rd->tail = req;
	rd->tail = &req->next;
	rd->nr++;
	if (rd->cfg.kick)
		rd->cfg.kick(rd->cfg.arg);
	return OK;
}

static void cancel(void *ctx, struct blk_req *req)
{
	struct ramdisk *rd = ctx;

	for (struct blk_req **link = &rd->head; *link; link = &(*link)->next) {
		if (*link == req) {
			finish(rd, link, BLK_CANCELLED);
			return;
		}
	}
}

static bool quiesce(void *ctx)
{
	struct ramdisk *rd = ctx;

	for (u32 nr = rd->nr; nr && rd->head; nr--)
		finish(rd, &rd->head, BLK_CANCELLED);
	return !rd->head;
}

const struct blk_ops ramdisk_ops = {
	.info = info, .connect = connect, .submit = submit, .cancel = cancel, .quiesce = quiesce
};

/* ---- for the owner ---- */

int ramdisk_init(struct ramdisk *rd, const struct ramdisk_cfg *cfg)
{
	u32 sector = cfg->cd ? CD_SECTOR : BLK_SECTOR;

	if (!cfg->image || !cfg->size || (cfg->map && (!cfg->pages || cfg->nr_pages >= RAMDISK_ZERO - 1)) ||
	    ramdisk_map_len(cfg->size) >= RAMDISK_ZERO || cfg->have > cfg->size)
		return ERR_INVAL;
	*rd = (struct ramdisk){ .cfg = *cfg };
	rd->tail = &rd->head;
	rd->info = (struct blk_info){
		.sectors = ALIGN_UP(cfg->size, (u64)sector) / BLK_SECTOR,
		.logical = sector,
		.physical = cfg->map ? RAMDISK_PAGE : sector,
		.read_only = cfg->read_only || cfg->cd || !cfg->map,
	};
	rd->info.discard = !rd->info.read_only;
	for (u32 i = 0; cfg->serial && cfg->serial[i] && i < sizeof(rd->info.identity) - 1; i++)
		rd->info.identity[i] = cfg->serial[i];
	return OK;
}

void ramdisk_forget(struct ramdisk *rd)
{
	rd->cleared = 0;
	rd->used = rd->free = rd->nr_free = 0;
	rd->full = false;
}
