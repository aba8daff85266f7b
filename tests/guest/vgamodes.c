/*
 * The VGA's write modes, read modes and layouts as a guest finds them, by every kind of access, against the reference
 * that unit/vvga_mem has (tests/unit/vga_reference.h), compiled in. Wants platform = "pc".
 */
#include "tests/guest/rt/rt.h"
#include "tests/unit/vga_reference.h"

#define WINDOW 0xa0000ull
#define EDGE   40u /* bytes looked at on either side of each border */

static u32 wrong, accesses;
static bool unsure; /* the window may have been mapped: what it read may have left the latches alone */

static u32 below(u32 n)
{
	return (u32)(rt_random() >> 33) % n;
}

static void seq_put(u32 i, u32 v)
{
	ref.seq[i] = (u8)v;
	outw(0x3c4, (u16)(v << 8 | i));
}

static void gc_put(u32 i, u32 v)
{
	ref.gc[i] = (u8)v;
	outw(0x3ce, (u16)(v << 8 | i));
}

static void misc_put(u32 v)
{
	ref.misc = (u8)v;
	outb(0x3c2, (u8)v);
}

/* Planes, plainly: mode 0, 64 KiB. */
static void planes(void)
{
	misc_put(0x63);
	seq_put(4, 6);
	gc_put(5, 0);
	gc_put(6, 5);
}

/* Near each border: all that the tests below touch. */
static bool touched(u32 a)
{
	u32 in = (a + 2 * EDGE) & 0x3fff;

	return in < 4 * EDGE + 16;
}

static void start(void)
{
	memset(&ref, 0, sizeof(ref));
	misc_put(0x63);
	outw(0x3c4, 0x0100); /* reset, and on again: the sequencer has lost nothing that is written below */
	outw(0x3c4, 0x0300);
	outw(0x3c4, 0x0101);
	seq_put(2, 15);
	for (u32 i = 0; i < 9; i++)
		gc_put(i, 0);
	gc_put(8, 0xff);
	planes();
	for (u32 a = 0; a < 65536; a += 4)
		if (touched(a))
			MMIO32(WINDOW + a) = 0;
}

/* ---- accesses of both ---- */

static u64 ref_load(u32 at, u32 size)
{
	u64 v = 0;

	for (u32 i = 0; i < size; i++)
		v |= (u64)ref_read(at + i) << 8 * i;
	return v;
}

static void ref_store(u32 at, u32 size, u64 v)
{
	for (u32 i = 0; i < size; i++)
		ref_write(at + i, (u8)(v >> 8 * i));
}

static u64 load(u32 at, u32 size)
{
	switch (size) {
	case 1: return MMIO8(WINDOW + at);
	case 2: return MMIO16(WINDOW + at);
	case 4: return MMIO32(WINDOW + at);
	default: return MMIO64(WINDOW + at);
	}
}

static void store(u32 at, u32 size, u64 v)
{
	switch (size) {
	case 1: MMIO8(WINDOW + at) = (u8)v; break;
	case 2: MMIO16(WINDOW + at) = (u16)v; break;
	case 4: MMIO32(WINDOW + at) = (u32)v; break;
	default: MMIO64(WINDOW + at) = v; break;
	}
}

static void differs(const char *what, u32 at, u64 got, u64 want)
{
	if (wrong++ < 5)
		rt_printf("%s at %x: %llx, not %llx; SR2 %x SR4 %x GC %x %x %x %x %x %x %x %x %x misc %x\n", what, at,
		          (unsigned long long)got, (unsigned long long)want, ref.seq[2], ref.seq[4], ref.gc[0],
		          ref.gc[1], ref.gc[2], ref.gc[3], ref.gc[4], ref.gc[5], ref.gc[6], ref.gc[7], ref.gc[8],
		          ref.misc);
}

static void read_both(u32 at, u32 size)
{
	u64 got = load(at, size), want = ref_load(at, size);

	accesses++;
	if (got != want)
		differs("read", at, got, want);
}

static void write_both(u32 at, u32 size, u64 v)
{
	accesses++;
	store(at, size, v);
	ref_store(at, size, v);
}

/* As programs draw: the latches are loaded and written in one instruction. */
static void modify_both(u32 at, u8 v)
{
	u8 want = ref_read(at), got = v;

	accesses++;
	switch (below(3)) {
	case 0: /* AND sets the flags and stores */
		asm volatile("andb %1, (%0)" : : "r"(WINDOW + at), "q"(v) : "memory", "cc");
		ref_write(at, want & v);
		return;
	case 1:
		asm volatile("orb %1, (%0)" : : "r"(WINDOW + at), "q"(v) : "memory", "cc");
		ref_write(at, want | v);
		return;
	default:
		asm volatile("xchgb %0, (%1)" : "+q"(got) : "r"(WINDOW + at) : "memory");
		if (got != want)
			differs("XCHG", at, got, want);
		ref_write(at, v);
		return;
	}
}

/* Strings: within the screen, as write mode 1 copies planes, and filling; up and down. */
static void strings_both(void)
{
	u32 n = below(12) + 1, wide = below(2), size = 1 + wide, down = below(2), from = below(24) + 24,
	    to = below(24) + 24;
	u64 si = WINDOW + from, di = WINDOW + to, cx = n, v = rt_random();
	s32 step = down ? -(s32)size : (s32)size;

	accesses += n;
	if (down)
		asm volatile("std");
	if (below(3)) {
		if (wide)
			asm volatile("rep movsw" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
		else
			asm volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
		for (u32 i = 0; i < n; i++)
			ref_store(to + (u32)(step * (s32)i), size, ref_load(from + (u32)(step * (s32)i), size));
	} else {
		if (wide)
			asm volatile("rep stosw" : "+D"(di), "+c"(cx) : "a"(v) : "memory");
		else
			asm volatile("rep stosb" : "+D"(di), "+c"(cx) : "a"(v) : "memory");
		for (u32 i = 0; i < n; i++)
			ref_store(to + (u32)(step * (s32)i), size, v);
	}
	asm volatile("cld");
}

static void compare_planes(const char *what)
{
	u32 bad = 0;

	planes();
	for (u32 p = 0; p < 4; p++) {
		gc_put(4, p);
		for (u32 a = 0; a < 65536; a += 4) {
			if (!touched(a) || a + 4 > 65536)
				continue;
			u32 got = MMIO32(WINDOW + a), want = (u32)ref_load(a, 4);

			if (got != want && !bad++)
				rt_printf("plane %u, %x: %x, not %x\n", p, a, got, want);
		}
	}
	report_hv(!bad, "%s: what the planes hold", what);
	unsure = false;
}

/* ---- the tests ---- */

/* Every write mode, logic, rotation; set/reset, its enable, bit mask, map mask of all values among them. */
static void write_modes(void)
{
	u32 cases = 0;

	start();
	wrong = accesses = 0;
	for (u32 mode = 0; mode < 4; mode++) {
		for (u32 n = 0; n < 8 * 32; n++) {
			gc_put(5, mode | below(2) << 3);
			gc_put(3, n & 31);
			gc_put(8, n & 0x80 ? 0xff : below(256));
			gc_put(1, n & 0x40 ? below(16) : 0);
			gc_put(0, below(16));
			seq_put(2, below(2) ? below(16) : 15);
			gc_put(2, below(16));
			gc_put(7, n & 0x20 ? below(16) : 15);
			gc_put(4, below(4));
			read_both(below(EDGE), 1u << below(4));
			if (below(2))
				write_both(below(EDGE), 1u << below(4), rt_random());
			else
				modify_both(below(EDGE), (u8)rt_random());
			read_both(below(EDGE), 1);
			cases++;
		}
	}
	report_hv(!wrong, "write modes 0 to 3, logic, rotation, masks, read modes 0 and 1: %u cases, %u accesses",
	          cases, accesses);
	compare_planes("write modes");
}

static void strings(void)
{
	start();
	wrong = accesses = 0;
	for (u32 n = 0; n < 150; n++) {
		gc_put(5, below(4));
		gc_put(3, below(3) ? 0 : below(32));
		gc_put(8, below(2) ? 0xff : below(256));
		gc_put(1, below(3) ? 0 : below(16));
		gc_put(0, below(16));
		seq_put(2, below(2) ? 15 : below(16));
		write_both(below(2 * EDGE), 1, rt_random());
		strings_both();
		read_both(below(2 * EDGE), 1);
	}
	report_hv(!wrong, "REP MOVS and STOS, bytes and words, up and down: %u accesses", accesses);
	compare_planes("strings");
}

/* Where windows end, and what beside text and chain 4 is memory to the guest. */
static u32 random_at(void)
{
	return (below(4) * 0x8000u + (below(2) ? below(EDGE) : 0x8000 - EDGE + below(EDGE)) + below(2) * 0x4000u) &
	       0x1ffff;
}

/* The latches as they are known to be: those of a read that exits. */
static void be_sure(void)
{
	u8 sr4 = ref.seq[4], gc5 = ref.gc[5], gc6 = ref.gc[6], m = ref.misc;

	planes();
	read_both(below(EDGE), 1);
	misc_put(m);
	seq_put(4, sr4);
	gc_put(5, gc5);
	gc_put(6, gc6);
	unsure = false;
}

/* Ports stay where they are, and the clock. */
static u32 any_misc(void)
{
	return 0x63 & ~(below(2) << 5 | (below(4) ? 0 : 2));
}

static void random_registers(void)
{
	static const struct ref_io io = { below, seq_put, gc_put, misc_put, any_misc };

	ref_random_registers(&io);
	if (unsure)
		be_sure();
}

static void layouts(void)
{
	u32 changes = 0;

	start();
	wrong = accesses = 0;
	for (u32 i = 0; i < 4000; i++) {
		u32 at = random_at(), size = 1u << below(3);

		if (!below(i & 0x400 ? 150 : 6)) {
			random_registers();
			changes++;
		}
		if (at + size > 0x20000)
			continue;
		unsure |= !(ref.seq[4] & 4) || ref.seq[4] & 8;
		if (below(2))
			write_both(at, size, rt_random());
		else
			read_both(at, size);
	}
	report_hv(!wrong, "odd/even, chain 4, windows, text, as registers come: %u changes, %u accesses", changes,
	          accesses);
	be_sure();
	compare_planes("layouts");
}

void main(const char *cmdline)
{
	(void)cmdline;
	write_modes();
	strings();
	layouts();
}
