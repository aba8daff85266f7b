/*
 * 82077AA floppy controller at 3F0h-3F5h and 3F7h, IRQ 6, DMA channel 2, with up to two drives. Pure. Intel 82077AA
 * data sheet: registers of the PC-AT mode, commands, status registers; IBM PC AT Technical Reference for DIR.
 *
 * A drive's medium is behind vmm/backend/blk.h, a sector at a time; while a request is under way the timer looks
 * every 200 us whether it has come back, which is faster than any floppy. Steps and formats of the drives take no time
 * that anybody could miss: a seek 1 ms. Sectors are of 512 bytes.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/backend/blk.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/pc/vdma.h"
#include "vmm/dev/vdev.h"

#define VFDC_PORT    0x3f0
#define VFDC_DIR     0x3f7
#define VFDC_GSI     6
#define VFDC_DMA     2
#define VFDC_DRIVES  2 /* that there can be; registers know four */
#define VFDC_POLL_NS 200000u
#define VFDC_SEEK_NS 1000000u

enum vfdc_phase {
	VFDC_COMMAND, /* takes the bytes of a command */
	VFDC_DELAY,   /* answers at due_at */
	VFDC_MEDIUM,  /* a request of the medium is to be made, or under way */
	VFDC_TAKE,    /* without DMA: the guest writes buf's next byte */
	VFDC_GIVE,    /* without DMA: the guest reads it */
	VFDC_RESULT,
	VFDC_NR_PHASES,
};

#define VFDC_STATE(T, F, A, S)                                                          \
	F(T, u8, dor)                                                                   \
	F(T, u8, dsr)                                                                   \
	F(T, u8, tdr)                                                                   \
	F(T, u8, phase)                                                                 \
	A(T, u8, cmd, 9)                                                                \
	F(T, u8, cmd_len)                                                               \
	A(T, u8, result, 10)                                                            \
	F(T, u8, result_at)                                                             \
	F(T, u8, result_len)                                                            \
	A(T, u8, chr, 3)   /* cylinder, head, sector that is next */                    \
	F(T, u8, left)     /* sectors of FORMAT and VERIFY to come */                   \
	F(T, bool, end)    /* the DMA count has run out */                              \
	F(T, bool, filled) /* WRITE and FORMAT: buf has what is to be written */        \
	F(T, bool, asking) /* a request of the medium is under way */                   \
	F(T, u16, pos)     /* in buf, without DMA */                                    \
	A(T, u8, buf, BLK_SECTOR)                                                       \
	A(T, u8, pcn, 4) /* cylinder that each drive is at */                           \
	A(T, u8, target, 4)                                                             \
	A(T, u64, seek_at, 4) /* ns when the drive has got there, TIMER_OFF: no seek */ \
	F(T, u8, sought)      /* drives whose seek has ended */                         \
	F(T, u8, failed)      /* and of them those that found no track 0 */             \
	F(T, u8, polled)      /* after a reset: drives still to be told of */           \
	A(T, u8, specify, 2)                                                            \
	F(T, u8, config)                                                                \
	F(T, u8, pretrk)                                                                \
	F(T, bool, lock)                                                                \
	F(T, u8, perpendicular)                                                         \
	A(T, bool, changed, VFDC_DRIVES) /* the medium has; until a step */             \
	F(T, bool, irq)                                                                 \
	F(T, u64, due_at) /* ns: what phase waits for, TIMER_OFF: nothing that comes by itself */
STATE_STRUCT(vfdc_state, VFDC_STATE);

struct vfdc_cfg {
	struct blk blk[VFDC_DRIVES]; /* ops NULL: a drive without a medium */
	bool present[VFDC_DRIVES];
	struct vdma *dma;
};

struct vfdc {
	struct vfdc_state s;
	struct vfdc_cfg cfg;
	struct blk_req req;
	struct blk_seg seg;
	u8 copy[BLK_SECTOR];     /* what the request reads or writes: the guest may reset meanwhile */
	const struct blk *asked; /* whose req is; NULL: it is free */
	u32 done;                /* it has come back; atomic */
	u8 status;               /* enum blk_status; before done */
	bool stale;              /* what comes back is of no use */
	u32 news[VFDC_DRIVES];   /* the medium has changed; atomic */
	struct vfdc_news {
		struct vfdc *fdc;
		u32 drive;
	} front[VFDC_DRIVES];
	bool line; /* GSI 6 as driven */
	const struct irqchip *irq;
	struct timer timer;
	struct io_region regs, dir;
	struct io_bus *pio;
};
extern const struct vdev_ops vfdc_ops; /* cfg: struct vfdc_cfg */

/*
 * For the monitor, with the VM's lock: a floppy is taken out of a drive, or put in; its change line tells the guest, and
 * a command that is under way fails. OK; ERR_NOENT: no such drive; ERR_BUSY: there is one (to be put in), or the medium
 * still has a request of the drive's, to be tried again (to be taken out).
 */
__must_check int vfdc_eject(struct vfdc *f, u32 drive);
__must_check int vfdc_insert(struct vfdc *f, u32 drive, const struct blk *medium);

/* What a floppy of that many sectors is; heads 0: there is none such. Also for CMOS and checks of images. */
struct vfdc_geometry {
	u8 cylinders, heads, track; /* track: sectors of one */
	u8 rate;                    /* CCR's: 0 500, 1 300, 2 250 kbit/s, 3 1 Mbit/s */
	u8 cmos;                    /* the drive's type in CMOS 10h: 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M */
};
struct vfdc_geometry vfdc_geometry(u64 sectors);
/*
 * What a drive is, in CMOS 10h, that is made for a medium of that many sectors and others of its kind; without one (0),
 * or with one that is none, a drive of 1.44M.
 */
u8 vfdc_drive_type(u64 sectors);
/*
 * Looks at an image: OK; ERR_TRUNC: it is taken for what was written to the first sectors of an empty floppy, *medium
 * bytes of it then (else size): it boots, and no file system in it says that there is more; ERR_INVAL: it is refused.
 * *flaw says where and why, unless OK.
 */
__must_check int vfdc_check(const void *image, u64 size, u64 *medium, struct blk_flaw *flaw);
