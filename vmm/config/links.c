/* What guests of the configuration blob say about one another: references, order of start, standby guests. */
#include <libfdt.h>

#include "lib/string.h"
#include "vmm/config/internal.h"

/* What the check needs to know of all guests at once; lives on the stack, so it is kept small. */
struct links {
	const void *blob;
	int guests;
	u32 nr;
	u32 phandle[CONFIG_MAX_LINKED]; /* 0: none */
	u64 done[CONFIG_MAX_LINKED / 64];
};

/* The properties that refer to other guests, and whether a guest starts only when those it names have. */
static const struct {
	const char *name;
	bool orders;
} refs_props[] = { { "after", true }, { "standby-for", true }, { "control", false } };

static bool get_refs(const void *blob, int node, u32 prop, struct config_refs *refs)
{
	int len;
	const char *p = fdt_getprop(blob, node, refs_props[prop].name, &len);

	/* As the parser of control tells words from cells; what is of no use was reported there. */
	if (!p || len <= 0 || len % 4 || p[0])
		return false;
	*refs = (struct config_refs){ p, (u32)len / 4 };
	return true;
}

/* Number of the guest with this phandle, or nr. */
static u32 find(const struct links *l, u32 phandle)
{
	u32 i;

	for (i = 0; i < l->nr && (!phandle || l->phandle[i] != phandle); i++)
		;
	return i;
}

int config_ref(const void *blob, const struct config_refs *refs, u32 i, u32 *index)
{
	int node, guests = cfg_guests_node(blob);
	u32 n = 0, phandle;

	if (guests < 0 || i >= refs->nr)
		return ERR_NOENT;
	phandle = cfg_cell(refs->cells + (size_t)4 * i);
	fdt_for_each_subnode(node, blob, guests)
	{
		if (phandle && fdt_get_phandle(blob, node) == phandle) {
			*index = n;
			return OK;
		}
		n++;
	}
	return ERR_NOENT;
}

static bool is_done(const struct links *l, u32 i)
{
	return l->done[i / 64] >> i % 64 & 1;
}

/* Whether all that this guest waits for are done. */
static bool can_start(const struct links *l, int node)
{
	for (u32 p = 0; p < ARRAY_SIZE(refs_props); p++) {
		struct config_refs refs;

		if (!refs_props[p].orders || !get_refs(l->blob, node, p, &refs))
			continue;
		for (u32 i = 0; i < MIN(refs.nr, CONFIG_MAX_AFTER); i++) {
			u32 other = find(l, cfg_cell(refs.cells + (size_t)4 * i));

			if (other < l->nr && !is_done(l, other))
				return false;
		}
	}
	return true;
}

/* Takes away guests that nothing keeps from starting until none is left,
 * or those in a circle and what hangs on it. */
static void check_cycles(struct links *l, struct config_errs *errs)
{
	u32 left = l->nr;
	bool moved = true;
	int node;

	for (u32 round = 0; left && moved && round < CONFIG_MAX_CHAIN; round++) {
		u64 done[ARRAY_SIZE(l->done)];
		u32 i = 0;

		memcpy(done, l->done, sizeof(done));
		moved = false;
		fdt_for_each_subnode(node, l->blob, l->guests)
		{
			if (!is_done(l, i) && can_start(l, node)) {
				done[i / 64] |= BIT(i % 64);
				left--;
				moved = true;
			}
			i++;
		}
		memcpy(l->done, done, sizeof(l->done));
	}
	if (left) {
		u32 i = 0;

		fdt_for_each_subnode(node, l->blob, l->guests)
		{
			struct where w;

			if (is_done(l, i++))
				continue;
			cfg_where(&w, errs, "/guests/", fdt_get_name(l->blob, node, NULL));
			if (moved)
				cfg_fail(&w, "more than %u guests wait for one another in a row", CONFIG_MAX_CHAIN);
			else
				cfg_fail(&w, "it waits for itself: after and standby-for go in a circle");
			return;
		}
	}
}

/* Whether there is a way for this guest to say that it is ready. */
static bool tells_ready(const void *blob, int node)
{
	static const char *const coms[] = { "com1", "com2", "com3", "com4" };

	if (fdt_getprop(blob, node, "ready-text", NULL))
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(coms); i++) {
		int len;
		const char *p = fdt_getprop(blob, node, coms[i], &len);

		if (p && len == sizeof("control") && !memcmp(p, "control", sizeof("control")))
			return true;
	}
	return false;
}

static bool waits_for_ready(const void *blob, int node)
{
	int len;
	const char *p = fdt_getprop(blob, node, "after-state", &len);

	return p && len == sizeof("ready") && !memcmp(p, "ready", sizeof("ready"));
}

static void check_refs(const struct links *l, int node, struct config_errs *errs)
{
	struct where w;

	cfg_where(&w, errs, "/guests/", fdt_get_name(l->blob, node, NULL));
	for (u32 p = 0; p < ARRAY_SIZE(refs_props); p++) {
		struct config_refs refs;

		if (!get_refs(l->blob, node, p, &refs))
			continue;
		w.prop = refs_props[p].name;
		for (u32 i = 0; i < MIN(refs.nr, CONFIG_MAX_LINKED); i++) {
			u32 other = find(l, cfg_cell(refs.cells + (size_t)4 * i));
			int target = fdt_first_subnode(l->blob, l->guests);

			if (other == l->nr) {
				cfg_fail(&w, "reference %u is not to a guest", i + 1);
				break;
			}
			for (u32 k = 0; k < other; k++)
				target = fdt_next_subnode(l->blob, target);
			if (p == 0 && waits_for_ready(l->blob, node) && !tells_ready(l->blob, target))
				cfg_fail(&w,
				         "%.63s has neither ready-text nor a control port: it cannot say that it is "
				         "ready",
				         fdt_get_name(l->blob, target, NULL));
		}
	}
}

void cfg_check_links(const void *blob, int guests, struct config_errs *errs)
{
	struct links l = { .blob = blob, .guests = guests };
	bool linked = false;
	struct where w;
	int node;

	cfg_where(&w, errs, "/", "guests");
	fdt_for_each_subnode(node, blob, guests)
	{
		struct config_refs refs;

		for (u32 p = 0; p < ARRAY_SIZE(refs_props); p++)
			linked |= get_refs(blob, node, p, &refs);
		if (l.nr < CONFIG_MAX_LINKED) {
			l.phandle[l.nr] = fdt_get_phandle(blob, node);
			if (l.phandle[l.nr] && find(&l, l.phandle[l.nr]) != l.nr)
				cfg_fail(&w, "two guests have the phandle %u", l.phandle[l.nr]);
		}
		l.nr++;
	}
	if (!linked)
		return;
	if (l.nr > CONFIG_MAX_LINKED) {
		cfg_fail(&w, "after, standby-for and lists of control work with up to %u guests", CONFIG_MAX_LINKED);
		return;
	}
	fdt_for_each_subnode(node, blob, guests)
	{
		check_refs(&l, node, errs);
	}
	check_cycles(&l, errs);
}
