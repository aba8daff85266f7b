/*
 * The multiboot1 information structure (what QEMU's -kernel gives) -> struct boot_info. Pure. Source: Multiboot
 * Specification version 0.6.96, "Boot information format".
 */
#pragma once

#include "boot/boot_info.h"

#define MB1_BOOTLOADER_MAGIC 0x2badb002u

/*
 * Physical memory as the parser sees it: a pointer to len bytes at pa, or NULL when they cannot be read.
 * Pointers need to stay valid only until the next call.
 */
struct mb1_mem {
	const void *(*map)(void *ctx, u64 pa, u64 len);
	void *ctx;
};

/*
 * Parses the structure at physical address pa. OK; else ERR_FAULT, ERR_INVAL, ERR_RANGE, ERR_NOSPC, ERR_NOENT (no
 * memory map) with a text in err.
 */
__must_check int mb1_parse(const struct mb1_mem *mem, u64 pa, struct boot_info *bi, char *err, size_t err_size);
