/* End of a VM: what is told, what follows. */
#pragma once

#include "vmm/vm/vm.h"

/* Takes a stopped VM through its policy: restart or end, with the summary. When its last vCPU has left the guest. */
void vm_handle_stop(struct vm *vm);
/* The exit tables of a guest, to the log; whether they are shown at all. */
void vm_show_summaries(bool on);
void vm_summary(struct vm *vm);
