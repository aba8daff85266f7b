/* 82077AA as BIOSes and drivers use it. */
#include <stdio.h>
#include <stdlib.h>

#include "dev_rig.h"
#include "fake_floppy.h"
#include "suite.h"
#include "vmm/dev/pc/vfdc.h"

#define MS      1000000ull
#define SECTORS 2880
#define RAM     0x40000

static struct rig rig;
static struct vdma dma;
static struct vfdc fdc;
static struct fake_floppy media[2];
static u8 data[2][5760 * BLK_SECTOR], ram[RAM];
static struct guest_mem mem = { .base = ram, .nr_ranges = 1, .ranges = { { 0, RAM } } };
static u8 result[10];

static void wait_ms(u64 ms)
{
	rig_run_to(&rig, rig.now + ms * MS);
}

static u8 msr(void)
{
	return rig_in(&rig, 0x3f4);
}

static void put(u8 val)
{
	ck_assert_uint_eq(msr() & 0xc0, 0x80);
	rig_out(&rig, 0x3f5, val);
}

/* Bytes in hex, as a command. */
static void cmd(const char *hex)
{
	for (char *end; *hex; hex = end + (*end == ' '))
		put((u8)strtoul(hex, &end, 16));
}

/* All bytes of the result, in hex. */
static void results(const char *hex)
{
	char got[64] = "";
	u32 n = 0;

	for (; (msr() & 0xd0) == 0xd0 && n < sizeof(result); n++) {
		result[n] = rig_in(&rig, 0x3f5);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%02x", n ? " " : "", result[n]);
	}
	ck_assert_str_eq(got, hex);
	ck_assert_uint_eq(msr() & 0xd0, 0x80);
}

static void plug(u32 sectors, bool two)
{
	struct vdev_env env = { .pio = &rig.pio, .irq = &rig.chip, .timers = &rig.tq, .mem = &mem };
	struct vfdc_cfg cfg = { .blk = { fake_floppy_blk(&media[0]), fake_floppy_blk(&media[1]) },
		                .present = { true, two },
		                .dma = &dma };

	rig_init(&rig);
	memset(&dma, 0, sizeof(dma));
	memset(&fdc, 0, sizeof(fdc));
	memset(ram, 0xee, sizeof(ram));
	for (u32 i = 0; i < 2; i++)
		fake_floppy_init(&media[i], data[i], sectors);
	ck_assert_int_eq(vdma_ops.attach(&dma, &env, NULL), OK);
	ck_assert_int_eq(vfdc_ops.attach(&fdc, &env, &cfg), OK);
	vfdc_ops.reset(&fdc, 0);
}

/* Out of reset, polled, motor on, rate as given, at cylinder 0. */
static void start_at(u32 sectors, u8 rate)
{
	plug(sectors, false);
	rig_out(&rig, 0x3f2, 0x1c);
	for (u32 i = 0; i < 4; i++) {
		cmd("8");
		results(i == 0 ? "c0 00" : i == 1 ? "c1 00" : i == 2 ? "c2 00" : "c3 00");
	}
	rig_out(&rig, 0x3f7, rate);
	cmd("3 df 2");
	cmd("7 0");
	wait_ms(2);
	cmd("8");
	results("20 00");
	rig.rises[6] = 0;
}

static void start(void)
{
	start_at(SECTORS, 0);
}

/* DMA channel 2: 46h to memory, 4Ah from it. */
static void program_dma(u8 mode, u32 addr, u32 count)
{
	rig_out(&rig, 0x0a, 0x06);
	rig_out(&rig, 0x0c, 0);
	rig_out(&rig, 0x0b, mode);
	rig_out(&rig, 0x04, (u8)addr);
	rig_out(&rig, 0x04, (u8)(addr >> 8));
	rig_out(&rig, 0x81, (u8)(addr >> 16));
	rig_out(&rig, 0x05, (u8)(count - 1));
	rig_out(&rig, 0x05, (u8)((count - 1) >> 8));
	rig_out(&rig, 0x0a, 0x02);
}

START_TEST(reset_and_identity)
{
	plug(SECTORS, false);
	ck_assert_uint_eq(msr(), 0);
	rig_out(&rig, 0x3f5, 0x08); /* deaf in reset */
	rig_out(&rig, 0x3f2, 0x0c);
	ck_assert(rig.level[6]);
	ck_assert_uint_eq(msr(), 0x80);
	cmd("8");
	ck_assert(!rig.level[6]);
	results("c0 00");
	cmd("8");
	results("c1 00");
	cmd("8");
	results("c2 00");
	cmd("8");
	results("c3 00");
	cmd("8");
	results("80"); /* nothing else */
	cmd("10");
	results("90");
	cmd("1f");
	results("80");
	/* What LOCK holds survives a reset through DSR, the rest does not. */
	cmd("13 0 57 11");
	cmd("94");
	results("10");
	rig_out(&rig, 0x3f4, 0x80);
	ck_assert(!rig.level[6]); /* it does not poll, as configured */
	cmd("e");
	results("00 00 00 00 00 00 00 80 57 11");
	cmd("14");
	results("00");
	rig_out(&rig, 0x3f4, 0x80);
	ck_assert(rig.level[6]);
	cmd("12 84");
	cmd("3 af 3");
	cmd("e");
	results("00 00 00 00 af 03 00 04 20 00");
	/* Closed, the gate holds the interrupt back. */
	rig_out(&rig, 0x3f2, 0x00);
	ck_assert(!rig.level[6]);
	rig_out(&rig, 0x3f2, 0x04);
	ck_assert(!rig.level[6]);
	rig_out(&rig, 0x3f2, 0x0c);
	ck_assert(rig.level[6]);
	ck_assert_uint_eq(rig_in(&rig, 0x3f2), 0x0c);
	ck_assert_uint_eq(rig_in(&rig, 0x3f0), 0xff);
}
END_TEST

START_TEST(seeks)
{
	start();
	cmd("f 0 14");
	ck_assert_uint_eq(msr(), 0x81); /* seeks, and takes commands for the others */
	ck_assert_uint_eq(rig.rises[6], 0);
	wait_ms(2);
	ck_assert_uint_eq(rig.rises[6], 1);
	ck_assert_uint_eq(msr(), 0x80);
	cmd("8");
	results("20 14");
	cmd("cf 0 5");
	wait_ms(2);
	cmd("8");
	results("20 19");
	cmd("8f 0 ff");
	wait_ms(2);
	cmd("8");
	results("20 00");
	cmd("4 0");
	results("38");
	cmd("f 0 1");
	wait_ms(2);
	cmd("8");
	results("20 01");
	cmd("4 4");
	results("2c"); /* not at track 0 */
	/* Firmware that asks once after a reset, and then seeks. */
	rig_out(&rig, 0x3f4, 0x80);
	cmd("8");
	results("c0 00");
	cmd("7 0");
	wait_ms(2);
	cmd("8");
	results("20 00");
	/* Two at once: one interrupt after the other. */
	cmd("7 0");
	cmd("7 1");
	wait_ms(2);
	rig.rises[6] = 0;
	cmd("8");
	results("20 00");
	ck_assert_uint_eq(rig.rises[6], 1);
	cmd("8");
	results("71 00"); /* drive 1 is not there: no track 0 */
	ck_assert(!rig.level[6]);
	cmd("8");
	results("80");
}
END_TEST

START_TEST(reads)
{
	start();
	program_dma(0x46, 0x10000, 512);
	cmd("e6 0 0 0 1 2 12 1b ff");
	ck_assert_uint_eq(msr() & 0xd0, 0x10);
	wait_ms(5);
	ck_assert_uint_eq(rig.rises[6], 1);
	results("00 00 00 00 00 02 02");
	ck_assert(!rig.level[6]);
	ck_assert_mem_eq(ram + 0x10000, data[0], 512);
	ck_assert_uint_eq(ram[0x10200], 0xee);
	/* Both sides of a cylinder, from the 17th sector on. */
	cmd("f 0 4f");
	wait_ms(2);
	cmd("8");
	results("20 4f");
	program_dma(0x46, 0x10000, 20 * 512);
	cmd("e6 0 4f 0 11 2 12 1b ff");
	wait_ms(20);
	results("04 00 00 50 00 01 02");
	ck_assert_mem_eq(ram + 0x10000, data[0] + (79 * 36 + 16) * 512, 20 * 512);
	/* Without MT it ends with the side: abnormally, since the count has not. */
	program_dma(0x46, 0x10000, 20 * 512);
	cmd("66 4 4f 1 11 2 12 1b ff");
	wait_ms(20);
	results("44 80 00 50 01 01 02");
	/* Part of a sector. */
	program_dma(0x46, 0x20000, 100);
	cmd("66 0 4f 0 1 2 12 1b ff");
	wait_ms(5);
	results("00 00 00 4f 00 02 02");
	ck_assert_mem_eq(ram + 0x20000, data[0] + 79 * 36 * 512, 100);
	ck_assert_uint_eq(ram[0x20064], 0xee);
	/* READ TRACK begins with sector 1 whatever is asked. */
	program_dma(0x46, 0x10000, 512);
	cmd("42 0 4f 0 7 2 12 1b ff");
	wait_ms(5);
	ck_assert_mem_eq(ram + 0x10000, data[0] + 79 * 36 * 512, 512);
	results("00 00 00 4f 00 02 02");
}
END_TEST

START_TEST(writes)
{
	start();
	for (u32 i = 0; i < 1024; i++)
		ram[0x8000 + i] = (u8)(i * 13 + 1);
	program_dma(0x4a, 0x8000, 1024);
	cmd("c5 0 0 0 12 2 12 1b ff");
	wait_ms(5);
	results("04 00 00 00 01 02 02");
	ck_assert_mem_eq(data[0] + 17 * 512, ram + 0x8000, 1024);
	ck_assert_uint_eq(media[0].writes, 2);
	/* A part: the rest of the sector is zeros. */
	program_dma(0x4a, 0x8000, 3);
	cmd("45 0 0 0 1 2 12 1b ff");
	wait_ms(5);
	results("00 00 00 00 00 02 02");
	ck_assert_mem_eq(data[0], ram + 0x8000, 3);
	ck_assert_uint_eq(data[0][3] | data[0][511], 0);
	/* Formatting a track: an identity for each sector, then the filler. */
	for (u32 i = 0; i < 18; i++)
		memcpy(ram + 0x9000 + i * 4, (u8[]){ 0, 1, (u8)(i + 1), 2 }, 4);
	program_dma(0x4a, 0x9000, 72);
	cmd("4d 4 2 12 54 f6");
	wait_ms(10);
	ck_assert_uint_eq(msr() & 0xd0, 0xd0);
	ck_assert_uint_eq(rig_in(&rig, 0x3f5), 0x04);
	for (u32 i = 0; i < 18 * 512; i++)
		ck_assert_uint_eq(data[0][18 * 512 + i], 0xf6);
	ck_assert_uint_ne(data[0][36 * 512], 0xf6);
	start();
	media[0].info.read_only = true;
	cmd("4 0");
	results("78");
	program_dma(0x4a, 0x8000, 512);
	cmd("45 0 0 0 1 2 12 1b ff");
	wait_ms(5);
	results("40 02 00 00 00 01 02");
	ck_assert_uint_eq(media[0].writes, 0);
}
END_TEST

START_TEST(errors)
{
	static const struct {
		const char *cmd, *result;
	} bad[] = {
		{ "e6 0 0 0 13 2 12 1b ff", "40 04 00 00 00 13 02" }, /* no such sector, */
		{ "e6 0 0 0 0 2 12 1b ff", "40 04 00 00 00 00 02" },
		{ "e6 0 0 2 1 2 12 1b ff", "40 04 00 00 02 01 02" }, /* head, */
		{ "e6 0 1 0 1 2 12 1b ff", "40 04 10 01 00 01 02" }, /* cylinder, */
		{ "e6 0 0 0 1 3 12 1b ff", "40 04 00 00 00 01 02" }, /* size, */
		{ "e6 1 0 0 1 2 12 1b ff", "41 01 00 00 00 01 02" }, /* drive, */
		{ "e6 3 0 0 1 2 12 1b ff", "43 01 00 00 00 01 02" },
		{ "4a 1", "41 01 00 00 00 01 02" },
	};

	start();
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		program_dma(0x46, 0x10000, 512);
		cmd(bad[i].cmd);
		wait_ms(5);
		results(bad[i].result);
	}
	ck_assert_uint_eq(media[0].reads, 0);
	cmd("a6 0 0 0 1 2 12 1b ff"); /* the gate is closed */
	rig_out(&rig, 0x3f2, 0x14);
	wait_ms(5);
	results("40 10 00 00 00 01 02");
	rig_out(&rig, 0x3f2, 0x1c);
	rig_out(&rig, 0x0a, 0x06); /* masked */
	cmd("e6 0 0 0 1 2 12 1b ff");
	wait_ms(5);
	results("40 10 00 00 00 01 02");
	/* The medium's own. */
	program_dma(0x46, 0x10000, 512);
	media[0].status = BLK_MEDIUM;
	cmd("e6 0 0 0 1 2 12 1b ff");
	wait_ms(5);
	results("40 20 00 00 00 01 02");
	media[0].status = BLK_OK;
	rig_out(&rig, 0x3f7, 2); /* the wrong data rate */
	cmd("4a 0");
	wait_ms(5);
	results("40 01 00 00 00 01 02");
	/* Its queue is full for a while; it comes later. */
	rig_out(&rig, 0x3f7, 0);
	media[0].busy = true;
	cmd("e6 0 0 0 1 2 12 1b ff");
	wait_ms(50);
	ck_assert_uint_eq(msr() & 0xd0, 0x10);
	media[0].busy = false;
	wait_ms(5);
	results("00 00 00 00 00 02 02");
}
END_TEST

/* READ ID on every format, VERIFY, implied seek. */
START_TEST(formats)
{
	static const struct {
		u32 sectors;
		u8 rate, track, heads, cyls, cmos;
	} all[] = { { 320, 2, 8, 1, 40, 1 },   { 360, 2, 9, 1, 40, 1 },   { 640, 2, 8, 2, 40, 1 },
		    { 720, 2, 9, 2, 40, 1 },   { 1440, 2, 9, 2, 80, 3 },  { 2400, 0, 15, 2, 80, 2 },
		    { 2880, 0, 18, 2, 80, 4 }, { 3360, 0, 21, 2, 80, 4 }, { 3444, 0, 21, 2, 82, 4 },
		    { 5760, 3, 36, 2, 80, 5 } };

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		struct vfdc_geometry g = vfdc_geometry(all[i].sectors);
		u64 seen = 0;

		ck_assert_uint_eq(g.cylinders * g.heads * g.track, all[i].sectors);
		ck_assert(g.rate == all[i].rate && g.track == all[i].track && g.cylinders == all[i].cyls &&
		          g.heads == all[i].heads && g.cmos == all[i].cmos);
		start_at(all[i].sectors, all[i].rate);
		for (u32 n = 0; n < 400; n++) {
			cmd("4a 0");
			rig_run_to(&rig, rig.now + 3700000);
			ck_assert_uint_eq(rig_in(&rig, 0x3f5), 0x00);
			for (u32 k = 1; k < 7; k++) {
				u8 v = rig_in(&rig, 0x3f5);

				ck_assert(k != 5 || (v >= 1 && v <= g.track));
				seen |= k == 5 ? BIT(v) : 0;
			}
		}
		ck_assert_uint_eq(seen, BIT(g.track + 1) - 2); /* all pass by */
	}
	ck_assert_uint_eq(vfdc_geometry(0).heads, 0);
	ck_assert_uint_eq(vfdc_geometry(2881).heads, 0);
	ck_assert_uint_eq(vfdc_geometry(1ull << 40).heads, 0);
	start();
	cmd("16 0 0 0 1 2 12 1b ff");
	wait_ms(10);
	results("00 00 00 01 00 01 02");
	cmd("96 80 0 0 1 2 12 1b 14"); /* 20 sectors */
	wait_ms(10);
	results("04 00 00 00 01 03 02");
	cmd("13 0 40 0");
	program_dma(0x46, 0x10000, 512);
	cmd("e6 0 2a 0 1 2 12 1b ff");
	wait_ms(5);
	results("00 00 00 2a 00 02 02");
	ck_assert_mem_eq(ram + 0x10000, data[0] + 42 * 36 * 512, 512);
}
END_TEST

/* Images of floppies, and the drives that one has for them. */
START_TEST(images)
{
	static const struct {
		u32 kib;
		u8 drive;
	} of[] = {
		{ 160, 1 },  { 180, 1 },  { 320, 1 },  { 360, 1 },  { 720, 4 },
		{ 1200, 2 }, { 1440, 4 }, { 1680, 4 }, { 1722, 4 }, { 2880, 5 },
	};
	static u8 image[2880 << 10]; /* nothing on it that boots */
	struct blk_flaw flaw = { 0 };
	u64 medium;

	for (u32 i = 0; i < ARRAY_SIZE(of); i++) {
		u64 size = of[i].kib * 1024ull;

		ck_assert_int_eq(vfdc_check(image, size, &medium, &flaw), OK);
		ck_assert_uint_eq(medium, size);
		ck_assert_uint_eq(vfdc_drive_type(size / 512), of[i].drive);
		ck_assert_int_eq(vfdc_check(image, size - 1, &medium, &flaw), ERR_INVAL);
		ck_assert_int_eq(vfdc_check(image, size + 512, &medium, &flaw), ERR_INVAL);
		ck_assert_uint_eq(flaw.offset, size + 512);
		ck_assert(strstr(flaw.reason, "1440"));
	}
	ck_assert_int_eq(vfdc_check(image, 0, &medium, &flaw), ERR_INVAL);
	ck_assert_int_eq(vfdc_check(image, 1ull << 60, &medium, &flaw), ERR_INVAL);
	ck_assert_uint_eq(vfdc_drive_type(0), 4);
	ck_assert_uint_eq(vfdc_drive_type(7), 4);
}
END_TEST

/* Made for dd: it boots, and is shorter than its floppy. What was cut off is not that. */
START_TEST(short_images)
{
	static u8 image[2880 << 10] = { [0x1fe] = 0x55, [0x1ff] = 0xaa };
	struct blk_flaw flaw = { 0 };
	u64 medium;

	ck_assert_int_eq(vfdc_check(image, 2532 * 512, &medium, &flaw), ERR_TRUNC);
	ck_assert_uint_eq(medium, 1440 << 10);
	ck_assert_uint_eq(flaw.offset, 2532 * 512);
	ck_assert_int_eq(vfdc_check(image, 512, &medium, &flaw), ERR_TRUNC);
	ck_assert_uint_eq(medium, 1440 << 10);
	ck_assert_int_eq(vfdc_check(image, (1440 << 10) + 512, &medium, &flaw), ERR_TRUNC);
	ck_assert_uint_eq(medium, 2880 << 10);
	ck_assert_int_eq(vfdc_check(image, (2880 << 10) + 512, &medium, &flaw), ERR_INVAL);
	ck_assert_int_eq(vfdc_check(image, 144312, &medium, &flaw), ERR_TRUNC); /* nor whole sectors: memtest86+ */
	ck_assert_uint_eq(medium, 1440 << 10);
	ck_assert_int_eq(vfdc_check(image, 511, &medium, &flaw), ERR_INVAL);
	/* Its file system has 2000 sectors, and then 70000. */
	image[0x0c] = 2;
	image[0x13] = 2000 & 0xff;
	image[0x14] = 2000 >> 8;
	ck_assert_int_eq(vfdc_check(image, 2000 * 512, &medium, &flaw), ERR_TRUNC);
	ck_assert_int_eq(vfdc_check(image, 1999 * 512, &medium, &flaw), ERR_INVAL);
	image[0x13] = image[0x14] = 0;
	image[0x20] = 70000 & 0xff;
	image[0x21] = 70000 >> 8 & 0xff;
	image[0x22] = 1;
	ck_assert_int_eq(vfdc_check(image, 2000 * 512, &medium, &flaw), ERR_INVAL);
}
END_TEST

START_TEST(without_dma)
{
	start();
	cmd("3 df 3");
	cmd("66 0 0 0 12 2 12 1b ff");
	wait_ms(5);
	ck_assert_uint_eq(msr() & 0xf0, 0xf0);
	ck_assert(rig.level[6]);
	for (u32 i = 0; i < 512; i++) {
		ck_assert_uint_eq(msr() & 0xf0, 0xf0);
		ck_assert_uint_eq(rig_in(&rig, 0x3f5), data[0][17 * 512 + i]);
	}
	wait_ms(5);
	results("40 80 00 01 00 01 02"); /* no terminal count: the end of the cylinder */
	cmd("45 0 0 0 12 2 12 1b ff");
	wait_ms(5);
	ck_assert_uint_eq(msr() & 0xf0, 0xb0);
	for (u32 i = 0; i < 512; i++)
		put((u8)(i ^ 0x55));
	ck_assert_uint_eq(msr() & 0xd0, 0x10);
	wait_ms(5);
	results("40 80 00 01 00 01 02");
	for (u32 i = 0; i < 512; i++)
		ck_assert_uint_eq(data[0][17 * 512 + i], (u8)(i ^ 0x55));
}
END_TEST

START_TEST(change_line)
{
	plug(SECTORS, true);
	rig_out(&rig, 0x3f2, 0x0c);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x00); /* the motor is off */
	rig_out(&rig, 0x3f2, 0x1c);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80);
	cmd("7 0");
	wait_ms(2);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x00);
	rig_out(&rig, 0x3f2, 0x2d); /* the other drive's is its own */
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80);
	rig_out(&rig, 0x3f2, 0x1c);
	/* Taken out: it stays set until a step with a medium. */
	media[0].info.sectors = 0;
	media[0].front.changed(media[0].front.arg);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80);
	cmd("f 0 1");
	wait_ms(2);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80);
	cmd("4a 0");
	wait_ms(2);
	ck_assert_uint_eq(rig_in(&rig, 0x3f5) & 0xc0, 0x40);
	media[0].info.sectors = 1440;
	media[0].front.changed(media[0].front.arg);
	while (msr() & 0x40)
		rig_in(&rig, 0x3f5);
	cmd("f 0 0");
	wait_ms(2);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x00);
}
END_TEST

/* A reset while the medium is at work: what comes back is of no use, and the next command waits for it. */
/* A floppy is taken out while it is read, another is put in: the change line, and the command fails. */
START_TEST(other_floppy)
{
	struct blk medium;

	start();
	medium = fdc.cfg.blk[0];
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x00);
	ck_assert_int_eq(vfdc_insert(&fdc, 0, &medium), ERR_BUSY);
	ck_assert_int_eq(vfdc_eject(&fdc, 0), OK);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80);
	ck_assert_int_eq(vfdc_eject(&fdc, 0), OK); /* again */
	cmd("7 0");
	wait_ms(3);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80); /* a step does not end it without one */
	ck_assert_int_eq(vfdc_insert(&fdc, 0, &medium), OK);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x80);
	cmd("7 0");
	wait_ms(3);
	ck_assert_uint_eq(rig_in(&rig, 0x3f7), 0x00);
	/* With a request under way: not before it has come back; then the command fails. */
	media[0].hold = true;
	program_dma(0x46, 0x10000, 512);
	while (msr() & 0x40)
		rig_in(&rig, 0x3f5);
	cmd("8");
	while (msr() & 0x40)
		rig_in(&rig, 0x3f5);
	cmd("e6 0 0 0 1 2 12 1b ff");
	wait_ms(5);
	ck_assert_ptr_nonnull(media[0].waits);
	ck_assert_int_eq(vfdc_eject(&fdc, 0), ERR_BUSY);
	ck_assert_uint_eq(media[0].cancels, 1);
	fake_floppy_finish(&media[0], BLK_CANCELLED);
	ck_assert_int_eq(vfdc_eject(&fdc, 0), OK);
	wait_ms(5);
	results("40 01 00 00 00 01 02");
	ck_assert_int_eq(vfdc_eject(&fdc, 1), ERR_NOENT); /* not plugged in */
	ck_assert_int_eq(vfdc_eject(&fdc, 2), ERR_NOENT);
	ck_assert_int_eq(vfdc_insert(&fdc, ~0u, &medium), ERR_NOENT);
}
END_TEST

START_TEST(reset_in_request)
{
	start();
	media[0].hold = true;
	program_dma(0x46, 0x10000, 512);
	cmd("e6 0 0 0 1 2 12 1b ff");
	wait_ms(5);
	ck_assert_ptr_nonnull(media[0].waits);
	ck_assert(!vfdc_ops.idle(&fdc));
	rig_out(&rig, 0x3f4, 0x80);
	ck_assert_uint_eq(media[0].cancels, 1);
	ck_assert_uint_eq(msr(), 0x80);
	program_dma(0x46, 0x10000, 512);
	cmd("e6 0 0 0 2 2 12 1b ff");
	wait_ms(50);
	fake_floppy_finish(&media[0], BLK_CANCELLED);
	ck_assert(vfdc_ops.idle(&fdc));
	wait_ms(5);
	ck_assert_uint_eq(ram[0x10000], 0xee);
	fake_floppy_finish(&media[0], BLK_OK);
	wait_ms(5);
	results("00 00 00 00 00 03 02");
	ck_assert_mem_eq(ram + 0x10000, data[0] + 512, 512);
}
END_TEST

SUITE_MAIN("vfdc", reset_and_identity, seeks, reads, writes, errors, formats, images, short_images, without_dma,
           change_line, other_floppy, reset_in_request)
