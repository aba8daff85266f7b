/* printf-style formatting without floats; every conversion ends in put_field. */
#include "lib/fmt.h"
#include "lib/err.h"
#include "lib/string.h"

struct out {
	char *buf;
	size_t size;
	size_t len; /* of the whole text, stored or not */
};

struct spec {
	bool left, zero, alt, space, plus;
	int width;
	int precision; /* -1: none */
};

#define WIDTH_MAX 4096 /* a hostile %*d must not spin for ever */

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

/* How many of n more characters are stored. */
static size_t room(const struct out *o, size_t n)
{
	return o->len + 1 < o->size ? MIN(n, o->size - 1 - o->len) : 0;
}

static void put_n(struct out *o, char c, int n)
{
	if (n <= 0)
		return;
	if (room(o, (size_t)n))
		memset(o->buf + o->len, c, room(o, (size_t)n));
	o->len += (size_t)n;
}

static void put_text(struct out *o, const char *s, int n)
{
	if (room(o, (size_t)n))
		memcpy(o->buf + o->len, s, room(o, (size_t)n));
	o->len += (size_t)n;
}

/* prefix (sign or 0x), then zeros, then text; padded to the width. */
static void put_field(struct out *o, const struct spec *sp, const char *prefix, int zeros, const char *text, int len)
{
	int plen = prefix[0] ? (int)strlen(prefix) : 0;
	int pad = sp->width - plen - zeros - len;

	/* Mostly there is but the text. */
	if (pad > 0 && !sp->left)
		put_n(o, ' ', pad);
	if (plen)
		put_text(o, prefix, plen);
	if (zeros > 0)
		put_n(o, '0', zeros);
	if (len)
		put_text(o, text, len);
	if (pad > 0 && sp->left)
		put_n(o, ' ', pad);
}

static void put_number(struct out *o, const struct spec *sp, u64 v, bool negative, unsigned int base, bool upper,
                       const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24], *at = text + sizeof(text);
	int len, zeros = 0;

	/* A division costs as much as all else of a digit. */
	if (base == 16)
		for (u64 n = v; n; n >>= 4)
			*--at = digits[n & 15];
	else
		for (u64 n = v; n; n /= 10)
			*--at = (char)('0' + n % 10);
	len = (int)(text + sizeof(text) - at);
	if (negative)
		prefix = "-";
	if (sp->precision >= 0)
		zeros = sp->precision - len;
	else if (len == 0)
		zeros = 1;
	if (sp->precision < 0 && sp->zero && !sp->left)
		zeros = MAX(zeros, sp->width - (prefix[0] ? (int)strlen(prefix) : 0) - len);
	put_field(o, sp, prefix, MAX(zeros, 0), at, len);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	size_t max = sp->precision >= 0 ? (size_t)sp->precision : 0x7fffffff;

	if (!s)
		s = "(null)";
	put_field(o, sp, "", 0, s, (int)strnlen(s, max));
}

static int clamp_width(int w)
{
	return MAX(MIN(w, WIDTH_MAX), -WIDTH_MAX);
}

/* A decimal number in the format; stops growing at WIDTH_MAX. */
static const char *read_int(const char *f, int *v)
{
	for (*v = 0; *f >= '0' && *f <= '9'; f++)
		*v = clamp_width(*v * 10 + (*f - '0'));
	return f;
}

static const char *read_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '-': sp->left = true; break;
		case '0': sp->zero = true; break;
		case '#': sp->alt = true; break;
		case ' ': sp->space = true; break;
		case '+': sp->plus = true; break;
		default: return f;
		}
	}
}

/* Length modifiers as a byte size: hh 1, h 2, none 4, l ll z j t 8. */
static const char *read_length(const char *f, int *bytes)
{
	*bytes = 4;
	if (*f == 'h') {
		*bytes = 2;
		if (*++f == 'h') {
			*bytes = 1;
			f++;
		}
	} else if (*f == 'l') {
		*bytes = 8;
		if (*++f == 'l')
			f++;
	} else if (*f == 'z' || *f == 'j' || *f == 't') {
		*bytes = 8;
		f++;
	}
	return f;
}

/* va_list inside a struct, so that it can be passed by pointer on every ABI. */
struct args {
	va_list ap;
};

static u64 arg_unsigned(struct args *a, int bytes)
{
	u64 v = bytes == 8 ? va_arg(a->ap, unsigned long) : va_arg(a->ap, unsigned int);

	return bytes >= 4 ? v : v & ((1u << (bytes * 8)) - 1);
}

static s64 arg_signed(struct args *a, int bytes)
{
	s64 v = bytes == 8 ? va_arg(a->ap, long) : va_arg(a->ap, int);

	if (bytes == 2)
		return (s16)v;
	return bytes == 1 ? (s8)v : v;
}

static void put_signed(struct out *o, const struct spec *sp, s64 v)
{
	u64 magnitude = v < 0 ? 0 - (u64)v : (u64)v;
	const char *prefix = "";

	if (sp->plus)
		prefix = "+";
	else if (sp->space)
		prefix = " ";
	put_number(o, sp, magnitude, v < 0, 10, false, prefix);
}

static void put_hex(struct out *o, const struct spec *sp, u64 v, bool upper)
{
	const char *prefix = upper ? "0X" : "0x";

	put_number(o, sp, v, false, 16, upper, sp->alt && v ? prefix : "");
}

/* One conversion; f stands behind the '%'. Returns where the text goes on. */
static const char *convert(struct out *o, const char *f, struct args *a)
{
	struct spec sp = { .precision = -1 };
	int bytes;
	char c;

	f = read_flags(f, &sp);
	if (*f == '*') {
		sp.width = clamp_width(va_arg(a->ap, int));
		f++;
	} else {
		f = read_int(f, &sp.width);
	}
	if (sp.width < 0) {
		sp.left = true;
		sp.width = -sp.width;
	}
	if (*f == '.') {
		if (*++f == '*') {
			sp.precision = clamp_width(va_arg(a->ap, int));
			f++;
		} else {
			f = read_int(f, &sp.precision);
		}
	}
	f = read_length(f, &bytes);
	switch (*f) {
	case 'd':
	case 'i': put_signed(o, &sp, arg_signed(a, bytes)); break;
	case 'u': put_number(o, &sp, arg_unsigned(a, bytes), false, 10, false, ""); break;
	case 'x':
	case 'X': put_hex(o, &sp, arg_unsigned(a, bytes), *f == 'X'); break;
	case 'p': put_number(o, &sp, (uintptr_t)va_arg(a->ap, void *), false, 16, false, "0x"); break;
	case 's': put_string(o, &sp, va_arg(a->ap, const char *)); break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_field(o, &sp, "", 0, &c, 1);
		break;
	case '%': put(o, '%'); break;
	case '\0': return f;
	default: /* not ours: shown as it stands, without taking an argument */ put(o, '%'); put(o, *f);
	}
	return f + 1;
}

/* The text up to the next conversion, or the end. Returns where that is. */
static const char *put_literal(struct out *o, const char *f)
{
	const char *from = f;

	while (*f && *f != '%')
		f++;
	put_text(o, from, (int)(f - from));
	return f;
}

int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&o, fmt + 1, &a);
		else
			fmt = put_literal(&o, fmt);
	}
	va_end(a.ap);
	if (size)
		buf[MIN(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

static unsigned int suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K': return 10;
	case 'm':
	case 'M': return 20;
	case 'g':
	case 'G': return 30;
	}
	return 0;
}

int fmt_parse_u64(const char *s, bool suffix, u64 *out)
{
	unsigned int base = 10, shift = 0;
	u64 v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (digit_value(*s) >= base)
		return ERR_INVAL;
	for (; digit_value(*s) < base; s++) {
		if (__builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)digit_value(*s), &v))
			return ERR_RANGE;
	}
	if (suffix && *s) {
		shift = suffix_shift(*s);
		s += shift != 0;
	}
	if (*s)
		return ERR_INVAL;
	if (shift && v >> (64 - shift))
		return ERR_RANGE;
	*out = v << shift;
	return OK;
}
