/* The hypervisor's command line. */
#include "boot/cmdline.h"
#include "lib/fmt.h"
#include "lib/string.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool cmdline_next(const char **pos, struct cmdline_word *w)
{
	const char *p = *pos;
	bool quoted = false;

	while (blank(*p))
		p++;
	*pos = p;
	if (!*p)
		return false;
	*w = (struct cmdline_word){ .key = p };
	for (; *p && (quoted || !blank(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		if (*p == '=' && !w->value && !quoted) {
			w->key_len = (size_t)(p - w->key);
			w->value = p + 1;
		}
	}
	if (w->value)
		w->value_len = (size_t)(p - w->value);
	else
		w->key_len = (size_t)(p - w->key);
	*pos = p;
	return true;
}

bool cmdline_is(const struct cmdline_word *w, const char *key)
{
	return strlen(key) == w->key_len && !memcmp(key, w->key, w->key_len);
}

int cmdline_value(const struct cmdline_word *w, char *buf, size_t size)
{
	size_t n = 0;

	if (!size)
		return ERR_NOSPC;
	buf[0] = '\0';
	if (!w->value)
		return ERR_NOENT;
	for (size_t i = 0; i < w->value_len; i++) {
		if (w->value[i] == '"')
			continue;
		if (n + 1 >= size) {
			buf[0] = '\0';
			return ERR_NOSPC;
		}
		buf[n++] = w->value[i];
	}
	buf[n] = '\0';
	return OK;
}

int cmdline_get_nth(const char *line, const char *key, unsigned int nth, char *buf, size_t size)
{
	struct cmdline_word w;

	while (cmdline_next(&line, &w)) {
		if (w.value && cmdline_is(&w, key) && nth-- == 0)
			return cmdline_value(&w, buf, size);
	}
	if (size)
		buf[0] = '\0';
	return ERR_NOENT;
}

int cmdline_get(const char *line, const char *key, char *buf, size_t size)
{
	struct cmdline_word w, last = { 0 };

	while (cmdline_next(&line, &w)) {
		if (w.value && cmdline_is(&w, key))
			last = w;
	}
	return cmdline_value(&last, buf, size);
}

int cmdline_get_u64(const char *line, const char *key, u64 *out)
{
	char buf[32];
	int r = cmdline_get(line, key, buf, sizeof(buf));

	if (r == ERR_NOSPC)
		return ERR_RANGE;
	return r ? r : fmt_parse_u64(buf, true, out);
}

/* on/off words; *v untouched for anything else. */
static void parse_switch(const struct cmdline_word *w, bool *v)
{
	static const char *const on[] = { "on", "yes", "true", "1" };
	static const char *const off[] = { "off", "no", "false", "0" };
	char buf[8];

	if (!w->value) {
		*v = true;
		return;
	}
	if (cmdline_value(w, buf, sizeof(buf)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
		if (!strcmp(buf, on[i]))
			*v = true;
		if (!strcmp(buf, off[i]))
			*v = false;
	}
}

bool cmdline_flag(const char *line, const char *key, bool dflt)
{
	struct cmdline_word w;
	bool v = dflt;

	while (cmdline_next(&line, &w)) {
		if (cmdline_is(&w, key)) {
			parse_switch(&w, &v);
		} else if (!w.value && w.key_len == strlen(key) + 2 && !memcmp(w.key, "no", 2) &&
		           !memcmp(w.key + 2, key, w.key_len - 2)) {
			v = false;
		}
	}
	return v;
}
