/* RAM disk: any sequence of requests, in pieces, cancelled at any time, against an array that is written at once. */
#include "../unit/dev_rig.h"
#include "rigfuzz.h"
#include "vmm/backend/ramdisk.h"

#define PAGES   12
#define SIZE    (PAGES * RAMDISK_PAGE - 1000) /* torn */
#define SECTORS ((SIZE + BLK_SECTOR - 1) / BLK_SECTOR)
#define BUF     (32 * BLK_SECTOR)

static u8 image[SIZE], overlay[5 * RAMDISK_PAGE], model[SECTORS * BLK_SECTOR], buf[BUF];
static u32 map[PAGES];
static struct ramdisk rd;
static u32 dones;
static enum blk_status last;

static void done(struct blk_req *req, enum blk_status status)
{
	dones++;
	last = status;
}

/* What the model becomes by the first at bytes of r. */
static void model_write(const struct blk_req *r, u64 at)
{
	u64 from = r->sector * BLK_SECTOR, to = from + at;

	if (r->op == BLK_WRITE)
		memcpy(model + from, buf, at);
	else if (r->op == BLK_WRITE_ZEROES)
		memset(model + from, 0, at);
	else if (r->op == BLK_DISCARD)
		for (u64 p = ALIGN_UP(from, RAMDISK_PAGE); p < to; p += RAMDISK_PAGE)
			if (p + RAMDISK_PAGE <= to || to == sizeof(model))
				memset(model + p, 0, MIN(to, p + RAMDISK_PAGE) - p);
}

static void check(void)
{
	u32 used = 0;
	u8 seen[5] = { 0 };

	for (u32 i = 0; i < PAGES && rd.cleared; i++) {
		if (!map[i] || map[i] == RAMDISK_ZERO)
			continue;
		assert(map[i] <= rd.used && !seen[map[i] - 1]++);
		used++;
	}
	assert(used == ramdisk_pages_used(&rd) && rd.used <= 5 && rd.nr_free <= rd.used);
}

static void one(struct rigfuzz *f)
{
	struct blk_seg seg[3] = { { 0 } };
	u8 how = rigfuzz_u8(f), cut = rigfuzz_u8(f), fill = rigfuzz_u8(f);
	struct blk_req r = { .op = how % 6, .sector = rigfuzz_u8(f) % (SECTORS + 2), .done = done, .seg = seg };
	u32 pieces = 0, stop = how >> 5, before = dones;
	bool inside;

	r.count = r.op == BLK_FLUSH ? 0 : 1 + rigfuzz_u8(f) % 32;
	inside = blk_req_inside(&r, SECTORS);
	seg[0] = (struct blk_seg){ buf, MIN(cut * 37u, r.count * BLK_SECTOR) };
	seg[2] = (struct blk_seg){ buf + seg[0].len, r.count * BLK_SECTOR - seg[0].len };
	r.nr_segs = 3;
	for (u32 i = 0; r.op == BLK_WRITE && i < r.count * 2; i++)
		memset(buf + i * 256, (u8)(fill + i), 256);
	if (ramdisk_ops.submit(&rd, &r) != OK) {
		assert(r.op >= BLK_NR_OPS);
		return;
	}
	while (dones == before) {
		if (++pieces == stop)
			ramdisk_ops.cancel(&rd, &r);
		else
			ramdisk_work(&rd);
		assert(pieces < 40 && rd.copied <= BLK_PIECE);
	}
	assert(dones == before + 1 && !rd.head && !rd.nr && rd.tail == &rd.head);
	assert(last != BLK_OK || r.op == BLK_FLUSH || (inside && r.at == r.count * BLK_SECTOR));
	assert(inside || r.op == BLK_FLUSH || last == BLK_MEDIUM || last == BLK_CANCELLED);
	if (r.op == BLK_READ && inside)
		assert(!memcmp(buf, model + r.sector * BLK_SECTOR, r.at));
	else if (inside)
		model_write(&r, r.at);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct ramdisk_cfg cfg = { .image = image, .size = SIZE, .map = map, .pages = overlay, .nr_pages = 5 };
	struct rigfuzz f = { data, size };

	for (u32 i = 0; i < SIZE; i++)
		image[i] = (u8)(i * 3 + i / 512);
	memset(map, 0x5a, sizeof(map));
	memset(model, 0, sizeof(model));
	memcpy(model, image, SIZE);
	assert(ramdisk_init(&rd, &cfg) == OK);
	while (rigfuzz_more(&f)) {
		one(&f);
		check();
	}
	/* All of it, in the end. */
	for (u32 i = 0; i < SECTORS; i++) {
		struct blk_seg seg = { buf, BLK_SECTOR };
		struct blk_req r = {
			.op = BLK_READ, .sector = i, .count = 1, .seg = &seg, .nr_segs = 1, .done = done
		};

		assert(ramdisk_ops.submit(&rd, &r) == OK);
		while (ramdisk_work(&rd))
			;
		assert(last == BLK_OK);
		assert(!memcmp(buf, model + i * BLK_SECTOR, BLK_SECTOR));
	}
	return 0;
}
