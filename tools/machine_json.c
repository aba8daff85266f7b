#include "tools/machine_json.h"

#include "lib/fmt.h"

__printf(2, 3) static int wrong(struct config_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return ERR_INVAL;
}

static int number(const struct json_doc *doc, const struct json_tok *obj, const char *key, u64 least, u64 most,
                  u64 *n, struct config_err *err)
{
	const struct json_tok *t = json_get(doc, obj, key);

	if (!t || t->type != JSON_NUMBER)
		return wrong(err, "%s is missing, or no number: not an answer to \"describe\"", key);
	if (t->num < 0 || (u64)t->num < least || (u64)t->num > most)
		return wrong(err, "%s is %lld, not from %llu to %llu", key, (long long)t->num,
		             (unsigned long long)least, (unsigned long long)most);
	*n = (u64)t->num;
	return OK;
}

static int read_cpu(const struct json_doc *doc, const struct json_tok *obj, struct machine *m, struct config_err *err)
{
	struct machine_cpu *c = &m->cpu[m->nr_cpus];
	u64 index, package, core, thread;

	if (m->nr_cpus == CPUSET_MAX)
		return wrong(err, "processors: there are more than %u", CPUSET_MAX);
	if (number(doc, obj, "cpu", m->nr_cpus, m->nr_cpus, &index, err) ||
	    number(doc, obj, "package", 0, 0xffff, &package, err) ||
	    number(doc, obj, "core", 0, 0xffff, &core, err) || number(doc, obj, "thread", 0, 0xffff, &thread, err))
		return ERR_INVAL;
	*c = (struct machine_cpu){ (u16)package, (u16)core, (u16)thread };
	for (u32 i = 0; i < m->nr_cpus; i++)
		if (m->cpu[i].package == c->package && m->cpu[i].core == c->core && m->cpu[i].thread == c->thread)
			return wrong(err, "processors: CPUs %u and %u are the same thread", i, m->nr_cpus);
	m->nr_cpus++;
	return OK;
}

/* The result in an answer, which may also be one that tells of an error. NULL: it does. */
static const struct json_tok *result_of(const struct json_doc *doc, struct config_err *err)
{
	const struct json_tok *top = &doc->toks[0], *ok = json_get(doc, top, "ok"), *e, *text;
	char message[120];

	if (!ok)
		return top;
	if (ok->type == JSON_BOOL && ok->num)
		return json_get(doc, top, "result");
	e = json_get(doc, top, "error");
	text = e ? json_get(doc, e, "message") : NULL;
	if (!text || json_str(doc, text, message, sizeof(message)) != OK)
		fmt_snprintf(message, sizeof(message), "without a message");
	wrong(err, "the answer is an error: %s", message);
	return NULL;
}

int machine_from_json(const char *text, size_t len, struct json_tok *toks, u32 cap, struct machine *m,
                      struct config_err *err)
{
	const struct json_tok *result, *list;
	struct json_doc doc;
	struct json_err bad;
	u64 cpus;

	*m = (struct machine){ 0 };
	*err = (struct config_err){ "" };
	if (json_parse(&doc, text, len, toks, cap, true, &bad) != OK)
		return wrong(err, "no JSON: %s (byte %u)", bad.what, bad.pos);
	result = result_of(&doc, err);
	if (!result)
		return err->text[0] ? ERR_INVAL : wrong(err, "the answer has no result");
	if (number(&doc, result, "guest_bytes", 1024, INT64_MAX, &m->memory, err) ||
	    number(&doc, result, "cpus", 1, CPUSET_MAX, &cpus, err))
		return ERR_INVAL;
	list = json_get(&doc, result, "processors");
	if (!list || list->type != JSON_ARRAY)
		return wrong(err, "processors is missing, or no array");
	for (const struct json_tok *t = json_first(&doc, list); t; t = json_next(&doc, list, t))
		if (read_cpu(&doc, t, m, err) != OK)
			return ERR_INVAL;
	if (m->nr_cpus != cpus)
		return wrong(err, "cpus is %llu, but %u processors are listed", (unsigned long long)cpus, m->nr_cpus);
	return OK;
}
