/*
 * Every instruction form that touches device memory: the testdev's 64 KiB of bytes at FF000000h. On the bare machine
 * that address is mapped to RAM, which tests the test.
 */
#include "tests/guest/rt/rt.h"

#define DEV 0xff000000ull

static volatile u8 *const dev = (volatile u8 *)DEV;
static u64 dev_pa = DEV;
static u8 ram[8192] __aligned(4096);

static void set(u64 v)
{
	*(volatile u64 *)DEV = v;
}
static u64 get(void)
{
	return *(volatile u64 *)DEV;
}

static void moves(void)
{
	u64 r;

	set(0x8877665544332211ull);
	report_eq(get(), 0x8877665544332211ull, "MOV r64");
	report_eq(*(volatile u32 *)(DEV + 4), 0x88776655, "MOV r32");
	report_eq(*(volatile u16 *)(DEV + 6), 0x8877, "MOV r16");
	report_eq(dev[7], 0x88, "MOV r8");
	report_eq(*(volatile u32 *)(DEV + 1), 0x55443322, "MOV r32, misaligned");
	*(volatile u32 *)(DEV + 2) = 0xaabbccdd;
	report_eq(get(), 0x8877aabbccdd2211ull, "MOV to memory, misaligned");
	set(0x8877665544332211ull);
	asm volatile("movb 7(%1), %%al" : "=a"(r) : "r"(DEV), "0"(-1ull));
	report_eq(r, 0xffffffffffffff88ull, "MOV r8 keeps the rest");
	asm volatile("movw 6(%1), %%ax" : "=a"(r) : "r"(DEV), "0"(-1ull));
	report_eq(r, 0xffffffffffff8877ull, "MOV r16 keeps the rest");
	asm volatile("movl (%1), %%eax" : "=a"(r) : "r"(DEV), "0"(-1ull));
	report_eq(r, 0x44332211ull, "MOV r32 clears the upper half");
	asm volatile("movb (%1), %%ah" : "=a"(r) : "r"(DEV), "0"(0ull));
	report_eq(r, 0x1100, "MOV AH");
	asm volatile("movzbl 7(%1), %%eax" : "=a"(r) : "r"(DEV), "0"(-1ull));
	report_eq(r, 0x88, "MOVZX r32, m8");
	asm volatile("movzbw 7(%1), %%ax" : "=a"(r) : "r"(DEV), "0"(-1ull));
	report_eq(r, 0xffffffffffff0088ull, "MOVZX r16, m8");
	asm volatile("movzwq 6(%1), %%rax" : "=a"(r) : "r"(DEV), "0"(-1ull));
	report_eq(r, 0x8877, "MOVZX r64, m16");
	asm volatile("movsbl 7(%1), %%eax" : "=a"(r) : "r"(DEV), "0"(0ull));
	report_eq(r, 0xffffff88, "MOVSX r32, m8");
	asm volatile("movsbq 7(%1), %%rax" : "=a"(r) : "r"(DEV), "0"(0ull));
	report_eq(r, 0xffffffffffffff88ull, "MOVSX r64, m8");
	asm volatile("movslq 4(%1), %%rax" : "=a"(r) : "r"(DEV), "0"(0ull));
	report_eq(r, 0xffffffff88776655ull, "MOVSXD r64, m32");
	asm volatile("movb $0x5a, 3(%0)" : : "r"(DEV) : "memory");
	asm volatile("movw $0x1234, (%0)" : : "r"(DEV) : "memory");
	asm volatile("movl $0x89abcdef, 4(%0)" : : "r"(DEV) : "memory");
	report_eq(get(), 0x89abcdef5a331234ull, "MOV imm8, imm16, imm32");
	asm volatile("movq $-2, (%0)" : : "r"(DEV) : "memory");
	report_eq(get(), 0xfffffffffffffffeull, "MOV m64, imm32 sign-extended");
	asm volatile("movq %0, %%r9\n\tmovabs %%eax, 0xff000000" : : "r"(0ull), "a"(0x11223344) : "r9", "memory");
	report_eq(*(volatile u32 *)DEV, 0x11223344, "MOV moffs, EAX");
	asm volatile("movabs 0xff000000, %%rax" : "=a"(r));
	report_eq(r, 0xffffffff11223344ull, "MOV RAX, moffs");
}

static void addressing(void)
{
	u64 r;

	for (u32 i = 0; i < 64; i++)
		dev[i] = (u8)i;
	asm volatile("movzbl 5(%1,%2,4), %k0" : "=r"(r) : "r"(DEV), "r"(3ull));
	report_eq(r, 17, "[base + index * 4 + disp8]");
	asm volatile("movzbl 0x3000020(%1,%2,8), %k0" : "=r"(r) : "r"(DEV - 0x3000000), "r"(1ull));
	report_eq(r, 40, "[base + index * 8 + disp32]");
	asm volatile("movq %1, %%r13\n\tmovzbl 0(%%r13), %k0" : "=r"(r) : "r"(DEV + 9) : "r13");
	report_eq(r, 9, "[r13]");
	asm volatile("movq %1, %%r12\n\tmovzbl (%%r12), %k0" : "=r"(r) : "r"(DEV + 10) : "r12");
	report_eq(r, 10, "[r12]");
	asm volatile("addr32 movzbl 4(%%ecx), %k0" : "=r"(r) : "c"(0xdead000000000000ull | DEV));
	report_eq(r, 4, "32-bit addressing");
	wrmsr(MSR_GS_BASE, DEV);
	asm volatile("movzbl %%gs:33, %k0" : "=r"(r));
	report_eq(r, 33, "GS:disp32");
	wrmsr(MSR_GS_BASE, 0);
	asm volatile("movq %%rsp, %%r10\n\tmovq %1, %%rsp\n\tmovzbl 3(%%rsp), %k0\n\tmovq %%r10, %%rsp"
	             : "=&r"(r)
	             : "r"(DEV)
	             : "r10");
	report_eq(r, 3, "[rsp + disp8]");
	/* RIP-relative: a page next to the code maps the device */
	asm volatile("leaq 1f(%%rip), %%r10\n1:\tmovzbl (%1), %k0" : "=&r"(r) : "r"(DEV + 21) : "r10");
	report_eq(r, 21, "plain base");
}

/* op with memory and with register operands; the result and the flags are those of the same op on RAM. */
#define FLAGS 0x8d5ull
#define ALU(op, suffix, type, val, operand)                                                                      \
	do {                                                                                                     \
		u64 f1, f2;                                                                                      \
		type m1, m2, r1 = (type)(operand), r2 = (type)(operand);                                         \
		*(volatile type *)ram = (type)(val);                                                             \
		*(volatile type *)DEV = (type)(val);                                                             \
		asm volatile("pushfq\n\tandq $~0x8d5, (%%rsp)\n\tpopfq\n\tstc\n\t" op suffix                     \
		             " %1, (%2)\n\tpushfq\n\tpopq %0"                                                    \
		             : "=&r"(f1), "+r"(r1)                                                               \
		             : "r"(ram)                                                                          \
		             : "memory", "cc");                                                                  \
		asm volatile("pushfq\n\tandq $~0x8d5, (%%rsp)\n\tpopfq\n\tstc\n\t" op suffix                     \
		             " %1, (%2)\n\tpushfq\n\tpopq %0"                                                    \
		             : "=&r"(f2), "+r"(r2)                                                               \
		             : "r"(DEV)                                                                          \
		             : "memory", "cc");                                                                  \
		m1 = *(volatile type *)ram;                                                                      \
		m2 = *(volatile type *)DEV;                                                                      \
		if (m1 != m2 || r1 != r2 || (f1 & FLAGS) != (f2 & FLAGS))                                        \
			report(false, op suffix " m, r: 0x%llx, 0x%llx flags 0x%llx, 0x%llx",                    \
			       (unsigned long long)m1, (unsigned long long)m2, (unsigned long long)(f1 & FLAGS), \
			       (unsigned long long)(f2 & FLAGS));                                                \
		else                                                                                             \
			alu_ok++;                                                                                \
		alu_all++;                                                                                       \
	} while (0)
#define ALU_READ(op, suffix, type, val, operand)                                                                 \
	do {                                                                                                     \
		u64 f1, f2, r1 = (operand), r2 = (operand);                                                      \
		*(volatile type *)ram = (type)(val);                                                             \
		*(volatile type *)DEV = (type)(val);                                                             \
		asm volatile("pushfq\n\tandq $~0x8d5, (%%rsp)\n\tpopfq\n\tstc\n\t" op suffix                     \
		             " (%2), %1\n\tpushfq\n\tpopq %0"                                                    \
		             : "=&r"(f1), "+r"(*(type *)&r1)                                                     \
		             : "r"(ram)                                                                          \
		             : "memory", "cc");                                                                  \
		asm volatile("pushfq\n\tandq $~0x8d5, (%%rsp)\n\tpopfq\n\tstc\n\t" op suffix                     \
		             " (%2), %1\n\tpushfq\n\tpopq %0"                                                    \
		             : "=&r"(f2), "+r"(*(type *)&r2)                                                     \
		             : "r"(DEV)                                                                          \
		             : "memory", "cc");                                                                  \
		if (r1 != r2 || (f1 & FLAGS) != (f2 & FLAGS))                                                    \
			report(false, op suffix " r, m: 0x%llx, 0x%llx flags 0x%llx, 0x%llx",                    \
			       (unsigned long long)r1, (unsigned long long)r2, (unsigned long long)(f1 & FLAGS), \
			       (unsigned long long)(f2 & FLAGS));                                                \
		else                                                                                             \
			alu_ok++;                                                                                \
		alu_all++;                                                                                       \
	} while (0)
#define ALU_SIZES(what, op, v, o)         \
	do {                              \
		what(op, "b", u8, v, o);  \
		what(op, "w", u16, v, o); \
		what(op, "l", u32, v, o); \
		what(op, "q", u64, v, o); \
	} while (0)

static const u64 values[][2] = {
	{ 0, 0 },
	{ 1, ~0ull },
	{ 0x7f7f7f7f7f7f7f7full, 0x0101010101010101ull },
	{ 0x8000800080008080ull, 0x8000800080008080ull },
	{ 0x123456789abcdef0ull, 0xfedcba9876543210ull },
	{ ~0ull, 1 },
};

static void alu(void)
{
	u32 alu_ok = 0, alu_all = 0;

	for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
		u64 v = values[i][0], o = values[i][1];

		ALU_SIZES(ALU, "add", v, o);
		ALU_SIZES(ALU, "adc", v, o);
		ALU_SIZES(ALU, "sub", v, o);
		ALU_SIZES(ALU, "sbb", v, o);
		ALU_SIZES(ALU, "and", v, o);
		ALU_SIZES(ALU, "or", v, o);
		ALU_SIZES(ALU, "xor", v, o);
		ALU_SIZES(ALU, "cmp", v, o);
		ALU_SIZES(ALU, "lock add", v, o);
		ALU_SIZES(ALU, "xadd", v, 0);
		ALU_SIZES(ALU_READ, "add", v, o);
		ALU_SIZES(ALU_READ, "adc", v, o);
		ALU_SIZES(ALU_READ, "sub", v, o);
		ALU_SIZES(ALU_READ, "sbb", v, o);
		ALU_SIZES(ALU_READ, "and", v, o);
		ALU_SIZES(ALU_READ, "or", v, o);
		ALU_SIZES(ALU_READ, "xor", v, o);
		ALU_SIZES(ALU_READ, "cmp", v, o);
		ALU_SIZES(ALU_READ, "test", v, o);
	}
	report_eq(alu_ok, alu_all, "ADD ADC SUB SBB AND OR XOR CMP TEST XADD: as on RAM, %u forms", alu_all);
}

#define CHECK_OP(insn, before, after)                             \
	do {                                                      \
		set(before);                                      \
		asm volatile(insn : : "r"(DEV) : "memory", "cc"); \
		report_eq(get(), after, "%s", insn);              \
	} while (0)

static void others(void)
{
	u64 a, d;
	u8 cf, zf;

	CHECK_OP("addb $1, (%0)", 0xff, 0);
	CHECK_OP("orl $-2, (%0)", 1, 0xffffffffull);
	CHECK_OP("lock orl $8, (%0)", 1, 9);
	CHECK_OP("andq $0xf0, (%0)", 0x1234, 0x30);
	CHECK_OP("xorw $0x1234, (%0)", 0xffff1234, 0xffff0000);
	CHECK_OP("incl (%0)", 0xffffffff, 0);
	CHECK_OP("lock incq (%0)", 0xffffffff, 0x100000000ull);
	CHECK_OP("decb (%0)", 0x100, 0x1ff);
	CHECK_OP("notw (%0)", 0xff00, 0x00ff);
	CHECK_OP("negl (%0)", 1, 0xffffffff);
	CHECK_OP("shll $4, (%0)", 0x12345678, 0x23456780);
	CHECK_OP("shrb (%0)", 0x81, 0x40);
	CHECK_OP("sarw $15, (%0)", 0x8000, 0xffff);
	CHECK_OP("btsl $5, (%0)", 0, 0x20);
	CHECK_OP("btrq $33, (%0)", 0x300000000ull, 0x100000000ull);
	CHECK_OP("btcw $15, (%0)", 0x8000, 0);
	CHECK_OP("lock btsq $63, (%0)", 0, 0x8000000000000000ull);

	for (u32 i = 0; i < 64; i++)
		dev[i] = 0;
	asm volatile("btsq %1, (%0)" : : "r"(DEV), "r"(64ull * 3 + 7) : "memory", "cc");
	report_eq(*(volatile u64 *)(DEV + 24), 0x80, "BTS with a register reaches beyond the operand");
	asm volatile("btq %2, (%1)\n\tsetc %0" : "=q"(cf) : "r"(DEV + 64), "r"(-(s64)(64 * 5) + 7) : "cc");
	report_eq(cf, 1, "BT with a negative register");
	asm volatile("btrl %1, (%0)" : : "r"(DEV), "r"(64u * 3 + 7) : "memory", "cc");
	report_eq(*(volatile u64 *)(DEV + 24), 0, "BTR r32");

	set(0x1122334455667788ull);
	a = 0xa1;
	asm volatile("xchgq %0, (%1)" : "+r"(a) : "r"(DEV) : "memory");
	report(a == 0x1122334455667788ull && get() == 0xa1, "XCHG r64");
	asm volatile("xchgl %k0, (%1)" : "+r"(a) : "r"(DEV) : "memory");
	report(a == 0xa1 && *(volatile u32 *)DEV == 0x55667788, "XCHG r32");
	asm volatile("xchgb %b0, (%1)" : "+q"(a) : "r"(DEV) : "memory");
	report(a == 0x88 && dev[0] == 0xa1, "XCHG r8");
	set(5);
	a = 5;
	asm volatile("lock cmpxchgq %3, (%2)\n\tsetz %1" : "+a"(a), "=q"(zf) : "r"(DEV), "r"(7ull) : "memory", "cc");
	report(zf == 1 && get() == 7, "CMPXCHG equal");
	asm volatile("lock cmpxchgl %k3, (%2)\n\tsetz %1" : "+a"(a), "=q"(zf) : "r"(DEV), "r"(9ull) : "memory", "cc");
	report(zf == 0 && get() == 7 && a == 7, "CMPXCHG different");
	a = 7;
	d = 0;
	asm volatile("lock cmpxchg8b (%3)\n\tsetz %2"
	             : "+a"(a), "+d"(d), "=q"(zf)
	             : "r"(DEV), "b"(1), "c"(2)
	             : "memory", "cc");
	report(zf == 1 && get() == 0x200000001ull, "CMPXCHG8B");
	set(0x0000000312345678ull);
	asm volatile("testb $0x78, (%1)\n\tsetz %0" : "=q"(zf) : "r"(DEV) : "cc");
	report_eq(zf, 0, "TEST m8, imm8");
	asm volatile("cmpl $3, 4(%1)\n\tsetz %0" : "=q"(zf) : "r"(DEV) : "cc");
	report_eq(zf, 1, "CMP m32, imm8");
	asm volatile("cmpw $0x5678, (%1)\n\tsetz %0" : "=q"(zf) : "r"(DEV) : "cc");
	report_eq(zf, 1, "CMP m16, imm16");
	set(0);
	asm volatile("cmpl %%eax, %%eax\n\tsetz (%0)" : : "r"(DEV) : "memory", "cc");
	report_eq(get(), 1, "SETZ m8");
	set(0x77);
	a = 0;
	asm volatile("testl %%eax, %%eax\n\tcmovzq (%1), %0" : "+a"(a) : "r"(DEV) : "cc");
	report_eq(a, 0x77, "CMOVZ");
	asm volatile("imull $3, (%1), %k0" : "=r"(a) : "r"(DEV) : "cc");
	report_eq(a, 0x77 * 3, "IMUL r32, m32, imm8");
	set(0x1111222233334444ull);
	asm volatile("pushq (%1)\n\tpopq %0" : "=r"(a) : "r"(DEV) : "memory");
	report_eq(a, 0x1111222233334444ull, "PUSH m64");
	asm volatile("pushq $0x1234\n\tpopq (%0)" : : "r"(DEV) : "memory");
	report_eq(get(), 0x1234, "POP m64");
}

static void strings(void)
{
	u64 di, si, cx, ax;
	u32 bad = 0;
	u8 zf;

	di = DEV;
	cx = 16;
	asm volatile("rep stosl" : "+D"(di), "+c"(cx) : "a"(0xa5a5a5a5) : "memory");
	for (u32 i = 0; i < 64; i++)
		bad += dev[i] != 0xa5;
	report(!bad && di == DEV + 64 && cx == 0, "REP STOSD");
	asm volatile("stosb" : "=D"(di) : "0"(DEV), "a"(0x12) : "memory");
	report(dev[0] == 0x12 && di == DEV + 1, "STOSB");
	for (u32 i = 0; i < 256; i++)
		ram[i] = (u8)(255 - i);
	si = (u64)ram;
	di = DEV;
	cx = 256;
	asm volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	for (bad = 0, cx = 0; cx < 256; cx++)
		bad += dev[cx] != (u8)(255 - cx);
	report(!bad && si == (u64)ram + 256, "REP MOVSB, RAM to device");
	memset(ram, 0, 512);
	si = DEV;
	di = (u64)ram + 1;
	cx = 32;
	asm volatile("rep movsq" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	for (bad = 0, cx = 0; cx < 256; cx++)
		bad += ram[cx + 1] != (u8)(255 - cx);
	report(!bad && si == DEV + 256 && di == (u64)ram + 257, "REP MOVSQ, device to RAM");
	si = DEV;
	di = DEV + 0x800;
	cx = 64;
	asm volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	for (bad = 0, cx = 0; cx < 256; cx++)
		bad += dev[0x800 + cx] != (u8)(255 - cx);
	report(!bad, "REP MOVSD, device to device");
	asm volatile("lodsl" : "=S"(si), "=a"(ax) : "0"(DEV) : "memory");
	report(ax == 0xfcfdfeff && si == DEV + 4, "LODSD");
	di = DEV;
	cx = 256;
	asm volatile("repne scasb" : "+D"(di), "+c"(cx) : "a"(200) : "memory", "cc");
	report(di == DEV + 56 && cx == 200, "REPNE SCASB (at 0x%llx)", (unsigned long long)di);
	memset(ram, 0, 256);
	for (u32 i = 0; i < 100; i++)
		ram[i] = (u8)(255 - i);
	si = DEV;
	di = (u64)ram;
	cx = 256;
	asm volatile("repe cmpsb\n\tsetz %3" : "+S"(si), "+D"(di), "+c"(cx), "=q"(zf) : : "memory", "cc");
	report(si == DEV + 101 && zf == 0, "REPE CMPSB");
}

static void crossing(void)
{
	u64 va = 0x4000000000ull, r;

	/* device page next to a RAM page, both ways round */
	rt_map(va, dev_pa, PTE_P | PTE_W | PTE_PCD);
	rt_map(va + 4096, (u64)ram, PTE_P | PTE_W);
	rt_map(va + 8192, dev_pa + 4096, PTE_P | PTE_W | PTE_PCD);
	memset(ram, 0, sizeof(ram));
	*(volatile u64 *)(va + 4096 - 4) = 0x1122334455667788ull;
	report(*(volatile u32 *)(DEV + 4092) == 0x55667788 && *(u32 *)ram == 0x11223344,
	       "a write from device to RAM page");
	r = *(volatile u64 *)(va + 4096 - 4);
	report_eq(r, 0x1122334455667788ull, "a read from device to RAM page");
	*(volatile u32 *)(va + 8192 - 1) = 0xa1a2a3a4;
	report(ram[4095] == 0xa4 && (*(volatile u32 *)(DEV + 4096) & 0xffffff) == 0xa1a2a3,
	       "a write from RAM to device page");
	report_eq(*(volatile u32 *)(va + 8192 - 1), 0xa1a2a3a4, "a read from RAM to device page");
	*(volatile u32 *)(DEV + 4096 - 2) = 0xcafebabe;
	report_eq(*(volatile u32 *)(DEV + 4096 - 2), 0xcafebabe, "across two device pages");
	/* second page missing: #PF for it, nothing written */
	*rt_pte(va + 4096) = 0;
	invlpg(va + 4096);
	dev[4095] = 0x33;
	r = TRY("movl %%eax, (%%rdx)", : : "a"(0), "d"(va + 4095) : "memory");
	report(r == EXC_PF && rt_exc.cr2 == va + 4096, "the second page is missing: #PF");
	report_eq(dev[4095], 0x33, "nothing was written");
	rt_map(va, dev_pa, PTE_P | PTE_PCD);
	r = TRY("movl %%eax, (%%rdx)", : : "a"(0), "d"(va) : "memory");
	report(r == EXC_PF && rt_exc.error == 3, "a write to a read-only device page: #PF(3)");
	report(!(*rt_pte(va) & PTE_D), "its D bit is not set");
	rt_map(va, dev_pa, PTE_P | PTE_W | PTE_PCD);
	*(volatile u32 *)va = 1;
	report(*rt_pte(va) & PTE_D, "D bit set by a write to a device page");
}

/*
 * Updates with a part on the device and a part in RAM, in both orders, at every split. They take two accesses to the
 * device, which the hypervisor may do in two goes: the RAM must not have changed between them.
 */
#define STRADDLES(op, suffix, type)                                                            \
	for (u32 n = 1; n < sizeof(type); n++)                                                 \
		for (u32 dev_first = 0; dev_first < 2; dev_first++) {                          \
			volatile u8 *at = (volatile u8 *)(va + (dev_first ? 8192 : 4096) - n); \
			type a = (type)0x7171717171717171ull, b = a, want;                     \
                                                                                               \
			for (u32 i = 0; i < sizeof(type); i++)                                 \
				((u8 *)&want)[i] = at[i] = (u8)(0xf5 + 29 * i);                \
			asm volatile(op suffix " %1, %0" : "+m"(want), "+r"(a));               \
			asm volatile(op suffix " %0, (%1)" : "+r"(b) : "r"(at) : "memory");    \
			wrong += a != b;                                                       \
			for (u32 i = 0; i < sizeof(type); i++)                                 \
				wrong += at[i] != ((u8 *)&want)[i];                            \
			tried++;                                                               \
		}

static void straddling(void)
{
	u64 va = 0x7e0000000000ull;
	u32 wrong = 0, tried = 0;

	rt_map(va, (u64)ram, PTE_P | PTE_W);
	rt_map(va + 4096, dev_pa, PTE_P | PTE_W | PTE_PCD);
	rt_map(va + 8192, (u64)ram + 4096, PTE_P | PTE_W);
	for (u32 round = 0; round < 4; round++) {
		STRADDLES("add", "w", u16);
		STRADDLES("add", "l", u32);
		STRADDLES("add", "q", u64);
		STRADDLES("lock xadd", "l", u32);
		STRADDLES("lock xadd", "q", u64);
		STRADDLES("xor", "q", u64);
	}
	report_eq(wrong, 0, "%u updates over RAM and the device: as on RAM", tried);
}

static void unclaimed(void)
{
	static const u64 addrs[] = { 0xd8000000ull, 0xfea00000ull, 0xfec10000ull, 0xff100000ull };

	for (u32 i = 0; i < ARRAY_SIZE(addrs); i++) {
		report_eq(*(volatile u32 *)addrs[i], 0xffffffff, "unclaimed 0x%llx, 32 bits",
		          (unsigned long long)addrs[i]);
		report_eq(*(volatile u64 *)(addrs[i] + 8), ~0ull, "unclaimed 0x%llx, 64 bits",
		          (unsigned long long)addrs[i] + 8);
		report_eq(*(volatile u8 *)(addrs[i] + 3), 0xff, "unclaimed 0x%llx, byte",
		          (unsigned long long)addrs[i] + 3);
		*(volatile u32 *)addrs[i] = 0;
		report_eq(*(volatile u32 *)addrs[i], 0xffffffff, "still all-ones after a write");
	}
}

void main(const char *cmdline)
{
	(void)cmdline;
	if (!rt_hv()) {
		static u8 stand_in[0x10000] __aligned(4096);

		dev_pa = (u64)stand_in;
		for (u32 i = 0; i < sizeof(stand_in); i += 4096)
			rt_map(DEV + i, dev_pa + i, PTE_P | PTE_W);
	}
	moves();
	addressing();
	alu();
	others();
	strings();
	crossing();
	straddling();
	if (rt_hv())
		unclaimed();
	else
		report_skip("unclaimed addresses: bare machine");
}
