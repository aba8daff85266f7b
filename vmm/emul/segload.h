/* Inside the emulator: descriptor helpers shared by segload.c and far.c. */
#pragma once

#include "vmm/emul/insn.h"

bool emul_lma(struct emul_ctxt *c); /* EFER.LMA */
u32 desc_attr(u64 d);               /* VMX access rights of a descriptor's low quadword */
void desc_to_seg(u64 d, u16 sel, struct emul_seg *s);
/* Reads len (8 or 16) bytes of sel's descriptor to d; *lin gets its address. Beyond the table: vec(sel). */
int emul_desc_read(struct emul_ctxt *c, u16 sel, u32 len, u8 vec, u64 *d, u64 *lin);
/* Sets bits in the type field of the descriptor d read from lin. */
int emul_desc_mark(struct emul_ctxt *c, u64 lin, u64 d, u8 bits);
int emul_load_null(struct emul_ctxt *c, u32 s, u16 sel);
/* Loads SS for privilege level pl. */
int emul_load_ss(struct emul_ctxt *c, u16 sel, u8 pl, bool null_ok);
