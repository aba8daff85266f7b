/* CMOS memory as a PC's setup leaves it. */
#include "vmm/dev/pc/vcmos.h"

#include "lib/string.h"

enum {
	FLOPPIES = 0x10,
	DISKS = 0x12,
	EQUIPMENT = 0x14,
	BASE_KIB = 0x15,
	EXTENDED_KIB = 0x17,
	DISK_TYPE = 0x19, /* and the second one's */
	GEOMETRY = 0x1b,  /* of 9 bytes, two of them */
	CHECKSUM = 0x2e,  /* high byte first */
	FOUND_KIB = 0x30, /* extended memory as found by the test */
	ABOVE_16M = 0x34,
	BOOT_THIRD = 0x38,
	TRANSLATION = 0x39,
	BOOT = 0x3d,
	ABOVE_4G = 0x5b,
	MORE_CPUS = 0x5f,
};

#define MIB      0x100000ull
#define SUM_FROM 0x10
#define SUM_TO   0x2d

#define GEOMETRY_LEN  9
#define TYPE_IN_BYTE  0xf /* of DISKS: see DISK_TYPE */
#define TYPE_GEOMETRY 47  /* as GEOMETRY says */
#define EQUIP_FLOPPY  0x01
#define EQUIP_FPU     0x02
#define EQUIP_MOUSE   0x04
#define EQUIP_TWO     0x40 /* two floppy drives; the display, bits 4 and 5, is 0: it has a BIOS of its own */
#define CONTROL_RETRY 0xc0 /* neither ECC nor access retries */
#define CONTROL_HEADS 0x08 /* more than eight */

#define ATA_CYLINDERS  16383u
#define ATA_HEADS      16u
#define ATA_SECTORS    63u
#define BIOS_CYLINDERS 1024u

static void put16(u8 *cmos, u32 at, u64 value)
{
	value = MIN(value, 0xffffull);
	cmos[at] = (u8)value;
	cmos[at + 1] = (u8)(value >> 8);
}

static void fill_memory(u8 *cmos, const struct vcmos_cfg *c)
{
	u64 extended = c->low > MIB ? (c->low - MIB) / 1024 : 0;
	u64 above_16m = c->low > 16 * MIB ? (c->low - 16 * MIB) / 0x10000 : 0;
	u64 above_4g = MIN(c->high / 0x10000, 0xffffffull);

	put16(cmos, BASE_KIB, 640);
	put16(cmos, EXTENDED_KIB, extended);
	put16(cmos, FOUND_KIB, extended);
	put16(cmos, ABOVE_16M, above_16m);
	for (u32 i = 0; i < 3; i++)
		cmos[ABOVE_4G + i] = (u8)(above_4g >> 8 * i);
}

static void fill_disk(u8 *cmos, u32 n, const struct vcmos_disk *d)
{
	u8 *g = cmos + GEOMETRY + n * GEOMETRY_LEN;

	memset(g, 0, GEOMETRY_LEN);
	cmos[DISK_TYPE + n] = d->cylinders ? TYPE_GEOMETRY : 0;
	if (!d->cylinders)
		return;
	put16(g, 0, d->cylinders);
	g[2] = d->heads;
	put16(g, 3, 0xffff); /* no write precompensation */
	g[5] = CONTROL_RETRY | (d->heads > 8 ? CONTROL_HEADS : 0);
	put16(g, 6, d->cylinders); /* landing zone */
	g[8] = d->sectors;
}

static void fill_drives(u8 *cmos, const struct vcmos_cfg *c)
{
	cmos[FLOPPIES] = (u8)(c->floppy[0] << 4 | (c->floppy[1] & 0xf));
	cmos[DISKS] = (c->disk[0].cylinders ? TYPE_IN_BYTE << 4 : 0) | (c->disk[1].cylinders ? TYPE_IN_BYTE : 0);
	cmos[TRANSLATION] = 0;
	for (u32 i = 0; i < 2; i++)
		fill_disk(cmos, i, &c->disk[i]);
	for (u32 i = 0; i < 4; i++)
		cmos[TRANSLATION] |= (u8)((c->disk[i].translation & 3) << 2 * i);
	cmos[EQUIPMENT] = EQUIP_FPU | (c->mouse ? EQUIP_MOUSE : 0);
	if (c->floppy[0] || c->floppy[1])
		cmos[EQUIPMENT] |= EQUIP_FLOPPY;
	if (c->floppy[0] && c->floppy[1])
		cmos[EQUIPMENT] |= EQUIP_TWO;
}

/* ATA/ATAPI-6, annex on CHS translation: 16 heads of 63 sectors, up to 16383 cylinders. */
struct vcmos_disk vcmos_disk(u64 sectors)
{
	u64 cylinders = MIN(sectors / (ATA_HEADS * ATA_SECTORS), (u64)ATA_CYLINDERS);

	if (!sectors)
		return (struct vcmos_disk){ 0 };
	return (struct vcmos_disk){ .cylinders = (u16)MAX(cylinders, 1ull),
		                    .heads = ATA_HEADS,
		                    .sectors = ATA_SECTORS,
		                    .translation = cylinders > BIOS_CYLINDERS ? VCMOS_LBA : VCMOS_NONE };
}

void vcmos_fill(u8 *cmos, const struct vcmos_cfg *c)
{
	u32 sum = 0;

	fill_memory(cmos, c);
	fill_drives(cmos, c);
	cmos[BOOT] = (u8)(c->boot[1] << 4 | (c->boot[0] & 0xf));
	cmos[BOOT_THIRD] = (u8)(c->boot[2] << 4 | c->unsigned_floppy);
	cmos[MORE_CPUS] = (u8)(c->cpus - 1);
	for (u32 i = SUM_FROM; i <= SUM_TO; i++)
		sum += cmos[i];
	cmos[CHECKSUM] = (u8)(sum >> 8);
	cmos[CHECKSUM + 1] = (u8)sum;
}
