/* FADT, \_S5 and MCFG. */
#include "arch/x86/acpi_tables.h"
#include "lib/bytes.h"
#include "lib/string.h"

#define FADT_V1_LEN 116

#define FADT_TMR_VAL_EXT BIT(8)
#define FADT_RESET_SUP   BIT(10)
#define FADT_HW_REDUCED  BIT(20)

static struct acpi_gas io_block(u32 port, u32 bytes)
{
	return (struct acpi_gas){ .space = ACPI_SPACE_IO, .width = (u8)(bytes * 8), .addr = port };
}

/*
 * The X_ field at off when the table reaches that far and it is set, else the legacy block. Some firmware leaves X_
 * widths at 0: the legacy length counts then.
 */
static struct acpi_gas block(const struct acpi_table *t, u32 off, u32 legacy, u32 bytes)
{
	const u8 *p = t->data + off;
	struct acpi_gas g;

	if (t->len < off + 12 || !get64(p + 4))
		return io_block(legacy, bytes);
	g = (struct acpi_gas){ .space = p[0], .width = p[1], .offset = p[2], .access = p[3], .addr = get64(p + 4) };
	if (!g.width)
		g.width = (u8)(bytes * 8);
	return g;
}

static bool reaches(const struct acpi_table *t, u32 end)
{
	return t->len >= end;
}

static void parse_blocks(const struct acpi_table *t, struct acpi_fadt *f)
{
	const u8 *p = t->data;

	f->pm1_evt_len = p[88];
	f->pm1_cnt_len = p[89];
	f->pm1a_evt = block(t, 148, get32(p + 56), p[88]);
	f->pm1b_evt = block(t, 160, get32(p + 60), p[88]);
	f->pm1a_cnt = block(t, 172, get32(p + 64), p[89]);
	f->pm1b_cnt = block(t, 184, get32(p + 68), p[89]);
	f->pm_tmr = block(t, 208, get32(p + 76), p[91]);
	if (!p[91]) /* PM_TMR_LEN 0: there is no timer */
		f->pm_tmr.addr = 0;
}

int acpi_parse_fadt(const struct acpi_table *t, struct acpi_fadt *f)
{
	const u8 *p = t->data;

	memset(f, 0, sizeof(*f));
	if (t->len < FADT_V1_LEN)
		return ERR_TRUNC;
	f->revision = p[8];
	f->facs = get32(p + 36);
	f->dsdt = get32(p + 40);
	if (reaches(t, 140) && get64(p + 132))
		f->facs = get64(p + 132);
	if (reaches(t, 148) && get64(p + 140))
		f->dsdt = get64(p + 140);
	f->sci_int = get16(p + 46);
	f->smi_cmd = get32(p + 48);
	f->acpi_enable = p[52];
	f->acpi_disable = p[53];
	f->century = p[108];
	f->flags = get32(p + 112);
	f->boot_arch = f->revision >= 2 ? get16(p + 109) : 0;
	f->pm_tmr_32bit = f->flags & FADT_TMR_VAL_EXT;
	f->hw_reduced = f->flags & FADT_HW_REDUCED;
	if (reaches(t, 129) && (f->flags & FADT_RESET_SUP)) {
		f->reset_reg = (struct acpi_gas){
			.space = p[116], .width = p[117], .offset = p[118], .access = p[119], .addr = get64(p + 120)
		};
		f->reset_value = p[128];
		f->reset_supported = f->reset_reg.addr != 0;
	}
	if (f->hw_reduced) /* no fixed hardware registers at all */
		return OK;
	parse_blocks(t, f);
	/* "PM1 Event Grouping", "PM1 Control Grouping": at least 4 and 2 bytes. */
	if ((f->pm1a_evt.addr && f->pm1_evt_len < 4) || (f->pm1a_cnt.addr && f->pm1_cnt_len < 2))
		return ERR_INVAL;
	return OK;
}

/* ---- \_S5: ACPI Specification, "AML Byte Stream Byte Values" and "Package Length Encoding" ---- */

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_PACKAGE = 0x12,
	AML_ROOT_CHAR = 0x5c,
	AML_ONES = 0xff,
};

/* One integer at *pos; false when it is something else or runs past the end. */
static bool aml_integer(const u8 *aml, size_t end, size_t *pos, u8 *v)
{
	size_t bytes;

	if (*pos >= end)
		return false;
	switch (aml[(*pos)++]) {
	case AML_ZERO: *v = 0; return true;
	case AML_ONE: *v = 1; return true;
	case AML_ONES: *v = 0xff; return true;
	case AML_BYTE: bytes = 1; break;
	case AML_WORD: bytes = 2; break;
	case AML_DWORD: bytes = 4; break;
	default: return false;
	}
	if (end - *pos < bytes)
		return false;
	*v = aml[*pos]; /* SLP_TYP has three bits: the low byte is all that counts */
	*pos += bytes;
	return true;
}

/* A package's length field at *pos: bits 7:6 of the first byte count the bytes that follow.
 * *end: one past the package. */
static bool aml_pkg_length(const u8 *aml, size_t len, size_t *pos, size_t *end)
{
	size_t start = *pos, more, v;

	if (start >= len)
		return false;
	more = aml[start] >> 6;
	if (len - start <= more)
		return false;
	v = more ? aml[start] & 0x0f : aml[start] & 0x3f;
	for (size_t i = 1; i <= more; i++)
		v |= (size_t)aml[start + i] << (4 + 8 * (i - 1));
	*pos = start + 1 + more;
	*end = start + v;
	return *end >= *pos && *end <= len;
}

/* The package behind the name at pos ("_S5_" just before it). */
static bool parse_s5(const u8 *aml, size_t len, size_t pos, struct acpi_s5 *s5)
{
	size_t end;
	u8 a, b;

	if (pos >= len || aml[pos++] != AML_PACKAGE || !aml_pkg_length(aml, len, &pos, &end))
		return false;
	if (pos >= end || aml[pos++] < 2) /* number of elements */
		return false;
	if (!aml_integer(aml, end, &pos, &a) || !aml_integer(aml, end, &pos, &b) || a > 7 || b > 7)
		return false;
	*s5 = (struct acpi_s5){ a, b };
	return true;
}

int acpi_scan_s5(const u8 *aml, size_t len, struct acpi_s5 *s5)
{
	for (size_t i = 1; i + 4 < len; i++) {
		bool named;

		if (memcmp(aml + i, "_S5_", 4))
			continue;
		named = aml[i - 1] == AML_NAME || (i >= 2 && aml[i - 1] == AML_ROOT_CHAR && aml[i - 2] == AML_NAME);
		if (named && parse_s5(aml, len, i + 4, s5))
			return OK;
	}
	return ERR_NOENT;
}

int acpi_find_s5(const struct acpi *a, struct acpi_s5 *s5)
{
	for (u32 i = 0; i < a->nr; i++) {
		const struct acpi_table *t = &a->tables[i];
		u32 skip = sizeof(struct acpi_header);

		if (memcmp(t->sig, "DSDT", 4) && memcmp(t->sig, "SSDT", 4))
			continue;
		if (!acpi_scan_s5(t->data + skip, t->len - skip, s5))
			return OK;
	}
	return ERR_NOENT;
}

/* ---- MCFG: PCI Firmware Specification, "MCFG Table Description" ---- */

int acpi_parse_mcfg(const struct acpi_table *t, struct acpi_mcfg *out, u32 cap, u32 *nr)
{
	*nr = 0;
	if (t->len < 44)
		return ERR_TRUNC;
	for (u32 off = 44; off < t->len; off += 16) {
		const u8 *e = t->data + off;
		struct acpi_mcfg m;

		if (t->len - off < 16)
			return ERR_TRUNC;
		m = (struct acpi_mcfg){
			.base = get64(e), .segment = get16(e + 8), .bus_start = e[10], .bus_end = e[11]
		};
		if (!m.base || (m.base & (SIZE_2M / 2 - 1)) || m.bus_start > m.bus_end)
			continue;
		if (*nr < cap)
			out[*nr] = m;
		(*nr)++;
	}
	return OK;
}
