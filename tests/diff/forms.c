/* SDM vol. 2's opcode maps, as far as user mode reaches, with what each page says is undefined. */
#include "tests/diff/forms.h"

#define CF 1u
#define PF 4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define OF 0x800u

#define F(name, esc, op, ext, imm, flags, undef, hook)            \
	{                                                         \
		name, 0, esc, op, ext, imm, flags, undef, hook, 0 \
	}
#define FP(name, prefix, esc, op, ext, imm, flags, undef, hook, cpu)     \
	{                                                                \
		name, prefix, esc, op, ext, imm, flags, undef, hook, cpu \
	}

#define VF                              (D_VEX | D_SIMD | D_NOOPSZ)
#define V(name, prefix, esc, op, flags) FP(name, prefix, esc, op, -1, 0, VF | (flags), 0, H_NONE, "avx")
#define V2(name, prefix, load, store, flags) \
	V(name " load", prefix, 1, load, flags), V(name " store", prefix, 1, store, flags)
#define NT (D_MEM | D_ALIGN | D_REGUD)

#define ALU(name, base, n, lock, undef)                                               \
	F(name " Eb,Gb", 0, base, -1, 0, D_BYTE | (lock), undef, H_NONE),             \
	        F(name " Ev,Gv", 0, base + 1, -1, 0, lock, undef, H_NONE),            \
	        F(name " Gb,Eb", 0, base + 2, -1, 0, D_BYTE, undef, H_NONE),          \
	        F(name " Gv,Ev", 0, base + 3, -1, 0, 0, undef, H_NONE),               \
	        F(name " AL,Ib", 0, base + 4, -1, 1, D_BYTE | D_NORM, undef, H_NONE), \
	        F(name " rAX,Iz", 0, base + 5, -1, IMM_Z, D_NORM, undef, H_NONE),     \
	        F(name " Eb,Ib", 0, 0x80, n, 1, D_BYTE | (lock), undef, H_NONE),      \
	        F(name " Ev,Iz", 0, 0x81, n, IMM_Z, lock, undef, H_NONE),             \
	        F(name " Ev,Ib", 0, 0x83, n, 1, lock, undef, H_NONE),                 \
	        F(name " Eb,Ib (82)", 0, 0x82, n, 1, D_BYTE | (lock) | D_ONLY32, undef, H_NONE)

#define SHIFT(name, n)                                                                                               \
	F(name " Eb,Ib", 0, 0xc0, n, 1, D_BYTE, 0, H_SHIFT_IMM), F(name " Ev,Ib", 0, 0xc1, n, 1, 0, 0, H_SHIFT_IMM), \
	        F(name " Eb,1", 0, 0xd0, n, 0, D_BYTE, 0, H_SHIFT_1),                                                \
	        F(name " Ev,1", 0, 0xd1, n, 0, 0, 0, H_SHIFT_1),                                                     \
	        F(name " Eb,CL", 0, 0xd2, n, 0, D_BYTE, 0, H_SHIFT_CL),                                              \
	        F(name " Ev,CL", 0, 0xd3, n, 0, 0, 0, H_SHIFT_CL)

#define CC(n, name)                                                                      \
	F("j" name " rel8", 0, 0x70 + n, -1, 1, D_NORM | D_NOOPSZ, 0, H_JCC8),           \
	        F("j" name " rel32", 1, 0x80 + n, -1, 4, D_NORM | D_NOOPSZ, 0, H_JCC32), \
	        F("set" name, 1, 0x90 + n, -1, 0, D_BYTE, 0, H_NONE),                    \
	        F("cmov" name, 1, 0x40 + n, -1, 0, 0, 0, H_NONE)

const struct form forms[] = {
	ALU("add", 0x00, 0, D_LOCK, 0),
	ALU("or", 0x08, 1, D_LOCK, AF),
	ALU("adc", 0x10, 2, D_LOCK, 0),
	ALU("sbb", 0x18, 3, D_LOCK, 0),
	ALU("and", 0x20, 4, D_LOCK, AF),
	ALU("sub", 0x28, 5, D_LOCK, 0),
	ALU("xor", 0x30, 6, D_LOCK, AF),
	ALU("cmp", 0x38, 7, 0, 0),
	SHIFT("rol", 0),
	SHIFT("ror", 1),
	SHIFT("rcl", 2),
	SHIFT("rcr", 3),
	SHIFT("shl", 4),
	SHIFT("shr", 5),
	SHIFT("sal", 6),
	SHIFT("sar", 7),
	F("test Eb,Gb", 0, 0x84, -1, 0, D_BYTE, AF, H_NONE),
	F("test Ev,Gv", 0, 0x85, -1, 0, 0, AF, H_NONE),
	F("test AL,Ib", 0, 0xa8, -1, 1, D_BYTE | D_NORM, AF, H_NONE),
	F("test rAX,Iz", 0, 0xa9, -1, IMM_Z, D_NORM, AF, H_NONE),
	F("test Eb,Ib", 0, 0xf6, 0, 1, D_BYTE, AF, H_NONE),
	F("test Ev,Iz", 0, 0xf7, 0, IMM_Z, 0, AF, H_NONE),
	F("not Eb", 0, 0xf6, 2, 0, D_BYTE | D_LOCK, 0, H_NONE),
	F("not Ev", 0, 0xf7, 2, 0, D_LOCK, 0, H_NONE),
	F("neg Eb", 0, 0xf6, 3, 0, D_BYTE | D_LOCK, 0, H_NONE),
	F("neg Ev", 0, 0xf7, 3, 0, D_LOCK, 0, H_NONE),
	F("mul Eb", 0, 0xf6, 4, 0, D_BYTE, SF | ZF | AF | PF, H_NONE),
	F("mul Ev", 0, 0xf7, 4, 0, 0, SF | ZF | AF | PF, H_NONE),
	F("imul Eb", 0, 0xf6, 5, 0, D_BYTE, SF | ZF | AF | PF, H_NONE),
	F("imul Ev", 0, 0xf7, 5, 0, 0, SF | ZF | AF | PF, H_NONE),
	F("imul Gv,Ev", 1, 0xaf, -1, 0, 0, SF | ZF | AF | PF, H_NONE),
	F("imul Gv,Ev,Iz", 0, 0x69, -1, IMM_Z, 0, SF | ZF | AF | PF, H_NONE),
	F("imul Gv,Ev,Ib", 0, 0x6b, -1, 1, 0, SF | ZF | AF | PF, H_NONE),
	F("div Eb", 0, 0xf6, 6, 0, D_BYTE, CF | OF | SF | ZF | AF | PF, H_DIV),
	F("div Ev", 0, 0xf7, 6, 0, 0, CF | OF | SF | ZF | AF | PF, H_DIV),
	F("idiv Eb", 0, 0xf6, 7, 0, D_BYTE, CF | OF | SF | ZF | AF | PF, H_DIV),
	F("idiv Ev", 0, 0xf7, 7, 0, 0, CF | OF | SF | ZF | AF | PF, H_DIV),
	F("inc Eb", 0, 0xfe, 0, 0, D_BYTE | D_LOCK, 0, H_NONE),
	F("dec Eb", 0, 0xfe, 1, 0, D_BYTE | D_LOCK, 0, H_NONE),
	F("inc Ev", 0, 0xff, 0, 0, D_LOCK, 0, H_NONE),
	F("dec Ev", 0, 0xff, 1, 0, D_LOCK, 0, H_NONE),
	F("inc r", 0, 0x40, -1, 0, D_NORM | D_OREG | D_ONLY32, 0, H_NONE),
	F("dec r", 0, 0x48, -1, 0, D_NORM | D_OREG | D_ONLY32, 0, H_NONE),
	F("shld Ib", 1, 0xa4, -1, 1, 0, 0, H_SHXD_IMM),
	F("shld CL", 1, 0xa5, -1, 0, 0, 0, H_SHXD_CL),
	F("shrd Ib", 1, 0xac, -1, 1, 0, 0, H_SHXD_IMM),
	F("shrd CL", 1, 0xad, -1, 0, 0, 0, H_SHXD_CL),
	F("bt Ev,Gv", 1, 0xa3, -1, 0, 0, OF | SF | AF | PF, H_BITSTR),
	F("bts Ev,Gv", 1, 0xab, -1, 0, D_LOCK, OF | SF | AF | PF, H_BITSTR),
	F("btr Ev,Gv", 1, 0xb3, -1, 0, D_LOCK, OF | SF | AF | PF, H_BITSTR),
	F("btc Ev,Gv", 1, 0xbb, -1, 0, D_LOCK, OF | SF | AF | PF, H_BITSTR),
	F("bt Ev,Ib", 1, 0xba, 4, 1, 0, OF | SF | AF | PF, H_NONE),
	F("bts Ev,Ib", 1, 0xba, 5, 1, D_LOCK, OF | SF | AF | PF, H_NONE),
	F("btr Ev,Ib", 1, 0xba, 6, 1, D_LOCK, OF | SF | AF | PF, H_NONE),
	F("btc Ev,Ib", 1, 0xba, 7, 1, D_LOCK, OF | SF | AF | PF, H_NONE),
	F("bsf", 1, 0xbc, -1, 0, 0, CF | OF | SF | AF | PF, H_BSCAN),
	F("bsr", 1, 0xbd, -1, 0, 0, CF | OF | SF | AF | PF, H_BSCAN),
	FP("tzcnt", 0xf3, 1, 0xbc, -1, 0, 0, OF | SF | AF | PF, H_BSCAN, "bmi1"),
	FP("lzcnt", 0xf3, 1, 0xbd, -1, 0, 0, OF | SF | AF | PF, H_BSCAN, "abm"),
	FP("popcnt", 0xf3, 1, 0xb8, -1, 0, 0, 0, H_BSCAN, "popcnt"),
	FP("crc32 Eb", 0xf2, 2, 0xf0, -1, 0, D_NOW, 0, H_NONE, "sse4_2"),
	FP("crc32 Ev", 0xf2, 2, 0xf1, -1, 0, 0, 0, H_NONE, "sse4_2"),
	F("bswap", 1, 0xc8, -1, 0, D_NORM | D_OREG | D_NO16, 0, H_NONE),
	F("mov Eb,Gb", 0, 0x88, -1, 0, D_BYTE, 0, H_NONE),
	F("mov Ev,Gv", 0, 0x89, -1, 0, 0, 0, H_NONE),
	F("mov Gb,Eb", 0, 0x8a, -1, 0, D_BYTE, 0, H_NONE),
	F("mov Gv,Ev", 0, 0x8b, -1, 0, 0, 0, H_NONE),
	F("mov Eb,Ib", 0, 0xc6, 0, 1, D_BYTE, 0, H_NONE),
	F("mov Ev,Iz", 0, 0xc7, 0, IMM_Z, 0, 0, H_NONE),
	F("mov r8,Ib", 0, 0xb0, -1, 1, D_BYTE | D_NORM | D_OREG, 0, H_NONE),
	F("mov r,Iv", 0, 0xb8, -1, IMM_V, D_NORM | D_OREG, 0, H_NONE),
	F("mov AL,Ob", 0, 0xa0, -1, 0, D_BYTE | D_NORM, 0, H_MOFFS),
	F("mov rAX,Ov", 0, 0xa1, -1, 0, D_NORM, 0, H_MOFFS),
	F("mov Ob,AL", 0, 0xa2, -1, 0, D_BYTE | D_NORM, 0, H_MOFFS),
	F("mov Ov,rAX", 0, 0xa3, -1, 0, D_NORM, 0, H_MOFFS),
	F("movzx Eb", 1, 0xb6, -1, 0, 0, 0, H_NONE),
	F("movzx Ew", 1, 0xb7, -1, 0, 0, 0, H_NONE),
	F("movsx Eb", 1, 0xbe, -1, 0, 0, 0, H_NONE),
	F("movsx Ew", 1, 0xbf, -1, 0, 0, 0, H_NONE),
	F("movsxd", 0, 0x63, -1, 0, D_ONLY64, 0, H_NONE),
	F("arpl", 0, 0x63, -1, 0, D_ONLY32 | D_NOOPSZ, 0, H_NONE),
	FP("movbe load", 0, 2, 0xf0, -1, 0, D_MEM, 0, H_NONE, "movbe"),
	FP("movbe store", 0, 2, 0xf1, -1, 0, D_MEM, 0, H_NONE, "movbe"),
	F("movnti", 1, 0xc3, -1, 0, D_MEM | D_NO16, 0, H_NONE),
	F("lea", 0, 0x8d, -1, 0, D_MEM, 0, H_LEA),
	F("xchg Eb,Gb", 0, 0x86, -1, 0, D_BYTE | D_LOCK, 0, H_NONE),
	F("xchg Ev,Gv", 0, 0x87, -1, 0, D_LOCK, 0, H_NONE),
	F("xchg r,rAX", 0, 0x90, -1, 0, D_NORM | D_OREG, 0, H_NONE),
	F("xadd Eb,Gb", 1, 0xc0, -1, 0, D_BYTE | D_LOCK, 0, H_NONE),
	F("xadd Ev,Gv", 1, 0xc1, -1, 0, D_LOCK, 0, H_NONE),
	F("cmpxchg Eb,Gb", 1, 0xb0, -1, 0, D_BYTE | D_LOCK, 0, H_CMPXCHG),
	F("cmpxchg Ev,Gv", 1, 0xb1, -1, 0, D_LOCK, 0, H_CMPXCHG),
	F("cmpxchg8b", 1, 0xc7, 1, 0, D_MEM | D_LOCK | D_NOOPSZ, 0, H_CMPXCHG8B),
	FP("cmpxchg16b", 0, 1, 0xc7, 1, 0, D_MEM | D_LOCK | D_REXW | D_ALIGN | D_ONLY64, 0, H_CMPXCHG8B, "cx16"),
	CC(0, "o"),
	CC(1, "no"),
	CC(2, "b"),
	CC(3, "ae"),
	CC(4, "e"),
	CC(5, "ne"),
	CC(6, "be"),
	CC(7, "a"),
	CC(8, "s"),
	CC(9, "ns"),
	CC(10, "p"),
	CC(11, "np"),
	CC(12, "l"),
	CC(13, "ge"),
	CC(14, "le"),
	CC(15, "g"),
	F("loopne", 0, 0xe0, -1, 1, D_NORM | D_NOOPSZ, 0, H_JCC8),
	F("loope", 0, 0xe1, -1, 1, D_NORM | D_NOOPSZ, 0, H_JCC8),
	F("loop", 0, 0xe2, -1, 1, D_NORM | D_NOOPSZ, 0, H_JCC8),
	F("jrcxz", 0, 0xe3, -1, 1, D_NORM | D_NOOPSZ, 0, H_JCC8),
	F("jmp rel8", 0, 0xeb, -1, 1, D_NORM | D_NOOPSZ, 0, H_JCC8),
	F("jmp rel32", 0, 0xe9, -1, 4, D_NORM | D_NOOPSZ, 0, H_JCC32),
	F("call rel32", 0, 0xe8, -1, 4, D_NORM | D_NOOPSZ, 0, H_CALL32),
	F("jmp Ev", 0, 0xff, 4, 0, D_NOOPSZ, 0, H_JMPREG),
	F("call Ev", 0, 0xff, 2, 0, D_NOOPSZ, 0, H_CALLREG),
	F("ret", 0, 0xc3, -1, 0, D_NORM | D_NOOPSZ, 0, H_RET),
	F("ret Iw", 0, 0xc2, -1, 2, D_NORM | D_NOOPSZ, 0, H_RET),
	F("push r", 0, 0x50, -1, 0, D_NORM | D_OREG | D_NO64, 0, H_STACK),
	F("pop r", 0, 0x58, -1, 0, D_NORM | D_OREG | D_NO64, 0, H_STACK),
	F("push Iz", 0, 0x68, -1, IMM_Z, D_NORM | D_NO64, 0, H_STACK),
	F("push Ib", 0, 0x6a, -1, 1, D_NORM | D_NO64, 0, H_STACK),
	F("push Ev", 0, 0xff, 6, 0, D_NO64, 0, H_STACK),
	F("pop Ev", 0, 0x8f, 0, 0, D_NO64, 0, H_STACK),
	F("pusha", 0, 0x60, -1, 0, D_NORM | D_ONLY32, 0, H_STACK),
	F("popa", 0, 0x61, -1, 0, D_NORM | D_ONLY32, 0, H_STACK),
	F("push es", 0, 0x06, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ | D_SREG, 0, H_STACK),
	F("push cs", 0, 0x0e, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ | D_SREG, 0, H_STACK),
	F("push ss", 0, 0x16, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ | D_SREG, 0, H_STACK),
	F("push ds", 0, 0x1e, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ | D_SREG, 0, H_STACK),
	F("pushf", 0, 0x9c, -1, 0, D_NORM | D_NO64, 0, H_STACK),
	F("popf", 0, 0x9d, -1, 0, D_NORM | D_NO64, 0, H_POPF),
	F("enter", 0, 0xc8, -1, 3, D_NORM | D_NOOPSZ, 0, H_ENTER),
	F("leave", 0, 0xc9, -1, 0, D_NORM | D_NOOPSZ, 0, H_LEAVE),
	F("movsb", 0, 0xa4, -1, 0, D_BYTE | D_NORM | D_REP, 0, H_STRING),
	F("movs", 0, 0xa5, -1, 0, D_NORM | D_REP, 0, H_STRING),
	F("cmpsb", 0, 0xa6, -1, 0, D_BYTE | D_NORM | D_REP, 0, H_STRING),
	F("cmps", 0, 0xa7, -1, 0, D_NORM | D_REP, 0, H_STRING),
	F("stosb", 0, 0xaa, -1, 0, D_BYTE | D_NORM | D_REP, 0, H_STRING),
	F("stos", 0, 0xab, -1, 0, D_NORM | D_REP, 0, H_STRING),
	F("lodsb", 0, 0xac, -1, 0, D_BYTE | D_NORM | D_REP, 0, H_STRING),
	F("lods", 0, 0xad, -1, 0, D_NORM | D_REP, 0, H_STRING),
	F("scasb", 0, 0xae, -1, 0, D_BYTE | D_NORM | D_REP, 0, H_STRING),
	F("scas", 0, 0xaf, -1, 0, D_NORM | D_REP, 0, H_STRING),
	F("cbw", 0, 0x98, -1, 0, D_NORM, 0, H_NONE),
	F("cwd", 0, 0x99, -1, 0, D_NORM, 0, H_NONE),
	F("lahf", 0, 0x9f, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("sahf", 0, 0x9e, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("cmc", 0, 0xf5, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("clc", 0, 0xf8, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("stc", 0, 0xf9, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("cld", 0, 0xfc, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("std", 0, 0xfd, -1, 0, D_NORM | D_NOOPSZ, 0, H_NONE),
	F("xlat", 0, 0xd7, -1, 0, D_NORM | D_NOOPSZ, 0, H_XLAT),
	F("nop Ev", 1, 0x1f, 0, 0, 0, 0, H_NONE),
	F("prefetch", 1, 0x18, 1, 0, D_MEM | D_NOOPSZ, 0, H_NONE),
	F("clflush", 1, 0xae, 7, 0, D_MEM | D_NOOPSZ, 0, H_NONE),
	F("mov from seg", 0, 0x8c, 3, 0, D_NO32, 0, H_NONE),
	F("bound", 0, 0x62, -1, 0, D_MEM | D_ONLY32, 0, H_BOUND),
	F("daa", 0, 0x27, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ, OF, H_NONE),
	F("das", 0, 0x2f, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ, OF, H_NONE),
	F("aaa", 0, 0x37, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ, OF | SF | ZF | PF, H_NONE),
	F("aas", 0, 0x3f, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ, OF | SF | ZF | PF, H_NONE),
	F("aam", 0, 0xd4, -1, 1, D_NORM | D_ONLY32 | D_NOOPSZ, OF | AF | CF, H_AAM),
	F("aad", 0, 0xd5, -1, 1, D_NORM | D_ONLY32 | D_NOOPSZ, OF | AF | CF, H_NONE),
	F("salc", 0, 0xd6, -1, 0, D_NORM | D_ONLY32 | D_NOOPSZ, 0, H_NONE),
	F("movups load", 1, 0x10, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	F("movups store", 1, 0x11, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	FP("movupd load", 0x66, 1, 0x10, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movupd store", 0x66, 1, 0x11, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movss load", 0xf3, 1, 0x10, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movss store", 0xf3, 1, 0x11, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movsd load", 0xf2, 1, 0x10, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movsd store", 0xf2, 1, 0x11, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	F("movlps load", 1, 0x12, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	F("movlps store", 1, 0x13, -1, 0, D_SIMD | D_NOOPSZ | D_MEM, 0, H_NONE),
	F("movhps load", 1, 0x16, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	F("movhps store", 1, 0x17, -1, 0, D_SIMD | D_NOOPSZ | D_MEM, 0, H_NONE),
	FP("movlpd load", 0x66, 1, 0x12, -1, 0, D_SIMD | D_NOOPSZ | D_MEM, 0, H_NONE, 0),
	FP("movhpd store", 0x66, 1, 0x17, -1, 0, D_SIMD | D_NOOPSZ | D_MEM, 0, H_NONE, 0),
	F("movaps load", 1, 0x28, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	F("movaps store", 1, 0x29, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	FP("movapd load", 0x66, 1, 0x28, -1, 0, D_SIMD | D_NOOPSZ | D_ALIGN, 0, H_NONE, 0),
	FP("movapd store", 0x66, 1, 0x29, -1, 0, D_SIMD | D_NOOPSZ | D_ALIGN, 0, H_NONE, 0),
	F("movntps", 1, 0x2b, -1, 0, D_SIMD | D_NOOPSZ | D_MEM | D_ALIGN, 0, H_NONE),
	FP("movntpd", 0x66, 1, 0x2b, -1, 0, D_SIMD | D_NOOPSZ | D_MEM | D_ALIGN, 0, H_NONE, 0),
	FP("movdqa load", 0x66, 1, 0x6f, -1, 0, D_SIMD | D_NOOPSZ | D_ALIGN, 0, H_NONE, 0),
	FP("movdqa store", 0x66, 1, 0x7f, -1, 0, D_SIMD | D_NOOPSZ | D_ALIGN, 0, H_NONE, 0),
	FP("movdqu load", 0xf3, 1, 0x6f, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movdqu store", 0xf3, 1, 0x7f, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movntdq", 0x66, 1, 0xe7, -1, 0, D_SIMD | D_NOOPSZ | D_MEM | D_ALIGN, 0, H_NONE, 0),
	FP("movq xmm load", 0xf3, 1, 0x7e, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movq xmm store", 0x66, 1, 0xd6, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE, 0),
	FP("movd/q xmm,E", 0x66, 1, 0x6e, -1, 0, D_SIMD | D_NOW, 0, H_NONE, 0),
	FP("movd/q E,xmm", 0x66, 1, 0x7e, -1, 0, D_SIMD | D_NOW, 0, H_NONE, 0),
	F("movd/q mm,E", 1, 0x6e, -1, 0, D_SIMD | D_NOW, 0, H_NONE),
	F("movd/q E,mm", 1, 0x7e, -1, 0, D_SIMD | D_NOW, 0, H_NONE),
	F("movq mm load", 1, 0x6f, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	F("movq mm store", 1, 0x7f, -1, 0, D_SIMD | D_NOOPSZ, 0, H_NONE),
	F("movntq", 1, 0xe7, -1, 0, D_SIMD | D_NOOPSZ | D_MEM, 0, H_NONE),
	V2("vmovups", 0, 0x10, 0x11, 0),
	V2("vmovupd", 0x66, 0x10, 0x11, 0),
	V2("vmovss", 0xf3, 0x10, 0x11, D_MEM | D_AC),
	V2("vmovsd", 0xf2, 0x10, 0x11, D_MEM | D_AC),
	V2("vmovaps", 0, 0x28, 0x29, D_ALIGN),
	V2("vmovapd", 0x66, 0x28, 0x29, D_ALIGN),
	V("vmovntps", 0, 1, 0x2b, NT),
	V("vmovntpd", 0x66, 1, 0x2b, NT),
	V2("vmovdqa", 0x66, 0x6f, 0x7f, D_ALIGN),
	V2("vmovdqu", 0xf3, 0x6f, 0x7f, 0),
	V("vmovq load", 0xf3, 1, 0x7e, D_L0 | D_LUD | D_AC),
	V("vmovq store", 0x66, 1, 0xd6, D_L0 | D_LUD | D_AC),
	V("vmovntdq", 0x66, 1, 0xe7, NT),
	V("vmovntdqa xmm", 0x66, 2, 0x2a, NT | D_L0),
	FP("vmovntdqa ymm", 0x66, 2, 0x2a, -1, 0, VF | NT | D_L1, 0, H_NONE, "avx2"),
};

const u32 nr_forms = ARRAY_SIZE(forms);
