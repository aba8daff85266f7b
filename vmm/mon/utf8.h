/* One UTF-8 character at a time (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
#pragma once

#include "lib/types.h"

/* Bytes that a character beginning with this byte has; 0: none begins so. */
static inline u32 utf8_length(u8 first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

/* The character at s (n bytes left) in *cp. Returns its length, 0 when it is malformed or cut. */
static inline u32 utf8_decode(const char *s, size_t n, u32 *cp)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	u32 len = n ? utf8_length((u8)s[0]) : 0;
	u32 c;

	if (!len || len > n)
		return 0;
	if (len == 1) {
		*cp = (u8)s[0];
		return 1;
	}
	c = (u8)s[0] & (0x7fu >> len);
	for (u32 i = 1; i < len; i++) {
		if (((u8)s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((u8)s[i] & 0x3f);
	}
	if (c < least[len] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	*cp = c;
	return len;
}

/* Writes cp (a valid one) to s, which has room for 4 bytes. Returns its length. */
static inline u32 utf8_encode(u32 cp, char *s)
{
	if (cp < 0x80) {
		s[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		s[0] = (char)(0xc0 | cp >> 6);
		s[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		s[0] = (char)(0xe0 | cp >> 12);
		s[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		s[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	s[0] = (char)(0xf0 | cp >> 18);
	s[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	s[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	s[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}
