/*
 * Arbitrary bytes as a configuration blob, or as the description of a machine: no crash, and what is accepted holds
 * its promises.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/assert.h"
#include "vmm/config/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *blob;
static size_t len;

/* s is NULL or a string that ends inside the blob. */
static void inside(const char *s)
{
	assert(!s || !*s || (s >= blob && s < blob + len && memchr(s, 0, (size_t)(blob + len - s))));
}

static bool exists(void *ctx, const char *name)
{
	return strlen(name) % 2 == 0;
}

static void look_at_drives(const struct vm_config *vm, bool good)
{
	assert(vm->nr_drives <= CONFIG_MAX_DRIVES);
	for (u32 i = 0; i < vm->nr_drives; i++) {
		const struct vm_drive *d = &vm->drives[i];

		inside(d->source);
		inside(d->serial);
		assert(config_drive_kind_str(d->kind)[0] != '?' && config_drive_model_str(d->model)[0] != '?');
		if (!good)
			continue;
		assert(d->source || d->kind != VM_DRIVE_DISK);
		assert(d->place < 4 && d->boot_order <= CONFIG_MAX_BOOT_ORDER && d->overlay % PAGE_SIZE == 0);
		assert(d->read_only == !d->overlay);
		for (u32 k = 0; k < i; k++)
			assert(vm->drives[k].model != d->model || vm->drives[k].place != d->place);
	}
}

static void look_at_nics(const struct vm_config *vm)
{
	assert(vm->nr_nics <= CONFIG_MAX_NICS);
	for (u32 i = 0; i < vm->nr_nics; i++) {
		const struct vm_nic *n = &vm->nics[i];

		assert(n->nr < CONFIG_MAX_NICS && !(n->mac[0] & 1) && n->boot_order <= CONFIG_MAX_BOOT_ORDER);
		assert(config_nic_model_str(n->model)[0] != '?');
		for (u32 k = 0; k < i; k++)
			assert(vm->nics[k].nr != n->nr && memcmp(vm->nics[k].mac, n->mac, 6) != 0);
	}
}

static void look(const struct vm_config *vm, bool good)
{
	inside(vm->name);
	inside(vm->kernel);
	inside(vm->initrd);
	inside(vm->cmdline);
	assert(vm->cmdline && vm->name);
	for (u32 i = 0; i < vm->nr_modules; i++)
		inside(config_module(vm, i));
	assert(!config_module(vm, vm->nr_modules));
	assert(vm->vcpus >= 1 && vm->vcpus <= CONFIG_MAX_VCPUS);
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		assert(config_serial_str(vm->com[i])[0] != '?');
	assert(config_protocol_str(vm->protocol)[0] != '?');
	inside(vm->ready_text);
	look_at_drives(vm, good);
	for (u32 i = 0; config_pv_str(i); i++)
		assert(vm->pv <= VM_PV_ALL);
	assert(vm->weight >= 1 && vm->weight <= CONFIG_MAX_WEIGHT);
	assert(vm->restart_limit >= 1 && vm->restart_limit <= CONFIG_MAX_RESTARTS);
	assert(config_action_str(vm->on_crash)[0] != '?' && config_control_str(vm->control)[0] != '?');
	if (!good)
		return;
	assert(vm->cap <= 100 * vm->vcpus && vm->reservation <= 95 * vm->vcpus);
	assert(!vm->cap || vm->reservation <= vm->cap);
	assert(!vm->exclusive || vm->cores.count || !cpuset_empty(&vm->pin));
	assert(vm->backoff && vm->backoff <= vm->backoff_max);
	assert(!(vm->pv && vm->signature == HV_SIGNATURE_NONE));
	assert(vm->firmware ? vm->firmware_image && *vm->firmware_image : vm->kernel && *vm->kernel);
	assert(vm->platform == VM_PLATFORM_PC || !(vm->firmware || vm->nr_drives || vm->nr_nics));
	look_at_nics(vm);
	assert(config_account(vm) >= vm->memory);
	assert(vm->memory >= CONFIG_MIN_MEMORY && vm->memory % PAGE_SIZE == 0);
	assert(vm->topo.sockets * vm->topo.cores * vm->topo.threads == vm->vcpus);
	assert(strlen(vm->name) <= CONFIG_NAME_MAX);
}

/* References of an accepted blob lead to guests. */
static void refs(const char *blob_, const struct config_refs *r, u32 nr, bool all_good)
{
	for (u32 i = 0; i < r->nr && i < 32; i++) {
		u32 index = ~0u;
		int e = config_ref(blob_, r, i, &index);

		assert(e == OK || (e == ERR_NOENT && !all_good));
		assert(e != OK || index < nr);
	}
}

/* An accepted blob on a machine of two packages, two cores, two threads. */
static void place(const char *accepted)
{
	struct machine m = { .memory = 1ull << 40 };
	struct place list[16] = { 0 };
	u32 nr = config_guest_count(accepted);
	struct config_errs errs = { 0 };

	for (u32 i = 0; i < 8; i++)
		assert(machine_add_cpu(&m, i, 1, 2) == OK);
	if (nr > ARRAY_SIZE(list) || config_place(accepted, &m, list, nr, &errs) != OK)
		return;
	for (u32 i = 0; i < nr; i++) {
		const struct place *p = &list[i];
		struct cpuset whole, others;

		assert(!cpuset_empty(&p->cpus));
		assert(cpuset_empty(&p->pin) || !memcmp(&p->pin, &p->cpus, sizeof(p->pin)));
		if (p->cores.count)
			assert(cpuset_count(&p->cpus) == p->cores.count);
		machine_cores_of(&m, &p->cpus, &whole);
		for (u32 k = 0; p->exclusive && k < nr; k++) {
			others = list[k].cpus;
			cpuset_remove(&others, &whole);
			assert(k == i || !memcmp(&others, &list[k].cpus, sizeof(others)));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_err list[8];
	struct config_errs errs = { .list = list, .cap = 8 };
	struct config_limits lim = { .memory = 1ull << 32, .module_exists = size % 2 ? exists : NULL };
	static struct machine m;
	struct hv_config hv;
	char *copy = malloc(size + 1);
	int all;

	memcpy(copy, data, size);
	blob = copy;
	len = size;
	all = config_check(copy, size, &lim, &errs);
	assert((all == OK) == (errs.nr == 0));
	for (u32 i = 0; i < errs.nr && i < errs.cap; i++)
		assert(memchr(list[i].text, 0, sizeof(list[i].text)));
	if (all == OK)
		place(copy);
	errs.nr = 0;
	if (machine_parse(copy, size, &m, &errs) == OK)
		assert(m.nr_cpus >= 1 && m.nr_cpus <= CPUSET_MAX && m.memory);
	else
		assert(errs.nr);
	errs.nr = 0;
	if (config_open(copy, size, &errs) == OK) {
		u32 n = config_guest_count(copy);
		struct vm_config vm;

		assert(config_size(copy) <= size);
		if (config_hypervisor_parse(copy, &hv, &errs) != OK)
			assert(all != OK);
		for (u32 i = 0; i < n && i < 100; i++) {
			int r = config_guest_parse(copy, i, &lim, &vm, &errs);

			assert(r == OK || (r == ERR_INVAL && all != OK));
			look(&vm, r == OK);
			refs(copy, &vm.after, n, all == OK);
			refs(copy, &vm.standby_for, n, all == OK);
			refs(copy, &vm.controls, n, all == OK);
		}
		assert(config_guest_parse(copy, n, &lim, &vm, &errs) == ERR_NOENT);
	} else {
		assert(all != OK);
	}
	free(copy);
	return 0;
}
