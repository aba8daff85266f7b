/*
 * A reference of the VGA's legacy window that is written differently from the device: bit by bit, planes as four arrays.
 * Sources: IBM PS/2 Hardware Interface Technical Reference, FreeVGA. For unit/vvga_mem, and compiled into the payload
 * tests/guest/vgamodes.c, so freestanding.
 */
#pragma once

#include "lib/types.h"

static struct {
	u8 plane[4][65536];
	bool latch[4][8];
	u8 seq[5], gc[9], misc;
} ref;

static inline bool ref_bit(u32 v, u32 n)
{
	return v >> n & 1;
}

/* The address in the planes, or -1: the window does not reach there. */
static inline s32 ref_addr(u32 at, u32 *a0)
{
	static const u32 from[] = { 0, 0, 0x10000, 0x18000 }, len[] = { 0x20000, 0x10000, 0x8000, 0x8000 };
	u32 map = ref.gc[6] >> 2 & 3, rel;

	if (!ref_bit(ref.misc, 1) || at < from[map] || at - from[map] >= len[map])
		return -1;
	rel = at - from[map];
	*a0 = rel & 3;
	if (ref_bit(ref.seq[4], 3))
		return (s32)(rel % 65536 / 4 * 4);
	if (ref_bit(ref.gc[6], 1))
		return (s32)(rel % 65536 / 2 * 2 + (map == 0 ? rel / 65536 : !ref_bit(ref.misc, 5)));
	return (s32)(rel % 65536);
}

static inline bool ref_enabled(u32 plane, u32 a0)
{
	if (!ref_bit(ref.seq[2], plane))
		return false;
	if (ref_bit(ref.seq[4], 3))
		return plane == a0;
	return ref_bit(ref.seq[4], 2) || plane % 2 == a0 % 2;
}

static inline void ref_write(u32 at, u8 val)
{
	u32 a0, mode = ref.gc[5] & 3, turn = ref.gc[3] & 7;
	s32 a = ref_addr(at, &a0);

	if (a < 0)
		return;
	for (u32 p = 0; p < 4; p++) {
		for (u32 b = 0; b < 8 && ref_enabled(p, a0); b++) {
			bool turned = ref_bit(val, (b + turn) % 8), masked = ref_bit(ref.gc[8], b),
			     latch = ref.latch[p][b], out;

			if (mode == 0)
				out = ref_bit(ref.gc[1], p) ? ref_bit(ref.gc[0], p) : turned;
			else
				out = mode == 2 ? ref_bit(val, p) : ref_bit(ref.gc[0], p);
			switch (ref.gc[3] >> 3 & 3) {
			case 1: out = out && latch; break;
			case 2: out = out || latch; break;
			case 3: out = out != latch; break;
			default: break;
			}
			if (mode == 3)
				masked = masked && turned;
			if (mode == 1 || !masked)
				out = latch;
			ref.plane[p][a] = (u8)((ref.plane[p][a] & ~(1 << b)) | out << b);
		}
	}
}

static inline u8 ref_read(u32 at)
{
	u32 a0, sel = ref.gc[4] & 3;
	s32 a = ref_addr(at, &a0);
	u8 val = 0;

	if (a < 0)
		return 0xff;
	for (u32 p = 0; p < 4; p++)
		for (u32 b = 0; b < 8; b++)
			ref.latch[p][b] = ref_bit(ref.plane[p][a], b);
	if (ref_bit(ref.seq[4], 3))
		sel = a0;
	else if (ref_bit(ref.gc[5], 4))
		sel = (sel & 2) + a0 % 2;
	for (u32 b = 0; b < 8; b++) {
		bool same = true;

		for (u32 p = 0; p < 4; p++)
			if (ref_bit(ref.gc[7], p) && ref.latch[p][b] != ref_bit(ref.gc[2], p))
				same = false;
		val |= (u8)((ref_bit(ref.gc[5], 3) ? same : ref.latch[sel][b]) << b);
	}
	return val;
}

/* ---- random registers ---- */

/* Both the device and this are told; below(n): a random number below n. */
struct ref_io {
	u32 (*below)(u32 n);
	void (*seq)(u32 i, u32 v), (*gc)(u32 i, u32 v), (*misc)(u32 v);
	u32 (*any_misc)(void);
};

/* A layout as programs have it, all else plain. n: below 5. */
static inline void ref_layout(const struct ref_io *io, u32 n)
{
	static const u8 layouts[][5] = { /* SR4, GC5, GC6, SR2, GC8: text, chain 4, planes, CGA */
		                         { 0x02, 0x10, 0x0e, 0x03, 0xff },
		                         { 0x0e, 0x40, 0x05, 0x0f, 0xff },
		                         { 0x06, 0x00, 0x05, 0x0f, 0xff },
		                         { 0x02, 0x30, 0x0f, 0x03, 0xff },
		                         { 0x02, 0x10, 0x0a, 0x03, 0xff }
	};

	io->misc(0x63);
	io->seq(4, layouts[n][0]);
	io->gc(5, layouts[n][1]);
	io->gc(6, layouts[n][2]);
	io->seq(2, layouts[n][3]);
	io->gc(8, layouts[n][4]);
	io->gc(1, 0);
	io->gc(3, 0);
	io->gc(4, 0);
}

/* Such a layout, or one register that is anything. */
static inline void ref_random_registers(const struct ref_io *io)
{
	u32 n = io->below(16);

	switch (n) {
	case 5: io->misc(io->any_misc()); break;
	case 6: io->seq(4, io->below(8) << 1); break;
	case 7: io->seq(2, io->below(16)); break;
	case 8: io->gc(5, io->below(2) << 4 | io->below(2) << 3 | io->below(4)); break;
	case 9: io->gc(6, io->below(16)); break;
	case 10: io->gc(3, io->below(32)); break;
	case 11: io->gc(8, io->below(3) ? 0xff : io->below(256)); break;
	case 12: io->gc(0, io->below(16)); break;
	case 13: io->gc(1, io->below(3) ? 0 : io->below(16)); break;
	case 14: io->gc(4, io->below(4)); break;
	case 15:
		io->gc(2, io->below(16));
		io->gc(7, io->below(16));
		break;
	default: ref_layout(io, n);
	}
}
