/* The local APIC: registers, timer modes, IPIs, priorities, EOI, errors; xAPIC, then x2APIC, then the transitions. */
#include "tests/guest/rt/rt.h"

#define VEC_LOW   0x41
#define VEC_HIGH  0x81
#define VEC_TIMER 0x60
#define VEC_ERR   0x70
#define WAIT      20000000ull

static volatile u32 low, high, timer, err;
static volatile u32 order[4], norder;
static bool nest;

static void on_low(struct frame *f)
{
	low++;
	if (norder < 4)
		order[norder++] = VEC_LOW;
	if (nest) { /* a higher vector nests */
		nest = false;
		report(apic_bit(APIC_ISR, VEC_LOW), "ISR holds the vector in service");
		report_eq(apic_read(APIC_PPR) & 0xf0, VEC_LOW & 0xf0, "PPR is its class");
		apic_self_ipi(VEC_LOW + 1);
		apic_self_ipi(VEC_HIGH);
		sti_nop_cli();
		report(high == 1, "a higher class nests");
		report(apic_bit(APIC_IRR, VEC_LOW + 1), "the same class waits in IRR");
	}
	apic_eoi();
}
static void on_high(struct frame *f)
{
	high++;
	if (norder < 4)
		order[norder++] = VEC_HIGH;
	apic_eoi();
}
static void on_timer(struct frame *f)
{
	timer++;
	apic_eoi();
}
static void on_err(struct frame *f)
{
	err++;
	apic_eoi();
}

static void registers(const char *m)
{
	u32 v = apic_read(APIC_VER);
	static const u16 lvts[] = { APIC_LVTT, APIC_LVTTHMR, APIC_LVTPC, APIC_LVT0, APIC_LVT1, APIC_LVTERR };

	report((v & 0xff) >= 0x10 && (v & 0xff) <= 0x15 && (v >> 16 & 0xff) >= 3, "%s: version 0x%x", m, v);
	apic_write(APIC_TPR, 0xa5);
	report_eq(apic_read(APIC_TPR), 0xa5, "%s: TPR", m);
	report_eq(read_cr8(), 0xa, "%s: CR8 is TPR[7:4]", m);
	report_eq(apic_read(APIC_PPR), 0xa5, "%s: PPR follows TPR", m);
	write_cr8(3);
	report_eq(apic_read(APIC_TPR), 0x30, "%s: TPR from CR8", m);
	write_cr8(0);
	for (u32 i = 0; i < ARRAY_SIZE(lvts); i++) {
		u32 old = apic_read(lvts[i]);

		if (i > (v >> 16 & 0xff))
			break;
		apic_write(lvts[i], 0x10055);
		report_eq(apic_read(lvts[i]), 0x10055, "%s: LVT at 0x%x", m, lvts[i]);
		apic_write(lvts[i], old | 0x10000);
	}
	apic_write(APIC_TDCR, 0xb);
	report_eq(apic_read(APIC_TDCR), 0xb, "%s: divide configuration", m);
	apic_write(APIC_SVR, 0x1ef);
	report_eq(apic_read(APIC_SVR) & 0x1ff, 0x1ef, "%s: SVR", m);
	apic_write(APIC_SVR, 0x0ff);
	apic_write(APIC_LVTT, 0x55);
	report_eq(apic_read(APIC_LVTT), 0x10055, "%s: software-disabled APIC keeps LVTs masked", m);
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_LVTT, 0x10000);
}

static void ipis(const char *m)
{
	low = high = norder = 0;
	cli();
	apic_self_ipi(VEC_LOW);
	apic_self_ipi(VEC_HIGH);
	report(apic_bit(APIC_IRR, VEC_LOW) && apic_bit(APIC_IRR, VEC_HIGH), "%s: self-IPIs wait in IRR", m);
	report(!apic_bit(APIC_TMR, VEC_LOW), "%s: edge: TMR bit clear", m);
	sti_nop_cli();
	report(low == 1 && high == 1 && order[0] == VEC_HIGH && order[1] == VEC_LOW, "%s: the higher vector first",
	       m);
	report(!apic_bit(APIC_IRR, VEC_LOW) && !apic_bit(APIC_ISR, VEC_LOW), "%s: IRR and ISR empty", m);
	apic_icr(0, 0x44000 | VEC_LOW); /* shorthand: self */
	sti_nop_cli();
	report_eq(low, 2, "%s: shorthand self", m);
	apic_icr(0, 0x84000 | VEC_LOW); /* all including self */
	sti_nop_cli();
	report_eq(low, 3, "%s: shorthand all including self", m);
	apic_icr(0, 0xc4000 | VEC_LOW); /* all excluding self */
	sti_nop_cli();
	report_eq(low, 3, "%s: shorthand all excluding self", m);
	if (rt_hv()) {
		static const u8 modes[] = { 1, 2, 4, 5, 6 };

		for (u32 i = 0; i < ARRAY_SIZE(modes); i++) { /* INIT to itself above all */
			apic_icr(0, 0x44000u | (u32)modes[i] << 8 | VEC_LOW);
			apic_icr(0, 0x84000u | (u32)modes[i] << 8 | VEC_LOW);
		}
		sti_nop_cli();
		report_eq(low, 3, "%s: shorthands for the sender with other modes than Fixed send nothing", m);
	}
	apic_icr(apic_is_x2() ? 0xffffffff : 0xff, 0x4000 | VEC_LOW);
	sti_nop_cli();
	report_eq(low, 4, "%s: physical broadcast", m);
	apic_icr(apic_id() + 7, 0x4000 | VEC_LOW);
	sti_nop_cli();
	report_eq(low, 4, "%s: nobody there", m);
	if (!apic_is_x2()) {
		apic_write(APIC_DFR, 0xffffffff);
		apic_write(APIC_LDR, 0x02000000);
		apic_icr(2, 0x4800 | VEC_LOW); /* logical, flat */
		sti_nop_cli();
		report_eq(low, 5, "%s: flat logical", m);
		apic_icr(4, 0x4800 | VEC_LOW);
		sti_nop_cli();
		report_eq(low, 5, "%s: flat logical, another's", m);
		apic_write(APIC_DFR, 0x0fffffff);
		apic_write(APIC_LDR, 0x21000000); /* cluster 2, member 0 */
		apic_icr(0x21, 0x4800 | VEC_LOW);
		sti_nop_cli();
		report_eq(low, 6, "%s: cluster logical", m);
		apic_icr(0x31, 0x4800 | VEC_LOW);
		sti_nop_cli();
		report_eq(low, 6, "%s: cluster logical, another cluster", m);
		apic_write(APIC_DFR, 0xffffffff);
		report(!(apic_read(APIC_ICR) & BIT(12)), "%s: delivery status idle", m);
	} else {
		u32 id = apic_id();

		report_hv((apic_read(APIC_LDR)) == ((id >> 4) << 16 | 1u << (id & 15)), "%s: LDR is made from the ID",
		          m);
		apic_icr(apic_read(APIC_LDR), 0x4800 | VEC_LOW);
		sti_nop_cli();
		report_eq(low, 5, "%s: logical", m);
	}
}

static void priorities(const char *m)
{
	u32 was;

	low = high = 0;
	write_cr8(VEC_LOW >> 4);
	apic_self_ipi(VEC_LOW);
	sti_nop_cli();
	report_eq(low, 0, "%s: TPR holds its class back", m);
	apic_self_ipi(VEC_HIGH);
	sti_nop_cli();
	report_eq(high, 1, "%s: a higher class passes", m);
	sti();
	write_cr8(0);
	asm volatile("nop\n\tnop");
	cli();
	report_eq(low, 1, "%s: lower TPR lets it through at once", m);
	apic_write(APIC_TPR, 0xf0);
	apic_self_ipi(VEC_HIGH);
	sti();
	asm volatile("nop");
	was = high;
	apic_write(APIC_TPR, 0x10);
	asm volatile("nop\n\tnop");
	cli();
	report(was == 1 && high == 2, "%s: the same by TPR writes", m);
	apic_write(APIC_TPR, 0);
	low = high = norder = 0;
	nest = true;
	apic_self_ipi(VEC_LOW);
	sti_nop_cli();
	sti_nop_cli();
	report(low == 2 && high == 1 && !nest, "%s: nested service ends", m);
}

static void timers(const char *m)
{
	u64 t, start;
	u32 c1, c2;

	apic_write(APIC_TDCR, 0xb); /* divide by 1 */
	apic_write(APIC_LVTT, VEC_TIMER);
	timer = 0;
	sti();
	apic_write(APIC_TMICT, 20000);
	report(rt_wait_change(&timer, 0, WAIT), "%s: one-shot fires", m);
	rt_delay(200000);
	report(timer == 1 && apic_read(APIC_TMCCT) == 0, "%s: once", m);
	apic_write(APIC_TMICT, 0x10000000);
	c1 = apic_read(APIC_TMCCT);
	rt_delay(10000);
	c2 = apic_read(APIC_TMCCT);
	report(c1 > c2 && c2 > 0 && c1 <= 0x10000000, "%s: current count goes down (0x%x, 0x%x)", m, c1, c2);
	apic_write(APIC_TMICT, 0);
	rt_delay(10000);
	report(apic_read(APIC_TMCCT) == 0 && timer == 1, "%s: count 0 stops it", m);

	timer = 0;
	apic_write(APIC_LVTT, 0x20000 | VEC_TIMER);
	apic_write(APIC_TMICT, 100000);
	start = rdtsc();
	while (timer < 5 && rdtsc() - start < 5 * WAIT)
		cpu_pause();
	report(timer >= 5, "%s: periodic", m);
	cli();
	rt_delay(500000);
	timer = 0;
	sti_nop_cli();
	report(timer >= 1 && timer <= 2, "%s: masked periods collapse into one (%u)", m, timer);
	apic_write(APIC_LVTT, 0x30000 | VEC_TIMER);
	sti_nop_cli();
	timer = 0;
	sti();
	rt_delay(500000);
	report_eq(timer, 0, "%s: masked LVT: no interrupts", m);
	cli();
	apic_write(APIC_TMICT, 0);
	if (!(cpuid(1, 0).c & CPUID1_ECX_DEADLINE)) {
		report_skip("%s: TSC-deadline", m);
		return;
	}
	apic_write(APIC_LVTT, 0x40000 | VEC_TIMER);
	report_hv((rdmsr(MSR_TSC_DEADLINE)) == (0), "%s: TSC_DEADLINE is 0 when idle", m);
	timer = 0;
	sti();
	t = rdtsc() + 300000;
	wrmsr(MSR_TSC_DEADLINE, t);
	report(rdmsr(MSR_TSC_DEADLINE) == t || timer, "%s: TSC_DEADLINE reads back", m);
	report(rt_wait_change(&timer, 0, WAIT), "%s: TSC-deadline fires", m);
	report(rdtsc() >= t, "%s: not before its time", m);
	report_hv((rdmsr(MSR_TSC_DEADLINE)) == (0), "%s: disarmed after it", m);
	wrmsr(MSR_TSC_DEADLINE, 1);
	report(rt_wait_change(&timer, 1, WAIT), "%s: in the past: at once", m);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000);
	wrmsr(MSR_TSC_DEADLINE, 0);
	rt_delay(600000);
	report_eq(timer, 2, "%s: 0 disarms", m);
	apic_write(APIC_TMICT, 1000); /* ignored in this mode */
	report_eq(apic_read(APIC_TMCCT), 0, "%s: current count is 0 in deadline mode", m);
	rt_delay(100000);
	report_eq(timer, 2, "%s: initial count is ignored in deadline mode", m);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000);
	apic_write(APIC_LVTT, VEC_TIMER);
	rt_delay(600000);
	report_eq(timer, 2, "%s: leaving deadline mode disarms", m);
	/* sleeping until the deadline */
	apic_write(APIC_LVTT, 0x40000 | VEC_TIMER);
	cli();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 300000);
	sti_hlt_cli();
	report_eq(timer, 3, "%s: HLT until the deadline", m);
	apic_write(APIC_LVTT, 0x10000);
}

static void errors(const char *m)
{
	err = 0;
	apic_write(APIC_LVTERR, VEC_ERR);
	apic_write(APIC_ESR, 0); /* latches what was detected until now */
	apic_write(APIC_ESR, 0);
	report_hv((apic_read(APIC_ESR)) == (0), "%s: ESR is clear", m);
	apic_icr(0, 0x44000 | 5); /* illegal vector */
	sti_nop_cli();
	apic_write(APIC_ESR, 0);
	report_hv(apic_read(APIC_ESR) & BIT(5), "%s: ESR: send illegal vector", m);
	report_hv(err == 1, "%s: one error interrupt (%u)", m, err);
	apic_write(APIC_ESR, 0);
	report_eq(apic_read(APIC_ESR), 0, "%s: ESR clears", m);
	apic_write(APIC_LVTERR, 0x10000);
}

static void x2_rules(void)
{
	static const u16 ro[] = { 0x802, 0x803, 0x80a, 0x80d, 0x810, 0x818, 0x820, 0x839 };
	u64 v;

	for (u32 i = 0; i < ARRAY_SIZE(ro); i++)
		report_eq((u64)wrmsr_safe(ro[i], 0), EXC_GP + 1, "x2APIC: WRMSR 0x%x (read-only): #GP", ro[i]);
	report_eq((u64)rdmsr_safe(0x80b, &v), EXC_GP + 1, "x2APIC: RDMSR of EOI: #GP");
	report_eq((u64)rdmsr_safe(0x83f, &v), EXC_GP + 1, "x2APIC: RDMSR of SELF IPI: #GP");
	report_eq((u64)rdmsr_safe(0x80e, &v), EXC_GP + 1, "x2APIC: DFR is not there: #GP");
	report_eq((u64)rdmsr_safe(0x831, &v), EXC_GP + 1, "x2APIC: ICR high is not there: #GP");
	report_eq((u64)rdmsr_safe(0x8ff, &v), EXC_GP + 1, "x2APIC: reserved register: #GP");
	report_eq((u64)wrmsr_safe(0x80b, 1), EXC_GP + 1, "x2APIC: EOI of 1: #GP");
	report_eq((u64)wrmsr_safe(0x808, 0x100), EXC_GP + 1, "x2APIC: TPR reserved bits: #GP");
	report_eq((u64)wrmsr_safe(0x808, BIT(32)), EXC_GP + 1, "x2APIC: upper half of TPR: #GP");
	report_eq((u64)wrmsr_safe(0x828, 1), EXC_GP + 1, "x2APIC: ESR of 1: #GP");
	report_hv(((u64)wrmsr_safe(0x83f, 0x100)) == (EXC_GP + 1), "x2APIC: SELF IPI reserved bits: #GP");
	low = 0;
	wrmsr(0x83f, VEC_LOW);
	sti_nop_cli();
	report_eq(low, 1, "x2APIC: SELF IPI register");
	wrmsr(0x830, 0x0000000500004000ull | VEC_LOW);
	report_hv((rdmsr(0x830)) == (0x0000000500004000ull | VEC_LOW), "x2APIC: ICR is one register of 64 bits");
}

static void transitions(void)
{
	u64 base = rdmsr(MSR_APIC_BASE), v;

	report_eq((u64)wrmsr_safe(MSR_APIC_BASE, base & ~BIT(10)), EXC_GP + 1, "x2APIC to xAPIC: #GP");
	report_eq((u64)wrmsr_safe(MSR_APIC_BASE, base & ~BIT(11)), EXC_GP + 1, "EXTD without EN: #GP");
	if (!rt_hv()) {
		/* Bochs cannot enable its APIC again */
		report_skip("APIC off and on: bare machine");
		return;
	}
	for (u32 i = 0; i < 3; i++) {
		report_eq((u64)wrmsr_safe(MSR_APIC_BASE, base & ~0xc00ull), 0, "APIC off");
		report_eq((u64)rdmsr_safe(0x802, &v), EXC_GP + 1, "x2APIC MSRs give #GP while off");
		report_eq(MMIO32(APIC_PHYS + APIC_VER), 0xffffffff, "no registers in memory while off");
		report_eq((u64)wrmsr_safe(MSR_APIC_BASE, (base & ~0xc00ull) | BIT(10)), EXC_GP + 1,
		          "off to EXTD without EN: #GP");
		report_eq((u64)wrmsr_safe(MSR_APIC_BASE, base), EXC_GP + 1, "off to x2APIC at once: #GP");
		report_eq((u64)wrmsr_safe(MSR_APIC_BASE, base & ~BIT(10)), 0, "xAPIC again");
		report_eq((u64)rdmsr_safe(0x802, &v), EXC_GP + 1, "x2APIC MSRs give #GP in xAPIC mode");
		report_eq(apic_read(APIC_SVR), 0xff, "SVR has its reset value");
		apic_init();
		low = 0;
		apic_self_ipi(VEC_LOW);
		sti_nop_cli();
		report_eq(low, 1, "xAPIC works again");
		report(apic_to_x2(), "x2APIC again");
		low = 0;
		apic_self_ipi(VEC_LOW);
		sti_nop_cli();
		report_eq(low, 1, "x2APIC works again");
	}
}

/* The APIC page moved elsewhere and back ("Relocating the Local APIC Registers"). */
static void relocate(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	u32 bad = 0;

	if (!rt_hv()) {
		report_skip("APIC relocation: bare machine");
		return;
	}
	wrmsr(MSR_APIC_BASE, (base & 0xfff) | 0xfee10000);
	report((MMIO32(0xfee10000 + APIC_VER) & 0xff) >= 0x10, "APIC page at FEE10000h");
	wrmsr(MSR_APIC_BASE, base);
	report((MMIO32(APIC_PHYS + APIC_VER) & 0xff) >= 0x10, "APIC page back");
	for (u64 i = 0; i < 3000; i++) {
		u64 to = 0x200000000ull + i * 0x200000; /* each needs a page table of its own */

		wrmsr(MSR_APIC_BASE, (base & 0xfff) | to);
		if (i % 300)
			continue;
		rt_map(0x5000000000, to, PTE_P | PTE_W | PTE_PCD);
		bad += (MMIO32(0x5000000000 + APIC_VER) & 0xff) < 0x10;
	}
	wrmsr(MSR_APIC_BASE, base);
	report_eq(bad, 0, "APIC page at 3000 other places, and back");
	report((MMIO32(APIC_PHYS + APIC_VER) & 0xff) >= 0x10, "APIC page back again");
}

static void mode(const char *m)
{
	registers(m);
	ipis(m);
	priorities(m);
	timers(m);
	errors(m);
}

void main(const char *cmdline)
{
	rt_set_handler(VEC_LOW, on_low);
	rt_set_handler(VEC_LOW + 1, on_low);
	rt_set_handler(VEC_HIGH, on_high);
	rt_set_handler(VEC_TIMER, on_timer);
	rt_set_handler(VEC_ERR, on_err);
	cli();
	apic_init();
	mode("xAPIC");
	relocate();
	if (!apic_to_x2()) {
		report_eq((u64)wrmsr_safe(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(10)), EXC_GP + 1,
		          "x2APIC, where the CPU has none: #GP");
		return;
	}
	mode("x2APIC");
	x2_rules();
	transitions();
}
