/* Application processors. */
#include "tests/guest/rt/smp.h"

#define CALL_MAX 2000000000ull

static struct {
	volatile u32 apic_id; /* + 1; 0: not started */
	void (*volatile fn)(void *);
	void *volatile arg;
} cpus[RT_MAX_CPUS];

extern const u8 rt_ap_code[], rt_ap_code_end[];
extern volatile u32 rt_ap_started;
static volatile u32 rt_ap_running;

static u32 initial_apic_id(void)
{
	return cpuid(1, 0).b >> 24;
}

u32 rt_cpu(void)
{
	u32 id = initial_apic_id();

	for (u32 i = 1; i < RT_MAX_CPUS; i++)
		if (cpus[i].apic_id == id + 1)
			return i;
	return 0;
}

u32 rt_cpu_apic_id(u32 cpu)
{
	return cpu ? cpus[cpu].apic_id - 1 : apic_id();
}

/* ---- the other side ---- */

void rt_ap_entry(u32 cpu);
void rt_ap_entry(u32 cpu)
{
	rt_load_idt();
	/* The IDT's pages, tables and so on are shared; the APIC is this CPU's own. */
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
	cpus[cpu].apic_id = initial_apic_id() + 1;
	__atomic_fetch_add(&rt_ap_running, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		void (*fn)(void *) = cpus[cpu].fn;

		if (!fn) {
			cpu_pause();
			continue;
		}
		fn(cpus[cpu].arg);
		cli();
		cpus[cpu].fn = NULL;
	}
}

/* ---- this side ---- */

static void copy_code(void)
{
	memcpy((void *)(u64)RT_AP_PAGE, rt_ap_code, (size_t)(rt_ap_code_end - rt_ap_code));
}

u32 rt_smp_start(u32 n, u64 max)
{
	u64 start;

	copy_code();
	apic_icr(0, 0xc4500);                      /* INIT, all but self */
	apic_icr(0, 0xc4600 | (RT_AP_PAGE >> 12)); /* start-up, all but self */
	start = rdtsc();
	while (rt_ap_running + 1 < n && rdtsc() - start < max)
		cpu_pause();
	return rt_ap_running + 1;
}

bool rt_smp_restart(u32 cpu, u64 max)
{
	u32 was = rt_ap_running;

	cpus[cpu].fn = NULL;
	rt_ap_started = cpu - 1; /* the same number and stack */
	copy_code();
	apic_icr(rt_cpu_apic_id(cpu), 0x4500);
	apic_icr(rt_cpu_apic_id(cpu), 0x4600 | (RT_AP_PAGE >> 12));
	return rt_wait_change(&rt_ap_running, was, max);
}

void rt_on_cpu(u32 cpu, void (*fn)(void *), void *arg)
{
	cpus[cpu].arg = arg;
	cpus[cpu].fn = fn;
}

bool rt_wait_cpu(u32 cpu, u64 max)
{
	u64 start = rdtsc();

	while (cpus[cpu].fn && rdtsc() - start < max)
		cpu_pause();
	return !cpus[cpu].fn;
}

void rt_call_cpu(u32 cpu, void (*fn)(void *), void *arg)
{
	rt_on_cpu(cpu, fn, arg);
	if (!rt_wait_cpu(cpu, CALL_MAX))
		report(false, "CPU %u does not come back", cpu);
}

/* ---- interrupts received ---- */

#define RECEIVE_MAX 400000000ull

volatile u32 rt_got[RT_MAX_CPUS];
static volatile u32 closing;

static void open(void *arg)
{
	(void)arg;
	sti();
	while (!closing)
		cpu_pause();
	cli();
}

void rt_open_one(u32 cpu)
{
	closing = 0;
	rt_on_cpu(cpu, open, NULL);
}

void rt_open(u32 n)
{
	for (u32 i = 1; i < n; i++)
		rt_open_one(i);
	sti();
}

void rt_close(u32 n)
{
	cli();
	closing = 1;
	for (u32 i = 1; i < n; i++)
		rt_wait_cpu(i, RECEIVE_MAX);
}

void rt_got_none(void)
{
	for (u32 i = 0; i < RT_MAX_CPUS; i++)
		rt_got[i] = 0;
}

u32 rt_bits(u32 mask)
{
	u32 count = 0;

	for (; mask; mask &= mask - 1)
		count++;
	return count;
}

u32 rt_received(u32 n, u32 mask)
{
	u64 start = rdtsc();
	u32 sum, bits = 0;

	do {
		sum = 0;
		for (u32 i = 0; i < n; i++)
			sum += rt_got[i];
		cpu_pause();
	} while (sum < rt_bits(mask) && rdtsc() - start < RECEIVE_MAX);
	rt_delay(20000);
	for (u32 i = 0; i < n; i++)
		bits |= (rt_got[i] ? 1u << i : 0) | (rt_got[i] > 1 ? 1u << (i + 16) : 0);
	return bits;
}

/* ---- MADT. ACPI "Finding the RSDP on IA-PC Systems", "Multiple APIC Description Table" ---- */

static const u8 *find_madt(void)
{
	for (u64 a = 0xe0000; a < 0x100000; a += 16) {
		const u8 *rsdt;

		if (memcmp((const void *)a, "RSD PTR ", 8))
			continue;
		rsdt = (const u8 *)(u64) * (const u32 *)(a + 16);
		for (u32 i = 36; i < *(const u32 *)(rsdt + 4); i += 4) {
			const u8 *t = (const u8 *)(u64) * (const u32 *)(rsdt + i);

			if (!memcmp(t, "APIC", 4))
				return t;
		}
	}
	return NULL;
}

u32 rt_madt_cpus(u32 *ids, u32 max)
{
	const u8 *t = find_madt();
	u32 n = 0;

	for (u32 at = 44; t && at + 8 <= *(const u32 *)(t + 4) && t[at + 1]; at += t[at + 1])
		if (t[at] == 0 && (t[at + 4] & 1) && n < max)
			ids[n++] = t[at + 3];
	return n;
}
