/* DMAR: Intel Virtualization Technology for Directed I/O, "DMA Remapping Reporting Structure". */
#include "arch/x86/acpi_tables.h"
#include "lib/bytes.h"
#include "lib/string.h"

#define DMAR_INTR_REMAP     BIT(0)
#define DMAR_X2APIC_OPT_OUT BIT(1)

enum dmar_entry { DMAR_DRHD = 0, DMAR_RMRR = 1 };

static void add_drhd(struct acpi_dmar *d, const u8 *e, u32 len)
{
	if (len < 16 || !get64(e + 8) || !IS_ALIGNED(get64(e + 8), PAGE_SIZE)) {
		d->nr_bad++;
		return;
	}
	if (d->nr_drhds < d->cap_drhds)
		d->drhds[d->nr_drhds] = (struct acpi_drhd){ .include_all = e[4] & 1,
			                                    .segment = get16(e + 6),
			                                    .base = get64(e + 8),
			                                    .scopes = e + 16,
			                                    .scopes_len = len - 16 };
	d->nr_drhds++;
}

static void add_rmrr(struct acpi_dmar *d, const u8 *e, u32 len)
{
	if (len < 24 || get64(e + 8) >= get64(e + 16)) {
		d->nr_bad++;
		return;
	}
	if (d->nr_rmrrs < d->cap_rmrrs)
		d->rmrrs[d->nr_rmrrs] = (struct acpi_rmrr){ .segment = get16(e + 6),
			                                    .base = get64(e + 8),
			                                    .limit = get64(e + 16),
			                                    .scopes = e + 24,
			                                    .scopes_len = len - 24 };
	d->nr_rmrrs++;
}

int acpi_parse_dmar(const struct acpi_table *t, struct acpi_dmar *d)
{
	d->nr_drhds = d->nr_rmrrs = d->nr_bad = 0;
	if (t->len < 48)
		return ERR_TRUNC;
	d->host_addr_width = (u8)(t->data[36] + 1);
	d->intr_remap = t->data[37] & DMAR_INTR_REMAP;
	d->x2apic_opt_out = t->data[37] & DMAR_X2APIC_OPT_OUT;
	for (u32 off = 48; off < t->len;) {
		const u8 *e = t->data + off;
		u32 len;

		if (t->len - off < 4)
			return ERR_TRUNC;
		len = get16(e + 2);
		if (len < 4 || len > t->len - off)
			return ERR_TRUNC;
		if (get16(e) == DMAR_DRHD)
			add_drhd(d, e, len);
		else if (get16(e) == DMAR_RMRR)
			add_rmrr(d, e, len);
		off += len;
	}
	return OK;
}

bool acpi_dmar_next_scope(const u8 *scopes, u32 len, u32 *off, struct acpi_dmar_scope *s)
{
	const u8 *p;

	if (*off > len || len - *off < 8)
		return false;
	p = scopes + *off;
	/* type, length, flags, reserved, enumeration id, start bus, then pairs of device and function */
	if (p[1] < 8 || p[1] > len - *off || p[1] % 2)
		return false;
	*s = (struct acpi_dmar_scope){
		.type = p[0], .enum_id = p[4], .bus = p[5], .nr_path = (u8)((p[1] - 6) / 2), .path = p + 6
	};
	*off += p[1];
	return true;
}
