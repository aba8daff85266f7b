/* Port and MMIO bus: a sorted array, searched by halves, with the last hit remembered. */
#include "vmm/base/io_bus.h"

void io_bus_init(struct io_bus *bus, struct io_region **storage, u32 cap, u64 limit)
{
	*bus = (struct io_bus){ .regions = storage, .cap = cap, .limit = limit };
}

/* Index of the first region that ends above addr. */
static u32 position(const struct io_bus *bus, u64 addr)
{
	u32 lo = 0, hi = bus->nr;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		const struct io_region *r = bus->regions[mid];

		if (r->base + (r->len - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int io_bus_add(struct io_bus *bus, struct io_region *region)
{
	u64 last = region->base + (region->len - 1);
	u32 at;

	if (!region->len || !region->fn)
		return ERR_INVAL;
	if (last < region->base || last > bus->limit)
		return ERR_RANGE;
	at = position(bus, region->base);
	if (at < bus->nr && bus->regions[at]->base <= last)
		return ERR_EXIST;
	if (bus->nr == bus->cap)
		return ERR_NOSPC;
	for (u32 i = bus->nr; i > at; i--)
		bus->regions[i] = bus->regions[i - 1];
	bus->regions[at] = region;
	bus->nr++;
	bus->last = 0;
	return OK;
}

void io_bus_add_string(struct io_bus *bus, struct io_string *s)
{
	s->next = bus->strings;
	bus->strings = s;
}

static void remove_string(struct io_bus *bus, const struct io_region *region)
{
	struct io_string **link = &bus->strings;

	while (*link && (*link)->region != region)
		link = &(*link)->next;
	if (*link)
		*link = (*link)->next;
}

int io_bus_remove(struct io_bus *bus, struct io_region *region)
{
	u32 at = 0;

	while (at < bus->nr && bus->regions[at] != region)
		at++;
	if (at == bus->nr)
		return ERR_NOENT;
	remove_string(bus, region);
	for (bus->nr--; at < bus->nr; at++)
		bus->regions[at] = bus->regions[at + 1];
	bus->last = 0;
	return OK;
}

static bool holds(const struct io_region *r, u64 addr)
{
	return addr - r->base < r->len;
}

struct io_region *io_bus_find(struct io_bus *bus, u64 addr)
{
	u32 at;

	if (bus->last < bus->nr && holds(bus->regions[bus->last], addr))
		return bus->regions[bus->last];
	at = position(bus, addr);
	if (at == bus->nr || !holds(bus->regions[at], addr))
		return NULL;
	bus->last = at;
	return bus->regions[at];
}

static void call(struct io_region *r, u64 addr, u8 size, bool write, u64 *value, u64 now)
{
	u64 mask = size == 8 ? ~0ull : (1ull << size * 8) - 1;
	struct io_access io = { .offset = addr - r->base,
		                .value = write ? *value & mask : ~0ull,
		                .now = now,
		                .size = size,
		                .write = write };

	r->fn(r->dev, &io);
	if (!write)
		*value = io.value & mask;
}

/* An access that no single region holds, but one or more hold a part of: byte by byte. */
static bool split(struct io_bus *bus, u64 addr, u8 size, bool write, u64 *value, u64 now)
{
	u64 result = 0;
	bool claimed = false;

	for (u32 i = 0; i < size; i++) {
		struct io_region *r = addr + i >= addr && addr + i <= bus->limit ? io_bus_find(bus, addr + i) : NULL;
		u64 byte = write ? *value >> i * 8 & 0xff : 0xff;

		if (r) {
			call(r, addr + i, 1, write, &byte, now);
			claimed = true;
		}
		result |= byte << i * 8;
	}
	if (!write)
		*value = result;
	return claimed;
}

/* position(addr) is at. */
static bool is_position(const struct io_bus *bus, u32 at, u64 addr)
{
	const struct io_region *below = at && at <= bus->nr ? bus->regions[at - 1] : NULL;

	if (at > bus->nr || (below && below->base + (below->len - 1) >= addr))
		return false;
	return at == bus->nr || bus->regions[at]->base + (bus->regions[at]->len - 1) >= addr;
}

/* An access that is not to the region of the last one. */
static __attribute__((noinline)) bool access_other(struct io_bus *bus, u64 addr, u8 size, bool write, u64 *value,
                                                   u64 now)
{
	u32 at = bus->last;
	struct io_region *r;

	if (!is_position(bus, at, addr))
		bus->last = at = position(bus, addr);
	r = at < bus->nr ? bus->regions[at] : NULL;
	if (r && holds(r, addr) && size <= r->len - (addr - r->base)) {
		call(r, addr, size, write, value, now);
		return true;
	}
	if (r && (holds(r, addr) || r->base - addr < size))
		return split(bus, addr, size, write, value, now);
	if (!write)
		*value = size == 8 ? ~0ull : (1ull << size * 8) - 1;
	return false;
}

bool io_bus_access(struct io_bus *bus, u64 addr, u8 size, bool write, u64 *value, u64 now)
{
	struct io_region *r;

	if (unlikely(bus->last >= bus->nr))
		return access_other(bus, addr, size, write, value, now);
	r = bus->regions[bus->last];
	if (unlikely(!holds(r, addr) || size > r->len - (addr - r->base)))
		return access_other(bus, addr, size, write, value, now);
	call(r, addr, size, write, value, now);
	return true;
}

u32 io_bus_string(struct io_bus *bus, u64 addr, u8 size, bool write, void *buf, u32 count)
{
	for (const struct io_string *s = bus->strings; s; s = s->next) {
		const struct io_region *r = s->region;

		if (holds(r, addr))
			return size <= r->len - (addr - r->base)
			               ? s->fn(r->dev, addr - r->base, size, write, buf, count)
			               : 0;
	}
	return 0;
}
