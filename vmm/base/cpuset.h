/* A set of the machine's logical processors, by number. Pure. */
#pragma once

#include "lib/types.h"

#define CPUSET_MAX 256u

struct cpuset {
	u64 w[CPUSET_MAX / 64];
};

static inline void cpuset_add(struct cpuset *s, u32 cpu)
{
	s->w[cpu / 64] |= BIT(cpu % 64);
}
static inline bool cpuset_has(const struct cpuset *s, u32 cpu)
{
	return cpu < CPUSET_MAX && (s->w[cpu / 64] >> cpu % 64 & 1);
}
static inline u32 cpuset_count(const struct cpuset *s)
{
	u32 n = 0;

	for (u32 i = 0; i < CPUSET_MAX; i++)
		n += cpuset_has(s, i);
	return n;
}
static inline bool cpuset_empty(const struct cpuset *s)
{
	return !(s->w[0] | s->w[1] | s->w[2] | s->w[3]);
}
/* Whether all of a is in b. */
static inline bool cpuset_within(const struct cpuset *a, const struct cpuset *b)
{
	for (u32 i = 0; i < ARRAY_SIZE(a->w); i++)
		if (a->w[i] & ~b->w[i])
			return false;
	return true;
}
static inline void cpuset_join(struct cpuset *a, const struct cpuset *b)
{
	for (u32 i = 0; i < ARRAY_SIZE(a->w); i++)
		a->w[i] |= b->w[i];
}
static inline void cpuset_remove(struct cpuset *a, const struct cpuset *b)
{
	for (u32 i = 0; i < ARRAY_SIZE(a->w); i++)
		a->w[i] &= ~b->w[i];
}
/*
 * Reads "0-3,6": numbers and ranges, ascending within a range, below CPUSET_MAX. OK; ERR_INVAL (not of that form);
 * ERR_RANGE (a number too large, or a range that goes down).
 */
__must_check int cpuset_parse(const char *s, struct cpuset *out);
/* Writes the same form; returns its length as snprintf does. */
int cpuset_format(const struct cpuset *s, char *buf, size_t size);
