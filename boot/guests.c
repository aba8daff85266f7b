/* From the configuration blob to guests that are about to start. */
#include "vmm/life/guests.h"
#include "arch/x86/cpu.h"
#include "arch/x86/percpu.h"
#include "boot/bringup.h"
#include "boot/cmdline.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/config/place.h"
#include "vmm/life/create.h"
#include "vmm/life/stop.h"
#include "vmm/operator/console.h"
#include "vmm/vm/memory.h"
#include "vmm/vm/vm.h"

#define MAX_CONFIG_ERRS         16
#define MSR_ARCH_CAPABILITIES   0x10au
#define ARCH_CAP_PSCHANGE_MC_NO BIT(6)

static bool module_exists(void *ctx, const char *name)
{
	return boot_info_module(&bi, name);
}

static const void *mapped[BOOT_MAX_MODULES]; /* what is in them; NULL: not mapped yet */

static void map_module(const struct boot_module *m)
{
	const void **p = &mapped[m - bi.modules];

	/* An empty one is nothing to be mapped, but it is there. */
	if (!*p)
		*p = m->len ? hv_map_phys(m->start, m->len) : "";
}

static int find_image(const char *name, struct vm_image *img)
{
	const struct boot_module *m = boot_info_module(&bi, name);

	if (!m)
		return ERR_NOENT;
	map_module(m);
	*img = (struct vm_image){ .data = mapped[m - bi.modules], .len = m->len, .string = m->args };
	return img->data ? OK : ERR_NOMEM;
}

/* For the monitor's `insert`. */
static const char *module_at(u32 index, struct vm_image *img)
{
	const struct boot_module *m = &bi.modules[index];

	if (index >= bi.nr_modules)
		return NULL;
	*img = (struct vm_image){ .data = mapped[index], .len = m->len, .string = m->args };
	return m->name;
}

/* Any module can be put into a drive later: then is no time for mapping it. */
static void map_media(const struct vm_config *c)
{
	bool removable = false;

	for (u32 i = 0; i < c->nr_drives; i++)
		removable |= c->drives[i].kind != VM_DRIVE_DISK;
	for (u32 i = 0; removable && i < bi.nr_modules; i++)
		map_module(&bi.modules[i]);
}

static bool *skipped; /* one a guest: it does not fit this machine and is left out */

static void skip(void *ctx, u32 index, const char *why)
{
	skipped[index] = true;
	log_warn("config: left out (on-error): %s\n", why);
}

/* Where two boot modules are alike in name, the second one can never be found: hardly what was meant. */
static void warn_of_namesakes(void)
{
	for (u32 i = 0; i < bi.nr_modules; i++) {
		u32 k = boot_info_namesake(&bi, i);

		if (k != i)
			log_warn("boot modules %u and %u are both named \"%s\": only the first is used\n", k + 1,
			         i + 1, bi.modules[i].name);
	}
}

const void *guests_blob(void)
{
	const struct boot_module *m = boot_info_module(&bi, "config");
	static struct config_err list[MAX_CONFIG_ERRS];
	struct config_errs errs = { .list = list, .cap = MAX_CONFIG_ERRS };
	const struct config_limits lim = { .memory = guest_frames_free_bytes(),
		                           .max_vcpus = CONFIG_RUN_VCPUS,
		                           .nr_cpus = nr_pcpus,
		                           .module_exists = module_exists,
		                           .skip = skip };
	const void *blob;

	warn_of_namesakes();
	if (!m)
		fatal("no configuration blob: there is no boot module named \"config\"",
		      "add \"module2 /boot/config.dtb config\" to the GRUB entry (docs/configuration.md)");
	if (!m->len)
		fatal("the boot module \"config\" is empty (0 bytes)",
		      "put a configuration blob there: dtc -I dts -O dtb writes one (docs/configuration.md)");
	blob = hv_map_phys(m->start, m->len);
	if (!blob)
		fatal("the configuration blob cannot be mapped", "report this: the machine's memory map is unusual");
	if (config_open(blob, m->len, &errs) == OK) {
		skipped = hv_zalloc(MAX(config_guest_count(blob), 1) * sizeof(*skipped));
		if (!skipped)
			fatal("out of memory for the guests", "give the machine more memory");
		if (config_check(blob, m->len, &lim, &errs) == OK)
			return blob;
	}
	for (u32 i = 0; i < errs.nr && i < errs.cap; i++)
		log_err("config: %s\n", list[i].text);
	if (errs.nr > errs.cap)
		log_err("config: and %u more\n", errs.nr - errs.cap);
	fatal("the configuration blob is not usable",
	      "mend what is listed above; tools/bhcfg checks a blob on any Linux");
}

/* How many bits of an APIC ID lie below the core's and the package's number; 0 and 0 when the CPU does not tell. */
static void topology_shifts(u32 *core, u32 *package)
{
	u32 max = cpu_cpuid(0, 0).eax, leaf = max >= 0x1f && cpu_cpuid(0x1f, 0).ebx ? 0x1f : 0xb;

	*core = *package = 0;
	if (max < leaf)
		return;
	for (u32 i = 0; i < 8; i++) {
		struct cpuid_regs r = cpu_cpuid(leaf, i);
		u32 type = r.ecx >> 8 & 0xff;

		if (!type)
			break;
		if (type == 1)
			*core = r.eax & 31;
		*package = r.eax & 31;
	}
}

/* Which processors each guest may use. The array is the bootstrap processor's for the time of start_guests. */
static struct place *place_guests(const void *blob, u32 n)
{
	struct machine *m = hv_zalloc(sizeof(*m));
	struct place *list = hv_zalloc(n * sizeof(*list));
	struct config_err text[4];
	struct config_errs errs = { .list = text, .cap = ARRAY_SIZE(text) };
	u32 core, package;
	int err;

	if (!m || !list)
		fatal("out of memory for the placement of guests", "give the machine more memory");
	for (u32 i = 0; i < n; i++)
		list[i].skipped = skipped[i];
	topology_shifts(&core, &package);
	m->memory = guest_frames_free_bytes();
	for (u32 i = 0; i < nr_pcpus; i++)
		if (machine_add_cpu(m, pcpus[i]->apic_id, core, package))
			log_warn("CPU %u: too many processors for placing guests\n", i);
	err = config_place(blob, m, list, n, &errs);
	for (u32 i = 0; i < errs.nr && i < errs.cap; i++)
		log_printf(err ? LOG_ERR : LOG_WARN, "config: %s\n", text[i].text);
	if (err)
		fatal("the guests cannot be placed on this machine's processors",
		      "mend what is listed above; tools/bhcfg check --machine tells beforehand");
	monitor_set_machine(m);
	monitor_set_modules(module_at);
	return list;
}

/* What a guest's control channel may do, as the blob says. */
static int give_control(const void *blob, struct vm *vm)
{
	const struct vm_config *c = &vm->config;
	struct mon_rights r = { .reach = MON_REACH_NONE, .mutate = true };
	u32 n = c->control == VM_CONTROL_SELF ? 1 : c->control == VM_CONTROL_LIST ? c->controls.nr : 0, *list = NULL;

	if (n) {
		list = hv_zalloc(n * sizeof(*list));
		if (!list)
			return ERR_NOMEM;
		r.reach = MON_REACH_LIST;
		r.guests = list;
	}
	if (c->control == VM_CONTROL_ALL)
		r.reach = MON_REACH_ALL;
	if (c->control == VM_CONTROL_SELF)
		list[r.nr++] = vm->id;
	for (u32 i = 0; c->control == VM_CONTROL_LIST && i < n; i++)
		if (config_ref(blob, &c->controls, i, &list[r.nr]) == OK)
			r.nr++;
	return monitor_add_control(vm, &r);
}

/*
 * Which Intel processors have it is told by IA32_ARCH_CAPABILITIES, bit IF_PSCHANGE_MC_NO: those without the register
 * are taken to. (SDM vol. 4 "Architectural MSRs".)
 */
static bool has_itlb_multihit(void)
{
	bool tells = cpu_cpuid(0, 0).eax >= 7 && cpu_cpuid(7, 0).edx & BIT(29);

	return !tells || !(cpu_rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAP_PSCHANGE_MC_NO);
}

bool guests_small_code(void)
{
	return cmdline_flag(bi.cmdline, "small-code-pages", has_itlb_multihit());
}

static void expect_guests(const void *blob, u32 n)
{
	struct config_errs errs = { 0 };
	struct vm_config c;
	u32 most = 0;

	for (u32 i = 0; i < n; i++)
		if (config_guest_parse(blob, i, NULL, &c, &errs) == OK)
			most = MAX(most, c.vcpus);
	monitor_expect(n, most);
}

void guests_create(const void *blob, struct hv_config *hv)
{
	struct config_errs errs = { 0 };
	u32 n = config_guest_count(blob);
	bool small_code = guests_small_code();
	struct place *places = place_guests(blob, n);

	vm_memory_init(small_code);
	expect_guests(blob, n);
	if (!small_code && has_itlb_multihit())
		log_warn("guests: this processor has the iTLB multihit erratum: a guest can stop the machine\n");
	(void)!config_hypervisor_parse(blob, hv, &errs);
	vm_show_summaries(hv->summary);
	if (hv->has_log_level)
		log_set_level(hv->log_level);
	for (u32 i = 0; i < n; i++) {
		u64 before = hv_pool_free_bytes();
		struct vm_config vc;
		struct vm *vm;

		if (config_guest_parse(blob, i, NULL, &vc, &errs))
			continue;
		if (places[i].skipped) {
			log_warn("guest %s: left out: it does not fit this machine (on-error)\n", vc.name);
			continue;
		}
		if (vm_create(i, &vc, &places[i].cpus, find_image, &vm))
			continue;
		if (monitor_add_vm(vm)) {
			log_err("guest %s: cannot be created: no memory for its console\n", vc.name);
			vm_destroy(vm);
			continue;
		}
		vm->hv_bytes = before - hv_pool_free_bytes();
		map_media(&vc);
		if (config_has_control_port(&vc) && give_control(blob, vm))
			log_err("guest %s: no memory for its control channel\n", vc.name);
		log_info("guest %s: %lu MiB, %u vCPU%s, hypervisor memory %lu KiB\n", vc.name, vc.memory >> 20,
		         vc.vcpus, vc.vcpus == 1 ? "" : "s", vm->hv_bytes >> 10);
	}
	hv_zfree(places, n * sizeof(*places));
	if (guests_init(blob, n))
		fatal("out of memory for the life-cycle of the guests", "give the machine more memory");
	guests_boot();
}
