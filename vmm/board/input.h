/* Keys that are typed at a VM's keyboard. */
#pragma once

#include "lib/err.h"
#include "vmm/backend/input.h"

struct vm;

#define BOARD_KEYS_MAX 256

/*
 * Queues nr events for the guest's keyboard, from any CPU: one every 10 ms of VM time, as long as the guest takes
 * them. All or none: OK; ERR_NOTSUP: it has no keyboard; ERR_NOSPC: more than BOARD_KEYS_MAX; ERR_BUSY: some queued
 * before are not typed yet.
 */
__must_check int input_queue_keys(struct vm *vm, const struct input_key *keys, u32 nr);
/* Whether keys were queued; begins to type them, with the VM's lock held, in a turn of its vCPU 0. */
bool input_waits(const struct vm *vm);
void input_take(struct vm *vm);
