/*
 * Test helper: an IDE controller with a disk (drive 0), a CD (drive 2) and a small disk (drive 3) over RAM disks, and
 * what a driver does to it. Drive 1 is not there.
 */
#pragma once

#include <stdlib.h>

#include "dev_rig.h"
#include "vmm/backend/ramdisk.h"
#include "vmm/dev/ide/vide.h"

#define IR_RAM     (64 * PAGE_SIZE)
#define IR_PAGES   200 /* of the disk */
#define IR_SECTORS (IR_PAGES * 8)
#define IR_CD      40   /* sectors of the CD */
#define IR_SMALL   1000 /* sectors */
#define IR_OVERLAY 100  /* pages */
#define IR_BM      0xc000
#define IR_SLOT    1
#define IR_FN      1

struct ide_rig {
	struct rig rig;
	struct io_region *mmio_store[4];
	struct io_bus mmio;
	struct vpci pci;
	struct vpci_dev host, bridge;
	struct vide d;
	struct guest_mem mem;
	struct vdev_env env;
	u8 ram[IR_RAM];
	u32 map[IR_PAGES];
	struct ramdisk disk, cd, small;
	u32 kicks, trays, complaints;
	bool tray_open;
	const char *complaint;
	/* What is never written, or what it contains does not matter: made once. */
	bool made;
	u8 disk_image[IR_PAGES * RAMDISK_PAGE], cd_image[IR_CD * 2048], small_image[IR_SMALL * BLK_SECTOR];
	u8 overlay[IR_OVERLAY * RAMDISK_PAGE];
};

static inline void ir_kick(void *arg)
{
	((struct ide_rig *)arg)->kicks++;
}

static inline void ir_tray(void *arg, u32 drive, bool open)
{
	struct ide_rig *r = arg;

	assert(drive == 2);
	r->trays++;
	r->tray_open = open;
}

static inline void ir_complain(void *arg, u32 channel, const char *what, u64 value)
{
	struct ide_rig *r = arg;

	r->complaints++;
	r->complaint = what;
}

static inline void ir_media(struct ide_rig *r)
{
	struct ramdisk_cfg disk = { .image = r->disk_image,
		                    .size = sizeof(r->disk_image),
		                    .map = r->map,
		                    .pages = r->overlay,
		                    .nr_pages = IR_OVERLAY,
		                    .serial = "SN-42",
		                    .kick = ir_kick,
		                    .arg = r };
	struct ramdisk_cfg cd = {
		.image = r->cd_image, .size = sizeof(r->cd_image), .cd = true, .kick = ir_kick, .arg = r
	};
	struct ramdisk_cfg small = {
		.image = r->small_image, .size = sizeof(r->small_image), .kick = ir_kick, .arg = r
	};

	for (u32 i = 0; !r->made && i < sizeof(r->disk_image); i++)
		r->disk_image[i] = (u8)(i / BLK_SECTOR + i * 5);
	for (u32 i = 0; !r->made && i < sizeof(r->cd_image); i++)
		r->cd_image[i] = (u8)(i / 2048 * 3 + i);
	for (u32 i = 0; !r->made && i < sizeof(r->small_image); i++)
		r->small_image[i] = (u8)(i * 7);
	r->made = true;
	assert(ramdisk_init(&r->disk, &disk) == OK && ramdisk_init(&r->cd, &cd) == OK);
	assert(ramdisk_init(&r->small, &small) == OK);
}

/* r: zeroed, or used before. */
static inline void ir_init(struct ide_rig *r)
{
	struct vide_drive_cfg drive[VIDE_DRIVES] = { { 0 } };
	struct vide_cfg cfg = { .at = { IR_SLOT, IR_FN },
		                .drive = drive,
		                .kick = ir_kick,
		                .tray = ir_tray,
		                .complain = ir_complain,
		                .arg = r };

	memset(r, 0, offsetof(struct ide_rig, made));
	rig_init(&r->rig);
	ir_media(r);
	io_bus_init(&r->mmio, r->mmio_store, ARRAY_SIZE(r->mmio_store), ~0ull);
	r->mem = (struct guest_mem){ .base = r->ram, .nr_ranges = 1, .ranges = { { 0, IR_RAM } } };
	assert(vpci_init(&r->pci, &r->rig.pio, &r->mmio, &r->rig.chip) == OK);
	vpci_host_bridge_init(&r->host, 0x8086, 0x1237);
	assert(vpci_attach(&r->pci, &r->host, 0, 0) == OK);
	vpci_isa_bridge_init(&r->bridge);
	assert(vpci_attach(&r->pci, &r->bridge, IR_SLOT, 0) == OK);
	r->env = (struct vdev_env){ .pio = &r->rig.pio,
		                    .mmio = &r->mmio,
		                    .irq = &r->rig.chip,
		                    .timers = &r->rig.tq,
		                    .mem = &r->mem,
		                    .pci = &r->pci };
	drive[0] = (struct vide_drive_cfg){ VIDE_DISK, { &ramdisk_ops, &r->disk }, NULL };
	drive[2] = (struct vide_drive_cfg){ VIDE_CD, { &ramdisk_ops, &r->cd }, NULL };
	drive[3] = (struct vide_drive_cfg){ VIDE_DISK, { &ramdisk_ops, &r->small }, "FOURTH" };
	assert(vide_ops.attach(&r->d, &r->env, &cfg) == OK);
	vide_ops.reset(&r->d, 0);
}

static inline void ir_cfg(struct ide_rig *r, u32 off, u8 size, u32 v)
{
	vpci_cfg_write(&r->pci, IR_SLOT, IR_FN, off, size, v, 0);
}

/* As firmware leaves it: decoding, the bus master at IR_BM. */
static inline void ir_enable(struct ide_rig *r)
{
	ir_cfg(r, 0x40, 4, 0x80008000);
	ir_cfg(r, 0x20, 4, IR_BM);
	ir_cfg(r, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MASTER);
}

/* ---- a turn of the VM ---- */

static inline bool ir_turn(struct ide_rig *r)
{
	u32 kicks = r->kicks;
	bool more = ramdisk_work(&r->disk);

	more |= ramdisk_work(&r->cd);
	more |= ramdisk_work(&r->small);
	more |= vide_work(&r->d, 0);
	more |= vide_work(&r->d, 1);
	return more || r->kicks != kicks;
}

/* Until there is nothing left to do; how many turns. */
static inline u32 ir_work(struct ide_rig *r)
{
	u32 n = 1;

	while (ir_turn(r))
		assert(++n < 10000);
	return n;
}

/* ---- registers: drive 0 to 3 ---- */

static inline u32 ir_base(u32 drive)
{
	return drive < 2 ? 0x1f0 : 0x170;
}
static inline u8 ir_in(struct ide_rig *r, u32 drive, u32 reg)
{
	return rig_in(&r->rig, ir_base(drive) + reg);
}
static inline void ir_out(struct ide_rig *r, u32 drive, u32 reg, u8 v)
{
	rig_out(&r->rig, ir_base(drive) + reg, v);
}
static inline u8 ir_alt(struct ide_rig *r, u32 drive)
{
	return rig_in(&r->rig, ir_base(drive) + 0x206);
}
static inline void ir_control(struct ide_rig *r, u32 drive, u8 v)
{
	rig_out(&r->rig, ir_base(drive) + 0x206, v);
}
static inline bool ir_irq(const struct ide_rig *r, u32 drive)
{
	return r->rig.level[drive < 2 ? 14 : 15];
}
static inline void ir_select(struct ide_rig *r, u32 drive, u8 more)
{
	ir_out(r, drive, 6, (u8)(0xa0 | (drive & 1) << 4 | more));
}

/* A command with a 28-bit address. */
static inline void ir_command(struct ide_rig *r, u32 drive, u8 cmd, u32 lba, u8 count)
{
	ir_select(r, drive, (u8)(0x40 | (lba >> 24 & 15)));
	ir_out(r, drive, 2, count);
	ir_out(r, drive, 3, (u8)lba);
	ir_out(r, drive, 4, (u8)(lba >> 8));
	ir_out(r, drive, 5, (u8)(lba >> 16));
	ir_out(r, drive, 7, cmd);
}

/* And one with 48 bits, count 16. */
static inline void ir_command_ext(struct ide_rig *r, u32 drive, u8 cmd, u64 lba, u16 count)
{
	ir_select(r, drive, 0x40);
	for (u32 i = 0; i < 2; i++) {
		u32 high = !i;

		ir_out(r, drive, 2, (u8)(count >> 8 * high));
		for (u32 k = 0; k < 3; k++)
			ir_out(r, drive, 3 + k, (u8)(lba >> 8 * (k + 3 * high)));
	}
	ir_out(r, drive, 7, cmd);
}

static inline u16 ir_word(struct ide_rig *r, u32 drive)
{
	u64 v = 0;

	assert(io_bus_access(&r->rig.pio, ir_base(drive), 2, false, &v, r->rig.now));
	return (u16)v;
}
static inline void ir_put_word(struct ide_rig *r, u32 drive, u16 word)
{
	u64 v = word;

	assert(io_bus_access(&r->rig.pio, ir_base(drive), 2, true, &v, r->rig.now));
}
static inline void ir_read_data(struct ide_rig *r, u32 drive, u8 *to, u32 len)
{
	for (u32 i = 0; i < len; i += 2) {
		u16 w = ir_word(r, drive);

		memcpy(to + i, &w, MIN(2u, len - i));
	}
}
static inline void ir_write_data(struct ide_rig *r, u32 drive, const u8 *from, u32 len)
{
	for (u32 i = 0; i < len; i += 2) {
		u16 w;

		memcpy(&w, from + i, 2);
		ir_put_word(r, drive, w);
	}
}

/* ---- bus master ---- */

static inline void ir_prd(struct ide_rig *r, u32 table, u32 n, u32 addr, u32 len, bool last)
{
	u32 d[2] = { addr, (len & 0xffff) | (last ? 0x80000000u : 0) };

	memcpy(r->ram + table + 8 * n, d, 8);
}
static inline u64 ir_bm(struct ide_rig *r, u32 drive, u32 reg, u8 size, bool write, u64 v)
{
	assert(io_bus_access(&r->rig.pio, IR_BM + (drive < 2 ? 0u : 8u) + reg, size, write, &v, r->rig.now));
	return v;
}
static inline void ir_bm_start(struct ide_rig *r, u32 drive, u32 table, bool to_memory)
{
	ir_bm(r, drive, 4, 4, true, table);
	ir_bm(r, drive, 2, 1, true, 6);
	ir_bm(r, drive, 0, 1, true, to_memory ? 8 : 0);
	ir_bm(r, drive, 0, 1, true, to_memory ? 9 : 1);
}

/* ---- packets, to drive 2 ---- */

/* Sends it and lets it work. The error register. */
static inline u8 ir_packet(struct ide_rig *r, const u8 cmd[12], u16 limit, bool dma)
{
	ir_select(r, 2, 0);
	ir_out(r, 2, 1, dma);
	ir_out(r, 2, 4, (u8)limit);
	ir_out(r, 2, 5, (u8)(limit >> 8));
	ir_out(r, 2, 7, 0xa0);
	assert((ir_alt(r, 2) & 0x88) == 0x08 && (ir_in(r, 2, 2) & 7) == 1);
	ir_write_data(r, 2, cmd, 12);
	ir_work(r);
	return ir_alt(r, 2) & 1 ? ir_in(r, 2, 1) : 0;
}

/* Takes all blocks of its answer. Bytes. */
static inline u32 ir_packet_data(struct ide_rig *r, u8 *to, u32 max)
{
	u32 n = 0;

	while (ir_alt(r, 2) & 8) {
		u32 len = ir_in(r, 2, 4) | (u32)ir_in(r, 2, 5) << 8;

		assert(len && n + len <= max && (ir_in(r, 2, 2) & 7) == 2);
		ir_read_data(r, 2, to + n, len);
		n += len;
		ir_work(r);
	}
	assert((ir_in(r, 2, 2) & 7) == 3);
	return n;
}
