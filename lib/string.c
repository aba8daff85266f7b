/*
 * The C string functions of the freestanding build. Compile with -ffreestanding: OPAQUE() in the loops keeps the
 * compiler from recognising them and calling the very function being defined.
 */
#include "lib/string.h"

#define OPAQUE() asm volatile("" : : : "memory")

/*
 * Quadwords, then the rest by bytes: processors copy both forms at full width, and an emulator that counts each
 * repetition takes an eighth of the time.
 */
static void copy_forwards(void *d, const void *s, size_t n)
{
	size_t quads = n / 8, rest = n % 8;

	asm volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(quads) : : "memory");
	asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(rest) : : "memory");
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_forwards(dst, src, n);
	return dst;
}

/* Backwards without DF: an NMI handler in C must find the direction flag clear. */
static void copy_backwards(u8 *d, const u8 *s, size_t n)
{
	while (n && (n & 7)) {
		n--;
		d[n] = s[n];
		OPAQUE();
	}
	while (n) {
		u64 v;

		n -= 8;
		asm volatile("movq %1, %0" : "=r"(v) : "m"(*(const u64 *)(s + n)));
		asm volatile("movq %1, %0" : "=m"(*(u64 *)(d + n)) : "r"(v) : "memory");
	}
}

void *memmove(void *dst, const void *src, size_t n)
{
	/* Forward is right whenever dst does not start inside src. */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_forwards(dst, src, n);
	else
		copy_backwards(dst, src, n);
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	size_t quads = n / 8, rest = n % 8;
	u64 v = (u8)c * 0x0101010101010101ull;
	void *d = dst;

	asm volatile("rep stosq" : "+D"(d), "+c"(quads) : "a"(v) : "memory");
	asm volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(v) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != q[i])
			return p[i] < q[i] ? -1 : 1;
		OPAQUE();
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const u64 ones = 0x0101010101010101, tops = ones << 7, all = ones * (u8)c;
	const u8 *p = s;
	size_t i = 0;

	/* A byte that is 0 once the one looked for is taken out borrows into its top bit: here, or in a later one. */
	for (; n - i >= 8; i += 8) {
		u64 v;

		asm volatile("movq %1, %0" : "=r"(v) : "m"(*(const u64 *)(p + i)));
		v ^= all;
		if ((v - ones) & ~v & tops)
			break;
	}
	for (; i < n; i++) {
		if (p[i] == (u8)c)
			return (void *)(p + i);
		OPAQUE();
	}
	return NULL;
}

size_t strlen(const char *s)
{
	return strnlen(s, ~(size_t)0);
}

size_t strnlen(const char *s, size_t max)
{
	size_t left = max;
	const char *p = s;
	bool found = false;

	/* An emulator counts each repetition once, and each turn of a loop five times. */
	asm volatile("test %1, %1\n\trepne scasb\n\tsete %2"
	             : "+D"(p), "+c"(left), "=q"(found)
	             : "a"(0)
	             : "memory", "cc");
	return max ? max - left - found : 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		u8 x = (u8)a[i], y = (u8)b[i];

		if (x != y)
			return x < y ? -1 : 1;
		if (!x)
			break;
		OPAQUE();
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
		OPAQUE();
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)last;
		OPAQUE();
	}
}

char *strstr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	for (;; hay++) {
		if (!strncmp(hay, needle, n))
			return (char *)hay;
		if (!*hay)
			return NULL;
	}
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 99;
}

unsigned long strtoul(const char *s, char **end, int base)
{
	const char *p = s;
	unsigned long v = 0;
	bool neg = false, any = false, over = false;

	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	if (*p == '+' || *p == '-')
		neg = *p++ == '-';
	if ((base == 0 || base == 16) && p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_of(p[2]) < 16) {
		p += 2;
		base = 16;
	} else if (base == 0) {
		base = *p == '0' ? 8 : 10;
	}
	for (; digit_of(*p) < base; p++) {
		any = true;
		over |= __builtin_mul_overflow(v, (unsigned long)base, &v);
		over |= __builtin_add_overflow(v, (unsigned long)digit_of(*p), &v);
	}
	if (end)
		*end = (char *)(any ? p : s);
	if (over)
		return ~0ul;
	return neg ? -v : v;
}
