/*
 * Stores to and loads from a device's memory, of exactly that width, in the order of the program. Nothing but the
 * access: fakes in hosted tests replace them by macros of the same name. Addresses need no alignment where the device
 * bears it (a screen's memory).
 */
#pragma once

#include "lib/types.h"

#define MMIO_ACCESS(bits)                                                \
	struct mmio_##bits {                                             \
		u##bits v;                                               \
	} __packed;                                                      \
	static inline void mmio_write##bits(volatile void *p, u##bits v) \
	{                                                                \
		((volatile struct mmio_##bits *)p)->v = v;               \
	}                                                                \
	static inline u##bits mmio_read##bits(const volatile void *p)    \
	{                                                                \
		return ((const volatile struct mmio_##bits *)p)->v;      \
	}
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)
#undef MMIO_ACCESS
