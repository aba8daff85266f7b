/* The table loader's script: commands of FW_LOADER_COMMAND bytes that firmware carries out one by one. Pure. */
#pragma once

#include "lib/types.h"

enum fw_zone { FW_ZONE_HIGH = 1, FW_ZONE_FSEG = 2 }; /* anywhere below 4 GiB; F0000h-FFFFFh */

struct fw_loader_file {
	const char *name;
	u8 *data;
};

struct fw_loader {
	u8 *base;
	u32 max; /* commands there is room for */
	u32 nr;  /* given so far; more than max: those did not fit */
};

/* Takes the file and puts it at a multiple of align, of a page at most. */
void fw_loader_allocate(struct fw_loader *l, const struct fw_loader_file *file, u32 align, enum fw_zone zone);
/* Adds the address of `to` to the size bytes at this offset of the file: an offset in `to` till then. */
void fw_loader_pointer(struct fw_loader *l, const struct fw_loader_file *file, u32 offset, u8 size,
                       const struct fw_loader_file *to);
/* The byte at offset makes len bytes from start on sum to 0. It is 0 from now on. */
void fw_loader_sum(struct fw_loader *l, const struct fw_loader_file *file, u32 offset, u32 start, u32 len);
