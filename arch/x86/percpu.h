/*
 * Per-CPU data, reached through GS (and FS: the stack protector's canary is at FS:28h, also for libfdt's objects).
 */
#pragma once

#include "arch/x86/exit_ring.h"
#include "lib/types.h"

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS  0x18

#define IST_NMI 1
#define IST_DF  2
#define IST_MC  3
#define NR_IST  3

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "TSS layout (SDM vol. 3, 64-Bit Mode Task State Segment)");

struct vcpu;

/* Whether a processor takes part: itself, or who waits for it, decides first. */
enum pcpu_start { PCPU_STARTING, PCPU_ARRIVED, PCPU_TOO_LATE };

struct pcpu {
	struct pcpu *self; /* GS:0 */
	u32 index;         /* position in pcpus[], 0 = bootstrap processor */
	u32 apic_id;
	u64 reserved[3];
	u64 canary; /* FS:28h, random from RDRAND or the TSC */
	u64 stack_top;
	u64 gdt[5];
	struct tss tss;
	u32 start;                 /* enum pcpu_start; leaves the first value once, atomically */
	bool vmx_on;               /* in VMX root operation */
	bool nmi_pending;          /* a host NMI arrived; reported by the run loop */
	u32 kick;                  /* set by other CPUs, cleared by the run loop */
	u32 evict;                 /* set by other CPUs: put the loaded vCPU away, it runs elsewhere */
	void *vmxon;               /* VMXON region */
	u64 vmxon_pa;              /* its physical address */
	struct vcpu *current;      /* whose VMCS and registers are loaded */
	u32 last_vm;               /* ID + 1 of the VM that ran here last */
	struct exit_record *exits; /* ring->rec, written by this CPU alone */
	u64 exit_count;
	struct exit_ring *ring;
	/* What the run before left in this ring's memory, when it did not end as it should.
	 * Set at boot, then constant. */
	bool old_left;
	u32 nr_old_exits;
	struct exit_record *old_exits; /* the oldest first */
	char *old_words;               /* ends with a NUL */
	u64 old_start_tsc;
	u64 fault_fixups;
};
_Static_assert(offsetof(struct pcpu, canary) == 0x28, "gcc's and libfdt's canary is at FS:28h");

extern struct pcpu **pcpus; /* nr_pcpus entries; after smp_keep() those that run guests */
extern u32 nr_pcpus;

static inline struct pcpu *this_cpu(void)
{
	struct pcpu *p;

	__asm__("movq %%gs:0, %0" : "=r"(p));
	return p;
}

/* Loads this CPU's GDT, TSS, IDT and the FS/GS bases; p->stack_top and p->tss.ist[] must be set. */
void percpu_load(struct pcpu *p);
