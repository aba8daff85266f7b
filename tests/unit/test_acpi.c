/* ACPI tables in a fake physical memory of 1 MiB: good ones, and each kind of damage. */
#include "arch/x86/acpi_tables.h"
#include "bytes_builder.h"
#include "lib/log.h"
#include "suite.h"

#define MEM_SIZE 0x100000u
#define RSDP     0xe0010u
#define RSDT     0x10000u
#define XSDT     0x11000u
#define FADT     0x12000u
#define MADT     0x13000u
#define DSDT     0x14000u
#define MCFG     0x15000u
#define DMAR     0x16000u
#define SSDT     0x17000u
#define SPCR     0x18000u

static u8 memory[MEM_SIZE];
static struct acpi acpi;
static char logged[8192];
static size_t logged_len;

static const void *map(void *ctx, u64 pa, u64 len)
{
	return pa < MEM_SIZE && len <= MEM_SIZE - pa ? memory + pa : NULL;
}

static const struct acpi_mem mem = { map, NULL };

static void capture(void *ctx, const char *text, size_t len)
{
	if (logged_len + len < sizeof(logged)) {
		memcpy(logged + logged_len, text, len);
		logged_len += len;
	}
}

static struct log_sink sink = { capture, NULL, NULL };

static void fix_sum(u32 pa, u32 len, u32 at)
{
	u8 sum = 0;

	memory[pa + at] = 0;
	for (u32 i = 0; i < len; i++)
		sum = (u8)(sum + memory[pa + i]);
	memory[pa + at] = (u8)(0 - sum);
}

/* A table: header with signature, then the body built by the caller. */
static struct bytes body;

static void place(u32 pa, const char *sig, u8 revision)
{
	struct acpi_header h = { .length = (u32)sizeof(h) + body.len, .revision = revision };

	memcpy(h.signature, sig, 4);
	memcpy(h.oem_id, "TESTER", 6);
	memcpy(memory + pa, &h, sizeof(h));
	memcpy(memory + pa + sizeof(h), body.b, body.len);
	fix_sum(pa, h.length, 9);
	body.len = 0;
}

/* Writes a field of a table's bytes (offset from the table's start) and mends the checksum. */
static void poke(u32 pa, u32 off, const void *v, u32 len)
{
	u32 total;

	memcpy(memory + pa + off, v, len);
	memcpy(&total, memory + pa + 4, 4);
	if (total <= MEM_SIZE - pa)
		fix_sum(pa, total, 9);
}

static void poke8(u32 pa, u32 off, u8 v)
{
	poke(pa, off, &v, 1);
}

static void poke32(u32 pa, u32 off, u32 v)
{
	poke(pa, off, &v, 4);
}

static void poke64(u32 pa, u32 off, u64 v)
{
	poke(pa, off, &v, 8);
}

static void place_rsdp(u8 revision)
{
	struct {
		char sig[8];
		u8 sum;
		char oem[6];
		u8 rev;
		u32 rsdt, len;
		u64 xsdt;
		u8 ext, res[3];
	} __packed r = { .rev = revision, .rsdt = RSDT, .len = 36, .xsdt = XSDT };

	_Static_assert(sizeof(r) == 36, "RSDP");
	memcpy(r.sig, "RSD PTR ", 8);
	memcpy(memory + RSDP, &r, sizeof(r));
	fix_sum(RSDP, 20, 8);
	fix_sum(RSDP, 36, 32);
}

static void place_fadt(void)
{
	put_zero(&body, 276 - 36);
	place(FADT, "FACP", 6);
	poke32(FADT, 36, 0x9990);
	poke32(FADT, 40, DSDT);
	poke8(FADT, 46, 9);
	poke32(FADT, 48, 0xb2);
	poke8(FADT, 52, 0xf1);
	poke8(FADT, 53, 0xf0);
	poke32(FADT, 56, 0x600);
	poke32(FADT, 64, 0x604);
	poke32(FADT, 76, 0x608);
	poke8(FADT, 88, 4);
	poke8(FADT, 89, 2);
	poke8(FADT, 91, 4);
	poke8(FADT, 108, 0x32);
	poke8(FADT, 109, 0x03);
	poke32(FADT, 112, BIT(8) | BIT(10));
	poke32(FADT, 116, 0x00000801); /* I/O, 8 bits */
	poke64(FADT, 120, 0xcf9);
	poke8(FADT, 128, 0x0e);
}

static const u8 s5_aml[] = { 0x10, 0x20, 0x08, '_',  'S',  '5',  '_',  0x12, 0x08,
	                     0x04, 0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00, 0x5b };

static void place_all(void)
{
	static const u32 tables[] = { FADT, MADT, MCFG, DMAR, SSDT };

	logged_len = 0;
	memset(memory, 0, sizeof(memory));
	memset(logged, 0, sizeof(logged));
	place_rsdp(2);
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++)
		put64(&body, tables[i]);
	place(XSDT, "XSDT", 1);
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++)
		put32(&body, tables[i]);
	place(RSDT, "RSDT", 1);
	place_fadt();
	put_bytes(&body, s5_aml, sizeof(s5_aml));
	place(DSDT, "DSDT", 2);
	put_bytes(&body, "\x10\x10", 2);
	place(SSDT, "SSDT", 2);
	put32(&body, 0xfee00000);
	put32(&body, 1);
	place(MADT, "APIC", 4);
	put64(&body, 0);
	place(MCFG, "MCFG", 1);
	put_zero(&body, 12);
	place(DMAR, "DMAR", 1);
}

static int open_acpi(void)
{
	return acpi_open(&acpi, &mem, memory + RSDP, 36);
}

static void setup(void)
{
	log_add_sink(&sink);
	place_all();
}

START_TEST(finds_the_rsdp)
{
	u64 pa = 0;

	setup();
	ck_assert_int_eq(acpi_find_rsdp(&mem, &pa), OK);
	ck_assert_uint_eq(pa, RSDP);
	/* the EBDA comes first */
	memory[0x40f] = 0x9f;
	memory[0x40e] = 0xc0;
	memcpy(memory + 0x9fc20, memory + RSDP, 36);
	ck_assert_int_eq(acpi_find_rsdp(&mem, &pa), OK);
	ck_assert_uint_eq(pa, 0x9fc20);
	memory[0x9fc21] ^= 1;
	ck_assert_int_eq(acpi_find_rsdp(&mem, &pa), OK);
	ck_assert_uint_eq(pa, RSDP);
	memory[RSDP + 9] ^= 1;
	ck_assert_int_eq(acpi_find_rsdp(&mem, &pa), ERR_NOENT);
	/* off its 16-byte boundary it does not count */
	memory[RSDP + 9] ^= 1;
	memmove(memory + RSDP + 8, memory + RSDP, 36);
	ck_assert_int_eq(acpi_find_rsdp(&mem, &pa), ERR_NOENT);
}
END_TEST

START_TEST(checks_the_rsdp)
{
	u64 rsdt, xsdt;
	u8 rev;

	setup();
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 36, &rev, &rsdt, &xsdt), OK);
	ck_assert_uint_eq(rev, 2);
	ck_assert_uint_eq(rsdt, RSDT);
	ck_assert_uint_eq(xsdt, XSDT);
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 20, &rev, &rsdt, &xsdt), OK);
	ck_assert_uint_eq(xsdt, 0);
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 19, &rev, &rsdt, &xsdt), ERR_TRUNC);
	memory[RSDP + 30] ^= 1; /* extended part only */
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 36, &rev, &rsdt, &xsdt), ERR_CHECKSUM);
	ck_assert_uint_eq(rsdt, RSDT);
	ck_assert_int_eq(open_acpi(), OK); /* and the RSDT still serves */
	ck_assert(!acpi.xsdt);
	ck_assert_ptr_nonnull(strstr(logged, "RSDP is not valid: "));
	memory[RSDP + 10] ^= 1;
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 36, &rev, &rsdt, &xsdt), ERR_CHECKSUM);
	ck_assert_uint_eq(rsdt, 0);
	ck_assert_int_eq(open_acpi(), ERR_CHECKSUM);
	memory[RSDP] = 'X';
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 36, &rev, &rsdt, &xsdt), ERR_INVAL);
	place_rsdp(2);
	memory[RSDP + 20] = 35;
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 36, &rev, &rsdt, &xsdt), ERR_INVAL);
	place_rsdp(0);
	ck_assert_int_eq(acpi_check_rsdp(memory + RSDP, 36, &rev, &rsdt, &xsdt), OK);
	ck_assert_uint_eq(xsdt, 0);
}
END_TEST

START_TEST(lists_the_tables)
{
	setup();
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert(acpi.xsdt);
	ck_assert_uint_eq(acpi.nr, 6);
	ck_assert_uint_eq(acpi.nr_bad, 0);
	ck_assert_str_eq(acpi.oem_id, "TESTER");
	ck_assert_uint_eq(acpi_find(&acpi, "DSDT", 0)->pa, DSDT);
	ck_assert_uint_eq(acpi_find(&acpi, "APIC", 0)->len, 44);
	ck_assert_ptr_null(acpi_find(&acpi, "APIC", 1));
	ck_assert_ptr_null(acpi_find(&acpi, "HPET", 0));
	ck_assert_str_eq(logged, "");
}
END_TEST

START_TEST(damaged_tables_are_skipped)
{
	setup();
	memory[MADT + 40] ^= 1;
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_ptr_null(acpi_find(&acpi, "APIC", 0));
	ck_assert_uint_eq(acpi.nr_bad, 1);
	ck_assert_ptr_nonnull(strstr(logged, "ACPI table APIC at 0x13000 skipped: its checksum is wrong"));

	place_all();
	poke32(MCFG, 4, 35);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_ptr_nonnull(strstr(logged, "ACPI table MCFG at 0x15000 skipped: its length is not sane"));
	place_all();
	poke32(MCFG, 4, MEM_SIZE);
	memory[MCFG] = 1;
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_ptr_nonnull(strstr(logged, "ACPI table ?CFG at 0x15000 skipped: it reaches into memory"));
	place_all();
	poke64(XSDT, 36, 0xffffffffffffff00);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_ptr_nonnull(strstr(logged, "at 0xffffffffffffff00 skipped: its address cannot be read"));
	ck_assert_uint_eq(acpi.nr, 4); /* no FADT, so no DSDT */
	place_all();
	poke32(FADT, 40, SSDT + 1);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_ptr_nonnull(strstr(logged, "ACPI table DSDT at 0x17001 skipped: another signature"));
	/* entries of 0 and repeated ones are passed over silently */
	place_all();
	poke64(XSDT, 36 + 16, 0);
	poke64(XSDT, 36 + 24, MADT);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_uint_eq(acpi.nr_bad, 0);
	ck_assert_uint_eq(acpi.nr, 4);
}
END_TEST

START_TEST(root_table_fallback)
{
	setup();
	memory[XSDT + 20] ^= 1;
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert(!acpi.xsdt);
	ck_assert_uint_eq(acpi.nr, 6);
	memory[RSDT + 20] ^= 1;
	ck_assert_int_eq(open_acpi(), ERR_CHECKSUM);
	ck_assert_uint_eq(acpi.nr, 0);
	memcpy(memory + RSDT, "XXXX", 4);
	ck_assert_int_eq(open_acpi(), ERR_INVAL);
}
END_TEST

START_TEST(too_many_tables)
{
	setup();
	for (u32 i = 0; i < ACPI_MAX_TABLES + 5; i++) {
		put8(&body, 0);
		place(0x20000 + i * 64, "SSDT", 1);
	}
	for (u32 i = 0; i < ACPI_MAX_TABLES + 5; i++)
		put64(&body, 0x20000 + i * 64);
	place(XSDT, "XSDT", 1);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_uint_eq(acpi.nr, ACPI_MAX_TABLES);
	ck_assert_uint_eq(acpi.nr_bad, 5);
	ck_assert_ptr_nonnull(strstr(logged, "too many tables"));
	/* a root table with more entries than are looked at */
	for (u32 i = 0; i < 4096; i++)
		put64(&body, 0);
	put64(&body, MADT);
	place(0x80000, "XSDT", 1);
	memcpy(memory + RSDP + 24, "\x00\x00\x08\x00\x00\x00\x00\x00", 8);
	fix_sum(RSDP, 36, 32);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_uint_eq(acpi.nr, 0);
}
END_TEST

START_TEST(madt)
{
	struct acpi_cpu cpus[8];
	struct acpi_ioapic ioapics[2];
	struct acpi_iso isos[2];
	struct acpi_nmi nmis[4];
	struct acpi_madt m = { 0 };
	const struct acpi_table *t;

	setup();
	put32(&body, 0xfee00000);
	put32(&body, 1);
	put_bytes(&body, "\x00\x08\x00\x00\x01\x00\x00\x00", 8); /* LAPIC 0 */
	put_bytes(&body, "\x00\x08\x01\x02\x00\x00\x00\x00", 8); /* LAPIC 2, disabled */
	put_bytes(&body, "\x00\x08\x02\xff\x01\x00\x00\x00", 8); /* no APIC */
	put_bytes(&body, "\x09\x10\x00\x00\x02\x01\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00", 16); /* x2APIC 258 */
	put_bytes(&body, "\x09\x10\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00", 16); /* x2APIC 2 again */
	put_bytes(&body, "\x01\x0c\x05\x00\x00\x00\xc0\xfe\x00\x00\x00\x00", 12);                 /* IOAPIC 5 */
	put_bytes(&body, "\x01\x0c\x06\x00\x00\x10\xc0\xfe\x18\x00\x00\x00", 12);                 /* IOAPIC 6 */
	put_bytes(&body, "\x02\x0a\x00\x00\x02\x00\x00\x00\x00\x00", 10);                         /* IRQ 0 -> GSI 2 */
	put_bytes(&body, "\x02\x0a\x00\x09\x09\x00\x00\x00\x0d\x00", 10);         /* IRQ 9 level high */
	put_bytes(&body, "\x04\x06\xff\x05\x00\x01", 6);                          /* LINT1, all */
	put_bytes(&body, "\x04\x06\x03\x05\x00\x00", 6);                          /* LINT0, uid 3 */
	put_bytes(&body, "\x0a\x0c\x05\x00\x07\x00\x00\x00\x01\x00\x00\x00", 12); /* x2APIC NMI */
	put_bytes(&body, "\x03\x08\x0d\x00\x11\x00\x00\x00", 8);                  /* NMI source GSI 17 */
	put_bytes(&body, "\x05\x0c\x00\x00\x00\x00\xe0\xfe\x01\x00\x00\x00", 12); /* LAPIC address override */
	put_bytes(&body, "\x01\x0b\x05\x00\x00\x00\xc0\xfe\x00\x00\x00", 11);     /* IOAPIC, too short */
	put_bytes(&body, "\x7f\x03\x00", 3);                                      /* unknown kinds */
	put_bytes(&body, "\x06\x03\x00", 3);
	place(MADT, "APIC", 4);
	ck_assert_int_eq(open_acpi(), OK);
	t = acpi_find(&acpi, "APIC", 0);

	ck_assert_int_eq(acpi_parse_madt(t, &m), OK);
	ck_assert_uint_eq(m.nr_cpus, 4); /* not yet known to be double */
	ck_assert_uint_eq(m.nr_ioapics, 2);
	ck_assert_uint_eq(m.nr_isos, 2);
	ck_assert_uint_eq(m.nr_nmis, 4);
	ck_assert_uint_eq(m.nr_bad, 1);
	ck_assert_uint_eq(m.lapic_addr, 0x1fee00000);
	ck_assert_uint_eq(m.flags, ACPI_MADT_PCAT_COMPAT);

	m = (struct acpi_madt){ .cpus = cpus,
		                .cap_cpus = 8,
		                .ioapics = ioapics,
		                .cap_ioapics = 2,
		                .isos = isos,
		                .cap_isos = 2,
		                .nmis = nmis,
		                .cap_nmis = 4 };
	ck_assert_int_eq(acpi_parse_madt(t, &m), OK);
	ck_assert_uint_eq(m.nr_cpus, 3);
	ck_assert_uint_eq(cpus[0].apic_id, 0);
	ck_assert_uint_eq(cpus[0].flags, ACPI_CPU_ENABLED);
	ck_assert_uint_eq(cpus[1].apic_id, 2);
	ck_assert_uint_eq(cpus[1].flags, ACPI_CPU_ENABLED); /* by its second entry */
	ck_assert_uint_eq(cpus[2].apic_id, 258);
	ck_assert_uint_eq(cpus[2].uid, 7);
	ck_assert(cpus[2].x2apic);
	ck_assert_uint_eq(ioapics[1].id, 6);
	ck_assert_uint_eq(ioapics[1].addr, 0xfec01000);
	ck_assert_uint_eq(ioapics[1].gsi_base, 24);
	ck_assert_uint_eq(isos[0].gsi, 2);
	ck_assert_uint_eq(isos[1].irq, 9);
	ck_assert_uint_eq(isos[1].flags, 0x0d);
	ck_assert(nmis[0].local && nmis[0].uid == ACPI_NMI_ALL_CPUS && nmis[0].lint == 1 && nmis[0].flags == 5);
	ck_assert(nmis[1].local && nmis[1].uid == 3 && nmis[1].lint == 0);
	ck_assert(nmis[2].local && nmis[2].uid == 7 && nmis[2].lint == 1 && nmis[2].flags == 5);
	ck_assert(!nmis[3].local && nmis[3].gsi == 17 && nmis[3].flags == 13);

	/* small arrays are not overrun */
	m = (struct acpi_madt){ .cpus = cpus, .cap_cpus = 1, .ioapics = ioapics, .cap_ioapics = 1 };
	cpus[1].apic_id = 0x5555;
	ck_assert_int_eq(acpi_parse_madt(t, &m), OK);
	ck_assert_uint_eq(cpus[1].apic_id, 0x5555);
}
END_TEST

START_TEST(damaged_madt)
{
	struct acpi_table t = { .sig = "APIC", .data = memory + MADT };
	struct acpi_madt m = { 0 };

	setup();
	t.len = 43;
	ck_assert_int_eq(acpi_parse_madt(&t, &m), ERR_TRUNC);
	t.len = 45;
	ck_assert_int_eq(acpi_parse_madt(&t, &m), ERR_TRUNC);
	memcpy(memory + MADT + 44, "\x00\x08\x00\x00\x01\x00\x00\x00\x00\x01", 10);
	t.len = 54;
	ck_assert_int_eq(acpi_parse_madt(&t, &m), ERR_TRUNC);
	ck_assert_uint_eq(m.nr_cpus, 1);
	memory[MADT + 53] = 3;
	ck_assert_int_eq(acpi_parse_madt(&t, &m), ERR_TRUNC);
	memory[MADT + 53] = 2;
	ck_assert_int_eq(acpi_parse_madt(&t, &m), OK);
	ck_assert_uint_eq(m.nr_bad, 1);
}
END_TEST

START_TEST(fadt)
{
	struct acpi_fadt f;
	struct acpi_table t = { .sig = "FACP", .data = memory + FADT, .len = 276 };

	setup();
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), OK);
	ck_assert_uint_eq(f.dsdt, DSDT);
	ck_assert_uint_eq(f.facs, 0x9990);
	ck_assert_uint_eq(f.sci_int, 9);
	ck_assert_uint_eq(f.smi_cmd, 0xb2);
	ck_assert_uint_eq(f.acpi_enable, 0xf1);
	ck_assert_uint_eq(f.acpi_disable, 0xf0);
	ck_assert_uint_eq(f.pm1a_evt.addr, 0x600);
	ck_assert_uint_eq(f.pm1a_cnt.addr, 0x604);
	ck_assert_uint_eq(f.pm1a_cnt.space, ACPI_SPACE_IO);
	ck_assert_uint_eq(f.pm1a_cnt.width, 16);
	ck_assert_uint_eq(f.pm1b_cnt.addr, 0);
	ck_assert_uint_eq(f.pm_tmr.addr, 0x608);
	ck_assert(f.pm_tmr_32bit);
	ck_assert(f.reset_supported);
	ck_assert_uint_eq(f.reset_reg.addr, 0xcf9);
	ck_assert_uint_eq(f.reset_reg.space, ACPI_SPACE_IO);
	ck_assert_uint_eq(f.reset_value, 0x0e);
	ck_assert_uint_eq(f.century, 0x32);
	ck_assert_uint_eq(f.boot_arch, 3);
	ck_assert(!f.hw_reduced);

	/* X_ fields win */
	poke64(FADT, 132, 0x100000990);
	poke64(FADT, 140, 0x100000110);
	poke32(FADT, 148, 0x02002001);
	poke64(FADT, 152, 0x1600);
	poke32(FADT, 172, 0x02000000); /* memory, width left 0 */
	poke64(FADT, 176, 0xfed00004);
	poke32(FADT, 208, 0x03002001);
	poke64(FADT, 212, 0x1608);
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), OK);
	ck_assert_uint_eq(f.facs, 0x100000990);
	ck_assert_uint_eq(f.dsdt, 0x100000110);
	ck_assert_uint_eq(f.pm1a_evt.addr, 0x1600);
	ck_assert_uint_eq(f.pm1a_evt.width, 32);
	ck_assert_uint_eq(f.pm1a_evt.access, 2);
	ck_assert_uint_eq(f.pm1a_cnt.addr, 0xfed00004);
	ck_assert_uint_eq(f.pm1a_cnt.space, ACPI_SPACE_MEM);
	ck_assert_uint_eq(f.pm1a_cnt.width, 16);
	ck_assert_uint_eq(f.pm_tmr.addr, 0x1608);

	/* shorter, older tables */
	t.len = 116;
	poke8(FADT, 8, 1);
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), OK);
	ck_assert_uint_eq(f.dsdt, DSDT);
	ck_assert_uint_eq(f.pm1a_evt.addr, 0x600);
	ck_assert(!f.reset_supported);
	ck_assert_uint_eq(f.boot_arch, 0);
	t.len = 115;
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), ERR_TRUNC);
	t.len = 276;
	poke8(FADT, 91, 0);
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), OK);
	ck_assert_uint_eq(f.pm_tmr.addr, 0);
	poke8(FADT, 89, 1);
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), ERR_INVAL);
	poke8(FADT, 89, 2);
	poke8(FADT, 88, 3);
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), ERR_INVAL);
	poke32(FADT, 112, BIT(20) | BIT(10));
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), OK);
	ck_assert(f.hw_reduced);
	ck_assert_uint_eq(f.pm1a_evt.addr, 0);
	poke64(FADT, 120, 0);
	ck_assert_int_eq(acpi_parse_fadt(&t, &f), OK);
	ck_assert(!f.reset_supported);
}
END_TEST

#define S5(...)                                        \
	({                                             \
		const u8 aml_[] = { __VA_ARGS__ };     \
		s5 = (struct acpi_s5){ 0xee, 0xee };   \
		acpi_scan_s5(aml_, sizeof(aml_), &s5); \
	})
#define NAME 0x08, '_', 'S', '5', '_'

START_TEST(s5_package)
{
	struct acpi_s5 s5;

	setup();
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_int_eq(acpi_find_s5(&acpi, &s5), OK);
	ck_assert_uint_eq(s5.slp_typ_a, 5);
	ck_assert_uint_eq(s5.slp_typ_b, 6);
	/* every cut of it */
	for (size_t n = 0; n < 14; n++)
		ck_assert_int_eq(acpi_scan_s5(s5_aml, n, &s5), ERR_NOENT);

	ck_assert_int_eq(S5(NAME, 0x12, 0x06, 0x04, 0x00, 0x01, 0x00, 0x00), OK);
	ck_assert(s5.slp_typ_a == 0 && s5.slp_typ_b == 1);
	ck_assert_int_eq(S5(0x08, 0x5c, '_', 'S', '5', '_', 0x12, 0x07, 0x02, 0x0b, 0x07, 0x00, 0x0a, 0x07), OK);
	ck_assert(s5.slp_typ_a == 7 && s5.slp_typ_b == 7);
	ck_assert_int_eq(
	        S5(NAME, 0x12, 0x40, 0x01, 0x02, 0x0c, 0x03, 0x00, 0x00, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	        OK);
	ck_assert(s5.slp_typ_a == 3 && s5.slp_typ_b == 1);
	/* not a name, not a package, too few elements, no integers, values too large,
	 * package too long or too short */
	ck_assert_int_eq(S5(0x10, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5('_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x11, 0x06, 0x04, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x06, 0x01, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x06, 0x04, 'A', 'B', 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x06, 0x04, 0xff, 0, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x06, 0x04, 0x0a, 0x08, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x20, 0x04, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x03, 0x04, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0x00, 0x04, 0, 1, 0, 0), ERR_NOENT);
	ck_assert_int_eq(S5(NAME, 0x12, 0xc0, 0x04), ERR_NOENT);
	/* a false one before the right one does not hide it */
	ck_assert_int_eq(S5('_', 'S', '5', '_', NAME, 0x12, 0x06, 0x04, 1, 0, 0, 0), OK);

	memory[DSDT + 38] = 0x70; /* no Name any more */
	fix_sum(DSDT, 36 + sizeof(s5_aml), 9);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_int_eq(acpi_find_s5(&acpi, &s5), ERR_NOENT);
	put_bytes(&body, s5_aml, sizeof(s5_aml));
	place(SSDT, "SSDT", 2);
	ck_assert_int_eq(open_acpi(), OK);
	ck_assert_int_eq(acpi_find_s5(&acpi, &s5), OK);
}
END_TEST

static void put_mcfg(u64 base, u16 segment, u8 first, u8 last)
{
	put64(&body, base);
	put16(&body, segment);
	put8(&body, first);
	put8(&body, last);
	put32(&body, 0);
}

START_TEST(mcfg)
{
	struct acpi_mcfg e[2];
	struct acpi_table t = { .sig = "MCFG", .data = memory + MCFG };
	u32 nr;

	setup();
	put64(&body, 0);
	put_mcfg(0xe0000000, 0, 0, 255);
	put_mcfg(0, 1, 0, 255);
	put_mcfg(0xe0000800, 1, 0, 255);
	put_mcfg(0xf0000000, 1, 5, 4);
	put_mcfg(0x380000000000, 2, 0x10, 0x3f);
	put_mcfg(0xd0000000, 3, 0, 0);
	place(MCFG, "MCFG", 1);
	t.len = 44 + 6 * 16;
	ck_assert_int_eq(acpi_parse_mcfg(&t, e, 2, &nr), OK);
	ck_assert_uint_eq(nr, 3);
	ck_assert(e[0].base == 0xe0000000 && e[0].segment == 0 && e[0].bus_start == 0 && e[0].bus_end == 255);
	ck_assert(e[1].base == 0x380000000000 && e[1].segment == 2 && e[1].bus_start == 16 && e[1].bus_end == 63);
	t.len -= 1;
	ck_assert_int_eq(acpi_parse_mcfg(&t, e, 2, &nr), ERR_TRUNC);
	ck_assert_uint_eq(nr, 2);
	t.len = 43;
	ck_assert_int_eq(acpi_parse_mcfg(&t, NULL, 0, &nr), ERR_TRUNC);
	ck_assert_uint_eq(nr, 0);
}
END_TEST

START_TEST(dmar)
{
	struct acpi_drhd drhds[2];
	struct acpi_rmrr rmrrs[1];
	struct acpi_dmar d = { 0 };
	struct acpi_dmar_scope s;
	const struct acpi_table *t;
	u32 off = 0;

	setup();
	put_bytes(&body, "\x26\x03\0\0\0\0\0\0\0\0\0\0", 12);
	put_bytes(&body, "\x00\x00\x20\x00\x00\x00\x02\x00\x00\x00\xd9\xfe\x00\x00\x00\x00", 16); /* DRHD */
	put_bytes(&body, "\x01\x08\x00\x00\x00\x00\x02\x00", 8);                                  /* 00:02.0 */
	put_bytes(&body, "\x03\x08\x00\x00\x05\xf0\x1f\x00", 8);                                  /* I/O APIC 5 */
	put_bytes(&body, "\x00\x00\x10\x00\x01\x00\x00\x00\x00\x10\xd9\xfe\x00\x00\x00\x00", 16); /* all others */
	put_bytes(&body, "\x00\x00\x10\x00\x01\x00\x00\x00\x01\x10\xd9\xfe\x00\x00\x00\x00", 16); /* unaligned base */
	put_bytes(&body,
	          "\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x7d\x00\x00\x00\x00\xff\xff\x7f\x7d\x00\x00\x00\x00",
	          24);
	put_bytes(&body,
	          "\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x7d\x00\x00\x00\x00\xff\xff\x7f\x7c\x00\x00\x00\x00",
	          24);
	put_bytes(&body, "\x02\x00\x08\x00\x00\x00\x00\x00", 8); /* ATSR */
	place(DMAR, "DMAR", 1);
	ck_assert_int_eq(open_acpi(), OK);
	t = acpi_find(&acpi, "DMAR", 0);
	ck_assert_int_eq(acpi_parse_dmar(t, &d), OK);
	ck_assert(d.nr_drhds == 2 && d.nr_rmrrs == 1 && d.nr_bad == 2);
	d = (struct acpi_dmar){ .drhds = drhds, .cap_drhds = 2, .rmrrs = rmrrs, .cap_rmrrs = 1 };
	ck_assert_int_eq(acpi_parse_dmar(t, &d), OK);
	ck_assert_uint_eq(d.host_addr_width, 39);
	ck_assert(d.intr_remap && d.x2apic_opt_out);
	ck_assert(drhds[0].base == 0xfed90000 && drhds[0].segment == 2 && !drhds[0].include_all);
	ck_assert(drhds[1].base == 0xfed91000 && drhds[1].include_all && drhds[1].scopes_len == 0);
	ck_assert(rmrrs[0].base == 0x7d000000 && rmrrs[0].limit == 0x7d7fffff);

	ck_assert(acpi_dmar_next_scope(drhds[0].scopes, drhds[0].scopes_len, &off, &s));
	ck_assert(s.type == 1 && s.bus == 0 && s.nr_path == 1 && s.path[0] == 2 && s.path[1] == 0);
	ck_assert(acpi_dmar_next_scope(drhds[0].scopes, drhds[0].scopes_len, &off, &s));
	ck_assert(s.type == 3 && s.enum_id == 5 && s.bus == 0xf0 && s.path[0] == 0x1f);
	ck_assert(!acpi_dmar_next_scope(drhds[0].scopes, drhds[0].scopes_len, &off, &s));
	off = 0;
	ck_assert(!acpi_dmar_next_scope((const u8 *)"\x01\x09\0\0\0\0\0\0\0", 9, &off, &s));
	ck_assert(!acpi_dmar_next_scope((const u8 *)"\x01\x06\0\0\0\0\0\0\0", 8, &off, &s));
	ck_assert(!acpi_dmar_next_scope((const u8 *)"\x01\x0a\0\0\0\0\0\0\0", 8, &off, &s));
}
END_TEST

START_TEST(damaged_dmar)
{
	struct acpi_table t = { .sig = "DMAR", .data = memory + DMAR };
	struct acpi_dmar d = { 0 };

	setup();
	t.len = 47;
	ck_assert_int_eq(acpi_parse_dmar(&t, &d), ERR_TRUNC);
	t.len = 51;
	ck_assert_int_eq(acpi_parse_dmar(&t, &d), ERR_TRUNC);
	t.len = 52; /* length 0 */
	ck_assert_int_eq(acpi_parse_dmar(&t, &d), ERR_TRUNC);
	memory[DMAR + 50] = 5;
	ck_assert_int_eq(acpi_parse_dmar(&t, &d), ERR_TRUNC);
	memory[DMAR + 50] = 4;
	ck_assert_int_eq(acpi_parse_dmar(&t, &d), OK);
	ck_assert_uint_eq(d.nr_bad, 1);
	memory[DMAR + 48] = 1;
	ck_assert_int_eq(acpi_parse_dmar(&t, &d), OK);
	ck_assert_uint_eq(d.nr_bad, 1);
}
END_TEST

/* ---- SPCR ---- */

static void place_spcr(void)
{
	put_zero(&body, 80 - 36);
	place(SPCR, "SPCR", 2);
	poke8(SPCR, 40, 1); /* I/O, 8 bits, by bytes */
	poke8(SPCR, 41, 8);
	poke8(SPCR, 43, 1);
	poke64(SPCR, 44, 0x2f8);
	poke8(SPCR, 52, 3); /* 8259 and I/O APIC */
	poke8(SPCR, 53, 3);
	poke32(SPCR, 54, 19);
	poke8(SPCR, 58, 7);
	poke32(SPCR, 64, 0xffffffff); /* no PCI device */
}

static int parse_spcr(struct acpi_spcr *s)
{
	struct acpi_table t;

	ck_assert_int_eq(acpi_check_table(&mem, SPCR, "SPCR", &t), OK);
	return acpi_parse_spcr(&t, s);
}

START_TEST(spcr)
{
	struct acpi_spcr s;

	place_spcr();
	ck_assert_int_eq(parse_spcr(&s), OK);
	ck_assert(s.io && s.addr == 0x2f8 && s.stride == 1 && s.width == 1 && !s.pci);
	ck_assert(s.irq == 3 && s.baud == 115200);
	poke8(SPCR, 52, 2);
	poke8(SPCR, 58, 3);
	ck_assert_int_eq(parse_spcr(&s), OK);
	ck_assert(s.irq == 19 && s.baud == 9600);
	poke8(SPCR, 52, 0);
	poke8(SPCR, 58, 0);
	poke32(SPCR, 64, 0x00021b36);
	ck_assert_int_eq(parse_spcr(&s), OK);
	ck_assert(s.irq == -1 && s.baud == 0 && s.pci);
	for (u32 i = 0; i < 256; i++) {
		bool known = i == 3 || i == 4 || i == 6 || i == 7;

		poke8(SPCR, 58, (u8)i);
		ck_assert_int_eq(parse_spcr(&s), OK);
		ck_assert_uint_eq(s.baud != 0, known);
	}
	/* A GSI of nonsense is none of the ISA bus. */
	poke8(SPCR, 52, 2);
	poke32(SPCR, 54, 0xffffffff);
	ck_assert_int_eq(parse_spcr(&s), OK);
	ck_assert_int_ge(s.irq, 16);
}
END_TEST

START_TEST(spcr_registers)
{
	static const struct {
		u8 type, space, bits, offset, access;
		u64 addr;
		int r;
		u8 stride, width;
	} t[] = {
		{ 0, 0, 8, 0, 1, 0xfe030000, OK, 1, 1 },
		{ 1, 0, 32, 0, 3, 0xfe030000, OK, 4, 4 },
		{ 0x12, 0, 16, 0, 2, 0xfe030000, OK, 2, 2 },
		{ 0, 0, 32, 0, 1, 0xfe030000, OK, 4, 1 },
		{ 0, 0, 8, 0, 3, 0xfe030000, OK, 4, 4 },
		{ 0, 0, 32, 0, 0, 0xfe030000, OK, 4, 4 },
		{ 0, 0, 0, 0, 0, 0xfe030000, OK, 1, 1 },
		{ 0, 0, 64, 0, 3, 0x123400000000, OK, 8, 4 },
		{ 0, 1, 0, 0, 0, 0x3f8, OK, 1, 1 },
		{ 0, 1, 8, 0, 1, 0xfff8, OK, 1, 1 },
		{ 0, 1, 8, 0, 1, 0xfff9, ERR_RANGE, 0, 0 },
		{ 0, 1, 32, 0, 3, 0xffe1, ERR_RANGE, 0, 0 },
		{ 0, 1, 8, 0, 1, 0x1000003f8, ERR_RANGE, 0, 0 },
		{ 0, 0, 8, 0, 1, 0xfffffffffffffffa, ERR_RANGE, 0, 0 },
		{ 0, 0, 8, 0, 4, 0xfe030000, OK, 1, 1 },
		{ 0, 0, 64, 0, 0, 0xfe030000, ERR_NOTSUP, 0, 0 },
		{ 0, 0, 24, 0, 0, 0xfe030000, ERR_NOTSUP, 0, 0 },
		{ 0, 0, 255, 0, 1, 0xfe030000, ERR_NOTSUP, 0, 0 },
		{ 0, 0, 8, 1, 1, 0xfe030000, ERR_NOTSUP, 0, 0 },
		{ 0, 2, 8, 0, 1, 0xfe030000, ERR_NOTSUP, 0, 0 },
		{ 0, 0, 8, 0, 1, 0, ERR_NOTSUP, 0, 0 },
		{ 3, 0, 32, 0, 3, 0xfe030000, ERR_NOTSUP, 0, 0 },
		{ 0x0e, 0, 32, 0, 3, 0xfe030000, ERR_NOTSUP, 0, 0 },
	};
	struct acpi_spcr s;

	place_spcr();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		poke8(SPCR, 36, t[i].type);
		poke8(SPCR, 40, t[i].space);
		poke8(SPCR, 41, t[i].bits);
		poke8(SPCR, 42, t[i].offset);
		poke8(SPCR, 43, t[i].access);
		poke64(SPCR, 44, t[i].addr);
		ck_assert_msg(parse_spcr(&s) == t[i].r, "%zu", i);
		if (!t[i].r)
			ck_assert_msg(s.stride == t[i].stride && s.width == t[i].width && s.addr == t[i].addr,
			              "%zu: %u %u", i, s.stride, s.width);
	}
	place_spcr();
	poke32(SPCR, 4, 79);
	ck_assert_int_eq(parse_spcr(&s), ERR_TRUNC);
}
END_TEST

SUITE_MAIN("acpi", finds_the_rsdp, checks_the_rsdp, lists_the_tables, damaged_tables_are_skipped, root_table_fallback,
           too_many_tables, madt, damaged_madt, fadt, s5_package, mcfg, dmar, damaged_dmar, spcr, spcr_registers)
