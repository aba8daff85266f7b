/*
 * multiboot2 images, as GRUB's multiboot2 command starts them on a machine with a BIOS. Pure.
 * Source: Multiboot2 Specification version 2.0, "OS image format", "Machine state", "Boot information format".
 */
#pragma once

#include "vmm/load/load.h"

#define MB2_BOOT_MAGIC 0x36d76289u
#define MB2_SEARCH     32768u /* bytes of the file in which a header is, as a whole */

/*
 * Offset of a header in the first MB2_SEARCH bytes, whose magic, architecture, length and checksum are right; from: a
 * multiple of 8, where the search begins. false: there is none.
 */
bool mb2_find_header(const void *image, u64 len, u32 from, u32 *offset);

/*
 * Loads by the address tag or else by the ELF32/ELF64 program headers; hands over command line, loader's name, modules
 * with strings, memory sizes and map, copies of the RSDP, the load address and, to who can print on one, the text
 * screen. 32-bit start with EAX = MB2_BOOT_MAGIC and EBX = the information structure, in low memory. Tags that are
 * not optional and unknown, or that ask for information which there is not, are refused; a graphics mode is a wish.
 * OK; ERR_* with out->why.
 */
__must_check int load_multiboot2(const struct load_in *in, struct load_out *out);
