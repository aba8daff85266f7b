/* Which memory a PC's processor meets where its firmware lies. */
#include "vmm/base/guest_shadow.h"

#include "lib/string.h"

#define MIB 0x100000ull

const u8 *guest_shadow_rom(const struct guest_shadow *s, u64 gpa, u64 len)
{
	u64 low = MIN((u64)s->rom_len, MIB - GUEST_ROM_LOW_BASE), from_end;

	if (!s->rom)
		return NULL;
	if (gpa >= GUEST_ROM_END - s->rom_len && gpa < GUEST_ROM_END)
		from_end = GUEST_ROM_END - gpa;
	else if (gpa >= MIB - low && gpa < MIB)
		from_end = MIB - gpa;
	else
		return NULL;
	return len <= from_end ? s->rom + s->rom_len - from_end : NULL;
}

enum guest_shadow_from guest_shadow_from(const struct guest_shadow *s, u32 seg, bool *writable)
{
	*writable = s->write >> seg & 1;
	if (s->read >> seg & 1)
		return SHADOW_FROM_RAM;
	/* Of a ROM of less than 128 KiB whole segments are seen. */
	return guest_shadow_rom(s, guest_shadow_seg_base(seg), guest_shadow_seg_len(seg)) ? SHADOW_FROM_ROM
	                                                                                  : SHADOW_FROM_BUS;
}

bool guest_shadow_access(const struct guest_shadow *s, u64 gpa, u8 *ram, u8 *buf, u32 len, bool write)
{
	const u8 *from = ram;
	bool writable;
	enum guest_shadow_from where = guest_shadow_from(s, guest_shadow_seg(gpa), &writable);

	if (write) {
		if (writable)
			memcpy(ram, buf, len);
		return true;
	}
	if (where == SHADOW_FROM_BUS)
		return false;
	if (where == SHADOW_FROM_ROM)
		from = guest_shadow_rom(s, gpa, len);
	if (from)
		memcpy(buf, from, len);
	return from;
}
