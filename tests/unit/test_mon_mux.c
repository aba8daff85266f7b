/* The operator's terminal: prompt, attach and detach, the escape key, log lines, back-pressure. */
#include "fake_mon.h"
#include "suite.h"
#include "vmm/mon/mux.h"

static struct fake_mon fake;
static struct mux m;
static u8 buf[32768];
static TEST_STACK(stack);
static char text[200000];
static u64 now = 1000;

/* All there is to be shown. */
static size_t drain_more(size_t len)
{
	bool more;

	do {
		more = mux_poll(&m, now);
		len += mux_output(&m, (u8 *)text + len, sizeof(text) - 1 - len);
	} while (more);
	text[len] = '\0';
	return len;
}

static const char *drain(void)
{
	(void)drain_more(0);
	return text;
}

static const char *type(const char *keys)
{
	size_t left = strlen(keys), len = 0;

	do {
		size_t taken = mux_input(&m, (const u8 *)keys, left, now);

		keys += taken;
		left -= taken;
		len = drain_more(len);
	} while (left);
	return text;
}

/* The command that runs, whatever becomes of its output. */
static void finish(void)
{
	while (m.task.busy)
		(void)mux_poll(&m, now);
}

static void setup(void)
{
	fake_init(&fake);
	fake_log(&fake, "boot\n");
	mux_init(&m, &fake.mon, buf, sizeof(buf), TEST_STACK_TOP(stack), 80, false, now);
	ck_assert_str_eq(drain(), "Bulkhead monitor. \"help\" lists the commands.\r\n\r"
	                          "bulkhead> \x1b[K");
}

#define HAS(s)   ck_assert_msg(strstr(text, s) != NULL, "no \"%s\" in \"%s\"", s, text)
#define LACKS(s) ck_assert_msg(strstr(text, s) == NULL, "\"%s\" in \"%s\"", s, text)

START_TEST(commands)
{
	setup();
	type("version\r");
	HAS("\r\nname:         Bulkhead\r\nversion:      0.1\r\n");
	HAS("\rbulkhead> \x1b[K");
	type("pase web\r");
	HAS("\r\nerror: no command \"pase\"; did you mean \"pause\"?\r\n\rbulkhead> ");
	type("pause web\n");
	HAS("state:        paused\r\n");
	type("  \r");
	LACKS("error");
	type("info \t\t");
	HAS("web  db  batch-1");
	type("b\t\r");
	HAS("triple fault");
	type("set db w\t77\r");
	HAS("weight:       77\r\n");
	type("xyz\x03version\r");
	HAS("^C\r\n");
	HAS("0.1");
}
END_TEST

START_TEST(attach_and_detach)
{
	setup();
	fake_print(&fake.guests[0], "old\r\nlogin: ");
	type("console web\r");
	HAS("[web is running; Ctrl-] leaves its console]\r\nold\r\nlogin: ");
	ck_assert_int_eq(m.mode, MUX_ATTACHED);
	type("root\r\x03");
	ck_assert_mem_eq(fake.guests[0].typed, "root\r\x03", 6);
	ck_assert_uint_eq(fake.guests[0].nr_typed, 6);
	fake_print(&fake.guests[0], "hi\r\n");
	fake_print(&fake.guests[1], "not shown\r\n");
	ck_assert_str_eq(drain(), "hi\r\n");
	type("\x1d");
	ck_assert_str_eq(text, ""); /* a second one is waited for */
	ck_assert_uint_eq(mux_deadline(&m), now + MUX_ESCAPE_NS);
	fake_print(&fake.guests[0], "\x1b[31mred");
	ck_assert_str_eq(drain(), "\x1b[31mred");
	now += MUX_ESCAPE_NS;
	drain();
	HAS("\x1b[0m");
	HAS("\x1b[999;1H\r\n[left the console of web; Ctrl-] goes back]\r\n\rbulkhead> ");
	ck_assert_uint_eq(mux_deadline(&m), UINT64_MAX);
	fake_print(&fake.guests[0], "meanwhile\r\n");
	ck_assert_str_eq(drain(), "");
	type("\x1d"); /* back, and all of it is there */
	HAS("[web is running");
	HAS("hi\r\n\x1b[31mredmeanwhile\r\n");
	ck_assert_uint_eq(fake.guests[0].nr_typed, 6);
}
END_TEST

START_TEST(escape_key)
{
	setup();
	type("\x1d"); /* none was attached, and there are several */
	ck_assert_str_eq(text, "\a");
	type("console db\r");
	type("a\x1d\x1d"
	     "b"); /* literally */
	ck_assert_uint_eq(fake.guests[1].nr_typed, 3);
	ck_assert_mem_eq(fake.guests[1].typed,
	                 "a\x1d"
	                 "b",
	                 3);
	ck_assert_int_eq(m.mode, MUX_ATTACHED);
	type("\x1dversion\r"); /* any other key is for the prompt */
	HAS("left the console of db");
	HAS("0.1");
	ck_assert_uint_eq(fake.guests[1].nr_typed, 3);
	ck_assert_int_eq(m.mode, MUX_PROMPT);
	type("\x1d");
	type("\x1d");
	now += 2 * MUX_ESCAPE_NS;
	type("version\r"); /* late input instead of a poll */
	HAS("0.1");
	ck_assert_uint_eq(fake.guests[1].nr_typed, 3);
	fake.nr = 1;
	m.has_guest = false;
	type("\x1d"); /* the only guest */
	HAS("[web is running");
	ck_assert_int_eq(mux_attach(&m, 99, MON_TAIL_SHORT), ERR_NOENT);
}
END_TEST

START_TEST(replay_is_the_last_lines)
{
	char line[40];

	setup();
	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "%d\r\n", i);
		fake_print(&fake.guests[0], line);
	}
	fake_print(&fake.guests[0], "# ");
	type("console web\r");
	HAS("console]\r\n1976\r\n1977\r\n");
	HAS("\r\n1999\r\n# ");
	LACKS("1975");
}
END_TEST

/* As many lines as are asked for, up to all that the ring keeps, at the pace of the terminal. */
START_TEST(scroll_back)
{
	char line[40];
	u32 n = 0;

	setup();
	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "%d\r\n", i);
		fake_print(&fake.guests[0], line);
	}
	type("console web 2\r");
	HAS("console]\r\n1998\r\n1999\r\n");
	type("\x1d");
	type("\x15"
	     "console web 0\r");
	LACKS("1999");
	HAS("console]\r\n");
	type("\x1d");
	type("\x15"
	     "console web 99999\r");
	/* 8 KiB: 1365 lines of 6 bytes. */
	HAS("\r\n636\r\n");
	HAS("\r\n1999\r\n");
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		n++;
	ck_assert_uint_gt(n, 1300);
	type("\x1d");
	type("\x15"
	     "console web some\r");
	HAS("error: lines \"some\" is no number from 0 to 99999");
}
END_TEST

/* A console that takes 16 bytes at a time, and a guest that prints faster. */
START_TEST(chatty_guest_leaves_room_for_the_log)
{
	size_t len = 0;

	setup();
	type("console web\r");
	for (u32 i = 0; i < 3000; i++) {
		fake_print(&fake.guests[0], "yyyyyyyyyyyyyyyyyy\r\n");
		if (i == 1000)
			fake_log(&fake, "db crashed\n");
		(void)!mux_poll(&m, now);
		len += mux_output(&m, (u8 *)text + len, 16);
	}
	text[len] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "db crashed\r\n"));
}
END_TEST

/* A hostile guest's output cannot reach beyond its console. */
START_TEST(hostile_guest)
{
	setup();
	type("console web\r");
	fake_print(&fake.guests[0], "a\x05\x1b[6n\x1b]0;owned\a\x1b[?1049h\x1b"
	                            "c\x0e"
	                            "b\x1b[31");
	drain();
	ck_assert_str_eq(text, "a\x1b[?1049hb");
	type("\x1dls\r");
	HAS("\x1b[?1049l\x0f\x1b(B\x1b[0m");
	HAS("left the console");
	LACKS("owned");
	/* its name and reason are the monitor's; what they hold is escaped */
	snprintf(fake.guests[2].info.reason, sizeof(fake.guests[2].info.reason), "\x1b[2Jfake\r\n");
	type("list\r");
	HAS("\\x1b[2Jfake\\x0d\\x0a");
	LACKS("\x1b[2J");
}
END_TEST

/* A panic is legible in whatever state the terminal is. */
START_TEST(leaving)
{
	u8 seq[VT_RESET_MAX + 1];

	setup();
	type("ver");
	ck_assert_uint_eq(mux_leave(&m, seq), 1);
	ck_assert_uint_eq(seq[0], '\n');
	type("\x03");
	type("console web\r");
	fake_print(&fake.guests[0], "\x1b[?1049h\x1b[3;5r\x1b[?25l\x1b[30;40m");
	drain();
	seq[mux_leave(&m, seq)] = '\0';
	ck_assert_ptr_nonnull(strstr((char *)seq, "\x1b[?1049l"));
	ck_assert_ptr_nonnull(strstr((char *)seq, "\x1b[0m"));
	ck_assert_ptr_nonnull(strstr((char *)seq, "\x1b[?25h"));
	ck_assert_ptr_nonnull(strstr((char *)seq, "\x1b[r\x1b[999;1H\r\n"));
	type("\x1d");
	ck_assert_int_eq(m.mode, MUX_ESCAPED);
	ck_assert_uint_gt(mux_leave(&m, seq), 1);
}
END_TEST

START_TEST(log_at_the_prompt)
{
	setup();
	LACKS("boot");
	type("lis");
	fake_log(&fake, "vm1: sto");
	ck_assert_str_eq(drain(), "");
	fake_log(&fake, "pped \x1b[2J\nsecond\n");
	/* A line a piece, when that is over: the prompt is there after each. */
	ck_assert_str_eq(drain(), "\r\x1b[K* vm1: stopped \\x1b[2J\r\n\rbulkhead> lis\x1b[K"
	                          "\r\x1b[K* second\r\n\rbulkhead> lis\x1b[K");
	type("t\r");
	HAS("batch-1");
	/* a line longer than the buffer comes in pieces */
	for (int i = 0; i < 30; i++)
		fake_log(&fake, "0123456789");
	fake_log(&fake, "\n");
	drain();
	HAS("\r\x1b[K* 0123456789");
	ck_assert_uint_gt(strlen(text), 300);
}
END_TEST

/* A poll that comes when the piece is over moves the guest's output on by one chunk, not four. */
START_TEST(guest_in_pieces)
{
	u64 from;
	u32 polls = 0;

	setup();
	type("console web\r");
	drain();
	for (u32 i = 0; i < 32; i++)
		fake_print(&fake.guests[0], "0123456789abcde\n");
	do {
		from = m.guest_pos;
		(void)mux_poll(&m, 0);
		ck_assert_uint_le(m.guest_pos - from, 16);
		polls++;
		(void)mux_output(&m, (u8 *)text, sizeof(text));
	} while (m.guest_pos != from);
	ck_assert_uint_eq(polls, 512 / 16 + 1);
}
END_TEST

/* Attached, the log's lines come between the guest's, and are not told again after that. */
START_TEST(log_while_attached)
{
	setup();
	fake_print(&fake.guests[0], "login: ");
	type("console web\r");
	fake_log(&fake, "vm1: stopped \x1b[2J\nhal");
	ck_assert_str_eq(drain(), "\x1b[0m\r\nvm1: stopped \\x1b[2J\r\n");
	fake_print(&fake.guests[0], "root\r\n");
	ck_assert_str_eq(drain(), "root\r\n");
	fake_log(&fake, "f\n");
	ck_assert_str_eq(drain(), "\x1b[0mhalf\r\n");
	type("\x1d\r");
	LACKS("half");
	LACKS("stopped");
	/* Under a command that repeats it waits. */
	type("top 2\r");
	fake_log(&fake, "later\n");
	ck_assert_str_eq(drain(), "");
	type("q");
	HAS("* later\r\n");
}
END_TEST

/* What a guest has printed already is not cut in two by the log, as long as its lines are not too long. */
START_TEST(log_between_lines)
{
	char line[400];

	setup();
	type("console web\r");
	memset(line, 'a', 390);
	strcpy(line + 390, "b\r\n");
	for (int i = 0; i < 3; i++)
		fake_print(&fake.guests[0], line);
	fake_log(&fake, "ended\n");
	fake_print(&fake.guests[0], "last");
	drain();
	HAS("aab\r\n\x1b[0mended\r\naa");
	HAS("aab\r\nlast");
	/* It is no longer than the buffer, and has no end. */
	for (int i = 0; i < 20; i++) {
		line[390] = '\0';
		fake_print(&fake.guests[0], line);
	}
	fake_log(&fake, "again\n");
	drain();
	HAS("a\x1b[0m\r\nagain\r\naa");
}
END_TEST

/* A log that is faster than the terminal: what its ring no longer has is counted. */
START_TEST(log_overrun)
{
	setup();
	fake_log(&fake, "begun");
	ck_assert_str_eq(drain(), "");
	for (u32 i = 0; i < sizeof(fake.log_buf) / 5 + 3; i++)
		fake_log(&fake, "lost\n");
	fake_log(&fake, "\n");
	drain();
	ck_assert_mem_eq(text, "\r\x1b[K[20 bytes of the log are not shown]\r\n", 40);
	ck_assert_ptr_null(strstr(text, "begun"));
	ck_assert_ptr_nonnull(strstr(text, "* lost\r\n"));
}
END_TEST

START_TEST(guest_that_does_not_read)
{
	char keys[200];

	setup();
	fake.guests[0].input_room = 2;
	type("console web\r");
	memset(keys, 'k', sizeof(keys) - 1);
	keys[sizeof(keys) - 1] = '\0';
	type(keys);
	ck_assert_uint_eq(fake.guests[0].nr_typed, 2);
	HAS("\a"); /* lost, and said so */
	fake.guests[0].input_room = 500;
	drain();
	ck_assert_uint_ge(fake.guests[0].nr_typed, 60);
	fake.guests[0].input_room = 0;
	type(keys);
	type("\x1dversion\r"); /* the way out stays open */
	HAS("0.1");
	ck_assert_int_eq(m.mode, MUX_PROMPT);
}
END_TEST

/* A terminal that takes nothing: nothing is lost but what cannot be kept, and nothing grows. */
START_TEST(back_pressure)
{
#define LISTS_7  "list\rlist\rlist\rlist\rlist\rlist\rlist\r"
#define LISTS_21 LISTS_7 LISTS_7 LISTS_7
	static const u8 lines[] = LISTS_21 LISTS_21 LISTS_21;
	size_t n = sizeof(lines) - 1, taken = 0, more;
	u32 lists = 0;

	setup();
	while ((more = mux_input(&m, lines + taken, n - taken, now))) {
		taken += more;
		finish();
	}
	ck_assert_uint_lt(taken, n);
	ck_assert_uint_ge(obuf_used(&m.out), sizeof(buf) / 4);
	drain();
	for (const char *p = text; (p = strstr(p, "RESTARTS")); p++)
		lists++;
	ck_assert_uint_ge(lists, 5);
	type((const char *)lines + taken);
	for (const char *p = text; (p = strstr(p, "RESTARTS")); p++)
		lists++;
	ck_assert_uint_eq(lists, 63);
	type("console web\r");
	for (int i = 0; i < 1000; i++) {
		fake_print(&fake.guests[0], "0123456789012345678901234567890\r\n");
		mux_poll(&m, now);
	}
	ck_assert_uint_lt(obuf_used(&m.out), 1200);
	drain();
	ck_assert(!strcmp(text + strlen(text) - 6, "7890\r\n"));
}
END_TEST

START_TEST(output_cut)
{
	static u8 small[MUX_OUT_MIN];

	setup();
	for (int i = 0; i < 400; i++)
		fake_log(&fake, "a line of the log\n");
	mux_init(&m, &fake.mon, small, sizeof(small), TEST_STACK_TOP(stack), 80, false, now);
	drain();
	ck_assert_uint_eq(mux_input(&m, (const u8 *)"log 1000\r", 9, now), 9);
	finish(); /* nobody reads meanwhile */
	drain();
	HAS("[cut: more than the console's buffer holds]\r\n\rbulkhead> ");
	type("version\r");
	HAS("0.1");
	LACKS("cut");
}
END_TEST

START_TEST(repeated_top)
{
	setup();
	type("top 2\r");
	HAS("CPU%");
	LACKS("bulkhead> \x1b[K");
	ck_assert_uint_eq(mux_deadline(&m), now + 2000000000);
	now += 1000000000;
	ck_assert_str_eq(drain(), "");
	now += 1000000000;
	drain();
	HAS("\x1b[H\x1b[2J");
	HAS("CPU%");
	ck_assert_uint_eq(mux_deadline(&m), now + 2000000000);
	type("q");
	ck_assert_str_eq(text, "\rbulkhead> \x1b[K");
	ck_assert_uint_eq(mux_deadline(&m), UINT64_MAX);
	now += 3000000000;
	ck_assert_str_eq(drain(), "");
}
END_TEST

SUITE_MAIN("mon_mux", commands, attach_and_detach, escape_key, replay_is_the_last_lines, scroll_back, hostile_guest,
           leaving, chatty_guest_leaves_room_for_the_log, log_at_the_prompt, log_while_attached, log_between_lines,
           log_overrun, guest_in_pieces, guest_that_does_not_read, back_pressure, output_cut, repeated_top)
