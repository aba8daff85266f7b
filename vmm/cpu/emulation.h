/* A vCPU's scratch for the instruction emulator (vmm/exit/insn.c) and for task switches (vmm/exit/task.c). */
#pragma once

#include "mm/gwalk.h"
#include "vmm/emul/emul.h"
#include "vmm/policy/taskswitch.h"

/* Two operands, each over two pages. */
#define EMULATION_PAGES 4

/* Two TSSs and two descriptors, each over two pages: all that the commit writes, so that none of it is forgotten. */
#define EMULATION_TASK_PAGES 8

struct emulation_task {
	struct taskswitch sw;
	enum ts_status status; /* of its last step */
	struct gwalk_state walk;
	struct emulation_task_page {
		u32 lin;
		bool write; /* good for writing, too */
		u64 gpa;
	} page[EMULATION_TASK_PAGES];
	u32 nr_pages; /* of all since CR3 was loaded; the last ones are kept */
	bool nmi;     /* it delivers an NMI */
};

struct emulation {
	struct emul_ctxt c;
	struct gwalk_state walk;
	bool walk_valid;
	u64 until;      /* host TSC: by then a REP string gives way */
	u64 step_tsc;   /* when its iteration began; 0: none has */
	u64 step_ticks; /* the longest so far */
	/*
	 * What takes long goes on in the run loop, after the others' work: an access to a device that begins after
	 * `wait` (host TSC) is left to the next go, if this one has got on.
	 */
	u64 wait;
	bool got_on;  /* this go has done something that the next one need not */
	bool waiting; /* the instruction is to go on; see vcpu.h's `more` */
	struct emul_done done;
	/* Pages that this instruction went through: it need not look them up again. */
	struct emulation_page {
		u64 lin, gpa;
		u32 access; /* GWALK_ flags */
		u8 cpl;
	} page[EMULATION_PAGES];
	u8 x87[108];      /* the x87 state before the instruction that is run */
	u32 nr_pages;     /* of all so far; the last ones are kept */
	bool hlt;         /* the instruction was a HLT */
	bool unsupported; /* it is not emulated: the next go tells so */
	bool forced;      /* by the prefix: what cannot be emulated is #UD */
	bool hint_write;  /* with have_hint: the faulting access was a write; set by the caller */
	struct emulation_task task;
};
