/* Growing text, JSON strings, tokens as text. */
#include "tools/bhctl/bhctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/mon/utf8.h"

void text_add(struct text *t, const char *s, size_t n)
{
	if (t->len + n + 1 > t->cap) {
		t->cap = (t->len + n + 1) * 2;
		t->s = realloc(t->s, t->cap);
		if (!t->s)
			die(EXIT_CHANNEL, "out of memory");
	}
	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = '\0';
}

void text_printf(struct text *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	text_add(t, buf, MIN((size_t)n, sizeof(buf) - 1));
}

bool text_json(struct text *t, const char *s, size_t n)
{
	u32 cp, k;

	text_add(t, "\"", 1);
	for (; n; s += k, n -= k) {
		k = utf8_decode(s, n, &cp);
		if (!k || !cp)
			return false;
		if (cp < 0x20 || cp == 0x7f || cp == '"' || cp == '\\')
			text_printf(t, "\\u%04x", cp);
		else
			text_add(t, s, k);
	}
	text_add(t, "\"", 1);
	return true;
}

char *token_text(const struct json_doc *doc, const struct json_tok *tok, bool safe)
{
	struct text t = { 0 };
	char *raw = malloc(tok->len + 1);
	size_t n;
	u32 cp = 0, k;

	if (!raw)
		die(EXIT_CHANNEL, "out of memory");
	if (json_str(doc, tok, raw, tok->len + 1) != OK)
		raw[0] = '\0';
	if (!safe)
		return raw;
	n = strlen(raw);
	text_add(&t, "", 0);
	for (const char *s = raw; n; s += k, n -= k) {
		k = utf8_decode(s, n, &cp);
		if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			text_printf(&t, "\\x%02x", cp);
		else if ((cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069))
			text_printf(&t, "\\u%04x", cp);
		else
			text_add(&t, s, k);
	}
	free(raw);
	return t.s;
}
