/*
 * The MP tables of Intel's MultiProcessor Specification 1.4, for systems that know no ACPI: floating pointer and
 * configuration table. Offsets are those of its chapter 4, "MP Configuration Table". What they say is what MADT and
 * DSDT say: ISA IRQs on the pins of their numbers, but IRQ 0 on pin 2; PCI interrupts on pins 16 to 19.
 */
#include "vmm/firmware/priv.h"

#define FLOATING_LEN  16
#define HEADER_LEN    44
#define CPU_LEN       20
#define OTHER_LEN     8 /* of all other entries */
#define SPEC_REV      4 /* 1.4 */
#define LAPIC_VERSION 0x14
/* IOAPICVER's low byte, as vmm/dev/irq/vioapic has it. */
#define IOAPIC_VERSION 0x20

enum mp_entry { MP_CPU, MP_BUS, MP_IOAPIC, MP_IO_INT, MP_LOCAL_INT };
enum mp_int_type { MP_INT = 0, MP_NMI = 1, MP_EXTINT = 3 };

#define CPU_ENABLED    0x01
#define CPU_BSP        0x02
#define IOAPIC_ENABLED 0x01

/* "MP INTI Flags": 0 is what the bus has (ISA: edge, high; PCI: level, low). */
#define INT_CONFORMS   0x0
#define INT_HIGH_LEVEL 0xd

enum { BUS_PCI, BUS_ISA }; /* a PCI bus' ID is its number */

#define ALL_LAPICS 0xff
#define NR_ISA     16
#define NR_SLOTS   32
#define NR_PINS    4
#define XAPIC_IDS  255 /* an APIC with a greater ID is not addressed by 8 bits */

static u32 apic_id(const struct fw_config *cfg, u32 cpu)
{
	return cfg->apic_ids ? cfg->apic_ids[cpu] : cpu;
}

static u8 *entry(struct fw_mptable *t, enum mp_entry type)
{
	u8 *e = t->next;

	e[0] = (u8)type;
	t->next += type == MP_CPU ? CPU_LEN : OTHER_LEN;
	t->nr++;
	return e;
}

/* Those of the next processors. */
static void cpus(struct fw_mptable *t, const struct fw_config *cfg)
{
	for (u32 end = MIN(t->cpu + FW_CPUS_PIECE, cfg->nr_cpus); t->cpu < end; t->cpu++) {
		u32 i = t->cpu;
		u8 *e;

		if (apic_id(cfg, i) >= XAPIC_IDS)
			continue;
		e = entry(t, MP_CPU);
		e[1] = (u8)apic_id(cfg, i);
		e[2] = LAPIC_VERSION;
		e[3] = CPU_ENABLED | (i == 0 ? CPU_BSP : 0);
		fw_put32(e, 4, cfg->cpu_signature);
		fw_put32(e, 8, cfg->cpu_features);
	}
}

static void bus(struct fw_mptable *t, u8 id, const char *type)
{
	u8 *e = entry(t, MP_BUS);

	e[1] = id;
	memcpy(e + 2, type, 6);
}

static void ioapic(struct fw_mptable *t, const struct fw_config *cfg)
{
	u8 *e = entry(t, MP_IOAPIC);

	e[1] = (u8)cfg->ioapic_id;
	e[2] = IOAPIC_VERSION;
	e[3] = IOAPIC_ENABLED;
	fw_put32(e, 4, (u32)GUEST_IOAPIC_BASE);
}

/* source: what the bus calls it; to: the APIC's ID and its pin. */
static void interrupt(struct fw_mptable *t, enum mp_entry kind, enum mp_int_type type, u16 flags, u8 bus_id,
                      u8 source, u8 to, u8 pin)
{
	u8 *e = entry(t, kind);

	e[1] = (u8)type;
	fw_put16(e, 2, flags);
	e[4] = bus_id;
	e[5] = source;
	e[6] = to;
	e[7] = pin;
}

static void isa_interrupts(struct fw_mptable *t, u8 io)
{
	for (u8 irq = 0; irq < NR_ISA; irq++)
		if (irq != 2) /* the cascade of the 8259As */
			interrupt(t, MP_IO_INT, MP_INT, irq == FW_SCI_GSI ? INT_HIGH_LEVEL : INT_CONFORMS, BUS_ISA,
			          irq, io, irq ? irq : 2);
}

static void pci_interrupts(struct fw_mptable *t, u8 io, u8 first, u8 end)
{
	for (u8 slot = first; slot < end; slot++)
		for (u8 pin = 0; pin < NR_PINS; pin++)
			interrupt(t, MP_IO_INT, MP_INT, INT_CONFORMS, BUS_PCI, (u8)(slot << 2 | pin), io,
			          FW_PCI_GSI_BASE + ((slot + pin) & 3));
}

static u32 table_len(const struct fw_config *cfg)
{
	u32 others = 2 + 1 + (NR_ISA - 1) + (NR_SLOTS - 1) * NR_PINS + 2, nr = 0;

	for (u32 i = 0; i < cfg->nr_cpus; i++)
		nr += apic_id(cfg, i) < XAPIC_IDS;
	return HEADER_LEN + nr * CPU_LEN + others * OTHER_LEN;
}

static void begin(struct fw_mptable *t, const struct fw_config *cfg, struct fw_area *a)
{
	u64 gpa;

	t->len = table_len(cfg);
	t->floating = fw_alloc(a, FLOATING_LEN, 16, &gpa);
	t->base = fw_alloc(a, t->len, 16, &t->base_gpa);
	if (!t->base)
		return;
	t->next = t->summed = t->base + HEADER_LEN;
}

/* What was written since is in the sum: of all at once it would take long. */
static void sum_up(struct fw_mptable *t)
{
	t->sum += fw_checksum(t->summed, (u64)(t->next - t->summed));
	t->summed = t->next;
}

static void finish(struct fw_mptable *t)
{
	memcpy(t->base, "PCMP", 4);
	fw_put16(t->base, 4, (u16)t->len);
	t->base[6] = SPEC_REV;
	memcpy(t->base + 8, "BULKHEAD", 8);
	memcpy(t->base + 16, "PARTITION   ", 12);
	fw_put16(t->base, 34, (u16)t->nr);
	fw_put32(t->base, 36, (u32)GUEST_LAPIC_BASE);
	t->base[7] = (u8)(t->sum + fw_checksum(t->base, HEADER_LEN));

	/* Feature bytes 0: a table is there, and the 8259As' INTR is on LINT0 ("virtual wire"), without IMCR. */
	memcpy(t->floating, "_MP_", 4);
	fw_put32(t->floating, 4, (u32)t->base_gpa);
	t->floating[8] = FLOATING_LEN / 16;
	t->floating[9] = SPEC_REV;
	t->floating[10] = fw_checksum(t->floating, FLOATING_LEN);
}

bool fw_mptable_step(struct fw_mptable *t, const struct fw_config *cfg, struct fw_area *a)
{
	u8 io = (u8)cfg->ioapic_id;

	if (t->part && !t->base)
		return false; /* it does not fit */
	if (t->part == 1 && t->cpu < cfg->nr_cpus) {
		cpus(t, cfg);
		sum_up(t);
		return true;
	}
	switch (t->part++) {
	case 0: begin(t, cfg, a); return true;
	case 1:
		bus(t, BUS_PCI, "PCI   ");
		bus(t, BUS_ISA, "ISA   ");
		ioapic(t, cfg);
		isa_interrupts(t, io);
		break;
	case 2: pci_interrupts(t, io, 1, NR_SLOTS / 2); break;
	case 3: pci_interrupts(t, io, NR_SLOTS / 2, NR_SLOTS); break;
	default:
		/* The 8259As reach the boot processor; LINT1 is NMI on each. */
		interrupt(t, MP_LOCAL_INT, MP_EXTINT, INT_CONFORMS, BUS_ISA, 0, (u8)apic_id(cfg, 0), 0);
		interrupt(t, MP_LOCAL_INT, MP_NMI, INT_CONFORMS, BUS_ISA, 0, ALL_LAPICS, 1);
		sum_up(t);
		finish(t);
		return false;
	}
	sum_up(t);
	return true;
}
