/*
 * Debug devices for guest-side test programs, each off unless asked for. Pure. They answer as QEMU's public devices
 * of the same names do:
 *
 *   isa-debug-exit  port F4h (4 bytes): writing v ends the guest with code (v << 1) | 1
 *   pc-testdev      E0h-E3h a 32-bit latch, readable and writable in any part; E8h the same latch, for byte accesses
 *                   (string I/O ends up as such accesses); E4h: "flush the page at this address"; 2000h+n: the level
 *                   of GSI n, 0..23, as written; 64 KiB of bytes at guest-physical FF000000h
 *   fw_cfg          510h selects a number, 511h reads its bytes one by one: 0 "QEMU", 1 features (0: these ports
 *                   only), 3 bytes of RAM (64 bits), 5 and Fh number of CPUs (16 bits); for users of pc-testdev, who
 *                   ask it for the machine's size, on machines without firmware
 *   debugcon        E9h: reads E9h, writes a character
 *   firmware        402h: the same, for what a PC's firmware says of its work (SeaBIOS and OVMF look for it)
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/dev/vdev.h"

#define VDEBUG_EXIT_PORT     0xf4
#define VDEBUG_LATCH_PORT    0xe0
#define VDEBUG_FLUSH_PORT    0xe4
#define VDEBUG_BYTE_PORT     0xe8
#define VDEBUG_CON_PORT      0xe9
#define VDEBUG_IRQ_PORT      0x2000
#define VDEBUG_NR_IRQS       24
#define VDEBUG_FIRMWARE_PORT 0x402
#define VDEBUG_FWCFG_PORT    0x510
#define VDEBUG_IOMEM_BASE    0xff000000ull
#define VDEBUG_IOMEM_LEN     0x10000ull

struct vdebug_config {
	bool exit_port, testdev, debugcon;
	bool no_fwcfg;                          /* the machine has a whole one (vfwcfg.h) */
	void (*exit)(void *arg, u32 code);      /* must be set with exit_port */
	void (*putc)(void *arg, char c);        /* must be set with debugcon */
	void (*firmware)(void *arg, char c);    /* NULL: there is no port 402h */
	void (*flush_page)(void *arg, u64 gpa); /* page aligned; may be NULL: nothing to flush */
	void *arg;
	const struct irqchip *irq; /* must be set with testdev */
	/*
	 * VDEBUG_IOMEM_LEN bytes that live as long as the device (saved with it); NULL: the memory is absent. A reset leaves
	 * them alone: that is too much for one piece, and whoever owns them clears them.
	 */
	u8 *iomem;
	u64 ram_bytes; /* what fw_cfg tells */
	u16 cpus;
};

#define VDEBUG_STATE(T, F, A, S)                                  \
	F(T, u32, latch)                                          \
	F(T, u32, irq_levels) /* bit n: line n as last written */ \
	F(T, u16, fwcfg_key)                                      \
	F(T, u16, fwcfg_at)
STATE_STRUCT(vdebug_state, VDEBUG_STATE);
#define VDEBUG_IOMEM(T, F, A, S) A(T, u8, bytes, VDEBUG_IOMEM_LEN)
STATE_STRUCT(vdebug_iomem, VDEBUG_IOMEM); /* at cfg.iomem */

struct vdebug {
	struct vdebug_state s;
	struct vdebug_config cfg;
	struct io_region exit_region, latch_region, flush_region, byte_region, irq_region, iomem_region, fwcfg_region,
	        firmware_region;
	struct io_bus *pio, *mmio; /* set by init */
};
extern const struct vdev_ops vdebug_ops; /* cfg: struct vdebug_config; irq is env's */

/* Registers what cfg asks for. OK, ERR_INVAL (a callback is missing) or io_bus_add's errors (nothing stays added). */
__must_check int vdebug_init(struct vdebug *d, const struct vdebug_config *cfg, struct io_bus *pio,
                             struct io_bus *mmio);
/* After s was restored: drives the lines as they were. */
void vdebug_restored(struct vdebug *d);
/* Guest reset: latch 0, all lines low, memory zero. */
void vdebug_reset(struct vdebug *d);
