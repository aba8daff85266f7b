/*
 * The 32-bit part of v86.c: a monitor of virtual-8086 mode. Each sensitive instruction is run with CR4.VME on and off, at
 * each IOPL, under each state of IF, VIF and VIP, and compared with v86_model.h; then comes what of virtual-8086 code the
 * hypervisor executes: ports, by the I/O permission map, and device memory. SDM vol. 3 "8086 Emulation".
 */
#include "tests/guest/v86_model.h"

extern u64 rt_gdt[];
extern volatile u32 vm_sp, vm_ss, vm_eflags;
extern volatile struct frame vm_frame;
extern u8 vm_stubs[];
void vm_enter(void);
void vm_all(void);

/* For v86.c: groups by name, and what failed: group, VME, flags on entry, what (a string), got, want. */
u32 vm_group_name[32], vm_group_checks[32], vm_groups, vm_failure[6 * 64], vm_failures;

static struct tss tss;
static u8 stack[4096] __attribute__((aligned(4096)));
static u64 idt[128];
static u32 pd[1024] __attribute__((aligned(4096))), pt[1024] __attribute__((aligned(4096)));

static void check(const char *what, u32 got, u32 want)
{
	u32 *f = vm_failure + 6 * vm_failures;

	vm_group_checks[vm_groups - 1]++;
	if (got == want || vm_failures == 64)
		return;
	f[0] = vm_groups - 1;
	f[1] = vme;
	f[2] = entry;
	f[3] = (u32)what;
	f[4] = got;
	f[5] = want;
	vm_failures++;
}

static void group(const char *name)
{
	vm_group_name[vm_groups++] = (u32)name;
}

/* UD2 stands behind each piece of code, where IRET goes, and where the IVT points. */
static void place(const u8 *code, u32 len)
{
	for (u32 i = 0; i < 128; i += 2) {
		CODE[i] = 0x0f;
		CODE[i + 1] = 0x0b;
	}
	for (u32 i = 0; i < len; i++)
		CODE[i] = code[i];
	CODE[len] = 0x0f;
	CODE[len + 1] = 0x0b;
	if (len % 2 == 0)
		return;
	CODE[len + 2] = 0x0b;
}

static void run(u32 eflags)
{
	entry = eflags;
	vm_eflags = eflags;
	vm_sp = SP;
	vm_ss = STACK >> 4;
	vm_frame.vector = NOT;
	vm_enter();
}

static void try(const struct instruction *in, u32 eflags, u32 image)
{
	volatile u16 *top = (volatile u16 *)(STACK + SP);
	struct outcome o;

	place(in->code, in->len);
	top[0] = in->want == want_iret ? BACK : (u16)image;
	top[1] = in->want == want_iret ? 0x700 : 0;
	top[2] = (u16)image;
	top[-1] = top[-2] = 0;
	run(eflags);
	o = (struct outcome){ .vector = UD, .eip = in->len, .eflags = eflags, .sp = SP, .pushed = NOT };
	in->want(&o, image);
	check("vector", vm_frame.vector, o.vector);
	check("error code", vm_frame.error & 0xffff, o.error);
	check("IP", vm_frame.eip, o.eip);
	check("CS", vm_frame.cs & 0xffff, 0x700);
	check("EFLAGS", vm_frame.eflags & (TF | IF | IOPL | VM | VIF | VIP), o.eflags & ~2u);
	check("SP", vm_frame.esp, o.sp);
	check("DS", vm_frame.ds & 0xffff, 0x600);
	if (o.pushed != NOT)
		check("flags pushed", top[in->want == want_pushfd ? -2 : -1] & (IF | IOPL | 2), o.pushed);
}

static void sensitive(void)
{
	for (u32 i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
		group(instructions[i].name);
		for (vme = 0; vme < 2; vme++) {
			asm volatile("movl %%cr4, %%eax\n\tandl $~1, %%eax\n\torl %0, %%eax\n\tmovl %%eax, %%cr4"
			             :
			             : "r"(vme)
			             : "eax", "memory");
			for (u32 bits = 0; bits < 64; bits++) {
				/* Both of VIF and VIP are a #GP before any instruction. */
				if (vme && (bits & 24) == 24)
					continue;
				try(&instructions[i],
				    2 | VM | (bits & 3) << 12 | (bits & 4 ? IF : 0) | (bits & 8 ? VIF : 0) |
				            (bits & 16 ? VIP : 0),
				    2 | (bits & 32 ? IF : IOPL));
			}
		}
	}
	vme = 1;
}

/* ---- what the hypervisor executes ---------------------------------------------------------------------------- */

#define RUN(vector_, eip_, ...)                              \
	do {                                                 \
		static const u8 code_[] = { __VA_ARGS__ };   \
		place(code_, sizeof(code_));                 \
		run(2 | VM);                                 \
		check("vector", vm_frame.vector, (vector_)); \
		check("IP", vm_frame.eip, (eip_));           \
	} while (0)

/* CMOS 70h and 71h are allowed, 72h is not; the IOPL has no say. */
static void ports(void)
{
	group("ports by the I/O permission map");
	RUN(UD, 6, 0xb0, 0x0f, 0xe6, 0x70, 0xe4, 0x71);             /* MOV AL, 15; OUT 70h; IN 71h */
	RUN(UD, 8, 0xb0, 0x2e, 0xe6, 0x70, 0xb0, 0x5a, 0xe6, 0x71); /* CMOS 2Eh: 5Ah */
	RUN(UD, 6, 0xb0, 0x2e, 0xe6, 0x70, 0xe4, 0x71);
	check("AL", vm_frame.eax & 0xff, 0x5a);
	/* REP INSB: three bytes to 9000h:.. would be the APIC's; ES is set to DS. */
	DATA[0x10] = DATA[0x11] = DATA[0x12] = DATA[0x13] = 0;
	RUN(UD, 14, 0x1e, 0x07, 0xbf, 0x10, 0, 0xb9, 3, 0, 0xba, 0x71, 0, 0xf3, 0x6c, 0x90);
	check("CX", vm_frame.ecx & 0xffff, 0);
	check("DI", vm_frame.edi & 0xffff, 0x13);
	check("bytes read", DATA[0x10] << 16 | DATA[0x11] << 8 | DATA[0x12], 0x5a5a5a);
	check("the byte behind", DATA[0x13], 0);
	/* REP OUTSB with a segment override. */
	DATA[0x20] = 0x77;
	RUN(UD, 12, 0xbe, 0x20, 0, 0xb9, 1, 0, 0xba, 0x71, 0, 0xf3, 0x3e, 0x6e);
	RUN(UD, 2, 0xe4, 0x71);
	check("AL", vm_frame.eax & 0xff, 0x77);
	RUN(GP, 0, 0xe4, 0x72);
	RUN(GP, 0, 0xe6, 0x72);
	RUN(GP, 0, 0xe5, 0x71); /* a word: half of it is not allowed */
	RUN(GP, 3, 0xba, 0x72, 0, 0x6c);
	RUN(GP, 3, 0xba, 0x72, 0, 0x6e);
}

static u32 tpr(u32 value)
{
	volatile u32 *at = (volatile u32 *)0xfee00080;

	if (value != NOT)
		*at = value;
	return *at;
}

/* The local APIC's TPR at 9000h:80h, by instructions of 16-bit code with an operand size prefix. */
static void device_memory(void)
{
	group("device memory");
	tpr(0x30);
	RUN(UD, 5, 0x26, 0x66, 0xa1, 0x80, 0); /* MOV EAX, ES:[80h] */
	check("EAX", vm_frame.eax, 0x30);
	RUN(UD, 11, 0x66, 0xb8, 0x40, 0, 0, 0, 0x26, 0x66, 0xa3, 0x80, 0); /* MOV ES:[80h], EAX */
	check("TPR by MOV", tpr(NOT), 0x40);
	RUN(UD, 9, 0xbb, 0x70, 0, 0x26, 0x66, 0x83, 0x47, 0x10, 0x08); /* ADD dword ES:[BX + 10h], 8 */
	check("TPR by ADD", tpr(NOT), 0x48);
	RUN(UD, 9, 0xbf, 0x80, 0, 0x26, 0x66, 0x0f, 0xba, 0x35, 6); /* BTR dword ES:[DI], 6 */
	check("TPR by BTR", tpr(NOT), 0x08);
	RUN(UD, 14, 0x66, 0xb8, 0x51, 0, 0, 0, 0x26, 0x66, 0x87, 0x06, 0x80, 0, 0x90, 0x90); /* XCHG */
	check("EAX by XCHG", vm_frame.eax, 0x08);
	check("TPR by XCHG", tpr(NOT), 0x51);
	DATA[0x30] = 0x62;
	DATA[0x31] = DATA[0x32] = DATA[0x33] = 0;
	RUN(UD, 10, 0xbe, 0x30, 0, 0xbf, 0x80, 0, 0x66, 0xa5, 0x90, 0x90); /* MOVSD */
	check("TPR by MOVSD", tpr(NOT), 0x62);
	check("SI", vm_frame.esi & 0xffff, 0x34);
	check("DI", vm_frame.edi & 0xffff, 0x84);
	RUN(UD, 12, 0xfd, 0x66, 0xb8, 0x70, 0, 0, 0, 0xbf, 0x80, 0, 0x66, 0xab); /* STD; STOSD */
	check("TPR by STOSD", tpr(NOT), 0x70);
	check("DI by STD", vm_frame.edi & 0xffff, 0x7c);
	RUN(UD, 10, 0x06, 0x17, 0xbc, 0x84, 0, 0x66, 0x6a, 0x33, 0x90, 0x90); /* SS = ES; PUSH dword 33h */
	check("TPR by PUSH", tpr(NOT), 0x33);
	check("SP by PUSH", vm_frame.esp, 0x80);
	RUN(UD, 7, 0x06, 0x17, 0xbc, 0x80, 0, 0x66, 0x5a); /* POP EDX */
	check("EDX by POP", vm_frame.edx, 0x33);
	check("SP by POP", vm_frame.esp, 0x84);
	tpr(0);
	pt[WINDOW >> 12] &= ~4u; /* not the user's */
	asm volatile("movl %%cr3, %%eax\n\tmovl %%eax, %%cr3" : : : "eax", "memory");
	RUN(14, 0, 0x26, 0x66, 0xa1, 0x80, 0);
	check("#PF: error code", vm_frame.error, 5);
	pt[WINDOW >> 12] |= 4;
	asm volatile("movl %%cr3, %%eax\n\tmovl %%eax, %%cr3" : : : "eax", "memory");
}

/* An interrupt leaves virtual-8086 mode by the IDT; software interrupts of the monitor's own go back into it. */
static void interrupts(void)
{
	group("an interrupt, and one by the monitor");
	*(volatile u32 *)0xfee00310 = 0;
	*(volatile u32 *)0xfee00300 = 0x44061; /* to self: IF is 0 */
	place((const u8 *)"\x90", 1);
	run(2 | VM);
	check("IF 0: vector", vm_frame.vector, UD);
	run(2 | VM | IF);
	check("IF 1: vector", vm_frame.vector, 0x61);
	check("IF 1: IP", vm_frame.eip, 0);
	check("IF 1: EFLAGS", vm_frame.eflags & (VM | IF), VM | IF);
	*(volatile u32 *)0xfee000b0 = 0;
	/* An IRET's frame by hand, as a monitor makes it; the code at BACK returns by IRET to BACK + 10h. */
	place((const u8 *)"\xcf", 1);
	*(volatile u16 *)(STACK + SP) = BACK + 0x10;
	*(volatile u16 *)(STACK + SP + 2) = 0x700;
	*(volatile u16 *)(STACK + SP + 4) = IF | 2;
	run(2 | VM | VIF);
	check("reflected: vector", vm_frame.vector, UD);
	check("reflected: IP", vm_frame.eip, BACK + 0x10);
	check("reflected: VIF", vm_frame.eflags & VIF, VIF);
}

/* ---- all ----------------------------------------------------------------------------------------------------- */

static void tables(void)
{
	u32 base = (u32)&tss, limit = sizeof(tss) - 1;

	for (u32 i = 0; i < 128; i++) {
		u32 at = (u32)vm_stubs + 16 * i, dpl = i == 3 || i == 4 || (i >= 0x30 && i != 0x32) ? 3 : 0;

		idt[i] = (at & 0xffff) | CS32 << 16 | (u64)(0x8e00 | dpl << 13) << 32 | (u64)(at >> 16) << 48;
	}
	for (u32 i = 0; i < 8193; i++)
		tss.io[i] = 0xff;
	tss.io[0x70 / 8] = 0xfc; /* 70h and 71h */
	for (u32 i = 0; i < 32; i++)
		tss.redirection[i] = 0xff;
	tss.redirection[0x31 / 8] = 0xff & ~(1 << 0x31 % 8);
	*(volatile u32 *)(0x31 * 4) = 0x700 << 16 | VECTOR;
	tss.iomap = (u16)((u32)tss.io - base);
	tss.ss0 = DS32;
	tss.esp0 = (u32)stack + sizeof(stack);
	rt_gdt[SEL_TSS / 8] =
	        (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)0x89 << 40 | (u64)(base >> 24) << 56;
	for (u32 i = 0; i < 1024; i++) {
		pd[i] = i << 22 | 0x83;
		pt[i] = i << 12 | 7;
	}
	pd[0] = (u32)pt | 7;
	pt[WINDOW >> 12] = 0xfee00017; /* not cached */
	asm volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
	asm volatile(
	        "movl %%cr4, %%eax\n\torl $0x10, %%eax\n\tmovl %%eax, %%cr4\n\t" /* PSE */
	        "movl %0, %%cr3\n\tmovl %%cr0, %%eax\n\torl $0x80010000, %%eax\n\tmovl %%eax, %%cr0\n\tjmp 1f\n1:"
	        :
	        : "r"(pd)
	        : "eax", "memory");
}

void vm_all(void)
{
	struct {
		u16 len;
		u32 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u32)idt };

	asm volatile("lidt %0" : : "m"(idtr));
	tables();
	sensitive();
	ports();
	device_memory();
	interrupts();
	asm volatile("movl %%cr0, %%eax\n\tandl $0x7fffffff, %%eax\n\tmovl %%eax, %%cr0\n\tjmp 1f\n1:\n\t"
	             "movl %%cr4, %%eax\n\tandl $~0x11, %%eax\n\tmovl %%eax, %%cr4"
	             :
	             :
	             : "eax", "memory");
}
