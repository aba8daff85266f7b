/* All processors of the machine. */
#pragma once

#include "arch/x86/acpi_tables.h"
#include "arch/x86/percpu.h"

/*
 * Allocates per-CPU data for the bootstrap processor and the n application processors of the list, and loads it on
 * this one (the stack stays). OK or ERR_NOMEM.
 */
__must_check int smp_init(const struct acpi_cpu *cpus, u32 n);
/*
 * Starts the application processors: each runs main() on its own stack when it is up. low_page: a free page below
 * 1 MiB. Returns how many came up; those that do not answer in time are named in the log.
 */
u32 smp_start(u64 low_page, void (*main)(void));
