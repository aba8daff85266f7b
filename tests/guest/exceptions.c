/* Every exception a program can cause: vector, error code, saved RIP; user mode; single-step over what exits. */
#include "tests/guest/rt/rt.h"

u64 exp_rip;
static u8 page[8192] __aligned(4096);
#define VA           0x4000000000ull /* nothing is mapped there at start */
#define NONCANONICAL 0x0000800000000000ull

/* insn gives vec with error, and the saved RIP is at insn (or at a label 7 within it). */
#define FAULT(name, vec, err, insn, ...)                                                   \
	do {                                                                               \
		u32 v_ = TRY("movq $7f, exp_rip\n7:\t" insn, __VA_ARGS__);                 \
                                                                                           \
		report(v_ == (vec) && rt_exc.error == (u32)(err) && rt_exc.rip == exp_rip, \
		       "%s (vector %u, error 0x%x%s)", name, v_, rt_exc.error,             \
		       rt_exc.rip == exp_rip ? "" : ", RIP wrong");                        \
	} while (0)
/* For traps: RIP is behind insn. */
#define TRAP(name, vec, insn)                                                              \
	do {                                                                               \
		u32 v_ = TRY("movq $7f, exp_rip\n\t" insn "\n7:");                         \
                                                                                           \
		report(v_ == (vec) && rt_exc.rip == exp_rip, "%s (vector %u%s)", name, v_, \
		       rt_exc.rip == exp_rip ? "" : ", RIP wrong");                        \
	} while (0)

/* ---- #DB ---- */

static u32 db_count;
static u64 db_rip[16], db_dr6[16];

static void on_db(struct frame *f)
{
	if (db_count < 16) {
		db_rip[db_count] = f->rip;
		db_dr6[db_count] = read_dr6();
	}
	db_count++;
	write_dr6(0xffff0ff0);
}

/*
 * insn with TF set, RAX to RDX as given. One trap behind insn, one behind the POPFQ that clears TF. want: the number
 * of traps. first_ and next_ are the addresses of insn and of what follows it.
 */
#define STEP(insn, av, bv, cv, dv, want)                                                                \
	do {                                                                                            \
		u64 first_, next_, a_ = (av), b_ = (bv), c_ = (cv), d_ = (dv);                          \
                                                                                                        \
		db_count = 0;                                                                           \
		asm volatile("leaq 7f(%%rip), %%rsi\n\tleaq 8f(%%rip), %%rdi\n\t"                       \
		             "pushq %%rdi\n\tpushq %%rsi\n\tmovq %%rax, %%rdi\n\tmovq $page, %%rsi\n\t" \
		             "testq %%rbx, %%rbx\n\tcmovnzq %%rbx, %%rdi\n\t"                           \
		             "pushfq\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n"                       \
		             "7:\t" insn "\n8:\tpopfq\n\tpopq %%rsi\n\tpopq %%rdi"                      \
		             : "=&S"(first_), "=&D"(next_), "+a"(a_), "+b"(b_), "+c"(c_), "+d"(d_)      \
		             :                                                                          \
		             : "memory", "cc");                                                         \
		report(db_count == (want) && db_rip[(want)-2] == next_ && db_dr6[0] & BIT(14) &&        \
		               ((want) == 2 || db_rip[0] == first_),                                    \
		       "single-step over \"%s\" (%u traps, last at %+lld)", insn, db_count,             \
		       (long long)(db_rip[(want)-2] - next_));                                          \
	} while (0)

static void single_step(void)
{
	u64 base = rdmsr(MSR_APIC_BASE), behind;

	asm volatile("" : : "m"(page));
	rt_set_handler(EXC_DB, on_db);
	STEP("nop", 0, 0, 0, 0, 2);
	STEP("cpuid", 0, 0, 0, 0, 2);
	STEP("outb %%al, $0x80", 0, 0, 0, 0, 2);
	STEP("inb $0x21, %%al", 0, 0, 0, 0, 2);
	STEP("rdmsr", 0, 0, MSR_APIC_BASE, 0, 2);
	STEP("wrmsr", (u32)base, 0, MSR_APIC_BASE, base >> 32, 2);
	STEP("rdtsc", 0, 0, 0, 0, 2);
	STEP("movq %%rax, %%cr0", read_cr0(), 0, 0, 0, 2);
	STEP("movq %%rax, %%cr3", read_cr3(), 0, 0, 0, 2);
	STEP("movq %%rax, %%cr4", read_cr4(), 0, 0, 0, 2);
	STEP("movq %%rax, %%cr8", 0, 0, 0, 0, 2);
	STEP("movl %%eax, (%%rdx)", 0, 0, 0, 0xfec00000ull, 2);
	STEP("cmpl $0, (%%rdx)", 0, 0, 0, 0xfec00010ull, 2);
	STEP("wbinvd", 0, 0, 0, 0, 2);
	/* REP: a trap per round, at the instruction until the last one ("Single-Step Exception Condition") */
	STEP("rep stosb", 0, (u64)page, 3, 0, 4);
	STEP("rep outsb", 0, 0, 3, 0x80, 4);
	STEP("rep insb", 0, (u64)page, 3, 0x21, 4);
	/* MOV SS holds its trap back past the next instruction, where both are one */
	STEP("movl %%edx, %%ss; nop", 0, 0, 0, SEL_DATA, 2);
	STEP("movl %%edx, %%ss; cpuid", 0, 0, 0, SEL_DATA, 2);
	if (rt_hv()) {
		STEP("hlt", 0, 0, 0, 0, 2); /* its trap ends the halt */
		/* the same two by the emulator (ud2, "kvm") */
		STEP(".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d; nop", 0, 0, 0, 0, 2);
		STEP(".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d; movl %%edx, %%ss; nop", 0, 0, 0, SEL_DATA, 2);
		STEP(".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d; movl %%edx, %%ss; cpuid", 0, 0, 0, SEL_DATA, 2);
	}
	/* ICEBP: a trap without DR6.BS */
	db_count = 0;
	asm volatile("leaq 8f(%%rip), %0\n\t.byte 0xf1\n8:" : "=r"(behind) : : "memory");
	report(db_count == 1 && db_rip[0] == behind && !(db_dr6[0] & BIT(14)), "INT1 (F1h)");
	rt_set_handler(EXC_DB, NULL);
}

/* ---- #UD ---- */

static void undefined(void)
{
	u64 mem[2] = { 0, 0 }, a = 0;

	FAULT("UD2", EXC_UD, 0, "ud2", );
	FAULT("UD1", EXC_UD, 0, ".byte 0x0f, 0xb9, 0xc0", );
	FAULT("LOCK NOP", EXC_UD, 0, ".byte 0xf0, 0x90", );
	FAULT("LOCK MOV", EXC_UD, 0, ".byte 0xf0, 0x89, 0x00", : : "a"(mem));
	FAULT("INTO in 64-bit mode", EXC_UD, 0, ".byte 0xce", );
	FAULT("PUSH ES in 64-bit mode", EXC_UD, 0, ".byte 0x06", );
	FAULT("MOV to CS", EXC_UD, 0, ".byte 0x8e, 0xc8", : : "a"(8));
	FAULT("MOV from CR1", EXC_UD, 0, ".byte 0x0f, 0x20, 0xc8", : : : "rax");
	FAULT("MOV to CR5", EXC_UD, 0, ".byte 0x0f, 0x22, 0xe8", : : : "rax");
	FAULT("VMXON", EXC_UD, 0, "vmxon %0", : : "m"(mem[0]));
	FAULT("VMCLEAR", EXC_UD, 0, "vmclear %0", : : "m"(mem[0]));
	FAULT("VMPTRLD", EXC_UD, 0, "vmptrld %0", : : "m"(mem[0]));
	FAULT("VMPTRST", EXC_UD, 0, "vmptrst %0", : "=m"(mem[0]));
	FAULT("VMREAD", EXC_UD, 0, "vmread %0, %0", : "+r"(a));
	FAULT("VMWRITE", EXC_UD, 0, "vmwrite %0, %0", : "+r"(a));
	FAULT("VMLAUNCH", EXC_UD, 0, "vmlaunch", );
	FAULT("VMRESUME", EXC_UD, 0, "vmresume", );
	FAULT("VMXOFF", EXC_UD, 0, "vmxoff", );
	FAULT("VMFUNC", EXC_UD, 0, ".byte 0x0f, 0x01, 0xd4", : : "a"(0), "c"(0));
	FAULT("INVEPT", EXC_UD, 0, "invept %0, %1", : : "m"(mem[0]), "r"(1ull));
	FAULT("INVVPID", EXC_UD, 0, "invvpid %0, %1", : : "m"(mem[0]), "r"(1ull));
	FAULT("GETSEC", EXC_UD, 0, ".byte 0x0f, 0x37", : : "a"(0));
	FAULT("RSM outside SMM", EXC_UD, 0, "rsm", );
	if (rt_hv()) {
		/* the KVM interface: an unknown hypercall is answered -KVM_ENOSYS (-1000) */
		u32 v = TRY("vmcall", : "=a"(a) : "0"(0x7fff));

		report(v == EXC_NONE && a == (u64)-1000, "VMCALL: unknown hypercall");
	} else {
		FAULT("VMCALL", EXC_UD, 0, "vmcall", );
	}
	if (!(cpuid(1, 0).c & BIT(3))) {
		FAULT("MONITOR without the feature", EXC_UD, 0, "monitor", : : "a"(mem), "c"(0), "d"(0));
		FAULT("MWAIT without the feature", EXC_UD, 0, "mwait", : : "a"(0), "c"(0));
	}
	if (!(cpuid(7, 0).b & BIT(10)))
		FAULT("INVPCID without the feature", EXC_UD, 0, "invpcid %0, %1", : : "m"(mem[0]), "r"(0ull));
	if (!(read_cr4() & CR4_OSXSAVE))
		FAULT("XGETBV without OSXSAVE", EXC_UD, 0, "xgetbv", : : "c"(0) : "rax", "rdx");
}

/* ---- #DE, #BP, #OF, #GP, #SS, #NP ---- */

static void arithmetic(void)
{
	FAULT("#DE: DIV by 0", EXC_DE, 0, "divl %%ecx", : : "a"(1), "d"(0), "c"(0) : "cc");
	FAULT("#DE: IDIV overflow", EXC_DE, 0, "idivl %%ecx", : : "a"(0x80000000), "d"(0xffffffff), "c"(-1) : "cc");
	TRAP("#BP: INT3", EXC_BP, "int3");
	TRAP("#BP: INT 3", EXC_BP, ".byte 0xcd, 3");
	TRAP("#OF: INT 4", EXC_OF, "int $4");
}

static void protection(void)
{
	FAULT("#GP: non-canonical read", EXC_GP, 0, "movq (%0), %%rax", : : "r"(NONCANONICAL) : "rax");
	FAULT("#GP: non-canonical write", EXC_GP, 0, "movq %%rax, (%0)", : : "r"(NONCANONICAL));
	FAULT("#SS: non-canonical address by RSP", EXC_SS, 0, "movq (%%rsp, %0), %%rax",
	      :
	      : "r"(NONCANONICAL)
	      : "rax");
	FAULT("#GP: non-canonical jump", EXC_GP, 0, "jmp *%0", : : "r"(NONCANONICAL));
	FAULT("#GP: CR3 reserved bits", EXC_GP, 0, "movq %0, %%cr3", : : "r"(read_cr3() | BIT(62)));
	FAULT("#GP: CR8 above 15", EXC_GP, 0, "movq %0, %%cr8", : : "r"(16ull));
	FAULT("#GP: DR7 upper half", EXC_GP, 0, "movq %0, %%db7", : : "r"(BIT(32)));
	FAULT("#GP: SYSENTER with CS 0", EXC_GP, 0, "sysenter", );
	FAULT("#GP: a gate that is not there", EXC_GP, 0xf2 * 8 + 2, "int $0xf2", );
	FAULT("#GP: IRETQ with NT", EXC_GP, 0,
	      "pushfq\n\torq $0x4000, (%%rsp)\n\tpopfq\n\tmovq $7f, exp_rip\n7:\tiretq",
	      :
	      :
	      : "memory", "cc");
	asm volatile("pushfq\n\tandq $~0x4000, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

static void segments(void)
{
	asm volatile("lldt %w0" : : "r"(0));
	rt_gdt[11] = 0x00cf13000000ffffull; /* 58h: data, not present */
	rt_gdt[12] = 0x00cf99000000ffffull; /* 60h: execute-only code */
	FAULT("#GP: DS beyond the GDT", EXC_GP, 0x1f8, "movl %0, %%ds", : : "r"(0x1f8));
	FAULT("#GP: DS of execute-only code", EXC_GP, 0x60, "movl %0, %%ds", : : "r"(0x60));
	FAULT("#NP: DS not present", EXC_NP, 0x58, "movl %0, %%ds", : : "r"(0x58));
	FAULT("#SS: SS not present", EXC_SS, 0x58, "movl %0, %%ss", : : "r"(0x58));
	FAULT("#GP: SS of other privilege", EXC_GP, 0x28, "movl %0, %%ss", : : "r"(0x2b));
	FAULT("#GP: DS in no LDT", EXC_GP, 0x0c, "movl %0, %%ds", : : "r"(0x0c));
	FAULT("#GP: LTR of a busy TSS", EXC_GP, SEL_TSS, "ltr %w0", : : "r"(SEL_TSS));
	FAULT("#GP: LLDT of a data segment", EXC_GP, 0x10, "lldt %w0", : : "r"(0x10));
	asm volatile("movl %0, %%ds\n\tmovl %0, %%es" : : "r"(SEL_DATA));
	rt_gdt[11] = rt_gdt[12] = 0;
}

/* ---- #PF ---- */

static u64 user_read(u64 va)
{
	return *(volatile u32 *)va;
}
static u64 user_write(u64 va)
{
	*(volatile u32 *)va = 1;
	return 0;
}

static void pf(u32 v, u32 err, u64 addr, const char *what)
{
	report(v == EXC_PF && rt_exc.error == err && rt_exc.cr2 == addr,
	       "#PF: %s (vector %u, error 0x%x want 0x%x, CR2 0x%llx)", what, v, rt_exc.error, err,
	       (unsigned long long)rt_exc.cr2);
}
#define READ(va)  TRY("movl (%0), %%eax", : : "r"((u64)(va)) : "rax", "memory")
#define WRITE(va) TRY("movl %%eax, (%0)", : : "r"((u64)(va)) : "memory")
#define CALL(va)  TRY("movq %%rsp, %%rbx\n\tcall *%0\n9:\tmovq %%rbx, %%rsp", : : "r"((u64)(va)) : "rbx", "memory")

static void page_faults(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER), v;
	struct regs4 seven = cpuid(7, 0);

	*rt_pte(VA) = 0;
	pf(READ(VA + 8), 0, VA + 8, "read, not present");
	pf(WRITE(VA + 12), 2, VA + 12, "write, not present");
	rt_map(VA, (u64)page, PTE_P | PTE_U);
	report(READ(VA) == EXC_NONE, "read of a read-only page");
	pf(WRITE(VA), 3, VA, "write, read-only");
	write_cr0(cr0 & ~CR0_WP);
	report(WRITE(VA) == EXC_NONE, "write of a read-only page without CR0.WP");
	write_cr0(cr0);
	pf(WRITE(VA), 3, VA, "write, read-only, WP set again");
	rt_map(VA, (u64)page, PTE_P | PTE_W | BIT(51));
	if ((cpuid(0x80000008, 0).a & 0xff) <= 51)
		pf(READ(VA), 9, VA, "reserved bit, read");
	wrmsr(MSR_EFER, efer & ~EFER_NXE);
	rt_map(VA, (u64)page, PTE_P | PTE_W | PTE_NX);
	pf(READ(VA), 9, VA, "NX bit without EFER.NXE");
	wrmsr(MSR_EFER, efer | EFER_NXE);
	page[0] = 0xc3; /* ret */
	report(READ(VA) == EXC_NONE, "read of a no-execute page");
	pf(CALL(VA), 0x11, VA, "fetch, no-execute");
	*rt_pte(VA) = 0;
	invlpg(VA);
	pf(CALL(VA), 0x10, VA, "fetch, not present");
	rt_map(VA, (u64)page, PTE_P | PTE_W);
	report(CALL(VA) == EXC_NONE, "fetch of an executable page");
	/* across a page boundary: the second page's address */
	*rt_pte(VA + 4096) = 0;
	invlpg(VA + 4096);
	pf(READ(VA + 4094), 0, VA + 4096, "read across pages, the second missing");
	/* user mode */
	v = (u64)rt_run_user(user_read, VA, 2) ? rt_exc.vector : EXC_NONE;
	pf((u32)v, 5, VA, "user read of a supervisor page");
	v = (u64)rt_run_user(user_write, VA, 2) ? rt_exc.vector : EXC_NONE;
	pf((u32)v, 7, VA, "user write of a supervisor page");
	v = (u64)rt_run_user(user_write, VA + 4096, 2) ? rt_exc.vector : EXC_NONE;
	pf((u32)v, 6, VA + 4096, "user write, not present");
	rt_map(VA, (u64)page, PTE_P | PTE_W | PTE_U);
	report(rt_run_user(user_write, VA, 2) == 0, "user write of a user page");
	/* A and D bits */
	rt_map(VA, (u64)page, PTE_P | PTE_W);
	READ(VA);
	report(*rt_pte(VA) & PTE_A && !(*rt_pte(VA) & PTE_D), "a read sets A, not D");
	WRITE(VA);
	report(*rt_pte(VA) & PTE_D, "a write sets D");
	rt_map(VA, (u64)page, PTE_P | PTE_W | PTE_U);
	/* everything of this program is in user pages: its own code and data need supervisor pages for SMEP/SMAP */
	if (seven.b & BIT(7) && seven.b & BIT(20)) {
		for (u64 a = (u64)image_start & ~0x1fffffull; a < (u64)image_end; a += SIZE_2M)
			rt_pd[a >> 21] &= ~PTE_U;
		for (u64 a = (u64)image_start; a < (u64)image_end; a += 4096)
			*rt_pte(a) &= ~PTE_U;
		write_cr3(read_cr3());
		write_cr4(cr4 | CR4_SMEP);
		pf(CALL(VA), 0x11, VA, "SMEP: fetch of a user page");
		write_cr4(cr4 | CR4_SMAP);
		asm volatile("clac");
		pf(READ(VA), 1, VA, "SMAP: read of a user page");
		pf(WRITE(VA), 3, VA, "SMAP: write of a user page");
		v = TRY("stac\n\tmovl (%0), %%eax\n\tclac", : : "r"(VA) : "rax", "memory");
		report(v == EXC_NONE, "SMAP: STAC lets it pass");
		write_cr4(cr4);
		for (u64 a = (u64)image_start; a < (u64)image_end; a += 4096)
			*rt_pte(a) |= PTE_U;
		for (u64 a = (u64)image_start & ~0x1fffffull; a < (u64)image_end; a += SIZE_2M)
			rt_pd[a >> 21] |= PTE_U;
		write_cr3(read_cr3());
	} else {
		report_skip("SMEP, SMAP");
	}
	wrmsr(MSR_EFER, efer);
}

/* ---- #NM, #MF, #XM ---- */

static void floating_point(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();
	u32 mxcsr = 0x1f80 & ~0x200u, dflt = 0x1f80;
	u16 cw = 0x37f & ~4u;

	write_cr0(cr0 | CR0_TS);
	FAULT("#NM: x87 with CR0.TS", EXC_NM, 0, "fnop", );
	FAULT("#NM: FWAIT with CR0.TS and MP", EXC_NM, 0, "fwait", );
	write_cr4(cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT);
	FAULT("#NM: SSE with CR0.TS", EXC_NM, 0, "xorps %%xmm0, %%xmm0", : :);
	asm volatile("clts");
	report(!(read_cr0() & CR0_TS), "CLTS");
	asm volatile("smsw %%ax\n\torl $8, %%eax\n\tlmsw %%ax" : : : "rax");
	report(read_cr0() & CR0_TS, "LMSW sets TS");
	write_cr0((cr0 | CR0_EM) & ~CR0_TS);
	FAULT("#NM: x87 with CR0.EM", EXC_NM, 0, "fnop", );
	FAULT("#UD: SSE with CR0.EM", EXC_UD, 0, "xorps %%xmm0, %%xmm0", : :);
	write_cr0(cr0 & ~(CR0_TS | CR0_EM));
	asm volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp" : : "m"(cw));
	FAULT("#MF: at the next x87 instruction", EXC_MF, 0, "fwait", );
	asm volatile("fnclex\n\tfninit");
	asm volatile("xorps %%xmm1, %%xmm1\n\tldmxcsr %0" : : "m"(mxcsr));
	asm volatile("movl $0x3f800000, %%eax\n\tmovd %%eax, %%xmm0" : : : "rax");
	FAULT("#XM: DIVSS by 0", EXC_XM, 0, "divss %%xmm1, %%xmm0", : :);
	write_cr4((cr4 | CR4_OSFXSR) & ~CR4_OSXMMEXCPT);
	FAULT("#UD: the same without OSXMMEXCPT", EXC_UD, 0, "divss %%xmm1, %%xmm0", : :);
	asm volatile("ldmxcsr %0" : : "m"(dflt));
	write_cr4(cr4 & ~CR4_OSFXSR);
	FAULT("#UD: SSE without OSFXSR", EXC_UD, 0, "xorps %%xmm0, %%xmm0", : :);
	write_cr4(cr4);
	write_cr0(cr0);
}

/* ---- user mode ---- */

static u64 user_hlt(u64 arg)
{
	asm volatile("hlt");
	return arg;
}
static u64 user_cli(u64 arg)
{
	asm volatile("cli");
	return arg;
}
static u64 user_int20(u64 arg)
{
	asm volatile("int $0x20");
	return arg;
}
static u64 user_int80(u64 arg)
{
	asm volatile("int $0x80");
	return arg + 1;
}
static u64 user_cr(u64 arg)
{
	return read_cr0();
}
static u64 user_invd(u64 arg)
{
	asm volatile("wbinvd");
	return arg;
}
static u64 user_cpuid(u64 arg)
{
	return cpuid(0, 0).b;
}
static u64 user_rdtsc(u64 arg)
{
	return rdtsc();
}
static u64 user_misaligned(u64 va)
{
	return *(volatile u32 *)(va + 1);
}
static u64 user_vmcall(u64 arg)
{
	u64 r;

	asm volatile("vmcall" : "=a"(r) : "0"(0x7fff));
	return r;
}
static u32 int80_count;
static void on_int80(struct frame *f)
{
	int80_count++;
	report(f->cs == SEL_UCODE && f->ss == SEL_UDATA, "INT 80h: from CPL 3");
}

static void user_fault(u64 (*fn)(u64), u32 vec, u32 err, const char *what)
{
	int r = rt_run_user(fn, 0, 2);

	report(r == 1 && rt_exc.vector == vec && rt_exc.error == err, "CPL 3: %s (%d, vector %u, error 0x%x)", what,
	       r, rt_exc.vector, rt_exc.error);
}

static void user_mode(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();
	int r;

	user_fault(user_hlt, EXC_GP, 0, "HLT: #GP(0)");
	user_fault(user_cli, EXC_GP, 0, "CLI: #GP(0)");
	user_fault(user_cr, EXC_GP, 0, "MOV from CR0: #GP(0)");
	user_fault(user_invd, EXC_GP, 0, "WBINVD: #GP(0)");
	user_fault(user_int20, EXC_GP, 0x102, "INT to a DPL 0 gate: #GP");
	rt_set_handler(0x80, on_int80);
	r = rt_run_user(user_int80, 6, 2);
	report(r == 0 && rt_user_result == 7 && int80_count == 1, "INT 80h and back");
	r = rt_run_user(user_cpuid, 0, 2);
	report(r == 0 && (u32)rt_user_result == 0x756e6547, "CPL 3: CPUID");
	r = rt_run_user(user_rdtsc, 0, 2);
	report(r == 0 && rt_user_result, "CPL 3: RDTSC");
	write_cr4(cr4 | CR4_TSD);
	user_fault(user_rdtsc, EXC_GP, 0, "RDTSC with CR4.TSD: #GP(0)");
	write_cr4(cr4);
	if (rt_hv()) {
		r = rt_run_user(user_vmcall, 0, 2);
		report(r == 0 && rt_user_result == (u64)-1, "CPL 3: VMCALL is not permitted (-1)");
	}
	write_cr0(cr0 | CR0_AM);
	r = rt_run_user(user_misaligned, (u64)page, 2 | RFLAGS_AC);
	report(r == 1 && rt_exc.vector == EXC_AC && rt_exc.error == 0, "#AC at CPL 3");
	r = rt_run_user(user_misaligned, (u64)page, 2);
	report(r == 0, "no #AC without RFLAGS.AC");
	write_cr0(cr0);
	r = rt_run_user(user_misaligned, (u64)page, 2 | RFLAGS_AC);
	report(r == 0, "no #AC without CR0.AM");
}

/* 32-bit code in compatibility mode: 40h is INC EAX there and a REX prefix in 64-bit mode. */
static void compatibility(void)
{
	u64 a = 5;

	asm volatile("pushq $0x18\n\tleaq 1f(%%rip), %%rcx\n\tpushq %%rcx\n\tlretq\n1:\t.code32\n\t"
	             ".byte 0x40, 0x90\n\tpushl %%eax\n\tpopl %%eax\n\tcpuid\n\tljmp $0x08, $2f\n2:\t.code64\n\tnop"
	             : "+a"(a)
	             :
	             : "rcx", "rbx", "rdx", "memory", "cc");
	report(a >= 1, "compatibility mode: CPUID (leaf 6 answered 0x%llx)", (unsigned long long)a);
}

/* ---- #DF ---- */

static void touch(void *arg)
{
	*(volatile u32 *)arg;
}

static void double_fault(void)
{
	u64 gate = rt_idt[2 * EXC_PF];
	int r;

	*rt_pte(VA) = 0;
	invlpg(VA);
	rt_idt[2 * EXC_PF] &= ~(0x8000ull << 32);
	r = rt_guard(touch, (void *)VA);
	rt_idt[2 * EXC_PF] = gate;
	report(r == 1 && rt_exc.vector == EXC_DF && rt_exc.error == 0,
	       "#DF: #PF whose gate is not present (vector %u)", rt_exc.vector);
}

void main(const char *cmdline)
{
	rt_set_gate_raw(0xf2, 0, 0, 0, 0);
	arithmetic();
	undefined();
	protection();
	segments();
	page_faults();
	floating_point();
	user_mode();
	compatibility();
	double_fault();
	single_step();
}
