/*
 * The multiboot2 information structure -> struct boot_info. Pure. Source: Multiboot2 Specification version 2.0,
 * "Boot information format".
 */
#pragma once

#include "boot/boot_info.h"

#define MB2_BOOTLOADER_MAGIC 0x36d76289u

/*
 * The structure's total size from its first 8 bytes; 0 when it is not sane (below 16 bytes, or above 16 MiB). The
 * caller maps that many bytes and calls mb2_parse.
 */
u32 mb2_total_size(const void *info);

/*
 * Parses len bytes at info, which lie at physical address pa. Every tag's size is checked against what its type needs
 * and against what is left. OK; else ERR_TRUNC, ERR_INVAL, ERR_RANGE or ERR_NOSPC, and err holds a text naming
 * the tag, its offset and the reason. Unknown tags are skipped. Without any memory map this is ERR_NOENT.
 */
__must_check int mb2_parse(const void *info, size_t len, u64 pa, struct boot_info *bi, char *err, size_t err_size);
