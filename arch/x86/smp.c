/* Starting the application processors. SDM vol. 3 "Multiple-Processor (MP) Initialization". */
#include "arch/x86/smp.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/tsc.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "lib/string.h"

#define STACK_SIZE     (16 * 1024)
#define IST_STACK_SIZE (8 * 1024)

struct pcpu **pcpus;
u32 nr_pcpus;

/* Read by arch/x86/trampoline.asm: by the index in ap_apic_ids of its own, a processor finds the others. */
u32 ap_count;
u32 *ap_apic_ids;
u64 *ap_stacks, *ap_fs_blocks;
u64 ap_final_cr3;
void ap_main(u32 index);

extern const u8 trampoline_start[], trampoline_end[], trampoline_cr3[];

static const struct smp_mem *mem;
static void (*ap_entry)(void);

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

static u32 count_startable(const struct acpi_cpu *cpus, u32 n, u32 bsp)
{
	u32 count = 1;

	for (u32 i = 0; i < n; i++)
		if (startable(&cpus[i], bsp))
			count++;
		else if (cpus[i].apic_id != bsp && (cpus[i].flags & ACPI_CPU_ENABLED))
			log_warn("smp: APIC ID %u is out of reach in xAPIC mode\n", cpus[i].apic_id);
	if (count > SMP_MAX_CPUS)
		log_warn("smp: the machine has %u processors: %u are used\n", count, SMP_MAX_CPUS);
	return MIN(count, (u32)SMP_MAX_CPUS);
}

/*
 * The bootstrap processor may stand anywhere in the firmware's list: it is index 0 here, the others follow in order,
 * so that a CPU has the same number at each boot: guests are pinned by it.
 */
int smp_init(const struct acpi_cpu *cpus, u32 n, const struct smp_mem *m)
{
	u32 bsp = lapic_id(), count = count_startable(cpus, n, bsp), next = 1;

	mem = m;
	pcpus = mem->alloc(count * sizeof(*pcpus));
	ap_apic_ids = mem->alloc(count * sizeof(*ap_apic_ids));
	ap_stacks = mem->alloc(count * sizeof(*ap_stacks));
	ap_fs_blocks = mem->alloc(count * sizeof(*ap_fs_blocks));
	if (!pcpus || !ap_apic_ids || !ap_stacks || !ap_fs_blocks)
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
	nr_pcpus = ap_count = count;
	ap_apic_ids[0] = pcpus[0]->apic_id = bsp;
	for (u32 i = 0; i < n && next < count; i++)
		if (startable(&cpus[i], bsp))
			ap_apic_ids[next++] = cpus[i].apic_id;
	for (u32 i = 1; i < count; i++)
		pcpus[i]->apic_id = ap_apic_ids[i];
	return OK;
}

void ap_main(u32 index)
{
	struct pcpu *p = pcpus[index];

	percpu_load(p);
	lapic_init_cpu();
	cpu_write_cr4(cpu_read_cr4() | CR4_PGE);
	ap_entry();
}

/* One of the two parties wins: the processor that arrives, or the one that does not wait any more. */
static bool start_becomes(struct pcpu *p, enum pcpu_start what)
{
	u32 was = PCPU_STARTING;

	return atomic_cas(&p->start, &was, what);
}

bool smp_arrive(void)
{
	return start_becomes(this_cpu(), PCPU_ARRIVED);
}

static bool all_arrived(void)
{
	for (u32 i = 1; i < nr_pcpus; i++)
		if (atomic_load_acquire(&pcpus[i]->start) != PCPU_ARRIVED)
			return false;
	return true;
}

void smp_start(u64 low_page, void (*entry)(void))
{
	u8 *page = mem->map_low(low_page);

	if (!page)
		return;
	ap_entry = entry;
	ap_final_cr3 = mem->cr3();
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	*(u32 *)(page + (trampoline_cr3 - trampoline_start)) = (u32)mem->start_pml4;
	for (u32 i = 1; i < nr_pcpus; i++)
		lapic_send_init(ap_apic_ids[i]);
	tsc_delay_us(10000);
	for (u32 round = 0; round < 2 && !all_arrived(); round++) {
		for (u32 i = 1; i < nr_pcpus; i++)
			lapic_send_startup(ap_apic_ids[i], (u8)(low_page >> 12));
		tsc_delay_us(200);
	}
	for (u32 ms = 0; ms < 1000 && !all_arrived(); ms++)
		tsc_delay_us(1000);
}

void smp_keep(bool (*usable)(const struct pcpu *p))
{
	u32 n = 1;

	for (u32 i = 1; i < nr_pcpus; i++) {
		struct pcpu *p = pcpus[i];
		bool late = start_becomes(p, PCPU_TOO_LATE);

		if (late)
			log_warn("smp: APIC ID %u did not start within a second; going on without it\n", p->apic_id);
		if (late || !usable(p)) {
			exit_ring_end(p->ring); /* nothing is lost with it */
			continue;
		}
		pcpus[n] = p;
		p->index = n++;
	}
	nr_pcpus = n;
}
