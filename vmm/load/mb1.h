/*
 * multiboot1 images, as QEMU's -kernel offers them. Pure.
 * Source: Multiboot Specification 0.6.96, "OS image format", "Machine state", "Boot information format".
 */
#pragma once

#include "vmm/load/load.h"

#define MB1_BOOT_MAGIC 0x2badb002u

/* The checked image header. */
struct mb1_header {
	u32 offset; /* of the magic in the file */
	u32 flags;
	/* valid when flags bit 16 is set */
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

/*
 * true and *h filled when the first 8 KiB have a header whose magic and checksum are right; from: the offset, a multiple
 * of 4, where the search begins.
 */
bool mb1_find_header(const void *image, u64 len, u32 from, struct mb1_header *h);

/*
 * The header's address fields say what of the file goes where: load_addr to load_end_addr (0: the file's end), zeros up
 * to bss_end_addr (0: none). Also of multiboot2's, which are the same. OK; ERR_* with out->why.
 */
__must_check int mb1_load_by_addrs(const struct load_in *in, struct load_out *out, const struct mb1_header *h);

/*
 * Loads by the address fields (flags bit 16) or else by the ELF32/ELF64 program headers; hands over mem_lower/upper,
 * mmap, command line ("<name> <cmdline>", as QEMU), modules with strings and the loader's name. 32-bit start with
 * EAX = MB1_BOOT_MAGIC and EBX = the information structure. Mandatory flags other than page-aligned modules, memory
 * information and video mode (ignored) are refused. OK; ERR_* with out->why.
 */
__must_check int load_multiboot1(const struct load_in *in, struct load_out *out);
