/*
 * x86 instruction emulator: runs one guest instruction in software, seeing the guest only through struct emul_ops.
 * Used for MMIO after EPT violations, string port I/O, and the forced-emulation prefix. Pure.
 *
 * Life of a context (one per exit; no allocation, nothing to free):
 *
 *	struct emul_ctxt c;
 *	emul_init(&c, &ops, owner, vcpu->gpr);		// sets every field the caller need not care about
 *	c.rip = ...; c.mode = emul_mode_of(cr0, efer, rflags, cs_attr);
 *	... fill what is cheap and set the EMUL_HAVE_ bits in c.have; the rest comes through ops->load on demand
 *	switch (emul_run(&c)) { ... write back what c.dirty names ... }
 */
#pragma once

#include "lib/types.h"
#include "vmm/emul/done.h"

struct emul_ctxt;
struct emul_opcode; /* private: an entry of the opcode tables */

/* What emul_run() and most ops return. */
enum emul_result {
	EMUL_OK = 0,      /* done; c->rip is the next instruction, see c->dirty for the rest */
	EMUL_FAULT,       /* c->exception is to be injected; rip and all other state as before the instruction, except
	                   * that a REP string instruction keeps the iterations it completed (see c->dirty) */
	EMUL_UNSUPPORTED, /* not emulated; state unchanged; c->insn[0..insn_len) are the bytes, for the message */
	EMUL_RETRY,       /* REP chunk done or a LOCKed update lost its race: rip unchanged, c->dirty valid; check for
	                   * events and run the guest (or the emulator) at the same rip again */
	EMUL_STOP,        /* an op asked to stop (VM killed …); state unchanged */
};

enum emul_mode { EMUL_REAL, EMUL_VM86, EMUL_PROT16, EMUL_PROT32, EMUL_LONG64 };

/* General registers in their encoding order. */
enum {
	EMUL_RAX,
	EMUL_RCX,
	EMUL_RDX,
	EMUL_RBX,
	EMUL_RSP,
	EMUL_RBP,
	EMUL_RSI,
	EMUL_RDI, /* R8..R15 follow */
	EMUL_NR_GPR = 16
};

/* Segment registers in their encoding order, then the two system ones. */
enum emul_seg_nr { EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS, EMUL_LDTR, EMUL_TR, EMUL_NR_SEG };

/* attr is in VMX access-rights format (SDM vol. 3, "Guest Register State"): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L
 * 13, D/B 14, G 15, unusable 16. limit is in bytes, already scaled by G. */
struct emul_seg {
	u64 base;
	u32 limit;
	u32 attr;
	u16 sel;
};

#define EMUL_ATTR_TYPE     0xfu
#define EMUL_ATTR_S        BIT(4)
#define EMUL_ATTR_DPL(a)   (((a) >> 5) & 3)
#define EMUL_ATTR_P        BIT(7)
#define EMUL_ATTR_L        BIT(13)
#define EMUL_ATTR_DB       BIT(14)
#define EMUL_ATTR_G        BIT(15)
#define EMUL_ATTR_UNUSABLE BIT(16)

struct emul_dtr {
	u64 base;
	u16 limit;
};

/* Bits of c->have (filled by the caller or by ops->load) and of c->dirty (changed by the emulator). */
#define EMUL_B_GPR(r) (1u << (r))      /* dirty only, except EMUL_B_RSP in have */
#define EMUL_B_RSP    (1u << EMUL_RSP) /* gpr[4]; often lives in the VMCS rather than with the others */
#define EMUL_B_RFLAGS (1u << 16)
#define EMUL_B_CPL    (1u << 17) /* cpl */
#define EMUL_B_CR     (1u << 18) /* cr0, cr4, efer (never dirty: written through ops->write_cr/wrmsr) */
#define EMUL_B_GDTR   (1u << 19)
#define EMUL_B_IDTR   (1u << 20)
#define EMUL_B_SEG(s) (1u << (21 + (s))) /* 21..28 */
#define EMUL_HAVE_ALL (0x1fff0000u | EMUL_B_RSP)

/* How an exception is to be delivered; matches the VM-entry interruption type it needs. */
enum emul_exc_kind {
	EMUL_EXC_HW,        /* hardware exception */
	EMUL_EXC_SOFT_INT,  /* INT n: software interrupt; inject with insn_len, hardware pushes rip + insn_len */
	EMUL_EXC_PRIV_SOFT, /* INT1 (F1) */
	EMUL_EXC_SOFT_EXC,  /* INT3, INTO */
};

struct emul_exception {
	u8 vector;
	enum emul_exc_kind kind;
	bool has_error;
	u32 error;
	u64 cr2;     /* vector 14 only */
	u8 insn_len; /* for the kinds other than EMUL_EXC_HW */
};

/* Flags of memory ops. */
#define EMUL_ACC_WRITE 1u /* check/map: for writing */
#define EMUL_ACC_RMW \
	2u /* read whose location is written next: a page that cannot be written must fault now, as a write */
#define EMUL_ACC_SYS    4u /* implicit supervisor access (GDT, LDT, TSS), whatever the CPL */
#define EMUL_ACC_LOCKED 8u /* belongs to a LOCKed instruction */

enum emul_misc {
	EMUL_MISC_HLT,
	EMUL_MISC_WBINVD, /* also WBNOINVD */
	EMUL_MISC_INVD,
	EMUL_MISC_INVLPG, /* arg: linear address, not checked */
	EMUL_MISC_PAUSE,
	EMUL_MISC_CLFLUSH, /* also CLFLUSHOPT, CLWB; arg: linear address */
};

/* x87/SSE state ops work on *val (control, status, tag-free); any of them may raise #NM/#MF through emul_raise. */
enum emul_fpu {
	EMUL_FPU_INIT,    /* FNINIT */
	EMUL_FPU_CLEX,    /* FNCLEX */
	EMUL_FPU_WAIT,    /* FWAIT: raise #MF when an unmasked exception is pending */
	EMUL_FPU_EMMS,    /* EMMS */
	EMUL_FPU_GET_CW,  /* FNSTCW */
	EMUL_FPU_SET_CW,  /* FLDCW */
	EMUL_FPU_GET_SW,  /* FNSTSW */
	EMUL_FPU_GET_CSR, /* STMXCSR */
	EMUL_FPU_SET_CSR, /* LDMXCSR; reserved bits were checked against 0xffff */
};

/* An x87 instruction whose operand is in memory: a load, a store, arithmetic. */
struct emul_x87 {
	u8 op;  /* of the escape opcode the low three bits, times 8, and ModRM's middle */
	u8 len; /* bytes of data; after a store that an unmasked exception stopped: 0 */
	bool store;
	u8 rm;       /* the rest of ModRM: what FOP tells */
	u16 cs, seg; /* selectors, */
	u64 ip, ea;  /* and offsets: what FIP and FDP tell */
	u8 data[10];
};

/*
 * The guest as the emulator sees it. Every op returns an enum emul_result: EMUL_OK, EMUL_FAULT after calling
 * emul_raise()/emul_raise_pf(), EMUL_UNSUPPORTED, EMUL_STOP, and cmpxchg also EMUL_RETRY. load, fetch, read and
 * write are mandatory; a NULL op makes the instructions that need it EMUL_UNSUPPORTED unless it says otherwise.
 *
 * Addresses are linear, already segment-, limit- and canonical-checked; [lin, lin + len) never wraps but may cross
 * pages. The op walks the page tables with c->cpl (force it with emul_need(c, EMUL_B_CPL)), must check the whole
 * range before it changes anything, and tells RAM from MMIO.
 */
struct emul_ops {
	/* Fill what `what` (EMUL_B_ bits) names in c; cannot fail. May be NULL if the caller sets EMUL_HAVE_ALL. */
	void (*load)(struct emul_ctxt *c, u32 what);
	int (*fetch)(struct emul_ctxt *c, u64 lin, void *buf, u32 len);
	/* len is 1..32; operands are 1, 2, 4, 8, 16, descriptors 6 and 10, stack frames more (multiples of 2). */
	int (*read)(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags);
	int (*write)(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags);
	/* Atomically replace oldv by newv (1..16 bytes); EMUL_RETRY when memory no longer holds oldv. On MMIO just
	 * write newv. NULL: plain writes are used (enough for a single vCPU). */
	int (*cmpxchg)(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags);
	/* Host pointer to guest RAM at lin for len bytes inside one page, accessible as flags say (A/D bits set), or
	 * NULL (faults, MMIO, anything unusual: the slow path finds out). Optional; speeds REP strings up. */
	void *(*map)(struct emul_ctxt *c, u64 lin, u32 len, u32 flags);
	/* Would an access fault? No side effect on MMIO. Optional; asked before INS and other two-sided accesses. */
	int (*check)(struct emul_ctxt *c, u64 lin, u32 len, u32 flags);

	/* count accesses of size 1, 2 or 4 to port from/to buf; permission was checked. */
	int (*pio_in)(struct emul_ctxt *c, u16 port, u8 size, u32 count, void *buf);
	int (*pio_out)(struct emul_ctxt *c, u16 port, u8 size, u32 count, const void *buf);
	/* Of count accesses by a REP INS (in) or OUTS, as many of the first as the port's device does at once, in no
	 * more time than a copy takes; 0 where each has to come alone. Optional: 0. */
	u32 (*pio_string)(struct emul_ctxt *c, u16 port, u8 size, bool in, u32 count, void *buf);

	/*
	 * Whether the time that one call may take would not do for one more iteration. Asked by REP strings before the
	 * first iteration, where the answer does not matter, and between iterations: what is left is EMUL_RETRY.
	 * Optional: never.
	 */
	bool (*time_is_up)(struct emul_ctxt *c);

	/* nr 0, 2, 3, 4, 8. CPL 0 was checked; the op raises #GP for bad values. LMSW and CLTS use write_cr(0).
	 * MOV from CR0/CR4 uses c->cr0/cr4 (guest view) when read_cr is NULL. */
	int (*read_cr)(struct emul_ctxt *c, u8 nr, u64 *val);
	int (*write_cr)(struct emul_ctxt *c, u8 nr, u64 val);
	/* nr 0..3, 6, 7 (4 and 5 are aliased before, or #UD with CR4.DE). */
	int (*read_dr)(struct emul_ctxt *c, u8 nr, u64 *val);
	int (*write_dr)(struct emul_ctxt *c, u8 nr, u64 val);
	int (*rdmsr)(struct emul_ctxt *c, u32 index, u64 *val);
	int (*wrmsr)(struct emul_ctxt *c, u32 index, u64 val);
	int (*cpuid)(struct emul_ctxt *c, u32 leaf, u32 subleaf, u32 out[4]); /* eax, ebx, ecx, edx */
	int (*rdtsc)(struct emul_ctxt *c, u64 *tsc, u32 *aux);                /* CR4.TSD was checked */
	int (*rdpmc)(struct emul_ctxt *c, u32 index, u64 *val);               /* CR4.PCE was checked */
	int (*xcr)(struct emul_ctxt *c, u32 index, u64 *val, bool write);     /* XGETBV, XSETBV */
	int (*misc)(struct emul_ctxt *c, enum emul_misc what, u64 arg);

	/* Vector and MMX registers of the guest; CR0.EM/TS and CR4.OSFXSR were checked
	 * (#UD, #NM). MMX ops may raise #MF. */
	int (*get_xmm)(struct emul_ctxt *c, u8 nr, u64 val[2]);
	int (*set_xmm)(struct emul_ctxt *c, u8 nr, const u64 val[2]);
	/* 256 bits; XCR0 was checked through xcr. Setting clears what the register has beyond them. */
	int (*get_ymm)(struct emul_ctxt *c, u8 nr, u64 val[4]);
	int (*set_ymm)(struct emul_ctxt *c, u8 nr, const u64 val[4]);
	int (*get_mm)(struct emul_ctxt *c, u8 nr, u64 *val);
	int (*set_mm)(struct emul_ctxt *c, u8 nr, u64 val);
	int (*fpu)(struct emul_ctxt *c, enum emul_fpu what, u32 *val);
	/* May raise #MF. Undone: as if the last one had not been. */
	int (*x87)(struct emul_ctxt *c, struct emul_x87 *x);
	void (*x87_undo)(struct emul_ctxt *c);
};

/* Decoded instruction; produced by emul_decode(), read by the emulator and by tests and tracing. */
struct emul_insn {
	const struct emul_opcode *op;
	u8 len;     /* bytes */
	u8 map;     /* 0: one byte, 1: 0F, 2: 0F 38 */
	u8 opcode;  /* last opcode byte */
	u8 op_size; /* 1, 2, 4, 8: effective operand size in bytes */
	u8 ad_size; /* 2, 4, 8 */
	u8 rex;     /* 0 or 0x40..0x4f */
	u8 rep;     /* 0, 0xf2 or 0xf3 (the last one given) */
	u8 vex;     /* 0 or EMUL_VEX, EMUL_VEX_256, EMUL_VEX_W, and pp (0, 1: 66, 2: F3, 3: F2) */
	u8 vex_reg; /* VEX.vvvv, not inverted */
	bool opsz;  /* 66 prefix present */
	bool lock;  /* F0 prefix present */
	bool has_modrm;
	bool is_mem;           /* ModRM names memory */
	u8 mod, reg, rm;       /* reg and rm include REX.R and REX.B */
	u8 seg;                /* segment of the memory operand, override applied */
	u8 seg_ovr;            /* the override, or 0xff */
	u8 base, index, scale; /* registers, or EMUL_NO_REG; base EMUL_REG_RIP for RIP-relative; scale is a shift */
	s64 disp;
	u64 imm;  /* sign-extended where the instruction does so */
	u16 imm2; /* selector of ptr16:xx, level of ENTER */
	/* Working values of the operands. */
	u64 dst, src, ea_lin, next_rip;
	bool keep_dst; /* the handler wants no write to the destination */
};
#define EMUL_VEX     0x80
#define EMUL_VEX_256 0x40
#define EMUL_VEX_W   0x20
#define EMUL_NO_REG  0xff
#define EMUL_REG_RIP 0x10

#define EMUL_MAX_INSN 15

struct emul_ctxt {
	/* Set by emul_init() from its arguments. */
	const struct emul_ops *ops;
	void *owner; /* the ops' own */
	u64 *gpr;    /* 16 registers in encoding order, changed in place; gpr[4] valid when EMUL_B_RSP is in have */

	/* Set by the caller. */
	u64 rip;
	enum emul_mode mode;
	u32 have; /* which of the following are filled in */
	u64 rflags;
	u64 cr0, cr4, efer;
	u8 cpl;
	struct emul_seg seg[EMUL_NR_SEG];
	struct emul_dtr gdtr, idtr;
	/* Not interpreted here: what the exit said about the faulting access, for the ops' fast path. */
	bool hint_valid;
	u64 hint_lin, hint_gpa;
	/* Only hint_gpa is known: the only memory operand of the instruction
	 * went there if it is at that page offset. */
	bool hint_offset;

	/* Bytes at rip: insn_len may be preset by the caller when it has them already; grows by fetching. */
	u8 insn[EMUL_MAX_INSN + 9]; /* 15 are used */
	u8 insn_len;

	/* Results. */
	u32 dirty;                       /* EMUL_B_ bits of what changed (rip aside) */
	struct emul_exception exception; /* with EMUL_FAULT */
	bool sti_shadow;                 /* EMUL_OK: STI enabled interrupts: block them for one instruction */
	bool ss_shadow;                  /* EMUL_OK: MOV SS/POP SS: the same, debug traps too */
	bool iret_done;                  /* EMUL_OK: IRET ran: NMIs are no longer blocked */

	/* Private. */
	struct emul_insn d;
	u32 undo; /* EMUL_B_ bits with an old value saved below */
	u64 old_gpr[EMUL_NR_GPR];
	u64 old_rflags;
	u8 old_cpl;
	struct emul_seg old_seg[EMUL_NR_SEG];
	struct emul_dtr old_gdtr, old_idtr;
};

/* Prepares c: everything zero except the arguments. Cheap: the register arrays are not cleared. */
void emul_init(struct emul_ctxt *c, const struct emul_ops *ops, void *owner, u64 *gpr);

/* The execution mode from raw values; cs_attr in VMX access-rights format. */
enum emul_mode emul_mode_of(u64 cr0, u64 efer, u64 rflags, u32 cs_attr);

/* Decodes and executes one instruction at c->rip. With RFLAGS.TF set a REP string runs one iteration at most;
 * single-step and breakpoint traps themselves are the caller's. A REP chunk is bounded to about a page. */
__must_check int emul_run(struct emul_ctxt *c);

/* The two halves of emul_run(): decode alone (EMUL_OK, EMUL_FAULT, EMUL_UNSUPPORTED) fills c->d. */
__must_check int emul_decode(struct emul_ctxt *c);
__must_check int emul_exec(struct emul_ctxt *c);

/*
 * String port I/O without decoding (an I/O exit has already told what it is): runs INS (in = true) or OUTS of size
 * 1, 2 or 4 bytes with address size ad_size (2, 4, 8) and source segment seg (OUTS; EMUL_DS unless overridden),
 * rep: with REP. insn_len is the instruction's length. Results as emul_run().
 */
__must_check int emul_string_io(struct emul_ctxt *c, bool in, u8 size, u8 ad_size, u8 seg, bool rep, u8 insn_len);

/* For ops: set c->exception and return EMUL_FAULT. */
int emul_raise(struct emul_ctxt *c, u8 vector);
int emul_raise_err(struct emul_ctxt *c, u8 vector, u32 error);
int emul_raise_pf(struct emul_ctxt *c, u64 lin, u32 error);

/* Makes sure the parts named by `what` (EMUL_B_ bits) are filled in. */
static inline void emul_need(struct emul_ctxt *c, u32 what)
{
	u32 missing = what & ~c->have;

	if (unlikely(missing))
		c->ops->load(c, missing), c->have |= missing;
}
