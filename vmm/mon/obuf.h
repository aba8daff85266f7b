/* Output on its way to a slow device: a bounded queue of bytes in the caller's buffer.
 * What does not fit is refused, never overwritten. One may write while another one reads. */
#pragma once

#include "lib/types.h"

struct obuf {
	u8 *buf;
	u32 size;
	u64 head, tail; /* bytes ever written, read; tail: atomic */
	u64 sealed;     /* and those that may be read: all but an answer that is not whole; atomic */
	bool open;      /* there is one, from here on */
	bool overflow;  /* something did not fit since obuf_mark */
};

void obuf_init(struct obuf *o, u8 *buf, u32 size);
u32 obuf_used(const struct obuf *o);
u32 obuf_room(const struct obuf *o);
/* Bytes that obuf_read gives. */
u32 obuf_ready(const struct obuf *o);
/* All n bytes, or none and overflow is set; with overflow set nothing is written any more. */
void obuf_write(struct obuf *o, const void *data, size_t n);
/* Takes up to n bytes out; returns how many. */
size_t obuf_read(struct obuf *o, void *data, size_t n);
/* Something begins that is written as a whole or not at all: nothing of it is read before it is sealed. Back to its
 * beginning. Both clear overflow. */
u64 obuf_mark(struct obuf *o);
void obuf_rollback(struct obuf *o, u64 mark);
void obuf_seal(struct obuf *o);
