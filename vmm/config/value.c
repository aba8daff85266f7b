/* Values and properties of the configuration blob: types, and errors that say where. */
#include <libfdt.h>

#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/config/internal.h"

#define MAX_MS (365ull * 24 * 3600 * 1000)

void cfg_printable(char *dst, size_t size, const char *src)
{
	size_t i;

	for (i = 0; i + 1 < size && src[i]; i++)
		dst[i] = src[i] > ' ' && src[i] <= '~' ? src[i] : '?';
	dst[i] = 0;
}

void cfg_where(struct where *w, struct config_errs *errs, const char *prefix, const char *name)
{
	char clean[CONFIG_NAME_MAX + 1];

	cfg_printable(clean, sizeof(clean), name);
	*w = (struct where){ .errs = errs };
	fmt_snprintf(w->path, sizeof(w->path), "%s%s", prefix, clean);
}

void cfg_fail(struct where *w, const char *fmt, ...)
{
	struct config_errs *e = w->errs;
	char prop[40] = "";
	char *text;
	va_list ap;
	int n;

	w->failed = true;
	if (e->nr++ >= e->cap)
		return;
	text = e->list[e->nr - 1].text;
	if (w->prop)
		cfg_printable(prop, sizeof(prop), w->prop);
	n = fmt_snprintf(text, sizeof(e->list->text), "%s: %s%s", w->path, prop, w->prop ? ": " : "");
	va_start(ap, fmt);
	fmt_vsnprintf(text + n, sizeof(e->list->text) - (size_t)n, fmt, ap);
	va_end(ap);
}

/* The value's string, or NULL with an error: one NUL, at the end, and only printing characters before it. */
const char *cfg_string(struct where *w, const struct value *v)
{
	if (!v->len || memchr(v->data, 0, v->len) != v->data + v->len - 1) {
		cfg_fail(w, "must be one string, as in %s = \"text\"", w->prop);
		return NULL;
	}
	for (u32 i = 0; i + 1 < v->len; i++) {
		if (v->data[i] >= ' ' && v->data[i] <= '~')
			continue;
		cfg_fail(w, "character %u of the string is not printable ASCII", i + 1);
		return NULL;
	}
	return v->data;
}

const char *cfg_name(struct where *w, const struct value *v)
{
	const char *s = cfg_string(w, v);

	if (s && !*s) {
		cfg_fail(w, "must not be empty");
		return NULL;
	}
	return s;
}

u32 cfg_cell(const char *p)
{
	const u8 *b = (const u8 *)p;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

bool cfg_u32(struct where *w, const struct value *v, u32 *out)
{
	if (v->len != 4) {
		cfg_fail(w, "must be one number, as in %s = <1>", w->prop);
		return false;
	}
	*out = cfg_cell(v->data);
	return true;
}

/* Whether the value may have been written as strings, none empty. Few numbers look like that. */
static bool looks_like_text(const struct value *v)
{
	char last = 0;

	for (u32 i = 0; i < v->len; last = v->data[i++])
		if (v->data[i] ? v->data[i] < ' ' || v->data[i] > '~' : !last)
			return false;
	return v->len && !last;
}

static const char one_cell[] = "one cell: write \"256M\" or two cells, as in <0x0 0x10000000>";

bool cfg_u64(struct where *w, const struct value *v, u64 *out)
{
	bool text = looks_like_text(v);
	const char *s;
	int r;

	if (v->len == 8 && !v->data[0]) {
		*out = (u64)cfg_cell(v->data) << 32 | cfg_cell(v->data + 4);
		return true;
	}
	if (!text && v->len == 4) {
		cfg_fail(w, "%s", one_cell);
		return false;
	}
	if (!text && v->len == 8) {
		cfg_fail(w, "two cells of 2^56 or more: the upper one comes first, as in <0x0 0x10000000>");
		return false;
	}
	if (!v->len || v->data[v->len - 1]) {
		cfg_fail(w, "must be a string like \"256M\" or two cells like <0x0 0x10000000>");
		return false;
	}
	s = cfg_name(w, v);
	if (!s)
		return false;
	r = fmt_parse_u64(s, true, out);
	if (r == ERR_INVAL && v->len == 4)
		cfg_fail(w, "\"%s\" is not a number; if it was written as %s", s, one_cell);
	else if (r != OK)
		cfg_fail(w, r == ERR_RANGE ? "\"%.40s\" is too large" : "\"%.40s\" is not a number", s);
	return r == OK;
}

bool cfg_word(struct where *w, const struct value *v, const char *const *words, u32 *out)
{
	const char *s = cfg_string(w, v);
	char list[96];
	int n = 0;

	if (!s)
		return false;
	for (u32 i = 0; words[i]; i++) {
		if (!strcmp(s, words[i])) {
			*out = i;
			return true;
		}
	}
	for (u32 i = 0; words[i] && (size_t)n < sizeof(list); i++)
		n += fmt_snprintf(list + n, sizeof(list) - (size_t)n, "%s%s", i ? ", " : "", words[i]);
	cfg_fail(w, "\"%.40s\" is none of: %s", s, list);
	return false;
}

bool cfg_flag(struct where *w, const struct value *v)
{
	if (v->len)
		cfg_fail(w, "takes no value: its presence switches it on");
	return !v->len;
}

u32 cfg_list(struct where *w, const struct value *v, void (*fn)(struct where *w, const char *s, void *arg), void *arg)
{
	u32 n = 0;

	if (!v->len || v->data[v->len - 1]) {
		cfg_fail(w, "must be a list of strings, as in %s = \"a\", \"b\"", w->prop);
		return 0;
	}
	for (const char *s = v->data, *end = v->data + v->len; s < end; s += strlen(s) + 1, n++) {
		struct value one = { s, (u32)strlen(s) + 1 };

		if (!cfg_name(w, &one))
			return 0;
		fn(w, s, arg);
	}
	return n;
}

bool cfg_duration(struct where *w, const struct value *v, u64 *ns)
{
	static const struct {
		const char *unit;
		u64 ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	u64 n = 0, ms = 0;
	const char *s;

	if (v->len == 4 && !looks_like_text(v)) {
		ms = cfg_cell(v->data);
	} else if (v->len > 1 && !looks_like_text(v)) {
		cfg_fail(w, "must be a string like \"10s\" or one number of milliseconds");
		return false;
	} else {
		s = cfg_name(w, v);
		if (!s)
			return false;
		for (; *s >= '0' && *s <= '9'; s++)
			n = MIN(n * 10 + (u64)(*s - '0'), MAX_MS + 1);
		for (u32 i = 0; s != v->data && i < ARRAY_SIZE(units); i++)
			if (!strcmp(s, units[i].unit))
				ms = n * units[i].ms;
		if (!ms && n) {
			cfg_fail(w, "\"%.40s\" is not a duration like \"500ms\", \"10s\", \"5m\" or \"1h\"", v->data);
			return false;
		}
	}
	if (!ms || ms > MAX_MS)
		cfg_fail(w, "must be a duration of 1 ms to 365 days, as in \"10s\"");
	*ns = ms * 1000000;
	return ms && ms <= MAX_MS;
}

bool cfg_refs(struct where *w, const struct value *v, u32 max, struct config_refs *out)
{
	if (!v->len || v->len % 4 || v->len / 4 > max) {
		if (max == 1)
			cfg_fail(w, "must refer to one guest, as in %s = <&name>", w->prop);
		else
			cfg_fail(w, "must refer to 1 to %u guests, as in %s = <&one>, <&two>", max, w->prop);
		return false;
	}
	*out = (struct config_refs){ v->data, v->len / 4 };
	return true;
}

static bool is_among(const char *name, const char *const *list)
{
	while (*list && strcmp(name, *list))
		list++;
	return *list;
}

bool cfg_dtc_prop(const char *name)
{
	static const char *const props[] = { "phandle", "linux,phandle", NULL };

	return is_among(name, props);
}

bool cfg_dtc_node(const char *name)
{
	static const char *const nodes[] = { "__symbols__", "__fixups__", "__local_fixups__", "aliases", NULL };

	return is_among(name, nodes);
}

void cfg_props(struct where *w, const void *blob, int node, const struct prop_def *defs, u32 nr_defs,
               const struct target *t, u64 *seen)
{
	int off;

	*seen = 0;
	fdt_for_each_property_offset(off, blob, node)
	{
		struct value v;
		int len;
		u32 i;

		v.data = fdt_getprop_by_offset(blob, off, &w->prop, &len);
		if (!v.data)
			break;
		v.len = (u32)len;
		for (i = 0; i < nr_defs && strcmp(w->prop, defs[i].name); i++)
			;
		if (i == nr_defs) {
			if (!cfg_dtc_prop(w->prop))
				cfg_fail(w, "unknown property");
		} else if (*seen >> i & 1) {
			cfg_fail(w, "appears twice");
		} else {
			*seen |= BIT(i);
			defs[i].set(w, &v, t);
		}
	}
	w->prop = NULL;
}

void cfg_unknown_node(struct where *w, const void *blob, int child)
{
	char name[CONFIG_NAME_MAX + 1];

	cfg_printable(name, sizeof(name), fdt_get_name(blob, child, NULL));
	cfg_fail(w, "unknown node \"%s\"", name);
}

void cfg_no_children(struct where *w, const void *blob, int node)
{
	int child;

	fdt_for_each_subnode(child, blob, node)
	{
		cfg_unknown_node(w, blob, child);
	}
}
