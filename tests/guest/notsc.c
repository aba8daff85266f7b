/* A guest without a time stamp counter (cpu-disable = "tsc"): no instruction and no register tells it. */
#include "tests/guest/rt/rt.h"

#define UD2_KVM           ".byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d; " /* the emulator runs what follows */
#define IS_UD(name, insn) report_eq(TRY(insn, : : : "rax", "rcx", "rdx"), EXC_UD, name " gives #UD")

void main(const char *cmdline)
{
	struct regs4 r = cpuid(1, 0);
	u64 val;

	(void)cmdline;
	report(!(r.d & BIT(4)) && !(r.c & BIT(24)), "CPUID has neither TSC nor TSC deadlines");
	r = cpuid(0x80000001, 0);
	report(!(r.d & BIT(27)), "nor RDTSCP");
	r = cpuid(0x80000007, 0);
	report(!(r.d & BIT(8)), "nor an invariant TSC");
	r = cpuid(0x40000001, 0);
	report(!(r.a & (BIT(0) | BIT(3) | BIT(24))), "nor a clock that needs it (0x%x)", r.a);
	IS_UD("RDTSC", "rdtsc");
	IS_UD("RDTSCP", "rdtscp");
	IS_UD("RDTSC, emulated", UD2_KVM "rdtsc");
	IS_UD("RDTSCP, emulated", UD2_KVM "rdtscp");
	report_eq(rdmsr_safe(0x10, &val), EXC_GP + 1, "RDMSR of IA32_TSC gives #GP");
	report_eq(wrmsr_safe(0x10, 0), EXC_GP + 1, "WRMSR of it, too");
	report_eq(rdmsr_safe(0x3b, &val), EXC_GP + 1, "RDMSR of IA32_TSC_ADJUST gives #GP");
	report_eq(rdmsr_safe(0x6e0, &val), EXC_GP + 1, "RDMSR of IA32_TSC_DEADLINE gives #GP");
	report_eq(rdmsr_safe(MSR_TSC_AUX, &val), EXC_GP + 1, "RDMSR of IA32_TSC_AUX gives #GP");
	report_eq(TRY("movq %0, %%cr4", : : "r"(read_cr4() | BIT(2))), EXC_GP, "CR4.TSD cannot be set");
}
