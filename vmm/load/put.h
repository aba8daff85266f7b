/* For the loaders themselves: what they put into guest RAM, and where. */
#pragma once

#include "vmm/load/load.h"

/* Little-endian fields at any alignment; the caller has checked that they lie inside the image. */
static inline u16 load_rd16(const void *p)
{
	u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline u32 load_rd32(const void *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 load_rd64(const void *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

/* Formats out->why and returns err, so that a loader can `return load_refuse(out, ERR_INVAL, "...", ...)`. */
int load_refuse(struct load_out *out, int err, const char *fmt, ...) __printf(3, 4);

/*
 * Takes [base, end) of guest RAM for a part of the image: it must be in RAM and leave a place for the structures
 * above; out->shift grows as needed. ERR_RANGE without a text in out->why: the caller names its fields.
 */
__must_check int load_claim(const struct load_in *in, struct load_out *out, u64 base, u64 end);

/* Fills out with the start state of a mode at rip: GDT written, page tables when 64-bit, stack set. */
__must_check int load_start_state(const struct load_in *in, struct load_out *out, enum load_mode mode, u64 rip);

/* Copies len bytes to gpa in guest RAM; what names them in the refusal. */
__must_check int load_put(const struct load_in *in, struct load_out *out, u64 gpa, const void *data, u64 len,
                          const char *what);

/*
 * The same with len bytes of a file, which stay where they are, and zeros behind them up to size bytes: through
 * in->copies, if there.
 */
__must_check int load_put_file(const struct load_in *in, struct load_out *out, u64 gpa, const void *data, u64 len,
                               u64 size, const char *what);

/*
 * Copies text (with its NUL) to gpa, which must end before end. *next, when not NULL, gets the address after it.
 * what names the text in the refusal.
 */
__must_check int load_put_text(const struct load_in *in, struct load_out *out, u64 gpa, u64 end, const char *text,
                               const char *what, u64 *next);

/*
 * Places all modules page-aligned, in order, as high as possible below limit in low RAM and above floor (one past
 * the image and its working space). gpas gets nr_modules addresses. Sets out->modules_base/end.
 */
__must_check int load_place_modules(const struct load_in *in, struct load_out *out, u64 floor, u64 limit, u64 *gpas);
