/* Asserts are always on and free of side effects; panic() is the machine layer's (hosted: abort). */
#pragma once

#include "lib/types.h"

__noreturn void panic(const char *fmt, ...) __printf(1, 2);

#define assert(cond)                                                                       \
	do {                                                                               \
		if (unlikely(!(cond)))                                                     \
			panic("assertion failed: %s at %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)
