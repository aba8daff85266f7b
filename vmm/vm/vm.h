/* A virtual machine (partition): configuration, memory, buses, interrupt controllers, vCPUs, devices. */
#pragma once

#include "arch/x86/lock.h"
#include "lib/log.h"
#include "lib/types.h"
#include "mm/ept.h"
#include "mm/guest_mem.h"
#include "mm/hostpt.h"
#include "vmm/base/guest_map.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/vclock.h"
#include "vmm/config/config.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/policy/pv.h"
#include "vmm/sched/sched.h"
#include "vmm/vm/a20.h"
#include "vmm/vm/devmem.h"
#include "vmm/vm/remap.h"
#include "vmm/vm/status.h"

#define VM_PIO_REGIONS  128
#define VM_MMIO_REGIONS 96
#define VM_VARS_MAX     (1u << 20) /* bytes */

struct vm_image { /* a boot module the guest is started from, kept for restarts */
	const void *data;
	u64 len;
	const char *string;
};
struct board;
struct monitor_vm;
struct vcpu;
struct vm_starting;

struct vm_stopping { /* how far a stopped VM has been taken through its policy; vmm/life/stop.c */
	u32 next;    /* piece */
	u32 reason;  /* exit reason that the summary is at */
	u32 verdict; /* enum life_verdict */
};

struct vm {
	struct vm_config config;
	u32 id;
	struct vm_status status;
	char why[160];                  /* reason of the last stop */
	struct log_limit command_limit; /* of messages about commands: they may come from a guest */
	struct log_limit stop_limit;    /* of messages about stops: a guest may crash and restart without end */
	struct log_limit text_limit;    /* of its serial ports' lines in the log */
	bool quiet;                     /* the last stop is over that limit */
	u32 exit_code;                  /* of the debug exit port */

	struct guest_map map;
	struct guest_mem mem;
	struct ept ept;
	struct pt_alloc table_alloc; /* its tables: from the hypervisor's pool, once it is created those set aside */
	struct vm_spare_table *spare_tables;
	bool keep_tables; /* it is created: no more from the pool, none back to it */
	bool small_code;  /* executes from 4-KiB pages only */
	struct hostpt pt; /* root-mode address space: the hypervisor and this VM's window */
	struct vm_devmem devmem;
	void *apic_access_page;
	u64 apic_access_pa;
	u64 apic_access_gpa; /* where it is mapped */
	bool apic_access_mapped;
	u64 apic_place; /* where the first apic_seen vCPUs have it; vmm/cpu/apic_mode.c */
	u32 apic_seen;
	bool apic_access_leaves; /* from there: empty tables are still to be taken out */
	struct vm_remap remap;   /* of a PC */
	struct vm_a20 a20;       /* of a PC */
	void *a20_pages;         /* its tables */

	struct io_bus pio, mmio;
	struct io_region *pio_storage[VM_PIO_REGIONS];
	struct io_region *mmio_storage[VM_MMIO_REGIONS];
	struct pc_irqchip irq;
	struct vlapic **lapics; /* of the vCPUs, for irq */
	struct board *board;    /* vmm/board/ */
	/* The chip set's answer to a processor's shutdown: true, INIT is on its way to all. NULL or false: the machine
	 * is reset. From any CPU. */
	bool (*soft_reset)(struct vm *vm);

	struct vclock clock;      /* host TSC <-> ns of VM time, guest TSC */
	struct pv_scale pv_scale; /* guest TSC -> ns for pvclock */
	u64 tsc_start;            /* host TSC at VM time 0 */
	u64 wall_base;            /* ns since 1970 at VM time 0 */

	struct vcpu **vcpus;
	/* Of vCPUs that are to be woken by one that runs, vcpu_wake_due(): how many, and which; atomic. */
	u32 wakes_due;
	u64 wake_later[CONFIG_MAX_VCPUS / 64];
	u32 nr_vcpus;
	u64 stop_tsc;              /* host TSC when its last stop was asked for */
	u64 takeover_tsc;          /* stop_tsc of the VM it has just taken the place of; 0: told already */
	u64 pause_tsc;             /* host TSC when it was paused and the last vCPU had left, atomic */
	struct vm_starting *start; /* VM_STARTING: how far it is; vmm/life/start.c */
	struct vm_stopping stopping;

	struct sched_group sched;
	struct monitor_vm *monitor; /* scroll-back, control channel; vmm/operator/ */
	/* What is to be done in a turn of it, each a flag, atomic; any: one of them. */
	union {
		u64 any;
		struct {
			u32 ends;  /* by the ends of its serial ports */
			u32 disks; /* by its disks and their media */
		};
	} work;

	/*
	 * Guards devices, buses and timer queues: held while an exit touches them, while a vCPU prepares its entry
	 * and while the console or an operator reaches in from another CPU. Posting to another vCPU's APIC needs no
	 * lock.
	 */
	struct spinlock lock;

	struct vm_image kernel, initrd;
	struct vm_image rom;                       /* the firmware */
	struct vm_image vga_rom;                   /* the BIOS of its VGA; not there: data is NULL */
	struct vm_image drives[CONFIG_MAX_DRIVES]; /* media of config.drives[]; data NULL: none */
	struct vm_image vars;                      /* of UEFI: what its flash begins with; it may have none */
	struct vm_image linux_rom;                 /* by which its BIOS starts a kernel */
	struct vm_image nic_rom;                   /* of its network cards; data NULL: there is none */
	struct vm_image modules[CONFIG_NR_MODULES];
	u32 nr_modules;

	u64 hv_bytes;   /* hypervisor memory this VM takes, bytes */
	u64 pool_start; /* what the hypervisor had free when it was started last, bytes */
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

static inline enum vm_state vm_state(const struct vm *vm)
{
	return vm_st_state(vm_status(&vm->status));
}
/* Why it stops; VM_STOP_NONE: it does not. */
static inline enum vm_stop vm_stop(const struct vm *vm)
{
	return vm_st_stop(vm_status(&vm->status));
}
static inline u32 vm_run(const struct vm *vm)
{
	return vm_st_run(vm_status(&vm->status));
}
static inline bool vm_is_on(const struct vm *vm)
{
	return vm_st_on(vm_status(&vm->status));
}
static inline bool vm_paused(const struct vm *vm)
{
	return vm_status(&vm->status) & VM_ST_PAUSED;
}
/* It is to be resumed as soon as its vCPUs are out. */
static inline bool vm_resumes(const struct vm *vm)
{
	return vm_status(&vm->status) & VM_ST_RESUME;
}

/* All VMs, in the blob's order. */
#define vm_for_each(it) for (struct vm *it = vm_list; it; it = it->next)

/* VM time now, ns. */
u64 vm_now(const struct vm *vm);
/* The guest may have seen its time up to now: when it was paused, it goes on from here. */
void vm_time_seen(struct vm *vm);

/* The VM with an id, or NULL. */
struct vm *vm_by_id(u32 id);
