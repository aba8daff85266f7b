/*
 * One bus type for ports and for MMIO. A handler receives an offset into its region, never an address.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct io_access {
	u64 offset; /* bytes from the region's base */
	u64 value;  /* write: what is written (upper bytes zero); read: the handler's answer */
	u64 now;    /* VM time, ns */
	u8 size;    /* 1, 2, 4 or 8 bytes; the access lies wholly inside the region */
	bool write;
};

/* A read handler that does not know the offset or size leaves value at its preset, all-ones. */
typedef void (*io_fn)(void *dev, struct io_access *io);

struct io_region {
	u64 base, len; /* set by the owner before io_bus_add; do not change while on a bus */
	io_fn fn;
	void *dev;
	const char *name; /* for messages and dumps */
};

/*
 * count accesses of size bytes to one offset, one after the other, from or to buf: what string instructions do to a data
 * port. How many the device took or gave at once, 0 to count; the others, if any, come by io_fn.
 */
typedef u32 (*io_string_fn)(void *dev, u64 offset, u8 size, bool write, void *buf, u32 count);

/* What a region with a data port has besides. Set by the owner; lives as long as the region is on the bus. */
struct io_string {
	struct io_region *region;
	io_string_fn fn;
	struct io_string *next; /* the bus's */
};

struct io_bus {
	struct io_region **regions; /* sorted by base; storage of cap entries given at init */
	u32 nr, cap;
	u32 last;  /* index of the last hit, or of the region behind the last miss */
	u64 limit; /* highest valid address (0xffff for ports) */
	struct io_string *strings;
};

/* storage: array of cap pointers that lives as long as the bus. limit: the highest address. */
void io_bus_init(struct io_bus *bus, struct io_region **storage, u32 cap, u64 limit);

/* OK; ERR_INVAL (empty, no handler), ERR_RANGE (wraps or ends beyond limit), ERR_EXIST (overlap), ERR_NOSPC. */
__must_check int io_bus_add(struct io_bus *bus, struct io_region *region);
/* s->region, which is on the bus, takes strings, as long as it is there. */
void io_bus_add_string(struct io_bus *bus, struct io_string *s);
/* OK or ERR_NOENT. */
int io_bus_remove(struct io_bus *bus, struct io_region *region);
/* The region holding addr, or NULL. */
struct io_region *io_bus_find(struct io_bus *bus, u64 addr);

/*
 * One access of size 1, 2, 4 or 8 bytes at addr. An access that crosses the end of a region is split into bytes;
 * unclaimed bytes read as all-ones, unclaimed writes are dropped. For a read *value gets size bytes, zero-extended.
 * Returns whether any byte was claimed.
 */
bool io_bus_access(struct io_bus *bus, u64 addr, u8 size, bool write, u64 *value, u64 now);
/* Up to count accesses at addr, as many as the region's string handler does at once; 0 also when it has none. */
u32 io_bus_string(struct io_bus *bus, u64 addr, u8 size, bool write, void *buf, u32 count);
