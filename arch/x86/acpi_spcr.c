/*
 * SPCR: which serial port the firmware's own console is on. Microsoft, "Serial Port Console Redirection Table", revisions
 * 1 to 4.
 */
#include "arch/x86/acpi_tables.h"
#include "lib/bytes.h"
#include "lib/string.h"

#define SPCR_LEN 80

enum { SPCR_16550 = 0, SPCR_16450 = 1, SPCR_16550_GAS = 0x12 };

#define IRQ_8259   BIT(0)
#define IRQ_IOAPIC BIT(1)

/* "Baud Rate": 0 is what it was set to; numbers that are not defined mean no more. */
static u32 baud_of(u8 code)
{
	static const u32 rate[] = { [3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200 };

	return code < ARRAY_SIZE(rate) ? rate[code] : 0;
}

int acpi_parse_spcr(const struct acpi_table *t, struct acpi_spcr *s)
{
	const u8 *p = t->data;
	u32 access;

	memset(s, 0, sizeof(*s));
	if (t->len < SPCR_LEN)
		return ERR_TRUNC;
	/* Revision 1 knows the first two, the others are numbers of DBG2, "Debug Port Types and Subtypes". */
	if (p[36] != SPCR_16550 && p[36] != SPCR_16450 && p[36] != SPCR_16550_GAS)
		return ERR_NOTSUP;
	s->addr = get64(p + 44);
	if (p[40] > ACPI_SPACE_IO || !s->addr)
		return ERR_NOTSUP;
	s->io = p[40] == ACPI_SPACE_IO;
	/* Register bit width, and access size; tables of early revisions leave one of them, or both, at 0. */
	access = p[43] >= 1 && p[43] <= 3 ? 1u << (p[43] - 1) : 0;
	s->stride = (u8)MAX(MAX(p[41] / 8u, access), 1u);
	s->width = (u8)(access ? access : s->stride);
	if (s->stride > 16 || s->width > 4 || (s->width & (s->width - 1)) || p[42])
		return ERR_NOTSUP;
	if (s->io ? s->addr > 0xffff - 8u * s->stride + 1 : s->addr + 8u * s->stride < s->addr)
		return ERR_RANGE;
	s->pci = get16(p + 64) != 0xffff;
	s->irq = -1;
	if (p[52] & IRQ_8259)
		s->irq = p[53];
	else if (p[52] & IRQ_IOAPIC)
		s->irq = (s32)MIN(get32(p + 54), 0x7fffffffu);
	s->baud = baud_of(p[58]);
	return OK;
}
