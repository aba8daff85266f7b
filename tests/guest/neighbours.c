/*
 * Guests that share a processor. As "clock" a guest sleeps from tick to tick of a periodic timer, and says whether
 * its registers survived the turns of the others and whether it got its turn in time. As "hog" it does for some time
 * what would keep a processor to itself: run, exit without end, or have exceptions delivered without end. Without a
 * word: the registers over HLT alone. The blob decides who is what (tests/system/cases.py).
 */
#include "tests/guest/rt/rt.h"

#define TICKS   20
#define VEC     0x60
#define PERIOD  10u /* ms */
#define MARK(n) (0x1111000000000000ull * ((n)&7) + 0x123456789000ull + (n))

static volatile u32 ticks;
static volatile u64 stop_at;

static void on_tick(struct frame *f)
{
	ticks++;
	apic_eoi();
}

/* One second of the TSC, from the CPUID leaf or measured against the PIT-driven APIC timer: here, from CPUID 15h. */
static u64 tsc_second(void)
{
	struct regs4 r = cpuid(0x15, 0);

	return r.a && r.b && r.c ? (u64)r.c * r.b / r.a : 100000000;
}

static u32 tick_with_registers(u32 i)
{
	u64 m = MARK(i);
	u32 was = ticks, bad = 0;

	write_cr2(m);
	write_dr0(m + 1);
	write_dr3(m + 2);
	wrmsr(MSR_KGS_BASE, (m & 0x7fffffffffff) + 3);
	wrmsr(MSR_LSTAR, (m & 0x7fffffffffff) + 4);
	while (ticks == was)
		sti_hlt_cli();
	bad |= read_cr2() != m ? 1 : 0;
	bad |= read_dr0() != m + 1 || read_dr3() != m + 2 ? 2 : 0;
	bad |= rdmsr(MSR_KGS_BASE) != (m & 0x7fffffffffff) + 3 || rdmsr(MSR_LSTAR) != (m & 0x7fffffffffff) + 4 ? 4
	                                                                                                       : 0;
	return bad;
}

static void clock_guest(void)
{
	u64 start, took, second = tsc_second();
	u32 bad = 0;

	apic_init();
	rt_set_handler(VEC, on_tick);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | VEC);
	apic_write(APIC_TMICT, cpuid(0x40000010, 0).b * PERIOD); /* EBX: the APIC timer's kHz */
	start = rdtsc();
	for (u32 i = 0; i < TICKS; i++)
		bad |= tick_with_registers(i);
	took = rdtsc() - start;
	apic_write(APIC_LVTT, 0x10000);
	report(!(bad & 1), "CR2 is kept while others run");
	report(!(bad & 2), "debug registers are kept");
	report(!(bad & 4), "KERNEL_GS_BASE and LSTAR are kept");
	report(took < 4 * (second / 100) * TICKS, "%u ticks of 10 ms in %llu ms", TICKS,
	       (unsigned long long)(took / (second / 1000)));
}

/* ---- hogs ---- */

static void hog_exits(void)
{
	while (rdtsc() < stop_at)
		(void)cpuid(0, 0);
}

static void hog_runs(void)
{
	while (rdtsc() < stop_at) {
		write_cr2(0xbad);
		cpu_pause();
	}
}

/* A data breakpoint on the stack that #DB is delivered on: the delivery of each causes the next. */
static void db_loop(struct frame *f)
{
	if (rdtsc() < stop_at)
		return;
	write_dr7(0x400);
}

static u8 db_stack[4096] __aligned(4096);

static void hog_db(void)
{
	/* IST 1 points at the top of the TSS' first interrupt stack: every push of a delivery hits DR0's address. */
	*(u64 *)(rt_tss + 36) = (u64)db_stack + sizeof(db_stack);
	rt_set_gate(EXC_DB, 1, 0);
	rt_set_handler(EXC_DB, db_loop);
	write_dr0((u64)db_stack + sizeof(db_stack) - 40);
	write_dr7(0x402 | 1u << 16 | 2u << 18); /* 8 bytes, writes */
	asm volatile("int1");
}

void gates32(void); /* neighbours_32.c */

static u64 tss_descriptor(const void *tss, u32 limit)
{
	u64 base = (u64)tss;

	return limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
}

static void hog_gates(void)
{
	static u8 tss[2][128] __aligned(128);

	rt_gdt[SEL_FREE / 8] = tss_descriptor(tss[0], 103);
	rt_gdt[SEL_FREE / 8 + 1] = tss_descriptor(tss[1], 16);
	rt_call32(gates32);
}

void main(const char *cmdline)
{
	stop_at = rdtsc() + 2 * tsc_second();
	if (rt_option("hog=run"))
		hog_runs();
	else if (rt_option("hog=exits"))
		hog_exits();
	else if (rt_option("hog=db"))
		hog_db();
	else if (rt_option("hog=gates"))
		hog_gates();
	else
		clock_guest();
}
