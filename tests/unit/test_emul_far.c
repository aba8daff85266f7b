/* The emulator: descriptors, segment loads, far transfers, interrupt return, fast system calls. */
#include "quick_check.h"
#include <stdlib.h>

#include "tests/unit/emul_fake.h"

static struct fake f;

#define SEL(i, rpl) ((u16)((i) << 3 | (rpl)))

/* GDT entries used below. */
enum {
	G_CODE64_0 = 1, /* 08: 64-bit code, DPL 0 */
	G_DATA_0,       /* 10 */
	G_CODE64_3,     /* 18 */
	G_DATA_3,       /* 20 */
	G_CODE32_0,     /* 28 */
	G_CODE32_3,     /* 30 */
	G_CONF_0,       /* 38: conforming 64-bit code */
	G_NP_CODE,      /* 40: not present */
	G_NP_DATA,      /* 48 */
	G_RO_DATA,      /* 50 */
	G_XO_CODE,      /* 58: execute-only */
	G_CODE_LD,      /* 60: L and D */
	G_LDT,          /* 68, 16 bytes */
	G_TSS = 15,     /* 78, 16 bytes */
	G_CALLGATE = 17,
	G_SMALL32 = 19, /* 98: 32-bit code with a limit of FFF */
	G_TSS32 = 20,
	G_CONF_3 = 21,
	G_DATA16_3 = 22,
	G_END = 32,
};

static void gdt(u32 i, u32 base, u32 limit, u32 attr)
{
	fake_desc(&f, FAKE_GDT + 8 * i, base, limit, attr);
}

static void setup(enum emul_mode mode, u8 cpl, const char *code, u32 n)
{
	fake_init(&f, mode, cpl, code, n);
	gdt(G_CODE64_0, 0, 0xfffff, 0xa09a);
	gdt(G_DATA_0, 0, 0xfffff, 0xc092);
	gdt(G_CODE64_3, 0, 0xfffff, 0xa0fa);
	gdt(G_DATA_3, 0, 0xfffff, 0xc0f2);
	gdt(G_CODE32_0, 0, 0xfffff, 0xc09a);
	gdt(G_CODE32_3, 0, 0xfffff, 0xc0fa);
	gdt(G_CONF_0, 0, 0xfffff, 0xa09e);
	gdt(G_NP_CODE, 0, 0xfffff, 0xa01a);
	gdt(G_NP_DATA, 0, 0xfffff, 0xc012);
	gdt(G_RO_DATA, 0x1000, 0x123, 0x4090);
	gdt(G_XO_CODE, 0, 0xfffff, 0xc098);
	gdt(G_CODE_LD, 0, 0xfffff, 0xe09a);
	gdt(G_LDT, 0x5000, 0xff, 0x0082);
	gdt(G_TSS, 0x6000, 0x67, 0x0089);
	gdt(G_CALLGATE, 0, 0, 0x008c);
	gdt(G_SMALL32, 0, 0xfff, 0x409a);
	gdt(G_TSS32, 0x7000, 0x67, 0x0081); /* 16-bit TSS */
	gdt(G_CONF_3, 0, 0xfffff, 0xa0fe);
	gdt(G_DATA16_3, 0, 0xffff, 0x00f2);
}

#define SETUP(mode, cpl, code) setup(mode, cpl, code, sizeof(code) - 1)

static void expect_fault(u8 vector, u32 error)
{
	struct fake_snap before, after;

	fake_snapshot(&f, &before);
	ck_assert_int_eq(emul_run(&f.c), EMUL_FAULT);
	ck_assert_uint_eq(f.c.exception.vector, vector);
	ck_assert_uint_eq(f.c.exception.error, error);
	fake_snapshot(&f, &after);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_uint_eq(f.c.dirty, 0);
}

static void expect_ok(void)
{
	ck_assert_int_eq(emul_run(&f.c), EMUL_OK);
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

/* --- MOV to data segments --- */

static const struct {
	enum emul_mode mode;
	u8 cpl, seg;
	u16 sel;
	int vector; /* -1: loads */
	u32 error;
} loads[] = {
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_DATA_0, 0), -1, 0 },
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_DATA_3, 3), -1, 0 },
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_RO_DATA, 0), -1, 0 },
	{ EMUL_LONG64, 0, EMUL_ES, SEL(G_CODE32_0, 0), -1, 0 }, /* readable code */
	{ EMUL_LONG64, 3, EMUL_ES, SEL(G_CONF_0, 3), -1, 0 },   /* conforming: no DPL check */
	{ EMUL_LONG64, 0, EMUL_DS, 0, -1, 0 },                  /* null */
	{ EMUL_LONG64, 3, EMUL_FS, 3, -1, 0 },
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_DATA_0, 3), 13, SEL(G_DATA_0, 0) }, /* RPL above DPL */
	{ EMUL_LONG64, 3, EMUL_DS, SEL(G_DATA_0, 0), 13, SEL(G_DATA_0, 0) }, /* CPL above DPL */
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_XO_CODE, 0), 13, SEL(G_XO_CODE, 0) },
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_TSS, 0), 13, SEL(G_TSS, 0) },
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_NP_DATA, 0), 11, SEL(G_NP_DATA, 0) },
	{ EMUL_LONG64, 0, EMUL_DS, SEL(G_END, 1), 13, SEL(G_END, 0) }, /* beyond the table */
	{ EMUL_LONG64, 0, EMUL_DS, 0x104, 13, 0x104 },                 /* LDT, beyond */
	{ EMUL_LONG64, 0, EMUL_SS, SEL(G_DATA_0, 0), -1, 0 },
	{ EMUL_LONG64, 0, EMUL_SS, 0, -1, 0 }, /* null SS: fine in 64-bit mode below CPL 3 */
	{ EMUL_LONG64, 3, EMUL_SS, 3, 13, 0 },
	{ EMUL_LONG64, 0, EMUL_SS, 1, 13, 0 },
	{ EMUL_PROT32, 0, EMUL_SS, 0, 13, 0 },
	{ EMUL_LONG64, 0, EMUL_SS, SEL(G_DATA_3, 0), 13, SEL(G_DATA_3, 0) },
	{ EMUL_LONG64, 0, EMUL_SS, SEL(G_DATA_0, 1), 13, SEL(G_DATA_0, 0) },
	{ EMUL_LONG64, 0, EMUL_SS, SEL(G_RO_DATA, 0), 13, SEL(G_RO_DATA, 0) },
	{ EMUL_LONG64, 0, EMUL_SS, SEL(G_CODE32_0, 0), 13, SEL(G_CODE32_0, 0) },
	{ EMUL_LONG64, 0, EMUL_SS, SEL(G_NP_DATA, 0), 12, SEL(G_NP_DATA, 0) },
	{ EMUL_PROT32, 3, EMUL_SS, SEL(G_DATA_3, 3), -1, 0 },
};

START_TEST(load_segments)
{
	u8 code[2] = { 0x8e, (u8)(0xc0 | loads[_i].seg << 3) };
	const struct emul_seg *s = &f.c.seg[loads[_i].seg];

	setup(loads[_i].mode, loads[_i].cpl, (char *)code, 2);
	f.gpr[EMUL_RAX] = 0xffff0000 | loads[_i].sel;
	if (loads[_i].vector >= 0) {
		expect_fault((u8)loads[_i].vector, loads[_i].error);
		return;
	}
	expect_ok();
	ck_assert_uint_eq(s->sel, loads[_i].sel);
	ck_assert_uint_eq(f.c.dirty, EMUL_B_SEG(loads[_i].seg));
	ck_assert(f.c.ss_shadow == (loads[_i].seg == EMUL_SS));
	if (loads[_i].sel & 0xfffc) {
		ck_assert(s->attr & 1); /* accessed, in the register and in memory */
		ck_assert(mem(FAKE_GDT + (loads[_i].sel & 0xfff8) + 5, 1) & 1);
		ck_assert(!(s->attr & EMUL_ATTR_UNUSABLE));
	} else {
		ck_assert(s->attr & EMUL_ATTR_UNUSABLE);
	}
}
END_TEST

START_TEST(load_details)
{
	SETUP(EMUL_PROT32, 0, "\x8e\xd8");
	f.gpr[EMUL_RAX] = SEL(G_RO_DATA, 0);
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_DS].base, 0x1000);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].limit, 0x123);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].attr, 0x4091);
	/* From the LDT; an unusable LDTR faults. */
	SETUP(EMUL_PROT32, 0, "\x8e\xd8");
	fake_desc(&f, FAKE_LDT + 8, 0x11223344, 0xfffff, 0xc093);
	f.gpr[EMUL_RAX] = 0xc;
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_DS].base, 0x11223344);
	ck_assert_uint_eq(f.c.seg[EMUL_DS].limit, 0xffffffff);
	ck_assert_uint_eq(f.cas, 0); /* accessed already */
	SETUP(EMUL_PROT32, 0, "\x8e\xd8");
	f.c.seg[EMUL_LDTR].attr = 0x10000;
	f.gpr[EMUL_RAX] = 0xc;
	expect_fault(13, 0xc);
	/* The accessed bit cannot be set: the page fault is a supervisor's, whatever the CPL. */
	SETUP(EMUL_LONG64, 3, "\x8e\xd8");
	f.gpr[EMUL_RAX] = SEL(G_DATA_3, 3);
	f.page[FAKE_GDT / 4096] = PAGE_RO;
	expect_fault(14, 3);
	SETUP(EMUL_LONG64, 3, "\x8e\xd8");
	f.gpr[EMUL_RAX] = SEL(G_DATA_3, 3);
	f.cas_fail = true; /* another vCPU changed the descriptor */
	ck_assert_int_eq(emul_run(&f.c), EMUL_RETRY);
	ck_assert_uint_eq(f.c.dirty, 0);
	/* Through memory, POP and LFS. */
	SETUP(EMUL_LONG64, 0, "\x8e\x1f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, SEL(G_DATA_3, 3), 2);
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_DS].sel, SEL(G_DATA_3, 3));
	SETUP(EMUL_LONG64, 0, "\x0f\xa9");
	put(FAKE_STACK, SEL(G_DATA_3, 3), 8);
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_GS].sel, SEL(G_DATA_3, 3));
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK + 8);
	SETUP(EMUL_PROT32, 0, "\x17");
	put(FAKE_STACK, SEL(G_DATA_0, 0), 4);
	expect_ok();
	ck_assert(f.c.ss_shadow);
	SETUP(EMUL_LONG64, 0, "\x48\x0f\xb4\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x1122334455667788, 8);
	put(FAKE_DATA + 8, SEL(G_DATA_3, 0), 2);
	expect_ok();
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x1122334455667788);
	ck_assert_uint_eq(f.c.seg[EMUL_FS].sel, SEL(G_DATA_3, 0));
	SETUP(EMUL_PROT32, 0, "\xc4\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA + 4, SEL(G_NP_DATA, 0), 2);
	expect_fault(11, SEL(G_NP_DATA, 0));
	SETUP(EMUL_PROT32, 0, "\x0f\xb2\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x1234, 4);
	put(FAKE_DATA + 4, SEL(G_DATA_0, 0), 2);
	expect_ok();
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x1234);
	SETUP(EMUL_PROT32, 0, "\x0f\xb5\x07");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	expect_ok();
	SETUP(EMUL_PROT32, 0, "\x1e"); /* PUSH DS */
	expect_ok();
	ck_assert_uint_eq(mem(FAKE_STACK - 4, 4), 0x10);
	SETUP(EMUL_LONG64, 0, "\x8c\x1f"); /* MOV [rdi], DS: 16 bits */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, ~0ull, 8);
	expect_ok();
	ck_assert_uint_eq(mem(FAKE_DATA, 8), 0xffffffffffff0010);
}
END_TEST

/* --- LLDT, LTR and the like --- */

START_TEST(system_segments)
{
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xd8"); /* LTR */
	f.gpr[EMUL_RAX] = SEL(G_TSS, 0);
	put(FAKE_GDT + 8 * G_TSS + 8, 0xffff8000, 4);
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_TR].base, 0xffff800000006000);
	ck_assert_uint_eq(f.c.seg[EMUL_TR].attr, 0x8b);
	ck_assert_uint_eq(mem(FAKE_GDT + 8 * G_TSS + 5, 1), 0x8b); /* busy */
	ck_assert_uint_eq(f.c.dirty, EMUL_B_SEG(EMUL_TR));
	f.c.rip = FAKE_CODE;
	f.c.dirty = 0;
	expect_fault(13, SEL(G_TSS, 0)); /* busy now */
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xd8");
	f.gpr[EMUL_RAX] = SEL(G_TSS, 0);
	put(FAKE_GDT + 8 * G_TSS + 8, 0x8000, 4); /* not canonical */
	expect_fault(13, SEL(G_TSS, 0));
	put(FAKE_GDT + 8 * G_TSS + 8, 0x100000000000, 8); /* type bits in the upper half */
	expect_fault(13, SEL(G_TSS, 0));
	f.gpr[EMUL_RAX] = 0;
	expect_fault(13, 0);
	f.gpr[EMUL_RAX] = SEL(G_TSS, 4);
	expect_fault(13, SEL(G_TSS, 4));
	f.gpr[EMUL_RAX] = SEL(G_END - 1, 0); /* 16 bytes do not fit */
	expect_fault(13, SEL(G_END - 1, 0));
	f.gpr[EMUL_RAX] = SEL(G_TSS32, 0); /* 16-bit TSS: not in IA-32e mode */
	expect_fault(13, SEL(G_TSS32, 0));
	f.c.mode = EMUL_PROT32;
	f.c.efer = 0;
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_TR].attr, 0x83);
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xd8");
	f.gpr[EMUL_RAX] = SEL(G_TSS, 0);
	f.mem[FAKE_GDT + 8 * G_TSS + 5] = 0x09;
	expect_fault(11, SEL(G_TSS, 0));
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xd0"); /* LLDT */
	f.gpr[EMUL_RAX] = SEL(G_LDT, 0);
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_LDTR].base, 0x5000);
	ck_assert_uint_eq(f.c.seg[EMUL_LDTR].limit, 0xff);
	f.c.rip = FAKE_CODE;
	f.gpr[EMUL_RAX] = 0;
	expect_ok();
	ck_assert(f.c.seg[EMUL_LDTR].attr & EMUL_ATTR_UNUSABLE);
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xd0");
	f.gpr[EMUL_RAX] = SEL(G_DATA_0, 0);
	expect_fault(13, SEL(G_DATA_0, 0));
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xc8"); /* STR */
	f.gpr[EMUL_RAX] = ~0ull;
	expect_ok();
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0x30);
	SETUP(EMUL_LONG64, 0, "\x66\x0f\x00\xc0"); /* SLDT AX */
	f.gpr[EMUL_RAX] = ~0ull;
	expect_ok();
	ck_assert_uint_eq(f.gpr[EMUL_RAX], 0xffffffffffff0028);
}
END_TEST

static const struct {
	const char *code;
	u8 cpl;
	u16 sel;
	bool zf;
	u64 result; /* LAR, LSL */
} probes[] = {
	{ "\x0f\x02\xc1", 0, SEL(G_DATA_0, 0), true, 0xcf9200 }, /* LAR */
	{ "\x0f\x02\xc1", 3, SEL(G_DATA_0, 3), false, 0 },
	{ "\x0f\x02\xc1", 3, SEL(G_CONF_0, 3), true, 0xaf9e00 },
	{ "\x0f\x02\xc1", 0, SEL(G_TSS, 0), true, 0x8900 },
	{ "\x0f\x02\xc1", 0, SEL(G_TSS32, 0), false, 0 }, /* 16-bit TSS in IA-32e mode */
	{ "\x0f\x02\xc1", 0, SEL(G_CALLGATE, 0), true, 0x8c00 },
	{ "\x0f\x02\xc1", 0, 0, false, 0 },
	{ "\x0f\x02\xc1", 0, SEL(G_END, 0), false, 0 },
	{ "\x0f\x03\xc1", 0, SEL(G_DATA_0, 0), true, 0xffffffff }, /* LSL */
	{ "\x0f\x03\xc1", 0, SEL(G_RO_DATA, 0), true, 0x123 },
	{ "\x0f\x03\xc1", 0, SEL(G_CALLGATE, 0), false, 0 },
	{ "\x0f\x00\xe1", 0, SEL(G_DATA_0, 0), true, 0 }, /* VERR */
	{ "\x0f\x00\xe1", 0, SEL(G_XO_CODE, 0), false, 0 },
	{ "\x0f\x00\xe1", 0, SEL(G_TSS, 0), false, 0 },
	{ "\x0f\x00\xe9", 0, SEL(G_DATA_0, 0), true, 0 }, /* VERW */
	{ "\x0f\x00\xe9", 0, SEL(G_RO_DATA, 0), false, 0 },
	{ "\x0f\x00\xe9", 0, SEL(G_CODE32_0, 0), false, 0 },
};

START_TEST(probe_instructions)
{
	setup(EMUL_LONG64, probes[_i].cpl, probes[_i].code, 3);
	f.gpr[EMUL_RAX] = 0x5555;
	f.gpr[EMUL_RCX] = probes[_i].sel;
	f.c.rflags = 2 | (probes[_i].zf ? 0 : BIT(6));
	expect_ok();
	ck_assert(!(f.c.rflags & BIT(6)) == !probes[_i].zf);
	ck_assert_uint_eq(f.gpr[EMUL_RAX], probes[_i].result ? probes[_i].result : 0x5555);
}
END_TEST

START_TEST(probe_faults)
{
	SETUP(EMUL_LONG64, 0, "\x0f\x02\xc1");
	f.gpr[EMUL_RCX] = SEL(G_DATA_0, 0);
	f.page[FAKE_GDT / 4096] = PAGE_NONE;
	expect_fault(14, 0);
	SETUP(EMUL_LONG64, 0, "\x0f\x03\xc1");
	f.gpr[EMUL_RCX] = SEL(G_DATA_0, 0);
	f.page[FAKE_GDT / 4096] = PAGE_NONE;
	expect_fault(14, 0);
	SETUP(EMUL_LONG64, 0, "\x0f\x00\xe1");
	f.gpr[EMUL_RCX] = SEL(G_DATA_0, 0);
	f.page[FAKE_GDT / 4096] = PAGE_NONE;
	expect_fault(14, 0);
	/* ARPL */
	SETUP(EMUL_PROT32, 0, "\x63\x0f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	f.gpr[EMUL_RCX] = 3;
	put(FAKE_DATA, 0x41, 2);
	expect_ok();
	ck_assert_uint_eq(mem(FAKE_DATA, 2), 0x43);
	ck_assert(f.c.rflags & BIT(6));
	f.c.rip = FAKE_CODE;
	expect_ok();
	ck_assert(!(f.c.rflags & BIT(6)));
}
END_TEST

/* --- far JMP, CALL --- */

static const struct {
	enum emul_mode mode;
	u8 cpl;
	u16 sel;
	u32 off;
	int vector; /* -1: goes; -2: unsupported */
	u32 error;
} jumps[] = {
	{ EMUL_LONG64, 0, SEL(G_CODE64_0, 0), 0x9000, -1, 0 },
	{ EMUL_LONG64, 0, SEL(G_CODE32_0, 0), 0x9000, -1, 0 }, /* to compatibility mode */
	{ EMUL_LONG64, 3, SEL(G_CONF_0, 3), 0x9000, -1, 0 },
	{ EMUL_LONG64, 3, SEL(G_CODE64_3, 3), 0x9000, -1, 0 },
	{ EMUL_LONG64, 3, SEL(G_CODE64_3, 0), 0x9000, -1, 0 },
	{ EMUL_LONG64, 0, 0, 0x9000, 13, 0 },
	{ EMUL_LONG64, 0, SEL(G_CODE64_0, 1), 0x9000, 13, SEL(G_CODE64_0, 0) }, /* RPL */
	{ EMUL_LONG64, 0, SEL(G_CODE64_3, 0), 0x9000, 13, SEL(G_CODE64_3, 0) },
	{ EMUL_LONG64, 0, SEL(G_CONF_3, 0), 0x9000, 13, SEL(G_CONF_3, 0) },
	{ EMUL_LONG64, 3, SEL(G_CODE64_0, 3), 0x9000, 13, SEL(G_CODE64_0, 0) },
	{ EMUL_LONG64, 0, SEL(G_DATA_0, 0), 0x9000, 13, SEL(G_DATA_0, 0) },
	{ EMUL_LONG64, 0, SEL(G_CODE_LD, 0), 0x9000, 13, SEL(G_CODE_LD, 0) },
	{ EMUL_LONG64, 0, SEL(G_NP_CODE, 0), 0x9000, 11, SEL(G_NP_CODE, 0) },
	{ EMUL_LONG64, 0, SEL(G_SMALL32, 0), 0x1000, 13, 0 }, /* beyond the limit */
	{ EMUL_LONG64, 0, SEL(G_SMALL32, 0), 0xfff, -1, 0 },
	{ EMUL_LONG64, 0, SEL(G_TSS, 0), 0, 13, SEL(G_TSS, 0) },
	{ EMUL_LONG64, 0, SEL(G_CALLGATE, 0), 0, -2, 0 },
	{ EMUL_LONG64, 0, SEL(G_END, 0), 0, 13, SEL(G_END, 0) },
	{ EMUL_PROT32, 0, SEL(G_CODE32_0, 0), 0x9000, -1, 0 },
	{ EMUL_PROT32, 0, SEL(G_TSS, 0), 0, -2, 0 }, /* task switch */
	{ EMUL_PROT32, 0, SEL(G_LDT, 0), 0, 13, SEL(G_LDT, 0) },
};

START_TEST(far_jumps)
{
	for (u32 call = 0; call < 2; call++) {
		setup(jumps[_i].mode, jumps[_i].cpl, call ? "\xff\x1f" : "\xff\x2f", 2);
		f.gpr[EMUL_RDI] = FAKE_DATA;
		put(FAKE_DATA, jumps[_i].off, 4);
		put(FAKE_DATA + 4, jumps[_i].sel, 2);
		if (jumps[_i].vector == -2) {
			ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
			continue;
		}
		if (jumps[_i].vector >= 0) {
			expect_fault((u8)jumps[_i].vector, jumps[_i].error);
			ck_assert_uint_eq(f.writes, 0);
			continue;
		}
		expect_ok();
		ck_assert_uint_eq(f.c.rip, jumps[_i].off);
		ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, (jumps[_i].sel & 0xfffc) | jumps[_i].cpl);
		ck_assert(f.c.dirty & EMUL_B_SEG(EMUL_CS));
		if (call) {
			ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK - 8);
			ck_assert_uint_eq(mem(FAKE_STACK - 8, 4), FAKE_CODE + 2);
			ck_assert_uint_eq(mem(FAKE_STACK - 4, 4), 8u | jumps[_i].cpl);
		}
	}
}
END_TEST

START_TEST(far_jump_forms)
{
	SETUP(EMUL_PROT32, 0, "\xea\x00\x90\x00\x00\x28\x00");
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0x9000);
	SETUP(EMUL_PROT32, 0, "\x9a\x00\x90\x00\x00\x28\x00");
	f.c.seg[EMUL_SS].limit = FAKE_STACK - 6; /* the second push faults: the first is undone */
	expect_fault(12, 0);
	SETUP(EMUL_LONG64, 0, "\x48\xff\x2f"); /* m16:64, target not canonical */
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0x800000000000, 8);
	put(FAKE_DATA + 8, SEL(G_CODE64_0, 0), 2);
	expect_fault(13, 0);
	SETUP(EMUL_LONG64, 0, "\x48\xff\x1f");
	f.gpr[EMUL_RDI] = FAKE_DATA;
	put(FAKE_DATA, 0xffff800000001000, 8);
	put(FAKE_DATA + 8, SEL(G_CODE64_0, 0), 2);
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0xffff800000001000);
	ck_assert_uint_eq(mem(FAKE_STACK - 16, 8), FAKE_CODE + 3);
	ck_assert_uint_eq(mem(FAKE_STACK - 8, 8), 8);
}
END_TEST

/* --- RETF and IRET --- */

static const struct {
	u8 cpl;
	u16 cs, ss;
	int vector;
	u32 error;
} returns[] = {
	{ 0, SEL(G_CODE64_0, 0), SEL(G_DATA_0, 0), -1, 0 },
	{ 0, SEL(G_CODE32_0, 0), SEL(G_DATA_0, 0), -1, 0 },
	{ 0, SEL(G_CODE64_3, 3), SEL(G_DATA_3, 3), -1, 0 },
	{ 0, SEL(G_CODE32_3, 3), SEL(G_DATA_3, 3), -1, 0 },
	{ 0, SEL(G_CONF_0, 3), SEL(G_DATA_3, 3), -1, 0 },
	{ 3, SEL(G_CODE64_3, 3), SEL(G_DATA_3, 3), -1, 0 },
	{ 0, 0, 0, 13, 0 },
	{ 3, SEL(G_CODE64_0, 0), SEL(G_DATA_0, 0), 13, SEL(G_CODE64_0, 0) }, /* inward */
	{ 0, SEL(G_CODE64_0, 3), SEL(G_DATA_3, 3), 13, SEL(G_CODE64_0, 0) }, /* RPL is not DPL */
	{ 0, SEL(G_DATA_0, 0), SEL(G_DATA_0, 0), 13, SEL(G_DATA_0, 0) },
	{ 0, SEL(G_CALLGATE, 0), SEL(G_DATA_0, 0), 13, SEL(G_CALLGATE, 0) },
	{ 0, SEL(G_CONF_3, 0), SEL(G_DATA_0, 0), 13, SEL(G_CONF_3, 0) },
	{ 0, SEL(G_NP_CODE, 0), SEL(G_DATA_0, 0), 11, SEL(G_NP_CODE, 0) },
	{ 0, SEL(G_END, 0), SEL(G_DATA_0, 0), 13, SEL(G_END, 0) },
	{ 0, SEL(G_CODE64_3, 3), 0, 13, 0 }, /* null SS at CPL 3 */
	{ 0, SEL(G_CODE64_3, 3), 3, 13, 0 },
	{ 0, SEL(G_CODE64_3, 3), SEL(G_DATA_0, 0), 13, SEL(G_DATA_0, 0) },
	{ 0, SEL(G_CODE64_3, 3), SEL(G_DATA_0, 3), 13, SEL(G_DATA_0, 0) },
};

START_TEST(far_returns)
{
	bool outer = (returns[_i].cs & 3) > returns[_i].cpl;

	setup(EMUL_LONG64, returns[_i].cpl, "\x48\xca\x10\x00", 4);
	put(FAKE_STACK, 0x9000, 8);
	put(FAKE_STACK + 8, returns[_i].cs, 8);
	put(FAKE_STACK + 32, 0x28000, 8); /* above the 16 bytes released */
	put(FAKE_STACK + 40, returns[_i].ss, 8);
	if (returns[_i].vector >= 0 && (outer || !(returns[_i].ss == 3))) {
		expect_fault((u8)returns[_i].vector, returns[_i].error);
		return;
	}
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0x9000);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, returns[_i].cs);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], outer ? 0x28010 : FAKE_STACK + 32);
	ck_assert_uint_eq(f.c.cpl, returns[_i].cs & 3);
	if (outer) {
		ck_assert_uint_eq(f.c.seg[EMUL_SS].sel, returns[_i].ss);
		ck_assert(f.c.dirty & EMUL_B_CPL);
		/* DS had DPL 0: taken away. */
		ck_assert(f.c.seg[EMUL_DS].attr & EMUL_ATTR_UNUSABLE);
		ck_assert_uint_eq(f.c.seg[EMUL_DS].sel, 0);
	}
}
END_TEST

START_TEST(interrupt_returns)
{
	setup(EMUL_LONG64, returns[_i].cpl, "\x48\xcf", 2);
	put(FAKE_STACK, 0x9000, 8);
	put(FAKE_STACK + 8, returns[_i].cs, 8);
	put(FAKE_STACK + 16, 0x3246, 8);
	put(FAKE_STACK + 24, 0x28000, 8);
	put(FAKE_STACK + 32, returns[_i].ss, 8);
	if (returns[_i].vector >= 0) {
		expect_fault((u8)returns[_i].vector, returns[_i].error);
		ck_assert(!f.c.iret_done);
		return;
	}
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0x9000);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0x28000);
	ck_assert_uint_eq(f.c.seg[EMUL_SS].sel, returns[_i].ss);
	ck_assert_uint_eq(f.c.rflags, returns[_i].cpl ? 0x46 : 0x3246); /* IF, IOPL by the old CPL */
	ck_assert(f.c.iret_done);
}
END_TEST

START_TEST(iret_details)
{
	/* 64-bit IRET to CPL 0 with a null SS. */
	SETUP(EMUL_LONG64, 0, "\x48\xcf");
	put(FAKE_STACK, 0x9000, 8);
	put(FAKE_STACK + 8, SEL(G_CODE64_0, 0), 8);
	put(FAKE_STACK + 16, 2, 8);
	put(FAKE_STACK + 24, 0x28000, 8);
	expect_ok();
	ck_assert(f.c.seg[EMUL_SS].attr & EMUL_ATTR_UNUSABLE);
	/* Target not canonical. */
	SETUP(EMUL_LONG64, 0, "\x48\xcf");
	put(FAKE_STACK, 0x800000000000, 8);
	put(FAKE_STACK + 8, SEL(G_CODE64_0, 0), 8);
	put(FAKE_STACK + 24, 0x28000, 8);
	expect_fault(13, 0);
	/* NT: #GP in IA-32e mode, a task return outside it. */
	SETUP(EMUL_LONG64, 0, "\x48\xcf");
	f.c.rflags |= BIT(14);
	expect_fault(13, 0);
	SETUP(EMUL_PROT32, 0, "\xcf");
	f.c.rflags |= BIT(14);
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	/* To virtual-8086 mode. */
	SETUP(EMUL_PROT32, 0, "\xcf");
	put(FAKE_STACK + 8, BIT(17), 4);
	ck_assert_int_eq(emul_run(&f.c), EMUL_UNSUPPORTED);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK);
	/* 32-bit, same level: no SS on the stack; outer: with a 16-bit stack only SP changes. */
	SETUP(EMUL_PROT32, 0, "\xcf");
	put(FAKE_STACK, 0x9000, 4);
	put(FAKE_STACK + 4, SEL(G_CODE32_0, 0), 4);
	put(FAKE_STACK + 8, 0x240202, 4);
	expect_ok();
	ck_assert_uint_eq(f.gpr[EMUL_RSP], FAKE_STACK + 12);
	ck_assert_uint_eq(f.c.rflags, 0x240202);
	SETUP(EMUL_PROT32, 0, "\xcf");
	put(FAKE_STACK, 0x9000, 4);
	put(FAKE_STACK + 4, SEL(G_CODE32_3, 3), 4);
	put(FAKE_STACK + 8, 0x202, 4);
	put(FAKE_STACK + 12, 0x12345678, 4);
	put(FAKE_STACK + 16, SEL(G_DATA16_3, 3), 4);
	expect_ok();
	ck_assert_uint_eq(f.gpr[EMUL_RSP], (FAKE_STACK & 0xffff0000) | 0x5678);
	ck_assert_uint_eq(f.c.cpl, 3);
	/* The stack segment is not present. */
	SETUP(EMUL_PROT32, 0, "\xcf");
	put(FAKE_STACK + 4, SEL(G_CODE32_3, 3), 4);
	put(FAKE_STACK + 16, SEL(G_NP_DATA, 3), 4);
	gdt(G_NP_DATA, 0, 0xfffff, 0xc072);
	expect_fault(12, SEL(G_NP_DATA, 0));
	/* Offset beyond the new limit. */
	SETUP(EMUL_PROT32, 0, "\xcb");
	put(FAKE_STACK, 0x1000, 4);
	put(FAKE_STACK + 4, SEL(G_SMALL32, 0), 4);
	expect_fault(13, 0);
}
END_TEST

/* --- SYSCALL and SYSENTER --- */

START_TEST(fast_calls)
{
	SETUP(EMUL_LONG64, 3, "\x0f\x05");
	f.msr_star = 0x0013000800000000;
	f.c.rflags = 0x246;
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0xa000);
	ck_assert_uint_eq(f.gpr[EMUL_RCX], FAKE_CODE + 2);
	ck_assert_uint_eq(f.gpr[11], 0x246);
	ck_assert_uint_eq(f.c.rflags, 0x46); /* FMASK */
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 8);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].attr, 0xa09b);
	ck_assert_uint_eq(f.c.seg[EMUL_SS].sel, 0x10);
	ck_assert_uint_eq(f.c.cpl, 0);
	SETUP(EMUL_LONG64, 3, "\x0f\x05");
	f.c.efer &= ~1ull;
	expect_fault(6, 0);
	SETUP(EMUL_LONG64, 0, "\x48\x0f\x07");
	f.msr_star = 0x0013000800000000;
	f.gpr[EMUL_RCX] = 0x9000;
	f.gpr[11] = 0x3246 | BIT(17);
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0x9000);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 0x23);
	ck_assert_uint_eq(f.c.seg[EMUL_SS].sel, 0x1b);
	ck_assert_uint_eq(f.c.rflags, 0x3246);
	ck_assert_uint_eq(f.c.cpl, 3);
	SETUP(EMUL_LONG64, 0, "\x0f\x07"); /* to 32-bit code */
	f.msr_star = 0x0013000800000000;
	f.gpr[EMUL_RCX] = 0xffffffff00009000;
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0x9000);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 0x13);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].attr, 0xc0fb);
	SETUP(EMUL_LONG64, 0, "\x48\x0f\x07");
	f.gpr[EMUL_RCX] = 0x800000000000;
	expect_fault(13, 0);
	SETUP(EMUL_PROT32, 0, "\x0f\x07");
	expect_fault(6, 0);
	SETUP(EMUL_PROT32, 3, "\x0f\x34"); /* SYSENTER */
	f.c.rflags = 0x246;
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0xc000);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0xb000);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 0x10);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].attr, 0xc09b);
	ck_assert_uint_eq(f.c.rflags, 0x46);
	SETUP(EMUL_LONG64, 3, "\x0f\x34");
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_CS].attr, 0xa09b);
	SETUP(EMUL_REAL, 0, "\x0f\x34");
	expect_fault(13, 0);
	SETUP(EMUL_LONG64, 0, "\x48\x0f\x35"); /* SYSEXIT */
	f.gpr[EMUL_RCX] = 0x28000;
	f.gpr[EMUL_RDX] = 0x9000;
	expect_ok();
	ck_assert_uint_eq(f.c.rip, 0x9000);
	ck_assert_uint_eq(f.gpr[EMUL_RSP], 0x28000);
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 0x33);
	ck_assert_uint_eq(f.c.seg[EMUL_SS].sel, 0x3b);
	SETUP(EMUL_LONG64, 0, "\x0f\x35");
	f.gpr[EMUL_RDX] = 0x9000;
	expect_ok();
	ck_assert_uint_eq(f.c.seg[EMUL_CS].sel, 0x23);
	SETUP(EMUL_LONG64, 0, "\x48\x0f\x35");
	f.gpr[EMUL_RDX] = 0x800000000000;
	expect_fault(13, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("emul_far");
	TCase *tc = tcase_create("emul_far");
	SRunner *r;
	int failed;

	tcase_add_loop_test(tc, load_segments, 0, ARRAY_SIZE(loads));
	tcase_add_test(tc, load_details);
	tcase_add_test(tc, system_segments);
	tcase_add_loop_test(tc, probe_instructions, 0, ARRAY_SIZE(probes));
	tcase_add_test(tc, probe_faults);
	tcase_add_loop_test(tc, far_jumps, 0, ARRAY_SIZE(jumps));
	tcase_add_test(tc, far_jump_forms);
	tcase_add_loop_test(tc, far_returns, 0, ARRAY_SIZE(returns));
	tcase_add_loop_test(tc, interrupt_returns, 0, ARRAY_SIZE(returns));
	tcase_add_test(tc, iret_details);
	tcase_add_test(tc, fast_calls);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
