/* The instruction forms the differential test generates. */
#pragma once

#include "lib/types.h"

/* Flags of a form. */
#define D_BYTE   BIT(0)  /* byte operands: no operand-size choice */
#define D_MEM    BIT(1)  /* memory operand only */
#define D_REG    BIT(2)  /* register operand only */
#define D_LOCK   BIT(3)  /* LOCK allowed with memory */
#define D_OREG   BIT(4)  /* register in the low opcode bits */
#define D_ONLY32 BIT(5)  /* does not exist in 64-bit mode */
#define D_NO16   BIT(6)  /* not with a 66 prefix */
#define D_NO64   BIT(7)  /* not with REX.W */
#define D_ONLY64 BIT(8)  /* 64-bit mode only */
#define D_SIMD   BIT(9)  /* needs xmm/mm registers */
#define D_NORM   BIT(10) /* no ModRM */
#define D_REP    BIT(11) /* REP prefixes allowed */
#define D_NOOPSZ BIT(12) /* operand size is fixed: neither 66 nor REX.W */
#define D_REXW   BIT(13) /* REX.W always */
#define D_ALIGN  BIT(14) /* memory operand 16-byte aligned */
#define D_NO32   BIT(15) /* not generated for 32-bit mode */
#define D_NOW    BIT(16) /* REX.W, but no 66 */
#define D_VEX    BIT(17) /* VEX encoding: prefix is VEX.pp; unless told vvvv not used, W ignored, both lengths */
#define D_L0     BIT(18) /* VEX.128 only */
#define D_L1     BIT(19) /* VEX.256 only */
#define D_LUD    BIT(20) /* with D_L0: VEX.256 is #UD, and tried now and then */
#define D_REGUD  BIT(21) /* with D_MEM: the register form is #UD, and tried now and then */
#define D_AC     BIT(22) /* alignment checking is tried as well */
#define D_SREG   BIT(23) /* pushes a segment register */
#define D_VV     BIT(24) /* VEX.vvvv names a register */
#define D_W0     BIT(25) /* VEX.W is #UD, and tried now and then */

/* What must be arranged around the instruction. */
enum hook {
	H_NONE,
	H_SHIFT_CL,  /* count in CL */
	H_SHIFT_IMM, /* count in the immediate */
	H_SHIFT_1,
	H_SHXD_CL,
	H_SHXD_IMM,
	H_DIV,
	H_BITSTR, /* bit offset in the reg operand stays near */
	H_STRING, /* rSI, rDI, rCX */
	H_XLAT,
	H_CMPXCHG,
	H_CMPXCHG8B,
	H_STACK, /* rSP in scratch */
	H_POPF,  /* and flags on the stack without TF and AC */
	H_ENTER,
	H_LEAVE,
	H_JCC8,  /* rel8 */
	H_JCC32, /* rel32 */
	H_CALL32,
	H_JMPREG, /* target in the r/m operand */
	H_CALLREG,
	H_RET,
	H_MOFFS,
	H_BOUND,
	H_AAM,
	H_LEA,
	H_BSCAN,
};

#define IMM_Z 5 /* 16 or 32 bits by operand size */
#define IMM_V 6 /* 16, 32 or 64 */

struct form {
	const char *name;
	u8 prefix; /* mandatory prefix (VEX.pp) or 0 */
	u8 esc;    /* 0: one byte, 1: 0F, 2: 0F 38 (VEX.mmmmm) */
	u8 op;
	s8 ext; /* ModRM.reg, or -1 */
	u8 imm; /* immediate bytes, IMM_Z, IMM_V */
	u32 flags;
	u32 undef; /* RFLAGS bits undefined afterwards */
	enum hook hook;
	const char *cpu; /* CPUID feature needed, as /proc/cpuinfo has it, or NULL */
};

extern const struct form forms[];
extern const u32 nr_forms;
