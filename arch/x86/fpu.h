/* FPU and vector state of the guest that is loaded: the hypervisor itself uses general registers only. */
#pragma once

#include "lib/types.h"

/* Bytes of the save area for all components in mask (page aligned areas); needs CPUID leaf 0Dh. */
u32 fpu_area_size(u64 xcr0);
/* Saves to / restores from a 64-byte aligned area, with XSAVE when have_xsave, else FXSAVE. XCR0 must cover mask. */
void fpu_save(void *area, u64 mask, bool have_xsave);
void fpu_restore(const void *area, u64 mask, bool have_xsave);
/* XSAVEC or, with supervisor, XSAVES; XRSTOR (which takes either format) or XRSTORS: false when it faults. */
void fpu_save_compact(void *area, u64 mask, bool supervisor);
__must_check bool fpu_restore_compact(const void *area, u64 mask, bool supervisor);
/* The power-up state in an area: FCW 37Fh, MXCSR 1F80h. */
void fpu_area_init(void *area);

void fpu_get_xmm(u32 nr, u64 val[2]);
void fpu_set_xmm(u32 nr, const u64 val[2]);
/* XCR0 must have AVX on; setting clears what lies beyond 256 bits. */
void fpu_get_ymm(u32 nr, u64 val[4]);
void fpu_set_ymm(u32 nr, const u64 val[4]);
u64 fpu_get_mm(u32 nr);
void fpu_set_mm(u32 nr, u64 val);
void fpu_init(void);
void fpu_clex(void);
void fpu_emms(void);
u16 fpu_get_cw(void);
void fpu_set_cw(u16 v);
u16 fpu_get_sw(void);
u32 fpu_get_csr(void);
void fpu_set_csr(u32 v);
u32 fpu_read_pkru(void);
/*
 * The x87 instruction with the escape opcode D8h + op / 8 and op % 8 in ModRM's middle, on memory at p: a load, a store or
 * arithmetic. No exception may be pending.
 */
void fpu_x87_mem(u32 op, void *p);
/* All of the x87 state, as FNSAVE has it outside real mode: 108 bytes, of which the environment (FNSTENV) is the first 28. */
#define FPU_X87_BYTES     108u
#define FPU_X87_ENV_BYTES 28u
void fpu_x87_get(void *area);
void fpu_x87_set(const void *area);
void fpu_x87_env(void *area);
void fpu_x87_set_env(const void *area);
/* An unmasked x87 exception is pending (FSW.ES): the next waiting instruction would raise #MF. */
static inline bool fpu_exception_pending(void)
{
	return fpu_get_sw() & 0x80;
}
