/*
 * Access to one guest's RAM through its window: a bounds check and an add.
 *
 * The window is a range of host-virtual addresses where guest-physical address g is at base + g, for every g in one
 * of the RAM ranges; nothing else is mapped there. In hosted tests base is an ordinary allocation.
 */
#pragma once

#include "lib/err.h"
#include "lib/string.h"
#include "lib/types.h"

#define GUEST_MEM_RANGES 4

struct guest_mem {
	u8 *base; /* host address of gpa 0 */
	u32 nr_ranges;
	struct {
		u64 gpa, len;
	} ranges[GUEST_MEM_RANGES]; /* ascending, disjoint, page aligned */
};

/* Host pointer to [gpa, gpa+len) when all of it lies in one RAM range, else NULL. len may be 0. */
static inline void *gmem_ptr(const struct guest_mem *m, gpa_t gpa, u64 len)
{
	for (u32 i = 0; i < m->nr_ranges; i++) {
		u64 off = gpa.v - m->ranges[i].gpa;

		if (off < m->ranges[i].len && len <= m->ranges[i].len - off)
			return m->base + gpa.v;
	}
	return NULL;
}

/* Copies len bytes out of guest RAM. OK or ERR_FAULT (nothing copied). */
static inline __must_check int gmem_read(const struct guest_mem *m, gpa_t gpa, void *buf, u64 len)
{
	const void *p = gmem_ptr(m, gpa, len);

	if (!p)
		return ERR_FAULT;
	memcpy(buf, p, len);
	return OK;
}

/* Copies len bytes into guest RAM. OK or ERR_FAULT (nothing copied). */
static inline __must_check int gmem_write(const struct guest_mem *m, gpa_t gpa, const void *buf, u64 len)
{
	void *p = gmem_ptr(m, gpa, len);

	if (!p)
		return ERR_FAULT;
	memcpy(p, buf, len);
	return OK;
}
