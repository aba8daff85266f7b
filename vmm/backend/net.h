/*
 * Network back-ends: what a network card is connected to. The front-end (an e1000) knows this contract, never who is
 * behind it: nobody, later a port of a switch.
 *
 * Frames begin with their destination's address and end before the check sequence. Each is copied twice in all: in by
 * a turn of the VM that sends, out by a turn of the one that receives; no CPU has another VM's RAM mapped, so that what
 * lies between is memory of the hypervisor. All calls but changed() come with the front-end's VM's lock held, or while
 * no vCPU runs; nothing here ever blocks, and each copies one frame at most, NET_FRAME_MAX bytes.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define NET_FRAME_MAX 16384 /* bytes, without check sequence */
#define NET_MAC_LEN   6

struct net_frame {
	const u8 *data;
	u32 len;
	/*
	 * A checksum that is still to be made: the ones' complement sum of the bytes from csum_start to csum_end, the
	 * complement of which goes to csum_at; what is there already is part of the sum. csum_at 0: there is none. Who
	 * hands it on may make it, or tell the next one to.
	 */
	u32 csum_start, csum_end, csum_at;
};

/*
 * What a back-end calls, on any CPU, any lock held: it has room again for a frame that it refused, it has frames for
 * the front-end, or the link has come or gone. It only notes that and asks for a turn of the VM.
 */
struct net_front {
	void (*changed)(void *arg);
	void *arg;
};

struct net_ops {
	/* Who is told. front, which is copied, may be NULL: nobody any more. */
	void (*connect)(void *ctx, const struct net_front *front);
	bool (*link)(void *ctx);
	/*
	 * A frame goes out: it is copied before this returns. OK, also for one that is lost on its way; ERR_BUSY: there
	 * is no room, changed() will be called; ERR_INVAL: no such frame.
	 */
	int (*send)(void *ctx, const struct net_frame *frame);
	/*
	 * The frame that is next for the front-end, complete with its checksums, or NULL. It stays where it is until
	 * taken(), so that a front-end may copy it in pieces, or wait until its guest has room.
	 */
	const struct net_frame *(*next)(void *ctx);
	void (*taken)(void *ctx);
};

/* A back-end; ops NULL: there is none, the cable is not plugged in and frames are lost. */
struct net {
	const struct net_ops *ops;
	void *ctx;
};

static inline void net_connect(const struct net *n, const struct net_front *front)
{
	if (n->ops)
		n->ops->connect(n->ctx, front);
}
static inline bool net_link(const struct net *n)
{
	return n->ops && n->ops->link(n->ctx);
}
static inline __must_check int net_send(const struct net *n, const struct net_frame *frame)
{
	return n->ops ? n->ops->send(n->ctx, frame) : OK;
}
static inline const struct net_frame *net_next(const struct net *n)
{
	return n->ops ? n->ops->next(n->ctx) : NULL;
}
static inline void net_taken(const struct net *n)
{
	n->ops->taken(n->ctx);
}

/* Whether frame can be: for send(). */
static inline bool net_frame_ok(const struct net_frame *f)
{
	return f->len && f->len <= NET_FRAME_MAX &&
	       (!f->csum_at || (f->csum_start <= f->csum_end && f->csum_end <= f->len && f->csum_at + 2 <= f->len));
}
