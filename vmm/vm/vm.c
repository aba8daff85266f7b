/* Virtual machines: which there are, and their time. */
#include "vmm/vm/vm.h"

#include "arch/x86/cpu.h"
#include "lib/atomic.h"

struct vm *vm_list;

u64 vm_now(const struct vm *vm)
{
	return vclock_ns(&vm->clock, cpu_rdtsc() - vm->tsc_start);
}

struct vm *vm_by_id(u32 id)
{
	vm_for_each (vm)
		if (vm->id == id)
			return vm;
	return NULL;
}

void vm_time_seen(struct vm *vm)
{
	u64 now = cpu_rdtsc(), before = atomic_load(&vm->pause_tsc);

	while (before < now && !atomic_cas(&vm->pause_tsc, &before, now))
		;
}
