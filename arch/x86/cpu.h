/* The processor: control registers, MSRs, CPUID, time stamp, as thin inline functions. */
#pragma once

#include "lib/types.h"

#define CR0_PE       BIT(0)
#define CR0_MP       BIT(1)
#define CR0_EM       BIT(2)
#define CR0_TS       BIT(3)
#define CR0_ET       BIT(4)
#define CR0_NE       BIT(5)
#define CR0_WP       BIT(16)
#define CR0_AM       BIT(18)
#define CR0_NW       BIT(29)
#define CR0_CD       BIT(30)
#define CR0_PG       BIT(31)
#define CR4_VME      BIT(0)
#define CR4_DE       BIT(3)
#define CR4_PSE      BIT(4)
#define CR4_PAE      BIT(5)
#define CR4_MCE      BIT(6)
#define CR4_PGE      BIT(7)
#define CR4_OSFXSR   BIT(9)
#define CR4_OSXMM    BIT(10)
#define CR4_UMIP     BIT(11)
#define CR4_VMXE     BIT(13)
#define CR4_SMXE     BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE    BIT(17)
#define CR4_OSXSAVE  BIT(18)
#define CR4_SMEP     BIT(20)
#define CR4_SMAP     BIT(21)
#define CR4_PKE      BIT(22)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define RFLAGS_CF BIT(0)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)

#define MSR_TSC             0x10
#define MSR_APIC_BASE       0x1b
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_TSC_ADJUST      0x3b
#define MSR_PRED_CMD        0x49
#define MSR_SYSENTER_CS     0x174
#define MSR_SYSENTER_ESP    0x175
#define MSR_SYSENTER_EIP    0x176
#define MSR_MISC_ENABLE     0x1a0
#define MSR_PAT             0x277
#define MSR_TSC_DEADLINE    0x6e0
#define MSR_X2APIC          0x800
#define MSR_XSS             0xda0
#define MSR_EFER            0xc0000080
#define MSR_STAR            0xc0000081
#define MSR_LSTAR           0xc0000082
#define MSR_CSTAR           0xc0000083
#define MSR_FMASK           0xc0000084
#define MSR_FS_BASE         0xc0000100
#define MSR_GS_BASE         0xc0000101
#define MSR_KERNEL_GS_BASE  0xc0000102
#define MSR_TSC_AUX         0xc0000103

/*
 * IA32_PAT of every processor in root mode, from before its first page table on (boot/entry.asm, trampoline.asm): as
 * after power-on, but write-combining in entry 5. The entries' names are in mm/hostpt.h. SDM vol. 3 "Page Attribute
 * Table (PAT)".
 */
#define PAT_HOST       0x0007010600070406ull
#define PAT_ENTRY(n)   ((PAT_HOST >> (8 * (n))) & 0xff)
#define PAT_UNCACHED   0
#define PAT_WC         1
#define PAT_WRITE_BACK 6

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpu_cpuid(u32 leaf, u32 sub)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}

static inline u64 cpu_rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void cpu_wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/*
 * As above, but a #GP is caught through the exception table and reported: false when the MSR does not exist or the
 * value is refused (a read then gives 0).
 */
static inline bool cpu_rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0;
	u32 ok = 0;

	__asm__ volatile("1: rdmsr\n\tmovl $1, %2\n2:\n\t"
	                 ".pushsection .ex_table, \"a\"\n\t.quad 1b, 2b\n\t.popsection"
	                 : "+a"(lo), "+d"(hi), "+r"(ok)
	                 : "c"(msr));
	*v = ok ? (u64)hi << 32 | lo : 0;
	return ok;
}

static inline bool cpu_wrmsr_safe(u32 msr, u64 v)
{
	u32 ok = 0;

	__asm__ volatile("1: wrmsr\n\tmovl $1, %0\n2:\n\t"
	                 ".pushsection .ex_table, \"a\"\n\t.quad 1b, 2b\n\t.popsection"
	                 : "+r"(ok)
	                 : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
	                 : "memory");
	return ok;
}

#define CPU_CR(n)                                                              \
	static inline u64 cpu_read_cr##n(void)                                 \
	{                                                                      \
		u64 v;                                                         \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory"); \
		return v;                                                      \
	}                                                                      \
	static inline void cpu_write_cr##n(u64 v)                              \
	{                                                                      \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");     \
	}
CPU_CR(0)
CPU_CR(2)
CPU_CR(3)
CPU_CR(4)
#define CPU_DR(n)                                                 \
	static inline u64 cpu_read_dr##n(void)                    \
	{                                                         \
		u64 v;                                            \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(v)); \
		return v;                                         \
	}                                                         \
	static inline void cpu_write_dr##n(u64 v)                 \
	{                                                         \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(v));   \
	}
CPU_DR(0)
CPU_DR(1)
CPU_DR(2)
CPU_DR(3)
CPU_DR(6)
CPU_DR(7)

static inline u64 cpu_rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline u64 cpu_xgetbv(u32 i)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(i));
	return (u64)hi << 32 | lo;
}

static inline void cpu_xsetbv(u32 i, u64 v)
{
	__asm__ volatile("xsetbv" : : "c"(i), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void cpu_cli(void)
{
	__asm__ volatile("cli" ::: "memory");
}

/* Takes the interrupts that are pending. */
static inline void cpu_sti_nop_cli(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" ::: "memory");
}
/* Waits for one interrupt with interrupts enabled, and disables them again. */
static inline void cpu_sti_hlt_cli(void)
{
	__asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}

static inline void cpu_invlpg(const void *p)
{
	__asm__ volatile("invlpg (%0)" : : "r"(p) : "memory");
}

/* What the caches hold goes to memory, which a reset leaves alone; caches it empties. */
static inline void cpu_wbinvd(void)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

__noreturn static inline void cpu_halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt" ::: "memory");
}
