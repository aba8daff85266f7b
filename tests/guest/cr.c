/* Control registers: legal and illegal writes, what they do, paging modes including leaving long mode, CR8. */
#include "tests/guest/rt/rt.h"

#define VA 0x4000000000ull
static u8 page[4096] __aligned(4096);

#define CR_GP(n, val, what)                                                                       \
	do {                                                                                      \
		u64 old_ = read_cr##n();                                                          \
		u32 v_ = TRY("movq %0, %%cr" #n, : : "r"((u64)(val)) : "memory");                 \
                                                                                                  \
		report(v_ == EXC_GP && rt_exc.error == 0, "CR" #n ": %s: #GP(0) (%u)", what, v_); \
		report_eq(read_cr##n(), old_, "CR" #n " unchanged");                              \
		if (v_ != EXC_GP)                                                                 \
			write_cr##n(old_);                                                        \
	} while (0)

static void cr0_rules(void)
{
	u64 cr0 = read_cr0();

	report((cr0 & (CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET)) == (CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET),
	       "CR0 reads back (0x%llx)", (unsigned long long)cr0);
	CR_GP(0, cr0 & ~CR0_PE, "PG without PE");
	CR_GP(0, (cr0 & ~CR0_CD) | CR0_NW, "NW without CD");
	CR_GP(0, cr0 | BIT(32), "bit 32");
	CR_GP(0, cr0 | BIT(63), "bit 63");
	CR_GP(0, cr0 & ~CR0_PG, "PG cleared in 64-bit mode");
	for (u32 b = 0; b < 4; b++) {
		static const u64 bits[] = { CR0_MP, CR0_EM, CR0_TS, CR0_AM };

		write_cr0(cr0 ^ bits[b]);
		report_eq(read_cr0(), cr0 ^ bits[b], "CR0 bit 0x%llx toggles", (unsigned long long)bits[b]);
		write_cr0(cr0);
	}
	write_cr0(cr0 & ~CR0_NE);
	report_eq(read_cr0(), cr0 & ~CR0_NE, "CR0.NE reads 0 when cleared");
	write_cr0(cr0 & ~CR0_ET);
	report_eq(read_cr0(), cr0, "CR0.ET stays 1");
	write_cr0(cr0 | CR0_CD);
	report(read_cr0() & CR0_CD, "CR0.CD reads 1");
	write_cr0(cr0 | CR0_CD | CR0_NW);
	report_eq(read_cr0() & (CR0_CD | CR0_NW), CR0_CD | CR0_NW, "CR0.CD and NW");
	asm volatile("wbinvd");
	write_cr0(cr0);
	report_eq(read_cr0(), cr0, "CR0 restored");
	/* SMSW, LMSW */
	{
		u64 v;

		asm volatile("smswq %0" : "=r"(v));
		report_eq(v & 0xffff, cr0 & 0xffff, "SMSW");
		asm volatile("lmsw %w0" : : "r"((cr0 & 0xf) | 8));
		report(read_cr0() & CR0_TS, "LMSW sets TS");
		asm volatile("lmsw %w0" : : "r"(0));
		report_eq(read_cr0() & 0xf, 1, "LMSW clears MP, EM, TS, but never PE");
		write_cr0(cr0);
	}
	/* WP toggles act at once */
	rt_map(VA, (u64)page, PTE_P);
	for (u32 i = 0; i < 3; i++) {
		write_cr0(cr0 & ~CR0_WP);
		report(TRY("movb $1, (%0)", : : "r"(VA) : "memory") == EXC_NONE, "WP clear: writable");
		write_cr0(cr0);
		report(TRY("movb $1, (%0)", : : "r"(VA) : "memory") == EXC_PF, "WP set: not writable");
	}
}

static void cr4_rules(void)
{
	static const struct {
		u64 bit;
		u32 leaf;
		char reg;
		u32 n;
		const char *name;
	} feats[] = {
		{ CR4_VME, 1, 'd', 1, "VME" },
		{ CR4_TSD, 1, 'd', 4, "TSD" },
		{ CR4_DE, 1, 'd', 2, "DE" },
		{ CR4_PGE, 1, 'd', 13, "PGE" },
		{ CR4_MCE, 1, 'd', 7, "MCE" },
		{ CR4_OSFXSR, 1, 'd', 24, "OSFXSR" },
		{ CR4_OSXMMEXCPT, 1, 'd', 25, "OSXMM" },
		{ CR4_UMIP, 7, 'c', 2, "UMIP" },
		{ CR4_LA57, 7, 'c', 16, "LA57" },
		{ CR4_FSGSBASE, 7, 'b', 0, "FSGSBASE" },
		{ CR4_PCIDE, 1, 'c', 17, "PCIDE" },
		{ CR4_OSXSAVE, 1, 'c', 26, "OSXSAVE" },
		{ CR4_SMEP, 7, 'b', 7, "SMEP" },
		{ CR4_PKE, 7, 'c', 3, "PKE" },
		{ CR4_VMXE, 1, 'c', 5, "VMXE" },
		{ CR4_SMXE, 1, 'c', 6, "SMXE" },
	};
	u64 cr4 = read_cr4(), cr3 = read_cr3();

	for (u32 i = 0; i < ARRAY_SIZE(feats); i++) {
		struct regs4 r = cpuid(feats[i].leaf, 0);
		u32 w = feats[i].reg == 'b' ? r.b : feats[i].reg == 'c' ? r.c : r.d;
		bool has = w >> feats[i].n & 1;
		u32 v;

		if (feats[i].bit == CR4_SMEP && has) /* this code is in user pages */
			continue;
		if (feats[i].bit == CR4_LA57 && has)
			continue; /* can't change in long mode: tested below */
		v = TRY("movq %0, %%cr4", : : "r"(cr4 | feats[i].bit) : "memory");
		if (has)
			report(v == EXC_NONE && read_cr4() == (cr4 | feats[i].bit), "CR4.%s can be set",
			       feats[i].name);
		else
			report(v == EXC_GP && read_cr4() == cr4, "CR4.%s without the feature: #GP", feats[i].name);
		write_cr4(cr4);
	}
	CR_GP(4, cr4 | BIT(15), "bit 15");
	CR_GP(4, cr4 | BIT(19), "bit 19");
	CR_GP(4, cr4 | BIT(31), "bit 31");
	CR_GP(4, cr4 | BIT(32), "bit 32");
	CR_GP(4, cr4 & ~CR4_PAE, "PAE cleared in long mode");
	if (cpuid(7, 0).c & BIT(16))
		CR_GP(4, cr4 | CR4_LA57, "LA57 changed in long mode");
	if (cpuid(1, 0).c & BIT(17)) {
		/* PCIDE needs CR3[11:0] = 0 */
		write_cr3(cr3 | 0x18);
		CR_GP(4, cr4 | CR4_PCIDE, "PCIDE with CR3[11:0] not 0");
		write_cr3(cr3);
		write_cr4(cr4 | CR4_PCIDE);
		write_cr3(cr3 | 5);
		report_eq(read_cr3(), cr3 | 5, "PCID in CR3");
		write_cr3(cr3 | 5 | BIT(63));
		report_eq(read_cr3(), cr3 | 5, "CR3 bit 63 is not kept");
		write_cr3(cr3);
		write_cr4(cr4);
		CR_GP(3, cr3 | BIT(63), "CR3 bit 63 without PCIDE");
	}
	CR_GP(3, cr3 | BIT(cpuid(0x80000008, 0).a & 0xff), "beyond the address width");
	write_cr3(cr3 | 0x18);
	report_eq(read_cr3(), cr3 | 0x18, "CR3: PCD and PWT");
	write_cr3(cr3);
	if (cpuid(7, 0).b & 1) {
		u64 v;

		write_cr4(cr4 | CR4_FSGSBASE);
		asm volatile("wrfsbase %0" : : "r"(0x123456789000ull));
		asm volatile("rdfsbase %0" : "=r"(v));
		report(v == 0x123456789000ull && rdmsr(MSR_FS_BASE) == v, "WRFSBASE, RDFSBASE");
		write_cr4(cr4);
		v = TRY("rdfsbase %0", : "=r"(v));
		report_eq(v, EXC_UD, "RDFSBASE without CR4.FSGSBASE: #UD");
	}
	/* global pages survive a CR3 load, and go with PGE */
	write_cr4(cr4 | CR4_PGE);
	rt_map(VA, (u64)page, PTE_P | PTE_W | PTE_G);
	MMIO8(VA) = 1;
	*rt_pte(VA) = 0;
	write_cr4(cr4);
	report(TRY("movb (%0), %%al", : : "r"(VA) : "rax") == EXC_PF, "clearing CR4.PGE flushes global pages");
}

static void cr8_rules(void)
{
	for (u64 i = 0; i < 16; i++) {
		write_cr8(i);
		if (read_cr8() != i || apic_read(APIC_TPR) != i << 4)
			report(false, "CR8 = %llu", (unsigned long long)i);
	}
	report(true, "CR8 and TPR, all values");
	write_cr8(0);
	CR_GP(8, 16, "16");
	CR_GP(8, BIT(63), "bit 63");
	report_eq(TRY("movq %%cr1, %%rax", : : : "rax"), EXC_UD, "CR1: #UD");
}

/* ---- paging modes: 32-bit code in cr_32.c reports here ---- */

extern u32 cr32_results[16], cr32_done;
extern void cr32_modes(void);

static void paging_modes(void)
{
	static const char *const names[] = {
		"protected mode without paging",
		"EFER.LMA is clear",
		"32-bit paging with 4-MiB pages",
		"a 4-KiB page through 32-bit paging",
		"PAE paging",
		"PAE: #GP for a reserved bit in a PDPTE",
		"CR4.PAE cleared on the way out",
		"long mode, compatibility code",
		"EFER.LMA is set",
		"out of long mode again",
	};

	for (u32 round = 0; round < 3; round++) {
		memset(cr32_results, 0, sizeof(cr32_results));
		cr32_done = 0;
		rt_call32(cr32_modes);
		for (u32 i = 0; i < ARRAY_SIZE(names); i++)
			if (round == 0 || cr32_results[i] != 1)
				report(cr32_results[i] == 1, "%s (%u)", names[i], cr32_results[i]);
	}
	report(rdmsr(MSR_EFER) & EFER_LMA, "back in long mode, three times");
	report_eq(cr32_done, 1, "32-bit part ran to its end");
}

void main(const char *cmdline)
{
	cr0_rules();
	cr4_rules();
	cr8_rules();
	paging_modes();
}
