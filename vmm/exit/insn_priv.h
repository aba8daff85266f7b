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

/* ---- insn.c ---- */
enum emulate_access {
	ACCESS_DO,   /* then emulate_accessed() */
	ACCESS_DONE, /* an earlier go has done it: what it read is in buf */
	ACCESS_WAIT, /* the next go does it: EMUL_RETRY */
};

/* Whether there is no time in this go for more that takes long: EMUL_RETRY, and it comes in the next one. */
bool emulate_waits(struct emul_ctxt *c);
/* Before an access of the instruction to a device, at a guest-physical address or port. */
enum emulate_access emulate_access(struct emul_ctxt *c, enum emul_done_kind kind, u64 where, void *buf, u32 len);
/* After it. */
void emulate_accessed(struct emul_ctxt *c, enum emul_done_kind kind, u64 where, const void *buf, u32 len);

/* ---- insn_mem.c ---- */
int emulate_fetch(struct emul_ctxt *c, u64 lin, void *buf, u32 len);
int emulate_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags);
int emulate_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags);
int emulate_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags);
void *emulate_map(struct emul_ctxt *c, u64 lin, u32 len, u32 flags);
int emulate_check(struct emul_ctxt *c, u64 lin, u32 len, u32 flags);
