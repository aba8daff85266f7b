/* Several processors: start (and with the word "start" no more), restart by INIT, shared locks, TLB shootdowns,
 * wake-ups from HLT, time. */
#include "tests/guest/rt/smp.h"

#define VEC_WAKE  0x61
#define VEC_FLUSH 0x62
#define WAIT      400000000ull

static u32 n;

/* ---- start ---- */

static volatile u32 seen_id[RT_MAX_CPUS], seen_bsp[RT_MAX_CPUS], seen_x2[RT_MAX_CPUS], seen_leaf_b[RT_MAX_CPUS];

static void look(void *arg)
{
	u32 cpu = *(u32 *)arg;

	seen_id[cpu] = apic_id();
	seen_bsp[cpu] = rdmsr(MSR_APIC_BASE) >> 8 & 1;
	seen_x2[cpu] = apic_is_x2();
	seen_leaf_b[cpu] = cpuid(0xb, 0).d;
}

static void start(void)
{
	u32 ids[RT_MAX_CPUS], found = rt_madt_cpus(ids, RT_MAX_CPUS);

	report(found > 0, "a MADT with %u CPUs", found);
	n = rt_smp_start(found, WAIT);
	report_eq(n, found, "all CPUs of the MADT start after one INIT and one start-up IPI");
	if (n < 2) {
		report_skip("one CPU only");
		rt_finish();
	}
	for (u32 i = 0; i < n; i++) {
		bool in_madt = false;
		u32 id = rt_cpu_apic_id(i);

		if (i)
			rt_call_cpu(i, look, &i);
		else
			look(&i);
		for (u32 k = 0; k < found; k++)
			in_madt |= ids[k] == id;
		report(in_madt && seen_id[i] == id, "CPU %u: APIC ID %u is in the MADT", i, id);
		report(seen_bsp[i] == !i && !seen_x2[i], "CPU %u: %s, xAPIC", i, i ? "not the BSP" : "the BSP");
		if (cpuid(0, 0).a >= 0xb && cpuid(0xb, 0).b)
			report_eq(seen_leaf_b[i], id, "CPU %u: x2APIC ID of CPUID 0Bh", i);
	}
}

/* ---- INIT ---- */

static void set_registers(void *arg)
{
	(void)arg;
	write_cr8(5);
	apic_write(APIC_LVTERR, 0x55);
	write_dr0(0x1234);
	asm volatile("sti\n1:\thlt\n\tjmp 1b");
}

static volatile u64 after_cr8, after_lvt, after_dr7;

static void get_registers(void *arg)
{
	(void)arg;
	after_cr8 = read_cr8();
	after_lvt = apic_read(APIC_LVTERR);
	after_dr7 = read_dr7();
}

static void init_again(void)
{
	u32 cpu = n - 1;

	for (u32 k = 0; k < 3; k++) {
		rt_on_cpu(cpu, set_registers, NULL);
		rt_delay(1000000);
		if (!report(rt_smp_restart(cpu, WAIT), "INIT and start-up IPI restart a halted CPU (%u)", k))
			return;
	}
	rt_call_cpu(cpu, get_registers, NULL);
	report_eq(after_cr8, 0, "INIT resets the TPR");
	report_eq(after_lvt, 0x10000, "INIT resets and masks the LVT");
	report_eq(after_dr7, 0x400, "INIT resets DR7");
}

/* ---- halted CPUs ---- */

static volatile u32 wakes[RT_MAX_CPUS], nmis[RT_MAX_CPUS], halted[RT_MAX_CPUS];

static void on_wake(struct frame *f)
{
	wakes[rt_cpu()]++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	nmis[rt_cpu()]++;
}

static void halt_if(void *arg)
{
	u32 cpu = rt_cpu();
	bool with_if = arg;

	halted[cpu] = 1;
	if (with_if)
		sti_hlt_cli();
	else
		asm volatile("cli\n\thlt");
	halted[cpu] = 0;
}

static void wake_ups(void)
{
	u32 bad = 0;

	rt_set_handler(VEC_WAKE, on_wake);
	rt_set_handler(EXC_NMI, on_nmi);
	for (u32 k = 0; k < 50; k++) {
		u32 cpu = 1 + k % (n - 1), was = wakes[cpu];

		rt_on_cpu(cpu, halt_if, (void *)1);
		while (!halted[cpu])
			cpu_pause();
		rt_delay(k % 3 * 3000);
		apic_icr(rt_cpu_apic_id(cpu), 0x4000 | VEC_WAKE);
		bad += !rt_wait_cpu(cpu, WAIT) || wakes[cpu] != was + 1;
	}
	report_eq(bad, 0, "an IPI wakes a halted CPU, 50 times");
	for (u32 cpu = 1; cpu < n; cpu++) {
		u32 was = wakes[cpu], was_nmi = nmis[cpu];

		rt_on_cpu(cpu, halt_if, NULL);
		while (!halted[cpu])
			cpu_pause();
		rt_delay(20000);
		apic_icr(rt_cpu_apic_id(cpu), 0x4000 | VEC_WAKE);
		rt_delay(20000);
		report(halted[cpu] && wakes[cpu] == was, "CPU %u: IF=0: an interrupt does not end HLT", cpu);
		apic_icr(rt_cpu_apic_id(cpu), 0x4400);
		report(rt_wait_cpu(cpu, WAIT) && nmis[cpu] == was_nmi + 1, "CPU %u: an NMI does", cpu);
		report_eq(wakes[cpu], was, "CPU %u: the interrupt still waits", cpu);
		rt_call_cpu(cpu, (void (*)(void *))sti_nop_cli, NULL);
		report_eq(wakes[cpu], was + 1, "CPU %u: and comes with IF=1", cpu);
	}
}

/* ---- shared memory ---- */

#define ROUNDS 20000

static struct {
	volatile u32 ticket, serving;
	volatile u64 count;
	volatile u32 atomic_count, cas_count;
} shared;

static void count_up(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < ROUNDS / n; i++) {
		u32 t = __atomic_fetch_add(&shared.ticket, 1, __ATOMIC_SEQ_CST), old;

		while (shared.serving != t)
			cpu_pause();
		shared.count++;
		__atomic_store_n(&shared.serving, t + 1, __ATOMIC_RELEASE);
		asm volatile("lock incl %0" : "+m"(shared.atomic_count));
		do {
			old = shared.cas_count;
		} while (!__atomic_compare_exchange_n(&shared.cas_count, &old, old + 1, false, __ATOMIC_SEQ_CST,
		                                      __ATOMIC_RELAXED));
	}
}

static void locks(void)
{
	u32 want = ROUNDS / n * n;

	for (u32 i = 1; i < n; i++)
		rt_on_cpu(i, count_up, NULL);
	count_up(NULL);
	for (u32 i = 1; i < n; i++)
		report(rt_wait_cpu(i, 10 * WAIT), "CPU %u is through with the locks", i);
	report_eq(shared.count, want, "a ticket lock keeps all additions");
	report_eq(shared.atomic_count, want, "LOCK INC keeps all additions");
	report_eq(shared.cas_count, want, "LOCK CMPXCHG keeps all additions");
}

/* ---- TLB ---- */

#define PROBE 0x7000000000ull

static volatile u32 flushed, stop_reading, wrong;
static u32 *volatile pages[2];
static volatile u32 expected;

static void on_flush(struct frame *f)
{
	invlpg(PROBE);
	__atomic_fetch_add(&flushed, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
}

/* Reads the page all the time, with interrupts on: what it sees is the old or the new page, never an older one. */
static void reader(void *arg)
{
	(void)arg;
	sti();
	while (!stop_reading) {
		u32 before = expected, got = *(volatile u32 *)PROBE, after = expected;

		if (got < before || got > after + 1)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST);
		cpu_pause();
	}
	cli();
}

static void shootdowns(void)
{
	u32 late = 0;

	rt_set_handler(VEC_FLUSH, on_flush);
	pages[0] = rt_page();
	pages[1] = rt_page();
	rt_map(PROBE, (u64)pages[0], PTE_P | PTE_W);
	for (u32 i = 1; i < n; i++)
		rt_on_cpu(i, reader, NULL);
	for (u32 k = 1; k <= 200; k++) {
		u64 start;

		*pages[k & 1] = k;
		flushed = 0;
		rt_map(PROBE, (u64)pages[k & 1], PTE_P | PTE_W);
		apic_icr(0, 0xc4000 | VEC_FLUSH);
		start = rdtsc();
		while (flushed != n - 1 && rdtsc() - start < WAIT)
			cpu_pause();
		late += flushed != n - 1;
		expected = k;
		*pages[~k & 1] = 0xdead0000; /* nobody may see this one now */
	}
	stop_reading = 1;
	for (u32 i = 1; i < n; i++)
		report(rt_wait_cpu(i, WAIT), "CPU %u stops reading", i);
	report_eq(late, 0, "200 TLB shootdowns are answered by all");
	report_eq(wrong, 0, "no CPU sees a page after its shootdown");
}

/* ---- time ---- */

static volatile u64 stamp;
static volatile u32 turn, backwards;

static void stamps(void *arg)
{
	u32 me = (u32)(u64)arg;

	for (u32 k = 0; k < 100; k++) {
		u64 now;

		while (turn % 2 != me)
			cpu_pause();
		now = rdtsc();
		backwards += now < stamp;
		stamp = now;
		__atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST);
	}
}

void main(const char *cmdline)
{
	apic_init();
	start();
	if (rt_option("start"))
		return;
	init_again();
	wake_ups();
	locks();
	shootdowns();
	rt_on_cpu(1, stamps, (void *)1);
	stamps((void *)0);
	report(rt_wait_cpu(1, WAIT) && !backwards, "the TSC of two CPUs does not go backwards");
}
