/* Where the segments of an ELF lie: no two in one place. */
#include "vmm/load/elf.h"
#include "vmm/load/put.h"

static u64 start_of(const struct load_in *in, const struct elf_info *info, u32 i)
{
	const u8 *p = (const u8 *)in->kernel + info->phoff + (u64)i * info->phentsize;

	return info->is64 ? load_rd64(p + 24) : load_rd32(p + 12);
}

/* Where among the placed one at paddr belongs: behind those that do not begin later. */
static u32 find_place(const struct load_in *in, const struct elf_info *info, const struct elf_placed *pl, u64 paddr)
{
	u32 low = 0, high = pl->nr;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (start_of(in, info, pl->by_addr[mid]) <= paddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int elf_place(const struct load_in *in, struct load_out *out, const struct elf_info *info, u32 i,
              struct elf_placed *pl)
{
	struct elf_phdr ph, other;
	u32 at;

	elf_get_phdr(in->kernel, info, i, &ph);
	at = find_place(in, info, pl, ph.paddr);
	/* None of them overlaps another: only its neighbours can be in the way. */
	for (u32 n = at ? at - 1 : 0; n <= at && n < pl->nr; n++) {
		elf_get_phdr(in->kernel, info, pl->by_addr[n], &other);
		if (ph.paddr < other.paddr + other.memsz && other.paddr < ph.paddr + ph.memsz)
			return load_refuse(out, ERR_EXIST, "ELF: segments %u and %u overlap at p_paddr 0x%llx",
			                   pl->by_addr[n], i, (unsigned long long)MAX(ph.paddr, other.paddr));
	}
	memmove(&pl->by_addr[at + 1], &pl->by_addr[at], pl->nr - at);
	pl->by_addr[at] = (u8)i;
	pl->nr++;
	return OK;
}
