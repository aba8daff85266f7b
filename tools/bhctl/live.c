/* Commands that go on: top and events. */
#define _GNU_SOURCE
#include "tools/bhctl/bhctl.h"

#include <stdlib.h>
#include <unistd.h>

int run_top(struct chan *c, const struct options *o)
{
	bool terminal = isatty(STDOUT_FILENO) && !o->json;
	long rounds = o->count >= 0 ? o->count : terminal ? 0 : 1;
	struct message m;

	for (long i = 0; !rounds || i < rounds; i++) {
		const struct json_tok *result;

		if (i)
			usleep((useconds_t)(o->interval * 1e6));
		result = ask(c, o, &m, "top", NULL, 0);
		if (!result)
			return EXIT_REFUSED;
		if (terminal && rounds != 1)
			fputs("\x1b[H\x1b[2J", stdout);
		else if (i && !o->json)
			putchar('\n');
		render(&m.doc, result, o->json);
		if (fflush(stdout))
			return EXIT_CHANNEL;
	}
	return EXIT_OK;
}

static void show_event(const struct message *m, const struct json_tok *event, const struct options *o)
{
	const struct json_doc *d = &m->doc;
	const struct json_tok *guest = json_get(d, d->toks, "guest"), *reason = json_get(d, d->toks, "reason");
	const struct json_tok *time = json_get(d, d->toks, "time_ns"), *count = json_get(d, d->toks, "count");
	char *e, *g, *r;

	if (o->json) {
		puts(m->line);
		return;
	}
	e = token_text(d, event, true);
	g = guest ? token_text(d, guest, true) : NULL;
	r = reason ? token_text(d, reason, true) : NULL;
	if (time)
		printf("%lld.%06lld  ", (long long)time->num / 1000000000, (long long)time->num / 1000 % 1000000);
	printf("%s", e);
	if (count)
		printf(" %lld", (long long)count->num);
	printf("%s%s%s%s\n", g ? "  " : "", g ? g : "", r && *r ? ": " : "", r && *r ? r : "");
	free(e);
	free(g);
	free(r);
}

int run_events(struct chan *c, const struct options *o)
{
	struct message m;

	for (long i = 0; o->count <= 0 || i < o->count;) {
		const struct json_tok *event;
		int r = chan_message(c, &m, 3600);

		if (r < 0)
			die(EXIT_CHANNEL, "%s: closed by the other side", c->name);
		event = r ? json_get(&m.doc, m.doc.toks, "event") : NULL;
		if (!event || json_str_is(&m.doc, event, "console"))
			continue;
		show_event(&m, event, o);
		if (fflush(stdout))
			return EXIT_CHANNEL;
		i++;
	}
	return EXIT_OK;
}
