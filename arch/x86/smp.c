/* Starting the application processors. SDM vol. 3 "Multiple-Processor (MP) Initialization". */
#include "arch/x86/smp.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/tsc.h"
#include "lib/log.h"
#include "lib/string.h"

#define STACK_SIZE     (16 * 1024)
#define IST_STACK_SIZE (8 * 1024)

struct pcpu **pcpus;
u32 nr_pcpus;

/* Read by arch/x86/trampoline.asm. */
u32 ap_next_index = 1;
u64 *ap_stacks, *ap_fs_blocks;
u64 ap_final_cr3;
void ap_main(u32 index);

extern u64 boot_pml4[];
extern const u8 trampoline_start[], trampoline_end[], trampoline_cr3[];

static const struct smp_mem *mem;
static void (*ap_entry)(void);
static u64 boot_pml4_pa;

static u64 random_canary(void)
{
	u64 v = 0;

	if (cpu_cpuid(1, 0).ecx & BIT(30))
		__asm__ volatile("rdrand %0" : "+r"(v) : : "cc");
	v ^= cpu_rdtsc() * 0x9e3779b97f4a7c15ull;
	return v & ~0xffull; /* a zero byte stops string overflows */
}

static struct pcpu *pcpu_alloc(u32 index)
{
	struct pcpu *p = mem->alloc(sizeof(*p));

	if (!p)
		return NULL;
	p->self = p;
	p->index = index;
	p->canary = random_canary();
	p->stack_top = mem->alloc_stack(STACK_SIZE);
	p->ring = mem->alloc_as_is(sizeof(*p->ring));
	if (!p->stack_top || !p->ring)
		return NULL;
	p->exits = p->ring->rec;
	for (u32 i = 0; i < NR_IST; i++) {
		p->tss.ist[i] = mem->alloc_stack(IST_STACK_SIZE);
		if (!p->tss.ist[i])
			return NULL;
	}
	return p;
}

/*
 * Looks for what the run before left in this ring, and begins it anew. Memory for it is allocated only when there is
 * some, and only after all rings: a later run shall find its rings in the same places.
 */
static void begin_ring(struct pcpu *p)
{
	if (exit_ring_is_left(p->ring, p->index)) {
		p->old_left = true;
		p->old_start_tsc = p->ring->start_tsc;
		p->old_words = mem->alloc(EXIT_RING_WORDS + 1);
		if (p->old_words)
			exit_ring_words(p->ring, p->old_words, EXIT_RING_WORDS + 1);
		p->old_exits = mem->alloc(EXIT_RING_ENTRIES * sizeof(*p->old_exits));
		if (p->old_exits)
			p->nr_old_exits = exit_ring_recover(p->ring, p->old_exits, EXIT_RING_ENTRIES);
	}
	exit_ring_init(p->ring, p->index, mem->start_tsc);
}

/* xAPIC mode reaches 8-bit IDs only: an INIT to ID 100h would go to processor 0. */
static bool startable(const struct acpi_cpu *c, u32 bsp)
{
	return c->apic_id != bsp && (c->flags & ACPI_CPU_ENABLED) && (lapic_is_x2apic() || c->apic_id < 0xff);
}

/* The bootstrap processor may stand anywhere in the firmware's list: it is index 0 here, the others follow in order.
 */
int smp_init(const struct acpi_cpu *cpus, u32 n, const struct smp_mem *m)
{
	u32 bsp = lapic_id(), count = 1;

	mem = m;
	for (u32 i = 0; i < n; i++)
		if (startable(&cpus[i], bsp))
			count++;
		else if (cpus[i].apic_id != bsp && (cpus[i].flags & ACPI_CPU_ENABLED))
			log_warn("smp: APIC ID %u is out of reach in xAPIC mode\n", cpus[i].apic_id);
	pcpus = mem->alloc(count * sizeof(*pcpus));
	ap_stacks = mem->alloc(count * sizeof(*ap_stacks));
	ap_fs_blocks = mem->alloc(count * sizeof(*ap_fs_blocks));
	if (!pcpus || !ap_stacks || !ap_fs_blocks)
		return ERR_NOMEM;
	for (u32 i = 0; i < count; i++) {
		pcpus[i] = pcpu_alloc(i);
		if (!pcpus[i])
			return ERR_NOMEM;
		ap_stacks[i] = pcpus[i]->stack_top;
		ap_fs_blocks[i] = (u64)pcpus[i];
	}
	for (u32 i = 0; i < count; i++)
		begin_ring(pcpus[i]);
	nr_pcpus = count;
	pcpus[0]->apic_id = bsp;
	count = 1;
	for (u32 i = 0; i < n; i++)
		if (startable(&cpus[i], bsp))
			pcpus[count++]->apic_id = cpus[i].apic_id;
	return OK;
}

void ap_main(u32 index)
{
	struct pcpu *p = pcpus[index];

	percpu_load(p);
	lapic_init_cpu();
	/* Indices are taken in order of arrival; the APIC ID is what counts from now on. */
	p->apic_id = lapic_id();
	cpu_write_cr4(cpu_read_cr4() | CR4_PGE);
	ap_entry();
}

static void report_missing(void)
{
	for (u32 i = 1; i < nr_pcpus; i++)
		if (!__atomic_load_n(&pcpus[i]->online, __ATOMIC_ACQUIRE))
			log_warn("smp: CPU %u (of APIC ID %u's kind) did not start within a second; going on without "
			         "it\n",
			         i, pcpus[i]->apic_id);
}

static u32 count_online(void)
{
	u32 n = 0;

	for (u32 i = 1; i < nr_pcpus; i++)
		n += __atomic_load_n(&pcpus[i]->online, __ATOMIC_ACQUIRE);
	return n;
}

u32 smp_start(u64 low_page, void (*entry)(void))
{
	u8 *page = mem->map_low(low_page);
	u32 apic_ids[256];
	u32 n = nr_pcpus - 1;

	if (!n || !page)
		return 0;
	ap_entry = entry;
	ap_final_cr3 = mem->cr3();
	boot_pml4_pa = mem->image_pa(boot_pml4);
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	*(u32 *)(page + (trampoline_cr3 - trampoline_start)) = (u32)boot_pml4_pa;
	n = MIN(n, (u32)ARRAY_SIZE(apic_ids));
	for (u32 i = 0; i < n; i++)
		apic_ids[i] = pcpus[i + 1]->apic_id;
	for (u32 i = 0; i < n; i++)
		lapic_send_init(apic_ids[i]);
	tsc_delay_us(10000);
	for (u32 round = 0; round < 2 && count_online() < n; round++) {
		for (u32 i = 0; i < n; i++)
			lapic_send_startup(apic_ids[i], (u8)(low_page >> 12));
		tsc_delay_us(200);
	}
	for (u32 ms = 0; ms < 1000 && count_online() < n; ms++)
		tsc_delay_us(1000);
	if (count_online() < n)
		report_missing();
	return count_online();
}
