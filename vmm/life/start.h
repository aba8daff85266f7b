/* Start of a VM, piece by piece. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vm;

/* What a start needs. OK or ERR_NOMEM. */
__must_check int vm_start_create(struct vm *vm);
void vm_start_destroy(struct vm *vm);
/* The next piece of a start, for the run loop. The state is then VM_RUNNING,
 * VM_CRASHED (logged why) or VM_STARTING. */
void vm_start_step(struct vm *vm);
