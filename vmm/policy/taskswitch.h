/*
 * Hardware task switch in protected mode, after a task-switch VM exit. Source: Intel SDM vol. 3, "Task Management"
 * and "Treatment of Task Switches" in "VMX Non-Root Operation": the CPU has already checked the privileges of gate
 * and TSS descriptor; the rest is done here, including those checks on the descriptor that a racing guest could undo.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

/* Segment register; ar in the VMCS format (SEG_AR_*: bit 16 unusable). */
struct ts_seg {
	u16 sel;
	u32 ar;
	u32 limit; /* in bytes */
	u64 base;
};

enum ts_seg_index { TS_ES, TS_CS, TS_SS, TS_DS, TS_FS, TS_GS, TS_LDTR, TS_TR, TS_SEGS };

/* The registers a task switch reads and writes. gpr in the order of the encoding: EAX ECX EDX EBX ESP EBP ESI EDI. */
struct ts_regs {
	u32 gpr[8];
	u32 eip, eflags;
	u64 cr0, cr3, dr7;
	struct ts_seg seg[TS_SEGS];
	u64 gdtr_base;
	u32 gdtr_limit;
};

/* As the exit qualification numbers them. */
enum ts_source { TS_CALL, TS_IRET, TS_JMP, TS_GATE };

struct ts_request {
	u16 selector; /* of the new TSS */
	enum ts_source source;
	u32 next_eip;   /* what the old TSS gets: behind the instruction
	                 * (CALL, JMP, IRET, INT n, INT3, INTO), else EIP */
	bool has_error; /* TS_GATE for an exception with an error code */
	u32 error;
	bool external; /* TS_GATE for an interrupt or exception not raised by INT n/INT3/INTO:
	                * EXT bit of error codes */
};

struct ts_fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2; /* for #PF */
};

/*
 * How the world is reached. Linear addresses are 32 bits; accesses are implicit supervisor accesses that set A/D
 * flags. Return OK, or non-zero with *f filled in (normally #PF). Accesses are at most 104 bytes.
 */
struct ts_ops {
	int (*read)(void *ctx, u32 addr, void *buf, u32 len, struct ts_fault *f);
	int (*write)(void *ctx, u32 addr, const void *buf, u32 len, struct ts_fault *f);
	/* Would a write work? Same results as write, changes nothing. */
	int (*probe)(void *ctx, u32 addr, u32 len, struct ts_fault *f);
	/* CR3 has become cr3 (only called when paging is on and the value differs from the old one, or PAE is on);
	 * later accesses go through it. Non-zero: the new PDPTEs are bad, with *f (#GP(0)). */
	int (*load_cr3)(void *ctx, u64 cr3, struct ts_fault *f);
	/* The error code push: a write with the privilege of cpl instead of the implicit supervisor's. */
	int (*push)(void *ctx, u32 addr, const void *buf, u32 len, u8 cpl, struct ts_fault *f);
};

enum ts_status {
	TS_MORE,      /* further steps are to follow */
	TS_DONE,      /* n holds the new task */
	TS_FAULT_OLD, /* deliver fault in the old task: nothing has changed */
	TS_FAULT_NEW, /* deliver fault in the new task, before its first instruction: n holds it */
	TS_ABORT,     /* the guest's tables changed under us after the commit: kill the VM or triple fault */
};

struct ts_result {
	struct ts_fault fault;
	bool debug_trap; /* TS_DONE: the new TSS has its T flag set: set DR6.BT and deliver #DB */
};

/* A switch under way. The caller sets old, and reads n and r at the end. */
struct taskswitch {
	struct ts_regs old; /* the task that is left */
	struct ts_regs n;   /* the one that comes */
	struct ts_result r;
	struct ts_request q;
	const struct ts_ops *ops; /* of the step under way, as ctx */
	void *ctx;
	struct ts_seg tss;  /* the new one, with its descriptor's address */
	u64 slot, old_slot; /* old_slot: of the old one's, where that is written */
	u16 ldt;
	bool trap, new32;
	u8 step;
};

/* Begins a switch; old is set. */
void taskswitch_begin(struct taskswitch *t, const struct ts_request *q);
/*
 * Its next step, until that returns anything but TS_MORE: a switch may reach thirty places in memory, and a hypervisor
 * has other things to do between them. No step makes more than four accesses. CR0.TS is set in n, DR7's local enables
 * cleared. After TS_FAULT_NEW every segment register is one that VM entry accepts: those not loaded are unusable, CS a
 * flat one of the new CPL.
 */
enum ts_status taskswitch_step(struct taskswitch *t, const struct ts_ops *ops, void *ctx);
