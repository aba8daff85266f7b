/*
 * Keys on their way to a guest's keyboard: queued by an operator on any CPU, typed by a timer of the guest's, at its
 * expense and in its time. What is not typed when the guest is reset is forgotten.
 */
#include "vmm/board/input.h"

#include "lib/atomic.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/request.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/vm/vm.h"

#define KEY_NS    10000000u /* between events: BIOSes' and programs' buffers hold few */
#define TRIES_MAX 1000u     /* 10 s in which the guest has not taken one */

int input_queue_keys(struct vm *vm, const struct input_key *keys, u32 nr)
{
	struct board_typing *t = &vm->board->typing;
	int err = OK;

	if (!board_is_pc(&vm->config, 0))
		return ERR_NOTSUP;
	if (nr > BOARD_KEYS_MAX)
		return ERR_NOSPC;
	spin_lock(&t->lock);
	if (t->nr) {
		err = ERR_BUSY;
	} else {
		memcpy(t->key, keys, nr * sizeof(*keys));
		t->at = t->tries = 0;
		atomic_store_relaxed(&t->nr, nr);
		atomic_store_relaxed(&t->waits, true);
	}
	spin_unlock(&t->lock);
	/* Once more for those before: a request that came while the VM was about to pause is forgotten. */
	vcpu_request(vm->vcpus[0], VCPU_REQ_INPUT);
	return err;
}

/* The next event, if the keyboard has room for it. Whether there are more. */
static bool type_one(struct vm *vm, u64 now)
{
	struct board_typing *t = &vm->board->typing;
	struct v8042 *kbc = &vm->board->kbc;
	bool more;

	spin_lock(&t->lock);
	if (t->nr && v8042_input.key_room(kbc)) {
		v8042_input.key(kbc, t->key[t->at].key, t->key[t->at].down, now);
		t->at++;
		t->tries = 0;
	} else if (t->nr && ++t->tries == TRIES_MAX) {
		log_warn("guest %s: its keyboard is not read, %u key events are dropped\n", vm->config.name,
		         t->nr - t->at);
		t->at = t->nr;
	}
	if (t->at == t->nr)
		atomic_store_relaxed(&t->nr, 0);
	more = t->nr != 0;
	spin_unlock(&t->lock);
	return more;
}

static void timer_fired(void *arg, u64 now)
{
	struct vm *vm = arg;

	if (type_one(vm, now))
		timer_set(&vm->board->typing.timer, now + KEY_NS);
}

bool input_waits(const struct vm *vm)
{
	return atomic_load_relaxed(&vm->board->typing.waits);
}

void input_take(struct vm *vm)
{
	struct board_typing *t = &vm->board->typing;

	atomic_store_relaxed(&t->waits, false);
	timer_set(&t->timer, vm_now(vm));
}

void input_init(struct vm *vm)
{
	timer_init(&vm->board->typing.timer, &vm->vcpus[0]->timers, timer_fired, vm);
}

void input_reset(struct vm *vm)
{
	struct board_typing *t = &vm->board->typing;

	timer_cancel(&t->timer);
	spin_lock(&t->lock);
	atomic_store_relaxed(&t->nr, 0);
	atomic_store_relaxed(&t->waits, false);
	spin_unlock(&t->lock);
}
