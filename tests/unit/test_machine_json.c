/* What a booted machine says of itself, as JSON, and the description made of it. */
#include "quick_check.h"
#include <stdio.h>
#include <string.h>

#include "fake_mon.h"
#include "suite.h"
#include "tools/machine_json.h"
#include "vmm/mon/cmd.h"
#include "vmm/mon/dts.h"

static struct json_tok toks[MACHINE_JSON_TOKENS];
static struct config_err err;
static struct machine m;
static char text[65536];
static size_t len;

static void append(void *ctx, const char *s, size_t n)
{
	ck_assert_uint_lt(len + n + 1, sizeof(text));
	memcpy(text + len, s, n);
	len += n;
	text[len] = '\0';
}

static int parse(const char *s)
{
	return machine_from_json(s, strlen(s), toks, MACHINE_JSON_TOKENS, &m, &err);
}

/* The command's own output, of the fake machine with two cores. */
START_TEST(of_the_command)
{
	static struct fake_mon fake;
	struct mon_rights rights = MON_RIGHTS_ALL;
	struct out out;
	struct cmd_run r = { .mon = &fake.mon, .rights = &rights, .out = &out, .control = true };

	fake_init(&fake);
	len = 0;
	out_init(&out, OUT_JSON, append, NULL);
	out_open(&out);
	ck_assert_int_eq(cmd_execute(&r, "describe", NULL, 0), OK);
	out_close(&out);
	ck_assert_msg(parse(text) == OK, "%s\n%s", err.text, text);
	ck_assert(m.memory == 3 * SIZE_1G && m.nr_cpus == 2);
	ck_assert(m.cpu[1].package == 0 && m.cpu[1].core == 1 && m.cpu[1].thread == 0);
}
END_TEST

#define CPU(n, p, c, t) "{\"cpu\":" #n ",\"package\":" #p ",\"core\":" #c ",\"thread\":" #t ",\"new\":[1.5]}"
#define HEAD            "{\"guest_bytes\":1048576,\"cpus\":2,\"processors\":["

START_TEST(answers)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "", "no JSON: text ends before the value does (byte 0)" },
		{ "[]", "guest_bytes is missing, or no number: not an answer to \"describe\"" },
		{ "7", "guest_bytes is missing" },
		{ "{\"guest_bytes\":\"1G\"}", "guest_bytes is missing, or no number" },
		{ "{\"guest_bytes\":0}", "guest_bytes is 0, not from 1024 to" },
		{ "{\"guest_bytes\":-5}", "guest_bytes is -5, not from" },
		{ "{\"guest_bytes\":1024}", "cpus is missing" },
		{ "{\"guest_bytes\":1024,\"cpus\":257}", "cpus is 257, not from 1 to 256" },
		{ "{\"guest_bytes\":1024,\"cpus\":1}", "processors is missing, or no array" },
		{ "{\"guest_bytes\":1024,\"cpus\":1,\"processors\":{}}", "processors is missing, or no array" },
		{ HEAD "3]}", "cpu is missing" },
		{ HEAD CPU(1, 0, 0, 0) "]}", "cpu is 1, not from 0 to 0" },
		{ HEAD CPU(0, 65536, 0, 0) "]}", "package is 65536, not from 0 to 65535" },
		{ HEAD CPU(0, 0, -1, 0) "]}", "core is -1, not from" },
		{ HEAD CPU(0, 0, 0, 0) "]}", "cpus is 2, but 1 processors are listed" },
		{ HEAD CPU(0, 0, 0, 0) "," CPU(1, 0, 0, 0) "]}", "processors: CPUs 0 and 1 are the same thread" },
		{ "{\"ok\":false,\"error\":{\"code\":\"not-permitted\",\"message\":\"not permitted: describe\"}}",
		  "the answer is an error: not permitted: describe" },
		{ "{\"ok\":false}", "the answer is an error: without a message" },
		{ "{\"ok\":true}", "the answer has no result" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(parse(bad[i].text) == ERR_INVAL, "%s", bad[i].text);
		ck_assert_msg(strstr(err.text, bad[i].error) == err.text, "%s: \"%s\"", bad[i].text, err.text);
	}
	ck_assert_int_eq(parse(HEAD CPU(0, 0, 0, 0) "," CPU(1, 3, 2, 1) "]}"), OK);
	ck_assert(m.memory == 1 << 20 && m.nr_cpus == 2 && m.cpu[1].package == 3);
	ck_assert(m.cpu[1].core == 2 && m.cpu[1].thread == 1);
	ck_assert_int_eq(parse("{\"id\":1,\"ok\":true,\"result\":" HEAD CPU(0, 0, 0, 0) "," CPU(1, 0, 0, 1) "]}}\n"),
	                 OK);
	ck_assert_uint_eq(m.nr_cpus, 2);
}
END_TEST

/* As many processors as there may be, and one more. */
START_TEST(many)
{
	for (u32 n = CPUSET_MAX; n <= CPUSET_MAX + 1; n++) {
		len = 0;
		len += (size_t)sprintf(text, "{\"guest_bytes\":4096,\"cpus\":256,\"processors\":[");
		for (u32 i = 0; i < n; i++)
			len += (size_t)sprintf(text + len,
			                       "%s{\"cpu\":%u,\"apic_id\":0,\"package\":%u,\"core\":%u,\"thread\":0}",
			                       i ? "," : "", i, i / 16, i % 16);
		strcpy(text + len, "]}");
		ck_assert_int_eq(parse(text), n == CPUSET_MAX ? OK : ERR_INVAL);
	}
	ck_assert_str_eq(err.text, "processors: there are more than 256");
}
END_TEST

static void far_cpu(void *arg, u32 i, struct dts_cpu *c)
{
	*c = (struct dts_cpu){ 0xffffffff, 0xffffffff - i, 0xffffffff };
}

static void put_line(void *arg, const char *line, size_t n)
{
	append(arg, line, n);
	append(arg, "\n", 1);
}

/* Four processors a line; nothing is cut off, however large the numbers. */
START_TEST(lines)
{
	struct dts_machine d = { .memory = ~0ull, .nr_cpus = 5, .cpu = far_cpu, .put = put_line };

	len = 0;
	dts_write_machine(&d);
	ck_assert_ptr_nonnull(strstr(text, "    memory = \"18014398509481983K\"; /* for guests */\n"));
	ck_assert_ptr_nonnull(strstr(text, " <4294967295 4294967292 4294967295>,\n        "
	                                   "<4294967295 4294967291 4294967295>;\n};\n"));
}
END_TEST

SUITE_MAIN("machine_json", of_the_command, answers, many, lines)
