/*
 * What every guest payload uses: console, reports, traps, recovery, processor access, APIC, page tables.
 * A payload is one file NAME.c with `void main(const char *cmdline)`; when main returns, the totals are printed and
 * the guest ends (see rt_exit). Payloads run on the bare machine too (GRUB's `multiboot`); what only the hypervisor's
 * debug devices offer is skipped there: ask rt_hv().
 */
#pragma once

#include "lib/fmt.h"
#include "lib/string.h"
#include "lib/types.h"
#include "tests/guest/rt/cpu.h"

/* ---- reports ------------------------------------------------------------------------------------------------ */

/* Defined by the build in the payload's main file. */
extern const char test_name[];
#ifdef TEST_NAME
const char test_name[] = TEST_NAME;
#endif
void main(const char *cmdline);

void rt_printf(const char *fmt, ...) __printf(1, 2);
/* "PASS: text" or "FAIL: text"; counted. Returns cond. */
bool report(bool cond, const char *fmt, ...) __printf(2, 3);
/* "SKIP: text"; not counted as failure. */
void report_skip(const char *fmt, ...) __printf(1, 2);
/* As report, but a failure is only a "NOTE": for rules of the SDM that the processor itself, not the hypervisor,
 * has to keep, and that an emulated processor is known not to keep. */
void report_soft(bool cond, const char *fmt, ...) __printf(2, 3);
/* For rules that Bochs' own devices do not keep: report() under a hypervisor, report_soft() on the bare machine. */
void report_hv(bool cond, const char *fmt, ...) __printf(2, 3);
/* Reports got == want and prints both when they differ. */
bool report_eq(u64 got, u64 want, const char *fmt, ...) __printf(3, 4);
/* Totals, then ends the guest: F4h (0: all passed, else 1) under a hypervisor, "Shutdown" to port 8900h on Bochs. */
__noreturn void rt_finish(void);
__noreturn void rt_exit(u32 code);
/* true when CPUID.1:ECX[31] is set: the debug devices of the hypervisor are there. */
bool rt_hv(void);
/* true when word is one of the command line's blank-separated words. */
bool rt_option(const char *word);

/* ---- traps -------------------------------------------------------------------------------------------------- */

enum {
	EXC_DE = 0,
	EXC_DB = 1,
	EXC_NMI = 2,
	EXC_BP = 3,
	EXC_OF = 4,
	EXC_BR = 5,
	EXC_UD = 6,
	EXC_NM = 7,
	EXC_DF = 8,
	EXC_TS = 10,
	EXC_NP = 11,
	EXC_SS = 12,
	EXC_GP = 13,
	EXC_PF = 14,
	EXC_MF = 16,
	EXC_AC = 17,
	EXC_XM = 19,
	EXC_NONE = 256
};

/* As the stubs push it. */
struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
typedef void (*trap_fn)(struct frame *f);

/* fn handles vector from now on; NULL: back to recovery (exceptions) or "unexpected" (interrupts). */
void rt_set_handler(u8 vector, trap_fn fn);
/* Gate attributes: ist 0..3, dpl 0..3. All are interrupt gates. */
void rt_set_gate(u8 vector, u32 ist, u32 dpl);
/* A gate to any entry point. */
void rt_set_gate_raw(u8 vector, u64 entry, u16 sel, u32 ist, u32 type_attr);
extern u64 rt_idt[512];
void rt_load_idt(void);

/* The last exception that was recovered from. vector is EXC_NONE when there was none. */
struct exc {
	u32 vector;
	u32 error;
	u64 rip, cr2, rflags, rsp, dr6;
};
extern struct exc rt_exc;
extern u64 rt_fixup;

/*
 * Executes insn (assembly; then as in an asm statement, starting at the first colon); an exception without a handler
 * continues behind it. Gives the vector, EXC_NONE without exception. Details are in rt_exc.
 */
#define TRY(insn, ...)                                                                             \
	({                                                                                         \
		rt_exc.vector = EXC_NONE;                                                          \
		asm volatile("movq $9f, rt_fixup\n\t" insn "\n9:\tmovq $0, rt_fixup" __VA_ARGS__); \
		*(volatile u32 *)&rt_exc.vector;                                                   \
	})
/* 0 when fn returned, 1 when an exception (rt_exc) ended it. Interrupt flag and stack are restored. */
int rt_guard(void (*fn)(void *), void *arg);
/* The same at CPL 3, with rflags on entry; fn's result is in rt_user_result. */
int rt_run_user(u64 (*fn)(u64), u64 arg, u64 rflags);
extern u64 rt_user_result;
/* Runs fn (32-bit code) in 32-bit protected mode, flat, paging off. */
void rt_call32(void (*fn)(void));

int rdmsr_safe(u32 msr, u64 *val); /* 0, or the exception's vector + 1 */
int wrmsr_safe(u32 msr, u64 val);

/* ---- descriptor tables -------------------------------------------------------------------------------------- */

#define SEL_CODE64  0x08
#define SEL_DATA    0x10
#define SEL_CODE32  0x18
#define SEL_UCODE32 0x23
#define SEL_UDATA   0x2b
#define SEL_UCODE   0x33
#define SEL_CODE16  0x38
#define SEL_DATA16  0x40
#define SEL_TSS     0x48
#define SEL_FREE    0x58 /* and the following 20 are for tests */
extern u64 rt_gdt[];
extern u8 rt_tss[];
extern u8 rt_stack_top[], rt_user_stack_top[];

/* ---- page tables -------------------------------------------------------------------------------------------- */

#define PTE_P   BIT(0)
#define PTE_W   BIT(1)
#define PTE_U   BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A   BIT(5)
#define PTE_D   BIT(6)
#define PTE_PS  BIT(7)
#define PTE_G   BIT(8)
#define PTE_NX  BIT(63)
extern u64 rt_pml4[512], rt_pdpt[512], rt_pd[2048];
/* The 4-KiB entry that maps va (in the first 4 GiB), splitting its 2-MiB page when needed. */
u64 *rt_pte(u64 va);
/* Maps the page of va to pa with flags (PTE_*) and invalidates. Any canonical va of the lower half. */
void rt_map(u64 va, u64 pa, u64 flags);
/* A zeroed page that is never given back. Panics (fails) when there are none left. */
void *rt_page(void);

/* ---- memory ------------------------------------------------------------------------------------------------- */

struct mmap_entry {
	u64 base, len;
	u32 type; /* 1: RAM */
};
/* The boot loader's memory map; number of entries. */
u32 rt_memory_map(struct mmap_entry *m, u32 max);
extern u8 image_start[], image_end[];

struct rt_module {
	void *data;
	u64 len;
};
/* The boot loader's modules, in order; number of entries. */
u32 rt_modules(struct rt_module *m, u32 max);

/* ---- time --------------------------------------------------------------------------------------------------- */

/* Waits until *p != was or about max ticks of the TSC are over, with interrupts as they are. true: it changed. */
bool rt_wait_change(volatile u32 *p, u32 was, u64 max);
void rt_delay(u64 ticks);
/* Pseudo-random numbers, the same on each run. */
u64 rt_random(void);

/* ---- local APIC --------------------------------------------------------------------------------------------- */

enum {
	APIC_ID = 0x20,
	APIC_VER = 0x30,
	APIC_TPR = 0x80,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVTT = 0x320,
	APIC_LVTTHMR = 0x330,
	APIC_LVTPC = 0x340,
	APIC_LVT0 = 0x350,
	APIC_LVT1 = 0x360,
	APIC_LVTERR = 0x370,
	APIC_TMICT = 0x380,
	APIC_TMCCT = 0x390,
	APIC_TDCR = 0x3e0,
	APIC_SELF_IPI = 0x3f0 /* x2APIC only */
};
#define APIC_PHYS 0xfee00000ull

/* Software enable with spurious vector FFh; LVTs masked; TPR 0. Leaves the mode as it is. */
void apic_init(void);
/* xAPIC -> x2APIC. false when the CPU has none. */
bool apic_to_x2(void);
bool apic_is_x2(void);
/* reg is the xAPIC offset in both modes. */
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 val);
void apic_icr(u32 dest, u32 low);
void apic_eoi(void);
/* Fixed, edge, physical destination: this CPU. */
void apic_self_ipi(u8 vector);
u32 apic_id(void);
/* Bit of vector in a 256-bit register (APIC_ISR, APIC_IRR, APIC_TMR). */
bool apic_bit(u32 reg, u8 vector);

/* ---- 8259, IOAPIC ------------------------------------------------------------------------------------------- */

/* Both PICs to vectors 20h.. and 28h.., everything masked. */
void pic_init(void);
u32 ioapic_read(u32 reg);
void ioapic_write(u32 reg, u32 val);
/* Redirection entry of pin. */
u64 ioapic_rte(u32 pin);
void ioapic_set_rte(u32 pin, u64 rte);
