/*
 * ACPI: the input is physical memory from address 0 on, with the RSDP at its start. Checksums are mended first (bit 0
 * of the last byte says whether), or hardly any input would come past them.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/acpi_tables.h"

static struct {
	uint8_t *data;
	size_t size;
} phys;

static struct acpi acpi;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void mend(size_t pa, size_t len, size_t at)
{
	uint8_t sum = 0;

	if (pa > phys.size || len > phys.size - pa || at >= len)
		return;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + phys.data[pa + i]);
	phys.data[pa + at] = (uint8_t)(phys.data[pa + at] - sum);
}

static bool mending;

static const void *map(void *ctx, u64 pa, u64 len)
{
	if (pa > phys.size || len > phys.size - pa)
		return NULL;
	if (mending && len > 36)
		mend(pa, len, 9);
	return phys.data + pa;
}

static void parse_madt(const struct acpi_table *t)
{
	struct acpi_madt m = { 0 };
	u32 cpus;

	(void)!acpi_parse_madt(t, &m);
	cpus = m.nr_cpus;
	m.cap_cpus = m.nr_cpus;
	m.cap_ioapics = m.nr_ioapics;
	m.cap_isos = m.nr_isos / 2;
	m.cap_nmis = m.nr_nmis;
	m.cpus = malloc(m.cap_cpus * sizeof(*m.cpus) + 1);
	m.ioapics = malloc(m.cap_ioapics * sizeof(*m.ioapics) + 1);
	m.isos = malloc(m.cap_isos * sizeof(*m.isos) + 1);
	m.nmis = malloc(m.cap_nmis * sizeof(*m.nmis) + 1);
	(void)!acpi_parse_madt(t, &m);
	require(m.nr_cpus <= cpus);
	for (u32 i = 0; i < m.nr_cpus; i++) {
		for (u32 j = 0; j < i; j++)
			require(m.cpus[i].apic_id != m.cpus[j].apic_id);
	}
	free(m.cpus);
	free(m.ioapics);
	free(m.isos);
	free(m.nmis);
}

static void parse_dmar(const struct acpi_table *t)
{
	struct acpi_drhd drhds[4];
	struct acpi_rmrr rmrrs[4];
	struct acpi_dmar d = { .drhds = drhds, .cap_drhds = 4, .rmrrs = rmrrs, .cap_rmrrs = 4 };

	(void)!acpi_parse_dmar(t, &d);
	for (u32 i = 0; i < MIN(d.nr_drhds, 4u); i++) {
		struct acpi_dmar_scope s;
		u32 off = 0, prev = 0;
		u32 sum = 0;

		while (acpi_dmar_next_scope(drhds[i].scopes, drhds[i].scopes_len, &off, &s)) {
			require(off > prev && off <= drhds[i].scopes_len);
			prev = off;
			for (u32 k = 0; k < 2u * s.nr_path; k++)
				sum += s.path[k];
		}
		require(sum < 0xffffffff);
	}
	for (u32 i = 0; i < MIN(d.nr_rmrrs, 4u); i++)
		require(rmrrs[i].base < rmrrs[i].limit);
}

static void parse_spcr(const struct acpi_table *t)
{
	struct acpi_spcr s;

	if (acpi_parse_spcr(t, &s))
		return;
	require(s.stride >= 1 && s.stride <= 16 && (s.width == 1 || s.width == 2 || s.width == 4));
	require(s.addr && s.addr + 8u * s.stride > s.addr && (!s.io || s.addr + 8u * s.stride <= 0x10000));
	require(!s.baud || 115200 % s.baud == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct acpi_mem mem = { map, NULL };
	struct acpi_s5 s5;
	u64 pa;

	if (size < 37)
		return 0;
	phys.size = size - 1;
	phys.data = malloc(phys.size);
	memcpy(phys.data, data, phys.size);
	mending = data[size - 1] & 1;
	if (mending) {
		mend(0, 20, 8);
		mend(0, 36, 32);
	}
	(void)!acpi_find_rsdp(&mem, &pa);
	if (!acpi_open(&acpi, &mem, phys.data, 36)) {
		require(acpi.nr <= ACPI_MAX_TABLES);
		for (u32 i = 0; i < acpi.nr; i++) {
			const struct acpi_table *t = &acpi.tables[i];
			struct acpi_mcfg e[2];
			struct acpi_fadt f;
			u32 nr;

			require(t->len >= sizeof(struct acpi_header));
			parse_madt(t);
			parse_dmar(t);
			parse_spcr(t);
			(void)!acpi_parse_mcfg(t, e, 2, &nr);
			(void)!acpi_parse_fadt(t, &f);
			if (!acpi_scan_s5(t->data, t->len, &s5))
				require(s5.slp_typ_a < 8 && s5.slp_typ_b < 8);
		}
		(void)!acpi_find_s5(&acpi, &s5);
	}
	free(phys.data);
	return 0;
}
