/* A vCPU's scratch for the instruction emulator (vmm/exit/insn.c). */
#pragma once

#include "mm/gwalk.h"
#include "vmm/emul/emul.h"

struct emulation {
	struct emul_ctxt c;
	struct gwalk_state walk;
	bool walk_valid;
	u64 until;       /* host TSC: then a REP string gives way */
	bool hlt;        /* the instruction was a HLT */
	bool forced;     /* by the prefix: what cannot be emulated is #UD */
	bool hint_write; /* with have_hint: the faulting access was a write; set by the caller */
};
