#define _GNU_SOURCE
#include "tests/diff/native.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

struct native_state native_st __aligned(64);
u64 native_stack32[512] __aligned(64);
static sigjmp_buf probe_jmp;
static volatile bool probing, in32;
u32 native_far[2] = { 0, 0x23 };

/* Offsets in struct native_state. */
_Static_assert(offsetof(struct native_state, flags) == 128, "asm");
_Static_assert(offsetof(struct native_state, xmm) == 136, "asm");
_Static_assert(offsetof(struct native_state, mm) == 392, "asm");
_Static_assert(offsetof(struct native_state, exit) == 456, "asm");
_Static_assert(offsetof(struct native_state, host_rsp) == 472, "asm");
_Static_assert(offsetof(struct native_state, entry) == 480, "asm");
_Static_assert(offsetof(struct native_state, vectors) == 488, "asm");
_Static_assert(offsetof(struct native_state, ymm) == 496, "asm");
_Static_assert(NATIVE_SSE == 1 && NATIVE_AVX == 2, "asm");

#define ALL16 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define VECTORS_LOAD                               \
	"	cmpq $1, native_st+488\n"                \
	"	jb 12f\n"                                \
	"	je 11f\n"                                \
	".irp n," ALL16 "\n"                       \
	"	vmovups native_st+496+32*\\n, %ymm\\n\n" \
	".endr\n"                                  \
	"	jmp 12f\n"                               \
	"11:\n"                                    \
	".irp n," ALL16 "\n"                       \
	"	movups native_st+136+16*\\n, %xmm\\n\n"  \
	".endr\n"                                  \
	".irp n,0,1,2,3,4,5,6,7\n"                 \
	"	movq native_st+392+8*\\n, %mm\\n\n"      \
	".endr\n"                                  \
	"12:\n"
/* Alignment checking ends here: only vector forms have it. */
#define VECTORS_SAVE                               \
	"	cmpq $1, native_st+488\n"                \
	"	jb 12f\n"                                \
	"	pushq $2\n"                              \
	"	popfq\n"                                 \
	"	cmpq $1, native_st+488\n"                \
	"	je 11f\n"                                \
	".irp n," ALL16 "\n"                       \
	"	vmovups %ymm\\n, native_st+496+32*\\n\n" \
	".endr\n"                                  \
	"	vzeroupper\n"                            \
	"	jmp 12f\n"                               \
	"11:\n"                                    \
	".irp n," ALL16 "\n"                       \
	"	movups %xmm\\n, native_st+136+16*\\n\n"  \
	".endr\n"                                  \
	".irp n,0,1,2,3,4,5,6,7\n"                 \
	"	movq %mm\\n, native_st+392+8*\\n\n"      \
	".endr\n"                                  \
	"	emms\n"                                  \
	"12:\n"

__asm__(".text\n"
        ".globl native_run64, native_back0, native_back1, native_back2\n"
        "native_run64:\n"
        "	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "	mov %rsp, native_st+472\n" VECTORS_LOAD "	pushq native_st+128\n"
        "	popfq\n"
        "	mov native_st+0, %rax\n mov native_st+8, %rcx\n mov native_st+16, %rdx\n mov native_st+24, %rbx\n"
        "	mov native_st+32, %rsp\n mov native_st+40, %rbp\n mov native_st+48, %rsi\n mov native_st+56, %rdi\n"
        "	mov native_st+64, %r8\n mov native_st+72, %r9\n mov native_st+80, %r10\n mov native_st+88, %r11\n"
        "	mov native_st+96, %r12\n mov native_st+104, %r13\n mov native_st+112, %r14\n mov native_st+120, "
        "%r15\n"
        "	jmp *native_st+480\n"
        "native_back2: movq $2, native_st+456\n jmp 2f\n"
        "native_back1: movq $1, native_st+456\n jmp 2f\n"
        "native_back0: movq $0, native_st+456\n"
        "2:	mov %rax, native_st+0\n mov %rcx, native_st+8\n mov %rdx, native_st+16\n mov %rbx, native_st+24\n"
        "	mov %rsp, native_st+32\n mov %rbp, native_st+40\n mov %rsi, native_st+48\n mov %rdi, native_st+56\n"
        "	mov %r8, native_st+64\n mov %r9, native_st+72\n mov %r10, native_st+80\n mov %r11, native_st+88\n"
        "	mov %r12, native_st+96\n mov %r13, native_st+104\n mov %r14, native_st+112\n mov %r15, "
        "native_st+120\n"
        "	mov native_st+472, %rsp\n"
        "	pushfq\n"
        "	popq native_st+128\n"
        "	cld\n" VECTORS_SAVE "	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "	ret\n");

__asm__(".text\n"
        ".globl native_run32, native32_back0, native32_back1, native32_back2\n"
        "native_run32:\n"
        "	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "	mov %rsp, native_st+472\n" VECTORS_LOAD "	mov $0x2b, %eax\n mov %eax, %ds\n mov %eax, %es\n"
        "	movl $native32_in, native_far\n"
        "	ljmp *native_far\n"
        ".code32\n"
        "native32_in:\n"
        "	mov $native_stack32+4096, %esp\n"
        "	pushl native_st+128\n"
        "	popfl\n"
        "	mov native_st+0, %eax\n mov native_st+8, %ecx\n mov native_st+16, %edx\n mov native_st+24, %ebx\n"
        "	mov native_st+32, %esp\n mov native_st+40, %ebp\n mov native_st+48, %esi\n mov native_st+56, %edi\n"
        "	jmp *native_st+480\n"
        "native32_back2: movl $2, native_st+456\n jmp 2f\n"
        "native32_back1: movl $1, native_st+456\n jmp 2f\n"
        "native32_back0: movl $0, native_st+456\n"
        "2:	mov %eax, native_st+0\n mov %ecx, native_st+8\n mov %edx, native_st+16\n mov %ebx, native_st+24\n"
        "	mov %esp, native_st+32\n mov %ebp, native_st+40\n mov %esi, native_st+48\n mov %edi, native_st+56\n"
        "	mov $native_stack32+4096, %esp\n"
        "	pushfl\n"
        "	popl native_st+128\n"
        "	cld\n"
        "	ljmp $0x33, $native32_out\n"
        ".code64\n"
        "native32_out:\n"
        "	mov native_st+472, %rsp\n" VECTORS_SAVE
        "	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "	ret\n");

extern char native_back2[], native32_back2[];

static void on_signal(int sig, siginfo_t *si, void *ucp)
{
	ucontext_t *uc = ucp;

	(void)sig;
	(void)si;
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~0x40000ull); /* AC */
	if (probing)
		siglongjmp(probe_jmp, 1);
	native_st.vector = (u64)uc->uc_mcontext.gregs[REG_TRAPNO];
	if ((u64)uc->uc_mcontext.gregs[REG_RIP] - native_st.entry >= 128) {
		/* Not in the instruction under test: our own bug. */
		fprintf(stderr, "emul_diff: signal %d at %llx\n", sig,
		        (unsigned long long)uc->uc_mcontext.gregs[REG_RIP]);
		_exit(2);
	}
	in32 = ((u64)uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == 0x23;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(in32 ? native32_back2 : native_back2);
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x10000ll;
}

static bool probe32(void)
{
	u8 *code = mmap((void *)0x30000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	s32 rel = (s32)((uintptr_t)native32_back0 - ((uintptr_t)code + 7));
	bool ok = false;

	/* aam; jmp back: gives AX = 0405h for AL = 45 only outside 64-bit mode. */
	code[0] = 0xd4;
	code[1] = 10;
	code[2] = 0xe9;
	memcpy(code + 3, &rel, 4);
	native_st.entry = (uintptr_t)code;
	native_st.gpr[0] = 45;
	native_st.flags = 2;
	probing = true;
	if (!sigsetjmp(probe_jmp, 1)) {
		native_run32();
		ok = (native_st.gpr[0] & 0xffff) == 0x405;
	}
	probing = false;
	munmap(code, 4096);
	return ok;
}

bool native_init(u64 gs_base)
{
	static u8 altstack[65536];
	stack_t ss = { .ss_sp = altstack, .ss_size = sizeof(altstack) };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&ss, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, gs_base);
	return probe32();
}
