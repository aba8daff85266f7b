/* The physical local APIC (xAPIC MMIO or x2APIC MSRs), I/O APIC routing, 8259A off. */
#include "arch/x86/lapic.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"
#include "arch/x86/trap.h"
#include "arch/x86/tsc.h"
#include "lib/log.h"

#define APIC_BASE_EN     BIT(11)
#define APIC_BASE_EXTD   BIT(10)
#define APIC_BASE_ADDR   0x000ffffffffff000ull
#define REG_ID           0x20
#define REG_TPR          0x80
#define REG_EOI          0xb0
#define REG_SVR          0xf0
#define REG_ESR          0x280
#define REG_ICR          0x300
#define REG_ICR_HIGH     0x310
#define REG_LVT_CMCI     0x2f0
#define REG_LVT_TIMER    0x320
#define REG_LVT_THERMAL  0x330
#define REG_LVT_PMC      0x340
#define REG_LVT_LINT0    0x350
#define REG_LVT_LINT1    0x360
#define REG_LVT_ERROR    0x370
#define REG_TIMER_INIT   0x380
#define REG_TIMER_CUR    0x390
#define REG_TIMER_DIV    0x3e0
#define LVT_MASKED       BIT(16)
#define LVT_NMI          (4u << 8)
#define LVT_TSC_DEADLINE (2u << 17)
#define ICR_NMI          (4u << 8)
#define ICR_INIT         (5u << 8)
#define ICR_STARTUP      (6u << 8)
#define ICR_ASSERT       (1u << 14)
#define ICR_PENDING      (1u << 12)
#define ICR_OTHERS       (3u << 18) /* shorthand: all but this one */

static volatile u32 *xapic; /* NULL in x2APIC mode */
static bool tsc_deadline;
static u64 counts_per_ns; /* of the TSC or, without its deadline, of the timer with divider 1; 32 bits of fraction */

static u32 apic_read(u32 reg)
{
	return xapic ? xapic[reg / 4] : (u32)cpu_rdmsr(MSR_X2APIC + reg / 16);
}

static void apic_write(u32 reg, u32 v)
{
	if (xapic)
		xapic[reg / 4] = v;
	else
		cpu_wrmsr(MSR_X2APIC + reg / 16, v);
}

void lapic_init_bsp(void *(*map_mmio)(u64 pa, u64 len), bool want_x2apic)
{
	u64 base = cpu_rdmsr(MSR_APIC_BASE);
	bool x2 = cpu_cpuid(1, 0).ecx & BIT(21);

	/* Firmware may have chosen x2APIC already; going back would pass through "disabled", so stay. */
	if (!(x2 && (want_x2apic || (base & APIC_BASE_EXTD))))
		xapic = map_mmio(base & APIC_BASE_ADDR, PAGE_SIZE);
	tsc_deadline = cpu_cpuid(1, 0).ecx & BIT(24);
}

void lapic_init_cpu(void)
{
	u64 base = cpu_rdmsr(MSR_APIC_BASE);

	if (!(base & APIC_BASE_EN))
		base |= APIC_BASE_EN;
	cpu_wrmsr(MSR_APIC_BASE, base);
	if (!xapic && !(base & APIC_BASE_EXTD))
		cpu_wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
	apic_write(REG_TPR, 0);
	/* First: while it is software-disabled no LVT can be unmasked. */
	apic_write(REG_SVR, 0x100 | VEC_SPURIOUS);
	/* One-shot, or waiting for a deadline: silent until it is given one. */
	apic_write(REG_TIMER_INIT, 0);
	apic_write(REG_TIMER_DIV, 0xb);
	apic_write(REG_LVT_TIMER, (tsc_deadline ? LVT_TSC_DEADLINE : 0) | VEC_TIMER);
	apic_write(REG_LVT_LINT0, LVT_MASKED);
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_LVT_ERROR, LVT_MASKED | VEC_ERROR);
	__asm__ volatile("mfence" ::: "memory"); /* between the LVT and a write of the deadline's MSR */
}

u32 lapic_id(void)
{
	u32 v = apic_read(REG_ID);

	return xapic ? v >> 24 : v;
}

bool lapic_is_x2apic(void)
{
	return !xapic;
}

void lapic_eoi(void)
{
	apic_write(REG_EOI, 0);
}

static void icr_write(u32 apic_id, u32 cmd)
{
	if (!xapic) {
		/* WRMSR to the x2APIC range is not serializing: order earlier stores before the IPI. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		cpu_wrmsr(MSR_X2APIC + REG_ICR / 16, (u64)apic_id << 32 | cmd);
		return;
	}
	for (u32 i = 0; i < 100000 && (xapic[REG_ICR / 4] & ICR_PENDING); i++)
		cpu_pause();
	xapic[REG_ICR_HIGH / 4] = apic_id << 24;
	xapic[REG_ICR / 4] = cmd;
}

void lapic_send_ipi(u32 apic_id, u8 vector)
{
	icr_write(apic_id, ICR_ASSERT | vector);
}

void lapic_send_nmi_others(void)
{
	icr_write(0, ICR_ASSERT | ICR_NMI | ICR_OTHERS);
}

void lapic_send_init(u32 apic_id)
{
	icr_write(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_send_startup(u32 apic_id, u8 page)
{
	icr_write(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

static u64 per_ns(u64 hz)
{
	return (u64)(((unsigned __int128)hz << 32) / 1000000000);
}

void lapic_timer_calibrate(u64 tsc_hz)
{
	u64 t0, t1, hz;
	u32 c0, c1;

	counts_per_ns = per_ns(tsc_hz);
	if (tsc_deadline)
		return;
	apic_write(REG_TIMER_INIT, 0xffffffff);
	t0 = cpu_rdtsc();
	c0 = apic_read(REG_TIMER_CUR);
	do
		t1 = cpu_rdtsc();
	while (t1 - t0 < tsc_hz / 200);
	c1 = apic_read(REG_TIMER_CUR);
	apic_write(REG_TIMER_INIT, 0);
	hz = (u64)(c0 - c1) * 200;
	counts_per_ns = per_ns(hz);
	log_debug("lapic: timer %lu Hz\n", hz);
}

void lapic_timer_oneshot(u64 ns)
{
	u64 count = ns ? (u64)((unsigned __int128)ns * counts_per_ns >> 32) + 1 : 0;

	if (tsc_deadline)
		cpu_wrmsr(MSR_TSC_DEADLINE, ns ? cpu_rdtsc() + count : 0);
	else
		apic_write(REG_TIMER_INIT, (u32)MIN(count, 0xffffffff));
}

static void ioapic_write(volatile u32 *mmio, u32 reg, u32 v)
{
	mmio[0] = reg;
	mmio[4] = v;
}

void ioapic_route(volatile u32 *mmio, u32 pin, u8 vector, u32 dest, bool level, bool low)
{
	ioapic_write(mmio, 0x11 + pin * 2, dest << 24);
	ioapic_write(mmio, 0x10 + pin * 2, vector | (low ? 1u << 13 : 0) | (level ? 1u << 15 : 0));
}

void ioapic_mask_all(volatile u32 *mmio)
{
	u32 pins;

	mmio[0] = 1;
	pins = (mmio[4] >> 16 & 0xff) + 1;
	for (u32 i = 0; i < pins; i++)
		ioapic_write(mmio, 0x10 + i * 2, 1u << 16);
}

void pic8259_disable(void)
{
	/* Move the vectors out of the exceptions' way first: a spurious IRQ 7 can come even when masked. */
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, 0xe0);
	outb(0xa1, 0xe8);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}
