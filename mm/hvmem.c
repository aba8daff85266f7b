/* The hypervisor's own memory: pools, final page tables, mappings on demand. */
#include "mm/hvmem.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lock.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/pool.h"

extern const char image_start[], text_start[], text_end[], rodata_start[], rodata_end[], data_start[], image_end[];

struct hostpt kernel_pt;

/* What the flags of hostpt.h are named after. */
_Static_assert(PAT_ENTRY(HOSTPT_WB >> 4) == PAT_WRITE_BACK, "write-back");
_Static_assert(PAT_ENTRY(HOSTPT_UC >> 4) == PAT_UNCACHED, "uncached");
_Static_assert(PAT_ENTRY(HOSTPT_WC >> 4) == PAT_WC, "write-combining");

static struct frames hv_pool, guest_pool;
static struct spinlock hv_lock, guest_lock, map_lock;
static struct pool_plan plan;
static u64 pool_limit = POOL_LOW; /* until the direct map has all of the pool */
static u64 stack_next = STACKS_BASE;

void *hv_alloc_pages_as_is(u64 nr)
{
	hpa_t pa;
	int err;

	spin_lock(&hv_lock);
	err = frames_alloc(&hv_pool, nr, PAGE_SIZE, pool_limit, 0, &pa);
	spin_unlock(&hv_lock);
	return err ? NULL : phys_to_virt(pa);
}

void *hv_alloc_pages(u64 nr)
{
	void *p = hv_alloc_pages_as_is(nr);

	return p ? memset(p, 0, nr * PAGE_SIZE) : NULL;
}

void hv_free_pages(void *p, u64 nr)
{
	int err;

	if (!p)
		return;
	spin_lock(&hv_lock);
	err = frames_free(&hv_pool, virt_to_phys(p), nr);
	spin_unlock(&hv_lock);
	assert(err == OK);
}

int guest_frames_alloc(u64 nr, u64 align, hpa_t *pa)
{
	int err;

	spin_lock(&guest_lock);
	err = frames_alloc(&guest_pool, nr, align, FRAMES_NO_LIMIT, 0, pa);
	spin_unlock(&guest_lock);
	return err;
}

void guest_frames_free(hpa_t pa, u64 nr)
{
	int err;

	spin_lock(&guest_lock);
	err = frames_free(&guest_pool, pa, nr);
	spin_unlock(&guest_lock);
	assert(err == OK);
}

u64 guest_frames_free_bytes(void)
{
	return guest_pool.free * PAGE_SIZE;
}

u64 hv_pool_free_bytes(void)
{
	return hv_pool.free * PAGE_SIZE;
}

u64 hv_pool_total_bytes(void)
{
	return hv_pool.total * PAGE_SIZE;
}

static void *pt_page(void *ctx, hpa_t *hpa)
{
	void *p = hv_alloc_pages(1);

	if (p)
		*hpa = virt_to_phys(p);
	return p;
}

static void pt_free(void *ctx, hpa_t hpa, void *virt)
{
	hv_free_pages(virt, 1);
}

static void *pt_virt(void *ctx, hpa_t hpa)
{
	return phys_to_virt(hpa);
}

const struct pt_alloc hv_pt_alloc = { .alloc_page = pt_page, .free_page = pt_free, .to_virt = pt_virt };

/* Maps what of [pa, pa+len) is not mapped yet, page by page when part of it is. */
static void *map_range(u64 base, u64 size, u64 pa, u64 len, u32 flags)
{
	u64 first = ALIGN_DOWN(pa, PAGE_SIZE), end = ALIGN_UP(pa + len, PAGE_SIZE);
	int err;

	/* Beyond size lies something else, or nothing. */
	if (end <= first || end > size)
		return NULL;
	spin_lock(&map_lock);
	err = hostpt_map(&kernel_pt, base + first, HPA(first), end - first, flags, 0);
	if (err == ERR_EXIST) {
		for (u64 p = first; p < end; p += PAGE_SIZE) {
			err = hostpt_map(&kernel_pt, base + p, HPA(p), PAGE_SIZE, flags, 0);
			if (err == ERR_EXIST)
				err = OK;
			if (err)
				break;
		}
	}
	spin_unlock(&map_lock);
	return err ? NULL : (void *)(base + pa);
}

const void *hv_map_phys(u64 pa, u64 len)
{
	return map_range(DIRECT_BASE, DIRECT_SIZE, pa, len, HOSTPT_WB | HOSTPT_GLOBAL);
}

void *hv_map_mmio(u64 pa, u64 len)
{
	return map_range(IOMAP_BASE, IOMAP_SIZE, pa, len, HOSTPT_W | HOSTPT_UC | HOSTPT_GLOBAL);
}

void *hv_map_wc(u64 pa, u64 len)
{
	return map_range(IOMAP_BASE, IOMAP_SIZE, pa, len, HOSTPT_W | HOSTPT_WC | HOSTPT_GLOBAL);
}

void *hv_map_low(u64 pa)
{
	return map_range(DIRECT_BASE, DIRECT_SIZE, pa, PAGE_SIZE, HOSTPT_W | HOSTPT_WB | HOSTPT_GLOBAL);
}

u64 hv_alloc_stack(u64 size)
{
	void *p = hv_zalloc(size);
	u64 va;

	size = ALIGN_UP(size, PAGE_SIZE);
	if (!p)
		return 0;
	spin_lock(&map_lock);
	va = stack_next + PAGE_SIZE;
	stack_next = va + size;
	if (hostpt_map(&kernel_pt, va, virt_to_phys(p), size, HOSTPT_W | HOSTPT_WB | HOSTPT_GLOBAL, PAGE_SIZE))
		va = 0;
	spin_unlock(&map_lock);
	return va ? va + size : 0;
}

static u32 ram_ranges(const struct e820_map *map, struct frames_range *r, u32 cap)
{
	u32 nr = 0;

	for (u32 i = 0; i < map->nr && nr < cap; i++) {
		u64 first = ALIGN_UP(MAX(map->e[i].base, 0x100000), PAGE_SIZE);
		u64 end = ALIGN_DOWN(map->e[i].base + map->e[i].len, PAGE_SIZE);

		if (map->e[i].type == E820_RAM && end > first)
			r[nr++] = (struct frames_range){ first, end - first };
	}
	return nr;
}

static int pool_init(struct e820_map *map, bool small_code)
{
	struct frames_range r[POOL_PARTS];
	u64 storage;
	int err = pool_plan(map, small_code, &plan);

	for (u32 i = 0; i < plan.nr && !err; i++)
		err = e820_reserve(map, plan.part[i].base, plan.part[i].len, E820_HV);
	if (err)
		return err;
	memcpy(r, plan.part, sizeof(r));
	/* The bits of all lie at the start of the first part, which the boot page tables map. */
	storage = ALIGN_UP(frames_storage_size(r, plan.nr), PAGE_SIZE);
	if (storage >= r[0].len)
		return ERR_NOMEM;
	r[0].base += storage;
	r[0].len -= storage;
	return frames_init(&hv_pool, r, plan.nr, phys_to_virt(HPA(plan.part[0].base)), storage);
}

/* Maps the pool and goes over to the final tables: from now on all of it can be had. */
static int map_pool(void)
{
	int err = OK;

	for (u32 i = 0; i < plan.nr && !err; i++)
		err = hostpt_map(&kernel_pt, DIRECT_BASE + plan.part[i].base, HPA(plan.part[i].base),
		                 plan.part[i].len, HOSTPT_W | HOSTPT_WB | HOSTPT_GLOBAL, 0);
	if (err)
		return err;
	cpu_write_cr3(hostpt_cr3(&kernel_pt));
	cpu_write_cr4(cpu_read_cr4() | CR4_PGE);
	pool_limit = FRAMES_NO_LIMIT;
	return OK;
}

static int guest_pool_init(const struct e820_map *map)
{
	static struct frames_range r[E820_MAX];
	u32 nr = ram_ranges(map, r, E820_MAX);
	u64 size;
	void *storage;

	if (!nr)
		return ERR_NOMEM;
	size = frames_storage_size(r, nr);
	storage = hv_zalloc(size);
	if (!storage)
		return ERR_NOMEM;
	return frames_init(&guest_pool, r, nr, storage, size);
}

static int map_image(u64 delta)
{
	u64 off = delta - IMAGE_BASE; /* virtual to physical */
	const struct {
		const char *start, *end;
		u32 flags;
	} parts[] = {
		{ text_start, text_end, HOSTPT_X },
		{ rodata_start, rodata_end, 0 },
		{ data_start, image_end, HOSTPT_W },
	};
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		err = hostpt_map(&kernel_pt, (u64)parts[i].start, HPA((u64)parts[i].start + off),
		                 (u64)(parts[i].end - parts[i].start), parts[i].flags | HOSTPT_WB | HOSTPT_GLOBAL, 0);
		if (err)
			return err;
	}
	return OK;
}

int hvmem_init(struct e820_map *map, u64 delta, bool small_code)
{
	bool page_1g = cpu_cpuid(0x80000000, 0).eax >= 0x80000001 && cpu_cpuid(0x80000001, 0).edx & BIT(26);
	int err;

	/* What lies beyond could not be told from the window. */
	e820_clip(map, DIRECT_SIZE);
	err = pool_init(map, small_code);
	if (!err)
		err = hostpt_init(&kernel_pt, &hv_pt_alloc, page_1g ? SIZE_1G : SIZE_2M);
	/* All root slots that VMs share exist from now on, so that a mapping made later is seen in every VM. */
	if (!err)
		err = hostpt_populate(&kernel_pt, 256, WINDOW_SLOT_FIRST - 256);
	if (!err)
		err = hostpt_populate(&kernel_pt, WINDOW_SLOT_FIRST + WINDOW_SLOTS,
		                      512 - WINDOW_SLOT_FIRST - WINDOW_SLOTS);
	if (!err)
		err = map_image(delta);
	if (!err)
		err = map_pool();
	/* Its bits are more than the lower part may have room for. */
	return err ? err : guest_pool_init(map);
}

const struct pool_plan *hvmem_plan(void)
{
	return &plan;
}

u64 hvmem_cr3(void)
{
	return hostpt_cr3(&kernel_pt);
}
