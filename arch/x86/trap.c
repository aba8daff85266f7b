/* IDT, exception handling with fixups, host interrupts, panic. SDM vol. 3 "Interrupt and Exception Handling". */
#include "arch/x86/trap.h"

#include "arch/x86/cpu.h"
#include "arch/x86/early_log.h"
#include "arch/x86/exc.h"
#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "lib/assert.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/log.h"

struct idt_gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset1;
	u32 offset2, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "64-bit IDT gate");

struct table_reg {
	u16 limit;
	u64 base;
} __packed;

struct ex_entry {
	u64 fault, fixup;
};

extern const u64 trap_vectors[256];
extern const struct ex_entry ex_table_start[], ex_table_end[];
extern const char text_start[], text_end[];

/* boot/entry.asm fills it in and loads it on its way to long mode. */
struct idt_gate trap_idt[256] __aligned(16);
/* The bootstrap processor until its own data is allocated; FS and GS point here from entry.asm on. */
struct pcpu boot_cpu = { .self = &boot_cpu };

static u8 boot_ist[NR_IST][4096] __aligned(16);
static irq_fn irq_handlers[256];
static void (*panic_begin)(void);
static void (*panic_dump)(void);
static void (*panic_final)(void);
static bool panicking;
static struct pcpu *panic_cpu; /* it alone goes on */

void trap_handle(struct trap_frame *f);

static void load_idt(void)
{
	struct table_reg idtr = { sizeof(trap_idt) - 1, (u64)trap_idt };

	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void trap_init(void)
{
	for (u32 i = 0; i < NR_IST; i++)
		boot_cpu.tss.ist[i] = (u64)boot_ist[i] + sizeof(boot_ist[i]);
	percpu_load(&boot_cpu);
	trap_idt[VEC_NMI].ist = IST_NMI;
	trap_idt[VEC_DF].ist = IST_DF;
	trap_idt[VEC_MC].ist = IST_MC;
}

bool trap_boot_nmi(void)
{
	bool was = boot_cpu.nmi_pending;

	boot_cpu.nmi_pending = false;
	return was;
}

__attribute__((no_stack_protector)) void percpu_load(struct pcpu *p)
{
	u64 tss = (u64)&p->tss;
	struct table_reg gdtr = { sizeof(p->gdt) - 1, (u64)p->gdt };

	p->self = p;
	p->gdt[0] = 0;
	p->gdt[1] = 0x00af9b000000ffff;
	p->gdt[2] = 0x00cf93000000ffff;
	p->gdt[3] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	p->gdt[4] = tss >> 32;
	p->tss.rsp[0] = p->stack_top;
	p->tss.iomap = sizeof(struct tss);
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	load_idt();
	__asm__ volatile("pushq %0\n\tleaq 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n1:\n\t"
	                 "movl %1, %%eax\n\tmovl %%eax, %%ds\n\tmovl %%eax, %%es\n\tmovl %%eax, %%ss"
	                 :
	                 : "i"(SEL_CODE), "i"(SEL_DATA)
	                 : "rax", "memory");
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
	/* The selectors are null since entry: to load them again would clear the bases for a moment. */
	cpu_wrmsr(MSR_FS_BASE, (u64)p);
	cpu_wrmsr(MSR_GS_BASE, (u64)p);
}

void irq_register(u8 vector, irq_fn fn)
{
	irq_handlers[vector] = fn;
}

void irq_dispatch(u8 vector)
{
	if (irq_handlers[vector])
		irq_handlers[vector]();
	if (vector != VEC_SPURIOUS)
		lapic_eoi();
}

static void dump_frame(const struct trap_frame *f)
{
	char sym[96];

	symbol_format(f->rip, sym, sizeof(sym));
	log_err("  rip %016lx %s\n", f->rip, sym);
	log_err("  rsp %016lx rflags %08lx cr2 %016lx cr3 %016lx\n", f->rsp, f->rflags, cpu_read_cr2(),
	        cpu_read_cr3());
	log_err("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	log_err("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	log_err("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
	log_err("  r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
}

/* Prints what looks like return addresses from sp up to the end of the page-aligned stack. */
static void dump_stack(u64 sp)
{
	u64 end = MIN(ALIGN_UP(sp + 1, PAGE_SIZE), sp + 2048);
	char sym[96];

	log_err("stack:\n");
	for (sp = ALIGN_UP(sp, 8); sp < end; sp += 8) {
		u64 v = *(const u64 *)sp;

		if (v < (u64)text_start || v >= (u64)text_end)
			continue;
		symbol_format(v, sym, sizeof(sym));
		log_err("  %016lx %s\n", v, sym);
	}
}

static __noreturn void die(u64 sp)
{
	dump_stack(sp);
	if (panic_dump)
		panic_dump();
	if (panic_final)
		panic_final();
	log_err("bulkhead: halted after a panic\n");
	cpu_wbinvd(); /* the exit rings */
	cpu_halt_forever();
}

static void panic_enter(void)
{
	cpu_cli();
	if (atomic_exchange(&panicking, true))
		cpu_halt_forever();
	/* No guest runs on under a hypervisor that is wrong. */
	if (nr_pcpus > 1) {
		atomic_store(&panic_cpu, this_cpu());
		lapic_send_nmi_others();
	}
	log_set_hooks(NULL, NULL, NULL); /* the lock's owner may be the one that fell */
	if (!log_has_sink())
		early_log_open();
	if (panic_begin)
		panic_begin();
}

void panic(const char *fmt, ...)
{
	va_list ap;
	u64 here;

	panic_enter();
	log_err("bulkhead: panic: ");
	va_start(ap, fmt);
	log_vprintf(LOG_ERR, fmt, ap);
	va_end(ap);
	log_err("\n");
	die((u64)&here);
}

void panic_set_begin(void (*fn)(void))
{
	panic_begin = fn;
}

void panic_set_dump(void (*fn)(void))
{
	panic_dump = fn;
}

void panic_set_final(void (*fn)(void))
{
	panic_final = fn;
}

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack smashed (canary overwritten)");
}

static bool fixup(struct trap_frame *f)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++) {
		if (e->fault == f->rip) {
			f->rip = e->fixup;
			return true;
		}
	}
	return false;
}

void trap_handle(struct trap_frame *f)
{
	static const char *const names[] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
		                             "#DF", "9",   "#TS", "#NP", "#SS", "#GP", "#PF", "15",
		                             "#MF", "#AC", "#MC", "#XM", "#VE", "#CP" };

	if (f->vector == VEC_NMI) {
		const struct pcpu *fell = atomic_load(&panic_cpu);

		if (fell && fell != this_cpu()) {
			cpu_wbinvd();
			cpu_halt_forever();
		}
		this_cpu()->nmi_pending = true;
		return;
	}
	if (f->vector >= 32) {
		irq_dispatch((u8)f->vector);
		return;
	}
	if (fixup(f))
		return;
	panic_enter();
	log_err("bulkhead: panic: exception %s error %#lx on CPU %u\n",
	        f->vector < ARRAY_SIZE(names) ? names[f->vector] : "?", f->error, this_cpu()->index);
	dump_frame(f);
	die(f->rsp);
}
