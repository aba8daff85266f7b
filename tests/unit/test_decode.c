/* Decoding: lengths, sizes, addressing modes and immediates in every mode, and encodings that are none. */
#include "quick_check.h"
#include <stdlib.h>

#include "tests/unit/emul_fake.h"

#define NO     0xff
#define B(...) { __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ })

static struct fake f;

struct row {
	enum emul_mode mode;
	u8 bytes[16], n;
	u8 len, op_size, ad_size;
	u8 base, index, scale;
	s64 disp;
	u8 seg;
	u64 imm;
	u16 imm2;
};

static const struct row rows[] = {
	/* 64-bit: operand sizes */
	{ EMUL_LONG64, B(0x89, 0xc8), 2, 4, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x66, 0x89, 0xc8), 3, 2, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x48, 0x89, 0xc8), 3, 8, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x66, 0x48, 0x89, 0xc8), 4, 8, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	/* a REX before a legacy prefix does not count */
	{ EMUL_LONG64, B(0x48, 0x66, 0x89, 0xc8), 4, 2, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	/* 64-bit addressing */
	{ EMUL_LONG64, B(0x8b, 0x07), 2, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x47, 0xf0), 3, 4, 8, EMUL_RDI, NO, 0, -16, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x87, 0, 0, 0, 0x80), 6, 4, 8, EMUL_RDI, NO, 0, -0x80000000ll, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x05, 0x10, 0, 0, 0), 6, 4, 8, EMUL_REG_RIP, NO, 0, 16, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x45, 0x08), 3, 4, 8, EMUL_RBP, NO, 0, 8, EMUL_SS, 0, 0 },
	{ EMUL_LONG64, B(0x41, 0x8b, 0x45, 0x08), 4, 4, 8, 13, NO, 0, 8, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x04, 0x24), 3, 4, 8, EMUL_RSP, NO, 0, 0, EMUL_SS, 0, 0 },
	{ EMUL_LONG64, B(0x41, 0x8b, 0x04, 0x24), 4, 4, 8, 12, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x04, 0x4b), 3, 4, 8, EMUL_RBX, EMUL_RCX, 1, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x42, 0x8b, 0x04, 0xe3), 4, 4, 8, EMUL_RBX, 12, 3, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x04, 0x25, 0, 0, 0xe0, 0xfe), 7, 4, 8, NO, NO, 0, -0x1200000ll, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x8b, 0x04, 0x8d, 4, 0, 0, 0), 7, 4, 8, NO, EMUL_RCX, 2, 4, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x67, 0x8b, 0x07), 3, 4, 4, EMUL_RDI, NO, 0, 0, EMUL_DS, 0, 0 },
	/* overrides: only FS and GS exist in 64-bit mode */
	{ EMUL_LONG64, B(0x65, 0x8b, 0x07), 3, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_GS, 0, 0 },
	{ EMUL_LONG64, B(0x64, 0x2e, 0x8b, 0x07), 4, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_FS, 0, 0 },
	{ EMUL_LONG64, B(0x26, 0x8b, 0x45, 0), 4, 4, 8, EMUL_RBP, NO, 0, 0, EMUL_SS, 0, 0 },
	{ EMUL_PROT32, B(0x26, 0x8b, 0x45, 0), 4, 4, 4, EMUL_RBP, NO, 0, 0, EMUL_ES, 0, 0 },
	/* immediates */
	{ EMUL_LONG64, B(0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff), 7, 8, 8, NO, NO, 0, 0, EMUL_DS, ~0ull, 0 },
	{ EMUL_LONG64, B(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8), 10, 8, 8, NO, NO, 0, 0, EMUL_DS, 0x807060504030201, 0 },
	{ EMUL_LONG64, B(0x66, 0xb8, 1, 2), 4, 2, 8, NO, NO, 0, 0, EMUL_DS, 0x201, 0 },
	{ EMUL_LONG64, B(0x83, 0xc0, 0x80), 3, 4, 8, NO, NO, 0, 0, EMUL_DS, (u64)-128, 0 },
	{ EMUL_LONG64, B(0xc0, 0xe0, 0x80), 3, 4, 8, NO, NO, 0, 0, EMUL_DS, 0x80, 0 },
	{ EMUL_LONG64, B(0xa1, 8, 7, 6, 5, 4, 3, 2, 1), 9, 4, 8, NO, NO, 0, 0, EMUL_DS, 0x102030405060708, 0 },
	{ EMUL_LONG64, B(0x67, 0xa1, 4, 3, 2, 1), 6, 4, 4, NO, NO, 0, 0, EMUL_DS, 0x1020304, 0 },
	{ EMUL_LONG64, B(0xc8, 0x10, 0, 3), 4, 8, 8, NO, NO, 0, 0, EMUL_DS, 0x10, 3 },
	/* group 3: TEST alone has an immediate */
	{ EMUL_LONG64, B(0xf7, 0x07, 1, 0, 0, 0), 6, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_DS, 1, 0 },
	{ EMUL_LONG64, B(0xf7, 0x17), 2, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0xf6, 0x0f, 1), 3, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_DS, 1, 0 },
	/* stack and branches are 64 bits wide; 66 shrinks pushes, not branches */
	{ EMUL_LONG64, B(0x50), 1, 8, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x66, 0x50), 2, 2, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0xe8, 1, 0, 0, 0), 5, 8, 8, NO, NO, 0, 0, EMUL_DS, 1, 0 },
	{ EMUL_LONG64, B(0x66, 0xe8, 1, 0, 0, 0), 6, 8, 8, NO, NO, 0, 0, EMUL_DS, 1, 0 },
	/* MOV CR ignores mod and operand size */
	{ EMUL_LONG64, B(0x66, 0x0f, 0x20, 0x07), 4, 8, 8, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_PROT16, B(0x0f, 0x20, 0x07), 3, 4, 2, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_LONG64, B(0x0f, 0x38, 0xf0, 0x07), 4, 4, 8, EMUL_RDI, NO, 0, 0, EMUL_DS, 0, 0 },
	/* 32-bit */
	{ EMUL_PROT32, B(0x8b, 0x05, 0, 0, 0xe0, 0xfe), 6, 4, 4, NO, NO, 0, -0x1200000ll, EMUL_DS, 0, 0 },
	{ EMUL_PROT32, B(0x40), 1, 4, 4, NO, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_PROT32, B(0xea, 4, 3, 2, 1, 8, 0), 7, 4, 4, NO, NO, 0, 0, EMUL_DS, 0x1020304, 8 },
	{ EMUL_PROT32, B(0x66, 0xea, 2, 1, 8, 0), 6, 2, 4, NO, NO, 0, 0, EMUL_DS, 0x102, 8 },
	{ EMUL_PROT32, B(0xc5, 0x07), 2, 4, 4, EMUL_RDI, NO, 0, 0, EMUL_DS, 0, 0 },
	/* 16-bit addressing, from 16- and 32-bit code */
	{ EMUL_REAL, B(0x8b, 0x00), 2, 2, 2, EMUL_RBX, EMUL_RSI, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x01), 2, 2, 2, EMUL_RBX, EMUL_RDI, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x02), 2, 2, 2, EMUL_RBP, EMUL_RSI, 0, 0, EMUL_SS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x03), 2, 2, 2, EMUL_RBP, EMUL_RDI, 0, 0, EMUL_SS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x04), 2, 2, 2, EMUL_RSI, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x05), 2, 2, 2, EMUL_RDI, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x06, 0x34, 0x12), 4, 2, 2, NO, NO, 0, 0x1234, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x46, 0xfe), 3, 2, 2, EMUL_RBP, NO, 0, -2, EMUL_SS, 0, 0 },
	{ EMUL_REAL, B(0x8b, 0x87, 0x00, 0x80), 4, 2, 2, EMUL_RBX, NO, 0, -0x8000, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x67, 0x8b, 0x04, 0x4b), 4, 2, 4, EMUL_RBX, EMUL_RCX, 1, 0, EMUL_DS, 0, 0 },
	{ EMUL_REAL, B(0x66, 0xb8, 4, 3, 2, 1), 6, 4, 2, NO, NO, 0, 0, EMUL_DS, 0x1020304, 0 },
	{ EMUL_PROT32, B(0x67, 0x8b, 0x07), 3, 4, 2, EMUL_RBX, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_PROT16, B(0x8b, 0x07), 2, 2, 2, EMUL_RBX, NO, 0, 0, EMUL_DS, 0, 0 },
	{ EMUL_VM86, B(0x62, 0x07), 2, 2, 2, EMUL_RBX, NO, 0, 0, EMUL_DS, 0, 0 },
};

START_TEST(table)
{
	const struct row *r = &rows[_i];
	const struct emul_insn *d = &f.c.d;

	fake_init(&f, r->mode, 0, r->bytes, r->n);
	ck_assert_int_eq(emul_decode(&f.c), EMUL_OK);
	ck_assert_uint_eq(d->len, r->len);
	ck_assert_uint_eq(d->op_size, r->op_size);
	ck_assert_uint_eq(d->ad_size, r->ad_size);
	ck_assert_uint_eq(d->base, r->base);
	ck_assert_uint_eq(d->index, r->index);
	ck_assert_uint_eq(d->scale, r->scale);
	ck_assert_int_eq(d->disp, r->disp);
	ck_assert_uint_eq(d->seg, r->seg);
	ck_assert_uint_eq(d->imm, r->imm);
	ck_assert_uint_eq(d->imm2, r->imm2);
	ck_assert_uint_eq(d->is_mem, r->base != NO || r->index != NO || r->disp != 0);
	ck_assert_uint_eq(f.fetches, 1);
}
END_TEST

/* Undefined encodings give #UD when run. */
static const struct {
	enum emul_mode mode;
	u8 bytes[16], n;
} undefined[] = {
	{ EMUL_LONG64, B(0x0f, 0x0b) },             /* UD2 */
	{ EMUL_LONG64, B(0x0f, 0xff) },             /* UD0 */
	{ EMUL_LONG64, B(0x0f, 0xb9, 0xc0) },       /* UD1 */
	{ EMUL_LONG64, B(0x06) },                   /* PUSH ES */
	{ EMUL_LONG64, B(0x27) },                   /* DAA */
	{ EMUL_LONG64, B(0x60) },                   /* PUSHA */
	{ EMUL_LONG64, B(0x82, 0xc0, 0) },          /* group 1 alias */
	{ EMUL_LONG64, B(0x9a, 0, 0, 0, 0, 0, 0) }, /* CALL ptr16:32 */
	{ EMUL_LONG64, B(0xce) },                   /* INTO */
	{ EMUL_LONG64, B(0xd6) },                   /* SALC */
	{ EMUL_LONG64, B(0xfe, 0xd0) },             /* FE /2 */
	{ EMUL_LONG64, B(0xff, 0xf8) },             /* FF /7 */
	{ EMUL_LONG64, B(0xff, 0xe8) },             /* far JMP through a register */
	{ EMUL_LONG64, B(0x8d, 0xc0) },             /* LEA of a register */
	{ EMUL_LONG64, B(0x8f, 0xc8) },             /* 8F /1 */
	{ EMUL_LONG64, B(0xc6, 0xc8, 0) },          /* C6 /1 */
	{ EMUL_LONG64, B(0x8e, 0xc8) },             /* MOV CS */
	{ EMUL_LONG64, B(0x8e, 0xf0) },             /* MOV to segment 6 */
	{ EMUL_LONG64, B(0x8c, 0xf8) },             /* MOV from segment 7 */
	{ EMUL_LONG64, B(0x0f, 0x20, 0xc8) },       /* CR1 */
	{ EMUL_LONG64, B(0x0f, 0x22, 0xe8) },       /* CR5 */
	{ EMUL_LONG64, B(0x44, 0x0f, 0x21, 0xc0) }, /* DR8 */
	{ EMUL_LONG64, B(0x0f, 0xba, 0xc0, 0) },    /* 0F BA /0 */
	{ EMUL_LONG64, B(0x0f, 0xb8, 0xc0) },       /* POPCNT without F3 */
	{ EMUL_LONG64, B(0x0f, 0x38, 0xf0, 0xc0) }, /* MOVBE of a register */
	{ EMUL_LONG64, B(0xf3, 0x0f, 0x38, 0xf0, 0) },
	{ EMUL_LONG64, B(0x0f, 0xc3, 0xc0) },       /* MOVNTI of a register */
	{ EMUL_LONG64, B(0x66, 0x0f, 0xc3, 0x00) }, /* MOVNTI with 66 */
	{ EMUL_LONG64, B(0x0f, 0xc7, 0xc8) },       /* CMPXCHG8B of a register */
	{ EMUL_LONG64, B(0x0f, 0x2b, 0xc0) },       /* MOVNTPS of a register */
	/* VMX and SMX */
	{ EMUL_LONG64, B(0x0f, 0x01, 0xc1) },             /* VMCALL */
	{ EMUL_LONG64, B(0x0f, 0x01, 0xc2) },             /* VMLAUNCH */
	{ EMUL_LONG64, B(0x0f, 0x01, 0xc4) },             /* VMXOFF */
	{ EMUL_LONG64, B(0x0f, 0x78, 0xc0) },             /* VMREAD */
	{ EMUL_LONG64, B(0x0f, 0x79, 0xc0) },             /* VMWRITE */
	{ EMUL_LONG64, B(0x0f, 0xc7, 0x30) },             /* VMPTRLD */
	{ EMUL_LONG64, B(0xf3, 0x0f, 0xc7, 0x30) },       /* VMXON */
	{ EMUL_LONG64, B(0x0f, 0x37) },                   /* GETSEC */
	{ EMUL_LONG64, B(0x66, 0x0f, 0x38, 0x80, 0x00) }, /* INVEPT */
	{ EMUL_LONG64, B(0x66, 0x0f, 0x38, 0x81, 0x00) }, /* INVVPID */
	{ EMUL_LONG64, B(0x0f, 0x01, 0xd8) },             /* VMRUN */
	{ EMUL_LONG64, B(0x0f, 0x01, 0x28) },             /* 0F 01 /5 */
	/* LOCK */
	{ EMUL_LONG64, B(0xf0, 0x01, 0xc0) },       /* register */
	{ EMUL_LONG64, B(0xf0, 0x03, 0x07) },       /* memory is the source */
	{ EMUL_LONG64, B(0xf0, 0x8b, 0x07) },       /* MOV */
	{ EMUL_LONG64, B(0xf0, 0x39, 0x07) },       /* CMP */
	{ EMUL_LONG64, B(0xf0, 0x0f, 0xa3, 0x07) }, /* BT */
	{ EMUL_LONG64, B(0xf0, 0x0f, 0xba, 0x27, 0) },
	{ EMUL_LONG64, B(0xf0, 0xd1, 0x27) }, /* SHL */
	{ EMUL_LONG64, B(0xf0, 0x90) },
	{ EMUL_LONG64, B(0xf0, 0xa4) },
	{ EMUL_LONG64, B(0xf0, 0x87, 0xc1) }, /* XCHG of registers */
	/* protected mode only */
	{ EMUL_REAL, B(0x63, 0xc0) },
	{ EMUL_REAL, B(0x0f, 0x00, 0xd0) },
	{ EMUL_REAL, B(0x0f, 0x02, 0xc0) },
	{ EMUL_VM86, B(0x0f, 0x00, 0xc0) },
	{ EMUL_VM86, B(0x0f, 0x01, 0xca) },
	{ EMUL_REAL, B(0x62, 0xc0) },         /* BOUND of a register */
	{ EMUL_REAL, B(0xc5, 0xc0) },         /* LDS of a register */
	{ EMUL_REAL, B(0x0f, 0x05) },         /* SYSCALL */
	{ EMUL_PROT32, B(0x0f, 0x01, 0xf8) }, /* SWAPGS */
};

START_TEST(undefined_opcodes)
{
	struct fake_snap before, after;

	fake_init(&f, undefined[_i].mode, 0, undefined[_i].bytes, undefined[_i].n);
	f.gpr[EMUL_RDI] = f.gpr[EMUL_RAX] = FAKE_DATA;
	fake_snapshot(&f, &before);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 6);
	ck_assert(!f.c.exception.has_error);
	ck_assert_int_eq(f.c.exception.kind, EMUL_EXC_HW);
	fake_snapshot(&f, &after);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_uint_eq(f.writes + f.reads, 0);
}
END_TEST

/* Real instructions that are not emulated: refused with their bytes at hand. */
static const struct {
	enum emul_mode mode;
	u8 bytes[16], n;
} unsupported[] = {
	{ EMUL_LONG64, B(0xc5, 0xf8, 0x77) },             /* VZEROUPPER */
	{ EMUL_LONG64, B(0xc4, 0xe2, 0x78, 0xf2, 0xc0) }, /* ANDN */
	{ EMUL_LONG64, B(0x62, 0xf1, 0x7c, 0x48, 0x10, 0) },
	{ EMUL_PROT32, B(0xc5, 0xf8, 0x77) },
	{ EMUL_LONG64, B(0x0f, 0x58, 0xc0) },          /* ADDPS */
	{ EMUL_LONG64, B(0x0f, 0x38, 0x00, 0xc0) },    /* PSHUFB */
	{ EMUL_LONG64, B(0x0f, 0x3a, 0x0f, 0xc0, 0) }, /* PALIGNR */
	{ EMUL_LONG64, B(0x0f, 0xae, 0x07) },          /* FXSAVE */
	{ EMUL_LONG64, B(0x0f, 0xae, 0x27) },          /* XSAVE */
	{ EMUL_LONG64, B(0xd8, 0xc0) },                /* FADD */
	{ EMUL_LONG64, B(0xd9, 0x27) },                /* FLDENV */
	{ EMUL_LONG64, B(0xf2, 0x0f, 0x16, 0x07) },
	{ EMUL_LONG64, B(0xf3, 0x0f, 0x13, 0x07) },
	{ EMUL_LONG64, B(0xf3, 0x0f, 0x17, 0x07) },
	{ EMUL_LONG64, B(0xf3, 0x0f, 0xd6, 0xc0) }, /* MOVQ2DQ */
	{ EMUL_LONG64, B(0xf2, 0x0f, 0x6f, 0xc0) },
	{ EMUL_LONG64, B(0xf2, 0x0f, 0x6e, 0xc0) },
	{ EMUL_LONG64, B(0xf2, 0x0f, 0x28, 0xc0) },
	{ EMUL_LONG64, B(0xf2, 0x0f, 0xe7, 0x07) },
	{ EMUL_LONG64, B(0xf2, 0x0f, 0x7e, 0xc0) },
	{ EMUL_LONG64, B(0x0f, 0xd6, 0xc0) },
};

START_TEST(unsupported_opcodes)
{
	fake_init(&f, unsupported[_i].mode, 0, unsupported[_i].bytes, unsupported[_i].n);
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	ck_assert_uint_ge(f.c.insn_len, unsupported[_i].n);
	ck_assert_mem_eq(f.c.insn, unsupported[_i].bytes, unsupported[_i].n);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE);
	ck_assert_uint_eq(f.c.dirty, 0);
}
END_TEST

START_TEST(too_long)
{
	u8 code[20];

	/* 14 prefixes and NOP fit; 15 do not, and byte 16 is never asked for. */
	memset(code, 0x66, sizeof(code));
	code[14] = 0x90;
	fake_init(&f, EMUL_LONG64, 0, code, sizeof(code));
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 15);
	code[14] = 0x66;
	code[15] = 0x90;
	fake_init(&f, EMUL_LONG64, 0, code, sizeof(code));
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 13);
	ck_assert(f.c.exception.has_error);
	ck_assert_uint_eq(f.max_fetch, 15);
	/* The same with an immediate that passes the end. */
	code[9] = 0x81;
	code[10] = 0xc0;
	code[11] = 1;
	memset(code, 0x2e, 9);
	fake_init(&f, EMUL_LONG64, 0, code, sizeof(code));
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	memmove(code + 1, code, 19);
	fake_init(&f, EMUL_LONG64, 0, code, sizeof(code));
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 13);
	ck_assert_uint_eq(f.max_fetch, 15);
}
END_TEST

START_TEST(fetch_over_a_page)
{
	static const u8 code[] = { 0xb8, 1, 2, 3, 4 };

	for (u32 in_first = 1; in_first <= 5; in_first++) {
		fake_init(&f, EMUL_LONG64, 0, code, 5);
		f.c.rip = FAKE_CODE + 0x1000 - in_first;
		memcpy(f.mem + f.c.rip, code, 5);
		f.page[FAKE_CODE / 4096 + 1] = PAGE_NONE;
		if (in_first == 5) { /* the next page is not touched */
			ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
			ck_assert_uint_eq(f.gpr[0], 0x4030201);
			continue;
		}
		ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
		ck_assert_uint_eq(f.c.exception.vector, 14);
		ck_assert_uint_eq(f.c.exception.cr2, FAKE_CODE + 0x1000);
		f.page[FAKE_CODE / 4096 + 1] = 0;
		f.c.insn_len = 0;
		ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
		ck_assert_uint_eq(f.gpr[0], 0x4030201);
		ck_assert_uint_eq(f.c.dirty, EMUL_B_GPR(EMUL_RAX));
	}
}
END_TEST

START_TEST(fetch_limits)
{
	static const u8 code[] = { 0xb8, 1, 2, 3, 4 };

	/* CS limit in the middle of the instruction. */
	fake_init(&f, EMUL_PROT32, 0, code, 5);
	f.c.seg[EMUL_CS].limit = FAKE_CODE + 3;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 13);
	f.c.seg[EMUL_CS].limit = FAKE_CODE + 4;
	f.c.insn_len = 0;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	/* RIP outside it, and a non-canonical one. */
	fake_init(&f, EMUL_PROT32, 0, code, 5);
	f.c.seg[EMUL_CS].limit = FAKE_CODE - 1;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 13);
	fake_init(&f, EMUL_LONG64, 0, code, 5);
	f.c.rip = 0x800000000000;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 13);
	ck_assert_uint_eq(f.fetches, 0);
	/* CS base is added, and the sum wraps at 4 GiB. */
	fake_init(&f, EMUL_PROT32, 0, code, 5);
	f.c.seg[EMUL_CS].base = 0xfffff000;
	f.c.rip = FAKE_CODE + 0x1000;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 0x1005);
}
END_TEST

START_TEST(bytes_given)
{
	static const u8 code[] = { 0x8b, 0x07 };

	/* The caller has the bytes already: nothing is fetched. */
	fake_init(&f, EMUL_LONG64, 0, "", 0);
	memcpy(f.c.insn, code, 2);
	f.c.insn_len = 2;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.mem[FAKE_DATA] = 0x5a;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[0], 0x5a);
	ck_assert_uint_eq(f.fetches, 0);
}
END_TEST

START_TEST(modes)
{
	ck_assert_int_eq(emul_mode_of(0x10, 0, 2, 0x9b), EMUL_REAL);
	ck_assert_int_eq(emul_mode_of(0x11, 0, 0x20002, 0xf3), EMUL_VM86);
	ck_assert_int_eq(emul_mode_of(0x11, 0, 2, 0x9b), EMUL_PROT16);
	ck_assert_int_eq(emul_mode_of(0x11, 0, 2, 0xc09b), EMUL_PROT32);
	ck_assert_int_eq(emul_mode_of(0x80000011, 0x500, 2, 0xa09b), EMUL_LONG64);
	ck_assert_int_eq(emul_mode_of(0x80000011, 0x500, 2, 0xc09b), EMUL_PROT32);
	ck_assert_int_eq(emul_mode_of(0x80000011, 0, 2, 0xa09b), EMUL_PROT16);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("decode");
	TCase *tc = tcase_create("decode");
	SRunner *r;
	int failed;

	tcase_add_loop_test(tc, table, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tc, undefined_opcodes, 0, ARRAY_SIZE(undefined));
	tcase_add_loop_test(tc, unsupported_opcodes, 0, ARRAY_SIZE(unsupported));
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, fetch_over_a_page);
	tcase_add_test(tc, fetch_limits);
	tcase_add_test(tc, bytes_given);
	tcase_add_test(tc, modes);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
