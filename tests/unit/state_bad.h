/*
 * Test helper: states that cannot be. A fresh device's state with some fields changed ("fcr=1 rx_count=17",
 * "chan[1].cw=0x40") is refused with these words, or ("") is taken.
 */
#pragma once

#include <stdlib.h>

#include "lib/fmt.h"
#include "state_subject.h"
#include "suite.h"

#define STATE_BAD_NOW 5000000000ull /* VM time then, ns */

struct state_bad {
	const char *changes, *refusal;
};

/* Sets one field of a state. path: "name", "name[2]", "name[2].name". */
static inline void state_bad_set(const struct state_desc *desc, u8 *state, const char *path, u64 value)
{
	size_t len = strcspn(path, "[.");

	for (u32 i = 0; i < desc->nr; i++) {
		const struct state_field *f = &desc->fields[i];
		u8 *p = state + f->offset;

		if (strlen(f->name) != len || strncmp(f->name, path, len) != 0)
			continue;
		path += len;
		if (*path == '[') {
			u32 n = (u32)strtoul(path + 1, (char **)&path, 0);

			ck_assert(n < f->count && *path++ == ']');
			p += (size_t)n * f->size;
		}
		if (f->type == STATE_GROUP) {
			ck_assert(*path == '.');
			state_bad_set(f->group, p, path + 1, value);
			return;
		}
		ck_assert(!*path);
		memcpy(p, &value, f->size);
		return;
	}
	ck_abort_msg("no field %s", path);
}

/* part: which of the device's parts the fields are in. */
static inline void state_bad_check(const struct state_subject *subject, u32 part, const struct state_bad *bad, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		struct state_world *w = malloc(sizeof(*w));
		const void *parts[VDEV_PARTS];
		const struct state_desc *desc = subject->ops->state[part].desc;
		u8 *state = malloc(desc->size);
		char words[200], *word, *rest = words;
		struct state_check c = { .now = STATE_BAD_NOW, .field = "", .reason = "" };
		bool good;

		world_init(w, subject, STATE_BAD_NOW);
		for (u32 k = 0; k < VDEV_PARTS; k++)
			parts[k] = vdev_part(w->ops, w->dev, k);
		memcpy(state, parts[part], desc->size);
		parts[part] = state;
		fmt_snprintf(words, sizeof(words), "%s", bad[i].changes);
		while ((word = strsep(&rest, " "))) {
			char *value = strchr(word, '=');

			*value++ = 0;
			state_bad_set(desc, state, word, strtoull(value, NULL, 0));
		}
		good = w->ops->valid(w->dev, parts, &c);
		fmt_snprintf(words, sizeof(words), "%s: %llu: %s", c.field, (unsigned long long)c.value, c.reason);
		ck_assert_msg(good == !bad[i].refusal[0] && (good || !strcmp(words, bad[i].refusal)),
		              "%s with %s: said \"%s\" instead of \"%s\"", subject->name, bad[i].changes,
		              good ? "" : words, bad[i].refusal);
		free(state);
		world_free(w);
		free(w);
	}
}
