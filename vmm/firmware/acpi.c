/* What the ACPI tables of guests with and without firmware have in common. */
#include "vmm/firmware/priv.h"

#define OEM_ID       "BULKHD"
#define OEM_TABLE_ID "BULKHEAD"
#define CREATOR_ID   "BHHV"

#define FACS_LEN 64

/* MADT interrupt controller structures ("Multiple APIC Description Table"). */
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_ISO = 2, MADT_LAPIC_NMI = 4, MADT_X2APIC = 9, MADT_X2APIC_NMI = 10 };

/* The integer in dsdt.asl and dsdt_pc.asl that says which optional devices exist: NameOp, name, DWordPrefix, value. */
static const u8 dsdt_mark[] = { 0x08, 'B', 'H', 'C', 'F', 0x0c, 0xde, 0xc0, 0xfe, 0x5a };

u8 *fw_table(struct fw_area *a, const char *sig, u8 rev, u32 len, u64 *gpa)
{
	u8 *t = fw_alloc(a, len, 16, gpa);

	if (!t)
		return NULL;
	memcpy(t, sig, 4);
	fw_put32(t, 4, len);
	t[8] = rev;
	memcpy(t + 10, OEM_ID, 6);
	memcpy(t + 16, OEM_TABLE_ID, 8);
	fw_put32(t, 24, 1);
	memcpy(t + 28, CREATOR_ID, 4);
	fw_put32(t, 32, 1);
	return t;
}

void fw_seal(u8 *t, u32 len)
{
	t[9] = 0;
	t[9] = fw_checksum(t, len);
}

u64 fw_facs(struct fw_area *a)
{
	u64 gpa;
	u8 *t = fw_alloc(a, FACS_LEN, 64, &gpa);

	if (t) {
		memcpy(t, "FACS", 4);
		fw_put32(t, 4, FACS_LEN);
		t[32] = 2; /* version */
	}
	return gpa;
}

void fw_dsdt_configure(u8 *t, u32 len, u32 value)
{
	for (u32 i = FW_HEADER_LEN; i + sizeof(dsdt_mark) <= len; i++) {
		if (memcmp(t + i, dsdt_mark, sizeof(dsdt_mark)) == 0) {
			u8 *at = t + i + sizeof(dsdt_mark) - 4;

			/* It is sealed already: what changes is taken over, for all of it takes its time. */
			t[9] -= fw_checksum(at, 4);
			fw_put32(at, 0, value);
			t[9] += fw_checksum(at, 4);
			break;
		}
	}
}

void fw_put_gas(u8 *t, u32 off, u8 bits, u8 access, u64 port)
{
	t[off] = 1; /* system I/O */
	t[off + 1] = bits;
	t[off + 3] = access;
	fw_put64(t, off + 4, port);
}

static u8 *madt_iso(u8 *p, u8 irq, u32 gsi, u16 flags)
{
	p[0] = MADT_ISO;
	p[1] = 10;
	p[3] = irq;
	fw_put32(p, 4, gsi);
	fw_put16(p, 8, flags);
	return p + 10;
}

static u8 *madt_cpu(u8 *p, u32 uid, u32 apic_id)
{
	if (apic_id < 255) {
		p[0] = MADT_LAPIC;
		p[1] = 8;
		p[2] = (u8)uid;
		p[3] = (u8)apic_id;
		fw_put32(p, 4, 1);
		return p + 8;
	}
	p[0] = MADT_X2APIC;
	p[1] = 16;
	fw_put32(p, 4, apic_id);
	fw_put32(p, 8, 1);
	fw_put32(p, 12, uid);
	return p + 16;
}

static u32 apic_id(const struct fw_config *cfg, u32 cpu)
{
	return cfg->apic_ids ? cfg->apic_ids[cpu] : cpu;
}

static void madt_begin(struct fw_madt *m, const struct fw_config *cfg, struct fw_area *a, u8 rev, u32 nr)
{
	m->len = 44 + 12 + (1 + nr) * 10 + 6;
	for (u32 i = 0; i < cfg->nr_cpus; i++)
		m->x2apics += apic_id(cfg, i) >= 255;
	m->len += (cfg->nr_cpus - m->x2apics) * 8 + m->x2apics * 16 + (m->x2apics ? 12 : 0);
	m->table = fw_table(a, "APIC", rev, m->len, &m->gpa);
	if (!m->table)
		return;
	fw_put32(m->table, 36, GUEST_LAPIC_BASE);
	fw_put32(m->table, 40, 1); /* PCAT_COMPAT: there are 8259s */
	m->next = m->table + 44;
	m->sum = fw_checksum(m->table, 44);
}

static void madt_finish(struct fw_madt *m, const struct fw_config *cfg, const u8 *level, u32 nr)
{
	const u16 level_high = 0xd; /* "MPS INTI Flags": active high, level */
	u8 *p = m->next;

	p[0] = MADT_IOAPIC;
	p[1] = 12;
	p[2] = (u8)cfg->ioapic_id;
	fw_put32(p, 4, GUEST_IOAPIC_BASE);
	p = madt_iso(p + 12, 0, 2, 0);
	for (u32 i = 0; i < nr; i++)
		p = madt_iso(p, level[i], level[i], level_high);
	p[0] = MADT_LAPIC_NMI;
	p[1] = 6;
	p[2] = 0xff; /* all processors */
	p[5] = 1;    /* LINT1 */
	p += 6;
	if (m->x2apics) {
		p[0] = MADT_X2APIC_NMI;
		p[1] = 12;
		fw_put32(p, 4, 0xffffffff);
		p[8] = 1;
		p += 12;
	}
	m->table[9] = (u8)(m->sum + fw_checksum(m->next, (u64)(p - m->next)));
}

/* "Multiple APIC Description Table". The sum of all at once would take long. */
bool fw_madt_step(struct fw_madt *m, const struct fw_config *cfg, struct fw_area *a, u8 rev, const u8 *level, u32 nr)
{
	u8 *p;

	if (!m->len) {
		madt_begin(m, cfg, a, rev, nr);
		return m->table;
	}
	if (m->cpu == cfg->nr_cpus) {
		madt_finish(m, cfg, level, nr);
		return false;
	}
	p = m->next;
	for (u32 end = MIN(m->cpu + FW_CPUS_PIECE, cfg->nr_cpus); m->cpu < end; m->cpu++)
		p = madt_cpu(p, m->cpu, apic_id(cfg, m->cpu));
	m->sum += fw_checksum(m->next, (u64)(p - m->next));
	m->next = p;
	return true;
}

void fw_roots(struct fw_area *a, const u64 *tables, u32 nr, u64 *rsdt, u64 *xsdt)
{
	u8 *r = fw_table(a, "RSDT", 1, FW_HEADER_LEN + 4 * nr, rsdt);
	u8 *x = xsdt ? fw_table(a, "XSDT", 1, FW_HEADER_LEN + 8 * nr, xsdt) : NULL;

	if (a->full)
		return;
	for (u32 i = 0; i < nr; i++)
		fw_put32(r, FW_HEADER_LEN + 4 * i, (u32)tables[i]);
	fw_seal(r, FW_HEADER_LEN + 4 * nr);
	if (!x)
		return;
	for (u32 i = 0; i < nr; i++)
		fw_put64(x, FW_HEADER_LEN + 8 * i, tables[i]);
	fw_seal(x, FW_HEADER_LEN + 8 * nr);
}

void fw_rsdp(u8 *p, u64 rsdt, u64 xsdt)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, OEM_ID, 6);
	fw_put32(p, 16, (u32)rsdt);
	if (xsdt) {
		p[15] = 2;
		fw_put32(p, 20, FW_RSDP2_LEN);
		fw_put64(p, 24, xsdt);
	}
	p[8] = fw_checksum(p, FW_RSDP1_LEN);
	if (xsdt)
		p[32] = fw_checksum(p, FW_RSDP2_LEN);
}
