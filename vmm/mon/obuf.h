/* Output on its way to a slow device: a bounded queue of bytes in the caller's buffer.
 * What does not fit is refused, never overwritten. */
#pragma once

#include "lib/types.h"

struct obuf {
	u8 *buf;
	u32 size;
	u64 head, tail; /* bytes ever written, read */
	bool overflow;  /* something did not fit since obuf_mark */
};

void obuf_init(struct obuf *o, u8 *buf, u32 size);
u32 obuf_used(const struct obuf *o);
u32 obuf_room(const struct obuf *o);
/* All n bytes, or none and overflow is set; with overflow set nothing is written any more. */
void obuf_write(struct obuf *o, const void *data, size_t n);
/* Takes up to n bytes out; returns how many. */
size_t obuf_read(struct obuf *o, void *data, size_t n);
/* A place to go back to, as long as nothing behind it was read. Both clear overflow. */
u64 obuf_mark(struct obuf *o);
void obuf_rollback(struct obuf *o, u64 mark);
