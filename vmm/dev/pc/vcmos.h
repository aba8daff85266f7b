/*
 * What a PC's setup program leaves in CMOS memory: how much memory there is, drives, boot order, processors. Pure.
 * Source: IBM PC AT Technical Reference, "Real-Time Clock/CMOS RAM Information"; the bytes that it does not have as
 * firmware of virtual machines reads them (34h, 35h, 38h, 39h, 3Dh, 5Bh to 5Dh, 5Fh).
 */
#pragma once

#include "lib/types.h"

enum vcmos_floppy { VCMOS_NO_FLOPPY, VCMOS_360K, VCMOS_1_2M, VCMOS_720K, VCMOS_1_44M, VCMOS_2_88M };
/* How a BIOS makes its own geometry of the disk's. */
enum vcmos_translation { VCMOS_NONE, VCMOS_LBA, VCMOS_LARGE, VCMOS_RECHS };
/* What to boot from; the rest is as the firmware likes it. */
enum vcmos_boot { VCMOS_BOOT_NONE, VCMOS_BOOT_FLOPPY, VCMOS_BOOT_DISK, VCMOS_BOOT_CD, VCMOS_BOOT_NET };

struct vcmos_disk {
	u16 cylinders; /* 0: there is no disk */
	u8 heads, sectors;
	u8 translation; /* enum vcmos_translation */
};

struct vcmos_cfg {
	u64 low, high;             /* bytes of memory: from 0 on, up to 4 GiB; above 4 GiB */
	u32 cpus;                  /* 1 to 256 */
	u8 floppy[2];              /* enum vcmos_floppy */
	struct vcmos_disk disk[4]; /* of the two IDE channels, masters first: 0 master, 0 slave, 1 master, 1 slave */
	u8 boot[3];                /* enum vcmos_boot, in this order */
	bool unsigned_floppy;      /* a floppy's boot sector need not have the signature AA55h */
	bool mouse;                /* of the PS/2 kind */
};

/*
 * The entry for an IDE disk of so many sectors: the default translation that ATA drives have, and what a BIOS has to
 * make of it so that its callers, who count to 1024 cylinders, reach what they can. 0: there is none.
 */
struct vcmos_disk vcmos_disk(u64 sectors);

#define VCMOS_SHUTDOWN 0x0f /* how a processor goes on after a reset: the guest's to write and firmware's to clear */

/* Writes the bytes that follow from the configuration, and the checksum of 10h to 2Dh. cmos: 128 bytes. */
void vcmos_fill(u8 *cmos, const struct vcmos_cfg *c);
