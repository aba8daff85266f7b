/* Arbitrary bytes as a configuration blob: no crash, and what is accepted holds its promises. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/assert.h"
#include "vmm/config.h"

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
	if (!good)
		return;
	assert(vm->kernel && *vm->kernel);
	assert(vm->memory >= CONFIG_MIN_MEMORY && vm->memory % PAGE_SIZE == 0);
	assert(vm->topo.sockets * vm->topo.cores * vm->topo.threads == vm->vcpus);
	assert(strlen(vm->name) <= CONFIG_NAME_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_err list[8];
	struct config_errs errs = { .list = list, .cap = 8 };
	struct config_limits lim = { .memory = 1ull << 32, .module_exists = size % 2 ? exists : NULL };
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
		}
		assert(config_guest_parse(copy, n, &lim, &vm, &errs) == ERR_NOENT);
	} else {
		assert(all != OK);
	}
	free(copy);
	return 0;
}
