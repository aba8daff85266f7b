/* Virtual machines: creation from the configuration, memory, images. */
#include "vmm/vm/vm.h"

#include "arch/x86/cpu.h"
#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "arch/x86/tsc.h"
#include "lib/assert.h"
#include "mm/hvmem.h"
#include "vmm/operator/console.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/run/run.h"
#include "vmm/vm/memory.h"

struct vm *vm_list;

u64 vm_now(const struct vm *vm)
{
	return vclock_ns(&vm->clock, cpu_rdtsc() - vm->tsc_start);
}

/* ---- images ---- */

/* ---- creation ---- */

/* The guest may have seen its time up to now: it goes on from here. */
void vm_time_seen(struct vm *vm)
{
	u64 now = cpu_rdtsc(), before = __atomic_load_n(&vm->pause_tsc, __ATOMIC_SEQ_CST);

	while (before < now &&
	       !__atomic_compare_exchange_n(&vm->pause_tsc, &before, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}
