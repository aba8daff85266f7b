/*
 * The configuration blob: a flattened device tree, read with libfdt. Untrusted input: nothing in it is believed
 *before it is checked. docs/configuration.md describes every node and property.
 *
 *	/ { compatible = "bulkhead,config-1"; hypervisor { ... }; guests { NAME { ... }; NAME { ... }; }; };
 */
#pragma once

#include "lib/err.h"
#include "lib/log.h"
#include "lib/types.h"
#include "vmm/cpuid.h"

/* One thing wrong with the blob: "/guests/linux: memory: must be a multiple of 2 MiB". */
struct config_err {
	char text[200];
};

/* Errors found so far; those beyond cap are counted only. */
struct config_errs {
	struct config_err *list; /* caller's array of cap entries */
	u32 cap;
	u32 nr; /* may exceed cap */
};

/* What the blob is checked against. */
struct config_limits {
	u64 memory;    /* bytes that guests may have altogether; 0: not checked */
	u32 max_vcpus; /* most vCPUs of one guest; 0: CONFIG_MAX_VCPUS */
	/* Whether a boot module of this name was loaded; NULL: not checked. */
	bool (*module_exists)(void *ctx, const char *name);
	void *ctx;
};

#define CONFIG_MAX_VCPUS  256u
#define CONFIG_MIN_MEMORY (2ull << 20)
#define CONFIG_NAME_MAX   31u /* bytes of a guest's name */
#define CONFIG_NR_COM     4u

enum hv_on_idle { HV_IDLE_HALT, HV_IDLE_POWEROFF, HV_IDLE_RESET };

struct hv_config {
	bool has_log_level;
	enum log_level log_level; /* valid with has_log_level */
	enum hv_on_idle on_idle;  /* when the last guest has stopped */
	bool summary;             /* print exits and ticks of a guest when it ends */
};

enum vm_protocol { VM_PROTOCOL_AUTO, VM_PROTOCOL_LINUX, VM_PROTOCOL_PVH, VM_PROTOCOL_MULTIBOOT1, VM_PROTOCOL_ELF };
enum vm_action { VM_ACTION_STOP, VM_ACTION_RESTART };
enum vm_serial {
	VM_SERIAL_NONE,    /* no such UART */
	VM_SERIAL_NULL,    /* a UART connected to nothing */
	VM_SERIAL_CONSOLE, /* connected to the hypervisor's console */
	VM_SERIAL_LOG,     /* its output goes to the log, line by line */
};

/* One guest. Strings point into the blob, which must stay; NULL where the property is absent. */
struct vm_config {
	const char *name;
	u64 memory; /* bytes, multiple of 4 KiB */
	u32 vcpus;
	struct cpuid_topology topo; /* complete: multiplies to vcpus */
	enum vm_protocol protocol;
	const char *kernel;  /* module name; never NULL */
	const char *initrd;  /* module name */
	const char *cmdline; /* "" when absent */
	const char *modules; /* nr_modules strings one after the other: config_module() */
	u32 nr_modules;      /* multiboot1 modules */
	enum vm_serial com[CONFIG_NR_COM];
	enum vm_action on_poweroff, on_reset, on_crash;
	enum hv_signature signature;
	u32 pv_mask;                   /* PV_*: paravirtual interfaces it may have */
	u64 tsc_hz;                    /* 0: the host's */
	struct cpuid_mask cpu_disable; /* features taken away */
	bool debug_exit;               /* exit port F4h */
	bool testdev;                  /* the "pc-testdev" ports and memory */
	bool debug_console;            /* output port E9h, to the log */
	bool forced_emulation;         /* ud2 + "kvm" prefix */
	bool autostart;
};

/*
 * Checks that data is a sound device tree of at most size bytes with the right compatible string and knows every node
 * at the top. OK or ERR_INVAL with errors. To be called before all others, which rely on it.
 */
__must_check int config_open(const void *data, size_t size, struct config_errs *errs);
/* The blob's own size in bytes (after config_open). */
size_t config_size(const void *blob);

/* The /hypervisor node, or defaults when there is none. OK or ERR_INVAL with errors. */
__must_check int config_hypervisor_parse(const void *blob, struct hv_config *hv, struct config_errs *errs);

/* Number of guests. */
u32 config_guest_count(const void *blob);
/*
 * Guest number index (in the blob's order). OK; ERR_NOENT; ERR_INVAL with errors (*vm then holds what was
 * understood). lim may be NULL. The sum of all guests' memory is config_check's.
 */
__must_check int config_guest_parse(const void *blob, u32 index, const struct config_limits *lim,
                                    struct vm_config *vm, struct config_errs *errs);
/* Everything: all nodes, duplicate names, the sum of memory. OK or ERR_INVAL with errors. Calls config_open first. */
__must_check int config_check(const void *data, size_t size, const struct config_limits *lim,
                              struct config_errs *errs);

/* The i-th multiboot1 module string ("NAME ARGUMENTS"), or NULL. */
const char *config_module(const struct vm_config *vm, u32 i);
/* Copies the module name, the string up to the first space, to name. Returns its length, 0 when it does not fit. */
size_t config_module_name(const char *module, char *name, size_t size);

/* Words for the enums above. */
const char *config_protocol_str(enum vm_protocol p);
const char *config_action_str(enum vm_action a);
const char *config_serial_str(enum vm_serial s);
const char *config_on_idle_str(enum hv_on_idle i);
