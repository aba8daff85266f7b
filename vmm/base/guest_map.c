/* From a memory size to the guest-physical map. */
#include "vmm/base/guest_map.h"

static void add_e820(struct guest_map *map, u64 base, u64 end, u32 type)
{
	struct guest_e820 *e = &map->e820[map->nr_e820++];

	e->base = base;
	e->len = end - base;
	e->type = type;
}

int guest_map_build(struct guest_map *map, u64 memory)
{
	memset(map, 0, sizeof(*map));
	if (memory < GUEST_MEMORY_MIN || memory > GUEST_MEMORY_MAX)
		return ERR_RANGE;
	if (!IS_ALIGNED(memory, PAGE_SIZE))
		return ERR_INVAL;
	map->memory = memory;
	map->low_end = MIN(memory, GUEST_PCI_HOLE);
	if (memory > GUEST_PCI_HOLE)
		map->high_end = GUEST_PCI_HOLE_END + (memory - GUEST_PCI_HOLE);

	add_e820(map, 0, GUEST_EBDA_BASE, GUEST_E820_RAM);
	add_e820(map, GUEST_EBDA_BASE, GUEST_VGA_BASE, GUEST_E820_RESERVED);
	add_e820(map, GUEST_ROM_BASE, GUEST_HIGH_BASE, GUEST_E820_RESERVED);
	add_e820(map, GUEST_HIGH_BASE, map->low_end, GUEST_E820_RAM);
	if (map->high_end)
		add_e820(map, GUEST_PCI_HOLE_END, map->high_end, GUEST_E820_RAM);
	return OK;
}

int guest_map_build_pc(struct guest_map *map, u64 memory)
{
	int err = guest_map_build(map, memory);

	map->pc = !err;
	return err;
}

static void add_range(struct guest_mem *mem, u64 gpa, u64 end)
{
	mem->ranges[mem->nr_ranges].gpa = gpa;
	mem->ranges[mem->nr_ranges].len = end - gpa;
	mem->nr_ranges++;
}

void guest_map_ranges(const struct guest_map *map, struct guest_mem *mem, u8 *base)
{
	memset(mem, 0, sizeof(*mem));
	mem->base = base;
	add_range(mem, 0, map->pc ? GUEST_VGA_BASE : map->low_end);
	if (map->pc)
		add_range(mem, GUEST_ROM_BASE, map->low_end);
	if (map->high_end)
		add_range(mem, GUEST_PCI_HOLE_END, map->high_end);
}

bool guest_map_is_ram(const struct guest_map *map, u64 gpa, u64 len)
{
	for (u32 i = 0; i < map->nr_e820; i++) {
		const struct guest_e820 *e = &map->e820[i];
		u64 off = gpa - e->base;

		if (e->type == GUEST_E820_RAM && off < e->len && len <= e->len - off)
			return true;
	}
	return false;
}
