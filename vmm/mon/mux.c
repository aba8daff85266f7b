#include "vmm/mon/mux.h"

#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/mon/cmd.h"

#define PROMPT        "bulkhead> "
#define CHUNK         16   /* bytes of a guest's output at a time: a poll should not take long */
#define POLL_MAX      4    /* chunks a poll */
#define READ_AHEAD    64   /* output waiting, beyond which no more of the guest is read: it has its ring */
#define LINE_PATIENCE 1024 /* bytes of a guest's line that the log waits for to end */
#define LOG_READ      128  /* bytes of the log at a time: about a line */
#define LOG_AHEAD     256  /* the same for the log, which has room behind a guest that prints without end */
#define KEY_ROOM      1024 /* output that a key may cause: a line drawn, names to choose from */
#define CUT_TEXT      "[cut: more than the console's buffer holds]\r\n"
#define CUT_ROOM      256 /* kept for that, and for the prompt */

static void line_write(void *ctx, const char *text, size_t len)
{
	struct mux *m = ctx;

	obuf_write(&m->out, text, len);
	m->out.overflow = false;
	if (len)
		m->mid_line = text[len - 1] != '\n';
}

static void put(struct mux *m, const char *s)
{
	line_write(m, s, strlen(s));
}

static void say(struct mux *m, const char *fmt, ...) __printf(2, 3);
static void say(struct mux *m, const char *fmt, ...)
{
	char text[MON_REASON_MAX + 100];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(m, text);
}

/* Output of commands: lines end in LF. */
static void text_write(void *ctx, const char *text, size_t len)
{
	struct mux *m = ctx;

	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t room = obuf_room(&m->out), n = nl ? (size_t)(nl - text) : len;

		m->cut |= room < CUT_ROOM;
		if (m->cut)
			return;
		if (n > room - CUT_ROOM) {
			n = room - CUT_ROOM;
			nl = NULL;
			m->cut = true;
		}
		line_write(m, text, n);
		if (nl)
			line_write(m, "\r\n", 2);
		n += nl != NULL;
		text += n;
		len -= n;
	}
}

static void complete(void *ctx, const char *text, u32 word, u32 pos, void (*emit)(void *e, const char *w), void *e)
{
	struct mux *m = ctx;
	u32 index = 0;

	for (u32 i = 1; i <= word; i++)
		index += text[i - 1] != ' ' && (i == word || text[i] == ' ');
	cmd_complete(m->mon, &m->rights, text, index, emit, e);
}

void mux_init(struct mux *m, struct mon *mon, u8 *buf, u32 size, u64 stack, u32 columns, bool ascii, u64 now_ns)
{
	char none[1];

	assert(size >= MUX_OUT_MIN);
	memset(m, 0, sizeof(*m));
	m->mon = mon;
	m->rights = MON_RIGHTS_ALL;
	m->now_ns = now_ns;
	obuf_init(&m->out, buf, size);
	task_init(&m->task, stack);
	vt_init(&m->filter, ascii);
	m->log_pos = UINT64_MAX;
	(void)mon->ops->log_read(mon->ctx, &m->log_pos, none, 0); /* moves it to the end */
	line_init(&m->line, PROMPT, columns, line_write, m);
	m->line.complete = complete;
	put(m, "Bulkhead monitor. \"help\" lists the commands.\r\n");
	line_begin(&m->line);
}

/* ---- attached ---- */

static bool read_log(struct mux *m);

static bool log_waits(struct mux *m)
{
	u64 end = UINT64_MAX;
	char none[1];

	(void)m->mon->ops->log_read(m->mon->ctx, &end, none, 0); /* moves it to the end */
	return end != m->log_pos;
}

/* Shows what a guest printed. The log comes in at the end of a line, or after LINE_PATIENCE bytes without one. */
static void show_guest(struct mux *m, const u8 *data, size_t n)
{
	u8 safe[CHUNK + VT_SEQ_MAX];
	size_t len = vt_filter(&m->filter, data, n, safe), line = 0;
	const u8 *nl = memchr(safe, '\n', len);

	if (log_waits(m)) {
		m->no_line += (u32)len;
		if (nl)
			line = (size_t)(nl - safe) + 1;
		line_write(m, (char *)safe, line);
		if (nl || m->no_line > LINE_PATIENCE) {
			m->no_line = 0;
			(void)read_log(m);
		}
	}
	line_write(m, (char *)safe + line, len - line);
}

static int attach(struct mux *m, u32 guest, u32 lines)
{
	struct mon_guest_info info;

	if (mon_guest_by_id(m->mon, guest, &info) != OK)
		return ERR_NOENT;
	line_hide(&m->line);
	m->guest = guest;
	m->has_guest = true;
	memcpy(m->name, info.name, sizeof(m->name));
	m->mode = MUX_ATTACHED;
	m->nr_keys = 0;
	vt_init(&m->filter, m->filter.ascii);
	m->guest_pos = mon_console_tail(m->mon, guest, lines);
	say(m, "[%s is %s; Ctrl-] leaves its console]\r\n", m->name, mon_state_str(info.state));
	return OK;
}

int mux_attach(struct mux *m, u32 guest, u32 lines)
{
	task_drop(&m->task);
	return attach(m, guest, lines);
}

static void detach(struct mux *m)
{
	u8 reset[VT_RESET_MAX];

	line_write(m, (char *)reset, vt_reset(&m->filter, reset));
	say(m, "[left the console of %s; Ctrl-] goes back]\r\n", m->name);
	m->mode = MUX_PROMPT;
	line_begin(&m->line);
}

/* Gives the guest what it takes of the keys kept. */
static void flush_keys(struct mux *m)
{
	size_t taken;

	if (!m->nr_keys)
		return;
	taken = m->mon->ops->console_input(m->mon->ctx, m->guest, m->keys, m->nr_keys);
	m->nr_keys -= (u32)taken;
	memmove(m->keys, m->keys + taken, m->nr_keys);
}

/* A key for the guest. One that reads nothing loses it: Ctrl-] must stay within reach. */
static void guest_key(struct mux *m, u8 key)
{
	if (m->nr_keys == MUX_KEYS)
		flush_keys(m);
	if (m->nr_keys == MUX_KEYS)
		put(m, "\a");
	else
		m->keys[m->nr_keys++] = key;
}

static bool piece_over(const struct mon *mon)
{
	return mon->ops->piece_over && mon->ops->piece_over(mon->ctx);
}

/* Reads the guest's output, some of it at least, as long as the piece lasts. Returns whether there may be more. */
static bool read_guest(struct mux *m)
{
	u8 data[CHUNK];

	for (u32 i = 0; i < POLL_MAX; i++) {
		size_t n;

		if (obuf_used(&m->out) > READ_AHEAD || (i && piece_over(m->mon)))
			return true;
		n = m->mon->ops->console_read(m->mon->ctx, m->guest, &m->guest_pos, data, sizeof(data));
		if (!n)
			return false;
		show_guest(m, data, n);
	}
	return true;
}

/* ---- the prompt ---- */

static void point(void *ctx)
{
	mon_point(((struct mux *)ctx)->mon);
}

static void begin(struct mux *m, struct out *out)
{
	m->cut = false;
	out_init(out, OUT_TEXT, text_write, m);
	out->point = point;
}

/* Runs the line in m->repeat, on the command's stack. Leaves the mode, and the screen, as they have to be. */
static void run(void *arg)
{
	struct mux *m = arg;
	char words[LINE_MAX_TEXT + 1];
	struct cmd_run r = { .mon = m->mon,
		             .scratch = &m->scratch,
		             .rights = &m->rights,
		             .now_ns = m->now_ns,
		             .slot = MON_SLOT_CONSOLE };
	struct out out;
	int err;

	r.out = &out;
	fmt_snprintf(words, sizeof(words), "%s", m->repeat);
	begin(m, &out);
	out_open(&out);
	err = cmd_execute_line(&r, words);
	out_close(&out);
	if (m->cut)
		put(m, CUT_TEXT);
	m->mode = MUX_PROMPT;
	if (err != OK) {
		/* what was typed is printable; names and reasons are made so */
		begin(m, &out);
		out_raw(&out, "error: ", 7);
		out_line(&out, r.err.message, strlen(r.err.message));
		out_flush(&out);
	} else if (r.effect == CMD_ATTACH) {
		(void)!attach(m, r.guest.id, r.has_num ? r.num : MON_TAIL_SHORT);
	} else if (r.effect == CMD_REPEAT) {
		m->mode = MUX_REPEAT;
		m->repeat_ns = r.repeat_ns;
		m->deadline = m->now_ns + r.repeat_ns;
	}
	if (m->mode == MUX_PROMPT)
		line_begin(&m->line);
}

/* The guest that Ctrl-] goes to when there was none before: the only one. */
static bool only_guest(struct mux *m)
{
	struct mon_guest_info info;

	if (m->mon->ops->guest_info(m->mon->ctx, 1, &info) == OK ||
	    m->mon->ops->guest_info(m->mon->ctx, 0, &info) != OK)
		return false;
	m->guest = info.id;
	return true;
}

static void prompt_key(struct mux *m, u8 key)
{
	if (key == MUX_ESCAPE_KEY) {
		if ((!m->has_guest && !only_guest(m)) || mux_attach(m, m->guest, MON_TAIL_SHORT) != OK)
			put(m, "\a");
		return;
	}
	switch (line_key(&m->line, key)) {
	case LINE_MORE: return;
	case LINE_DONE:
		memcpy(m->repeat, m->line.text, m->line.len + 1);
		task_start(&m->task, run, m);
		return;
	case LINE_CANCEL: break;
	}
	line_begin(&m->line);
}

/* To the start of a line of its own. */
static void log_begins(struct mux *m)
{
	bool mid = m->mid_line;

	if (m->mode == MUX_PROMPT) {
		line_hide(&m->line);
	} else {
		put(m, "\x1b[0m"); /* not in a guest's colours: they might hide it */
		if (mid)
			put(m, "\r\n");
	}
}

/* What the ring no longer has: the log came faster than the terminal took it. */
static void lost_log(struct mux *m, u64 bytes)
{
	m->log_len = 0;
	log_begins(m);
	say(m, "[%lu bytes of the log are not shown]\r\n", (unsigned long)bytes);
}

/*
 * New lines of the log, one at least, as long as the piece lasts: at the prompt marked, above the line being edited;
 * else between the guest's. Returns whether there may be more.
 */
static bool read_log(struct mux *m)
{
	struct out out;

	for (u32 i = 0; i < POLL_MAX; i++) {
		u64 from = m->log_pos;
		size_t n, room;
		bool all;
		char *nl;

		if (obuf_used(&m->out) > LOG_AHEAD || (i && piece_over(m->mon)))
			return true;
		room = MIN(sizeof(m->log_line) - m->log_len, (size_t)LOG_READ);
		n = m->mon->ops->log_read(m->mon->ctx, &m->log_pos, m->log_line + m->log_len, room);
		if (m->log_pos - n > from) {
			memmove(m->log_line, m->log_line + m->log_len, n);
			lost_log(m, m->log_pos - n - from + m->log_len);
		}
		all = n < room;
		m->log_len += (u32)n;
		nl = memchr(m->log_line, '\n', m->log_len);
		if (!nl && m->log_len < sizeof(m->log_line)) {
			if (all)
				return false;
			continue;
		}
		if (nl)
			n = (size_t)(nl - m->log_line);
		else
			n = m->log_len; /* longer: in pieces */
		log_begins(m);
		begin(m, &out);
		if (m->mode == MUX_PROMPT)
			out_raw(&out, "* ", 2);
		out_line(&out, m->log_line, n);
		out_flush(&out);
		n += nl != NULL;
		m->log_len -= (u32)n;
		memmove(m->log_line, m->log_line + n, m->log_len);
	}
	return true;
}

/* ---- all together ---- */

static void key(struct mux *m, u8 k)
{
	switch (m->mode) {
	case MUX_PROMPT: prompt_key(m, k); break;
	case MUX_ATTACHED:
		if (k == MUX_ESCAPE_KEY) {
			m->mode = MUX_ESCAPED;
			m->deadline = m->now_ns + MUX_ESCAPE_NS;
		} else {
			guest_key(m, k);
		}
		break;
	case MUX_ESCAPED:
		if (k == MUX_ESCAPE_KEY) {
			m->mode = MUX_ATTACHED;
			guest_key(m, k);
		} else {
			detach(m);
			prompt_key(m, k);
		}
		break;
	case MUX_REPEAT: /* any key ends it, and is no more than that */
		m->mode = MUX_PROMPT;
		line_begin(&m->line);
		break;
	}
}

/* Whether there is room for what the key may cause: a whole command's output, when it is Enter. */
static bool room_for(const struct mux *m, u8 k)
{
	bool enter = k == '\r' || k == '\n';

	if (m->mode == MUX_ATTACHED)
		return true;
	if (m->mode == MUX_PROMPT && enter)
		return obuf_used(&m->out) <= m->out.size / 4;
	return obuf_room(&m->out) >= KEY_ROOM;
}

size_t mux_input(struct mux *m, const u8 *buf, size_t n, u64 now_ns)
{
	size_t i = 0;

	m->now_ns = now_ns;
	if (m->mode == MUX_ESCAPED && now_ns >= m->deadline && obuf_room(&m->out) >= KEY_ROOM)
		detach(m);
	while (i < n && !m->task.busy && room_for(m, buf[i]))
		key(m, buf[i++]);
	if (m->mode == MUX_ATTACHED || m->mode == MUX_ESCAPED)
		flush_keys(m);
	return i;
}

bool mux_poll(struct mux *m, u64 now_ns)
{
	u64 from = m->guest_pos;
	bool more = false;

	m->now_ns = now_ns;
	if (m->mode == MUX_ESCAPED && now_ns >= m->deadline) {
		if (obuf_room(&m->out) < KEY_ROOM)
			return true;
		detach(m);
	}
	if (m->mode == MUX_REPEAT && now_ns >= m->deadline && !obuf_used(&m->out) && !m->task.busy) {
		put(m, "\x1b[H\x1b[2J");
		task_start(&m->task, run, m);
	}
	if (m->task.busy) {
		(void)mon_run(m->mon, &m->task);
		return true;
	}
	if (m->mode == MUX_PROMPT) {
		more = read_log(m);
		line_show(&m->line);
	} else if (m->mode != MUX_REPEAT) {
		flush_keys(m);
		more = read_guest(m);
		/* Else at the end of its line. In a piece to come, when the guest's has taken this one. */
		if (!more)
			more = (m->guest_pos != from && piece_over(m->mon)) || read_log(m);
	}
	return more;
}

u64 mux_deadline(const struct mux *m)
{
	return m->mode == MUX_ESCAPED || m->mode == MUX_REPEAT ? m->deadline : UINT64_MAX;
}

size_t mux_leave(struct mux *m, u8 *buf)
{
	if (m->mode == MUX_ATTACHED || m->mode == MUX_ESCAPED)
		return vt_reset(&m->filter, buf);
	buf[0] = '\n';
	return m->mid_line;
}

size_t mux_output(struct mux *m, u8 *buf, size_t n)
{
	return obuf_read(&m->out, buf, n);
}
