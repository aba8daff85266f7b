/*
 * The control channel: any bytes in any pieces, events, console output, a reader that drains or not. Whatever comes
 * out is lines of sound JSON; the buffers keep their bounds. The same text goes to the JSON parser alone, and what it
 * takes is walked.
 */
#include <stdlib.h>

#include "../unit/fake_mon.h"
#include "vmm/mon/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENOUGH    20000 /* pieces of whatever there is to do */
#define INPUT_MAX 800   /* a request makes thousands of bytes: more only costs time */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct fake_mon fake;
static struct ctl ctl;
static u8 *buf;
static TEST_STACK(stack);
static char line[200000];
static size_t len;
static struct json_tok toks[20000];

/* Values nest soundly and lie within the text; strings decode. */
static void walk(const struct json_doc *doc)
{
	char *text = malloc(doc->len + 1);

	for (u32 i = 0; i < doc->nr; i++) {
		const struct json_tok *t = &doc->toks[i];
		u32 children = 0;

		require(t->start + t->len <= doc->len && t->next > i && t->next <= doc->nr);
		for (const struct json_tok *k = json_first(doc, t); k; k = json_next(doc, t, k)) {
			require(k > t && k < doc->toks + t->next);
			require(!k->is_key || json_str(doc, k, text, doc->len + 1) == OK);
			require(!k->is_key || strlen(text) > 1000 || json_get(doc, t, text) == k + 1);
			children++;
		}
		require(children == t->count);
	}
	free(text);
}

static void take_output(void)
{
	struct json_doc doc;
	struct json_err err;
	size_t n;

	while ((n = ctl_output(&ctl, (u8 *)line + len, sizeof(line) - len))) {
		char *start = line, *nl;

		len += n;
		while ((nl = memchr(start, '\n', len))) {
			require(json_parse(&doc, start, (size_t)(nl - start), toks, ARRAY_SIZE(toks), true, &err) ==
			        OK);
			require(toks[0].type == JSON_OBJECT);
			len -= (size_t)(nl + 1 - start);
			start = nl + 1;
		}
		memmove(line, start, len);
	}
}

static void parser(const char *text, size_t n)
{
	struct json_doc doc;
	struct json_err err;
	struct json_tok few[40];

	for (int decimals = 0; decimals < 2; decimals++) {
		if (json_parse(&doc, text, n, few, ARRAY_SIZE(few), decimals, &err) == OK)
			walk(&doc);
		else
			require(err.what && err.pos <= n && doc.nr <= ARRAY_SIZE(few));
	}
}

/* The first byte of each piece: what to do with it, and how long it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u32 ids[] = { 3, 9 };
	struct mon_rights rights = { .reach = MON_REACH_ALL, .guests = ids, .nr = 2, .mutate = true };
	struct mon_event ev = { .guest = 3, .name = "web" };
	size_t n;

	if (!size)
		return 0;
	size = MIN(size, (size_t)INPUT_MAX);
	if (data[0] & 1)
		rights.reach = MON_REACH_LIST;
	rights.mutate = !(data[0] & 2);
	buf = buf ? buf : malloc(CTL_OUT_MIN);
	fake_init(&fake);
	fake.trace_heads[0] = 5;
	ctl_init(&ctl, &fake.mon, &rights, buf, CTL_OUT_MIN, TEST_STACK_TOP(stack));
	ctl.scratch.rows = fake.rows;
	ctl.scratch.nr_rows = ARRAY_SIZE(fake.rows);
	len = 0;
	parser((const char *)data + 1, size - 1);
	for (data++, size--; size; data += n, size -= n) {
		u8 what = data[0] >> 6;
		char *piece;

		n = MIN(size, (size_t)(data[0] & 0x3f) + 1);
		if (data[0] == '{') { /* whole lines, as they are in the seeds */
			const u8 *nl = memchr(data, '\n', size);

			n = nl ? (size_t)(nl - data) + 1 : size;
			what = 0;
		}
		piece = malloc(n); /* so that a read beyond it is seen */
		memcpy(piece, data, n);
		if (what < 2) {
			for (size_t k = 0, taken = 1; k < n && taken; k += taken) {
				taken = ctl_input(&ctl, piece + k, n - k);
				for (int i = 0; i < ENOUGH && !taken; i++) {
					ctl_poll(&ctl, 1000);
					take_output();
					taken = ctl_input(&ctl, piece + k, n - k);
				}
				require(taken != 0);
			}
		} else if (what == 2) {
			vt_ring_write(&fake.guests[0].console, (u8 *)piece, n);
		} else {
			ev.kind = (enum mon_event_kind)(data[0] % MON_NR_EVENTS);
			memcpy(ev.reason, piece, MIN(n, sizeof(ev.reason) - 1));
			ctl_event(&ctl, &ev);
		}
		free(piece);
		ctl_poll(&ctl, 1000);
		require((!ctl.out.overflow || ctl.task.busy) && obuf_used(&ctl.out) <= CTL_OUT_MIN);
		if (data[0] & 0x20)
			take_output();
	}
	for (int i = 0; i < ENOUGH && ctl_poll(&ctl, 1000); i++)
		take_output();
	take_output();
	require(!len);
	/* after all of it the channel still answers */
	require(ctl_input(&ctl, "\n", 1) == 1);
	for (int i = 0; i < ENOUGH && ctl_poll(&ctl, 1000); i++)
		take_output();
	take_output();
	require(ctl_input(&ctl, "{\"id\":77,\"cmd\":\"version\"}\n", 26) == 26);
	for (int i = 0; i < ENOUGH && ctl_poll(&ctl, 1000); i++)
		;
	n = ctl_output(&ctl, (u8 *)line, sizeof(line) - 1);
	line[n] = '\0';
	require(strstr(line, "{\"id\":77,\"ok\":true") != NULL);
	return 0;
}
