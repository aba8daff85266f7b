/*
 * IDE: the PIIX3's two channels with up to four drives, disks (ATA) and CD-ROMs (ATAPI). Pure.
 *
 * Source: Intel 82371SB (PIIX3) data sheet, "IDE Controller", and "Programming Interface for Bus Master IDE
 * Controller" 1.0; ATA/ATAPI-6 (T13/1410D) for registers, protocols and commands; MMC-3 and SFF-8020i for CD-ROMs.
 *
 * PCI function 8086:7010, at the legacy ports only: 1F0h-1F7h, 3F6h, IRQ 14 and 170h-177h, 376h, IRQ 15, each when
 * IDETIM (40h, 42h) enables the channel and the command register I/O space. BAR 4 has the bus master's registers. Unlike
 * the PIIX3's, which firmware of boards switches on, the channels are enabled from reset on: OVMF leaves them alone.
 *
 * A drive's data goes through its channel's buffer, 8 KiB at a time: a request of its medium (vmm/backend/blk.h) fills
 * or empties it, the guest's accesses or the bus master (vide_work()) do the other half. While a request is under way
 * the drive is busy. What is under way follows from the state: restored(), it is asked for again.
 */
#pragma once

#include "vmm/backend/blk.h"
#include "vmm/dev/pci/vpci.h"
#include "vmm/dev/vdev.h"

#define VIDE_VENDOR   0x8086
#define VIDE_DEVICE   0x7010
#define VIDE_CHANNELS 2
#define VIDE_DRIVES   4    /* 0, 1: the first channel's, 2, 3: the second's */
#define VIDE_BUF      8192 /* bytes; of sectors, a power of two */
#define VIDE_CHUNK    (VIDE_BUF / BLK_SECTOR)

enum vide_kind { VIDE_NONE, VIDE_DISK, VIDE_CD };

/* What a channel is about. */
enum vide_phase {
	VIDE_IDLE,
	VIDE_PACKET, /* takes the 12 bytes of an ATAPI command */
	VIDE_IN,     /* the guest reads the buffer's block */
	VIDE_OUT,    /* the guest writes it */
	VIDE_MEDIUM, /* a request of the medium is under way */
	VIDE_DMA,    /* the bus master moves the buffer, when it is started */
	VIDE_RESET,  /* waits for a request, that is of no use any more, to come back */
	VIDE_NR_PHASES,
};

/* What becomes of the data. */
enum vide_action { VIDE_DATA /* an answer from the buffer */, VIDE_READ, VIDE_WRITE, VIDE_FLUSH, VIDE_NR_ACTIONS };

/* Tray events, as GET EVENT STATUS NOTIFICATION tells them. */
enum vide_event { VIDE_EV_NONE, VIDE_EV_EJECT, VIDE_EV_NEW, VIDE_EV_REMOVED, VIDE_NR_EVENTS };

/* Registers that a guest writes: both drives of a channel hear it. */
enum vide_task { VIDE_FEATURE, VIDE_COUNT, VIDE_LOW, VIDE_MID, VIDE_HIGH, VIDE_NR_TASK };

#define VIDE_DRIVE_STATE(T, F, A, S)                                                   \
	A(T, u8, task, VIDE_NR_TASK)                                                   \
	A(T, u8, hob, VIDE_NR_TASK) /* what was written there before: 48-bit forms */  \
	F(T, u8, error)                                                                \
	F(T, u8, status) /* without BSY and DRQ, which are the phase's */              \
	F(T, bool, irq)                                                                \
	F(T, u8, multiple) /* sectors of a block of READ/WRITE MULTIPLE, 0: off */     \
	F(T, u8, mode)     /* SET FEATURES 03h */                                      \
	F(T, u8, heads)    /* translation in use */                                    \
	F(T, u8, track)                                                                \
	F(T, bool, standby)                                                            \
	F(T, bool, cache) /* writes may stay in the back-end's */                      \
	F(T, u8, sense)   /* of a CD drive: key, code, qualifier */                    \
	F(T, u8, asc)                                                                  \
	F(T, u8, ascq)                                                                 \
	F(T, u8, attention) /* code of a unit attention that is to be told, 0: none */ \
	F(T, u8, event)     /* enum vide_event */                                      \
	F(T, bool, open)                                                               \
	F(T, bool, locked)
STATE_STRUCT(vide_drive_state, VIDE_DRIVE_STATE);

#define VIDE_CHANNEL_STATE(T, F, A, S)                                       \
	S(T, vide_drive_state, drive, 2)                                     \
	F(T, u8, select)  /* drive/head register */                          \
	F(T, u8, control) /* device control register */                      \
	F(T, u8, phase)                                                      \
	F(T, u8, action)                                                     \
	F(T, u8, unit) /* whose command it is */                             \
	F(T, bool, dma)                                                      \
	F(T, bool, fua)                                                      \
	F(T, u64, sector) /* of the medium, 512 bytes: the next request's */ \
	F(T, u64, left)   /* not read yet, or not written yet */             \
	F(T, u32, pos)    /* in the buffer: next byte, */                    \
	F(T, u32, end)    /* end of the block */                             \
	F(T, u32, fill)   /* and of all that goes through it this time */    \
	F(T, u32, block)  /* bytes between two interrupts */                 \
	F(T, u8, bm_command)                                                 \
	F(T, u8, bm_status)                                                  \
	F(T, u32, prd)      /* address of the descriptor table */            \
	F(T, u32, prd_next) /* of the next descriptor */                     \
	F(T, u32, prd_base) /* what is left of the one at work */            \
	F(T, u32, prd_left)                                                  \
	F(T, bool, prd_last)                                                 \
	A(T, u8, buf, VIDE_BUF)
STATE_STRUCT(vide_channel_state, VIDE_CHANNEL_STATE);

#define VIDE_STATE(T, F, A, S) S(T, vide_channel_state, ch, VIDE_CHANNELS)
STATE_STRUCT(vide_state, VIDE_STATE);

struct vide_drive_cfg {
	enum vide_kind kind;
	struct blk blk;     /* its medium; of a CD drive there may be none */
	const char *serial; /* NULL: the medium's identity, or one made up */
};

struct vide_cfg {
	struct vpci_slot at;
	const struct vide_drive_cfg *drive; /* VIDE_DRIVES of them, copied; NULL: none is plugged in */
	/* vide_work() is wanted in a turn of the VM. Any CPU, any lock held. */
	void (*kick)(void *arg);
	/* The guest has opened (or closed) the tray of a drive. NULL: nobody wants to know. */
	void (*tray)(void *arg, u32 drive, bool open);
	/* The guest did something that cannot be: for a message that names it. NULL likewise. */
	void (*complain)(void *arg, u32 channel, const char *what, u64 value);
	void *arg;
};

struct vide;

struct vide_channel {
	struct vide *ide;
	struct vide_channel_state *s; /* in ide->s */
	u32 nr;
	struct io_region command_region, control_region;
	struct io_string string; /* of the data port */
	struct blk_req req;
	struct blk_seg seg;
	const struct blk *asked; /* whose req is; NULL: it is free */
	u32 done;                /* it has come back; atomic */
	u8 result;
	bool waits; /* the medium's queue was full */
	bool stale; /* what comes back was cancelled, and is of no use */
};

struct vide {
	struct vide_state s;
	struct vpci_dev pci;
	struct vide_cfg cfg;
	struct vide_drive_cfg drive[VIDE_DRIVES];
	struct vide_channel ch[VIDE_CHANNELS];
	const struct irqchip *irq;
	const struct guest_mem *mem;
};

/* The row's operations. cfg: struct vide_cfg. */
extern const struct vdev_ops vide_ops;

/*
 * A piece (at most 8 KiB, 16 descriptors) of what the guest has asked a channel for. In a turn of the VM, with its lock,
 * besides the turns that the media need. Whether there is more.
 */
bool vide_work(struct vide *d, u32 channel);
bool vide_has_work(const struct vide *d, u32 channel);

/*
 * For the monitor, with the VM's lock. Takes the medium out of a CD drive, or tells the guest that somebody would like
 * to: OK; ERR_BUSY: the guest has locked the tray (it was told) or reads from it just now; ERR_NOENT: no such drive.
 * force: although the tray is locked, and a command that is under way fails (ERR_BUSY: its request is to come back yet).
 */
__must_check int vide_eject(struct vide *d, u32 drive, bool force);
/* Whether the guest has locked that drive's tray. */
bool vide_locked(const struct vide *d, u32 drive);
/* Another medium, the tray closes: the guest is told. OK; ERR_BUSY: there is one, or a request under way; ERR_NOENT. */
__must_check int vide_insert(struct vide *d, u32 drive, const struct blk *medium);
