/* IDE: channels, drives that are there or not, disks by PIO and bus master, errors, resets. */
#include "quick_check.h"

#include "suite.h"
#include "vide_rig.h"

static struct ide_rig *r;
static u8 data[128 * BLK_SECTOR], more[128 * BLK_SECTOR];

static void setup(void)
{
	free(r);
	r = calloc(1, sizeof(*r));
	ir_init(r);
	ir_enable(r);
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 13 + i / 256);
}

static u16 id(u32 word)
{
	return (u16)(data[2 * word] | data[2 * word + 1] << 8);
}

/* The whole of a command that reads. Interrupts seen. */
static u32 read_pio(u32 drive, u8 *to, u32 sectors, u32 block)
{
	u32 irqs = 0;

	while (sectors) {
		u32 n = MIN(sectors, block);

		ir_work(r);
		ck_assert_uint_eq(ir_alt(r, drive) & 0x89, 0x08);
		irqs += ir_irq(r, drive);
		ir_in(r, drive, 7);
		ck_assert(!ir_irq(r, drive));
		ir_read_data(r, drive, to, n * BLK_SECTOR);
		to += n * BLK_SECTOR;
		sectors -= n;
	}
	ck_assert_uint_eq(ir_alt(r, drive), 0x50);
	ck_assert(!ir_irq(r, drive));
	return irqs;
}

static u32 write_pio(u32 drive, const u8 *from, u32 sectors, u32 block)
{
	u32 irqs = 0;

	while (sectors) {
		u32 n = MIN(sectors, block);

		ck_assert_uint_eq(ir_alt(r, drive) & 0x89, 0x08);
		ir_in(r, drive, 7);
		ir_write_data(r, drive, from, n * BLK_SECTOR);
		from += n * BLK_SECTOR;
		sectors -= n;
		ir_work(r);
		irqs += ir_irq(r, drive);
	}
	return irqs;
}

START_TEST(function)
{
	u64 v = 0;

	setup();
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 0, 4, 0), 0x70108086);
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 8, 4, 0), 0x01018000);
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 0x3c, 4, 0) & 0xff00, 0);
	ir_cfg(r, 0x20, 4, 0xffffffff);
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 0x20, 4, 0), 0xfffffff1);
	ir_cfg(r, 0x10, 4, 0xffffffff);
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 0x10, 4, 0), 0);
	/* Both channels decode from reset on, once ports are enabled. */
	vide_ops.reset(&r->d, 0);
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 0x40, 4, 0), 0x80008000);
	ir_cfg(r, PCI_COMMAND, 2, PCI_CMD_IO);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0);
	ir_enable(r);
	/* Without decoding, nobody is at the ports. */
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ir_cfg(r, 0x40, 4, 0x80000000);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0xff);
	ck_assert_uint_eq(ir_alt(r, 0), 0xff);
	io_bus_access(&r->rig.pio, 0x1f0, 4, false, &v, 0);
	ck_assert_uint_eq(v, 0xffffffff);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0);
	ir_cfg(r, PCI_COMMAND, 2, 0);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0xff);
}
END_TEST

/* What drivers look for: registers that keep what is written, signatures, who is not there. */
START_TEST(presence)
{
	setup();
	ir_select(r, 0, 0);
	ir_out(r, 0, 2, 0x55);
	ir_out(r, 0, 3, 0xaa);
	ck_assert_uint_eq(ir_in(r, 0, 2), 0x55);
	ck_assert_uint_eq(ir_in(r, 0, 3), 0xaa);
	ck_assert_uint_eq(ir_in(r, 0, 6), 0xa0);
	/* Drive 0 answers for drive 1, but has no status for it; commands come to nothing. */
	ir_select(r, 1, 0);
	ck_assert_uint_eq(ir_in(r, 1, 6), 0xb0);
	ck_assert_uint_eq(ir_in(r, 1, 2), 0x55);
	ck_assert_uint_eq(ir_in(r, 1, 7), 0);
	ir_out(r, 1, 7, 0xec);
	ir_work(r);
	ck_assert_uint_eq(ir_in(r, 1, 7), 0);
	ck_assert(!ir_irq(r, 1));
	ck_assert_uint_eq(ir_word(r, 1), 0xffff);
	/* A software reset tells who is who. */
	for (u32 drive = 0; drive < 4; drive += 2) {
		ir_control(r, drive, 0x04);
		ck_assert_uint_eq(ir_alt(r, drive), 0x80);
		ir_control(r, drive, 0x00);
	}
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ck_assert_uint_eq(ir_in(r, 0, 1), 1);
	ck_assert_uint_eq(ir_in(r, 0, 4), 0);
	ck_assert_uint_eq(ir_in(r, 2, 7), 0x00);
	ck_assert_uint_eq(ir_in(r, 2, 2), 1);
	ck_assert_uint_eq(ir_in(r, 2, 3), 1);
	ck_assert_uint_eq(ir_in(r, 2, 4), 0x14);
	ck_assert_uint_eq(ir_in(r, 2, 5), 0xeb);
	ir_select(r, 3, 0);
	ck_assert_uint_eq(ir_in(r, 3, 7), 0x50);
	ck_assert_uint_eq(ir_in(r, 3, 4), 0);
	/* A channel without drives floats, but for D7. */
	r->d.drive[0].kind = VIDE_NONE;
	ir_select(r, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x7f);
	ck_assert_uint_eq(ir_in(r, 0, 6), 0x7f);
	ck_assert_uint_eq(ir_alt(r, 0), 0x7f);
}
END_TEST

START_TEST(identify)
{
	u8 sum = 0;

	setup();
	ir_command(r, 0, 0xec, 0, 0);
	ck_assert(ir_irq(r, 0));
	read_pio(0, data, 1, 1);
	ck_assert_uint_eq(id(0), 0x0040);
	ck_assert_uint_eq(id(1), IR_SECTORS / (16 * 63));
	ck_assert_uint_eq(id(3), 16);
	ck_assert_uint_eq(id(6), 63);
	ck_assert_int_eq(memcmp(data + 20, "NS4- 2              ", 20), 0);
	ck_assert_int_eq(memcmp(data + 54, "UBKLEHDAD SI K", 14), 0);
	ck_assert_uint_eq(id(47), 0x8010);
	ck_assert_uint_eq(id(49) & 0x0300, 0x0300);
	ck_assert_uint_eq(id(60) | id(61) << 16, IR_SECTORS);
	ck_assert_uint_eq(id(100), IR_SECTORS);
	ck_assert_uint_eq(id(83) & 0xc400, 0x4400);
	ck_assert_uint_eq(id(88), 0x3f);
	ck_assert_uint_eq(id(106), 0x6003);
	for (u32 i = 0; i < 512; i++)
		sum += data[i];
	ck_assert(data[510] == 0xa5 && sum == 0);
	/* What was set is told. */
	ir_out(r, 0, 1, 3);
	ir_command(r, 0, 0xef, 0, 0x45);
	ir_command(r, 0, 0xc6, 0, 8);
	ir_command(r, 0, 0xec, 0, 0);
	read_pio(0, data, 1, 1);
	ck_assert_uint_eq(id(88), 0x203f);
	ck_assert_uint_eq(id(59), 0x108);
	ir_command(r, 3, 0xec, 0, 0);
	read_pio(3, data, 1, 1);
	ck_assert_int_eq(memcmp(data + 20, "OFRUHT", 6), 0);
	ck_assert_uint_eq(id(106), 0);
	/* The other kind is refused, and says who it is. */
	ir_command(r, 0, 0xa1, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x51);
	ck_assert_uint_eq(ir_in(r, 0, 1), 4);
	ir_command(r, 2, 0xec, 0x1234, 9);
	ck_assert_uint_eq(ir_in(r, 2, 7) & 9, 1);
	ck_assert_uint_eq(ir_in(r, 2, 4), 0x14);
	ck_assert_uint_eq(ir_in(r, 2, 5), 0xeb);
}
END_TEST

START_TEST(pio)
{
	setup();
	ir_command(r, 0, 0x20, 7, 3);
	ck_assert_uint_eq(ir_alt(r, 0) & 0x88, 0x80);
	ck_assert_uint_eq(read_pio(0, more, 3, 1), 3);
	ck_assert_int_eq(memcmp(more, r->disk_image + 7 * 512, 3 * 512), 0);
	/* More than the buffer has. */
	ir_command(r, 0, 0x20, 0, 50);
	ck_assert_uint_eq(read_pio(0, more, 50, 1), 50);
	ck_assert_int_eq(memcmp(more, r->disk_image, 50 * 512), 0);
	/* By blocks, the last one is short. */
	ir_command(r, 0, 0xc6, 0, 16);
	ir_command(r, 0, 0xc4, 5, 40);
	ck_assert_uint_eq(read_pio(0, more, 40, 16), 3);
	ck_assert_int_eq(memcmp(more, r->disk_image + 5 * 512, 40 * 512), 0);
	ir_command(r, 0, 0xc5, 100, 40);
	ck_assert_uint_eq(write_pio(0, data, 40, 16), 3);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ir_command(r, 0, 0x30, 140, 20);
	ck_assert(!ir_irq(r, 0)); /* the first block is not announced */
	ck_assert_uint_eq(write_pio(0, data + 40 * 512, 20, 1), 20);
	ir_command_ext(r, 0, 0x24, 100, 60);
	read_pio(0, more, 60, 1);
	ck_assert_int_eq(memcmp(more, data, 60 * 512), 0);
	ir_command_ext(r, 0, 0x29, 100, 60);
	ck_assert_uint_eq(read_pio(0, more, 60, 16), 4);
	ir_command_ext(r, 0, 0x39, 0, 17);
	write_pio(0, data, 17, 16);
	ir_command_ext(r, 0, 0x34, 17, 1);
	write_pio(0, data, 1, 1);
	ir_command(r, 0, 0xe7, 0, 0);
	ir_work(r);
	ck_assert(ir_irq(r, 0) && ir_in(r, 0, 7) == 0x50);
	ck_assert_uint_eq(r->disk.written, (60 + 18) * 512);
	/* 256 sectors are count 0. */
	ir_command(r, 0, 0x20, 0, 0);
	for (u32 i = 0; i < 256; i++) {
		ir_work(r);
		ir_read_data(r, 0, more, 512);
	}
	ck_assert_int_eq(memcmp(more, r->disk_image + 255 * 512, 512), 0);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
}
END_TEST

/* REP INS and OUTS: as much of a block as there is, at once. */
START_TEST(strings)
{
	setup();
	ir_command(r, 0, 0x20, 3, 2);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 2, false, more, 256), 0); /* busy */
	ir_work(r);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 1, false, more, 256), 0);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 2, true, more, 256), 0);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 2, false, more, 300), 256);
	ck_assert_uint_eq(ir_alt(r, 0) & 0x88, 0x08); /* the next one is in the buffer */
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 4, false, more + 512, 100), 100);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 4, false, more + 912, 100), 28);
	ck_assert_uint_eq(ir_alt(r, 0), 0x50);
	ck_assert_int_eq(memcmp(more, r->disk_image + 3 * 512, 1024), 0);
	ir_command(r, 0, 0xc6, 0, 8);
	ir_command(r, 0, 0xc5, 50, 8);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 2, true, data, 4096), 2048);
	ir_work(r);
	ir_command(r, 0, 0xc4, 50, 8);
	ir_work(r);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 4, false, more, 4096), 1024);
	ck_assert_int_eq(memcmp(more, data, 4096), 0);
	ir_cfg(r, 0x40, 4, 0);
	ck_assert_uint_eq(io_bus_string(&r->rig.pio, 0x1f0, 4, false, more, 4096), 0);
}
END_TEST

/* Registers of 48 bits, as they are read back. */
START_TEST(high_order)
{
	setup();
	ir_select(r, 0, 0x40);
	ir_out(r, 0, 3, 0x11);
	ir_out(r, 0, 3, 0x22);
	ck_assert_uint_eq(ir_in(r, 0, 3), 0x22);
	ir_control(r, 0, 0x80);
	ck_assert_uint_eq(ir_in(r, 0, 3), 0x11);
	ir_out(r, 0, 2, 1); /* a write ends it */
	ck_assert_uint_eq(ir_in(r, 0, 3), 0x22);
	ir_command(r, 0, 0xf8, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 3) | ir_in(r, 0, 4) << 8, IR_SECTORS - 1);
	ir_command_ext(r, 0, 0x27, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 3) | ir_in(r, 0, 4) << 8, IR_SECTORS - 1);
	ir_control(r, 0, 0x80);
	ck_assert_uint_eq(ir_in(r, 0, 3), 0);
}
END_TEST

START_TEST(geometry)
{
	setup();
	/* Cylinder 1, head 0, sector 1 of 16 heads with 63 sectors. */
	ir_select(r, 0, 0);
	ir_out(r, 0, 2, 1);
	ir_out(r, 0, 3, 1);
	ir_out(r, 0, 4, 1);
	ir_out(r, 0, 5, 0);
	ir_out(r, 0, 7, 0x20);
	read_pio(0, more, 1, 1);
	ck_assert_int_eq(memcmp(more, r->disk_image + 1008 * 512, 512), 0);
	/* Of 4 heads with 17: cylinder 2, head 3, sector 5. */
	ir_select(r, 0, 3);
	ir_out(r, 0, 2, 17);
	ir_out(r, 0, 7, 0x91);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ir_out(r, 0, 2, 1);
	ir_out(r, 0, 3, 5);
	ir_out(r, 0, 4, 2);
	ir_out(r, 0, 7, 0x20);
	read_pio(0, more, 1, 1);
	ck_assert_int_eq(memcmp(more, r->disk_image + ((2 * 4 + 3) * 17 + 4) * 512, 512), 0);
	ir_command(r, 0, 0xec, 0, 0);
	read_pio(0, data, 1, 1);
	ck_assert(id(54) == IR_SECTORS / 68 && id(55) == 4 && id(56) == 17);
	/* Sector 0, sector 18, head 4: none of these. */
	for (u32 i = 0; i < 3; i++) {
		ir_select(r, 0, i == 2 ? 4 : 0);
		ir_out(r, 0, 3, i == 0 ? 0 : i == 1 ? 18 : 1);
		ir_out(r, 0, 7, 0x20);
		ck_assert_uint_eq(ir_in(r, 0, 7), 0x51);
		ck_assert_uint_eq(ir_in(r, 0, 1), 0x10);
	}
}
END_TEST

START_TEST(commands)
{
	static const struct {
		u8 cmd, count, status, error;
	} t[] = {
		{ 0x10, 0, 0x50, 0 },  { 0x40, 1, 0x50, 0 }, { 0x70, 0, 0x50, 0 }, { 0x00, 0, 0x51, 4 },
		{ 0xe0, 0, 0x50, 0 },  { 0xe1, 0, 0x50, 0 }, { 0xc4, 1, 0x51, 4 }, { 0xc6, 3, 0x51, 4 },
		{ 0xc6, 32, 0x51, 4 }, { 0xc6, 4, 0x50, 0 }, { 0xb0, 0, 0x51, 4 }, { 0xa0, 0, 0x51, 4 },
		{ 0x08, 0, 0x51, 4 },  { 0x80, 0, 0x51, 4 }, { 0x91, 0, 0x51, 4 }, { 0xff, 0, 0x51, 4 },
	};

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		ir_command(r, 0, t[i].cmd, 0, t[i].count);
		ck_assert(ir_irq(r, 0));
		ck_assert_uint_eq(ir_in(r, 0, 7), t[i].status);
		ck_assert_uint_eq(ir_in(r, 0, 1), t[i].error);
	}
	ir_command(r, 0, 0xe5, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 2), 0xff);
	ir_command(r, 0, 0xe2, 0, 0);
	ir_command(r, 0, 0x98, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 2), 0);
	/* Modes, the write cache; what is not there is refused. */
	for (u32 i = 0; i < 256; i++) {
		bool ok = i <= 1 || (i >= 8 && i <= 12) || (i >= 0x20 && i <= 0x22) || (i >= 0x40 && i <= 0x45);

		ir_out(r, 0, 1, 3);
		ir_command(r, 0, 0xef, 0, (u8)i);
		ck_assert_uint_eq(ir_in(r, 0, 7), ok ? 0x50 : 0x51);
	}
	ir_out(r, 0, 1, 0x82);
	ir_command(r, 0, 0xef, 0, 0);
	ck_assert(!r->d.s.ch[0].drive[0].cache);
	ir_out(r, 0, 1, 0x77);
	ir_command(r, 0, 0xef, 0, 0);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x51);
	/* Diagnostics: whoever is selected, drive 0 answers. */
	ir_select(r, 3, 0);
	ir_out(r, 3, 7, 0x90);
	ck_assert(ir_irq(r, 2));
	ck_assert_uint_eq(ir_in(r, 2, 6), 0xa0);
	ck_assert_uint_eq(ir_in(r, 2, 1), 1);
	ck_assert_uint_eq(ir_in(r, 2, 4), 0x14);
}
END_TEST

/* Ends of disks, media that cannot, an overlay without room. */
START_TEST(errors)
{
	setup();
	ir_command(r, 0, 0x20, IR_SECTORS - 1, 2);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x51);
	ck_assert_uint_eq(ir_in(r, 0, 1), 0x10);
	ir_command_ext(r, 0, 0x24, 1ull << 47, 1);
	ck_assert_uint_eq(ir_in(r, 0, 1), 0x10);
	ir_command(r, 0, 0x40, IR_SECTORS, 1);
	ck_assert_uint_eq(ir_in(r, 0, 1), 0x10);
	/* Drive 3 is read-only. */
	ir_command(r, 3, 0x30, 5, 1);
	ck_assert_uint_eq(write_pio(3, data, 1, 1), 1);
	ck_assert_uint_eq(ir_in(r, 3, 7), 0x51);
	ck_assert_uint_eq(ir_in(r, 3, 1), 0x40);
	ck_assert_uint_eq(ir_in(r, 3, 3), 5);
	/* Its overlay full, drive 0 has a fault, and goes on reading. */
	for (u32 i = 0; i < IR_OVERLAY; i += 2) {
		ir_command(r, 0, 0x30, i * 8, 16);
		write_pio(0, data, 16, 1);
		ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	}
	ir_command(r, 0, 0x30, IR_OVERLAY * 8, 1);
	write_pio(0, data, 1, 1);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x71);
	ck_assert_uint_eq(ir_in(r, 0, 1), 4);
	ir_command(r, 0, 0x20, IR_OVERLAY * 8, 1);
	read_pio(0, more, 1, 1);
	ck_assert_int_eq(memcmp(more, r->disk_image + IR_OVERLAY * 8 * 512, 512), 0);
}
END_TEST

/* nIEN, the selected drive, and what takes an interrupt back. */
START_TEST(interrupts)
{
	setup();
	ir_control(r, 2, 2);
	ir_command(r, 3, 0x10, 0, 0);
	ck_assert(!ir_irq(r, 2));
	ir_control(r, 2, 0);
	ck_assert(ir_irq(r, 2));
	ir_select(r, 2, 0);
	ck_assert(!ir_irq(r, 2));
	ir_in(r, 2, 7);
	ir_select(r, 3, 0);
	ck_assert(ir_irq(r, 3));
	ir_alt(r, 3);
	ck_assert(ir_irq(r, 3));
	ir_in(r, 3, 7);
	ck_assert(!ir_irq(r, 3));
	ir_command(r, 3, 0x10, 0, 0);
	ck_assert(ir_irq(r, 3));
	ir_command(r, 3, 0x20, 0, 1); /* a command does as well */
	ck_assert(!ir_irq(r, 3));
	ir_work(r);
	ck_assert(ir_irq(r, 3));
}
END_TEST

START_TEST(bus_master)
{
	setup();
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0), 0);
	ir_bm(r, 0, 2, 1, true, 0x60);
	/* 40 sectors to odd pieces of memory. */
	ir_prd(r, 0x1000, 0, 0x2002, 0x1ffe, false);
	ir_prd(r, 0x1000, 1, 0x8000, 2, false);
	ir_prd(r, 0x1000, 2, 0xa000, 0x3000, true);
	ir_command(r, 0, 0xc8, 3, 40);
	ir_work(r);
	ck_assert_uint_eq(ir_alt(r, 0) & 0x80, 0x80);
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0), 0x60);
	ir_bm_start(r, 0, 0x1000, true);
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0) & 1, 1);
	ir_work(r);
	ck_assert(ir_irq(r, 0));
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0), 0x04); /* 6 cleared the capable bits */
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ck_assert_int_eq(memcmp(r->ram + 0x2002, r->disk_image + 3 * 512, 0x1ffe), 0);
	ck_assert_int_eq(memcmp(r->ram + 0x8000, r->disk_image + 3 * 512 + 0x1ffe, 2), 0);
	ck_assert_int_eq(memcmp(r->ram + 0xa000, r->disk_image + 3 * 512 + 0x2000, 0x3000), 0);
	/* And to the disk; started before the command, as some do. */
	memcpy(r->ram + 0x10000, data, 0x10000);
	ir_prd(r, 0x1000, 0, 0x10000, 0, true); /* 64 KiB */
	ir_bm(r, 0, 0, 1, true, 0);
	ir_bm_start(r, 0, 0x1000, false);
	ir_command_ext(r, 0, 0x35, 200, 128);
	ir_work(r);
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0), 0x04);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ir_command_ext(r, 0, 0x24, 200, 128);
	read_pio(0, more, 128, 1);
	ck_assert_int_eq(memcmp(more, data, 0x10000), 0);
	/* Memory is left over: the bus master stays active, the disk is done. */
	ir_prd(r, 0x1000, 0, 0x10000, 0x400, true);
	ir_bm(r, 0, 0, 1, true, 0);
	ir_command(r, 0, 0xc8, 0, 1);
	ir_bm_start(r, 0, 0x1000, true);
	ir_work(r);
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0) & 7, 0x05);
}
END_TEST

/* Tables that are too short, loop, or name what is no RAM; no master; a stop in the middle. */
START_TEST(bad_tables)
{
	setup();
	ir_prd(r, 0x1000, 0, 0x4000, 0x200, true);
	ir_command(r, 0, 0xc8, 0, 2);
	ir_bm_start(r, 0, 0x1000, true);
	ir_work(r);
	ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0) & 7, 0);
	ck_assert_uint_eq(ir_alt(r, 0) & 0x80, 0x80);
	/* Only a reset helps. */
	ir_control(r, 0, 4);
	ir_control(r, 0, 0);
	ck_assert_uint_eq(ir_alt(r, 0), 0x50);
	/* Two bytes a descriptor, without an end: the table begins anew after 64 KiB. */
	for (u32 i = 0; i < 8192; i++)
		ir_prd(r, 0x10000, i, 0x4000, 2, false);
	ir_bm(r, 0, 0, 1, true, 0);
	ir_command(r, 0, 0xc8, 0, 64);
	ir_bm_start(r, 0, 0x1fff8, true);
	ck_assert_uint_ge(ir_work(r), 64 * 256 / 16);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ck_assert_int_eq(memcmp(r->ram + 0x4000, r->disk_image + 64 * 512 - 2, 2), 0);
	ck_assert_uint_eq(r->complaints, 0);
	/* Not RAM: what is to be read or written, and the table itself. */
	for (u32 i = 0; i < 3; i++) {
		ir_prd(r, 0x1000, 0, i ? IR_RAM - 0x100 : 0xfffffffe, 0x200, true);
		ir_bm(r, 0, 0, 1, true, 0);
		ir_command(r, 0, i == 1 ? 0xca : 0xc8, 0, 1);
		ir_bm_start(r, 0, i == 2 ? 0xfffffffc : 0x1000, i != 1);
		ir_work(r);
		ck_assert_uint_eq(ir_bm(r, 0, 2, 1, false, 0) & 7, 6);
		ck_assert_uint_eq(ir_in(r, 0, 7), 0x51);
		ck_assert_uint_eq(r->complaints, i + 1);
	}
	/* Nothing moves without the right to be master, or against the direction. */
	ir_prd(r, 0x1000, 0, 0x4000, 0x200, true);
	ir_cfg(r, PCI_COMMAND, 2, PCI_CMD_IO);
	ir_bm(r, 0, 0, 1, true, 0);
	ir_command(r, 0, 0xc8, 9, 1);
	ir_bm_start(r, 0, 0x1000, true);
	ir_work(r);
	ck_assert_uint_eq(ir_alt(r, 0) & 0x80, 0x80);
	ir_cfg(r, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MASTER);
	ir_bm(r, 0, 0, 1, true, 1);
	ir_work(r);
	ck_assert_uint_eq(ir_alt(r, 0) & 0x80, 0x80);
	ir_bm(r, 0, 0, 1, true, 9);
	ir_work(r);
	ck_assert_uint_eq(ir_alt(r, 0), 0x50);
}
END_TEST

/* Resets in the middle of everything. */
START_TEST(resets)
{
	setup();
	ir_command(r, 0, 0x20, 0, 4);
	ck_assert(!vide_ops.idle(&r->d));
	ir_control(r, 0, 4);
	ck_assert_uint_eq(r->disk.nr, 0); /* taken back */
	ck_assert(!vide_ops.idle(&r->d));
	ir_control(r, 0, 0);
	ck_assert(vide_ops.idle(&r->d));
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	ck_assert(!ir_irq(r, 0));
	/* While data waits, another command: that one counts. */
	ir_command(r, 0, 0x20, 0, 4);
	ir_work(r);
	ir_command(r, 0, 0x20, 9, 1);
	read_pio(0, more, 1, 1);
	ck_assert_int_eq(memcmp(more, r->disk_image + 9 * 512, 512), 0);
	/* A busy drive hears nothing. */
	ir_command(r, 0, 0x20, 11, 1);
	ir_out(r, 0, 3, 77);
	ir_out(r, 0, 7, 0x10);
	read_pio(0, more, 1, 1);
	ck_assert_int_eq(memcmp(more, r->disk_image + 11 * 512, 512), 0);
	/* The machine's reset. */
	ir_command(r, 0, 0xca, 0, 4);
	ir_command(r, 3, 0x20, 0, 4);
	vide_ops.reset(&r->d, 0);
	ck_assert(vide_ops.idle(&r->d) && !r->disk.nr && !r->small.nr);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0xff);
	ck_assert_uint_eq(vpci_cfg_read(&r->pci, 1, 1, 0x40, 4, 0), 0x80008000);
	ir_enable(r);
	ck_assert_uint_eq(ir_in(r, 0, 7), 0x50);
	vide_ops.detach(&r->d);
	ck_assert_uint_eq(r->rig.pio.nr, 2);
}
END_TEST

SUITE_MAIN("vide", function, presence, identify, pio, high_order, geometry, commands, errors, interrupts, strings,
           bus_master, bad_tables, resets)
