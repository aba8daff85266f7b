/*
 * The emulator's arithmetic against slow references written differently (bit by bit, or with wider integers), and the
 * user-mode instructions' plumbing with one known answer each; the differential test has the millions.
 */
#include "quick_check.h"
#include <stdlib.h>

#include "tests/unit/emul_fake.h"
#include "vmm/emul/insn.h"

static struct fake f;

static u64 ref_szp(u64 v, u32 size)
{
	u32 ones = 0;

	for (u32 i = 0; i < 8; i++)
		ones += (v >> i) & 1;
	return (ones % 2 ? 0 : FL_PF) | (v ? 0 : FL_ZF) | (v >> (8 * size - 1) ? FL_SF : 0);
}

/* Ripple-carry addition: CF, AF and OF straight from the carries. */
static u64 ref_add(u64 a, u64 b, u32 cin, u32 size, u64 *fl)
{
	u64 res = 0;
	u32 c = cin, prev = 0;

	*fl = 0;
	for (u32 i = 0; i < 8 * size; i++) {
		u32 s = (u32)((a >> i) & 1) + (u32)((b >> i) & 1) + c;

		prev = c;
		c = s >> 1;
		res |= (u64)(s & 1) << i;
		if (i == 3 && c)
			*fl |= FL_AF;
	}
	*fl |= (c ? FL_CF : 0) | (c != prev ? FL_OF : 0) | ref_szp(res, size);
	return res;
}

START_TEST(add_sub_bytes)
{
	for (u32 a = 0; a < 256; a++)
		for (u32 b = 0; b < 256; b++)
			for (u32 cin = 0; cin < 2; cin++) {
				u64 want, got = 0, res = ref_add(a, b, cin, 1, &want);

				ck_assert_uint_eq(alu_add(a, b, cin, 1, &got), res);
				ck_assert_uint_eq(got, want);
				/* a - b - c is a + ~b + !c with CF and AF inverted */
				res = ref_add(a, b ^ 0xff, !cin, 1, &want);
				want ^= FL_CF | FL_AF;
				got = FL_ARITH | FL_DF;
				ck_assert_uint_eq(alu_sub(a, b, cin, 1, &got), res);
				ck_assert_uint_eq(got, want | FL_DF);
			}
}
END_TEST

static const u64 edges[] = { 0,
	                     1,
	                     0x7f,
	                     0x80,
	                     0xff,
	                     0x7fff,
	                     0x8000,
	                     0xffff,
	                     0x7fffffff,
	                     0x80000000,
	                     0xffffffff,
	                     0x7fffffffffffffff,
	                     0x8000000000000000,
	                     ~0ull,
	                     0x123456789abcdef0 };

START_TEST(add_sub_wide)
{
	for (u32 s = 2; s <= 8; s *= 2)
		for (u32 i = 0; i < ARRAY_SIZE(edges); i++)
			for (u32 k = 0; k < ARRAY_SIZE(edges); k++) {
				u64 m = size_mask(s), want, got = 0;
				u64 res = ref_add(edges[i] & m, edges[k] & m, 1, s, &want);

				ck_assert_uint_eq(alu_add(edges[i], edges[k], 1, s, &got), res);
				ck_assert_uint_eq(got, want);
				res = ref_add(edges[i] & m, ~edges[k] & m, 1, s, &want);
				ck_assert_uint_eq(alu_sub(edges[i], edges[k], 0, s, &got), res);
				ck_assert_uint_eq(got, want ^ (FL_CF | FL_AF));
			}
}
END_TEST

/* One position at a time. */
static u64 ref_shift(u32 kind, u64 a, u32 n, u32 size, u32 *cf)
{
	u64 m = size_mask(size), top = BIT(8 * size - 1);

	for (; n; n--) {
		u32 hi = (a & top) != 0, lo = a & 1, old = *cf;

		switch (kind) {
		case 0: a = (a << 1 | hi) & m, *cf = hi; break;
		case 1: a = a >> 1 | (lo ? top : 0), *cf = lo; break;
		case 2: a = (a << 1 | old) & m, *cf = hi; break;
		case 3: a = a >> 1 | (old ? top : 0), *cf = lo; break;
		case 5: a >>= 1, *cf = lo; break;
		case 7: a = a >> 1 | (hi ? top : 0), *cf = lo; break;
		default: a = (a << 1) & m, *cf = hi; break;
		}
	}
	return a;
}

START_TEST(shifts)
{
	for (u32 kind = 0; kind < 8; kind++)
		for (u32 s = 1; s <= 8; s *= 2)
			for (u32 n = 0; n < 70; n++)
				for (u32 i = 0; i < ARRAY_SIZE(edges) * 2; i++) {
					u64 a = edges[i / 2] & size_mask(s), fl = i & 1 ? FL_CF : 0;
					u32 masked = n & (s == 8 ? 63 : 31), cf = i & 1;
					u64 want = ref_shift(kind, a, masked, s, &cf);

					ck_assert_uint_eq(alu_shift(kind, a, n, s, &fl), want);
					ck_assert_uint_eq(fl & FL_CF, cf);
					if (kind >= 4 && masked)
						ck_assert_uint_eq(fl & ALU_SZP, ref_szp(want, s));
					if (masked == 1) /* OF: the sign changed */
						ck_assert_uint_eq(!(fl & FL_OF),
						                  kind == 7 || !((a ^ want) >> (8 * s - 1)));
				}
}
END_TEST

START_TEST(double_shifts)
{
	for (u32 s = 2; s <= 8; s *= 2)
		for (u32 n = 0; n <= 8 * s; n++)
			for (u32 i = 0; i < ARRAY_SIZE(edges); i++)
				for (u32 k = 0; k < ARRAY_SIZE(edges); k++) {
					u64 m = size_mask(s), a = edges[i] & m, b = edges[k] & m, l = a, r = a,
					    fl = 0;
					u32 count = n & (s == 8 ? 63 : 31), cl = 0, cr = 0;

					for (u32 j = 0; j < count; j++) {
						cl = l >> (8 * s - 1) & 1;
						l = (l << 1 | (b >> (8 * s - 1 - j) & 1)) & m;
						cr = r & 1;
						r = r >> 1 | (b >> j & 1) << (8 * s - 1);
					}
					ck_assert_uint_eq(alu_shld(a, b, n, s, &fl), l);
					ck_assert_uint_eq(fl & FL_CF, cl);
					fl = 0;
					ck_assert_uint_eq(alu_shrd(a, b, n, s, &fl), r);
					ck_assert_uint_eq(fl & FL_CF, cr);
				}
}
END_TEST

START_TEST(multiply_divide)
{
	for (u32 s = 1; s <= 8; s *= 2)
		for (u32 i = 0; i < ARRAY_SIZE(edges); i++)
			for (u32 k = 0; k < ARRAY_SIZE(edges); k++) {
				u64 m = size_mask(s), a = edges[i] & m, b = edges[k] & m, lo, hi, fl, q, r;
				unsigned __int128 p = (unsigned __int128)a * b;

				fl = 0;
				alu_mul(a, b, s, false, &lo, &hi, &fl);
				ck_assert(lo == ((u64)p & m) && hi == ((u64)(p >> (8 * s)) & m));
				ck_assert(!(fl & FL_CF) == !hi);
				/* p / b = a, and p + (b - 1) leaves b - 1 */
				if (b) {
					ck_assert(alu_div(hi, lo, b, s, false, &q, &r));
					ck_assert(q == a && r == 0);
					ck_assert(!alu_div(b, lo, b, s, false, &q, &r)); /* quotient too big */
				} else {
					ck_assert(!alu_div(hi, lo, b, s, false, &q, &r));
					ck_assert(!alu_div(hi, lo, b, s, true, &q, &r));
				}
				alu_mul(a, b, s, true, &lo, &hi, &fl);
				if (b) {
					ck_assert(alu_div(hi, lo, b, s, true, &q, &r));
					ck_assert(q == a && r == 0);
				}
				/* CF: the product is not its low half's sign extension */
				ck_assert(!(fl & FL_CF) == (hi == (lo >> (8 * s - 1) ? m : 0)));
			}
}
END_TEST

START_TEST(division_limits)
{
	u64 q, r;

	ck_assert(alu_div(0xffffffff, (u32)-7, 2, 4, true, &q, &r)); /* -7 / 2 = -3, -1 */
	ck_assert(q == (u32)-3 && r == (u32)-1);
	ck_assert(alu_div(0xffffffff, 0x80000000, 1, 4, true, &q, &r)); /* the most negative fits */
	ck_assert(q == 0x80000000 && r == 0);
	ck_assert(!alu_div(0, 0x80000000, 1, 4, true, &q, &r)); /* its negative does not */
	ck_assert(!alu_div(0xffffffff, 0x80000000, 0xffffffff, 4, true, &q, &r));
	ck_assert(alu_div(1, 0, ~0ull, 8, false, &q, &r)); /* 2^64 / (2^64 - 1) */
	ck_assert(q == 1 && r == 1);
	ck_assert(alu_div(0x7ffffffffffffffe, ~0ull, 0x7fffffffffffffff, 8, false, &q, &r));
}
END_TEST

START_TEST(conditions)
{
	for (u32 bits = 0; bits < 32; bits++) {
		bool c = bits & 1, z = bits & 2, s = bits & 4, o = bits & 8, p = bits & 16;
		u64 fl = (c ? FL_CF : 0) | (z ? FL_ZF : 0) | (s ? FL_SF : 0) | (o ? FL_OF : 0) | (p ? FL_PF : 0);
		bool want[8] = { o, c, z, c || z, s, p, s != o, z || s != o };

		for (u32 cc = 0; cc < 16; cc++)
			ck_assert(alu_cond(fl, cc) == (want[cc / 2] != (cc & 1)));
	}
}
END_TEST

/* RAX, RCX, RDX, RBX in; memory quadword at RDI in; what comes out of RAX and memory, and arithmetic flags. */
static const struct {
	const char *code;
	u32 n;
	u64 rax, rcx, rdx, mem;
	u64 rax_out, mem_out, fl;
} known[] = {
	{ "\x48\x01\xc8", 3, 5, ~0ull, 0, 0, 4, 0, FL_CF | FL_AF },
	{ "\x00\xe0", 2, 0x0180, 0, 0, 0, 0x0181, 0, FL_SF | FL_PF },                /* ADD AL, AH */
	{ "\x40\x88\xe0", 3, 0, 0, 0, 0, 0, 0, 0 },                                  /* MOV AL, SPL */
	{ "\x11\x0f", 2, 0, 1, 0, 0xffffffff, 0, 0, FL_CF | FL_AF | FL_ZF | FL_PF }, /* ADC [rdi], ECX */
	{ "\x19\xc8", 2, 0, 1, 0, 0, 0xffffffff, 0, FL_CF | FL_AF | FL_SF | FL_PF }, /* SBB */
	{ "\x09\xc8", 2, 0xf0, 0x0f, 0, 0, 0xff, 0, FL_PF },                         /* OR */
	{ "\x24\x0f", 2, 0x1f3, 0, 0, 0, 0x103, 0, FL_PF },                          /* AND AL */
	{ "\x34\xff", 2, 0x0f, 0, 0, 0, 0xf0, 0, FL_SF | FL_PF },                    /* XOR AL */
	{ "\x3c\x01", 2, 0, 0, 0, 0, 0, 0, FL_CF | FL_AF | FL_SF | FL_PF },          /* CMP AL */
	{ "\xa8\x80", 2, 0x80, 0, 0, 0, 0x80, 0, FL_SF },                            /* TEST AL */
	{ "\xf7\xd0", 2, 0xf, 0, 0, 0, 0xfffffff0, 0, 0 },                           /* NOT */
	{ "\xf6\x1f", 2, 0, 0, 0, 1, 0, 0xff, FL_CF | FL_AF | FL_SF | FL_PF },       /* NEG */
	{ "\xfe\xc0", 2, 0xff, 0, 0, 0, 0, 0, FL_ZF | FL_AF | FL_PF },               /* INC AL */
	{ "\xff\x0f", 2, 0, 0, 0, 0, 0, 0xffffffff, FL_AF | FL_SF | FL_PF },         /* DEC */
	{ "\xd3\x27", 2, 0, 4, 0, 0x11, 0, 0x110, 0 },                               /* SHL [rdi], CL */
	{ "\x0f\xa4\xc8\x08", 4, 0x12345678, 0xab000000, 0, 0, 0x345678ab, 0, 0 },   /* SHLD Ib */
	{ "\x0f\xad\xc8", 3, 0x12345678, 8, 0, 0, 0x08123456, 0, FL_PF },            /* SHRD CL */
	{ "\x6b\xc1\xfe", 3, 0, 3, 0, 0, 0xfffffffa, 0, FL_SF | FL_PF },             /* IMUL 3 */
	{ "\x0f\xaf\xc1", 3, 5, 7, 0, 0, 35, 0, 0 },                                 /* IMUL 2 */
	{ "\xf6\xe1", 2, 0x12ff, 2, 0, 0, 0x1fe, 0, FL_CF | FL_OF | FL_SF },         /* MUL CL */
	{ "\xf7\xe9", 2, 3, 4, 0, 0, 12, 0, FL_PF },                                 /* IMUL ECX */
	{ "\xf6\xf1", 2, 0x107, 16, 0, 0, 0x710, 0, 0 },                             /* DIV CL */
	{ "\xf7\xf9", 2, 100, 7, 0, 0, 14, 0, 0 },                                   /* IDIV ECX */
	{ "\x0f\xa3\x0f", 3, 0, 65, 0, 2, 0, 2, 0 },                                 /* BT [rdi], ECX: 8 bytes on */
	{ "\x0f\xab\x0f", 3, 0, 33, 0, 0, 0, 0x200000000, 0 },                       /* BTS */
	{ "\x0f\xb3\x0f", 3, 0, 1, 0, 2, 0, 0, FL_CF },                              /* BTR */
	{ "\x0f\xba\x3f\x04", 4, 0, 0, 0, 0, 0, 0x10, 0 },                           /* BTC Ib */
	{ "\x0f\xbc\xc1", 3, 0, 0x80, 0, 0, 7, 0, 0 },                               /* BSF */
	{ "\x0f\xbd\xc1", 3, 9, 0, 0, 0, 9, 0, FL_ZF },                              /* BSR of zero */
	{ "\xf3\x0f\xbc\xc1", 4, 0, 0, 0, 0, 32, 0, FL_CF },                         /* TZCNT of zero */
	{ "\xf3\x0f\xbd\xc1", 4, 0, 0x80000000, 0, 0, 0, 0, FL_ZF },                 /* LZCNT */
	{ "\xf3\x0f\xb8\xc1", 4, 0, 0xff0f, 0, 0, 12, 0, 0 },                        /* POPCNT */
	{ "\x0f\xc8", 2, 0x11223344, 0, 0, 0, 0x44332211, 0, 0 },                    /* BSWAP */
	{ "\x66\x0f\xc8", 3, 0x11223344, 0, 0, 0, 0x11220000, 0, 0 },
	{ "\xf2\x0f\x38\xf0\xc1", 5, 0, 0x61, 0, 0, 0x93ad1061, 0, 0 }, /* CRC32C of "a", not inverted */
	{ "\xf2\x0f\x38\xf1\x07", 5, 0, 0, 0, 0, 0, 0, 0 },
	{ "\x0f\x38\xf0\x07", 4, 0, 0, 0, 0x11223344, 0x44332211, 0x11223344, 0 }, /* MOVBE */
	{ "\x66\x0f\x38\xf1\x07", 5, 0x1234, 0, 0, 0, 0x1234, 0x3412, 0 },
	{ "\x0f\xb6\xc4", 3, 0xab00, 0, 0, 0, 0xab, 0, 0 },                    /* MOVZX EAX, AH */
	{ "\x48\x0f\xbe\x07", 4, 0, 0, 0, 0x80, 0xffffffffffffff80, 0x80, 0 }, /* MOVSX */
	{ "\x48\x63\xc1", 3, 0, 0x80000000, 0, 0, 0xffffffff80000000, 0, 0 },  /* MOVSXD */
	{ "\x0f\xc3\x07", 3, 7, 0, 0, 0, 7, 7, 0 },                            /* MOVNTI */
	{ "\x48\x8d\x44\x8a\xfe", 5, 0, 3, 0x100, 0, 0x10a, 0, 0 },            /* LEA */
	{ "\x91", 1, 1, 0xffffffff00000002, 0, 0, 2, 0, 0 },                   /* XCHG EAX, ECX */
	{ "\x90", 1, ~0ull, 0, 0, 0, ~0ull, 0, 0 },                            /* NOP keeps the upper half */
	{ "\x87\x0f", 2, 0, 3, 0, 4, 0, 3, 0 },                                /* XCHG */
	{ "\x0f\xc1\x07", 3, 3, 0, 0, 4, 4, 7, 0 },                            /* XADD */
	{ "\x0f\xb1\x0f", 3, 4, 9, 0, 4, 4, 9, FL_ZF | FL_PF },                /* CMPXCHG, equal */
	{ "\x0f\xb1\x0f", 3, 5, 9, 0, 4, 4, 4, 0 },                            /* … and not */
	{ "\x0f\xc7\x0f", 3, 1, 7, 2, 0x200000001, 1, 0x700000000, FL_ZF },    /* CMPXCHG8B */
	{ "\x0f\xc7\x0f", 3, 1, 7, 2, 0x300000004, 4, 0x300000004, 0 },
	{ "\x0f\x94\xc0", 3, 0x1234, 0, 0, 0, 0x1200, 0, 0 },    /* SETE */
	{ "\x0f\x44\xc1", 3, ~0ull, 5, 0, 0, 0xffffffff, 0, 0 }, /* CMOVE, not taken */
	{ "\x0f\x45\xc1", 3, ~0ull, 5, 0, 0, 5, 0, 0 },
	{ "\x98", 1, 0x8000, 0, 0, 0, 0xffff8000, 0, 0 }, /* CWDE */
	{ "\x66\x98", 2, 0x80, 0, 0, 0, 0xff80, 0, 0 },
	{ "\xf9", 1, 0, 0, 0, 0, 0, 0, FL_CF },
	{ "\xf5", 1, 0, 0, 0, 0, 0, 0, FL_CF },
	{ "\xf8", 1, 0, 0, 0, 0, 0, 0, 0 },
	{ "\x9e", 1, 0xd700, 0, 0, 0, 0xd700, 0, 0xd5 }, /* SAHF */
	{ "\x9f", 1, 0, 0, 0, 0, 0x200, 0, 0 },          /* LAHF */
	{ "\xc6\x07\x12", 3, 0, 0, 0, 0, 0, 0x12, 0 },
	{ "\x48\xc7\x07\xff\xff\xff\xff", 7, 0, 0, 0, 0, 0, ~0ull, 0 },
	{ "\xb4\x12", 2, 0, 0, 0, 0, 0x1200, 0, 0 }, /* MOV AH */
	{ "\x0f\x1f\x07", 3, 0, 0, 0, 0, 0, 0, 0 },
};

START_TEST(known_answers)
{
	u64 v;

	fake_init(&f, EMUL_LONG64, 0, known[_i].code, known[_i].n);
	f.gpr[EMUL_RAX] = known[_i].rax;
	f.gpr[EMUL_RCX] = known[_i].rcx;
	f.gpr[EMUL_RDX] = known[_i].rdx;
	f.gpr[EMUL_RDI] = FAKE_DATA;
	memcpy(f.mem + FAKE_DATA, &known[_i].mem, 8);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + known[_i].n);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], known[_i].rax_out);
	memcpy(&v, f.mem + FAKE_DATA, 8);
	ck_assert_uint_eq(v, known[_i].mem_out);
	ck_assert_uint_eq(f.c.rflags & FL_ARITH, known[_i].fl);
}
END_TEST

/* MOFFS, XLAT, PUSH/POP, branches, ENTER/LEAVE in 64-bit mode. */
START_TEST(control_and_stack)
{
	u64 v;

	fake_init(&f, EMUL_LONG64, 0, "\xa1\x00\x00\x02\x00\x00\x00\x00\x00", 9);
	f.mem[FAKE_DATA] = 0x55;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x55);
	fake_init(&f, EMUL_LONG64, 0, "\xa2\x00\x00\x02\x00\x00\x00\x00\x00", 9);
	f.gpr[EMUL_RAX] = 0x66;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.mem[FAKE_DATA], 0x66);
	fake_init(&f, EMUL_LONG64, 0, "\xd7", 1);
	f.gpr[EMUL_RBX] = FAKE_DATA;
	f.gpr[EMUL_RAX] = 0xffffff05;
	f.mem[FAKE_DATA + 5] = 0x77;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0xffffff77);
	fake_init(&f, EMUL_LONG64, 0, "\x6a\xfe", 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	memcpy(&v, f.mem + FAKE_STACK - 8, 8);
	ck_assert_uint_eq(v, (u64)-2);
	fake_init(&f, EMUL_LONG64, 0, "\x8f\x04\x24", 3); /* POP [rsp]: the address uses the new RSP */
	memcpy(f.mem + FAKE_STACK, "abcdefgh", 8);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_mem_eq(f.mem + FAKE_STACK + 8, "abcdefgh", 8);
	fake_init(&f, EMUL_LONG64, 0, "\x8f\xc0", 2);
	f.mem[FAKE_STACK] = 9;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 9);
	fake_init(&f, EMUL_LONG64, 0, "\x5c", 1); /* POP RSP */
	f.mem[FAKE_STACK] = 9;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 9);
	fake_init(&f, EMUL_LONG64, 0, "\x74\x10", 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 2);
	fake_init(&f, EMUL_LONG64, 0, "\x75\xfe", 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE);
	fake_init(&f, EMUL_LONG64, 0, "\xe0\x10", 2); /* LOOPNE */
	f.gpr[EMUL_RCX] = 2;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 0x12);
	fake_init(&f, EMUL_LONG64, 0, "\xe3\x10", 2);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 0x12);
	fake_init(&f, EMUL_LONG64, 0, "\xff\xe0", 2);
	f.gpr[EMUL_RAX] = 0xffff800000000000;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, 0xffff800000000000);
	fake_init(&f, EMUL_LONG64, 0, "\xe8\x10\x00\x00\x00", 5);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 0x15);
	memcpy(f.mem + f.c.rip, "\xc2\x08\x00", 3); /* and back */
	f.c.insn_len = 0;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + 5);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK + 8);
	fake_init(&f, EMUL_LONG64, 0, "\xff\xd0", 2);
	f.gpr[EMUL_RAX] = 0x9000;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.c.rip, 0x9000);
	fake_init(&f, EMUL_PROT32, 0, "\xe9\x00\x00\xff\xff", 5); /* below zero: wraps, beyond the limit */
	f.c.seg[EMUL_CS].limit = 0xfffff;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, 13);
	fake_init(&f, EMUL_LONG64, 0, "\xc8\x10\x00\x02", 4); /* ENTER 16, 2 */
	f.gpr[EMUL_RBP] = FAKE_DATA + 0x100;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RBP], FAKE_STACK - 8);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK - 24 - 16);
	fake_init(&f, EMUL_LONG64, 0, "\xc9", 1);
	f.gpr[EMUL_RBP] = FAKE_DATA;
	f.mem[FAKE_DATA] = 0x44;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RBP], 0x44);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_DATA + 8);
	fake_init(&f, EMUL_LONG64, 0, "\x48\x99", 2); /* CQO */
	f.gpr[EMUL_RAX] = BIT(63);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RDX], ~0ull);
	fake_init(&f, EMUL_LONG64, 0, "\xfd", 1);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert(f.c.rflags & FL_DF);
	f.mem[FAKE_CODE + 1] = 0xfc;
	f.c.insn_len = 0;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert(!(f.c.rflags & FL_DF));
}
END_TEST

/* Vector moves: XMM1 or MM1 and memory at RDI. */
static const struct {
	const char *code;
	u32 n;
	u64 reg[2], mem[2];
	u64 reg_out[2], mem_out[2];
	bool mmx;
} moves[] = {
	{ "\x0f\x10\x0f", 3, { 1, 2 }, { 3, 4 }, { 3, 4 }, { 3, 4 }, false },
	{ "\xf3\x0f\x10\x0f", 4, { 1, 2 }, { ~0ull, 4 }, { 0xffffffff, 0 }, { ~0ull, 4 }, false }, /* MOVSS */
	{ "\xf2\x0f\x10\x0f", 4, { 1, 2 }, { 3, 4 }, { 3, 0 }, { 3, 4 }, false },                  /* MOVSD */
	{ "\xf3\x0f\x11\x0f", 4, { ~0ull, 2 }, { 0, 4 }, { ~0ull, 2 }, { 0xffffffff, 4 }, false },
	{ "\x0f\x12\x0f", 3, { 1, 2 }, { 3, 4 }, { 3, 2 }, { 3, 4 }, false },     /* MOVLPS */
	{ "\x0f\x17\x0f", 3, { 1, 2 }, { 3, 4 }, { 1, 2 }, { 2, 4 }, false },     /* MOVHPS */
	{ "\x66\x0f\x16\x0f", 4, { 1, 2 }, { 3, 4 }, { 1, 3 }, { 3, 4 }, false }, /* MOVHPD */
	{ "\x0f\x29\x0f", 3, { 1, 2 }, { 3, 4 }, { 1, 2 }, { 1, 2 }, false },
	{ "\x66\x0f\xe7\x0f", 4, { 1, 2 }, { 3, 4 }, { 1, 2 }, { 1, 2 }, false },
	{ "\xf3\x0f\x6f\x0f", 4, { 1, 2 }, { 3, 4 }, { 3, 4 }, { 3, 4 }, false },
	{ "\xf3\x0f\x7e\x0f", 4, { 1, 2 }, { 3, 4 }, { 3, 0 }, { 3, 4 }, false }, /* MOVQ */
	{ "\x66\x0f\xd6\x0f", 4, { 1, 2 }, { 3, 4 }, { 1, 2 }, { 1, 4 }, false },
	{ "\x66\x0f\x6e\x0f", 4, { 1, 2 }, { ~0ull, 4 }, { 0xffffffff, 0 }, { ~0ull, 4 }, false }, /* MOVD */
	{ "\x66\x48\x0f\x7e\x0f", 5, { 1, 2 }, { 3, 4 }, { 1, 2 }, { 1, 4 }, false },
	{ "\x0f\x6f\x0f", 3, { 1, 0 }, { 3, 4 }, { 3, 0 }, { 3, 4 }, true },
	{ "\x0f\xe7\x0f", 3, { 1, 0 }, { 3, 4 }, { 1, 0 }, { 1, 4 }, true },
	{ "\x0f\x7e\x0f", 3, { ~0ull, 0 }, { 0, 4 }, { ~0ull, 0 }, { 0xffffffff, 4 }, true },
	/* registers: the other one is XMM0 = { 8, 9 } */
	{ "\x0f\x28\xc8", 3, { 1, 2 }, { 0, 0 }, { 8, 9 }, { 0, 0 }, false },
	{ "\xf2\x0f\x10\xc8", 4, { 1, 2 }, { 0, 0 }, { 8, 2 }, { 0, 0 }, false },
	{ "\xf3\x0f\x7e\xc8", 4, { 1, 2 }, { 0, 0 }, { 8, 0 }, { 0, 0 }, false },
	{ "\x0f\x12\xc8", 3, { 1, 2 }, { 0, 0 }, { 9, 2 }, { 0, 0 }, false },          /* MOVHLPS */
	{ "\x0f\x16\xc8", 3, { 1, 2 }, { 0, 0 }, { 1, 8 }, { 0, 0 }, false },          /* MOVLHPS */
	{ "\x66\x0f\x6e\xc8", 4, { 1, 2 }, { 0, 0 }, { 0xabcd, 0 }, { 0, 0 }, false }, /* from EAX */
};

START_TEST(vector_moves)
{
	fake_init(&f, EMUL_LONG64, 3, moves[_i].code, moves[_i].n);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RAX] = 0xabcd;
	f.xmm[0][0] = 8;
	f.xmm[0][1] = 9;
	memcpy(f.xmm[1], moves[_i].reg, 16);
	f.mm[1] = moves[_i].reg[0];
	memcpy(f.mem + FAKE_DATA, moves[_i].mem, 16);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	if (moves[_i].mmx)
		ck_assert_uint_eq(f.mm[1], moves[_i].reg_out[0]);
	else
		ck_assert_mem_eq(f.xmm[1], moves[_i].reg_out, 16);
	ck_assert_mem_eq(f.mem + FAKE_DATA, moves[_i].mem_out, 16);
}
END_TEST

START_TEST(vector_to_register)
{
	fake_init(&f, EMUL_LONG64, 3, "\x66\x0f\x7e\xc8", 4); /* MOVD EAX, XMM1 */
	f.gpr[EMUL_RAX] = ~0ull;
	f.xmm[1][0] = 0x1122334455667788;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x55667788);
}
END_TEST

/* AVX moves: YMM1 and memory at RDI; the other register is YMM9 = { 5, 6, 7, 8 }. */
static const struct {
	const char *code;
	u32 n;
	u64 reg_out[4], mem_out[4];
} avx[] = {
#define REG                \
	{                  \
		1, 2, 3, 4 \
	}
#define TWICE(v)  (v##ull << 32 | (v))
#define TIMES8(v) (v * 0x0101010101010101ull)
#define MEM                    \
	{                      \
		11, 12, 13, 14 \
	}
	{ "\xc5\xfc\x10\x0f", 4, MEM, MEM },              /* VMOVUPS ymm */
	{ "\xc5\xf8\x10\x0f", 4, { 11, 12, 0, 0 }, MEM }, /* VMOVUPS xmm clears the upper half */
	{ "\xc5\xfd\x11\x0f", 4, REG, REG },              /* VMOVUPD */
	{ "\xc5\xf9\x11\x0f", 4, REG, { 1, 2, 13, 14 } },
	{ "\xc5\xfa\x10\x0f", 4, { 11, 0, 0, 0 }, MEM },   /* VMOVSS */
	{ "\xc5\xfb\x11\x0f", 4, REG, { 1, 12, 13, 14 } }, /* VMOVSD */
	{ "\xc5\xfc\x28\x0f", 4, MEM, MEM },               /* VMOVAPS */
	{ "\xc5\xfd\x29\x0f", 4, REG, REG },
	{ "\xc5\xfc\x2b\x0f", 4, REG, REG },     /* VMOVNTPS */
	{ "\xc5\xfd\x6f\x0f", 4, MEM, MEM },     /* VMOVDQA */
	{ "\xc5\xfe\x7f\x0f", 4, REG, REG },     /* VMOVDQU */
	{ "\xc5\xfd\xe7\x0f", 4, REG, REG },     /* VMOVNTDQ */
	{ "\xc4\xe2\x7d\x2a\x0f", 5, MEM, MEM }, /* VMOVNTDQA */
	{ "\xc4\xe2\x79\x2a\x0f", 5, { 11, 12, 0, 0 }, MEM },
	{ "\xc5\xfa\x7e\x0f", 4, { 11, 0, 0, 0 }, MEM }, /* VMOVQ */
	{ "\xc5\xf9\xd6\x0f", 4, REG, { 1, 12, 13, 14 } },
	{ "\xc4\xc1\x7d\x6f\xc9", 5, { 5, 6, 7, 8 }, MEM }, /* VMOVDQA ymm1, ymm9 */
	{ "\xc4\xc1\x79\x6f\xc9", 5, { 5, 6, 0, 0 }, MEM },
	{ "\xc5\x7d\x7f\xc9", 4, { 5, 6, 7, 8 }, MEM },    /* the same, the other way round */
	{ "\xc4\xa1\x7d\x6f\x0c\x27", 6, MEM, MEM },       /* VMOVDQA ymm1, [rdi + r12] */
	{ "\xc5\xff\xf0\x0f", 4, MEM, MEM },               /* VLDDQU */
	{ "\xc5\xb0\x12\x0f", 4, { 11, 6, 0, 0 }, MEM },   /* VMOVLPS xmm1, xmm9, [rdi] */
	{ "\xc5\xb1\x16\x0f", 4, { 5, 11, 0, 0 }, MEM },   /* VMOVHPD */
	{ "\xc5\xf8\x13\x0f", 4, REG, { 1, 12, 13, 14 } }, /* VMOVLPS */
	{ "\xc5\xf9\x17\x0f", 4, REG, { 2, 12, 13, 14 } }, /* VMOVHPD */
	{ "\xc5\xfe\x12\x0f", 4, { TWICE(11), TWICE(12), TWICE(13), TWICE(14) }, MEM }, /* VMOVSLDUP */
	{ "\xc5\xfa\x12\x0f", 4, { TWICE(11), TWICE(12), 0, 0 }, MEM },
	{ "\xc5\xfe\x16\x0f", 4, { 0, 0, 0, 0 }, MEM },     /* VMOVSHDUP */
	{ "\xc5\xff\x12\x0f", 4, { 11, 11, 13, 13 }, MEM }, /* VMOVDDUP */
	{ "\xc5\xfb\x12\x0f", 4, { 11, 11, 0, 0 }, MEM },
	{ "\xc4\xc1\x7f\x12\xc9", 5, { 5, 5, 7, 7 }, MEM },                 /* VMOVDDUP ymm1, ymm9 */
	{ "\xc5\xf9\x6e\x0f", 4, { 11, 0, 0, 0 }, MEM },                    /* VMOVD */
	{ "\xc4\xe1\xf9\x7e\x0f", 5, REG, { 1, 12, 13, 14 } },              /* VMOVQ, of 7E */
	{ "\xc4\xe2\x79\x18\x0f", 5, { TWICE(11), TWICE(11), 0, 0 }, MEM }, /* VBROADCASTSS */
	{ "\xc4\xe2\x7d\x19\x0f", 5, { 11, 11, 11, 11 }, MEM },             /* VBROADCASTSD */
	{ "\xc4\xe2\x7d\x1a\x0f", 5, { 11, 12, 11, 12 }, MEM },             /* VBROADCASTF128 */
	{ "\xc4\xe2\x7d\x78\x0f",
	  5, /* VPBROADCASTB */
	  { TIMES8(11), TIMES8(11), TIMES8(11), TIMES8(11) },
	  MEM },
	{ "\xc4\xe2\x79\x59\x0f", 5, { 11, 11, 0, 0 }, MEM }, /* VPBROADCASTQ */
};

static void avx_start(const char *code, u32 n)
{
	static const u64 reg[4] = REG, mem[4] = MEM, other[4] = { 5, 6, 7, 8 };

	fake_init(&f, EMUL_LONG64, 3, code, n);
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[12] = 0;
	f.xcr0 = 7;
	f.c.cr4 |= BIT(18);
	memcpy(f.ymm[1], reg, 32);
	memcpy(f.ymm[9], other, 32);
	memcpy(f.mem + FAKE_DATA, mem, 32);
}

START_TEST(avx_moves)
{
	avx_start(avx[_i].code, avx[_i].n);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_mem_eq(f.ymm[1], avx[_i].reg_out, 32);
	ck_assert_mem_eq(f.mem + FAKE_DATA, avx[_i].mem_out, 32);
	ck_assert_uint_eq(f.c.rip, FAKE_CODE + avx[_i].n);
}
END_TEST

START_TEST(avx_faults)
{
	static const char dqa[] = "\xc5\xfd\x6f\x0f";

	/* what must be on */
	avx_start(dqa, 4);
	f.c.cr4 &= ~BIT(18);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start(dqa, 4);
	f.xcr0 = 3;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start(dqa, 4);
	f.c.cr0 |= BIT(3);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 7);
	/* alignment: to the whole vector */
	avx_start(dqa, 4);
	f.gpr[EMUL_RDI] += 16;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 13);
	avx_start("\xc5\xfe\x6f\x0f", 4);
	f.gpr[EMUL_RDI] += 1;
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	/* VEX.vvvv in use, a prefix before VEX, a register where memory belongs */
	avx_start("\xc5\xed\x6f\x0f", 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start("\x66\xc5\xfd\x6f\x0f", 5);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start("\xc5\xfd\xe7\xcf", 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start("\xc5\xfe\x7e\x0f", 4); /* VMOVQ is VEX.128 only */
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start("\xc5\xfd\xd6\x0f", 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	/* #UD comes before #NM */
	avx_start("\xc5\xed\x6f\x0f", 4);
	f.c.cr0 |= BIT(3);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	/* no move */
	avx_start("\xc5\xfd\x58\x0f", 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	avx_start("\xc5\xfa\x10\xcf", 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
}
END_TEST

/* VMASKMOV: neighbours at once, and nothing of what the mask (YMM9) leaves out; no #AC. */
START_TEST(avx_masked)
{
	static const u64 mask[4] = { BIT(63) | BIT(31), 0, BIT(63), BIT(31) };
	static const u64 loaded[4] = { 11, 0, 0, 14 }, stored[4] = { 1, 12, 13, 4 };

	avx_start("\xc4\xe2\x35\x2c\x0f", 5); /* VMASKMOVPS ymm1, ymm9, [rdi] */
	memcpy(f.ymm[9], mask, 32);
	f.c.cr0 |= BIT(18);
	f.c.rflags |= BIT(18);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_mem_eq(f.ymm[1], loaded, 32);
	ck_assert_uint_eq(f.reads, 2); /* 0 and 1; 5 and 6 */
	avx_start("\xc4\xe2\x35\x2e\x0f", 5);
	memcpy(f.ymm[9], mask, 32);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_mem_eq(f.mem + FAKE_DATA, stored, 32);
	ck_assert_uint_eq(f.writes, 2);
	/* VPMASKMOVQ stores to 16 bytes; where the others would be is no memory */
	avx_start("\xc4\xe2\xb5\x8e\x0f", 5);
	f.gpr[EMUL_RDI] = FAKE_DATA + 4096 - 16;
	f.page[FAKE_DATA / 4096 + 1] = PAGE_NONE;
	f.ymm[9][1] = BIT(63);
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
	ck_assert_mem_eq(f.mem + FAKE_DATA + 4096 - 8, &f.ymm[1][1], 8);
	/* a later one faults: the first is not written */
	f.c.rip = FAKE_CODE;
	f.ymm[9][0] = f.ymm[9][2] = BIT(63);
	f.ymm[9][1] = 0;
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 14);
	ck_assert_uint_eq(f.mem[FAKE_DATA + 4096 - 16], 0);
	/* VEX.W belongs to none of these */
	avx_start("\xc4\xe2\xb5\x2c\x0f", 5);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
	avx_start("\xc4\xe2\x79\x1a\x0f", 5); /* VBROADCASTF128 is of 256 bits */
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_int_eq(f.c.exception.vector, 6);
}
END_TEST

/* Which exception an address has that is neither aligned nor canonical: [rbp], so that it would be #SS. */
START_TEST(aligned_before_canonical)
{
	static const struct {
		const char *code;
		u32 n;
		u8 vector;
		u64 rbp;
	} cases[] = {
		{ "\xc5\xfd\x6f\x4d\x00", 5, 13, BIT(60) + 16 }, /* VMOVDQA ymm1, [rbp] */
		{ "\xc5\xfd\x6f\x4d\x00", 5, 12, BIT(60) + 32 },
		{ "\xc5\xfe\x7f\x4d\x00", 5, 12, BIT(60) + 16 }, /* VMOVDQU [rbp], ymm1 */
		{ "\x66\x0f\x6f\x4d\x00", 5, 13, BIT(60) + 8 },  /* MOVDQA xmm1, [rbp] */
		{ "\x66\x0f\x6f\x4d\x00", 5, 12, BIT(60) + 16 },
		{ "\x48\x0f\xc7\x4d\x00", 5, 13, BIT(60) + 8 }, /* CMPXCHG16B [rbp] */
		{ "\x48\x0f\xc7\x4d\x00", 5, 12, BIT(60) + 16 },
		{ "\x0f\xc7\x4d\x00", 4, 12, BIT(60) + 4 }, /* CMPXCHG8B [rbp] */
		{ "\x0f\x11\x4d\x00", 4, 12, BIT(60) + 8 }, /* MOVUPS [rbp], xmm1 */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		avx_start(cases[i].code, cases[i].n);
		f.gpr[EMUL_RBP] = cases[i].rbp;
		ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
		ck_assert_int_eq(f.c.exception.vector, cases[i].vector);
		ck_assert(f.c.exception.has_error && !f.c.exception.error);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("emul_alu");
	TCase *tc = tcase_create("emul_alu");
	SRunner *r;
	int failed;

	tcase_add_test(tc, add_sub_bytes);
	tcase_add_test(tc, add_sub_wide);
	tcase_add_test(tc, shifts);
	tcase_add_test(tc, double_shifts);
	tcase_add_test(tc, multiply_divide);
	tcase_add_test(tc, division_limits);
	tcase_add_test(tc, conditions);
	tcase_add_loop_test(tc, known_answers, 0, ARRAY_SIZE(known));
	tcase_add_test(tc, control_and_stack);
	tcase_add_loop_test(tc, vector_moves, 0, ARRAY_SIZE(moves));
	tcase_add_test(tc, vector_to_register);
	tcase_add_loop_test(tc, avx_moves, 0, ARRAY_SIZE(avx));
	tcase_add_test(tc, avx_faults);
	tcase_add_test(tc, avx_masked);
	tcase_add_test(tc, aligned_before_canonical);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
