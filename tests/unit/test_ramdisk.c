/* The RAM disk: images, reading, the overlay and its end, pieces, queue, cancelling. */
#include <string.h>

#include "suite.h"
#include "vmm/backend/ramdisk.h"

#define PAGES   40 /* of the image */
#define OVERLAY 6  /* pages */
#define SECTORS (PAGES * 8)

static u8 image[PAGES * RAMDISK_PAGE], overlay[OVERLAY * RAMDISK_PAGE], buf[PAGES * RAMDISK_PAGE];
static u32 map[PAGES];
static struct ramdisk rd;
static struct blk disk;
static u32 fulls, kicks, rooms, dones;
static u64 full_at;
static enum blk_status last;

static void full(void *arg, u64 sector)
{
	ck_assert_ptr_eq(arg, &rd);
	fulls++;
	full_at = sector;
}

static void kick(void *arg)
{
	kicks++;
}

static void room(void *arg)
{
	rooms++;
}

static void done(struct blk_req *req, enum blk_status status)
{
	ck_assert_ptr_eq(req->arg, &last);
	dones++;
	last = status;
}

static void setup(u64 size, bool with_overlay)
{
	struct ramdisk_cfg cfg = { .image = image, .size = size, .full = full, .kick = kick, .arg = &rd };
	struct blk_front front = { .room = room };

	for (u32 i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i / BLK_SECTOR * 7 + i);
	if (with_overlay) {
		memset(map, 0xcc, sizeof(map));
		memset(overlay, 0xcc, sizeof(overlay));
		cfg.map = map;
		cfg.pages = overlay;
		cfg.nr_pages = OVERLAY;
	}
	cfg.serial = "BH00001";
	ck_assert_int_eq(ramdisk_init(&rd, &cfg), OK);
	disk = (struct blk){ &ramdisk_ops, &rd };
	blk_connect(&disk, &front);
	fulls = kicks = rooms = dones = 0;
}

static struct blk_req request(u8 op, u64 sector, u32 count, const struct blk_seg *seg, u32 nr)
{
	return (struct blk_req){
		.op = op, .sector = sector, .count = count, .seg = seg, .nr_segs = nr, .done = done, .arg = &last
	};
}

/* A whole request; returns pieces. */
static u32 run(u8 op, u64 sector, u32 count, void *mem)
{
	struct blk_seg seg = { mem, count * BLK_SECTOR };
	struct blk_req r = request(op, sector, count, &seg, mem ? 1 : 0);
	u32 before = dones, pieces = 0;

	ck_assert_int_eq(blk_submit(&disk, &r), OK);
	ck_assert_uint_eq(dones, before);
	do
		pieces++;
	while (ramdisk_work(&rd));
	ck_assert_uint_eq(dones, before + 1);
	return pieces;
}

static void check_zero(const u8 *p, u32 len)
{
	for (u32 i = 0; i < len; i++)
		ck_assert_uint_eq(p[i], 0);
}

START_TEST(images)
{
	struct blk_flaw f;

	setup(sizeof(image), false);
	ck_assert_int_eq(ramdisk_check(image, sizeof(image), false, &f), OK);
	ck_assert_int_eq(ramdisk_check(image, 511, false, &f), ERR_INVAL);
	ck_assert_uint_eq(f.offset, 511);
	ck_assert_str_eq(f.reason, "the image ends before its first sector does");
	ck_assert_int_eq(ramdisk_check(image, 1025, false, &f), ERR_TRUNC);
	ck_assert_uint_eq(f.offset, 1024);
	ck_assert_int_eq(ramdisk_check(image, sizeof(image), true, &f), ERR_INVAL);
	ck_assert_uint_eq(f.offset, 0x8001);
	memcpy(image + 0x8001, "CD001", 5);
	ck_assert_int_eq(ramdisk_check(image, sizeof(image), true, &f), OK);
	ck_assert_int_eq(ramdisk_check(image, sizeof(image) - 512, true, &f), ERR_TRUNC);
	ck_assert_uint_eq(f.offset, sizeof(image) - 2048);
	ck_assert_int_eq(ramdisk_check(image, 0x8000, true, &f), ERR_INVAL);
	ck_assert_uint_eq(f.offset, 0x8000);
}
END_TEST

/* Without an overlay: reads in pieces, no writes, zeros behind a torn end. */
START_TEST(read_only)
{
	setup(sizeof(image), false);
	ck_assert_uint_eq(blk_info(&disk)->sectors, SECTORS);
	ck_assert(blk_info(&disk)->read_only && !blk_info(&disk)->discard);
	ck_assert_str_eq(blk_info(&disk)->identity, "BH00001");
	ck_assert_uint_eq(run(BLK_READ, 0, SECTORS, buf), PAGES / 4);
	ck_assert_int_eq(last, BLK_OK);
	ck_assert_int_eq(memcmp(buf, image, sizeof(image)), 0);
	for (u32 op = BLK_WRITE; op < BLK_NR_OPS; op++) {
		run((u8)op, 1, op == BLK_FLUSH ? 0 : 1, op == BLK_WRITE ? buf : NULL);
		ck_assert_int_eq(last, op == BLK_FLUSH ? BLK_OK : BLK_MEDIUM);
	}
	run(BLK_READ, SECTORS - 1, 2, buf);
	ck_assert_int_eq(last, BLK_MEDIUM);
	run(BLK_READ, ~0ull, 1, buf);
	ck_assert_int_eq(last, BLK_MEDIUM);
	setup(1000, false);
	ck_assert_uint_eq(blk_info(&disk)->sectors, 2);
	memset(buf, 0xaa, 1024);
	run(BLK_READ, 0, 2, buf);
	ck_assert_int_eq(memcmp(buf, image, 1000), 0);
	check_zero(buf + 1000, 24);
}
END_TEST

/* An image shorter than its medium: zeros follow, and they can be written to. */
START_TEST(short_image)
{
	struct ramdisk_cfg cfg;

	setup(sizeof(image), true);
	cfg = rd.cfg;
	cfg.have = RAMDISK_PAGE + 700;
	ck_assert_int_eq(ramdisk_init(&rd, &cfg), OK);
	ck_assert_uint_eq(blk_info(&disk)->sectors, SECTORS);
	memset(buf, 0xaa, sizeof(image));
	run(BLK_READ, 0, SECTORS, buf);
	ck_assert_int_eq(last, BLK_OK);
	ck_assert_int_eq(memcmp(buf, image, cfg.have), 0);
	check_zero(buf + cfg.have, sizeof(image) - (u32)cfg.have);
	memset(buf, 0x11, 512);
	run(BLK_WRITE, SECTORS - 1, 1, buf);
	ck_assert_int_eq(last, BLK_OK);
	run(BLK_READ, SECTORS - 2, 2, buf);
	check_zero(buf, 512);
	ck_assert_uint_eq(buf[512], 0x11);
	cfg.have = cfg.size + 1;
	ck_assert_int_eq(ramdisk_init(&rd, &cfg), ERR_INVAL);
}
END_TEST

/* What is written is read; the image stays; a part of a page brings the rest of it along. */
START_TEST(overlay_pages)
{
	static u8 before[sizeof(image)], sector[BLK_SECTOR];

	setup(sizeof(image), true);
	memcpy(before, image, sizeof(image));
	memset(sector, 0x5a, sizeof(sector));
	run(BLK_WRITE, 11, 1, sector);
	ck_assert_int_eq(last, BLK_OK);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 1);
	run(BLK_READ, 0, 24, buf);
	ck_assert_int_eq(memcmp(buf, before, 11 * 512), 0);
	ck_assert_int_eq(memcmp(buf + 11 * 512, sector, 512), 0);
	ck_assert_int_eq(memcmp(buf + 12 * 512, before + 12 * 512, 12 * 512), 0);
	ck_assert_int_eq(memcmp(image, before, sizeof(image)), 0);
	run(BLK_WRITE, 12, 1, sector);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 1);
	/* Zeros over a whole page take none, and give one back. */
	run(BLK_WRITE_ZEROES, 8, 8, NULL);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 0);
	run(BLK_READ, 8, 8, buf);
	check_zero(buf, 4096);
	/* Over a part, they are written, whatever becomes of the rest. */
	run(BLK_WRITE_ZEROES, 17, 2, NULL);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 1);
	run(BLK_READ, 16, 8, buf);
	ck_assert_int_eq(memcmp(buf, before + 16 * 512, 512), 0);
	check_zero(buf + 512, 1024);
	ck_assert_int_eq(memcmp(buf + 3 * 512, before + 19 * 512, 5 * 512), 0);
	/* Parts of a page are not discarded, whole ones read as zeros. */
	run(BLK_DISCARD, 16, 7, NULL);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 1);
	run(BLK_DISCARD, 15, 10, NULL);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 0);
	run(BLK_READ, 16, 9, buf);
	check_zero(buf, 4096);
	ck_assert_int_eq(memcmp(buf + 4096, before + 24 * 512, 512), 0);
}
END_TEST

START_TEST(no_room)
{
	setup(sizeof(image), true);
	memset(buf, 0x11, sizeof(buf));
	run(BLK_WRITE, 8, 8 * OVERLAY, buf);
	ck_assert_int_eq(last, BLK_OK);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), OVERLAY);
	ck_assert_uint_eq(fulls, 0);
	run(BLK_WRITE, 8 * OVERLAY + 8, 1, buf);
	ck_assert_int_eq(last, BLK_NO_ROOM);
	ck_assert_uint_eq(fulls, 1);
	ck_assert_uint_eq(full_at, 8 * OVERLAY + 8);
	/* Told once; what has a page goes on. */
	run(BLK_WRITE, 3, 1, buf);
	ck_assert_int_eq(last, BLK_NO_ROOM);
	ck_assert_uint_eq(fulls, 1);
	run(BLK_WRITE, 8, 8, buf);
	ck_assert_int_eq(last, BLK_OK);
	run(BLK_DISCARD, 16, 8, NULL);
	run(BLK_WRITE, 3, 1, buf);
	ck_assert_int_eq(last, BLK_OK);
	run(BLK_WRITE, 300, 1, buf);
	ck_assert_int_eq(last, BLK_NO_ROOM);
	ck_assert_uint_eq(fulls, 2);
	/* Forgotten: all of it is the image's again. */
	ramdisk_forget(&rd);
	ck_assert_uint_eq(ramdisk_pages_used(&rd), 0);
	run(BLK_READ, 0, SECTORS, buf);
	ck_assert_int_eq(memcmp(buf, image, sizeof(image)), 0);
}
END_TEST

/* No piece moves more than 16 KiB, pages that are copied along with it included. */
START_TEST(pieces)
{
	static u8 more[PAGES * RAMDISK_PAGE];
	struct blk_seg seg[64];
	struct blk_req r = request(BLK_WRITE, 1, 32, seg, 64);
	u64 before;
	u32 n = 0;

	setup(sizeof(image), true);
	for (u32 i = 0; i < 64; i++)
		seg[i] = (struct blk_seg){ more + i * 300, i & 1 ? 12 : 500 };
	for (u32 i = 0; i < sizeof(more); i++)
		more[i] = (u8)(i * 11);
	ck_assert_int_eq(blk_submit(&disk, &r), OK);
	do {
		before = rd.written;
		n++;
		ramdisk_work(&rd);
		ck_assert_uint_le(rd.written - before + rd.copied, BLK_PIECE + RAMDISK_PAGE);
	} while (!dones);
	ck_assert_uint_gt(n, 1);
	ck_assert_int_eq(last, BLK_OK);
	run(BLK_READ, 1, 32, buf);
	for (u32 i = 0, at = 0; i < 64; at += seg[i++].len)
		ck_assert_int_eq(memcmp(buf + at, seg[i].mem, seg[i].len), 0);
}
END_TEST

START_TEST(queue)
{
	struct blk_req r[RAMDISK_QUEUE + 1];
	struct blk_seg seg = { buf, 512 }, wrong = { buf, 511 };

	setup(sizeof(image), true);
	for (u32 i = 0; i <= RAMDISK_QUEUE; i++) {
		r[i] = request(BLK_READ, i, 1, &seg, 1);
		ck_assert_int_eq(blk_submit(&disk, &r[i]), i < RAMDISK_QUEUE ? OK : ERR_BUSY);
	}
	ck_assert_uint_eq(kicks, RAMDISK_QUEUE);
	ck_assert_uint_eq(rooms, 0);
	ck_assert(ramdisk_work(&rd)); /* the map first */
	ck_assert_uint_eq(dones, 0);
	ck_assert(ramdisk_work(&rd));
	ck_assert_uint_eq(rooms, 1);
	ck_assert_int_eq(blk_submit(&disk, &r[RAMDISK_QUEUE]), OK);
	/* One in the middle, the last one, then all. */
	blk_cancel(&disk, &r[5]);
	ck_assert_int_eq(last, BLK_CANCELLED);
	blk_cancel(&disk, &r[RAMDISK_QUEUE]);
	ck_assert_uint_eq(dones, 3);
	blk_cancel(&disk, &r[5]);
	ck_assert_uint_eq(dones, 3);
	ck_assert_int_eq(blk_submit(&disk, &r[5]), OK);
	ck_assert(blk_quiesce(&disk));
	ck_assert_uint_eq(dones, RAMDISK_QUEUE + 2);
	ck_assert(!ramdisk_work(&rd));
	r[0] = request(BLK_READ, 0, 1, &wrong, 1);
	ck_assert_int_eq(blk_submit(&disk, &r[0]), ERR_INVAL);
	r[0] = request(BLK_NR_OPS, 0, 1, &seg, 1);
	ck_assert_int_eq(blk_submit(&disk, &r[0]), ERR_INVAL);
	r[0] = request(BLK_READ, 0, 0, &seg, 0);
	ck_assert_int_eq(blk_submit(&disk, &r[0]), ERR_INVAL);
	disk = (struct blk){ 0 };
	ck_assert_int_eq(blk_submit(&disk, &r[1]), ERR_NOENT);
	ck_assert_uint_eq(blk_info(&disk)->sectors, 0);
}
END_TEST

SUITE_MAIN("ramdisk", images, read_only, short_image, overlay_pages, no_room, pieces, queue)
