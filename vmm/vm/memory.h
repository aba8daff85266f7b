/* A VM's memory: frames, extended page tables, the window of the hypervisor's address space. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vm;

/*
 * Before the first VM. small_code: guests execute from 4-KiB pages of the EPT only, as the processor needs it that
 * has the iTLB multihit erratum.
 */
void vm_memory_init(bool small_code);
/* Allocates and maps what vm->config asks for.
 * OK, ERR_NOMEM or what the map's layout refuses; vm_memory_destroy(). */
__must_check int vm_memory_create(struct vm *vm);
/* Gives all of it back, also after a creation that failed. No vCPU may use it any more. */
void vm_memory_destroy(struct vm *vm);
/*
 * An instruction fetch at gpa was refused by the EPT. true: it is RAM that may be executed from now on. With the VM's
 * lock. No TLB has to be flushed: rights are only added, and the exit itself dropped the translation.
 */
bool vm_memory_fetch(struct vm *vm, u64 gpa);
