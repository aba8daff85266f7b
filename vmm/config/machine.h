/*
 * What guests can be given of a machine: memory, and its processors by package, core and thread. Written by the
 * monitor's `describe dts` and by `bhcfg describe` (vmm/mon/dts.h), read by `bhcfg --machine`; a device tree, so that
 * one parser does for all:
 *
 *	/ { compatible = "bulkhead,machine-1"; memory = "16G"; cpus = <0 0 0>, <0 0 1>, <0 1 0>, <0 1 1>; };
 *
 * Pure.
 */
#pragma once

#include "vmm/config/config.h"

struct machine_cpu {
	u16 package, core, thread; /* core: unique in its package */
};

struct machine {
	u64 memory; /* bytes that guests may have together */
	u32 nr_cpus;
	struct machine_cpu cpu[CPUSET_MAX];
};

/* Reads a description. OK or ERR_INVAL with errors. data is 8-byte aligned. */
__must_check int machine_parse(const void *data, size_t size, struct machine *m, struct config_errs *errs);
/*
 * Adds a processor by its x2APIC ID and the widths that CPUID leaf Bh/1Fh gives: bits to shift right for the core and
 * for the package (SDM vol. 2A, "CPUID - Extended Topology Enumeration Leaf"). OK or ERR_NOSPC.
 */
__must_check int machine_add_cpu(struct machine *m, u32 apic_id, u32 core_shift, u32 package_shift);
/* The processors that share a core with one of set, and set itself. */
void machine_cores_of(const struct machine *m, const struct cpuset *set, struct cpuset *out);
