/* The channel: a serial device, a unix socket or an open file; lines with time-outs; requests and their answers. */
#define _GNU_SOURCE /* poll, cfmakeraw */
#include "tools/bhctl/bhctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LINE_LIMIT (64u << 20) /* longer than any answer */
#define MAX_TOKENS 400000

static struct json_tok toks[MAX_TOKENS];

double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static speed_t speed_of(unsigned int baud)
{
	static const struct {
		unsigned int baud;
		speed_t speed;
	} list[] = { { 9600, B9600 },     { 19200, B19200 },   { 38400, B38400 },   { 57600, B57600 },
		     { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 921600, B921600 } };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (list[i].baud == baud)
			return list[i].speed;
	die(EXIT_USAGE, "%u is no speed of a serial line", baud);
}

static void set_serial(const struct chan *c, unsigned int baud)
{
	struct termios t;

	if (tcgetattr(c->fd, &t))
		die(EXIT_CHANNEL, "%s: %s", c->name, strerror(errno));
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&t, speed_of(baud));
	if (tcsetattr(c->fd, TCSANOW, &t))
		die(EXIT_CHANNEL, "%s: %s", c->name, strerror(errno));
}

/* One user at a time: two would read each other's answers. */
static void lock(const struct chan *c, double timeout)
{
	double end = now_seconds() + timeout;

	while (flock(c->fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return; /* a kind of file that cannot be locked */
		if (now_seconds() > end)
			die(EXIT_CHANNEL, "%s: in use by another bhctl", c->name);
		usleep(50000);
	}
}

static void open_socket(struct chan *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(c->name) >= sizeof(a.sun_path))
		die(EXIT_USAGE, "%s: the name is too long for a socket", c->name);
	strcpy(a.sun_path, c->name);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)))
		die(EXIT_CHANNEL, "%s: %s", c->name, strerror(errno));
}

static void open_file(struct chan *c, const struct options *o)
{
	struct stat st;

	if (stat(c->name, &st))
		die(EXIT_CHANNEL, "%s: %s", c->name, strerror(errno));
	if (S_ISSOCK(st.st_mode)) {
		open_socket(c);
		return;
	}
	if (!S_ISCHR(st.st_mode))
		die(EXIT_CHANNEL, "%s: neither a serial device nor a socket", c->name);
	c->fd = open(c->name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (c->fd < 0)
		die(EXIT_CHANNEL, "%s: %s", c->name, strerror(errno));
	lock(c, o->timeout);
	if (isatty(c->fd))
		set_serial(c, o->baud);
}

void chan_open(struct chan *c, const struct options *o)
{
	char *end;

	*c = (struct chan){ .name = o->device, .next_id = (unsigned int)getpid() % 100000 * 10000 };
	if (!strncmp(o->device, "fd:", 3)) {
		c->fd = (int)strtol(o->device + 3, &end, 10);
		if (*end || end == o->device + 3 || fcntl(c->fd, F_GETFL) < 0)
			die(EXIT_CHANNEL, "%s: no such open file", o->device);
	} else {
		open_file(c, o);
	}
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	/* Ends whatever a user before left unfinished. */
	chan_send(c, "\n", 1, o->timeout);
}

void chan_send(struct chan *c, const char *text, size_t len, double timeout)
{
	double end = now_seconds() + timeout;

	while (len) {
		struct pollfd p = { .fd = c->fd, .events = POLLOUT };
		double left = end - now_seconds();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) < 0)
			die(EXIT_CHANNEL, "%s: takes no data", c->name);
		n = send(c->fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(c->fd, text, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			die(EXIT_CHANNEL, "%s: %s", c->name, strerror(errno));
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

bool chan_has_line(const struct chan *c)
{
	return c->len > c->line && memchr(c->buf + c->line, '\n', c->len - c->line);
}

/* Reads more. 1; 0: nothing within timeout; -1: closed. */
static int fill(struct chan *c, double timeout)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	if (c->cap - c->len < 4096) {
		c->cap = c->cap ? c->cap * 2 : 65536;
		if (c->cap > LINE_LIMIT)
			die(EXIT_CHANNEL, "%s: a line without an end", c->name);
		c->buf = realloc(c->buf, c->cap);
		if (!c->buf)
			die(EXIT_CHANNEL, "out of memory");
	}
	if (poll(&p, 1, timeout <= 0 ? 0 : (int)(timeout * 1000) + 1) <= 0)
		return 0;
	n = read(c->fd, c->buf + c->len, c->cap - c->len);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return -1;
	c->len += n > 0 ? (size_t)n : 0;
	return 1;
}

int chan_message(struct chan *c, struct message *m, double timeout)
{
	double end = now_seconds() + timeout;
	size_t seen = 0;

	for (;;) {
		struct json_err err;
		char *nl;

		if (c->line)
			memmove(c->buf, c->buf + c->line, c->len - c->line);
		c->len -= c->line;
		c->line = 0;
		nl = c->len > seen ? memchr(c->buf + seen, '\n', c->len - seen) : NULL;
		if (!nl) {
			int r;

			seen = c->len;
			r = fill(c, end - now_seconds());
			if (r < 0)
				return -1;
			if (r == 0 && now_seconds() >= end)
				return 0;
			continue;
		}
		seen = 0;
		c->line = (size_t)(nl - c->buf) + 1;
		*nl = '\0';
		m->line = c->buf;
		/* Noise on a serial line, and our own echo, is passed over. */
		if (json_parse(&m->doc, c->buf, c->line - 1, toks, MAX_TOKENS, true, &err) == OK &&
		    toks[0].type == JSON_OBJECT)
			return 1;
	}
}

/* ---- requests ---- */

unsigned int request(struct chan *c, const struct options *o, const char *cmd, char *const *args, int nr)
{
	struct text t = { 0 };
	unsigned int id = c->next_id++;

	text_printf(&t, "{\"id\":%u,\"cmd\":", id);
	if (!text_json(&t, cmd, strlen(cmd)))
		die(EXIT_USAGE, "the command is not UTF-8 text");
	for (int i = 0; i < nr; i++) {
		text_printf(&t, i ? "," : ",\"args\":[");
		if (!text_json(&t, args[i], strlen(args[i])))
			die(EXIT_USAGE, "argument %d is not UTF-8 text", i + 1);
	}
	text_printf(&t, nr ? "]}\n" : "}\n");
	chan_send(c, t.s, t.len, o->timeout);
	free(t.s);
	return id;
}

bool is_answer(const struct message *m, unsigned int id)
{
	const struct json_tok *t = json_get(&m->doc, m->doc.toks, "id");

	return t && t->type == JSON_NUMBER && t->num == (s64)id && json_get(&m->doc, m->doc.toks, "ok");
}

static const struct json_tok *result_or(const struct message *m, bool quiet)
{
	const struct json_doc *d = &m->doc;
	const struct json_tok *ok = json_get(d, d->toks, "ok"), *result = json_get(d, d->toks, "result");
	const struct json_tok *message = json_get(d, json_get(d, d->toks, "error"), "message");
	char *s;

	if (ok && ok->type == JSON_BOOL && ok->num && result)
		return result;
	s = message ? token_text(d, message, true) : strdup("an answer that makes no sense");
	if (!quiet)
		fprintf(stderr, "bhctl: %s\n", s);
	free(s);
	return NULL;
}

const struct json_tok *result_of(const struct message *m)
{
	return result_or(m, false);
}

static void await(struct chan *c, const struct options *o, struct message *m, unsigned int id)
{
	double end = now_seconds() + o->timeout;

	do {
		int r = chan_message(c, m, end - now_seconds());

		if (r < 0)
			die(EXIT_CHANNEL, "%s: closed by the other side", c->name);
		if (r == 0)
			die(EXIT_CHANNEL, "%s: no answer within %g s", c->name, o->timeout);
	} while (!is_answer(m, id));
}

const struct json_tok *ask(struct chan *c, const struct options *o, struct message *m, const char *cmd,
                           char *const *args, int nr)
{
	await(c, o, m, request(c, o, cmd, args, nr));
	return result_or(m, false);
}

const struct json_tok *ask_quietly(struct chan *c, const struct options *o, struct message *m, const char *cmd,
                                   char *const *args, int nr)
{
	await(c, o, m, request(c, o, cmd, args, nr));
	return result_or(m, true);
}
