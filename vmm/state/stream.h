/*
 * The stream that described states are saved in: for dumps, snapshots and migration alike. Pure. It describes itself,
 * so that a tool can show a stream whose fields it has never heard of. Everything is little-endian.
 *
 *	stream  header record* end              whole words of 8 bytes; 8-byte alignment of the buffer is not needed
 *	header  "BHSTATE" 0, u32 format, u32 0
 *	record  u32 1, u32 length               of the whole record
 *	        tag, name of the struct         names: u8 length, then that many characters, a-z 0-9 _ -
 *	        u16 version of its list
 *	        schema: u8 number of fields; for each: its name, u8 type (enum state_type), u8 array, u32 count,
 *	                and of a group its schema
 *	        data: in the order of the schema, arrays and groups element by element
 *	        0 to 7 bytes of 0
 *	end     u32 2, u32 24, u32 number of records, u32 0, u64 sum of all words before it
 *
 * A stream comes from outside: whoever reads one trusts nothing of it. What cannot be is refused, with the device,
 * the field, the value and the reason.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/state/fields.h"

#define STATE_FORMAT     1
#define STATE_NAME_MAX   32 /* of a tag, a struct, a field, with its terminator */
#define STATE_PATH_MAX   96 /* "chan[0].start" */
#define STATE_DEPTH      4  /* groups in groups; the struct itself is the first */
#define STATE_FIELDS_MAX 255

/* ---- refusals ---- */

struct state_refusal {
	char tag[STATE_NAME_MAX];   /* the record's: which device; "stream": none in particular */
	char field[STATE_PATH_MAX]; /* "" when it is none; what came from outside is made printable */
	u64 value;
	const char *reason; /* lives for ever */
};

/* Fills r. field "": the record itself. Returns ERR_INVAL. */
int state_refusal_set(struct state_refusal *r, const char *tag, const char *field, u64 value, const char *reason);
/* "uart0: rx_head: 16: is beyond the FIFO". As fmt_snprintf. */
int state_refusal_text(const struct state_refusal *r, char *buf, size_t size);

/* ---- writing ---- */

struct state_writer {
	u8 *buf;
	size_t cap;
	size_t len; /* what the stream needs so far; what is beyond cap is not written */
	u32 nr;     /* records */
};

/* buf may be NULL with cap 0: then only the length is found. */
void state_write_begin(struct state_writer *w, u8 *buf, size_t cap);
/* One record. tag: at most STATE_NAME_MAX - 1 of a-z 0-9 _ -. */
void state_write(struct state_writer *w, const char *tag, const struct state_desc *desc, const void *state);
/* OK, or ERR_NOSPC: w->len bytes are needed (also when only the length was asked for). */
__must_check int state_write_end(struct state_writer *w);

/* ---- reading ---- */

struct state_reader {
	const u8 *buf;
	size_t end; /* where the end record begins */
	size_t at;  /* next record */
};

struct state_record {
	char tag[STATE_NAME_MAX], name[STATE_NAME_MAX];
	u16 version;
	const u8 *body; /* schema and data */
	size_t len;     /* of body, with the padding */
};

/* Checks the stream as a whole: header, records' lengths, the end's count and sum. OK or ERR_INVAL (refused). */
__must_check int state_read_begin(struct state_reader *s, const void *buf, size_t len, struct state_refusal *refusal);
/* The next record: 1; none left: 0; ERR_INVAL (refused). */
__must_check int state_read(struct state_reader *s, struct state_record *rec, struct state_refusal *refusal);
/*
 * The record's state, in canonical form. All is checked that desc tells: name and version, every field's name, place,
 * type and count, the data's length, that bools are 0 or 1. OK or ERR_INVAL (refused); state is then worthless.
 */
__must_check int state_decode(const struct state_record *rec, const struct state_desc *desc, void *state,
                              struct state_refusal *refusal);

/* ---- states in memory ---- */

/* Canonical form: the padding is zero, so that equal states are equal bytes. dst and src: different structs. */
void state_copy(const struct state_desc *desc, void *dst, const void *src);

/*
 * Tells every field: emit(arg, "chan[0].start", "0x1f 2 3"). Numbers below 10 are decimal, others hexadecimal. Long
 * arrays come in rows of 16 ("reg[32]") without those that are zero; an array that is zero is "0 ...", a group's
 * element that is zero is left out if it is one of several, and those that are the same come once ("msix[0-63].ctrl").
 * In between, whenever a field or an element was looked at, emit(arg, NULL, NULL): it may take its time.
 */
void state_show(const struct state_desc *desc, const void *state,
                void (*emit)(void *arg, const char *field, const char *values), void *arg);
