/*
 * fw_cfg: what a machine without firmware of its own tells the firmware it is given. Pure. Source: the public
 * description "QEMU Firmware Configuration (fw_cfg) Device" of the interface's ports, items and DMA descriptors.
 *
 *   510h  16 bits, written: selects an item by its number and starts it anew (bit 14, once for writing, is ignored)
 *   511h  8 bits, read: the next byte of that item; 0 behind its end
 *   514h  64 bits, big-endian, read: "QEMU CFG"; written: the address of a descriptor in guest memory, of which the
 *         upper half stays until the lower one is written, which starts the transfer
 *
 *   descriptor, big-endian: control (32 bits: 0 error, 1 read, 2 skip, 3 select, 4 write, 31-16 item), length (32),
 *   address (64). Control becomes 0, or the error bit alone, when all is done.
 *
 * Items are read-only: writing is an error. A transfer moves a piece at once and the rest by a timer, so that no guest
 * holds the machine by a long one; a driver that polls control sees no difference. Meanwhile the selection stays as it
 * is, the data port reads 0, and another descriptor is answered with the error bit.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/timer.h"
#include "vmm/dev/vdev.h"

#define VFWCFG_PORT 0x510 /* selector and data */
#define VFWCFG_DMA  0x514 /* 8 ports */

/* Numbers of items. Files, which have names, follow from VFWCFG_FILE_FIRST on in the order they are given. */
enum {
	VFWCFG_SIGNATURE = 0x00, /* "QEMU" */
	VFWCFG_ID = 0x01,        /* 32 bits: bit 0 these ports, bit 1 DMA */
	VFWCFG_UUID = 0x02,
	VFWCFG_RAM_SIZE = 0x03,  /* 64 bits, bytes */
	VFWCFG_NOGRAPHIC = 0x04, /* 16 bits: 1: there is no display */
	VFWCFG_NB_CPUS = 0x05,   /* 16 bits */
	VFWCFG_KERNEL_ADDR = 0x07,
	VFWCFG_KERNEL_SIZE = 0x08,
	VFWCFG_INITRD_ADDR = 0x0a,
	VFWCFG_INITRD_SIZE = 0x0b,
	VFWCFG_BOOT_MENU = 0x0e, /* 16 bits: 1: offered */
	VFWCFG_MAX_CPUS = 0x0f,  /* 16 bits: above the highest APIC ID */
	VFWCFG_KERNEL_DATA = 0x11,
	VFWCFG_INITRD_DATA = 0x12,
	VFWCFG_CMDLINE_ADDR = 0x13,
	VFWCFG_CMDLINE_SIZE = 0x14,
	VFWCFG_CMDLINE_DATA = 0x15,
	VFWCFG_SETUP_ADDR = 0x16,
	VFWCFG_SETUP_SIZE = 0x17,
	VFWCFG_SETUP_DATA = 0x18,
	VFWCFG_FILE_DIR = 0x19,
	VFWCFG_FILE_FIRST = 0x20,
	VFWCFG_IRQ0_OVERRIDE = 0x8002, /* 8 bits: 1: ISA interrupt 0 is GSI 2 */
};

/* Bits of a descriptor's control. */
#define VFWCFG_DMA_ERROR  BIT(0)
#define VFWCFG_DMA_READ   BIT(1)
#define VFWCFG_DMA_SKIP   BIT(2)
#define VFWCFG_DMA_SELECT BIT(3)
#define VFWCFG_DMA_WRITE  BIT(4)

#define VFWCFG_ITEMS     64 /* most of them, files included; beside signature, id and directory */
#define VFWCFG_FILES     32
#define VFWCFG_NAME_MAX  55 /* characters of a file's name */
#define VFWCFG_DIR_ENTRY 64
/* Bytes moved at once: half of what a copy may have, so that the exit around it fits the bound, too. */
#define VFWCFG_PIECE 8192u

struct vfwcfg_item {
	const char *file; /* NULL: an item with a number of its own */
	u16 key;          /* without file */
	bool built;       /* told to cfg.build each time it is selected */
	u32 len;          /* bytes; never changes */
	const void *data; /* len bytes that live as long as the device */
};

#define VFWCFG_STATE(T, F, A, S)                                          \
	F(T, u16, key)      /* as selected last */                        \
	F(T, u32, offset)   /* of the next byte of its item */            \
	F(T, u32, dma_high) /* of the address register: the upper half */ \
	F(T, u64, desc)     /* the descriptor under way */                \
	F(T, u64, at)       /* guest memory for the next piece */         \
	F(T, u32, left)     /* bytes still to move */                     \
	F(T, u64, next_at)  /* ns of VM time of the next piece; TIMER_OFF: nothing under way \
	                     */
STATE_STRUCT(vfwcfg_state, VFWCFG_STATE);

struct vfwcfg_cfg {
	const struct vfwcfg_item *items; /* copied; data and names are not */
	u32 nr;
	/* An item with `built` was selected (or a state restored in which it is): its data, which may depend on how
	 * other devices are programmed, is to be brought up to date, in bounded time. NULL: no such items. */
	void (*build)(void *arg);
	void *arg;
};

struct vfwcfg {
	struct vfwcfg_state s;
	struct vfwcfg_item items[VFWCFG_ITEMS + 3];
	u32 nr;
	const struct vfwcfg_item *item;              /* that of s.key; NULL: there is none */
	u8 dir[4 + VFWCFG_FILES * VFWCFG_DIR_ENTRY]; /* the directory */
	void (*build)(void *arg);
	void *arg;
	const struct guest_mem *mem;
	struct io_bus *pio;
	struct io_region port, dma;
	struct timer timer;
};

/*
 * cfg: vfwcfg_cfg. Attaching fails with ERR_NOSPC (too many items or files), ERR_INVAL (a name that is too long or
 * empty, a number that is taken) or io_bus_add's errors.
 */
extern const struct vdev_ops vfwcfg_ops;
