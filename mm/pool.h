/*
 * Where the hypervisor's own memory comes from: a plan over the physical memory map. Pure.
 *
 * A part lies below 4 GiB, where the boot page tables reach; what that lacks is taken above, in as few pieces as
 * possible.
 */
#pragma once

#include "mm/e820.h"
#include "mm/frames.h"

#define POOL_MIN   (16ull << 20) /* in one piece, below POOL_LOW */
#define POOL_LOW   (4 * SIZE_1G)
#define POOL_PARTS 16

struct pool_plan {
	u64 want;    /* bytes this machine's memory calls for */
	u64 got;     /* bytes of all parts; less than want when the map has no more */
	u64 low_run; /* bytes of the longest usable piece below POOL_LOW, also when the plan failed */
	u32 nr;
	struct frames_range part[POOL_PARTS]; /* ascending; the first lies below POOL_LOW; whole 2-MiB pages */
};

/*
 * Bytes for a machine with that much RAM: 1/64, 16 MiB to 1 GiB; from 64 GiB on for each further GiB what the guests'
 * frames and tables take, with small_code the tables that break up large pages of code, too (vmm/vm/memory.c).
 */
u64 pool_want(u64 ram, bool small_code);

/* Plans for a sanitized map. OK; ERR_NOMEM when no piece of POOL_MIN lies below POOL_LOW. The map stays as it is. */
__must_check int pool_plan(const struct e820_map *map, bool small_code, struct pool_plan *p);
