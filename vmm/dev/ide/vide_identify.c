/* IDE: what drives say of themselves. ATA/ATAPI-6, 8.15 and 8.16. */
#include "vmm/dev/ide/vide_priv.h"

static const struct vide_drive_state *drive_of(const struct vide_channel *c)
{
	return vide_drive(c, vide_selected(c));
}

static void word(struct vide_channel *c, u32 word, u32 value)
{
	u8 *to = c->s->buf + 2 * word;

	to[0] = (u8)value;
	to[1] = (u8)(value >> 8);
}

/* len: even. What text leaves is blank, and takes no time. */
static void text(u8 *to, const char *text, u32 len)
{
	memset(to, ' ', len);
	for (u32 i = 0; i < len && text[i]; i++)
		to[i ^ 1] = (u8)text[i];
}

static const char *serial(const struct vide_channel *c, u32 unit, char made_up[12])
{
	const struct vide_drive_cfg *cfg = vide_drive_cfg(c, unit);
	const char *own = blk_info(&cfg->blk)->identity;

	memcpy(made_up, "BH-IDE0000", 11);
	made_up[9] = (char)('0' + c->nr * 2 + unit);
	return cfg->serial ? cfg->serial : own[0] ? own : made_up;
}

static void identify_geometry(struct vide_channel *c, u64 sectors)
{
	const struct vide_drive_state *d = drive_of(c);
	const struct blk_info *info = blk_info(vide_blk(c, vide_selected(c)));
	u32 heads = info->heads && info->heads <= 16 ? info->heads : 16;
	u32 track = info->track && info->track <= 63 ? info->track : 63;
	u32 cylinders = (u32)MIN(sectors / (heads * track), 16383ull), now = d->heads * d->track;
	u32 reached = (u32)MIN(sectors / now, 65535ull);

	word(c, 1, MAX(cylinders, 1u));
	word(c, 3, heads);
	word(c, 6, track);
	word(c, 53, 7); /* words 54 to 58, 64 to 70, 88 are valid */
	word(c, 54, reached);
	word(c, 55, d->heads);
	word(c, 56, d->track);
	word(c, 57, reached * now);
	word(c, 58, (reached * now) >> 16);
}

static void identify_modes(struct vide_channel *c)
{
	const struct vide_drive_state *d = drive_of(c);
	u32 kind = d->mode & 0xf8, n = d->mode & 7;

	word(c, 63, 7 | (kind == 0x20 ? 0x100u << n : 0)); /* multiword DMA 0 to 2, the one in use */
	word(c, 64, 3);                                    /* PIO 3 and 4 */
	for (u32 w = 65; w <= 68; w++)
		word(c, w, 120);                              /* cycle times, ns */
	word(c, 88, 0x3f | (kind == 0x40 ? 0x100u << n : 0)); /* Ultra DMA 0 to 5 */
	word(c, 93, 0x6001);                                  /* 80 conductors, drive 0 passed */
}

static void identify_features(struct vide_channel *c)
{
	const struct vide_drive_state *d = drive_of(c);
	const struct blk_info *info = blk_info(vide_blk(c, vide_selected(c)));

	word(c, 80, 0x0070); /* ATA/ATAPI-4 to 6 */
	word(c, 82, 0x4028); /* NOP; write cache, power management */
	word(c, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit addresses */
	word(c, 84, 0x4040); /* writes with FUA */
	word(c, 85, 0x4008 | (d->cache ? 0x20 : 0));
	word(c, 86, 0x3400);
	word(c, 87, 0x4040);
	if (info->physical > BLK_SECTOR && info->physical <= BLK_SECTOR << 15)
		word(c, 106, 0x6000 | (u32)__builtin_ctz(info->physical / BLK_SECTOR));
}

#define USED (2 * 112) /* bytes: no word from 112 on is anything but 0 */

/* Modulo 256; eight at a time. len: a multiple of 8, at most 1024. */
static u32 sum_of_bytes(const u8 *p, u32 len)
{
	const u64 even = 0x00ff00ff00ff00ff;
	u64 sum = 0, v;

	for (u32 i = 0; i < len; i += sizeof(v)) {
		memcpy(&v, p + i, sizeof(v));
		sum += (v & even) + (v >> 8 & even);
	}
	return (u32)(sum + (sum >> 16) + (sum >> 32) + (sum >> 48)) & 0xff;
}

void vide_identify_disk(struct vide_channel *c)
{
	u32 unit = vide_selected(c);
	u64 sectors = vide_sectors(c, unit), low = MIN(sectors, VIDE_LBA28);
	char made_up[12];

	memset(c->s->buf, 0, 512);
	word(c, 0, 0x0040); /* fixed */
	identify_geometry(c, sectors);
	text(c->s->buf + 20, serial(c, unit, made_up), 20);
	text(c->s->buf + 46, "1.0", 8);
	text(c->s->buf + 54, "BULKHEAD DISK", 40);
	word(c, 47, 0x8000 | VIDE_MULTIPLE);
	word(c, 49, 0x0f00); /* DMA, LBA, IORDY */
	word(c, 50, 0x4000);
	word(c, 51, 0x0200);
	word(c, 59, drive_of(c)->multiple ? 0x100u | drive_of(c)->multiple : 0);
	word(c, 60, (u32)low);
	word(c, 61, (u32)(low >> 16));
	identify_modes(c);
	identify_features(c);
	for (u32 i = 0; i < 4; i++)
		word(c, 100 + i, (u32)(sectors >> 16 * i));
	c->s->buf[510] = 0xa5;
	c->s->buf[511] = (u8)(0 - sum_of_bytes(c->s->buf, USED) - c->s->buf[510]);
}

void vide_identify_cd(struct vide_channel *c)
{
	u32 unit = vide_selected(c), mode = vide_drive(c, unit)->mode;
	char made_up[12];

	memset(c->s->buf, 0, 512);
	word(c, 0, 0x85c0); /* ATAPI, CD-ROM, removable, DRQ at once, 12-byte packets */
	text(c->s->buf + 20, serial(c, unit, made_up), 20);
	text(c->s->buf + 46, "1.0", 8);
	text(c->s->buf + 54, "BULKHEAD CD-ROM", 40);
	word(c, 49, 0x0f00); /* DMA, LBA, IORDY */
	word(c, 53, 6);
	word(c, 63, 7 | ((mode & 0xf8) == 0x20 ? 0x100u << (mode & 7) : 0));
	word(c, 64, 3);
	for (u32 w = 65; w <= 68; w++)
		word(c, w, 120);
	word(c, 80, 0x0070);
	word(c, 82, 0x4214); /* NOP, DEVICE RESET, PACKET, removable */
	word(c, 83, 0x4000);
	word(c, 84, 0x4000);
	word(c, 85, 0x4214);
	word(c, 87, 0x4000);
	word(c, 88, 0x3f | ((mode & 0xf8) == 0x40 ? 0x100u << (mode & 7) : 0));
	word(c, 93, 0x6001);
}
