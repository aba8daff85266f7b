/*
 * A Linux kernel for the firmware to start: the option ROM linuxboot_dma.bin and OVMF take the image in two parts, the
 * real-mode setup and the rest, and put each where they are told. Pure.
 * Source: Linux Documentation, "The Linux/x86 Boot Protocol", sections "The Real-Mode Kernel Header" and "Loading The
 * Rest of The Kernel".
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define FW_DIRECT_SETUP_ADDR   0x10000u
#define FW_DIRECT_CMDLINE_ADDR 0x20000u
#define FW_DIRECT_KERNEL_ADDR  0x100000u
#define FW_DIRECT_SETUP_MAX    (65u * 512) /* 64 sectors and the boot sector */

struct fw_direct_in {
	const void *kernel; /* the image */
	u64 kernel_len, initrd_len;
	u64 low_end; /* of RAM below 4 GiB */
};

/* All but setup is an address in guest memory, a length, or a part of the image. */
struct fw_direct {
	u8 setup[FW_DIRECT_SETUP_MAX]; /* a copy, with what a loader writes into the header */
	const u8 *kernel;              /* the rest of the image */
	u32 setup_len, kernel_len;
	u32 initrd_addr, initrd_len; /* 0: there is none */
};

/*
 * OK; ERR_TRUNC, ERR_INVAL (no bzImage), ERR_NOTSUP (older than protocol 2.02, or no bzImage that loads high), ERR_NOSPC
 * (it does not fit the RAM below 4 GiB), with a sentence in *why.
 */
__must_check int fw_direct_prepare(struct fw_direct *d, const struct fw_direct_in *in, const char **why);
