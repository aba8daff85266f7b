/* Port I/O in all sizes, string I/O, what nobody claims. The latch is the testdev's: E0h-E3h 32 bits, E8h bytes. */
#include "tests/guest/rt/rt.h"

#define LATCH 0xe0
#define BYTE  0xe8

static u8 buf[3 * 4096] __aligned(4096);

static void insb(void *to, u64 n, u16 port)
{
	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(port) : "memory");
}
static void outsb(const void *from, u64 n, u16 port)
{
	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(port) : "memory");
}

static void sizes(void)
{
	u64 rax;

	outl(LATCH, 0x12345678);
	report_eq(inl(LATCH), 0x12345678, "OUT and IN, 32 bits");
	report_eq(inw(LATCH), 0x5678, "IN, low 16 bits");
	report_eq(inb(LATCH), 0x78, "IN, low byte");
	outb(LATCH, 0xaa);
	report_eq(inb(LATCH), 0xaa, "OUT and IN, byte");
	outw(LATCH, 0xbeef);
	report_eq(inw(LATCH), 0xbeef, "OUT and IN, 16 bits");
	outl(LATCH, 0x12345678);
	asm volatile("inb %w1, %%al" : "=a"(rax) : "d"(LATCH), "0"(0x1122334455667788ull));
	report_eq(rax, 0x1122334455667778ull, "IN AL keeps the rest of RAX");
	asm volatile("inw %w1, %%ax" : "=a"(rax) : "d"(LATCH), "0"(0x1122334455667788ull));
	report_eq(rax, 0x1122334455665678ull, "IN AX keeps the rest of RAX");
	asm volatile("inl %w1, %%eax" : "=a"(rax) : "d"(LATCH), "0"(0x1122334455667788ull));
	report_eq(rax, 0x12345678ull, "IN EAX clears the upper half of RAX");
	asm volatile("inl $0xe0, %%eax" : "=a"(rax));
	report_eq(rax, 0x12345678ull, "IN with an immediate port");
	asm volatile("inl %%dx, %%eax" : "=a"(rax) : "d"(0xffff000000000000ull | LATCH));
	report_eq(rax, 0x12345678ull, "IN ignores RDX[63:16]");
}

static void strings(void)
{
	u64 si, di, cx;
	u8 *p = buf + 4096 - 6; /* crosses a page after 6 bytes */

	memset(buf, 0, sizeof(buf));
	outl(LATCH, 0x04030201);
	asm volatile("insl" : "=D"(di) : "0"(buf), "d"(LATCH) : "memory");
	report(*(u32 *)buf == 0x04030201 && di == (u64)buf + 4, "INSD");
	asm volatile("insw" : "=D"(di) : "0"(buf + 8), "d"(LATCH) : "memory");
	report(*(u32 *)(buf + 8) == 0x0201 && di == (u64)buf + 10, "INSW");
	*(u32 *)buf = 0xcafe1234;
	asm volatile("outsl" : "=S"(si) : "0"(buf), "d"(LATCH) : "memory");
	report(inl(LATCH) == 0xcafe1234 && si == (u64)buf + 4, "OUTSD");
	asm volatile("outsb" : "=S"(si) : "0"(buf + 1), "d"(BYTE) : "memory");
	report((inl(LATCH) & 0xff) == 0x12 && si == (u64)buf + 2, "OUTSB");

	outl(LATCH, 0x5a);
	memset(buf, 0, sizeof(buf));
	insb(p, 12, BYTE);
	cx = 0;
	for (u32 i = 0; i < 12; i++)
		cx += p[i] == 0x5a;
	report(cx == 12 && p[-1] == 0 && p[12] == 0, "REP INSB over a page boundary");
	for (u32 i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)(i * 7);
	outsb(buf + 100, 5000, BYTE);
	report_eq(inb(BYTE), (u8)(5099 * 7), "REP OUTSB of 5000 bytes over a page boundary");

	*(u32 *)(buf + 4094) = 0x11223344;
	asm volatile("outsl" : "=S"(si) : "0"(buf + 4094), "d"(LATCH) : "memory");
	report_eq(inl(LATCH), 0x11223344, "OUTSD with its operand across a page boundary");
	outl(LATCH, 0x99887766);
	asm volatile("insl" : "=D"(di) : "0"(buf + 4094), "d"(LATCH) : "memory");
	report_eq(*(u32 *)(buf + 4094), 0x99887766, "INSD with its operand across a page boundary");

	/* backwards */
	memset(buf, 0, 32);
	di = (u64)buf + 8;
	cx = 3;
	asm volatile("std\n\trep insl\n\tcld" : "+D"(di), "+c"(cx) : "d"(LATCH) : "memory");
	report(di == (u64)buf - 4 && cx == 0 && *(u32 *)buf == 0x99887766 && *(u32 *)(buf + 8) == 0x99887766 &&
	               *(u32 *)(buf + 12) == 0,
	       "REP INSD with DF");
	/* count 0 */
	di = (u64)buf + 64;
	cx = 0;
	buf[64] = 0x77;
	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(BYTE) : "memory");
	report(di == (u64)buf + 64 && buf[64] == 0x77, "REP INSB with count 0");
	/* 32-bit addresses: ECX, EDI; the upper halves of a count are not looked at and come back 0 */
	di = (u64)buf;
	cx = 0xffffffff00000002ull;
	asm volatile("addr32 rep insb" : "+D"(di), "+c"(cx) : "d"(BYTE) : "memory");
	report(di == (u64)buf + 2 && cx == 0, "REP INSB with 32-bit addresses");
	/* a segment override */
	wrmsr(MSR_FS_BASE, (u64)buf);
	*(u32 *)(buf + 16) = 0x600df00d;
	si = 16;
	asm volatile("outsl %%fs:(%%rsi), %%dx" : "+S"(si) : "d"(LATCH) : "memory");
	report(inl(LATCH) == 0x600df00d && si == 20, "OUTSD with FS");
	wrmsr(MSR_FS_BASE, 0);
}

/* A fault in the middle: what is done stays done, and the registers tell where to go on. */
static void faults(void)
{
	u64 va = 0x4000000000ull, di, cx, si;
	u32 v;

	memset(buf, 0, 4096);
	rt_map(va, (u64)buf, PTE_P | PTE_W);
	*rt_pte(va + 4096) = 0;
	outl(LATCH, 0x66);
	di = va + 4096 - 3;
	cx = 8;
	v = TRY("rep insb", : "+D"(di), "+c"(cx) : "d"(BYTE) : "memory");
	report(v == EXC_PF && rt_exc.cr2 == va + 4096 && (rt_exc.error & 3) == 2,
	       "REP INSB into a missing page: #PF");
	report(di == va + 4096 && cx == 5 && buf[4093] == 0x66 && buf[4095] == 0x66,
	       "REP INSB: RDI and RCX at the fault (0x%llx, %llu)", (unsigned long long)di, (unsigned long long)cx);
	si = va + 4096 - 2;
	cx = 6;
	v = TRY("rep outsb", : "+S"(si), "+c"(cx) : "d"(BYTE) : "memory");
	report(v == EXC_PF && si == va + 4096 && cx == 4 && (rt_exc.error & 3) == 0, "REP OUTSB from a missing page");
	rt_map(va + 4096, (u64)buf + 4096, PTE_P);
	di = va + 4096 - 1;
	cx = 2;
	v = TRY("rep insb", : "+D"(di), "+c"(cx) : "d"(BYTE) : "memory");
	report(v == EXC_PF && (rt_exc.error & 3) == 3 && cx == 1, "REP INSB into a read-only page: #PF(3)");
	di = 0x0000800000000000ull;
	v = TRY("insb", : "+D"(di) : "d"(BYTE) : "memory");
	report(v == EXC_GP && rt_exc.error == 0, "INSB to a non-canonical address: #GP(0)");
}

static u64 user_in(u64 port)
{
	return inl((u16)port);
}

static void privilege(void)
{
	int r = rt_run_user(user_in, LATCH, 2);

	report(r == 1 && rt_exc.vector == EXC_GP && rt_exc.error == 0, "IN at CPL 3 with IOPL 0: #GP(0)");
	outl(LATCH, 0xabcd0123);
	r = rt_run_user(user_in, LATCH, 0x3002);
	report(r == 0 && (rt_user_result == 0xabcd0123 || !rt_hv()), "IN at CPL 3 with IOPL 3");
	/* the TSS' permission bitmap: base 68h, within a larger limit */
	static u8 tss[0x68 + 0x41] __aligned(16);

	memcpy(tss, rt_tss, 0x68);
	memset(tss + 0x68, 0, 0x41);
	tss[0x66] = 0x68;
	tss[0x67] = 0;
	tss[0x68 + 0x40] = 0xff;
	tss[0x68 + (0xe4 >> 3)] = 0x10; /* E4h refused */
	rt_gdt[11] = 0x0000890000000000ull | ((u64)tss & 0xffffff) << 16 | ((u64)tss & 0xff000000) << 32 |
	             (sizeof(tss) - 1);
	rt_gdt[12] = 0;
	asm volatile("ltr %w0" : : "r"(0x58));
	/* rt_run_user sets the stack in rt_tss: the same one here, set beforehand */
	*(u64 *)(tss + 4) = (u64)rt_user_stack_top - 0x2000;
	r = rt_run_user(user_in, LATCH, 2);
	report(r == 0, "IN at CPL 3 allowed by the permission bitmap");
	r = rt_run_user(user_in, 0xe4, 2);
	report(r == 1 && rt_exc.vector == EXC_GP, "IN at CPL 3 refused by the permission bitmap");
	r = rt_run_user(user_in, 0xe1, 2);
	report(r == 1 && rt_exc.vector == EXC_GP, "a 32-bit IN that reaches into a refused port");
	rt_gdt[SEL_TSS / 8] &= ~(2ull << 40);
	asm volatile("ltr %w0" : : "r"(SEL_TSS));
}

static void unclaimed(void)
{
	static const u16 ports[] = { 0x220, 0x3f00, 0x5658, 0xd000, 0xffff };

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		report_eq(inb(ports[i]), 0xff, "unclaimed port 0x%x, byte", ports[i]);
		if (ports[i] != 0xffff) {
			report_eq(inw(ports[i]), 0xffff, "unclaimed port 0x%x, 16 bits", ports[i]);
			report_eq(inl(ports[i]), 0xffffffff, "unclaimed port 0x%x, 32 bits", ports[i]);
		}
		outb(ports[i], 0);
	}
	memset(buf, 0, 16);
	insb(buf, 8, 0x5658);
	report_eq(*(u64 *)buf, ~0ull, "REP INSB of an unclaimed port");
	/* 16-bit access at the end of a device's range: the other half is nobody's */
	(void)inw(0xffff);
	(void)inl(0xfffe);
	report(true, "accesses over the end of the port space");
}

void main(const char *cmdline)
{
	(void)cmdline;
	if (rt_hv()) {
		sizes();
		strings();
		faults();
	} else {
		report_skip("latch: bare machine");
	}
	privilege();
	unclaimed();
}
