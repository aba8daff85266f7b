/*
 * Strict JSON (RFC 8259) into a caller's array of tokens: no allocation, no recursion. The text must be UTF-8.
 * Refused beside what is malformed: nesting deeper than JSON_DEPTH, keys that appear twice in an object, the
 * character U+0000, numbers that are not whole (unless asked for) or do not fit 64 bits, and keys made to hash alike.
 * The work is linear in the text, whatever is in it.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define JSON_DEPTH 8

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/*
 * A value, or a key (a JSON_STRING that comes before its value). The children of an array or object follow it;
 * next is the token behind the last of them.
 */
struct json_tok {
	enum json_type type;
	u32 start, len; /* in the text; of a string: without its quotes */
	u32 next;
	u32 count; /* elements of an array, members of an object */
	s64 num;   /* of a number (its whole part) or bool */
	u64 hash;  /* of a key, decoded */
	bool is_key;
};

struct json_err {
	u32 pos;          /* byte in the text */
	const char *what; /* static */
};

struct json_doc {
	const char *text;
	u32 len;
	struct json_tok *toks;
	u32 nr;
	u32 looked; /* bytes of strings decoded while it was parsed: at most twice its length, and a key */
};

/* Work that is done in pieces: point(arg) is called whenever some 16 bytes were looked at, and may take its time. */
struct json_pace {
	void (*point)(void *arg);
	void *arg;
};

/*
 * Parses one value that fills the text, but for white space. toks: room for cap tokens. decimals: numbers may have
 * a fraction and an exponent (num is then their whole part without the exponent). pace: NULL: in one piece. OK, or
 * ERR_INVAL with *e.
 */
__must_check int json_parse_paced(struct json_doc *doc, const char *text, size_t len, struct json_tok *toks, u32 cap,
                                  bool decimals, const struct json_pace *pace, struct json_err *e);
__must_check static inline int json_parse(struct json_doc *doc, const char *text, size_t len, struct json_tok *toks,
                                          u32 cap, bool decimals, struct json_err *e)
{
	return json_parse_paced(doc, text, len, toks, cap, decimals, NULL, e);
}

/* Value of the member named key of the object tok, or NULL. */
const struct json_tok *json_get(const struct json_doc *doc, const struct json_tok *obj, const char *key);
/* First child of an array or object (for an object a key, whose value follows it),
 * and what comes after one; NULL: no more. */
const struct json_tok *json_first(const struct json_doc *doc, const struct json_tok *parent);
const struct json_tok *json_next(const struct json_doc *doc, const struct json_tok *parent,
                                 const struct json_tok *child);
/*
 * The decoded string (or a number or word as written) with a NUL behind it; its length, unless NULL. pace: as for
 * json_parse_paced(). OK, ERR_NOSPC, ERR_INVAL for the rest.
 */
__must_check int json_str_paced(const struct json_doc *doc, const struct json_tok *tok, char *buf, size_t size,
                                const struct json_pace *pace, size_t *len);
__must_check static inline int json_str(const struct json_doc *doc, const struct json_tok *tok, char *buf,
                                        size_t size)
{
	return json_str_paced(doc, tok, buf, size, NULL, NULL);
}
/* Whether the decoded string is s. */
bool json_str_is(const struct json_doc *doc, const struct json_tok *tok, const char *s);
