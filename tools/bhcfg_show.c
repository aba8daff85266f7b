/* bhcfg show: a table of all guests, and what is not as by default for each. */
#include <stdio.h>
#include <string.h>

#include "tools/bhcfg.h"

static void row(const char *name, const char *fmt, ...) __printf(2, 3);
static void row(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("  %-14s ", name);
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
			printf(" %s", name);
	}
	putchar('\n');
}

/* A guest's name, or "?" for a reference to none. */
static const char *ref_name(const void *blob, const struct config_refs *refs, u32 i)
{
	struct config_errs errs = { 0 };
	struct vm_config vm;
	u32 index;

	if (config_ref(blob, refs, i, &index) != OK || config_guest_parse(blob, index, NULL, &vm, &errs) != OK)
		return "?";
	return vm.name;
}

static void show_refs(const char *name, const void *blob, const struct config_refs *refs, const char *more)
{
	printf("  %-14s", name);
	for (u32 i = 0; i < refs->nr; i++)
		printf(" %s", ref_name(blob, refs, i));
	printf("%s%s\n", *more ? ", " : "", more);
}

static const char *duration(u64 ns, char *buf, size_t size)
{
	u64 ms = ns / 1000000;

	if (ms % 1000)
		snprintf(buf, size, "%llu ms", (unsigned long long)ms);
	else
		snprintf(buf, size, "%llu s", (unsigned long long)ms / 1000);
	return buf;
}

static void show_policies(const struct vm_config *vm)
{
	char window[24], first[24], most[24];

	row("on-poweroff", "%s", config_action_str(vm->on_poweroff));
	row("on-reset", "%s", config_action_str(vm->on_reset));
	row("on-crash", "%s", config_action_str(vm->on_crash));
	if (vm->on_crash == VM_ACTION_RESTART_BACKOFF || vm->on_reset == VM_ACTION_RESTART_BACKOFF ||
	    vm->on_poweroff == VM_ACTION_RESTART_BACKOFF)
		row("restarts", "at most %u in a row, after %s up to %s; %s of quiet start anew", vm->restart_limit,
		    duration(vm->backoff, first, sizeof(first)), duration(vm->backoff_max, most, sizeof(most)),
		    duration(vm->restart_window, window, sizeof(window)));
	if (vm->watchdog != VM_WATCHDOG_NONE)
		row("watchdog", "%s", config_watchdog_str(vm->watchdog));
}

static void show_mask(const char *name, u32 mask, const char *const *words)
{
	printf("  %-14s", name);
	for (u32 i = 0; words[i]; i++)
		if (mask >> i & 1)
			printf(" %s", words[i]);
	printf("%s\n", mask ? "" : " none");
}

static void show_relations(const void *blob, const struct vm_config *vm)
{
	static const char *const take[] = { "com1", "com2", "com3", "com4", "control", NULL };

	if (vm->after.nr)
		show_refs("after", blob, &vm->after, config_after_state_str(vm->after_state));
	if (vm->ready_text)
		row("ready-text", "\"%s\"", vm->ready_text);
	if (vm->standby_for.nr) {
		show_refs("standby-for", blob, &vm->standby_for, config_standby_str(vm->standby));
		show_mask("take-over", vm->take_over, take);
	}
	if (vm->control == VM_CONTROL_LIST)
		show_refs("control", blob, &vm->controls, "");
	else if (vm->control != VM_CONTROL_NONE)
		row("control", "%s", config_control_str(vm->control));
}

static void show_rights(const struct vm_config *vm)
{
	static const struct cpuid_mask none;
	const char *pv[8] = { 0 };

	row("signature", "%s", vm->signature == HV_SIGNATURE_KVM ? "kvm" : "none");
	for (u32 i = 0; i + 1 < ARRAY_SIZE(pv) && config_pv_str(i); i++)
		pv[i] = config_pv_str(i);
	show_mask("pv", vm->pv, pv);
	if (memcmp(&vm->cpu_disable, &none, sizeof(none)) != 0)
		show_features(&vm->cpu_disable);
	if (vm->debug_exit || vm->testdev || vm->debug_console || vm->forced_emulation)
		row("debug", "%s%s%s%s", vm->debug_exit ? "debug-exit " : "", vm->testdev ? "testdev " : "",
		    vm->debug_console ? "debug-console " : "", vm->forced_emulation ? "forced-emulation" : "");
}

static void show_drive(const struct vm_drive *d)
{
	char name[16];

	snprintf(name, sizeof(name), "%s%u", config_drive_kind_str(d->kind), d->nr);
	printf("  %-14s %s, %s", name, config_drive_model_str(d->model), d->source ? d->source : "empty");
	if (d->overlay)
		printf(", overlay %llu KiB", (unsigned long long)d->overlay >> 10);
	else if (d->source)
		printf(", read-only");
	if (d->serial)
		printf(", serial %s", d->serial);
	if (d->boot_order)
		printf(", boot-order %u", d->boot_order);
	putchar('\n');
}

static void show_nic(const struct vm_nic *n)
{
	const u8 *m = n->mac;

	printf("  nic%-11u %s, %02x:%02x:%02x:%02x:%02x:%02x", n->nr, config_nic_model_str(n->model), m[0], m[1],
	       m[2], m[3], m[4], m[5]);
	if (n->boot_order)
		printf(", boot-order %u", n->boot_order);
	putchar('\n');
}

static void show_platform(const struct vm_config *vm)
{
	if (vm->platform != VM_PLATFORM_MINIMAL)
		row("platform", "%s", config_platform_str(vm->platform));
	if (vm->firmware)
		row("firmware", "%s (%s)%s", vm->firmware_image, config_firmware_str(vm->firmware),
		    vm->boot_menu ? ", boot-menu" : "");
	for (u32 i = 0; i < vm->nr_drives; i++)
		show_drive(&vm->drives[i]);
	for (u32 i = 0; i < vm->nr_nics; i++)
		show_nic(&vm->nics[i]);
}

static void show_guest(const void *blob, const struct vm_config *vm)
{
	printf("guest %s\n", vm->name);
	row("vcpus", "%u (%u sockets, %u cores, %u threads)", vm->vcpus, vm->topo.sockets, vm->topo.cores,
	    vm->topo.threads);
	if (vm->latency != VM_LATENCY_NORMAL)
		row("latency", "%s", config_latency_str(vm->latency));
	if (vm->tsc_hz)
		row("tsc-frequency", "%llu Hz", (unsigned long long)vm->tsc_hz);
	if (vm->on_error != VM_ERROR_REFUSE)
		row("on-error", "%s", config_on_error_str(vm->on_error));
	show_platform(vm);
	if (vm->kernel)
		row("kernel", "%s (%s)", vm->kernel, config_protocol_str(vm->protocol));
	if (vm->initrd)
		row("initrd", "%s", vm->initrd);
	for (u32 i = 0; i < vm->nr_modules; i++)
		row("module", "%s", config_module(vm, i));
	if (vm->kernel)
		row("cmdline", "%s", vm->cmdline);
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->com[i] != VM_SERIAL_NONE)
			printf("  com%u           %s\n", i + 1, config_serial_str(vm->com[i]));
	show_policies(vm);
	show_relations(blob, vm);
	show_rights(vm);
}

/* Where a guest runs: numbers where they are known, else what it asks for. */
static void where(const struct vm_config *vm, const struct machine *m, const struct place *p, char *buf, size_t size)
{
	static const char *const sharing[] = { "", "/core", "/package" };
	char set[160];

	cpuset_format(m ? &p->cpus : &vm->pin, set, sizeof(set));
	if (*set)
		snprintf(buf, size, "%s%s", set, vm->exclusive ? " alone" : "");
	else if (vm->cores.count)
		snprintf(buf, size, "any %u%s%s", vm->cores.count, sharing[vm->cores.sharing],
		         vm->exclusive ? " alone" : "");
	else
		snprintf(buf, size, "any");
}

static const char *start(const struct vm_config *vm)
{
	if (vm->standby_for.nr)
		return vm->standby == VM_STANDBY_WARM ? "warm" : "cold";
	if (!vm->autostart)
		return "by hand";
	return vm->after.nr ? "after" : "at boot";
}

static const char *percent(u32 n, char *buf, size_t size)
{
	snprintf(buf, size, n ? "%u%%" : "-", n);
	return buf;
}

/* Columns of the names of guests, at least 16. */
static int name_width(const void *blob)
{
	struct config_errs errs = { 0 };
	struct vm_config vm;
	size_t width = 16;

	for (u32 i = 0; config_guest_parse(blob, i, NULL, &vm, &errs) == OK; i++)
		width = MAX(width, strlen(vm.name));
	return (int)width;
}

static void table(const void *blob, const struct machine *m, const struct place *list)
{
	struct config_errs errs = { 0 };
	u64 memory = 0, ram = 0, reserved = 0;
	u32 vcpus = 0, nr = 0;
	int width = name_width(blob);
	struct vm_config vm;

	printf("%-*s %9s %5s %6s %5s %5s  %-16s %-8s %s\n", width, "GUEST", "MEMORY", "VCPUS", "WEIGHT", "CAP",
	       "RESV", "CPUS", "START", "ON CRASH");
	for (u32 i = 0; config_guest_parse(blob, i, NULL, &vm, &errs) == OK; i++) {
		char cpus[200], cap[16], resv[16];

		if (list[i].skipped) {
			printf("%-*s left out\n", width, vm.name);
			continue;
		}
		where(&vm, m, &list[i], cpus, sizeof(cpus));
		printf("%-*s %8lluK %5u %6u %5s %5s  %-16s %-8s %s\n", width, vm.name,
		       (unsigned long long)vm.memory >> 10, vm.vcpus, vm.weight, percent(vm.cap, cap, sizeof(cap)),
		       percent(vm.reservation, resv, sizeof(resv)), cpus, start(&vm), config_action_str(vm.on_crash));
		memory += config_account(&vm);
		ram += vm.memory;
		vcpus += vm.vcpus;
		reserved += vm.reservation;
		nr++;
	}
	printf("%u guest%s: %llu MiB, %u vCPUs, %llu %% of a CPU reserved\n", nr, nr == 1 ? "" : "s",
	       (unsigned long long)memory >> 20, vcpus, (unsigned long long)reserved);
	/* A table for each 2 MiB, and one for each GiB (vmm/vm/memory.c). The machine's figure is without them. */
	printf("tables of small code pages, on a processor that needs them: %llu KiB of the hypervisor's memory\n",
	       (unsigned long long)((ram >> 21) + (ram >> 30)) * 4);
	if (m)
		printf("machine: %llu MiB, %u CPUs\n", (unsigned long long)m->memory >> 20, m->nr_cpus);
}

void bhcfg_show(const void *blob, const struct machine *m, const struct place *list)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	struct config_errs errs = { 0 };
	struct hv_config hv;
	struct vm_config vm;

	if (config_hypervisor_parse(blob, &hv, &errs) != OK)
		return;
	table(blob, m, list);
	printf("\nhypervisor\n");
	if (hv.has_log_level)
		row("log-level", "%s", levels[hv.log_level]);
	row("on-idle", "%s", config_on_idle_str(hv.on_idle));
	row("summary", "%s", hv.summary ? "yes" : "no");
	for (u32 i = 0; config_guest_parse(blob, i, NULL, &vm, &errs) == OK; i++)
		show_guest(blob, &vm);
}
