/*
 * Instructions of 16-, 32- and 64-bit code on device memory (the testdev's 64 KiB at FF000000h) and on RAM: registers, flags,
 * x87 and vector state and both memories are to be the same afterwards, but for flags that an instruction leaves undefined.
 * The code of 16 and 32 bits runs in compatibility mode, where its segments lead to one or the other. The instructions are in
 * matrix_asm.asm. On the bare machine the device's address is mapped to RAM, which tests the test.
 */
#include "tests/guest/rt/rt.h"

#define DEV      0xff000000ull
#define LEN      128 /* bytes of a memory that are looked at */
#define OPERAND  0x40
#define SOURCE   0x60 /* rSI; rDI is OPERAND */
#define CODE16   0x58
#define SEG_RAM  0x60
#define SEG_DEV  0x68
#define SEG_SIDE 0x70 /* the second operand of strings */
#define CF       1ull
#define DF       0x400ull

/* Beside the flags that are undefined: as in matrix_asm.asm. */
enum {
	STRING = 0x10000,
	SHORT = 0x20000,
	EQUAL = 0x40000,
	EQUAL16 = 0x80000,
	DOWN = 0x100000,
	JUMP = 0x200000,
	FAR = 0x400000,
	CALLS = 0x800000,
};

struct entry {
	const char *name;
	u64 code, kind, unused;
};

/* A width of code, and where in it a jump goes. */
struct width {
	u32 bits;
	const struct entry *table;
	u64 jump, near, far, base;
	u16 cs;
};

struct outcome {
	u64 gpr[16], flags, vector;
	u8 x87[108], ymm[8][32];
	u64 main[LEN / 8], side[LEN / 8];
};

extern const struct entry matrix_table16[], matrix_table32[], matrix_table64[];
extern u8 matrix_code16[], matrix_jump16[], matrix_near16[], matrix_far16[], matrix_jump32[], matrix_near32[],
        matrix_far32[], matrix_jump64[], matrix_near64[], matrix_far64[];
extern u64 matrix_gpr[16], matrix_flags;
extern u16 matrix_seg[4];
void matrix_run(u32 bits, u32 code);
void matrix_vectors(void *ymm, u32 how);

static u64 ram[512] __aligned(4096), side[512] __aligned(4096), pattern[LEN / 8];
static u8 x87[108], ymm[8][32] __aligned(32);
static bool avx, avx2;
static struct outcome on_ram, on_dev;

/* What strings have at their two ends: the memory that is tested, or other RAM. */
enum ends { BOTH, FROM, TO };

static const struct width *width;
static const struct entry *form;

static void run(void *unused)
{
	matrix_run(width->bits, (u32)(form->code - width->base));
}

/* Writes what is not there yet: each access to the device takes an exit. */
static void fill(u64 *p, const u64 *want)
{
	for (u32 i = 0; i < LEN / 8; i++)
		if (*(volatile u64 *)&p[i] != want[i])
			*(volatile u64 *)&p[i] = want[i];
}

/* Memory as the form wants it. */
static void prepare(u64 *at)
{
	u64 want[LEN / 8], kind = form->kind;
	u8 *operand = (u8 *)want + OPERAND;

	memcpy(want, pattern, sizeof(want));
	if (kind & JUMP) {
		u32 to = (u32)((!(kind & CALLS) ? width->jump : kind & FAR ? width->far : width->near) - width->base);

		memset(operand, 0, 8);
		memcpy(operand, &to, width->bits == 16 && !(kind & FAR) ? 2 : 4);
		if (kind & FAR)
			memcpy(operand + 4, &width->cs, 2);
	}
	fill(at, want);
}

/* CMPXCHG8B, CMPXCHG16B and others, when they find what they compare with; in 64-bit code rBP is the address. */
static bool stores_rbx(void)
{
	return form->kind & (EQUAL | EQUAL16);
}

static void set_registers(u64 at, u64 from, u64 to)
{
	const u64 *operand = &pattern[OPERAND / 8];

	for (u32 i = 0; i < 16; i++)
		matrix_gpr[i] = 0x0123456789abcdefull * (i + 1);
	matrix_gpr[0] = 0x8877665544332211ull;
	matrix_gpr[1] = 5;
	matrix_gpr[2] = form->kind & SHORT ? 0 : 0x123;
	if (form->kind & (EQUAL | EQUAL16)) {
		matrix_gpr[0] = operand[0];
		matrix_gpr[2] = form->kind & EQUAL ? operand[0] >> 32 : operand[1];
	}
	if (width->bits < 64 || !stores_rbx())
		matrix_gpr[3] = at + OPERAND;
	if (width->bits == 64)
		matrix_gpr[5] = at + OPERAND;
	matrix_gpr[6] = from + SOURCE;
	matrix_gpr[7] = to + OPERAND;
	matrix_flags = 2 | CF | (form->kind & DOWN ? DF : 0);
}

/* Runs the form once, on the device or on RAM. */
static void once(bool dev, enum ends ends, struct outcome *o)
{
	u64 *main = dev ? (u64 *)DEV : ram;
	u16 seg = dev ? SEG_DEV : SEG_RAM;
	bool wide = width->bits == 64;
	u64 base = wide ? (u64)main : 0, from = base, to = base;

	prepare(main);
	fill(side, pattern);
	matrix_seg[0] = matrix_seg[2] = ends == TO ? SEG_SIDE : seg;
	matrix_seg[1] = ends == FROM ? SEG_SIDE : seg;
	if (wide && ends == TO)
		from = (u64)side;
	if (wide && ends == FROM)
		to = (u64)side;
	set_registers(base, from, to);
	matrix_vectors(ymm, avx ? 2 : 0);
	asm volatile("frstor %0" : : "m"(x87));
	o->vector = rt_guard(run, NULL) ? rt_exc.vector : EXC_NONE;
	asm volatile("cld\n\tfnsave %0" : "=m"(o->x87));
	matrix_vectors(o->ymm, avx ? 3 : 1);
	memset(o->x87 + 12, 0, 16); /* the pointers: mmio_fpu.c looks at them */
	memcpy(o->gpr, matrix_gpr, sizeof(o->gpr));
	o->gpr[3] -= stores_rbx() ? 0 : base;
	o->gpr[5] -= base;
	o->gpr[6] -= from;
	o->gpr[7] -= to;
	o->flags = matrix_flags & ~(form->kind & 0xffff);
	for (u32 i = 0; i < LEN / 8; i++) {
		o->main[i] = ((volatile u64 *)main)[i];
		o->side[i] = side[i];
	}
}

/* On both. Tells what differs. */
static bool same(enum ends ends)
{
	static const char *const names[] = { "", ", from there to RAM", ", from RAM to there" };
	const struct outcome *a = &on_ram, *b = &on_dev;

	once(false, ends, &on_ram);
	once(true, ends, &on_dev);
	if (!memcmp(a, b, sizeof(*a)))
		return true;
	rt_printf("%u bits: %s%s: vector %llu, %llu, flags %llx, %llx, x87 %s, vectors %s, RAM %s\n", width->bits,
	          form->name, names[ends], (unsigned long long)a->vector, (unsigned long long)b->vector,
	          (unsigned long long)a->flags, (unsigned long long)b->flags,
	          memcmp(a->x87, b->x87, sizeof(a->x87)) ? "other" : "same",
	          memcmp(a->ymm, b->ymm, sizeof(a->ymm)) ? "others" : "same",
	          memcmp(a->side, b->side, sizeof(a->side)) ? "other" : "same");
	for (u32 i = 0; i < 16; i++)
		if (a->gpr[i] != b->gpr[i])
			rt_printf("register %u: %llx, %llx\n", i, (unsigned long long)a->gpr[i],
			          (unsigned long long)b->gpr[i]);
	for (u32 i = 0; i < LEN / 8; i++)
		if (a->main[i] != b->main[i])
			rt_printf("memory at %u: %llx, %llx\n", 8 * i, (unsigned long long)a->main[i],
			          (unsigned long long)b->main[i]);
	return false;
}

static void all(const struct width *w)
{
	u32 tried = 0, good = 0, absent = 0, stopped = 0;

	width = w;
	for (form = w->table; form->name; form++) {
		for (enum ends e = BOTH; e <= (form->kind & STRING ? TO : BOTH); e++) {
			tried++;
			good += same(e);
			absent += on_ram.vector == EXC_UD;
			stopped += on_ram.vector != EXC_UD && on_ram.vector != EXC_NONE;
		}
	}
	report_eq(good, tried, "%u-bit code: %u forms on device memory as on RAM", w->bits, tried);
	report(!stopped && (!absent || !avx2), "%u of them are not this processor's, and no other one faults",
	       absent);
}

static u64 segment(u64 base, u64 type)
{
	return 0xffff | (base & 0xffffff) << 16 | type << 40 | (base >> 24 & 0xff) << 56;
}

static void set_up(void)
{
	u8 *p = (u8 *)pattern;

	if (!rt_hv()) {
		static u8 stand_in[4096] __aligned(4096);

		rt_map(DEV, (u64)stand_in, PTE_P | PTE_W);
	}
	for (u32 i = 0; i < LEN; i++)
		p[i] = (u8)(0x35 + i * 73);
	for (u32 i = 0; i < sizeof(ymm); i++)
		ymm[i / 32][i % 32] = (u8)(0x91 + i * 57);
	rt_gdt[CODE16 / 8] = segment((u64)matrix_code16, 0x9b);
	rt_gdt[SEG_RAM / 8] = segment((u64)ram, 0x93);
	rt_gdt[SEG_DEV / 8] = segment(DEV, 0x93);
	rt_gdt[SEG_SIDE / 8] = segment((u64)side, 0x93);
	write_cr4(read_cr4() | CR4_OSFXSR);
	if (cpuid(1, 0).c & BIT(26)) { /* XSAVE */
		write_cr4(read_cr4() | CR4_OSXSAVE);
		avx = cpuid(1, 0).c & BIT(28);
		avx2 = avx && cpuid(7, 0).b & BIT(5);
		asm volatile("xsetbv" : : "c"(0), "a"(avx ? 7 : 3), "d"(0));
	}
	asm volatile("fninit\n\tfldpi\n\tfld1\n\tfldl2e\n\tfnsave %0" : "=m"(x87));
}

void main(const char *cmdline)
{
	const struct width w[] = {
		{ 16, matrix_table16, (u64)matrix_jump16, (u64)matrix_near16, (u64)matrix_far16, (u64)matrix_code16,
		  CODE16 },
		{ 32, matrix_table32, (u64)matrix_jump32, (u64)matrix_near32, (u64)matrix_far32, 0, SEL_CODE32 },
		{ 64, matrix_table64, (u64)matrix_jump64, (u64)matrix_near64, (u64)matrix_far64, 0, SEL_CODE64 },
	};

	set_up();
	for (u32 i = 0; i < ARRAY_SIZE(w); i++)
		all(&w[i]);
}
