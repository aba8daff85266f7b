/*
 * Runs one instruction on the host CPU with given registers, in 64-bit mode or (through the compatibility-mode code
 * segment Linux keeps at 0x23) in 32-bit mode. Everything the code needs is in the low 2 GiB: link with -no-pie.
 */
#pragma once

#include "lib/types.h"

enum native_vectors { NATIVE_NO_VECTORS, NATIVE_SSE, /* xmm and mm */ NATIVE_AVX /* ymm */ };

struct native_state {
	u64 gpr[16];
	u64 flags;
	u64 xmm[16][2];
	u64 mm[8];
	u64 exit;   /* 0: next instruction, 1: the jump target, 2: exception */
	u64 vector; /* when exit is 2 */
	u64 host_rsp;
	u64 entry;   /* where the instruction is */
	u64 vectors; /* enum native_vectors: which registers to load and store */
	u64 ymm[16][4];
	int signal; /* when exit is 2: by which the kernel told of it */
};

/* What this host's kernel lets programs do, and what its processor chose where it may choose: found by trying. */
struct native_host {
	bool code32;          /* 32-bit code runs, through interrupts and exceptions */
	bool any_rsp;         /* RSP may be any number then */
	bool kernel_rsp;      /* or at least any canonical one, kernel addresses too */
	bool tells_vector;    /* a signal comes with the exception's vector */
	bool alignment;       /* alignment checking works */
	bool short_sreg_push; /* a 32-bit push of a segment register writes 16 bits */
};

extern struct native_state native_st;
extern struct native_host native_host;
extern char native_back0[], native_back1[], native32_back0[], native32_back1[];

void native_run64(void);
void native_run32(void);
/* Installs the signal handlers (own stack), sets GS base to gs_base, fills native_host. */
void native_init(u64 gs_base);
