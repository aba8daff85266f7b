/* Sets of processors as text. */
#include "vmm/base/cpuset.h"

#include "lib/err.h"
#include "lib/fmt.h"

/* A decimal number at *s, which moves on. ERR_INVAL without a digit, ERR_RANGE beyond the set. */
static int number(const char **s, u32 *out)
{
	u32 n = 0;

	if (**s < '0' || **s > '9')
		return ERR_INVAL;
	for (; **s >= '0' && **s <= '9'; (*s)++)
		n = MIN(n * 10 + (u32)(**s - '0'), CPUSET_MAX);
	*out = n;
	return n < CPUSET_MAX ? OK : ERR_RANGE;
}

int cpuset_parse(const char *s, struct cpuset *out)
{
	*out = (struct cpuset){ 0 };
	for (;; s++) {
		u32 first, last;
		int r = number(&s, &first);

		if (r != OK)
			return r;
		last = first;
		if (*s == '-') {
			s++;
			r = number(&s, &last);
			if (r != OK)
				return r;
		}
		if (last < first)
			return ERR_RANGE;
		for (u32 i = first; i <= last; i++)
			cpuset_add(out, i);
		if (!*s)
			return OK;
		if (*s != ',')
			return ERR_INVAL;
	}
}

int cpuset_format(const struct cpuset *s, char *buf, size_t size)
{
	size_t n = 0;

	if (size)
		buf[0] = 0;
	for (u32 i = 0; i < CPUSET_MAX; i++) {
		u32 first = i;

		if (i % 64 == 0 && !s->w[i / 64])
			i += 63; /* none of these */
		if (!cpuset_has(s, i))
			continue;
		while (cpuset_has(s, i + 1))
			i++;
		n += (size_t)fmt_snprintf(n < size ? buf + n : NULL, n < size ? size - n : 0, "%s%u", n ? "," : "",
		                          first);
		if (i > first)
			n += (size_t)fmt_snprintf(n < size ? buf + n : NULL, n < size ? size - n : 0, "-%u", i);
	}
	return (int)n;
}
