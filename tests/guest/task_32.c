/* The 32-bit part of task.c: hardware task switches; see rt_call32(). SDM vol. 3 "Task Management". */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEL_MAIN 0x58
#define SEL_INT  0x60
#define SEL_VM86 0x68
#define SEL_GATE 0x70
#define CS32     0x18
#define DS32     0x10

struct tss {
	u32 prev, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
};
_Static_assert(sizeof(struct tss) == 104, "TSS");

void task32_all(void);
u32 task32_result[128], task32_count; /* got, want: pairs */

static struct tss main_tss, int_tss, vm86_tss;
static u8 stack[4096] __attribute__((aligned(4096)));
static u64 idt[256];
static u32 pd[1024] __attribute__((aligned(4096))), pt[1024] __attribute__((aligned(4096)));
extern u64 rt_gdt[];

/* What the tasks leave. */
volatile u32 t32_runs, t32_after, t32_flags, t32_cr0, t32_error, t32_divisor, t32_fault_va, t32_nested, t32_dr6;
extern void t32_simple(void), t32_jump_back(void), t32_div(void), t32_error_task(void), t32_pf(void), t32_nmi(void),
        t32_irq(void), t32_db(void);

asm("t32_simple:\n"
    "1:\tincl t32_runs\n\tpushfl\n\tpopl t32_flags\n\tmovl %cr0, %eax\n\tmovl %eax, t32_cr0\n\tiret\n"
    "\tincl t32_after\n\tjmp 1b\n"
    "t32_jump_back:\n"
    "1:\tincl t32_runs\n\tpushfl\n\tpopl t32_flags\n\tljmp $0x58, $0\n\tjmp 1b\n"
    "t32_div:\n"
    "1:\tincl t32_runs\n\tmovl $10, t32_divisor\n\tiret\n\tjmp 1b\n"
    /* the error code is on this task's stack; the main task goes on behind its two-byte instruction */
    "t32_error_task:\n"
    "1:\tpopl t32_error\n\tincl t32_runs\n\taddl $2, t32_main_eip\n\tiret\n\tjmp 1b\n"
    "t32_pf:\n"
    "1:\tpopl t32_error\n\tincl t32_runs\n\tmovl %cr2, %eax\n\tmovl %eax, t32_fault_va\n\tcall "
    "t32_map\n\tiret\n\tjmp 1b\n"
    /* the first run sends a second NMI: it may come only after IRET */
    "t32_nmi:\n"
    "1:\tincl t32_runs\n\tcmpl $1, t32_runs\n\tjne 2f\n\tmovl $0, 0xfee00310\n\tmovl $0x4400, 0xfee00300\n"
    "\tmovl 0xfee00020, %eax\n\tnop\n\tnop\n\tmovl t32_runs, %eax\n\tmovl %eax, t32_nested\n2:\tiret\n\tjmp 1b\n"
    "t32_irq:\n"
    "1:\tincl t32_runs\n\tmovl $0, 0xfee000b0\n\tiret\n\tjmp 1b\n"
    "t32_db:\n"
    "\tpushl %eax\n\tmovl %dr6, %eax\n\tmovl %eax, t32_dr6\n\tmovl $0xffff0ff0, %eax\n\tmovl %eax, %dr6\n\tpopl "
    "%eax\n\tiret\n");
extern volatile u32 t32_main_eip;
asm(".set t32_main_eip, main_tss + 32\n");

void t32_map(void);
void t32_map(void)
{
	pt[1] = (u32)stack | 3;
	asm volatile("invlpg 0x80001000" : : : "memory");
}

static void check(u32 got, u32 want)
{
	task32_result[task32_count * 2] = got;
	task32_result[task32_count * 2 + 1] = want;
	task32_count++;
}

static void set_tss(u32 sel, struct tss *t, u32 type)
{
	u32 base = (u32)t;

	rt_gdt[sel / 8] =
	        (sizeof(*t) - 1) | (u64)(base & 0xffffff) << 16 | (u64)(0x80 | type) << 40 | (u64)(base >> 24) << 56;
}

static u32 type_of(u32 sel)
{
	return rt_gdt[sel / 8] >> 40 & 0xf;
}

static void task_gate(u32 vector)
{
	idt[vector] = (u64)SEL_INT << 16 | (u64)0x8500 << 32;
	asm volatile("" : : : "memory"); /* before what comes */
}

static u32 cr3(void)
{
	u32 v;

	asm volatile("movl %%cr3, %0" : "=r"(v));
	return v;
}

/* The interrupt task starts at fn. */
static void prepare(void (*fn)(void))
{
	int_tss = (struct tss){
		.eip = (u32)fn,
		.eflags = 2,
		.esp = (u32)stack + sizeof(stack),
		.esp0 = (u32)stack + sizeof(stack),
		.ss0 = DS32,
		.cs = CS32,
		.ss = DS32,
		.ds = DS32,
		.es = DS32,
		.fs = DS32,
		.gs = DS32,
		.cr3 = cr3(),
		.iomap = sizeof(struct tss),
	};
	main_tss.cr3 = cr3();
	set_tss(SEL_INT, &int_tss, 9);
	t32_runs = t32_after = 0;
	asm volatile("clts");
}

static void calls_and_jumps(void)
{
	prepare(t32_simple);
	asm volatile("lcall $0x60, $0xf4f4f4f4" : : : "memory");
	check(t32_runs, 1);
	check(t32_flags & 0x4000, 0x4000); /* NT */
	check(t32_cr0 & 8, 8);             /* TS */
	check(int_tss.prev, SEL_MAIN);
	check(type_of(SEL_INT), 9);
	check(type_of(SEL_MAIN), 0xb);
	check(int_tss.eflags & 0x4000, 0); /* IRET has cleared NT in the image */
	asm volatile("lcall $0x60, $0xf4f4f4f4" : : : "memory");
	check(t32_runs, 2);
	check(t32_after, 1); /* it went on behind its IRET */
	prepare(t32_simple);
	rt_gdt[SEL_GATE / 8] = (u64)SEL_INT << 16 | (u64)0x8500 << 32;
	asm volatile("lcall $0x70, $0xf4f4f4f4" : : : "memory");
	check(t32_runs, 1); /* through a task gate in the GDT */
	prepare(t32_jump_back);
	asm volatile("ljmp $0x60, $0xf4f4f4f4" : : : "memory");
	check(t32_runs, 1);
	check(t32_flags & 0x4000, 0);
	check(type_of(SEL_INT), 9);
}

static void interrupts(void)
{
	u32 quotient;

	prepare(t32_simple);
	task_gate(0x30);
	asm volatile("int $0x30" : : : "memory");
	check(t32_runs, 1);
	prepare(t32_simple);
	task_gate(3);
	asm volatile("int3" : : : "memory");
	check(t32_runs, 1);
	prepare(t32_simple);
	task_gate(4);
	asm volatile("addb $127, %%al\n\tinto" : : "a"(127) : "cc", "memory");
	check(t32_runs, 1);
	prepare(t32_div);
	task_gate(0);
	t32_divisor = 0;
	asm volatile("divl %2" : "=a"(quotient) : "0"(1500), "m"(t32_divisor), "d"(0) : "cc", "memory");
	check(quotient, 150);
	check(t32_runs, 1);
	prepare(t32_error_task);
	task_gate(13);
	asm volatile("movl %%eax, %%es" : : "a"(0x1f8) : "memory");
	check(t32_runs, 1);
	check(t32_error, 0x1f8);
	prepare(t32_nmi);
	task_gate(2);
	t32_nested = 0;
	*(volatile u32 *)0xfee00310 = 0;
	*(volatile u32 *)0xfee00300 = 0x4400;
	for (u32 i = 0; i < 1000 && t32_runs < 2; i++)
		asm volatile("pause");
	check(t32_runs, 2);
	check(t32_nested, 1);
	prepare(t32_irq);
	task_gate(0x61);
	*(volatile u32 *)0xfee00310 = 0;
	*(volatile u32 *)0xfee00300 = 0x44061; /* to self */
	check(t32_runs, 0);
	asm volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
	check(t32_runs, 1);
}

static void debug_trap(void)
{
	prepare(t32_simple);
	int_tss.trap = 1;
	idt[1] = ((u32)t32_db & 0xffff) | CS32 << 16 | (u64)0x8e00 << 32 | (u64)((u32)t32_db >> 16) << 48;
	t32_dr6 = 0;
	asm volatile("lcall $0x60, $0" : : : "memory");
	check(t32_runs, 1);
	check(t32_dr6 & 0xe00f, 0x8000); /* BT */
}

static void page_fault(void)
{
	u32 old_cr0, old_cr4;

	for (u32 i = 0; i < 1024; i++)
		pd[i] = i << 22 | 0x83;
	pd[0x80000000u >> 22] = (u32)pt | 3;
	asm volatile("movl %%cr4, %0" : "=r"(old_cr4));
	asm volatile("movl %0, %%cr4" : : "r"(old_cr4 | 0x10)); /* PSE */
	asm volatile("movl %0, %%cr3" : : "r"(pd) : "memory");
	asm volatile("movl %%cr0, %0" : "=r"(old_cr0));
	asm volatile("movl %0, %%cr0\n\tjmp 1f\n1:" : : "r"(old_cr0 | 0x80000000) : "memory");
	prepare(t32_pf);
	task_gate(14);
	*(volatile u32 *)0x80001004 = 0x1234;
	asm volatile("" : : : "memory");
	check(t32_runs, 1);
	check(t32_error, 2);
	check(t32_fault_va, 0x80001004);
	check(*(volatile u32 *)(stack + 4), 0x1234);
	asm volatile("movl %%cr0, %0" : "=r"(old_cr0));
	asm volatile("movl %0, %%cr0\n\tjmp 1f\n1:" : : "r"(old_cr0 & 0x7fffffff) : "memory");
	asm volatile("movl %0, %%cr4" : : "r"(old_cr4));
}

/* IRET into a virtual-8086 task; its UD2 comes back through a task gate to the main TSS. */
static void vm86(void)
{
	volatile u8 *code = (volatile u8 *)0x7000;

	code[0] = 0x0f;
	code[1] = 0x0b;
	vm86_tss = (struct tss){ .eflags = 0x20002, .cs = 0x700, .ds = 0x1234, .ss = 0x700, .esp = 0x800 };
	set_tss(SEL_VM86, &vm86_tss, 0xb); /* busy, as IRET wants it */
	set_tss(SEL_MAIN, &main_tss, 9);   /* the gate wants an available one: main is left without it */
	asm volatile("ltr %w0" : : "r"(SEL_MAIN));
	main_tss.prev = SEL_VM86;
	idt[6] = (u64)SEL_MAIN << 16 | (u64)0x8500 << 32;
	asm volatile("pushfl\n\torl $0x4000, (%%esp)\n\tpopfl\n\tiret" : : : "memory", "cc");
	/* the gate has set NT and the back link */
	asm volatile("pushfl\n\tpopl %0\n\tpushl $2\n\tpopfl" : "=r"(t32_flags) : : "memory", "cc");
	check(t32_flags & 0x4000, 0x4000);
	check(main_tss.prev, SEL_VM86);
	check(vm86_tss.eip, 0);
	check(vm86_tss.eflags & 0x20000, 0x20000);
	check(vm86_tss.ds, 0x1234);
}

void task32_all(void)
{
	struct {
		u16 len;
		u32 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u32)idt };

	asm volatile("lidt %0" : : "m"(idtr));
	set_tss(SEL_MAIN, &main_tss, 9);
	asm volatile("ltr %w0" : : "r"(SEL_MAIN));
	calls_and_jumps();
	interrupts();
	debug_trap();
	page_fault();
	vm86();
}
