/*
 * The configuration blob: a flattened device tree, read with libfdt. Untrusted input: nothing in it is believed
 * before it is checked. docs/configuration.md describes every node and property.
 *
 *	/ { compatible = "bulkhead,config-1"; hypervisor { ... }; guests { NAME { ... }; NAME { ... }; }; };
 */
#pragma once

#include "lib/err.h"
#include "lib/log.h"
#include "lib/types.h"
#include "vmm/base/cpuset.h"
#include "vmm/policy/cpuid.h"

/* One thing wrong with the blob: "/guests/linux: memory: must be a multiple of 2 MiB". */
struct config_err {
	char text[280];
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
	u32 nr_cpus;   /* processors of the machine, numbered from 0; 0: not checked */
	/* Whether a boot module of this name was loaded; NULL: not checked. */
	bool (*module_exists)(void *ctx, const char *name);
	void *ctx;
	/*
	 * Told of each guest that does not fit these limits and whose on-error is "skip": it is to be left out, and nothing
	 * of it counts or is an error. In the order of the guests. NULL: these are errors, too.
	 */
	void (*skip)(void *ctx, u32 index, const char *why);
	void *skip_ctx;
};

#define CONFIG_MAX_VCPUS  256u
#define CONFIG_RUN_VCPUS  64u /* most vCPUs of a guest that this version runs */
#define CONFIG_MIN_MEMORY (2ull << 20)
#define CONFIG_NAME_MAX   63u /* bytes of a guest's name */
#define CONFIG_NR_COM     4u
#define CONFIG_NR_MODULES 16u /* of a guest, its initrd among them */

/* What the boot loader may bring, and so what a configuration can name. */
#define CONFIG_MAX_MODULES  1024u        /* boot modules, the blob itself among them */
#define CONFIG_MODULE_LINE  2047u        /* characters of a module's line: name and arguments */
#define CONFIG_MODULE_LINES (128u << 10) /* and of all of them, each with its end */

#define CONFIG_MAX_WEIGHT     10000u
#define CONFIG_DEFAULT_WEIGHT 100u
#define CONFIG_MAX_RESTARTS   1000u
#define CONFIG_MAX_AFTER      16u  /* guests that one may wait for */
#define CONFIG_MAX_LINKED     512u /* guests in a blob whose guests refer to one another */
#define CONFIG_MAX_CHAIN      64u  /* guests that wait for one another in a row */
#define CONFIG_READY_MAX      63u  /* characters of a ready-text */
#define CONFIG_MAX_DRIVES     16u  /* disks, CDs and floppies of a guest */
#define CONFIG_SERIAL_MAX     20u  /* characters of a drive's serial number: what ATA has room for */
#define CONFIG_MAX_BOOT_ORDER 255u
#define CONFIG_MAX_NICS       4u            /* network cards of a guest */
#define CONFIG_VIDEO_MEMORY   (16ull << 20) /* bytes, of a PC */
#define CONFIG_SCREEN_MEMORY  (10ull << 20) /* bytes, of a PC: for a screenshot of it */
#define CONFIG_FLASH_MEMORY   (1ull << 20)  /* bytes, of one with UEFI, at most: how many its module tells */

enum hv_on_idle { HV_IDLE_HALT, HV_IDLE_POWEROFF, HV_IDLE_RESET };

/* What becomes of a guest that does not fit the machine: the whole blob is refused, or that guest left out. */
enum vm_on_error { VM_ERROR_REFUSE, VM_ERROR_SKIP };

struct hv_config {
	bool has_log_level;
	enum log_level log_level;  /* valid with has_log_level */
	enum hv_on_idle on_idle;   /* when the last guest has stopped */
	bool summary;              /* print exits and ticks of a guest when it ends */
	enum vm_on_error on_error; /* of guests that do not say */
};

enum vm_protocol {
	VM_PROTOCOL_AUTO,
	VM_PROTOCOL_LINUX,
	VM_PROTOCOL_PVH,
	VM_PROTOCOL_MULTIBOOT1,
	VM_PROTOCOL_MULTIBOOT2,
	VM_PROTOCOL_ELF
};
/* What machine a guest finds: no more than a kernel with its own drivers wants, or a PC with its chip set. */
enum vm_platform { VM_PLATFORM_MINIMAL, VM_PLATFORM_PC };
enum vm_firmware { VM_FIRMWARE_NONE, VM_FIRMWARE_BIOS, VM_FIRMWARE_UEFI };
enum vm_action { VM_ACTION_STOP, VM_ACTION_RESTART, VM_ACTION_RESTART_BACKOFF, VM_ACTION_HALT_MACHINE };
enum vm_serial {
	VM_SERIAL_NONE,    /* no such UART */
	VM_SERIAL_NULL,    /* a UART connected to nothing */
	VM_SERIAL_CONSOLE, /* connected to the hypervisor's console */
	VM_SERIAL_LOG,     /* its output goes to the log, line by line */
	VM_SERIAL_CONTROL, /* the control channel */
};

enum vm_latency { VM_LATENCY_NORMAL, VM_LATENCY_LOW };
enum vm_watchdog { VM_WATCHDOG_NONE, VM_WATCHDOG_I6300ESB };
enum vm_after_state { VM_AFTER_STARTED, VM_AFTER_READY };
enum vm_standby { VM_STANDBY_COLD, VM_STANDBY_WARM };
/* Guests that the control channel of a guest may act upon. */
enum vm_control { VM_CONTROL_NONE, VM_CONTROL_SELF, VM_CONTROL_ALL, VM_CONTROL_LIST };

/* The processors asked for by kind instead of by number: "[exclusive] any COUNT [sharing a core|package]". */
enum vm_sharing { VM_SHARE_ANY, VM_SHARE_CORE, VM_SHARE_PACKAGE };
struct vm_cores {
	u32 count; /* 0: no selector */
	enum vm_sharing sharing;
};

/* Paravirtual interfaces of the KVM signature. */
enum vm_pv {
	VM_PV_CLOCK = 1 << 0,
	VM_PV_STEAL_TIME = 1 << 1,
	VM_PV_EOI = 1 << 2,
	VM_PV_UNHALT = 1 << 3,
	VM_PV_TLB_FLUSH = 1 << 4,
	VM_PV_IPI = 1 << 5,
	VM_PV_ALL = (1 << 6) - 1
};

/* The boot module that is the BIOS of the VGA of all guests with firmware "bios". */
#define GUEST_VGA_ROM     "vgabios"
#define GUEST_VGA_ROM_MAX 65536u /* bytes: what of it fits below E0000h */
/* And the option ROM by which these start a kernel of theirs. */
#define GUEST_LINUX_ROM     "linuxboot"
#define GUEST_LINUX_ROM_MAX 65536u

/* The option ROM of all its network cards; there may be none. */
#define GUEST_NIC_ROM     "e1000-rom"
#define GUEST_NIC_ROM_MAX (512u << 10)

/* What a standby guest takes over: bit n is serial port n + 1. */
#define VM_TAKE_CONTROL (1u << CONFIG_NR_COM)

enum vm_drive_kind { VM_DRIVE_DISK, VM_DRIVE_CD, VM_DRIVE_FLOPPY };
enum vm_drive_model { VM_DRIVE_IDE, VM_DRIVE_FDC };
enum vm_nic_model { VM_NIC_E1000 };

/*
 * A disk, CD or floppy drive: a node diskN, cdN or floppyN in that of its guest. Strings point into the blob.
 *
 * place is where it is plugged in. IDE: 0 and 1 are master and slave of the primary channel, 2 and 3 those of the
 * secondary; diskN is at N, cdN at 2 + N, and no two are at the same. Floppies: the drive's number, 0 or 1.
 */
struct vm_drive {
	enum vm_drive_kind kind;
	u32 nr; /* N of its name */
	enum vm_drive_model model;
	u32 place;
	const char *source; /* name of the boot module that is its medium; NULL: the drive is empty (CD and floppy) */
	bool read_only;     /* set, too, where what is written has nowhere to go: no overlay */
	bool said_read_only;
	u64 overlay;        /* bytes of the guest's account for what is written, whole pages; 0: none */
	const char *serial; /* up to CONFIG_SERIAL_MAX characters; NULL: none was given */
	u32 boot_order;     /* 1..CONFIG_MAX_BOOT_ORDER, each once, the lowest is tried first; 0: was not given */
};

/* A network card: a node nicN in that of its guest, in slot CONFIG_NIC_SLOT + N of its PCI bus. */
#define CONFIG_NIC_SLOT 3u
struct vm_nic {
	u32 nr; /* N of its name, below CONFIG_MAX_NICS */
	enum vm_nic_model model;
	u8 mac[6];      /* as given, or made of the guest's name and N */
	u32 boot_order; /* as a drive's: they share the numbers */
};

/* References to other guests: nr cells that hold phandles. Resolve with config_ref(). */
struct config_refs {
	const char *cells;
	u32 nr;
};

/* One guest. Strings point into the blob, which must stay; NULL where the property is absent. */
struct vm_config {
	const char *name;
	u64 memory; /* bytes, multiple of 4 KiB */
	u32 vcpus;
	enum vm_platform platform;
	enum vm_firmware firmware;
	const char *firmware_image; /* module name: as given, or the firmware's own name; NULL without firmware */
	bool boot_menu;             /* the firmware is to ask what to boot from */
	struct vm_drive drives[CONFIG_MAX_DRIVES]; /* in the blob's order */
	u32 nr_drives;
	struct vm_nic nics[CONFIG_MAX_NICS]; /* likewise */
	u32 nr_nics;
	struct cpuid_topology topo; /* complete: multiplies to vcpus */
	enum vm_protocol protocol;
	const char *kernel;  /* module name; NULL only with firmware */
	const char *initrd;  /* module name */
	const char *cmdline; /* "" when absent */
	const char *modules; /* nr_modules strings one after the other: config_module() */
	u32 nr_modules;      /* of multiboot and PVH */
	enum vm_serial com[CONFIG_NR_COM];
	enum vm_action on_poweroff, on_reset, on_crash;
	enum hv_signature signature;
	u64 tsc_hz;                    /* 0: the host's */
	struct cpuid_mask cpu_disable; /* features taken away */
	bool debug_exit;               /* exit port F4h */
	bool testdev;                  /* the "pc-testdev" ports and memory */
	bool debug_console;            /* output port E9h, to the log */
	bool forced_emulation;         /* ud2 + "kvm" prefix */
	bool autostart;
	enum vm_on_error on_error; /* its own, or the hypervisor's */

	/* Scheduling */
	u32 weight;        /* 1..CONFIG_MAX_WEIGHT */
	u32 cap;           /* percent of one CPU; 0: none */
	u32 reservation;   /* percent of one CPU; 0: none */
	struct cpuset pin; /* empty: not pinned by number */
	struct vm_cores cores;
	bool exclusive; /* nobody else runs on the cores of pin or cores */
	enum vm_latency latency;

	/* Life-cycle */
	struct config_refs after;
	enum vm_after_state after_state;
	const char *ready_text;   /* output of its serial ports that says that it is ready; NULL: none */
	u32 restart_limit;        /* restarts in a row */
	u64 restart_window;       /* ns without trouble after which counting begins anew */
	u64 backoff, backoff_max; /* ns: the first and the longest delay before a restart */
	enum vm_watchdog watchdog;
	struct config_refs standby_for; /* nr is 0 or 1 */
	enum vm_standby standby;
	u32 take_over; /* bits of serial ports, VM_TAKE_CONTROL */

	/* What it may see and do */
	u32 pv; /* of enum vm_pv; 0 with HV_SIGNATURE_NONE */
	enum vm_control control;
	struct config_refs controls; /* with VM_CONTROL_LIST */
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
/*
 * Everything: all nodes, duplicate names, the sums of memory and reservations, references between guests. OK or
 * ERR_INVAL with errors. Calls config_open first. Where the processors asked for are is config_place's (place.h).
 */
__must_check int config_check(const void *data, size_t size, const struct config_limits *lim,
                              struct config_errs *errs);

/*
 * Bytes of the machine's memory that the guest takes: its RAM, its video memory, its flash and the overlays of its
 * drives.
 */
u64 config_account(const struct vm_config *vm);

/* The i-th multiboot module string ("NAME ARGUMENTS"), or NULL. */
const char *config_module(const struct vm_config *vm, u32 i);
/* Copies the module name, the string up to the first space, to name. Returns its length, 0 when it does not fit. */
size_t config_module_name(const char *module, char *name, size_t size);

/* Index (config_guest_parse's) of the guest that reference i points to; ERR_NOENT. */
__must_check int config_ref(const void *blob, const struct config_refs *refs, u32 i, u32 *index);

/* Words for the enums above. */
const char *config_protocol_str(enum vm_protocol p);
const char *config_platform_str(enum vm_platform p);
const char *config_firmware_str(enum vm_firmware f); /* "none" without, which is no value of the property */
const char *config_drive_kind_str(enum vm_drive_kind k);
const char *config_drive_model_str(enum vm_drive_model m);
const char *config_nic_model_str(enum vm_nic_model m);
const char *config_action_str(enum vm_action a);
/* Whether one of its serial ports is "control". */
bool config_has_control_port(const struct vm_config *vm);
const char *config_serial_str(enum vm_serial s);
const char *config_on_idle_str(enum hv_on_idle i);
const char *config_on_error_str(enum vm_on_error e);
const char *config_latency_str(enum vm_latency l);
const char *config_watchdog_str(enum vm_watchdog w);
const char *config_after_state_str(enum vm_after_state a);
const char *config_standby_str(enum vm_standby s);
const char *config_control_str(enum vm_control c); /* "list" for VM_CONTROL_LIST */
/* The word of bit i of enum vm_pv, or NULL. */
const char *config_pv_str(u32 i);
