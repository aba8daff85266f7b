/* Everything countable in the Prometheus text exposition format, version 0.0.4. */
#include "tools/bhctl/bhctl.h"

#include <stdlib.h>
#include <string.h>

struct guest {
	char *name, *state;
	s64 vcpus, memory, hypervisor, weight, cap, reservation, uptime_ns, cpu_ns, steal_ns, restarts;
	struct text exits; /* samples by reason, ready to print */
};

static s64 num(const struct json_doc *d, const struct json_tok *obj, const char *key)
{
	const struct json_tok *t = json_get(d, obj, key);

	return t && t->type == JSON_NUMBER ? t->num : 0;
}

static char *str(const struct json_doc *d, const struct json_tok *obj, const char *key)
{
	const struct json_tok *t = json_get(d, obj, key);
	char *s = t ? token_text(d, t, true) : strdup("");

	if (!s)
		die(EXIT_CHANNEL, "out of memory");
	return s;
}

/* A label's value: backslash, quote and newline are escaped. */
static void label(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			text_add(t, "\\", 1);
		text_add(t, *s == '\n' ? "\\n" : s, *s == '\n' ? 2 : 1);
	}
}

static void family(const char *name, const char *type, const char *help)
{
	printf("# HELP bulkhead_%s %s\n# TYPE bulkhead_%s %s\n", name, help, name, type);
}

static void seconds(s64 ns)
{
	printf("%lld.%09lld\n", (long long)ns / 1000000000, (long long)ns % 1000000000);
}

static void put_exits(struct guest *g, const char *reason, s64 count)
{
	text_printf(&g->exits, "bulkhead_guest_exits_total{guest=\"");
	label(&g->exits, g->name);
	text_printf(&g->exits, "\",reason=\"");
	label(&g->exits, reason);
	text_printf(&g->exits, "\"} %lld\n", (long long)count);
}

/* What the object says of a guest. */
static void take_info(struct guest *g, const struct json_doc *d, const struct json_tok *r)
{
	free(g->state);
	g->state = str(d, r, "state");
	g->vcpus = num(d, r, "vcpus");
	g->memory = num(d, r, "memory_bytes");
	g->hypervisor = num(d, r, "hypervisor_bytes");
	g->weight = num(d, r, "weight");
	g->cap = num(d, r, "cap_percent");
	g->reservation = num(d, r, "reservation_percent");
	g->uptime_ns = num(d, r, "uptime_ns");
	g->cpu_ns = num(d, r, "cpu_ns");
	g->steal_ns = num(d, r, "steal_ns");
	g->restarts = num(d, r, "restarts");
}

/* A guest of the answer to "metrics", with its exits as an object. */
static void take_all(struct guest *g, const struct json_doc *d, const struct json_tok *r)
{
	const struct json_tok *exits = json_get(d, r, "exits_by_reason");

	take_info(g, d, r);
	text_add(&g->exits, "", 0);
	if (!exits || exits->type != JSON_OBJECT)
		return;
	for (const struct json_tok *k = json_first(d, exits); k; k = json_next(d, exits, k)) {
		char *reason = token_text(d, k, true);

		put_exits(g, reason, k[1].num);
		free(reason);
	}
}

/* The exits of a guest by reason. The guest may have gone: then there are none. */
static void read_exits(struct chan *c, const struct options *o, struct guest *g)
{
	struct message m;
	char *args[] = { g->name };
	const struct json_tok *result = ask_quietly(c, o, &m, "exits", args, 1);
	const struct json_tok *reasons = json_get(&m.doc, result, "reasons");

	text_add(&g->exits, "", 0);
	for (const struct json_tok *r = reasons ? json_first(&m.doc, reasons) : NULL; r;
	     r = json_next(&m.doc, reasons, r)) {
		char *reason = str(&m.doc, r, "reason");

		put_exits(g, reason, num(&m.doc, r, "count"));
		free(reason);
	}
}

static void read_info(struct chan *c, const struct options *o, struct guest *g)
{
	struct message m;
	char *args[] = { g->name };
	const struct json_tok *r = ask_quietly(c, o, &m, "info", args, 1);

	if (!r)
		return;
	take_info(g, &m.doc, r);
	read_exits(c, o, g);
}

/*
 * All guests, of one instant, by one request. Where the hypervisor does not know it, or the answer is too long for
 * the channel, one after the other. NULL: refused.
 */
static struct guest *read_guests(struct chan *c, const struct options *o, size_t *nr)
{
	struct message m;
	const struct json_tok *result = ask_quietly(c, o, &m, "metrics", NULL, 0), *list;
	bool all = result != NULL;
	struct guest *guests;
	size_t n = 0;

	if (!all)
		result = ask(c, o, &m, "list", NULL, 0);
	if (!result)
		return NULL;
	list = json_get(&m.doc, result, "guests");
	*nr = list ? list->count : 0;
	guests = calloc(*nr + 1, sizeof(*guests));
	if (!guests)
		die(EXIT_CHANNEL, "out of memory");
	for (const struct json_tok *g = list ? json_first(&m.doc, list) : NULL; g; g = json_next(&m.doc, list, g)) {
		guests[n] = (struct guest){ .name = str(&m.doc, g, "name"), .state = str(&m.doc, g, "state") };
		if (all)
			take_all(&guests[n], &m.doc, g);
		n++;
	}
	for (size_t i = 0; !all && i < *nr; i++)
		read_info(c, o, &guests[i]);
	return guests;
}

static void put_name(const char *metric, const struct guest *g)
{
	struct text t = { 0 };

	label(&t, g->name);
	printf("bulkhead_guest_%s{guest=\"%s\"} ", metric, t.s ? t.s : "");
	free(t.s);
}

static void put_states(const struct guest *guests, size_t nr)
{
	static const char *const states[] = { "defined", "starting", "running", "paused", "stopped", "crashed" };

	family("guest_state", "gauge", "1 for the state that the guest is in.");
	for (size_t i = 0; i < nr; i++) {
		struct text t = { 0 };

		label(&t, guests[i].name);
		for (size_t k = 0; k < ARRAY_SIZE(states); k++)
			printf("bulkhead_guest_state{guest=\"%s\",state=\"%s\"} %d\n", t.s ? t.s : "", states[k],
			       !strcmp(guests[i].state, states[k]));
		free(t.s);
	}
}

static void put_guests(const struct guest *guests, size_t nr)
{
	static const struct {
		const char *name, *type, *help;
		size_t at;
		bool ns;
	} metrics[] = {
#define AT(f) offsetof(struct guest, f)
		{ "vcpus", "gauge", "Virtual CPUs.", AT(vcpus), false },
		{ "memory_bytes", "gauge", "RAM of the guest.", AT(memory), false },
		{ "hypervisor_bytes", "gauge", "Memory of the hypervisor that the guest takes.", AT(hypervisor),
		  false },
		{ "weight", "gauge", "Share relative to other guests.", AT(weight), false },
		{ "cap_percent", "gauge", "Most it gets, in percent of a CPU; 0: no limit.", AT(cap), false },
		{ "reservation_percent", "gauge", "Guaranteed, in percent of a CPU.", AT(reservation), false },
		{ "uptime_seconds", "gauge", "Time since the last start; 0 when it does not run.", AT(uptime_ns),
		  true },
		{ "cpu_seconds_total", "counter", "Time that the vCPUs ran.", AT(cpu_ns), true },
		{ "steal_seconds_total", "counter", "Time that runnable vCPUs waited for a CPU.", AT(steal_ns),
		  true },
		{ "restarts_total", "counter", "Restarts.", AT(restarts), false },
#undef AT
	};

	for (size_t k = 0; k < ARRAY_SIZE(metrics); k++) {
		char name[64];

		snprintf(name, sizeof(name), "guest_%s", metrics[k].name);
		family(name, metrics[k].type, metrics[k].help);
		for (size_t i = 0; i < nr; i++) {
			s64 v = *(const s64 *)((const char *)&guests[i] + metrics[k].at);

			put_name(metrics[k].name, &guests[i]);
			if (metrics[k].ns)
				seconds(v);
			else
				printf("%lld\n", (long long)v);
		}
	}
	put_states(guests, nr);
	family("guest_exits_total", "counter", "VM exits by reason.");
	for (size_t i = 0; i < nr; i++)
		fputs(guests[i].exits.s ? guests[i].exits.s : "", stdout);
}

static void put_cpus(const struct message *m, const struct json_tok *list, const char *name, const char *key,
                     const char *help)
{
	family(name, "counter", help);
	for (const struct json_tok *p = json_first(&m->doc, list); p; p = json_next(&m->doc, list, p)) {
		printf("bulkhead_%s{cpu=\"%lld\"} ", name, (long long)num(&m->doc, p, "cpu"));
		seconds(num(&m->doc, p, key));
	}
}

/* The machine; a channel that may not see it has only its guests. */
static void put_machine(struct chan *c, const struct options *o)
{
	struct message m;
	const struct json_tok *r = ask_quietly(c, o, &m, "describe", NULL, 0),
	                      *list = json_get(&m.doc, r, "processors");

	if (!r)
		return;
	family("cpus", "gauge", "Physical CPUs.");
	printf("bulkhead_cpus %lld\n", (long long)num(&m.doc, r, "cpus"));
	family("memory_bytes", "gauge", "Memory of the machine: all, taken by the hypervisor, free for guests.");
	printf("bulkhead_memory_bytes{kind=\"total\"} %lld\n", (long long)num(&m.doc, r, "memory_bytes"));
	printf("bulkhead_memory_bytes{kind=\"hypervisor\"} %lld\n", (long long)num(&m.doc, r, "hypervisor_bytes"));
	printf("bulkhead_memory_bytes{kind=\"free\"} %lld\n", (long long)num(&m.doc, r, "free_bytes"));
	if (!list || list->type != JSON_ARRAY)
		return;
	put_cpus(&m, list, "cpu_guest_seconds_total", "busy_ns", "Time that the CPU ran guests.");
	put_cpus(&m, list, "cpu_hypervisor_seconds_total", "root_ns",
	         "Time that the CPU was in the hypervisor, not idle.");
}

static bool put_version(struct chan *c, const struct options *o)
{
	struct message m;
	const struct json_tok *r = ask(c, o, &m, "version", NULL, 0);
	struct text t = { 0 };
	char *version;

	if (!r)
		return false;
	version = str(&m.doc, r, "version");
	label(&t, version);
	family("info", "gauge", "The hypervisor; always 1.");
	printf("bulkhead_info{version=\"%s\"} 1\n", t.s ? t.s : "");
	family("uptime_seconds", "gauge", "Time since the machine's start.");
	printf("bulkhead_uptime_seconds ");
	seconds(num(&m.doc, r, "uptime_ns"));
	free(version);
	free(t.s);
	return true;
}

int run_metrics(struct chan *c, const struct options *o)
{
	size_t nr;
	struct guest *guests = read_guests(c, o, &nr);

	if (!guests || !put_version(c, o))
		return EXIT_REFUSED;
	put_machine(c, o);
	put_guests(guests, nr);
	for (size_t i = 0; i < nr; i++) {
		free(guests[i].name);
		free(guests[i].state);
		free(guests[i].exits.s);
	}
	free(guests);
	return EXIT_OK;
}
