/*
 * The life-cycle of the guests, carried out: life.c decides, this does it. Decisions are acted upon on the bootstrap
 * processor, between turns; reports and commands come from anywhere.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/life/life.h"

struct vm;

/* Reads the policies of the nr guests of a checked blob; their VMs get the same ids. OK or ERR_NOMEM. */
__must_check int guests_init(const void *blob, u32 nr);
/* Once all VMs are created: starts what the configuration says. */
void guests_boot(void);
/* Does what is due; returns whether there was anything. On the bootstrap processor. */
bool guests_run(void);
/* When it has to be called at the latest, clock_now() ns; LIFE_NEVER: no need. */
u64 guests_deadline(void);

/* It said that it is ready. */
void guests_ready(struct vm *vm);

/* An operator's commands: OK; ERR_INVAL: not in this state; ERR_BUSY: the last command is still being carried out. */
__must_check int guests_start(struct vm *vm);
__must_check int guests_stop(struct vm *vm);
__must_check int guests_reset(struct vm *vm);
__must_check int guests_pause(struct vm *vm);
__must_check int guests_resume(struct vm *vm);

/* State and reason of a VM, for people. */
enum life_state guests_state(const struct vm *vm);
const char *guests_why(const struct vm *vm);
/* All that is to be said about its state; perhaps nothing. */
void guests_reason(const struct vm *vm, char *buf, size_t size);
/* Whether one runs, is being started or will be. */
bool guests_any_alive(void);
