/* A virtual machine (partition): configuration, memory, buses, interrupt controllers, vCPUs, devices. */
#pragma once

#include "arch/x86/lock.h"
#include "boot/boot_info.h"
#include "lib/types.h"
#include "mm/ept.h"
#include "mm/guest_mem.h"
#include "mm/hostpt.h"
#include "vmm/config.h"
#include "vmm/devices.h"
#include "vmm/guest_map.h"
#include "vmm/io_bus.h"
#include "vmm/vclock.h"
#include "vmm/vcpu.h"

enum vm_state { VM_DEFINED, VM_RUNNING, VM_STOPPED, VM_CRASHED };

/* Why a running VM has to stop; acted upon by the run loop. */
enum vm_stop { VM_STOP_NONE, VM_STOP_POWEROFF, VM_STOP_RESET, VM_STOP_CRASH, VM_STOP_DEBUG_EXIT };

#define VM_PIO_REGIONS  64
#define VM_MMIO_REGIONS 64
#define VM_INPUT_SIZE   64 /* power of two */

struct vm_image { /* a boot module the guest is started from, kept for restarts */
	const void *data;
	u64 len;
	const char *string;
};

struct vm {
	struct vm_config config;
	u32 id;
	enum vm_state state;
	enum vm_stop stop;
	char why[160];               /* reason of the last stop */
	struct log_limit stop_limit; /* of messages about stops: a guest may crash and restart without end */
	bool quiet;                  /* the last stop is over that limit */
	u32 exit_code;               /* of the debug exit port */

	struct guest_map map;
	struct guest_mem mem;
	struct ept ept;
	struct hostpt pt; /* root-mode address space: the hypervisor and this VM's window */
	void *apic_access_page;
	u64 apic_access_pa;
	u64 apic_access_gpa; /* where it is mapped */
	bool apic_access_mapped;

	struct io_bus pio, mmio;
	struct io_region *pio_storage[VM_PIO_REGIONS];
	struct io_region *mmio_storage[VM_MMIO_REGIONS];
	struct devices dev;
	struct { /* typed on the console; the console's CPU fills it, vCPU 0's CPU empties it */
		u8 buf[VM_INPUT_SIZE];
		u32 head, tail; /* free running: put at head, taken at tail */
	} input;

	struct vclock clock;      /* host TSC <-> ns of VM time, guest TSC */
	struct pv_scale pv_scale; /* guest TSC -> ns for pvclock */
	u64 tsc_start;            /* host TSC at VM time 0 */
	u64 wall_base;            /* ns since 1970 at VM time 0 */

	struct vcpu **vcpus;
	u32 nr_vcpus;
	u32 nr_stopped; /* vCPUs that have noticed the stop */

	/*
	 * Guards devices, buses and timer queues of a VM with several vCPUs: held while an exit touches them and
	 * while a vCPU prepares its entry. Posting to another vCPU's APIC needs no lock.
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
	if (vm->nr_vcpus > 1)
		spin_lock(&vm->lock);
}
static inline void vm_unlock(struct vm *vm)
{
	if (vm->nr_vcpus > 1)
		spin_unlock(&vm->lock);
}

/* VM time now, ns. */
u64 vm_now(const struct vm *vm);

/*
 * Creates a VM from its configuration: memory, EPT, window, devices, vCPUs. The images are looked up in bi. OK; else
 * a negative error, with the reason logged.
 */
__must_check int vm_create(const struct vm_config *config, const struct boot_info *bi, struct vm **out);
/* Loads the images and puts vCPU 0 at the entry point; runs with the VM's address space. OK or an error, logged. */
__must_check int vm_load(struct vm *vm);
void vm_destroy(struct vm *vm);

/* The guest did something that cannot go on: this VM alone stops, with a dump. From its vCPU's context. */
void vm_kill(struct vcpu *v, const char *fmt, ...) __printf(2, 3);
/* The vCPU has shut down: on a PC the chipset then resets the machine. Its state goes to the log. */
void vm_triple_fault(struct vcpu *v, const char *how);
/* The guest asked for power-off, reset or debug exit. */
void vm_request_stop(struct vm *vm, enum vm_stop stop, u32 code, const char *why);

/* Takes a stopped VM through its policy: restart or end, with the summary. On its vCPU 0's CPU. */
void vm_handle_stop(struct vm *vm);

/* First VM entry of a vCPU: for the boot figures. */
void vm_first_entry(struct vcpu *v);

/* The exit tables of a guest, to the log. */
void vm_summary(struct vm *vm);
