/* Stacks for tasks (lib/task.h). */
#pragma once

#include "lib/types.h"

#define TEST_STACK_SIZE       (256u << 10) /* the sanitizers' frames are large */
#define TEST_STACK(name)      _Alignas(64) u8 name[TEST_STACK_SIZE]
#define TEST_STACK_TOP(stack) ((u64)(stack) + TEST_STACK_SIZE)

void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

/* Its task was dropped: what the address sanitizer knows of the functions there is no longer so. */
static inline void test_stack_forget(u8 *stack)
{
	__asan_unpoison_memory_region(stack, TEST_STACK_SIZE);
}
