/* What insn.c, insn_mem.c, insn_regs.c and insn_state.c share: the emulator's view of the vCPU (struct emul_ops). */
#pragma once

#include "vmm/exit/insn.h"

extern const struct emul_ops emulate_ops;

static inline struct vcpu *vc(struct emul_ctxt *c)
{
	return c->owner;
}

/* ---- insn_state.c ---- */
void emulate_load(struct emul_ctxt *c, u32 what);
void emulate_write_back(struct vcpu *v, struct emul_ctxt *c);

/* ---- insn_mem.c ---- */
int emulate_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len);
int emulate_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags);
int emulate_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags);
int emulate_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags);
void *emulate_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags);
int emulate_check(struct emul_ctxt *c, u64 lin, u32 len, u32 flags);
