/* The configuration blob as a whole, and its hypervisor node. */
#include <libfdt.h>

#include "lib/string.h"
#include "vmm/config/internal.h"

#define COMPATIBLE "bulkhead,config-1"

static const char *const idle_words[] = { "halt", "poweroff", "reset", NULL };
static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };

const char *config_on_idle_str(enum hv_on_idle i)
{
	return (u32)i < ARRAY_SIZE(idle_words) - 1 ? idle_words[i] : "?";
}

static void hv_log_level(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, level_words, &i)) {
		t->hv->has_log_level = true;
		t->hv->log_level = (enum log_level)i;
	}
}

static void hv_on_idle(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, idle_words, &i))
		t->hv->on_idle = (enum hv_on_idle)i;
}

static const char *const error_words[] = { "refuse", "skip", NULL };

const char *config_on_error_str(enum vm_on_error e)
{
	return (u32)e < ARRAY_SIZE(error_words) - 1 ? error_words[e] : "?";
}

void cfg_on_error(struct where *w, const struct value *v, enum vm_on_error *out)
{
	u32 i;

	if (cfg_word(w, v, error_words, &i))
		*out = (enum vm_on_error)i;
}

enum vm_on_error cfg_default_on_error(const void *blob)
{
	struct config_errs errs = { 0 };
	struct hv_config hv;

	(void)!config_hypervisor_parse(blob, &hv, &errs);
	return hv.on_error;
}

static void hv_on_error(struct where *w, const struct value *v, const struct target *t)
{
	cfg_on_error(w, v, &t->hv->on_error);
}

static void hv_no_summary(struct where *w, const struct value *v, const struct target *t)
{
	if (cfg_flag(w, v))
		t->hv->summary = false;
}

static const struct prop_def hv_props[] = {
	{ "log-level", hv_log_level },
	{ "on-idle", hv_on_idle },
	{ "no-summary", hv_no_summary },
	{ "on-error", hv_on_error },
};

int config_hypervisor_parse(const void *blob, struct hv_config *hv, struct config_errs *errs)
{
	struct target t = { .hv = hv };
	int node = cfg_root_child(blob, "hypervisor");
	struct where w;
	u64 seen;

	*hv = (struct hv_config){ .on_idle = HV_IDLE_HALT, .summary = true };
	if (node < 0)
		return OK;
	cfg_where(&w, errs, "/", "hypervisor");
	cfg_props(&w, blob, node, hv_props, ARRAY_SIZE(hv_props), &t, &seen);
	cfg_no_children(&w, blob, node);
	return w.failed ? ERR_INVAL : OK;
}

u32 config_guest_count(const void *blob)
{
	int guests = cfg_root_child(blob, "guests"), node;
	u32 n = 0;

	if (guests >= 0)
		for (node = fdt_first_subnode(blob, guests); node >= 0; node = fdt_next_subnode(blob, node))
			n++;
	return n;
}

int config_guest_parse(const void *blob, u32 index, const struct config_limits *lim, struct vm_config *vm,
                       struct config_errs *errs)
{
	int guests = cfg_root_child(blob, "guests"), node;

	if (guests < 0)
		return ERR_NOENT;
	fdt_for_each_subnode(node, blob, guests)
	{
		if (!index--)
			return cfg_guest(blob, node, lim, vm, errs);
	}
	return ERR_NOENT;
}

static int check_root(const void *blob, struct config_errs *errs)
{
	struct where w;
	int off, node, len;
	const char *c = fdt_getprop(blob, 0, "compatible", &len);

	cfg_where(&w, errs, "/", "");
	if (!c)
		cfg_fail(&w, "compatible = \"%s\" is missing: not a configuration of this hypervisor", COMPATIBLE);
	else if (len <= 0 || c[len - 1] || !fdt_stringlist_contains(c, len, COMPATIBLE))
		cfg_fail(&w, "compatible is not \"%s\", the only format this version reads", COMPATIBLE);
	fdt_for_each_property_offset(off, blob, 0)
	{
		if (!fdt_getprop_by_offset(blob, off, &w.prop, NULL))
			break;
		if (strcmp(w.prop, "compatible") && !cfg_dtc_prop(w.prop))
			cfg_fail(&w, "unknown property");
	}
	w.prop = NULL;
	fdt_for_each_subnode(node, blob, 0)
	{
		const char *name = fdt_get_name(blob, node, NULL);
		char clean[CONFIG_NAME_MAX + 1];

		if (cfg_dtc_node(name))
			continue;
		if (strcmp(name, "hypervisor") && strcmp(name, "guests")) {
			cfg_printable(clean, sizeof(clean), name);
			cfg_fail(&w, "unknown node \"%s\"", clean);
		} else if (cfg_root_child(blob, name) != node) {
			cfg_fail(&w, "node \"%s\" appears twice", name);
		}
	}
	return w.failed ? ERR_INVAL : OK;
}

int config_open(const void *data, size_t size, struct config_errs *errs)
{
	int r = cfg_check_blob(data, size, errs);

	return r == OK ? check_root(data, errs) : r;
}

size_t config_size(const void *blob)
{
	return fdt_totalsize(blob);
}

/* Reports guests with a name an earlier one has. */
static void check_duplicates(struct where *w, const void *blob, int guests, int node)
{
	const char *name = fdt_get_name(blob, node, NULL);
	int other;

	fdt_for_each_subnode(other, blob, guests)
	{
		if (other == node)
			return;
		if (!strcmp(fdt_get_name(blob, other, NULL), name)) {
			cfg_fail(w, "another guest has this name");
			return;
		}
	}
}

static u64 add(u64 a, u64 b)
{
	return __builtin_add_overflow(a, b, &a) ? ~0ull : a;
}

static bool may_skip(const struct config_limits *lim, const struct vm_config *vm)
{
	return lim && lim->skip && vm->on_error == VM_ERROR_SKIP;
}

/*
 * A guest by itself: OK; ERR_INVAL with errors; ERR_NOSPC: it is sound, but not for this machine, and is left out. With
 * report, errors are added to errs, and skip is told.
 */
static int check_guest(const void *blob, int node, u32 index, const struct config_limits *lim, struct vm_config *vm,
                       struct config_errs *errs, bool report)
{
	struct config_err why;
	struct config_errs first = { .list = &why, .cap = 1 }, none = { 0 };
	struct vm_config copy;

	if (cfg_guest(blob, node, lim, vm, &first) == OK)
		return OK;
	if (may_skip(lim, vm) && cfg_guest(blob, node, NULL, &copy, &none) == OK) {
		if (report)
			lim->skip(lim->skip_ctx, index, why.text);
		return ERR_NOSPC;
	}
	return cfg_guest(blob, node, lim, vm, report ? errs : &none);
}

/* Bytes of the guests that must not be left out. */
static u64 needed_memory(const void *blob, int guests, const struct config_limits *lim)
{
	struct vm_config vm;
	u64 sum = 0;
	int node;

	fdt_for_each_subnode(node, blob, guests)
	{
		if (check_guest(blob, node, 0, lim, &vm, NULL, false) != ERR_NOSPC && !may_skip(lim, &vm))
			sum = add(sum, config_account(&vm));
	}
	return sum;
}

static void skip_for_memory(const struct config_limits *lim, u32 index, const struct vm_config *vm, u64 left)
{
	struct config_err why;
	struct config_errs errs = { .list = &why, .cap = 1 };
	struct where w;

	cfg_where(&w, &errs, "/guests/", vm->name);
	w.prop = "memory";
	cfg_fail(&w, "%llu MiB are more than others leave of the machine's: %llu MiB",
	         (unsigned long long)(config_account(vm) >> 20), (unsigned long long)(left >> 20));
	lim->skip(lim->skip_ctx, index, why.text);
}

/* Every guest, and all of them together; w: /guests. Those that may be left out get, in turn, what the others leave. */
static int check_guests(struct where *w, const void *blob, const struct config_limits *lim)
{
	int guests = cfg_guests_node(blob), node, r = OK;
	u64 sum = needed_memory(blob, guests, lim);
	u32 i = 0, left_out = 0;

	fdt_for_each_subnode(node, blob, guests)
	{
		struct vm_config vm;
		int err = check_guest(blob, node, i, lim, &vm, w->errs, true);

		if (err != OK && err != ERR_NOSPC)
			r = err;
		if (err == OK && may_skip(lim, &vm)) {
			if (lim->memory && add(sum, config_account(&vm)) > lim->memory) {
				skip_for_memory(lim, i, &vm, lim->memory - MIN(sum, lim->memory));
				err = ERR_NOSPC;
			} else {
				sum = add(sum, config_account(&vm));
			}
		}
		left_out += err == ERR_NOSPC;
		i++;
	}
	if (lim && lim->memory && sum > lim->memory)
		cfg_fail(w, "all guests together have %llu MiB, the machine has %llu MiB for them",
		         (unsigned long long)(sum >> 20), (unsigned long long)(lim->memory >> 20));
	if (left_out == i)
		cfg_fail(w, "no guest is left: none fits this machine");
	return r;
}

int config_check(const void *data, size_t size, const struct config_limits *lim, struct config_errs *errs)
{
	struct hv_config hv;
	struct where w;
	int guests, node, off;
	int r = cfg_check_blob(data, size, errs);
	u32 before;

	if (r != OK)
		return r;
	r = check_root(data, errs);
	if (config_hypervisor_parse(data, &hv, errs) != OK)
		r = ERR_INVAL;
	cfg_where(&w, errs, "/", "guests");
	guests = cfg_root_child(data, "guests");
	if (guests < 0 || fdt_first_subnode(data, guests) < 0) {
		cfg_fail(&w, "no guest is configured");
		return ERR_INVAL;
	}
	fdt_for_each_property_offset(off, data, guests)
	{
		if (!fdt_getprop_by_offset(data, off, &w.prop, NULL))
			break;
		if (!cfg_dtc_prop(w.prop))
			cfg_fail(&w, "unknown property: guests are nodes in here");
	}
	w.prop = NULL;
	fdt_for_each_subnode(node, data, guests)
	{
		struct where g;

		cfg_where(&g, errs, "/guests/", fdt_get_name(data, node, NULL));
		check_duplicates(&g, data, guests, node);
		if (g.failed)
			r = ERR_INVAL;
	}
	if (check_guests(&w, data, lim) != OK)
		r = ERR_INVAL;
	before = errs->nr;
	cfg_check_links(data, guests, errs);
	if (errs->nr != before)
		r = ERR_INVAL;
	return w.failed ? ERR_INVAL : r;
}
