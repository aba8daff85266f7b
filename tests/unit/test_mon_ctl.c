/* The control channel: requests, answers, events, consoles, hostile
 * and over-long input, a reader that does not read. */
#include "fake_mon.h"
#include "suite.h"
#include "vmm/mon/ctl.h"

static struct fake_mon fake;
static struct ctl c;
static u8 buf[32768];
static TEST_STACK(stack);
static char text[600000];
static const struct mon_rights all = MON_RIGHTS_ALL;

/* Adds to what lies in text, from len on. */
static size_t drain_more(size_t len)
{
	bool more;

	do {
		more = ctl_poll(&c, 5000000000);
		len += ctl_output(&c, (u8 *)text + len, sizeof(text) - 1 - len);
	} while (more);
	text[len] = '\0';
	return len;
}

static const char *drain(void)
{
	(void)drain_more(0);
	return text;
}

static const char *send(const char *line)
{
	size_t left = strlen(line), len = 0;

	do {
		size_t taken = ctl_input(&c, line, left);

		line += taken;
		left -= taken;
		len = drain_more(len);
	} while (left);
	return text;
}

static void init(const struct mon_rights *rights, u8 *out, u32 size)
{
	ctl_init(&c, &fake.mon, rights, out, size, TEST_STACK_TOP(stack));
	c.scratch.rows = fake.rows;
	c.scratch.nr_rows = ARRAY_SIZE(fake.rows);
}

static void setup(void)
{
	fake_init(&fake);
	init(&all, buf, sizeof(buf));
}

/* Every line must be a JSON object. Returns how many. */
static u32 check_lines(void)
{
	static struct json_tok toks[4000];
	struct json_doc doc;
	struct json_err err;
	u32 n = 0;

	for (char *p = text, *nl; *p; p = nl + 1, n++) {
		nl = strchr(p, '\n');
		ck_assert_ptr_nonnull(nl);
		ck_assert_msg(json_parse(&doc, p, (size_t)(nl - p), toks, ARRAY_SIZE(toks), true, &err) == OK,
		              "%s at %u: %s", err.what, err.pos, p);
		ck_assert_int_eq(toks[0].type, JSON_OBJECT);
	}
	return n;
}

#define HAS(s)   ck_assert_msg(strstr(text, s) != NULL, "no \"%s\" in \"%s\"", s, text)
#define LACKS(s) ck_assert_msg(strstr(text, s) == NULL, "\"%s\" in \"%s\"", s, text)

START_TEST(requests)
{
	setup();
	ck_assert_str_eq(
	        send("{\"id\":1,\"cmd\":\"version\"}\n"),
	        "{\"id\":1,\"ok\":true,\"result\":{\"name\":\"Bulkhead\",\"version\":\"0.1\",\"processor\":\"Fake "
	        "\\\"CPU\\\"\",\"uptime_ns\":5000000000}}\n");
	ck_assert_str_eq(send("{\"cmd\":\"pause\",\"args\":{\"guest\":\"web\"},\"id\":\"a\\u0041\"}\r\n"),
	                 "{\"id\":\"a\\u0041\",\"ok\":true,\"result\":{\"guest\":\"web\",\"state\":\"paused\"}}\n");
	send("{\"cmd\":\"list\"}\n");
	HAS("{\"id\":null,\"ok\":true,\"result\":{\"guests\":[{\"id\":3,\"name\":\"web\",\"state\":\"paused\"");
	send("{\"id\":-5,\"cmd\":\"set\",\"args\":{\"guest\":\"web\",\"property\":\"weight\",\"value\":300}}\n");
	HAS("{\"id\":-5,\"ok\":true,\"result\":{\"guest\":\"web\",\"weight\":300,");
	send("{\"cmd\":\"set\",\"args\":{\"value\":\"0-1\",\"property\":\"p\\u0069n\",\"guest\":3}}\n");
	HAS("\"pin\":\"all\"");
	send("{\"cmd\":\"set\",\"args\":[\"web\",\"weight\",400]}\n"); /* by position */
	HAS("\"weight\":400");
	send("\n \t\r\n\n{\"cmd\":\"version\"}\n\n{\"cmd\":\"version\"}\n");
	ck_assert_uint_eq(check_lines(), 2);
	ck_assert_int_eq(ctl_input(&c, "{\"cmd\":\"ver", 11), 11); /* in pieces */
	ck_assert_str_eq(drain(), "");
	send("sion\"}\n");
	HAS("0.1");
	send("{\"cmd\":\"dump\",\"args\":{\"guest\":\"db\"}}\n");
	HAS("\"rip\":\"0xffffffff81000001\"");
	ck_assert_uint_eq(check_lines(), 1);
}
END_TEST

/* A guest says it of itself; no right is needed for that. */
START_TEST(says_ready)
{
	static const struct mon_rights none = { .reach = MON_REACH_NONE };

	setup();
	ck_assert_str_eq(send("{\"cmd\":\"ready\"}\n"),
	                 "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"not-supported\",\"message\":\"ready: this "
	                 "channel is no guest's\"}}\n");
	init(&none, buf, sizeof(buf));
	c.self = 7;
	ck_assert_str_eq(send("{\"cmd\":\"ready\"}\n"),
	                 "{\"id\":null,\"ok\":true,\"result\":{\"guest\":\"db\",\"state\":\"paused\"}}\n");
	ck_assert(fake.readies == 1 && fake.last_guest == 7);
	send("{\"cmd\":\"ready\",\"args\":[\"web\"]}\n");
	HAS("bad-argument");
	ck_assert_uint_eq(fake.readies, 1);
}
END_TEST

/* What a guest had begun to say does not reach the one that is started in its place. */
START_TEST(line_forgotten)
{
	char line[CTL_LINE_MAX + 10];

	setup();
	ck_assert_int_eq(ctl_input(&c, "{\"cmd\":\"ver", 11), 11);
	ctl_forget_line(&c);
	ck_assert_uint_eq(send("{\"cmd\":\"version\"}\n")[0], '{');
	HAS("\"ok\":true");
	memset(line, 'x', sizeof(line));
	ck_assert_uint_eq(ctl_input(&c, line, sizeof(line)), sizeof(line));
	ctl_forget_line(&c);
	send("{\"cmd\":\"version\"}\n");
	HAS("\"ok\":true");
	/* A whole one that waits for room is still answered. */
	c.waiting = c.text = true;
	c.in_len = 17;
	memcpy(c.in, "{\"cmd\":\"version\"}", 17);
	ctl_forget_line(&c);
	ck_assert(c.waiting);
	drain();
	HAS("0.1");
}
END_TEST

START_TEST(errors)
{
	static const struct {
		const char *request, *code, *message;
	} bad[] = {
		{ "x", "bad-request", "byte 0: a value is expected here" },
		{ "[]", "bad-request", "a request is an object" },
		{ "{}", "bad-request", "cmd is missing" },
		{ "{\"cmd\":5}", "bad-request", "cmd must be a string" },
		{ "{\"cmd\":\"list\"", "bad-request", "byte 13: ',' or '}' is expected here" },
		{ "{\"cmd\":\"list\",\"cmd\":\"list\"}", "bad-request", "byte 14: key appears twice" },
		{ "{\"cmd\":\"list\",\"x\":1}", "bad-request", "unknown member at byte 15; there are id, cmd, args" },
		{ "{\"cmd\":\"list\",\"args\":1}", "bad-request", "args must be an object or an array" },
		{ "{\"cmd\":\"info\",\"args\":[\"db\",{}]}", "bad-request",
		  "argument at byte 27 must be a string or a number" },
		{ "{\"cmd\":\"exits\",\"args\":[\"db\",2]}", "bad-argument",
		  "exits: \\\"2\\\" is one argument too many" },
		{ "{\"cmd\":\"info\",\"args\":{\"guest\":[]}}", "bad-request",
		  "argument at byte 30 must be a string or a number" },
		{ "{\"cmd\":\"set\",\"args\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}}", "bad-request",
		  "too many arguments" },
		{ "{\"cmd\":\"lst\"}", "unknown-command", "no command \\\"lst\\\"; did you mean \\\"list\\\"?" },
		{ "{\"cmd\":\"\"}", "unknown-command", "no command \\\"\\\"" },
		{ "{\"cmd\":\"info\"}", "missing-argument", "info: guest is missing; try \\\"help info\\\"" },
		{ "{\"cmd\":\"info\",\"args\":{\"guest\":\"\"}}", "no-such-guest", "no guest \\\"\\\"" },
		{ "{\"cmd\":\"info\",\"args\":{\"guest\":\"nobody\"}}", "no-such-guest", "no guest \\\"nobody\\\"" },
		{ "{\"cmd\":\"info\",\"args\":{\"guest\":\"db\",\"x\":1}}", "bad-argument", "no argument \\\"x\\\"" },
		{ "{\"cmd\":\"detach\",\"args\":{\"guest\":\"db\"}}", "not-found",
		  "db: its console is not attached" },
		{ "{\"cmd\":\"log\",\"args\":{\"count\":-1}}", "bad-value",
		  "count \\\"-1\\\" is no number from 0 to 1000" },
	};
	char line[200], want[400];

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line), "%s\n", bad[i].request);
		snprintf(want, sizeof(want),
		         "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", bad[i].code,
		         bad[i].message);
		ck_assert_str_eq(send(line), want);
		ck_assert_uint_eq(check_lines(), 1);
	}
	send("{\"cmd\":\"nonsense\",\"id\":17}\n"); /* the id comes back wherever it stands */
	HAS("{\"id\":17,\"ok\":false");
	send("{\"x\":1,\"id\":17}\n");
	HAS("{\"id\":17,\"ok\":false");
	send("{\"id\":[1],\"cmd\":\"list\"}\n");
	HAS("id must be a number or a string");
	send("{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"cmd\":\"version\"}\n");
	HAS("0123\",\"ok\":true");
	send("{\"id\":\"01234567890123456789012345678901234567890123456789012345678901234\",\"cmd\":\"version\"}\n");
	HAS("{\"id\":null,\"ok\":false,\"error\":{\"code\":\"bad-request\",\"message\":\"id is longer than 64 "
	    "bytes\"}}");
	/* our own words come back: no answer, or two of us would talk for ever */
	ck_assert_str_eq(send("{\"id\":1,\"ok\":true,\"result\":{}}\n{\"event\":\"lost\",\"count\":1}\n"), "");
	ck_assert_uint_eq(fake.actions, 0);
	send("{\"cmd\":\"version\"}\n");
	HAS("0.1");
}
END_TEST

START_TEST(over_long)
{
	static char line[3 * CTL_LINE_MAX];

	setup();
	memset(line, 'x', sizeof(line));
	ck_assert_uint_eq(ctl_input(&c, line, sizeof(line)), sizeof(line));
	ck_assert_str_eq(drain(), "");
	send("{\"cmd\":\"destroy\",\"args\":{\"guest\":\"web\"}}\n{\"cmd\":\"version\"}\n");
	HAS("{\"id\":null,\"ok\":false,\"error\":{\"code\":\"bad-request\",\"message\":\"line is longer than 4096 "
	    "bytes\"}}\n{\"id\":null,\"ok\":true");
	ck_assert_uint_eq(fake.actions, 0);
	/* exactly as long as is allowed: padded with blanks */
	memset(line, ' ', CTL_LINE_MAX);
	memcpy(line, "{\"cmd\":\"version\"}", 17);
	ck_assert_uint_eq(ctl_input(&c, line, CTL_LINE_MAX), CTL_LINE_MAX);
	send("\n");
	HAS("0.1");
	memset(line, ' ', CTL_LINE_MAX + 1);
	ck_assert_uint_eq(ctl_input(&c, line, CTL_LINE_MAX + 1), CTL_LINE_MAX + 1);
	send("\n");
	HAS("line is longer");
	/* a string that fills the line */
	memset(line, 'g', CTL_LINE_MAX);
	memcpy(line, "{\"cmd\":\"info\",\"args\":{\"guest\":\"", 31);
	memcpy(line + CTL_LINE_MAX - 3, "\"}}", 3);
	ck_assert_uint_eq(ctl_input(&c, line, CTL_LINE_MAX), CTL_LINE_MAX);
	send("\n");
	HAS("no-such-guest");
	ck_assert_uint_eq(check_lines(), 1);
}
END_TEST

START_TEST(event_stream)
{
	struct mon_event ev = {
		.kind = MON_EV_CRASHED, .guest = 3, .name = "web", .reason = "triple \"fault\"", .time_ns = 77
	};

	setup();
	ctl_event(&c, &ev);
	ck_assert_str_eq(drain(), "{\"event\":\"guest-crashed\",\"guest\":\"web\",\"reason\":\"triple "
	                          "\\\"fault\\\"\",\"time_ns\":77}\n");
	for (u32 i = 0; i < CTL_EVENTS + 5; i++) {
		ev.kind = (enum mon_event_kind)(i % MON_NR_EVENTS);
		ev.time_ns = i;
		ctl_event(&c, &ev);
	}
	drain();
	ck_assert_uint_eq(check_lines(), CTL_EVENTS + 1);
	HAS("\"time_ns\":31}\n{\"event\":\"lost\",\"count\":5}\n");
	LACKS("\"time_ns\":32}");
	HAS("guest-takeover");
	ctl_event(&c, &ev);
	drain();
	ck_assert_uint_eq(check_lines(), 1);
	LACKS("lost");
}
END_TEST

START_TEST(consoles)
{
	setup();
	fake_print(&fake.guests[0], "before\r\n");
	send("{\"id\":1,\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	ck_assert_str_eq(text, "{\"id\":1,\"ok\":true,\"result\":{\"guest\":\"web\",\"state\":\"running\"}}\n"
	                       "{\"event\":\"console\",\"guest\":\"web\",\"data\":\"before\\u000d\\n\"}\n");
	fake_print(&fake.guests[0], "\x1b[31mr\x1b[6n\x1b]0;x\a\xc3"); /* contained; a character in two pieces */
	ck_assert_str_eq(drain(), "{\"event\":\"console\",\"guest\":\"web\",\"data\":\"\\u001b[31mr\"}\n");
	fake_print(&fake.guests[0], "\xa4");
	ck_assert_str_eq(drain(), "{\"event\":\"console\",\"guest\":\"web\",\"data\":\"\xc3\xa4\"}\n");
	fake_print(&fake.guests[1], "other");
	ck_assert_str_eq(drain(), "");
	fake.guests[0].input_room = 3;
	send("{\"cmd\":\"input\",\"args\":{\"guest\":\"web\",\"data\":\"l\\r\\u001bx\"}}\n");
	HAS("\"result\":{\"taken_bytes\":3}");
	ck_assert_mem_eq(fake.guests[0].typed, "l\r\x1b", 3);
	send("{\"cmd\":\"detach\",\"args\":{\"guest\":\"web\"}}\n");
	HAS("\"ok\":true");
	fake_print(&fake.guests[0], "silence");
	ck_assert_str_eq(drain(), "");
	/* what was overwritten before it could be sent is counted */
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	for (int i = 0; i < 2000; i++)
		fake_print(&fake.guests[0], "0123456789");
	drain();
	HAS("{\"event\":\"console\",\"guest\":\"web\",\"lost_bytes\":11808,\"data\":\"");
	check_lines();
	/* one for each guest, and the room for them is bounded */
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	HAS("\"ok\":true");
	for (u32 i = 0; i < CTL_CONSOLES; i++)
		c.consoles[i] = (struct ctl_console){ .used = true, .guest = 100 + i };
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	HAS("\"code\":\"no-room\",\"message\":\"4 consoles are attached; detach one\"");
	ctl_reset(&c);
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	HAS("\"ok\":true");
}
END_TEST

/* A reader that is slow or gone: requests wait, answers are whole, the buffer is never exceeded. */
START_TEST(back_pressure)
{
	static const char one[] = "{\"cmd\":\"list\"}\n";
	size_t taken = 0, n = sizeof(one) - 1;
	u32 sent = 0, answers;

	setup();
	while ((taken = ctl_input(&c, one, n)) == n) {
		while (ctl_poll(&c, 0) && ctl_can_go_on(&c))
			;
		ck_assert_uint_lt(++sent, 100);
	}
	/* the one that waits is whole in the line buffer; of the next nothing was taken */
	ck_assert_uint_eq(taken, 0);
	ck_assert(c.waiting);
	drain();
	answers = check_lines();
	ck_assert_uint_eq(answers, sent);
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	for (int i = 0; i < 1000; i++) {
		fake_print(&fake.guests[0], "\x1b[31m\x1b[32m\x1b[33m\x1b[34m");
		while (ctl_poll(&c, 0) && ctl_can_go_on(&c))
			;
		ck_assert(!c.out.overflow);
	}
	ck_assert_uint_lt(obuf_used(&c.out), sizeof(buf) / 4 + 2000);
	/* and the channel still answers first when there is room again */
	ctl_output(&c, (u8 *)text, sizeof(text));
	send("{\"id\":9,\"cmd\":\"version\"}\n");
	ck_assert(!strncmp(text, "{\"id\":9,", 8));
	check_lines();
}
END_TEST

START_TEST(answer_too_long)
{
	static u8 small[CTL_OUT_MIN];

	setup();
	init(&all, small, sizeof(small));
	for (int i = 0; i < 4000; i++)
		fake_log(&fake, "\x01\n"); /* 6 bytes for one */
	send("{\"id\":4,\"cmd\":\"log\",\"args\":{\"count\":1000}}\n");
	ck_assert_uint_eq(check_lines(), 1);
	fake.guests[1].info.vcpus = 40;
	send("{\"id\":5,\"cmd\":\"regs\",\"args\":{\"guest\":\"db\"}}\n");
	ck_assert_str_eq(
	        text,
	        "{\"id\":5,\"ok\":false,\"error\":{\"code\":\"too-long\",\"message\":\"the answer is longer than "
	        "the channel's buffer; ask for less\"}}\n");
	send("{\"id\":6,\"cmd\":\"regs\",\"args\":{\"guest\":\"db\",\"vcpu\":39}}\n");
	HAS("{\"id\":6,\"ok\":true");
}
END_TEST

/* A guest may be resumed, by another CPU, while its state is told: the answer is an error as any other. */
START_TEST(state_of_one_resumed)
{
	for (u32 at = 1; at < 8; at++) {
		setup();
		fake.guests[0].info.state = MON_PAUSED;
		fake.resumed_at = at;
		send("{\"id\":1,\"cmd\":\"info\",\"args\":{\"guest\":\"web\",\"what\":\"state\"}}\n");
		ck_assert_uint_eq(check_lines(), 1);
		if (at > 3)
			HAS("{\"id\":1,\"ok\":true");
		else
			HAS("{\"id\":1,\"ok\":false,\"error\":{\"code\":\"busy\"");
	}
}
END_TEST

#define MANY 700u

static int many_info(void *ctx, u32 index, struct mon_guest_info *info)
{
	if (index >= MANY)
		return ERR_NOENT;
	*info = (struct mon_guest_info){ .id = index,
		                         .state = index ? MON_CRASHED : MON_PAUSED,
		                         .vcpus = 64,
		                         .memory = BIT(40) - PAGE_SIZE,
		                         .hv_bytes = BIT(30) - 1,
		                         .weight = 10000,
		                         .cap = 6400,
		                         .reservation = 6080,
		                         .uptime_ns = 1ull << 60,
		                         .cpu_ns = ~0ull >> 1,
		                         .steal_ns = ~0ull >> 1,
		                         .exits = ~0ull >> 1,
		                         .restarts = ~0u };
	memset(info->name, 'n', sizeof(info->name) - 5);
	snprintf(info->name + sizeof(info->name) - 5, 5, "%u", index);
	memset(info->reason, 'r', sizeof(info->reason) - 1);
	for (u32 i = 0; i < 256; i += 2)
		info->pin.w[i / 64] |= BIT(i % 64);
	return OK;
}

static const char *many_name(void *ctx, u32 index, u32 *id)
{
	static struct mon_guest_info info;

	*id = index;
	return many_info(ctx, index, &info) == OK ? info.name : NULL;
}

static struct mon_sample *many_sample(void *ctx, u32 guest, enum mon_slot slot)
{
	static struct mon_sample samples[MANY][MON_NR_SLOTS];

	return &samples[guest][slot];
}

static int many_regs(void *ctx, u32 guest, u32 vcpu, struct mon_regs *r)
{
	memset(r, 0xff, sizeof(*r));
	r->activity = "waiting for SIPI";
	return OK;
}

/* Every answer about all of many guests, and all of a large one, fits the buffer that is made for them. */
START_TEST(answers_about_many)
{
	static const char *const cmds[] = { "list", "top", "metrics", "version" };
	u32 size = ctl_out_size(MANY, 64);
	struct mon_counts *rows = calloc(MANY, sizeof(*rows));
	u8 *large = malloc(size);
	struct mon_ops ops;
	char line[80];

	ck_assert_uint_eq(ctl_out_size(3, 4), 64 << 10);
	setup();
	ops = *fake.mon.ops;
	ops.guest_info = many_info;
	ops.guest_name = many_name;
	ops.sample = many_sample;
	ops.regs = many_regs;
	fake.mon.ops = &ops;
	init(&all, large, size);
	c.scratch.rows = rows;
	c.scratch.nr_rows = MANY;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(cmds); i++) { /* top measures between two */
		snprintf(line, sizeof(line), "{\"id\":%u,\"cmd\":\"%s\"}\n", i, cmds[i % ARRAY_SIZE(cmds)]);
		send(line);
		HAS("\"ok\":true");
		LACKS("too-long");
	}
	send("{\"id\":7,\"cmd\":\"dump\",\"args\":{\"guest\":\"0\"}}\n");
	HAS("\"ok\":true");
	send("{\"id\":8,\"cmd\":\"regs\",\"args\":{\"guest\":\"0\"}}\n");
	HAS("\"ok\":true");
	free(large);
	free(rows);
}
END_TEST

START_TEST(rights_of_channels)
{
	static const u32 only[] = { 7 };
	struct mon_rights some = { .reach = MON_REACH_LIST, .guests = only, .nr = 1, .mutate = false };
	struct mon_event ev = { .kind = MON_EV_STARTED, .guest = 3, .name = "web" };

	setup();
	init(&some, buf, sizeof(buf));
	send("{\"cmd\":\"list\"}\n");
	HAS("\"db\"");
	LACKS("web");
	send("{\"cmd\":\"pause\",\"args\":{\"guest\":\"db\"}}\n");
	HAS("\"code\":\"not-permitted\"");
	send("{\"cmd\":\"input\",\"args\":{\"guest\":\"db\",\"data\":\"x\"}}\n");
	HAS("\"code\":\"not-permitted\"");
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"web\"}}\n");
	HAS("\"code\":\"not-permitted\"");
	send("{\"cmd\":\"console\",\"args\":{\"guest\":\"db\"}}\n");
	HAS("\"ok\":true");
	ctl_event(&c, &ev);
	ck_assert_str_eq(drain(), "");
	ev.guest = 7;
	ctl_event(&c, &ev);
	drain();
	HAS("guest-started");
	ck_assert_uint_eq(fake.actions, 0);
}
END_TEST

/* ---- pieces ---- */

static const char *const requests_of_all[] = {
	"help",
	"list",
	"top",
	"metrics",
	"version",
	"describe",
	"describe\",\"args\":[\"dts\"],\"id\":\"",
	"log\",\"args\":[1000],\"id\":\"",
	"trace\",\"args\":[1000],\"id\":\"",
	"trace\",\"args\":[1000,\"db\"],\"id\":\"",
	"previous",
	"screen\",\"args\":[\"db\"],\"id\":\"",
	"screenshot\",\"args\":[\"web\"],\"id\":\"",
	"info\",\"args\":[\"db\"],\"id\":\"",
	"info\",\"args\":[\"db\",\"state\"],\"id\":\"",
	"exits\",\"args\":[\"db\"],\"id\":\"",
	"regs\",\"args\":[\"db\"],\"id\":\"",
	"dump\",\"args\":[\"db\"],\"id\":\"",
	"set\",\"args\":[\"db\",\"pin\",\"0-1\"],\"id\":\"",
	"pause\",\"args\":[\"db\"],\"id\":\"",
	"ready",
	"prevoiusdescribelistinfo",
	"info\",\"args\":[\"batch-nobody\"],\"id\":\"",
};

static void fill_machine(void)
{
	fake.trace_heads[0] = fake.trace_heads[1] = FAKE_RING;
	fake.old_heads[0] = FAKE_RING;
	for (int i = 0; i < 200; i++)
		fake_log(&fake, "[    1.000000] a line of the log\n");
}

/*
 * Between two places where a command may pause: no more than a few of the operations that are asked for everything,
 * and no more output than a cell of a table.
 */
START_TEST(work_in_pieces)
{
	char line[200];

	for (size_t i = 0; i < ARRAY_SIZE(requests_of_all); i++) {
		u64 most = 0, pieces = 0;

		setup();
		fill_machine();
		snprintf(line, sizeof(line), "{\"cmd\":\"%s\"}\n", requests_of_all[i]);
		ck_assert_uint_eq(ctl_input(&c, line, strlen(line)), strlen(line));
		ck_assert_uint_eq(fake.work, 0); /* it is only stored */
		do {
			u64 before = c.out.head;

			ck_assert(ctl_poll(&c, 5000000000));
			most = MAX(most, c.out.head > before ? c.out.head - before : 0);
			pieces++;
			/* all or nothing of the answer is to be had */
			ck_assert(obuf_ready(&c.out) == (c.task.busy ? 0 : obuf_used(&c.out)));
		} while (c.waiting);
		ck_assert_msg(most <= 140, "%s: %llu bytes in a piece", line, (unsigned long long)most);
		ck_assert_msg(fake.most_work <= 4, "%s: %u operations in a piece", line, fake.most_work);
		ck_assert_uint_ge(pieces, 10);
		drain();
		ck_assert_uint_eq(check_lines(), 1);
	}
}
END_TEST

/* Parsing pauses too, whatever is in the line, and a channel without rights is told so without looking around. */
START_TEST(lines_in_pieces)
{
	static const struct mon_rights none = { .reach = MON_REACH_NONE };
	static char line[CTL_LINE_MAX + 1];
	u32 len, pieces = 0;

	setup();
	len = (u32)sprintf(line, "{\"cmd\":\"info\"");
	for (u32 k = 0; k < 29; k++)
		len += (u32)sprintf(line + len, ",\"%0128u\":1", k);
	line[len++] = '}';
	line[len++] = '\n';
	ck_assert_uint_eq(ctl_input(&c, line, len), len);
	while (c.waiting) {
		ctl_poll(&c, 0);
		pieces++;
	}
	drain();
	HAS("unknown member at byte 15");
	ck_assert_uint_ge(pieces, len / 20); /* some 16 bytes each, */
	ck_assert_uint_le(pieces, len / 8);  /* once */
	init(&none, buf, sizeof(buf));
	fake.work = fake.most_work = 0;
	send("{\"cmd\":\"prevoiusdescribelistinfo\"}\n{\"cmd\":\"info\",\"args\":[\"web\"]}\n{\"cmd\":\"trace\"}\n");
	ck_assert_uint_eq(check_lines(), 3);
	HAS("not permitted: prevoius");
	LACKS("did you mean");
	ck_assert_uint_eq(fake.work + fake.most_work, 0); /* nothing was asked of anybody */
}
END_TEST

/* Two channels whose commands pause in one another's get the answers that each gets alone. */
START_TEST(channels_at_once)
{
	static TEST_STACK(stack2);
	static u8 buf2[32768];
	static char alone[sizeof(buf)], both[2][sizeof(buf)];
	static struct ctl c2;
	struct ctl *const of[] = { &c, &c2 };
	char line[200];

	for (size_t i = 0; i < ARRAY_SIZE(requests_of_all); i++) {
		size_t len[2] = { 0 };
		u32 rounds = 0;

		if (strstr(requests_of_all[i], "top")) /* since the last one of any channel */
			continue;
		setup();
		fill_machine();
		snprintf(line, sizeof(line), "{\"cmd\":\"%s\"}\n", requests_of_all[i]);
		snprintf(alone, sizeof(alone), "%s", send(line));
		setup();
		fill_machine();
		ctl_init(&c2, &fake.mon, &all, buf2, sizeof(buf2), TEST_STACK_TOP(stack2));
		c2.scratch.rows = calloc(FAKE_GUESTS, sizeof(struct mon_counts));
		c2.scratch.nr_rows = FAKE_GUESTS;
		(void)!ctl_input(&c, line, strlen(line));
		while (c.waiting || c2.waiting || c.task.busy || c2.task.busy) {
			for (u32 k = 0; k < 2; k++) {
				ctl_poll(of[k], 5000000000);
				len[k] += ctl_output(of[k], (u8 *)both[k] + len[k], sizeof(both[k]) - 1 - len[k]);
			}
			if (rounds++ == 3) /* one is ahead */
				(void)!ctl_input(&c2, line, strlen(line));
		}
		for (u32 k = 0; k < 2; k++) {
			both[k][len[k]] = '\0';
			ck_assert_str_eq(both[k], alone);
		}
		free(c2.scratch.rows);
	}
}
END_TEST

/* A channel that is taken over while it works forgets all of it. */
START_TEST(reset_in_between)
{
	for (u32 pieces = 1; pieces < 60; pieces++) {
		setup();
		(void)!ctl_input(&c, "{\"cmd\":\"dump\",\"args\":[\"db\"]}\n", 34);
		for (u32 i = 0; i < pieces; i++)
			ctl_poll(&c, 0);
		ck_assert(c.task.busy);
		ctl_reset(&c);
		test_stack_forget(stack);
		ck_assert_str_eq(
		        send("{\"id\":5,\"cmd\":\"ready\"}\n"),
		        "{\"id\":5,\"ok\":false,\"error\":{\"code\":\"not-supported\",\"message\":\"ready: this "
		        "channel is no guest's\"}}\n");
	}
}
END_TEST

SUITE_MAIN("mon_ctl", work_in_pieces, lines_in_pieces, channels_at_once, reset_in_between, says_ready, line_forgotten,
           requests, errors, over_long, event_stream, consoles, back_pressure, answer_too_long, state_of_one_resumed,
           answers_about_many, rights_of_channels)
