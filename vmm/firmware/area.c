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
	u64 even = 0, odd = 0, v;
	u8 sum = 0;

	/* Eight bytes at once, in lanes of 16 bits: they only matter modulo 256. */
	for (; len >= 8; len -= 8, b += 8) {
		__builtin_memcpy(&v, b, sizeof(v));
		even += v & 0x00ff00ff00ff00ffull;
		odd += v >> 8 & 0x00ff00ff00ff00ffull;
		even &= 0x00ff00ff00ff00ffull;
		odd &= 0x00ff00ff00ff00ffull;
	}
	even += odd;
	for (u32 i = 0; i < 64; i += 16)
		sum += (u8)(even >> i);
	while (len--)
		sum += *b++;
	return (u8)-sum;
}
