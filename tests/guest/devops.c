/*
 * Instructions that are rarely seen on device memory, and what goes wrong there: stack and control transfers, segment
 * and task registers, machine status word, division, MMX, strings over two pages; the same forced into the emulator.
 */
#include "tests/guest/rt/rt.h"

#define DEV   0xff000000ull
#define TWICE 0x6000000000ull /* the device's page, two times in a row */
#define COM   0x3f8
#define FEP   ".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d\n\t"

static volatile u64 *const dev = (volatile u64 *)DEV;
extern u8 devops_jmp[], devops_target[];

static u16 read_ss(void)
{
	u16 v;

	asm volatile("movw %%ss, %0" : "=r"(v));
	return v;
}

static void segments(void)
{
	u16 tr;
	u32 v;

	dev[0] = 0;
	v = TRY("movw (%0), %%ss", : : "r"(DEV));
	report(v == EXC_NONE && read_ss() == 0, "MOV SS, null from a device (%u)", v);
	dev[0] = 3;
	v = TRY("movw (%0), %%ss", : : "r"(DEV));
	report(v == EXC_GP && rt_exc.error == 0 && read_ss() == 0, "MOV SS, null with another RPL: #GP(0) (%u)", v);
	dev[0] = SEL_DATA;
	v = TRY("movw (%0), %%ss", : : "r"(DEV));
	report(v == EXC_NONE && read_ss() == SEL_DATA, "MOV SS from a device");
	asm volatile("str %0" : "=r"(tr));
	rt_gdt[tr / 8] &= ~BIT(41);
	dev[0] = tr;
	v = TRY("ltr (%0)", : : "r"(DEV) : "memory");
	report(v == EXC_NONE && (rt_gdt[tr / 8] & BIT(41)), "LTR from a device marks the TSS busy (%u)", v);
	v = TRY("ltr (%0)", : : "r"(DEV) : "memory");
	report(v == EXC_GP && rt_exc.error == tr, "LTR of a busy TSS: #GP with the selector (%u)", v);
}

static void status_word(void)
{
	u64 cr0 = read_cr0(), r;

	dev[0] = ~0ull;
	asm volatile("smsw (%0)" : : "r"(DEV) : "memory");
	report_eq(dev[0], (~0ull & ~0xffffull) | (cr0 & 0xffff), "SMSW to a device writes two bytes");
	dev[0] = cr0 ^ 8;
	asm volatile("lmsw (%0)" : : "r"(DEV));
	report_eq(read_cr0(), cr0 ^ 8, "LMSW from a device");
	write_cr0(cr0);
	asm volatile(FEP "smsww %w0" : "=a"(r) : "0"(0x1234567890abcdefull));
	report_eq(r, 0x1234567890ab0000ull | (cr0 & 0xffff), "SMSW r16");
	asm volatile(FEP "smswl %k0" : "=a"(r) : "0"(~0ull));
	report_eq(r, (u32)cr0, "SMSW r32");
	asm volatile(FEP "smswq %q0" : "=a"(r) : "0"(~0ull));
	report_eq(r, cr0, "SMSW r64");
	asm volatile(FEP "movq %1, %%dr6\n\t" FEP "movq %%dr6, %0" : "=a"(r) : "a"(0ull));
	report_eq(r, 0xffff0ff0, "DR6");
}

static void stack(void)
{
	u64 sp, bp, r = 0x1122334455667788ull, top = DEV + 4096;

	asm volatile("movq %%rsp, %%r8\n\tmovq %2, %%rsp\n\t"
	             "pushq $-7\n\tpushq %1\n\tpushq (%3)\n\tpushq $-7070707\n\tpushw $0x55\n\tmovq %%rsp, "
	             "%0\n\tmovq %%r8, %%rsp"
	             : "=&r"(sp)
	             : "r"(-17ll), "r"(top), "r"(&r)
	             : "r8", "memory");
	report(sp == top - 34 && MMIO64(top - 8) == (u64)-7 && MMIO64(top - 16) == (u64)-17 &&
	               MMIO64(top - 24) == r && MMIO64(top - 32) == (u64)-7070707 && MMIO16(top - 34) == 0x55,
	       "PUSH onto a device");
	dev[511] = 0x778899;
	asm volatile("movq %%rsp, %%r8\n\tmovq %%rbp, %%r9\n\tmovq %2, %%rbp\n\tleave\n\t"
	             "movq %%rsp, %0\n\tmovq %%rbp, %1\n\tmovq %%r8, %%rsp\n\tmovq %%r9, %%rbp"
	             : "=&r"(sp), "=&r"(bp)
	             : "r"(top - 8)
	             : "r8", "r9", "memory");
	report(sp == top && bp == 0x778899, "LEAVE from a device");
	asm volatile(
	        "movq %%rsp, %%r8\n\tmovq %%rbp, %%r9\n\tmovq %2, %%rsp\n\tmovq %3, %%rbp\n\tenter $0x1238, $0\n\t"
	        "movq %%rsp, %0\n\tmovq %%rbp, %1\n\tmovq %%r8, %%rsp\n\tmovq %%r9, %%rbp"
	        : "=&r"(sp), "=&r"(bp)
	        : "r"(top), "r"(0xaa55aa55bb66bb66ull)
	        : "r8", "r9", "memory");
	report(sp == top - 8 - 0x1238 && bp == top - 8 && dev[511] == 0xaa55aa55bb66bb66ull, "ENTER onto a device");
	r = 0;
	asm volatile("movq %%rsp, %%r8\n\tmovq %1, %%rsp\n\tleaq 1f(%%rip), %%r9\n\tpushq %%r9\n\tret\n"
	             "2:\tjmp 2b\n1:\tmovq $1, %0\n\tcall 3f\n\tjmp 4f\n3:\tincq %0\n\tret\n4:\tmovq %%r8, %%rsp"
	             : "+r"(r)
	             : "r"(top)
	             : "r8", "r9", "memory");
	report_eq(r, 2, "CALL and RET on a device");
}

static void jumps(void)
{
	u32 v;

	dev[0] = (u64)devops_target;
	*(volatile u16 *)(DEV + 8) = SEL_CODE64;
	v = 0;
	asm volatile("rex64 ljmp *(%1)\n\tjmp 1f\ndevops_target: movl $1, %0\n1:" : "+r"(v) : "r"(DEV) : "memory");
	report_eq(v, 1, "far JMP m16:64 from a device");
	dev[0] = 0x1111111111111111ull;
	v = TRY("devops_jmp: jmp *(%0)", : : "r"(DEV));
	report(v == EXC_GP && rt_exc.rip == (u64)devops_jmp, "JMP to no address: #GP at the JMP (%u)", v);
}

static void numbers(void)
{
	u64 a = 1, d = 2;
	u32 v;

	dev[0] = 0;
	v = TRY("divq (%2)", : "+a"(a), "+d"(d) : "r"(DEV) : "cc");
	report(v == EXC_DE && a == 1 && d == 2, "DIV by a device's zero: #DE, nothing changed (%u)", v);
	dev[0] = 987654321098765ull;
	a = d = 123456789012345ull;
	v = TRY("divq (%2)", : "+a"(a), "+d"(d) : "r"(DEV) : "cc");
	report(v == EXC_NONE && a == 0x1ffffffb1b963b33ull && d == 0x273ba4384ede2ull, "DIV m64 (%u)", v);
	dev[0] = 0x3333333333333333ull;
	a = 0x1111111111111111ull;
	d = 0x2222222222222222ull;
	asm volatile("mulw (%2)" : "+a"(a), "+d"(d) : "r"(DEV) : "cc");
	report(a == 0x111111111111c963ull && d == 0x2222222222220369ull, "MUL m16");
}

static void mmx(void)
{
	static const u16 all_exceptions = 0;
	u64 cr0 = read_cr0(), r = 0;
	u32 v;

	write_cr0(cr0 & ~(CR0_EM | CR0_TS));
	asm volatile("fninit");
	dev[0] = 0x8070605040302010ull;
	asm volatile("movq (%1), %%mm1\n\tmovq %%mm1, 8(%1)\n\tmovq %%mm1, (%0)\n\temms"
	             :
	             : "r"(&r), "r"(DEV)
	             : "memory");
	report(r == dev[0] && dev[1] == r, "MOVQ mm from and to a device");
	asm volatile("fninit\n\tfldcw %0\n\tfldz\n\tfldz\n\tfdivp" : : "m"(all_exceptions));
	v = TRY(FEP "movq %%mm0, (%0)", : : "r"(&r) : "memory");
	report_eq(v, EXC_MF, "MMX with an x87 exception pending: #MF");
	asm volatile("fnclex\n\temms");
	write_cr0(cr0);
}

static void two_pages(void)
{
	volatile u8 *p = (volatile u8 *)TWICE;
	u16 w;
	u32 bad = 0;
	u64 di = TWICE + 4032, cx = 1024;

	rt_map(TWICE, DEV, PTE_P | PTE_W | PTE_PCD);
	rt_map(TWICE + 4096, DEV, PTE_P | PTE_W | PTE_PCD);
	p[4095] = 0x99;
	p[4096] = 0x77;
	asm volatile("movw (%1), %0" : "=r"(w) : "r"(p + 4095) : "memory");
	report_eq(w, 0x7799, "a read over two device pages");
	asm volatile("movw %0, (%1)" : : "r"((u16)0x88aa), "r"(p + 4095) : "memory");
	report(p[4095] == 0xaa && p[0] == 0x88, "a write over two device pages");
	outw(0xe0, 0x9999);
	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(0xe0) : "memory");
	for (u32 i = 0; i < 1024; i++)
		bad += p[4032 + i] != 0x99;
	report(!bad && !cx && di == TWICE + 5056, "REP INSB into two device pages");
}

static u64 user_load(u64 sel)
{
	asm volatile(FEP "movl %k0, %%fs" : : "r"(sel));
	return 1;
}

static void invalid(void)
{
	u32 v = TRY(FEP ".byte 0x8d, 0xc0", : : : "rax");

	report_eq(v, EXC_UD, "LEA with a register: #UD");
	v = TRY(".byte 0x0f, 0x38, 0xf0, 0xc0", : : : "rax");
	report_eq(v, EXC_UD, "MOVBE with a register: #UD");
	report(rt_run_user(user_load, SEL_DATA & ~7u, 0x202) == 1 && rt_exc.vector == EXC_GP,
	       "CPL 3 loads a DPL 0 segment in the emulator: #GP");
}

/*
 * An instruction that does much at devices is carried out in several goes: what an earlier one has read or written there
 * is not to be done again. A FIFO, the UART's in loopback, would tell.
 */
static void once(void)
{
	static u8 sent[16] = "0123456789abcdef";
	u64 port = COM, to = TWICE + 4096 - 6, from, n = 12;
	u8 got[16];
	u32 more = 0;
	bool in, wide = true; /* the console is this UART: told when all is done */

	outb(COM + 2, 7);
	outb(COM + 4, 0x10);
	for (u32 i = 0; i < 12; i++)
		outb(COM, sent[i]);
	rt_delay(200000);
	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"((u16)port) : "memory");
	for (u32 i = 0; i < 12; i++)
		got[i] = MMIO8(TWICE + 4096 - 6 + i);
	in = !memcmp(got, sent, 12);
	for (u32 k = 0; k < 3; k++) {
		for (u32 i = 0; i < 8; i++)
			outb(COM, sent[i + k]);
		rt_delay(200000);
		to = TWICE + 4096 - 3 + k; /* RBR, IER, IIR, LCR: the first of each four is a datum */
		n = 5;
		asm volatile("rep insl" : "+D"(to), "+c"(n) : "d"((u16)port) : "memory");
		for (u32 i = 0; i < 5; i++)
			got[i] = MMIO8(TWICE + 4096 - 3 + k + i * 4);
		wide = wide && !memcmp(got, sent + k, 5);
		outb(COM + 2, 7);
	}
	for (u32 i = 0; i < 12; i++)
		MMIO8(TWICE + 4096 - 5 + i) = sent[i];
	from = TWICE + 4096 - 5;
	n = 12;
	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"((u16)port) : "memory");
	rt_delay(200000);
	for (n = 0; n < 16 && inb(COM + 5) & 1; n++)
		got[n] = inb(COM);
	for (; inb(COM + 5) & 1; more++)
		(void)inb(COM);
	outb(COM + 2, 7);
	outb(COM + 4, 3);
	report(in, "REP INSB of a FIFO into two device pages");
	report(wide, "REP INSL of a FIFO into two device pages");
	report(n == 12 && !more && !memcmp(got, sent, 12), "REP OUTSB from two device pages into a FIFO (%u)",
	       (u32)n);
}

void main(const char *cmdline)
{
	if (!rt_hv()) {
		report_skip("there is no such device on the bare machine");
		return;
	}
	segments();
	status_word();
	stack();
	jumps();
	numbers();
	mmx();
	two_pages();
	once();
	invalid();
}
