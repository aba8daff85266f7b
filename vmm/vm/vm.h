/* A virtual machine (partition): configuration, memory, buses, interrupt controllers, vCPUs, devices. */
#pragma once

#include "arch/x86/lock.h"
#include "lib/types.h"
#include "mm/ept.h"
#include "mm/guest_mem.h"
#include "mm/hostpt.h"
#include "vmm/base/guest_map.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/vclock.h"
#include "vmm/board/board.h"
#include "vmm/config/config.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/load/load.h"
#include "vmm/sched/sched.h"

enum vm_state { VM_DEFINED, VM_STARTING, VM_RUNNING, VM_STOPPED, VM_CRASHED };

/* Why a running VM has to stop; acted upon by the run loop. */
enum vm_stop { VM_STOP_NONE, VM_STOP_POWEROFF, VM_STOP_RESET, VM_STOP_CRASH, VM_STOP_DEBUG_EXIT, VM_STOP_DESTROY };

#define VM_PIO_REGIONS  64
#define VM_MMIO_REGIONS 64

struct vm_image { /* a boot module the guest is started from, kept for restarts */
	const void *data;
	u64 len;
	const char *string;
};
/* Finds a boot module by its name. OK, ERR_NOENT or ERR_NOMEM (it cannot be mapped). */
typedef int vm_find_image(const char *name, struct vm_image *img);

struct monitor_vm;

struct vm {
	struct vm_config config;
	u32 id;
	enum vm_state state;
	enum vm_stop stop;
	char why[160];                  /* reason of the last stop */
	struct log_limit command_limit; /* of messages about commands: they may come from a guest */
	struct log_limit stop_limit;    /* of messages about stops: a guest may crash and restart without end */
	struct log_limit text_limit;    /* of its serial ports' lines in the log */
	bool quiet;                     /* the last stop is over that limit */
	u32 exit_code;                  /* of the debug exit port */

	struct guest_map map;
	struct guest_mem mem;
	struct ept ept;
	struct pt_alloc table_alloc; /* its tables: those set aside, else the hypervisor's pool */
	struct vm_spare_table *spare_tables;
	bool keep_tables; /* freed ones are set aside */
	bool small_code;  /* executes from 4-KiB pages only */
	struct hostpt pt; /* root-mode address space: the hypervisor and this VM's window */
	void *apic_access_page;
	u64 apic_access_pa;
	u64 apic_access_gpa; /* where it is mapped */
	bool apic_access_mapped;

	struct io_bus pio, mmio;
	struct io_region *pio_storage[VM_PIO_REGIONS];
	struct io_region *mmio_storage[VM_MMIO_REGIONS];
	struct devices dev;

	struct vclock clock;      /* host TSC <-> ns of VM time, guest TSC */
	struct pv_scale pv_scale; /* guest TSC -> ns for pvclock */
	u64 tsc_start;            /* host TSC at VM time 0 */
	u64 wall_base;            /* ns since 1970 at VM time 0 */

	struct vcpu **vcpus;
	u32 nr_vcpus;
	u32 run;                              /* counts its starts, atomic */
	u32 stale_run;                        /* a start to be ended before it is done; guests.c */
	bool stopping;                        /* stop is being set, or is set; atomic */
	u32 nr_stopped;                       /* vCPUs that have noticed the stop, atomic */
	bool start_pending;                   /* to be started as soon as it is off: vm_start_when_off() */
	bool resume_pending;                  /* to be resumed as soon as its vCPUs are out, atomic */
	enum vm_serial serial[CONFIG_NR_COM]; /* what its ports are connected to now */
	bool button;                          /* the power button was pressed, atomic */
	bool paused;                          /* no vCPU enters the guest; its time stands still; atomic */
	u64 stop_tsc;                         /* host TSC when its last stop was asked for */
	u64 takeover_tsc;                     /* stop_tsc of the VM it has just taken the place of; 0: told already */
	u64 pause_tsc;                        /* host TSC when it was paused and the last vCPU had left, atomic */
	struct {                              /* VM_STARTING: how far it is */
		u64 cleared;                  /* bytes of memory */
		bool placed; /* tables and images have their places; what is in copies is not copied yet */
		struct load_copies copies;
		struct load_out out;
	} start;

	struct sched_group sched;
	struct monitor_vm *monitor; /* scroll-back, control channel */
	struct {                    /* keys on their way to the console UART */
		struct spinlock lock;
		u8 buf[64];
		u32 nr;
	} keys;

	/*
	 * Guards devices, buses and timer queues: held while an exit touches them, while a vCPU prepares its entry
	 * and while the console or an operator reaches in from another CPU. Posting to another vCPU's APIC needs no
	 * lock.
	 */
	struct spinlock lock;

	struct vm_image kernel, initrd;
	struct vm_image modules[16];
	u32 nr_modules;

	u64 hv_bytes; /* hypervisor memory this VM takes, bytes */
	u64 start_tsc;
	u32 restarts;
	struct vm *next; /* list of all VMs */
};

extern struct vm *vm_list;

static inline void vm_lock(struct vm *vm)
{
	spin_lock(&vm->lock);
}
static inline void vm_unlock(struct vm *vm)
{
	spin_unlock(&vm->lock);
}

/* VM time now, ns. */
u64 vm_now(const struct vm *vm);

/*
 * Creates a VM from its configuration: memory, EPT, window, devices, vCPUs. cpus: processors they may run on. The
 * images are looked up in bi. OK; else a negative error, with the reason logged.
 */
__must_check int vm_create(u32 id, const struct vm_config *config, const struct cpuset *cpus, vm_find_image *find,
                           struct vm **out);
/*
 * Starts a VM whose last vCPU has left the guest, or that has never run. The work (clearing the memory, loading the
 * images) is done piece by piece in vCPU 0's turns, and so is charged to the guest. guests_started() or
 * guests_start_failed() tells how it went.
 */
void vm_start(struct vm *vm);
/* The next piece of it, for the run loop. The state is then VM_RUNNING, VM_CRASHED (logged why) or VM_STARTING still.
 */
void vm_start_step(struct vm *vm);
void vm_destroy(struct vm *vm);

/* The guest did something that cannot go on: this VM alone stops, with a dump. From its vCPU's context. */
void vm_kill(struct vcpu *v, const char *fmt, ...) __printf(2, 3);
/*
 * An operator's actions, from any CPU. OK, or ERR_NOENT: not in a state for it; ERR_EXIST: done already; ERR_BUSY: a
 * vCPU is on its way out of the guest, try again. While a VM is paused, its time stands still.
 */
__must_check int vm_pause(struct vm *vm);
__must_check int vm_resume(struct vm *vm);
__must_check int vm_power_button(struct vm *vm);
/* Tells in the log what a command did to the VM; rate-limited. From any CPU. */
void vm_log_command(struct vm *vm, const char *fmt, ...) __printf(2, 3);
/* For vm_pause(), at the end of a vCPU's turn. */
void vm_time_seen(struct vm *vm);
/* Starts it, as soon as it is off if it is on now; no more when the machine ends. Takes that back. */
void vm_start_when_off(struct vm *vm);
/* The same, and if it is on now it is stopped for that, as by a reset. */
void vm_restart(struct vm *vm, const char *why);
void vm_start_not(struct vm *vm);
/* Ends it by force. */
void vm_force_stop(struct vm *vm, enum vm_stop how, const char *why);
/* Starting or running, or on its way out. */
bool vm_is_on(const struct vm *vm);

/* The vCPU has shut down: on a PC the chipset then resets the machine. Its state goes to the log. */
void vm_triple_fault(struct vcpu *v, const char *how);
/* The guest asked for power-off, reset or debug exit. */
void vm_request_stop(struct vm *vm, enum vm_stop stop, u32 code, const char *why);

/* Its start failed: it is off now, or starts again, which is true, when that was asked for meanwhile. */
__must_check bool vm_start_gone(struct vm *vm);
/* Takes a stopped VM through its policy: restart or end, with the summary. When its last vCPU has left the guest. */
void vm_handle_stop(struct vm *vm);

/* First VM entry of a vCPU, and of a VM that took another's place: for the figures. */
void vm_first_entry(struct vcpu *v);
void vm_told_takeover(struct vm *vm);

/* Stops all VMs for good; what then happens to the machine. */
enum vm_end { VM_END_NOT, VM_END_POWEROFF, VM_END_HALT };
void vm_end_all(enum vm_end how);
enum vm_end vm_ending(void);
bool vm_any_on(void);
/* Some VM's vCPUs are on their way out, or its end is being told. */
bool vm_any_leaving(void);

/* The exit tables of a guest, to the log; whether they are shown at all. */
void vm_show_summaries(bool on);
void vm_summary(struct vm *vm);
