/*
 * Where events may arrive: STI and MOV-SS shadows, HLT, NMI and its blocking, events during whose delivery something
 * faults. With the word "mmiostack" on the command line the last test pushes an interrupt's frame to device memory,
 * which no hypervisor has to stand: the VM is expected to be stopped (look at the log).
 */
#include "tests/guest/rt/rt.h"

#define VEC  0x41
#define VEC2 0x52
#define WAIT 20000000ull

static volatile u32 count, count2, nmis, depth, max_depth;
static u64 irq_rip, nmi_rip, irq_flags;
u64 label1;

static void on_irq(struct frame *f)
{
	irq_rip = f->rip;
	irq_flags = f->rflags;
	count++;
	apic_eoi();
}

/* pending self-IPI, then insn with the interrupt flag opened by it; it must arrive at label 1 within insn */
#define ARRIVES_AT(name, insn, ...)                                                              \
	do {                                                                                     \
		cli();                                                                           \
		count = 0;                                                                       \
		apic_self_ipi(VEC);                                                              \
		asm volatile("movq $1f, label1\n\t" insn "\n\tnop\n\tnop\n\tcli" __VA_ARGS__);   \
		report(count == 1 && irq_rip == label1, "%s (count %u, RIP %+lld)", name, count, \
		       (long long)(irq_rip - label1));                                           \
	} while (0)

#define TRIES 16u

static void shadows(void)
{
	u32 early = 0, late = 0;
	u64 ss = SEL_DATA, base = rdmsr(MSR_APIC_BASE);

	ARRIVES_AT("STI, NOP: behind the NOP", "sti\n\tnop\n1:", : : : "memory");
	ARRIVES_AT("STI, CPUID: behind it", "sti\n\tcpuid\n1:", : : "a"(0) : "rbx", "rcx", "rdx", "memory");
	ARRIVES_AT("STI, OUT: behind it", "sti\n\toutb %%al, $0x80\n1:", : : "a"(0) : "memory");
	ARRIVES_AT("STI, IN: behind it", "sti\n\tinb $0x21, %%al\n1:", : : : "rax", "memory");
	ARRIVES_AT("STI, RDMSR: behind it", "sti\n\trdmsr\n1:", : : "c"(MSR_APIC_BASE) : "rax", "rdx", "memory");
	ARRIVES_AT("STI, WRMSR: behind it", "sti\n\twrmsr\n1:",
	           :
	           : "c"(MSR_APIC_BASE), "a"((u32)base), "d"((u32)(base >> 32))
	           : "memory");
	ARRIVES_AT("STI, MMIO write: behind it", "sti\n\tmovl $0, (%0)\n1:", : : "r"(0xfec00000ull) : "memory");
	ARRIVES_AT("STI, MOV CR0: behind it", "sti\n\tmovq %0, %%cr0\n1:", : : "r"(read_cr0()) : "memory");
	ARRIVES_AT("STI, HLT: behind the HLT", "sti\n\thlt\n1:", : : : "memory");
	ARRIVES_AT("POPF has no shadow", "pushfq\n\torq $0x200, (%%rsp)\n\tpopfq\n1:", : : : "memory", "cc");
	/* in a sequence of such instructions only the first surely delays ("MOV", "STI"): either place is right */
	count = 0;
	apic_self_ipi(VEC);
	asm volatile("movq $1f, label1\n\tsti\n\tmovl %k0, %%ss\n\tnop\n1:\tnop\n\tcli" : : "r"(ss) : "memory");
	report(count == 1 && (irq_rip == label1 || irq_rip == label1 - 1), "STI, MOV SS, NOP");
	/* STI with interrupts already on makes no shadow; STI, CLI never opens */
	for (u32 i = 0; i < TRIES; i++) {
		count = 0;
		apic_self_ipi(VEC);
		asm volatile("sti\n\tcli\n\tnop" : : : "memory");
		early += count;
		sti_nop_cli();
		late += count == 1 && irq_flags & RFLAGS_IF;
	}
	/* Bochs delivers a virtual interrupt in spite of IF=0 when one of the host's is pending at that moment. */
	report(early <= TRIES / 4, "STI, CLI: nothing arrives (%u of %u did)", early, TRIES);
	report(late >= TRIES - TRIES / 4, "it arrives later (%u of %u)", late, TRIES);
	/* the IPI is sent in the shadow of MOV SS */
	if (apic_is_x2()) {
		count = 0;
		sti();
		asm volatile("movq $1f, label1\n\tmovl %k0, %%ss\n\twrmsr\n1:\tnop\n\tnop\n\tcli"
		             :
		             : "r"(ss), "c"(0x83f), "a"(VEC), "d"(0)
		             : "memory");
		report(count == 1 && irq_rip == label1, "self-IPI in the shadow of MOV SS: behind the WRMSR (%+lld)",
		       (long long)(irq_rip - label1));
	}
}

static volatile u32 traps, count_at_trap;
static u64 trap_rip;

static void on_db(struct frame *f)
{
	if (!traps++) {
		trap_rip = f->rip;
		count_at_trap = count;
	}
	write_dr6(0xffff0ff0);
}

/* insn with TF and IF set sends an interrupt to itself: its trap comes first,
 * then the interrupt, at the same place. */
#define TRAPS_FIRST(name, insn, ...)                                                                                 \
	do {                                                                                                         \
		cli();                                                                                               \
		count = traps = 0;                                                                                   \
		asm volatile("movq $1f, label1\n\tpushfq\n\tpushfq\n\torq $0x300, (%%rsp)\n\tpopfq\n\t" insn         \
		             "\n1:\tpopfq" __VA_ARGS__);                                                             \
		report(traps == 2 && trap_rip == label1 && !count_at_trap && count == 1 && irq_rip == label1,        \
		       "single-step over %s (%u traps, the first at %+lld after %u interrupts; %u, at %+lld)", name, \
		       traps, (long long)(trap_rip - label1), count_at_trap, count, (long long)(irq_rip - label1));  \
	} while (0)

static void stepped(void)
{
	rt_set_handler(EXC_DB, on_db);
	if (apic_is_x2())
		TRAPS_FIRST("a self-IPI's WRMSR", "wrmsr",
		            :
		            : "c"(0x830), "a"(0x40000 | VEC), "d"(0)
		            : "memory", "cc");
	else
		TRAPS_FIRST("a self-IPI's MMIO write", "movl %1, (%0)",
		            :
		            : "r"(0xfee00300ull), "r"(0x40000 | VEC)
		            : "memory", "cc");
	rt_set_handler(EXC_DB, NULL);
}

static void on_irq2(struct frame *f)
{
	count2++;
	apic_eoi();
}

static void halts(void)
{
	u32 done = 0;

	/* each HLT must be woken once by its own interrupt */
	count = 0;
	for (u32 i = 0; i < 100; i++) {
		apic_self_ipi(VEC);
		sti_hlt_cli();
		done += count == i + 1;
	}
	report_eq(done, 100, "100 HLTs, each woken by its self-IPI");
	/* the timer wakes */
	count2 = 0;
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VEC2);
	apic_write(APIC_TMICT, 300000);
	sti_hlt_cli();
	report_eq(count2, 1, "HLT woken by the APIC timer");
	apic_write(APIC_LVTT, 0x10000);
	/* what the TPR holds back does not wake */
	count = count2 = 0;
	write_cr8(VEC >> 4);
	apic_self_ipi(VEC);
	apic_write(APIC_LVTT, VEC2);
	apic_write(APIC_TMICT, 300000);
	sti_hlt_cli();
	report(count2 == 1 && count == 0, "HLT sleeps over what the TPR masks (%u, %u)", count, count2);
	sti();
	write_cr8(0);
	asm volatile("nop\n\tcli" : : : "memory");
	report_eq(count, 1, "which arrives when the TPR is lowered");
	apic_write(APIC_LVTT, 0x10000);
}

static bool nmi_again;

static void on_nmi(struct frame *f)
{
	nmis++;
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	nmi_rip = f->rip;
	if (nmi_again) {
		nmi_again = false;
		apic_icr(apic_id(), 0x4400);
		apic_icr(apic_id(), 0x4400); /* the second of two pending ones is lost */
		(void)cpuid(0, 0);           /* an exit while NMIs are blocked */
		(void)inb(0x21);
	}
	depth--;
}

static volatile u32 nmi_pf;
static void on_pf_in_nmi(struct frame *f)
{
	nmi_pf++;
	f->rip += 2;
}

/* An exception's IRET within the NMI handler ends NMI blocking ("Handling Multiple NMIs"). */
static void nmi_with_fault(struct frame *f)
{
	nmis++;
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	if (nmis == 1) {
		asm volatile(".byte 0x8b, 0x08" : : "a"(0x4000000000ull) : "rcx", "memory");
		apic_icr(apic_id(), 0x4400);
		asm volatile("nop\n\tnop");
	}
	depth--;
}

/* Until so many have come, and then long enough for one too many. Each may take 130,000 ticks where Bulkhead is itself a
 * guest. */
static void await_nmis(u32 n)
{
	u64 start = rdtsc();

	while (nmis < n && rdtsc() - start < WAIT)
		cpu_pause();
	rt_delay(10000);
}

static void nmi(void)
{
	u32 was;

	rt_set_handler(EXC_NMI, on_nmi);
	cli();
	apic_icr(apic_id(), 0x4400);
	await_nmis(1);
	report_eq(nmis, 1, "NMI with interrupts off");
	nmis = 0;
	nmi_again = true;
	max_depth = 0;
	apic_icr(apic_id(), 0x4400);
	await_nmis(2);
	report_eq(nmis, 2, "two NMIs sent within the handler: one of them follows");
	report_eq(max_depth, 1, "and only after its IRET");
	nmis = 0;
	max_depth = 0;
	*rt_pte(0x4000000000ull) = 0;
	invlpg(0x4000000000ull);
	rt_set_handler(EXC_NMI, nmi_with_fault);
	rt_set_handler(EXC_PF, on_pf_in_nmi);
	apic_icr(apic_id(), 0x4400);
	await_nmis(2);
	report(nmis == 2 && max_depth == 2 && nmi_pf == 1, "a fault's IRET in the handler unblocks NMIs (%u, %u)",
	       nmis, max_depth);
	rt_set_handler(EXC_PF, NULL);
	rt_set_handler(EXC_NMI, on_nmi);
	/* NMI and interrupt both pending: the NMI first, the interrupt at the NMI
	 * handler's first instruction is masked */
	nmis = count = 0;
	apic_self_ipi(VEC);
	apic_icr(apic_id(), 0x4400);
	was = nmis;
	sti_nop_cli();
	report(was <= 1 && nmis == 1 && count == 1, "NMI and interrupt together");
}

/* ---- events whose delivery faults ---- */

static u8 stack_page[4096] __aligned(4096);
#define VA 0x4000000000ull
static volatile u32 pfs;

static void map_on_pf(struct frame *f)
{
	pfs++;
	rt_map(VA, (u64)stack_page, PTE_P | PTE_W);
}

static u64 on_missing_stack(u32 kind)
{
	u64 r = 0;

	*rt_pte(VA) = 0;
	invlpg(VA);
	pfs = 0;
	asm volatile("" : : : "memory");
	switch (kind) {
	case 0:
		asm volatile("movq %%rsp, %%rbx\n\tmovq %1, %%rsp\n\tint $0x41\n\tmovq %%rbx, %%rsp"
		             : "+r"(r)
		             : "r"(VA + 4096)
		             : "rbx", "memory");
		break;
	case 1:
		asm volatile("movq %%rsp, %%rbx\n\tmovq %1, %%rsp\n\tud2\n\tmovq %%rbx, %%rsp"
		             : "+r"(r)
		             : "r"(VA + 4096)
		             : "rbx", "memory");
		break;
	case 2:
		asm volatile("movq %%rsp, %%rbx\n\tmovq %1, %%rsp\n\tint3\n\tmovq %%rbx, %%rsp"
		             : "+r"(r)
		             : "r"(VA + 4096)
		             : "rbx", "memory");
		break;
	default: break;
	}
	return r;
}

static volatile u32 uds, bps, ints;
static void on_ud(struct frame *f)
{
	uds++;
	f->rip += 2;
}
static void on_bp(struct frame *f)
{
	bps++;
}
static void on_int41(struct frame *f)
{
	ints++;
}

static void nested(void)
{
	rt_set_gate(EXC_PF, 2, 0); /* a stack of its own */
	rt_set_handler(EXC_PF, map_on_pf);
	rt_set_handler(EXC_UD, on_ud);
	rt_set_handler(EXC_BP, on_bp);
	rt_set_handler(0x41, on_int41);
	cli();
	on_missing_stack(0);
	report(pfs == 1 && ints == 1, "INT n: #PF at its push, then restarted (%u, %u)", pfs, ints);
	on_missing_stack(1);
	report(pfs == 1 && uds == 1, "#UD: #PF at its push, then restarted (%u, %u)", pfs, uds);
	on_missing_stack(2);
	report(pfs == 1 && bps == 1, "INT3: #PF at its push, then restarted (%u, %u)", pfs, bps);
	rt_set_handler(EXC_PF, NULL);
	rt_set_handler(EXC_UD, NULL);
	rt_set_handler(EXC_BP, NULL);
	rt_set_gate(EXC_PF, 0, 0);
	rt_set_handler(0x41, on_irq);
}

/* Interrupts at random places of a loop full of exits: none is lost, registers survive. */
static void storm(void)
{
	u64 start = rdtsc(), bad = 0, rounds = 0;

	count2 = 0;
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | VEC2);
	apic_write(APIC_TMICT, 3001);
	sti();
	while (rdtsc() - start < 3000000) {
		u64 a = 0x1111, b = 0x2222, s = 0x3333;
		struct regs4 r;

		asm volatile("outb %%al, $0x80\n\tinb $0x21, %%al\n\tmovl $0, (%3)"
		             : "+a"(a), "+r"(b), "+r"(s)
		             : "r"(0xfec00000ull)
		             : "memory");
		r = cpuid(0, 0);
		bad += b != 0x2222 || s != 0x3333 || a >> 8 != 0x11 || r.b != 0x756e6547;
		rounds++;
	}
	cli();
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, 0x10000);
	report(count2 > 50 && !bad, "%u timer interrupts between %llu rounds of exits, %llu bad", count2,
	       (unsigned long long)rounds, (unsigned long long)bad);
}

static void all(void)
{
	shadows();
	stepped();
	halts();
	nmi();
	nested();
	storm();
}

void main(const char *cmdline)
{
	cli();
	apic_init();
	rt_set_handler(VEC, on_irq);
	rt_set_handler(VEC2, on_irq2);
	all();
	if (apic_to_x2()) {
		rt_printf("x2APIC mode\n");
		nmis = count = count2 = depth = nmi_pf = uds = bps = ints = 0;
		all();
	}
	if (rt_option("mmiostack")) {
		rt_printf("an interrupt's frame goes to FF000000h\n");
		asm volatile("movq %%rsp, %%rbx\n\tmovq %0, %%rsp\n\tint $0x41\n\tmovq %%rbx, %%rsp"
		             :
		             : "r"(0xff001000ull)
		             : "rbx", "memory");
		report(true, "survived it");
	}
}
