/* Interprocessor interrupts: shorthands, physical and logical destinations,
 * lowest priority, NMIs, APIC modes mixed. */
#include "tests/guest/rt/smp.h"

#define VEC   0x51
#define VEC2  0x91
#define WAIT  400000000ull
#define FIXED 0x4000u

static u32 n;
static volatile u32 stop;
static volatile u32 nmis[RT_MAX_CPUS], flushed;

static void on_ipi(struct frame *f)
{
	rt_got[rt_cpu()]++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	nmis[rt_cpu()]++;
}

static void on_vec2(struct frame *f)
{
	__atomic_fetch_add(&flushed, 1, __ATOMIC_SEQ_CST);
	apic_eoi();
}

static void send(u32 dest, u32 low, u32 want, const char *what)
{
	rt_got_none();
	apic_icr(dest, low | VEC);
	report_eq(rt_received(n, want), want, "%s", what);
}

static u32 all(void)
{
	return (1u << n) - 1;
}

static void shorthands(const char *m)
{
	char text[64];

#define T(...) (fmt_snprintf(text, sizeof(text), __VA_ARGS__), text)
	rt_open(n);
	send(0, 0x40000 | FIXED, 1, T("%s: self", m));
	send(0, 0x80000 | FIXED, all(), T("%s: all including self", m));
	send(0, 0xc0000 | FIXED, all() & ~1u, T("%s: all excluding self", m));
	send(apic_is_x2() ? 0xffffffff : 0xff, FIXED, all(), T("%s: physical broadcast", m));
	for (u32 i = 0; i < n; i++)
		send(rt_cpu_apic_id(i), FIXED, 1u << i, T("%s: physical, to CPU %u", m, i));
	send(rt_cpu_apic_id(1) + 100, FIXED, 0, T("%s: physical, to nobody", m));
	rt_close(n);
}

/* ---- logical ---- */

static void set_flat(void *arg)
{
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << (24 + rt_cpu()));
}

/* Cluster 1: CPUs 0 and 1, cluster 2: the others. */
static void set_cluster(void *arg)
{
	u32 cpu = rt_cpu();

	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, (cpu < 2 ? 0x10u | 1u << cpu : 0x20u | 1u << ((cpu - 2) & 3)) << 24);
}

static void on_all(void (*fn)(void *))
{
	for (u32 i = 1; i < n; i++)
		rt_call_cpu(i, fn, NULL);
	fn(NULL);
}

static void logical(void)
{
	u32 hits = 0;

	on_all(set_flat);
	rt_open(n);
	for (u32 i = 0; i < n; i++)
		send(1u << i, 0x800 | FIXED, 1u << i, "flat: one");
	send(all(), 0x800 | FIXED, all(), "flat: all by their bits");
	send(0xff, 0x800 | FIXED, all(), "flat: all by FFh");
	send(all() & ~2u, 0x800 | FIXED, all() & ~2u, "flat: all but CPU 1");
	send(0x80, 0x800 | FIXED, 0, "flat: nobody");
	for (u32 k = 0; k < 4; k++) {
		rt_got_none();
		apic_icr(all(), 0x900 | FIXED | VEC);
		hits += rt_bits(rt_received(n, 1)) == 1;
	}
	report_eq(hits, 4, "flat, lowest priority: one CPU each");
	rt_close(n);
	on_all(set_cluster);
	rt_open(n);
	send(0x11, 0x800 | FIXED, 1, "cluster: CPU 0");
	send(0x13, 0x800 | FIXED, 3, "cluster: CPUs 0 and 1");
	send(0x12, 0x800 | FIXED, 2, "cluster: CPU 1");
	send(0x2f, 0x800 | FIXED, all() & ~3u, "cluster: the second cluster");
	send(0x3f, 0x800 | FIXED, 0, "cluster: one that nobody is in");
	rt_close(n);
	on_all(set_flat);
}

/* ---- NMIs ---- */

static volatile u32 ready, done;

static void send_nmi_to_0(void *arg)
{
	u32 id = (u32)(u64)arg;

	while (!done) {
		while (ready != 1 && !done)
			cpu_pause();
		if (done)
			return;
		apic_icr(id, FIXED | 0x400);
		apic_icr(id, FIXED | VEC2); /* behind it */
		ready = 2;
	}
}

/* Two NMIs at the same time, one from this CPU: both are delivered. */
static void two_nmis(const char *m)
{
	u32 bad = 0;

	done = ready = 0;
	rt_on_cpu(1, send_nmi_to_0, (void *)(u64)apic_id());
	sti();
	for (u32 k = 0; k < 100; k++) {
		u64 start = rdtsc();

		nmis[0] = 0;
		flushed = 0;
		ready = 1;
		apic_icr(apic_id(), FIXED | 0x400);
		while ((!flushed || ready != 2) && rdtsc() - start < WAIT)
			cpu_pause();
		bad += nmis[0] != 2;
	}
	cli();
	done = 1;
	rt_wait_cpu(1, WAIT);
	report_eq(bad, 0, "%s: two NMIs at once, 100 times: both come", m);
}

static volatile u64 nmi_rip;
static volatile u32 after_sti;
extern u8 sti_shadow[];

static void on_nmi_rip(struct frame *f)
{
	after_sti += f->rip == (u64)sti_shadow;
	nmis[rt_cpu()]++;
}

static void sti_loop(void *arg)
{
	(void)arg;
	while (!stop) {
		asm volatile(".globl sti_shadow\n\tsti\nsti_shadow: testb $0, (%0)\n\tnop\n\tcli"
		             :
		             : "r"(0xfec00000ull + 0x10)
		             : "memory");
	}
}

static void nmi_and_sti(const char *m)
{
	u32 lost = 0;

	rt_set_handler(EXC_NMI, on_nmi_rip);
	after_sti = stop = 0;
	rt_on_cpu(1, sti_loop, NULL);
	for (u32 k = 0; k < 100; k++) {
		u32 was = nmis[1];

		apic_icr(rt_cpu_apic_id(1), FIXED | 0x400);
		lost += !rt_wait_change(&nmis[1], was, WAIT);
	}
	stop = 1;
	rt_wait_cpu(1, WAIT);
	rt_set_handler(EXC_NMI, on_nmi);
	report_eq(lost, 0, "%s: 100 NMIs to a CPU between STI and CLI", m);
	report_hv(after_sti == 0, "%s: none right after STI (%u)", m, after_sti);
}

static void nmi_all(const char *m)
{
	u32 ok = 0;

	for (u32 i = 0; i < n; i++)
		nmis[i] = 0;
	apic_icr(0, 0xc0000 | FIXED | 0x400);
	for (u32 i = 1; i < n; i++) {
		rt_wait_change(&nmis[i], 0, WAIT);
		ok += nmis[i] == 1;
	}
	report(ok == n - 1 && !nmis[0], "%s: NMI to all excluding self", m);
}

/* ---- modes ---- */

static void to_x2(void *arg)
{
	(void)arg;
	apic_to_x2();
}

static volatile u32 mmio_seen, id_seen;

static void off_and_look(void *arg)
{
	(void)arg;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~0xc00ull);
	for (u32 i = 0; i < 4096; i += 4)
		MMIO32(APIC_PHYS + i) = 0xffffffff;
	mmio_seen = MMIO32(APIC_PHYS + APIC_VER);
	MMIO32(APIC_PHYS + APIC_TPR) = 0;
	id_seen = MMIO32(APIC_PHYS + APIC_TPR);
}

static void on_again(void *arg)
{
	(void)arg;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x800);
	apic_write(APIC_SVR, 0x1ff);
	id_seen = apic_id();
}

static void x2_mmio(void *arg)
{
	(void)arg;
	MMIO32(APIC_PHYS + APIC_TPR) = 0;
	mmio_seen = MMIO32(APIC_PHYS + APIC_VER);
	id_seen = MMIO32(APIC_PHYS + APIC_TPR);
}

/* What a processor cannot do in Bochs: an APIC switched off and on again. */
static void modes_mixed(void)
{
	rt_call_cpu(1, off_and_look, NULL);
	report(mmio_seen == ~0u && id_seen == ~0u, "CPU 1's APIC is off: no registers there (0x%x, 0x%x)", mmio_seen,
	       id_seen);
	report((apic_read(APIC_VER) & 0xf0) == 0x10, "CPU 0 has its APIC there");
	rt_open_one(1);
	send(rt_cpu_apic_id(1), FIXED, 0, "an APIC that is off takes no IPI");
	rt_close(2);
	rt_call_cpu(1, on_again, NULL);
	report_eq(id_seen, rt_cpu_apic_id(1), "on again: its ID");
	rt_call_cpu(1, to_x2, NULL);
	rt_call_cpu(1, x2_mmio, NULL);
	report(mmio_seen == ~0u && id_seen == ~0u, "CPU 1 in x2APIC mode: no registers in memory (0x%x, 0x%x)",
	       mmio_seen, id_seen);
	shorthands("xAPIC to x2APIC");
	rt_call_cpu(1, off_and_look, NULL);
	rt_call_cpu(1, on_again, NULL);
	report_eq(id_seen, rt_cpu_apic_id(1), "from x2APIC over off to xAPIC: its ID");
}

static void clusters_x2(void)
{
	u32 ldr = apic_read(APIC_LDR);

	rt_open(n);
	send(ldr, 0x800 | FIXED, 1, "x2APIC logical: this one");
	send((ldr & 0xffff0000) | 0xffff, 0x800 | FIXED, all(), "x2APIC logical: the whole cluster");
	send((ldr & 0xffff0000) | (0xffff & ~(1u << rt_cpu_apic_id(1))), 0x800 | FIXED, all() & ~2u,
	     "x2APIC logical: all but CPU 1");
	send(0x12340001, 0x800 | FIXED, 0, "x2APIC logical: another cluster");
	rt_close(n);
}

static void some_nmis(const char *m)
{
	nmi_all(m);
	two_nmis(m);
	nmi_and_sti(m);
}

void main(const char *cmdline)
{
	u32 ids[RT_MAX_CPUS];

	apic_init();
	rt_set_handler(VEC, on_ipi);
	rt_set_handler(VEC2, on_vec2);
	rt_set_handler(EXC_NMI, on_nmi);
	n = rt_smp_start(rt_madt_cpus(ids, RT_MAX_CPUS), WAIT);
	if (n < 2) {
		report_skip("one CPU only");
		return;
	}
	shorthands("xAPIC");
	logical();
	some_nmis("xAPIC");
	if (rt_hv())
		modes_mixed();
	else
		report_skip("APICs off and on");
	if (!(cpuid(1, 0).c & CPUID1_ECX_X2APIC)) {
		report_skip("x2APIC");
		return;
	}
	on_all(to_x2);
	shorthands("x2APIC");
	clusters_x2();
	some_nmis("x2APIC");
}
