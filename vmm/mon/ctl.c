#include "vmm/mon/ctl.h"

#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"

#define CHUNK       256  /* bytes of console data in an event: 6 times that as JSON, at most */
#define FILTER      8    /* of it filtered in one go: two or three control sequences */
#define GUEST_BYTES 1536 /* of an answer, for each guest that it lists (metrics) */
#define VCPU_BYTES  3072 /* for each vCPU that it shows (dump) */
#define TYPED       256  /* bytes of an `input` that are offered to the guest's console, which takes less at a time */
#define POLL_MAX    16   /* events or console chunks a poll */

u32 ctl_out_size(u32 guests, u32 vcpus)
{
	return MAX(64u << 10, guests * GUEST_BYTES + vcpus * VCPU_BYTES);
}

void ctl_init(struct ctl *c, struct mon *mon, const struct mon_rights *rights, u8 *buf, u32 size, u64 stack)
{
	assert(size >= CTL_OUT_MIN);
	memset(c, 0, sizeof(*c));
	c->mon = mon;
	c->rights = *rights;
	c->slot = MON_SLOT_CONTROL;
	c->self = MON_NO_GUEST;
	obuf_init(&c->out, buf, size);
	task_init(&c->task, stack);
}

void ctl_reset(struct ctl *c)
{
	task_drop(&c->task);
	c->in_len = 0;
	c->overlong = c->waiting = c->text = false;
	c->nr = 0;
	c->lost = 0;
	memset(c->consoles, 0, sizeof(c->consoles));
	obuf_init(&c->out, c->out.buf, c->out.size);
}

void ctl_forget_line(struct ctl *c)
{
	if (c->waiting) /* it is whole */
		return;
	c->in_len = 0;
	c->overlong = c->text = false;
}

static void point(void *ctx)
{
	mon_point(((struct ctl *)ctx)->mon);
}

static void out_write(void *ctx, const char *text, size_t len)
{
	struct ctl *c = ctx;

	obuf_write(&c->out, text, len);
}

static bool has_room(const struct ctl *c)
{
	return obuf_used(&c->out) <= c->out.size / 4;
}

bool ctl_can_go_on(const struct ctl *c)
{
	return c->task.busy || has_room(c);
}

static void begin(struct ctl *c, struct out *o)
{
	out_init(o, OUT_JSON, out_write, c);
	o->point = point;
}

/* ---- pieces of JSON ---- */

static void put(struct out *o, const char *s)
{
	out_raw(o, s, strlen(s));
}

static void put_str(struct out *o, const char *key, const char *value)
{
	put(o, key);
	out_json_str(o, value, strlen(value));
}

static void put_num(struct out *o, const char *key, u64 v)
{
	char text[24];

	fmt_snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	put(o, key);
	put(o, text);
}

/* ---- requests ---- */

struct request {
	char id[CTL_ID_MAX + 3]; /* as JSON, quotes and all */
	const char *cmd;
	struct cmd_given given[CMD_MAX_ARGS + 1];
	u32 nr;
	bool ignored; /* what we say ourselves, come back */
	struct cmd_error err;
	u32 arena; /* used of c->strings */
};

static int bad(struct request *q, const char *fmt, ...) __printf(2, 3);
static int bad(struct request *q, const char *fmt, ...)
{
	va_list ap;

	q->err.code = "bad-request";
	va_start(ap, fmt);
	fmt_vsnprintf(q->err.message, sizeof(q->err.message), fmt, ap);
	va_end(ap);
	return ERR_INVAL;
}

/* The decoded token in c->strings. It has room: decoded text is never longer,
 * and its quotes or comma give the NUL. */
static const char *decode(struct ctl *c, struct request *q, const struct json_doc *doc, const struct json_tok *t)
{
	const struct json_pace pace = { point, c };
	char *s = c->strings + q->arena;
	size_t len;

	if (json_str_paced(doc, t, s, sizeof(c->strings) - q->arena, &pace, &len) != OK)
		return NULL;
	q->arena += (u32)len + 1;
	return s;
}

static int take_id(struct request *q, const struct json_doc *doc, const struct json_tok *t)
{
	u32 quote = t->type == JSON_STRING;

	if (t->type == JSON_ARRAY || t->type == JSON_OBJECT || t->type == JSON_BOOL)
		return bad(q, "id must be a number or a string");
	if (t->len > CTL_ID_MAX)
		return bad(q, "id is longer than %u bytes", CTL_ID_MAX);
	fmt_snprintf(q->id, sizeof(q->id), "%.*s", (int)(t->len + 2 * quote), doc->text + t->start - quote);
	return OK;
}

/* args: an object of arguments by name, or an array of them by position. */
static int take_args(struct ctl *c, struct request *q, const struct json_doc *doc, const struct json_tok *args)
{
	bool named = args->type == JSON_OBJECT;

	if (!named && args->type != JSON_ARRAY)
		return bad(q, "args must be an object or an array");
	for (const struct json_tok *k = json_first(doc, args); k; k = json_next(doc, args, k)) {
		const struct json_tok *v = named ? k + 1 : k;
		struct cmd_given *g = &q->given[q->nr];

		point(c);
		if (q->nr == ARRAY_SIZE(q->given))
			return bad(q, "too many arguments");
		if (v->type != JSON_STRING && v->type != JSON_NUMBER)
			return bad(q, "argument at byte %u must be a string or a number", v->start);
		g->name = named ? decode(c, q, doc, k) : NULL;
		g->value = decode(c, q, doc, v);
		if ((named && !g->name) || !g->value)
			return bad(q, "argument at byte %u is too long", v->start);
		q->nr++;
	}
	return OK;
}

static int take_member(struct ctl *c, struct request *q, const struct json_doc *doc, const struct json_tok *k)
{
	const struct json_tok *v = k + 1;

	if (json_str_is(doc, k, "id"))
		return OK; /* taken already */
	if (json_str_is(doc, k, "args"))
		return take_args(c, q, doc, v);
	if (!json_str_is(doc, k, "cmd"))
		return bad(q, "unknown member at byte %u; there are id, cmd, args", k->start);
	if (v->type != JSON_STRING)
		return bad(q, "cmd must be a string");
	q->cmd = decode(c, q, doc, v);
	return q->cmd ? OK : bad(q, "cmd is too long");
}

static int parse(struct ctl *c, struct request *q)
{
	const struct json_pace pace = { point, c };
	struct json_doc doc;
	struct json_err je;
	const struct json_tok *top = c->toks, *id = NULL;

	fmt_snprintf(q->id, sizeof(q->id), "null");
	if (c->overlong)
		return bad(q, "line is longer than %u bytes", CTL_LINE_MAX);
	if (json_parse_paced(&doc, c->in, c->in_len, c->toks, CTL_TOKENS, false, &pace, &je) != OK)
		return bad(q, "byte %u: %s", je.pos, je.what);
	if (top->type != JSON_OBJECT)
		return bad(q, "a request is an object");
	for (const struct json_tok *k = json_first(&doc, top); k; k = json_next(&doc, top, k)) {
		/* Echo of a terminal, or another hypervisor at the other end: answering would go on for ever. */
		q->ignored |= json_str_is(&doc, k, "ok") || json_str_is(&doc, k, "event");
		if (json_str_is(&doc, k, "id")) /* first: errors about the rest carry it */
			id = k + 1;
		point(c);
	}
	if (q->ignored)
		return ERR_INVAL;
	if (id && take_id(q, &doc, id) != OK)
		return ERR_INVAL;
	point(c);
	for (const struct json_tok *k = json_first(&doc, top); k; k = json_next(&doc, top, k)) {
		if (take_member(c, q, &doc, k) != OK)
			return ERR_INVAL;
		point(c);
	}
	return q->cmd ? OK : bad(q, "cmd is missing");
}

static struct ctl_console *console_of(struct ctl *c, u32 guest, bool used)
{
	for (u32 i = 0; i < CTL_CONSOLES; i++)
		if (c->consoles[i].used == used && (!used || c->consoles[i].guest == guest))
			return &c->consoles[i];
	return NULL;
}

/* Does what a command left to do. Before anything of its answer is final. */
static int take_effect(struct ctl *c, struct cmd_run *r)
{
	static const struct out_col cols[] = { { "taken_bytes", "taken", OUT_NUM, 0 } };
	struct ctl_console *con = console_of(c, r->guest.id, true);
	size_t n;

	switch (r->effect) {
	case CMD_ATTACH:
		if (!con)
			con = console_of(c, 0, false);
		if (!con)
			return cmd_error(r, ERR_NOSPC, "no-room", "%u consoles are attached; detach one",
			                 CTL_CONSOLES);
		con->used = true;
		con->guest = r->guest.id;
		memcpy(con->name, r->guest.name, sizeof(con->name));
		con->pos = mon_console_tail(c->mon, con->guest, r->has_num ? r->num : MON_TAIL_SHORT);
		vt_init(&con->filter, false);
		return OK;
	case CMD_DETACH:
		if (!con)
			return cmd_error(r, ERR_NOENT, "not-found", "%s: its console is not attached", r->guest.name);
		con->used = false;
		return OK;
	case CMD_INPUT:
		n = c->mon->ops->console_input(c->mon->ctx, r->guest.id, (const u8 *)r->text,
		                               strnlen(r->text, TYPED));
		out_rec(r->out, cols, 1);
		out_u64(r->out, n);
		out_rec_end(r->out);
		return OK;
	default: return OK;
	}
}

static void answer_error(struct ctl *c, const struct request *q, const char *code, const char *message)
{
	struct out o;

	point(c);
	begin(c, &o);
	put(&o, "{\"id\":");
	put(&o, q->id);
	put_str(&o, ",\"ok\":false,\"error\":{\"code\":", code);
	put_str(&o, ",\"message\":", message);
	put(&o, "}}\n");
	out_flush(&o);
}

static void answer(struct ctl *c, struct request *q, u64 mark)
{
	struct cmd_run r = { .mon = c->mon, .rights = &c->rights, .control = true, .now_ns = c->now_ns };
	struct out o;
	int err;

	r.out = &o;
	r.scratch = &c->scratch;
	r.slot = c->slot;
	r.self = c->self;
	begin(c, &o);
	put(&o, "{\"id\":");
	put(&o, q->id);
	put(&o, ",\"ok\":true,\"result\":");
	out_open(&o);
	point(c);
	err = cmd_execute(&r, q->cmd, q->given, q->nr);
	point(c);
	if (err == OK)
		err = take_effect(c, &r);
	if (err == OK) {
		out_close(&o);
		put(&o, "}\n");
		out_flush(&o);
		if (!c->out.overflow)
			return;
		cmd_error(&r, ERR_NOSPC, "too-long", "the answer is longer than the channel's buffer; ask for less");
	}
	obuf_rollback(&c->out, mark);
	point(c);
	answer_error(c, q, r.err.code, r.err.message);
}

/* Runs the line in c->in. There is room for its answer. */
static void run(struct ctl *c)
{
	struct request q = { .cmd = NULL };
	u64 mark = obuf_mark(&c->out);

	point(c);
	if (parse(c, &q) == OK)
		answer(c, &q, mark);
	else if (!q.ignored)
		answer_error(c, &q, q.err.code, q.err.message);
	point(c);
	obuf_seal(&c->out);
	c->in_len = 0;
	c->overlong = c->waiting = c->text = false;
}

size_t ctl_input(struct ctl *c, const char *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n && !c->waiting;) {
		const char *nl = memchr(buf + i, '\n', n - i);
		size_t part = nl ? (size_t)(nl - buf) - i : n - i, room = CTL_LINE_MAX - c->in_len;

		for (size_t k = i; k < i + part && !c->text; k++)
			c->text = buf[k] != ' ' && buf[k] != '\t' && buf[k] != '\r';
		if (part > room)
			c->overlong = c->text = true;
		memcpy(c->in + c->in_len, buf + i, MIN(part, room));
		c->in_len += (u32)MIN(part, room);
		i += part;
		if (!nl)
			break;
		i++;
		c->waiting = c->text;
		if (!c->waiting)
			c->in_len = 0;
	}
	return i;
}

/* ---- events ---- */

void ctl_event(struct ctl *c, const struct mon_event *ev)
{
	if (!mon_may_see(&c->rights, ev->guest))
		return;
	if (c->nr == CTL_EVENTS) {
		c->lost++;
		return;
	}
	c->queue[(c->first + c->nr++) % CTL_EVENTS] = *ev;
}

/* The oldest event, or the report of those lost behind it. Returns whether there was one. */
static bool send_event(struct ctl *c)
{
	const struct mon_event *ev = &c->queue[c->first];
	struct out o;

	if (!c->nr && !c->lost)
		return false;
	(void)obuf_mark(&c->out);
	begin(c, &o);
	if (c->nr) {
		put(&o, "{\"event\":\"guest-");
		put(&o, mon_event_str(ev->kind));
		put_str(&o, "\",\"guest\":", ev->name);
		put_str(&o, ",\"reason\":", ev->reason);
		put_num(&o, ",\"time_ns\":", ev->time_ns);
		c->first = (c->first + 1) % CTL_EVENTS;
		c->nr--;
	} else {
		put_num(&o, "{\"event\":\"lost\",\"count\":", c->lost);
		c->lost = 0;
	}
	put(&o, "}\n");
	out_flush(&o);
	obuf_seal(&c->out);
	return true;
}

/* Some of what an attached guest printed. Returns whether there was any. */
static bool send_console(struct ctl *c, struct ctl_console *con)
{
	u8 data[CHUNK], safe[CHUNK + VT_SEQ_MAX];
	u64 expected = con->pos;
	size_t n = c->mon->ops->console_read(c->mon->ctx, con->guest, &con->pos, data, sizeof(data)), len = 0;
	u64 lost = con->pos - n > expected ? con->pos - n - expected : 0;
	struct out o;

	if (!n)
		return false;
	if (lost)
		vt_init(&con->filter, false);
	for (size_t i = 0; i < n; i += FILTER) {
		len += vt_filter(&con->filter, data + i, MIN(n - i, (size_t)FILTER), safe + len);
		point(c);
	}
	if (!len && !lost)
		return true;
	(void)obuf_mark(&c->out);
	begin(c, &o);
	put_str(&o, "{\"event\":\"console\",\"guest\":", con->name);
	if (lost)
		put_num(&o, ",\"lost_bytes\":", lost);
	put(&o, ",\"data\":");
	out_json_str(&o, (char *)safe, len);
	put(&o, "}\n");
	out_flush(&o);
	obuf_seal(&c->out);
	return true;
}

/* Consoles in turn. Returns whether one had something. */
static bool send_consoles(struct ctl *c)
{
	for (u32 i = 0; i < CTL_CONSOLES; i++) {
		struct ctl_console *con = &c->consoles[c->turn];

		c->turn = (c->turn + 1) % CTL_CONSOLES;
		if (con->used && send_console(c, con))
			return true;
	}
	return false;
}

bool ctl_shows(const struct ctl *c)
{
	for (u32 i = 0; i < CTL_CONSOLES; i++)
		if (c->consoles[i].used)
			return true;
	return false;
}

/* On the channel's stack. */
static void work(void *arg)
{
	struct ctl *c = arg;

	c->more = true;
	if (c->waiting) {
		run(c);
		return;
	}
	for (u32 i = 0; i < POLL_MAX && has_room(c); i++) {
		if (!send_event(c) && !send_consoles(c)) {
			c->more = false;
			return;
		}
		point(c);
	}
}

bool ctl_poll(struct ctl *c, u64 now_ns)
{
	c->now_ns = now_ns;
	if (!c->task.busy) {
		if (!c->waiting && !c->nr && !c->lost && !ctl_shows(c))
			return false;
		if (!has_room(c))
			return true;
		task_start(&c->task, work, c);
	}
	return !mon_run(c->mon, &c->task) || c->more || c->waiting;
}

size_t ctl_output(struct ctl *c, u8 *buf, size_t n)
{
	return obuf_read(&c->out, buf, n);
}
