/*
 * The guest-physical memory map every partition has, in one place: from a memory size to RAM ranges (mm/guest_mem.h)
 * and to the e820 list that loaders and firmware hand to the guest. Pure.
 *
 *   0x00000000-0x0009fbff  RAM (the last KiB below 640K is the EBDA: backed, reported reserved)
 *   0x000a0000-0x000bffff  VGA window: backed by RAM, as there is no VGA; in no e820 entry, as on a PC
 *   0x000c0000-0x000fffff  backed by RAM, reported reserved; firmware tables from 0xe0000
 *   0x00100000-...         RAM up to min(memory, 3 GiB)
 *   0xc0000000-0xffffffff  PCI hole; IOAPIC 0xfec00000, LAPIC 0xfee00000
 *   0x100000000-...        the rest of the RAM
 *
 * That of a PC (guest_map_build_pc) differs: nothing is behind the VGA window but what a device puts there, C0000h to
 * FFFFFh is shadow RAM (vmm/base/guest_shadow.h), and its firmware's ROM ends at 4 GiB.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"

#define GUEST_EBDA_BASE     0x9fc00ull
#define GUEST_VGA_BASE      0xa0000ull /* to GUEST_ROM_BASE: programs print to B8000h without asking */
#define GUEST_ROM_BASE      0xc0000ull /* shadow area: backed by RAM, reserved in e820 */
#define GUEST_FW_BASE       0xe0000ull /* firmware tables (vmm/firmware) live in [FW_BASE, FW_END) */
#define GUEST_FW_END        0x100000ull
#define GUEST_HIGH_BASE     0x100000ull
#define GUEST_PCI_HOLE      0xc0000000ull
#define GUEST_PCI_HOLE_END  0x100000000ull
#define GUEST_PCI_MMIO_BASE 0xc0000000ull /* what PCI BARs may be given: [BASE, END) */
#define GUEST_PCI_MMIO_END  0xfebf0000ull
#define GUEST_IOAPIC_BASE   0xfec00000ull
#define GUEST_LAPIC_BASE    0xfee00000ull

#define GUEST_S5_SLP_TYP 0 /* SLP_TYPa of \_S5 in vmm/firmware/dsdt.asl */

/* Memory sizes accepted: whole pages, at least 1 MiB + 1 page, at most 1 TiB (the top of a 40-bit guest space less
 * the hole's gigabyte). */
#define GUEST_MEMORY_MIN (GUEST_HIGH_BASE + PAGE_SIZE)
#define GUEST_MEMORY_MAX (BIT(40) - SIZE_1G)

/* ACPI "System Address Map Interfaces" types, as the guest reads them. */
#define GUEST_E820_RAM      1u
#define GUEST_E820_RESERVED 2u

#define GUEST_E820_MAX 8

struct guest_e820 {
	u64 base, len; /* bytes */
	u32 type;      /* GUEST_E820_* */
};

struct guest_map {
	u64 memory;   /* as given, bytes: all that is backed, the reserved parts below 1 MiB included */
	bool pc;      /* nothing is behind its VGA window */
	u64 low_end;  /* one past the last byte of RAM below 4 GiB */
	u64 high_end; /* one past the last byte of RAM above 4 GiB, or 0 when there is none */
	u32 nr_e820;
	struct guest_e820 e820[GUEST_E820_MAX]; /* ascending, disjoint */
};

/* Fills map for a memory size in bytes. OK; ERR_RANGE (outside GUEST_MEMORY_MIN..MAX);
 * ERR_INVAL (not whole pages). */
__must_check int guest_map_build(struct guest_map *map, u64 memory);

/* The same for a PC. */
__must_check int guest_map_build_pc(struct guest_map *map, u64 memory);

/*
 * Sets mem's ranges (whole pages that have to be backed with host memory) and base. base may be set later by the
 * caller; pass NULL then.
 */
void guest_map_ranges(const struct guest_map *map, struct guest_mem *mem, u8 *base);

/*
 * true when all of [gpa, gpa+len) is plain RAM in the guest's own view (one e820 entry of type RAM holds it); len 0
 * asks for the one address.
 */
bool guest_map_is_ram(const struct guest_map *map, u64 gpa, u64 len);
