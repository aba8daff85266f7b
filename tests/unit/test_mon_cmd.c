/* The monitor's commands against a fake machine: arguments, rights, errors and what they show. */
#include "fake_mon.h"
#include "suite.h"
#include "vmm/mon/cmd.h"
#include "vmm/mon/json.h"

static struct fake_mon fake;
static struct mon_rights rights;
static struct cmd_run r;
static struct mon_scratch scratch;
static struct out out;
static char text[65536];
static size_t len;

static void capture(void *ctx, const char *s, size_t n)
{
	ck_assert_uint_lt(len + n, sizeof(text));
	memcpy(text + len, s, n);
	len += n;
	text[len] = '\0';
}

static void begin(enum out_format format)
{
	memset(&r, 0, sizeof(r));
	r.mon = &fake.mon;
	r.scratch = &scratch;
	r.rights = &rights;
	r.out = &out;
	r.control = format == OUT_JSON;
	r.slot = MON_SLOT_CONSOLE;
	r.now_ns = fake.now_ns;
	len = 0;
	text[0] = '\0';
	out_init(&out, format, capture, NULL);
	out_open(&out);
}

static int run(const char *line)
{
	char copy[300];
	int err;

	begin(OUT_TEXT);
	snprintf(copy, sizeof(copy), "%s", line);
	err = cmd_execute_line(&r, copy);
	out_close(&out);
	return err;
}

static void setup(void)
{
	fake_init(&fake);
	rights = MON_RIGHTS_ALL;
	fake.now_ns = 1000000000;
}

static void wants(const char *line, const char *part)
{
	ck_assert_msg(run(line) == OK, "%s: %s", line, r.err.message);
	ck_assert_msg(strstr(text, part) != NULL, "%s: no \"%s\" in:\n%s", line, part, text);
}

static void refuses(const char *line, const char *code, const char *message)
{
	ck_assert_msg(run(line) < 0, "%s: was done", line);
	ck_assert_str_eq(r.err.code, code);
	ck_assert_str_eq(r.err.message, message);
	ck_assert_str_eq(text, "");
}

START_TEST(list_and_info)
{
	setup();
	ck_assert_int_eq(run("  list "), OK);
	ck_assert_str_eq(text,
	                 " ID  NAME              STATE     VCPUS    MEMORY  WEIGHT      CPU TIME  RESTARTS  REASON\n"
	                 "  3  web               running       1   256 MiB     100       1.500 s         0  \n"
	                 "  7  db                paused        2   256 MiB     100       3.000 s         0  \n"
	                 "  9  batch-1           crashed       3   256 MiB     100       4.500 s         0  triple "
	                 "fault at 0x1000\n");
	wants("ls", "batch-1");
	wants("info db", "name:         db\n");
	wants("info 7", "name:         db\n");
	wants("info db", "pin:          all\n");
	wants("info db", "kernel:       vmlinux-7\n");
	wants("dominfo batch-1", "reason:       triple fault at 0x1000\n");
	ck_assert_int_eq(run(""), OK);
	ck_assert_int_eq(run("   "), OK);
	ck_assert_str_eq(text, "");
}
END_TEST

/* The longest name that there may be widens its column, and is shown whole wherever it is named. */
START_TEST(long_names)
{
	static const char longest[] = "7c6a1f0e-2d3b-4e5f-8a9b-0c1d2e3f4a5b.7c6a1f0e-2d3b-4e5f-8a9b-0c";
	char want[100], message[200];

	_Static_assert(sizeof(longest) == MON_NAME_MAX, "the longest");
	setup();
	memcpy(fake.guests[1].info.name, longest, sizeof(longest));
	snprintf(want, sizeof(want), "  3  %-63s  running ", "web");
	wants("list", want);
	snprintf(want, sizeof(want), "  7  %-63s  paused ", longest);
	wants("list", want);
	snprintf(want, sizeof(want), "%-63s  paused ", longest);
	wants("top", want);
	snprintf(want, sizeof(want), "info %.61s", longest);
	snprintf(message, sizeof(message), "no guest \"%.61s\"; did you mean \"%s\"?", longest, longest);
	refuses(want, "no-such-guest", message);
}
END_TEST

START_TEST(errors_name_what_is_wrong)
{
	setup();
	refuses("lsit", "unknown-command", "no command \"lsit\"; did you mean \"list\"?");
	refuses("pau web", "unknown-command", "no command \"pau\"; did you mean \"pause\"?");
	refuses("frobnicate", "unknown-command", "no command \"frobnicate\"");
	refuses("input web x", "unknown-command", "no command \"input\"");
	refuses("info", "missing-argument", "info: guest is missing; try \"help info\"");
	refuses("info wbe", "no-such-guest", "no guest \"wbe\"; did you mean \"web\"?");
	refuses("info batch", "no-such-guest", "no guest \"batch\"; did you mean \"batch-1\"?");
	refuses("info 4", "no-such-guest", "no guest \"4\"");
	refuses("info 99999999999999999999", "no-such-guest", "no guest \"99999999999999999999\"");
	refuses("info web db", "bad-value", "no what \"db\"; there is summary");
	refuses("info web stat", "bad-value", "no what \"stat\"; did you mean \"state\"?");
	refuses("info web summary uart0", "bad-argument", "info: \"uart0\" is one argument too many");
	refuses("info web state a b", "bad-argument", "info: \"b\" is one argument too many");
	refuses("info web state", "busy", "web is running; pause it first");
	refuses("list a b c d e f", "bad-argument", "list: \"a\" is one argument too many");
	refuses("set web wieght 5", "bad-value", "no property \"wieght\"; did you mean \"weight\"?");
	refuses("set web colour 5", "bad-value", "no property \"colour\"; there are weight, cap, reservation, pin");
	refuses("set web weight 0", "bad-value", "weight: \"0\" is no number from 1 to 10000");
	refuses("set web weight 5%", "bad-value", "weight: \"5%\" is no number from 1 to 10000");
	refuses("set web weight 10001", "bad-value", "weight: \"10001\" is no number from 1 to 10000");
	refuses("set web cap x", "bad-value", "cap: \"x\" is no number from 0 to 25600 (percent of a CPU), nor none");
	refuses("set web cap -1", "bad-value",
	        "cap: \"-1\" is no number from 0 to 25600 (percent of a CPU), nor none");
	refuses("set web cap 999999999999999", "bad-value",
	        "cap: \"999999999999999\" is no number from 0 to 25600 (percent of a CPU), nor none");
	refuses("set web pin 0-2", "bad-value", "pin: \"0-2\": there are CPUs 0 to 1");
	refuses("set web pin 1-0", "bad-value", "pin: \"1-0\" is no set of CPUs such as 0-3,8 or all");
	refuses("set web pin ,", "bad-value", "pin: \",\" is no set of CPUs such as 0-3,8 or all");
	refuses("log many", "bad-value", "count \"many\" is no number from 0 to 1000");
	refuses("trace 1001", "bad-value", "count \"1001\" is no number from 0 to 1000");
	refuses("regs db 2", "bad-value", "db has vCPUs 0 to 1");
	refuses("regs web", "busy", "web: vCPU 0 is running; pause the guest first");
	refuses("resume web", "busy", "web: it is running");
	refuses("help lst", "unknown-command", "no command \"lst\"; did you mean \"list\"?");
	fake.fail_next = ERR_NOSPC;
	fake.fail_why = "80 % are asked for, 35 % are free";
	refuses("set web reservation 80", "no-room", "web: 80 % are asked for, 35 % are free");
	fake.fail_next = ERR_NOMEM;
	fake.fail_why = NULL;
	refuses("start db", "no-memory", "db: out of memory");
	fake.fail_next = ERR_FAULT;
	refuses("poweroff", "failed", "poweroff: bad guest address");
	ck_assert_uint_eq(fake.actions + fake.sets, 0);
	ck_assert(!fake.off);
}
END_TEST

START_TEST(actions)
{
	static const struct {
		const char *line;
		enum mon_action action;
		const char *state;
	} list[] = {
		{ "start batch-1", MON_START, "running" },    { "shutdown batch-1", MON_SHUTDOWN, "stopped" },
		{ "create batch-1", MON_START, "running" },   { "reset batch-1", MON_RESET, "running" },
		{ "reboot batch-1", MON_RESET, "running" },   { "pause batch-1", MON_PAUSE, "paused" },
		{ "resume batch-1", MON_RESUME, "running" },  { "suspend batch-1", MON_PAUSE, "paused" },
		{ "unpause batch-1", MON_RESUME, "running" }, { "destroy batch-1", MON_DESTROY, "stopped" },
	};
	char want[80];

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(list); i++) {
		snprintf(want, sizeof(want), "guest:        batch-1\nstate:        %s\n", list[i].state);
		ck_assert_int_eq(run(list[i].line), OK);
		ck_assert_str_eq(text, want);
		ck_assert_int_eq(fake.last_action, list[i].action);
		ck_assert_uint_eq(fake.last_guest, 9);
		ck_assert_uint_eq(fake.actions, i + 1);
	}
	ck_assert_int_eq(run("poweroff"), OK);
	ck_assert(fake.off);
}
END_TEST

START_TEST(setting)
{
	setup();
	wants("set web weight 200", "weight:       200\n");
	ck_assert_int_eq(fake.last_prop, MON_WEIGHT);
	ck_assert_uint_eq(fake.last_value.num, 200);
	wants("set web cap 150%", "cap %:        150\n");
	wants("set web cap none", "cap %:        0\n");
	wants("set web reservation 25", "reservation %: 25\n");
	wants("set web pin 1", "pin:          1\n");
	ck_assert_int_eq(fake.last_prop, MON_PIN);
	ck_assert_uint_eq(fake.last_value.cpus.w[0], 2);
	wants("set web pin 0,1", "pin:          all\n");
	ck_assert(!fake.last_value.all); /* these by number, whoever has them */
	wants("set web pin all", "pin:          all\n");
	ck_assert(fake.last_value.all);
	ck_assert_uint_eq(fake.last_value.cpus.w[0], 3);
}
END_TEST

START_TEST(cpu_sets)
{
	struct mon_cpus set;
	char buf[32];

	ck_assert_int_eq(mon_cpus_parse("0-3,8,250-255", 256, &set), OK);
	ck_assert_uint_eq(set.w[0], 0x10f);
	ck_assert_uint_eq(set.w[3], 0xfc00000000000000);
	mon_cpus_format(&set, 256, buf, sizeof(buf));
	ck_assert_str_eq(buf, "0-3,8,250-255");
	mon_cpus_format(&set, 256, buf, 10);
	ck_assert_str_eq(buf, "0-3,8...");
	mon_cpus_format(&set, 256, buf, 4);
	ck_assert_str_eq(buf, "...");
	ck_assert_int_eq(mon_cpus_parse("all", 256, &set), OK);
	ck_assert_uint_eq(set.w[1], UINT64_MAX);
	mon_cpus_format(&set, 256, buf, sizeof(buf));
	ck_assert_str_eq(buf, "all");
	ck_assert_int_eq(mon_cpus_parse("256", 300, &set), ERR_RANGE);
	ck_assert_int_eq(mon_cpus_parse("4", 4, &set), ERR_RANGE);
	ck_assert_int_eq(mon_cpus_parse("3", 4, &set), OK);
	ck_assert_int_eq(mon_cpus_parse("", 4, &set), ERR_INVAL);
	ck_assert_int_eq(mon_cpus_parse("1,", 4, &set), ERR_INVAL);
	ck_assert_int_eq(mon_cpus_parse("1-", 4, &set), ERR_INVAL);
	ck_assert_int_eq(mon_cpus_parse("1x", 4, &set), ERR_INVAL);
	ck_assert_int_eq(mon_cpus_parse("9999999", 4, &set), ERR_INVAL);
}
END_TEST

/* Rates are those since the last top; by reason the three most frequent are shown. */
START_TEST(top_rates)
{
	struct mon_guest_info *web = &fake.guests[0].info;

	setup();
	wants("top", "web               running       1   150.00     0.00      1000");
	ck_assert_ptr_nonnull(strstr(text, "HLT 700, CPUID 250, reason-70 50\n"));
	wants("top", "web               running       1     0.00     0.00         0"); /* no time passed */
	fake.now_ns += 2000000000;
	web->cpu_ns += 500000000;
	web->steal_ns += 250000000;
	web->exits += 4000;
	fake.guests[0].exits[10] += 3000;
	fake.guests[0].exits[1] += 1000;
	wants("top", "web               running       1    25.00    12.50      2000");
	ck_assert_ptr_nonnull(strstr(text, "  CPUID 1500, EXTERNAL_INTERRUPT 500\n"));
	ck_assert_ptr_nonnull(strstr(text, "db                paused        2     0.00     0.00         0"));
	ck_assert_int_eq(r.effect, CMD_DONE);
	wants("top 5", "NAME");
	ck_assert_int_eq(r.effect, CMD_REPEAT);
	ck_assert_uint_eq(r.repeat_ns, 5000000000);
	wants("top 0", "NAME");
	ck_assert_int_eq(r.effect, CMD_DONE);
	/* a counter that went back, as after a restart, and huge ones: no nonsense */
	fake.now_ns += 1000000000;
	web->cpu_ns = 5;
	web->exits = UINT64_MAX;
	wants("top", "web               running       1     0.00");
}
END_TEST

START_TEST(exits_table)
{
	setup();
	ck_assert_int_eq(run("exits web"), OK);
	ck_assert_str_eq(text, "guest:        web\n"
	                       "exits:        1000\n"
	                       "REASON                       NR           COUNT       %\n"
	                       "HLT                          12             700   70.00\n"
	                       "CPUID                        10             250   25.00\n"
	                       "reason-70                    70              50    5.00\n");
	fake.guests[0].exits[2] = 700; /* equal counts: each once */
	wants("exits web", "TRIPLE_FAULT                  2             700");
	ck_assert_ptr_nonnull(strstr(text, "HLT"));
	ck_assert_ptr_nonnull(strstr(text, "reason-70"));
}
END_TEST

START_TEST(registers)
{
	setup();
	wants("regs db 1", "rip    ffffffff81000001");
	ck_assert_ptr_null(strstr(text, "ffffffff81000000"));
	wants("regs db", "rip    ffffffff81000000");
	ck_assert_ptr_nonnull(strstr(text, "rip    ffffffff81000001"));
	ck_assert_ptr_nonnull(strstr(text, "   1  cs    0000000000000010"));
	wants("dump db", "HLT");
	ck_assert_ptr_nonnull(strstr(text, "rip    ffffffff81000000"));
	wants("dump web", "name:         web"); /* running: what can be had */
}
END_TEST

START_TEST(state)
{
	setup();
	fake.guests[0].info.state = MON_PAUSED;
	wants("info web state", "DEVICE       FIELD");
	ck_assert_ptr_nonnull(strstr(text, "cpu0         rip                       0xffffffff81000000\n"));
	ck_assert_ptr_nonnull(strstr(text, "uart0        ier                       5\n"));
	ck_assert_ptr_nonnull(strstr(text, "cannot-be-restored        rx_head: 0x10: is beyond the FIFO\n"));
	wants("info web state uart0", "uart0        ier");
	ck_assert_ptr_null(strstr(text, "rip"));
	refuses("info web state uart7", "not-found", "web has no device \"uart7\"");
	fake.resumed_at = 1; /* or it was paused within an operation */
	refuses("info web state", "busy", "web: a vCPU is not at rest; try again, or resume and pause it");
	fake.guests[0].info.state = MON_PAUSED;
	wants("info web summary", "name:         web\n");
}
END_TEST

/* The newest records of all rings, the oldest first; only those of one guest; rings that were overwritten. */
START_TEST(traces)
{
	char *first, *second;

	setup();
	wants("trace", "TIME ns");
	ck_assert_ptr_null(strchr(strchr(text, '\n') + 1, '\n'));
	fake.trace_heads[0] = 100;
	fake.trace_heads[1] = 98;
	ck_assert_int_eq(run("trace 6"), OK);
	ck_assert_str_eq(strchr(text, '\n') + 1, "             960    0  web              0  HLT                   "
	                                         "0000000000000060  0000000000000000        0\n"
	                                         "             961    1  web              0  HLT                   "
	                                         "0000000000000060  0000000000000000        0\n"
	                                         "             970    0  db               0  HLT                   "
	                                         "0000000000000061  0000000000000000        0\n"
	                                         "             971    1  db               0  HLT                   "
	                                         "0000000000000061  0000000000000000        0\n"
	                                         "             980    0  web              0  HLT                   "
	                                         "0000000000000062  0000000000000000       51\n"
	                                         "             990    0  db               0  HLT                   "
	                                         "0000000000000063  0000000000000000        0\n");
	wants("trace 1000 web", " 980    0  web");
	wants("trace 1000 web",
	      " 980    0  web              0  HLT                   0000000000000062  0000000000000000       51\n");
	ck_assert_ptr_null(strstr(text, " db "));
	ck_assert_int_eq(run("trace 2 db"), OK);
	first = strstr(text, " 971 ");
	second = strstr(text, " 990 ");
	ck_assert(first && second && first < second);
	ck_assert_ptr_null(strstr(text, " 970 "));
	fake.guests[1].info.id = 8; /* a guest that is no more shows as its number */
	wants("trace 2", " 990    0  7 ");
	/* The run before: other guests, so no names; not mixed with this one. */
	refuses("previous", "not-found",
	        "the run before left no exits: it ended in order, or its memory was not kept");
	fake.old_heads[1] = 3;
	wants("previous", "              21    1  3                0  HLT ");
	ck_assert_ptr_null(strstr(text, " 990 "));
	wants("previous 1", " 21 ");
	ck_assert_ptr_null(strstr(text, " 11 "));
	refuses("previous web", "bad-value", "count \"web\" is no number from 0 to 1000");
}
END_TEST

START_TEST(log_lines)
{
	char line[40];

	setup();
	wants("log", "");
	ck_assert_str_eq(text, "");
	for (int i = 0; i < 600; i++) {
		snprintf(line, sizeof(line), "line %d\x1b[2J\n", i);
		fake_log(&fake, line);
	}
	fake_log(&fake, "not ended");
	ck_assert_int_eq(run("log 2"), OK);
	ck_assert_str_eq(text, "line 598\\x1b[2J\nline 599\\x1b[2J\nnot ended\n");
	wants("dmesg", "line 580\\x1b[2J\n");
	ck_assert_ptr_null(strstr(text, "line 579"));
	wants("log 1000", "line 599"); /* all that is kept */
	ck_assert_ptr_null(strstr(text, "line 0\\"));
	for (int i = 0; i < 1000; i++)
		fake_log(&fake, "xxxxxx");
	wants("log 0", "xxxxxx");
	wants("log 5", "xxxxxx");
}
END_TEST

START_TEST(machine)
{
	setup();
	wants("version", "version:      0.1\n");
	wants("describe", "memory:       4 GiB\n");
	wants("nodeinfo", "  1      2        0     1       0      2         1.000 s         0.005 s\n");
	wants("describe table", "for guests:   3 GiB\n");
	ck_assert_int_eq(run("describe dts"), OK);
	ck_assert_str_eq(text, "/dts-v1/;\n/ {\n    compatible = \"bulkhead,machine-1\";\n"
	                       "    memory = \"3145728K\"; /* for guests */\n"
	                       "    cpus = /* <package core thread> of CPU 0, 1, ... */\n"
	                       "        <0 0 0>, <0 1 0>;\n};\n");
	refuses("describe dtb", "bad-value", "no format \"dtb\"; did you mean \"dts\"?");
	refuses("describe pretty", "bad-value", "no format \"pretty\"; there is table");
	refuses("describe dts dts", "bad-argument", "describe: \"dts\" is one argument too many");
	wants("help", "set GUEST PROPERTY VALUE");
	wants("help", "describe [FORMAT]");
	ck_assert_ptr_null(strstr(text, "detach"));
	wants("help regs", "regs GUEST [VCPU]");
	ck_assert_ptr_null(strstr(text, "list"));
	wants("? ls", "list");
	ck_assert_int_eq(run("console web"), OK);
	ck_assert_int_eq(r.effect, CMD_ATTACH);
	ck_assert_uint_eq(r.guest.id, 3);
}
END_TEST

START_TEST(rights_of_channels)
{
	static const u32 only[] = { 7 };

	setup();
	rights = (struct mon_rights){ .reach = MON_REACH_LIST, .guests = only, .nr = 1, .mutate = true };
	wants("list", "db");
	ck_assert_ptr_null(strstr(text, "web"));
	wants("top", "db");
	ck_assert_ptr_null(strstr(text, "web"));
	wants("info db", "db");
	wants("resume db", "running");
	/* another guest and none are refused alike */
	refuses("info web", "not-permitted", "not permitted: guest \"web\"");
	refuses("info 3", "not-permitted", "not permitted: guest \"3\"");
	refuses("info dx", "not-permitted", "not permitted: guest \"dx\"; did you mean \"db\"?");
	refuses("destroy web", "not-permitted", "not permitted: guest \"web\"");
	refuses("console web", "not-permitted", "not permitted: guest \"web\"");
	refuses("log", "not-permitted", "not permitted: log");
	refuses("trace", "not-permitted", "not permitted: trace");
	refuses("previous", "not-permitted", "not permitted: previous");
	refuses("describe", "not-permitted", "not permitted: describe");
	refuses("poweroff", "not-permitted", "not permitted: poweroff");
	rights.mutate = false;
	refuses("pause db", "not-permitted", "not permitted: pause");
	refuses("set db weight 5", "not-permitted", "not permitted: set");
	wants("info db", "db");
	rights = (struct mon_rights){ .reach = MON_REACH_ALL };
	wants("log", "");
	wants("info web", "web");
	refuses("start db", "not-permitted", "not permitted: start");
	refuses("poweroff", "not-permitted", "not permitted: poweroff");
	rights = (struct mon_rights){ .reach = MON_REACH_NONE, .mutate = true };
	refuses("list", "not-permitted", "not permitted: list");
	refuses("info db", "not-permitted", "not permitted: info");
	wants("version", "0.1");
	wants("help", "list");
	ck_assert_uint_eq(fake.actions, 1);
}
END_TEST

START_TEST(sendkey)
{
	struct cmd_given given[] = { { "keys", "\"a b\" ret" }, { "guest", "web" } };
	struct fake_guest *g = &fake.guests[0];

	setup();
	wants("sendkey web ctrl-alt-delete", "events:       6\n");
	ck_assert_uint_eq(g->nr_keys, 6);
	ck_assert(g->keys[0].code == 0x1d && g->keys[0].down && g->keys[5].code == 0x1d && !g->keys[5].down);
	/* All that is left of the line is keys. */
	wants("sendkey 3  \"root pw\"  ret f1 ", "events:       18\n");
	ck_assert_uint_eq(g->keys[8].code, 0x39);
	ck_assert_uint_eq(g->keys[16].code, 0x3b);
	begin(OUT_JSON);
	ck_assert_int_eq(cmd_execute(&r, "sendkey", given, 2), OK);
	out_close(&out);
	ck_assert_str_eq(text, "{\"guest\":\"web\",\"events\":8}");
	/* Wrong ones: nothing is typed. */
	g->nr_keys = 0;
	refuses("sendkey web ctrl-alt-delet", "bad-value", "no key \"delet\"; did you mean \"delete\"?");
	refuses("sendkey web a qqqqqqqqq", "bad-value", "no key \"qqqqqqqqq\"");
	refuses("sendkey web \"root", "bad-value",
	        "keys: there are none, or a quote does not end; try ctrl-alt-delete or \"text\"");
	refuses("sendkey web a-b-c-d-e-f-g-h-i", "bad-value", "keys: more than 256 key events, or 8 keys at once");
	refuses("sendkey web", "missing-argument", "sendkey: keys is missing; try \"help sendkey\"");
	refuses("sendkey nobody a", "no-such-guest", "no guest \"nobody\"");
	fake.fail_next = ERR_NOTSUP;
	fake.fail_why = "a guest of platform minimal has no keyboard";
	refuses("sendkey web a", "not-supported", "web: a guest of platform minimal has no keyboard");
	rights.mutate = false;
	refuses("sendkey web a", "not-permitted", "not permitted: sendkey");
	ck_assert_uint_eq(g->nr_keys, 0);
}
END_TEST

START_TEST(media)
{
	struct cmd_given given[] = { { "module", "tools.iso" }, { "drive", "cd0" }, { "guest", "web" } };
	static const u32 only[] = { 3 };
	struct fake_guest *g = &fake.guests[0];

	setup();
	wants("insert web cd0 disc.iso", "medium:       disc.iso\n");
	ck_assert_str_eq(g->medium, "disc.iso");
	refuses("insert web cd0 other.iso", "busy", "web: busy");
	ck_assert_str_eq(g->medium, "disc.iso");
	/* A tray that is locked is asked, and then forced. */
	g->locked = true;
	refuses("eject web cd0", "busy", "web: locked");
	refuses("eject web cd0 ask", "busy", "web: locked");
	ck_assert_str_eq(g->medium, "disc.iso");
	wants("eject web cd0 force", "drive:        cd0\n");
	ck_assert_str_eq(g->medium, "");
	begin(OUT_JSON);
	ck_assert_int_eq(cmd_execute(&r, "insert", given, 3), OK);
	out_close(&out);
	ck_assert_str_eq(text, "{\"guest\":\"web\",\"drive\":\"cd0\",\"medium\":\"tools.iso\"}");
	refuses("eject web cd9", "not-found", "web: it has no drive \"cd9\"");
	refuses("insert web floppy0 x", "not-found", "web: it has no drive \"floppy0\"");
	refuses("eject web cd0 forse", "bad-value", "no how \"forse\"; did you mean \"force\"?");
	refuses("insert web cd0", "missing-argument", "insert: module is missing; try \"help insert\"");
	refuses("eject web", "missing-argument", "eject: drive is missing; try \"help eject\"");
	/* The modules are the machine's: a guest's channel cannot read others' by putting them into a drive of its own. */
	g->locked = false;
	rights = (struct mon_rights){ .reach = MON_REACH_LIST, .guests = only, .nr = 1, .mutate = true };
	wants("eject web cd0", "cd0");
	refuses("insert web cd0 disc.iso", "not-permitted", "not permitted: insert");
	rights.mutate = false;
	refuses("eject web cd0", "not-permitted", "not permitted: eject");
	rights = (struct mon_rights){ .reach = MON_REACH_ALL };
	refuses("insert web cd0 disc.iso", "not-permitted", "not permitted: insert");
	ck_assert_str_eq(g->medium, "");
}
END_TEST

/* Every command's JSON is one sound object; arguments by name. */
START_TEST(json_of_all)
{
	static const char *const names[] = { "list",  "info",     "exits",    "regs",    "dump",   "trace",
		                             "log",   "version",  "describe", "help",    "top",    "set",
		                             "pause", "poweroff", "console",  "sendkey", "insert", "eject" };
	static struct json_tok toks[2000];
	struct json_doc doc;
	struct json_err err;

	setup();
	fake.trace_heads[0] = 5;
	fake_log(&fake, "one\ntwo \xff\n");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		const struct cmd *c = cmd_find(names[i], true);
		struct cmd_given given[3];
		u32 nr = 0;

		for (u32 k = CMD_MAX_ARGS; k--;) { /* the order does not matter */
			const struct cmd_arg *a = &c->args[k];

			if (a->type != ARG_NONE && !a->optional)
				given[nr++] = (struct cmd_given){ a->name, a->type == ARG_GUEST   ? "db"
					                                   : a->type == ARG_PROP  ? "cap"
					                                   : a->type == ARG_LINE  ? "a"
					                                   : a->type == ARG_DRIVE ? "cd0"
					                                                          : "50" };
		}
		begin(OUT_JSON);
		ck_assert_msg(cmd_execute(&r, names[i], given, nr) == OK, "%s: %s", names[i], r.err.message);
		out_close(&out);
		ck_assert_msg(json_parse(&doc, text, len, toks, ARRAY_SIZE(toks), true, &err) == OK, "%s: %u: %s\n%s",
		              names[i], err.pos, err.what, text);
		ck_assert_int_eq(toks[0].type, JSON_OBJECT);
		ck_assert_uint_ge(toks[0].count, 1);
	}
	begin(OUT_JSON);
	ck_assert_int_eq(cmd_execute(&r, "info", &(struct cmd_given){ "gest", "db" }, 1), ERR_INVAL);
	ck_assert_str_eq(r.err.message, "no argument \"gest\"; did you mean \"guest\"?");
	begin(OUT_JSON);
	ck_assert_int_eq(cmd_execute(&r, "top", &(struct cmd_given){ "seconds", "5" }, 1), ERR_INVAL);
	ck_assert_str_eq(r.err.code, "bad-argument");
}
END_TEST

static char words[1000];

static void add_word(void *ctx, const char *word)
{
	strcat(words, word);
	strcat(words, " ");
}

static const char *completions(const char *line, u32 index)
{
	words[0] = '\0';
	cmd_complete(&fake.mon, &rights, line, index, add_word, NULL);
	return words;
}

START_TEST(completion)
{
	static const u32 only[] = { 7 };

	setup();
	ck_assert_ptr_nonnull(strstr(completions("", 0), "list "));
	ck_assert_ptr_null(strstr(completions("", 0), "input"));
	ck_assert_str_eq(completions("info ", 1), "web db batch-1 ");
	ck_assert_str_eq(completions("dominfo ", 1), "web db batch-1 ");
	ck_assert_str_eq(completions("set web ", 2), "weight cap reservation pin ");
	ck_assert_str_eq(completions("set web cap ", 3), "");
	ck_assert_str_eq(completions("describe ", 1), "table dts ");
	ck_assert_str_eq(completions("set web cap 5 ", 4), "");
	ck_assert_str_eq(completions("nonsense ", 1), "");
	ck_assert_str_eq(completions("infox ", 1), "");
	ck_assert_ptr_nonnull(strstr(completions("help ", 1), "poweroff "));
	rights = (struct mon_rights){ .reach = MON_REACH_LIST, .guests = only, .nr = 1 };
	ck_assert_str_eq(completions("info ", 1), "db ");
}
END_TEST

SUITE_MAIN("mon_cmd", list_and_info, long_names, errors_name_what_is_wrong, actions, setting, cpu_sets, top_rates,
           exits_table, registers, state, traces, log_lines, machine, rights_of_channels, sendkey, media, json_of_all,
           completion)
