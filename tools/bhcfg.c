/*
 * bhcfg: checks and shows configuration blobs with the hypervisor's own parser.
 *
 *	bhcfg check FILE [--machine FILE] [--memory SIZE] [--cpus N] [--module NAME]...
 *	bhcfg show FILE [--machine FILE]
 *	bhcfg describe FILE|-
 *
 * FILE is a .dtb, or a .dts, which dtc compiles first; describe's is JSON. Exit status: 0 fine, 1 errors found, 2
 * wrong usage or no file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fmt.h"
#include "tools/bhcfg.h"
#include "tools/machine_json.h"
#include "vmm/mon/dts.h"

#define MAX_ERRORS 50
#define MAX_FILE   (2u << 20)

struct options {
	const char *file;
	const char *machine_file; /* NULL: not checked against one */
	struct machine machine;
	struct config_limits lim;
	bool *left_out; /* one a guest */
	u32 nr_left_out;
};

static int usage(FILE *out)
{
	fputs("usage: bhcfg check FILE [--machine FILE] [--memory SIZE] [--cpus N] [--module NAME]...\n"
	      "       bhcfg show FILE [--machine FILE]\n"
	      "       bhcfg describe FILE|-\n"
	      "       bhcfg features\n"
	      "Checks or shows a configuration: a .dtb, or a .dts compiled by dtc on the way.\n"
	      "  --machine FILE the machine it is for, as the monitor's `describe dts` prints it\n"
	      "  --memory SIZE  bytes that guests may have together (suffix K, M, G)\n"
	      "  --cpus N       most vCPUs of one guest\n"
	      "  --module NAME  a boot module that will be there; without any, names are not checked\n"
	      "describe makes that description of the output of `bhctl describe -o json`, run on the machine.\n"
	      "features lists the words that cpu-disable knows.\n",
	      out);
	return 2;
}

/* Reads all of a stream. Returns malloc'ed (so 8-byte aligned) memory or NULL. */
static void *slurp(FILE *f, size_t *size)
{
	char *buf = malloc(MAX_FILE);

	if (!buf)
		return NULL;
	*size = fread(buf, 1, MAX_FILE, f);
	if (ferror(f)) {
		free(buf);
		return NULL;
	}
	return buf;
}

static void *compile(const char *file, size_t *size)
{
	int fds[2], status;
	void *buf;
	FILE *f;
	pid_t pid;

	if (pipe(fds)) {
		perror("bhcfg: pipe");
		return NULL;
	}
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execlp("dtc", "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", "--", file, (char *)NULL);
		fputs("bhcfg: cannot run dtc (Debian package device-tree-compiler)\n", stderr);
		_exit(127);
	}
	close(fds[1]);
	f = fdopen(fds[0], "rb");
	if (pid < 0 || !f) {
		perror("bhcfg");
		return NULL;
	}
	buf = slurp(f, size);
	fclose(f);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bhcfg: %s does not compile\n", file);
		free(buf);
		return NULL;
	}
	return buf;
}

static void *load(const char *file, size_t *size)
{
	const char *dot = strrchr(file, '.');
	void *buf;
	FILE *f;

	if (dot && !strcmp(dot, ".dts"))
		return compile(file, size);
	f = fopen(file, "rb");
	if (!f) {
		perror(file);
		return NULL;
	}
	buf = slurp(f, size);
	if (!buf)
		perror(file);
	fclose(f);
	return buf;
}

/* Prints the errors found in file. */
static void report(const char *file, const struct config_errs *errs)
{
	for (u32 i = 0; i < errs->nr && i < errs->cap; i++)
		fprintf(stderr, "%s: %s\n", file, errs->list[i].text);
	if (errs->nr > errs->cap)
		fprintf(stderr, "%s: and %u more\n", file, errs->nr - errs->cap);
}

static struct config_err error_list[MAX_ERRORS];

/* A guest that Bulkhead leaves out. ctx: the file; without a name the places know it. */
static void skip(void *ctx, u32 index, const char *why)
{
	const struct options *o = ctx;

	fprintf(stderr, "%s: left out (on-error): %s\n", o->file, why);
	if (index < o->nr_left_out)
		o->left_out[index] = true;
}

/* Prints what is wrong. Returns the guests' places (malloc'ed; without a machine they are empty), or NULL. */
static struct place *check(const void *blob, size_t size, struct options *o)
{
	struct config_errs errs = { .list = error_list, .cap = MAX_ERRORS };
	int r = config_open(blob, size, &errs);
	struct place *list = NULL;

	if (r == OK) {
		o->nr_left_out = config_guest_count(blob);
		o->left_out = calloc(o->nr_left_out + 1, sizeof(*o->left_out));
		o->lim.skip = skip;
		o->lim.skip_ctx = o;
	}
	errs.nr = 0; /* it finds them again */
	r = config_check(blob, size, &o->lim, &errs);

	if (r == OK) {
		u32 nr = config_guest_count(blob);

		list = calloc(nr, sizeof(*list));
		for (u32 i = 0; list && i < nr; i++)
			list[i].skipped = o->left_out[i];
		if (list && o->machine_file)
			r = config_place(blob, &o->machine, list, nr, &errs);
	}
	report(o->file, &errs);
	if (r == OK)
		return list;
	free(list);
	return NULL;
}

static u32 count_skipped(const struct place *list, u32 nr)
{
	u32 n = 0;

	for (u32 i = 0; i < nr; i++)
		n += list[i].skipped;
	return n;
}

/* Reads the machine's description and lets it limit what guests may have. 0, 1 (errors) or 2 (no file). */
static int load_machine(struct options *o)
{
	struct config_errs errs = { .list = error_list, .cap = MAX_ERRORS };
	size_t size = 0;
	void *data = load(o->machine_file, &size);
	int r;

	if (!data)
		return 2;
	r = machine_parse(data, size, &o->machine, &errs);
	report(o->machine_file, &errs);
	free(data);
	if (r != OK)
		return 1;
	if (!o->lim.memory || o->lim.memory > o->machine.memory)
		o->lim.memory = o->machine.memory;
	o->lim.nr_cpus = o->machine.nr_cpus;
	if (!o->lim.max_vcpus)
		o->lim.max_vcpus = CONFIG_RUN_VCPUS;
	return 0;
}

/* Returns 0, or 1 (too many modules) or 2 after a message. */
static int parse_args(int argc, char **argv, struct options *o)
{
	if (bhcfg_add_module("config")) /* the blob is one of them */
		return 1;
	for (int i = 2; i < argc; i++) {
		bool last = i + 1 == argc;
		u64 n;

		if (argv[i][0] != '-' && !o->file) {
			o->file = argv[i];
		} else if (!strcmp(argv[i], "--memory") && !last && fmt_parse_u64(argv[i + 1], true, &n) == OK) {
			o->lim.memory = n;
			i++;
		} else if (!strcmp(argv[i], "--cpus") && !last && fmt_parse_u64(argv[i + 1], false, &n) == OK && n &&
		           n <= CONFIG_MAX_VCPUS) {
			o->lim.max_vcpus = (u32)n;
			i++;
		} else if (!strcmp(argv[i], "--machine") && !last) {
			o->machine_file = argv[++i];
		} else if (!strcmp(argv[i], "--module") && !last) {
			if (strcmp(argv[++i], "config") && bhcfg_add_module(argv[i]))
				return 1;
			o->lim.module_exists = bhcfg_module_exists;
		} else {
			fprintf(stderr, "bhcfg: cannot use argument \"%s\"\n", argv[i]);
			return usage(stderr);
		}
	}
	return o->file ? 0 : usage(stderr);
}

static void print_ok(const char *file, u32 nr, u32 skipped)
{
	printf("%s: OK, %u guest%s", file, nr - skipped, nr - skipped == 1 ? "" : "s");
	if (skipped)
		printf(", %u left out", skipped);
	putchar('\n');
}

static int check_or_show(bool showing, struct options *o)
{
	int r = o->machine_file ? load_machine(o) : 0;
	struct place *list;
	size_t size = 0;
	void *blob;

	if (r)
		return r;
	blob = load(o->file, &size);
	if (!blob)
		return 2;
	list = check(blob, size, o);
	if (list && !o->lim.module_exists && bhcfg_add_all_named(blob)) {
		free(list);
		list = NULL;
	}
	if (list)
		bhcfg_warn(o->file, blob);
	if (list && showing)
		bhcfg_show(blob, o->machine_file ? &o->machine : NULL, list);
	else if (list)
		print_ok(o->file, config_guest_count(blob), count_skipped(list, config_guest_count(blob)));
	free(o->left_out);
	free(blob);
	free(list);
	return list ? 0 : 1;
}

static void cpu_of(void *arg, u32 i, struct dts_cpu *c)
{
	const struct machine *m = arg;

	*c = (struct dts_cpu){ m->cpu[i].package, m->cpu[i].core, m->cpu[i].thread };
}

static void put_line(void *arg, const char *line, size_t len)
{
	printf("%.*s\n", (int)len, line);
}

/* From what a booted system says of itself (JSON) to the description that --machine takes. */
static int describe(const char *file)
{
	bool in = !strcmp(file, "-");
	FILE *f = in ? stdin : fopen(file, "rb");
	struct json_tok *toks = calloc(MACHINE_JSON_TOKENS, sizeof(*toks));
	struct config_err err;
	static struct machine m;
	size_t size = 0;
	char *text = f ? slurp(f, &size) : NULL;
	int r = 2;

	if (!text || !toks) {
		perror(in ? "bhcfg: standard input" : file);
	} else if (machine_from_json(text, size, toks, MACHINE_JSON_TOKENS, &m, &err) == OK) {
		const struct dts_machine d = {
			.memory = m.memory, .nr_cpus = m.nr_cpus, .cpu = cpu_of, .put = put_line, .arg = &m
		};

		dts_write_machine(&d);
		r = 0;
	} else {
		fprintf(stderr, "%s: %s\n", in ? "standard input" : file, err.text);
		r = 1;
	}
	if (f && !in)
		fclose(f);
	free(text);
	free(toks);
	return r;
}

int main(int argc, char **argv)
{
	static struct options o;
	int r;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "features")) {
		for (u32 i = 0; cpuid_feature_name(i); i++)
			puts(cpuid_feature_name(i));
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "describe"))
		return describe(argv[2]);
	if (argc < 3 || (strcmp(argv[1], "check") && strcmp(argv[1], "show")))
		return usage(stderr);
	r = parse_args(argc, argv, &o);
	if (!r)
		r = check_or_show(!strcmp(argv[1], "show"), &o);
	return r;
}
