/*
 * bhctl: the operator's command line on a Linux guest, or on a machine at the other end of a serial line.
 *
 *	bhctl [-d DEVICE] [-o table|json] [-t SECONDS] COMMAND [ARGUMENT...]
 *
 * Exit status: 0 done, 1 refused by the hypervisor, 2 wrong usage, 3 no connection or no answer.
 */
#define _GNU_SOURCE
#include "tools/bhctl/bhctl.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DEVICE "/dev/ttyS1"

static const char usage_text[] =
        "usage: bhctl [OPTION...] COMMAND [ARGUMENT...]\n"
        "Controls a Bulkhead hypervisor over its control channel. Commands are those of its monitor: try \"bhctl "
        "help\".\n"
        "Here too are\n"
        "  console GUEST [LINES]\n"
        "                 attach to a guest's console; Ctrl-] leaves\n"
        "  top            CPU, steal, exits; again and again when the output is a terminal\n"
        "  events         show what happens to guests as it happens\n"
        "  screen GUEST   the text on a guest's screen\n"
        "  screenshot GUEST FILE\n"
        "                 a picture of it as a PNG file; - is the standard output\n"
        "  metrics        everything countable, in the Prometheus text format\n"
        "Options:\n"
        "  -d, --device DEVICE    serial device, unix socket, or fd:N; default $BHCTL_DEVICE, else " DEFAULT_DEVICE
        "\n"
        "  -o, --output FORMAT    table (default) or json\n"
        "  -t, --timeout SECONDS  wait that long for an answer (10)\n"
        "  -b, --baud BAUD        speed of a serial device (115200)\n"
        "  -i, --interval SECONDS between two rounds of top (2)\n"
        "  -n, --count NUMBER     of rounds of top, of events; 0: no end\n"
        "  -h, --help             this text\n";

void die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("bhctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/* A number from least to most. */
static double number(const char *option, const char *text, double least, double most)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= least && v <= most))
		die(EXIT_USAGE, "%s: \"%s\" is no number from %g to %g", option, text, least, most);
	return v;
}

static void take_option(struct options *o, int c)
{
	switch (c) {
	case 'd': o->device = optarg; break;
	case 'o':
		if (strcmp(optarg, "json") != 0 && strcmp(optarg, "table") != 0)
			die(EXIT_USAGE, "--output: \"%s\" is neither table nor json", optarg);
		o->json = !strcmp(optarg, "json");
		break;
	case 't': o->timeout = number("--timeout", optarg, 0.01, 86400); break;
	case 'b': o->baud = (unsigned int)number("--baud", optarg, 1, 4000000); break;
	case 'i': o->interval = number("--interval", optarg, 0.1, 86400); break;
	case 'n': o->count = (long)number("--count", optarg, 0, 1e9); break;
	case 'h': fputs(usage_text, stdout); exit(EXIT_OK);
	default: fputs("Try \"bhctl --help\".\n", stderr); exit(EXIT_USAGE);
	}
}

static void take_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "device", 1, NULL, 'd' },   { "output", 1, NULL, 'o' },
		{ "timeout", 1, NULL, 't' },  { "baud", 1, NULL, 'b' },
		{ "interval", 1, NULL, 'i' }, { "count", 1, NULL, 'n' },
		{ "help", 0, NULL, 'h' },     { 0 },
	};
	const char *device = getenv("BHCTL_DEVICE");
	int c;

	*o = (struct options){ .device = device && *device ? device : DEFAULT_DEVICE,
		               .timeout = 10,
		               .interval = 2,
		               .count = -1,
		               .baud = 115200 };
	while ((c = getopt_long(argc, argv, "d:o:t:b:i:n:h", longs, NULL)) >= 0)
		take_option(o, c);
}

/* A command that is a request and its answer. */
/* Words of a line as one argument, with blanks between. */
static char *join(char **words, int nr)
{
	size_t size = 1;
	char *line;

	for (int i = 0; i < nr; i++)
		size += strlen(words[i]) + 1;
	line = calloc(1, size);
	if (!line)
		die(EXIT_CHANNEL, "out of memory");
	for (int i = 0; i < nr; i++) {
		if (i)
			strcat(line, " ");
		strcat(line, words[i]);
	}
	return line;
}

static int run_simple(struct chan *c, const struct options *o, char **words, int nr)
{
	const struct json_tok *result;
	struct message m;
	char *keys = NULL;

	if (nr > 3 && !strcmp(words[0], "sendkey")) { /* as on the monitor's line */
		keys = join(words + 2, nr - 2);
		words[2] = keys;
		nr = 3;
	}
	result = ask(c, o, &m, words[0], words + 1, nr - 1);
	free(keys);
	if (!result)
		return EXIT_REFUSED;
	render(&m.doc, result, o->json);
	return EXIT_OK;
}

static void no_arguments(const char *cmd, int nr)
{
	if (nr > 1)
		die(EXIT_USAGE, "%s takes no arguments", cmd);
}

int main(int argc, char **argv)
{
	struct options o;
	struct chan c;
	char **words;
	int nr, status;

	take_options(&o, argc, argv);
	words = argv + optind;
	nr = argc - optind;
	if (!nr) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(words[0], "top") || !strcmp(words[0], "events") || !strcmp(words[0], "metrics"))
		no_arguments(words[0], nr);
	if (!strcmp(words[0], "console") && nr != 2 && nr != 3)
		die(EXIT_USAGE, "console takes the name of a guest, and a number of lines");
	if (!strcmp(words[0], "screen") && nr != 2)
		die(EXIT_USAGE, "screen takes the name of a guest");
	if (!strcmp(words[0], "screenshot") && nr != 3)
		die(EXIT_USAGE, "screenshot takes the names of a guest and of a file");
	chan_open(&c, &o);
	if (!strcmp(words[0], "top"))
		status = run_top(&c, &o);
	else if (!strcmp(words[0], "events"))
		status = run_events(&c, &o);
	else if (!strcmp(words[0], "metrics"))
		status = run_metrics(&c, &o);
	else if (!strcmp(words[0], "screen"))
		status = run_screen(&c, &o, words + 1);
	else if (!strcmp(words[0], "screenshot"))
		status = run_screenshot(&c, &o, words + 1);
	else if (!strcmp(words[0], "console"))
		status = run_console(&c, &o, words + 1, nr - 1);
	else
		status = run_simple(&c, &o, words, nr);
	if (fflush(stdout) || ferror(stdout))
		die(EXIT_CHANNEL, "cannot write the output");
	free(c.buf);
	return status;
}
