/* The accesses that earlier goes of an instruction have done; see done.h. */
#include "vmm/emul/done.h"

#include "lib/string.h"

static bool is_read(enum emul_done_kind kind)
{
	return kind == EMUL_DONE_READ || kind == EMUL_DONE_IN;
}

bool emul_done_take(struct emul_done *d, enum emul_done_kind kind, u64 where, void *buf, u32 len)
{
	u32 i = d->at;

	if (i == d->nr)
		return false;
	if (d->access[i].where != where || d->access[i].len != len || d->access[i].kind != (u8)kind) {
		d->nr = i;
		d->bytes = d->access[i].data;
		return false;
	}
	if (is_read(kind))
		memcpy(buf, d->data + d->access[i].data, len);
	d->at++;
	return true;
}

void emul_done_add(struct emul_done *d, enum emul_done_kind kind, u64 where, const void *buf, u32 len)
{
	u32 i = d->nr, need = is_read(kind) ? len : 0;

	if (d->full)
		return;
	if (i == EMUL_DONE_ACCESSES || len > 0xff || need > EMUL_DONE_BYTES - d->bytes) {
		d->full = true;
		return;
	}
	d->access[i].where = where;
	d->access[i].data = (u16)d->bytes;
	d->access[i].len = (u8)len;
	d->access[i].kind = (u8)kind;
	if (need)
		memcpy(d->data + d->bytes, buf, need);
	d->bytes += need;
	d->at = d->nr = i + 1;
}
