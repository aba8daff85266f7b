/* What the files of the IDE model share. */
#pragma once

#include "lib/string.h"
#include "vmm/dev/ide/vide.h"

/* Status register */
#define ST_ERR  0x01
#define ST_DRQ  0x08
#define ST_DSC  0x10 /* seek complete */
#define ST_DF   0x20 /* device fault */
#define ST_DRDY 0x40
#define ST_BSY  0x80
#define ST_GOOD (ST_DRDY | ST_DSC)

/* Error register */
#define ER_ABRT 0x04
#define ER_IDNF 0x10
#define ER_UNC  0x40 /* of a write: write protected */

/* Device control register */
#define DC_NIEN 0x02
#define DC_SRST 0x04
#define DC_HOB  0x80

/* Drive/head register */
#define DH_UNIT 0x10
#define DH_LBA  0x40

/* Interrupt reason: an ATAPI drive's count register */
#define IR_COMMAND 0x01
#define IR_IN      0x02

/* Bus master */
#define BM_START      0x01
#define BM_TO_MEMORY  0x08
#define BM_ACTIVE     0x01
#define BM_ERROR      0x02
#define BM_INTERRUPT  0x04
#define BM_CAPABLE    0x60
#define PRD_LAST      BIT(31)
#define PRD_TABLE_END 0xffffu /* a table stays within 64 KiB */

#define VIDE_IDETIM   0x40        /* PCI configuration, and 42h: timing, decode enable */
#define VIDE_DECODES  0x80008000u /* both of them decode */
#define VIDE_MULTIPLE 16          /* sectors of a block, at most */
#define VIDE_LBA28    0x0fffffffull

/* How a command ends: its status is set (with an interrupt), or it goes on. */
enum ata_outcome { ATA_OK, ATA_ABORT, ATA_NO_ID, ATA_STARTED };

static inline struct vide_drive_state *vide_drive(const struct vide_channel *c, u32 unit)
{
	return &c->s->drive[unit];
}
static inline const struct vide_drive_cfg *vide_drive_cfg(const struct vide_channel *c, u32 unit)
{
	return &c->ide->drive[c->nr * 2 + unit];
}
static inline enum vide_kind vide_kind(const struct vide_channel *c, u32 unit)
{
	return vide_drive_cfg(c, unit)->kind;
}
static inline const struct blk *vide_blk(const struct vide_channel *c, u32 unit)
{
	return &vide_drive_cfg(c, unit)->blk;
}
static inline u64 vide_sectors(const struct vide_channel *c, u32 unit)
{
	return blk_info(vide_blk(c, unit))->sectors;
}
static inline u32 vide_selected(const struct vide_channel *c)
{
	return c->s->select & DH_UNIT ? 1 : 0;
}

static inline bool vide_busy(const struct vide_channel *c)
{
	return c->s->phase == VIDE_RESET || c->s->phase == VIDE_MEDIUM || c->s->phase == VIDE_DMA;
}

/* ---- vide.c ---- */

void vide_command_io(void *dev, struct io_access *io);
u32 vide_string_io(void *dev, u64 offset, u8 size, bool write, void *buf, u32 count);
void vide_control_io(void *dev, struct io_access *io);
/* The request that is under way is of no use any more. Whether it is still to come back. */
bool vide_drop_request(struct vide_channel *c);
bool vide_wants_work(const struct vide_channel *c);

void vide_update_irq(struct vide_channel *c);
void vide_raise(struct vide_channel *c, u32 unit);
void vide_kick(struct vide_channel *c);
/* What a drive shows after a reset: who it is. */
void vide_signature(struct vide_channel *c, u32 unit);
/* The unit's defaults of power-on. */
void vide_drive_reset(struct vide_channel *c, u32 unit);
/* The channel's command is over, or given up. Whether a request is still to come back. */
bool vide_stop(struct vide_channel *c);

/* ---- vide_xfer.c: data on its way through the buffer ---- */

/* The command of c's unit ends, with an interrupt. */
void vide_finish(struct vide_channel *c, u8 status, u8 error);
/* left sectors from sector on, action says which way. block: bytes between two interrupts. */
void vide_start(struct vide_channel *c, u8 action, u64 sector, u64 left, u32 block);
/* The first len bytes of the buffer for the guest. */
void vide_answer(struct vide_channel *c, u32 len, u32 block);
/* An empty cache is wanted. */
void vide_start_flush(struct vide_channel *c);
/* The request of the medium, as the state says. */
void vide_submit(struct vide_channel *c);
/* It has come back. */
void vide_medium_done(struct vide_channel *c);
/* The bus master has moved all of the buffer. */
void vide_dma_done(struct vide_channel *c);
/* The data port: up to count elements of size bytes. How many it were. */
u32 vide_data(struct vide_channel *c, u8 size, bool write, void *buf, u32 count);

/* ---- vide_ata.c ---- */

void vide_command(struct vide_channel *c, u8 command);

/* ---- vide_atapi.c ---- */

/* PACKET: the drive waits for the command. */
enum ata_outcome vide_packet_begin(struct vide_channel *c);
/* It is in the buffer. */
void vide_packet(struct vide_channel *c);

/* ---- ATAPI ---- */

/* Sense keys */
#define NOT_READY 2
#define ILLEGAL   5
#define ATTENTION 6

/* Additional sense codes */
#define ASC_BAD_COMMAND 0x20
#define ASC_BEYOND      0x21
#define ASC_BAD_FIELD   0x24
#define ASC_CHANGED     0x28
#define ASC_NO_MEDIUM   0x3a
#define ASC_LOCKED      0x53

/* A command of a CD drive. */
struct packet {
	struct vide_channel *c;
	struct vide_drive_state *d;
	u8 cmd[12];
};

static inline u32 vide_be16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}
static inline u32 vide_be32(const u8 *p)
{
	return vide_be16(p) << 16 | vide_be16(p + 2);
}
static inline void vide_put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}
static inline void vide_put32(u8 *p, u32 v)
{
	vide_put16(p, v >> 16);
	vide_put16(p + 2, v);
}

static inline bool vide_has_medium(const struct packet *p)
{
	return !p->d->open && vide_sectors(p->c, p->c->s->unit);
}
/* Bytes between two interrupts, as the host asked for. */
static inline u32 vide_packet_block(const struct vide_drive_state *d)
{
	u32 n = (u32)d->task[VIDE_MID] | (u32)d->task[VIDE_HIGH] << 8;

	return n < 2 || n == 0xffff ? 0xfffe : n & 0xfffe;
}

/* A CD drive's command ends. key 0: well. */
void vide_packet_end(struct vide_channel *c, u8 key, u8 asc, u8 ascq);
static inline void vide_packet_well(struct packet *p)
{
	vide_packet_end(p->c, 0, 0, 0);
}
static inline void vide_packet_refuse(struct packet *p, u8 key, u8 asc, u8 ascq)
{
	vide_packet_end(p->c, key, asc, ascq);
}
/* The first len bytes of the buffer, but not more than the host has room for. */
void vide_packet_answer(struct packet *p, u32 len, u32 room);

/* ---- vide_cd.c ---- */

void vide_cd_read_capacity(struct packet *p);
void vide_cd_read_toc(struct packet *p);
void vide_cd_read_disc_information(struct packet *p);
void vide_cd_read_10(struct packet *p);
void vide_cd_read_12(struct packet *p);
void vide_cd_read_cd(struct packet *p);
void vide_cd_seek(struct packet *p);

/* ---- vide_identify.c: IDENTIFY (PACKET) DEVICE, into the buffer ---- */

void vide_identify_disk(struct vide_channel *c);
void vide_identify_cd(struct vide_channel *c);

/* ---- vide_dma.c ---- */

void vide_bm_io(void *dev, struct io_access *io);
/* The bus master would move data now. */
bool vide_dma_ready(const struct vide_channel *c);
void vide_dma_piece(struct vide_channel *c);
