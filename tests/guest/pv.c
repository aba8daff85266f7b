/*
 * KVM's paravirtual interfaces (Linux Documentation/virt/kvm/x86: cpuid.rst, msr.rst, hypercalls.rst). Words:
 * "hidden", the hypervisor shows nothing of itself; "smp", there are two vCPUs; "shared", on one CPU.
 */
#include "tests/guest/rt/rt.h"

#define F_CLOCK_OLD BIT(0)
#define F_CLOCK     BIT(3)
#define F_STEAL     BIT(5)
#define F_EOI       BIT(6)
#define F_UNHALT    BIT(7)
#define F_FLUSH     BIT(9)
#define F_IPI       BIT(11)
#define F_YIELD     BIT(13)
#define F_STABLE    BIT(24)

#define MSR_WALL     0x4b564d00u
#define MSR_TIME     0x4b564d01u
#define MSR_ASYNC_PF 0x4b564d02u
#define MSR_STEAL    0x4b564d03u
#define MSR_EOI      0x4b564d04u
#define MSR_WALL_OLD 0x11u
#define MSR_TIME_OLD 0x12u
#define HC_POLL      1
#define HC_KICK      5
#define HC_PAIRING   9
#define HC_IPI       10
#define HC_YIELD     11
#define VEC_IPI      0x51
#define VEC_LOW      0x41
#define VEC_LEVEL    0x61
#define LEVEL_LINE   5
#define AP_PAGE      0x80000ull
#define WAIT         400000000ull
#define SPIN         100000000ull
#define BEYOND       0x900000000ull /* no RAM there */
#define NS_PER_S     1000000000ull

struct time_info {
	u32 version, pad0;
	u64 tsc, system;
	u32 mul;
	s8 shift;
	u8 flags, pad[2];
};
struct wall_clock {
	u32 version, sec, nsec;
};
struct steal {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad8[3];
	u32 pad[11];
};
struct pairing {
	s64 sec, nsec;
	u64 tsc;
	u32 flags, pad[9];
};
_Static_assert(sizeof(struct time_info) == 32 && sizeof(struct steal) == 64 && sizeof(struct pairing) == 64, "KVM's");

static volatile struct time_info time_info[2] __aligned(64);
static volatile struct wall_clock wall __aligned(64);
static volatile struct steal steal[2] __aligned(64);
static volatile struct pairing pairing __aligned(64);
static volatile u32 eoi_word __aligned(64);
static u32 features;

static s64 vmcall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	s64 r;

	asm volatile("vmcall" : "=a"(r) : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3) : "memory");
	return r;
}

static u64 clock_read(volatile struct time_info *t)
{
	u32 version;
	u64 ns;

	do {
		u64 d;

		version = t->version;
		d = rdtsc() - t->tsc;
		d = t->shift >= 0 ? d << t->shift : d >> -t->shift;
		ns = t->system + (u64)((unsigned __int128)d * t->mul >> 32);
	} while ((version & 1) || version != t->version);
	return ns;
}

/* ---- clocks ---- */

static u32 pm_timer(void)
{
	return inl(0x608) & 0xffffff;
}

static void against_pm_timer(void)
{
	u32 p0 = pm_timer(), p;
	u64 a = clock_read(&time_info[0]), b;

	do
		p = (pm_timer() - p0) & 0xffffff;
	while (p < 71591); /* 20 ms */
	b = clock_read(&time_info[0]) - a;
	report(b > 19900000 && b < 20200000, "20 ms of the PM timer are %llu ns of the clock", (unsigned long long)b);
}

static void clock_tests(void)
{
	u64 a, b, back = 0, adj;
	u32 version;

	wrmsr(MSR_TIME, (u64)&time_info[0] | 1);
	report_eq(rdmsr(MSR_TIME), (u64)&time_info[0] | 1, "the system time MSR reads back");
	report(time_info[0].version && !(time_info[0].version & 1) && time_info[0].mul, "system time is filled in");
	report_eq(time_info[0].flags & 1, !!(features & F_STABLE), "the stable flag is as CPUID says");
	a = clock_read(&time_info[0]);
	for (u32 i = 0; i < 50000; i++) {
		b = clock_read(&time_info[0]);
		back += b < a;
		a = b;
		if (i % 1000 == 0)
			(void)inb(0x21);
	}
	report_eq(back, 0, "the clock never goes back");
	against_pm_timer();
	/* A TSC that jumps takes nothing from the clock. */
	if (cpuid(7, 0).b & BIT(1)) {
		adj = rdmsr(MSR_TSC_ADJUST);
		version = time_info[0].version;
		a = clock_read(&time_info[0]);
		wrmsr(MSR_TSC_ADJUST, adj - (1ull << 36));
		b = clock_read(&time_info[0]);
		report(b >= a && b - a < 10000000, "TSC_ADJUST does not show in the clock (%llu ns)",
		       (unsigned long long)(b - a));
		report(time_info[0].version != version, "it was written anew");
		wrmsr(MSR_TSC_ADJUST, adj);
		b = clock_read(&time_info[0]);
		report(b >= a && b - a < 10000000, "nor does the way back");
	}
	wrmsr(MSR_TIME, 0);
	version = time_info[0].version;
	adj = cpuid(7, 0).b & BIT(1) ? rdmsr(MSR_TSC_ADJUST) : 0;
	wrmsr(MSR_TSC, rdtsc());
	report_eq(time_info[0].version, version, "switched off, it is left alone");
	if (cpuid(7, 0).b & BIT(1))
		wrmsr(MSR_TSC_ADJUST, adj); /* as on the other vCPUs again */
	wrmsr(MSR_TIME_OLD, (u64)&time_info[0] | 1);
	report(time_info[0].version != version, "the old number works");
	report_eq(wrmsr_safe(MSR_TIME, BEYOND | 1), 0, "system time outside of RAM is accepted");
	report_eq(wrmsr_safe(MSR_WALL, ~0ull), 0, "a wall clock, too");
	wrmsr(MSR_TIME, (u64)&time_info[0] | 1);
}

static u32 cmos(u8 i)
{
	u8 v;

	outb(0x70, i);
	v = inb(0x71);
	return (v >> 4) * 10u + (v & 15);
}

/* Seconds of the day by the RTC, read twice alike. */
static u32 rtc_seconds(void)
{
	u32 a, b = ~0u;

	do {
		a = b;
		b = cmos(4) * 3600 + cmos(2) * 60 + cmos(0);
	} while (a != b);
	return a;
}

static void wall_tests(void)
{
	u64 now, sec;
	u32 rtc, version;
	s64 diff;

	wrmsr(MSR_WALL, (u64)&wall);
	report(wall.version && !(wall.version & 1) && wall.nsec < NS_PER_S, "the wall clock is filled in");
	rtc = rtc_seconds();
	now = wall.sec * NS_PER_S + wall.nsec + clock_read(&time_info[0]);
	diff = (s64)(now / NS_PER_S % 86400) - rtc;
	report(diff >= -2 && diff <= 2, "it agrees with the RTC to %lld s", (long long)diff);
	version = wall.version;
	sec = wall.sec;
	wrmsr(MSR_WALL_OLD, (u64)&wall);
	report(wall.version != version && wall.sec == sec, "the old number gives the same start of the guest");
	report_eq((u64)vmcall(HC_PAIRING, (u64)&pairing, 0, 0, 0), 0, "clock pairing");
	now = (u64)pairing.sec * NS_PER_S + (u64)pairing.nsec - wall.sec * NS_PER_S - wall.nsec;
	sec = clock_read(&time_info[0]);
	report(now <= sec && sec - now < 10000000, "it agrees with clock and wall clock (%lld ns)",
	       (long long)(sec - now));
	report(pairing.tsc <= rdtsc() && rdtsc() - pairing.tsc < 50000000, "its TSC value is the guest's");
	report_eq((u64)vmcall(HC_PAIRING, (u64)&pairing, 1, 0, 0), (u64)-95, "no other clock is paired");
	report_eq((u64)vmcall(HC_PAIRING, BEYOND, 0, 0, 0), (u64)-14, "nor any address taken");
}

/* ---- EOI ---- */

static volatile u32 ipis, lows, levels, elided;
static bool hold; /* the handler leaves a lower vector pending */

/* As a kernel does it: the bit is tested and cleared by one instruction. */
static void pv_eoi(void)
{
	u8 was;

	asm volatile("btrl $0, %1\n\tsetc %0" : "=q"(was), "+m"(eoi_word) : : "cc", "memory");
	if (was)
		elided++;
	else
		apic_eoi();
}

static void on_ipi(struct frame *f)
{
	ipis++;
	if (hold)
		apic_self_ipi(VEC_LOW);
	pv_eoi();
}

static void on_low(struct frame *f)
{
	lows++;
	pv_eoi();
}

static void on_level(struct frame *f)
{
	levels++;
	report_eq(eoi_word & 1, 0, "a level-triggered interrupt wants its EOI written");
	outb(0x2000 + LEVEL_LINE, 0);
	pv_eoi();
}

static void eoi_tests(void)
{
	u64 val;

	if (!(features & F_EOI)) {
		report_eq((u64)wrmsr_safe(MSR_EOI, (u64)&eoi_word | 1), EXC_GP + 1, "PV EOI is not offered: #GP");
		report_eq((u64)rdmsr_safe(MSR_EOI, &val), EXC_GP + 1, "also for reading");
		return;
	}
	wrmsr(MSR_EOI, (u64)&eoi_word | 1);
	report_eq(rdmsr(MSR_EOI), (u64)&eoi_word | 1, "the EOI MSR reads back");
	ipis = elided = 0;
	for (u32 i = 0; i < 100; i++) {
		apic_self_ipi(VEC_IPI);
		sti_nop_cli();
	}
	report_eq(ipis, 100, "100 interrupts come");
	report_eq(elided, 100, "no EOI of them is written");
	report(!apic_bit(APIC_ISR, VEC_IPI) && !(eoi_word & 1), "nothing stays in service");
	/* One behind the other: the first EOI has to let the second through. */
	ipis = lows = elided = 0;
	hold = true;
	apic_self_ipi(VEC_IPI);
	sti_nop_cli();
	sti_nop_cli();
	hold = false;
	report(ipis == 1 && lows == 1, "an interrupt behind another comes after its EOI");
	report_eq(elided, 1, "whose EOI had to be written");
	/* Two at once, the lower waits for the EOI of the higher. */
	ipis = lows = elided = 0;
	apic_self_ipi(VEC_LOW);
	apic_self_ipi(VEC_IPI);
	sti_nop_cli();
	sti_nop_cli();
	report(ipis == 1 && lows == 1 && elided == 1, "two at once, the same (%u %u %u)", ipis, lows, elided);
	/* A guest that writes the EOI all the same. */
	report(!apic_bit(APIC_ISR, VEC_IPI) && !apic_bit(APIC_ISR, VEC_LOW), "nothing stays in service");
	ioapic_set_rte(LEVEL_LINE, VEC_LEVEL | 0x8000 | (u64)apic_id() << 56);
	outb(0x2000 + LEVEL_LINE, 1);
	sti_nop_cli();
	report(levels == 1 && !(ioapic_rte(LEVEL_LINE) & 0x4000), "and gets to the I/O APIC");
	ioapic_set_rte(LEVEL_LINE, 0x10000);
	report_eq((u64)wrmsr_safe(MSR_EOI, (u64)&eoi_word | 3), EXC_GP + 1, "the reserved bit: #GP");
	report_eq((u64)wrmsr_safe(MSR_EOI, BEYOND | 1), EXC_GP + 1, "a word outside of RAM: #GP");
	wrmsr(MSR_EOI, 0);
	ipis = elided = 0;
	apic_self_ipi(VEC_IPI);
	sti_nop_cli();
	report(ipis == 1 && elided == 0, "switched off");
}

/* ---- hypercalls ---- */

static u64 user_call(u64 nr)
{
	return (u64)vmcall(nr, 0, 0, 0, 0);
}

static void call_tests(void)
{
	u64 self = apic_id();

	report_eq((u64)vmcall(HC_POLL, 0, 0, 0, 0), 0, "VAPIC_POLL_IRQ");
	report_eq((u64)vmcall(77, 0, 0, 0, 0), (u64)-1000, "an unknown hypercall");
	report_eq((u64)vmcall(1ull << 32 | HC_POLL, 0, 0, 0, 0), (u64)-1000, "all of RAX counts");
	rt_run_user(user_call, HC_POLL, 2);
	report_eq(rt_user_result, (u64)-1, "not for user mode");
	ipis = 0;
	report_eq((u64)vmcall(HC_IPI, 1, 0, self, VEC_IPI), 1, "SEND_IPI to this vCPU");
	sti_nop_cli();
	report_eq(ipis, 1, "it came");
	report_eq((u64)vmcall(HC_IPI, ~0ull, ~0ull, 200, VEC_IPI), 0, "to vCPUs that are not there");
	report_eq((u64)vmcall(HC_IPI, 1, 0, self, 0x800 | VEC_IPI), (u64)-22, "a logical destination");
	report_eq((u64)vmcall(HC_IPI, 1, 0, self, 0x40000 | VEC_IPI), (u64)-22, "a shorthand");
	report_eq((u64)vmcall(HC_YIELD, self, 0, 0, 0), 0, "SCHED_YIELD");
	report_eq((u64)vmcall(HC_YIELD, 200, 0, 0, 0), 0, "to nobody");
	/* With interrupts off only the kick ends it; else the run ends by its timeout. */
	report_eq((u64)vmcall(HC_KICK, 0, self, 0, 0), 0, "KICK_CPU");
	asm volatile("hlt");
	report(true, "HLT after it goes on");
}

static void refusals(void)
{
	u64 val;

	report_eq((u64)wrmsr_safe(MSR_ASYNC_PF, 0), EXC_GP + 1, "async page faults are not offered: #GP");
	report_eq((u64)rdmsr_safe(0x4b564d05, &val), EXC_GP + 1, "nor poll control");
	report_eq((u64)wrmsr_safe(MSR_STEAL, (u64)&steal[0] | 3), EXC_GP + 1, "reserved bits of steal time: #GP");
	report_eq((u64)wrmsr_safe(MSR_STEAL, BEYOND | 1), 0, "steal time outside of RAM is accepted");
	wrmsr(MSR_STEAL, (u64)&steal[0] | 1);
	report_eq(rdmsr(MSR_STEAL), (u64)&steal[0] | 1, "the steal time MSR reads back");
	report_eq(steal[0].preempted, 0, "this vCPU is running");
}

static void hidden_tests(void)
{
	static const u32 msrs[] = { MSR_WALL, MSR_TIME, MSR_STEAL, MSR_EOI, MSR_WALL_OLD, MSR_TIME_OLD };
	struct regs4 top = cpuid(cpuid(0, 0).a, 0), r = cpuid(0x40000000, 0);
	u64 val;

	report(!(cpuid(1, 0).c & CPUID1_ECX_HV), "no hypervisor bit");
	report(r.a == top.a && r.b == top.b && r.c == top.c, "no leaf 40000000h");
	r = cpuid(0x40000001, 0);
	report(r.a == top.a && r.b == top.b && r.c == top.c, "no leaf 40000001h");
	report_eq((u64)TRY("vmcall", : : "a"(HC_POLL) : "memory"), EXC_UD, "VMCALL: #UD");
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		report_eq((u64)rdmsr_safe(msrs[i], &val), EXC_GP + 1, "RDMSR %x: #GP", msrs[i]);
		report_eq((u64)wrmsr_safe(msrs[i], 0), EXC_GP + 1, "WRMSR %x: #GP", msrs[i]);
	}
}

/* ---- two vCPUs ---- */

extern u8 ap_start[], ap_start_end[];
void ap_main(void);

enum { JOB_NONE, JOB_WARP, JOB_HALT_FOR_KICK, JOB_HALT_FOR_IPI, JOB_SPIN };
static volatile u32 job, done, ap_ipis;
static volatile u32 ap_id, ap_up;
static volatile u64 *window; /* a page whose mapping changes under the second vCPU */
static volatile u64 ap_saw;
static volatile u64 ap_tsc_adjust;

static volatile u32 lock;
static u64 last_tsc, last_ns, tsc_warps, ns_warps;

static void warp_step(u32 cpu)
{
	u64 t, ns;

	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		cpu_pause();
	t = rdtsc();
	tsc_warps += t < last_tsc;
	last_tsc = t;
	ns = clock_read(&time_info[cpu]);
	ns_warps += ns < last_ns;
	last_ns = ns;
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void on_ap_ipi(struct frame *f)
{
	if (apic_id() == ap_id)
		ap_ipis++;
	else
		ipis++;
	apic_eoi();
}

static void ap_job(u32 what)
{
	switch (what) {
	case JOB_WARP:
		for (u32 i = 0; i < 20000; i++)
			warp_step(1);
		break;
	case JOB_HALT_FOR_KICK: asm volatile("hlt"); break;
	case JOB_HALT_FOR_IPI:
		ap_saw = *window;
		done = JOB_NONE + 100; /* seen the old mapping */
		sti_hlt_cli();
		ap_saw = *window;
		break;
	case JOB_SPIN:
		for (u64 t = rdtsc(); rdtsc() - t < SPIN;)
			;
		break;
	default: break;
	}
}

void ap_main(void)
{
	if (cpuid(7, 0).b & BIT(1))
		ap_tsc_adjust = rdmsr(MSR_TSC_ADJUST);
	apic_write(APIC_SVR, 0x1ff);
	wrmsr(MSR_TIME, (u64)&time_info[1] | 1);
	wrmsr(MSR_STEAL, (u64)&steal[1] | 1);
	ap_id = apic_id();
	ap_up = 1;
	for (;;) {
		u32 what;

		while ((what = job) == JOB_NONE)
			sti_nop_cli(), cpu_pause();
		job = JOB_NONE;
		ap_job(what);
		done = what;
	}
}

static bool wait_done(u32 what)
{
	u64 start = rdtsc();

	while (done != what) {
		if (rdtsc() - start > 4 * WAIT)
			return false;
		cpu_pause();
	}
	return true;
}

static void give(u32 what)
{
	done = JOB_NONE;
	job = what;
}

static bool start_ap(void)
{
	u64 start = rdtsc();

	memcpy((void *)AP_PAGE, ap_start, (size_t)(ap_start_end - ap_start));
	apic_icr(1, 0x4500); /* INIT */
	rt_delay(1000000);
	apic_icr(1, 0x4600 | AP_PAGE >> 12);
	rt_delay(1000000);
	if (!ap_up)
		apic_icr(1, 0x4600 | AP_PAGE >> 12);
	while (!ap_up && rdtsc() - start < 4 * WAIT)
		cpu_pause();
	return report(ap_up, "the second vCPU starts");
}

/* Until the second vCPU has left its CPU. */
static bool wait_preempted(void)
{
	for (u64 start = rdtsc(); !steal[1].preempted; cpu_pause())
		if (rdtsc() - start > 4 * WAIT)
			return false;
	return true;
}

static void flush_test(void)
{
	u64 *a = rt_page(), *b = rt_page();
	const u64 va = 0x7f000000000ull;
	u8 one = 1;

	*a = 0xaaaa;
	*b = 0xbbbb;
	rt_map(va, (u64)a, PTE_P | PTE_W);
	window = (volatile u64 *)va;
	give(JOB_HALT_FOR_IPI);
	report(wait_done(JOB_NONE + 100) && ap_saw == 0xaaaa, "the second vCPU sees a page");
	report(wait_preempted() && steal[1].preempted == 1, "halted, it counts as preempted");
	rt_map(va, (u64)b, PTE_P | PTE_W);
	report(__atomic_compare_exchange_n(&steal[1].preempted, &one, 3, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST),
	       "its flush is left to the hypervisor");
	ap_ipis = 0;
	report_eq((u64)vmcall(HC_IPI, 1, 0, ap_id, VEC_IPI), 1, "SEND_IPI to it");
	report(wait_done(JOB_HALT_FOR_IPI) && ap_ipis == 1, "it wakes");
	report_eq(ap_saw, 0xbbbb, "and sees the page's new mapping");
	if (!rt_option("shared")) /* there it may be waiting */
		report_eq(steal[1].preempted, 0, "it counts as running");
}

/* Both compute at once on one CPU: each runs half of the time and is stolen the other half. */
static void steal_test(void)
{
	u64 before[2] = { steal[0].steal, steal[1].steal }, start, ns;

	ns = clock_read(&time_info[0]);
	give(JOB_SPIN);
	for (start = rdtsc(); rdtsc() - start < SPIN;)
		;
	report(wait_done(JOB_SPIN), "both compute on one CPU");
	ns = clock_read(&time_info[0]) - ns;
	for (u32 i = 0; i < 2; i++) {
		u64 stolen = steal[i].steal - before[i];

		report(stolen > ns * 2 / 5 && stolen < ns * 3 / 5, "vCPU %u is stolen %llu of %llu us", i,
		       (unsigned long long)stolen / 1000, (unsigned long long)ns / 1000);
		report(!(steal[i].version & 1), "and told so in order");
	}
}

static void smp_tests(void)
{
	u64 start;

	rt_set_handler(VEC_IPI, on_ap_ipi);
	if (!start_ap())
		return;
	report_eq(ap_tsc_adjust, 0, "its TSC_ADJUST is 0");
	report(time_info[1].tsc == time_info[0].tsc && time_info[1].system == time_info[0].system,
	       "both clocks start from the same point");
	give(JOB_WARP);
	for (u32 i = 0; i < 20000; i++)
		warp_step(0);
	report(wait_done(JOB_WARP), "readings in turn");
	report_eq(tsc_warps, 0, "TSC warps between the vCPUs");
	report_eq(ns_warps, 0, "clock warps between the vCPUs");
	ipis = ap_ipis = 0;
	report_eq((u64)vmcall(HC_IPI, 3, 0, 0, VEC_IPI), 2, "SEND_IPI to both");
	for (start = rdtsc(); (!ipis || !ap_ipis) && rdtsc() - start < WAIT;)
		sti_nop_cli();
	report(ipis == 1 && ap_ipis == 1, "both get it");
	give(JOB_HALT_FOR_KICK);
	report(wait_preempted(), "the second vCPU halts with interrupts off");
	report_eq(done, JOB_NONE, "it does not go on by itself");
	report_eq((u64)vmcall(HC_KICK, 0, ap_id, 0, 0), 0, "KICK_CPU for it");
	report(wait_done(JOB_HALT_FOR_KICK), "it goes on");
	flush_test();
	if (rt_option("shared"))
		steal_test();
}

void main(const char *cmdline)
{
	struct regs4 r = cpuid(0x40000000, 0);

	if (rt_option("hidden")) {
		hidden_tests();
		return;
	}
	if (!rt_hv() || r.b != 0x4b4d564b || r.c != 0x564b4d56 || r.d != 0x4d) {
		report_skip("no KVM signature");
		return;
	}
	features = cpuid(0x40000001, 0).a;
	rt_printf("features 0x%x\n", features);
	report((features & (F_CLOCK | F_STEAL | F_UNHALT | F_FLUSH | F_IPI | F_YIELD | F_STABLE)) ==
	               (F_CLOCK | F_STEAL | F_UNHALT | F_FLUSH | F_IPI | F_YIELD | F_STABLE),
	       "what needs nothing of the processor is offered");
	report(!(features & ~0x1002aebu), "and nothing that does not work");
	apic_init();
	rt_set_handler(VEC_IPI, on_ipi);
	rt_set_handler(VEC_LOW, on_low);
	rt_set_handler(VEC_LEVEL, on_level);
	clock_tests();
	wall_tests();
	eoi_tests();
	refusals();
	call_tests();
	if (rt_option("smp"))
		smp_tests();
}
