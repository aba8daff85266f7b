/* IDE: CD-ROMs. Packets by PIO and bus master, what they say of themselves, discs that come and go. MMC-3. */
#include "quick_check.h"

#include "suite.h"
#include "vide_rig.h"

static struct ide_rig *r;
static u8 data[65536];

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

/* A packet; the error register. */
#define PACKET(...) ir_packet(r, (const u8[12]){ __VA_ARGS__ }, 0xfffe, false)

/* Its answer; bytes. */
static u32 take(u8 error)
{
	ck_assert_uint_eq(error, 0);
	return ir_packet_data(r, data, sizeof(data));
}
#define ANSWER(...) take(PACKET(__VA_ARGS__))

/* What is wrong, as key, code and qualifier. */
static u32 sense(void)
{
	ck_assert_uint_eq(ANSWER(0x03, 0, 0, 0, 18), 18);
	ck_assert_uint_eq(data[0], 0x70);
	return (u32)data[2] << 16 | (u32)data[12] << 8 | data[13];
}

static void setup(void)
{
	free(r);
	r = calloc(1, sizeof(*r));
	ir_init(r);
	ir_enable(r);
	/* The first command hears of the reset. */
	ck_assert_uint_eq(PACKET(0x00), 0x64);
	ck_assert_uint_eq(sense(), 0x062900);
	ck_assert_uint_eq(PACKET(0x00), 0);
}

START_TEST(who_it_is)
{
	setup();
	ir_command(r, 2, 0xa1, 0, 0);
	ck_assert(ir_irq(r, 2));
	ir_read_data(r, 2, data, 512);
	ck_assert(data[0] == 0xc0 && data[1] == 0x85);
	ck_assert_int_eq(memcmp(data + 54, "UBKLEHDAC -DOR M", 16), 0);
	ck_assert_uint_eq(ANSWER(0x12, 0, 0, 0, 36), 36);
	ck_assert(data[0] == 5 && data[1] == 0x80 && !memcmp(data + 8, "BULKHEADCD-ROM", 14));
	ck_assert_uint_eq(ANSWER(0x12, 0, 0, 0, 5), 5); /* an odd length */
	ck_assert_uint_eq(PACKET(0x12, 1, 0x80, 0, 36), 0x54);
	ck_assert_uint_eq(sense(), 0x052400);
	ck_assert_uint_eq(sense(), 0); /* told once */
	ck_assert_uint_eq(ANSWER(0x46, 0, 0, 0, 0, 0, 0, 0, 200), 8 + 8 + 12 + 8 + 8 + 12 + 8);
	ck_assert(be32(data) == 8 + 8 + 12 + 8 + 8 + 12 + 8 - 4 && data[7] == 8);
	ck_assert_uint_eq(ANSWER(0x46, 2, 0, 0x1e, 0, 0, 0, 0, 200), 16);
	ck_assert_uint_eq(ANSWER(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 200), 30);
	ck_assert(data[1] == 28 && data[8] == 0x2a && data[9] == 20);
	ck_assert_uint_eq(ANSWER(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 10), 10);
	ck_assert_uint_eq(PACKET(0x5a, 0, 0x11, 0, 0, 0, 0, 0, 200), 0x54);
	ck_assert_uint_eq(ANSWER(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), 8);
	ck_assert_uint_eq(ANSWER(0x51, 0, 0, 0, 0, 0, 0, 0, 34), 34);
	ck_assert_uint_eq(data[2], 0x0e);
	ck_assert_uint_eq(PACKET(0xbb, 0, 0xff, 0xff), 0);
	ck_assert_uint_eq(PACKET(0xff), 0x54);
	ck_assert_uint_eq(sense(), 0x052000);
}
END_TEST

START_TEST(reading)
{
	static const u16 limits[] = { 0xfffe, 2048, 0, 3000, 2, 4095 };

	setup();
	ck_assert_uint_eq(ANSWER(0x25), 8);
	ck_assert(be32(data) == IR_CD - 1 && be32(data + 4) == 2048);
	for (u32 i = 0; i < ARRAY_SIZE(limits); i++) {
		const u8 read10[12] = { 0x28, 0, 0, 0, 0, 7, 0, 0, 9 };

		ck_assert_uint_eq(ir_packet(r, read10, limits[i], false), 0);
		ck_assert(ir_irq(r, 2));
		ck_assert_uint_eq(ir_packet_data(r, data, sizeof(data)), 9 * 2048);
		ck_assert_int_eq(memcmp(data, r->cd_image + 7 * 2048, 9 * 2048), 0);
		ck_assert_uint_eq(ir_in(r, 2, 7), 0x50);
	}
	ck_assert_uint_eq(ANSWER(0xa8, 0, 0, 0, 0, 39, 0, 0, 0, 1), 2048);
	ck_assert_int_eq(memcmp(data, r->cd_image + 39 * 2048, 2048), 0);
	ck_assert_uint_eq(ANSWER(0xbe, 0, 0, 0, 0, 3, 0, 0, 1, 0x10), 2048);
	ck_assert_int_eq(memcmp(data, r->cd_image + 3 * 2048, 2048), 0);
	ck_assert_uint_eq(PACKET(0xbe, 0, 0, 0, 0, 3, 0, 0, 1, 0xf8), 0x54);
	ck_assert_uint_eq(PACKET(0x28, 0, 0, 0, 0, 39, 0, 0, 2), 0x54);
	ck_assert_uint_eq(sense(), 0x052100);
	ck_assert_uint_eq(PACKET(0xa8, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff), 0x54);
	ck_assert_uint_eq(PACKET(0x28, 0, 0, 0, 0, 39), 0); /* nothing */
	ck_assert_uint_eq(PACKET(0x2b, 0, 0, 0, 0, 39), 0);
	ck_assert_uint_eq(PACKET(0x2b, 0, 0, 0, 0, 41), 0x54);
}
END_TEST

START_TEST(by_bus_master)
{
	const u8 read10[12] = { 0x28, 0, 0, 0, 0, 2, 0, 0, 20 }, inq[12] = { 0x12, 0, 0, 0, 36 };

	setup();
	ir_prd(r, 0x1000, 0, 0x10000, 0, true);
	ck_assert_uint_eq(ir_packet(r, read10, 0, true), 0);
	ck_assert_uint_eq(ir_alt(r, 2) & 0x80, 0x80);
	ir_bm_start(r, 2, 0x1000, true);
	ir_work(r);
	ck_assert_int_eq(memcmp(r->ram + 0x10000, r->cd_image + 2 * 2048, 20 * 2048), 0);
	ck_assert_uint_eq(ir_bm(r, 2, 2, 1, false, 0) & 7, 5);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0x50);
	ck_assert_uint_eq(ir_in(r, 2, 2) & 7, 3);
	ir_bm(r, 2, 0, 1, true, 0);
	ir_bm_start(r, 2, 0x1000, true);
	ck_assert_uint_eq(ir_packet(r, inq, 0, true), 0);
	ck_assert_int_eq(memcmp(r->ram + 0x10008, "BULKHEAD", 8), 0);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0x50);
}
END_TEST

START_TEST(contents)
{
	setup();
	ck_assert_uint_eq(ANSWER(0x43, 0, 0, 0, 0, 0, 0, 1, 0), 20);
	ck_assert(data[1] == 18 && data[2] == 1 && data[3] == 1 && data[6] == 1 && data[14] == 0xaa);
	ck_assert(be32(data + 8) == 0 && be32(data + 16) == IR_CD);
	ck_assert_uint_eq(ANSWER(0x43, 2, 0, 0, 0, 0, 0xaa, 1, 0), 12);
	/* 40 sectors and two seconds: 00:02:40. */
	ck_assert(data[6] == 0xaa && be32(data + 8) == 0x00000228);
	ck_assert_uint_eq(ANSWER(0x43, 0, 1, 0, 0, 0, 0, 1, 0), 12);
	ck_assert_uint_eq(ANSWER(0x43, 0, 0, 0, 0, 0, 0, 1, 0, 0x40), 12);
	ck_assert_uint_eq(ANSWER(0x43, 0, 2, 0, 0, 0, 0, 1, 0), 48);
	ck_assert(data[4 + 3] == 0xa0 && data[4 + 22 + 3] == 0xa2 && data[4 + 22 + 9] == 2 &&
	          data[4 + 22 + 10] == 40);
	ck_assert_uint_eq(PACKET(0x43, 0, 5, 0, 0, 0, 0, 1, 0), 0x54);
	ck_assert_uint_eq(PACKET(0x43, 0, 0, 0, 0, 0, 2, 1, 0), 0x54);
}
END_TEST

/* GET EVENT STATUS NOTIFICATION: event and status of the medium. */
static u32 event(void)
{
	ck_assert_uint_eq(ANSWER(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 8);
	return (u32)data[4] << 8 | data[5];
}

START_TEST(tray)
{
	struct blk other = { &ramdisk_ops, &r };

	setup();
	ck_assert_uint_eq(event(), 0x0002);
	/* The guest opens it, and closes it. */
	ck_assert_uint_eq(PACKET(0x1b, 0, 0, 0, 2), 0);
	ck_assert(r->trays == 1 && r->tray_open);
	ck_assert_uint_eq(event(), 0x0301);
	ck_assert_uint_eq(PACKET(0x1b, 0, 0, 0, 3), 0);
	ck_assert_uint_eq(event(), 0x0202);
	ck_assert_uint_eq(PACKET(0x00), 0x64);
	ck_assert_uint_eq(sense(), 0x062800);
	/* Locked, it opens for nobody; the guest hears that somebody would like to. */
	ck_assert_uint_eq(PACKET(0x1e, 0, 0, 0, 1), 0);
	ck_assert_uint_eq(PACKET(0x1b, 0, 0, 0, 2), 0x54);
	ck_assert_uint_eq(sense(), 0x055302);
	ck_assert_int_eq(vide_eject(&r->d, 2, false), ERR_BUSY);
	ck_assert_uint_eq(event(), 0x0102);
	ck_assert_uint_eq(event(), 0x0002);
	ck_assert_uint_eq(PACKET(0x1e, 0, 0, 0, 0), 0);
	ck_assert_int_eq(vide_eject(&r->d, 2, false), OK);
	ck_assert_uint_eq(event(), 0x0301);
	ck_assert_uint_eq(PACKET(0x00), 0x24);
	ck_assert_uint_eq(sense(), 0x023a02);
	ck_assert_uint_eq(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0x24);
	ck_assert_uint_eq(ANSWER(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 200), 30);
	ck_assert_uint_eq(data[2], 0x71);
	/* Another one. */
	other.ctx = &r->small;
	ck_assert_int_eq(vide_insert(&r->d, 2, &other), OK);
	ck_assert_int_eq(vide_insert(&r->d, 2, &other), ERR_BUSY);
	ck_assert_uint_eq(event(), 0x0202);
	ck_assert_uint_eq(PACKET(0x25), 0x64);
	ck_assert_uint_eq(ANSWER(0x25), 8);
	ck_assert_uint_eq(be32(data), IR_SMALL / 4 - 1);
	ck_assert_int_eq(vide_eject(&r->d, 0, true), ERR_NOENT);
	ck_assert_int_eq(vide_insert(&r->d, 7, &other), ERR_NOENT);
	/* Not while it is read; by force although it is locked. */
	ck_assert_uint_eq(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0);
	ck_assert_int_eq(vide_eject(&r->d, 2, false), ERR_BUSY);
	ck_assert_uint_eq(ir_packet_data(r, data, sizeof(data)), 2048);
	ck_assert_uint_eq(PACKET(0x1e, 0, 0, 0, 1), 0);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), OK);
}
END_TEST

/* PACKET, and nothing of the 12 bytes. */
static void hold(void)
{
	ir_select(r, 2, 0);
	ir_out(r, 2, 1, 0);
	ir_out(r, 2, 7, 0xa0);
	ck_assert_uint_eq(ir_alt(r, 2), 0x58);
	ck_assert(!ir_irq(r, 2));
}

/* The command that was under way has failed, for want of a disc. */
static void gone(void)
{
	ck_assert(ir_irq(r, 2));
	ck_assert_uint_eq(ir_in(r, 2, 7), 0x41);
	ck_assert(ir_in(r, 2, 1) == 0x24 && (ir_in(r, 2, 2) & 7) == 3);
	ck_assert_uint_eq(sense(), 0x023a02);
	ck_assert_uint_eq(event(), 0x0301);
}

/* A guest that does not end its command: by force it ends. */
START_TEST(held)
{
	struct blk cd = { &ramdisk_ops, NULL };
	const u8 read10[12] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 20 };

	setup();
	cd.ctx = &r->cd;
	hold();
	ck_assert_int_eq(vide_eject(&r->d, 2, false), ERR_BUSY);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), OK);
	gone();
	/* An empty drive takes a disc meanwhile: the command is that one's. */
	hold();
	ck_assert_int_eq(vide_insert(&r->d, 2, &cd), OK);
	ir_write_data(r, 2, (const u8[12]){ 0 }, 12);
	ck_assert_uint_eq(ir_in(r, 2, 1), 0x64);
	/* Data that it does not read, */
	ck_assert_uint_eq(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 20), 0);
	ck_assert_int_eq(vide_eject(&r->d, 2, false), ERR_BUSY);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), OK);
	gone();
	ck_assert_int_eq(vide_insert(&r->d, 2, &cd), OK);
	ck_assert_uint_eq(PACKET(0x00), 0x64);
	/* or does not fetch, */
	ck_assert_uint_eq(ir_packet(r, read10, 0, true), 0);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), OK);
	gone();
	ck_assert_int_eq(vide_insert(&r->d, 2, &cd), OK);
	ck_assert_uint_eq(PACKET(0x00), 0x64);
	/* or that the medium has not read yet. */
	hold();
	ir_write_data(r, 2, read10, 12);
	ck_assert(r->d.ch[1].asked && r->cd.nr);
	ck_assert_int_eq(vide_eject(&r->d, 2, false), ERR_BUSY);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), OK);
	ck_assert(!r->cd.nr && vide_ops.idle(&r->d));
	gone();
	ck_assert_int_eq(vide_insert(&r->d, 2, &cd), OK);
	/* A reset without an end holds nothing. */
	ir_control(r, 2, 4);
	ck_assert_int_eq(vide_eject(&r->d, 2, false), OK);
	ck_assert_uint_eq(ir_alt(r, 2), 0x80);
	ck_assert_int_eq(vide_insert(&r->d, 2, &cd), OK);
	ir_control(r, 2, 0);
	ck_assert_uint_eq(PACKET(0x00), 0x64);
	/* What the channel's other drive does goes on. */
	ir_command(r, 3, 0x20, 5, 1);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), ERR_BUSY);
	ir_work(r);
	ck_assert_int_eq(vide_eject(&r->d, 2, true), OK);
	ir_read_data(r, 3, data, 512);
	ck_assert_int_eq(memcmp(data, r->small_image + 5 * 512, 512), 0);
}
END_TEST

/* DEVICE RESET, also while the drive is busy; the other drive of the channel does not notice. */
START_TEST(device_reset)
{
	setup();
	ir_select(r, 3, 0);
	ir_out(r, 3, 2, 8);
	ir_out(r, 3, 7, 0xc6);
	ir_select(r, 2, 0);
	ir_out(r, 2, 1, 0);
	ir_out(r, 2, 7, 0xa0);
	ir_write_data(r, 2, (const u8[12]){ 0x28, 0, 0, 0, 0, 0, 0, 0, 4 }, 12);
	ck_assert_uint_eq(ir_alt(r, 2) & 0x80, 0x80);
	ir_out(r, 2, 7, 0x08);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0);
	ck_assert_uint_eq(ir_in(r, 2, 4), 0x14);
	ck_assert(!ir_irq(r, 2) && vide_ops.idle(&r->d) && !r->cd.nr);
	ck_assert_uint_eq(r->d.s.ch[1].drive[1].multiple, 8);
	/* Overlapped commands are refused. */
	ir_out(r, 2, 1, 2);
	ir_out(r, 2, 7, 0xa0);
	ck_assert_uint_eq(ir_in(r, 2, 7) & 1, 1);
	ck_assert_uint_eq(PACKET(0x00), 0);
}
END_TEST

SUITE_MAIN("vide_cd", who_it_is, reading, by_bus_master, contents, tray, held, device_reset)
