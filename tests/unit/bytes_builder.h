/* Builds little-endian byte structures for parser tests. */
#pragma once

#include "quick_check.h"
#include <string.h>

#include "lib/types.h"

struct bytes {
	u8 b[192 << 10];
	u32 len;
};

static inline void put_bytes(struct bytes *o, const void *p, u32 len)
{
	ck_assert_uint_le(o->len + len, sizeof(o->b));
	memcpy(o->b + o->len, p, len);
	o->len += len;
}

static inline void put8(struct bytes *o, u8 v)
{
	put_bytes(o, &v, 1);
}

static inline void put16(struct bytes *o, u16 v)
{
	put_bytes(o, &v, 2);
}

static inline void put32(struct bytes *o, u32 v)
{
	put_bytes(o, &v, 4);
}

static inline void put64(struct bytes *o, u64 v)
{
	put_bytes(o, &v, 8);
}

static inline void put_zero(struct bytes *o, u32 n)
{
	while (n--)
		put8(o, 0);
}

static inline void set16(struct bytes *o, u32 off, u16 v)
{
	memcpy(o->b + off, &v, 2);
}

static inline void set32(struct bytes *o, u32 off, u32 v)
{
	memcpy(o->b + off, &v, 4);
}

static inline void set64(struct bytes *o, u32 off, u64 v)
{
	memcpy(o->b + off, &v, 8);
}
