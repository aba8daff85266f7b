/*
 * Formatting. Supports %d %i %u %x %X %c %s %p %% with flags '-', '0', '#', ' ', '+', width, precision, '*',
 * and the length modifiers hh, h, l, ll, z.
 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

/* As C's vsnprintf/snprintf: returns the length the whole text would have; always terminates when size > 0. */
int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int fmt_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/*
 * Parses an unsigned number ("123", "0x7f", optional suffix K/M/G when suffix is true).
 * The whole string must be consumed. Returns OK, ERR_INVAL or ERR_RANGE.
 */
int fmt_parse_u64(const char *s, bool suffix, u64 *out);
