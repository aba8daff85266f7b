/*
 * Odd ends: exits at the end of the canonical address space, every MSR of the x2APIC, CR0 bits that only a shadow
 * holds, single steps by branches.
 */
#include "tests/guest/rt/rt.h"

/* ---- an instruction whose end is no address ---- */

#define LAST_PAGE 0x00007ffffffff000ull

static void at_the_end(const char *name, const u8 *insn, u32 len)
{
	u8 *page = rt_page();
	u64 rip = LAST_PAGE + PAGE_SIZE - len;
	u32 v;

	memcpy(page + PAGE_SIZE - len, insn, len);
	rt_map(LAST_PAGE, (u64)page, PTE_P | PTE_W);
	v = TRY("jmpq *%0", : : "r"(rip), "a"(0), "c"(0) : "rbx", "rdx", "memory");
	report(v == EXC_GP && rt_exc.error == 0, "%s at the end of the lower half: #GP (%u)", name, v);
	report_eq(rt_exc.rip, LAST_PAGE + PAGE_SIZE, "%s is done before it", name);
}

static void canonical_end(void)
{
	static const u8 nop[] = { 0x90 }, cpuid_insn[] = { 0x0f, 0xa2 }, vmcall[] = { 0x0f, 0x01, 0xc1 },
	                in_insn[] = { 0xe4, 0x21 };

	at_the_end("NOP", nop, sizeof(nop));
	at_the_end("CPUID", cpuid_insn, sizeof(cpuid_insn));
	at_the_end("IN", in_insn, sizeof(in_insn));
	if (rt_hv() && TRY("vmcall", : : "a"(~0ull) : "rbx", "rcx", "rdx", "memory") == EXC_NONE)
		at_the_end("VMCALL", vmcall, sizeof(vmcall));
}

/* ---- x2APIC registers. SDM vol. 3 "x2APIC Register Address Space" ---- */

enum { NONE = 0, R = 1, W = 2, RW = 3 };

static u32 access_of(u32 i)
{
	u64 mcg_cap = 0;

	if (i >= 0x10 && i <= 0x27)
		return R; /* ISR, TMR, IRR */
	switch (i) {
	case 0x02: /* ID */
	case 0x03: /* version */
	case 0x0a: /* PPR */
	case 0x0d: /* LDR */
	case 0x39: /* current count */ return R;
	case 0x0b: /* EOI */
	case 0x3f: /* self-IPI */ return W;
	case 0x08: /* TPR */
	case 0x0f: /* SVR */
	case 0x28: /* ESR */
	case 0x30: /* ICR */
	case 0x32: /* LVT: timer, thermal, counters, LINT0, LINT1, error */
	case 0x33:
	case 0x34:
	case 0x35:
	case 0x36:
	case 0x37:
	case 0x38: /* initial count */
	case 0x3e: /* divide configuration */ return RW;
	case 0x2f: /* CMCI */ return !rdmsr_safe(0x179, &mcg_cap) && (mcg_cap & BIT(10)) ? RW : NONE;
	default: return NONE;
	}
}

static void x2apic_off(void)
{
	u32 bad = 0;

	for (u32 i = 0; i < 0x100; i++) {
		u64 v;

		bad += rdmsr_safe(0x800 + i, &v) != EXC_GP + 1;
		bad += wrmsr_safe(0x800 + i, 0) != EXC_GP + 1;
	}
	report_eq(bad, 0, "MSRs 800h-8FFh: #GP in xAPIC mode");
}

static void x2apic_on(void)
{
	for (u32 i = 0; i < 0x100; i++) {
		u32 msr = 0x800 + i, a = access_of(i);
		u64 was = 0, now = 0;
		int r = rdmsr_safe(msr, &was);

		if ((a & R) ? r != 0 : r != EXC_GP + 1)
			report_hv(false, "MSR %x: read gives %d", msr, r - 1);
		if ((a & R) && i != 0x30 && was >> 32)
			report(false, "MSR %x: upper half 0x%llx", msr, (unsigned long long)was);
		if (i != 0x30) {
			r = wrmsr_safe(msr, ~0ull);
			if (r != EXC_GP + 1)
				report_hv(false, "MSR %x: all ones are taken (%d)", msr, r - 1);
			r = wrmsr_safe(msr, BIT(32));
			if (r != EXC_GP + 1)
				report_hv(false, "MSR %x: bit 32 is taken (%d)", msr, r - 1);
		}
		if (i == 0x30) /* as it is, without the vector: to nobody */
			continue;
		r = wrmsr_safe(msr, i == 0x0f || a == R || a == NONE ? was : 0);
		if ((a & W) ? r != 0 : r != EXC_GP + 1)
			report_hv(false, "MSR %x: write gives %d", msr, r - 1);
		if (a == RW && i != 0x0f && (rdmsr_safe(msr, &now) || (now & ~0x10000ull)))
			report(false, "MSR %x: 0x%llx after 0 was written", msr, (unsigned long long)now);
		if (a == RW && wrmsr_safe(msr, i == 0x28 ? 0 : was))
			report(false, "MSR %x: its own value 0x%llx is refused", msr, (unsigned long long)was);
	}
	report_eq(rdmsr(0x80f) & 0x100, 0x100, "MSRs 800h-8FFh have been through, the APIC is on");
	for (u32 i = 8; i < 32; i++)
		if (wrmsr_safe(0x83f, BIT(i)) != EXC_GP + 1)
			report_hv(false, "self-IPI: bit %u is taken", i);
	for (u32 i = 8; i < 32; i++)
		if (wrmsr_safe(0x808, BIT(i)) != EXC_GP + 1)
			report_hv(false, "TPR: bit %u is taken", i);
	report_eq(read_cr8(), 0, "TPR is as it was");
}

/* ---- CR0 ---- */

static void shadows(void)
{
	u64 cr0 = read_cr0(), got;

	write_cr0(cr0 | CR0_CD);
	asm volatile("smswl %k0" : "=r"(got));
	report_eq((u32)got, (u32)(cr0 | CR0_CD), "SMSW r32 shows all of CR0, CD too");
	report_eq(read_cr0(), cr0 | CR0_CD, "CR0.CD reads as written");
	write_cr0(cr0);
	asm volatile("lmsw %w0" : : "r"((u16)(cr0 ^ 8)));
	report_eq(read_cr0(), cr0 ^ 8, "LMSW sets TS");
	asm volatile("lmsw %w0" : : "r"((u16)(cr0 & ~1ull)));
	report_eq(read_cr0(), cr0, "LMSW does not clear PE");
}

/* ---- single steps ---- */

static volatile u32 steps;
static volatile u64 step_rip[16];

static void on_db(struct frame *f)
{
	if (steps < 16)
		step_rip[steps] = f->rip;
	steps++;
	if (steps > 12)
		f->rflags &= ~RFLAGS_TF;
	/* BTF is cleared by the #DB. */
	if (f->r15 == 0x8bf)
		wrmsr(0x1d9, 2);
	write_dr6(0xffff0ff0);
}

extern u8 step_a[], step_b[], step_c[], step_d[];

static void single_steps(void)
{
	rt_set_handler(EXC_DB, on_db);
	steps = 0;
	asm volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
	             "xorl %%eax, %%eax\n"
	             "step_a: cpuid\n"
	             "step_b: movl $0x3fd, %%edx\n\tinb %%dx, %%al\n"
	             "step_c: pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq\n"
	             "step_d:"
	             :
	             :
	             : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	report(steps == 7 && step_rip[0] == (u64)step_a && step_rip[1] == (u64)step_b && step_rip[3] == (u64)step_c &&
	               step_rip[6] == (u64)step_d,
	       "single steps over CPUID and IN (%u)", steps);
	if (wrmsr_safe(0x1d9, 2) || !(rdmsr(0x1d9) & 2)) {
		report_skip("no branch trap flag");
		wrmsr_safe(0x1d9, 0);
		return;
	}
	steps = 0;
	asm volatile("movl $0x8bf, %%r15d\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
	             "xorl %%eax, %%eax\n\tcpuid\n\tmovl $0x3fd, %%edx\n\tinb %%dx, %%al\n\tjmp 1f\n\tnop\n1:\n\t"
	             "pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq\n\txorl %%r15d, %%r15d"
	             :
	             :
	             : "rax", "rbx", "rcx", "rdx", "r15", "memory", "cc");
	wrmsr(0x1d9, 0);
	report_soft(steps == 1, "with BTF only the branch traps (%u)", steps);
	rt_set_handler(EXC_DB, NULL);
}

/* ---- HLT in the handler of an NMI ---- */

#define VEC_TIMER 0x62

static volatile u32 nmi_runs, timer_runs, at_wake;

static void on_timer(struct frame *f)
{
	timer_runs++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	if (++nmi_runs != 1)
		return;
	apic_icr(apic_id(), 0x4400); /* blocked until this one's IRET */
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VEC_TIMER);
	apic_write(APIC_TMICT, 100000);
	sti_hlt_cli();
	at_wake = timer_runs;
}

static void hlt_in_nmi(void)
{
	rt_set_handler(VEC_TIMER, on_timer);
	rt_set_handler(EXC_NMI, on_nmi);
	apic_icr(apic_id(), 0x4400);
	rt_wait_change(&nmi_runs, 1, 10000000);
	report_hv(at_wake == 1, "a blocked NMI does not end HLT, the timer does (%u)", at_wake);
	report_eq(nmi_runs, 2, "the blocked NMI comes after IRET");
	apic_write(APIC_LVTT, 0x10000);
}

void main(const char *cmdline)
{
	apic_init();
	hlt_in_nmi();
	canonical_end();
	shadows();
	single_steps();
	x2apic_off();
	if (apic_to_x2())
		x2apic_on();
	else
		report_skip("x2APIC");
}
