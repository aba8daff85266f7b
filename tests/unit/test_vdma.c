/* 8237A pair: registers, modes, terminal count, pages. */
#include "dev_rig.h"
#include "suite.h"
#include "vmm/dev/pc/vdma.h"

#define RAM 0x40000

static struct rig rig;
static struct vdma d;
static u8 ram[RAM], buf[VDMA_PIECE + 100];
static struct guest_mem mem = { .base = ram, .nr_ranges = 1, .ranges = { { 0, RAM } } };
static bool end;

static void start(void)
{
	struct vdev_env env = { .pio = &rig.pio, .mem = &mem };

	rig_init(&rig);
	memset(&d, 0, sizeof(d));
	ck_assert_int_eq(vdma_ops.attach(&d, &env, NULL), OK);
	for (u32 i = 0; i < sizeof(ram); i++)
		ram[i] = (u8)(i ^ i >> 8);
	for (u32 i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)~i;
}

/* As BIOSes program channel 2. */
static void program(u8 mode, u32 addr, u32 count)
{
	rig_out(&rig, 0x0a, 0x06);
	rig_out(&rig, 0x0c, 0xff);
	rig_out(&rig, 0x04, (u8)addr);
	rig_out(&rig, 0x04, (u8)(addr >> 8));
	rig_out(&rig, 0x81, (u8)(addr >> 16));
	rig_out(&rig, 0x05, (u8)(count - 1));
	rig_out(&rig, 0x05, (u8)((count - 1) >> 8));
	rig_out(&rig, 0x0b, mode | 2);
	rig_out(&rig, 0x0a, 0x02);
}

static u32 move(u32 len, bool to_memory)
{
	return vdma_transfer(&d, 2, buf, len, to_memory, &end);
}

START_TEST(registers)
{
	start();
	for (u32 ch = 0; ch < 4; ch++) {
		rig_out(&rig, 0x0c, 0);
		rig_out(&rig, ch * 2, 0x34);
		rig_out(&rig, ch * 2, 0x12);
		rig_out(&rig, ch * 2 + 1, 0x78);
		rig_out(&rig, ch * 2 + 1, 0x56);
		ck_assert_uint_eq(rig_in(&rig, ch * 2), 0x34);
		ck_assert_uint_eq(rig_in(&rig, ch * 2), 0x12);
		ck_assert_uint_eq(rig_in(&rig, ch * 2 + 1), 0x78);
		rig_out(&rig, 0x0c, 0); /* the next byte is a lower one */
		ck_assert_uint_eq(rig_in(&rig, ch * 2 + 1), 0x78);
		ck_assert_uint_eq(rig_in(&rig, ch * 2 + 1), 0x56);
		/* The other controller's are at even ports. */
		rig_out(&rig, 0xc0 + ch * 4, 0xcd);
		rig_out(&rig, 0xc0 + ch * 4, 0xab);
		ck_assert_uint_eq(rig_in(&rig, 0xc0 + ch * 4), 0xcd);
		ck_assert_uint_eq(rig_in(&rig, 0xc0 + ch * 4), 0xab);
		ck_assert_uint_eq(rig_in(&rig, 0xc1 + ch * 4), 0xff);
		ck_assert_uint_eq(d.s.chan[ch].addr, 0x1234);
		ck_assert_uint_eq(d.s.chan[4 + ch].addr, 0xabcd);
	}
	for (u32 i = 0; i < 16; i++)
		rig_out(&rig, 0x80 + i, (u8)(0xa0 + i));
	for (u32 i = 0; i < 16; i++)
		ck_assert_uint_eq(rig_in(&rig, 0x80 + i), 0xa0 + i);
	ck_assert_uint_eq(rig_in(&rig, 0x0f), 0xff); /* all masked */
	rig_out(&rig, 0x0a, 0x01);
	ck_assert_uint_eq(rig_in(&rig, 0x0f), 0xfd);
	rig_out(&rig, 0x0a, 0x05);
	rig_out(&rig, 0xde, 0x03);
	ck_assert_uint_eq(rig_in(&rig, 0x0f), 0xff);
	ck_assert_uint_eq(rig_in(&rig, 0xde), 0xf3);
	rig_out(&rig, 0x0e, 0);
	ck_assert_uint_eq(rig_in(&rig, 0x0f), 0xf0);
	rig_out(&rig, 0x0d, 0);
	ck_assert_uint_eq(rig_in(&rig, 0x0f), 0xff);
	ck_assert_uint_eq(rig_in(&rig, 0x0b), 0xff);
	vdma_ops.detach(&d);
	ck_assert_uint_eq(rig.pio.nr, 0);
}
END_TEST

START_TEST(to_and_from_memory)
{
	start();
	program(0x44, 0x21000, 1024); /* single, to memory */
	ck_assert_uint_eq(move(512, true), 512);
	ck_assert(!end);
	ck_assert_mem_eq(ram + 0x21000, buf, 512);
	ck_assert_uint_eq(ram[0x21200], (u8)(0x00 ^ 0x12));
	ck_assert_uint_eq(rig_in(&rig, 0x08), 0);
	ck_assert_uint_eq(move(5000, true), 512); /* to the end of the count */
	ck_assert(end);
	ck_assert_mem_eq(ram + 0x21200, buf, 512);
	ck_assert_uint_eq(rig_in(&rig, 0x08), 0x04);
	ck_assert_uint_eq(rig_in(&rig, 0x08), 0x00); /* reading clears it */
	ck_assert_uint_eq(move(1, true), 0);         /* and it is masked now */
	ck_assert_uint_eq(d.s.chan[2].count, 0xffff);
	program(0x48, 0x1234, 100);
	ck_assert_uint_eq(move(60, false), 60);
	ck_assert_mem_eq(buf, ram + 0x1234, 60);
	rig_out(&rig, 0x08, 0x04); /* disabled */
	ck_assert_uint_eq(move(60, false), 0);
	rig_out(&rig, 0x08, 0x00);
	ck_assert_uint_eq(move(60, false), 40);
	ck_assert(end);
}
END_TEST

START_TEST(modes)
{
	start();
	program(0x54, 0x3000, 16); /* starts again by itself */
	for (u32 i = 0; i < 3; i++) {
		ck_assert_uint_eq(move(16, true), 16);
		ck_assert(end);
		ck_assert_uint_eq(d.s.chan[2].addr, 0x3000);
		ck_assert_uint_eq(d.s.chan[2].count, 15);
	}
	program(0x64, 0x3010, 17); /* downwards */
	ck_assert_uint_eq(move(17, true), 17);
	for (u32 i = 0; i < 17; i++)
		ck_assert_uint_eq(ram[0x3010 - i], buf[i]);
	program(0x40, 0x3000, 16); /* to verify: counts alone */
	ram[0x3000] = 0x77;
	ck_assert_uint_eq(move(16, true), 16);
	ck_assert(end);
	ck_assert_uint_eq(ram[0x3000], 0x77);
	program(0x48, 0x3000, 16); /* the wrong way */
	ck_assert_uint_eq(move(16, true), 16);
	ck_assert_uint_eq(ram[0x3000], 0x77);
	program(0xc4, 0x3000, 16); /* cascaded */
	ck_assert_uint_eq(move(16, true), 0);
}
END_TEST

/* Addresses wrap in their page; where there is no RAM nothing happens; a piece is 16 KiB. */
START_TEST(limits)
{
	start();
	program(0x44, 0x1fff0, 32);
	ck_assert_uint_eq(move(32, true), 32);
	ck_assert_mem_eq(ram + 0x1fff0, buf, 16);
	ck_assert_mem_eq(ram + 0x10000, buf + 16, 16);
	ck_assert_uint_eq(ram[0x20000], 0x00);
	program(0x64, 0x10003, 8);
	ck_assert_uint_eq(move(8, true), 8);
	for (u32 i = 0; i < 8; i++)
		ck_assert_uint_eq(ram[0x10000 + ((3 - i) & 0xffff)], buf[i]);
	program(0x48, 0x40000, 16);
	ck_assert_uint_eq(move(16, false), 16);
	for (u32 i = 0; i < 16; i++)
		ck_assert_uint_eq(buf[i], 0xff);
	program(0x44, 0xff0000, 0x10000);
	ck_assert_uint_eq(move(512, true), 512);
	program(0x48, 0x10000, 0x10000);
	for (u32 i = 0; i < 4; i++) {
		ck_assert_uint_eq(move(VDMA_PIECE + 100, false), VDMA_PIECE);
		ck_assert(end == (i == 3));
		ck_assert_mem_eq(buf, ram + 0x10000 + i * VDMA_PIECE, VDMA_PIECE);
	}
}
END_TEST

/* Channel 5: words, and a page of 128 KiB. */
START_TEST(words)
{
	start();
	rig_out(&rig, 0xd8, 0);
	rig_out(&rig, 0xc4, 0xf8);
	rig_out(&rig, 0xc4, 0xff);
	rig_out(&rig, 0x8b, 0x03); /* its lowest bit does not count */
	rig_out(&rig, 0xc6, 15);
	rig_out(&rig, 0xc6, 0);
	rig_out(&rig, 0xd6, 0x45);
	rig_out(&rig, 0xd4, 0x01);
	ck_assert_uint_eq(vdma_transfer(&d, 5, buf, 33, true, &end), 32);
	ck_assert(end);
	ck_assert_mem_eq(ram + 0x3fff0, buf, 16);
	ck_assert_mem_eq(ram + 0x20000, buf + 16, 16);
	ck_assert_uint_eq(rig_in(&rig, 0xd0), 0x02);
}
END_TEST

SUITE_MAIN("vdma", registers, to_and_from_memory, modes, limits, words)
