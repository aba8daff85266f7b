/*
 * Character back-ends: what a serial port is connected to. The front-end (a UART) knows this contract, never who is
 * behind it. All calls but work() come with the VM's lock held, or while no vCPU runs, and only store or move bytes.
 */
#pragma once

#include "lib/types.h"

struct chr_ops {
	/* Bytes that the front-end sends. */
	void (*out)(void *ctx, const u8 *buf, size_t len);
	/* Has bytes for the front-end. Any CPU, no lock needed. NULL: never. */
	bool (*waits)(const void *ctx);
	/* Moves what it has to the front-end, as far as there is room. NULL: never has anything. */
	void (*room)(void *ctx);
	/* A piece of what it has to do before it has any. In a turn of the VM, without its lock. NULL: nothing. */
	void (*work)(void *ctx);
	/* The front-end starts afresh: what was begun by, or meant for, its time before is forgotten. May be NULL. */
	void (*reset)(void *ctx);
};

/* A back-end; ops NULL: not connected, what is sent is lost. */
struct chr {
	const struct chr_ops *ops;
	void *ctx;
};

static inline void chr_out(const struct chr *c, const u8 *buf, size_t len)
{
	if (c->ops)
		c->ops->out(c->ctx, buf, len);
}
static inline bool chr_waits(const struct chr *c)
{
	return c->ops && c->ops->waits && c->ops->waits(c->ctx);
}
static inline void chr_room(const struct chr *c)
{
	if (chr_waits(c))
		c->ops->room(c->ctx);
}
static inline void chr_work(const struct chr *c)
{
	if (c->ops && c->ops->work)
		c->ops->work(c->ctx);
}
static inline void chr_reset(const struct chr *c)
{
	if (c->ops && c->ops->reset)
		c->ops->reset(c->ctx);
}
