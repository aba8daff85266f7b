/* What writing and reading a stream have in common. */
#pragma once

#include "lib/bytes.h"
#include "vmm/state/stream.h"

#define STATE_MAGIC "BHSTATE" /* 8 bytes with its terminator */
#define KIND_RECORD 1
#define KIND_END    2
#define HEADER_LEN  16
#define END_LEN     24
#define WORD        8

/* len: whole words. One word that differs gives another sum, for what is done with each can be undone. */
static inline u64 state_sum(const u8 *p, size_t len)
{
	u64 sum = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i += WORD) {
		sum = (sum ^ get64(p + i)) * 0x100000001b3ull;
		sum ^= sum >> 32;
	}
	return sum;
}
