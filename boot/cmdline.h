/*
 * The hypervisor's own command line: words separated by blanks, each "key" or "key=value"; a value (or part of it)
 * may stand in double quotes to hold blanks. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

/* One word of the line, pointing into it; quotes still inside. */
struct cmdline_word {
	const char *key;
	size_t key_len;
	const char *value; /* NULL for a word without '=' */
	size_t value_len;
};

/* Steps through the line: *pos starts at the line's beginning. false at the end. */
bool cmdline_next(const char **pos, struct cmdline_word *w);

/* true when w's key is key. */
bool cmdline_is(const struct cmdline_word *w, const char *key);

/* Copies w's value to buf without its quotes. OK; ERR_NOENT without value;
 * ERR_NOSPC when it does not fit (buf is ""). */
__must_check int cmdline_value(const struct cmdline_word *w, char *buf, size_t size);

/*
 * Value of the nth (from 0) "key=..." in the line. OK; ERR_NOENT when there is none (buf is ""); ERR_NOSPC when it
 * does not fit.
 */
__must_check int cmdline_get_nth(const char *line, const char *key, unsigned int nth, char *buf, size_t size);

/* The last "key=..." of the line: later words override earlier ones. Errors as cmdline_get_nth. */
__must_check int cmdline_get(const char *line, const char *key, char *buf, size_t size);

/* A number (fmt_parse_u64 with suffix). OK; ERR_NOENT without such a key
 * (*out untouched); ERR_INVAL/ERR_RANGE malformed. */
__must_check int cmdline_get_u64(const char *line, const char *key, u64 *out);

/*
 * A switch: "key", "key=on|yes|true|1" give true; "key=off|no|false|0" and "nokey" give false; the last one counts.
 * dflt when it is not mentioned or its value is none of these.
 */
bool cmdline_flag(const char *line, const char *key, bool dflt);
