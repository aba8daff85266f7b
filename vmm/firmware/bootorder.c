/* What firmware boots from, in which order. */
#include "vmm/firmware/bootorder.h"

#include "lib/fmt.h"
#include "lib/string.h"

/* Behind the host bridge: function 1 of the PIIX, its ISA bridge. */
static void path_of(char line[FW_BOOT_LINE], const struct fw_boot *d)
{
	if (d->kind == FW_BOOT_NIC)
		fmt_snprintf(line, FW_BOOT_LINE, "/pci@i0cf8/ethernet@%x/ethernet-phy@0", d->place);
	else if (d->kind == FW_BOOT_FLOPPY)
		fmt_snprintf(line, FW_BOOT_LINE, "/pci@i0cf8/isa@1/fdc@03f0/floppy@%x", d->place);
	else
		fmt_snprintf(line, FW_BOOT_LINE, "/pci@i0cf8/ide@1,1/drive@%x/disk@%x", d->place >> 1, d->place & 1);
}

/* Another line, which ends the one before. */
static bool add(char *buf, size_t size, const char *line, size_t *len)
{
	size_t n = strlen(line) + 1;

	if (*len + n > size)
		return false;
	if (*len)
		buf[*len - 1] = '\n';
	memcpy(buf + *len, line, n);
	*len += n;
	return true;
}

/* The drive that comes next after this order, or NULL. */
static const struct fw_boot *next_after(const struct fw_boot *drives, u32 nr, u32 order)
{
	const struct fw_boot *next = NULL;

	for (u32 i = 0; i < nr; i++)
		if (drives[i].order > order && (!next || drives[i].order < next->order))
			next = &drives[i];
	return next;
}

void fw_boot_kinds(const struct fw_boot *drives, u32 nr, u8 kinds[3])
{
	const struct fw_boot *d = NULL;
	u32 n = 0;

	memset(kinds, 0, 3);
	while (n < 3 && (d = next_after(drives, nr, d ? d->order : 0))) {
		if (d->kind != kinds[0] && d->kind != kinds[1])
			kinds[n++] = (u8)d->kind;
	}
}

int fw_bootorder(char *buf, size_t size, const char *rom, const struct fw_boot *drives, u32 nr, size_t *len)
{
	const struct fw_boot *d = NULL;
	char line[FW_BOOT_LINE];

	*len = 0;
	if (rom) {
		fmt_snprintf(line, sizeof(line), "/rom@%s", rom);
		if (!add(buf, size, line, len))
			return ERR_NOSPC;
	}
	while ((d = next_after(drives, nr, d ? d->order : 0))) {
		path_of(line, d);
		if (!add(buf, size, line, len))
			return ERR_NOSPC;
	}
	return OK;
}
