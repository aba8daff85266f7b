/*
 * Any result as tables: what is no array comes first, "key: value" a line; arrays of objects become tables whose
 * columns are their keys; arrays of strings, lines. Ends of keys tell units: _ns, _bytes, _percent.
 */
#include "tools/bhctl/bhctl.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/mon/utf8.h"

#define MAX_COLUMNS 40
#define WIDE        12 /* columns: more make blocks */
#define SHOWN_PAIRS 3
#define BLOCK_CELLS 3

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static void cut_end(char *s, const char *end)
{
	if (ends_in(s, end))
		s[strlen(s) - strlen(end)] = '\0';
}

static void size_text(struct text *t, unsigned long long v)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(unit) && v >= 1024 && (v % 1024 == 0 || v >= 10240)) {
		v /= 1024;
		i++;
	}
	text_printf(t, "%llu %s", v, unit[i]);
}

/* The first few of an object of numbers. */
static void pairs_text(struct text *t, const struct json_doc *doc, const struct json_tok *obj)
{
	u32 n = 0;

	for (const struct json_tok *k = json_first(doc, obj); k && n < SHOWN_PAIRS; k = json_next(doc, obj, k), n++) {
		char *key = token_text(doc, k, true), *value = token_text(doc, k + 1, true);

		text_printf(t, "%s%s %s", n ? ", " : "", key, value);
		free(key);
		free(value);
	}
}

/* A value, as its key says it is. Returns malloc'ed text. */
static char *value_text(const struct json_doc *doc, const char *key, const struct json_tok *v)
{
	struct text t = { 0 };
	bool number = v->type == JSON_NUMBER && v->num >= 0;

	text_add(&t, "", 0);
	if (v->type == JSON_OBJECT) {
		pairs_text(&t, doc, v);
	} else if (number && ends_in(key, "_bytes")) {
		size_text(&t, (unsigned long long)v->num);
	} else if (number && !strcmp(key, "time_ns")) { /* a moment, not a length: exactly */
		text_printf(&t, "%lld.%09lld s", (long long)v->num / 1000000000, (long long)v->num % 1000000000);
	} else if (number && ends_in(key, "_ns")) {
		text_printf(&t, "%lld.%03lld s", (long long)v->num / 1000000000, (long long)v->num / 1000000 % 1000);
	} else if (v->type == JSON_BOOL) {
		text_printf(&t, "%s", v->num ? "yes" : "no");
	} else {
		char *s = token_text(doc, v, true);

		text_add(&t, s, strlen(s));
		free(s);
	}
	return t.s;
}

/* Columns that text takes, as far as it is made of simple characters. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((u8)*s & 0xc0) != 0x80;
	return n;
}

static void put_padded(const char *s, size_t width, bool right, bool last)
{
	size_t have = width_of(s), pad = width > have ? width - have : 0;

	if (right)
		printf("%*s", (int)pad, "");
	fputs(s, stdout);
	if (!right && !last)
		printf("%*s", (int)pad, "");
}

struct column {
	char *key, *head;
	size_t width;
	bool right;
};

/* "cpu_ns" heads a column as "CPU". */
static char *heading(const char *key)
{
	char *s = strdup(key);

	if (!s)
		die(EXIT_CHANNEL, "out of memory");
	cut_end(s, "_bytes");
	cut_end(s, "_ns");
	if (ends_in(s, "_percent"))
		strcpy(s + strlen(s) - strlen("_percent"), "%");
	for (char *p = s; *p; p++) {
		if (*p == '_')
			*p = ' ';
		else if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	return s;
}

static size_t columns_of(const struct json_doc *doc, const struct json_tok *row, struct column *cols)
{
	size_t n = 0;

	for (const struct json_tok *k = json_first(doc, row); k && n < MAX_COLUMNS; k = json_next(doc, row, k), n++) {
		cols[n].key = token_text(doc, k, true);
		cols[n].head = heading(cols[n].key);
		cols[n].width = strlen(cols[n].head);
		cols[n].right = k[1].type == JSON_NUMBER;
	}
	return n;
}

static void measure(const struct json_doc *doc, const struct json_tok *table, struct column *cols, size_t nr)
{
	for (const struct json_tok *row = json_first(doc, table); row; row = json_next(doc, table, row)) {
		for (size_t i = 0; i < nr; i++) {
			const struct json_tok *v = json_get(doc, row, cols[i].key);
			char *s = v ? value_text(doc, cols[i].key, v) : NULL;
			size_t w = s ? width_of(s) : 0;

			cols[i].width = MAX(cols[i].width, w);
			free(s);
		}
	}
}

static void row_text(const struct json_doc *doc, const struct json_tok *row, const struct column *cols, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct json_tok *v = json_get(doc, row, cols[i].key);
		char *s = v ? value_text(doc, cols[i].key, v) : strdup("");

		fputs(i ? "  " : "", stdout);
		put_padded(s, cols[i].width, cols[i].right, i + 1 == nr);
		free(s);
	}
	putchar('\n');
}

static void block_text(const struct json_doc *doc, const struct json_tok *row, const struct column *cols, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct json_tok *v = json_get(doc, row, cols[i].key);
		char *s = v ? value_text(doc, cols[i].key, v) : strdup("");

		printf("%-10s %-20s%s", cols[i].key, s,
		       i % BLOCK_CELLS == BLOCK_CELLS - 1 || i + 1 == nr ? "\n" : " ");
		free(s);
	}
}

static void table_text(const struct json_doc *doc, const struct json_tok *table)
{
	struct column cols[MAX_COLUMNS];
	const struct json_tok *first = json_first(doc, table);
	size_t nr = first ? columns_of(doc, first, cols) : 0;

	if (nr > WIDE) {
		for (const struct json_tok *row = first; row; row = json_next(doc, table, row))
			block_text(doc, row, cols, nr);
	} else if (nr) {
		measure(doc, table, cols, nr);
		for (size_t i = 0; i < nr; i++) {
			fputs(i ? "  " : "", stdout);
			put_padded(cols[i].head, cols[i].width, cols[i].right, i + 1 == nr);
		}
		putchar('\n');
		for (const struct json_tok *row = first; row; row = json_next(doc, table, row))
			row_text(doc, row, cols, nr);
	}
	for (size_t i = 0; i < nr; i++) {
		free(cols[i].key);
		free(cols[i].head);
	}
}

static void array_text(const struct json_doc *doc, const struct json_tok *array)
{
	const struct json_tok *first = json_first(doc, array);

	if (first && first->type == JSON_OBJECT) {
		table_text(doc, array);
		return;
	}
	for (const struct json_tok *t = first; t; t = json_next(doc, array, t)) {
		char *s = token_text(doc, t, true);

		puts(s);
		free(s);
	}
}

static void scalar_text(const struct json_doc *doc, const struct json_tok *k)
{
	char *key = token_text(doc, k, true), *value = value_text(doc, key, k + 1);

	cut_end(key, "_bytes");
	cut_end(key, "_ns");
	printf("%s:%*s%s\n", key, (int)MAX(21 - (long)strlen(key), 1l), "", value);
	free(key);
	free(value);
}

void render(const struct json_doc *doc, const struct json_tok *result, bool json)
{
	bool some = false;

	if (json) {
		printf("%.*s\n", (int)result->len, doc->text + result->start);
		return;
	}
	for (const struct json_tok *k = json_first(doc, result); k; k = json_next(doc, result, k)) {
		if (k[1].type != JSON_ARRAY) {
			scalar_text(doc, k);
			some = true;
		}
	}
	for (const struct json_tok *k = json_first(doc, result); k; k = json_next(doc, result, k)) {
		if (k[1].type != JSON_ARRAY)
			continue;
		fputs(some && k[1].count ? "\n" : "", stdout);
		array_text(doc, k + 1);
		some |= k[1].count != 0;
	}
}
