/*
 * What tasks_32.c, which alone includes this, finds: the tables, what each row makes of them, and the exception that it
 * then expects. SDM vol. 3 "Task Switching", table "Exception Conditions Checked During a Task Switch".
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEL_MAIN   0x58
#define SEL_NEW    0x60
#define SEL_GATE   0x68
#define SEL_LDT    0x70
#define SEL_X      0x78 /* whatever a row wants */
#define SEL_FAULT  0x80 /* the tasks that take faults: 6 of them */
#define SEL_C16    0xb8 /* base tm_ok */
#define SEL_S16    0xc0 /* base stack */
#define CS32       0x18
#define DS32       0x10
#define SEL_BEHIND 0x1f8
#define WINDOW     0x80000000u
#define NT         0x4000u
#define VM         0x20000u

struct tss {
	u32 prev, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, gpr[8], seg[6], ldt;
	u16 trap, iomap;
};
struct tss16 {
	u16 prev, sp[6], ip, flags, gpr[8], seg[4], ldt;
};
_Static_assert(sizeof(struct tss) == 104 && sizeof(struct tss16) == 44, "TSS");
enum { ES, CS, SS, DS, FS, GS };

enum way { JMP, CALL, JMP_GATE, CALL_GATE, INT, UD, GP, IRET, WAYS };
enum where { OLD, NEW };
enum vector { DB = 1, DF = 8, TS = 10, NP, SS_FAULT, GP_FAULT, PF, NONE = 0x100 };

struct row {
	const char *name;
	void (*set)(void);
	u32 vector, error;
	enum where where;
	u32 ways; /* bit mask */
};
#define ALL     0xffu
#define NESTING (1u << CALL | 1u << CALL_GATE | 1u << INT | 1u << UD | 1u << GP)
#define NO_GP   (ALL & ~(1u << GP)) /* the row needs vector 13 for itself */

extern u64 rt_gdt[];
extern volatile u32 tm_insn, tm_main_cr3, tm_vector, tm_error, tm_eip, tm_where, tm_handler, tm_cr2, tm_dr6, tm_dr7,
        tm_cr0, tm_cr3, tm_window, tm_flags, tm_ldt, tm_gpr[8];
extern volatile u16 tm_seg[4];
void tm_attempt(void);
extern u8 tm_jmp[], tm_call[], tm_jmp_gate[], tm_call_gate[], tm_int[], tm_ud[], tm_gp[], tm_iret[], tm_nested[];
extern u8 tm_jmp_end[], tm_call_end[], tm_jmp_gate_end[], tm_call_gate_end[], tm_int_end[], tm_iret_end[];
extern u8 tm_ok[], tm_fault[], tm_trap1[], tm_trap8[], tm_trap10[], tm_trap11[], tm_trap12[], tm_trap13[],
        tm_trap14[];

static const struct {
	u8 *run, *at, *next; /* next: what the old TSS gets */
} ways[WAYS] = {
	[JMP] = { tm_jmp, tm_jmp, tm_jmp_end },
	[CALL] = { tm_call, tm_call, tm_call_end },
	[JMP_GATE] = { tm_jmp_gate, tm_jmp_gate, tm_jmp_gate_end },
	[CALL_GATE] = { tm_call_gate, tm_call_gate, tm_call_gate_end },
	[INT] = { tm_int, tm_int, tm_int_end },
	[UD] = { tm_ud, tm_ud, tm_ud },
	[GP] = { tm_gp, tm_gp, tm_gp },
	[IRET] = { tm_nested, tm_iret, tm_iret_end },
};
static const u8 vectors[6] = { DF, TS, NP, SS_FAULT, GP_FAULT, PF };
static u8 *const traps[6] = { tm_trap8, tm_trap10, tm_trap11, tm_trap12, tm_trap13, tm_trap14 };

static struct tss main_tss, new_tss, fault_tss[6];
static struct tss16 main16, new16;
static u8 stack[4096] __attribute__((aligned(4096))), fault_stack[512];
static u8 page_a[4096] __attribute__((aligned(4096))), page_b[4096] __attribute__((aligned(4096)));
static u32 pd[1024] __attribute__((aligned(4096))), pt[1024] __attribute__((aligned(4096)));
static u32 pd2[1024] __attribute__((aligned(4096))), pt2[1024] __attribute__((aligned(4096)));
static u64 idt[256], ldt[2];
static u32 row, way; /* under way */
static struct tss *old_at, *new_at;
static u8 old_is_16, new_is_16;

static u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(limit >> 16 & 0xf) << 48 |
	       (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static void set_tss(u32 sel, void *t, u32 limit, u32 type)
{
	rt_gdt[sel / 8] = descriptor((u32)t, limit, 0x80 | type, 0);
}

static u32 type_of(u32 sel)
{
	return rt_gdt[sel / 8] >> 40 & 0xf;
}

/* ---- what the rows change ------------------------------------------------------------------------------------ */

#define ROW(fn, ...)         \
	static void fn(void) \
	{                    \
		__VA_ARGS__; \
	}
#define FLAT(access)                      (rt_gdt[SEL_X / 8] = descriptor(0, 0xfffff, access, 0xc))
#define SEGMENT(fn, nr, selector, access) ROW(fn, new_tss.seg[nr] = (selector); FLAT(access))
#define TSS_BIT(fn, op)                   ROW(fn, rt_gdt[SEL_NEW / 8] op)

ROW(as_is, (void)0)
TSS_BIT(not_present, &= ~(1ull << 47))
TSS_BIT(other_busy, ^= 1ull << 41)
TSS_BIT(short_limit, -= 1)
TSS_BIT(not_a_tss, ^= 4ull << 40) /* types 13 and 15, and 9 and 11: gates */
SEGMENT(cs_null, CS, 0, 0)
SEGMENT(cs_data, CS, SEL_X, 0x93)
SEGMENT(cs_system, CS, SEL_X, 0x82)
SEGMENT(cs_dpl, CS, SEL_X, 0xfb)
SEGMENT(cs_absent, CS, SEL_X, 0x1b)
SEGMENT(cs_behind, CS, SEL_BEHIND, 0)
SEGMENT(cs_conforming, CS, SEL_X, 0x9e)
SEGMENT(cs_conforming_dpl, CS, SEL_X, 0xfe)
SEGMENT(ss_null, SS, 0, 0)
SEGMENT(ss_read_only, SS, SEL_X, 0x91)
SEGMENT(ss_code, SS, SEL_X, 0x9b)
SEGMENT(ss_dpl, SS, SEL_X, 0xf3)
SEGMENT(ss_rpl, SS, SEL_X | 3, 0x93)
SEGMENT(ss_absent, SS, SEL_X, 0x13)
SEGMENT(ss_behind, SS, SEL_BEHIND, 0)
SEGMENT(ds_execute_only, DS, SEL_X, 0x99)
SEGMENT(ds_absent, DS, SEL_X, 0x13)
SEGMENT(ds_rpl, DS, SEL_X | 3, 0x93)
SEGMENT(ds_null, DS, 0, 0)
SEGMENT(ds_conforming, DS, SEL_X | 3, 0x9f)
SEGMENT(ds_no_ldt, DS, SEL_X | 4, 0x93)
SEGMENT(es_system, ES, SEL_X, 0x82)
SEGMENT(fs_behind, FS, SEL_BEHIND, 0)
SEGMENT(gs_absent, GS, SEL_X, 0x13)
ROW(ldt_good, new_tss.ldt = SEL_LDT; new_tss.seg[DS] = 4)
ROW(ldt_absent, new_tss.ldt = SEL_LDT; rt_gdt[SEL_LDT / 8] &= ~(1ull << 47))
ROW(ldt_type, new_tss.ldt = SEL_X; FLAT(0x93))
ROW(ldt_behind, new_tss.ldt = SEL_BEHIND)
ROW(ldt_in_ldt, new_tss.ldt = SEL_LDT | 4)
ROW(ldt_limit, new_tss.ldt = SEL_LDT; new_tss.seg[DS] = 0x14)
ROW(ldt_page, new_tss.ldt = SEL_LDT; new_tss.seg[DS] = 4;
    rt_gdt[SEL_LDT / 8] = descriptor(WINDOW + 0x2000, 15, 0x82, 0))
ROW(eip_limit, new_tss.seg[CS] = SEL_C16; new_tss.eip = 0x10000)
ROW(trap_bit, new_tss.trap = 1)
ROW(trap_bit_bad_cs, new_tss.trap = 1; new_tss.seg[CS] = 0)
ROW(other_cr3, new_tss.cr3 = (u32)pd2)
ROW(virtual_8086, new_tss.eflags = 2 | VM; new_tss.eip = 0; new_tss.seg[CS] = 0x700; new_tss.seg[SS] = 0x700;
    new_tss.gpr[4] = 0x800; new_tss.seg[DS] = 0x1234; *(volatile u8 *)0x7000 = 0xf4) /* HLT: #GP(0) */

static void new_16(void)
{
	new_is_16 = 1;
	new16 = (struct tss16){ .flags = 2,
		                .seg = { DS32, SEL_C16, SEL_S16, DS32 },
		                .gpr = { 1, 2, 3, 4, 4000, 6, 7, 8 } };
	set_tss(SEL_NEW, &new16, 43, way == IRET ? 3 : 1);
}

static void new_16_short(void)
{
	new_16();
	rt_gdt[SEL_NEW / 8] -= 1;
}

/* The old TSS was set when TR was loaded; here it is another one. */
static void old_tss(void *at, u32 limit, u32 type)
{
	set_tss(SEL_MAIN, at, limit, type);
	asm volatile("ltr %w0" : : "r"(SEL_MAIN) : "memory");
}

static void old_16(void)
{
	old_is_16 = 1;
	main16 = (struct tss16){ .prev = SEL_NEW };
	old_tss(&main16, 43, 1);
}

static void both_16(void)
{
	old_16();
	new_16();
}

static void old_short(void)
{
	old_tss(&main_tss, 0x5e, 9);
}

/* Two pages in the window: page_a, with access as in flags, and one that is not there. */
static void window(u32 flags)
{
	pt[1] = (u32)page_a | flags;
	asm volatile("invlpg 0x80001000" : : : "memory");
}

static void place_new(u32 offset)
{
	for (u32 i = 0; i < 104 && offset + i < 4096; i++)
		page_a[offset + i] = ((u8 *)&new_tss)[i];
	new_at = (struct tss *)(page_a + offset);
	set_tss(SEL_NEW, (void *)(WINDOW + 0x1000 + offset), 103, way == IRET ? 0xb : 9);
}

static void new_straddles(void)
{
	window(3);
	place_new(4096 - 52);
}

static void new_read_only(void)
{
	window(1);
	place_new(0);
}

static void old_read_only(void)
{
	window(3);
	((struct tss *)page_a)->prev = SEL_NEW;
	old_tss((void *)(WINDOW + 0x1000), 103, 9);
	window(1);
}

static void old_in_window(void)
{
	window(3);
	((struct tss *)page_a)->prev = SEL_NEW;
	old_at = (struct tss *)page_a;
	old_tss((void *)(WINDOW + 0x1000), 103, 9);
}

/* The error for other_busy, not_a_tss: the selector, #TS for IRET; see expected(). */
#define BAD_TSS 0xffff
static const struct row rows[] = {
	{ "a good task", as_is, NONE, 0, NEW, ALL },
	{ "TSS not present", not_present, NP, SEL_NEW, OLD, ALL },
	{ "TSS busy, for IRET not busy", other_busy, BAD_TSS, SEL_NEW, OLD, ALL },
	{ "no TSS", not_a_tss, BAD_TSS, SEL_NEW, OLD, ALL },
	{ "TSS too short", short_limit, TS, SEL_NEW, OLD, ALL },
	{ "CS null", cs_null, TS, 0, NEW, ALL },
	{ "CS of data", cs_data, TS, SEL_X, NEW, ALL },
	{ "CS of the system", cs_system, TS, SEL_X, NEW, ALL },
	{ "CS with DPL not RPL", cs_dpl, TS, SEL_X, NEW, ALL },
	{ "CS not present", cs_absent, NP, SEL_X, NEW, ALL },
	{ "CS behind the GDT", cs_behind, TS, SEL_BEHIND, NEW, ALL },
	{ "CS conforming", cs_conforming, NONE, 0, NEW, ALL },
	{ "CS conforming with DPL above RPL", cs_conforming_dpl, TS, SEL_X, NEW, ALL },
	{ "SS null", ss_null, TS, 0, NEW, ALL },
	{ "SS read-only", ss_read_only, TS, SEL_X, NEW, ALL },
	{ "SS of code", ss_code, TS, SEL_X, NEW, ALL },
	{ "SS with DPL not CPL", ss_dpl, TS, SEL_X, NEW, ALL },
	{ "SS with RPL not CPL", ss_rpl, TS, SEL_X, NEW, ALL },
	{ "SS not present", ss_absent, SS_FAULT, SEL_X, NEW, ALL },
	{ "SS behind the GDT", ss_behind, TS, SEL_BEHIND, NEW, ALL },
	{ "DS execute-only", ds_execute_only, TS, SEL_X, NEW, ALL },
	{ "DS not present", ds_absent, NP, SEL_X, NEW, ALL },
	{ "DS with RPL above DPL", ds_rpl, TS, SEL_X, NEW, ALL },
	{ "DS null", ds_null, NONE, 0, NEW, ALL },
	{ "DS of conforming code", ds_conforming, NONE, 0, NEW, ALL },
	{ "DS in an LDT that is not there", ds_no_ldt, TS, SEL_X | 4, NEW, ALL },
	{ "ES of the system", es_system, TS, SEL_X, NEW, ALL },
	{ "FS behind the GDT", fs_behind, TS, SEL_BEHIND, NEW, ALL },
	{ "GS not present", gs_absent, NP, SEL_X, NEW, ALL },
	{ "an LDT", ldt_good, NONE, 0, NEW, ALL },
	{ "LDT not present", ldt_absent, TS, SEL_LDT, NEW, ALL },
	{ "LDT of another type", ldt_type, TS, SEL_X, NEW, ALL },
	{ "LDT behind the GDT", ldt_behind, TS, SEL_BEHIND, NEW, ALL },
	{ "LDT in an LDT", ldt_in_ldt, TS, SEL_LDT | 4, NEW, ALL },
	{ "DS behind the LDT", ldt_limit, TS, 0x14, NEW, ALL },
	{ "the LDT's page not there", ldt_page, PF, 0, NEW, ALL },
	{ "EIP behind CS", eip_limit, GP_FAULT, 0, NEW, ALL },
	{ "T flag", trap_bit, DB, 0, NEW, ALL },
	{ "T flag with a fault", trap_bit_bad_cs, TS, 0, NEW, ALL },
	{ "another CR3", other_cr3, NONE, 0, NEW, ALL },
	{ "a virtual-8086 task", virtual_8086, GP_FAULT, 0, NEW, NO_GP },
	{ "32 to 16 bits", new_16, NONE, 0, NEW, ALL },
	{ "16-bit TSS too short", new_16_short, TS, SEL_NEW, OLD, ALL },
	{ "16 to 32 bits", old_16, NONE, 0, NEW, ALL },
	{ "16 to 16 bits", both_16, NONE, 0, NEW, ALL },
	{ "old TSS too short", old_short, TS, SEL_MAIN, OLD, ALL },
	{ "old TSS in another page", old_in_window, NONE, 0, NEW, ALL },
	{ "old TSS read-only", old_read_only, PF, 3, OLD, ALL },
	{ "new TSS half there", new_straddles, PF, 0, OLD, ALL },
	{ "new TSS read-only: link", new_read_only, PF, 3, OLD, NESTING },
	{ "new TSS read-only: no link", new_read_only, NONE, 0, NEW, ALL & ~NESTING },
};
