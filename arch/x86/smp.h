/* All processors of the machine. */
#pragma once

#include "arch/x86/acpi_tables.h"
#include "arch/x86/percpu.h"

/* Memory is the layer above's. alloc and alloc_stack: zeroed, 0 when there is none; alloc_stack gives the top. */
struct smp_mem {
	void *(*alloc)(u64 size);
	void *(*alloc_as_is)(u64 size); /* not zeroed: with what the machine's memory holds */
	u64 (*alloc_stack)(u64 size);
	void *(*map_low)(u64 pa); /* a page below 1 MiB, writable */
	u64 start_pml4;           /* physical address, below 4 GiB: page tables that a processor starts on */
	u64 (*cr3)(void);         /* the final page tables */
	u64 start_tsc;
};

#define SMP_MAX_CPUS 256 /* of the machine; more are named in the log and stay off */

/*
 * Allocates per-CPU data for the bootstrap processor and the application processors of the list's n, in its order,
 * and loads it on this one (the stack stays). mem must live on. OK or ERR_NOMEM.
 */
__must_check int smp_init(const struct acpi_cpu *cpus, u32 n, const struct smp_mem *mem);
/*
 * Starts the application processors: each runs main() on its own stack when it is up. low_page: a free page below
 * 1 MiB. Waits for them, but not for ever.
 */
void smp_start(u64 low_page, void (*main)(void));
/* A processor is set up. False: too late, the others go on without it, and it must not touch what is theirs. */
__must_check bool smp_arrive(void);
/*
 * Ends the start. Processors that did not arrive are named in the log; these and those that usable() refuses leave
 * pcpus[], and the others are numbered anew, in the same order. Before anything is laid out by these numbers.
 */
void smp_keep(bool (*usable)(const struct pcpu *p));
