/*
 * The description of a machine as a device tree's source, for `describe dts` and for `bhcfg describe`;
 * vmm/config/machine.h says what it means and reads it. Pure.
 */
#pragma once

#include "lib/types.h"

#define DTS_MACHINE_COMPATIBLE "bulkhead,machine-1"

struct dts_cpu {
	u32 package, core, thread;
};

/* Where what is written comes from and goes. */
struct dts_machine {
	u64 memory; /* bytes that guests may have together */
	u32 nr_cpus;
	void (*cpu)(void *arg, u32 i, struct dts_cpu *c);     /* fills in where CPU i lies */
	void (*put)(void *arg, const char *line, size_t len); /* a line, without its newline */
	void *arg;
};

void dts_write_machine(const struct dts_machine *m);
