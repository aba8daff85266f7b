/*
 * The forced-emulation prefix (ud2 followed by "kvm"): each instruction is run by the hypervisor's emulator and must
 * do what the processor does with the same operands. On the bare machine the prefix is #UD, which is tested instead.
 */
#include "tests/guest/rt/rt.h"

extern u8 fep_ds[], fep_int3[], fep_unknown[];

#define FEP   ".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d\n\t"
#define FLAGS 0x8d5ull

static u32 forms, bad;

struct state {
	u64 a, b, c, d, flags;
};

/* Runs insn (of RAX, RBX, RCX, RDX, and memory at RSI and RDI) natively and emulated from the same state. */
static u8 mem0[256] __aligned(64), mem1[256] __aligned(64), mem2[256] __aligned(64);

#define RUN(insn, s, m)                                                                                  \
	do {                                                                                             \
		u64 si_ = (u64)(m), di_ = (u64)(m) + 64;                                                 \
                                                                                                         \
		asm volatile("pushq %6\n\tpopfq\n\t" insn "\n\tpushfq\n\tpopq %6"                        \
		             : "+a"((s).a), "+b"((s).b), "+c"((s).c), "+d"((s).d), "+S"(si_), "+D"(di_), \
		               "+r"((s).flags)                                                           \
		             :                                                                           \
		             : "memory", "cc");                                                          \
		(s).flags &= FLAGS | BIT(10);                                                            \
		(s).a += (si_ - (u64)(m)) << 48; /* pointers count too */                                \
		(s).b += (di_ - (u64)(m)) << 48;                                                         \
	} while (0)
#define SAME(insn, undefined)                                                                              \
	do {                                                                                               \
		bool ok_ = true;                                                                           \
                                                                                                           \
		for (u32 i_ = 0; i_ < 12; i_++) {                                                          \
			struct state n_ = start(i_), e_ = n_;                                              \
                                                                                                           \
			for (u32 j_ = 0; j_ < 256; j_++)                                                   \
				mem0[j_] = (u8)rt_random();                                                \
			memcpy(mem1, mem0, 256);                                                           \
			memcpy(mem2, mem0, 256);                                                           \
			RUN(insn, n_, mem1);                                                               \
			RUN(FEP insn, e_, mem2);                                                           \
			n_.flags &= ~(u64)(undefined);                                                     \
			e_.flags &= ~(u64)(undefined);                                                     \
			if (memcmp(&n_, &e_, sizeof(n_)) || memcmp(mem1, mem2, 256)) {                     \
				if (ok_)                                                                   \
					report(false,                                                      \
					       "%s: rax 0x%llx 0x%llx rdx 0x%llx 0x%llx "                  \
					       "flags 0x%llx 0x%llx%s",                                    \
					       insn, (unsigned long long)n_.a, (unsigned long long)e_.a,   \
					       (unsigned long long)n_.d, (unsigned long long)e_.d,         \
					       (unsigned long long)n_.flags, (unsigned long long)e_.flags, \
					       memcmp(mem1, mem2, 256) ? " memory" : "");                  \
				ok_ = false;                                                               \
			}                                                                                  \
		}                                                                                          \
		forms++;                                                                                   \
		bad += !ok_;                                                                               \
	} while (0)

static struct state start(u32 i)
{
	static const u64 edge[] = { 0, 1, ~0ull, 0x8000000000000000ull, 0x7fffffff, 0x80 };
	struct state s = { rt_random(), rt_random(), rt_random(), rt_random(), 2 | (rt_random() & FLAGS) };

	if (i < 6) {
		s.a = edge[i];
		s.d = edge[5 - i];
	}
	return s;
}

#define OF_   BIT(11)
#define SZAPC 0xd4ull

static void alu(void)
{
	SAME("addb %%dl, %%al", 0);
	SAME("addw %%dx, %%ax", 0);
	SAME("addl %%edx, %%eax", 0);
	SAME("addq %%rdx, %%rax", 0);
	SAME("adcl %%edx, (%%rsi)", 0);
	SAME("sbbq (%%rsi), %%rax", 0);
	SAME("subw $0x1234, (%%rsi)", 0);
	SAME("andb $0x5a, %%ah", 0x10);
	SAME("orl $-3, %%eax", 0x10);
	SAME("xorq %%rdx, 8(%%rsi)", 0x10);
	SAME("cmpl %%edx, (%%rsi)", 0);
	SAME("testb $0x81, (%%rsi)", 0x10);
	SAME("incw %%ax", 0);
	SAME("decq (%%rsi)", 0);
	SAME("negl %%eax", 0);
	SAME("notq (%%rsi)", 0);
	SAME("lock addl %%edx, (%%rsi)", 0);
	SAME("lock decb (%%rsi)", 0);
	SAME("mull %%edx", SZAPC);
	SAME("imull %%edx, %%eax", SZAPC);
	SAME("imulq $77, %%rdx, %%rax", SZAPC);
	SAME("shll $3, %%eax", 0x10 | OF_);
	SAME("shrq %%rdx", 0x10);
	SAME("sarb $7, %%al", 0x10 | OF_);
	SAME("roll $5, %%eax", OF_);
	SAME("rcrw $1, (%%rsi)", 0);
	SAME("shldl $4, %%edx, %%eax", 0x10 | OF_);
	SAME("shrdq $9, %%rdx, (%%rsi)", 0x10 | OF_);
	SAME("btl $5, %%eax", SZAPC | OF_);
	SAME("btsq $50, (%%rsi)", SZAPC | OF_);
	SAME("btrw $3, %%ax", SZAPC | OF_);
	SAME("btcl $31, (%%rsi)", SZAPC | OF_);
	SAME("bsfl %%edx, %%eax\n\tcmovzl %%ecx, %%eax", 0x895);
	SAME("bswapl %%edx", 0);
	SAME("bswapq %%rdx", 0);
}

static void moves(void)
{
	SAME("movb %%dl, %%ah", 0);
	SAME("movl %%edx, %%eax", 0);
	SAME("movw (%%rsi), %%ax", 0);
	SAME("movq %%rdx, 16(%%rsi)", 0);
	SAME("movl $0x12345678, (%%rsi)", 0);
	SAME("movabsq $0x123456789abcdef0, %%rax", 0);
	SAME("movzbl (%%rsi), %%eax", 0);
	SAME("movzwq %%dx, %%rax", 0);
	SAME("movsbw (%%rsi), %%ax", 0);
	SAME("movslq %%edx, %%rax", 0);
	SAME("xchgl %%edx, %%eax", 0);
	SAME("xchgb %%dl, (%%rsi)", 0);
	SAME("lock xaddl %%edx, (%%rsi)", 0);
	SAME("lock cmpxchgl %%edx, (%%rsi)", 0);
	SAME("lock cmpxchg8b (%%rsi)", 0);
	SAME("leaq 5(%%rax, %%rdx, 4), %%rcx", 0);
	SAME("cmovzl %%edx, %%eax", 0);
	SAME("setc (%%rsi)", 0);
	SAME("pushq %%rdx\n\tpopq %%rax", 0);
	SAME("cltq", 0);
	SAME("cqto", 0);
	SAME("clc", 0);
	SAME("cmc", 0);
	SAME("lahf", 0);
	SAME("sahf", 0);
	SAME("nop", 0);
}

static void strings(void)
{
	SAME("movsb", 0);
	SAME("movsq", 0);
	SAME("stosl", 0);
	SAME("lodsw", 0);
	SAME("scasb", 0);
	SAME("cmpsl", 0);
}

static u64 va_code;

static void control(void)
{
	u64 a = 0, b;
	u32 v;
	u64 cr0 = read_cr0();

	asm volatile(FEP "jmp 1f\n\tmovl $1, %k0\n1:" : "+r"(a));
	report_eq(a, 0, "JMP");
	asm volatile("stc\n\t" FEP "jc 1f\n\tmovl $1, %k0\n1:" : "+r"(a) : : "cc");
	report_eq(a, 0, "JC taken");
	asm volatile("clc\n\t" FEP "jc 1f\n\tmovl $1, %k0\n1:" : "+r"(a) : : "cc");
	report_eq(a, 1, "JC not taken");
	asm volatile(FEP "call 1f\n\tjmp 2f\n1:\tmovl $7, %k0\n\t" FEP "ret\n2:" : "+r"(a) : : "memory");
	report_eq(a, 7, "CALL and RET");
	asm volatile(FEP "movq %%cr0, %0" : "=r"(b));
	report_eq(b, cr0, "MOV from CR0");
	asm volatile(FEP "movq %0, %%cr0" : : "r"(cr0 | CR0_TS));
	report(read_cr0() & CR0_TS, "MOV to CR0");
	asm volatile(FEP "clts");
	report_eq(read_cr0(), cr0, "CLTS");
	asm volatile(FEP "cpuid" : "=a"(a), "=b"(b) : "0"(0) : "rcx", "rdx");
	report_eq((u32)b, 0x756e6547, "CPUID");
	asm volatile(FEP "rdmsr" : "=a"(a) : "c"(MSR_APIC_BASE) : "rdx");
	report_eq((u32)a, (u32)rdmsr(MSR_APIC_BASE), "RDMSR");
	outb(0x21, 0xff);
	asm volatile(FEP "inb $0x21, %%al" : "=a"(a) : "0"(0));
	report_eq(a, 0xff, "IN");
	asm volatile("sti\n\tcli\n\t" FEP "pushfq\n\tpopq %0" : "=r"(a));
	report_eq(a & RFLAGS_IF, 0, "PUSHF");
	/* faults: the saved RIP is the instruction's, behind the prefix */
	v = TRY(FEP "movq (%0), %%rax", : : "r"(0x0000800000000000ull) : "rax");
	report(v == EXC_GP, "non-canonical address: #GP (%u)", v);
	*rt_pte(0x4000000000ull) = 0;
	v = TRY(FEP "movq (%0), %%rax", : : "r"(0x4000000008ull) : "rax");
	report(v == EXC_PF && rt_exc.cr2 == 0x4000000008ull && rt_exc.error == 0, "missing page: #PF (%u)", v);
	v = TRY(FEP "movq %%rax, (%0)", : : "r"(0x4000000008ull) : "memory");
	report(v == EXC_PF && rt_exc.error == 2, "missing page, write: #PF");
	v = TRY(FEP "divl %%ecx", : : "a"(1), "d"(0), "c"(0) : "cc");
	report(v == EXC_DE, "DIV by 0: #DE (%u)", v);
	v = TRY(FEP "ud2", );
	report(v == EXC_UD, "UD2: #UD (%u)", v);
	v = TRY(FEP "rdmsr", : : "c"(0x12345678) : "rax", "rdx");
	report(v == EXC_GP, "RDMSR of an unknown MSR: #GP (%u)", v);
	v = TRY(FEP "fep_ds: movl %%eax, %%ds", : : "a"(0x1f8));
	report(v == EXC_GP && rt_exc.error == 0x1f8, "MOV DS beyond the GDT: #GP (%u)", v);
	report_eq(rt_exc.rip, (u64)fep_ds, "its RIP is behind the prefix");
	v = TRY(FEP "int3\nfep_int3:", );
	report(v == EXC_BP, "INT3: #BP (%u)", v);
	report_eq(rt_exc.rip, (u64)fep_int3, "its RIP is behind the instruction");
	v = TRY(FEP "fep_unknown: .byte 0x0f, 0x3a, 0x0e, 0xc1, 0", );
	report(v == EXC_UD && rt_exc.rip == (u64)fep_unknown, "one the emulator does not know: #UD (%u)", v);
	(void)va_code;
}

static u8 vec_in[64] __aligned(32), vec_out[64] __aligned(32);

/* AVX moves by the emulator, between memory, registers and a device. */
static void avx(void)
{
	const u64 dev = 0xff000000;
	u64 cr4 = read_cr4();
	u32 v;

	if ((cpuid(1, 0).c & (BIT(28) | BIT(26))) != (BIT(28) | BIT(26))) {
		v = TRY(FEP "vmovdqa (%0), %%ymm1", : : "r"(vec_in));
		report_eq(v, EXC_UD, "AVX moves without AVX: #UD");
		return;
	}
	v = TRY(FEP "vmovdqa (%0), %%ymm1", : : "r"(vec_in));
	report_eq(v, EXC_UD, "AVX moves without CR4.OSXSAVE: #UD");
	write_cr4(cr4 | CR4_OSXSAVE | CR4_OSFXSR);
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	for (u32 i = 0; i < 64; i++)
		vec_in[i] = (u8)(i * 7 + 1);
	asm volatile(FEP "vmovntdqa (%0), %%ymm3\n\t" FEP "vmovdqa %%ymm3, %%ymm12\n\t" FEP "vmovntdq %%ymm12, (%1)"
	             :
	             : "r"(vec_in), "r"(vec_out)
	             : "memory");
	report(!memcmp(vec_in, vec_out, 32), "VMOVNTDQA, VMOVDQA, VMOVNTDQ");
	asm volatile("vmovdqu 32(%0), %%ymm3\n\tvmovdqu %%ymm3, (%1)\n\tvmovups (%1), %%ymm9\n\tvmovaps %%ymm9, (%2)"
	             :
	             : "r"(vec_in), "r"(dev), "r"(vec_out)
	             : "memory");
	report(!memcmp(vec_in + 32, vec_out, 32), "256 bits to a device and back");
	asm volatile("vmovdqu (%0), %%xmm9\n\tvmovups %%ymm9, (%1)" : : "r"(dev + 3), "r"(vec_out) : "memory");
	report(!memcmp(vec_in + 35, vec_out, 16) && !*(u64 *)(vec_out + 16) && !*(u64 *)(vec_out + 24),
	       "128 bits from a device clear the rest of the register");
	v = TRY(FEP "vmovdqa (%0), %%ymm1", : : "r"(vec_in + 16));
	report(v == EXC_GP, "a misaligned VMOVDQA: #GP (%u)", v);
	write_cr4(cr4);
}

void main(const char *cmdline)
{
	if (!rt_hv()) {
		u32 v = TRY(FEP "nop", );

		report_eq(v, EXC_UD, "the prefix is #UD on the bare machine");
		return;
	}
	alu();
	moves();
	strings();
	report_eq(bad, 0, "%u forms as the processor does them", forms);
	control();
	avx();
}
