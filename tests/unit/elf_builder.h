/* Test helper: writes ELF headers of either class into a buffer. */
#pragma once

#include "guest_ram.h"

struct elf_seg {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

/* Header at 0, program headers right behind it. */
static inline void elf_build(u8 *img, bool is64, u16 machine, u64 entry, const struct elf_seg *seg, u16 n)
{
	static const u8 ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	u32 eh = is64 ? 64 : 52, ps = is64 ? 56 : 32;

	memset(img, 0, eh);
	memcpy(img, ident, sizeof(ident));
	img[4] = is64 ? 2 : 1;
	put_le(img, 16, 2, 2);
	put_le(img, 18, 2, machine);
	put_le(img, 20, 4, 1);
	put_le(img, 24, is64 ? 8 : 4, entry);
	put_le(img, is64 ? 32 : 28, is64 ? 8 : 4, eh);
	put_le(img, is64 ? 52 : 40, 2, eh);
	put_le(img, is64 ? 54 : 42, 2, ps);
	put_le(img, is64 ? 56 : 44, 2, n);
	for (u32 i = 0; i < n; i++) {
		u8 *p = img + eh + i * ps;
		const u64 f[6] = { seg[i].offset, seg[i].vaddr, seg[i].paddr,
			           seg[i].filesz, seg[i].memsz, seg[i].align };

		put_le(p, 0, 4, seg[i].type);
		for (u32 k = 0; k < 6 && is64; k++)
			put_le(p, 8 + 8 * k, 8, f[k]);
		for (u32 k = 0; k < 5 && !is64; k++)
			put_le(p, 4 + 4 * k, 4, f[k]);
		if (!is64)
			put_le(p, 28, 4, f[5]);
	}
}

/* A note at off: name "Xen", 4 or 8 bytes of descriptor. Returns its length. */
static inline u32 elf_note(u8 *img, u32 off, u32 type, u32 descsz, u64 desc)
{
	put_le(img, off, 4, 4);
	put_le(img, off + 4, 4, descsz);
	put_le(img, off + 8, 4, type);
	memcpy(img + off + 12, "Xen", 4);
	put_le(img, off + 16, descsz > 8 ? 8 : descsz, desc);
	return 16 + descsz;
}
