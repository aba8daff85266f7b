/* Inside the emulator: opcode table entries, operand and memory helpers, handlers. Not for other folders. */
#pragma once

#include "arch/x86/exc.h"
#include "arch/x86/seg.h"
#include "lib/string.h"
#include "lib/types.h"
#include "vmm/emul/emul.h"

/* Arithmetic flags and the system flags the emulator looks at. */
#define FL_CF    BIT(0)
#define FL_ONE   BIT(1) /* always set */
#define FL_PF    BIT(2)
#define FL_AF    BIT(4)
#define FL_ZF    BIT(6)
#define FL_SF    BIT(7)
#define FL_TF    BIT(8)
#define FL_IF    BIT(9)
#define FL_DF    BIT(10)
#define FL_OF    BIT(11)
#define FL_IOPL  (3ull << 12)
#define FL_NT    BIT(14)
#define FL_RF    BIT(16)
#define FL_VM    BIT(17)
#define FL_AC    BIT(18)
#define FL_VIF   BIT(19)
#define FL_VIP   BIT(20)
#define FL_ID    BIT(21)
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define CR0_PE       BIT(0)
#define CR0_MP       BIT(1)
#define CR0_EM       BIT(2)
#define CR0_TS       BIT(3)
#define CR0_AM       BIT(18)
#define CR4_VME      BIT(0)
#define CR4_PVI      BIT(1)
#define CR4_TSD      BIT(2)
#define CR4_DE       BIT(3)
#define CR4_PCE      BIT(8)
#define CR4_OSFXSR   BIT(9)
#define CR4_UMIP     BIT(11)
#define CR4_LA57     BIT(12)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE  BIT(18)
#define EFER_LMA     BIT(10)

/* Flags of an opcode table entry. */
#define F_M         BIT(0) /* has ModRM */
#define F_B         BIT(1) /* byte operands */
#define F_RD        BIT(2) /* destination is read first */
#define F_WR        BIT(3) /* destination is written after the handler */
#define F_RW        (F_RD | F_WR)
#define F_LOCK      BIT(4)  /* LOCK allowed when the destination is memory */
#define F_D64       BIT(5)  /* operand size is 64 bits in 64-bit mode unless 66 */
#define F_F64       BIT(6)  /* operand size is 64 bits in 64-bit mode */
#define F_NO64      BIT(7)  /* #UD in 64-bit mode */
#define F_PRIV      BIT(8)  /* #GP unless CPL 0 */
#define F_GROUP     BIT(9)  /* u.group indexed by ModRM.reg */
#define F_MEM       BIT(10) /* #UD when ModRM names a register */
#define F_REG       BIT(11) /* #UD when ModRM names memory */
#define F_SRC8      BIT(12) /* source is a byte */
#define F_SRC16     BIT(13) /* source is a word */
#define F_BITSTR    BIT(14) /* source register selects a bit beyond the operand */
#define F_PROT      BIT(15) /* #UD in real and virtual-8086 mode */
#define F_CRDR      BIT(16) /* MOV CR/DR: mod is ignored, operand size is the mode's */
#define F_SIMPLE    BIT(17) /* no generic operand handling at all: the handler does everything */
#define F_LOCKIMP   BIT(18) /* memory destination is locked without a prefix (XCHG) */
#define F_PREFIX    BIT(19) /* not an opcode but a prefix */
#define F_IMM(k)    ((u32)(k) << 24)
#define F_IMM_OF(f) ((f) >> 24)

enum imm_kind { IMM_NONE, IMM_8, IMM_8U, IMM_16, IMM_Z, IMM_V, IMM_MOFFS, IMM_FAR, IMM_ENTER };
enum opnd { OP_NONE, OP_E, OP_G, OP_AX, OP_O, OP_I, OP_ONE, OP_CL };

struct emul_opcode {
	u32 flags;
	u8 dst, src; /* enum opnd */
	union {
		int (*fn)(struct emul_ctxt *c); /* NULL: undefined opcode */
		const struct emul_opcode *group;
	} u;
};

extern const struct emul_opcode emul_op1[256];    /* one byte */
extern const struct emul_opcode emul_op2[256];    /* 0F xx */
extern const struct emul_opcode emul_op3[2];      /* 0F 38 F0, F1 */
extern const struct emul_opcode emul_op_movntdqa; /* 0F 38 2A */
extern const struct emul_opcode emul_op_vex;      /* all with a VEX prefix */

static inline bool is_long(const struct emul_ctxt *c)
{
	return c->mode == EMUL_LONG64;
}

static inline bool is_prot(const struct emul_ctxt *c)
{
	return c->mode >= EMUL_PROT16;
}

static inline u64 size_mask(u32 size)
{
	return size >= 8 ? ~0ull : BIT(8 * size) - 1;
}

static inline u64 sign_extend(u64 v, u32 size)
{
	u32 sh = 64 - 8 * size;

	return (u64)((s64)(v << sh) >> sh);
}

/* Size in bytes of the operands of the instruction being run. */
static inline u32 opnd_size(const struct emul_ctxt *c)
{
	return c->d.op->flags & F_B ? 1 : c->d.op_size;
}

/* --- exec.c: registers. Every change goes through these, so that a fault can undo it. --- */
void emul_set_gpr(struct emul_ctxt *c, u32 r, u64 val);
static inline u64 emul_gpr(struct emul_ctxt *c, u32 r)
{
	if (r == EMUL_RSP)
		emul_need(c, EMUL_B_RSP);
	return c->gpr[r];
}
/* As the instruction set sees registers: size 1 uses AH..BH without REX; a 4-byte write clears the upper half. */
u64 emul_reg_read(struct emul_ctxt *c, u32 r, u32 size);
void emul_reg_write(struct emul_ctxt *c, u32 r, u32 size, u64 val);
/* Low `size` bytes of register r by number (no AH..BH), for address and counter registers. */
void emul_reg_merge(struct emul_ctxt *c, u32 r, u32 size, u64 val);
u64 emul_flags(struct emul_ctxt *c);
void emul_set_flags(struct emul_ctxt *c, u64 mask, u64 val);
struct emul_seg *emul_seg(struct emul_ctxt *c, u32 s); /* for reading */
void emul_set_seg(struct emul_ctxt *c, u32 s, const struct emul_seg *val);
void emul_set_cpl(struct emul_ctxt *c, u8 cpl);
void emul_undo(struct emul_ctxt *c);
static inline u8 emul_cpl(struct emul_ctxt *c)
{
	emul_need(c, EMUL_B_CPL);
	return c->cpl;
}
/* Jump to offset val in the current code segment: masks it, #GP(0) when outside.
 * size is the operand size in bytes. */
int emul_jump(struct emul_ctxt *c, u64 val, u32 size);

/* --- mem.c: segmentation and memory. --- */
/* Does [lin, lin + len) run over the end of the linear address space? The accessors split such a range. */
static inline bool emul_wraps(const struct emul_ctxt *c, u64 lin, u32 len)
{
	return is_long(c) ? lin + len - 1 < lin : lin < BIT(32) && lin + len > BIT(32);
}
bool emul_canonical(struct emul_ctxt *c, u64 lin);
static inline bool canonical(struct emul_ctxt *c, u64 lin)
{
	return likely(lin + BIT(47) < BIT(48)) || emul_canonical(c, lin);
}
int emul_linear(struct emul_ctxt *c, u32 seg, u64 off, u32 len, bool write, u64 *lin);
/* #GP(0) unless seg:off is a multiple of len, a power of two. To be asked before emul_linear(): processors look at
 * the alignment these operands need before they look at the segment or for a canonical address. */
int emul_aligned(struct emul_ctxt *c, u32 seg, u64 off, u32 len);
/* Whether an access of len bytes at lin is one that #AC is for. */
bool emul_misaligned(struct emul_ctxt *c, u64 lin, u32 len);
int emul_lin_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags);
int emul_lin_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags);
/* seg:off, checks included; the value is zero-extended little-endian. size 1..8. */
int emul_mem_read(struct emul_ctxt *c, u32 seg, u64 off, u32 size, u64 *val);
int emul_mem_write(struct emul_ctxt *c, u32 seg, u64 off, u32 size, u64 val);
u64 emul_ea(struct emul_ctxt *c); /* offset of the ModRM memory operand, masked to the address size */
u64 emul_ea_add(struct emul_ctxt *c, s64 delta);
int emul_modrm_read(struct emul_ctxt *c, s64 delta, u32 size, u64 *val);
int emul_modrm_write(struct emul_ctxt *c, s64 delta, u32 size, u64 val);
u32 emul_stack_size(struct emul_ctxt *c); /* 2, 4, 8: width of the stack pointer */
int emul_push(struct emul_ctxt *c, u64 val, u32 size);
int emul_pop(struct emul_ctxt *c, u64 *val, u32 size);

/* --- far.c: descriptors. --- */
int emul_load_seg(struct emul_ctxt *c, u32 s, u16 sel);

int emul_io_allowed(struct emul_ctxt *c, u16 port, u32 size); /* sys.c */
/* sysreg.c: of a MOV CR or DR, whether there is such a register (DR4 and DR5 are). */
bool emul_crdr_exists(const struct emul_insn *d);

/* --- fast.c --- */
/* Runs the instruction (EMUL_MAX_INSN bytes are there, 64-bit mode) or says that it is not one of its own. */
#define EMUL_FAST_NO (-1)
int emul_fast_mov(struct emul_ctxt *c);
int emul_fetch(struct emul_ctxt *c, u32 want); /* decode.c: at least want bytes of the instruction */

/* --- sse.c --- */
/* Of the nr quadwords of v, by opcode and prefix: MOVSLDUP's (in each the low half twice), MOVSHDUP's (the high one), or
 * MOVDDUP's (of each two the first one twice). */
void emul_duplicate(const struct emul_ctxt *c, u64 *v, u32 nr);

/* --- alu.c: pure arithmetic; size in bytes; flags in and out through *fl. --- */
u64 alu_add(u64 a, u64 b, u64 carry, u32 size, u64 *fl);
u64 alu_sub(u64 a, u64 b, u64 borrow, u32 size, u64 *fl);
u64 alu_logic(u64 res, u32 size, u64 *fl);
u64 alu_shift(u32 kind, u64 a, u32 count, u32 size, u64 *fl); /* kind: ModRM.reg of D0..D3 */
u64 alu_shld(u64 a, u64 b, u32 count, u32 size, u64 *fl);
u64 alu_shrd(u64 a, u64 b, u32 count, u32 size, u64 *fl);
bool alu_cond(u64 fl, u32 cc);
void alu_mul(u64 a, u64 b, u32 size, bool is_signed, u64 *lo, u64 *hi, u64 *fl);
/* hi:lo / b; false on divide error. */
bool alu_div(u64 hi, u64 lo, u64 b, u32 size, bool is_signed, u64 *quot, u64 *rem);
u64 alu_szp(u64 res, u32 size); /* SF, ZF, PF of a result */
#define ALU_SZP (FL_SF | FL_ZF | FL_PF)

/* --- handlers, by file --- */
#define EMUL_HANDLERS(X)                                                                                             \
	/* data.c */                                                                                                 \
	X(add)                                                                                                       \
	X(or)                                                                                                        \
	X(adc)                                                                                                       \
	X(sbb)                                                                                                       \
	X(and)                                                                                                       \
	X(sub)                                                                                                       \
	X(xor) X(cmp) X(test) X(not ) X(neg) X(inc) X(dec) X(shift) X(shld) X(shrd) X(imul3) X(imul2) X(mul1)        \
	        X(imul1) X(div) X(idiv) X(bt) X(bts) X(btr) X(btc) X(bsf) X(bsr) X(popcnt) X(bswap) X(mov) X(movsx)  \
	                X(movbe_load) X(movbe_store) X(lea) X(xchg) X(xchg_ax) X(xadd) X(cmpxchg) X(cmpxchg8b)       \
	                        X(setcc) X(cmov) X(nop) X(cbw) X(cwd) X(flagop) X(lahf) X(sahf) X(xlat) X(salc)      \
	                                X(daa) X(aaa) X(aam) X(aad) X(movnti) X(moffs_load)                          \
	                                        X(moffs_store) /* stack.c */                                         \
	        X(push) X(pop) X(pop_ev) X(push_seg) X(pop_seg) X(pusha) X(popa) X(pushf) X(popf) X(enter) X(leave)  \
	                X(call) X(call_ev) X(jmp) X(jmp_ev) X(jcc) X(loop) X(ret) X(ret_imm) X(bound) /* string.c */ \
	        X(movs) X(cmps) X(stos) X(lods) X(scas) X(ins) X(outs)                                /* far.c */    \
	        X(mov_to_seg) X(mov_from_seg) X(load_far) X(jmp_far) X(call_far) X(jmp_far_ev) X(call_far_ev)        \
	                X(ret_far) X(ret_far_imm) X(iret) X(lldt) X(ltr) X(lar) X(lsl) X(verr) X(verw)               \
	                        X(arpl) /* sys.c */                                                                  \
	        X(in) X(out) X(int3) X(int1) X(int_n) X(into) X(hlt) X(cli) X(sti) X(mov_from_cr) X(mov_to_cr)       \
	                X(mov_from_dr) X(mov_to_dr) X(clts) X(sldt) X(str) X(grp7) X(rdmsr) X(wrmsr) X(rdtsc)        \
	                        X(rdpmc) X(cpuid) X(invd) X(wbinvd) X(grp15) X(ud) X(unsupported) X(syscall)         \
	                                X(sysret) X(sysenter) X(sysexit) /* sse.c */                                 \
	        X(sse_mov) X(sse_movd) X(maskmov) X(vex_mov) X(fpu) X(fwait) X(emms)

#define EMUL_DECLARE(n) int emul_op_##n(struct emul_ctxt *c);
EMUL_HANDLERS(EMUL_DECLARE)
