/* ACPI: RSDP, root tables, list of good tables, MADT. The other tables are in acpi_fadt.c and acpi_dmar.c. */
#include "arch/x86/acpi_tables.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/string.h"

#define RSDP_V1_LEN   20
#define RSDP_V2_LEN   36
#define TABLE_LEN_MAX (16u << 20)
#define ROOT_MAX      4096 /* entries looked at in a root table */

static u8 sum(const u8 *p, u64 len)
{
	u8 s = 0;

	for (u64 i = 0; i < len; i++)
		s = (u8)(s + p[i]);
	return s;
}

static const u8 *map(const struct acpi_mem *mem, u64 pa, u64 len)
{
	return pa + len < pa ? NULL : mem->map(mem->ctx, pa, len);
}

/* "OS Software: Root System Description Pointer (RSDP) / Finding the RSDP on IA-PC Systems":
 * on 16-byte boundaries. */
static int scan_rsdp(const struct acpi_mem *mem, u64 start, u64 len, u64 *pa)
{
	for (u64 off = 0; off + RSDP_V1_LEN <= len; off += 16) {
		const u8 *p = map(mem, start + off, RSDP_V1_LEN);

		if (p && !memcmp(p, "RSD PTR ", 8) && !sum(p, RSDP_V1_LEN)) {
			*pa = start + off;
			return OK;
		}
	}
	return ERR_NOENT;
}

int acpi_find_rsdp(const struct acpi_mem *mem, u64 *pa)
{
	const u8 *p = map(mem, 0x40e, 2); /* BIOS data area: segment of the EBDA */
	u64 ebda = p ? (u64)get16(p) << 4 : 0;

	if (ebda >= 0x400 && ebda < 0xa0000 && !scan_rsdp(mem, ebda, 1024, pa))
		return OK;
	return scan_rsdp(mem, 0xe0000, 0x20000, pa);
}

int acpi_check_rsdp(const void *rsdp, size_t len, u8 *revision, u64 *rsdt, u64 *xsdt)
{
	const u8 *p = rsdp;

	*revision = 0;
	*rsdt = *xsdt = 0;
	if (len < RSDP_V1_LEN)
		return ERR_TRUNC;
	if (memcmp(p, "RSD PTR ", 8))
		return ERR_INVAL;
	if (sum(p, RSDP_V1_LEN))
		return ERR_CHECKSUM;
	*revision = p[15];
	*rsdt = get32(p + 16);
	if (p[15] < 2 || len < RSDP_V2_LEN)
		return OK; /* a short copy of a new one still leads to the RSDT */
	if (get32(p + 20) < RSDP_V2_LEN)
		return ERR_INVAL;
	/* The extended checksum covers the structure's own length; a copy may hold the first 36 bytes only. */
	if (get32(p + 20) <= len && sum(p, get32(p + 20)))
		return ERR_CHECKSUM;
	*xsdt = get64(p + 24);
	return OK;
}

/* A signature made printable, for messages. */
static void show_sig(char out[5], const u8 *sig)
{
	for (int i = 0; i < 4; i++)
		out[i] = sig[i] >= 0x20 && sig[i] < 0x7f ? (char)sig[i] : '?';
	out[4] = '\0';
}

static int skip_table(const char *sig, u64 pa, const char *why, int code)
{
	log_warn("ACPI table %s at %#lx skipped: %s\n", sig, (unsigned long)pa, why);
	return code;
}

int acpi_check_table(const struct acpi_mem *mem, u64 pa, const char *sig, struct acpi_table *t)
{
	const u8 *p = pa ? map(mem, pa, sizeof(struct acpi_header)) : NULL;
	char name[5];
	u32 len;

	memset(t, 0, sizeof(*t));
	if (!p)
		return skip_table(sig ? sig : "(unknown)", pa, "its address cannot be read", ERR_RANGE);
	show_sig(name, p);
	len = get32(p + 4);
	if (sig && memcmp(p, sig, 4))
		return skip_table(sig, pa, "another signature stands there", ERR_INVAL);
	if (len < sizeof(struct acpi_header) || len > TABLE_LEN_MAX)
		return skip_table(name, pa, "its length is not sane", ERR_TRUNC);
	p = map(mem, pa, len);
	if (!p)
		return skip_table(name, pa, "it reaches into memory that cannot be read", ERR_RANGE);
	if (sum(p, len))
		return skip_table(name, pa, "its checksum is wrong", ERR_CHECKSUM);
	memcpy(t->sig, name, sizeof(name));
	t->pa = pa;
	t->len = len;
	t->data = p;
	return OK;
}

static bool listed(const struct acpi *a, u64 pa)
{
	for (u32 i = 0; i < a->nr; i++) {
		if (a->tables[i].pa == pa)
			return true;
	}
	return false;
}

static void add_table(struct acpi *a, u64 pa, const char *sig)
{
	struct acpi_table t;

	if (!pa || listed(a, pa))
		return;
	if (a->nr == ACPI_MAX_TABLES) {
		a->nr_bad++;
		(void)skip_table(sig ? sig : "(unknown)", pa, "there are too many tables", ERR_NOSPC);
		return;
	}
	if (acpi_check_table(&a->mem, pa, sig, &t)) {
		a->nr_bad++;
		return;
	}
	a->tables[a->nr++] = t;
}

/* "Root System Description Table", "Extended System Description Table": an array of addresses behind the header. */
static int walk_root(struct acpi *a, u64 pa, bool xsdt)
{
	u32 width = xsdt ? 8 : 4, n;
	struct acpi_table root;
	int r = acpi_check_table(&a->mem, pa, xsdt ? "XSDT" : "RSDT", &root);

	if (r)
		return r;
	n = (root.len - (u32)sizeof(struct acpi_header)) / width;
	if (n > ROOT_MAX) {
		log_warn("ACPI table %s at %#lx: only the first %d of its %u entries are used\n", root.sig,
		         (unsigned long)pa, ROOT_MAX, n);
		n = ROOT_MAX;
	}
	memcpy(a->oem_id, ((const struct acpi_header *)root.data)->oem_id, 6);
	a->xsdt = xsdt;
	for (u32 i = 0; i < n; i++) {
		const u8 *e = root.data + sizeof(struct acpi_header) + i * width;

		add_table(a, xsdt ? get64(e) : get32(e), NULL);
	}
	return OK;
}

int acpi_open(struct acpi *a, const struct acpi_mem *mem, const void *rsdp, size_t rsdp_len)
{
	const struct acpi_table *fadt;
	struct acpi_fadt f;
	u64 rsdt, xsdt;
	int r;

	memset(a, 0, sizeof(*a));
	a->mem = *mem;
	r = acpi_check_rsdp(rsdp, rsdp_len, &a->rsdp_revision, &rsdt, &xsdt);
	if (r)
		log_warn("ACPI RSDP is not valid: %s%s\n", err_str(r), rsdt ? "; its RSDT address is tried" : "");
	if (r && !rsdt)
		return r;
	r = xsdt ? walk_root(a, xsdt, true) : ERR_NOENT;
	if (r && rsdt)
		r = walk_root(a, rsdt, false);
	if (r) {
		log_warn("ACPI: no usable root table: %s\n", err_str(r));
		return r;
	}
	fadt = acpi_find(a, "FACP", 0);
	if (fadt && !acpi_parse_fadt(fadt, &f) && f.dsdt)
		add_table(a, f.dsdt, "DSDT");
	return OK;
}

const struct acpi_table *acpi_find(const struct acpi *a, const char *sig, u32 nth)
{
	for (u32 i = 0; i < a->nr; i++) {
		if (!memcmp(a->tables[i].sig, sig, 4) && nth-- == 0)
			return &a->tables[i];
	}
	return NULL;
}

/* ---- MADT: "Interrupt Controller Structure Types" ---- */

enum madt_entry {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_ISO = 2,
	MADT_NMI_SOURCE = 3,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDR = 5,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

static void add_cpu(struct acpi_madt *m, struct acpi_cpu c)
{
	for (u32 i = 0; i < MIN(m->nr_cpus, m->cap_cpus); i++) {
		if (m->cpus[i].apic_id != c.apic_id)
			continue;
		/* Listed twice: one enabled entry is enough. */
		m->cpus[i].flags |= c.flags;
		return;
	}
	if (m->nr_cpus < m->cap_cpus)
		m->cpus[m->nr_cpus] = c;
	m->nr_cpus++;
}

static void add_nmi(struct acpi_madt *m, struct acpi_nmi n)
{
	if (m->nr_nmis < m->cap_nmis)
		m->nmis[m->nr_nmis] = n;
	m->nr_nmis++;
}

static void add_ioapic(struct acpi_madt *m, const u8 *e)
{
	if (m->nr_ioapics < m->cap_ioapics)
		m->ioapics[m->nr_ioapics] =
		        (struct acpi_ioapic){ .id = e[2], .addr = get32(e + 4), .gsi_base = get32(e + 8) };
	m->nr_ioapics++;
}

static void add_iso(struct acpi_madt *m, const u8 *e)
{
	if (m->nr_isos < m->cap_isos)
		m->isos[m->nr_isos] = (struct acpi_iso){ .irq = e[3], .gsi = get32(e + 4), .flags = get16(e + 8) };
	m->nr_isos++;
}

static void parse_entry(struct acpi_madt *m, const u8 *e, u8 len)
{
	static const u8 size[] = {
		[MADT_LAPIC] = 8,     [MADT_IOAPIC] = 12,     [MADT_ISO] = 10,    [MADT_NMI_SOURCE] = 8,
		[MADT_LAPIC_NMI] = 6, [MADT_LAPIC_ADDR] = 12, [MADT_X2APIC] = 16, [MADT_X2APIC_NMI] = 12
	};

	if (e[0] >= ARRAY_SIZE(size) || !size[e[0]])
		return;
	if (len < size[e[0]]) {
		m->nr_bad++;
		return;
	}
	switch (e[0]) {
	case MADT_LAPIC:
		if (e[3] != 0xff) /* no such xAPIC */
			add_cpu(m, (struct acpi_cpu){ .apic_id = e[3], .uid = e[2], .flags = get32(e + 4) });
		break;
	case MADT_X2APIC:
		add_cpu(m, (struct acpi_cpu){ .apic_id = get32(e + 4),
		                              .flags = get32(e + 8),
		                              .uid = get32(e + 12),
		                              .x2apic = true });
		break;
	case MADT_IOAPIC: add_ioapic(m, e); break;
	case MADT_ISO: add_iso(m, e); break;
	case MADT_NMI_SOURCE: add_nmi(m, (struct acpi_nmi){ .flags = get16(e + 2), .gsi = get32(e + 4) }); break;
	case MADT_LAPIC_NMI:
		add_nmi(m, (struct acpi_nmi){ .local = true,
		                              .uid = e[2] == 0xff ? ACPI_NMI_ALL_CPUS : e[2],
		                              .flags = get16(e + 3),
		                              .lint = e[5] });
		break;
	case MADT_X2APIC_NMI:
		add_nmi(m,
		        (struct acpi_nmi){ .local = true, .flags = get16(e + 2), .uid = get32(e + 4), .lint = e[8] });
		break;
	case MADT_LAPIC_ADDR: m->lapic_addr = get64(e + 4); break;
	}
}

int acpi_parse_madt(const struct acpi_table *t, struct acpi_madt *m)
{
	m->nr_cpus = m->nr_ioapics = m->nr_isos = m->nr_nmis = m->nr_bad = 0;
	if (t->len < 44)
		return ERR_TRUNC;
	m->lapic_addr = get32(t->data + 36);
	m->flags = get32(t->data + 40);
	for (u32 off = 44; off < t->len;) {
		const u8 *e = t->data + off;

		if (t->len - off < 2 || e[1] < 2 || e[1] > t->len - off)
			return ERR_TRUNC;
		parse_entry(m, e, e[1]);
		off += e[1];
	}
	return OK;
}
