/*
 * Atomic accesses. Sequentially consistent unless the name says otherwise: _relaxed orders nothing else, _acquire and
 * _release order what follows and what went before. The object is an ordinary variable; its declaration says
 * "atomic".
 */
#pragma once

#define atomic_load(p)         __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define atomic_load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)

#define atomic_store(p, v)         __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define atomic_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* These return what was there before. */
#define atomic_exchange_relaxed(p, v) __atomic_exchange_n(p, v, __ATOMIC_RELAXED)
#define atomic_sub_acquire(p, v)      __atomic_fetch_sub(p, v, __ATOMIC_ACQUIRE)
#define atomic_exchange(p, v)         __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_or(p, v)         __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_and(p, v)        __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_add(p, v)        __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_sub(p, v)        __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST)
#define atomic_or_relaxed(p, v)       __atomic_fetch_or(p, v, __ATOMIC_RELAXED)
#define atomic_and_relaxed(p, v)      __atomic_fetch_and(p, v, __ATOMIC_RELAXED)
#define atomic_add_relaxed(p, v)      __atomic_fetch_add(p, v, __ATOMIC_RELAXED)

/* Orders what went before it against atomic stores that follow. */
#define atomic_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)

/* *p becomes v if it is *old: true; else *old becomes what is there. */
#define atomic_cas(p, old, v) __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define atomic_cas_release(p, old, v) \
	__atomic_compare_exchange_n(p, old, v, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
