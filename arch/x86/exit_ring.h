/*
 * The exit ring of a processor: its last VM exits, and room for the last words of a run. It lies in memory that a
 * warm reset leaves alone, where the next run of the same build on the same machine has its ring, too. So that one
 * can tell what the run before did last. Nothing found there is trusted: every record carries its number and a sum of
 * its contents, and what does not match is not there. Pure.
 */
#pragma once

#include "lib/types.h"

#define EXIT_RING_ENTRIES 2048u /* power of two */
#define EXIT_RING_WORDS   4048u

struct exit_record {
	u64 tsc, rip;
	u32 reason;
	u32 who;   /* VM id << 16 | vCPU id */
	u64 check; /* its number in this run, from 0, plus exit_record_sum() */
};
_Static_assert(sizeof(struct exit_record) == 32, "the index is a shift");

struct exit_ring {
	u64 magic;
	u64 start_tsc; /* at the start of the run */
	u32 cpu;
	u32 words_len;
	u64 check; /* of the above but words_len */
	u64 state; /* EXIT_RING_RUNNING or _ENDED */
	u64 words_check;
	char words[EXIT_RING_WORDS];
	struct exit_record rec[EXIT_RING_ENTRIES];
};
_Static_assert(offsetof(struct exit_ring, rec) == 4096, "records do not share lines with the head");

#define EXIT_RING_RUNNING 0x676e696e6e7572ull /* "running" */
#define EXIT_RING_ENDED   0x6465646e65ull     /* "ended" */

/* The factor spreads any change over the upper bits, which a number has not; for a record of zeroes it is not 0. */
static inline u64 exit_record_sum(const struct exit_record *r)
{
	return (r->tsc + r->rip + ((u64)r->who << 32 | r->reason) + 1) * 0x9e3779b97f4a7c15ull;
}

/*
 * Bits 26:16 of a reason, which no exit of ours sets: how long it kept root mode, us, when that was longer than it should
 * be (struct clock, bound); else 0.
 */
#define EXIT_LONG_SHIFT 16
#define EXIT_LONG_MAX   0x7ffu
static inline u32 exit_record_long_us(const struct exit_record *r)
{
	return r->reason >> EXIT_LONG_SHIFT & EXIT_LONG_MAX;
}

/* Seals record number n, whose other fields are filled in. */
static inline void exit_record_seal(struct exit_record *r, u64 n)
{
	r->check = n + exit_record_sum(r);
}

/* Empties the ring for a run that begins. */
void exit_ring_init(struct exit_ring *r, u32 cpu, u64 start_tsc);
/* The run ends as it should: nothing of it need be told. */
void exit_ring_end(struct exit_ring *r);
/* Keeps the last EXIT_RING_WORDS bytes of text. */
void exit_ring_set_words(struct exit_ring *r, const char *text, size_t len);

/* Of memory that may hold anything: whether it is the ring of that processor
 * in a run that did not end as it should. */
bool exit_ring_is_left(const struct exit_ring *r, u32 cpu);
/* Copies the sound records among the last cap, the oldest first. Returns how many. cap: at most EXIT_RING_ENTRIES. */
u32 exit_ring_recover(const struct exit_ring *r, struct exit_record *out, u32 cap);
/* Copies the words of a ring that is left, printable ASCII and newlines only, to buf (size >= 1), with a NUL behind
 * them. Returns their length. */
size_t exit_ring_words(const struct exit_ring *r, char *buf, size_t size);
