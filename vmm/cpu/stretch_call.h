/*
 * The hypercall of builds with STRETCH=1, for tests/guest/longest.c: what a guest can cause, from the hypervisor's own
 * tables, and how long it kept a processor in root mode.
 */
#pragma once

#include "lib/types.h"

/*
 * In RAX; RBX: one of enum stretch_call, RCX: its argument, RDX: where a struct stretch_row is written
 * (guest-physical). Gives 1 in RAX, or 0 when there is no such row. Other builds answer it as unknown.
 */
#define STRETCH_CALL 0x62680002

enum stretch_call {
	STRETCH_TAKE,  /* the longest stretch since this was asked last, and forgets it */
	STRETCH_EXITS, /* exit reason RCX, if it has a handler: first is the reason */
	STRETCH_PORTS, /* region RCX of the port bus */
	STRETCH_MMIO,  /* region RCX of the MMIO bus */
	STRETCH_MSRS,  /* row RCX of the MSR table */
	STRETCH_KEEP,  /* nothing is written: RDX is kept for STRETCH_KEPT, over resets of the guest, too */
	STRETCH_KEPT,  /* first is the number kept */
	STRETCH_CRASH, /* as an exit that no handler is known of: the guest stops, and all of its VMCS is told */
};

struct stretch_row {
	u64 first, last; /* of the range */
	u64 ticks;       /* the longest stretch; STRETCH_EXITS: since boot */
	u64 count;       /* STRETCH_EXITS: stretches since boot */
	u64 polled; /* STRETCH_TAKE: the longest stretch of consoles and control channels, which are no part of ticks */
	char name[32];
};
