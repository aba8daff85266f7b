/* The time-stamp counter: monotonic, RDTSCP, writes, TSC_ADJUST ("IA32_TSC_ADJUST MSR"). */
#include "tests/guest/rt/rt.h"

#define SLACK 50000000ull
#define VEC   0x60
#define AHEAD 3000000ull

static volatile u32 fired;
static volatile u64 fired_at;

static void on_timer(struct frame *f)
{
	fired_at = rdtsc();
	fired++;
	apic_eoi();
}

/* The deadline timer follows the guest's TSC, not the machine's. */
static void deadline(void)
{
	u64 at, early = 0, late = 0;

	if (!(cpuid(1, 0).c & CPUID1_ECX_DEADLINE)) {
		report_skip("TSC deadline");
		return;
	}
	apic_init();
	rt_set_handler(VEC, on_timer);
	apic_write(APIC_LVTT, 0x40000 | VEC);
	for (u32 i = 1; i <= 5; i++) {
		at = rdtsc() + AHEAD + i * 777;
		wrmsr(MSR_TSC_DEADLINE, at);
		sti();
		while (fired < i && rdtsc() < at + SLACK)
			cpu_pause();
		cli();
		early += fired_at < at;
		late += fired_at > at + AHEAD;
	}
	report_eq(fired, 5, "deadlines fire, once each");
	report_eq(early, 0, "none before the TSC gets there");
	report_eq(late, 0, "none much later");
}

void main(const char *cmdline)
{
	u64 a, b, adj, back = 0;
	u32 lo, hi, aux;

	a = rdtsc();
	for (u32 i = 0; i < 100000; i++) {
		b = rdtsc();
		back += b < a;
		a = b;
		if (i % 1000 == 0)
			(void)inb(0x21); /* exits in between */
	}
	report_eq(back, 0, "RDTSC never goes back");
	a = rdtsc();
	b = rdmsr(MSR_TSC);
	report(b >= a && b - a < SLACK, "RDMSR of the TSC agrees with RDTSC");
	a = rdtsc();
	report(a >= b && a - b < SLACK, "and RDTSC with it");
	if (cpuid(0x80000001, 0).d & BIT(27)) {
		wrmsr(MSR_TSC_AUX, 0x1234);
		a = rdtsc();
		asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
		b = lo | (u64)hi << 32;
		report(b >= a && b - a < SLACK && aux == 0x1234, "RDTSCP and TSC_AUX");
		wrmsr(MSR_TSC_AUX, 0);
	} else {
		report_skip("RDTSCP");
	}
	/* a write sets it, and TSC_ADJUST takes the difference */
	if (cpuid(7, 0).b & BIT(1)) {
		adj = rdmsr(MSR_TSC_ADJUST);
		report_eq(adj, 0, "TSC_ADJUST is 0 at start");
		a = rdtsc();
		wrmsr(MSR_TSC_ADJUST, adj + (1ull << 40));
		b = rdtsc();
		report(b - a >= 1ull << 40 && b - a < (1ull << 40) + SLACK, "TSC_ADJUST moves the TSC");
		report_eq(rdmsr(MSR_TSC_ADJUST), adj + (1ull << 40), "TSC_ADJUST reads back");
		wrmsr(MSR_TSC_ADJUST, adj);
		b = rdtsc();
		report(b >= a && b - a < SLACK, "and back");
		a = rdtsc();
		wrmsr(MSR_TSC, a + (1ull << 42));
		b = rdmsr(MSR_TSC_ADJUST);
		report(b - adj <= 1ull << 42 && b - adj > (1ull << 42) - SLACK,
		       "a TSC write shows in TSC_ADJUST (0x%llx)", (unsigned long long)b);
		wrmsr(MSR_TSC_ADJUST, adj);
	} else {
		report_skip("TSC_ADJUST");
	}
	a = rdtsc();
	wrmsr(MSR_TSC, 1000);
	b = rdtsc();
	report(b >= 1000 && b < 1000 + SLACK, "WRMSR sets the TSC (now %llu)", (unsigned long long)b);
	wrmsr(MSR_TSC, a);
	b = rdtsc();
	report(b >= a && b - a < SLACK, "and back again");
	deadline();
	report(cpuid(0x80000007, 0).d & BIT(8) || !rt_hv(), "invariant TSC");
}
