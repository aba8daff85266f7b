/*
 * The physical memory map: a sorted list of typed, disjoint ranges. Pure. Types are those of the ACPI specification,
 * "System Address Map Interfaces".
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define E820_MAX 512

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3, /* reclaimable after the tables were read */
	E820_NVS = 4,
	E820_UNUSABLE = 5,
	E820_DISABLED = 6,
	E820_PMEM = 7,
	/* Ours: RAM that something of the boot occupies. */
	E820_HV = 0x1000,     /* hypervisor image, pools */
	E820_MODULE = 0x1001, /* boot modules, boot information */
};

struct e820_entry {
	u64 base; /* bytes */
	u64 len;  /* bytes, not 0; base + len - 1 does not overflow */
	u32 type; /* enum e820_type; unknown firmware types are treated as reserved */
	u32 pad;
};

struct e820_map {
	u32 nr;
	struct e820_entry e[E820_MAX];
	/* Where a change is worked out before it replaces e: a failed one leaves the map as it was,
	 * and stacks stay small. */
	struct e820_entry scratch[E820_MAX];
};

/*
 * Appends a raw range (unsorted). Empty ranges are ignored, a range that would run past 2^64 is cut.
 * OK or ERR_NOSPC.
 */
__must_check int e820_add(struct e820_map *m, u64 base, u64 len, u32 type);

/*
 * Makes the map canonical: sorted by base, overlaps resolved by type precedence (RAM is the weakest, then
 * ACPI, PMEM, NVS, unknown/reserved, disabled, unusable, then our own types), neighbours of one type merged.
 * OK or ERR_NOSPC (splitting needs more than E820_MAX entries; the map is unchanged).
 */
__must_check int e820_sanitize(struct e820_map *m);

/* The functions below take a sanitized map and keep it so. */

/* Sets [base, base+len) to type where the map is RAM, whatever lies around. OK or ERR_NOSPC (map unchanged). */
__must_check int e820_reserve(struct e820_map *m, u64 base, u64 len, u32 type);

/* Gives back: sets the parts of [base, base+len) that have type from to type to. OK or ERR_NOSPC (unchanged). */
__must_check int e820_retype(struct e820_map *m, u64 base, u64 len, u32 from, u32 to);

/* Cuts away everything at or above end (bytes). */
void e820_clip(struct e820_map *m, u64 end);

/* Shrinks the RAM entries to whole pages of align bytes (a power of two); what is cut off is dropped from the map. */
void e820_align_ram(struct e820_map *m, u64 align);

/* Bytes of the given type. */
u64 e820_total(const struct e820_map *m, u32 type);

/* One past the last byte of RAM; 0 when there is none. */
u64 e820_ram_end(const struct e820_map *m);

/* true when all of [base, base+len) has the type. */
bool e820_is(const struct e820_map *m, u64 base, u64 len, u32 type);

/*
 * Finds len bytes of RAM aligned to align (power of two) within [min, max): the lowest, or the highest when
 * top is true. OK or ERR_NOMEM.
 */
__must_check int e820_find(const struct e820_map *m, u64 len, u64 align, u64 min, u64 max, bool top, u64 *base);

/* Name of a type for messages. */
const char *e820_type_str(u32 type);
