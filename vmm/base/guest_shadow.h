/*
 * A PC's firmware and the memory it is copied to: the ROM that ends at 4 GiB, its last 128 KiB seen again below 1 MiB,
 * and the shadow RAM from C0000h to FFFFFh, which the host bridge's PAM registers open piece by piece for reads and for
 * writes. Pure. Source: Intel 82441FX data sheet, "PAM[6:0]: Programmable Attribute Map Registers" and "Memory
 * Shadowing".
 *
 * Reads of a segment that is not open for them go on to the ROM where it is seen, else to the bus; writes of one that
 * is not open for them are dropped. Guest RAM (struct guest_mem) holds the shadow RAM in any case: what devices move
 * goes there.
 */
#pragma once

#include "lib/types.h"

#define GUEST_SHADOW_BASE  0xc0000ull
#define GUEST_SHADOW_LEN   0x40000ull
#define GUEST_SHADOW_SEGS  13u /* twelve of 16 KiB from C0000h, the last of 64 KiB at F0000h */
#define GUEST_SHADOW_ALL   ((1u << GUEST_SHADOW_SEGS) - 1)
#define GUEST_ROM_LOW_BASE 0xe0000ull     /* from here to 1 MiB the ROM's end is seen again */
#define GUEST_ROM_END      0x100000000ull /* where it ends */
#define GUEST_ROM_GRAIN    0x1000u        /* bytes: its size is a multiple, */
#define GUEST_ROM_MIN      0x10000u       /* at least this: all of F0000h, */
#define GUEST_ROM_MAX      (8u << 20)     /* and at most this */

struct guest_shadow {
	u16 read, write; /* bit n: segment n is open for it; changed with the VM's lock */
	const u8 *rom;   /* NULL: there is no firmware, and all is RAM */
	u32 rom_len;
};

/* All is open: plain RAM, and what a machine without firmware has. */
static inline void guest_shadow_open(struct guest_shadow *s)
{
	s->read = s->write = GUEST_SHADOW_ALL;
}

/* Whether gpa is in what the registers rule over. */
static inline bool guest_shadow_covers(u64 gpa)
{
	return gpa - GUEST_SHADOW_BASE < GUEST_SHADOW_LEN;
}

/* The segment of an address that is covered. */
static inline u32 guest_shadow_seg(u64 gpa)
{
	u32 n = (u32)((gpa - GUEST_SHADOW_BASE) >> 14);

	return n < GUEST_SHADOW_SEGS ? n : GUEST_SHADOW_SEGS - 1;
}

static inline u64 guest_shadow_seg_base(u32 seg)
{
	return GUEST_SHADOW_BASE + ((u64)seg << 14);
}

static inline u64 guest_shadow_seg_len(u32 seg)
{
	return seg == GUEST_SHADOW_SEGS - 1 ? 0x10000 : 0x4000;
}

/* Whether gpa, RAM as it may be, is not to be read or not to be written there just now. */
static inline bool guest_shadow_hides(const struct guest_shadow *s, u64 gpa)
{
	return guest_shadow_covers(gpa) && !((s->read & s->write) >> guest_shadow_seg(gpa) & 1);
}

/* len bytes of the ROM at gpa, high or low, or NULL: they are not all there. */
const u8 *guest_shadow_rom(const struct guest_shadow *s, u64 gpa, u64 len);

enum guest_shadow_from { SHADOW_FROM_RAM, SHADOW_FROM_ROM, SHADOW_FROM_BUS };
/* Where reads of a segment come from; *writable: and writes go to RAM. */
enum guest_shadow_from guest_shadow_from(const struct guest_shadow *s, u32 seg, bool *writable);

/*
 * An access to len bytes at gpa, which lie in one segment that hides something; ram is where they are in RAM. false:
 * it is a read that the bus has to answer.
 */
bool guest_shadow_access(const struct guest_shadow *s, u64 gpa, u8 *ram, u8 *buf, u32 len, bool write);
