/* Creation of a VM from its configuration. */
#pragma once

#include "vmm/base/cpuset.h"
#include "vmm/vm/vm.h"

/* Finds a boot module by its name. OK, ERR_NOENT or ERR_NOMEM (it cannot be mapped). */
typedef int vm_find_image(const char *name, struct vm_image *img);

/*
 * Creates a VM from its configuration: memory, EPT, window, vCPUs, devices. cpus: processors they may run on. The
 * images are looked up with find. OK; else a negative error, with the reason logged.
 */
__must_check int vm_create(u32 id, const struct vm_config *config, const struct cpuset *cpus, vm_find_image *find,
                           struct vm **out);
/* It has never run. */
void vm_destroy(struct vm *vm);
