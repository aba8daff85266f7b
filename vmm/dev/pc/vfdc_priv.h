/* What the sources of the floppy controller share. */
#pragma once

#include "vmm/dev/pc/vfdc.h"

#define DOR_DRIVE  0x03
#define DOR_RUN    0x04 /* 0: reset */
#define DOR_GATE   0x08 /* interrupt and DMA */
#define DOR_MOTORS 0xf0

#define ST0_ABNORMAL 0x40
#define ST0_INVALID  0x80
#define ST0_POLLED   0xc0
#define ST0_SEEK_END 0x20
#define ST0_CHECK    0x10 /* no track 0 */
#define ST0_HEAD     0x04

#define ST1_END        0x80 /* beyond the last sector of the cylinder */
#define ST1_DATA       0x20
#define ST1_OVERRUN    0x10
#define ST1_NO_SECTOR  0x04
#define ST1_PROTECTED  0x02
#define ST1_NO_ADDRESS 0x01
#define ST2_DELETED    0x40
#define ST2_WRONG_CYL  0x10

#define CONFIG_IMPLIED 0x40
#define CONFIG_NO_FIFO 0x20
#define CONFIG_NO_POLL 0x10
#define CONFIG_RESET   (CONFIG_NO_FIFO)

#define CMD_KIND 0x1f
#define CMD_MT   0x80
#define CMD_SK   0x20

enum {
	CMD_READ_TRACK = 0x02,
	CMD_SPECIFY = 0x03,
	CMD_DRIVE_STATUS = 0x04,
	CMD_WRITE = 0x05,
	CMD_READ = 0x06,
	CMD_RECALIBRATE = 0x07,
	CMD_SENSE = 0x08,
	CMD_WRITE_DELETED = 0x09,
	CMD_READ_ID = 0x0a,
	CMD_READ_DELETED = 0x0c,
	CMD_FORMAT = 0x0d,
	CMD_DUMPREG = 0x0e,
	CMD_SEEK = 0x0f,
	CMD_VERSION = 0x10,
	CMD_PERPENDICULAR = 0x12,
	CMD_CONFIGURE = 0x13,
	CMD_LOCK = 0x14,
	CMD_VERIFY = 0x16,
};

/* Of the command's second byte. */
static inline u32 fdc_unit(const struct vfdc_state *s)
{
	return s->cmd[1] & 3;
}
static inline bool fdc_by_dma(const struct vfdc_state *s)
{
	return !(s->specify[1] & 1);
}
static inline bool fdc_is_write(const struct vfdc_state *s)
{
	u8 kind = s->cmd[0] & CMD_KIND;

	return kind == CMD_WRITE || kind == CMD_WRITE_DELETED || kind == CMD_FORMAT;
}

/* The medium in a drive; heads 0: none. */
struct vfdc_geometry fdc_medium(const struct vfdc *f, u32 unit);

/* ---- vfdc_cmd.c ---- */

/* Bytes of the command that begins with this one. */
u32 fdc_cmd_bytes(u8 first);
/* Does what s->cmd says. */
void fdc_execute(struct vfdc *f, u64 now);
/* The result phase: n bytes, of s->result. irq: an interrupt tells of it. */
void fdc_result(struct vfdc *f, u32 n, bool irq);
void fdc_seeks(struct vfdc *f, u64 now);

/* ---- vfdc_xfer.c ---- */

/* A command with data: s->cmd. */
void fdc_begin(struct vfdc *f, u64 now);
/* due_at has come: a request is made, or looked after. */
void fdc_go_on(struct vfdc *f, u64 now);
/* The result of a command about sectors. */
void fdc_end(struct vfdc *f, u8 st0, u8 st1, u8 st2);
u8 fdc_give(struct vfdc *f, u64 now);
void fdc_take(struct vfdc *f, u8 val, u64 now);
/* After the state was restored: the request that it had under way. */
void fdc_ask_again(struct vfdc *f);
/* A request that is under way is of no use any more. */
void fdc_drop(struct vfdc *f);

/* ---- vfdc_state.c ---- */
bool fdc_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c);
