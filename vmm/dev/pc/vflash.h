/*
 * The flash below a PC's firmware, where UEFI keeps its variables: one chip of 8 bits' width with the Intel command
 * set, in blocks of 4 KiB. Pure. Source: Intel StrataFlash Memory (J3) data sheet, "Command Set", "Status Register";
 * JEDEC JESD68, Common Flash Interface.
 *
 * A write is a command: FFh read array, 70h read status, 50h clear status, 40h or 10h and a byte to program (bits only
 * go from 1 to 0), 20h D0h to erase a block, 60h and a byte to lock or unlock (nothing is ever locked), 90h read
 * identifiers, 98h CFI query. What it is asked to do is done at once. As UEFI's driver expects of a virtual flash,
 * 50h clears bit 7 (ready) too, until the next operation is done.
 *
 * The bytes are the board's and outlive resets. While the array is read, they are in the guest's memory map (env's
 * memory, slot cfg.slot); in all other modes reads come here.
 */
#pragma once

#include "vmm/dev/vdev.h"

#define VFLASH_BLOCK   0x1000u
#define VFLASH_MAX     (1u << 20) /* bytes */
#define VFLASH_READY   0x80
#define VFLASH_SEQ_ERR 0x30 /* status: a command sequence that is none */

enum vflash_mode { VFLASH_ARRAY, VFLASH_STATUS, VFLASH_ID, VFLASH_CFI, VFLASH_MODES };

#define VFLASH_STATE(T, F, A, S)                                  \
	F(T, u8, mode)    /* enum vflash_mode: what reads give */ \
	F(T, u8, status)  /* status register */                   \
	F(T, u8, command) /* whose second write is awaited; 0: nothing */
STATE_STRUCT(vflash_state, VFLASH_STATE);

struct vflash_cfg {
	u64 base;  /* guest-physical, page aligned */
	u8 *bytes; /* of size bytes, whole blocks, page aligned; live as long as the device */
	u32 size;  /* up to VFLASH_MAX */
	u32 slot;  /* of env's memory */
};

struct vflash {
	struct vflash_state s;
	struct vflash_cfg cfg;
	const struct vdev_memory *memory; /* NULL: reads of the array come here, too */
	struct io_bus *mmio;
	struct io_region region;
};
extern const struct vdev_ops vflash_ops; /* cfg: struct vflash_cfg */
