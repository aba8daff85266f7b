/*
 * The hypervisor's side of the control channel as a program: the real code over made-up guests, for testing bhctl.
 *
 *	ctl_server SOCKET | --pty    [--slow BYTES] [--silent] [--noise] [--only GUEST-ID] [--look]
 *
 * Serves one connection after the other on a unix socket, or a pseudo-terminal whose name it prints. --slow: sends
 * that many bytes a millisecond; --silent: never answers; --noise: garbage between the lines; --only, --look: rights.
 */
#define _GNU_SOURCE
#include "fake_mon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmm/mon/ctl.h"

static TEST_STACK(stack);

struct server {
	struct fake_mon fake;
	struct ctl ctl;
	u8 out[65536];
	char in[4096]; /* received, not yet taken */
	size_t nr_in;
	size_t slow;
	bool silent, noise;
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static void happened(struct fake_mon *f, struct fake_guest *g, enum mon_event_kind kind)
{
	struct server *s = f->arg;
	struct mon_event ev = { .kind = kind, .guest = g->info.id, .time_ns = now_ns() };

	memcpy(ev.name, g->info.name, sizeof(ev.name));
	snprintf(ev.reason, sizeof(ev.reason), "by the operator");
	ctl_event(&s->ctl, &ev);
}

/* Sends what is there. false: the other side is gone. */
static bool push(struct server *s, int fd)
{
	u8 buf[4096];
	size_t n = ctl_output(&s->ctl, buf, s->slow ? MIN(s->slow, sizeof(buf)) : sizeof(buf)), done = 0;

	if (s->silent)
		return true;
	while (done < n) {
		ssize_t k = write(fd, buf + done, n - done);

		if (k < 0)
			return false;
		done += (size_t)k;
	}
	return !n || !s->noise || buf[n - 1] != '\n' || write(fd, "\xff{]\x01 noise\n", 11) > 0;
}

/* Receives. false: the other side is gone. */
static bool pull(struct server *s, int fd, bool pty)
{
	struct pollfd p = { .fd = fd, .events = s->nr_in < sizeof(s->in) ? POLLIN : 0 };
	ssize_t n = 0;
	size_t taken;

	if (poll(&p, 1, 1) > 0 && (p.revents & POLLIN))
		n = read(fd, s->in + s->nr_in, sizeof(s->in) - s->nr_in);
	else if (p.revents & POLLHUP)
		usleep(1000); /* a pseudo-terminal that nobody has open */
	if (!pty && p.revents && n <= 0)
		return false;
	s->nr_in += n > 0 ? (size_t)n : 0;
	taken = ctl_input(&s->ctl, s->in, s->nr_in);
	s->nr_in -= taken;
	memmove(s->in, s->in + taken, s->nr_in);
	return true;
}

static void serve(struct server *s, int fd, bool pty)
{
	s->nr_in = 0;
	ctl_reset(&s->ctl);
	while (pull(s, fd, pty)) {
		while (ctl_poll(&s->ctl, now_ns()) && ctl_can_go_on(&s->ctl))
			;
		if (!push(s, fd) && !pty)
			break;
	}
}

static int serve_pty(struct server *s)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios t;

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || tcgetattr(fd, &t))
		return 1;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
	puts(ptsname(fd));
	fflush(stdout);
	serve(s, fd, true);
	return 0;
}

static int serve_socket(struct server *s, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8))
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			return 1;
		serve(s, c, false);
		close(c);
	}
}

static void prepare(struct server *s)
{
	struct fake_guest *web = &s->fake.guests[0], *db = &s->fake.guests[1];

	fake_init(&s->fake);
	s->fake.happened = happened;
	s->fake.arg = s;
	s->fake.trace_heads[0] = 5;
	fake_log(&s->fake, "first line\nsecond \x1b[2J line\n");
	fake_print(web, "web login: ");
	web->echo = true;
	web->input_room = 7; /* takes little at a time */
	for (int i = 0; i < 50; i++)
		fake_print(db, "\x1b[6n\x1b]0;title\aline of db\r\n");
	snprintf(s->fake.guests[2].info.reason, MON_REASON_MAX, "bad \"op\\code\" \x1b[31m");
}

int main(int argc, char **argv)
{
	static struct server s;
	static u32 only;
	struct mon_rights rights = MON_RIGHTS_ALL;
	const char *where = argc > 1 ? argv[1] : "";

	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--slow") && i + 1 < argc)
			s.slow = (size_t)atoi(argv[++i]);
		else if (!strcmp(argv[i], "--silent"))
			s.silent = true;
		else if (!strcmp(argv[i], "--noise"))
			s.noise = true;
		else if (!strcmp(argv[i], "--look"))
			rights.mutate = false;
		else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			only = (u32)atoi(argv[++i]);
			rights.reach = MON_REACH_LIST;
			rights.guests = &only;
			rights.nr = 1;
		} else
			return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	prepare(&s);
	ctl_init(&s.ctl, &s.fake.mon, &rights, s.out, sizeof(s.out), TEST_STACK_TOP(stack));
	s.ctl.scratch.rows = s.fake.rows;
	s.ctl.scratch.nr_rows = ARRAY_SIZE(s.fake.rows);
	if (rights.reach == MON_REACH_LIST)
		s.ctl.self = only;
	return !strcmp(where, "--pty") ? serve_pty(&s) : serve_socket(&s, where);
}
