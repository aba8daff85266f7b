/* What an operator does to a VM: pause, resume, power button. */
#pragma once

#include "vmm/vm/vm.h"

/*
 * From any CPU. OK, or ERR_NOENT: not in a state for it; ERR_EXIST: done already; ERR_BUSY: a vCPU is on its way out
 * of the guest, try again. While a VM is paused, its time stands still.
 */
__must_check int vm_pause(struct vm *vm);
__must_check int vm_resume(struct vm *vm);
__must_check int vm_power_button(struct vm *vm);
/* Tells in the log what a command did to the VM; rate-limited. From any CPU. */
void vm_log_command(struct vm *vm, const char *fmt, ...) __printf(2, 3);
void vm_log_text(struct vm *vm, const char *text);
