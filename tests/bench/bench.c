/*
 * Ticks of the TSC per operation, printed as "BENCH name ticks" ("BENCH name skipped" where the machine lacks it).
 * On Bochs a tick is an instruction, so that the numbers are repeatable and comparable between hypervisors.
 * Loop overhead, measured with an empty loop, is subtracted. Under a hypervisor built with VMCS_COUNT=1 each
 * operation is run once more for "COUNT name VMREADs VMWRITEs rounds". tools/bench reads all of it.
 */
#include "vmm/exit/vmcs_count.h"

#include "tests/guest/rt/rt.h"

#define ITER   1000u
#define SETTLE 2000000 /* ticks in which what was printed goes to the console, at the cost of this processor */
#define VEC    0x60

static u64 overhead; /* of ITER rounds of the empty loop */
static bool counting;

struct counts {
	u64 reads, writes;
};
static struct counts counting_cost; /* of one call */

static struct counts count(void)
{
	u64 a = VMCS_COUNT_CALL, d = 0;

	asm volatile("vmcall" : "+a"(a), "+d"(d) : : "memory");
	return (struct counts){ a, d };
}

static void counts_init(void)
{
	u64 a = VMCS_COUNT_CALL, d = 0;
	struct counts c;

	/* VMCALL is #UD on the bare machine; other builds do not know the call. */
	if (TRY("vmcall", : "+a"(a), "+d"(d) : : "memory") != EXC_NONE || (s64)a < 0)
		return;
	counting = true;
	c = count();
	counting_cost = count();
	counting_cost.reads -= c.reads;
	counting_cost.writes -= c.writes;
}

static void show_counts(const char *name, struct counts from)
{
	struct counts to = count();
	s64 reads = (s64)(to.reads - from.reads - counting_cost.reads);
	s64 writes = (s64)(to.writes - from.writes - counting_cost.writes);

	/* The call itself does not always cost the same. */
	rt_printf("COUNT %s %lld %lld %u\n", name, (long long)MAX(reads, 0), (long long)MAX(writes, 0), ITER);
}

/* Ticks for ITER executions of the statements; written out in place, so that no call is timed. */
#define TIME(...)                                        \
	({                                               \
		u64 start_ = rdtsc();                    \
		for (u32 i_ = 0; i_ < ITER; i_++) {      \
			asm volatile("" : : : "memory"); \
			__VA_ARGS__;                     \
		}                                        \
		rdtsc() - start_;                        \
	})
#define BENCH(name, ...)                                                                                     \
	do {                                                                                                 \
		u64 t_;                                                                                      \
		rt_delay(SETTLE);                                                                            \
		__VA_ARGS__; /* once before: fills TLBs, decoder caches */                                   \
		t_ = TIME(__VA_ARGS__);                                                                      \
		rt_printf("BENCH %s %llu\n", name, (unsigned long long)((t_ - overhead + ITER / 2) / ITER)); \
		if (counting) {                                                                              \
			struct counts c_;                                                                    \
                                                                                                             \
			rt_delay(SETTLE);                                                                    \
			c_ = count();                                                                        \
			(void)TIME(__VA_ARGS__);                                                             \
			show_counts(name, c_);                                                               \
		}                                                                                            \
	} while (0)

static void skip(const char *name)
{
	rt_printf("BENCH %s skipped\n", name);
}

static volatile u32 taken;
static bool x2;

static void eoi_handler(struct frame *f)
{
	(void)f;
	taken++;
	if (x2)
		wrmsr(0x80b, 0);
	else
		MMIO32(APIC_PHYS + APIC_EOI) = 0;
}

static void wait_taken(u32 was)
{
	while (taken == was)
		;
}

static void hlt_wake(u32 apicid)
{
	u32 was = taken;

	/* interrupts are off: it is pending at HLT */
	if (x2)
		wrmsr(0x830, (u64)apicid << 32 | 0x4000 | VEC);
	else
		MMIO32(APIC_PHYS + APIC_ICR) = 0x44000 | VEC;
	sti_hlt_cli();
	wait_taken(was);
}

static void pf_handler(struct frame *f)
{
	f->rip += 2; /* the faulting MOV is two bytes long */
}

static void bench_cr(void)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3();

	BENCH("cr0_wp_pair", write_cr0(cr0 & ~CR0_WP); write_cr0(cr0));
	BENCH("cr8_write", write_cr8(3));
	BENCH("cr8_read", (void)read_cr8());
	write_cr8(0);
	BENCH("cr3_load", write_cr3(cr3));
}

static void bench_page_fault(void)
{
	u64 va = 0x4000000000ull;

	*rt_pte(va) = 0;
	rt_set_handler(EXC_PF, pf_handler);
	BENCH("page_fault", asm volatile(".byte 0x8b, 0x08" : : "a"(va) : "rcx", "memory")); /* mov (%rax), %ecx */
	rt_set_handler(EXC_PF, NULL);
}

static void bench_interrupts(void)
{
	u32 apicid = apic_id();

	rt_set_handler(VEC, eoi_handler);
	/* xAPIC */
	BENCH("lapic_read", (void)MMIO32(APIC_PHYS + APIC_ID));
	BENCH("lapic_eoi", MMIO32(APIC_PHYS + APIC_EOI) = 0);
	sti();
	BENCH("self_ipi_xapic", {
		u32 was = taken;
		MMIO32(APIC_PHYS + APIC_ICR) = 0x40000 | VEC;
		wait_taken(was);
	});
	cli();
	x2 = apic_to_x2();
	if (!x2) {
		skip("self_ipi");
		skip("self_ipi_icr");
		skip("x2apic_eoi");
	} else {
		BENCH("x2apic_eoi", wrmsr(0x80b, 0));
		sti();
		BENCH("self_ipi", {
			u32 was = taken;
			wrmsr(0x83f, VEC);
			wait_taken(was);
		});
		BENCH("self_ipi_icr", {
			u32 was = taken;
			wrmsr(0x830, (u64)apicid << 32 | 0x4000 | VEC);
			wait_taken(was);
		});
		cli();
	}
	if (cpuid(1, 0).c & CPUID1_ECX_DEADLINE) {
		apic_write(APIC_LVTT, 2u << 17 | VEC);
		sti();
		BENCH("tsc_deadline", {
			u32 was = taken;
			wrmsr(MSR_TSC_DEADLINE, 1);
			wait_taken(was);
		});
		cli();
		apic_write(APIC_LVTT, 0x10000);
	} else {
		skip("tsc_deadline");
	}
	BENCH("hlt_wake", hlt_wake(apicid));
}

void main(const char *cmdline)
{
	bool hv = rt_hv();
	u64 v;

	(void)cmdline;
	cli();
	apic_init();
	rt_delay(25000000); /* the hypervisor's own lines */
	overhead = TIME((void)0);
	counts_init();
	rt_printf("loop overhead: %llu ticks for %u rounds\n", (unsigned long long)overhead, ITER);

	BENCH("cpuid", (void)cpuid(0, 0));
	if (rdmsr_safe(MSR_MISC_ENABLE, &v) == 0)
		BENCH("rdmsr_emulated", (void)rdmsr(MSR_MISC_ENABLE));
	else
		skip("rdmsr_emulated");
	if (cpuid(7, 0).b & BIT(1))
		BENCH("wrmsr_emulated", wrmsr(MSR_TSC_ADJUST, 0));
	else
		skip("wrmsr_emulated");
	BENCH("pio_read", (void)inb(0x21));
	BENCH("pm_timer", (void)inl(hv ? 0x608 : 0xb008));
	BENCH("mmio_read", (void)MMIO32(0xfec00000));
	BENCH("mmio_write", MMIO32(0xfec00000) = 0);
	bench_cr();
	bench_page_fault();
	bench_interrupts();
	report(taken >= ITER, "interrupts of the benchmark arrived");
}
