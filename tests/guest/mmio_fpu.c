/*
 * x87 loads, stores and arithmetic on device memory (the testdev's 64 KiB at FF000000h) against the same on RAM: what
 * memory holds, and all of the FPU's state, its pointers too, with exceptions masked and not.
 */
#include "tests/guest/rt/rt.h"

#define DEV  0xff000000ull
#define AT   8 /* where the operand is in either memory */
#define SLOT 32

static u8 ram[4096] __aligned(4096);

struct state {
	u16 cw, pad0, sw, pad1, tw, pad2;
	u32 ip;
	u16 cs, op;
	u32 ea;
	u16 seg, pad3;
	u8 st[80];
} __packed;

static u8 code[64][16] __aligned(4096);

/* Escape D8h + op / 8, op % 8 in ModRM's middle, [RSI]. */
static void make_code(void)
{
	for (u32 op = 0; op < 64; op++) {
		code[op][0] = (u8)(0xd8 + op / 8);
		code[op][1] = (u8)((op % 8) << 3 | 6);
		code[op][2] = 0xc3; /* RET */
	}
}

static bool is_operand(u32 op)
{
	/* Control and state: FLDENV, FLDCW, FSTENV, FSTCW; FRSTOR, FSAVE, FSTSW; holes of the map. */
	static const u8 others[8] = { [1] = 0xf2, [3] = 0x50, [5] = 0xf0 };

	return !(others[op / 8] >> (op % 8) & 1);
}

/* Stack: 1.5, pi, -0, a large one, a denormal; the rest is empty unless full. */
static void set_up(u16 cw, bool full)
{
	static const u64 denormal = 1, large = 0x7fe123456789abcdull;

	asm volatile("fninit\n\tfldl %0\n\tfldl %1\n\tfldz\n\tfchs\n\tfldpi\n\tfld1" : : "m"(denormal), "m"(large));
	if (full)
		asm volatile("fldl2e\n\tfldl2t\n\tfldln2");
	asm volatile("fnclex\n\tfldcw %0" : : "m"(cw));
}

static void run(u32 op, u64 at, u16 cw, bool full, struct state *s)
{
	set_up(cw, full);
	asm volatile("call *%0" : : "r"(code[op]), "S"(at) : "memory");
	asm volatile("fnsave %0" : "=m"(*s));
	asm volatile("fninit");
}

static void fill(volatile u64 *p, u32 pattern)
{
	/* Numbers of every kind: an integer, an SNaN, infinity, a double, BCD. */
	static const u8 patterns[5][10] = {
		{ 0x34, 0x12, 0x78, 0x56, 0x01, 0x00, 0x00, 0x80, 0x03, 0x40 },
		{ 0x01, 0x00, 0x80, 0x7f, 0x01, 0x00, 0xf0, 0x7f, 0xff, 0x7f },
		{ 0x00, 0x00, 0x80, 0xff, 0x00, 0x00, 0xf0, 0xff, 0x00, 0x80 },
		{ 0x9a, 0x99, 0x99, 0x3e, 0x9a, 0x99, 0xb9, 0x3f, 0xfb, 0x3f },
		{ 0x89, 0x67, 0x45, 0x23, 0x01, 0x89, 0x67, 0x45, 0x23, 0x80 },
	};

	u64 words[SLOT / 8];

	memset(words, 0xc5, sizeof(words));
	memcpy((u8 *)words + AT, patterns[pattern], 10);
	for (u32 i = 0; i < SLOT / 8; i++)
		p[i] = words[i];
}

static bool same_memory(void)
{
	volatile u64 *a = (volatile u64 *)DEV, *b = (volatile u64 *)ram;

	for (u32 i = 0; i < SLOT / 8; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static bool same_state(const struct state *a, const struct state *b)
{
	/* FDP: the offset in a page, where the processor keeps it at all for what raised nothing. */
	return a->cw == b->cw && a->sw == b->sw && a->tw == b->tw && a->ip == b->ip && a->cs == b->cs &&
	       a->op == b->op && (a->ea & 0xfff) == (b->ea & 0xfff) && a->seg == b->seg &&
	       !memcmp(a->st, b->st, sizeof(a->st));
}

static void forms(u16 cw, bool full, const char *text)
{
	u32 wrong = 0, tried = 0;

	for (u32 op = 0; op < 64; op++) {
		for (u32 p = 0; is_operand(op) && p < 5; p++) {
			struct state on_ram, on_dev;

			fill((volatile u64 *)ram, p);
			fill((volatile u64 *)DEV, p);
			run(op, (u64)ram + AT, cw, full, &on_ram);
			run(op, DEV + AT, cw, full, &on_dev);
			tried++;
			if (same_memory() && same_state(&on_ram, &on_dev))
				continue;
			if (!wrong++)
				report(false, "%02x /%u, pattern %u: sw %04x %04x ip %x %x ea %x %x op %x %x",
				       0xd8 + op / 8, op % 8, p, on_ram.sw, on_dev.sw, on_ram.ip, on_dev.ip,
				       on_ram.ea, on_dev.ea, on_ram.op, on_dev.op);
		}
	}
	report(!wrong, "%s: %u of %u on device memory as on RAM", text, tried - wrong, tried);
}

/* As memory was copied to the screen on a Pentium. */
static void copies(void)
{
	volatile u64 *dev = (volatile u64 *)DEV;
	u64 *from = (u64 *)ram, wrong = 0;

	for (u32 i = 0; i < 64; i++)
		from[i] = i * 0x9e3779b97f4a7c15ull;
	for (u32 i = 0; i < 64; i++)
		asm volatile("fildll %1\n\tfistpll %0" : "=m"(dev[i]) : "m"(from[i]));
	for (u32 i = 0; i < 64; i++)
		wrong += dev[i] != from[i];
	for (u32 i = 0; i < 64; i++)
		asm volatile("fildll %1\n\tfistpll %0" : "=m"(from[63 - i]) : "m"(dev[i]));
	for (u32 i = 0; i < 64; i++)
		wrong += dev[i] != from[63 - i];
	report(!wrong, "FILD and FISTP copy to the device and back");
}

void main(const char *cmdline)
{
	(void)cmdline;
	if (!rt_hv()) {
		static u8 stand_in[4096] __aligned(4096);

		rt_map(DEV, (u64)stand_in, PTE_P | PTE_W);
	}
	make_code();
	asm volatile("fninit");
	forms(0x37f, false, "all exceptions masked");
	forms(0x77f, false, "rounded down");
	forms(0x37f, true, "a full stack");
	forms(0x340, false, "none masked");
	forms(0x35f, false, "precision not masked");
	copies();
}
