/*
 * ACPI S5 by the tables: PM1a_CNT from the FADT, SLP_TYP from the DSDT's \_S5. The VM is expected to end. "fixed": by
 * what programs write that read no tables, 2000h to port 604h.
 */
#include "tests/guest/rt/rt.h"

static const u8 *table(const char *sig)
{
	for (u64 a = 0xe0000; a < 0x100000; a += 16) {
		const u8 *r = (const u8 *)a;
		const u8 *t;

		if (memcmp(r, "RSD PTR ", 8))
			continue;
		t = (const u8 *)(u64) * (const u32 *)(r + 16);
		for (u32 i = 36; i + 4 <= *(const u32 *)(t + 4); i += 4) {
			const u8 *x = (const u8 *)(u64) * (const u32 *)(t + i);

			if (!memcmp(x, sig, 4))
				return x;
		}
	}
	return NULL;
}

/* SLP_TYPa in "\_S5_, Package (n) { SLP_TYPa, ...}": AML 20.2.5.4, DefPackage. */
static int s5_type(const u8 *dsdt)
{
	u32 len = *(const u32 *)(dsdt + 4);

	for (u32 i = 36; i + 9 <= len; i++) {
		const u8 *p = dsdt + i;

		if (memcmp(p, "_S5_\x12", 5))
			continue;
		p += 5;
		p += (*p >> 6) + 1; /* package length */
		p++;                /* number of elements */
		if (*p == 0x0a)     /* byte prefix */
			return p[1];
		return *p == 0 ? 0 : *p == 1 ? 1 : -1;
	}
	return -1;
}

void main(const char *cmdline)
{
	const u8 *fadt = table("FACP");
	int type;
	u16 cnt;

	if (rt_option("fixed")) {
		rt_printf("power off follows\n");
		rt_delay(100000);
		outw(0x604, 0x2000);
		rt_delay(1000000);
		report(false, "still running after power off");
		return;
	}
	if (!report(fadt != NULL, "FADT"))
		return;
	type = s5_type((const u8 *)(u64) * (const u32 *)(fadt + 40));
	cnt = (u16) * (const u32 *)(fadt + 64);
	rt_printf("DSDT at 0x%x, %u bytes\n", *(const u32 *)(fadt + 40),
	          *(const u32 *)(u64)(*(const u32 *)(fadt + 40) + 4));
	if (!report(type >= 0, "SLP_TYP of S5 is %d, PM1a_CNT at 0x%x", type, cnt))
		return;
	if (*(const u32 *)(fadt + 48) && !(inw(cnt) & 1))
		outb((u16) * (const u32 *)(fadt + 48), fadt[52]);
	rt_printf("power off follows\n");
	rt_delay(100000);
	/* the type alone does nothing */
	outw(cnt, (u16)((inw(cnt) & ~0x3c00) | type << 10));
	rt_printf("still here\n");
	outw(cnt, (u16)((inw(cnt) & ~0x3c00) | type << 10 | 0x2000));
	rt_delay(1000000);
	report(false, "still running after power off");
}
