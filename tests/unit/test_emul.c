/* The emulator: faults, memory, REP, privilege rules, segmentation limits,
 * stack and branches, system instructions. */
#include "quick_check.h"
#include <stdlib.h>

#include "tests/unit/emul_fake.h"

#define B(...) { __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ })

static struct fake f;

static void setup(enum emul_mode mode, u8 cpl, const char *code, u32 n)
{
	fake_init(&f, mode, cpl, code, n);
}

#define SETUP(mode, cpl, code) setup(mode, cpl, code, sizeof(code) - 1)

static void expect_fault(u8 vector)
{
	struct fake_snap before, after;

	fake_snapshot(&f, &before);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, vector);
	fake_snapshot(&f, &after);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_uint_eq(f.c.dirty, 0);
}

static void expect_gp(u8 vector, u32 error)
{
	expect_fault(vector);
	ck_assert(f.c.exception.has_error);
	ck_assert_uint_eq(f.c.exception.error, error);
}

static void expect_ok(u32 len)
{
	u64 rip = f.c.rip;

	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, rip + len);
}

static u64 mem(u32 at, u32 n)
{
	u64 v = 0;

	memcpy(&v, f.mem + at, n);
	return v;
}

static void put(u32 at, u64 v, u32 n)
{
	memcpy(f.mem + at, &v, n);
}

/* --- faults leave no trace --- */

/* Every memory instruction with its operand (RDI, RSI or RSP) on a page that is not there. */
static const struct {
	u8 bytes[8], n;
	bool write; /* the fault must be a write's */
} touching[] = {
	{ B(0x8b, 0x07), false },                   /* MOV load */
	{ B(0x89, 0x07), true },                    /* MOV store */
	{ B(0x01, 0x07), true },                    /* ADD [rdi] */
	{ B(0x03, 0x07), false },                   /* ADD from [rdi] */
	{ B(0xf0, 0x01, 0x07), true },              /* LOCK ADD */
	{ B(0x87, 0x07), true },                    /* XCHG */
	{ B(0x0f, 0xc1, 0x07), true },              /* XADD */
	{ B(0x0f, 0xb1, 0x07), true },              /* CMPXCHG */
	{ B(0x0f, 0xc7, 0x0f), true },              /* CMPXCHG8B */
	{ B(0x48, 0x0f, 0xc7, 0x0f), true },        /* CMPXCHG16B */
	{ B(0xd1, 0x27), true },                    /* SHL */
	{ B(0xf7, 0x1f), true },                    /* NEG */
	{ B(0xff, 0x07), true },                    /* INC */
	{ B(0x0f, 0xab, 0x07), true },              /* BTS */
	{ B(0x0f, 0xa3, 0x07), false },             /* BT */
	{ B(0x0f, 0x94, 0x07), true },              /* SETE */
	{ B(0x0f, 0x44, 0x07), false },             /* CMOVE, condition false */
	{ B(0xf7, 0x27), false },                   /* MUL */
	{ B(0xf7, 0x37), false },                   /* DIV: the page fault comes first */
	{ B(0x0f, 0xb6, 0x07), false },             /* MOVZX */
	{ B(0x48, 0x63, 0x07), false },             /* MOVSXD */
	{ B(0x0f, 0x38, 0xf0, 0x07), false },       /* MOVBE */
	{ B(0x0f, 0x38, 0xf1, 0x07), true },        /* MOVBE store */
	{ B(0xf2, 0x0f, 0x38, 0xf1, 0x07), false }, /* CRC32 */
	{ B(0x8c, 0x1f), true },                    /* MOV [rdi], DS */
	{ B(0x8e, 0x1f), false },                   /* MOV DS, [rdi] */
	{ B(0xff, 0x37), false },                   /* PUSH [rdi] */
	{ B(0xff, 0x17), false },                   /* CALL [rdi] */
	{ B(0xff, 0x1f), false },                   /* far CALL [rdi] */
	{ B(0xa4), false },                         /* MOVS */
	{ B(0xaa), true },                          /* STOS */
	{ B(0xac), false },                         /* LODS */
	{ B(0xa6), false },                         /* CMPS */
	{ B(0xae), false },                         /* SCAS */
	{ B(0x6c), true },                          /* INS */
	{ B(0x6e), false },                         /* OUTS */
	{ B(0x50), true },                          /* PUSH */
	{ B(0x58), false },                         /* POP */
	{ B(0x8f, 0x07), false },                   /* POP [rdi]: the stack */
	{ B(0x9c), true },                          /* PUSHF */
	{ B(0x9d), false },                         /* POPF */
	{ B(0xc8, 0x10, 0, 2), true },              /* ENTER */
	{ B(0xe8, 0, 0, 0, 0), true },              /* CALL */
	{ B(0xc3), false },                         /* RET */
	{ B(0xcb), false },                         /* RETF */
	{ B(0xcf), false },                         /* IRET */
	{ B(0x0f, 0xa1), false },                   /* POP FS */
	{ B(0x0f, 0x01, 0x07), true },              /* SGDT */
	{ B(0x0f, 0x01, 0x17), false },             /* LGDT */
	{ B(0x0f, 0x01, 0x27), true },              /* SMSW */
	{ B(0x0f, 0x01, 0x37), false },             /* LMSW */
	{ B(0x0f, 0x00, 0x07), true },              /* SLDT */
	{ B(0x0f, 0x00, 0x17), false },             /* LLDT */
	{ B(0x0f, 0xb4, 0x07), false },             /* LFS */
	{ B(0x0f, 0x10, 0x07), false },             /* MOVUPS */
	{ B(0x0f, 0x11, 0x07), true },
	{ B(0x0f, 0x6f, 0x07), false },       /* MOVQ mm */
	{ B(0x66, 0x0f, 0x6e, 0x07), false }, /* MOVD xmm */
	{ B(0x66, 0x0f, 0x7e, 0x07), true },
	{ B(0x0f, 0xae, 0x17), false },       /* LDMXCSR */
	{ B(0x0f, 0xae, 0x1f), true },        /* STMXCSR */
	{ B(0x0f, 0xae, 0x3f), false },       /* CLFLUSH */
	{ B(0x66, 0x0f, 0xae, 0x3f), false }, /* CLFLUSHOPT */
	{ B(0x66, 0x0f, 0xae, 0x37), false }, /* CLWB */
	{ B(0xd9, 0x2f), false },             /* FLDCW */
	{ B(0xd9, 0x3f), true },              /* FNSTCW */
	{ B(0xd7), false },                   /* XLAT */
};

START_TEST(page_fault_undone)
{
	fake_init(&f, EMUL_LONG64, 0, touching[_i].bytes, touching[_i].n);
	for (u32 r = 0; r < 16; r++)
		f.gpr[r] = 0x40000 + 0x100 * r;
	f.gpr[EMUL_RAX] = 0;
	f.gpr[EMUL_RDX] = 0x10;
	f.page[0x40] = PAGE_NONE;
	expect_fault(14);
	ck_assert_uint_eq(f.c.exception.cr2 >> 12, 0x40);
	ck_assert_uint_eq(f.c.exception.error & 2, touching[_i].write ? 2 : 0);
	ck_assert_uint_eq(f.port_calls, 0);
}
END_TEST

/* Writes to a read-only page fault before anything was read or changed. */
START_TEST(read_only_undone)
{
	if (!touching[_i].write)
		return;
	fake_init(&f, EMUL_LONG64, 0, touching[_i].bytes, touching[_i].n);
	for (u32 r = 0; r < 16; r++)
		f.gpr[r] = 0x40800 + 16 * r;
	f.gpr[EMUL_RAX] = 0;
	f.gpr[EMUL_RDX] = 0;
	f.page[0x40] = PAGE_RO;
	expect_fault(14);
	ck_assert_uint_eq(f.c.exception.error, 3);
}
END_TEST

START_TEST(second_access_faults)
{
	/* POP [rdi]: the stack is there, the destination is not: RSP must not move. */
	SETUP(EMUL_LONG64, 0, "\x8f\x07");
	f.gpr[EMUL_RDI] = 0x40000;
	f.page[0x40] = PAGE_NONE;
	expect_fault(14);
	/* PUSH [rsp+8] with the stack below not there. */
	SETUP(EMUL_LONG64, 0, "\xff\x74\x24\x08");
	f.page[FAKE_STACK / 4096 - 1] = PAGE_NONE;
	expect_fault(14);
	/* XADD of a register pair keeps the register when memory is read-only. */
	SETUP(EMUL_LONG64, 0, "\x0f\xc1\x07");
	f.gpr[EMUL_RDI] = 0x40000;
	f.page[0x40] = PAGE_RO;
	expect_fault(14);
	/* CALL with a target that is not canonical pushes nothing. */
	SETUP(EMUL_LONG64, 0, "\xff\xd0");
	f.gpr[EMUL_RAX] = 0x800000000000;
	expect_gp(13, 0);
	ck_assert_uint_eq(f.writes, 0);
	/* CMPS: first operand there, second not. */
	SETUP(EMUL_LONG64, 0, "\xa7");
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RDI] = 0x40000;
	f.page[0x40] = PAGE_NONE;
	expect_fault(14);
}
END_TEST

/* --- memory --- */

START_TEST(page_crossing)
{
	static const struct {
		const char *code;
		u32 n, size;
	} t[] = { { "\x66\x8b\x07", 3, 2 }, { "\x8b\x07", 2, 4 }, { "\x48\x8b\x07", 3, 8 } };

	for (u32 i = 0; i < 3; i++)
		for (u32 before = 1; before < t[i].size; before++) {
			setup(EMUL_LONG64, 0, t[i].code, t[i].n);
			f.gpr[EMUL_RDI] = FAKE_DATA + 0x1000 - before;
			put((u32)f.gpr[EMUL_RDI], 0x8877665544332211, 8);
			expect_ok(t[i].n);
			ck_assert_uint_eq(f.gpr[0],
			                  0x8877665544332211 & (t[i].size == 8 ? ~0ull : BIT(8 * t[i].size) - 1));
			ck_assert_uint_eq(f.reads, 1); /* handed over whole */
			f.c.rip = FAKE_CODE;
			f.page[FAKE_DATA / 4096 + 1] = PAGE_NONE;
			ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
			ck_assert_uint_eq(f.c.exception.cr2, FAKE_DATA + 0x1000);
		}
}
END_TEST

/* One access each, of the right size, in the order of the instruction. */
START_TEST(mmio_accesses)
{
	static const struct {
		const char *code;
		u32 n, accesses, size;
		bool rd, wr;
	} t[] = {
		{ "\x8a\x07", 2, 1, 1, true, false },
		{ "\x66\x8b\x07", 3, 1, 2, true, false },
		{ "\x8b\x07", 2, 1, 4, true, false },
		{ "\x48\x8b\x07", 3, 1, 8, true, false },
		{ "\x88\x07", 2, 1, 1, false, true },
		{ "\x48\x89\x07", 3, 1, 8, false, true },
		{ "\xc7\x07\x78\x56\x34\x12", 6, 1, 4, false, true },
		{ "\x0f\xb6\x07", 3, 1, 1, true, false },
		{ "\x0f\xbf\x07", 3, 1, 2, true, false },
		{ "\x81\x0f\0\0\0\x10", 6, 2, 4, true, true },
		{ "\x31\x07", 2, 2, 4, true, true },
		{ "\x85\x07", 2, 1, 4, true, false },
		{ "\x39\x07", 2, 1, 4, true, false },
		{ "\x2b\x07", 2, 1, 4, true, false },
		{ "\x87\x07", 2, 2, 4, true, true },
		{ "\x0f\xba\x2f\x03", 4, 2, 4, true, true },
		{ "\x0f\xba\x27\x03", 4, 1, 4, true, false },
		{ "\x0f\x11\x07", 3, 1, 16, false, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup(EMUL_LONG64, 0, t[i].code, t[i].n);
		f.gpr[EMUL_RDI] = FAKE_MMIO + 0x20;
		expect_ok(t[i].n);
		ck_assert_uint_eq(f.nr_mmio, t[i].accesses);
		for (u32 k = 0; k < f.nr_mmio; k++) {
			ck_assert_uint_eq(f.mmio[k].lin, FAKE_MMIO + 0x20);
			ck_assert_uint_eq(f.mmio[k].len, t[i].size);
		}
		ck_assert(f.mmio[0].write == !t[i].rd);
		ck_assert(f.mmio[f.nr_mmio - 1].write == t[i].wr);
	}
}
END_TEST

/* A simple MOV in 64-bit mode asks its caller for nothing it does not need. */
START_TEST(lazy_state)
{
	fake_init(&f, EMUL_LONG64, 0, "\x89\x07", 2);
	f.c.have = 0;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RAX] = 0x1234;
	expect_ok(2);
	ck_assert_uint_eq(f.loads, 0);
	ck_assert_uint_eq(mem(FAKE_DATA, 4), 0x1234);
	ck_assert_uint_eq(f.c.dirty, 0);
	/* A misaligned one looks at the CPL (for #AC), arithmetic at the flags, a push at RSP. */
	f.c.rip = FAKE_CODE;
	f.gpr[EMUL_RDI] = FAKE_DATA + 1;
	expect_ok(2);
	ck_assert_uint_eq(f.load_mask, EMUL_B_CPL);
	fake_init(&f, EMUL_LONG64, 0, "\x01\x07", 2);
	f.c.have = 0;
	fake_rflags = 0xed7;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(2);
	ck_assert_uint_eq(f.load_mask, EMUL_B_RFLAGS);
	ck_assert_uint_eq(f.c.rflags, 0x646);
	ck_assert_uint_eq(f.c.dirty, EMUL_B_RFLAGS);
	fake_init(&f, EMUL_LONG64, 0, "\x50", 1);
	f.c.have = 0;
	fake_rsp = FAKE_STACK;
	expect_ok(1);
	ck_assert_uint_eq(f.load_mask, EMUL_B_RSP);
	ck_assert_uint_eq(f.c.dirty, EMUL_B_RSP);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK - 8);
	/* FS: its base alone. */
	fake_init(&f, EMUL_LONG64, 0, "\x64\x8b\x07", 3);
	f.c.have = 0;
	fake_segs[EMUL_FS].base = FAKE_DATA;
	put(FAKE_DATA + 4, 77, 4);
	f.gpr[EMUL_RDI] = 4;
	expect_ok(3);
	ck_assert_uint_eq(f.load_mask, EMUL_B_SEG(EMUL_FS));
	ck_assert_uint_eq(f.gpr[0], 77);
}
END_TEST

START_TEST(locked)
{
	SETUP(EMUL_LONG64, 0, "\xf0\x01\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RAX] = 5;
	put(FAKE_DATA, 7, 4);
	expect_ok(3);
	ck_assert_uint_eq(f.cas, 1);
	ck_assert_uint_eq(mem(FAKE_DATA, 4), 12);
	/* A lost race changes nothing and is tried again. */
	f.c.rip = FAKE_CODE;
	f.c.rflags = 0xed7;
	f.c.dirty = 0;
	f.cas_fail = true;
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE);
	ck_assert_uint_eq(f.c.rflags, 0xed7);
	ck_assert_uint_eq(f.c.dirty, 0);
	f.cas_fail = false;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(mem(FAKE_DATA, 4), 17);
	/* XCHG is locked without a prefix. */
	SETUP(EMUL_LONG64, 0, "\x87\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RAX] = 9;
	expect_ok(2);
	ck_assert_uint_eq(f.cas, 1);
	/* CMPXCHG8B that lost keeps EDX:EAX and ZF. */
	SETUP(EMUL_LONG64, 0, "\xf0\x0f\xc7\x0f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.cas_fail = true;
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.c.rflags, 2);
	/* CMPXCHG16B wants alignment. */
	SETUP(EMUL_LONG64, 0, "\x48\x0f\xc7\x0f");
	f.gpr[EMUL_RDI] = FAKE_DATA + 8;
	expect_gp(13, 0);
}
END_TEST

START_TEST(op_stops)
{
	SETUP(EMUL_LONG64, 0, "\x03\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.c.insn_len = 2;
	memcpy(f.c.insn, "\x03\x07", 2);
	f.stop_rc = EMUL_STOP;
	ck_assert_int_eq(emul_run(&f.c), EMUL_STOP);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE);
	ck_assert_uint_eq(f.gpr[0], 0);
}
END_TEST

/* --- REP --- */

START_TEST(rep_fault_midway)
{
	for (u32 slow = 0; slow < 2; slow++) {
		SETUP(EMUL_LONG64, 0, "\xf3\x66\xa5");
		f.no_map = slow;
		f.gpr[EMUL_RSI] = FAKE_DATA;
		f.gpr[EMUL_RDI] = 0x40000 - 6;
		f.gpr[EMUL_RCX] = 10;
		put(FAKE_DATA, 0x0807060504030201, 8);
		f.page[0x40] = PAGE_NONE;
		ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
		ck_assert_uint_eq(f.c.exception.cr2, 0x40000);
		ck_assert_uint_eq(f.c.rip, FAKE_CODE);
		ck_assert_uint_eq(f.gpr[EMUL_RCX], 7);
		ck_assert_uint_eq(f.gpr[EMUL_RSI], FAKE_DATA + 6);
		ck_assert_uint_eq(f.gpr[EMUL_RDI], 0x40000);
		ck_assert_uint_eq(f.c.dirty, EMUL_B_GPR(EMUL_RCX) | EMUL_B_GPR(EMUL_RSI) | EMUL_B_GPR(EMUL_RDI));
		ck_assert_uint_eq(mem(0x40000 - 6, 6), 0x060504030201);
		f.page[0x40] = 0;
		f.c.insn_len = 0;
		expect_ok(3);
		ck_assert_uint_eq(f.gpr[EMUL_RCX], 0);
		ck_assert_uint_eq(mem(0x40000, 2), 0x0807);
	}
}
END_TEST

START_TEST(rep_is_bounded)
{
	for (u32 slow = 0; slow < 2; slow++) {
		u32 calls = 0;
		int rc;

		SETUP(EMUL_LONG64, 0, "\xf3\xab");
		f.no_map = slow;
		f.gpr[EMUL_RDI] = FAKE_DATA + 12;
		f.gpr[EMUL_RCX] = 5000;
		f.gpr[EMUL_RAX] = 0xdeadbeef;
		do {
			u64 left = f.gpr[EMUL_RCX];

			f.writes = 0;
			rc = emul_run(&f.c);
			ck_assert_uint_le(f.writes, 256);
			ck_assert_uint_le((left - f.gpr[EMUL_RCX]) * 4, 4096);
			if (rc == EMUL_RETRY)
				ck_assert_uint_eq(f.c.rip, FAKE_CODE);
			calls++;
		} while (rc == EMUL_RETRY);
		ck_assert_int_eq(rc, EMUL_OK);
		ck_assert_uint_eq(f.c.rip, FAKE_CODE + 2);
		ck_assert_uint_ge(calls, 5);
		ck_assert_uint_eq(f.gpr[EMUL_RDI], FAKE_DATA + 12 + 20000);
		for (u32 i = 0; i < 5000; i++)
			ck_assert_uint_eq(mem(FAKE_DATA + 12 + 4 * i, 4), 0xdeadbeef);
		ck_assert_uint_eq(mem(FAKE_DATA + 8, 4), 0);
		ck_assert_uint_eq(mem(FAKE_DATA + 12 + 20000, 4), 0);
	}
}
END_TEST

static u32 time_looks, time_for; /* iterations that there is time for */

static bool time_is_up(struct emul_ctxt *c)
{
	return ++time_looks > time_for;
}

/* When devices are slow, a REP string gives way after an iteration, or as many as there is time for; it always gets on. */
START_TEST(rep_in_time)
{
	struct emul_ops hurried;
	u32 calls = 0;
	int rc;

	SETUP(EMUL_LONG64, 0, "\xf3\xa5"); /* from MMIO */
	hurried = *f.c.ops;
	hurried.time_is_up = time_is_up;
	f.c.ops = &hurried;
	f.gpr[EMUL_RSI] = FAKE_MMIO;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = 3;
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 0);
	ck_assert_uint_eq(f.gpr[EMUL_RDI], FAKE_DATA + 12);
	SETUP(EMUL_LONG64, 0, "\xf3\x66\x6d");
	f.c.ops = &hurried;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 30;
	time_for = 4; /* and it is asked once before they begin */
	do {
		u64 before = f.gpr[EMUL_RCX];

		time_looks = 0;
		rc = emul_run(&f.c);
		ck_assert_uint_eq(before - f.gpr[EMUL_RCX], MIN(before, 4u));
		calls++;
	} while (rc == EMUL_RETRY);
	ck_assert_int_eq(rc, EMUL_OK);
	ck_assert_uint_eq(calls, 8);
	ck_assert_uint_eq(f.port_count, 30);
	/* There is never time: one at a time. */
	SETUP(EMUL_LONG64, 0, "\xf3\x66\x6f");
	f.c.ops = &hurried;
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 30;
	time_for = 0;
	for (u32 left = 30; left; left--) {
		ck_assert_uint_eq(f.gpr[EMUL_RCX], left);
		ck_assert_int_eq(emul_run(&f.c), left > 1 ? EMUL_RETRY : EMUL_OK);
	}
	/* What is done in bulk is done by then. */
	SETUP(EMUL_LONG64, 0, "\xf3\xaa");
	f.c.ops = &hurried;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = 100;
	time_looks = 0;
	expect_ok(2);
	ck_assert_uint_eq(time_looks, 1);
}
END_TEST

static u32 at_once; /* accesses that a port's device still does together */

static u32 pio_string(struct emul_ctxt *c, u16 port, u8 size, bool in, u32 count, void *buf)
{
	u32 n = MIN(count, at_once);

	ck_assert_uint_eq(port, 0x1f0);
	if (in)
		memset(buf, 0x77, n * size);
	at_once -= n;
	return n;
}

/* A data port is done a page at a time, in one call however many iterations these are; the rest comes one by one. */
START_TEST(port_at_once)
{
	struct emul_ops quick;

	SETUP(EMUL_LONG64, 0, "\xf3\x66\x6d");
	quick = *f.c.ops;
	quick.time_is_up = time_is_up;
	quick.pio_string = pio_string;
	f.c.ops = &quick;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 2048;
	at_once = 2048;
	time_looks = 0;
	time_for = 1;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.port_calls, 0);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 0);
	ck_assert_uint_eq(f.gpr[EMUL_RDI], FAKE_DATA + 4096);
	ck_assert_uint_eq(mem(FAKE_DATA + 4094, 2), 0x7777);
	/* More than a page is more than one call. */
	SETUP(EMUL_LONG64, 0, "\xf3\x6f");
	f.c.ops = &quick;
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 1025;
	at_once = 5000;
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 1);
	/* What the device does not do at once is as slow as any port. */
	SETUP(EMUL_LONG64, 0, "\xf3\x66\x6d");
	f.c.ops = &quick;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 300;
	at_once = 256;
	time_looks = 0;
	time_for = 4;
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.port_count, 3); /* two looks were for the string */
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 300 - 256 - 3);
	ck_assert_uint_eq(mem(FAKE_DATA + 512, 2), 0xa1a0);
	/* Downwards, element by element. */
	SETUP(EMUL_LONG64, 0, "\xf3\x66\x6d");
	f.c.ops = &quick;
	f.c.rflags |= 0x400;
	f.gpr[EMUL_RDI] = FAKE_DATA + 4;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 2;
	at_once = 10;
	time_looks = 0;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert(at_once == 10 && f.port_count == 2);
}
END_TEST

START_TEST(rep_details)
{
	/* Single-stepping: one iteration a call. */
	SETUP(EMUL_LONG64, 0, "\xf3\xaa");
	f.c.rflags |= BIT(8);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = 2;
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 1);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	/* Overlapping MOVSB replicates, DF goes down, ES cannot be overridden. */
	SETUP(EMUL_LONG64, 0, "\xf3\xa4");
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RDI] = FAKE_DATA + 1;
	f.gpr[EMUL_RCX] = 100;
	f.mem[FAKE_DATA] = 0x77;
	expect_ok(2);
	for (u32 i = 0; i <= 100; i++)
		ck_assert_uint_eq(f.mem[FAKE_DATA + i], 0x77);
	SETUP(EMUL_LONG64, 0, "\xf3\xa4");
	f.c.rflags |= BIT(10);
	f.gpr[EMUL_RSI] = FAKE_DATA + 3;
	f.gpr[EMUL_RDI] = FAKE_DATA + 0x103;
	f.gpr[EMUL_RCX] = 4;
	put(FAKE_DATA, 0x44332211, 4);
	expect_ok(2);
	ck_assert_uint_eq(mem(FAKE_DATA + 0x100, 4), 0x44332211);
	ck_assert_uint_eq(f.gpr[EMUL_RSI], FAKE_DATA - 1);
	/* REPNE SCASB stops at the match; REPE CMPSB at the difference. */
	SETUP(EMUL_LONG64, 0, "\xf2\xae");
	memcpy(f.mem + FAKE_DATA, "hello", 6);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = ~0ull;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], ~0ull - 6);
	ck_assert(f.c.rflags & BIT(6));
	SETUP(EMUL_LONG64, 0, "\xf3\xa6");
	memcpy(f.mem + FAKE_DATA, "hellohelp!", 10);
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RDI] = FAKE_DATA + 5;
	f.gpr[EMUL_RCX] = 5;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 1);
	ck_assert(!(f.c.rflags & BIT(6)));
	/* A count of zero touches nothing. */
	SETUP(EMUL_LONG64, 0, "\xf3\xa4");
	f.gpr[EMUL_RSI] = ~0ull;
	expect_ok(2);
	ck_assert_uint_eq(f.reads + f.writes, 0);
	/* The address size selects CX, SI and DI. */
	SETUP(EMUL_PROT32, 0, "\x67\xf3\xa4");
	f.gpr[EMUL_RCX] = 0x10003;
	f.gpr[EMUL_RSI] = 0x9fffe;
	f.gpr[EMUL_RDI] = 0x91000;
	put(0xfffe, 0xbbaa, 2);
	f.mem[0] = 0xcc;
	expect_ok(3);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 0x10000);
	ck_assert_uint_eq(f.gpr[EMUL_RSI], 0x90001);
	ck_assert_uint_eq(f.gpr[EMUL_RDI], 0x91003);
	ck_assert_uint_eq(mem(0x1000, 3), 0xccbbaa);
	/* MOVS to MMIO goes access by access. */
	SETUP(EMUL_LONG64, 0, "\xf3\xa5");
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RDI] = FAKE_MMIO;
	f.gpr[EMUL_RCX] = 5;
	put(FAKE_DATA, 0x2222222211111111, 8);
	expect_ok(2);
	ck_assert_uint_eq(f.nr_mmio, 5);
	ck_assert_uint_eq(f.mmio[1].val, 0x22222222);
	ck_assert_uint_eq(f.mmio[1].lin, FAKE_MMIO + 4);
}
END_TEST

/* --- port I/O --- */

START_TEST(port_io)
{
	SETUP(EMUL_LONG64, 0, "\xec");
	f.gpr[EMUL_RAX] = 0x1122334455667788;
	f.gpr[EMUL_RDX] = 0xff03f8;
	expect_ok(1);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x11223344556677a0);
	ck_assert_uint_eq(f.port, 0x3f8);
	SETUP(EMUL_LONG64, 0, "\xe5\x80");
	f.gpr[EMUL_RAX] = ~0ull;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0xa3a2a1a0); /* zero-extended */
	ck_assert_uint_eq(f.port, 0x80);
	SETUP(EMUL_LONG64, 0, "\x66\xef");
	f.gpr[EMUL_RAX] = 0x12345678;
	f.gpr[EMUL_RDX] = 0xcf8;
	expect_ok(2);
	ck_assert_uint_eq(f.out_last, 0x5678);
	ck_assert_uint_eq(f.port_size, 2);
	/* REP INSW goes in bulk, a page at a time; the result is what a loop gives. */
	SETUP(EMUL_LONG64, 0, "\xf3\x66\x6d");
	f.gpr[EMUL_RDI] = FAKE_DATA + 0xf00;
	f.gpr[EMUL_RDX] = 0x1f0;
	f.gpr[EMUL_RCX] = 256;
	expect_ok(3);
	ck_assert_uint_eq(f.port_count, 256);
	ck_assert_uint_eq(f.port_calls, 2);
	ck_assert_uint_eq(mem(FAKE_DATA + 0xf00, 2), 0xa1a0);
	ck_assert_uint_eq(f.gpr[EMUL_RDI], FAKE_DATA + 0xf00 + 512);
	/* OUTSD: never 64 bits. */
	SETUP(EMUL_LONG64, 0, "\xf3\x48\x6f");
	f.gpr[EMUL_RSI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = 2;
	put(FAKE_DATA, 0x8877665544332211, 8);
	expect_ok(3);
	ck_assert_uint_eq(f.port_size, 4);
	ck_assert_uint_eq(f.out_last, 0x88776655);
	ck_assert_uint_eq(f.gpr[EMUL_RSI], FAKE_DATA + 8);
	/* INS to a page that is not there takes nothing from the device. */
	SETUP(EMUL_LONG64, 0, "\xf3\x6c");
	f.gpr[EMUL_RDI] = 0x40000;
	f.gpr[EMUL_RCX] = 4;
	f.page[0x40] = PAGE_RO;
	expect_fault(14);
	ck_assert_uint_eq(f.port_calls, 0);
	ck_assert_uint_eq(f.checks, 1);
	/* INS to MMIO. */
	SETUP(EMUL_LONG64, 0, "\x6c");
	f.gpr[EMUL_RDI] = FAKE_MMIO;
	expect_ok(1);
	ck_assert_uint_eq(f.mmio[0].val, 0xa0);
}
END_TEST

START_TEST(string_io_direct)
{
	SETUP(EMUL_LONG64, 0, "");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = 8;
	f.gpr[EMUL_RDX] = 0x1f0;
	ck_assert_int_eq(emul_string_io(&f.c, true, 2, 8, EMUL_ES, true, 3), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 3);
	ck_assert_uint_eq(f.gpr[EMUL_RDI], FAKE_DATA + 16);
	ck_assert_uint_eq(f.fetches, 0);
	f.c.seg[EMUL_FS].base = FAKE_DATA;
	f.gpr[EMUL_RSI] = 0;
	ck_assert_int_eq(emul_string_io(&f.c, false, 1, 8, EMUL_FS, false, 2), EMUL_OK);
	ck_assert_uint_eq(f.out_last, 0xa0);
	ck_assert_uint_eq(f.gpr[EMUL_RSI], 1);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 5);
}
END_TEST

/* CPL 3 with IOPL 0: the TSS's bit map decides. */
START_TEST(io_bitmap)
{
	SETUP(EMUL_PROT32, 3, "\xe4\x60");
	put(FAKE_TSS + 102, 0x68, 2);
	expect_ok(2);
	put(FAKE_TSS + 0x68 + 0x60 / 8, 1, 1);
	f.c.rip = FAKE_CODE;
	f.c.dirty = 0;
	expect_gp(13, 0);
	f.c.rflags |= 3 << 12; /* IOPL 3 */
	expect_ok(2);
	/* A wide access needs all its bits. */
	SETUP(EMUL_PROT32, 3, "\xe5\x5e");
	put(FAKE_TSS + 102, 0x68, 2);
	put(FAKE_TSS + 0x68 + 0x60 / 8, 1, 1);
	expect_gp(13, 0);
	/* The map lies beyond the TSS, the TSS is a 16-bit one, or too small. */
	SETUP(EMUL_PROT32, 3, "\xe4\x60");
	put(FAKE_TSS + 102, 0x2fff, 2);
	expect_gp(13, 0);
	f.c.seg[EMUL_TR].attr = 0x83;
	expect_gp(13, 0);
	f.c.seg[EMUL_TR].attr = 0x8b;
	f.c.seg[EMUL_TR].limit = 50;
	expect_gp(13, 0);
	/* Virtual-8086 mode looks at it even with IOPL 3. */
	SETUP(EMUL_VM86, 3, "\xe4\x60");
	f.c.rflags |= 3 << 12;
	put(FAKE_TSS + 102, 0x68, 2);
	put(FAKE_TSS + 0x68 + 0x60 / 8, 1, 1);
	expect_gp(13, 0);
	SETUP(EMUL_PROT32, 3, "\x6c");
	put(FAKE_TSS + 102, 0xffff, 2);
	expect_gp(13, 0);
	SETUP(EMUL_PROT32, 3, "\x6e");
	put(FAKE_TSS + 102, 0xffff, 2);
	expect_gp(13, 0);
}
END_TEST

/* --- segmentation --- */

START_TEST(segment_limits)
{
	/* DS limit: the last byte of the operand counts. */
	SETUP(EMUL_PROT32, 0, "\x8b\x07");
	f.c.seg[EMUL_DS].limit = 0x20fff;
	f.gpr[EMUL_RDI] = 0x20ffc;
	expect_ok(2);
	f.c.rip = FAKE_CODE;
	f.c.dirty = 0;
	f.gpr[EMUL_RDI] = 0x20ffd;
	expect_gp(13, 0);
	/* SS gives #SS. */
	SETUP(EMUL_PROT32, 0, "\x8b\x45\x00");
	f.c.seg[EMUL_SS].limit = 0xfff;
	f.gpr[EMUL_RBP] = 0x1000;
	expect_gp(12, 0);
	/* An override brings the other segment's limit. */
	SETUP(EMUL_PROT32, 0, "\x3e\x8b\x45\x00");
	f.c.seg[EMUL_SS].limit = 0xfff;
	f.gpr[EMUL_RBP] = 0x1000;
	expect_ok(4);
	/* Expand-down: valid above the limit, up to 64 KiB or 4 GiB. */
	SETUP(EMUL_PROT32, 0, "\x8b\x07");
	f.c.seg[EMUL_DS].attr = 0x8097;
	f.c.seg[EMUL_DS].limit = 0xfff;
	f.gpr[EMUL_RDI] = 0xfff;
	expect_gp(13, 0);
	f.c.seg[EMUL_DS].attr = 0xc097;
	f.gpr[EMUL_RDI] = 0x1000;
	expect_ok(2);
	f.c.rip = FAKE_CODE;
	f.c.dirty = 0;
	f.c.seg[EMUL_DS].attr = 0x97; /* 16-bit */
	f.gpr[EMUL_RDI] = 0xfffd;
	expect_gp(13, 0);
	f.gpr[EMUL_RDI] = 0xfffc;
	expect_ok(2);
	/* Read-only data, execute-only code, unusable. */
	SETUP(EMUL_PROT32, 0, "\x89\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.c.seg[EMUL_DS].attr = 0xc091;
	expect_gp(13, 0);
	SETUP(EMUL_PROT32, 0, "\x2e\x89\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_gp(13, 0);
	SETUP(EMUL_PROT32, 0, "\x2e\x8b\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.c.seg[EMUL_CS].attr = 0xc099;
	expect_gp(13, 0);
	SETUP(EMUL_PROT32, 0, "\x26\x8b\x07");
	f.c.seg[EMUL_ES].attr = 0x10000;
	expect_gp(13, 0);
	/* Linear addresses wrap at 4 GiB, even inside an operand. */
	SETUP(EMUL_PROT32, 0, "\x8b\x07");
	f.c.seg[EMUL_DS].base = 0xfff00000;
	f.gpr[EMUL_RDI] = 0x100000 + FAKE_DATA;
	put(FAKE_DATA, 0x1234, 4);
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[0], 0x1234);
	/* 64-bit mode: canonical addresses, #SS for stack ones; no limits, no types. */
	SETUP(EMUL_LONG64, 0, "\x8b\x07");
	f.gpr[EMUL_RDI] = 0x7ffffffffffd;
	expect_gp(13, 0);
	SETUP(EMUL_LONG64, 0, "\x8b\x45\x00");
	f.gpr[EMUL_RBP] = 0x8000000000000000;
	expect_gp(12, 0);
	SETUP(EMUL_LONG64, 0, "\x8b\x07");
	f.gpr[EMUL_RDI] = 0x7fffffffffff0;
	f.c.cr4 |= BIT(12); /* canonical with 57 bits */
	expect_fault(14);
	f.gpr[EMUL_RDI] = 0x100000000000000;
	expect_gp(13, 0);
	SETUP(EMUL_LONG64, 0, "\x8b\x07");
	f.c.seg[EMUL_DS].attr = 0x10000;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(2);
}
END_TEST

START_TEST(alignment_check)
{
	SETUP(EMUL_LONG64, 3, "\x8b\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA + 2;
	f.c.rflags |= BIT(18);
	f.c.cr0 |= BIT(18);
	expect_gp(17, 0);
	f.c.rflags &= ~BIT(18);
	expect_ok(2);
}
END_TEST

/* SGDT and SIDT store a word and then the base: "at an odd word address" (SDM vol. 3 "Segment Descriptor Tables"). */
START_TEST(alignment_of_tables)
{
	static const char *const stores[] = { "\x0f\x01\x07", "\x0f\x01\x0f" };

	for (u32 i = 0; i < 2 * 2 * 16; i++) {
		bool wide = i & 1;
		u32 at = i >> 2;

		setup(wide ? EMUL_LONG64 : EMUL_PROT32, 3, stores[i >> 1 & 1], 3);
		f.gpr[EMUL_RDI] = FAKE_DATA + at;
		f.c.rflags |= BIT(18);
		f.c.cr0 |= BIT(18);
		if (at % (wide ? 8 : 4) == (wide ? 6 : 2)) {
			expect_ok(3);
			continue;
		}
		expect_gp(17, 0);
		f.c.rflags &= ~BIT(18);
		expect_ok(3);
	}
	SETUP(EMUL_LONG64, 0, "\x0f\x01\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA + 1;
	f.c.rflags |= BIT(18);
	f.c.cr0 |= BIT(18);
	expect_ok(3);
}
END_TEST

/* --- real and virtual-8086 mode --- */

START_TEST(real_mode)
{
	SETUP(EMUL_REAL, 0, "\x8e\xd8"); /* MOV DS, AX */
	f.gpr[EMUL_RAX] = 0x1234;
	f.c.seg[EMUL_DS].limit = 0xffffffff; /* big real mode stays big */
	expect_ok(2);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].base, 0x12340);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].limit, 0xffffffff);
	ck_assert_uint_eq(f.c.dirty, EMUL_B_SEG(EMUL_DS));
	SETUP(EMUL_REAL, 0, "\x8e\xd8");
	f.c.seg[EMUL_DS].attr = 0x10000;
	f.c.seg[EMUL_DS].limit = 0;
	expect_ok(2);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].limit, 0xffff);
	/* A word at FFFF is beyond the limit; no error code in real mode. */
	SETUP(EMUL_REAL, 0, "\xa1\xff\xff");
	expect_fault(13);
	ck_assert(!f.c.exception.has_error);
	/* SP wraps between pushes, not inside one. */
	SETUP(EMUL_REAL, 0, "\x50");
	f.gpr[EMUL_RSP] = 0xabcd0000;
	f.gpr[EMUL_RAX] = 0x5678;
	expect_ok(1);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xabcdfffe);
	ck_assert_uint_eq(mem(0xfffe, 2), 0x5678);
	SETUP(EMUL_REAL, 0, "\x50");
	f.gpr[EMUL_RSP] = 1;
	expect_fault(12);
	/* Far CALL and RETF. */
	SETUP(EMUL_REAL, 0, "\x9a\x10\x00\x00\x02");
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, 0x10);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].base, 0x2000);
	ck_assert_uint_eq(mem(0xeffc, 4), 8u << 16 | (FAKE_CODE + 5));
	SETUP(EMUL_REAL, 0, "\xca\x04\x00");
	put(0xf000, 0x02000010, 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, 0x10);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 0x200);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xf008);
	SETUP(EMUL_REAL, 0, "\x66\xea\x00\x00\x01\x00\x00\x02"); /* offset beyond the limit */
	expect_fault(13);
	/* IRET. */
	SETUP(EMUL_REAL, 0, "\xcf");
	put(0xf000, 0x100, 2);
	put(0xf002, 0x200, 2);
	put(0xf004, 0x7246, 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, 0x100);
	ck_assert_uint_eq(f.c.rflags, 0x7246);
	ck_assert(f.c.iret_done);
	/* LDS, LGDT with 24 bits, and the privileged instructions work. */
	SETUP(EMUL_REAL, 0, "\xc5\x36\x00\x20");
	put(0x2000, 0x12345678, 4);
	expect_ok(4);
	ck_assert_uint_eq(f.gpr[EMUL_RSI], 0x5678);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].base, 0x12340);
	SETUP(EMUL_REAL, 0, "\x0f\x01\x16\x00\x20");
	put(0x2000, 0xab11223344556677, 8);
	expect_ok(5);
	ck_assert_uint_eq(f.c.gdtr.limit, 0x6677);
	ck_assert_uint_eq(f.c.gdtr.base, 0x334455);
	ck_assert_uint_eq(f.c.dirty, EMUL_B_GDTR);
	SETUP(EMUL_REAL, 0, "\xf4");
	expect_ok(1);
	ck_assert_uint_eq(f.misc_mask, 1u << EMUL_MISC_HLT);
	SETUP(EMUL_REAL, 0, "\xfa");
	f.c.rflags |= BIT(9);
	expect_ok(1);
	ck_assert_uint_eq(f.c.rflags, 2);
	/* Stack frames, loops, near returns. */
	SETUP(EMUL_REAL, 0, "\xc8\x08\x00\x00");
	f.gpr[EMUL_RBP] = 0x11112222;
	expect_ok(4);
	ck_assert_uint_eq(f.gpr[EMUL_RBP], 0x1111effe);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xeff6);
	ck_assert_uint_eq(mem(0xeffe, 2), 0x2222);
	SETUP(EMUL_REAL, 0, "\xe2\xfe");
	f.gpr[EMUL_RCX] = 0x10002;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 0x10001);
	SETUP(EMUL_REAL, 0, "\x60");
	for (u32 r = 0; r < 8; r++)
		f.gpr[r] = 0x1000 + r;
	f.gpr[EMUL_RSP] = 0xf000;
	expect_ok(1);
	ck_assert_uint_eq(mem(0xeff0, 8), 0xf000100510061007);
	ck_assert_uint_eq(mem(0xeffe, 2), 0x1000);
	ck_assert_uint_eq(mem(0xeff6, 2), 0xf000);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xeff0);
	SETUP(EMUL_REAL, 0, "\x60"); /* SP wraps on the way */
	f.gpr[EMUL_RSP] = 8;
	f.gpr[EMUL_RDI] = 0x7777;
	expect_ok(1);
	ck_assert_uint_eq(mem(0xfff8, 2), 0x7777);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xfff8);
	SETUP(EMUL_REAL, 0, "\x61");
	put(0xf000, 0x0004000300020001, 8);
	expect_ok(1);
	ck_assert_uint_eq(f.gpr[EMUL_RDI], 1);
	ck_assert_uint_eq(f.gpr[EMUL_RBX], 0);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xf010);
}
END_TEST

START_TEST(vm86)
{
	static const char *const sensitive[] = { "\x9c", "\x9d", "\xfa", "\xfb", "\xcf", "\xcd\x10" };

	for (u32 i = 0; i < ARRAY_SIZE(sensitive); i++) {
		setup(EMUL_VM86, 3, sensitive[i], i == 5 ? 2 : 1);
		expect_gp(13, 0);
	}
	SETUP(EMUL_VM86, 3, "\xfa"); /* VME: left to hardware */
	f.c.cr4 |= 1;
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	SETUP(EMUL_VM86, 3, "\xfb");
	f.c.cr4 |= 1;
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	SETUP(EMUL_VM86, 3, "\xf4");
	expect_gp(13, 0);
	SETUP(EMUL_VM86, 3, "\x9d"); /* IOPL 3: IF changes, IOPL does not */
	f.c.rflags |= 3 << 12;
	put(0xf000, 0x0202, 2);
	expect_ok(1);
	ck_assert_uint_eq(f.c.rflags, 0x23202);
	SETUP(EMUL_VM86, 3, "\xcf");
	f.c.rflags |= 3 << 12;
	put(0xf000, 0x100, 2);
	put(0xf002, 0x200, 2);
	put(0xf004, 0x0246, 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rflags, 0x23246);
	SETUP(EMUL_VM86, 3, "\x8e\xc0");
	f.gpr[EMUL_RAX] = 0x100;
	f.c.seg[EMUL_ES].attr = 0x10000;
	expect_ok(2);
	ck_assert_uint_eq(f.c.seg[EMUL_ES].base, 0x1000);
	ck_assert_uint_eq(f.c.seg[EMUL_ES].attr, 0xf3);
}
END_TEST

/* --- privilege --- */

static const struct {
	u8 bytes[8], n;
} privileged[] = {
	{ B(0xf4) },
	{ B(0x0f, 0x06) },
	{ B(0x0f, 0x08) },
	{ B(0x0f, 0x09) },
	{ B(0x0f, 0x20, 0xc0) },
	{ B(0x0f, 0x22, 0xc0) },
	{ B(0x0f, 0x21, 0xc0) },
	{ B(0x0f, 0x23, 0xc0) },
	{ B(0x0f, 0x30) },
	{ B(0x0f, 0x32) },
	{ B(0x0f, 0x33) },
	{ B(0x0f, 0x00, 0xd0) },
	{ B(0x0f, 0x00, 0xd8) },
	{ B(0x0f, 0x01, 0x17) },
	{ B(0x0f, 0x01, 0x1f) },
	{ B(0x0f, 0x01, 0xf0) },
	{ B(0x0f, 0x01, 0x3f) },
	{ B(0x0f, 0x01, 0xf8) },
	{ B(0xfa) },
	{ B(0xfb) },
	{ B(0x0f, 0x07) },
	{ B(0x0f, 0x35) },
	{ B(0xec) },
	{ B(0xee) },
};

START_TEST(privileged_instructions)
{
	fake_init(&f, EMUL_LONG64, 3, privileged[_i].bytes, privileged[_i].n);
	f.c.seg[EMUL_TR].limit = 103;
	put(FAKE_TSS + 102, 104, 2);
	expect_gp(13, 0);
	ck_assert_uint_eq(f.misc_mask, 0);
}
END_TEST

/* Registers that do not exist come before the privilege, as a processor tells a program that tries both. */
START_TEST(no_such_registers)
{
	static const char *const crs[] = { "\x48\x0f\x20\xc8", "\x48\x0f\x22\xc8", "\x48\x0f\x20\xe8",
		                           "\x48\x0f\x20\xf0", "\x48\x0f\x22\xf8", "\x44\x0f\x20\xc8",
		                           "\x44\x0f\x21\xc0", "\x44\x0f\x23\xf8" };

	for (u32 i = 0; i < ARRAY_SIZE(crs); i++)
		for (u8 cpl = 0; cpl <= 3; cpl += 3) {
			setup(EMUL_LONG64, cpl, crs[i], 4);
			expect_fault(6);
		}
	/* DR4 needs CR4.DE to be undefined: the privilege is looked at before. */
	SETUP(EMUL_LONG64, 3, "\x0f\x21\xe0");
	f.c.cr4 |= BIT(3);
	expect_gp(13, 0);
}
END_TEST

START_TEST(flag_rules)
{
	/* POPF at CPL 3, IOPL 0: neither IF nor IOPL change, silently. */
	SETUP(EMUL_LONG64, 3, "\x9d");
	put(FAKE_STACK, 0x3fffff, 8);
	f.c.rflags = 2;
	expect_ok(1);
	ck_assert_uint_eq(f.c.rflags, 0x244dd7); /* all but IF, IOPL, RF, VM, VIF, VIP */
	/* CPL 0 changes both. */
	SETUP(EMUL_LONG64, 0, "\x9d");
	put(FAKE_STACK, 0x3202, 8);
	expect_ok(1);
	ck_assert_uint_eq(f.c.rflags, 0x3202);
	/* CPL 3, IOPL 3: IF alone. */
	SETUP(EMUL_LONG64, 3, "\x66\x9d");
	f.c.rflags = 0x3002;
	put(FAKE_STACK, 0x0202, 2);
	expect_ok(2);
	ck_assert_uint_eq(f.c.rflags, 0x3202);
	/* PUSHF shows neither VM nor RF. */
	SETUP(EMUL_PROT32, 0, "\x9c");
	f.c.rflags = 0x10ed7;
	expect_ok(1);
	ck_assert_uint_eq(mem(FAKE_STACK - 4, 4), 0xed7);
	/* STI's shadow, once. */
	SETUP(EMUL_LONG64, 0, "\xfb");
	expect_ok(1);
	ck_assert(f.c.sti_shadow);
	SETUP(EMUL_LONG64, 0, "\xfb");
	f.c.rflags |= BIT(9);
	expect_ok(1);
	ck_assert(!f.c.sti_shadow);
	/* PVI is not emulated. */
	SETUP(EMUL_PROT32, 3, "\xfa");
	f.c.cr4 |= BIT(1);
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	/* CLAC, STAC */
	SETUP(EMUL_LONG64, 0, "\x0f\x01\xcb");
	expect_ok(3);
	ck_assert(f.c.rflags & BIT(18));
	SETUP(EMUL_LONG64, 3, "\x0f\x01\xca");
	expect_fault(6);
}
END_TEST

START_TEST(umip_tsd_pce)
{
	static const char *const stores[] = { "\x0f\x01\x07", "\x0f\x01\x0f", "\x0f\x01\x27", "\x0f\x00\x07",
		                              "\x0f\x00\x0f" };

	for (u32 i = 0; i < ARRAY_SIZE(stores); i++) {
		setup(EMUL_LONG64, 3, stores[i], 3);
		f.gpr[EMUL_RDI] = FAKE_DATA;
		f.c.cr4 |= BIT(11);
		expect_gp(13, 0);
		f.c.cr4 &= ~BIT(11);
		expect_ok(3);
	}
	SETUP(EMUL_LONG64, 3, "\x0f\x31");
	f.c.cr4 |= BIT(2);
	expect_gp(13, 0);
	f.c.cr4 &= ~BIT(2);
	f.gpr[EMUL_RDX] = ~0ull;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x3456789a);
	ck_assert_uint_eq(f.gpr[EMUL_RDX], 0x12);
	SETUP(EMUL_LONG64, 3, "\x0f\x01\xf9"); /* RDTSCP */
	expect_ok(3);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 7);
	SETUP(EMUL_LONG64, 3, "\x0f\x33");
	f.c.cr4 |= BIT(8);
	f.gpr[EMUL_RCX] = 3;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 3);
	ck_assert_uint_eq(f.gpr[EMUL_RDX], 5);
}
END_TEST

/* --- software interrupts --- */

START_TEST(software_interrupts)
{
	static const struct {
		const char *code;
		u32 n;
		u8 vector;
		enum emul_exc_kind kind;
	} t[] = {
		{ "\xcc", 1, 3, EMUL_EXC_SOFT_EXC },
		{ "\xf1", 1, 1, EMUL_EXC_PRIV_SOFT },
		{ "\xcd\x80", 2, 0x80, EMUL_EXC_SOFT_INT },
		{ "\xce", 1, 4, EMUL_EXC_SOFT_EXC },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup(EMUL_PROT32, 0, t[i].code, t[i].n);
		f.c.rflags |= BIT(11);
		expect_fault(t[i].vector);
		ck_assert_int_eq(f.c.exception.kind, t[i].kind);
		ck_assert_uint_eq(f.c.exception.insn_len, t[i].n);
		ck_assert(!f.c.exception.has_error);
	}
	SETUP(EMUL_PROT32, 0, "\xce"); /* no overflow */
	expect_ok(1);
	SETUP(EMUL_PROT32, 0, "\x62\x07"); /* BOUND */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x0000000500000001, 8);
	f.gpr[EMUL_RAX] = 6;
	expect_fault(5);
	f.gpr[EMUL_RAX] = 5;
	expect_ok(2);
	SETUP(EMUL_PROT32, 0, "\xd4\x00"); /* AAM 0 */
	expect_fault(0);
	SETUP(EMUL_LONG64, 0, "\xf7\xf0"); /* DIV by zero */
	expect_fault(0);
}
END_TEST

/* --- system registers --- */

START_TEST(control_registers)
{
	SETUP(EMUL_LONG64, 0, "\x0f\x22\xd8");
	f.gpr[EMUL_RAX] = 0x5000;
	expect_ok(3);
	ck_assert_uint_eq(f.cr[3], 0x5000);
	SETUP(EMUL_LONG64, 0, "\x44\x0f\x20\xc1"); /* MOV RCX, CR8 */
	f.cr[8] = 9;
	expect_ok(4);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 9);
	SETUP(EMUL_LONG64, 0, "\x0f\x22\xe0"); /* CR4: the op refuses */
	f.gpr[EMUL_RAX] = BIT(40);
	expect_gp(13, 0);
	SETUP(EMUL_LONG64, 0, "\x0f\x06"); /* CLTS */
	f.cr[0] = 0x80000039;
	expect_ok(2);
	ck_assert_uint_eq(f.cr[0], 0x80000031);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\xf0"); /* LMSW cannot clear PE */
	f.cr[0] = 0x80000031;
	f.gpr[EMUL_RAX] = 0xffff000e;
	expect_ok(3);
	ck_assert_uint_eq(f.cr[0], 0x8000003f);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\x37"); /* LMSW from memory */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.cr[0] = 0x80000039;
	expect_ok(3);
	ck_assert_uint_eq(f.cr[0], 0x80000031);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\xe0"); /* SMSW EAX */
	f.gpr[EMUL_RAX] = ~0ull;
	expect_ok(3);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x80000031);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\x27"); /* SMSW mem: 16 bits */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, ~0ull, 8);
	expect_ok(3);
	ck_assert_uint_eq(mem(FAKE_DATA, 8), 0xffffffffffff0031);
	/* Debug registers: 4 and 5 alias 6 and 7 unless CR4.DE. */
	SETUP(EMUL_LONG64, 0, "\x0f\x21\xe0");
	f.dr[6] = 0xffff0ff0;
	expect_ok(3);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0xffff0ff0);
	f.c.cr4 |= BIT(3);
	f.c.rip = FAKE_CODE;
	f.c.dirty = 0;
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\x0f\x23\xf8");
	f.gpr[EMUL_RAX] = 0x400;
	expect_ok(3);
	ck_assert_uint_eq(f.dr[7], 0x400);
	f.c.rip = FAKE_CODE;
	f.c.dirty = 0;
	f.gpr[EMUL_RAX] = BIT(32);
	expect_gp(13, 0);
}
END_TEST

START_TEST(msrs_and_cpuid)
{
	SETUP(EMUL_LONG64, 0, "\x0f\x32");
	f.gpr[EMUL_RCX] = 0xffffffff00000010;
	f.gpr[EMUL_RAX] = f.gpr[EMUL_RDX] = ~0ull;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x55667788);
	ck_assert_uint_eq(f.gpr[EMUL_RDX], 0x11223344);
	SETUP(EMUL_LONG64, 0, "\x0f\x32");
	f.gpr[EMUL_RCX] = 0x999;
	expect_gp(13, 0);
	SETUP(EMUL_LONG64, 0, "\x0f\x30");
	f.gpr[EMUL_RCX] = 0xc0000102;
	f.gpr[EMUL_RAX] = 0xaaaaaaaa12345678;
	f.gpr[EMUL_RDX] = 0xbbbbbbbb00000001;
	expect_ok(2);
	ck_assert_uint_eq(f.msr_gs, 0x112345678);
	SETUP(EMUL_LONG64, 0, "\x0f\xa2");
	f.gpr[EMUL_RAX] = 0xffffffff00000007;
	f.gpr[EMUL_RCX] = 1;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 8);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], 4);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\xf8"); /* SWAPGS */
	f.msr_gs = 0x1000;
	f.c.seg[EMUL_GS].base = 0x2000;
	expect_ok(3);
	ck_assert_uint_eq(f.msr_gs, 0x2000);
	ck_assert_uint_eq(f.c.seg[EMUL_GS].base, 0x1000);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\xd1"); /* XSETBV */
	f.gpr[EMUL_RAX] = 7;
	expect_fault(6);
	f.c.cr4 |= BIT(18);
	expect_ok(3);
	ck_assert_uint_eq(f.xcr0, 7);
	SETUP(EMUL_LONG64, 3, "\x0f\x01\xd1");
	f.c.cr4 |= BIT(18);
	expect_gp(13, 0);
	SETUP(EMUL_LONG64, 3, "\x0f\x01\xd0");
	f.c.cr4 |= BIT(18);
	f.xcr0 = 0x300000007;
	expect_ok(3);
	ck_assert_uint_eq(f.gpr[EMUL_RDX], 3);
	/* RDFSBASE, WRGSBASE */
	SETUP(EMUL_LONG64, 3, "\xf3\x48\x0f\xae\xc0");
	expect_fault(6);
	f.c.cr4 |= BIT(16);
	f.c.seg[EMUL_FS].base = 0x123456789a;
	expect_ok(5);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x123456789a);
	SETUP(EMUL_LONG64, 3, "\xf3\x48\x0f\xae\xd8");
	f.c.cr4 |= BIT(16);
	f.gpr[EMUL_RAX] = 0x800000000000;
	expect_gp(13, 0);
	f.gpr[EMUL_RAX] = 0x700000000000;
	expect_ok(5);
	ck_assert_uint_eq(f.c.seg[EMUL_GS].base, 0x700000000000);
}
END_TEST

START_TEST(tables_and_caches)
{
	SETUP(EMUL_LONG64, 0, "\x0f\x01\x0f"); /* SIDT */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(3);
	ck_assert_uint_eq(mem(FAKE_DATA, 2), 0x3ff);
	ck_assert_uint_eq(mem(FAKE_DATA + 2, 8), 0x123456);
	SETUP(EMUL_PROT32, 0, "\x0f\x01\x07"); /* SGDT: 6 bytes */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, ~0ull, 8);
	expect_ok(3);
	ck_assert_uint_eq(mem(FAKE_DATA, 8), 0xffff0000100000ff);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\x1f"); /* LIDT */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0xfff, 2);
	put(FAKE_DATA + 2, 0xffff800000001000, 8);
	expect_ok(3);
	ck_assert_uint_eq(f.c.idtr.base, 0xffff800000001000);
	ck_assert_uint_eq(f.c.dirty, EMUL_B_IDTR);
	SETUP(EMUL_LONG64, 0, "\x0f\x01\x17"); /* LGDT with a bad base */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA + 2, 0x800000000000, 8);
	expect_gp(13, 0);
	SETUP(EMUL_LONG64, 0, "\x65\x0f\x01\x3f"); /* INVLPG gs:[rdi] */
	f.c.seg[EMUL_GS].base = 0x1000;
	f.gpr[EMUL_RDI] = 0x800000000000;
	expect_ok(4);
	ck_assert_uint_eq(f.misc_arg, 0x800000001000);
	SETUP(EMUL_PROT32, 0, "\x0f\x01\x3f");
	f.c.seg[EMUL_DS].base = 0xfffff000;
	f.gpr[EMUL_RDI] = 0x2000;
	expect_ok(3);
	ck_assert_uint_eq(f.misc_arg, 0x1000);
	SETUP(EMUL_LONG64, 0, "\x0f\x08");
	expect_ok(2);
	SETUP(EMUL_LONG64, 0, "\x0f\x09");
	expect_ok(2);
	ck_assert_uint_eq(f.misc_mask, 1u << EMUL_MISC_WBINVD);
	SETUP(EMUL_LONG64, 3, "\xf3\x90");
	expect_ok(2);
	ck_assert_uint_eq(f.misc_mask, 1u << EMUL_MISC_PAUSE);
	SETUP(EMUL_LONG64, 3, "\x0f\xae\x3f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(3);
	ck_assert_uint_eq(f.misc_mask, 1u << EMUL_MISC_CLFLUSH);
	SETUP(EMUL_LONG64, 3, "\x0f\xae\xf0"); /* MFENCE */
	expect_ok(3);
	SETUP(EMUL_LONG64, 3, "\x0f\xae\xe0");
	expect_fault(6);
}
END_TEST

/* --- vectors and x87 --- */

START_TEST(simd_rules)
{
	SETUP(EMUL_LONG64, 0, "\x0f\x28\x07"); /* MOVAPS wants 16 bytes' alignment */
	f.gpr[EMUL_RDI] = FAKE_DATA + 8;
	expect_gp(13, 0);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x1111, 8);
	put(FAKE_DATA + 8, 0x2222, 8);
	expect_ok(3);
	ck_assert_uint_eq(f.xmm[0][0], 0x1111);
	ck_assert_uint_eq(f.xmm[0][1], 0x2222);
	SETUP(EMUL_LONG64, 0, "\x0f\x28\x07");
	f.c.cr4 &= ~BIT(9); /* OSFXSR */
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\x0f\x28\x07");
	f.c.cr0 |= BIT(2); /* EM */
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\x0f\x28\x07");
	f.c.cr0 |= BIT(3); /* TS */
	expect_fault(7);
	SETUP(EMUL_LONG64, 0, "\x0f\x6f\x07"); /* MMX does not need OSFXSR */
	f.c.cr4 &= ~BIT(9);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x42, 8);
	expect_ok(3);
	ck_assert_uint_eq(f.mm[0], 0x42);
	SETUP(EMUL_LONG64, 0, "\x0f\x77");
	expect_ok(2);
	ck_assert_uint_eq(f.fpu_mask, 1u << EMUL_FPU_EMMS);
	/* MXCSR */
	SETUP(EMUL_LONG64, 0, "\x0f\xae\x1f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(3);
	ck_assert_uint_eq(mem(FAKE_DATA, 4), 0x1f80);
	SETUP(EMUL_LONG64, 0, "\x0f\xae\x17");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x11f80, 4);
	expect_gp(13, 0);
	put(FAKE_DATA, 0x1fa0, 4);
	expect_ok(3);
	ck_assert_uint_eq(f.out_last, 0x1fa0);
	SETUP(EMUL_LONG64, 0, "\x0f\xae\x17");
	f.c.cr4 &= ~BIT(9);
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\x0f\xae\x17");
	f.c.cr0 |= BIT(3);
	expect_fault(7);
}
END_TEST

/* 32 or 64 bits whatever the code's size; 66, F2 and F3 make it no instruction. */
START_TEST(movnti)
{
	static const enum emul_mode modes[] = { EMUL_REAL, EMUL_PROT16, EMUL_PROT32, EMUL_LONG64 };

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		SETUP(modes[i], 0, "\x0f\xc3\x07"); /* to DS:BX, and [RDI] */
		f.gpr[modes[i] < EMUL_PROT32 ? EMUL_RBX : EMUL_RDI] = 0x4000;
		f.gpr[EMUL_RAX] = 0x1122334455667788;
		put(0x4000, ~0ull, 8);
		expect_ok(3);
		ck_assert_uint_eq(mem(0x4000, 8), 0xffffffff55667788);
	}
	SETUP(EMUL_LONG64, 0, "\x48\x0f\xc3\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RAX] = 0x1122334455667788;
	expect_ok(4);
	ck_assert_uint_eq(mem(FAKE_DATA, 8), 0x1122334455667788);
	SETUP(EMUL_PROT16, 0, "\x66\x0f\xc3\x07");
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\xf3\x0f\xc3\x07");
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\x0f\xc3\xc7"); /* of memory only */
	expect_fault(6);
}
END_TEST

/* The moves of those who read or write video memory with more than MOVs. */
START_TEST(simd_video)
{
	SETUP(EMUL_LONG64, 0, "\x66\x0f\x38\x2a\x07"); /* MOVNTDQA wants alignment */
	f.gpr[EMUL_RDI] = FAKE_DATA + 8;
	expect_gp(13, 0);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x1111, 8);
	put(FAKE_DATA + 8, 0x2222, 8);
	expect_ok(5);
	ck_assert(f.xmm[0][0] == 0x1111 && f.xmm[0][1] == 0x2222);
	SETUP(EMUL_PROT32, 0, "\xf2\x0f\xf0\x0f"); /* LDDQU does not */
	f.gpr[EMUL_RDI] = FAKE_DATA + 1;
	put(FAKE_DATA + 1, 0x3333, 8);
	expect_ok(4);
	ck_assert_uint_eq(f.xmm[1][0], 0x3333);
	SETUP(EMUL_LONG64, 0, "\xf2\x0f\xf0\xc1"); /* of memory only */
	expect_fault(6);
	SETUP(EMUL_LONG64, 0, "\xf3\x0f\x16\x07"); /* MOVSHDUP wants it */
	f.gpr[EMUL_RDI] = FAKE_DATA + 8;
	expect_gp(13, 0);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x1111222233334444, 8);
	put(FAKE_DATA + 8, 0x5555666677778888, 8);
	expect_ok(4);
	ck_assert(f.xmm[0][0] == 0x1111222211112222 && f.xmm[0][1] == 0x5555666655556666);
	SETUP(EMUL_PROT32, 0, "\xf3\x0f\x12\xc1"); /* MOVSLDUP XMM0, XMM1 */
	f.xmm[1][0] = 0x1111222233334444;
	expect_ok(4);
	ck_assert(f.xmm[0][0] == 0x3333444433334444 && f.xmm[0][1] == 0);
	SETUP(EMUL_LONG64, 0, "\xf2\x0f\x12\x07"); /* MOVDDUP reads eight bytes */
	f.gpr[EMUL_RDI] = FAKE_MMIO + 3;
	put(FAKE_MMIO + 3, 0x1111222233334444, 8);
	expect_ok(4);
	ck_assert(f.xmm[0][0] == 0x1111222233334444 && f.xmm[0][1] == 0x1111222233334444);
	ck_assert(f.nr_mmio == 1 && f.mmio[0].len == 8);
	SETUP(EMUL_LONG64, 0, "\x66\x0f\xf7\xca"); /* MASKMOVDQU XMM1, XMM2 */
	f.gpr[EMUL_RDI] = FAKE_MMIO + 1;
	f.xmm[1][0] = 0x8877665544332211;
	f.xmm[1][1] = 0xffeeddccbbaa0099;
	f.xmm[2][0] = 0x80ff00007f8000ff;
	f.xmm[2][1] = 0x8000000000000080;
	memset(f.mem + FAKE_MMIO, 0, 32);
	expect_ok(4);
	ck_assert_uint_eq(mem(FAKE_MMIO + 1, 8), 0x8877000000330011);
	ck_assert_uint_eq(mem(FAKE_MMIO + 9, 8), 0xff00000000000099);
	ck_assert_uint_eq(f.nr_mmio, 4);         /* neighbours at once: the one at 6 and 7, and 8 */
	SETUP(EMUL_REAL, 0, "\x26\x0f\xf7\xca"); /* MASKMOVQ to ES:DI */
	f.gpr[EMUL_RDI] = 0xffff0010;
	f.c.seg[EMUL_ES].base = FAKE_DATA;
	f.mm[1] = 0x1122334455667788;
	f.mm[2] = 0x8000000000000080;
	put(FAKE_DATA + 0x10, 0x9999999999999999, 8);
	expect_ok(4);
	ck_assert_uint_eq(mem(FAKE_DATA + 0x10, 8), 0x1199999999999988);
	SETUP(EMUL_LONG64, 0, "\x0f\xf7\x0f"); /* of registers only */
	expect_fault(6);
}
END_TEST

/* Every escape and middle of ModRM: what it moves, which way, and how much. */
START_TEST(x87_memory)
{
	/* SDM vol. 2, "D8 to DF Opcode Map When ModR/M Byte is Within 00H to BFH": operands in bytes, stores negative. */
	static const s8 sizes[8][8] = {
		{ 4, 4, 4, 4, 4, 4, 4, 4 },       { 4, 0, -4, -4, 0, 0, 0, 0 },      { 4, 4, 4, 4, 4, 4, 4, 4 },
		{ 4, -4, -4, -4, 0, 10, 0, -10 }, { 8, 8, 8, 8, 8, 8, 8, 8 },        { 8, -8, -8, -8, 0, 0, 0, 0 },
		{ 2, 2, 2, 2, 2, 2, 2, 2 },       { 2, -2, -2, -2, 10, 8, -10, -8 },
	};

	for (u32 i = 0; i < 64; i++) {
		s8 size = sizes[i / 8][i % 8];
		char code[] = { (char)(0xd8 + i / 8), (char)(0x40 | (i % 8) << 3 | 7), 0x11 };
		u32 len = (u32)(size < 0 ? -size : size);

		if (!size)
			continue;
		setup(EMUL_LONG64, 0, code, sizeof(code));
		f.gpr[EMUL_RDI] = FAKE_MMIO;
		memset(f.mem + FAKE_MMIO, 0x5a, 64);
		expect_ok(3);
		ck_assert_int_eq(f.x87_runs, 1);
		ck_assert(f.x87.op == i && f.x87.len == len && f.x87.store == (size < 0));
		ck_assert(f.x87.rm == 0x47 && f.x87.ip == FAKE_CODE && f.x87.ea == FAKE_MMIO + 0x11);
		for (u32 b = 0; b < len; b++)
			ck_assert_uint_eq(size < 0 ? f.mem[FAKE_MMIO + 0x11 + b] : f.x87.data[b],
			                  size < 0 ? 0xb0 + len : 0x5a);
		ck_assert_uint_eq(f.mem[FAKE_MMIO + 0x11 + len], 0x5a);
	}
}
END_TEST

/* A store that faults has not run; nor a load. */
START_TEST(x87_memory_faults)
{
	SETUP(EMUL_LONG64, 0, "\xdf\x3f"); /* FISTP m64 */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.page[FAKE_DATA / 4096] = PAGE_RO;
	expect_fault(14);
	ck_assert_int_eq(f.x87_runs, 0);
	f.page[FAKE_DATA / 4096] = 0;
	f.x87_stops = true; /* an unmasked exception: FSW tells, memory does not change */
	put(FAKE_DATA, 0x1122334455667788, 8);
	expect_ok(2);
	ck_assert_int_eq(f.x87_runs, 1);
	ck_assert_uint_eq(mem(FAKE_DATA, 8), 0x1122334455667788);
	SETUP(EMUL_LONG64, 0, "\xdf\x2f"); /* FILD m64 */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.page[FAKE_DATA / 4096] = PAGE_NONE;
	expect_fault(14);
	ck_assert_int_eq(f.x87_runs, 0);
	SETUP(EMUL_REAL, 0, "\xdd\x1a"); /* FSTP m64 [BP+SI]: the stack's segment ends before it does */
	f.gpr[EMUL_RBP] = 0xfff0;
	f.gpr[EMUL_RSI] = 0x0d;
	expect_fault(12);
	ck_assert_int_eq(f.x87_runs, 0);
	SETUP(EMUL_LONG64, 0, "\xdd\x1f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.c.cr0 |= BIT(3);
	expect_fault(7);
	ck_assert_int_eq(f.x87_runs, 0);
}
END_TEST

START_TEST(x87_control)
{
	SETUP(EMUL_REAL, 0, "\xdb\xe3");
	expect_ok(2);
	ck_assert_uint_eq(f.fpu_mask, 1u << EMUL_FPU_INIT);
	SETUP(EMUL_REAL, 0, "\xdb\xe2");
	expect_ok(2);
	SETUP(EMUL_REAL, 0, "\xd9\xd0");
	expect_ok(2);
	SETUP(EMUL_LONG64, 0, "\xd9\x3f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(2);
	ck_assert_uint_eq(mem(FAKE_DATA, 4), 0x37f);
	SETUP(EMUL_LONG64, 0, "\xd9\x2f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x27f, 2);
	expect_ok(2);
	ck_assert_uint_eq(f.out_last, 0x27f);
	SETUP(EMUL_LONG64, 0, "\xdd\x3f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok(2);
	ck_assert_uint_eq(mem(FAKE_DATA, 2), 0x3800);
	SETUP(EMUL_LONG64, 0, "\xdf\xe0");
	f.gpr[EMUL_RAX] = 0x12345678;
	expect_ok(2);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x12343800);
	SETUP(EMUL_LONG64, 0, "\xdb\xe3");
	f.c.cr0 |= BIT(3);
	expect_fault(7);
	SETUP(EMUL_LONG64, 0, "\x9b");
	expect_ok(1);
	SETUP(EMUL_LONG64, 0, "\x9b");
	f.c.cr0 |= BIT(3) | BIT(1);
	expect_fault(7);
}
END_TEST

/* An ops table with only the mandatory members refuses what it cannot do, and does the rest. */
START_TEST(missing_ops)
{
	static const struct emul_ops bare = {
		.load = fake_load, .fetch = fake_fetch, .read = fake_read, .write = fake_write
	};
	static const struct {
		const char *code;
		u32 n;
		int rc;
	} t[] = {
		{ "\xec", 1, EMUL_UNSUPPORTED },         { "\xee", 1, EMUL_UNSUPPORTED },
		{ "\x6c", 1, EMUL_UNSUPPORTED },         { "\x6e", 1, EMUL_UNSUPPORTED },
		{ "\xf4", 1, EMUL_UNSUPPORTED },         { "\x0f\x20\xd0", 3, EMUL_UNSUPPORTED },
		{ "\x0f\x20\xc0", 3, EMUL_OK },          { "\x0f\x20\xe0", 3, EMUL_OK },
		{ "\x0f\x22\xc0", 3, EMUL_UNSUPPORTED }, { "\x0f\x21\xc0", 3, EMUL_UNSUPPORTED },
		{ "\x0f\x23\xc0", 3, EMUL_UNSUPPORTED }, { "\x0f\x32", 2, EMUL_UNSUPPORTED },
		{ "\x0f\x30", 2, EMUL_UNSUPPORTED },     { "\x0f\x31", 2, EMUL_UNSUPPORTED },
		{ "\x0f\x33", 2, EMUL_UNSUPPORTED },     { "\x0f\xa2", 2, EMUL_UNSUPPORTED },
		{ "\x0f\x01\xf8", 3, EMUL_UNSUPPORTED }, { "\x0f\x01\x3f", 3, EMUL_UNSUPPORTED },
		{ "\x0f\x10\x07", 3, EMUL_UNSUPPORTED }, { "\xdb\xe3", 2, EMUL_UNSUPPORTED },
		{ "\x9b", 1, EMUL_UNSUPPORTED },         { "\x0f\xae\x17", 3, EMUL_UNSUPPORTED },
		{ "\x0f\x05", 2, EMUL_UNSUPPORTED },     { "\x0f\xae\x3f", 3, EMUL_OK },
		{ "\xf0\x01\x07", 3, EMUL_OK },          { "\xf3\xaa", 2, EMUL_OK },
		{ "\xf0\x0f\xc7\x0f", 4, EMUL_OK },      { "\xf3\x90", 2, EMUL_OK },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup(EMUL_LONG64, 0, t[i].code, t[i].n);
		f.c.ops = &bare;
		f.gpr[EMUL_RDI] = FAKE_DATA;
		f.gpr[EMUL_RCX] = 3;
		ck_assert_int_eq(emul_run(&f.c), t[i].rc);
		ck_assert_uint_eq(f.c.rip, FAKE_CODE + (t[i].rc == EMUL_OK ? t[i].n : 0));
	}
}
END_TEST

/* Decimal instructions against values worked out by hand from the SDM's pseudo-code. */
START_TEST(decimal)
{
	static const struct {
		u8 op[2], n;
		u16 ax;
		u32 fl;
		u16 ax_out;
		u32 fl_out;
	} t[] = {
		{ { 0x27 }, 1, 0x00ae, 0x02, 0x0014, 0x17 }, /* DAA: AE + 66 */
		{ { 0x27 }, 1, 0x000a, 0x02, 0x0010, 0x12 },
		{ { 0x27 }, 1, 0x0099, 0x02, 0x0099, 0x86 },
		{ { 0x2f }, 1, 0x00ff, 0x13, 0x0099, 0x97 }, /* DAS */
		{ { 0x2f }, 1, 0x0005, 0x12, 0x00ff, 0x97 },
		{ { 0x37 }, 1, 0x000a, 0x02, 0x0100, 0x57 }, /* AAA */
		{ { 0x37 }, 1, 0x0105, 0x02, 0x0105, 0x06 },
		{ { 0x3f }, 1, 0x020a, 0x02, 0x0104, 0x13 }, /* AAS */
		{ { 0xd4, 10 }, 2, 0x002d, 0x02, 0x0405, 0x06 },
		{ { 0xd5, 10 }, 2, 0x0405, 0x02, 0x002d, 0x06 },
		{ { 0xd6 }, 1, 0x1200, 0x03, 0x12ff, 0x03 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		fake_init(&f, EMUL_PROT32, 0, t[i].op, t[i].n);
		f.gpr[EMUL_RAX] = t[i].ax;
		f.c.rflags = t[i].fl;
		expect_ok(t[i].n);
		ck_assert_uint_eq(f.gpr[EMUL_RAX], t[i].ax_out);
		ck_assert_uint_eq(f.c.rflags, t[i].fl_out);
	}
}
END_TEST

/* The exit told the page of the operand but not its linear address: the short way for MOV knows. */
START_TEST(operand_hint)
{
	static const char store[] = "\x89\x07", add[] = "\x01\x07"; /* [rdi], eax */

	SETUP(EMUL_LONG64, 0, store);
	f.gpr[EMUL_RDI] = FAKE_MMIO + 0xb0;
	f.c.hint_offset = true;
	f.c.hint_gpa = 0xfee000b0;
	expect_ok(2);
	ck_assert(f.c.hint_valid);
	ck_assert_uint_eq(f.c.hint_lin, FAKE_MMIO + 0xb0);
	/* Another offset, another way: the operand's translation is not known. */
	SETUP(EMUL_LONG64, 0, store);
	f.gpr[EMUL_RDI] = FAKE_MMIO + 0xb0;
	f.c.hint_offset = true;
	f.c.hint_gpa = 0xfee000c0;
	expect_ok(2);
	ck_assert(!f.c.hint_valid);
	SETUP(EMUL_LONG64, 0, add);
	f.gpr[EMUL_RDI] = FAKE_MMIO + 0xb0;
	f.c.hint_offset = true;
	f.c.hint_gpa = 0xfee000b0;
	expect_ok(2);
	ck_assert(!f.c.hint_valid);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("emul");
	TCase *tc = tcase_create("emul");
	SRunner *r;
	int failed;

	tcase_add_loop_test(tc, page_fault_undone, 0, ARRAY_SIZE(touching));
	tcase_add_loop_test(tc, read_only_undone, 0, ARRAY_SIZE(touching));
	tcase_add_test(tc, second_access_faults);
	tcase_add_test(tc, page_crossing);
	tcase_add_test(tc, mmio_accesses);
	tcase_add_test(tc, lazy_state);
	tcase_add_test(tc, locked);
	tcase_add_test(tc, op_stops);
	tcase_add_test(tc, rep_fault_midway);
	tcase_add_test(tc, rep_is_bounded);
	tcase_add_test(tc, rep_details);
	tcase_add_test(tc, rep_in_time);
	tcase_add_test(tc, port_io);
	tcase_add_test(tc, string_io_direct);
	tcase_add_test(tc, port_at_once);
	tcase_add_test(tc, io_bitmap);
	tcase_add_test(tc, segment_limits);
	tcase_add_test(tc, alignment_check);
	tcase_add_test(tc, real_mode);
	tcase_add_test(tc, vm86);
	tcase_add_loop_test(tc, privileged_instructions, 0, ARRAY_SIZE(privileged));
	tcase_add_test(tc, flag_rules);
	tcase_add_test(tc, umip_tsd_pce);
	tcase_add_test(tc, software_interrupts);
	tcase_add_test(tc, control_registers);
	tcase_add_test(tc, msrs_and_cpuid);
	tcase_add_test(tc, tables_and_caches);
	tcase_add_test(tc, alignment_of_tables);
	tcase_add_test(tc, no_such_registers);
	tcase_add_test(tc, simd_rules);
	tcase_add_test(tc, movnti);
	tcase_add_test(tc, simd_video);
	tcase_add_test(tc, x87_memory);
	tcase_add_test(tc, x87_memory_faults);
	tcase_add_test(tc, x87_control);
	tcase_add_test(tc, missing_ops);
	tcase_add_test(tc, decimal);
	tcase_add_test(tc, operand_hint);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
