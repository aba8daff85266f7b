/* Ticket spin lock. Interrupts are always off in root mode, so there is no irqsave form. */
#pragma once

#include "arch/x86/cpu.h"
#include "lib/atomic.h"

struct spinlock {
	u16 next, owner;
};

static inline void spin_lock(struct spinlock *l)
{
	u16 me = atomic_add_relaxed(&l->next, 1);

	while (atomic_load_acquire(&l->owner) != me)
		cpu_pause();
}

/* Only if nobody has it and nobody waits for it. */
static inline bool spin_trylock(struct spinlock *l)
{
	u16 owner = atomic_load_relaxed(&l->owner), next = owner;

	return atomic_cas(&l->next, &next, (u16)(owner + 1));
}

static inline void spin_unlock(struct spinlock *l)
{
	atomic_store_release(&l->owner, (u16)(l->owner + 1));
}
