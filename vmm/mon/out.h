/*
 * Structured output. A command emits records once; they become a table for a person (OUT_TEXT) or one JSON object for
 * a program (OUT_JSON), by the same column descriptions. Text streams through a sink: nothing is stored, so column
 * widths are given; what is wider pushes the rest of its line to the right.
 *
 *	open { rec cell... rec_end | table { row cell... row_end } table_end | lines { line } lines_end } close
 *
 * Cells come in the order of the columns, one call each. Strings may hold anything: control characters are escaped in
 * both forms, and bytes that are no UTF-8 are replaced.
 */
#pragma once

#include "lib/types.h"

enum out_format { OUT_TEXT, OUT_JSON };

enum out_type {
	OUT_STR,   /* out_str */
	OUT_NUM,   /* out_u64: decimal */
	OUT_HEX,   /* out_u64: in JSON a string, for many readers' numbers have 53 bits */
	OUT_SIZE,  /* out_u64: bytes; as text with a unit. Keys end in _bytes */
	OUT_TIME,  /* out_u64: ns; as text in seconds. Keys end in _ns */
	OUT_CENTI, /* out_u64: hundredths; 1234 is 12.34 */
	OUT_BOOL,  /* out_u64 */
	OUT_PAIRS, /* out_pairs: an object of numbers */
};

struct out_col {
	const char *key;   /* in JSON */
	const char *label; /* in text */
	enum out_type type;
	s8 width; /* columns in a table; negative: to the right */
};

struct out {
	enum out_format format;
	void (*write)(void *ctx, const char *text, size_t len);
	void *ctx;
	void (*point)(void *ctx); /* told before each cell and line, and along long ones; NULL: nobody */
	char buf[128];            /* text on its way to write */
	u32 len;
	const struct out_col *cols; /* of the record being written; NULL: none */
	u32 nr_cols, col;
	bool in_table;
	u32 per_line; /* text of a table: 0: one line a row; else "label value" cells, this many a line */
	bool comma;   /* JSON: a value stands before on this level */
	u32 pad;      /* text: spaces owed before the next cell */
};

void out_init(struct out *o, enum out_format format, void (*write)(void *ctx, const char *text, size_t len),
              void *ctx);

/* The result as a whole; close flushes. */
void out_open(struct out *o);
void out_close(struct out *o);

/* A record by itself: members of the result; as text, a line "label: value" each. */
void out_rec(struct out *o, const struct out_col *cols, u32 nr);
void out_rec_end(struct out *o);

/* An array of records named key. */
void out_table(struct out *o, const char *key, const struct out_col *cols, u32 nr);
/* The same for records too wide for a line: as text, cells "label value", per_line to a line. */
void out_blocks(struct out *o, const char *key, const struct out_col *cols, u32 nr, u32 per_line);
void out_row(struct out *o);
void out_row_end(struct out *o);
void out_table_end(struct out *o);

/* An array of strings named key; as text, lines as they are. */
void out_lines(struct out *o, const char *key);
void out_line(struct out *o, const char *text, size_t len);
void out_lines_end(struct out *o);

/* The next cell of the record, of a number type or a string type. */
void out_u64(struct out *o, u64 v);
void out_str(struct out *o, const char *s);
/* A cell of named numbers. Text shows those with in_text. */
void out_pairs(struct out *o);
void out_pair(struct out *o, const char *name, u64 v, bool in_text);
void out_pairs_end(struct out *o);

/* Below the records: text as it is, and a JSON string with its quotes. */
void out_raw(struct out *o, const char *text, size_t len);
void out_json_str(struct out *o, const char *s, size_t len);
void out_flush(struct out *o);
