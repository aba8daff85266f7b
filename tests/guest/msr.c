/* Known MSRs keep values and rules, unknown ones give #GP. (SDM vol. 4, "Architectural MSRs".) */
#include "tests/guest/rt/rt.h"

#define GP             (EXC_GP + 1) /* rdmsr_safe's and wrmsr_safe's answer */
#define NONCANONICAL   0x0000800000000000ull
#define HIGH_CANONICAL 0xffff800000000000ull

/* Reads what it wrote, refuses what is not canonical, and is put back. */
static void test_rw(u32 msr, const char *name, u64 val, bool address)
{
	u64 old, got = 0;
	int r = rdmsr_safe(msr, &old);

	if (!report(r == 0, "%s: readable", name))
		return;
	r = wrmsr_safe(msr, val);
	report(r == 0 && rdmsr_safe(msr, &got) == 0 && got == val, "%s: keeps 0x%llx (result %d, read 0x%llx)", name,
	       (unsigned long long)val, r, (unsigned long long)got);
	if (address) {
		r = wrmsr_safe(msr, HIGH_CANONICAL);
		report(r == 0 && rdmsr(msr) == HIGH_CANONICAL, "%s: keeps a high canonical address", name);
		report_eq((u64)wrmsr_safe(msr, NONCANONICAL), GP, "%s: non-canonical gives #GP", name);
		report_eq(rdmsr(msr), HIGH_CANONICAL, "%s: unchanged by the #GP", name);
	}
	(void)!wrmsr_safe(msr, old);
}

static void segments(void)
{
	u64 v;

	wrmsr(MSR_FS_BASE, (u64)rt_gdt);
	asm volatile("movq %%fs:8, %0" : "=r"(v));
	report_eq(v, rt_gdt[1], "FS_BASE is used");
	wrmsr(MSR_KGS_BASE, (u64)rt_gdt);
	wrmsr(MSR_GS_BASE, 0);
	asm volatile("swapgs\n\tmovq %%gs:8, %0\n\tswapgs" : "=r"(v));
	report_eq(v, rt_gdt[1], "SWAPGS takes KERNEL_GS_BASE");
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_KGS_BASE, 0);
}

static void efer(void)
{
	u64 e = rdmsr(MSR_EFER);

	report((e & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA), "EFER: LME and LMA read 1 in long mode");
	report_eq((u64)wrmsr_safe(MSR_EFER, e | EFER_SCE), 0, "EFER.SCE can be set");
	report_eq(rdmsr(MSR_EFER), e | EFER_SCE, "EFER.SCE reads 1");
	report_eq((u64)wrmsr_safe(MSR_EFER, e | EFER_NXE), 0, "EFER.NXE can be set");
	report_eq((u64)wrmsr_safe(MSR_EFER, e & ~EFER_LME), GP, "EFER.LME cleared with paging on: #GP");
	report_eq((u64)wrmsr_safe(MSR_EFER, e | BIT(1)), GP, "EFER reserved bit 1: #GP");
	report_eq((u64)wrmsr_safe(MSR_EFER, e | BIT(63)), GP, "EFER reserved bit 63: #GP");
	report_eq((u64)wrmsr_safe(MSR_EFER, e), 0, "EFER restored");
	/* LMA is read-only and its written value ignored ("IA32_EFER", SDM vol. 3; a write of LMA=0 with LME=1 in
	 * long mode is no fault) */
	report(wrmsr_safe(MSR_EFER, e & ~EFER_LMA) == 0 && rdmsr(MSR_EFER) == e, "EFER.LMA: writes are ignored");
}

static u64 sc_rcx, sc_r11;

static u64 user_syscall(u64 arg)
{
	u64 rcx, r11;

	/* the target returns by SYSRET */
	asm volatile("syscall" : "=c"(rcx), "=&r"(r11) : : "r11", "memory", "rax");
	return arg + 1;
}

asm(".globl syscall_entry\nsyscall_entry:\n\tmovq %rcx, sc_rcx\n\tmovq %r11, sc_r11\n\tsysretq\n");
extern u8 syscall_entry[];

static void syscalls(void)
{
	u64 e = rdmsr(MSR_EFER);
	int r;

	asm volatile("" : : "m"(sc_rcx), "m"(sc_r11));
	/* SYSRET: CS = STAR[63:48] + 16 = 33h, SS = + 8 = 2Bh */
	wrmsr(MSR_STAR, 0x0023000800000000ull);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_TF);
	r = rt_run_user(user_syscall, 1, 2);
	report(r == 1 && rt_exc.vector == EXC_UD, "SYSCALL with EFER.SCE clear: #UD");
	wrmsr(MSR_EFER, e | EFER_SCE);
	r = rt_run_user(user_syscall, 41, 2);
	report(r == 0 && rt_user_result == 42, "SYSCALL and SYSRET (result %d)", r);
	report(sc_rcx > (u64)image_start && sc_rcx < (u64)image_end, "SYSCALL: RCX is the return address");
	report_eq(sc_r11 & RFLAGS_IF, 0, "SYSCALL: R11 is RFLAGS");
	wrmsr(MSR_EFER, e);
}

static void pat_mtrr(void)
{
	u64 pat = rdmsr(MSR_PAT), v, cap;
	u32 n;

	report_eq(pat, 0x0007040600070406ull, "PAT: reset value");
	report(wrmsr_safe(MSR_PAT, 0x0007040600070405ull) == 0 && rdmsr(MSR_PAT) == 0x0007040600070405ull,
	       "PAT: keeps a valid value");
	report_eq((u64)wrmsr_safe(MSR_PAT, 0x0007040600070402ull), GP, "PAT: type 2 gives #GP");
	report_eq((u64)wrmsr_safe(MSR_PAT, 0x0007040600070410ull), GP, "PAT: reserved bits give #GP");
	wrmsr(MSR_PAT, pat);
	if (!(cpuid(1, 0).d & BIT(12))) {
		report_skip("MTRRs");
		return;
	}
	cap = rdmsr(MSR_MTRRCAP);
	n = cap & 0xff;
	report(n >= 1 && n <= 32, "MTRRCAP: %u variable ranges", n);
	report_eq((u64)wrmsr_safe(MSR_MTRRCAP, cap), GP, "MTRRCAP is read-only");
	v = rdmsr(MSR_MTRR_DEF);
	report(v & BIT(11), "MTRRs are enabled by firmware (0x%llx)", (unsigned long long)v);
	report_eq((u64)wrmsr_safe(MSR_MTRR_DEF, v), 0, "MTRR_DEF_TYPE can be written");
	report_eq((u64)wrmsr_safe(MSR_MTRR_DEF, (v & ~0xffull) | 2), GP, "MTRR_DEF_TYPE: type 2 gives #GP");
	report_eq((u64)wrmsr_safe(MSR_MTRR_DEF, v | BIT(12)), GP, "MTRR_DEF_TYPE: reserved bit gives #GP");
	for (u32 i = 0; i < n; i++) {
		u64 base, mask;

		if (rdmsr_safe(0x200 + i * 2, &base) || rdmsr_safe(0x201 + i * 2, &mask))
			report(false, "MTRR pair %u readable", i);
	}
	report_eq((u64)wrmsr_safe(0x200, 0x80000002), GP, "MTRR base with type 2: #GP");
	report_eq((u64)wrmsr_safe(0x201, BIT(63)), GP, "MTRR mask beyond the address width: #GP");
	if (cap & BIT(8)) {
		u64 f = rdmsr(0x250);

		report_eq((u64)wrmsr_safe(0x250, 0x0606060606060606ull), 0, "fixed MTRR can be written");
		report_eq((u64)wrmsr_safe(0x250, 0x0606060606060602ull), GP, "fixed MTRR with type 2: #GP");
		wrmsr(0x250, f);
	}
}

static void apic_base(void)
{
	u64 b = rdmsr(MSR_APIC_BASE);

	report((b & 0xfffffffffffff000ull) == APIC_PHYS && b & BIT(8) && b & BIT(11),
	       "APIC_BASE: BSP, enabled, at FEE00000h (0x%llx)", (unsigned long long)b);
	report_eq((u64)wrmsr_safe(MSR_APIC_BASE, b | 1), GP, "APIC_BASE: reserved bit 0 gives #GP");
	report_eq((u64)wrmsr_safe(MSR_APIC_BASE, b | BIT(60)), GP, "APIC_BASE: beyond the address width gives #GP");
	if (!(b & BIT(10)))
		report_eq((u64)wrmsr_safe(MSR_APIC_BASE, (b & ~BIT(11)) | BIT(10)), GP,
		          "APIC_BASE: EXTD without EN gives #GP");
	report_eq(rdmsr(MSR_APIC_BASE), b, "APIC_BASE unchanged by #GPs");
}

static const struct {
	u32 msr;
	const char *name;
} unknown[] = {
	{ 0x3c, "3Ch" },
	{ 0x4a0, "4A0h" },
	{ 0x7ff, "7FFh" },
	{ 0x1000, "1000h" },
	{ 0x2000, "2000h: just beyond the low bitmap" },
	{ 0x12345678, "12345678h" },
	{ 0xbfffffff, "BFFFFFFFh" },
	{ 0xc0000000, "C0000000h" },
	{ 0xc0001fff, "C0001FFFh" },
	{ 0xc0002000, "C0002000h: just beyond the high bitmap" },
	{ 0xc0010010, "C0010010h (AMD)" },
	{ 0xffffffff, "FFFFFFFFh" },
};

static void unknown_msrs(void)
{
	u64 v;

	for (u32 i = 0; i < ARRAY_SIZE(unknown); i++) {
		report_eq((u64)rdmsr_safe(unknown[i].msr, &v), GP, "RDMSR %s: #GP", unknown[i].name);
		report_eq((u64)wrmsr_safe(unknown[i].msr, 0), GP, "WRMSR %s: #GP", unknown[i].name);
	}
	if (!rt_hv()) {
		report_skip("VMX MSRs: bare machine");
		return;
	}
	for (u32 m = 0x480; m <= 0x491; m++)
		if (rdmsr_safe(m, &v) != GP)
			report(false, "VMX MSR 0x%x is readable", m);
	report(true, "VMX capability MSRs are looked at");
	/* IA32_FEATURE_CONTROL exists only with VMX or SMX; a locked zero is the customary answer too */
	report(rdmsr_safe(0x3a, &v) == GP || v == 1 || v == 0, "FEATURE_CONTROL: #GP or nothing enabled");
}

static u64 user_rdmsr(u64 msr)
{
	return rdmsr((u32)msr);
}

static void misc(void)
{
	u64 v, old;
	int r;

	r = rdmsr_safe(MSR_MISC_ENABLE, &v);
	if (r == 0) {
		report(wrmsr_safe(MSR_MISC_ENABLE, v) == 0 && rdmsr(MSR_MISC_ENABLE) == v,
		       "MISC_ENABLE: own value back");
		report(v & 1, "MISC_ENABLE: fast strings");
	} else if (rt_hv()) {
		report(false, "MISC_ENABLE readable");
	} else {
		report_skip("MISC_ENABLE: this emulated CPU has none");
	}
	test_rw(MSR_SYSENTER_CS, "SYSENTER_CS", 0x1234, false);
	test_rw(MSR_SYSENTER_ESP, "SYSENTER_ESP", 0x123456789000ull, true);
	test_rw(MSR_SYSENTER_EIP, "SYSENTER_EIP", 0x123456789abcull, true);
	test_rw(MSR_STAR, "STAR", 0x0023001000000000ull, false);
	test_rw(MSR_LSTAR, "LSTAR", 0x123456789abcull, true);
	test_rw(MSR_CSTAR, "CSTAR", 0x123456789abcull, true);
	test_rw(MSR_FMASK, "FMASK", 0x47700, false);
	test_rw(MSR_FS_BASE, "FS_BASE", 0x123456789abcull, true);
	test_rw(MSR_GS_BASE, "GS_BASE", 0x123456789abcull, true);
	test_rw(MSR_KGS_BASE, "KERNEL_GS_BASE", 0x123456789abcull, true);
	/* Bochs checks neither of the two */
	report_soft(wrmsr_safe(MSR_FMASK, BIT(32)) == GP, "FMASK: upper half is reserved");
	wrmsr(MSR_FMASK, 0);
	if (cpuid(0x80000001, 0).d & BIT(27)) {
		test_rw(MSR_TSC_AUX, "TSC_AUX", 0x12345678, false);
		report_soft(wrmsr_safe(MSR_TSC_AUX, BIT(32)) == GP, "TSC_AUX: upper half is reserved");
		wrmsr(MSR_TSC_AUX, 0);
	}
	if (rt_hv()) { /* Bochs has none of these three */
		r = rdmsr_safe(0x1d9, &old);
		report(r == 0 && wrmsr_safe(0x1d9, old) == 0, "DEBUGCTL");
		r = rdmsr_safe(0x179, &v);
		report(r == 0, "MCG_CAP: %u banks", (u32)(v & 0xff));
		report(rdmsr_safe(0x8b, &v) == 0, "BIOS_SIGN_ID 0x%llx", (unsigned long long)v);
	}
	r = rt_run_user(user_rdmsr, MSR_TSC, 2);
	report(r == 1 && rt_exc.vector == EXC_GP && rt_exc.error == 0, "RDMSR at CPL 3: #GP(0)");
	r = rt_run_user(user_rdmsr, 0x12345678, 2);
	report(r == 1 && rt_exc.vector == EXC_GP, "RDMSR of an unknown MSR at CPL 3: #GP");
	/* the upper half of RCX is ignored */
	r = (int)TRY("rdmsr", : "=a"(v), "=d"(old) : "c"(0xdead000000000000ull | MSR_TSC));
	report_eq((u64)r, EXC_NONE, "RDMSR ignores RCX[63:32]");
	report(v >> 32 == 0 && old >> 32 == 0, "RDMSR clears the upper halves of RAX and RDX");
}

void main(const char *cmdline)
{
	(void)cmdline;
	misc();
	segments();
	efer();
	syscalls();
	pat_mtrr();
	apic_base();
	unknown_msrs();
}
