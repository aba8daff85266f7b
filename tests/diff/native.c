#define _GNU_SOURCE
#include "tests/diff/native.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

struct native_state native_st __aligned(64);
struct native_host native_host;
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

	(void)si;
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~0x40000ull); /* AC */
	if (probing)
		siglongjmp(probe_jmp, 1);
	native_st.vector = (u64)uc->uc_mcontext.gregs[REG_TRAPNO];
	native_st.signal = sig;
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

/* --- what the host can run --- */

#define PROBE_CODE 0x30000000ull
#define PROBE_RAX  45u
#define AC         0x40000u
#define TICKS      10
#define TICK_US    20000 /* of the program's own time: some timer interrupts bring no signal */

static volatile int ticks;
static volatile bool gone_astray;

/* SIGVTALRM, while the program under test goes round in a loop: the last one leads out of it. */
static void on_tick(int sig, siginfo_t *si, void *ucp)
{
	greg_t *r = ((ucontext_t *)ucp)->uc_mcontext.gregs;

	(void)sig;
	(void)si;
	if ((u64)r[REG_RIP] != PROBE_CODE) /* the loop has not begun */
		return;
	if (((u64)r[REG_CSGSFS] & 0xffff) != (in32 ? 0x23 : 0x33))
		gone_astray = true;
	if (++ticks >= TICKS)
		r[REG_RIP] = (greg_t)(uintptr_t)(in32 ? native32_back0 : native_back0);
}

/* Runs those bytes as the instruction under test, with RAX = PROBE_RAX. */
static void probe_run(bool m32, const char *bytes, u32 len, u64 flags, u64 rsp)
{
	u8 *code = (u8 *)PROBE_CODE;
	s32 rel = (s32)((uintptr_t)(m32 ? native32_back0 : native_back0) - (PROBE_CODE + len + 5));

	memcpy(code, bytes, len);
	code[len] = 0xe9;
	memcpy(code + len + 1, &rel, 4);
	memset(&native_st, 0, sizeof(native_st));
	native_st.entry = PROBE_CODE;
	native_st.gpr[0] = PROBE_RAX;
	native_st.gpr[1] = PROBE_CODE + 1025;
	native_st.gpr[4] = rsp;
	native_st.flags = flags;
	native_st.vectors = flags & AC ? NATIVE_SSE : NATIVE_NO_VECTORS; /* see VECTORS_SAVE */
	in32 = m32;
	if (m32)
		native_run32();
	else
		native_run64();
}

/*
 * In a child process, as it may be the end of it: 32-bit code, or any code with that RSP, must get over an exception
 * and over 0.2 s of its own time in a loop, with signals and with interrupts alone.
 */
static bool endures(bool m32, u64 rsp)
{
	struct sigaction tick = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct itimerval often = { { 0, TICK_US }, { 0, TICK_US } }, never = { { 0, 0 }, { 0, 0 } };
	struct rlimit none = { 0, 0 }, seconds = { 20, 20 };

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &seconds);
	sigaction(SIGVTALRM, &tick, NULL);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	probe_run(m32, "\x0f\x0b", 2, 2, rsp); /* ud2 */
	if (native_st.exit != 2 || in32 != m32 || native_st.signal != SIGILL || native_st.gpr[4] != rsp)
		return false;
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	probe_run(m32, "\xeb\xfe", 2, 2, rsp); /* jmp $ */
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	return ticks == TICKS && !gone_astray && native_st.exit == 0 && native_st.gpr[4] == rsp;
}

static bool child_endures(bool m32, u64 rsp)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(endures(m32, rsp) ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("emul_diff: fork");
		_exit(2);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool probe32(void)
{
	volatile bool ok = false;

	/* aam gives AX = 0405h for AL = 45, and exists only outside 64-bit mode. */
	probing = true;
	if (!sigsetjmp(probe_jmp, 1)) {
		probe_run(true, "\xd4\x0a", 2, 2, PROBE_CODE + 2048);
		ok = (native_st.gpr[0] & 0xffff) == 0x405;
	}
	probing = false;
	return ok && child_endures(true, PROBE_CODE + 2048);
}

static bool probe_short_sreg_push(void)
{
	u32 *place = (u32 *)(PROBE_CODE + 2048);

	place[-1] = 0xa5a5a5a5;
	probe_run(true, "\x16", 1, 2, (uintptr_t)place); /* push ss */
	return place[-1] >> 16 == 0xa5a5;
}

static void probe_host(void)
{
	u8 *page = mmap((void *)PROBE_CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (page == MAP_FAILED) {
		perror("emul_diff: mmap");
		_exit(2);
	}
	probe_run(false, "\x0f\x0b", 2, 2, PROBE_CODE + 2048); /* ud2 */
	native_host.tells_vector = native_st.vector == 6;
	probe_run(false, "\x8b\x01", 2, AC | 2, PROBE_CODE + 2048); /* mov eax, [rcx], RCX being odd */
	native_host.alignment = native_st.exit == 2 && native_st.signal == SIGBUS;
	native_host.any_rsp = child_endures(false, 0x8123456789abcdefull);
	native_host.kernel_rsp = native_host.any_rsp || child_endures(false, 0xffffa00012345678ull);
	native_host.code32 = probe32();
	native_host.short_sreg_push = native_host.code32 && probe_short_sreg_push();
	munmap(page, 4096);
}

void native_init(u64 gs_base)
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
	if (syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, gs_base)) {
		perror("emul_diff: arch_prctl");
		_exit(2);
	}
	probe_host();
}
