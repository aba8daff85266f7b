/* The configuration parser: what is understood, and every kind of rejection. Blobs are written with libfdt. */
#include "quick_check.h"
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/config/config.h"

#define CAP 32
static struct config_err list[CAP];
static struct config_errs errs;
static _Alignas(8) char blob[1 << 16];

/* Drives of the one guest: nodes with the properties that are put at DRIVE (the first) or DRIVE + n. */
static const char *const *drives;

static void setup(void)
{
	memset(blob, 0, sizeof(blob));
	drives = NULL;
	errs = (struct config_errs){ .list = list, .cap = CAP };
}

enum place { NOWHERE, ROOT, HV, GUESTS, GUEST, DRIVE };

/* A property put into one node; one that the base has (compatible, memory, kernel) replaces it, len < 0 drops it. */
struct put {
	enum place at;
	const char *name;
	const char *val;
	int len;
};
#define STR(at, name, s)               \
	{                              \
		at, name, s, sizeof(s) \
	}
#define RAW(at, name, s)                   \
	{                                  \
		at, name, s, sizeof(s) - 1 \
	}
#define FLAG(at, name)          \
	{                       \
		at, name, "", 0 \
	}
#define DROP(at, name)             \
	{                          \
		at, name, NULL, -1 \
	}

static void props(enum place at, const struct put *p, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (p[i].at == at && p[i].len >= 0)
			ck_assert_int_eq(fdt_property(blob, p[i].name, p[i].val, p[i].len), 0);
}

static void base(enum place at, const char *name, const char *val, const struct put *p, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (p[i].at == at && !strcmp(p[i].name, name))
			return;
	ck_assert_int_eq(fdt_property_string(blob, name, val), 0);
}

static void drive_nodes(const struct put *p, u32 nr)
{
	for (u32 i = 0; drives && drives[i]; i++) {
		fdt_begin_node(blob, drives[i]);
		props((enum place)(DRIVE + i), p, nr);
		fdt_end_node(blob);
	}
}

static void begin(void)
{
	ck_assert_int_eq(fdt_create(blob, sizeof(blob)), 0);
	ck_assert_int_eq(fdt_finish_reservemap(blob), 0);
	ck_assert_int_eq(fdt_begin_node(blob, ""), 0);
}

static void end(void)
{
	ck_assert_int_eq(fdt_end_node(blob), 0);
	ck_assert_int_eq(fdt_finish(blob), 0);
}

/* / { compatible; hypervisor { }; guests { a { memory = "64M"; kernel = "k"; }; }; } plus p. */
static void build(const struct put *p, u32 nr)
{
	begin();
	base(ROOT, "compatible", "bulkhead,config-1", p, nr);
	props(ROOT, p, nr);
	fdt_begin_node(blob, "hypervisor");
	props(HV, p, nr);
	fdt_end_node(blob);
	fdt_begin_node(blob, "guests");
	props(GUESTS, p, nr);
	fdt_begin_node(blob, "a");
	base(GUEST, "memory", "64M", p, nr);
	base(GUEST, "kernel", "k", p, nr);
	props(GUEST, p, nr);
	drive_nodes(p, nr);
	fdt_end_node(blob);
	fdt_end_node(blob);
	end();
}

static bool exists(void *ctx, const char *name)
{
	return strchr("kim", name[0]) && strlen(name) == 1;
}
#define SECOND 1000000000ull
static const struct config_limits limits = {
	.memory = 1ull << 30, .max_vcpus = 16, .nr_cpus = 3, .module_exists = exists
};

static int check(void)
{
	return config_check(blob, sizeof(blob), &limits, &errs);
}

static const struct {
	struct put p[3];
	const char *error;
} rejects[] = {
	{ { DROP(ROOT, "compatible") }, "/: compatible = \"bulkhead,config-1\" is missing" },
	{ { STR(ROOT, "compatible", "bulkhead,config-2") }, "/: compatible is not \"bulkhead,config-1\"" },
	{ { RAW(ROOT, "compatible", "bulkhead,config-1") }, "/: compatible is not" },
	{ { FLAG(ROOT, "compatible") }, "/: compatible is not" },
	{ { STR(ROOT, "model", "x") }, "/: model: unknown property" },
	{ { STR(GUESTS, "memory", "1G") }, "/guests: memory: unknown property" },
	{ { STR(HV, "log-levle", "info") }, "/hypervisor: log-levle: unknown property" },
	{ { STR(HV, "log-level", "loud") }, "/hypervisor: log-level: \"loud\" is none of: error, warn, info, debug" },
	{ { RAW(HV, "on-idle", "\0\0\0\1") }, "/hypervisor: on-idle: must be one string" },
	{ { STR(HV, "on-error", "ignore") }, "/hypervisor: on-error: \"ignore\" is none of: refuse, skip" },
	{ { STR(GUEST, "on-error", "") }, "/guests/a: on-error: \"\" is none of: refuse, skip" },
	{ { STR(HV, "no-summary", "yes") }, "/hypervisor: no-summary: takes no value" },
	{ { STR(GUEST, "bogus\033", "x") }, "/guests/a: bogus?: unknown property" },
	{ { STR(GUEST, "cmdline", "x"), STR(GUEST, "cmdline", "y") }, "/guests/a: cmdline: appears twice" },
	/* memory */
	{ { DROP(GUEST, "memory") }, "/guests/a: memory is missing" },
	{ { STR(GUEST, "memory", "0") }, "/guests/a: memory: must be at least 2 MiB" },
	{ { STR(GUEST, "memory", "1M") }, "must be at least 2 MiB" },
	{ { STR(GUEST, "memory", "2049K") }, "/guests/a: memory: must be a multiple of 4 KiB" },
	{ { STR(GUEST, "memory", "lots") }, "/guests/a: memory: \"lots\" is not a number" },
	{ { STR(GUEST, "memory", "") }, "/guests/a: memory: must not be empty" },
	{ { STR(GUEST, "memory", "99999999999999999999") },
	  "/guests/a: memory: \"99999999999999999999\" is too large" },
	{ { STR(GUEST, "memory", "2G") },
	  "/guests/a: memory: 2048 MiB are more than the machine has for guests: 1024" },
	{ { STR(GUEST, "memory",
	        "64M\0"
	        "65M") },
	  "/guests/a: memory: must be one string" },
	{ { RAW(GUEST, "memory", "\x10\0\0\1") },
	  "/guests/a: memory: one cell: write \"256M\" or two cells, as in <0x0 0x10000000>" },
	{ { RAW(GUEST, "memory", "\x10\0\0\0") }, "/guests/a: memory: one cell: write \"256M\" or two cells" },
	{ { RAW(GUEST, "memory", "\0\0\1\0") }, "/guests/a: memory: one cell: write \"256M\" or two cells" },
	{ { RAW(GUEST, "memory", "\x20\0\0\0") }, "/guests/a: memory: one cell: write \"256M\" or two cells" },
	{ { RAW(GUEST, "memory", "\0\0\0\0") }, "/guests/a: memory: one cell: write \"256M\" or two cells" },
	{ { RAW(GUEST, "tsc-frequency", "\x7d\x2b\x75\0") },
	  "tsc-frequency: \"}+u\" is not a number; if it was written as one cell: write \"256M\" or two cells" },
	{ { RAW(GUEST, "memory", "\x40\0\0\0\0\0\0\0") },
	  "/guests/a: memory: two cells of 2^56 or more: the upper one comes first" },
	{ { RAW(GUEST, "memory", "\0\0\0\0\0\0\0\0\x10\0\0\0") }, "/guests/a: memory: must be one string" },
	{ { FLAG(GUEST, "memory") }, "/guests/a: memory: must be a string like" },
	{ { RAW(GUEST, "memory", "\0\0\0\0\0\0\0\0") }, "must be at least 2 MiB" },
	/* vCPUs */
	{ { RAW(GUEST, "vcpus", "\0\0\0\0") }, "/guests/a: vcpus: must be 1 to 16" },
	{ { RAW(GUEST, "vcpus", "\0\0\0\21") }, "/guests/a: vcpus: must be 1 to 16" },
	{ { STR(GUEST, "vcpus", "4x") }, "/guests/a: vcpus: must be one number" },
	{ { RAW(GUEST, "cpu-topology", "\0\0\0\2\0\0\0\1\0\0\0\1") },
	  "/guests/a: cpu-topology <2 1 1> does not multiply to the 1 vcpus" },
	{ { RAW(GUEST, "cpu-topology", "\1\0\0\0\1\0\0\0\1\0\0\0"), RAW(GUEST, "vcpus", "\0\0\0\4") },
	  "does not multiply" },
	{ { RAW(GUEST, "cpu-topology", "\0\0\0\2") }, "/guests/a: cpu-topology: must be three numbers" },
	{ { RAW(GUEST, "cpu-topology", "\0\0\0\0\0\0\0\1\0\0\0\1") }, "no number may be 0" },
	{ { STR(GUEST, "cpu-disable", "avx\0sse9") }, "/guests/a: cpu-disable: \"sse9\" is no known CPU feature" },
	{ { STR(GUEST, "cpu-disable", "avx\0") }, "/guests/a: cpu-disable: must not be empty" },
	{ { RAW(GUEST, "cpu-disable", "avx") }, "/guests/a: cpu-disable: must be a list of strings" },
	{ { STR(GUEST, "tsc-frequency", "999999") }, "/guests/a: tsc-frequency: must be 1 MHz to 100 GHz" },
	{ { STR(GUEST, "tsc-frequency", "200G") }, "tsc-frequency: must be 1 MHz to 100 GHz" },
	{ { STR(GUEST, "tsc-frequency", "fast") }, "tsc-frequency: \"fast\" is not a number" },
	/* Images */
	{ { DROP(GUEST, "kernel") }, "/guests/a: kernel is missing" },
	{ { STR(GUEST, "kernel", "") }, "/guests/a: kernel: must not be empty" },
	{ { RAW(GUEST, "kernel", "k") }, "/guests/a: kernel: must be one string" },
	{ { STR(GUEST, "kernel", "vmlinuz") }, "/guests/a: kernel: no boot module is named \"vmlinuz\"" },
	{ { STR(GUEST, "initrd", "nope") }, "/guests/a: initrd: no boot module is named \"nope\"" },
	{ { STR(GUEST, "modules", "m\0other arg") }, "/guests/a: modules: no boot module is named \"other\"" },
	{ { STR(GUEST, "modules", " m") }, "/guests/a: modules: a module name is empty" },
	{ { STR(GUEST, "kernel", "k -x") }, "/guests/a: kernel: \"k -x\": a module's name is one word" },
	{ { STR(GUEST, "initrd", " i") }, "/guests/a: initrd: \" i\": a module's name is one word" },
	{ { STR(GUEST, "modules", "m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m") },
	  "/guests/a: modules: 17 modules: a guest has at most 16" },
	{ { STR(GUEST, "initrd", "i"), STR(GUEST, "modules", "m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m\0m") },
	  "/guests/a: modules: with the initrd it has more than 16" },
	{ { STR(GUEST, "protocol", "uefi") },
	  "protocol: \"uefi\" is none of: auto, linux, pvh, multiboot1, multiboot2, elf" },
	{ { STR(GUEST, "protocol", "multiboot1"), STR(GUEST, "initrd", "i") },
	  "/guests/a: initrd is not for protocol \"multiboot1\": use modules" },
	{ { STR(GUEST, "protocol", "multiboot2"), STR(GUEST, "initrd", "i") },
	  "/guests/a: initrd is not for protocol \"multiboot2\": use modules" },
	{ { STR(GUEST, "protocol", "elf"), STR(GUEST, "initrd", "i") }, "initrd is not for protocol \"elf\"" },
	{ { STR(GUEST, "protocol", "linux"), STR(GUEST, "modules", "m") }, "modules are not for protocol \"linux\"" },
	{ { STR(GUEST, "cmdline", "a\nb") }, "/guests/a: cmdline: character 2 of the string is not printable" },
	/* The others */
	{ { STR(GUEST, "com1", "tty") }, "/guests/a: com1: \"tty\" is none of: none, null, console, log, control" },
	{ { STR(GUEST, "com4", "tty") }, "/guests/a: com4: \"tty\"" },
	{ { STR(GUEST, "on-reset", "halt") },
	  "/guests/a: on-reset: \"halt\" is none of: stop, restart, restart-backoff, halt-machine" },
	{ { STR(GUEST, "on-crash", "") }, "/guests/a: on-crash: \"\" is none of" },
	{ { STR(GUEST, "hypervisor-signature", "xen") }, "hypervisor-signature: \"xen\" is none of: kvm, none" },
	{ { RAW(GUEST, "debug-exit", "\0\0\0\1") }, "/guests/a: debug-exit: takes no value" },
	{ { STR(GUEST, "testdev", "y") }, "/guests/a: testdev: takes no value" },
	{ { RAW(GUEST, "phandle", "\0\0\0\0") }, "/guests/a: phandle: must not be 0" },
	{ { RAW(GUEST, "linux,phandle", "\xff\xff\xff\xff") }, "/guests/a: linux,phandle: must not be 0" },
	/* Scheduling */
	{ { RAW(GUEST, "weight", "\0\0\0\0") }, "/guests/a: weight: must be 1 to 10000" },
	{ { RAW(GUEST, "weight", "\0\0\x27\x11") }, "/guests/a: weight: must be 1 to 10000" },
	{ { STR(GUEST, "weight", "1000") }, "/guests/a: weight: must be one number" },
	{ { RAW(GUEST, "cap", "\0\0\0\x65") }, "/guests/a: cap <101> is more than its 1 vcpus can use" },
	{ { RAW(GUEST, "cap", "\xff\0\0\0") }, "/guests/a: cap: must be percent of one CPU" },
	{ { RAW(GUEST, "reservation", "\0\0\0\x65") },
	  "/guests/a: reservation <101> is more than can be reserved for its 1 vcpus: 95 % for each" },
	{ { RAW(GUEST, "reservation", "\0\0\0\x60") },
	  "/guests/a: reservation <96> is more than can be reserved for" },
	{ { RAW(GUEST, "vcpus", "\0\0\0\2"), RAW(GUEST, "reservation", "\0\0\0\xbf") },
	  "/guests/a: reservation <191> is more than can be reserved for its 2 vcpus: 95 % for each" },
	{ { RAW(GUEST, "reservation", "\0\0\0\x33"), RAW(GUEST, "cap", "\0\0\0\x32") },
	  "/guests/a: reservation <51> is above cap <50>" },
	{ { RAW(GUEST, "vcpus", "\0\0\0\2"), RAW(GUEST, "reservation", "\0\0\0\x60"), STR(GUEST, "pin", "1") },
	  "/guests/a: reservation <96> is more than can be reserved of the 1 CPUs it is bound to: 95 % of each" },
	{ { RAW(GUEST, "vcpus", "\0\0\0\2"), RAW(GUEST, "reservation", "\0\0\0\x60"), STR(GUEST, "cores", "any 1") },
	  "/guests/a: reservation <96> is more than can be reserved of the 1 CPUs it is bound to: 95 % of each" },
	{ { STR(GUEST, "pin", "0-3x") }, "/guests/a: pin: \"0-3x\" is no list of CPUs like \"0-3,6\"" },
	{ { STR(GUEST, "pin", "1,,2") }, "is no list of CPUs" },
	{ { STR(GUEST, "pin", "1-") }, "is no list of CPUs" },
	{ { STR(GUEST, "pin", "2-1") }, "/guests/a: pin: \"2-1\": CPU numbers go from 0 to 255, ranges upwards" },
	{ { STR(GUEST, "pin", "0,99999999999") }, "CPU numbers go from 0 to 255" },
	{ { STR(GUEST, "pin", "2,5-6") }, "/guests/a: pin: there is no CPU 5: the machine has 3" },
	{ { STR(GUEST, "cores", "any") }, "/guests/a: cores: \"any\" is not of the form" },
	{ { STR(GUEST, "cores", "any 0") }, "is not of the form" },
	{ { STR(GUEST, "cores", "any 2 sharing a socket") }, "is not of the form" },
	{ { STR(GUEST, "cores", "any 257") }, "is not of the form" },
	{ { STR(GUEST, "cores", "any 4") }, "/guests/a: cores: the machine has 3 CPUs" },
	{ { STR(GUEST, "cores", "any 1"), STR(GUEST, "pin", "1") }, "/guests/a: pin and cores exclude one another" },
	{ { FLAG(GUEST, "exclusive-cores") }, "/guests/a: exclusive-cores needs pin or cores" },
	{ { STR(GUEST, "latency", "high") }, "/guests/a: latency: \"high\" is none of: normal, low" },
	/* Life-cycle */
	{ { RAW(GUEST, "restart-limit", "\0\0\0\0"), STR(GUEST, "on-crash", "restart-backoff") },
	  "/guests/a: restart-limit: must be 1 to 1000" },
	{ { RAW(GUEST, "restart-limit", "\0\0\0\2") }, "/guests/a: restart-limit is only for on-crash" },
	{ { STR(GUEST, "backoff", "1s") }, "/guests/a: backoff is only for on-crash" },
	{ { STR(GUEST, "restart-window", "0s") },
	  "/guests/a: restart-window: must be a duration of 1 ms to 365 days" },
	{ { STR(GUEST, "restart-window", "9000h") }, "restart-window: must be a duration of 1 ms to 365 days" },
	{ { STR(GUEST, "backoff", "10") }, "/guests/a: backoff: \"10\" is not a duration like" },
	{ { STR(GUEST, "backoff", "ms") }, "/guests/a: backoff: must be a duration" },
	{ { STR(GUEST, "backoff", "99999999999999999999h") }, "/guests/a: backoff: must be a duration" },
	{ { RAW(GUEST, "backoff", "\0\0\0\0") }, "/guests/a: backoff: must be a duration" },
	{ { RAW(GUEST, "backoff", "\0\0\0\0\0\0\0\1") },
	  "/guests/a: backoff: must be a string like \"10s\" or one number of milliseconds" },
	{ { RAW(GUEST, "backoff", "\1\0\0\0"), STR(GUEST, "on-crash", "restart-backoff") },
	  "/guests/a: backoff is longer than backoff-max" },
	{ { STR(GUEST, "backoff", "10m"), STR(GUEST, "on-crash", "restart-backoff") },
	  "/guests/a: backoff is longer than backoff-max" },
	{ { STR(GUEST, "after", "db") }, "/guests/a: after: must refer to 1 to 16 guests, as in after = <&one>" },
	{ { RAW(GUEST, "after", "\0\0\0\7") }, "/guests/a: after: reference 1 is not to a guest" },
	{ { RAW(GUEST, "after", "\0\0\0\7"), RAW(GUEST, "phandle", "\0\0\0\7") },
	  "/guests/a: it waits for itself: after and standby-for go in a circle" },
	{ { STR(GUEST, "after-state", "ready") }, "/guests/a: after-state is only for guests with after" },
	{ { STR(GUEST, "after-state", "up") }, "/guests/a: after-state: \"up\" is none of: started, ready" },
	{ { STR(GUEST, "ready-text", "") }, "/guests/a: ready-text: must not be empty" },
	{ { STR(GUEST, "ready-text", "1234567890123456789012345678901234567890123456789012345678901234") },
	  "/guests/a: ready-text: must not be longer than 63" },
	{ { STR(GUEST, "watchdog", "sbsa") }, "/guests/a: watchdog: \"sbsa\" is none of: none, i6300esb" },
	{ { STR(GUEST, "standby", "warm") }, "/guests/a: standby is only for guests with standby-for" },
	{ { STR(GUEST, "take-over", "com1") }, "/guests/a: take-over is only for guests with standby-for" },
	{ { STR(GUEST, "standby", "hot") }, "/guests/a: standby: \"hot\" is none of: cold, warm" },
	{ { RAW(GUEST, "standby-for", "\0\0\0\1\0\0\0\2") }, "/guests/a: standby-for: must refer to one guest" },
	{ { STR(GUEST, "take-over", "disk") }, "take-over: \"disk\" is none of: com1, com2, com3, com4, control" },
	{ { RAW(GUEST, "standby-for", "\0\0\0\1"), STR(GUEST, "take-over", "com2") },
	  "/guests/a: take-over names com2, which it does not have" },
	{ { RAW(GUEST, "standby-for", "\0\0\0\1"), STR(GUEST, "take-over", "control") },
	  "/guests/a: take-over names control, but no serial port" },
	{ { RAW(GUEST, "standby-for", "\0\0\0\1"), STR(GUEST, "standby", "warm") },
	  "/guests/a: a warm standby needs ready-text or a control port" },
	/* Rights */
	{ { STR(GUEST, "pv", "clock\0kvm") }, "/guests/a: pv: \"kvm\" is none of: clock, steal-time, eoi, unhalt" },
	{ { STR(GUEST, "pv", "clock"), FLAG(GUEST, "no-pv") },
	  "/guests/a: no-pv excludes pv and hypervisor-signature" },
	{ { STR(GUEST, "hypervisor-signature", "kvm"), FLAG(GUEST, "no-pv") },
	  "/guests/a: no-pv excludes pv and hypervisor-signature" },
	{ { STR(GUEST, "control", "some") }, "/guests/a: control: \"some\" is none of: none, self, all" },
	{ { STR(GUEST, "control", "all") }, "/guests/a: control gives rights, but no serial port is \"control\"" },
	{ { STR(GUEST, "com2", "control"), STR(GUEST, "com3", "control") },
	  "only one serial port can be \"control\"" },
	{ { STR(GUEST, "com2", "control"), RAW(GUEST, "control", "\0\0\0\5") },
	  "/guests/a: control: reference 1 is not to a guest" },
};

START_TEST(reject)
{
	build(rejects[_i].p, ARRAY_SIZE(rejects[_i].p));
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_uint_ge(errs.nr, 1);
	ck_assert_msg(strstr(list[0].text, rejects[_i].error), "got \"%s\"", list[0].text);
}
END_TEST

#define PC          STR(GUEST, "platform", "pc")
#define SRC(n)      STR(DRIVE + (n), "source", "module:m")
#define ONE(name)   .nodes = { name }
#define TWO(n1, n2) .nodes = { n1, n2 }
static const struct {
	struct put p[5];
	const char *nodes[4];
	const char *error;
} platform_rejects[] = {
	{ { STR(GUEST, "platform", "q35") }, .error = "/guests/a: platform: \"q35\" is none of: minimal, pc" },
	{ { STR(GUEST, "firmware", "none") }, .error = "/guests/a: firmware: \"none\" is none of: bios, uefi" },
	{ { STR(GUEST, "firmware", "bios"), STR(GUEST, "firmware-image", "i"), STR(GUEST, "platform", "minimal") },
	  .error = "/guests/a: firmware \"bios\" does not run on platform \"minimal\"" },
	{ { STR(GUEST, "firmware", "uefi") }, .error = "/guests/a: firmware: no boot module is named \"uefi\"" },
	{ { STR(GUEST, "firmware", "bios") }, .error = "/guests/a: firmware: no boot module is named \"bios\"" },
	{ { STR(GUEST, "firmware", "bios"), STR(GUEST, "firmware-image", "x") },
	  .error = "/guests/a: firmware-image: no boot module is named \"x\"" },
	{ { STR(GUEST, "firmware", "bios"), STR(GUEST, "firmware-image", "") },
	  .error = "/guests/a: firmware-image: must not be empty" },
	{ { STR(GUEST, "firmware-image", "i") },
	  .error = "/guests/a: firmware-image is only for guests with firmware" },
	{ { FLAG(GUEST, "boot-menu") }, .error = "/guests/a: boot-menu is only for guests with firmware" },
	{ { PC, DROP(GUEST, "kernel") }, .error = "/guests/a: kernel is missing" },
	{ { STR(GUEST, "firmware", "bios"), STR(GUEST, "firmware-image", "i"), DROP(GUEST, "kernel"),
	    STR(GUEST, "initrd", "i") },
	  .error = "/guests/a: initrd is only for guests with kernel" },
	{ { STR(GUEST, "firmware", "bios"), STR(GUEST, "firmware-image", "i"), DROP(GUEST, "kernel"),
	    STR(GUEST, "cmdline", "x") },
	  .error = "/guests/a: cmdline is only for guests with kernel" },
	/* Nodes */
	{ { SRC(0) }, ONE("disk0"), "/guests/a: drives are not for platform \"minimal\"" },
	{ { PC }, ONE("disk"), "/guests/a: unknown node \"disk\"" },
	{ { PC }, ONE("disk00"), "/guests/a: unknown node \"disk00\"" },
	{ { PC }, ONE("disk0x"), "/guests/a: unknown node \"disk0x\"" },
	{ { PC }, ONE("disk@0"), "/guests/a: unknown node \"disk@0\"" },
	{ { STR(GUEST, "cmdline", "") }, ONE("nic0"), "/guests/a: network cards are not for platform \"minimal\"" },
	{ { PC }, ONE("nic"), "/guests/a: unknown node \"nic\"" },
	{ { PC }, ONE("nic01"), "/guests/a: unknown node \"nic01\"" },
	{ { PC }, ONE("nic4"), "/guests/a/nic4: there is no such card: nic0 to nic3" },
	{ { PC }, ONE("nic4294967296"), "/guests/a/nic4294967296: there is no such card: nic0 to nic3" },
	{ { PC }, TWO("nic1", "nic1"), "/guests/a/nic1: appears twice" },
	{ { PC, STR(DRIVE, "source", "module:m") }, ONE("nic0"), "/guests/a/nic0: source: unknown property" },
	{ { PC, STR(DRIVE, "model", "ne2000") }, ONE("nic0"), "/guests/a/nic0: model: \"ne2000\" is none of: e1000" },
	{ { PC, STR(DRIVE, "mac", "52:54:00:12:34") }, ONE("nic0"), "/guests/a/nic0: mac: \"52:54:00:12:34\" is no" },
	{ { PC, STR(DRIVE, "mac", "52-54-00-12-34-56") },
	  ONE("nic0"),
	  "/guests/a/nic0: mac: \"52-54-00-12-34-56\" is" },
	{ { PC, STR(DRIVE, "mac", "52:54:00:12:34:5g") },
	  ONE("nic0"),
	  "/guests/a/nic0: mac: \"52:54:00:12:34:5g\" is" },
	{ { PC, STR(DRIVE, "mac", "53:54:00:12:34:56") },
	  ONE("nic0"),
	  "/guests/a/nic0: mac: \"53:54:00:12:34:56\" is the address of a group" },
	{ { PC, STR(DRIVE, "mac", "00:00:00:00:00:00") }, ONE("nic0"), "/guests/a/nic0: mac: must not be all zeros" },
	{ { PC, STR(DRIVE, "mac", "52:54:00:AB:cd:ef"), STR(DRIVE + 1, "mac", "52:54:00:ab:cd:EF") },
	  TWO("nic0", "nic1"),
	  "/guests/a/nic1: has the address of nic0" },
	{ { PC, RAW(DRIVE, "boot-order", "\0\0\1\0") }, ONE("nic0"), "/guests/a/nic0: boot-order: must be 1 to 255" },
	{ { PC, RAW(DRIVE, "boot-order", "\0\0\0\2"), RAW(DRIVE + 1, "boot-order", "\0\0\0\2") },
	  TWO("nic0", "nic1"),
	  "/guests/a/nic1: boot-order 2 is that of nic0" },
	{ { PC, RAW(DRIVE, "boot-order", "\0\0\0\2"), RAW(DRIVE + 1, "boot-order", "\0\0\0\2") },
	  TWO("cd0", "nic0"),
	  "/guests/a/nic0: boot-order 2 is that of cd0" },
	{ { PC, RAW(DRIVE, "boot-order", "\0\0\0\2"), RAW(DRIVE + 1, "boot-order", "\0\0\0\2") },
	  TWO("nic0", "cd0"),
	  "/guests/a/cd0: boot-order 2 is that of nic0" },
	{ { PC }, ONE("disk4"), "/guests/a/disk4: there is no such drive: disk0 to disk3" },
	{ { PC }, ONE("disk4294967296"), "/guests/a/disk4294967296: there is no such drive" },
	{ { PC }, ONE("cd2"), "/guests/a/cd2: there is no such drive: cd0 to cd1" },
	{ { PC }, ONE("floppy2"), "/guests/a/floppy2: there is no such drive: floppy0 to floppy1" },
	{ { PC, SRC(0), SRC(1) }, TWO("disk0", "disk0"), "/guests/a/disk0: appears twice" },
	{ { PC, SRC(0), SRC(1) },
	  TWO("cd0", "disk2"),
	  "/guests/a/disk2: has the place of cd0: both would be the master" },
	{ { PC, SRC(0), SRC(1) },
	  TWO("disk3", "cd1"),
	  "/guests/a/cd1: has the place of disk3: both would be the slave" },
	/* Their properties */
	{ { PC }, ONE("disk0"), "/guests/a/disk0: source is missing" },
	{ { PC, SRC(0), STR(DRIVE, "size", "1G") }, ONE("disk0"), "/guests/a/disk0: size: unknown property" },
	{ { PC, STR(DRIVE, "source", "m") },
	  ONE("disk0"),
	  "/guests/a/disk0: source: \"m\" is no source: \"module:NAME\"" },
	{ { PC, STR(DRIVE, "source", "module:") }, ONE("cd0"), "/guests/a/cd0: source: \"module:\" is no source" },
	{ { PC, STR(DRIVE, "source", "module:x") },
	  ONE("cd0"),
	  "/guests/a/cd0: source: no boot module is named \"x\"" },
	{ { PC, SRC(0), STR(DRIVE, "model", "scsi") },
	  ONE("disk0"),
	  "/guests/a/disk0: model: \"scsi\" is none of: ide" },
	{ { PC, STR(DRIVE, "model", "ide") }, ONE("floppy0"), "/guests/a/floppy0: model: \"ide\" is none of: fdc" },
	{ { PC, SRC(0), STR(DRIVE, "read-only", "y") }, ONE("disk0"), "/guests/a/disk0: read-only: takes no value" },
	{ { PC, SRC(0), STR(DRIVE, "overlay", "65K") },
	  ONE("disk0"),
	  "/guests/a/disk0: overlay: must be a multiple of 4 KiB" },
	{ { PC, SRC(0), STR(DRIVE, "overlay", "4K") },
	  ONE("disk0"),
	  "/guests/a/disk0: overlay: must be at least 64 KiB" },
	{ { PC, SRC(0), STR(DRIVE, "overlay", "2G") },
	  ONE("disk0"),
	  "/guests/a/disk0: overlay: 2048 MiB are more than the machine" },
	{ { PC, SRC(0), STR(DRIVE, "overlay", "961M") }, ONE("disk0"), "/guests: all guests together have 1051 MiB" },
	{ { PC, SRC(0), STR(DRIVE, "overlay", "1M"), FLAG(DRIVE, "read-only") },
	  ONE("disk0"),
	  "/guests/a/disk0: read-only and overlay exclude one another" },
	{ { PC, SRC(0), STR(DRIVE, "overlay", "1M") }, ONE("cd0"), "/guests/a/cd0: overlay is not for CDs" },
	{ { PC, STR(DRIVE, "overlay", "1M") },
	  ONE("floppy0"),
	  "/guests/a/floppy0: overlay is only for drives with source" },
	{ { PC, SRC(0), STR(DRIVE, "serial", "123456789012345678901") },
	  ONE("disk0"),
	  "/guests/a/disk0: serial: must not be longer than 20 characters" },
	{ { PC, SRC(0), RAW(DRIVE, "boot-order", "\0\0\0\0") },
	  ONE("disk0"),
	  "/guests/a/disk0: boot-order: must be 1 to 255" },
	{ { PC, SRC(0), RAW(DRIVE, "boot-order", "\0\0\0\2"), RAW(DRIVE + 1, "boot-order", "\0\0\0\2") },
	  TWO("disk0", "cd0"),
	  "/guests/a/cd0: boot-order 2 is that of disk0" },
};

START_TEST(reject_platform)
{
	drives = platform_rejects[_i].nodes;
	build(platform_rejects[_i].p, ARRAY_SIZE(platform_rejects[_i].p));
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_uint_ge(errs.nr, 1);
	ck_assert_msg(strstr(list[0].text, platform_rejects[_i].error), "got \"%s\"", list[0].text);
}
END_TEST

START_TEST(a_node_in_a_drive_is_unknown)
{
	begin();
	ck_assert_int_eq(fdt_property_string(blob, "compatible", "bulkhead,config-1"), 0);
	fdt_begin_node(blob, "guests");
	fdt_begin_node(blob, "a");
	fdt_property_string(blob, "memory", "64M");
	fdt_property_string(blob, "kernel", "k");
	fdt_property_string(blob, "platform", "pc");
	fdt_begin_node(blob, "cd0");
	fdt_begin_node(blob, "disk0");
	for (u32 i = 0; i < 4; i++)
		fdt_end_node(blob);
	end();
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/a/cd0: unknown node \"disk0\"");
}
END_TEST

/* Firmware makes a PC of it, needs no kernel, and is a boot module of its own name. */
START_TEST(firmware_makes_a_pc)
{
	static const struct put p[] = { DROP(GUEST, "kernel"), STR(GUEST, "firmware", "bios"),
		                        FLAG(GUEST, "boot-menu") };
	static const struct put image[] = { STR(GUEST, "firmware", "uefi"), STR(GUEST, "firmware-image", "i") };
	struct vm_config vm;

	build(p, ARRAY_SIZE(p));
	ck_assert_int_eq(config_check(blob, sizeof(blob), NULL, &errs), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert(vm.platform == VM_PLATFORM_PC && vm.firmware == VM_FIRMWARE_BIOS && !vm.kernel && vm.boot_menu);
	ck_assert_str_eq(vm.firmware_image, "bios");
	build(image, ARRAY_SIZE(image));
	ck_assert_int_eq(check(), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert(vm.platform == VM_PLATFORM_PC && vm.firmware == VM_FIRMWARE_UEFI && !vm.boot_menu);
	ck_assert_str_eq(vm.firmware_image, "i");
	ck_assert_str_eq(vm.kernel, "k");
	ck_assert_str_eq(config_platform_str(vm.platform), "pc");
	ck_assert_str_eq(config_platform_str(VM_PLATFORM_MINIMAL), "minimal");
	ck_assert_str_eq(config_firmware_str(vm.firmware), "uefi");
	ck_assert_str_eq(config_firmware_str(VM_FIRMWARE_NONE), "none");
}
END_TEST

/* SeaBIOS' MP tables name only the first processor of each socket. */
START_TEST(sockets_for_the_bios)
{
	static const struct put bios[] = { STR(GUEST, "firmware", "bios"), RAW(GUEST, "vcpus", "\0\0\0\3") };
	static const struct put uefi[] = { STR(GUEST, "firmware", "uefi"), RAW(GUEST, "vcpus", "\0\0\0\3") };
	static const struct put said[] = { STR(GUEST, "firmware", "bios"), RAW(GUEST, "vcpus", "\0\0\0\2"),
		                           RAW(GUEST, "cpu-topology", "\0\0\0\1\0\0\0\2\0\0\0\1") };
	struct vm_config vm;

	build(bios, ARRAY_SIZE(bios));
	ck_assert_int_eq(config_check(blob, sizeof(blob), NULL, &errs), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert(vm.topo.sockets == 3 && vm.topo.cores == 1 && vm.topo.threads == 1);
	build(uefi, ARRAY_SIZE(uefi));
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert(vm.topo.sockets == 1 && vm.topo.cores == 3 && vm.topo.threads == 1);
	build(said, ARRAY_SIZE(said));
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert(vm.topo.sockets == 1 && vm.topo.cores == 2);
}
END_TEST

START_TEST(drives_are_plugged_in)
{
	static const char *const nodes[] = { "disk1", "cd0", "floppy1", "disk3", NULL };
	static const struct put p[] = {
		PC,
		SRC(0),
		STR(DRIVE, "model", "ide"),
		STR(DRIVE, "overlay", "64M"),
		STR(DRIVE, "serial", "BH0001"),
		RAW(DRIVE, "boot-order", "\0\0\0\2"),
		STR(DRIVE + 2, "source", "module:i"),
		STR(DRIVE + 2, "model", "fdc"),
		FLAG(DRIVE + 2, "read-only"),
		RAW(DRIVE + 2, "boot-order", "\0\0\0\1"),
		SRC(3),
	};
	struct vm_config vm;
	const struct vm_drive *d = vm.drives;

	drives = nodes;
	build(p, ARRAY_SIZE(p));
	ck_assert_int_eq(check(), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
	ck_assert_uint_eq(vm.nr_drives, 4);
	ck_assert(d[0].kind == VM_DRIVE_DISK && d[0].nr == 1 && d[0].model == VM_DRIVE_IDE && d[0].place == 1);
	ck_assert(!d[0].read_only && d[0].overlay == 64 << 20 && d[0].boot_order == 2);
	ck_assert_str_eq(d[0].source, "m");
	ck_assert_str_eq(d[0].serial, "BH0001");
	ck_assert(d[1].kind == VM_DRIVE_CD && !d[1].nr && d[1].model == VM_DRIVE_IDE && d[1].place == 2);
	ck_assert(!d[1].source && d[1].read_only && !d[1].serial && !d[1].boot_order);
	ck_assert(d[2].kind == VM_DRIVE_FLOPPY && d[2].nr == 1 && d[2].model == VM_DRIVE_FDC && d[2].place == 1);
	ck_assert(d[2].read_only && d[2].boot_order == 1);
	ck_assert_str_eq(d[2].source, "i");
	/* What is written to it has nowhere to go. */
	ck_assert(d[3].kind == VM_DRIVE_DISK && d[3].place == 3 && d[3].read_only && !d[3].overlay);
	ck_assert_uint_eq(config_account(&vm), 154 << 20);
	vm.firmware = VM_FIRMWARE_UEFI;
	ck_assert_uint_eq(config_account(&vm), 155 << 20);
	ck_assert_str_eq(config_drive_kind_str(VM_DRIVE_FLOPPY), "floppy");
	ck_assert_str_eq(config_drive_model_str(VM_DRIVE_FDC), "fdc");
}
END_TEST

START_TEST(network_cards)
{
	static const char *const nodes[] = { "nic2", "disk0", "nic0", NULL };
	static const struct put p[] = {
		PC,
		STR(DRIVE, "model", "e1000"),
		STR(DRIVE, "mac", "52:54:00:aB:cd:0f"),
		RAW(DRIVE, "boot-order", "\0\0\0\3"),
		SRC(1),
	};
	static const u8 given[] = { 0x52, 0x54, 0, 0xab, 0xcd, 0x0f };
	/* FNV-1a of "a" is E40C292Ch. */
	static const u8 made[] = { 2, 0xe4, 0x0c, 0x29, 0x2c, 0 };
	struct vm_config vm;

	drives = nodes;
	build(p, ARRAY_SIZE(p));
	ck_assert_int_eq(check(), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
	ck_assert(vm.nr_nics == 2 && vm.nr_drives == 1);
	ck_assert(vm.nics[0].nr == 2 && vm.nics[0].model == VM_NIC_E1000 && vm.nics[0].boot_order == 3);
	ck_assert(!memcmp(vm.nics[0].mac, given, 6));
	ck_assert(vm.nics[1].nr == 0 && !vm.nics[1].boot_order && !memcmp(vm.nics[1].mac, made, 6));
	ck_assert_str_eq(config_nic_model_str(vm.nics[0].model), "e1000");
	ck_assert_str_eq(config_nic_model_str((enum vm_nic_model)7), "?");
}
END_TEST

START_TEST(defaults)
{
	struct hv_config hv;
	struct vm_config vm;

	build(NULL, 0);
	ck_assert_int_eq(check(), OK);
	ck_assert_uint_eq(errs.nr, 0);
	ck_assert_uint_eq(config_guest_count(blob), 1);
	ck_assert_uint_eq(config_size(blob), fdt_totalsize(blob));
	ck_assert_int_eq(config_hypervisor_parse(blob, &hv, &errs), OK);
	ck_assert(!hv.has_log_level && hv.on_idle == HV_IDLE_HALT && hv.summary);
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert_str_eq(vm.name, "a");
	ck_assert_uint_eq(vm.memory, 64 << 20);
	ck_assert_uint_eq(vm.vcpus, 1);
	ck_assert(vm.topo.sockets == 1 && vm.topo.cores == 1 && vm.topo.threads == 1);
	ck_assert(vm.protocol == VM_PROTOCOL_AUTO);
	ck_assert_str_eq(vm.kernel, "k");
	ck_assert_str_eq(vm.cmdline, "");
	ck_assert(!vm.initrd && !vm.modules && !vm.nr_modules && !config_module(&vm, 0));
	ck_assert(vm.com[0] == VM_SERIAL_CONSOLE && vm.com[1] == VM_SERIAL_NONE && vm.com[3] == VM_SERIAL_NONE);
	ck_assert(vm.on_poweroff == VM_ACTION_STOP && vm.on_reset == VM_ACTION_RESTART &&
	          vm.on_crash == VM_ACTION_STOP);
	ck_assert(vm.signature == HV_SIGNATURE_KVM && !vm.tsc_hz && vm.autostart);
	ck_assert(!vm.debug_exit && !vm.testdev && !vm.forced_emulation);
	ck_assert(vm.weight == 100 && !vm.cap && !vm.reservation && cpuset_empty(&vm.pin) && !vm.cores.count);
	ck_assert(!vm.exclusive && vm.latency == VM_LATENCY_NORMAL && !vm.after.nr && !vm.ready_text);
	ck_assert(vm.restart_limit == 5 && vm.restart_window == 60 * SECOND && vm.backoff == SECOND &&
	          vm.backoff_max == 300 * SECOND);
	ck_assert(vm.watchdog == VM_WATCHDOG_NONE && !vm.standby_for.nr && !vm.take_over);
	ck_assert(vm.platform == VM_PLATFORM_MINIMAL && !vm.firmware && !vm.firmware_image && !vm.boot_menu &&
	          !vm.nr_drives && config_account(&vm) == vm.memory);
	ck_assert(vm.pv == VM_PV_ALL && vm.control == VM_CONTROL_NONE && !vm.controls.nr);
	ck_assert_int_eq(config_guest_parse(blob, 1, NULL, &vm, &errs), ERR_NOENT);
}
END_TEST

START_TEST(everything_set)
{
	static const struct put p[] = {
		STR(HV, "log-level", "debug"),
		STR(HV, "on-idle", "poweroff"),
		FLAG(HV, "no-summary"),
		RAW(GUEST, "memory", "\0\0\0\0\x10\0\0\0"),
		RAW(GUEST, "vcpus", "\0\0\0\x8"),
		RAW(GUEST, "cpu-topology", "\0\0\0\1\0\0\0\4\0\0\0\2"),
		STR(GUEST, "cpu-disable", "avx\0pcid"),
		STR(GUEST, "protocol", "multiboot1"),
		STR(GUEST, "modules", "m ENV=1 B=2\0i"),
		STR(GUEST, "cmdline", "console=ttyS0 quiet"),
		STR(GUEST, "com1", "log"),
		STR(GUEST, "com2", "null"),
		STR(GUEST, "com3", "console"),
		STR(GUEST, "com4", "none"),
		STR(GUEST, "on-poweroff", "restart"),
		STR(GUEST, "on-reset", "stop"),
		STR(GUEST, "on-crash", "restart"),
		STR(GUEST, "hypervisor-signature", "none"),
		STR(GUEST, "tsc-frequency", "2100000000"),
		FLAG(GUEST, "debug-exit"),
		FLAG(GUEST, "testdev"),
		FLAG(GUEST, "forced-emulation"),
		FLAG(GUEST, "debug-console"),
		FLAG(GUEST, "no-autostart"),
	};
	struct hv_config hv;
	struct vm_config vm;
	char name[4];

	build(p, ARRAY_SIZE(p));
	ck_assert_int_eq(check(), OK);
	ck_assert_int_eq(config_open(blob, sizeof(blob), &errs), OK);
	ck_assert_int_eq(config_hypervisor_parse(blob, &hv, &errs), OK);
	ck_assert(hv.has_log_level && hv.log_level == LOG_DEBUG && hv.on_idle == HV_IDLE_POWEROFF && !hv.summary);
	ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
	ck_assert_uint_eq(vm.memory, 256 << 20);
	ck_assert_uint_eq(vm.vcpus, 8);
	ck_assert(vm.topo.sockets == 1 && vm.topo.cores == 4 && vm.topo.threads == 2);
	ck_assert_uint_eq(vm.cpu_disable.w[CPUID_W_1_ECX], 1u << 28 | 1u << 17);
	ck_assert(vm.protocol == VM_PROTOCOL_MULTIBOOT1);
	ck_assert_uint_eq(vm.nr_modules, 2);
	ck_assert_str_eq(config_module(&vm, 0), "m ENV=1 B=2");
	ck_assert_str_eq(config_module(&vm, 1), "i");
	ck_assert_ptr_null(config_module(&vm, 2));
	ck_assert_uint_eq(config_module_name(config_module(&vm, 0), name, sizeof(name)), 1);
	ck_assert_str_eq(name, "m");
	ck_assert_uint_eq(config_module_name("long-name", name, sizeof(name)), 0);
	ck_assert_str_eq(vm.cmdline, "console=ttyS0 quiet");
	ck_assert(vm.com[0] == VM_SERIAL_LOG && vm.com[1] == VM_SERIAL_NULL && vm.com[2] == VM_SERIAL_CONSOLE &&
	          vm.com[3] == VM_SERIAL_NONE);
	ck_assert(vm.on_poweroff == VM_ACTION_RESTART && vm.on_reset == VM_ACTION_STOP &&
	          vm.on_crash == VM_ACTION_RESTART);
	ck_assert(vm.signature == HV_SIGNATURE_NONE && vm.tsc_hz == 2100000000);
	ck_assert(vm.debug_exit && vm.testdev && vm.forced_emulation && vm.debug_console && !vm.autostart);
}
END_TEST

START_TEST(scheduling_and_life)
{
	static const struct put p[] = {
		RAW(GUEST, "vcpus", "\0\0\0\4"),
		RAW(GUEST, "weight", "\0\0\x27\x10"),
		RAW(GUEST, "cap", "\0\0\1\x90"),
		RAW(GUEST, "reservation", "\0\0\0\xc8"),
		STR(GUEST, "pin", "0-1,2"),
		FLAG(GUEST, "exclusive-cores"),
		STR(GUEST, "latency", "low"),
		STR(GUEST, "on-crash", "restart-backoff"),
		STR(GUEST, "on-poweroff", "halt-machine"),
		RAW(GUEST, "restart-limit", "\0\0\0\7"),
		STR(GUEST, "restart-window", "2h"),
		RAW(GUEST, "backoff", "\0\0\0\x64"),
		STR(GUEST, "backoff-max", "1500ms"),
		STR(GUEST, "ready-text", "login:"),
		STR(GUEST, "watchdog", "i6300esb"),
		STR(GUEST, "pv", "clock\0ipi"),
		STR(GUEST, "com2", "control"),
		STR(GUEST, "control", "all"),
	};
	struct vm_config vm;
	char text[20];

	build(p, ARRAY_SIZE(p));
	ck_assert_int_eq(check(), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
	ck_assert(vm.weight == 10000 && vm.cap == 400 && vm.reservation == 200);
	ck_assert_int_eq(cpuset_format(&vm.pin, text, sizeof(text)), 3);
	ck_assert_str_eq(text, "0-2");
	ck_assert(vm.exclusive && vm.latency == VM_LATENCY_LOW);
	ck_assert(vm.on_crash == VM_ACTION_RESTART_BACKOFF && vm.on_poweroff == VM_ACTION_HALT_MACHINE);
	ck_assert(vm.restart_limit == 7 && vm.restart_window == 7200 * SECOND && vm.backoff == SECOND / 10 &&
	          vm.backoff_max == SECOND * 3 / 2);
	ck_assert_str_eq(vm.ready_text, "login:");
	ck_assert(vm.watchdog == VM_WATCHDOG_I6300ESB && vm.pv == (VM_PV_CLOCK | VM_PV_IPI));
	ck_assert(vm.com[1] == VM_SERIAL_CONTROL && vm.control == VM_CONTROL_ALL);
}
END_TEST

START_TEST(no_paravirtualization)
{
	static const struct put off[] = { FLAG(GUEST, "no-pv") };
	static const struct put none[] = { STR(GUEST, "hypervisor-signature", "none") };
	struct vm_config vm;

	for (u32 i = 0; i < 2; i++) {
		setup();
		build(i ? none : off, 1);
		ck_assert_int_eq(check(), OK);
		ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
		ck_assert(vm.signature == HV_SIGNATURE_NONE && !vm.pv);
	}
}
END_TEST

START_TEST(selectors_of_cores)
{
	static const struct {
		struct put p;
		struct vm_cores want;
		bool exclusive;
	} t[] = {
		{ STR(GUEST, "cores", "any 3"), { 3, VM_SHARE_ANY }, false },
		{ STR(GUEST, "cores", "any 2 sharing a package"), { 2, VM_SHARE_PACKAGE }, false },
		{ STR(GUEST, "cores", "exclusive any 2 sharing a core"), { 2, VM_SHARE_CORE }, true },
	};
	struct vm_config vm;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup();
		build(&t[i].p, 1);
		ck_assert_int_eq(check(), OK);
		ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
		ck_assert(vm.cores.count == t[i].want.count && vm.cores.sharing == t[i].want.sharing);
		ck_assert(vm.exclusive == t[i].exclusive);
	}
}
END_TEST

/* Guests a, b, c ... with phandles 1, 2, 3 ... and a list of references each, 0-terminated. */
struct node {
	const char *prop;
	u8 refs[4];
	const char *extra, *value; /* another property, a string */
};

static void linked(const struct node *n, u32 nr)
{
	setup();
	begin();
	fdt_property_string(blob, "compatible", "bulkhead,config-1");
	fdt_begin_node(blob, "guests");
	for (u32 i = 0; i < nr; i++) {
		char name[8] = { (char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676) };
		char cells[16] = { 0 };
		int len = 0;

		fdt_begin_node(blob, name);
		fdt_property_string(blob, "memory", "2M");
		fdt_property_string(blob, "kernel", "k");
		fdt_property_u32(blob, "phandle", i + 1);
		for (u32 k = 0; k < 4 && n && n[i].refs[k]; k++, len += 4)
			cells[len + 3] = (char)n[i].refs[k];
		if (len)
			fdt_property(blob, n[i].prop, cells, len);
		if (n && n[i].extra)
			fdt_property_string(blob, n[i].extra, n[i].value);
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	end();
}

static void linked_fails(const struct node *n, u32 nr, const char *error)
{
	linked(n, nr);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_msg(strstr(list[0].text, error), "got \"%s\"", list[0].text);
}

START_TEST(references)
{
	static const struct node good[] = { { .prop = "after", .refs = { 2, 3 } },
		                            { .prop = "after", .refs = { 4 } },
		                            { .prop = "standby-for", .refs = { 4 } },
		                            { 0 } };
	static const struct node circle[] = { { .prop = "after", .refs = { 2 } },
		                              { .prop = "after", .refs = { 3 } },
		                              { .prop = "after", .refs = { 1 } },
		                              { 0 } };
	static const struct node standbys[] = { { .prop = "standby-for", .refs = { 2 } },
		                                { .prop = "standby-for", .refs = { 1 } } };
	static const struct node mixed[] = { { .prop = "after", .refs = { 2 } },
		                             { .prop = "standby-for", .refs = { 1 } } };
	static const struct node mute[] = {
		{ .prop = "after", .refs = { 2 }, .extra = "after-state", .value = "ready" }, { 0 }
	};
	static const struct node tells[] = {
		{ .prop = "after", .refs = { 2 }, .extra = "after-state", .value = "ready" },
		{ .extra = "ready-text", .value = "up" }
	};
	static const struct node speaks[] = {
		{ .prop = "after", .refs = { 2 }, .extra = "after-state", .value = "ready" },
		{ .extra = "com2", .value = "control" }
	};
	static const struct node rights[] = {
		{ .prop = "control", .refs = { 1, 2 }, .extra = "com2", .value = "control" },
		{ .prop = "control", .refs = { 1 }, .extra = "com4", .value = "control" }
	};
	struct vm_config vm;
	u32 index = 99;

	linked(good, 4);
	ck_assert_int_eq(check(), OK);
	ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
	ck_assert_uint_eq(vm.after.nr, 2);
	ck_assert(config_ref(blob, &vm.after, 1, &index) == OK && index == 2);
	ck_assert(config_ref(blob, &vm.after, 0, &index) == OK && index == 1);
	ck_assert_int_eq(config_ref(blob, &vm.after, 2, &index), ERR_NOENT);
	ck_assert_int_eq(config_ref(blob, &vm.standby_for, 0, &index), ERR_NOENT);
	ck_assert_int_eq(config_guest_parse(blob, 2, &limits, &vm, &errs), OK);
	ck_assert(config_ref(blob, &vm.standby_for, 0, &index) == OK && index == 3);
	linked_fails(circle, 4, "/guests/aaa: it waits for itself");
	linked_fails(standbys, 2, "it waits for itself");
	linked_fails(mixed, 2, "it waits for itself");
	linked_fails(mute, 2, "/guests/aaa: after: baa has neither ready-text nor a control port");
	linked(tells, 2);
	ck_assert_int_eq(check(), OK);
	linked(speaks, 2);
	ck_assert_int_eq(check(), OK);
	linked(rights, 2);
	ck_assert_int_eq(check(), OK); /* rights may go in a circle */
	ck_assert_int_eq(config_guest_parse(blob, 0, &limits, &vm, &errs), OK);
	ck_assert(vm.control == VM_CONTROL_LIST && vm.controls.nr == 2);
}
END_TEST

START_TEST(many_references)
{
	static struct node n[CONFIG_MAX_LINKED + 1];
	struct config_limits lim = { 0 };

	/* Backwards, so that nothing comes in order: the longest row allowed, and one more. */
	for (u32 i = 0; i < 200; i++)
		n[i] = (struct node){ .prop = "after", .refs = { i < CONFIG_MAX_CHAIN - 1 ? (u8)(i + 2) : 0 } };
	linked(n, 200);
	ck_assert_int_eq(config_check(blob, sizeof(blob), &lim, &errs), OK);
	n[CONFIG_MAX_CHAIN - 1] = (struct node){ .prop = "after", .refs = { CONFIG_MAX_CHAIN + 1 } };
	linked(n, 200);
	ck_assert_int_eq(config_check(blob, sizeof(blob), &lim, &errs), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "more than 64 guests wait for one another in a row"));
	/* Too many guests for references; without any it is fine. */
	memset(n, 0, sizeof(n));
	linked(n, ARRAY_SIZE(n));
	ck_assert_int_eq(config_check(blob, sizeof(blob), &lim, &errs), OK);
	n[3] = (struct node){ .prop = "after", .refs = { 1 } };
	linked(n, ARRAY_SIZE(n));
	ck_assert_int_eq(config_check(blob, sizeof(blob), &lim, &errs), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "work with up to 512 guests"));
}
END_TEST

START_TEST(sets_of_cpus)
{
	static const char *const same[] = { "0", "255", "0-255", "1,3,5-7,64-127,200" };
	struct cpuset s;
	char text[40];

	for (u32 i = 0; i < ARRAY_SIZE(same); i++) {
		ck_assert_int_eq(cpuset_parse(same[i], &s), OK);
		ck_assert_int_eq(cpuset_format(&s, text, sizeof(text)), (int)strlen(same[i]));
		ck_assert_str_eq(text, same[i]);
	}
	ck_assert_int_eq(cpuset_format(&s, text, 4), 18);
	ck_assert_str_eq(text, "1,3");
	ck_assert_int_eq(cpuset_parse("3,1-2,2", &s), OK);
	cpuset_format(&s, text, sizeof(text));
	ck_assert_str_eq(text, "1-3");
	ck_assert_int_eq(cpuset_parse("256", &s), ERR_RANGE);
	ck_assert_int_eq(cpuset_parse("", &s), ERR_INVAL);
	ck_assert_int_eq(cpuset_parse("1 2", &s), ERR_INVAL);
}
END_TEST

static void guest(const char *name, const char *memory)
{
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "memory", memory);
	fdt_property_string(blob, "kernel", "k");
	fdt_end_node(blob);
}

static void many(const char *const names[], const char *memory, u32 nr)
{
	begin();
	fdt_property_string(blob, "compatible", "bulkhead,config-1");
	fdt_begin_node(blob, "guests");
	for (u32 i = 0; i < nr; i++)
		guest(names[i], memory);
	fdt_end_node(blob);
	end();
}

START_TEST(several_guests)
{
	static const char *const names[] = { "one", "two", "three" };
	struct hv_config hv;
	struct vm_config vm;

	many(names, "256M", 3);
	ck_assert_int_eq(check(), OK);
	ck_assert_uint_eq(config_guest_count(blob), 3);
	for (u32 i = 0; i < 3; i++) {
		ck_assert_int_eq(config_guest_parse(blob, i, &limits, &vm, &errs), OK);
		ck_assert_str_eq(vm.name, names[i]);
	}
	/* No hypervisor node at all */
	ck_assert_int_eq(config_hypervisor_parse(blob, &hv, &errs), OK);
	ck_assert(hv.summary);

	setup();
	many(names, "512M", 3);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_str_eq(list[0].text,
	                 "/guests: all guests together have 1536 MiB, the machine has 1024 MiB for them");
	/* Without limits anything goes, even a sum beyond 64 bits. */
	setup();
	many(names, "17179869180G", 3);
	ck_assert_int_eq(config_check(blob, sizeof(blob), NULL, &errs), OK);
}
END_TEST

START_TEST(names_of_guests)
{
	static const char *const twins[] = { "a", "b", "a" };
	static const char *const unit[] = { "a@1" };
	static const char *const good[] = { "7c6a1f0e-2d3b-4e5f-8a9b-0c1d2e3f4a5b",
		                            "0-1",
		                            "a23456789012345678901234567890123456789012345678901234567890123",
		                            "1.2",
		                            "0x10",
		                            "_" };
	static const char *const longer[] = { "a234567890123456789012345678901234567890123456789012345678901234" };
	static const char *const bad[][2] = {
		{ "1", "consists of digits only: it would be taken for a number" },
		{ "007", "consists of digits only" },
		{ "-x", "begins with '-': a guest's name begins with a letter, a digit or '_'" },
		{ "--help", "begins with '-'" },
		{ "-", "begins with '-'" },
		{ "..", "begins with '.'" },
		{ ".", "begins with '.'" },
		{ ".a", "begins with '.'" },
	};

	many(twins, "64M", 3);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/a: another guest has this name");
	setup();
	many(unit, "64M", 1);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "/guests/a@1: a guest's name consists of"));
	setup();
	many(longer, "64M", 1);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "longer than 63"));
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		setup();
		many(bad[i], "64M", 1);
		ck_assert_int_eq(check(), ERR_INVAL);
		ck_assert_uint_eq(errs.nr, 1);
		ck_assert_msg(strstr(list[0].text, bad[i][1]), "got \"%s\"", list[0].text);
	}
	setup();
	many(good, "64M", ARRAY_SIZE(good));
	ck_assert_int_eq(check(), OK);
	setup();
	many(twins, "64M", 0);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests: no guest is configured");
}
END_TEST

/* Guests of this much memory and with this kernel each, those named s... with on-error = "skip". */
static char left_out[8][200];
static u32 nr_left_out;

static void note(void *ctx, u32 index, const char *why)
{
	ck_assert_ptr_eq(ctx, left_out);
	snprintf(left_out[nr_left_out++], sizeof(left_out[0]), "%u %s", index, why);
}

struct fits {
	const char *name, *memory, *kernel;
};

static int check_fits(const struct fits *f, u32 nr, bool all)
{
	struct config_limits lim = limits;

	setup();
	nr_left_out = 0;
	lim.skip = note;
	lim.skip_ctx = left_out;
	begin();
	fdt_property_string(blob, "compatible", "bulkhead,config-1");
	fdt_begin_node(blob, "hypervisor");
	if (all)
		fdt_property_string(blob, "on-error", "skip");
	fdt_end_node(blob);
	fdt_begin_node(blob, "guests");
	for (u32 i = 0; i < nr; i++) {
		fdt_begin_node(blob, f[i].name);
		fdt_property_string(blob, "memory", f[i].memory);
		fdt_property_string(blob, "kernel", f[i].kernel);
		if (f[i].name[0] == 's')
			fdt_property_string(blob, "on-error", "skip");
		if (f[i].name[0] == 'r')
			fdt_property_string(blob, "on-error", "refuse");
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	end();
	return config_check(blob, sizeof(blob), &lim, &errs);
}

/* What does not fit the machine is left out where the guest, or the hypervisor for all of them, says so. */
START_TEST(guests_left_out)
{
	static const struct fits image[] = { { "s1", "64M", "gone" }, { "b", "64M", "k" } };
	static const struct fits alone[] = { { "b", "64M", "k" }, { "s1", "2G", "k" }, { "s2", "512M", "k" } };
	static const struct fits sum[] = {
		{ "s1", "512M", "k" }, { "s2", "512M", "k" }, { "b", "512M", "k" }, { "s3", "2M", "k" }
	};
	static const struct fits wrong[] = { { "b", "64M", "k" }, { "s1", "65M1", "k" } };
	static const struct fits needed[] = { { "r", "64M", "gone" }, { "b", "64M", "gone" } };
	static const struct fits none[] = { { "s1", "2G", "k" }, { "s2", "64M", "gone" } };
	struct config_limits quiet = limits;
	struct vm_config vm;

	ck_assert_int_eq(check_fits(image, 2, false), OK);
	ck_assert_uint_eq(nr_left_out, 1);
	ck_assert_str_eq(left_out[0], "0 /guests/s1: kernel: no boot module is named \"gone\"");
	ck_assert_uint_eq(errs.nr, 0);
	ck_assert_int_eq(config_guest_parse(blob, 0, NULL, &vm, &errs), OK);
	ck_assert(vm.on_error == VM_ERROR_SKIP);
	ck_assert_int_eq(config_guest_parse(blob, 1, NULL, &vm, &errs), OK);
	ck_assert(vm.on_error == VM_ERROR_REFUSE);
	/* Who does not listen refuses. */
	ck_assert_int_eq(config_check(blob, sizeof(blob), &quiet, &errs), ERR_INVAL);

	ck_assert_int_eq(check_fits(alone, 3, false), OK);
	ck_assert_uint_eq(nr_left_out, 1);
	ck_assert_str_eq(left_out[0],
	                 "1 /guests/s1: memory: 2048 MiB are more than the machine has for guests: 1024 MiB");
	/* Who has to run comes first, wherever it stands. */
	ck_assert_int_eq(check_fits(sum, 4, false), OK);
	ck_assert_uint_eq(nr_left_out, 2);
	ck_assert_str_eq(left_out[0],
	                 "1 /guests/s2: memory: 512 MiB are more than others leave of the machine's: 0 MiB");
	ck_assert_ptr_nonnull(strstr(left_out[1], "3 /guests/s3: memory: 2 MiB"));
	/* What is wrong on any machine is an error. */
	ck_assert_int_eq(check_fits(wrong, 2, false), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests/s1: memory: \"65M1\" is not a number");
	/* For all but one. */
	ck_assert_int_eq(check_fits(needed, 2, true), ERR_INVAL);
	ck_assert_uint_eq(errs.nr, 1);
	ck_assert_ptr_nonnull(strstr(list[0].text, "/guests/r: kernel"));
	ck_assert_uint_eq(nr_left_out, 1);
	ck_assert_int_eq(check_fits(none, 2, false), ERR_INVAL);
	ck_assert_str_eq(list[0].text, "/guests: no guest is left: none fits this machine");
}
END_TEST

/* What dtc -@ -A -H both makes of a tree with labels at all its nodes: as if that were not there. */
START_TEST(additions_of_dtc)
{
	static const char *const nodes[] = { "aliases", "__symbols__", "__fixups__", "__local_fixups__" };
	struct config_refs refs;
	struct vm_config vm;
	u32 index;

	begin();
	fdt_property_string(blob, "compatible", "bulkhead,config-1");
	fdt_property_u32(blob, "linux,phandle", 1);
	fdt_property_u32(blob, "phandle", 1);
	fdt_begin_node(blob, "hypervisor");
	fdt_property_u32(blob, "linux,phandle", 2);
	fdt_property_u32(blob, "phandle", 2);
	fdt_end_node(blob);
	fdt_begin_node(blob, "guests");
	fdt_property_u32(blob, "linux,phandle", 3);
	fdt_property_u32(blob, "phandle", 3);
	for (u32 i = 0; i < 2; i++) {
		fdt_begin_node(blob, i ? "web" : "db");
		fdt_property_string(blob, "memory", "64M");
		fdt_property_string(blob, "kernel", "k");
		if (i)
			fdt_property_u32(blob, "after", 4);
		fdt_property_u32(blob, "linux,phandle", 4 + i); /* -H legacy: that alone */
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	for (u32 i = 0; i < ARRAY_SIZE(nodes); i++) {
		fdt_begin_node(blob, nodes[i]);
		fdt_property_string(blob, "db", "/guests/db");
		fdt_begin_node(blob, "guests");
		fdt_property_u32(blob, "after", 0);
		fdt_end_node(blob);
		fdt_end_node(blob);
	}
	end();
	ck_assert_msg(check() == OK, "%s", list[0].text);
	ck_assert_uint_eq(config_guest_count(blob), 2);
	ck_assert_int_eq(config_guest_parse(blob, 1, NULL, &vm, &errs), OK);
	refs = vm.after;
	ck_assert_int_eq(config_ref(blob, &refs, 0, &index), OK);
	ck_assert_uint_eq(index, 0);
}
END_TEST

START_TEST(unknown_nodes)
{
	begin();
	fdt_property_string(blob, "compatible", "bulkhead,config-1");
	fdt_begin_node(blob, "chosen");
	fdt_end_node(blob);
	for (u32 i = 0; i < 2; i++) {
		fdt_begin_node(blob, "hypervisor");
		fdt_begin_node(blob, "x\033y");
		fdt_end_node(blob);
		fdt_end_node(blob);
	}
	fdt_begin_node(blob, "guests");
	fdt_begin_node(blob, "a");
	fdt_property_string(blob, "memory", "64M");
	fdt_property_string(blob, "kernel", "k");
	fdt_begin_node(blob, "disk");
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_end_node(blob);
	end();
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_uint_eq(errs.nr, 4);
	ck_assert_str_eq(list[0].text, "/: unknown node \"chosen\"");
	ck_assert_str_eq(list[1].text, "/: node \"hypervisor\" appears twice");
	ck_assert_str_eq(list[2].text, "/hypervisor: unknown node \"x?y\"");
	ck_assert_str_eq(list[3].text, "/guests/a: unknown node \"disk\"");
}
END_TEST

START_TEST(all_errors_at_once)
{
	static const struct put p[] = {
		STR(ROOT, "x", ""),      STR(HV, "on-idle", "?"), STR(GUEST, "memory", "1"),
		STR(GUEST, "com1", "?"), STR(GUEST, "com2", "?"), STR(GUEST, "bogus", ""),
	};

	build(p, ARRAY_SIZE(p));
	errs.cap = 3;
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_uint_eq(errs.nr, 6);
	ck_assert_str_eq(list[2].text, "/guests/a: memory: must be a multiple of 4 KiB");
	ck_assert_str_eq(list[3].text, "");
	/* No room for texts at all */
	errs = (struct config_errs){ 0 };
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_uint_eq(errs.nr, 6);
}
END_TEST

START_TEST(damaged_blobs)
{
	u32 size;

	build(NULL, 0);
	size = fdt_totalsize(blob);
	/* Cut anywhere */
	for (u32 n = 0; n < size; n++) {
		struct config_errs e = { .list = list, .cap = CAP };

		ck_assert_msg(config_check(blob, n, NULL, &e) == ERR_INVAL, "%u bytes", n);
		ck_assert_uint_eq(e.nr, 1);
	}
	ck_assert_int_eq(config_check(blob, size, NULL, &errs), OK);
	ck_assert_int_eq(config_check(blob + 4, size, NULL, &errs), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "not 8-byte aligned"));

	setup();
	build(NULL, 0);
	blob[0] = 0;
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "not a device tree"));

	setup();
	build(NULL, 0);
	fdt_set_version(blob, 16);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "version 16"));

	setup();
	build(NULL, 0);
	fdt_set_totalsize(blob, 2 << 20);
	ck_assert_int_eq(config_check(blob, 4 << 20, NULL, &errs), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "larger than"));
}
END_TEST

/* Finds the n-th token of this kind in the structure block. */
static u32 *token(u32 tag, u32 n)
{
	u32 *p = (u32 *)(void *)(blob + fdt_off_dt_struct(blob));

	for (;; p++)
		if (fdt32_ld((const fdt32_t *)p) == tag && !n--)
			return p;
}

/* What libfdt before 1.7 walks around in for ever: a property so long that the offset comes back to itself. */
START_TEST(lengths_that_wrap)
{
	static const u32 lengths[] = {
		0xfffffff4, 0xfffffff0, 0xfffffff8, 0xffffffff, 0x7fffffff, 0x80000000, 0x10000
	};

	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		setup();
		build(NULL, 0);
		fdt32_st(token(FDT_PROP, 1) + 1, lengths[i]);
		ck_assert_int_eq(check(), ERR_INVAL);
		ck_assert_str_eq(list[0].text, "/: damaged device tree: a property does not fit");
	}
}
END_TEST

START_TEST(damaged_tokens)
{
	static const struct {
		u32 tag, nth, now;
		const char *error;
	} t[] = {
		{ FDT_BEGIN_NODE, 0, FDT_END_NODE, "a node ends that did not begin" },
		{ FDT_BEGIN_NODE, 0, FDT_PROP, "a property does not fit" },
		{ FDT_END_NODE, 2, FDT_NOP, "a node does not end" },
		{ FDT_END_NODE, 0, 77, "unknown token" },
		{ FDT_END, 0, FDT_NOP, "no end" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		setup();
		build(NULL, 0);
		fdt32_st(token(t[i].tag, t[i].nth), t[i].now);
		ck_assert_int_eq(check(), ERR_INVAL);
		ck_assert_msg(strstr(list[0].text, t[i].error), "%u: %s", i, list[0].text);
	}
	setup();
	build(NULL, 0);
	fdt_set_off_dt_struct(blob, 0xfffffff0);
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "a block lies outside"));
	setup();
	build(NULL, 0);
	fdt_set_off_mem_rsvmap(blob, 0xfffffff0);
	ck_assert_int_eq(check(), ERR_INVAL);
	setup();
	begin();
	for (u32 i = 0; i < 10; i++)
		fdt_begin_node(blob, "x");
	for (u32 i = 0; i < 10; i++)
		fdt_end_node(blob);
	end();
	ck_assert_int_eq(check(), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(list[0].text, "nested too deeply"));
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(config_protocol_str(VM_PROTOCOL_PVH), "pvh");
	ck_assert_str_eq(config_protocol_str(VM_PROTOCOL_MULTIBOOT2), "multiboot2");
	ck_assert_str_eq(config_protocol_str(VM_PROTOCOL_ELF), "elf");
	ck_assert_str_eq(config_protocol_str((enum vm_protocol)6), "?");
	ck_assert_str_eq(config_action_str(VM_ACTION_RESTART), "restart");
	ck_assert_str_eq(config_serial_str(VM_SERIAL_LOG), "log");
	ck_assert_str_eq(config_on_idle_str(HV_IDLE_RESET), "reset");
	ck_assert_str_eq(config_on_idle_str((enum hv_on_idle)3), "?");
	ck_assert_str_eq(config_action_str(VM_ACTION_HALT_MACHINE), "halt-machine");
	ck_assert_str_eq(config_on_error_str(VM_ERROR_SKIP), "skip");
	ck_assert_str_eq(config_on_error_str((enum vm_on_error)2), "?");
	ck_assert_str_eq(config_latency_str(VM_LATENCY_LOW), "low");
	ck_assert_str_eq(config_watchdog_str(VM_WATCHDOG_I6300ESB), "i6300esb");
	ck_assert_str_eq(config_after_state_str(VM_AFTER_READY), "ready");
	ck_assert_str_eq(config_standby_str(VM_STANDBY_WARM), "warm");
	ck_assert_str_eq(config_control_str(VM_CONTROL_SELF), "self");
	ck_assert_str_eq(config_control_str(VM_CONTROL_LIST), "list");
	ck_assert_str_eq(config_pv_str(5), "ipi");
	ck_assert_ptr_null(config_pv_str(6));
	ck_assert_ptr_null(config_pv_str(7));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");
	TCase *tc = tcase_create("config");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, reject, 0, ARRAY_SIZE(rejects));
	tcase_add_loop_test(tc, reject_platform, 0, ARRAY_SIZE(platform_rejects));
	tcase_add_test(tc, a_node_in_a_drive_is_unknown);
	tcase_add_test(tc, firmware_makes_a_pc);
	tcase_add_test(tc, drives_are_plugged_in);
	tcase_add_test(tc, network_cards);
	tcase_add_test(tc, sockets_for_the_bios);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, everything_set);
	tcase_add_test(tc, scheduling_and_life);
	tcase_add_test(tc, no_paravirtualization);
	tcase_add_test(tc, selectors_of_cores);
	tcase_add_test(tc, references);
	tcase_add_test(tc, many_references);
	tcase_add_test(tc, sets_of_cpus);
	tcase_add_test(tc, several_guests);
	tcase_add_test(tc, names_of_guests);
	tcase_add_test(tc, guests_left_out);
	tcase_add_test(tc, additions_of_dtc);
	tcase_add_test(tc, unknown_nodes);
	tcase_add_test(tc, all_errors_at_once);
	tcase_add_test(tc, damaged_blobs);
	tcase_add_test(tc, lengths_that_wrap);
	tcase_add_test(tc, damaged_tokens);
	tcase_add_test(tc, words);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
