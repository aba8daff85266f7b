/*
 * The PC's two 8237A DMA controllers at 00h-0Fh and C0h-DFh with their page registers at 80h-8Fh. Pure. Intel 8237A
 * data sheet; 82371SB data sheet, "DMA Registers". Channels 0 to 3 move bytes within 64 KiB, 5 to 7 words within 128.
 *
 * A device with something to move asks vdma_transfer(). There is no memory-to-memory transfer, and requests by software
 * are stored alone: nothing in a PC that still runs needs them.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"
#include "vmm/base/io_bus.h"
#include "vmm/dev/vdev.h"

#define VDMA_CHANNELS 8
#define VDMA_PIECE    16384 /* bytes that one vdma_transfer() moves at most */

#define VDMA_CHAN(T, F, A, S)                                         \
	F(T, u16, base) /* address, bytes or words within the page */ \
	F(T, u16, addr)                                               \
	F(T, u16, base_count) /* transfers less one */                \
	F(T, u16, count)                                              \
	F(T, u8, mode) /* bits 2-7 */
STATE_STRUCT(vdma_chan, VDMA_CHAN);

#define VDMA_STATE(T, F, A, S)                                           \
	S(T, vdma_chan, chan, VDMA_CHANNELS)                             \
	A(T, u8, page, 16) /* 80h-8Fh as written */                      \
	A(T, u8, command, 2)                                             \
	A(T, u8, status, 2) /* channels that have reached their count */ \
	A(T, u8, request, 2)                                             \
	A(T, u8, mask, 2)                                                \
	A(T, bool, high, 2) /* the next byte is an upper one */
STATE_STRUCT(vdma_state, VDMA_STATE);

struct vdma {
	struct vdma_state s;
	const struct guest_mem *mem;
	struct io_region regs[2], pages;
	struct io_bus *pio;
};
extern const struct vdev_ops vdma_ops; /* no configuration */

/*
 * A device on channel ch (0-3 bytes, 5-7 words: len even) moves up to len bytes, VDMA_PIECE at most, to guest memory
 * or from it into buf. Returns how many, fewer when the channel's count ends: then *end. 0 when the channel is masked,
 * its controller disabled, or cascaded. In a mode of the other direction, or to verify, bytes count but do not move
 * (buf is then filled with zeros). Addresses without RAM take nothing and read as ones.
 */
u32 vdma_transfer(struct vdma *d, u32 ch, void *buf, u32 len, bool to_memory, bool *end);
