/* One guest of the configuration blob: a table of its properties; what is not in it is an error. */
#include <libfdt.h>

#include "lib/string.h"
#include "vmm/config/internal.h"
#include "vmm/policy/pv.h"

static const char *const protocol_words[] = { "auto", "linux", "pvh", "multiboot1", "multiboot2", "elf", NULL };
static const char *const serial_words[] = { "none", "null", "console", "log", "control", NULL };

static const char *word(const char *const *words, size_t n, u32 i)
{
	return i < n - 1 ? words[i] : "?";
}
const char *config_protocol_str(enum vm_protocol p)
{
	return word(protocol_words, ARRAY_SIZE(protocol_words), p);
}
const char *config_serial_str(enum vm_serial s)
{
	return word(serial_words, ARRAY_SIZE(serial_words), s);
}

void cfg_need_module(struct where *w, const struct target *t, const char *name)
{
	if (strchr(name, ' '))
		cfg_fail(w, "\"%.60s\": a module's name is one word: it ends at the first blank of its line", name);
	else if (strlen(name) > CONFIG_MODULE_LINE)
		cfg_fail(w, "a module's name has at most %u characters", CONFIG_MODULE_LINE);
	else if (t->lim && t->lim->module_exists && !t->lim->module_exists(t->lim->ctx, name))
		cfg_fail(w, "no boot module is named \"%.60s\"", name);
}

static void vm_memory(struct where *w, const struct value *v, const struct target *t)
{
	u64 n;

	if (!cfg_u64(w, v, &n))
		return;
	if (n % PAGE_SIZE)
		cfg_fail(w, "must be a multiple of 4 KiB");
	else if (n < CONFIG_MIN_MEMORY)
		cfg_fail(w, "must be at least %llu MiB", CONFIG_MIN_MEMORY >> 20);
	else if (t->lim && t->lim->memory && n > t->lim->memory)
		cfg_fail(w, "%llu MiB are more than the machine has for guests: %llu MiB",
		         (unsigned long long)(n >> 20), (unsigned long long)(t->lim->memory >> 20));
	t->vm->memory = n;
}

static void vm_vcpus(struct where *w, const struct value *v, const struct target *t)
{
	u32 n, max = t->lim && t->lim->max_vcpus ? t->lim->max_vcpus : CONFIG_MAX_VCPUS;

	if (!cfg_u32(w, v, &n))
		return;
	if (n < 1 || n > max)
		cfg_fail(w, "must be 1 to %u", max);
	else
		t->vm->vcpus = n;
}

static void vm_topology(struct where *w, const struct value *v, const struct target *t)
{
	struct cpuid_topology topo;

	if (v->len != 12) {
		cfg_fail(w, "must be three numbers: <sockets cores threads>");
		return;
	}
	topo = (struct cpuid_topology){ cfg_cell(v->data), cfg_cell(v->data + 4), cfg_cell(v->data + 8) };
	if (!topo.sockets || !topo.cores || !topo.threads)
		cfg_fail(w, "no number may be 0");
	else
		t->vm->topo = topo;
}

static void vm_protocol(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, protocol_words, &i))
		t->vm->protocol = (enum vm_protocol)i;
}

const char *cfg_module(struct where *w, const struct value *v, const struct target *t)
{
	const char *name = cfg_name(w, v);

	if (name)
		cfg_need_module(w, t, name);
	return name;
}
static void vm_kernel(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->kernel = cfg_module(w, v, t);
}
static void vm_initrd(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->initrd = cfg_module(w, v, t);
}

static void vm_cmdline(struct where *w, const struct value *v, const struct target *t)
{
	const char *s = cfg_string(w, v);

	if (s)
		t->vm->cmdline = s;
}

size_t config_module_name(const char *module, char *name, size_t size)
{
	const char *end = strchr(module, ' ');
	size_t len = end ? (size_t)(end - module) : strlen(module);

	if (len >= size)
		return 0;
	memcpy(name, module, len);
	name[len] = 0;
	return len;
}

static void one_module(struct where *w, const char *s, void *arg)
{
	const struct target *t = arg;
	char name[64];

	if (config_module_name(s, name, sizeof(name)))
		cfg_need_module(w, t, name);
	else
		cfg_fail(w, "a module name is empty or longer than 63 characters");
}

static void vm_modules(struct where *w, const struct value *v, const struct target *t)
{
	struct target copy = *t;

	t->vm->nr_modules = cfg_list(w, v, one_module, &copy);
	t->vm->modules = v->data;
	if (t->vm->nr_modules > CONFIG_NR_MODULES)
		cfg_fail(w, "%u modules: a guest has at most %u", t->vm->nr_modules, CONFIG_NR_MODULES);
}

const char *config_module(const struct vm_config *vm, u32 i)
{
	const char *s = vm->modules;

	if (i >= vm->nr_modules)
		return NULL;
	while (i--)
		s += strlen(s) + 1;
	return s;
}

static void set_com(struct where *w, const struct value *v, const struct target *t, u32 n)
{
	u32 i;

	if (cfg_word(w, v, serial_words, &i))
		t->vm->com[n] = (enum vm_serial)i;
}
static void vm_com1(struct where *w, const struct value *v, const struct target *t)
{
	set_com(w, v, t, 0);
}
static void vm_com2(struct where *w, const struct value *v, const struct target *t)
{
	set_com(w, v, t, 1);
}
static void vm_com3(struct where *w, const struct value *v, const struct target *t)
{
	set_com(w, v, t, 2);
}
static void vm_com4(struct where *w, const struct value *v, const struct target *t)
{
	set_com(w, v, t, 3);
}

static void vm_tsc(struct where *w, const struct value *v, const struct target *t)
{
	u64 hz;

	if (!cfg_u64(w, v, &hz))
		return;
	if (hz < 1000000 || hz > 100000000000ull)
		cfg_fail(w, "must be 1 MHz to 100 GHz, in Hz");
	else
		t->vm->tsc_hz = hz;
}

static void one_feature(struct where *w, const char *s, void *arg)
{
	struct vm_config *vm = arg;
	int feat = cpuid_feature_find(s, strlen(s));

	if (feat < 0)
		cfg_fail(w, "\"%.40s\" is no known CPU feature", s);
	else
		vm->cpu_disable.w[feat / 32] |= 1u << feat % 32;
}
static void vm_cpu_disable(struct where *w, const struct value *v, const struct target *t)
{
	cfg_list(w, v, one_feature, t->vm);
}

static void vm_debug_exit(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->debug_exit = cfg_flag(w, v);
}
static void vm_testdev(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->testdev = cfg_flag(w, v);
}
static void vm_debug_console(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->debug_console = cfg_flag(w, v);
}
static void vm_forced_emulation(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->forced_emulation = cfg_flag(w, v);
}
static void vm_no_autostart(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->autostart = !cfg_flag(w, v);
}

/* dtc writes it where another guest says <&label>; its value means something to cfg_check_links alone. */
static void vm_phandle(struct where *w, const struct value *v, const struct target *t)
{
	u32 n;

	if (cfg_u32(w, v, &n) && (!n || n == ~0u))
		cfg_fail(w, "must not be 0 or FFFFFFFFh");
}

static void vm_on_error(struct where *w, const struct value *v, const struct target *t)
{
	cfg_on_error(w, v, &t->vm->on_error);
}

static const struct prop_def vm_props[] = {
	{ "memory", vm_memory },
	{ "kernel", vm_kernel },
	{ "vcpus", vm_vcpus },
	{ "cpu-topology", vm_topology },
	{ "cpu-disable", vm_cpu_disable },
	{ "protocol", vm_protocol },
	{ "initrd", vm_initrd },
	{ "modules", vm_modules },
	{ "cmdline", vm_cmdline },
	{ "com1", vm_com1 },
	{ "com2", vm_com2 },
	{ "com3", vm_com3 },
	{ "com4", vm_com4 },
	{ "on-poweroff", cfg_vm_on_poweroff },
	{ "on-reset", cfg_vm_on_reset },
	{ "on-crash", cfg_vm_on_crash },
	{ "hypervisor-signature", cfg_vm_signature },
	{ "tsc-frequency", vm_tsc },
	{ "debug-exit", vm_debug_exit },
	{ "testdev", vm_testdev },
	{ "debug-console", vm_debug_console },
	{ "forced-emulation", vm_forced_emulation },
	{ "no-autostart", vm_no_autostart },
	{ "weight", cfg_vm_weight },
	{ "cap", cfg_vm_cap },
	{ "reservation", cfg_vm_reservation },
	{ "pin", cfg_vm_pin },
	{ "cores", cfg_vm_cores },
	{ "exclusive-cores", cfg_vm_exclusive },
	{ "latency", cfg_vm_latency },
	{ "after", cfg_vm_after },
	{ "after-state", cfg_vm_after_state },
	{ "ready-text", cfg_vm_ready_text },
	{ "restart-limit", cfg_vm_restart_limit },
	{ "restart-window", cfg_vm_restart_window },
	{ "backoff", cfg_vm_backoff },
	{ "backoff-max", cfg_vm_backoff_max },
	{ "watchdog", cfg_vm_watchdog },
	{ "standby-for", cfg_vm_standby_for },
	{ "standby", cfg_vm_standby },
	{ "take-over", cfg_vm_take_over },
	{ "pv", cfg_vm_pv },
	{ "no-pv", cfg_vm_no_pv },
	{ "control", cfg_vm_control },
	{ "phandle", vm_phandle },
	{ "linux,phandle", vm_phandle },
	{ "on-error", vm_on_error },
	{ "platform", cfg_vm_platform },
	{ "firmware", cfg_vm_firmware },
	{ "firmware-image", cfg_vm_firmware_image },
	{ "boot-menu", cfg_vm_boot_menu },
};
_Static_assert(ARRAY_SIZE(vm_props) <= 64, "one bit of seen each");

static bool has(u64 seen, const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(vm_props); i++)
		if (!strcmp(vm_props[i].name, name))
			return seen >> i & 1;
	return false;
}

/* What only shows when all properties are known. */
static void check_guest(struct where *w, struct vm_config *vm, u64 seen)
{
	struct cpuid_topology *topo = &vm->topo;
	bool multiboot = vm->protocol == VM_PROTOCOL_MULTIBOOT1 || vm->protocol == VM_PROTOCOL_MULTIBOOT2;

	if (!has(seen, "memory"))
		cfg_fail(w, "memory is missing");
	if (!has(seen, "kernel") && !vm->firmware)
		cfg_fail(w, "kernel is missing");
	/* The MP tables that SeaBIOS makes name only the first processor of each socket. */
	if (!topo->sockets && vm->firmware == VM_FIRMWARE_BIOS)
		*topo = (struct cpuid_topology){ vm->vcpus, 1, 1 };
	else if (!topo->sockets)
		*topo = (struct cpuid_topology){ 1, vm->vcpus, 1 };
	if (topo->sockets > vm->vcpus || topo->cores > vm->vcpus || topo->threads > vm->vcpus ||
	    (u64)topo->sockets * topo->cores * topo->threads != vm->vcpus) {
		cfg_fail(w, "cpu-topology <%u %u %u> does not multiply to the %u vcpus", topo->sockets, topo->cores,
		         topo->threads, vm->vcpus);
	}
	if (vm->initrd && (multiboot || vm->protocol == VM_PROTOCOL_ELF))
		cfg_fail(w, "initrd is not for protocol \"%s\"%s", config_protocol_str(vm->protocol),
		         multiboot ? ": use modules" : "");
	else if (vm->initrd && vm->nr_modules == CONFIG_NR_MODULES)
		cfg_fail(w, "modules: with the initrd it has more than %u", CONFIG_NR_MODULES);
	if (vm->modules && (vm->protocol == VM_PROTOCOL_LINUX || vm->protocol == VM_PROTOCOL_ELF))
		cfg_fail(w, "modules are not for protocol \"%s\"", config_protocol_str(vm->protocol));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Names stand beside ids and options in commands, and in paths: none may be taken for one of these. */
static void check_name(struct where *w, const char *name)
{
	const char *c = name;

	if (strlen(name) > CONFIG_NAME_MAX)
		cfg_fail(w, "the name is longer than %u characters", CONFIG_NAME_MAX);
	for (; *c; c++) {
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || is_digit(*c) || *c == '-' || *c == '_' ||
		    *c == '.')
			continue;
		cfg_fail(w, "a guest's name consists of letters, digits, '-', '_' and '.'");
		return;
	}
	for (c = name; is_digit(*c); c++)
		;
	if (!*c)
		cfg_fail(w, "the name consists of digits only: it would be taken for a number (try \"vm%.60s\")",
		         name);
	if (*name == '-' || *name == '.')
		cfg_fail(w, "the name begins with '%c': a guest's name begins with a letter, a digit or '_'", *name);
}

#define SECOND 1000000000ull

static void vm_defaults(struct vm_config *vm)
{
	*vm = (struct vm_config){
		.name = "",
		.vcpus = 1,
		.cmdline = "",
		.com = { VM_SERIAL_CONSOLE },
		.on_reset = VM_ACTION_RESTART,
		.autostart = true,
		.weight = CONFIG_DEFAULT_WEIGHT,
		.restart_limit = 5,
		.restart_window = 60 * SECOND,
		.backoff = SECOND,
		.backoff_max = 300 * SECOND,
		.pv = VM_PV_ALL,
	};
}

int cfg_guest(const void *blob, int node, const struct config_limits *lim, struct vm_config *vm,
              struct config_errs *errs)
{
	struct target t = { .vm = vm, .lim = lim };
	struct where w;
	u64 seen;

	vm_defaults(vm);
	vm->on_error = cfg_default_on_error(blob);
	vm->name = fdt_get_name(blob, node, NULL);
	cfg_where(&w, errs, "/guests/", vm->name);
	check_name(&w, vm->name);
	cfg_props(&w, blob, node, vm_props, ARRAY_SIZE(vm_props), &t, &seen);
	cfg_drives(&w, blob, node, lim, vm);
	check_guest(&w, vm, seen);
	cfg_check_platform(&w, vm, lim, has, seen);
	cfg_check_sched(&w, vm, lim);
	cfg_check_life(&w, vm, has, seen);
	return w.failed ? ERR_INVAL : OK;
}
