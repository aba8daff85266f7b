/* Destinations of the I/O APIC with several processors: physical, logical, lowest priority, by edge and by level. */
#include "tests/guest/rt/smp.h"

#define WAIT      400000000ull
#define TEXT(...) (fmt_snprintf(text, sizeof(text), __VA_ARGS__), text)

static u32 n;

static u32 all(void)
{
	return (1u << n) - 1;
}

#define PIN      14
#define PORT     (0x2000 + PIN)
#define VEC_PIN  0x79
#define RTE_LVL  BIT(15)
#define RTE_RIRR BIT(14)

static volatile u32 tmr[RT_MAX_CPUS];

static void on_pin(struct frame *f)
{
	u32 cpu = rt_cpu();

	tmr[cpu] = apic_bit(APIC_TMR, VEC_PIN);
	__atomic_fetch_add(&rt_got[cpu], 1, __ATOMIC_SEQ_CST);
	outb(PORT, 0);
	apic_eoi();
}

static void pin(u64 rte, u32 dest, u32 want, const char *what)
{
	u32 seen;
	bool trigger = true;

	rt_got_none();
	ioapic_set_rte(PIN, (u64)dest << 56 | rte | VEC_PIN);
	outb(PORT, 1);
	seen = rt_received(n, want ? want : 1);
	outb(PORT, 0);
	for (u32 i = 0; i < n; i++)
		if (want >> i & 1)
			trigger &= tmr[i] == !!(rte & RTE_LVL);
	if (want) /* whom it may concern */
		report(seen == want && trigger, "%s (0x%x)", what, seen);
	else
		report(rt_bits(seen) == 1, "%s (0x%x)", what, seen);
	report(!(ioapic_rte(PIN) & RTE_RIRR), "its remote IRR is clear then");
}

/* A logical destination has a bit for each CPU: of its number when flat, of its APIC ID in x2APIC mode. */
static void destinations(const char *m)
{
	u32 one = apic_is_x2() ? rt_cpu_apic_id(1) : 1;
	char text[80];

	rt_set_handler(VEC_PIN, on_pin);
	rt_open(n);
	for (u32 i = 0; i < n; i++) {
		pin(0, rt_cpu_apic_id(i), 1u << i, TEXT("%s: edge, physical, to CPU %u", m, i));
		pin(RTE_LVL, rt_cpu_apic_id(i), 1u << i, TEXT("%s: level, physical, to CPU %u", m, i));
	}
	pin(0x800, all(), all(), TEXT("%s: edge, logical, to all", m));
	pin(RTE_LVL | 0x800, all() & ~(1u << one), all() & ~2u, TEXT("%s: level, logical, to all but CPU 1", m));
	pin(RTE_LVL | 0x900, all(), 0, TEXT("%s: level, lowest priority, to one", m));
	rt_close(n);
	ioapic_set_rte(PIN, BIT(16));
}

static void set_flat(void *arg)
{
	(void)arg;
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << (24 + rt_cpu()));
}

static void to_x2(void *arg)
{
	(void)arg;
	apic_to_x2();
}

static void on_all(void (*fn)(void *))
{
	for (u32 i = 1; i < n; i++)
		rt_call_cpu(i, fn, NULL);
	fn(NULL);
}

void main(const char *cmdline)
{
	u32 ids[RT_MAX_CPUS];

	if (!rt_hv()) {
		report_skip("the bare machine has no device whose line can be set");
		return;
	}
	apic_init();
	n = rt_smp_start(rt_madt_cpus(ids, RT_MAX_CPUS), WAIT);
	if (n < 2) {
		report_skip("one CPU only");
		return;
	}
	on_all(set_flat);
	destinations("xAPIC");
	if (!(cpuid(1, 0).c & CPUID1_ECX_X2APIC)) {
		report_skip("x2APIC");
		return;
	}
	on_all(to_x2);
	destinations("x2APIC");
}
