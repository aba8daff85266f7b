#include "vmm/mon/obuf.h"

#include "lib/atomic.h"
#include "lib/string.h"

void obuf_init(struct obuf *o, u8 *buf, u32 size)
{
	*o = (struct obuf){ .buf = buf, .size = size };
}

u32 obuf_used(const struct obuf *o)
{
	return (u32)(o->head - atomic_load_acquire(&o->tail));
}

u32 obuf_ready(const struct obuf *o)
{
	return (u32)(atomic_load_acquire(&o->sealed) - o->tail);
}

u32 obuf_room(const struct obuf *o)
{
	return o->size - obuf_used(o);
}

void obuf_write(struct obuf *o, const void *data, size_t n)
{
	const u8 *from = data;

	if (o->overflow || n > obuf_room(o)) {
		o->overflow = true;
		return;
	}
	while (n) {
		size_t at = o->head % o->size, k = MIN(n, o->size - at);

		memcpy(o->buf + at, from, k);
		o->head += k;
		from += k;
		n -= k;
	}
	if (!o->open)
		atomic_store_release(&o->sealed, o->head);
}

size_t obuf_read(struct obuf *o, void *data, size_t n)
{
	size_t done = 0;
	u8 *to = data;

	n = MIN(n, (size_t)obuf_ready(o));
	while (done < n) {
		size_t at = (o->tail + done) % o->size, k = MIN(n - done, o->size - at);

		memcpy(to + done, o->buf + at, k);
		done += k;
	}
	atomic_store_release(&o->tail, o->tail + done);
	return done;
}

u64 obuf_mark(struct obuf *o)
{
	o->overflow = false;
	o->open = true;
	return o->head;
}

void obuf_rollback(struct obuf *o, u64 mark)
{
	o->overflow = false;
	o->head = mark;
}

void obuf_seal(struct obuf *o)
{
	o->open = false;
	atomic_store_release(&o->sealed, o->head);
}
