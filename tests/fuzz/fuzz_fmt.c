/* Format strings against the C library's snprintf (for what both support), number parsing, the command line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/cmdline.h"
#include "lib/fmt.h"

#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* One conversion made of the input's choices, so that the arguments always fit it. */
static void one_conversion(const uint8_t *d)
{
	static const char flags[] = "-0# +", kinds[] = "diuxXcsp%";
	static const char *const lengths[] = { "", "h", "hh", "l", "ll", "z" };
	char spec[32] = "<%", got[300], want[300];
	char kind = kinds[d[0] % (sizeof(kinds) - 1)];
	size_t n = 2, cut = d[1] % 80;
	u64 v;
	int a, b;

	memcpy(&v, d + 8, 8);
	for (int i = 0; i < 5; i++) {
		if (!(d[2] >> i & 1))
			continue;
		if (strchr("csp", kind) && flags[i] != '-')
			continue; /* undefined in C */
		if (flags[i] == '#' && !strchr("xX", kind))
			continue;
		spec[n++] = flags[i];
	}
	if (kind == '%')
		n = 2;
	else if (d[2] & 0x20)
		n += (size_t)sprintf(spec + n, "%d", d[3] % 60);
	if ((d[2] & 0x40) && strchr("diuxXs", kind))
		n += (size_t)sprintf(spec + n, ".%d", d[4] % 40);
	if (strchr("diuxX", kind))
		n += (size_t)sprintf(spec + n, "%s", lengths[d[5] % 6]);
	spec[n++] = kind;
	strcpy(spec + n, ">");
	if (strchr("diuxX", kind) && d[5] % 6 >= 3) {
		a = fmt_snprintf(got, cut, spec, v);
		b = snprintf(want, cut, spec, v);
	} else if (kind == 's') {
		a = fmt_snprintf(got, cut, spec, "some text");
		b = snprintf(want, cut, spec, "some text");
	} else if (kind == 'p') {
		a = fmt_snprintf(got, cut, spec, (void *)(v | 1));
		b = snprintf(want, cut, spec, (void *)(v | 1));
	} else {
		a = fmt_snprintf(got, cut, spec, (int)v);
		b = snprintf(want, cut, spec, (int)v);
	}
	require(a == b);
	require(!cut || !strcmp(got, want) || (kind == 'c' && !(char)v));
}

static void numbers(const char *s)
{
	u64 v = 0;

	if (fmt_parse_u64(s, false, &v) == OK) {
		bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');

		require(v == strtoull(s, NULL, hex ? 16 : 10));
	}
	(void)!fmt_parse_u64(s, true, &v);
}

static void line(const char *s)
{
	const char *pos = s;
	struct cmdline_word w;
	char buf[20];
	u64 v;

	while (cmdline_next(&pos, &w)) {
		require(w.key >= s && w.key + w.key_len <= pos && pos <= s + strlen(s));
		require(!w.value || (w.value == w.key + w.key_len + 1 && w.value + w.value_len == pos));
		require(cmdline_value(&w, buf, sizeof(buf)) != OK || strlen(buf) <= w.value_len);
	}
	(void)!cmdline_get(s, "a", buf, sizeof(buf));
	(void)!cmdline_get_nth(s, "a", 1, buf, sizeof(buf));
	(void)!cmdline_get_u64(s, "a", &v);
	(void)cmdline_flag(s, "a", true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), out[64];

	memcpy(text, data, size);
	text[size] = '\0';
	if (size >= 16)
		one_conversion(data);
	numbers(text);
	line(text);
	/* any text as a format, with more arguments than it can take of the kinds it may ask for */
	if (!strpbrk(text, "s*") && size < 16) {
		int n = fmt_snprintf(out, sizeof(out), text, 1l, 2l, 3l, 4l, 5l, 6l, 7l, 8l);

		require(n >= 0 && strlen(out) == (size_t)MIN(n, 63));
	}
	free(text);
	return 0;
}
