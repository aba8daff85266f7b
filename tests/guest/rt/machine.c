/* Page tables, time, random numbers, local APIC, PICs, IOAPIC. */
#include "tests/guest/rt/rt.h"

#define POOL_PAGES 256
static u8 pool[POOL_PAGES][4096] __aligned(4096);
static u32 pool_used;

void *rt_page(void)
{
	if (pool_used == POOL_PAGES) {
		report(false, "page pool is empty");
		rt_finish();
	}
	return memset(pool[pool_used++], 0, 4096);
}

static u64 *next_level(u64 *entry)
{
	if (!(*entry & PTE_P))
		*entry = (u64)rt_page() | PTE_P | PTE_W | PTE_U;
	return (u64 *)(*entry & 0xffffffffff000ull);
}

static u64 *walk(u64 va)
{
	u64 *pdpt = next_level(&rt_pml4[va >> 39 & 511]);
	u64 *pd = next_level(&pdpt[va >> 30 & 511]);
	u64 *pde = &pd[va >> 21 & 511];

	if (*pde & PTE_PS) {
		u64 *pt = rt_page();
		u64 old = *pde;

		for (u32 i = 0; i < 512; i++)
			pt[i] = (old & ~PTE_PS) + i * PAGE_SIZE;
		*pde = (u64)pt | PTE_P | PTE_W | PTE_U;
		write_cr3(read_cr3());
	}
	return next_level(pde) + (va >> 12 & 511);
}

u64 *rt_pte(u64 va)
{
	return walk(va);
}

void rt_map(u64 va, u64 pa, u64 flags)
{
	*walk(va) = (pa & ~0xfffull) | flags;
	invlpg(va);
}

bool rt_wait_change(volatile u32 *p, u32 was, u64 max)
{
	u64 start = rdtsc();

	while (*p == was && rdtsc() - start < max)
		cpu_pause();
	return *p != was;
}

void rt_delay(u64 ticks)
{
	u64 start = rdtsc();

	while (rdtsc() - start < ticks)
		cpu_pause();
}

u64 rt_random(void)
{
	static u64 x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* ---- local APIC ---- */

bool apic_is_x2(void)
{
	return (rdmsr(MSR_APIC_BASE) & 0xc00) == 0xc00;
}

bool apic_to_x2(void)
{
	if (!(cpuid(1, 0).c & CPUID1_ECX_X2APIC))
		return false;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	return true;
}

u32 apic_read(u32 reg)
{
	if (apic_is_x2())
		return (u32)rdmsr(0x800 + (reg >> 4));
	return MMIO32(APIC_PHYS + reg);
}

void apic_write(u32 reg, u32 val)
{
	if (apic_is_x2())
		wrmsr(0x800 + (reg >> 4), val);
	else
		MMIO32(APIC_PHYS + reg) = val;
}

void apic_icr(u32 dest, u32 low)
{
	if (apic_is_x2()) {
		wrmsr(0x830, (u64)dest << 32 | low);
		return;
	}
	MMIO32(APIC_PHYS + APIC_ICR2) = dest << 24;
	MMIO32(APIC_PHYS + APIC_ICR) = low;
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return apic_is_x2() ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_self_ipi(u8 vector)
{
	apic_icr(apic_id(), 0x4000u | vector);
}

bool apic_bit(u32 reg, u8 vector)
{
	return apic_read(reg + vector / 32 * 0x10) >> (vector % 32) & 1;
}

static void spurious(struct frame *f)
{
	(void)f;
}

void apic_init(void)
{
	rt_set_handler(0xff, spurious);
	pic_init();
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_LVTT, 0x10000);
	apic_write(APIC_LVT0, 0x10000);
	apic_write(APIC_LVT1, 0x10000);
	apic_write(APIC_LVTERR, 0x10000);
	apic_write(APIC_TPR, 0);
}

/* ---- PICs, IOAPIC ---- */

void pic_init(void)
{
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, 0x28);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	rt_set_handler(0x27, spurious);
	rt_set_handler(0x2f, spurious);
}

#define IOAPIC 0xfec00000ull

u32 ioapic_read(u32 reg)
{
	MMIO32(IOAPIC) = reg;
	return MMIO32(IOAPIC + 0x10);
}

void ioapic_write(u32 reg, u32 val)
{
	MMIO32(IOAPIC) = reg;
	MMIO32(IOAPIC + 0x10) = val;
}

u64 ioapic_rte(u32 pin)
{
	return ioapic_read(0x10 + pin * 2) | (u64)ioapic_read(0x11 + pin * 2) << 32;
}

void ioapic_set_rte(u32 pin, u64 rte)
{
	ioapic_write(0x10 + pin * 2, 0x10000); /* masked while it changes */
	ioapic_write(0x11 + pin * 2, (u32)(rte >> 32));
	ioapic_write(0x10 + pin * 2, (u32)rte);
}
