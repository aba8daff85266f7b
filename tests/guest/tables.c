/*
 * Firmware tables: RSDP, checksums of every ACPI table, MADT, FADT; MP tables; SMBIOS entry points. (ACPI 6.4, chapter
 * 5; MultiProcessor Specification 1.4, chapter 4)
 */
#include "tests/guest/rt/rt.h"

static u8 sum(const void *p, u32 n)
{
	const u8 *b = p;
	u8 s = 0;

	while (n--)
		s += *b++;
	return s;
}

struct sdt {
	char sig[4];
	u32 len;
	u8 rev, csum;
	char oem[6], oem_table[8];
	u32 oem_rev, creator, creator_rev;
} __packed;

static const u8 *find(const char *sig, u32 len, u32 step)
{
	u32 ebda = *(volatile u16 *)0x40e << 4;

	if (ebda >= 0x80000 && ebda < 0xa0000)
		for (u32 a = ebda; a < ebda + 1024; a += step)
			if (!memcmp((void *)(u64)a, sig, len))
				return (void *)(u64)a;
	for (u32 a = 0xe0000; a < 0x100000; a += step)
		if (!memcmp((void *)(u64)a, sig, len))
			return (void *)(u64)a;
	return NULL;
}

static void madt(const struct sdt *t)
{
	const u8 *p = (const u8 *)t + 44, *end = (const u8 *)t + t->len;
	u32 cpus = 0, ioapics = 0;

	report_eq(*(const u32 *)((const u8 *)t + 36), APIC_PHYS, "MADT: local APIC address");
	while (p + 2 <= end && p[1] >= 2) {
		if (p[0] == 0 && p[4] & 1) {
			if (!cpus)
				report_eq(p[3], apic_id(), "MADT: the first processor is this one");
			cpus++;
		} else if (p[0] == 1) {
			ioapics++;
			report(*(const u32 *)(p + 4) == 0xfec00000 && *(const u32 *)(p + 8) == 0,
			       "MADT: IOAPIC at FEC00000h from GSI 0");
			report(*(volatile u32 *)0xfec00010ull != 0xffffffff, "the IOAPIC answers there");
			report_hv(p[2] != apic_id(), "MADT: the IOAPIC's ID is not this processor's");
		} else if (p[0] == 2) {
			rt_printf("override: IRQ %u is GSI %u flags 0x%x\n", p[3], *(const u32 *)(p + 4),
			          *(const u16 *)(p + 8));
		} else if (p[0] == 9) {
			cpus++;
		}
		p += p[1];
	}
	report(p == end, "MADT: entries end with the table");
	report(cpus >= 1 && ioapics == 1, "MADT: %u processors, %u IOAPIC", cpus, ioapics);
}

static void fadt(const struct sdt *t)
{
	const u8 *p = (const u8 *)t;
	const struct sdt *dsdt = (const void *)(u64) * (const u32 *)(p + 40);
	const u8 *facs = (const void *)(u64) * (const u32 *)(p + 36);

	report(dsdt && !memcmp(dsdt->sig, "DSDT", 4) && sum(dsdt, dsdt->len) == 0, "DSDT: %u bytes, checksum",
	       dsdt ? dsdt->len : 0);
	report(facs && !memcmp(facs, "FACS", 4), "FACS");
	report_hv(*(const u64 *)(p + 132) == (u64)facs, "FADT: X_FIRMWARE_CTRL is the FACS, too");
	report(*(const u32 *)(p + 76), "FADT: PM timer at 0x%x", *(const u32 *)(p + 76));
	report(*(const u32 *)(p + 64), "FADT: PM1a control at 0x%x", *(const u32 *)(p + 64));
	if (*(const u32 *)(p + 48)) {
		u16 cnt = (u16) * (const u32 *)(p + 64);

		outb((u16) * (const u32 *)(p + 48), p[52]);
		report(inw(cnt) & 1, "ACPI_ENABLE sets SCI_EN");
	} else {
		report(inw((u16) * (const u32 *)(p + 64)) & 1, "no SMI command: SCI_EN is set");
	}
}

static void table(const struct sdt *t)
{
	if (!report(t && t->len >= 36 && sum(t, t->len) == 0, "%.4s: %u bytes, checksum", t ? t->sig : "null",
	            t ? t->len : 0))
		return;
	if (!memcmp(t->sig, "APIC", 4))
		madt(t);
	if (!memcmp(t->sig, "FACP", 4))
		fadt(t);
}

static void mp_tables(void)
{
	const u8 *f = find("_MP_", 4, 16), *t, *e;
	u32 cpus = 0, ioapics = 0;

	if (!report(f && sum(f, 16) == 0, "MP floating pointer: checksum"))
		return;
	t = (const u8 *)(u64) * (const u32 *)(f + 4);
	if (!report(!memcmp(t, "PCMP", 4) && sum(t, *(const u16 *)(t + 4)) == 0, "MP configuration table: checksum"))
		return;
	e = t + 44;
	for (u32 i = 0; i < *(const u16 *)(t + 34); i++, e += e[0] ? 8 : 20) {
		if (e[0] == 0 && e[3] & 2)
			report_eq(e[1], apic_id(), "MP table: this processor is the boot processor");
		cpus += e[0] == 0;
		if (e[0] != 2)
			continue;
		ioapics++;
		*(volatile u32 *)0xfec00000ull = 0;
		report_hv(*(volatile u32 *)0xfec00010ull >> 24 == e[1], "MP table: the IOAPIC has the ID %u", e[1]);
	}
	report(e == t + *(const u16 *)(t + 4), "MP table: entries end with the table");
	report(cpus >= 1 && ioapics == 1, "MP table: %u processors, %u IOAPIC", cpus, ioapics);
}

void main(const char *cmdline)
{
	const u8 *r = find("RSD PTR ", 8, 16), *s;
	const struct sdt *rsdt, *xsdt;
	u32 n;

	if (!report(r != NULL, "RSDP found"))
		return;
	report(sum(r, 20) == 0, "RSDP: checksum");
	rsdt = (const void *)(u64) * (const u32 *)(r + 16);
	report(rsdt && !memcmp(rsdt->sig, "RSDT", 4) && sum(rsdt, rsdt->len) == 0, "RSDT: checksum");
	n = (rsdt->len - 36) / 4;
	if (r[15] >= 2) {
		report(sum(r, *(const u32 *)(r + 20)) == 0, "RSDP: extended checksum");
		xsdt = (const void *)*(const u64 *)(r + 24);
		report(xsdt && !memcmp(xsdt->sig, "XSDT", 4) && sum(xsdt, xsdt->len) == 0, "XSDT: checksum");
		report_eq((xsdt->len - 36) / 8, n, "XSDT and RSDT list as many tables");
		for (u32 i = 0; i < n; i++)
			table((const void *)*(const u64 *)((const u8 *)xsdt + 36 + i * 8));
	} else {
		for (u32 i = 0; i < n; i++)
			table((const void *)(u64) * (const u32 *)((const u8 *)rsdt + 36 + i * 4));
	}
	mp_tables();
	s = find("_SM3_", 5, 16);
	if (s)
		report(sum(s, s[6]) == 0, "SMBIOS 3 entry point: checksum");
	s = find("_SM_", 4, 16);
	if (s)
		report(sum(s, s[5]) == 0 && !memcmp(s + 16, "_DMI_", 5) && sum(s + 16, 15) == 0,
		       "SMBIOS 2 entry point: checksums");
	report_hv(s != NULL, "SMBIOS");
}
