/*
 * Builds with STRETCH=1 measure how long root mode lasts in one piece: from a VM exit to the next VM entry, or to the
 * next look at whether another vCPU should run, which charges what was done, and so on from there. In ticks of the
 * TSC, without the entry stub's few. Other builds have nothing of it: exits must not become slower by being watched.
 */
#pragma once

#include "arch/x86/vmx/exit_reasons.h"
#include "lib/types.h"
#include "vmm/cpu/stretch_call.h"

struct vcpu;

/* What a stretch belongs to when no exit handler was at work: rows behind those of the exit reasons. */
enum stretch_kind {
	STRETCH_ENTRY = EXIT_REASON_COUNT, /* from the choice of a vCPU, or a look, to the VM entry */
	STRETCH_LOOP,                      /* from the end of a turn to the choice of the next vCPU */
	STRETCH_START,                     /* a step of a guest's start */
	STRETCH_STOP,                      /* the end of a guest's run */
	STRETCH_POLL,                      /* consoles, control channels, sleepers that are woken */
	STRETCH_ROWS
};

#ifdef CONFIG_STRETCH
/* A stretch begins: after a VM exit, or when the processor wakes up. */
void stretch_begin(void);
/* It ends, and the next one begins. row: an exit reason or an enum stretch_kind. */
void stretch_end(u32 row);
/* What it is for when stretch_end_turn() ends it. */
void stretch_for(u32 row);
/* It ends with the vCPU's turn: of what stretch_for() said since it began, else STRETCH_LOOP. */
void stretch_end_turn(void);
/* STRETCH_CALL of v; handled() tells which exit reasons have a handler. */
u64 stretch_call(struct vcpu *v, bool (*handled)(u32 reason));
/* The next row that there was any of since boot, from *row on, into the log. false: that were all. */
bool stretch_report(u32 *row);
#else
static inline void stretch_begin(void) {}
static inline void stretch_end(u32 row) {}
static inline void stretch_for(u32 row) {}
static inline void stretch_end_turn(void) {}
static inline bool stretch_report(u32 *row)
{
	return false;
}
#endif
