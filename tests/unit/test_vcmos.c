/* CMOS memory as setup leaves it: bytes of the PC AT's technical reference and of virtual machines' firmware. */
#include "dev_rig.h"
#include "suite.h"
#include "vmm/dev/pc/vcmos.h"
#include "vmm/dev/pc/vrtc.h"

#define MIB 0x100000ull

static u8 cmos[128];

static struct vcmos_cfg plain(void)
{
	return (struct vcmos_cfg){ .low = 64 * MIB, .cpus = 1 };
}

static u32 get16(u32 at)
{
	return cmos[at] | (u32)cmos[at + 1] << 8;
}

static void fill(struct vcmos_cfg c)
{
	u32 sum = 0;

	memset(cmos, 0xa5, sizeof(cmos));
	vcmos_fill(cmos, &c);
	for (u32 i = 0x10; i <= 0x2d; i++)
		sum += cmos[i];
	ck_assert_uint_eq(cmos[0x2e] << 8 | cmos[0x2f], sum);
}

START_TEST(memory)
{
	static const struct {
		u64 low, high;
		u32 extended, above_16m, above_4g;
	} want[] = {
		{ MIB + 4096, 0, 4, 0, 0 },
		{ 16 * MIB, 0, 15 * 1024, 0, 0 },
		{ 16 * MIB + 65536, 0, 15 * 1024 + 64, 1, 0 },
		{ 64 * MIB, 0, 63 * 1024, 768, 0 },
		{ 65 * MIB - 1024, 0, 65535, 783, 0 },
		{ 65 * MIB, 0, 65535, 784, 0 },
		{ 3ull * SIZE_1G, SIZE_1G, 65535, 0xbf00, 0x4000 },
		{ 3ull * SIZE_1G, 1021ull * SIZE_1G, 65535, 0xbf00, 0xff4000 },
		{ 4ull * SIZE_1G, 1ull << 41, 65535, 0xff00, 0xffffff },
	};

	for (u32 i = 0; i < ARRAY_SIZE(want); i++) {
		struct vcmos_cfg c = plain();

		c.low = want[i].low;
		c.high = want[i].high;
		fill(c);
		ck_assert_uint_eq(get16(0x15), 640);
		ck_assert_uint_eq(get16(0x17), want[i].extended);
		ck_assert_uint_eq(get16(0x30), want[i].extended);
		ck_assert_uint_eq(get16(0x34), want[i].above_16m);
		ck_assert_uint_eq(get16(0x5b) | (u32)cmos[0x5d] << 16, want[i].above_4g);
	}
}
END_TEST

START_TEST(drives)
{
	struct vcmos_cfg c = plain();

	fill(c);
	ck_assert(!cmos[0x10] && !cmos[0x12] && !cmos[0x19] && !cmos[0x1a] && !cmos[0x39]);
	for (u32 i = 0x1b; i <= 0x2c; i++)
		ck_assert_uint_eq(cmos[i], 0);
	ck_assert_uint_eq(cmos[0x14], 0x02);
	c.floppy[0] = VCMOS_1_44M;
	c.mouse = true;
	fill(c);
	ck_assert_uint_eq(cmos[0x10], 0x40);
	ck_assert_uint_eq(cmos[0x14], 0x07);
	c.floppy[1] = VCMOS_1_2M;
	fill(c);
	ck_assert_uint_eq(cmos[0x10], 0x42);
	ck_assert_uint_eq(cmos[0x14], 0x47);
	c.floppy[0] = VCMOS_NO_FLOPPY;
	c.mouse = false;
	fill(c);
	ck_assert_uint_eq(cmos[0x10], 0x02);
	ck_assert_uint_eq(cmos[0x14], 0x03);
	c.disk[1] = (struct vcmos_disk){ 0x1234, 16, 63, VCMOS_LBA };
	c.disk[3] = (struct vcmos_disk){ 100, 4, 17, VCMOS_LARGE };
	fill(c);
	ck_assert_uint_eq(cmos[0x12], 0x0f);
	ck_assert(cmos[0x19] == 0 && cmos[0x1a] == 47);
	ck_assert_uint_eq(cmos[0x39], VCMOS_LBA << 2 | VCMOS_LARGE << 6);
	ck_assert(get16(0x24) == 0x1234 && cmos[0x26] == 16 && get16(0x27) == 0xffff && cmos[0x29] == 0xc8);
	ck_assert(get16(0x2a) == 0x1234 && cmos[0x2c] == 63 && cmos[0x1b] == 0 && cmos[0x23] == 0);
	c.disk[0] = (struct vcmos_disk){ 306, 8, 17, VCMOS_NONE };
	fill(c);
	ck_assert_uint_eq(cmos[0x12], 0xff);
	ck_assert(get16(0x1b) == 306 && cmos[0x1d] == 8 && cmos[0x20] == 0xc0 && cmos[0x23] == 17);
}
END_TEST

/* The largest that INT 13h reaches by CHS without translation is of 504 MiB; ATA's own CHS ends at 16383 cylinders. */
START_TEST(disks_of_all_sizes)
{
	static const struct {
		u64 sectors;
		struct vcmos_disk want;
	} of[] = {
		{ 0, { 0, 0, 0, VCMOS_NONE } },
		{ 1, { 1, 16, 63, VCMOS_NONE } },
		{ 1008, { 1, 16, 63, VCMOS_NONE } },
		{ 1024 * 1008, { 1024, 16, 63, VCMOS_NONE } },
		{ 1025 * 1008, { 1025, 16, 63, VCMOS_LBA } },
		{ 16383ull * 1008, { 16383, 16, 63, VCMOS_LBA } },
		{ 1ull << 40, { 16383, 16, 63, VCMOS_LBA } },
	};

	for (u32 i = 0; i < ARRAY_SIZE(of); i++) {
		struct vcmos_disk d = vcmos_disk(of[i].sectors);

		ck_assert_msg(d.cylinders == of[i].want.cylinders && d.heads == of[i].want.heads &&
		                      d.sectors == of[i].want.sectors && d.translation == of[i].want.translation,
		              "%u", i);
	}
}
END_TEST

START_TEST(order_and_processors)
{
	struct vcmos_cfg c = plain();

	fill(c);
	ck_assert(cmos[0x3d] == 0 && cmos[0x38] == 0 && cmos[0x5f] == 0);
	c.boot[0] = VCMOS_BOOT_CD;
	c.boot[1] = VCMOS_BOOT_DISK;
	c.boot[2] = VCMOS_BOOT_NET;
	c.unsigned_floppy = true;
	c.cpus = 256;
	fill(c);
	ck_assert_uint_eq(cmos[0x3d], 0x23);
	ck_assert_uint_eq(cmos[0x38], 0x41);
	ck_assert_uint_eq(cmos[0x5f], 255);
}
END_TEST

/* Nothing else is touched: the clock's registers, the shutdown byte, what guests keep there. */
START_TEST(others_stay)
{
	static const u8 ours[][2] = { { 0x10, 0x10 }, { 0x12, 0x12 }, { 0x14, 0x2c }, { 0x2e, 0x31 }, { 0x34, 0x35 },
		                      { 0x38, 0x39 }, { 0x3d, 0x3d }, { 0x5b, 0x5d }, { 0x5f, 0x5f } };

	fill(plain());
	for (u32 i = 0; i < 128; i++) {
		bool mine = false;

		for (u32 k = 0; k < ARRAY_SIZE(ours); k++)
			mine |= i >= ours[k][0] && i <= ours[k][1];
		ck_assert_msg(mine || cmos[i] == 0xa5, "%x", i);
	}
}
END_TEST

static struct rig rig;
static struct vrtc rtc;

static u8 get(u8 index)
{
	rig_out(&rig, 0x70, index);
	return rig_in(&rig, 0x71);
}

static void put(u8 index, u8 val)
{
	rig_out(&rig, 0x70, index);
	rig_out(&rig, 0x71, val);
}

/* As the clock's row has it: written anew at each reset, but for what is the guest's. */
START_TEST(over_resets)
{
	struct vcmos_cfg c = plain();
	struct vrtc_cfg cfg = { .cmos = &c };
	struct vdev_env env;

	rig_init(&rig);
	env = (struct vdev_env){ .pio = &rig.pio, .irq = &rig.chip, .timers = &rig.tq };
	ck_assert_int_eq(vrtc_ops.attach(&rtc, &env, &cfg), OK);
	c.low = 0; /* it has its own copy */
	vrtc_ops.reset(&rtc, 0);
	ck_assert_uint_eq(get(0x15), 640 & 0xff);
	ck_assert_uint_eq(get(0x31), 63 * 1024 >> 8);
	ck_assert_uint_eq(get(0x0d), 0x80);
	put(VCMOS_SHUTDOWN, 0x0a);
	put(0x40, 0x77);
	put(0x31, 0);
	put(0x2f, 0);
	vrtc_ops.reset(&rtc, 1000);
	ck_assert_uint_eq(get(VCMOS_SHUTDOWN), 0x0a);
	ck_assert_uint_eq(get(0x40), 0x77);
	ck_assert_uint_eq(get(0x31), 63 * 1024 >> 8);
	memcpy(cmos, rtc.s.reg, sizeof(cmos));
	for (u32 i = 0x10; i <= 0x2d; i++)
		cmos[0x2f] -= cmos[i];
	ck_assert_uint_eq(cmos[0x2f], 0);
	vrtc_ops.detach(&rtc);
	/* Without, nothing is written. */
	rig_init(&rig);
	memset(&rtc, 0, sizeof(rtc));
	ck_assert_int_eq(vrtc_ops.attach(&rtc, &env, NULL), OK);
	vrtc_ops.reset(&rtc, 0);
	ck_assert_uint_eq(get(0x15), 0);
	vrtc_ops.detach(&rtc);
	rig_init(&rig);
	memset(&rtc, 0, sizeof(rtc));
	cfg.cmos = NULL;
	ck_assert_int_eq(vrtc_ops.attach(&rtc, &env, &cfg), OK);
	vrtc_ops.reset(&rtc, 0);
	ck_assert_uint_eq(get(0x15), 0);
}
END_TEST

SUITE_MAIN("vcmos", memory, drives, disks_of_all_sizes, order_and_processors, others_stay, over_resets)
