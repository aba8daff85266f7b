/* The control channel on a port of the machine: it never writes more than the port takes, and loses nothing. */
#include "fake_mon.h"
#include "suite.h"
#include "vmm/operator/port.h"

/* A line: what the other side sends and has received, and what the transmitter takes before it must send. */
static struct {
	struct console con;
	char in[20000];
	size_t in_pos, nr_in;
	char out[2000000];
	size_t nr_out;
	u32 space, polls;
} line;

static struct fake_mon fake;
static struct ctl_port port;
static u8 buf[CTL_OUT_MIN];
static TEST_STACK(stack);

static u32 line_room(struct console *con)
{
	return line.space;
}

static int line_getc(struct console *con)
{
	return line.in_pos < line.nr_in ? (u8)line.in[line.in_pos++] : -1;
}

static void line_write(struct console *con, const char *text, size_t len)
{
	ck_assert_uint_le(len, line.space); /* else it would wait */
	ck_assert_uint_lt(line.nr_out + len, sizeof(line.out));
	memcpy(line.out + line.nr_out, text, len);
	line.nr_out += len;
	line.space -= (u32)len;
}

static void setup(void)
{
	memset(&line, 0, sizeof(line));
	line.con = (struct console){
		.write = line_write, .room = line_room, .getc = line_getc, .wait_ns = 1400, .raw = true
	};
	fake_init(&fake);
	ctl_port_init(&port, &fake.mon, &line.con, buf, sizeof(buf), TEST_STACK_TOP(stack));
}

static void send(const char *text)
{
	size_t n = strlen(text);

	ck_assert_uint_le(line.nr_in + n, sizeof(line.in));
	memcpy(line.in + line.nr_in, text, n);
	line.nr_in += n;
}

/* Serves as the hypervisor does, with a transmitter of depth bytes, until it asks for nothing more. */
static const char *serve(u32 depth)
{
	u32 wait;

	do {
		line.space = depth;
		(void)!ctl_port_receive(&port);
		wait = ctl_port_run(&port, 5000000000);
		ck_assert(wait <= 1 || wait == line.con.wait_ns);
		ck_assert_uint_lt(++line.polls, 1000000);
	} while (wait || line.in_pos < line.nr_in);
	line.out[line.nr_out] = '\0';
	return line.out;
}

/* To where it waits for the port. */
static u32 run(u64 now)
{
	u32 wait;

	do {
		wait = ctl_port_run(&port, now);
	} while (wait == 1);
	return wait;
}

#define HAS(s)   ck_assert_msg(strstr(line.out, s) != NULL, "no \"%s\" in \"%s\"", s, line.out)
#define LACKS(s) ck_assert_msg(strstr(line.out, s) == NULL, "\"%s\" in \"%s\"", s, line.out)

static const char version[] =
        "{\"id\":1,\"ok\":true,\"result\":{\"name\":\"Bulkhead\",\"version\":\"0.1\",\"processor\":"
        "\"Fake \\\"CPU\\\"\",\"uptime_ns\":5000000000}}\n";

/* The answer is the same, byte for byte, whatever the port takes at a time. */
START_TEST(answers_at_any_pace)
{
	static const u32 depths[] = { 1, 2, 15, 16, 17, 1000 };

	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		setup();
		send("{\"id\":1,\"cmd\":\"version\"}\n");
		ck_assert_str_eq(serve(depths[i]), version);
	}
}
END_TEST

START_TEST(nothing_to_do)
{
	setup();
	line.space = 16;
	ck_assert(!ctl_port_receive(&port));
	ck_assert_uint_eq(ctl_port_run(&port, 0), 0);
	ck_assert_uint_eq(line.nr_out, 0);
	send("{\"id\":1,");
	ck_assert(ctl_port_receive(&port));
	ck_assert_uint_eq(ctl_port_run(&port, 0), 0); /* the rest comes by itself */
	send("\"cmd\":\"version\"}\n");
	ck_assert_str_eq(serve(16), version);
}
END_TEST

/* A full transmitter: it comes again, and one that never empties costs no more than that. */
START_TEST(no_room)
{
	setup();
	send("{\"id\":1,\"cmd\":\"version\"}\n");
	ck_assert(ctl_port_receive(&port));
	for (int i = 0; i < 100; i++) {
		line.space = 0;
		ck_assert_uint_eq(run(5000000000), 1400);
		ck_assert_uint_eq(line.nr_out, 0);
	}
	ck_assert_str_eq(serve(16), version);
}
END_TEST

/* Requests that come faster than the answers go: kept, then left in the port, none lost, answered in order. */
START_TEST(requests_wait)
{
	char text[64];
	size_t in_port;

	setup();
	for (u32 i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "{\"id\":%u,\"cmd\":\"help\"}\n", i);
		send(text);
	}
	for (int i = 0; i < 100; i++) {
		line.space = 0;
		(void)!ctl_port_receive(&port);
		ck_assert_uint_le(port.nr_in, CTL_PORT_INPUT);
		ck_assert_uint_eq(run(0), 1400);
	}
	in_port = line.nr_in - line.in_pos;
	ck_assert_uint_gt(in_port, 0);
	ck_assert_uint_eq(port.nr_in, CTL_PORT_INPUT);
	ck_assert(!ctl_port_receive(&port)); /* it is left there */
	ck_assert_uint_eq(line.nr_in - line.in_pos, in_port);
	serve(16);
	for (u32 i = 0, at = 0; i < 200; i++) {
		const char *p;

		snprintf(text, sizeof(text), "{\"id\":%u,\"ok\":true,", i);
		p = strstr(line.out + at, text);
		ck_assert_msg(p != NULL, "no answer to request %u", i);
		at = (u32)(p - line.out);
	}
}
END_TEST

START_TEST(bad_requests)
{
	char big[6000];

	setup();
	memset(big, 'x', sizeof(big) - 2);
	big[sizeof(big) - 2] = '\n';
	big[sizeof(big) - 1] = '\0';
	send(big);
	send("nonsense{\n\xff\xfe\n{\"id\":1,\"cmd\":\"version\"}\n");
	serve(16);
	HAS("line is longer than 4096 bytes");
	ck_assert_ptr_nonnull(strstr(strstr(line.out, "bad-request") + 1, "bad-request"));
	ck_assert_str_eq(strstr(line.out, "{\"id\":1,"), version);
}
END_TEST

/* The port is the operator's: it may do everything; events and consoles are pushed. */
START_TEST(rights_and_events)
{
	const struct mon_event ev = { .kind = MON_EV_CRASHED, .guest = 7, .name = "db", .reason = "triple fault" };

	setup();
	ctl_event(&port.ctl, &ev);
	serve(16);
	HAS("{\"event\":\"guest-crashed\",\"guest\":\"db\",\"reason\":\"triple fault\",\"time_ns\":0}\n");
	send("{\"cmd\":\"pause\",\"args\":[\"web\"]}\n{\"cmd\":\"console\",\"args\":[\"db\"]}\n{\"cmd\":\"poweroff\"}"
	     "\n");
	serve(16);
	LACKS("not-permitted");
	ck_assert_int_eq(fake.last_action, MON_PAUSE);
	ck_assert(fake.off);
	fake_print(&fake.guests[1], "login: ");
	ck_assert_uint_eq(fake.guests[1].info.id, 7);
	serve(16);
	HAS("{\"event\":\"console\",\"guest\":\"db\",\"data\":\"login: \"}\n");
}
END_TEST

/* `top` compares with the last one of this port, not with those of guests' channels. */
START_TEST(own_top)
{
	setup();
	send("{\"cmd\":\"top\"}\n");
	serve(16);
	for (u32 g = 0; g < FAKE_GUESTS; g++) {
		ck_assert_uint_ne(fake.guests[g].samples[MON_SLOT_PORT].time_ns, 0);
		ck_assert_uint_eq(fake.guests[g].samples[MON_SLOT_CONTROL].time_ns, 0);
		ck_assert_uint_eq(fake.guests[g].samples[MON_SLOT_CONSOLE].time_ns, 0);
	}
}
END_TEST

SUITE_MAIN("ctl_port", answers_at_any_pace, nothing_to_do, no_room, requests_wait, bad_requests, rights_and_events,
           own_top)
