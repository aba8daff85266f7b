/* Hardware task switch: both TSS formats, every source, every fault of the SDM's table. */
#include "quick_check.h"

#include "lib/string.h"
#include "suite.h"
#include "vmm/policy/taskswitch.h"

/* A flat 64 KiB of linear memory; pages can be made to fault. */
static u8 lin[0x10000];
static u64 no_read, no_write; /* bit per 4 KiB page */
static u64 loaded_cr3;
static u32 cr3_loads, writes, accesses;
static int cr3_fails;

#define GDT  0x1000u
#define LDT  0x2000u
#define TSSA 0x3000u /* the old task's */
#define TSSB 0x4000u /* the new one's */

#define SEL_A     0x28
#define SEL_B     0x30
#define SEL_LDT   0x38
#define SEL_CODE0 0x08
#define SEL_DATA0 0x10
#define SEL_CODE3 0x1b
#define SEL_DATA3 0x23

static int fault(struct ts_fault *f, u32 addr, u32 code)
{
	*f = (struct ts_fault){ .vector = 14, .has_error = true, .error = code, .cr2 = addr };
	return -1;
}

static int t_read(void *ctx, u32 addr, void *buf, u32 len, struct ts_fault *f)
{
	(void)ctx;
	ck_assert_uint_le(len, 104);
	accesses++;
	if (addr > sizeof(lin) - len || no_read >> (addr >> 12) & 1)
		return fault(f, addr, 0);
	memcpy(buf, lin + addr, len);
	return 0;
}

static int t_probe(void *ctx, u32 addr, u32 len, struct ts_fault *f)
{
	(void)ctx;
	accesses++;
	if (addr > sizeof(lin) - len || (no_write | no_read) >> (addr >> 12) & 1)
		return fault(f, addr, 2);
	return 0;
}

static int t_write(void *ctx, u32 addr, const void *buf, u32 len, struct ts_fault *f)
{
	if (t_probe(ctx, addr, len, f))
		return -1;
	writes++;
	memcpy(lin + addr, buf, len);
	return 0;
}

static int t_push(void *ctx, u32 addr, const void *buf, u32 len, u8 cpl, struct ts_fault *f)
{
	*(u32 *)ctx = cpl;
	return t_write(ctx, addr, buf, len, f);
}

static int t_cr3(void *ctx, u64 cr3, struct ts_fault *f)
{
	(void)ctx;
	cr3_loads++;
	if (cr3_fails) {
		*f = (struct ts_fault){ .vector = 13, .has_error = true };
		return -1;
	}
	loaded_cr3 = cr3;
	return 0;
}

static const struct ts_ops ops = { t_read, t_write, t_probe, t_cr3, t_push };
static u32 push_cpl;

static void put16(u32 at, u16 v)
{
	memcpy(lin + at, &v, 2);
}
static void put32(u32 at, u32 v)
{
	memcpy(lin + at, &v, 4);
}
static u16 get16(u32 at)
{
	u16 v;

	memcpy(&v, lin + at, 2);
	return v;
}
static u32 get32(u32 at)
{
	u32 v;

	memcpy(&v, lin + at, 4);
	return v;
}

/* access: bits 47:40 of the descriptor; flags: bits 55:52. */
static void put_desc(u32 table, u16 sel, u32 base, u32 limit, u8 access, u8 flags)
{
	u64 d = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
	        (u64)flags << 52 | (u64)(base >> 24) << 56;

	memcpy(lin + table + (sel & 0xfff8), &d, 8);
}

static u8 access_of(u16 sel)
{
	return lin[GDT + (sel & 0xfff8) + 5];
}

static struct ts_regs old;
static struct ts_request req;
static struct ts_result res;
static u32 steps; /* of the last switch */

static void seg(enum ts_seg_index i, u16 sel, u32 ar)
{
	old.seg[i] = (struct ts_seg){ .sel = sel, .ar = ar, .limit = 0xffffffff };
}

static const u32 new_gpr[8] = { 0xa0a0a0a0, 0xa1a1a1a1, 0xa2a2a2a2, 0xa3a3a3a3,
	                        0x9000,     0xa5a5a5a5, 0xa6a6a6a6, 0xa7a7a7a7 };

/* Old task: 32-bit, ring 0, TSS A. New: 32-bit TSS B, ring 0, LDT. */
static void setup(enum ts_source source)
{
	memset(lin, 0, sizeof(lin));
	no_read = no_write = 0;
	writes = cr3_loads = 0;
	cr3_fails = 0;
	loaded_cr3 = 0;
	put_desc(GDT, SEL_CODE0, 0, 0xfffff, 0x9a, 0xc);
	put_desc(GDT, SEL_DATA0, 0, 0xfffff, 0x92, 0xc);
	put_desc(GDT, SEL_CODE3, 0, 0xfffff, 0xfa, 0xc);
	put_desc(GDT, SEL_DATA3, 0, 0xfffff, 0xf2, 0xc);
	put_desc(GDT, SEL_A, TSSA, 0x67, 0x8b, 0);
	put_desc(GDT, SEL_B, TSSB, 0x67, source == TS_IRET ? 0x8b : 0x89, 0);
	put_desc(GDT, SEL_LDT, LDT, 0xff, 0x82, 0);
	put_desc(LDT, 0x0c, 0x5000, 0xffff, 0x92, 0x4);

	put32(TSSB + 0x1c, 0xcccc0000);
	put32(TSSB + 0x20, 0x1234);
	put32(TSSB + 0x24, 0xffc08202 & ~0x20000u); /* reserved bits set: they do not load */
	for (u32 i = 0; i < 8; i++)
		put32(TSSB + 0x28 + 4 * i, new_gpr[i]);
	put16(TSSB + 0x48, SEL_DATA0);
	put16(TSSB + 0x4c, SEL_CODE0);
	put16(TSSB + 0x50, SEL_DATA0);
	put16(TSSB + 0x54, 0x0c); /* in the LDT */
	put16(TSSB + 0x58, 0);
	put16(TSSB + 0x5c, SEL_DATA3);
	put16(TSSB + 0x60, SEL_LDT);

	old = (struct ts_regs){ .eip = 0x100,
		                .eflags = 0x4246,
		                .cr0 = 0x80000031,
		                .cr3 = 0xaaaa000,
		                .dr7 = 0x755,
		                .gdtr_base = GDT,
		                .gdtr_limit = 0xff };
	for (u32 i = 0; i < 8; i++)
		old.gpr[i] = 0x10101010 * (i + 1);
	seg(TS_ES, 0x10, 0xc093);
	seg(TS_CS, 0x08, 0xc09b);
	seg(TS_SS, 0x10, 0xc093);
	seg(TS_DS, 0x23, 0xc0f3);
	seg(TS_FS, 0x00, 0x10000);
	seg(TS_GS, 0x10, 0xc093);
	seg(TS_LDTR, 0, 0x10000);
	seg(TS_TR, SEL_A, 0x8b);
	old.seg[TS_TR].base = TSSA;
	old.seg[TS_TR].limit = 0x67;
	req = (struct ts_request){ .selector = SEL_B, .source = source, .next_eip = 0x107 };
}

/* To its end, a step at a time: none makes many accesses. */
static enum ts_status run(const struct ts_ops *with)
{
	struct taskswitch t;
	enum ts_status st;
	u32 before;

	t.old = old;
	taskswitch_begin(&t, &req);
	steps = 0;
	do {
		before = accesses;
		st = taskswitch_step(&t, with, &push_cpl);
		ck_assert_uint_le(accesses - before, 4);
		ck_assert_int_eq(memcmp(&t.old, &old, sizeof(old)), 0);
		steps++;
	} while (st == TS_MORE);
	if (st == TS_DONE || st == TS_FAULT_NEW)
		old = t.n;
	res = t.r;
	return st;
}

static enum ts_status go(void)
{
	return run(&ops);
}

static void check_loaded(void)
{
	ck_assert_uint_eq(old.eip, 0x1234);
	ck_assert_int_eq(memcmp(old.gpr, new_gpr, sizeof(new_gpr)), 0);
	ck_assert_uint_eq(old.seg[TS_CS].sel, SEL_CODE0);
	ck_assert_uint_eq(old.seg[TS_CS].ar, 0xc09b);
	ck_assert_uint_eq(old.seg[TS_CS].limit, 0xffffffff);
	ck_assert_uint_eq(old.seg[TS_SS].ar, 0xc093);
	ck_assert_uint_eq(old.seg[TS_DS].base, 0x5000);
	ck_assert_uint_eq(old.seg[TS_DS].limit, 0xffff);
	ck_assert_uint_eq(old.seg[TS_FS].ar, 0x10000);
	ck_assert_uint_eq(old.seg[TS_GS].ar, 0xc0f3);
	ck_assert_uint_eq(old.seg[TS_LDTR].base, LDT);
	ck_assert_uint_eq(old.seg[TS_LDTR].ar, 0x82);
	ck_assert_uint_eq(old.seg[TS_TR].sel, SEL_B);
	ck_assert_uint_eq(old.seg[TS_TR].ar, 0x8b);
	ck_assert_uint_eq(old.seg[TS_TR].base, TSSB);
	ck_assert_uint_eq(old.cr3, 0xcccc0000);
	ck_assert_uint_eq(loaded_cr3, 0xcccc0000);
	ck_assert_uint_eq(old.cr0, 0x80000039);
	ck_assert_uint_eq(old.dr7, 0x600);
	/* Descriptors were marked accessed. */
	ck_assert_uint_eq(access_of(SEL_CODE0), 0x9b);
	ck_assert_uint_eq(lin[LDT + 8 + 5], 0x93);
}

/* What the old TSS holds after the switch. */
static void check_saved(u32 eflags)
{
	static const u16 sels[6] = { 0x10, 0x08, 0x10, 0x23, 0, 0x10 };

	ck_assert_uint_eq(get32(TSSA + 0x20), 0x107);
	ck_assert_uint_eq(get32(TSSA + 0x24), eflags);
	for (u32 i = 0; i < 8; i++)
		ck_assert_uint_eq(get32(TSSA + 0x28 + 4 * i), 0x10101010 * (i + 1));
	for (u32 i = 0; i < 6; i++)
		ck_assert_uint_eq(get16(TSSA + 0x48 + 4 * i), sels[i]);
	/* CR3, LDT and the ring stacks are static. */
	ck_assert_uint_eq(get32(TSSA + 0x1c), 0);
	ck_assert_uint_eq(get16(TSSA + 0x60), 0);
}

START_TEST(call32)
{
	setup(TS_CALL);
	put16(TSSA + 0x4a, 0xbeef); /* reserved half of a selector: kept */
	ck_assert_int_eq(go(), TS_DONE);
	check_loaded();
	check_saved(0x4246);
	ck_assert_uint_eq(get16(TSSA + 0x4a), 0xbeef);
	ck_assert_uint_eq(old.eflags, 0x4202); /* NT set by the nesting; reserved bits gone */
	ck_assert_uint_eq(get16(TSSB), SEL_A);
	ck_assert_uint_eq(access_of(SEL_A), 0x8b);
	ck_assert_uint_eq(access_of(SEL_B), 0x8b);
	ck_assert(!res.debug_trap);
}
END_TEST

START_TEST(jmp32)
{
	setup(TS_JMP);
	put16(TSSB, 0x7777);
	put16(TSSB + 0x64, 1); /* T */
	ck_assert_int_eq(go(), TS_DONE);
	check_loaded();
	check_saved(0x4246);
	ck_assert_uint_eq(old.eflags, 0x202);
	ck_assert_uint_eq(get16(TSSB), 0x7777);
	ck_assert_uint_eq(access_of(SEL_A), 0x89);
	ck_assert_uint_eq(access_of(SEL_B), 0x8b);
	ck_assert(res.debug_trap);
}
END_TEST

START_TEST(iret32)
{
	setup(TS_IRET);
	ck_assert_int_eq(go(), TS_DONE);
	check_loaded();
	check_saved(0x0246); /* NT cleared in the saved image */
	ck_assert_uint_eq(old.eflags, 0x202);
	ck_assert_uint_eq(access_of(SEL_A), 0x89);
	ck_assert_uint_eq(access_of(SEL_B), 0x8b);
}
END_TEST

START_TEST(gate_with_error)
{
	setup(TS_GATE);
	req.has_error = true;
	req.error = 0x12345678;
	req.next_eip = 0x107;
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(old.gpr[4], 0x9000 - 4);
	ck_assert_uint_eq(get32(0x9000 - 4), 0x12345678);
	ck_assert_uint_eq(push_cpl, 0);
	ck_assert_uint_eq(get16(TSSB), SEL_A);
	ck_assert(old.eflags & 0x4000);
}
END_TEST

/* 16-bit TSS at B: registers' upper halves, FS, GS, CR3. */
static void setup16(enum ts_source source)
{
	setup(source);
	put_desc(GDT, SEL_B, TSSB, 0x2b, source == TS_IRET ? 0x83 : 0x81, 0);
	memset(lin + TSSB, 0, 104);
	put16(TSSB + 0x0e, 0x1234);
	put16(TSSB + 0x10, 0x0202);
	for (u32 i = 0; i < 8; i++)
		put16(TSSB + 0x12 + 2 * i, (u16)(0x100 * i + 0x8000));
	put16(TSSB + 0x22, SEL_DATA0);
	put16(TSSB + 0x24, SEL_CODE0);
	put16(TSSB + 0x26, SEL_DATA0);
	put16(TSSB + 0x28, 0x0c);
	put16(TSSB + 0x2a, SEL_LDT);
}

START_TEST(to_16bit)
{
	setup16(TS_CALL);
	put_desc(GDT, SEL_DATA0, 0, 0xffff, 0x92, 0); /* 16-bit stack */
	req.source = TS_GATE;
	req.has_error = true;
	req.error = 0xabcd;
	ck_assert_int_eq(go(), TS_DONE);
	check_saved(0x4246);
	ck_assert_uint_eq(old.eip, 0x1234);
	ck_assert_uint_eq(old.gpr[0], 0xffff8000);
	ck_assert_uint_eq(old.gpr[4], 0xffff8400 - 2);
	ck_assert_uint_eq(get16(0x8400 - 2), 0xabcd);
	ck_assert_uint_eq(old.seg[TS_FS].ar, 0x10000);
	ck_assert_uint_eq(old.seg[TS_GS].ar, 0x10000);
	ck_assert_uint_eq(old.seg[TS_GS].sel, 0);
	ck_assert_uint_eq(old.seg[TS_TR].ar, 0x83);
	ck_assert_uint_eq(old.cr3, 0xaaaa000);
	ck_assert_uint_eq(cr3_loads, 0);
	ck_assert_uint_eq(old.eflags, 0x4202);
}
END_TEST

START_TEST(from_16bit)
{
	setup(TS_JMP);
	put_desc(GDT, SEL_A, TSSA, 0x2b, 0x83, 0);
	old.seg[TS_TR].ar = 0x83;
	old.seg[TS_TR].limit = 0x2b;
	memset(lin + TSSA, 0x55, 0x80);
	ck_assert_int_eq(go(), TS_DONE);
	check_loaded();
	ck_assert_uint_eq(get16(TSSA + 0x0e), 0x107);
	ck_assert_uint_eq(get16(TSSA + 0x10), 0x4246);
	for (u32 i = 0; i < 8; i++)
		ck_assert_uint_eq(get16(TSSA + 0x12 + 2 * i), 0x1010 * (i + 1));
	ck_assert_uint_eq(get16(TSSA + 0x28), 0x23);
	ck_assert_uint_eq(get16(TSSA + 0x2a), 0x5555);
	ck_assert_uint_eq(get16(TSSA + 0x0c), 0x5555);
	ck_assert_uint_eq(access_of(SEL_A), 0x81);
}
END_TEST

START_TEST(to_vm86)
{
	setup(TS_JMP);
	put32(TSSB + 0x24, 0x20202);
	put16(TSSB + 0x4c, 0xf000);
	put16(TSSB + 0x50, 0x0800);
	put32(TSSB + 0x38, 0x100);
	req.source = TS_GATE;
	req.has_error = true;
	req.error = 7;
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(old.seg[TS_CS].base, 0xf0000);
	ck_assert_uint_eq(old.seg[TS_CS].ar, 0xf3);
	ck_assert_uint_eq(old.seg[TS_DS].limit, 0xffff);
	ck_assert_uint_eq(old.seg[TS_GS].base, SEL_DATA3 << 4);
	ck_assert_uint_eq(get32(0x8000 + 0xfc), 7);
	ck_assert_uint_eq(push_cpl, 3);
	/* EIP beyond 64 KiB in VM86. */
	setup(TS_JMP);
	put32(TSSB + 0x24, 0x20202);
	put32(TSSB + 0x20, 0x10000);
	ck_assert_int_eq(go(), TS_FAULT_NEW);
	ck_assert_uint_eq(res.fault.vector, 13);
}
END_TEST

START_TEST(to_ring3)
{
	setup(TS_CALL);
	put16(TSSB + 0x4c, SEL_CODE3);
	put16(TSSB + 0x50, SEL_DATA3);
	put16(TSSB + 0x48, SEL_DATA3);
	put16(TSSB + 0x54, SEL_DATA3);
	req.source = TS_GATE;
	req.has_error = true;
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(old.seg[TS_CS].ar, 0xc0fb);
	ck_assert_uint_eq(old.seg[TS_SS].ar, 0xc0f3);
	ck_assert_uint_eq(push_cpl, 3);
}
END_TEST

START_TEST(no_paging)
{
	setup(TS_JMP);
	old.cr0 = 0x31;
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(cr3_loads, 0);
	ck_assert_uint_eq(old.cr3, 0xaaaa000);
}
END_TEST

/* ---- faults before the commit: nothing has changed ------------------------------------------------------------- */

static void expect_old(u8 vector, u32 error)
{
	struct ts_regs copy = old;

	writes = 0;
	ck_assert_int_eq(go(), TS_FAULT_OLD);
	ck_assert_uint_eq(res.fault.vector, vector);
	ck_assert(res.fault.has_error);
	ck_assert_uint_eq(res.fault.error, error);
	ck_assert_uint_eq(writes, 0);
	ck_assert_int_eq(memcmp(&copy, &old, sizeof(old)), 0);
}

START_TEST(faults_old)
{
	static const struct {
		enum ts_source source;
		u16 sel;
		u8 access; /* of SEL_B's descriptor; 0 = leave */
		u32 limit;
		u8 vector;
		u32 error;
	} rows[] = {
		{ TS_JMP, 0x34, 0, 0x67, 13, 0x34 },   /* in the LDT */
		{ TS_JMP, 0x00, 0, 0x67, 13, 0 },      /* null */
		{ TS_JMP, 0x100, 0, 0x67, 13, 0x100 }, /* beyond the GDT */
		{ TS_IRET, 0x100, 0, 0x67, 10, 0x100 },    { TS_CALL, SEL_B, 0x8b, 0x67, 13, SEL_B }, /* busy */
		{ TS_GATE, SEL_B, 0x8b, 0x67, 13, SEL_B }, { TS_IRET, SEL_B, 0x89, 0x67, 10, SEL_B }, /* not busy */
		{ TS_JMP, SEL_B, 0x92, 0x67, 13, SEL_B }, /* data segment */
		{ TS_JMP, SEL_B, 0x82, 0x67, 13, SEL_B }, /* LDT */
		{ TS_JMP, SEL_B, 0x8c, 0x67, 13, SEL_B }, /* call gate */
		{ TS_IRET, SEL_B, 0x9b, 0x67, 10, SEL_B }, { TS_JMP, SEL_B, 0x09, 0x67, 11, SEL_B }, /* not present */
		{ TS_JMP, SEL_B, 0x89, 0x66, 10, SEL_B },                                            /* limit */
		{ TS_JMP, SEL_B, 0x81, 0x2a, 10, SEL_B },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(rows[i].source);
		req.selector = rows[i].sel;
		if (rows[i].access)
			put_desc(GDT, SEL_B, TSSB, rows[i].limit, rows[i].access, 0);
		expect_old(rows[i].vector, rows[i].error);
	}
	/* EXT bit for an external event. */
	setup(TS_GATE);
	req.external = true;
	put_desc(GDT, SEL_B, TSSB, 0x67, 0x09, 0);
	expect_old(11, SEL_B | 1);
	/* The old TSS is too short to save into. */
	setup(TS_JMP);
	old.seg[TS_TR].limit = 0x5e;
	expect_old(10, SEL_A);
	/* The old TR no longer lies in the GDT: its busy bit cannot be cleared. */
	setup(TS_JMP);
	old.seg[TS_TR].sel = 0x200;
	expect_old(10, 0x200);
}
END_TEST

START_TEST(page_faults)
{
	setup(TS_JMP);
	no_read = 1u << (GDT >> 12);
	expect_old(14, 0);
	ck_assert_uint_eq(res.fault.cr2, GDT + SEL_B);
	setup(TS_JMP);
	no_read = 1u << (TSSB >> 12);
	expect_old(14, 0);
	ck_assert_uint_eq(res.fault.cr2, TSSB);
	setup(TS_JMP);
	no_write = 1u << (TSSA >> 12);
	expect_old(14, 2);
	ck_assert_uint_eq(res.fault.cr2, TSSA + 0x20);
	setup(TS_CALL);
	no_write = 1u << (TSSB >> 12); /* the back link */
	expect_old(14, 2);
	setup(TS_JMP);
	no_write = 1u << (GDT >> 12); /* busy bits */
	expect_old(14, 2);
	setup(TS_CALL);
	no_write = 1u << (GDT >> 12);
	expect_old(14, 2);
	ck_assert_uint_eq(res.fault.cr2, GDT + SEL_B + 5);
	/* IRET writes no busy bit of the new task, and no link. */
	setup(TS_IRET);
	no_write = 1u << (TSSB >> 12);
	ck_assert_int_eq(go(), TS_DONE);
	setup16(TS_JMP);
	no_read = 1u << (TSSB >> 12);
	expect_old(14, 0);
}
END_TEST

/* ---- faults in the new task ------------------------------------------------------------------------------------ */

/* Whatever happened, VM entry must take the segments (SDM "Checks on Guest Segment Registers"). */
static void check_enterable(void)
{
	u32 cs = old.seg[TS_CS].ar, ss = old.seg[TS_SS].ar;

	if (old.eflags & 0x20000)
		return;
	ck_assert(!(cs & 0x10000));
	ck_assert((cs & 0x99) == 0x99);
	if (!(cs & 4))
		ck_assert_uint_eq(cs >> 5 & 3, ss >> 5 & 3);
	else
		ck_assert_uint_le(cs >> 5 & 3, ss >> 5 & 3);
	for (u32 i = TS_ES; i <= TS_GS; i++) {
		u32 ar = old.seg[i].ar;

		if (i == TS_CS || ar & 0x10000)
			continue;
		ck_assert((ar & 0x91) == 0x91);
	}
	ck_assert(old.seg[TS_LDTR].ar & 0x10000 || (old.seg[TS_LDTR].ar & 0x9f) == 0x82);
}

static void expect_new(u8 vector, u32 error)
{
	ck_assert_int_eq(go(), TS_FAULT_NEW);
	ck_assert_msg(res.fault.vector == vector && res.fault.error == error, "vector %u error %x, not %u %x",
	              res.fault.vector, res.fault.error, vector, error);
	ck_assert_uint_eq(old.eip, get32(TSSB + 0x20));
	ck_assert_uint_eq(old.seg[TS_TR].sel, SEL_B);
	ck_assert(old.cr0 & 8);
	ck_assert(!res.debug_trap);
	check_enterable();
}

START_TEST(faults_new)
{
	/* offset in TSS B, selector put there, descriptor placed at 0x40 (GDT) or 0x10 (LDT: 0x14). */
	static const struct {
		u32 off;
		u16 sel;
		u8 access, vector;
		u16 error;
	} rows[] = {
		{ 0x60, 0x3c, 0, 10, 0x3c },                                 /* LDT selector in the LDT */
		{ 0x60, 0x100, 0, 10, 0x100 },                               /* beyond the GDT */
		{ 0x60, 0x10, 0, 10, 0x10 },                                 /* not an LDT */
		{ 0x60, 0x40, 0x02, 10, 0x40 },                              /* LDT not present */
		{ 0x4c, 0x00, 0, 10, 0 },                                    /* CS null */
		{ 0x4c, 0x03, 0, 10, 0 },                                    /* null with an RPL */
		{ 0x4c, 0x108, 0, 10, 0x108 },                               /* beyond */
		{ 0x4c, 0x104, 0, 10, 0x104 },                               /* beyond the LDT */
		{ 0x4c, 0x10, 0, 10, 0x10 },                                 /* data */
		{ 0x4c, 0x38, 0, 10, 0x38 },                                 /* system */
		{ 0x4c, 0x0b, 0, 10, 0x08 },                                 /* DPL 0, RPL 3 */
		{ 0x4c, 0x18, 0, 10, 0x18 },                                 /* DPL 3, RPL 0 */
		{ 0x4c, 0x40, 0xfe, 10, 0x40 },                              /* conforming, DPL 3 > RPL 0 */
		{ 0x4c, 0x40, 0x1a, 11, 0x40 },                              /* not present */
		{ 0x50, 0x00, 0, 10, 0 },                                    /* SS null */
		{ 0x50, 0x108, 0, 10, 0x108 },  { 0x50, 0x08, 0, 10, 0x08 }, /* code */
		{ 0x50, 0x40, 0x90, 10, 0x40 },                              /* read-only */
		{ 0x50, 0x40, 0x12, 12, 0x40 },                              /* not present */
		{ 0x50, 0x20, 0, 10, 0x20 },                                 /* DPL 3 */
		{ 0x50, 0x13, 0, 10, 0x10 },                                 /* RPL 3 */
		{ 0x54, 0x108, 0, 10, 0x108 },                               /* DS */
		{ 0x54, 0x38, 0, 10, 0x38 },                                 /* system */
		{ 0x54, 0x40, 0x98, 10, 0x40 },                              /* execute-only */
		{ 0x54, 0x40, 0x12, 11, 0x40 },                              /* not present */
		{ 0x54, 0x13, 0, 10, 0x10 },                                 /* DPL 0 < RPL 3 */
		{ 0x48, 0x40, 0x12, 11, 0x40 },                              /* ES, FS, GS */
		{ 0x58, 0x40, 0x12, 11, 0x40 }, { 0x5c, 0x40, 0x12, 11, 0x40 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(TS_JMP);
		if (rows[i].access)
			put_desc(GDT, 0x40, 0, 0xfffff, rows[i].access, 0xc);
		put16(TSSB + rows[i].off, rows[i].sel);
		expect_new(rows[i].vector, rows[i].error);
	}
	/* A conforming code segment of lower DPL is fine, also as data at any level. */
	setup(TS_JMP);
	put_desc(GDT, 0x40, 0, 0xfffff, 0x9e, 0xc);
	put16(TSSB + 0x4c, 0x43);
	put16(TSSB + 0x50, SEL_DATA3);
	put16(TSSB + 0x48, 0x43);
	put16(TSSB + 0x54, 0);
	ck_assert_int_eq(go(), TS_DONE);
	check_enterable();
	ck_assert_uint_eq(old.seg[TS_ES].ar, 0xc09f);
	/* A selector in the LDT when there is none. */
	setup(TS_JMP);
	put16(TSSB + 0x60, 0);
	expect_new(10, 0x0c);
	ck_assert_uint_eq(old.seg[TS_DS].sel, 0x0c);
	/* EXT. */
	setup(TS_GATE);
	req.external = true;
	put16(TSSB + 0x4c, 0x10);
	expect_new(10, 0x11);
	/* Bad PDPTEs: the fault comes with the old CR3. */
	setup(TS_JMP);
	cr3_fails = 1;
	expect_new(13, 0);
	ck_assert_uint_eq(old.cr3, 0xaaaa000);
	/* EIP beyond the limit. */
	setup(TS_JMP);
	put_desc(GDT, SEL_CODE0, 0, 0x1233, 0x9a, 0x4);
	expect_new(13, 0);
	/* Page faults while loading. */
	setup(TS_JMP);
	no_read = 1u << (LDT >> 12);
	expect_new(14, 0);
	setup(TS_JMP);
	no_write = 1u << (LDT >> 12);
	expect_new(14, 2);
}
END_TEST

START_TEST(error_code_stack)
{
	setup(TS_GATE);
	req.has_error = true;
	no_write = 1u << 8;
	expect_new(14, 2);
	ck_assert_uint_eq(old.gpr[4], 0x9000);
	/* Beyond the limit. */
	setup(TS_GATE);
	req.has_error = true;
	put_desc(GDT, SEL_DATA0, 0, 0x8000, 0x92, 0x4);
	expect_new(12, 0);
	/* Expand-down: valid above the limit only. */
	setup(TS_GATE);
	req.has_error = true;
	put_desc(GDT, SEL_DATA0, 0, 0x8fff, 0x96, 0x4);
	expect_new(12, 0);
	setup(TS_GATE);
	req.has_error = true;
	put_desc(GDT, SEL_DATA0, 0, 0x8000, 0x96, 0x4);
	ck_assert_int_eq(go(), TS_DONE);
	/* A 16-bit stack wraps in 64 KiB and keeps ESP's upper half. */
	setup(TS_GATE);
	req.has_error = true;
	req.error = 0x77;
	put_desc(GDT, SEL_DATA0, 0, 0xffff, 0x92, 0);
	put32(TSSB + 0x38, 0xabcd0000);
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(old.gpr[4], 0xabcdfffc);
	ck_assert_uint_eq(get32(0xfffc), 0x77);
	setup(TS_GATE);
	req.has_error = true;
	put_desc(GDT, SEL_DATA0, 0, 0xffff, 0x92, 0);
	put32(TSSB + 0x38, 2);
	expect_new(12, 0);
}
END_TEST

/* IRET to a task whose back link is itself: the state just saved is loaded again. */
START_TEST(iret_to_self)
{
	setup(TS_IRET);
	req.selector = SEL_A;
	old.seg[TS_DS] = old.seg[TS_ES];
	old.eflags = 0x4202;
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(old.eip, 0x107);
	ck_assert_uint_eq(old.gpr[1], 0x20202020);
	ck_assert_uint_eq(old.eflags, 0x202);
}
END_TEST

/* A guest that takes the table away between probe and write. */
static int vanishing_write(void *ctx, u32 addr, const void *buf, u32 len, struct ts_fault *f)
{
	(void)ctx;
	(void)buf;
	(void)len;
	return fault(f, addr, 2);
}

START_TEST(racing_guest)
{
	struct ts_ops bad = ops;

	bad.write = vanishing_write;
	setup(TS_JMP);
	ck_assert_int_eq(run(&bad), TS_ABORT);
}
END_TEST

/* Between any two steps others may look at memory: what is saved and marked is there, whatever faults later. */
START_TEST(in_steps)
{
	setup(TS_JMP);
	ck_assert_int_eq(go(), TS_DONE);
	ck_assert_uint_eq(steps, 16);
	check_loaded();
	/* A fault in the old task comes before the first write. */
	setup(TS_JMP);
	no_write = 1u << (GDT >> 12);
	ck_assert_int_eq(go(), TS_FAULT_OLD);
	ck_assert_uint_eq(steps, 4);
	ck_assert_uint_eq(writes, 0);
	/* One in the new task does not go on with the rest. */
	setup(TS_JMP);
	put16(TSSB + 0x4c, 0);
	ck_assert_int_eq(go(), TS_FAULT_NEW);
	ck_assert_uint_eq(steps, 10);
	check_saved(0x4246);
	ck_assert_uint_eq(access_of(SEL_DATA0), 0x92);
}
END_TEST

SUITE_MAIN("taskswitch", call32, jmp32, iret32, gate_with_error, to_16bit, from_16bit, to_vm86, to_ring3, no_paging,
           faults_old, page_faults, faults_new, error_code_stack, iret_to_self, racing_guest, in_steps)
