/*
 * The control channel (COM2) at its worst: lines made to cost much, and every command whose answer is long; each must be
 * answered. The hypervisor says at its end how long its longest piece of work was; here is told what a line took in all.
 * With "none", of a channel without rights, which must be refused. Otherwise the guests "quiet" and "busy" are there to
 * be looked at, and ended. With "state", also what a device has in it.
 */
#include "tests/guest/rt/rt.h"

#define COM2     0x2f8
#define LINE_MAX 4096
#define SETTLE   2500000 /* ticks: 50 ms in Bochs */

static char line[LINE_MAX + 2];
static u32 len;
static char answer[200]; /* its beginning */

static void put(const char *s)
{
	while (*s && len < sizeof(line) - 1)
		line[len++] = *s++;
	line[len] = '\0';
}

static void fill(char c, u32 n)
{
	char s[2] = { c, '\0' };

	while (n--)
		put(s);
}

/* Sends the line, by one string instruction, and takes its answer; events are skipped. Returns the answer's length. */
static u32 ask(void)
{
	const char *s = line;
	u32 n, got = 0;

	line[len++] = '\n';
	n = len;
	asm volatile("cld\n\trep outsb" : "+S"(s), "+c"(n) : "d"(COM2) : "memory");
	for (;;) {
		char c;

		while (!(inb(COM2 + 5) & 1))
			;
		c = (char)inb(COM2);
		if (c == '\n') {
			answer[MIN(got, (u32)sizeof(answer) - 1)] = '\0';
			if (strncmp(answer, "{\"event", 7))
				return got;
			got = 0;
			continue;
		}
		if (got < sizeof(answer) - 1)
			answer[got] = c;
		got++;
	}
}

static void check(const char *what, const char *want)
{
	u64 start = rdtsc();
	u32 n = ask();
	u64 ticks = rdtsc() - start;

	report(!strncmp(answer, want, strlen(want)), "%s: %u bytes asked, %u answered, %llu ticks", what, len, n,
	       (unsigned long long)ticks);
	if (strncmp(answer, want, strlen(want)))
		rt_printf("answer: %s\n", answer);
	len = 0;
}

#define REFUSED "{\"id\":1,\"ok\":false,"
#define BAD     "{\"id\":null,\"ok\":false,"
#define GOOD    "{\"id\":1,\"ok\":true,"

/* As many keys as there are tokens for, alike but for their last two characters. */
static void many_keys(const char *letter, u32 each)
{
	put("{\"id\":1,\"cmd\":\"version\"");
	for (u32 k = 0; k < 29; k++) {
		char last[3] = { (char)('0' + k / 10), (char)('0' + k % 10), '\0' };

		put(",\"");
		for (u32 i = 0; i < each; i++)
			put(letter);
		put(last);
		put("\":1");
	}
	put("}");
}

static void hostile(const char *unknown)
{
	many_keys("a", 128);
	check("29 keys nearly alike", REFUSED);
	many_keys("\\u0061", 21);
	check("29 keys nearly alike, escaped", REFUSED);
	put("{\"id\":1,\"cmd\":\"prevoiusdescribelistinfoo\"}");
	check("a command that looks like many", unknown);
	fill('[', LINE_MAX);
	check("nested without end", BAD);
	put("{\"id\":1,\"cmd\":\"info\",\"args\":[\"");
	fill('g', LINE_MAX - len - 3);
	put("\"]}");
	check("a name as long as a line", REFUSED);
	put("{\"id\":1,\"cmd\":\"help\"");
	fill(' ', LINE_MAX - len - 1);
	put("}");
	check("blanks", GOOD);
	fill('x', LINE_MAX + 1);
	check("a line too long", BAD);
	put("{\"id\":1,\"cmd\":\"set\",\"args\":{\"property\":\"waight\",\"value\":\"1\",\"guest\":\"nobody\"}}");
	check("nobody's weight", REFUSED);
}

static void command(const char *cmd, const char *args, const char *want)
{
	char what[80];

	put("{\"id\":1,\"cmd\":\"");
	put(cmd);
	put("\",\"args\":[");
	put(args);
	put("]}");
	fmt_snprintf(what, sizeof(what), "%s %s", cmd, args);
	check(what, want);
}

static void commands(const char *want)
{
	static const struct {
		const char *cmd, *args;
	} cmds[] = {
		{ "list", "" },
		{ "top", "" },
		{ "metrics", "" },
		{ "log", "1000" },
		{ "describe", "" },
		{ "describe", "\"dts\"" },
		{ "pause", "\"quiet\"" },
		{ "info", "\"quiet\"" },
		{ "exits", "\"busy\"" },
		{ "regs", "\"quiet\"" },
		{ "dump", "\"quiet\"" },
		{ "info", "\"quiet\",\"state\"" },
		{ "set", "\"quiet\",\"pin\",\"all\"" },
		{ "set", "\"quiet\",\"weight\",\"77\"" },
		{ "trace", "" },
		{ "trace", "300" },
		{ "trace", "1000,\"quiet\"" },
		{ "console", "\"busy\"" },
		{ "detach", "\"busy\"" },
		{ "resume", "\"quiet\"" },
		{ "reset", "\"quiet\"" },
		{ "destroy", "\"quiet\"" },
		{ "start", "\"quiet\"" },
		{ "top", "" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cmds); i++) {
		u64 until = rdtsc() + SETTLE;

		/* Of a device whose state is looked at as a whole, by an operator who has paused its guest. */
		if (!strcmp(cmds[i].args, "\"quiet\",\"state\"") && !rt_option("state"))
			continue;
		command(cmds[i].cmd, cmds[i].args, want);
		while (rdtsc() < until && !rt_option("none")) /* what was asked for takes effect */
			;
	}
}

void main(const char *cmdline)
{
	bool none = rt_option("none");

	command("help", "", GOOD);
	command("version", "", GOOD);
	hostile(none ? "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"not-permitted\"" : REFUSED);
	commands(none ? "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"not-permitted\"" : GOOD);
	command("ready", "", GOOD);
	if (!none) { /* all ends when this does */
		command("destroy", "\"quiet\"", GOOD);
		command("destroy", "\"busy\"", GOOD);
	}
}
