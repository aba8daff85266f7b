/* What the files of this folder share: how the firmware area is filled (area.c), and who fills it. */
#pragma once

#include "vmm/firmware/tables.h"

/* len zeroed bytes at the next multiple of align; NULL when the area is full. *gpa gets their address. */
u8 *fw_alloc(struct fw_area *a, u64 len, u64 align, u64 *gpa);

/* The byte that makes len bytes at p sum to 0, when the checksum field itself is 0. */
u8 fw_checksum(const void *p, u64 len);

static inline void fw_put16(u8 *p, u32 off, u16 v)
{
	__builtin_memcpy(p + off, &v, sizeof(v));
}

static inline void fw_put32(u8 *p, u32 off, u32 v)
{
	__builtin_memcpy(p + off, &v, sizeof(v));
}

static inline void fw_put64(u8 *p, u32 off, u64 v)
{
	__builtin_memcpy(p + off, &v, sizeof(v));
}

/* The processor's entry after a reset, and the code that it jumps to: the end of the firmware area. */
#define FW_RESET_CODE  0xfffe0u
#define FW_RESET_ENTRY 0xffff0u

/*
 * MP floating pointer and configuration table, from a's next free byte on; a is in F0000h-FFFFFh. In FW_MPTABLE_PARTS
 * calls, part 0 first.
 */
#define FW_MPTABLE_PARTS 4
void fw_mptable_build(struct fw_mptable *m, const struct fw_config *cfg, struct fw_area *a, u32 part);
/* low: guest memory from 0 to GUEST_VGA_BASE. */
void fw_bda_build(const struct fw_config *cfg, u8 *low);
/* rom: guest memory from FW_RESET_CODE to GUEST_FW_END. */
void fw_reset_entry_build(u8 *rom);
/* Both entry points and all structures, from the start of a. a->full tells whether they fitted. */
void fw_smbios_build(const struct fw_config *cfg, struct fw_area *a);
