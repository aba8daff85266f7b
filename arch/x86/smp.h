/* All processors of the machine. */
#pragma once

#include "arch/x86/acpi_tables.h"
#include "arch/x86/percpu.h"

/* Memory is the layer above's. alloc and alloc_stack: zeroed, 0 when there is none; alloc_stack gives the top. */
struct smp_mem {
	void *(*alloc)(u64 size);
	void *(*alloc_as_is)(u64 size); /* not zeroed: with what the machine's memory holds */
	u64 (*alloc_stack)(u64 size);
	void *(*map_low)(u64 pa);           /* a page below 1 MiB, writable */
	u64 (*image_pa)(const void *image); /* physical address of something in the image */
	u64 (*cr3)(void);                   /* the final page tables */
	u64 start_tsc;
};

/*
 * Allocates per-CPU data for the bootstrap processor and the n application processors of the list, and loads it on
 * this one (the stack stays). mem must live on. OK or ERR_NOMEM.
 */
__must_check int smp_init(const struct acpi_cpu *cpus, u32 n, const struct smp_mem *mem);
/*
 * Starts the application processors: each runs main() on its own stack when it is up. low_page: a free page below
 * 1 MiB. Returns how many came up; those that do not answer in time are named in the log.
 */
u32 smp_start(u64 low_page, void (*main)(void));
