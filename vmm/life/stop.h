/* End of a VM: what is told, what follows. */
#pragma once

#include "vmm/vm/vm.h"

/*
 * Takes a stopped VM, whose last vCPU has left the guest, through its policy: restart or end, with the summary. In
 * pieces of a line for the log each, after vm_stop_begin(); false: that was the last, and the VM may be starting again
 * on another CPU by now.
 */
void vm_stop_begin(struct vm *vm);
__must_check bool vm_stop_step(struct vm *vm);
/* Whether the exit tables of guests are shown at their ends. */
void vm_show_summaries(bool on);
