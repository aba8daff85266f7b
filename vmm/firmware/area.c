/* The firmware area of guest memory as a cursor that fills it. */
#include "vmm/firmware/priv.h"

u8 *fw_alloc(struct fw_area *a, u64 len, u64 align, u64 *gpa)
{
	u64 at = ALIGN_UP(a->at, align);

	if (a->full || at > a->end || len > a->end - at) {
		a->full = true;
		*gpa = 0;
		return NULL;
	}
	a->at = at + len;
	*gpa = at;
	return memset(a->base + (at - a->start), 0, len);
}

u8 fw_checksum(const void *p, u64 len)
{
	const u8 *b = p;
	u8 sum = 0;

	for (u64 i = 0; i < len; i++)
		sum += b[i];
	return (u8)-sum;
}
