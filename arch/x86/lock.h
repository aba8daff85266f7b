/* Ticket spin lock. Interrupts are always off in root mode, so there is no irqsave form. */
#pragma once

#include "arch/x86/cpu.h"

struct spinlock {
	u16 next, owner;
};

static inline void spin_lock(struct spinlock *l)
{
	u16 me = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != me)
		cpu_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->owner, (u16)(l->owner + 1), __ATOMIC_RELEASE);
}
