/*
 * A guest's console on this terminal. The hypervisor has made its output harmless; it goes through the same filter
 * again here, which knows what has to be undone at the end.
 */
#define _GNU_SOURCE
#include "tools/bhctl/bhctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/pace.h"
#include "vmm/mon/utf8.h"
#include "vmm/mon/vt.h"

#define ESCAPE_KEY  0x1d /* Ctrl-] */
#define ESCAPE_WAIT 0.4  /* s, for a second one */
#define KEYS_MAX    4096
#define RETRY       0.05 /* s, when nothing was taken at all */
#define LINGER      1.0  /* s of silence after the end of input, when that is no terminal */

struct console {
	struct chan *c;
	const struct options *o;
	char *guest;
	bool terminal;
	struct vt_filter filter;
	u8 keys[KEYS_MAX];
	size_t nr;
	bool waiting; /* for the answer to an input request */
	unsigned int id;
	size_t sent; /* bytes in it */
	struct pace pace;
	double send_at;  /* not before */
	double asked_at; /* when it was sent */
	double escape;   /* until then a second Ctrl-] is literal; 0: none was typed */
	double heard;    /* when something was printed last */
	bool eof, done;
};

static struct termios saved;
static bool raw;
static volatile sig_atomic_t stop;

static void restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	raw = false;
}

static void on_signal(int sig)
{
	stop = 1;
}

static void set_terminal(struct console *k)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct termios t;

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	if (!k->terminal)
		sigaction(SIGINT, &sa, NULL);
	if (!k->terminal || tcgetattr(STDIN_FILENO, &saved))
		return;
	t = saved;
	cfmakeraw(&t);
	raw = true;
	atexit(restore);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &t);
	printf("[console of %s; Ctrl-] leaves]\r\n", k->guest);
}

static void key(struct console *k, u8 b)
{
	if (k->terminal && b == ESCAPE_KEY && !k->escape) {
		k->escape = now_seconds() + ESCAPE_WAIT;
		return;
	}
	if (k->escape && b != ESCAPE_KEY) {
		k->done = true;
		return;
	}
	k->escape = 0;
	if (b && k->nr < KEYS_MAX) /* the channel has no NUL */
		k->keys[k->nr++] = b;
}

static void read_keys(struct console *k)
{
	u8 buf[256];
	ssize_t n = read(STDIN_FILENO, buf, MIN(sizeof(buf), KEYS_MAX - k->nr));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		k->eof = true;
	for (ssize_t i = 0; i < n && !k->done; i++)
		key(k, buf[i]);
}

/* Whole characters at the beginning of the keys; a byte that begins none is removed. Returns their length. */
static size_t whole_chars(struct console *k)
{
	size_t n = 0;
	u32 cp;

	while (n < MIN(k->nr, k->pace.window)) {
		u32 len = utf8_decode((char *)k->keys + n, k->nr - n, &cp), want = utf8_length(k->keys[n]);

		if (!len && want > k->nr - n && !k->eof)
			break; /* the rest of it is still to come */
		if (!len) {
			memmove(k->keys + n, k->keys + n + 1, k->nr - n - 1);
			k->nr--;
			continue;
		}
		n += len;
	}
	return n;
}

static void send_keys(struct console *k)
{
	char text[PACE_MAX + 8]; /* a window, and the rest of its last character */
	char *args[] = { k->guest, text };
	size_t n;

	if (k->waiting || !k->nr || now_seconds() < k->send_at)
		return;
	n = whole_chars(k);
	if (!n)
		return;
	memcpy(text, k->keys, n);
	text[n] = '\0';
	k->id = request(k->c, k->o, "input", args, 2);
	k->sent = n;
	k->waiting = true;
	k->asked_at = now_seconds();
}

static void write_all(const void *data, size_t n)
{
	if (fwrite(data, 1, n, stdout) != n)
		die(EXIT_CHANNEL, "cannot write the output");
}

static void show(struct console *k, const char *text)
{
	size_t n = strlen(text);
	u8 *out = malloc(n + VT_SEQ_MAX);

	if (!out)
		die(EXIT_CHANNEL, "out of memory");
	write_all(out, vt_filter(&k->filter, (const u8 *)text, n, out));
	fflush(stdout);
	free(out);
	k->heard = now_seconds();
}

static void event(struct console *k, const struct message *m, const struct json_tok *event)
{
	const struct json_doc *d = &m->doc;
	const struct json_tok *guest = json_get(d, d->toks, "guest"), *data = json_get(d, d->toks, "data");
	const struct json_tok *lost = json_get(d, d->toks, "lost_bytes"), *reason = json_get(d, d->toks, "reason");
	char *s;

	if (!guest || !json_str_is(d, guest, k->guest))
		return;
	if (json_str_is(d, event, "console") && data) {
		if (lost)
			fprintf(stderr, "\r\n[%lld bytes were lost]\r\n", (long long)lost->num);
		s = token_text(d, data, false);
		show(k, s);
	} else {
		s = token_text(d, reason ? reason : event, true);
		if (k->terminal)
			printf("\x1b[0m\r\n[%.*s: %s]\r\n", (int)event->len, d->text + event->start, s);
		fflush(stdout);
	}
	free(s);
}

/*
 * The answer to an input request: what was not taken is sent again, at once while the guest takes some, a little later
 * when it takes nothing. false: refused.
 */
static bool answer(struct console *k, const struct message *m)
{
	const struct json_tok *result = result_of(m), *taken = json_get(&m->doc, result, "taken_bytes");
	size_t n;

	if (!result)
		return false;
	n = taken && taken->num > 0 ? MIN((size_t)taken->num, k->sent) : 0;
	memmove(k->keys, k->keys + n, k->nr - n);
	k->nr -= n;
	k->waiting = false;
	k->send_at = pace_answer(&k->pace, n) ? 0 : now_seconds() + RETRY;
	return true;
}

/* Everything that has arrived. Returns EXIT_OK, or what went wrong. */
static int receive(struct console *k)
{
	struct message m;
	int r;

	while ((r = chan_message(k->c, &m, 0)) > 0) {
		const struct json_tok *e = json_get(&m.doc, m.doc.toks, "event");

		if (e)
			event(k, &m, e);
		else if (k->waiting && is_answer(&m, k->id) && !answer(k, &m))
			return EXIT_REFUSED;
	}
	if (r == 0)
		return EXIT_OK;
	fprintf(stderr, "%sbhctl: %s: closed by the other side\n", k->terminal ? "\r\n" : "", k->c->name);
	return EXIT_CHANNEL;
}

static int loop(struct console *k)
{
	int status = EXIT_OK;

	while (!k->done && !stop && status == EXIT_OK) {
		struct pollfd p[] = { { .fd = k->c->fd, .events = POLLIN },
			              { .fd = k->eof || k->nr == KEYS_MAX ? -1 : STDIN_FILENO, .events = POLLIN } };

		if (!chan_has_line(k->c))
			(void)poll(p, 2, 50);
		if (p[1].revents)
			read_keys(k);
		status = receive(k);
		if (k->escape && now_seconds() >= k->escape)
			k->done = true;
		if (k->eof && !k->nr && now_seconds() - k->heard > LINGER)
			k->done = true;
		if (k->waiting && now_seconds() - k->asked_at > k->o->timeout) {
			fprintf(stderr, "%sbhctl: no answer within %g s\n", k->terminal ? "\r\n" : "", k->o->timeout);
			status = EXIT_CHANNEL;
		}
		send_keys(k);
	}
	return status;
}

int run_console(struct chan *c, const struct options *o, char **args, int nr)
{
	char *guest = args[0];
	struct console k = { .c = c, .o = o, .guest = guest, .terminal = isatty(STDIN_FILENO), .pace = PACE_INIT };
	u8 reset[VT_RESET_MAX];
	struct message m;
	int status;

	if (!ask(c, o, &m, "console", args, nr))
		return EXIT_REFUSED;
	vt_init(&k.filter, false);
	k.heard = now_seconds();
	set_terminal(&k);
	status = loop(&k);
	if (k.terminal)
		write_all(reset, vt_reset(&k.filter, reset));
	fflush(stdout);
	restore();
	if (status != EXIT_CHANNEL)
		(void)ask_quietly(c, o, &m, "detach", &guest, 1);
	return status;
}
