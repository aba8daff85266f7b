/*
 * What an instruction has done at devices already. One that does much there is carried out in several goes, with the
 * rest of the hypervisor's work between them: each go begins at the instruction's first access, and those that an
 * earlier one has done are answered from here, in the same order, instead of being done again. Pure.
 */
#pragma once

#include "lib/types.h"

/* ENTER with 31 levels reads 31 values and writes 32; with all of it over two pages each of them is two accesses. */
#define EMUL_DONE_ACCESSES 128
#define EMUL_DONE_BYTES    512

enum emul_done_kind { EMUL_DONE_READ, EMUL_DONE_WRITE, EMUL_DONE_IN, EMUL_DONE_OUT };

struct emul_done {
	u32 nr;    /* accesses that are kept */
	u32 at;    /* how many of them this go has come by */
	u32 bytes; /* of data */
	bool full; /* one could not be kept: there can be no further go */
	struct {
		u64 where; /* guest-physical address or port */
		u16 data;  /* where what was read is */
		u8 len, kind;
	} access[EMUL_DONE_ACCESSES];
	u8 data[EMUL_DONE_BYTES];
};

/* Another instruction or iteration begins: forgets all. */
static inline void emul_done_clear(struct emul_done *d)
{
	d->nr = d->at = d->bytes = 0;
	d->full = false;
}

/* Another go of the same one begins. */
static inline void emul_done_again(struct emul_done *d)
{
	d->at = 0;
}

/*
 * Whether the access that comes now is the next one of an earlier go: of a kind, at a place, of len bytes. What was read
 * goes to buf. When it is another one (memory that others write to has changed its course) the rest is forgotten.
 */
bool emul_done_take(struct emul_done *d, enum emul_done_kind kind, u64 where, void *buf, u32 len);

/* The access was done now: keeps it, with what was read. */
void emul_done_add(struct emul_done *d, enum emul_done_kind kind, u64 where, const void *buf, u32 len);
