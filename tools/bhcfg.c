/*
 * bhcfg: checks and shows configuration blobs with the hypervisor's own parser.
 *
 *	bhcfg check FILE [--memory SIZE] [--cpus N] [--module NAME]...
 *	bhcfg show FILE
 *
 * FILE is a .dtb, or a .dts, which dtc compiles first. Exit status: 0 fine, 1 errors found, 2 wrong usage or no file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fmt.h"
#include "vmm/config.h"

#define MAX_ERRORS 50
#define MAX_FILE   (2u << 20)

struct options {
	const char *file;
	struct config_limits lim;
	const char **modules; /* argv entries; NULL: not checked */
	int nr_modules;
};

static int usage(FILE *out)
{
	fputs("usage: bhcfg check FILE [--memory SIZE] [--cpus N] [--module NAME]...\n"
	      "       bhcfg show FILE\n"
	      "       bhcfg features\n"
	      "Checks or shows a configuration: a .dtb, or a .dts compiled by dtc on the way.\n"
	      "  --memory SIZE  bytes that guests may have together (suffix K, M, G)\n"
	      "  --cpus N       most vCPUs of one guest\n"
	      "  --module NAME  a boot module that will be there; without any, names are not checked\n"
	      "features lists the words that cpu-disable knows.\n",
	      out);
	return 2;
}

static bool module_exists(void *ctx, const char *name)
{
	const struct options *o = ctx;

	for (int i = 0; i < o->nr_modules; i++)
		if (!strcmp(o->modules[i], name))
			return true;
	return false;
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

/* Prints what is wrong. Returns whether the blob is fine. */
static bool check(const void *blob, size_t size, const struct options *o)
{
	static struct config_err list[MAX_ERRORS];
	struct config_errs errs = { .list = list, .cap = MAX_ERRORS };
	int r = config_check(blob, size, &o->lim, &errs);

	for (u32 i = 0; i < errs.nr && i < errs.cap; i++)
		fprintf(stderr, "%s: %s\n", o->file, list[i].text);
	if (errs.nr > errs.cap)
		fprintf(stderr, "%s: and %u more\n", o->file, errs.nr - errs.cap);
	return r == OK;
}

static void row(const char *name, const char *fmt, ...) __printf(2, 3);
static void row(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("  %-14s", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void show_features(const struct cpuid_mask *m)
{
	const char *name;

	printf("  %-14s", "cpu-disable");
	for (u32 i = 0; (name = cpuid_feature_name(i)); i++) {
		int feat = cpuid_feature_find(name, strlen(name));

		if (m->w[feat / 32] >> feat % 32 & 1)
			printf("%s ", name);
	}
	putchar('\n');
}

static void show_guest(const struct vm_config *vm)
{
	static const struct cpuid_mask none;

	printf("guest %s\n", vm->name);
	if (vm->memory % (1u << 20))
		row("memory", "%llu KiB", (unsigned long long)(vm->memory >> 10));
	else
		row("memory", "%llu MiB", (unsigned long long)(vm->memory >> 20));
	row("vcpus", "%u (%u sockets, %u cores, %u threads)", vm->vcpus, vm->topo.sockets, vm->topo.cores,
	    vm->topo.threads);
	row("kernel", "%s (%s)", vm->kernel, config_protocol_str(vm->protocol));
	if (vm->initrd)
		row("initrd", "%s", vm->initrd);
	for (u32 i = 0; i < vm->nr_modules; i++)
		row("module", "%s", config_module(vm, i));
	row("cmdline", "%s", vm->cmdline);
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->com[i] != VM_SERIAL_NONE)
			printf("  com%u          %s\n", i + 1, config_serial_str(vm->com[i]));
	row("on-poweroff", "%s", config_action_str(vm->on_poweroff));
	row("on-reset", "%s", config_action_str(vm->on_reset));
	row("on-crash", "%s", config_action_str(vm->on_crash));
	row("signature", "%s", vm->signature == HV_SIGNATURE_KVM ? "kvm" : "none");
	if (vm->tsc_hz)
		row("tsc-frequency", "%llu Hz", (unsigned long long)vm->tsc_hz);
	if (memcmp(&vm->cpu_disable, &none, sizeof(none)))
		show_features(&vm->cpu_disable);
	if (vm->debug_exit || vm->testdev || vm->debug_console || vm->forced_emulation)
		row("debug", "%s%s%s%s", vm->debug_exit ? "debug-exit " : "", vm->testdev ? "testdev " : "",
		    vm->debug_console ? "debug-console " : "", vm->forced_emulation ? "forced-emulation" : "");
	if (!vm->autostart)
		row("start", "by hand");
}

static void show(const void *blob)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	struct config_errs errs = { 0 };
	struct hv_config hv;
	struct vm_config vm;

	if (config_hypervisor_parse(blob, &hv, &errs) != OK)
		return;
	printf("hypervisor\n");
	if (hv.has_log_level)
		row("log-level", "%s", levels[hv.log_level]);
	row("on-idle", "%s", config_on_idle_str(hv.on_idle));
	row("summary", "%s", hv.summary ? "yes" : "no");
	for (u32 i = 0; config_guest_parse(blob, i, NULL, &vm, &errs) == OK; i++)
		show_guest(&vm);
}

/* Returns 0, or 2 after a message. */
static int parse_args(int argc, char **argv, struct options *o)
{
	o->modules = calloc((size_t)argc, sizeof(*o->modules));
	if (!o->modules)
		return 2;
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
		} else if (!strcmp(argv[i], "--module") && !last) {
			o->modules[o->nr_modules++] = argv[++i];
			o->lim.module_exists = module_exists;
			o->lim.ctx = o;
		} else {
			fprintf(stderr, "bhcfg: cannot use argument \"%s\"\n", argv[i]);
			return usage(stderr);
		}
	}
	return o->file ? 0 : usage(stderr);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	size_t size = 0;
	void *blob;
	bool good;
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
	if (argc < 3 || (strcmp(argv[1], "check") && strcmp(argv[1], "show")))
		return usage(stderr);
	r = parse_args(argc, argv, &o);
	if (r)
		return r;
	blob = load(o.file, &size);
	if (!blob)
		return 2;
	good = check(blob, size, &o);
	if (good && !strcmp(argv[1], "show"))
		show(blob);
	else if (good)
		printf("%s: OK, %u guest%s\n", o.file, config_guest_count(blob),
		       config_guest_count(blob) == 1 ? "" : "s");
	free(blob);
	free(o.modules);
	return good ? 0 : 1;
}
