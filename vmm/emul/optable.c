/* Opcode tables (SDM vol. 2, "Opcode Map"). An empty entry is an undefined opcode. */
#include "vmm/emul/insn.h"

/* clang-format off */
#define E(name, dst, src, flags) { (flags), (dst), (src), { .fn = emul_op_##name } }
#define S(name, flags)           E(name, OP_NONE, OP_NONE, F_SIMPLE | (flags))
#define G(table)                 { F_M | F_GROUP, 0, 0, { .group = (table) } }
#define UNSUP                    S(unsupported, 0)
#define PREFIX                   { F_PREFIX, 0, 0, { .fn = NULL } }
#define X2(...)  __VA_ARGS__, __VA_ARGS__
#define X4(...)  X2(__VA_ARGS__), X2(__VA_ARGS__)
#define X8(...)  X4(__VA_ARGS__), X4(__VA_ARGS__)
#define X16(...) X8(__VA_ARGS__), X8(__VA_ARGS__)

#define I8   F_IMM(IMM_8)
#define I8U  F_IMM(IMM_8U)
#define IZ   F_IMM(IMM_Z)

/* The six forms of a two-operand arithmetic instruction, from the opcode of "E, G" bytes on. */
#define ALU(base, name, rw, lock)                           \
	[(base) + 0] = E(name, OP_E, OP_G, F_M | F_B | (rw) | (lock)), \
	[(base) + 1] = E(name, OP_E, OP_G, F_M | (rw) | (lock)),       \
	[(base) + 2] = E(name, OP_G, OP_E, F_M | F_B | (rw)),          \
	[(base) + 3] = E(name, OP_G, OP_E, F_M | (rw)),                \
	[(base) + 4] = E(name, OP_AX, OP_I, F_B | I8 | (rw)),          \
	[(base) + 5] = E(name, OP_AX, OP_I, IZ | (rw))

#define GROUP1(name, f)                                                                  \
	static const struct emul_opcode name[8] = {                                      \
		E(add, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)), E(or, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)),  \
		E(adc, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)), E(sbb, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)), \
		E(and, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)), E(sub, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)), \
		E(xor, OP_E, OP_I, F_M | F_RW | F_LOCK | (f)), E(cmp, OP_E, OP_I, F_M | F_RD | (f)),          \
	}
GROUP1(group1_bb, F_B | I8);
GROUP1(group1_vz, IZ);
GROUP1(group1_vb, I8);
GROUP1(group1_82, F_B | I8 | F_NO64);

static const struct emul_opcode group1a[8] = { S(pop_ev, F_M | F_D64) };

#define GROUP2(name, src, f) \
	static const struct emul_opcode name[8] = { X8(E(shift, OP_E, src, F_M | F_RW | (f))) }
GROUP2(group2_bi, OP_I, F_B | I8U);
GROUP2(group2_vi, OP_I, I8U);
GROUP2(group2_b1, OP_ONE, F_B);
GROUP2(group2_v1, OP_ONE, 0);
GROUP2(group2_bc, OP_CL, F_B);
GROUP2(group2_vc, OP_CL, 0);

#define GROUP3(name, b, imm)                                                                              \
	static const struct emul_opcode name[8] = {                                                       \
		X2(E(test, OP_E, OP_I, F_M | (b) | F_RD | (imm))), E(not, OP_E, OP_NONE, F_M | (b) | F_RW | F_LOCK), \
		E(neg, OP_E, OP_NONE, F_M | (b) | F_RW | F_LOCK), E(mul1, OP_NONE, OP_E, F_M | (b)),          \
		E(imul1, OP_NONE, OP_E, F_M | (b)), E(div, OP_NONE, OP_E, F_M | (b)),                         \
		E(idiv, OP_NONE, OP_E, F_M | (b)),                                                        \
	}
GROUP3(group3_b, F_B, I8);
GROUP3(group3_v, 0, IZ);

static const struct emul_opcode group4[8] = {
	E(inc, OP_E, OP_NONE, F_M | F_B | F_RW | F_LOCK), E(dec, OP_E, OP_NONE, F_M | F_B | F_RW | F_LOCK),
};
static const struct emul_opcode group5[8] = {
	E(inc, OP_E, OP_NONE, F_M | F_RW | F_LOCK), E(dec, OP_E, OP_NONE, F_M | F_RW | F_LOCK),
	E(call_ev, OP_NONE, OP_E, F_M | F_F64), S(call_far_ev, F_M | F_MEM),
	E(jmp_ev, OP_NONE, OP_E, F_M | F_F64), S(jmp_far_ev, F_M | F_MEM),
	E(push, OP_NONE, OP_E, F_M | F_D64),
};
static const struct emul_opcode group6[8] = {
	S(sldt, F_M | F_PROT), S(str, F_M | F_PROT), E(lldt, OP_NONE, OP_E, F_M | F_PROT | F_PRIV | F_SRC16),
	E(ltr, OP_NONE, OP_E, F_M | F_PROT | F_PRIV | F_SRC16), E(verr, OP_NONE, OP_E, F_M | F_PROT | F_SRC16),
	E(verw, OP_NONE, OP_E, F_M | F_PROT | F_SRC16),
};
static const struct emul_opcode group8[8] = {
	[4] = E(bt, OP_E, OP_I, F_M | F_RD | I8U), E(bts, OP_E, OP_I, F_M | F_RW | F_LOCK | I8U),
	E(btr, OP_E, OP_I, F_M | F_RW | F_LOCK | I8U), E(btc, OP_E, OP_I, F_M | F_RW | F_LOCK | I8U),
};
static const struct emul_opcode group11_b[8] = { E(mov, OP_E, OP_I, F_M | F_B | F_WR | I8) };
static const struct emul_opcode group11_v[8] = { E(mov, OP_E, OP_I, F_M | F_WR | IZ) };

const struct emul_opcode emul_op1[256] = {
	ALU(0x00, add, F_RW, F_LOCK), ALU(0x08, or, F_RW, F_LOCK), ALU(0x10, adc, F_RW, F_LOCK),
	ALU(0x18, sbb, F_RW, F_LOCK), ALU(0x20, and, F_RW, F_LOCK), ALU(0x28, sub, F_RW, F_LOCK),
	ALU(0x30, xor, F_RW, F_LOCK), ALU(0x38, cmp, F_RD, 0),
	[0x06] = S(push_seg, F_NO64), S(pop_seg, F_NO64), [0x0e] = S(push_seg, F_NO64),
	[0x16] = S(push_seg, F_NO64), S(pop_seg, F_NO64), [0x1e] = S(push_seg, F_NO64), S(pop_seg, F_NO64),
	[0x26] = PREFIX, [0x2e] = PREFIX, [0x36] = PREFIX, [0x3e] = PREFIX, [0x64] = X4(PREFIX),
	[0xf0] = PREFIX, [0xf2] = X2(PREFIX),
	[0x27] = S(daa, F_NO64), [0x2f] = S(daa, F_NO64), [0x37] = S(aaa, F_NO64), [0x3f] = S(aaa, F_NO64),
	[0x40] = X8(E(inc, OP_O, OP_NONE, F_RW)), X8(E(dec, OP_O, OP_NONE, F_RW)),
	[0x50] = X8(E(push, OP_NONE, OP_O, F_D64)), X8(E(pop, OP_O, OP_NONE, F_WR | F_D64)),
	[0x60] = S(pusha, F_NO64), S(popa, F_NO64), S(bound, F_M | F_NO64 | F_MEM), S(arpl, F_M),
	[0x68] = E(push, OP_NONE, OP_I, F_D64 | IZ), E(imul3, OP_G, OP_E, F_M | F_WR | IZ),
	E(push, OP_NONE, OP_I, F_D64 | I8), E(imul3, OP_G, OP_E, F_M | F_WR | I8),
	[0x6c] = S(ins, F_B), S(ins, 0), S(outs, F_B), S(outs, 0),
	[0x70] = X16(S(jcc, F_F64 | I8)),
	[0x80] = G(group1_bb), G(group1_vz), G(group1_82), G(group1_vb),
	E(test, OP_E, OP_G, F_M | F_B | F_RD), E(test, OP_E, OP_G, F_M | F_RD),
	E(xchg, OP_E, OP_G, F_M | F_B | F_RW | F_LOCK | F_LOCKIMP), E(xchg, OP_E, OP_G, F_M | F_RW | F_LOCK | F_LOCKIMP),
	[0x88] = E(mov, OP_E, OP_G, F_M | F_B | F_WR), E(mov, OP_E, OP_G, F_M | F_WR),
	E(mov, OP_G, OP_E, F_M | F_B | F_WR), E(mov, OP_G, OP_E, F_M | F_WR),
	S(mov_from_seg, F_M), E(lea, OP_G, OP_NONE, F_M | F_MEM | F_WR), S(mov_to_seg, F_M), G(group1a),
	[0x90] = X8(S(xchg_ax, 0)), S(cbw, 0), S(cwd, 0), S(call_far, F_NO64 | F_IMM(IMM_FAR)), S(fwait, 0),
	[0x9c] = S(pushf, F_D64), S(popf, F_D64), S(sahf, 0), S(lahf, 0),
	[0xa0] = S(moffs_load, F_B | F_IMM(IMM_MOFFS)), S(moffs_load, F_IMM(IMM_MOFFS)),
	S(moffs_store, F_B | F_IMM(IMM_MOFFS)), S(moffs_store, F_IMM(IMM_MOFFS)),
	[0xa4] = S(movs, F_B), S(movs, 0), S(cmps, F_B), S(cmps, 0),
	E(test, OP_AX, OP_I, F_B | F_RD | I8), E(test, OP_AX, OP_I, F_RD | IZ),
	[0xaa] = S(stos, F_B), S(stos, 0), S(lods, F_B), S(lods, 0), S(scas, F_B), S(scas, 0),
	[0xb0] = X8(E(mov, OP_O, OP_I, F_B | F_WR | I8)), X8(E(mov, OP_O, OP_I, F_WR | F_IMM(IMM_V))),
	[0xc0] = G(group2_bi), G(group2_vi), S(ret_imm, F_F64 | F_IMM(IMM_16)), S(ret, F_F64),
	S(load_far, F_M | F_MEM | F_NO64), S(load_far, F_M | F_MEM | F_NO64), G(group11_b), G(group11_v),
	[0xc8] = S(enter, F_D64 | F_IMM(IMM_ENTER)), S(leave, F_D64), S(ret_far_imm, F_IMM(IMM_16)), S(ret_far, 0),
	S(int3, 0), S(int_n, I8U), S(into, F_NO64), S(iret, 0),
	[0xd0] = G(group2_b1), G(group2_v1), G(group2_bc), G(group2_vc),
	S(aam, F_NO64 | I8U), S(aad, F_NO64 | I8U), S(salc, F_NO64), S(xlat, 0),
	[0xd8] = X8(S(fpu, F_M)),
	[0xe0] = X4(S(loop, F_F64 | I8)), S(in, F_B | I8U), S(in, I8U), S(out, F_B | I8U), S(out, I8U),
	S(call, F_F64 | IZ), S(jmp, F_F64 | IZ), S(jmp_far, F_NO64 | F_IMM(IMM_FAR)), S(jmp, F_F64 | I8),
	S(in, F_B), S(in, 0), S(out, F_B), S(out, 0),
	[0xf1] = S(int1, 0), [0xf4] = S(hlt, F_PRIV), S(flagop, 0), G(group3_b), G(group3_v),
	[0xf8] = S(flagop, 0), S(flagop, 0), S(cli, 0), S(sti, 0), S(flagop, 0), S(flagop, 0), G(group4), G(group5),
};

const struct emul_opcode emul_op2[256] = {
	[0x00] = G(group6), S(grp7, F_M), E(lar, OP_NONE, OP_E, F_M | F_PROT | F_SRC16),
	E(lsl, OP_NONE, OP_E, F_M | F_PROT | F_SRC16),
	[0x05] = S(syscall, 0), S(clts, F_PRIV), S(sysret, 0), S(invd, F_PRIV), S(wbinvd, F_PRIV),
	[0x0b] = S(ud, 0), [0x0d] = S(nop, F_M), [0x0e] = X2(UNSUP),
	[0x10] = X4(S(sse_mov, F_M)), X2(UNSUP), X2(S(sse_mov, F_M)),
	[0x18] = X8(S(nop, F_M)),
	[0x20] = S(mov_from_cr, F_M | F_CRDR | F_PRIV), S(mov_from_dr, F_M | F_CRDR | F_PRIV),
	S(mov_to_cr, F_M | F_CRDR | F_PRIV), S(mov_to_dr, F_M | F_CRDR | F_PRIV),
	[0x28] = X2(S(sse_mov, F_M)), UNSUP, S(sse_mov, F_M), X4(UNSUP),
	[0x30] = S(wrmsr, F_PRIV), S(rdtsc, 0), S(rdmsr, F_PRIV), S(rdpmc, 0), S(sysenter, 0), S(sysexit, 0),
	[0x3a] = UNSUP,
	[0x40] = X16(E(cmov, OP_G, OP_E, F_M | F_RW)),
	[0x50] = X16(UNSUP), X8(UNSUP), X4(UNSUP), X2(UNSUP), S(sse_movd, F_M), S(sse_mov, F_M),
	[0x70] = X4(UNSUP), UNSUP, X2(UNSUP), S(emms, 0), [0x7c] = X2(UNSUP), S(sse_movd, F_M), S(sse_mov, F_M),
	[0x80] = X16(S(jcc, F_F64 | IZ)),
	[0x90] = X16(E(setcc, OP_E, OP_NONE, F_M | F_B | F_WR)),
	[0xa0] = S(push_seg, F_D64), S(pop_seg, F_D64), S(cpuid, 0), E(bt, OP_E, OP_G, F_M | F_RD | F_BITSTR),
	E(shld, OP_E, OP_G, F_M | F_RW | I8U), E(shld, OP_E, OP_G, F_M | F_RW),
	[0xa8] = S(push_seg, F_D64), S(pop_seg, F_D64), S(ud, 0),
	E(bts, OP_E, OP_G, F_M | F_RW | F_LOCK | F_BITSTR),
	E(shrd, OP_E, OP_G, F_M | F_RW | I8U), E(shrd, OP_E, OP_G, F_M | F_RW), S(grp15, F_M),
	E(imul2, OP_G, OP_E, F_M | F_RW),
	[0xb0] = E(cmpxchg, OP_E, OP_G, F_M | F_B | F_RW | F_LOCK), E(cmpxchg, OP_E, OP_G, F_M | F_RW | F_LOCK),
	S(load_far, F_M | F_MEM), E(btr, OP_E, OP_G, F_M | F_RW | F_LOCK | F_BITSTR),
	S(load_far, F_M | F_MEM), S(load_far, F_M | F_MEM),
	E(mov, OP_G, OP_E, F_M | F_WR | F_SRC8), E(mov, OP_G, OP_E, F_M | F_WR | F_SRC16),
	[0xb8] = E(popcnt, OP_G, OP_E, F_M | F_WR), [0xba] = G(group8),
	E(btc, OP_E, OP_G, F_M | F_RW | F_LOCK | F_BITSTR), E(bsf, OP_NONE, OP_E, F_M), E(bsr, OP_NONE, OP_E, F_M),
	E(movsx, OP_G, OP_E, F_M | F_WR | F_SRC8), E(movsx, OP_G, OP_E, F_M | F_WR | F_SRC16),
	[0xc0] = E(xadd, OP_E, OP_G, F_M | F_B | F_RW | F_LOCK), E(xadd, OP_E, OP_G, F_M | F_RW | F_LOCK),
	UNSUP, S(movnti, F_M | F_MEM), X2(UNSUP), UNSUP, S(cmpxchg8b, F_M | F_LOCK),
	[0xc8] = X8(E(bswap, OP_O, OP_NONE, F_RW)),
	[0xd0] = X4(UNSUP), X2(UNSUP), S(sse_mov, F_M), UNSUP, X8(UNSUP),
	[0xe0] = X4(UNSUP), X2(UNSUP), UNSUP, S(sse_mov, F_M), X8(UNSUP),
	[0xf0] = S(sse_mov, F_M), X4(UNSUP), X2(UNSUP), S(maskmov, F_M | F_REG), X4(UNSUP), X2(UNSUP), UNSUP,
};

const struct emul_opcode emul_op3[2] = { S(movbe_load, F_M), S(movbe_store, F_M) };
const struct emul_opcode emul_op_movntdqa = S(sse_mov, F_M);
const struct emul_opcode emul_op_vex = S(vex_mov, F_M);
