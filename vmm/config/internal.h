/* Shared by the files of the configuration parser: error reporting and the kinds of values. */
#pragma once

#include "vmm/config/config.h"

/* Where errors are reported: node path and the property at hand (NULL: the node itself). */
struct where {
	struct config_errs *errs;
	char path[80];
	const char *prop;
	bool failed;
};

/* A property's value as it stands in the blob. */
struct value {
	const char *data;
	u32 len;
};

/* What a property function fills in. */
struct target {
	struct hv_config *hv;
	struct vm_config *vm;
	struct vm_drive *drive;
	struct vm_nic *nic;
	const struct config_limits *lim; /* may be NULL */
};

struct prop_def {
	const char *name;
	void (*set)(struct where *w, const struct value *v, const struct target *t);
};

/* w for the node prefix + name. */
void cfg_where(struct where *w, struct config_errs *errs, const char *prefix, const char *name);
/* Adds an error at w. */
void cfg_fail(struct where *w, const char *fmt, ...) __printf(2, 3);
/* Copies a name out of the blob, what does not print as '?'. */
void cfg_printable(char *dst, size_t size, const char *src);

/* Values. NULL, false or 0: wrong type, and the error is added. */
const char *cfg_string(struct where *w, const struct value *v);
const char *cfg_name(struct where *w, const struct value *v); /* a string that is not empty */
u32 cfg_cell(const char *p);
bool cfg_u32(struct where *w, const struct value *v, u32 *out);
/*
 * A 64-bit quantity: a string with optional suffix K, M or G ("256M"), or two cells (<0x0 0x10000000>). A number
 * below 2^56 starts with a zero byte, no string does.
 */
bool cfg_u64(struct where *w, const struct value *v, u64 *out);
/* A word of a list; words is NULL-terminated and its index the value. */
bool cfg_word(struct where *w, const struct value *v, const char *const *words, u32 *out);
bool cfg_flag(struct where *w, const struct value *v);
/* A list of strings that are not empty; calls fn for each. Returns their number. */
u32 cfg_list(struct where *w, const struct value *v, void (*fn)(struct where *w, const char *s, void *arg),
             void *arg);

/* A duration: a string with unit ("500ms", "10s", "5m", "1h"), or one cell in ms. *ns: 1 ms to a year. */
bool cfg_duration(struct where *w, const struct value *v, u64 *ns);
/* References (phandles) to other nodes: 1 to max cells. Whether they are guests is cfg_check_links'. */
bool cfg_refs(struct where *w, const struct value *v, u32 max, struct config_refs *out);

/* Whether data is a sound device tree, safe to give to libfdt. OK or ERR_INVAL with errors. */
__must_check int cfg_check_blob(const void *data, size_t size, struct config_errs *errs);

/*
 * What dtc adds for other readers: phandles at every label (-@, in the old spelling too with -H both), and at the top
 * nodes of symbols, fixups (-@) and aliases (-A). Means nothing here.
 */
bool cfg_dtc_prop(const char *name);
bool cfg_dtc_node(const char *name);

/* Goes through the properties of a node; *seen gets a bit per row of defs. At most 64 rows. */
void cfg_props(struct where *w, const void *blob, int node, const struct prop_def *defs, u32 nr_defs,
               const struct target *t, u64 *seen);
/* Reports a child of the node, by its name, as one that nothing knows. */
void cfg_unknown_node(struct where *w, const void *blob, int child);
/* Reports every child of a node that may have none. */
void cfg_no_children(struct where *w, const void *blob, int node);

/* The guest at this node offset. OK or ERR_INVAL. */
__must_check int cfg_guest(const void *blob, int node, const struct config_limits *lim, struct vm_config *vm,
                           struct config_errs *errs);

/* The node /guests; negative: there is none. */
int cfg_guests_node(const void *blob);
/* Offset of a child of the root, or negative. Exact name only: no unit address. */
int cfg_root_child(const void *blob, const char *name);
/* What guests say about one another: phandles, cycles, what a guest that is waited for must have. */
void cfg_check_links(const void *blob, int guests, struct config_errs *errs);

/* The value of a property on-error, the hypervisor's or a guest's. */
void cfg_on_error(struct where *w, const struct value *v, enum vm_on_error *out);
/* What guests have that do not say. */
enum vm_on_error cfg_default_on_error(const void *blob);

/* Reports what cannot be the name of a boot module, or is none of those there are. */
void cfg_need_module(struct where *w, const struct target *t, const char *name);
/* A property that is the name of a boot module; NULL: it is no name at all. */
const char *cfg_module(struct where *w, const struct value *v, const struct target *t);

/* Properties of guests: scheduling (sched.c), life-cycle (life.c) and the machine they find (platform.c). */
typedef void cfg_setter(struct where *w, const struct value *v, const struct target *t);
cfg_setter cfg_vm_weight, cfg_vm_cap, cfg_vm_reservation, cfg_vm_pin, cfg_vm_cores, cfg_vm_exclusive, cfg_vm_latency;
cfg_setter cfg_vm_on_poweroff, cfg_vm_on_reset, cfg_vm_on_crash, cfg_vm_restart_limit, cfg_vm_restart_window,
        cfg_vm_backoff, cfg_vm_backoff_max, cfg_vm_after, cfg_vm_after_state, cfg_vm_ready_text, cfg_vm_watchdog,
        cfg_vm_standby_for, cfg_vm_standby, cfg_vm_take_over, cfg_vm_pv, cfg_vm_no_pv, cfg_vm_control,
        cfg_vm_signature;
cfg_setter cfg_vm_platform, cfg_vm_firmware, cfg_vm_firmware_image, cfg_vm_boot_menu;
/* What shows only when all properties of a guest are known; has(arg, name): that property was there. */
void cfg_check_sched(struct where *w, const struct vm_config *vm, const struct config_limits *lim);
void cfg_check_life(struct where *w, struct vm_config *vm, bool (*has)(u64 seen, const char *name), u64 seen);
void cfg_check_platform(struct where *w, struct vm_config *vm, const struct config_limits *lim,
                        bool (*has)(u64 seen, const char *name), u64 seen);
/* Whether name is the word and a number as one writes it; *nr is that number, or 1000 if it is more. */
bool cfg_is_numbered(const char *name, const char *word, u32 *nr);
/* Property boot-order of a drive or a network card. */
void cfg_boot_order(struct where *w, const struct value *v, u32 *out);
/* The node nic<nr> of a guest, after those of all its drives and its properties. */
void cfg_nic(struct where *w, const void *blob, int node, u32 nr, struct vm_config *vm);
/*
 * The drives and network cards of a guest, after its properties: its child nodes; other ones are reported. node: the
 * guest's.
 */
void cfg_drives(struct where *w, const void *blob, int node, const struct config_limits *lim, struct vm_config *vm);
